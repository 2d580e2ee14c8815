/* Days that are unlike their past: of the whole, of channels, of campaigns; in spend, conversions,
 * revenue, clicks, impressions, CTR, CPA and ROAS. What was expected, how sure it is that the day is
 * unusual among all streams looked at, what it cost, and which parts caused it. */
#ifndef WN_DECIDE_ANOMALY_H
#define WN_DECIDE_ANOMALY_H

#include "decide/daily.h"

#define WN_ANOMALY_METHOD "daily-detector"
#define WN_ANOMALY_DAYS 400 /* learnt from and looked at */
#define WN_ANOMALY_WARMUP_DAYS 14
#define WN_ANOMALY_REST_DAYS 7 /* one incident, one alert */
#define WN_ANOMALY_Q 0.05      /* expected share of false ones among a day's alerts */
#define WN_ANOMALY_LIMIT 1000
#define WN_ANOMALY_CAUSED_MAX 20 /* the newest so many are searched for causes */

#define WN_ANOMALY_METRIC_MAP(X)                                                                   \
    X(SPEND, "spend")                                                                              \
    X(CONVERSIONS, "conversions")                                                                  \
    X(REVENUE, "revenue")                                                                          \
    X(CLICKS, "clicks")                                                                            \
    X(IMPRESSIONS, "impressions")                                                                  \
    X(CTR, "ctr")                                                                                  \
    X(CPA, "cpa")                                                                                  \
    X(ROAS, "roas")
typedef enum wn_anomaly_metric {
#define X(name, text) WN_ANOMALY_##name,
    WN_ANOMALY_METRIC_MAP(X)
#undef X
        WN_ANOMALY_METRICS
} wn_anomaly_metric;
const char *wn_anomaly_metric_name(wn_anomaly_metric metric);
WN_MUST_USE bool wn_anomaly_metric_by_name(struct wn_str name, wn_anomaly_metric *out);

typedef enum wn_anomaly_severity {
    WN_ANOMALY_LOW,    /* q at most WN_ANOMALY_Q */
    WN_ANOMALY_MEDIUM, /* q at most 0.01 */
    WN_ANOMALY_HIGH    /* q at most 0.001 */
} wn_anomaly_severity;
const char *wn_anomaly_severity_name(wn_anomaly_severity severity);

struct wn_anomaly_point {
    double value;               /* as reported; NaN = missing */
    double expected, low, high; /* what was expected of it by then, 99 % of normal days inside; NaN
                                    while too little was known */
    double p_value, q_value;    /* 1 where nothing was expected */
    double score;               /* -log10(p_value) */
    bool is_anomaly;            /* an incident begins */
};

struct wn_anomaly_cause {
    struct wn_str dimension; /* "channel", "campaign", "device" */
    struct wn_str value;     /* its name */
    double share;            /* of the change; the elements of a dimension sum to 1 */
    double surprise;
};

struct wn_anomaly {
    const struct wn_daily_entity *entity;
    wn_anomaly_metric metric;
    int32_t day;
    struct wn_anomaly_point point;
    const struct wn_anomaly_point *points; /* arena: all days of its stream */
    wn_anomaly_severity severity;
    int direction; /* +1 up, -1 down */
    bool has_money;
    double money_mean, money_low, money_high; /* more (or less) spent or earned than expected */
    const struct wn_anomaly_cause *causes;    /* arena: [n_causes] */
    size_t n_causes;
    struct wn_str summary; /* arena: one sentence */
};

struct wn_anomaly_request {
    int metric;  /* -1 = all */
    int channel; /* -1 = all */
    bool has_from, has_to;
    int32_t from, to; /* days reported on; what is learnt from lies before */
    wn_anomaly_severity severity_min;
    size_t limit; /* 0 = WN_ANOMALY_LIMIT */
    bool with_causes;
};

struct wn_anomaly_report {
    struct wn_anomaly *anomalies; /* arena: [n], the newest first, then by evidence */
    size_t n;
    size_t n_streams, n_found; /* looked at; found before the limit */
    size_t n_left_out;         /* campaigns not looked at */
    struct wn_daily days[3];   /* by wn_daily_by: what the entities point into */
    struct wn_daily_completeness completeness;
    struct wn_str currency; /* for sentences */
};

/* How: each stream is followed by a robust level with weekday effects that only knows earlier days;
 * counts are judged by the tail of a negative binomial around it, amounts and ratios by Student's t
 * on logarithms. Of each day, the p-values of all streams go through Benjamini and Hochberg. Newest
 * days that are not complete are held against what can have arrived. A stream that alerted is quiet
 * for a week; of an entity that stopped spending only the spend is reported. Causes by Adtributor,
 * against the four weeks before.
 * Fails: INVALID, LIMIT, MEMORY, and what the stores answer. */
WN_MUST_USE wn_rc wn_anomaly_find(const struct wn_book *book,
                                  const struct wn_anomaly_request *request, struct wn_str currency,
                                  struct wn_arena *a, struct wn_anomaly_report *out,
                                  struct wn_why *why);

/* One stream day by day, with its anomalies. entity: "total", "channel:facebook", "campaign:12".
 * *points [days.n_days of its kind]: arena. Fails as above; NOT_FOUND: no such entity in these days
 * (why->field "entity"). */
WN_MUST_USE wn_rc wn_anomaly_timeline(const struct wn_book *book,
                                      const struct wn_anomaly_request *request,
                                      struct wn_str entity, struct wn_str currency,
                                      struct wn_arena *a, struct wn_anomaly_report *out,
                                      const struct wn_daily_entity **out_entity,
                                      struct wn_anomaly_point **points, struct wn_why *why);

/* The judge of one stream, pure. value [n] as reported, NaN = missing; arrived [n] or NULL: share
 * of the result that can have arrived; day: of value[0]. out [n]: all but q_value and is_anomaly.
 * is_count: value is a count of events. least_events: days with fewer events (events [n], or NULL)
 * are not judged. orders: NULL, or [n] the orders expected behind the amount, NaN = not known: where
 * they are few, an amount of nothing is no wonder. */
struct wn_anomaly_stream {
    const double *value, *arrived, *events, *orders;
    double least_events;
    size_t n;
    int32_t day;
    bool is_count;
    bool
        with_band; /* low and high of counts too, and of amounts of few orders: most of the time goes
                       there. Without: expected, or what amounts of many would have */
};
void wn_anomaly_judge(const struct wn_anomaly_stream *stream, struct wn_anomaly_point *out);

#endif
