/* Daily series with a calendar: ridge regression on harmonics, holidays and drivers. */
#include "winnow/forecast.h"

#include "learn/conformal.h"
#include "learn/forecast_int.h"
#include "learn/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    WEEKLY_PAIRS = 3,
    YEARLY_PAIRS = 4,
    HOLIDAY_WINDOW = 5, /* two days before to two days after */
    KINDS_MAX = 16,
    DRIVERS_MAX = 16,
    KNOWN_MIN = 21,
    YEARLY_DAYS_MIN = 730,
    POINTS_MAX = 1 << 16,
    HOLIDAYS_MAX = 100000,
    WINDOWS_DEFAULT = 5
};
/* Penalties on columns of size about one. Harmonics and line are as good as free: with 21 days and
 * more they are well determined. A kind of holiday is shrunk to what holidays have in common, that
 * to nothing. */
static const double FREE = 1e-9, COMMON_HOLIDAY = 1, HOLIDAY_KIND = 4, DRIVER = 0.1;
/* The distribution assumed beforehand counts as much as so many back-tests, as in the batch. */
static const double PRIOR_WINDOWS = 10;

struct daily {
    const struct wn_daily_model *model;
    struct wn_fc_prepared s; /* raw, z; no seasons */
    size_t horizon, p;
    size_t yearly_at, holidays_at, kinds_at, drivers_at;
    bool has_years;
    size_t n_kinds;
    double *driver_mean, *driver_scale;
    double *x; /* [n + horizon][p] design */
    double *matrix, *saved, *b, *rest;
    float *points;
    struct wn_fc_cell damped;
};

/* ---- design -----------------------------------------------------------------------------------
 */

static void plan_columns(struct daily *d)
{
    const struct wn_daily_model *m = d->model;
    d->n_kinds = 0;
    for (size_t i = 0; i < m->n_holidays && m->holiday_kinds; i++)
        if (m->holiday_kinds[i] + 1 > d->n_kinds)
            d->n_kinds = m->holiday_kinds[i] + 1;
    if (d->n_kinds == 1)
        d->n_kinds = 0; /* one kind is what all have in common */
    d->has_years = d->s.n >= YEARLY_DAYS_MIN;
    d->yearly_at = 2 + 2 * WEEKLY_PAIRS;
    d->holidays_at = d->yearly_at + (d->has_years ? 2 * YEARLY_PAIRS : 0);
    d->kinds_at = d->holidays_at + (m->n_holidays ? HOLIDAY_WINDOW : 0);
    d->drivers_at = d->kinds_at + d->n_kinds * HOLIDAY_WINDOW;
    d->p = d->drivers_at + m->n_drivers;
}

static void put_harmonics(double *row, double turn, size_t n_pairs)
{
    for (size_t k = 0; k < n_pairs; k++) {
        row[2 * k] = sin((double)(k + 1) * turn);
        row[2 * k + 1] = cos((double)(k + 1) * turn);
    }
}

static void fill_design(struct daily *d)
{
    const struct wn_daily_model *m = d->model;
    const double circle = 2 * acos(-1);
    size_t n = d->s.n + d->horizon;
    for (size_t t = 0; t < n; t++) {
        double *row = d->x + t * d->p, day = (double)m->first_day + (double)t;
        row[0] = 1;
        row[1] = (double)t / (double)d->s.n - 0.5;
        put_harmonics(row + 2, circle * day / 7, WEEKLY_PAIRS);
        if (d->has_years)
            put_harmonics(row + d->yearly_at, circle * day / 365.25, YEARLY_PAIRS);
        for (size_t k = 0; k < m->n_drivers; k++)
            row[d->drivers_at + k] =
                (m->drivers[t * m->n_drivers + k] - d->driver_mean[k]) * d->driver_scale[k];
    }
    for (size_t i = 0; i < m->n_holidays; i++)
        for (int64_t w = 0; w < HOLIDAY_WINDOW; w++) {
            int64_t t = (int64_t)m->holidays[i] - m->first_day + w - HOLIDAY_WINDOW / 2;
            if (t < 0 || t >= (int64_t)n)
                continue;
            double *row = d->x + (size_t)t * d->p;
            row[d->holidays_at + (size_t)w] = 1;
            if (d->n_kinds)
                row[d->kinds_at + m->holiday_kinds[i] * HOLIDAY_WINDOW + (size_t)w] = 1;
        }
}

/* Drivers are brought to mean 0 and spread 1 over the history, so that one penalty fits all. */
static void scale_drivers(struct daily *d)
{
    size_t k_max = d->model->n_drivers, n = d->s.n;
    for (size_t k = 0; k < k_max; k++) {
        double mean = 0, square = 0;
        for (size_t t = 0; t < n; t++)
            mean += d->model->drivers[t * k_max + k] / (double)n;
        for (size_t t = 0; t < n; t++) {
            double e = d->model->drivers[t * k_max + k] - mean;
            square += e * e / (double)n;
        }
        d->driver_mean[k] = mean;
        d->driver_scale[k] = square > 0 && isfinite(square) ? 1 / sqrt(square) : 0;
    }
}

/* ---- fit --------------------------------------------------------------------------------------
 */

static double penalty_of(const struct daily *d, size_t column)
{
    if (column >= d->drivers_at)
        return DRIVER;
    if (column >= d->kinds_at)
        return HOLIDAY_KIND;
    return column >= d->holidays_at ? COMMON_HOLIDAY : FREE;
}

/* Fits the first n points and forecasts; out [horizon] on the working scale. */
static bool fit(struct daily *d, size_t n, double *out)
{
    size_t p = d->p;
    memset(d->matrix, 0, wn_packed_size(p) * sizeof *d->matrix);
    memset(d->b, 0, p * sizeof *d->b);
    for (size_t t = 0; t < n; t++) {
        if (isnan(d->s.raw[t]))
            continue;
        const double *row = d->x + t * p;
        wn_packed_add_outer(d->matrix, p, 1, row);
        for (size_t i = 0; i < p; i++)
            d->b[i] += row[i] * d->s.z[t];
    }
    for (size_t i = 0; i < p; i++)
        d->matrix[wn_packed_at(i, i)] += penalty_of(d, i);
    if (wn_chol_factor(d->matrix, p, d->saved, NULL))
        return false;
    wn_chol_solve(d->matrix, p, d->b);
    /* What is left goes on as a damped trend; a missing day has what the day before had. */
    double last = 0;
    for (size_t t = 0; t < n; t++) {
        if (!isnan(d->s.raw[t]))
            last = d->s.z[t] - wn_dot(d->x + t * p, d->b, p);
        d->rest[t] = last;
    }
    size_t n_fit = n < WN_FC_FIT_POINTS ? n : WN_FC_FIT_POINTS;
    wn_fc_damped(d->rest + n - n_fit, n_fit, d->horizon, d->points, &d->damped, out);
    double range = d->s.z_high - d->s.z_low;
    for (size_t h = 0; h < d->horizon; h++) {
        double z = out[h] + wn_dot(d->x + (n + h) * p, d->b, p);
        out[h] = fmin(fmax(z, d->s.z_low - range), d->s.z_high + range);
    }
    return true;
}

/* ---- back-test and intervals ------------------------------------------------------------------
 */

struct tests {
    size_t n, steps, stride;
    double *scores; /* [n][horizon] on the working scale */
};

static size_t windows_that_fit(const struct daily *d, size_t wanted, struct tests *t)
{
    size_t train = KNOWN_MIN + 7, room = d->s.n > train ? d->s.n - train : 0;
    t->steps = d->horizon < room ? d->horizon : room;
    t->stride = t->steps / 2 ? t->steps / 2 : 1;
    t->n = t->steps ? 1 + (room - t->steps) / t->stride : 0;
    return t->n < wanted ? t->n : wanted;
}

static bool run_tests(struct daily *d, struct tests *t, double *z, struct wn_forecast *out)
{
    double sum_abs = 0, sum_smape = 0;
    size_t n = 0;
    for (size_t v = 0; v < t->n; v++) {
        size_t origin = d->s.n - t->steps - v * t->stride;
        if (!fit(d, origin, z))
            return false;
        for (size_t h = 0; h < d->horizon; h++) {
            size_t at = v * d->horizon + h;
            double actual = h < t->steps ? d->s.raw[origin + h] : (double)NAN;
            double f = wn_fc_from_working(&d->s, z[h]);
            out->tested[at] = f;
            out->residuals[at] = isnan(actual) ? (double)NAN : actual - f;
            t->scores[at] = isnan(actual) ? (double)NAN : d->s.z[origin + h] - z[h];
            if (isnan(actual))
                continue;
            double size = fabs(actual) / 2 + fabs(f) / 2;
            sum_smape += size > 0 ? 100 * fabs(actual / size - f / size) : 0;
            sum_abs += fabs(actual / d->s.error_unit - f / d->s.error_unit);
            n++;
        }
    }
    out->n_windows = n ? t->n : 0;
    out->error_scaled = n ? sum_abs / (double)n : 0;
    out->error_abs = fmin(out->error_scaled * d->s.error_unit, DBL_MAX);
    out->error_smape = n ? sum_smape / (double)n : 0;
    return true;
}

/* Root mean square of the scores of all windows but one. */
static double rms_without(const struct daily *d, const struct tests *t, size_t without)
{
    double sum = 0;
    size_t n = 0;
    for (size_t v = 0; v < t->n; v++)
        for (size_t h = 0; h < d->horizon && v != without; h++) {
            double e = t->scores[v * d->horizon + h];
            sum += isnan(e) ? 0 : e * e;
            n += isnan(e) ? 0 : 1;
        }
    return n ? sqrt(sum / (double)n) : 0;
}

static void put_intervals(const struct daily *d, const struct tests *t, const double *z,
                          const double *levels, double *scratch, struct wn_forecast *out)
{
    double all = rms_without(d, t, SIZE_MAX);
    for (size_t l = 0; l < out->n_levels; l++) {
        size_t n = 0;
        for (size_t v = 0; v < t->n && t->n > 1; v++) {
            double by = rms_without(d, t, v);
            for (size_t h = 0; h < d->horizon && by > 0; h++)
                if (!isnan(t->scores[v * d->horizon + h]))
                    scratch[n++] = fabs(t->scores[v * d->horizon + h]) / by;
        }
        double seen = wn_conformal_quantile(scratch, n, levels[l], NULL);
        double assumed = wn_student5_halfwidth(levels[l]), windows = n ? (double)t->n : 0;
        double half = all * (windows * seen + PRIOR_WINDOWS * assumed) / (windows + PRIOR_WINDOWS);
        for (size_t h = 0; h < d->horizon; h++) {
            size_t at = l * d->horizon + h;
            out->low[at] = fmin(out->mean[h], wn_fc_from_working(&d->s, z[h] - half));
            out->high[at] = fmax(out->mean[h], wn_fc_from_working(&d->s, z[h] + half));
        }
    }
}

/* ---- entry ------------------------------------------------------------------------------------
 */

static wn_rc check(const struct wn_forecast_series *in, const struct wn_daily_model *m,
                   const struct wn_forecast_options *o, struct wn_why *why)
{
    size_t n_known = 0;
    if (o->horizon < 1 || o->horizon > WN_FORECAST_HORIZON_MAX)
        return wn_fail(why, WN_INVALID, "horizon", "the horizon must be from 1 to %d steps",
                       WN_FORECAST_HORIZON_MAX);
    if (in->n > POINTS_MAX || m->n_holidays > HOLIDAYS_MAX || m->n_drivers > DRIVERS_MAX ||
        o->n_levels > WN_FORECAST_LEVELS_MAX || o->n_windows > WN_FORECAST_WINDOWS_MAX)
        return wn_fail(
            why, WN_LIMIT, NULL, "at most %d days, %d holidays, %d drivers, %d levels, %d windows",
            POINTS_MAX, HOLIDAYS_MAX, DRIVERS_MAX, WN_FORECAST_LEVELS_MAX, WN_FORECAST_WINDOWS_MAX);
    for (size_t l = 0; l < o->n_levels; l++)
        if (!(o->levels[l] > 0 && o->levels[l] < 1))
            return wn_fail(why, WN_INVALID, "level", "a level must lie between 0 and 1");
    for (size_t t = 0; t < in->n; t++) {
        if (isinf(in->values[t]))
            return wn_fail(why, WN_INVALID, "values", "day %zu is infinite", t + 1);
        n_known += isnan(in->values[t]) || (in->excluded && in->excluded[t]) ? 0 : 1;
    }
    if (n_known < KNOWN_MIN)
        return wn_fail(why, WN_INVALID, "values", "%zu known days are too few: %d are needed",
                       n_known, KNOWN_MIN);
    for (size_t i = 0; i < m->n_holidays && m->holiday_kinds; i++)
        if (m->holiday_kinds[i] >= KINDS_MAX)
            return wn_fail(why, WN_INVALID, "holiday_kinds", "kinds are below %d", KINDS_MAX);
    for (size_t i = 0; i < (in->n + o->horizon) * m->n_drivers; i++)
        if (!(fabs(m->drivers[i]) <= 1e150))
            return wn_fail(why, WN_INVALID, "drivers",
                           "driver %zu of day %zu is missing or too large", i % m->n_drivers + 1,
                           i / m->n_drivers + 1);
    return WN_OK;
}

static wn_rc alloc_all(struct daily *d, const struct wn_forecast_series *in, struct wn_arena *work)
{
    size_t n = in->n, all = n + d->horizon;
    double *raw = WN_ARENA_ARRAY(work, n, double);
    d->s.raw = raw;
    d->s.z = WN_ARENA_ARRAY(work, n, double);
    d->s.n = n;
    d->rest = WN_ARENA_ARRAY(work, n, double);
    d->points = WN_ARENA_ARRAY(work, WN_FC_FIT_POINTS, float);
    d->driver_mean = WN_ARENA_ARRAY(work, d->model->n_drivers, double);
    d->driver_scale = WN_ARENA_ARRAY(work, d->model->n_drivers, double);
    if (!raw || !d->s.z || !d->rest || !d->points || !d->driver_mean || !d->driver_scale)
        return WN_MEMORY;
    for (size_t t = 0; t < n; t++) {
        raw[t] = in->excluded && in->excluded[t] ? (double)NAN : in->values[t];
        d->s.n_known += isnan(raw[t]) ? 0 : 1;
    }
    plan_columns(d);
    d->x = WN_ARENA_ARRAY(work, all * d->p, double);
    d->matrix = WN_ARENA_ARRAY(work, wn_packed_size(d->p), double);
    d->saved = WN_ARENA_ARRAY(work, wn_packed_size(d->p), double);
    d->b = WN_ARENA_ARRAY(work, d->p, double);
    return d->x && d->matrix && d->saved && d->b ? WN_OK : WN_MEMORY;
}

static void scale_values(struct daily *d)
{
    struct wn_fc_prepared *s = &d->s;
    wn_fc_choose_scale(s, d->rest);
    if (d->model->is_additive && s->scale != WN_FC_PLAIN) {
        s->scale = WN_FC_PLAIN;
        s->unit = 0;
        for (size_t t = 0; t < s->n; t++)
            s->unit = fmax(s->unit, isnan(s->raw[t]) ? 0 : fabs(s->raw[t]));
    }
    s->z_low = HUGE_VAL;
    s->z_high = -HUGE_VAL;
    double size = 0;
    for (size_t t = 0; t < s->n; t++) {
        if (isnan(s->raw[t]))
            continue;
        s->z[t] = wn_fc_to_working(s, s->raw[t]);
        s->z_low = fmin(s->z_low, s->z[t]);
        s->z_high = fmax(s->z_high, s->z[t]);
        size += fabs(s->raw[t]) / (double)s->n_known;
    }
    /* Errors are told in units of the mean size of the values. */
    s->error_unit = size > 0 && size < DBL_MAX ? size : 1;
}

static wn_rc run(struct daily *d, const struct wn_forecast_series *in,
                 const struct wn_forecast_options *o, struct wn_arena *work, struct wn_arena *a,
                 struct wn_forecast *out)
{
    static const double usual[] = {0.80, 0.95};
    const double *levels = o->n_levels ? o->levels : usual;
    struct wn_forecast f = {.state = WN_FORECAST_FITTED,
                            .horizon = o->horizon,
                            .n_levels = o->n_levels ? o->n_levels : WN_COUNT(usual)};
    struct tests t = {0};
    wn_rc rc = alloc_all(d, in, work);
    if (rc)
        return rc;
    size_t h = o->horizon;
    t.n = windows_that_fit(d, o->n_windows ? o->n_windows : WINDOWS_DEFAULT, &t);
    double *z = WN_ARENA_ARRAY(work, h, double);
    double *scratch = WN_ARENA_ARRAY(work, h * (t.n + 1), double);
    t.scores = WN_ARENA_ARRAY(work, h * (t.n + 1), double);
    f.mean = WN_ARENA_ARRAY(a, h, double);
    f.low = WN_ARENA_ARRAY(a, h * f.n_levels, double);
    f.high = WN_ARENA_ARRAY(a, h * f.n_levels, double);
    f.residuals = WN_ARENA_ARRAY(a, h * (t.n + 1), double);
    f.tested = WN_ARENA_ARRAY(a, h * (t.n + 1), double);
    f.member_means = WN_ARENA_ARRAY(a, h * WN_FORECAST_MEMBERS, double);
    if (!z || !scratch || !t.scores || !f.mean || !f.low || !f.high || !f.residuals || !f.tested ||
        !f.member_means)
        return WN_MEMORY;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        f.member_errors[k] = -1;
    scale_values(d);
    scale_drivers(d);
    fill_design(d);
    if (!run_tests(d, &t, z, &f) || !fit(d, d->s.n, z))
        return WN_INVALID;
    for (size_t i = 0; i < h; i++)
        f.mean[i] = wn_fc_from_working(&d->s, z[i]);
    put_intervals(d, &t, z, levels, scratch, &f);
    f.n_seasons = d->has_years ? 2 : 1;
    f.seasons[0] = 7;
    f.seasons[1] = d->has_years ? 365 : 0;
    *out = f;
    return WN_OK;
}

wn_rc wn_forecast_daily(const struct wn_forecast_series *series, const struct wn_daily_model *model,
                        const struct wn_forecast_options *options, struct wn_arena *a,
                        struct wn_forecast *out, struct wn_why *why)
{
    wn_rc rc = check(series, model, options, why);
    if (rc)
        return rc;
    struct daily d = {.model = model, .horizon = options->horizon};
    struct wn_arena work;
    wn_arena_init(&work, a->max_bytes);
    rc = run(&d, series, options, &work, a, out);
    wn_arena_deinit(&work);
    return rc ? wn_fail(why, rc, NULL, "%s",
                        rc == WN_INVALID ? "the regression cannot be solved" : wn_rc_text(rc))
              : WN_OK;
}
