/* The official scores of the M4 competition, and how well intervals cover, over all series and in
 * tenths of the series by the amount of their data. Only for benches and tests. */
#ifndef WN_BENCH_LEARN_SCORE_H
#define WN_BENCH_LEARN_SCORE_H

#include "winnow/forecast.h"

#include <math.h>
#include <stdlib.h>

enum { BENCH_LEVELS = 2, BENCH_TENTHS = 10 };

/* Sums over n series; of two levels, the second being 95 %. */
struct bench_score {
    double smape, mase, msis, covered[BENCH_LEVELS], n;
};

/* The share of a series' points that each interval covers, and how long the series is. */
struct bench_covered {
    size_t n_points;
    double share[BENCH_LEVELS];
};

/* MASE's unit: the mean change over m points of the training part. */
static inline double bench_unit(const double *train, size_t n, size_t m)
{
    double sum = 0;
    for (size_t t = m; t < n; t++)
        sum += fabs(train[t] - train[t - m]);
    sum /= (double)(n - m);
    return sum > 0 ? sum : 1;
}

static inline void bench_score_points(struct bench_score *score, const double *actual,
                                      const double *forecast, size_t h, double unit)
{
    for (size_t j = 0; j < h; j++) {
        double e = fabs(actual[j] - forecast[j]), size = fabs(actual[j]) + fabs(forecast[j]);
        score->smape += size > 0 ? 200 * e / size / (double)h : 0;
        score->mase += e / unit / (double)h;
    }
    score->n++;
}

static inline void bench_score_intervals(struct bench_score *score, const double *actual,
                                         const struct wn_forecast *f, double unit,
                                         struct bench_covered *covered)
{
    double h = (double)f->horizon;
    covered->share[0] = covered->share[1] = 0;
    for (size_t l = 0; l < BENCH_LEVELS; l++) {
        for (size_t j = 0; j < f->horizon; j++) {
            double y = actual[j], low = f->low[l * f->horizon + j],
                   high = f->high[l * f->horizon + j];
            covered->share[l] += (y >= low && y <= high) / h;
            if (l == 1)
                score->msis +=
                    (high - low + 40 * (fmax(0, low - y) + fmax(0, y - high))) / unit / h;
        }
        score->covered[l] += covered->share[l];
    }
}

static inline double bench_owa(const struct bench_score *s, double naive2_smape, double naive2_mase)
{
    return 0.5 * (s->smape / s->n / naive2_smape + s->mase / s->n / naive2_mase);
}

static inline int bench_by_points(const void *a, const void *b)
{
    size_t x = ((const struct bench_covered *)a)->n_points;
    size_t y = ((const struct bench_covered *)b)->n_points;
    return (x > y) - (x < y);
}

/* The mean coverage in the tenth of the series (by length) where it is farthest from the level.
 * Series of the same length are never parted: a tenth ends where the length changes. covered [n]
 * is sorted. */
static inline double bench_worst_tenth(struct bench_covered *covered, size_t n, size_t which,
                                       double level)
{
    double worst = level;
    qsort(covered, n, sizeof *covered, bench_by_points);
    for (size_t from = 0, to; from < n; from = to) {
        double sum = 0;
        to = from;
        while (to < n && (to < from + (n + BENCH_TENTHS - 1) / BENCH_TENTHS ||
                          covered[to].n_points == covered[to - 1].n_points))
            sum += covered[to++].share[which];
        /* A rest too small to judge belongs to the tenth before. */
        while (n - to > 0 && n - to < n / (2 * BENCH_TENTHS))
            sum += covered[to++].share[which];
        if (fabs(sum / (double)(to - from) - level) > fabs(worst - level))
            worst = sum / (double)(to - from);
    }
    return worst;
}

#endif
