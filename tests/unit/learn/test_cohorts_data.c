/* Protects cohorts on real purchases: CDNOW, where every customer and every cent must be found again
 * in the table, and half a year that was held out is foreseen. Skips where the data are not
 * present. */
#include "winnow/cohorts.h"

#include "../../../bench/learn/purchases.h"

#include "core/date.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void cdnow(void **state)
{
    (void)state;
    const char *dir = getenv("WN_SHARED_DATA");
    struct bench_purchases p;
    if (!bench_read_cdnow(&p, dir ? dir : "", "CDNOW_master.txt.xz")) {
        bench_purchases_close(&p);
        puts("skipped: cdnow/CDNOW_master.txt.xz is not in WN_SHARED_DATA");
        skip();
    }
    struct wn_arena a;
    struct wn_rand r;
    struct wn_cohorts all, cut;
    struct wn_cohorts_projection out;
    int32_t end, cut_day;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    assert_true(wn_parse_day(WN_STR("1998-06-30"), &end));
    assert_true(wn_parse_day(WN_STR("1997-12-31"), &cut_day));
    int64_t paid = 0, in_table = 0;
    for (size_t i = 0; i < p.n; i++)
        paid += p.rows[i].amount_micros;
    for (int period = WN_COHORT_WEEK; period <= WN_COHORT_QUARTER; period++) {
        assert_int_equal(
            wn_cohorts_build(&a, p.rows, p.n, (wn_cohort_period)period, end, &all, NULL), WN_OK);
        assert_int_equal(all.n_customers, 23570);
        in_table = 0;
        for (size_t c = 0; c < all.n; c++) {
            assert_int_equal(all.cohorts[c].cells[0].n_active, all.cohorts[c].n_customers);
            for (size_t k = 0; k < all.cohorts[c].n_periods; k++)
                in_table += all.cohorts[c].cells[k].revenue_micros;
        }
        assert_int_equal(in_table, paid);
    }
    assert_int_equal(wn_cohorts_build(&a, p.rows, p.n, WN_COHORT_MONTH, end, &all, NULL), WN_OK);
    assert_int_equal(wn_cohorts_build(&a, p.rows, p.n, WN_COHORT_MONTH, cut_day, &cut, NULL),
                     WN_OK);
    const struct wn_cohort_options o = {.horizon = 17};
    assert_int_equal(wn_cohorts_project(&a, &cut, &o, &r, &out, NULL), WN_OK);
    assert_int_equal(cut.n, 3);
    for (size_t c = 0; c < 3; c++) {
        double ltv = 0;
        size_t last = all.cohorts[c].n_whole - 1;
        for (size_t k = 0; k <= last; k++)
            ltv += (double)all.cohorts[c].cells[k].revenue_micros / 1e6 /
                   (double)all.cohorts[c].n_customers;
        /* What comes is a fifth of the whole; the model, which knows no season, finds most of it. */
        assert_true(fabs(out.cohorts[c].points[last].ltv / ltv - 1) < .05);
    }
    wn_arena_deinit(&a);
    bench_purchases_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cdnow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
