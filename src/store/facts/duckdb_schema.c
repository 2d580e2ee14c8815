#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "store/facts/duckdb_int.h"

#define INT_COLUMN(n)                                                                              \
    {                                                                                              \
        n, "INTEGER", DUCKDB_TYPE_INTEGER                                                          \
    }
#define SMALL_COLUMN(n)                                                                            \
    {                                                                                              \
        n, "UTINYINT", DUCKDB_TYPE_UTINYINT                                                        \
    }
#define BIG_COLUMN(n)                                                                              \
    {                                                                                              \
        n, "BIGINT", DUCKDB_TYPE_BIGINT                                                            \
    }

/* Beside what domain/sql.h promises stands load_id: the number of the transaction that wrote the
 * row. It lets a transaction delete what was there before and spare its own rows, whatever the
 * order of its calls; constant within a load, it takes no space. */
const struct duck_column wn_duck_columns[WN_DUCK_N_COLUMNS] = {
    INT_COLUMN("tenant_id"),
    INT_COLUMN("day"),
    INT_COLUMN("account_id"),
    INT_COLUMN("campaign_id"),
    INT_COLUMN("ad_group_id"),
    INT_COLUMN("ad_id"),
    INT_COLUMN("country_id"),
    INT_COLUMN("age_id"),
    INT_COLUMN("placement_id"),
    INT_COLUMN("audience_id"),
    SMALL_COLUMN("channel"),
    SMALL_COLUMN("device"),
    SMALL_COLUMN("gender"),
    {"hour", "TINYINT", DUCKDB_TYPE_TINYINT},
#define X(name, text) BIG_COLUMN(text "_micros"),
    WN_MEASURE_MAP(X)
#undef X
        BIG_COLUMN("source_id"),
    BIG_COLUMN("loaded_at_ms"),
    BIG_COLUMN("load_id"),
};

/* ---- migrations ------------------------------------------------------------------------------- */

/* Migration n takes the schema from version n to n + 1. They only ever grow in number. */
static const char *const migrations[WN_DUCK_SCHEMA_VERSION] = {
    NULL, /* the first is made from the table of columns */
};

static void append_first_migration(struct wn_buf *b)
{
    wn_buf_append_z(b, "CREATE TABLE ad_stats(");
    for (size_t i = 0; i < WN_DUCK_N_COLUMNS; i++)
        wn_buf_printf(b, "%s%s %s", i ? "," : "", wn_duck_columns[i].name,
                      wn_duck_columns[i].type_name);
    wn_buf_append_z(b, ");CREATE TABLE names(tenant_id INTEGER, kind UTINYINT, id INTEGER,"
                       "parent_id INTEGER, key VARCHAR, name VARCHAR);"
                       /* ids of deleted names: never given again */
                       "CREATE TABLE name_ids(tenant_id INTEGER, id_max INTEGER);");
}

static wn_rc migrate_one(struct duck_facts *d, duckdb_connection c, int from, struct wn_why *why)
{
    struct wn_buf sql;
    wn_buf_init(&sql, 65536);
    wn_buf_append_z(&sql, "BEGIN TRANSACTION;");
    if (migrations[from])
        wn_buf_append_z(&sql, migrations[from]);
    else
        append_first_migration(&sql);
    wn_buf_printf(&sql, "INSERT INTO schema_version VALUES (%d);COMMIT;", from + 1);
    wn_buf_append_char(&sql, '\0');
    wn_rc rc = wn_buf_check(&sql, why);
    if (!rc)
        rc = wn_duck_run(d, c, sql.p, "bring the facts to the present schema", why);
    wn_buf_deinit(&sql);
    return rc;
}

/* Calls on_chunk with every chunk of a statement's result. */
static wn_rc for_chunks(struct duck_facts *d, duckdb_connection c, const char *sql,
                        wn_rc (*on_chunk)(struct duck_facts *d, duckdb_data_chunk chunk),
                        struct wn_why *why)
{
    duckdb_result result = {0};
    duckdb_data_chunk chunk;
    wn_rc rc = WN_OK;
    if (duckdb_query(c, sql, &result) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, "read the facts' own tables", duckdb_result_error(&result));
    while (!rc && (chunk = duckdb_fetch_chunk(result))) {
        rc = on_chunk(d, chunk);
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    if (rc == WN_MEMORY || rc == WN_CORRUPT)
        return wn_fail(why, rc, NULL, "could not read the facts' own tables: %s", wn_rc_text(rc));
    return rc;
}

static void *column(duckdb_data_chunk chunk, uint64_t at)
{
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, at));
}

static wn_rc read_number(struct duck_facts *d, duckdb_data_chunk chunk)
{
    if (duckdb_data_chunk_get_size(chunk) == 1)
        d->writer.load_id = *(const int64_t *)column(chunk, 0);
    return WN_OK;
}

wn_rc wn_duck_migrate(struct duck_facts *d, struct wn_why *why)
{
    duckdb_connection c = NULL;
    if (duckdb_connect(d->db, &c) != DuckDBSuccess)
        return wn_fail(why, WN_MEMORY, NULL, "could not connect to the facts");
    wn_rc rc = wn_duck_run(d, c, "CREATE TABLE IF NOT EXISTS schema_version(version INTEGER)",
                           "make the facts' tables", why);
    if (!rc)
        rc = for_chunks(d, c, "SELECT coalesce(max(version), 0)::BIGINT FROM schema_version",
                        read_number, why);
    int64_t version = d->writer.load_id;
    if (!rc && version > WN_DUCK_SCHEMA_VERSION)
        rc = wn_fail(why, WN_NEWER, NULL,
                     "the facts in %s have schema version %lld; this winnow knows up to %d",
                     d->directory, (long long)version, WN_DUCK_SCHEMA_VERSION);
    for (int from = (int)version; !rc && from < WN_DUCK_SCHEMA_VERSION; from++)
        rc = migrate_one(d, c, from, why);
    if (!rc)
        rc = for_chunks(d, c, "SELECT coalesce(max(load_id), 0)::BIGINT FROM ad_stats", read_number,
                        why);
    duckdb_disconnect(&c);
    return rc;
}

/* ---- names ------------------------------------------------------------------------------------ */

static wn_rc load_names(struct duck_facts *d, duckdb_data_chunk chunk)
{
    const int32_t *tenants = column(chunk, 0);
    const uint8_t *kinds = column(chunk, 1);
    const int32_t *ids = column(chunk, 2);
    const int32_t *parents = column(chunk, 3);
    const duckdb_string_t *keys = column(chunk, 4);
    const duckdb_string_t *names = column(chunk, 5);
    uint64_t n = duckdb_data_chunk_get_size(chunk);
    wn_rc rc = WN_OK;
    for (uint64_t i = 0; !rc && i < n; i++) {
        struct wn_name name = {(wn_name_kind)kinds[i], ids[i], parents[i], wn_duck_text(&keys[i]),
                               wn_duck_text(&names[i])};
        rc = wn_names_load(&d->base.names, tenants[i], &name);
    }
    return rc;
}

static wn_rc load_id_max(struct duck_facts *d, duckdb_data_chunk chunk)
{
    const int32_t *tenants = column(chunk, 0);
    const int32_t *ids = column(chunk, 1);
    uint64_t n = duckdb_data_chunk_get_size(chunk);
    wn_rc rc = WN_OK;
    for (uint64_t i = 0; !rc && i < n; i++)
        rc = wn_names_reserve(&d->base.names, tenants[i], ids[i]);
    return rc;
}

wn_rc wn_duck_load_names(struct duck_facts *d, struct wn_why *why)
{
    duckdb_connection c = NULL;
    if (duckdb_connect(d->db, &c) != DuckDBSuccess)
        return wn_fail(why, WN_MEMORY, NULL, "could not connect to the facts");
    wn_rc rc = for_chunks(d, c, "SELECT tenant_id, kind, id, parent_id, key, name FROM names",
                          load_names, why);
    if (!rc)
        rc = for_chunks(d, c, "SELECT tenant_id, max(id_max) FROM name_ids GROUP BY tenant_id",
                        load_id_max, why);
    duckdb_disconnect(&c);
    return rc;
}
