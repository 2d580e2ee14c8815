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
        t->revenue[d] =
            fmax(y + t->noise * roas * t->mean * sqrt(y / (roas * t->mean)) * wn_rand_normal(r), 0);
    }
}

static void roas_is_covered_as_promised(void **state)
{
    (void)state;
    static struct truth truths[PER_FIT];
    struct wn_history h[PER_FIT];
    struct wn_rand r;
    int covered = 0;
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
    double share = (double)covered / WORLDS;
    print_message("coverage of the 80 %% interval: %.4f; error %.4f, of the plain ratio %.4f\n",
                  share, error / WORLDS, naive / WORLDS);
    assert_true(share >= .78 && share <= .82);
    assert_true(error < naive);
}

/* ---- small histories ------------------------------------------------------------------------------
 */

static struct wn_history history_of(const struct truth *t, size_t n)
{
    return (struct wn_history){.days = t->days, .spend = t->spend, .revenue = t->revenue, .n = n};
}

/* Levels that move from month to month, as competitors, creatives and seasons move them: the interval
 * must hold where the level goes next, which the fit of one history cannot know. */
static void a_level_that_moves_widens_the_interval(void **state)
{
    (void)state;
    enum { BLOCK = DAYS / 4, FITS = 20 };
    static struct truth truths[PER_FIT];
    struct wn_history h[PER_FIT];
    struct wn_rand r;
    double covered = 0, drift = 0, steady_drift = 0;
    wn_rand_init(&r, 8);
    for (int k = 0; k < 2 * FITS; k++) {
        bool moves = k % 2;
        struct wn_arena a;
        struct wn_curve *curves;
        double next[PER_FIT];
        wn_arena_init(&a, 0);
        for (int i = 0; i < PER_FIT; i++) {
            simulate(&truths[i], &r);
            for (int d = 0, at = -1; moves && d < DAYS; d++) {
                double level = d / BLOCK != at ? exp(.2 * wn_rand_normal(&r)) : next[i];
                at = d / BLOCK;
                next[i] = level;
                truths[i].revenue[d] *= level;
            }
            next[i] = exp(.2 * wn_rand_normal(&r));
            h[i] = history_of(&truths[i], DAYS);
        }
        assert_int_equal(wn_curves_fit(&a, h, PER_FIT, NULL, &curves, NULL), WN_OK);
        for (int i = 0; moves && i < PER_FIT; i++) {
            const struct wn_curve *c = &curves[i];
            double is = next[i] * steady(&truths[i], c->spend_mean) / c->spend_mean;
            covered += c->roas_low <= is && is <= c->roas_high;
        }
        *(moves ? &drift : &steady_drift) += curves[0].drift_ratio / FITS;
        wn_arena_deinit(&a);
    }
    print_message("coverage of the next level %.3f, drift %.3f; of steady levels %.3f\n",
                  covered / FITS / PER_FIT, drift, steady_drift);
    /* A move of .2 against the mean of one to three others of .2. */
    assert_true(drift > .17 && drift < .27);
    assert_true(steady_drift < .02);
    assert_true(covered / FITS / PER_FIT > .75 && covered / FITS / PER_FIT < .9);
}

static bool is_sound(const struct wn_curve *c)
{
    bool sound = isfinite(c->roas_mean) && isfinite(c->roas_low) && isfinite(c->roas_high) &&
                 isfinite(c->spend_mean) && isfinite(c->spend_cv) && isfinite(c->noise_sd) &&
                 isfinite(c->spend_now) && isfinite(c->base) && c->roas_low <= c->roas_high + 1e-9;
    static const double asked[] = {-1, 0, 1e-9, 1, 50, 1e4, 1e9, 1e15, INFINITY, NAN};
    double before = 0;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        double mean, slope, sd;
        wn_curve_at(c, asked[i], &mean, &slope, &sd);
        sound = sound && isfinite(mean) && isfinite(slope) && isfinite(sd) && mean >= 0 && sd >= 0;
        sound = sound && (isnan(asked[i]) || mean >= before);
        before = mean;
    }
    return sound;
}

static struct wn_curve fit_one(struct wn_arena *a, const struct wn_history *h,
                               const struct wn_curve_options *o)
{
    struct wn_curve *curves;
    struct wn_why why = {0};
    wn_rc rc = wn_curves_fit(a, h, 1, o, &curves, &why);
    if (rc)
        fail_msg("%s", why.text);
    assert_true(is_sound(curves));
    return *curves;
}

static void odd_histories_are_defined(void **state)
{
    (void)state;
    struct wn_arena a;
    static const double scales[] = {0, 1e-9, 1, 1e12, 9.2e12};
    static const struct wn_curve_options with_base = {.with_base = true};
    double spend[40], revenue[40];
    int32_t days[40];
    wn_arena_init(&a, 0);
    for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++)
        for (int kind = 0; kind < 7; kind++)
            for (size_t n = 0; n <= 40; n = n ? n * 6 + 3 : 1) {
                for (int i = 0; i < 40; i++) {
                    days[i] = kind == 3 ? 5 : kind == 4 ? 40 - i : i * (kind == 5 ? 50000000 : 1);
                    if (kind == 6)
                        days[i] = i % 2 ? INT32_MAX - i : INT32_MIN + i;
                    spend[i] = kind == 0 ? scales[s] : scales[s] * (.5 + i % 3 * .25);
                    revenue[i] = kind == 1 ? 0 : kind == 2 ? NAN : scales[s] * .7;
                }
                struct wn_history h = {.days = days, .spend = spend, .revenue = revenue, .n = n};
                struct wn_curve c = fit_one(&a, &h, kind % 2 ? &with_base : NULL);
                assert_true(c.is_empty == (n == 0 || scales[s] == 0));
            }
    wn_arena_deinit(&a);
}

static void wrong_histories_are_named(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_curve *curves = NULL;
    int32_t days[2] = {1, 2};
    static const double bad[] = {-1, NAN, INFINITY, 1e13};
    wn_arena_init(&a, 0);
    for (int k = 0; k < 4; k++)
        for (int where = 0; where < 3; where++) {
            struct wn_why why = {0};
            double spend[2] = {1, 2}, revenue[2] = {1, 2}, arrived[2] = {1, 1};
            (where == 0 ? spend : where == 1 ? revenue : arrived)[1] = bad[k];
            struct wn_history h[2] = {
                {.days = days, .spend = spend, .n = 0},
                {.days = days, .spend = spend, .revenue = revenue, .arrived = arrived, .n = 2}};
            wn_rc rc = wn_curves_fit(&a, h, 2, NULL, &curves, &why);
            if (where == 1 && isnan(bad[k])) {
                assert_int_equal(rc, WN_OK); /* an unknown revenue is no error */
                continue;
            }
            assert_int_equal(rc, WN_INVALID);
            assert_true(why.line == 2);
            assert_string_equal(why.field, where == 0   ? "spend[1]"
                                           : where == 1 ? "revenue[1]"
                                                        : "arrived[1]");
        }
    wn_arena_deinit(&a);
}

static void order_duplicates_and_currency_do_not_matter(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_arena a;
    static struct truth t, turned, split;
    static double spend[2 * DAYS], revenue[2 * DAYS];
    static int32_t days[2 * DAYS];
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 3);
    simulate(&t, &r);
    turned = split = t;
    for (int i = 0; i < DAYS; i++) {
        int k = (i * 7) % DAYS; /* 7 and 90 have no common factor */
        turned.days[i] = t.days[k];
        turned.spend[i] = t.spend[k] * 1024;
        turned.revenue[i] = t.revenue[k] * 1024;
        for (int half = 0; half < 2; half++) {
            days[2 * i + half] = t.days[i];
            spend[2 * i + half] = t.spend[i] / 2;
            revenue[2 * i + half] = t.revenue[i] / 2;
        }
    }
    struct wn_history h = history_of(&t, DAYS), g = history_of(&turned, DAYS);
    struct wn_history two = {.days = days, .spend = spend, .revenue = revenue, .n = 2 * DAYS};
    struct wn_curve one = fit_one(&a, &h, NULL), other = fit_one(&a, &g, NULL);
    struct wn_curve halves = fit_one(&a, &two, NULL);
    assert_true(one.roas_mean == other.roas_mean && one.roas_low == other.roas_low);
    assert_true(one.spend_mean * 1024 == other.spend_mean);
    assert_true(halves.roas_mean == one.roas_mean && halves.spend_cv == one.spend_cv);
    for (int j = 0; j < WN_CURVE_POINTS; j++)
        assert_true(one.mean[j] * 1024 == other.mean[j]);
    wn_arena_deinit(&a);
}

/* The derivative against its central difference. */
static void slope_is_the_derivative(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_arena a;
    static struct truth t;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 4);
    simulate(&t, &r);
    struct wn_history h = history_of(&t, DAYS);
    struct wn_curve c = fit_one(&a, &h, NULL);
    for (double u = .013; u < 20; u *= 1.37) {
        double x = u * c.spend_mean, step = x * 1e-5, up, down, slope;
        wn_curve_at(&c, x + step, &up, NULL, NULL);
        wn_curve_at(&c, x - step, &down, NULL, NULL);
        wn_curve_at(&c, x, NULL, &slope, NULL);
        assert_true(fabs((up - down) / (2 * step) - slope) < 1e-4 * fabs(slope) + 1e-6);
    }
    wn_arena_deinit(&a);
}

static void draws_agree_with_the_moments(void **state)
{
    (void)state;
    enum { DRAWS = 40000 };
    struct wn_rand r;
    struct wn_arena a;
    static struct truth t;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 12);
    simulate(&t, &r);
    struct wn_history h = history_of(&t, 25);
    struct wn_curve c = fit_one(&a, &h, NULL);
    for (double u = .5; u < 5; u *= 2) {
        double sum = 0, square = 0, mean, sd;
        for (int k = 0; k < DRAWS; k++) {
            struct wn_curve_draw d = wn_curve_sample(&c, &r);
            double y = wn_curve_draw_at(&d, u * c.spend_mean);
            sum += y / DRAWS;
            square += y * y / DRAWS;
        }
        wn_curve_at(&c, u * c.spend_mean, &mean, NULL, &sd);
        assert_true(fabs(sum - mean) < 5 * sd / sqrt(DRAWS) + 1e-3 * mean);
        assert_true(fabs(sqrt(square - sum * sum) / sd - 1) < .06);
    }
    wn_arena_deinit(&a);
}

/* ---- what is known besides ---------------------------------------------------------------------------
 */

static void spend_that_never_moved_is_told(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_arena a;
    struct wn_curve *curves;
    static struct truth t, still;
    size_t at;
    double value;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 6);
    simulate(&t, &r);
    still = t;
    for (int d = 0; d < DAYS; d++)
        still.spend[d] = still.mean;
    struct wn_history h[2] = {history_of(&t, DAYS), history_of(&still, DAYS)};
    assert_int_equal(wn_curves_fit(&a, h, 2, NULL, &curves, NULL), WN_OK);
    assert_true(curves[0].is_identified && !curves[1].is_identified);
    assert_int_equal(wn_probe_propose(&a, curves, 2, 0, &r, &at, &value, NULL), WN_OK);
    assert_true(at == 1 && value >= 0 && isfinite(value));
    /* A trial settles it: twice the spend brought 30 % more, give or take 3 %. */
    double now = curves[1].roas_mean * still.mean;
    struct wn_experiment trial = {still.mean, 2 * still.mean, .3 * now, .03 * now};
    h[1].experiments = &trial;
    h[1].n_experiments = 1;
    struct wn_curve *with;
    assert_int_equal(wn_curves_fit(&a, h, 2, NULL, &with, NULL), WN_OK);
    assert_true(with[1].is_identified);
    double before, after, one;
    wn_curve_at(&curves[1], 2 * still.mean, &before, NULL, NULL);
    wn_curve_at(&with[1], 2 * still.mean, &after, NULL, NULL);
    wn_curve_at(&with[1], still.mean, &one, NULL, NULL);
    assert_true(fabs((after - one) / now - .3) < .04);
    assert_true(fabs((after - one) / now - .3) < fabs((before - now) / now - .3));
    assert_int_equal(wn_probe_propose(&a, with, 2, 0, &r, &at, &value, NULL), WN_OK);
    assert_true(at == 2 && value == 0);
    wn_arena_deinit(&a);
}

static void immature_and_reported_revenue_is_corrected(void **state)
{
    (void)state;
    struct wn_rand r;
    struct wn_arena a;
    static struct truth t;
    static double arrived[DAYS], seen[DAYS];
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 14);
    simulate(&t, &r);
    for (int d = 0; d < DAYS; d++) {
        arrived[d] = d < 60 ? 1 : 1 - .02 * (d - 59);
        seen[d] = t.revenue[d] * arrived[d];
    }
    struct wn_history h = history_of(&t, DAYS);
    double whole = fit_one(&a, &h, NULL).roas_mean;
    h.revenue = seen;
    double blind = fit_one(&a, &h, NULL).roas_mean;
    h.arrived = arrived;
    struct wn_curve corrected = fit_one(&a, &h, NULL);
    assert_true(fabs(corrected.roas_mean / whole - 1) < .02);
    assert_true(fabs(blind / whole - 1) > .05);
    struct wn_curve_options reported = {.reported_factor = .8, .reported_log_sd = .4};
    struct wn_curve wide = fit_one(&a, &h, &reported);
    assert_true(fabs(wide.roas_mean / corrected.roas_mean - .8 * exp(.08)) < .02);
    assert_true(wide.roas_high - wide.roas_low > 3 * (corrected.roas_high - corrected.roas_low));
    wn_arena_deinit(&a);
}

/* ---- several channels behind one revenue -----------------------------------------------------------
 */

static void joint_fit_finds_the_contributions(void **state)
{
    (void)state;
    enum { WEEKS = 150, CHANNELS = 3, TRIALS = 8 };
    static double spend[CHANNELS][WEEKS], revenue[WEEKS], trend[WEEKS];
    struct wn_rand r;
    int covered = 0;
    double error = 0;
    wn_rand_init(&r, 15);
    for (int trial = 0; trial < TRIALS; trial++) {
        static const double share[CHANNELS] = {.1, .15, .25}, carry[CHANNELS] = {0, .6, .3};
        double total[CHANNELS] = {0}, stock[CHANNELS] = {1, 1, 1}, *found;
        struct wn_curve *curves;
        struct wn_arena a;
        for (int w = 0; w < WEEKS; w++) {
            trend[w] = w;
            revenue[w] = 500 + w + 20 * wn_rand_normal(&r);
            for (int c = 0; c < CHANNELS; c++) {
                double u = exp(.6 * wn_rand_normal(&r) - .18);
                spend[c][w] = 10 * (c + 1) * u;
                stock[c] = carry[c] * stock[c] + (1 - carry[c]) * u;
                double y = share[c] * 1000 * 2.5 * stock[c] / (stock[c] + 1.5);
                revenue[w] += y;
                total[c] += y;
            }
        }
        revenue[17] = NAN;
        wn_arena_init(&a, 0);
        assert_int_equal(wn_curves_fit_joint(&a, spend[0], CHANNELS, revenue, WEEKS, trend, 1, 4000,
                                             &r, &curves, &found, NULL),
                         WN_OK);
        for (int c = 0; c < CHANNELS; c++) {
            assert_true(is_sound(&curves[c]));
            covered += found[3 * c + 1] <= total[c] && total[c] <= found[3 * c + 2];
            error += fabs(found[3 * c] / total[c] - 1) / (CHANNELS * TRIALS);
        }
        wn_arena_deinit(&a);
    }
    print_message("joint fit: error of contributions %.3f, %d of %d in the 80 %% interval\n", error,
                  covered, CHANNELS * TRIALS);
    assert_true(error < .3);
    assert_true(covered >= 14); /* of 24; below 14 has a chance of 1 in 500 at 80 % */
}

static void joint_fit_of_odd_input_is_defined(void **state)
{
    (void)state;
    double spend[2][4] = {{0, 0, 0, 0}, {5, 5, 5, 5}}, revenue[4] = {3, 3, 3, 3}, *found;
    double bad[4] = {1, INFINITY, 1, 1}, none[4] = {NAN, NAN, NAN, NAN};
    struct wn_curve *curves;
    struct wn_arena a;
    struct wn_rand r;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    assert_int_equal(
        wn_curves_fit_joint(&a, spend[0], 2, revenue, 4, revenue, 1, 50, &r, &curves, &found, NULL),
        WN_OK);
    assert_true(curves[0].is_empty && found[0] == 0 && is_sound(&curves[1]));
    struct wn_why why = {0};
    assert_int_equal(
        wn_curves_fit_joint(&a, bad, 1, revenue, 4, NULL, 0, 50, &r, &curves, &found, &why),
        WN_INVALID);
    assert_string_equal(why.field, "spend[0][1]");
    assert_int_equal(
        wn_curves_fit_joint(&a, spend[1], 1, none, 4, NULL, 0, 50, &r, &curves, NULL, NULL),
        WN_INVALID);
    assert_int_equal(
        wn_curves_fit_joint(&a, spend[1], 0, revenue, 4, NULL, 0, 50, &r, &curves, NULL, NULL),
        WN_INVALID);
    wn_arena_deinit(&a);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct wn_rand r;
    static struct truth t;
    int failed = 0, worked = 0;
    wn_rand_init(&r, 3);
    simulate(&t, &r);
    struct wn_history h = history_of(&t, 20);
    for (size_t limit = 1; limit < 40000; limit += 211) {
        struct wn_arena a;
        struct wn_curve *curves = NULL;
        wn_arena_init(&a, limit);
        wn_rc rc = wn_curves_fit(&a, &h, 1, NULL, &curves, NULL);
        assert_true((rc == WN_OK && curves) || (rc == WN_MEMORY && !curves));
        failed += rc != WN_OK;
        worked += rc == WN_OK;
        if (limit % 5 == 0) {
            rc = wn_curves_fit_joint(&a, t.spend, 1, t.revenue, 20, NULL, 0, 5, &r, &curves, NULL,
                                     NULL);
            assert_true(rc == WN_OK || rc == WN_MEMORY);
        }
        wn_arena_deinit(&a);
    }
    assert_true(failed > 10 && worked > 10);
}

/* Every carry-over of the grid, the longest too, must be there to be found. */
static void each_carry_over_is_found_jointly(void **state)
{
    (void)state;
    enum { STEPS = 150 };
    static const double carries[] = {0, .15, .3, .45, .6, .8};
    for (size_t k = 0; k < sizeof carries / sizeof carries[0]; k++) {
        double spend[STEPS], revenue[STEPS], stock = 10, total = 0;
        struct wn_arena a;
        struct wn_curve *curve;
        struct wn_rand r;
        wn_arena_init(&a, 0);
        wn_rand_init(&r, k + 1);
        for (int t = 0; t < STEPS; t++) {
            spend[t] = t % 7 ? 4 * wn_rand_uniform(&r) : 50;
            stock = carries[k] * stock + (1 - carries[k]) * spend[t];
            revenue[t] = 100 + 200 * stock / (stock + 15) + 5 * wn_rand_normal(&r);
        }
        assert_int_equal(wn_curves_fit_joint(&a, spend, 1, revenue, STEPS, NULL, 0, 2000, &r,
                                             &curve, NULL, NULL),
                         WN_OK);
        for (size_t c = 0; c < curve->n_cells; c++)
            if (curve->cells[c].carry_over_ratio == carries[k])
                total += curve->cells[c].weight;
        assert_true(total > .8);
        wn_arena_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roas_is_covered_as_promised),
        cmocka_unit_test(a_level_that_moves_widens_the_interval),
        cmocka_unit_test(odd_histories_are_defined),
        cmocka_unit_test(wrong_histories_are_named),
        cmocka_unit_test(order_duplicates_and_currency_do_not_matter),
        cmocka_unit_test(slope_is_the_derivative),
        cmocka_unit_test(draws_agree_with_the_moments),
        cmocka_unit_test(spend_that_never_moved_is_told),
        cmocka_unit_test(immature_and_reported_revenue_is_corrected),
        cmocka_unit_test(joint_fit_finds_the_contributions),
        cmocka_unit_test(joint_fit_of_odd_input_is_defined),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(each_carry_over_is_found_jointly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
