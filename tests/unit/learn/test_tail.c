/* Protects the tails that decide about alerts on counts: published values, agreement with plain
 * sums, peaks over threshold, and sane answers to insane input. */
#include "learn/tail.h"

#include "core/rand.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.12g, expected %.12g", got, want);
}

static void test_known_answers(void **state)
{
    struct wn_tail t;
    (void)state;
    wn_tail_nb(5, 20, 5, &t);
    near(t.lower, 0.032793, 5e-7);
    wn_tail_nb(45, 20, 5, &t);
    near(t.upper, 0.021449, 5e-7);
    wn_tail_poisson(5, 20, &t);
    near(t.lower, 7.19e-5, 5e-8);
    wn_tail_beta_binomial(5, 1000, 4, 196, &t);
    near(t.lower, 0.046722, 5e-7);
    wn_tail_rate(5, 1000, 0.02, 200, &t);
    near(t.lower, 0.046722, 5e-7);
    wn_tail_beta_binomial(5, 1000, 2e12, 98e12, &t); /* so sure that it is binomial */
    near(t.lower, 6.40e-5, 5e-8);
    wn_tail_beta_binomial(5, 1000, 2e6, 98e6, &t);
    near(t.lower, 6.40e-5, 5e-8);
    struct wn_pot p = {10, 2, 0.1, 10000, 200};
    near(wn_pot_quantile(&p, 1e-4), 23.97293, 5e-6);
    near(wn_pot_upper(&p, 23.97293), 1e-4, 1e-9);
    p.shape = 0;
    near(wn_pot_quantile(&p, 1e-4), 20.59663, 5e-6);
    near(wn_pot_upper(&p, 20.59663), 1e-4, 1e-9);
}

/* The sum of probabilities, each by logarithms of gamma. */
static double nb_sum(double from, double to, double mean, double size)
{
    double sum = 0;
    for (double k = from; k <= to; k++)
        sum += exp(wn_log_gamma(k + size) - wn_log_gamma(size) - wn_log_gamma(k + 1) +
                   size * log(size / (size + mean)) + k * log(mean / (size + mean)));
    return sum;
}

static void test_tails_are_sums(void **state)
{
    static const double means[] = {0.1, 3, 20, 400}, sizes[] = {0.3, 5, 20, 900};
    struct wn_tail t;
    (void)state;
    for (size_t m = 0; m < WN_COUNT(means); m++)
        for (size_t s = 0; s < WN_COUNT(sizes); s++)
            for (double x = 0; x < 3 * means[m] + 3; x += ceil(means[m] / 3)) {
                wn_tail_nb(x, means[m], sizes[s], &t);
                near(t.lower, nb_sum(0, x, means[m], sizes[s]), 1e-9);
                near(t.equal, nb_sum(x, x, means[m], sizes[s]), 1e-9);
                near(t.lower + t.upper - t.equal, 1, 1e-11);
            }
    double sum = 0, below = 0;
    for (double x = 0; x <= 300; x++) {
        wn_tail_beta_binomial(x, 300, 2.5, 40, &t);
        sum += t.equal;
        near(t.lower, sum, 1e-10);
        near(t.upper, 1 - below, 1e-10);
        below = sum;
    }
    near(sum, 1, 1e-10);
    wn_tail_nb(12, 20, 2e4, &t); /* beyond the largest size: Poisson */
    double lower = t.lower;
    wn_tail_poisson(12, 20, &t);
    near(lower, t.lower, 0);
}

static void test_huge_beta_binomial_meets_the_sum(void **state)
{
    struct wn_tail sum, beta;
    (void)state;
    /* 190,000 successes are summed, 210,000 are not; the same place in standard deviations. */
    wn_tail_rate(190000, 1e6, 0.2, 5000, &sum);
    wn_tail_rate(210001, 210001 / 0.19, 0.2, 5000, &beta);
    near(sum.lower, beta.lower, 2e-3);
    assert_true(sum.lower > 0.02 && sum.lower < 0.06);
}

static void test_mid_p_is_fair(void **state)
{
    struct wn_rand r;
    int n_below = 0, n = 20000;
    (void)state;
    wn_rand_init(&r, 5);
    for (int i = 0; i < n; i++) {
        struct wn_tail t;
        double mean = 20, size = 20;
        double x = (double)wn_rand_poisson(&r, wn_rand_gamma(&r, size) * mean / size);
        wn_tail_nb(x, mean, size, &t);
        n_below += t.mid_p < 0.05;
    }
    near(n_below / (double)n, 0.05, 0.008); /* five standard errors */
}

static void test_size_fit(void **state)
{
    static double x[4000], mean[4000];
    struct wn_rand r;
    (void)state;
    wn_rand_init(&r, 7);
    for (int i = 0; i < 4000; i++) {
        mean[i] = 5 + i % 60;
        x[i] = (double)wn_rand_poisson(&r, wn_rand_gamma(&r, 8) * mean[i] / 8);
    }
    near(wn_nb_size_fit(x, mean, 4000, 20, 30), 8, 0.8); /* within a tenth, as shrinkage asks */
    near(wn_nb_size_fit(x, mean, 0, 20, 30), 20, 1e-9);
    for (int i = 0; i < 4000; i++)
        x[i] = (double)wn_rand_poisson(&r, mean[i]);
    assert_true(wn_nb_size_fit(x, mean, 4000, 20, 0) > 200);
    x[3] = NAN;
    mean[4] = -1;
    assert_true(isfinite(wn_nb_size_fit(x, mean, 4000, 20, 30)));
}

static void test_revenue(void **state)
{
    (void)state;
    near(wn_tail_revenue(1000, 20, 20, 50, 0.5), 1, 0.3);
    assert_true(wn_tail_revenue(100, 20, 20, 50, 0.5) < 1e-4);
    assert_true(wn_tail_revenue(100000, 20, 20, 50, 0.5) < 1e-6);
    near(wn_tail_revenue(0, 0, 20, 50, 0.5), 1, 0);
    assert_true(wn_tail_revenue(5, 0, 20, 50, 0.5) <= 1e-299);
}

static void test_pot_fit(void **state)
{
    static double excess[3000];
    struct wn_rand r;
    struct wn_pot p;
    struct wn_why why = {0};
    (void)state;
    wn_rand_init(&r, 3);
    static const double shapes[] = {-0.2, 0.15, 0.35};
    for (size_t s = 0; s < WN_COUNT(shapes); s++) {
        for (int i = 0; i < 3000; i++)
            excess[i] = 2 * (pow(wn_rand_open(&r), -shapes[s]) - 1) / shapes[s];
        assert_int_equal(wn_pot_fit(10, excess, 3000, 150000, &p, &why), WN_OK);
        near(p.shape, shapes[s], 0.09); /* four standard errors, (1+xi)/sqrt(n) */
        near(p.scale, 2, 0.25);
    }
    /* Fewer than 50 excesses: exponential. */
    assert_int_equal(wn_pot_fit(10, excess, 20, 1000, &p, &why), WN_OK);
    near(p.shape, 0, 0);
    assert_int_equal(wn_pot_fit(10, excess, 0, 1000, &p, &why), WN_INVALID);
    assert_int_equal(wn_pot_fit(NAN, excess, 20, 1000, &p, &why), WN_INVALID);
    for (int i = 0; i < 100; i++)
        excess[i] = 3; /* all the same */
    assert_int_equal(wn_pot_fit(10, excess, 100, 1000, &p, &why), WN_OK);
    assert_true(p.scale > 0 && isfinite(wn_pot_quantile(&p, 1e-6)));
}

static void test_cusum(void **state)
{
    struct wn_rand r;
    struct wn_cusum c;
    int n_false = 0, n_late = 0;
    (void)state;
    wn_rand_init(&r, 11);
    wn_cusum_init(&c, 0.25, 12);
    for (int i = 0; i < 100000; i++)
        n_false += wn_cusum_push(&c, wn_rand_normal(&r)) != 0;
    assert_in_range(n_false, 15, 70); /* 100000 / 2900 of both sides, give or take six errors */
    for (int k = 0; k < 100; k++) {
        int at = 0;
        wn_cusum_init(&c, 0.25, 8);
        while (at < 200 && wn_cusum_push(&c, wn_rand_normal(&r) - 1) != -1)
            at++;
        n_late += at > 25; /* a shift of one standard deviation takes 8 / 0.75 slots */
    }
    assert_in_range(n_late, 0, 3);
    assert_int_equal(wn_cusum_push(&c, NAN), 0);
}

static void test_delay(void **state)
{
    (void)state;
    near(wn_delay_part(24, 24), 1 - exp(-1), 1e-15);
    near(wn_delay_part(0, 24), 0, 0);
    near(wn_delay_part(5, 0), 1, 0);
    near(wn_delay_part(NAN, 24), 0, 0);
}

static void test_insane_input(void **state)
{
    static const double odd[] = {0, -1, NAN, INFINITY, -INFINITY, 1e15, 1e300, 1e-300, 0.5, 3, 1e7};
    (void)state;
    for (size_t i = 0; i < WN_COUNT(odd); i++)
        for (size_t j = 0; j < WN_COUNT(odd); j++)
            for (size_t k = 0; k < WN_COUNT(odd); k++) {
                struct wn_tail t[3];
                wn_tail_nb(odd[i], odd[j], odd[k], &t[0]);
                wn_tail_rate(odd[i], odd[j], odd[k], 100, &t[1]);
                wn_tail_beta_binomial(odd[i], odd[j], odd[k], 3, &t[2]);
                for (int n = 0; n < 3; n++) {
                    if (!(t[n].lower >= 0 && t[n].lower <= 1 && t[n].upper >= 0 &&
                          t[n].upper <= 1 && t[n].mid_p > 0 && t[n].mid_p <= 1))
                        fail_msg("%d: %g %g %g", n, odd[i], odd[j], odd[k]);
                    assert_true(fabs(wn_tail_score(&t[n])) <= 37);
                }
                double p = wn_tail_revenue(odd[i], odd[j], odd[k], 50, 1);
                assert_true(p > 0 && p <= 1);
                struct wn_pot pot = {odd[i] > -2 && odd[i] < 1e10 ? odd[i] : 1, 1, 0.2, 1000, 20};
                assert_true(isfinite(wn_pot_quantile(&pot, odd[j])));
                assert_true(isfinite(wn_pot_upper(&pot, odd[k])));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_tails_are_sums),
        cmocka_unit_test(test_huge_beta_binomial_meets_the_sum),
        cmocka_unit_test(test_mid_p_is_fair),
        cmocka_unit_test(test_size_fit),
        cmocka_unit_test(test_revenue),
        cmocka_unit_test(test_pot_fit),
        cmocka_unit_test(test_cusum),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_insane_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
