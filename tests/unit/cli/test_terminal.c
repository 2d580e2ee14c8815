/* Protects what people read in the terminal: digits, units, columns that line up, summaries. */
#include "cli/terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *grouped(double value, int decimals)
{
    static char text[128];
    struct wn_buf b;
    wn_buf_init(&b, sizeof text);
    wn_print_grouped(&b, value, decimals);
    memcpy(text, b.p, b.n);
    text[b.n] = 0;
    wn_buf_deinit(&b);
    return text;
}

static void digits_come_in_groups(void **state)
{
    (void)state;
    assert_string_equal(grouped(0, 0), "0");
    assert_string_equal(grouped(999, 0), "999");
    assert_string_equal(grouped(1000, 0), "1,000");
    assert_string_equal(grouped(1234567.891, 2), "1,234,567.89");
    assert_string_equal(grouped(-1234.5, 1), "-1,234.5");
    assert_string_equal(grouped(-0.001, 2), "0.00");
}

static void width_counts_what_the_terminal_shows(void **state)
{
    (void)state;
    assert_int_equal(wn_text_width(WN_STR("abc")), 3);
    assert_int_equal(wn_text_width(WN_STR("Οδοντικά")), 8);
    assert_int_equal(wn_text_width(WN_STR("e\xCC\x81")), 1);
    assert_int_equal(wn_text_width(WN_STR("日本")), 4);
}

static void table_lines_up(void **state)
{
    (void)state;
    struct wn_arena a;
    struct wn_json *json;
    struct wn_buf out;
    wn_arena_init(&a, 0);
    wn_buf_init(&out, 1 << 16);
    assert_int_equal(
        wn_json_parse(
            &a,
            WN_STR("{\"columns\":[{\"name\":\"campaign\",\"kind\":\"dimension\","
                   "\"unit\":null},{\"name\":\"spend\",\"kind\":\"metric\",\"unit\":"
                   "\"money\"},{\"name\":\"ctr\",\"kind\":\"metric\",\"unit\":\"ratio\"}],"
                   "\"rows\":[[\"Öl\",1234.5,0.0123],[\"B\",null,0.5]]}"),
            &json, NULL),
        WN_OK);
    assert_int_equal(wn_print_query_table(&out, json, NULL), WN_OK);
    wn_buf_append_char(&out, 0);
    assert_string_equal(out.p, "campaign     spend     ctr\n"
                               "--------  --------  ------\n"
                               "Öl        1,234.50  1.23 %\n"
                               "B                -  50.0 %\n");
    wn_buf_deinit(&out);
    wn_arena_deinit(&a);
}

static void a_foreign_document_is_refused(void **state)
{
    (void)state;
    struct wn_json json = {.kind = WN_JSON_OBJECT};
    struct wn_buf out;
    struct wn_why why = {0};
    wn_buf_init(&out, 1 << 16);
    assert_int_equal(wn_print_query_table(&out, &json, &why), WN_INTERNAL);
    assert_true(why.text[0] != 0);
    wn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_come_in_groups),
        cmocka_unit_test(width_counts_what_the_terminal_shows),
        cmocka_unit_test(table_lines_up),
        cmocka_unit_test(a_foreign_document_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
