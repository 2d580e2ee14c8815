/* The benchmark methods of the M4 competition: Naive2, SES, Holt, damped trend, Theta, Comb, so that
 * our figures stand beside the published ones, which these reproduce to every printed digit.
 *
 * What that took, besides the competition's own description (seasonality test at 90 %, ratios to a
 * moving average): the smoothing methods as version 8.2 of R's forecast package fits them, that is,
 * by the mean squared error of one step over parameters and starting states together, by a polytope
 * search from one start. Only for benches and tests. */
#ifndef WN_BENCH_LEARN_BASELINES_H
#define WN_BENCH_LEARN_BASELINES_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_NAIVE2, BASE_SES, BASE_HOLT, BASE_DAMPED, BASE_THETA, BASE_COMB, BASE_N };
static const char *const base_names[BASE_N] = {"Naive2", "SES", "Holt", "Damped", "Theta", "Comb"};

/* A smoothing model ETS(A,N,N), (A,A,N) or (A,Ad,N) and what is searched for it. */
struct base_fit {
    const double *x;
    size_t n;
    bool has_trend, is_damped;
    double level, trend, phi; /* after the last point, for the parameters tried last */
};

enum { BASE_PARAMETERS_MAX = 5 }; /* alpha, [beta], [phi], level, [trend] */

/* The mean squared error of one step, or infinity outside of 1e-4 <= alpha <= .9999,
 * 1e-4 <= beta <= alpha, .8 <= phi <= .98. */
static inline double base_error(struct base_fit *f, const double *p)
{
    double alpha = p[0], beta = f->has_trend ? p[1] : 0;
    const double *states = p + 1 + f->has_trend + f->is_damped;
    f->phi = f->is_damped ? p[2] : 1;
    if (!(alpha >= 1e-4 && alpha <= 0.9999) ||
        (f->has_trend && !(beta >= 1e-4 && beta <= alpha && beta <= 0.9999)) ||
        (f->is_damped && !(f->phi >= 0.8 && f->phi <= 0.98)))
        return HUGE_VAL;
    double level = states[0], trend = f->has_trend ? states[1] : 0, sum = 0;
    for (size_t t = 0; t < f->n; t++) {
        double expected = level + f->phi * trend, e = f->x[t] - expected;
        level = expected + alpha * e;
        trend = f->phi * trend + beta * e;
        sum += e * e;
    }
    f->level = level;
    f->trend = trend;
    return sum / (double)f->n;
}

/* The polytope search of Nelder and Mead in the form of Nash ("Compact Numerical Methods for
 * Computers", 1990, algorithm 19). The published figures of Holt's method come from where this one
 * stops, which on many hourly series is far from the least error: hence its first step of a tenth
 * of the largest parameter, be that a level of thousands, and its stopping rule. p [d], at which
 * the error is finite, in and out. */
struct base_polytope {
    double at[BASE_PARAMETERS_MAX + 1][BASE_PARAMETERS_MAX], value[BASE_PARAMETERS_MAX + 1];
    int d, low, n_calls;
};

static inline double base_try(struct base_polytope *s, struct base_fit *f, const double *p)
{
    double v = base_error(f, p);
    s->n_calls++;
    return isfinite(v) ? v : 1e35;
}

/* All corners but the lowest. */
static inline void base_value_corners(struct base_polytope *s, struct base_fit *f)
{
    for (int i = 0; i <= s->d; i++)
        if (i != s->low)
            s->value[i] = base_try(s, f, s->at[i]);
}

/* Halves all distances to the lowest corner; returns their sum. */
static inline double base_shrink(struct base_polytope *s)
{
    double size = 0;
    for (int i = 0; i <= s->d; i++)
        for (int k = 0; k < s->d && i != s->low; k++) {
            s->at[i][k] = 0.5 * (s->at[i][k] - s->at[s->low][k]) + s->at[s->low][k];
            size += fabs(s->at[i][k] - s->at[s->low][k]);
        }
    return size;
}

/* Moves the highest corner; false when only shrinking is left. */
static inline bool base_move(struct base_polytope *s, struct base_fit *f, int high)
{
    double middle[BASE_PARAMETERS_MAX], p[BASE_PARAMETERS_MAX], q[BASE_PARAMETERS_MAX];
    for (int k = 0; k < s->d; k++) {
        middle[k] = -s->at[high][k];
        for (int i = 0; i <= s->d; i++)
            middle[k] += s->at[i][k];
        middle[k] /= s->d;
        p[k] = 2 * middle[k] - s->at[high][k];
        q[k] = 2 * p[k] - middle[k];
    }
    double highest = s->value[high], reflected = base_try(s, f, p), v;
    if (reflected < s->value[s->low]) {
        v = base_try(s, f, q);
        memcpy(s->at[high], v < reflected ? q : p, sizeof p);
        s->value[high] = fmin(v, reflected);
        return true;
    }
    if (reflected < highest) {
        memcpy(s->at[high], p, sizeof p);
        s->value[high] = reflected;
    }
    for (int k = 0; k < s->d; k++)
        q[k] = 0.5 * s->at[high][k] + 0.5 * middle[k];
    v = base_try(s, f, q);
    if (v < s->value[high]) {
        memcpy(s->at[high], q, sizeof q);
        s->value[high] = v;
        return true;
    }
    return reflected < highest;
}

static inline void base_search(struct base_fit *f, double *p, int d)
{
    enum { CALLS_MAX = 2000 };
    const double tolerance = 1.490116119384766e-08; /* root of the machine's precision */
    struct base_polytope s = {.d = d};
    double step = 0, size, before;
    int high;
    s.value[0] = base_try(&s, f, p);
    double enough = tolerance * (s.value[0] + tolerance);
    for (int k = 0; k < d; k++)
        step = fmax(step, 0.1 * fabs(p[k]));
    if (!(step > 0))
        step = 0.1;
    for (int i = 0; i <= d; i++) {
        memcpy(s.at[i], p, (size_t)d * sizeof *p);
        if (i)
            s.at[i][i - 1] += step;
    }
    before = 10 * d * step;
    base_value_corners(&s, f);
    do {
        high = s.low;
        for (int i = 0, low = s.low; i <= d; i++) {
            if (i != low && s.value[i] < s.value[s.low])
                s.low = i;
            if (i != low && s.value[i] > s.value[high])
                high = i;
        }
        if (s.value[high] <= s.value[s.low] + enough)
            break;
        if (base_move(&s, f, high))
            continue;
        size = base_shrink(&s);
        if (!(size < before))
            break;
        before = size;
        base_value_corners(&s, f);
    } while (s.n_calls <= CALLS_MAX);
    memcpy(p, s.at[s.low], (size_t)d * sizeof *p);
}

/* Starts from alpha .5, beta a tenth of it, phi .978, and the line through the first ten points. */
static inline void base_smooth(const double *x, size_t n, bool has_trend, bool is_damped, size_t h,
                               double *out)
{
    struct base_fit f = {.x = x, .n = n, .has_trend = has_trend, .is_damped = is_damped};
    double p[BASE_PARAMETERS_MAX], mean = 0, sxy = 0, sxx = 0;
    size_t first = n < 10 ? n : 10;
    int d = 0;
    for (size_t t = 0; t < first; t++)
        mean += x[t] / (double)first;
    for (size_t t = 0; t < first; t++) {
        double from_middle = (double)t - 0.5 * (double)(first - 1);
        sxy += from_middle * (x[t] - mean);
        sxx += from_middle * from_middle;
    }
    double slope = sxx > 0 ? sxy / sxx : 0;
    p[d++] = 1e-4 + 0.5 * 0.9998;
    if (has_trend)
        p[d++] = 1e-4 + 0.1 * (p[0] - 1e-4);
    if (is_damped)
        p[d++] = 0.8 + 0.99 * 0.18;
    p[d++] = has_trend ? mean - slope * 0.5 * (double)(first + 1) : mean;
    if (has_trend)
        p[d++] = slope;
    base_search(&f, p, d);
    (void)base_error(&f, p);
    for (size_t j = 0; j < h; j++) {
        f.trend *= f.phi;
        f.level += f.trend;
        out[j] = f.level;
    }
}

static inline void base_theta(const double *x, size_t n, size_t h, double *out)
{
    double *line = malloc((n + 1) * sizeof *line), mean = 0, sxy = 0, sxx = 0;
    double middle = 0.5 * (double)(n - 1);
    if (!line)
        abort();
    for (size_t t = 0; t < n; t++)
        mean += x[t] / (double)n;
    for (size_t t = 0; t < n; t++) {
        sxy += ((double)t - middle) * (x[t] - mean);
        sxx += ((double)t - middle) * ((double)t - middle);
    }
    double slope = sxx > 0 ? sxy / sxx : 0;
    for (size_t t = 0; t < n; t++)
        line[t] = 2 * x[t] - (mean + slope * ((double)t - middle));
    base_smooth(line, n, false, false, h, out);
    for (size_t j = 0; j < h; j++)
        out[j] = fmax(0, 0.5 * (out[j] + mean + slope * ((double)(n + j) - middle)));
    free(line);
}

/* R's decompose(type = "multiplicative"), after M4's test of the autocorrelation at 90 %. */
static inline bool base_season(const double *x, size_t n, size_t m, double *index)
{
    if (m < 2 || n < 3 * m)
        return false;
    double mean = 0, square = 0, sum = 0, r = 0;
    for (size_t t = 0; t < n; t++)
        mean += x[t] / (double)n;
    for (size_t t = 0; t < n; t++)
        square += (x[t] - mean) * (x[t] - mean);
    for (size_t k = 1; k <= m; k++) {
        r = 0;
        for (size_t t = k; t < n; t++)
            r += (x[t] - mean) * (x[t - k] - mean);
        r /= square;
        if (k < m)
            sum += r * r;
    }
    if (!(fabs(r) > 1.645 * sqrt((1 + 2 * sum) / (double)n)))
        return false;
    double total = 0;
    for (size_t i = 0; i < m; i++) {
        double ratios = 0;
        int seen = 0;
        for (size_t t = i; t < n; t += m) {
            if (t < m / 2 || t + m / 2 >= n)
                continue;
            double level = 0;
            for (size_t j = t - m / 2; j <= t + m / 2; j++)
                level += x[j] * (m % 2 == 0 && (j == t - m / 2 || j == t + m / 2) ? 0.5 : 1);
            ratios += x[t] / (level / (double)m);
            seen++;
        }
        index[i] = seen ? ratios / seen : 1;
        total += index[i] / (double)m;
    }
    for (size_t i = 0; i < m; i++)
        index[i] /= total;
    return true;
}

/* The series without its season in y [n], the season's index [at most 512]; returns the period. */
static inline size_t base_adjust(const double *x, size_t n, size_t m, double *index, double *y)
{
    if (!base_season(x, n, m, index)) {
        m = 1;
        index[0] = 1;
    }
    for (size_t t = 0; t < n; t++)
        y[t] = x[t] / index[t % m];
    return m;
}

/* All of them, or only the first: Naive2. out [BASE_N or 1][h]. */
static inline void base_forecast(const double *x, size_t n, size_t m, size_t h, bool only_naive2,
                                 double *out)
{
    double index[512], *y = malloc((n + 1) * sizeof *y);
    if (!y)
        abort();
    m = base_adjust(x, n, m, index, y);
    for (size_t j = 0; j < h; j++)
        out[BASE_NAIVE2 * h + j] = y[n - 1];
    if (!only_naive2) {
        base_smooth(y, n, false, false, h, out + BASE_SES * h);
        base_smooth(y, n, true, false, h, out + BASE_HOLT * h);
        base_smooth(y, n, true, true, h, out + BASE_DAMPED * h);
        base_theta(y, n, h, out + BASE_THETA * h);
        for (size_t j = 0; j < h; j++)
            out[BASE_COMB * h + j] =
                (out[BASE_SES * h + j] + out[BASE_HOLT * h + j] + out[BASE_DAMPED * h + j]) / 3;
    }
    for (size_t k = 0; k < (only_naive2 ? 1 : BASE_N); k++)
        for (size_t j = 0; j < h; j++)
            out[k * h + j] *= index[(n + j) % m];
    free(y);
}

#endif
