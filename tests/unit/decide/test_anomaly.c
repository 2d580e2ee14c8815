/* Protects the alerts: that an outage, a jump and a stop are found on their day with their cause,
 * that quiet accounts stay quiet, that days whose results have not arrived raise nothing, and that a
 * day's judgement uses earlier days only. */
#include "decide_case.h"

#include "decide/anomaly.h"

enum { DAYS = 100, CAMPAIGNS = 6 };

typedef enum fault_kind { NONE, OUTAGE, STOP, LATE, DEVICE } fault_kind;

static double count_of(struct fixture *f, double mean)
{
    return (double)wn_rand_poisson(&f->rand, mean * noise(f, 0.05));
}

static void fill(struct fixture *f, fault_kind fault)
{
    begin_rows(f);
    int32_t ids[CAMPAIGNS];
    for (int k = 0; k < CAMPAIGNS; k++) {
        char key[32];
        (void)snprintf(key, sizeof key, "campaign %d", k);
        ids[k] = add_campaign(f, 0, key);
    }
    for (int d = 0; d < DAYS; d++)
        for (int k = 0; k < CAMPAIGNS; k++)
            for (uint8_t device = 1; device <= 2; device++) {
                double spend = (50 + 10 * k) * (d % 7 < 5 ? 1.1 : 0.8) * noise(f, 0.05);
                double clicks = count_of(f, spend * 2), conversions = count_of(f, spend / 4);
                if (fault == OUTAGE && d == 80 && k < 3)
                    conversions = 0;
                if (fault == STOP && d >= 85 && k == 2)
                    spend = clicks = conversions = 0;
                if (fault == LATE && d >= DAYS - 3)
                    conversions = floor(conversions * (0.3 + 0.2 * (DAYS - 1 - d)));
                if (fault == DEVICE && d == 80 && device == 2)
                    spend *= 2.5;
                add_row(f,
                        (struct day_row){.campaign_id = ids[k],
                                         .channel = k < 3 ? WN_CHANNEL_FACEBOOK : WN_CHANNEL_TIKTOK,
                                         .device = device,
                                         .day = d,
                                         .spend = spend,
                                         .revenue = 12 * conversions,
                                         .conversions = conversions,
                                         .clicks = clicks});
            }
    end_rows(f);
}

static struct wn_anomaly_report look(struct fixture *f)
{
    struct wn_why why = {0};
    struct wn_anomaly_report r;
    struct wn_anomaly_request request = {.metric = -1, .channel = -1, .with_causes = true};
    ok(wn_anomaly_find(&f->book, &request, WN_STR("USD"), &f->a, &r, &why), &why);
    return r;
}

static const struct wn_anomaly *find(const struct wn_anomaly_report *r, int day,
                                     wn_anomaly_metric metric, const char *id)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->anomalies[i].day == FIRST_DAY + day && r->anomalies[i].metric == metric &&
            wn_str_eq(r->anomalies[i].entity->id, wn_str_of(id)))
            return &r->anomalies[i];
    return NULL;
}

static void test_nothing_stored(void **state)
{
    struct wn_anomaly_report r = look(*state);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.n_streams, 0);
}

/* 100 days x 72 streams without a fault: about five alerts a year and account may be false. */
static void test_quiet_accounts_stay_quiet(void **state)
{
    fill(*state, NONE);
    struct wn_anomaly_report r = look(*state);
    assert_int_equal(r.n_streams, (1 + 2 + CAMPAIGNS) * WN_ANOMALY_METRICS);
    assert_true(r.n_found <= 6);
}

static void test_an_outage_is_found_with_its_cause(void **state)
{
    fill(*state, OUTAGE);
    struct wn_anomaly_report r = look(*state);
    const struct wn_anomaly *x = find(&r, 80, WN_ANOMALY_CONVERSIONS, "facebook");
    assert_non_null(x);
    assert_int_equal(x->direction, -1);
    assert_int_equal(x->severity, WN_ANOMALY_HIGH);
    assert_true(x->point.value == 0 && x->point.low > 0);
    assert_true(x->has_money && x->money_mean < 0 && x->money_low <= x->money_mean);
    const struct wn_anomaly *total = find(&r, 80, WN_ANOMALY_CONVERSIONS, "total");
    assert_non_null(total);
    assert_true(total->n_causes > 0);
    bool has_channel = false;
    for (size_t i = 0; i < total->n_causes; i++)
        has_channel = has_channel || wn_str_eq(total->causes[i].value, WN_STR("facebook"));
    assert_true(has_channel);
    /* One incident, one alert. */
    assert_null(find(&r, 81, WN_ANOMALY_CONVERSIONS, "facebook"));
}

static void test_a_stop_is_one_alert(void **state)
{
    fill(*state, STOP);
    struct wn_anomaly_report r = look(*state);
    size_t n = 0;
    for (size_t i = 0; i < r.n; i++)
        if (wn_str_eq(r.anomalies[i].entity->name, WN_STR("campaign 2")) &&
            r.anomalies[i].day >= FIRST_DAY + 85) {
            assert_int_equal(r.anomalies[i].metric, WN_ANOMALY_SPEND);
            assert_int_equal(r.anomalies[i].day, FIRST_DAY + 85);
            n++;
        }
    assert_int_equal(n, 1);
}

static void test_late_results_raise_nothing(void **state)
{
    fill(*state, LATE);
    struct wn_anomaly_report r = look(*state);
    assert_int_equal(r.completeness.n_immature_days, 3);
    for (size_t i = 0; i < r.n; i++)
        assert_false(r.anomalies[i].day >= FIRST_DAY + DAYS - 3 &&
                     r.anomalies[i].entity->by != WN_DAILY_CAMPAIGN);
}

static void test_a_device_is_named(void **state)
{
    fill(*state, DEVICE);
    struct wn_anomaly_report r = look(*state);
    const struct wn_anomaly *x = find(&r, 80, WN_ANOMALY_SPEND, "total");
    assert_non_null(x);
    assert_int_equal(x->direction, 1);
    assert_true(x->n_causes > 0);
    assert_string_equal(x->causes[0].dimension.p, "device");
    assert_string_equal(x->causes[0].value.p, "mobile");
    assert_true(x->causes[0].share > 0.9);
}

static void test_a_timeline_shows_one_stream(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    struct wn_anomaly_report r;
    const struct wn_daily_entity *e = NULL;
    struct wn_anomaly_point *points = NULL;
    struct wn_anomaly_request q = {.metric = WN_ANOMALY_CONVERSIONS, .channel = -1};
    fill(f, OUTAGE);
    ok(wn_anomaly_timeline(&f->book, &q, WN_STR("channel:facebook"), WN_STR("USD"), &f->a, &r, &e,
                           &points, &why),
       &why);
    assert_non_null(points);
    assert_true(points[80].is_anomaly && !points[79].is_anomaly);
    assert_true(isnan(points[5].expected)); /* still learning */
    assert_true(points[50].low <= points[50].expected && points[50].expected <= points[50].high);
    for (size_t i = 0; i < r.n; i++)
        assert_ptr_equal(r.anomalies[i].entity, e);
    const char *const wrong[] = {"channel:nowhere", "campaign:99999", "ad:3", "channel"};
    for (size_t i = 0; i < WN_COUNT(wrong); i++) {
        why = (struct wn_why){0};
        assert_int_equal(wn_anomaly_timeline(&f->book, &q, wn_str_of(wrong[i]), WN_STR("USD"),
                                             &f->a, &r, &e, &points, &why),
                         i < 2 ? WN_NOT_FOUND : WN_INVALID);
        assert_string_equal(why.field, "entity");
    }
}

/* ---- the judge --------------------------------------------------------------------------------- */

static void test_the_judge_knows_no_later_day(void **state)
{
    struct fixture *f = *state;
    double value[DAYS];
    struct wn_anomaly_point all[DAYS], part[DAYS];
    for (int i = 0; i < DAYS; i++)
        value[i] = 100 * noise(f, 0.1);
    struct wn_anomaly_stream s = {.value = value, .n = DAYS, .day = FIRST_DAY};
    wn_anomaly_judge(&s, all);
    s.n = 60;
    for (int i = 60; i < DAYS; i++)
        value[i] = -1;
    wn_anomaly_judge(&s, part);
    assert_memory_equal(all, part, 60 * sizeof(*all));
}

/* p-values of normal days are valid: no more small ones than they promise. */
static void test_p_values_are_valid(void **state)
{
    struct fixture *f = *state;
    enum { STREAMS = 200 };
    double value[DAYS];
    struct wn_anomaly_point points[DAYS];
    size_t n = 0, n_below_1 = 0, n_below_01 = 0;
    for (int kind = 0; kind < 2; kind++)
        for (int k = 0; k < STREAMS; k++) {
            double mean = kind ? 5 + k : 1000;
            for (int i = 0; i < DAYS; i++)
                value[i] = kind ? count_of(f, mean) : mean * noise(f, 0.15);
            struct wn_anomaly_stream s = {.value = value,
                                          .n = DAYS,
                                          .day = FIRST_DAY,
                                          .is_count = kind != 0,
                                          .with_band = true};
            wn_anomaly_judge(&s, points);
            for (int i = 30; i < DAYS; i++) {
                n++;
                n_below_1 += points[i].p_value <= 0.01;
                n_below_01 += points[i].p_value <= 0.001;
            }
        }
    assert_true((double)n_below_1 < 0.015 * (double)n);
    assert_true((double)n_below_01 < 0.002 * (double)n);
}

static void test_odd_values(void **state)
{
    (void)state;
    enum { KINDS = 7 };
    double value[DAYS];
    struct wn_anomaly_point points[DAYS];
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t n = 0; n <= DAYS; n += 10)
            for (int is_count = 0; is_count < 2; is_count++) {
                for (size_t i = 0; i < n; i++) {
                    const double odd[KINDS] = {NAN, 0, 7, i % 2 ? 1e15 : 0, -5, INFINITY, 1e-12};
                    value[i] = odd[kind];
                }
                struct wn_anomaly_stream s = {.value = value,
                                              .n = n,
                                              .day = -5,
                                              .is_count = is_count != 0,
                                              .with_band = true};
                wn_anomaly_judge(&s, points);
                for (size_t i = 0; i < n; i++) {
                    assert_true(points[i].p_value > 0 && points[i].p_value <= 1);
                    assert_true(isfinite(points[i].score));
                    assert_false(isinf(points[i].expected) || isinf(points[i].high));
                }
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_stored, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quiet_accounts_stay_quiet, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_outage_is_found_with_its_cause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stop_is_one_alert, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_results_raise_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_device_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_timeline_shows_one_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_judge_knows_no_later_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_p_values_are_valid, setup, teardown),
        cmocka_unit_test(test_odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
