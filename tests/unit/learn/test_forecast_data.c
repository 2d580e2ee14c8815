/* Protects the accuracy that the manual promises, on real data where they are present: the OWA and
 * the intervals on M4 Weekly and Hourly, M1 against Theta and damped trend, and that the official
 * formulas and the benchmark methods come out as published. */
#include "winnow/forecast.h"

#include "../../../bench/learn/replay.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *data_dir(void)
{
    const char *dir = getenv("WN_SHARED_DATA");
    return dir ? dir : "";
}

static struct bench_score forecast_set(const struct bench_series *series, size_t n,
                                       wn_forecast_frequency frequency, size_t m)
{
    struct wn_arena a;
    struct bench_score sums = {0};
    wn_arena_init(&a, 0);
    struct wn_forecast_series *in = WN_ARENA_ARRAY(&a, n, struct wn_forecast_series);
    struct wn_forecast *out = WN_ARENA_ARRAY(&a, n, struct wn_forecast);
    for (size_t i = 0; i < n; i++)
        in[i] = (struct wn_forecast_series){.values = series[i].train, .n = series[i].n};
    struct wn_forecast_options o = {.horizon = series[0].h, .frequency = frequency};
    assert_int_equal(wn_forecast_batch(in, n, &o, &a, out, NULL), WN_OK);
    for (size_t i = 0; i < n; i++) {
        struct bench_covered covered;
        double unit = bench_unit(series[i].train, series[i].n, m);
        bench_score_points(&sums, series[i].test, out[i].mean, series[i].h, unit);
        bench_score_intervals(&sums, series[i].test, &out[i], unit, &covered);
    }
    wn_arena_deinit(&a);
    return sums;
}

/* The gate of all intervals, at earlier ends of the training parts: within 2 points over all, and
 * within 5 points in the worst tenth of the series by length. */
static void assert_covers(const struct bench_set *set, wn_forecast_frequency frequency, size_t m)
{
    static const double levels[BENCH_LEVELS] = {0.80, 0.95};
    struct bench_replay r;
    const struct bench_series **series =
        WN_ARENA_ARRAY(set->a, set->n, const struct bench_series *);
    for (size_t i = 0; i < set->n; i++)
        series[i] = &set->series[i];
    assert_int_equal(bench_replay(series, set->n, frequency, m, set->a, &r), WN_OK);
    for (size_t l = 0; l < BENCH_LEVELS; l++) {
        assert_true(fabs(r.ours.covered[l] / r.ours.n - levels[l]) <= 0.02);
        assert_true(fabs(bench_worst_tenth(r.covered, r.n, l, levels[l]) - levels[l]) <= 0.05);
    }
}

/* The published figures of the benchmark methods, in the order of base_names. */
static void assert_published(const struct bench_score *base, double naive2_smape,
                             double naive2_mase, const double *published)
{
    for (size_t k = 0; k < BASE_N; k++)
        assert_true(fabs(bench_owa(&base[k], naive2_smape, naive2_mase) - published[k]) <= 0.003);
}

static void benchmark(const struct bench_set *set, size_t season, size_t m, struct bench_score *out)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct bench_series *s = &set->series[i];
        double f[BASE_N * 64];
        base_forecast(s->train, s->n, season, s->h, false, f);
        for (size_t k = 0; k < BASE_N; k++)
            bench_score_points(&out[k], s->test, f + k * s->h, s->h, bench_unit(s->train, s->n, m));
    }
}

static void m4_weekly(void **state)
{
    (void)state;
    struct wn_arena a;
    struct bench_set set;
    struct bench_score base[BASE_N] = {0};
    wn_arena_init(&a, 0);
    if (!bench_read_m4(&set, &a, data_dir(), "Weekly")) {
        print_message("skipped: M4 Weekly is not in WN_SHARED_DATA\n");
        wn_arena_deinit(&a);
        skip();
    }
    struct bench_score s = forecast_set(set.series, set.n, WN_FREQUENCY_WEEKLY, 1);
    assert_true(bench_owa(&s, 9.161, 2.777) <= 0.74);
    assert_true(s.covered[1] / s.n >= 0.93 && s.covered[1] / s.n <= 0.97);
    assert_true(s.msis / s.n <= 16.2);
    assert_covers(&set, WN_FREQUENCY_WEEKLY, 1);
    static const double published[BASE_N] = {1, 0.9753, 0.9656, 0.9167, 0.9711, 0.9260};
    benchmark(&set, 1, 1, base);
    assert_published(base, 9.161, 2.777, published);
    wn_arena_deinit(&a);
}

static void m4_hourly(void **state)
{
    (void)state;
    struct wn_arena a;
    struct bench_set set;
    struct bench_score base[BASE_N] = {0};
    wn_arena_init(&a, 0);
    if (!bench_read_m4(&set, &a, data_dir(), "Hourly")) {
        print_message("skipped: M4 Hourly is not in WN_SHARED_DATA\n");
        wn_arena_deinit(&a);
        skip();
    }
    struct bench_score s = forecast_set(set.series, set.n, WN_FREQUENCY_HOURLY, 24);
    assert_true(bench_owa(&s, 18.383, 2.395) <= 0.44);
    assert_true(s.covered[1] / s.n >= 0.93 && s.covered[1] / s.n <= 0.97);
    assert_true(s.msis / s.n <= 7.9);
    assert_covers(&set, WN_FREQUENCY_HOURLY, 24);
    static const double published[BASE_N] = {1, 0.9901, 2.7488, 1.1411, 1.0059, 1.5564};
    benchmark(&set, 24, 24, base);
    assert_published(base, 18.383, 2.395, published);
    wn_arena_deinit(&a);
}

static void m1(void **state)
{
    (void)state;
    static const struct {
        char period;
        wn_forecast_frequency frequency;
        size_t season;
    } groups[] = {{'Y', WN_FREQUENCY_YEARLY, 1},
                  {'Q', WN_FREQUENCY_QUARTERLY, 4},
                  {'M', WN_FREQUENCY_MONTHLY, 12}};
    struct wn_arena a;
    struct bench_set set;
    double ours = 0, n = 0;
    struct bench_score base[BASE_N] = {0};
    wn_arena_init(&a, 0);
    if (!bench_read_m1(&set, &a, data_dir())) {
        print_message("skipped: M1 is not in WN_SHARED_DATA\n");
        wn_arena_deinit(&a);
        skip();
    }
    struct bench_series *group = WN_ARENA_ARRAY(&a, set.n, struct bench_series);
    for (size_t g = 0; g < 3; g++) {
        struct bench_set part = {.series = group};
        for (size_t i = 0; i < set.n; i++)
            if (set.series[i].period == groups[g].period)
                group[part.n++] = set.series[i];
        struct bench_score s = forecast_set(group, part.n, groups[g].frequency, groups[g].season);
        ours += s.smape;
        n += s.n;
        benchmark(&part, groups[g].season, groups[g].season, base);
    }
    assert_true(n == 1001);
    assert_true(ours / n < base[BASE_THETA].smape / n);
    assert_true(ours / n < base[BASE_DAMPED].smape / n);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(m4_weekly),
        cmocka_unit_test(m4_hourly),
        cmocka_unit_test(m1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
