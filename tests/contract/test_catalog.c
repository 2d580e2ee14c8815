/* Protects the promises of store/catalog.h over every engine: what is put comes back byte by byte,
 * "not known" never overwrites what is known, tenants and foreign keys hold, the schema migrates
 * from nothing and refuses a newer one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "io/log.h"
#include "store/catalog.h"

#define ok(call)                                                                                   \
    do {                                                                                           \
        struct wn_why why = {0};                                                                   \
        wn_rc rc_ = (call);                                                                        \
        if (rc_)                                                                                   \
            print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, wn_rc_name(rc_), why.text);         \
        assert_int_equal(rc_, WN_OK);                                                              \
    } while (0)

static const struct {
    const char *name;
    const char *url_in_memory; /* NULL = the engine has none */
    const char *file;
} engines[] = {{"sqlite", "sqlite::memory:", "deeper/catalog.db"}};

struct fixture {
    size_t engine;
    char directory[64];
    struct wn_arena arena;
    struct wn_catalog *catalog;
};

static void open_file(struct fixture *x)
{
    char url[160];
    snprintf(url, sizeof url, "%s:%s/%s", engines[x->engine].name, x->directory,
             engines[x->engine].file);
    ok(wn_catalog_open(wn_str_of(url), &x->catalog, &why));
}

static int open_catalog(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    x->engine = *(const size_t *)*state;
    snprintf(x->directory, sizeof x->directory, "/tmp/winnow-test-XXXXXX");
    assert_non_null(mkdtemp(x->directory));
    wn_arena_init(&x->arena, 0);
    open_file(x);
    *state = x;
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int close_catalog(void **state)
{
    struct fixture *x = *state;
    wn_catalog_close(x->catalog);
    wn_arena_deinit(&x->arena);
    nftw(x->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(x);
    return 0;
}

static void reopen(struct fixture *x)
{
    wn_catalog_close(x->catalog);
    open_file(x);
}

static void expect_text(struct wn_str found, const char *text)
{
    if (!wn_str_eq(found, wn_str_of(text)))
        print_error("'%.*s' instead of '%s'\n", WN_STR_ARG(found), text);
    assert_true(wn_str_eq(found, wn_str_of(text)));
}

static const char nasty[] = "Ünï ☕ 日本 \xF0\x9F\x9A\x80 '; DROP TABLE campaigns; -- \" \\ %s ?1\n";

static void put_account(struct fixture *x, int32_t account_id, const char *name)
{
    struct wn_account a = {1,
                           account_id,
                           wn_str_of(name),
                           WN_STR("meta"),
                           WN_STR("EUR"),
                           account_id % 2 == 0,
                           1000 + account_id};
    ok(wn_catalog_put_account(x->catalog, &a, &why));
}

static struct wn_campaign campaign(int32_t campaign_id, int32_t account_id)
{
    return (struct wn_campaign){
        .tenant_id = 1,
        .campaign_id = campaign_id,
        .account_id = account_id,
        .channel = 255,
        .key = wn_str_of("key"),
        .name = wn_str_of(nasty),
        .target_audience = wn_str_of("Men 18-24"),
        .goal = wn_str_of("Product Launch"),
        .location = wn_str_of("Miami"),
        .language = wn_str_of("Deutsch"),
        .customer_segment = wn_str_of("Health"),
        .company = wn_str_of("Aura Align"),
        .status = wn_str_of("Enabled"),
        .duration_days = 15,
        .reported_conversion_rate_ratio = 0.15,
        .reported_roi_ratio = 5.79,
        .engagement_score = 4,
        .source_id = INT64_MAX,
        .created_at_ms = 5,
        .updated_at_ms = INT64_MIN,
    };
}

static size_t list(struct fixture *x, int32_t tenant_id, const struct wn_campaign_filter *filter,
                   struct wn_campaign **out)
{
    size_t n = 0;
    ok(wn_catalog_campaigns(x->catalog, tenant_id, filter, &x->arena, out, &n, &why));
    return n;
}

/* ---- opening ---------------------------------------------------------------------------------- */

static void starts_with_one_workspace(void **state)
{
    struct fixture *x = *state;
    struct wn_tenant t;
    assert_true(wn_str_starts(wn_str_of(wn_catalog_engine(x->catalog)),
                              wn_str_of(engines[x->engine].name)));
    assert_true(wn_catalog_schema_version(x->catalog) >= 1);
    ok(wn_catalog_check(x->catalog, &why));
    ok(wn_catalog_tenant(x->catalog, WN_TENANT_DEFAULT, &x->arena, &t, &why));
    expect_text(t.name, "My workspace");
    expect_text(t.currency, "USD");
    expect_text(t.time_zone, "UTC");
    assert_int_equal(wn_catalog_tenant(x->catalog, 2, &x->arena, &t, NULL), WN_NOT_FOUND);
}

static void migrates_once_and_keeps_all(void **state)
{
    struct fixture *x = *state;
    struct wn_tenant t;
    int version = wn_catalog_schema_version(x->catalog);
    ok(wn_catalog_set_currency(x->catalog, 1, WN_STR("JPY"), &why));
    for (int i = 0; i < 3; i++) {
        reopen(x);
        assert_int_equal(wn_catalog_schema_version(x->catalog), version);
        ok(wn_catalog_tenant(x->catalog, 1, &x->arena, &t, &why));
        expect_text(t.currency, "JPY");
    }
}

static void a_newer_schema_is_refused_by_number(void **state)
{
    struct fixture *x = *state;
    char path[160], url[200];
    sqlite3 *db;
    if (strcmp(engines[x->engine].name, "sqlite") != 0)
        skip();
    wn_catalog_close(x->catalog);
    x->catalog = NULL;
    snprintf(path, sizeof path, "%s/%s", x->directory, engines[x->engine].file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO schema_migrations VALUES (4711, 'later', 0)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    struct wn_why why = {0};
    snprintf(url, sizeof url, "sqlite:%s", path);
    assert_int_equal(wn_catalog_open(wn_str_of(url), &x->catalog, &why), WN_NEWER);
    assert_non_null(strstr(why.text, "4711"));
    assert_null(x->catalog);
}

static void what_is_no_catalog_is_refused(void **state)
{
    struct fixture *x = *state;
    char path[160], url[200];
    snprintf(path, sizeof path, "%s/text", x->directory);
    snprintf(url, sizeof url, "%s:%s", engines[x->engine].name, path);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 500; i++)
        fputs("this is text and no catalog ", file);
    fclose(file);
    struct wn_catalog *c = NULL;
    struct wn_why why = {0};
    assert_int_equal(wn_catalog_open(wn_str_of(url), &c, &why), WN_CORRUPT);
    assert_true(why.text[0]);
    static const char *const urls[] = {"", "sqlite", "sqlite:", "oracle:x"};
    for (size_t i = 0; i < WN_COUNT(urls); i++)
        assert_int_equal(wn_catalog_open(wn_str_of(urls[i]), &c, NULL), WN_INVALID);
    assert_int_not_equal(wn_catalog_open(WN_STR("sqlite:/proc/nowhere/x.db"), &c, NULL), WN_OK);
    assert_null(c);
    wn_catalog_close(NULL);
}

static void opens_in_memory(void **state)
{
    struct fixture *x = *state;
    if (!engines[x->engine].url_in_memory)
        skip();
    wn_catalog_close(x->catalog);
    ok(wn_catalog_open(wn_str_of(engines[x->engine].url_in_memory), &x->catalog, &why));
    put_account(x, 1, nasty);
}

/* ---- accounts --------------------------------------------------------------------------------- */

static void accounts_come_back_as_put(void **state)
{
    struct fixture *x = *state;
    struct wn_account *a;
    size_t n = 7;
    ok(wn_catalog_accounts(x->catalog, 1, &x->arena, &a, &n, &why));
    assert_int_equal(n, 0);
    for (int32_t i = 40; i > 0; i--)
        put_account(x, i, nasty);
    struct wn_account changed = {1, 7, WN_STR("seven"), WN_STR("sample"), WN_STR("USD"), true, 99};
    ok(wn_catalog_put_account(x->catalog, &changed, &why));
    reopen(x);
    ok(wn_catalog_accounts(x->catalog, 1, &x->arena, &a, &n, &why));
    assert_int_equal(n, 40);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(a[i].account_id, (int32_t)i + 1);
        assert_int_equal(a[i].created_at_ms, 1001 + (int64_t)i);
        if (i == 6)
            continue;
        expect_text(a[i].name, nasty);
        expect_text(a[i].format, "meta");
        expect_text(a[i].currency, "EUR");
        assert_int_equal(a[i].is_sample, (i + 1) % 2 == 0);
    }
    expect_text(a[6].name, "seven");
    expect_text(a[6].currency, "USD");
    assert_true(a[6].is_sample);
    ok(wn_catalog_accounts(x->catalog, 2, &x->arena, &a, &n, &why));
    assert_int_equal(n, 0);
}

static void deleting_an_account_takes_its_campaigns(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign *found, all[3] = {campaign(10, 1), campaign(11, 1), campaign(12, 2)};
    put_account(x, 1, "one");
    put_account(x, 2, "two");
    ok(wn_catalog_put_campaigns(x->catalog, all, 3, &why));
    assert_int_equal(wn_catalog_delete_account(x->catalog, 2, 1, NULL), WN_NOT_FOUND);
    ok(wn_catalog_delete_account(x->catalog, 1, 1, &why));
    assert_int_equal(wn_catalog_delete_account(x->catalog, 1, 1, NULL), WN_NOT_FOUND);
    assert_int_equal(list(x, 1, NULL, &found), 1);
    assert_int_equal(found[0].campaign_id, 12);
}

/* ---- campaigns -------------------------------------------------------------------------------- */

static void expect_campaign(const struct wn_campaign *a, const struct wn_campaign *b)
{
    assert_int_equal(a->tenant_id, b->tenant_id);
    assert_int_equal(a->campaign_id, b->campaign_id);
    assert_int_equal(a->account_id, b->account_id);
    assert_int_equal(a->channel, b->channel);
    assert_true(wn_str_eq(a->key, b->key));
    assert_true(wn_str_eq(a->name, b->name));
    assert_true(wn_str_eq(a->target_audience, b->target_audience));
    assert_true(wn_str_eq(a->goal, b->goal));
    assert_true(wn_str_eq(a->location, b->location));
    assert_true(wn_str_eq(a->language, b->language));
    assert_true(wn_str_eq(a->customer_segment, b->customer_segment));
    assert_true(wn_str_eq(a->company, b->company));
    assert_true(wn_str_eq(a->status, b->status));
    assert_int_equal(a->duration_days, b->duration_days);
    assert_memory_equal(&a->reported_conversion_rate_ratio, &b->reported_conversion_rate_ratio,
                        sizeof(double)); /* to the bit: it is printed again */
    assert_memory_equal(&a->reported_roi_ratio, &b->reported_roi_ratio, sizeof(double));
    assert_memory_equal(&a->engagement_score, &b->engagement_score, sizeof(double));
    assert_int_equal(a->source_id, b->source_id);
    assert_int_equal(a->created_at_ms, b->created_at_ms);
    assert_int_equal(a->updated_at_ms, b->updated_at_ms);
}

static void a_campaign_comes_back_as_put(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign put = campaign(INT32_MAX, 1), *found;
    put_account(x, 1, "one");
    ok(wn_catalog_put_campaigns(x->catalog, &put, 1, &why));
    reopen(x);
    assert_int_equal(list(x, 1, NULL, &found), 1);
    expect_campaign(&found[0], &put);
    assert_int_equal(list(x, 2, NULL, &found), 0);
}

static void the_unknown_keeps_what_is_known(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign put = campaign(1, 1), *found;
    put_account(x, 1, "one");
    put_account(x, 2, "two");
    ok(wn_catalog_put_campaigns(x->catalog, &put, 1, &why));
    struct wn_campaign again = {.tenant_id = 1,
                                .campaign_id = 1,
                                .account_id = 2,
                                .channel = 3,
                                .goal = WN_STR("Sales"),
                                .reported_conversion_rate_ratio = NAN,
                                .reported_roi_ratio = INFINITY,
                                .engagement_score = NAN,
                                .source_id = 8,
                                .created_at_ms = 6,
                                .updated_at_ms = 9};
    ok(wn_catalog_put_campaigns(x->catalog, &again, 1, &why));
    assert_int_equal(list(x, 1, NULL, &found), 1);
    assert_true(isnan(found[0].reported_conversion_rate_ratio)); /* always as given */
    assert_true(isnan(found[0].reported_roi_ratio));
    put.account_id = 2;
    put.channel = 3;
    put.goal = WN_STR("Sales");
    put.source_id = 8;
    put.updated_at_ms = 9;
    put.reported_conversion_rate_ratio = found[0].reported_conversion_rate_ratio;
    put.reported_roi_ratio = found[0].reported_roi_ratio;
    expect_campaign(&found[0], &put);
}

static void one_wrong_campaign_stops_all(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign *found, all[3] = {campaign(1, 1), campaign(2, 1), campaign(3, 77)};
    struct wn_why cause = {0};
    put_account(x, 1, "one");
    assert_int_equal(wn_catalog_put_campaigns(x->catalog, all, 3, &cause), WN_NOT_FOUND);
    assert_non_null(strstr(cause.text, "account"));
    assert_int_equal(list(x, 1, NULL, &found), 0);
    all[2] = campaign(3, 1);
    all[2].goal = WN_STR("\xFF\xFE");
    memset(&cause, 0, sizeof cause);
    assert_int_equal(wn_catalog_put_campaigns(x->catalog, all, 3, &cause), WN_INVALID);
    assert_string_equal(cause.field, "goal");
    all[2] = campaign(0, 1);
    assert_int_equal(wn_catalog_put_campaigns(x->catalog, all, 3, NULL), WN_INVALID);
    assert_int_equal(list(x, 1, NULL, &found), 0);
    ok(wn_catalog_put_campaigns(x->catalog, all, 2, &why));
    ok(wn_catalog_put_campaigns(x->catalog, NULL, 0, &why));
    assert_int_equal(list(x, 1, NULL, &found), 2);
}

static void campaigns_are_filtered(void **state)
{
    struct fixture *x = *state;
    enum { N = 300 };
    static struct wn_campaign all[N];
    static char keys[N][32];
    struct wn_campaign *found;
    put_account(x, 1, "one");
    for (int32_t i = 0; i < N; i++) {
        all[i] = campaign(N - i, 1);
        all[i].channel = (uint8_t)(i % 3);
        snprintf(keys[i], sizeof keys[i], "key %d", N - i);
        all[i].key = wn_str_of(keys[i]);
    }
    ok(wn_catalog_put_campaigns(x->catalog, all, N, &why));
    struct wn_campaign_filter f = {.channel = -1};
    assert_int_equal(list(x, 1, &f, &found), N);
    for (int32_t i = 0; i < N; i++)
        assert_int_equal(found[i].campaign_id, i + 1);
    f.skip = 290;
    f.limit = 20;
    assert_int_equal(list(x, 1, &f, &found), 10);
    assert_int_equal(found[0].campaign_id, 291);
    f = (struct wn_campaign_filter){.channel = 0, .limit = 5};
    assert_int_equal(list(x, 1, &f, &found), 5);
    assert_int_equal(found[4].channel, 0);
    f = (struct wn_campaign_filter){.channel = -1, .key = WN_STR("key 42")};
    assert_int_equal(list(x, 1, &f, &found), 1);
    assert_int_equal(found[0].campaign_id, 42);
    const int32_t ids[] = {300, 7, 7, 999, -5};
    f = (struct wn_campaign_filter){.campaign_ids = ids, .n_ids = 5, .channel = -1};
    assert_int_equal(list(x, 1, &f, &found), 2);
    assert_int_equal(found[0].campaign_id, 7);
    f.n_ids = 0; /* none asked for: none found */
    assert_int_equal(list(x, 1, &f, &found), 0);
    f = (struct wn_campaign_filter){.channel = -1, .key = WN_STR("' OR 1=1 --")};
    assert_int_equal(list(x, 1, &f, &found), 0);
    f = (struct wn_campaign_filter){.channel = -1, .skip = SIZE_MAX, .limit = SIZE_MAX};
    assert_int_equal(list(x, 1, &f, &found), 0);
}

/* ---- metrics, imports, settings --------------------------------------------------------------- */

static void metrics_come_back_by_name(void **state)
{
    struct fixture *x = *state;
    struct wn_metric_def *m, put[] = {
                                 {WN_STR("profit"), WN_STR("revenue - spend"), WN_STR("Profit")},
                                 {WN_STR("aov"), WN_STR("revenue / conversions"), wn_str_of(nasty)},
                                 {WN_STR("profit"), WN_STR("revenue - spend * 1.2"), WN_STR("")},
                             };
    size_t n;
    for (size_t i = 0; i < 3; i++)
        ok(wn_catalog_put_metric(x->catalog, 1, &put[i], &why));
    reopen(x);
    ok(wn_catalog_metrics(x->catalog, 1, &x->arena, &m, &n, &why));
    assert_int_equal(n, 2);
    expect_text(m[0].name, "aov");
    expect_text(m[0].label, nasty);
    expect_text(m[1].formula, "revenue - spend * 1.2");
    assert_int_equal(wn_catalog_delete_metric(x->catalog, 1, WN_STR("none"), NULL), WN_NOT_FOUND);
    ok(wn_catalog_delete_metric(x->catalog, 1, WN_STR("aov"), &why));
    ok(wn_catalog_metrics(x->catalog, 1, &x->arena, &m, &n, &why));
    assert_int_equal(n, 1);
    struct wn_metric_def bad = {WN_STR(""), WN_STR("spend"), WN_STR("")};
    assert_int_equal(wn_catalog_put_metric(x->catalog, 1, &bad, NULL), WN_INVALID);
    assert_int_equal(wn_catalog_put_metric(x->catalog, 2, &put[0], NULL), WN_NOT_FOUND);
}

static int64_t add_import(struct fixture *x, const char *file_name)
{
    struct wn_import_record r = {
        .tenant_id = 1, .file_name = wn_str_of(file_name), .created_at_ms = 11};
    int64_t id = 0;
    ok(wn_catalog_add_import(x->catalog, &r, &id, &why));
    assert_true(id > 0);
    return id;
}

static void finish(struct fixture *x, int64_t id, wn_import_state state, const char *hash)
{
    struct wn_import_record r = {1, id, state, {0}, wn_str_of(hash), WN_STR("{\"rows\":1}"), 0, 22};
    ok(wn_catalog_finish_import(x->catalog, &r, &why));
}

static void imports_are_remembered(void **state)
{
    struct fixture *x = *state;
    struct wn_import_record r, *all;
    size_t n;
    int64_t first = add_import(x, nasty), second = add_import(x, "b.csv");
    assert_int_not_equal(first, second);
    ok(wn_catalog_import(x->catalog, 1, first, &x->arena, &r, &why));
    assert_int_equal(r.state, WN_IMPORT_RUNNING);
    assert_int_equal(r.finished_at_ms, 0);
    finish(x, first, WN_IMPORT_DONE, "abc");
    finish(x, second, WN_IMPORT_FAILED, "def");
    reopen(x);
    ok(wn_catalog_import(x->catalog, 1, first, &x->arena, &r, &why));
    assert_int_equal(r.state, WN_IMPORT_DONE);
    expect_text(r.file_name, nasty);
    expect_text(r.summary_json, "{\"rows\":1}");
    assert_int_equal(r.created_at_ms, 11);
    assert_int_equal(r.finished_at_ms, 22);
    ok(wn_catalog_import_by_hash(x->catalog, 1, WN_STR("abc"), &x->arena, &r, &why));
    assert_int_equal(r.import_id, first);
    /* only what is done counts, and the newest of it */
    assert_int_equal(wn_catalog_import_by_hash(x->catalog, 1, WN_STR("def"), &x->arena, &r, NULL),
                     WN_NOT_FOUND);
    int64_t third = add_import(x, "c.csv");
    finish(x, third, WN_IMPORT_DONE, "abc");
    ok(wn_catalog_import_by_hash(x->catalog, 1, WN_STR("abc"), &x->arena, &r, &why));
    assert_int_equal(r.import_id, third);
    ok(wn_catalog_imports(x->catalog, 1, 2, &x->arena, &all, &n, &why));
    assert_int_equal(n, 2);
    assert_int_equal(all[0].import_id, third);
    assert_int_equal(all[1].import_id, second);
    assert_int_equal(wn_catalog_import(x->catalog, 2, first, &x->arena, &r, NULL), WN_NOT_FOUND);
    assert_int_equal(wn_catalog_import(x->catalog, 1, 999, &x->arena, &r, NULL), WN_NOT_FOUND);
    r = (struct wn_import_record){.tenant_id = 2, .import_id = first};
    assert_int_equal(wn_catalog_finish_import(x->catalog, &r, NULL), WN_NOT_FOUND);
    assert_string_equal(wn_import_state_name(WN_IMPORT_RUNNING), "running");
    assert_string_equal(wn_import_state_name(WN_IMPORT_UNCHANGED), "unchanged");
}

static void settings_are_kept_by_key(void **state)
{
    struct fixture *x = *state;
    struct wn_str value;
    assert_int_equal(wn_catalog_get_setting(x->catalog, 1, WN_STR("k"), &x->arena, &value, NULL),
                     WN_NOT_FOUND);
    ok(wn_catalog_put_setting(x->catalog, 1, WN_STR("k"), WN_STR("1"), &why));
    ok(wn_catalog_put_setting(x->catalog, 1, WN_STR("k"), wn_str_of(nasty), &why));
    ok(wn_catalog_put_setting(x->catalog, 1, WN_STR("empty"), WN_STR(""), &why));
    reopen(x);
    ok(wn_catalog_get_setting(x->catalog, 1, WN_STR("k"), &x->arena, &value, &why));
    expect_text(value, nasty);
    ok(wn_catalog_get_setting(x->catalog, 1, WN_STR("empty"), &x->arena, &value, &why));
    assert_int_equal(value.n, 0);
    assert_int_equal(wn_catalog_get_setting(x->catalog, 2, WN_STR("k"), &x->arena, &value, NULL),
                     WN_NOT_FOUND);
    assert_int_equal(wn_catalog_put_setting(x->catalog, 1, WN_STR("a\0b"), WN_STR(""), NULL),
                     WN_INVALID);
    assert_int_equal(wn_catalog_set_currency(x->catalog, 1, WN_STR("usd"), NULL), WN_INVALID);
    assert_int_equal(wn_catalog_set_currency(x->catalog, 1, WN_STR("EURO"), NULL), WN_INVALID);
    assert_int_equal(wn_catalog_set_currency(x->catalog, 9, WN_STR("EUR"), NULL), WN_NOT_FOUND);
}

/* ---- at the same time ------------------------------------------------------------------------- */

/* ---- predictions ------------------------------------------------------------------------------ */

static struct wn_prediction prediction(int32_t campaign_id, double roi_ratio)
{
    return (struct wn_prediction){.tenant_id = 1,
                                  .campaign_id = campaign_id,
                                  .made_at_ms = 1234567890123,
                                  .day_to = -3,
                                  .horizon_days = 30,
                                  .roi_ratio = roi_ratio,
                                  .roi_low_ratio = roi_ratio - 0.25,
                                  .roi_high_ratio = roi_ratio + 0.5,
                                  .confidence_ratio = 0.875,
                                  .risk = 2,
                                  .drivers_json = WN_STR("{\"recent level\":1}"),
                                  .method = wn_str_of(nasty)};
}

static size_t predictions(struct fixture *x, int32_t tenant_id, bool only_latest, int64_t before_id,
                          size_t limit, struct wn_prediction **out)
{
    size_t n = 0;
    struct wn_prediction_filter f = {only_latest, before_id, limit};
    ok(wn_catalog_predictions(x->catalog, tenant_id, &f, &x->arena, out, &n, &why));
    return n;
}

static void predictions_are_kept(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign c[2] = {campaign(7, 1), campaign(8, 1)};
    struct wn_prediction p[3] = {prediction(7, 1), prediction(8, -0.5), prediction(7, 2)};
    struct wn_prediction *found = NULL;
    int64_t ids[3] = {0};
    put_account(x, 1, "one");
    ok(wn_catalog_put_campaigns(x->catalog, c, 2, &why));
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 0);
    ok(wn_catalog_add_predictions(x->catalog, p, 0, ids, &why));
    ok(wn_catalog_add_predictions(x->catalog, p, 3, ids, &why));
    assert_true(ids[0] < ids[1] && ids[1] < ids[2]);
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 3);
    assert_int_equal(found[0].prediction_id, ids[2]);
    assert_int_equal(found[2].campaign_id, 7);
    assert_int_equal(found[2].made_at_ms, 1234567890123);
    assert_int_equal(found[2].day_to, -3);
    assert_int_equal(found[2].horizon_days, 30);
    assert_true(found[2].roi_ratio == 1 && found[2].roi_low_ratio == 0.75 &&
                found[2].roi_high_ratio == 1.5 && found[2].confidence_ratio == 0.875);
    assert_int_equal(found[2].risk, 2);
    expect_text(found[2].drivers_json, "{\"recent level\":1}");
    expect_text(found[2].method, nasty);
    expect_text(found[2].campaign_key, "key");
    expect_text(found[2].campaign_name, nasty);
    assert_int_equal(predictions(x, 1, true, 0, 0, &found), 2);
    assert_int_equal(found[0].prediction_id, ids[2]);
    assert_int_equal(found[1].prediction_id, ids[1]);
    assert_int_equal(predictions(x, 1, false, ids[2], 1, &found), 1);
    assert_int_equal(found[0].prediction_id, ids[1]);
    assert_int_equal(predictions(x, 2, false, 0, 0, &found), 0);
    reopen(x);
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 3);
    ok(wn_catalog_delete_account(x->catalog, 1, 1, &why));
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 0);
}

static void one_wrong_prediction_stops_all(void **state)
{
    struct fixture *x = *state;
    struct wn_campaign c = campaign(7, 1);
    struct wn_prediction p[2] = {prediction(7, 1), prediction(9, 1)};
    struct wn_prediction *found = NULL;
    int64_t ids[2];
    put_account(x, 1, "one");
    ok(wn_catalog_put_campaigns(x->catalog, &c, 1, &why));
    assert_int_equal(wn_catalog_add_predictions(x->catalog, p, 2, ids, NULL), WN_NOT_FOUND);
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 0);
    for (int k = 0; k < 7; k++) {
        p[1] = prediction(7, 1);
        if (k == 0)
            p[1].roi_ratio = NAN;
        if (k == 1)
            p[1].roi_high_ratio = INFINITY;
        if (k == 2)
            p[1].roi_low_ratio = 1.1;
        if (k == 3)
            p[1].confidence_ratio = 1.01;
        if (k == 4)
            p[1].risk = 3;
        if (k == 5)
            p[1].drivers_json = WN_STR("");
        if (k == 6)
            p[1].horizon_days = 0;
        assert_int_equal(wn_catalog_add_predictions(x->catalog, p, 2, ids, NULL), WN_INVALID);
    }
    assert_int_equal(predictions(x, 1, false, 0, 0, &found), 0);
}

struct worker {
    struct wn_catalog *catalog;
    int32_t number;
    int n_wrong;
};

static void *work(void *context)
{
    struct worker *w = context;
    for (int32_t i = 0; i < 60; i++) {
        struct wn_arena a;
        char text[32];
        struct wn_str value = {0};
        struct wn_campaign c = campaign(w->number * 1000 + i, 1), *found;
        struct wn_campaign_filter f = {.campaign_ids = &c.campaign_id, .n_ids = 1, .channel = -1};
        size_t n = 0;
        wn_arena_init(&a, 0);
        snprintf(text, sizeof text, "worker %d", w->number);
        w->n_wrong += wn_catalog_put_campaigns(w->catalog, &c, 1, NULL) != WN_OK;
        w->n_wrong += wn_catalog_campaigns(w->catalog, 1, &f, &a, &found, &n, NULL) || n != 1;
        w->n_wrong +=
            wn_catalog_put_setting(w->catalog, 1, wn_str_of(text), wn_str_of(text), NULL) != WN_OK;
        w->n_wrong +=
            wn_catalog_get_setting(w->catalog, 1, wn_str_of(text), &a, &value, NULL) != WN_OK ||
            !wn_str_eq(value, wn_str_of(text));
        wn_arena_deinit(&a);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    struct fixture *x = *state;
    struct worker workers[4];
    pthread_t threads[4];
    struct wn_campaign *found;
    put_account(x, 1, "one");
    for (int32_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){x->catalog, i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].n_wrong, 0);
    }
    assert_int_equal(list(x, 1, NULL, &found), 240);
}

static const struct CMUnitTest cases[] = {
    {"starts with one workspace", starts_with_one_workspace, 0, 0, 0},
    {"migrates once and keeps all", migrates_once_and_keeps_all, 0, 0, 0},
    {"a newer schema is refused", a_newer_schema_is_refused_by_number, 0, 0, 0},
    {"what is no catalog is refused", what_is_no_catalog_is_refused, 0, 0, 0},
    {"opens in memory", opens_in_memory, 0, 0, 0},
    {"accounts come back as put", accounts_come_back_as_put, 0, 0, 0},
    {"deleting an account", deleting_an_account_takes_its_campaigns, 0, 0, 0},
    {"a campaign comes back as put", a_campaign_comes_back_as_put, 0, 0, 0},
    {"the unknown keeps what is known", the_unknown_keeps_what_is_known, 0, 0, 0},
    {"one wrong campaign stops all", one_wrong_campaign_stops_all, 0, 0, 0},
    {"campaigns are filtered", campaigns_are_filtered, 0, 0, 0},
    {"metrics come back by name", metrics_come_back_by_name, 0, 0, 0},
    {"imports are remembered", imports_are_remembered, 0, 0, 0},
    {"predictions are kept", predictions_are_kept, 0, 0, 0},
    {"one wrong prediction stops all", one_wrong_prediction_stops_all, 0, 0, 0},
    {"settings are kept by key", settings_are_kept_by_key, 0, 0, 0},
    {"threads do not disturb each other", threads_do_not_disturb_each_other, 0, 0, 0},
};

int main(void)
{
    static size_t numbers[WN_COUNT(engines)];
    int n_failed = 0;
    /* The engine's own words are expected here and would only hide what fails. */
    if (wn_log_open("/dev/null", WN_LOG_ERROR, NULL))
        return 1;
    for (size_t e = 0; e < WN_COUNT(engines); e++) {
        struct CMUnitTest tests[WN_COUNT(cases)];
        numbers[e] = e;
        for (size_t i = 0; i < WN_COUNT(cases); i++) {
            tests[i] = cases[i];
            tests[i].setup_func = open_catalog;
            tests[i].teardown_func = close_catalog;
            tests[i].initial_state = &numbers[e];
        }
        n_failed += cmocka_run_group_tests_name(engines[e].name, tests, NULL, NULL);
    }
    return n_failed != 0;
}
