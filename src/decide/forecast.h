/* The days to come, from the days in the facts: spend, revenue, conversions, clicks, impressions,
 * ROI and ROAS. The mathematics is winnow/forecast.h; here it is fed, tested against what then
 * happened, and put into words. Also the plain series of the days that were. */
#ifndef WN_DECIDE_FORECAST_H
#define WN_DECIDE_FORECAST_H

#include "core/buf.h"
#include "decide/daily.h"
#include "winnow/forecast.h"

#define WN_OUTLOOK_METHOD "combined-forecast"
#define WN_OUTLOOK_SEED 1 /* of the draws behind the intervals of ratios */
#define WN_OUTLOOK_HORIZON_MAX 180
#define WN_OUTLOOK_HORIZON 30
#define WN_OUTLOOK_HISTORY_DAYS 400 /* without from */

#define WN_OUTLOOK_METRIC_MAP(X)                                                                   \
    X(ROI, "roi", "ROI", RATIO)                                                                    \
    X(ROAS, "roas", "ROAS", FACTOR)                                                                \
    X(SPEND, "spend", "Spend", MONEY)                                                              \
    X(REVENUE, "revenue", "Revenue", MONEY)                                                        \
    X(CONVERSIONS, "conversions", "Conversions", COUNT)                                            \
    X(CLICKS, "clicks", "Clicks", COUNT)                                                           \
    X(IMPRESSIONS, "impressions", "Impressions", COUNT)
typedef enum wn_outlook_metric {
#define X(name, text, label, unit) WN_OUTLOOK_##name,
    WN_OUTLOOK_METRIC_MAP(X)
#undef X
        WN_OUTLOOK_METRICS
} wn_outlook_metric;
const char *wn_outlook_metric_name(wn_outlook_metric metric);
wn_metric_unit wn_outlook_metric_unit(wn_outlook_metric metric);
WN_MUST_USE bool wn_outlook_metric_by_name(struct wn_str name, wn_outlook_metric *out);

struct wn_outlook_request {
    wn_outlook_metric metric;
    int channel; /* -1 = all */
    bool has_from, has_to;
    int32_t from, to; /* the history that is learnt from */
    int horizon;      /* 1 .. WN_OUTLOOK_HORIZON_MAX; 0 = WN_OUTLOOK_HORIZON */
};

/* How far it was off when it was made on earlier days and compared with what then came. */
struct wn_outlook_backtest {
    size_t n_windows, n_days; /* 0: the history is too short to try */
    double mape;              /* mean |error| / |actual|; NaN for ROI, which may be 0 */
    double rmse;
    double error_in_money; /* a day; for ratios: error times the spend of the day. NaN: not money */
    double coverage80, coverage95; /* share of the days inside the interval */
    double
        drift; /* rmse of the newest window, times that of the earlier ones; NaN: there is but one */
};

struct wn_outlook {
    wn_outlook_metric metric;
    wn_forecast_state state;
    int32_t day_from, day_to; /* the history; only when n_history */
    size_t n_history;
    double *history; /* arena: [n_history], NaN = no value */
    size_t horizon;
    double *mean, *low80, *high80, *low95, *high95; /* arena: [horizon]; NaN throughout: EMPTY */
    double weights[WN_FORECAST_MEMBERS];
    size_t seasons[2];
    size_t n_seasons;
    struct wn_outlook_backtest backtest;
    struct wn_daily_completeness completeness;
    struct wn_str summary; /* arena */
};

/* A ratio is forecast by its numerator and denominator, never as itself (wn_forecast_ratio).
 * Newest days whose results have not all arrived are shown as they are, learnt from as what they
 * will be (divided by what has arrived), and not compared with. currency: for the summary.
 * Fails: INVALID, LIMIT, MEMORY, and what the stores answer. Cost: one gathering and about
 * 7 * (1 + channels) library forecasts. */
WN_MUST_USE wn_rc wn_outlook_make(const struct wn_book *book,
                                  const struct wn_outlook_request *request, struct wn_str currency,
                                  struct wn_arena *a, struct wn_outlook *out, struct wn_why *why);

/* The same on series in memory, pure: the first is forecast, the intervals may learn from the
 * others. numerator [n], denominator [n], or NULL for a plain sum. n_complete <= n: days that
 * back-tests may compare with, since later ones are not complete yet. */
struct wn_outlook_series {
    const double *numerator, *denominator;
};
WN_MUST_USE wn_rc wn_outlook_of(const struct wn_outlook_series *series, size_t n_series, size_t n,
                                size_t n_complete, size_t horizon, wn_outlook_metric metric,
                                struct wn_arena *a, struct wn_outlook *out, struct wn_why *why);

struct wn_outlook_picture {
    struct wn_str currency;
    bool has_sample, dark;
    int width_px, height_px;
};
/* Appends a PNG: the history, the dashed forecast and its two bands. */
WN_MUST_USE wn_rc wn_outlook_png(const struct wn_outlook *o,
                                 const struct wn_outlook_picture *picture, struct wn_arena *a,
                                 struct wn_buf *png, struct wn_why *why);

#endif
