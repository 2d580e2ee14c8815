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

/* ---- words of the platforms ------------------------------------------------------------------- */

struct word {
    const char *text;
    uint8_t code;
};
static const struct word channel_words[] = {
    {"fb", WN_CHANNEL_FACEBOOK},          {"meta", WN_CHANNEL_FACEBOOK},
    {"ig", WN_CHANNEL_INSTAGRAM},         {"google", WN_CHANNEL_GOOGLE_ADS},
    {"adwords", WN_CHANNEL_GOOGLE_ADS},   {"google search", WN_CHANNEL_GOOGLE_ADS},
    {"twitter", WN_CHANNEL_TWITTER},      {"x", WN_CHANNEL_TWITTER},
    {"yandex", WN_CHANNEL_YANDEX_DIRECT}, {"microsoft", WN_CHANNEL_BING},
    {"microsoft ads", WN_CHANNEL_BING},   {"tik tok", WN_CHANNEL_TIKTOK},
};
static const struct word device_words[] = {
    {"computers", WN_DEVICE_DESKTOP},
    {"computer", WN_DEVICE_DESKTOP},
    {"pc", WN_DEVICE_DESKTOP},
    {"mobile phones", WN_DEVICE_MOBILE},
    {"mobile phone", WN_DEVICE_MOBILE},
    {"mobile app", WN_DEVICE_MOBILE},
    {"mobile web", WN_DEVICE_MOBILE},
    {"phone", WN_DEVICE_MOBILE},
    {"smartphone", WN_DEVICE_MOBILE},
    {"tablets", WN_DEVICE_TABLET},
    {"tv screens", WN_DEVICE_TV},
    {"connected tv", WN_DEVICE_TV},
    {"mobile devices with full browsers", WN_DEVICE_MOBILE},
    {"tablets with full browsers", WN_DEVICE_TABLET},
};
static const struct word gender_words[] = {
    {"m", WN_GENDER_MALE},       {"men", WN_GENDER_MALE},
    {"man", WN_GENDER_MALE},     {"f", WN_GENDER_FEMALE},
    {"women", WN_GENDER_FEMALE}, {"woman", WN_GENDER_FEMALE},
    {"all", WN_GENDER_UNKNOWN},  {"undetermined", WN_GENDER_UNKNOWN},
    {"u", WN_GENDER_UNKNOWN},    {"unspecified", WN_GENDER_UNKNOWN},
};

static bool by_word(const struct wn_code *set, size_t n_set, const struct word *words, size_t n,
                    struct wn_str s, uint8_t *out)
{
    const struct wn_code *code = wn_code_by_name(set, n_set, s);
    if (code) {
        *out = code->code;
        return true;
    }
    for (size_t i = 0; i < n; i++)
        if (same_name(s, wn_str_of(words[i].text))) {
            *out = words[i].code;
            return true;
        }
    return false;
}

bool wn_channel_by_word(struct wn_str s, uint8_t *out)
{
    return by_word(wn_channels, wn_n_channels, channel_words, WN_COUNT(channel_words), s, out);
}

bool wn_device_by_word(struct wn_str s, uint8_t *out)
{
    return by_word(wn_devices, wn_n_devices, device_words, WN_COUNT(device_words), s, out);
}

bool wn_gender_by_word(struct wn_str s, uint8_t *out)
{
    return by_word(wn_genders, wn_n_genders, gender_words, WN_COUNT(gender_words), s, out);
}
