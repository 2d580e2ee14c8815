/* Protects the judgement of policies by their logs: each estimator against its formula worked by
 * hand, unbiasedness and intervals on simulated logs, refusal where the log says too little, odd
 * input, and a real log against what the other policy really earned. */
#include "winnow/offpolicy.h"

#include "../../../bench/learn/open_bandit.h"

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

/* ---- by hand ----------------------------------------------------------------------------------- */

enum { COPIES = 100, SMALL = 4 * COPIES };

/* Four rows, a hundred times, so that nothing is refused. */
static void formulas(void **state)
{
    (void)state;
    static uint32_t action[SMALL];
    static double reward[SMALL], propensity[SMALL], policy[SMALL * 2], q[SMALL * 2];
    const uint32_t a4[4] = {0, 1, 1, 0};
    const double r4[4] = {1, 0, 2, 3}, p4[4] = {.5, .5, .25, .8};
    const double new4[4][2] = {{.5, .5}, {.2, .8}, {.9, .1}, {1, 0}};
    const double q4[4][2] = {{1, .5}, {2, 1}, {.5, 1.5}, {2, 2}};
    for (size_t i = 0; i < SMALL; i++) {
        action[i] = a4[i % 4];
        reward[i] = r4[i % 4];
        propensity[i] = p4[i % 4];
        memcpy(policy + 2 * i, new4[i % 4], sizeof new4[0]);
        memcpy(q + 2 * i, q4[i % 4], sizeof q4[0]);
    }
    /* w = 1, 1.6, .4, 1.25; sum pi q = .75, 1.2, .6, 2; w (r - q) = 0, -1.6, .2, 1.25 */
    const struct wn_log log = {SMALL, 2, action, reward, propensity, policy, NULL, q};
    struct wn_offpolicy o;
    struct wn_offpolicy_options cut = {.switch_tau = 1.3};
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, &cut, &random_, &o, NULL), WN_OK);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_DM].value - 4.55 / 4) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_IPW].value - 5.55 / 4) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_SNIPW].value - 5.55 / 4.25) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_DR].value - 4.4 / 4) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_SWITCH].value - 6.0 / 4) < 1e-12);
    assert_true(fabs(o.logged.value - 1.5) < 1e-12);
    double ess = 4.25 * 4.25 / (1 + 2.56 + .16 + 1.5625) * COPIES;
    assert_true(fabs(o.ess - ess) < 1e-9 && !o.is_refused);
    assert_true(fabs(o.weight_mean - 4.25 / 4) < 1e-12 && o.weight_max == 1.6);
    for (int e = 0; e < WN_ESTIMATOR_N; e++) {
        const struct wn_estimate *x = &o.estimates[e];
        assert_true(x->is_known && x->low <= x->value && x->value <= x->high);
    }
    /* the standard error of IPW: its values are 1, 0, .8, 3.75, with variance 2.018 */
    double width = o.estimates[WN_ESTIMATOR_IPW].high - o.estimates[WN_ESTIMATOR_IPW].low;
    assert_true(fabs(width / (2 * 1.96 * sqrt(2.018 / SMALL)) - 1) < .1);
    /* without the whole policy there is no model-based estimate */
    static double taken[SMALL];
    for (size_t i = 0; i < SMALL; i++)
        taken[i] = policy[2 * i + action[i]];
    const struct wn_log part = {SMALL, 2, action, reward, propensity, NULL, taken, NULL};
    assert_int_equal(wn_offpolicy_evaluate(&arena, &part, NULL, &random_, &o, NULL), WN_OK);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_SNIPW].value - 5.55 / 4.25) < 1e-12);
    assert_false(o.estimates[WN_ESTIMATOR_DR].is_known || o.estimates[WN_ESTIMATOR_DM].is_known);
}

/* The policy that made the log is worth what it earned. */
static void the_logging_policy_is_its_own_mean(void **state)
{
    (void)state;
    enum { N = 2000 };
    static uint32_t action[N];
    static double reward[N], propensity[N], policy[N * 2];
    double sum = 0, *q;
    for (size_t i = 0; i < N; i++) {
        policy[2 * i] = .3;
        policy[2 * i + 1] = .7;
        action[i] = wn_rand_uniform(&random_) < .7;
        propensity[i] = policy[2 * i + action[i]];
        reward[i] = wn_rand_uniform(&random_);
        sum += reward[i] / N;
    }
    struct wn_log log = {N, 2, action, reward, propensity, policy, NULL, NULL};
    struct wn_offpolicy o;
    assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &random_, &q, NULL), WN_OK);
    log.q = q;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_OK);
    assert_true(fabs(o.ess - N) < 1e-6);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_IPW].value - sum) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_SNIPW].value - sum) < 1e-12);
    assert_true(fabs(o.estimates[WN_ESTIMATOR_DR].value - sum) < .005);
}

/* ---- simulated logs ---------------------------------------------------------------------------- */

enum { ROWS = 1000, ARMS = 5 };

struct sim {
    uint32_t action[ROWS], cell[ROWS];
    double reward[ROWS], propensity[ROWS], policy[ROWS * ARMS], x[ROWS];
};
static struct sim sim;

static double rate_of(double x, size_t arm)
{
    return 1 / (1 + exp(1.5 - .3 * (double)arm - .5 * x + .2 * x * ((double)arm - 2)));
}

static void softmax(double x, double slope, double lift, double p[ARMS])
{
    double sum = 0;
    for (size_t a = 0; a < ARMS; a++)
        sum += p[a] = exp(slope * x * ((double)a - 2) + lift * (double)a);
    for (size_t a = 0; a < ARMS; a++)
        p[a] /= sum;
}

static uint32_t draw(const double p[ARMS], struct wn_rand *r)
{
    double u = wn_rand_uniform(r), at = 0;
    uint32_t a = 0;
    while (a < ARMS - 1 && u >= (at += p[a]))
        a++;
    return a;
}

static double truth_of(void)
{
    double sum = 0, weight = 0, p[ARMS];
    for (double x = -8; x <= 8; x += .001) {
        double w = exp(-.5 * x * x);
        softmax(x, -.1, .3, p);
        weight += w;
        for (size_t a = 0; a < ARMS; a++)
            sum += w * p[a] * rate_of(x, a);
    }
    return sum / weight;
}

static struct wn_log make_log(struct wn_rand *r)
{
    for (size_t i = 0; i < ROWS; i++) {
        double p[ARMS];
        sim.x[i] = wn_rand_normal(r);
        sim.cell[i] = sim.x[i] > 0;
        softmax(sim.x[i], .3, 0, p);
        uint32_t a = draw(p, r);
        sim.action[i] = a;
        sim.propensity[i] = p[a];
        sim.reward[i] = wn_rand_uniform(r) < rate_of(sim.x[i], a);
        softmax(sim.x[i], -.1, .3, sim.policy + i * ARMS);
    }
    return (struct wn_log){ROWS,           ARMS,       sim.action, sim.reward,
                           sim.propensity, sim.policy, NULL,       NULL};
}

/* 200 logs: the 95 % interval of DR holds the truth in 93 % or more, and DR is unbiased although the
 * model (straight lines) is wrong; three standard errors. */
static void dr_is_unbiased_and_covers(void **state)
{
    (void)state;
    const double truth = truth_of();
    double covered = 0, miss = 0, squares = 0, dm_miss = 0;
    const int n_logs = 200;
    for (int k = 0; k < n_logs; k++) {
        struct wn_arena a;
        struct wn_rand r;
        struct wn_offpolicy o;
        double *q;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 5000 + (uint64_t)k);
        struct wn_log log = make_log(&r);
        const struct wn_log_context context = {.x = sim.x, .n_features = 1};
        const struct wn_offpolicy_options options = {.n_resamples = 600};
        assert_int_equal(wn_offpolicy_fit(&a, &log, &context, &r, &q, NULL), WN_OK);
        log.q = q;
        assert_int_equal(wn_offpolicy_evaluate(&a, &log, &options, &r, &o, NULL), WN_OK);
        const struct wn_estimate *dr = &o.estimates[WN_ESTIMATOR_DR];
        covered += dr->low <= truth && truth <= dr->high;
        miss += (dr->value - truth) / n_logs;
        squares += (dr->value - truth) * (dr->value - truth) / n_logs;
        dm_miss += (o.estimates[WN_ESTIMATOR_DM].value - truth) / n_logs;
        wn_arena_deinit(&a);
    }
    assert_true(covered / n_logs >= .93);
    assert_true(fabs(miss) < 3 * sqrt(squares / n_logs));
    assert_true(fabs(dm_miss) > .01); /* the model alone would have been wrong */
}

/* A row's q comes from the other half of the log: its own reward does not move it. */
static void fits_cross(void **state)
{
    (void)state;
    struct wn_rand r;
    double *before, *after;
    struct wn_log log = make_log(&random_);
    const struct wn_log_context context = {sim.cell, 2, sim.x, 1};
    wn_rand_init(&r, 3);
    assert_int_equal(wn_offpolicy_fit(&arena, &log, &context, &r, &before, NULL), WN_OK);
    sim.reward[17] = 1 - sim.reward[17];
    wn_rand_init(&r, 3);
    assert_int_equal(wn_offpolicy_fit(&arena, &log, &context, &r, &after, NULL), WN_OK);
    assert_memory_equal(before + 17 * ARMS, after + 17 * ARMS, ARMS * sizeof *before);
    double moved = 0;
    for (size_t i = 0; i < ROWS * ARMS; i++) {
        assert_true(after[i] >= 0 && after[i] <= 1);
        moved += fabs(after[i] - before[i]);
    }
    assert_true(moved > 0);
}

/* The model finds who likes what: rewards by action and cell. */
static void fits_find_cells(void **state)
{
    (void)state;
    enum { N = 4000 };
    static uint32_t action[N], cell[N];
    static double reward[N];
    double *q;
    for (size_t i = 0; i < N; i++) {
        action[i] = (uint32_t)wn_rand_below(&random_, 6);
        cell[i] = (uint32_t)wn_rand_below(&random_, 6);
        reward[i] = (action[i] == cell[i] ? 100 : 10) + wn_rand_normal(&random_);
    }
    const struct wn_log log = {N, 6, action, reward, NULL, NULL, NULL, NULL};
    const struct wn_log_context context = {cell, 6, NULL, 0};
    assert_int_equal(wn_offpolicy_fit(&arena, &log, &context, &random_, &q, NULL), WN_OK);
    for (size_t i = 0; i < N; i++)
        for (size_t a = 0; a < 6; a++)
            assert_true(fabs(q[i * 6 + a] - (a == cell[i] ? 100 : 10)) < 10);
}

static void thin_logs_are_refused(void **state)
{
    (void)state;
    struct wn_log log = make_log(&random_);
    struct wn_offpolicy o;
    double *q;
    /* always the arm that the log shows least, on few rows */
    for (size_t i = 0; i < ROWS; i++)
        for (size_t a = 0; a < ARMS; a++)
            sim.policy[i * ARMS + a] = a == 4;
    log.n = 150;
    assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &random_, &q, NULL), WN_OK);
    log.q = q;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_OK);
    assert_true(o.is_refused && o.ess < 100 && o.ess > 0);
    assert_false(o.estimates[WN_ESTIMATOR_IPW].is_known || o.estimates[WN_ESTIMATOR_DR].is_known);
    assert_true(o.estimates[WN_ESTIMATOR_DM].is_known && o.logged.is_known);
}

static void bernstein_is_wider(void **state)
{
    (void)state;
    struct wn_log log = make_log(&random_);
    struct wn_offpolicy a, b;
    double *q;
    const struct wn_offpolicy_options o = {.interval = WN_INTERVAL_BERNSTEIN};
    assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &random_, &q, NULL), WN_OK);
    log.q = q;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &a, NULL), WN_OK);
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, &o, &random_, &b, NULL), WN_OK);
    for (int e = WN_ESTIMATOR_IPW; e <= WN_ESTIMATOR_DR; e++) {
        assert_true(b.estimates[e].low < a.estimates[e].low);
        assert_true(b.estimates[e].high > a.estimates[e].high);
        assert_true(a.estimates[e].value == b.estimates[e].value);
    }
    assert_false(b.estimates[WN_ESTIMATOR_DM].is_known);
}

/* Where the policies differ much and the model is fair, the switch errs less than DR. */
static void switch_cuts_wild_weights(void **state)
{
    (void)state;
    double squares[2] = {0};
    for (int k = 0; k < 100; k++) {
        struct wn_offpolicy o;
        double *q;
        struct wn_log log = make_log(&random_);
        for (size_t i = 0; i < ROWS;
             i++) { /* arm 4 is shown once in 100, and would be once in 10 */
            const double p[ARMS] = {.3, .3, .3, .09, .01};
            const double rate[ARMS] = {.1, .15, .2, .25, .17};
            sim.action[i] = draw(p, &random_);
            sim.propensity[i] = p[sim.action[i]];
            sim.reward[i] = wn_rand_uniform(&random_) < rate[sim.action[i]];
            for (size_t a = 0; a < ARMS; a++)
                sim.policy[i * ARMS + a] = a == 4 ? .1 : .225;
        }
        const double truth = .1 * .17 + .225 * (.1 + .15 + .2 + .25);
        const struct wn_offpolicy_options few = {.n_resamples = 20, .switch_tau = 5};
        assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &random_, &q, NULL), WN_OK);
        log.q = q;
        assert_int_equal(wn_offpolicy_evaluate(&arena, &log, &few, &random_, &o, NULL), WN_OK);
        assert_true(o.estimates[WN_ESTIMATOR_SWITCH].low <= o.estimates[WN_ESTIMATOR_DR].low);
        for (int e = 0; e < 2; e++) {
            double miss = o.estimates[e ? WN_ESTIMATOR_SWITCH : WN_ESTIMATOR_DR].value - truth;
            squares[e] += miss * miss;
        }
    }
    assert_true(squares[1] < squares[0]);
}

/* ---- odd input --------------------------------------------------------------------------------- */

static void odd_logs_are_refused(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY, -1e16};
    struct wn_offpolicy o;
    struct wn_why why = {0};
    double *q;
    for (size_t k = 0; k < WN_COUNT(odd); k++) {
        struct wn_log log = make_log(&random_);
        sim.reward[3] = odd[k];
        why = (struct wn_why){0};
        assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, &why), WN_INVALID);
        assert_true(why.line == 4 && strcmp(why.field, "reward") == 0);
        assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &random_, &q, NULL), WN_INVALID);
        log = make_log(&random_);
        sim.propensity[5] = odd[k];
        why = (struct wn_why){0};
        assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, &why), WN_INVALID);
        assert_true(why.line == 6 && strcmp(why.field, "propensity") == 0);
        log = make_log(&random_);
        sim.policy[8 * ARMS] = odd[k];
        why = (struct wn_why){0};
        assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, &why), WN_INVALID);
        assert_true(why.line == 9 && strcmp(why.field, "policy") == 0);
        log = make_log(&random_);
        sim.x[2] = odd[k];
        const struct wn_log_context context = {.x = sim.x, .n_features = 1};
        why = (struct wn_why){0};
        assert_int_equal(wn_offpolicy_fit(&arena, &log, &context, &random_, &q, &why), WN_INVALID);
        assert_int_equal(why.line, 3);
    }
    struct wn_log log = make_log(&random_);
    sim.policy[0] += .5;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_INVALID);
    log = make_log(&random_);
    sim.action[0] = ARMS;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_INVALID);
    log = make_log(&random_);
    sim.propensity[0] = 0;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_INVALID);
    log = make_log(&random_);
    log.policy = NULL;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_INVALID);
    log.n = 0;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_INVALID);
    log.n = WN_LOG_ROWS_MAX + (size_t)1;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &random_, &o, NULL), WN_LIMIT);
}

/* Constant, huge, one action, one row, constant features. */
static void extreme_logs_stay_finite(void **state)
{
    (void)state;
    const double rewards[] = {0, 1e15, -1e15, 7};
    for (size_t k = 0; k < WN_COUNT(rewards); k++)
        for (int interval = 0; interval < 2; interval++) {
            struct wn_log log = make_log(&random_);
            struct wn_offpolicy o;
            const struct wn_offpolicy_options options = {.n_resamples = 50,
                                                         .interval = (wn_interval_kind)interval};
            double *q;
            for (size_t i = 0; i < ROWS; i++) {
                sim.reward[i] = k == 3 && i % 2 ? 1e15 : rewards[k];
                sim.x[i] = 1e15;
            }
            const struct wn_log_context context = {.x = sim.x, .n_features = 1};
            assert_int_equal(wn_offpolicy_fit(&arena, &log, &context, &random_, &q, NULL), WN_OK);
            log.q = q;
            assert_int_equal(wn_offpolicy_evaluate(&arena, &log, &options, &random_, &o, NULL),
                             WN_OK);
            for (int e = 0; e < WN_ESTIMATOR_N; e++)
                assert_true(isfinite(o.estimates[e].value) && isfinite(o.estimates[e].low) &&
                            isfinite(o.estimates[e].high));
            if (k < 3)
                assert_true(fabs(o.estimates[WN_ESTIMATOR_SNIPW].value - rewards[k]) <=
                            1e-9 * fabs(rewards[k]));
        }
    const uint32_t action = 0;
    const double one = 1;
    double *q;
    struct wn_offpolicy o;
    struct wn_log tiny = {1, 1, &action, &one, &one, &one, NULL, NULL};
    assert_int_equal(wn_offpolicy_fit(&arena, &tiny, NULL, &random_, &q, NULL), WN_OK);
    tiny.q = q;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &tiny, NULL, &random_, &o, NULL), WN_OK);
    assert_true(o.is_refused && isfinite(q[0]));
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct wn_log log = make_log(&random_);
    struct wn_offpolicy o[2];
    for (int k = 0; k < 2; k++) {
        struct wn_rand r;
        double *q;
        wn_rand_init(&r, 4);
        log.q = NULL;
        assert_int_equal(wn_offpolicy_fit(&arena, &log, NULL, &r, &q, NULL), WN_OK);
        log.q = q;
        memset(&o[k], 0, sizeof o[k]);
        assert_int_equal(wn_offpolicy_evaluate(&arena, &log, NULL, &r, &o[k], NULL), WN_OK);
    }
    assert_memory_equal(&o[0], &o[1], sizeof o[0]);
}

/* ---- a real log -------------------------------------------------------------------------------- */

static struct ob_log uniform_log, thompson_log;

static void judge(const struct ob_log *log, double p[OB_POSITIONS][OB_ITEMS], double truth)
{
    double *policy = WN_ARENA_ARRAY(&arena, log->n * OB_ITEMS, double), *q;
    struct wn_offpolicy o;
    for (size_t i = 0; i < log->n; i++)
        memcpy(policy + i * OB_ITEMS, p[log->position[i]], sizeof p[0]);
    struct wn_log view = {log->n,          OB_ITEMS, log->item, log->click,
                          log->propensity, policy,   NULL,      NULL};
    const struct wn_log_context context = {log->position, OB_POSITIONS, NULL, 0};
    assert_int_equal(wn_offpolicy_fit(&arena, &view, &context, &random_, &q, NULL), WN_OK);
    view.q = q;
    assert_int_equal(wn_offpolicy_evaluate(&arena, &view, NULL, &random_, &o, NULL), WN_OK);
    assert_false(o.is_refused);
    const wn_estimator judged[2] = {WN_ESTIMATOR_SNIPW, WN_ESTIMATOR_DR};
    for (size_t k = 0; k < 2; k++) {
        const struct wn_estimate *e = &o.estimates[judged[k]];
        assert_true(e->low <= truth && truth <= e->high);
        assert_true(e->low > 0 && e->high < .02); /* they say something */
    }
    /* 46 against 69 clicks: the interval must say that nothing is certain */
    assert_true(o.estimates[WN_ESTIMATOR_DR].high - o.estimates[WN_ESTIMATOR_DR].low > .0023);
}

static void open_bandit(void **state)
{
    (void)state;
    const char *dir = getenv("WN_SHARED_DATA");
    if (!dir || !ob_read(dir, "random", &uniform_log) || !ob_read(dir, "bts", &thompson_log)) {
        print_message("skipped: open_bandit is not in WN_SHARED_DATA (or xz is missing)\n");
        skip();
    }
    double p[OB_POSITIONS][OB_ITEMS];
    ob_policy(&thompson_log, p);
    judge(&uniform_log, p, ob_mean(thompson_log.click, thompson_log.n));
    for (size_t k = 0; k < OB_POSITIONS; k++)
        for (size_t a = 0; a < OB_ITEMS; a++)
            p[k][a] = 1.0 / OB_ITEMS;
    judge(&thompson_log, p, ob_mean(uniform_log.click, uniform_log.n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas),
        cmocka_unit_test(the_logging_policy_is_its_own_mean),
        cmocka_unit_test(dr_is_unbiased_and_covers),
        cmocka_unit_test(fits_cross),
        cmocka_unit_test(fits_find_cells),
        cmocka_unit_test(thin_logs_are_refused),
        cmocka_unit_test(bernstein_is_wider),
        cmocka_unit_test(switch_cuts_wild_weights),
        cmocka_unit_test(odd_logs_are_refused),
        cmocka_unit_test(extreme_logs_stay_finite),
        cmocka_unit_test(same_seed_same_bytes),
        cmocka_unit_test(open_bandit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
