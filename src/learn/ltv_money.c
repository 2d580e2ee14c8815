/* Gamma-Gamma: what a purchase is worth, and whether that goes with how often they come. */
#include "learn/linalg.h"
#include "learn/ltv_int.h"
#include "learn/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WALL 9.3

static const double centre[LTV_MONEY] = {4, 3, .8}; /* p, q - floor, v of mean values of 1 */
static const double prior_sd = 1.5;
static const double level_sd = .3; /* of the level of a band or channel around the account's */
static const size_t n_enough = 500;

struct buyer {
    double x, value;
    uint32_t channel;
};

/* ---- the likelihood -----------------------------------------------------------------------------
 */

struct objective {
    const struct buyer *buyers; /* [n], by x */
    size_t n;
    bool has_prior, is_at_wall;
    double log_likelihood;
};

/* What depends on x alone, of n buyers with the same. g, h by p, q, v. */
static double add_count(double p, double q, double x, double n, double *g, double *h)
{
    double px = p * x, psi = wn_digamma(px + q), psi1 = wn_trigamma(px + q);
    g[0] += n * x * (psi - wn_digamma(px) + log(x));
    g[1] += n * (psi - wn_digamma(q));
    h[0] += n * x * x * (psi1 - wn_trigamma(px));
    h[1] += n * x * psi1;
    h[2] += n * (psi1 - wn_trigamma(q));
    return n * (wn_log_gamma(px + q) - wn_log_gamma(px) - wn_log_gamma(q) + px * log(x));
}

static double add_value(double p, double q, double v, const struct buyer *b, double *g, double *h)
{
    double x = b->x, sum = v + x * b->value, log_sum = log(sum), log_value = log(b->value);
    double k = p * x + q;
    g[0] += x * (log_value - log_sum);
    g[1] += log(v) - log_sum;
    g[2] += q / v - k / sum;
    h[3] -= x / sum;
    h[4] += 1 / v - 1 / sum;
    h[5] += k / (sum * sum) - q / (v * v);
    return q * log(v) + (p * x - 1) * log_value - k * log_sum;
}

static double minus_log_posterior(void *context, const double *u, size_t n, double *gradient,
                                  double *hessian)
{
    struct objective *o = context;
    double g[LTV_MONEY] = {0}, h[LTV_MONEY_PACKED] = {0}, slope[LTV_MONEY] = {0};
    struct wn_sum sum = {0};
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(u[i]) < 40))
            return INFINITY;
        slope[i] = exp(u[i]);
    }
    double p = slope[0], q = LTV_Q_FLOOR + slope[1], v = slope[2];
    for (size_t from = 0, to; from < o->n; from = to) {
        for (to = from; to < o->n && o->buyers[to].x == o->buyers[from].x; to++)
            wn_sum_add(&sum, add_value(p, q, v, &o->buyers[to], g, h));
        wn_sum_add(&sum, add_count(p, q, o->buyers[from].x, (double)(to - from), g, h));
    }
    o->log_likelihood = wn_sum_value(&sum);
    o->is_at_wall = false;
    double value = -o->log_likelihood, *out = hessian;
    const double *in = h;
    for (size_t i = 0; i < n; i++) {
        gradient[i] = -slope[i] * g[i];
        for (size_t k = 0; k <= i; k++)
            *out++ = -slope[i] * slope[k] * *in++ + (k == i ? gradient[i] : 0);
    }
    for (size_t i = 0; i < n; i++) {
        double from = u[i] - log(centre[i]), *curvature = &hessian[wn_packed_at(i, i)];
        o->is_at_wall |= wn_ltv_add_wall(u[i], -WALL, WALL, &value, &gradient[i], curvature);
        if (o->has_prior) {
            value += .5 * from * from / (prior_sd * prior_sd);
            gradient[i] += from / (prior_sd * prior_sd);
            *curvature += 1 / (prior_sd * prior_sd);
        }
    }
    return value;
}

static double value_only(void *context, const double *u, size_t n)
{
    double gradient[LTV_MONEY], hessian[LTV_MONEY_PACKED];
    return minus_log_posterior(context, u, n, gradient, hessian);
}

static wn_rc fit(struct objective *o, struct wn_ltv_money *out)
{
    double u[LTV_MONEY], gradient[LTV_MONEY], hessian[LTV_MONEY_PACKED];
    for (size_t i = 0; i < LTV_MONEY; i++)
        u[i] = log(centre[i]);
    wn_rc rc = wn_ltv_descend(minus_log_posterior, value_only, o, u, LTV_MONEY, &out->is_converged);
    if (rc)
        return rc;
    (void)minus_log_posterior(o, u, LTV_MONEY, gradient, hessian);
    out->p = exp(u[0]);
    out->q = LTV_Q_FLOOR + exp(u[1]);
    out->v = exp(u[2]);
    out->is_at_wall = o->is_at_wall;
    out->log_likelihood = o->log_likelihood;
    return wn_ltv_spread(hessian, LTV_MONEY, out->covariance);
}

/* ---- levels -------------------------------------------------------------------------------------
 */

static double correlation(const struct buyer *b, size_t n)
{
    double mx = 0, mv = 0, xx = 0, vv = 0, xv = 0;
    for (size_t i = 0; i < n; i++) {
        mx += b[i].x / (double)n;
        mv += b[i].value / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double x = b[i].x / mx - 1, v = b[i].value / mv - 1;
        xx += x * x;
        vv += v * v;
        xv += x * v;
    }
    return xx > 0 && vv > 0 ? xv / sqrt(xx * vv) : 0;
}

/* The level of some among values whose mean is 1: their mean, drawn to 1 as far as it is noise. */
static double level_of(double n, double sum, double sum_sq)
{
    if (n < 1)
        return 1;
    double mean = sum / n, spread = fmax(sum_sq / n - mean * mean, 0);
    double noise = fmax(spread, .1) / n,
           share = level_sd * level_sd / (level_sd * level_sd + noise);
    return fmax(1 + share * (mean - 1), .01);
}

/* Bands of about equally many buyers; a frequency is never divided. Buyers are by x. */
static void find_bands(const struct buyer *b, size_t n, struct wn_ltv_money *out)
{
    out->n_bands = 0;
    for (size_t from = 0, to; from < n && out->n_bands < WN_LTV_BANDS_MAX; from = to) {
        double sum = 0, sum_sq = 0;
        size_t end = n * (out->n_bands + 1) / WN_LTV_BANDS_MAX;
        for (to = from; to < n && (to < end || to == from || b[to].x == b[to - 1].x); to++) {
            sum += b[to].value;
            sum_sq += b[to].value * b[to].value;
        }
        if (to - from < n / (2 * WN_LTV_BANDS_MAX) && out->n_bands) /* a rest joins the last */
            break;
        out->band_from[out->n_bands] = out->n_bands ? b[from].x : 0;
        out->band_level[out->n_bands++] = level_of((double)(to - from), sum, sum_sq);
    }
}

static double band_level(const struct wn_ltv_money *m, double x)
{
    size_t k = m->n_bands;
    while (k > 1 && x < m->band_from[k - 1])
        k--;
    return k ? m->band_level[k - 1] : 1;
}

static wn_rc find_channels(const struct buyer *b, size_t n, size_t n_channels,
                           struct wn_arena *scratch, struct wn_ltv_money *out)
{
    double *sums = WN_ARENA_ARRAY(scratch, 3 * n_channels, double);
    if (!sums)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        double *s = sums + 3 * (size_t)b[i].channel;
        s[0]++;
        s[1] += b[i].value;
        s[2] += b[i].value * b[i].value;
    }
    for (size_t k = 0; k < n_channels; k++)
        out->channel_level[k] = level_of(sums[3 * k], sums[3 * k + 1], sums[3 * k + 2]);
    return WN_OK;
}

static int by_frequency(const void *a, const void *b)
{
    const struct buyer *x = a, *y = b;
    if (x->x != y->x)
        return x->x < y->x ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Divides the values by their levels. */
static wn_rc level_all(struct buyer *b, size_t n, size_t n_channels, struct wn_arena *scratch,
                       struct wn_ltv_money *out)
{
    const double matters = .15; /* CDNOW, whose published fit takes them as independent, has .11 */
    out->correlation = correlation(b, n);
    out->n_bands = 1;
    out->band_level[0] = 1;
    /* Two standard errors: a correlation of few buyers is mostly chance. */
    if (fabs(out->correlation) >= matters && fabs(out->correlation) > 2 / sqrt((double)n))
        find_bands(b, n, out);
    for (size_t i = 0; i < n; i++)
        b[i].value /= band_level(out, b[i].x);
    wn_rc rc = n_channels > 1 ? find_channels(b, n, n_channels, scratch, out) : WN_OK;
    for (size_t i = 0; i < n; i++)
        b[i].value /= out->channel_level[b[i].channel];
    out->correlation_left = correlation(b, n);
    return rc;
}

/* ---- the fit ------------------------------------------------------------------------------------
 */

wn_rc wn_ltv_fit_money(const struct wn_ltv_customer *customers, size_t n, size_t n_channels,
                       wn_ltv_prior prior, struct wn_arena *scratch, struct wn_arena *a,
                       struct wn_ltv_money *out, struct wn_why *why)
{
    size_t n_buyers = 0;
    double unit = 0, log_levels = 0;
    for (size_t i = 0; i < n; i++)
        n_buyers += customers[i].frequency > 0 && customers[i].monetary > 0;
    *out = (struct wn_ltv_money){.n_buyers = n_buyers, .is_converged = true};
    out->channel_level = WN_ARENA_ARRAY(a, n_channels, double);
    struct buyer *b = WN_ARENA_ARRAY(scratch, n_buyers, struct buyer);
    if (!out->channel_level || !b)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu values", n_buyers);
    for (size_t k = 0; k < n_channels; k++)
        out->channel_level[k] = 1;
    if (n_buyers == 0)
        return WN_OK;
    for (size_t i = 0, k = 0; i < n; i++) {
        const struct wn_ltv_customer *c = &customers[i];
        if (c->frequency > 0 && c->monetary > 0) {
            b[k++] = (struct buyer){fmin(c->frequency, LTV_X_ENOUGH), c->monetary, c->channel};
            unit += c->monetary / (double)n_buyers;
        }
    }
    qsort(b, n_buyers, sizeof *b, by_frequency);
    for (size_t i = 0; i < n_buyers; i++) {
        b[i].value = fmax(b[i].value / unit, 1e-12);
        log_levels -= log(b[i].value);
    }
    wn_rc rc = level_all(b, n_buyers, n_channels, scratch, out);
    struct objective o = {.buyers = b, .n = n_buyers};
    o.has_prior =
        prior == WN_LTV_PRIOR_ALWAYS || (prior == WN_LTV_PRIOR_AUTO && n_buyers < n_enough);
    if (!rc)
        rc = fit(&o, out);
    if (rc)
        return wn_fail(why, rc, "monetary", "the values of the purchases cannot be fitted");
    /* The density of a value in the units and levels that were divided away. */
    for (size_t i = 0; i < n_buyers; i++)
        log_levels += log(b[i].value);
    out->log_likelihood += log_levels - (double)n_buyers * log(unit);
    out->v *= unit;
    out->is_known = true;
    return WN_OK;
}

double wn_ltv_level(const struct wn_ltv_money *money, const struct wn_ltv_customer *c)
{
    return money->is_known ? band_level(money, c->frequency) * money->channel_level[c->channel] : 1;
}

double wn_ltv_mean_value(const struct wn_ltv_money *money, const struct wn_ltv_customer *c)
{
    if (!money->is_known)
        return 0;
    double level = wn_ltv_level(money, c);
    double x = c->frequency > 0 && c->monetary > 0 ? fmin(c->frequency, LTV_X_ENOUGH) : 0;
    double value = x > 0 ? fmin(c->monetary, WN_LTV_MONEY_MAX) / level : 0;
    double mean = money->p * (money->v + x * value) / (money->p * x + money->q - 1) * level;
    return mean < 1e300 ? mean : 1e300;
}
