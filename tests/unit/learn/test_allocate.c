/* Protects the division of budgets: published optima, exact sums, bounds that hold, and what must
 * hold under more money, permutation and another currency. */
#include "winnow/allocate.h"

#include "core/num.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* cmocka compares in single precision. */
#define assert_near(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

enum { N_MAX = 64 };

static void run(struct wn_arena *a, const struct wn_allocate_entity *e, size_t n,
                const struct wn_allocate_options *o, struct wn_allocation *out)
{
    struct wn_why why = {0};
    wn_rc rc = wn_allocate(a, e, n, o, NULL, out, &why);
    if (rc)
        fail_msg("%s: %s", wn_rc_name(rc), why.text);
    assert_true(isfinite(out->expected) && isfinite(out->bound) && isfinite(out->price));
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(out->rows[i].budget_micros >= 0);
        assert_true(isfinite(out->rows[i].marginal) && isfinite(out->rows[i].expected));
        assert_true(out->rows[i].why.n > 0);
        sum += out->rows[i].budget_micros;
    }
    assert_true(sum == out->spent_micros && sum <= o->budget_micros);
}

static double money(int64_t micros)
{
    return (double)micros / 1e6;
}

/* By hand: a/(b+x) equal for all, sum x = 200 gives (200 + 80) / 230 = 1 / .821429. */
static void three_log_curves(void **state)
{
    (void)state;
    struct wn_respond logs[] = {{100, 50, 0}, {80, 20, 0}, {50, 10, 0}};
    struct wn_allocate_entity e[3];
    for (size_t i = 0; i < 3; i++)
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &logs[i], .hi_micros = WN_NO_LIMIT};
    struct wn_allocate_options o = {.budget_micros = 200 * WN_MICROS};
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    run(&a, e, 3, &o, &out);
    static const double expected[] = {71.7391304, 77.3913043, 50.8695652};
    for (int i = 0; i < 3; i++) {
        assert_near(money(out.rows[i].budget_micros), expected[i], 5e-5);
        assert_int_equal(out.rows[i].bind, WN_BIND_PRICE);
    }
    assert_near(out.price, .821428571, 1e-6);
    assert_near(out.expected, 305.93353, 1e-5);
    assert_true(out.spent_micros == 200 * WN_MICROS);
    assert_true(out.bound >= out.optimised && out.bound - out.optimised < 1e-8 * out.bound);
    wn_arena_deinit(&a);
}

static void two_hill_curves_are_not_split(void **state)
{
    (void)state;
    struct wn_respond hill = {100, 100, 2};
    struct wn_allocate_entity e[2] = {
        {.respond = wn_respond_hill, .context = &hill, .hi_micros = WN_NO_LIMIT},
        {.respond = wn_respond_hill, .context = &hill, .hi_micros = WN_NO_LIMIT}};
    struct wn_allocate_options o = {.budget_micros = 100 * WN_MICROS};
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    run(&a, e, 2, &o, &out);
    int64_t x = out.rows[0].budget_micros, y = out.rows[1].budget_micros;
    assert_true((x == 0 && y == 100 * WN_MICROS) || (y == 0 && x == 100 * WN_MICROS));
    assert_near(out.expected, 50, 1e-9);
    e[0].current_micros = e[1].current_micros = 1; /* whoever has more is served first */
    e[1].current_micros = 2;
    run(&a, e, 2, &o, &out);
    assert_true(out.rows[1].budget_micros == 100 * WN_MICROS);
    /* 60 is not enough for one start-up, but still better together than apart. */
    o.budget_micros = 60 * WN_MICROS;
    run(&a, e, 2, &o, &out);
    assert_near(out.expected, 100 * .36 / 1.36, 1e-6);
    wn_arena_deinit(&a);
}

/* ---- random instances ---------------------------------------------------------------------------
 */

struct instance {
    struct wn_respond respond[N_MAX];
    struct wn_allocate_entity e[N_MAX];
    size_t n;
};

/* Concave curves of every kind, with bounds now and then. */
static void concave_instance(struct instance *k, size_t n, struct wn_rand *r)
{
    k->n = n;
    for (size_t i = 0; i < n; i++) {
        struct wn_respond *f = &k->respond[i];
        uint64_t kind = wn_rand_below(r, 3);
        f->a = 20 + 200 * wn_rand_uniform(r);
        f->b = 5 + 100 * wn_rand_uniform(r);
        f->s = kind == 1 ? .5 + .5 * wn_rand_uniform(r) : .3 + .6 * wn_rand_uniform(r);
        k->e[i] =
            (struct wn_allocate_entity){.respond = kind == 0   ? wn_respond_log
                                                   : kind == 1 ? wn_respond_hill
                                                               : wn_respond_power,
                                        .context = f,
                                        .current_micros = (int64_t)(100e6 * wn_rand_uniform(r)),
                                        .hi_micros = WN_NO_LIMIT};
        if (wn_rand_below(r, 3) == 0)
            k->e[i].lo_micros = (int64_t)(10e6 * wn_rand_uniform(r));
        if (wn_rand_below(r, 3) == 0)
            k->e[i].hi_micros = (int64_t)(60e6 * wn_rand_uniform(r)) + k->e[i].lo_micros;
    }
}

/* Another way to the optimum of concave curves: bisection on the price, with bisection on every
 * slope inside. Returns the total. */
static double by_price(const struct instance *k, double budget)
{
    double x[N_MAX], low = 0, high = 1e9, slope, sum = 0, total = 0;
    for (int round = 0; round < 200; round++) {
        double price = round < 199 ? sqrt(fmax(low, 1e-9) * high) : high;
        sum = 0;
        for (size_t i = 0; i < k->n; i++) {
            double from = money(k->e[i].lo_micros), to = fmin(money(k->e[i].hi_micros), budget);
            for (int j = 0; j < 80; j++) {
                double mid = .5 * (from + to);
                (void)k->e[i].respond(k->e[i].context, mid, &slope);
                *(slope > price ? &from : &to) = mid;
            }
            x[i] = .5 * (from + to);
            sum += x[i];
        }
        *(sum > budget ? &low : &high) = price;
    }
    for (size_t i = 0; i < k->n; i++)
        total += k->e[i].respond(k->e[i].context, x[i], &slope);
    return total;
}

static void concave_instances_agree_with_another_solver(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 5);
    for (int t = 0; t < 60; t++) {
        struct instance k;
        struct wn_allocation out;
        struct wn_arena a;
        wn_arena_init(&a, 0);
        concave_instance(&k, 2 + (size_t)wn_rand_below(&r, 30), &r);
        struct wn_allocate_options o = {.budget_micros = 300 * WN_MICROS +
                                                         (int64_t)wn_rand_below(&r, 1000000000)};
        run(&a, k.e, k.n, &o, &out);
        double other = by_price(&k, money(o.budget_micros));
        assert_near(out.expected, other, 1e-6 * other);
        assert_true(out.bound >= out.optimised * (1 - 1e-12));
        assert_near(out.bound, out.optimised, 1e-7 * out.bound);
        for (size_t i = 0; i < k.n; i++) {
            assert_true(out.rows[i].budget_micros >= k.e[i].lo_micros);
            assert_true(out.rows[i].budget_micros <= k.e[i].hi_micros);
        }
        wn_arena_deinit(&a);
    }
}

/* Every split of the budget into whole units, by dynamic programming on the true curves. */
static double brute_force(const struct instance *k, int units, double unit)
{
    static double best[2001], next[2001];
    double slope;
    memset(best, 0, sizeof best);
    for (size_t i = 0; i < k->n; i++) {
        for (int g = 0; g <= units; g++) {
            next[g] = -1;
            for (int m = 0; m <= g; m++)
                next[g] =
                    fmax(next[g], best[g - m] + k->e[i].respond(k->e[i].context, m * unit, &slope));
        }
        memcpy(best, next, sizeof best);
    }
    return best[units];
}

static void start_up_phases_are_near_the_optimum(void **state)
{
    (void)state;
    struct wn_rand r;
    double worst = 0;
    wn_rand_init(&r, 6);
    for (int t = 0; t < 40; t++) {
        struct instance k = {.n = 2 + (size_t)wn_rand_below(&r, 6)};
        struct wn_allocation out;
        struct wn_arena a;
        wn_arena_init(&a, 0);
        for (size_t i = 0; i < k.n; i++) {
            k.respond[i] =
                (struct wn_respond){50 + 100 * wn_rand_uniform(&r), 20 + 80 * wn_rand_uniform(&r),
                                    1 + 3 * wn_rand_uniform(&r)};
            k.e[i] = (struct wn_allocate_entity){
                .respond = wn_respond_hill, .context = &k.respond[i], .hi_micros = WN_NO_LIMIT};
        }
        int budget = 20 + (int)wn_rand_below(&r, 300);
        struct wn_allocate_options o = {.budget_micros = budget * WN_MICROS};
        run(&a, k.e, k.n, &o, &out);
        double best = brute_force(&k, 1000, budget / 1000.);
        worst = fmax(worst, 1 - out.expected / best);
        assert_true(out.bound >= best * (1 - 1e-9));
        wn_arena_deinit(&a);
    }
    print_message("worst loss to start-up phases: %.5f\n", worst);
    assert_true(worst < .005); /* the gap that is promised */
}

/* ---- what must hold -------------------------------------------------------------------------------
 */

static void more_budget_never_predicts_less(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 8);
    for (int t = 0; t < 10; t++) {
        struct instance k;
        double before = -1;
        concave_instance(&k, 12, &r);
        for (int i = 0; i < 4 && t >= 5; i++) { /* with start-up phases as well */
            k.e[i].respond = wn_respond_hill;
            k.respond[i].s = 1.5 + i;
        }
        for (int64_t budget = 200; budget <= 2000; budget += 45) {
            struct wn_allocation out;
            struct wn_arena a;
            wn_arena_init(&a, 0);
            struct wn_allocate_options o = {.budget_micros = budget * WN_MICROS};
            run(&a, k.e, k.n, &o, &out);
            assert_true(out.expected >= before * (1 - 1e-9));
            before = out.expected;
            wn_arena_deinit(&a);
        }
    }
}

static void order_does_not_matter(void **state)
{
    (void)state;
    struct wn_rand r;
    struct instance k;
    struct wn_allocate_entity turned[N_MAX];
    struct wn_allocation one, two;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 9);
    concave_instance(&k, 40, &r);
    for (size_t i = 0; i < k.n; i++)
        turned[i] = k.e[(i * 7 + 3) % k.n];
    struct wn_allocate_options o = {.budget_micros = 1500 * WN_MICROS, .max_change_ratio = .9};
    o.max_change_ratio = 0;
    run(&a, k.e, k.n, &o, &one);
    run(&a, turned, k.n, &o, &two);
    for (size_t i = 0; i < k.n; i++)
        /* sums in another order differ in the last bits: up to the precision of the search */
        assert_near(money(two.rows[i].budget_micros),
                    money(one.rows[(i * 7 + 3) % k.n].budget_micros), 2e-4);
    assert_near(one.expected, two.expected, 1e-9 * one.expected);
    wn_arena_deinit(&a);
}

static void another_currency_scales_the_answer(void **state)
{
    (void)state;
    struct wn_respond logs[3] = {{100, 50, 0}, {80, 20, 0}, {50, 10, 0}}, big[3];
    struct wn_allocate_entity e[3], f[3];
    struct wn_allocation one, two;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (int i = 0; i < 3; i++) {
        big[i] = (struct wn_respond){logs[i].a * 1024, logs[i].b * 1024, 0};
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &logs[i], .hi_micros = 100 * WN_MICROS};
        f[i] = e[i];
        f[i].context = &big[i];
        f[i].hi_micros *= 1024;
    }
    struct wn_allocate_options o = {.budget_micros = 150 * WN_MICROS};
    run(&a, e, 3, &o, &one);
    o.budget_micros *= 1024;
    run(&a, f, 3, &o, &two);
    for (int i = 0; i < 3; i++)
        assert_near(money(two.rows[i].budget_micros) / 1024, money(one.rows[i].budget_micros),
                    1e-4);
    assert_near(two.expected / 1024, one.expected, 1e-8 * one.expected);
    assert_near(two.price, one.price, 1e-6);
    wn_arena_deinit(&a);
}

/* ---- bounds, caps, targets -------------------------------------------------------------------------
 */

static void each_bound_is_named(void **state)
{
    (void)state;
    struct wn_respond line[6] = {{5, 0, 0}, {4, 0, 0}, {3, 0, 0}, {2, 0, 0}, {1, 0, 0}, {.5, 0, 0}};
    struct wn_allocate_entity e[6];
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (int i = 0; i < 6; i++)
        e[i] = (struct wn_allocate_entity){.respond = wn_respond_linear,
                                           .context = &line[i],
                                           .current_micros = 100 * WN_MICROS,
                                           .hi_micros = WN_NO_LIMIT};
    e[0].lo_micros = e[0].hi_micros = 90 * WN_MICROS;
    e[1].hi_micros = 110 * WN_MICROS;
    e[4].lo_micros = 95 * WN_MICROS;
    struct wn_allocate_options o = {.budget_micros = 600 * WN_MICROS, .max_change_ratio = .2};
    run(&a, e, 6, &o, &out);
    static const double expected[] = {90, 110, 120, 105, 95, 80};
    static const wn_bind binds[] = {WN_BIND_FIXED, WN_BIND_MAX, WN_BIND_CHANGE_UP,
                                    WN_BIND_PRICE, WN_BIND_MIN, WN_BIND_CHANGE_DOWN};
    for (int i = 0; i < 6; i++) {
        assert_near(money(out.rows[i].budget_micros), expected[i], 1e-6);
        assert_int_equal(out.rows[i].bind, binds[i]);
    }
    assert_near(out.price, 2, 1e-12);
    assert_false(out.is_unchanged);

    o.max_change_ratio = 0;
    o.explore_ratio = .1;
    run(&a, e, 6, &o, &out);
    assert_int_equal(out.rows[5].bind, WN_BIND_EXPLORE);
    assert_true(out.rows[5].budget_micros == 10 * WN_MICROS);
    assert_int_equal(out.rows[2].bind, WN_BIND_PRICE);
    wn_arena_deinit(&a);
}

static void nothing_to_change_names_the_bound(void **state)
{
    (void)state;
    struct wn_respond logs[] = {{100, 50, 0}, {80, 20, 0}};
    struct wn_allocate_entity e[2];
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (int i = 0; i < 2; i++)
        e[i] = (struct wn_allocate_entity){.name = i ? WN_STR("search") : WN_STR("video"),
                                           .respond = wn_respond_log,
                                           .context = &logs[i],
                                           .current_micros = 50 * WN_MICROS,
                                           .lo_micros = 50 * WN_MICROS,
                                           .hi_micros = 50 * WN_MICROS};
    struct wn_allocate_options o = {.budget_micros = 100 * WN_MICROS};
    run(&a, e, 2, &o, &out);
    assert_true(out.is_unchanged);
    assert_non_null(strstr(out.why.p, "Nothing to change"));
    assert_non_null(strstr(out.why.p, "2 held by fixed"));
    e[1].lo_micros = 0;
    e[0].lo_micros = 0;
    e[0].hi_micros = WN_NO_LIMIT;
    run(&a, e, 2, &o, &out); /* search would like more than its maximum */
    assert_true(out.is_unchanged == (out.rows[0].budget_micros == 50 * WN_MICROS));
    /* Already optimal: equal slopes. */
    e[0].current_micros = (int64_t)(100. / 180 * 170e6) - 50 * WN_MICROS;
    e[1].current_micros = 100 * WN_MICROS - e[0].current_micros;
    e[1].hi_micros = WN_NO_LIMIT;
    run(&a, e, 2, &o, &out);
    assert_near(money(out.rows[0].budget_micros), money(e[0].current_micros), 1e-4);
    wn_arena_deinit(&a);
}

static void a_target_spends_less(void **state)
{
    (void)state;
    /* 10 ln(1 + x) on x = 100 returns .46 a unit; a ROAS of 1 is met up to x = 35.71522. */
    struct wn_respond curve = {10, 1, 0};
    struct wn_allocate_entity e = {
        .respond = wn_respond_log, .context = &curve, .hi_micros = WN_NO_LIMIT};
    struct wn_allocate_options o = {.budget_micros = 100 * WN_MICROS, .target_roas = 1};
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    run(&a, &e, 1, &o, &out);
    double x = money(out.rows[0].budget_micros);
    assert_near(10 * log1p(x), x, 1e-4);
    assert_true(x > 30);
    assert_int_equal(out.rows[0].bind, WN_BIND_ROAS);
    assert_true(out.roas_is_met);
    assert_near(out.bound, out.optimised, 1e-4 * out.bound);
    e.lo_micros = 80 * WN_MICROS; /* the minimum makes it impossible: spend no more than that */
    run(&a, &e, 1, &o, &out);
    assert_false(out.roas_is_met);
    assert_true(out.rows[0].budget_micros == 80 * WN_MICROS);
    assert_non_null(strstr(out.why.p, "cannot be met"));
    e.lo_micros = 0; /* no unit returns as much, by a hair: the sentences must show the hair */
    o.target_roas = 10.0000001;
    run(&a, &e, 1, &o, &out);
    assert_true(out.spent_micros == 0);
    assert_string_equal(out.why.p,
                        "Nothing is to be spent: the best first unit, of entity 1, returns 10, "
                        "less than the target ROAS of 10.0000001.");
    assert_string_equal(out.rows[0].why.p, "Gets nothing: its first unit returns 10, less than the "
                                           "target ROAS of 10.0000001.");
    o.target_roas = .1; /* slack */
    run(&a, &e, 1, &o, &out);
    assert_true(out.spent_micros == o.budget_micros);
    wn_arena_deinit(&a);
}

static void caps_of_groups_hold(void **state)
{
    (void)state;
    struct wn_respond logs[] = {{100, 50, 0}, {80, 20, 0}, {50, 10, 0}};
    struct wn_allocate_entity e[3];
    int64_t caps[2] = {60 * WN_MICROS, WN_NO_LIMIT};
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (uint32_t i = 0; i < 3; i++)
        e[i] = (struct wn_allocate_entity){.respond = wn_respond_log,
                                           .context = &logs[i],
                                           .hi_micros = WN_NO_LIMIT,
                                           .group = i < 2 ? 0 : 1};
    struct wn_allocate_options o = {
        .budget_micros = 200 * WN_MICROS, .group_caps_micros = caps, .n_groups = 2};
    run(&a, e, 3, &o, &out);
    double x = money(out.rows[0].budget_micros), y = money(out.rows[1].budget_micros);
    assert_near(x + y, 60, 1e-6);
    assert_near(100 / (50 + x), 80 / (20 + y), 1e-5); /* equal within the group */
    assert_near(money(out.rows[2].budget_micros), 140, 1e-6);
    assert_int_equal(out.rows[0].bind, WN_BIND_GROUP_CAP);
    assert_near(out.bound, out.optimised, 1e-7 * out.bound);
    caps[0] = 200 * WN_MICROS; /* does not bind */
    run(&a, e, 3, &o, &out);
    assert_near(money(out.rows[0].budget_micros), 71.7391304, 5e-5);
    e[0].lo_micros = 201 * WN_MICROS;
    struct wn_why why = {0};
    o.budget_micros = 500 * WN_MICROS;
    assert_int_equal(wn_allocate(&a, e, 3, &o, NULL, &out, &why), WN_INVALID);
    assert_string_equal(why.field, "group_caps");
    wn_arena_deinit(&a);
}

static void stopping_is_allowed_where_it_is(void **state)
{
    (void)state;
    struct wn_respond lines[] = {{3, 0, 0}, {1, 0, 0}};
    struct wn_allocate_entity e[2];
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (int i = 0; i < 2; i++)
        e[i] = (struct wn_allocate_entity){.respond = wn_respond_linear,
                                           .context = &lines[i],
                                           .lo_micros = 40 * WN_MICROS,
                                           .hi_micros = 100 * WN_MICROS,
                                           .may_stop = true};
    struct wn_allocate_options o = {.budget_micros = 120 * WN_MICROS};
    run(&a, e, 2, &o, &out);
    /* 100 + 20 is not allowed: 20 is below the second's least. 80 + 40 returns 280 and 100 + 0
     * returns 300. */
    assert_true(out.rows[0].budget_micros == 100 * WN_MICROS);
    assert_true(out.rows[1].budget_micros == 0);
    lines[1].a = 2.9; /* now 80 + 40 returns 356 */
    run(&a, e, 2, &o, &out);
    assert_true(out.rows[0].budget_micros == 80 * WN_MICROS);
    assert_true(out.rows[1].budget_micros == 40 * WN_MICROS);
    wn_arena_deinit(&a);
}

static void points_are_exact(void **state)
{
    (void)state;
    static const double x[] = {0, 10, 20, 40}, y[] = {0, 100, 150, 170}, flat[] = {5, 5, 5, 5};
    struct wn_allocate_entity e[3] = {
        {.x = x, .y = y, .n_points = 4, .hi_micros = WN_NO_LIMIT},
        {.x = x, .y = y, .n_points = 4, .hi_micros = WN_NO_LIMIT},
        {.x = x, .y = flat, .n_points = 4, .hi_micros = WN_NO_LIMIT, .current_micros = 9}};
    struct wn_allocation out;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_allocate_options o = {.budget_micros = 31 * WN_MICROS + 1};
    run(&a, e, 3, &o, &out);
    assert_true(out.rows[0].budget_micros + out.rows[1].budget_micros == o.budget_micros);
    assert_near(money(out.rows[0].budget_micros), 15.5, 1e-5); /* equal slopes share equally */
    assert_near(out.expected, 200 + 11 * 5 + 5, 1e-4);
    assert_near(out.bound, out.optimised, 1e-9 * out.bound);
    o.budget_micros = 1000 * WN_MICROS;
    run(&a, e, 3, &o, &out); /* the curves end at 40 each, and the third returns nothing */
    assert_true(out.spent_micros == 80 * WN_MICROS);
    assert_int_equal(out.rows[0].bind, WN_BIND_EVIDENCE);
    assert_true(out.rows[2].budget_micros == 0);
    wn_arena_deinit(&a);
}

/* ---- large, odd and wrong --------------------------------------------------------------------------
 */

static void parts_add_up_to_the_micro(void **state)
{
    (void)state;
    enum { N = 10007 };
    struct wn_rand r;
    struct wn_arena a;
    struct wn_allocation out;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 10);
    struct wn_respond *f = WN_ARENA_ARRAY(&a, N, struct wn_respond);
    struct wn_allocate_entity *e = WN_ARENA_ARRAY(&a, N, struct wn_allocate_entity);
    assert_true(f && e);
    for (int i = 0; i < N; i++) {
        f[i] = (struct wn_respond){exp(wn_rand_normal(&r)), 1 + 99 * wn_rand_uniform(&r), 0};
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &f[i], .hi_micros = WN_NO_LIMIT};
    }
    static const int64_t budgets[] = {
        0, 1, 999, 123456789, INT64_C(9999999999999), INT64_C(9000000000000000001)};
    for (size_t b = 0; b < WN_COUNT(budgets); b++) {
        struct wn_allocate_options o = {.budget_micros = budgets[b]};
        run(&a, e, N, &o, &out);
        assert_true(out.spent_micros == budgets[b]);
    }
    wn_arena_deinit(&a);
}

static void wrong_input_is_named(void **state)
{
    (void)state;
    static const double up[] = {0, 1}, down[] = {1, 0}, nan_y[] = {0, NAN};
    struct wn_respond line = {1, 0, 0};
    struct wn_allocate_entity good = {
        .respond = wn_respond_linear, .context = &line, .hi_micros = WN_NO_LIMIT};
    struct wn_allocate_entity bad[] = {
        {.hi_micros = 1},
        {.x = down, .y = up, .n_points = 2, .hi_micros = 1},
        {.x = up, .y = nan_y, .n_points = 2, .hi_micros = 1},
        {.x = up, .y = up, .n_points = 10001, .hi_micros = 1},
        {.respond = wn_respond_linear, .context = &line, .lo_micros = 2, .hi_micros = 1},
        {.respond = wn_respond_linear, .context = &line, .lo_micros = -1, .hi_micros = 1},
        {.respond = wn_respond_linear, .context = &line, .current_micros = -1, .hi_micros = 1},
        {.respond = wn_respond_linear,
         .context = &line,
         .lo_micros = 11 * WN_MICROS,
         .hi_micros = WN_NO_LIMIT}};
    struct wn_allocation out = {.n = 77};
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_allocate_options o = {.budget_micros = 10 * WN_MICROS};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_allocate(&a, &bad[i], 1, &o, NULL, &out, &why), WN_INVALID);
        assert_true(why.text[0] && out.n == 77);
    }
    struct wn_allocate_options wrong[] = {{.budget_micros = -1},     {.target_roas = NAN},
                                          {.max_change_ratio = -1},  {.explore_ratio = 2},
                                          {.keep_probability = NAN}, {.switch_cost = INFINITY},
                                          {.risk = WN_RISK_THOMPSON}};
    for (size_t i = 0; i < WN_COUNT(wrong); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_allocate(&a, &good, 1, &wrong[i], NULL, &out, &why), WN_INVALID);
        assert_true(why.field[0]);
    }
    assert_int_equal(wn_allocate(&a, &good, 0, &o, NULL, &out, NULL), WN_INVALID);
    wn_arena_deinit(&a);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct wn_respond hills[] = {{100, 100, 2}, {80, 90, 3}, {50, 10, .7}};
    struct wn_allocate_entity e[3];
    int64_t caps[1] = {70 * WN_MICROS};
    for (int i = 0; i < 3; i++)
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_hill, .context = &hills[i], .hi_micros = WN_NO_LIMIT};
    struct wn_allocate_options o = {
        .budget_micros = 90 * WN_MICROS, .group_caps_micros = caps, .n_groups = 1};
    int n_failed = 0, n_worked = 0;
    for (size_t limit = 1; limit < (size_t)1 << 17; limit += 97) {
        struct wn_arena a;
        struct wn_allocation out = {.n = 77};
        wn_arena_init(&a, limit);
        wn_rc rc = wn_allocate(&a, e, 3, &o, NULL, &out, NULL);
        assert_true(rc == WN_OK || (rc == WN_MEMORY && out.n == 77));
        n_failed += rc != WN_OK;
        n_worked += rc == WN_OK;
        wn_arena_deinit(&a);
    }
    assert_true(n_failed > 10 && n_worked > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_log_curves),
        cmocka_unit_test(two_hill_curves_are_not_split),
        cmocka_unit_test(concave_instances_agree_with_another_solver),
        cmocka_unit_test(start_up_phases_are_near_the_optimum),
        cmocka_unit_test(more_budget_never_predicts_less),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(another_currency_scales_the_answer),
        cmocka_unit_test(each_bound_is_named),
        cmocka_unit_test(nothing_to_change_names_the_bound),
        cmocka_unit_test(a_target_spends_less),
        cmocka_unit_test(caps_of_groups_hold),
        cmocka_unit_test(stopping_is_allowed_where_it_is),
        cmocka_unit_test(points_are_exact),
        cmocka_unit_test(parts_add_up_to_the_micro),
        cmocka_unit_test(wrong_input_is_named),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
