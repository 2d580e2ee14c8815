/* Protects how well the policies do, in simulated worlds and on a real table: the regret that the
 * manual promises, with right priors, with late conversions, beside UCB1. */
#include "winnow/bandit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double rates[2] = {.05, .04};
static const struct wn_world world = {.rates = rates, .n_arms = 2, .n_rounds = 100000, .batch = 10};

static struct wn_regret run(const struct wn_world *w, const struct wn_policy *p, uint32_t n_runs)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_regret out;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    assert_int_equal(wn_bandit_simulate(&a, w, p, n_runs, &r, &out, NULL), WN_OK);
    wn_arena_deinit(&a);
    return out;
}

static double end(const struct wn_regret *g)
{
    return g->mean[g->n_points - 1];
}

/* 36 clicks with a standard error of 5 are known from elsewhere for 200 runs; 45 must hold. */
static void thompson_loses_little(void **state)
{
    (void)state;
    const struct wn_policy own = {.kind = WN_POLICY_THOMPSON};
    struct wn_regret g = run(&world, &own, 200);
    assert_true(end(&g) <= 45);
    assert_true(end(&g) >= 15); /* nobody loses nothing */
    assert_int_equal(g.n_points, WN_CURVE_POINTS);
    for (size_t i = 1; i < g.n_points; i++)
        assert_true(g.mean[i] >= g.mean[i - 1] && g.round[i] > g.round[i - 1]);
    assert_true(g.low <= g.median && g.median <= g.high);
    assert_true(fabs(g.successes - (5000 - end(&g))) < 5 * sqrt(5000.0 / 200) + 1);
}

static void right_tree_priors_lose_less(void **state)
{
    (void)state;
    /* what a model of patterns gives that knows these two: worth 1000 trials each */
    const struct wn_prior priors[2] = {{50, 950, 1}, {40, 960, 1}};
    const struct wn_policy tree = {.kind = WN_POLICY_THOMPSON, .arm_priors = priors};
    struct wn_regret g = run(&world, &tree, 200);
    assert_true(end(&g) <= 25);
}

static void narrower_draws_lose_less(void **state)
{
    (void)state;
    const struct wn_policy narrow = {.kind = WN_POLICY_THOMPSON, .width = WN_WIDTH_EARN};
    struct wn_regret g = run(&world, &narrow, 200);
    assert_true(end(&g) <= 36);
}

static void others_lose_more(void **state)
{
    (void)state;
    const struct wn_policy ucb1 = {.kind = WN_POLICY_UCB1}, random = {.kind = WN_POLICY_RANDOM};
    struct wn_regret g = run(&world, &ucb1, 20);
    assert_true(fabs(end(&g) - 291) < 15); /* 291 is known from elsewhere */
    g = run(&world, &random, 20);
    assert_true(fabs(end(&g) - 500) < 5);
}

/* 40 % of the conversions come late, by 1,600 rounds on average: counting trials by what can have
 * come back costs at most 15 % more than no delay (5 % in 2000 runs). */
static void late_conversions_cost_little(void **state)
{
    (void)state;
    const struct wn_policy own = {.kind = WN_POLICY_THOMPSON};
    struct wn_world late = world, blind = world;
    late.late_ratio = blind.late_ratio = .4;
    late.late_mean = 1600;
    blind.late_mean = 6400;
    blind.ignores_late = true;
    struct wn_regret at_once = run(&world, &own, 300), g = run(&late, &own, 300);
    assert_true(end(&g) <= 1.15 * end(&at_once));
    struct wn_world aware = blind;
    aware.ignores_late = false;
    struct wn_regret with = run(&aware, &own, 100), without = run(&blind, &own, 100);
    assert_true(end(&with) < end(&without));
}

static void top_two_learns_the_rival(void **state)
{
    (void)state;
    const double three[3] = {.3, .28, .05};
    const struct wn_world w = {.rates = three, .n_arms = 3, .n_rounds = 5000, .batch = 1};
    const struct wn_policy decide = {.kind = WN_POLICY_TOP_TWO},
                           earn = {.kind = WN_POLICY_THOMPSON};
    struct wn_regret a = run(&w, &decide, 30), b = run(&w, &earn, 30);
    assert_true(end(&a) > end(&b)); /* it pays for knowledge */
    assert_true(end(&a) < 5000 * .02 + 50);
}

static void worlds_are_checked(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_rand r;
    struct wn_regret out;
    const double bad[2] = {.5, NAN};
    const struct wn_policy own = {.kind = WN_POLICY_THOMPSON}, odd = {.width = NAN};
    struct wn_world w = world;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    assert_int_equal(wn_bandit_simulate(&a, &w, &own, 0, &r, &out, NULL), WN_INVALID);
    assert_int_equal(wn_bandit_simulate(&a, &w, &odd, 1, &r, &out, NULL), WN_INVALID);
    w.rates = bad;
    assert_int_equal(wn_bandit_simulate(&a, &w, &own, 1, &r, &out, NULL), WN_INVALID);
    w = world;
    w.n_rounds = 0;
    assert_int_equal(wn_bandit_simulate(&a, &w, &own, 1, &r, &out, NULL), WN_INVALID);
    w = world;
    w.late_ratio = .5;
    assert_int_equal(wn_bandit_simulate(&a, &w, &own, 1, &r, &out, NULL), WN_INVALID);
    w.late_mean = 10;
    w.batch = 1;
    w.n_rounds = UINT64_C(1) << 40;
    assert_int_equal(wn_bandit_simulate(&a, &w, &own, 1, &r, &out, NULL), WN_LIMIT);
    wn_arena_deinit(&a);
    /* one arm, sure arms, one round */
    const double sure[2] = {1, 0}, zero = 0;
    for (int k = 0; k < WN_POLICY_N; k++) {
        const struct wn_policy p = {.kind = (wn_policy_kind)k, .fits_prior = true};
        struct wn_world small = {.rates = sure, .n_arms = 2, .n_rounds = 300, .batch = 7};
        out = run(&small, &p, 3);
        assert_true(end(&out) >= 0 && end(&out) <= 300 && isfinite(out.se[0]));
        small = (struct wn_world){.rates = &zero, .n_arms = 1, .n_rounds = 1};
        out = run(&small, &p, 1);
        assert_true(end(&out) == 0 && out.n_points == 1 && out.successes == 0);
    }
}

static void same_seed_same_curve(void **state)
{
    (void)state;
    const struct wn_policy own = {.kind = WN_POLICY_THOMPSON, .fits_prior = true};
    struct wn_world w = world;
    w.n_rounds = 5000;
    struct wn_regret a = run(&w, &own, 5), b = run(&w, &own, 5);
    assert_memory_equal(&a, &b, sizeof a);
}

/* ---- the real table ---------------------------------------------------------------------------- */

enum { ROUNDS = 10000, ADS = 10 };
static uint8_t reward[ROUNDS * ADS];

static bool read_table(void)
{
    const char *dir = getenv("WN_SHARED_DATA");
    char path[1024], line[512];
    size_t n = 0;
    snprintf(path, sizeof path, "%s/ads_ctr_bandit/Ads_CTR_Optimisation.csv", dir ? dir : "");
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    if (fgets(line, sizeof line, f))
        while (fgets(line, sizeof line, f))
            for (const char *c = line; *c; c++)
                if ((*c == '0' || *c == '1') && n < sizeof reward)
                    reward[n++] = *c == '1';
    fclose(f);
    return n == sizeof reward;
}

static double replay(const struct wn_policy *p, uint64_t n_seeds)
{
    double sum = 0;
    for (uint64_t seed = 0; seed < n_seeds; seed++) {
        struct wn_arena a;
        struct wn_rand r;
        uint64_t won;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, seed);
        assert_int_equal(wn_bandit_replay(&a, reward, ROUNDS, ADS, p, &r, &won, NULL), WN_OK);
        sum += (double)won;
        wn_arena_deinit(&a);
    }
    return sum / (double)n_seeds;
}

static void replay_of_ads(void **state)
{
    (void)state;
    if (!read_table()) {
        print_message("skipped: ads_ctr_bandit is not in WN_SHARED_DATA\n");
        skip();
    }
    const struct wn_policy exact = {.kind = WN_POLICY_THOMPSON};
    const struct wn_policy narrow = {.kind = WN_POLICY_THOMPSON, .width = WN_WIDTH_EARN};
    const struct wn_policy ucb1 = {.kind = WN_POLICY_UCB1, .scale = 1.5};
    const struct wn_policy random = {.kind = WN_POLICY_RANDOM};
    assert_true(replay(&exact, 100) >= 2585);
    assert_true(replay(&narrow, 50) >= 2585);
    assert_true(fabs(replay(&ucb1, 20) - 2178) < 100); /* 2178 with ties to the first */
    assert_true(fabs(replay(&random, 20) - 1238.7) < 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thompson_loses_little),
        cmocka_unit_test(right_tree_priors_lose_less),
        cmocka_unit_test(narrower_draws_lose_less),
        cmocka_unit_test(others_lose_more),
        cmocka_unit_test(late_conversions_cost_little),
        cmocka_unit_test(top_two_learns_the_rival),
        cmocka_unit_test(worlds_are_checked),
        cmocka_unit_test(same_seed_same_curve),
        cmocka_unit_test(replay_of_ads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
