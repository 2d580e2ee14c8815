#include "decide/experiment.h"

#include "core/date.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 64 };

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the question");
}

/* ---- options ----------------------------------------------------------------------------------
 */

static bool is_absent(const struct wn_json *v)
{
    return !v || v->kind == WN_JSON_NULL;
}

static bool is_number(const struct wn_json *v)
{
    return v->kind == WN_JSON_INT || v->kind == WN_JSON_REAL;
}

/* A number in (0, most]; absent leaves *out alone. */
static wn_rc read_number(const struct wn_json *body, const char *key, double most, double *out,
                         struct wn_why *why)
{
    const struct wn_json *v = wn_json_get(body, key);
    char pointer[64];
    if (is_absent(v))
        return WN_OK;
    if (!is_number(v) || !(v->real > 0 && v->real <= most)) {
        (void)snprintf(pointer, sizeof pointer, "/%s", key);
        return wn_fail(why, WN_INVALID, pointer, "%s is a number above 0, at most %g", key, most);
    }
    *out = v->real;
    return WN_OK;
}

static wn_rc read_split(const struct wn_json *body, struct wn_arena *a,
                        struct wn_abtest_finish *finish, struct wn_why *why)
{
    const struct wn_json *v = wn_json_get(body, "split");
    if (is_absent(v))
        return WN_OK;
    if (v->kind != WN_JSON_OBJECT || v->n_items > WN_ABTEST_ARMS_MAX)
        return wn_fail(why, WN_INVALID, "/split", "split is an object of shares by variant");
    struct wn_abtest_share *shares = WN_ARENA_ARRAY(a, v->n_items, struct wn_abtest_share);
    if (!shares)
        return no_memory(why);
    for (size_t i = 0; i < v->n_items; i++) {
        if (!is_number(&v->items[i]))
            return wn_fail(why, WN_INVALID, "/split", "a share is a number above 0");
        shares[i] = (struct wn_abtest_share){v->items[i].key, v->items[i].real};
    }
    finish->shares = shares;
    finish->n_shares = v->n_items;
    return WN_OK;
}

static wn_rc read_past(const struct wn_json *body, struct wn_arena *a,
                       struct wn_experiment_request *out, struct wn_why *why)
{
    const struct wn_json *v = wn_json_get(body, "past");
    char pointer[64];
    if (is_absent(v))
        return WN_OK;
    if (v->kind != WN_JSON_ARRAY || v->n_items > WN_EXPERIMENT_PAST_MAX)
        return wn_fail(why, WN_INVALID, "/past", "past is a list of at most %d experiments",
                       WN_EXPERIMENT_PAST_MAX);
    double *effects = WN_ARENA_ARRAY(a, 2 * v->n_items, double);
    if (!effects)
        return no_memory(why);
    for (size_t i = 0; i < v->n_items; i++) {
        const struct wn_json *effect = wn_json_get(&v->items[i], "effect");
        const struct wn_json *error = wn_json_get(&v->items[i], "se");
        (void)snprintf(pointer, sizeof pointer, "/past/%zu", i);
        if (!effect || !error || !is_number(effect) || !is_number(error))
            return wn_fail(why, WN_INVALID, pointer,
                           "a past experiment has an effect and its standard error se, both as a "
                           "share of the control's mean");
        effects[i] = effect->real;
        effects[v->n_items + i] = error->real;
    }
    out->past_effects = effects;
    out->past_errors = effects + v->n_items;
    out->n_past = v->n_items;
    return WN_OK;
}

static wn_rc read_goal(const struct wn_json *body, bool *is_lower_better, struct wn_why *why)
{
    struct wn_str goal = WN_STR("increase");
    wn_rc rc = wn_json_get_text(body, "goal", &goal, why);
    if (rc && rc != WN_NOT_FOUND)
        return rc;
    *is_lower_better = wn_str_eq(goal, WN_STR("decrease"));
    if (!*is_lower_better && !wn_str_eq(goal, WN_STR("increase")))
        return wn_fail(why, WN_INVALID, "/goal", "goal is one of: increase, decrease");
    return WN_OK;
}

static wn_rc read_winsor(const struct wn_json *body, double *out, struct wn_why *why)
{
    const struct wn_json *v = wn_json_get(body, "winsor");
    *out = WN_EXPERIMENT_WINSOR;
    if (is_absent(v))
        return WN_OK;
    *out = v->real;
    if (!is_number(v) || !(v->real >= 0 && v->real < 1))
        return wn_fail(why, WN_INVALID, "/winsor", "winsor is a quantile from 0 (none) to below 1");
    return WN_OK;
}

static wn_rc read_request(const struct wn_json *body, struct wn_arena *a,
                          struct wn_experiment_request *out, struct wn_why *why)
{
    struct wn_abtest_options *o = &out->options;
    wn_rc rc = wn_json_get_text(body, "control", &out->finish.control, why);
    if (rc && rc != WN_NOT_FOUND)
        return rc;
    rc = read_goal(body, &out->finish.is_lower_better, why);
    if (!rc)
        rc = read_winsor(body, &out->finish.winsor_ratio, why);
    if (!rc)
        rc = read_split(body, a, &out->finish, why);
    if (!rc)
        rc = read_past(body, a, out, why);
    if (!rc)
        rc = read_number(body, "alpha", .5, &o->alpha, why);
    if (!rc)
        rc = read_number(body, "tau", WN_ABTEST_VALUE_MAX, &o->tau, why);
    if (!rc)
        rc = read_number(body, "minimum", 1e6, &o->minimum_ratio, why);
    if (!rc)
        rc = read_number(body, "prior", 1e6, &o->prior_ratio, why);
    if (!rc)
        rc = read_number(body, "loss", 1e6, &o->loss_ratio, why);
    if (!rc)
        rc = read_number(body, "per_day", WN_ABTEST_N_MAX, &o->units_per_day, why);
    return rc;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

struct rows {
    const char *list; /* "variants", "daily", "rows" */
    const struct wn_json *items;
    struct wn_str names[COLUMNS_MAX];
    wn_abtest_column kinds[COLUMNS_MAX];
    size_t at[COLUMNS_MAX];
    size_t n_columns;
    struct wn_arena *a;
};

/* Turns the field and line that the table names into a pointer into the document. */
static wn_rc point_at(const struct rows *r, size_t i, wn_rc rc, struct wn_why *why)
{
    char field[48];
    if (!why)
        return rc;
    (void)snprintf(field, sizeof field, "%.47s", why->field);
    (void)snprintf(why->field, sizeof why->field, "/%s/%zu%s%s", r->list, i, field[0] ? "/" : "",
                   field);
    why->line = 0;
    return rc;
}

static wn_rc bad_member(const struct rows *r, size_t i, struct wn_str key, const char *rule,
                        struct wn_why *why)
{
    char pointer[WN_WHY_FIELD_MAX];
    (void)snprintf(pointer, sizeof pointer, "/%s/%zu/%.*s", r->list, i,
                   (int)(key.n < 48 ? key.n : 48), key.p);
    return wn_fail(why, WN_INVALID, pointer, "%.*s %s", (int)(key.n < 48 ? key.n : 48), key.p,
                   rule);
}

/* A name: text, or a whole number. */
static wn_rc take_name(const struct rows *r, size_t i, const struct wn_json *v, struct wn_str *out,
                       struct wn_why *why)
{
    *out = v->text;
    if (v->kind == WN_JSON_TEXT)
        return WN_OK;
    if (v->kind != WN_JSON_INT)
        return bad_member(r, i, v->key, "is a text or a whole number", why);
    *out = wn_arena_printf(r->a, "%lld", (long long)v->integer);
    return out->p ? WN_OK : no_memory(why);
}

static double *number_of(struct wn_abtest_row *row, wn_abtest_column kind, size_t at)
{
    switch (kind) {
    case WN_ABTEST_C_N:
        return &row->n;
    case WN_ABTEST_C_CONVERSIONS:
        return &row->conversions;
    case WN_ABTEST_C_SUM:
        return &row->sum;
    case WN_ABTEST_C_SUM_SQ:
        return &row->sum_sq;
    case WN_ABTEST_C_VALUE:
        return &row->value;
    case WN_ABTEST_C_DENOMINATOR:
        return &row->denominator;
    case WN_ABTEST_C_PRE:
        return &row->pre[at];
    default:
        return NULL;
    }
}

static struct wn_str *name_of(struct wn_abtest_row *row, wn_abtest_column kind, size_t at)
{
    switch (kind) {
    case WN_ABTEST_C_VARIANT:
        return &row->variant;
    case WN_ABTEST_C_METRIC:
        return &row->metric;
    case WN_ABTEST_C_UNIT:
        return &row->unit;
    case WN_ABTEST_C_DIMENSION:
        return &row->segments[at];
    default:
        return NULL;
    }
}

static wn_rc take_member(const struct rows *r, size_t i, size_t c, const struct wn_json *v,
                         struct wn_abtest_row *row, struct wn_why *why)
{
    double *number = number_of(row, r->kinds[c], r->at[c]);
    struct wn_str *name = name_of(row, r->kinds[c], r->at[c]);
    if (v->kind == WN_JSON_NULL)
        return WN_OK;
    if (number) {
        *number = v->real;
        return is_number(v) ? WN_OK : bad_member(r, i, v->key, "is a number", why);
    }
    if (name)
        return take_name(r, i, v, name, why);
    if (r->kinds[c] == WN_ABTEST_C_DAY &&
        (v->kind != WN_JSON_TEXT || !wn_parse_day(v->text, &row->day)))
        return bad_member(r, i, v->key, "is a day, as YYYY-MM-DD", why);
    return WN_OK;
}

/* The members of one row. They stand in the order of the first row as a rule, so each is looked for
 * where the last one ended. */
static wn_rc take_row(const struct rows *r, size_t i, struct wn_abtest_row *row, struct wn_why *why)
{
    const struct wn_json *item = &r->items->items[i];
    bool has_day = false, needs_day = false;
    if (item->kind != WN_JSON_OBJECT)
        return point_at(r, i, wn_fail(why, WN_INVALID, NULL, "a row is an object"), why);
    *row = (struct wn_abtest_row){.n = NAN,
                                  .conversions = NAN,
                                  .sum = NAN,
                                  .sum_sq = NAN,
                                  .value = NAN,
                                  .denominator = NAN,
                                  .line = i + 1};
    for (size_t j = 0; j < WN_ABTEST_PRE_MAX; j++)
        row->pre[j] = NAN;
    size_t c = 0;
    for (size_t k = 0; k < item->n_items; k++) {
        size_t n_tried = 0;
        while (n_tried < r->n_columns && !wn_str_eq(r->names[c], item->items[k].key)) {
            c = (c + 1) % r->n_columns;
            n_tried++;
        }
        if (n_tried == r->n_columns)
            return bad_member(r, i, item->items[k].key, "is no member of the first row", why);
        has_day = has_day || (r->kinds[c] == WN_ABTEST_C_DAY && item->items[k].kind);
        wn_rc rc = take_member(r, i, c, &item->items[k], row, why);
        if (rc)
            return rc;
        c = (c + 1) % r->n_columns;
    }
    for (size_t k = 0; k < r->n_columns; k++)
        needs_day = needs_day || r->kinds[k] == WN_ABTEST_C_DAY;
    if (needs_day && !has_day)
        return bad_member(r, i, WN_STR("date"), "is missing", why);
    return WN_OK;
}

static wn_rc find_list(const struct wn_json *body, struct rows *r, struct wn_str *csv,
                       struct wn_why *why)
{
    static const char *const lists[] = {"variants", "daily", "rows"};
    size_t n_found = 0;
    for (size_t i = 0; i < WN_COUNT(lists); i++) {
        const struct wn_json *v = wn_json_get(body, lists[i]);
        if (is_absent(v))
            continue;
        r->list = lists[i];
        r->items = v;
        n_found++;
    }
    wn_rc rc = wn_json_get_text(body, "csv", csv, why);
    if (rc && rc != WN_NOT_FOUND)
        return rc;
    if (n_found + (csv->p != NULL) != 1)
        return wn_fail(why, WN_INVALID, "/variants",
                       "send the data as one of variants (totals), daily, rows (units) and csv");
    if (n_found && (r->items->kind != WN_JSON_ARRAY || !r->items->n_items ||
                    r->items->items[0].kind != WN_JSON_OBJECT))
        return wn_fail(why, WN_INVALID,
                       r->list[0] == 'v'   ? "/variants"
                       : r->list[0] == 'd' ? "/daily"
                                           : "/rows",
                       "%s is a list of objects that is not empty", r->list);
    return WN_OK;
}

/* variants and daily are totals, rows are units: what they are called, they must be. */
static wn_rc check_form(const struct rows *r, const struct wn_abtest_columns *columns,
                        struct wn_why *why)
{
    bool is_rows = r->list[0] == 'r';
    if (is_rows != columns->has_units)
        return wn_fail(why, WN_INVALID, is_rows ? "/rows/0" : "/variants/0",
                       is_rows ? "a row is one unit, with variant and value; totals with n belong "
                                 "into variants or daily"
                               : "totals have variant, n and conversions (or sum and sum_sq)");
    if (r->list[0] == 'd' && !columns->has_day)
        return wn_fail(why, WN_INVALID, "/daily/0/date", "the rows of daily have a date");
    return WN_OK;
}

static wn_rc read_rows(struct rows *r, const struct wn_abtest_finish *finish,
                       struct wn_abtest_input *out, struct wn_why *why)
{
    const struct wn_json *first = &r->items->items[0];
    struct wn_abtest_columns columns;
    struct wn_abtest_table *table = NULL;
    struct wn_abtest_row row;
    if (first->n_items > COLUMNS_MAX || !first->n_items)
        return point_at(r, 0, wn_fail(why, WN_INVALID, NULL, "a row has 1 to 64 members"), why);
    r->n_columns = first->n_items;
    for (size_t c = 0; c < r->n_columns; c++)
        r->names[c] = first->items[c].key;
    wn_rc rc = wn_abtest_columns_find(r->names, r->n_columns, &columns, r->kinds, r->at, why);
    if (rc)
        return point_at(r, 0, rc, why);
    rc = check_form(r, &columns, why);
    if (!rc)
        rc = wn_abtest_table_new(&columns, &table, why);
    for (size_t i = 0; i < r->items->n_items && !rc; i++) {
        rc = take_row(r, i, &row, why);
        if (rc)
            break;
        rc = wn_abtest_table_add(table, &row, why);
        if (rc)
            (void)point_at(r, i, rc, why);
    }
    if (!rc) {
        rc = wn_abtest_table_finish(table, finish, r->a, out, why);
        if (rc && why && why->line)
            (void)point_at(r, why->line - 1, rc, why);
        else if (rc && why && why->field[0]) { /* of the options: control, split */
            char field[64];
            (void)snprintf(field, sizeof field, "/%.62s", why->field);
            (void)snprintf(why->field, sizeof why->field, "%s", field);
        }
    }
    wn_abtest_table_free(table);
    return rc;
}

/* ---- the calls --------------------------------------------------------------------------------
 */

wn_rc wn_experiment_run(const struct wn_experiment_request *request, struct wn_arena *a,
                        struct wn_experiment *out, struct wn_why *why)
{
    struct wn_abtest_options options = request->options;
    wn_rc rc = WN_OK;
    if (request->n_past)
        rc = wn_abtest_learn(request->past_effects, request->past_errors, request->n_past,
                             &options.prior_ratio, why);
    return rc ? rc : wn_abtest_analyse(a, &out->input.test, &options, &out->result, why);
}

wn_rc wn_experiment_of_csv(struct wn_str csv, const struct wn_experiment_request *request,
                           struct wn_arena *a, struct wn_experiment *out, struct wn_why *why)
{
    struct wn_abtest_csv *reader = NULL;
    wn_rc rc = wn_abtest_csv_new(&reader, why);
    if (!rc)
        rc = wn_abtest_csv_push(reader, csv, why);
    if (!rc)
        rc = wn_abtest_csv_finish(reader, &request->finish, a, &out->input, why);
    wn_abtest_csv_free(reader);
    return rc ? rc : wn_experiment_run(request, a, out, why);
}

wn_rc wn_experiment_of_json(const struct wn_json *body, struct wn_arena *a,
                            struct wn_experiment *out, struct wn_why *why)
{
    struct wn_experiment_request request = {0};
    struct rows rows = {.a = a};
    struct wn_str csv = {0};
    wn_rc rc = find_list(body, &rows, &csv, why);
    if (!rc)
        rc = read_request(body, a, &request, why);
    if (rc)
        return rc;
    if (csv.p)
        return wn_experiment_of_csv(csv, &request, a, out, why);
    rc = read_rows(&rows, &request.finish, &out->input, why);
    return rc ? rc : wn_experiment_run(&request, a, out, why);
}

wn_rc wn_experiment_wish_of_json(const struct wn_json *body, struct wn_abtest_wish *out,
                                 struct wn_why *why)
{
    struct wn_abtest_wish w = {0};
    struct wn_str kind = WN_STR("rate");
    double variants = 2;
    const struct wn_json *mean = wn_json_get(body, "mean");
    wn_rc rc = wn_json_get_text(body, "kind", &kind, why);
    if (rc && rc != WN_NOT_FOUND)
        return rc;
    w.kind = wn_str_eq(kind, WN_STR("mean")) ? WN_ABTEST_MEAN : WN_ABTEST_RATE;
    if (w.kind == WN_ABTEST_RATE && !wn_str_eq(kind, WN_STR("rate")))
        return wn_fail(why, WN_INVALID, "/kind", "kind is one of: rate, mean");
    if (is_absent(mean) || !is_number(mean))
        return wn_fail(why, WN_INVALID, "/mean", "mean is what the control has now, a number");
    w.mean = mean->real;
    rc = read_number(body, "sd", WN_ABTEST_VALUE_MAX, &w.sd, why);
    if (!rc)
        rc = read_number(body, "effect", 1e6, &w.effect_ratio, why);
    if (!rc)
        rc = read_number(body, "alpha", .5, &w.alpha, why);
    if (!rc)
        rc = read_number(body, "power", .999, &w.power, why);
    if (!rc)
        rc = read_number(body, "variants", WN_ABTEST_ARMS_MAX, &variants, why);
    if (!rc)
        rc = read_number(body, "variance_ratio", 1, &w.variance_ratio, why);
    if (!rc)
        rc = read_number(body, "per_day", WN_ABTEST_N_MAX, &w.units_per_day, why);
    if (!rc && variants != floor(variants))
        rc = wn_fail(why, WN_INVALID, "/variants", "variants is a whole number");
    w.n_arms = (size_t)variants;
    if (!rc)
        *out = w;
    return rc;
}
