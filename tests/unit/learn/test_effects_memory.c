/* Protects the additive model against memory running out, by making the n-th allocation fail for
 * n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "learn/effects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { CELLS = 3000, NODES = 200 };

static wn_rc run(void)
{
    static double trials[CELLS], successes[CELLS];
    static uint32_t node[CELLS], parent[NODES], level[CELLS];
    const uint32_t n_levels = 24;
    struct wn_effects_data d = {CELLS, trials, successes, node, parent, NODES, 1, level, &n_levels};
    struct wn_effects out;
    struct wn_arena a;
    for (uint32_t i = 0; i < CELLS; i++) {
        trials[i] = 100;
        successes[i] = i % 7;
        node[i] = i % NODES;
        level[i] = i % n_levels;
    }
    for (uint32_t v = 1; v < NODES; v++)
        parent[v] = v / 10;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_effects_fit(&d, &a, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    fail_each_allocation(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
