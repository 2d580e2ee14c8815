/* Protects attribution where no data set is needed: rules that can be worked out by hand, chains
 * and games with known answers, the same chain solved in three ways, paths out of events, intervals
 * that cover, calibration by tests, and odd input, which has a defined answer or a clear error. */
#include "learn/attribute_int.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL = (1u << WN_ATTRIBUTE_MODELS) - 1 };

static struct wn_arena arena;

static int setup(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

static void near(double x, double expected, double tolerance)
{
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%.17g instead of %.17g", x, expected);
}

/* ---- paths by hand: "ABA" 3 conversions, value 7, 2 nulls --------------------------------------- */

enum { ROWS_MAX = 64, TOUCHES_MAX = 512 };
struct rows {
    struct wn_paths paths;
    size_t starts[ROWS_MAX + 1];
    uint16_t touches[TOUCHES_MAX];
    float ages[TOUCHES_MAX];
    double conversions[ROWS_MAX], values[ROWS_MAX], nulls[ROWS_MAX];
};

static struct rows *rows_new(size_t n_channels)
{
    struct rows *r = WN_ARENA_NEW(&arena, struct rows);
    assert_non_null(r);
    r->paths = (struct wn_paths){.n_channels = n_channels,
                                 .starts = r->starts,
                                 .touches = r->touches,
                                 .conversions = r->conversions,
                                 .values = r->values,
                                 .nulls = r->nulls};
    return r;
}

static void add(struct rows *r, const char *touches, double conversions, double value, double nulls)
{
    size_t p = r->paths.n++, at = r->starts[p];
    for (; *touches; touches++)
        r->touches[at++] = (uint16_t)(*touches - 'A');
    r->starts[p + 1] = at;
    r->conversions[p] = conversions;
    r->values[p] = value;
    r->nulls[p] = nulls;
}

static struct wn_attribution run(const struct wn_paths *paths, struct wn_attribute_options o)
{
    struct wn_attribution out;
    struct wn_rand r;
    struct wn_why why = {0};
    wn_rand_init(&r, 7);
    wn_rc rc = wn_attribute(&arena, paths, &o, &r, &out, &why);
    if (rc)
        fail_msg("%s: %s", wn_rc_name(rc), why.text);
    return out;
}

static double credit(const struct wn_attribution *a, wn_attribute_model m, size_t c)
{
    return a->credits[m][c].conversions;
}

static void check_sums(const struct wn_attribution *a)
{
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
        double conversions = 0, value = 0;
        for (size_t c = 0; c < a->n_channels && a->credits[m]; c++) {
            const struct wn_credit *x = &a->credits[m][c];
            assert_true(isfinite(x->conversions) && isfinite(x->value) && isfinite(x->low) &&
                        isfinite(x->high) && isfinite(x->value_low) && isfinite(x->value_high));
            assert_true(x->low <= x->conversions && x->conversions <= x->high);
            conversions += x->conversions;
            value += x->value;
        }
        if (a->credits[m]) {
            near(conversions, a->conversions, 1e-9 * fmax(a->conversions, 1));
            near(value, a->value, 1e-9 * fmax(a->value, 1));
        }
    }
    for (size_t c = 0; c < a->n_channels; c++) {
        assert_true(a->disagreement[c] >= 0 && a->disagreement[c] <= 1);
        assert_true(a->removal[c] >= 0 && a->removal[c] <= 1);
        assert_true(a->permutation_se[c] >= 0 && isfinite(a->permutation_se[c]));
    }
}

static void rules_by_hand(void **state)
{
    (void)state;
    struct rows *r = rows_new(3);
    add(r, "ABAC", 3, 6, 1);
    add(r, "B", 1, 2, 0);
    add(r, "AC", 2, 4, 5);
    struct wn_attribution a =
        run(&r->paths, (struct wn_attribute_options){.has_direct = true, .direct_channel = 2});
    const double expected[][3] = {
        [WN_ATTRIBUTE_FIRST] = {5, 1, 0},
        [WN_ATTRIBUTE_LAST] = {0, 1, 5},
        [WN_ATTRIBUTE_LAST_NON_DIRECT] = {5, 1, 0},
        [WN_ATTRIBUTE_LINEAR] = {1.5 + 1, .75 + 1, .75 + 1},
        [WN_ATTRIBUTE_POSITION] = {3 * .5 + 1, 3 * .1 + 1, 3 * .4 + 1},
        [WN_ATTRIBUTE_SHAPLEY] = {1 + 1, 1 + 1, 1 + 1},
    };
    for (size_t m = 0; m < WN_COUNT(expected); m++)
        for (size_t c = 0; c < 3 && expected[m][0] + expected[m][1] > 0; c++) {
            near(credit(&a, (wn_attribute_model)m, c), expected[m][c], 1e-12);
            near(a.credits[m][c].value, 2 * expected[m][c], 1e-12);
        }
    check_sums(&a);
    /* Without times: half after two touches. Of ABAC: 2^-1.5, 2^-1, 2^-.5, 1. */
    double w[] = {exp2(-1.5), .5, exp2(-.5), 1}, sum = w[0] + w[1] + w[2] + w[3];
    near(credit(&a, WN_ATTRIBUTE_TIME_DECAY, 1), 3 * w[1] / sum + 1, 1e-12);
    near(credit(&a, WN_ATTRIBUTE_TIME_DECAY, 2), 3 * w[3] / sum + 2 / (1 + exp2(-.5)), 1e-12);
}

static void decay_by_days(void **state)
{
    (void)state;
    struct rows *r = rows_new(2);
    add(r, "AB", 1, 0, 0);
    r->paths.ages_days = r->ages;
    r->ages[0] = 14;
    struct wn_attribution a = run(&r->paths, (struct wn_attribute_options){0});
    near(credit(&a, WN_ATTRIBUTE_TIME_DECAY, 0), .2, 1e-12); /* two half-lives: 1/4 against 1 */
    r->ages[0] = 3e8f;                                       /* far beyond what 2^-x can hold */
    r->ages[1] = 2e8f;
    a = run(&r->paths, (struct wn_attribute_options){0});
    near(credit(&a, WN_ATTRIBUTE_TIME_DECAY, 0), 0, 1e-12);
    near(credit(&a, WN_ATTRIBUTE_TIME_DECAY, 1), 1, 1e-12);
}

static void direct_only_paths_stay_direct(void **state)
{
    (void)state;
    struct rows *r = rows_new(2);
    add(r, "BB", 4, 0, 0);
    struct wn_attribution a =
        run(&r->paths, (struct wn_attribute_options){.has_direct = true, .direct_channel = 1});
    near(credit(&a, WN_ATTRIBUTE_LAST_NON_DIRECT, 1), 4, 0);
}

/* ---- Markov ------------------------------------------------------------------------------------- */

static void chain_by_hand(void **state)
{
    (void)state;
    struct rows *r = rows_new(2);
    add(r, "A", 1, 10, 1);
    add(r, "AB", 1, 0, 0);
    add(r, "B", 0, 0, 1);
    /* start -> A 3/4, B 1/4; A -> conversion 1/3, null 1/3, B 1/3; B -> conversion 1/2, null 1/2. */
    struct wn_attribution a = run(&r->paths, (struct wn_attribute_options){0});
    double all = .75 * (1. / 3 + 1. / 6) + .25 * .5;
    near(a.conversion_probability, all, 1e-15);
    near(a.removal[0], 1 - .125 / all, 1e-15);
    near(a.removal[1], 1 - .25 / all, 1e-15);
    near(a.removal_value[0], 1, 1e-15); /* all value comes through A alone */
    near(a.removal_value[1], 0, 1e-15);
    near(credit(&a, WN_ATTRIBUTE_MARKOV, 0), 2 * .75 / (.75 + .5), 1e-12);
    assert_int_equal(a.n_states, 3);
}

/* Random paths of up to 6 channels, long enough for many states of high order. */
static struct wn_paths random_paths(size_t n, size_t n_channels, size_t longest, uint64_t seed)
{
    struct wn_rand r;
    wn_rand_init(&r, seed);
    size_t *starts = WN_ARENA_ARRAY(&arena, n + 1, size_t);
    uint16_t *touches = WN_ARENA_ARRAY(&arena, n * longest, uint16_t);
    double *x = WN_ARENA_ARRAY(&arena, 3 * n, double);
    assert_true(starts && touches && x);
    for (size_t p = 0, at = 0; p < n; p++) {
        size_t length = 1 + (size_t)wn_rand_below(&r, longest);
        double odds = -2;
        for (size_t i = 0; i < length; i++) {
            touches[at] = (uint16_t)wn_rand_below(&r, n_channels);
            odds += touches[at++] == 0 ? .8 : .1;
        }
        starts[p + 1] = at;
        x[p] = wn_rand_uniform(&r) < wn_sigmoid(odds);
        x[n + p] = x[p] > 0 ? 10 + 5 * wn_rand_uniform(&r) : 0;
        x[2 * n + p] = 1 - x[p];
    }
    return (struct wn_paths){.n_channels = n_channels,
                             .n = n,
                             .starts = starts,
                             .touches = touches,
                             .conversions = x,
                             .values = x + n,
                             .nulls = x + 2 * n};
}

/* An independent way to the same answer: the distribution over states, step by step, until all of
 * it has left. Order 1. */
static double walk(const struct wn_chain *m, size_t without)
{
    size_t n = m->n_states;
    double *now = WN_ARENA_ARRAY(&arena, n, double), *then = WN_ARENA_ARRAY(&arena, n, double);
    double converted = 0, left = 1;
    now[0] = 1;
    while (left > 1e-16) {
        memset(then, 0, n * sizeof *then);
        left = 0;
        for (size_t s = 0; s < n; s++) {
            double total = m->exits[3 * s] + m->exits[3 * s + 1];
            for (size_t c = 0; c < m->n_channels; c++)
                total += m->count[s * m->n_channels + c];
            if (!(total > 0))
                continue;
            converted += now[s] * m->exits[3 * s] / total;
            for (size_t c = 0; c < m->n_channels; c++) {
                double count = m->count[s * m->n_channels + c];
                if (count > 0 && c != without) {
                    then[m->next[s * m->n_channels + c]] += now[s] * count / total;
                    left += now[s] * count / total;
                }
            }
        }
        memcpy(now, then, n * sizeof *now);
    }
    return converted;
}

static void chain_is_solved_exactly(void **state)
{
    (void)state;
    /* Order 1 and 2 are solved by elimination, 3 and 4 by sweeps: 6^3 states. */
    struct wn_paths paths = random_paths(3000, 6, 12, 3);
    struct wn_path_weights weights = {paths.conversions, paths.nulls, paths.values};
    for (size_t order = 1; order <= 4; order++) {
        struct wn_chain m;
        double removal[6], removal_value[6], p;
        assert_int_equal(wn_chain_init(&m, &paths, order, NULL), WN_OK);
        assert_true(order < 3 ? m.dense != NULL : m.solution != NULL);
        assert_int_equal(wn_chain_solve(&m, &paths, &weights, removal, removal_value, &p, NULL),
                         WN_OK);
        double all = walk(&m, WN_NO_CHANNEL);
        near(p, all, 1e-13);
        for (size_t c = 0; c < 6; c++)
            near(removal[c], 1 - walk(&m, c) / all, 1e-12);
        wn_chain_deinit(&m);
    }
}

/* Sixty channels: order 1 by the inverse, beside the walk. */
static void many_states_of_order_one_are_solved_exactly(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(3000, 60, 12, 4);
    struct wn_path_weights weights = {paths.conversions, paths.nulls, paths.values};
    struct wn_chain m;
    double removal[60], removal_value[60], p;
    assert_int_equal(wn_chain_init(&m, &paths, 1, NULL), WN_OK);
    assert_int_equal(m.n_states, 61);
    assert_int_equal(wn_chain_solve(&m, &paths, &weights, removal, removal_value, &p, NULL), WN_OK);
    double all = walk(&m, WN_NO_CHANNEL);
    near(p, all, 1e-13);
    for (size_t c = 0; c < 60; c++)
        near(removal[c], 1 - walk(&m, c) / all, 1e-12);
    wn_chain_deinit(&m);
}

static void no_number_of_the_order_moves_the_total(void **state)
{
    (void)state;
    /* A path's chance of conversion is that of the rows, whatever the chain remembers. */
    struct wn_paths paths = random_paths(500, 4, 8, 9);
    double conversions = 0;
    for (size_t p = 0; p < paths.n; p++)
        conversions += paths.conversions[p];
    for (uint32_t order = 1; order <= WN_MARKOV_ORDER_MAX; order++) {
        struct wn_attribution a = run(&paths, (struct wn_attribute_options){.order = order});
        near(a.conversion_probability, conversions / (double)paths.n, 1e-12);
        check_sums(&a);
    }
}

static void order_is_found(void **state)
{
    (void)state;
    /* Whether a path converts hangs on its last touch, or on its last two (order). */
    for (size_t order = 1; order <= 2; order++) {
        struct wn_paths paths = random_paths(20000, 3, 6, 17 + order);
        double *conversions = (double *)(uintptr_t)paths.conversions;
        double *nulls = (double *)(uintptr_t)paths.nulls;
        struct wn_rand r;
        wn_rand_init(&r, order);
        paths.values = NULL;
        for (size_t p = 0; p < paths.n; p++) {
            size_t to = paths.starts[p + 1], n = to - paths.starts[p];
            uint16_t last = paths.touches[to - 1];
            uint16_t before = n > 1 ? paths.touches[to - 2] : 0;
            double rate = order == 1 ? .1 + .2 * last : last == before ? .6 : .1;
            conversions[p] = wn_rand_uniform(&r) < rate;
            nulls[p] = 1 - conversions[p];
        }
        struct wn_attribution a =
            run(&paths, (struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV,
                                                      .order_auto = true});
        assert_int_equal(a.order, order);
        assert_true(a.auc[order] > .6);
    }
}

/* A loop that is left once in 1e12 steps: sums of counts lose nothing, differences would. */
static void endless_loops_are_exact(void **state)
{
    (void)state;
    struct wn_chain m;
    struct wn_paths paths;
    double removal[2], removal_value[2], p;
    struct rows *r = rows_new(2);
    add(r, "AB", 1, 0, 3);
    paths = r->paths;
    paths.values = NULL;
    struct wn_path_weights weights = {paths.conversions, paths.nulls, NULL};
    assert_int_equal(wn_chain_init(&m, &paths, 1, NULL), WN_OK);
    assert_int_equal(wn_chain_solve(&m, &paths, &weights, removal, removal_value, &p, NULL), WN_OK);
    near(p, .25, 1e-16);
    near(removal[0], 1, 0);
    near(removal[1], 1, 0);
    wn_chain_deinit(&m);
    r = rows_new(2);
    add(r, "ABABABABABABABABABABABABABABABABABABAB", 1e-3, 0, 3e-3);
    add(r, "A", 1e12, 0, 0);
    struct wn_attribution a = run(&r->paths, (struct wn_attribute_options){0});
    near(a.conversion_probability, (1e12 + 1e-3) / (1e12 + 4e-3), 1e-16);
    check_sums(&a);
}

static void too_many_states_say_so(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(60000, 100, 10, 5);
    struct wn_attribution out;
    struct wn_why why = {0};
    struct wn_attribute_options o = {.models = 1u << WN_ATTRIBUTE_MARKOV, .order = 6};
    assert_int_equal(wn_attribute(&arena, &paths, &o, NULL, &out, &why), WN_LIMIT);
    assert_non_null(strstr(why.text, "lower order"));
    o.order_auto = true; /* looks for one that fits */
    assert_int_equal(wn_attribute(&arena, &paths, &o, NULL, &out, &why), WN_OK);
}

/* ---- Shapley ------------------------------------------------------------------------------------ */

static void shapley_toy(void **state)
{
    (void)state;
    const double worth[8] = {0, 10, 20, 45, 5, 20, 30, 60};
    double out[3];
    assert_int_equal(wn_shapley(worth, 3, out, NULL), WN_OK);
    near(out[0], 20, 1e-13);
    near(out[1], 30, 1e-13);
    near(out[2], 10, 1e-13);
    struct wn_why why = {0};
    assert_int_equal(wn_shapley(worth, 0, out, &why), WN_INVALID);
    assert_int_equal(wn_shapley(worth, 21, out, &why), WN_INVALID);
    assert_int_equal(wn_shapley((const double[]){0, NAN}, 1, out, &why), WN_INVALID);
}

/* v(S) = conversions of paths whose channels all lie in S, by the formula over all coalitions. */
static void containment_game_is_the_closed_form(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(400, 7, 6, 21);
    struct wn_attribution a = run(&paths, (struct wn_attribute_options){0});
    double worth[1 << 7] = {0}, out[7];
    for (size_t s = 0; s < 1 << 7; s++)
        for (size_t p = 0; p < paths.n; p++) {
            bool inside = true;
            for (size_t i = paths.starts[p]; i < paths.starts[p + 1]; i++)
                inside = inside && s >> paths.touches[i] & 1;
            worth[s] += inside ? paths.conversions[p] : 0;
        }
    assert_int_equal(wn_shapley(worth, 7, out, NULL), WN_OK);
    double sum = 0;
    for (size_t c = 0; c < 7; c++) {
        near(credit(&a, WN_ATTRIBUTE_SHAPLEY, c), out[c], 1e-10);
        sum += out[c];
    }
    near(sum, a.conversions, 1e-10); /* efficiency */
}

static void rate_game_is_efficient_and_fair(void **state)
{
    (void)state;
    struct rows *r = rows_new(4);
    add(r, "A", 100, 0, 900);
    add(r, "B", 100, 0, 900);
    add(r, "C", 0, 0, 1000);
    add(r, "AB", 300, 0, 700);
    add(r, "AC", 100, 0, 900);
    add(r, "BC", 100, 0, 900);
    add(r, "ABC", 300, 0, 700);
    struct wn_attribution a = run(&r->paths, (struct wn_attribute_options){0});
    check_sums(&a);
    assert_true(a.rate_is_exact);
    near(a.rate_of_all, .3, .01); /* shrunk a little */
    near(credit(&a, WN_ATTRIBUTE_SHAPLEY_RATE, 0), credit(&a, WN_ATTRIBUTE_SHAPLEY_RATE, 1), 1e-9);
    assert_true(credit(&a, WN_ATTRIBUTE_SHAPLEY_RATE, 2) < .1 * a.conversions);
    near(credit(&a, WN_ATTRIBUTE_SHAPLEY_RATE, 3), 0, 0); /* nobody saw D */
}

/* The same game by permutations: 17 players of whom 5 never touch anybody change nothing. */
static void permutations_agree_with_the_exact_game(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(5000, 12, 5, 33);
    struct wn_attribution exact = run(&paths, (struct wn_attribute_options){.models = ALL});
    paths.n_channels = 17;
    struct wn_attribution drawn = run(&paths, (struct wn_attribute_options){.models = ALL});
    assert_true(exact.rate_is_exact && !drawn.rate_is_exact);
    near(drawn.rate_of_all, exact.rate_of_all, 1e-9);
    check_sums(&drawn);
    for (size_t c = 0; c < 12; c++) {
        double se = drawn.permutation_se[c];
        assert_true(se > 0 && se < .05 * exact.conversions);
        /* 5 standard errors, 12 comparisons; the scaling adds as much as one */
        near(credit(&drawn, WN_ATTRIBUTE_SHAPLEY_RATE, c),
             credit(&exact, WN_ATTRIBUTE_SHAPLEY_RATE, c), 6 * se);
    }
    for (size_t c = 12; c < 17; c++)
        near(credit(&drawn, WN_ATTRIBUTE_SHAPLEY_RATE, c), 0, 0);
}

/* ---- properties --------------------------------------------------------------------------------- */

static void order_of_rows_and_scale_do_not_matter(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(800, 5, 7, 41);
    struct wn_attribution a = run(&paths, (struct wn_attribute_options){0});
    size_t n = paths.n;
    size_t *starts = WN_ARENA_ARRAY(&arena, n + 1, size_t);
    uint16_t *touches = WN_ARENA_ARRAY(&arena, paths.starts[n], uint16_t);
    double *x = WN_ARENA_ARRAY(&arena, 3 * n, double);
    for (size_t p = 0, at = 0; p < n; p++) {
        size_t q = n - 1 - p;
        for (size_t i = paths.starts[q]; i < paths.starts[q + 1]; i++)
            touches[at++] = paths.touches[i];
        starts[p + 1] = at;
        x[p] = 1024 * paths.conversions[q];
        x[n + p] = 1024 * paths.values[q];
        x[2 * n + p] = 1024 * paths.nulls[q];
    }
    struct wn_paths other = {paths.n_channels, n, starts, touches, NULL, x, x + n, x + 2 * n};
    struct wn_attribution b = run(&other, (struct wn_attribute_options){0});
    for (size_t m = 0; m < WN_ATTRIBUTE_SHAPLEY_RATE; m++) /* more people: less shrinkage there */
        for (size_t c = 0; c < 5; c++)
            near(b.credits[m][c].conversions, 1024 * a.credits[m][c].conversions, 1e-8);
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(300, 20, 5, 43);
    struct wn_attribute_options o = {.n_bootstraps = 30, .n_permutations = 50};
    struct wn_attribution a = run(&paths, o), b = run(&paths, o);
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++)
        assert_memory_equal(a.credits[m], b.credits[m], 20 * sizeof *a.credits[m]);
    check_sums(&a);
}

/* 80 % intervals of data drawn 200 times from one truth: they hold the mean credit of all draws
 * about as often as they say. 200 x 12 draws that are not independent: within 6 points. */
static void intervals_cover(void **state)
{
    (void)state;
    enum { WORLDS = 200, CHANNELS = 4 };
    static const wn_attribute_model models[] = {WN_ATTRIBUTE_LAST, WN_ATTRIBUTE_MARKOV,
                                                WN_ATTRIBUTE_SHAPLEY};
    static double low[WORLDS][3][CHANNELS], high[WORLDS][3][CHANNELS];
    double mean[3][CHANNELS] = {{0}}, inside = 0;
    for (size_t w = 0; w < WORLDS; w++) {
        struct wn_paths paths = random_paths(1000, CHANNELS, 5, 1000 + w);
        struct wn_attribution a =
            run(&paths, (struct wn_attribute_options){.n_bootstraps = 100, .level = .8});
        for (size_t m = 0; m < 3; m++)
            for (size_t c = 0; c < CHANNELS; c++) {
                const struct wn_credit *x = &a.credits[models[m]][c];
                low[w][m][c] = x->low;
                high[w][m][c] = x->high;
                mean[m][c] += x->conversions / WORLDS;
            }
        wn_arena_reset(&arena);
    }
    for (size_t w = 0; w < WORLDS; w++)
        for (size_t m = 0; m < 3; m++)
            for (size_t c = 0; c < CHANNELS; c++)
                inside += low[w][m][c] <= mean[m][c] && mean[m][c] <= high[w][m][c];
    near(inside / (WORLDS * 3 * CHANNELS), .8, .06);
}

/* ---- events ------------------------------------------------------------------------------------- */

#define DAYS(x) ((int64_t)((x)*86400000.0))

static struct wn_paths build(const struct wn_touch_event *events, size_t n)
{
    struct wn_paths out;
    struct wn_why why = {0};
    wn_rc rc = wn_paths_build(&arena, events, n, 3, NULL, &out, &why);
    if (rc)
        fail_msg("%s", why.text);
    return out;
}

static void check_path(const struct wn_paths *paths, size_t p, const char *touches,
                       double conversions, double value)
{
    assert_true(p < paths->n);
    assert_int_equal(paths->starts[p + 1] - paths->starts[p], strlen(touches));
    for (size_t i = 0; touches[i]; i++)
        assert_int_equal(paths->touches[paths->starts[p] + i], touches[i] - 'A');
    near(paths->conversions[p], conversions, 0);
    near(paths->values[p], value, 0);
    near(paths->nulls[p], conversions > 0 ? 0 : 1, 0);
}

static void events_become_paths(void **state)
{
    (void)state;
    const struct wn_touch_event events[] = {
        /* person 2: two conversions, the second with the touch that converted; then a null path */
        {2, 0, false, DAYS(10), 0, 0},
        {2, WN_NO_CHANNEL, false, DAYS(12), 1, 50},
        {2, 1, false, DAYS(20), 0, 0},
        {2, 2, false, DAYS(21), 1, 70},
        {2, 0, false, DAYS(22), 0, 0},
        /* person 1, unsorted: one touch too old, a view too old, a view in time */
        {1, WN_NO_CHANNEL, false, DAYS(100), 1, 5},
        {1, 1, true, DAYS(99.5), 0, 0},
        {1, 0, false, DAYS(40), 0, 0},
        {1, 2, false, DAYS(80), 0, 0},
        {1, 1, true, DAYS(90), 0, 0},
        /* person 3: no conversion, a pause of more than 30 days */
        {3, 0, false, DAYS(1), 0, 0},
        {3, 1, false, DAYS(30), 0, 0},
        {3, 2, false, DAYS(61), 0, 0},
        /* person 4: a conversion without a touch */
        {4, WN_NO_CHANNEL, false, DAYS(5), 2, 0},
    };
    struct wn_paths paths = build(events, WN_COUNT(events));
    assert_int_equal(paths.n, 9);
    check_path(&paths, 0, "A", 0, 0); /* too old: alone, more than 30 days before the view */
    check_path(&paths, 1, "B", 0, 0); /* the old view */
    check_path(&paths, 2, "CB", 1, 5);
    check_path(&paths, 3, "A", 1, 50);
    check_path(&paths, 4, "BC", 1, 70);
    check_path(&paths, 5, "A", 0, 0);
    check_path(&paths, 6, "AB", 0, 0);
    check_path(&paths, 7, "C", 0, 0);
    check_path(&paths, 8, "", 2, 0);
    near((double)paths.ages_days[paths.starts[2]], 20, 1e-5);
    near((double)paths.ages_days[paths.starts[2] + 1], .5, 1e-5);
    struct wn_attribution a = run(&paths, (struct wn_attribute_options){0});
    near(a.unattributed_conversions, 2, 0);
    near(a.conversions, 3, 0);
    check_sums(&a);
}

static void odd_events(void **state)
{
    (void)state;
    struct wn_paths out;
    struct wn_why why = {0};
    assert_int_equal(build(NULL, 0).n, 0);
    const struct wn_touch_event far[] = {{1, 0, false, INT64_MIN, 0, 0},
                                         {1, 1, false, INT64_MAX, 1e15, 1e15}};
    assert_int_equal(build(far, 2).n, 2);
    const struct wn_touch_event bad[] = {{1, 3, false, 0, 0, 0},    {1, 0, false, 0, NAN, 0},
                                         {1, 0, false, 0, -1, 0},   {1, 0, false, 0, 1, INFINITY},
                                         {1, 0, false, 0, 0, 1},    {1, 0, false, 0, 2e15, 0},
                                         {1, 0, false, 0, 1, -1e-9}};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        const struct wn_touch_event events[] = {{1, 0, false, 0, 0, 0}, bad[i]};
        memset(&why, 0, sizeof why);
        assert_int_equal(wn_paths_build(&arena, events, 2, 3, NULL, &out, &why), WN_INVALID);
        assert_int_equal(why.line, 2);
    }
    const struct wn_look_back none = {-1, 1};
    assert_int_equal(wn_paths_build(&arena, far, 2, 3, &none, &out, &why), WN_INVALID);
}

/* ---- calibration -------------------------------------------------------------------------------- */

static struct wn_calibrated calibrate(struct wn_lift_test test, int32_t today)
{
    const double credits[] = {100, 200};
    struct wn_calibrated *out;
    struct wn_why why = {0};
    wn_rc rc = wn_calibrate(&arena, credits, 2, &test, 1, today, NULL, &out, &why);
    if (rc)
        fail_msg("%s", why.text);
    /* The other channel has its prior only: lognormal(0, .5). */
    assert_false(out[0].is_tested);
    near(out[0].ratio, 1, 1e-3);
    near(out[0].ratio_low, exp(-.5 * 1.959964), 1e-3);
    near(out[0].ratio_high, exp(.5 * 1.959964), 5e-3);
    near(out[0].prior_weight, 1, 1e-3);
    near(out[0].conversions, 100 * out[0].ratio, 1e-9);
    assert_true(out[1].is_tested && out[1].n_tests == 1);
    assert_true(out[1].ratio_low <= out[1].ratio && out[1].ratio <= out[1].ratio_high);
    return out[1];
}

static void lift_tests_decide_as_far_as_they_know(void **state)
{
    (void)state;
    /* Precise: the test is the answer. In logs the normal formula holds: precision 1/.02^2. */
    struct wn_calibrated sharp = calibrate((struct wn_lift_test){1, .4, .008, 0}, 0);
    double precision = 1 / (.02 * .02), mean = log(.4) * precision / (precision + 4);
    near(log(sharp.ratio), mean, 1e-3); /* se^2 / lift^2: what the linear reading adds */
    near(log(sharp.ratio_high / sharp.ratio_low) / 2 / 1.959964, sqrt(1 / (precision + 4)), 1e-3);
    near(sharp.prior_weight, 4 / (precision + 4), 1e-3);
    /* 180 days later its variance has doubled. */
    struct wn_calibrated old = calibrate((struct wn_lift_test){1, .4, .008, 0}, 180);
    near(log(old.ratio_high / old.ratio_low) / 2 / 1.959964, sqrt(1 / (precision / 2 + 4)), 2e-3);
    /* Without an effect, or with harm, it falls, and stays above 0. */
    struct wn_calibrated zero = calibrate((struct wn_lift_test){1, 0, .1, 0}, 0);
    struct wn_calibrated harm = calibrate((struct wn_lift_test){1, -.3, .1, 0}, 0);
    assert_true(zero.ratio < .3 && harm.ratio < zero.ratio && harm.ratio_low > 0);
    /* Far from what was believed, and narrow: found all the same. */
    struct wn_calibrated far = calibrate((struct wn_lift_test){1, 1000, 1, 0}, 0);
    near(far.ratio, 1000, 3);
    struct wn_calibrated tiny = calibrate((struct wn_lift_test){1, 1e-6, 1e-9, 0}, 0);
    near(tiny.ratio, 1e-6, 1e-8);
}

static void bad_tests_are_named(void **state)
{
    (void)state;
    const double credits[] = {1, 2}, bad_credits[] = {1, NAN};
    const struct wn_lift_test bad[] = {{2, 1, 1, 0},  {0, NAN, 1, 0},      {0, 1, 0, 0},
                                       {0, 1, -1, 0}, {0, INFINITY, 1, 0}, {0, 1, INFINITY, 0}};
    struct wn_calibrated *out = NULL;
    struct wn_why why = {0};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        const struct wn_lift_test tests[] = {{0, 1, 1, 0}, bad[i]};
        memset(&why, 0, sizeof why);
        assert_int_equal(wn_calibrate(&arena, credits, 2, tests, 2, 0, NULL, &out, &why),
                         WN_INVALID);
        assert_int_equal(why.line, 2);
    }
    assert_int_equal(wn_calibrate(&arena, bad_credits, 2, NULL, 0, 0, NULL, &out, &why),
                     WN_INVALID);
    const struct wn_calibration_options o = {.prior_ratio = -1};
    assert_int_equal(wn_calibrate(&arena, credits, 2, NULL, 0, 0, &o, &out, &why), WN_INVALID);
    assert_null(out);
}

/* ---- odd input ---------------------------------------------------------------------------------- */

static void degenerate_paths(void **state)
{
    (void)state;
    struct rows *r = rows_new(3);
    struct wn_attribution a = run(&r->paths, (struct wn_attribute_options){.n_bootstraps = 5});
    check_sums(&a); /* no path at all */
    near(a.conversions, 0, 0);
    add(r, "", 5, 10, 2); /* no touch */
    a = run(&r->paths, (struct wn_attribute_options){.n_bootstraps = 5});
    near(a.unattributed_conversions, 5, 0);
    near(a.unattributed_value, 10, 0);
    check_sums(&a);
    add(r, "ABC", 0, 0, 7); /* nothing converts */
    a = run(&r->paths, (struct wn_attribute_options){.n_bootstraps = 5, .order_auto = true});
    check_sums(&a);
    near(credit(&a, WN_ATTRIBUTE_MARKOV, 0), 0, 0);
    add(r, "AAAA", 1, 0, 0); /* one that does, value 0 */
    a = run(&r->paths, (struct wn_attribute_options){.n_bootstraps = 5});
    check_sums(&a);
    near(credit(&a, WN_ATTRIBUTE_MARKOV, 0), 1, 1e-12);
    for (int i = 0; i < 5; i++) /* huge, duplicated */
        add(r, "BC", 1e15, 1e15, 1e15);
    a = run(&r->paths, (struct wn_attribute_options){.n_bootstraps = 5, .order = 3});
    check_sums(&a);
    struct rows *no_nulls = rows_new(2);
    add(no_nulls, "AB", 3, 0, 0);
    no_nulls->paths.nulls = NULL;
    no_nulls->paths.values = NULL;
    a = run(&no_nulls->paths, (struct wn_attribute_options){.n_bootstraps = 5});
    assert_false(a.has_nulls);
    check_sums(&a);
}

static void bad_paths_are_named(void **state)
{
    (void)state;
    struct wn_attribution out = {.n_channels = 77};
    struct wn_why why;
    const double bad[] = {NAN, INFINITY, -1, 1.1e15};
    for (size_t i = 0; i < 4; i++)
        for (int field = 0; field < 3; field++) {
            struct rows *r = rows_new(2);
            add(r, "AB", 1, 1, 1);
            add(r, "A", field == 0 ? bad[i] : 1, field == 1 ? bad[i] : 1, field == 2 ? bad[i] : 1);
            memset(&why, 0, sizeof why);
            assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_INVALID);
            assert_int_equal(why.line, 2);
        }
    struct rows *r = rows_new(2);
    add(r, "AC", 1, 0, 0);
    assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_INVALID);
    r = rows_new(2);
    add(r, "A", 0, 1, 0);
    assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_INVALID);
    r = rows_new(2);
    add(r, "A", 1, 1, 0);
    r->paths.ages_days = r->ages;
    r->ages[0] = NAN;
    assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_INVALID);
    r->paths.ages_days = NULL;
    const struct wn_attribute_options options[] = {{.models = 1u << 30},
                                                   {.order = 7},
                                                   {.level = 1},
                                                   {.level = NAN},
                                                   {.half_life_days = -1},
                                                   {.half_life_touches = INFINITY},
                                                   {.has_direct = true, .direct_channel = 2},
                                                   {.n_bootstraps = 5}};
    for (size_t i = 0; i < WN_COUNT(options); i++) /* the last one lacks a generator */
        assert_int_equal(wn_attribute(&arena, &r->paths, &options[i], NULL, &out, &why),
                         WN_INVALID);
    r->paths.n_channels = 0;
    assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_INVALID);
    r->paths.n_channels = WN_CHANNELS_MAX + 1;
    assert_int_equal(wn_attribute(&arena, &r->paths, NULL, NULL, &out, &why), WN_LIMIT);
    assert_int_equal(out.n_channels, 77);
}

static void many_channels(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(3000, 1000, 4, 51);
    struct wn_attribution a =
        run(&paths, (struct wn_attribute_options){.n_permutations = 20, .n_bootstraps = 2});
    check_sums(&a);
    assert_true(a.n_states > 990 && a.n_states <= 1001);
}

static bool stop(void *context, size_t done, size_t total)
{
    (void)total;
    *(size_t *)context = done;
    return done < 3;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    struct wn_paths paths = random_paths(50, 3, 4, 51);
    struct wn_attribution out;
    struct wn_rand r;
    size_t done = 0;
    wn_rand_init(&r, 1);
    struct wn_attribute_options o = {.n_bootstraps = 10, .on_progress = stop, .context = &done};
    assert_int_equal(wn_attribute(&arena, &paths, &o, &r, &out, NULL), WN_CANCELLED);
    assert_int_equal(done, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rules_by_hand),
        TEST(decay_by_days),
        TEST(direct_only_paths_stay_direct),
        TEST(chain_by_hand),
        TEST(chain_is_solved_exactly),
        TEST(many_states_of_order_one_are_solved_exactly),
        TEST(no_number_of_the_order_moves_the_total),
        TEST(order_is_found),
        TEST(endless_loops_are_exact),
        TEST(too_many_states_say_so),
        TEST(shapley_toy),
        TEST(containment_game_is_the_closed_form),
        TEST(rate_game_is_efficient_and_fair),
        TEST(permutations_agree_with_the_exact_game),
        TEST(order_of_rows_and_scale_do_not_matter),
        TEST(same_seed_same_bytes),
        TEST(intervals_cover),
        TEST(events_become_paths),
        TEST(odd_events),
        TEST(lift_tests_decide_as_far_as_they_know),
        TEST(bad_tests_are_named),
        TEST(degenerate_paths),
        TEST(bad_paths_are_named),
        TEST(many_channels),
        TEST(can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
