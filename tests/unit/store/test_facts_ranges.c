/* Protects the joining of day ranges: whatever is added in whatever order, exactly those days are
 * held, in the fewest ranges, and a range added per row does not pile up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rand.h"
#include "store/facts/ranges_int.h"

enum { ACCOUNTS = 4, DAYS = 60, MANY = 1000000 };

static size_t fewest(bool held[ACCOUNTS][DAYS])
{
    size_t n = 0;
    for (size_t a = 0; a < ACCOUNTS; a++)
        for (size_t d = 0; d < DAYS; d++)
            n += held[a][d] && (d == 0 || !held[a][d - 1]);
    return n;
}

static void holds_exactly_what_was_added(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 1);
    for (int round = 0; round < 300; round++) {
        struct wn_ranges ranges = {0};
        bool held[ACCOUNTS][DAYS] = {0};
        for (uint64_t n = wn_rand_below(&r, 200); n > 0; n--) {
            int32_t a = (int32_t)wn_rand_below(&r, ACCOUNTS), d = (int32_t)wn_rand_below(&r, DAYS);
            int32_t to = d + (int32_t)wn_rand_below(&r, 3);
            to = to < DAYS ? to : DAYS - 1;
            struct wn_day_range range = {a + 1, d, to};
            assert_int_equal(wn_ranges_add(&ranges, range, MANY), WN_OK);
            for (; d <= to; d++)
                held[a][d] = true;
        }
        wn_ranges_join(&ranges);
        assert_int_equal(ranges.n, fewest(held));
        for (int32_t a = 0; a <= ACCOUNTS + 1; a++)
            for (int32_t d = -1; d <= DAYS; d++) {
                bool in = a > 0 && a <= ACCOUNTS && d >= 0 && d < DAYS && held[a - 1][d];
                assert_int_equal(wn_ranges_hold(&ranges, a, d), in);
            }
        wn_ranges_deinit(&ranges);
    }
}

static void one_range_per_row_does_not_pile_up(void **state)
{
    (void)state;
    struct wn_ranges ranges = {0};
    for (int32_t i = 0; i < 500000; i++) {
        struct wn_day_range range = {1 + i % 7, i % 90, i % 90};
        assert_int_equal(wn_ranges_add(&ranges, range, MANY), WN_OK);
    }
    assert_true(ranges.n_room < 2000);
    wn_ranges_join(&ranges);
    assert_int_equal(ranges.n, 7);
    wn_ranges_deinit(&ranges);
}

static void the_ends_of_int32_do_not_overflow(void **state)
{
    (void)state;
    struct wn_ranges ranges = {0};
    const struct wn_day_range all[] = {
        {INT32_MAX, INT32_MIN, INT32_MAX}, {INT32_MAX, 5, INT32_MAX}, {INT32_MIN, 0, 0}};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(wn_ranges_add(&ranges, all[i], MANY), WN_OK);
    wn_ranges_join(&ranges);
    assert_int_equal(ranges.n, 2);
    assert_true(wn_ranges_hold(&ranges, INT32_MAX, INT32_MAX));
    wn_ranges_deinit(&ranges);
}

static void more_than_the_maximum_is_refused(void **state)
{
    (void)state;
    struct wn_ranges ranges = {0};
    wn_rc rc = WN_OK;
    int32_t n = 0;
    for (; !rc && n < 100000; n++)
        rc = wn_ranges_add(&ranges, (struct wn_day_range){1, n * 2, n * 2}, 1000);
    assert_int_equal(rc, WN_LIMIT);
    assert_true(n > 1000 && n < 4000); /* noticed when the list is next joined */
    wn_ranges_deinit(&ranges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_exactly_what_was_added),
        cmocka_unit_test(one_range_per_row_does_not_pile_up),
        cmocka_unit_test(the_ends_of_int32_do_not_overflow),
        cmocka_unit_test(more_than_the_maximum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
