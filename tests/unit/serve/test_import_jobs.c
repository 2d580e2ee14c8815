/* Protects the queue of imports: bounded, in order, cancelled at stop, and no record of it left
 * "running". */
#include "serve/health.h"
#include "serve/import_jobs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char dir[64];
    struct wn_arena a;
    struct wn_app app;
};

static int set_up(void **state)
{
    char url[128];
    struct wn_str note;
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/winnow-jobs-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    wn_arena_init(&f->a, 0);
    snprintf(url, sizeof url, "sqlite:%s/catalog.sqlite", f->dir);
    assert_int_equal(wn_catalog_open(wn_str_of(url), &f->app.catalog, NULL), WN_OK);
    assert_int_equal(wn_facts_open(WN_STR("memory:"), NULL, &f->a, &note, &f->app.facts, NULL),
                     WN_OK);
    f->app.version = "test";
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"catalog.sqlite", "catalog.sqlite-wal",
                                        "catalog.sqlite-shm"};
    struct fixture *f = *state;
    char path[128];
    wn_facts_close(f->app.facts);
    wn_catalog_close(f->app.catalog);
    wn_arena_deinit(&f->a);
    for (size_t i = 0; i < WN_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
        unlink(path);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

/* A spooled upload of one row, in an account of its own. */
static wn_rc add(struct fixture *f, int number, int64_t *id, struct wn_why *why)
{
    char text[128], account[32];
    struct wn_reader spool;
    int n = snprintf(text, sizeof text, "Date,Campaign,Channel,Spend\n2024-01-%02d,A,facebook,%d\n",
                     number, number);
    snprintf(account, sizeof account, "account %d", number);
    assert_int_equal(wn_spool_open(f->dir, &spool, NULL), WN_OK);
    assert_int_equal(wn_spool_append(&spool, 1000, (struct wn_str){text, (size_t)n}, NULL), WN_OK);
    struct wn_import_options options = {.file_name = WN_STR("one.csv"),
                                        .account = wn_str_of(account)};
    wn_rc rc = wn_import_jobs_add(f->app.import_jobs, &spool, &options, 1, id, why);
    assert_int_equal(rc == WN_OK, spool.fd == -1); /* taken exactly on success */
    wn_reader_close(&spool);
    return rc;
}

static void pause_briefly(void)
{
    struct timespec t = {0, 2000000};
    nanosleep(&t, NULL);
}

/* The thread has no other sign of its progress than its counters. */
static void wait_for(struct fixture *f, uint64_t n_ended, uint64_t n_running, uint64_t n_waiting)
{
    struct wn_import_job_counts c = {0};
    for (int i = 0; i < 10000; i++) {
        wn_import_jobs_get_counts(f->app.import_jobs, &c);
        if (c.n_done + c.n_failed + c.n_unchanged == n_ended && c.n_running == n_running &&
            c.n_waiting == n_waiting)
            return;
        pause_briefly();
    }
    fail_msg("%d done, %d failed, %d running, %d waiting", (int)c.n_done, (int)c.n_failed,
             (int)c.n_running, (int)c.n_waiting);
}

static struct wn_import_record record_of(struct fixture *f, int64_t id)
{
    struct wn_import_record record;
    assert_int_equal(wn_catalog_import(f->app.catalog, WN_TENANT_DEFAULT, id, &f->a, &record, NULL),
                     WN_OK);
    return record;
}

static void one_runs_eight_wait_more_are_refused(void **state)
{
    struct fixture *f = *state;
    struct wn_facts_tx *tx = NULL;
    struct wn_why why = {0};
    struct wn_import_record *all;
    int64_t ids[1 + WN_IMPORT_JOBS_WAITING_MAX], id;
    size_t n_records;
    assert_int_equal(wn_import_jobs_start(&f->app, &f->app.import_jobs, NULL), WN_OK);
    /* Whoever owns the writer keeps the first import from going on. */
    assert_int_equal(wn_facts_begin(f->app.facts, WN_TENANT_DEFAULT, 0, 1, &tx, NULL), WN_OK);
    assert_int_equal(add(f, 1, &ids[0], NULL), WN_OK);
    wait_for(f, 0, 1, 0);
    for (int i = 1; i <= WN_IMPORT_JOBS_WAITING_MAX; i++)
        assert_int_equal(add(f, 1 + i, &ids[i], NULL), WN_OK);
    assert_int_equal(add(f, 20, &id, &why), WN_BUSY);
    assert_non_null(strstr(why.text, "waiting"));
    /* The refused one left no record. */
    assert_int_equal(
        wn_catalog_imports(f->app.catalog, WN_TENANT_DEFAULT, 100, &f->a, &all, &n_records, NULL),
        WN_OK);
    assert_int_equal(n_records, WN_COUNT(ids));
    assert_int_equal(record_of(f, ids[3]).state, WN_IMPORT_RUNNING);

    wn_facts_rollback(tx);
    wait_for(f, WN_COUNT(ids), 0, 0);
    for (size_t i = 0; i < WN_COUNT(ids); i++) {
        struct wn_import_job_view view;
        assert_int_equal(record_of(f, ids[i]).state, WN_IMPORT_DONE);
        assert_true(wn_import_jobs_get(f->app.import_jobs, ids[i], &view));
        assert_true(view.has_ended);
        assert_int_equal(view.rc, WN_OK);
    }
    assert_int_equal(add(f, 21, &id, NULL), WN_OK);
    wn_import_jobs_stop(f->app.import_jobs);
}

static void stop_cancels_what_waits(void **state)
{
    struct fixture *f = *state;
    struct wn_facts_tx *tx = NULL;
    struct wn_arena a;
    int64_t first, second;
    assert_int_equal(wn_import_jobs_start(&f->app, &f->app.import_jobs, NULL), WN_OK);
    assert_int_equal(wn_facts_begin(f->app.facts, WN_TENANT_DEFAULT, 0, 1, &tx, NULL), WN_OK);
    assert_int_equal(add(f, 1, &first, NULL), WN_OK);
    wait_for(f, 0, 1, 0);
    assert_int_equal(add(f, 2, &second, NULL), WN_OK);
    wn_facts_rollback(tx);
    wn_import_jobs_stop(f->app.import_jobs);
    /* The first may have got through before the stop; none may be left open. */
    wn_arena_init(&a, 0);
    assert_int_not_equal(record_of(f, first).state, WN_IMPORT_RUNNING);
    assert_int_not_equal(record_of(f, second).state, WN_IMPORT_RUNNING);
    wn_arena_deinit(&a);
}

static void records_of_a_dead_process_are_closed(void **state)
{
    struct fixture *f = *state;
    struct wn_import_record record = {.tenant_id = WN_TENANT_DEFAULT,
                                      .state = WN_IMPORT_RUNNING,
                                      .file_name = WN_STR("old.csv"),
                                      .created_at_ms = 1};
    struct wn_import_job_view view;
    int64_t id;
    assert_int_equal(wn_catalog_add_import(f->app.catalog, &record, &id, NULL), WN_OK);
    assert_int_equal(wn_import_jobs_start(&f->app, &f->app.import_jobs, NULL), WN_OK);
    record = record_of(f, id);
    assert_int_equal(record.state, WN_IMPORT_FAILED);
    assert_true(record.finished_at_ms > 0);
    assert_true(wn_str_eq(record.file_name, WN_STR("old.csv")));
    assert_false(wn_import_jobs_get(f->app.import_jobs, id, &view));
    wn_import_jobs_stop(f->app.import_jobs);
    wn_import_jobs_stop(NULL);
}

static void a_bad_file_keeps_its_reason(void **state)
{
    struct fixture *f = *state;
    struct wn_reader spool;
    struct wn_import_job_view view;
    struct wn_import_options options = {.file_name = WN_STR("cut.csv")};
    int64_t id;
    assert_int_equal(wn_import_jobs_start(&f->app, &f->app.import_jobs, NULL), WN_OK);
    assert_int_equal(wn_spool_open(f->dir, &spool, NULL), WN_OK);
    assert_int_equal(wn_spool_append(&spool, 1000, WN_STR("Date,Spend\n2024-01-01,\"1\n"), NULL),
                     WN_OK);
    assert_int_equal(wn_import_jobs_add(f->app.import_jobs, &spool, &options, 1, &id, NULL), WN_OK);
    wait_for(f, 1, 0, 0);
    assert_true(wn_import_jobs_get(f->app.import_jobs, id, &view));
    assert_int_equal(view.rc, WN_INVALID);
    assert_true(strlen(view.why.text) > 10);
    assert_int_equal(record_of(f, id).state, WN_IMPORT_FAILED);
    wn_import_jobs_stop(f->app.import_jobs);
}

static void health_is_asked_once_a_second(void **state)
{
    struct fixture *f = *state;
    struct wn_health *h = NULL;
    wn_rc catalog = WN_IO, facts = WN_IO;
    assert_int_equal(wn_health_new(&h, NULL), WN_OK);
    assert_true(wn_health_claim(h, 1));
    wn_health_check(h, &f->app);
    wn_health_get(h, &catalog, &facts);
    assert_int_equal(catalog, WN_OK);
    assert_int_equal(facts, WN_OK);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now_ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    assert_false(wn_health_claim(h, now_ns));
    assert_true(wn_health_claim(h, now_ns + INT64_C(2000000000)));
    assert_false(wn_health_claim(h, now_ns + INT64_C(3000000000))); /* somebody is at it */
    assert_true(wn_health_claim(h, now_ns + INT64_C(12000000000))); /* and never came back */
    wn_health_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_runs_eight_wait_more_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stop_cancels_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_of_a_dead_process_are_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_keeps_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(health_is_asked_once_a_second, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
