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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_log_curves),
        cmocka_unit_test(two_hill_curves_are_not_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
