/* Files of the web application that the binary carries. */
#include "serve/serve_int.h"

#include "serve/web_files.h"

#include <string.h>

const struct wn_web_file *wn_web_file_find(struct wn_str path)
{
    if (wn_str_eq(path, WN_STR("/")))
        path = WN_STR("/index.html");
    size_t low = 0, high = wn_n_web_files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = wn_str_cmp(path, wn_str_of(wn_web_files[middle].path));
        if (order == 0)
            return &wn_web_files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* Paths that belong to programs: an unknown one is an error, not a page. */
static bool is_program_path(struct wn_str path)
{
    static const char *const prefixes[] = {"/api/",    "/v1/",          "/export/",
                                           "/docs/",   "/assets/",      "/ws/",
                                           "/metrics", "/openapi.json", "/health"};
    for (size_t i = 0; i < WN_COUNT(prefixes); i++)
        if (wn_str_starts(path, wn_str_of(prefixes[i])))
            return true;
    return false;
}

const struct wn_web_file *wn_web_file_page(const struct wn_http_request *r)
{
    struct wn_str accept = wn_http_header(r, "Accept");
    if ((r->method != WN_GET && r->method != WN_HEAD) || !accept.p ||
        wn_str_find(accept, WN_STR("text/html")) == accept.n || is_program_path(r->path))
        return NULL;
    return wn_web_file_find(WN_STR("/"));
}

/* Whether the Accept-Encoding header takes the coding; "coding;q=0" does not. */
static bool accepts(struct wn_str header, const char *coding)
{
    struct wn_str item;
    while (header.p && wn_str_cut(&header, ',', &item)) {
        struct wn_str name = item;
        struct wn_str parameters = item;
        if (!wn_str_cut(&parameters, ';', &name))
            continue;
        if (!wn_str_eq_nocase(wn_str_trim(name), wn_str_of(coding)))
            continue;
        struct wn_str q = parameters.p ? wn_str_trim(parameters) : WN_STR("");
        bool is_zero = q.n >= 3 && (q.p[0] == 'q' || q.p[0] == 'Q') && q.p[1] == '=';
        for (size_t i = 2; is_zero && i < q.n; i++)
            is_zero = q.p[i] == '0' || q.p[i] == '.';
        return !is_zero;
    }
    return false;
}

static struct wn_str without_weak_mark(struct wn_str tag)
{
    tag = wn_str_trim(tag);
    return wn_str_starts(tag, WN_STR("W/")) ? wn_str_slice(tag, 2, tag.n) : tag;
}

static bool is_unchanged(const struct wn_http_request *r, const struct wn_web_file *file)
{
    struct wn_str header = wn_http_header(r, "If-None-Match"), tag;
    while (header.p && wn_str_cut(&header, ',', &tag)) {
        tag = without_weak_mark(tag);
        if (wn_str_eq(tag, WN_STR("*")) || wn_str_eq(tag, wn_str_of(file->etag)))
            return true;
    }
    return false;
}

void wn_web_file_answer(const struct wn_http_request *r, const struct wn_web_file *file,
                        struct wn_arena *a, struct wn_http_response *response)
{
    struct wn_str encodings = wn_http_header(r, "Accept-Encoding");
    struct wn_str body = {file->plain, file->n_plain}, coding = {0};
    if (file->brotli && accepts(encodings, "br")) {
        body = (struct wn_str){file->brotli, file->n_brotli};
        coding = WN_STR("br");
    } else if (file->gzip && accepts(encodings, "gzip")) {
        body = (struct wn_str){file->gzip, file->n_gzip};
        coding = WN_STR("gzip");
    }
    /* One tag for all encodings of a file is a weak one. */
    struct wn_str etag = wn_arena_printf(a, "W/%s", file->etag);
    if (etag.p)
        wn_http_set_header(response, WN_STR("ETag"), etag);
    wn_http_set_header(response, WN_STR("Vary"), WN_STR("Accept-Encoding"));
    wn_http_set_header(response, WN_STR("Cache-Control"),
                       file->is_hashed ? WN_STR("public, max-age=31536000, immutable")
                                       : WN_STR("no-cache"));
    response->content_type = wn_str_of(file->content_type);
    response->body_is_static = true;
    if (is_unchanged(r, file)) {
        response->status = 304;
        response->body = WN_STR("");
        return;
    }
    response->status = 200;
    response->body = body;
    if (coding.p)
        wn_http_set_header(response, WN_STR("Content-Encoding"), coding);
}
