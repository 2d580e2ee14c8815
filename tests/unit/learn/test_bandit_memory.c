/* Protects the bandit, the models around it and off-policy evaluation against memory running out. */
#include "winnow/bandit.h"
#include "winnow/offpolicy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { ARMS = 30, ROWS = 300 };
static struct wn_arm arms[ARMS];
static struct wn_belief beliefs[ARMS];

static wn_rc run_best(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_best best[ARMS];
    struct wn_prior prior;
    wn_arm_verdict verdict[ARMS];
    struct wn_stop stop;
    double days[ARMS] = {0};
    const struct wn_best_options few = {.n_draws = 20};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_bandit_best(&a, beliefs, ARMS, &few, &r, best, NULL);
    if (!rc)
        rc = wn_prior_fit(&a, arms, ARMS, &prior, NULL);
    if (!rc)
        rc = wn_bandit_stop(&a, arms, &prior, best, days, ARMS, NULL, &r, verdict, &stop, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_value_and_fade(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_best best[2];
    const struct wn_value_arm values[2] = {{{5, 10}, {2, 5}, 30, 0}, {{5, 10}, {1, 5}, 30, 0}};
    const struct wn_arm_day days[2] = {{0, 1, 1, 10}, {1, 2, 1, 10}};
    double keep;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc =
        wn_bandit_best_value(&a, values, 2, &WN_PRIOR_OWN, &WN_PRIOR_OWN, NULL, &r, best, NULL);
    if (!rc)
        rc = wn_fade_fit(&a, days, 2, 2, &WN_PRIOR_OWN, &keep, NULL, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_simulate(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_regret regret;
    uint64_t won;
    const double rates[3] = {.1, .2, .3};
    const uint8_t reward[12] = {1, 0, 1};
    const struct wn_policy policy = {.kind = WN_POLICY_THOMPSON, .fits_prior = true};
    const struct wn_world world = {
        .rates = rates, .n_arms = 3, .n_rounds = 100, .late_ratio = .5, .late_mean = 10};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_bandit_simulate(&a, &world, &policy, 2, &r, &regret, NULL);
    if (!rc)
        rc = wn_bandit_replay(&a, reward, 4, 3, &policy, &r, &won, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_context(void)
{
    struct wn_arena a;
    struct wn_context_bandit b;
    const uint32_t arm[3] = {0, 1, 0};
    const double x[3] = {.1, -.2, .3};
    const uint8_t reward[3] = {1, 0, 0};
    double share[2];
    wn_arena_init(&a, 0);
    wn_rc rc = wn_context_init(&a, 2, 1, 1, &b, NULL);
    if (!rc)
        rc = wn_context_update(&a, &b, arm, x, reward, 3, NULL);
    if (!rc)
        rc = wn_context_shares(&a, &b, x, 1, 0, NULL, share, NULL, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_pattern(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_pattern p;
    struct wn_prior prior;
    const struct wn_creative c[3] = {{.level = {0, 1}, .campaign = 0, .counts = {5, 90}},
                                     {.level = {1, 1}, .campaign = 1, .counts = {9, 80}},
                                     {.level = {0, 0}, .campaign = 0, .counts = {2, 70}}};
    struct wn_creative brief[2];
    size_t n;
    const struct wn_pattern_plan plan = {
        .n_fields = 2, .n_levels = {2, 2}, .n_campaigns = 2, .with_pairs = true};
    const struct wn_chain_step steps[4] = {{0, 0, 1}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}};
    struct wn_chain chain;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_pattern_fit(&a, c, 3, &plan, &p, NULL);
    if (!rc)
        rc = wn_pattern_prior(&a, &p, &c[0], NULL, NULL, &prior, NULL);
    if (!rc)
        rc = wn_pattern_briefs(&a, &p, c, 3, .2, &r, 2, brief, &n, NULL);
    if (!rc)
        rc = wn_chain_fit(&a, steps, 4, 2, &chain, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_offpolicy(void)
{
    static uint32_t action[ROWS], cell[ROWS];
    static double reward[ROWS], propensity[ROWS], policy[2 * ROWS], x[ROWS];
    struct wn_arena a;
    struct wn_rand r;
    struct wn_offpolicy o;
    double *q;
    for (size_t i = 0; i < ROWS; i++) {
        action[i] = i % 2;
        cell[i] = (uint32_t)(i % 3);
        reward[i] = i % 5 == 0;
        x[i] = (double)(i % 7);
        propensity[i] = policy[2 * i] = policy[2 * i + 1] = .5;
    }
    struct wn_log log = {ROWS, 2, action, reward, propensity, policy, NULL, NULL};
    const struct wn_log_context context = {cell, 3, x, 1};
    const struct wn_offpolicy_options few = {.n_resamples = 20};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_offpolicy_fit(&a, &log, &context, &r, &q, NULL);
    if (!rc) {
        log.q = q;
        rc = wn_offpolicy_evaluate(&a, &log, &few, &r, &o, NULL);
    }
    wn_arena_deinit(&a);
    return rc;
}

static void best(void **state)
{
    (void)state;
    fail_each_allocation(run_best);
}
static void value_and_fade(void **state)
{
    (void)state;
    fail_each_allocation(run_value_and_fade);
}
static void simulate(void **state)
{
    (void)state;
    fail_each_allocation(run_simulate);
}
static void context(void **state)
{
    (void)state;
    fail_each_allocation(run_context);
}
static void pattern(void **state)
{
    (void)state;
    fail_each_allocation(run_pattern);
}
static void offpolicy(void **state)
{
    (void)state;
    fail_each_allocation(run_offpolicy);
}

int main(void)
{
    for (size_t i = 0; i < ARMS; i++) {
        arms[i] = (struct wn_arm){5 + (double)i, 1000};
        beliefs[i] = (struct wn_belief){6 + (double)i, 996};
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best),    cmocka_unit_test(value_and_fade), cmocka_unit_test(simulate),
        cmocka_unit_test(context), cmocka_unit_test(pattern),        cmocka_unit_test(offpolicy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
