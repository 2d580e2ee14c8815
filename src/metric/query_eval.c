/* A query over rows in memory: the reference that the SQL is held against, and the way to answer
 * where there is no SQL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/date.h"
#include "core/hash.h"
#include "core/num.h"
#include "metric/query_int.h"

#define GROUPS_MAX 1000000

/* One row of the result in the making. */
struct group {
    struct wn_value keys[2 * WN_QUERY_DIMENSIONS_MAX]; /* the columns before the metrics */
    int64_t sums_micros[2][WN_MEASURE_N];              /* the period, and the one before */
    bool has[2];                                       /* any row at all */
    struct wn_value *values;                           /* [n_columns]: the finished row */
    const struct evaluator *e;
};

struct evaluator {
    const struct wn_query *q;
    const struct wn_query_names *names;
    struct wn_arena *a;
    struct wn_query_shape shape;
    struct wn_filter_plan *plans;
    size_t n_plans;
    struct group *groups; /* malloc'd */
    size_t n_groups, size;
    struct wn_map index; /* bytes of the keys -> group */
    struct wn_buf key;
};

static wn_rc fail_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
}

/* ---- a row's place in each dimension ---------------------------------------------------------- */

static int32_t id_of(const struct wn_stat *row, wn_dimension d)
{
    switch (d) {
    case WN_DIM_ACCOUNT:
        return row->account_id;
    case WN_DIM_CAMPAIGN:
        return row->campaign_id;
    case WN_DIM_AD_GROUP:
        return row->ad_group_id;
    case WN_DIM_AD:
        return row->ad_id;
    case WN_DIM_AGE:
        return row->age_id;
    case WN_DIM_COUNTRY:
        return row->country_id;
    case WN_DIM_PLACEMENT:
        return row->placement_id;
    default:
        WN_ASSERT(d == WN_DIM_AUDIENCE);
        return row->audience_id;
    }
}

/* The number that the dimension is filtered and grouped by. day: shifted into the range. */
static int32_t number_of(const struct wn_stat *row, wn_dimension d, int32_t day)
{
    switch (wn_dimension_infos[d].shape) {
    case WN_SHAPE_CODE:
        return d == WN_DIM_CHANNEL ? row->channel : d == WN_DIM_DEVICE ? row->device : row->gender;
    case WN_SHAPE_NAME:
        return id_of(row, d);
    case WN_SHAPE_DATE:
        return wn_date_start(d, day);
    case WN_SHAPE_HOUR:
        return row->hour;
    default:
        return wn_weekday_of_day(day);
    }
}

static struct wn_value int_value(int64_t number)
{
    return (struct wn_value){.kind = WN_VALUE_INT, .integer = number};
}

static struct wn_value text_value(struct wn_str text)
{
    return (struct wn_value){.kind = WN_VALUE_TEXT, .text = text};
}

/* What the column shows for the number; the text may be borrowed. A text with p NULL: no memory. */
static struct wn_value shown(const struct evaluator *e, wn_dimension d, int32_t number)
{
    char day[WN_DAY_TEXT_MAX];
    const struct wn_dimension_info *info = &wn_dimension_infos[d];
    struct wn_str name;
    if (info->shape == WN_SHAPE_CODE) {
        struct wn_code_set set = wn_dimension_codes(d);
        const struct wn_code *code = wn_code_by_number(set.codes, set.n, (uint8_t)number);
        return text_value(code ? wn_str_of(code->name) : wn_arena_printf(e->a, "#%d", number));
    }
    if (info->shape == WN_SHAPE_NAME) {
        if (number == 0)
            return text_value(WN_STR(WN_NAME_NONE_TEXT));
        bool found = e->names && e->names->get(e->names->context, number, &name);
        return text_value(found ? name : wn_arena_printf(e->a, "#%d", number));
    }
    if (info->shape == WN_SHAPE_DATE) {
        size_t n = wn_print_day(number, day);
        return text_value(wn_arena_dup(e->a, (struct wn_str){day, n}));
    }
    if (info->shape == WN_SHAPE_HOUR && number < 0)
        return (struct wn_value){.kind = WN_VALUE_NONE};
    return int_value(number);
}

/* ---- filters ---------------------------------------------------------------------------------- */

static bool name_matches(const struct evaluator *e, const struct wn_filter_plan *plan,
                         struct wn_str name, bool *out)
{
    *out = false;
    struct wn_str compared = name;
    if (plan->filter->op == WN_FILTER_CONTAINS) {
        compared = wn_lower(e->a, name);
        if (!compared.p)
            return false;
    }
    for (size_t i = 0; i < plan->n_texts && !*out; i++) {
        struct wn_str text = plan->texts[i];
        *out = plan->filter->op == WN_FILTER_CONTAINS
                   ? text.n == 0 || wn_str_find(compared, text) < compared.n
                   : wn_str_eq(compared, text);
    }
    return true;
}

/* Whether the row passes one filter; false as a result means that memory ran out. */
static bool filter_passes(const struct evaluator *e, const struct wn_filter_plan *plan,
                          const struct wn_stat *row, int32_t day, bool *out)
{
    int32_t number = number_of(row, plan->filter->dimension, day);
    bool is_in = false;
    struct wn_str name;
    if (plan->by_number) {
        for (size_t i = 0; i < plan->n_numbers && !is_in; i++)
            is_in = plan->numbers[i] == number;
    } else if (number == 0) {
        is_in = plan->matches_none;
    } else if (e->names && e->names->get(e->names->context, number, &name)) {
        if (!name_matches(e, plan, name, &is_in))
            return false;
    }
    *out = plan->filter->op == WN_FILTER_NOT_IN ? !is_in : is_in;
    return true;
}

/* ---- grouping --------------------------------------------------------------------------------- */

static void append_bytes(struct wn_buf *b, const void *p, size_t n)
{
    wn_buf_append(b, (struct wn_str){p, n});
}

/* Two rows belong together when their columns show the same. */
static void append_key(struct wn_buf *key, const struct wn_value *v)
{
    append_bytes(key, &v->kind, sizeof v->kind);
    append_bytes(key, &v->integer, sizeof v->integer);
    append_bytes(key, &v->text.n, sizeof v->text.n);
    wn_buf_append(key, v->text);
}

static wn_rc new_group(struct evaluator *e, const struct wn_value *keys, struct wn_why *why)
{
    if (e->n_groups == e->size) {
        size_t size = e->size ? 2 * e->size : 64;
        struct group *groups = realloc(e->groups, size * sizeof *groups);
        if (!groups)
            return fail_memory(why);
        e->groups = groups;
        e->size = size;
    }
    struct group *g = &e->groups[e->n_groups++];
    memset(g, 0, sizeof *g);
    memcpy(g->keys, keys, e->shape.first_metric * sizeof keys[0]);
    return WN_OK;
}

static wn_rc find_group(struct evaluator *e, const struct wn_stat *row, int32_t day,
                        struct group **out, struct wn_why *why)
{
    struct wn_value keys[2 * WN_QUERY_DIMENSIONS_MAX];
    size_t n = 0;
    wn_buf_reset(&e->key);
    for (size_t i = 0; i < e->q->n_dimensions; i++) {
        wn_dimension d = e->q->dimensions[i];
        int32_t number = number_of(row, d, day);
        keys[n] = shown(e, d, number);
        if (keys[n].kind == WN_VALUE_TEXT && !keys[n].text.p)
            return fail_memory(why);
        append_key(&e->key, &keys[n++]);
        if (wn_dimension_infos[d].has_id) {
            keys[n] = int_value(number);
            append_key(&e->key, &keys[n++]);
        }
    }
    uint32_t *at;
    bool added;
    wn_rc rc = wn_buf_check(&e->key, why);
    if (!rc)
        rc = wn_map_put(&e->index, wn_buf_str(&e->key), (uint32_t)e->n_groups, &at, &added);
    if (rc)
        return wn_fail(why, rc, NULL, "the result has too many rows to group");
    if (added && (rc = new_group(e, keys, why)))
        return rc;
    WN_ASSERT(*at < e->n_groups);
    *out = &e->groups[*at];
    return WN_OK;
}

static wn_rc add_row(struct evaluator *e, const struct wn_stat *row, bool is_previous,
                     struct wn_why *why)
{
    int32_t day = is_previous ? wn_compare_shift(e->q, row->day) : row->day;
    struct group *g = NULL;
    for (size_t i = 0; i < e->n_plans; i++) {
        bool passes;
        if (!filter_passes(e, &e->plans[i], row, day, &passes))
            return fail_memory(why);
        if (!passes)
            return WN_OK;
    }
    wn_rc rc = find_group(e, row, day, &g, why);
    if (rc)
        return rc;
    WN_ASSERT(g);
    g->has[is_previous] = true;
    for (int m = 0; m < WN_MEASURE_N; m++)
        if (!wn_add_i64(g->sums_micros[is_previous][m], row->measures[m],
                        &g->sums_micros[is_previous][m]))
            return wn_fail(why, WN_LIMIT, NULL, "the sum of %s is too large", wn_measure_names[m]);
    return WN_OK;
}

static wn_rc add_rows(struct evaluator *e, const struct wn_stat *rows, size_t n_rows,
                      struct wn_why *why)
{
    int32_t from, to;
    wn_compare_range(e->q->compare, e->q->day_from, e->q->day_to, &from, &to);
    for (size_t i = 0; i < n_rows; i++) {
        wn_rc rc = WN_OK;
        /* A row may lie in both periods, when a range of years is held against the year before. */
        if (rows[i].day >= e->q->day_from && rows[i].day <= e->q->day_to)
            rc = add_row(e, &rows[i], false, why);
        if (!rc && e->q->compare != WN_COMPARE_NONE && rows[i].day >= from && rows[i].day <= to)
            rc = add_row(e, &rows[i], true, why);
        if (rc)
            return rc;
    }
    struct wn_value none = {0};
    if (e->q->n_dimensions == 0 && e->n_groups == 0) /* all of nothing is still one row */
        return new_group(e, &none, why);
    return WN_OK;
}

/* ---- the table -------------------------------------------------------------------------------- */

static struct wn_sums sums_of(const struct group *g, int period)
{
    struct wn_sums s;
    for (int m = 0; m < WN_MEASURE_N; m++) {
        s.values[m] = (double)g->sums_micros[period][m] / 1e6;
        s.has[m] = g->has[period];
    }
    return s;
}

static bool having_passes(const struct evaluator *e, const struct wn_sums *sums)
{
    for (size_t i = 0; i < e->q->n_filters; i++) {
        double value;
        if (e->q->filters[i].op == WN_FILTER_HAVING &&
            (!wn_formula_eval(e->q->filters[i].condition, sums, &value) || value == 0))
            return false;
    }
    return true;
}

static void fill_values(const struct evaluator *e, const struct wn_sums *sums, size_t column,
                        struct wn_value *values)
{
    for (size_t i = 0; i < e->q->n_metrics; i++) {
        struct wn_value *v = &values[column + i];
        if (wn_formula_eval(e->q->metrics[i]->formula, sums, &v->real))
            v->kind = WN_VALUE_REAL;
    }
}

/* Fills each group's row and drops those that a condition on metrics refuses. */
static wn_rc finish_groups(struct evaluator *e, struct wn_why *why)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->n_groups; i++) {
        struct wn_sums now = sums_of(&e->groups[i], 0), previous = sums_of(&e->groups[i], 1);
        if (!having_passes(e, &now))
            continue;
        struct group *g = &e->groups[kept++];
        *g = e->groups[i];
        g->e = e;
        g->values = WN_ARENA_ARRAY(e->a, e->shape.n_columns, struct wn_value);
        if (!g->values)
            return fail_memory(why);
        memcpy(g->values, g->keys, e->shape.first_metric * sizeof g->keys[0]);
        fill_values(e, &now, e->shape.first_metric, g->values);
        if (e->q->compare != WN_COMPARE_NONE)
            fill_values(e, &previous, e->shape.first_previous, g->values);
    }
    e->n_groups = kept;
    return WN_OK;
}

/* No value comes last whichever way the rest is ordered. */
static int compare_values(const struct wn_value *a, const struct wn_value *b, bool descending)
{
    if (a->kind == WN_VALUE_NONE || b->kind == WN_VALUE_NONE)
        return (a->kind == WN_VALUE_NONE) - (b->kind == WN_VALUE_NONE);
    int order;
    if (a->kind == WN_VALUE_TEXT)
        order = wn_str_cmp(a->text, b->text);
    else if (a->kind == WN_VALUE_INT)
        order = (a->integer > b->integer) - (a->integer < b->integer);
    else
        order = (a->real > b->real) - (a->real < b->real);
    return descending ? -order : order;
}

static int compare_groups(const void *pa, const void *pb)
{
    const struct group *a = pa, *b = pb;
    const struct wn_query_shape *shape = &a->e->shape;
    int order = 0;
    if (shape->sort_column < shape->n_columns)
        order = compare_values(&a->values[shape->sort_column], &b->values[shape->sort_column],
                               a->e->q->descending);
    for (size_t i = 0; i < shape->first_metric && order == 0; i++)
        order = compare_values(&a->values[i], &b->values[i], false);
    return order;
}

static wn_rc make_table(struct evaluator *e, struct wn_table **out, struct wn_why *why)
{
    size_t limit = e->q->limit ? e->q->limit : WN_QUERY_ROWS_MAX;
    size_t first = e->q->offset < e->n_groups ? e->q->offset : e->n_groups;
    size_t n_rows = e->n_groups - first < limit ? e->n_groups - first : limit;
    size_t n_columns = e->shape.n_columns;
    struct wn_table *t = WN_ARENA_NEW(e->a, struct wn_table);
    struct wn_str *columns = WN_ARENA_ARRAY(e->a, n_columns, struct wn_str);
    struct wn_value *values = WN_ARENA_ARRAY(e->a, n_rows * n_columns, struct wn_value);
    if (!t || !columns || !values)
        return fail_memory(why);
    memcpy(columns, e->shape.columns, n_columns * sizeof columns[0]);
    for (size_t i = 0; i < n_rows; i++)
        memcpy(&values[i * n_columns], e->groups[first + i].values, n_columns * sizeof values[0]);
    /* Borrowed texts become the table's own. */
    for (size_t i = 0; i < n_rows * n_columns; i++)
        if (values[i].kind == WN_VALUE_TEXT) {
            values[i].text = wn_arena_dup(e->a, values[i].text);
            if (!values[i].text.p)
                return fail_memory(why);
        }
    *t = (struct wn_table){
        .n_columns = n_columns, .n_rows = n_rows, .columns = columns, .values = values};
    *out = t;
    return WN_OK;
}

wn_rc wn_query_eval(const struct wn_query *q, const struct wn_stat *rows, size_t n_rows,
                    const struct wn_query_names *names, struct wn_arena *a, struct wn_table **out,
                    struct wn_why *why)
{
    struct evaluator e = {.q = q, .names = names, .a = a};
    uint32_t measures;
    wn_rc rc = wn_query_check(q, why);
    if (!rc)
        rc = wn_query_columns(q, a, &e.shape, why);
    if (!rc)
        rc = wn_query_prepare(q, a, &e.plans, &e.n_plans, &measures, why);
    if (rc)
        return rc;
    wn_map_init(&e.index, GROUPS_MAX);
    wn_buf_init(&e.key, 1 << 20);
    rc = add_rows(&e, rows, n_rows, why);
    if (!rc)
        rc = finish_groups(&e, why);
    if (!rc && e.n_groups > 1)
        qsort(e.groups, e.n_groups, sizeof e.groups[0], compare_groups);
    if (!rc)
        rc = make_table(&e, out, why);
    free(e.groups);
    wn_buf_deinit(&e.key);
    wn_map_deinit(&e.index);
    return rc;
}
