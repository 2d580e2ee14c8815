/* Protects the outlook: which days are missing and which are zero, that ratios come from both of
 * their parts, that intervals hold what they say, that incomplete days neither drag the forecast
 * down nor are hidden, and that odd histories have defined, finite answers. */
#include "decide_case.h"

#include "decide/forecast.h"

/* Fontconfig keeps its caches until the process ends and counts as leaking. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\n";
}

static struct wn_outlook outlook(struct fixture *f, wn_outlook_metric metric, int horizon)
{
    struct wn_why why = {0};
    struct wn_outlook o;
    struct wn_outlook_request r = {.metric = metric, .channel = -1, .horizon = horizon};
    ok(wn_outlook_make(&f->book, &r, WN_STR("USD"), &f->a, &o, &why), &why);
    return o;
}

static void check_order(const struct wn_outlook *o)
{
    for (size_t h = 0; h < o->horizon; h++) {
        assert_true(isfinite(o->mean[h]) && isfinite(o->low95[h]) && isfinite(o->high95[h]));
        assert_true(o->low95[h] <= o->low80[h] && o->low80[h] <= o->mean[h]);
        assert_true(o->mean[h] <= o->high80[h] && o->high80[h] <= o->high95[h]);
    }
}

/* 100 a day of spend at ROAS 2.5 with a week in it. */
static void fill(struct fixture *f, int n_days, double sd, int n_late)
{
    begin_rows(f);
    int32_t a = add_campaign(f, 0, "a"), b = add_campaign(f, 0, "b");
    for (int d = 0; d < n_days; d++) {
        double arrived = d >= n_days - n_late ? 0.3 + 0.2 * (n_days - 1 - d) : 1;
        double spend = (d % 7 < 5 ? 110 : 75) * noise(f, sd);
        double revenue = 2.5 * spend * noise(f, sd) * arrived;
        add_row(f, (struct day_row){.campaign_id = a,
                                    .channel = WN_CHANNEL_FACEBOOK,
                                    .day = d,
                                    .spend = spend * 0.6,
                                    .revenue = revenue * 0.6,
                                    .conversions = 10,
                                    .clicks = 100});
        add_row(f, (struct day_row){.campaign_id = b,
                                    .channel = WN_CHANNEL_TIKTOK,
                                    .day = d,
                                    .spend = spend * 0.4,
                                    .revenue = revenue * 0.4,
                                    .conversions = 6,
                                    .clicks = 70});
    }
    end_rows(f);
}

static void test_nothing_stored(void **state)
{
    struct wn_outlook o = outlook(*state, WN_OUTLOOK_ROI, 5);
    assert_int_equal(o.state, WN_FORECAST_EMPTY);
    assert_int_equal(o.n_history, 0);
    assert_true(isnan(o.mean[0]) && isnan(o.backtest.mape) && isnan(o.backtest.drift));
    assert_true(o.summary.n > 0);
}

static void test_a_ratio_comes_from_its_parts(void **state)
{
    fill(*state, 120, 0.05, 0);
    struct wn_outlook o = outlook(*state, WN_OUTLOOK_ROI, 14);
    assert_int_equal(o.state, WN_FORECAST_FITTED);
    assert_int_equal(o.n_history, 120);
    check_order(&o);
    for (size_t h = 0; h < 14; h++) /* the ratio has no week: only its parts do */
        assert_true(fabs(o.mean[h] - 1.5) < 0.15);
    assert_true(o.backtest.n_windows >= 3);
    assert_true(isnan(o.backtest.mape));
    assert_true(o.backtest.rmse > 0.02 && o.backtest.rmse < 0.4);
    assert_true(o.backtest.drift > 0.3 && o.backtest.drift < 3); /* nothing has changed */
    assert_true(o.backtest.coverage80 > 0.6 && o.backtest.coverage95 > 0.85);
    struct wn_outlook roas = outlook(*state, WN_OUTLOOK_ROAS, 14);
    for (size_t h = 0; h < 14; h++)
        assert_true(fabs(roas.mean[h] - 1 - o.mean[h]) < 1e-12);
}

static void test_a_sum_has_its_week(void **state)
{
    fill(*state, 120, 0.03, 0);
    struct wn_outlook o = outlook(*state, WN_OUTLOOK_SPEND, 14);
    check_order(&o);
    double weight = 0;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        weight += o.weights[k];
    assert_true(fabs(weight - 1) < 1e-9);
    assert_int_equal(o.n_seasons, 1);
    assert_int_equal(o.seasons[0], 7);
    for (int h = 0; h < 14; h++)
        assert_true(fabs(o.mean[h] - ((120 + h) % 7 < 5 ? 110 : 75)) < 8);
    assert_true(o.backtest.mape > 0 && o.backtest.mape < 0.1);
    assert_true(o.backtest.error_in_money > 0);
}

static void test_incomplete_days_do_not_drag_it_down(void **state)
{
    fill(*state, 100, 0.03, 3);
    struct wn_outlook o = outlook(*state, WN_OUTLOOK_REVENUE, 7);
    assert_int_equal(o.completeness.n_immature_days, 3);
    assert_true(fabs(o.completeness.share[0] - 0.3) < 0.06);
    assert_true(o.completeness.text.n > 0);
    /* Shown as they were reported ... */
    assert_true(o.history[99] < 110);
    /* ... and learnt from as what they will be. */
    double mean = 0;
    for (size_t h = 0; h < 7; h++)
        mean += o.mean[h] / 7;
    assert_true(fabs(mean - 250) < 25);
    struct wn_outlook spend = outlook(*state, WN_OUTLOOK_SPEND, 7);
    assert_int_equal(spend.completeness.n_immature_days, 0);
}

/* A fall that stays is news, not delay. */
static void test_a_lasting_fall_is_no_delay(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_why why = {0};
    struct wn_daily_completeness c;
    double outcome[80], effort[80];
    wn_arena_init(&a, 0);
    for (int i = 0; i < 80; i++) {
        effort[i] = 100;
        outcome[i] = (i >= 60 ? 20 : 50) + i % 3;
    }
    ok(wn_daily_completeness_of(outcome, effort, 80, &a, &c, &why), &why);
    assert_int_equal(c.n_immature_days, 0);
    for (int i = 0; i < 80; i++)
        outcome[i] = NAN;
    ok(wn_daily_completeness_of(outcome, effort, 80, &a, &c, &why), &why);
    assert_int_equal(c.n_immature_days, 0);
    ok(wn_daily_completeness_of(outcome, effort, 0, &a, &c, &why), &why);
    assert_true(wn_daily_arrived(&c, 0, 1) == 1);
    wn_arena_deinit(&a);
}

/* Days on which no account reported are missing; those without rows of one campaign are zero. */
static void test_missing_is_not_zero(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_daily d;
    begin_rows(f);
    int32_t a = add_campaign(f, 0, "a"), b = add_campaign(f, 0, "b"), c = add_campaign(f, 1, "c");
    for (int day = 0; day < 10; day++) {
        if (day != 4) /* the shop is silent on day 4 */
            add_row(f, (struct day_row){.campaign_id = a, .channel = 1, .day = day, .spend = 10});
        if (day >= 2 && day != 4 && day != 6)
            add_row(f, (struct day_row){.campaign_id = b, .channel = 1, .day = day, .spend = 5});
        add_row(f, (struct day_row){
                       .account = 1, .campaign_id = c, .channel = 4, .day = day, .spend = 1});
    }
    end_rows(f);
    struct wn_daily_request r = {.by = WN_DAILY_CAMPAIGN, .channel = -1};
    ok(wn_daily_gather(&f->book, &r, &f->a, &d, &why), &why);
    assert_int_equal(d.n, 3);
    assert_int_equal(d.n_days, 10);
    assert_int_equal(d.entities[0].campaign_id, a);
    const double *spend = d.entities[1].values[WN_MEASURE_SPEND];
    assert_int_equal(d.entities[1].campaign_id, b);
    assert_int_equal(d.entities[1].first, 2);
    assert_true(isnan(spend[0]) && isnan(spend[1]) && spend[2] == 5);
    assert_true(isnan(spend[4]) && spend[6] == 0);
    r.by = WN_DAILY_TOTAL;
    ok(wn_daily_gather(&f->book, &r, &f->a, &d, &why), &why);
    assert_true(d.entities[0].values[WN_MEASURE_SPEND][4] == 1);
    assert_true(d.entities[0].values[WN_MEASURE_SPEND][6] == 11);
    r.by = WN_DAILY_CHANNEL;
    r.channel = 1;
    ok(wn_daily_gather(&f->book, &r, &f->a, &d, &why), &why);
    assert_int_equal(d.n, 1);
    assert_true(isnan(d.entities[0].values[WN_MEASURE_SPEND][4]));
    assert_string_equal(d.entities[0].id.p, "facebook");
    r.has_from = r.has_to = true;
    r.from = FIRST_DAY + 5;
    r.to = FIRST_DAY + 4;
    assert_int_equal(wn_daily_gather(&f->book, &r, &f->a, &d, &why), WN_INVALID);
    assert_string_equal(why.field, "from");
}

/* Whatever the series is like, the answer is finite or says that it is empty. */
static void test_odd_series(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    enum { N = 60, KINDS = 8 };
    double numerator[N], denominator[N];
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t n = 0; n <= N; n = n < 3 ? n + 1 : n * 2 - 1)
            for (int metric = 0; metric < WN_OUTLOOK_METRICS; metric++) {
                for (size_t i = 0; i < n; i++) {
                    const double odd[KINDS] = {NAN,
                                               0,
                                               5,
                                               i % 3 ? 0 : 1e15,
                                               i == 1 ? 3 : NAN,
                                               1e-9,
                                               i % 9 ? NAN : 2,
                                               i % 2 ? 0.5 : 1e12};
                    numerator[i] = odd[kind];
                    denominator[i] = odd[(kind + 3) % KINDS];
                }
                bool is_ratio = metric <= WN_OUTLOOK_ROAS;
                struct wn_outlook_series s = {numerator, is_ratio ? denominator : NULL};
                struct wn_outlook o;
                ok(wn_outlook_of(&s, 1, n, n, 9, (wn_outlook_metric)metric, &f->a, &o, &why), &why);
                for (size_t h = 0; h < o.horizon; h++) {
                    assert_false(isinf(o.mean[h]) || isinf(o.low95[h]) || isinf(o.high95[h]));
                    assert_true(isnan(o.mean[h]) || (o.low95[h] <= o.mean[h]));
                    assert_true(isnan(o.mean[h]) || (o.high95[h] >= o.mean[h]));
                }
                assert_false(isinf(o.backtest.rmse) || isinf(o.backtest.mape));
            }
}

static void test_same_data_same_answer_and_picture(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_buf png[2];
    fill(f, 70, 0.1, 2);
    for (int i = 0; i < 2; i++) {
        struct wn_outlook o = outlook(f, WN_OUTLOOK_ROI, 20);
        struct wn_outlook_picture picture = {.currency = WN_STR("USD")};
        wn_buf_init(&png[i], 1 << 24);
        ok(wn_outlook_png(&o, &picture, &f->a, &png[i], &why), &why);
    }
    assert_true(png[0].n > 5000);
    assert_true(wn_str_eq(wn_buf_str(&png[0]), wn_buf_str(&png[1])));
    wn_buf_deinit(&png[0]);
    wn_buf_deinit(&png[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_ratio_comes_from_its_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_sum_has_its_week, setup, teardown),
        cmocka_unit_test_setup_teardown(test_incomplete_days_do_not_drag_it_down, setup, teardown),
        cmocka_unit_test(test_a_lasting_fall_is_no_delay),
        cmocka_unit_test_setup_teardown(test_missing_is_not_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_series, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_data_same_answer_and_picture, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
