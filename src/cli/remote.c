#include "cli/remote.h"

#include "cli/wire.h"
#include "io/clock.h"
#include "io/http_client.h"

#include <stdio.h>
#include <string.h>

enum { POLL_MS = 100, SUMMARY_BYTES_MAX = 64 << 20, PATH_BYTES_MAX = 64 * 1024 };

static wn_rc connect_to(uint16_t port, struct wn_http_client **out, struct wn_why *why)
{
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
    return wn_http_client_open(url, 0, out, why);
}

static wn_rc keep(struct wn_arena *a, int status, const struct wn_buf *body,
                  struct wn_remote_reply *out, struct wn_why *why)
{
    struct wn_str copy = wn_arena_dup(a, wn_buf_str(body));
    if (!copy.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    *out = (struct wn_remote_reply){status, copy};
    return WN_OK;
}

wn_rc wn_remote_get(uint16_t port, const char *path, struct wn_arena *a,
                    struct wn_remote_reply *out, struct wn_why *why)
{
    struct wn_http_client *client = NULL;
    struct wn_buf body;
    int status = 0;
    wn_buf_init(&body, WN_REMOTE_REPLY_BYTES_MAX);
    wn_rc rc = connect_to(port, &client, why);
    if (!rc)
        rc = wn_http_client_call(client, WN_GET, path, NULL, (struct wn_str){0}, &status, &body,
                                 why);
    if (!rc)
        rc = keep(a, status, &body, out, why);
    wn_http_client_close(client);
    wn_buf_deinit(&body);
    return rc;
}

static wn_rc rc_of_status(int status)
{
    switch (status) {
    case 404:
        return WN_NOT_FOUND;
    case 409:
        return WN_CONFLICT;
    case 413:
        return WN_LIMIT;
    case 415:
        return WN_UNSUPPORTED;
    case 503:
        return WN_BUSY;
    case 507:
        return WN_DISK;
    default:
        return status < 500 ? WN_INVALID : WN_INTERNAL;
    }
}

/* The words of a problem document: its detail and the field at fault. */
static wn_rc fail_by_problem(const struct wn_json *problem, int status, struct wn_why *why)
{
    struct wn_str text = {0}, pointer = {0};
    int64_t line = 0;
    wn_rc rc = wn_json_get_text(problem, "detail", &text, NULL);
    if (rc)
        rc = wn_json_get_text(problem, "title", &text, NULL);
    if (rc)
        text = WN_STR("the server answered without saying what is wrong");
    const struct wn_json *errors = wn_json_get(problem, "errors");
    if (errors && errors->n_items) {
        if (wn_json_get_text(&errors->items[0], "pointer", &pointer, NULL))
            pointer = (struct wn_str){0};
        if (wn_json_get_i64(&errors->items[0], "line", &line, NULL) == WN_OK && why)
            why->line = (uint64_t)line;
    }
    char field[WN_WHY_FIELD_MAX];
    snprintf(field, sizeof field, "%.*s", WN_STR_ARG(pointer));
    return wn_fail(why, rc_of_status(status), field, "%.*s", WN_STR_ARG(text));
}

/* WN_OK for a status below 400; else the problem document's words in why. */
static wn_rc check(const struct wn_remote_reply *reply, struct wn_why *why)
{
    if (reply->status < 400)
        return WN_OK;
    struct wn_arena a;
    struct wn_json *problem = NULL;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_json_parse(&a, reply->body, &problem, NULL);
    rc = fail_by_problem(rc ? NULL : problem, reply->status, why);
    wn_arena_deinit(&a);
    return rc;
}

/* A path with parameters: begin with "path", add what is given, percent-encoded. */
static void add_param(struct wn_buf *path, const char *name, struct wn_str value)
{
    static const char hex[] = "0123456789ABCDEF";
    if (!value.n)
        return;
    bool is_first = wn_str_find_char(wn_buf_str(path), '?') == path->n;
    wn_buf_append_char(path, is_first ? '?' : '&');
    wn_buf_append_z(path, name);
    wn_buf_append_char(path, '=');
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ',';
        if (is_plain) {
            wn_buf_append_char(path, (char)c);
        } else {
            wn_buf_append_char(path, '%');
            wn_buf_append_char(path, hex[c >> 4]);
            wn_buf_append_char(path, hex[c & 15]);
        }
    }
}

wn_rc wn_remote_ask(const struct wn_args *args, const char *path, const char *const *names,
                    size_t n, struct wn_arena *a, struct wn_str *body, struct wn_why *why)
{
    char dir[WN_PATH_MAX];
    struct wn_reach reach;
    struct wn_remote_reply reply = {0};
    struct wn_buf full;
    wn_rc rc = wn_data_dir(args, dir, why);
    if (!rc)
        rc = wn_reach_open(dir, &reach, why);
    if (rc)
        return rc;
    wn_buf_init(&full, PATH_BYTES_MAX);
    wn_buf_append_z(&full, path);
    for (size_t i = 0; i < n; i++)
        add_param(&full, names[i], wn_args_text(args, names[i]));
    wn_buf_append_char(&full, 0);
    rc = wn_buf_check(&full, why);
    if (!rc)
        rc = wn_remote_get(reach.port, full.p, a, &reply, why);
    if (!rc)
        rc = check(&reply, why);
    if (!rc)
        *body = reply.body;
    wn_buf_deinit(&full);
    wn_reach_close(&reach);
    return rc;
}

struct follower {
    wn_remote_progress_fn *on_progress;
    void *context;
};

static bool on_sent(void *context, uint64_t n_sent, uint64_t n_total)
{
    struct follower *f = context;
    return f->on_progress(f->context, n_sent, n_total, 0);
}

static uint64_t count_of(const struct wn_json *v, const char *key)
{
    int64_t n = 0;
    return wn_json_get_i64(v, key, &n, NULL) == WN_OK && n > 0 ? (uint64_t)n : 0;
}

/* Asks for the import until it has ended; *summary is its summary in a. */
static wn_rc follow(struct wn_http_client *client, int64_t import_id, struct follower *f,
                    struct wn_arena *a, struct wn_str *summary, struct wn_why *why)
{
    char path[64];
    struct wn_buf body;
    wn_rc rc = WN_OK;
    bool has_ended = false;
    snprintf(path, sizeof path, "/api/v1/imports/%lld", (long long)import_id);
    wn_buf_init(&body, SUMMARY_BYTES_MAX);
    while (!rc && !has_ended) {
        struct wn_arena turn;
        struct wn_json *json = NULL;
        struct wn_str state = {0};
        struct wn_remote_reply reply = {0};
        wn_arena_init(&turn, 0);
        rc = wn_http_client_call(client, WN_GET, path, NULL, (struct wn_str){0}, &reply.status,
                                 &body, why);
        reply.body = wn_buf_str(&body);
        if (!rc)
            rc = check(&reply, why);
        if (!rc)
            rc = wn_json_parse(&turn, reply.body, &json, why);
        if (!rc)
            rc = wn_json_get_text(json, "state", &state, why);
        const struct wn_json *problem = wn_json_get(json, "problem");
        const struct wn_json *result = wn_json_get(json, "summary");
        has_ended = !rc && !wn_str_eq(state, WN_STR("running"));
        if (has_ended && problem && problem->kind == WN_JSON_OBJECT)
            rc = fail_by_problem(problem, (int)count_of(problem, "status"), why);
        else if (has_ended && result) {
            struct wn_buf text;
            struct wn_json_writer w;
            wn_buf_init(&text, SUMMARY_BYTES_MAX);
            wn_json_write_init(&w, &text, 0);
            wn_json_tree(&w, result);
            rc = wn_buf_check(&text, why);
            *summary = wn_arena_dup(a, wn_buf_str(&text));
            wn_buf_deinit(&text);
        } else if (!rc && !has_ended) {
            const struct wn_json *progress = wn_json_get(json, "progress");
            f->on_progress(f->context, count_of(progress, "bytes_done"),
                           count_of(progress, "bytes_total"), count_of(progress, "n_rows"));
            wn_clock_sleep_ms(POLL_MS);
        }
        wn_arena_deinit(&turn);
    }
    wn_buf_deinit(&body);
    return rc;
}

wn_rc wn_remote_import(uint16_t port, const char *path, const struct wn_remote_field *fields,
                       size_t n_fields, wn_remote_progress_fn *on_progress, void *context,
                       struct wn_arena *a, struct wn_str *summary, struct wn_why *why)
{
    struct wn_http_client *client = NULL;
    struct follower f = {on_progress, context};
    struct wn_http_param params[16];
    struct wn_http_upload upload = {
        .path = path, .fields = params, .progress = on_sent, .progress_context = &f};
    struct wn_remote_reply reply = {0};
    struct wn_buf body;
    int64_t import_id = 0;
    WN_ASSERT(n_fields <= WN_COUNT(params));
    for (size_t i = 0; i < n_fields; i++)
        if (fields[i].value.n)
            params[upload.n_fields++] =
                (struct wn_http_param){wn_str_of(fields[i].name), fields[i].value};
    wn_buf_init(&body, SUMMARY_BYTES_MAX);
    wn_rc rc = connect_to(port, &client, why);
    if (!rc)
        rc = wn_http_client_upload(client, "/api/v1/imports", &upload, &reply.status, &body, why);
    if (!rc)
        rc = keep(a, reply.status, &body, &reply, why);
    if (!rc)
        rc = check(&reply, why);
    if (!rc && reply.status == 202) {
        struct wn_json *json;
        rc = wn_json_parse(a, reply.body, &json, why);
        if (!rc)
            rc = wn_json_get_i64(json, "import_id", &import_id, why);
        if (!rc)
            rc = follow(client, import_id, &f, a, summary, why);
    } else if (!rc) {
        *summary = reply.body;
    }
    wn_http_client_close(client);
    wn_buf_deinit(&body);
    return rc;
}
