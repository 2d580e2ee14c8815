/* Protects the models around the bandit: context, patterns of creatives with their briefs, and chains
 * of patterns. Truths are simulated and must be found again. */
#include "winnow/bandit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;
static struct wn_rand random_;

static int setup(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    wn_rand_init(&random_, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- context ----------------------------------------------------------------------------------- */

/* Two arms, each good for one sign of the feature: after some batches it shows the right one. */
static void context_learns_who_likes_what(void **state)
{
    (void)state;
    struct wn_context_bandit b;
    enum { BATCH = 200 };
    double x[BATCH], share[2], rate[2];
    uint32_t arm[BATCH];
    uint8_t reward[BATCH];
    assert_int_equal(wn_context_init(&arena, 2, 1, 1, &b, NULL), WN_OK);
    for (int batch = 0; batch < 30; batch++) {
        for (int i = 0; i < BATCH; i++) {
            x[i] = wn_rand_uniform(&random_) < .5 ? -1 : 1;
            assert_int_equal(wn_context_shares(&arena, &b, &x[i], 1, 0, NULL, share, NULL, NULL),
                             WN_OK);
            assert_true(fabs(share[0] + share[1] - 1) < 1e-12);
            assert_true(share[0] >= .005 - 1e-12 && share[1] >= .005 - 1e-12);
            arm[i] = (uint32_t)wn_bandit_pick(share, 2, &random_);
            double logit = -2 + (arm[i] ? -1 : 1) * x[i];
            reward[i] = wn_rand_uniform(&random_) < sigmoid(logit);
        }
        assert_int_equal(wn_context_update(&arena, &b, arm, x, reward, BATCH, NULL), WN_OK);
    }
    const double plus = 1, minus = -1;
    assert_int_equal(wn_context_shares(&arena, &b, &plus, 1, 0, NULL, share, rate, NULL), WN_OK);
    assert_true(share[0] > .95);
    assert_true(fabs(rate[0] - sigmoid(-1)) < .05);
    assert_int_equal(wn_context_shares(&arena, &b, &minus, 1, 0, NULL, share, rate, NULL), WN_OK);
    assert_true(share[1] > .95);
}

/* One arm, one batch: the mode is that of the penalised likelihood, found here by bisection, and the
 * precision grows by the information. */
static void context_finds_the_mode(void **state)
{
    (void)state;
    struct wn_context_bandit b;
    uint32_t arm[10] = {0};
    uint8_t reward[10] = {1, 1, 1};
    assert_int_equal(wn_context_init(&arena, 1, 0, 2, &b, NULL), WN_OK);
    assert_int_equal(wn_context_update(&arena, &b, arm, NULL, reward, 10, NULL), WN_OK);
    /* shared and own weight are alike: 2 w = t, slope 3 - 10 p(t) = 2 w = t */
    double low = -5, high = 5;
    for (int i = 0; i < 100; i++) {
        double t = .5 * (low + high);
        *(3 - 10 * sigmoid(t) - t > 0 ? &low : &high) = t;
    }
    assert_true(fabs(b.mean[0] - low / 2) < 1e-6 && fabs(b.mean[1] - low / 2) < 1e-6);
    double p = sigmoid(low);
    assert_true(fabs(b.precision[1] - (2 + 10 * p * (1 - p))) < 1e-6);
}

static void context_shares_are_those_of_draws(void **state)
{
    (void)state;
    struct wn_context_bandit b;
    double share[3], x[2] = {.5, -2}, wins[3] = {0};
    assert_int_equal(wn_context_init(&arena, 3, 2, 1, &b, NULL), WN_OK);
    for (size_t i = 0; i < 12; i++) {
        b.mean[i] = .3 * wn_rand_normal(&random_);
        b.precision[i] = 1 + (double)i;
    }
    assert_int_equal(wn_context_shares(&arena, &b, x, .7, 1e-9, NULL, share, NULL, NULL), WN_OK);
    const int n = 200000;
    for (int d = 0; d < n; d++) {
        size_t best = 0;
        double top = -1e9;
        for (size_t i = 0; i < 3; i++) {
            double t = 0, z[3] = {1, x[0], x[1]};
            for (size_t j = 0; j < 3; j++)
                t += z[j] * (b.mean[3 + 3 * i + j] +
                             .7 / sqrt(b.precision[3 + 3 * i + j]) * wn_rand_normal(&random_));
            if (t > top) {
                top = t;
                best = i;
            }
        }
        wins[best] += 1.0 / n;
    }
    for (size_t i = 0; i < 3; i++) /* five standard errors */
        assert_true(fabs(wins[i] - share[i]) < 5 * sqrt(.25 / n));
}

static void context_refuses(void **state)
{
    (void)state;
    struct wn_context_bandit b;
    struct wn_why why = {0};
    double x[2] = {1, NAN}, share[40];
    uint32_t arm[2] = {0, 7};
    uint8_t reward[2] = {0, 1};
    assert_int_equal(wn_context_init(&arena, 0, 1, 1, &b, NULL), WN_LIMIT);
    assert_int_equal(wn_context_init(&arena, 1, 65, 1, &b, NULL), WN_LIMIT);
    assert_int_equal(wn_context_init(&arena, 1, 1, NAN, &b, NULL), WN_INVALID);
    assert_int_equal(wn_context_init(&arena, 2, 1, 1, &b, NULL), WN_OK);
    assert_int_equal(wn_context_update(&arena, &b, arm, x, reward, 2, &why), WN_INVALID);
    assert_int_equal(why.line, 2);
    assert_int_equal(wn_context_shares(&arena, &b, x + 1, 1, 0, NULL, share, NULL, NULL),
                     WN_INVALID);
    assert_int_equal(wn_context_shares(&arena, &b, x, -1, 0, NULL, share, NULL, NULL), WN_INVALID);
    /* huge features, one class only: finite */
    double huge = 1e6;
    assert_int_equal(wn_context_update(&arena, &b, arm, &huge, reward + 1, 1, NULL), WN_OK);
    assert_int_equal(wn_context_shares(&arena, &b, &huge, 1, 0, NULL, share, NULL, NULL), WN_OK);
    assert_true(isfinite(share[0]) && isfinite(b.mean[0]));
    /* many arms are drawn */
    assert_int_equal(wn_context_init(&arena, 40, 1, 1, &b, NULL), WN_OK);
    assert_int_equal(wn_context_shares(&arena, &b, x, 1, 0, NULL, share, NULL, NULL), WN_INVALID);
    assert_int_equal(wn_context_shares(&arena, &b, x, 1, 0, &random_, share, NULL, NULL), WN_OK);
    assert_true(share[39] > .005);
}

/* ---- patterns ---------------------------------------------------------------------------------- */

enum { FIELDS = 3, LEVELS = 6, CREATIVES = 300, CAMPAIGNS = 5 };

struct truth {
    double u[FIELDS][LEVELS], v[LEVELS][LEVELS], campaign[CAMPAIGNS];
};

static double true_logit(const struct truth *t, const struct wn_creative *c)
{
    double logit = -3 + t->v[c->level[0]][c->level[1]];
    for (size_t f = 0; f < FIELDS; f++)
        logit += t->u[f][c->level[f]];
    return c->campaign == WN_PATTERN_NONE ? logit : logit + t->campaign[c->campaign];
}

static struct wn_pattern_plan plan_of(bool pairs)
{
    return (struct wn_pattern_plan){.n_fields = FIELDS,
                                    .n_levels = {LEVELS, LEVELS, LEVELS},
                                    .n_campaigns = CAMPAIGNS,
                                    .with_pairs = pairs};
}

static void make_world(struct truth *t, struct wn_creative *c, double pair_sd)
{
    for (size_t f = 0; f < FIELDS; f++)
        for (size_t l = 0; l < LEVELS; l++)
            t->u[f][l] = (f == 2 ? 0 : .4) * wn_rand_normal(&random_);
    for (size_t a = 0; a < LEVELS; a++)
        for (size_t b = 0; b < LEVELS; b++)
            t->v[a][b] = pair_sd * wn_rand_normal(&random_);
    for (size_t k = 0; k < CAMPAIGNS; k++)
        t->campaign[k] = .2 * wn_rand_normal(&random_);
    for (size_t i = 0; i < CREATIVES; i++) {
        c[i] = (struct wn_creative){.campaign = (uint32_t)wn_rand_below(&random_, CAMPAIGNS)};
        for (size_t f = 0; f < FIELDS; f++)
            c[i].level[f] = (uint32_t)wn_rand_below(&random_, LEVELS);
        double logit = true_logit(t, &c[i]) + .2 * wn_rand_normal(&random_);
        c[i].counts.trials = 3000;
        c[i].counts.successes = (double)wn_rand_binomial(&random_, 3000, sigmoid(logit));
    }
}

/* Differences between the levels of a field are what the data can tell; their 80 % intervals must
 * hold the truth about as often. */
static void pattern_effects_are_found(void **state)
{
    (void)state;
    static struct wn_creative c[CREATIVES];
    struct wn_pattern_plan plan = plan_of(false);
    double covered = 0, n = 0, spread = 0, idle = 0;
    for (int world = 0; world < 10; world++) {
        struct truth t;
        struct wn_pattern p;
        make_world(&t, c, 0);
        assert_int_equal(wn_pattern_fit(&arena, c, CREATIVES, &plan, &p, NULL), WN_OK);
        assert_int_equal(p.n_effects, FIELDS * LEVELS);
        for (size_t f = 0; f < FIELDS; f++) {
            double mean_true = 0, mean_found = 0;
            for (size_t l = 0; l < LEVELS; l++) {
                mean_true += t.u[f][l] / LEVELS;
                mean_found += p.effects[f * LEVELS + l].mean / LEVELS;
            }
            for (size_t l = 0; l < LEVELS; l++) {
                const struct wn_pattern_effect *e = &p.effects[f * LEVELS + l];
                double miss = e->mean - mean_found - (t.u[f][l] - mean_true);
                assert_true(e->odds_low < e->odds && e->odds < e->odds_high);
                assert_true(fabs(miss) < .25);
                covered += fabs(miss) <= 1.2816 * e->sd;
                n++;
            }
        }
        spread += .5 * (p.field_sd[0] + p.field_sd[1]) / 10;
        idle += p.field_sd[2] / 10;
        assert_true(fabs(p.creative_sd - .2) < .06);
    }
    assert_true(covered / n >= .75); /* more than 80 % is no harm: sd is not that of a contrast */
    assert_true(spread > .25 && spread < .5); /* 0.4, drawn 12 times a world, and shrunk */
    assert_true(idle < .12);
}

static void pattern_priors_are_calibrated(void **state)
{
    (void)state;
    static struct wn_creative c[CREATIVES];
    struct wn_pattern_plan plan = plan_of(true);
    double covered = 0, n = 0;
    for (int world = 0; world < 5; world++) {
        struct truth t;
        struct wn_pattern p;
        make_world(&t, c, .2);
        assert_int_equal(wn_pattern_fit(&arena, c, CREATIVES, &plan, &p, NULL), WN_OK);
        for (int i = 0; i < 100; i++) {
            struct wn_creative fresh = {.campaign = (uint32_t)wn_rand_below(&random_, CAMPAIGNS)};
            struct wn_prior prior;
            double logit, sd;
            for (size_t f = 0; f < FIELDS; f++)
                fresh.level[f] = (uint32_t)wn_rand_below(&random_, LEVELS);
            assert_int_equal(wn_pattern_prior(&arena, &p, &fresh, &logit, &sd, &prior, NULL),
                             WN_OK);
            double truth = true_logit(&t, &fresh) + .2 * wn_rand_normal(&random_);
            covered += fabs(truth - logit) <= 1.2816 * sd;
            n++;
            double strength = prior.alpha + prior.beta;
            assert_true(strength >= 10 - 1e-9 && strength <= 2000 + 1e-9);
            assert_true(fabs(prior.alpha / strength - sigmoid(logit)) < 1e-9);
        }
    }
    /* 80 % within five standard errors of 500 draws, which are not quite independent */
    assert_true(covered / n > .71 && covered / n < .89);
}

/* Shown pairs are those that are there: a strong one is found, and without any few are claimed. */
static void pattern_pairs_are_shown_when_certain(void **state)
{
    (void)state;
    static struct wn_creative c[CREATIVES];
    struct wn_pattern_plan plan = plan_of(true);
    struct truth t;
    struct wn_pattern p;
    make_world(&t, c, 0);
    for (size_t i = 0; i < CREATIVES; i++)
        if (c[i].level[0] == 1 && c[i].level[1] == 2)
            c[i].counts.successes *= 2;
    assert_int_equal(wn_pattern_fit(&arena, c, CREATIVES, &plan, &p, NULL), WN_OK);
    size_t n_shown = 0, n_pairs = 0;
    bool found = false;
    for (size_t i = 0; i < p.n_effects; i++) {
        const struct wn_pattern_effect *e = &p.effects[i];
        if (e->field2 == WN_PATTERN_NONE)
            continue;
        n_pairs++;
        n_shown += e->is_shown;
        if (e->field == 0 && e->level == 1 && e->field2 == 1 && e->level2 == 2)
            found = e->is_shown && e->odds > 1.2;
    }
    assert_true(found);
    assert_true(n_pairs > 80 && n_shown < n_pairs / 10);
}

static void briefs_are_new_good_and_different(void **state)
{
    (void)state;
    static struct wn_creative c[CREATIVES];
    struct wn_pattern_plan plan = plan_of(false);
    struct truth t;
    struct wn_pattern p;
    struct wn_creative brief[5];
    size_t n;
    make_world(&t, c, 0);
    assert_int_equal(wn_pattern_fit(&arena, c, 100, &plan, &p, NULL), WN_OK);
    assert_int_equal(wn_pattern_briefs(&arena, &p, c, 100, .2, &random_, 5, brief, &n, NULL),
                     WN_OK);
    assert_int_equal(n, 5);
    double mean = 0, all = 0;
    for (size_t b = 0; b < n; b++) {
        for (size_t i = 0; i < 100; i++)
            assert_false(memcmp(brief[b].level, c[i].level, sizeof c[i].level) == 0);
        for (size_t k = 0; k < b; k++)
            assert_false(memcmp(brief[b].level, brief[k].level, sizeof brief[k].level) == 0);
        assert_true(brief[b].campaign == WN_PATTERN_NONE);
        mean += true_logit(&t, &brief[b]) / 5;
    }
    for (size_t i = 0; i < 216; i++) {
        struct wn_creative any = {
            .level = {(uint32_t)(i % 6), (uint32_t)(i / 6 % 6), (uint32_t)(i / 36)},
            .campaign = WN_PATTERN_NONE};
        all += true_logit(&t, &any) / 216;
    }
    assert_true(mean > all + .3);
}

/* Every combination but one is there: that one is the brief, and no second. */
static void briefs_end(void **state)
{
    (void)state;
    struct wn_creative c[3] = {{.level = {0, 0}, .campaign = WN_PATTERN_NONE, .counts = {5, 100}},
                               {.level = {0, 1}, .campaign = WN_PATTERN_NONE, .counts = {5, 100}},
                               {.level = {1, 1}, .campaign = WN_PATTERN_NONE, .counts = {5, 100}}};
    struct wn_pattern_plan plan = {.n_fields = 2, .n_levels = {2, 2}, .with_pairs = true};
    struct wn_pattern p;
    struct wn_creative brief[3];
    size_t n;
    assert_int_equal(wn_pattern_fit(&arena, c, 3, &plan, &p, NULL), WN_OK);
    assert_int_equal(wn_pattern_briefs(&arena, &p, c, 3, .2, &random_, 3, brief, &n, NULL), WN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(brief[0].level[0], 1);
    assert_int_equal(brief[0].level[1], 0);
}

static void patterns_of_odd_counts(void **state)
{
    (void)state;
    struct wn_creative c[4] = {
        {.level = {0, 1}, .campaign = 0, .counts = {0, 0}},
        {.level = {1, WN_PATTERN_NONE}, .campaign = WN_PATTERN_NONE, .counts = {1e15, 1e15}},
        {.level = {2, 0}, .campaign = 1, .counts = {0, 1e15}},
        {.level = {2, 0}, .campaign = 1, .counts = {5, 3}}};
    struct wn_pattern_plan plan = {
        .n_fields = 2, .n_levels = {3, 2}, .n_campaigns = 2, .with_pairs = true};
    struct wn_pattern p;
    struct wn_prior prior;
    struct wn_why why = {0};
    assert_int_equal(wn_pattern_fit(&arena, c, 4, &plan, &p, NULL), WN_OK);
    for (size_t i = 0; i < p.n_effects; i++)
        assert_true(isfinite(p.effects[i].mean) && isfinite(p.effects[i].odds_high));
    assert_int_equal(wn_pattern_prior(&arena, &p, &c[0], NULL, NULL, &prior, NULL), WN_OK);
    assert_true(isfinite(prior.alpha) && prior.alpha > 0);
    assert_int_equal(wn_pattern_fit(&arena, c, 0, &plan, &p, NULL), WN_INVALID);
    c[2].level[0] = 3;
    assert_int_equal(wn_pattern_fit(&arena, c, 4, &plan, &p, &why), WN_INVALID);
    assert_int_equal(why.line, 3);
    c[2].level[0] = 2;
    c[1].counts.trials = NAN;
    assert_int_equal(wn_pattern_fit(&arena, c, 4, &plan, &p, NULL), WN_INVALID);
    plan.n_levels[0] = 2000;
    assert_int_equal(wn_pattern_fit(&arena, c, 1, &plan, &p, NULL), WN_INVALID);
}

/* ---- chains ------------------------------------------------------------------------------------ */

/* b is good after a only; where one goes next matters for the value. */
static void chain_finds_what_follows(void **state)
{
    (void)state;
    enum { N = 30000 };
    static struct wn_chain_step steps[N];
    struct wn_chain c;
    size_t shown[3] = {0};
    for (size_t i = 0; i < N; i++) {
        steps[i] = (struct wn_chain_step){.sequence = (uint32_t)(i / 10),
                                          .pattern = (uint32_t)wn_rand_below(&random_, 3)};
        bool first = i % 10 == 0;
        double rate = !first && steps[i].pattern == 1 && steps[i - 1].pattern == 0 ? .5 : .1;
        steps[i].reward = wn_rand_uniform(&random_) < rate;
    }
    assert_int_equal(wn_chain_fit(&arena, steps, N, 3, &c, NULL), WN_OK);
    assert_true(fabs(wn_belief_mean(&c.reward[0 * 3 + 1]) - .5) < .05);
    assert_true(fabs(wn_belief_mean(&c.reward[2 * 3 + 1]) - .1) < .05);
    for (size_t a = 0; a < 3; a++) {
        double sum = 0;
        for (size_t b = 0; b < 3; b++)
            sum += c.transition[a * 3 + b];
        assert_true(fabs(sum - 1) < 1e-12);
    }
    /* after 2 it pays to show 0, though that earns no more now: 1 may follow */
    assert_true(c.value[2 * 3 + 0] > c.value[2 * 3 + 1] + .1);
    assert_false(c.looks_two_back && c.log_loss[1] >= c.log_loss[0]);
    for (int i = 0; i < 1000; i++)
        shown[wn_chain_next(&c, 0, &random_)]++;
    assert_int_equal(shown[1], 1000);
}

static void chain_looks_two_back_where_it_helps(void **state)
{
    (void)state;
    enum { N = 20000 };
    static struct wn_chain_step steps[N];
    struct wn_chain c;
    for (size_t i = 0; i < N; i++) {
        steps[i] = (struct wn_chain_step){.pattern = (uint32_t)wn_rand_below(&random_, 2)};
        bool same = i >= 2 && steps[i - 2].pattern == steps[i].pattern;
        steps[i].reward = wn_rand_uniform(&random_) < (same ? .8 : .2);
    }
    assert_int_equal(wn_chain_fit(&arena, steps, N, 2, &c, NULL), WN_OK);
    assert_true(c.looks_two_back);
    assert_true(fabs(c.rate_two_back[0] - .8) < .03 && fabs(c.rate_two_back[1] - .2) < .03);
}

static void chain_of_little(void **state)
{
    (void)state;
    struct wn_chain c;
    struct wn_why why = {0};
    struct wn_chain_step steps[2] = {{0, 0, 1}, {0, 5, 0}};
    assert_int_equal(wn_chain_fit(&arena, steps, 0, 4, &c, NULL), WN_OK);
    assert_true(fabs(c.transition[0] - .25) < 1e-12 && !c.looks_two_back);
    assert_true(wn_chain_next(&c, 3, &random_) < 4);
    assert_int_equal(wn_chain_fit(&arena, steps, 2, 4, &c, &why), WN_INVALID);
    assert_int_equal(why.line, 2);
    assert_int_equal(wn_chain_fit(&arena, steps, 1, 51, &c, NULL), WN_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_learns_who_likes_what),
        cmocka_unit_test(context_finds_the_mode),
        cmocka_unit_test(context_shares_are_those_of_draws),
        cmocka_unit_test(context_refuses),
        cmocka_unit_test(pattern_effects_are_found),
        cmocka_unit_test(pattern_priors_are_calibrated),
        cmocka_unit_test(pattern_pairs_are_shown_when_certain),
        cmocka_unit_test(briefs_are_new_good_and_different),
        cmocka_unit_test(briefs_end),
        cmocka_unit_test(patterns_of_odd_counts),
        cmocka_unit_test(chain_finds_what_follows),
        cmocka_unit_test(chain_looks_two_back_where_it_helps),
        cmocka_unit_test(chain_of_little),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
