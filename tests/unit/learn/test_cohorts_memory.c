/* Protects cohorts against memory running out, by making the n-th allocation fail for n = 1, 2, ...:
 * an error comes back and nothing is leaked. */
#include "winnow/cohorts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { CUSTOMERS = 400, ROWS = 3 * CUSTOMERS };
static struct wn_ltv_purchase rows[ROWS];

static wn_rc project(wn_cohort_model model)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_cohorts table;
    struct wn_cohorts_projection out;
    const struct wn_cohort_options options = {.model = model, .n_draws = 10, .cost = 1};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_cohorts_build(&a, rows, ROWS, WN_COHORT_WEEK, 18400, &table, NULL);
    if (!rc)
        rc = wn_cohorts_project(&a, &table, &options, &r, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_shop(void)
{
    return project(WN_COHORT_BGBB);
}

static wn_rc run_contract(void)
{
    return project(WN_COHORT_SBG);
}

static wn_rc run_fit(void)
{
    const struct wn_cohort_group groups[] = {{0, 0, 10}, {1, 2, 5}, {3, 3, 7}};
    struct wn_cohort_fit fit;
    return wn_bgbb_fit(groups, (const uint32_t[]){3, 3, 3}, NULL, 3, &fit, NULL);
}

static void shop(void **state)
{
    (void)state;
    fail_each_allocation(run_shop);
}

static void contract(void **state)
{
    (void)state;
    fail_each_allocation(run_contract);
}

static void fit(void **state)
{
    (void)state;
    fail_each_allocation(run_fit);
}

int main(void)
{
    for (uint32_t i = 0; i < ROWS; i++)
        rows[i] = (struct wn_ltv_purchase){1000000 + i, i / 3,
                                           18000 + (int32_t)(i / 3 % 90 + i % 3 * (i / 3 % 31))};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shop),
        cmocka_unit_test(contract),
        cmocka_unit_test(fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
