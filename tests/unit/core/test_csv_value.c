/* Protects the reading of cells: every spelling of a number or a date has one meaning or none, and
 * what can be read two ways is settled by the file, never guessed from one cell. */
#include "core/csv_value.h"
#include "core/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_absent(void **state)
{
    (void)state;
    static const char *const none[] = {"",      " ",   "-",    "--",   " --", "\xE2\x80\x94",
                                       "n/a",   "N/A", "null", "None", "NaN", "\xC2\xA0",
                                       "(none)"};
    static const char *const some[] = {"0", "-1", "no", "a", "---- ", "n/b"};
    for (size_t i = 0; i < WN_COUNT(none); i++)
        if (!wn_value_is_absent(wn_str_of(none[i])))
            fail_msg("\"%s\" should be no value", none[i]);
    for (size_t i = 0; i < WN_COUNT(some); i++)
        if (wn_value_is_absent(wn_str_of(some[i])))
            fail_msg("\"%s\" should be a value", some[i]);
}

static void test_numbers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        char decimal;
        int64_t micros;
        const char *currency;
    } cases[] = {
        {"0", '.', 0, ""},
        {"1236.7168", '.', 1236716800, ""},
        {"1.429999948", '.', 1430000, ""},
        {"0.0000005", '.', 1, ""},
        {"0.0000004", '.', 0, ""},
        {"-0.0000005", '.', -1, ""},
        {"144.", '.', 144000000, ""},
        {".5", '.', 500000, ""},
        {"1e3", '.', 1000000000, ""},
        {"1,234", '.', 1234000000, ""},
        {"1,234", ',', 1234000, ""},
        {"1.234", ',', 1234000000, ""},
        {"1,234,567.89", '.', 1234567890000, ""},
        {"1.234.567,89", ',', 1234567890000, ""},
        {"1 234 567,5", ',', 1234567500000, ""},
        {"1\xC2\xA0"
         "234,5",
         ',', 1234500000, ""},
        {"1\xE2\x80\xAF"
         "234",
         '.', 1234000000, ""},
        {"1'234.50", '.', 1234500000, ""},
        {"12,34,567", '.', 1234567000000, ""},
        {"US$3.38", '.', 3380000, "USD"},
        {"$1,892", '.', 1892000000, ""},
        {"-$5.00", '.', -5000000, ""},
        {"$-5.00", '.', -5000000, ""},
        {"($5.00)", '.', -5000000, ""},
        {"(1,200)", '.', -1200000000, ""},
        {"5.00-", '.', -5000000, ""},
        {"\xE2\x88\x92"
         "5",
         '.', -5000000, ""},
        {"\xE2\x82\xAC"
         "1,50",
         ',', 1500000, "EUR"},
        {"1,50 \xE2\x82\xAC", ',', 1500000, "EUR"},
        {"\xC2\xA3"
         "365.22",
         '.', 365220000, "GBP"},
        {"\xE2\x82\xB9"
         "1,23,456",
         '.', 123456000000, "INR"},
        {"IDR 1175511", '.', 1175511000000, "IDR"},
        {"Rp1.175.511", ',', 1175511000000, "IDR"},
        {"1175511 IDR", '.', 1175511000000, "IDR"},
        {"12.5%", '.', 12500000, ""},
        {"12.5 %", '.', 12500000, ""},
        {" 42 ", '.', 42000000, ""},
        {"+3", '.', 3000000, ""},
        {"9223372036854.775807", '.', INT64_MAX, ""},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_number n = {0};
        wn_value_state s = wn_number_read(wn_str_of(cases[i].text), cases[i].decimal, &n);
        if (s != WN_VALUE_GOOD || n.micros != cases[i].micros)
            fail_msg("\"%s\": state %d, %lld", cases[i].text, (int)s, (long long)n.micros);
        assert_string_equal(n.currency, cases[i].currency);
    }
    struct wn_number n;
    assert_int_equal(wn_number_read(WN_STR("< 10%"), '.', &n), WN_VALUE_GOOD);
    assert_true(n.is_bound && n.is_percent);
}

static void test_not_numbers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        char decimal;
    } cases[] = {
        {"abc", '.'},       {"1,5", '.'},        {"1,23", '.'},
        {"12,3456", '.'},   {"1.5", ','},        {"1.2.3", '.'},
        {"1,234.5,6", '.'}, {"12 abc 3", '.'},   {"1-2", '.'},
        {"(5", '.'},        {"5)", '.'},         {"--5", '.'},
        {"$", '.'},         {"1234,567", '.'},   {"99999999999999", '.'},
        {"5 apples", '.'},  {"2026-01-02", '.'}, {"1/2", '.'},
        {"0x10", '.'},      {"(-5)", '.'},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_number n = {0};
        if (wn_number_read(wn_str_of(cases[i].text), cases[i].decimal, &n) != WN_VALUE_BAD)
            fail_msg("\"%s\" was read as %lld", cases[i].text, (long long)n.micros);
    }
}

static char decided(const char *const *cells, size_t n)
{
    struct wn_decimal_look look = {0};
    for (size_t i = 0; i < n; i++)
        wn_decimal_look(&look, wn_str_of(cells[i]));
    return wn_decimal_choose(&look, NULL);
}

static void test_decimal_sign(void **state)
{
    (void)state;
    static const char *const point[] = {"1,234", "5,678.9", "1,000"};
    static const char *const comma[] = {"1.234", "5.678,9", "1.000"};
    static const char *const comma_short[] = {"1,5", "1,234"};
    static const char *const open[] = {"1,234", "12", "--"};
    static const char *const groups[] = {"1.234.567", "2.000"};
    assert_int_equal(decided(point, 3), '.');
    assert_int_equal(decided(comma, 3), ',');
    assert_int_equal(decided(comma_short, 2), ',');
    assert_int_equal(decided(open, 3), '.');
    assert_int_equal(decided(groups, 2), ',');
    /* An open column follows the file. */
    struct wn_decimal_look file = {.n_comma = 3}, column = {.n_open = 5};
    assert_int_equal(wn_decimal_choose(&column, &file), ',');
    assert_false(wn_decimal_matters(WN_STR("1234.5")));
    assert_true(wn_decimal_matters(WN_STR("1,234")));
}

static void test_products(void **state)
{
    (void)state;
    int64_t out;
    /* 6368 * (1 + 22.1786275505468) and 1236.7168 * 0.0465964045516625, by hand with exact
     * decimals. */
    assert_true(wn_micros_times_decimal(6368000000, WN_STR("22.1786275505468"), true, &out));
    assert_int_equal(out, INT64_C(147601500242));
    assert_true(wn_micros_times_decimal(1236716800, WN_STR("0.0465964045516625"), false, &out));
    assert_int_equal(out, INT64_C(57626556));
    assert_true(wn_micros_times_decimal(100, WN_STR("-0.5"), true, &out));
    assert_int_equal(out, 50);
    assert_true(wn_micros_times_decimal(1, WN_STR("0.5"), false, &out));
    assert_int_equal(out, 1);
    assert_true(wn_micros_times_decimal(-1, WN_STR("0.5"), false, &out));
    assert_int_equal(out, -1);
    assert_false(wn_micros_times_decimal(1, WN_STR("x"), false, &out));
    assert_false(wn_micros_times_decimal(1, WN_STR(""), false, &out));
    assert_false(wn_micros_times_decimal(INT64_MAX, WN_STR("2"), false, &out));
}

static int32_t day(const char *iso)
{
    int32_t d = -1;
    assert_true(wn_parse_day(wn_str_of(iso), &d));
    return d;
}

static void test_dates(void **state)
{
    (void)state;
    const struct {
        const char *text, *iso;
        int hour;
    } cases[] = {
        {"2026-02-05", "2026-02-05", -1},
        {"2026/02/05", "2026-02-05", -1},
        {"2026.02.05", "2026-02-05", -1},
        {"20260205", "2026-02-05", -1},
        {"2026-2-5", "2026-02-05", -1},
        {"2021-09-15 10:00:00", "2021-09-15", 10},
        {"2021-09-15 5:00:00", "2021-09-15", 5},
        {"2021-09-15T23:59:59.123Z", "2021-09-15", 23},
        {"2021-09-15T00:00:00+03:00", "2021-09-15", 0},
        {"2021-09-15 11:30 PM", "2021-09-15", 23},
        {"13-05-2025", "2025-05-13", -1},
        {"05/13/2025", "2025-05-13", -1},
        {"5.2.2026", "2026-02-05", -1},
        {"05.02.26", "2026-02-05", -1},
        {"11/11/2024", "2024-11-11", -1},
        {"Thu, 5 Feb 2026", "2026-02-05", -1},
        {"January 27, 2026", "2026-01-27", -1},
        {"27 January 2026", "2026-01-27", -1},
        {"27-Jan-2026", "2026-01-27", -1},
        {"27-Jan-26", "2026-01-27", -1},
        {"Feb 5, 2026 at 10:15 AM", "2026-02-05", 10},
        {"Sept 3, 2026", "2026-09-03", -1},
        {"2024-02", "2024-02-01", -1},
        {"February 2024", "2024-02-01", -1},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_date_text d;
        if (wn_date_read(wn_str_of(cases[i].text), &d) != WN_VALUE_GOOD || d.kind != WN_DATE_DAY ||
            d.day != day(cases[i].iso) || d.hour != cases[i].hour)
            fail_msg("\"%s\"", cases[i].text);
    }
    static const char *const bad[] = {"2026-02-30",  "13/13/2026", "yesterday", "31.04.2026",
                                      "2026-13-01",  "5 Foo 2026", "12345",     "2026-02-05 25:00",
                                      "2026-02-05x", "1/2/3/4",    "20261301"};
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        struct wn_date_text d;
        if (wn_date_read(wn_str_of(bad[i]), &d) != WN_VALUE_BAD)
            fail_msg("\"%s\" was read as a date", bad[i]);
    }
    struct wn_date_text d;
    assert_int_equal(wn_date_read(WN_STR(" --"), &d), WN_VALUE_ABSENT);
    assert_int_equal(wn_date_read(WN_STR("Sunday"), &d), WN_VALUE_GOOD);
    assert_true(d.kind == WN_DATE_WEEKDAY && d.weekday == 6);
    assert_int_equal(wn_date_read(WN_STR("03/04/2026"), &d), WN_VALUE_GOOD);
    assert_true(d.kind == WN_DATE_OPEN && d.day_first == day("2026-04-03") &&
                d.month_first == day("2026-03-04"));
}

/* Looks at all dates, then settles the last one. Returns its ISO text, or "" when undecided. */
static const char *settled(const char *const *dates, size_t n, bool *guessed)
{
    static char text[WN_DAY_TEXT_MAX];
    struct wn_date_look look = {0};
    struct wn_date_text d = {0};
    int32_t out;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(wn_date_read(wn_str_of(dates[i]), &d), WN_VALUE_GOOD);
        wn_date_look(&look, &d);
    }
    text[0] = 0;
    if (wn_date_settle(&look, &d, &out, guessed))
        wn_print_day(out, text);
    return text;
}

static void test_order_of_day_and_month(void **state)
{
    (void)state;
    bool guessed;
    static const char *const day_first[] = {"13-05-2025", "03-05-2025"};
    assert_string_equal(settled(day_first, 2, &guessed), "2025-05-03");
    static const char *const month_first[] = {"05/13/2025", "03/05/2025"};
    assert_string_equal(settled(month_first, 2, &guessed), "2025-03-05");
    /* A file with both orders: the reading near to its sure dates. */
    static const char *const both_a[] = {"11/16/2024", "20/11/2024", "11/5/2024"};
    assert_string_equal(settled(both_a, 3, &guessed), "2024-11-05");
    static const char *const both_b[] = {"11/16/2024", "20/11/2024", "5/11/2024"};
    assert_string_equal(settled(both_b, 3, &guessed), "2024-11-05");
    assert_false(guessed);
    /* Both readings lie within the sure range: undecided. */
    static const char *const undecided[] = {"1/16/2024", "20/11/2024", "5/6/2024"};
    assert_string_equal(settled(undecided, 3, &guessed), "");
    /* Sure by other means (a name of the month) while the numeric ones are all open. */
    static const char *const worded[] = {"5 June 2024", "7 June 2024", "06/07/2024"};
    assert_string_equal(settled(worded, 3, &guessed), "2024-06-07");
    /* Nothing sure: the order that makes consecutive days. */
    static const char *const run[] = {"01/03/2024", "02/03/2024", "03/03/2024", "04/03/2024"};
    assert_string_equal(settled(run, 4, &guessed), "2024-03-04");
    assert_false(guessed);
    static const char *const lone[] = {"03/04/2024"};
    assert_string_equal(settled(lone, 1, &guessed), "2024-03-04");
    assert_true(guessed);
}

static void test_hours_and_ranges(void **state)
{
    (void)state;
    int h;
    int32_t from, to;
    assert_true(wn_hour_read(WN_STR("07"), &h) == WN_VALUE_GOOD && h == 7);
    assert_true(wn_hour_read(WN_STR("7 PM"), &h) == WN_VALUE_GOOD && h == 19);
    assert_true(wn_hour_read(WN_STR("12 AM"), &h) == WN_VALUE_GOOD && h == 0);
    assert_true(wn_hour_read(WN_STR("23:00 - 23:59"), &h) == WN_VALUE_GOOD && h == 23);
    assert_int_equal(wn_hour_read(WN_STR("24"), &h), WN_VALUE_BAD);
    assert_int_equal(wn_hour_read(WN_STR("noon"), &h), WN_VALUE_BAD);
    assert_true(wn_date_range_read(WN_STR("March 27, 2026 - April 23, 2026"), &from, &to));
    assert_true(from == day("2026-03-27") && to == day("2026-04-23"));
    assert_true(wn_date_range_read(WN_STR("27 January 2026 - 23 February 2026"), &from, &to));
    assert_true(from == day("2026-01-27") && to == day("2026-02-23"));
    assert_true(wn_date_range_read(WN_STR("2026.02.05-2026.02.10"), &from, &to));
    assert_true(wn_date_range_read(WN_STR("2026-02-05 to 2026-02-10"), &from, &to));
    assert_true(from == day("2026-02-05") && to == day("2026-02-10"));
    assert_false(wn_date_range_read(WN_STR("All time"), &from, &to));
    assert_false(wn_date_range_read(WN_STR("2026.02.10-2026.02.05"), &from, &to));
    assert_false(wn_date_range_read(WN_STR("2026-02-05"), &from, &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_not_numbers),
        cmocka_unit_test(test_decimal_sign),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_order_of_day_and_month),
        cmocka_unit_test(test_hours_and_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
