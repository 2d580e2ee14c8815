/* Protects the published fits on CDNOW to their printed digits and the accuracy on held-out weeks
 * that the benchmarks report, where the data are present. */
#include "../../../bench/learn/purchases.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *data_dir(void)
{
    const char *dir = getenv("WN_SHARED_DATA");
    return dir ? dir : "";
}

/* To the last printed digit. */
static void assert_prints(double value, double expected, double last_digit)
{
    if (!(fabs(value - expected) <= .5 * last_digit + 1e-9))
        fail_msg("%.6f is not %.6f", value, expected);
}

enum { MAX = 3000 };
static struct wn_ltv_customer customers[MAX];

static size_t read_customers(void)
{
    size_t n = bench_read_summary(customers, MAX, data_dir());
    if (n)
        return n;
    print_message("skipped: CDNOW is not in WN_SHARED_DATA\n");
    skip();
    return 0;
}

static struct wn_ltv_model fit(const struct wn_ltv_customer *c, size_t n, wn_ltv_kind kind,
                               struct wn_arena *a)
{
    struct wn_ltv_model m;
    struct wn_why why = {0};
    const struct wn_ltv_options o = {.kind = kind};
    if (wn_ltv_fit(c, n, &o, a, &m, &why))
        fail_msg("%s", why.text);
    assert_true(m.account.is_converged && m.money.is_converged);
    return m;
}

static void published_fits(void **state)
{
    (void)state;
    static const double theta[WN_LTV_KINDS][4] = {{.243, 4.414, .793, 2.426},
                                                  {.553, 10.578, .606, 11.669}};
    static const double finer[WN_LTV_KINDS][4] = {{.2426, 4.4135, .7929, 2.4258},
                                                  {.5533, 10.578, .6062, 11.668}};
    static const double likelihood[] = {-9582.43, -9594.97};
    struct wn_arena a;
    size_t n = read_customers();
    wn_arena_init(&a, 0);
    assert_int_equal(n, 2357);
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_ltv_model m = fit(customers, n, (wn_ltv_kind)kind, &a);
        for (size_t i = 0; i < 4; i++) {
            /* The paper's last digit of beta (11.669) is one more than the optimum's (11.668). */
            assert_prints(m.account.theta[i], theta[kind][i], kind && i == 3 ? .003 : .001);
            assert_prints(m.account.theta[i], finer[kind][i], i % 2 ? .001 : .0001);
        }
        assert_prints(m.account.log_likelihood, likelihood[kind], .01);
        assert_int_equal(m.account.n_repeat, 946);
    }
    wn_arena_deinit(&a);
}

static void published_expectations(void **state)
{
    (void)state;
    static const double weeks[][2] = {
        {.1429, .0078}, {1, .0532}, {3, .1506}, {31.8571, 1.0405}, {32, 1.0437}};
    struct wn_arena a;
    size_t n = read_customers();
    wn_arena_init(&a, 0);
    struct wn_ltv_model m = fit(customers, n, WN_LTV_BGNBD, &a);
    for (size_t i = 0; i < WN_COUNT(weeks); i++)
        assert_prints(wn_ltv_expected_new(m.kind, m.account.theta, weeks[i][0]), weeks[i][1],
                      .0001);
    const struct wn_ltv_customer c = {.frequency = 2, .recency = 30.43, .age = 38.86};
    assert_prints(wn_ltv_expected(m.kind, m.account.theta, &c, 39), 1.226, .001);
    m = fit(customers, n, WN_LTV_PNBD, &a);
    const struct wn_ltv_customer often = {.frequency = 26, .recency = 30.86, .age = 31};
    assert_prints(wn_ltv_expected(m.kind, m.account.theta, &often, 52), 25.46, .01);
    wn_arena_deinit(&a);
}

static void published_values(void **state)
{
    (void)state;
    static const double means[] = {24.65, 18.91, 35.17, 35.17, 35.17,
                                   71.46, 18.91, 35.17, 27.28, 35.17};
    struct wn_arena a;
    size_t n = read_customers();
    wn_arena_init(&a, 0);
    struct wn_ltv_model m = fit(customers, n, WN_LTV_BGNBD, &a);
    assert_int_equal(m.money.n_buyers, 946);
    assert_int_equal(m.money.n_bands, 1);
    assert_prints(m.money.p, 6.25, .01);
    assert_prints(m.money.q, 3.74, .012); /* 3.745: either way */
    assert_prints(m.money.v, 15.445, .01);
    assert_prints(m.money.log_likelihood, -4055.92, .01);
    for (size_t i = 0; i < WN_COUNT(means); i++)
        assert_prints(wn_ltv_mean_value(&m.money, &customers[i]), means[i], .02);
    wn_arena_deinit(&a);
}

/* The published table again, from the purchases themselves. */
static void purchases_make_the_table(void **state)
{
    (void)state;
    struct bench_purchases p;
    struct wn_ltv_histories h;
    struct wn_arena a;
    size_t n = read_customers();
    wn_arena_init(&a, 0);
    assert_true(bench_read_cdnow(&p, data_dir(), "CDNOW_sample.txt"));
    assert_int_equal(wn_ltv_summarise(p.rows, p.n, p.n_customers, p.last_day - 39 * 7, p.last_day,
                                      7, &a, &h, NULL),
                     WN_OK);
    assert_int_equal(h.n, n);
    double later = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(h.customers[i].frequency == customers[i].frequency);
        assert_prints(h.customers[i].recency, customers[i].recency, .02);
        assert_prints(h.customers[i].age, customers[i].age, .02);
        assert_prints(h.customers[i].monetary, customers[i].monetary, .02);
        later += h.later_purchases[i];
    }
    assert_true(later == 1882);
    bench_purchases_close(&p);
    wn_arena_deinit(&a);
}

/* 39 weeks held out. The papers plot purchases from the first day on, where BG/NBD is 4 % and
 * Pareto/NBD 2 % too low after 78 weeks; of the held-out weeks alone both miss a tenth, as the open
 * implementations do. Their mean absolute errors are .7855 and .7545 (lifetimes 0.11.3). */
static void held_out_weeks(void **state)
{
    (void)state;
    static const double error_peer[] = {.7855, .7546}, error_all[] = {-.041, -.016};
    struct bench_purchases p;
    struct wn_ltv_histories h;
    struct wn_arena a;
    (void)read_customers();
    wn_arena_init(&a, 0);
    assert_true(bench_read_cdnow(&p, data_dir(), "CDNOW_sample.txt"));
    assert_int_equal(wn_ltv_summarise(p.rows, p.n, p.n_customers, p.last_day - 39 * 7, p.last_day,
                                      7, &a, &h, NULL),
                     WN_OK);
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_ltv_model m = fit(h.customers, h.n, (wn_ltv_kind)kind, &a);
        double error = 0, seen = 0, expected = 0;
        for (size_t i = 0; i < h.n; i++) {
            const struct wn_ltv_customer *c = &h.customers[i];
            error += fabs(wn_ltv_expected(m.kind, m.account.theta, c, 39) - h.later_purchases[i]);
            seen += c->frequency + h.later_purchases[i];
            expected += wn_ltv_expected_new(m.kind, m.account.theta, c->age + 39);
        }
        assert_true(error / (double)h.n <= error_peer[kind]);
        assert_prints(expected / seen - 1, error_all[kind], .002);
    }
    bench_purchases_close(&p);
    wn_arena_deinit(&a);
}

static void online_retail(void **state)
{
    (void)state;
    struct bench_purchases p;
    struct wn_ltv_histories h;
    struct wn_arena a;
    if (!bench_read_retail(&p, data_dir())) {
        print_message("skipped: Online Retail is not in WN_SHARED_DATA\n");
        bench_purchases_close(&p);
        skip();
    }
    wn_arena_init(&a, 0);
    assert_int_equal(wn_ltv_summarise(p.rows, p.n, p.n_customers, p.last_day - 13 * 7, p.last_day,
                                      7, &a, &h, NULL),
                     WN_OK);
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        struct wn_ltv_model m = fit(h.customers, h.n, (wn_ltv_kind)kind, &a);
        double seen = 0, expected = 0;
        for (size_t i = 0; i < h.n; i++) {
            expected += wn_ltv_expected(m.kind, m.account.theta, &h.customers[i], 13);
            seen += h.later_purchases[i];
        }
        assert_true(fabs(expected / seen - 1) <= .05);
    }
    bench_purchases_close(&p);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_fits),   cmocka_unit_test(published_expectations),
        cmocka_unit_test(published_values), cmocka_unit_test(purchases_make_the_table),
        cmocka_unit_test(held_out_weeks),   cmocka_unit_test(online_retail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
