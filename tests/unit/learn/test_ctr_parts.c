/* Protects the parts of click prediction: known answers of isotonic regression, soft labels and
 * scores, slopes against central differences, delays against their truth, and that calibration
 * mends what is bent. */
#include "learn/ctr_int.h"

#include "core/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* ---- isotonic ---------------------------------------------------------------------------------
 */

static void isotonic_known(void **state)
{
    (void)state;
    double y[] = {1, 2, 6, 2, 4, 3, 7, 8}, weight[8];
    const double expected[] = {1, 2, 3.75, 3.75, 3.75, 3.75, 7, 8};
    size_t scratch[8];
    for (size_t i = 0; i < 8; i++)
        weight[i] = 1;
    ctr_isotonic(y, weight, 8, scratch);
    for (size_t i = 0; i < 8; i++)
        assert_near(y[i], expected[i], 1e-12);
    ctr_isotonic(y, weight, 0, scratch);
    double one[] = {5}, falling[] = {3, 2, 1}, w1[] = {1}, w3[] = {1, 2, 1};
    ctr_isotonic(one, w1, 1, scratch);
    assert_near(one[0], 5, 0);
    ctr_isotonic(falling, w3, 3, scratch);
    for (size_t i = 0; i < 3; i++)
        assert_near(falling[i], 2, 1e-12);
}

/* What must hold: rising, the weighted mean kept, and no rising sequence nearer (checked against
 * the min-max formula). */
static void isotonic_is_best(void **state)
{
    (void)state;
    enum { N = 40 };
    struct wn_rand r;
    wn_rand_init(&r, 1);
    for (int round = 0; round < 50; round++) {
        double y[N], fit[N], weight[N], kept[N];
        size_t scratch[N];
        for (size_t i = 0; i < N; i++) {
            fit[i] = y[i] = (double)i / 10 + 2 * wn_rand_normal(&r);
            kept[i] = weight[i] = 0.1 + wn_rand_uniform(&r);
        }
        ctr_isotonic(fit, kept, N, scratch);
        for (size_t i = 0; i < N; i++) { /* max over from <= i of min over to >= i of the mean */
            double best = -HUGE_VAL;
            for (size_t from = 0; from <= i; from++) {
                double least = HUGE_VAL, sum = 0, all = 0;
                for (size_t to = from; to < N; to++) {
                    sum += y[to] * weight[to];
                    all += weight[to];
                    if (to >= i)
                        least = fmin(least, sum / all);
                }
                best = fmax(best, least);
            }
            assert_near(fit[i], best, 1e-9);
        }
    }
}

/* ---- soft labels and delays -------------------------------------------------------------------
 */

static void soft_label_known(void **state)
{
    (void)state;
    assert_near(wn_ctr_soft_label(0.2, exp(-1)), 0.08423, 1e-5);
    assert_near(wn_ctr_soft_label(0.2, 1), 0.2, 1e-12);
    assert_near(wn_ctr_soft_label(0.2, 0), 0, 0);
    assert_near(wn_ctr_soft_label(1, 0.5), 1, 1e-12);
    const double odd[] = {(double)NAN, -1, 2, (double)INFINITY, 0, 1};
    for (size_t i = 0; i < WN_COUNT(odd); i++)
        for (size_t j = 0; j < WN_COUNT(odd); j++) {
            double w = wn_ctr_soft_label(odd[i], odd[j]);
            assert_true(w >= 0 && w <= 1);
        }
}

/* Clicks of all ages up to ten days, 20 % convert after exponential delays of 30 hours: the curve
 * is found although most conversions of young clicks are missing. 20,000 clicks: a standard error of
 * about 0.01. A group of its own is near its own; one without conversions has its parent's. */
static void delays_are_found(void **state)
{
    (void)state;
    enum { N = 20000 };
    static double delay[2][N];
    static bool converted[2][N];
    const double mean_hours[2] = {30, 6};
    struct wn_rand r;
    struct wn_ctr_delay out[3];
    wn_rand_init(&r, 2);
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; i < N; i++) {
            double age = 240 * wn_rand_uniform(&r), wait = mean_hours[g] * wn_rand_exponential(&r);
            converted[g][i] = wn_rand_uniform(&r) < 0.2 && wait < age;
            delay[g][i] = converted[g][i] ? wait : age;
        }
    const struct wn_ctr_delay_group groups[3] = {
        {0, delay[0], converted[0], N}, {0, delay[1], converted[1], N}, {0, NULL, NULL, 0}};
    assert_int_equal(wn_ctr_delay_fit(groups, 3, out, NULL), WN_OK);
    for (size_t g = 0; g < 2; g++)
        for (double age = 0; age < 200; age += 3.5)
            assert_near(wn_ctr_delay_survival(&out[g], age), exp(-age / mean_hours[g]),
                        0.045); /* 4 standard errors, and straight lines within days */
    for (double age = 0; age < 2000; age += 10)
        assert_near(wn_ctr_delay_survival(&out[2], age), wn_ctr_delay_survival(&out[0], age), 0);
    assert_near(wn_ctr_delay_survival(&out[0], (double)NAN), 1, 0);
    assert_near(wn_ctr_delay_survival(&out[0], -5), 1, 0);
    assert_near(wn_ctr_delay_survival(&out[0], 1e15), 0, 0);
    assert_near(wn_ctr_delay_survival(&out[0], (double)INFINITY), 0, 0);
}

/* The whole of the proof: the delays are estimated, the rate is fitted with them. */
static void pending_conversions_do_not_bias(void **state)
{
    (void)state;
    enum { N = 200000 };
    static double hours[N];
    static bool converted[N];
    static struct wn_ctr_row rows[N];
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_ctr_delay delay;
    struct wn_ctr_prediction p;
    struct wn_rand r;
    uint32_t field;
    double will = 0, come = 0;
    o.bits = 8;
    o.n_factors = 0;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    assert_int_equal(wn_ctr_field_add(m, WN_STR("x"), &field, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, field, WN_STR("1"));
    wn_rand_init(&r, 3);
    for (size_t i = 0; i < N; i++) {
        double age = 20 * 24 * pow(wn_rand_uniform(&r), 6), wait = 48 * wn_rand_exponential(&r);
        bool ever = wn_rand_uniform(&r) < 0.05;
        converted[i] = ever && wait < age;
        hours[i] = converted[i] ? wait : age;
        will += ever;
        come += converted[i];
    }
    assert_true(come / will < 0.42); /* about 60 % are still pending */
    const struct wn_ctr_delay_group group = {0, hours, converted, N};
    assert_int_equal(wn_ctr_delay_fit(&group, 1, &delay, NULL), WN_OK);
    for (size_t i = 0; i < N; i++)
        rows[i] = (struct wn_ctr_row){
            .features = &f,
            .n_features = 1,
            .clicks = converted[i],
            .views = 1,
            .survival = converted[i] ? 0 : wn_ctr_delay_survival(&delay, hours[i])};
    assert_int_equal(wn_ctr_fit(m, rows, N, NULL), WN_OK);
    wn_ctr_predict(m, &f, 1, 0, &p);
    /* 2 % of bias, and twice the standard error of 4,000 conversions seen. */
    assert_near(p.p / (will / N), 1, 0.02 + 2 / sqrt(come));
    wn_ctr_free(m);
}

static void bad_delays_are_refused(void **state)
{
    (void)state;
    const double negative[] = {-1}, nan[] = {(double)NAN}, fine[] = {(double)INFINITY};
    const bool no[] = {false};
    struct wn_ctr_delay out[2];
    struct wn_why why = {0};
    struct wn_ctr_delay_group g[2] = {{0, negative, no, 1}, {1, fine, no, 1}};
    assert_int_equal(wn_ctr_delay_fit(g, 1, out, &why), WN_INVALID);
    assert_int_equal(why.line, 1);
    g[0].delays_hours = nan;
    assert_int_equal(wn_ctr_delay_fit(g, 1, out, NULL), WN_INVALID);
    g[0].delays_hours = fine;
    assert_int_equal(wn_ctr_delay_fit(g, 2, out, NULL), WN_INVALID); /* its own parent */
    assert_int_equal(wn_ctr_delay_fit(g, 1, out, NULL), WN_OK);
    assert_near(wn_ctr_delay_survival(&out[0], 5), 0, 0); /* nothing is known */
    assert_int_equal(wn_ctr_delay_fit(NULL, 0, out, NULL), WN_OK);
}

/* ---- scores -----------------------------------------------------------------------------------
 */

static void scores_known(void **state)
{
    (void)state;
    const double p[] = {0.1, 0.4, 0.35, 0.8}, y[] = {0, 0, 1, 1};
    struct wn_ctr_scores s;
    assert_int_equal(wn_ctr_score(p, y, NULL, 4, &s, NULL), WN_OK);
    assert_near(s.auc, 0.75, 1e-12); /* three of four pairs in order */
    assert_near(s.log_loss, -(log(0.9) + log(0.6) + log(0.35) + log(0.8)) / 4, 1e-12);
    assert_near(s.log_loss_base, log(2), 1e-12);
    assert_near(s.ratio, 1.65 / 2, 1e-12);
    assert_near(s.ece, (0.1 + 0.4 + 0.65 + 0.2) / 4, 1e-12); /* a bin each */
    /* The same rows as sums. */
    const double q[] = {0.3, 0.3, 0.7}, clicks[] = {1, 2, 8}, views[] = {10, 10, 10};
    assert_int_equal(wn_ctr_score(q, clicks, views, 3, &s, NULL), WN_OK);
    assert_near(s.auc, (8.0 * 17 + 0.5 * (3 * 17 + 8 * 2)) / (11.0 * 19), 1e-12);
    assert_near(s.views, 30, 0);
    assert_near(s.ratio, 13.0 / 11, 1e-12);
}

static void scores_of_odd_input(void **state)
{
    (void)state;
    struct wn_ctr_scores s;
    struct wn_why why = {0};
    assert_int_equal(wn_ctr_score(NULL, NULL, NULL, 0, &s, NULL), WN_OK);
    assert_near(s.log_loss, 0, 0);
    assert_near(s.auc, 0.5, 0);
    const double certain[] = {0, 1, 0, 1}, wrong[] = {1, 0, 1, 0}, none[] = {0, 0, 0, 0};
    assert_int_equal(wn_ctr_score(certain, wrong, NULL, 4, &s, NULL), WN_OK);
    assert_true(isfinite(s.log_loss) && s.log_loss > 30);
    assert_near(s.auc, 0, 0);
    assert_int_equal(wn_ctr_score(certain, none, NULL, 4, &s, NULL), WN_OK);
    assert_true(isfinite(s.ratio) && isfinite(s.ece) && isfinite(s.log_loss_base));
    assert_int_equal(wn_ctr_score(none, none, none, 4, &s, NULL), WN_OK);
    assert_near(s.views, 0, 0);
    const double huge[] = {1e15, 1e15, 1e15, 1e15};
    assert_int_equal(wn_ctr_score(certain, huge, huge, 4, &s, NULL), WN_OK);
    assert_true(isfinite(s.log_loss) && isfinite(s.auc) && isfinite(s.ece));
    const double bad[][2] = {{(double)NAN, 0}, {-0.1, 0}, {1.1, 0},
                             {0.5, 2},         {0.5, -1}, {0.5, (double)NAN}};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        const double p[2] = {0.5, bad[i][0]}, y[2] = {0, bad[i][1]};
        why = (struct wn_why){0};
        assert_int_equal(wn_ctr_score(p, y, NULL, 2, &s, &why), WN_INVALID);
        assert_int_equal(why.line, 2);
    }
}

/* Perfect probabilities: the error of calibration is about what chance makes, over 200 draws. */
static void chance_of_calibration(void **state)
{
    (void)state;
    enum { N = 2000 };
    static double p[N], y[N];
    struct wn_ctr_scores s;
    struct wn_rand r;
    double error = 0, chance = 0;
    wn_rand_init(&r, 4);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < N; i++) {
            p[i] = 0.05 + 0.4 * wn_rand_uniform(&r);
            y[i] = wn_rand_uniform(&r) < p[i];
        }
        assert_int_equal(wn_ctr_score(p, y, NULL, N, &s, NULL), WN_OK);
        error += s.ece / 200;
        chance += s.ece_chance / 200;
    }
    assert_near(error / chance, 1, 0.06); /* 200 draws of 10 bins: 0.017 */
}

/* ---- calibration ------------------------------------------------------------------------------
 */

/* Logits that are bent, (s - 1) * 2 where s is true: both kinds bring them back. */
static void bent_logits_are_mended(void **state)
{
    (void)state;
    enum { N = 40000 };
    static struct ctr_honest h[N];
    static uint8_t part[N];
    static const size_t n_rows[] = {4000, N}; /* some 700, and 7,000 clicks */
    const wn_ctr_calibration expected[] = {WN_CTR_BETA, WN_CTR_ISOTONIC};
    for (size_t round = 0; round < 2; round++) {
        struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
        struct wn_ctr *m = NULL;
        struct wn_rand r;
        o.bits = 8;
        assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
        wn_rand_init(&r, 5);
        for (size_t i = 0; i < n_rows[round]; i++) {
            double s = wn_rand_normal(&r) - 1.8, bent = round ? s * s * s / 4 - 0.5 : 2 * s + 1;
            h[i] = (struct ctr_honest){(float)bent, 0, wn_rand_uniform(&r) < wn_sigmoid(s), 1};
            part[i] = (uint8_t)(i % 5);
        }
        assert_int_equal(ctr_settle_on(m, h, n_rows[round], part, 5), WN_OK);
        assert_int_equal(m->calibrator.kind, expected[round]);
        assert_true(m->scores.ece < 2 * m->scores.ece_chance);
        double last = -1;
        for (double s = -4; s < 0; s += 0.01) {
            double bent = round ? s * s * s / 4 - 0.5 : 2 * s + 1, low, high;
            double p = wn_sigmoid(ctr_calibrate(&m->calibrator, bent));
            assert_near(p, wn_sigmoid(s), 0.07); /* 3 standard errors at the end */
            assert_true(p >= last);              /* the order stays */
            last = p;
            assert_true(ctr_bracket(&m->calibrator, bent, &low, &high));
            assert_true(low >= 0 && low <= high && high <= 1);
        }
        wn_ctr_free(m);
    }
}

/* Blend: of a good logit and one that is noise, the noise gets no say. */
static void blend_leaves_noise_out(void **state)
{
    (void)state;
    enum { N = 20000 };
    static struct ctr_honest h[N];
    struct wn_rand r;
    double blend[3];
    wn_rand_init(&r, 6);
    for (size_t i = 0; i < N; i++) {
        double s = wn_rand_normal(&r) - 1;
        h[i] = (struct ctr_honest){(float)s, (float)(wn_rand_normal(&r) - 1),
                                   wn_rand_uniform(&r) < wn_sigmoid(s), 1};
    }
    ctr_blend_fit(h, N, blend);
    assert_near(blend[1], 1, 0.06);
    assert_true(blend[2] >= 0 && blend[2] < 0.05);
    for (size_t i = 0; i < N; i++)
        h[i].machine = -h[i].linear; /* what points the wrong way is not turned round */
    ctr_blend_fit(h, N, blend);
    assert_true(blend[1] > 0.9 && blend[2] == 0);
}

/* ---- the factorization machine ----------------------------------------------------------------
 */

/* One step of AdaGrad, undone: what it moved each number by gives the slope, which must be the
 * central difference of the loss. */
static void machine_slopes(void **state)
{
    (void)state;
    enum { N = 5, K = 8, WIDTH = K + 3 };
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct ctr_machine f, before;
    o.bits = 10;
    assert_int_equal(ctr_machine_init(&f, &o, N), WN_OK);
    assert_int_equal(ctr_machine_init(&before, &o, N), WN_OK);
    struct wn_ctr_feature features[N];
    for (uint32_t i = 0; i < N; i++)
        features[i] = (struct wn_ctr_feature){ctr_hash_pair(i, 77), i, 1 + 0.3f * (float)i};
    for (int i = 0; i < 20; i++) /* away from the start, where all pairs are alike */
        (void)ctr_machine_learn(&f, features, N, -0.3, i % 3 == 0, 1);
    size_t n_rows = (size_t)1 << f.bits, n_pairs = (size_t)N * N;
    memcpy(before.rows, f.rows, n_rows * WIDTH * sizeof(float));
    memcpy(before.pairs, f.pairs, n_pairs * sizeof(float));
    memcpy(before.pairs_sq, f.pairs_sq, n_pairs * sizeof(float));
    before.w0 = f.w0;
    (void)ctr_machine_learn(&f, features, N, -0.3, 1, 1);
    const float h = 0.01f;
    for (size_t place = 0; place < n_rows; place++) {
        float *row = before.rows + place * WIDTH, *after = f.rows + place * WIDTH;
        for (size_t j = 0; row[WIDTH - 1] != 0 && j <= K; j++) {
            float kept = row[j], sum_sq = after[j < K ? K + 2 : K + 1];
            double slope = (double)((kept - after[j]) * sqrtf(sum_sq) / 0.1f);
            row[j] = kept + h;
            double up = ctr_loss(ctr_machine_logit(&before, features, N, NULL) - 0.3, 1, 1);
            row[j] = kept - h;
            double down = ctr_loss(ctr_machine_logit(&before, features, N, NULL) - 0.3, 1, 1);
            row[j] = kept;
            assert_near(slope, (up - down) / (2 * (double)h), 2e-3); /* floats */
        }
    }
    for (size_t a = 1; a < N; a++)
        for (size_t b = 0; b < a; b++) {
            float *pair = &before.pairs[a * N + b], kept = *pair;
            double slope =
                (double)((kept - f.pairs[a * N + b]) * sqrtf(f.pairs_sq[a * N + b]) / 0.1f);
            *pair = kept + h;
            double up = ctr_loss(ctr_machine_logit(&before, features, N, NULL) - 0.3, 1, 1);
            *pair = kept - h;
            double down = ctr_loss(ctr_machine_logit(&before, features, N, NULL) - 0.3, 1, 1);
            *pair = kept;
            assert_near(slope, (up - down) / (2 * (double)h), 2e-3);
        }
    double parts[N] = {0}, sum = before.w0;
    double logit = ctr_machine_logit(&before, features, N, parts);
    for (size_t i = 0; i < N; i++)
        sum += parts[i];
    assert_near(sum, logit, 1e-5);
    ctr_machine_deinit(&f);
    ctr_machine_deinit(&before);
}

/* ---- effects ----------------------------------------------------------------------------------
 */

/* At the answer the slope of the penalised likelihood is 0 by central differences. */
static void effects_are_the_maximum(void **state)
{
    (void)state;
    enum { N = 400, FIELDS = 3 };
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_rand r;
    struct wn_ctr_feature f[N][FIELDS];
    struct wn_ctr_row rows[N];
    o.bits = 10;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    char name[] = "a", value[] = "0";
    uint32_t field[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(wn_ctr_field_add(m, (struct wn_str){name, 1}, &field[i], NULL), WN_OK);
    }
    wn_rand_init(&r, 7);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < FIELDS; k++) {
            value[0] = (char)('0' + wn_rand_below(&r, 2 + 3 * k));
            f[i][k] = wn_ctr_feature_text(m, field[k], (struct wn_str){value, 1});
            f[i][k].x = k == 1 ? 0.5f : 1;
        }
        double p = wn_sigmoid(-1 + (f[i][2].hash & 1 ? 0.8 : -0.8));
        rows[i] = (struct wn_ctr_row){f[i], FIELDS, wn_rand_uniform(&r) < p, 1, 0, 0};
    }
    struct wn_arena a;
    struct ctr_matrix x;
    struct ctr_effects e;
    wn_arena_init(&a, 0);
    assert_int_equal(ctr_matrix_init(&x, m, rows, N, &a), WN_OK);
    assert_int_equal(x.n_columns, 2 + 5 + 8);
    assert_int_equal(ctr_effects_init(&e, &x, m->n_fields, &a), WN_OK);
    assert_int_equal(ctr_effects_fit(&e, &x, m->n_fields, NULL, 0, true, 200), WN_OK);
    assert_int_equal(ctr_effects_fit(&e, &x, m->n_fields, NULL, 0, false, 500), WN_OK);
    double slope[16] = {0}, bias = 0.5 - wn_sigmoid(e.bias);
    for (size_t j = 0; j < x.n_columns; j++) {
        slope[j] = -e.w[j] / e.variance[x.field[j]];
        for (size_t k = x.column_start[j]; k < x.column_start[j + 1]; k++)
            slope[j] +=
                (double)x.x[k] * (rows[x.row_of[k]].clicks - wn_sigmoid(e.logit[x.row_of[k]]));
        assert_near(slope[j], 0, 5e-3); /* of curves around 20 */
    }
    for (size_t i = 0; i < N; i++)
        bias += rows[i].clicks - wn_sigmoid(e.logit[i]);
    assert_near(bias, 0, 5e-3);
    /* The field that decides has room for its effects, those that do not have little. */
    assert_true(e.variance[field[2]] > 0.2);
    assert_true(e.variance[field[0]] < 0.1);
    wn_arena_deinit(&a);
    wn_ctr_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(isotonic_known),
        cmocka_unit_test(isotonic_is_best),
        cmocka_unit_test(soft_label_known),
        cmocka_unit_test(delays_are_found),
        cmocka_unit_test(pending_conversions_do_not_bias),
        cmocka_unit_test(bad_delays_are_refused),
        cmocka_unit_test(scores_known),
        cmocka_unit_test(scores_of_odd_input),
        cmocka_unit_test(chance_of_calibration),
        cmocka_unit_test(bent_logits_are_mended),
        cmocka_unit_test(blend_leaves_noise_out),
        cmocka_unit_test(machine_slopes),
        cmocka_unit_test(effects_are_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
