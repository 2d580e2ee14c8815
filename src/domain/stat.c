#include "domain/stat.h"

#define X(name, code, text, label) {code, text, label},
const struct wn_code wn_channels[] = {WN_CHANNEL_MAP(X)};
const struct wn_code wn_devices[] = {WN_DEVICE_MAP(X)};
const struct wn_code wn_genders[] = {WN_GENDER_MAP(X)};
#undef X
const size_t wn_n_channels = WN_COUNT(wn_channels);
const size_t wn_n_devices = WN_COUNT(wn_devices);
const size_t wn_n_genders = WN_COUNT(wn_genders);

#define X(name, text) text,
const char *const wn_measure_names[WN_MEASURE_N] = {WN_MEASURE_MAP(X)};
#undef X

const struct wn_code *wn_code_by_number(const struct wn_code *set, size_t n, uint8_t code)
{
    for (size_t i = 0; i < n; i++)
        if (set[i].code == code)
            return &set[i];
    return NULL;
}

/* The next character that counts for comparison, in lower case; 0 at the end. */
static char next_letter(struct wn_str s, size_t *at)
{
    while (*at < s.n) {
        char c = s.p[(*at)++];
        if (c == ' ' || c == '_' || c == '-')
            continue;
        return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return 0;
}

static bool same_name(struct wn_str a, struct wn_str b)
{
    size_t i = 0, j = 0;
    for (;;) {
        char x = next_letter(a, &i), y = next_letter(b, &j);
        if (x != y)
            return false;
        if (x == 0)
            return true;
    }
}

const struct wn_code *wn_code_by_name(const struct wn_code *set, size_t n, struct wn_str name)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(name, wn_str_of(set[i].name)) || same_name(name, wn_str_of(set[i].label)))
            return &set[i];
    return NULL;
}
