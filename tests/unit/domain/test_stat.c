/* Protects the small sets that rows are made of. Their numbers are stored: a number that moves
 * would give yesterday's rows another channel. */
#include "domain/stat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void check_set(const struct wn_code *set, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(set[i].code, i);
        assert_ptr_equal(wn_code_by_number(set, n, (uint8_t)i), &set[i]);
        assert_ptr_equal(wn_code_by_name(set, n, wn_str_of(set[i].name)), &set[i]);
        assert_ptr_equal(wn_code_by_name(set, n, wn_str_of(set[i].label)), &set[i]);
        for (const char *c = set[i].name; *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || *c == '_');
    }
    assert_null(wn_code_by_number(set, n, 255));
    assert_null(wn_code_by_name(set, n, WN_STR("no such thing")));
    assert_null(wn_code_by_name(set, n, WN_STR("")));
    assert_null(wn_code_by_name(set, n, WN_STR(" - _ ")));
}

static void sets_are_complete(void **state)
{
    (void)state;
    check_set(wn_channels, wn_n_channels);
    check_set(wn_devices, wn_n_devices);
    check_set(wn_genders, wn_n_genders);
}

static void platforms_have_words_of_their_own(void **state)
{
    (void)state;
    uint8_t code = 99;
    assert_true(wn_channel_by_word(WN_STR("FB"), &code) && code == WN_CHANNEL_FACEBOOK);
    assert_true(wn_channel_by_word(WN_STR("X (Twitter)"), &code) && code == WN_CHANNEL_TWITTER);
    assert_true(wn_device_by_word(WN_STR("mobile_app"), &code) && code == WN_DEVICE_MOBILE);
    assert_true(wn_device_by_word(WN_STR("TV screens"), &code) && code == WN_DEVICE_TV);
    assert_true(wn_gender_by_word(WN_STR("Women"), &code) && code == WN_GENDER_FEMALE);
    assert_true(wn_gender_by_word(WN_STR("all"), &code) && code == WN_GENDER_UNKNOWN);
    assert_false(wn_channel_by_word(WN_STR(""), &code));
    assert_false(wn_device_by_word(WN_STR("fridge"), &code));
    assert_false(wn_gender_by_word(WN_STR("-"), &code));
    assert_int_equal(code, WN_GENDER_UNKNOWN); /* untouched */
}

/* Written down a second time on purpose: see above. */
static void stored_numbers_never_move(void **state)
{
    (void)state;
    static const char *const channels[] = {
        "other",     "facebook",         "instagram",     "google_ads",
        "tiktok",    "telegram",         "yandex_direct", "linkedin",
        "twitter",   "pinterest",        "youtube",       "snapchat",
        "messenger", "audience_network", "reddit",        "bing",
        "threads",   "whatsapp",         "email",         "vk"};
    assert_true(wn_n_channels >= WN_COUNT(channels));
    for (size_t i = 0; i < WN_COUNT(channels); i++)
        assert_string_equal(wn_channels[i].name, channels[i]);
    assert_int_equal(WN_DEVICE_DESKTOP, 1);
    assert_int_equal(WN_DEVICE_MOBILE, 2);
    assert_int_equal(WN_DEVICE_TABLET, 3);
    assert_int_equal(WN_GENDER_FEMALE, 1);
    assert_int_equal(WN_GENDER_MALE, 2);
    static const char *const measures[] = {"impressions", "reach",       "clicks", "engagements",
                                           "video_views", "conversions", "spend",  "revenue"};
    assert_int_equal(WN_MEASURE_N, WN_COUNT(measures));
    for (size_t i = 0; i < WN_COUNT(measures); i++)
        assert_string_equal(wn_measure_names[i], measures[i]);
    assert_int_equal(WN_NAME_ACCOUNT, 1);
    assert_int_equal(WN_NAME_AUDIENCE, 8);
}

static void names_are_found_as_people_write_them(void **state)
{
    (void)state;
    static const char *const google[] = {"google_ads", "Google Ads", "GOOGLE-ADS", "googleads",
                                         " google ads "};
    for (size_t i = 0; i < WN_COUNT(google); i++) {
        const struct wn_code *code =
            wn_code_by_name(wn_channels, wn_n_channels, wn_str_of(google[i]));
        assert_non_null(code);
        assert_int_equal(code->code, WN_CHANNEL_GOOGLE_ADS);
    }
    assert_null(wn_code_by_name(wn_channels, wn_n_channels, WN_STR("google")));
    assert_null(wn_code_by_name(wn_channels, wn_n_channels, WN_STR("facebook2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_complete),
        cmocka_unit_test(platforms_have_words_of_their_own),
        cmocka_unit_test(stored_numbers_never_move),
        cmocka_unit_test(names_are_found_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
