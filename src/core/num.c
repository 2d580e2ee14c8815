#include "core/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef __int128 i128;

bool wn_add_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool wn_sub_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool wn_mul_i64(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

bool wn_mul_div_i64(int64_t a, int64_t b, int64_t c, int64_t *out)
{
    if (c == 0)
        return false;
    i128 product = (i128)a * b;
    i128 quotient = product / c;
    i128 rest = product % c;
    i128 rest_abs = rest < 0 ? -rest : rest;
    i128 c_abs = c < 0 ? -(i128)c : c;
    if (rest_abs * 2 >= c_abs)
        quotient += (product < 0) != (c < 0) ? -1 : 1;
    if (quotient > INT64_MAX || quotient < INT64_MIN)
        return false;
    *out = (int64_t)quotient;
    return true;
}

bool wn_parse_u64(struct wn_str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool wn_parse_i64(struct wn_str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = wn_str_slice(s, 1, s.n);
    uint64_t magnitude;
    if (!wn_parse_u64(s, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* The parts of [+-]?digits[.digits][e[+-]digits]; false when s is anything else. */
struct decimal {
    bool negative;
    struct wn_str whole, fraction;
    int exponent;
};

static size_t digits_at(struct wn_str s, size_t from)
{
    size_t i = from;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i - from;
}

static bool split_decimal(struct wn_str s, struct decimal *d)
{
    *d = (struct decimal){0};
    size_t i = 0;
    if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
        d->negative = s.p[i++] == '-';
    size_t k = digits_at(s, i);
    d->whole = wn_str_slice(s, i, i + k);
    i += k;
    if (i < s.n && s.p[i] == '.') {
        k = digits_at(s, ++i);
        d->fraction = wn_str_slice(s, i, i + k);
        i += k;
    }
    if (d->whole.n + d->fraction.n == 0)
        return false;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        int64_t exponent;
        if (!wn_parse_i64(wn_str_slice(s, i + 1, s.n), &exponent) || exponent > 400 ||
            exponent < -400)
            return false;
        d->exponent = (int)exponent;
        i = s.n;
    }
    return i == s.n;
}

/* A whole number up to 2^53 times or over a power of ten up to 10^22 is one operation on two exact
 * numbers, hence rounded once, as it must be (Clinger, "How to read floating point numbers
 * accurately", 1990). False for what is longer. */
static bool short_f64(const struct decimal *d, double *out)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    enum { DIGITS_MAX = 15, POWER_MAX = (int)WN_COUNT(tens) - 1 };
    if (d->whole.n + d->fraction.n > DIGITS_MAX)
        return false;
    int power = d->exponent - (int)d->fraction.n;
    if (power > POWER_MAX || power < -POWER_MAX)
        return false;
    int64_t digits = 0;
    for (size_t i = 0; i < d->whole.n; i++)
        digits = digits * 10 + (d->whole.p[i] - '0');
    for (size_t i = 0; i < d->fraction.n; i++)
        digits = digits * 10 + (d->fraction.p[i] - '0');
    double value = power < 0 ? (double)digits / tens[-power] : (double)digits * tens[power];
    *out = d->negative ? -value : value;
    return true;
}

bool wn_parse_f64(struct wn_str s, double *out)
{
    struct decimal d;
    char small[64], *text = small;
    if (!split_decimal(s, &d))
        return false;
    if (short_f64(&d, out))
        return true;
    if (s.n >= sizeof small && !(text = malloc(s.n + 1)))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    double value = strtod(text, NULL); /* the C locale is never left: see cli/main.c */
    if (text != small)
        free(text);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

/* The decimal digit at a power of ten of the number (0 = units, -1 = tenths). */
static unsigned digit_at(const struct decimal *d, int power)
{
    int64_t place = (int64_t)power - d->exponent;
    if (place >= 0)
        return place < (int64_t)d->whole.n
                   ? (unsigned)(d->whole.p[(int64_t)d->whole.n - 1 - place] - '0')
                   : 0;
    return -place <= (int64_t)d->fraction.n ? (unsigned)(d->fraction.p[-place - 1] - '0') : 0;
}

bool wn_parse_micros(struct wn_str s, int64_t *out_micros)
{
    struct decimal d;
    if (!split_decimal(s, &d) || s.n > 4096)
        return false;
    i128 value = 0;
    for (int power = (int)d.whole.n - 1 + (d.exponent > 0 ? d.exponent : 0); power >= -6; power--) {
        value = value * 10 + digit_at(&d, power);
        if (value > (i128)INT64_MAX + 1)
            return false;
    }
    if (digit_at(&d, -7) >= 5)
        value += 1;
    if (d.negative)
        value = -value;
    if (value > INT64_MAX || value < INT64_MIN)
        return false;
    *out_micros = (int64_t)value;
    return true;
}

bool wn_micros_from_f64(double value, int64_t *out_micros)
{
    double scaled = round(value * 1e6);
    if (!(scaled >= -9.2e18 && scaled <= 9.2e18))
        return false;
    *out_micros = (int64_t)scaled;
    return true;
}

size_t wn_print_micros(int64_t micros, char out[WN_NUM_TEXT_MAX])
{
    uint64_t magnitude = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;
    int n = snprintf(out, WN_NUM_TEXT_MAX, "%s%llu.%06llu", micros < 0 ? "-" : "",
                     (unsigned long long)(magnitude / 1000000),
                     (unsigned long long)(magnitude % 1000000));
    while (out[n - 1] == '0')
        n--;
    if (out[n - 1] == '.')
        n--;
    out[n] = 0;
    return (size_t)n;
}

size_t wn_print_f64(double value, char out[WN_NUM_TEXT_MAX])
{
    if (!isfinite(value))
        return (size_t)snprintf(out, WN_NUM_TEXT_MAX, "null");
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(out, WN_NUM_TEXT_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    return (size_t)n;
}

wn_rc wn_share_i64(int64_t total, const double *weights, size_t n, double *scratch, int64_t *out,
                   struct wn_why *why)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(weights[i]) || weights[i] < 0)
            return wn_fail(why, WN_INVALID, "weights", "weight %zu is not a number >= 0", i);
        sum += weights[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return wn_fail(why, WN_INVALID, "weights", "the weights must have a positive, finite sum");
    int64_t given = 0;
    for (size_t i = 0; i < n; i++) {
        long double exact = (long double)total * ((long double)weights[i] / (long double)sum);
        out[i] = (int64_t)floorl(exact);
        scratch[i] = (double)(exact - floorl(exact));
        given += out[i];
    }
    /* What is left is below n units (rounding included): give them to the largest remainders. */
    for (int64_t left = total - given; left != 0; left -= left > 0 ? 1 : -1) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (left > 0 ? scratch[i] > scratch[best] : scratch[i] < scratch[best])
                best = i;
        out[best] += left > 0 ? 1 : -1;
        scratch[best] += left > 0 ? -1 : 1;
    }
    return WN_OK;
}
