/* Protects click prediction as its users see it: one exact step of FTRL, hashing that changes
 * nothing, calibration on a day held out, late conversions, odd input, explanations that add up, and
 * models that survive a file and refuse a foreign one. */
#include "winnow/ctr.h"

#include "core/rand.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

enum { FIELDS = 4, ROWS = 6000 };

/* ---- a world with known probabilities ---------------------------------------------------------
 */

struct world {
    struct wn_ctr *m;
    uint32_t field[FIELDS];
    struct wn_ctr_feature features[ROWS][FIELDS];
    struct wn_ctr_row rows[ROWS];
    double p[ROWS];
};

static struct wn_ctr *new_model(uint32_t bits, uint32_t n_factors)
{
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    o.bits = bits;
    o.n_factors = n_factors;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    return m;
}

static uint32_t add_field(struct wn_ctr *m, const char *name)
{
    uint32_t field;
    assert_int_equal(wn_ctr_field_add(m, wn_str_of(name), &field, NULL), WN_OK);
    return field;
}

static struct wn_ctr_feature number_text(const struct wn_ctr *m, uint32_t field, uint64_t x)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    return wn_ctr_feature_text(m, field, (struct wn_str){text, (size_t)n});
}

/* Four fields of 3, 10, 30 and 100 values; effects of one size in all. */
static void fill_row(struct world *w, size_t i, struct wn_rand *r)
{
    static const uint64_t n_values[FIELDS] = {3, 10, 30, 100};
    double logit = -2;
    for (size_t f = 0; f < FIELDS; f++) {
        uint64_t value = wn_rand_below(r, n_values[f]);
        logit += 0.8 * sin((double)(value * 7 + f * 3));
        w->features[i][f] = number_text(w->m, w->field[f], value);
    }
    w->p[i] = 1 / (1 + exp(-logit));
    w->rows[i] = (struct wn_ctr_row){.features = w->features[i],
                                     .n_features = FIELDS,
                                     .clicks = wn_rand_uniform(r) < w->p[i],
                                     .views = 1};
}

static struct world *world_new(uint32_t n_factors, uint64_t seed)
{
    static const char *const names[FIELDS] = {"device", "place", "ad", "site"};
    struct world *w = calloc(1, sizeof *w);
    struct wn_rand r;
    assert_non_null(w);
    w->m = new_model(16, n_factors);
    for (size_t f = 0; f < FIELDS; f++)
        w->field[f] = add_field(w->m, names[f]);
    wn_rand_init(&r, seed);
    for (size_t i = 0; i < ROWS; i++)
        fill_row(w, i, &r);
    return w;
}

static void world_free(struct world *w)
{
    wn_ctr_free(w->m);
    free(w);
}

static double predict(const struct wn_ctr *m, const struct wn_ctr_feature *f, size_t n)
{
    struct wn_ctr_prediction p;
    wn_ctr_predict(m, f, n, 0, &p);
    assert_true(p.low > 0 && p.low <= p.p && p.p <= p.high && p.high < 1);
    assert_true(p.p_base > 0 && p.p_base < 1);
    return p.p;
}

/* Mean |predicted - true| and the ratio of the sums, on the rows [from, ROWS). */
static double mean_error(const struct world *w, size_t from, double *ratio)
{
    double error = 0, told = 0, truth = 0;
    for (size_t i = from; i < ROWS; i++) {
        double p = predict(w->m, w->features[i], FIELDS);
        error += fabs(p - w->p[i]) / (double)(ROWS - from);
        told += p;
        truth += w->p[i];
    }
    *ratio = told / truth;
    return error;
}

/* ---- FTRL -------------------------------------------------------------------------------------
 */

/* x = 1, y = 1, alpha 0.1, beta 1, l1 0.1, l2 1: from zero the weight becomes 0.025. The tree's
 * start of 1/2 makes p = 1/2. The bias moves as well: by 0.5 * 0.1 / (1 + 0.5). */
static void one_step(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_ctr_effect e;
    o.bits = 8;
    o.n_gate = 1;
    o.n_factors = 0;
    o.alpha = 0.1;
    o.l1 = 0.1;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_row row = {.features = &f, .n_features = 1, .clicks = 1, .views = 1};
    double p;
    assert_int_equal(wn_ctr_learn(m, &row, &p, NULL), WN_OK);
    assert_near(p, 0.5, 0);
    wn_ctr_feature_effect(m, f, &e);
    assert_true(e.is_known);
    assert_near(log(e.odds), 0.025, 1e-8); /* floats */
    assert_near(e.n_seen, 0.25, 1e-8);
    wn_ctr_free(m);
}

/* The same model out of a plain dictionary: one weight for each value, no hash. */
struct exact {
    double z[FIELDS][128], n[FIELDS][128], bias_z, bias_n, clicks, views;
};

static double exact_learn(struct exact *e, const uint64_t *value, double y)
{
    double rate = (e->clicks + 0.5) / (e->views + 1), logit = log(rate / (1 - rate)), w[FIELDS];
    double bias = -e->bias_z * 0.05 / (1 + sqrt(e->bias_n));
    logit += bias;
    for (size_t f = 0; f < FIELDS; f++) {
        double z = e->z[f][value[f]], n = e->n[f][value[f]];
        w[f] = fabs(z) <= 0.5 ? 0 : -(z - copysign(0.5, z)) / ((1 + sqrt(n)) / 0.05 + 1);
        logit += w[f];
    }
    double p = 1 / (1 + exp(-logit)), g = p - y;
    for (size_t f = 0; f < FIELDS; f++) {
        double *n = &e->n[f][value[f]];
        e->z[f][value[f]] += g - (sqrt(*n + g * g) - sqrt(*n)) / 0.05 * w[f];
        *n += g * g;
    }
    e->bias_z += g - (sqrt(e->bias_n + g * g) - sqrt(e->bias_n)) / 0.05 * bias;
    e->bias_n += g * g;
    e->clicks += y;
    e->views++;
    return p;
}

static void hashing_changes_nothing(void **state)
{
    (void)state;
    static struct exact e;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_rand r;
    o.n_gate = 1;
    o.n_factors = 0;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    char name[2] = "a";
    for (size_t f = 0; f < FIELDS; f++, name[0]++)
        add_field(m, name);
    wn_rand_init(&r, 5);
    for (size_t i = 0; i < 20000; i++) {
        struct wn_ctr_feature features[FIELDS];
        uint64_t value[FIELDS];
        for (uint32_t f = 0; f < FIELDS; f++) {
            value[f] = wn_rand_below(&r, 100);
            features[f] = number_text(m, f, value[f]);
        }
        double y = wn_rand_uniform(&r) < 0.1 + 0.3 * (double)(value[0] % 3 == 0), p;
        struct wn_ctr_row row = {features, FIELDS, y, 1, 0, 0};
        assert_int_equal(wn_ctr_learn(m, &row, &p, NULL), WN_OK);
        double expected = exact_learn(&e, value, y);
        assert_near(p, expected, 1e-4); /* slots are floats, 20,000 roundings */
    }
    struct wn_ctr_report report;
    wn_ctr_report(m, &report);
    assert_int_equal(report.n_slots_used, 400);
    assert_int_equal(report.n_forgotten, 0);
    wn_ctr_free(m);
}

/* A sum of many small terms must not stop growing where a float's steps become larger than they. */
static void long_sums_grow(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 0);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_effect e;
    struct wn_ctr_row big = {&f, 1, 4e6, 8e6, 0, 0}, small = {&f, 1, 0.01, 0.02, 0, 0};
    for (int i = 0; i < 2; i++) /* the gate */
        assert_int_equal(wn_ctr_learn(m, &big, NULL, NULL), WN_OK);
    wn_ctr_feature_effect(m, f, &e);
    double before = e.n_seen;
    assert_true(before > 1e6); /* steps of a float there: 0.125 or more */
    for (int i = 0; i < 400000; i++)
        assert_int_equal(wn_ctr_learn(m, &small, NULL, NULL), WN_OK);
    wn_ctr_feature_effect(m, f, &e);
    assert_near(e.n_seen - before, 400000 * 0.02 * 0.25, 300); /* 5 standard errors */
    wn_ctr_free(m);
}

static void gate_waits(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_ctr_effect e;
    o.n_gate = 3;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_row row = {&f, 1, 1, 1, 0, 0};
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(wn_ctr_learn(m, &row, NULL, NULL), WN_OK);
        wn_ctr_feature_effect(m, f, &e);
        assert_int_equal(e.is_known, i == 3);
    }
    wn_ctr_free(m);
}

/* A table too small forgets the rare, keeps the frequent, and says so. */
static void full_table_forgets(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 0);
    uint32_t field = add_field(m, "x");
    struct wn_ctr_report report;
    struct wn_ctr_effect e;
    struct wn_ctr_feature hot = number_text(m, field, 1);
    for (uint64_t i = 0; i < 20000; i++) {
        struct wn_ctr_feature f = i % 2 ? hot : number_text(m, field, 2 + i / 8);
        struct wn_ctr_row row = {&f, 1, (double)(i % 3 == 0), 1, 0, 0};
        assert_int_equal(wn_ctr_learn(m, &row, NULL, NULL), WN_OK);
    }
    wn_ctr_report(m, &report);
    assert_true(report.n_slots_used <= 256 && report.n_forgotten > 1000);
    wn_ctr_feature_effect(m, hot, &e);
    assert_true(e.is_known && e.n_seen > 1000);
    wn_ctr_free(m);
}

/* ---- how good it is ---------------------------------------------------------------------------
 */

/* Learned from all rows: near the truth on rows it has not seen, and calibrated. Effects of size
 * 0.57 from 5,000 rows can be known to about 0.35 each: 0.05 of a probability near 0.2. */
static void fit_is_near(void **state)
{
    (void)state;
    struct world *w = world_new(0, 1);
    struct wn_ctr_report report;
    double ratio;
    assert_int_equal(wn_ctr_fit(w->m, w->rows, 5000, NULL), WN_OK);
    double error = mean_error(w, 5000, &ratio);
    assert_true(error < 0.055);
    assert_true(ratio > 0.94 && ratio < 1.06);
    wn_ctr_report(w->m, &report);
    assert_true(report.is_fitted && report.has_scores);
    assert_int_equal(report.n_rows, 5000);
    assert_near(report.scores.views, 5000, 0);
    assert_true(report.scores.log_loss < 0.9 * report.scores.log_loss_base);
    assert_true(report.scores.ece < 2 * report.scores.ece_chance);
    world_free(w);
}

/* A held-out day of a stream: calibrated to 0.005, sums within 2 %. Labels of the day are the true
 * probabilities, so that no chance of the test itself is in the figures. */
static void held_out_day(void **state)
{
    (void)state;
    struct world *w = world_new(0, 2);
    struct wn_rand r;
    static double p[ROWS], clicks[ROWS];
    struct wn_ctr_scores s;
    wn_rand_init(&r, 3);
    for (size_t i = 0; i < 300000; i++) {
        fill_row(w, 0, &r);
        assert_int_equal(wn_ctr_learn(w->m, &w->rows[0], NULL, NULL), WN_OK);
    }
    assert_int_equal(wn_ctr_settle(w->m, NULL), WN_OK);
    for (size_t i = 0; i < ROWS; i++) {
        fill_row(w, i, &r);
        p[i] = predict(w->m, w->features[i], FIELDS);
        clicks[i] = w->p[i];
    }
    assert_int_equal(wn_ctr_score(p, clicks, NULL, ROWS, &s, NULL), WN_OK);
    assert_true(s.ece < 0.005);
    assert_true(s.ratio > 0.98 && s.ratio < 1.02);
    world_free(w);
}

/* An effect of a pair of fields: the machine, and a cross found by search, see it; no cross is found
 * where there is none. */
static void pairs_are_found(void **state)
{
    (void)state;
    struct world *w = world_new(0, 4), *with = world_new(8, 4);
    size_t n_added;
    struct wn_ctr_report report;
    assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
    assert_int_equal(wn_ctr_cross_search(w->m, w->rows, ROWS, 5, &n_added, NULL), WN_OK);
    assert_int_equal(n_added, 0);
    struct wn_rand r;
    wn_rand_init(&r, 9);
    for (size_t i = 0; i < ROWS; i++) { /* device and place agree or not */
        uint64_t sign = (w->features[i][0].hash >> 5 ^ w->features[i][1].hash >> 9) & 1;
        w->rows[i].clicks = wn_rand_uniform(&r) < (sign ? 0.5 : 0.2);
        with->rows[i].clicks = w->rows[i].clicks;
    }
    assert_int_equal(wn_ctr_fit(with->m, with->rows, ROWS, NULL), WN_OK);
    wn_ctr_report(with->m, &report);
    assert_true(report.weight_machine > 0);
    assert_true(report.scores.log_loss < 0.97 * report.scores.log_loss_base);

    assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
    assert_int_equal(wn_ctr_cross_search(w->m, w->rows, ROWS, 5, &n_added, NULL), WN_OK);
    assert_int_equal(n_added, 1);
    assert_int_not_equal(wn_ctr_field_find(w->m, WN_STR("device*place")), WN_CTR_NONE);
    assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
    wn_ctr_report(w->m, &report);
    assert_true(report.scores.log_loss < 0.96 * report.scores.log_loss_base);
    world_free(w);
    world_free(with);
}

/* Day sums say the same as their views one by one. */
static void sums_equal_views(void **state)
{
    (void)state;
    struct wn_ctr *one = new_model(10, 0), *all = new_model(10, 0);
    struct wn_ctr_feature f[2][300];
    struct wn_ctr_row single[300], sums[10];
    uint32_t a = add_field(one, "ad"), b = add_field(all, "ad");
    for (size_t i = 0; i < 300; i++) { /* ad k: 30 views, 3 k clicks */
        f[0][i] = number_text(one, a, i % 10);
        single[i] = (struct wn_ctr_row){&f[0][i], 1, (double)(i / 10 < 3 * (i % 10)), 1, 0, 0};
    }
    for (size_t k = 0; k < 10; k++) {
        f[1][k] = number_text(all, b, k);
        sums[k] = (struct wn_ctr_row){&f[1][k], 1, 3.0 * (double)k, 30, 0, 0};
    }
    assert_int_equal(wn_ctr_fit(one, single, 300, NULL), WN_OK);
    assert_int_equal(wn_ctr_fit(all, sums, 10, NULL), WN_OK);
    /* The blocks that are left out differ, so the common factor of the variances may. */
    for (size_t k = 0; k < 10; k++)
        assert_near(predict(one, &f[0][k], 1), predict(all, &f[1][k], 1), 0.06);
    wn_ctr_free(one);
    wn_ctr_free(all);
}

/* Nine of ten views without a click were thrown away: the rate is that of all views. */
static void sampling_is_undone(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    o.keep_ratio = 0.1;
    o.n_factors = 0;
    for (int fits = 0; fits < 2; fits++) {
        struct wn_ctr *m = NULL;
        assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
        struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
        struct wn_ctr_row rows[2000];
        for (size_t i = 0; i < 2000; i++) { /* 20 % of what was kept is 2.4 % of all */
            rows[i] = (struct wn_ctr_row){&f, 1, i % 5 == 0, 1, 0, 0};
            if (!fits)
                assert_int_equal(wn_ctr_learn(m, &rows[i], NULL, NULL), WN_OK);
        }
        assert_int_equal(fits ? wn_ctr_fit(m, rows, 2000, NULL) : wn_ctr_settle(m, NULL), WN_OK);
        assert_near(predict(m, &f, 1), 0.2 / (0.2 + 8), 0.002);
        wn_ctr_free(m);
    }
}

/* A new ad of a good campaign starts at its campaign's rate. */
static void tree_starts_new_ads(void **state)
{
    (void)state;
    for (int fits = 0; fits < 2; fits++) {
        struct wn_ctr *m = new_model(12, 0);
        uint32_t tree[2] = {add_field(m, "campaign"), add_field(m, "ad")};
        static struct wn_ctr_feature f[20000][2];
        static struct wn_ctr_row rows[20000];
        struct wn_rand r;
        wn_rand_init(&r, 6);
        assert_int_equal(wn_ctr_tree_set(m, tree, 2, NULL), WN_OK);
        for (size_t i = 0; i < 20000; i++) {
            uint64_t ad = wn_rand_below(&r, 60), campaign = ad / 6;
            f[i][0] = number_text(m, tree[0], campaign);
            f[i][1] = number_text(m, tree[1], ad);
            double p = campaign < 5 ? 0.3 : 0.05;
            rows[i] = (struct wn_ctr_row){f[i], 2, wn_rand_uniform(&r) < p, 1, 0, 0};
            if (!fits)
                assert_int_equal(wn_ctr_learn(m, &rows[i], NULL, NULL), WN_OK);
        }
        assert_int_equal(fits ? wn_ctr_fit(m, rows, 20000, NULL) : wn_ctr_settle(m, NULL), WN_OK);
        struct wn_ctr_feature good[2] = {number_text(m, tree[0], 1), number_text(m, tree[1], 999)};
        struct wn_ctr_feature poor[2] = {number_text(m, tree[0], 8), number_text(m, tree[1], 999)};
        assert_near(predict(m, good, 2), 0.3, 0.04);
        assert_near(predict(m, poor, 2), 0.05, 0.02);
        wn_ctr_free(m);
    }
}

/* ---- conversions that come late ---------------------------------------------------------------
 */

/* True rate 5 %; delays are exponential of 48 hours; ages such that 60 % of the conversions are
 * still pending. Told of the delays, the fit errs by less than 2 % of the rate; not told, by 60 %.
 * The rows are sums over ages, so that the chance of the draw is small: 4 million clicks. */
static void late_conversions(void **state)
{
    (void)state;
    enum { AGES = 400, CLICKS = 10000 };
    struct wn_ctr *m = new_model(8, 0);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_delay delay;
    for (size_t bin = 0; bin <= WN_CTR_DELAY_BINS; bin++) {
        double hours = bin <= 24 ? (double)bin : 24.0 * (double)(bin - 23);
        delay.survival[bin] = bin == WN_CTR_DELAY_BINS ? 0 : exp(-hours / 48);
    }
    static struct wn_ctr_row rows[2 * AGES];
    double come = 0;
    for (size_t i = 0; i < AGES; i++) {
        double age = 58.0 * ((double)i + 0.5) / AGES, survival = wn_ctr_delay_survival(&delay, age);
        double converted = CLICKS * 0.05 * (1 - survival);
        come += converted;
        rows[2 * i] = (struct wn_ctr_row){&f, 1, converted, converted, 0, 0};
        rows[2 * i + 1] = (struct wn_ctr_row){&f, 1, 0, CLICKS - converted, 0, survival};
    }
    assert_near(come / (AGES * CLICKS * 0.05), 0.4, 0.03);
    assert_int_equal(wn_ctr_fit(m, rows, 2 * AGES, NULL), WN_OK);
    double informed = predict(m, &f, 1);
    assert_near(informed, 0.05, 0.02 * 0.05);
    for (size_t i = 0; i < 2 * AGES; i++)
        rows[i].survival = 0;
    assert_int_equal(wn_ctr_fit(m, rows, 2 * AGES, NULL), WN_OK);
    assert_true(predict(m, &f, 1) < 0.025);
    wn_ctr_free(m);
}

/* In a stream every click comes twice: as a view, and again when it is known. */
static void fake_negatives(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_rand r;
    double naive = 0, p = 0, sum = 0;
    o.is_delayed = true;
    o.n_factors = 0;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    wn_rand_init(&r, 8);
    for (size_t i = 0; i < 200000; i++) {
        struct wn_ctr_row view = {&f, 1, 0, 1, 0, 0}, click = {&f, 1, 1, 1, 0, 0};
        assert_int_equal(wn_ctr_learn(m, &view, &p, NULL), WN_OK);
        if (wn_rand_uniform(&r) < 0.3) {
            assert_int_equal(wn_ctr_learn(m, &click, NULL, NULL), WN_OK);
            naive++;
        }
        sum += i >= 100000 ? p / 100000 : 0;
    }
    naive /= 200000 + naive; /* what counting each row as it comes would say: 0.23 */
    assert_true(naive < 0.235);
    assert_near(sum, 0.3, 0.01);
    wn_ctr_free(m);
}

/* ---- explanations -----------------------------------------------------------------------------
 */

static void reasons_add_up(void **state)
{
    (void)state;
    for (uint32_t n_factors = 0; n_factors <= 8; n_factors += 8) {
        struct world *w = world_new(n_factors, 7);
        struct wn_ctr_reason reasons[8];
        uint32_t cross;
        assert_int_equal(wn_ctr_cross_add(w->m, w->field[0], w->field[1], &cross, NULL), WN_OK);
        assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
        struct wn_ctr_report report;
        wn_ctr_report(w->m, &report);
        for (size_t i = 0; i < 50; i++) {
            struct wn_ctr_prediction p;
            wn_ctr_predict(w->m, w->features[i], FIELDS, 0, &p);
            size_t n = wn_ctr_explain(w->m, w->features[i], FIELDS, 0, reasons, 8);
            assert_int_equal(n, FIELDS + 1);
            double sum = 0, last = HUGE_VAL;
            for (size_t k = 0; k < n; k++) {
                assert_true(reasons[k].low <= reasons[k].odds &&
                            reasons[k].odds <= reasons[k].high);
                assert_true(fabs(log(reasons[k].odds)) <= last + 1e-12);
                last = fabs(log(reasons[k].odds));
                sum += log(reasons[k].odds);
            }
            if (report.calibration == WN_CTR_RAW)
                assert_near(sum, log(p.p / (1 - p.p)) - log(p.p_base / (1 - p.p_base)), 1e-4);
            assert_int_equal(wn_ctr_explain(w->m, w->features[i], FIELDS, 0, reasons, 2), 2);
        }
        world_free(w);
    }
}

static void unknown_widens(void **state)
{
    (void)state;
    struct world *w = world_new(0, 11);
    assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
    struct wn_ctr_prediction known, unknown;
    struct wn_ctr_feature row[FIELDS];
    memcpy(row, w->features[0], sizeof row);
    wn_ctr_predict(w->m, row, FIELDS, 0, &known);
    row[2] = wn_ctr_feature_text(w->m, w->field[2], WN_STR("never seen"));
    wn_ctr_predict(w->m, row, FIELDS, 0, &unknown);
    assert_int_equal(known.n_new, 0);
    assert_int_equal(unknown.n_new, 1);
    double width_known = log(known.high / known.low), width = log(unknown.high / unknown.low);
    assert_true(width > 1.3 * width_known);
    struct wn_ctr_reason reasons[FIELDS];
    size_t n = wn_ctr_explain(w->m, row, FIELDS, 0, reasons, FIELDS);
    bool is_told = false;
    for (size_t i = 0; i < n; i++)
        is_told |= reasons[i].field == w->field[2] && reasons[i].is_new;
    assert_true(is_told);
    world_free(w);
}

/* ---- features ---------------------------------------------------------------------------------
 */

static void numbers_fall_into_buckets(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 0);
    uint32_t x = add_field(m, "x"), y = add_field(m, "y");
    const double nan = (double)NAN, inf = (double)INFINITY;
    /* floor(ln^2): 3 -> 1, 4 -> 1, 5 -> 2, 100 -> 21, 101 -> 21, 1e15 -> 1192 */
    const struct {
        double a, b;
        bool is_same;
    } pairs[] = {
        {3, 4, true},       {4, 5, false},     {100, 101, true},        {0, 1, false},
        {1, 2, false},      {-1, 1, false},    {-3, -4, true},          {-3, 3, false},
        {0.13, 0.14, true}, {0.1, 0.9, false}, {1e15, 1.0001e15, true}, {inf, DBL_MAX, true},
        {nan, 0, false},    {0.0, -0.0, true}, {1023, 1024, true},      {2, 2.5, false}};
    for (size_t i = 0; i < WN_COUNT(pairs); i++) {
        uint64_t a = wn_ctr_feature_number(m, x, pairs[i].a).hash;
        uint64_t b = wn_ctr_feature_number(m, x, pairs[i].b).hash;
        assert_int_equal(a == b, pairs[i].is_same);
    }
    assert_true(wn_ctr_feature_number(m, x, nan).hash ==
                wn_ctr_feature_text(m, x, WN_STR("")).hash);
    assert_true(wn_ctr_feature_number(m, x, 5).hash != wn_ctr_feature_number(m, y, 5).hash);
    assert_true(wn_ctr_feature_text(m, x, WN_STR("5")).hash !=
                wn_ctr_feature_text(m, y, WN_STR("5")).hash);
    wn_ctr_free(m);
}

/* Texts of every length: no two of these many hash alike. */
static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void hashes_differ(void **state)
{
    (void)state;
    enum { N = 60 * 256 };
    static uint64_t hash[N + 1];
    struct wn_ctr *m = new_model(8, 0);
    uint32_t x = add_field(m, "x");
    char text[64];
    size_t n = 0;
    memset(text, 'a', sizeof text);
    hash[n++] = wn_ctr_feature_text(m, x, WN_STR("")).hash;
    for (size_t length = 1; length <= 60; length++)
        for (int c = 0; c < 256; c++) { /* one byte anywhere differs */
            if (c == 'a' && length > 1)
                continue;
            text[length / 2] = (char)c;
            hash[n++] = wn_ctr_feature_text(m, x, (struct wn_str){text, length}).hash;
            text[length / 2] = 'a';
        }
    for (size_t length = 2; length <= 60; length++)
        hash[n++] = wn_ctr_feature_text(m, x, (struct wn_str){text, length}).hash;
    qsort(hash, n, sizeof *hash, by_value);
    for (size_t i = 1; i < n; i++)
        assert_true(hash[i] != hash[i - 1]);
    wn_ctr_free(m);
}

/* ---- odd input --------------------------------------------------------------------------------
 */

static void nothing_is_known(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 8);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_prediction p;
    struct wn_ctr_reason reason;
    struct wn_ctr_report report;
    wn_ctr_predict(m, &f, 1, 0, &p);
    assert_near(p.p, 0.5, 1e-12);
    assert_true(p.low < 1e-3 && p.high > 1 - 1e-3);
    wn_ctr_predict(m, NULL, 0, 0, &p);
    assert_near(p.p, 0.5, 1e-12);
    assert_true(wn_ctr_explain(m, &f, 1, 0, &reason, 1) <= 1);
    wn_ctr_report(m, &report);
    assert_false(report.has_scores);
    assert_int_equal(wn_ctr_settle(m, NULL), WN_OK);
    assert_int_equal(wn_ctr_fit(m, NULL, 0, NULL), WN_OK);
    wn_ctr_predict(m, &f, 1, 0, &p);
    assert_near(p.p, 0.5, 1e-9);
    wn_ctr_free(m);
}

/* All clicks, no click, one row, the same row again and again, huge counts, zero views: finite. */
static void extremes(void **state)
{
    (void)state;
    const struct {
        double clicks, views;
        size_t n;
        double low, high; /* of the answer */
    } cases[] = {
        {0, 1, 1, 0.01, 0.5},         {1, 1, 1, 0.5, 0.99},    {0, 1, 2000, 1e-9, 0.01},
        {1, 1, 2000, 0.99, 1},        {0, 1e15, 10, 0, 1e-9},  {1e15, 1e15, 10, 1 - 1e-9, 1},
        {3e14, 1e15, 10, 0.29, 0.31}, {0, 0, 100, 0.01, 0.99}, {0.5, 1, 1000, 0.49, 0.51}};
    for (size_t i = 0; i < WN_COUNT(cases); i++)
        for (int way = 0; way < 2; way++) {
            struct wn_ctr *m = new_model(8, 8);
            struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
            struct wn_ctr_row *rows = calloc(cases[i].n, sizeof *rows);
            assert_non_null(rows);
            for (size_t k = 0; k < cases[i].n; k++) {
                rows[k] = (struct wn_ctr_row){&f, 1, cases[i].clicks, cases[i].views, 0, 0};
                if (way)
                    assert_int_equal(wn_ctr_learn(m, &rows[k], NULL, NULL), WN_OK);
            }
            assert_int_equal(way ? wn_ctr_settle(m, NULL) : wn_ctr_fit(m, rows, cases[i].n, NULL),
                             WN_OK);
            double p = predict(m, &f, 1);
            assert_true(p >= cases[i].low && p <= cases[i].high);
            free(rows);
            wn_ctr_free(m);
        }
}

/* beta 0 and l1 0: no division of nothing by nothing. */
static void no_beta(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    o.beta = o.l1 = 0;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_row row = {&f, 1, 1, 1, 0, 0};
    assert_near(predict(m, &f, 1), 0.5, 1e-12);
    for (int i = 0; i < 10; i++)
        assert_int_equal(wn_ctr_learn(m, &row, NULL, NULL), WN_OK);
    assert_true(predict(m, &f, 1) > 0.5);
    wn_ctr_free(m);
}

static void bad_rows_are_refused(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 0);
    uint32_t x = add_field(m, "x"), y = add_field(m, "y"), cross;
    assert_int_equal(wn_ctr_cross_add(m, x, y, &cross, NULL), WN_OK);
    struct wn_ctr_feature good = wn_ctr_feature_text(m, x, WN_STR("1")), none = good, far = good,
                          made = good, strong = good;
    const double nan = (double)NAN, inf = (double)INFINITY;
    none.field = 17;
    made.field = cross;
    far.x = (float)NAN;
    strong.x = 1e9f;
    const struct wn_ctr_row rows[] = {
        {&good, 1, nan, 1, 0, 0}, {&good, 1, 1, nan, 0, 0},  {&good, 1, 2, 1, 0, 0},
        {&good, 1, -1, 1, 0, 0},  {&good, 1, 0, -1, 0, 0},   {&good, 1, 0, inf, 0, 0},
        {&good, 1, 0, 1, inf, 0}, {&good, 1, 0, 1, nan, 0},  {&good, 1, 0, 1, 0, 2},
        {&good, 1, 0, 1, 0, nan}, {&good, 5000, 0, 1, 0, 0}, {&none, 1, 0, 1, 0, 0},
        {&far, 1, 0, 1, 0, 0},    {&made, 1, 0, 1, 0, 0},    {&strong, 1, 0, 1, 0, 0}};
    for (size_t i = 0; i < WN_COUNT(rows); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_ctr_learn(m, &rows[i], NULL, &why), WN_INVALID);
        assert_true(why.text[0] && why.field[0]);
        struct wn_ctr_row both[2] = {{&good, 1, 0, 1, 0, 0}, rows[i]};
        why = (struct wn_why){0};
        assert_int_equal(wn_ctr_fit(m, both, 2, &why), WN_INVALID);
        assert_int_equal(why.line, 2);
    }
    /* Predictions pass such features over. */
    struct wn_ctr_feature odd[] = {none, far, strong, good};
    double p = predict(m, odd, 4);
    assert_near(p, predict(m, &good, 1), 1e-12);
    struct wn_ctr_prediction out;
    wn_ctr_predict(m, &good, 1, nan, &out);
    assert_true(isfinite(out.p));
    wn_ctr_predict(m, &good, 1, inf, &out);
    assert_true(out.p < 1 && out.high < 1);
    wn_ctr_free(m);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    const double nan = (double)NAN;
    struct wn_ctr_options o[13];
    for (size_t i = 0; i < WN_COUNT(o); i++)
        o[i] = WN_CTR_OPTIONS_DEFAULT;
    o[0].bits = 7;
    o[1].bits = 29;
    o[2].n_gate = 0;
    o[3].n_factors = 33;
    o[4].alpha = 0;
    o[5].alpha = nan;
    o[6].beta = -1;
    o[7].l1 = (double)INFINITY;
    o[8].l2 = 0;
    o[9].level = 1;
    o[10].keep_ratio = 0;
    o[11].keep_ratio = 1.5;
    o[12].n_gate = 251;
    for (size_t i = 0; i < WN_COUNT(o); i++) {
        struct wn_ctr *m = NULL;
        struct wn_why why = {0};
        assert_int_equal(wn_ctr_new(&o[i], &m, &why), WN_INVALID);
        assert_true(why.field[0]);
        assert_null(m);
    }
}

static void fields_have_rules(void **state)
{
    (void)state;
    struct wn_ctr *m = new_model(8, 0);
    uint32_t a = add_field(m, "a"), b = add_field(m, "b"), c, again, x, y;
    assert_int_equal(add_field(m, "a"), a);
    assert_int_equal(wn_ctr_cross_add(m, b, a, &c, NULL), WN_OK);
    assert_int_equal(wn_ctr_cross_add(m, a, b, &again, NULL), WN_OK);
    assert_int_equal(c, again);
    assert_true(wn_str_eq(wn_ctr_field_name(m, c), WN_STR("a*b")));
    assert_true(wn_ctr_field_cross(m, c, &x, &y) && x == a && y == b);
    assert_false(wn_ctr_field_cross(m, a, &x, &y));
    assert_int_equal(wn_ctr_cross_add(m, a, a, &x, NULL), WN_INVALID);
    assert_int_equal(wn_ctr_cross_add(m, a, c, &x, NULL), WN_INVALID);
    assert_int_equal(wn_ctr_field_add(m, WN_STR(""), &x, NULL), WN_INVALID);
    uint32_t twice[2] = {a, a}, crossed[1] = {c};
    assert_int_equal(wn_ctr_tree_set(m, twice, 2, NULL), WN_INVALID);
    assert_int_equal(wn_ctr_tree_set(m, crossed, 1, NULL), WN_INVALID);
    char name[16];
    wn_rc rc = WN_OK;
    for (int i = 0; !rc; i++) {
        int n = snprintf(name, sizeof name, "f%d", i);
        rc = wn_ctr_field_add(m, (struct wn_str){name, (size_t)n}, &x, NULL);
    }
    assert_int_equal(rc, WN_LIMIT);
    assert_int_equal(wn_ctr_n_fields(m), WN_CTR_FIELDS_MAX);
    wn_ctr_free(m);
}

static bool cancel(void *context, size_t done, size_t total)
{
    (void)context;
    (void)total;
    return done < 3;
}

static void a_fit_can_be_cancelled(void **state)
{
    (void)state;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL;
    struct wn_ctr_report report;
    o.on_progress = cancel;
    assert_int_equal(wn_ctr_new(&o, &m, NULL), WN_OK);
    struct wn_ctr_feature f = wn_ctr_feature_text(m, add_field(m, "x"), WN_STR("1"));
    struct wn_ctr_row rows[100];
    for (size_t i = 0; i < 100; i++)
        rows[i] = (struct wn_ctr_row){&f, 1, (double)(i % 2), 1, 0, 0};
    assert_int_equal(wn_ctr_fit(m, rows, 100, NULL), WN_CANCELLED);
    wn_ctr_report(m, &report);
    assert_int_equal(report.n_rows, 0);
    wn_ctr_free(m);
}

/* ---- the model as bytes -----------------------------------------------------------------------
 */

static void a_model_survives_a_file(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        struct world *w = world_new(8, 12);
        uint32_t cross, tree[2] = {w->field[1], w->field[2]};
        assert_int_equal(wn_ctr_cross_add(w->m, 0, 3, &cross, NULL), WN_OK);
        assert_int_equal(wn_ctr_tree_set(w->m, tree, 2, NULL), WN_OK);
        assert_int_equal(wn_ctr_note_set(w->m, WN_STR("of the test"), NULL), WN_OK);
        if (way)
            assert_int_equal(wn_ctr_fit(w->m, w->rows, 4000, NULL), WN_OK);
        for (size_t i = 0; !way && i < 4000; i++)
            assert_int_equal(wn_ctr_learn(w->m, &w->rows[i], NULL, NULL), WN_OK);
        assert_int_equal(wn_ctr_settle(w->m, NULL), WN_OK);
        struct wn_buf b, again;
        struct wn_ctr *m = NULL;
        wn_buf_init(&b, 1 << 26);
        wn_buf_init(&again, 1 << 26);
        assert_int_equal(wn_ctr_save(w->m, &b, NULL), WN_OK);
        assert_int_equal(wn_ctr_load(wn_buf_str(&b), &m, NULL), WN_OK);
        assert_true(wn_str_eq(wn_ctr_note(m), WN_STR("of the test")));
        for (size_t i = 4000; i < ROWS; i++) { /* both go on alike */
            struct wn_ctr_prediction x, y;
            wn_ctr_predict(w->m, w->features[i], FIELDS, 0, &x);
            wn_ctr_predict(m, w->features[i], FIELDS, 0, &y);
            assert_true(x.p == y.p && x.low == y.low && x.high == y.high && x.n_new == y.n_new);
            assert_int_equal(wn_ctr_learn(w->m, &w->rows[i], NULL, NULL), WN_OK);
            assert_int_equal(wn_ctr_learn(m, &w->rows[i], NULL, NULL), WN_OK);
        }
        wn_buf_reset(&b);
        assert_int_equal(wn_ctr_save(w->m, &b, NULL), WN_OK);
        assert_int_equal(wn_ctr_save(m, &again, NULL), WN_OK);
        assert_true(wn_str_eq(wn_buf_str(&b), wn_buf_str(&again)));
        wn_buf_deinit(&b);
        wn_buf_deinit(&again);
        wn_ctr_free(m);
        world_free(w);
    }
}

/* Any byte changed or missing, another kind of file, a newer version: refused, with the reason. */
static void foreign_models_are_refused(void **state)
{
    (void)state;
    struct world *w = world_new(8, 13);
    struct wn_buf b;
    struct wn_ctr *m = NULL;
    struct wn_why why = {0};
    wn_buf_init(&b, 1 << 26);
    assert_int_equal(wn_ctr_fit(w->m, w->rows, 3000, NULL), WN_OK);
    assert_int_equal(wn_ctr_save(w->m, &b, NULL), WN_OK);
    for (size_t i = 0; i < b.n; i += i < 64 ? 1 : 997) {
        if (i >= 12 && i < 16)
            continue; /* room for later, not looked at */
        b.p[i] ^= 4;
        wn_rc rc = wn_ctr_load(wn_buf_str(&b), &m, NULL);
        assert_true(rc == WN_CORRUPT || (rc == WN_NEWER && i >= 8 && i < 12));
        b.p[i] ^= 4;
    }
    for (size_t n = 0; n < b.n; n += n < 64 ? 1 : 997)
        assert_int_equal(wn_ctr_load((struct wn_str){b.p, n}, &m, NULL), WN_CORRUPT);
    assert_int_equal(
        wn_ctr_load(WN_STR("PK\x03\x04 something else entirely, long enough"), &m, &why),
        WN_CORRUPT);
    assert_non_null(strstr(why.text, "no click model"));
    b.p[b.n - 1] ^= 1;
    why = (struct wn_why){0};
    assert_int_equal(wn_ctr_load(wn_buf_str(&b), &m, &why), WN_CORRUPT);
    assert_non_null(strstr(why.text, "checksum"));
    assert_null(m);
    wn_buf_deinit(&b);
    world_free(w);
}

static void same_input_same_bytes(void **state)
{
    (void)state;
    struct wn_buf b[2];
    for (size_t i = 0; i < 2; i++) {
        struct world *w = world_new(8, 14);
        wn_buf_init(&b[i], 1 << 26);
        assert_int_equal(wn_ctr_fit(w->m, w->rows, ROWS, NULL), WN_OK);
        assert_int_equal(wn_ctr_save(w->m, &b[i], NULL), WN_OK);
        world_free(w);
    }
    assert_true(wn_str_eq(wn_buf_str(&b[0]), wn_buf_str(&b[1])));
    wn_buf_deinit(&b[0]);
    wn_buf_deinit(&b[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step),
        cmocka_unit_test(hashing_changes_nothing),
        cmocka_unit_test(long_sums_grow),
        cmocka_unit_test(gate_waits),
        cmocka_unit_test(full_table_forgets),
        cmocka_unit_test(fit_is_near),
        cmocka_unit_test(held_out_day),
        cmocka_unit_test(pairs_are_found),
        cmocka_unit_test(sums_equal_views),
        cmocka_unit_test(sampling_is_undone),
        cmocka_unit_test(tree_starts_new_ads),
        cmocka_unit_test(late_conversions),
        cmocka_unit_test(fake_negatives),
        cmocka_unit_test(reasons_add_up),
        cmocka_unit_test(unknown_widens),
        cmocka_unit_test(numbers_fall_into_buckets),
        cmocka_unit_test(hashes_differ),
        cmocka_unit_test(nothing_is_known),
        cmocka_unit_test(extremes),
        cmocka_unit_test(no_beta),
        cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(fields_have_rules),
        cmocka_unit_test(a_fit_can_be_cancelled),
        cmocka_unit_test(a_model_survives_a_file),
        cmocka_unit_test(foreign_models_are_refused),
        cmocka_unit_test(same_input_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
