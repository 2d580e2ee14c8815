/* What each running campaign will return over the days to come, as one number with an interval, a
 * risk and what it is made of: for lists, and kept in the catalog. */
#ifndef WN_DECIDE_PREDICTION_H
#define WN_DECIDE_PREDICTION_H

#include "decide/daily.h"

#define WN_PREDICTION_METHOD "campaign-forecast"
#define WN_PREDICTION_HORIZON 30
#define WN_PREDICTION_HORIZON_MAX 180
#define WN_PREDICTION_DAYS_MIN 21 /* of statistics, else a campaign is left out */

struct wn_prediction_report {
    struct wn_prediction *predictions; /* arena: [n], without id, time and method; by spend */
    size_t n;
    size_t n_new;      /* campaigns left out: too few days */
    size_t n_stopped;  /* left out: nothing spent in the last 7 days with data */
    size_t n_left_out; /* beyond WN_DAILY_ENTITIES_MAX */
    size_t n_days;     /* of statistics behind all of them */
    struct wn_daily_completeness completeness;
};

/* The ROI of the whole horizon: revenue and spend of all campaigns are forecast in one batch, and
 * the sums over the horizon divided. Its interval: in back-tests, how far the ratio of the two sums
 * was off (as a logarithm) for this campaign, drawn towards all campaigns as far as its own
 * back-tests are few, and widened so that 80 % of all campaigns' back-tests lie inside.
 * confidence: how probable it is that the ROI has the sign that is predicted; risk: by the
 * probability of a loss, below 0.2 low, below 0.5 medium. Newest days that are not complete are learnt
 * from as what they will be. Fails: INVALID (horizon), LIMIT, MEMORY, and what the stores answer. */
WN_MUST_USE wn_rc wn_prediction_make(const struct wn_book *book, int horizon_days,
                                     struct wn_arena *a, struct wn_prediction_report *out,
                                     struct wn_why *why);

#endif
