/* Forecasts of many series with intervals: spend, conversions, revenue, visits.
 *
 * What it does. Each series is forecast by a handful of simple members (theta, damped trend,
 * exponential smoothing, seasonal naive, ridge autoregression ...). Rolling back-tests on the
 * series' own past give each member an error; the forecast is their mean with weights
 * error^-3, members 1.6 times worse than the best left out. The intervals are conformal: their
 * width comes from the errors the combination made in back-tests that had no part in its weights,
 * pooled over all series of the call, so that a short series borrows from its neighbours.
 *
 * A series is an array of equally spaced values, oldest first; NaN is a missing value (which is
 * not 0). Values are in any unit; multiplying a series by a constant multiplies its forecast.
 * Infinities are refused. Results are finite, and 0 <= the forecast where no value was negative.
 *
 * Degenerate series have defined answers, and say so in `state`:
 *   all missing or empty   mean 0, all bounds 0, state WN_FORECAST_EMPTY: show "no data", not 0
 *   one point, constant    that value at every step; bounds equal to it for a constant that has
 *                          had at least 2 points (nothing has ever moved), from the pool for one
 *   all zero               0 at every step
 *   too short to back-test equal weights of exponential smoothing, damped trend and theta;
 *                          bounds from the pool of the other series, else from the size of the
 *                          steps of the series times the square root of the step
 *
 * Source: the combination follows what the M4 competition showed about combinations of simple
 * methods (Makridakis, Spiliotis, Assimakopoulos, "The M4 Competition", Int. J. of Forecasting 36,
 * 2020); theta: Assimakopoulos and Nikolopoulos, 2000; damped trend: Gardner and McKenzie, 1985;
 * intervals: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005, and Barber
 * et al., "Predictive inference with the jackknife+", 2021; adaptive level: Gibbs and Candes,
 * NeurIPS 2021; intermittent demand: Teunter, Syntetos, Babai, 2011.
 *
 * All functions are pure: no clock, no files, no global state; the same input gives the same bytes;
 * safe from any thread with separate arenas. */
#ifndef WINNOW_FORECAST_H
#define WINNOW_FORECAST_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#define WN_FORECAST_HORIZON_MAX 10000
#define WN_FORECAST_POINTS_MAX (1u << 24) /* of one series */
#define WN_FORECAST_SERIES_MAX (1u << 22)
#define WN_FORECAST_SEASON_MAX 10000
#define WN_FORECAST_LEVELS_MAX 8
#define WN_FORECAST_WINDOWS_MAX 20

typedef enum wn_forecast_frequency {
    WN_FREQUENCY_OTHER, /* no season is looked for unless given */
    WN_FREQUENCY_HOURLY,
    WN_FREQUENCY_DAILY,
    WN_FREQUENCY_WEEKLY,
    WN_FREQUENCY_MONTHLY,
    WN_FREQUENCY_QUARTERLY,
    WN_FREQUENCY_YEARLY,
    WN_FREQUENCY_N
} wn_forecast_frequency;

/* "hourly" ...; static text. */
const char *wn_forecast_frequency_name(wn_forecast_frequency frequency);

/* Members of the combination: name for programs, words for people. */
#define WN_FORECAST_MEMBER_MAP(X)                                                                  \
    X(THETA, "theta", "recent level and half the long trend")                                      \
    X(DAMPED, "damped_trend", "recent trend, fading out")                                          \
    X(SES, "smoothing", "recent level")                                                            \
    X(SNAIVE, "seasonal_naive", "the last season again")                                           \
    X(CYCLES, "two_seasons", "the shape of the last two seasons on the recent level")              \
    X(AR, "autoregression", "what usually followed such values")                                   \
    X(AR_DESEASONED, "autoregression_deseasoned", "usual reactions around the seasonal shape")     \
    X(NAIVE, "naive", "the last value with the seasonal shape")                                    \
    X(LAST_YEAR, "season_shifted", "the same part of the last season on the recent level")

typedef enum wn_forecast_member {
#define X(name, text, words) WN_MEMBER_##name,
    WN_FORECAST_MEMBER_MAP(X)
#undef X
        WN_FORECAST_MEMBERS
} wn_forecast_member;

const char *wn_forecast_member_name(wn_forecast_member member);
const char *wn_forecast_member_words(wn_forecast_member member);

typedef enum wn_forecast_state {
    WN_FORECAST_FITTED,   /* weights and intervals come from back-tests */
    WN_FORECAST_SHORT,    /* too short for a back-test: equal weights, borrowed intervals */
    WN_FORECAST_CONSTANT, /* it has never moved */
    WN_FORECAST_EMPTY     /* no value is known */
} wn_forecast_state;

struct wn_forecast_series {
    const double *values; /* [n], NaN = missing; borrowed for the call */
    size_t n;
    const uint8_t *excluded; /* NULL, or [n]: not 0 = a known outage or promotion, not to be learned
                                from; borrowed */
};

struct wn_forecast_options {
    size_t horizon;                  /* steps to forecast: 1 .. WN_FORECAST_HORIZON_MAX */
    wn_forecast_frequency frequency; /* names the seasons that are looked for: 24 and 168; 7 and
                                        365; 52; 12; 4 */
    size_t seasons[2];               /* or these periods instead; accepted only where the data
                                        show them, unless seasons_forced */
    size_t n_seasons;
    bool seasons_forced;
    bool no_seasons;
    double levels[WN_FORECAST_LEVELS_MAX]; /* coverage of the intervals, each in (0, 1) */
    size_t n_levels;                       /* 0 = the two levels 0.80 and 0.95 */
    size_t n_windows;                      /* back-tests, 0 = 5; fewer where the series is short */
    /* Optional, called after each series; false cancels. */
    bool (*on_progress)(void *context, size_t done, size_t total);
    void *context;
};

struct wn_forecast {
    wn_forecast_state state;
    size_t horizon, n_levels;
    double *mean; /* arena: [horizon] */
    double *low;  /* arena: [n_levels][horizon], levels in the order of the options */
    double *high; /* low <= mean <= high; a higher level contains a lower one */
    double weights[WN_FORECAST_MEMBERS];       /* sum 1 unless EMPTY; 0 = not used */
    double member_errors[WN_FORECAST_MEMBERS]; /* mean absolute error in the back-tests; negative =
                                                  the member does not apply */
    double *member_means; /* arena: [WN_FORECAST_MEMBERS][horizon]; 0 where it does not apply */
    size_t seasons[2];    /* the periods found, ascending */
    size_t n_seasons;
    /* The back-test of the whole combination, with weights that have not seen the tested window. */
    size_t n_windows;
    double error_abs;    /* mean absolute error; 0 without windows */
    double error_smape;  /* 200 * mean(|a-f| / (|a|+|f|)), percent, 0/0 = 0 */
    double error_scaled; /* mean absolute error / mean absolute (seasonal) change of the series */
    double *residuals; /* arena: [n_windows][horizon], actual - forecast, NaN = actual missing; the
                          latest window first */
};

/* Forecasts n_series series. Series are pooled for the intervals only; permuting the series
 * permutes the output. out [n_series]; what it points to lives in a.
 * Fails: INVALID (an option or an infinite value; why->line = 1 + the series' place), LIMIT,
 * MEMORY, CANCELLED. out is then undefined.
 * Cost: a series of 700 hourly values and 5 back-tests well under a millisecond; memory about
 * 8 * horizon * (n_windows + members + 1 + 2 n_levels) bytes a series, and one workspace. */
WN_MUST_USE wn_rc wn_forecast_batch(const struct wn_forecast_series *series, size_t n_series,
                                    const struct wn_forecast_options *options, struct wn_arena *a,
                                    struct wn_forecast *out, struct wn_why *why);

/* The frequency that a spacing of the timestamps suggests, median_step_ms > 0. */
wn_forecast_frequency wn_forecast_frequency_of_step(int64_t median_step_ms);

#endif
