/* Protects the detector and the search for causes against memory running out, by making the n-th
 * allocation fail for n = 1, 2, ...: an error comes back, nothing is written and nothing is leaked. */
#include "core/rand.h"
#include "learn/cause.h"
#include "winnow/detect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { ROWS = 80, FACTS = 4000, VALUES = 300, DAYS = 3 };

static int64_t ts_ms[ROWS];
static double value[ROWS];
static uint8_t *saved; /* the state of a detector that has seen the rows */
static uint32_t ids[FACTS][2];
static double usual[FACTS], now[FACTS], below[FACTS];

static wn_rc run_series(void)
{
    struct wn_arena a;
    struct wn_detect_result out[ROWS];
    wn_arena_init(&a, 0);
    wn_rc rc = wn_detect_series(&a, &WN_DETECT_OPTIONS_DEFAULT, ts_ms, value, ROWS, out, NULL);
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_load(void)
{
    struct wn_arena a;
    struct wn_detector *d = NULL;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_detect_load(&a, saved, wn_detect_state_bytes(), &d, NULL);
    assert_true((d == NULL) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static const uint32_t n_elements[2] = {VALUES, 7};

static struct wn_cause_input facts(const double *actual, bool is_ratio)
{
    return (struct wn_cause_input){.n_rows = FACTS,
                                   .n_dimensions = 2,
                                   .ids = &ids[0][0],
                                   .n_elements = n_elements,
                                   .forecast = usual,
                                   .actual = actual,
                                   .forecast_below = is_ratio ? below : NULL,
                                   .actual_below = is_ratio ? below : NULL};
}

static wn_rc run_causes(void)
{
    struct wn_arena a;
    struct wn_cause_report out = {.n_causes = 99};
    struct wn_cause_input in = facts(now, false), days[DAYS];
    for (int d = 0; d < DAYS; d++)
        days[d] = facts(usual, false);
    wn_arena_init(&a, 0);
    wn_rc rc = wn_cause_explain_against(&in, days, DAYS, &WN_CAUSE_OPTIONS_DEFAULT, &a, &out, NULL);
    assert_true((out.n_causes == 99) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc run_ratio_causes(void)
{
    struct wn_arena a;
    struct wn_cause_report out = {.n_causes = 99};
    struct wn_cause_input in = facts(now, true);
    wn_arena_init(&a, 0);
    wn_rc rc = wn_cause_explain(&in, &WN_CAUSE_OPTIONS_DEFAULT, &a, &out, NULL, NULL);
    assert_true((out.n_causes == 99) == (rc != WN_OK));
    wn_arena_deinit(&a);
    return rc;
}

static void series(void **state)
{
    (void)state;
    fail_each_allocation(run_series);
}

static void load(void **state)
{
    (void)state;
    fail_each_allocation(run_load);
}

static void causes(void **state)
{
    (void)state;
    fail_each_allocation(run_causes);
}

static void causes_of_a_ratio(void **state)
{
    (void)state;
    fail_each_allocation(run_ratio_causes);
}

static bool prepare(void)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_detector *d;
    struct wn_detect_result out;
    wn_rand_init(&r, 1);
    wn_arena_init(&a, 0);
    saved = malloc(wn_detect_state_bytes());
    if (!saved || wn_detect_init(&a, &WN_DETECT_OPTIONS_DEFAULT, &d, NULL))
        return false;
    for (int i = 0; i < ROWS; i++) {
        ts_ms[i] = i * INT64_C(3600000);
        value[i] = 100 + wn_rand_normal(&r);
        wn_detect_push(d, ts_ms[i], value[i], &out);
    }
    wn_detect_save(d, saved);
    wn_arena_deinit(&a);
    for (uint32_t i = 0; i < FACTS; i++) {
        ids[i][0] = i % VALUES;
        ids[i][1] = i % 7;
        usual[i] = 10 + wn_rand_uniform(&r);
        now[i] = usual[i] * (i % VALUES == 5 ? 9 : 1);
        below[i] = 5;
    }
    return true;
}

int main(void)
{
    if (!prepare())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series),
        cmocka_unit_test(load),
        cmocka_unit_test(causes),
        cmocka_unit_test(causes_of_a_ratio),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(saved);
    return rc;
}
