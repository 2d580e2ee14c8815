#include "cli/cmd_bandit_log.h"

#include "core/num.h"

#include <math.h>
#include <string.h>

#define COLUMN_BYTES_MAX ((size_t)4 << 30)
#define CATEGORIES_MAX 100000
#define CELLS_MAX 1000000

void wn_bandit_log_init(struct wn_bandit_log *log, struct wn_arena *a)
{
    *log = (struct wn_bandit_log){.a = a};
    struct wn_buf *columns[] = {&log->action, &log->reward, &log->propensity,
                                &log->taken,  &log->policy, &log->q};
    for (size_t i = 0; i < WN_COUNT(columns); i++)
        wn_buf_init(columns[i], COLUMN_BYTES_MAX);
    wn_map_init(&log->actions, WN_LOG_CELLS_MAX >> 8);
    for (size_t i = 0; i < WN_BANDIT_LOG_CONTEXTS_MAX; i++) {
        wn_buf_init(&log->number[i], COLUMN_BYTES_MAX);
        wn_buf_init(&log->category[i], COLUMN_BYTES_MAX);
        wn_map_init(&log->categories[i], CATEGORIES_MAX);
    }
}

void wn_bandit_log_deinit(struct wn_bandit_log *log)
{
    struct wn_buf *columns[] = {&log->action, &log->reward, &log->propensity,
                                &log->taken,  &log->policy, &log->q};
    for (size_t i = 0; i < WN_COUNT(columns); i++)
        wn_buf_deinit(columns[i]);
    wn_map_deinit(&log->actions);
    for (size_t i = 0; i < WN_BANDIT_LOG_CONTEXTS_MAX; i++) {
        wn_buf_deinit(&log->number[i]);
        wn_buf_deinit(&log->category[i]);
        wn_map_deinit(&log->categories[i]);
    }
}

static wn_rc at_cell(const struct wn_csv_record *record, int at, struct wn_why *why, wn_rc rc)
{
    if (why && rc) {
        why->line = record->line;
        why->column = at < 0 ? 0 : (uint32_t)at + 1;
    }
    return rc;
}

/* ---- header -------------------------------------------------------------------------------------
 */

int wn_bandit_column(const struct wn_csv_record *record, const char *names)
{
    struct wn_str rest = wn_str_of(names), name;
    while (wn_str_cut(&rest, '|', &name))
        for (size_t i = 0; i < record->n_fields; i++)
            if (wn_str_eq_nocase(wn_str_trim(record->fields[i]), name))
                return (int)i;
    return -1;
}

/* "new_a", "new:a": the action's index + 1; 0 for another column. */
static wn_rc column_action(struct wn_bandit_log *log, struct wn_str field, const char *prefix,
                           uint32_t *out, struct wn_why *why)
{
    struct wn_str head = wn_str_of(prefix), name = wn_str_trim(field);
    uint32_t *index;
    *out = 0;
    if (name.n <= head.n + 1 || !wn_str_eq_nocase(wn_str_slice(name, 0, head.n), head) ||
        (name.p[head.n] != '_' && name.p[head.n] != ':') ||
        wn_str_eq_nocase(name, WN_STR("new_propensity")))
        return WN_OK;
    name = wn_str_slice(name, head.n + 1, name.n);
    wn_rc rc = wn_map_put(&log->actions, name, (uint32_t)log->actions.n, &index, NULL);
    if (rc)
        return wn_fail(why, rc, "header", "too many actions");
    *out = *index + 1;
    return WN_OK;
}

static wn_rc read_actions(struct wn_bandit_log *log, const struct wn_csv_record *record,
                          struct wn_why *why)
{
    wn_rc rc = WN_OK;
    log->n_columns = record->n_fields;
    log->new_of = WN_ARENA_ARRAY(log->a, record->n_fields, uint32_t);
    log->q_of = WN_ARENA_ARRAY(log->a, record->n_fields, uint32_t);
    if (!log->new_of || !log->q_of)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the columns");
    for (size_t i = 0; i < record->n_fields && !rc; i++) {
        rc = column_action(log, record->fields[i], "new", &log->new_of[i], why);
        log->n_new += log->new_of[i] > 0;
    }
    for (size_t i = 0; i < record->n_fields && !rc; i++) {
        rc = column_action(log, record->fields[i], "q", &log->q_of[i], why);
        log->n_q += log->q_of[i] > 0;
    }
    if (!rc &&
        ((log->n_new && log->n_new != log->actions.n) || (log->n_q && log->n_q != log->actions.n)))
        rc = wn_fail(why, WN_INVALID, "header",
                     "the columns new_<action> and q_<action> must name the same actions, each "
                     "once");
    return rc;
}

static wn_rc read_header(struct wn_bandit_log *log, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    log->knows_columns = true;
    log->at_action = wn_bandit_column(record, "action|arm|item_id|creative|ad");
    log->at_reward = wn_bandit_column(record, "reward|click|clicks|conversion|conversions|value");
    log->at_propensity = wn_bandit_column(record, "propensity|propensity_score|pscore|probability");
    log->at_new = wn_bandit_column(record, "new|new_propensity|new_policy");
    if (log->at_action < 0 || log->at_reward < 0 || log->at_propensity < 0)
        return at_cell(record, -1, why,
                       wn_fail(why, WN_INVALID, "header",
                               "the header must name the columns action, reward and propensity; "
                               "%s is missing",
                               log->at_action < 0   ? "action"
                               : log->at_reward < 0 ? "reward"
                                                    : "propensity"));
    for (size_t k = 0; k < log->n_contexts; k++) {
        log->at_context[k] = -1;
        for (size_t i = 0; i < record->n_fields; i++)
            if (wn_str_eq_nocase(wn_str_trim(record->fields[i]), log->contexts[k]))
                log->at_context[k] = (int)i;
        if (log->at_context[k] < 0)
            return at_cell(record, -1, why,
                           wn_fail(why, WN_INVALID, "context", "there is no column '%.*s'",
                                   WN_STR_ARG(log->contexts[k])));
    }
    return read_actions(log, record, why);
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

static void put_cell(struct wn_buf *b, const void *value, size_t size_bytes)
{
    wn_buf_append(b, (struct wn_str){value, size_bytes});
}

static wn_rc take_number(struct wn_buf *b, const struct wn_csv_record *record, int at,
                         const char *what, struct wn_why *why)
{
    double x;
    struct wn_str text = wn_str_trim(record->fields[at]);
    if (!wn_parse_f64(text, &x) || !(fabs(x) <= 1e15))
        return at_cell(record, at, why,
                       wn_fail(why, WN_INVALID, what, "%s '%.*s' is not a number within +-1e15",
                               what, WN_STR_ARG(text)));
    put_cell(b, &x, sizeof x);
    return b->failed;
}

static wn_rc take_action(struct wn_bandit_log *log, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    struct wn_str name = wn_str_trim(record->fields[log->at_action]);
    const uint32_t *known = wn_map_get(&log->actions, name);
    uint32_t *added;
    if (!known && (log->n_new || log->n_q))
        return at_cell(record, log->at_action, why,
                       wn_fail(why, WN_INVALID, "action",
                               "action '%.*s' has no column new_%.*s or q_%.*s", WN_STR_ARG(name),
                               WN_STR_ARG(name), WN_STR_ARG(name)));
    if (!known) {
        wn_rc rc = wn_map_put(&log->actions, name, (uint32_t)log->actions.n, &added, NULL);
        if (rc)
            return at_cell(record, log->at_action, why,
                           wn_fail(why, rc, "action", "too many actions"));
        known = added;
    }
    put_cell(&log->action, known, sizeof *known);
    return log->action.failed;
}

static wn_rc take_context(struct wn_bandit_log *log, const struct wn_csv_record *record, size_t k,
                          struct wn_why *why)
{
    struct wn_str text = wn_str_trim(record->fields[log->at_context[k]]);
    double x;
    uint32_t *index;
    if (!wn_parse_f64(text, &x) || !(fabs(x) <= 1e15)) {
        x = 0;
        log->is_category[k] = true;
    }
    put_cell(&log->number[k], &x, sizeof x);
    wn_rc rc = wn_map_put(&log->categories[k], text, (uint32_t)log->categories[k].n, &index, NULL);
    /* numbers may have more values than categories can */
    bool is_one_more_number = rc == WN_LIMIT && !log->is_category[k];
    if (rc && !is_one_more_number)
        return at_cell(record, log->at_context[k], why,
                       wn_fail(why, rc, "context", "column '%.*s' has too many categories",
                               WN_STR_ARG(log->contexts[k])));
    uint32_t category = rc ? 0 : *index;
    put_cell(&log->category[k], &category, sizeof category);
    return log->number[k].failed ? log->number[k].failed : log->category[k].failed;
}

/* The cells of new_<action> or q_<action>, in the order of the actions. */
static wn_rc take_by_action(struct wn_buf *b, size_t n_actions, const uint32_t *action_of,
                            const struct wn_csv_record *record, const char *what,
                            struct wn_why *why)
{
    double *row = (double *)(void *)wn_buf_room(b, n_actions * sizeof *row);
    if (!row)
        return wn_buf_check(b, why);
    for (size_t i = 0; i < record->n_fields; i++) {
        if (!action_of[i])
            continue;
        struct wn_str text = wn_str_trim(record->fields[i]);
        if (!wn_parse_f64(text, &row[action_of[i] - 1]))
            return at_cell(record, (int)i, why,
                           wn_fail(why, WN_INVALID, what, "%s '%.*s' is not a number", what,
                                   WN_STR_ARG(text)));
    }
    wn_buf_used(b, n_actions * sizeof *row);
    return WN_OK;
}

wn_rc wn_bandit_log_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct wn_bandit_log *log = context;
    if (!log->knows_columns)
        return read_header(log, record, why);
    if (record->n_fields != log->n_columns)
        return at_cell(record, -1, why,
                       wn_fail(why, WN_INVALID, "row", "%zu fields where the header has %zu",
                               record->n_fields, log->n_columns));
    wn_rc rc = take_action(log, record, why);
    if (!rc)
        rc = take_number(&log->reward, record, log->at_reward, "reward", why);
    if (!rc)
        rc = take_number(&log->propensity, record, log->at_propensity, "propensity", why);
    if (!rc && log->at_new >= 0)
        rc = take_number(&log->taken, record, log->at_new, "new", why);
    if (!rc && log->n_new)
        rc = take_by_action(&log->policy, log->n_new, log->new_of, record, "new", why);
    if (!rc && log->n_q)
        rc = take_by_action(&log->q, log->n_q, log->q_of, record, "q", why);
    for (size_t k = 0; k < log->n_contexts && !rc; k++)
        rc = take_context(log, record, k, why);
    if (rc)
        return wn_fail(why, rc, "row", "the log is too large");
    log->n_rows++;
    return WN_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

/* Numbers of a few kinds (a position, an hour) are categories too: no straight line need fit them. */
#define CATEGORIES_FEW 12

static wn_rc view_context(struct wn_bandit_log *log, struct wn_log_context *out, struct wn_why *why)
{
    size_t n_cells = 1, d = 0, n = log->n_rows;
    for (size_t k = 0; k < log->n_contexts; k++) {
        log->is_category[k] |= log->categories[k].n <= CATEGORIES_FEW;
        d += !log->is_category[k];
        n_cells *= log->is_category[k] ? log->categories[k].n : 1;
        if (n_cells > CELLS_MAX)
            return wn_fail(why, WN_LIMIT, "context",
                           "the categories have more than %d combinations: name fewer columns",
                           CELLS_MAX);
    }
    uint32_t *cell = WN_ARENA_ARRAY(log->a, n, uint32_t);
    double *x = WN_ARENA_ARRAY(log->a, n * d, double);
    if (!cell || !x)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the context of %zu rows", n);
    size_t at = 0;
    for (size_t k = 0; k < log->n_contexts; k++) {
        const uint32_t *category = (const uint32_t *)(const void *)log->category[k].p;
        const double *number = (const double *)(const void *)log->number[k].p;
        for (size_t i = 0; i < n; i++) {
            if (log->is_category[k])
                cell[i] = cell[i] * (uint32_t)log->categories[k].n + category[i];
            else
                x[i * d + at] = number[i];
        }
        at += !log->is_category[k];
    }
    *out = (struct wn_log_context){n_cells > 1 ? cell : NULL, n_cells, d ? x : NULL, d};
    return WN_OK;
}

wn_rc wn_bandit_log_view(struct wn_bandit_log *log, struct wn_log *out,
                         struct wn_log_context *context, struct wn_why *why)
{
    if (log->n_rows == 0)
        return wn_fail(why, WN_INVALID, "input", "there are no rows in the input");
    *out = (struct wn_log){.n = log->n_rows,
                           .n_actions = log->actions.n,
                           .action = (const uint32_t *)(const void *)log->action.p,
                           .reward = (const double *)(const void *)log->reward.p,
                           .propensity = (const double *)(const void *)log->propensity.p};
    if (log->n_new)
        out->policy = (const double *)(const void *)log->policy.p;
    else if (log->at_new >= 0)
        out->policy_taken = (const double *)(const void *)log->taken.p;
    if (log->n_q)
        out->q = (const double *)(const void *)log->q.p;
    return view_context(log, context, why);
}
