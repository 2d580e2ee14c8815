/* Any metrics by any dimensions, as JSON or CSV. */
#include "serve/handlers.h"

#include "core/csv.h"
#include "core/date.h"
#include "core/num.h"
#include "decide/overview.h"

#include <stdio.h>
#include <string.h>

#define CSV_BYTES_MAX (UINT32_C(256) << 20)

/* What a column of the result is. */
struct column {
    const char *kind;               /* dimension, id, metric, previous */
    const struct wn_metric *metric; /* of metric and previous */
    const char *dimension;          /* of dimension and id */
};

static bool is_with_suffix(struct wn_str name, struct wn_str stem, const char *suffix)
{
    return name.n == stem.n + strlen(suffix) && wn_str_starts(name, stem) &&
           wn_str_ends(name, wn_str_of(suffix));
}

static struct column column_of(const struct wn_query *q, struct wn_str name)
{
    for (size_t i = 0; i < q->n_dimensions; i++) {
        const char *dimension = wn_dimension_name(q->dimensions[i]);
        if (wn_str_eq(name, wn_str_of(dimension)))
            return (struct column){.kind = "dimension", .dimension = dimension};
        if (is_with_suffix(name, wn_str_of(dimension), "_id"))
            return (struct column){.kind = "id", .dimension = dimension};
    }
    for (size_t i = 0; i < q->n_metrics; i++) {
        if (wn_str_eq(name, q->metrics[i]->name))
            return (struct column){.kind = "metric", .metric = q->metrics[i]};
        if (is_with_suffix(name, q->metrics[i]->name, "_previous"))
            return (struct column){.kind = "previous", .metric = q->metrics[i]};
    }
    return (struct column){.kind = "dimension", .dimension = ""};
}

static const char *unit_of(const struct column *c)
{
    static const char *const names[] = {"count", "money", "ratio", "factor"};
    return c->metric ? names[c->metric->unit] : NULL;
}

/* "ad_group" is shown as "Ad group". */
static void write_label(struct wn_json_writer *w, const struct column *c)
{
    char text[64];
    if (c->metric) {
        wn_json_text(w, c->metric->label);
        return;
    }
    size_t n = 0;
    for (const char *p = c->dimension; *p && n < sizeof text - 4; p++)
        text[n++] = *p == '_' ? ' ' : *p;
    if (n && text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - ('a' - 'A'));
    if (c->kind[0] == 'i') {
        for (const char *p = " id"; *p; p++)
            text[n++] = *p;
    }
    wn_json_text(w, (struct wn_str){text, n});
}

static void write_columns(struct wn_json_writer *w, const struct wn_query *q,
                          const struct wn_table *t)
{
    wn_json_key(w, "columns");
    wn_json_begin_array(w);
    for (size_t i = 0; i < t->n_columns; i++) {
        struct column c = column_of(q, t->columns[i]);
        wn_json_begin_object(w);
        wn_json_key(w, "name");
        wn_json_text(w, t->columns[i]);
        wn_json_key(w, "kind");
        wn_json_text_z(w, c.kind);
        wn_json_key(w, "unit");
        if (unit_of(&c))
            wn_json_text_z(w, unit_of(&c));
        else
            wn_json_null(w);
        wn_json_key(w, "label");
        write_label(w, &c);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_value(struct wn_json_writer *w, const struct wn_value *v)
{
    switch (v->kind) {
    case WN_VALUE_NONE:
        wn_json_null(w);
        return;
    case WN_VALUE_INT:
        wn_json_i64(w, v->integer);
        return;
    case WN_VALUE_REAL:
        wn_json_f64(w, v->real);
        return;
    case WN_VALUE_TEXT:
        wn_json_text(w, v->text);
        return;
    }
}

static void write_rows(struct wn_json_writer *w, const struct wn_table *t)
{
    wn_json_key(w, "rows");
    wn_json_begin_array(w);
    for (size_t row = 0; row < t->n_rows; row++) {
        wn_json_begin_array(w);
        for (size_t i = 0; i < t->n_columns; i++)
            write_value(w, wn_table_at(t, row, i));
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "n_rows");
    wn_json_i64(w, (int64_t)t->n_rows);
}

static void write_day(struct wn_json_writer *w, const char *key, bool has, int32_t day)
{
    wn_json_key(w, key);
    if (has)
        wn_json_day(w, day);
    else
        wn_json_null(w);
}

static wn_rc answer_json(struct wn_call *call, const struct wn_query *q, const struct wn_table *t,
                         bool has_range, struct wn_why *why)
{
    struct wn_tenant tenant;
    bool is_sample = false;
    int32_t compare_from = 0, compare_to = 0;
    wn_rc rc = wn_catalog_tenant(call->app->catalog, call->tenant_id, call->a, &tenant, why);
    if (!rc)
        rc = wn_call_is_sample(call, &is_sample, why);
    if (rc)
        return rc;
    bool is_compared = has_range && q->compare != WN_COMPARE_NONE;
    if (is_compared)
        wn_compare_range(q->compare, q->day_from, q->day_to, &compare_from, &compare_to);
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    write_day(&json.w, "from", has_range, q->day_from);
    write_day(&json.w, "to", has_range, q->day_to);
    write_day(&json.w, "compare_from", is_compared, compare_from);
    write_day(&json.w, "compare_to", is_compared, compare_to);
    wn_json_key(&json.w, "currency");
    wn_json_text(&json.w, tenant.currency);
    wn_json_key(&json.w, "is_sample");
    wn_json_bool(&json.w, is_sample);
    write_columns(&json.w, q, t);
    write_rows(&json.w, t);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

/* ---- CSV -------------------------------------------------------------------------------------- */

static void append_value(struct wn_buf *out, const struct wn_value *v, bool first)
{
    char text[WN_NUM_TEXT_MAX];
    struct wn_str field = WN_STR("");
    if (v->kind == WN_VALUE_TEXT) {
        field = v->text;
    } else if (v->kind == WN_VALUE_INT) {
        field = (struct wn_str){text,
                                (size_t)snprintf(text, sizeof text, "%lld", (long long)v->integer)};
    } else if (v->kind == WN_VALUE_REAL) {
        field = (struct wn_str){text, wn_print_f64(v->real, text)};
    }
    wn_csv_write_field(out, field, first);
}

static wn_rc answer_csv(struct wn_call *call, const struct wn_query *q, const struct wn_table *t,
                        bool has_range, struct wn_why *why)
{
    char from[WN_DAY_TEXT_MAX] = "", to[WN_DAY_TEXT_MAX] = "";
    struct wn_buf out;
    wn_buf_init(&out, CSV_BYTES_MAX);
    for (size_t i = 0; i < t->n_columns; i++)
        wn_csv_write_field(&out, t->columns[i], i == 0);
    wn_buf_append_z(&out, "\r\n");
    for (size_t row = 0; row < t->n_rows; row++) {
        for (size_t i = 0; i < t->n_columns; i++)
            append_value(&out, wn_table_at(t, row, i), i == 0);
        wn_buf_append_z(&out, "\r\n");
    }
    wn_rc rc = wn_buf_check(&out, why);
    struct wn_str body = rc ? (struct wn_str){0} : wn_arena_dup(call->a, wn_buf_str(&out));
    wn_buf_deinit(&out);
    if (rc)
        return rc;
    if (has_range) {
        wn_print_day(q->day_from, from);
        wn_print_day(q->day_to, to);
    }
    struct wn_str name =
        has_range ? wn_arena_printf(call->a, "winnow-%s-%s.csv", from, to) : WN_STR("winnow.csv");
    if (!body.p || !name.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while writing the answer");
    wn_call_bytes(call, "text/csv; charset=utf-8", body, name.p);
    return WN_OK;
}

wn_rc wn_handle_query(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_query_text text = {
        .metrics = wn_call_text(call, "metrics"),
        .by = wn_call_text(call, "by"),
        .filter = wn_call_text(call, "filter"),
        .from = wn_call_text(call, "from"),
        .to = wn_call_text(call, "to"),
        .compare = wn_call_text(call, "compare"),
        .sort = wn_call_text(call, "sort"),
        .limit = wn_call_text(call, "limit"),
        .offset = wn_call_text(call, "offset"),
    };
    struct wn_query query;
    struct wn_table *table = NULL;
    wn_rc rc = wn_book_query(&book, &text, call->a, &query, &table, why);
    if (rc)
        return rc;
    /* An empty workspace has no range of its own to report. */
    bool has_range = true;
    if ((!text.from.n || !text.to.n) && (table->n_rows == 0 || query.n_dimensions == 0)) {
        int32_t from, to;
        int64_t n_rows;
        rc = wn_book_extent(&book, call->a, &from, &to, &n_rows, &has_range, why);
        if (rc)
            return rc;
    }
    if (wn_str_eq(wn_call_text(call, "format"), WN_STR("csv")))
        return answer_csv(call, &query, table, has_range, why);
    return answer_json(call, &query, table, has_range, why);
}
