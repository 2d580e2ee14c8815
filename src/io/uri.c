#include "io/uri.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* Decodes text once into the arena. in_path: '+' stays, and what could change the meaning of the
 * path for a proxy that does not decode is refused. */
static wn_rc decode(struct wn_arena *a, struct wn_str text, bool in_path, const char *field,
                    struct wn_str *out, struct wn_why *why)
{
    char *p = wn_arena_alloc(a, text.n + 1);
    if (!p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '+' && !in_path)
            c = ' ';
        if (c == '%') {
            int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;
            if (low < 0)
                return wn_fail(why, WN_INVALID, field,
                               "'%%' must be followed by two hexadecimal digits");
            c = (char)(high * 16 + low);
            i += 2;
            if (c == 0)
                return wn_fail(why, WN_INVALID, field, "a zero byte (%%00) is not allowed");
            if (in_path && (c == '/' || is_control(c)))
                return wn_fail(why, WN_INVALID, field,
                               "an encoded slash or control character in the path is not allowed");
        }
        p[n++] = c;
    }
    p[n] = 0;
    if (!wn_str_utf8_valid((struct wn_str){p, n}, NULL))
        return wn_fail(why, WN_INVALID, field, "the text is not valid UTF-8");
    *out = (struct wn_str){p, n};
    return WN_OK;
}

static wn_rc parse_pair(struct wn_arena *a, struct wn_str piece, struct wn_http_param *out,
                        struct wn_why *why)
{
    size_t at = wn_str_find_char(piece, '=');
    wn_rc rc = decode(a, wn_str_slice(piece, 0, at), false, "query", &out->name, why);
    if (!rc)
        rc = decode(a, wn_str_slice(piece, at + 1, piece.n), false, out->name.p, &out->value, why);
    return rc;
}

wn_rc wn_uri_parse_query(struct wn_arena *a, struct wn_str text, struct wn_http_param **out,
                         size_t *n_out, struct wn_why *why)
{
    size_t n_max = 0, n = 0;
    struct wn_str rest = text, piece;
    while (wn_str_cut(&rest, '&', &piece))
        n_max += piece.n > 0;
    if (n_max > WN_URI_PARAMS_MAX)
        return wn_fail(why, WN_INVALID, "query", "more than %d query parameters",
                       WN_URI_PARAMS_MAX);
    struct wn_http_param *params = WN_ARENA_ARRAY(a, n_max, struct wn_http_param);
    if (!params)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    rest = text;
    while (wn_str_cut(&rest, '&', &piece)) {
        if (piece.n == 0)
            continue;
        wn_rc rc = parse_pair(a, piece, &params[n], why);
        if (rc)
            return rc;
        n++;
    }
    *out = params;
    *n_out = n;
    return WN_OK;
}

static wn_rc check_bytes(struct wn_str target, struct wn_why *why)
{
    for (size_t i = 0; i < target.n; i++)
        if ((unsigned char)target.p[i] <= 0x20 || (unsigned char)target.p[i] >= 0x7F ||
            target.p[i] == '#')
            return wn_fail(why, WN_INVALID, NULL,
                           "the request target holds a byte that must be percent-encoded");
    return WN_OK;
}

/* "http://host:80/a" becomes "/a". Clients send it to proxies; servers have to take it too. */
static struct wn_str without_authority(struct wn_str target)
{
    struct wn_str scheme = WN_STR("http://");
    if (!wn_str_eq_nocase(wn_str_slice(target, 0, scheme.n), scheme)) {
        scheme = WN_STR("https://");
        if (!wn_str_eq_nocase(wn_str_slice(target, 0, scheme.n), scheme))
            return target;
    }
    struct wn_str rest = wn_str_slice(target, scheme.n, target.n);
    size_t at = 0;
    while (at < rest.n && rest.p[at] != '/' && rest.p[at] != '?')
        at++;
    return wn_str_slice(rest, at, rest.n);
}

static wn_rc check_segments(struct wn_str path, struct wn_why *why)
{
    struct wn_str rest = path, segment;
    while (wn_str_cut(&rest, '/', &segment))
        if (wn_str_eq(segment, WN_STR(".")) || wn_str_eq(segment, WN_STR("..")))
            return wn_fail(why, WN_INVALID, NULL, "the path must not hold '.' or '..' segments");
    return WN_OK;
}

wn_rc wn_uri_parse(struct wn_arena *a, struct wn_str target, struct wn_uri *out, struct wn_why *why)
{
    struct wn_uri uri = {0};
    if (target.n > WN_URI_BYTES_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "the request target is longer than %d bytes",
                       WN_URI_BYTES_MAX);
    wn_rc rc = check_bytes(target, why);
    if (rc)
        return rc;
    bool is_star = wn_str_eq(target, WN_STR("*"));
    struct wn_str origin = without_authority(target);
    bool is_absolute = origin.p != target.p;
    size_t at = wn_str_find_char(origin, '?');
    struct wn_str path = wn_str_slice(origin, 0, at);
    if (is_absolute && path.n == 0)
        path = WN_STR("/");
    if (!is_star && (path.n == 0 || path.p[0] != '/'))
        return wn_fail(why, WN_INVALID, NULL, "the request target must begin with '/'");
    rc = decode(a, path, true, NULL, &uri.path, why);
    if (!rc)
        rc = check_segments(uri.path, why);
    if (!rc)
        rc = wn_uri_parse_query(a, wn_str_slice(origin, at + 1, origin.n), &uri.query, &uri.n_query,
                                why);
    if (rc)
        return rc;
    while (uri.path.n > 1 && uri.path.p[uri.path.n - 1] == '/')
        uri.path.n--;
    *out = uri;
    return WN_OK;
}

void wn_uri_encode(struct wn_buf *out, struct wn_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            wn_buf_append_char(out, c);
            continue;
        }
        wn_buf_append_char(out, '%');
        wn_buf_append_char(out, hex[(unsigned char)c >> 4]);
        wn_buf_append_char(out, hex[(unsigned char)c & 15]);
    }
}
