/* The writer: one thread which owns the one connection that writes.
 *
 * A transaction's rows travel in blocks through a bounded ring, so that who parses a file and who
 * stores it work at the same time; the blocks are all the memory that is waiting. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "store/facts/duckdb_int.h"

enum { RANGES_PER_DELETE = 4000, IDS_PER_DELETE = 20000, SQL_BYTES_MAX = 1 << 20 };

static struct duck_facts *owner(const struct wn_facts_tx *tx)
{
    return (struct duck_facts *)tx->facts;
}

/* ---- the writer thread's side ----------------------------------------------------------------- */

static wn_rc run_buf(struct duck_facts *d, struct wn_buf *sql, const char *doing,
                     struct wn_why *why)
{
    wn_buf_append_char(sql, '\0');
    wn_rc rc = wn_buf_check(sql, why);
    return rc ? rc : wn_duck_run(d, d->writer.connection, sql->p, doing, why);
}

static wn_rc begin_if_needed(struct duck_facts *d, struct wn_why *why)
{
    struct duck_writer *w = &d->writer;
    if (w->in_tx)
        return WN_OK;
    wn_rc rc = wn_duck_run(d, w->connection, "BEGIN TRANSACTION", "begin to write facts", why);
    if (!rc)
        w->in_tx = true;
    return rc;
}

static void *vector_data(struct duck_writer *w, int column)
{
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(w->chunk, (uint64_t)column));
}

/* The columns that are the same in all rows of a transaction are written once. */
static void fill_constants(struct duck_writer *w)
{
    int32_t *tenant = vector_data(w, DUCK_TENANT);
    int64_t *source = vector_data(w, DUCK_SOURCE);
    int64_t *loaded_at = vector_data(w, DUCK_LOADED_AT);
    int64_t *load = vector_data(w, DUCK_LOAD);
    for (size_t i = 0; i < WN_DUCK_VECTOR_ROWS; i++) {
        tenant[i] = w->tx->tenant_id;
        source[i] = w->tx->source_id;
        loaded_at[i] = w->tx->loaded_at_ms;
        load[i] = w->load_id;
    }
}

#define FILL(column, type, field)                                                                  \
    do {                                                                                           \
        type *to = vector_data(w, column);                                                         \
        for (size_t i = 0; i < n; i++)                                                             \
            to[i] = rows[i].field;                                                                 \
    } while (0)

/* n <= WN_DUCK_VECTOR_ROWS. */
static void fill_chunk(struct duck_writer *w, const struct wn_stat *rows, size_t n)
{
    FILL(DUCK_DAY, int32_t, day);
    FILL(DUCK_ACCOUNT, int32_t, account_id);
    FILL(DUCK_CAMPAIGN, int32_t, campaign_id);
    FILL(DUCK_AD_GROUP, int32_t, ad_group_id);
    FILL(DUCK_AD, int32_t, ad_id);
    FILL(DUCK_COUNTRY, int32_t, country_id);
    FILL(DUCK_AGE, int32_t, age_id);
    FILL(DUCK_PLACEMENT, int32_t, placement_id);
    FILL(DUCK_AUDIENCE, int32_t, audience_id);
    FILL(DUCK_CHANNEL, uint8_t, channel);
    FILL(DUCK_DEVICE, uint8_t, device);
    FILL(DUCK_GENDER, uint8_t, gender);
    FILL(DUCK_HOUR, int8_t, hour);
    for (int m = 0; m < WN_MEASURE_N; m++)
        FILL(DUCK_MEASURES + m, int64_t, measures[m]);
    duckdb_data_chunk_set_size(w->chunk, n);
}

static wn_rc open_appender(struct duck_facts *d, struct wn_why *why)
{
    struct duck_writer *w = &d->writer;
    if (w->appender)
        return WN_OK;
    wn_rc rc = begin_if_needed(d, why);
    if (rc)
        return rc;
    if (duckdb_appender_create(w->connection, NULL, "ad_stats", &w->appender) != DuckDBSuccess)
        return wn_duck_fail(d, why, "append facts", duckdb_appender_error(w->appender));
    fill_constants(w);
    return WN_OK;
}

static wn_rc write_block(struct duck_facts *d, const struct duck_block *block, struct wn_why *why)
{
    struct duck_writer *w = &d->writer;
    wn_rc rc = open_appender(d, why);
    for (size_t at = 0; !rc && at < block->n_rows; at += WN_DUCK_VECTOR_ROWS) {
        size_t n = block->n_rows - at;
        fill_chunk(w, block->rows + at, n < WN_DUCK_VECTOR_ROWS ? n : WN_DUCK_VECTOR_ROWS);
        if (duckdb_append_data_chunk(w->appender, w->chunk) != DuckDBSuccess)
            rc = wn_duck_fail(d, why, "append facts", duckdb_appender_error(w->appender));
    }
    return rc;
}

static wn_rc finish_appender(struct duck_facts *d, duckdb_appender *appender, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    if (*appender && duckdb_appender_flush(*appender) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, "append facts", duckdb_appender_error(*appender));
    if (rc)
        (void)duckdb_appender_clear(*appender);
    (void)duckdb_appender_destroy(appender);
    return rc;
}

/* One statement for up to RANGES_PER_DELETE ranges. They are numbers of ours, so they may stand in
 * the text; the outer bounds let the engine skip whole row groups. load_id spares our own rows. */
static wn_rc delete_ranges(struct duck_facts *d, const struct wn_facts_tx *tx,
                           const struct wn_day_range *ranges, size_t n, struct wn_why *why)
{
    struct wn_buf sql;
    int32_t from = ranges[0].day_from, to = ranges[0].day_to;
    wn_buf_init(&sql, SQL_BYTES_MAX);
    wn_buf_append_z(&sql, "DELETE FROM ad_stats");
    if (n > 1)
        wn_buf_append_z(&sql, " USING (VALUES ");
    for (size_t i = 0; n > 1 && i < n; i++) {
        wn_buf_printf(&sql, "%s(%" PRId32 ",%" PRId32 ",%" PRId32 ")", i ? "," : "",
                      ranges[i].account_id, ranges[i].day_from, ranges[i].day_to);
        from = ranges[i].day_from < from ? ranges[i].day_from : from;
        to = ranges[i].day_to > to ? ranges[i].day_to : to;
    }
    if (n > 1)
        wn_buf_append_z(&sql, ") r(a, f, t)");
    wn_buf_printf(&sql,
                  " WHERE tenant_id=%" PRId32 " AND load_id<%" PRId64 " AND account_id>=%" PRId32
                  " AND account_id<=%" PRId32 " AND day>=%" PRId32 " AND day<=%" PRId32,
                  tx->tenant_id, d->writer.load_id, ranges[0].account_id, ranges[n - 1].account_id,
                  from, to);
    if (n > 1)
        wn_buf_append_z(&sql, " AND account_id=r.a AND day>=r.f AND day<=r.t");
    wn_rc rc = run_buf(d, &sql, "replace facts", why);
    wn_buf_deinit(&sql);
    return rc;
}

static wn_rc delete_names(struct duck_facts *d, const struct wn_facts_tx *tx, const int32_t *ids,
                          size_t n, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    for (size_t at = 0; !rc && at < n; at += IDS_PER_DELETE) {
        struct wn_buf sql;
        wn_buf_init(&sql, SQL_BYTES_MAX);
        wn_buf_printf(&sql, "DELETE FROM names WHERE tenant_id=%" PRId32 " AND id IN (",
                      tx->tenant_id);
        for (size_t i = at; i < n && i < at + IDS_PER_DELETE; i++)
            wn_buf_printf(&sql, "%s%" PRId32, i > at ? "," : "", ids[i]);
        wn_buf_append_char(&sql, ')');
        rc = run_buf(d, &sql, "store names", why);
        wn_buf_deinit(&sql);
    }
    return rc;
}

static wn_rc insert_names(struct duck_facts *d, const struct wn_facts_tx *tx, struct wn_why *why)
{
    duckdb_appender to = NULL;
    if (duckdb_appender_create(d->writer.connection, NULL, "names", &to) != DuckDBSuccess) {
        wn_rc rc = wn_duck_fail(d, why, "store names", duckdb_appender_error(to));
        (void)duckdb_appender_destroy(&to);
        return rc;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < tx->names.n_staged; i++) {
        const struct wn_name_rec *r = tx->names.staged[i];
        ok = duckdb_append_int32(to, r->tenant_id) == DuckDBSuccess &&
             duckdb_append_uint8(to, (uint8_t)r->kind) == DuckDBSuccess &&
             duckdb_append_int32(to, r->id) == DuckDBSuccess &&
             duckdb_append_int32(to, r->parent_id) == DuckDBSuccess &&
             duckdb_append_varchar_length(to, r->key.p, r->key.n) == DuckDBSuccess &&
             duckdb_append_varchar_length(to, r->name.p, r->name.n) == DuckDBSuccess &&
             duckdb_appender_end_row(to) == DuckDBSuccess;
    }
    wn_rc rc = ok ? WN_OK : wn_duck_fail(d, why, "store names", duckdb_appender_error(to));
    if (rc)
        (void)duckdb_appender_clear(to);
    wn_rc finished = finish_appender(d, &to, why);
    return rc ? rc : finished;
}

static wn_rc store_names(struct duck_facts *d, const struct wn_facts_tx *tx, struct wn_why *why)
{
    size_t n_renamed = 0;
    if (tx->names.n_staged == 0)
        return WN_OK;
    int32_t *renamed = malloc(tx->names.n_staged * sizeof *renamed);
    if (!renamed)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to store names");
    for (size_t i = 0; i < tx->names.n_staged; i++)
        if (tx->names.staged[i]->is_renamed)
            renamed[n_renamed++] = tx->names.staged[i]->id;
    wn_rc rc = delete_names(d, tx, renamed, n_renamed, why);
    free(renamed);
    return rc ? rc : insert_names(d, tx, why);
}

/* ---- deleted accounts ------------------------------------------------------------------------- */

/* The ids which the account's remaining rows refer to: malloc'd, given. */
static wn_rc ids_in_use(struct duck_facts *d, const struct wn_facts_tx *tx, int32_t account_id,
                        int32_t **out, size_t *n_out, struct wn_why *why)
{
    struct wn_buf sql;
    duckdb_result result = {0};
    duckdb_data_chunk chunk;
    int32_t *ids = NULL;
    size_t n_ids = 0;
    wn_buf_init(&sql, 1024);
    wn_buf_printf(&sql,
                  "SELECT DISTINCT unnest([account_id, campaign_id, ad_group_id, ad_id]) FROM "
                  "ad_stats WHERE tenant_id=%" PRId32 " AND account_id=%" PRId32,
                  tx->tenant_id, account_id);
    wn_buf_append_char(&sql, '\0');
    wn_rc rc = wn_buf_check(&sql, why);
    if (!rc && duckdb_query(d->writer.connection, sql.p, &result) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, "delete an account", duckdb_result_error(&result));
    while (!rc && (chunk = duckdb_fetch_chunk(result))) {
        size_t n = duckdb_data_chunk_get_size(chunk);
        int32_t *more = realloc(ids, (n_ids + n + 1) * sizeof *more);
        if (more) {
            ids = more;
            memcpy(ids + n_ids, duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0)),
                   n * sizeof *ids);
            n_ids += n;
        } else {
            rc = wn_fail(why, WN_MEMORY, NULL, "no memory to delete an account");
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    wn_buf_deinit(&sql);
    if (rc) {
        free(ids);
        return rc;
    }
    *out = ids;
    *n_out = n_ids;
    return WN_OK;
}

static wn_rc purge_names(struct duck_facts *d, struct wn_facts_tx *tx, struct wn_why *why)
{
    for (size_t i = 0; i < tx->n_deleted; i++) {
        int32_t *used = NULL;
        size_t n_used = 0;
        wn_rc rc = ids_in_use(d, tx, tx->deleted[i], &used, &n_used, why);
        if (rc)
            return rc;
        rc = wn_names_purge_unused(&d->base.names, &tx->names, tx->tenant_id, tx->deleted[i], used,
                                   n_used);
        free(used);
        if (rc)
            return wn_fail(why, rc, NULL, "no memory to delete an account");
    }
    if (tx->names.n_purged == 0)
        return WN_OK;
    wn_rc rc = delete_names(d, tx, tx->names.purged, tx->names.n_purged, why);
    if (rc)
        return rc;
    struct wn_buf sql;
    wn_buf_init(&sql, 256);
    wn_buf_printf(&sql, "INSERT INTO name_ids VALUES (%" PRId32 ",%" PRId32 ")", tx->tenant_id,
                  wn_names_id_max(&d->base.names, tx->tenant_id));
    rc = run_buf(d, &sql, "delete an account", why);
    wn_buf_deinit(&sql);
    return rc;
}

/* ---- the end of a transaction ----------------------------------------------------------------- */

static wn_rc write_all(struct duck_facts *d, struct wn_facts_tx *tx, struct wn_why *why)
{
    wn_rc rc = begin_if_needed(d, why);
    if (!rc)
        rc = finish_appender(d, &d->writer.appender, why);
    for (size_t at = 0; !rc && at < tx->ranges.n; at += RANGES_PER_DELETE) {
        size_t n = tx->ranges.n - at;
        rc = delete_ranges(d, tx, tx->ranges.items + at,
                           n < RANGES_PER_DELETE ? n : RANGES_PER_DELETE, why);
    }
    if (!rc)
        rc = store_names(d, tx, why);
    if (!rc)
        rc = purge_names(d, tx, why);
    if (!rc)
        rc = wn_duck_run(d, d->writer.connection, "COMMIT", "commit the facts", why);
    if (!rc)
        d->writer.in_tx = false;
    return rc;
}

static void undo(struct duck_facts *d)
{
    struct duck_writer *w = &d->writer;
    if (w->appender) {
        (void)duckdb_appender_clear(w->appender);
        (void)duckdb_appender_destroy(&w->appender);
    }
    if (w->in_tx)
        (void)duckdb_query(w->connection, "ROLLBACK", NULL);
    w->in_tx = false;
}

/* The first failure stays until the transaction's end: what follows it is thrown away. */
static void note_failure(struct duck_writer *w, wn_rc rc, const struct wn_why *why)
{
    if (!rc || w->failed)
        return;
    w->failed = rc;
    w->why_failed = *why;
}

static void take_block(struct duck_facts *d)
{
    struct duck_writer *w = &d->writer;
    struct duck_block *block = w->full[w->full_at];
    bool skip = w->failed || w->command == DUCK_ROLLBACK;
    struct wn_why why = {0};
    w->full_at = (w->full_at + 1) % WN_DUCK_BLOCKS_MAX;
    w->n_full--;
    pthread_mutex_unlock(&w->lock);
    wn_rc rc = skip ? WN_OK : write_block(d, block, &why);
    pthread_mutex_lock(&w->lock);
    note_failure(w, rc, &why);
    w->empty[w->n_empty++] = block;
    pthread_cond_signal(&w->to_sender);
}

static void take_command(struct duck_facts *d)
{
    struct duck_writer *w = &d->writer;
    bool commit = w->command == DUCK_COMMIT && !w->failed;
    struct wn_why why = {0};
    pthread_mutex_unlock(&w->lock);
    wn_rc rc = commit ? write_all(d, w->tx, &why) : WN_OK;
    if (rc || !commit)
        undo(d);
    pthread_mutex_lock(&w->lock);
    note_failure(w, rc, &why);
    w->command = DUCK_NOTHING;
    pthread_cond_signal(&w->to_sender);
}

static void *writer_main(void *context)
{
    struct duck_facts *d = context;
    struct duck_writer *w = &d->writer;
    pthread_mutex_lock(&w->lock);
    while (w->n_full || w->command != DUCK_STOP) {
        if (w->n_full)
            take_block(d);
        else if (w->command != DUCK_NOTHING)
            take_command(d);
        else
            pthread_cond_wait(&w->to_writer, &w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* ---- the sender's side: the thread that holds the transaction --------------------------------- */

wn_rc wn_duck_begin(struct wn_facts_tx *tx, struct wn_why *why)
{
    (void)why;
    struct duck_writer *w = &owner(tx)->writer;
    pthread_mutex_lock(&w->lock);
    w->tx = tx;
    w->failed = WN_OK;
    w->why_failed = (struct wn_why){0};
    w->load_id++;
    pthread_mutex_unlock(&w->lock);
    return WN_OK;
}

static wn_rc get_block(struct duck_writer *w, struct wn_why *why)
{
    pthread_mutex_lock(&w->lock);
    while (w->n_empty == 0 && w->n_blocks == WN_DUCK_BLOCKS_MAX)
        pthread_cond_wait(&w->to_sender, &w->lock);
    if (w->n_empty) {
        w->filling = w->empty[--w->n_empty];
    } else {
        w->filling = malloc(sizeof *w->filling);
        w->n_blocks += w->filling != NULL;
    }
    pthread_mutex_unlock(&w->lock);
    if (!w->filling)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to append facts");
    w->filling->n_rows = 0;
    return WN_OK;
}

static void send_block(struct duck_writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->full[(w->full_at + w->n_full++) % WN_DUCK_BLOCKS_MAX] = w->filling;
    w->filling = NULL;
    pthread_cond_signal(&w->to_writer);
    pthread_mutex_unlock(&w->lock);
}

static wn_rc failure(struct duck_writer *w, struct wn_why *why)
{
    pthread_mutex_lock(&w->lock);
    wn_rc rc = w->failed;
    if (rc)
        rc = wn_fail(why, rc, w->why_failed.field, "%s", w->why_failed.text);
    pthread_mutex_unlock(&w->lock);
    return rc;
}

wn_rc wn_duck_append(struct wn_facts_tx *tx, const struct wn_stat *rows, size_t n_rows,
                     struct wn_why *why)
{
    struct duck_writer *w = &owner(tx)->writer;
    wn_rc rc = WN_OK;
    while (!rc && n_rows) {
        if (!w->filling)
            rc = get_block(w, why);
        if (rc)
            break;
        size_t room = WN_DUCK_BLOCK_ROWS - w->filling->n_rows;
        size_t n = n_rows < room ? n_rows : room;
        memcpy(w->filling->rows + w->filling->n_rows, rows, n * sizeof *rows);
        w->filling->n_rows += n;
        rows += n;
        n_rows -= n;
        if (n == room) {
            send_block(w);
            rc = failure(w, why);
        }
    }
    return rc;
}

static void send_command(struct duck_writer *w, duck_command command)
{
    pthread_mutex_lock(&w->lock);
    w->command = command;
    pthread_cond_signal(&w->to_writer);
    while (w->command != DUCK_NOTHING)
        pthread_cond_wait(&w->to_sender, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

/* Between transactions one block is kept: small replaces are the common case. */
static void free_blocks(struct duck_writer *w, size_t n_keep)
{
    while (w->n_empty > n_keep) {
        free(w->empty[--w->n_empty]);
        w->n_blocks--;
    }
}

wn_rc wn_duck_commit(struct wn_facts_tx *tx, struct wn_why *why)
{
    struct duck_facts *d = owner(tx);
    struct duck_writer *w = &d->writer;
    if (w->filling)
        send_block(w);
    atomic_fetch_add(&d->n_changes, 1);
    send_command(w, DUCK_COMMIT);
    atomic_fetch_add(&d->n_changes, 1);
    wn_rc rc = failure(w, why);
    w->tx = NULL;
    free_blocks(w, 1);
    return rc;
}

void wn_duck_rollback(struct wn_facts_tx *tx)
{
    struct duck_writer *w = &owner(tx)->writer;
    if (w->filling) {
        pthread_mutex_lock(&w->lock);
        w->empty[w->n_empty++] = w->filling;
        w->filling = NULL;
        pthread_mutex_unlock(&w->lock);
    }
    send_command(w, DUCK_ROLLBACK);
    w->tx = NULL;
    free_blocks(w, 1);
}

/* ---- start and stop --------------------------------------------------------------------------- */

static bool make_chunk(struct duck_writer *w)
{
    duckdb_logical_type types[WN_DUCK_N_COLUMNS] = {0};
    bool ok = true;
    for (size_t i = 0; i < WN_DUCK_N_COLUMNS; i++) {
        types[i] = duckdb_create_logical_type(wn_duck_columns[i].type);
        ok = ok && types[i];
    }
    if (ok)
        w->chunk = duckdb_create_data_chunk(types, WN_DUCK_N_COLUMNS);
    for (size_t i = 0; i < WN_DUCK_N_COLUMNS; i++)
        duckdb_destroy_logical_type(&types[i]);
    return w->chunk != NULL;
}

wn_rc wn_duck_writer_start(struct duck_facts *d, struct wn_why *why)
{
    struct duck_writer *w = &d->writer;
    if (duckdb_connect(d->db, &w->connection) != DuckDBSuccess || !make_chunk(w))
        return wn_fail(why, WN_MEMORY, NULL, "could not connect to the facts");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->to_writer, NULL);
    pthread_cond_init(&w->to_sender, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    w->is_running = pthread_create(&w->thread, NULL, writer_main, d) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->is_running ? WN_OK
                         : wn_fail(why, WN_MEMORY, NULL, "could not start the facts' writer");
}

void wn_duck_writer_stop(struct duck_facts *d)
{
    struct duck_writer *w = &d->writer;
    if (w->is_running) {
        struct wn_why why = {0};
        pthread_mutex_lock(&w->lock);
        w->command = DUCK_STOP;
        pthread_cond_signal(&w->to_writer);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
        /* A failure here loses nothing: the log is read at the next opening. It is logged. */
        (void)!wn_duck_run(d, w->connection, "CHECKPOINT", "fold the facts' log in", &why);
        free_blocks(w, 0);
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->to_writer);
        pthread_cond_destroy(&w->to_sender);
    }
    duckdb_destroy_data_chunk(&w->chunk);
    duckdb_disconnect(&w->connection);
}
