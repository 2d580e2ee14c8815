/* Protects the reading of paths, events and lift tests from CSV text: both forms, the names of
 * columns, cells as people write them, and the errors, which name line and column. */
#include "learn/attribute_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;
static struct wn_why why;

static int setup(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

/* In pieces of 3 bytes, so that no place is special. */
static wn_rc read(const char *text, struct wn_path_csv *out)
{
    struct wn_path_csv_reader *r = NULL;
    size_t n = strlen(text);
    memset(&why, 0, sizeof why);
    wn_rc rc = wn_path_csv_new(&r, &why);
    for (size_t at = 0; at < n && !rc; at += 3)
        rc = wn_path_csv_push(r, wn_str_slice((struct wn_str){text, n}, at, at + 3), &why);
    if (!rc)
        rc = wn_path_csv_finish(r, NULL, &arena, out, &why);
    wn_path_csv_free(r);
    return rc;
}

static struct wn_path_csv good(const char *text)
{
    struct wn_path_csv out;
    if (read(text, &out))
        fail_msg("%s (line %d)", why.text, (int)why.line);
    return out;
}

static void bad(const char *text, const char *words, unsigned line, unsigned column)
{
    struct wn_path_csv out;
    assert_int_equal(read(text, &out), WN_INVALID);
    if (!strstr(why.text, words))
        fail_msg("'%s' does not say '%s'", why.text, words);
    assert_int_equal(why.line, line);
    assert_int_equal(why.column, column);
}

static void paths(void **state)
{
    (void)state;
    struct wn_path_csv d = good("path;total_conversions;total_conversion_value;total_null\r\n"
                                "b > a>b;2;1,500.5;3\r\n"
                                ";1;;\r\n"
                                "\"a\";;;4\r\n");
    assert_false(d.is_events);
    assert_int_equal(d.paths.n, 3);
    assert_int_equal(d.paths.n_channels, 2);
    assert_string_equal(d.channels[0].p, "b");
    assert_int_equal(d.paths.starts[1], 3);
    assert_int_equal(d.paths.starts[2], 3); /* a conversion without a touch */
    assert_int_equal(d.paths.touches[1], 1);
    assert_true(d.paths.values[0] == 1500.5 && d.paths.nulls[2] == 4);
    assert_true(d.paths.conversions[1] == 1 && d.paths.conversions[2] == 0);
    d = good("conversions,null,Path\n1,0,x\n"); /* any order, no value */
    assert_null(d.paths.values);
    assert_true(d.paths.conversions[0] == 1);
}

static void events(void **state)
{
    (void)state;
    struct wn_path_csv d = good("user_id,channel,timestamp,conversion,value,type\n"
                                "7,ads,2026-01-01T10:00:00Z,0,,click\n"
                                "7,mail,2026-01-03,no,,impression\n"
                                "8,ads,1767225600,,,\n"
                                "7,,2026-01-03 12:00:00,yes,20,\n");
    assert_true(d.is_events);
    assert_int_equal(d.n_persons, 2);
    assert_int_equal(d.paths.n, 2);
    assert_int_equal(d.paths.starts[1], 2);
    assert_true(d.paths.conversions[0] == 1 && d.paths.values[0] == 20);
    assert_true(d.paths.nulls[1] == 1);
    d = good("person,channel,date,revenue\n1,a,2026-01-01,\n1,b,2026-01-02,9.5\n");
    assert_int_equal(d.paths.n, 1); /* a row with a value is a conversion, on its own touch */
    assert_int_equal(d.paths.starts[1], 2);
}

static void errors(void **state)
{
    (void)state;
    bad("", "no rows", 0, 0);
    bad("path,conversions\n", "no rows", 0, 0);
    bad("a > b,1,2,3\n", "must name the columns", 1, 0);
    bad("path,null\na,1\n", "conversions is missing", 1, 0);
    bad("channel,time,conversion\na,b,1\n", "person is missing", 1, 0);
    bad("person,time,conversion\na,b,1\n", "channel is missing", 1, 0);
    bad("person,channel,conversion\na,b,1\n", "time is missing", 1, 0);
    bad("person,channel,time\na,b,1\n", "conversion (or value) is missing", 1, 0);
    bad("path,conversions\na,1\na > > b,1\n", "has an empty touch", 3, 1);
    bad("path,conversions\na,x\n", "conversions 'x' is not a number", 2, 2);
    bad("path,conversions\na,-1\n", "out of range", 2, 2);
    bad("path,conversions\na,1e16\n", "out of range", 2, 2);
    bad("path,conversions\na,inf\n", "is not a number", 2, 2);
    bad("path,conversions,value\na,0,5\n", "beside no conversion", 2, 3);
    bad("path,conversions\n,1\n", "no row has a channel", 0, 0);
    bad("person,channel,time,conversion\n,a,2026-01-01,0\n", "person '' is empty", 2, 1);
    bad("person,channel,time,conversion\n1,a,2026-02-30,0\n", "is not a time", 2, 3);
    bad("person,channel,time,conversion\n1,a,17,0\n", "plain number", 2, 3);
    bad("person,channel,time,conversion\n1,,2026-01-01,0\n", "neither a channel nor", 2, 0);
    bad("person,channel,time,conversion\n1,a,2026-01-01,maybe\n", "'maybe' is not a number", 2, 4);
    bad("person,channel,time,conversion,value\n1,a,2026-01-01,0,5\n", "beside no", 2, 5);
}

static void too_many_channels(void **state)
{
    (void)state;
    enum { MAX = 1 << 15 };
    char *text = malloc(MAX);
    size_t n = (size_t)snprintf(text, MAX, "path,conversions\n");
    for (int i = 0; i <= WN_CHANNELS_MAX; i++)
        n += (size_t)snprintf(text + n, MAX - n, "channel%d,1\n", i);
    struct wn_path_csv out;
    assert_int_equal(read(text, &out), WN_LIMIT);
    assert_int_equal(why.line, 2 + WN_CHANNELS_MAX);
    free(text);
}

static wn_rc lift(const char *text, struct wn_lift_test **tests, size_t *n)
{
    const struct wn_str channels[] = {WN_STR("ads"), WN_STR("mail")};
    memset(&why, 0, sizeof why);
    return wn_lift_csv_read(&arena, wn_str_of(text), channels, 2, tests, n, &why);
}

static void lift_tests(void **state)
{
    (void)state;
    struct wn_lift_test *tests;
    size_t n;
    assert_int_equal(lift("channel,lift,se,date\nmail,-0.2,0.1,2026-01-01\n", &tests, &n), WN_OK);
    assert_int_equal(n, 1);
    assert_int_equal(tests[0].channel, 1);
    assert_true(tests[0].lift == -.2 && tests[0].se == .1 && tests[0].day == 20454);
    assert_int_equal(lift("channel,lift,se,date,credited\nads,40,10,2026-01-01,80\n", &tests, &n),
                     WN_OK);
    assert_true(tests[0].lift == .5 && tests[0].se == .125);
    const struct {
        const char *text, *words;
    } cases[] = {
        {"a,b\n1,2\n", "must name the columns"},
        {"channel,lift,se,date\ntv,1,1,2026-01-01\n", "channel 'tv' is in no path"},
        {"channel,lift,se,date\nads,,1,2026-01-01\n", "lift '' is missing"},
        {"channel,lift,se,date\nads,1,0,2026-01-01\n", "out of range"},
        {"channel,lift,se,date\nads,1,1,2026-13-01\n", "is not a date"},
        {"channel,lift,se,date,credited\nads,1,1,2026-01-01,\n", "credited '' is missing"},
        {"channel,lift,se,date\nads,1e9,1,2026-01-01\n", "out of range"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        assert_int_equal(lift(cases[i].text, &tests, &n), WN_INVALID);
        if (!strstr(why.text, cases[i].words))
            fail_msg("'%s' does not say '%s'", why.text, cases[i].words);
        assert_int_equal(why.line, i == 0 ? 1 : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),      cmocka_unit_test(events),
        cmocka_unit_test(errors),     cmocka_unit_test(too_many_channels),
        cmocka_unit_test(lift_tests),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
