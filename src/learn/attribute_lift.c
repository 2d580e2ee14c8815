/* Calibration of credits by lift tests: one posterior for each channel, by quadrature. */
#include "winnow/attribute.h"

#include <math.h>

enum { GRID = 2001, ZOOMS = 4 };
#define FAR 40.0 /* where the density is e^-40 of its peak, nothing is left */

struct posterior {
    double prior_mean, prior_sd; /* of ln(ratio) */
    const struct wn_lift_test *tests;
    size_t n_tests;
    uint32_t channel;
    int32_t today;
    double double_days;
};

static double log_density(const struct posterior *p, double x)
{
    double z = (x - p->prior_mean) / p->prior_sd, sum = -z * z / 2, ratio = exp(x);
    for (size_t i = 0; i < p->n_tests; i++) {
        const struct wn_lift_test *t = &p->tests[i];
        if (t->channel != p->channel)
            continue;
        double age_days = fmax((double)p->today - (double)t->day, 0);
        z = (t->lift - ratio) / t->se;
        sum -= z * z / 2 * exp2(-age_days / p->double_days);
    }
    return sum;
}

/* Fills x, density over [low, high]; returns where the peak is. */
static size_t fill(const struct posterior *p, double low, double high, double *x, double *density)
{
    size_t peak = 0;
    for (size_t i = 0; i < GRID; i++) {
        x[i] = low + (high - low) * (double)i / (GRID - 1);
        density[i] = log_density(p, x[i]);
        peak = density[i] > density[peak] ? i : peak;
    }
    return peak;
}

/* The ratio below which the share q of the probability lies. density: not normalised. */
static double quantile(const double *x, const double *density, double q)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < GRID; i++)
        total += density[i];
    for (size_t i = 0; i < GRID; i++) {
        if (density[i] > 0 && sum + density[i] >= q * total) {
            double step = x[1] - x[0], part = (q * total - sum) / density[i];
            return exp(x[i] + (fmin(fmax(part, 0), 1) - .5) * step);
        }
        sum += density[i];
    }
    return exp(x[GRID - 1]);
}

static void solve(const struct posterior *p, double level, struct wn_calibrated *out)
{
    double x[GRID], density[GRID];
    double low = p->prior_mean - 9 * p->prior_sd, high = p->prior_mean + 9 * p->prior_sd;
    for (size_t i = 0; i < p->n_tests; i++)
        if (p->tests[i].channel == p->channel && p->tests[i].lift > 0) {
            low = fmin(low, log(p->tests[i].lift) - 1);
            high = fmax(high, log(p->tests[i].lift) + 1);
        }
    /* Zooms in on where the probability is: a precise test far from the prior is narrow. */
    size_t peak = fill(p, low, high, x, density);
    for (int k = 0; k < ZOOMS; k++) {
        size_t from = peak, to = peak;
        while (from > 0 && density[from] > density[peak] - FAR)
            from--;
        while (to + 1 < GRID && density[to] > density[peak] - FAR)
            to++;
        peak = fill(p, x[from], x[to], x, density);
    }
    double top = density[peak], total = 0, mean_log = 0, var_log = 0;
    for (size_t i = 0; i < GRID; i++) {
        density[i] = exp(density[i] - top);
        total += density[i];
        mean_log += density[i] * (x[i] - x[peak]);
    }
    mean_log = mean_log / total + x[peak];
    for (size_t i = 0; i < GRID; i++)
        var_log += density[i] * (x[i] - mean_log) * (x[i] - mean_log);
    out->ratio = quantile(x, density, .5);
    out->ratio_low = quantile(x, density, (1 - level) / 2);
    out->ratio_high = quantile(x, density, (1 + level) / 2);
    out->prior_weight = fmin(var_log / total / (p->prior_sd * p->prior_sd), 1);
}

static wn_rc check_tests(const struct wn_lift_test *tests, size_t n_tests, size_t n,
                         struct wn_why *why)
{
    for (size_t i = 0; i < n_tests; i++) {
        const struct wn_lift_test *t = &tests[i];
        const char *what = t->channel >= n           ? "the channel is not known"
                           : !(fabs(t->lift) <= 1e6) ? "the lift must be from -1e6 to 1e6"
                           : !(t->se >= 1e-9 && t->se <= 1e6)
                               ? "the standard error must be from 1e-9 to 1e6"
                               : NULL;
        if (!what)
            continue;
        if (why)
            why->line = i + 1;
        return wn_fail(why, WN_INVALID, "tests", "lift test %zu: %s", i + 1, what);
    }
    return WN_OK;
}

static double given(double x, double usual)
{
    return x != 0 ? x : usual;
}

wn_rc wn_calibrate(struct wn_arena *a, const double *credits, size_t n,
                   const struct wn_lift_test *tests, size_t n_tests, int32_t today,
                   const struct wn_calibration_options *options, struct wn_calibrated **out,
                   struct wn_why *why)
{
    static const struct wn_calibration_options usual = {0};
    const struct wn_calibration_options *o = options ? options : &usual;
    double prior_ratio = given(o->prior_ratio, 1), level = given(o->level, .95);
    struct posterior p = {.prior_sd = given(o->prior_log_sd, .5),
                          .tests = tests,
                          .n_tests = n_tests,
                          .today = today,
                          .double_days = given(o->double_days, 180)};
    if (!(prior_ratio >= 1e-3 && prior_ratio <= 1e3 && p.prior_sd >= 1e-3 && p.prior_sd <= 5))
        return wn_fail(why, WN_INVALID, "prior_ratio",
                       "the prior ratio must be from 0.001 to 1000, its log sd from 0.001 to 5");
    if (!(level > 0 && level < 1 && p.double_days > 0 && p.double_days <= 1e6))
        return wn_fail(why, WN_INVALID, "level",
                       "the level must lie in (0, 1) and double_days above 0");
    for (size_t c = 0; c < n; c++)
        if (!(credits[c] >= 0 && credits[c] <= 1e30))
            return wn_fail(why, WN_INVALID, "credits", "credit %zu must be at least 0", c + 1);
    wn_rc rc = check_tests(tests, n_tests, n, why);
    if (rc)
        return rc;
    p.prior_mean = log(prior_ratio);
    struct wn_calibrated *results = WN_ARENA_ARRAY(a, n, struct wn_calibrated);
    if (!results)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the calibration");
    for (size_t c = 0; c < n; c++) {
        struct wn_calibrated *r = &results[c];
        p.channel = (uint32_t)c;
        for (size_t i = 0; i < n_tests; i++)
            r->n_tests += tests[i].channel == c;
        r->is_tested = r->n_tests > 0;
        solve(&p, level, r);
        r->conversions = credits[c] * r->ratio;
        r->low = credits[c] * r->ratio_low;
        r->high = credits[c] * r->ratio_high;
    }
    *out = results;
    return WN_OK;
}
