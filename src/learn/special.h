/* Special functions and stable logarithms, shared by the models.
 *
 * Every function here is pure, allocates nothing, may be called from any thread, and returns a
 * finite number for every input, NaN and infinities included: arguments outside the domain are
 * moved to its edge (stated at each function), so that one bad row cannot poison a sum.
 * Accuracy: about 1e-13 relative for parameters up to 1e6, unless stated. */
#ifndef WN_LEARN_SPECIAL_H
#define WN_LEARN_SPECIAL_H

#include "core/base.h"

/* ---- gamma and friends ---- */

/* ln Gamma(x), x > 0 (smaller counts as 1e-150). Re-entrant, unlike lgamma(). */
double wn_log_gamma(double x);
/* ln B(a, b) without cancellation for large a, b; a, b > 0 (smaller counts as 1e-150). */
double wn_log_beta(double a, double b);
/* The derivative of ln Gamma, x > 0 (smaller counts as 1e-150). Recurrence to x >= 10, then the
 * asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.18). Near its zero at 1.4616 the error is
 * 1e-14 absolute. */
double wn_digamma(double x);
/* The second derivative of ln Gamma, x > 0 (smaller counts as 1e-150). A. and S. 6.4.6, 6.4.12. */
double wn_trigamma(double x);

/* ---- incomplete functions ---- */

/* The regularised incomplete beta I_x(a, b), a, b > 0, x in [0, 1] (clipped). Lentz's continued
 * fraction, mirrored at x > (a+1)/(a+b+2); factor by saddle point (Loader 2000), which keeps the
 * accuracy for large a, b. Above a + b = 1e10: Peizer and Pratt's normal approximation (1e-5
 * relative in the middle). Cost: O(sqrt(max(a, b))). */
double wn_beta_inc(double a, double b, double x);
/* 1 - I_x(a, b), exact where that is tiny. */
double wn_beta_inc_upper(double a, double b, double x);
/* The regularised lower and upper incomplete gamma P(a, x), Q(a, x); a > 0, x >= 0 (clipped).
 * Series below x = a + 1, continued fraction above; above a = 1e10 Wilson and Hilferty. Cost:
 * O(sqrt(a)). */
double wn_gamma_inc(double a, double x);
double wn_gamma_inc_upper(double a, double x);

/* Gauss's 2F1(a, b; c; z) for c > 0 (smaller counts as 1e-150) and 0 <= z < 1 (clipped): the series,
 * after Euler's transform (1-z)^(c-a-b) 2F1(c-a, c-b; c; z) where that converges faster; beyond
 * z = 0.9 about 1 - z (Abramowitz and Stegun 15.3.3, 15.3.6) unless c - a - b is within .02 of a
 * whole number, where the series takes 40 / (1 - z) terms, 1e6 at most. 1e-11 relative, unless the
 * result is small beside its terms. Clipped to +-1e300. */
double wn_hyp2f1(double a, double b, double c, double z);

/* ---- probabilities, by saddle point: Loader, "Fast and accurate computation of binomial
 * probabilities", 2000 ---- */

/* ln of the binomial probability of x among n at probability p, for real 0 <= x <= n; -1e308 where
 * it is impossible. q = 1 - p is given beside p so that neither loses digits. */
double wn_log_binomial(double x, double n, double p, double q);
/* ln of the Poisson probability of x at a mean; real x >= 0, mean >= 0; -1e308 where impossible. */
double wn_log_poisson(double x, double mean);

/* ---- the normal distribution ---- */

/* P(Z <= x), P(Z > x): exact in the tails. NaN counts as 0. */
double wn_normal_cdf(double x);
double wn_normal_upper(double x);
/* ln P(Z > x), finite for |x| <= 1e150 (clipped). */
double wn_normal_log_upper(double x);
/* The x with P(Z <= x) = p. p outside [1e-300, 1 - 1e-16] is moved to that edge, NaN to 0.5.
 * Acklam's rational approximation and one step of Halley's method. */
double wn_normal_quantile(double p);

/* ---- stable logarithms ---- */

/* ln(1 + e^x), four branches (Machler, "Accurately computing log(1 - exp(-|a|))", 2012). */
double wn_log1pexp(double x);
/* 1 / (1 + e^-x), never through e^(+big). In [0, 1]. */
double wn_sigmoid(double x);
/* ln(p / (1 - p)), p clipped to [1e-300, 1 - 1e-16]. */
double wn_logit(double p);
/* ln(e^a + e^b); -1e308 stands for ln 0. */
double wn_log_add(double a, double b);
/* ln of the sum of e^x[i]; n = 0 gives -1e308. NaN elements count as ln 0. */
double wn_log_sum_exp(const double *x, size_t n);

#endif
