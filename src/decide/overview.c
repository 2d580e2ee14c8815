/* Numbers for the dashboard: the book (extent, metrics, queries) and the daily trend. */
#include "decide/overview.h"

#include <math.h>

#include "core/date.h"

/* ---- the book --------------------------------------------------------------------------------- */

wn_rc wn_book_extent(const struct wn_book *book, struct wn_arena *a, int32_t *day_from,
                     int32_t *day_to, int64_t *n_rows, bool *has_data, struct wn_why *why)
{
    struct wn_value tenant = {.kind = WN_VALUE_INT, .integer = book->tenant_id};
    struct wn_sql sql = {.text = WN_STR("SELECT min(day), max(day), count(*) FROM " WN_SQL_STATS
                                        " WHERE tenant_id = CAST(? AS INTEGER)"),
                         .binds = &tenant,
                         .n_binds = 1};
    struct wn_table *t = NULL;
    wn_rc rc = wn_facts_query(book->facts, &sql, 0, a, &t, why);
    if (rc)
        return rc;
    if (t->n_rows != 1 || t->n_columns != 3)
        return wn_fail(why, WN_INTERNAL, NULL, "the facts answered with another shape");
    *has_data = wn_table_at(t, 0, 0)->kind == WN_VALUE_INT;
    *day_from = *has_data ? (int32_t)wn_table_at(t, 0, 0)->integer : 0;
    *day_to = *has_data ? (int32_t)wn_table_at(t, 0, 1)->integer : 0;
    *n_rows = wn_table_at(t, 0, 2)->integer;
    return WN_OK;
}

/* One pass over the definitions that are not in the set yet. A definition may name one that comes
 * later in the list, so passes are repeated until one adds nothing. */
static wn_rc add_metrics(struct wn_metrics *m, struct wn_metric_def *defs, size_t *n_left,
                         bool *any_added, struct wn_why *why)
{
    size_t kept = 0;
    *any_added = false;
    for (size_t i = 0; i < *n_left; i++) {
        wn_rc rc = wn_metrics_add(m, defs[i].name, defs[i].formula, defs[i].label, NULL);
        if (rc == WN_MEMORY)
            return wn_fail(why, rc, NULL, "memory has run out");
        if (rc)
            defs[kept++] = defs[i];
        else
            *any_added = true;
    }
    *n_left = kept;
    return WN_OK;
}

wn_rc wn_book_metrics(const struct wn_book *book, struct wn_arena *a, struct wn_metrics **out,
                      struct wn_why *why)
{
    struct wn_metrics *m = NULL;
    struct wn_metric_def *defs = NULL;
    size_t n = 0;
    bool any_added = true;
    wn_rc rc = wn_metrics_new(a, &m, why);
    if (!rc)
        rc = wn_catalog_metrics(book->catalog, book->tenant_id, a, &defs, &n, why);
    while (!rc && n > 0 && any_added)
        rc = add_metrics(m, defs, &n, &any_added, why);
    if (!rc)
        *out = m;
    return rc;
}

wn_rc wn_book_query(const struct wn_book *book, const struct wn_query_text *text,
                    struct wn_arena *a, struct wn_query *out_query, struct wn_table **out,
                    struct wn_why *why)
{
    struct wn_metrics *m = NULL;
    struct wn_sql sql;
    struct wn_query q;
    int32_t from = 0, to = 0;
    int64_t n_rows;
    bool has_data;
    wn_rc rc = wn_book_metrics(book, a, &m, why);
    /* The extent costs a look at every row: only when an end of the range is left to it. */
    if (!rc && (text->from.n == 0 || text->to.n == 0))
        rc = wn_book_extent(book, a, &from, &to, &n_rows, &has_data, why);
    if (!rc)
        rc = wn_query_parse(a, m, book->tenant_id, text, from, to, &q, why);
    if (!rc)
        rc = wn_query_sql(&q, a, &sql, why);
    if (!rc)
        rc = wn_facts_query(book->facts, &sql, 0, a, out, why);
    if (!rc)
        *out_query = q;
    return rc;
}

/* ---- trend ------------------------------------------------------------------------------------ */

static wn_rc query_roi_by_day(const struct wn_book *book, int32_t from, int32_t to,
                              struct wn_arena *a, struct wn_table **out, struct wn_why *why)
{
    struct wn_metrics *m = NULL;
    struct wn_sql sql;
    wn_rc rc = wn_metrics_new(a, &m, why);
    if (rc)
        return rc;
    const struct wn_metric *roi = wn_metrics_get(m, WN_STR("roi"));
    WN_ASSERT(roi);
    struct wn_query q = {.tenant_id = book->tenant_id,
                         .metrics = &roi,
                         .n_metrics = 1,
                         .dimensions = {WN_DIM_DAY, WN_DIM_CHANNEL},
                         .n_dimensions = 2,
                         .day_from = from,
                         .day_to = to};
    rc = wn_query_sql(&q, a, &sql, why);
    return rc ? rc : wn_facts_query(book->facts, &sql, 0, a, out, why);
}

wn_rc wn_overview_roi_trend(const struct wn_book *book, const struct wn_overview_days *days,
                            struct wn_arena *a, struct wn_overview_trend_row **out, size_t *n_out,
                            struct wn_why *why)
{
    int32_t from = days->from, to = days->to;
    int64_t n_rows;
    bool has_data = true;
    struct wn_table *t = NULL;
    wn_rc rc = WN_OK;
    if (!days->is_given)
        rc = wn_book_extent(book, a, &from, &to, &n_rows, &has_data, why);
    if (!rc)
        rc = query_roi_by_day(book, from, to, a, &t, why);
    if (rc)
        return rc;
    struct wn_overview_trend_row *rows = WN_ARENA_ARRAY(a, t->n_rows, struct wn_overview_trend_row);
    if (!rows)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct wn_value *roi = wn_table_at(t, i, 2);
        const struct wn_code *channel =
            wn_code_by_name(wn_channels, wn_n_channels, wn_table_at(t, i, 1)->text);
        rows[i].channel = channel ? channel->code : WN_CHANNEL_OTHER;
        rows[i].roi_ratio = roi->kind == WN_VALUE_REAL ? roi->real : NAN;
        if (!wn_parse_day(wn_table_at(t, i, 0)->text, &rows[i].day))
            return wn_fail(why, WN_INTERNAL, NULL, "the facts answered with no date");
    }
    *out = rows;
    *n_out = t->n_rows;
    return WN_OK;
}
