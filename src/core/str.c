#include "core/str.h"

#include <string.h>

struct wn_str wn_str_of(const char *z)
{
    if (!z)
        return (struct wn_str){"", 0};
    size_t n = strlen(z);
    return (struct wn_str){z, n};
}

bool wn_str_eq(struct wn_str a, struct wn_str b)
{
    return a.n == b.n && (a.n == 0 || (a.p && b.p && memcmp(a.p, b.p, a.n) == 0));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool wn_str_eq_nocase(struct wn_str a, struct wn_str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

int wn_str_cmp(struct wn_str a, struct wn_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

bool wn_str_starts(struct wn_str s, struct wn_str prefix)
{
    return s.n >= prefix.n && wn_str_eq((struct wn_str){s.p, prefix.n}, prefix);
}

bool wn_str_ends(struct wn_str s, struct wn_str suffix)
{
    return s.n >= suffix.n && wn_str_eq(wn_str_slice(s, s.n - suffix.n, s.n), suffix);
}

size_t wn_str_find(struct wn_str s, struct wn_str needle)
{
    if (needle.n == 0)
        return 0;
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (s.p[i] == needle.p[0] && memcmp(s.p + i, needle.p, needle.n) == 0)
            return i;
    return s.n;
}

size_t wn_str_find_char(struct wn_str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? (size_t)(at - s.p) : s.n;
}

struct wn_str wn_str_slice(struct wn_str s, size_t from, size_t to)
{
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct wn_str){s.p ? s.p + from : s.p, to - from};
}

/* The length of the white space at the start of s, or 0. */
static size_t space_at_start(struct wn_str s)
{
    if (s.n >= 1 && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')))
        return 1;
    if (s.n >= 2 && memcmp(s.p, "\xC2\xA0", 2) == 0)
        return 2;
    if (s.n >= 3 && (memcmp(s.p, "\xEF\xBB\xBF", 3) == 0 || memcmp(s.p, "\xE2\x80\xAF", 3) == 0))
        return 3;
    return 0;
}

struct wn_str wn_str_trim(struct wn_str s)
{
    for (size_t k; (k = space_at_start(s)) > 0;)
        s = wn_str_slice(s, k, s.n);
    for (;;) {
        size_t cut = 0;
        for (size_t k = 1; k <= 3 && k <= s.n && !cut; k++)
            if (space_at_start(wn_str_slice(s, s.n - k, s.n)) == k)
                cut = k;
        if (!cut)
            return s;
        s.n -= cut;
    }
}

bool wn_str_cut(struct wn_str *rest, char sep, struct wn_str *part)
{
    if (!rest->p)
        return false;
    size_t at = wn_str_find_char(*rest, sep);
    *part = wn_str_slice(*rest, 0, at);
    *rest = at == rest->n ? (struct wn_str){NULL, 0} : wn_str_slice(*rest, at + 1, rest->n);
    return true;
}

/* The length of the valid sequence that starts at p, or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char lead_min, lead_max, second_min, second_max, n;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (p[0] < 0x80)
        return 1;
    for (size_t f = 0; f < WN_COUNT(forms); f++) {
        if (p[0] < forms[f].lead_min || p[0] > forms[f].lead_max)
            continue;
        if (n < forms[f].n || p[1] < forms[f].second_min || p[1] > forms[f].second_max)
            return 0;
        for (size_t k = 2; k < forms[f].n; k++)
            if (p[k] < 0x80 || p[k] > 0xBF)
                return 0;
        return forms[f].n;
    }
    return 0;
}

bool wn_str_utf8_valid(struct wn_str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t eight; /* most text is ASCII: look at eight bytes at once */
        if (s.n - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size_t k = utf8_sequence(p + i, s.n - i);
        if (k == 0) {
            if (at)
                *at = i;
            return false;
        }
        i += k;
    }
    return true;
}
