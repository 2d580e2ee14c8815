/* Anomalies on metric streams: is this row unlike its past, what should it have been, and is it a
 * new incident or the old one?
 *
 *     struct wn_detector *d;
 *     wn_detect_init(&arena, &WN_DETECT_OPTIONS_DEFAULT, &d, &why);
 *     for each row, in the order of arrival:
 *         wn_detect_push(d, ts_ms, value, &result);
 *
 * Two engines. The generic detector (wn_detect_*) takes any stream of numbers and needs no forecast:
 * it looks at every point from nineteen sides (distance from medians of three windows, change,
 * means of 4 to 144 points, bursts and flat-lines of the variation, the envelope of the same time of
 * day, the same hour of the last weeks, three kinds of shape never seen before, the error of the best
 * of four small forecasts), asks of each how rare it is in that side's own past (empirical to the
 * 98 % quantile, exponential tail beyond: peaks over threshold), and adds the answers up. The count
 * engine (wn_count_*) takes counts beside their forecast mean and gives exact tail probabilities.
 *
 * A row outside the band whose successor is back inside is a spike on its own: it gets its alert, and
 * is then forgotten by levels and means, or its echo in them would raise another one later.
 *
 * Causal: the answer for a row uses that row and earlier ones, nothing else. Same input, same
 * bytes, on every machine with IEEE floats. No I/O, no clock, no thread, no global: detectors are
 * independent, one may be used by one thread at a time.
 *
 * Sources: Siffer, Fouque, Termier and Largouet, "Anomaly Detection in Streams with Extreme Value
 * Theory", KDD 2017 (tails); Sathe and Aggarwal, "Subspace Outlier Detection in Linear Time with
 * Randomized Hashing", ICDM 2016 (shapes); Lavin and Ahmad, "Evaluating Real-time Anomaly Detection
 * Algorithms: the Numenta Anomaly Benchmark", ICMLA 2015 (how it is measured). */
#ifndef WINNOW_DETECT_H
#define WINNOW_DETECT_H

#include "core/arena.h"
#include "core/error.h"

/* ---- the generic detector ---- */

struct wn_detector; /* one stream; about 80 kB, one block without pointers */

struct wn_detect_options {
    double sensitivity; /* 1 = as measured; 2 alerts at half the evidence. 0.05 .. 20 */
    double risk;        /* how rarely a normal row lies outside [low, high]: 1e-9 .. 0.1 */
    bool by_band;       /* alert on rows outside [low, high] instead of on the score: then risk is
                           the probability of a false alert per row outside the rest period */
    uint64_t rest_rows; /* no new alert for so many rows after one; 0 = a share of the rows seen,
                           at most 0.15 * 750 */
};
#define WN_DETECT_OPTIONS_DEFAULT ((struct wn_detect_options){1, 1e-3, false, 0})

typedef enum wn_severity {
    WN_SEVERITY_NONE, /* no alert */
    WN_SEVERITY_LOW,
    WN_SEVERITY_MEDIUM,
    WN_SEVERITY_HIGH,
    WN_SEVERITY_CRITICAL
} wn_severity;
/* "none", "low", "medium", "high", "critical". Static text. */
const char *wn_severity_name(wn_severity s);

/* Rows before this many have been seen get no alert. */
#define WN_DETECT_WARMUP_ROWS 50

struct wn_detect_result {
    bool is_missing;    /* the value was NaN or infinite: nothing was learned, score 0 */
    bool has_band;      /* false for the first row: expected, low, high are the value itself */
    bool is_anomaly;    /* a new incident begins at this row */
    bool is_resting;    /* within the rest period of the last alert */
    bool is_disordered; /* the time is not after the last row's: taken in the order of arrival */
    double expected;    /* what the row should have been */
    double low, high;   /* low <= expected <= high */
    double score;       /* evidence of a new incident, >= 0; an alert comes at 1 / sensitivity;
                          a tenth of the evidence while resting */
    double evidence;    /* the same without the rest period */
    wn_severity severity;
    uint8_t top_view; /* the side from which it looked rarest; wn_detect_view_name */
};

/* One clause for a person: "far from the recent median". Static text; view < WN_DETECT_VIEWS. */
#define WN_DETECT_VIEWS 19
const char *wn_detect_view_name(uint8_t view);

/* A detector that has seen nothing, in the arena. options: borrowed. Fails: INVALID (an option out
 * of its range; why->field names it), MEMORY. */
WN_MUST_USE wn_rc wn_detect_init(struct wn_arena *a, const struct wn_detect_options *options,
                                 struct wn_detector **out, struct wn_why *why);
/* Takes in the next row and says what it thinks of it. ts_ms: ms since the epoch; in the zone whose
 * days matter, since the time of day is taken from it. Steps may be uneven; the usual step is the
 * median of the first 15. value: any double; values beyond 1e30 from the first one count as that.
 * Nothing that is not finite comes out. Cannot fail. Allocates nothing. Cost: about half a
 * microsecond. */
void wn_detect_push(struct wn_detector *d, int64_t ts_ms, double value,
                    struct wn_detect_result *out);
/* The band for a row that has not come: what wn_detect_push would expect at ts_ms. */
void wn_detect_expect(const struct wn_detector *d, int64_t ts_ms, struct wn_detect_result *out);

/* A whole series at once: result [n]. The same as n pushes. Fails as init does. */
WN_MUST_USE wn_rc wn_detect_series(struct wn_arena *a, const struct wn_detect_options *options,
                                   const int64_t *ts_ms, const double *value, size_t n,
                                   struct wn_detect_result *out, struct wn_why *why);

/* ---- state as bytes ----
 *
 *     0  8  "WNDETECT"
 *     8  4  version, 3
 *    12  4  size of the rest in bytes
 *    16  8  hash of the rest
 *    24     options and state, little-endian, as in memory
 *
 * Loading gives a detector that continues as the saved one would. Bytes of another version are
 * refused (a detector learns anew from a few hundred rows). */
size_t wn_detect_state_bytes(void);
/* out [wn_detect_state_bytes()]. */
void wn_detect_save(const struct wn_detector *d, uint8_t *out);
/* Fails: CORRUPT (size, magic, hash, or numbers no detector can hold), NEWER, UNSUPPORTED (an older
 * version, a big-endian machine), MEMORY. */
WN_MUST_USE wn_rc wn_detect_load(struct wn_arena *a, const uint8_t *bytes, size_t n,
                                 struct wn_detector **out, struct wn_why *why);

/* ---- counts beside their forecast ----
 *
 * Observed counts are negative binomial around the forecast mean: variance mean + mean^2 / size. A
 * slot is judged by the mid-p of its exact tail, the last 3 and 8 slots by the tail of their sum, a
 * slow drift by cumulative sums (k 0.25, h 12) of the slots' normal scores, smoothed at half-lives
 * of 6 and 48 slots. */

struct wn_count_options {
    double size;         /* of the negative binomial; 20 where nothing is known */
    double alpha;        /* alert when a p-value is below: 1e-3 */
    uint32_t rest_slots; /* after an alert: 12 */
};
#define WN_COUNT_OPTIONS_DEFAULT ((struct wn_count_options){20, 1e-3, 12})

#define WN_COUNT_PAST 8

struct wn_count_stream {
    struct wn_count_options options;
    double observed[WN_COUNT_PAST], mean[WN_COUNT_PAST];
    uint32_t n, next;
    uint32_t n_rest;
    double up, down;         /* cumulative sums of single slots */
    double slow[2];          /* smoothed scores at half-lives 6 and 48 */
    double slow_variance[2]; /* of them, while they fill */
};

struct wn_count_result {
    bool is_missing;
    bool is_anomaly;
    bool is_drift;           /* the alert came from the cumulative sum or a smoothed score alone */
    int direction;           /* -1 low, +1 high, 0 as expected */
    double p;                /* two-sided mid-p of this slot */
    double p_low3, p_low8;   /* P(sum of the last 3, 8 slots at most as observed); 1 while fewer */
    double p_high3, p_high8; /* at least */
    double p_least;          /* the smallest, times the number of looks (Bonferroni): for FDR */
    double low, high;        /* band of one slot, at alpha */
};

/* Fails: INVALID (size or alpha out of range). */
WN_MUST_USE wn_rc wn_count_init(struct wn_count_stream *s, const struct wn_count_options *options,
                                struct wn_why *why);
/* observed: the count; mean: its forecast, >= 0; known_part in (0, 1]: the share of it that can have
 * arrived by now (reporting delay): the mean is multiplied by it, so that the newest slots are not
 * drops. A value that is not finite, or negative, is a missing slot. */
void wn_count_push(struct wn_count_stream *s, double observed, double mean, double known_part,
                   struct wn_count_result *out);
/* The band [low, high] that holds a count of NB(mean, size) but for alpha/2 on each side; whole
 * numbers. O(log(mean) * tail). */
void wn_count_band(double mean, double size, double alpha, double *low, double *high);
/* Two-sided mid-p of x successes among n at rate p with concentration phi (beta-binomial): for CTR
 * and CVR, exact for any number of events. */
double wn_rate_p(double x, double n, double p, double phi);
/* Two-sided p of a revenue with orders NB(mean_orders, size), each worth order_value with the
 * coefficient of variation cv. */
double wn_revenue_p(double revenue, double mean_orders, double size, double order_value, double cv);

/* ---- silent failures: rules, always on ---- */

enum wn_silent {
    WN_SILENT_NO_CONVERSIONS = 1, /* none, while 6 or more were expected (P < 0.0025) */
    WN_SILENT_SPEND_FLAT = 2,     /* the same spend, not 0, in 4 slots or more */
    WN_SILENT_OVER_CAP = 4,       /* spend above 1.3 times the daily cap */
    WN_SILENT_TRACKING = 8,       /* no landing hits, while clicks led one to expect 6 or more */
    WN_SILENT_DUPLICATES = 16,    /* conversion ids that came twice */
    WN_SILENT_CURRENCY = 32       /* spend or revenue jumped by 100 or 1/100, within 15 % */
};

struct wn_silent_input {
    double expected_conversions, conversions;
    double clicks, landing_hits, hit_part; /* hit_part: usual hits per click */
    double spend_today, daily_cap;         /* cap <= 0: none */
    uint32_t n_same_spend;                 /* slots in a row with exactly this spend */
    double spend_slot;
    double usual_value, value;      /* of the money metric, typical and now */
    uint64_t n_ids, n_distinct_ids; /* of conversions */
};
/* The rules that strike, as a set of enum wn_silent. Numbers that are not finite strike nothing. */
unsigned wn_silent_check(const struct wn_silent_input *in);
/* One sentence. Static text; for one bit. */
const char *wn_silent_text(unsigned rule);

#endif
