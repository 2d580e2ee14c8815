/* Counts that are mostly zero, after Teunter, Syntetos and Babai, "Intermittent demand: linking
 * forecasting to inventory obsolescence", European Journal of Operational Research 214, 2011. */
#include "winnow/forecast.h"

#include <math.h>

static const double grid[] = {0.02, 0.05, 0.1, 0.2, 0.3};

struct tsb {
    double probability, size, error;
};

/* Runs the recursion: the probability moves at every step, the size where there is some. */
static struct tsb run(const double *x, size_t n, double alpha, double beta, double probability,
                      double size)
{
    struct tsb s = {probability, size, 0};
    for (size_t t = 0; t < n; t++) {
        if (isnan(x[t]))
            continue;
        double e = x[t] - s.probability * s.size;
        s.error += e * e;
        if (x[t] > 0)
            s.size += alpha * (x[t] - s.size);
        s.probability += beta * ((x[t] > 0 ? 1.0 : 0.0) - s.probability);
    }
    return s;
}

/* The smallest count whose distribution function reaches p: by the terms of the distribution, one
 * after the other, where that is short; else by the normal approximation. */
static double count_quantile(double mean, double variance, double p)
{
    enum { TERMS_MAX = 100000 };
    if (!(mean > 0))
        return 0;
    if (mean > 1e4) {
        /* Bisection for the normal quantile: exactness matters less than a plain text. */
        double low = -40, high = 40;
        for (int i = 0; i < 80; i++) {
            double z = 0.5 * (low + high);
            if (0.5 * erfc(-z / sqrt(2)) < p)
                low = z;
            else
                high = z;
        }
        return fmin(fmax(0, ceil(mean + low * sqrt(variance))), 1.7e308);
    }
    bool wide = variance > mean * (1 + 1e-9);
    double r = wide ? mean * mean / (variance - mean) : 0, q = wide ? 1 - mean / variance : 0;
    double log_term = wide ? r * log1p(-q) : -mean, sum = exp(log_term);
    int n = 0;
    for (; sum < p && n < TERMS_MAX; n++) {
        double k = n;
        log_term += wide ? log((k + r) / (k + 1) * q) : log(mean / (k + 1));
        sum += exp(log_term);
    }
    return n;
}

static wn_rc check(const double *x, size_t n, const double *levels, size_t n_levels,
                   struct wn_why *why)
{
    if (n_levels > WN_FORECAST_LEVELS_MAX)
        return wn_fail(why, WN_LIMIT, "levels", "at most %d levels", WN_FORECAST_LEVELS_MAX);
    for (size_t l = 0; l < n_levels; l++)
        if (!(levels[l] > 0 && levels[l] < 1))
            return wn_fail(why, WN_INVALID, "levels", "a level must lie between 0 and 1");
    for (size_t t = 0; t < n; t++)
        if (x[t] < 0 || x[t] > 1e150)
            return wn_fail(why, WN_INVALID, "values", "point %zu is negative or too large", t + 1);
    return WN_OK;
}

wn_rc wn_forecast_intermittent(const double *values, size_t n, const double *levels,
                               size_t n_levels, struct wn_intermittent_forecast *out,
                               struct wn_why *why)
{
    struct wn_intermittent_forecast f = {0};
    wn_rc rc = check(values, n, levels, n_levels, why);
    if (rc)
        return rc;
    double n_known = 0, n_some = 0, sum = 0;
    for (size_t t = 0; t < n; t++) {
        n_known += isnan(values[t]) ? 0 : 1;
        n_some += values[t] > 0 ? 1 : 0;
        sum += values[t] > 0 ? values[t] : 0;
    }
    if (n_some > 0) {
        struct tsb best = {0, 0, HUGE_VAL};
        for (size_t i = 0; i < sizeof grid / sizeof *grid; i++)
            for (size_t j = 0; j < sizeof grid / sizeof *grid; j++) {
                struct tsb s = run(values, n, grid[i], grid[j], n_some / n_known, sum / n_some);
                if (s.error < best.error)
                    best = s;
            }
        f.probability = best.probability;
        f.size = best.size;
        f.mean = best.probability * best.size;
        f.variance = fmax(f.mean, best.error / n_known);
    }
    for (size_t l = 0; l < n_levels; l++) {
        f.low[l] = fmin(count_quantile(f.mean, f.variance, 0.5 * (1 - levels[l])), f.mean);
        f.high[l] = fmax(count_quantile(f.mean, f.variance, 0.5 * (1 + levels[l])), f.mean);
    }
    *out = f;
    return WN_OK;
}
