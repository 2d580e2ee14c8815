/* Sums that do not lose digits, and running mean and variance.
 *
 * Small structs by value or pointer, nothing allocated; safe from any thread on its own data. */
#ifndef WN_LEARN_SUMS_H
#define WN_LEARN_SUMS_H

#include "core/base.h"

/* A compensated sum; zero-initialise. Error about 1 unit in the last place of the result however
 * many terms. Source: Neumaier, ZAMM 54, 1974. Not for code compiled with -ffast-math. */
struct wn_sum {
    double sum, lost;
};
static inline void wn_sum_add(struct wn_sum *s, double x)
{
    double t = s->sum + x, big = s->sum < 0 ? -s->sum : s->sum, small = x < 0 ? -x : x;
    s->lost += big >= small ? (s->sum - t) + x : (x - t) + s->sum;
    s->sum = t;
}
static inline double wn_sum_value(const struct wn_sum *s)
{
    return s->sum + s->lost;
}
/* Of an array; 0 for none. */
double wn_sum_of(const double *x, size_t n);

/* Weighted running mean and variance; zero-initialise. Weights >= 0; a value or weight that is not
 * finite is left out. Source: West, CACM 22(9), 1979. */
struct wn_moments {
    double weight;    /* sum of weights */
    double weight_sq; /* sum of squared weights, for the effective number */
    double mean;
    double spread; /* sum of weight * (x - mean)^2 */
};
void wn_moments_add(struct wn_moments *m, double x, double weight);
/* Multiplies what is known so far by keep in [0, 1]: old values count less. */
void wn_moments_decay(struct wn_moments *m, double keep);
/* As if the values of b had been added to a. */
void wn_moments_merge(struct wn_moments *a, const struct wn_moments *b);
/* Variance of the values (divided by the weight); 0 for fewer than two. */
double wn_moments_variance(const struct wn_moments *m);
/* Unbiased for reliability weights: spread / (weight - weight_sq / weight); 0 where undefined. */
double wn_moments_variance_unbiased(const struct wn_moments *m);
/* (sum of weights)^2 / sum of squares: how many equally weighted values it is worth. */
double wn_moments_n_effective(const struct wn_moments *m);

#endif
