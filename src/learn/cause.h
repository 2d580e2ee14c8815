/* Why did the total move? Which values of which dimension explain an anomaly.
 *
 * Source: Bhagwan et al., "Adtributor: Revenue Debugging in Advertising Systems", NSDI 2014:
 * explanatory power (how much of the change an element carries) and surprise (how much its share
 * changed), here with derived measures (ratios), one step of recursion into pairs, and a null
 * distribution from normal days. Pure but for the arena. */
#ifndef WN_LEARN_CAUSE_H
#define WN_LEARN_CAUSE_H

#include "core/arena.h"
#include "core/error.h"

#define WN_CAUSE_DIMENSIONS_MAX 16
#define WN_CAUSE_ELEMENTS_MAX 8 /* elements of one set */

/* Facts of one slot: rows of elements, one id for each dimension, and what was forecast and what
 * came. For a ratio N/D both parts are given; denominators are NULL for an additive metric. */
struct wn_cause_input {
    size_t n_rows;
    size_t n_dimensions;          /* 1 .. WN_CAUSE_DIMENSIONS_MAX */
    const uint32_t *ids;          /* [n_rows][n_dimensions], borrowed */
    const uint32_t *n_elements;   /* [n_dimensions]; ids lie below */
    const double *forecast;       /* [n_rows] */
    const double *actual;         /* [n_rows] */
    const double *forecast_below; /* [n_rows] denominators, or NULL */
    const double *actual_below;
};

struct wn_cause_options {
    double power_min;   /* 0.1: an element must carry so much of the change */
    double power_total; /* 0.67: a set must explain so much */
    double null_limit;  /* total surprise below this is no cause; 0 = report all */
};
#define WN_CAUSE_OPTIONS_DEFAULT ((struct wn_cause_options){0.1, 0.67, 0})

struct wn_cause_element {
    uint32_t id;
    double power;    /* share of the change; the elements of a dimension sum to 1 */
    double surprise; /* >= 0, in nats */
    double forecast, actual;
};

/* A set of elements of one dimension, or of one dimension inside an element of another. */
struct wn_cause {
    uint32_t dimension;
    bool has_inside; /* only rows where dimension `inside` has `inside_id` */
    uint32_t inside, inside_id;
    uint32_t n_elements;
    struct wn_cause_element elements[WN_CAUSE_ELEMENTS_MAX];
    double power, surprise; /* sums over the elements */
    double p_value;         /* against normal days; 1 when none were given */
};

struct wn_cause_report {
    double forecast, actual; /* totals, or the two ratios */
    size_t n_causes;
    struct wn_cause *causes; /* arena, by surprise, the largest first */
};

/* Explains one slot. In each dimension elements are taken by surprise, those that carry at least
 * power_min of the change, until they carry power_total together; the dimensions are then ranked by
 * the surprise of their set. Inside the first set, if it is one element, the other dimensions are
 * looked at once more: a pair is added when it moved, relative to its forecast, more than 25 %
 * further than the element it lies in.
 *
 * Rows with a value that is not finite are left out (counted in *n_skipped,
 * which may be NULL). No change of the total gives no causes. Fails: INVALID (no dimension, an id out
 * of range), MEMORY. Cost: O(rows * dimensions) + sorting the elements. */
WN_MUST_USE wn_rc wn_cause_explain(const struct wn_cause_input *in,
                                   const struct wn_cause_options *options, struct wn_arena *a,
                                   struct wn_cause_report *out, size_t *n_skipped,
                                   struct wn_why *why);

/* The same against normal days: runs each of days [n_days] for its largest surprise, keeps causes
 * beyond their 95 % quantile only, and sets p_value = (1 + days at least as surprising) /
 * (n_days + 1). 28 days are usual. */
WN_MUST_USE wn_rc wn_cause_explain_against(const struct wn_cause_input *in,
                                           const struct wn_cause_input *days, size_t n_days,
                                           const struct wn_cause_options *options,
                                           struct wn_arena *a, struct wn_cause_report *out,
                                           struct wn_why *why);

/* ---- the split of a change of ROAS ---- */

/* Sums of one period by part (campaign, channel ...). */
struct wn_roas_part {
    double spend, clicks, conversions, revenue; /* >= 0 */
};

typedef enum wn_roas_factor {
    WN_ROAS_MIX,   /* where the money went */
    WN_ROAS_CPC,   /* what a click cost */
    WN_ROAS_CVR,   /* conversions per click */
    WN_ROAS_VALUE, /* revenue per conversion */
    WN_ROAS_FACTORS
} wn_roas_factor;

struct wn_roas_split {
    double before, after;           /* ROAS */
    double effect[WN_ROAS_FACTORS]; /* they sum to after - before */
};

/* Shapley values over the four factors: the mean over all 24 orders of switching them from before
 * to after, exact. before, after [n_parts] describe the same parts. A rate that a part lacks in a
 * period (no clicks: no conversion rate) is taken from its other period, so that a part that starts
 * or ends is a matter of mix. Revenue of a part without spend in that period is left out. Fails: INVALID (negative or not finite
 * numbers, no spend in a period). O(16 n_parts). */
WN_MUST_USE wn_rc wn_roas_explain(const struct wn_roas_part *before,
                                  const struct wn_roas_part *after, size_t n_parts,
                                  struct wn_roas_split *out, struct wn_why *why);

#endif
