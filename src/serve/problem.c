#include "serve/serve_int.h"

#include "io/log.h"

#include <stdio.h>
#include <string.h>

enum { PROBLEM_BYTES_MAX = 16 * 1024 };

/* Titles where the status says it all (RFC 9457 asks for the phrase of the status then). */
static const struct {
    int status;
    const char *title;
} phrases[] = {
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
};

static const char *phrase_of(int status)
{
    for (size_t i = 0; i < WN_COUNT(phrases); i++)
        if (phrases[i].status == status)
            return phrases[i].title;
    return status < 500 ? "Bad Request" : "Internal Server Error";
}

/* What a person is told instead of details that are ours: paths, statements, offsets. */
static const char *safe_text(wn_rc rc)
{
    switch (rc) {
    case WN_DISK:
        return "The disk is full or the data directory cannot be written. Nothing was changed. "
               "Free some space, or see `winnow doctor`.";
    case WN_MEMORY:
        return "The server ran out of memory for this request. Ask for less at once, or try again.";
    case WN_NEWER:
        return "The data directory was written by a newer version of Winnow. Start that version.";
    default:
        return "Something went wrong inside the server; nothing was changed. The log has the "
               "details under the request id.";
    }
}

bool wn_problem_is_private(wn_rc rc)
{
    return rc == WN_INTERNAL || rc == WN_IO || rc == WN_CORRUPT || rc == WN_NEWER ||
           rc == WN_DISK || rc == WN_MEMORY;
}

static void write_type_and_title(struct wn_json_writer *w, int status, wn_rc rc)
{
    char type[64];
    if (rc == WN_OK || wn_rc_http_status(rc) != status) {
        wn_json_key(w, "type");
        wn_json_text_z(w, "about:blank");
        wn_json_key(w, "title");
        wn_json_text_z(w, phrase_of(status));
        return;
    }
    snprintf(type, sizeof type, "urn:winnow:problem:%s", wn_rc_name(rc));
    for (char *p = type; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + ('a' - 'A'));
    wn_json_key(w, "type");
    wn_json_text_z(w, type);
    wn_json_key(w, "title");
    wn_json_text_z(w, wn_rc_text(rc));
}

static void write_errors(struct wn_json_writer *w, wn_rc rc, const struct wn_why *why,
                         const char *detail)
{
    wn_json_key(w, "errors");
    wn_json_begin_array(w);
    if (why && !wn_problem_is_private(rc) && (why->field[0] || why->line || why->column)) {
        wn_json_begin_object(w);
        wn_json_key(w, "pointer");
        wn_json_text_z(w, why->field);
        wn_json_key(w, "detail");
        wn_json_text_z(w, detail);
        if (why->line) {
            wn_json_key(w, "line");
            wn_json_i64(w, (int64_t)why->line);
        }
        if (why->column) {
            wn_json_key(w, "column");
            wn_json_i64(w, why->column);
        }
        wn_json_end(w);
    }
    wn_json_end(w);
}

void wn_problem_write(struct wn_json_writer *w, int status, wn_rc rc, const struct wn_why *why,
                      struct wn_str instance, const char *request_id)
{
    const char *detail = why && why->text[0] ? why->text
                         : rc != WN_OK       ? wn_rc_text(rc)
                                             : phrase_of(status);
    if (rc != WN_OK && wn_problem_is_private(rc))
        detail = safe_text(rc);
    wn_json_begin_object(w);
    write_type_and_title(w, status, rc);
    wn_json_key(w, "status");
    wn_json_i64(w, status);
    wn_json_key(w, "detail");
    wn_json_text_z(w, detail);
    wn_json_key(w, "instance");
    wn_json_text(w, instance);
    write_errors(w, rc, why, detail);
    wn_json_key(w, "request_id");
    wn_json_text_z(w, request_id ? request_id : "");
    wn_json_end(w);
}

static void log_problem(const struct wn_http_request *r, int status, wn_rc rc,
                        const struct wn_why *why)
{
    if (status < 500 || rc == WN_OK) /* 501 for an unknown method is the client's doing */
        return;
    wn_log(WN_LOG_ERROR, "request_failed", WN_LOG_TEXT("request_id", wn_str_of(r->id)),
           WN_LOG_TEXT("path", r->path), WN_LOG_INT("status", status),
           WN_LOG_TEXT("error", wn_str_of(wn_rc_name(rc))),
           WN_LOG_TEXT("detail", wn_str_of(why ? why->text : "")));
}

void wn_problem(struct wn_http_request *r, int status, wn_rc rc, const struct wn_why *why,
                struct wn_http_response *response)
{
    static const struct wn_str out_of_memory =
        WN_STR("{\"type\":\"urn:winnow:problem:memory\",\"title\":\"memory has run out\","
               "\"status\":503,\"detail\":\"The server ran out of memory for this request. Try "
               "again.\",\"instance\":\"\",\"errors\":[],\"request_id\":\"\"}");
    struct wn_buf buf;
    struct wn_json_writer w;
    log_problem(r, status, rc, why);
    wn_buf_init(&buf, PROBLEM_BYTES_MAX);
    wn_json_write_init(&w, &buf, 0);
    wn_problem_write(&w, status, rc, why, r->path.p ? r->path : WN_STR(""), r->id);
    memset(response, 0, sizeof *response);
    response->status = status;
    response->content_type = WN_STR("application/problem+json");
    if (!wn_buf_check(&buf, NULL))
        response->body = wn_arena_dup(&r->arena, wn_buf_str(&buf));
    if (!response->body.p) {
        response->status = 503;
        response->body = out_of_memory;
        response->body_is_static = true;
    }
    wn_buf_deinit(&buf);
    if (response->status == 503 || response->status == 504)
        wn_http_set_header(response, WN_STR("Retry-After"), WN_STR("1"));
}
