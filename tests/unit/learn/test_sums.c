/* Protects long sums from losing digits, and running moments from order and decay. */
#include "learn/sums.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* cmocka compares in single precision. */
#define assert_near(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

static void ten_million_tenths(void **state)
{
    (void)state;
    struct wn_sum s = {0};
    for (int i = 0; i < 10000000; i++)
        wn_sum_add(&s, .1);
    assert_near(wn_sum_value(&s), 1e6, 1e-9);
    static const double cancel[] = {1, 1e100, 1, -1e100}; /* Neumaier's own example */
    assert_true(wn_sum_of(cancel, 4) == 2);
    assert_true(wn_sum_of(NULL, 0) == 0);
}

static void moments_agree_with_two_passes(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct wn_rand r;
    struct wn_moments m = {0}, parts[2];
    static double x[N], w[N];
    double sum = 0, weights = 0, spread = 0;
    parts[0] = parts[1] = m;
    wn_rand_init(&r, 3);
    for (int i = 0; i < N; i++) {
        x[i] = 1e9 + wn_rand_normal(&r); /* far from 0: where naive sums of squares fail */
        w[i] = wn_rand_uniform(&r);
        sum += w[i] * (x[i] - 1e9);
        weights += w[i];
        wn_moments_add(&m, x[i], w[i]);
        wn_moments_add(&parts[i % 2], x[i], w[i]);
    }
    double mean = 1e9 + sum / weights;
    for (int i = 0; i < N; i++)
        spread += w[i] * (x[i] - mean) * (x[i] - mean);
    assert_near(m.mean, mean, 1e-6);
    assert_near(wn_moments_variance(&m), spread / weights, 1e-6);
    wn_moments_merge(&parts[0], &parts[1]);
    assert_near(parts[0].mean, m.mean, 1e-6);
    assert_near(wn_moments_variance_unbiased(&parts[0]), wn_moments_variance_unbiased(&m), 1e-6);
    assert_true(wn_moments_n_effective(&m) < N && wn_moments_n_effective(&m) > .7 * N);
}

static void decay_forgets(void **state)
{
    (void)state;
    struct wn_moments m = {0};
    for (int i = 0; i < 200; i++) {
        wn_moments_decay(&m, .9);
        wn_moments_add(&m, i < 100 ? 5 : 7, 1);
    }
    assert_near(m.mean, 7, 1e-3);
    assert_near(m.weight, 10, 1e-6); /* 1 / (1 - .9) */
    wn_moments_decay(&m, NAN);
    assert_true(m.weight == 0);
}

static void what_is_no_number_is_left_out(void **state)
{
    (void)state;
    struct wn_moments m = {0}, none = {0};
    wn_moments_add(&m, NAN, 1);
    wn_moments_add(&m, 1, INFINITY);
    wn_moments_add(&m, INFINITY, 1);
    wn_moments_add(&m, 1, -1);
    wn_moments_add(&m, 4, 2);
    assert_true(m.mean == 4 && m.weight == 2);
    assert_true(wn_moments_variance(&none) == 0 && wn_moments_variance_unbiased(&m) == 0);
    assert_true(wn_moments_n_effective(&none) == 0 && wn_moments_n_effective(&m) == 1);
    wn_moments_merge(&m, &none);
    assert_true(m.mean == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_million_tenths),
        cmocka_unit_test(moments_agree_with_two_passes),
        cmocka_unit_test(decay_forgets),
        cmocka_unit_test(what_is_no_number_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
