/* Protects the splitting and decoding of request targets: decoded once, ambiguous ones refused. */
#include "io/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;

static int set_up(void **state)
{
    (void)state;
    wn_arena_init(&arena, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

/* "path|name=value|..." of a target, or the error's name. */
static const char *parse(const char *target)
{
    static char text[4 * WN_URI_BYTES_MAX];
    struct wn_uri uri = {0};
    struct wn_why why = {0};
    /* A copy of exactly its size: the sanitizer sees reads behind it. */
    size_t n_target = strlen(target);
    char *exact = malloc(n_target ? n_target : 1);
    assert_non_null(exact);
    memcpy(exact, target, n_target);
    wn_rc rc = wn_uri_parse(&arena, (struct wn_str){exact, n_target}, &uri, &why);
    free(exact);
    if (rc) {
        assert_true(why.text[0] != 0);
        return wn_rc_name(rc);
    }
    int n = snprintf(text, sizeof text, "%.*s", WN_STR_ARG(uri.path));
    for (size_t i = 0; i < uri.n_query; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "|%.*s=%.*s",
                      WN_STR_ARG(uri.query[i].name), WN_STR_ARG(uri.query[i].value));
    return text;
}

static void paths_are_decoded_once(void **state)
{
    (void)state;
    assert_string_equal(parse("/"), "/");
    assert_string_equal(parse("/a/b"), "/a/b");
    assert_string_equal(parse("/a/"), "/a");
    assert_string_equal(parse("/a//"), "/a");
    assert_string_equal(parse("//"), "/");
    assert_string_equal(parse("/%61%20+%C3%A9"), "/a +\xC3\xA9");
    assert_string_equal(parse("/%2561"), "/%61");
    assert_string_equal(parse("/a%3Fb"), "/a?b");
    assert_string_equal(parse("/a;x=1"), "/a;x=1");
    assert_string_equal(parse("*"), "*");
}

static void absolute_targets_lose_their_authority(void **state)
{
    (void)state;
    assert_string_equal(parse("http://host/a?b=c"), "/a|b=c");
    assert_string_equal(parse("HTTPS://host:1/a"), "/a");
    assert_string_equal(parse("http://host"), "/");
    assert_string_equal(parse("http://host?x=1"), "/|x=1");
    assert_string_equal(parse("http://"), "/");
}

static void queries_are_decoded(void **state)
{
    (void)state;
    assert_string_equal(parse("/?"), "/");
    assert_string_equal(parse("/?a"), "/|a=");
    assert_string_equal(parse("/?a=1&a=2&&b=+%2B%26%3D"), "/|a=1|a=2|b= +&=");
    assert_string_equal(parse("/?=v"), "/|=v");
    assert_string_equal(parse("/?a=b=c?d"), "/|a=b=c?d");
    assert_string_equal(parse("/?%61=%E2%82%AC"), "/|a=\xE2\x82\xAC");
    assert_string_equal(parse("/?a=line%0Aend"), "/|a=line\nend");
}

static void ambiguous_targets_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "a",       "?a=b",    "ftp://h/",     "/%",     "/%4",        "/%4g",
        "/%00",       "/?a=%00", "/?%00=a", "/%2f",         "/%2F..", "/a%0Ab",     "/..",
        "/a/../b",    "/.",      "/a/./b",  "/%2e%2e/a",    "/a b",   "/a\tb",      "/\x7f",
        "/\xC3\xA9",  "/#a",     "/?a=#",   "/%ff",         "/%C3",   "/?a=%C0%80", "/?a=%",
        "/?a=%E2%82", "**",      "*?a=b",   "/?a=%ED%A0%80"};
    for (size_t i = 0; i < WN_COUNT(bad); i++)
        if (strcmp(parse(bad[i]), "INVALID") != 0)
            fail_msg("%s was taken as %s", bad[i], parse(bad[i]));
}

static void sizes_are_limited(void **state)
{
    (void)state;
    static char text[WN_URI_BYTES_MAX + 2];
    memset(text, 'a', sizeof text - 1);
    text[0] = '/';
    assert_string_equal(parse(text), "LIMIT");
    text[WN_URI_BYTES_MAX] = 0;
    assert_int_equal(strlen(parse(text)), WN_URI_BYTES_MAX);
    snprintf(text, sizeof text, "/?");
    for (size_t i = 0; i < WN_URI_PARAMS_MAX; i++)
        snprintf(text + 2 + i * 2, 3, "a&");
    assert_string_not_equal(parse(text), "INVALID");
    snprintf(text + 2 + WN_URI_PARAMS_MAX * 2, 3, "a&");
    assert_string_equal(parse(text), "INVALID");
}

static void the_parameter_at_fault_is_named(void **state)
{
    (void)state;
    struct wn_uri uri;
    struct wn_why why = {0};
    assert_int_equal(wn_uri_parse(&arena, WN_STR("/?ok=1&from=%ff"), &uri, &why), WN_INVALID);
    assert_string_equal(why.field, "from");
}

static void encoded_text_decodes_to_itself(void **state)
{
    (void)state;
    char all[256];
    struct wn_buf out;
    wn_buf_init(&out, 4096);
    wn_buf_append_z(&out, "v=");
    for (int i = 1; i < 128; i++)
        all[i - 1] = (char)i;
    struct wn_str text = {all, 127};
    wn_uri_encode(&out, text);
    struct wn_http_param *params = NULL;
    size_t n = 0;
    assert_int_equal(wn_uri_parse_query(&arena, wn_buf_str(&out), &params, &n, NULL), WN_OK);
    assert_int_equal(n, 1);
    assert_true(wn_str_eq(params[0].value, text));
    wn_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_are_decoded_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absolute_targets_lose_their_authority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queries_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ambiguous_targets_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sizes_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_parameter_at_fault_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(encoded_text_decodes_to_itself, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
