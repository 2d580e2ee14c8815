/* Protects written JSON: commas, nesting, escapes; and, by reading it back with the reader, that
 * any bytes whatever become a valid document. */
#include "core/json.h"

#include "core/date.h"
#include "core/num.h"
#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct wn_buf buf;
static struct wn_json_writer w;

static int set_up(void **state)
{
    (void)state;
    wn_buf_init(&buf, 1 << 20);
    wn_json_write_init(&w, &buf, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wn_buf_deinit(&buf);
    return 0;
}

static void assert_written(const char *expected)
{
    assert_int_equal(wn_buf_check(&buf, NULL), WN_OK);
    wn_buf_append_char(&buf, 0);
    assert_string_equal(buf.p, expected);
    wn_buf_reset(&buf);
    wn_json_write_init(&w, &buf, 0);
}

static void values_stand_where_they_should(void **state)
{
    (void)state;
    wn_json_begin_object(&w);
    wn_json_key(&w, "a");
    wn_json_i64(&w, INT64_MIN);
    wn_json_key(&w, "b");
    wn_json_begin_array(&w);
    wn_json_null(&w);
    wn_json_bool(&w, true);
    wn_json_bool(&w, false);
    wn_json_begin_array(&w);
    wn_json_end(&w);
    wn_json_begin_object(&w);
    wn_json_end(&w);
    wn_json_raw(&w, WN_STR("{\"x\":1}"));
    wn_json_end(&w);
    wn_json_key_str(&w, WN_STR("c\""));
    wn_json_text(&w, WN_STR("d"));
    wn_json_end(&w);
    assert_written("{\"a\":-9223372036854775808,\"b\":[null,true,false,[],{},{\"x\":1}],"
                   "\"c\\\"\":\"d\"}");
    wn_json_i64(&w, 7);
    assert_written("7");
}

static void numbers_are_json_numbers(void **state)
{
    (void)state;
    wn_json_begin_array(&w);
    wn_json_f64(&w, .1);
    wn_json_f64(&w, -0.5);
    wn_json_f64(&w, NAN);
    wn_json_f64(&w, INFINITY);
    wn_json_micros(&w, 1500000);
    wn_json_micros(&w, -1);
    wn_json_micros(&w, INT64_MAX);
    wn_json_end(&w);
    assert_written("[0.1,-0.5,null,null,1.5,-0.000001,9223372036854.775807]");
    wn_json_begin_array(&w);
    wn_json_day(&w, 0);
    wn_json_time(&w, 1500);
    wn_json_end(&w);
    assert_written("[\"1970-01-01\",\"1970-01-01T00:00:01.500Z\"]");
}

static void indentation(void **state)
{
    (void)state;
    wn_json_write_init(&w, &buf, 2);
    wn_json_begin_object(&w);
    wn_json_key(&w, "a");
    wn_json_begin_array(&w);
    wn_json_i64(&w, 1);
    wn_json_i64(&w, 2);
    wn_json_end(&w);
    wn_json_key(&w, "b");
    wn_json_begin_object(&w);
    wn_json_end(&w);
    wn_json_end(&w);
    assert_written("{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

static void escapes(void **state)
{
    (void)state;
    wn_json_text(&w, WN_STR("\"\\/\n\t\r\b\x01\x1f\x7f\xC3\xA9\xF0\x9F\x8E\x81"));
    assert_written(
        "\"\\\"\\\\/\\n\\t\\u000d\\u0008\\u0001\\u001f\\u007f\xC3\xA9\xF0\x9F\x8E\x81\"");
    wn_json_text(&w, (struct wn_str){"a\0b", 3});
    assert_written("\"a\\u0000b\"");
    wn_json_text(&w, (struct wn_str){NULL, 0});
    assert_written("\"\"");
    wn_json_text(&w, WN_STR("a\xff"
                            "b\xe2\x82"));
    assert_written("\"a\xEF\xBF\xBD"
                   "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
    wn_json_text_z(&w, "z");
    assert_written("\"z\"");
}

/* Random bytes come back as themselves where they were UTF-8, and as valid UTF-8 anyway. */
static void any_bytes_read_back(void **state)
{
    (void)state;
    static const char pool[] =
        "ab\"\\\n\x00\x01\x7f\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8E\x81\xff\xED\xA0";
    struct wn_rand r;
    wn_rand_init(&r, 3);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        size_t n = (size_t)wn_rand_below(&r, sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = pool[wn_rand_below(&r, sizeof pool - 1)];
        struct wn_arena a;
        struct wn_json *v;
        wn_arena_init(&a, 0);
        wn_buf_reset(&buf);
        wn_json_write_init(&w, &buf, 0);
        wn_json_begin_object(&w);
        wn_json_key(&w, "k");
        wn_json_text(&w, (struct wn_str){text, n});
        wn_json_end(&w);
        assert_int_equal(wn_json_parse(&a, wn_buf_str(&buf), &v, NULL), WN_OK);
        struct wn_str back;
        assert_int_equal(wn_json_get_text(v, "k", &back, NULL), WN_OK);
        assert_true(wn_str_utf8_valid(back, NULL));
        if (wn_str_utf8_valid((struct wn_str){text, n}, NULL))
            assert_true(wn_str_eq(back, (struct wn_str){text, n}));
        else
            assert_true(wn_str_find(back, WN_STR("\xEF\xBF\xBD")) < back.n);
        wn_arena_deinit(&a);
    }
}

static void the_first_failure_is_kept(void **state)
{
    (void)state;
    struct wn_buf small;
    wn_buf_init(&small, 5);
    wn_json_write_init(&w, &small, 0);
    wn_json_begin_array(&w);
    for (int i = 0; i < 100; i++)
        wn_json_i64(&w, i);
    wn_json_end(&w);
    assert_int_equal(wn_buf_check(&small, NULL), WN_LIMIT);
    wn_buf_deinit(&small);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(values_stand_where_they_should),
        T(numbers_are_json_numbers),
        T(indentation),
        T(escapes),
        T(any_bytes_read_back),
        T(the_first_failure_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
