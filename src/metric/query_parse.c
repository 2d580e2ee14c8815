/* A query as people write it: lists, conditions, dates; every error names its part. */
#include <stdio.h>

#include "core/date.h"
#include "core/num.h"
#include "metric/query_int.h"

struct reader {
    struct wn_arena *a;
    const struct wn_metrics *metrics;
    const struct wn_query_text *text;
    struct wn_why *why;
};

/* How much of a text an error repeats. */
static struct wn_str quoted(struct wn_str text)
{
    return wn_str_slice(text, 0, 60);
}

static wn_rc fail_memory(struct reader *r)
{
    return wn_fail(r->why, WN_MEMORY, NULL, "memory has run out");
}

/* Counts the parts of a list; commas only. */
static size_t count_parts(struct wn_str list)
{
    size_t n = 1;
    for (size_t i = 0; i < list.n; i++)
        n += list.p[i] == ',';
    return n;
}

/* ---- metrics and dimensions ------------------------------------------------------------------- */

static wn_rc fail_unknown_metric(struct reader *r, const char *field, struct wn_str name)
{
    struct wn_nearest nearest;
    char suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, name);
    for (size_t i = 0; i < wn_metrics_count(r->metrics); i++)
        wn_nearest_try(&nearest, wn_metrics_at(r->metrics, i)->name);
    return wn_fail(r->why, WN_INVALID, field, "there is no metric '%.*s'%s",
                   WN_STR_ARG(quoted(name)), wn_nearest_text(&nearest, suggestion));
}

static wn_rc parse_metrics(struct reader *r, struct wn_query *out)
{
    struct wn_str rest = wn_str_trim(r->text->metrics), part;
    if (rest.n == 0)
        rest = WN_STR("spend,revenue,roas");
    if (count_parts(rest) > WN_QUERY_METRICS_MAX)
        return wn_fail(r->why, WN_INVALID, "metrics", "at most %d metrics are possible",
                       WN_QUERY_METRICS_MAX);
    const struct wn_metric **metrics =
        WN_ARENA_ARRAY(r->a, WN_QUERY_METRICS_MAX, const struct wn_metric *);
    if (!metrics)
        return fail_memory(r);
    while (wn_str_cut(&rest, ',', &part)) {
        struct wn_str name = wn_lower(r->a, wn_str_trim(part));
        if (!name.p)
            return fail_memory(r);
        const struct wn_metric *metric = wn_metrics_get(r->metrics, name);
        if (!metric)
            return fail_unknown_metric(r, "metrics", name);
        metrics[out->n_metrics++] = metric;
    }
    out->metrics = metrics;
    return WN_OK;
}

static void try_dimensions(struct wn_nearest *nearest)
{
    for (int d = 0; d < WN_DIM_N; d++)
        wn_nearest_try(nearest, wn_str_of(wn_dimension_name((wn_dimension)d)));
}

static wn_rc parse_by(struct reader *r, struct wn_query *out)
{
    struct wn_str rest = wn_str_trim(r->text->by), part;
    if (rest.n == 0)
        return WN_OK;
    if (count_parts(rest) > WN_QUERY_DIMENSIONS_MAX)
        return wn_fail(r->why, WN_INVALID, "by", "at most %d dimensions are possible",
                       WN_QUERY_DIMENSIONS_MAX);
    while (wn_str_cut(&rest, ',', &part)) {
        struct wn_str name = wn_lower(r->a, wn_str_trim(part));
        if (!name.p)
            return fail_memory(r);
        if (wn_dimension_by_name(name, &out->dimensions[out->n_dimensions])) {
            out->n_dimensions++;
            continue;
        }
        struct wn_nearest nearest;
        char suggestion[WN_NEAREST_TEXT_MAX];
        wn_nearest_init(&nearest, name);
        try_dimensions(&nearest);
        return wn_fail(r->why, WN_INVALID, "by", "there is no dimension '%.*s'%s",
                       WN_STR_ARG(quoted(name)), wn_nearest_text(&nearest, suggestion));
    }
    return WN_OK;
}

/* ---- conditions ------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_spaces(struct wn_str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t')) {
        s->p++;
        s->n--;
    }
}

static struct wn_str take(struct wn_str *s, size_t n)
{
    struct wn_str head = wn_str_slice(*s, 0, n);
    *s = wn_str_slice(*s, n, s->n);
    return head;
}

/* A value in quotes, in which a doubled quote stands for one; the first quote is still there. */
static wn_rc take_quoted(struct reader *r, struct wn_str *rest, struct wn_str *out)
{
    char *copy = wn_arena_alloc(r->a, rest->n);
    size_t n = 0, i = 1;
    if (!copy)
        return fail_memory(r);
    for (; i < rest->n; i++) {
        if (rest->p[i] == '"') {
            if (i + 1 == rest->n || rest->p[i + 1] != '"')
                break;
            i++;
        }
        copy[n++] = rest->p[i];
    }
    if (i == rest->n)
        return wn_fail(r->why, WN_INVALID, "filter", "a quote is not closed");
    (void)take(rest, i + 1);
    skip_spaces(rest);
    if (rest->n && rest->p[0] != '|' && rest->p[0] != ';')
        return wn_fail(r->why, WN_INVALID, "filter",
                       "after a quoted value comes '|', ';' or the end");
    *out = (struct wn_str){copy, n};
    return WN_OK;
}

/* The next value, up to '|' or ';', which stay. */
static wn_rc take_value(struct reader *r, struct wn_str *rest, struct wn_str *out)
{
    skip_spaces(rest);
    if (rest->n && rest->p[0] == '"')
        return take_quoted(r, rest, out);
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '|' && rest->p[n] != ';')
        n++;
    *out = wn_str_trim(take(rest, n));
    if (out->n == 0)
        return wn_fail(r->why, WN_INVALID, "filter", "a value is missing");
    return WN_OK;
}

/* How many values may follow at most: enough room, since '|' in quotes counts too. */
static size_t count_values(struct wn_str rest)
{
    size_t n = 1;
    for (size_t i = 0; i < rest.n && n < WN_QUERY_FILTER_VALUES_MAX; i++)
        n += rest.p[i] == '|';
    return n;
}

static wn_rc parse_id(struct reader *r, struct wn_str text, int32_t *out)
{
    int64_t id;
    if (!wn_parse_i64(text, &id) || id < 0 || id > INT32_MAX)
        return wn_fail(r->why, WN_INVALID, "filter", "'%.*s' is no id", WN_STR_ARG(quoted(text)));
    *out = (int32_t)id;
    return WN_OK;
}

static wn_rc parse_values(struct reader *r, struct wn_str *rest, struct wn_filter *out)
{
    size_t n_max = count_values(*rest);
    struct wn_str *texts = WN_ARENA_ARRAY(r->a, n_max, struct wn_str);
    int32_t *ids = WN_ARENA_ARRAY(r->a, n_max, int32_t);
    if (!texts || !ids)
        return fail_memory(r);
    for (;;) {
        if (out->n == n_max)
            return wn_fail(r->why, WN_INVALID, "filter", "a condition has at most %d values",
                           WN_QUERY_FILTER_VALUES_MAX);
        wn_rc rc = take_value(r, rest, &texts[out->n]);
        if (!rc && out->by_id)
            rc = parse_id(r, texts[out->n], &ids[out->n]);
        if (rc)
            return rc;
        out->n++;
        if (rest->n == 0 || rest->p[0] != '|')
            break;
        (void)take(rest, 1);
    }
    out->texts = texts;
    out->ids = ids;
    return WN_OK;
}

/* "campaign" or, by id, "campaign_id". */
static bool dimension_of(struct wn_str name, struct wn_filter *out)
{
    if (wn_dimension_by_name(name, &out->dimension))
        return true;
    if (!wn_str_ends(name, WN_STR("_id")))
        return false;
    out->by_id = wn_dimension_by_name(wn_str_slice(name, 0, name.n - 3), &out->dimension) &&
                 wn_dimension_infos[out->dimension].has_id;
    return out->by_id;
}

static bool take_operator(struct wn_str *rest, wn_filter_op *op)
{
    skip_spaces(rest);
    if (wn_str_starts(*rest, WN_STR("!="))) {
        *op = WN_FILTER_NOT_IN;
        (void)take(rest, 2);
        return true;
    }
    if (rest->n == 0 || (rest->p[0] != '=' && rest->p[0] != '~'))
        return false;
    *op = rest->p[0] == '=' ? WN_FILTER_IN : WN_FILTER_CONTAINS;
    (void)take(rest, 1);
    return true;
}

/* A condition over metrics: all up to the ';'. */
static wn_rc parse_having(struct reader *r, struct wn_str *rest, struct wn_filter *out)
{
    struct wn_formula *condition = NULL;
    struct wn_str text = take(rest, wn_str_find_char(*rest, ';'));
    wn_rc rc = wn_formula_parse(r->a, r->metrics, text, &condition, r->why);
    if (rc) {
        if (r->why && rc != WN_MEMORY) {
            (void)snprintf(r->why->field, sizeof r->why->field, "filter");
            r->why->column += (uint32_t)(text.p - r->text->filter.p);
        }
        return rc;
    }
    out->op = WN_FILTER_HAVING;
    out->condition = condition;
    return WN_OK;
}

/* A name before = or ~ that is neither dimension nor metric: both are suggested. */
static wn_rc check_known(struct reader *r, struct wn_str name, struct wn_str rest)
{
    wn_filter_op op;
    if (name.n == 0 || wn_metrics_get(r->metrics, name) || !take_operator(&rest, &op))
        return WN_OK; /* the formula's parser knows better */
    struct wn_nearest nearest;
    char suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, name);
    try_dimensions(&nearest);
    for (size_t i = 0; i < wn_metrics_count(r->metrics); i++)
        wn_nearest_try(&nearest, wn_metrics_at(r->metrics, i)->name);
    return wn_fail(r->why, WN_INVALID, "filter", "there is no dimension or metric '%.*s'%s",
                   WN_STR_ARG(quoted(name)), wn_nearest_text(&nearest, suggestion));
}

static wn_rc parse_condition(struct reader *r, struct wn_str *rest, struct wn_filter *out)
{
    struct wn_str ahead = *rest;
    size_t n = 0;
    while (n < ahead.n && is_name_char(ahead.p[n]))
        n++;
    struct wn_str name = wn_lower(r->a, take(&ahead, n));
    if (!name.p)
        return fail_memory(r);
    if (!dimension_of(name, out)) {
        wn_rc rc = check_known(r, name, ahead);
        return rc ? rc : parse_having(r, rest, out);
    }
    if (!take_operator(&ahead, &out->op))
        return wn_fail(r->why, WN_INVALID, "filter", "after '%.*s' comes =, != or ~",
                       WN_STR_ARG(name));
    *rest = ahead;
    wn_rc rc = parse_values(r, rest, out);
    if (rc)
        return rc;
    struct wn_filter_plan plan; /* made for its checks: unknown channels, bad dates */
    return wn_filter_plan_make(out, r->a, &plan, r->why);
}

static wn_rc parse_filter(struct reader *r, struct wn_query *out)
{
    struct wn_str rest = wn_str_trim(r->text->filter);
    if (rest.n == 0)
        return WN_OK;
    struct wn_filter *filters = WN_ARENA_ARRAY(r->a, WN_QUERY_FILTERS_MAX, struct wn_filter);
    if (!filters)
        return fail_memory(r);
    for (;;) {
        skip_spaces(&rest);
        if (rest.n == 0) /* a ';' at the end is harmless */
            break;
        if (out->n_filters == WN_QUERY_FILTERS_MAX)
            return wn_fail(r->why, WN_INVALID, "filter", "at most %d conditions are possible",
                           WN_QUERY_FILTERS_MAX);
        wn_rc rc = parse_condition(r, &rest, &filters[out->n_filters]);
        if (rc)
            return rc;
        out->n_filters++;
        if (rest.n)
            (void)take(&rest, 1); /* the ';' */
    }
    out->filters = filters;
    return WN_OK;
}

/* ---- the rest --------------------------------------------------------------------------------- */

static wn_rc parse_date(struct reader *r, const char *field, struct wn_str text, int32_t fallback,
                        int32_t *out)
{
    text = wn_str_trim(text);
    *out = fallback;
    if (text.n == 0 || wn_parse_day(text, out))
        return WN_OK;
    return wn_fail(r->why, WN_INVALID, field, "'%.*s' is no date: YYYY-MM-DD is expected",
                   WN_STR_ARG(quoted(text)));
}

static wn_rc parse_range(struct reader *r, int32_t data_from, int32_t data_to, struct wn_query *out)
{
    wn_rc rc = parse_date(r, "from", r->text->from, data_from, &out->day_from);
    if (!rc)
        rc = parse_date(r, "to", r->text->to, data_to, &out->day_to);
    if (rc || out->day_from <= out->day_to)
        return rc;
    /* One end given beyond the data is an empty range, not a contradiction. */
    if (wn_str_trim(r->text->from).n == 0)
        out->day_from = out->day_to;
    else if (wn_str_trim(r->text->to).n == 0)
        out->day_to = out->day_from;
    else
        return wn_fail(r->why, WN_INVALID, "from", "the first day is after the last day");
    return WN_OK;
}

static wn_rc parse_compare(struct reader *r, struct wn_query *out)
{
    static const char *const names[] = {"none", "previous", "year"};
    struct wn_str text = wn_str_trim(r->text->compare);
    struct wn_nearest nearest;
    char suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, text);
    for (size_t i = 0; i < WN_COUNT(names); i++) {
        if (text.n == 0 || wn_str_eq_nocase(text, wn_str_of(names[i]))) {
            out->compare = (wn_compare)i;
            return WN_OK;
        }
        wn_nearest_try(&nearest, wn_str_of(names[i]));
    }
    return wn_fail(r->why, WN_INVALID, "compare", "'%.*s' is not none, previous or year%s",
                   WN_STR_ARG(quoted(text)), wn_nearest_text(&nearest, suggestion));
}

static wn_rc parse_sort(struct reader *r, struct wn_query *out)
{
    struct wn_str text = wn_str_trim(r->text->sort);
    struct wn_query_shape shape;
    if (text.n && text.p[0] == '-') {
        out->descending = true;
        text = wn_str_trim(wn_str_slice(text, 1, text.n));
        if (text.n == 0)
            return wn_fail(r->why, WN_INVALID, "sort", "after '-' comes a column");
    }
    wn_rc rc = wn_query_columns(out, r->a, &shape, r->why);
    if (rc)
        return rc;
    out->sort_by = wn_lower(r->a, text);
    if (!out->sort_by.p)
        return fail_memory(r);
    struct wn_nearest nearest;
    char suggestion[WN_NEAREST_TEXT_MAX];
    wn_nearest_init(&nearest, out->sort_by);
    for (size_t i = 0; i < shape.n_columns; i++) {
        if (text.n == 0 || wn_str_eq(shape.columns[i], out->sort_by))
            return WN_OK;
        wn_nearest_try(&nearest, shape.columns[i]);
    }
    return wn_fail(r->why, WN_INVALID, "sort", "'%.*s' is no column of the result%s",
                   WN_STR_ARG(quoted(text)), wn_nearest_text(&nearest, suggestion));
}

static wn_rc parse_size(struct reader *r, const char *field, struct wn_str text, int64_t min,
                        int64_t max, size_t *out)
{
    int64_t number;
    text = wn_str_trim(text);
    if (text.n == 0)
        return WN_OK;
    if (!wn_parse_i64(text, &number) || number < min || number > max)
        return wn_fail(r->why, WN_INVALID, field, "'%.*s' is no number from %lld to %lld",
                       WN_STR_ARG(quoted(text)), (long long)min, (long long)max);
    *out = (size_t)number;
    return WN_OK;
}

wn_rc wn_query_parse(struct wn_arena *a, const struct wn_metrics *m, int32_t tenant_id,
                     const struct wn_query_text *text, int32_t data_from, int32_t data_to,
                     struct wn_query *out, struct wn_why *why)
{
    struct reader r = {a, m, text, why};
    struct wn_query q = {.tenant_id = tenant_id};
    wn_rc rc = parse_metrics(&r, &q);
    if (!rc)
        rc = parse_by(&r, &q);
    if (!rc)
        rc = parse_filter(&r, &q);
    if (!rc)
        rc = parse_range(&r, data_from, data_to, &q);
    if (!rc)
        rc = parse_compare(&r, &q);
    if (!rc)
        rc = parse_size(&r, "limit", text->limit, 1, WN_QUERY_ROWS_MAX, &q.limit);
    if (!rc)
        rc = parse_size(&r, "offset", text->offset, 0, INT32_MAX, &q.offset);
    if (!rc)
        rc = parse_sort(&r, &q);
    if (!rc)
        rc = wn_query_check(&q, why);
    if (!rc)
        *out = q;
    return rc;
}
