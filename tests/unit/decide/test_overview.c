/* Protects the answers of the older calls: what is a sum and what a mean over campaigns, when a
 * source's printed ratio is shown, what a change is measured against, and that rows which belong to
 * no campaign, campaigns without rows and other tenants' data each end up where they should. */
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

#include "core/date.h"
#include "core/num.h"
#include "decide/overview.h"

struct fixture {
    char directory[64];
    struct wn_arena a;
    struct wn_book book;
    int32_t account;
    int32_t reported, plain, both; /* ids of campaigns */
    int32_t idle;                  /* in the catalog only */
};

static void ok(wn_rc rc, const struct wn_why *why)
{
    if (rc)
        fail_msg("%s %s: %s", wn_rc_name(rc), why->field, why->text);
}

static int32_t day(const char *text)
{
    int32_t out = -1;
    assert_true(wn_parse_day(wn_str_of(text), &out));
    return out;
}

static int32_t add_name(struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent, const char *key,
                        const char *name)
{
    int32_t id = 0;
    struct wn_why why = {0};
    ok(wn_facts_tx_name(tx, kind, parent, wn_str_of(key), wn_str_of(name), &id, &why), &why);
    return id;
}

/* impressions, clicks, conversions, spend, revenue in whole units */
static void add_row(const struct fixture *f, struct wn_facts_tx *tx, const char *at,
                    int32_t campaign, uint8_t channel, int64_t clicks, int64_t conversions,
                    int64_t spend, int64_t revenue)
{
    struct wn_why why = {0};
    struct wn_stat row = {.day = day(at),
                          .account_id = f->account,
                          .campaign_id = campaign,
                          .channel = channel,
                          .hour = WN_HOUR_NONE};
    row.measures[WN_MEASURE_IMPRESSIONS] = 100 * clicks * WN_MICROS;
    row.measures[WN_MEASURE_CLICKS] = clicks * WN_MICROS;
    row.measures[WN_MEASURE_CONVERSIONS] = conversions * WN_MICROS;
    row.measures[WN_MEASURE_SPEND] = spend * WN_MICROS;
    row.measures[WN_MEASURE_REVENUE] = revenue * WN_MICROS;
    ok(wn_facts_tx_append(tx, &row, 1, &why), &why);
}

static void fill_facts(struct fixture *f)
{
    struct wn_facts_tx *tx = NULL;
    struct wn_why why = {0};
    ok(wn_facts_begin(f->book.facts, 1, 1, 0, &tx, &why), &why);
    f->account = add_name(tx, WN_NAME_ACCOUNT, 0, "shop", "Shop");
    f->reported = add_name(tx, WN_NAME_CAMPAIGN, f->account, "r-1", "Reported");
    f->plain = add_name(tx, WN_NAME_CAMPAIGN, f->account, "p-1", "Plain");
    f->both = add_name(tx, WN_NAME_CAMPAIGN, f->account, "b-1", "Both channels");
    f->idle = add_name(tx, WN_NAME_CAMPAIGN, f->account, "i-1", "Idle");
    add_row(f, tx, "2026-03-02", f->reported, WN_CHANNEL_FACEBOOK, 100, 10, 10, 40); /* ROI 3 */
    add_row(f, tx, "2026-03-08", f->plain, WN_CHANNEL_TIKTOK, 50, 10, 20, 30);       /* 0.5 */
    add_row(f, tx, "2026-03-09", f->plain, WN_CHANNEL_TIKTOK, 50, 0, 20, 10);        /* -0.5 */
    add_row(f, tx, "2026-03-09", f->both, WN_CHANNEL_FACEBOOK, 40, 4, 40, 40);       /* 0 */
    add_row(f, tx, "2026-03-09", f->both, WN_CHANNEL_GOOGLE_ADS, 60, 6, 0, 60);      /* none */
    add_row(f, tx, "2026-03-09", 0, WN_CHANNEL_TELEGRAM, 7, 0, 5, 0);
    ok(wn_facts_commit(tx, &why), &why);
    /* Another tenant's rows must never show. */
    ok(wn_facts_begin(f->book.facts, 2, 1, 0, &tx, &why), &why);
    int32_t theirs = add_name(tx, WN_NAME_ACCOUNT, 0, "shop", "Their shop");
    int32_t other = add_name(tx, WN_NAME_CAMPAIGN, theirs, "r-1", "Theirs");
    add_row(f, tx, "2026-03-08", other, WN_CHANNEL_VK, 1000, 10, 1000, 1);
    ok(wn_facts_commit(tx, &why), &why);
}

static void fill_catalog(struct fixture *f)
{
    struct wn_why why = {0};
    struct wn_account account = {.tenant_id = 1,
                                 .account_id = f->account,
                                 .name = WN_STR("Shop"),
                                 .format = WN_STR("generic"),
                                 .currency = WN_STR("USD")};
    ok(wn_catalog_put_account(f->book.catalog, &account, &why), &why);
    struct wn_campaign c[2] = {{.tenant_id = 1,
                                .campaign_id = f->reported,
                                .account_id = f->account,
                                .channel = WN_CHANNEL_FACEBOOK,
                                .key = WN_STR("r-1"),
                                .name = WN_STR("Reported"),
                                .goal = WN_STR("Sales"),
                                .reported_conversion_rate_ratio = 0.123,
                                .reported_roi_ratio = 3.21,
                                .engagement_score = 7}};
    c[1] = c[0];
    c[1].campaign_id = f->idle;
    c[1].key = WN_STR("i-1");
    c[1].name = WN_STR("Idle");
    c[1].channel = WN_CHANNEL_EMAIL;
    c[1].reported_conversion_rate_ratio = c[1].reported_roi_ratio = NAN;
    ok(wn_catalog_put_campaigns(f->book.catalog, c, 2, &why), &why);
}

static int setup_empty(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct wn_why why = {0};
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1, .n_readers_max = 1};
    (void)snprintf(f->directory, sizeof f->directory, "/tmp/winnow-overview-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    wn_arena_init(&f->a, 0);
    f->book.tenant_id = 1;
    struct wn_str facts = wn_arena_printf(&f->a, "duckdb:%s", f->directory);
    struct wn_str catalog = wn_arena_printf(&f->a, "sqlite:%s/catalog.sqlite", f->directory);
    ok(wn_facts_open(facts, &options, &f->a, &note, &f->book.facts, &why), &why);
    ok(wn_catalog_open(catalog, &f->book.catalog, &why), &why);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    (void)setup_empty(state);
    fill_facts(*state);
    fill_catalog(*state);
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    wn_facts_close(f->book.facts);
    wn_catalog_close(f->book.catalog);
    wn_arena_deinit(&f->a);
    int rc = nftw(f->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

/* NAN stands for no value. */
static void near(double value, double expected)
{
    if (isnan(expected) ? !isnan(value) : !(fabs(value - expected) < 1e-12))
        fail_msg("%.17g is not %.17g", value, expected);
}

static const struct wn_overview_days all_days = {.is_given = false};

/* ---- the book --------------------------------------------------------------------------------- */

static void test_extent(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    int32_t from, to;
    int64_t n;
    bool has_data;
    ok(wn_book_extent(&f->book, &f->a, &from, &to, &n, &has_data, &why), &why);
    assert_true(has_data);
    assert_int_equal(from, day("2026-03-02"));
    assert_int_equal(to, day("2026-03-09"));
    assert_int_equal(n, 6);
}

static void put_metric(struct fixture *f, const char *name, const char *formula)
{
    struct wn_why why = {0};
    struct wn_metric_def def = {
        .name = wn_str_of(name), .formula = wn_str_of(formula), .label = wn_str_of(name)};
    ok(wn_catalog_put_metric(f->book.catalog, 1, &def, &why), &why);
}

static void test_metrics_of_the_tenant(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_metrics *m = NULL;
    put_metric(f, "aaa", "zzz * 2"); /* names one that comes later */
    put_metric(f, "zzz", "spend + 1");
    put_metric(f, "broken", "gone / 2");
    put_metric(f, "ring_a", "ring_b");
    put_metric(f, "ring_b", "ring_a");
    ok(wn_book_metrics(&f->book, &f->a, &m, &why), &why);
    assert_non_null(wn_metrics_get(m, WN_STR("aaa")));
    assert_non_null(wn_metrics_get(m, WN_STR("roas")));
    assert_null(wn_metrics_get(m, WN_STR("broken")));
    assert_null(wn_metrics_get(m, WN_STR("ring_a")));
}

static void test_query(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_query q;
    struct wn_table *t = NULL;
    struct wn_query_text text = {.metrics = WN_STR("clicks,roas"),
                                 .by = WN_STR("campaign"),
                                 .sort = WN_STR("-clicks"),
                                 .limit = WN_STR("2")};
    ok(wn_book_query(&f->book, &text, &f->a, &q, &t, &why), &why);
    assert_int_equal(q.day_from, day("2026-03-02"));
    assert_int_equal(t->n_rows, 2);
    assert_true(wn_str_eq(wn_table_at(t, 0, 0)->text, WN_STR("Both channels")));
    assert_int_equal(wn_table_at(t, 0, 1)->integer, f->both);
    near(wn_table_at(t, 0, 2)->real, 100);
    near(wn_table_at(t, 0, 3)->real, 2.5);
    text.metrics = WN_STR("rosa");
    assert_int_equal(wn_book_query(&f->book, &text, &f->a, &q, &t, &why), WN_INVALID);
    assert_string_equal(why.field, "metrics");
}

static void test_trend(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_overview_trend_row *rows = NULL;
    size_t n = 0;
    ok(wn_overview_roi_trend(&f->book, &all_days, &f->a, &rows, &n, &why), &why);
    assert_int_equal(n, 6);
    assert_int_equal(rows[0].day, day("2026-03-02"));
    near(rows[0].roi_ratio, 3);
    assert_int_equal(rows[2].channel, WN_CHANNEL_FACEBOOK); /* by name within a day */
    assert_int_equal(rows[3].channel, WN_CHANNEL_GOOGLE_ADS);
    near(rows[3].roi_ratio, NAN);
    near(rows[4].roi_ratio, -1); /* telegram */
    near(rows[5].roi_ratio, -0.5);
}

/* ---- campaigns -------------------------------------------------------------------------------- */

static size_t campaigns(struct fixture *f, struct wn_overview_campaign_filter filter,
                        struct wn_overview_campaign **out)
{
    struct wn_why why = {0};
    size_t n = 0;
    ok(wn_overview_campaigns(&f->book, &filter, &f->a, out, &n, NULL, &why), &why);
    return n;
}

static void test_campaigns(void **state)
{
    struct fixture *f = *state;
    struct wn_overview_campaign *c = NULL;
    assert_int_equal(campaigns(f, (struct wn_overview_campaign_filter){.channel = -1}, &c), 4);
    assert_int_equal(c[0].campaign.campaign_id, f->reported);
    assert_true(wn_str_eq(c[0].campaign.goal, WN_STR("Sales")));
    near(c[0].roi_ratio, 3.21); /* as the source printed it */
    near(c[0].conversion_rate_ratio, 0.123);
    assert_int_equal(c[0].day_first, day("2026-03-02"));
    /* Not in the catalog: known from the facts all the same. */
    assert_true(wn_str_eq(c[1].campaign.name, WN_STR("Plain")));
    assert_true(wn_str_eq(c[1].campaign.key, WN_STR("p-1")));
    assert_int_equal(c[1].campaign.channel, WN_CHANNEL_TIKTOK);
    assert_int_equal(c[1].campaign.account_id, f->account);
    near(c[1].roi_ratio, 0);
    near(c[1].conversion_rate_ratio, 0.1);
    assert_int_equal(c[1].sums_micros[WN_MEASURE_CLICKS], 100 * WN_MICROS);
    assert_int_equal(c[1].day_first, day("2026-03-08"));
    assert_int_equal(c[1].day_last, day("2026-03-09"));
    near(c[2].roi_ratio, 1.5);
    assert_false(c[3].has_data);
    near(c[3].roi_ratio, NAN);
}

static void test_campaigns_filtered(void **state)
{
    struct fixture *f = *state;
    struct wn_overview_campaign *c = NULL;
    struct wn_overview_campaign_filter days = {
        .channel = -1, .days = {true, day("2026-03-02"), day("2026-03-08")}};
    assert_int_equal(campaigns(f, days, &c), 2); /* only those with rows in them */
    near(c[0].roi_ratio, 3);                     /* of these days: from the sums */
    near(c[0].conversion_rate_ratio, 0.1);
    near(c[1].roi_ratio, 0.5);

    struct wn_overview_campaign_filter by_channel = {.channel = WN_CHANNEL_FACEBOOK};
    assert_int_equal(campaigns(f, by_channel, &c), 2);
    near(c[0].roi_ratio, 3.21);
    near(c[1].roi_ratio, 0); /* its rows in that channel only */
    by_channel.channel = WN_CHANNEL_EMAIL;
    assert_int_equal(campaigns(f, by_channel, &c), 1);
    assert_int_equal(c[0].campaign.campaign_id, f->idle);
    by_channel.channel = WN_CHANNEL_VK;
    assert_int_equal(campaigns(f, by_channel, &c), 0);

    struct wn_overview_campaign_filter by_key = {.channel = -1, .key = WN_STR("p-1")};
    assert_int_equal(campaigns(f, by_key, &c), 1);
    assert_int_equal(c[0].campaign.campaign_id, f->plain);
    by_key.key = WN_STR("i-1");
    assert_int_equal(campaigns(f, by_key, &c), 1);
    by_key.key = WN_STR("nothing");
    assert_int_equal(campaigns(f, by_key, &c), 0);
    struct wn_overview_campaign_filter by_id = {.channel = -1, .campaign_id = f->both};
    assert_int_equal(campaigns(f, by_id, &c), 1);
    assert_int_equal(c[0].campaign.campaign_id, f->both);
}

static void test_campaigns_paged(void **state)
{
    struct fixture *f = *state;
    struct wn_overview_campaign *c = NULL;
    struct wn_overview_campaign_filter page = {.channel = -1, .skip = 1, .limit = 2};
    struct wn_why why = {0};
    size_t n = 0, n_total = 0;
    ok(wn_overview_campaigns(&f->book, &page, &f->a, &c, &n, &n_total, &why), &why);
    assert_int_equal(n, 2);
    assert_int_equal(n_total, 4);
    assert_int_equal(c[0].campaign.campaign_id, f->plain);
    page.skip = 100;
    assert_int_equal(campaigns(f, page, &c), 0);
}

/* ---- channels, summary ------------------------------------------------------------------------ */

static void test_channels(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_overview_channel *c = NULL;
    size_t n = 0;
    ok(wn_overview_channels(&f->book, &all_days, &f->a, &c, &n, &why), &why);
    assert_int_equal(n, 4); /* facebook, google_ads, telegram, tiktok */
    assert_int_equal(c[0].channel, WN_CHANNEL_FACEBOOK);
    assert_int_equal(c[0].total_campaigns, 2);
    near(c[0].avg_roi_ratio, (3.21 + 0) / 2);
    near(c[0].avg_conversion_rate_ratio, (0.123 + 0.1) / 2);
    near(c[0].total_roi_ratio, 30.0 / 50);
    near(c[0].avg_acquisition_cost_micros, 25e6);
    assert_int_equal(c[0].sums_micros[WN_MEASURE_CLICKS], 140 * WN_MICROS);
    near(c[1].avg_roi_ratio, NAN); /* no spend */
    near(c[1].avg_conversion_rate_ratio, 0.1);
    near(c[1].avg_acquisition_cost_micros, 0);
    assert_int_equal(c[2].total_campaigns, 0); /* rows of no campaign */
    near(c[2].avg_acquisition_cost_micros, NAN);
    near(c[2].total_roi_ratio, -1);
    assert_int_equal(c[3].total_campaigns, 1);
}

static void test_summary_of_all(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_overview_summary s;
    ok(wn_overview_summary(&f->book, &all_days, &f->a, &s, &why), &why);
    assert_true(s.has_data);
    assert_int_equal(s.day_from, day("2026-03-02"));
    assert_int_equal(s.day_to, day("2026-03-09"));
    assert_int_equal(s.total_campaigns, 4);
    near(s.total_roi_ratio, (180.0 - 95) / 95);
    near(s.avg_roi_ratio, (3.21 + 0 + 1.5) / 3); /* the idle one has none */
    near(s.avg_conversion_rate_ratio, (0.123 + 0.1 + 0.1) / 3);
    near(s.avg_acquisition_cost_micros, 90e6 / 3);
    assert_int_equal(s.sums_micros[WN_MEASURE_CLICKS], 307 * WN_MICROS);
    near(s.roi_change_percent, NAN); /* nothing was before */
    near(s.clicks_change_percent, NAN);
    assert_int_equal(s.n_channels, 4);
    assert_int_equal(s.top_channel, WN_CHANNEL_FACEBOOK);
    assert_int_equal(s.worst_channel, WN_CHANNEL_TELEGRAM);
}

static void test_summary_of_days(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_overview_summary s;
    struct wn_overview_days days = {true, day("2026-03-09"), day("2026-03-09")};
    ok(wn_overview_summary(&f->book, &days, &f->a, &s, &why), &why);
    assert_int_equal(s.total_campaigns, 2);
    near(s.avg_roi_ratio, (-0.5 + 1.5) / 2);
    /* The day before: ROI 0.5, 10 of 50 clicks converted, 50 clicks, 20 spent on one campaign. */
    near(s.roi_change_percent, 0);
    near(s.conversion_change_percent, (0.05 - 0.2) / 0.2 * 100);
    near(s.clicks_change_percent, (157.0 - 50) / 50 * 100);
    near(s.cost_change_percent, 50);
    days = (struct wn_overview_days){true, day("2027-01-01"), day("2027-01-31")};
    ok(wn_overview_summary(&f->book, &days, &f->a, &s, &why), &why);
    assert_false(s.has_data);
    assert_int_equal(s.total_campaigns, 0);
    near(s.avg_roi_ratio, NAN);
}

static void test_nothing_at_all(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_overview_summary s;
    struct wn_overview_campaign *c = NULL;
    struct wn_overview_trend_row *rows = NULL;
    int32_t from, to;
    int64_t n_rows;
    bool has_data;
    size_t n = 99;
    ok(wn_book_extent(&f->book, &f->a, &from, &to, &n_rows, &has_data, &why), &why);
    assert_false(has_data);
    assert_int_equal(n_rows, 0);
    ok(wn_overview_summary(&f->book, &all_days, &f->a, &s, &why), &why);
    assert_false(s.has_data);
    assert_int_equal(s.n_channels, 0);
    assert_int_equal(s.top_channel, -1);
    near(s.total_roi_ratio, NAN);
    assert_int_equal(campaigns(f, (struct wn_overview_campaign_filter){.channel = -1}, &c), 0);
    ok(wn_overview_roi_trend(&f->book, &all_days, &f->a, &rows, &n, &why), &why);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_extent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics_of_the_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trend, setup, teardown),
        cmocka_unit_test_setup_teardown(test_campaigns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_campaigns_filtered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_campaigns_paged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_channels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_summary_of_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_summary_of_days, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_at_all, setup_empty, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
