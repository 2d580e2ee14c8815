/* Protects everything of the forecast against memory running out, by making the n-th allocation
 * fail for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "learn/forecast_csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

static double x[3][120];
static const struct wn_forecast_series series[3] = {
    {x[0], 120, NULL}, {x[1], 100, NULL}, {x[2], 5, NULL}};
static const struct wn_forecast_options options = {.horizon = 7, .frequency = WN_FREQUENCY_DAILY};
static const double levels[] = {0.8, 0.95};

static wn_rc run_batch(void)
{
    struct wn_arena a;
    struct wn_forecast out[3];
    wn_arena_init(&a, 0);
    wn_rc rc = wn_forecast_batch(series, 3, &options, &a, out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_ratio(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_forecast out[3], child;
    struct wn_ratio_forecast ratio;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_forecast_batch(series, 3, &options, &a, out, NULL);
    if (!rc)
        rc = wn_forecast_ratio(&out[0], &out[1], levels, 2, 5000, &r, &a, &ratio, NULL);
    if (!rc)
        rc = wn_forecast_cold_start(x[2], x[0], 5, &out[0], levels, 2, 0.1, 0.5, &a, &child, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_daily(void)
{
    struct wn_arena a;
    struct wn_forecast out;
    struct wn_daily_model model = {.first_day = 20000};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_forecast_daily(&series[0], &model, &options, &a, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_tree(void)
{
    const size_t parent[] = {WN_TREE_ROOT, 0, 0};
    const double variances[] = {4, 1, 3};
    double values[] = {100, 60, 30};
    return wn_forecast_reconcile(parent, 3, 1, values, variances, NULL, NULL);
}

static wn_rc read_csv(struct wn_str text)
{
    struct wn_arena a;
    struct wn_series_csv_reader *r = NULL;
    struct wn_series_csv csv;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_series_csv_new(&r, NULL);
    if (!rc)
        rc = wn_series_csv_push(r, text, NULL);
    if (!rc)
        rc = wn_series_csv_finish(r, WN_FREQUENCY_N, &a, &csv, NULL);
    wn_series_csv_free(r);
    wn_arena_deinit(&a);
    return rc;
}

static char text[60000];

static wn_rc run_csv(void)
{
    size_t n = 0;
    for (int i = 0; i < 3000 && n + 40 < sizeof text; i++)
        n += (size_t)snprintf(text + n, 40, "s%d,%d,%d\n", i % 300, i / 300, i);
    return read_csv((struct wn_str){text, n});
}

/* Rows of unequal length, a quoted name, and enough values for the table to grow. */
static wn_rc run_wide_csv(void)
{
    size_t n = (size_t)snprintf(text, sizeof text, "id,V1,V2\n\"a, b\",,\n");
    for (int i = 0; i < 40; i++) {
        n += (size_t)snprintf(text + n, 40, "s%d", i);
        for (int t = 0; t < 20 + i; t++)
            n += (size_t)snprintf(text + n, 40, ",%d", t * i);
        n += (size_t)snprintf(text + n, 40, "\n");
    }
    return read_csv((struct wn_str){text, n});
}

static void batch(void **state)
{
    (void)state;
    fail_each_allocation(run_batch);
}

static void ratio_and_cold_start(void **state)
{
    (void)state;
    fail_each_allocation(run_ratio);
}

static void daily(void **state)
{
    (void)state;
    fail_each_allocation(run_daily);
}

static void tree(void **state)
{
    (void)state;
    fail_each_allocation(run_tree);
}

static void csv(void **state)
{
    (void)state;
    fail_each_allocation(run_csv);
    fail_each_allocation(run_wide_csv);
}

int main(void)
{
    for (size_t i = 0; i < 3; i++)
        for (size_t t = 0; t < 120; t++)
            x[i][t] = 100 + 10 * (double)(t % 7) + 3 * (double)((t * 31 + i) % 11);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch), cmocka_unit_test(ratio_and_cold_start),
        cmocka_unit_test(daily), cmocka_unit_test(tree),
        cmocka_unit_test(csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
