/* How surprising is a count? Exact predictive tails, and quantiles beyond the data.
 *
 * All functions are pure, need no memory, and return finite numbers for every input: parameters
 * outside their domain are moved to its edge (a mean below 0 counts as 0, a probability is clipped
 * to [0, 1], NaN counts as the lower edge). Counts are real numbers: fractions are rounded down
 * for "at most" and up for "at least". Relative accuracy about 1e-10 unless stated. */
#ifndef WN_LEARN_TAIL_H
#define WN_LEARN_TAIL_H

#include "core/error.h"

/* A discrete tail at x, and the two-sided mid-p value min(1, 2 min(lower - eq/2, upper - eq/2)),
 * which is uniform on average where an exact test would be conservative. */
struct wn_tail {
    double lower; /* P(X <= x) */
    double upper; /* P(X >= x) */
    double equal; /* P(X = x) */
    double mid_p;
};

/* Above this size a negative binomial is a Poisson distribution. */
#define WN_NB_SIZE_MAX 1e4

/* Poisson. Through the incomplete gamma function: O(sqrt(x)). */
void wn_tail_poisson(double x, double mean, struct wn_tail *out);
/* Negative binomial with variance mean + mean^2 / size; size > 0 (below 1e-6 counts as 1e-6; above
 * WN_NB_SIZE_MAX it is Poisson). Through the incomplete beta function. */
void wn_tail_nb(double x, double mean, double size, struct wn_tail *out);
/* Beta-binomial: x successes among n trials whose rate is Beta(a, b). Sums the shorter side,
 * at most WN_BB_TERMS_MAX terms; beyond that many trials on both sides the beta distribution of
 * x/n with the matching variance is used (error of the order of 1/n). */
#define WN_BB_TERMS_MAX 200000
void wn_tail_beta_binomial(double x, double n, double a, double b, struct wn_tail *out);
/* A rate around p with concentration phi = a + b: the same with a = p phi, b = (1 - p) phi.
 * Below 30 expected events there is nothing else to use: never a z-test. */
void wn_tail_rate(double x, double n, double p, double phi, struct wn_tail *out);
/* The normal score of a mid-p: positive when x is high. Within +-37. */
double wn_tail_score(const struct wn_tail *t);

/* ROAS: revenue is a number of orders times their mean value. The posterior of the rate is gamma
 * (orders n observed with the prior (m * rate, m) in units of exposure), the mean value lognormal.
 * Returns the two-sided tail of observing revenue when orders are NB(mean, size) and the sum of
 * their values has the coefficient of variation cv of one order: P by a lognormal matched to mean
 * and variance mean_orders * value^2 (1 + cv^2 + mean_orders / size). mean 0: 1 when revenue is
 * 0, else the smallest probability, 1e-300. */
double wn_tail_revenue(double revenue, double mean_orders, double size, double order_value,
                       double cv);

/* ---- size of a negative binomial ---- */

/* The size by moments on standardised residuals, shrunk towards a prior (20 where nothing is
 * known, or the parent's) worth n_prior observations: counts x with their predicted means. Rows
 * that are not finite, or have a mean <= 0, are skipped. In [0.05, WN_NB_SIZE_MAX]. O(n). */
double wn_nb_size_fit(const double *x, const double *mean, size_t n, double prior_size,
                      double n_prior);

/* ---- delay ---- */

/* The part of conversions that is known at an age: exposure is multiplied by it, so that the newest
 * hours are not "drops". Exponential delay with the mean given, age and mean in the same unit;
 * 1 for mean <= 0, 0 for age <= 0. */
double wn_delay_part(double age, double mean_delay);

/* ---- peaks over threshold ---- */

/* The generalised Pareto tail beyond a threshold. */
struct wn_pot {
    double threshold; /* u */
    double scale;     /* sigma > 0 */
    double shape;     /* xi */
    double n;         /* values seen in all */
    double n_over;    /* of them beyond u */
};

/* Fits by maximum likelihood after Grimshaw ("Computing maximum likelihood estimates for the
 * generalized Pareto distribution", Technometrics 1993) when there are 50 excesses or more, else
 * exponential (shape 0): that default never gives infinite thresholds. excess [n_over], > 0; rows
 * that are not are skipped. Shape within [-0.5, 0.5]. Fails: INVALID when no excess is left, or
 * n < n_over. O(n_over * 200). */
WN_MUST_USE wn_rc wn_pot_fit(double threshold, const double *excess, size_t n_over, double n,
                             struct wn_pot *out, struct wn_why *why);
/* z with P(X > z) = q: u + sigma/xi ((q n / N_u)^-xi - 1), or u - sigma ln(q n / N_u). q in (0, 1)
 * (clipped to [1e-15, 1]); at least u when q n <= N_u. */
double wn_pot_quantile(const struct wn_pot *p, double q);
/* P(X > x) for x >= u; N_u / n below. */
double wn_pot_upper(const struct wn_pot *p, double x);

/* ---- slow drifts ---- */

/* One-sided cumulative sums on normal scores, up and down (Page, "Continuous inspection schemes",
 * 1954). With k = 0.25 and h = 12 a false alarm comes on each side once in about 6,000 slots (h = 8:
 * 740; Siegmund's approximation (e^(2kb) - 2kb - 1) / 2k^2 with b = h + 1.166). */
struct wn_cusum {
    double up, down; /* >= 0 */
    double k, h;
    double n_up, n_down; /* slots since the sum was 0: where the drift began */
};
void wn_cusum_init(struct wn_cusum *c, double k, double h);
/* z: a normal score, clipped to +-4 so that one outlier is no drift; NaN is ignored. Returns +1 or
 * -1 at an alarm (the sums then start anew), else 0. */
int wn_cusum_push(struct wn_cusum *c, double z);

#endif
