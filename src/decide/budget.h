/* Budgets from the facts: response curves of channels or campaigns, and how to divide a daily total
 * among them. The mathematics is winnow/allocate.h; here it is fed and explained. */
#ifndef WN_DECIDE_BUDGET_H
#define WN_DECIDE_BUDGET_H

#include "core/buf.h"
#include "decide/daily.h"
#include "winnow/allocate.h"

#define WN_BUDGET_METHOD "response-curves"
/* Without from: days older than this weigh less than half a percent in the curves. */
#define WN_BUDGET_DAYS 180

typedef enum wn_budget_objective { WN_BUDGET_REVENUE, WN_BUDGET_CONVERSIONS } wn_budget_objective;

struct wn_budget_range {
    wn_daily_by by; /* CHANNEL or CAMPAIGN */
    wn_budget_objective objective;
    bool has_from, has_to;
    int32_t from, to;
};

/* Curves fitted on one version of the facts: kept between questions, so that an answer follows a
 * slider. Immutable once made; any thread. */
struct wn_budget_curves {
    struct wn_arena arena; /* everything below */
    struct wn_budget_range range;
    struct wn_facts_version version;
    struct wn_daily daily;   /* the entities; their series went into the curves and are not kept */
    struct wn_curve *curves; /* [daily.n] */
    double *current;         /* [daily.n] mean daily spend of the last 7 days with data */
    struct wn_daily_completeness completeness;
    uint32_t n_identified;
};

/* Gathers and fits. *out: given, to be freed. Histories are grouped by channel: campaigns of one
 * channel learn from each other. Newest days that are not complete count for what has arrived.
 * Fails: INVALID, LIMIT, MEMORY, and what the stores answer. */
WN_MUST_USE wn_rc wn_budget_fit(const struct wn_book *book, const struct wn_budget_range *range,
                                const struct wn_facts_version *version,
                                struct wn_budget_curves **out, struct wn_why *why);
void wn_budget_curves_free(struct wn_budget_curves *c); /* accepts NULL */

#define WN_BUDGET_LIMITS_MAX 2000

/* One bound of one entity; id as in the rows, or the source's own id of a campaign. */
struct wn_budget_limit {
    struct wn_str id;
    int64_t micros;
    const char *field; /* what to name when there is no such entity: kept for the call */
};
struct wn_budget_choice { /* one entity that takes part */
    struct wn_str id;
    bool has_current;
    int64_t current_micros;
};

struct wn_budget_request {
    const struct wn_budget_choice *choices; /* [n_choices]; none = every entity that spent lately */
    size_t n_choices;
    int channel; /* -1 = any */
    bool has_total;
    int64_t total_micros; /* per day */
    const struct wn_budget_limit *min, *max, *fixed;
    size_t n_min, n_max, n_fixed;
    double max_change_ratio; /* 0 = none */
    bool is_default_change;  /* nobody asked for it: it gives way to a total that asks for more */
    double target_roas;      /* 0 = none; objective REVENUE only */
    double explore_ratio;
    wn_allocate_risk risk;
    uint64_t seed;
};

/* What may move in a day when nothing else is said: platforms start learning anew after larger
 * steps, and a curve says little far from what was tried. */
#define WN_BUDGET_MAX_CHANGE 0.3

struct wn_budget_row {
    const struct wn_daily_entity *entity; /* of the curves */
    const struct wn_curve *curve;
    struct wn_allocate_row allocation;
};

struct wn_budget_plan {
    struct wn_budget_row *rows; /* arena: [n] */
    size_t n;
    struct wn_allocation allocation; /* its rows are those above */
    int64_t current_micros;          /* sum */
    bool has_probe;
    const struct wn_daily_entity *probe; /* whose curve is worth learning most */
    double probe_value;                  /* at most so much money (or conversions) a day */
    struct wn_str why;                   /* arena: one or two sentences about the whole */
};

/* Divides the total. Without one, the sum of what is spent now; a move must then be more likely
 * than not to pay (probability 0.7). curves: borrowed, the plan points into it. Fails: INVALID
 * (why->field names the member: "/constraints/min", "/campaigns/3/campaign_id"), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_budget_plan(const struct wn_budget_curves *curves,
                                 const struct wn_budget_request *request, struct wn_arena *a,
                                 struct wn_budget_plan *out, struct wn_why *why);

struct wn_budget_picture {
    struct wn_str currency;
    bool has_sample, dark;
    int width_px, height_px;
};
/* Appends a PNG: today's and the recommended budget side by side. */
WN_MUST_USE wn_rc wn_budget_png(const struct wn_budget_curves *curves,
                                const struct wn_budget_plan *plan,
                                const struct wn_budget_picture *picture, struct wn_arena *a,
                                struct wn_buf *png, struct wn_why *why);

#endif
