/* Protects money: arithmetic that never wraps, decimals that are exact to the sixth place, texts
 * that read back as the same number, and shares that add up to the whole. */
#include "core/num.h"

#include "core/rand.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

__extension__ typedef __int128 i128;

static const int64_t edges[] = {0,
                                1,
                                -1,
                                2,
                                -2,
                                7,
                                -7,
                                999999,
                                1000000,
                                -1000001,
                                INT32_MAX,
                                INT32_MIN,
                                INT64_MAX,
                                INT64_MIN,
                                INT64_MAX - 1,
                                INT64_MIN + 1,
                                INT64_C(3037000500),
                                INT64_C(-3037000500),
                                INT64_MAX / 2};

static void checked_arithmetic_agrees_with_128_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < WN_COUNT(edges); i++)
        for (size_t k = 0; k < WN_COUNT(edges); k++) {
            i128 a = edges[i], b = edges[k];
            const i128 exact[] = {a + b, a - b, a * b};
            int64_t out[3] = {77, 77, 77};
            bool ok[3] = {wn_add_i64(edges[i], edges[k], &out[0]),
                          wn_sub_i64(edges[i], edges[k], &out[1]),
                          wn_mul_i64(edges[i], edges[k], &out[2])};
            for (int op = 0; op < 3; op++) {
                bool fits = exact[op] >= INT64_MIN && exact[op] <= INT64_MAX;
                assert_int_equal(ok[op], fits);
                assert_true(out[op] == (fits ? (int64_t)exact[op] : 77));
            }
        }
}

static void mul_div_rounds_half_away(void **state)
{
    (void)state;
    static const struct {
        int64_t a, b, c, out;
    } cases[] = {{1, 1, 2, 1},
                 {-1, 1, 2, -1},
                 {1, -1, 2, -1},
                 {1, 1, -2, -1},
                 {-1, -1, 2, 1},
                 {1, 1, 3, 0},
                 {2, 1, 3, 1},
                 {-2, 1, 3, -1},
                 {5, 1, 2, 3},
                 {7, 3, 2, 11},
                 {0, 5, 7, 0},
                 {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
                 {INT64_MIN, 1, 1, INT64_MIN},
                 {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN},
                 {INT64_MAX, 1000000, 1000000, INT64_MAX}};
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        int64_t out = 0;
        assert_true(wn_mul_div_i64(cases[i].a, cases[i].b, cases[i].c, &out));
        assert_true(out == cases[i].out);
    }
    int64_t out = 5;
    assert_false(wn_mul_div_i64(1, 1, 0, &out));
    assert_false(wn_mul_div_i64(INT64_MIN, 1, -1, &out));
    assert_false(wn_mul_div_i64(INT64_MAX, 2, 1, &out));
    assert_int_equal(out, 5);
    struct wn_rand r;
    wn_rand_init(&r, 1);
    for (int i = 0; i < 100000; i++) {
        int64_t a = (int64_t)wn_rand_u64(&r) >> wn_rand_below(&r, 60);
        int64_t b = (int64_t)wn_rand_u64(&r) >> (30 + wn_rand_below(&r, 30));
        int64_t c = (int64_t)wn_rand_u64(&r) >> wn_rand_below(&r, 60);
        if (c == 0)
            continue;
        i128 p = (i128)a * b, q = p / c, rest = p % c;
        i128 twice = (rest < 0 ? -rest : rest) * 2, size = c < 0 ? -(i128)c : c;
        if (twice >= size)
            q += (p < 0) == (c < 0) ? 1 : -1;
        bool fits = q >= INT64_MIN && q <= INT64_MAX;
        assert_int_equal(wn_mul_div_i64(a, b, c, &out), fits);
        if (fits)
            assert_true(out == (int64_t)q);
    }
}

static void integers_parse_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"+7", true, 7},
                 {"007", true, 7},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"9223372036854775808", false, 0},
                 {"-9223372036854775809", false, 0},
                 {"99999999999999999999999", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {"+-5", false, 0},
                 {" 5", false, 0},
                 {"5 ", false, 0},
                 {"5.0", false, 0},
                 {"0x5", false, 0},
                 {"1e3", false, 0}};
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        int64_t out = 77;
        assert_int_equal(wn_parse_i64(wn_str_of(cases[i].text), &out), cases[i].ok);
        assert_true(out == (cases[i].ok ? cases[i].value : 77));
    }
    uint64_t u;
    assert_true(wn_parse_u64(WN_STR("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(wn_parse_u64(WN_STR("18446744073709551616"), &u));
    assert_false(wn_parse_u64(WN_STR("+1"), &u));
    assert_false(wn_parse_u64((struct wn_str){0}, &u));
}

static void micros_parse_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t micros;
    } cases[] = {{"0", true, 0},
                 {"12.5", true, 12500000},
                 {"-0.000001", true, -1},
                 {"0.1", true, 100000},
                 {"1e3", true, 1000000000},
                 {"1.5E-3", true, 1500},
                 {"123e-2", true, 1230000},
                 {"0.0000123e4", true, 123000},
                 {".5", true, 500000},
                 {"5.", true, 5000000},
                 {"+3.25", true, 3250000},
                 {"0.0000005", true, 1},
                 {"0.00000049999999", true, 0},
                 {"-0.0000005", true, -1},
                 {"1.0000015", true, 1000002},
                 {"2.9999995", true, 3000000},
                 {"1e-400", true, 0},
                 {"0e400", true, 0},
                 {"000000000000000000000000000001.25", true, 1250000},
                 {"9223372036854.775807", true, INT64_MAX},
                 {"-9223372036854.775808", true, INT64_MIN},
                 {"9223372036854.7758074999", true, INT64_MAX},
                 {"9223372036854.7758075", false, 0},
                 {"9223372036854.775808", false, 0},
                 {"1e13", false, 0},
                 {"1e400", false, 0},
                 {"1e401", false, 0},
                 {"", false, 0},
                 {".", false, 0},
                 {"-", false, 0},
                 {"1,5", false, 0},
                 {"1.2.3", false, 0},
                 {"1e", false, 0},
                 {"e5", false, 0},
                 {"nan", false, 0},
                 {"inf", false, 0},
                 {"0x10", false, 0},
                 {" 1", false, 0}};
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        int64_t out = 77;
        bool ok = wn_parse_micros(wn_str_of(cases[i].text), &out);
        if (ok != cases[i].ok || out != (ok ? cases[i].micros : 77))
            fail_msg("\"%s\" gave %d, %lld", cases[i].text, ok, (long long)out);
    }
}

static void micros_read_back(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 2);
    for (int i = 0; i < 300000; i++) {
        int64_t x =
            i < (int)WN_COUNT(edges) ? edges[i] : (int64_t)wn_rand_u64(&r) >> wn_rand_below(&r, 64);
        char text[WN_NUM_TEXT_MAX];
        int64_t back = 0;
        size_t n = wn_print_micros(x, text);
        assert_int_equal(n, strlen(text));
        assert_true(wn_parse_micros((struct wn_str){text, n}, &back));
        assert_true(back == x);
        const char *point = strchr(text, '.'); /* and it is the shortest such text */
        assert_true(!point || text[n - 1] != '0');
    }
    char text[WN_NUM_TEXT_MAX];
    wn_print_micros(1500000, text);
    assert_string_equal(text, "1.5");
    wn_print_micros(-1, text);
    assert_string_equal(text, "-0.000001");
    wn_print_micros(3000000, text);
    assert_string_equal(text, "3");
    wn_print_micros(INT64_MIN, text);
    assert_string_equal(text, "-9223372036854.775808");
}

static void doubles_read_back(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 3);
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = wn_rand_u64(&r);
        double x, back;
        memcpy(&x, &bits, sizeof x);
        if (i % 2)
            x = round(wn_rand_normal(&r) * 1e6) / 1e4; /* what people write */
        if (!isfinite(x))
            continue;
        char text[WN_NUM_TEXT_MAX];
        size_t n = wn_print_f64(x, text);
        assert_int_equal(n, strlen(text));
        assert_true(wn_parse_f64((struct wn_str){text, n}, &back));
        assert_true(back == x);
    }
    char text[WN_NUM_TEXT_MAX];
    wn_print_f64(0.1, text);
    assert_string_equal(text, "0.1");
    wn_print_f64(NAN, text);
    assert_string_equal(text, "null");
    wn_print_f64(-INFINITY, text);
    assert_string_equal(text, "null");
    double x = 77;
    assert_true(wn_parse_f64(WN_STR("1.7976931348623157e308"), &x) && x > 1e308);
    x = 77;
    static const char *const bad[] = {"1e309",  "",   "nan",  "inf", "0x1p3",
                                      "1.5abc", "1e", " 1.5", "--1", "1e+-5"};
    for (size_t i = 0; i < WN_COUNT(bad); i++)
        assert_false(wn_parse_f64(wn_str_of(bad[i]), &x));
    assert_true(x == 77);
    char digits[200];
    memset(digits, '1', sizeof digits);
    digits[1] = '.';
    assert_true(wn_parse_f64((struct wn_str){digits, sizeof digits}, &x));
    assert_true(fabs(x - 10.0 / 9) < 1e-15);
}

/* Short decimals are read by a way of their own: to the bit as the C library does. */
static void short_decimals_are_rounded_once(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 5);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        int n_digits = 1 + (int)wn_rand_below(&r, 17), n = 0;
        int point = (int)wn_rand_below(&r, (uint64_t)n_digits + 1);
        if (wn_rand_below(&r, 2))
            text[n++] = '-';
        for (int k = 0; k < n_digits; k++) {
            if (k == point)
                text[n++] = '.';
            text[n++] = (char)('0' + wn_rand_below(&r, 10));
        }
        if (wn_rand_below(&r, 2))
            n += snprintf(text + n, 8, "e%d", (int)wn_rand_below(&r, 60) - 30);
        text[n] = 0;
        double mine, exact = strtod(text, NULL);
        assert_true(wn_parse_f64(wn_str_of(text), &mine));
        assert_memory_equal(&mine, &exact, sizeof mine);
    }
}

static void doubles_become_micros(void **state)
{
    (void)state;
    int64_t m = 77;
    assert_true(wn_micros_from_f64(1.5, &m) && m == 1500000);
    assert_true(wn_micros_from_f64(-0.0000005, &m) && m == -1);
    assert_true(wn_micros_from_f64(0.1 + 0.2, &m) && m == 300000);
    assert_true(wn_micros_from_f64(9e12, &m) && m == INT64_C(9000000000000000000));
    m = 77;
    const double bad[] = {NAN, INFINITY, -INFINITY, 9.3e12, -1e300};
    for (size_t i = 0; i < WN_COUNT(bad); i++)
        assert_false(wn_micros_from_f64(bad[i], &m));
    assert_int_equal(m, 77);
}

static void shares_add_up(void **state)
{
    (void)state;
    struct wn_rand r;
    wn_rand_init(&r, 4);
    enum { N_MAX = 40 };
    double w[N_MAX], scratch[N_MAX];
    int64_t out[N_MAX];
    for (int round = 0; round < 20000; round++) {
        size_t n = 1 + (size_t)wn_rand_below(&r, N_MAX);
        long double sum = 0;
        for (size_t i = 0; i < n; i++) {
            w[i] = wn_rand_below(&r, 4) == 0 ? 0 : exp(4 * wn_rand_normal(&r));
            sum += w[i];
        }
        if (!(sum > 0))
            continue;
        int64_t total = (int64_t)(wn_rand_u64(&r) >> (14 + wn_rand_below(&r, 49)));
        if (round % 3 == 0)
            total = -total;
        assert_int_equal(wn_share_i64(total, w, n, scratch, out, NULL), WN_OK);
        int64_t given = 0;
        for (size_t i = 0; i < n; i++) {
            given += out[i];
            /* Within one unit, and what a double can tell of so large a part. */
            long double exact = (long double)total * (w[i] / sum);
            assert_true(fabsl((long double)out[i] - exact) <= 1 + fabsl(exact) * 1e-15L);
            if (w[i] == 0)
                assert_int_equal(out[i], 0);
        }
        assert_true(given == total);
    }
}

static void shares_by_hand(void **state)
{
    (void)state;
    double scratch[3];
    int64_t out[3];
    assert_int_equal(wn_share_i64(100, (double[]){1, 1, 1}, 3, scratch, out, NULL), WN_OK);
    assert_true(out[0] == 34 && out[1] == 33 && out[2] == 33); /* the tie goes to the first */
    assert_int_equal(wn_share_i64(10, (double[]){0, 3, 1}, 3, scratch, out, NULL), WN_OK);
    assert_true(out[0] == 0 && out[1] == 8 && out[2] == 2); /* 7.5 and 2.5: a tie again */
    assert_int_equal(wn_share_i64(0, (double[]){1, 2, 3}, 3, scratch, out, NULL), WN_OK);
    assert_true(out[0] == 0 && out[1] == 0 && out[2] == 0);
    struct wn_why why = {0};
    assert_int_equal(wn_share_i64(1, (double[]){0, 0, 0}, 3, scratch, out, &why), WN_INVALID);
    assert_string_equal(why.field, "weights");
    assert_int_equal(wn_share_i64(1, (double[]){1, -1, 1}, 3, scratch, out, NULL), WN_INVALID);
    assert_int_equal(wn_share_i64(1, (double[]){1, NAN, 1}, 3, scratch, out, NULL), WN_INVALID);
    assert_int_equal(wn_share_i64(1, (double[]){1e308, 1e308, 1e308}, 3, scratch, out, NULL),
                     WN_INVALID);
    assert_int_equal(wn_share_i64(1, (double[]){1}, 0, scratch, out, NULL), WN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic_agrees_with_128_bits),
        cmocka_unit_test(mul_div_rounds_half_away),
        cmocka_unit_test(integers_parse_whole_or_not_at_all),
        cmocka_unit_test(micros_parse_exactly),
        cmocka_unit_test(micros_read_back),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(short_decimals_are_rounded_once),
        cmocka_unit_test(doubles_become_micros),
        cmocka_unit_test(shares_add_up),
        cmocka_unit_test(shares_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
