#include "cli/cmd_bandit_creatives.h"

#include "cli/cmd_bandit_log.h"
#include "cli/cmd_bandit_rewards.h"
#include "core/csv_value.h"

/* From so many creatives on a column that is different in each of them is a title, not a pattern. */
#define DISTINCT_FROM 10

#define NAME_COLUMNS "creative|ad|arm|creative_name|ad_name|variant|name|creative_id|ad_id|item_id"
#define CAMPAIGN_COLUMNS "campaign|campaign_name|campaign_id"
/* Columns that are no pattern unless asked for. */
#define NO_PATTERNS                                                                                \
    NAME_COLUMNS "|" CAMPAIGN_COLUMNS "|" WN_BANDIT_SUCCESS_COLUMNS "|" WN_BANDIT_TRIAL_COLUMNS    \
                 "|spend|cost|amount_spent|revenue|value|reach|frequency|ctr|cvr|cpa|cpc|cpm|"     \
                 "roas|roi|time|timestamp|ts|date|day|week|month|at|id|url|ad_set|adset|"          \
                 "ad_set_id|adset_id|ad_group|ad_group_id|account|account_id|currency"

void wn_bandit_creatives_init(struct wn_bandit_creatives *c, struct wn_arena *a,
                              const struct wn_str *wanted, size_t n_wanted)
{
    *c = (struct wn_bandit_creatives){.a = a, .wanted = wanted, .n_wanted = n_wanted};
    c->campaigns.at = -1;
    wn_map_init(&c->campaigns.index, WN_BANDIT_CREATIVES_MAX);
    wn_map_init(&c->names, WN_BANDIT_CREATIVES_MAX);
    wn_map_init(&c->places, WN_BANDIT_CREATIVES_MAX);
}

void wn_bandit_creatives_deinit(struct wn_bandit_creatives *c)
{
    for (size_t f = 0; f < c->n_fields; f++)
        wn_map_deinit(&c->fields[f].index);
    wn_map_deinit(&c->campaigns.index);
    wn_map_deinit(&c->names);
    wn_map_deinit(&c->places);
}

/* ---- the header ---------------------------------------------------------------------------------
 */

static wn_rc add_field(struct wn_bandit_creatives *c, struct wn_str name, int at,
                       struct wn_why *why)
{
    if (c->n_fields == WN_BANDIT_COLUMNS_MAX)
        return wn_fail(why, WN_LIMIT, "fields",
                       "more than %d columns could be patterns: choose some with --fields",
                       WN_BANDIT_COLUMNS_MAX);
    struct wn_str kept = wn_arena_dup(c->a, name);
    if (!kept.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the columns");
    struct wn_bandit_field *f = &c->fields[c->n_fields++];
    *f = (struct wn_bandit_field){.name = kept, .at = at};
    wn_map_init(&f->index, WN_BANDIT_CREATIVES_MAX);
    return WN_OK;
}

static wn_rc find_wanted(struct wn_bandit_creatives *c, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    for (size_t k = 0; k < c->n_wanted; k++) {
        size_t at = 0;
        while (at < record->n_fields && !wn_str_eq(wn_str_trim(record->fields[at]), c->wanted[k]))
            at++;
        if (at == record->n_fields)
            return wn_fail(why, WN_NOT_FOUND, "fields", "there is no column '%.*s'",
                           WN_STR_ARG(c->wanted[k]));
        wn_rc rc = add_field(c, c->wanted[k], (int)at, why);
        if (rc)
            return rc;
        if ((int)at == c->campaigns.at)
            c->campaigns.at = -1;
    }
    return WN_OK;
}

static wn_rc find_all(struct wn_bandit_creatives *c, const struct wn_csv_record *record,
                      struct wn_why *why)
{
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < record->n_fields && !rc; i++) {
        struct wn_str name = wn_str_trim(record->fields[i]);
        const struct wn_csv_record one = {.fields = &name, .n_fields = 1};
        if (name.n > 0 && wn_bandit_column(&one, NO_PATTERNS) < 0)
            rc = add_field(c, name, (int)i, why);
    }
    return rc;
}

static wn_rc read_header(struct wn_bandit_creatives *c, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    c->knows_columns = true;
    c->at_name = wn_bandit_column(record, NAME_COLUMNS);
    c->at_successes = wn_bandit_column(record, WN_BANDIT_SUCCESS_COLUMNS);
    c->at_trials = wn_bandit_column(record, WN_BANDIT_TRIAL_COLUMNS);
    c->campaigns.at = wn_bandit_column(record, CAMPAIGN_COLUMNS);
    if (c->at_name < 0 || c->at_successes < 0 || c->at_trials < 0)
        return wn_fail(why, WN_INVALID, "header",
                       "the header must name the columns creative, views (or impressions) and "
                       "clicks (or conversions); %s is missing",
                       c->at_name < 0     ? "creative"
                       : c->at_trials < 0 ? "views"
                                          : "clicks");
    c->success_name = wn_arena_dup(c->a, wn_str_trim(record->fields[c->at_successes]));
    c->trial_name = wn_arena_dup(c->a, wn_str_trim(record->fields[c->at_trials]));
    if (!c->success_name.p || !c->trial_name.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the columns");
    return c->n_wanted ? find_wanted(c, record, why) : find_all(c, record, why);
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

static struct wn_str cell(const struct wn_csv_record *record, int at)
{
    return (size_t)at < record->n_fields ? wn_str_trim(record->fields[at]) : (struct wn_str){0};
}

/* The number of the row's level; NONE where the cell says that there is none. */
static wn_rc read_level(struct wn_bandit_creatives *c, struct wn_bandit_field *f,
                        const struct wn_csv_record *record, uint32_t *out, struct wn_why *why)
{
    uint32_t *index;
    bool added;
    *out = WN_PATTERN_NONE;
    if (f->at < 0)
        return WN_OK;
    struct wn_str text = cell(record, f->at);
    if (wn_value_is_absent(text))
        return WN_OK;
    wn_rc rc = wn_map_put(&f->index, text, (uint32_t)f->n, &index, &added);
    if (rc)
        return wn_fail(why, rc, "level", "more than %d levels in a column",
                       WN_BANDIT_CREATIVES_MAX);
    *out = *index;
    if (!added)
        return WN_OK;
    struct wn_str *levels = wn_bandit_grow(c->a, f->levels, f->n, &f->n_max, sizeof *f->levels);
    struct wn_str kept = wn_arena_dup(c->a, text);
    if (!levels || !kept.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the levels");
    f->levels = levels;
    f->levels[f->n++] = kept;
    return WN_OK;
}

static wn_rc read_counts(const struct wn_bandit_creatives *c, const struct wn_csv_record *record,
                         struct wn_arm *out, struct wn_why *why)
{
    if (wn_value_is_absent(cell(record, c->at_trials)) &&
        wn_value_is_absent(cell(record, c->at_successes)))
        return WN_OK; /* never shown */
    wn_rc rc = wn_bandit_rewards_count(record, c->at_trials, &out->trials, why);
    if (!rc)
        rc = wn_bandit_rewards_count(record, c->at_successes, &out->successes, why);
    if (!rc && out->successes > out->trials)
        rc = wn_fail(why, WN_INVALID, "successes", "%g %.*s of %g %.*s: more than there can be",
                     out->successes, WN_STR_ARG(c->success_name), out->trials,
                     WN_STR_ARG(c->trial_name));
    return rc;
}

/* The same creative must be made of the same in every row. */
static wn_rc check_same(const struct wn_bandit_creatives *c, const struct wn_bandit_creative *one,
                        const struct wn_bandit_creative *other, struct wn_why *why)
{
    static const struct wn_str nothing = {"nothing", 7};
    for (size_t f = 0; f < c->n_fields; f++) {
        uint32_t x = one->level[f], y = other->level[f];
        if (x == y)
            continue;
        const struct wn_bandit_field *field = &c->fields[f];
        if (why)
            why->column = (uint32_t)field->at + 1;
        return wn_fail(why, WN_CONFLICT, "level",
                       "creative '%.*s' has %.*s '%.*s' here, but '%.*s' in line %llu: give it "
                       "one, or another name",
                       WN_STR_ARG(one->name), WN_STR_ARG(field->name),
                       WN_STR_ARG(y == WN_PATTERN_NONE ? nothing : field->levels[y]),
                       WN_STR_ARG(x == WN_PATTERN_NONE ? nothing : field->levels[x]),
                       (unsigned long long)one->line);
    }
    return WN_OK;
}

static wn_rc add_row(struct wn_bandit_creatives *c, struct wn_bandit_creative *row,
                     struct wn_why *why)
{
    struct wn_bandit_creative *rows =
        wn_bandit_grow(c->a, c->rows, c->n_rows, &c->n_rows_max, sizeof *c->rows);
    row->name = wn_arena_dup(c->a, row->name);
    if (!rows || !row->name.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for more creatives");
    c->rows = rows;
    c->rows[c->n_rows++] = *row;
    for (size_t f = 0; f < c->n_fields; f++)
        c->fields[f].n_rows += row->level[f] != WN_PATTERN_NONE;
    return WN_OK;
}

/* Adds the counts to the row of that creative and campaign, or makes one. */
static wn_rc keep_row(struct wn_bandit_creatives *c, struct wn_bandit_creative *row,
                      struct wn_why *why)
{
    uint32_t *first, *place;
    bool is_new_name, is_new_place;
    struct wn_str key = wn_arena_printf(c->a, "%u %.*s", row->campaign, WN_STR_ARG(row->name));
    if (!key.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for more creatives");
    wn_rc rc = wn_map_put(&c->names, row->name, (uint32_t)c->n_rows, &first, &is_new_name);
    if (!rc)
        rc = wn_map_put(&c->places, key, (uint32_t)c->n_rows, &place, &is_new_place);
    if (rc)
        return wn_fail(why, rc, "creative", "more than %d creatives", WN_BANDIT_CREATIVES_MAX);
    if (!is_new_name)
        rc = check_same(c, &c->rows[*first], row, why);
    if (rc)
        return rc;
    if (is_new_place) {
        if (!is_new_name)
            c->rows[*first].runs_elsewhere = row->runs_elsewhere = true;
        return add_row(c, row, why);
    }
    struct wn_arm *sum = &c->rows[*place].counts;
    sum->trials += row->counts.trials;
    sum->successes += row->counts.successes;
    if (sum->trials > WN_TRIALS_MAX)
        return wn_fail(why, WN_LIMIT, "trials", "creative '%.*s' was shown more than 1e15 times",
                       WN_STR_ARG(row->name));
    return WN_OK;
}

wn_rc wn_bandit_creatives_record(void *context, const struct wn_csv_record *record,
                                 struct wn_why *why)
{
    struct wn_bandit_creatives *c = context;
    struct wn_bandit_creative row = {.line = record->line, .counts = {0, 0}};
    wn_rc rc;
    if (!c->knows_columns)
        return read_header(c, record, why);
    row.name = cell(record, c->at_name);
    rc = row.name.n ? read_counts(c, record, &row.counts, why)
                    : wn_fail(why, WN_INVALID, "creative", "the row names no creative");
    if (!rc)
        rc = read_level(c, &c->campaigns, record, &row.campaign, why);
    for (size_t f = 0; f < c->n_fields && !rc; f++)
        rc = read_level(c, &c->fields[f], record, &row.level[f], why);
    if (!rc)
        rc = keep_row(c, &row, why);
    if (rc && why && !why->line)
        why->line = record->line;
    return rc;
}

/* ---- the plan -----------------------------------------------------------------------------------
 */

static const char *why_no_pattern(const struct wn_bandit_field *f, size_t n_rows)
{
    if (f->n == 0)
        return "is empty";
    if (f->n == 1 && f->n_rows == n_rows)
        return "is the same in all";
    if (f->n == f->n_rows && f->n >= DISTINCT_FROM)
        return "is different in each";
    return NULL;
}

static wn_rc choose_fields(struct wn_bandit_creatives *c, struct wn_pattern_plan *plan,
                           size_t *field_of, struct wn_why *why)
{
    for (size_t f = 0; f < c->n_fields; f++) {
        struct wn_bandit_field *field = &c->fields[f];
        field->left_out = c->n_wanted ? NULL : why_no_pattern(field, c->n_rows);
        if (field->left_out)
            continue;
        if (field->n == 0)
            return wn_fail(why, WN_INVALID, "fields", "the column '%.*s' is empty",
                           WN_STR_ARG(field->name));
        if (plan->n_fields == WN_PATTERN_FIELDS_MAX)
            return wn_fail(why, WN_LIMIT, "fields",
                           "more than %d columns could be patterns: choose some with --fields",
                           WN_PATTERN_FIELDS_MAX);
        field_of[plan->n_fields] = f;
        plan->n_levels[plan->n_fields++] = field->n;
    }
    if (plan->n_fields == 0)
        return wn_fail(why, WN_INVALID, "fields",
                       "no column tells what the creatives have in common and where they differ: "
                       "add columns such as hook, emotion, format");
    return WN_OK;
}

wn_rc wn_bandit_creatives_plan(struct wn_bandit_creatives *c, struct wn_pattern_plan *plan_out,
                               size_t *field_of_out, struct wn_creative **out, struct wn_why *why)
{
    struct wn_pattern_plan plan = {.n_campaigns = c->campaigns.n};
    double trials = 0;
    for (size_t i = 0; i < c->n_rows; i++)
        trials += c->rows[i].counts.trials;
    if (c->n_rows == 0)
        return wn_fail(why, WN_INVALID, "input", "there are no creatives in the input");
    if (!(trials > 0))
        return wn_fail(why, WN_INVALID, "trials",
                       "no creative has been shown: there is nothing to learn from");
    wn_rc rc = choose_fields(c, &plan, field_of_out, why);
    if (rc)
        return rc;
    struct wn_creative *creatives = WN_ARENA_ARRAY(c->a, c->n_rows, struct wn_creative);
    if (!creatives)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu creatives", c->n_rows);
    for (size_t i = 0; i < c->n_rows; i++) {
        creatives[i].counts = c->rows[i].counts;
        creatives[i].campaign = c->rows[i].campaign;
        for (size_t f = 0; f < plan.n_fields; f++)
            creatives[i].level[f] = c->rows[i].level[field_of_out[f]];
    }
    *plan_out = plan;
    *out = creatives;
    return WN_OK;
}
