/* Protects the reading of series from CSV text: both forms, headers, times of all kinds, gaps,
 * order, and the errors, which name the line. */
#include "learn/forecast_csv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;
static struct wn_why why;

static wn_rc read_as(const char *text, wn_forecast_frequency frequency, struct wn_series_csv *out)
{
    struct wn_series_csv_reader *r = NULL;
    why = (struct wn_why){0};
    assert_int_equal(wn_series_csv_new(&r, &why), WN_OK);
    wn_rc rc = wn_series_csv_push(r, wn_str_of(text), &why);
    if (!rc)
        rc = wn_series_csv_finish(r, frequency, &arena, out, &why);
    wn_series_csv_free(r);
    return rc;
}

static struct wn_series_csv read_good(const char *text)
{
    struct wn_series_csv csv;
    if (read_as(text, WN_FREQUENCY_N, &csv))
        fail_msg("%s (line %d)", why.text, (int)why.line);
    return csv;
}

static void expect_error(const char *text, uint64_t line, const char *words)
{
    struct wn_series_csv csv;
    wn_rc rc = read_as(text, WN_FREQUENCY_N, &csv);
    assert_true(rc != WN_OK);
    assert_int_equal(why.line, line);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
}

static const char *ts_of(const struct wn_series_csv *csv, size_t series, size_t position)
{
    static char text[WN_SERIES_TS_MAX];
    (void)wn_series_csv_print_ts(csv, &csv->series[series], position, text);
    return text;
}

static void long_form(void **state)
{
    (void)state;
    struct wn_series_csv csv = read_good("value,unique_id,ds\n3,a,2026-01-03\n1,a,2026-01-01\n"
                                         "7.5,b,2026-01-05\n,a,2026-01-05\n");
    assert_true(csv.n_series == 2 && csv.is_named && csv.frequency == WN_FREQUENCY_OTHER);
    csv = read_good("series,ts,value\na,2026-01-02,2\na,2026-01-01,1\n\nb,2026-01-09,5\n"
                    "a,2026-01-05,5\nb,2026-01-10,NA\na,2026-01-04,\n");
    assert_true(csv.frequency == WN_FREQUENCY_DAILY && csv.n_series == 2);
    assert_true(csv.series[0].n == 5 && csv.series[1].n == 2);
    assert_true(wn_str_eq(csv.series[1].name, WN_STR("b")));
    const double *a = csv.series[0].values;
    assert_true(a[0] == 1 && a[1] == 2 && isnan(a[2]) && isnan(a[3]) && a[4] == 5);
    assert_true(csv.series[1].values[0] == 5 && isnan(csv.series[1].values[1]));
    assert_string_equal(ts_of(&csv, 0, 5), "2026-01-06");
    assert_string_equal(ts_of(&csv, 1, 2), "2026-01-11");
    assert_int_equal(csv.series[0].line, 2);
    /* Of three columns those that say nothing are a name, then the value. */
    csv = read_good("channel,date,spend\ntv,2026-01-01,5\n");
    assert_true(csv.is_named && csv.series[0].values[0] == 5);
    csv = read_good("date,clicks,campaign_id\n2026-01-01,7,5\n");
    assert_true(wn_str_eq(csv.series[0].name, WN_STR("7")) && csv.series[0].values[0] == 5);
}

static void without_header_or_names(void **state)
{
    (void)state;
    struct wn_series_csv csv = read_good("2026-01-31,1\n2026-02-28,2\n2026-03-31,3\n");
    assert_true(csv.n_series == 1 && !csv.is_named && csv.frequency == WN_FREQUENCY_MONTHLY);
    assert_string_equal(ts_of(&csv, 0, 3), "2026-04-30");
    assert_string_equal(ts_of(&csv, 0, 4), "2026-05-31");
    csv = read_good("x,1,10\nx,2,11\nx,4,13\n");
    assert_true(csv.grid == WN_GRID_STEP && csv.series[0].n == 4 && isnan(csv.series[0].values[2]));
    assert_string_equal(ts_of(&csv, 0, 4), "5");
}

static void times_of_all_kinds(void **state)
{
    (void)state;
    struct wn_series_csv csv =
        read_good("ts,value\n2026-03-29T00:00:00+02:00,1\n2026-03-28T23:00:00Z,2\n"
                  "2026-03-29 00:00,3\n2026-03-29T01:00:00.000Z,4\n");
    assert_true(csv.frequency == WN_FREQUENCY_HOURLY && csv.series[0].n == 4);
    assert_string_equal(ts_of(&csv, 0, 4), "2026-03-29T02:00:00Z");
    csv = read_good("ts,value\n1767225600,1\n1767229200,2\n1767232800,3\n"); /* Unix seconds */
    assert_true(csv.frequency == WN_FREQUENCY_HOURLY);
    assert_string_equal(ts_of(&csv, 0, 0), "2026-01-01T00:00:00Z");
    csv = read_good("ts,value\n1767225600000,1\n1767830400000,2\n"); /* ms, a week apart */
    assert_true(csv.frequency == WN_FREQUENCY_WEEKLY);
    assert_string_equal(ts_of(&csv, 0, 2), "2026-01-15");
    csv = read_good("day,value\n20260101,1\n20260102,2\n20260103,2\n");
    assert_string_equal(ts_of(&csv, 0, 3), "2026-01-04");
    csv = read_good("month;value\n2025-10;1\n2026-01;2\n2026-04;3\n");
    assert_true(csv.frequency == WN_FREQUENCY_QUARTERLY);
    assert_string_equal(ts_of(&csv, 0, 3), "2026-07-01");
    csv = read_good("ts,value\n2026-01-01T00:00Z,1\n2026-01-01T00:15Z,2\n2026-01-01T00:30Z,2\n");
    assert_true(csv.frequency == WN_FREQUENCY_OTHER);
    assert_string_equal(ts_of(&csv, 0, 3), "2026-01-01T00:45:00Z");
}

static void wide_form(void **state)
{
    (void)state;
    struct wn_series_csv csv =
        read_good("\"id\",\"V1\",\"V2\",\"V3\",\"V4\"\n\"H1\",1,2,3,4\n\"H2\",5,,7,\n\"H3\",,,,\n");
    assert_true(csv.n_series == 3 && csv.grid == WN_GRID_NONE &&
                csv.frequency == WN_FREQUENCY_OTHER);
    assert_true(csv.series[0].n == 4 && csv.series[1].n == 3);
    assert_true(isnan(csv.series[1].values[1]) && csv.series[1].values[2] == 7);
    assert_true(csv.series[2].n == 1 && isnan(csv.series[2].values[0]));
    assert_string_equal(ts_of(&csv, 0, 4), "");
    csv = read_good("a,1,2,3,4,5\nb,6,7\n");
    assert_true(csv.n_series == 2 && csv.series[0].n == 5 && csv.series[1].n == 2);
}

static void errors_name_the_line(void **state)
{
    (void)state;
    expect_error("", 0, "no values");
    expect_error("series,ts,value\n", 0, "no values");
    expect_error("x\n1\n", 1, "one column");
    expect_error("campaign,date,spend,revenue\na,2026-01-01,1,2\n", 1, "none named 'value'");
    expect_error("series,ts,value\na,2026-01-01,1\na,2026-01-01,2\n", 3, "first is in line 2");
    expect_error("series,ts,value\na,2026-01-01,1,000\n", 2, "4 fields instead of 3");
    expect_error("series,ts,value\na,2026-01-01,1.2.3\n", 2, "'1.2.3' is not a number");
    expect_error("series,ts,value\na,2026-13-01,1\n", 2, "is not a time");
    expect_error("series,ts,value\na,03/04/2026,1\n", 2, "is not a time"); /* March or April */
    expect_error("series,ts,value\na,2026-01-01,1\na,7,1\n", 3, "mixes");
    expect_error("id,V1,V2,V3\na,1,2,3\na,1,2,3\n", 3, "twice");
    expect_error("id,V1,V2,V3\na,1,x,3\n", 2, "not a number");
    expect_error("series,ts,value\na,2026-01-01,inf\n", 2, "not a number");
    /* One row fell between the hours. */
    expect_error("ts,value\n2026-01-01T00:00Z,1\n2026-01-01T01:00Z,1\n2026-01-01T02:00Z,1\n"
                 "2026-01-01T03:00Z,1\n2026-01-01T03:20Z,1\n",
                 6, "does not fit the hourly steps");
    /* A wrong year would make a million empty hours. */
    expect_error("ts,value\n1970-01-01T01:00Z,1\n2026-01-01T00:00Z,1\n2026-01-01T01:00Z,1\n"
                 "2026-01-01T02:00Z,1\n2026-01-01T03:00Z,1\n2026-01-01T04:00Z,1\n",
                 7, "gaps are too long");
    expect_error("ts,value\n2026-01-01,\"1\n", 2, "quote");
}

static void frequency_can_be_told(void **state)
{
    (void)state;
    struct wn_series_csv csv;
    const char *text = "ts,value\n2026-01-01,1\n2026-01-15,2\n2026-01-29,3\n";
    assert_int_equal(read_as(text, WN_FREQUENCY_WEEKLY, &csv), WN_OK);
    assert_true(csv.series[0].n == 5 && isnan(csv.series[0].values[1]));
    assert_int_equal(read_as(text, WN_FREQUENCY_MONTHLY, &csv), WN_INVALID);
    assert_int_equal(why.line, 3);
    assert_int_equal(read_as(text, WN_FREQUENCY_N, &csv), WN_OK); /* every 14 days */
    assert_true(csv.series[0].n == 3 && csv.frequency == WN_FREQUENCY_OTHER);
}

static int set_up(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_form),
        cmocka_unit_test(without_header_or_names),
        cmocka_unit_test(times_of_all_kinds),
        cmocka_unit_test(wide_form),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(frequency_can_be_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
