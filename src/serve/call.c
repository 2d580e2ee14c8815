/* Help for handlers: parameters in, answers out. */
#include "serve/handlers.h"

#include "core/date.h"
#include "core/num.h"
#include "decide/overview.h"
#include "serve/serve_int.h"

#include <stdio.h>

/* The largest answer: a full table of WN_QUERY_ROWS_MAX rows fits. */
#define ANSWER_BYTES_MAX (UINT32_C(256) << 20)

struct wn_str wn_call_text(const struct wn_call *call, const char *name)
{
    struct wn_str value = {0};
    if (!wn_http_query(call->request, name, &value))
        return (struct wn_str){0};
    return value;
}

int64_t wn_call_int(const struct wn_call *call, const char *name, int64_t fallback)
{
    struct wn_str value;
    int64_t number;
    if (!wn_http_query(call->request, name, &value) || !wn_parse_i64(value, &number))
        return fallback;
    return number;
}

bool wn_call_bool(const struct wn_call *call, const char *name, bool fallback)
{
    struct wn_str value;
    if (!wn_http_query(call->request, name, &value))
        return fallback;
    return wn_str_eq(value, WN_STR("true")) || wn_str_eq(value, WN_STR("1"));
}

wn_rc wn_call_range(struct wn_call *call, int32_t *from, int32_t *to, bool *has_data,
                    struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    int32_t data_from = 0, data_to = -1, day;
    int64_t n_rows = 0;
    bool has = false;
    wn_rc rc = wn_book_extent(&book, call->a, &data_from, &data_to, &n_rows, &has, why);
    if (rc)
        return rc;
    struct wn_str from_text = wn_call_text(call, "from"), to_text = wn_call_text(call, "to");
    int32_t range_from = has ? data_from : 0, range_to = has ? data_to : -1;
    if (from_text.p && wn_parse_day(from_text, &day))
        range_from = day;
    if (to_text.p && wn_parse_day(to_text, &day))
        range_to = day;
    /* One end given, and it lies beyond the data: an empty range, not a mistake. */
    if (has && range_from > range_to && !(from_text.p && to_text.p)) {
        if (from_text.p)
            range_to = range_from;
        else
            range_from = range_to;
    }
    if (has && range_from > range_to)
        return wn_fail(why, WN_INVALID, "from", "from is after to");
    *from = range_from;
    *to = range_to;
    *has_data = has;
    return WN_OK;
}

void wn_call_json_begin(struct wn_call *call, struct wn_call_json *json)
{
    (void)call;
    wn_buf_init(&json->buf, ANSWER_BYTES_MAX);
    wn_json_write_init(&json->w, &json->buf, 0);
}

wn_rc wn_call_json_end(struct wn_call *call, struct wn_call_json *json, struct wn_why *why)
{
    wn_rc rc = wn_buf_check(&json->buf, why);
    if (!rc) {
        struct wn_str body = wn_arena_dup(call->a, wn_buf_str(&json->buf));
        if (body.p)
            wn_call_bytes(call, "application/json", body, NULL);
        else
            rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while writing the answer");
    }
    wn_buf_deinit(&json->buf);
    return rc;
}

void wn_call_bytes(struct wn_call *call, const char *content_type, struct wn_str bytes,
                   const char *download_name)
{
    call->response->content_type = wn_str_of(content_type);
    call->response->body = bytes;
    if (!download_name)
        return;
    struct wn_str value = wn_arena_printf(call->a, "attachment; filename=\"%s\"", download_name);
    wn_http_set_header(call->response, WN_STR("Content-Disposition"),
                       value.p ? value : WN_STR("attachment"));
}

struct wn_book wn_call_book(const struct wn_call *call)
{
    return (struct wn_book){
        .facts = call->app->facts, .catalog = call->app->catalog, .tenant_id = call->tenant_id};
}

wn_rc wn_call_is_sample(struct wn_call *call, bool *out, struct wn_why *why)
{
    struct wn_account *accounts = NULL;
    size_t n = 0;
    wn_rc rc =
        wn_catalog_accounts(call->app->catalog, call->tenant_id, call->a, &accounts, &n, why);
    if (rc)
        return rc;
    bool is_sample = false;
    for (size_t i = 0; i < n; i++)
        is_sample = is_sample || accounts[i].is_sample;
    *out = is_sample;
    return WN_OK;
}

static bool is_known(struct wn_str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (wn_str_eq(key, wn_str_of(names[i])))
            return true;
    return false;
}

wn_rc wn_call_body(struct wn_call *call, const char *const *names, size_t n,
                   const struct wn_json **out, struct wn_why *why)
{
    struct wn_json *body = NULL;
    if (call->request->body.n == 0)
        return wn_fail(why, WN_INVALID, "/", "the body is empty: send a JSON object");
    wn_rc rc = wn_json_parse(call->a, call->request->body, &body, why);
    if (rc)
        return rc;
    if (body->kind != WN_JSON_OBJECT)
        return wn_fail(why, WN_INVALID, "/", "the body is no JSON object");
    for (size_t i = 0; i < body->n_items; i++) {
        struct wn_str key = body->items[i].key;
        if (is_known(key, names, n))
            continue;
        struct wn_str pointer =
            wn_arena_printf(call->a, "/%.*s", (int)(key.n < 64 ? key.n : 64), key.p);
        const char *near = wn_nearest_name(key, names, n);
        if (near)
            return wn_fail(why, WN_INVALID, pointer.p,
                           "there is no member '%s'; did you mean '%s'?",
                           pointer.p ? pointer.p + 1 : "", near);
        return wn_fail(why, WN_INVALID, pointer.p, "there is no member '%s'",
                       pointer.p ? pointer.p + 1 : "");
    }
    *out = body;
    return WN_OK;
}

wn_rc wn_body_text(const struct wn_json *body, const char *key, size_t bytes_max,
                   struct wn_str *out, struct wn_why *why)
{
    struct wn_str text = WN_STR("");
    wn_rc rc = wn_json_get_text(body, key, &text, why);
    if (rc && rc != WN_NOT_FOUND)
        return rc;
    text = wn_str_trim(text);
    if (text.n > bytes_max) {
        char pointer[WN_WHY_FIELD_MAX];
        snprintf(pointer, sizeof pointer, "/%s", key);
        return wn_fail(why, WN_INVALID, pointer, "%s is longer than %zu bytes", key, bytes_max);
    }
    *out = text;
    return WN_OK;
}

void wn_call_created(struct wn_call *call, struct wn_str location)
{
    call->response->status = 201;
    if (location.p)
        wn_http_set_header(call->response, WN_STR("Location"), location);
}

void wn_json_text_or_null(struct wn_json_writer *w, struct wn_str text)
{
    if (text.n)
        wn_json_text(w, text);
    else
        wn_json_null(w);
}
