/* Protects the batch forecast: what must hold for any data (intervals nest, money scales, series
 * permute, same bytes again), defined answers for degenerate series, errors, and memory limits. */
#include "winnow/forecast.h"

#include "core/rand.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 40, H = 14, POINTS = 300 };

static double values[N][POINTS];

/* Series of many kinds; positive, with zeros, with negative values, with gaps. */
static void make_values(uint64_t seed)
{
    struct wn_rand r;
    wn_rand_init(&r, seed);
    for (size_t i = 0; i < N; i++) {
        double level = 100 * exp(wn_rand_normal(&r)), walk = 0;
        for (size_t t = 0; t < POINTS; t++) {
            walk += 0.02 * wn_rand_normal(&r);
            double season = 0.3 * sin(2 * 3.14159265358979 * (double)t / 7);
            double x = level * exp(walk + season + 0.1 * wn_rand_normal(&r));
            if (i % 4 == 1 && wn_rand_uniform(&r) < 0.3)
                x = 0;
            if (i % 4 == 2)
                x -= level;
            if (i % 4 == 3 && wn_rand_uniform(&r) < 0.1)
                x = NAN;
            values[i][t] = x;
        }
    }
}

static void all_series(struct wn_forecast_series *s)
{
    for (size_t i = 0; i < N; i++)
        s[i] = (struct wn_forecast_series){.values = values[i], .n = POINTS - 7 * i};
}

static const struct wn_forecast_options options = {
    .horizon = H, .frequency = WN_FREQUENCY_DAILY, .levels = {0.5, 0.8, 0.95}, .n_levels = 3};

static void check_result(const struct wn_forecast *f)
{
    double sum = 0;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) {
        assert_true(f->weights[k] >= 0 && f->weights[k] <= 1);
        sum += f->weights[k];
        assert_true(isfinite(f->member_errors[k]));
        for (size_t h = 0; h < f->horizon; h++)
            assert_true(isfinite(f->member_means[k * f->horizon + h]));
    }
    if (f->state != WN_FORECAST_EMPTY)
        assert_true(fabs(sum - 1) <= 1e-12);
    assert_true(isfinite(f->error_abs) && isfinite(f->error_smape) && isfinite(f->error_scaled));
    for (size_t h = 0; h < f->horizon; h++) {
        assert_true(isfinite(f->mean[h]));
        for (size_t l = 0; l < f->n_levels; l++) {
            double low = f->low[l * f->horizon + h], high = f->high[l * f->horizon + h];
            assert_true(isfinite(low) && isfinite(high));
            assert_true(low <= f->mean[h] && f->mean[h] <= high);
            if (l) { /* the levels ascend here */
                assert_true(low <= f->low[(l - 1) * f->horizon + h]);
                assert_true(high >= f->high[(l - 1) * f->horizon + h]);
            }
        }
    }
}

static void forecast_all(const struct wn_forecast_series *s, struct wn_arena *a,
                         struct wn_forecast *out)
{
    struct wn_why why = {0};
    assert_int_equal(wn_forecast_batch(s, N, &options, a, out, &why), WN_OK);
    for (size_t i = 0; i < N; i++)
        check_result(&out[i]);
}

static bool same(const struct wn_forecast *a, const struct wn_forecast *b)
{
    size_t h = a->horizon * sizeof(double);
    return memcmp(a->mean, b->mean, h) == 0 && memcmp(a->low, b->low, 3 * h) == 0 &&
           memcmp(a->high, b->high, 3 * h) == 0;
}

static void permutes_and_repeats(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_forecast_series s[N], turned[N];
    struct wn_forecast first[N], second[N], third[N];
    make_values(1);
    wn_arena_init(&a, 0);
    all_series(s);
    for (size_t i = 0; i < N; i++)
        turned[i] = s[(i * 7 + 3) % N];
    forecast_all(s, &a, first);
    forecast_all(s, &a, second);
    forecast_all(turned, &a, third);
    for (size_t i = 0; i < N; i++) {
        assert_true(same(&first[i], &second[i]));
        assert_true(same(&first[(i * 7 + 3) % N], &third[i]));
    }
    wn_arena_deinit(&a);
}

/* Within 1e-6 relative: logarithms and grids in floats see slightly other roundings. */
static void money_scales(void **state)
{
    (void)state;
    static double scaled[N][POINTS];
    static const double factors[] = {1e6, 1e-3, 1024};
    make_values(2);
    for (size_t k = 0; k < 3; k++) {
        struct wn_arena a;
        struct wn_forecast_series s[N];
        struct wn_forecast plain[N], big[N];
        wn_arena_init(&a, 0);
        all_series(s);
        forecast_all(s, &a, plain);
        for (size_t i = 0; i < N; i++) {
            for (size_t t = 0; t < POINTS; t++)
                scaled[i][t] = values[i][t] * factors[k];
            s[i].values = scaled[i];
        }
        forecast_all(s, &a, big);
        for (size_t i = 0; i < N; i++)
            for (size_t h = 0; h < H; h++) {
                double unit =
                    fabs(plain[i].mean[h]) + plain[i].high[2 * H + h] - plain[i].low[2 * H + h];
                assert_true(fabs(big[i].mean[h] / factors[k] - plain[i].mean[h]) <= 1e-6 * unit);
                assert_true(fabs(big[i].high[h] / factors[k] - plain[i].high[h]) <= 1e-6 * unit);
                assert_true(fabs(big[i].low[h] / factors[k] - plain[i].low[h]) <= 1e-6 * unit);
            }
        wn_arena_deinit(&a);
    }
}

/* One series alone. */
static struct wn_forecast one(const double *x, size_t n, struct wn_arena *a)
{
    struct wn_forecast out;
    struct wn_forecast_series s = {.values = x, .n = n};
    struct wn_why why = {0};
    wn_rc rc = wn_forecast_batch(&s, 1, &options, a, &out, &why);
    if (rc)
        fail_msg("%s", why.text);
    check_result(&out);
    return out;
}

static void degenerate_series(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    double x[400];
    struct wn_forecast f = one(NULL, 0, &a);
    assert_int_equal(f.state, WN_FORECAST_EMPTY);
    assert_true(f.mean[0] == 0 && f.high[0] == 0);
    for (int t = 0; t < 400; t++)
        x[t] = NAN;
    f = one(x, 400, &a);
    assert_int_equal(f.state, WN_FORECAST_EMPTY);
    x[200] = 7;
    f = one(x, 400, &a); /* one point among missing ones */
    assert_int_equal(f.state, WN_FORECAST_SHORT);
    assert_true(f.mean[0] == 7 && f.mean[H - 1] == 7);
    assert_true(f.low[2 * H] < 7 && f.high[2 * H] > 7);
    for (int t = 0; t < 400; t++)
        x[t] = 5;
    f = one(x, 400, &a);
    assert_int_equal(f.state, WN_FORECAST_CONSTANT);
    assert_true(f.mean[3] == 5 && f.low[2 * H + 3] == 5 && f.high[2 * H + 3] == 5);
    memset(x, 0, sizeof x);
    f = one(x, 400, &a);
    assert_true(f.state == WN_FORECAST_CONSTANT && f.mean[0] == 0 && f.high[2 * H] == 0);
    x[399] = 3; /* zero for a year, then something */
    f = one(x, 400, &a);
    assert_true(f.mean[0] >= 0 && f.low[2 * H] >= 0);
    for (size_t n = 1; n < 30; n++) {
        for (size_t t = 0; t < n; t++)
            x[t] = 10 + (double)(t % 3);
        (void)one(x, n, &a);
    }
    wn_arena_deinit(&a);
}

static void extreme_values(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_rand r;
    static const double sizes[] = {1e15, DBL_MAX, 1e308, DBL_MIN, 4.9e-324, 1e-300};
    double x[200];
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 9);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int kind = 0; kind < 4; kind++) {
            for (size_t t = 0; t < 200; t++) {
                double u = wn_rand_uniform(&r);
                x[t] = kind == 0   ? sizes[k] * u
                       : kind == 1 ? sizes[k] * (2 * u - 1)
                       : kind == 2 ? (u < 0.2 ? sizes[k] : 1)
                                   : (u < 0.2 ? sizes[k] : 0);
            }
            (void)one(x, 200, &a);
        }
    wn_arena_deinit(&a);
}

static void positive_stays_positive(void **state)
{
    (void)state;
    struct wn_arena a;
    double x[120];
    wn_arena_init(&a, 0);
    for (size_t t = 0; t < 120; t++)
        x[t] = 1000 * exp(-0.08 * (double)t);
    struct wn_forecast f = one(x, 120, &a);
    for (size_t h = 0; h < H; h++)
        assert_true(f.low[2 * H + h] > 0);
    for (size_t t = 0; t < 120; t++)
        x[t] = t % 3 ? 0 : 120.0 - (double)t;
    f = one(x, 120, &a);
    for (size_t h = 0; h < H; h++)
        assert_true(f.low[2 * H + h] >= 0 && f.mean[h] >= 0);
    wn_arena_deinit(&a);
}

static void finds_what_is_there(void **state)
{
    (void)state;
    struct wn_arena a;
    double x[280];
    wn_arena_init(&a, 0);
    for (size_t t = 0; t < 280; t++)
        x[t] = 100 + 30 * (double)(t % 7 == 0) + 0.01 * (double)(t * 37 % 11);
    struct wn_forecast f = one(x, 280, &a);
    assert_true(f.n_seasons == 1 && f.seasons[0] == 7);
    for (size_t h = 0; h < H; h++)
        assert_true(fabs(f.mean[h] - (100 + 30 * (double)((280 + h) % 7 == 0))) <= 0.5);
    assert_true(f.error_smape < 1);
    x[100] = 1e6; /* one wild point changes nothing much */
    f = one(x, 280, &a);
    for (size_t h = 0; h < H; h++)
        assert_true(fabs(f.mean[h] - (100 + 30 * (double)((280 + h) % 7 == 0))) <= 3);
    wn_arena_deinit(&a);
}

static void excluded_points_do_not_teach(void **state)
{
    (void)state;
    struct wn_arena a;
    double x[100], y[100];
    uint8_t out_of_order[100] = {0};
    struct wn_forecast f[2];
    make_values(3);
    memcpy(x, values[0], sizeof x);
    memcpy(y, values[0], sizeof y);
    for (size_t t = 40; t < 50; t++) {
        x[t] = 0; /* an outage */
        out_of_order[t] = 1;
        y[t] = NAN;
    }
    struct wn_forecast_series marked = {x, 100, out_of_order}, missing = {y, 100, NULL};
    wn_arena_init(&a, 0);
    assert_int_equal(wn_forecast_batch(&marked, 1, &options, &a, &f[0], NULL), WN_OK);
    assert_int_equal(wn_forecast_batch(&missing, 1, &options, &a, &f[1], NULL), WN_OK);
    assert_true(same(&f[0], &f[1]));
    wn_arena_deinit(&a);
}

static void errors_are_told(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_forecast out[2];
    double good[3] = {1, 2, 3}, bad[3] = {1, INFINITY, 3};
    struct wn_forecast_series s[2] = {{good, 3, NULL}, {bad, 3, NULL}};
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    assert_int_equal(wn_forecast_batch(s, 2, &options, &a, out, &why), WN_INVALID);
    assert_true(why.line == 2 && strstr(why.text, "point 2 of series 2"));
    struct wn_forecast_options o = options;
    o.horizon = 0;
    assert_int_equal(wn_forecast_batch(s, 1, &o, &a, out, NULL), WN_INVALID);
    o = options;
    o.levels[1] = 1;
    assert_int_equal(wn_forecast_batch(s, 1, &o, &a, out, NULL), WN_INVALID);
    o.levels[1] = NAN;
    assert_int_equal(wn_forecast_batch(s, 1, &o, &a, out, NULL), WN_INVALID);
    o = options;
    o.n_windows = WN_FORECAST_WINDOWS_MAX + 1;
    assert_int_equal(wn_forecast_batch(s, 1, &o, &a, out, NULL), WN_LIMIT);
    o = options;
    o.n_seasons = 1;
    o.seasons[0] = 1;
    assert_int_equal(wn_forecast_batch(s, 1, &o, &a, out, NULL), WN_INVALID);
    assert_int_equal(wn_forecast_batch(NULL, 0, &options, &a, NULL, NULL), WN_OK);
    wn_arena_deinit(&a);
}

static bool stop_at_three(void *context, size_t done, size_t total)
{
    size_t *calls = context;
    assert_true(done == ++*calls && total == N);
    return done < 3;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_forecast_series s[N];
    struct wn_forecast out[N];
    struct wn_forecast_options o = options;
    size_t calls = 0;
    make_values(4);
    all_series(s);
    o.on_progress = stop_at_three;
    o.context = &calls;
    wn_arena_init(&a, 0);
    assert_int_equal(wn_forecast_batch(s, N, &o, &a, out, NULL), WN_CANCELLED);
    assert_int_equal(calls, 3);
    wn_arena_deinit(&a);
}

/* Every limit below what is needed is an error that leaves nothing behind. */
static void memory_can_run_out(void **state)
{
    (void)state;
    struct wn_forecast_series s[N];
    struct wn_forecast out[N];
    size_t n_failed = 0;
    make_values(5);
    all_series(s);
    for (size_t limit = 16;; limit += 1 + limit / 16) {
        struct wn_arena a;
        struct wn_why why = {0};
        wn_arena_init(&a, limit);
        wn_rc rc = wn_forecast_batch(s, N, &options, &a, out, &why);
        wn_arena_deinit(&a);
        if (rc == WN_OK)
            break;
        assert_int_equal(rc, WN_MEMORY);
        assert_true(why.text[0] != 0);
        n_failed++;
    }
    assert_true(n_failed > 20);
}

static void names_and_steps(void **state)
{
    (void)state;
    assert_string_equal(wn_forecast_frequency_name(WN_FREQUENCY_WEEKLY), "weekly");
    assert_string_equal(wn_forecast_member_name(WN_MEMBER_THETA), "theta");
    assert_true(wn_forecast_member_words(WN_MEMBER_AR)[0] != 0);
    const int64_t day = 86400000;
    assert_int_equal(wn_forecast_frequency_of_step(day / 24), WN_FREQUENCY_HOURLY);
    assert_int_equal(wn_forecast_frequency_of_step(7 * day), WN_FREQUENCY_WEEKLY);
    assert_int_equal(wn_forecast_frequency_of_step(31 * day), WN_FREQUENCY_MONTHLY);
    assert_int_equal(wn_forecast_frequency_of_step(365 * day), WN_FREQUENCY_YEARLY);
    assert_int_equal(wn_forecast_frequency_of_step(5 * day), WN_FREQUENCY_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permutes_and_repeats),
        cmocka_unit_test(money_scales),
        cmocka_unit_test(degenerate_series),
        cmocka_unit_test(extreme_values),
        cmocka_unit_test(positive_stays_positive),
        cmocka_unit_test(finds_what_is_there),
        cmocka_unit_test(excluded_points_do_not_teach),
        cmocka_unit_test(errors_are_told),
        cmocka_unit_test(can_be_cancelled),
        cmocka_unit_test(memory_can_run_out),
        cmocka_unit_test(names_and_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
