/* Protects the control of false alarms: published rejections and levels, and simulated streams in
 * which the share of wrong alerts must stay below what was promised. */
#include "learn/fdr.h"

#include "core/rand.h"
#include "learn/special.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_benjamini_hochberg(void **state)
{
    static const double p[10] = {.001, .008, .039, .041, .042, .06, .074, .205, .212, .216};
    double scratch[10], q[10];
    size_t n, order[10];
    bool rejected[10];
    struct wn_why why = {0};
    (void)state;
    assert_int_equal(wn_fdr_bh(p, 10, 0.05, scratch, rejected, &n, &why), WN_OK);
    assert_int_equal(n, 2);
    assert_true(rejected[0] && rejected[1] && !rejected[2]);
    wn_fdr_adjust(p, 10, order, q);
    for (int i = 0; i < 10; i++)
        assert_int_equal(q[i] <= 0.05, rejected[i]);
    assert_true(fabs(q[0] - 0.01) < 1e-12 && fabs(q[2] - 0.084) < 1e-12);
    const double odd[3] = {NAN, -1, 0.9};
    assert_int_equal(wn_fdr_bh(odd, 3, 0.1, scratch, rejected, &n, &why), WN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(wn_fdr_bh(p, 0, 0.1, scratch, rejected, &n, &why), WN_OK);
    assert_int_equal(wn_fdr_bh(p, 10, 0, scratch, rejected, &n, &why), WN_INVALID);
    assert_int_equal(wn_fdr_bh(p, 10, NAN, scratch, rejected, &n, &why), WN_INVALID);
}

static void test_lord_levels(void **state)
{
    static const double gammas[4] = {.053517, .011638, .009913, .008244};
    struct wn_fdr f;
    struct wn_why why = {0};
    double sum = 0;
    (void)state;
    for (int j = 1; j <= 4; j++)
        assert_true(fabs(wn_fdr_lord_gamma(j) - gammas[j - 1]) < 5e-6);
    for (double j = 1; j < 2e6; j++)
        sum += wn_fdr_lord_gamma(j);
    assert_true(sum < 1.001);
    assert_int_equal(wn_fdr_init(&f, WN_FDR_LORD, 0.05, &why), WN_OK);
    assert_true(fabs(wn_fdr_level(&f) - gammas[0] * 0.025) < 1e-6);
    assert_true(wn_fdr_push(&f, 0));
    /* gamma_2 w0 + gamma_1 (alpha - w0) */
    assert_true(fabs(wn_fdr_level(&f) - 0.025 * (gammas[1] + gammas[0])) < 1e-6);
    assert_true(wn_fdr_push(&f, 0));
    assert_true(fabs(wn_fdr_level(&f) - (0.025 * (gammas[2] + gammas[1]) + 0.05 * gammas[0])) <
                1e-6);
    assert_int_equal(wn_fdr_init(&f, WN_FDR_LORD, 1, &why), WN_INVALID);
}

/* Tests of which a share pi has an effect of 3 or 4 standard deviations. */
static void simulate(wn_fdr_kind kind, double pi, double *fdr, double *power)
{
    struct wn_rand r;
    struct wn_why why = {0};
    double wrong_share = 0, found = 0, real = 0;
    wn_rand_init(&r, 99);
    for (int run = 0; run < 40; run++) {
        struct wn_fdr f;
        double n_wrong = 0, n_alerts = 0;
        assert_int_equal(wn_fdr_init(&f, kind, 0.1, &why), WN_OK);
        for (int i = 0; i < 800; i++) {
            bool is_real = wn_rand_uniform(&r) < pi;
            bool hit = wn_fdr_push(&f, wn_normal_upper(wn_rand_normal(&r) + (is_real ? 3.5 : 0)));
            n_alerts += hit;
            n_wrong += hit && !is_real;
            found += hit && is_real;
            real += is_real;
        }
        wrong_share += n_alerts > 0 ? n_wrong / n_alerts : 0;
    }
    *fdr = wrong_share / 40;
    *power = found / (real > 0 ? real : 1);
}

static void test_false_discoveries(void **state)
{
    double fdr, lord, saffron;
    (void)state;
    simulate(WN_FDR_LORD, 0.02, &fdr, &lord);
    assert_true(fdr <= 0.12); /* 0.1 and one and a half standard errors of 40 runs */
    simulate(WN_FDR_LORD, 0.3, &fdr, &lord);
    assert_true(fdr <= 0.1 && lord > 0.5);
    simulate(WN_FDR_SAFFRON, 0.3, &fdr, &saffron);
    assert_true(fdr <= 0.1);
    assert_true(saffron > lord); /* that is what it is for */
}

static void test_many_rejections(void **state)
{
    struct wn_fdr f;
    struct wn_why why = {0};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(wn_fdr_init(&f, (wn_fdr_kind)kind, 0.05, &why), WN_OK);
        for (int i = 0; i < 3 * WN_FDR_REJECTIONS_MAX; i++) {
            assert_true(wn_fdr_push(&f, 0));
            double level = wn_fdr_level(&f);
            assert_true(level > 0 && level < 1);
        }
        assert_false(wn_fdr_push(&f, NAN));
        assert_int_equal(f.n_kept, WN_FDR_REJECTIONS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_benjamini_hochberg),
        cmocka_unit_test(test_lord_levels),
        cmocka_unit_test(test_false_discoveries),
        cmocka_unit_test(test_many_rejections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
