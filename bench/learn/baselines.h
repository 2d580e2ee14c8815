/* The benchmark methods of the M4 competition, as its public R code defines them, so that our
 * figures stand beside the published ones: Naive2, SES, Holt, damped trend, Theta, Comb. Starting
 * states are solved by least squares and smoothing parameters searched, which is what the
 * likelihood of the R package comes to. Only for benches. */
#ifndef WN_BENCH_LEARN_BASELINES_H
#define WN_BENCH_LEARN_BASELINES_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_NAIVE2, BASE_SES, BASE_HOLT, BASE_DAMPED, BASE_THETA, BASE_COMB, BASE_N };
static const char *const base_names[BASE_N] = {"Naive2", "SES", "Holt", "Damped", "Theta", "Comb"};

struct base_fit {
    const double *x;
    size_t n;
    bool has_trend, is_damped;
    double level, trend, alpha, beta, phi; /* after the last point, for the parameters tried last */
};

/* Runs the recursion from (level, trend); returns the squared error, or with e the errors. */
static inline double base_run(struct base_fit *f, const double *x, double level, double trend,
                              double *e)
{
    double sum = 0;
    for (size_t t = 0; t < f->n; t++) {
        double expected = level + f->phi * trend;
        double error = (x ? x[t] : 0) - expected;
        level = expected + f->alpha * error;
        trend = f->phi * trend + f->beta * error;
        if (e)
            e[t] = error;
        sum += error * error;
    }
    f->level = level;
    f->trend = trend;
    return sum;
}

/* The squared error with the best starting level and trend: errors are linear in both. */
static inline double base_error(struct base_fit *f, const double *p, double *work)
{
    f->alpha = 1e-4 + 0.9998 / (1 + exp(-p[0]));
    f->beta = f->has_trend ? f->alpha * (1e-4 + 0.9998 / (1 + exp(-p[1]))) : 0;
    f->phi = !f->has_trend ? 0 : f->is_damped ? 0.8 + 0.18 / (1 + exp(-p[2])) : 1;
    double *a = work, *by_level = work + f->n, *by_trend = work + 2 * f->n;
    (void)base_run(f, f->x, 0, 0, a);
    (void)base_run(f, NULL, -1, 0, by_level);
    (void)base_run(f, NULL, 0, -1, by_trend);
    double ll = 0, lt = 0, tt = 0, al = 0, at = 0;
    for (size_t t = 0; t < f->n; t++) {
        ll += by_level[t] * by_level[t];
        lt += by_level[t] * by_trend[t];
        tt += by_trend[t] * by_trend[t];
        al += a[t] * by_level[t];
        at += a[t] * by_trend[t];
    }
    /* a - level * by_level - trend * by_trend, where the runs above start at minus one. */
    double det = ll * tt - lt * lt, level = ll > 0 ? al / ll : 0, trend = 0;
    if (f->has_trend && det > 1e-10 * ll * tt) {
        level = (al * tt - at * lt) / det;
        trend = (at * ll - al * lt) / det;
    }
    return base_run(f, f->x, level, trend, NULL);
}

/* Nelder and Mead, 1965, in one to three dimensions. */
static inline void base_search(struct base_fit *f, int d, double *work)
{
    double simplex[4][3], value[4];
    double best = HUGE_VAL, start[3] = {0, 0, 0};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < (d > 1 ? 4 : 1); j++) {
            double p[3] = {-4 + 2.0 * i, -6 + 2.0 * j, 1};
            double v = base_error(f, p, work);
            if (v < best) {
                best = v;
                memcpy(start, p, sizeof p);
            }
        }
    for (int i = 0; i <= d; i++) {
        memcpy(simplex[i], start, sizeof start);
        if (i)
            simplex[i][i - 1] += 0.8;
        value[i] = base_error(f, simplex[i], work);
    }
    for (int round = 0; round < 120; round++) {
        int low = 0, high = 0;
        for (int i = 1; i <= d; i++) {
            low = value[i] < value[low] ? i : low;
            high = value[i] > value[high] ? i : high;
        }
        if (value[high] - value[low] <= 1e-10 * (fabs(value[low]) + 1e-300))
            break;
        double middle[3] = {0}, p[3], q[3];
        for (int i = 0; i <= d; i++)
            for (int k = 0; k < d && i != high; k++)
                middle[k] += simplex[i][k] / d;
        for (int k = 0; k < d; k++) {
            p[k] = 2 * middle[k] - simplex[high][k];
            q[k] = 3 * middle[k] - 2 * simplex[high][k];
        }
        double v = base_error(f, p, work);
        if (v < value[low]) {
            double u = base_error(f, q, work);
            memcpy(simplex[high], u < v ? q : p, (size_t)d * sizeof *p);
            value[high] = fmin(u, v);
            continue;
        }
        if (v < value[high]) {
            memcpy(simplex[high], p, (size_t)d * sizeof *p);
            value[high] = v;
            continue;
        }
        for (int k = 0; k < d; k++)
            q[k] = 0.5 * (middle[k] + simplex[high][k]);
        v = base_error(f, q, work);
        if (v < value[high]) {
            memcpy(simplex[high], q, (size_t)d * sizeof *q);
            value[high] = v;
            continue;
        }
        for (int i = 0; i <= d; i++)
            if (i != low) {
                for (int k = 0; k < d; k++)
                    simplex[i][k] = 0.5 * (simplex[i][k] + simplex[low][k]);
                value[i] = base_error(f, simplex[i], work);
            }
    }
    int low = 0;
    for (int i = 1; i <= d; i++)
        low = value[i] < value[low] ? i : low;
    (void)base_error(f, simplex[low], work);
}

static inline void base_smooth(const double *x, size_t n, bool has_trend, bool is_damped, size_t h,
                               double *out)
{
    double *work = malloc((3 * n + 1) * sizeof *work);
    if (!work)
        abort();
    struct base_fit f = {.x = x, .n = n, .has_trend = has_trend, .is_damped = is_damped};
    base_search(&f, has_trend ? (is_damped ? 3 : 2) : 1, work);
    double level = f.level, trend = f.trend;
    for (size_t j = 0; j < h; j++) {
        trend *= f.phi;
        level += trend;
        out[j] = level;
    }
    free(work);
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

/* out [BASE_N][h]. */
static inline void base_all(const double *x, size_t n, size_t m, size_t h, double *out)
{
    double index[512];
    if (!base_season(x, n, m, index)) {
        m = 1;
        index[0] = 1;
    }
    double *y = malloc((n + 1) * sizeof *y);
    if (!y)
        abort();
    for (size_t t = 0; t < n; t++)
        y[t] = x[t] / index[t % m];
    for (size_t j = 0; j < h; j++)
        out[BASE_NAIVE2 * h + j] = y[n - 1];
    base_smooth(y, n, false, false, h, out + BASE_SES * h);
    base_smooth(y, n, true, false, h, out + BASE_HOLT * h);
    base_smooth(y, n, true, true, h, out + BASE_DAMPED * h);
    base_theta(y, n, h, out + BASE_THETA * h);
    for (size_t j = 0; j < h; j++)
        out[BASE_COMB * h + j] =
            (out[BASE_SES * h + j] + out[BASE_HOLT * h + j] + out[BASE_DAMPED * h + j]) / 3;
    for (size_t k = 0; k < BASE_N; k++)
        for (size_t j = 0; j < h; j++)
            out[k * h + j] *= index[(n + j) % m];
    free(y);
}

#endif
