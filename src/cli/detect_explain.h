/* winnow detect --explain: rows with dimensions, summed by moment; what a moment's total owes to
 * which values of which dimension. */
#ifndef WN_CLI_DETECT_EXPLAIN_H
#define WN_CLI_DETECT_EXPLAIN_H

#include "core/arena.h"
#include "core/hash.h"
#include "learn/cause.h"

#define WN_EXPLAIN_DIMENSIONS_MAX 8
#define WN_EXPLAIN_LEAVES_MAX 50000 /* combinations of values */
#define WN_EXPLAIN_DAYS 28          /* normal moments kept, to say what is usual */

/* A normal moment: what was forecast and what came, for the leaves known then. */
struct wn_explain_day {
    size_t n;
    double *values; /* [2][n]: forecast, actual; malloc'd */
};

struct wn_explain {
    size_t n_dimensions;
    const char *names[WN_EXPLAIN_DIMENSIONS_MAX];          /* kept */
    struct wn_map values[WN_EXPLAIN_DIMENSIONS_MAX];       /* text -> id */
    struct wn_str *value_names[WN_EXPLAIN_DIMENSIONS_MAX]; /* malloc'd [n], texts in the arena */
    uint32_t n_values[WN_EXPLAIN_DIMENSIONS_MAX];
    struct wn_map leaves;
    uint32_t *ids; /* [n_leaves][n_dimensions] */
    double *now;   /* [n_leaves] of the moment in progress */
    double *usual; /* [n_leaves] mean with a memory of 14 moments */
    uint32_t n_leaves, leaves_size;
    uint64_t n_moments;
    struct wn_explain_day days[WN_EXPLAIN_DAYS];
    uint32_t n_days, next_day;
    struct wn_arena texts;
};

/* n_dimensions in 1 .. WN_EXPLAIN_DIMENSIONS_MAX. names: kept until close. */
void wn_explain_open(struct wn_explain *e, const char *const *names, size_t n_dimensions);
void wn_explain_close(struct wn_explain *e);
/* Adds a row to the moment in progress. Fails: MEMORY, LIMIT. */
WN_MUST_USE wn_rc wn_explain_add(struct wn_explain *e, const struct wn_str *values, double value,
                                 struct wn_why *why);
/* The total of the moment in progress. */
double wn_explain_total(const struct wn_explain *e);
/* Explains the moment in progress against its expected total: the forecast is shared out as the
 * leaves usually are. Texts by wn_explain_value. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_explain_causes(struct wn_explain *e, double expected, struct wn_arena *a,
                                    struct wn_cause_report *out, struct wn_why *why);
struct wn_str wn_explain_value(const struct wn_explain *e, uint32_t dimension, uint32_t id);
/* Ends the moment; a normal one is learned. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_explain_end(struct wn_explain *e, double expected, bool is_normal,
                                 struct wn_why *why);

#endif
