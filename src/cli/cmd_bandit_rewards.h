/* The rewards that winnow bandit update reads: CSV with a header and a row for each trial, or for
 * several of an arm.
 *
 *     arm (action, creative, ad, item_id, variant, name)     unknown ones are added to the state
 *     reward (successes, conversions, clicks, wins)          how many succeeded
 *     trials (impressions, shown, views, n)                  of so many; 1 where there is no column
 *     time (timestamp, ts, date, day, at)                    when they were shown; else now */
#ifndef WN_CLI_CMD_BANDIT_REWARDS_H
#define WN_CLI_CMD_BANDIT_REWARDS_H

#include "cli/cmd_bandit_state.h"
#include "core/csv.h"

/* What an update file says, row by row. */
struct wn_bandit_rewards {
    struct wn_bandit_state *state;
    int64_t now_ms; /* of rows without a time */
    bool knows_columns;
    int at_arm, at_successes, at_trials, at_time; /* -1 = none */
    uint64_t n_rows;
    double successes, trials;
    struct wn_buf *days; /* gets a struct wn_arm_day for each row; NULL: not wanted */
};
wn_csv_record_fn wn_bandit_rewards_record;

#endif
