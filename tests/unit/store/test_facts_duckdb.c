/* Protects what only the DuckDB engine promises: nothing is lost or halved when the process is
 * killed, a damaged log is repaired and said so, the memory limit fails one query only, a second
 * process is kept out, answers convert exactly, and no query can write or leave the directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/rand.h"
#include "io/log.h"
#include "store/facts.h"
#include "store/facts/duckdb_api.h"

#define ok(call)                                                                                   \
    do {                                                                                           \
        struct wn_why why = {0};                                                                   \
        wn_rc rc_ = (call);                                                                        \
        if (rc_)                                                                                   \
            print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, wn_rc_name(rc_), why.text);         \
        assert_int_equal(rc_, WN_OK);                                                              \
    } while (0)

struct fixture {
    char directory[64];
    struct wn_arena arena;
    struct wn_facts *facts;
    struct wn_str note;
};

/* ---- a directory for each case ---------------------------------------------------------------- */

static wn_rc try_open(struct fixture *x, const struct wn_facts_options *options,
                      struct wn_facts **out, struct wn_why *why)
{
    char url[128];
    snprintf(url, sizeof url, "duckdb:%s", x->directory);
    return wn_facts_open(wn_str_of(url), options, &x->arena, &x->note, out, why);
}

static void open_store(struct fixture *x, const struct wn_facts_options *options)
{
    ok(try_open(x, options, &x->facts, &why));
}

static void close_store(struct fixture *x)
{
    wn_facts_close(x->facts);
    x->facts = NULL;
}

static int set_up(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    snprintf(x->directory, sizeof x->directory, "/tmp/winnow's test-XXXXXX");
    assert_non_null(mkdtemp(x->directory));
    wn_arena_init(&x->arena, 0);
    *state = x;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    close_store(x);
    wn_arena_deinit(&x->arena);
    nftw(x->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(x);
    return 0;
}

enum { EACH = 250, DAYS = 28 };

/* Replaces 28 days of an account by 7,000 rows, all with this value. */
static void replace(struct wn_facts *f, int32_t tenant_id, int32_t account_id, int64_t value)
{
    struct wn_facts_tx *tx = NULL;
    struct wn_stat rows[EACH];
    ok(wn_facts_begin(f, tenant_id, value, value, &tx, &why));
    ok(wn_facts_tx_replace(tx, account_id, 0, DAYS - 1, &why));
    for (int32_t day = 0; day < DAYS; day++) {
        for (size_t i = 0; i < EACH; i++) {
            rows[i] = (struct wn_stat){.day = day, .account_id = account_id, .hour = -1};
            rows[i].measures[WN_MEASURE_SPEND] = value;
            rows[i].measures[WN_MEASURE_CLICKS] = (int64_t)i * 1000;
        }
        ok(wn_facts_tx_append(tx, rows, EACH, &why));
    }
    ok(wn_facts_commit(tx, &why));
}

static struct wn_table *ask(struct fixture *x, const char *text, const struct wn_value *binds,
                            size_t n_binds)
{
    struct wn_sql sql = {wn_str_of(text), binds, n_binds};
    struct wn_table *t = NULL;
    ok(wn_facts_query(x->facts, &sql, 0, &x->arena, &t, &why));
    return t;
}

static int64_t ask_int(struct fixture *x, const char *text)
{
    const struct wn_table *t = ask(x, text, NULL, 0);
    assert_int_equal(t->n_rows, 1);
    assert_int_equal(wn_table_at(t, 0, 0)->kind, WN_VALUE_INT);
    return wn_table_at(t, 0, 0)->integer;
}

/* Every account has all its rows with one value. Returns how many accounts there are. */
static int64_t expect_whole(struct fixture *x)
{
    assert_int_equal(ask_int(x, "SELECT count(*) FROM (SELECT account_id FROM ad_stats GROUP BY "
                                "account_id HAVING count(*) <> 7000 OR "
                                "count(DISTINCT loaded_at_ms) <> 1 OR "
                                "min(spend_micros) <> max(spend_micros) OR "
                                "min(spend_micros) <> min(loaded_at_ms))"),
                     0);
    return ask_int(x, "SELECT count(DISTINCT account_id) FROM ad_stats");
}

static void path_of(const struct fixture *x, const char *file, char out[256])
{
    snprintf(out, 256, "%s/%s", x->directory, file);
}

static long size_of(const struct fixture *x, const char *file)
{
    char path[256];
    struct stat info;
    path_of(x, file, path);
    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

/* ---- what stays ------------------------------------------------------------------------------- */

static void all_is_there_after_reopening(void **state)
{
    struct fixture *x = *state;
    int32_t account = 0, campaign = 0, id = 0;
    struct wn_facts_tx *tx;
    struct wn_name found;
    open_store(x, NULL);
    ok(wn_facts_begin(x->facts, 1, 1, 1, &tx, &why));
    ok(wn_facts_tx_name(tx, WN_NAME_ACCOUNT, 0, WN_STR("a"), WN_STR("A"), &account, &why));
    ok(wn_facts_tx_name(tx, WN_NAME_CAMPAIGN, account, WN_STR("a key beyond twelve bytes"),
                        WN_STR("old"), &campaign, &why));
    ok(wn_facts_commit(tx, &why));
    replace(x->facts, 1, account, 5);
    ok(wn_facts_begin(x->facts, 1, 1, 1, &tx, &why));
    ok(wn_facts_tx_name(tx, WN_NAME_CAMPAIGN, account, WN_STR("a key beyond twelve bytes"),
                        WN_STR("a new name beyond twelve"), &campaign, &why));
    ok(wn_facts_commit(tx, &why));
    close_store(x);

    open_store(x, NULL);
    assert_int_equal(x->note.n, 0);
    assert_int_equal(expect_whole(x), 1);
    ok(wn_facts_name(x->facts, 1, campaign, &x->arena, &found, &why));
    assert_true(wn_str_eq(found.name, WN_STR("a new name beyond twelve")));
    assert_int_equal(found.parent_id, account);
    replace(x->facts, 1, account, 6); /* the numbers of loads go on: the old rows do go */
    assert_int_equal(expect_whole(x), 1);
    ok(wn_facts_begin(x->facts, 1, 1, 1, &tx, &why));
    ok(wn_facts_tx_delete_account(tx, account, &why));
    ok(wn_facts_commit(tx, &why));
    close_store(x);

    open_store(x, NULL);
    assert_int_equal(ask_int(x, "SELECT count(*) FROM ad_stats"), 0);
    assert_int_equal(ask_int(x, "SELECT count(*) FROM names"), 0);
    ok(wn_facts_begin(x->facts, 1, 1, 1, &tx, &why));
    ok(wn_facts_tx_name(tx, WN_NAME_ACCOUNT, 0, WN_STR("a"), WN_STR(""), &id, &why));
    assert_int_equal(id, campaign + 1); /* never given before, also across a restart */
    wn_facts_rollback(tx);
}

/* ---- killed ----------------------------------------------------------------------------------- */

/* Replaces for ever, telling through the pipe after every commit what it has committed. */
static void write_until_killed(struct fixture *x, int pipe_fd)
{
    open_store(x, NULL);
    for (int64_t value = 100;; value++) {
        replace(x->facts, 1, 1 + (int32_t)(value % 3), value);
        if (write(pipe_fd, &value, sizeof value) != (ssize_t)sizeof value)
            _exit(1);
    }
}

static int64_t kill_a_writer(struct fixture *x, uint64_t n_commits, long more_us)
{
    int fds[2];
    int64_t value = 0, last = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(fds[0]);
        write_until_killed(x, fds[1]);
    }
    close(fds[1]);
    for (uint64_t i = 0; i < n_commits && read(fds[0], &value, sizeof value) > 0; i++)
        last = value;
    usleep((useconds_t)more_us); /* into the middle of the next one: any moment must do */
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(fds[0], &value, sizeof value) == (ssize_t)sizeof value)
        last = value;
    close(fds[0]);
    return last;
}

static void a_killed_writer_leaves_all_or_nothing(void **state)
{
    struct fixture *x = *state;
    struct wn_rand r;
    wn_rand_init(&r, 7);
    for (int round = 0; round < 6; round++) {
        int64_t last = kill_a_writer(x, 3 + wn_rand_below(&r, 8), (long)wn_rand_below(&r, 30000));
        assert_true(last >= 102);
        open_store(x, NULL);
        assert_int_equal(x->note.n, 0);
        assert_int_equal(expect_whole(x), 3);
        /* Nothing acknowledged is lost; at most the one after it is in as well. */
        int64_t newest = ask_int(x, "SELECT max(loaded_at_ms) FROM ad_stats");
        assert_true(newest == last || newest == last + 1);
        close_store(x);
    }
}

/* ---- a damaged log ---------------------------------------------------------------------------- */

/* Leaves a log with n replaces of n accounts behind, as a killed process does. */
static void leave_a_log(struct fixture *x, int32_t n)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        open_store(x, NULL);
        for (int32_t i = 1; i <= n; i++)
            replace(x->facts, 1, i, i);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    assert_true(size_of(x, "facts.duckdb.wal") > 100000);
}

static bool has_damaged_copy(const struct fixture *x)
{
    DIR *dir = opendir(x->directory);
    struct dirent *entry;
    bool found = false;
    while ((entry = readdir(dir)))
        found = found || strstr(entry->d_name, ".wal.damaged-");
    closedir(dir);
    return found;
}

typedef enum harm { CUT, ZEROS, FLIP } harm;

static void do_harm(const struct fixture *x, harm kind, long at)
{
    char path[256], zeros[4096] = {0}, byte;
    path_of(x, "facts.duckdb.wal", path);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (kind == CUT) {
        assert_int_equal(ftruncate(fd, at), 0);
    } else if (kind == ZEROS) {
        assert_int_equal(pwrite(fd, zeros, sizeof zeros, size_of(x, "facts.duckdb.wal")), 4096);
    } else {
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte = (char)(byte ^ 0x20);
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    }
    close(fd);
}

static void harm_and_reopen(void **state, harm kind, int where_percent, bool must_repair)
{
    struct fixture *x = *state;
    enum { N = 6 };
    leave_a_log(x, N);
    do_harm(x, kind, size_of(x, "facts.duckdb.wal") * where_percent / 100);
    open_store(x, NULL);
    int64_t n = expect_whole(x);
    assert_true(kind == ZEROS ? n == N : n < N);
    assert_int_equal(n ? ask_int(x, "SELECT max(account_id) FROM ad_stats") : 0, n);
    assert_int_equal(x->note.n > 0, must_repair);
    assert_int_equal(has_damaged_copy(x), must_repair);
    replace(x->facts, 1, 50, 50);
    close_store(x);
    open_store(x, NULL);
    assert_int_equal(x->note.n, 0);
    assert_int_equal(expect_whole(x), n + 1);
}

static void a_cut_log_opens(void **state)
{
    harm_and_reopen(state, CUT, 60, false);
}

static void zeros_behind_the_log_are_cut_off(void **state)
{
    harm_and_reopen(state, ZEROS, 0, true);
}

static void a_flipped_byte_ends_the_log_there(void **state)
{
    harm_and_reopen(state, FLIP, 70, true);
}

static void a_flipped_byte_early_in_the_log(void **state)
{
    harm_and_reopen(state, FLIP, 10, true);
}

static void a_broken_main_file_is_refused(void **state)
{
    struct fixture *x = *state;
    char path[256];
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    close_store(x);
    path_of(x, "facts.duckdb", path);
    FILE *file = fopen(path, "w");
    fputs("PK\003\004 this is no database, however long the text may be made to be", file);
    fclose(file);
    struct wn_why why = {0};
    struct wn_facts *f = NULL;
    assert_int_equal(try_open(x, NULL, &f, &why), WN_CORRUPT);
    assert_non_null(strstr(why.text, "facts.duckdb"));
    assert_null(f);
}

/* ---- the log stays small ---------------------------------------------------------------------- */

struct readers {
    struct wn_facts *facts;
    atomic_bool stop;
    atomic_int n_reads;
};

static void *read_on(void *context)
{
    struct readers *r = context;
    while (!atomic_load(&r->stop)) {
        struct wn_arena a;
        struct wn_table *t;
        struct wn_sql sql = {WN_STR("SELECT day, sum(spend_micros), count(DISTINCT clicks_micros) "
                                    "FROM ad_stats GROUP BY day"),
                             NULL, 0};
        wn_arena_init(&a, 0);
        ok(wn_facts_query(r->facts, &sql, 0, &a, &t, &why));
        wn_arena_deinit(&a);
        atomic_fetch_add(&r->n_reads, 1);
    }
    return NULL;
}

static void the_log_stays_small_under_readers(void **state)
{
    struct fixture *x = *state;
    struct readers r = {0};
    pthread_t threads[3];
    long largest = 0;
    open_store(x, NULL);
    r.facts = x->facts;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
    for (int64_t value = 1; value <= 60; value++) {
        replace(x->facts, 1, 1 + (int32_t)(value % 10), value);
        long size = size_of(x, "facts.duckdb.wal");
        largest = size > largest ? size : largest;
    }
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&r.n_reads) > 3);
    assert_true(largest > 1 << 20); /* else this has shown nothing */
    assert_true(largest < 2 * (16 << 20));
    assert_int_equal(expect_whole(x), 10);
}

/* ---- limits ----------------------------------------------------------------------------------- */

static void beyond_the_memory_limit_one_query_fails(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_options options = {.memory_max_bytes = 64 << 20, .n_threads = 2};
    struct wn_table *t;
    open_store(x, &options);
    for (int32_t i = 1; i <= 10; i++)
        replace(x->facts, 1, i, i);
    /* A window over a big cross product, whose states cannot be spilled. */
    struct wn_sql sql = {WN_STR("SELECT length(string_agg(repeat('x', 100), ',')) FROM ad_stats a, "
                                "(SELECT * FROM ad_stats LIMIT 300) b"),
                         NULL, 0};
    struct wn_why why = {0};
    assert_int_equal(wn_facts_query(x->facts, &sql, 0, &x->arena, &t, &why), WN_MEMORY);
    assert_non_null(strstr(why.text, "64 MiB"));
    assert_null(strstr(why.text, "SELECT"));
    assert_null(strstr(why.text, "string_agg"));
    assert_int_equal(expect_whole(x), 10);
    replace(x->facts, 1, 3, 77);
    assert_int_equal(expect_whole(x), 10);
}

static void an_answer_has_at_most_the_rows_allowed(void **state)
{
    struct fixture *x = *state;
    struct wn_table *t;
    struct wn_sql sql = {WN_STR("SELECT account_id, clicks_micros FROM ad_stats"), NULL, 0};
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    struct wn_why cause = {0};
    assert_int_equal(wn_facts_query(x->facts, &sql, 6999, &x->arena, &t, &cause), WN_LIMIT);
    assert_non_null(strstr(cause.text, "6999"));
    ok(wn_facts_query(x->facts, &sql, 7000, &x->arena, &t, &why));
    assert_int_equal(t->n_rows, 7000);
    int64_t sum = 0;
    for (size_t i = 0; i < t->n_rows; i++)
        sum += wn_table_at(t, i, 1)->integer;
    assert_int_equal(sum, (int64_t)DAYS * 1000 * EACH * (EACH - 1) / 2);
}

static void a_full_disk_loses_nothing(void **state)
{
    struct fixture *x = *state;
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    close_store(x);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit limit = {(rlim_t)(1 << 20) * 2, RLIM_INFINITY};
        struct wn_why cause = {0};
        struct wn_facts_tx *tx = NULL;
        wn_rc rc = WN_OK;
        signal(SIGXFSZ, SIG_IGN);
        open_store(x, NULL);
        setrlimit(RLIMIT_FSIZE, &limit); /* no file may grow: what a full disk does */
        ok(wn_facts_begin(x->facts, 1, 2, 2, &tx, &why));
        for (int64_t i = 0; !rc && i < 500000; i++) {
            struct wn_stat row = {.day = (int32_t)(i % 1000), .account_id = 2, .hour = -1};
            row.measures[0] = i * 7919;
            row.measures[1] = i * i;
            rc = wn_facts_tx_append(tx, &row, 1, &cause);
        }
        if (rc)
            wn_facts_rollback(tx);
        else
            rc = wn_facts_commit(tx, &cause);
        bool clear = rc == WN_DISK && cause.text[0] && !strstr(cause.text, "COMMIT");
        if (!clear)
            print_error("%s: %s\n", wn_rc_name(rc), cause.text);
        limit.rlim_cur = RLIM_INFINITY; /* there is room again: work goes on */
        setrlimit(RLIMIT_FSIZE, &limit);
        replace(x->facts, 1, 1, 3);
        bool goes_on = expect_whole(x) == 1;
        _exit(clear && goes_on ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    open_store(x, NULL);
    assert_int_equal(expect_whole(x), 1);
}

/* ---- who may open ----------------------------------------------------------------------------- */

static void a_second_opener_is_told_to_wait(void **state)
{
    struct fixture *x = *state;
    open_store(x, NULL);
    for (int i = 0; i < 3; i++) { /* the lock also survives refused attempts */
        struct wn_why why = {0};
        struct wn_facts *f = NULL;
        assert_int_equal(try_open(x, NULL, &f, &why), WN_BUSY);
        assert_non_null(strstr(why.text, "another winnow process"));
        pid_t child = fork();
        if (child == 0)
            _exit(try_open(x, NULL, &f, NULL) == WN_BUSY ? 0 : 1);
        int status = 0;
        waitpid(child, &status, 0);
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    ok(wn_facts_check(x->facts, &why));
    close_store(x);
    open_store(x, NULL);
}

static void a_newer_schema_is_refused_by_number(void **state)
{
    struct fixture *x = *state;
    char path[256];
    duckdb_database db = NULL;
    duckdb_connection c = NULL;
    open_store(x, NULL);
    close_store(x);
    path_of(x, "facts.duckdb", path);
    assert_int_equal(duckdb_open_ext(path, &db, NULL, NULL), DuckDBSuccess);
    assert_int_equal(duckdb_connect(db, &c), DuckDBSuccess);
    assert_int_equal(duckdb_query(c, "INSERT INTO schema_version VALUES (99)", NULL),
                     DuckDBSuccess);
    duckdb_disconnect(&c);
    duckdb_close(&db);
    struct wn_why why = {0};
    struct wn_facts *f = NULL;
    assert_int_equal(try_open(x, NULL, &f, &why), WN_NEWER);
    assert_non_null(strstr(why.text, "99"));
    assert_null(f);
}

static void an_unwritable_place_is_an_error(void **state)
{
    (void)state;
    struct wn_facts *f = NULL;
    struct wn_arena a;
    struct wn_str note;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    assert_int_not_equal(
        wn_facts_open(WN_STR("duckdb:/proc/nowhere/data"), NULL, &a, &note, &f, &why), WN_OK);
    assert_true(why.text[0]);
    assert_null(f);
    wn_arena_deinit(&a);
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void expect_int(const struct wn_value *v, int64_t i)
{
    assert_int_equal(v->kind, WN_VALUE_INT);
    assert_true(v->integer == i);
}

static void expect_real(const struct wn_value *v, double x, double tolerance)
{
    assert_int_equal(v->kind, WN_VALUE_REAL);
    assert_true(v->real >= x - tolerance && v->real <= x + tolerance);
}

static void every_type_arrives_as_a_value(void **state)
{
    struct fixture *x = *state;
    open_store(x, NULL);
    const struct wn_table *t =
        ask(x,
            "SELECT true, (-128)::TINYINT, (-32768)::SMALLINT, (-2147483648)::INTEGER,"
            " (-9223372036854775807 - 1)::BIGINT, 255::UTINYINT, 65535::USMALLINT,"
            " 4294967295::UINTEGER, 18446744073709551615::UBIGINT, 1.5::FLOAT, 0.1::DOUBLE,"
            " DATE '2026-11-20', 12.345::DECIMAL(5,3), (-1234567890123456789.25)::DECIMAL(30,2),"
            " 'text', NULL, 'nan'::DOUBLE, 'inf'::DOUBLE, '-inf'::DOUBLE,"
            " 9223372036854775807::HUGEINT, 9223372036854775808::HUGEINT,"
            " (-9223372036854775808)::HUGEINT, (-9223372036854775809)::HUGEINT, -1::HUGEINT,"
            " 'a text that is longer than twelve bytes: ü'",
            NULL, 0);
    static const int64_t ints[] = {1, -128, -32768, INT32_MIN, INT64_MIN, 255, 65535, UINT32_MAX};
    for (size_t i = 0; i < WN_COUNT(ints); i++)
        expect_int(wn_table_at(t, 0, i), ints[i]);
    expect_real(wn_table_at(t, 0, 8), 18446744073709551615.0, 0);
    expect_real(wn_table_at(t, 0, 9), 1.5, 0);
    expect_real(wn_table_at(t, 0, 10), 0.1, 0);
    expect_int(wn_table_at(t, 0, 11), 20777); /* days since the epoch */
    expect_real(wn_table_at(t, 0, 12), 12.345,
                1e-15); /* one division: half a unit in the last place */
    expect_real(wn_table_at(t, 0, 13), -1234567890123456789.25, 256);
    assert_true(wn_str_eq(wn_table_at(t, 0, 14)->text, WN_STR("text")));
    for (size_t i = 15; i < 19; i++)
        assert_int_equal(wn_table_at(t, 0, i)->kind, WN_VALUE_NONE);
    expect_int(wn_table_at(t, 0, 19), INT64_MAX);
    expect_real(wn_table_at(t, 0, 20), 9223372036854775808.0, 0);
    expect_int(wn_table_at(t, 0, 21), INT64_MIN);
    expect_real(wn_table_at(t, 0, 22), -9223372036854775809.0, 0);
    expect_int(wn_table_at(t, 0, 23), -1);
    assert_true(wn_str_eq(wn_table_at(t, 0, 24)->text,
                          WN_STR("a text that is longer than twelve bytes: ü")));
    assert_int_equal(t->n_columns, 25);
}

static void types_without_meaning_are_refused(void **state)
{
    struct fixture *x = *state;
    static const char *const texts[] = {"SELECT [1, 2]", "SELECT {'a': 1}", "SELECT uuid()",
                                        "SELECT INTERVAL 1 DAY", "SELECT 'x'::BLOB"};
    open_store(x, NULL);
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        struct wn_sql sql = {wn_str_of(texts[i]), NULL, 0};
        struct wn_table *t;
        assert_int_equal(wn_facts_query(x->facts, &sql, 0, &x->arena, &t, NULL), WN_INTERNAL);
    }
}

static void values_are_bound_not_pasted(void **state)
{
    struct fixture *x = *state;
    struct wn_str nasty = WN_STR("'; DROP TABLE ad_stats; -- \"ü\" $1 ?");
    const struct wn_value binds[] = {{.kind = WN_VALUE_TEXT, .text = nasty},
                                     {.kind = WN_VALUE_INT, .integer = INT64_MIN},
                                     {.kind = WN_VALUE_REAL, .real = -0.1},
                                     {.kind = WN_VALUE_NONE},
                                     {.kind = WN_VALUE_TEXT}};
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    const struct wn_table *t = ask(x, "SELECT ?, ?, ?, ?, ?", binds, 5);
    assert_true(wn_str_eq(wn_table_at(t, 0, 0)->text, nasty));
    expect_int(wn_table_at(t, 0, 1), INT64_MIN);
    expect_real(wn_table_at(t, 0, 2), -0.1, 0);
    assert_int_equal(wn_table_at(t, 0, 3)->kind, WN_VALUE_NONE);
    assert_int_equal(wn_table_at(t, 0, 4)->text.n, 0);
    struct wn_sql too_few = {WN_STR("SELECT ?, ?"), binds, 1};
    struct wn_table *none;
    assert_int_equal(wn_facts_query(x->facts, &too_few, 0, &x->arena, &none, NULL), WN_INTERNAL);
    assert_int_equal(expect_whole(x), 1);
}

/* Plans are kept, and a plan knows which values there were: it must not outlive them. */
static void a_question_asked_again_sees_what_is_new(void **state)
{
    struct fixture *x = *state;
    static const char question[] = "SELECT count(*) FROM ad_stats WHERE account_id > 50";
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask_int(x, question), 0);
    replace(x->facts, 1, 99, 1);
    for (int i = 0; i < 20; i++) { /* more questions than are kept */
        char other[64];
        snprintf(other, sizeof other, "SELECT count(*) + %d FROM ad_stats", i);
        assert_int_equal(ask_int(x, question), 7000);
        assert_int_equal(ask_int(x, other), 14000 + i);
        assert_int_equal(ask_int(x, other), 14000 + i);
    }
    const struct wn_value binds[] = {{.kind = WN_VALUE_INT, .integer = 7},
                                     {.kind = WN_VALUE_TEXT, .text = WN_STR("seven")},
                                     {.kind = WN_VALUE_INT, .integer = -7}};
    expect_int(wn_table_at(ask(x, "SELECT ?", &binds[0], 1), 0, 0), 7);
    assert_true(
        wn_str_eq(wn_table_at(ask(x, "SELECT ?", &binds[1], 1), 0, 0)->text, WN_STR("seven")));
    expect_int(wn_table_at(ask(x, "SELECT ?", &binds[2], 1), 0, 0), -7);
}

static void a_query_can_neither_write_nor_leave(void **state)
{
    struct fixture *x = *state;
    static const char *const texts[] = {
        "DELETE FROM ad_stats",
        "INSERT INTO names VALUES (1, 1, 1, 0, 'k', 'n')",
        "DROP TABLE ad_stats",
        "SELECT 1; DROP TABLE ad_stats",
        "SET memory_limit='1GB'",
        "SET enable_external_access=true",
        "ATTACH '/tmp/elsewhere.duckdb'",
        "COPY ad_stats TO '/tmp/winnow-stolen.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT nonsense FROM ad_stats",
        "SELECT (",
        "",
        "SELECT 1 / 0 FROM nowhere",
        "SELECT 'abc'::INTEGER",
    };
    open_store(x, NULL);
    replace(x->facts, 1, 1, 1);
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        struct wn_sql sql = {wn_str_of(texts[i]), NULL, 0};
        struct wn_table *t;
        struct wn_why why = {0};
        wn_rc rc = wn_facts_query(x->facts, &sql, 0, &x->arena, &t, &why);
        if (!rc)
            print_error("went through: %s\n", texts[i]);
        assert_int_not_equal(rc, WN_OK);
        assert_true(why.text[0]);
        assert_null(strstr(why.text, "ad_stats")); /* people see no SQL */
        assert_null(strstr(why.text, "nowhere"));
    }
    assert_int_equal(expect_whole(x), 1);
    ok(wn_facts_check(x->facts, &why));
}

static void one_reader_at_a_time_still_serves_many(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_options options = {.n_readers_max = 1};
    struct readers r = {0};
    pthread_t threads[4];
    open_store(x, &options);
    replace(x->facts, 1, 1, 1);
    r.facts = x->facts;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &r), 0);
    while (atomic_load(&r.n_reads) < 40)
        usleep(1000);
    atomic_store(&r.stop, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* Those that fork come first: no thread of the engine runs yet. */
        CASE(a_killed_writer_leaves_all_or_nothing),
        CASE(a_cut_log_opens),
        CASE(zeros_behind_the_log_are_cut_off),
        CASE(a_flipped_byte_ends_the_log_there),
        CASE(a_flipped_byte_early_in_the_log),
        CASE(a_full_disk_loses_nothing),
        CASE(a_second_opener_is_told_to_wait),
        CASE(all_is_there_after_reopening),
        CASE(a_broken_main_file_is_refused),
        CASE(the_log_stays_small_under_readers),
        CASE(beyond_the_memory_limit_one_query_fails),
        CASE(an_answer_has_at_most_the_rows_allowed),
        CASE(a_newer_schema_is_refused_by_number),
        CASE(an_unwritable_place_is_an_error),
        CASE(every_type_arrives_as_a_value),
        CASE(types_without_meaning_are_refused),
        CASE(values_are_bound_not_pasted),
        CASE(a_question_asked_again_sees_what_is_new),
        CASE(a_query_can_neither_write_nor_leave),
        CASE(one_reader_at_a_time_still_serves_many),
    };
    /* The engine's own words are expected here and would only hide what fails. */
    if (wn_log_open("/dev/null", WN_LOG_ERROR, NULL))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
