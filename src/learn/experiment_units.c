/* Statistics of looks, out of totals or of rows of units: winsorising, covariates from before the
 * test (CUPED), ratios. */
#include "learn/experiment_int.h"
#include "learn/linalg.h"
#include "learn/sums.h"

#include <math.h>
#include <string.h>

enum { COLUMNS_MAX = 2 * WN_ABTEST_PRE_MAX };

static bool is_value(double x)
{
    return fabs(x) <= WN_ABTEST_VALUE_MAX; /* false for NaN */
}

/* ---- out of totals -----------------------------------------------------------------------------
 */

wn_rc wn_abtest_rate(double n, double events, struct wn_abtest_stat *out, struct wn_why *why)
{
    if (!(n >= 0 && n <= WN_ABTEST_N_MAX))
        return wn_fail(why, WN_INVALID, "n", "n must be a number from 0 to %g", WN_ABTEST_N_MAX);
    if (!(events >= 0 && events <= n))
        return wn_fail(why, WN_INVALID, "conversions", "conversions must lie between 0 and n");
    double p = n > 0 ? events / n : 0;
    *out = (struct wn_abtest_stat){.n = n, .mean = p, .variance = p * (1 - p), .n_events = events};
    return WN_OK;
}

wn_rc wn_abtest_mean(double n, double sum, double sum_sq, double events, struct wn_abtest_stat *out,
                     struct wn_why *why)
{
    if (!(n >= 0 && n <= WN_ABTEST_N_MAX))
        return wn_fail(why, WN_INVALID, "n", "n must be a number from 0 to %g", WN_ABTEST_N_MAX);
    double mean = n > 0 ? sum / n : 0;
    if (!is_value(mean) || !isfinite(sum) || (n <= 0 && sum != 0))
        return wn_fail(why, WN_INVALID, "sum", "sum / n must be a number of at most %g",
                       WN_ABTEST_VALUE_MAX);
    double spread = n > 0 ? sum_sq - sum * mean : 0;
    /* Totals carry rounding; more than that is a contradiction. */
    if (!isfinite(spread) || sum_sq < 0 || spread < -1e-9 * sum_sq)
        return wn_fail(why, WN_INVALID, "sum_sq",
                       "sum_sq is too small for this sum: it is the sum of the squared values, at "
                       "least sum * sum / n");
    if (!isnan(events) && !(events >= 0 && events <= n))
        return wn_fail(why, WN_INVALID, "conversions", "conversions must lie between 0 and n");
    *out = (struct wn_abtest_stat){.n = n,
                                   .mean = mean,
                                   .variance = n > 1 ? fmax(spread, 0) / (n - 1) : 0,
                                   .n_events = isnan(events) ? n : events};
    return WN_OK;
}

static struct wn_abtest_stat merge(const struct wn_abtest_stat *a, const struct wn_abtest_stat *b,
                                   wn_abtest_kind kind)
{
    struct wn_abtest_stat out = {.n = a->n + b->n, .n_events = a->n_events + b->n_events};
    if (!(out.n > 0))
        return out;
    double share = b->n / out.n, apart = b->mean - a->mean;
    out.mean = a->mean + share * apart;
    if (kind == WN_ABTEST_RATE) {
        out.mean = out.n_events / out.n;
        out.variance = out.mean * (1 - out.mean);
    } else if (out.n > 1) {
        double spread = a->variance * fmax(a->n - 1, 0) + b->variance * fmax(b->n - 1, 0) +
                        a->n * share * apart * apart;
        out.variance = spread / (out.n - 1);
    }
    return out;
}

void wn_abtest_accumulate(const struct wn_abtest_stat *fresh, wn_abtest_kind kind, size_t n_looks,
                          size_t n_arms, struct wn_abtest_stat *cumulative)
{
    for (size_t i = 0; i < n_looks * n_arms; i++)
        cumulative[i] = i < n_arms ? fresh[i] : merge(&cumulative[i - n_arms], &fresh[i], kind);
}

/* ---- out of units ------------------------------------------------------------------------------
 */

struct work {
    const struct wn_abtest_units *u;
    struct wn_abtest_adjustment adjustment;
    double *y;        /* [n] the outcome: cut, linearised */
    double *ratio;    /* [n_arms] of a ratio */
    double *means;    /* [n_arms][columns + 1] of the outcome, then of the columns */
    double *counts;   /* [n_arms] */
    size_t n_columns; /* pre columns, then "is missing" of those that have missing cells */
    size_t pre_of[COLUMNS_MAX];
    bool is_flag[COLUMNS_MAX];      /* column says that pre_of is missing */
    double fill[WN_ABTEST_PRE_MAX]; /* mean of the known cells */
    double centre[COLUMNS_MAX];     /* mean of the column over all units */
    double scale[COLUMNS_MAX];      /* its standard deviation within the variants; 0 = unused */
    double theta[COLUMNS_MAX];
};

static wn_rc bad_unit(size_t i, const char *field, const char *what, struct wn_why *why)
{
    if (why && !why->text[0])
        why->line = i + 1;
    return wn_fail(why, WN_INVALID, field, "%s of unit %zu %s", field, i + 1, what);
}

static wn_rc check_units(const struct wn_abtest_units *u, struct wn_why *why)
{
    if (u->n_arms < 2 || u->n_arms > WN_ABTEST_ARMS_MAX)
        return wn_fail(why, WN_INVALID, "variant", "a test has 2 to %d variants, not %zu",
                       WN_ABTEST_ARMS_MAX, u->n_arms);
    if (u->n_looks < 1 || u->n_looks > WN_ABTEST_LOOKS_MAX)
        return wn_fail(why, WN_LIMIT, "date", "a test has 1 to %d looks, not %zu",
                       WN_ABTEST_LOOKS_MAX, u->n_looks);
    if (u->n_pre > WN_ABTEST_PRE_MAX)
        return wn_fail(why, WN_LIMIT, "pre", "at most %d pre columns", WN_ABTEST_PRE_MAX);
    if (!(u->winsor_ratio >= 0 && u->winsor_ratio < 1))
        return wn_fail(why, WN_INVALID, "winsor", "the winsorising quantile must be 0 to below 1");
    for (size_t i = 0; i < u->n; i++) {
        if (u->arm[i] >= u->n_arms)
            return bad_unit(i, "variant", "is out of range", why);
        if (u->look && u->look[i] >= u->n_looks)
            return bad_unit(i, "look", "is out of range", why);
        if (!is_value(u->value[i]))
            return bad_unit(i, "value", "is not a number within 1e50", why);
        if (u->denominator && !(is_value(u->denominator[i]) && u->denominator[i] >= 0))
            return bad_unit(i, "denominator", "is not a number of at least 0", why);
        for (size_t j = 0; j < u->n_pre; j++) {
            double x = u->pre[i * u->n_pre + j];
            if (!is_value(x) && !isnan(x))
                return bad_unit(i, "pre", "is not a number within 1e50", why);
        }
    }
    return WN_OK;
}

/* The k-th smallest of n (overwritten): Hoare's selection, middle of three as pivot. */
static double select(double *x, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        double a = x[low], b = x[low + (high - low) / 2], c = x[high];
        double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
        size_t i = low, j = high;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (x[j] > pivot)
                j--;
            if (i >= j)
                break;
            double t = x[i];
            x[i++] = x[j];
            x[j--] = t;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return x[k];
}

/* Copies the values into y, cut at the pooled quantile. Without regard to the variant, so that the
 * cut cannot favour one. */
static void winsorise(struct work *w)
{
    const struct wn_abtest_units *u = w->u;
    struct wn_abtest_adjustment *adj = &w->adjustment;
    double low = 0;
    bool is_binary = true;
    memcpy(w->y, u->value, u->n * sizeof *w->y);
    for (size_t i = 0; i < u->n; i++) {
        low = fmin(low, u->value[i]);
        is_binary = is_binary && (u->value[i] == 0 || u->value[i] == 1);
    }
    adj->kind = u->denominator ? WN_ABTEST_RATIO : is_binary ? WN_ABTEST_RATE : WN_ABTEST_MEAN;
    if (u->n < 2 || adj->kind != WN_ABTEST_MEAN || !(u->winsor_ratio > 0))
        return;
    size_t k = (size_t)ceil(u->winsor_ratio * (double)u->n) - 1;
    double cap_high = select(w->y, u->n, k);
    double cap_low = low < 0 ? select(w->y, u->n, u->n - 1 - k) : 0;
    memcpy(w->y, u->value, u->n * sizeof *w->y);
    /* Fewer buyers than what the quantile cuts off: it would cut them all. */
    if (!(cap_high > cap_low) || cap_high == 0)
        return;
    for (size_t i = 0; i < u->n; i++) {
        w->y[i] = fmin(fmax(w->y[i], cap_low), cap_high);
        adj->n_capped += w->y[i] != u->value[i];
    }
    adj->cap_low = adj->n_capped ? cap_low : 0;
    adj->cap_high = adj->n_capped ? cap_high : 0;
}

/* y = value - R * denominator, R of the unit's own variant: its mean is 0, and over the mean of the
 * denominators it varies as the ratio does. */
static wn_rc linearise(struct work *w, struct wn_why *why)
{
    const struct wn_abtest_units *u = w->u;
    double below[WN_ABTEST_ARMS_MAX] = {0};
    if (!u->denominator)
        return WN_OK;
    for (size_t i = 0; i < u->n; i++) {
        w->ratio[u->arm[i]] += u->value[i];
        below[u->arm[i]] += u->denominator[i];
    }
    for (size_t k = 0; k < u->n_arms; k++) {
        if (w->counts[k] > 0 && !(below[k] > 0))
            return wn_fail(why, WN_INVALID, "denominator",
                           "the denominators of variant %zu add up to 0", k + 1);
        w->ratio[k] = below[k] > 0 ? w->ratio[k] / below[k] : 0;
        if (!is_value(w->ratio[k]))
            return wn_fail(why, WN_INVALID, "denominator",
                           "the denominators of variant %zu are too small for its values", k + 1);
    }
    for (size_t i = 0; i < u->n; i++)
        w->y[i] = u->value[i] - w->ratio[u->arm[i]] * u->denominator[i];
    return WN_OK;
}

/* Cell of a column, before centring. */
static double cell(const struct work *w, size_t i, size_t c)
{
    size_t j = w->pre_of[c];
    double x = w->u->pre[i * w->u->n_pre + j];
    if (w->is_flag[c])
        return isnan(x) ? 1 : 0;
    return isnan(x) ? w->fill[j] : x;
}

static void find_columns(struct work *w)
{
    const struct wn_abtest_units *u = w->u;
    size_t n_missing[WN_ABTEST_PRE_MAX] = {0};
    for (size_t j = 0; j < u->n_pre; j++) {
        struct wn_sum sum = {0};
        for (size_t i = 0; i < u->n; i++) {
            double x = u->pre[i * u->n_pre + j];
            if (isnan(x))
                n_missing[j]++;
            else
                wn_sum_add(&sum, x);
        }
        w->fill[j] = n_missing[j] < u->n ? wn_sum_value(&sum) / (double)(u->n - n_missing[j]) : 0;
        w->pre_of[w->n_columns++] = j;
    }
    for (size_t j = 0; j < u->n_pre; j++)
        if (n_missing[j] > 0 && n_missing[j] < u->n) {
            w->is_flag[w->n_columns] = true;
            w->pre_of[w->n_columns++] = j;
        }
    for (size_t i = 0; i < u->n && u->n_pre; i++) {
        bool is_missing = false;
        for (size_t j = 0; j < u->n_pre; j++)
            is_missing = is_missing || isnan(u->pre[i * u->n_pre + j]);
        w->adjustment.n_missing += is_missing;
    }
}

/* Means of outcome and columns within each variant, centres over all. */
static void find_means(struct work *w)
{
    const struct wn_abtest_units *u = w->u;
    size_t width = w->n_columns + 1;
    for (size_t i = 0; i < u->n; i++) {
        double *m = &w->means[u->arm[i] * width];
        m[0] += w->y[i];
        for (size_t c = 0; c < w->n_columns; c++) {
            double x = cell(w, i, c);
            m[c + 1] += x;
            w->centre[c] += x / (double)u->n;
        }
    }
    for (size_t k = 0; k < u->n_arms; k++)
        for (size_t c = 0; c < width; c++)
            w->means[k * width + c] /= fmax(w->counts[k], 1);
}

static void find_scales(struct work *w)
{
    const struct wn_abtest_units *u = w->u;
    size_t width = w->n_columns + 1;
    for (size_t c = 0; c < w->n_columns; c++) {
        double spread = 0, size = 0;
        for (size_t i = 0; i < u->n; i++) {
            double x = cell(w, i, c), off = x - w->means[u->arm[i] * width + c + 1];
            spread += off * off / (double)u->n;
            size = fmax(size, fabs(x));
        }
        /* Below the rounding of the numbers themselves a column is constant. */
        w->scale[c] = sqrt(spread) > 1e-9 * size ? sqrt(spread) : 0;
    }
}

/* theta by least squares within the variants, on standardised columns. */
static wn_rc fit_theta(struct work *w, double y_scale)
{
    const struct wn_abtest_units *u = w->u;
    size_t n = w->n_columns, width = n + 1;
    double a[COLUMNS_MAX * (COLUMNS_MAX + 1) / 2] = {0}, saved[WN_COUNT(a)], b[COLUMNS_MAX] = {0};
    double x[COLUMNS_MAX];
    for (size_t i = 0; i < u->n; i++) {
        const double *m = &w->means[u->arm[i] * width];
        double y = (w->y[i] - m[0]) / y_scale;
        for (size_t c = 0; c < n; c++) {
            x[c] = w->scale[c] > 0 ? (cell(w, i, c) - m[c + 1]) / w->scale[c] : 0;
            b[c] += x[c] * y / (double)u->n;
        }
        wn_packed_add_outer(a, n, 1 / (double)u->n, x);
    }
    for (size_t c = 0; c < n; c++)
        a[wn_packed_at(c, c)] +=
            w->scale[c] > 0 ? (n > 1 ? (double)n / (double)u->n : 0) : 1; /* ridge; unused: 1 */
    wn_rc rc = wn_chol_factor(a, n, saved, NULL);
    if (rc)
        return rc;
    wn_chol_solve(a, n, b);
    for (size_t c = 0; c < n; c++)
        w->theta[c] = w->scale[c] > 0 ? b[c] * (y_scale / w->scale[c]) : 0;
    return WN_OK;
}

/* Spread of y around the means of its variants, per unit. */
static double spread_within(const struct work *w)
{
    const struct wn_abtest_units *u = w->u;
    double mean[WN_ABTEST_ARMS_MAX] = {0}, spread = 0;
    for (size_t i = 0; i < u->n; i++)
        mean[u->arm[i]] += w->y[i] / w->counts[u->arm[i]];
    for (size_t i = 0; i < u->n; i++) {
        double off = w->y[i] - mean[u->arm[i]];
        spread += off / (double)u->n * off;
    }
    return spread;
}

static wn_rc adjust(struct work *w, struct wn_why *why)
{
    const struct wn_abtest_units *u = w->u;
    w->adjustment.variance_ratio = 1;
    if (u->n_pre == 0 || u->n < 2)
        return WN_OK;
    find_columns(w);
    find_means(w);
    find_scales(w);
    double before = spread_within(w);
    if (!(before > 0) || !isfinite(before))
        return WN_OK;
    if (fit_theta(w, sqrt(before)))
        return wn_fail(why, WN_INVALID, "pre", "the pre columns cannot be used: too large");
    for (size_t i = 0; i < u->n; i++)
        for (size_t c = 0; c < w->n_columns; c++)
            w->y[i] -= w->theta[c] * (cell(w, i, c) - w->centre[c]);
    w->adjustment.variance_ratio = fmin(spread_within(w) / before, 1);
    for (size_t c = 0; c < w->n_columns; c++)
        w->adjustment.theta[w->pre_of[c] + (w->is_flag[c] ? WN_ABTEST_PRE_MAX : 0)] = w->theta[c];
    return WN_OK;
}

/* Moments of one look of one variant. */
struct cellmoments {
    struct wn_moments y;
    double below; /* sum of denominators */
    double events;
};

static struct wn_abtest_stat stat_of(const struct work *w, const struct cellmoments *m, size_t arm)
{
    double n = m->y.weight;
    struct wn_abtest_stat s = {.n = n, .n_events = m->events};
    if (!(n > 0))
        return s;
    double below = w->u->denominator ? m->below / n : 1;
    if (!(below > 0)) {
        s.n = 0; /* units, but nothing to divide by yet: no estimate */
        return s;
    }
    s.mean = w->ratio[arm] + m->y.mean / below;
    s.variance = n > 1 ? m->y.spread / (n - 1) / below / below : 0;
    if (w->adjustment.kind == WN_ABTEST_RATE && w->u->n_pre == 0)
        s.variance = s.mean * (1 - s.mean);
    return s;
}

static wn_rc sum_up(struct work *w, struct wn_arena *a, struct wn_arena *scratch,
                    struct wn_abtest_stat **cumulative, struct wn_abtest_stat **fresh)
{
    const struct wn_abtest_units *u = w->u;
    size_t n_cells = u->n_looks * u->n_arms;
    struct cellmoments *cells = WN_ARENA_ARRAY(scratch, n_cells, struct cellmoments);
    struct wn_abtest_stat *all = WN_ARENA_ARRAY(a, n_cells, struct wn_abtest_stat);
    struct wn_abtest_stat *each = WN_ARENA_ARRAY(a, n_cells, struct wn_abtest_stat);
    if (!cells || !all || !each)
        return WN_MEMORY;
    for (size_t i = 0; i < u->n; i++) {
        struct cellmoments *m = &cells[(u->look ? u->look[i] : 0) * u->n_arms + u->arm[i]];
        double off = w->y[i] - m->y.mean;
        m->y.weight += 1;
        m->y.mean += off / m->y.weight;
        m->y.spread += off * (w->y[i] - m->y.mean);
        m->below += u->denominator ? u->denominator[i] : 1;
        m->events += u->value[i] != 0;
    }
    for (size_t i = 0; i < n_cells; i++) {
        each[i] = stat_of(w, &cells[i], i % u->n_arms);
        if (i >= u->n_arms) {
            struct cellmoments *m = &cells[i];
            const struct cellmoments *before = &cells[i - u->n_arms];
            wn_moments_merge(&m->y, &before->y);
            m->below += before->below;
            m->events += before->events;
        }
        all[i] = stat_of(w, &cells[i], i % u->n_arms);
    }
    *cumulative = all;
    *fresh = each;
    return WN_OK;
}

wn_rc wn_abtest_sum(struct wn_arena *a, const struct wn_abtest_units *units,
                    struct wn_abtest_stat **cumulative, struct wn_abtest_stat **fresh,
                    struct wn_abtest_adjustment *adjustment, struct wn_why *why)
{
    struct wn_arena scratch;
    struct work w = {.u = units};
    wn_rc rc = check_units(units, why);
    if (rc)
        return rc;
    wn_arena_init(&scratch, a->max_bytes);
    w.y = WN_ARENA_ARRAY(&scratch, units->n, double);
    w.ratio = WN_ARENA_ARRAY(&scratch, units->n_arms, double);
    w.counts = WN_ARENA_ARRAY(&scratch, units->n_arms, double);
    w.means = WN_ARENA_ARRAY(&scratch, units->n_arms * (COLUMNS_MAX + 1), double);
    rc = w.y && w.ratio && w.counts && w.means ? WN_OK : WN_MEMORY;
    if (!rc) {
        for (size_t i = 0; i < units->n; i++)
            w.counts[units->arm[i]]++;
        winsorise(&w);
        rc = linearise(&w, why);
    }
    if (!rc)
        rc = adjust(&w, why);
    if (!rc)
        rc = sum_up(&w, a, &scratch, cumulative, fresh);
    if (!rc)
        *adjustment = w.adjustment;
    wn_arena_deinit(&scratch);
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "there is no memory for the units") : rc;
}
