#include <string.h>

#include "io/log.h"
#include "store/facts/duckdb_int.h"

/* The engine says what went wrong in words; these have been met. The first that fits counts. */
static const struct {
    const char *part;
    wn_rc rc;
} meanings[] = {
    {"No space left on device", WN_DISK},
    {"File too large", WN_DISK},
    {"Disk quota exceeded", WN_DISK},
    {"Read-only file system", WN_DISK},
    {"Out of Memory Error", WN_MEMORY},
    {"could not allocate", WN_MEMORY},
    {"failed to allocate", WN_MEMORY},
    {"failed to pin block", WN_MEMORY},
    {"INTERRUPT Error", WN_CANCELLED},
    {"Could not set lock on file", WN_BUSY},
    {"trying to read a database file with version number", WN_NEWER},
    {"Corrupt", WN_CORRUPT},
    {"corrupt", WN_CORRUPT},
    {"not a valid DuckDB database file", WN_CORRUPT},
    {"Serialization Error", WN_CORRUPT},
    {"IO Error", WN_IO},
};

wn_rc wn_duck_rc(const char *text)
{
    for (size_t i = 0; text && i < WN_COUNT(meanings); i++)
        if (strstr(text, meanings[i].part))
            return meanings[i].rc;
    return WN_INTERNAL;
}

wn_rc wn_duck_fail(const struct duck_facts *d, struct wn_why *why, const char *doing,
                   const char *text)
{
    wn_rc rc = wn_duck_rc(text);
    wn_log(WN_LOG_ERROR, "facts_engine_failed", WN_LOG_TEXT("doing", wn_str_of(doing)),
           WN_LOG_TEXT("said", wn_str_of(text ? text : "nothing")));
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL,
                       "could not %s within the %llu MiB of memory the facts may use: ask for less "
                       "(fewer days or dimensions) or allow more",
                       doing, (unsigned long long)(d->options.memory_max_bytes >> 20));
    return wn_fail(why, rc, NULL, "could not %s: %s", doing, wn_rc_text(rc));
}

wn_rc wn_duck_run(const struct duck_facts *d, duckdb_connection c, const char *sql,
                  const char *doing, struct wn_why *why)
{
    duckdb_result result = {0};
    wn_rc rc = WN_OK;
    if (duckdb_query(c, sql, &result) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, doing, duckdb_result_error(&result));
    duckdb_destroy_result(&result);
    return rc;
}
