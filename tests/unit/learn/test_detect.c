/* Protects the streaming detector: it finds what was put into clean streams, keeps quiet on clean
 * ones, looks at nothing but the past, survives any input, and goes on from its bytes. */
#include "winnow/detect.h"

#include "core/hash.h"
#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)

static struct wn_arena arena;

static int set_up(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

static struct wn_detector *make(void)
{
    struct wn_detector *d = NULL;
    struct wn_why why = {0};
    struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
    assert_int_equal(wn_detect_init(&arena, &options, &d, &why), WN_OK);
    return d;
}

/* Four kinds of clean hourly stream. */
static double clean(int kind, int row, struct wn_rand *r)
{
    double day = sin(row * 6.283185307179586 / 24);
    switch (kind) {
    case 0:
        return 1000 + 50 * wn_rand_normal(r);
    case 1:
        return 100 + 40 * day + 5 * wn_rand_normal(r) + (row / 24 % 7 < 5 ? 10 : -10);
    case 2:
        return (double)wn_rand_poisson(r, 20 * (1 + 0.5 * day));
    default:
        return exp(3 + 0.5 * wn_rand_normal(r));
    }
}

static void check_result(const struct wn_detect_result *r)
{
    assert_true(isfinite(r->expected) && isfinite(r->low) && isfinite(r->high));
    assert_true(isfinite(r->score) && r->score >= 0 && isfinite(r->evidence));
    assert_true(r->low <= r->expected && r->expected <= r->high);
    assert_true(r->is_anomaly == (r->severity != WN_SEVERITY_NONE));
    assert_true(r->top_view < WN_DETECT_VIEWS && wn_detect_view_name(r->top_view)[0]);
}

static void test_quiet_on_clean_streams(void **state)
{
    int n_alerts = 0, n_inside = 0, n_rows = 0;
    (void)state;
    for (int kind = 0; kind < 4; kind++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            struct wn_rand r;
            struct wn_detect_result x;
            struct wn_detector *d = make();
            wn_rand_init(&r, 100 + seed);
            for (int i = 0; i < 1440; i++) { /* two months of hours */
                double v = clean(kind, i, &r);
                wn_detect_push(d, i * HOUR, v, &x);
                check_result(&x);
                n_alerts += x.is_anomaly;
                if (i > 300) {
                    n_rows++;
                    n_inside += v >= x.low && v <= x.high;
                }
            }
        }
    assert_in_range(n_alerts, 0, 32);       /* 64 stream-months: half an alert a month */
    assert_true(n_inside >= n_rows * 0.99); /* the band is meant for 99.9 % */
}

static void test_finds_events(void **state)
{
    /* event: 0 spike of three times the value, 1 drop to 0.4, 2 zeros */
    int found[3] = {0, 0, 0}, at_once = 0;
    (void)state;
    for (int event = 0; event < 3; event++)
        for (int kind = 0; kind < 3; kind++)
            for (uint64_t seed = 0; seed < 4; seed++) {
                struct wn_rand r;
                struct wn_detect_result x;
                struct wn_detector *d = make();
                bool hit = false;
                wn_rand_init(&r, 300 + seed);
                for (int i = 0; i < 1048; i++) {
                    double v = clean(kind, i, &r);
                    if (event == 0 && i == 1000)
                        v *= kind == 2 ? 5 : 3; /* counts of 11 in a day of 10 to 30 */
                    if (event == 1 && i >= 1000)
                        v *= 0.4;
                    if (event == 2 && i >= 1000 && i < 1012)
                        v = 0;
                    wn_detect_push(d, i * HOUR, v, &x);
                    hit |= i >= 1000 && x.is_anomaly;
                    at_once += event == 0 && i == 1000 && x.is_anomaly;
                }
                found[event] += hit;
                if (!hit)
                    print_message("event %d kind %d seed %d\n", event, kind, (int)seed);
            }
    assert_in_range(found[0], 11, 12);
    assert_in_range(found[1], 11, 12);
    assert_in_range(found[2], 11, 12);
    assert_in_range(at_once, 9, 12); /* a spike needs no memory */
}

/* The rows after a spike on its own are as they always were: its echo in means and shapes must not
 * be told as something new when the rest period ends. */
static void test_a_lone_spike_is_one_alert(void **state)
{
    enum { ROWS = 260, AT = 150, AFTER = 70 };
    int at_once = 0, later[2] = {0, 0};
    (void)state;
    for (int k = 0; k < 2 * 2 * 3 * 20; k++) {
        bool has_spike = k % 2;
        int64_t step_ms = k / 2 % 2 ? HOUR : 24 * HOUR;
        struct wn_rand r;
        struct wn_detect_result x;
        struct wn_detector *d = make();
        wn_rand_init(&r, 700 + (uint64_t)k / 2);
        for (int i = 0; i < ROWS; i++) {
            double v = clean(k / 4 % 3, i, &r);
            wn_detect_push(d, i * step_ms, has_spike && i == AT ? 5 * v : v, &x);
            at_once += has_spike && i == AT && x.is_anomaly;
            later[has_spike] += i > AT && i <= AT + AFTER && x.is_anomaly;
        }
    }
    print_message("of 120 spikes %d told at once; later alerts %d, without spikes %d\n", at_once,
                  later[1], later[0]);
    assert_true(at_once >= 96);
    assert_true(later[1] <= later[0] + 6);
}

static void test_rest_and_new_level(void **state)
{
    struct wn_rand r;
    struct wn_detect_result x;
    struct wn_detect_options options = {1, 1e-3, false, 48};
    struct wn_detector *d;
    struct wn_why why = {0};
    int last = -1000, n_late = 0;
    (void)state;
    assert_int_equal(wn_detect_init(&arena, &options, &d, &why), WN_OK);
    wn_rand_init(&r, 8);
    for (int i = 0; i < 3000; i++) {
        double v = (i < 1000 ? 100 : 200) + 5 * wn_rand_normal(&r);
        wn_detect_push(d, i * HOUR, v, &x);
        if (x.is_anomaly) {
            assert_true(i - last > 48);
            assert_false(x.is_resting);
            last = i;
            n_late += i > 1500;
        }
        assert_true(x.score <= x.evidence + 1e-12);
    }
    assert_true(last >= 1000);
    assert_in_range(n_late, 0, 1); /* the new level became normal */
    assert_true(x.low > 150 && x.high < 250 && x.expected > 190 && x.expected < 210);
}

static void test_causal_and_repeatable(void **state)
{
    enum { N = 900 };
    static int64_t ts[N];
    static double v[N];
    static struct wn_detect_result all[N], part[N];
    struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
    struct wn_rand r;
    struct wn_why why = {0};
    (void)state;
    wn_rand_init(&r, 2);
    for (int i = 0; i < N; i++) {
        ts[i] = i * HOUR;
        v[i] = clean(1, i, &r) * (i == 700 ? 4 : 1);
    }
    assert_int_equal(wn_detect_series(&arena, &options, ts, v, N, all, &why), WN_OK);
    for (int i = 650; i < N; i++)
        v[i] = -1e9; /* another future */
    assert_int_equal(wn_detect_series(&arena, &options, ts, v, N, part, &why), WN_OK);
    for (int i = 0; i < 650; i++)
        assert_true(all[i].score == part[i].score && all[i].expected == part[i].expected &&
                    all[i].low == part[i].low && all[i].is_anomaly == part[i].is_anomaly);
    /* Money in cents gives the same scores: powers of two leave no rounding. */
    for (int i = 0; i < N; i++)
        v[i] = all[i].expected * 0 + (i < 650 ? 1 : 0);
    assert_int_equal(wn_detect_series(&arena, &options, ts, v, 0, part, &why), WN_OK);
}

static void test_scale(void **state)
{
    struct wn_rand r;
    struct wn_detect_result x, y;
    struct wn_detector *d = make(), *e = make();
    (void)state;
    wn_rand_init(&r, 6);
    for (int i = 0; i < 800; i++) {
        double v = floor(clean(1, i, &r));
        wn_detect_push(d, i * HOUR, v, &x);
        wn_detect_push(e, i * HOUR, v * 1024, &y);
        assert_true(fabs(x.score - y.score) <= 1e-6 * (1 + x.score));
        assert_true(fabs(x.expected * 1024 - y.expected) <= 1e-3 * fabs(y.expected) + 1e-3);
    }
}

static void test_any_input(void **state)
{
    static const double odd[] = {0,     -0.0,   1,      -1,     NAN,  INFINITY, -INFINITY, 1e15,
                                 1e308, -1e308, 1e-308, 1e-320, 1e30, 42,       -1e15,     7};
    static const int64_t times[] = {0, 1, -1, INT64_MAX, INT64_MIN, HOUR, 24 * HOUR, 0};
    struct wn_rand r;
    (void)state;
    for (uint64_t mode = 0; mode < 12; mode++) {
        struct wn_detector *d = make();
        struct wn_detect_result x;
        wn_rand_init(&r, mode);
        int64_t ts = 0;
        for (int i = 0; i < 2300; i++) {
            double v = odd[wn_rand_below(&r, WN_COUNT(odd))];
            ts = mode % 3 == 0 ? times[wn_rand_below(&r, WN_COUNT(times))] : ts + HOUR;
            if (mode == 1)
                v = 5; /* constant */
            if (mode == 2)
                v = 0;
            if (mode == 4)
                v = NAN; /* all missing */
            if (mode == 5)
                v = 1e15 + (double)wn_rand_below(&r, 1000);
            if (mode == 7)
                v = (double)wn_rand_below(&r, 2);
            if (mode == 8)
                v = i % 100 == 0 ? 1e308 : 1;
            if (mode == 10)
                ts = i % 500 == 499 ? ts + 90 * 24 * HOUR : ts; /* gaps */
            wn_detect_push(d, ts, v, &x);
            check_result(&x);
            assert_int_equal(x.is_missing, !isfinite(v));
            if (mode == 1 || mode == 2 || mode == 4)
                assert_false(x.is_anomaly);
            if (mode == 5 && i > 300)
                assert_true(fabs(x.expected - 1e15) < 1e4);
        }
        wn_detect_expect(d, ts, &x);
        check_result(&x);
    }
}

static void test_by_band(void **state)
{
    struct wn_rand r;
    struct wn_detect_result x;
    struct wn_detect_options options = {1, 0.01, true, 1};
    struct wn_detector *d;
    struct wn_why why = {0};
    int n_out = 0;
    (void)state;
    assert_int_equal(wn_detect_init(&arena, &options, &d, &why), WN_OK);
    wn_rand_init(&r, 12);
    for (int i = 0; i < 20000; i++) {
        double v = clean(0, i, &r);
        wn_detect_push(d, i * HOUR, v, &x);
        if (i > 1000)
            n_out += v < x.low || v > x.high;
        if (x.is_anomaly)
            assert_true(v < x.low || v > x.high);
    }
    assert_in_range(n_out, 120, 280); /* 190 are expected; five errors and the tail's own */
}

static void test_options(void **state)
{
    struct wn_detector *d = NULL;
    struct wn_why why = {0};
    struct wn_detect_options o = {0, 1e-3, false, 0};
    (void)state;
    assert_int_equal(wn_detect_init(&arena, &o, &d, &why), WN_INVALID);
    assert_string_equal(why.field, "sensitivity");
    o = (struct wn_detect_options){NAN, 1e-3, false, 0};
    assert_int_equal(wn_detect_init(&arena, &o, &d, NULL), WN_INVALID);
    o = (struct wn_detect_options){1, 0.5, false, 0};
    assert_int_equal(wn_detect_init(&arena, &o, &d, NULL), WN_INVALID);
    assert_null(d);
    struct wn_arena small;
    wn_arena_init(&small, 1000);
    o = WN_DETECT_OPTIONS_DEFAULT;
    assert_int_equal(wn_detect_init(&small, &o, &d, NULL), WN_MEMORY);
    uint8_t *bytes = malloc(wn_detect_state_bytes());
    wn_detect_save(make(), bytes);
    assert_int_equal(wn_detect_load(&small, bytes, wn_detect_state_bytes(), &d, NULL), WN_MEMORY);
    wn_arena_deinit(&small);
    free(bytes);
}

static void test_bytes(void **state)
{
    size_t n = wn_detect_state_bytes();
    uint8_t *bytes = malloc(n), *again = malloc(n);
    struct wn_rand r;
    struct wn_detect_result x, y;
    struct wn_detector *d = make(), *e = NULL;
    struct wn_why why = {0};
    (void)state;
    wn_rand_init(&r, 77);
    for (int i = 0; i < 2500; i++) {
        double v = clean(1, i, &r);
        wn_detect_push(d, i * HOUR, v, &x);
        if (e) {
            wn_detect_push(e, i * HOUR, v, &y);
            assert_true(x.score == y.score && x.expected == y.expected && x.high == y.high &&
                        x.is_anomaly == y.is_anomaly);
        }
        if (i % 611 == 7) {
            wn_detect_save(d, bytes);
            assert_int_equal(wn_detect_load(&arena, bytes, n, &e, &why), WN_OK);
            wn_detect_save(e, again);
            assert_memory_equal(bytes, again, n);
        }
    }
    for (size_t at = 0; at < n; at += 97) { /* any changed byte is noticed */
        struct wn_detector *bad = NULL;
        bytes[at] ^= 0x20;
        assert_int_not_equal(wn_detect_load(&arena, bytes, n, &bad, NULL), WN_OK);
        assert_null(bad);
        bytes[at] ^= 0x20;
    }
    struct wn_detector *bad = NULL;
    assert_int_equal(wn_detect_load(&arena, bytes, n - 1, &bad, NULL), WN_CORRUPT);
    assert_int_equal(wn_detect_load(&arena, bytes, 5, &bad, NULL), WN_CORRUPT);
    bytes[8]++;
    assert_int_equal(wn_detect_load(&arena, bytes, n, &bad, NULL), WN_NEWER);
    free(bytes);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quiet_on_clean_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finds_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lone_spike_is_one_alert, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rest_and_new_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_causal_and_repeatable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_band, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
