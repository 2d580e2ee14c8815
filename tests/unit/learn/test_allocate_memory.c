/* Protects the division of a budget against memory running out, by making the n-th allocation fail
 * for n = 1, 2, ...: an error comes back, nothing is written and nothing is leaked. */
#include "winnow/allocate.h"

#include "core/num.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { POINTS = 30, ENTITIES = 40, DAYS = 30, MANY = 3000 };

static double x[POINTS], y[POINTS];
static const struct wn_respond hill = {100, 100, 2}, logarithm = {50, 20, 0};
static struct wn_curve *curves; /* [2] */
static struct wn_allocate_entity many[MANY];

static wn_rc divide(const struct wn_allocate_entity *e, size_t n,
                    const struct wn_allocate_options *o)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_allocation out = {.n = 99999};
    wn_rand_init(&r, 1);
    wn_arena_init(&a, 0);
    wn_rc rc = wn_allocate(&a, e, n, o, &r, &out, NULL);
    assert_true((out.n == 99999) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

/* All kinds of curves at once, caps of groups, a start-up phase that needs the knapsack, and names
 * for the sentences. */
static wn_rc run_mixed(void)
{
    const int64_t caps[] = {60 * WN_MICROS, 500 * WN_MICROS};
    struct wn_allocate_entity e[ENTITIES];
    for (uint32_t i = 0; i < ENTITIES; i++) {
        e[i] = (struct wn_allocate_entity){.hi_micros = 90 * WN_MICROS,
                                           .current_micros = 2 * WN_MICROS,
                                           .may_stop = i % 5 == 0,
                                           .group = i % 2,
                                           .name = WN_STR("a name for the sentences")};
        if (i % 4 == 0) {
            e[i].respond = wn_respond_hill;
            e[i].context = &hill;
        } else if (i % 4 == 1) {
            e[i].respond = wn_respond_log;
            e[i].context = &logarithm;
        } else if (i % 4 == 2) {
            e[i].x = x;
            e[i].y = y;
            e[i].n_points = POINTS;
        } else {
            e[i].curve = &curves[i % 2];
        }
    }
    const struct wn_allocate_options o = {.budget_micros = 150 * WN_MICROS,
                                          .group_caps_micros = caps,
                                          .n_groups = 2,
                                          .keep_probability = .5,
                                          .risk = WN_RISK_THOMPSON};
    return divide(e, ENTITIES, &o);
}

/* So many that the first price is guessed from some of them. */
static wn_rc run_many(void)
{
    const struct wn_allocate_options o = {.budget_micros = MANY * 20 * WN_MICROS,
                                          .target_roas = 1.5};
    return divide(many, MANY, &o);
}

static void mixed(void **state)
{
    (void)state;
    fail_each_allocation(run_mixed);
}

static void very_many(void **state)
{
    (void)state;
    fail_each_allocation(run_many);
}

static bool prepare(struct wn_arena *a)
{
    static int32_t days[DAYS];
    static double spend[2][DAYS], revenue[2][DAYS];
    struct wn_history h[2];
    struct wn_rand r;
    wn_rand_init(&r, 2);
    for (int k = 0; k < POINTS; k++) {
        x[k] = 5 * k;
        y[k] = 30 * log1p(x[k] / 10);
    }
    for (int i = 0; i < 2; i++) {
        for (int d = 0; d < DAYS; d++) {
            days[d] = d;
            spend[i][d] = 10 * exp(.3 * wn_rand_normal(&r));
            revenue[i][d] = 40 * spend[i][d] / (10 + spend[i][d]) + wn_rand_uniform(&r);
        }
        h[i] =
            (struct wn_history){.days = days, .spend = spend[i], .revenue = revenue[i], .n = DAYS};
    }
    for (int i = 0; i < MANY; i++)
        many[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &logarithm, .hi_micros = WN_NO_LIMIT};
    return !wn_curves_fit(a, h, 2, NULL, &curves, NULL);
}

int main(void)
{
    struct wn_arena a;
    wn_arena_init(&a, 0);
    if (!prepare(&a))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mixed),
        cmocka_unit_test(very_many),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    wn_arena_deinit(&a);
    return rc;
}
