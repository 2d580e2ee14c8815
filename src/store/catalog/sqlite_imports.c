/* Imports in SQLite. */
#include "store/catalog/sqlite_int.h"

wn_rc wn_sqlite_add_import(struct wn_catalog *c, const struct wn_import_record *record,
                           int64_t *out_id, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "INSERT INTO imports (tenant_id, state, file_name, content_hash,"
                      " summary_json, created_at_ms, finished_at_ms)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?)",
                      "note the import", why);
    wn_sqlite_put_int(&q, record->tenant_id);
    wn_sqlite_put_int(&q, record->state);
    wn_sqlite_put_text(&q, record->file_name);
    wn_sqlite_put_text(&q, record->content_hash);
    wn_sqlite_put_text(&q, record->summary_json);
    wn_sqlite_put_int(&q, record->created_at_ms);
    wn_sqlite_put_int(&q, record->finished_at_ms);
    if (wn_sqlite_changes(&q))
        *out_id = sqlite3_last_insert_rowid(q.s->db);
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_finish_import(struct wn_catalog *c, const struct wn_import_record *record,
                              struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "UPDATE imports SET state = ?, content_hash = ?, summary_json = ?,"
                      " finished_at_ms = ? WHERE tenant_id = ? AND import_id = ?",
                      "note the end of the import", why);
    wn_sqlite_put_int(&q, record->state);
    wn_sqlite_put_text(&q, record->content_hash);
    wn_sqlite_put_text(&q, record->summary_json);
    wn_sqlite_put_int(&q, record->finished_at_ms);
    wn_sqlite_put_int(&q, record->tenant_id);
    wn_sqlite_put_int(&q, record->import_id);
    if (!wn_sqlite_changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "import_id", "there is no import %lld",
                       (long long)record->import_id);
    return wn_sqlite_done(&q);
}

static void take_import(struct sqlite_asking *q, struct wn_arena *a, struct wn_import_record *x)
{
    x->tenant_id = (int32_t)wn_sqlite_take_int(q);
    x->import_id = wn_sqlite_take_int(q);
    x->state = (wn_import_state)wn_sqlite_take_int(q);
    x->file_name = wn_sqlite_take_text(q, a);
    x->content_hash = wn_sqlite_take_text(q, a);
    x->summary_json = wn_sqlite_take_text(q, a);
    x->created_at_ms = wn_sqlite_take_int(q);
    x->finished_at_ms = wn_sqlite_take_int(q);
}

#define IMPORT_COLUMNS                                                                             \
    "SELECT tenant_id, import_id, state, file_name, content_hash, summary_json, created_at_ms,"    \
    " finished_at_ms FROM imports "

/* The one row of a bound question, or NOT_FOUND. */
static wn_rc take_one_import(struct sqlite_asking *q, struct wn_arena *a,
                             struct wn_import_record *out)
{
    struct wn_import_record x = {0};
    if (wn_sqlite_next_row(q))
        take_import(q, a, &x);
    else if (!q->rc)
        q->rc = wn_fail(q->why, WN_NOT_FOUND, "import_id", "there is no such import");
    if (!q->rc)
        *out = x;
    return wn_sqlite_done(q);
}

wn_rc wn_sqlite_import(struct wn_catalog *c, int32_t tenant_id, int64_t import_id,
                       struct wn_arena *a, struct wn_import_record *out, struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask(
        c, IMPORT_COLUMNS "WHERE tenant_id = ? AND import_id = ?", "read the import", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_int(&q, import_id);
    return take_one_import(&q, a, out);
}

wn_rc wn_sqlite_import_by_hash(struct wn_catalog *c, int32_t tenant_id, struct wn_str content_hash,
                               struct wn_arena *a, struct wn_import_record *out, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      IMPORT_COLUMNS "WHERE tenant_id = ? AND content_hash = ? AND state = ?"
                                     " ORDER BY import_id DESC LIMIT 1",
                      "find the import", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_text(&q, content_hash);
    wn_sqlite_put_int(&q, WN_IMPORT_DONE);
    return take_one_import(&q, a, out);
}

wn_rc wn_sqlite_imports(struct wn_catalog *c, int32_t tenant_id, size_t limit, struct wn_arena *a,
                        struct wn_import_record **out, size_t *n_out, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c, IMPORT_COLUMNS "WHERE tenant_id = ? ORDER BY import_id DESC LIMIT ?",
                      "read the imports", why);
    struct wn_import_record *list = NULL;
    size_t n = 0;
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_int(&q, (int64_t)(limit && limit < SQLITE_ROWS_MAX ? limit : SQLITE_ROWS_MAX));
    while (wn_sqlite_next_row(&q)) {
        list = wn_sqlite_room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_import(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return wn_sqlite_done(&q);
}
