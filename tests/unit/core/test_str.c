/* Protects borrowed text: comparing, cutting, trimming, and above all what counts as valid UTF-8,
 * because every other room trusts it. */
#include "core/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define S(z) WN_STR(z)

static void comparing(void **state)
{
    (void)state;
    struct wn_str none = {NULL, 0};
    assert_true(wn_str_eq(none, S("")));
    assert_true(wn_str_eq(S("abc"), S("abc")));
    assert_false(wn_str_eq(S("abc"), S("abd")));
    assert_false(wn_str_eq(S("abc"), S("ab")));
    assert_true(wn_str_eq_nocase(S("AbC"), S("aBc")));
    assert_false(wn_str_eq_nocase(S("["), S("{"))); /* differ by the bit that letters differ by */
    assert_false(wn_str_eq_nocase(S("\xC3\x84"), S("\xC3\xA4"))); /* ASCII only */
    assert_true(wn_str_cmp(S("a"), S("b")) < 0 && wn_str_cmp(S("b"), S("a")) > 0);
    assert_true(wn_str_cmp(S("a"), S("aa")) < 0 && wn_str_cmp(S("aa"), S("a")) > 0);
    assert_int_equal(wn_str_cmp(none, S("")), 0);
    assert_true(wn_str_cmp(S("\x7f"), S("\x80")) < 0); /* bytes are unsigned */
    assert_int_equal(wn_str_of(NULL).n, 0);
    assert_non_null(wn_str_of(NULL).p);
}

static void finding(void **state)
{
    (void)state;
    assert_true(wn_str_starts(S("winnow"), S("win")) && wn_str_starts(S("x"), S("")));
    assert_false(wn_str_starts(S("wi"), S("win")));
    assert_true(wn_str_ends(S("winnow"), S("now")) && wn_str_ends(S("x"), S("")));
    assert_false(wn_str_ends(S("ow"), S("now")));
    assert_int_equal(wn_str_find(S("ababac"), S("abac")), 2);
    assert_int_equal(wn_str_find(S("abc"), S("x")), 3);
    assert_int_equal(wn_str_find(S("abc"), S("abcd")), 3);
    assert_int_equal(wn_str_find(S("abc"), S("")), 0);
    assert_int_equal(wn_str_find((struct wn_str){0}, S("a")), 0);
    assert_int_equal(wn_str_find_char(S("a,b"), ','), 1);
    assert_int_equal(wn_str_find_char((struct wn_str){0}, ','), 0);
}

static void slicing_is_clipped(void **state)
{
    (void)state;
    assert_true(wn_str_eq(wn_str_slice(S("abcdef"), 2, 4), S("cd")));
    assert_true(wn_str_eq(wn_str_slice(S("abc"), 2, 99), S("c")));
    assert_int_equal(wn_str_slice(S("abc"), 7, 9).n, 0);
    assert_int_equal(wn_str_slice(S("abc"), 3, 1).n, 0);
    assert_int_equal(wn_str_slice((struct wn_str){0}, 1, 2).n, 0);
}

static void trimming(void **state)
{
    (void)state;
    assert_true(wn_str_eq(wn_str_trim(S(" \t\r\n\v\f a b \n")), S("a b")));
    assert_true(wn_str_eq(wn_str_trim(S("\xC2\xA0 1\xE2\x80\xAF"
                                        "234\xE2\x80\xAF\xC2\xA0")),
                          S("1\xE2\x80\xAF"
                            "234")));
    assert_true(wn_str_eq(wn_str_trim(S("\xEF\xBB\xBFname")), S("name")));
    assert_int_equal(wn_str_trim(S(" \xC2\xA0 ")).n, 0);
    assert_int_equal(wn_str_trim((struct wn_str){0}).n, 0);
    /* Bytes of other characters are not cut in half. */
    assert_true(wn_str_eq(wn_str_trim(S("\xC3\xA0")), S("\xC3\xA0")));
    assert_true(wn_str_eq(wn_str_trim(S("a\xA0")), S("a\xA0")));
}

static void cutting(void **state)
{
    (void)state;
    struct wn_str rest = S("a,,b"), part;
    assert_true(wn_str_cut(&rest, ',', &part) && wn_str_eq(part, S("a")));
    assert_true(wn_str_cut(&rest, ',', &part) && wn_str_eq(part, S("")));
    assert_true(wn_str_cut(&rest, ',', &part) && wn_str_eq(part, S("b")));
    assert_false(wn_str_cut(&rest, ',', &part));
    rest = S("");
    assert_true(wn_str_cut(&rest, ',', &part) && part.n == 0);
    assert_false(wn_str_cut(&rest, ',', &part));
    rest = S("x,");
    assert_true(wn_str_cut(&rest, ',', &part) && wn_str_eq(part, S("x")));
    assert_true(wn_str_cut(&rest, ',', &part) && part.n == 0);
    assert_false(wn_str_cut(&rest, ',', &part));
}

static size_t encode(uint32_t c, unsigned char out[4])
{
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char)(0xC0 | c >> 6);
        out[1] = (unsigned char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (unsigned char)(0xE0 | c >> 12);
        out[1] = (unsigned char)(0x80 | (c >> 6 & 63));
        out[2] = (unsigned char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (unsigned char)(0xF0 | c >> 18);
    out[1] = (unsigned char)(0x80 | (c >> 12 & 63));
    out[2] = (unsigned char)(0x80 | (c >> 6 & 63));
    out[3] = (unsigned char)(0x80 | (c & 63));
    return 4;
}

static bool valid(const void *p, size_t n)
{
    return wn_str_utf8_valid((struct wn_str){p, n}, NULL);
}

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        unsigned char b[4];
        size_t n = encode(c, b);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        assert_int_equal(valid(b, n), !surrogate);
        for (size_t k = 1; k < n; k++)
            assert_false(valid(b, k)); /* cut short */
    }
    unsigned char beyond[4];
    encode(0x110000, beyond);
    assert_false(valid(beyond, 4));
}

/* All sequences of up to three bytes, against a decoder written the other way round: a text is
 * valid exactly when it is the encoding of code points. */
static bool valid_by_encoding(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t k = p[i] < 0x80 ? 1 : p[i] < 0xC0 ? 0 : p[i] < 0xE0 ? 2 : p[i] < 0xF0 ? 3 : 4;
        if (k == 0 || i + k > n)
            return false;
        uint32_t c = k == 1 ? p[i] : p[i] & (0xFFu >> (k + 1));
        for (size_t j = 1; j < k; j++) {
            if ((p[i + j] & 0xC0) != 0x80)
                return false;
            c = c << 6 | (p[i + j] & 63);
        }
        unsigned char again[4];
        if (c >= 0x110000 || (c >= 0xD800 && c <= 0xDFFF) || encode(c, again) != k)
            return false;
        i += k;
    }
    return true;
}

static void every_short_sequence(void **state)
{
    (void)state;
    for (uint32_t x = 0; x < 1u << 24; x += x < 0x8000 ? 1 : 3) {
        unsigned char b[3] = {(unsigned char)(x >> 16), (unsigned char)(x >> 8), (unsigned char)x};
        if (valid(b, 3) != valid_by_encoding(b, 3))
            fail_msg("%02x %02x %02x", b[0], b[1], b[2]);
    }
    for (uint32_t x = 0; x < 1u << 16; x++) {
        unsigned char b[2] = {(unsigned char)(x >> 8), (unsigned char)x};
        assert_int_equal(valid(b, 2), valid_by_encoding(b, 2));
    }
}

/* The fast path looks at eight bytes at once: the first bad byte is found at every place. */
static void the_first_bad_byte_is_named(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++)
        for (size_t bad = 0; bad < n; bad++) {
            char text[40];
            memset(text, 'a', sizeof text);
            text[bad] = (char)0xFF;
            size_t at = 999;
            assert_false(wn_str_utf8_valid((struct wn_str){text, n}, &at));
            assert_int_equal(at, bad);
            text[bad] = (char)0xC3; /* good only when a second byte follows */
            if (bad + 1 < n) {
                text[bad + 1] = (char)0xA4;
                assert_true(wn_str_utf8_valid((struct wn_str){text, n}, &at));
            } else {
                assert_false(wn_str_utf8_valid((struct wn_str){text, n}, &at));
                assert_int_equal(at, bad);
            }
        }
    assert_true(wn_str_utf8_valid((struct wn_str){0}, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(finding),
        cmocka_unit_test(slicing_is_clipped),
        cmocka_unit_test(trimming),
        cmocka_unit_test(cutting),
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(every_short_sequence),
        cmocka_unit_test(the_first_bad_byte_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
