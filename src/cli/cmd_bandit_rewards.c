#include "cli/cmd_bandit_rewards.h"

#include "cli/cmd_bandit_log.h"
#include "cli/detect_cell.h"
#include "core/date.h"
#include "core/num.h"

#include <math.h>

static wn_rc find_columns(struct wn_bandit_rewards *r, const struct wn_csv_record *record,
                          struct wn_why *why)
{
    r->knows_columns = true;
    r->at_arm = wn_bandit_column(record, "arm|action|creative|ad|item_id|variant|name");
    r->at_successes = wn_bandit_column(record, WN_BANDIT_SUCCESS_COLUMNS);
    r->at_trials = wn_bandit_column(record, WN_BANDIT_TRIAL_COLUMNS);
    r->at_time = wn_bandit_column(record, "time|timestamp|ts|date|day|at");
    if (r->at_arm < 0 || r->at_successes < 0)
        return wn_fail(why, WN_INVALID, r->at_arm < 0 ? "arm" : "reward",
                       "the header must name the columns arm and reward (or successes), and may "
                       "name trials and time");
    for (size_t k = 0; r->x && k < r->state->n_features; k++) {
        r->at_feature[k] = -1;
        for (size_t i = 0; i < record->n_fields; i++)
            if (wn_str_eq(wn_str_trim(record->fields[i]), r->state->features[k]))
                r->at_feature[k] = (int)i;
        if (r->at_feature[k] < 0)
            return wn_fail(why, WN_INVALID, "context", "there is no column '%.*s', of the context",
                           WN_STR_ARG(r->state->features[k]));
    }
    return WN_OK;
}

static void put(struct wn_buf *b, const void *value, size_t size_bytes)
{
    wn_buf_append(b, (struct wn_str){value, size_bytes});
}

/* The row for the model of the context. */
static wn_rc keep_context(struct wn_bandit_rewards *r, const struct wn_csv_record *record,
                          uint32_t arm, double successes, double trials, struct wn_why *why)
{
    uint8_t won = successes > 0;
    if (trials != 1 || (successes != 0 && successes != 1))
        return wn_fail(why, WN_INVALID, "reward",
                       "with a context each row is one trial, and its reward 0 or 1");
    for (size_t k = 0; k < r->state->n_features; k++) {
        double x;
        size_t at = (size_t)r->at_feature[k];
        struct wn_str text =
            at < record->n_fields ? wn_str_trim(record->fields[at]) : (struct wn_str){0};
        if (!wn_parse_f64(text, &x) || !(fabs(x) <= 1e6))
            return wn_fail(why, WN_INVALID, "context",
                           "the feature '%.*s' is '%.*s', not a number within -1e6 and 1e6",
                           WN_STR_ARG(r->state->features[k]), WN_STR_ARG(text));
        put(r->x, &x, sizeof x);
    }
    put(r->arms, &arm, sizeof arm);
    put(r->wins, &won, sizeof won);
    wn_rc rc = wn_buf_check(r->x, why);
    return rc ? rc : wn_buf_check(r->arms, why);
}

wn_rc wn_bandit_rewards_count(const struct wn_csv_record *record, int at, double *out,
                              struct wn_why *why)
{
    struct wn_str text =
        (size_t)at < record->n_fields ? wn_str_trim(record->fields[at]) : (struct wn_str){0};
    if (wn_parse_f64(text, out) && *out >= 0 && *out <= WN_TRIALS_MAX)
        return WN_OK;
    if (why) {
        why->line = record->line;
        why->column = (uint32_t)at + 1;
    }
    return wn_fail(why, WN_INVALID, "count", "'%.*s' is not a number from 0 to 1e15",
                   WN_STR_ARG(text));
}

static wn_rc keep_day(struct wn_bandit_rewards *r, uint32_t arm, int64_t at_ms, double successes,
                      double trials)
{
    struct wn_arm_day day = {arm, (int32_t)(at_ms / WN_DAY_MS), successes, trials};
    put(r->days, &day, sizeof day);
    return r->days->failed;
}

wn_rc wn_bandit_rewards_record(void *context, const struct wn_csv_record *record,
                               struct wn_why *why)
{
    struct wn_bandit_rewards *r = context;
    double successes = 0, trials = 1;
    uint32_t arm = 0;
    int64_t at_ms = r->now_ms;
    if (!r->knows_columns)
        return find_columns(r, record, why);
    wn_rc rc = wn_bandit_rewards_count(record, r->at_successes, &successes, why);
    if (!rc && r->at_trials >= 0)
        rc = wn_bandit_rewards_count(record, r->at_trials, &trials, why);
    if (!rc && r->at_time >= 0 &&
        ((size_t)r->at_time >= record->n_fields ||
         !wn_detect_read_moment(record->fields[r->at_time], &at_ms)))
        rc = wn_fail(why, WN_INVALID, "time", "the time is not one");
    if (!rc)
        rc = (size_t)r->at_arm < record->n_fields
                 ? wn_bandit_state_arm(r->state, record->fields[r->at_arm], &arm, why)
                 : wn_fail(why, WN_INVALID, "arm", "the row has no arm");
    if (!rc)
        rc = wn_bandit_state_add(r->state, arm, at_ms, successes, trials, why);
    if (!rc && r->x)
        rc = keep_context(r, record, arm, successes, trials, why);
    if (!rc && r->days)
        rc = keep_day(r, arm, at_ms, successes, trials);
    if (rc) {
        if (why && !why->line)
            why->line = record->line;
        return rc;
    }
    r->n_rows++;
    r->successes += successes;
    r->trials += trials;
    return WN_OK;
}
