/* The facts in DuckDB, inside the process: DIRECTORY/facts.duckdb, its log facts.duckdb.wal, the
 * lock facts.lock and temporary files in tmp/. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/facts/duckdb_int.h"

static void duck_close(struct wn_facts *f)
{
    struct duck_facts *d = (struct duck_facts *)f;
    wn_duck_writer_stop(d);
    wn_duck_readers_free(d);
    duckdb_close(&d->db);
    wn_lock_drop(&d->lock); /* last: until here nobody else may open the files */
    wn_names_deinit(&d->base.names);
    pthread_mutex_destroy(&d->readers_lock);
    pthread_cond_destroy(&d->reader_left);
    free(d->directory);
    free(d);
}

static wn_rc take_lock(struct duck_facts *d, struct wn_why *why)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/facts.lock", d->directory);
    if (n < 0 || (size_t)n >= sizeof path - 64) /* room for the other files' names */
        return wn_fail(why, WN_INVALID, "facts", "the path of the data directory is too long");
    struct wn_why cause = {0};
    wn_rc rc = wn_lock_take(path, &d->lock, &cause);
    if (rc == WN_BUSY)
        return wn_fail(why, rc, NULL,
                       "another winnow process is using the data directory %s: stop it first, or "
                       "let it do the work",
                       d->directory);
    return rc ? wn_fail(why, rc, cause.field, "%s", cause.text) : WN_OK;
}

static wn_rc open_files(struct duck_facts *d, struct wn_arena *a, struct wn_str *note,
                        struct wn_why *why)
{
    wn_rc rc = wn_dir_make(d->directory, why);
    if (!rc)
        rc = take_lock(d, why);
    if (!rc)
        rc = wn_duck_open_db(d, a, note, why);
    if (!rc)
        rc = wn_duck_migrate(d, why);
    if (!rc)
        rc = wn_duck_load_names(d, why);
    if (!rc)
        rc = wn_duck_readers_new(d, why);
    if (!rc)
        rc = wn_duck_writer_start(d, why);
    return rc;
}

static wn_rc duck_open(struct wn_str rest, const struct wn_facts_options *options,
                       struct wn_arena *a, struct wn_str *note, struct wn_facts **out,
                       struct wn_why *why)
{
    if (rest.n == 0 || wn_str_find_char(rest, '\0') < rest.n)
        return wn_fail(why, WN_INVALID, "facts", "duckdb: needs a directory");
    struct duck_facts *d = calloc(1, sizeof *d);
    if (!d)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the facts");
    d->options = *options;
    d->lock.fd = -1;
    wn_names_init(&d->base.names);
    pthread_mutex_init(&d->readers_lock, NULL);
    pthread_condattr_t attributes; /* a wait's deadline is of the clock that never jumps */
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&d->reader_left, &attributes);
    pthread_condattr_destroy(&attributes);
    snprintf(d->engine_name, sizeof d->engine_name, "duckdb %s",
             duckdb_library_version() + (duckdb_library_version()[0] == 'v'));
    d->directory = strndup(rest.p, rest.n);
    wn_rc rc = d->directory ? open_files(d, a, note, why)
                            : wn_fail(why, WN_MEMORY, NULL, "no memory for the facts");
    if (rc) {
        duck_close(&d->base);
        return rc;
    }
    *out = &d->base;
    return WN_OK;
}

static const char *duck_engine(const struct wn_facts *f)
{
    return ((const struct duck_facts *)f)->engine_name;
}

const struct wn_facts_ops wn_facts_duckdb = {
    .scheme = "duckdb",
    .open = duck_open,
    .close = duck_close,
    .engine = duck_engine,
    .check = wn_duck_check,
    .begin = wn_duck_begin,
    .append = wn_duck_append,
    .commit = wn_duck_commit,
    .rollback = wn_duck_rollback,
    .query = wn_duck_query,
    .scan = wn_duck_scan,
};
