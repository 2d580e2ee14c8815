/* Protects the JSON reader and writer: what a client sends is read exactly or refused with its
 * place, and what we print reads back as it was. */
#include "core/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;

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

static struct wn_json *parse(const char *text)
{
    struct wn_json *out = NULL;
    struct wn_why why = {0};
    wn_rc rc = wn_json_parse(&arena, wn_str_of(text), &out, &why);
    if (rc)
        fail_msg("%s: %s", text, why.text);
    return out;
}

static void refused(const char *text, wn_rc expected, uint32_t column)
{
    struct wn_json *out = NULL;
    struct wn_why why = {0};
    wn_rc rc = wn_json_parse(&arena, wn_str_of(text), &out, &why);
    if (rc != expected || out)
        fail_msg("%s: got %s, expected %s", text, wn_rc_name(rc), wn_rc_name(expected));
    assert_true(why.text[0] != 0);
    if (why.column != column)
        fail_msg("%s: column %u, expected %u (%s)", text, why.column, column, why.text);
}

static void reads_every_kind(void **state)
{
    (void)state;
    struct wn_json *v = parse(" {\"n\":null,\"t\":true,\"f\":false,\"i\":-7,\"r\":2.5,"
                              "\"s\":\"a\\u00e9\\n\\ud83d\\ude00\\u0000b\",\"a\":[1,[],{}]} ");
    assert_int_equal(v->kind, WN_JSON_OBJECT);
    assert_int_equal(v->n_items, 7);
    assert_int_equal(wn_json_get(v, "n")->kind, WN_JSON_NULL);
    assert_true(wn_json_get(v, "t")->boolean);
    assert_false(wn_json_get(v, "f")->boolean);
    assert_int_equal(wn_json_get(v, "i")->integer, -7);
    assert_true(wn_json_get(v, "i")->real == -7.0);
    assert_true(wn_json_get(v, "r")->real == 2.5);
    struct wn_str s = wn_json_get(v, "s")->text;
    assert_int_equal(s.n, 10);
    assert_memory_equal(s.p, "a\xC3\xA9\n\xF0\x9F\x98\x80\0b", 10);
    const struct wn_json *a = wn_json_get(v, "a");
    assert_int_equal(a->n_items, 3);
    assert_int_equal(a->items[1].kind, WN_JSON_ARRAY);
    assert_int_equal(a->items[2].kind, WN_JSON_OBJECT);
    assert_null(wn_json_get(v, "missing"));
}

static void integers_are_exact_and_larger_ones_real(void **state)
{
    (void)state;
    struct wn_json *v = parse("[9223372036854775807,-9223372036854775808,9007199254740993,"
                              "9223372036854775808,18446744073709551615,1e2,-0]");
    assert_true(v->items[0].kind == WN_JSON_INT && v->items[0].integer == INT64_MAX);
    assert_true(v->items[1].kind == WN_JSON_INT && v->items[1].integer == INT64_MIN);
    assert_true(v->items[2].integer == INT64_C(9007199254740993));
    assert_true(v->items[3].kind == WN_JSON_REAL && v->items[3].real == 9223372036854775808.0);
    assert_true(v->items[4].kind == WN_JSON_REAL && v->items[4].real == 18446744073709551616.0);
    assert_true(v->items[5].kind == WN_JSON_REAL && v->items[5].real == 100.0);
    assert_int_equal(v->items[6].integer, 0);
}

static void scalars_are_documents(void **state)
{
    (void)state;
    assert_int_equal(parse("1")->integer, 1);
    assert_int_equal(parse("\"x\"")->text.n, 1);
    assert_int_equal(parse("null")->kind, WN_JSON_NULL);
}

static void bad_text_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("", WN_INVALID, 1);
    refused("   ", WN_INVALID, 4);
    refused("{\"a\":1,}", WN_INVALID, 8);
    refused("[1 2]", WN_INVALID, 4);
    refused("{\"a\" 1}", WN_INVALID, 6);
    refused("{a:1}", WN_INVALID, 2);
    refused("[1,2", WN_INVALID, 5);
    refused("[01]", WN_INVALID, 2);
    refused("[1.]", WN_INVALID, 4);
    refused("[+1]", WN_INVALID, 2);
    refused("[nul]", WN_INVALID, 5);
    refused("\"a\tb\"", WN_INVALID, 3);
    refused("\"a\\x\"", WN_INVALID, 4);
    refused("\"\\ud800\"", WN_INVALID, 8);
    refused("\"open", WN_INVALID, 6);
    refused("{} {}", WN_INVALID, 4);
    refused("[1e999]", WN_INVALID, 2);
    refused("[123456789012345678901]", WN_INVALID, 2);
    refused("[\"\xC3(\"]", WN_INVALID, 3);
    refused("NaN", WN_INVALID, 1);
}

static char *nested(size_t depth)
{
    char *text = malloc(depth * 2 + 1);
    assert_non_null(text);
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[depth * 2] = 0;
    return text;
}

static void depth_is_limited(void **state)
{
    (void)state;
    char *text = nested(WN_JSON_DEPTH_MAX);
    assert_non_null(parse(text));
    free(text);
    text = nested(WN_JSON_DEPTH_MAX + 1);
    refused(text, WN_LIMIT, 0);
    free(text);
    text = nested(100000);
    refused(text, WN_LIMIT, 0);
    free(text);
}

static void number_of_values_is_limited(void **state)
{
    (void)state;
    size_t n = (size_t)WN_JSON_NODES_MAX;
    char *text = malloc(n * 2 + 2);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < n; i++) {
        text[1 + i * 2] = '1';
        text[2 + i * 2] = ',';
    }
    text[n * 2] = ']';
    text[n * 2 + 1] = 0;
    refused(text, WN_LIMIT, 0); /* n items and the array itself: one too many */
    free(text);
}

static void duplicate_names_are_refused_with_their_pointer(void **state)
{
    (void)state;
    struct wn_json *out = NULL;
    struct wn_why why = {0};
    assert_int_equal(
        wn_json_parse(&arena, WN_STR("{\"a\":[0,{\"b\":1,\"\\u0062\":2}]}"), &out, &why),
        WN_INVALID);
    assert_string_equal(why.field, "/a/1/b");
    char text[4096] = "{";
    for (int i = 0; i < 100; i++) {
        char member[32];
        snprintf(member, sizeof member, "\"k%d\":0,", i);
        memcpy(text + strlen(text), member, strlen(member) + 1);
    }
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "\"last\":0}");
    assert_int_equal(parse(text)->n_items, 101);
    snprintf(text + n, sizeof text - n, "\"k7\":0}");
    why = (struct wn_why){0};
    assert_int_equal(wn_json_parse(&arena, wn_str_of(text), &out, &why), WN_INVALID);
    assert_string_equal(why.field, "/k7");
}

static void running_out_of_arena_is_an_error(void **state)
{
    (void)state;
    const char *text = "{\"a\":[1,2,3,{\"b\":\"text\"}],\"c\":[[[]],[1,2]]}";
    bool worked = false;
    for (size_t max = 16; max < 4096 && !worked; max += 16) {
        struct wn_arena small;
        struct wn_json *out = NULL;
        struct wn_why why = {0};
        wn_arena_init(&small, max);
        wn_rc rc = wn_json_parse(&small, wn_str_of(text), &out, &why);
        assert_true(rc == WN_OK || (rc == WN_MEMORY && !out));
        worked = rc == WN_OK;
        wn_arena_deinit(&small);
    }
    assert_true(worked);
}

static void text_need_not_be_terminated_or_padded(void **state)
{
    (void)state;
    /* Exactly as long as the text: the address sanitizer sees one byte too many. */
    const char *source = "{\"key\":\"value\",\"n\":[1,2,3]}";
    size_t n = strlen(source);
    char *exact = malloc(n);
    assert_non_null(exact);
    memcpy(exact, source, n);
    struct wn_json *out = NULL;
    assert_int_equal(wn_json_parse(&arena, (struct wn_str){exact, n}, &out, NULL), WN_OK);
    free(exact); /* the tree holds copies */
    assert_memory_equal(wn_json_get(out, "key")->text.p, "value", 6);
}

static void getters_check_the_type(void **state)
{
    (void)state;
    struct wn_json *v = parse("{\"s\":\"x\",\"i\":5,\"r\":1.5,\"b\":true,\"n\":null}");
    struct wn_str s;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    struct wn_why why = {0};
    assert_int_equal(wn_json_get_text(v, "s", &s, &why), WN_OK);
    assert_int_equal(wn_json_get_i64(v, "i", &i, &why), WN_OK);
    assert_int_equal(i, 5);
    assert_int_equal(wn_json_get_f64(v, "i", &d, &why), WN_OK);
    assert_true(d == 5.0);
    assert_int_equal(wn_json_get_f64(v, "r", &d, &why), WN_OK);
    assert_int_equal(wn_json_get_bool(v, "b", &b, &why), WN_OK);
    assert_int_equal(wn_json_get_text(v, "n", &s, &why), WN_NOT_FOUND);
    assert_int_equal(wn_json_get_i64(v, "none", &i, &why), WN_NOT_FOUND);
    assert_int_equal(why.text[0], 0);
    assert_int_equal(wn_json_get_i64(v, "r", &i, &why), WN_INVALID);
    assert_string_equal(why.field, "/r");
}

static void write_tree(struct wn_json_writer *w, const struct wn_json *v)
{
    switch (v->kind) {
    case WN_JSON_NULL:
        wn_json_null(w);
        break;
    case WN_JSON_BOOL:
        wn_json_bool(w, v->boolean);
        break;
    case WN_JSON_INT:
        wn_json_i64(w, v->integer);
        break;
    case WN_JSON_REAL:
        wn_json_f64(w, v->real);
        break;
    case WN_JSON_TEXT:
        wn_json_text(w, v->text);
        break;
    case WN_JSON_ARRAY:
    case WN_JSON_OBJECT:
        if (v->kind == WN_JSON_ARRAY)
            wn_json_begin_array(w);
        else
            wn_json_begin_object(w);
        for (size_t i = 0; i < v->n_items; i++) {
            if (v->kind == WN_JSON_OBJECT)
                wn_json_key_str(w, v->items[i].key);
            write_tree(w, &v->items[i]);
        }
        wn_json_end(w);
    }
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    const char *source =
        "{\"a\":[1,-2.5,1e-7,true,null,\"\\u0001\\\"\\\\\\t\\n\\u007f\xE2\x82\xAC\"],"
        "\"\":{},\"z\":[],\"big\":1.7976931348623157e308}";
    struct wn_json *v = parse(source);
    for (uint8_t indent = 0; indent <= 2; indent += 2) {
        struct wn_buf first, second;
        struct wn_json_writer w;
        wn_buf_init(&first, 4096);
        wn_buf_init(&second, 4096);
        wn_json_write_init(&w, &first, indent);
        write_tree(&w, v);
        assert_int_equal(wn_buf_check(&first, NULL), WN_OK);
        struct wn_json *again = NULL;
        struct wn_why why = {0};
        assert_int_equal(wn_json_parse(&arena, wn_buf_str(&first), &again, &why), WN_OK);
        wn_json_write_init(&w, &second, indent);
        write_tree(&w, again);
        assert_true(wn_str_eq(wn_buf_str(&first), wn_buf_str(&second)));
        assert_true(wn_json_get(again, "a")->items[1].real == -2.5);
        assert_true(
            wn_str_eq(wn_json_get(v, "a")->items[5].text, wn_json_get(again, "a")->items[5].text));
        wn_buf_deinit(&first);
        wn_buf_deinit(&second);
    }
}

static void writer_prints_exactly(void **state)
{
    (void)state;
    struct wn_buf out;
    struct wn_json_writer w;
    wn_buf_init(&out, 4096);
    wn_json_write_init(&w, &out, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "money");
    wn_json_micros(&w, -1500000);
    wn_json_key(&w, "none");
    wn_json_f64(&w, NAN);
    wn_json_key(&w, "day");
    wn_json_day(&w, 0);
    wn_json_key(&w, "at");
    wn_json_time(&w, 0);
    wn_json_key(&w, "bad");
    wn_json_text(&w, WN_STR("a\xFF\xFF"
                            "b"));
    wn_json_key(&w, "raw");
    wn_json_raw(&w, WN_STR("[1]"));
    wn_json_end(&w);
    struct wn_str expected =
        WN_STR("{\"money\":-1.5,\"none\":null,\"day\":\"1970-01-01\",\"at\":\"1970-01-01T00:00:00."
               "000Z\",\"bad\":\"a\xEF\xBF\xBD\xEF\xBF\xBD"
               "b\",\"raw\":[1]}");
    if (!wn_str_eq(wn_buf_str(&out), expected))
        fail_msg("got %.*s", WN_STR_ARG(wn_buf_str(&out)));
    wn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_every_kind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(integers_are_exact_and_larger_ones_real, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scalars_are_documents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_text_is_refused_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(number_of_values_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(duplicate_names_are_refused_with_their_pointer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(running_out_of_arena_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(text_need_not_be_terminated_or_padded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(getters_check_the_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_printed_reads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writer_prints_exactly, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
