/* What the files of the SQLite engine share: sqlite.c opens it, holds its statements, and lists it;
 * sqlite_migrations.c makes its tables; each of the others reads and writes some of them. */
#ifndef WN_STORE_CATALOG_SQLITE_INT_H
#define WN_STORE_CATALOG_SQLITE_INT_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/catalog_int.h"

enum { SQLITE_CACHED_MAX = 32, SQLITE_ROWS_MAX = 1000000, SQLITE_IDS_MAX = 100000 };

struct sqlite_catalog {
    struct wn_catalog base;
    pthread_mutex_t lock; /* guards all below: one connection */
    sqlite3 *db;
    int version;
    char engine_name[64];
    struct {
        const char *sql; /* a literal: compared by address */
        sqlite3_stmt *statement;
    } cached[SQLITE_CACHED_MAX];
    size_t n_cached;
};

static inline struct sqlite_catalog *wn_sqlite_self(struct wn_catalog *c)
{
    return (struct sqlite_catalog *)c;
}

/* Gives people the meaning of SQLite's last error; its own text goes to the log. "doing" fits
 * behind "could not". */
WN_MUST_USE wn_rc wn_sqlite_fail(sqlite3 *db, struct wn_why *why, const char *doing);
WN_MUST_USE wn_rc wn_sqlite_run(sqlite3 *db, const char *sql, const char *doing,
                                struct wn_why *why);

/* Brings the schema up to date, one transaction for all that is missing; *version is what it is
 * then. Refuses a newer one (NEWER) by number. */
WN_MUST_USE wn_rc wn_sqlite_migrate(sqlite3 *db, int *version, struct wn_why *why);

/* ---- statements ------------------------------------------------------------------------------- */

/* A statement in use: locked from ask to done. Values are bound in order by put_*, columns are
 * taken in order by take_*; the first failure stays. */
struct sqlite_asking {
    struct sqlite_catalog *s;
    sqlite3_stmt *statement;
    const char *doing;
    bool is_kept; /* in the cache; else finalised by done */
    int n_bound;
    int n_taken;
    wn_rc rc;
    struct wn_why *why;
};

/* Locks the catalog; every ask is followed by one done. sql: a literal, it is kept. */
struct sqlite_asking wn_sqlite_ask(struct wn_catalog *c, const char *sql, const char *doing,
                                   struct wn_why *why);
/* The same while the lock is held; what is not kept may be any text. */
struct sqlite_asking wn_sqlite_ask_locked(struct sqlite_catalog *s, const char *sql, bool keep,
                                          const char *doing, struct wn_why *why);
void wn_sqlite_rewind(struct sqlite_asking *q);
WN_MUST_USE wn_rc wn_sqlite_done_locked(struct sqlite_asking *q);
WN_MUST_USE wn_rc wn_sqlite_done(struct sqlite_asking *q);

void wn_sqlite_put_int(struct sqlite_asking *q, int64_t value);
/* Borrowed until done. */
void wn_sqlite_put_text(struct sqlite_asking *q, struct wn_str s);
/* What is not finite is no value. */
void wn_sqlite_put_real(struct sqlite_asking *q, double value);

/* The next row; false at the end and after a failure. */
bool wn_sqlite_next_row(struct sqlite_asking *q);
/* Runs a statement that changes; true when it changed at least one row. */
bool wn_sqlite_changes(struct sqlite_asking *q);

int64_t wn_sqlite_take_int(struct sqlite_asking *q);
/* NaN for no value. */
double wn_sqlite_take_real(struct sqlite_asking *q);
struct wn_str wn_sqlite_take_text(struct sqlite_asking *q, struct wn_arena *a);
/* Room for one more item in a list that lives in an arena; doubles, so that the waste is bounded. */
void *wn_sqlite_room(struct sqlite_asking *q, struct wn_arena *a, void *list, size_t n,
                     size_t item_bytes);

/* Locks the catalog and begins a transaction; where that went well, end follows: it commits, or,
 * where rc is a failure, takes everything back and returns it. */
WN_MUST_USE wn_rc wn_sqlite_begin(struct wn_catalog *c, const char *doing, struct wn_why *why);
WN_MUST_USE wn_rc wn_sqlite_end(struct wn_catalog *c, wn_rc rc, const char *doing,
                                struct wn_why *why);

/* ---- the interface (store/catalog.h), table by table ------------------------------------------ */

/* sqlite_accounts.c: tenants, accounts, settings, own metrics */
wn_rc wn_sqlite_tenant(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                       struct wn_tenant *out, struct wn_why *why);
wn_rc wn_sqlite_set_currency(struct wn_catalog *c, int32_t tenant_id, struct wn_str currency,
                             struct wn_why *why);
wn_rc wn_sqlite_put_account(struct wn_catalog *c, const struct wn_account *account,
                            struct wn_why *why);
wn_rc wn_sqlite_accounts(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                         struct wn_account **out, size_t *n_out, struct wn_why *why);
wn_rc wn_sqlite_delete_account(struct wn_catalog *c, int32_t tenant_id, int32_t account_id,
                               struct wn_why *why);
wn_rc wn_sqlite_put_metric(struct wn_catalog *c, int32_t tenant_id,
                           const struct wn_metric_def *metric, struct wn_why *why);
wn_rc wn_sqlite_delete_metric(struct wn_catalog *c, int32_t tenant_id, struct wn_str name,
                              struct wn_why *why);
wn_rc wn_sqlite_metrics(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                        struct wn_metric_def **out, size_t *n_out, struct wn_why *why);
wn_rc wn_sqlite_get_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                            struct wn_arena *a, struct wn_str *out, struct wn_why *why);
wn_rc wn_sqlite_put_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                            struct wn_str value, struct wn_why *why);
/* sqlite_campaigns.c */
wn_rc wn_sqlite_put_campaigns(struct wn_catalog *c, const struct wn_campaign *campaigns, size_t n,
                              struct wn_why *why);
wn_rc wn_sqlite_campaigns(struct wn_catalog *c, int32_t tenant_id,
                          const struct wn_campaign_filter *filter, struct wn_arena *a,
                          struct wn_campaign **out, size_t *n_out, struct wn_why *why);
/* sqlite_imports.c */
wn_rc wn_sqlite_add_import(struct wn_catalog *c, const struct wn_import_record *record,
                           int64_t *out_id, struct wn_why *why);
wn_rc wn_sqlite_finish_import(struct wn_catalog *c, const struct wn_import_record *record,
                              struct wn_why *why);
wn_rc wn_sqlite_import(struct wn_catalog *c, int32_t tenant_id, int64_t import_id,
                       struct wn_arena *a, struct wn_import_record *out, struct wn_why *why);
wn_rc wn_sqlite_import_by_hash(struct wn_catalog *c, int32_t tenant_id, struct wn_str content_hash,
                               struct wn_arena *a, struct wn_import_record *out,
                               struct wn_why *why);
wn_rc wn_sqlite_imports(struct wn_catalog *c, int32_t tenant_id, size_t limit, struct wn_arena *a,
                        struct wn_import_record **out, size_t *n_out, struct wn_why *why);
/* sqlite_predictions.c */
wn_rc wn_sqlite_add_predictions(struct wn_catalog *c, const struct wn_prediction *predictions,
                                size_t n, int64_t *out_ids, struct wn_why *why);
wn_rc wn_sqlite_predictions(struct wn_catalog *c, int32_t tenant_id,
                            const struct wn_prediction_filter *filter, struct wn_arena *a,
                            struct wn_prediction **out, size_t *n_out, struct wn_why *why);

#endif
