/* Random numbers, seeded and passed in: the same seed gives the same numbers on every machine.
 *
 * Generator: xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators",
 * 2021), seeded by splitmix64. Not for secrets. */
#ifndef WN_CORE_RAND_H
#define WN_CORE_RAND_H

#include "core/base.h"

struct wn_rand {
    uint64_t s[4];
    double spare_normal; /* the second value of the polar method, when has_spare */
    bool has_spare;
};

/* Any seed is fine, 0 as well. */
void wn_rand_init(struct wn_rand *r, uint64_t seed);
/* One seed out of several numbers (tenant, campaign, day, job ...): order matters. */
uint64_t wn_rand_mix(uint64_t a, uint64_t b);
uint64_t wn_rand_u64(struct wn_rand *r);
/* Uniform on [0, n), without bias; n > 0. */
uint64_t wn_rand_below(struct wn_rand *r, uint64_t n);
/* Uniform on [0, 1), 53 bits. */
double wn_rand_uniform(struct wn_rand *r);
/* Uniform on (0, 1): safe to take the logarithm of. */
double wn_rand_open(struct wn_rand *r);
/* Mean 0, variance 1. Marsaglia's polar method. */
double wn_rand_normal(struct wn_rand *r);
double wn_rand_exponential(struct wn_rand *r);
/* ln of a Gamma(shape, 1) draw; works in logs so that tiny shapes do not underflow; shape > 0.
 * Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
double wn_rand_log_gamma(struct wn_rand *r, double shape);
double wn_rand_gamma(struct wn_rand *r, double shape);
/* In (0, 1); a, b > 0. */
double wn_rand_beta(struct wn_rand *r, double a, double b);
/* Inversion below a mean of 30, else Hormann's PTRS (1993). Mean from 0 to 1e15. */
uint64_t wn_rand_poisson(struct wn_rand *r, double mean);
/* Sum of n trials of probability p (clipped to 0..1): inversion when n*min(p,1-p) < 30, else
 * recursion over a beta-distributed median order statistic. */
uint64_t wn_rand_binomial(struct wn_rand *r, uint64_t n, double p);

#endif
