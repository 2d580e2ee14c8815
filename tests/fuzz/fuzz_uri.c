/* Protects the decoding of request targets: any bytes are taken or refused without harm, and what
 * was decoded, encoded and decoded again is the same. */
#include "io/uri.h"

static void encode_path(struct wn_buf *out, struct wn_str path)
{
    struct wn_str rest = wn_str_slice(path, 1, path.n), segment;
    while (wn_str_cut(&rest, '/', &segment)) {
        wn_buf_append_char(out, '/');
        wn_uri_encode(out, segment);
    }
}

static void check_round_trip(struct wn_arena *a, const struct wn_uri *uri)
{
    struct wn_buf text;
    struct wn_uri again = {0};
    wn_buf_init(&text, 1 << 20);
    encode_path(&text, uri->path);
    for (size_t i = 0; i < uri->n_query; i++) {
        wn_buf_append_char(&text, i ? '&' : '?');
        wn_uri_encode(&text, uri->query[i].name);
        wn_buf_append_char(&text, '=');
        wn_uri_encode(&text, uri->query[i].value);
    }
    if (text.n <= WN_URI_BYTES_MAX) {
        WN_ASSERT(wn_uri_parse(a, wn_buf_str(&text), &again, NULL) == WN_OK);
        WN_ASSERT(wn_str_eq(uri->path, again.path) && uri->n_query == again.n_query);
        for (size_t i = 0; i < uri->n_query; i++)
            WN_ASSERT(wn_str_eq(uri->query[i].name, again.query[i].name) &&
                      wn_str_eq(uri->query[i].value, again.query[i].value));
    }
    wn_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena arena;
    struct wn_uri uri = {0};
    struct wn_why why = {0};
    wn_arena_init(&arena, 1 << 24);
    wn_rc rc = wn_uri_parse(&arena, (struct wn_str){(const char *)data, size}, &uri, &why);
    WN_ASSERT((rc == WN_OK) == (why.text[0] == 0));
    if (rc == WN_OK && uri.path.p[0] == '/') {
        WN_ASSERT(wn_str_utf8_valid(uri.path, NULL));
        WN_ASSERT(uri.path.n == 1 || uri.path.p[uri.path.n - 1] != '/');
        WN_ASSERT(uri.n_query <= WN_URI_PARAMS_MAX);
        check_round_trip(&arena, &uri);
    }
    wn_arena_deinit(&arena);
    return 0;
}
