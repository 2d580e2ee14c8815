/* A query as one statement for the facts, from the inside out:
 *
 *   c  SELECT <columns> AS k0.., sum(x_micros) AS s_x.. FROM ad_stats WHERE .. GROUP BY ..
 *   p  the same of the comparison period
 *   g  c, or c and p below each other: p's days shifted, their sums side by side
 *   r  SELECT <text of k0> AS d0, .. sum(..) FROM g LEFT JOIN names .. GROUP BY ..
 *      SELECT <formulas over the sums> FROM r WHERE <having> ORDER BY .. LIMIT .. OFFSET ..
 *
 * Only c and p see many rows, and they group by plain integer columns; texts, weeks and months are
 * made, and grouped once more where two of them can be the same, from the few rows that are left.
 *
 * Planning is most of the time of a small question, and bound values and WITH double it: numbers
 * are written into the text, only texts from outside are bound. */
#include <inttypes.h>

#include "core/date.h"
#include "metric/query_int.h"

#define SQL_BYTES_MAX (4 << 20)

struct writer {
    const struct wn_query *q;
    struct wn_query_shape shape;
    const struct wn_filter_plan *plans; /* [n_plans]: the filters on dimensions */
    size_t n_plans;
    uint32_t measures; /* bit set of the sums that are needed */
    struct wn_buf out;
    struct wn_value *binds;
    size_t n_binds, n_binds_max;
};

static void put(struct writer *w, const char *z)
{
    wn_buf_append_z(&w->out, z);
}

static void put_int(struct writer *w, int64_t number)
{
    wn_buf_printf(&w->out, "%" PRId64, number);
}

static void put_text(struct writer *w, struct wn_str text)
{
    WN_ASSERT(w->n_binds < w->n_binds_max);
    put(w, "?");
    w->binds[w->n_binds++] = (struct wn_value){.kind = WN_VALUE_TEXT, .text = text};
}

/* ---- days ------------------------------------------------------------------------------------- */

/* The day column of the half, as a day of the range asked for: see wn_compare_shift. */
static void put_day(struct writer *w, bool is_previous, const char *column)
{
    if (!is_previous) {
        put(w, column);
    } else if (w->q->compare == WN_COMPARE_YEAR) {
        wn_buf_printf(&w->out,
                      "greatest(CAST(CAST(DATE '1970-01-01' + %s + INTERVAL 1 YEAR AS DATE) - "
                      "DATE '1970-01-01' AS INTEGER), ",
                      column);
        put_int(w, w->q->day_from);
        put(w, ")");
    } else {
        wn_buf_printf(&w->out, "(%s + ", column);
        put_int(w, w->q->day_to - w->q->day_from + 1);
        put(w, ")");
    }
}

/* ---- filters ---------------------------------------------------------------------------------- */

static void put_date_filter(struct writer *w, const struct wn_filter_plan *plan, bool is_previous)
{
    for (size_t i = 0; i < plan->n_numbers; i++) {
        put(w, i ? " OR (" : "(");
        put_day(w, is_previous, "day");
        put(w, " BETWEEN ");
        put_int(w, plan->numbers[i]);
        put(w, " AND ");
        put_int(w, wn_date_end(plan->filter->dimension, plan->numbers[i]));
        put(w, ")");
    }
}

static void put_number_filter(struct writer *w, const struct wn_filter_plan *plan, bool is_previous)
{
    const struct wn_dimension_info *info = &wn_dimension_infos[plan->filter->dimension];
    if (info->shape == WN_SHAPE_WEEKDAY) {
        put(w, "((");
        put_day(w, is_previous, "day");
        put(w, " + 3) % 7)");
    } else {
        put(w, info->column);
    }
    for (size_t i = 0; i < plan->n_numbers; i++) {
        put(w, i ? ", " : " IN (");
        put_int(w, plan->numbers[i]);
    }
    put(w, ")");
}

static void put_name_filter(struct writer *w, const struct wn_filter_plan *plan)
{
    const struct wn_dimension_info *info = &wn_dimension_infos[plan->filter->dimension];
    wn_buf_printf(&w->out,
                  "%s IN (SELECT id FROM " WN_SQL_NAMES " WHERE tenant_id = ", info->column);
    put_int(w, w->q->tenant_id);
    wn_buf_printf(&w->out, " AND kind = %d AND (", (int)info->kind);
    for (size_t i = 0; i < plan->n_texts; i++) {
        put(w, i ? " OR " : "");
        if (plan->filter->op == WN_FILTER_CONTAINS) {
            put(w, "contains(translate(name, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', "
                   "'abcdefghijklmnopqrstuvwxyz'), ");
            put_text(w, plan->texts[i]);
            put(w, ")");
        } else {
            put(w, "name = ");
            put_text(w, plan->texts[i]);
        }
    }
    put(w, "))");
    if (plan->matches_none)
        wn_buf_printf(&w->out, " OR %s = 0", info->column);
}

static void put_filter(struct writer *w, const struct wn_filter_plan *plan, bool is_previous)
{
    put(w, plan->filter->op == WN_FILTER_NOT_IN ? " AND NOT (" : " AND (");
    if (plan->by_number ? plan->n_numbers == 0 : plan->n_texts == 0)
        put(w, "FALSE");
    else if (!plan->by_number)
        put_name_filter(w, plan);
    else if (wn_dimension_infos[plan->filter->dimension].shape == WN_SHAPE_DATE)
        put_date_filter(w, plan, is_previous);
    else
        put_number_filter(w, plan, is_previous);
    put(w, ")");
}

/* ---- c and p: sums by integer columns --------------------------------------------------------- */

static void put_group(struct writer *w, bool is_previous)
{
    int32_t from = w->q->day_from, to = w->q->day_to;
    if (is_previous)
        wn_compare_range(w->q->compare, w->q->day_from, w->q->day_to, &from, &to);
    put(w, "SELECT ");
    for (size_t i = 0; i < w->q->n_dimensions; i++)
        wn_buf_printf(&w->out, "%s AS k%zu, ", wn_dimension_infos[w->q->dimensions[i]].column, i);
    const char *separator = "";
    for (int m = 0; m < WN_MEASURE_N; m++) {
        if (!(w->measures & (1u << m)))
            continue;
        wn_buf_printf(&w->out, "%ssum(%s_micros) AS s_%s", separator, wn_measure_names[m],
                      wn_measure_names[m]);
        separator = ", ";
    }
    put(w, " FROM " WN_SQL_STATS " WHERE tenant_id = ");
    put_int(w, w->q->tenant_id);
    put(w, " AND day BETWEEN ");
    put_int(w, from);
    put(w, " AND ");
    put_int(w, to);
    for (size_t i = 0; i < w->n_plans; i++)
        put_filter(w, &w->plans[i], is_previous);
    for (size_t i = 0; i < w->q->n_dimensions; i++)
        wn_buf_printf(&w->out, "%sk%zu", i ? ", " : " GROUP BY ", i);
}

/* One half of g: the sums of one period, nothing for the other. */
static void put_half(struct writer *w, bool is_previous)
{
    char key[8];
    put(w, "SELECT ");
    for (size_t i = 0; i < w->q->n_dimensions; i++) {
        bool is_day =
            wn_str_eq(wn_str_of(wn_dimension_infos[w->q->dimensions[i]].column), WN_STR("day"));
        key[0] = 'k';
        key[1] = (char)('0' + i);
        key[2] = '\0';
        put_day(w, is_previous && is_day, key);
        wn_buf_printf(&w->out, " AS %s, ", key);
    }
    const char *separator = "";
    for (int m = 0; m < WN_MEASURE_N; m++) {
        if (!(w->measures & (1u << m)))
            continue;
        const char *name = wn_measure_names[m];
        if (is_previous)
            wn_buf_printf(&w->out, "%sCAST(NULL AS HUGEINT) AS s_%s, s_%s AS p_%s", separator, name,
                          name, name);
        else
            wn_buf_printf(&w->out, "%ss_%s, CAST(NULL AS HUGEINT) AS p_%s", separator, name, name);
        separator = ", ";
    }
    put(w, " FROM (");
    put_group(w, is_previous);
    put(w, is_previous ? ") p" : ") c");
}

static void put_source(struct writer *w)
{
    if (w->q->compare == WN_COMPARE_NONE) {
        put_group(w, false);
        return;
    }
    put_half(w, false);
    put(w, " UNION ALL ");
    put_half(w, true);
}

/* ---- r: texts instead of numbers -------------------------------------------------------------- */

static void put_code_text(struct writer *w, wn_dimension d, size_t i)
{
    struct wn_code_set set = wn_dimension_codes(d);
    wn_buf_printf(&w->out, "CASE k%zu", i);
    for (size_t j = 0; j < set.n; j++)
        wn_buf_printf(&w->out, " WHEN %u THEN '%s'", set.codes[j].code, set.codes[j].name);
    wn_buf_printf(&w->out, " ELSE '#' || CAST(k%zu AS VARCHAR) END", i);
}

static void put_date_text(struct writer *w, wn_dimension d, size_t i)
{
    if (d == WN_DIM_MONTH)
        wn_buf_printf(&w->out,
                      "CAST(CAST(date_trunc('month', DATE '1970-01-01' + k%zu) AS DATE) "
                      "AS VARCHAR)",
                      i);
    else if (d == WN_DIM_WEEK)
        wn_buf_printf(&w->out, "CAST(DATE '1970-01-01' + (k%zu - (k%zu + 3) %% 7) AS VARCHAR)", i,
                      i);
    else
        wn_buf_printf(&w->out, "CAST(DATE '1970-01-01' + k%zu AS VARCHAR)", i);
}

static void put_dimension(struct writer *w, wn_dimension d, size_t i)
{
    switch (wn_dimension_infos[d].shape) {
    case WN_SHAPE_CODE:
        put_code_text(w, d, i);
        break;
    case WN_SHAPE_NAME:
        wn_buf_printf(&w->out,
                      "CASE WHEN k%zu = 0 THEN '" WN_NAME_NONE_TEXT
                      "' ELSE coalesce(n%zu.name, '#' || CAST(k%zu AS VARCHAR)) END",
                      i, i, i);
        break;
    case WN_SHAPE_DATE:
        put_date_text(w, d, i);
        break;
    case WN_SHAPE_HOUR:
        wn_buf_printf(&w->out, "CASE WHEN k%zu < 0 THEN NULL ELSE CAST(k%zu AS INTEGER) END", i, i);
        break;
    case WN_SHAPE_WEEKDAY:
        wn_buf_printf(&w->out, "((k%zu + 3) %% 7)", i);
        break;
    }
}

/* True where two rows of g can become one row of r: dates of weeks and months, names that are
 * shared, and the two periods. */
static bool is_grouped_again(const struct writer *w)
{
    for (size_t i = 0; i < w->q->n_dimensions; i++) {
        wn_dimension d = w->q->dimensions[i];
        if (wn_dimension_infos[d].shape != WN_SHAPE_CODE && d != WN_DIM_DAY)
            return true;
    }
    return w->q->compare != WN_COMPARE_NONE;
}

static void put_result_sums(struct writer *w, bool is_grouped)
{
    const char *fold = is_grouped ? "sum" : "", *separator = "";
    for (int m = 0; m < WN_MEASURE_N; m++) {
        if (!(w->measures & (1u << m)))
            continue;
        const char *name = wn_measure_names[m];
        wn_buf_printf(&w->out, "%sCAST(%s(s_%s) AS DOUBLE) / 1e6 AS s_%s", separator, fold, name,
                      name);
        if (w->q->compare != WN_COMPARE_NONE)
            wn_buf_printf(&w->out, ", CAST(%s(p_%s) AS DOUBLE) / 1e6 AS p_%s", fold, name, name);
        separator = ", ";
    }
}

static void put_result_groups(struct writer *w)
{
    bool is_grouped = is_grouped_again(w);
    size_t n_keys = 0;
    put(w, "SELECT ");
    for (size_t i = 0; i < w->q->n_dimensions; i++) {
        put_dimension(w, w->q->dimensions[i], i);
        wn_buf_printf(&w->out, " AS d%zu, ", i);
        n_keys++;
        if (wn_dimension_infos[w->q->dimensions[i]].has_id) {
            wn_buf_printf(&w->out, "k%zu AS i%zu, ", i, i);
            n_keys++;
        }
    }
    put_result_sums(w, is_grouped);
    put(w, " FROM (");
    put_source(w);
    put(w, ") g");
    for (size_t i = 0; i < w->q->n_dimensions; i++) {
        const struct wn_dimension_info *info = &wn_dimension_infos[w->q->dimensions[i]];
        if (info->shape != WN_SHAPE_NAME)
            continue;
        wn_buf_printf(&w->out, " LEFT JOIN " WN_SQL_NAMES " n%zu ON n%zu.tenant_id = ", i, i);
        put_int(w, w->q->tenant_id);
        wn_buf_printf(&w->out, " AND n%zu.kind = %d AND n%zu.id = k%zu", i, (int)info->kind, i, i);
    }
    for (size_t i = 0; i < n_keys && is_grouped; i++)
        wn_buf_printf(&w->out, "%s%zu", i ? ", " : " GROUP BY ", i + 1);
}

/* ---- the table -------------------------------------------------------------------------------- */

static void put_columns(struct writer *w)
{
    size_t n = 0;
    put(w, "SELECT ");
    for (size_t i = 0; i < w->q->n_dimensions; i++) {
        wn_buf_printf(&w->out, "%sd%zu AS \"%s\"", n++ ? ", " : "", i,
                      wn_dimension_name(w->q->dimensions[i]));
        if (wn_dimension_infos[w->q->dimensions[i]].has_id)
            wn_buf_printf(&w->out, ", i%zu AS \"%s_id\"", i,
                          wn_dimension_name(w->q->dimensions[i]));
    }
    for (size_t i = 0; i < w->q->n_metrics; i++) {
        put(w, n++ ? ", " : "");
        wn_formula_sql_over(w->q->metrics[i]->formula, "s_", "", &w->out);
        wn_buf_printf(&w->out, " AS \"%.*s\"", WN_STR_ARG(w->q->metrics[i]->name));
    }
    for (size_t i = 0; i < w->q->n_metrics && w->q->compare != WN_COMPARE_NONE; i++) {
        put(w, ", ");
        wn_formula_sql_over(w->q->metrics[i]->formula, "p_", "", &w->out);
        wn_buf_printf(&w->out, " AS \"%.*s_previous\"", WN_STR_ARG(w->q->metrics[i]->name));
    }
}

static void put_having(struct writer *w)
{
    const char *separator = " WHERE ";
    for (size_t i = 0; i < w->q->n_filters; i++) {
        if (w->q->filters[i].op != WN_FILTER_HAVING)
            continue;
        put(w, separator);
        put(w, "(");
        wn_formula_sql_over(w->q->filters[i].condition, "s_", "", &w->out);
        put(w, ") <> 0e0");
        separator = " AND ";
    }
}

static void put_order(struct writer *w)
{
    const char *separator = " ORDER BY ";
    if (w->shape.sort_column < w->shape.n_columns) {
        wn_buf_printf(&w->out, "%s%zu %s NULLS LAST", separator, w->shape.sort_column + 1,
                      w->q->descending ? "DESC" : "ASC");
        separator = ", ";
    }
    for (size_t i = 0; i < w->shape.first_metric; i++) {
        if (i == w->shape.sort_column)
            continue;
        wn_buf_printf(&w->out, "%s%zu ASC NULLS LAST", separator, i + 1);
        separator = ", ";
    }
    if (w->q->n_dimensions == 0 && w->q->limit == 0 && w->q->offset == 0)
        return; /* one row */
    wn_buf_printf(&w->out, " LIMIT %zu OFFSET %zu", w->q->limit ? w->q->limit : WN_QUERY_ROWS_MAX,
                  (size_t)w->q->offset);
}

static void put_statement(struct writer *w)
{
    put_columns(w);
    put(w, " FROM (");
    put_result_groups(w);
    put(w, ") r");
    put_having(w);
    put_order(w);
}

static size_t count_texts(const struct writer *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_plans; i++)
        n += w->plans[i].n_texts;
    return n;
}

wn_rc wn_query_sql(const struct wn_query *q, struct wn_arena *a, struct wn_sql *out,
                   struct wn_why *why)
{
    struct wn_filter_plan *plans;
    struct writer w = {.q = q};
    wn_rc rc = wn_query_check(q, why);
    if (!rc)
        rc = wn_query_columns(q, a, &w.shape, why);
    if (!rc)
        rc = wn_query_prepare(q, a, &plans, &w.n_plans, &w.measures, why);
    if (rc)
        return rc;
    w.plans = plans;
    w.n_binds_max = 2 * count_texts(&w); /* both periods */
    w.binds = WN_ARENA_ARRAY(a, w.n_binds_max, struct wn_value);
    if (!w.binds)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    wn_buf_init(&w.out, SQL_BYTES_MAX);
    put_statement(&w);
    rc = wn_buf_check(&w.out, why);
    struct wn_str text = rc ? WN_STR("") : wn_arena_dup(a, wn_buf_str(&w.out));
    wn_buf_deinit(&w.out);
    if (rc)
        return rc;
    if (!text.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    *out = (struct wn_sql){.text = text, .binds = w.binds, .n_binds = w.n_binds};
    return WN_OK;
}
