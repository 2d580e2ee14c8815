/* Protects what stands around the batch: ratios, reconciliation of trees, cold starts, rare events,
 * the daily model with a calendar, the live correction, and the conformal quantile. */
#include "learn/conformal.h"
#include "learn/linalg.h"
#include "winnow/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance;
}

/* ---- conformal --------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void selects_as_sorting_does(void **state)
{
    (void)state;
    struct wn_rand r;
    double x[200], sorted[200];
    wn_rand_init(&r, 1);
    for (size_t n = 1; n <= 200; n += n < 20 ? 1 : 23)
        for (size_t k = 0; k < n; k += 1 + n / 9) {
            for (size_t i = 0; i < n; i++) /* with ties */
                x[i] = sorted[i] = floor(wn_rand_uniform(&r) * (double)(n % 2 ? 10 : 1000));
            qsort(sorted, n, sizeof *sorted, by_value);
            assert_true(wn_select(x, n, k) == sorted[k]);
        }
    bool reached;
    double scores[19];
    for (int i = 0; i < 19; i++)
        scores[i] = 19 - i;
    assert_true(wn_conformal_quantile(scores, 19, 0.95, &reached) == 19 && reached);
    assert_true(wn_conformal_quantile(scores, 19, 0.80, &reached) == 16 && reached);
    assert_true(wn_conformal_quantile(scores, 18, 0.95, &reached) == 18 && !reached);
    assert_true(wn_conformal_quantile(scores, 0, 0.95, &reached) == 0 && !reached);
}

static void student_has_its_quantiles(void **state)
{
    (void)state;
    /* t with 5 degrees of freedom: 2.570582 at 95 %, 1.475884 at 80 % (printed tables). */
    assert_true(near(wn_student5_halfwidth(0.95) * sqrt(5.0 / 3), 2.570582, 1e-6));
    assert_true(near(wn_student5_halfwidth(0.80) * sqrt(5.0 / 3), 1.475884, 1e-6));
}

/* Gibbs and Candes' bound holds for any outcomes: here the noise grows ninefold on the way. */
static void live_correction_keeps_coverage(void **state)
{
    (void)state;
    struct wn_conformal c;
    struct wn_rand r;
    double past[200] = {0}, sizes[200];
    wn_rand_init(&r, 3);
    wn_conformal_init(&c, 0.9, 0);
    enum { T = 20000 };
    size_t fixed_missed = 0;
    for (size_t t = 0; t < T; t++) {
        double y = wn_rand_normal(&r) * (1 + 8.0 * (double)t / T);
        memcpy(sizes, past, sizeof sizes);
        double level = wn_conformal_level(&c);
        double half = wn_conformal_quantile(sizes, 200, level, NULL);
        wn_conformal_update(&c, y, -half, half);
        fixed_missed += fabs(y) > 1.644854;
        past[t % 200] = fabs(y);
    }
    double missed = (double)c.n_missed / T;
    assert_int_equal(c.n_seen, T);
    assert_true(fabs(missed - 0.1) <= (1 + 0.02) / (0.02 * T));
    assert_true((double)fixed_missed / T > 0.3); /* what happens without */
    wn_conformal_update(&c, NAN, 0, 1);
    assert_int_equal(c.n_seen, T);
    wn_conformal_init(&c, NAN, -1);
    assert_true(c.level == 0.95 && c.gamma == 0.02);
    for (int i = 0; i < 1000; i++)
        wn_conformal_update(&c, 5, 0, 1);
    assert_true(wn_conformal_level(&c) <= 0.9999);
}

/* ---- trees ------------------------------------------------------------------------------------
 */

static void known_tree(void **state)
{
    (void)state;
    const size_t parent[] = {WN_TREE_ROOT, 0, 0};
    const double variances[] = {4, 1, 3};
    double values[] = {100, 60, 30}, after[3];
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, variances, after, NULL), WN_OK);
    assert_true(near(values[0], 95, 1e-12));
    assert_true(near(values[1], 61.25, 1e-12));
    assert_true(near(values[2], 33.75, 1e-12));
    assert_true(near(after[0], 2, 1e-12)); /* 1 / (1/4 + 1/4) */
}

/* Against generalised least squares over the leaves, solved as it stands. */
static void equals_least_squares(void **state)
{
    (void)state;
    /*      0
     *    1    2
     *  3 4 5  6 7     */
    const size_t parent[] = {WN_TREE_ROOT, 0, 0, 1, 1, 1, 2, 2};
    enum { NODES = 8, LEAVES = 5 };
    const size_t leaf_node[LEAVES] = {3, 4, 5, 6, 7};
    struct wn_rand r;
    wn_rand_init(&r, 11);
    for (int round = 0; round < 20; round++) {
        double y[NODES], v[NODES], fast[NODES], after[NODES], x[NODES][LEAVES] = {{0}};
        double a[15] = {0}, saved[15], b[LEAVES] = {0};
        for (size_t i = 0; i < NODES; i++) {
            y[i] = fast[i] = 100 * wn_rand_normal(&r);
            v[i] = wn_rand_gamma(&r, 1) + 0.01;
        }
        for (size_t j = 0; j < LEAVES; j++)
            for (size_t i = leaf_node[j];; i = parent[i]) {
                x[i][j] = 1;
                if (parent[i] == WN_TREE_ROOT)
                    break;
            }
        for (size_t i = 0; i < NODES; i++) {
            wn_packed_add_outer(a, LEAVES, 1 / v[i], x[i]);
            for (size_t j = 0; j < LEAVES; j++)
                b[j] += x[i][j] * y[i] / v[i];
        }
        assert_int_equal(wn_chol_factor(a, LEAVES, saved, NULL), WN_OK);
        wn_chol_solve(a, LEAVES, b);
        assert_int_equal(wn_forecast_reconcile(parent, NODES, 1, fast, v, after, NULL), WN_OK);
        for (size_t j = 0; j < LEAVES; j++) {
            double e[LEAVES] = {0};
            e[j] = 1;
            wn_chol_solve(a, LEAVES, e); /* column j of the covariance */
            assert_true(near(fast[leaf_node[j]], b[j], 1e-8));
            assert_true(near(after[leaf_node[j]], e[j], 1e-9));
        }
        assert_true(near(fast[0], fast[1] + fast[2], 1e-9));
        assert_true(near(fast[1], fast[3] + fast[4] + fast[5], 1e-9));
        assert_true(near(fast[2], fast[6] + fast[7], 1e-9));
    }
}

static void trees_at_the_edges(void **state)
{
    (void)state;
    struct wn_why why = {0};
    const size_t parent[] = {WN_TREE_ROOT, 0, 0};
    double values[] = {100, 60, 30, 200, 120, 60};
    const double certain[] = {4, 0, 0}, none[] = {INFINITY, 1, 3}, exact[] = {0, 1, 3};
    double two[] = {100, 10, 60, 6, 30, 3};
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, certain, NULL, &why), WN_OK);
    assert_true(values[0] == 90 && values[1] == 60 && values[2] == 30);
    values[0] = 100;
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, none, NULL, &why), WN_OK);
    assert_true(values[0] == 90);
    assert_int_equal(wn_forecast_reconcile(parent, 3, 2, two, exact, NULL, &why), WN_OK);
    assert_true(near(two[0], 100, 1e-12) && near(two[2], 62.5, 1e-12) && near(two[4], 37.5, 1e-12));
    assert_true(near(two[1], 10, 1e-12) && near(two[3], 6.25, 1e-12) && near(two[5], 3.75, 1e-12));
    const size_t backwards[] = {1, WN_TREE_ROOT, 1};
    assert_int_equal(wn_forecast_reconcile(backwards, 3, 1, values, certain, NULL, &why),
                     WN_INVALID);
    assert_true(strstr(why.text, "node 0") != NULL);
    const double negative[] = {1, -1, 1}, lost[] = {1, INFINITY, 1}, nan[] = {1, NAN, 1};
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, negative, NULL, NULL), WN_INVALID);
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, lost, NULL, NULL), WN_INVALID);
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, nan, NULL, NULL), WN_INVALID);
    values[1] = NAN;
    assert_int_equal(wn_forecast_reconcile(parent, 3, 1, values, certain, NULL, NULL), WN_INVALID);
    assert_int_equal(wn_forecast_reconcile(NULL, 0, 1, NULL, NULL, NULL, NULL), WN_OK);
}

/* ---- ratios -----------------------------------------------------------------------------------
 */

enum { DAYS = 200, AHEAD = 14 };
static const double levels[] = {0.8, 0.95};
static const struct wn_forecast_options options = {
    .horizon = AHEAD, .frequency = WN_FREQUENCY_DAILY, .levels = {0.8, 0.95}, .n_levels = 2};

/* Revenue moves with spend: most of the noise of both is common. */
static void make_pair(uint64_t seed, double *revenue, double *spend, double own_noise)
{
    struct wn_rand r;
    wn_rand_init(&r, seed);
    for (size_t t = 0; t < DAYS + AHEAD; t++) {
        double common = 0.3 * wn_rand_normal(&r);
        spend[t] = 100 * exp(common);
        revenue[t] = 250 * exp(common + own_noise * wn_rand_normal(&r));
    }
}

static void ratio_of(const double *revenue, const double *spend, uint64_t seed, struct wn_arena *a,
                     struct wn_forecast f[2], struct wn_ratio_forecast *out)
{
    struct wn_forecast_series s[2] = {{revenue, DAYS, NULL}, {spend, DAYS, NULL}};
    struct wn_rand r;
    wn_rand_init(&r, seed);
    assert_int_equal(wn_forecast_batch(s, 2, &options, a, f, NULL), WN_OK);
    assert_int_equal(wn_forecast_ratio(&f[0], &f[1], levels, 2, 0, &r, a, out, NULL), WN_OK);
}

static void ratio_knows_what_cancels(void **state)
{
    (void)state;
    double revenue[DAYS + AHEAD], spend[DAYS + AHEAD];
    size_t covered = 0, seen = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct wn_arena a;
        struct wn_forecast f[2];
        struct wn_ratio_forecast roas, again;
        wn_arena_init(&a, 0);
        make_pair(seed, revenue, spend, 0.05);
        ratio_of(revenue, spend, 7, &a, f, &roas);
        ratio_of(revenue, spend, 7, &a, f, &again);
        assert_memory_equal(roas.low, again.low, 2 * AHEAD * sizeof(double));
        for (size_t h = 0; h < AHEAD; h++) {
            assert_true(roas.has_value[h]);
            assert_true(roas.mean[h] == f[0].mean[h] / f[1].mean[h]);
            assert_true(roas.low[AHEAD + h] <= roas.low[h] && roas.low[h] <= roas.mean[h]);
            assert_true(roas.high[AHEAD + h] >= roas.high[h] && roas.high[h] >= roas.mean[h]);
            double actual = revenue[DAYS + h] / spend[DAYS + h];
            covered += actual >= roas.low[AHEAD + h] && actual <= roas.high[AHEAD + h];
            seen++;
            /* Drawn apart, the band would be that of revenue alone and more. */
            assert_true(roas.high[h] / roas.low[h] < 0.6 * f[0].high[h] / f[0].low[h] + 0.4);
        }
        wn_arena_deinit(&a);
    }
    assert_true((double)covered / (double)seen > 0.90);
}

static void ratio_at_the_edges(void **state)
{
    (void)state;
    double revenue[DAYS + AHEAD], spend[DAYS + AHEAD];
    struct wn_arena a;
    struct wn_forecast f[2];
    struct wn_ratio_forecast out;
    struct wn_rand r;
    wn_arena_init(&a, 0);
    make_pair(1, revenue, spend, 0.1);
    for (size_t t = 0; t < DAYS; t++)
        spend[t] = 0;
    ratio_of(revenue, spend, 1, &a, f, &out); /* nothing was spent: no value, not infinity */
    for (size_t h = 0; h < AHEAD; h++)
        assert_true(!out.has_value[h] && out.mean[h] == 0 && isfinite(out.high[h]));
    make_pair(2, revenue, spend, 0.1);
    for (size_t t = 0; t < DAYS; t++)
        revenue[t] -= 300; /* a profit that may be negative */
    ratio_of(revenue, spend, 1, &a, f, &out);
    for (size_t h = 0; h < AHEAD; h++)
        assert_true(out.has_value[h] && isfinite(out.low[AHEAD + h]) &&
                    out.low[AHEAD + h] < out.mean[h]);
    wn_rand_init(&r, 1);
    struct wn_forecast shorter = f[1];
    shorter.horizon = 3;
    assert_int_equal(wn_forecast_ratio(&f[0], &shorter, levels, 2, 0, &r, &a, &out, NULL),
                     WN_INVALID);
    assert_int_equal(wn_forecast_ratio(&f[0], &f[1], levels, 2, 2000000, &r, &a, &out, NULL),
                     WN_LIMIT);
    struct wn_arena small;
    wn_arena_init(&small, 64);
    assert_int_equal(wn_forecast_ratio(&f[0], &f[1], levels, 2, 0, &r, &small, &out, NULL),
                     WN_MEMORY);
    wn_arena_deinit(&small);
    wn_arena_deinit(&a);
}

/* ---- cold start -------------------------------------------------------------------------------
 */

static void cold_start_shrinks_to_siblings(void **state)
{
    (void)state;
    double parent[DAYS], child[10];
    struct wn_arena a;
    struct wn_forecast p, none, some, silent;
    struct wn_rand r;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 4);
    for (size_t t = 0; t < DAYS; t++)
        parent[t] = 1000 * exp(0.1 * wn_rand_normal(&r));
    struct wn_forecast_series s = {parent, DAYS, NULL};
    assert_int_equal(wn_forecast_batch(&s, 1, &options, &a, &p, NULL), WN_OK);
    for (size_t t = 0; t < 10; t++)
        child[t] = 0.3 * parent[DAYS - 10 + t];
    assert_int_equal(
        wn_forecast_cold_start(NULL, NULL, 0, &p, levels, 2, 0.1, 0.5, &a, &none, NULL), WN_OK);
    assert_int_equal(wn_forecast_cold_start(child, parent + DAYS - 10, 10, &p, levels, 2, 0.1, 0.5,
                                            &a, &some, NULL),
                     WN_OK);
    assert_true(near(none.mean[0], 0.1 * p.mean[0], 1e-9 * p.mean[0]));
    /* 10 days against 7: share 0.3^(10/17) * 0.1^(7/17). */
    double share = exp(10.0 / 17 * log(0.3) + 7.0 / 17 * log(0.1));
    assert_true(near(some.mean[3], share * p.mean[3], 1e-9 * p.mean[3]));
    /* Days teach: the interval is narrower than without, and wider than the parent's. */
    assert_true(some.high[3] / some.low[3] < none.high[3] / none.low[3]);
    assert_true(some.high[3] / some.low[3] > p.high[3] / p.low[3] * 0.99);
    memset(child, 0, sizeof child);
    assert_int_equal(
        wn_forecast_cold_start(child, parent, 10, &p, levels, 2, 0.1, 0.5, &a, &silent, NULL),
        WN_OK);
    assert_true(silent.mean[0] > 0 && silent.mean[0] < none.mean[0]);
    child[2] = -1;
    assert_int_equal(
        wn_forecast_cold_start(child, parent, 10, &p, levels, 2, 0.1, 0.5, &a, &silent, NULL),
        WN_INVALID);
    assert_int_equal(
        wn_forecast_cold_start(NULL, NULL, 0, &p, levels, 2, 0, 0.5, &a, &silent, NULL),
        WN_INVALID);
    wn_arena_deinit(&a);
}

/* ---- rare events ------------------------------------------------------------------------------
 */

static void rare_events(void **state)
{
    (void)state;
    struct wn_intermittent_forecast f, faded;
    struct wn_rand r;
    double x[400];
    wn_rand_init(&r, 6);
    for (size_t t = 0; t < 400; t++)
        x[t] = wn_rand_uniform(&r) < 0.2 ? 1 + (double)wn_rand_poisson(&r, 2) : 0;
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &f, NULL), WN_OK);
    assert_true(near(f.probability, 0.2, 0.08) && near(f.size, 3, 0.6)); /* truth: 0.2, 3 */
    assert_true(near(f.mean, f.probability * f.size, 1e-12) && f.variance >= f.mean);
    assert_true(f.low[1] <= f.low[0] && f.high[0] <= f.high[1] && f.low[1] == 0);
    assert_true(f.high[1] == floor(f.high[1]) && f.high[1] >= 3 && f.high[1] <= 12);
    for (size_t t = 300; t < 400; t++)
        x[t] = 0; /* the product has died */
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &faded, NULL), WN_OK);
    assert_true(faded.mean < 0.6 * f.mean);
    for (size_t t = 0; t < 400; t++)
        x[t] = NAN;
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &f, NULL), WN_OK);
    assert_true(f.mean == 0 && f.high[1] == 0);
    assert_int_equal(wn_forecast_intermittent(NULL, 0, levels, 2, &f, NULL), WN_OK);
    x[7] = 1e15;
    x[8] = 0;
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &f, NULL), WN_OK);
    assert_true(isfinite(f.mean) && isfinite(f.high[1]) && f.low[1] <= f.mean);
    x[7] = -1;
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &f, NULL), WN_INVALID);
    x[7] = INFINITY;
    assert_int_equal(wn_forecast_intermittent(x, 400, levels, 2, &f, NULL), WN_INVALID);
}

/* Poisson(3): P(X <= 5) = 0.916, P(X <= 6) = 0.966, P(X <= 7) = 0.988; the 97.5 % quantile is 7,
 * the 2.5 % quantile 0 (P(0) = 0.0498). */
static void counts_have_exact_quantiles(void **state)
{
    (void)state;
    double x[100];
    struct wn_intermittent_forecast f;
    for (size_t t = 0; t < 100; t++)
        x[t] = 3;
    assert_int_equal(wn_forecast_intermittent(x, 100, levels, 2, &f, NULL), WN_OK);
    assert_true(near(f.mean, 3, 1e-12) && near(f.variance, 3, 1e-12));
    assert_true(f.low[1] == 0 && f.high[1] == 7);
    assert_true(f.low[0] == 1 && f.high[0] == 5); /* 10 % and 90 % */
}

/* ---- the daily model --------------------------------------------------------------------------
 */

static void sine_and_trend_are_exact(void **state)
{
    (void)state;
    enum { N = 800, H = 60 };
    static double x[N];
    const double circle = 2 * acos(-1);
    const int32_t first = 20000;
    struct wn_arena a;
    struct wn_forecast f;
    struct wn_daily_model model = {.first_day = first, .is_additive = true};
    struct wn_forecast_options o = {.horizon = H, .frequency = WN_FREQUENCY_DAILY};
    wn_arena_init(&a, 0);
    for (int k = 0; k < 2; k++) {
        double period = k ? 365.25 : 7;
        size_t n = k ? N : 120;
        for (size_t t = 0; t < n; t++)
            x[t] = 50 + 0.25 * (double)t + 10 * sin(circle * (double)(first + (int)t) / period + 1);
        struct wn_forecast_series s = {x, n, NULL};
        assert_int_equal(wn_forecast_daily(&s, &model, &o, &a, &f, NULL), WN_OK);
        for (size_t h = 0; h < H; h++) {
            double day = (double)(first + (int)(n + h));
            double truth = 50 + 0.25 * (double)(n + h) + 10 * sin(circle * day / period + 1);
            assert_true(near(f.mean[h], truth, 1e-6));
            assert_true(f.low[h] <= f.mean[h] && f.high[H + h] >= f.high[h]);
        }
    }
    wn_arena_deinit(&a);
}

/* A holiday is learnt from the years before, also of a kind of its own, and a driver by its plan. */
static void holidays_and_drivers_are_learnt(void **state)
{
    (void)state;
    enum { N = 1000, H = 30 };
    static double x[N], drivers[N + H];
    static int32_t days[40];
    static uint32_t kinds[40];
    struct wn_rand r;
    struct wn_arena a;
    struct wn_forecast f, blind;
    const int32_t first = 19000;
    wn_rand_init(&r, 8);
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < 40; i++) {
        days[i] = first + 10 + 26 * (int32_t)i; /* the last ones lie ahead */
        kinds[i] = i % 2;
    }
    for (size_t t = 0; t < N + H; t++)
        drivers[t] = wn_rand_uniform(&r) < 0.3 ? 1 : 0;
    for (size_t t = 0; t < N; t++) {
        double effect = 0.4 * drivers[t];
        for (size_t i = 0; i < 40; i++)
            if (days[i] == first + (int32_t)t)
                effect += kinds[i] ? 0.8 : 0.2;
        x[t] = 100 * exp(effect + 0.05 * wn_rand_normal(&r));
    }
    struct wn_forecast_series s = {x, N, NULL};
    struct wn_daily_model model = {first, days, kinds, 40, drivers, 1, false},
                          nothing = {.first_day = first};
    struct wn_forecast_options o = {.horizon = H, .frequency = WN_FREQUENCY_DAILY};
    assert_int_equal(wn_forecast_daily(&s, &model, &o, &a, &f, NULL), WN_OK);
    assert_int_equal(wn_forecast_daily(&s, &nothing, &o, &a, &blind, NULL), WN_OK);
    for (size_t h = 0; h < H; h++) {
        double effect = 0.4 * drivers[N + h];
        for (size_t i = 0; i < 40; i++)
            if (days[i] == first + (int32_t)(N + h))
                effect += kinds[i] ? 0.8 : 0.2;
        /* 19 holidays of a kind, shrunk by 4: the effect is found to a fifth; noise 0.05. */
        assert_true(near(log(f.mean[h] / 100), effect, 0.06 + 0.2 * effect));
    }
    assert_true(f.error_smape < 0.5 * blind.error_smape);
    wn_arena_deinit(&a);
}

static void daily_errors(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_forecast f;
    struct wn_why why = {0};
    double x[60], driver[70] = {0};
    wn_arena_init(&a, 0);
    for (size_t t = 0; t < 60; t++)
        x[t] = 10 + (double)(t % 7);
    struct wn_forecast_series s = {x, 60, NULL};
    struct wn_daily_model m = {.first_day = 20000};
    struct wn_forecast_options o = {.horizon = 10};
    for (size_t n = 0; n < 60; n++) { /* any length: an answer or a clear error */
        s.n = n;
        wn_rc rc = wn_forecast_daily(&s, &m, &o, &a, &f, &why);
        assert_int_equal(rc, n < 21 ? WN_INVALID : WN_OK);
        for (size_t h = 0; h < 10 && !rc; h++)
            assert_true(isfinite(f.low[h]) && f.low[h] <= f.mean[h] && f.mean[h] <= f.high[h]);
    }
    s.n = 60;
    m.drivers = driver;
    m.n_drivers = 1;
    assert_int_equal(wn_forecast_daily(&s, &m, &o, &a, &f, NULL), WN_OK); /* a constant driver */
    driver[65] = NAN;
    why = (struct wn_why){0};
    assert_int_equal(wn_forecast_daily(&s, &m, &o, &a, &f, &why), WN_INVALID);
    assert_true(strstr(why.text, "day 66") != NULL);
    m.n_drivers = 0;
    for (size_t t = 0; t < 60; t++)
        x[t] = 0;
    assert_int_equal(wn_forecast_daily(&s, &m, &o, &a, &f, NULL), WN_OK);
    assert_true(f.mean[0] == 0);
    for (size_t t = 0; t < 60; t++)
        x[t] = 1e15 * (double)(t % 5);
    assert_int_equal(wn_forecast_daily(&s, &m, &o, &a, &f, NULL), WN_OK);
    assert_true(isfinite(f.high[0]));
    x[3] = -INFINITY;
    assert_int_equal(wn_forecast_daily(&s, &m, &o, &a, &f, NULL), WN_INVALID);
    x[3] = 1;
    for (size_t limit = 16; limit < 100000; limit += 1 + limit / 16) {
        struct wn_arena small;
        wn_arena_init(&small, limit);
        wn_rc rc = wn_forecast_daily(&s, &m, &o, &small, &f, NULL);
        wn_arena_deinit(&small);
        assert_true(rc == WN_OK || rc == WN_MEMORY);
    }
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selects_as_sorting_does),
        cmocka_unit_test(student_has_its_quantiles),
        cmocka_unit_test(live_correction_keeps_coverage),
        cmocka_unit_test(known_tree),
        cmocka_unit_test(equals_least_squares),
        cmocka_unit_test(trees_at_the_edges),
        cmocka_unit_test(ratio_knows_what_cancels),
        cmocka_unit_test(ratio_at_the_edges),
        cmocka_unit_test(cold_start_shrinks_to_siblings),
        cmocka_unit_test(rare_events),
        cmocka_unit_test(counts_have_exact_quantiles),
        cmocka_unit_test(sine_and_trend_are_exact),
        cmocka_unit_test(holidays_and_drivers_are_learnt),
        cmocka_unit_test(daily_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
