#include "io/http_int.h"

#include <string.h>

static int fail(struct wn_why *why, wn_rc rc, const char *field, const char *text)
{
    return wn_rc_http_status(wn_fail(why, rc, field, "%s", text));
}

static int fail_size(struct http_state *s, struct wn_why *why)
{
    return wn_rc_http_status(wn_fail(why, WN_LIMIT, NULL, "the body is larger than %llu bytes",
                                     (unsigned long long)s->plan.body_bytes_max));
}

/* All bytes that may come for the planned body. */
static uint64_t bytes_max(const struct http_state *s)
{
    uint64_t overhead = s->plan.body == WN_BODY_UPLOAD ? HTTP_FORM_OVERHEAD_BYTES : 0;
    return s->plan.body == WN_BODY_NONE                     ? 0
           : s->plan.body_bytes_max > UINT64_MAX - overhead ? UINT64_MAX
                                                            : s->plan.body_bytes_max + overhead;
}

/* ---- a form with a file ----------------------------------------------------------------------- */

static wn_rc on_part(void *context, const struct wn_multipart_part *part, struct wn_why *why)
{
    struct http_state *s = context;
    struct wn_http_request *r = &s->request;
    s->in_file = part->is_file;
    if (!part->is_file) {
        s->field_name = wn_arena_dup(&r->arena, part->name);
        s->n_form_bytes += part->name.n;
        wn_buf_reset(&s->field);
        return s->field_name.p ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    if (r->file.fd >= 0)
        return wn_fail(why, WN_INVALID, part->name.n ? "file" : NULL,
                       "the form holds more than one file");
    r->file_name = wn_arena_dup(&r->arena, part->file_name);
    if (!r->file_name.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    return wn_spool_open(s->http->options.spool_dir, &r->file, why);
}

static wn_rc on_data(void *context, struct wn_str bytes, struct wn_why *why)
{
    struct http_state *s = context;
    if (s->in_file) {
        if (bytes.n > s->plan.body_bytes_max - s->request.file.size_bytes - s->chunk.n)
            return wn_fail(why, WN_LIMIT, "file", "the file is larger than %llu bytes",
                           (unsigned long long)s->plan.body_bytes_max);
        wn_buf_append(&s->chunk, bytes);
        return wn_buf_check(&s->chunk, why);
    }
    s->n_form_bytes += bytes.n;
    if (s->n_form_bytes > HTTP_FORM_BYTES_MAX)
        return wn_fail(why, WN_LIMIT, s->field_name.p, "the text fields are larger than %d bytes",
                       HTTP_FORM_BYTES_MAX);
    wn_buf_append(&s->field, bytes);
    return wn_buf_check(&s->field, why);
}

static wn_rc on_part_end(void *context, struct wn_why *why)
{
    struct http_state *s = context;
    struct wn_http_request *r = &s->request;
    if (s->in_file)
        return WN_OK;
    if (!wn_str_utf8_valid(wn_buf_str(&s->field), NULL))
        return wn_fail(why, WN_INVALID, s->field_name.p, "the text is not valid UTF-8");
    struct wn_str value = wn_arena_dup(&r->arena, wn_buf_str(&s->field));
    if (!value.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    r->form[r->n_form++] = (struct wn_http_param){s->field_name, value};
    return WN_OK;
}

static int begin_form(struct http_state *s, struct wn_why *why)
{
    struct wn_str boundary;
    wn_rc rc = wn_multipart_boundary(wn_http_header(&s->request, "Content-Type"), &boundary, why);
    if (rc)
        return wn_rc_http_status(rc);
    s->request.form =
        WN_ARENA_ARRAY(&s->request.arena, WN_MULTIPART_PARTS_MAX, struct wn_http_param);
    if (!s->request.form)
        return fail(why, WN_MEMORY, NULL, "memory has run out");
    wn_multipart_init(&s->form, boundary,
                      &(struct wn_multipart_events){s, on_part, on_data, on_part_end});
    /* One read of the library, at most its pool, may come on top of a full chunk. */
    wn_buf_init(&s->chunk, HTTP_SPOOL_CHUNK_BYTES + 4 * HTTP_POOL_BYTES);
    wn_buf_init(&s->field, HTTP_FORM_BYTES_MAX);
    s->is_form = true;
    return 0;
}

/* ---- any body --------------------------------------------------------------------------------- */

int http_body_begin(struct http_state *s, struct wn_why *why)
{
    struct wn_str length = wn_http_header(&s->request, "Content-Length");
    uint64_t n = 0;
    /* A length that is no number never comes here: the library answers 400 itself. */
    for (size_t i = 0; i < length.n && n < UINT64_MAX / 16; i++)
        n = n * 10 + (uint64_t)(length.p[i] - '0');
    if (s->plan.body == WN_BODY_NONE && s->has_body)
        return fail(why, WN_LIMIT, NULL, "this call takes no body");
    if (n > bytes_max(s))
        return fail_size(s, why);
    if (s->plan.body == WN_BODY_UPLOAD)
        return begin_form(s, why);
    wn_buf_init(&s->body, s->plan.body_bytes_max > 0 && s->plan.body_bytes_max < SIZE_MAX / 2
                              ? (size_t)s->plan.body_bytes_max
                              : 1);
    return 0;
}

int http_body_push(struct http_state *s, struct wn_str bytes, struct wn_why *why)
{
    if (s->n_body > bytes_max(s))
        return fail_size(s, why);
    wn_rc rc = WN_OK;
    if (s->is_form) {
        rc = wn_multipart_push(&s->form, bytes, why);
    } else {
        wn_buf_append(&s->body, bytes);
        rc = wn_buf_check(&s->body, why);
    }
    return rc ? wn_rc_http_status(rc) : 0;
}

bool http_body_wants_spool(const struct http_state *s, bool if_any)
{
    return s->is_form && s->chunk.n >= (if_any ? 1 : HTTP_SPOOL_CHUNK_BYTES);
}

void http_body_spool(struct http_state *s)
{
    s->spool_rc =
        wn_spool_append(&s->request.file, s->plan.body_bytes_max, wn_buf_str(&s->chunk), &s->why);
    wn_buf_reset(&s->chunk);
}

int http_body_finish(struct http_state *s, struct wn_why *why)
{
    if (s->is_form) {
        wn_rc rc = wn_multipart_finish(&s->form, why);
        return rc ? wn_rc_http_status(rc) : 0;
    }
    s->request.body = wn_buf_str(&s->body);
    return 0;
}
