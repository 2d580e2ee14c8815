/* Protects the fits of response curves against memory running out, by making the n-th allocation
 * fail for n = 1, 2, ...: an error comes back, nothing is written and nothing is leaked. */
#include "winnow/allocate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { ENTITIES = 12, DAYS = 40, CHANNELS = 3 };

static int32_t days[DAYS];
static double spend[ENTITIES][DAYS], revenue[ENTITIES][DAYS], arrived[DAYS], trend[DAYS];

static wn_rc run_single(void)
{
    struct wn_arena a;
    struct wn_history h[ENTITIES];
    struct wn_curve *curves = NULL;
    const struct wn_experiment e = {10, 20, 12, 3};
    const struct wn_curve_options o = {.with_base = true, .reported_log_sd = .4};
    for (uint32_t i = 0; i < ENTITIES; i++)
        h[i] = (struct wn_history){.days = days,
                                   .spend = spend[i],
                                   .revenue = revenue[i],
                                   .arrived = arrived,
                                   .n = DAYS,
                                   .group = i % 3,
                                   .experiments = &e,
                                   .n_experiments = i == 2};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_curves_fit(&a, h, ENTITIES, &o, &curves, NULL);
    assert_true((curves == NULL) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_joint(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_curve *curves = NULL;
    double *contributions = NULL;
    wn_rand_init(&r, 1);
    wn_arena_init(&a, 0);
    wn_rc rc = wn_curves_fit_joint(&a, &spend[0][0], CHANNELS, revenue[0], DAYS, trend, 1, 20, &r,
                                   &curves, &contributions, NULL);
    assert_true((curves == NULL) == (rc != WN_OK));
    assert_true((contributions == NULL) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static void single(void **state)
{
    (void)state;
    fail_each_allocation(run_single);
}

static void joint(void **state)
{
    (void)state;
    fail_each_allocation(run_joint);
}

int main(void)
{
    struct wn_rand r;
    wn_rand_init(&r, 5);
    for (int d = 0; d < DAYS; d++) {
        days[d] = d;
        arrived[d] = d + 5 < DAYS ? 1 : .7;
        trend[d] = d;
        for (int i = 0; i < ENTITIES; i++) {
            spend[i][d] = 10 * exp(.4 * wn_rand_normal(&r));
            revenue[i][d] = 40 * spend[i][d] / (10 + spend[i][d]) + wn_rand_uniform(&r);
        }
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single),
        cmocka_unit_test(joint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
