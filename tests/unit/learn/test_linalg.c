/* Protects the packed Cholesky factor and the triangular solves: residuals against random systems,
 * known small answers, and what happens to singular and broken matrices. */
#include "learn/linalg.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void known_3x3(void **state)
{
    (void)state;
    /* The textbook example: L = [2; 6 1; -8 5 3]. */
    double a[6] = {4, 12, 37, -16, -43, 98}, saved[6], jitter = 1;
    const double l[6] = {2, 6, 1, -8, 5, 3};
    assert_int_equal(wn_chol_factor(a, 3, saved, &jitter), WN_OK);
    for (int i = 0; i < 6; i++)
        assert_true(fabs(a[i] - l[i]) <= 1e-12);
    assert_true(jitter == 0);
    assert_true(fabs(wn_chol_log_det(a, 3) - 2 * log(6)) <= 1e-12);
    double z[3] = {1, 2, 3};
    wn_chol_mul(a, 3, z);
    assert_true(fabs(z[0] - 2) <= 1e-12);
    assert_true(fabs(z[1] - 8) <= 1e-12);
    assert_true(fabs(z[2] - (-8 + 10 + 9)) <= 1e-12);
}

static void residuals_are_small(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 5);
    for (size_t n = 1; n <= 60; n += 7) {
        size_t size = wn_packed_size(n);
        double *a = calloc(size, sizeof *a), *l = calloc(size, sizeof *l);
        double *saved = calloc(size, sizeof *a), *x = calloc(n, sizeof *x);
        double *b = calloc(n, sizeof *b), *back = calloc(n, sizeof *b), norm = 0;
        for (size_t k = 0; k < n + 5; k++) {
            for (size_t i = 0; i < n; i++)
                x[i] = wn_rand_normal(&r);
            wn_packed_add_outer(a, n, 1, x);
        }
        for (size_t i = 0; i < size; i++)
            norm = fmax(norm, fabs(a[i]));
        for (size_t i = 0; i < n; i++)
            x[i] = wn_rand_normal(&r);
        wn_packed_mul_vec(a, n, x, b);
        memcpy(l, a, size * sizeof *a);
        assert_int_equal(wn_chol_factor(l, n, saved, NULL), WN_OK);
        for (size_t i = 0; i < n; i++) /* L L' is A again */
            for (size_t j = 0; j <= i; j++)
                assert_true(fabs(wn_dot(l + wn_packed_at(i, 0), l + wn_packed_at(j, 0), j + 1) -
                                 a[wn_packed_at(i, j)]) < 1e-10 * norm);
        memcpy(back, b, n * sizeof *b);
        wn_chol_solve(l, n, back);
        wn_packed_mul_vec(a, n, back, x);
        for (size_t i = 0; i < n; i++)
            assert_true(fabs(x[i] - b[i]) < 1e-10 * norm * (double)n);
        free(a), free(l), free(saved), free(x), free(b), free(back);
    }
}

static void singular_gets_jitter(void **state)
{
    (void)state;
    double a[3] = {1, 1, 1}, saved[3], jitter = 0, b[2] = {1, 1};
    assert_int_equal(wn_chol_factor(a, 2, saved, &jitter), WN_OK);
    assert_true(jitter > 0 && jitter < 1e-6);
    wn_chol_solve(a, 2, b); /* the ridge shares the weight evenly */
    assert_true(fabs(b[0] - 0.5) <= 1e-6);
    assert_true(fabs(b[1] - 0.5) <= 1e-6);
    double zero[3] = {0, 0, 0};
    assert_int_equal(wn_chol_factor(zero, 2, saved, &jitter), WN_OK);
    assert_true(jitter > 0);
}

static void broken_is_refused(void **state)
{
    (void)state;
    double saved[3], a[3] = {1, NAN, 1}, b[3] = {1, INFINITY, 1}, c[3] = {-5, 0, -5};
    assert_int_equal(wn_chol_factor(a, 2, saved, NULL), WN_INVALID);
    assert_int_equal(wn_chol_factor(b, 2, saved, NULL), WN_INVALID);
    assert_int_equal(wn_chol_factor(c, 2, saved, NULL), WN_INVALID);
    assert_int_equal(wn_chol_factor(a, 0, saved, NULL), WN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_3x3),
        cmocka_unit_test(residuals_are_small),
        cmocka_unit_test(singular_gets_jitter),
        cmocka_unit_test(broken_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
