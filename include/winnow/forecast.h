/* Forecasts of many series with intervals: spend, conversions, revenue, visits.
 *
 * What it does. Each series is forecast by a handful of simple members (theta, damped trend,
 * exponential smoothing, seasonal naive, ridge autoregression ...). Rolling back-tests on the
 * series' own past give each member an error; the forecast is their mean with weights
 * error^-3, members 1.6 times worse than the best left out. The intervals are conformal: their
 * width comes from the errors the combination made in back-tests that had no part in its weights,
 * pooled over the series of the call that have about as much data, so that a short series borrows
 * from its neighbours. The more series in a call, the better: of one series alone, the widths are
 * half assumed (Student's t with 5 degrees of freedom, growing with the root of the step).
 *
 * A series is an array of equally spaced values, oldest first; NaN is a missing value (which is
 * not 0). Values are in any unit; multiplying a series by a constant multiplies its forecast.
 * Infinities are refused. Results are finite, and 0 <= the forecast where no value was negative.
 *
 * Degenerate series have defined answers, and say so in `state`:
 *   all missing or empty   mean 0, all bounds 0, state WN_FORECAST_EMPTY: show "no data", not 0
 *   constant, all zero     that value at every step, and bounds equal to it: it has never moved
 *   one point              that value; bounds as wide as the other series', else as if each step
 *                          could change a positive value by a factor of e
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
 * What was chosen how. Nothing here was fitted to data by a search. Constants come
 *   from papers and custom: the test for a season at 90 % (Assimakopoulos and Nikolopoulos; the M4
 *     benchmarks use it), lines 0 and 2 of theta, at least three seasons to see one, candidates 24
 *     and 168, 7 and 365, 52, 12, 4, gamma 0.02 of the adaptive level (Gibbs and Candes use .005);
 *   from a prototype, set once and not varied here: the grids of alpha, beta and phi, the last 400
 *     points, the ridge of 3, the age weights .999 a step and .9 a season, long seasons shrunk to
 *     .8 and a weekly shape of hours to .7, the cap of single points at 8 deviations, the exponent
 *     3 (1 to 4 change OWA on M4 by under 2 %) and the factor 1.6;
 *   from about 40 runs with the test parts of M4 Weekly and Hourly in view, and M1 beside them: 5
 *     to 9 windows (for 120 tested steps), half a horizon apart; that points of a tested window
 *     have no part in its weights and spread; that a series' own spread is trusted n / (n + 1);
 *     that only single points are capped; which lags, and autoregression on both scales;
 *   at earlier ends of the training parts of M4 and M1 alone (bench/learn/replay.h, 5,300
 *     forecasts), judged by coverage and MSIS there: that quantiles are shared by the amount of
 *     data, in doublings, against 100 windows of all series (20 to 150 tried: little changes); that
 *     series with one window or none are compared with others as they look by one or none; that
 *     errors a horizon away count .7 for the spread (.5 to 1 tried); that a spread is trusted by
 *     what those of tested windows rest on. Tried there and left out: near errors counting more
 *     for the weights of members (.2 % better over the five sets), 7 windows for long horizons
 *     (.6 % better on hours, a third slower), quantiles by half doublings (no better) or by the
 *     points before each window (worse).
 * Figures beside published ones, and what they cannot show: docs/BENCHMARKS.md.
 *
 * Known limits. Coverage is a promise about series like those of the call and times like those
 * tested. At earlier ends of M4 Hourly and Weekly both intervals are within 2 points of it, and
 * within 5 in the worst tenth of the series by length; on simulated series too. The short series of
 * M1 hold less: at earlier ends 80 % covers 75 (yearly, most with one window or none), 79
 * (quarterly) and 77 % (monthly); on the test part of M1 quarterly 72 %, where the future was less
 * like the past than the past itself. wn_conformal below keeps a running forecast honest then.
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
    X(AR_PLAIN, "autoregression_plain", "what usually followed such values, in sums not shares")   \
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
    size_t n_windows;                      /* back-tests, 0 = 5 to 9, by the horizon;
                                        fewer where the series is short */
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
    double *tested;    /* arena: [n_windows][horizon], those forecasts */
};

/* Forecasts n_series series. Series are pooled for the intervals only; permuting the series
 * permutes the output. out [n_series]; what it points to lives in a.
 * Fails: INVALID (an option or an infinite value; why->line = 1 + the series' place), LIMIT,
 * MEMORY, CANCELLED. out is then undefined.
 * Cost: a series of 700 hourly values and 5 back-tests about half a millisecond; memory about
 * 8 * horizon * (n_windows + members + 1 + 2 n_levels) bytes a series, and one workspace. */
WN_MUST_USE wn_rc wn_forecast_batch(const struct wn_forecast_series *series, size_t n_series,
                                    const struct wn_forecast_options *options, struct wn_arena *a,
                                    struct wn_forecast *out, struct wn_why *why);

/* The frequency that a spacing of the timestamps suggests, median_step_ms > 0. */
wn_forecast_frequency wn_forecast_frequency_of_step(int64_t median_step_ms);

/* ---- ratios -----------------------------------------------------------------------------------
 */

struct wn_ratio_forecast {
    size_t horizon, n_levels;
    bool *has_value; /* arena: [horizon]; false where the denominator's forecast is 0 or less */
    double *mean;    /* arena: [horizon]; 0 without a value */
    double *low;     /* arena: [n_levels][horizon] */
    double *high;
};

/* Forecasts a ratio such as ROI, CPA or CTR from the forecasts of its two sums, never from the
 * series of ratios, whose values of small days are noise. Errors of both in the same back-test
 * window and step are drawn together, so that what moves revenue and spend alike cancels; they are
 * stretched to the width of the two intervals. Without common back-tests the two errors are drawn
 * apart.
 *
 * Both forecasts come from calls with the same horizon, levels and windows. levels [n_levels] are
 * those of that call. n_draws: 0 = 500, at most 1,000,000. A denominator is positive by nature: its
 * errors are relative. Fails: INVALID (shapes differ), MEMORY. Cost: horizon * n_draws * log. */
WN_MUST_USE wn_rc wn_forecast_ratio(const struct wn_forecast *numerator,
                                    const struct wn_forecast *denominator, const double *levels,
                                    size_t n_levels, size_t n_draws, struct wn_rand *r,
                                    struct wn_arena *a, struct wn_ratio_forecast *out,
                                    struct wn_why *why);

/* ---- trees ------------------------------------------------------------------------------------
 */

#define WN_TREE_ROOT SIZE_MAX

/* Makes the forecasts of a tree (account, channel, campaign ...) add up: the one correction that is
 * smallest by variance, in O(n). Equals generalised least squares with a diagonal covariance.
 *
 * parent [n]: the place of each node's parent, before the node itself, or WN_TREE_ROOT; several
 * roots are fine. values [n][n_columns]: one column a step, or a draw; reconciled in place, so that
 * each node is the sum of its children. variances [n], >= 0: those of the nodes' own forecasts;
 * infinite = the node has none (a leaf needs one). variances_out [n], may be NULL: after it.
 * Example: parent 100 (variance 4), children 60 (1) and 30 (3): 95, 61.25, 33.75.
 * Fails: INVALID (order, negative or missing variances, values that are not finite), MEMORY (3 n
 * doubles). Source: Hyndman, Lee, Wang, "Fast computation of reconciled forecasts for hierarchical
 * and grouped time series", 2016; for trees a forward and a backward pass are enough. */
WN_MUST_USE wn_rc wn_forecast_reconcile(const size_t *parent, size_t n, size_t n_columns,
                                        double *values, const double *variances,
                                        double *variances_out, struct wn_why *why);

/* ---- a campaign that has just begun -----------------------------------------------------------
 */

/* Forecasts a series of a few days from its parent: the parent's forecast times the child's share
 * of it. The share is that of the days so far, shrunk to that of its siblings as if those had been
 * seen for a week.
 *
 * values, parent_values [n]: the same days, NaN = missing; n may be 0. parent: the parent's
 * forecast, all of whose bounds are positive; levels as in its call. sibling_share > 0: the share
 * a child usually has; sibling_spread >= 0: the standard deviation of its logarithm among siblings.
 * out: mean, low, high in a, state SHORT. Fails: INVALID, MEMORY. */
WN_MUST_USE wn_rc wn_forecast_cold_start(const double *values, const double *parent_values,
                                         size_t n, const struct wn_forecast *parent,
                                         const double *levels, size_t n_levels,
                                         double sibling_share, double sibling_spread,
                                         struct wn_arena *a, struct wn_forecast *out,
                                         struct wn_why *why);

/* ---- rare events ------------------------------------------------------------------------------
 */

struct wn_intermittent_forecast {
    double probability;                 /* that a step has any */
    double size;                        /* of a step that has */
    double mean;                        /* of each step ahead: their product */
    double variance;                    /* of a step */
    double low[WN_FORECAST_LEVELS_MAX]; /* whole counts: quantiles of the negative binomial of that
                                           mean and variance (Poisson when it is not wider) */
    double high[WN_FORECAST_LEVELS_MAX];
};

/* Forecasts counts that are mostly zero (orders of one product) by the method of Teunter, Syntetos
 * and Babai, which lets a dead product fade. values [n], each >= 0 or NaN = missing; the two
 * smoothing parameters come from a grid by squared error. All missing: zeros.
 * Fails: INVALID (negative or infinite values, levels). Pure: no allocation. Cost: 25 passes. */
WN_MUST_USE wn_rc wn_forecast_intermittent(const double *values, size_t n, const double *levels,
                                           size_t n_levels, struct wn_intermittent_forecast *out,
                                           struct wn_why *why);

/* ---- daily series with a calendar -------------------------------------------------------------
 */

struct wn_daily_model {
    int32_t first_day;             /* days since the epoch of values[0] */
    const int32_t *holidays;       /* NULL, or [n_holidays] days, past and future; borrowed */
    const uint32_t *holiday_kinds; /* NULL = all of one kind, or [n_holidays]: below 16 */
    size_t n_holidays;
    const double *drivers; /* NULL, or [n + horizon][n_drivers]: planned spend, price, promotion;
                              known ahead; borrowed */
    size_t n_drivers;      /* at most 16 */
    bool is_additive;      /* fit the values as they are even if all are positive */
};

/* Forecasts one daily series by ridge regression on a line, three weekly and four yearly harmonics
 * (from two years of data on), holidays with a window of two days before and after, shrunk to what
 * holidays have in common, and drivers; what is left is continued by a damped trend. Intervals as
 * in wn_forecast_batch, of this one series.
 *
 * out: mean, low, high, the back-test; members and weights stay empty. Needs 21 known days.
 * Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_forecast_daily(const struct wn_forecast_series *series,
                                    const struct wn_daily_model *model,
                                    const struct wn_forecast_options *options, struct wn_arena *a,
                                    struct wn_forecast *out, struct wn_why *why);

/* ---- live correction --------------------------------------------------------------------------
 */

/* Keeps the coverage of a running forecast honest: after each outcome the level that is asked for
 * moves a little. Over T outcomes the share of misses differs from 1 - level by at most
 * (1 + gamma) / (gamma T), whatever the data do (Gibbs and Candes, proposition 4.1). */
struct wn_conformal {
    double level; /* what is promised, in (0, 1) */
    double gamma; /* step; 0.02 by default */
    double alpha; /* the share of misses aimed at now; may leave [0, 1] for a while */
    uint64_t n_seen, n_missed;
};

/* gamma: 0 = 0.02. Values outside (0, 1) are clipped. */
void wn_conformal_init(struct wn_conformal *c, double level, double gamma);
/* An outcome, and the interval that was shown for it. Outcomes that are not finite are ignored. */
void wn_conformal_update(struct wn_conformal *c, double actual, double low, double high);
/* The level to ask of the next forecast so that `level` is kept: in [0.0001, 0.9999]. */
double wn_conformal_level(const struct wn_conformal *c);

#endif
