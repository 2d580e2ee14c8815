/* The rewards that winnow bandit update reads: CSV with a header and a row for each trial, or for
 * several of an arm.
 *
 *     arm (action, creative, ad, item_id, variant, name)     unknown ones are added to the state
 *     reward (successes, conversions, clicks, wins)          how many succeeded
 *     trials (impressions, shown, views, n)                  of so many; 1 where there is no column
 *     time (timestamp, ts, date, day, at)                    when they were shown; else now
 * and the features of the state's context, numbers, where it has one: then a row is one trial. */
#ifndef WN_CLI_CMD_BANDIT_REWARDS_H
#define WN_CLI_CMD_BANDIT_REWARDS_H

#include "cli/cmd_bandit_state.h"
#include "core/csv.h"

/* Names of the columns of counts, the first that is there counts. */
#define WN_BANDIT_SUCCESS_COLUMNS                                                                  \
    "successes|reward|rewards|conversions|conversion|clicks|click|wins"
#define WN_BANDIT_TRIAL_COLUMNS "trials|impressions|shown|views|n"

/* What an update file says, row by row. */
struct wn_bandit_rewards {
    struct wn_bandit_state *state;
    int64_t now_ms; /* of rows without a time */
    bool knows_columns;
    int at_arm, at_successes, at_trials, at_time; /* -1 = none */
    uint64_t n_rows;
    double successes, trials;
    int at_feature[WN_CONTEXT_FEATURES_MAX];
    struct wn_buf *x;    /* gets the features of each row; NULL: not wanted */
    struct wn_buf *arms; /* and its arm (uint32_t) ... */
    struct wn_buf *wins; /* ... and whether it succeeded (uint8_t) */
    struct wn_buf *days; /* gets a struct wn_arm_day for each row; NULL: not wanted */
};
wn_csv_record_fn wn_bandit_rewards_record;

/* The number of a cell, 0 to 1e15. Fails: INVALID (why names line and column). */
WN_MUST_USE wn_rc wn_bandit_rewards_count(const struct wn_csv_record *record, int at, double *out,
                                          struct wn_why *why);

#endif
