/* Protects the choice among arms: the draws, who is best, the shares and the draw from them, when to
 * stop, fading and delay; and that odd input is answered or refused, never with a number that is
 * none. */
#include "learn/bandit_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
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

/* ---- draws ------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { DRAWS = 200000 };
static double drawn[DRAWS];

/* Largest distance to a distribution function (Kolmogorov and Smirnov); 1.95 / sqrt(n) is left by
 * chance once in 1000. */
static double distance(const struct wn_belief *b)
{
    double worst = 0;
    qsort(drawn, DRAWS, sizeof *drawn, by_size);
    for (size_t i = 0; i < DRAWS; i += 100) {
        double f = wn_belief_cdf(b, drawn[i]);
        worst = fmax(worst, fabs(f - (double)i / DRAWS));
    }
    return worst;
}

static void sampler_draws_the_beta_distribution(void **state)
{
    (void)state;
    const struct wn_belief cases[] = {{1, 1}, {.3, .5}, {.01, 2}, {20, 980}, {5e5, 1e7}};
    struct wn_bandit_sampler *s;
    assert_int_equal(wn_bandit_sampler_new(&arena, 1, &s, NULL), WN_OK);
    for (size_t c = 0; c < WN_COUNT(cases); c++) {
        const struct wn_belief *b = &cases[c];
        double n = b->a + b->b, sum = 0, squares = 0, mean = b->a / n;
        double variance = mean * (1 - mean) / (n + 1);
        wn_bandit_sampler_set(s, 0, b);
        for (size_t i = 0; i < DRAWS; i++) {
            drawn[i] = wn_bandit_sampler_rate(s, 0, &random_);
            assert_true(drawn[i] >= 0 && drawn[i] <= 1);
            sum += drawn[i];
            squares += (drawn[i] - mean) * (drawn[i] - mean);
        }
        assert_true(fabs(sum / DRAWS - mean) < 4.5 * sqrt(variance / DRAWS));
        assert_true(fabs(squares / DRAWS / variance - 1) < .1);
        assert_true(distance(b) < 1.95 / sqrt(DRAWS) + .005 * (b->a < .1)); /* zeros are tied */
    }
}

static void ziggurat_draws_the_normal_distribution(void **state)
{
    (void)state;
    struct wn_ziggurat z;
    double sum[5] = {0};
    const int n = 2000000;
    int beyond = 0;
    wn_ziggurat_init(&z);
    for (int i = 0; i < n; i++) {
        double x = wn_ziggurat_normal(&z, &random_), p = x;
        for (int k = 1; k < 5; k++, p *= x)
            sum[k] += p / n;
        beyond += fabs(x) > 3.6541528853610088; /* the tail has its own code */
    }
    assert_true(fabs(sum[1]) < 4.5 / sqrt(n));
    assert_true(fabs(sum[2] - 1) < 4.5 * sqrt(2.0 / n));
    assert_true(fabs(sum[3]) < 4.5 * sqrt(15.0 / n));
    assert_true(fabs(sum[4] - 3) < 4.5 * sqrt(96.0 / n));
    double expected = n * erfc(3.6541528853610088 / sqrt(2));
    assert_true(fabs(beyond - expected) < 4.5 * sqrt(expected));
}

static void ties_are_broken_at_random(void **state)
{
    (void)state;
    /* rates so sure that every draw is 1: all five are tied */
    const struct wn_belief sure = {1e15, 1e-300};
    struct wn_bandit_sampler *s;
    int wins[5] = {0};
    assert_int_equal(wn_bandit_sampler_new(&arena, 5, &s, NULL), WN_OK);
    for (size_t i = 0; i < 5; i++)
        wn_bandit_sampler_set(s, i, &sure);
    assert_true(wn_bandit_sampler_rate(s, 0, &random_) == 1);
    for (int i = 0; i < 10000; i++)
        wins[wn_bandit_sampler_choose(s, &random_)]++;
    for (size_t i = 0; i < 5; i++)
        assert_true(abs(wins[i] - 2000) < 200); /* five standard deviations */
}

/* ---- two arms ---------------------------------------------------------------------------------- */

static void two_arms_known_answer(void **state)
{
    (void)state;
    const struct wn_belief a = {21, 981}, b = {31, 971};
    double lost_by_b = wn_belief_loss(&b, &a), lost_by_a = wn_belief_loss(&a, &b);
    assert_true(fabs(wn_belief_above(&a, &b) - 0.9222933087) < 5e-11);
    assert_true(fabs(lost_by_b - 0.000249245) < 5e-10);
    /* what holds exactly: losses differ by the difference of the means, 10/1002 */
    assert_true(fabs(lost_by_a - lost_by_b - 10.0 / 1002) < 1e-12);
}

/* The closed forms, the quadrature and a plain sum over a fine grid agree, and the sides add to 1. */
static void closed_form_and_quadrature_agree(void **state)
{
    (void)state;
    const struct wn_belief cases[][2] = {{{1, 1}, {1, 1}},           {{3, 9}, {2, 2}},
                                         {{100, 1900}, {120, 1880}}, {{1, 1}, {500, 10000}},
                                         {{9000, 4e5}, {9100, 4e5}}, {{1, 1000}, {8000, 3}},
                                         {{2, 5e6}, {40, 6e7}},      {{7.5, 20}, {3, 11.25}}};
    for (size_t c = 0; c < WN_COUNT(cases); c++) {
        const struct wn_belief *a = &cases[c][0], *b = &cases[c][1];
        struct wn_score scores[2] = {{false, a->a, a->b}, {false, b->a, b->b}};
        double p[2], loss[2];
        wn_score_best(scores, 2, 0, p, loss, NULL);
        assert_true(fabs(wn_belief_above(a, b) - p[1]) < 1e-9);
        assert_true(fabs(wn_belief_above(a, b) + wn_belief_above(b, a) - 1) < 1e-9);
        double ma = wn_belief_mean(a), mb = wn_belief_mean(b);
        assert_true(fabs(loss[0] - loss[1] - (mb - ma)) < 1e-9 * (ma + mb));
        assert_true(fabs(wn_belief_loss(a, b) - loss[0]) < 1e-9 * fmax(ma, mb));
    }
    const struct wn_belief big = {3e14, 7e14}, bigger = {3.1e14, 6.9e14}, odd = {.001, .002};
    assert_true(wn_belief_above(&big, &bigger) > 1 - 1e-9);
    assert_true(fabs(wn_belief_above(&odd, &big) - 2.0 / 3) < .01);
}

/* ---- several arms ------------------------------------------------------------------------------ */

static void best_is_that_of_draws(void **state)
{
    (void)state;
    const struct wn_belief arms[] = {{1, 1},    {.05, .4},      {30, 400}, {38, 500}, {3000, 42000},
                                     {5, 1000}, {1e14, 1.3e15}, {2, 11},   {2, 11}};
    enum { N = WN_COUNT(arms) };
    struct wn_best best[N];
    struct wn_bandit_sampler *s;
    double p[N] = {0}, loss[N] = {0}, near[N] = {0}, sum = 0;
    const int n = 400000;
    assert_int_equal(wn_bandit_best(&arena, arms, N, NULL, NULL, best, NULL), WN_OK);
    assert_int_equal(wn_bandit_sampler_new(&arena, N, &s, NULL), WN_OK);
    for (size_t i = 0; i < N; i++)
        wn_bandit_sampler_set(s, i, &arms[i]);
    for (int d = 0; d < n; d++) {
        double rate[N];
        size_t top = 0;
        for (size_t i = 0; i < N; i++) {
            rate[i] = wn_bandit_sampler_rate(s, i, &random_);
            top = rate[i] > rate[top] ? i : top;
        }
        p[top] += 1.0 / n;
        for (size_t i = 0; i < N; i++) {
            loss[i] += (rate[top] - rate[i]) / n;
            near[i] += (rate[i] >= .98 * rate[top]) / (double)n;
        }
    }
    for (size_t i = 0; i < N; i++) {
        double error = sqrt(p[i] * (1 - p[i]) / n);
        assert_true(fabs(best[i].p_best - p[i]) <= 5 * error + 1e-5);
        assert_true(fabs(best[i].expected_loss - loss[i]) < 5 * .35 / sqrt(n));
        assert_true(fabs(best[i].p_near - near[i]) < .01);
        assert_true(best[i].low <= best[i].mean || arms[i].a < 1);
        assert_true(best[i].high >= best[i].low);
        sum += best[i].p_best;
    }
    assert_true(fabs(sum - 1) < 1e-12);
    assert_true(fabs(best[7].p_best - best[8].p_best) < 1e-12);
}

/* 30 arms go by draws: near the exact answer for the first 24 with six hopeless ones behind. */
static void many_arms_by_draws(void **state)
{
    (void)state;
    struct wn_belief arms[30];
    struct wn_best exact[30], drawn_best[30];
    for (size_t i = 0; i < 30; i++)
        arms[i] = i < 24 ? (struct wn_belief){20 + (double)i, 600} : (struct wn_belief){1, 1e6};
    struct wn_best_options o = {.n_draws = 20000};
    assert_int_equal(wn_bandit_best(&arena, arms, 24, NULL, NULL, exact, NULL), WN_OK);
    assert_int_equal(wn_bandit_best(&arena, arms, 30, &o, NULL, drawn_best, NULL), WN_INVALID);
    assert_int_equal(wn_bandit_best(&arena, arms, 30, &o, &random_, drawn_best, NULL), WN_OK);
    for (size_t i = 0; i < 24; i++)
        assert_true(fabs(exact[i].p_best - drawn_best[i].p_best) < 5 * .5 / sqrt(20000));
    assert_true(drawn_best[29].p_best == 0);
}

static void order_of_arms_does_not_matter(void **state)
{
    (void)state;
    const struct wn_belief arms[3] = {{5, 100}, {9, 120}, {2, 30}};
    const struct wn_belief turned[3] = {{2, 30}, {5, 100}, {9, 120}};
    struct wn_best a[3], b[3];
    assert_int_equal(wn_bandit_best(&arena, arms, 3, NULL, NULL, a, NULL), WN_OK);
    assert_int_equal(wn_bandit_best(&arena, turned, 3, NULL, NULL, b, NULL), WN_OK);
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(a[i].p_best - b[(i + 1) % 3].p_best) < 1e-12);
}

static void quantile_and_cdf_belong_together(void **state)
{
    (void)state;
    const struct wn_belief cases[] = {{1, 1}, {50, 950}, {.1, 3}, {1e8, 1e9}, {4000, 2}};
    const double ps[] = {.001, .1, .5, .9, .999};
    for (size_t c = 0; c < WN_COUNT(cases); c++)
        for (size_t k = 0; k < WN_COUNT(ps); k++) {
            double x = wn_belief_quantile(&cases[c], ps[k]);
            assert_true(fabs(wn_belief_cdf(&cases[c], x) - ps[k]) < 1e-6);
        }
    const struct wn_belief flat = {1, 1};
    assert_true(wn_belief_quantile(&flat, NAN) >= 0 && wn_belief_quantile(&flat, 2) <= 1);
}

/* ---- priors, fading, delay --------------------------------------------------------------------- */

static void priors(void **state)
{
    (void)state;
    struct wn_prior p;
    struct wn_belief b;
    const struct wn_arm arm = {30, 400};
    assert_int_equal(wn_bandit_belief(&arm, &WN_PRIOR_MARKET, &b, NULL), WN_OK);
    assert_true(b.a == 130 && b.b == 1900 + 370);
    assert_int_equal(wn_bandit_belief(&arm, &WN_PRIOR_OWN, &b, NULL), WN_OK);
    assert_true(b.a == 31 && b.b == 371);
    assert_int_equal(wn_prior_from_mean(.05, .01, &p, NULL), WN_OK);
    assert_true(fabs(p.alpha + p.beta - (.05 * .95 / 1e-4 - 1)) < 1e-9);
    assert_int_equal(wn_prior_from_mean(.05, .5, &p, NULL), WN_OK);
    assert_true(fabs(p.alpha + p.beta - 10) < 1e-9);
    assert_int_equal(wn_prior_from_mean(.05, 1e-9, &p, NULL), WN_OK);
    assert_true(fabs(p.alpha + p.beta - 2000) < 1e-9);
    assert_int_equal(wn_prior_from_mean(NAN, .1, &p, NULL), WN_INVALID);
    assert_int_equal(wn_prior_from_mean(.1, INFINITY, &p, NULL), WN_INVALID);
    /* 300 siblings from Beta(6, 114) */
    static struct wn_arm arms[300];
    for (size_t i = 0; i < 300; i++) {
        arms[i].trials = 2000;
        double rate = wn_rand_beta(&random_, 6, 114);
        arms[i].successes = (double)wn_rand_binomial(&random_, 2000, rate);
    }
    assert_int_equal(wn_prior_fit(&arena, arms, 300, &p, NULL), WN_OK);
    assert_true(fabs(p.alpha / (p.alpha + p.beta) - .05) < .004);
    assert_true(fabs((p.alpha + p.beta) / 120 - 1) < .2);
    assert_int_equal(wn_prior_fit(&arena, arms, 2, &p, NULL), WN_OK);
    assert_true(p.alpha == 1 && p.beta == 1);
}

static void fading(void **state)
{
    (void)state;
    struct wn_arm arm = {100, 1000};
    wn_arm_fade(&arm, .9, 2);
    assert_true(fabs(arm.successes - 81) < 1e-9 && fabs(arm.trials - 810) < 1e-9);
    wn_arm_fade(&arm, .9, -5);
    assert_true(fabs(arm.trials - 810) < 1e-9);
    /* rates that wander ask for fading; rates that stay do not */
    enum { DAYS = 200, ARMS = 4 };
    static struct wn_arm_day days[DAYS * ARMS];
    for (int wander = 0; wander < 2; wander++) {
        double logit[ARMS] = {-3, -3, -3, -3}, keep, loss[WN_FADE_CANDIDATES];
        for (size_t i = 0; i < DAYS * ARMS; i++) {
            size_t a = i % ARMS;
            logit[a] += wander ? .15 * wn_rand_normal(&random_) : 0;
            double rate = 1 / (1 + exp(-logit[a]));
            days[i] = (struct wn_arm_day){(uint32_t)a, (int32_t)(i / ARMS),
                                          (double)wn_rand_binomial(&random_, 1000, rate), 1000};
        }
        assert_int_equal(
            wn_fade_fit(&arena, days, DAYS * ARMS, ARMS, &WN_PRIOR_OWN, &keep, loss, NULL), WN_OK);
        assert_true(wander ? keep <= .95 : keep >= .995);
        for (size_t c = 0; c < WN_FADE_CANDIDATES; c++)
            assert_true(isfinite(loss[c]));
    }
    double keep;
    struct wn_why why = {0};
    days[3].day = 1000;
    assert_int_equal(wn_fade_fit(&arena, days, 10, ARMS, &WN_PRIOR_OWN, &keep, NULL, &why),
                     WN_INVALID);
    assert_int_equal(why.line, 5);
    assert_int_equal(wn_fade_fit(&arena, days, 0, ARMS, &WN_PRIOR_OWN, &keep, NULL, NULL),
                     WN_INVALID);
}

static void delay(void **state)
{
    (void)state;
    const struct wn_delay none = {0}, two = {2, {1, 3}, {0, 1000}};
    const struct wn_delay bad = {1, {0}, {5}}, worse = {1, {1}, {NAN}};
    assert_true(wn_delay_known(&none, 0) == 1);
    assert_true(fabs(wn_delay_known(&two, 1000) - (.25 + .75 * (1 - exp(-1)))) < 1e-12);
    assert_true(wn_delay_known(&two, -5) == .25 && wn_delay_known(&two, 1e15) == 1);
    assert_int_equal(wn_delay_check(&two, NULL), WN_OK);
    assert_int_equal(wn_delay_check(&bad, NULL), WN_INVALID);
    assert_int_equal(wn_delay_check(&worse, NULL), WN_INVALID);
}

/* ---- shares ------------------------------------------------------------------------------------ */

static double total(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static void shares_keep_their_limits(void **state)
{
    (void)state;
    const double p[4] = {.97, .03, 0, 0}, before[4] = {.25, .5, .25, -1};
    double share[4];
    struct wn_share_options o = WN_SHARE_OPTIONS_DEFAULT;
    assert_int_equal(wn_bandit_shares(p, NULL, 4, &o, share, NULL), WN_OK);
    assert_true(fabs(total(share, 4) - 1) < 1e-12 && fabs(share[3] - .01) < 1e-9);
    assert_true(share[0] > .9 && share[1] > share[2]);
    assert_int_equal(wn_bandit_shares(p, before, 4, &o, share, NULL), WN_OK);
    assert_true(fabs(total(share, 4) - 1) < 1e-12);
    assert_true(fabs(share[0] - .5) < 1e-9);                        /* doubled at most */
    assert_true(share[1] >= .25 - 1e-9 && share[2] >= .125 - 1e-9); /* halved at most */
    assert_true(share[3] <= .1 + 1e-9);                             /* new */
    /* limits that cannot be met give way: all are new */
    const double fresh[4] = {-1, -1, -1, -1};
    assert_int_equal(wn_bandit_shares(p, fresh, 4, &o, share, NULL), WN_OK);
    assert_true(fabs(total(share, 4) - 1) < 1e-12 && share[0] < .3);
    /* floors take half at most, however many arms there are */
    double many[200] = {1}, many_share[200];
    assert_int_equal(wn_bandit_shares(many, NULL, 200, &o, many_share, NULL), WN_OK);
    assert_true(many_share[0] > .49);
    /* one arm */
    const double one = 1;
    assert_int_equal(wn_bandit_shares(&one, NULL, 1, &o, share, NULL), WN_OK);
    assert_true(share[0] == 1);
}

static void top_two_is_that_of_redraws(void **state)
{
    (void)state;
    const double p[3] = {.7, .2, .1};
    double share[3], wins[3] = {0};
    const int n = 400000;
    struct wn_share_options o = {WN_AIM_DECIDE, 0, 0, 0};
    assert_int_equal(wn_bandit_shares(p, NULL, 3, &o, share, NULL), WN_OK);
    for (int d = 0; d < n; d++) {
        size_t leader = wn_bandit_pick(p, 3, &random_), shown = leader;
        if (wn_rand_uniform(&random_) < .5)
            while (shown == leader)
                shown = wn_bandit_pick(p, 3, &random_);
        wins[shown] += 1.0 / n;
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(fabs(wins[i] - share[i]) < 5 * .5 / sqrt(n));
    const double sure[3] = {1, 0, 0};
    assert_int_equal(wn_bandit_shares(sure, NULL, 3, &o, share, NULL), WN_OK);
    assert_true(fabs(share[0] - .5) < 1e-9 && fabs(share[1] - .25) < 1e-9);
}

/* The logged propensity is the probability of the draw. */
static void picks_have_their_propensity(void **state)
{
    (void)state;
    const double share[5] = {.5, .3, .15, .05, 0};
    double wins[5] = {0}, chi = 0;
    const int n = 200000;
    for (int d = 0; d < n; d++)
        wins[wn_bandit_pick(share, 5, &random_)]++;
    assert_true(wins[4] == 0);
    for (size_t i = 0; i < 4; i++)
        chi += (wins[i] - n * share[i]) * (wins[i] - n * share[i]) / (n * share[i]);
    assert_true(chi < 16.3); /* chi-square of 3 degrees, once in 1000 */
}

static void splits_add_up(void **state)
{
    (void)state;
    const double share[4] = {.501, .3, .199, 0};
    double sum[4] = {0};
    uint64_t n[4];
    for (int d = 0; d < 20000; d++) {
        wn_bandit_split(share, 4, 7, &random_, n);
        assert_int_equal(n[0] + n[1] + n[2] + n[3], 7);
        for (size_t i = 0; i < 4; i++) {
            assert_true(fabs((double)n[i] - 7 * share[i]) < 1);
            sum[i] += (double)n[i] / 20000;
        }
    }
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(sum[i] - 7 * share[i]) < .02);
    wn_bandit_split(share, 4, UINT64_C(1000000000000), &random_, n);
    assert_int_equal(n[0] + n[1] + n[2] + n[3], UINT64_C(1000000000000));
}

/* ---- stop and value ---------------------------------------------------------------------------- */

static struct wn_stop stop_of(const struct wn_arm *arms, const double *days, size_t n,
                              wn_arm_verdict *verdict)
{
    struct wn_belief beliefs[8];
    struct wn_best best[8];
    struct wn_stop stop;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(wn_bandit_belief(&arms[i], &WN_PRIOR_OWN, &beliefs[i], NULL), WN_OK);
    assert_int_equal(wn_bandit_best(&arena, beliefs, n, NULL, &random_, best, NULL), WN_OK);
    assert_int_equal(wn_bandit_stop(&arena, arms, &WN_PRIOR_OWN, best, days, n, NULL, &random_,
                                    verdict, &stop, NULL),
                     WN_OK);
    return stop;
}

static void stopping(void **state)
{
    (void)state;
    wn_arm_verdict verdict[3];
    const double days[3] = {5, 5, 5}, none[3] = {0, 0, 0};
    const struct wn_arm clear[3] = {{1000, 20000}, {600, 20000}, {990, 20000}};
    struct wn_stop s = stop_of(clear, days, 2, verdict);
    assert_true(s.may_stop && s.leader == 0 && s.days_to_decision == 0);
    assert_true(verdict[0] == WN_ARM_LEADER && verdict[1] == WN_ARM_DROP);
    s = stop_of(clear, days, 3, verdict);
    assert_true(!s.may_stop && verdict[2] == WN_ARM_KEEP && s.days_to_decision > 5);
    s = stop_of(clear, none, 3, verdict);
    assert_true(s.days_to_decision < 0);
    /* certain, but each arm must have a week or 100 successes */
    const struct wn_arm young[2] = {{90, 100}, {1, 100}};
    s = stop_of(young, days, 2, verdict);
    assert_true(!s.may_stop && s.loss_ratio < .005 && fabs(s.days_to_decision - 2) < 1e-12);
    /* the forecast holds: with so much more data at the same rates the loss is at the threshold */
    const struct wn_arm open[2] = {{50, 1000}, {45, 1000}};
    s = stop_of(open, days, 2, verdict);
    double times = 1 + s.days_to_decision / 5;
    const struct wn_arm later[2] = {{50 * times, 1000 * times}, {45 * times, 1000 * times}};
    struct wn_stop then = stop_of(later, days, 2, verdict);
    assert_true(fabs(then.loss_ratio - .005) < .0005);
}

/* Arms with priors of their own: the forecast reckons with these. */
static void stopping_with_arm_priors(void **state)
{
    (void)state;
    const struct wn_arm arms[2] = {{50, 1000}, {45, 1000}};
    const struct wn_prior same[2] = {{1, 1, 1}, {1, 1, 1}}, far[2] = {{1, 1, 1}, {10, 990, 5}};
    const double days[2] = {9, 9};
    struct wn_stop_options options = {.arm_priors = same};
    struct wn_belief beliefs[2];
    struct wn_best best[2];
    struct wn_stop stop[3];
    wn_arm_verdict verdict[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(wn_bandit_belief(&arms[i], &WN_PRIOR_OWN, &beliefs[i], NULL), WN_OK);
    assert_int_equal(wn_bandit_best(&arena, beliefs, 2, NULL, &random_, best, NULL), WN_OK);
    for (size_t k = 0; k < 3; k++) {
        options.arm_priors = k == 0 ? NULL : k == 1 ? same : far;
        assert_int_equal(wn_bandit_stop(&arena, arms, &WN_PRIOR_OWN, best, days, 2, &options,
                                        &random_, verdict, &stop[k], NULL),
                         WN_OK);
    }
    assert_true(stop[0].days_to_decision == stop[1].days_to_decision);
    assert_true(stop[2].days_to_decision > 0);
    assert_true(stop[2].days_to_decision < stop[0].days_to_decision / 2);
}

/* A creative with fewer clicks and dearer orders earns more. */
static void value_is_not_rate(void **state)
{
    (void)state;
    const struct wn_value_arm arms[2] = {{{500, 10000}, {50, 500}, 1000, .01},
                                         {{300, 10000}, {40, 300}, 4000, .01}};
    struct wn_best best[2];
    struct wn_best_options o = {.n_draws = 20000};
    assert_int_equal(wn_bandit_best_value(&arena, arms, 2, &WN_PRIOR_OWN, &WN_PRIOR_OWN, &o,
                                          &random_, best, NULL),
                     WN_OK);
    assert_true(best[1].p_best > .99);
    /* .05 * .1 * 20 - .01, but for the priors; the pooled order value counts once */
    double expected = 501.0 / 10002 * 51 / 502 * (1000 + 5000.0 / 90) / 51 - .01;
    assert_true(fabs(best[0].mean - expected) < .002);
    assert_true(best[0].low < expected && expected < best[0].high);
    struct wn_value_arm bad = arms[0];
    bad.revenue = NAN;
    assert_int_equal(wn_bandit_best_value(&arena, &bad, 1, &WN_PRIOR_OWN, &WN_PRIOR_OWN, NULL,
                                          &random_, best, NULL),
                     WN_INVALID);
    const struct wn_value_arm nothing = {{0, 0}, {0, 0}, 0, 0};
    assert_int_equal(wn_bandit_best_value(&arena, &nothing, 1, &WN_PRIOR_OWN, &WN_PRIOR_OWN, NULL,
                                          &random_, best, NULL),
                     WN_OK);
    assert_true(isfinite(best[0].mean) && best[0].p_best > .999999);
}

/* ---- odd input --------------------------------------------------------------------------------- */

static void odd_numbers_are_refused(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY, -1, 2e15};
    struct wn_belief b;
    struct wn_best best[2];
    struct wn_prior p;
    struct wn_why why = {0};
    struct wn_bandit_sampler *s;
    double share[2];
    for (size_t k = 0; k < WN_COUNT(odd); k++) {
        const struct wn_arm bad = {odd[k], 10}, worse = {1, odd[k]};
        const struct wn_arm second[2] = {{1, 2}, {odd[k], 10}};
        const struct wn_prior bad_prior = {odd[k], 1, 1}, bad_weight = {1, 1, odd[k]};
        const struct wn_belief beliefs[2] = {{1, 1}, {1, odd[k] > 0 ? 5e15 : odd[k]}};
        assert_int_equal(wn_bandit_belief(&bad, &WN_PRIOR_OWN, &b, NULL), WN_INVALID);
        assert_int_equal(wn_bandit_belief(&worse, &WN_PRIOR_OWN, &b, NULL), WN_INVALID);
        assert_int_equal(wn_bandit_belief(&(struct wn_arm){1, 2}, &bad_prior, &b, NULL),
                         WN_INVALID);
        assert_int_equal(wn_bandit_belief(&(struct wn_arm){1, 2}, &bad_weight, &b, NULL),
                         WN_INVALID);
        why = (struct wn_why){0};
        assert_int_equal(wn_prior_fit(&arena, second, 2, &p, &why), WN_INVALID);
        assert_int_equal(why.line, 2);
        why = (struct wn_why){0};
        assert_int_equal(wn_bandit_best(&arena, beliefs, 2, NULL, NULL, best, &why), WN_INVALID);
        assert_int_equal(why.line, 2);
        const struct wn_belief one = {1, 1};
        assert_true(fabs(wn_belief_above(&one, &beliefs[1]) - .5) < 1e-9);
        assert_true(fabs(wn_belief_loss(&beliefs[1], &one) - 1.0 / 6) < 1e-9);
        assert_true(wn_belief_mean(&beliefs[1]) == .5);
        assert_true(fabs(wn_belief_cdf(&beliefs[1], .25) - .25) < 1e-12);
        struct wn_arm kept = {1, 2};
        wn_arm_fade(&kept, odd[k], 1);
        assert_true(kept.trials == 2);
        uint64_t parts[2];
        wn_bandit_split((double[2]){odd[k], -1}, 2, 10, &random_, parts);
        assert_int_equal(parts[0] + parts[1], 10);
        const double probabilities[2] = {odd[k], 1};
        assert_int_equal(
            wn_bandit_shares(probabilities, NULL, 2, &WN_SHARE_OPTIONS_DEFAULT, share, NULL),
            WN_INVALID);
    }
    assert_int_equal(wn_bandit_best(&arena, NULL, 0, NULL, NULL, best, NULL), WN_INVALID);
    assert_int_equal(wn_bandit_sampler_new(&arena, 0, &s, NULL), WN_INVALID);
    assert_int_equal(wn_bandit_sampler_new(&arena, WN_ARMS_MAX + 1, &s, NULL), WN_LIMIT);
    const double half[2] = {.25, .25};
    assert_int_equal(wn_bandit_shares(half, NULL, 2, &WN_SHARE_OPTIONS_DEFAULT, share, NULL),
                     WN_INVALID);
}

static void extreme_counts_stay_finite(void **state)
{
    (void)state;
    const struct wn_arm arms[] = {{0, 0},       {0, 1e15}, {1e15, 1e15}, {1e15, 0},
                                  {5e14, 1e15}, {0, 1},    {1, 1},       {1e-9, 1e-6}};
    enum { N = WN_COUNT(arms) };
    struct wn_belief beliefs[N];
    struct wn_best best[N];
    double p[N], share[N];
    const struct wn_prior priors_[] = {
        WN_PRIOR_OWN, WN_PRIOR_MARKET, {1e-6, 1e-6, 1}, {1e15, 1, 1}};
    for (size_t k = 0; k < WN_COUNT(priors_); k++) {
        for (size_t i = 0; i < N; i++)
            assert_int_equal(wn_bandit_belief(&arms[i], &priors_[k], &beliefs[i], NULL), WN_OK);
        for (size_t from = 0; from < N; from++) {
            size_t n = N - from;
            assert_int_equal(wn_bandit_best(&arena, beliefs + from, n, NULL, NULL, best, NULL),
                             WN_OK);
            for (size_t i = 0; i < n; i++) {
                assert_true(best[i].p_best >= 0 && best[i].p_best <= 1);
                assert_true(best[i].expected_loss >= 0 && best[i].expected_loss <= 1 + 1e-9);
                assert_true(best[i].p_near >= 0 && best[i].p_near <= 1);
                assert_true(best[i].low >= 0 && best[i].low <= best[i].high && best[i].high <= 1);
                p[i] = best[i].p_best;
            }
            assert_true(fabs(total(p, n) - 1) < 1e-9);
            assert_int_equal(wn_bandit_shares(p, NULL, n, &WN_SHARE_OPTIONS_DEFAULT, share, NULL),
                             WN_OK);
            assert_true(fabs(total(share, n) - 1) < 1e-9);
        }
    }
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct wn_belief arms[30];
    struct wn_best best[2][30];
    for (size_t i = 0; i < 30; i++)
        arms[i] = (struct wn_belief){1 + (double)i, 50};
    for (int k = 0; k < 2; k++) {
        struct wn_rand r;
        wn_rand_init(&r, 9);
        assert_int_equal(wn_bandit_best(&arena, arms, 30, NULL, &r, best[k], NULL), WN_OK);
    }
    assert_memory_equal(best[0], best[1], sizeof best[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sampler_draws_the_beta_distribution),
        cmocka_unit_test(ziggurat_draws_the_normal_distribution),
        cmocka_unit_test(ties_are_broken_at_random),
        cmocka_unit_test(two_arms_known_answer),
        cmocka_unit_test(closed_form_and_quadrature_agree),
        cmocka_unit_test(best_is_that_of_draws),
        cmocka_unit_test(many_arms_by_draws),
        cmocka_unit_test(order_of_arms_does_not_matter),
        cmocka_unit_test(quantile_and_cdf_belong_together),
        cmocka_unit_test(priors),
        cmocka_unit_test(fading),
        cmocka_unit_test(delay),
        cmocka_unit_test(shares_keep_their_limits),
        cmocka_unit_test(top_two_is_that_of_redraws),
        cmocka_unit_test(picks_have_their_propensity),
        cmocka_unit_test(splits_add_up),
        cmocka_unit_test(stopping),
        cmocka_unit_test(stopping_with_arm_priors),
        cmocka_unit_test(value_is_not_rate),
        cmocka_unit_test(odd_numbers_are_refused),
        cmocka_unit_test(extreme_counts_stay_finite),
        cmocka_unit_test(same_seed_same_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
