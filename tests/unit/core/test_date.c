/* Protects the calendar: every day that can be stored, counted one by one against rules written
 * down here, and every text that is no date. */
#include "core/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap(year));
}

static void every_day_of_the_calendar(void **state)
{
    (void)state;
    struct wn_date d = {1970, 1, 1};
    int weekday = 3; /* a Thursday */
    int32_t month_start = 0;
    for (int32_t day = WN_DAY_MIN; day <= WN_DAY_MAX; day++) {
        struct wn_date got = wn_date_of_day(day);
        assert_true(got.year == d.year && got.month == d.month && got.day == d.day);
        int32_t back = -1;
        assert_true(wn_day_of_date(d, &back));
        assert_int_equal(back, day);
        assert_int_equal(wn_weekday_of_day(day), weekday);
        assert_int_equal(wn_week_start(day), day - weekday);
        if (d.day == 1)
            month_start = day;
        assert_int_equal(wn_month_start(day), month_start);
        char text[WN_DAY_TEXT_MAX];
        assert_int_equal(wn_print_day(day, text), 10);
        assert_true(wn_parse_day(wn_str_of(text), &back));
        assert_int_equal(back, day);
        weekday = (weekday + 1) % 7;
        if (++d.day > days_in(d.year, d.month)) {
            d.day = 1;
            if (++d.month > 12) {
                d.month = 1;
                d.year++;
            }
        }
    }
    assert_int_equal(d.year, 2200); /* the last day was 2199-12-31 */
    assert_int_equal(d.month, 1);
    assert_int_equal(d.day, 1);
}

static void what_is_no_date(void **state)
{
    (void)state;
    int32_t day = 77;
    for (int year = 1970; year < 2200; year++)
        for (int month = 1; month <= 12; month++) {
            assert_false(wn_day_of_date((struct wn_date){year, month, 0}, &day));
            assert_false(
                wn_day_of_date((struct wn_date){year, month, days_in(year, month) + 1}, &day));
        }
    static const struct wn_date dates[] = {{1969, 12, 31}, {2200, 1, 1},      {2026, 0, 1},
                                           {2026, 13, 1},  {2026, 1, -1},     {2026, 1, 99},
                                           {-5, 1, 1},     {2147483647, 1, 1}};
    for (size_t i = 0; i < WN_COUNT(dates); i++)
        assert_false(wn_day_of_date(dates[i], &day));
    static const char *const texts[] = {"",           "2026-02-30",  "2026-2-03",   "2026-02-3",
                                        "26-02-03",   "2026/02/03",  "2026-02-03 ", " 2026-02-03",
                                        "2026-13-01", "2026-00-10",  "2026-01-00",  "2100-02-29",
                                        "1969-12-31", "2200-01-01",  "+026-01-01",  "2026-01-0x",
                                        "20260101",   "2026-01-01T", "-026-01-01",  "2026-0a-01"};
    for (size_t i = 0; i < WN_COUNT(texts); i++)
        assert_false(wn_parse_day(wn_str_of(texts[i]), &day));
    assert_false(wn_parse_day((struct wn_str){0}, &day));
    assert_int_equal(day, 77);
    assert_true(wn_parse_day(WN_STR("2096-02-29"), &day));
    assert_true(wn_parse_day(WN_STR("2000-02-29"), &day));
}

static void moments_are_printed(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400123), "2000-02-29T00:00:00.123Z"},
        {INT64_C(1700000000000), "2023-11-14T22:13:20.000Z"},
        {INT64_C(4102444799999), "2099-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        char text[WN_TIME_TEXT_MAX];
        assert_int_equal(wn_print_time(cases[i].ms, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    char text[WN_TIME_TEXT_MAX]; /* far away: some text, within its bounds */
    assert_true(wn_print_time(INT64_MAX, text) < WN_TIME_TEXT_MAX);
    assert_true(wn_print_time(INT64_MIN, text) < WN_TIME_TEXT_MAX);
}

static void days_before_the_epoch_have_a_place_in_the_week(void **state)
{
    (void)state;
    assert_int_equal(wn_weekday_of_day(-1), 2);
    assert_int_equal(wn_weekday_of_day(-3), 0);
    assert_int_equal(wn_weekday_of_day(-4), 6);
    assert_int_equal(wn_week_start(0), -3);
    struct wn_date d = wn_date_of_day(-1);
    assert_true(d.year == 1969 && d.month == 12 && d.day == 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_the_calendar),
        cmocka_unit_test(what_is_no_date),
        cmocka_unit_test(moments_are_printed),
        cmocka_unit_test(days_before_the_epoch_have_a_place_in_the_week),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
