/* Forecasts of the training parts at earlier ends, which is what settings may be chosen on: nothing
 * of the test parts is used. Only for benches and tests. */
#ifndef WN_BENCH_LEARN_REPLAY_H
#define WN_BENCH_LEARN_REPLAY_H

#include "baselines.h"
#include "score.h"
#include "series.h"

enum { BENCH_ENDS = 5 };

struct bench_replay {
    struct bench_score ours, naive2;
    struct bench_covered *covered; /* arena: [n] */
    size_t n;                      /* forecasts */
};

/* Cuts off 1 to BENCH_ENDS horizons; a series takes part while half of it is left. m is the season
 * of MASE and of Naive2's test. Everything is in a. */
static inline wn_rc bench_replay(const struct bench_series *const *series, size_t n_series,
                                 wn_forecast_frequency frequency, size_t m, struct wn_arena *a,
                                 struct bench_replay *out)
{
    size_t h = series[0]->h;
    struct wn_forecast_options options = {.horizon = h, .frequency = frequency};
    struct wn_forecast_series *in = WN_ARENA_ARRAY(a, n_series, struct wn_forecast_series);
    struct wn_forecast *f = WN_ARENA_ARRAY(a, n_series, struct wn_forecast);
    double *naive2 = WN_ARENA_ARRAY(a, h, double);
    *out = (struct bench_replay){0};
    out->covered = WN_ARENA_ARRAY(a, BENCH_ENDS * n_series, struct bench_covered);
    if (!in || !f || !naive2 || !out->covered)
        return WN_MEMORY;
    for (size_t back = h; back <= BENCH_ENDS * h; back += h) {
        size_t n = 0;
        for (size_t i = 0; i < n_series; i++)
            if (series[i]->n >= 2 * back)
                in[n++] = (struct wn_forecast_series){.values = series[i]->train,
                                                      .n = series[i]->n - back};
        wn_rc rc = wn_forecast_batch(in, n, &options, a, f, NULL);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++) {
            const double *actual = in[i].values + in[i].n;
            double unit = bench_unit(in[i].values, in[i].n, m);
            struct bench_covered *covered = &out->covered[out->n++];
            covered->n_points = in[i].n + back;
            base_forecast(in[i].values, in[i].n, m, h, true, naive2);
            bench_score_points(&out->naive2, actual, naive2, h, unit);
            bench_score_points(&out->ours, actual, f[i].mean, h, unit);
            bench_score_intervals(&out->ours, actual, &f[i], unit, covered);
        }
    }
    return WN_OK;
}

#endif
