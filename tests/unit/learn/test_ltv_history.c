/* Protects the way from purchases to customers: days, refunds, hold-out, order, errors; and the
 * comparison of predictions with what came. */
#include "winnow/ltv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define UNITS(x) ((int64_t)((x)*1000000.0))

static struct wn_arena a;

static struct wn_ltv_histories histories(const struct wn_ltv_purchase *rows, size_t n, size_t n_of,
                                         int32_t last_day, int32_t end_day)
{
    struct wn_ltv_histories h;
    struct wn_why why = {0};
    if (wn_ltv_summarise(rows, n, n_of, last_day, end_day, 7, &a, &h, &why))
        fail_msg("%s", why.text);
    return h;
}

static void counts_days(void **state)
{
    (void)state;
    static const struct wn_ltv_purchase rows[] = {
        {UNITS(10), 0, 100}, {UNITS(5), 0, 100}, {UNITS(20), 0, 107}, {0, 0, 114},
        {UNITS(40), 0, 121}, {UNITS(7), 1, 110}, {UNITS(9), 2, 130}};
    struct wn_ltv_histories h = histories(rows, WN_COUNT(rows), 4, 114, 128);
    assert_int_equal(h.n, 2); /* customer 2 comes later, customer 3 never */
    assert_int_equal(h.ids[0], 0);
    assert_int_equal(h.ids[1], 1);
    assert_true(h.customers[0].frequency == 2 && h.customers[0].recency == 2);
    assert_true(h.customers[0].age == 2 && h.customers[0].monetary == 10);
    assert_true(h.first_value[0] == 15);
    assert_true(h.later_purchases[0] == 1 && h.later_value[0] == 40);
    assert_true(h.customers[1].frequency == 0 && h.customers[1].recency == 0);
    assert_true(h.customers[1].monetary == 0 && h.later_purchases[1] == 0);
    assert_true(fabs(h.customers[1].age - 4.0 / 7) < 1e-15);
}

static void refunds(void **state)
{
    (void)state;
    /* 0: part of the last one back. 1: all of the last one. 2: more than the last one. 3: all there
     * was. 4: nothing known of it. 5: on the day itself. */
    static const struct wn_ltv_purchase rows[] = {
        {UNITS(10), 0, 1}, {UNITS(8), 0, 8},   {UNITS(-3), 0, 9},   {UNITS(10), 1, 1},
        {UNITS(8), 1, 8},  {UNITS(-8), 1, 9},  {UNITS(10), 2, 1},   {UNITS(8), 2, 8},
        {UNITS(6), 2, 15}, {UNITS(-9), 2, 16}, {UNITS(10), 3, 1},   {UNITS(-10), 3, 2},
        {UNITS(-5), 4, 1}, {UNITS(6), 4, 8},   {UNITS(-20), 5, 10}, {UNITS(20), 5, 10}};
    struct wn_ltv_histories h = histories(rows, WN_COUNT(rows), 6, 20, 20);
    assert_int_equal(h.n, 4);
    assert_true(h.customers[0].frequency == 1 && h.customers[0].monetary == 5);
    assert_true(h.customers[1].frequency == 0 && h.first_value[1] == 10);
    assert_true(h.customers[2].frequency == 1 && h.customers[2].monetary == 5);
    assert_int_equal(h.ids[3], 4);
    assert_true(h.customers[3].frequency == 0 && h.first_value[3] == 6);
}

/* What is given back after the last day lowers what was bought before it only from then on. */
static void later_refunds_are_not_known_yet(void **state)
{
    (void)state;
    static const struct wn_ltv_purchase rows[] = {
        {UNITS(10), 0, 1}, {UNITS(8), 0, 8}, {UNITS(-8), 0, 30}, {UNITS(5), 0, 40}};
    struct wn_ltv_histories h = histories(rows, WN_COUNT(rows), 1, 20, 50);
    assert_true(h.customers[0].frequency == 1 && h.customers[0].monetary == 8);
    assert_true(h.later_purchases[0] == 1 && h.later_value[0] == 5);
}

static void extremes(void **state)
{
    (void)state;
    static const struct wn_ltv_purchase rows[] = {{INT64_MAX, 0, INT32_MIN},
                                                  {INT64_MAX, 0, 0},
                                                  {INT64_MAX, 0, 0},
                                                  {INT64_MIN, 0, 1},
                                                  {INT64_MAX, 0, INT32_MAX}};
    struct wn_ltv_histories h = histories(rows, WN_COUNT(rows), 1, INT32_MAX, INT32_MAX);
    assert_int_equal(h.n, 1);
    assert_true(isfinite(h.customers[0].monetary) && isfinite(h.customers[0].age));
    assert_true(h.customers[0].recency <= h.customers[0].age);
    assert_int_equal(histories(NULL, 0, 0, 0, 0).n, 0);
    assert_int_equal(histories(NULL, 0, 5, 0, 0).n, 0);
}

static void what_is_refused(void **state)
{
    (void)state;
    struct wn_ltv_histories h;
    struct wn_why why = {0};
    const struct wn_ltv_purchase unsorted[] = {{1, 1, 5}, {1, 0, 6}};
    const struct wn_ltv_purchase backwards[] = {{1, 0, 5}, {1, 0, 4}};
    assert_int_equal(wn_ltv_summarise(unsorted, 2, 2, 9, 9, 7, &a, &h, &why), WN_INVALID);
    assert_int_equal(why.line, 2);
    assert_int_equal(wn_ltv_summarise(backwards, 2, 2, 9, 9, 7, &a, &h, NULL), WN_INVALID);
    assert_int_equal(wn_ltv_summarise(unsorted, 1, 1, 9, 9, 7, &a, &h, NULL), WN_INVALID);
    assert_int_equal(wn_ltv_summarise(unsorted, 1, 2, 9, 8, 7, &a, &h, NULL), WN_INVALID);
    assert_int_equal(wn_ltv_summarise(unsorted, 1, 2, 9, 9, 0, &a, &h, NULL), WN_INVALID);
    assert_int_equal(wn_ltv_summarise(unsorted, 1, 2, 9, 9, (double)NAN, &a, &h, NULL), WN_INVALID);
}

static void comparison(void **state)
{
    (void)state;
    const struct wn_ltv_customer c[] = {{.frequency = 2, .recency = 4, .age = 8}, {.age = 0}};
    const struct wn_ltv_prediction p[] = {{.purchases = 1.5, .low = 0, .high = 10},
                                          {.purchases = .5, .low = 0, .high = 4}};
    const struct wn_ltv_total total = {.value = 12, .low = 8, .high = 16};
    const double later[] = {3, 0}, value[] = {12, 0};
    struct wn_ltv_check k;
    assert_int_equal(wn_ltv_compare(c, p, &total, 2, later, value, 4, &k, NULL), WN_OK);
    assert_true(k.purchases == 3 && k.purchases_expected == 2);
    assert_true(fabs(k.error_abs - 1) < 1e-15 && fabs(k.error_rms - sqrt(1.25)) < 1e-15);
    assert_true(k.error_abs_naive == 1 && k.covered == .5 && k.value == 12);
    const double odd[] = {NAN, 0};
    assert_int_equal(wn_ltv_compare(c, p, &total, 2, odd, value, 4, &k, NULL), WN_INVALID);
    assert_int_equal(wn_ltv_compare(c, p, &total, 0, later, value, 4, &k, NULL), WN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_days),
        cmocka_unit_test(refunds),
        cmocka_unit_test(later_refunds_are_not_known_yet),
        cmocka_unit_test(extremes),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(comparison),
    };
    wn_arena_init(&a, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    wn_arena_deinit(&a);
    return failed;
}
