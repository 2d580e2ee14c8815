/* Protects the moving order statistics: exact against sorting, whatever leaves and enters. */
#include "learn/quantile.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void test_against_sorting(void **state)
{
    static float values[3000];
    (void)state;
    for (uint32_t n_max = 1; n_max < 400; n_max = n_max * 3 + 1) {
        float *ring = calloc(n_max, sizeof *ring), *sorted = calloc(n_max, sizeof *sorted);
        double *copy = calloc(n_max, sizeof *copy);
        struct wn_quantile_window w;
        struct wn_rand r;
        wn_rand_init(&r, n_max);
        wn_quantile_window_init(&w, ring, sorted, n_max);
        assert_true(wn_quantile_window_get(&w, 0.5) == 0.0);
        for (uint32_t i = 0; i < 3000; i++) {
            values[i] = (float)wn_rand_below(&r, 50) - 20; /* many ties */
            wn_quantile_window_push(&w, values[i]);
            uint32_t n = i + 1 < n_max ? i + 1 : n_max;
            if (i % 37)
                continue;
            for (uint32_t k = 0; k < n; k++)
                copy[k] = (double)values[i - k];
            qsort(copy, n, sizeof *copy, by_value);
            for (uint32_t k = 0; k < n; k++)
                assert_true((float)copy[k] == w.sorted[k]);
            for (double p = -0.1; p < 1.2; p += 0.1)
                assert_true(fabs(wn_quantile_window_get(&w, p) - wn_quantile_sorted(copy, n, p)) <
                            1e-9);
        }
        memset(sorted, 0, n_max * sizeof *sorted);
        wn_quantile_window_rebuild(&w);
        for (uint32_t k = 0; k + 1 < w.n; k++)
            assert_true(w.sorted[k] <= w.sorted[k + 1]);
        free(ring);
        free(sorted);
        free(copy);
    }
}

static void test_odd_values(void **state)
{
    float ring[4], sorted[4];
    struct wn_quantile_window w;
    (void)state;
    wn_quantile_window_init(&w, ring, sorted, 4);
    wn_quantile_window_push(&w, NAN);
    assert_int_equal(w.n, 0);
    wn_quantile_window_push(&w, INFINITY);
    wn_quantile_window_push(&w, -INFINITY);
    assert_true(isfinite(wn_quantile_window_get(&w, 0)) && isfinite(wn_quantile_window_get(&w, 1)));
    assert_true(wn_quantile_sorted(NULL, 0, 0.5) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_sorting),
        cmocka_unit_test(test_odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
