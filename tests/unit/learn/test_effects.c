/* Protects the additive model of log-odds: known answers, coverage of its intervals, recovery of
 * what was simulated, borrowing within the tree, dispersion, and odd input. */
#include "learn/effects.h"

#include "core/rand.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cmocka compares in single precision. */
#define assert_near(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

enum { CAMPAIGNS = 20, ADS = 5, DEVICES = 3, HOURS = 24 };
enum { NODES = 1 + CAMPAIGNS + CAMPAIGNS * ADS, CELLS = CAMPAIGNS * ADS * DEVICES * HOURS };

/* A world whose truth is known. */
struct world {
    double x[NODES], b[2][HOURS];
    double trials[CELLS], successes[CELLS];
    uint32_t node[CELLS], parent[NODES], level[CELLS][2];
};
static const uint32_t n_levels[2] = {DEVICES, HOURS};

static struct wn_effects_data data_of(const struct world *w)
{
    return (struct wn_effects_data){.n_cells = CELLS,
                                    .trials = w->trials,
                                    .successes = w->successes,
                                    .node = w->node,
                                    .parent = w->parent,
                                    .n_nodes = NODES,
                                    .n_fields = 2,
                                    .level = &w->level[0][0],
                                    .n_levels = n_levels};
}

/* noise: standard deviation of each cell's own log-odds. */
static void draw(struct world *w, struct wn_rand *r, double trials, double noise)
{
    w->x[0] = wn_logit(.03);
    w->parent[0] = 0;
    for (size_t v = 1; v < NODES; v++) {
        bool is_campaign = v <= CAMPAIGNS;
        w->parent[v] = is_campaign ? 0 : (uint32_t)(1 + (v - 1 - CAMPAIGNS) / ADS);
        w->x[v] = w->x[w->parent[v]] + (is_campaign ? .5 : .2) * wn_rand_normal(r);
    }
    for (int f = 0; f < 2; f++)
        for (size_t l = 0; l < n_levels[f]; l++)
            w->b[f][l] = (f ? .1 : .4) * wn_rand_normal(r);
    for (size_t i = 0; i < CELLS; i++) {
        w->node[i] = (uint32_t)(1 + CAMPAIGNS + i / (DEVICES * HOURS));
        w->level[i][0] = (uint32_t)(i / HOURS % DEVICES);
        w->level[i][1] = (uint32_t)(i % HOURS);
        double eta = w->x[w->node[i]] + w->b[0][w->level[i][0]] + w->b[1][w->level[i][1]] +
                     noise * wn_rand_normal(r);
        w->trials[i] = floor(trials * wn_rand_exponential(r));
        w->successes[i] = (double)wn_rand_binomial(r, (uint64_t)w->trials[i], wn_sigmoid(eta));
    }
}

static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    return w;
}

/* One node, no fields: the posterior of a rate with a wide prior. */
static void one_rate_is_its_share(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_effects e;
    wn_arena_init(&a, 0);
    double trials = 1e6, successes = 2e4;
    uint32_t zero = 0;
    struct wn_effects_data d = {.n_cells = 1,
                                .trials = &trials,
                                .successes = &successes,
                                .node = &zero,
                                .parent = &zero,
                                .n_nodes = 1};
    assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
    assert_near(e.nodes[0].mean, wn_logit(.02), 1e-6);
    /* Fisher information n p (1 - p), with the prior's quarter beside it. */
    assert_near(e.nodes[0].variance, 1 / (1e6 * .02 * .98 + .25), 1e-9);
    assert_int_equal(e.n_depths, 1);
    wn_arena_deinit(&a);
}

/* The tree given its variances: against the solution of the 3 x 3 system by hand. Two children of
 * the root with precisions w1, w2 around z1, z2 and a step variance s: marginally z_i is
 * N(x0, s + 1/w_i). */
static void a_tree_is_solved_exactly(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_effects e;
    wn_arena_init(&a, 0);
    double trials[2] = {40000, 1000}, successes[2] = {2000, 20};
    uint32_t node[2] = {1, 2}, parent[3] = {0, 0, 0};
    struct wn_effects_data d = {.n_cells = 2,
                                .trials = trials,
                                .successes = successes,
                                .node = node,
                                .parent = parent,
                                .n_nodes = 3};
    assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
    double w[2], z[2], s = e.depth_variance[1], top = 0, total = .25;
    top = .25 * wn_logit(2020.5 / 41001);
    for (int i = 0; i < 2; i++) {
        double p = wn_sigmoid(e.nodes[i + 1].mean);
        w[i] = trials[i] * p * (1 - p);
        z[i] = e.nodes[i + 1].mean + (successes[i] - trials[i] * p) / w[i];
        total += 1 / (s + 1 / w[i]);
        top += z[i] / (s + 1 / w[i]);
    }
    assert_near(e.nodes[0].mean, top / total, 2e-3);
    for (int i = 0; i < 2; i++)
        assert_near(e.nodes[i + 1].mean, (w[i] * z[i] + top / total / s) / (w[i] + 1 / s), 2e-3);
    wn_arena_deinit(&a);
}

static void what_was_simulated_comes_back(void **state)
{
    (void)state;
    struct wn_rand r;
    struct world *w = new_world();
    double error = 0, covered = 0, n = 0, campaign = 0, ad = 0, device = 0, hour = 0;
    wn_rand_init(&r, 5);
    enum { WORLDS = 12 };
    for (int k = 0; k < WORLDS; k++) {
        struct wn_arena a;
        struct wn_effects e;
        wn_arena_init(&a, 0);
        draw(w, &r, 300, 0);
        struct wn_effects_data d = data_of(w);
        assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
        for (size_t i = 0; i < CELLS; i += 7) {
            const struct wn_effect *x = &e.nodes[w->node[i]], *b0 = &e.fields[0][w->level[i][0]],
                                   *b1 = &e.fields[1][w->level[i][1]];
            double truth = w->x[w->node[i]] + w->b[0][w->level[i][0]] + w->b[1][w->level[i][1]];
            double gap = x->mean + b0->mean + b1->mean - truth;
            double sd = sqrt(x->variance + b0->variance + b1->variance);
            error += gap * gap;
            covered += fabs(gap) < 1.2816 * sd;
            n += 1;
        }
        campaign += sqrt(e.depth_variance[1]) / WORLDS;
        ad += sqrt(e.depth_variance[2]) / WORLDS;
        device += sqrt(e.field_variance[0]) / WORLDS;
        hour += sqrt(e.field_variance[1]) / WORLDS;
        assert_near(e.dispersion, 1, .1);
        wn_arena_deinit(&a);
    }
    /* 12 worlds of 20 campaigns: the mean of their standard deviations has an error of about 5 %;
     * 3 devices say little about their own. */
    assert_near(campaign, .5, .06);
    assert_near(ad, .2, .03);
    assert_near(hour, .1, .02);
    assert_near(device, .4, .2);
    assert_true(sqrt(error / n) < .12);
    assert_near(covered / n, .8, .05);
    free(w);
}

/* An ad with hardly any data stays near its campaign, one with much data goes its own way. */
static void what_is_small_borrows(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_effects e;
    struct wn_rand r;
    struct world *w = new_world();
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 9);
    draw(w, &r, 500, 0);
    for (size_t i = 0; i < CELLS; i++)
        if (w->node[i] == 1 + CAMPAIGNS) /* the first ad: one view a cell, all clicked */
            w->trials[i] = i < 3, w->successes[i] = w->trials[i];
    struct wn_effects_data d = data_of(w);
    assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
    const struct wn_effect *ad = &e.nodes[1 + CAMPAIGNS], *campaign = &e.nodes[1];
    assert_true(ad->mean > campaign->mean && ad->mean < campaign->mean + .6);
    assert_true(ad->variance > campaign->variance + .8 * e.depth_variance[2]);
    /* Multipliers average to 1 over the trials: not stating a field is its average. */
    for (int f = 0; f < 2; f++) {
        double sum = 0, total = 0;
        for (size_t i = 0; i < CELLS; i++) {
            double eta = e.nodes[w->node[i]].mean + e.fields[0][w->level[i][0]].mean +
                         e.fields[1][w->level[i][1]].mean;
            sum += w->trials[i] * wn_sigmoid(eta);
            total += w->trials[i] * wn_sigmoid(eta - e.fields[f][w->level[i][f]].mean);
        }
        assert_near(sum / total, 1, .005); /* exact where rates are small */
    }
    wn_arena_deinit(&a);
    free(w);
}

/* Where every campaign has one ad, the two steps cannot be told apart: they are counted once. */
static void levels_without_siblings_have_no_steps(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_effects e;
    enum { PAIRS = 40 };
    double trials[PAIRS], successes[PAIRS];
    uint32_t node[PAIRS], parent[1 + 2 * PAIRS] = {0};
    struct wn_rand r;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 4);
    for (uint32_t i = 0; i < PAIRS; i++) {
        parent[1 + PAIRS + i] = 1 + i;
        node[i] = 1 + PAIRS + i;
        trials[i] = 20000;
        double p = wn_sigmoid(wn_logit(.03) + .4 * wn_rand_normal(&r));
        successes[i] = (double)wn_rand_binomial(&r, 20000, p);
    }
    struct wn_effects_data d = {.n_cells = PAIRS,
                                .trials = trials,
                                .successes = successes,
                                .node = node,
                                .parent = parent,
                                .n_nodes = 1 + 2 * PAIRS};
    assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
    /* 40 draws: an error of 11 % in the standard deviation. */
    assert_near(sqrt(e.depth_variance[1]), .4, .1);
    assert_near(e.depth_variance[2], .09, 1e-12); /* for ads that are new: as at the start */
    for (uint32_t i = 0; i < PAIRS; i++)
        assert_near(e.nodes[node[i]].mean, e.nodes[parent[node[i]]].mean, 1e-5);
    wn_arena_deinit(&a);
}

static void dispersion_widens(void **state)
{
    (void)state;
    struct wn_rand r;
    struct world *w = new_world();
    double width[2];
    for (int k = 0; k < 2; k++) {
        struct wn_arena a;
        struct wn_effects e;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 3);
        draw(w, &r, 5000, k ? .3 : 0);
        struct wn_effects_data d = data_of(w);
        assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
        assert_true(k ? e.dispersion > 3 : e.dispersion < 1.1);
        width[k] = sqrt(e.fields[1][0].variance);
        wn_arena_deinit(&a);
    }
    assert_true(width[1] > 1.5 * width[0]);
    free(w);
}

static void assert_finite(const struct wn_effects *e, const struct wn_effects_data *d)
{
    for (size_t v = 0; v < d->n_nodes; v++)
        assert_true(isfinite(e->nodes[v].mean) && e->nodes[v].variance >= 0 &&
                    isfinite(e->nodes[v].variance));
    for (size_t f = 0; f < d->n_fields; f++)
        for (size_t l = 0; l < d->n_levels[f]; l++)
            assert_true(isfinite(e->fields[f][l].mean) && e->fields[f][l].variance > 0);
    assert_true(isfinite(e->dispersion) && e->dispersion >= 1);
}

static void odd_data_have_finite_answers(void **state)
{
    (void)state;
    struct wn_rand r;
    struct world *w = new_world();
    for (int kind = 0; kind < 6; kind++) {
        struct wn_arena a;
        struct wn_effects e, again;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 1);
        draw(w, &r, 10, 0);
        for (size_t i = 0; i < CELLS; i++) {
            double n = kind == 0 ? 0 : kind == 4 ? 1e15 : kind == 5 ? 1e-9 : w->trials[i];
            w->trials[i] = n;
            w->successes[i] = kind == 1   ? 0
                              : kind == 2 ? n
                              : kind == 3 ? (double)(i % 2) * n
                                          : n / 50;
        }
        struct wn_effects_data d = data_of(w);
        d.n_cells = kind == 0 ? 0 : CELLS;
        assert_int_equal(wn_effects_fit(&d, &a, &e, NULL), WN_OK);
        assert_finite(&e, &d);
        assert_int_equal(wn_effects_fit(&d, &a, &again, NULL), WN_OK);
        assert_memory_equal(e.nodes, again.nodes, NODES * sizeof *e.nodes);
        wn_arena_deinit(&a);
    }
    free(w);
}

static void wrong_input_is_named(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_effects e;
    double trials[2] = {10, 10}, successes[2] = {1, 1};
    uint32_t node[2] = {0, 1}, parent[2] = {0, 0}, level[2] = {0, 1}, levels[1] = {2};
    struct wn_effects_data good = {2, trials, successes, node, parent, 2, 1, level, levels};
    const double wrong[] = {NAN, INFINITY, -1, 11, 1e16};
    wn_arena_init(&a, 0);
    assert_int_equal(wn_effects_fit(&good, &a, &e, NULL), WN_OK);
    for (size_t i = 0; i < WN_COUNT(wrong); i++) {
        struct wn_why why = {0};
        successes[1] = wrong[i];
        trials[1] = wrong[i] == 1e16 ? 2e16 : 10;
        assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
        assert_string_equal(why.field, "cells[1]");
    }
    trials[1] = 10;
    successes[1] = 1;
    struct wn_why why = {0};
    level[1] = 2;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
    level[1] = 1;
    node[1] = 2;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
    node[1] = 1;
    parent[1] = 1;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
    parent[1] = 0;
    levels[0] = 0;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
    good.n_nodes = 0;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_INVALID);
    good.n_nodes = 2;
    good.n_fields = WN_EFFECTS_FIELDS_MAX + 1;
    assert_int_equal(wn_effects_fit(&good, &a, &e, &why), WN_LIMIT);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rate_is_its_share),
        cmocka_unit_test(a_tree_is_solved_exactly),
        cmocka_unit_test(what_was_simulated_comes_back),
        cmocka_unit_test(what_is_small_borrows),
        cmocka_unit_test(levels_without_siblings_have_no_steps),
        cmocka_unit_test(dispersion_widens),
        cmocka_unit_test(odd_data_have_finite_answers),
        cmocka_unit_test(wrong_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
