/* The days of an account, a channel or a campaign as series: what forecasts, curves and detectors
 * are fed with.
 *
 * A day is missing (NaN) when no account behind the entity reported anything on it; where an
 * account did report and the entity had no rows, its value is 0. Days before the first row of a
 * campaign are missing: it did not exist yet. */
#ifndef WN_DECIDE_DAILY_H
#define WN_DECIDE_DAILY_H

#include "decide/overview.h"

#define WN_DAILY_DAYS_MAX 1100
#define WN_DAILY_ENTITIES_MAX 2000 /* the ones that spent most; the rest is counted in n_left_out */

typedef enum wn_daily_by { WN_DAILY_TOTAL, WN_DAILY_CHANNEL, WN_DAILY_CAMPAIGN } wn_daily_by;
const char *wn_daily_by_name(wn_daily_by by); /* "total", "channel", "campaign" */

struct wn_daily_entity {
    wn_daily_by by;
    uint8_t channel;     /* of a campaign in several: where it spent most; of a total: 0 */
    int32_t campaign_id; /* of a campaign, else 0 */
    struct wn_str id;    /* arena: "total", the channel's name, the campaign's number */
    struct wn_str key;   /* arena: the source's own id of a campaign; else "" */
    struct wn_str name;  /* arena: for people */
    double spend;        /* of the whole range */
    size_t first;        /* index of the first day with a value; n_days when there is none */
    double *values[WN_MEASURE_N]; /* arena: [n_days] whole units; NULL when not asked for */
};

struct wn_daily {
    int32_t day_from, day_to;         /* what is covered; only when n_days */
    size_t n_days;                    /* 0: nothing is stored */
    struct wn_daily_entity *entities; /* arena: [n]: by falling spend, then by id */
    size_t n;
    size_t n_left_out; /* entities beyond WN_DAILY_ENTITIES_MAX, or for whom there was no room */
    int64_t n_rows;    /* stored rows behind it */
};

struct wn_daily_request {
    wn_daily_by by;
    int channel; /* -1 = any */
    bool has_from, has_to;
    int32_t from, to;  /* inclusive */
    int32_t days_max;  /* without from: the last so many days; 0 = WN_DAILY_DAYS_MAX */
    unsigned measures; /* bits 1 << WN_MEASURE_...; spend always comes with them */
};

/* Two or three facts queries, however many entities. The range is cut to the days with data (of the
 * whole workspace, so that a channel that stopped ends in zeros or missing days, not earlier).
 * Fails: INVALID (from after to, more than WN_DAILY_DAYS_MAX days), LIMIT, MEMORY, and what the
 * store answers. */
WN_MUST_USE wn_rc wn_daily_gather(const struct wn_book *book,
                                  const struct wn_daily_request *request, struct wn_arena *a,
                                  struct wn_daily *out, struct wn_why *why);

/* Which version of the facts a result was made from: changes with every import or deletion. */
struct wn_facts_version {
    int64_t n_rows;
    int64_t loaded_at_ms; /* the newest */
};
WN_MUST_USE wn_rc wn_daily_version(const struct wn_book *book, struct wn_arena *a,
                                   struct wn_facts_version *out, struct wn_why *why);

/* ---- days that are not complete yet ----------------------------------------------------------- */

#define WN_DAILY_IMMATURE_MAX 14

/* Conversions are reported for days after the click, so the newest days may still grow. They show as
 * a run of last days whose result per click (or per unit of spend) lies below the four weeks
 * before, the newest well below, rising with age and back to usual within two weeks. A fall that
 * keeps its size that long is not called immature; one of fewer days cannot be told apart yet, which
 * is why the sentence says "looks". */
struct wn_daily_completeness {
    int n_immature_days;                 /* 0 = none seen */
    double share[WN_DAILY_IMMATURE_MAX]; /* [age]: about so much has arrived, (0, 1] */
    struct wn_str text;                  /* arena: one sentence, or "" */
};
/* outcome, effort [n], NaN = missing. Pure. */
WN_MUST_USE wn_rc wn_daily_completeness_of(const double *outcome, const double *effort, size_t n,
                                           struct wn_arena *a, struct wn_daily_completeness *out,
                                           struct wn_why *why);
/* What has arrived of the day at index i of n. */
double wn_daily_arrived(const struct wn_daily_completeness *c, size_t i, size_t n);

#endif
