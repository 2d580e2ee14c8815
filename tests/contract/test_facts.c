/* Protects the promises of store/facts.h: the same cases run over every engine, so that one can
 * take the place of another. A replace is atomic and leaves exactly one set of rows, names keep
 * their ids, a rollback leaves no trace, and no tenant sees another's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/rand.h"
#include "store/facts.h"

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
    bool on_disk; /* its URL needs a directory */
    bool has_sql;
} engines[] = {{"memory", false, false}, {"duckdb", true, true}};

struct fixture {
    size_t engine;
    char directory[64];
    struct wn_arena arena;
    struct wn_facts *facts;
};

/* ---- a store for each case -------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info, (void)kind, (void)at;
    return remove(path);
}

static int open_store(void **state)
{
    struct fixture *x = calloc(1, sizeof *x);
    char url[128];
    x->engine = *(const size_t *)*state;
    if (engines[x->engine].on_disk) {
        snprintf(x->directory, sizeof x->directory, "/tmp/winnow-test-XXXXXX");
        assert_non_null(mkdtemp(x->directory));
    }
    snprintf(url, sizeof url, "%s:%s", engines[x->engine].name, x->directory);
    wn_arena_init(&x->arena, 0);
    struct wn_str note;
    ok(wn_facts_open(wn_str_of(url), NULL, &x->arena, &note, &x->facts, &why));
    assert_int_equal(note.n, 0);
    *state = x;
    return 0;
}

static int close_store(void **state)
{
    struct fixture *x = *state;
    wn_facts_close(x->facts);
    wn_arena_deinit(&x->arena);
    if (x->directory[0])
        nftw(x->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(x);
    return 0;
}

static struct wn_facts_tx *begin(struct wn_facts *f, int32_t tenant_id)
{
    struct wn_facts_tx *tx = NULL;
    ok(wn_facts_begin(f, tenant_id, 1, 1000, &tx, &why));
    return tx;
}

static struct wn_stat row(int32_t account_id, int32_t day, int64_t spend_micros)
{
    struct wn_stat r = {.day = day, .account_id = account_id, .hour = WN_HOUR_NONE};
    r.measures[WN_MEASURE_SPEND] = spend_micros;
    return r;
}

/* Appends n equal rows. */
static void append(struct wn_facts_tx *tx, int32_t account_id, int32_t day, int64_t spend_micros,
                   size_t n)
{
    struct wn_stat r = row(account_id, day, spend_micros);
    for (size_t i = 0; i < n; i++)
        ok(wn_facts_tx_append(tx, &r, 1, &why));
}

static void replace(struct wn_facts *f, int32_t tenant_id, int32_t account_id, int32_t from,
                    int32_t to, int64_t spend_micros, size_t n_each)
{
    struct wn_facts_tx *tx = begin(f, tenant_id);
    ok(wn_facts_tx_replace(tx, account_id, from, to, &why));
    for (int32_t day = from; day <= to; day++)
        append(tx, account_id, day, spend_micros, n_each);
    ok(wn_facts_commit(tx, &why));
}

struct seen {
    size_t n_rows;
    int64_t spend_micros;
    int64_t spend_min, spend_max;
    size_t stop_after; /* 0 = never */
    struct wn_stat first;
};

static wn_rc look(void *context, const struct wn_stat *rows, size_t n_rows, struct wn_why *why)
{
    struct seen *s = context;
    assert_true(n_rows > 0 && n_rows <= 2048);
    for (size_t i = 0; i < n_rows; i++) {
        int64_t spend = rows[i].measures[WN_MEASURE_SPEND];
        s->spend_micros = (int64_t)((uint64_t)s->spend_micros + (uint64_t)spend);
        s->spend_min = s->n_rows == 0 || spend < s->spend_min ? spend : s->spend_min;
        s->spend_max = s->n_rows == 0 || spend > s->spend_max ? spend : s->spend_max;
        if (s->n_rows++ == 0)
            s->first = rows[i];
    }
    if (s->stop_after && s->n_rows >= s->stop_after)
        return wn_fail(why, WN_CANCELLED, NULL, "seen enough");
    return WN_OK;
}

static struct seen scan(struct wn_facts *f, int32_t tenant_id, int32_t account_id, int32_t from,
                        int32_t to)
{
    struct seen s = {0};
    struct wn_facts_range range = {account_id, from, to};
    ok(wn_facts_scan(f, tenant_id, &range, look, &s, &why));
    return s;
}

static size_t count(struct wn_facts *f, int32_t tenant_id, int32_t account_id)
{
    return scan(f, tenant_id, account_id, 0, 80000).n_rows;
}

static int32_t name(struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent_id, const char *key,
                    const char *text)
{
    int32_t id = 0;
    ok(wn_facts_tx_name(tx, kind, parent_id, wn_str_of(key), wn_str_of(text), &id, &why));
    assert_true(id > 0);
    return id;
}

static size_t n_names(struct fixture *x, int32_t tenant_id, wn_name_kind kind, int32_t parent_id)
{
    struct wn_name *list;
    size_t n = 0;
    ok(wn_facts_names(x->facts, tenant_id, kind, parent_id, &x->arena, &list, &n, &why));
    for (size_t i = 1; i < n; i++)
        assert_true(list[i - 1].id < list[i].id);
    return n;
}

static void expect_name(struct fixture *x, int32_t id, const char *key, const char *text)
{
    struct wn_name found;
    ok(wn_facts_name(x->facts, 1, id, &x->arena, &found, &why));
    assert_int_equal(found.id, id);
    assert_true(wn_str_eq(found.key, wn_str_of(key)));
    assert_true(wn_str_eq(found.name, wn_str_of(text)));
}

static void expect_no_name(struct fixture *x, int32_t id)
{
    struct wn_name found;
    assert_int_equal(wn_facts_name(x->facts, 1, id, &x->arena, &found, NULL), WN_NOT_FOUND);
}

/* ---- rows ------------------------------------------------------------------------------------- */

static void says_who_it_is(void **state)
{
    struct fixture *x = *state;
    assert_true(
        wn_str_starts(wn_str_of(wn_facts_engine(x->facts)), wn_str_of(engines[x->engine].name)));
    ok(wn_facts_check(x->facts, &why));
    assert_int_equal(count(x->facts, 1, 0), 0);
}

static void gives_back_every_column(void **state)
{
    struct fixture *x = *state;
    struct wn_stat rows[3] = {
        {84005, INT32_MAX, 1, 2, 3, 4, 5, 6, 7, 255, 254, 253, 23, {0}},
        {0, INT32_MAX, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, WN_HOUR_NONE, {0}},
        {1,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         INT32_MAX,
         1,
         1,
         1,
         0,
         {0}},
    };
    for (int m = 0; m < WN_MEASURE_N; m++) {
        rows[0].measures[m] = INT64_MAX - m;
        rows[1].measures[m] = INT64_MIN + m;
    }
    struct wn_facts_tx *tx = begin(x->facts, INT32_MAX);
    ok(wn_facts_tx_append(tx, rows, 3, &why));
    ok(wn_facts_commit(tx, &why));
    static const int32_t days[] = {84005, 0, 1};
    for (size_t i = 0; i < 3; i++) {
        struct seen s = scan(x->facts, INT32_MAX, 0, days[i], days[i]);
        assert_int_equal(s.n_rows, 1);
        assert_memory_equal(&s.first, &rows[i], offsetof(struct wn_stat, measures));
        assert_memory_equal(s.first.measures, rows[i].measures, sizeof rows[i].measures);
    }
}

static void replacing_twice_leaves_one_set(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 127, 5, 7);
    replace(x->facts, 1, 1, 100, 127, 6, 7);
    struct seen s = scan(x->facts, 1, 1, 100, 127);
    assert_int_equal(s.n_rows, 196);
    assert_int_equal(s.spend_min, 6);
}

static void fewer_rows_leave_no_ghosts(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 109, 5, 300);
    replace(x->facts, 1, 1, 100, 109, 6, 1);
    assert_int_equal(count(x->facts, 1, 1), 10);
    replace(x->facts, 1, 1, 100, 109, 0, 0);
    assert_int_equal(count(x->facts, 1, 1), 0);
}

static void what_is_outside_the_range_stays(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 110, 1, 2);
    replace(x->facts, 1, 2, 100, 110, 2, 2);
    replace(x->facts, 2, 1, 100, 110, 4, 2);
    replace(x->facts, 1, 1, 103, 105, 8, 1);
    assert_int_equal(scan(x->facts, 1, 1, 0, 80000).n_rows, 8 * 2 + 3);
    assert_int_equal(scan(x->facts, 1, 1, 103, 105).spend_micros, 3 * 8);
    assert_int_equal(scan(x->facts, 1, 2, 0, 80000).n_rows, 22);
    assert_int_equal(scan(x->facts, 2, 0, 0, 80000).spend_micros, 22 * 4);
    assert_int_equal(scan(x->facts, 1, 0, 0, 80000).n_rows, 19 + 22);
    assert_int_equal(scan(x->facts, 3, 0, 0, 80000).n_rows, 0);
}

static void rows_appended_before_the_replace_survive_it(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 102, 1, 5);
    struct wn_facts_tx *tx = begin(x->facts, 1);
    append(tx, 1, 100, 2, 3000);
    ok(wn_facts_tx_replace(tx, 1, 100, 101, &why));
    append(tx, 1, 101, 2, 3000);
    ok(wn_facts_tx_replace(tx, 1, 101, 102, &why)); /* overlaps */
    append(tx, 1, 102, 2, 3000);
    ok(wn_facts_commit(tx, &why));
    struct seen s = scan(x->facts, 1, 1, 0, 80000);
    assert_int_equal(s.n_rows, 9000);
    assert_int_equal(s.spend_min, 2);
}

static void many_scattered_days_are_replaced_at_once(void **state)
{
    struct fixture *x = *state;
    enum { N_ACCOUNTS = 100, N_DAYS = 100 };
    for (int round = 1; round <= 2; round++) {
        struct wn_facts_tx *tx = begin(x->facts, 1);
        for (int32_t i = 0; i < N_ACCOUNTS * N_DAYS; i++) {
            int32_t account_id = 1 + i % N_ACCOUNTS, day = 2 * (i / N_ACCOUNTS) + (round == 1);
            /* the first round has odd days; the second replaces the odd ones by even ones */
            ok(wn_facts_tx_replace(tx, account_id, 2 * (i / N_ACCOUNTS) + 1,
                                   2 * (i / N_ACCOUNTS) + 1, &why));
            append(tx, account_id, day, round, 1);
        }
        ok(wn_facts_commit(tx, &why));
        struct seen s = scan(x->facts, 1, 0, 0, 80000);
        assert_int_equal(s.n_rows, N_ACCOUNTS * N_DAYS);
        assert_int_equal(s.spend_min, round);
        assert_int_equal(s.first.day % 2, round == 1);
    }
}

static void big_appends_come_back_whole(void **state)
{
    struct fixture *x = *state;
    enum { N = 150000 };
    struct wn_stat *rows = calloc(N, sizeof *rows);
    for (int i = 0; i < N; i++)
        rows[i] = row(1 + i % 3, i / 1000, i);
    struct wn_facts_tx *tx = begin(x->facts, 1);
    ok(wn_facts_tx_append(tx, rows, N, &why));
    ok(wn_facts_tx_append(tx, rows, 0, &why));
    ok(wn_facts_commit(tx, &why));
    free(rows);
    struct seen s = scan(x->facts, 1, 0, 0, 80000);
    assert_int_equal(s.n_rows, N);
    assert_int_equal(s.spend_micros, (int64_t)N * (N - 1) / 2);
}

static void rollback_leaves_no_trace(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 102, 1, 5);
    for (size_t n = 0; n < 60000; n = n * 3 + 1) {
        struct wn_facts_tx *tx = begin(x->facts, 1);
        int32_t id = name(tx, WN_NAME_ACCOUNT, 0, "never", "");
        ok(wn_facts_tx_replace(tx, 1, 0, 200, &why));
        append(tx, 1, 101, 9, n);
        wn_facts_rollback(tx);
        expect_no_name(x, id);
    }
    struct seen s = scan(x->facts, 1, 1, 0, 80000);
    assert_int_equal(s.n_rows, 15);
    assert_int_equal(s.spend_max, 1);
    wn_facts_rollback(NULL);
}

static void wrong_rows_are_refused_and_the_rest_goes_on(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 1);
    struct wn_stat bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = row(1, 100, 1);
    bad[0].day = -1;
    bad[1].day = 84006;
    bad[2].hour = 24;
    bad[3].hour = -2;
    bad[4].account_id = 0;
    bad[5].campaign_id = -1;
    bad[6].audience_id = INT32_MIN;
    append(tx, 1, 100, 1, 1);
    for (size_t i = 0; i < 7; i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_facts_tx_append(tx, &bad[i], 1, &why), WN_INVALID);
        assert_true(strlen(why.text) > 0);
    }
    assert_int_equal(wn_facts_tx_replace(tx, 1, 5, 4, NULL), WN_INVALID);
    assert_int_equal(wn_facts_tx_replace(tx, 0, 4, 5, NULL), WN_INVALID);
    assert_int_equal(wn_facts_tx_replace(tx, 1, -1, 5, NULL), WN_INVALID);
    append(tx, 1, 100, 1, 1);
    ok(wn_facts_commit(tx, &why));
    assert_int_equal(count(x->facts, 1, 1), 2);
    assert_int_equal(wn_facts_begin(x->facts, 0, 1, 1, &tx, NULL), WN_INVALID);
}

static void an_empty_transaction_is_fine(void **state)
{
    struct fixture *x = *state;
    ok(wn_facts_commit(begin(x->facts, 1), &why));
    wn_facts_rollback(begin(x->facts, 1));
    assert_int_equal(count(x->facts, 1, 0), 0);
}

static void a_scan_stops_when_told(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 0, 9, 1, 1000);
    struct seen s = {.stop_after = 1};
    struct wn_facts_range range = {0, 0, 80000};
    struct wn_why why = {0};
    assert_int_equal(wn_facts_scan(x->facts, 1, &range, look, &s, &why), WN_CANCELLED);
    assert_string_equal(why.text, "seen enough");
    assert_true(s.n_rows < 10000);
    assert_int_equal(count(x->facts, 1, 1), 10000);
}

/* ---- names ------------------------------------------------------------------------------------ */

static void a_name_keeps_its_id(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 1);
    int32_t account = name(tx, WN_NAME_ACCOUNT, 0, "act_1", "Shop");
    int32_t campaign = name(tx, WN_NAME_CAMPAIGN, account, "c1", "");
    int32_t other = name(tx, WN_NAME_ACCOUNT, 0, "act_2", "");
    int32_t same_key = name(tx, WN_NAME_CAMPAIGN, other, "c1", "");
    int32_t country = name(tx, WN_NAME_COUNTRY, 0, "act_1", "");
    assert_int_equal(name(tx, WN_NAME_CAMPAIGN, account, "c1", ""), campaign);
    assert_true(account != campaign && campaign != other && other != same_key &&
                same_key != country && country != account);
    expect_no_name(x, account); /* not before the commit */
    assert_int_equal(n_names(x, 1, WN_NAME_ACCOUNT, 0), 0);
    ok(wn_facts_commit(tx, &why));

    expect_name(x, account, "act_1", "Shop");
    expect_name(x, campaign, "c1", "c1"); /* without a name it has its key */
    assert_int_equal(n_names(x, 1, WN_NAME_ACCOUNT, 0), 2);
    assert_int_equal(n_names(x, 1, WN_NAME_CAMPAIGN, 0), 2);
    assert_int_equal(n_names(x, 1, WN_NAME_CAMPAIGN, other), 1);
    assert_int_equal(n_names(x, 2, WN_NAME_ACCOUNT, 0), 0);

    tx = begin(x->facts, 1);
    assert_int_equal(name(tx, WN_NAME_CAMPAIGN, account, "c1", "Spring"), campaign);
    assert_int_equal(name(tx, WN_NAME_ACCOUNT, 0, "act_1", ""), account);
    expect_name(x, campaign, "c1", "c1");
    ok(wn_facts_commit(tx, &why));
    expect_name(x, campaign, "c1", "Spring");
    expect_name(x, account, "act_1", "Shop"); /* "" keeps what is there */

    tx = begin(x->facts, 1);
    name(tx, WN_NAME_CAMPAIGN, account, "c1", "Summer");
    name(tx, WN_NAME_CAMPAIGN, account, "c1", "Autumn");
    wn_facts_rollback(tx);
    expect_name(x, campaign, "c1", "Spring");
}

static void tenants_count_their_ids_apart(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 7);
    int32_t id = name(tx, WN_NAME_ACCOUNT, 0, "theirs", "");
    ok(wn_facts_commit(tx, &why));
    tx = begin(x->facts, 1);
    assert_int_equal(name(tx, WN_NAME_ACCOUNT, 0, "theirs", "ours"), id);
    ok(wn_facts_commit(tx, &why));
    struct wn_name found;
    ok(wn_facts_name(x->facts, 7, id, &x->arena, &found, &why));
    assert_true(wn_str_eq(found.name, WN_STR("theirs")));
}

static const char *const nasty[] = {
    "'; DROP TABLE ad_stats; --",
    "\"quoted\" \\ back\\slash %s %n $1 ? ?1",
    "Кампания № 5 «Весна»",
    "日本語のキャンペーン",
    "emoji \xF0\x9F\x9A\x80\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB",
    " leading and trailing \t\n",
    "12345678901",
    "123456789012",
    "1234567890123", /* around the engine's inline length */
    "NULL",
};

static void any_text_can_be_a_name(void **state)
{
    struct fixture *x = *state;
    int32_t ids[WN_COUNT(nasty)];
    struct wn_facts_tx *tx = begin(x->facts, 1);
    for (size_t i = 0; i < WN_COUNT(nasty); i++)
        ids[i] = name(tx, WN_NAME_AUDIENCE, 0, nasty[i], nasty[WN_COUNT(nasty) - 1 - i]);
    ok(wn_facts_commit(tx, &why));
    replace(x->facts, 1, 1, 1, 1, 1, 1);
    for (size_t i = 0; i < WN_COUNT(nasty); i++)
        expect_name(x, ids[i], nasty[i], nasty[WN_COUNT(nasty) - 1 - i]);
    assert_int_equal(count(x->facts, 1, 0), 1);
}

static void wrong_names_are_refused(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 1);
    int32_t account = name(tx, WN_NAME_ACCOUNT, 0, "a", ""), id = 0;
    static char long_text[5000];
    memset(long_text, 'x', sizeof long_text - 1);
    const struct {
        int kind;
        int32_t parent_id;
        struct wn_str key;
    } cases[] = {
        {0, 0, WN_STR("k")},
        {9, 0, WN_STR("k")},
        {WN_NAME_ACCOUNT, 0, WN_STR("")},
        {WN_NAME_ACCOUNT, account, WN_STR("k")},
        {WN_NAME_COUNTRY, account, WN_STR("k")},
        {WN_NAME_CAMPAIGN, 0, WN_STR("k")},
        {WN_NAME_CAMPAIGN, account + 1, WN_STR("k")},
        {WN_NAME_CAMPAIGN, -1, WN_STR("k")},
        {WN_NAME_ACCOUNT, 0, WN_STR("\xC3\x28")},
        {WN_NAME_ACCOUNT, 0, WN_STR("a\0b")},
        {WN_NAME_ACCOUNT, 0, {long_text, 4999}},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_facts_tx_name(tx, (wn_name_kind)cases[i].kind, cases[i].parent_id,
                                          cases[i].key, WN_STR(""), &id, &why),
                         WN_INVALID);
        assert_true(strlen(why.text) > 0);
    }
    assert_int_equal(id, 0);
    ok(wn_facts_commit(tx, &why));
    assert_int_equal(n_names(x, 1, WN_NAME_ACCOUNT, 0), 1);
}

static void deleting_an_account_takes_its_names_along(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 1);
    int32_t gone = name(tx, WN_NAME_ACCOUNT, 0, "gone", "");
    int32_t kept = name(tx, WN_NAME_ACCOUNT, 0, "kept", "");
    int32_t gone_campaign = name(tx, WN_NAME_CAMPAIGN, gone, "c", "");
    int32_t kept_campaign = name(tx, WN_NAME_CAMPAIGN, kept, "c", "");
    int32_t gone_group = name(tx, WN_NAME_AD_GROUP, gone_campaign, "g", "");
    int32_t gone_ad = name(tx, WN_NAME_AD, gone_group, "ad", "");
    int32_t country = name(tx, WN_NAME_COUNTRY, 0, "DE", "");
    append(tx, gone, 1, 1, 10);
    append(tx, kept, 1, 1, 10);
    ok(wn_facts_commit(tx, &why));

    tx = begin(x->facts, 1);
    ok(wn_facts_tx_delete_account(tx, gone, &why));
    expect_name(x, gone, "gone", "gone");
    ok(wn_facts_commit(tx, &why));
    assert_int_equal(count(x->facts, 1, gone), 0);
    assert_int_equal(count(x->facts, 1, kept), 10);
    expect_no_name(x, gone);
    expect_no_name(x, gone_campaign);
    expect_no_name(x, gone_group);
    expect_no_name(x, gone_ad);
    expect_name(x, kept_campaign, "c", "c");
    expect_name(x, country, "DE", "DE");

    /* A new one of the same key is another one: its id was never given before. */
    tx = begin(x->facts, 1);
    assert_true(name(tx, WN_NAME_ACCOUNT, 0, "gone", "") > country);
    wn_facts_rollback(tx);
}

static void deleting_and_filling_again_keeps_what_is_used(void **state)
{
    struct fixture *x = *state;
    struct wn_facts_tx *tx = begin(x->facts, 1);
    int32_t account = name(tx, WN_NAME_ACCOUNT, 0, "a", "");
    int32_t used = name(tx, WN_NAME_CAMPAIGN, account, "used", "");
    int32_t unused = name(tx, WN_NAME_CAMPAIGN, account, "unused", "");
    append(tx, account, 1, 1, 10);
    ok(wn_facts_commit(tx, &why));
    tx = begin(x->facts, 1);
    ok(wn_facts_tx_delete_account(tx, account, &why));
    struct wn_stat r = row(account, 5, 3);
    r.campaign_id = used;
    ok(wn_facts_tx_append(tx, &r, 1, &why));
    ok(wn_facts_commit(tx, &why));
    assert_int_equal(count(x->facts, 1, account), 1);
    expect_name(x, account, "a", "a");
    expect_name(x, used, "used", "used");
    expect_no_name(x, unused);
}

static void thousands_of_names_and_renames(void **state)
{
    struct fixture *x = *state;
    enum { N = 30000 };
    char key[32], text[64];
    for (int round = 0; round < 2; round++) {
        struct wn_facts_tx *tx = begin(x->facts, 1);
        for (int i = 0; i < N; i++) {
            snprintf(key, sizeof key, "key %d", i);
            snprintf(text, sizeof text, "round %d name %d", round, i);
            assert_int_equal(name(tx, WN_NAME_PLACEMENT, 0, key, text), i + 1);
        }
        ok(wn_facts_commit(tx, &why));
    }
    assert_int_equal(n_names(x, 1, WN_NAME_PLACEMENT, 0), N);
    expect_name(x, 777, "key 776", "round 1 name 776");
}

/* ---- at the same time ------------------------------------------------------------------------- */

enum { CROWD_DAYS = 28, CROWD_EACH = 100, CROWD_ROUNDS = 12 };

struct crowd {
    struct wn_facts *facts;
    atomic_bool stop;
    atomic_int n_torn;
    atomic_int n_reads;
};

static void crowd_replace(struct wn_facts *f, int64_t round)
{
    struct wn_stat rows[CROWD_EACH];
    struct wn_facts_tx *tx = begin(f, 1);
    ok(wn_facts_tx_replace(tx, 1, 0, CROWD_DAYS - 1, &why));
    for (int32_t day = 0; day < CROWD_DAYS; day++) {
        for (size_t i = 0; i < CROWD_EACH; i++)
            rows[i] = row(1, day, round);
        ok(wn_facts_tx_append(tx, rows, CROWD_EACH, &why));
    }
    ok(wn_facts_commit(tx, &why));
}

static void *crowd_write(void *context)
{
    struct crowd *c = context;
    for (int64_t round = 1; round <= CROWD_ROUNDS; round++)
        crowd_replace(c->facts, round);
    return NULL;
}

static void *crowd_read(void *context)
{
    struct crowd *c = context;
    while (!atomic_load(&c->stop)) {
        struct seen s = scan(c->facts, 1, 1, 0, CROWD_DAYS - 1);
        bool whole =
            s.n_rows == 0 || (s.n_rows == CROWD_DAYS * CROWD_EACH && s.spend_min == s.spend_max);
        atomic_fetch_add(&c->n_torn, !whole);
        atomic_fetch_add(&c->n_reads, 1);
    }
    return NULL;
}

/* Two writers replace the same range, empty at first, while readers look: whoever reads sees one
 * whole set, and one is left in the end. */
static void readers_see_all_of_a_replace_or_nothing(void **state)
{
    struct fixture *x = *state;
    struct crowd c = {.facts = x->facts};
    pthread_t writers[2], readers[3];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, crowd_read, &c), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, crowd_write, &c), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&c.stop, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(atomic_load(&c.n_torn), 0);
    assert_true(atomic_load(&c.n_reads) > 0);
    assert_int_equal(count(x->facts, 1, 1), CROWD_DAYS * CROWD_EACH);
}

/* ---- random work against a model -------------------------------------------------------------- */

enum { M_TENANTS = 2, M_ACCOUNTS = 3, M_DAYS = 10 };
struct model {
    int64_t spend[M_TENANTS][M_ACCOUNTS][M_DAYS];
    int64_t n_rows[M_TENANTS][M_ACCOUNTS][M_DAYS];
};

static void model_check(struct wn_facts *f, const struct model *m)
{
    for (int32_t t = 0; t < M_TENANTS; t++)
        for (int32_t a = 0; a < M_ACCOUNTS; a++)
            for (int32_t d = 0; d < M_DAYS; d++) {
                struct seen s = scan(f, t + 1, a + 1, d, d);
                assert_int_equal(s.n_rows, m->n_rows[t][a][d]);
                assert_int_equal(s.spend_micros, m->spend[t][a][d]);
            }
}

static void model_step(struct wn_rand *r, struct wn_facts_tx *tx, struct model *gone,
                       struct model *added, int32_t t)
{
    int32_t a = (int32_t)wn_rand_below(r, M_ACCOUNTS), d = (int32_t)wn_rand_below(r, M_DAYS);
    if (wn_rand_below(r, 3) == 0) {
        int32_t to = d + (int32_t)wn_rand_below(r, (uint64_t)(M_DAYS - d));
        ok(wn_facts_tx_replace(tx, a + 1, d, to, &why));
        for (; d <= to; d++)
            gone->n_rows[t][a][d] = 1;
        return;
    }
    int64_t n = (int64_t)wn_rand_below(r, 40), spend = (int64_t)wn_rand_below(r, 1000);
    append(tx, a + 1, d, spend, (size_t)n);
    added->n_rows[t][a][d] += n;
    added->spend[t][a][d] += n * spend;
}

static void model_apply(struct model *m, const struct model *gone, const struct model *added)
{
    int64_t *rows = &m->n_rows[0][0][0], *spend = &m->spend[0][0][0];
    for (size_t i = 0; i < M_TENANTS * M_ACCOUNTS * M_DAYS; i++) {
        bool is_gone = (&gone->n_rows[0][0][0])[i] != 0;
        rows[i] = (is_gone ? 0 : rows[i]) + (&added->n_rows[0][0][0])[i];
        spend[i] = (is_gone ? 0 : spend[i]) + (&added->spend[0][0][0])[i];
    }
}

static void random_work_equals_the_model(void **state)
{
    struct fixture *x = *state;
    struct model m = {0};
    struct wn_rand r;
    wn_rand_init(&r, 20260101);
    for (int i = 0; i < 25; i++) {
        struct model gone = {0}, added = {0};
        int32_t t = (int32_t)wn_rand_below(&r, M_TENANTS);
        struct wn_facts_tx *tx = begin(x->facts, t + 1);
        for (uint64_t n = wn_rand_below(&r, 12); n > 0; n--)
            model_step(&r, tx, &gone, &added, t);
        if (wn_rand_below(&r, 4) == 0) {
            wn_facts_rollback(tx);
        } else {
            ok(wn_facts_commit(tx, &why));
            model_apply(&m, &gone, &added);
        }
    }
    model_check(x->facts, &m);
}

/* ---- queries ---------------------------------------------------------------------------------- */

static void queries_answer_or_say_they_cannot(void **state)
{
    struct fixture *x = *state;
    replace(x->facts, 1, 1, 100, 102, 5, 2);
    replace(x->facts, 2, 1, 100, 102, 7, 2);
    struct wn_value binds[] = {{.kind = WN_VALUE_INT, .integer = 1}};
    struct wn_sql sql = {WN_STR("SELECT day, sum(spend_micros) AS spend FROM ad_stats "
                                "WHERE tenant_id = ? GROUP BY day ORDER BY day"),
                         binds, 1};
    struct wn_table *t = NULL;
    if (!engines[x->engine].has_sql) {
        assert_int_equal(wn_facts_query(x->facts, &sql, 0, &x->arena, &t, NULL), WN_UNSUPPORTED);
        return;
    }
    ok(wn_facts_query(x->facts, &sql, 3, &x->arena, &t, &why));
    assert_int_equal(t->n_rows, 3);
    assert_int_equal(t->n_columns, 2);
    assert_true(wn_str_eq(t->columns[1], WN_STR("spend")));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(wn_table_at(t, i, 0)->integer, 100 + (int)i);
        assert_int_equal(wn_table_at(t, i, 1)->kind, WN_VALUE_INT);
        assert_int_equal(wn_table_at(t, i, 1)->integer, 10);
    }
    assert_int_equal(wn_facts_query(x->facts, &sql, 2, &x->arena, &t, NULL), WN_LIMIT);
}

/* -----------------------------------------------------------------------------------------------
 */

static void an_unknown_engine_is_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {"", "duckdb", "duckdb:", "memory:x", "mysql:x", ":x"};
    for (size_t i = 0; i < WN_COUNT(urls); i++) {
        struct wn_facts *f = NULL;
        struct wn_arena a;
        struct wn_str note;
        wn_arena_init(&a, 0);
        assert_int_equal(wn_facts_open(wn_str_of(urls[i]), NULL, &a, &note, &f, NULL), WN_INVALID);
        assert_null(f);
        wn_arena_deinit(&a);
    }
    wn_facts_close(NULL);
}

static const struct CMUnitTest cases[] = {
    {"says who it is", says_who_it_is, 0, 0, 0},
    {"gives back every column", gives_back_every_column, 0, 0, 0},
    {"replacing twice leaves one set", replacing_twice_leaves_one_set, 0, 0, 0},
    {"fewer rows leave no ghosts", fewer_rows_leave_no_ghosts, 0, 0, 0},
    {"what is outside the range stays", what_is_outside_the_range_stays, 0, 0, 0},
    {"appended before the replace", rows_appended_before_the_replace_survive_it, 0, 0, 0},
    {"many scattered days", many_scattered_days_are_replaced_at_once, 0, 0, 0},
    {"big appends come back whole", big_appends_come_back_whole, 0, 0, 0},
    {"rollback leaves no trace", rollback_leaves_no_trace, 0, 0, 0},
    {"wrong rows are refused", wrong_rows_are_refused_and_the_rest_goes_on, 0, 0, 0},
    {"an empty transaction", an_empty_transaction_is_fine, 0, 0, 0},
    {"a scan stops when told", a_scan_stops_when_told, 0, 0, 0},
    {"a name keeps its id", a_name_keeps_its_id, 0, 0, 0},
    {"tenants count their ids apart", tenants_count_their_ids_apart, 0, 0, 0},
    {"any text can be a name", any_text_can_be_a_name, 0, 0, 0},
    {"wrong names are refused", wrong_names_are_refused, 0, 0, 0},
    {"deleting an account", deleting_an_account_takes_its_names_along, 0, 0, 0},
    {"deleting and filling again", deleting_and_filling_again_keeps_what_is_used, 0, 0, 0},
    {"thousands of names", thousands_of_names_and_renames, 0, 0, 0},
    {"readers see all or nothing", readers_see_all_of_a_replace_or_nothing, 0, 0, 0},
    {"random work equals the model", random_work_equals_the_model, 0, 0, 0},
    {"queries answer or say they cannot", queries_answer_or_say_they_cannot, 0, 0, 0},
};

int main(void)
{
    static size_t numbers[WN_COUNT(engines)];
    static char names[WN_COUNT(engines)][WN_COUNT(cases)][80];
    int n_failed = 0;
    for (size_t e = 0; e < WN_COUNT(engines); e++) {
        struct CMUnitTest tests[WN_COUNT(cases)];
        numbers[e] = e;
        for (size_t i = 0; i < WN_COUNT(cases); i++) {
            snprintf(names[e][i], sizeof names[e][i], "%s: %s", engines[e].name, cases[i].name);
            tests[i] = cases[i];
            tests[i].name = names[e][i];
            tests[i].setup_func = open_store;
            tests[i].teardown_func = close_store;
            tests[i].initial_state = &numbers[e];
        }
        n_failed += cmocka_run_group_tests_name(engines[e].name, tests, NULL, NULL);
    }
    const struct CMUnitTest others[] = {cmocka_unit_test(an_unknown_engine_is_refused)};
    n_failed += cmocka_run_group_tests_name("urls", others, NULL, NULL);
    return n_failed != 0;
}
