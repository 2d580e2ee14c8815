/* Protects the CSV reader: what comes out does not depend on how the bytes were cut, nothing is
 * lost or invented, and damage is named with its place. */
#include "core/arena.h"
#include "core/buf.h"
#include "core/csv.h"
#include "core/rand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Records print as "LINE:field|field\n", with \n \r \\ and | escaped. */
static wn_rc print_record(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    (void)why;
    struct wn_buf *b = context;
    wn_buf_printf(b, "%llu:", (unsigned long long)r->line);
    for (size_t f = 0; f < r->n_fields; f++) {
        if (f)
            wn_buf_append_char(b, '|');
        for (size_t i = 0; i < r->fields[f].n; i++) {
            char c = r->fields[f].p[i];
            if (c == '\n' || c == '\r' || c == '|' || c == '\\')
                wn_buf_append_char(b, '\\');
            wn_buf_append_char(b, c == '\n' ? 'n' : c == '\r' ? 'r' : c);
        }
    }
    wn_buf_append_char(b, '\n');
    return WN_OK;
}

struct outcome {
    struct wn_buf text;
    wn_rc rc;
    struct wn_why why;
    char separator;
    char encoding[12];
};

/* piece 0: all at once; else pieces of that size; -1: random sizes. */
static struct outcome read_text(struct wn_str text, int piece, char separator)
{
    struct outcome o = {0};
    struct wn_rand r;
    wn_rand_init(&r, 5);
    wn_buf_init(&o.text, (size_t)64 << 20);
    struct wn_csv_options options = {separator, print_record, &o.text};
    struct wn_csv *csv = NULL;
    assert_int_equal(wn_csv_new(&options, &csv, &o.why), WN_OK);
    for (size_t at = 0; at < text.n && !o.rc;) {
        size_t n = piece == 0  ? text.n
                   : piece < 0 ? (size_t)wn_rand_below(&r, 70000)
                               : (size_t)piece;
        struct wn_str part = wn_str_slice(text, at, at + n);
        char *copy = malloc(part.n ? part.n : 1); /* so that a read beyond its end is noticed */
        memcpy(copy, part.p, part.n);
        o.rc = wn_csv_push(csv, (struct wn_str){copy, part.n}, &o.why);
        free(copy);
        at += part.n;
    }
    if (!o.rc)
        o.rc = wn_csv_finish(csv, &o.why);
    if (o.rc) { /* errors are final */
        struct wn_why again = {0};
        assert_int_equal(wn_csv_push(csv, WN_STR("x"), &again), o.rc);
        assert_string_equal(again.text, o.why.text);
    }
    o.separator = wn_csv_separator(csv);
    snprintf(o.encoding, sizeof o.encoding, "%s", wn_csv_encoding(csv));
    wn_csv_free(csv);
    return o;
}

static void gives_n(struct wn_str text, const char *expected)
{
    static const int pieces[] = {0, 1, 2, 3, 7, 64};
    for (size_t i = 0; i < WN_COUNT(pieces); i++) {
        struct outcome o = read_text(text, pieces[i], 0);
        if (o.rc)
            fail_msg("piece %d: %s", pieces[i], o.why.text);
        wn_buf_append_char(&o.text, 0);
        assert_string_equal(o.text.p, expected);
        wn_buf_deinit(&o.text);
    }
}

static void gives(const char *text, const char *expected)
{
    gives_n(wn_str_of(text), expected);
}

static void refuses(struct wn_str text, wn_rc rc, uint64_t line, uint32_t column)
{
    static const int pieces[] = {0, 1, 5, 100000};
    for (size_t i = 0; i < WN_COUNT(pieces); i++) {
        if (pieces[i] == 1 && text.n > 100000)
            continue;
        struct outcome o = read_text(text, pieces[i], 0);
        assert_int_equal(o.rc, rc);
        assert_int_equal(o.why.line, line);
        assert_int_equal(o.why.column, column);
        assert_true(o.why.text[0]);
        wn_buf_deinit(&o.text);
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    gives("a,b\n1,2\n", "1:a|b\n2:1|2\n");
    gives("a,b\r\n1,2\r\n", "1:a|b\n2:1|2\n");
    gives("a,b\r1,2\r", "1:a|b\n2:1|2\n");
    gives("a,b\n1,2", "1:a|b\n2:1|2\n");
    gives("a,b\n\n\r\n1,2\n\n", "1:a|b\n4:1|2\n");
    gives("a,b\n1,\n", "1:a|b\n2:1|\n");
    gives("a,b\n1,", "1:a|b\n2:1|\n");
    gives(",,\n", "1:||\n");
    gives("", "");
    gives("\n", "");
    gives("a", "1:a\n");
}

static void test_quotes(void **state)
{
    (void)state;
    gives("\"a\",\"b,c\"\n", "1:a|b,c\n");
    gives("\"a \"\"x\"\" b\",2\n", "1:a \"x\" b|2\n");
    gives("\"two\nlines\",1\n3,4\n", "1:two\\nlines|1\n3:3|4\n");
    gives("\"two\r\nlines\",1\r\n3,4\r\n", "1:two\\r\\nlines|1\n3:3|4\n");
    gives("\"\"\n", "1:\n");
    gives("\"\",x\n", "1:|x\n");
    gives("\"\"\"\"\n", "1:\"\n");
    gives("5\" pipe,2\n", "1:5\" pipe|2\n");
    gives("\"a\"b,2\n", "1:ab|2\n");
    gives("\"a\"\"b\"c\"d\",2\n", "1:a\"bc\"d\"|2\n");
    gives("1,\"x\"", "1:1|x\n");
}

static void test_separators(void **state)
{
    (void)state;
    const struct {
        const char *text;
        char separator;
    } cases[] = {
        {"a,b,c\n1,2,3\n", ','},
        {"a;b;c\n1,5;2,5;3,5\n", ';'},
        {"Campaign report\n\"March 27, 2026 - April 23, 2026\"\na\tb\tc\n1\t\"2,000\"\t3\n", '\t'},
        {"a|b\n1|2\n", '|'},
        {"only\none\n", ','},
        {"Report; made by us\na,b,c\n1,2,3\n4,5,6\n", ','},
        {"name;note\n\"x,y,z\";\"a, b\"\n", ';'},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct outcome o = read_text(wn_str_of(cases[i].text), 0, 0);
        assert_int_equal(o.rc, WN_OK);
        assert_int_equal(o.separator, cases[i].separator);
        wn_buf_deinit(&o.text);
    }
    struct outcome o = read_text(WN_STR("a,b;c\n"), 0, ';');
    wn_buf_append_char(&o.text, 0);
    assert_string_equal(o.text.p, "1:a,b|c\n");
    wn_buf_deinit(&o.text);
}

static struct wn_str utf16(struct wn_arena *a, const char *ascii, bool big, bool mark)
{
    size_t n = strlen(ascii), at = 0;
    char *p = wn_arena_alloc(a, 2 * n + 2);
    if (mark) {
        p[at++] = (char)(big ? 0xFE : 0xFF);
        p[at++] = (char)(big ? 0xFF : 0xFE);
    }
    for (size_t i = 0; i < n; i++) {
        p[at + (big ? 1 : 0)] = ascii[i];
        p[at + (big ? 0 : 1)] = 0;
        at += 2;
    }
    return (struct wn_str){p, at};
}

static void test_encodings(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    gives("\xEF\xBB\xBF"
          "a,b\n",
          "1:a|b\n");
    for (int big = 0; big < 2; big++) {
        for (int mark = 0; mark < 2; mark++) {
            struct wn_str text = utf16(&a, "a\tb\n\"1,0\"\t2\n", big, mark);
            gives_n(text, "1:a|b\n2:1,0|2\n");
            struct outcome o = read_text(text, 0, 0);
            assert_string_equal(o.encoding, big ? "utf-16be" : "utf-16le");
            wn_buf_deinit(&o.text);
        }
    }
    /* A pound sign, a Greek letter and a character beyond the first plane. */
    static const char more[] = "\xFF\xFE\xA3\0\x9F\x03,\0\x3D\xD8\x00\xDE\n";
    gives_n((struct wn_str){more, sizeof more}, "1:\xC2\xA3\xCE\x9F|\xF0\x9F\x98\x80\n");
    gives("\xD0\x9F\xD1\x80,\xE2\x82\xAC\xF0\x9F\x98\x80\n",
          "1:\xD0\x9F\xD1\x80|\xE2\x82\xAC\xF0\x9F\x98\x80\n");
    wn_arena_deinit(&a);
}

static void test_damage(void **state)
{
    (void)state;
    refuses(WN_STR("a,b\n1,\"open\n3,4\n"), WN_INVALID, 2, 3);
    refuses(WN_STR("a,b\n1,x\xFF\n"), WN_INVALID, 2, 4);
    refuses(WN_STR("a,b\n1,\xE2\x82"), WN_INVALID, 2, 3);
    refuses(WN_STR("\xC3\xA4,b\n\xC3\xA4\xC3\xA4\xED\xA0\x80\n"), WN_INVALID, 2, 3);
    refuses((struct wn_str){"a,b\n1,\0x\n", 9}, WN_INVALID, 2, 3);
    refuses((struct wn_str){"\xFF\xFE"
                            "a\0,\0b",
                            7},
            WN_INVALID, 1, 3);
    refuses((struct wn_str){"\xFF\xFE"
                            "a\0\x00\xDC",
                            6},
            WN_INVALID, 1, 2);
    /* Records before the damage were handed out. */
    struct outcome o = read_text(WN_STR("a,b\n1,2\n3,\xFF\n"), 0, 0);
    wn_buf_append_char(&o.text, 0);
    assert_string_equal(o.text.p, "1:a|b\n2:1|2\n");
    wn_buf_deinit(&o.text);
}

static void test_limits(void **state)
{
    (void)state;
    size_t n = (size_t)5 << 20;
    char *big = malloc(n);
    memset(big, 'x', n);
    memcpy(big, "a,b\n", 4);
    refuses((struct wn_str){big, n}, WN_LIMIT, 2, 1);
    big[6] = '\n';
    big[8] = ',';
    big[9] = '"';
    refuses((struct wn_str){big, n}, WN_LIMIT, 3, 3);
    memset(big, ',', n);
    refuses((struct wn_str){big, 5000}, WN_LIMIT, 1, 1);
    /* The largest record that is allowed, line end included, and one byte more. */
    memset(big, 'y', n);
    big[WN_CSV_RECORD_BYTES_MAX - 1] = '\n';
    struct outcome o = read_text((struct wn_str){big, WN_CSV_RECORD_BYTES_MAX}, 0, ',');
    assert_int_equal(o.rc, WN_OK);
    assert_int_equal(o.text.n, WN_CSV_RECORD_BYTES_MAX + 2);
    wn_buf_deinit(&o.text);
    big[WN_CSV_RECORD_BYTES_MAX - 1] = 'y';
    big[WN_CSV_RECORD_BYTES_MAX] = '\n';
    refuses((struct wn_str){big, WN_CSV_RECORD_BYTES_MAX + 1}, WN_LIMIT, 1, 1);
    free(big);
}

/* Random tables, written by the writer and read back in random pieces. */
static void test_written_reads_back(void **state)
{
    (void)state;
    static const char *const cells[] = {"",       "plain",   "with, comma", "two\nlines",
                                        "\"q\"",  " space ", "\xC3\xA4",    "1.5",
                                        "a;b\tc", "-3.25"};
    struct wn_rand r;
    wn_rand_init(&r, 11);
    struct wn_buf csv, expected;
    wn_buf_init(&csv, (size_t)16 << 20);
    wn_buf_init(&expected, (size_t)16 << 20);
    uint64_t line = 1;
    for (int i = 0; i < 40000; i++) {
        struct wn_str fields[5];
        uint64_t breaks = 0;
        for (size_t f = 0; f < 5; f++) {
            fields[f] = wn_str_of(cells[wn_rand_below(&r, WN_COUNT(cells))]);
            breaks += memchr(fields[f].p, '\n', fields[f].n) != NULL;
            wn_csv_write_field(&csv, fields[f], f == 0);
        }
        wn_buf_append_char(&csv, '\n');
        struct wn_csv_record record = {fields, 5, line};
        assert_int_equal(print_record(&expected, &record, NULL), WN_OK);
        line += 1 + breaks;
    }
    static const int pieces[] = {0, -1, 1000, 65536};
    for (size_t i = 0; i < WN_COUNT(pieces); i++) {
        struct outcome o = read_text(wn_buf_str(&csv), pieces[i], ',');
        assert_int_equal(o.rc, WN_OK);
        assert_true(wn_str_eq(wn_buf_str(&o.text), wn_buf_str(&expected)));
        wn_buf_deinit(&o.text);
    }
    wn_buf_deinit(&csv);
    wn_buf_deinit(&expected);
}

static wn_rc stop_at_second(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    int *n = context;
    (void)r;
    return ++*n == 2 ? wn_fail(why, WN_CANCELLED, NULL, "enough") : WN_OK;
}

static void test_callback_stops(void **state)
{
    (void)state;
    int n = 0;
    struct wn_why why = {0};
    struct wn_csv *csv = NULL;
    struct wn_csv_options options = {',', stop_at_second, &n};
    assert_int_equal(wn_csv_new(&options, &csv, &why), WN_OK);
    assert_int_equal(wn_csv_push(csv, WN_STR("a\nb\nc\n"), &why), WN_OK);
    assert_int_equal(wn_csv_finish(csv, &why), WN_CANCELLED);
    assert_int_equal(n, 2);
    assert_string_equal(why.text, "enough");
    wn_csv_free(csv);
}

static void test_writer_guards_formulas(void **state)
{
    (void)state;
    const struct {
        const char *field, *written;
    } cases[] = {
        {"=SUM(A1)", "'=SUM(A1)"}, {"@x", "'@x"},          {"-3.5", "-3.5"}, {"+49", "+49"},
        {"-x,y", "\"'-x,y\""},     {"a\"b", "\"a\"\"b\""}, {"", ""},         {"plain", "plain"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_buf b;
        wn_buf_init(&b, 1000);
        wn_csv_write_field(&b, wn_str_of(cases[i].field), true);
        wn_buf_append_char(&b, 0);
        assert_string_equal(b.p, cases[i].written);
        wn_buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_separators),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_written_reads_back),
        cmocka_unit_test(test_callback_stops),
        cmocka_unit_test(test_writer_guards_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
