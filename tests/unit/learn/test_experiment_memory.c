/* Protects the A/B tests against memory running out, by making the n-th allocation fail for n = 1, 2,
 * ...: an error comes back and nothing is leaked. */
#include "learn/experiment_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

static const struct wn_str arms[] = {{"A", 1}, {"B", 1}, {"C", 1}};

static wn_rc run_analyse(void)
{
    struct wn_abtest_stat fresh[12], all[12];
    struct wn_abtest_metric m[2] = {{WN_STR("x"), WN_ABTEST_RATE, all, fresh, false},
                                    {WN_STR("y"), WN_ABTEST_RATE, all, fresh, true}};
    const struct wn_abtest_segment segment = {WN_STR("phone"), (double[]){5, 6, 7}};
    struct wn_abtest t = {.arms = arms,
                          .n_arms = 3,
                          .n_looks = 4,
                          .metrics = m,
                          .n_metrics = 2,
                          .segments = &segment,
                          .n_segments = 1};
    struct wn_abtest_result r;
    struct wn_arena a;
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < 12 && !rc; i++)
        rc = wn_abtest_rate(1000, (double)(40 + i), &fresh[i], NULL);
    wn_abtest_accumulate(fresh, WN_ABTEST_RATE, 4, 3, all);
    wn_arena_init(&a, 0);
    if (!rc)
        rc = wn_abtest_analyse(&a, &t, NULL, &r, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_sum(void)
{
    uint32_t arm[40], look[40];
    double value[40], pre[80];
    struct wn_abtest_stat *all, *fresh;
    struct wn_abtest_adjustment adj;
    struct wn_arena a;
    for (size_t i = 0; i < 40; i++) {
        arm[i] = (uint32_t)(i % 2);
        look[i] = (uint32_t)(i / 20);
        value[i] = (double)(i % 7);
        pre[2 * i] = (double)(i % 5);
        pre[2 * i + 1] = i % 3 ? (double)(i % 4) : NAN;
    }
    struct wn_abtest_units u = {arm, look, value, NULL, pre, 40, 2, 2, 2, .9};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_abtest_sum(&a, &u, &all, &fresh, &adj, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_rest(void)
{
    struct wn_abtest_belief b[3];
    struct wn_abtest_plan plan;
    struct wn_rand r;
    double scale;
    wn_rand_init(&r, 1);
    wn_rc rc = wn_abtest_believe((double[]){1, 2, 3}, (double[]){1, 1, 1}, 3, 0, 1, .1, b, NULL);
    if (!rc)
        rc = wn_abtest_learn((double[]){.01, .02}, (double[]){.01, .01}, 2, &scale, NULL);
    if (!rc)
        rc = wn_abtest_plan(&(struct wn_abtest_wish){.mean = .1, .effect_ratio = .2}, &r, &plan,
                            NULL);
    return rc;
}

static wn_rc read_csv(const char *text)
{
    const struct wn_abtest_share shares[] = {{WN_STR("v0"), 1}, {WN_STR("v1"), 1}};
    const struct wn_abtest_finish how = {.winsor_ratio = .9, .shares = shares, .n_shares = 2};
    struct wn_abtest_csv *csv = NULL;
    struct wn_abtest_input in;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_abtest_csv_new(&csv, NULL);
    if (!rc)
        rc = wn_abtest_csv_push(csv, wn_str_of(text), NULL);
    if (!rc)
        rc = wn_abtest_csv_finish(csv, &how, &a, &in, NULL);
    wn_abtest_csv_free(csv);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_units(void)
{
    static char text[20000];
    size_t n =
        (size_t)snprintf(text, sizeof text, "unit,variant,value,pre,denominator,date,device\n");
    for (int i = 0; i < 300 && n + 60 < sizeof text; i++)
        n += (size_t)snprintf(text + n, 60, "u%d,v%d,%d,%d,1,2026-01-%02d,d%d\n", i, i % 2, i % 9,
                              i % 4, i % 20 + 1, i % 20);
    return read_csv(text);
}

static wn_rc run_totals(void)
{
    static char text[20000];
    size_t n =
        (size_t)snprintf(text, sizeof text, "variant,metric,date,n,conversions,sum,sum_sq\n");
    for (int i = 0; i < 300 && n + 60 < sizeof text; i++)
        n += (size_t)snprintf(text + n, 60, "v%d,m%d,2026-0%d-%02d,10,5,20,100\n", i % 2, i / 100,
                              i % 100 / 50 + 1, i % 50 / 2 + 1);
    return read_csv(text);
}

static void analyse(void **state)
{
    (void)state;
    fail_each_allocation(run_analyse);
    fail_each_allocation(run_sum);
    fail_each_allocation(run_rest);
}

static void csv(void **state)
{
    (void)state;
    fail_each_allocation(run_units);
    fail_each_allocation(run_totals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(analyse), cmocka_unit_test(csv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
