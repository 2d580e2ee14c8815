/* Protects A/B tests as they are asked over HTTP: the forms say the same, errors point into the document,
 * and the answer is what the analysis found. */
#include "decide/experiment.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static wn_rc ask(const char *text, struct wn_arena *a, struct wn_experiment *out,
                 struct wn_why *why)
{
    struct wn_json *body = NULL;
    *why = (struct wn_why){0};
    assert_int_equal(wn_json_parse(a, wn_str_of(text), &body, why), WN_OK);
    return wn_experiment_of_json(body, a, out, why);
}

/* The document of an answer. */
static const struct wn_json *document(const struct wn_experiment *e, struct wn_arena *a)
{
    struct wn_buf b;
    struct wn_json_writer w;
    struct wn_json *json = NULL;
    wn_buf_init(&b, 1 << 24);
    wn_json_write_init(&w, &b, 0);
    wn_experiment_write(&w, e);
    assert_int_equal(wn_json_parse(a, wn_arena_dup(a, wn_buf_str(&b)), &json, NULL), WN_OK);
    wn_buf_deinit(&b);
    return json;
}

static void forms_agree(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_experiment json, csv, daily, units;
    struct wn_why why;
    static char rows[200000];
    wn_arena_init(&a, 0);
    assert_int_equal(ask("{\"variants\":[{\"variant\":\"A\",\"n\":1000,\"conversions\":100},"
                         "{\"n\":1000,\"variant\":\"B\",\"conversions\":150}]}",
                         &a, &json, &why),
                     WN_OK);
    assert_int_equal(
        ask("{\"csv\":\"variant,n,conversions\\nA,1000,100\\nB,1000,150\\n\"}", &a, &csv, &why),
        WN_OK);
    assert_int_equal(
        ask("{\"daily\":[{\"variant\":\"A\",\"date\":\"2026-01-01\",\"n\":1000,\"conversions\":100}"
            ","
            "{\"variant\":\"B\",\"date\":\"2026-01-01\",\"n\":1000,\"conversions\":150}]}",
            &a, &daily, &why),
        WN_OK);
    size_t n = (size_t)snprintf(rows, sizeof rows, "{\"rows\":[");
    for (int i = 0; i < 2000; i++)
        n += (size_t)snprintf(rows + n, sizeof rows - n,
                              "%s{\"variant\":\"%s\",\"unit\":%d,\"value\":%d}", i ? "," : "",
                              i < 1000 ? "A" : "B", i, i < 100 || i >= 1850);
    (void)snprintf(rows + n, sizeof rows - n, "]}");
    assert_int_equal(ask(rows, &a, &units, &why), WN_OK);
    const struct wn_experiment *all[] = {&csv, &daily, &units};
    const struct wn_abtest_arm *b = &json.result.metrics[0].arms[1];
    for (size_t i = 0; i < WN_COUNT(all); i++) {
        const struct wn_abtest_arm *other = &all[i]->result.metrics[0].arms[1];
        assert_true(fabs(other->effect - b->effect) < 1e-12 && fabs(other->p - b->p) < 1e-12);
        assert_true(fabs(other->belief.p_best - b->belief.p_best) < 1e-9);
    }
    wn_arena_deinit(&a);
}

static void options_count(void **state)
{
    (void)state;
    static const char data[] = "\"variants\":[{\"variant\":\"A\",\"n\":9000,\"conversions\":900},"
                               "{\"variant\":\"B\",\"n\":1000,\"conversions\":150}]";
    struct wn_arena a;
    struct wn_experiment e;
    struct wn_why why;
    char text[600];
    wn_arena_init(&a, 0);
    (void)snprintf(text, sizeof text, "{%s}", data);
    assert_int_equal(ask(text, &a, &e, &why), WN_OK);
    assert_int_equal(e.result.verdict, WN_ABTEST_BLOCKED);
    (void)snprintf(
        text, sizeof text,
        "{%s,\"split\":{\"A\":90,\"B\":10},\"control\":\"B\",\"goal\":\"decrease\",\"alpha\":"
        "0.01,\"minimum\":0.3,\"prior\":0.2,\"loss\":0.01,\"tau\":0.04,\"per_day\":100}",
        data);
    assert_int_equal(ask(text, &a, &e, &why), WN_OK);
    assert_true(e.input.test.control == 1 && e.result.alpha == .01);
    assert_true(e.result.metrics[0].tau == .04 && e.result.metrics[0].is_lower_better);
    assert_true(fabs(e.result.metrics[0].minimum - .045) < 1e-12);
    assert_true(e.result.metrics[0].has_days_left);
    (void)snprintf(text, sizeof text,
                   "{%s,\"split\":{\"A\":9,\"B\":1},\"past\":[{\"effect\":0.3,\"se\":0.01},"
                   "{\"effect\":-0.4,\"se\":0.01},{\"effect\":0.2,\"se\":0.01}]}",
                   data);
    assert_int_equal(ask(text, &a, &e, &why), WN_OK);
    assert_true(e.result.metrics[0].prior > .1 * .1); /* large effects were usual */
    wn_arena_deinit(&a);
}

static void answer(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_experiment e;
    struct wn_why why;
    struct wn_str verdict;
    wn_arena_init(&a, 0);
    assert_int_equal(
        ask("{\"csv\":\"variant,date,n,conversions\\nA,2026-01-01,1000,50\\nB,2026-01-01,"
            "1000,80\\nA,2026-01-02,9000,450\\nB,2026-01-02,9000,620\\n\"}",
            &a, &e, &why),
        WN_OK);
    const struct wn_json *j = document(&e, &a);
    assert_int_equal(wn_json_get_text(j, "verdict", &verdict, NULL), WN_OK);
    assert_true(wn_str_eq(verdict, WN_STR("ship")));
    const struct wn_json *variants = wn_json_get(&wn_json_get(j, "metrics")->items[0], "variants");
    assert_true(variants->n_items == 2);
    const struct wn_json *looks = wn_json_get(&variants->items[1], "looks");
    assert_true(looks->n_items == 2 && wn_json_get(&variants->items[0], "verdict") == NULL);
    assert_true(wn_json_get(&looks->items[0], "method")->text.p[0] == 'e'); /* 50 events: exact */
    assert_true(wn_json_get(&looks->items[1], "method")->text.p[0] == 'n');
    assert_true(wn_json_get(&looks->items[1], "low")->real > 0);
    assert_true(wn_json_get(j, "units")->kind == WN_JSON_NULL);
    wn_arena_deinit(&a);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{}", "/variants"},
        {"{\"variants\":[],\"csv\":\"x\"}", "/variants"},
        {"{\"variants\":[]}", "/variants"},
        {"{\"rows\":{}}", "/rows"},
        {"{\"variants\":[3]}", "/variants"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1}]}", "/variants/0/conversions"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1}]}", "/variant"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1},7]}", "/variants/1"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1},{\"variant\":\"B\",\"n\":"
         "\"1\","
         "\"conversions\":1}]}",
         "/variants/1/n"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1},{\"variant\":\"B\",\"n\":1,"
         "\"conversions\":2}]}",
         "/variants/1/conversions"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1},{\"variant\":\"B\",\"n\":1,"
         "\"x\":2}]}",
         "/variants/1/x"},
        {"{\"variants\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1},{\"variant\":\"A\",\"n\":1,"
         "\"conversions\":1},{\"variant\":\"B\",\"n\":1,\"conversions\":1}]}",
         "/variants/1/variant"},
        {"{\"rows\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1}]}", "/rows/0"},
        {"{\"variants\":[{\"variant\":\"A\",\"value\":1}]}", "/variants/0"},
        {"{\"daily\":[{\"variant\":\"A\",\"n\":1,\"conversions\":1}]}", "/daily/0/date"},
        {"{\"daily\":[{\"variant\":\"A\",\"date\":\"1.2.26\",\"n\":1,\"conversions\":1}]}",
         "/daily/0/date"},
        {"{\"csv\":\"variant,n\"}", "conversions"},
        {"{\"csv\":\"x\",\"alpha\":2}", "/alpha"},
        {"{\"csv\":\"x\",\"minimum\":0}", "/minimum"},
        {"{\"csv\":\"x\",\"goal\":\"up\"}", "/goal"},
        {"{\"csv\":\"x\",\"winsor\":1}", "/winsor"},
        {"{\"csv\":\"x\",\"split\":[1]}", "/split"},
        {"{\"csv\":\"x\",\"past\":[{\"effect\":1}]}", "/past/0"},
    };
    struct wn_arena a;
    struct wn_experiment e;
    struct wn_why why;
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        wn_rc rc = ask(cases[i].text, &a, &e, &why);
        if (rc != WN_INVALID || strcmp(why.field, cases[i].field) != 0 || !why.text[0])
            fail_msg("%s: %s, field '%s': %s", cases[i].text, wn_rc_name(rc), why.field, why.text);
    }
    wn_arena_deinit(&a);
}

static void wishes(void **state)
{
    (void)state;
    static const char *const bad[] = {"{}",
                                      "{\"mean\":\"x\"}",
                                      "{\"mean\":0.1,\"effect\":0}",
                                      "{\"mean\":0.1,\"kind\":\"ratio\"}",
                                      "{\"mean\":0.1,\"effect\":0.1,\"variants\":2.5}",
                                      "{\"mean\":0.1,\"effect\":0.1,\"power\":1}"};
    struct wn_arena a;
    struct wn_json *body;
    struct wn_abtest_wish w;
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < WN_COUNT(bad); i++) {
        struct wn_why why = {0};
        assert_int_equal(wn_json_parse(&a, wn_str_of(bad[i]), &body, NULL), WN_OK);
        assert_int_equal(wn_experiment_wish_of_json(body, &w, &why), WN_INVALID);
        assert_true(why.field[0] == '/');
    }
    assert_int_equal(
        wn_json_parse(&a, WN_STR("{\"kind\":\"mean\",\"mean\":-2,\"sd\":3,\"effect\":0.1}"), &body,
                      NULL),
        WN_OK);
    assert_int_equal(wn_experiment_wish_of_json(body, &w, NULL), WN_OK);
    assert_true(w.kind == WN_ABTEST_MEAN && w.mean == -2 && w.sd == 3 && w.n_arms == 2);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms_agree),
                                       cmocka_unit_test(options_count), cmocka_unit_test(answer),
                                       cmocka_unit_test(refusals), cmocka_unit_test(wishes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
