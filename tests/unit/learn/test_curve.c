/* Protects response curves: what a simulated truth must be recovered as, with honest intervals, and
 * defined answers for histories that say little or nothing. */
#include "winnow/allocate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAYS = 90, WORLDS = 2400, PER_FIT = 40 };

/* A truth: Hill or linear, carry-over, spend that moves, noise. */
struct truth {
    double mean, half, slope, carry, gain, noise;
    int32_t days[DAYS];
    double spend[DAYS], revenue[DAYS];
};

static double steady(const struct truth *t, double x)
{
    return t->half > 0 ? t->gain / (1 + pow(t->half / fmax(x, 1e-12), t->slope))
                       : t->gain * x / t->mean;
}

static void simulate(struct truth *t, struct wn_rand *r)
{
    static const double carries[] = {0, .3, .6};
    t->mean = exp(4 + wn_rand_normal(r));
    t->half = wn_rand_uniform(r) < .2 ? 0 : t->mean * 1.5 * exp(.8 * wn_rand_normal(r));
    t->slope = fmin(fmax(1.1 + .5 * wn_rand_normal(r), .6), 2.4);
    t->carry = carries[wn_rand_below(r, 3)];
    t->noise = .1 + .2 * wn_rand_uniform(r);
    double roas = exp(.7 + .4 * wn_rand_normal(r)), stock = 0;
    t->gain = 1;
    t->gain = roas * t->mean / steady(t, t->mean);
    for (int d = 0; d < DAYS; d++) {
        double x = t->mean * exp(.4 * wn_rand_normal(r) - .08);
        stock = d ? t->carry * stock + (1 - t->carry) * x : x;
        double y = steady(t, stock);
        t->days[d] = 20000 + d;
        t->spend[d] = x;
        t->revenue[d] = fmax(y + t->noise * roas * t->mean * sqrt(y / (roas * t->mean)) *
                                     wn_rand_normal(r),
                             0);
    }
}

static void roas_is_covered_as_promised(void **state)
{
    (void)state;
    static struct truth truths[PER_FIT];
    struct wn_history h[PER_FIT];
    struct wn_rand r;
    int covered = 0, covered_season = 0;
    double error = 0, naive = 0;
    wn_rand_init(&r, 7);
    for (int w = 0; w < WORLDS / PER_FIT; w++) {
        struct wn_arena a;
        struct wn_curve *curves;
        wn_arena_init(&a, 0);
        for (int i = 0; i < PER_FIT; i++) {
            simulate(&truths[i], &r);
            h[i] = (struct wn_history){.days = truths[i].days,
                                       .spend = truths[i].spend,
                                       .revenue = truths[i].revenue,
                                       .n = DAYS};
        }
        assert_int_equal(wn_curves_fit(&a, h, PER_FIT, NULL, &curves, NULL), WN_OK);
        for (int i = 0; i < PER_FIT; i++) {
            const struct wn_curve *c = &curves[i];
            double is = steady(&truths[i], c->spend_mean) / c->spend_mean, sum = 0;
            for (int d = 0; d < DAYS; d++)
                sum += truths[i].revenue[d] / DAYS;
            covered += c->roas_low <= is && is <= c->roas_high;
            error += fabs(c->roas_mean / is - 1);
            naive += fabs(sum / c->spend_mean / is - 1);
        }
        wn_arena_deinit(&a);
    }
    (void)covered_season;
    double share = (double)covered / WORLDS;
    print_message("coverage of the 80 %% interval: %.4f; error %.4f, of the plain ratio %.4f\n",
                  share, error / WORLDS, naive / WORLDS);
    assert_true(share >= .78 && share <= .82);
    assert_true(error < naive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roas_is_covered_as_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
