/* Protects the form parser: any bytes are taken or refused without harm, and the outcome does not
 * depend on how they are cut. Input: one byte for the size of the pieces, a Content-Type up to a
 * line end, then the body. */
#include "io/multipart.h"

static wn_rc on_part(void *context, const struct wn_multipart_part *part, struct wn_why *why)
{
    (void)why;
    WN_ASSERT(part->name.n > 0 && wn_str_utf8_valid(part->file_name, NULL));
    WN_ASSERT(wn_str_find_char(part->file_name, '/') == part->file_name.n);
    wn_buf_printf(context, "<%.*s|%d|%.*s:", WN_STR_ARG(part->name), part->is_file,
                  WN_STR_ARG(part->file_name));
    return WN_OK;
}

static wn_rc on_data(void *context, struct wn_str bytes, struct wn_why *why)
{
    (void)why;
    wn_buf_append(context, bytes);
    return WN_OK;
}

static wn_rc on_end(void *context, struct wn_why *why)
{
    (void)why;
    wn_buf_append_char(context, '>');
    return WN_OK;
}

static wn_rc parse(struct wn_str boundary, struct wn_str body, size_t n_piece, struct wn_buf *out)
{
    struct wn_multipart m;
    wn_rc rc = WN_OK;
    wn_buf_init(out, (size_t)1 << 26);
    wn_multipart_init(&m, boundary, &(struct wn_multipart_events){out, on_part, on_data, on_end});
    for (size_t at = 0; at < body.n && !rc; at += n_piece)
        rc = wn_multipart_push(&m, wn_str_slice(body, at, at + n_piece), NULL);
    if (!rc)
        rc = wn_multipart_finish(&m, NULL);
    wn_multipart_deinit(&m);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_str text = {(const char *)data + 1, size > 0 ? size - 1 : 0}, boundary;
    size_t at = size > 0 ? wn_str_find_char(text, '\n') : 0;
    if (size == 0 || at == text.n ||
        wn_multipart_boundary(wn_str_slice(text, 0, at), &boundary, NULL))
        return 0;
    struct wn_str body = wn_str_slice(text, at + 1, text.n);
    struct wn_buf whole, cut;
    wn_rc rc = parse(boundary, body, body.n + 1, &whole);
    wn_rc rc_cut = parse(boundary, body, (size_t)data[0] + 1, &cut);
    WN_ASSERT(rc == rc_cut);
    WN_ASSERT(rc || wn_str_eq(wn_buf_str(&whole), wn_buf_str(&cut)));
    wn_buf_deinit(&whole);
    wn_buf_deinit(&cut);
    return 0;
}
