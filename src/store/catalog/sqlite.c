/* The catalog in SQLite: one connection, one lock, statements prepared once and kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/file.h"
#include "io/log.h"
#include "store/catalog/sqlite_int.h"

enum { BUSY_TIMEOUT_MS = 10000 };

/* ---- errors ----------------------------------------------------------------------------------- */

static wn_rc meaning(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return WN_BUSY;
    case SQLITE_NOMEM:
        return WN_MEMORY;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return WN_DISK;
    case SQLITE_IOERR:
        return code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_FSYNC ? WN_DISK : WN_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return WN_CORRUPT;
    case SQLITE_CONSTRAINT:
        return WN_CONFLICT;
    case SQLITE_TOOBIG:
        return WN_LIMIT;
    default:
        return WN_INTERNAL;
    }
}

wn_rc wn_sqlite_fail(sqlite3 *db, struct wn_why *why, const char *doing)
{
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    wn_rc rc = meaning(code);
    if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
        return wn_fail(why, WN_NOT_FOUND, NULL,
                       "could not %s: the tenant or account it belongs to does not exist", doing);
    wn_log(WN_LOG_ERROR, "catalog_engine_failed", WN_LOG_TEXT("doing", wn_str_of(doing)),
           WN_LOG_INT("code", code), WN_LOG_TEXT("said", wn_str_of(sqlite3_errstr(code))));
    return wn_fail(why, rc, NULL, "could not %s: %s", doing, wn_rc_text(rc));
}

wn_rc wn_sqlite_run(sqlite3 *db, const char *sql, const char *doing, struct wn_why *why)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? WN_OK
                                                                : wn_sqlite_fail(db, why, doing);
}

/* ---- opening ---------------------------------------------------------------------------------- */

static void sqlite_close(struct wn_catalog *c)
{
    struct sqlite_catalog *s = wn_sqlite_self(c);
    for (size_t i = 0; i < s->n_cached; i++)
        sqlite3_finalize(s->cached[i].statement);
    sqlite3_close(s->db);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static wn_rc make_directory_of(const char *path, struct wn_why *why)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return WN_OK;
    char *directory = strndup(path, (size_t)(slash - path));
    wn_rc rc = directory ? wn_dir_make(directory, why)
                         : wn_fail(why, WN_MEMORY, NULL, "no memory to open the catalog");
    free(directory);
    return rc;
}

static wn_rc set_up(struct sqlite_catalog *s, const char *path, struct wn_why *why)
{
    wn_rc rc = make_directory_of(path, why);
    if (rc)
        return rc;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
        return wn_sqlite_fail(s->db, why, "open the catalog");
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    /* A catalog that somebody tampered with must not run functions of its own choosing. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    rc = wn_sqlite_run(s->db,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON",
                       "open the catalog", why);
    return rc ? rc : wn_sqlite_migrate(s->db, &s->version, why);
}

static wn_rc sqlite_open(struct wn_str rest, struct wn_catalog **out, struct wn_why *why)
{
    if (rest.n == 0 || wn_str_find_char(rest, '\0') < rest.n)
        return wn_fail(why, WN_INVALID, "catalog", "sqlite: needs a path");
    struct sqlite_catalog *s = calloc(1, sizeof *s);
    char *path = strndup(rest.p, rest.n);
    if (!s || !path) {
        free(s);
        free(path);
        return wn_fail(why, WN_MEMORY, NULL, "no memory to open the catalog");
    }
    s->base.ops = &wn_catalog_sqlite;
    pthread_mutex_init(&s->lock, NULL);
    snprintf(s->engine_name, sizeof s->engine_name, "sqlite %s", sqlite3_libversion());
    wn_rc rc = set_up(s, path, why);
    free(path);
    if (rc) {
        sqlite_close(&s->base);
        return rc;
    }
    *out = &s->base;
    return WN_OK;
}

static const char *sqlite_engine(const struct wn_catalog *c)
{
    return ((const struct sqlite_catalog *)c)->engine_name;
}

static int sqlite_schema_version(const struct wn_catalog *c)
{
    return ((const struct sqlite_catalog *)c)->version;
}

/* ---- statements ------------------------------------------------------------------------------- */

static void fail_asking(struct sqlite_asking *q)
{
    if (!q->rc)
        q->rc = wn_sqlite_fail(q->s->db, q->why, q->doing);
}

static sqlite3_stmt *find_cached(struct sqlite_catalog *s, const char *sql)
{
    for (size_t i = 0; i < s->n_cached; i++)
        if (s->cached[i].sql == sql)
            return s->cached[i].statement;
    return NULL;
}

struct sqlite_asking wn_sqlite_ask_locked(struct sqlite_catalog *s, const char *sql, bool keep,
                                          const char *doing, struct wn_why *why)
{
    struct sqlite_asking q = {.s = s, .doing = doing, .why = why, .is_kept = keep};
    q.statement = keep ? find_cached(s, sql) : NULL;
    if (q.statement)
        return q;
    if (sqlite3_prepare_v3(s->db, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &q.statement,
                           NULL) != SQLITE_OK)
        fail_asking(&q);
    if (keep && q.statement) {
        WN_ASSERT(s->n_cached < SQLITE_CACHED_MAX); /* there are fewer literals */
        s->cached[s->n_cached].sql = sql;
        s->cached[s->n_cached++].statement = q.statement;
    }
    return q;
}

struct sqlite_asking wn_sqlite_ask(struct wn_catalog *c, const char *sql, const char *doing,
                                   struct wn_why *why)
{
    pthread_mutex_lock(&wn_sqlite_self(c)->lock);
    return wn_sqlite_ask_locked(wn_sqlite_self(c), sql, true, doing, why);
}

void wn_sqlite_rewind(struct sqlite_asking *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->n_bound = 0;
}

wn_rc wn_sqlite_done_locked(struct sqlite_asking *q)
{
    if (q->is_kept && q->statement)
        wn_sqlite_rewind(q);
    else
        sqlite3_finalize(q->statement);
    return q->rc;
}

wn_rc wn_sqlite_done(struct sqlite_asking *q)
{
    wn_rc rc = wn_sqlite_done_locked(q);
    pthread_mutex_unlock(&q->s->lock);
    return rc;
}

void wn_sqlite_put_int(struct sqlite_asking *q, int64_t value)
{
    if (!q->rc && sqlite3_bind_int64(q->statement, ++q->n_bound, value) != SQLITE_OK)
        fail_asking(q);
}

void wn_sqlite_put_text(struct sqlite_asking *q, struct wn_str s)
{
    if (!q->rc && sqlite3_bind_text64(q->statement, ++q->n_bound, s.p ? s.p : "", s.n,
                                      SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
        fail_asking(q);
}

void wn_sqlite_put_real(struct sqlite_asking *q, double value)
{
    if (q->rc)
        return;
    int code = isfinite(value) ? sqlite3_bind_double(q->statement, ++q->n_bound, value)
                               : sqlite3_bind_null(q->statement, ++q->n_bound);
    if (code != SQLITE_OK)
        fail_asking(q);
}

bool wn_sqlite_next_row(struct sqlite_asking *q)
{
    if (q->rc)
        return false;
    int code = sqlite3_step(q->statement);
    q->n_taken = 0;
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        fail_asking(q);
    return false;
}

bool wn_sqlite_changes(struct sqlite_asking *q)
{
    while (wn_sqlite_next_row(q))
        ;
    return !q->rc && sqlite3_changes(q->s->db) > 0;
}

int64_t wn_sqlite_take_int(struct sqlite_asking *q)
{
    return sqlite3_column_int64(q->statement, q->n_taken++);
}

double wn_sqlite_take_real(struct sqlite_asking *q)
{
    int at = q->n_taken++;
    return sqlite3_column_type(q->statement, at) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(q->statement, at);
}

struct wn_str wn_sqlite_take_text(struct sqlite_asking *q, struct wn_arena *a)
{
    int at = q->n_taken++;
    const char *p = (const char *)sqlite3_column_text(q->statement, at);
    struct wn_str s = {p, p ? (size_t)sqlite3_column_bytes(q->statement, at) : 0};
    s = wn_arena_dup(a, s);
    if (!s.p && !q->rc)
        q->rc = wn_fail(q->why, WN_MEMORY, NULL, "no memory to %s", q->doing);
    return s;
}

void *wn_sqlite_room(struct sqlite_asking *q, struct wn_arena *a, void *list, size_t n,
                     size_t item_bytes)
{
    if (n > 0 && (n & (n - 1)) != 0)
        return list;
    void *bigger = wn_arena_array(a, n ? n * 2 : 1, item_bytes);
    if (bigger && n)
        memcpy(bigger, list, n * item_bytes);
    if (!bigger && !q->rc)
        q->rc = wn_fail(q->why, WN_MEMORY, NULL, "no memory to %s", q->doing);
    return bigger;
}

wn_rc wn_sqlite_begin(struct wn_catalog *c, const char *doing, struct wn_why *why)
{
    pthread_mutex_lock(&wn_sqlite_self(c)->lock);
    wn_rc rc = wn_sqlite_run(wn_sqlite_self(c)->db, "BEGIN IMMEDIATE", doing, why);
    if (rc)
        pthread_mutex_unlock(&wn_sqlite_self(c)->lock);
    return rc;
}

wn_rc wn_sqlite_end(struct wn_catalog *c, wn_rc rc, const char *doing, struct wn_why *why)
{
    sqlite3 *db = wn_sqlite_self(c)->db;
    if (!rc)
        rc = wn_sqlite_run(db, "COMMIT", doing, why);
    if (rc)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&wn_sqlite_self(c)->lock);
    return rc;
}

static wn_rc sqlite_check(struct wn_catalog *c, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c, "SELECT count(*) FROM schema_migrations", "read the catalog", why);
    (void)wn_sqlite_next_row(&q);
    return wn_sqlite_done(&q);
}

const struct wn_catalog_ops wn_catalog_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .engine = sqlite_engine,
    .check = sqlite_check,
    .schema_version = sqlite_schema_version,
    .tenant = wn_sqlite_tenant,
    .set_currency = wn_sqlite_set_currency,
    .put_account = wn_sqlite_put_account,
    .accounts = wn_sqlite_accounts,
    .delete_account = wn_sqlite_delete_account,
    .put_campaigns = wn_sqlite_put_campaigns,
    .campaigns = wn_sqlite_campaigns,
    .put_metric = wn_sqlite_put_metric,
    .delete_metric = wn_sqlite_delete_metric,
    .metrics = wn_sqlite_metrics,
    .add_import = wn_sqlite_add_import,
    .finish_import = wn_sqlite_finish_import,
    .import = wn_sqlite_import,
    .imports = wn_sqlite_imports,
    .import_by_hash = wn_sqlite_import_by_hash,
    .add_predictions = wn_sqlite_add_predictions,
    .predictions = wn_sqlite_predictions,
    .get_setting = wn_sqlite_get_setting,
    .put_setting = wn_sqlite_put_setting,
};
