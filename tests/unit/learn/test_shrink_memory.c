/* Protects tree shrinkage against memory running out, by making the n-th allocation fail for
 * n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "learn/shrink.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { NODES = 2000 };

typedef wn_rc shrink_fn(struct wn_arena *scratch, const struct wn_shrink_node *nodes, size_t n,
                        double fallback, struct wn_shrunk *out, double *strength,
                        struct wn_why *why);

/* Three levels: an account, 49 campaigns, and ads. */
static wn_rc run(shrink_fn *shrink, bool are_values)
{
    static struct wn_shrink_node nodes[NODES];
    static struct wn_shrunk out[NODES];
    double strength[WN_SHRINK_LEVELS_MAX];
    struct wn_arena a;
    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t parent = i < 50 ? 0 : 1 + i % 49;
        nodes[i] = i < 50 ? (struct wn_shrink_node){parent, are_values ? NAN : 0, 0}
                          : (struct wn_shrink_node){parent, i % 7, 100};
    }
    wn_arena_init(&a, 0);
    wn_rc rc = shrink(&a, nodes, NODES, 50, out, strength, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_rates(void)
{
    return run(wn_shrink_rates, false);
}

static wn_rc run_counts(void)
{
    return run(wn_shrink_counts, false);
}

static wn_rc run_values(void)
{
    return run(wn_shrink_values, true);
}

static void rates(void **state)
{
    (void)state;
    fail_each_allocation(run_rates);
}

static void counts(void **state)
{
    (void)state;
    fail_each_allocation(run_counts);
}

static void values(void **state)
{
    (void)state;
    fail_each_allocation(run_values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(counts),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
