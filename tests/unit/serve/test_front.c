/* Protects what stands before the handlers: which route takes a request, which parameters are let
 * through, and that a problem document says what helps and nothing of ours. */
#include "core/json.h"
#include "serve/serve_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct wn_route *match(wn_http_method method, const char *path,
                                    struct wn_str args[WN_PATH_ARGS_MAX], struct wn_arena *a)
{
    const struct wn_route *route = NULL;
    const char *allow = NULL;
    if (wn_route_match(method, wn_str_of(path), a, &route, args, &allow) != WN_MATCH_ROUTE)
        return NULL;
    return route;
}

static void literal_parts_win_over_arguments(void **state)
{
    struct wn_str args[WN_PATH_ARGS_MAX];
    struct wn_arena a;
    (void)state;
    wn_arena_init(&a, 0);
    assert_string_equal(match(WN_GET, "/api/campaigns/channels", args, &a)->path,
                        "/api/campaigns/channels");
    assert_string_equal(match(WN_GET, "/api/campaigns/529013", args, &a)->path,
                        "/api/campaigns/{campaign_id}");
    assert_true(wn_str_eq(args[0], WN_STR("529013")));
    assert_string_equal(match(WN_GET, "/api/campaigns/channel/tiktok", args, &a)->path,
                        "/api/campaigns/channel/{channel}");
    assert_true(wn_str_eq(args[0], WN_STR("tiktok")));
    assert_string_equal(match(WN_GET, "/api/v1/imports/options", args, &a)->path,
                        "/api/v1/imports/options");
    assert_string_equal(match(WN_HEAD, "/health", args, &a)->path, "/health");
    assert_null(match(WN_GET, "/api/campaigns/", args, &a));
    assert_null(match(WN_GET, "/api/campaigns/a/b", args, &a));
    assert_null(match(WN_GET, "/apix", args, &a));
    assert_null(match(WN_GET, "", args, &a));
    assert_string_equal(match(WN_GET, "/", args, &a)->path, "/");
    wn_arena_deinit(&a);
}

static void a_known_path_names_its_methods(void **state)
{
    struct wn_str args[WN_PATH_ARGS_MAX];
    struct wn_arena a;
    const struct wn_route *route = NULL;
    const char *allow = NULL;
    (void)state;
    wn_arena_init(&a, 0);
    assert_int_equal(wn_route_match(WN_PUT, WN_STR("/api/v1/imports"), &a, &route, args, &allow),
                     WN_MATCH_METHOD);
    assert_string_equal(allow, "OPTIONS, GET, HEAD, POST");
    assert_int_equal(
        wn_route_match(WN_METHOD_OTHER, WN_STR("/api/v1/sample"), &a, &route, args, &allow),
        WN_MATCH_METHOD);
    assert_string_equal(allow, "OPTIONS, POST, DELETE");
    assert_int_equal(wn_route_match(WN_GET, WN_STR("/nowhere"), &a, &route, args, &allow),
                     WN_MATCH_NONE);
    wn_arena_deinit(&a);
}

static const struct wn_param params[] = {
    {.name = "from", .kind = WN_PARAM_DAY},
    {.name = "to", .kind = WN_PARAM_DAY},
    {.name = "limit", .kind = WN_PARAM_INT, .min = 1, .max = 1000},
    {.name = "compare", .kind = WN_PARAM_ENUM, .values = "none|previous|year"},
    {.name = "dark", .kind = WN_PARAM_BOOL},
    {.name = "filter", .kind = WN_PARAM_TEXT},
    {0},
};

static wn_rc check(struct wn_http_param *query, size_t n, struct wn_why *why)
{
    struct wn_http_request r = {.query = query, .n_query = n};
    struct wn_arena a;
    wn_arena_init(&a, 0);
    *why = (struct wn_why){0};
    wn_rc rc = wn_params_check(&r, params, &a, why);
    wn_arena_deinit(&a);
    return rc;
}

static void refused(const char *name, struct wn_str value, const char *text)
{
    struct wn_why why;
    struct wn_http_param query = {wn_str_of(name), value};
    assert_int_equal(check(&query, 1, &why), WN_INVALID);
    if (!strstr(why.text, text))
        fail_msg("'%s' does not say '%s'", why.text, text);
}

static void parameters_are_checked_by_name_and_type(void **state)
{
    struct wn_why why;
    struct wn_http_param good[] = {{WN_STR("from"), WN_STR("2024-02-29")},
                                   {WN_STR("to"), WN_STR("2024-02-29")},
                                   {WN_STR("limit"), WN_STR("1000")},
                                   {WN_STR("compare"), WN_STR("previous")},
                                   {WN_STR("dark"), WN_STR("1")},
                                   {WN_STR("filter"), WN_STR("campaign~\xc3\xa9t\xc3\xa9")}};
    (void)state;
    assert_int_equal(check(good, WN_COUNT(good), &why), WN_OK);
    refused("form", WN_STR("2024-01-01"), "did you mean 'from'?");
    refused("zzzzzzzz", WN_STR("1"), "this call knows from, to, limit");
    refused("from", WN_STR("2023-02-29"), "no day");
    refused("from", WN_STR("01.02.2023"), "no day");
    refused("from", WN_STR(""), "no day");
    refused("to", WN_STR("2200-01-01"), "2199-12-31");
    refused("limit", WN_STR("0"), "from 1 to 1000");
    refused("limit", WN_STR("1001"), "from 1 to 1000");
    refused("limit", WN_STR("99999999999999999999"), "from 1 to 1000");
    refused("limit", WN_STR("ten"), "from 1 to 1000");
    refused("compare", WN_STR("prev"), "none|previous|year");
    refused("compare", WN_STR("none|previous"), "none|previous|year");
    refused("dark", WN_STR("yes"), "true or false");
    refused("filter", WN_STR("\xff\xfe"), "UTF-8");
    refused("filter", (struct wn_str){"a\0b", 3}, "UTF-8");
    refused("\xff", WN_STR("1"), "UTF-8");
}

static void contradictions_are_refused(void **state)
{
    struct wn_why why;
    struct wn_http_param order[] = {{WN_STR("to"), WN_STR("2024-01-01")},
                                    {WN_STR("from"), WN_STR("2024-01-02")}};
    struct wn_http_param twice[] = {{WN_STR("limit"), WN_STR("5")}, {WN_STR("limit"), WN_STR("6")}};
    (void)state;
    assert_int_equal(check(order, 2, &why), WN_INVALID);
    assert_string_equal(why.field, "from");
    assert_non_null(strstr(why.text, "after to"));
    assert_int_equal(check(twice, 2, &why), WN_INVALID);
    assert_string_equal(why.field, "limit");
}

static void near_names_are_found(void **state)
{
    static const char *const names[] = {"metrics", "by", "filter", "from", "compare", "limit"};
    (void)state;
    assert_string_equal(wn_nearest_name(WN_STR("metric"), names, 6), "metrics");
    assert_string_equal(wn_nearest_name(WN_STR("limt"), names, 6), "limit");
    assert_string_equal(wn_nearest_name(WN_STR("compare_to"), names, 6), "compare");
    assert_null(wn_nearest_name(WN_STR("sort"), names, 6));
    assert_null(wn_nearest_name(WN_STR(""), names, 6));
}

static struct wn_json *problem(struct wn_http_request *r, int status, wn_rc rc,
                               const struct wn_why *why, struct wn_http_response *response)
{
    struct wn_json *document = NULL;
    wn_problem(r, status, rc, why, response);
    assert_true(wn_str_eq(response->content_type, WN_STR("application/problem+json")));
    assert_int_equal(wn_json_parse(&r->arena, response->body, &document, NULL), WN_OK);
    return document;
}

static struct wn_str text_of(const struct wn_json *document, const char *key)
{
    struct wn_str s = {0};
    assert_int_equal(wn_json_get_text(document, key, &s, NULL), WN_OK);
    return s;
}

static void a_problem_names_the_field(void **state)
{
    struct wn_http_request r = {.path = WN_STR("/api/x"), .id = "abc"};
    struct wn_http_response response = {0};
    struct wn_why why = {.text = "limit is 'ten'", .field = "limit", .line = 3};
    (void)state;
    wn_arena_init(&r.arena, 0);
    const struct wn_json *d = problem(&r, 400, WN_INVALID, &why, &response);
    assert_int_equal(response.status, 400);
    assert_true(wn_str_eq(text_of(d, "type"), WN_STR("urn:winnow:problem:invalid")));
    assert_true(wn_str_eq(text_of(d, "detail"), WN_STR("limit is 'ten'")));
    assert_true(wn_str_eq(text_of(d, "instance"), WN_STR("/api/x")));
    assert_true(wn_str_eq(text_of(d, "request_id"), WN_STR("abc")));
    const struct wn_json *errors = wn_json_get(d, "errors");
    assert_int_equal(errors->n_items, 1);
    assert_true(wn_str_eq(text_of(&errors->items[0], "pointer"), WN_STR("limit")));
    wn_arena_deinit(&r.arena);
}

static void our_own_details_stay_inside(void **state)
{
    static const wn_rc ours[] = {WN_INTERNAL, WN_IO, WN_CORRUPT, WN_DISK, WN_MEMORY, WN_NEWER};
    struct wn_why why = {.text = "SELECT secret FROM /var/lib", .field = "/var/lib"};
    (void)state;
    for (size_t i = 0; i < WN_COUNT(ours); i++) {
        struct wn_http_request r = {.path = WN_STR("/"), .id = "abc"};
        struct wn_http_response response = {0};
        wn_arena_init(&r.arena, 0);
        problem(&r, wn_rc_http_status(ours[i]), ours[i], &why, &response);
        assert_int_equal(wn_str_find(response.body, WN_STR("SELECT")), response.body.n);
        assert_int_equal(wn_str_find(response.body, WN_STR("/var")), response.body.n);
        wn_arena_deinit(&r.arena);
    }
}

static void without_memory_there_is_still_an_answer(void **state)
{
    struct wn_http_request r = {.path = WN_STR("/"), .id = "abc"};
    struct wn_http_response response = {0};
    (void)state;
    wn_arena_init(&r.arena, 1);
    wn_problem(&r, 400, WN_INVALID, NULL, &response);
    assert_int_equal(response.status, 503);
    assert_true(response.body_is_static);
    assert_true(response.body.n > 0);
    wn_arena_deinit(&r.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal_parts_win_over_arguments),
        cmocka_unit_test(a_known_path_names_its_methods),
        cmocka_unit_test(parameters_are_checked_by_name_and_type),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(near_names_are_found),
        cmocka_unit_test(a_problem_names_the_field),
        cmocka_unit_test(our_own_details_stay_inside),
        cmocka_unit_test(without_memory_there_is_still_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
