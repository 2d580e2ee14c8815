/* The catalog in SQLite: one connection, one lock, statements prepared once and kept. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "io/file.h"
#include "io/log.h"
#include "store/catalog/sqlite_int.h"

enum { BUSY_TIMEOUT_MS = 10000, CACHED_MAX = 32, ROWS_MAX = 1000000, IDS_MAX = 100000 };

struct sqlite_catalog {
    struct wn_catalog base;
    pthread_mutex_t lock; /* guards all below: one connection */
    sqlite3 *db;
    int version;
    char engine_name[64];
    struct {
        const char *sql; /* a literal: compared by address */
        sqlite3_stmt *statement;
    } cached[CACHED_MAX];
    size_t n_cached;
};

static struct sqlite_catalog *self(struct wn_catalog *c)
{
    return (struct sqlite_catalog *)c;
}

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
    struct sqlite_catalog *s = self(c);
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

/* A statement in use: locked from ask to done. Values are bound in order by put_*, columns are
 * taken in order by take_*; the first failure stays. */
struct asking {
    struct sqlite_catalog *s;
    sqlite3_stmt *statement;
    const char *doing;
    bool is_kept; /* in the cache; else finalised by done */
    int n_bound;
    int n_taken;
    wn_rc rc;
    struct wn_why *why;
};

static void fail_asking(struct asking *q)
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

/* Locks the catalog; every ask is followed by one done. sql: a literal when it is to be kept. */
static struct asking ask_locked(struct sqlite_catalog *s, const char *sql, bool keep,
                                const char *doing, struct wn_why *why)
{
    struct asking q = {.s = s, .doing = doing, .why = why, .is_kept = keep};
    q.statement = keep ? find_cached(s, sql) : NULL;
    if (q.statement)
        return q;
    if (sqlite3_prepare_v3(s->db, sql, -1, keep ? SQLITE_PREPARE_PERSISTENT : 0, &q.statement,
                           NULL) != SQLITE_OK)
        fail_asking(&q);
    if (keep && q.statement) {
        WN_ASSERT(s->n_cached < CACHED_MAX); /* there are fewer literals in this file */
        s->cached[s->n_cached].sql = sql;
        s->cached[s->n_cached++].statement = q.statement;
    }
    return q;
}

static struct asking ask(struct wn_catalog *c, const char *sql, const char *doing,
                         struct wn_why *why)
{
    pthread_mutex_lock(&self(c)->lock);
    return ask_locked(self(c), sql, true, doing, why);
}

static void rewind_asking(struct asking *q)
{
    sqlite3_reset(q->statement);
    sqlite3_clear_bindings(q->statement);
    q->n_bound = 0;
}

static wn_rc done_locked(struct asking *q)
{
    if (q->is_kept && q->statement)
        rewind_asking(q);
    else
        sqlite3_finalize(q->statement);
    return q->rc;
}

static wn_rc done(struct asking *q)
{
    wn_rc rc = done_locked(q);
    pthread_mutex_unlock(&q->s->lock);
    return rc;
}

static void put_int(struct asking *q, int64_t value)
{
    if (!q->rc && sqlite3_bind_int64(q->statement, ++q->n_bound, value) != SQLITE_OK)
        fail_asking(q);
}

/* Borrowed until done. */
static void put_text(struct asking *q, struct wn_str s)
{
    if (!q->rc && sqlite3_bind_text64(q->statement, ++q->n_bound, s.p ? s.p : "", s.n,
                                      SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
        fail_asking(q);
}

/* What is not finite is no value. */
static void put_real(struct asking *q, double value)
{
    if (q->rc)
        return;
    int code = isfinite(value) ? sqlite3_bind_double(q->statement, ++q->n_bound, value)
                               : sqlite3_bind_null(q->statement, ++q->n_bound);
    if (code != SQLITE_OK)
        fail_asking(q);
}

/* The next row; false at the end and after a failure. */
static bool next_row(struct asking *q)
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

/* Runs a statement that changes; true when it changed at least one row. */
static bool changes(struct asking *q)
{
    while (next_row(q))
        ;
    return !q->rc && sqlite3_changes(q->s->db) > 0;
}

static int64_t take_int(struct asking *q)
{
    return sqlite3_column_int64(q->statement, q->n_taken++);
}

static double take_real(struct asking *q)
{
    int at = q->n_taken++;
    return sqlite3_column_type(q->statement, at) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(q->statement, at);
}

static struct wn_str take_text(struct asking *q, struct wn_arena *a)
{
    int at = q->n_taken++;
    const char *p = (const char *)sqlite3_column_text(q->statement, at);
    struct wn_str s = {p, p ? (size_t)sqlite3_column_bytes(q->statement, at) : 0};
    s = wn_arena_dup(a, s);
    if (!s.p && !q->rc)
        q->rc = wn_fail(q->why, WN_MEMORY, NULL, "no memory to %s", q->doing);
    return s;
}

/* Room for one more item in a list that lives in an arena; doubles, so that the waste is bounded.
 */
static void *room(struct asking *q, struct wn_arena *a, void *list, size_t n, size_t item_bytes)
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

static wn_rc sqlite_check(struct wn_catalog *c, struct wn_why *why)
{
    struct asking q = ask(c, "SELECT count(*) FROM schema_migrations", "read the catalog", why);
    (void)next_row(&q);
    return done(&q);
}

/* ---- tenants and accounts --------------------------------------------------------------------- */

static wn_rc sqlite_tenant(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                           struct wn_tenant *out, struct wn_why *why)
{
    struct asking q = ask(c, "SELECT name, currency, time_zone FROM tenants WHERE tenant_id = ?",
                          "read the tenant", why);
    struct wn_tenant t = {.tenant_id = tenant_id};
    put_int(&q, tenant_id);
    if (next_row(&q)) {
        t.name = take_text(&q, a);
        t.currency = take_text(&q, a);
        t.time_zone = take_text(&q, a);
    } else if (!q.rc) {
        q.rc = wn_fail(why, WN_NOT_FOUND, "tenant_id", "there is no tenant %ld", (long)tenant_id);
    }
    if (!q.rc)
        *out = t;
    return done(&q);
}

static wn_rc sqlite_set_currency(struct wn_catalog *c, int32_t tenant_id, struct wn_str currency,
                                 struct wn_why *why)
{
    struct asking q =
        ask(c, "UPDATE tenants SET currency = ? WHERE tenant_id = ?", "set the currency", why);
    put_text(&q, currency);
    put_int(&q, tenant_id);
    if (!changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "tenant_id", "there is no tenant %ld", (long)tenant_id);
    return done(&q);
}

static wn_rc sqlite_put_account(struct wn_catalog *c, const struct wn_account *account,
                                struct wn_why *why)
{
    struct asking q = ask(c,
                          "INSERT INTO accounts (tenant_id, account_id, name, format, currency,"
                          " is_sample, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT (tenant_id, account_id) DO UPDATE SET name = excluded.name,"
                          " format = excluded.format, currency = excluded.currency,"
                          " is_sample = excluded.is_sample",
                          "store the account", why);
    put_int(&q, account->tenant_id);
    put_int(&q, account->account_id);
    put_text(&q, account->name);
    put_text(&q, account->format);
    put_text(&q, account->currency);
    put_int(&q, account->is_sample);
    put_int(&q, account->created_at_ms);
    (void)changes(&q);
    return done(&q);
}

static wn_rc sqlite_accounts(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                             struct wn_account **out, size_t *n_out, struct wn_why *why)
{
    struct asking q = ask(c,
                          "SELECT account_id, name, format, currency, is_sample, created_at_ms"
                          " FROM accounts WHERE tenant_id = ? ORDER BY account_id",
                          "read the accounts", why);
    struct wn_account *list = NULL;
    size_t n = 0;
    put_int(&q, tenant_id);
    while (next_row(&q)) {
        list = room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        struct wn_account *x = &list[n++];
        *x = (struct wn_account){.tenant_id = tenant_id};
        x->account_id = (int32_t)take_int(&q);
        x->name = take_text(&q, a);
        x->format = take_text(&q, a);
        x->currency = take_text(&q, a);
        x->is_sample = take_int(&q) != 0;
        x->created_at_ms = take_int(&q);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return done(&q);
}

static wn_rc sqlite_delete_account(struct wn_catalog *c, int32_t tenant_id, int32_t account_id,
                                   struct wn_why *why)
{
    struct asking q = ask(c, "DELETE FROM accounts WHERE tenant_id = ? AND account_id = ?",
                          "delete the account", why);
    put_int(&q, tenant_id);
    put_int(&q, account_id);
    if (!changes(&q) && !q.rc)
        q.rc =
            wn_fail(why, WN_NOT_FOUND, "account_id", "there is no account %ld", (long)account_id);
    return done(&q);
}

/* ---- campaigns -------------------------------------------------------------------------------- */

#define KEEP_TEXT(column)                                                                          \
#column " = CASE WHEN excluded." #column " = '' THEN campaigns." #column                       \
            " ELSE excluded." #column " END, "

static const char put_campaign_sql[] =
    "INSERT INTO campaigns (tenant_id, campaign_id, account_id, channel, key, name,"
    " target_audience, goal, location, language, customer_segment, company, status, duration_days,"
    " reported_conversion_rate_ratio, reported_roi_ratio, engagement_score, source_id,"
    " created_at_ms, updated_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET account_id = excluded.account_id,"
    " channel = excluded.channel, " KEEP_TEXT(key) KEEP_TEXT(name) KEEP_TEXT(target_audience)
        KEEP_TEXT(goal) KEEP_TEXT(location) KEEP_TEXT(language) KEEP_TEXT(customer_segment)
            KEEP_TEXT(company) KEEP_TEXT(
                status) " duration_days = CASE WHEN excluded.duration_days = 0 THEN "
                        "campaigns.duration_days"
                        " ELSE excluded.duration_days END,"
                        " reported_conversion_rate_ratio = excluded.reported_conversion_rate_ratio,"
                        " reported_roi_ratio = excluded.reported_roi_ratio,"
                        " engagement_score = coalesce(excluded.engagement_score, "
                        "campaigns.engagement_score),"
                        " source_id = excluded.source_id, updated_at_ms = excluded.updated_at_ms";

static void put_campaign(struct asking *q, const struct wn_campaign *x)
{
    put_int(q, x->tenant_id);
    put_int(q, x->campaign_id);
    put_int(q, x->account_id);
    put_int(q, x->channel);
    put_text(q, x->key);
    put_text(q, x->name);
    put_text(q, x->target_audience);
    put_text(q, x->goal);
    put_text(q, x->location);
    put_text(q, x->language);
    put_text(q, x->customer_segment);
    put_text(q, x->company);
    put_text(q, x->status);
    put_int(q, x->duration_days);
    put_real(q, x->reported_conversion_rate_ratio);
    put_real(q, x->reported_roi_ratio);
    put_real(q, x->engagement_score);
    put_int(q, x->source_id);
    put_int(q, x->created_at_ms);
    put_int(q, x->updated_at_ms);
}

static wn_rc put_campaigns_locked(struct sqlite_catalog *s, const struct wn_campaign *campaigns,
                                  size_t n, struct wn_why *why)
{
    struct asking q = ask_locked(s, put_campaign_sql, true, "store the campaigns", why);
    for (size_t i = 0; !q.rc && i < n; i++) {
        put_campaign(&q, &campaigns[i]);
        (void)changes(&q);
        rewind_asking(&q);
    }
    return done_locked(&q);
}

static wn_rc sqlite_put_campaigns(struct wn_catalog *c, const struct wn_campaign *campaigns,
                                  size_t n, struct wn_why *why)
{
    struct sqlite_catalog *s = self(c);
    pthread_mutex_lock(&s->lock);
    wn_rc rc = wn_sqlite_run(s->db, "BEGIN IMMEDIATE", "store the campaigns", why);
    if (!rc) {
        rc = put_campaigns_locked(s, campaigns, n, why);
        if (!rc)
            rc = wn_sqlite_run(s->db, "COMMIT", "store the campaigns", why);
        if (rc)
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void take_campaign(struct asking *q, struct wn_arena *a, struct wn_campaign *x)
{
    x->tenant_id = (int32_t)take_int(q);
    x->campaign_id = (int32_t)take_int(q);
    x->account_id = (int32_t)take_int(q);
    x->channel = (uint8_t)take_int(q);
    x->key = take_text(q, a);
    x->name = take_text(q, a);
    x->target_audience = take_text(q, a);
    x->goal = take_text(q, a);
    x->location = take_text(q, a);
    x->language = take_text(q, a);
    x->customer_segment = take_text(q, a);
    x->company = take_text(q, a);
    x->status = take_text(q, a);
    x->duration_days = (int32_t)take_int(q);
    x->reported_conversion_rate_ratio = take_real(q);
    x->reported_roi_ratio = take_real(q);
    x->engagement_score = take_real(q);
    x->source_id = take_int(q);
    x->created_at_ms = take_int(q);
    x->updated_at_ms = take_int(q);
}

/* Ids go in as text "[1,2]": no limit on their number, and one statement for all. */
static void append_ids(struct wn_buf *b, const struct wn_campaign_filter *filter)
{
    wn_buf_append_char(b, '[');
    for (size_t i = 0; filter->campaign_ids && i < filter->n_ids; i++)
        wn_buf_printf(b, "%s%ld", i ? "," : "", (long)filter->campaign_ids[i]);
    wn_buf_append_char(b, ']');
}

static const char campaigns_sql[] =
    "SELECT tenant_id, campaign_id, account_id, channel, key, name, target_audience, goal,"
    " location, language, customer_segment, company, status, duration_days,"
    " reported_conversion_rate_ratio, reported_roi_ratio, engagement_score, source_id,"
    " created_at_ms, updated_at_ms FROM campaigns WHERE tenant_id = ?1"
    " AND (?2 = 0 OR campaign_id IN (SELECT value FROM json_each(?3)))"
    " AND (?4 < 0 OR channel = ?4) AND (?5 = '' OR key = ?5)"
    " ORDER BY campaign_id LIMIT ?6 OFFSET ?7";

static void put_filter(struct asking *q, int32_t tenant_id, const struct wn_campaign_filter *filter,
                       struct wn_str ids)
{
    size_t limit = filter->limit && filter->limit < ROWS_MAX ? filter->limit : ROWS_MAX;
    put_int(q, tenant_id);
    put_int(q, filter->campaign_ids != NULL);
    put_text(q, ids);
    put_int(q, filter->channel);
    put_text(q, filter->key);
    put_int(q, (int64_t)limit);
    put_int(q, filter->skip > INT64_MAX ? INT64_MAX : (int64_t)filter->skip);
}

static wn_rc sqlite_campaigns(struct wn_catalog *c, int32_t tenant_id,
                              const struct wn_campaign_filter *filter, struct wn_arena *a,
                              struct wn_campaign **out, size_t *n_out, struct wn_why *why)
{
    if (filter->campaign_ids && filter->n_ids > IDS_MAX)
        return wn_fail(why, WN_LIMIT, "campaign_ids", "more than %d campaigns asked for", IDS_MAX);
    struct wn_buf ids;
    wn_buf_init(&ids, IDS_MAX * 12 + 16);
    append_ids(&ids, filter);
    wn_rc rc = wn_buf_check(&ids, why);
    if (rc) {
        wn_buf_deinit(&ids);
        return rc;
    }
    struct asking q = ask(c, campaigns_sql, "read the campaigns", why);
    struct wn_campaign *list = NULL;
    size_t n = 0;
    put_filter(&q, tenant_id, filter, wn_buf_str(&ids));
    while (next_row(&q)) {
        list = room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_campaign(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    rc = done(&q);
    wn_buf_deinit(&ids);
    return rc;
}

/* ---- metrics ---------------------------------------------------------------------------------- */

static wn_rc sqlite_put_metric(struct wn_catalog *c, int32_t tenant_id,
                               const struct wn_metric_def *metric, struct wn_why *why)
{
    struct asking q = ask(c,
                          "INSERT INTO metrics (tenant_id, name, formula, label)"
                          " VALUES (?, ?, ?, ?) ON CONFLICT (tenant_id, name) DO UPDATE SET"
                          " formula = excluded.formula, label = excluded.label",
                          "store the metric", why);
    put_int(&q, tenant_id);
    put_text(&q, metric->name);
    put_text(&q, metric->formula);
    put_text(&q, metric->label);
    (void)changes(&q);
    return done(&q);
}

static wn_rc sqlite_delete_metric(struct wn_catalog *c, int32_t tenant_id, struct wn_str name,
                                  struct wn_why *why)
{
    struct asking q =
        ask(c, "DELETE FROM metrics WHERE tenant_id = ? AND name = ?", "delete the metric", why);
    put_int(&q, tenant_id);
    put_text(&q, name);
    if (!changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "name", "there is no metric %.*s", WN_STR_ARG(name));
    return done(&q);
}

static wn_rc sqlite_metrics(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                            struct wn_metric_def **out, size_t *n_out, struct wn_why *why)
{
    struct asking q =
        ask(c, "SELECT name, formula, label FROM metrics WHERE tenant_id = ? ORDER BY name",
            "read the metrics", why);
    struct wn_metric_def *list = NULL;
    size_t n = 0;
    put_int(&q, tenant_id);
    while (next_row(&q)) {
        list = room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        struct wn_metric_def *x = &list[n++];
        x->name = take_text(&q, a);
        x->formula = take_text(&q, a);
        x->label = take_text(&q, a);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return done(&q);
}

/* ---- imports ---------------------------------------------------------------------------------- */

static wn_rc sqlite_add_import(struct wn_catalog *c, const struct wn_import_record *record,
                               int64_t *out_id, struct wn_why *why)
{
    struct asking q = ask(c,
                          "INSERT INTO imports (tenant_id, state, file_name, content_hash,"
                          " summary_json, created_at_ms, finished_at_ms)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?)",
                          "note the import", why);
    put_int(&q, record->tenant_id);
    put_int(&q, record->state);
    put_text(&q, record->file_name);
    put_text(&q, record->content_hash);
    put_text(&q, record->summary_json);
    put_int(&q, record->created_at_ms);
    put_int(&q, record->finished_at_ms);
    if (changes(&q))
        *out_id = sqlite3_last_insert_rowid(q.s->db);
    return done(&q);
}

static wn_rc sqlite_finish_import(struct wn_catalog *c, const struct wn_import_record *record,
                                  struct wn_why *why)
{
    struct asking q = ask(c,
                          "UPDATE imports SET state = ?, content_hash = ?, summary_json = ?,"
                          " finished_at_ms = ? WHERE tenant_id = ? AND import_id = ?",
                          "note the end of the import", why);
    put_int(&q, record->state);
    put_text(&q, record->content_hash);
    put_text(&q, record->summary_json);
    put_int(&q, record->finished_at_ms);
    put_int(&q, record->tenant_id);
    put_int(&q, record->import_id);
    if (!changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "import_id", "there is no import %lld",
                       (long long)record->import_id);
    return done(&q);
}

static void take_import(struct asking *q, struct wn_arena *a, struct wn_import_record *x)
{
    x->tenant_id = (int32_t)take_int(q);
    x->import_id = take_int(q);
    x->state = (wn_import_state)take_int(q);
    x->file_name = take_text(q, a);
    x->content_hash = take_text(q, a);
    x->summary_json = take_text(q, a);
    x->created_at_ms = take_int(q);
    x->finished_at_ms = take_int(q);
}

#define IMPORT_COLUMNS                                                                             \
    "SELECT tenant_id, import_id, state, file_name, content_hash, summary_json, created_at_ms,"    \
    " finished_at_ms FROM imports "

/* The one row of a bound question, or NOT_FOUND. */
static wn_rc take_one_import(struct asking *q, struct wn_arena *a, struct wn_import_record *out)
{
    struct wn_import_record x = {0};
    if (next_row(q))
        take_import(q, a, &x);
    else if (!q->rc)
        q->rc = wn_fail(q->why, WN_NOT_FOUND, "import_id", "there is no such import");
    if (!q->rc)
        *out = x;
    return done(q);
}

static wn_rc sqlite_import(struct wn_catalog *c, int32_t tenant_id, int64_t import_id,
                           struct wn_arena *a, struct wn_import_record *out, struct wn_why *why)
{
    struct asking q =
        ask(c, IMPORT_COLUMNS "WHERE tenant_id = ? AND import_id = ?", "read the import", why);
    put_int(&q, tenant_id);
    put_int(&q, import_id);
    return take_one_import(&q, a, out);
}

static wn_rc sqlite_import_by_hash(struct wn_catalog *c, int32_t tenant_id,
                                   struct wn_str content_hash, struct wn_arena *a,
                                   struct wn_import_record *out, struct wn_why *why)
{
    struct asking q = ask(c,
                          IMPORT_COLUMNS "WHERE tenant_id = ? AND content_hash = ? AND state = ?"
                                         " ORDER BY import_id DESC LIMIT 1",
                          "find the import", why);
    put_int(&q, tenant_id);
    put_text(&q, content_hash);
    put_int(&q, WN_IMPORT_DONE);
    return take_one_import(&q, a, out);
}

static wn_rc sqlite_imports(struct wn_catalog *c, int32_t tenant_id, size_t limit,
                            struct wn_arena *a, struct wn_import_record **out, size_t *n_out,
                            struct wn_why *why)
{
    struct asking q = ask(c, IMPORT_COLUMNS "WHERE tenant_id = ? ORDER BY import_id DESC LIMIT ?",
                          "read the imports", why);
    struct wn_import_record *list = NULL;
    size_t n = 0;
    put_int(&q, tenant_id);
    put_int(&q, (int64_t)(limit && limit < ROWS_MAX ? limit : ROWS_MAX));
    while (next_row(&q)) {
        list = room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_import(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return done(&q);
}

/* ---- predictions ------------------------------------------------------------------------------ */

static wn_rc add_prediction_locked(struct sqlite_catalog *s, const struct wn_prediction *p,
                                   int64_t *out_id, struct wn_why *why)
{
    struct asking q =
        ask_locked(s,
                   "INSERT INTO predictions (tenant_id, campaign_id, made_at_ms, day_to,"
                   " horizon_days, roi_ratio, roi_low_ratio, roi_high_ratio, confidence_ratio,"
                   " risk, drivers_json, method) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   true, "store the prediction", why);
    put_int(&q, p->tenant_id);
    put_int(&q, p->campaign_id);
    put_int(&q, p->made_at_ms);
    put_int(&q, p->day_to);
    put_int(&q, p->horizon_days);
    put_real(&q, p->roi_ratio);
    put_real(&q, p->roi_low_ratio);
    put_real(&q, p->roi_high_ratio);
    put_real(&q, p->confidence_ratio);
    put_int(&q, p->risk);
    put_text(&q, p->drivers_json);
    put_text(&q, p->method);
    if (changes(&q))
        *out_id = sqlite3_last_insert_rowid(s->db);
    return done_locked(&q);
}

static wn_rc sqlite_add_predictions(struct wn_catalog *c, const struct wn_prediction *predictions,
                                    size_t n, int64_t *out_ids, struct wn_why *why)
{
    struct sqlite_catalog *s = self(c);
    pthread_mutex_lock(&s->lock);
    wn_rc rc = wn_sqlite_run(s->db, "BEGIN IMMEDIATE", "store the predictions", why);
    if (!rc) {
        for (size_t i = 0; !rc && i < n; i++)
            rc = add_prediction_locked(s, &predictions[i], &out_ids[i], why);
        if (!rc)
            rc = wn_sqlite_run(s->db, "COMMIT", "store the predictions", why);
        if (rc)
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void take_prediction(struct asking *q, struct wn_arena *a, struct wn_prediction *x)
{
    x->tenant_id = (int32_t)take_int(q);
    x->prediction_id = take_int(q);
    x->campaign_id = (int32_t)take_int(q);
    x->made_at_ms = take_int(q);
    x->day_to = (int32_t)take_int(q);
    x->horizon_days = (int32_t)take_int(q);
    x->roi_ratio = take_real(q);
    x->roi_low_ratio = take_real(q);
    x->roi_high_ratio = take_real(q);
    x->confidence_ratio = take_real(q);
    x->risk = (uint8_t)take_int(q);
    x->drivers_json = take_text(q, a);
    x->method = take_text(q, a);
    x->campaign_key = take_text(q, a);
    x->campaign_name = take_text(q, a);
}

#define PREDICTION_COLUMNS                                                                         \
    "SELECT p.tenant_id, p.prediction_id, p.campaign_id, p.made_at_ms, p.day_to, p.horizon_days,"  \
    " p.roi_ratio, p.roi_low_ratio, p.roi_high_ratio, p.confidence_ratio, p.risk, p.drivers_json," \
    " p.method, c.key, c.name FROM predictions p JOIN campaigns c ON c.tenant_id = p.tenant_id"    \
    " AND c.campaign_id = p.campaign_id WHERE p.tenant_id = ? AND (? = 0 OR p.prediction_id < ?)"

static wn_rc sqlite_predictions(struct wn_catalog *c, int32_t tenant_id,
                                const struct wn_prediction_filter *filter, struct wn_arena *a,
                                struct wn_prediction **out, size_t *n_out, struct wn_why *why)
{
    const char *sql = filter->only_latest ? PREDICTION_COLUMNS
                          " AND NOT EXISTS (SELECT 1 FROM predictions n WHERE"
                          " n.tenant_id = p.tenant_id AND n.campaign_id = p.campaign_id AND"
                          " n.prediction_id > p.prediction_id)"
                          " ORDER BY p.prediction_id DESC LIMIT ?"
                                          : PREDICTION_COLUMNS
                          " ORDER BY p.prediction_id DESC LIMIT ?";
    struct asking q = ask(c, sql, "read the predictions", why);
    struct wn_prediction *list = NULL;
    size_t n = 0;
    put_int(&q, tenant_id);
    put_int(&q, filter->before_id);
    put_int(&q, filter->before_id);
    put_int(&q, (int64_t)(filter->limit && filter->limit < ROWS_MAX ? filter->limit : ROWS_MAX));
    while (next_row(&q)) {
        list = room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_prediction(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return done(&q);
}

/* ---- settings --------------------------------------------------------------------------------- */

static wn_rc sqlite_get_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                                struct wn_arena *a, struct wn_str *out, struct wn_why *why)
{
    struct asking q = ask(c, "SELECT value FROM settings WHERE tenant_id = ? AND key = ?",
                          "read the setting", why);
    struct wn_str value = {0};
    put_int(&q, tenant_id);
    put_text(&q, key);
    if (next_row(&q))
        value = take_text(&q, a);
    else if (!q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "key", "there is no setting %.*s", WN_STR_ARG(key));
    if (!q.rc)
        *out = value;
    return done(&q);
}

static wn_rc sqlite_put_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                                struct wn_str value, struct wn_why *why)
{
    struct asking q = ask(c,
                          "INSERT INTO settings (tenant_id, key, value) VALUES (?, ?, ?)"
                          " ON CONFLICT (tenant_id, key) DO UPDATE SET value = excluded.value",
                          "store the setting", why);
    put_int(&q, tenant_id);
    put_text(&q, key);
    put_text(&q, value);
    (void)changes(&q);
    return done(&q);
}

const struct wn_catalog_ops wn_catalog_sqlite = {
    .scheme = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .engine = sqlite_engine,
    .check = sqlite_check,
    .schema_version = sqlite_schema_version,
    .tenant = sqlite_tenant,
    .set_currency = sqlite_set_currency,
    .put_account = sqlite_put_account,
    .accounts = sqlite_accounts,
    .delete_account = sqlite_delete_account,
    .put_campaigns = sqlite_put_campaigns,
    .campaigns = sqlite_campaigns,
    .put_metric = sqlite_put_metric,
    .delete_metric = sqlite_delete_metric,
    .metrics = sqlite_metrics,
    .add_import = sqlite_add_import,
    .finish_import = sqlite_finish_import,
    .import = sqlite_import,
    .imports = sqlite_imports,
    .import_by_hash = sqlite_import_by_hash,
    .add_predictions = sqlite_add_predictions,
    .predictions = sqlite_predictions,
    .get_setting = sqlite_get_setting,
    .put_setting = sqlite_put_setting,
};
