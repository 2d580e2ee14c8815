/* Protects the metric language: that a formula means one thing, that "no value" is never 0, that
 * text and tree are the same, and that a bad formula is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rand.h"
#include "metric/formula_int.h"

struct fixture {
    struct wn_arena a;
    struct wn_metrics *m;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    wn_arena_init(&f->a, 0);
    assert_int_equal(wn_metrics_new(&f->a, &f->m, NULL), WN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    wn_arena_deinit(&f->a);
    free(f);
    return 0;
}

/* 1000 impressions, reach 400, 50 clicks, no engagements or views, 4 conversions, spend 20,
 * revenue 60; video_views without a value. */
static struct wn_sums sums(void)
{
    struct wn_sums s = {.values = {1000, 400, 50, 0, 0, 4, 20, 60}};
    for (int i = 0; i < WN_MEASURE_N; i++)
        s.has[i] = true;
    s.has[WN_MEASURE_VIDEO_VIEWS] = false;
    return s;
}

static struct wn_formula *parse(struct fixture *f, const char *text)
{
    struct wn_formula *formula = NULL;
    struct wn_why why = {0};
    if (wn_formula_parse(&f->a, f->m, wn_str_of(text), &formula, &why))
        fail_msg("%s: %s at %u", text, why.text, why.column);
    return formula;
}

static void expect(struct fixture *f, const char *text, double value)
{
    struct wn_sums s = sums();
    double out = NAN;
    bool has = wn_formula_eval(parse(f, text), &s, &out);
    if (isnan(value) ? has : !has || out != value)
        fail_msg("%s = %.17g (%s), not %.17g", text, out, has ? "value" : "none", value);
}

static void test_values(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        double value; /* NAN: no value */
    } cases[] = {
        {"spend", 20},
        {"1 + 2 * 3 - 4 / 2", 5},
        {"(1 + 2) * 3", 9},
        {"2 - 3 - 4", -5},
        {"16 / 4 / 2", 2},
        {"-2 * -3", 6},
        {"- - 2", 2},
        {"ctr", 0.05},
        {"CTR", 0.05},
        {"cpc", 0.4},
        {"cpm", 20},
        {"cpa", 5},
        {"cvr", 0.08},
        {"roas", 3},
        {"roi", 2},
        {"profit", 40},
        {"aov", 15},
        {"frequency", 2.5},
        {"engagement_rate", 0},
        {"rpc", 1.2},
        {"cpe", NAN}, /* division by zero */
        {"spend / 0", NAN},
        {"0 / 0", NAN},
        {"video_views", NAN},
        {"video_views * 0", NAN},
        {"view_rate", NAN},
        {"min(3, 1, 2)", 1},
        {"max(3, 1, 2)", 3},
        {"min(1, video_views)", NAN},
        {"abs(-2.5)", 2.5},
        {"coalesce(video_views, spend / 0, 7, 8)", 7},
        {"coalesce(video_views, spend / 0)", NAN},
        {"if(roas > 2, 1, 2)", 1},
        {"if(roas > 4, 1, 2)", 2},
        {"if(video_views > 1, 1, 2)", NAN},
        {"if(1, 5, video_views)", 5}, /* only the branch taken counts */
        {"if(0, 5, video_views)", NAN},
        {"spend > 10 and roas >= 3", 1},
        {"spend > 10 and roas > 3", 0},
        {"spend > 100 or roas = 3", 1},
        {"not spend > 100", 1},
        {"not spend", 0},
        {"spend != 20", 0},
        {"spend <> 20 or clicks == 50", 1},
        {"spend > 100 and cpe > 1", NAN}, /* not false: one operand has no value */
        {"spend > 10 or cpe > 1", NAN},
        {"not cpe > 1", NAN},
        {"1 or 0 and 0", 1},
        {"(1 or 0) and 0", 0},
        {"not 1 = 2", 1},
        {"(spend > 1) + (spend > 2)", 2},
        {"1e308 * 10", NAN},     /* overflow: no value */
        {"1 / (1e308 * 10)", 0}, /* but it may pass through infinity */
        {"1e308 * 10 - 1e308 * 10", NAN},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++)
        expect(f, cases[i].text, cases[i].value);
}

static void test_errors_name_their_place(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text;
        uint32_t column;
        const char *says;
    } cases[] = {
        {"", 1, "empty"},
        {"   ", 4, "empty"},
        {"spend +", 8, "ends where"},
        {"spend + * 2", 9, "is expected, not '*'"},
        {"spend 2", 7, "an operator or the end"},
        {"(spend", 7, "')'"},
        {"spend)", 6, "an operator or the end"},
        {"rosa < 1", 1, "did you mean roas?"},
        {"1 + spnd", 5, "did you mean spend?"},
        {"zzzzzzzz", 1, "no metric 'zzzzzzzz'"},
        {"spend ; 1", 7, "means nothing"},
        {"spend ! 1", 7, "means nothing"},
        {"1 < 2 < 3", 7, "do not chain"},
        {"1.5e1 + .0", 9, "means nothing"},
        {"5x", 1, "not a number"},
        {"1e999", 1, "not a number"},
        {"min(1)", 1, "takes 2 to 16"},
        {"if(1, 2)", 1, "takes a condition and two"},
        {"abs 1", 5, "'('"},
        {"and", 1, "is expected, not 'and'"},
        {"1 + not 2", 5, "is expected, not 'not'"},
        {"\xc3\xa9", 1, "means nothing"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_formula *formula = NULL;
        struct wn_why why = {0};
        wn_rc rc = wn_formula_parse(&f->a, f->m, wn_str_of(cases[i].text), &formula, &why);
        if (rc != WN_INVALID || why.column != cases[i].column || !strstr(why.text, cases[i].says))
            fail_msg("'%s': rc %d column %u: %s", cases[i].text, rc, why.column, why.text);
        assert_null(formula);
    }
}

static void repeat(char *out, size_t size, const char *unit, int n, const char *end)
{
    size_t at = 0, length = strlen(unit);
    for (int i = 0; i < n; i++, at += length)
        memcpy(out + at, unit, length + 1);
    (void)snprintf(out + at, size - at, "%s", end);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    struct wn_formula *out = NULL;
    char text[8192];
    static const char *const deep[][2] = {{"(", "1"},    {"-", "1"},       {"not ", "1"},
                                          {"abs(", "1"}, {"1/(", "spend"}, {"1+", "1"}};
    for (size_t i = 0; i < WN_COUNT(deep); i++) {
        repeat(text, sizeof text, deep[i][0], 800, deep[i][1]);
        assert_int_equal(wn_formula_parse(&f->a, f->m, wn_str_of(text), &out, NULL), WN_LIMIT);
    }
    repeat(text, sizeof text, "1+", WN_FORMULA_DEPTH_MAX - 1, "1");
    assert_int_equal(wn_formula_parse(&f->a, f->m, wn_str_of(text), &out, NULL), WN_OK);
    repeat(text, sizeof text, " ", WN_FORMULA_BYTES_MAX, "1");
    assert_int_equal(wn_formula_parse(&f->a, f->m, wn_str_of(text), &out, NULL), WN_LIMIT);
    /* Divisors within divisors double the SQL each time: 2^20 is refused, not built. */
    repeat(text, sizeof text, "1/(", 20, "spend");
    repeat(text + strlen(text), 100, ")", 20, "");
    assert_int_equal(wn_formula_parse(&f->a, f->m, wn_str_of(text), &out, NULL), WN_LIMIT);
}

static void test_metrics_grow_no_further_than_the_limit(void **state)
{
    struct fixture *f = *state;
    char name[16] = "spend", formula[40];
    wn_rc rc = WN_OK;
    for (int i = 0; i < 40 && !rc; i++) {
        (void)snprintf(formula, sizeof formula, "%s + %s", name, name);
        (void)snprintf(name, sizeof name, "m%d", i);
        rc = wn_metrics_add(f->m, wn_str_of(name), wn_str_of(formula), WN_STR(""), NULL);
    }
    assert_int_equal(rc, WN_LIMIT); /* 2^40 nodes are not made */
}

static void test_user_defined(void **state)
{
    struct fixture *f = *state;
    struct wn_why why = {0};
    assert_int_equal(wn_metrics_add(f->m, WN_STR("efficiency"), WN_STR("ROAS * ctr"),
                                    WN_STR("Efficiency"), &why),
                     WN_OK);
    expect(f, "efficiency", 3 * 0.05);
    const struct wn_metric *metric = wn_metrics_get(f->m, WN_STR("efficiency"));
    assert_true(metric->is_user_defined);
    assert_int_equal(metric->unit, WN_UNIT_FACTOR);
    assert_true(wn_str_eq(metric->text, WN_STR("ROAS * ctr")));

    static const struct {
        const char *name, *formula;
        wn_rc rc;
        const char *field, *says;
    } bad[] = {
        {"efficiency", "1", WN_CONFLICT, "name", "already"},
        {"roas", "1", WN_CONFLICT, "name", "already"},
        {"spend", "1", WN_CONFLICT, "name", "already"},
        {"channel", "1", WN_CONFLICT, "name", "dimension"},
        {"campaign_id", "1", WN_CONFLICT, "name", "dimension"},
        {"spend_previous", "1", WN_INVALID, "name", "_previous"},
        {"if", "1", WN_INVALID, "name", "word"},
        {"Big", "1", WN_INVALID, "name", "a-z"},
        {"1st", "1", WN_INVALID, "name", "a-z"},
        {"", "1", WN_INVALID, "name", "a-z"},
        {"loop", "1 + loop", WN_INVALID, "formula", "by itself"},
        {"x", "spnd / 2", WN_INVALID, "formula", "did you mean spend"},
        {"x", "spend /", WN_INVALID, "formula", "ends where"},
    };
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        memset(&why, 0, sizeof why);
        wn_rc rc = wn_metrics_add(f->m, wn_str_of(bad[i].name), wn_str_of(bad[i].formula),
                                  WN_STR(""), &why);
        if (rc != bad[i].rc || strcmp(why.field, bad[i].field) || !strstr(why.text, bad[i].says))
            fail_msg("%s = %s: %d, %s: %s", bad[i].name, bad[i].formula, rc, why.field, why.text);
    }
}

static void test_builtins_are_described(void **state)
{
    struct fixture *f = *state;
    assert_true(wn_metrics_count(f->m) >= 20);
    for (size_t i = 0; i < wn_metrics_count(f->m); i++) {
        const struct wn_metric *m = wn_metrics_at(f->m, i);
        assert_true(m->label.n > 0 && m->help.n > 0 && m->formula && !m->is_user_defined);
        assert_true(wn_str_ends(m->help, WN_STR(".")));
        assert_ptr_equal(wn_metrics_get(f->m, m->name), m);
        struct wn_formula *again = parse(f, m->text.p);
        assert_true(wn_formula_equal(again, m->formula));
    }
    assert_null(wn_metrics_get(f->m, WN_STR("nothing")));
}

static void test_names_without_a_set(void **state)
{
    struct fixture *f = *state;
    struct wn_formula *out = NULL;
    assert_int_equal(wn_formula_parse(&f->a, NULL, WN_STR("spend / clicks"), &out, NULL), WN_OK);
    assert_int_equal(wn_formula_parse(&f->a, NULL, WN_STR("roas"), &out, NULL), WN_INVALID);
}

static void test_canonical_text(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][2] = {
        {"roas", "revenue / spend"},
        {"1000*(spend+1)/impressions", "1000 * (spend + 1) / impressions"},
        {"1-(2-3)", "1 - (2 - 3)"},
        {"(1-2)-3", "1 - 2 - 3"},
        {"-(1+2)", "-(1 + 2)"},
        {"--1", "--1"},
        {"not (spend<1 and 2)", "not (spend < 1 and 2)"},
        {"(1 or 2) and 3 or 4", "(1 or 2) and 3 or 4"},
        {"(1 < 2) = (3 <> 4)", "(1 < 2) = (3 != 4)"},
        {"IF(Spend>1,min(1,2),0.1)", "if(spend > 1, min(1, 2), 0.1)"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_buf out;
        wn_buf_init(&out, 4096);
        wn_formula_print(parse(f, cases[i][0]), &out);
        wn_buf_append_char(&out, '\0');
        assert_string_equal(out.p, cases[i][1]);
        wn_buf_deinit(&out);
    }
}

/* A random formula as text; every operator and function comes up. */
static void random_text(struct wn_rand *r, int depth, struct wn_buf *out)
{
    static const char *const binary[] = {
        "+", "-", "*", "/", "=", "!=", "<", ">", ">=", "<=", "and", "or"};
    static const char *const calls[] = {"min", "max", "coalesce", "if", "abs"};
    uint64_t kind = depth <= 0 ? wn_rand_below(r, 2) : wn_rand_below(r, 7);
    if (kind == 0) {
        wn_buf_append_z(out, wn_measure_names[wn_rand_below(r, WN_MEASURE_N)]);
    } else if (kind == 1) {
        wn_buf_printf(out, "%.17g", exp(10 * wn_rand_normal(r)));
    } else if (kind == 2) {
        uint64_t call = wn_rand_below(r, 5);
        wn_buf_printf(out, "%s(", calls[call]);
        for (int i = 0; i < (call == 3 ? 3 : call == 4 ? 1 : 2); i++) {
            wn_buf_append_z(out, i ? "," : "");
            random_text(r, depth - 1, out);
        }
        wn_buf_append_char(out, ')');
    } else if (kind == 3) {
        wn_buf_append_z(out, wn_rand_below(r, 2) ? "(-(" : "(not (");
        random_text(r, depth - 1, out);
        wn_buf_append_z(out, "))");
    } else {
        wn_buf_append_char(out, '(');
        random_text(r, depth - 1, out);
        wn_buf_printf(out, ")%s(", binary[wn_rand_below(r, WN_COUNT(binary))]);
        random_text(r, depth - 1, out);
        wn_buf_append_char(out, ')');
    }
}

static void test_parse_of_print_is_the_same(void **state)
{
    struct fixture *f = *state;
    struct wn_rand r;
    wn_rand_init(&r, 7);
    int n_accepted = 0;
    for (int i = 0; i < 3000; i++) {
        struct wn_buf text, printed;
        struct wn_formula *x = NULL, *y = NULL;
        wn_buf_init(&text, 1 << 16);
        wn_buf_init(&printed, 1 << 16);
        random_text(&r, 4, &text);
        if (wn_formula_parse(&f->a, f->m, wn_buf_str(&text), &x, NULL) == WN_OK) {
            n_accepted++;
            wn_formula_print(x, &printed);
            assert_int_equal(wn_formula_parse(&f->a, f->m, wn_buf_str(&printed), &y, NULL), WN_OK);
            assert_true(wn_formula_equal(x, y));
        }
        wn_buf_deinit(&text);
        wn_buf_deinit(&printed);
    }
    assert_true(n_accepted > 2000);
}

static void test_sql(void **state)
{
    struct fixture *f = *state;
    struct wn_buf out;
    wn_buf_init(&out, 1 << 16);
    wn_formula_sql(parse(f, "spend"), &out);
    wn_buf_append_char(&out, '\0');
    assert_string_equal(out.p, "(CAST(sum(spend_micros) AS DOUBLE) / 1e6)");
    wn_buf_reset(&out);
    wn_formula_sql(parse(f, "clicks < 0.5"), &out);
    wn_buf_append_char(&out, '\0');
    assert_string_equal(out.p,
                        "CAST(((CAST(sum(clicks_micros) AS DOUBLE) / 1e6) < 0.5e0) AS DOUBLE)");
    wn_buf_deinit(&out);
}

static void test_memory_failures(void **state)
{
    (void)state;
    for (size_t max_bytes = 1;; max_bytes += 97) {
        struct wn_arena a;
        struct wn_metrics *m = NULL;
        wn_arena_init(&a, max_bytes);
        wn_rc rc = wn_metrics_new(&a, &m, NULL);
        if (!rc)
            rc = wn_metrics_add(m, WN_STR("x"), WN_STR("spend + 1"), WN_STR(""), NULL);
        wn_arena_deinit(&a);
        if (!rc)
            break;
        assert_int_equal(rc, WN_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_metrics_grow_no_further_than_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_user_defined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_builtins_are_described, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_without_a_set, setup, teardown),
        cmocka_unit_test_setup_teardown(test_canonical_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parse_of_print_is_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sql, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
