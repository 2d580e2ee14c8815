/* Protects the models of lifetime value: published figures and the formulas by another way, exact
 * derivatives, recovery of simulated parameters, channels and priors, intervals that hold, defined
 * answers for odd customers, and the same bytes again. */
#include "learn/ltv_int.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double bg_paper[] = {.243, 4.414, .793, 2.426};
static const double pareto_paper[] = {.553, 10.578, .606, 11.669};

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.12g is not %.12g within %g", value, expected, tolerance);
}

/* ---- published figures --------------------------------------------------------------------------
 */

/* Fader and Hardie's note on the BG/NBD spreadsheet, CDNOW: t, expected repeat purchases of a new
 * customer. At 78 weeks the note prints 1.8576; with its parameters the formula gives 1.8580 in 30
 * digits, so its 2F1 was cut short there. */
static void bg_expectations(void **state)
{
    (void)state;
    static const double theta[] = {.2425945, 4.413603, .7929218, 2.425906}; /* more digits */
    static const double table[][2] = {{.1429, .0078},    {1, .0532},   {3, .1506},
                                      {31.8571, 1.0405}, {32, 1.0437}, {78, 1.8580}};
    for (size_t i = 0; i < WN_COUNT(table); i++)
        assert_near(wn_ltv_expected_new(WN_LTV_BGNBD, theta, table[i][0]), table[i][1], 5e-5);
    const struct wn_ltv_customer c = {.frequency = 2, .recency = 30.43, .age = 38.86};
    assert_near(wn_ltv_expected(WN_LTV_BGNBD, bg_paper, &c, 39), 1.226, 5e-4);
}

/* The manual of the R package BTYD, computed with the parameters it names. */
static void pareto_expectations(void **state)
{
    (void)state;
    static const double theta[] = {.55, 10.56, .61, 11.64};
    static const double table[] = {0,         .05077821, .09916088, .14542507, .18979930,
                                   .23247466, .27361274, .31335159, .35181024, .38909211};
    for (size_t t = 0; t < WN_COUNT(table); t++)
        assert_near(wn_ltv_expected_new(WN_LTV_PNBD, theta, (double)t), table[t], 5e-9);
    const struct wn_ltv_customer c = {.frequency = 26, .recency = 30.86, .age = 31};
    assert_near(wn_ltv_expected(WN_LTV_PNBD, pareto_paper, &c, 52), 25.46, 5e-3);
}

/* Note 025: p 6.25, q 3.74, v 15.44, and the expected values of the first ten customers. */
static void mean_values(void **state)
{
    (void)state;
    double level = 1;
    const struct wn_ltv_money m = {.is_known = true,
                                   .p = 6.24949,
                                   .q = 3.74495,
                                   .v = 15.44780,
                                   .n_bands = 1,
                                   .band_level = {1},
                                   .channel_level = &level};
    static const double customers[][3] = {
        {2, 22.35, 24.65}, {1, 11.77, 18.91}, {0, 0, 35.17}, {7, 73.74, 71.46}, {2, 25.55, 27.28}};
    for (size_t i = 0; i < WN_COUNT(customers); i++) {
        const struct wn_ltv_customer c = {.frequency = customers[i][0],
                                          .monetary = customers[i][1]};
        assert_near(wn_ltv_mean_value(&m, &c), customers[i][2], .011);
    }
}

/* ---- the formulas by another way ----------------------------------------------------------------
 */

/* Pareto/NBD by the two 2F1 of the paper, for both orders of alpha and beta. */
static double pareto_by_2f1(const double *theta, const struct wn_ltv_customer *c, double *alive)
{
    double r = theta[0], alpha = theta[1], s = theta[2], beta = theta[3], x = c->frequency;
    double k = r + s + x, most = fmax(alpha, beta), least = fmin(alpha, beta);
    double b = alpha >= beta ? s + 1 : r + x, times[] = {c->recency, c->age}, f[2];
    for (int i = 0; i < 2; i++)
        f[i] =
            wn_hyp2f1(k, b, k + 1, (most - least) / (most + times[i])) * pow(most + times[i], -k);
    double here = pow(alpha + c->age, -(r + x)) * pow(beta + c->age, -s);
    double gone = s / k * (f[0] - f[1]);
    *alive = here / (here + gone);
    return lgamma(r + x) - lgamma(r) + r * log(alpha) + s * log(beta) + log(here + gone);
}

static void pareto_is_its_2f1(void **state)
{
    (void)state;
    static const double thetas[][4] = {
        {.553, 10.578, .606, 11.669}, {2, 12, .4, 3}, {.3, 1.5, 3, 40}, {1, 5, 1, 5}};
    static const struct wn_ltv_customer customers[] = {
        {.age = 38.86},
        {.frequency = 2, .recency = 30.43, .age = 38.86},
        {.frequency = 1, .recency = 1.71, .age = 38.86},
        {.frequency = 10, .recency = 5, .age = 38},
        {.frequency = 26, .recency = 30.86, .age = 31}};
    for (size_t i = 0; i < WN_COUNT(thetas); i++)
        for (size_t k = 0; k < WN_COUNT(customers); k++) {
            double alive, value = pareto_by_2f1(thetas[i], &customers[k], &alive);
            /* The difference of the two 2F1 loses digits that our sum keeps. */
            assert_near(wn_ltv_log_likelihood(WN_LTV_PNBD, thetas[i], &customers[k]), value, 1e-8);
            assert_near(wn_ltv_alive(WN_LTV_PNBD, thetas[i], &customers[k]), alive, 1e-8);
        }
}

/* BG/NBD: the formula of the paper with 2F1, away from a = 1. */
static double bg_by_2f1(const double *theta, const struct wn_ltv_customer *c, double t)
{
    double r = theta[0], alpha = theta[1], a = theta[2], b = theta[3], x = c->frequency;
    double rest = alpha + c->age, c0 = a + b + x - 1;
    double f = wn_hyp2f1(r + x, b + x, c0, t / (rest + t));
    double value = c0 / (a - 1) * (1 - pow(rest / (rest + t), r + x) * f);
    double gone = x > 0 ? a / (b + x - 1) * pow(rest / (alpha + c->recency), r + x) : 0;
    return value / (1 + gone);
}

static void bg_is_its_2f1(void **state)
{
    (void)state;
    static const double thetas[][4] = {
        {.243, 4.414, .793, 2.426}, {2, 12, .4, 3}, {.3, 1.5, 3, 40}, {1, 5, 1.2, .5}};
    static const double times[] = {.5, 4, 39, 520};
    for (size_t i = 0; i < WN_COUNT(thetas); i++)
        for (size_t k = 0; k < WN_COUNT(times); k++)
            for (double x = 0; x < 20; x += 3) {
                const struct wn_ltv_customer c = {
                    .frequency = x, .recency = x > 0 ? 20 : 0, .age = 30};
                double value = bg_by_2f1(thetas[i], &c, times[k]);
                assert_near(wn_ltv_expected(WN_LTV_BGNBD, thetas[i], &c, times[k]), value,
                            1e-9 * (1 + value));
            }
}

/* At a = 1 and s = 1 the closed forms divide 0 by 0. The integral over p in 200,000 steps; series
 * and double exponential rule on both sides of every switch. */
static void nothing_happens_at_one(void **state)
{
    (void)state;
    static const double times[] = {.01, 1, 39, 400, 5000};
    for (size_t k = 0; k < WN_COUNT(times); k++) {
        double theta[] = {.8, 5, 1, 2.5}, t = times[k], sum = 0;
        const struct wn_ltv_customer fresh = {0};
        for (int i = 0; i < 200000; i++) { /* Beta(1, 2.5) by its quantiles */
            double p = 1 - pow(1 - (i + .5) / 200000, 1 / theta[3]);
            sum += -expm1(-theta[0] * log1p(p * t / theta[1])) / p / 200000;
        }
        assert_near(wn_ltv_expected(WN_LTV_BGNBD, theta, &fresh, t), sum, 1e-4 * sum);
        for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
            theta[2] = 1;
            double at_one = wn_ltv_expected((wn_ltv_kind)kind, theta, &fresh, t);
            for (double away = 1e-13; away < 1e-3; away *= 10)
                for (int sign = -1; sign <= 1; sign += 2) {
                    theta[2] = 1 + sign * away;
                    assert_near(wn_ltv_expected((wn_ltv_kind)kind, theta, &fresh, t), at_one,
                                (4 * away + 1e-11) * at_one);
                }
        }
    }
}

static void expectations_grow(void **state)
{
    (void)state;
    for (int kind = 0; kind < WN_LTV_KINDS; kind++)
        for (double a = .01; a < 200; a *= 3)
            for (double b = .01; b < 2000; b *= 5) {
                const double theta[] = {.5, 3, a, b};
                double before = 0;
                for (double t = .01; t < 1e6; t *= 1.7) {
                    double value = wn_ltv_expected_new((wn_ltv_kind)kind, theta, t);
                    assert_true(value >= before * (1 - 1e-9) && value <= .5 / 3 * t * (1 + 1e-9));
                    before = value;
                }
            }
}

/* ---- derivatives --------------------------------------------------------------------------------
 */

static struct ltv_slope slope_at(wn_ltv_kind kind, const double *theta, const struct ltv_row *row)
{
    struct ltv_slope s = {0};
    wn_ltv_add_times(kind, theta, row, &s);
    wn_ltv_add_frequency(kind, theta, row->x, row->n, &s);
    return s;
}

/* Central differences with steps of 1e-5: errors of 1e-10 of the third derivative, and of 1e-11 of
 * the value's rounding. */
static void derivatives_are_exact(void **state)
{
    (void)state;
    static const struct ltv_row rows[] = {
        {0, 0, 30, 1}, {3, 12, 30, 2}, {1, 30, 30, 1}, {12, 5, 38, 3}, {40, 37, 38, 1}};
    static const double thetas[][4] = {{.243, 4.414, .793, 2.426}, {2, 12, .4, 3}, {.5, 2, 3, 30}};
    for (int kind = 0; kind < WN_LTV_KINDS; kind++)
        for (size_t i = 0; i < WN_COUNT(rows) * WN_COUNT(thetas); i++) {
            const struct ltv_row *row = &rows[i % WN_COUNT(rows)];
            const double *theta = thetas[i / WN_COUNT(rows)];
            struct ltv_slope s = slope_at((wn_ltv_kind)kind, theta, row);
            for (size_t p = 0; p < 4; p++) {
                double up[4], down[4], step = 1e-5 * theta[p];
                memcpy(up, theta, sizeof up);
                memcpy(down, theta, sizeof down);
                up[p] += step;
                down[p] -= step;
                struct ltv_slope a = slope_at((wn_ltv_kind)kind, up, row);
                struct ltv_slope b = slope_at((wn_ltv_kind)kind, down, row);
                double difference = (wn_sum_value(&a.value) - wn_sum_value(&b.value)) / (2 * step);
                assert_near(s.gradient[p], difference, 1e-6 * (1 + fabs(difference)));
                for (size_t q = 0; q <= p; q++) {
                    difference = (a.gradient[q] - b.gradient[q]) / (2 * step);
                    assert_near(s.hessian[p * (p + 1) / 2 + q], difference,
                                1e-6 * (1 + fabs(difference)));
                }
            }
        }
}

/* ---- simulated customers ------------------------------------------------------------------------
 */

enum { MANY = 20000 };
static struct wn_ltv_customer crowd[MANY];
static double crowd_later[MANY], crowd_value[MANY];

/* p, q, v = 6, 4, 30. */
static void simulate(wn_ltv_kind kind, const double *theta, double ahead, struct wn_rand *r,
                     size_t n, struct wn_ltv_customer *c, double *later, double *value)
{
    for (size_t i = 0; i < n; i++) {
        double rate = wn_rand_gamma(r, theta[0]) / theta[1], t = 0, sum = 0;
        double p = kind == WN_LTV_BGNBD ? wn_rand_beta(r, theta[2], theta[3]) : 0;
        double end = kind == WN_LTV_BGNBD
                         ? 1e300
                         : wn_rand_exponential(r) / (wn_rand_gamma(r, theta[2]) / theta[3]);
        double nu = wn_rand_gamma(r, 4) / 30;
        c[i] = (struct wn_ltv_customer){.age = 20 + 30 * wn_rand_uniform(r)};
        later[i] = value[i] = 0;
        for (;;) {
            t += wn_rand_exponential(r) / rate;
            if (!(t <= c[i].age + ahead && t <= end))
                break;
            double paid = wn_rand_gamma(r, 6) / nu;
            if (t <= c[i].age) {
                c[i].frequency++;
                c[i].recency = t;
                sum += paid;
            } else {
                later[i]++;
                value[i] += paid;
            }
            if (p > 0 && wn_rand_uniform(r) < p)
                break;
        }
        c[i].monetary = c[i].frequency > 0 ? sum / c[i].frequency : 0;
    }
}

static struct wn_ltv_model fit(const struct wn_ltv_customer *c, size_t n,
                               struct wn_ltv_options options, struct wn_arena *a)
{
    struct wn_ltv_model m;
    struct wn_why why = {0};
    if (wn_ltv_fit(c, n, &options, a, &m, &why))
        fail_msg("%s", why.text);
    return m;
}

static const double truths[WN_LTV_KINDS][4] = {{.6, 8, .8, 2.5}, {.8, 10, .7, 12}};

/* Within 4 standard errors of the fit's own covariance, for each parameter. */
static void parameters_come_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_rand r;
        struct wn_arena a;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 5 + (uint64_t)kind);
        simulate((wn_ltv_kind)kind, truths[kind], 0, &r, MANY, crowd, crowd_later, crowd_value);
        struct wn_ltv_model m =
            fit(crowd, MANY, (struct wn_ltv_options){.kind = (wn_ltv_kind)kind}, &a);
        assert_true(m.account.is_converged && !m.account.is_at_wall);
        for (size_t i = 0; i < 4; i++)
            assert_near(log(m.account.theta[i]), log(truths[kind][i]),
                        4 * sqrt(m.account.covariance[i * (i + 1) / 2 + i]));
        assert_true(m.money.is_converged && m.money.n_bands == 1);
        assert_near(log(m.money.p), log(6), 4 * sqrt(m.money.covariance[0]));
        assert_near(log(m.money.q - 1.05), log(4 - 1.05), 4 * sqrt(m.money.covariance[2]));
        assert_near(log(m.money.v), log(30), 4 * sqrt(m.money.covariance[5]));
        wn_arena_deinit(&a);
    }
}

/* The sum of the log-likelihoods of the customers is what the fit reports, whatever the scale. */
static void likelihood_adds_up(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct wn_rand r;
    wn_rand_init(&r, 9);
    simulate(WN_LTV_PNBD, truths[1], 0, &r, N, crowd, crowd_later, crowd_value);
    for (int kind = 0; kind < WN_LTV_KINDS; kind++)
        for (double scale = 1e-3; scale < 1e10; scale *= 1e6) {
            struct wn_arena a;
            static struct wn_ltv_customer c[N];
            double sum = 0;
            wn_arena_init(&a, 0);
            for (size_t i = 0; i < N; i++) {
                c[i] = crowd[i];
                c[i].age *= scale;
                c[i].recency *= scale;
                c[i].monetary *= scale;
            }
            struct wn_ltv_model m = fit(c, N, (struct wn_ltv_options){(wn_ltv_kind)kind, 0, 0}, &a);
            for (size_t i = 0; i < N; i++)
                sum += wn_ltv_log_likelihood(m.kind, m.account.theta, &c[i]);
            assert_near(m.account.log_likelihood, sum, 1e-9 * fabs(sum));
            wn_arena_deinit(&a);
        }
}

/* In a world of the model: the sum of purchases and of values within 4 standard errors, the
 * interval of a customer with value covers at least what it says (0 is always inside). */
static void predictions_hold(void **state)
{
    (void)state;
    enum { N = 6000 };
    static struct wn_ltv_prediction p[N];
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_rand r;
        struct wn_arena a;
        struct wn_ltv_total totals[2];
        struct wn_ltv_check check;
        const struct wn_ltv_plan plan = {.horizon = 26, .n_draws = 300};
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 21 + (uint64_t)kind);
        simulate((wn_ltv_kind)kind, truths[kind], 26, &r, N, crowd, crowd_later, crowd_value);
        struct wn_ltv_model m =
            fit(crowd, N, (struct wn_ltv_options){.kind = (wn_ltv_kind)kind}, &a);
        assert_int_equal(wn_ltv_predict(&m, crowd, N, &plan, &r, p, totals, NULL), WN_OK);
        assert_int_equal(
            wn_ltv_compare(crowd, p, &totals[1], N, crowd_later, crowd_value, 26, &check, NULL),
            WN_OK);
        assert_near(check.purchases_expected / check.purchases, 1, .08);
        double half = (totals[1].high - totals[1].low) / 2 / 1.2816; /* 80 %: one deviation */
        assert_near(check.value, check.value_expected, 4 * half);
        assert_true(check.covered >= .8);
        assert_true(check.error_abs < check.error_abs_naive);
        double seen = 0, expected = 0; /* those worth most, by what they bring */
        for (size_t i = 0; i < N; i++)
            if (p[i].value > 100) {
                seen += crowd_value[i];
                expected += p[i].value;
            }
        assert_near(seen / expected, 1, .15);
        wn_arena_deinit(&a);
    }
}

/* Gamma-Gamma with values that grow with frequency: bands bring the levels back. */
static void values_that_depend(void **state)
{
    (void)state;
    enum { N = 8000 };
    struct wn_rand r;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 31);
    simulate(WN_LTV_BGNBD, truths[0], 0, &r, N, crowd, crowd_later, crowd_value);
    for (size_t i = 0; i < N; i++)
        crowd[i].monetary *= 1 + .15 * crowd[i].frequency;
    struct wn_ltv_model m = fit(crowd, N, (struct wn_ltv_options){0}, &a);
    assert_true(m.money.correlation > .15 && m.money.n_bands > 1);
    assert_true(fabs(m.money.correlation_left) < .6 * m.money.correlation);
    for (size_t k = 1; k < m.money.n_bands; k++)
        assert_true(m.money.band_level[k] > m.money.band_level[k - 1]);
    wn_arena_deinit(&a);
}

/* ---- channels and priors ------------------------------------------------------------------------
 */

static void channels_borrow(void **state)
{
    (void)state;
    enum { BIG = 8000, SMALL = 40, N = 2 * BIG + SMALL };
    static const double other[] = {1.2, 8, .8, 2.5}; /* buys twice as often */
    static struct wn_ltv_customer c[N];
    static double later[N], value[N];
    struct wn_rand r;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 41);
    simulate(WN_LTV_BGNBD, truths[0], 0, &r, BIG, c, later, value);
    simulate(WN_LTV_BGNBD, other, 0, &r, BIG + SMALL, c + BIG, later, value);
    for (size_t i = 0; i < N; i++)
        c[i].channel = i < BIG ? 0 : i < 2 * BIG ? 2 : 1;
    struct wn_ltv_model m = fit(c, N, (struct wn_ltv_options){.n_channels = 4}, &a);
    const struct wn_ltv_rates *k = m.channels;
    assert_int_equal(k[0].n_customers, BIG);
    assert_int_equal(k[1].n_customers, SMALL);
    assert_int_equal(k[3].n_customers, 0);
    /* Large ones look like themselves, an empty one like the account, a small one in between. */
    double rate[4];
    for (size_t i = 0; i < 4; i++)
        rate[i] = wn_ltv_expected_new(m.kind, k[i].theta, 26);
    assert_near(rate[0], wn_ltv_expected_new(m.kind, truths[0], 26), .05 * rate[0]);
    assert_near(rate[2], wn_ltv_expected_new(m.kind, other, 26), .05 * rate[2]);
    for (size_t i = 0; i < 4; i++)
        assert_near(log(k[3].theta[i]), log(m.account.theta[i]), 1e-6);
    assert_true(k[3].prior_weight > .95 && k[1].prior_weight > k[0].prior_weight);
    assert_true(k[0].prior_weight < .5);
    wn_arena_deinit(&a);
}

static void priors_only_where_needed(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 51);
    simulate(WN_LTV_BGNBD, truths[0], 0, &r, 600, crowd, crowd_later, crowd_value);
    const struct wn_ltv_options never = {.prior = WN_LTV_PRIOR_NEVER};
    struct wn_ltv_model few = fit(crowd, 499, (struct wn_ltv_options){0}, &a);
    struct wn_ltv_model few_never = fit(crowd, 499, never, &a);
    struct wn_ltv_model many = fit(crowd, 600, (struct wn_ltv_options){0}, &a);
    struct wn_ltv_model many_never = fit(crowd, 600, never, &a);
    assert_true(few.account.prior_weight > 0 && few_never.account.prior_weight == 0);
    assert_true(few.account.log_likelihood < few_never.account.log_likelihood);
    assert_memory_equal(many.account.theta, many_never.account.theta, sizeof many.account.theta);
    wn_arena_deinit(&a);
}

/* ---- what must hold -----------------------------------------------------------------------------
 */

static void check_prediction(const struct wn_ltv_prediction *p)
{
    assert_true(p->alive >= 0 && p->alive <= 1);
    const double numbers[] = {p->purchases, p->mean_value, p->value, p->low, p->high, p->bid};
    for (size_t i = 0; i < WN_COUNT(numbers); i++)
        assert_true(isfinite(numbers[i]) && numbers[i] >= 0);
    assert_true(p->low <= p->high);
}

static void check_total(const struct wn_ltv_total *t)
{
    const double numbers[] = {t->alive,   t->purchases,    t->value,   t->low,
                              t->high,    t->new_value,    t->new_low, t->new_high,
                              t->max_bid, t->new_purchases};
    for (size_t i = 0; i < WN_COUNT(numbers); i++)
        assert_true(isfinite(numbers[i]) && numbers[i] >= 0);
    assert_true(t->low <= t->value && t->value <= t->high && t->new_low <= t->new_high);
    assert_true(isfinite(t->payback) && isfinite(t->payback_low) && isfinite(t->payback_high));
}

static void predict_all(const struct wn_ltv_customer *c, size_t n, struct wn_ltv_options o,
                        struct wn_ltv_plan plan)
{
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_arena a;
        struct wn_rand r;
        struct wn_ltv_total totals[2];
        wn_arena_init(&a, 0);
        wn_rand_init(&r, 1);
        o.kind = (wn_ltv_kind)kind;
        struct wn_ltv_model m = fit(c, n, o, &a);
        struct wn_ltv_prediction *p = WN_ARENA_ARRAY(&a, n, struct wn_ltv_prediction);
        for (size_t i = 0; i < 4; i++)
            assert_true(isfinite(m.account.theta[i]) && m.account.theta[i] > 0);
        assert_true(isfinite(m.account.log_likelihood) && isfinite(m.money.log_likelihood));
        assert_int_equal(wn_ltv_predict(&m, c, n, &plan, &r, p, totals, NULL), WN_OK);
        for (size_t i = 0; i < n; i++)
            check_prediction(&p[i]);
        check_total(&totals[0]);
        check_total(&totals[1]);
        wn_arena_deinit(&a);
    }
}

/* Each kind of odd crowd: one, none that came back, all alike, nothing known of time, everybody
 * always there, everybody gone at once, huge counts, times and values, values that do not differ. */
static void odd_customers(void **state)
{
    (void)state;
    enum { N = 700 };
    static struct wn_ltv_customer c[N];
    static const struct wn_ltv_customer kinds[] = {
        {0},
        {.age = 10},
        {.frequency = 3, .recency = 10, .age = 10, .monetary = 5},
        {.frequency = 1, .age = 50, .monetary = 1e15},
        {.frequency = 1, .recency = 1e-9, .age = 50, .monetary = 1e-9},
        {.frequency = 1e9, .recency = 1e15, .age = 1e15, .monetary = 1e15},
        {.frequency = 1e9, .recency = 1, .age = 1, .monetary = 1},
        {.frequency = 5, .age = 1e15},
        {.frequency = 2, .recency = 1e15, .age = 1e15, .monetary = 7}};
    const struct wn_ltv_plan plan = {.horizon = 52, .n_draws = 20, .discount_ratio = .1, .cost = 3};
    for (size_t k = 0; k < WN_COUNT(kinds); k++) {
        predict_all(&kinds[k], 1, (struct wn_ltv_options){0}, plan);
        for (size_t i = 0; i < N; i++)
            c[i] = kinds[k];
        predict_all(c, N, (struct wn_ltv_options){.prior = WN_LTV_PRIOR_NEVER}, plan);
        for (size_t other = k + 1; other < WN_COUNT(kinds); other++) {
            for (size_t i = 0; i < N; i++)
                c[i] = kinds[i % 3 ? k : other];
            predict_all(c, N, (struct wn_ltv_options){0}, plan);
        }
    }
}

static void extreme_horizons(void **state)
{
    (void)state;
    static const double horizons[] = {1e-9, 1e3, 1e15};
    enum { N = 50 };
    struct wn_rand r;
    wn_rand_init(&r, 61);
    simulate(WN_LTV_BGNBD, truths[0], 0, &r, N, crowd, crowd_later, crowd_value);
    for (size_t k = 0; k < WN_COUNT(horizons); k++)
        predict_all(crowd, N, (struct wn_ltv_options){0},
                    (struct wn_ltv_plan){.horizon = horizons[k],
                                         .n_draws = 50,
                                         .discount_ratio = 1e6,
                                         .margin_ratio = .2,
                                         .cost = 1e15});
}

static void questions_never_fail(void **state)
{
    (void)state;
    static const double odd[] = {0, -1, 1e-300, 1, 1e300, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 8 * 8 * 8; i++) {
        const double theta[] = {odd[i % 8], odd[i / 8 % 8], odd[i / 64], odd[(i * 5 + 3) % 8]};
        const struct wn_ltv_customer c = {.frequency = odd[i / 3 % 8],
                                          .recency = odd[i / 5 % 8],
                                          .age = odd[i / 7 % 8],
                                          .monetary = 1};
        for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
            double alive = wn_ltv_alive((wn_ltv_kind)kind, theta, &c);
            double to_come = wn_ltv_expected((wn_ltv_kind)kind, theta, &c, odd[i % 8]);
            assert_true(alive >= 0 && alive <= 1);
            assert_true(isfinite(to_come) && to_come >= 0);
            assert_true(isfinite(wn_ltv_log_likelihood((wn_ltv_kind)kind, theta, &c)));
        }
    }
}

/* The order of customers does not matter to any of them; the same seed gives the same bytes. */
static void order_and_seed(void **state)
{
    (void)state;
    enum { N = 400 };
    static struct wn_ltv_customer turned[N];
    static struct wn_ltv_prediction p[3][N];
    struct wn_ltv_total totals[3][2];
    struct wn_rand r;
    struct wn_arena a;
    const struct wn_ltv_plan plan = {.horizon = 20, .n_draws = 100, .discount_ratio = .1};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 71);
    simulate(WN_LTV_PNBD, truths[1], 0, &r, N, crowd, crowd_later, crowd_value);
    for (size_t i = 0; i < N; i++)
        turned[i] = crowd[(i * 7 + 3) % N];
    for (size_t k = 0; k < 3; k++) {
        const struct wn_ltv_customer *c = k == 2 ? turned : crowd;
        struct wn_ltv_model m = fit(c, N, (struct wn_ltv_options){.kind = WN_LTV_PNBD}, &a);
        wn_rand_init(&r, 5);
        assert_int_equal(wn_ltv_predict(&m, c, N, &plan, &r, p[k], totals[k], NULL), WN_OK);
    }
    assert_memory_equal(p[0], p[1], sizeof p[0]);
    assert_memory_equal(totals[0], totals[1], sizeof totals[0]);
    /* Sums in another order differ by rounding; so do parameters and what is made of them. */
    for (size_t i = 0; i < N; i++) {
        const struct wn_ltv_prediction *x = &p[0][(i * 7 + 3) % N], *y = &p[2][i];
        assert_near(y->value, x->value, 1e-5 * (1 + x->value));
        assert_near(y->high, x->high, 1e-3 * (1 + x->high));
    }
    wn_arena_deinit(&a);
}

/* More margin, less discount and more time are worth more; a bid is careful. */
static void money_is_monotone(void **state)
{
    (void)state;
    enum { N = 600 };
    static struct wn_ltv_prediction p[4][N];
    struct wn_ltv_total t[4][2];
    static const struct wn_ltv_plan plans[] = {
        {.horizon = 52, .n_draws = 100, .margin_ratio = .5, .discount_ratio = .2, .cost = 30},
        {.horizon = 52, .n_draws = 100, .margin_ratio = 1, .discount_ratio = .2, .cost = 30},
        {.horizon = 52, .n_draws = 100, .margin_ratio = 1, .cost = 30},
        {.horizon = 104, .n_draws = 100, .margin_ratio = 1, .cost = 30, .bid_quantile = .2}};
    struct wn_rand r;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 81);
    simulate(WN_LTV_BGNBD, truths[0], 0, &r, N, crowd, crowd_later, crowd_value);
    struct wn_ltv_model m = fit(crowd, N, (struct wn_ltv_options){0}, &a);
    for (size_t k = 0; k < 4; k++) {
        wn_rand_init(&r, 5);
        assert_int_equal(wn_ltv_predict(&m, crowd, N, &plans[k], &r, p[k], t[k], NULL), WN_OK);
        if (k == 0)
            continue;
        assert_true(t[k][1].value > t[k - 1][1].value);
        assert_true(t[k][1].new_value > t[k - 1][1].new_value);
        for (size_t i = 0; i < N; i++)
            assert_true(p[k][i].value >= p[k - 1][i].value);
    }
    assert_near(t[1][1].value, 2 * t[0][1].value, 1e-9 * t[1][1].value);
    assert_true(t[1][1].payback >= 0 && t[1][1].payback_probability > .99);
    assert_true(t[0][1].payback > t[1][1].payback || t[0][1].payback < 0);
    assert_true(t[1][1].payback_low <= t[1][1].payback && t[1][1].payback <= t[1][1].payback_high);
    assert_true(t[3][1].max_bid <= t[3][1].new_value);
    wn_arena_deinit(&a);
}

/* ---- what is refused ----------------------------------------------------------------------------
 */

static void bad_customers(void **state)
{
    (void)state;
    static const struct {
        struct wn_ltv_customer c;
        const char *field;
    } bad[] = {{{.frequency = NAN}, "frequency"},
               {{.frequency = 1.5, .recency = 1, .age = 2}, "frequency"},
               {{.frequency = -1}, "frequency"},
               {{.frequency = 2e9, .recency = 1, .age = 2}, "frequency"},
               {{.age = INFINITY}, "age"},
               {{.age = -1}, "age"},
               {{.frequency = 1, .recency = 3, .age = 2}, "recency"},
               {{.frequency = 1, .recency = NAN, .age = 2}, "recency"},
               {{.recency = 1, .age = 2}, "recency"},
               {{.frequency = 1, .recency = 1, .age = 2, .monetary = -1}, "monetary"},
               {{.frequency = 1, .recency = 1, .age = 2, .monetary = INFINITY}, "monetary"},
               {{.channel = 1}, "channel"}};
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        const struct wn_ltv_customer c[] = {{.age = 1}, bad[i].c};
        struct wn_ltv_model m;
        struct wn_why why = {0};
        const struct wn_ltv_options o = {0};
        assert_int_equal(wn_ltv_fit(c, 2, &o, &a, &m, &why), WN_INVALID);
        assert_string_equal(why.field, bad[i].field);
        assert_int_equal(why.line, 2);
    }
    struct wn_ltv_model m;
    assert_int_equal(wn_ltv_fit(NULL, 0, &(struct wn_ltv_options){0}, &a, &m, NULL), WN_INVALID);
    wn_arena_deinit(&a);
}

static void bad_plans(void **state)
{
    (void)state;
    static const struct wn_ltv_plan plans[] = {{.horizon = 0},
                                               {.horizon = NAN},
                                               {.horizon = 1e16},
                                               {.horizon = 1, .margin_ratio = 2},
                                               {.horizon = 1, .level = 1},
                                               {.horizon = 1, .bid_quantile = 1},
                                               {.horizon = 1, .discount_ratio = -1},
                                               {.horizon = 1, .discount_ratio = NAN},
                                               {.horizon = 1, .cost = -1},
                                               {.horizon = 1, .n_draws = WN_LTV_DRAWS_MAX + 1}};
    const struct wn_ltv_customer c = {.age = 1};
    struct wn_arena a;
    struct wn_rand r;
    struct wn_ltv_prediction p;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    struct wn_ltv_model m = fit(&c, 1, (struct wn_ltv_options){0}, &a);
    for (size_t i = 0; i < WN_COUNT(plans); i++) {
        struct wn_why why = {0};
        assert_true(wn_ltv_predict(&m, &c, 1, &plans[i], &r, &p, NULL, &why) != WN_OK);
        assert_true(why.text[0] != 0);
    }
    wn_arena_deinit(&a);
}

static bool never(void *context, size_t done, size_t total)
{
    (void)context;
    return done < total;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    enum { N = 300 };
    static struct wn_ltv_prediction p[N];
    struct wn_rand r;
    struct wn_arena a;
    const struct wn_ltv_plan plan = {.horizon = 1, .on_progress = never};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    for (size_t i = 0; i < N; i++)
        crowd[i] = (struct wn_ltv_customer){.age = (double)(i < 10 ? i : 10)};
    struct wn_ltv_model m = fit(crowd, N, (struct wn_ltv_options){0}, &a);
    assert_int_equal(wn_ltv_predict(&m, crowd, N, &plan, &r, p, NULL, NULL), WN_CANCELLED);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bg_expectations),
        cmocka_unit_test(pareto_expectations),
        cmocka_unit_test(mean_values),
        cmocka_unit_test(pareto_is_its_2f1),
        cmocka_unit_test(bg_is_its_2f1),
        cmocka_unit_test(nothing_happens_at_one),
        cmocka_unit_test(expectations_grow),
        cmocka_unit_test(derivatives_are_exact),
        cmocka_unit_test(parameters_come_back),
        cmocka_unit_test(likelihood_adds_up),
        cmocka_unit_test(predictions_hold),
        cmocka_unit_test(values_that_depend),
        cmocka_unit_test(channels_borrow),
        cmocka_unit_test(priors_only_where_needed),
        cmocka_unit_test(odd_customers),
        cmocka_unit_test(extreme_horizons),
        cmocka_unit_test(questions_never_fail),
        cmocka_unit_test(order_and_seed),
        cmocka_unit_test(money_is_monotone),
        cmocka_unit_test(bad_customers),
        cmocka_unit_test(bad_plans),
        cmocka_unit_test(can_be_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
