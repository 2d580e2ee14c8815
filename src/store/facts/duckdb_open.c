#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/num.h"
#include "io/clock.h"
#include "store/facts/duckdb_int.h"

enum { PATH_BYTES = 4096, REPAIRS_MAX = 3 };

/* ---- the write-ahead log after a crash -------------------------------------------------------- */

/* The position in "Corrupt WAL file: entry at byte position N ...". */
static bool parse_corrupt_at(const char *text, uint64_t *out)
{
    static const char before[] = "entry at byte position ";
    const char *at = text && strstr(text, "WAL") ? strstr(text, before) : NULL;
    if (!at)
        return false;
    struct wn_str digits = wn_str_of(at + sizeof before - 1);
    size_t n = 0;
    while (n < digits.n && digits.p[n] >= '0' && digits.p[n] <= '9')
        n++;
    return wn_parse_u64(wn_str_slice(digits, 0, n), out);
}

static bool copy_bytes(int from, int to)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t written = write(to, bytes + done, (size_t)(n - done));
            if (written <= 0)
                return false;
            done += written;
        }
    return n == 0;
}

static wn_rc keep_copy(const char *wal, const char *copy, struct wn_why *why)
{
    int from = open(wal, O_RDONLY | O_CLOEXEC);
    int to = from < 0 ? -1 : open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = to >= 0 && copy_bytes(from, to) && fsync(to) == 0;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return ok ? WN_OK
              : wn_fail(why, WN_DISK, NULL, "cannot keep a copy of the damaged log %s", wal);
}

/* Cuts the log where its last good entry ends: each entry is preceded by 16 bytes of size and
 * checksum, and the position named is behind them. What stood in front of it stays. */
static wn_rc repair_log(const struct duck_facts *d, uint64_t corrupt_at, struct wn_arena *a,
                        struct wn_str *note, struct wn_why *why)
{
    char wal[PATH_BYTES], copy[PATH_BYTES];
    snprintf(wal, sizeof wal, "%s/facts.duckdb.wal", d->directory);
    snprintf(copy, sizeof copy, "%s/facts.duckdb.wal.damaged-%" PRId64, d->directory,
             wn_clock_now_ms());
    struct stat info;
    uint64_t keep = corrupt_at > 16 ? corrupt_at - 16 : 0;
    if (stat(wal, &info) != 0 || (uint64_t)info.st_size <= keep)
        return wn_fail(why, WN_CORRUPT, NULL, "the facts' log %s is damaged", wal);
    wn_rc rc = keep_copy(wal, copy, why);
    if (rc)
        return rc;
    if (truncate(wal, (off_t)keep) != 0)
        return wn_fail(why, WN_DISK, NULL, "cannot cut the damaged log %s", wal);
    struct wn_str said = wn_arena_printf(
        a,
        "%s%sThe end of the facts' log was damaged, most likely by a power failure: %" PRIu64
        " of its %" PRIu64 " bytes were kept. Everything committed before them is there; import "
        "again what came last. A copy is kept as %s.",
        note->n ? note->p : "", note->n ? " " : "", keep, (uint64_t)info.st_size, copy);
    if (!said.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for a note");
    *note = said;
    return WN_OK;
}

/* ---- opening ---------------------------------------------------------------------------------- */

static wn_rc fail_open(const struct duck_facts *d, const char *text, struct wn_why *why)
{
    wn_rc rc = wn_duck_rc(text);
    if (rc == WN_NEWER)
        return wn_fail(why, rc, NULL, "the facts in %s were written by a newer version of winnow",
                       d->directory);
    if (rc == WN_CORRUPT)
        return wn_fail(why, rc, NULL, "%s/facts.duckdb is damaged or is no facts file",
                       d->directory);
    if (rc == WN_BUSY)
        return wn_fail(why, rc, NULL, "another program has %s/facts.duckdb open", d->directory);
    return wn_duck_fail(d, why, "open the facts", text);
}

static wn_rc open_once(struct duck_facts *d, bool *damaged, uint64_t *corrupt_at,
                       struct wn_why *why)
{
    char path[PATH_BYTES];
    char *text = NULL;
    duckdb_config config = NULL;
    snprintf(path, sizeof path, "%s/facts.duckdb", d->directory);
    *damaged = false;
    if (duckdb_create_config(&config) != DuckDBSuccess ||
        duckdb_set_config(config, "autoinstall_known_extensions", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "autoload_known_extensions", "false") != DuckDBSuccess) {
        duckdb_destroy_config(&config);
        return wn_fail(why, WN_INTERNAL, NULL, "this DuckDB does not know its own settings");
    }
    wn_rc rc = WN_OK;
    if (duckdb_open_ext(path, &d->db, config, &text) != DuckDBSuccess) {
        *damaged = parse_corrupt_at(text, corrupt_at);
        rc = *damaged ? WN_CORRUPT : fail_open(d, text, why);
        duckdb_free(text);
        duckdb_close(&d->db);
    }
    duckdb_destroy_config(&config);
    return rc;
}

/* ---- settings --------------------------------------------------------------------------------- */

static void append_quoted(struct wn_buf *b, const char *text)
{
    wn_buf_append_char(b, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            wn_buf_append_char(b, '\'');
        wn_buf_append_char(b, *text);
    }
    wn_buf_append_char(b, '\'');
}

/* The order matters: directories before external access goes, the lock last of all. */
static void append_settings(const struct duck_facts *d, const char *tmp, struct wn_buf *b)
{
    wn_buf_append_z(b, "SET allowed_directories=[");
    append_quoted(b, d->directory);
    wn_buf_append_z(b, "];SET temp_directory=");
    append_quoted(b, tmp);
    wn_buf_append_z(b, ";SET enable_external_access=false;");
    wn_buf_printf(b, "SET memory_limit='%" PRIu64 "KiB';", d->options.memory_max_bytes >> 10);
    wn_buf_printf(b, "SET threads=%d;", d->options.n_threads);
    wn_buf_printf(b, "SET checkpoint_threshold='%uKiB';", WN_DUCK_CHECKPOINT_BYTES >> 10);
    wn_buf_append_z(b, "SET lock_configuration=true;");
    wn_buf_append_char(b, '\0');
}

static wn_rc apply_settings(struct duck_facts *d, const char *tmp, struct wn_why *why)
{
    struct wn_buf sql;
    duckdb_connection c = NULL;
    wn_buf_init(&sql, 65536);
    append_settings(d, tmp, &sql);
    wn_rc rc = wn_buf_check(&sql, why);
    if (!rc && duckdb_connect(d->db, &c) != DuckDBSuccess)
        rc = wn_fail(why, WN_MEMORY, NULL, "could not connect to the facts");
    if (!rc)
        rc = wn_duck_run(d, c, sql.p, "set the facts' engine up", why);
    duckdb_disconnect(&c);
    wn_buf_deinit(&sql);
    return rc;
}

/* What a killed process left in the directory of temporary files. We hold the lock: nobody's. */
static void clear_temporary(const char *tmp)
{
    DIR *dir = opendir(tmp);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (strncmp(entry->d_name, "duckdb_temp_", 12) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

wn_rc wn_duck_open_db(struct duck_facts *d, struct wn_arena *a, struct wn_str *note,
                      struct wn_why *why)
{
    char tmp[PATH_BYTES];
    snprintf(tmp, sizeof tmp, "%s/tmp", d->directory);
    wn_rc rc = wn_dir_make(tmp, why);
    if (rc)
        return rc;
    clear_temporary(tmp);
    for (int n_repairs = 0;; n_repairs++) {
        bool damaged;
        uint64_t corrupt_at = 0;
        rc = open_once(d, &damaged, &corrupt_at, why);
        if (!damaged)
            break;
        if (n_repairs == REPAIRS_MAX)
            return wn_fail(why, WN_CORRUPT, NULL, "the facts' log in %s cannot be repaired",
                           d->directory);
        rc = repair_log(d, corrupt_at, a, note, why);
        if (rc)
            return rc;
    }
    return rc ? rc : apply_settings(d, tmp, why);
}
