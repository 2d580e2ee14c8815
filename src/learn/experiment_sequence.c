/* Intervals that may be watched: the normal mixture, the exact one of two rates; and the check of
 * the split. */
#include "learn/experiment_int.h"
#include "learn/special.h"

#include <math.h>

#define LOG_MAX 1e308

static double p_of(double log_ratio)
{
    return log_ratio <= 0 ? 1 : exp(-log_ratio);
}

static wn_rc check_alpha(double alpha, struct wn_why *why)
{
    if (!(alpha > 0 && alpha < 1))
        return wn_fail(why, WN_INVALID, "alpha", "alpha must lie between 0 and 1");
    return WN_OK;
}

double wn_abtest_half_width(double variance, double tau, double alpha)
{
    double r = tau / variance * tau;
    /* A mixture much narrower than the noise never learns: the width is then beyond any use, but
     * still a number. */
    return fmin(sqrt(variance * (1 + 1 / fmax(r, 1e-300))) * sqrt(log1p(r) - 2 * log(alpha)),
                LOG_MAX);
}

wn_rc wn_abtest_normal(double effect, double variance, double tau, double alpha,
                       struct wn_abtest_interval *out, struct wn_why *why)
{
    wn_rc rc = check_alpha(alpha, why);
    if (rc)
        return rc;
    if (!(fabs(effect) <= 2 * WN_ABTEST_VALUE_MAX))
        return wn_fail(why, WN_INVALID, "effect", "the effect must be a number of at most %g",
                       WN_ABTEST_VALUE_MAX);
    if (!(variance > 0 && variance <= 4 * WN_ABTEST_VALUE_MAX * WN_ABTEST_VALUE_MAX))
        return wn_fail(why, WN_INVALID, "variance",
                       "the variance of the effect must be a number above 0");
    if (!(tau > 0 && tau <= WN_ABTEST_VALUE_MAX))
        return wn_fail(why, WN_INVALID, "tau", "tau must be above 0, at most %g",
                       WN_ABTEST_VALUE_MAX);
    double half = wn_abtest_half_width(variance, tau, alpha), z = effect / sqrt(variance);
    double r = tau / variance * tau;
    double log_ratio = r < LOG_MAX ? z / 2 * z / (1 + 1 / r) - log1p(r) / 2 : -LOG_MAX;
    log_ratio = fmin(fmax(log_ratio, -LOG_MAX), LOG_MAX);
    *out = (struct wn_abtest_interval){
        .low = effect - half, .high = effect + half, .log_ratio = log_ratio, .p = p_of(log_ratio)};
    return WN_OK;
}

/* ---- two rates ---------------------------------------------------------------------------------
 */

struct rates {
    double k_a, m_a, k_b, m_b; /* events and non-events */
};

/* x ln p, with 0 ln 0 = 0. */
static double x_log(double x, double p)
{
    return x > 0 ? x * log(fmax(p, 1e-300)) : 0;
}

static double log_likelihood(const struct rates *r, double p_a, double delta)
{
    double p_b = p_a + delta;
    return x_log(r->k_a, p_a) + x_log(r->m_a, 1 - p_a) + x_log(r->k_b, p_b) +
           x_log(r->m_b, 1 - p_b);
}

/* The derivative of the above in p_a: falls all the way, so its zero is the maximum. */
static double score(const struct rates *r, double p_a, double delta)
{
    const double tiny = 1e-300;
    double p_b = p_a + delta;
    return r->k_a / fmax(p_a, tiny) - r->m_a / fmax(1 - p_a, tiny) + r->k_b / fmax(p_b, tiny) -
           r->m_b / fmax(1 - p_b, tiny);
}

/* ln of the largest likelihood among all pairs of rates with p_b - p_a = delta. */
static double profile(const struct rates *r, double delta)
{
    double low = fmax(0, -delta), high = fmin(1, 1 - delta);
    /* The likelihood is flat at its top: half the digits of the place give all of its height. */
    for (int i = 0; i < 100 && high - low > 1e-9 * high; i++) {
        double middle = low + (high - low) / 2;
        if (score(r, middle, delta) > 0)
            low = middle;
        else
            high = middle;
    }
    return log_likelihood(r, low + (high - low) / 2, delta);
}

/* ln of the Beta(1/2, 1/2) mixture likelihood of one rate. */
static double log_mixture(double events, double others)
{
    return wn_log_beta(events + .5, others + .5) - wn_log_beta(.5, .5);
}

/* Where the profile crosses `level` between `inside`, where it is above, and `end`. */
static double crossing(const struct rates *r, double inside, double end, double level)
{
    if (profile(r, end) >= level)
        return end;
    for (int i = 0; i < 60 && fabs(end - inside) > 1e-10 * fabs(end); i++) {
        double middle = inside + (end - inside) / 2;
        if (profile(r, middle) >= level)
            inside = middle;
        else
            end = middle;
    }
    return end; /* the outer side: the interval is never too narrow by rounding */
}

static bool is_count(double events, double n)
{
    return events >= 0 && events <= n && n <= WN_ABTEST_N_MAX;
}

wn_rc wn_abtest_exact(double events_a, double n_a, double events_b, double n_b, double alpha,
                      struct wn_abtest_interval *out, struct wn_why *why)
{
    wn_rc rc = check_alpha(alpha, why);
    if (rc)
        return rc;
    if (!is_count(events_a, n_a) || !is_count(events_b, n_b))
        return wn_fail(why, WN_INVALID, is_count(events_a, n_a) ? "events_b" : "events_a",
                       "events must lie between 0 and the number of units, which is at most %g",
                       WN_ABTEST_N_MAX);
    struct rates r = {events_a, n_a - events_a, events_b, n_b - events_b};
    double mixture = log_mixture(r.k_a, r.m_a) + log_mixture(r.k_b, r.m_b);
    double best = (n_b > 0 ? events_b / n_b : 0) - (n_a > 0 ? events_a / n_a : 0);
    double pooled = (events_a + events_b) / fmax(n_a + n_b, 1);
    double level = mixture + log(alpha);
    double log_ratio = mixture - log_likelihood(&r, pooled, 0);
    bool is_empty = !(n_a > 0) || !(n_b > 0); /* one variant says nothing about a difference */
    *out = (struct wn_abtest_interval){.low = is_empty ? -1 : crossing(&r, best, -1, level),
                                       .high = is_empty ? 1 : crossing(&r, best, 1, level),
                                       .log_ratio = log_ratio,
                                       .p = p_of(log_ratio)};
    return WN_OK;
}

/* ---- the split ---------------------------------------------------------------------------------
 */

wn_rc wn_abtest_split(const double *counts, const double *weights, size_t n,
                      struct wn_abtest_srm *out, struct wn_why *why)
{
    double total = 0, weight = 0, chi2 = 0;
    if (n < 2)
        return wn_fail(why, WN_INVALID, "variants", "a split needs at least two variants");
    for (size_t i = 0; i < n; i++) {
        double w = weights ? weights[i] : 1;
        if (!(counts[i] >= 0 && counts[i] <= WN_ABTEST_N_MAX))
            return wn_fail(why, WN_INVALID, "n", "units of variant %zu: 0 to %g", i + 1,
                           WN_ABTEST_N_MAX);
        if (!(w > 0 && w <= WN_ABTEST_VALUE_MAX))
            return wn_fail(why, WN_INVALID, "split", "weight of variant %zu: must be above 0",
                           i + 1);
        total += counts[i];
        weight += w;
    }
    for (size_t i = 0; i < n && total > 0; i++) {
        double expected = fmax(total * ((weights ? weights[i] : 1) / weight), 1e-150);
        double off = counts[i] - expected;
        chi2 = fmin(chi2 + off / expected * off, LOG_MAX);
    }
    *out = (struct wn_abtest_srm){
        .chi2 = chi2, .p = chi2 > 0 ? wn_gamma_inc_upper((double)(n - 1) / 2, chi2 / 2) : 1};
    return WN_OK;
}
