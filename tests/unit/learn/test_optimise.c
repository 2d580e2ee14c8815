/* Protects the optimisers: known minima, known maximum-likelihood estimates, and functions that
 * refuse points. */
#include "learn/optimise.h"

#include "core/rand.h"
#include "learn/linalg.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* cmocka compares in single precision. */
#define assert_near(a, b, tol) assert_true(fabs((a) - (b)) <= (tol))

static double rosenbrock(void *context, const double *x, size_t n)
{
    double sum = 0;
    (void)context;
    for (size_t i = 0; i + 1 < n; i++)
        sum += 100 * pow(x[i + 1] - x[i] * x[i], 2) + pow(1 - x[i], 2);
    return sum;
}

static void simplex_finds_the_bottom_of_the_valley(void **state)
{
    (void)state;
    double x[5] = {-1.2, 1, -1.2, 1, 1};
    struct wn_minimum m;
    assert_int_equal(wn_minimise(rosenbrock, NULL, x, 2, false, 0, 1e-14, 0, &m), WN_OK);
    assert_true(m.is_converged && m.value < 1e-10);
    assert_near(x[0], 1, 1e-5);
    assert_near(x[1], 1, 1e-5);
    for (int i = 0; i < 5; i++)
        x[i] = .5;
    assert_int_equal(wn_minimise(rosenbrock, NULL, x, 5, true, 0, 1e-14, 20000, &m), WN_OK);
    for (int i = 0; i < 5; i++)
        assert_near(x[i], 1, 1e-3);
}

/* Minus log-likelihood of a Gamma(shape, rate) with mean 3 and mean log .9. */
static double gamma_likelihood(void *context, const double *x, size_t n)
{
    (void)context;
    (void)n;
    return -(x[0] * log(x[1]) - wn_log_gamma(x[0]) + (x[0] - 1) * .9 - x[1] * 3);
}

static void simplex_on_logarithms_gives_the_gamma_estimate(void **state)
{
    (void)state;
    double x[2] = {1, 1};
    struct wn_minimum m;
    assert_int_equal(wn_minimise(gamma_likelihood, NULL, x, 2, true, 0, 1e-13, 0, &m), WN_OK);
    /* At the estimate: ln(shape) - digamma(shape) = ln(mean) - mean log, rate = shape / mean. */
    assert_near(log(x[0]) - wn_digamma(x[0]), log(3) - .9, 1e-6);
    assert_near(x[1], x[0] / 3, 1e-5);
}

static double walled(void *context, const double *x, size_t n)
{
    (void)context;
    (void)n;
    return x[0] < .25 ? NAN : x[0] > 3 ? -INFINITY : x[0];
}

static void refused_points_are_not_taken(void **state)
{
    (void)state;
    double x[1] = {1};
    struct wn_minimum m;
    assert_int_equal(wn_minimise(walled, NULL, x, 1, false, 0, 0, 0, &m), WN_OK);
    assert_near(x[0], .25, 1e-4);
    x[0] = 0;
    assert_int_equal(wn_minimise(walled, NULL, x, 1, false, 0, 0, 0, &m), WN_INVALID);
    x[0] = -1;
    assert_int_equal(wn_minimise(walled, NULL, x, 1, true, 0, 0, 0, &m), WN_INVALID);
    x[0] = NAN;
    assert_int_equal(wn_minimise(walled, NULL, x, 1, false, 0, 0, 0, &m), WN_INVALID);
    assert_int_equal(wn_minimise(walled, NULL, x, 9, false, 0, 0, 0, &m), WN_INVALID);
}

static double wave(void *context, double x)
{
    (void)context;
    return -sin(x);
}
static double edge(void *context, double x)
{
    (void)context;
    return x;
}
static double hole(void *context, double x)
{
    (void)context;
    return x < 0 ? NAN : fabs(x - 2);
}
static double cubic(void *context, double x)
{
    (void)context;
    return x * x * x - 2;
}

static void one_dimension(void **state)
{
    (void)state;
    double x;
    struct wn_minimum m;
    assert_int_equal(wn_minimise_one(wave, NULL, 0, 3, 0, &x, &m), WN_OK);
    assert_near(x, 1.5707963, 1e-6);
    assert_true(m.is_converged && m.n_calls < 30);
    assert_int_equal(wn_minimise_one(edge, NULL, -1, 4, 0, &x, &m), WN_OK);
    assert_near(x, -1, 1e-6);
    assert_int_equal(wn_minimise_one(hole, NULL, -9, 4, 0, &x, &m), WN_OK);
    assert_near(x, 2, 1e-6);
    assert_int_equal(wn_minimise_one(edge, NULL, 4, 4, 0, &x, &m), WN_OK);
    assert_true(x == 4);
    assert_int_equal(wn_minimise_one(edge, NULL, 4, -1, 0, &x, &m), WN_INVALID);
    assert_int_equal(wn_minimise_one(edge, NULL, NAN, 1, 0, &x, &m), WN_INVALID);
    assert_int_equal(wn_find_zero(cubic, NULL, 0, 2, &x), WN_OK);
    assert_near(x, cbrt(2), 4e-16);
    assert_int_equal(wn_find_zero(cubic, NULL, 2, 3, &x), WN_INVALID);
    assert_int_equal(wn_find_zero(cubic, NULL, 0, INFINITY, &x), WN_INVALID);
    assert_int_equal(wn_find_zero(edge, NULL, 0, 3, &x), WN_OK);
    assert_true(x == 0);
}

/* Logistic regression of 0/1 on two groups: the estimate is the logit of each group's share. */
static double logistic(void *context, const double *x, size_t n, double *gradient, double *hessian)
{
    static const double k[2] = {30, 5}, trials[2] = {100, 200}, group[2] = {0, 1};
    double value = 0;
    (void)context;
    for (size_t i = 0; i < n; i++)
        gradient[i] = 0;
    for (size_t i = 0; i < wn_packed_size(n); i++)
        hessian[i] = 0;
    for (int g = 0; g < 2; g++) {
        double z[2] = {1, group[g]}, eta = x[0] + x[1] * group[g], p = wn_sigmoid(eta);
        value += trials[g] * wn_log1pexp(eta) - k[g] * eta;
        for (size_t i = 0; i < n; i++)
            gradient[i] += (trials[g] * p - k[g]) * z[i];
        wn_packed_add_outer(hessian, n, trials[g] * p * (1 - p), z);
    }
    return value;
}

static void newton_finds_the_estimate_from_afar(void **state)
{
    (void)state;
    double x[2], scratch[3 * 2 + 2 * 3];
    static const double starts[][2] = {{0, 0}, {8, -20}, {-9, 14}};
    struct wn_minimum m;
    for (int s = 0; s < 3; s++) {
        x[0] = starts[s][0];
        x[1] = starts[s][1];
        assert_int_equal(wn_newton(logistic, NULL, x, 2, 0, 1e-12, 200, scratch, &m), WN_OK);
        assert_true(m.is_converged);
        assert_near(x[0], wn_logit(.3), 1e-8);
        assert_near(x[0] + x[1], wn_logit(.025), 1e-8);
    }
    x[0] = NAN;
    assert_int_equal(wn_newton(logistic, NULL, x, 2, 0, 0, 10, scratch, &m), WN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simplex_finds_the_bottom_of_the_valley),
        cmocka_unit_test(simplex_on_logarithms_gives_the_gamma_estimate),
        cmocka_unit_test(refused_points_are_not_taken),
        cmocka_unit_test(one_dimension),
        cmocka_unit_test(newton_finds_the_estimate_from_afar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
