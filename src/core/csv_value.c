#include "core/csv_value.h"

#include "core/num.h"

#include <string.h>

__extension__ typedef __int128 i128;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool wn_value_is_absent(struct wn_str s)
{
    static const char *const words[] = {"-",    "--",    "---",  "\xE2\x80\x93", "\xE2\x80\x94",
                                        "n/a",  "na",    "null", "none",         "nan",
                                        "#n/a", "(none)"};
    if (s.n && (unsigned char)s.p[0] > ' ' && (unsigned char)s.p[0] < 0x80 &&
        !one_of(s.p[0], "-nN#("))
        return false;
    s = wn_str_trim(s);
    if (s.n == 0)
        return true;
    if (s.n > 6)
        return false;
    for (size_t i = 0; i < WN_COUNT(words); i++)
        if (wn_str_eq_nocase(s, wn_str_of(words[i])))
            return true;
    return false;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static bool starts_number(struct wn_str s, size_t i)
{
    return is_digit(s.p[i]) ||
           ((s.p[i] == '.' || s.p[i] == ',') && i + 1 < s.n && is_digit(s.p[i + 1]));
}

/* The digits and separators of a cell, without sign, currency and percent. */
static struct wn_str number_core(struct wn_str s)
{
    size_t from = 0, to = s.n;
    while (from < to && !starts_number(s, from))
        from++;
    while (to > from && !is_digit(s.p[to - 1]))
        to--;
    return wn_str_slice(s, from, to);
}

bool wn_decimal_matters(struct wn_str s)
{
    size_t n_points = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ',' || s.p[i] == '\'')
            return true;
        n_points += s.p[i] == '.';
    }
    return n_points > 1;
}

/* Is `sep`, which stands in s, a thousands separator by its places: groups of three, not after 0?
 */
static bool groups_of_three(struct wn_str s, char sep)
{
    size_t first = wn_str_find_char(s, sep), run = 0;
    if (first == 0 || first > 3 || s.p[0] == '0')
        return false;
    for (size_t i = first + 1; i <= s.n; i++) {
        if (i < s.n && is_digit(s.p[i])) {
            run++;
            continue;
        }
        if (run != 3)
            return false;
        run = 0;
        if (i < s.n && s.p[i] != sep)
            return true;
    }
    return true;
}

void wn_decimal_look(struct wn_decimal_look *look, struct wn_str s)
{
    s = number_core(s);
    size_t n_points = 0, n_commas = 0, last_point = 0, last_comma = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.') {
            n_points++;
            last_point = i;
        } else if (s.p[i] == ',') {
            n_commas++;
            last_comma = i;
        } else if (((unsigned char)s.p[i] | 0x20) >= 'a' && ((unsigned char)s.p[i] | 0x20) <= 'z') {
            return; /* not a number */
        }
    }
    if (n_points == 0 && n_commas == 0)
        return;
    bool point;
    if (n_points && n_commas) {
        point = last_point > last_comma;
    } else if (n_points + n_commas > 1) {
        point = n_commas > 0; /* the one that stands twice separates thousands */
    } else if (groups_of_three(s, n_points ? '.' : ',')) {
        look->n_open++;
        return;
    } else {
        point = n_points > 0;
    }
    if (point)
        look->n_point++;
    else
        look->n_comma++;
}

char wn_decimal_choose(const struct wn_decimal_look *column, const struct wn_decimal_look *file)
{
    if (column->n_point != column->n_comma)
        return column->n_point > column->n_comma ? '.' : ',';
    if (file && file->n_comma > file->n_point)
        return ',';
    return '.';
}

/* The plain case: [-]digits[.digits], at most 12 before and any number behind the point. */
static bool read_plain(struct wn_str s, int64_t *out)
{
    size_t i = 0;
    bool negative = s.n && s.p[0] == '-';
    if (negative)
        i = 1;
    uint64_t whole = 0;
    size_t from = i;
    while (i < s.n && is_digit(s.p[i]))
        whole = whole * 10 + (uint64_t)(s.p[i++] - '0');
    if (i == from || i - from > 12)
        return false;
    uint64_t micros = whole * 1000000;
    if (i < s.n) {
        if (s.p[i++] != '.' || i == s.n)
            return false;
        uint64_t scale = 100000;
        for (; i < s.n && scale; i++, scale /= 10) {
            if (!is_digit(s.p[i]))
                return false;
            micros += (uint64_t)(s.p[i] - '0') * scale;
        }
        if (i < s.n && s.p[i] >= '5' && s.p[i] <= '9')
            micros++;
        for (; i < s.n; i++)
            if (!is_digit(s.p[i]))
                return false;
    }
    *out = negative ? -(int64_t)micros : (int64_t)micros;
    return true;
}

/* Signs and codes of currencies that stand before or behind an amount. "" = a currency, but which
 * one is not certain. Longer ones first. */
static const struct {
    const char *text;
    const char *code;
} currencies[] = {
    {"US$", "USD"}, {"USD$", "USD"}, {"CA$", "CAD"},  {"C$", "CAD"}, {"AU$", "AUD"},
    {"A$", "AUD"},  {"NZ$", "NZD"},  {"HK$", "HKD"},  {"S$", "SGD"}, {"NT$", "TWD"},
    {"MX$", "MXN"}, {"R$", "BRL"},   {"$", ""},       {"€", "EUR"},  {"£", "GBP"},
    {"₹", "INR"},   {"¥", ""},       {"₽", "RUB"},  {"₩", "KRW"},  {"₫", "VND"},
    {"₺", "TRY"},   {"₴", "UAH"},    {"₪", "ILS"},    {"zł", "PLN"}, {"฿", "THB"},
    {"₱", "PHP"},   {"₦", "NGN"},    {"₸", "KZT"},    {"Rp", "IDR"}, {"Rs.", "INR"},
    {"Rs", "INR"},  {"CHF", "CHF"},  {"руб.", "RUB"}, {"kr", ""},
};

static bool set_currency(struct wn_number *out, struct wn_str s)
{
    for (size_t i = 0; i < WN_COUNT(currencies); i++) {
        if (wn_str_eq_nocase(s, wn_str_of(currencies[i].text))) {
            memcpy(out->currency, currencies[i].code, strlen(currencies[i].code) + 1);
            return true;
        }
    }
    if (s.n != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (s.p[i] < 'A' || s.p[i] > 'Z')
            return false;
        out->currency[i] = s.p[i];
    }
    out->currency[3] = 0;
    return true;
}

/* What surrounds the digits: signs, currency, percent, bounds, parentheses. False: something else.
 */
struct dress {
    bool minus, open, closed;
};

static bool read_dress(struct wn_str s, struct dress *d, struct wn_number *out)
{
    static const char *const minus[] = {"-", "\xE2\x88\x92", "\xE2\x80\x93"};
    struct wn_str word = {NULL, 0};
    while ((s = wn_str_trim(s)).n) {
        bool known = false;
        for (size_t i = 0; i < WN_COUNT(minus) && !known; i++) {
            if (wn_str_starts(s, wn_str_of(minus[i]))) {
                if (d->minus)
                    return false;
                d->minus = known = true;
                s = wn_str_slice(s, strlen(minus[i]), s.n);
            }
        }
        if (known)
            continue;
        char c = s.p[0];
        if (c == '+' || c == '(' || c == ')' || c == '%' || c == '<' || c == '>' || c == '~') {
            d->open |= c == '(';
            d->closed |= c == ')';
            out->is_percent |= c == '%';
            out->is_bound |= c == '<' || c == '>' || c == '~';
            s = wn_str_slice(s, 1, s.n);
            continue;
        }
        size_t n = 0;
        while (n < s.n && !one_of(s.p[n], " +-()%<>~") && !is_digit(s.p[n]) &&
               (unsigned char)s.p[n] != 0xC2)
            n++;
        if ((unsigned char)s.p[0] == 0xC2 && s.n >= 2)
            n = 2; /* pound and yen */
        if (n == 0 || word.n)
            return false;
        word = wn_str_slice(s, 0, n);
        if (!set_currency(out, word))
            return false;
        s = wn_str_slice(s, n, s.n);
    }
    return true;
}

/* Strips thousands separators into plain[]; false where one stands in a wrong place. */
static bool strip_groups(struct wn_str s, char decimal, char plain[64], size_t *n_plain)
{
    size_t n = 0, run = 0;
    bool grouped = false, fraction = false;
    char group = 0; /* the separator in use */
    for (size_t i = 0; i < s.n; i++) {
        size_t width = 1;
        char c = s.p[i];
        if (is_digit(c)) {
            if (n >= 60)
                return false;
            plain[n++] = c;
            run++;
            continue;
        }
        if (c == decimal) {
            if (fraction || (grouped && run != 3))
                return false;
            fraction = true;
            plain[n++] = '.';
            continue;
        }
        if (s.n - i >= 2 && memcmp(s.p + i, "\xC2\xA0", 2) == 0) {
            c = ' ';
            width = 2;
        } else if (s.n - i >= 3 && (memcmp(s.p + i, "\xE2\x80\xAF", 3) == 0 ||
                                    memcmp(s.p + i, "\xE2\x80\x89", 3) == 0)) {
            c = ' ';
            width = 3;
        } else if (s.n - i >= 3 && memcmp(s.p + i, "\xE2\x80\x99", 3) == 0) {
            c = '\'';
            width = 3;
        }
        if (!(c == ' ' || c == '\'' || c == ',' || c == '.') || fraction || (group && c != group))
            return false;
        /* Indian grouping (1,23,456) puts two digits in the groups before the last. */
        if (grouped ? run != 3 && !(c == ',' && run == 2) : run == 0 || run > 3)
            return false;
        group = c;
        grouped = true;
        run = 0;
        i += width - 1;
    }
    if (grouped && !fraction && run != 3)
        return false;
    *n_plain = n;
    return n > 0;
}

wn_value_state wn_number_read(struct wn_str s, char decimal, struct wn_number *out)
{
    struct wn_number number = {0};
    if (WN_LIKELY(decimal == '.') && read_plain(s, &number.micros)) {
        number.is_plain = true;
        *out = number;
        return WN_VALUE_GOOD;
    }
    if (wn_value_is_absent(s))
        return WN_VALUE_ABSENT;
    s = wn_str_trim(s);
    if (wn_parse_micros(s, &number.micros) && decimal == '.') { /* 1e6, .5, +3 */
        *out = number;
        return WN_VALUE_GOOD;
    }
    struct wn_str core = number_core(s);
    struct dress d = {0};
    char plain[64];
    size_t n = 0;
    if (core.n == 0 || !strip_groups(core, decimal, plain, &n) ||
        !read_dress(wn_str_slice(s, 0, (size_t)(core.p - s.p)), &d, &number) ||
        !read_dress(wn_str_slice(s, (size_t)(core.p - s.p) + core.n, s.n), &d, &number) ||
        d.open != d.closed || (d.open && d.minus) ||
        !wn_parse_micros((struct wn_str){plain, n}, &number.micros))
        return WN_VALUE_BAD;
    if (d.minus || d.open)
        number.micros = -number.micros;
    *out = number;
    return WN_VALUE_GOOD;
}

bool wn_micros_times_decimal(int64_t micros, struct wn_str ratio, bool plus_one,
                             int64_t *out_micros)
{
    ratio = wn_str_trim(ratio);
    bool negative = ratio.n && ratio.p[0] == '-';
    i128 value = 0, scale = 1;
    bool point = false, any = false;
    for (size_t i = negative ? 1 : 0; i < ratio.n; i++) {
        if (ratio.p[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(ratio.p[i]))
            return false;
        any = true;
        if (point && scale >= (i128)10000000000 * 10000000000)
            continue;
        if (__builtin_mul_overflow(value, (i128)10, &value))
            return false;
        value += ratio.p[i] - '0';
        if (point)
            scale *= 10;
    }
    if (!any)
        return false;
    if (negative)
        value = -value;
    i128 product;
    if (plus_one)
        value += scale;
    /* The fraction is shortened until the product fits: only absurd sizes come here. */
    while (__builtin_mul_overflow(value, (i128)micros, &product)) {
        if (scale == 1)
            return false;
        value /= 10;
        scale /= 10;
    }
    i128 quotient = product / scale, rest = product % scale;
    if ((rest < 0 ? -rest : rest) * 2 >= scale)
        quotient += product < 0 ? -1 : 1;
    if (quotient > INT64_MAX || quotient < INT64_MIN)
        return false;
    *out_micros = (int64_t)quotient;
    return true;
}

/* ---- dates ------------------------------------------------------------------------------------ */

static const char *const months[] = {"january",   "february", "march",    "april",
                                     "may",       "june",     "july",     "august",
                                     "september", "october",  "november", "december"};
static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};

/* The index of a word in a list, whole or by at least three letters; -1 when absent. */
static int word_in(struct wn_str s, const char *const *list, size_t n)
{
    if (s.n && s.p[s.n - 1] == '.')
        s.n--;
    if (s.n < 3)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct wn_str whole = wn_str_of(list[i]);
        bool short_form = s.n == 3 || (s.n == 4 && (whole.n > 4));
        if (wn_str_eq_nocase(s, whole) ||
            (short_form && s.n < whole.n && wn_str_eq_nocase(s, wn_str_slice(whole, 0, s.n))))
            return (int)i;
    }
    return -1;
}

/* A time at the end of a date: "10:00", "10:00:00.000", "10:00 PM", with Z or an offset. */
static bool read_time(struct wn_str s, struct wn_date_text *out)
{
    int parts[3] = {0}, n = 0;
    size_t i = 0;
    while (n < 3) {
        size_t from = i;
        while (i < s.n && is_digit(s.p[i]) && i - from < 2)
            parts[n] = parts[n] * 10 + (s.p[i++] - '0');
        if (i == from)
            return false;
        n++;
        if (i >= s.n || s.p[i] != ':')
            break;
        i++;
    }
    if (n < 2 || parts[0] > 24 || parts[1] > 59 || parts[2] > 60)
        return false;
    if (i < s.n && (s.p[i] == '.' || s.p[i] == ',')) {
        i++;
        while (i < s.n && is_digit(s.p[i]))
            i++;
    }
    struct wn_str rest = wn_str_trim(wn_str_slice(s, i, s.n));
    int hour = parts[0];
    if (wn_str_eq_nocase(rest, WN_STR("pm")) || wn_str_eq_nocase(rest, WN_STR("am"))) {
        if (hour < 1 || hour > 12)
            return false;
        hour = hour % 12 + (lower(rest.p[0]) == 'p' ? 12 : 0);
    } else {
        for (size_t k = 0; k < rest.n; k++)
            if (!is_digit(rest.p[k]) && !one_of(rest.p[k], "Zz+-:UTCutc "))
                return false;
    }
    if (hour > 23)
        return false;
    out->hour = (int8_t)hour;
    out->is_midnight = hour == 0 && parts[1] == 0 && parts[2] == 0;
    return true;
}

/* Up to three numbers with one separator between them. */
struct numbers {
    int value[3];
    size_t width[3];
    size_t n;
    char separator;
    size_t end;
};

static void read_numbers(struct wn_str s, struct numbers *out)
{
    *out = (struct numbers){0};
    size_t i = 0;
    while (out->n < 3) {
        size_t from = i;
        int value = 0;
        while (i < s.n && is_digit(s.p[i]) && i - from < 8)
            value = value * 10 + (s.p[i++] - '0');
        if (i == from)
            break;
        out->value[out->n] = value;
        out->width[out->n++] = i - from;
        out->end = i;
        if (out->n == 3 || i >= s.n || !one_of(s.p[i], "-/.") ||
            (out->separator && s.p[i] != out->separator))
            break;
        out->separator = s.p[i++];
    }
}

static bool day_of(int year, int month, int day, int32_t *out)
{
    if (year < 100)
        year += 2000;
    return wn_day_of_date((struct wn_date){year, month, day}, out);
}

static bool read_numeric(struct wn_str s, struct wn_date_text *out, size_t *end)
{
    struct numbers m;
    read_numbers(s, &m);
    *end = m.end;
    out->kind = WN_DATE_DAY;
    if (m.n == 1 && m.width[0] == 8)
        return day_of(m.value[0] / 10000, m.value[0] / 100 % 100, m.value[0] % 100, &out->day);
    if (m.n >= 2 && m.width[0] == 4) {
        if (m.n == 2) {
            out->is_month = true;
            return day_of(m.value[0], m.value[1], 1, &out->day);
        }
        return m.width[1] <= 2 && m.width[2] <= 2 &&
               day_of(m.value[0], m.value[1], m.value[2], &out->day);
    }
    if (m.n != 3 || m.width[0] > 2 || m.width[1] > 2 || (m.width[2] != 4 && m.width[2] != 2))
        return false;
    int32_t day_first = 0, month_first = 0;
    bool a = day_of(m.value[2], m.value[1], m.value[0], &day_first);
    bool b = m.separator != '.' && day_of(m.value[2], m.value[0], m.value[1], &month_first);
    if (!a && !b)
        return false;
    out->separator = m.separator;
    out->day = a ? day_first : month_first;
    if (a && b && day_first != month_first) {
        out->kind = WN_DATE_OPEN;
        out->day_first = day_first;
        out->month_first = month_first;
    } else if (m.separator != '.' && a != b) {
        out->order = a ? 1 : 2;
    }
    return true;
}

/* A date with the month as a word: tokens are a month, a day and a year, in any order of the two.
 */
static bool read_worded(struct wn_str s, struct wn_date_text *out, size_t *end)
{
    int month = -1, day = 0, year = 0;
    size_t i = 0;
    while (i < s.n) {
        while (i < s.n && one_of(s.p[i], " ,-./"))
            i++;
        size_t from = i;
        while (i < s.n && !one_of(s.p[i], " ,-/.:"))
            i++;
        struct wn_str token = wn_str_slice(s, from, i);
        int64_t value;
        if (token.n == 0 || (i < s.n && s.p[i] == ':'))
            break; /* a time */
        if (wn_parse_i64(token, &value)) {
            if (token.n == 4 && year == 0)
                year = (int)value;
            else if (token.n <= 2 && day == 0)
                day = (int)value;
            else if (token.n == 2 && year == 0)
                year = (int)value + 2000;
            else
                return false;
        } else if (month < 0 && word_in(token, months, 12) >= 0) {
            month = word_in(token, months, 12);
        } else if (word_in(token, weekdays, 7) < 0 && !wn_str_eq_nocase(token, WN_STR("at"))) {
            return false;
        }
        *end = i;
    }
    if (month < 0 || year == 0)
        return false;
    out->kind = WN_DATE_DAY;
    out->is_month = day == 0;
    return day_of(year, month + 1, day ? day : 1, &out->day);
}

wn_value_state wn_date_read(struct wn_str s, struct wn_date_text *out)
{
    struct wn_date_text d = {.hour = -1};
    if (WN_LIKELY(wn_parse_day(s, &d.day))) {
        *out = d;
        return WN_VALUE_GOOD;
    }
    if (wn_value_is_absent(s))
        return WN_VALUE_ABSENT;
    s = wn_str_trim(s);
    int weekday = word_in(s, weekdays, 7);
    if (weekday >= 0) {
        d.kind = WN_DATE_WEEKDAY;
        d.weekday = weekday;
        *out = d;
        return WN_VALUE_GOOD;
    }
    size_t end = 0;
    struct wn_date_text worded = d;
    if (!is_digit(s.p[0]) || !read_numeric(s, &d, &end)) {
        if (!read_worded(s, &worded, &end))
            return WN_VALUE_BAD;
        d = worded;
    }
    struct wn_str rest = wn_str_slice(s, end, s.n);
    if (rest.n && (rest.p[0] == 'T' || rest.p[0] == ',' || rest.p[0] == ' '))
        rest = wn_str_trim(wn_str_slice(rest, 1, rest.n));
    else if (rest.n) {
        if (!is_digit(s.p[0]) || !read_worded(s, &worded, &end)) /* "27-Jan-2026" */
            return WN_VALUE_BAD;
        d = worded;
        rest = wn_str_trim(wn_str_slice(s, end, s.n));
    }
    if (rest.n && !read_time(rest, &d)) {
        end = 0;
        if (!read_worded(s, &worded, &end)) /* "27 January 2026" */
            return WN_VALUE_BAD;
        d = worded;
        rest = wn_str_trim(wn_str_slice(s, end, s.n));
        if (rest.n && !read_time(rest, &d))
            return WN_VALUE_BAD;
    }
    *out = d;
    return WN_VALUE_GOOD;
}

wn_value_state wn_hour_read(struct wn_str s, int *out_hour)
{
    if (wn_value_is_absent(s))
        return WN_VALUE_ABSENT;
    s = wn_str_trim(s);
    size_t i = 0;
    int hour = 0;
    while (i < s.n && is_digit(s.p[i]) && i < 2)
        hour = hour * 10 + (s.p[i++] - '0');
    if (i == 0)
        return WN_VALUE_BAD;
    struct wn_str rest = wn_str_trim(wn_str_slice(s, i, s.n));
    if (rest.n && rest.p[0] == ':') {
        struct wn_date_text d = {.hour = -1};
        size_t dash = wn_str_find_char(s, '-');
        if (!read_time(wn_str_trim(wn_str_slice(s, 0, dash)), &d))
            return WN_VALUE_BAD;
        hour = (unsigned char)d.hour;
    } else if (wn_str_eq_nocase(rest, WN_STR("am")) || wn_str_eq_nocase(rest, WN_STR("pm"))) {
        if (hour < 1 || hour > 12)
            return WN_VALUE_BAD;
        hour = hour % 12 + (lower(rest.p[0]) == 'p' ? 12 : 0);
    } else if (rest.n && !wn_str_eq_nocase(rest, WN_STR("h"))) {
        return WN_VALUE_BAD;
    }
    if (hour > 23)
        return WN_VALUE_BAD;
    *out_hour = hour;
    return WN_VALUE_GOOD;
}

static bool sure_day(struct wn_str s, int32_t *out)
{
    struct wn_date_text d;
    s = wn_str_trim(s);
    if (s.n == 0 || wn_date_read(s, &d) != WN_VALUE_GOOD || d.kind != WN_DATE_DAY || d.is_month)
        return false;
    *out = d.day;
    return true;
}

bool wn_date_range_read(struct wn_str s, int32_t *from, int32_t *to)
{
    static const char *const between[] = {" - ", " \xE2\x80\x93 ", "\xE2\x80\x93", " to ", "-",
                                          "_"};
    if (s.n > 256)
        return false;
    for (size_t k = 0; k < WN_COUNT(between); k++) {
        struct wn_str sep = wn_str_of(between[k]);
        for (size_t i = 1; i + sep.n < s.n; i++) {
            int32_t a, b;
            if (memcmp(s.p + i, sep.p, sep.n) == 0 && sure_day(wn_str_slice(s, 0, i), &a) &&
                sure_day(wn_str_slice(s, i + sep.n, s.n), &b) && a <= b) {
                *from = a;
                *to = b;
                return true;
            }
        }
    }
    return false;
}

static void widen(uint64_t n_before, int32_t day, int32_t *from, int32_t *to)
{
    if (n_before == 0 || day < *from)
        *from = day;
    if (n_before == 0 || day > *to)
        *to = day;
}

void wn_date_look(struct wn_date_look *look, const struct wn_date_text *d)
{
    if (d->kind == WN_DATE_OPEN) {
        widen(look->n_open, d->day_first, &look->day_first_from, &look->day_first_to);
        widen(look->n_open, d->month_first, &look->month_first_from, &look->month_first_to);
        look->n_open++;
        look->n_slash += d->separator == '/';
    } else if (d->kind == WN_DATE_DAY) {
        widen(look->n_sure, d->day, &look->sure_from, &look->sure_to);
        look->n_sure++;
        look->n_day_first += d->order == 1;
        look->n_month_first += d->order == 2;
    }
}

/* How far a day lies from the sure days: 0 within, 1 in the same month as an end, else in days. */
static int64_t distance(const struct wn_date_look *look, int32_t day)
{
    if (day >= look->sure_from && day <= look->sure_to)
        return 0;
    if (wn_month_start(day) == wn_month_start(look->sure_from) ||
        wn_month_start(day) == wn_month_start(look->sure_to))
        return 1;
    return day < look->sure_from ? 1 + (int64_t)look->sure_from - day
                                 : 1 + (int64_t)day - look->sure_to;
}

bool wn_date_settle(const struct wn_date_look *look, const struct wn_date_text *d, int32_t *out_day,
                    bool *guessed)
{
    *guessed = false;
    bool both = look->n_day_first && look->n_month_first;
    if (!both && (look->n_day_first || look->n_month_first)) {
        *out_day = look->n_day_first ? d->day_first : d->month_first;
        return true;
    }
    if (both || look->n_sure) {
        int64_t a = distance(look, d->day_first), b = distance(look, d->month_first);
        if (a != b) {
            *out_day = a < b ? d->day_first : d->month_first;
            return true;
        }
        if (both)
            return false;
    }
    int64_t a = (int64_t)look->day_first_to - look->day_first_from;
    int64_t b = (int64_t)look->month_first_to - look->month_first_from;
    *guessed = a == b;
    if (a != b)
        *out_day = a < b ? d->day_first : d->month_first;
    else
        *out_day = d->separator == '/' ? d->month_first : d->day_first;
    return true;
}
