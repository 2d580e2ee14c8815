/* What the files of the allocation share: concave pieces, their linear programme, the search on top
 * of it, and the sentences about the answer. */
#ifndef WN_LEARN_ALLOCATE_INT_H
#define WN_LEARN_ALLOCATE_INT_H

#include "winnow/allocate.h"

/* ---- concave pieces (allocate_lp.c) ----------------------------------------------------------- */

/* The upper concave envelopes of n curves, one after the other: vertices of curve i are
 * at[i] .. at[i + 1] - 1, x rising; slope[k] leads from vertex k to k + 1 and falls strictly.
 * is_bridge[k]: the curve itself lies below that segment. */
struct pieces {
    size_t n;
    size_t *at; /* [n + 1] */
    double *x, *y, *slope;
    uint8_t *is_bridge;
};
/* Room for n curves of at most n_vertices in all. Fails: MEMORY. */
WN_MUST_USE wn_rc pieces_init(struct pieces *p, struct wn_arena *a, size_t n, size_t n_vertices);
/* Appends the envelope of points (x rising strictly) as curve p->n++. has_gap: nothing is allowed
 * between the first point and the second. */
void pieces_add(struct pieces *p, const double *x, const double *y, size_t n_points, bool has_gap);

/* How much of a curve may be bought: from vertex lo (counted from at[i]) to x = end, which lies at
 * or before vertex hi and after vertex hi - 1. */
struct range {
    uint32_t lo, hi;
    double end;
};
struct range range_whole(const struct pieces *p, size_t i);
void range_cut(const struct pieces *p, size_t i, struct range *r, double end);

struct lp_answer {
    double price;        /* the slope that the next unit of budget would buy */
    double spend, value; /* sums, by the envelopes */
    size_t inside;       /* a curve that ends inside a bridge, or SIZE_MAX */
    uint32_t bridge;     /* the vertex (from at[i]) at the left of that bridge */
    bool roas_is_met, roas_binds, budget_binds;
};
/* Buys segments by falling slope until the budget or the ROAS stops it. indices [n] chooses the
 * curves; hint: a guess of the price, or 0; prefer [p->n]: larger is served first among bridges of equal slope. x [p->n]: entries of
 * the chosen curves are set. Fails: MEMORY, INVALID (what must be bought is above the budget). */
WN_MUST_USE wn_rc lp_solve(const struct pieces *p, const struct range *ranges,
                           const uint32_t *indices, size_t n, double budget, double target_roas,
                           double hint, const double *prefer, struct wn_arena *scratch, double *x,
                           struct lp_answer *out);

/* ---- the problem (allocate.c) ------------------------------------------------------------------- */

struct entity {
    const struct wn_allocate_entity *given;
    double start;  /* the least it may have: 0 when it may stop, else lo */
    double lo, hi; /* money */
    wn_bind lo_why, hi_why;
    int64_t lo_micros, hi_micros;
    struct wn_curve_draw draw; /* of risk THOMPSON */
    bool is_smooth;
};

struct problem {
    struct entity *entities; /* [n] */
    size_t n;
    const struct wn_allocate_options *options;
    double budget; /* money */
    double *prefer;
    struct wn_arena *scratch;
};

/* The response that is optimised (by the risk asked for), and its slope. */
double response_at(const struct problem *p, size_t i, double x, double *slope);
/* The expected response whatever the risk. */
double expected_at(const struct problem *p, size_t i, double x, double *slope);

struct plan {
    double *x;       /* [n] */
    double *price;   /* [n]: the price each entity faces; above the common one in a full group */
    bool *is_capped; /* [n] its group's cap binds */
    bool *at_bridge; /* [n] it stands at an end of a start-up phase, or inside */
    double spend, value, bound, common_price;
    bool roas_is_met, roas_binds, budget_binds;
};
/* allocate_search.c. Fails: MEMORY, INVALID. */
WN_MUST_USE wn_rc search_plan(const struct problem *p, struct plan *out, struct wn_why *why);

/* allocate_report.c: fills everything of out but rows[].budget_micros, and may put the current
 * budgets back (keep_probability, switch_cost). Fails: MEMORY. */
WN_MUST_USE wn_rc report_plan(const struct problem *p, const struct plan *plan, struct wn_arena *a,
                              struct wn_rand *r, struct wn_allocation *out, struct wn_why *why);
/* allocate_text.c: one sentence about a row; empty: no memory. */
struct wn_str plan_row_text(struct wn_arena *a, const struct problem *p, const struct plan *plan,
                            size_t i, const struct wn_allocate_row *row);
/* Sets out->why from all the rest. is_kept: the current budgets were put back. Fails: MEMORY. */
WN_MUST_USE wn_rc plan_text(const struct problem *p, const struct plan *plan, bool is_kept,
                            struct wn_arena *a, struct wn_allocation *out);
/* Doubles to micros within each entity's bounds that sum to total exactly. Fails: MEMORY. */
WN_MUST_USE wn_rc round_plan(const struct problem *p, const double *x, int64_t total,
                             struct wn_arena *scratch, int64_t *out);

#endif
