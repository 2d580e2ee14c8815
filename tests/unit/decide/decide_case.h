/* A workspace on disk for the tests of forecasts, budgets, anomalies and predictions: two accounts
 * whose days the tests write by formula. */
#ifndef WN_TESTS_DECIDE_CASE_H
#define WN_TESTS_DECIDE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/num.h"
#include "core/rand.h"
#include "decide/overview.h"

#define FIRST_DAY 20454 /* 2026-01-01 */

struct fixture {
    char directory[64];
    struct wn_arena a;
    struct wn_book book;
    struct wn_facts_tx *tx; /* while rows are written */
    int32_t accounts[2];
    struct wn_rand rand;
};

static inline void ok(wn_rc rc, const struct wn_why *why)
{
    if (rc)
        fail_msg("%s %s: %s", wn_rc_name(rc), why->field, why->text);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct wn_why why = {0};
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1, .n_readers_max = 1};
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/winnow-decide-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    wn_arena_init(&f->a, 0);
    wn_rand_init(&f->rand, 7);
    f->book.tenant_id = 1;
    struct wn_str facts = wn_arena_printf(&f->a, "duckdb:%s", f->directory);
    struct wn_str catalog = wn_arena_printf(&f->a, "sqlite:%s/catalog.sqlite", f->directory);
    ok(wn_facts_open(facts, &options, &f->a, &note, &f->book.facts, &why), &why);
    ok(wn_catalog_open(catalog, &f->book.catalog, &why), &why);
    *state = f;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    wn_facts_rollback(f->tx);
    wn_facts_close(f->book.facts);
    wn_catalog_close(f->book.catalog);
    wn_arena_deinit(&f->a);
    int rc = nftw(f->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

static inline int32_t add_name(struct fixture *f, wn_name_kind kind, int32_t parent,
                               const char *key)
{
    int32_t id = 0;
    struct wn_why why = {0};
    ok(wn_facts_tx_name(f->tx, kind, parent, wn_str_of(key), wn_str_of(key), &id, &why), &why);
    return id;
}

static inline void begin_rows(struct fixture *f)
{
    struct wn_why why = {0};
    ok(wn_facts_begin(f->book.facts, 1, 1, 1000, &f->tx, &why), &why);
    f->accounts[0] = add_name(f, WN_NAME_ACCOUNT, 0, "shop");
    f->accounts[1] = add_name(f, WN_NAME_ACCOUNT, 0, "agency");
}

static inline int32_t add_campaign(struct fixture *f, int account, const char *key)
{
    return add_name(f, WN_NAME_CAMPAIGN, f->accounts[account], key);
}

struct day_row {
    int account;
    int32_t campaign_id;
    uint8_t channel, device;
    int day; /* 0 = FIRST_DAY */
    double spend, revenue, conversions, clicks;
};

static inline void add_row(struct fixture *f, struct day_row r)
{
    struct wn_why why = {0};
    struct wn_stat row = {.day = FIRST_DAY + r.day,
                          .account_id = f->accounts[r.account],
                          .campaign_id = r.campaign_id,
                          .channel = r.channel,
                          .device = r.device,
                          .hour = WN_HOUR_NONE};
    row.measures[WN_MEASURE_SPEND] = (int64_t)(r.spend * 1e6);
    row.measures[WN_MEASURE_REVENUE] = (int64_t)(r.revenue * 1e6);
    row.measures[WN_MEASURE_CONVERSIONS] = (int64_t)r.conversions * WN_MICROS;
    row.measures[WN_MEASURE_CLICKS] = (int64_t)r.clicks * WN_MICROS;
    row.measures[WN_MEASURE_IMPRESSIONS] = 40 * (int64_t)r.clicks * WN_MICROS;
    ok(wn_facts_tx_append(f->tx, &row, 1, &why), &why);
}

static inline void end_rows(struct fixture *f)
{
    struct wn_why why = {0};
    ok(wn_facts_commit(f->tx, &why), &why);
    f->tx = NULL;
}

/* A factor around 1 with the given standard deviation of its logarithm. */
static inline double noise(struct fixture *f, double sd)
{
    return exp(sd * wn_rand_normal(&f->rand));
}

#endif
