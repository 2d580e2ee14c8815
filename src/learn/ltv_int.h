/* What the files of lifetime value share. Times and money are scaled to a mean of 1 while fitting,
 * so that walls, priors and starts mean the same for every unit. */
#ifndef WN_LEARN_LTV_INT_H
#define WN_LEARN_LTV_INT_H

#include "learn/optimise.h"
#include "learn/sums.h"
#include "winnow/ltv.h"

enum { LTV_RATES = 4, LTV_RATES_PACKED = 10, LTV_MONEY = 3, LTV_MONEY_PACKED = 6 };

/* Different customers, and how many of each. */
struct ltv_row {
    double x, recency, age, n;
};

/* A sum of log-likelihoods with its first and second derivatives by the natural parameters. */
struct ltv_slope {
    struct wn_sum value;
    double gradient[LTV_RATES];
    double hessian[LTV_RATES_PACKED];
};

/* Adds n times the part of one row's log-likelihood that depends on its times. */
void wn_ltv_add_times(wn_ltv_kind kind, const double *theta, const struct ltv_row *row,
                      struct ltv_slope *out);
/* Adds the part that depends on its frequency only, of n customers. */
void wn_ltv_add_frequency(wn_ltv_kind kind, const double *theta, double x, double n,
                          struct ltv_slope *out);

/* A quadratic wall on each side of [low, high]: nothing inside, ((u - edge) / .5)^2 / 2 outside.
 * Adds to value, *gradient and *curvature; true outside. */
bool wn_ltv_add_wall(double u, double low, double high, double *value, double *gradient,
                     double *curvature);

/* Fits the values of those who came back. scratch: freed by the caller. channel_level in a. */
WN_MUST_USE wn_rc wn_ltv_fit_money(const struct wn_ltv_customer *customers, size_t n,
                                   size_t n_channels, wn_ltv_prior prior, struct wn_arena *scratch,
                                   struct wn_arena *a, struct wn_ltv_money *out,
                                   struct wn_why *why);

/* Newton's method, u [n] in and out, n <= LTV_RATES; from the simplex's answer where it does not
 * settle by itself. Settled is where another step would gain less than 1e-6 of log-likelihood. */
WN_MUST_USE wn_rc wn_ltv_descend(wn_newton_fn *f, wn_many_fn *value_of, void *context, double *u,
                                 size_t n, bool *is_converged);
/* Covariance from a Hessian of order n <= LTV_RATES at the end of a search: its inverse, made proper
 * where the data say little or the end is no minimum. Fails: INVALID (not finite). */
WN_MUST_USE wn_rc wn_ltv_spread(const double *hessian, size_t n, double *covariance);
/* Inverse of a positive definite matrix, packed, order n <= LTV_RATES. */
WN_MUST_USE wn_rc wn_ltv_inverse(const double *matrix, size_t n, double *out);

/* What a customer's values are multiplied by, for band and channel. */
double wn_ltv_level(const struct wn_ltv_money *money, const struct wn_ltv_customer *c);

/* The lowest q of Gamma-Gamma: at 1 the mean of a new customer would be infinite. */
#define LTV_Q_FLOOR 1.05
/* So many purchases tell their mean exactly; more would only lose digits. */
#define LTV_X_ENOUGH 1e6

/* Checks customers, INVALID with the place in why->line. */
WN_MUST_USE wn_rc wn_ltv_check_customers(const struct wn_ltv_customer *customers, size_t n,
                                         size_t n_channels, struct wn_why *why);

#endif
