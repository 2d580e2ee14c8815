/* Ratios of two forecasts, and the share of a parent's forecast that a young child gets. */
#include "winnow/forecast.h"

#include "learn/conformal.h"

#include <math.h>
#include <stdlib.h>

/* Rows of neighbouring steps are taken together until there are ROWS_WANTED: fewer know nothing of
 * the tails. */
enum {
    DRAWS_DEFAULT = 500,
    DRAWS_MAX = 1000000,
    ROWS_WANTED = 120,
    ROWS_MAX = ROWS_WANTED + 3 * WN_FORECAST_WINDOWS_MAX
};

/* Common errors of numerator and denominator near one step. */
struct joint {
    double numerator[ROWS_MAX], denominator[ROWS_MAX];
    size_t n;
    bool is_relative; /* the numerator's errors are logarithms; else plain differences */
};

static wn_rc check_ratio(const struct wn_forecast *n, const struct wn_forecast *d,
                         const double *levels, size_t n_levels, size_t n_draws, struct wn_why *why)
{
    if (n->horizon != d->horizon || n->n_levels != d->n_levels || n->n_levels != n_levels ||
        n_levels == 0)
        return wn_fail(why, WN_INVALID, NULL,
                       "numerator and denominator must have the same horizon and levels");
    if (n_draws > DRAWS_MAX)
        return wn_fail(why, WN_LIMIT, "n_draws", "at most %d draws", DRAWS_MAX);
    for (size_t l = 0; l < n_levels; l++)
        if (!(levels[l] > 0 && levels[l] < 1))
            return wn_fail(why, WN_INVALID, "levels", "a level must lie between 0 and 1");
    return WN_OK;
}

/* Whether row `at` has both errors and a denominator that divides. */
static bool is_common_row(const struct wn_forecast *n, const struct wn_forecast *d, size_t at)
{
    return !isnan(n->residuals[at]) && !isnan(d->residuals[at]) && d->tested[at] > 0 &&
           d->tested[at] + d->residuals[at] > 0;
}

static void gather_joint(const struct wn_forecast *n, const struct wn_forecast *d, size_t h,
                         struct joint *j)
{
    size_t windows = n->n_windows < d->n_windows ? n->n_windows : d->n_windows, rows[ROWS_MAX];
    size_t reach = windows ? ROWS_WANTED / (2 * windows) : 0;
    size_t from = h > reach ? h - reach : 0;
    size_t to = h + reach + 1 < n->horizon ? h + reach + 1 : n->horizon;
    j->n = 0;
    j->is_relative = n->mean[h] > 0;
    for (size_t v = 0; v < windows; v++)
        for (size_t k = from; k < to; k++) {
            size_t at = v * n->horizon + k;
            if (!is_common_row(n, d, at))
                continue;
            rows[j->n++] = at;
            if (!(n->tested[at] > 0 && n->tested[at] + n->residuals[at] > 0))
                j->is_relative = false;
        }
    for (size_t i = 0; i < j->n; i++) {
        double error = n->residuals[rows[i]];
        j->numerator[i] = j->is_relative ? log1p(error / n->tested[rows[i]]) : error;
        j->denominator[i] = log1p(d->residuals[rows[i]] / d->tested[rows[i]]);
    }
}

/* How far errors [n] must be stretched for their quantile to be as wide as the interval. */
static double stretch(const double *errors, size_t n, double level, double half_width)
{
    double sizes[ROWS_MAX];
    for (size_t i = 0; i < n; i++)
        sizes[i] = fabs(errors[i]);
    double seen = wn_conformal_quantile(sizes, n, level, NULL);
    return seen > 0 ? fmin(fmax(half_width / seen, 0.25), 4) : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted draws, between neighbours. */
static double quantile(const double *sorted, size_t n, double p)
{
    double at = p * (double)(n - 1);
    size_t below = (size_t)at;
    double part = at - (double)below;
    return below + 1 < n ? sorted[below] * (1 - part) + sorted[below + 1] * part : sorted[n - 1];
}

static double log_half_width(const struct wn_forecast *f, size_t level, size_t h)
{
    double high = f->high[level * f->horizon + h], mean = f->mean[h];
    return mean > 0 && high > mean ? log(high / mean) : 0;
}

/* Fills draws [n] of the ratio at step h. */
static void draw_ratios(const struct wn_forecast *n, const struct wn_forecast *d, size_t widest,
                        double level, size_t h, struct wn_rand *r, double *draws, size_t n_draws)
{
    struct joint j;
    gather_joint(n, d, h, &j);
    double up_width = j.is_relative ? log_half_width(n, widest, h)
                                    : n->high[widest * n->horizon + h] - n->mean[h];
    double down_width = log_half_width(d, widest, h);
    bool together = j.n >= 4;
    double up = together ? stretch(j.numerator, j.n, level, up_width)
                         : up_width / wn_student5_halfwidth(level);
    double down = together ? stretch(j.denominator, j.n, level, down_width)
                           : down_width / wn_student5_halfwidth(level);
    for (size_t i = 0; i < n_draws; i++) {
        double e = 0, g = 0;
        if (together) {
            size_t at = (size_t)wn_rand_below(r, j.n);
            e = j.numerator[at];
            g = j.denominator[at];
        } else {
            e = wn_rand_normal(r);
            g = wn_rand_normal(r);
        }
        double top = j.is_relative ? n->mean[h] * exp(fmin(up * e, 300)) : n->mean[h] + up * e;
        double ratio = top / d->mean[h] * exp(fmin(fmax(-down * g, -300), 300));
        draws[i] = fmin(fmax(ratio, -1.7e308), 1.7e308);
    }
    qsort(draws, n_draws, sizeof *draws, by_value);
}

wn_rc wn_forecast_ratio(const struct wn_forecast *numerator, const struct wn_forecast *denominator,
                        const double *levels, size_t n_levels, size_t n_draws, struct wn_rand *r,
                        struct wn_arena *a, struct wn_ratio_forecast *out, struct wn_why *why)
{
    wn_rc rc = check_ratio(numerator, denominator, levels, n_levels, n_draws, why);
    if (rc)
        return rc;
    size_t h_max = numerator->horizon, widest = 0;
    n_draws = n_draws ? n_draws : DRAWS_DEFAULT;
    struct wn_ratio_forecast f = {.horizon = h_max, .n_levels = n_levels};
    f.has_value = WN_ARENA_ARRAY(a, h_max, bool);
    f.mean = WN_ARENA_ARRAY(a, h_max, double);
    f.low = WN_ARENA_ARRAY(a, h_max * n_levels, double);
    f.high = WN_ARENA_ARRAY(a, h_max * n_levels, double);
    double *draws = WN_ARENA_ARRAY(a, n_draws, double);
    if (!f.has_value || !f.mean || !f.low || !f.high || !draws)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t l = 1; l < n_levels; l++)
        widest = levels[l] > levels[widest] ? l : widest;
    bool known = numerator->state != WN_FORECAST_EMPTY && denominator->state != WN_FORECAST_EMPTY;
    for (size_t h = 0; h < h_max; h++) {
        double ratio = denominator->mean[h] > 0 ? numerator->mean[h] / denominator->mean[h] : NAN;
        f.has_value[h] = known && isfinite(ratio);
        if (!f.has_value[h])
            continue;
        f.mean[h] = ratio;
        draw_ratios(numerator, denominator, widest, levels[widest], h, r, draws, n_draws);
        for (size_t l = 0; l < n_levels; l++) {
            f.low[l * h_max + h] = fmin(ratio, quantile(draws, n_draws, 0.5 * (1 - levels[l])));
            f.high[l * h_max + h] = fmax(ratio, quantile(draws, n_draws, 0.5 * (1 + levels[l])));
        }
    }
    *out = f;
    return WN_OK;
}

/* ---- cold start -------------------------------------------------------------------------------
 */

/* The siblings' share counts as much as a week of the child's own days. */
static const double SIBLING_DAYS = 7;

struct share {
    double log_share, sigma;
};

/* The logarithm of the child's share of its parent, and how uncertain that is. */
static struct share share_of(const double *values, const double *parent_values, size_t n,
                             double sibling_share, double sibling_spread)
{
    double child = 0, parent = 0, days = 0, mean = log(sibling_share), square = 0;
    for (size_t t = 0; t < n; t++) {
        if (isnan(values[t]) || isnan(parent_values[t]) || !(parent_values[t] > 0))
            continue;
        child += values[t];
        parent += parent_values[t];
        days++;
    }
    double w = days / (days + SIBLING_DAYS);
    /* A child that sold nothing so far: as if half of what siblings sell in a day were sold. */
    double own = child > 0 ? child / parent : days > 0 ? 0.5 * sibling_share / days : 1;
    if (days > 0)
        mean = w * log(own) + (1 - w) * mean;
    for (size_t t = 0; t < n; t++)
        if (values[t] > 0 && parent_values[t] > 0) {
            double d = log(values[t] / parent_values[t]) - log(own);
            square += d * d;
        }
    double noise = days > 1 ? square / (days * (days - 1)) : 0;
    double prior = sibling_spread * sibling_spread;
    return (struct share){mean, sqrt(w * w * noise + (1 - w) * prior)};
}

wn_rc wn_forecast_cold_start(const double *values, const double *parent_values, size_t n,
                             const struct wn_forecast *parent, const double *levels,
                             size_t n_levels, double sibling_share, double sibling_spread,
                             struct wn_arena *a, struct wn_forecast *out, struct wn_why *why)
{
    size_t horizon = parent->horizon;
    if (!(sibling_share > 0 && sibling_share < 1e6 && sibling_share > 1e-12))
        return wn_fail(why, WN_INVALID, "sibling_share", "the usual share must be positive");
    if (!(sibling_spread >= 0 && sibling_spread < 100))
        return wn_fail(why, WN_INVALID, "sibling_spread", "the spread must be from 0 to 100");
    if (n_levels != parent->n_levels)
        return wn_fail(why, WN_INVALID, "levels", "the levels must be those of the parent");
    for (size_t t = 0; t < n; t++)
        if (isinf(values[t]) || isinf(parent_values[t]) || values[t] < 0)
            return wn_fail(why, WN_INVALID, "values", "day %zu is negative or infinite", t + 1);
    struct wn_forecast f = {.state = WN_FORECAST_SHORT, .horizon = horizon, .n_levels = n_levels};
    f.mean = WN_ARENA_ARRAY(a, horizon, double);
    f.low = WN_ARENA_ARRAY(a, horizon * n_levels, double);
    f.high = WN_ARENA_ARRAY(a, horizon * n_levels, double);
    if (!f.mean || !f.low || !f.high)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    struct share s = share_of(values, parent_values, n, sibling_share, sibling_spread);
    for (size_t h = 0; h < horizon; h++) {
        f.mean[h] = fmin(fmax(0, parent->mean[h]) * exp(fmin(s.log_share, 100)), 1.7e308);
        for (size_t l = 0; l < n_levels; l++) {
            double width =
                hypot(log_half_width(parent, l, h), s.sigma * wn_student5_halfwidth(levels[l]));
            f.low[l * horizon + h] = f.mean[h] * exp(-width);
            f.high[l * horizon + h] = fmin(f.mean[h] * exp(fmin(width, 700)), 1.7e308);
        }
    }
    *out = f;
    return WN_OK;
}
