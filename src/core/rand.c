#include "core/rand.h"

#include <math.h>

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void wn_rand_init(struct wn_rand *r, uint64_t seed)
{
    *r = (struct wn_rand){0};
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t wn_rand_mix(uint64_t a, uint64_t b)
{
    uint64_t state = a;
    state = splitmix(&state) ^ b;
    return splitmix(&state);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t wn_rand_u64(struct wn_rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t wn_rand_below(struct wn_rand *r, uint64_t n)
{
    WN_ASSERT(n > 0);
    uint64_t reject_below = (0 - n) % n; /* the 2^64 mod n values that would favour small results */
    for (;;) {
        uint64_t x = wn_rand_u64(r);
        if (x >= reject_below)
            return x % n;
    }
}

double wn_rand_uniform(struct wn_rand *r)
{
    return (double)(wn_rand_u64(r) >> 11) * 0x1.0p-53;
}

double wn_rand_open(struct wn_rand *r)
{
    return ((double)(wn_rand_u64(r) >> 11) + 0.5) * 0x1.0p-53;
}

double wn_rand_normal(struct wn_rand *r)
{
    if (r->has_spare) {
        r->has_spare = false;
        return r->spare_normal;
    }
    for (;;) {
        double u = 2 * wn_rand_uniform(r) - 1;
        double v = 2 * wn_rand_uniform(r) - 1;
        double q = u * u + v * v;
        if (q >= 1 || q == 0)
            continue;
        double f = sqrt(-2 * log(q) / q);
        r->spare_normal = v * f;
        r->has_spare = true;
        return u * f;
    }
}

double wn_rand_exponential(struct wn_rand *r)
{
    return -log(wn_rand_open(r));
}

double wn_rand_log_gamma(struct wn_rand *r, double shape)
{
    WN_ASSERT(shape > 0);
    double boost = 0;
    if (shape < 1) { /* Gamma(a) = Gamma(a + 1) * U^(1/a) */
        boost = log(wn_rand_open(r)) / shape;
        shape += 1;
    }
    double d = shape - 1.0 / 3;
    double c = 1 / sqrt(9 * d);
    for (;;) {
        double x = wn_rand_normal(r);
        double v = 1 + c * x;
        if (v <= 0)
            continue;
        v = v * v * v;
        if (log(wn_rand_open(r)) < 0.5 * x * x + d - d * v + d * log(v))
            return log(d) + log(v) + boost;
    }
}

double wn_rand_gamma(struct wn_rand *r, double shape)
{
    return exp(wn_rand_log_gamma(r, shape));
}

double wn_rand_beta(struct wn_rand *r, double a, double b)
{
    double la = wn_rand_log_gamma(r, a);
    double lb = wn_rand_log_gamma(r, b);
    double p = 1 / (1 + exp(lb - la));
    if (p <= 0)
        return 0x1.0p-1022;
    return p >= 1 ? 1 - 0x1.0p-53 : p;
}

static uint64_t poisson_by_inversion(struct wn_rand *r, double mean)
{
    double p = exp(-mean), sum = p, u = wn_rand_uniform(r);
    uint64_t k = 0;
    while (u >= sum && k < 1000) {
        k++;
        p *= mean / (double)k;
        sum += p;
    }
    return k;
}

/* ln of the Poisson probability of k, as a deviance: no difference of large numbers, so that means
 * of 1e15 work, and no lgamma, which writes a global. Source: C. Loader, "Fast and accurate
 * computation of binomial probabilities", 2000. */
static double log_poisson(double k, double mean)
{
    if (k < 16) {
        double log_factorial = 0;
        for (int i = 2; i <= (int)k; i++)
            log_factorial += log(i);
        return k * log(mean) - mean - log_factorial;
    }
    double d = (mean - k) / k, deviance; /* k * (d - ln(1 + d)) */
    if (fabs(d) < 0.02)
        deviance = d * d * (0.5 - d * (1.0 / 3 - d * (0.25 - d * (0.2 - d * (1.0 / 6 - d / 7)))));
    else
        deviance = d - log1p(d);
    double stirling = (1.0 / 12 - (1.0 / 360 - 1.0 / (1260 * k * k)) / (k * k)) / k;
    return -k * deviance - 0.5 * log(2 * 3.14159265358979324 * k) - stirling;
}

/* W. Hormann, "The transformed rejection method for generating Poisson random variables", 1993. */
uint64_t wn_rand_poisson(struct wn_rand *r, double mean)
{
    WN_ASSERT(mean >= 0 && mean <= 1e15);
    if (mean < 30)
        return poisson_by_inversion(r, mean);
    double b = 0.931 + 2.53 * sqrt(mean);
    double a = -0.059 + 0.02483 * b;
    double inv_alpha = 1.1239 + 1.1328 / (b - 3.4);
    double v_r = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = wn_rand_uniform(r) - 0.5;
        double v = wn_rand_open(r);
        double us = 0.5 - fabs(u);
        double k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r)
            return (uint64_t)k;
        if (k < 0 || (us < 0.013 && v > us))
            continue;
        if (log(v) + log(inv_alpha) - log(a / (us * us) + b) <= log_poisson(k, mean))
            return (uint64_t)k;
    }
}

static uint64_t binomial_by_inversion(struct wn_rand *r, uint64_t n, double p)
{
    double odds = p / (1 - p);
    double f = exp((double)n * log1p(-p)), sum = f, u = wn_rand_uniform(r);
    uint64_t k = 0;
    while (u >= sum && k < n) {
        f *= odds * ((double)(n - k) / (double)(k + 1));
        k++;
        sum += f;
    }
    return k;
}

/* Relles (1972): the median of n uniform numbers is a beta draw; those below it are counted at
 * once, and the rest of the question is half as large. */
uint64_t wn_rand_binomial(struct wn_rand *r, uint64_t n, double p)
{
    if (!(p > 0) || n == 0)
        return 0;
    if (p >= 1)
        return n;
    uint64_t successes = 0;
    while ((double)n * (p < 0.5 ? p : 1 - p) >= 30) {
        uint64_t i = n / 2 + 1;
        double median = wn_rand_beta(r, (double)i, (double)(n + 1 - i));
        if (median <= p) {
            successes += i;
            n -= i;
            p = (p - median) / (1 - median);
        } else {
            n = i - 1;
            p /= median;
        }
        if (n == 0 || p <= 0)
            return successes;
        if (p >= 1)
            return successes + n;
    }
    if (p > 0.5)
        return successes + n - binomial_by_inversion(r, n, 1 - p);
    return successes + binomial_by_inversion(r, n, p);
}
