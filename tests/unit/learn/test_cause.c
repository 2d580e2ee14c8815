/* Protects the search for causes: injected faults must be found, in one dimension and in pairs, for
 * sums and for ratios; normal days must keep noise out; the ROAS split must add up. */
#include "learn/cause.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define N_DIMENSIONS 3
static const uint32_t n_elements[N_DIMENSIONS] = {8, 5, 12};
#define N_LEAVES (8 * 5 * 12)

static uint32_t ids[N_LEAVES * N_DIMENSIONS];
static double base[N_LEAVES];

static void make_leaves(struct wn_rand *r)
{
    double weight[N_DIMENSIONS][12];
    for (int d = 0; d < N_DIMENSIONS; d++)
        for (uint32_t k = 0; k < n_elements[d]; k++)
            weight[d][k] = 0.5 + wn_rand_gamma(r, 1.5);
    for (uint32_t i = 0; i < N_LEAVES; i++) {
        uint32_t at[3] = {i % 8, i / 8 % 5, i / 40};
        memcpy(ids + (size_t)i * N_DIMENSIONS, at, sizeof at);
        base[i] = 40 * weight[0][at[0]] * weight[1][at[1]] * weight[2][at[2]];
    }
}

static void draw(struct wn_rand *r, double *actual)
{
    for (int i = 0; i < N_LEAVES; i++)
        actual[i] = (double)wn_rand_poisson(r, base[i]);
}

static struct wn_cause_input input_of(const double *actual)
{
    return (struct wn_cause_input){.n_rows = N_LEAVES,
                                   .n_dimensions = N_DIMENSIONS,
                                   .ids = ids,
                                   .n_elements = n_elements,
                                   .forecast = base,
                                   .actual = actual};
}

static void test_single_dimension_faults(void **state)
{
    static double actual[N_LEAVES], days[28][N_LEAVES];
    struct wn_cause_input day_inputs[28];
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    int n_found = 0, n_runs = 60, n_quiet = 0;
    (void)state;
    for (int run = 0; run < n_runs; run++) {
        struct wn_rand r;
        struct wn_arena a;
        struct wn_cause_report report;
        struct wn_why why = {0};
        wn_rand_init(&r, (uint64_t)run);
        wn_arena_init(&a, 0);
        make_leaves(&r);
        for (int d = 0; d < 28; d++) {
            draw(&r, days[d]);
            day_inputs[d] = input_of(days[d]);
        }
        draw(&r, actual);
        uint32_t dimension = (uint32_t)wn_rand_below(&r, 3);
        uint32_t id = (uint32_t)wn_rand_below(&r, n_elements[dimension]);
        struct wn_cause_input in = input_of(actual);
        assert_int_equal(wn_cause_explain_against(&in, day_inputs, 28, &options, &a, &report, &why),
                         WN_OK);
        n_quiet += report.n_causes == 0;
        for (int i = 0; i < N_LEAVES; i++)
            if (ids[i * N_DIMENSIONS + (int)dimension] == id)
                actual[i] *= wn_rand_below(&r, 2) ? 0.4 : 0.5;
        assert_int_equal(wn_cause_explain_against(&in, day_inputs, 28, &options, &a, &report, &why),
                         WN_OK);
        n_found += report.n_causes > 0 && report.causes[0].dimension == dimension &&
                   report.causes[0].n_elements == 1 && report.causes[0].elements[0].id == id;
        wn_arena_deinit(&a);
    }
    assert_true(n_found >= (n_runs * 95 + 99) / 100); /* the figure of the paper */
    assert_true(n_quiet >= n_runs * 85 / 100);        /* 95 %, give or take three errors */
}

static void test_pair_is_found_inside(void **state)
{
    static double actual[N_LEAVES];
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    struct wn_rand r;
    struct wn_arena a;
    struct wn_cause_report report;
    struct wn_why why = {0};
    (void)state;
    wn_rand_init(&r, 4);
    wn_arena_init(&a, 0);
    make_leaves(&r);
    memcpy(actual, base, sizeof actual);
    for (int i = 0; i < N_LEAVES; i++)
        if (ids[i * 3] == 3 && ids[i * 3 + 1] == 1)
            actual[i] *= 0.1;
    struct wn_cause_input in = input_of(actual);
    clock_t started = clock();
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, NULL, &why), WN_OK);
    assert_true((double)(clock() - started) / CLOCKS_PER_SEC < 0.05);
    assert_true(report.n_causes >= 2);
    bool found = false;
    for (size_t i = 0; i < report.n_causes; i++) {
        const struct wn_cause *c = &report.causes[i];
        found |=
            c->has_inside && c->n_elements == 1 &&
            ((c->inside == 0 && c->inside_id == 3 && c->dimension == 1 && c->elements[0].id == 1) ||
             (c->inside == 1 && c->inside_id == 1 && c->dimension == 0 && c->elements[0].id == 3));
    }
    assert_true(found);
    wn_arena_deinit(&a);
}

static void test_ratio(void **state)
{
    /* Conversion rate by device; the second halves while traffic stays. */
    static const uint32_t device[4] = {0, 1, 2, 3};
    const uint32_t n[1] = {4};
    const double f[4] = {50, 80, 30, 40}, fd[4] = {1000, 1500, 600, 900};
    const double x[4] = {50, 40, 30, 40}, xd[4] = {1000, 1500, 600, 900};
    struct wn_cause_input in = {4, 1, device, n, f, x, fd, xd};
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    struct wn_arena a;
    struct wn_cause_report report;
    struct wn_why why = {0};
    (void)state;
    wn_arena_init(&a, 0);
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, NULL, &why), WN_OK);
    assert_int_equal(report.n_causes, 1);
    assert_int_equal(report.causes[0].elements[0].id, 1);
    assert_true(fabs(report.causes[0].power - 1) < 1e-9);
    assert_true(fabs(report.forecast - 0.05) < 1e-12 && fabs(report.actual - 0.04) < 1e-12);
    wn_arena_deinit(&a);
}

static void test_odd_input(void **state)
{
    double f[3] = {1, NAN, 1e15}, x[3] = {0, 5, -1e15};
    uint32_t id[3] = {0, 1, 2};
    const uint32_t n[1] = {3};
    struct wn_cause_input in = {3, 1, id, n, f, x, NULL, NULL};
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    struct wn_arena a;
    struct wn_cause_report report;
    struct wn_why why = {0};
    size_t skipped = 0;
    (void)state;
    wn_arena_init(&a, 0);
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, &skipped, &why), WN_OK);
    assert_int_equal(skipped, 1);
    for (size_t i = 0; i < report.n_causes; i++)
        assert_true(isfinite(report.causes[i].surprise) && isfinite(report.causes[i].power));
    in.n_rows = 0;
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, NULL, &why), WN_OK);
    assert_int_equal(report.n_causes, 0);
    in.n_rows = 3;
    id[2] = 3;
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, NULL, &why), WN_INVALID);
    id[2] = 2;
    in.n_dimensions = 0;
    assert_int_equal(wn_cause_explain(&in, &options, &a, &report, NULL, &why), WN_INVALID);
    wn_arena_deinit(&a);
    in.n_dimensions = 1;
    for (size_t max = 8; max < 4096; max += 40) { /* every allocation fails once */
        struct wn_arena small;
        wn_arena_init(&small, max);
        wn_rc rc = wn_cause_explain(&in, &options, &small, &report, NULL, NULL);
        assert_true(rc == WN_MEMORY || rc == WN_OK);
        wn_arena_deinit(&small);
    }
}

static void test_roas_split(void **state)
{
    struct wn_roas_part before[3] = {
        {1000, 500, 50, 4000}, {2000, 800, 40, 3000}, {500, 400, 10, 900}};
    struct wn_roas_part after[3];
    struct wn_roas_split s;
    struct wn_why why = {0};
    (void)state;
    memcpy(after, before, sizeof after);
    for (int i = 0; i < 3; i++) { /* clicks cost twice as much, nothing else */
        after[i].clicks /= 2;
        after[i].conversions /= 2;
        after[i].revenue /= 2;
    }
    assert_int_equal(wn_roas_explain(before, after, 3, &s, &why), WN_OK);
    assert_true(fabs(s.effect[WN_ROAS_CPC] - (s.after - s.before)) < 1e-12);
    assert_true(fabs(s.effect[WN_ROAS_MIX]) < 1e-12 && fabs(s.effect[WN_ROAS_VALUE]) < 1e-12);
    memcpy(after, before, sizeof after);
    after[0] = (struct wn_roas_part){3000, 1500, 150, 12000}; /* three times as much of the best */
    assert_int_equal(wn_roas_explain(before, after, 3, &s, &why), WN_OK);
    assert_true(s.effect[WN_ROAS_MIX] > 0);
    assert_true(fabs(s.effect[WN_ROAS_MIX] - (s.after - s.before)) < 1e-12);
    struct wn_rand r;
    wn_rand_init(&r, 1);
    for (int run = 0; run < 500; run++) {
        double revenue[2] = {0, 0}, spend[2] = {0, 0}, sum = 0;
        for (int i = 0; i < 3; i++)
            for (int t = 0; t < 2; t++) {
                struct wn_roas_part *p = t ? &after[i] : &before[i];
                bool ends = wn_rand_below(&r, 6) == 0 && i > 0;
                p->spend = ends ? 0 : 10 + wn_rand_gamma(&r, 1) * 100;
                p->clicks = ends ? 0 : (double)wn_rand_poisson(&r, 20);
                p->conversions = p->clicks > 0 ? (double)wn_rand_below(&r, 10) : 0;
                p->revenue = p->conversions * (10 + wn_rand_gamma(&r, 2));
                revenue[t] += p->revenue;
                spend[t] += p->spend;
            }
        assert_int_equal(wn_roas_explain(before, after, 3, &s, &why), WN_OK);
        assert_true(fabs(s.before - revenue[0] / spend[0]) < 1e-9);
        assert_true(fabs(s.after - revenue[1] / spend[1]) < 1e-9);
        for (int f = 0; f < WN_ROAS_FACTORS; f++)
            sum += s.effect[f];
        assert_true(fabs(sum - (s.after - s.before)) < 1e-9);
    }
    after[1].spend = NAN;
    assert_int_equal(wn_roas_explain(before, after, 3, &s, &why), WN_INVALID);
    assert_int_equal(wn_roas_explain(before, after, 0, &s, &why), WN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_dimension_faults),
        cmocka_unit_test(test_pair_is_found_inside),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_odd_input),
        cmocka_unit_test(test_roas_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
