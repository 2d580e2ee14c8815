/* Protects the form parser: a form gives the same parts however its bytes are cut, and a broken one
 * is refused instead of losing data. */
#include "io/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wn_rc on_part(void *context, const struct wn_multipart_part *part, struct wn_why *why)
{
    struct wn_buf *out = context;
    wn_buf_printf(out, "<%.*s", WN_STR_ARG(part->name));
    if (part->is_file)
        wn_buf_printf(out, " file=%.*s", WN_STR_ARG(part->file_name));
    if (part->content_type.n)
        wn_buf_printf(out, " type=%.*s", WN_STR_ARG(part->content_type));
    wn_buf_append_char(out, ':');
    return wn_buf_check(out, why);
}

static wn_rc on_data(void *context, struct wn_str bytes, struct wn_why *why)
{
    assert_true(bytes.n > 0);
    wn_buf_append(context, bytes);
    return wn_buf_check(context, why);
}

static wn_rc on_end(void *context, struct wn_why *why)
{
    wn_buf_append_char(context, '>');
    return wn_buf_check(context, why);
}

/* Parses body in pieces of n bytes and gives what came out, or the error's name. */
static const char *parse(const char *boundary, struct wn_str body, size_t n_piece)
{
    static char text[64 * 1024];
    struct wn_multipart m;
    struct wn_buf out;
    struct wn_why why = {0};
    wn_rc rc = WN_OK;
    wn_buf_init(&out, sizeof text - 1);
    wn_multipart_init(&m, wn_str_of(boundary),
                      &(struct wn_multipart_events){&out, on_part, on_data, on_end});
    for (size_t at = 0; at < body.n && !rc; at += n_piece) {
        struct wn_str piece = wn_str_slice(body, at, at + n_piece);
        char *exact = malloc(piece.n); /* the sanitizer sees reads behind it */
        assert_non_null(exact);
        memcpy(exact, piece.p, piece.n);
        rc = wn_multipart_push(&m, (struct wn_str){exact, piece.n}, &why);
        free(exact);
    }
    if (!rc)
        rc = wn_multipart_finish(&m, &why);
    wn_multipart_deinit(&m);
    struct wn_str got = wn_buf_str(&out);
    memcpy(text, got.p, got.n);
    text[got.n] = 0;
    wn_buf_deinit(&out);
    if (!rc)
        return text;
    assert_true(why.text[0] != 0);
    return wn_rc_name(rc);
}

static void expect_with(const char *boundary, const char *body, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 16, 100000};
    for (size_t i = 0; i < WN_COUNT(pieces); i++) {
        const char *got = parse(boundary, wn_str_of(body), pieces[i]);
        if (strcmp(got, expected) != 0)
            fail_msg("in pieces of %zu: got %s, expected %s for %s", pieces[i], got, expected,
                     body);
    }
}

static void expect(const char *body, const char *expected)
{
    expect_with("b0", body, expected);
}

#define NAMED "Content-Disposition: form-data; name=\"a\"\r\n\r\n"

static void parts_come_out_however_they_are_cut(void **state)
{
    (void)state;
    expect("--b0\r\n" NAMED "v\r\n--b0--\r\n", "<a:v>");
    expect("--b0\r\n" NAMED "\r\n--b0--", "<a:>");
    expect("--b0--", "");
    expect("--b0\r\n" NAMED "x\r\n--b0\r\n" NAMED "y\r\n--b0--\r\n", "<a:x><a:y>");
    expect("before\r\n--b0\r\n" NAMED "v\r\n--b0--\r\nafter\r\n--b0\r\nnot a part", "<a:v>");
    expect("--b0 \t \r\n" NAMED "v\r\n--b0--", "<a:v>");
    expect_with("x", "--x\r\n" NAMED "v\r\n--x--", "<a:v>");
    expect_with("--", "----\r\n" NAMED "v\r\n------", "<a:v>");
}

static void data_that_resembles_a_boundary_is_data(void **state)
{
    (void)state;
    static const char *const values[] = {
        "\r",      "\n",        "\r\n",        "\r\n-",        "\r\n--",
        "\r\n--b", "\r\r\n--b", "\r\n\r\n--b", "\r\n--b1",     "--b0",
        "\n--b0",  "\r--b0",    "\r\n-\r\n-",  "\r\n--\r\n--", "\r\n--b\r\n--b"};
    for (size_t i = 0; i < WN_COUNT(values); i++) {
        char body[256], expected[128];
        snprintf(body, sizeof body, "--b0\r\n" NAMED "%s\r\n--b0--", values[i]);
        snprintf(expected, sizeof expected, "<a:%s>", values[i]);
        expect(body, expected);
    }
}

static void heads_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *head, *expected;
    } cases[] = {
        {"Content-Disposition: form-data; name=a; filename=\"x.csv\"", "<a file=x.csv:>"},
        {"content-disposition:form-data;name=\"a\" ; filename=\"\";", "<a file=:>"},
        {"Content-Disposition: form-data; name=\"a;b=\\\"c\\\"\"", "<a;b=\"c\":>"},
        {"Content-Disposition: form-data; name=a; filename=\"C:\\Users\\x.csv\"",
         "<a file=x.csv:>"},
        {"Content-Disposition: form-data; name=a; filename=\"../../etc/passwd\"",
         "<a file=passwd:>"},
        {"Content-Disposition: form-data; name=a; filename=\"x\"; filename*=UTF-8''%C3%A9.csv",
         "<a file=\xC3\xA9.csv:>"},
        {"Content-Disposition: form-data; name=a; filename*=utf-8'en'y%20z; filename=\"x\"",
         "<a file=y z:>"},
        {"Content-Disposition: form-data; name=a; filename=\"\xC3\xA9.csv\"",
         "<a file=\xC3\xA9.csv:>"},
        {"Content-Type: text/csv\r\nContent-Disposition: form-data; name=a\r\nX-Other: y",
         "<a type=text/csv:>"},
        {"Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: binary", "<a:>"},
        {"Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
         "UNSUPPORTED"},
        {"Content-Disposition: form-data", "INVALID"},
        {"Content-Disposition: form-data; name=\"\"", "INVALID"},
        {"Content-Disposition: form-data; name=a; name=b", "INVALID"},
        {"Content-Disposition: form-data; name=\"a", "INVALID"},
        {"Content-Disposition: form-data; name", "INVALID"},
        {"Content-Disposition: form-data name=a", "INVALID"},
        {"Content-Disposition: attachment; name=a", "INVALID"},
        {"Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
         "INVALID"},
        {"Content-Disposition: form-data; name=\"\xFF\"", "INVALID"},
        {"Content-Disposition: form-data; name=\"a\tb\"", "INVALID"},
        {"Content-Disposition: form-data; name=a; filename*=UTF-8''a%0Ab", "INVALID"},
        {"Content-Type: text/csv", "INVALID"},
        {"no colon", "INVALID"},
        {"Content-Disposition: form-data;\r\n name=a", "INVALID"},
        {"Content-Disposition: form-data; name=a\nX: y", "INVALID"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        char body[512];
        snprintf(body, sizeof body, "--b0\r\n%s\r\n\r\n\r\n--b0--\r\n", cases[i].head);
        expect(body, cases[i].expected);
    }
}

static void broken_forms_are_refused(void **state)
{
    (void)state;
    expect("", "INVALID");
    expect("garbage", "INVALID");
    expect("--b0\r\n" NAMED "v", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n--b0", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n--b0-", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n--b0-x", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n--b0x--", "INVALID");
    expect("--b0\r\n" NAMED "v\r\n--b0\r\n", "INVALID");
    expect("--b0\r\n\r\nv\r\n--b0--", "INVALID");
    expect("--b0\n" NAMED "v\n--b0--", "INVALID");
}

static void parts_and_heads_are_limited(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    static const char part[] = "--b0\r\n" NAMED "v\r\n";
    struct wn_buf body;
    wn_buf_init(&body, MANY * sizeof part + 100);
    for (int i = 0; i < MANY; i++)
        wn_buf_append_z(&body, part);
    wn_buf_append_z(&body, "--b0--\r\n");
    assert_string_equal(parse("b0", wn_buf_str(&body), 1000), "LIMIT");
    wn_buf_reset(&body);
    for (int i = 0; i < WN_MULTIPART_PARTS_MAX; i++)
        wn_buf_append_z(&body, part);
    wn_buf_append_z(&body, "--b0--\r\n");
    assert_string_not_equal(parse("b0", wn_buf_str(&body), 1000), "LIMIT");
    wn_buf_reset(&body);
    wn_buf_append_z(&body, "--b0\r\nX: ");
    for (int i = 0; i < WN_MULTIPART_HEAD_BYTES_MAX; i++)
        wn_buf_append_char(&body, 'h');
    wn_buf_append_z(&body, "\r\n" NAMED "v\r\n--b0--\r\n");
    assert_string_equal(parse("b0", wn_buf_str(&body), 1000), "LIMIT");
    wn_buf_deinit(&body);
}

static void the_first_error_stays(void **state)
{
    (void)state;
    struct wn_multipart m;
    struct wn_buf out;
    wn_buf_init(&out, 1000);
    wn_multipart_init(&m, WN_STR("b0"),
                      &(struct wn_multipart_events){&out, on_part, on_data, on_end});
    assert_int_equal(wn_multipart_push(&m, WN_STR("--b0x"), NULL), WN_INVALID);
    assert_int_equal(wn_multipart_push(&m, WN_STR("\r\n--b0--"), NULL), WN_INVALID);
    assert_int_equal(wn_multipart_finish(&m, NULL), WN_INVALID);
    wn_multipart_deinit(&m);
    wn_buf_deinit(&out);
}

static void boundaries_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *type, *expected;
    } cases[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"Multipart/Form-Data;BOUNDARY=\"a b\";charset=utf-8", "a b"},
        {"multipart/form-data; charset=utf-8; boundary=x", "x"},
        {"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
         "----WebKitFormBoundary7MA4YWxkTrZu0gW"},
        {"multipart/form-data", "INVALID"},
        {"multipart/form-data; boundary=", "INVALID"},
        {"multipart/form-data; boundary=\"\"", "INVALID"},
        {"multipart/form-data; boundary=\"a \"", "INVALID"},
        {"multipart/form-data; boundary=a; boundary=b", "INVALID"},
        {"multipart/form-data; boundary=a\"b", "INVALID"},
        {"multipart/form-data; boundary=a{b", "INVALID"},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678"
         "9012345678901",
         "INVALID"},
        {"multipart/mixed; boundary=a", "UNSUPPORTED"},
        {"text/csv", "UNSUPPORTED"},
        {"", "UNSUPPORTED"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_str out = {0};
        wn_rc rc = wn_multipart_boundary(wn_str_of(cases[i].type), &out, NULL);
        struct wn_str got = rc ? wn_str_of(wn_rc_name(rc)) : out;
        if (!wn_str_eq(got, wn_str_of(cases[i].expected)))
            fail_msg("%s gave %.*s", cases[i].type, WN_STR_ARG(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out_however_they_are_cut),
        cmocka_unit_test(data_that_resembles_a_boundary_is_data),
        cmocka_unit_test(heads_are_read),
        cmocka_unit_test(broken_forms_are_refused),
        cmocka_unit_test(parts_and_heads_are_limited),
        cmocka_unit_test(the_first_error_stays),
        cmocka_unit_test(boundaries_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
