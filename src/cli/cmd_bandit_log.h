/* The log that winnow bandit evaluate reads.
 *
 * A header and a row for each decision. Columns by name, in any order:
 *     action (arm, item_id, creative, ad)       what was shown
 *     reward (click, conversion, value)         what came of it
 *     propensity (propensity_score, pscore)     the probability of that choice, above 0
 *     new (new_propensity)                      the new policy's probability of the same choice, or
 *     new_<action>                              its probability of each action; a row sums to 1
 *     q_<action>                                expected rewards, to use instead of a fitted model
 * and those named as context: numbers; or categories, when a cell is no number or there are at most
 * 12 different ones. */
#ifndef WN_CLI_CMD_BANDIT_LOG_H
#define WN_CLI_CMD_BANDIT_LOG_H

#include "core/buf.h"
#include "core/csv.h"
#include "core/hash.h"
#include "winnow/offpolicy.h"

#define WN_BANDIT_LOG_CONTEXTS_MAX 32

struct wn_bandit_log {
    struct wn_arena *a;
    struct wn_str contexts[WN_BANDIT_LOG_CONTEXTS_MAX]; /* names wanted */
    size_t n_contexts;
    bool knows_columns;
    int at_action, at_reward, at_propensity, at_new; /* -1 = none */
    int at_context[WN_BANDIT_LOG_CONTEXTS_MAX];
    size_t n_columns;
    struct wn_map actions;                   /* name -> index */
    uint32_t *new_of, *q_of;                 /* arena [n_columns]: 1 + action of a column, or 0 */
    size_t n_new, n_q;                       /* such columns */
    struct wn_buf action;                    /* uint32_t for each row */
    struct wn_buf reward, propensity, taken; /* double for each row */
    struct wn_buf policy, q;                 /* double [rows][n_new], [rows][n_q] */
    struct wn_buf number[WN_BANDIT_LOG_CONTEXTS_MAX];   /* double for each row, NaN: no number */
    struct wn_buf category[WN_BANDIT_LOG_CONTEXTS_MAX]; /* uint32_t for each row */
    struct wn_map categories[WN_BANDIT_LOG_CONTEXTS_MAX];
    bool is_category[WN_BANDIT_LOG_CONTEXTS_MAX];
    size_t n_rows;
};

/* The place of the first of the names ("a|b|c") that a header has, without regard to case; or -1. */
int wn_bandit_column(const struct wn_csv_record *header, const char *names);

void wn_bandit_log_init(struct wn_bandit_log *log, struct wn_arena *a);
void wn_bandit_log_deinit(struct wn_bandit_log *log);
/* Takes a record: a wn_csv_record_fn with a struct wn_bandit_log as context. */
wn_csv_record_fn wn_bandit_log_record;
/* The log as the library takes it, borrowed from this one; the context columns likewise (arrays in
 * the arena). Fails: INVALID (no rows, an action without a new_ column), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_log_view(struct wn_bandit_log *log, struct wn_log *out,
                                     struct wn_log_context *context, struct wn_why *why);

#endif
