/* Protects tree shrinkage: simulated hyper-parameters are recovered, small nodes borrow and large
 * ones do not, intervals are honest, and empty trees are defined. */
#include "learn/shrink.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* cmocka compares in single precision. */
#define assert_near(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

enum { GROUPS = 200, NODES = GROUPS + 1, WORLDS = 20 };

/* The mean over worlds: one world of 200 groups has an error of about 10 % of its own. */
static void hyper_parameters_are_recovered(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_shrink_node nodes[NODES];
    struct wn_shrunk out[NODES];
    double m[WN_SHRINK_LEVELS_MAX], rates = 0, counts = 0, values = 0, covered = 0, error = 0;
    double plain = 0;
    wn_rand_init(&r, 11);
    for (int w = 0; w < WORLDS; w++) {
        struct wn_arena a;
        double truth[NODES];
        wn_arena_init(&a, 0);
        nodes[0] = (struct wn_shrink_node){0, 0, 0};
        for (int i = 1; i < NODES; i++) {
            double trials = 50 + (double)wn_rand_below(&r, 2000);
            truth[i] = wn_rand_beta(&r, 120 * .05, 120 * .95);
            nodes[i] = (struct wn_shrink_node){
                0, (double)wn_rand_binomial(&r, (uint64_t)trials, truth[i]), trials};
        }
        assert_int_equal(wn_shrink_rates(&a, nodes, NODES, 200, out, m, NULL), WN_OK);
        rates += m[1] / WORLDS;
        for (int i = 1; i < NODES; i++) {
            double z = (truth[i] - out[i].mean) / sqrt(out[i].variance);
            covered += fabs(z) < 1.2815515655446004;
            error += fabs(out[i].mean - truth[i]);
            plain += fabs(nodes[i].count / nodes[i].exposure - truth[i]);
        }
        for (int i = 1; i < NODES; i++) {
            double exposure = 1 + 20 * wn_rand_uniform(&r);
            double lambda = wn_rand_gamma(&r, 4 * 3) / 4; /* mean 3, m 4 */
            nodes[i] = (struct wn_shrink_node){0, (double)wn_rand_poisson(&r, lambda * exposure),
                                               exposure};
        }
        assert_int_equal(wn_shrink_counts(&a, nodes, NODES, 10, out, m, NULL), WN_OK);
        counts += m[1] / WORLDS;
        nodes[0].count = NAN;
        for (int i = 1; i < NODES; i++) {
            double variance = .5 + 4 * wn_rand_uniform(&r);
            double value = 10 + 1.5 * wn_rand_normal(&r);
            nodes[i] =
                (struct wn_shrink_node){0, value + sqrt(variance) * wn_rand_normal(&r), variance};
        }
        assert_int_equal(wn_shrink_values(&a, nodes, NODES, 1, out, m, NULL), WN_OK);
        values += m[1] / WORLDS;
        wn_arena_deinit(&a);
    }
    assert_near(rates, 120, 12);
    assert_near(counts, 4, .4);
    assert_near(values, 2.25, .225);
    covered /= GROUPS * WORLDS;
    assert_true(covered > .78 && covered < .82);
    assert_true(error < .9 * plain);
}

static void small_nodes_borrow_and_large_ones_do_not(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_shrunk out[5];
    /* account > two campaigns > one ad each */
    struct wn_shrink_node nodes[5] = {
        {0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {1, 30000, 1000000}, {2, 1, 1}};
    wn_arena_init(&a, 0);
    assert_int_equal(wn_shrink_rates(&a, nodes, 5, 200, out, NULL, NULL), WN_OK);
    assert_near(out[3].mean, .03, 1e-4);
    assert_true(out[3].prior_weight < .001);
    assert_true(out[4].mean < .15 && out[4].mean > .03);
    assert_true(out[4].variance > out[3].variance);
    wn_arena_deinit(&a);
}

static void nothing_known_is_defined(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_shrunk out[8];
    struct wn_why why = {0};
    struct wn_shrink_node nodes[8] = {{0}};
    wn_arena_init(&a, 0);
    for (int i = 0; i < 8; i++)
        nodes[i].parent = 0;
    assert_int_equal(wn_shrink_rates(&a, nodes, 8, 200, out, NULL, NULL), WN_OK);
    assert_near(out[7].mean, .5, 1e-12);
    assert_int_equal(wn_shrink_counts(&a, nodes, 8, 10, out, NULL, NULL), WN_OK);
    assert_true(out[7].mean == 0 && isfinite(out[7].variance));
    for (int i = 0; i < 8; i++)
        nodes[i].count = NAN;
    assert_int_equal(wn_shrink_values(&a, nodes, 8, 1, out, NULL, NULL), WN_OK);
    assert_true(isfinite(out[7].mean) && isfinite(out[7].variance));
    for (int i = 1; i < 8; i++) /* all the same: nothing between the groups */
        nodes[i] = (struct wn_shrink_node){0, 5, 1};
    assert_int_equal(wn_shrink_values(&a, nodes, 8, 1, out, NULL, NULL), WN_OK);
    assert_near(out[7].mean, 5, 1e-12);
    assert_int_equal(wn_shrink_rates(&a, nodes, 8, 200, out, NULL, &why), WN_INVALID);
    assert_string_equal(why.field, "nodes[0]");
    nodes[0].count = 0;
    nodes[2].parent = 2;
    assert_int_equal(wn_shrink_values(&a, nodes, 8, 1, out, NULL, NULL), WN_INVALID);
    assert_int_equal(wn_shrink_rates(&a, nodes, 0, 200, out, NULL, NULL), WN_INVALID);
    wn_arena_deinit(&a);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    struct wn_shrink_node nodes[6] = {{0}};
    struct wn_shrunk out[6];
    int n_failed = 0;
    for (size_t limit = 1; limit < 4096; limit += 8) {
        struct wn_arena a;
        wn_arena_init(&a, limit);
        wn_rc rc = wn_shrink_rates(&a, nodes, 6, 200, out, NULL, NULL);
        assert_true(rc == WN_OK || rc == WN_MEMORY);
        n_failed += rc == WN_MEMORY;
        wn_arena_deinit(&a);
    }
    assert_true(n_failed > 3 && n_failed < 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hyper_parameters_are_recovered),
        cmocka_unit_test(small_nodes_borrow_and_large_ones_do_not),
        cmocka_unit_test(nothing_known_is_defined),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
