/* The two models of purchases: likelihood with derivatives, who is still there, what is to come.
 *
 * Both likelihoods are sums of a few positive terms e^l: the customer is still there, or left at
 * this or that moment. BG/NBD knows two: still there, or gone with the last purchase. Pareto/NBD
 * has an integral over the moment of leaving, which is taken by Gauss's rule on panels: unlike the
 * difference of two 2F1 it loses no digits, and its derivatives are those of its terms. */
#include "learn/linalg.h"
#include "learn/ltv_int.h"
#include "learn/special.h"

#include <math.h>
#include <string.h>

static double clip(double x, double low, double high)
{
    return x > low ? (x < high ? x : high) : low; /* NaN gives low */
}

/* ---- sums of terms ------------------------------------------------------------------------------
 */

/* l = c - k ln(alpha + t) + ... : logarithm of a term, its gradient, and its second derivatives
 * that are not 0: r alpha, alpha alpha, and of the two other parameters. */
struct term {
    double l, g[LTV_RATES];
    double h_01, h_11, h_22, h_23, h_33;
};

/* The sum relative to e^top, with weighted sums of gradients and of (g g' + h). */
struct mixture {
    double top, weight, g[LTV_RATES], h[LTV_RATES_PACKED];
};

static void rescale(struct mixture *m, double top)
{
    double f = exp(m->top - top);
    m->top = top;
    m->weight *= f;
    for (size_t i = 0; i < LTV_RATES; i++)
        m->g[i] *= f;
    for (size_t i = 0; i < LTV_RATES_PACKED; i++)
        m->h[i] *= f;
}

static void add_term(struct mixture *m, const struct term *t)
{
    if (t->l > m->top)
        rescale(m, t->l);
    double w = exp(t->l - m->top), *h = m->h;
    const double *g = t->g;
    m->weight += w;
    for (size_t i = 0; i < LTV_RATES; i++) {
        double wg = w * g[i];
        m->g[i] += wg;
        for (size_t k = 0; k <= i; k++)
            *h++ += wg * g[k];
    }
    h = m->h;
    h[1] += w * t->h_01;
    h[2] += w * t->h_11;
    h[5] += w * t->h_22;
    h[8] += w * t->h_23;
    h[9] += w * t->h_33;
}

static void start(struct mixture *m, const struct term *t)
{
    memset(m, 0, sizeof *m);
    m->top = t->l;
    add_term(m, t);
}

/* ---- BG/NBD -------------------------------------------------------------------------------------
 */

static struct term bg_term(const double *theta, double x, double t, bool is_gone)
{
    double r = theta[0], alpha = theta[1], a = theta[2], b = theta[3];
    double at = alpha + t, log_at = log(at);
    struct term e = {.l = -(r + x) * log_at,
                     .g = {-log_at, -(r + x) / at, 0, 0},
                     .h_01 = -1 / at,
                     .h_11 = (r + x) / (at * at)};
    if (is_gone) {
        double c = b + x - 1;
        e.l += log(a / c);
        e.g[2] = 1 / a;
        e.g[3] = -1 / c;
        e.h_22 = -1 / (a * a);
        e.h_33 = 1 / (c * c);
    }
    return e;
}

static void bg_mixture(const double *theta, const struct ltv_row *row, struct mixture *m)
{
    struct term here = bg_term(theta, row->x, row->age, false);
    start(m, &here);
    if (row->x > 0) {
        struct term gone = bg_term(theta, row->x, row->recency, true);
        add_term(m, &gone);
    }
}

/* ---- Pareto/NBD ---------------------------------------------------------------------------------
 */

/* Gauss-Legendre with 8 points on [-1, 1]: the positive half. */
static const double nodes[4] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674,
                                0.96028985649753623};
static const double weights[4] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447,
                                  0.10122853629037626};

static struct term pareto_here(const double *theta, double x, double age)
{
    double r = theta[0], s = theta[2], at = theta[1] + age, bt = theta[3] + age;
    double log_at = log(at), log_bt = log(bt);
    return (struct term){.l = -(r + x) * log_at - s * log_bt,
                         .g = {-log_at, -(r + x) / at, -log_bt, -s / bt},
                         .h_01 = -1 / at,
                         .h_11 = (r + x) / (at * at),
                         .h_23 = -1 / bt,
                         .h_33 = s / (bt * bt)};
}

/* Leaving at t, times e^log_width. */
static struct term pareto_gone(const double *theta, double x, double t, double log_width)
{
    double r = theta[0], s = theta[2], at = theta[1] + t, bt = theta[3] + t;
    double log_at = log(at), log_bt = log(bt);
    return (struct term){.l = log(s) - (r + x) * log_at - (s + 1) * log_bt + log_width,
                         .g = {-log_at, -(r + x) / at, 1 / s - log_bt, -(s + 1) / bt},
                         .h_01 = -1 / at,
                         .h_11 = (r + x) / (at * at),
                         .h_22 = -1 / (s * s),
                         .h_23 = -1 / bt,
                         .h_33 = (s + 1) / (bt * bt)};
}

/* In y = ln(m + t), m the smaller of alpha and beta, the integrand falls at most like e^(-rate y):
 * on panels of 4 / rate eight points err by less than 1e-12. */
static void pareto_mixture(const double *theta, const struct ltv_row *row, struct mixture *m)
{
    enum { PANELS_MAX = 64 };
    struct term here = pareto_here(theta, row->x, row->age);
    start(m, &here);
    double least = fmin(theta[1], theta[3]), end = least + row->age;
    double rate = (theta[0] + row->x) * end / (theta[1] + row->age) +
                  (theta[2] + 1) * end / (theta[3] + row->age);
    double span = log1p((row->age - row->recency) / (least + row->recency));
    if (!(span > 0))
        return;
    double from = log(least + row->recency), width = fmax(4 / rate, span / PANELS_MAX);
    int n_panels = (int)fmin(ceil(span / width), PANELS_MAX);
    width = span / n_panels;
    for (int panel = 0; panel < n_panels; panel++) {
        double at = panel * width, half = .5 * width, before = m->weight, top = m->top;
        for (int i = 0; i < 8; i++) {
            double node = i < 4 ? -nodes[3 - i] : nodes[i - 4];
            double y = from + at + half * (1 + node), t = exp(y) - least;
            struct term e = pareto_gone(theta, row->x, clip(t, row->recency, row->age),
                                        log(half * weights[i < 4 ? 3 - i : i - 4]) + y);
            add_term(m, &e);
        }
        /* Past the start it only falls, the sooner the larger x: nothing is to come. */
        if (panel > 0 && m->top == top && m->weight - before < 1e-17 * m->weight)
            break;
    }
}

static void mixture_of(wn_ltv_kind kind, const double *theta, const struct ltv_row *row,
                       struct mixture *m)
{
    if (kind == WN_LTV_BGNBD)
        bg_mixture(theta, row, m);
    else
        pareto_mixture(theta, row, m);
}

/* ---- the likelihood -----------------------------------------------------------------------------
 */

void wn_ltv_add_times(wn_ltv_kind kind, const double *theta, const struct ltv_row *row,
                      struct ltv_slope *out)
{
    struct mixture m;
    mixture_of(kind, theta, row, &m);
    double g[LTV_RATES], n = row->n, *hessian = out->hessian;
    const double *h = m.h;
    wn_sum_add(&out->value, n * (m.top + log(m.weight)));
    for (size_t i = 0; i < LTV_RATES; i++) {
        g[i] = m.g[i] / m.weight;
        out->gradient[i] += n * g[i];
        for (size_t k = 0; k <= i; k++)
            *hessian++ += n * (*h++ / m.weight - g[i] * g[k]);
    }
}

void wn_ltv_add_frequency(wn_ltv_kind kind, const double *theta, double x, double n,
                          struct ltv_slope *out)
{
    double r = theta[0], alpha = theta[1], *g = out->gradient, *h = out->hessian;
    double c = theta[2], d = theta[3];
    double value = wn_log_gamma(r + x) - wn_log_gamma(r) + r * log(alpha);
    g[0] += n * (wn_digamma(r + x) - wn_digamma(r) + log(alpha));
    g[1] += n * r / alpha;
    h[0] += n * (wn_trigamma(r + x) - wn_trigamma(r));
    h[1] += n / alpha;
    h[2] -= n * r / (alpha * alpha);
    if (kind == WN_LTV_BGNBD) {
        double both = wn_digamma(c + d) - wn_digamma(c + d + x);
        double both2 = wn_trigamma(c + d) - wn_trigamma(c + d + x);
        value += wn_log_beta(c, d + x) - wn_log_beta(c, d);
        g[2] += n * both;
        g[3] += n * (both + wn_digamma(d + x) - wn_digamma(d));
        h[5] += n * both2;
        h[8] += n * both2;
        h[9] += n * (both2 + wn_trigamma(d + x) - wn_trigamma(d));
    } else {
        value += c * log(d);
        g[2] += n * log(d);
        g[3] += n * c / d;
        h[8] += n / d;
        h[9] -= n * c / (d * d);
    }
    wn_sum_add(&out->value, n * value);
}

/* ---- questions ----------------------------------------------------------------------------------
 */

/* Into what the formulas can stand. */
static void tame(const double *theta, const struct wn_ltv_customer *c, double *out,
                 struct ltv_row *row)
{
    for (size_t i = 0; i < LTV_RATES; i++)
        out[i] = clip(theta[i], 1e-12, 1e18);
    row->x = clip(c->frequency, 0, WN_LTV_FREQUENCY_MAX);
    row->age = clip(c->age, 0, WN_LTV_TIME_MAX);
    row->recency = row->x > 0 ? clip(c->recency, 0, row->age) : 0;
    row->n = 1;
}

double wn_ltv_log_likelihood(wn_ltv_kind kind, const double *theta, const struct wn_ltv_customer *c)
{
    struct ltv_slope sum = {0};
    struct ltv_row row;
    double safe[LTV_RATES];
    tame(theta, c, safe, &row);
    wn_ltv_add_times(kind, safe, &row, &sum);
    wn_ltv_add_frequency(kind, safe, row.x, 1, &sum);
    return clip(wn_sum_value(&sum.value), -1e300, 1e300);
}

double wn_ltv_alive(wn_ltv_kind kind, const double *theta, const struct wn_ltv_customer *c)
{
    struct ltv_row row;
    struct mixture m;
    double t[LTV_RATES];
    tame(theta, c, t, &row);
    if (kind == WN_LTV_BGNBD) {
        if (row.x <= 0)
            return 1;
        double odds = (t[0] + row.x) * log1p((row.age - row.recency) / (t[1] + row.recency));
        return wn_sigmoid(log((t[3] + row.x - 1) / t[2]) - odds);
    }
    pareto_mixture(t, &row, &m);
    return clip(exp(pareto_here(t, row.x, row.age).l - m.top) / m.weight, 0, 1);
}

/* The integral over p ~ Beta(a, b) of (1 - (1 + p w)^-k) / p, by the trapezoidal rule in u, where
 * the logit of p is middle + scale * sinh u: the integrand falls doubly exponentially, so no
 * singularity of the density at 0 or 1 is reached. Source: Takahasi and Mori, Publ. RIMS 9, 1974. */
static double leaving_integral(double k, double w, double a, double b)
{
    const double step = 1.0 / 16, reach = 40; /* beyond, p^a and (1 - p)^b are below e^-40 */
    double middle = log(a / b), scale = fmin(sqrt(1 / a + 1 / b), 1.5);
    double log_beta = wn_log_beta(a, b), sum = 0;
    int from = (int)(asinh((reach / a + fmax(middle, 0)) / scale + 12) / step);
    int to = (int)(asinh((reach / b + fmax(-middle, 0)) / scale + 12) / step);
    for (int i = -from; i <= to; i++) {
        double u = i * step, v = middle + scale * sinh(u);
        double log_p = -wn_log1pexp(-v), p = exp(log_p);
        double density = exp(a * log_p - b * wn_log1pexp(v) - log_beta) * scale * cosh(u);
        double share = p * w > 1e-290 ? -expm1(-k * log1p(p * w)) / p : k * w;
        sum += density * share;
    }
    return sum * step;
}

/* The same integral by the series. With z = w / (1 + w) it is (a + b - 1) / (a - 1) times
 * 1 - (1 - z)^(a-1) 2F1(a + b - 1 - k, a - 1; a + b - 1; z); taking the first term of 2F1 out
 * divides the factor 1 / (a - 1) away, so nothing happens at a = 1. */
static double leaving_series(double k, double w, double a, double b)
{
    enum { TERMS_MAX = 20000 };
    double c = a + b - 1, first = c - k, z = w / (1 + w), log_rest = -log1p(w);
    double e = (a - 1) * log_rest;
    double lead = fabs(a - 1) > 1e-300 ? -expm1(e) / (a - 1) : -log_rest;
    double term = first / c * z, sum = term, settled = fabs(first);
    for (int n = 1; n < TERMS_MAX && term != 0; n++) {
        term *= (first + n) / (c + n) * ((a + n - 1) / (n + 1)) * z;
        sum += term;
        if (fabs(term) <= 1e-17 * fabs(sum) * (1 - z) && n > settled)
            break;
    }
    return c * (lead - exp(e) * sum);
}

/* Purchases to come of one who is there after x purchases in age: the integral over p. */
static double bg_to_come(const double *theta, double x, double age, double t)
{
    double w = t / (theta[1] + age), k = theta[0] + x, b = theta[3] + x;
    if (!(w > 0))
        return 0;
    /* Long series, and those whose terms are large beside their sum. */
    bool by_integral =
        w > 50 || w < 1e-3 || theta[2] + b < 1.5 || theta[0] > 5 || theta[2] > 50 || theta[3] > 1e3;
    return by_integral ? leaving_integral(k, w, theta[2], b) : leaving_series(k, w, theta[2], b);
}

static double pareto_to_come(const double *theta, double x, double age, double t)
{
    double rate = (theta[0] + x) / (theta[1] + age), s1 = theta[2] - 1, bt = theta[3] + age;
    double log_rest = -log1p(t / bt), e = s1 * log_rest;
    return rate * bt * (fabs(e) > 1e-300 ? -expm1(e) / s1 : -log_rest);
}

double wn_ltv_expected(wn_ltv_kind kind, const double *theta, const struct wn_ltv_customer *c,
                       double t)
{
    struct ltv_row row;
    double safe[LTV_RATES];
    tame(theta, c, safe, &row);
    t = clip(t, 0, WN_LTV_TIME_MAX);
    double to_come = kind == WN_LTV_BGNBD ? bg_to_come(safe, row.x, row.age, t)
                                          : pareto_to_come(safe, row.x, row.age, t);
    return clip(to_come, 0, 1e300) * wn_ltv_alive(kind, theta, c);
}

double wn_ltv_expected_new(wn_ltv_kind kind, const double *theta, double t)
{
    const struct wn_ltv_customer fresh = {0};
    return wn_ltv_expected(kind, theta, &fresh, t);
}
