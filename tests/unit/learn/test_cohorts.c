/* Protects cohorts: the table counts what can be counted by hand, the models reproduce the published
 * fits (High-End and Regular contracts, 11,104 donors), projections cover what comes, and odd input
 * has a defined answer or a clear error. */
#include "learn/cohorts_int.h"

#include "core/date.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
        fail_msg("%.12g instead of %.12g", x, expected);
}

static int32_t day(const char *text)
{
    int32_t out;
    assert_true(wn_parse_day(wn_str_of(text), &out));
    return out;
}

#define UNITS(x) ((int64_t)(x)*1000000)

static struct wn_cohorts build(const struct wn_ltv_purchase *rows, size_t n,
                               wn_cohort_period period, int32_t last_day)
{
    struct wn_cohorts out;
    struct wn_why why = {0};
    if (wn_cohorts_build(&arena, rows, n, period, last_day, &out, &why))
        fail_msg("%s", why.text);
    return out;
}

/* ---- periods ------------------------------------------------------------------------------------ */

static void periods_follow_each_other(void **state)
{
    (void)state;
    for (int period = WN_COHORT_WEEK; period <= WN_COHORT_QUARTER; period++) {
        wn_cohort_period p = (wn_cohort_period)period;
        int32_t before = wn_cohort_period_of(p, WN_DAY_MIN);
        for (int32_t d = WN_DAY_MIN; d <= WN_DAY_MAX; d++) {
            int32_t number = wn_cohort_period_of(p, d), start = wn_cohort_period_start(p, number);
            assert_true(number == before || (number == before + 1 && start == d));
            assert_true(start <= d);
            before = number;
        }
    }
    char name[WN_COHORT_NAME_MAX];
    assert_int_equal(wn_weekday_of_day(wn_cohort_period_start(
                         WN_COHORT_WEEK, wn_cohort_period_of(WN_COHORT_WEEK, day("2026-03-05")))),
                     0);
    wn_cohort_name(WN_COHORT_QUARTER, day("2026-10-01"), name);
    assert_string_equal(name, "2026-Q4");
    wn_cohort_name(WN_COHORT_MONTH, day("2026-10-01"), name);
    assert_string_equal(name, "2026-10");
    wn_cohort_name(WN_COHORT_WEEK, wn_cohort_period_start(WN_COHORT_WEEK, 0), name);
    assert_string_equal(name, "1969-12-29");
}

/* ---- the table ---------------------------------------------------------------------------------- */

static void table_by_hand(void **state)
{
    (void)state;
    const struct wn_ltv_purchase rows[] = {
        {UNITS(10), 1, day("2026-01-05")}, {UNITS(5), 1, day("2026-01-20")},
        {UNITS(7), 1, day("2026-03-01")},  {UNITS(-2), 1, day("2026-03-02")},
        {UNITS(20), 2, day("2026-01-31")}, {UNITS(-1), 3, day("2026-01-02")},
        {UNITS(4), 3, day("2026-02-10")},  {UNITS(6), 3, day("2026-04-10")},
        {UNITS(9), 3, day("2026-06-01")},  {UNITS(-5), 4, day("2026-02-01")},
    };
    struct wn_cohorts t = build(rows, WN_COUNT(rows), WN_COHORT_MONTH, day("2026-04-15"));
    assert_int_equal(t.n, 2);
    assert_int_equal(t.n_customers, 3);
    assert_int_equal(t.n_ignored, 3); /* a refund before the purchase, one alone, one in June */
    const struct wn_cohort *january = &t.cohorts[0], *february = &t.cohorts[1];
    assert_int_equal(january->first_day, day("2026-01-01"));
    assert_int_equal(january->n_customers, 2);
    assert_int_equal(january->n_periods, 4);
    assert_int_equal(january->n_whole, 3); /* April is not over */
    assert_int_equal(january->cells[0].n_active, 2);
    assert_int_equal(january->cells[0].revenue_micros, UNITS(35));
    assert_int_equal(january->cells[1].n_active, 0);
    assert_int_equal(january->cells[2].n_active, 1);
    assert_int_equal(january->cells[2].revenue_micros, UNITS(5));
    assert_int_equal(january->n_groups, 2);
    assert_int_equal(january->groups[0].n_bought, 0);
    assert_int_equal(january->groups[1].n_bought, 1);
    assert_int_equal(january->groups[1].last, 2);
    assert_int_equal(february->n_periods, 3);
    assert_int_equal(february->cells[2].n_active, 1);  /* in April, seen in the table ... */
    assert_int_equal(february->groups[0].n_bought, 0); /* ... but not by the models */
    t = build(rows, WN_COUNT(rows), WN_COHORT_MONTH, day("2026-04-30"));
    assert_int_equal(t.cohorts[1].n_whole, 3);
    assert_int_equal(t.cohorts[1].groups[0].n_bought, 1);
    t = build(rows, WN_COUNT(rows), WN_COHORT_QUARTER, day("2026-04-30"));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.cohorts[0].n_customers, 3);
}

static void bad_rows_are_named(void **state)
{
    (void)state;
    struct wn_cohorts out;
    struct wn_why why;
    const struct wn_ltv_purchase bad[][2] = {
        {{1, 2, 5}, {1, 1, 5}},
        {{1, 1, 5}, {1, 1, 4}},
        {{1, 1, 5}, {1, 1, -1}},
        {{1, 1, 5}, {1, 2, WN_DAY_MAX + 1}},
        {{INT64_MAX, 1, 5}, {INT64_MAX, 1, 5}},
        {{INT64_MAX, 1, 5}, {INT64_MAX, 2, 5}},
    };
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        memset(&why, 0, sizeof why);
        assert_int_equal(wn_cohorts_build(&arena, bad[i], 2, WN_COHORT_WEEK, 10, &out, &why),
                         WN_INVALID);
        assert_int_equal(why.line, 2);
    }
    assert_int_equal(wn_cohorts_build(&arena, NULL, 0, WN_COHORT_WEEK, -1, &out, &why), WN_INVALID);
}

/* ---- models ------------------------------------------------------------------------------------- */

static struct wn_cohort_fit fit_survivors(const double *survivors, size_t n)
{
    double lost[16] = {0}, kept[16] = {0};
    struct wn_cohort_fit fit;
    for (size_t t = 1; t < n; t++)
        lost[t] = survivors[t - 1] - survivors[t];
    kept[n - 1] = survivors[n - 1];
    assert_int_equal(wn_sbg_fit(lost, kept, n - 1, &fit, NULL), WN_OK);
    return fit;
}

/* Fader and Hardie 2007: alpha and beta to the digits printed there, retention likewise. */
static void contracts_are_fitted_as_published(void **state)
{
    (void)state;
    const double high_end[] = {1000, 869, 743, 653, 593, 551, 517, 491};
    const double regular[] = {1000, 631, 468, 382, 326, 289, 262, 241};
    const double retention[] = {.8507, .8780, .8968, .9106};
    struct wn_cohort_fit fit = fit_survivors(high_end, 8);
    near(fit.theta[0], .668, .0005);
    near(fit.theta[1], 3.806, .0005);
    for (size_t t = 1; t <= 4; t++)
        near(wn_sbg_retention(fit.theta[0], fit.theta[1], t), retention[t - 1], .00005);
    near(wn_sbg_survival(fit.theta[0], fit.theta[1], 2), .8507 * .8780, .0001);
    assert_true(fit.is_converged && !fit.is_at_wall);
    fit = fit_survivors(regular, 8);
    near(fit.theta[0], .704, .0005);
    near(fit.theta[1], 1.182, .0005);
}

/* Fader, Hardie and Shang 2010: donors of 1995 in the six years after (their table 1). */
static const struct {
    uint32_t n_bought, last, n;
} donors[] = {
    {6, 6, 1203}, {5, 6, 728}, {4, 6, 512},  {3, 6, 357},  {2, 6, 234}, {1, 6, 129},
    {5, 5, 335},  {4, 5, 284}, {3, 5, 225},  {2, 5, 173},  {1, 5, 119}, {4, 4, 240},
    {3, 4, 181},  {2, 4, 155}, {1, 4, 78},   {3, 3, 322},  {2, 3, 255}, {1, 3, 129},
    {2, 2, 613},  {1, 2, 277}, {1, 1, 1091}, {0, 0, 3464},
};

static void donors_are_fitted_as_published(void **state)
{
    (void)state;
    struct wn_cohort_group groups[WN_COUNT(donors)];
    uint32_t n_seen[WN_COUNT(donors)];
    struct wn_cohort_fit fit;
    for (size_t i = 0; i < WN_COUNT(donors); i++) {
        groups[i] = (struct wn_cohort_group){donors[i].n_bought, donors[i].last, donors[i].n};
        n_seen[i] = 6;
    }
    assert_int_equal(wn_bgbb_fit(groups, n_seen, NULL, WN_COUNT(donors), &fit, NULL), WN_OK);
    near(fit.n_customers, 11104, 0);
    near(fit.theta[0], 1.204, .0005);
    near(fit.theta[1], .750, .0005);
    near(fit.theta[2], .657, .0005);
    near(fit.theta[3], 2.783, .0005);
    near(fit.log_likelihood, -33225.6, .05);
    /* All histories together are certain. */
    struct wn_bgbb_chances c;
    assert_int_equal(wn_bgbb_chances_init(&c, &arena, 6, 6), WN_OK);
    wn_bgbb_chances_fill(&c, fit.theta);
    double sum = 0;
    for (uint32_t history = 0; history < 1 << 6; history++) {
        size_t last = 0, x = 0;
        for (size_t t = 1; t <= 6; t++)
            if (history >> (t - 1) & 1) {
                last = t;
                x++;
            }
        struct wn_bgbb_gone gone = {6, 0};
        sum += wn_bgbb_likelihood(&c, x, last, 6, &gone);
    }
    near(sum, 1, 1e-14);
    /* The manual's own formula, by gamma functions. */
    double a = fit.theta[0], b = fit.theta[1];
    near(wn_bgbb_bought(&c, 3, 2),
         exp(lgamma(a + 3) + lgamma(b + 2) - lgamma(a + b + 5) - lgamma(a) - lgamma(b) +
             lgamma(a + b)),
         1e-14);
}

static void odd_fits(void **state)
{
    (void)state;
    struct wn_cohort_fit fit;
    struct wn_why why = {0};
    const double none[3] = {0}, bad[] = {0, NAN, 1}, huge[] = {0, 1e15, 0}, some[] = {0, 0, 5};
    assert_int_equal(wn_sbg_fit(none, none, 2, &fit, &why), WN_INVALID);
    assert_int_equal(wn_sbg_fit(bad, none, 2, &fit, &why), WN_INVALID);
    assert_int_equal(wn_sbg_fit(none, none, 0, &fit, &why), WN_INVALID);
    const double *lost[] = {none, some, huge, some, huge};
    const double *kept[] = {some, none, none, huge, huge};
    for (size_t i = 0; i < WN_COUNT(lost); i++) { /* nobody left; everybody; huge */
        assert_int_equal(wn_sbg_fit(lost[i], kept[i], 2, &fit, &why), WN_OK);
        for (size_t k = 0; k < 2; k++)
            assert_true(fit.theta[k] > 0 && isfinite(fit.theta[k]));
        for (size_t k = 0; k < 3; k++)
            assert_true(isfinite(fit.covariance[k]) && fit.covariance[k] <= 4.001);
        assert_true(isfinite(fit.log_likelihood));
    }
    const struct wn_cohort_group groups[] = {{0, 0, 1},       {0, 0, 1000000}, {3, 3, 1000000},
                                             {520, 520, 600}, {1, 520, 600},   {1, 1, 1}};
    const uint32_t n_seen[] = {3, 3, 3, 520, 520, 1};
    for (size_t i = 0; i < WN_COUNT(groups); i++) { /* one kind of customer only */
        assert_int_equal(wn_bgbb_fit(&groups[i], &n_seen[i], NULL, 1, &fit, &why), WN_OK);
        for (size_t k = 0; k < 4; k++)
            assert_true(fit.theta[k] > 0 && isfinite(fit.theta[k]));
        for (size_t k = 0; k < 10; k++)
            assert_true(isfinite(fit.covariance[k]));
        assert_true(isfinite(fit.log_likelihood));
    }
    const struct wn_cohort_group wrong[] = {{4, 3, 1}, {1, 4, 1}, {0, 2, 1}, {1, 0, 1}};
    for (size_t i = 0; i < WN_COUNT(wrong); i++)
        assert_int_equal(wn_bgbb_fit(&wrong[i], (const uint32_t[]){3}, NULL, 1, &fit, &why),
                         WN_INVALID);
    assert_int_equal(wn_bgbb_fit(groups, (const uint32_t[]){0}, NULL, 1, &fit, &why), WN_INVALID);
    assert_int_equal(wn_bgbb_fit(groups, n_seen, (const double[]){NAN}, 1, &fit, &why), WN_INVALID);
}

/* ---- projection --------------------------------------------------------------------------------- */

/* A shop by the model's own rules: n customers come in each of 12 months; each is seen for 24. */
struct shop {
    struct wn_ltv_purchase *rows;
    size_t n;
};

static struct shop simulate(size_t n_customers, bool contracts, uint64_t seed)
{
    enum { MONTHS = 24 };
    struct wn_rand r;
    struct shop s = {WN_ARENA_ARRAY(&arena, n_customers * (MONTHS + 1), struct wn_ltv_purchase), 0};
    wn_rand_init(&r, seed);
    assert_non_null(s.rows);
    for (uint32_t c = 0; c < n_customers; c++) {
        int32_t month = 2024 * 12 + (int32_t)(c % 12);
        double buys = contracts ? 1 : wn_rand_beta(&r, 1.2, 2), leaves = wn_rand_beta(&r, .8, 4);
        for (int k = 0; k <= MONTHS && (k == 0 || wn_rand_uniform(&r) >= leaves); k++)
            if (k == 0 || wn_rand_uniform(&r) < buys)
                s.rows[s.n++] =
                    (struct wn_ltv_purchase){(int64_t)(1e6 * exp(3 + .5 * wn_rand_normal(&r))), c,
                                             wn_cohort_period_start(WN_COHORT_MONTH, month + k)};
    }
    return s;
}

static struct wn_cohorts_projection project(const struct wn_cohorts *table,
                                            struct wn_cohort_options o, uint64_t seed)
{
    struct wn_cohorts_projection out;
    struct wn_rand r;
    struct wn_why why = {0};
    wn_rand_init(&r, seed);
    if (wn_cohorts_project(&arena, table, &o, &r, &out, &why))
        fail_msg("%s", why.text);
    for (size_t c = 0; c <= table->n; c++) {
        const struct wn_cohort_projection *p = c < table->n ? &out.cohorts[c] : &out.all;
        for (size_t k = 0; k <= out.horizon; k++) {
            const struct wn_cohort_point *x = &p->points[k];
            assert_true(isfinite(x->ltv) && isfinite(x->ltv_low) && isfinite(x->ltv_high));
            assert_true(x->ltv_low <= x->ltv && x->ltv <= x->ltv_high);
            assert_true(x->retention_low <= x->retention && x->retention <= x->retention_high);
            assert_true(x->retention_low >= 0 && x->retention_high <= 1);
        }
        assert_true(p->payback.probability >= 0 && p->payback.probability <= 1);
        assert_true(p->payback.period_low <= p->payback.period_high);
    }
    return out;
}

/* 80 % intervals of LTV and retention half a year ahead, 60 shops of 12 cohorts with 60 customers
 * each: 720 cohorts that share a fit twelve at a time, so within 6 points of nominal. */
static void projections_cover(bool contracts)
{
    double ltv_inside = 0, retention_inside = 0, n = 0, bias = 0, sum = 0;
    for (uint64_t world = 0; world < 60; world++) {
        struct shop s = simulate(720, contracts, 100 + world);
        struct wn_cohorts now = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-06-30"));
        struct wn_cohorts later = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-12-31"));
        struct wn_cohorts_projection p = project(
            &now,
            (struct wn_cohort_options){
                .model = contracts ? WN_COHORT_SBG : WN_COHORT_BGBB, .horizon = 24, .n_draws = 200},
            world);
        assert_int_equal(now.n, 12);
        for (size_t c = 0; c < 12; c++) {
            size_t k = now.cohorts[c].n_whole + 5;
            double ltv = 0, customers = (double)later.cohorts[c].n_customers;
            for (size_t i = 0; i <= k; i++)
                ltv += (double)later.cohorts[c].cells[i].revenue_micros / 1e6 / customers;
            const struct wn_cohort_point *x = &p.cohorts[c].points[k];
            double retention = (double)later.cohorts[c].cells[k].n_active / customers;
            assert_true(x->is_projected);
            ltv_inside += x->ltv_low <= ltv && ltv <= x->ltv_high;
            retention_inside += x->retention_low <= retention && retention <= x->retention_high;
            bias += x->ltv - ltv;
            sum += ltv;
            n++;
        }
        wn_arena_reset(&arena);
    }
    near(ltv_inside / n, .8, .06);
    near(retention_inside / n, .8, .06);
    near(bias / sum, 0, .01);
}

static void projections_of_shops_cover(void **state)
{
    (void)state;
    projections_cover(false);
}

static void projections_of_contracts_cover(void **state)
{
    (void)state;
    projections_cover(true);
}

static void observed_points_are_the_table(void **state)
{
    (void)state;
    struct shop s = simulate(300, false, 5);
    struct wn_cohorts t = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-06-15"));
    struct wn_cohorts_projection p =
        project(&t, (struct wn_cohort_options){.horizon = 30, .margin_ratio = .5, .cost = 15}, 1);
    for (size_t c = 0; c < t.n; c++) {
        double total = 0, n = (double)t.cohorts[c].n_customers;
        assert_int_equal(p.cohorts[c].n_observed, t.cohorts[c].n_whole);
        for (size_t k = 0; k < t.cohorts[c].n_whole; k++) {
            total += .5 * (double)t.cohorts[c].cells[k].revenue_micros / 1e6;
            near(p.cohorts[c].points[k].ltv, total / n, 1e-9);
            near(p.cohorts[c].points[k].retention, (double)t.cohorts[c].cells[k].n_active / n,
                 1e-12);
            assert_false(p.cohorts[c].points[k].is_projected);
        }
        /* The first period that reached the cost is the payback; else it is still a chance. */
        size_t paid = 0;
        while (paid < t.cohorts[c].n_whole && p.cohorts[c].points[paid].ltv < 15)
            paid++;
        const struct wn_payback *back = &p.cohorts[c].payback;
        assert_true(back->has_cost && back->cost == 15);
        assert_true(back->is_paid == (paid < t.cohorts[c].n_whole));
        if (back->is_paid)
            assert_int_equal(back->period, paid);
        for (size_t k = 1; k <= 30; k++) /* no refunds: LTV does not fall */
            assert_true(p.cohorts[c].points[k].ltv >= p.cohorts[c].points[k - 1].ltv);
    }
    /* A discount makes later money less. */
    struct wn_cohorts_projection d =
        project(&t,
                (struct wn_cohort_options){
                    .horizon = 30, .margin_ratio = .5, .cost = 15, .yearly_discount_ratio = .2},
                1);
    assert_true(d.all.points[30].ltv < p.all.points[30].ltv);
    near(d.all.points[0].ltv, p.all.points[0].ltv, 1e-9);
}

static void more_was_observed_than_was_asked(void **state)
{
    (void)state;
    struct shop s = simulate(200, false, 8);
    struct wn_cohorts t = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-06-30"));
    struct wn_cohorts_projection p =
        project(&t, (struct wn_cohort_options){.horizon = 2, .cost = 1e9}, 1);
    assert_int_equal(p.n_points, t.cohorts[0].n_whole);
    assert_false(p.cohorts[0].points[17].is_projected);
    assert_true(p.cohorts[0].points[17].ltv > p.cohorts[0].points[2].ltv);
    assert_int_equal(p.cohorts[0].payback.period, 3); /* not by the horizon */
}

static void spend_divides_by_customers(void **state)
{
    (void)state;
    struct shop s = simulate(120, false, 6);
    struct wn_cohorts t = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-06-30"));
    const struct wn_cohort_spend spend[] = {{day("2024-01-03"), 60},
                                            {day("2024-01-20"), 40},
                                            {day("2024-02-01"), 50},
                                            {day("2030-01-01"), 1e9}};
    struct wn_cohorts_projection p =
        project(&t, (struct wn_cohort_options){.spend = spend, .n_spend = 4}, 1);
    near(p.cohorts[0].payback.cost, 100. / 10, 1e-12);
    near(p.cohorts[1].payback.cost, 50. / 10, 1e-12);
    near(p.cohorts[2].payback.cost, 0, 0);
    assert_true(p.cohorts[2].payback.is_paid && p.cohorts[2].payback.period == 0);
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct shop s = simulate(200, false, 7);
    struct wn_cohorts t = build(s.rows, s.n, WN_COHORT_MONTH, day("2025-06-30"));
    struct wn_cohorts_projection p = project(&t, (struct wn_cohort_options){.cost = 50}, 3);
    struct wn_cohorts_projection q = project(&t, (struct wn_cohort_options){.cost = 50}, 3);
    for (size_t c = 0; c < t.n; c++)
        assert_memory_equal(p.cohorts[c].points, q.cohorts[c].points,
                            13 * sizeof *p.cohorts[c].points);
    struct wn_ltv_purchase *other = WN_ARENA_ARRAY(&arena, s.n, struct wn_ltv_purchase);
    size_t n = 0; /* customers in another order */
    for (uint32_t c = 200; c-- > 0;)
        for (size_t i = 0; i < s.n; i++)
            if (s.rows[i].customer == c) {
                other[n] = s.rows[i];
                other[n++].customer = 199 - c;
            }
    struct wn_cohorts u = build(other, n, WN_COHORT_MONTH, day("2025-06-30"));
    q = project(&u, (struct wn_cohort_options){.cost = 50}, 3);
    near(q.all.points[12].ltv, p.all.points[12].ltv, 1e-9 * p.all.points[12].ltv);
}

static void degenerate_tables(void **state)
{
    (void)state;
    struct wn_cohorts t = build(NULL, 0, WN_COHORT_WEEK, 20000);
    struct wn_cohorts_projection p = project(&t, (struct wn_cohort_options){.cost = 1}, 1);
    assert_int_equal(t.n, 0);
    assert_false(p.has_fit);
    /* One customer today: nothing is known, nothing is expected. */
    const struct wn_ltv_purchase one = {UNITS(10), 5, 20000};
    t = build(&one, 1, WN_COHORT_WEEK, 20000);
    p = project(&t, (struct wn_cohort_options){.cost = 1}, 1);
    assert_false(p.has_fit);
    /* One customer, long ago, never again; all free; huge; refunds of more than was paid. */
    const struct wn_ltv_purchase never[] = {{UNITS(10), 1, 18000}};
    const struct wn_ltv_purchase free_of_charge[] = {{0, 1, 18000}, {0, 1, 18300}, {0, 2, 19000}};
    const struct wn_ltv_purchase huge[] = {
        {UNITS(9000000000000), 1, 18000}, {UNITS(1), 1, 19000}, {UNITS(200000000000), 2, 18500}};
    const struct wn_ltv_purchase refunds[] = {
        {UNITS(10), 1, 18000}, {UNITS(-50), 1, 18001}, {UNITS(5), 1, 18500}, {UNITS(-5), 1, 18600}};
    const struct {
        const struct wn_ltv_purchase *rows;
        size_t n;
    } cases[] = {{never, 1}, {free_of_charge, 3}, {huge, 3}, {refunds, 4}};
    for (size_t i = 0; i < WN_COUNT(cases); i++)
        for (int period = WN_COHORT_WEEK; period <= WN_COHORT_QUARTER; period++)
            for (int model = WN_COHORT_BGBB; model <= WN_COHORT_SBG; model++) {
                t = build(cases[i].rows, cases[i].n, (wn_cohort_period)period, 20000);
                p = project(&t,
                            (struct wn_cohort_options){
                                .model = (wn_cohort_model)model, .cost = 1, .n_draws = 30},
                            1);
                assert_true(p.has_fit);
            }
    /* Ninety years of weeks: longer than models look. */
    const struct wn_ltv_purchase old[] = {{UNITS(1), 1, 0}, {UNITS(1), 1, 30000}};
    t = build(old, 2, WN_COHORT_WEEK, 33000);
    project(&t, (struct wn_cohort_options){.n_draws = 5, .horizon = 1000}, 1);
}

static void options_are_checked(void **state)
{
    (void)state;
    struct wn_cohorts t = build(NULL, 0, WN_COHORT_WEEK, 20000);
    struct wn_cohorts_projection out;
    struct wn_rand r;
    wn_rand_init(&r, 1);
    const struct wn_cohort_spend bad = {1, NAN};
    const struct wn_cohort_options wrong[] = {
        {.half_life = -1},
        {.half_life = NAN},
        {.margin_ratio = -1},
        {.yearly_discount_ratio = -.1},
        {.cost = INFINITY},
        {.level = 1},
        {.model = (wn_cohort_model)7},
        {.spend = &bad, .n_spend = 1},
    };
    struct wn_why why = {0};
    for (size_t i = 0; i < WN_COUNT(wrong); i++)
        assert_int_equal(wn_cohorts_project(&arena, &t, &wrong[i], &r, &out, &why), WN_INVALID);
    assert_int_equal(wn_cohorts_project(&arena, &t, NULL, NULL, &out, &why), WN_INVALID);
    const struct wn_cohort_options large[] = {{.horizon = 1001}, {.n_draws = 10001}};
    for (size_t i = 0; i < WN_COUNT(large); i++)
        assert_int_equal(wn_cohorts_project(&arena, &t, &large[i], &r, &out, &why), WN_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(periods_follow_each_other),
        TEST(table_by_hand),
        TEST(bad_rows_are_named),
        TEST(contracts_are_fitted_as_published),
        TEST(donors_are_fitted_as_published),
        TEST(odd_fits),
        TEST(projections_of_shops_cover),
        TEST(projections_of_contracts_cover),
        TEST(observed_points_are_the_table),
        TEST(more_was_observed_than_was_asked),
        TEST(spend_divides_by_customers),
        TEST(same_seed_same_bytes),
        TEST(degenerate_tables),
        TEST(options_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
