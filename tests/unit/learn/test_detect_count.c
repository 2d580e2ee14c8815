/* Protects the count engine: false alarms of clean campaigns, power on drops, bands, silent
 * failures, and sane answers to insane input. */
#include "winnow/detect.h"

#include "core/rand.h"
#include "learn/tail.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static double draw(struct wn_rand *r, double mean, double size)
{
    return (double)wn_rand_poisson(r, wn_rand_gamma(r, size) * mean / size);
}

static void test_clean_campaign_months(void **state)
{
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_count_options options = WN_COUNT_OPTIONS_DEFAULT;
    int n_alerts = 0, n_noisy = 0;
    (void)state;
    wn_rand_init(&r, 1);
    for (int campaign = 0; campaign < 1000; campaign++) {
        struct wn_count_stream s;
        int own = 0;
        double level = 2 + 60 * wn_rand_uniform(&r);
        assert_int_equal(wn_count_init(&s, &options, &why), WN_OK);
        for (int day = 0; day < 30; day++) {
            struct wn_count_result x;
            double mean = level * (day % 7 < 5 ? 1 : 0.7);
            wn_count_push(&s, draw(&r, mean, 20), mean, 1, &x);
            assert_true(x.p > 0 && x.p <= 1 && x.low <= x.high);
            own += x.is_anomaly;
        }
        n_alerts += own;
        n_noisy += own > 1;
    }
    /* At most one alert per campaign and month; in fact one in twenty campaigns has any. */
    assert_in_range(n_noisy, 0, 10);
    assert_in_range(n_alerts, 0, 100);
}

/* The share of campaigns whose sum of the last k days has a tail below the level. The mean is
 * estimated from 56 earlier days. */
static double power(double drop, uint64_t seed, int k, double level)
{
    struct wn_rand r;
    int n_found = 0, n = 1500;
    wn_rand_init(&r, seed);
    for (int campaign = 0; campaign < n; campaign++) {
        struct wn_count_options options = WN_COUNT_OPTIONS_DEFAULT;
        struct wn_count_stream s;
        struct wn_count_result x = {0};
        double mean = 0;
        bool early = false;
        assert_int_equal(wn_count_init(&s, &options, NULL), WN_OK);
        for (int day = 0; day < 56; day++)
            mean += draw(&r, 20, 20) / 56;
        for (int day = 0; day < 8 - k; day++)
            wn_count_push(&s, mean, mean, 1, &x);
        for (int day = 0; day < k; day++) {
            wn_count_push(&s, draw(&r, 20 * (1 - drop), 20), mean, 1, &x);
            early |= x.is_anomaly && x.direction < 0; /* the stream starts anew after an alert */
        }
        n_found += early || (k == 3 ? x.p_low3 : x.p_low8) < level;
    }
    return n_found / (double)n;
}

static void test_power_on_drops(void **state)
{
    (void)state;
    double size3 = power(0, 3, 3, 0.05), size8 = power(0, 4, 8, 0.05);
    /* The estimated mean costs a little of the size: 1/56 against 1/8 of the variance. */
    assert_true(size3 > 0.03 && size3 < 0.075);
    assert_true(size8 > 0.03 && size8 < 0.085);
    assert_true(power(0.5, 5, 3, 0.05) >= 0.85);
    assert_true(power(0.3, 6, 8, 0.05) >= 0.85);
}

static void test_slow_drift(void **state)
{
    struct wn_rand r;
    int n_found = 0;
    (void)state;
    wn_rand_init(&r, 9);
    for (int run = 0; run < 100; run++) {
        struct wn_count_options options = WN_COUNT_OPTIONS_DEFAULT;
        struct wn_count_stream s;
        bool found = false;
        assert_int_equal(wn_count_init(&s, &options, NULL), WN_OK);
        for (int i = 0; i < 72 && !found; i++) {
            struct wn_count_result x;
            wn_count_push(&s, draw(&r, 20 * 0.75, 20), 20, 1, &x);
            found = x.is_anomaly && x.direction < 0;
        }
        n_found += found;
    }
    assert_true(n_found >= 90);
}

static void test_delay_is_no_drop(void **state)
{
    struct wn_count_options options = WN_COUNT_OPTIONS_DEFAULT;
    struct wn_count_stream s;
    struct wn_count_result x;
    (void)state;
    assert_int_equal(wn_count_init(&s, &options, NULL), WN_OK);
    wn_count_push(&s, 10, 40, wn_delay_part(6, 24), &x);
    assert_true(x.p > 0.3);
    wn_count_push(&s, 10, 40, 1, &x);
    assert_true(x.p < 0.01);
}

static void test_band(void **state)
{
    static const double means[] = {0, 1e-9, 0.01, 0.5, 3, 20, 1000, 1e6};
    (void)state;
    for (size_t i = 0; i < WN_COUNT(means); i++) {
        double low, high;
        struct wn_tail t;
        wn_count_band(means[i], 20, 0.01, &low, &high);
        assert_true(low >= 0 && low <= means[i] && high > means[i] - 1);
        wn_tail_nb(low - 1, means[i], 20, &t);
        assert_true(low <= 0 || t.lower <= 0.005);
        wn_tail_nb(low, means[i], 20, &t);
        assert_true(t.lower > 0.005);
        wn_tail_nb(high + 1, means[i], 20, &t);
        assert_true(t.upper <= 0.005);
        wn_tail_nb(high, means[i], 20, &t);
        assert_true(high <= 0 || t.upper > 0.005); /* not a count more than it takes */
    }
}

static void test_silent_failures(void **state)
{
    struct wn_silent_input in = {.expected_conversions = 6, .conversions = 0};
    (void)state;
    assert_int_equal(wn_silent_check(&in), WN_SILENT_NO_CONVERSIONS);
    struct wn_tail t;
    wn_tail_poisson(0, 6, &t);
    assert_true(t.lower < 0.0025);
    in.conversions = 1;
    assert_int_equal(wn_silent_check(&in), 0);
    in = (struct wn_silent_input){.clicks = 60, .hit_part = 0.1};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_TRACKING);
    in = (struct wn_silent_input){.spend_today = 131, .daily_cap = 100};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_OVER_CAP);
    in = (struct wn_silent_input){.n_same_spend = 4, .spend_slot = 12.5};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_SPEND_FLAT);
    in = (struct wn_silent_input){.n_ids = 10, .n_distinct_ids = 9};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_DUPLICATES);
    in = (struct wn_silent_input){.usual_value = 20, .value = 2100};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_CURRENCY);
    in = (struct wn_silent_input){.usual_value = 20, .value = 0.19};
    assert_int_equal(wn_silent_check(&in), WN_SILENT_CURRENCY);
    in = (struct wn_silent_input){NAN, NAN, NAN, NAN, NAN, NAN, NAN, 9, NAN, NAN, NAN, 0, 0};
    assert_int_equal(wn_silent_check(&in), 0);
    for (unsigned bit = 1; bit <= WN_SILENT_CURRENCY; bit *= 2)
        assert_true(wn_silent_text(bit)[0] != 0);
}

static void test_odd_input(void **state)
{
    static const double odd[] = {0, -1, NAN, INFINITY, -INFINITY, 1e15, 1e308, 0.5, 1e-300, 17};
    struct wn_count_options options = WN_COUNT_OPTIONS_DEFAULT;
    struct wn_count_stream s;
    struct wn_rand r;
    struct wn_why why = {0};
    (void)state;
    wn_rand_init(&r, 5);
    assert_int_equal(wn_count_init(&s, &options, &why), WN_OK);
    for (int i = 0; i < 3000; i++) {
        struct wn_count_result x;
        double a = odd[wn_rand_below(&r, 10)], b = odd[wn_rand_below(&r, 10)];
        wn_count_push(&s, a, b, odd[wn_rand_below(&r, 10)], &x);
        assert_true(x.p > 0 && x.p <= 1 && x.p_least > 0 && x.p_least <= 1);
        assert_true(isfinite(x.low) && isfinite(x.high) && isfinite(s.up) && isfinite(s.slow[1]));
        assert_true(wn_rate_p(a, b, 0.02, 200) > 0);
        assert_true(wn_revenue_p(a, b, 20, 50, 1) > 0);
    }
    options.size = NAN;
    assert_int_equal(wn_count_init(&s, &options, &why), WN_INVALID);
    options = WN_COUNT_OPTIONS_DEFAULT;
    options.alpha = 1;
    assert_int_equal(wn_count_init(&s, &options, NULL), WN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_campaign_months),
        cmocka_unit_test(test_power_on_drops),
        cmocka_unit_test(test_slow_drift),
        cmocka_unit_test(test_delay_is_no_drop),
        cmocka_unit_test(test_band),
        cmocka_unit_test(test_silent_failures),
        cmocka_unit_test(test_odd_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
