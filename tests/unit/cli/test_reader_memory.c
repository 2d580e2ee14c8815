/* Protects what reads the input of allocate and of detect --explain against memory running out, by
 * making the n-th allocation fail for n = 1, 2, ...: an error comes back and nothing is leaked. */
#include "cli/allocate_input.h"
#include "cli/detect_explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { ROWS = 3000, ENTITIES = 1200, MOMENTS = 4 };

static char history[ROWS * 48], curves[ENTITIES * 80];

static wn_rc read_text(const char *text)
{
    struct wn_arena a;
    struct wn_allocate_input in;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_allocate_input_read(&a, wn_str_of(text), &in, &why);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_history(void)
{
    return read_text(history);
}

static wn_rc run_curves(void)
{
    return read_text(curves);
}

static wn_rc run_explain(void)
{
    static const char *const names[] = {"campaign", "device"};
    struct wn_explain e;
    struct wn_arena a;
    struct wn_cause_report report;
    wn_rc rc = WN_OK;
    wn_arena_init(&a, 0);
    wn_explain_open(&e, names, 2);
    for (int m = 0; m < MOMENTS && !rc; m++) {
        for (int i = 0; i < 600 && !rc; i++) {
            char text[16];
            int n = snprintf(text, sizeof text, "c%d", i % 300);
            struct wn_str values[2] = {{text, (size_t)n}, i % 2 ? WN_STR("phone") : WN_STR("desk")};
            rc = wn_explain_add(&e, values, m == MOMENTS - 1 && i % 300 == 7 ? 900 : 1, NULL);
        }
        if (!rc && m == MOMENTS - 1)
            rc = wn_explain_causes(&e, 600, &a, &report, NULL);
        if (!rc)
            rc = wn_explain_end(&e, 600, true, NULL);
    }
    wn_explain_close(&e);
    wn_arena_deinit(&a);
    return rc;
}

static void history_csv(void **state)
{
    (void)state;
    fail_each_allocation(run_history);
}

static void curves_json(void **state)
{
    (void)state;
    fail_each_allocation(run_curves);
}

static void explain(void **state)
{
    (void)state;
    fail_each_allocation(run_explain);
}

int main(void)
{
    size_t n = (size_t)snprintf(history, sizeof history, "entity,date,spend,revenue,group\n");
    for (int i = 0; i < ROWS; i++)
        n += (size_t)snprintf(history + n, sizeof history - n, "e%d,2026-01-%02d,%d,%d,g%d\n",
                              i % ENTITIES, 1 + i / ENTITIES, i, 2 * i, i % 5);
    n = (size_t)snprintf(curves, sizeof curves, "[");
    for (int i = 0; i < ENTITIES; i++)
        n += (size_t)snprintf(curves + n, sizeof curves - n,
                              "%s{\"entity\":\"e%d\",\"group\":\"g%d\",\"points\":[[0,0],[%d,5]]}",
                              i ? "," : "", i, i % 300, i + 1);
    (void)snprintf(curves + n, sizeof curves - n, "]");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_csv),
        cmocka_unit_test(curves_json),
        cmocka_unit_test(explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
