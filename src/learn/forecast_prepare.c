/* From raw values to a series that models can be fitted on: scale, gaps, seasons, capped points. */
#include "learn/forecast_int.h"

#include "learn/conformal.h"
#include "learn/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LOCAL_WINDOW = 13 };
/* Single points farther than this from their neighbourhood do not teach anything. */
static const double CAP_SIGMAS = 8;
/* The age weight of a whole cycle in the seasonal profile. */
static const double CYCLE_WEIGHT = 0.9;
/* A long season is seen a few times only: its profile is shrunk to none. The same for the weekly
 * shape of hourly data, which is shrunk to the daily shape. */
static const double LONG_SEASON_KEPT = 0.8, SECOND_SEASON_KEPT = 0.7;
enum { LONG_SEASON = 24 };

double wn_fc_to_working(const struct wn_fc_prepared *s, double value)
{
    switch (s->scale) {
    case WN_FC_LOG:
        return log(value);
    case WN_FC_ASINH:
        return asinh(value / s->unit);
    case WN_FC_PLAIN:
        break;
    }
    return value / s->unit;
}

double wn_fc_from_working(const struct wn_fc_prepared *s, double z)
{
    double value = 0;
    switch (s->scale) {
    case WN_FC_LOG:
        value = exp(fmin(z, 709));
        break;
    case WN_FC_ASINH:
        value = s->unit * sinh(fmin(fmax(z, 0), 700));
        break;
    case WN_FC_PLAIN:
        value = s->unit * z;
        break;
    }
    return fmin(fmax(value, -DBL_MAX), DBL_MAX);
}

wn_rc wn_fc_scratch_init(struct wn_fc_scratch *w, struct wn_arena *a, size_t n_max, size_t horizon,
                         size_t season_max)
{
    size_t n = n_max + horizon + season_max + 2;
    size_t p = WN_FC_LAGS_MAX + 1;
    w->deseasoned = WN_ARENA_ARRAY(a, n, double);
    w->profile = WN_ARENA_ARRAY(a, n, double);
    w->sums = WN_ARENA_ARRAY(a, n, double);
    w->index = WN_ARENA_ARRAY(a, season_max + 2, double);
    w->index_weight = WN_ARENA_ARRAY(a, season_max + 2, double);
    w->points = WN_ARENA_ARRAY(a, WN_FC_FIT_POINTS, float);
    w->rows = WN_ARENA_ARRAY(a, n, double);
    w->matrix = WN_ARENA_ARRAY(a, wn_packed_size(p), double);
    w->saved = WN_ARENA_ARRAY(a, wn_packed_size(p), double);
    w->vector = WN_ARENA_ARRAY(a, p, double);
    w->sorted = WN_ARENA_ARRAY(a, n, double);
    for (size_t i = 0; i < WN_COUNT(w->moments); i++)
        w->moments[i].products = WN_ARENA_ARRAY(a, wn_packed_size(p), double);
    return w->deseasoned && w->profile && w->sums && w->index && w->index_weight && w->points &&
                   w->rows && w->matrix && w->saved && w->vector && w->sorted &&
                   w->moments[0].products && w->moments[1].products && w->moments[2].products
               ? WN_OK
               : WN_MEMORY;
}

void wn_fc_scratch_forget(struct wn_fc_scratch *w)
{
    w->moments[0].n = w->moments[1].n = 0;
    w->damped = (struct wn_fc_cell){0};
}

/* ---- scale ------------------------------------------------------------------------------------
 */

/* All above zero: effects multiply, so logarithms. Zeros among positive values: the same for large
 * values, but linear near zero. Anything negative: as it is. */
void wn_fc_choose_scale(struct wn_fc_prepared *s, double *scratch)
{
    size_t n_positive = 0, n_negative = 0;
    double largest = 0;
    for (size_t t = 0; t < s->n; t++) {
        double v = s->raw[t];
        if (isnan(v))
            continue;
        largest = fmax(largest, fabs(v));
        n_negative += v < 0;
        if (v > 0)
            scratch[n_positive++] = v;
    }
    s->unit = largest > 0 ? largest : 1;
    s->scale = WN_FC_PLAIN;
    if (n_positive == s->n_known) {
        s->scale = WN_FC_LOG;
    } else if (n_negative == 0) {
        s->scale = WN_FC_ASINH;
    }
    if (s->scale == WN_FC_ASINH && n_positive > 0) {
        s->unit = fmax(wn_select(scratch, n_positive, n_positive / 2), largest * 1e-100);
    }
}

/* ---- gaps -------------------------------------------------------------------------------------
 */

static void fill_gap(double *z, size_t from, size_t to, size_t n)
{
    for (size_t t = from; t < to; t++) {
        if (from == 0)
            z[t] = z[to];
        else if (to == n)
            z[t] = z[from - 1];
        else
            z[t] = z[from - 1] +
                   (z[to] - z[from - 1]) * (double)(t - from + 1) / (double)(to - from + 1);
    }
}

/* A missing point takes the mean of its neighbours one season away, where both or one are known and
 * the season is given; else it lies on the line between its neighbours. */
static void fill_gaps(struct wn_fc_prepared *s, size_t season)
{
    for (size_t t = 0; t < s->n; t++) {
        if (!isnan(s->raw[t]))
            continue;
        double sum = 0;
        int n = 0;
        if (season > 1 && t >= season) {
            sum += s->z[t - season]; /* known, or filled already */
            n++;
        }
        if (season > 1 && t + season < s->n && !isnan(s->raw[t + season])) {
            sum += s->z[t + season];
            n++;
        }
        if (n)
            s->z[t] = sum / n;
    }
}

static void fill_lines(struct wn_fc_prepared *s)
{
    size_t t = 0;
    while (t < s->n) {
        size_t from = t;
        while (t < s->n && isnan(s->raw[t]))
            t++;
        if (t > from)
            fill_gap(s->z, from, t, s->n);
        else
            t++;
    }
}

/* ---- seasons ----------------------------------------------------------------------------------
 */

static bool acf_passes(const double *x, size_t n, size_t m)
{
    double square = wn_dot(x, x, n);
    if (!(square > 0))
        return false;
    double sum = 0, r = 0;
    for (size_t k = 1; k <= m; k++) {
        r = wn_dot(x, x + k, n - k) / square;
        if (k < m)
            sum += r * r;
    }
    return fabs(r) > 1.645 * sqrt((1 + 2 * sum) / (double)n);
}

static void center(double *x, size_t n)
{
    double sum = 0;
    for (size_t t = 0; t < n; t++)
        sum += x[t];
    for (size_t t = 0; t < n; t++)
        x[t] -= sum / (double)n;
}

bool wn_fc_has_season(const double *z, size_t n, size_t m, double *scratch)
{
    if (m < 2 || n < 3 * m || n < 4)
        return false;
    memcpy(scratch, z, n * sizeof *z);
    center(scratch, n);
    if (acf_passes(scratch, n, m))
        return true;
    for (size_t t = 0; t + 1 < n; t++)
        scratch[t] = z[t + 1] - z[t];
    center(scratch, n - 1);
    return acf_passes(scratch, n - 1, m);
}

/* Adds the profile of the period m of z - level to index [m], where level is the centred moving
 * average over one period; recent cycles count more. */
static void add_profile(const double *z, size_t n, size_t m, double kept, double *index,
                        size_t index_period, struct wn_fc_scratch *w)
{
    double *sums = w->sums, *profile = w->profile, *weight = w->index_weight;
    size_t half = m / 2;
    sums[0] = 0;
    for (size_t t = 0; t < n; t++)
        sums[t + 1] = sums[t] + z[t];
    for (size_t i = 0; i < m; i++)
        profile[i] = weight[i] = 0;
    WN_ASSERT(m > 1 && n >= m);
    double age_weight = 1;
    size_t left = m, at = (n - half) % m;
    for (size_t t = n - half; t-- > half;) {
        at = at ? at - 1 : m - 1;
        /* Even periods: the two ends count half, so that the window is centred. */
        double level =
            m % 2
                ? (sums[t + half + 1] - sums[t - half]) / (double)m
                : (sums[t + half] - sums[t - half] + 0.5 * (z[t + half] - z[t - half])) / (double)m;
        profile[at] += age_weight * (z[t] - level);
        weight[at] += age_weight;
        if (--left == 0) {
            left = m;
            age_weight *= CYCLE_WEIGHT;
        }
    }
    double mean = 0;
    for (size_t i = 0; i < m; i++) {
        profile[i] = weight[i] > 0 ? profile[i] / weight[i] : 0;
        mean += profile[i] / (double)m;
    }
    for (size_t i = 0; i < index_period; i++)
        index[i] += kept * (profile[i % m] - mean);
}

size_t wn_fc_deseason(const struct wn_fc_prepared *s, size_t n, struct wn_fc_scratch *w)
{
    size_t n_seasons = s->n_seasons, period = 1;
    while (n_seasons > 0 && n < 2 * s->seasons[n_seasons - 1])
        n_seasons--;
    if (n_seasons > 0)
        period = s->seasons[n_seasons - 1];
    WN_ASSERT(period > 0);
    memset(w->index, 0, period * sizeof *w->index);
    if (n_seasons == 1) {
        add_profile(s->z, n, period, period > LONG_SEASON ? LONG_SEASON_KEPT : 1, w->index, period,
                    w);
    } else if (n_seasons == 2) {
        bool nested = period % s->seasons[0] == 0;
        if (nested) {
            add_profile(s->z, n, period, SECOND_SEASON_KEPT, w->index, period, w);
            add_profile(s->z, n, s->seasons[0], 1 - SECOND_SEASON_KEPT, w->index, period, w);
        } else {
            add_profile(s->z, n, period, LONG_SEASON_KEPT, w->index, period, w);
        }
    }
    for (size_t t = 0, at = 0; t < n; t++, at = at + 1 < period ? at + 1 : 0)
        w->deseasoned[t] = s->z[t] - w->index[at];
    return period;
}

/* ---- single points ----------------------------------------------------------------------------
 */

/* x [n], n > 0, is reordered. */
static double median_of(double *x, size_t n)
{
    double upper = wn_select(x, n, n / 2);
    if (n % 2)
        return upper;
    double lower = x[0]; /* the largest of the lower half */
    for (size_t i = 1; i < n / 2; i++)
        lower = fmax(lower, x[i]);
    return 0.5 * (lower + upper);
}

/* A sorted window takes x for `old`, which is in it. Without a branch, since none could be guessed;
 * behind the last comes infinity. */
static void replace_in(double window[LOCAL_WINDOW + 1], double old, double x)
{
    double rest[LOCAL_WINDOW + 2];
    rest[0] = -HUGE_VAL;
    rest[LOCAL_WINDOW] = rest[LOCAL_WINDOW + 1] = HUGE_VAL;
    for (size_t i = 0; i + 1 < LOCAL_WINDOW; i++)
        rest[i + 1] = window[i] < old ? window[i] : window[i + 1];
    for (size_t i = 0; i <= LOCAL_WINDOW; i++) {
        double above = rest[i] > x ? rest[i] : x;
        window[i] = rest[i + 1] < above ? rest[i + 1] : above;
    }
}

/* The median of the points around each, of fewer at the ends; what is not there is infinite. */
static void local_medians(const double *x, size_t n, double *out)
{
    double window[LOCAL_WINDOW + 1];
    size_t half = LOCAL_WINDOW / 2, k = 0;
    for (size_t i = 0; i <= LOCAL_WINDOW; i++)
        window[i] = HUGE_VAL;
    for (size_t t = 0; t < n + half; t++) {
        double old = t >= LOCAL_WINDOW ? x[t - LOCAL_WINDOW] : HUGE_VAL;
        replace_in(window, old, t < n ? x[t] : HUGE_VAL);
        k += t < n;
        k -= t >= LOCAL_WINDOW;
        if (t >= half)
            out[t - half] = window[k / 2];
    }
}

/* Caps single points of z [n], which are far from x's local level, x being z without its seasons. A
 * run of far points is a change of level and stays. */
static void cap_points(double *z, const double *x, size_t n, struct wn_fc_scratch *w)
{
    if (n < LOCAL_WINDOW)
        return;
    double *level = w->rows, *away = w->sorted, mean = 0;
    local_medians(x, n, level);
    for (size_t t = 0; t < n; t++) {
        away[t] = fabs(x[t] - level[t]);
        mean += away[t] / (double)n;
    }
    /* The larger of two estimates: series that mostly stand still, or jump often, have a tiny
     * median. */
    double limit = CAP_SIGMAS * fmax(1.4826 * median_of(away, n), 1.25 * mean);
    for (size_t t = 1; t + 1 < n; t++) {
        double d = x[t] - level[t];
        bool single =
            fabs(x[t - 1] - level[t - 1]) <= limit && fabs(x[t + 1] - level[t + 1]) <= limit;
        if (fabs(d) > limit && single)
            z[t] -= d - copysign(limit, d);
    }
}

static void find_seasons(struct wn_fc_prepared *s, const size_t *candidates, size_t n_candidates,
                         bool forced, struct wn_fc_scratch *w)
{
    /* One wild point must not hide a season, nor one season's peaks be taken for wild points: the
     * cap without seasons is for this look only. */
    double *looked_at = w->profile;
    memcpy(looked_at, s->z, s->n * sizeof *looked_at);
    if (n_candidates)
        cap_points(looked_at, s->z, s->n, w);
    s->n_seasons = 0;
    for (size_t i = 0; i < n_candidates && s->n_seasons < 2; i++) {
        size_t m = candidates[i];
        bool accepted =
            forced ? s->n >= 2 * m : wn_fc_has_season(looked_at, s->n, m, w->deseasoned);
        if (accepted)
            s->seasons[s->n_seasons++] = m;
    }
}

/* ---- all together -----------------------------------------------------------------------------
 */

/* The mean change over one season of the values as given, as in MASE; the mean size of the values
 * when nothing changes. */
static double error_unit_of(const struct wn_fc_prepared *s)
{
    size_t m = s->n_seasons ? s->seasons[0] : 1;
    double sum = 0, size = 0;
    size_t n = 0;
    for (size_t t = 0; t < s->n; t++) {
        if (isnan(s->raw[t]))
            continue;
        size += fabs(s->raw[t]) / (double)s->n_known;
        if (t >= m && !isnan(s->raw[t - m])) {
            sum +=
                fabs(s->raw[t] / 2 - s->raw[t - m] / 2); /* halves: the sum of two may overflow */
            n++;
        }
    }
    double unit = n ? 2 * (sum / (double)n) : 0;
    if (!(unit > 0 && unit < DBL_MAX))
        unit = size;
    return unit > 0 && unit < DBL_MAX ? unit : 1;
}

wn_rc wn_fc_prepare(struct wn_fc_prepared *out, const double *values, const uint8_t *excluded,
                    size_t n, const size_t *candidates, size_t n_candidates, bool forced,
                    struct wn_fc_scratch *w, struct wn_arena *a)
{
    double *raw = WN_ARENA_ARRAY(a, n, double);
    double *z = WN_ARENA_ARRAY(a, n, double);
    if (!raw || !z)
        return WN_MEMORY;
    struct wn_fc_prepared s = {.raw = raw, .z = z, .n = n};
    for (size_t t = 0; t < n; t++) {
        raw[t] = excluded && excluded[t] ? (double)NAN : values[t];
        s.n_known += isnan(raw[t]) ? 0 : 1;
    }
    WN_ASSERT(s.n_known > 0);
    wn_fc_choose_scale(&s, w->sorted);
    s.z_low = HUGE_VAL;
    s.z_high = -HUGE_VAL;
    for (size_t t = 0; t < n; t++) {
        if (isnan(raw[t]))
            continue;
        z[t] = wn_fc_to_working(&s, raw[t]);
        s.z_low = fmin(s.z_low, z[t]);
        s.z_high = fmax(s.z_high, z[t]);
    }
    fill_lines(&s);
    find_seasons(&s, candidates, n_candidates, forced, w);
    if (s.n_known < n && s.n_seasons)
        fill_gaps(&s, s.seasons[s.n_seasons - 1]);
    s.error_unit = error_unit_of(&s);
    (void)wn_fc_deseason(&s, n, w);
    cap_points(s.z, w->deseasoned, n, w);
    if (s.scale != WN_FC_PLAIN) {
        s.plain = WN_ARENA_ARRAY(a, n, double);
        if (!s.plain)
            return WN_MEMORY;
        for (size_t t = 0; t < n; t++)
            s.plain[t] = fmin(wn_fc_from_working(&s, s.z[t]) / s.error_unit, 1e150);
    }
    *out = s;
    return WN_OK;
}
