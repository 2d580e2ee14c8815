#include "io/clock.h"
#include "store/catalog/sqlite_int.h"

/* Migration n takes the schema from version n to n + 1. What has been released is never edited:
 * the next change is the next entry. The texts keep to what PostgreSQL would run too, but for the
 * names of the types of keys. */
static const struct {
    const char *name;
    const char *sql;
} migrations[] = {
    {"the first tables",
     "CREATE TABLE tenants ("
     " tenant_id INTEGER NOT NULL PRIMARY KEY,"
     " name TEXT NOT NULL,"
     " currency TEXT NOT NULL,"
     " time_zone TEXT NOT NULL);"
     "INSERT INTO tenants (tenant_id, name, currency, time_zone)"
     " VALUES (1, 'My workspace', 'USD', 'UTC');"
     "CREATE TABLE accounts ("
     " tenant_id INTEGER NOT NULL REFERENCES tenants (tenant_id),"
     " account_id INTEGER NOT NULL,"
     " name TEXT NOT NULL,"
     " format TEXT NOT NULL,"
     " currency TEXT NOT NULL,"
     " is_sample INTEGER NOT NULL,"
     " created_at_ms BIGINT NOT NULL,"
     " PRIMARY KEY (tenant_id, account_id));"
     "CREATE TABLE campaigns ("
     " tenant_id INTEGER NOT NULL,"
     " campaign_id INTEGER NOT NULL,"
     " account_id INTEGER NOT NULL,"
     " channel INTEGER NOT NULL,"
     " key TEXT NOT NULL,"
     " name TEXT NOT NULL,"
     " target_audience TEXT NOT NULL,"
     " goal TEXT NOT NULL,"
     " location TEXT NOT NULL,"
     " language TEXT NOT NULL,"
     " customer_segment TEXT NOT NULL,"
     " company TEXT NOT NULL,"
     " status TEXT NOT NULL,"
     " duration_days INTEGER NOT NULL,"
     " reported_conversion_rate_ratio DOUBLE PRECISION,"
     " reported_roi_ratio DOUBLE PRECISION,"
     " engagement_score DOUBLE PRECISION,"
     " source_id BIGINT NOT NULL,"
     " created_at_ms BIGINT NOT NULL,"
     " updated_at_ms BIGINT NOT NULL,"
     " PRIMARY KEY (tenant_id, campaign_id),"
     " FOREIGN KEY (tenant_id, account_id) REFERENCES accounts (tenant_id, account_id)"
     "  ON DELETE CASCADE);"
     "CREATE INDEX campaigns_by_account ON campaigns (tenant_id, account_id);"
     "CREATE INDEX campaigns_by_key ON campaigns (tenant_id, key);"
     "CREATE TABLE metrics ("
     " tenant_id INTEGER NOT NULL REFERENCES tenants (tenant_id),"
     " name TEXT NOT NULL,"
     " formula TEXT NOT NULL,"
     " label TEXT NOT NULL,"
     " PRIMARY KEY (tenant_id, name));"
     "CREATE TABLE imports ("
     " import_id INTEGER PRIMARY KEY AUTOINCREMENT," /* never given twice: rows carry it */
     " tenant_id INTEGER NOT NULL REFERENCES tenants (tenant_id),"
     " state INTEGER NOT NULL,"
     " file_name TEXT NOT NULL,"
     " content_hash TEXT NOT NULL,"
     " summary_json TEXT NOT NULL,"
     " created_at_ms BIGINT NOT NULL,"
     " finished_at_ms BIGINT NOT NULL);"
     "CREATE INDEX imports_by_hash ON imports (tenant_id, content_hash, state);"
     "CREATE INDEX imports_by_tenant ON imports (tenant_id, import_id);"
     "CREATE TABLE settings ("
     " tenant_id INTEGER NOT NULL REFERENCES tenants (tenant_id),"
     " key TEXT NOT NULL,"
     " value TEXT NOT NULL,"
     " PRIMARY KEY (tenant_id, key));"},
    {"predictions of campaigns",
     "CREATE TABLE predictions ("
     " prediction_id INTEGER PRIMARY KEY AUTOINCREMENT,"
     " tenant_id INTEGER NOT NULL,"
     " campaign_id INTEGER NOT NULL,"
     " made_at_ms BIGINT NOT NULL,"
     " day_to INTEGER NOT NULL,"
     " horizon_days INTEGER NOT NULL,"
     " roi_ratio DOUBLE PRECISION NOT NULL,"
     " roi_low_ratio DOUBLE PRECISION NOT NULL,"
     " roi_high_ratio DOUBLE PRECISION NOT NULL,"
     " confidence_ratio DOUBLE PRECISION NOT NULL,"
     " risk INTEGER NOT NULL,"
     " drivers_json TEXT NOT NULL,"
     " method TEXT NOT NULL,"
     " FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, campaign_id)"
     "  ON DELETE CASCADE);"
     "CREATE INDEX predictions_by_campaign"
     " ON predictions (tenant_id, campaign_id, prediction_id);"},
};

static wn_rc read_version(sqlite3 *db, int *out, struct wn_why *why)
{
    sqlite3_stmt *s = NULL;
    wn_rc rc = WN_OK;
    if (sqlite3_prepare_v2(db, "SELECT coalesce(max(version), 0) FROM schema_migrations", -1, &s,
                           NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        rc = wn_sqlite_fail(db, why, "read the catalog's version");
    else
        *out = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    return rc;
}

static wn_rc note_version(sqlite3 *db, int version, const char *name, struct wn_why *why)
{
    sqlite3_stmt *s = NULL;
    wn_rc rc = WN_OK;
    if (sqlite3_prepare_v2(db,
                           "INSERT INTO schema_migrations (version, name, applied_at_ms)"
                           " VALUES (?, ?, ?)",
                           -1, &s, NULL) != SQLITE_OK ||
        sqlite3_bind_int(s, 1, version) != SQLITE_OK ||
        sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC) != SQLITE_OK ||
        sqlite3_bind_int64(s, 3, wn_clock_now_ms()) != SQLITE_OK || sqlite3_step(s) != SQLITE_DONE)
        rc = wn_sqlite_fail(db, why, "note the catalog's version");
    sqlite3_finalize(s);
    return rc;
}

static wn_rc migrate(sqlite3 *db, int *version, struct wn_why *why)
{
    int newest = (int)WN_COUNT(migrations);
    wn_rc rc = wn_sqlite_run(db,
                             "CREATE TABLE IF NOT EXISTS schema_migrations ("
                             " version INTEGER NOT NULL PRIMARY KEY,"
                             " name TEXT NOT NULL,"
                             " applied_at_ms BIGINT NOT NULL)",
                             "make the catalog's tables", why);
    int found = 0;
    if (!rc)
        rc = read_version(db, &found, why);
    if (!rc && found > newest)
        rc = wn_fail(why, WN_NEWER, NULL,
                     "the catalog has schema version %d; this winnow knows up to %d: use the newer "
                     "winnow that wrote it",
                     found, newest);
    for (; !rc && found < newest; found++) {
        rc = wn_sqlite_run(db, migrations[found].sql, "bring the catalog up to date", why);
        if (!rc)
            rc = note_version(db, found + 1, migrations[found].name, why);
    }
    if (!rc)
        *version = found;
    return rc;
}

wn_rc wn_sqlite_migrate(sqlite3 *db, int *version, struct wn_why *why)
{
    /* IMMEDIATE: of two processes that start at once, one waits and finds the work done. */
    wn_rc rc = wn_sqlite_run(db, "BEGIN IMMEDIATE", "open the catalog for writing", why);
    if (rc)
        return rc;
    rc = migrate(db, version, why);
    if (!rc)
        rc = wn_sqlite_run(db, "COMMIT", "bring the catalog up to date", why);
    if (rc)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
