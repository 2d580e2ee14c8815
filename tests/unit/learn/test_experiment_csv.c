/* Protects what is read as the result of an A/B test: the three forms, their oddities, and errors that
 * name line and column. */
#include "learn/experiment_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct wn_why why;
static const struct wn_abtest_finish plain = {.winsor_ratio = 0};

static wn_rc read_with(const char *text, const struct wn_abtest_finish *how, struct wn_arena *a,
                       struct wn_abtest_input *in)
{
    struct wn_abtest_csv *csv = NULL;
    memset(&why, 0, sizeof why);
    wn_rc rc = wn_abtest_csv_new(&csv, &why);
    struct wn_str all = wn_str_of(text);
    for (size_t i = 0; i < all.n && !rc; i += 7) /* in pieces */
        rc = wn_abtest_csv_push(csv, wn_str_slice(all, i, i + 7), &why);
    if (!rc)
        rc = wn_abtest_csv_finish(csv, how, a, in, &why);
    wn_abtest_csv_free(csv);
    return rc;
}

static void must(const char *text, struct wn_arena *a, struct wn_abtest_input *in)
{
    if (read_with(text, &plain, a, in))
        fail_msg("%s (line %d)", why.text, (int)why.line);
}

static void totals(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_abtest_input in;
    wn_arena_init(&a, 0);
    must("Variant;Users;Conversions\nnew;1000;60\ncontrol;1 000;50\n", &a, &in);
    assert_true(in.test.n_arms == 2 && in.test.control == 1 && !in.has_units);
    assert_true(in.test.n_metrics == 1 && in.test.metrics[0].kind == WN_ABTEST_RATE);
    assert_true(in.test.metrics[0].cumulative[0].mean == .06);
    assert_true(in.test.metrics[0].cumulative[1].n == 1000);
    must("variant,n,conversions,revenue,sum_sq\nA,100,5,50,600\nB,100,6,70,900\n", &a, &in);
    assert_true(in.test.n_metrics == 2 && in.test.metrics[1].kind == WN_ABTEST_MEAN);
    assert_memory_equal(in.test.metrics[1].name.p, "revenue", 8);
    assert_true(in.test.metrics[1].cumulative[0].n_events == 5);
    must("variant,metric,n,conversions\nA,x,9,1\nA,y,9,2\nB,x,8,3\nB,y,8,4\n", &a, &in);
    assert_true(in.test.n_metrics == 2 && in.test.metrics[1].cumulative[1].n_events == 4);
    wn_arena_deinit(&a);
}

static void daily(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_abtest_input in;
    wn_arena_init(&a, 0);
    must("variant,date,n,conversions\n"
         "A,2026-03-03,10,1\nA,2026-03-01,20,2\nB,2026-03-01,21,3\nB,2026-03-03,11,4\n",
         &a, &in);
    const struct wn_abtest_metric *m = &in.test.metrics[0];
    assert_true(in.test.n_looks == 2 && in.test.days[1] - in.test.days[0] == 2);
    assert_true(m->fresh[0].n == 20 && m->fresh[3].n == 11);
    assert_true(m->cumulative[2].n == 30 && m->cumulative[3].n_events == 7);
    /* Segments are added up, and counted for the split. */
    must("variant,date,device,n,conversions\n"
         "A,2026-03-01,phone,20,2\nA,2026-03-01,desk,5,1\nB,2026-03-01,phone,21,3\nB,2026-03-02,,7,"
         "0\n",
         &a, &in);
    assert_true(in.test.n_segments == 2 && in.test.metrics[0].cumulative[0].n == 25);
    assert_memory_equal(in.test.segments[0].name.p, "device=phone", 13);
    assert_true(in.test.segments[0].counts[0] == 20 && in.test.segments[0].counts[1] == 21);
    wn_arena_deinit(&a);
}

static void units(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_abtest_input in;
    wn_arena_init(&a, 0);
    must("unit,variant,value,pre\nu1,A,3,1\nu2,B,4,\nu1,A,2,9\nu3,A,0,2\nu4,B,1,3\nu4,A,1,3\n", &a,
         &in);
    assert_true(in.has_units && in.n_rows == 6 && in.n_repeated == 2 && in.n_crossed == 1);
    assert_true(in.adjustment.n_missing == 1);
    const struct wn_abtest_stat *s = in.test.metrics[0].cumulative;
    assert_true(s[0].n == 2 && s[1].n == 1); /* u1 once, with 5; u4 nowhere */
    must("variant,value\nA,1\nB,0\nA,1\nB,1\n", &a, &in);
    assert_int_equal(in.test.metrics[0].kind, WN_ABTEST_RATE);
    must("variant,value,denominator\nA,10,2\nB,9,3\nA,2,2\nB,3,1\n", &a, &in);
    assert_int_equal(in.test.metrics[0].kind, WN_ABTEST_RATIO);
    assert_true(in.test.metrics[0].cumulative[0].mean == 3);
    wn_arena_deinit(&a);
}

static void design(void **state)
{
    (void)state;
    const char *text = "variant,n,conversions\nold,900,9\nnew,100,2\n";
    const struct wn_abtest_share shares[] = {{WN_STR("new"), 10}, {WN_STR("old"), 90}};
    struct wn_abtest_finish how = {.control = WN_STR("new"), .shares = shares, .n_shares = 2};
    struct wn_arena a;
    struct wn_abtest_input in;
    wn_arena_init(&a, 0);
    assert_int_equal(read_with(text, &how, &a, &in), WN_OK);
    assert_true(in.test.control == 1 && in.test.weights[0] == 90 && in.test.weights[1] == 10);
    how.n_shares = 1;
    assert_int_equal(read_with(text, &how, &a, &in), WN_INVALID);
    assert_string_equal(why.field, "split");
    how.n_shares = 0;
    how.control = WN_STR("other");
    assert_int_equal(read_with(text, &how, &a, &in), WN_INVALID);
    assert_string_equal(why.field, "control");
    wn_arena_deinit(&a);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *field;
    } cases[] = {
        {"", 0, ""},
        {"variant,n,conversions\n", 0, ""},
        {"n,conversions\n1,2\n", 1, "variant"},
        {"variant,n\nA,1\n", 1, "conversions"},
        {"variant,n,sum\nA,1,2\n", 1, "sum_sq"},
        {"variant,unit\nA,1\n", 1, "value"},
        {"variant,n,users,conversions\nA,1,1,1\n", 1, "header"},
        {"variant,n,conversions\nA,10,1\n", 0, "variant"},
        {"variant,n,conversions\nA,10,1\nB,10,11\n", 3, "conversions"},
        {"variant,n,conversions\nA,10,1\nB,ten,1\n", 3, "n"},
        {"variant,n,conversions\nA,10,1\nB,10%,1\n", 3, "n"},
        {"variant,n,conversions\nA,10,1\nB,-1,0\n", 3, "n"},
        {"variant,n,conversions\nA,10,1\nB,,0\n", 3, "n"},
        {"variant,n,conversions\nA,10,1\nB,1e16,0\n", 3, "n"},
        {"variant,n,conversions\nA,10,1\nB,10\n", 3, ""},
        {"variant,n,conversions\nA,10,1\n,10,1\n", 3, "variant"},
        {"variant,n,conversions\nA,10,1\nB,10,1\nA,5,1\n", 4, "variant"},
        {"variant,n,sum,sum_sq\nA,10,100,1\nB,10,1,1\n", 2, "sum_sq"},
        {"variant,date,n,conversions\nA,2026-02-30,10,1\nB,2026-02-28,10,1\n", 2, "date"},
        {"variant,date,n,conversions\nA,03/04/2026,10,1\nB,03/04/2026,10,1\n", 2, "date"},
        {"variant,value\nA,\nB,1\n", 2, "value"},
        {"variant,value\nA,nan\nB,1\n", 2, "value"},
        {"variant,value\nA,1e60\nB,1\n", 2, "value"},
        {"variant,value,denominator\nA,1,-1\nB,1,1\n", 2, "denominator"},
        {"variant,value,denominator\nA,1,0\nB,1,1\n", 0, "denominator"},
    };
    struct wn_arena a;
    struct wn_abtest_input in;
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        wn_rc rc = read_with(cases[i].text, &plain, &a, &in);
        if (rc != WN_INVALID || (int)why.line != cases[i].line ||
            strcmp(why.field, cases[i].field) != 0 || !why.text[0])
            fail_msg("case %zu: %s, line %d, field '%s': %s", i, wn_rc_name(rc), (int)why.line,
                     why.field, why.text);
    }
    wn_arena_deinit(&a);
}

/* More variants and days than there may be are limits, not crashes. */
static void limits(void **state)
{
    (void)state;
    static char text[300000];
    struct wn_arena a;
    struct wn_abtest_input in;
    size_t n = (size_t)snprintf(text, sizeof text, "variant,n,conversions\n");
    wn_arena_init(&a, 0);
    for (int i = 0; i <= WN_ABTEST_ARMS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "v%d,10,1\n", i);
    assert_int_equal(read_with(text, &plain, &a, &in), WN_LIMIT);
    assert_int_equal(why.line, WN_ABTEST_ARMS_MAX + 2);
    n = (size_t)snprintf(text, sizeof text, "variant,value,date\nB,1,2026-01-01\n");
    for (int i = 0; i <= WN_ABTEST_LOOKS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A,1,%04d-%02d-%02d\n", 1990 + i / 336,
                              i / 28 % 12 + 1, i % 28 + 1);
    assert_int_equal(read_with(text, &plain, &a, &in), WN_LIMIT);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(totals),   cmocka_unit_test(daily),
                                       cmocka_unit_test(units),    cmocka_unit_test(design),
                                       cmocka_unit_test(refusals), cmocka_unit_test(limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
