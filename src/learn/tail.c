#include "learn/tail.h"

#include "learn/special.h"

#include <math.h>

/* Into [lo, hi]; NaN gives lo. */
static double clip(double x, double lo, double hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

static void finish(struct wn_tail *t)
{
    t->lower = clip(t->lower, 0, 1);
    t->upper = clip(t->upper, 0, 1);
    t->equal = clip(t->equal, 0, 1);
    double a = t->lower - t->equal / 2, b = t->upper - t->equal / 2;
    t->mid_p = clip(2 * (a < b ? a : b), 1e-300, 1);
}

/* Nothing lies below 0. */
static bool below_zero(double x, struct wn_tail *out)
{
    if (x >= 0)
        return false;
    *out = (struct wn_tail){.lower = 0, .upper = 1, .equal = 0, .mid_p = 1e-300};
    return true;
}

void wn_tail_poisson(double x, double mean, struct wn_tail *out)
{
    x = clip(x, -1, 1e300);
    mean = clip(mean, 0, 1e300);
    if (below_zero(x, out))
        return;
    double lo = floor(x), hi = ceil(x);
    out->lower = mean > 0 ? wn_gamma_inc_upper(lo + 1, mean) : 1;
    out->upper = hi > 0 ? (mean > 0 ? wn_gamma_inc(hi, mean) : 0) : 1;
    out->equal = lo < hi ? 0 : exp(wn_log_poisson(x, mean));
    finish(out);
}

void wn_tail_nb(double x, double mean, double size, struct wn_tail *out)
{
    size = clip(size, 1e-6, 1e300);
    mean = clip(mean, 0, 1e300);
    x = clip(x, -1, 1e300);
    if (size > WN_NB_SIZE_MAX || mean <= 0) {
        wn_tail_poisson(x, mean, out);
        return;
    }
    if (below_zero(x, out))
        return;
    double lo = floor(x), hi = ceil(x), p = size / (size + mean), q = mean / (size + mean);
    /* I_p(size, lo + 1) and its complement; q is passed where it is the exact one. */
    if (p <= 0.5) {
        out->lower = wn_beta_inc(size, lo + 1, p);
        out->upper = hi > 0 ? wn_beta_inc_upper(size, hi, p) : 1;
    } else {
        out->lower = wn_beta_inc_upper(lo + 1, size, q);
        out->upper = hi > 0 ? wn_beta_inc(hi, size, q) : 1;
    }
    /* P(x) = size/(size+x) * Binomial(size; size+x, p). */
    out->equal = lo < hi ? 0 : exp(wn_log_binomial(size, size + x, p, q)) * size / (size + x);
    finish(out);
}

static double log_bb(double x, double n, double a, double b)
{
    return wn_log_beta(x + a, n - x + b) - wn_log_beta(a, b) - wn_log_beta(x + 1, n - x + 1) -
           log(n + 1);
}

/* The sum of the probabilities from x downwards (to 0), by ratios of neighbours. */
static double bb_sum_down(double x, double n, double a, double b, double at_x)
{
    double sum = at_x, term = at_x;
    double k = x;
    while (k >= 1 && term > sum * 1e-17) {
        /* P(k-1)/P(k) */
        term *= k / (n - k + 1) * (n - k + b) / (k - 1 + a);
        sum += term;
        k -= 1;
    }
    return sum;
}

void wn_tail_beta_binomial(double x, double n, double a, double b, struct wn_tail *out)
{
    n = floor(clip(n, 0, 1e300));
    x = clip(x, -1, 1e300);
    a = clip(a, 1e-6, 1e15);
    b = clip(b, 1e-6, 1e15);
    if (below_zero(x, out))
        return;
    if (x > n) {
        *out = (struct wn_tail){.lower = 1, .upper = 0, .equal = 0, .mid_p = 1e-300};
        return;
    }
    double lo = floor(x), hi = ceil(x);
    if (a + b > 1e9 && a + b > 1e4 * n) {
        /* The rate is known: binomial. The logarithms below would lose their digits. */
        double p = a / (a + b), q = b / (a + b);
        out->lower = lo < n ? wn_beta_inc(n - lo, lo + 1, q) : 1;
        out->upper = hi > 0 ? wn_beta_inc(hi, n - hi + 1, p) : 1;
        out->equal = lo < hi ? 0 : exp(wn_log_binomial(x, n, p, q));
        finish(out);
        return;
    }
    if (lo > WN_BB_TERMS_MAX && n - hi > WN_BB_TERMS_MAX) {
        /* The count is Beta(a, b) but for its own noise: match the variance. */
        double p = a / (a + b);
        double phi = (a + b) * (1 + 1 / n) / (1 + (a + b) / n);
        double edge_lo = (lo + 0.5) / n, edge_hi = (hi - 0.5) / n;
        out->lower = wn_beta_inc(p * phi, (1 - p) * phi, edge_lo);
        out->upper = wn_beta_inc_upper(p * phi, (1 - p) * phi, edge_hi);
        out->equal = lo < hi ? 0 : exp(log_bb(lo, n, a, b));
        finish(out);
        return;
    }
    double at_lo = exp(log_bb(lo, n, a, b)), at_hi = lo < hi ? exp(log_bb(hi, n, a, b)) : at_lo;
    if (lo <= n - hi) {
        out->lower = bb_sum_down(lo, n, a, b, at_lo);
        out->upper = 1 - out->lower + (lo < hi ? 0 : at_lo);
    } else {
        out->upper = bb_sum_down(n - hi, n, b, a, at_hi);
        out->lower = 1 - out->upper + (lo < hi ? 0 : at_hi);
    }
    /* The far side by its own sum where the complement has lost its digits. */
    if (out->upper < 1e-6 && n - hi <= WN_BB_TERMS_MAX)
        out->upper = bb_sum_down(n - hi, n, b, a, at_hi);
    if (out->lower < 1e-6 && lo <= WN_BB_TERMS_MAX)
        out->lower = bb_sum_down(lo, n, a, b, at_lo);
    out->equal = lo < hi ? 0 : at_lo;
    finish(out);
}

void wn_tail_rate(double x, double n, double p, double phi, struct wn_tail *out)
{
    p = clip(p, 1e-9, 1 - 1e-9);
    phi = clip(phi, 1e-3, 1e12);
    wn_tail_beta_binomial(x, n, p * phi, (1 - p) * phi, out);
}

double wn_tail_score(const struct wn_tail *t)
{
    double a = t->lower - t->equal / 2, b = t->upper - t->equal / 2;
    double z = a < b ? wn_normal_quantile(a) : -wn_normal_quantile(b);
    return clip(z, -37, 37);
}

double wn_tail_revenue(double revenue, double mean_orders, double size, double order_value,
                       double cv)
{
    double n = clip(mean_orders, 0, 1e150), value = clip(order_value, 0, 1e150);
    double mean = n * value;
    revenue = clip(revenue, 0, 1e300);
    if (mean <= 0)
        return revenue > 0 ? 1e-300 : 1;
    size = clip(size, 1e-6, 1e300);
    cv = clip(cv, 0, 1e6);
    double over = (1 + cv * cv + n / size) / n; /* variance / mean^2 */
    double s2 = log1p(over);
    if (revenue <= 0) {
        /* No revenue is no order: the negative binomial knows that exactly. */
        struct wn_tail t;
        wn_tail_nb(0, n, size, &t);
        return clip(2 * t.lower, 1e-300, 1);
    }
    double z = (log(revenue) - log(mean) + s2 / 2) / sqrt(s2);
    return clip(2 * wn_normal_upper(fabs(z)), 1e-300, 1);
}

double wn_nb_size_fit(const double *x, const double *mean, size_t n, double prior_size,
                      double n_prior)
{
    /* E[(x - m)^2 - m] = m^2 / size: the least-squares fit of 1/size, rows weighted by the
     * precision of standardised residuals, (1 + m/size)^-2 at the prior size. */
    prior_size = clip(prior_size, 0.05, WN_NB_SIZE_MAX);
    n_prior = clip(n_prior, 0, 1e12);
    double top = 0, bottom = 0, n_used = 0;
    for (size_t i = 0; i < n; i++) {
        double m = mean[i];
        if (!isfinite(x[i]) || !isfinite(m) || !(m > 0) || m > 1e100 || fabs(x[i]) > 1e100)
            continue;
        double w = 1 / (1 + m / prior_size);
        double r = (x[i] - m) * (x[i] - m) / m - 1; /* standardised: E = m / size */
        top += w * r;
        bottom += w * m;
        n_used += 1;
    }
    double inverse = 1 / prior_size;
    if (n_used > 0 && bottom > 0) {
        double own = clip(top / bottom, 0, 1e6);
        inverse = (own * n_used + inverse * n_prior) / (n_used + n_prior);
    }
    return clip(inverse > 0 ? 1 / inverse : WN_NB_SIZE_MAX, 0.05, WN_NB_SIZE_MAX);
}

double wn_delay_part(double age, double mean_delay)
{
    if (!(mean_delay > 0))
        return 1;
    if (!(age > 0))
        return 0;
    return -expm1(-age / mean_delay);
}

/* ---- peaks over threshold ---- */

/* The profile log-likelihood of theta = xi / sigma (per excess), with its xi. */
static double profile(const double *x, size_t n, double theta, double *xi)
{
    double sum = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0) || !isfinite(x[i]))
            continue;
        double y = 1 + theta * x[i];
        if (!(y > 0))
            return -INFINITY;
        sum += log1p(theta * x[i]);
        used++;
    }
    *xi = sum / (double)used;
    if (fabs(*xi) < 1e-12 || *xi / theta <= 0)
        return -INFINITY;
    return -log(*xi / theta) - *xi - 1;
}

wn_rc wn_pot_fit(double threshold, const double *excess, size_t n_over, double n,
                 struct wn_pot *out, struct wn_why *why)
{
    double sum = 0, top = 0;
    size_t used = 0;
    for (size_t i = 0; i < n_over; i++) {
        if (!(excess[i] > 0) || excess[i] > 1e150)
            continue;
        sum += excess[i];
        top = excess[i] > top ? excess[i] : top;
        used++;
    }
    if (used == 0)
        return wn_fail(why, WN_INVALID, "excess", "there is no value beyond the threshold");
    if (!isfinite(threshold) || !(n >= (double)used))
        return wn_fail(why, WN_INVALID, "n", "n is smaller than the number of excesses");
    double mean = sum / (double)used;
    struct wn_pot p = {threshold, mean, 0, n < 1e300 ? n : 1e300, (double)used};
    if (used >= 50) {
        /* Grimshaw reduces the two parameters to the one-dimensional theta, which lies between
         * -1/max and 2/mean (times a few); a scan finds the hump, golden section its top. */
        double best = -log(mean) - 1, lo = -1 / top * (1 - 1e-6), hi = 4 / mean, xi = 0;
        double best_theta = 0;
        for (int i = 0; i < 100; i++) {
            double u = (i + 0.5) / 100, theta = lo + (hi - lo) * u * u;
            double l = profile(excess, n_over, theta, &xi);
            if (l > best) {
                best = l;
                best_theta = theta;
            }
        }
        double width = (hi - lo) / 50, a = best_theta - width, b = best_theta + width;
        a = a > lo ? a : lo;
        for (int i = 0; i < 60; i++) {
            double c = b - (b - a) * 0.6180339887498949, d = a + (b - a) * 0.6180339887498949;
            if (profile(excess, n_over, c, &xi) > profile(excess, n_over, d, &xi))
                b = d;
            else
                a = c;
        }
        double theta = (a + b) / 2, l = profile(excess, n_over, theta, &xi);
        if (l >= best - 1e-12 && isfinite(l)) {
            p.shape = clip(xi, -0.5, 0.5);
            p.scale = xi / theta;
            if (p.shape < xi || p.shape > xi) /* the scale that keeps the mean */
                p.scale = mean * (1 - p.shape);
        }
    }
    *out = p;
    return WN_OK;
}

double wn_pot_quantile(const struct wn_pot *p, double q)
{
    double ratio = clip(q, 1e-15, 1) * p->n / (p->n_over > 0 ? p->n_over : 1);
    double z = p->threshold;
    if (fabs(p->shape) < 1e-9)
        z -= p->scale * log(ratio);
    else
        z += p->scale / p->shape * (pow(ratio, -p->shape) - 1);
    return clip(z, -1e300, 1e300);
}

double wn_pot_upper(const struct wn_pot *p, double x)
{
    double part = p->n > 0 ? clip(p->n_over / p->n, 0, 1) : 1;
    if (!(x > p->threshold))
        return part;
    double y = (x - p->threshold) / (p->scale > 0 ? p->scale : 1e-300);
    if (fabs(p->shape) < 1e-9)
        return part * exp(-y);
    double base = 1 + p->shape * y;
    return base > 0 ? clip(part * pow(base, -1 / p->shape), 0, 1) : 0;
}

void wn_cusum_init(struct wn_cusum *c, double k, double h)
{
    *c = (struct wn_cusum){.k = clip(k, 0, 10), .h = clip(h, 0.1, 1e6)};
}

int wn_cusum_push(struct wn_cusum *c, double z)
{
    if (isnan(z))
        return 0;
    z = clip(z, -4, 4);
    c->up = c->up + z - c->k;
    c->down = c->down - z - c->k;
    c->n_up = c->up > 0 ? c->n_up + 1 : 0;
    c->n_down = c->down > 0 ? c->n_down + 1 : 0;
    c->up = c->up > 0 ? c->up : 0;
    c->down = c->down > 0 ? c->down : 0;
    int alarm = c->up > c->h ? 1 : (c->down > c->h ? -1 : 0);
    if (alarm)
        c->up = c->down = c->n_up = c->n_down = 0;
    return alarm;
}
