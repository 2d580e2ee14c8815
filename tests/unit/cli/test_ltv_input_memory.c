/* Protects the reading of purchases and of customers against memory running out, by making the n-th
 * allocation fail for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "cli/ltv_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

static char purchases[40000], customers[120000];

static wn_rc run(const char *text)
{
    struct wn_arena a;
    struct wn_ltv_input in;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_ltv_input_read(&a, wn_str_of(text), NULL, 1, &in, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_purchases(void)
{
    return run(purchases);
}

static wn_rc run_customers(void)
{
    return run(customers);
}

static void of_purchases(void **state)
{
    (void)state;
    fail_each_allocation(run_purchases);
}

static void of_customers(void **state)
{
    (void)state;
    fail_each_allocation(run_customers);
}

int main(void)
{
    size_t n = (size_t)snprintf(purchases, sizeof purchases, "customer,date,amount,channel\n");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(purchases + n, sizeof purchases - n, "c%d,2026-01-%02d,%d,k%d\n",
                              i % 300, 1 + i % 28, i, i % 5);
    n = (size_t)snprintf(customers, sizeof customers, "id,frequency,recency,T,monetary,channel\n");
    for (int i = 0; i < 2500; i++)
        n += (size_t)snprintf(customers + n, sizeof customers - n, "c%d,1,%d,%d,5,k%d\n", i, i % 9,
                              10 + i % 50, i % 90);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_purchases),
        cmocka_unit_test(of_customers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
