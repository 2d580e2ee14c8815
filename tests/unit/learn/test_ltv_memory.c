/* Protects lifetime values against memory running out, by making the n-th allocation fail for n =
 * 1, 2, ...: an error comes back and nothing is leaked. */
#include "winnow/ltv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { N = 1200 };
static struct wn_ltv_customer customers[N];
static struct wn_ltv_purchase rows[3 * N];

static wn_rc run_fit(void)
{
    struct wn_arena a;
    struct wn_ltv_model m;
    const struct wn_ltv_options o = {.n_channels = 3};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_ltv_fit(customers, N, &o, &a, &m, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_predict(void)
{
    static struct wn_ltv_prediction p[N];
    struct wn_arena a;
    struct wn_rand r;
    struct wn_ltv_model m;
    struct wn_ltv_total totals[4];
    const struct wn_ltv_options o = {.n_channels = 3};
    const struct wn_ltv_plan plan = {.horizon = 10, .n_draws = 2};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_ltv_fit(customers, N, &o, &a, &m, NULL);
    if (!rc)
        rc = wn_ltv_predict(&m, customers, N, &plan, &r, p, totals, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_summarise(void)
{
    struct wn_arena a;
    struct wn_ltv_histories h;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_ltv_summarise(rows, 3 * N, N, 20, 40, 7, &a, &h, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static void fit(void **state)
{
    (void)state;
    fail_each_allocation(run_fit);
}

static void predict(void **state)
{
    (void)state;
    fail_each_allocation(run_predict);
}

static void summarise(void **state)
{
    (void)state;
    fail_each_allocation(run_summarise);
}

int main(void)
{
    for (uint32_t i = 0; i < N; i++) {
        double x = i % 4;
        customers[i] = (struct wn_ltv_customer){.frequency = x,
                                                .recency = x > 0 ? 3 + i % 20 : 0,
                                                .age = 25 + i % 11,
                                                .monetary = x > 0 ? 5 + i % 13 : 0,
                                                .channel = i % 3};
        for (uint32_t k = 0; k < 3; k++)
            rows[3 * i + k] = (struct wn_ltv_purchase){1000000, i, (int32_t)(i % 17 + 9 * k)};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit),
        cmocka_unit_test(predict),
        cmocka_unit_test(summarise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
