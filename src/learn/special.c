#include "learn/special.h"

#include <math.h>

#define TINY 1e-150 /* smallest parameter: its square must not underflow */
#define BIG 1e300
#define LOG_ZERO (-1e308)
#define EPS 1e-16
#define LARGE 1e10 /* above: normal approximations, since the series get long */

static const double pi = 3.14159265358979323846;
static const double log_2pi = 1.83787706640934548356;

/* Into [lo, hi]; NaN gives lo. */
static double clip(double x, double lo, double hi)
{
    return x > lo ? (x < hi ? x : hi) : lo;
}

double wn_log_gamma(double x)
{
    int sign;
    return lgamma_r(clip(x, TINY, BIG), &sign);
}

/* The error of Stirling's formula: ln n! - ln(sqrt(2 pi n) (n/e)^n). */
static double stirling_error(double n)
{
    if (n < 16) {
        double x = n > 0 ? n : TINY;
        return wn_log_gamma(x + 1) - (x + 0.5) * log(x) + x - log_2pi / 2;
    }
    double s = 1 / (n * n);
    return (1.0 / 12 -
            (1.0 / 360 -
             (1.0 / 1260 - (1.0 / 1680 - (1.0 / 1188 - 691.0 / 360360 * s) * s) * s) * s) *
                s) /
           n;
}

/* x ln(x/m) + m - x without cancellation near x = m (Loader's bd0). */
static double deviance_half(double x, double m)
{
    if (fabs(x - m) < 0.1 * (x + m)) {
        double v = (x - m) / (x + m), s = (x - m) * v, term = 2 * x * v;
        v *= v;
        for (int j = 1; j < 1000; j++) {
            term *= v;
            double next = s + term / (2 * j + 1);
            if (next == s)
                return s;
            s = next;
        }
        return s;
    }
    return x * (log(x) - log(m)) + m - x;
}

double wn_log_poisson(double x, double mean)
{
    x = clip(x, -1, BIG);
    mean = clip(mean, 0, BIG);
    if (x < 0)
        return LOG_ZERO;
    if (mean <= 0)
        return x > 0 ? LOG_ZERO : 0;
    if (x < 1e-300)
        return -mean;
    return clip(-stirling_error(x) - deviance_half(x, mean) - 0.5 * (log_2pi + log(x)), LOG_ZERO,
                BIG);
}

double wn_log_binomial(double x, double n, double p, double q)
{
    x = clip(x, -1, BIG);
    n = clip(n, 0, BIG);
    p = clip(p, 0, 1);
    q = clip(q, 0, 1);
    if (x < 0 || x > n)
        return LOG_ZERO;
    if (p <= 0)
        return x > 0 ? LOG_ZERO : 0;
    if (q <= 0)
        return x < n ? LOG_ZERO : 0;
    if (x < 1e-300)
        return n * (p < 0.5 ? log1p(-p) : log(q));
    double y = n - x;
    if (y < 1e-300)
        return n * (q < 0.5 ? log1p(-q) : log(p));
    double e = stirling_error(n) - stirling_error(x) - stirling_error(y) - deviance_half(x, n * p) -
               deviance_half(y, n * q);
    return clip(e - 0.5 * (log_2pi + log(x) + log(y) - log(n)), LOG_ZERO, BIG);
}

double wn_log_beta(double a, double b)
{
    a = clip(a, TINY, BIG);
    b = clip(b, TINY, BIG);
    if (a < 1 && b < 1)
        return wn_log_gamma(a) + wn_log_gamma(b) - wn_log_gamma(a + b);
    /* The binomial probability at its own mode cancels the large parts. */
    double n = a + b, p = clip(a / n, 1e-300, 1), q = clip(b / n, 1e-300, 1);
    double log_p = p > 0.5 ? log1p(-q) : log(p), log_q = q > 0.5 ? log1p(-p) : log(q);
    return clip(a * log_p + b * log_q - wn_log_binomial(a, n, p, q) - log(a) - log(b) + log(n),
                LOG_ZERO, BIG);
}

double wn_digamma(double x)
{
    double s = 0;
    x = clip(x, TINY, BIG);
    while (x < 10) {
        s -= 1 / x;
        x += 1;
    }
    double y = 1 / (x * x);
    return s + log(x) - 0.5 / x -
           y * (1.0 / 12 -
                y * (1.0 / 120 -
                     y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132 - y * (691.0 / 32760 -
                                                                             y * (1.0 / 12)))))));
}

double wn_trigamma(double x)
{
    double s = 0;
    x = clip(x, TINY, BIG);
    while (x < 10) {
        s += 1 / (x * x);
        x += 1;
    }
    double y = 1 / (x * x);
    return s + 1 / x + y / 2 +
           y / x *
               (1.0 / 6 -
                y * (1.0 / 30 -
                     y * (1.0 / 42 -
                          y * (1.0 / 30 - y * (5.0 / 66 - y * (691.0 / 2730 - y * (7.0 / 6)))))));
}

/* Lentz's continued fraction of I_x(a, b) without its factor (Numerical Recipes, 6.4). */
static double beta_fraction(double a, double b, double x)
{
    const double floor = 1e-300;
    int n_max = 300 + (int)(10 * sqrt(a > b ? a : b));
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < floor ? floor : d);
    double h = d;
    for (int m = 1; m <= n_max; m++) {
        double e = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 + e * d;
        c = 1 + e / c;
        d = 1 / (fabs(d) < floor ? floor : d);
        c = fabs(c) < floor ? floor : c;
        h *= d * c;
        e = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + e * d;
        c = 1 + e / c;
        d = 1 / (fabs(d) < floor ? floor : d);
        c = fabs(c) < floor ? floor : c;
        h *= d * c;
        if (fabs(d * c - 1) < EPS)
            break;
    }
    return h;
}

/* Peizer and Pratt (1968), as given for the beta distribution by Ling (1978): the z whose normal
 * cdf is I_x(a, b). */
static double beta_large_z(double a, double b, double x)
{
    double y = 1 - x, n = a + b - 1, s = b - 0.5, t = a - 0.5;
    double d = s - n * y + (y - 0.5) / (3 * (a + b)) * 0.5;
    double half = deviance_half(s, n * y) + deviance_half(t, n * x);
    double z = sqrt(2 * (half > 0 ? half : 0) / (1 + 1 / (6 * n)));
    return d < 0 ? -z : z;
}

/* Both tails; the smaller one is computed, the other is its complement. */
static void beta_both(double a, double b, double x, double *lower, double *upper)
{
    a = clip(a, TINY, BIG);
    b = clip(b, TINY, BIG);
    x = clip(x, 0, 1);
    if (x <= 0 || x >= 1) {
        *lower = x;
        *upper = 1 - x;
    } else if (a + b > LARGE) {
        double z = beta_large_z(a, b, x);
        *lower = wn_normal_cdf(z);
        *upper = wn_normal_upper(z);
    } else {
        double factor = exp(wn_log_binomial(a, a + b, x, 1 - x)) / (a + b);
        if (x <= (a + 1) / (a + b + 2)) {
            *lower = clip(factor * b * beta_fraction(a, b, x), 0, 1);
            *upper = 1 - *lower;
        } else {
            *upper = clip(factor * a * beta_fraction(b, a, 1 - x), 0, 1);
            *lower = 1 - *upper;
        }
    }
}

double wn_beta_inc(double a, double b, double x)
{
    double lower, upper;
    beta_both(a, b, x, &lower, &upper);
    return lower;
}

double wn_beta_inc_upper(double a, double b, double x)
{
    double lower, upper;
    beta_both(a, b, x, &lower, &upper);
    return upper;
}

static double gamma_series(double a, double x)
{
    int n_max = 300 + (int)(10 * sqrt(a));
    double term = 1, sum = 1;
    for (int n = 1; n <= n_max && term > sum * EPS; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum;
}

static double gamma_fraction(double a, double x)
{
    const double floor = 1e-300;
    int n_max = 300 + (int)(10 * sqrt(a));
    double b = x + 1 - a, c = 1 / floor, d = 1 / b, h = d;
    for (int n = 1; n <= n_max; n++) {
        double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        d = 1 / (fabs(d) < floor ? floor : d);
        c = b + an / c;
        c = fabs(c) < floor ? floor : c;
        h *= d * c;
        if (fabs(d * c - 1) < EPS)
            break;
    }
    return h;
}

static void gamma_both(double a, double x, double *lower, double *upper)
{
    a = clip(a, TINY, BIG);
    x = clip(x, 0, BIG);
    if (x <= 0) {
        *lower = 0;
        *upper = 1;
    } else if (a > LARGE) {
        double z = (cbrt(x / a) - 1 + 1 / (9 * a)) * 3 * sqrt(a);
        *lower = wn_normal_cdf(z);
        *upper = wn_normal_upper(z);
    } else {
        double factor = exp(wn_log_poisson(a, x)); /* x^a e^-x / Gamma(a+1) */
        if (x < a + 1) {
            *lower = clip(factor * gamma_series(a, x), 0, 1);
            *upper = 1 - *lower;
        } else {
            *upper = clip(factor * a * gamma_fraction(a, x), 0, 1);
            *lower = 1 - *upper;
        }
    }
}

double wn_gamma_inc(double a, double x)
{
    double lower, upper;
    gamma_both(a, x, &lower, &upper);
    return lower;
}

double wn_gamma_inc_upper(double a, double x)
{
    double lower, upper;
    gamma_both(a, x, &lower, &upper);
    return upper;
}

static double hyp2f1_series(double a, double b, double c, double z)
{
    enum { TERMS_MAX = 1000000 };
    double term = 1, sum = 1, settled = fabs(a) + fabs(b); /* signs may change until then */
    for (int n = 0; n < TERMS_MAX && term != 0; n++) {
        term *= (a + n) / (c + n) * ((b + n) / (n + 1)) * z;
        sum += term;
        if (fabs(term) <= EPS / 16 * fabs(sum) * (1 - z) && n > settled)
            break;
    }
    return sum;
}

/* Gamma(c) Gamma(s) / (Gamma(x) Gamma(y)); 0 where x or y is a pole. */
static double gamma_quotient(double c, double s, double x, double y)
{
    int sign_s, sign_x, sign_y;
    if ((x <= 0 && x == floor(x)) || (y <= 0 && y == floor(y)))
        return 0;
    double log_size =
        wn_log_gamma(c) + lgamma_r(s, &sign_s) - lgamma_r(x, &sign_x) - lgamma_r(y, &sign_y);
    return sign_s * sign_x * sign_y * exp(log_size);
}

double wn_hyp2f1(double a, double b, double c, double z)
{
    const double near_one = 0.9, whole = 0.02;
    a = clip(a, -LARGE, LARGE);
    b = clip(b, -LARGE, LARGE);
    c = clip(c, TINY, LARGE);
    z = clip(z, 0, 1 - EPS * 2);
    double s = c - a - b, value;
    if (z > near_one && fabs(s - round(s)) > whole) {
        value = gamma_quotient(c, s, c - a, c - b) * hyp2f1_series(a, b, 1 - s, 1 - z) +
                exp(s * log1p(-z)) * gamma_quotient(c, -s, a, b) *
                    hyp2f1_series(c - a, c - b, 1 + s, 1 - z);
    } else if (s < 0) {
        value = exp(s * log1p(-z)) * hyp2f1_series(c - a, c - b, c, z);
    } else {
        value = hyp2f1_series(a, b, c, z);
    }
    return isnan(value) ? 0 : clip(value, -BIG, BIG);
}

double wn_normal_cdf(double x)
{
    return isnan(x) ? 0.5 : 0.5 * erfc(-x * M_SQRT1_2);
}

double wn_normal_upper(double x)
{
    return isnan(x) ? 0.5 : 0.5 * erfc(x * M_SQRT1_2);
}

double wn_normal_log_upper(double x)
{
    x = isnan(x) ? 0 : clip(x, -1e150, 1e150);
    if (x < 20)
        return x < 0 ? log1p(-wn_normal_cdf(x)) : log(wn_normal_upper(x));
    double y = 1 / (x * x); /* asymptotic series: A. and S. 26.2.12 */
    return -x * x / 2 - log(x) - log_2pi / 2 + log1p(-y * (1 - y * (3 - y * (15 - y * 105))));
}

/* Acklam's approximation for p <= 0.5, 1.15e-9 relative. */
static double quantile_start(double p)
{
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        return (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q -
                   2.400758277161838e+00) *
                      q -
                  2.549732539343734e+00) *
                     q +
                 4.374664141464968e+00) *
                    q +
                2.938163982698783e+00) /
               ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) *
                     q +
                 3.754408661907416e+00) *
                    q +
                1);
    }
    double q = p - 0.5, r = q * q;
    return (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) *
                  r +
              1.383577518672690e+02) *
                 r -
             3.066479806614716e+01) *
                r +
            2.506628277459239e+00) *
           q /
           (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) *
                  r +
              6.680131188771972e+01) *
                 r -
             1.328068155288572e+01) *
                r +
            1);
}

double wn_normal_quantile(double p)
{
    if (isnan(p))
        return 0;
    p = clip(p, 1e-300, 1 - 1e-16);
    bool mirrored = p > 0.5;
    if (mirrored)
        p = 1 - p;
    double x = quantile_start(p);
    /* Newton on the logarithm of p, with Halley's correction: safe far out in the tail. */
    double e = (wn_normal_cdf(x) - p) * sqrt(2 * pi) * exp(x * x / 2);
    x -= e / (1 + x * e / 2);
    return mirrored ? -x : x;
}

double wn_log1pexp(double x)
{
    if (!(x > -700))
        return x > LOG_ZERO ? exp(x) : 0;
    if (x <= -37)
        return exp(x);
    if (x <= 18)
        return log1p(exp(x));
    if (x <= 33.3)
        return x + exp(-x);
    return x < BIG ? x : BIG;
}

double wn_sigmoid(double x)
{
    if (isnan(x))
        return 0.5;
    if (x >= 0)
        return 1 / (1 + exp(-x));
    double e = exp(x);
    return e / (1 + e);
}

double wn_logit(double p)
{
    p = isnan(p) ? 0.5 : clip(p, 1e-300, 1 - 1e-16);
    return log(p) - log1p(-p);
}

double wn_log_add(double a, double b)
{
    a = clip(a, LOG_ZERO, -LOG_ZERO);
    b = clip(b, LOG_ZERO, -LOG_ZERO);
    return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

double wn_log_sum_exp(const double *x, size_t n)
{
    double top = LOG_ZERO, sum = 0;
    for (size_t i = 0; i < n; i++)
        if (x[i] > top)
            top = x[i] < -LOG_ZERO ? x[i] : -LOG_ZERO;
    if (top <= LOG_ZERO)
        return LOG_ZERO;
    for (size_t i = 0; i < n; i++)
        if (x[i] > LOG_ZERO)
            sum += exp(x[i] < top ? x[i] - top : 0);
    return top + log(sum);
}
