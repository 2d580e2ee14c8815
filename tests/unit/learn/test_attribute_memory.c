/* Protects everything of attribution against memory running out, by making the n-th allocation fail
 * for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "learn/attribute_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { PATHS = 300, TOUCHES = 6 };
static size_t starts[PATHS + 1];
static uint16_t touches[PATHS * TOUCHES];
static double conversions[PATHS], nulls[PATHS];
static struct wn_paths paths = {.n = PATHS,
                                .starts = starts,
                                .touches = touches,
                                .conversions = conversions,
                                .values = conversions,
                                .nulls = nulls};

static wn_rc attribute(size_t n_channels, struct wn_attribute_options options)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_attribution out;
    paths.n_channels = n_channels;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    wn_rc rc = wn_attribute(&a, &paths, &options, &r, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_all_models(void)
{
    return attribute(6, (struct wn_attribute_options){.n_bootstraps = 3, .order_auto = true});
}

/* Sweeps, and permutations. */
static wn_rc run_larger(void)
{
    return attribute(
        20, (struct wn_attribute_options){.n_bootstraps = 2, .order = 3, .n_permutations = 10});
}

static wn_rc run_events(void)
{
    static struct wn_touch_event events[40];
    struct wn_arena a;
    struct wn_paths out;
    for (size_t i = 0; i < 40; i++)
        events[i] = (struct wn_touch_event){.person = (uint32_t)i % 3,
                                            .channel = (uint16_t)(i % 2),
                                            .at_ms = (int64_t)i,
                                            .conversions = i % 5 == 0};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_paths_build(&a, events, 40, 2, NULL, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_lift(void)
{
    struct wn_arena a;
    struct wn_lift_test *tests;
    struct wn_calibrated *out;
    struct wn_str channels[] = {WN_STR("a"), WN_STR("b")};
    const double credits[] = {1, 2};
    size_t n;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_lift_csv_read(&a, WN_STR("channel,lift,se,date\na,.5,.1,2026-01-01\n"), channels,
                                2, &tests, &n, NULL);
    if (!rc)
        rc = wn_calibrate(&a, credits, 2, tests, n, 20000, NULL, &out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc read(const char *text, size_t n)
{
    struct wn_arena a;
    struct wn_path_csv_reader *r = NULL;
    struct wn_path_csv out;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_path_csv_new(&r, NULL);
    if (!rc)
        rc = wn_path_csv_push(r, (struct wn_str){text, n}, NULL);
    if (!rc)
        rc = wn_path_csv_finish(r, NULL, &a, &out, NULL);
    wn_path_csv_free(r);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_path_csv(void)
{
    static char text[100000];
    size_t n = (size_t)snprintf(text, sizeof text, "path,conversions,null\n");
    for (int i = 0; i < 1200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "c%d > c%d > c%d,1,2\n", i % 50, i % 7,
                              i % 11);
    return read(text, n);
}

static wn_rc run_event_csv(void)
{
    static char text[100000];
    size_t n = (size_t)snprintf(text, sizeof text, "person,channel,time,conversion,value\n");
    for (int i = 0; i < 1200; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "p%d,c%d,2026-01-%02d,%d,%d\n", i % 400,
                              i % 9, 1 + i % 28, i % 3 == 0, i % 3 == 0);
    return read(text, n);
}

#define FAILING(name)                                                                              \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        fail_each_allocation(run_##name);                                                          \
    }
FAILING(all_models)
FAILING(larger)
FAILING(events)
FAILING(lift)
FAILING(path_csv)
FAILING(event_csv)

int main(void)
{
    for (size_t p = 0; p < PATHS; p++) {
        starts[p + 1] = starts[p] + 1 + p % TOUCHES;
        conversions[p] = p % 4 == 0;
        nulls[p] = p % 4 != 0;
        for (size_t i = starts[p]; i < starts[p + 1]; i++)
            touches[i] = (uint16_t)((p * 7 + i * i) % 6);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_models), cmocka_unit_test(larger),   cmocka_unit_test(events),
        cmocka_unit_test(lift),       cmocka_unit_test(path_csv), cmocka_unit_test(event_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
