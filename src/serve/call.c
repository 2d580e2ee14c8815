/* Help for handlers: parameters in, answers out. */
#include "serve/handlers.h"

#include "core/date.h"
#include "core/num.h"
#include "decide/daily.h"
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

wn_rc wn_book_is_sample(const struct wn_book *book, struct wn_arena *a, bool *out,
                        struct wn_why *why)
{
    struct wn_account *accounts = NULL;
    size_t n = 0;
    wn_rc rc = wn_catalog_accounts(book->catalog, book->tenant_id, a, &accounts, &n, why);
    if (rc)
        return rc;
    bool is_sample = false;
    for (size_t i = 0; i < n; i++)
        is_sample = is_sample || accounts[i].is_sample;
    *out = is_sample;
    return WN_OK;
}

wn_rc wn_call_is_sample(struct wn_call *call, bool *out, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    return wn_book_is_sample(&book, call->a, out, why);
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

/* ---- what every answer of a model says -------------------------------------------------------- */

wn_rc wn_call_get_facts(struct wn_call *call, struct wn_call_facts *out, struct wn_why *why)
{
    struct wn_tenant tenant;
    wn_rc rc = wn_catalog_tenant(call->app->catalog, call->tenant_id, call->a, &tenant, why);
    if (!rc)
        rc = wn_call_is_sample(call, &out->is_sample, why);
    if (!rc)
        out->currency = tenant.currency;
    return rc;
}

void wn_json_member_day(struct wn_json_writer *w, const char *key, bool has, int32_t day)
{
    wn_json_key(w, key);
    if (has)
        wn_json_day(w, day);
    else
        wn_json_null(w);
}

void wn_call_write_facts(struct wn_call *call, struct wn_json_writer *w,
                         const struct wn_call_facts *facts, const char *method, bool has_data,
                         int32_t day_from, int32_t day_to)
{
    struct wn_str text = wn_arena_printf(call->a, "%s %s", method, call->app->version);
    wn_json_member_text(w, "method", text.p ? text : wn_str_of(method));
    wn_json_member_day(w, "data_from", has_data, day_from);
    wn_json_member_day(w, "data_to", has_data, day_to);
    wn_json_member_bool(w, "is_sample", facts->is_sample);
    wn_json_member_text(w, "currency", facts->currency);
}

wn_rc wn_channel_by_text(struct wn_str name, const char *field, int *out, struct wn_why *why)
{
    const struct wn_code *code = wn_code_by_name(wn_channels, wn_n_channels, name);
    if (!code)
        return wn_fail(why, WN_INVALID, field, "there is no channel '%.*s'",
                       WN_STR_ARG(wn_str_slice(name, 0, 100)));
    *out = code->code;
    return WN_OK;
}

wn_rc wn_call_channel(const struct wn_call *call, int *out, struct wn_why *why)
{
    struct wn_str name = wn_call_text(call, "channel");
    *out = -1;
    return name.n ? wn_channel_by_text(name, "channel", out, why) : WN_OK;
}

const char *wn_channel_text(int channel)
{
    const struct wn_code *code =
        channel < 0 ? NULL : wn_code_by_number(wn_channels, wn_n_channels, (uint8_t)channel);
    return code ? code->name : "other";
}

bool wn_call_day(const struct wn_call *call, const char *name, int32_t *out)
{
    struct wn_str text = wn_call_text(call, name);
    return text.n > 0 && wn_parse_day(text, out);
}

bool wn_call_wants_png(const struct wn_call *call)
{
    struct wn_str rest = wn_http_header(call->request, "Accept"), part;
    while (rest.n && wn_str_cut(&rest, ',', &part)) {
        struct wn_str type = wn_str_trim(wn_str_slice(part, 0, wn_str_find_char(part, ';')));
        if (wn_str_eq(type, WN_STR("image/png")))
            return true;
        if (wn_str_eq(type, WN_STR("application/json")))
            return false;
    }
    return false;
}

wn_rc wn_call_png(struct wn_call *call, wn_rc rc, struct wn_buf *png, struct wn_why *why)
{
    struct wn_str body = rc ? (struct wn_str){0} : wn_arena_dup(call->a, wn_buf_str(png));
    wn_buf_deinit(png);
    if (rc)
        return rc;
    if (!body.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while drawing the chart");
    wn_call_bytes(call, "image/png", body, NULL);
    return WN_OK;
}

void wn_json_member_f64(struct wn_json_writer *w, const char *key, double value)
{
    wn_json_key(w, key);
    wn_json_f64(w, value);
}

void wn_json_member_i64(struct wn_json_writer *w, const char *key, int64_t value)
{
    wn_json_key(w, key);
    wn_json_i64(w, value);
}

void wn_json_member_text(struct wn_json_writer *w, const char *key, struct wn_str text)
{
    wn_json_key(w, key);
    wn_json_text(w, text);
}

void wn_json_member_bool(struct wn_json_writer *w, const char *key, bool value)
{
    wn_json_key(w, key);
    wn_json_bool(w, value);
}

void wn_json_completeness(struct wn_json_writer *w, const struct wn_daily_completeness *c)
{
    wn_json_key(w, "completeness");
    wn_json_begin_object(w);
    wn_json_member_i64(w, "immature_days", c->n_immature_days);
    wn_json_key(w, "arrived");
    wn_json_begin_array(w);
    for (int age = 0; age < c->n_immature_days; age++)
        wn_json_f64(w, c->share[age]);
    wn_json_end(w);
    wn_json_key(w, "text");
    wn_json_text_or_null(w, c->text);
    wn_json_end(w);
}
