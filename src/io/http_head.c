#include "io/clock.h"
#include "io/http_int.h"

#include <stdio.h>
#include <string.h>

/* What the framing checks count while they walk over the headers. */
struct head_facts {
    struct http_state *s;
    size_t n_bytes;
    int n_host, n_length, n_encoding;
    bool too_many;
    int status; /* of the first refusal, or 0 */
    struct wn_why *why;
};

static void refuse(struct head_facts *f, int status, const char *field, const char *text)
{
    if (f->status)
        return;
    f->status = status;
    wn_rc ignored = wn_fail(f->why, WN_INVALID, field, "%s", text);
    (void)ignored;
}

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.n > 0;
}

static bool has_control(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7F)
            return true;
    return false;
}

static bool is_host(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_token_char(s.p[i]) && s.p[i] != ':' && s.p[i] != '[' && s.p[i] != ']')
            return false;
    return true;
}

/* Headers that decide where a request ends, or for whom it is. */
static void check_framing(struct head_facts *f, struct wn_str name, struct wn_str value)
{
    if (wn_str_eq_nocase(name, WN_STR("Host"))) {
        f->n_host++;
        if (!is_host(value))
            refuse(f, 400, "Host", "the Host header is not a host");
    } else if (wn_str_eq_nocase(name, WN_STR("Content-Length"))) {
        f->n_length++;
        f->s->has_body = f->s->has_body || !wn_str_eq(value, WN_STR("0"));
    } else if (wn_str_eq_nocase(name, WN_STR("Transfer-Encoding"))) {
        f->n_encoding++;
        f->s->has_body = true;
        if (!wn_str_eq_nocase(value, WN_STR("chunked")))
            refuse(f, 400, "Transfer-Encoding", "must be chunked");
    } else if (wn_str_eq_nocase(name, WN_STR("Expect"))) {
        if (!wn_str_eq_nocase(value, WN_STR("100-continue")))
            refuse(f, 417, "Expect", "only 100-continue is understood");
    }
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t n_key,
                                 const char *value, size_t n_value)
{
    struct head_facts *f = cls;
    struct http_state *s = f->s;
    struct wn_str name = {key, n_key}, text = {value ? value : "", value ? n_value : 0};
    (void)kind;
    f->n_bytes += name.n + text.n + 4;
    if (s->n_headers >= HTTP_HEADERS_MAX || f->n_bytes > HTTP_HEADER_BYTES_MAX) {
        f->too_many = true;
        return MHD_NO;
    }
    if (!is_token(name))
        refuse(f, 400, NULL, "a header's name is not a token");
    if (has_control(text))
        refuse(f, 400, NULL, "a header's value holds a control character");
    check_framing(f, name, text);
    struct wn_http_param *header = &s->headers[s->n_headers];
    header->name = wn_arena_dup(&s->request.arena, name);
    header->value = wn_arena_dup(&s->request.arena, wn_str_trim(text));
    if (!header->name.p || !header->value.p)
        refuse(f, 503, NULL, "memory has run out");
    else
        s->n_headers++;
    return MHD_YES;
}

static int check_headers(struct http_state *s, struct MHD_Connection *mhd, bool needs_host,
                         struct wn_why *why)
{
    struct head_facts f = {.s = s, .why = why};
    s->headers = WN_ARENA_ARRAY(&s->request.arena, HTTP_HEADERS_MAX, struct wn_http_param);
    if (!s->headers)
        refuse(&f, 503, NULL, "memory has run out");
    else
        MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, on_header, &f);
    if (f.too_many) {
        f.status = 0;
        *why = (struct wn_why){0};
        refuse(&f, 431, NULL, "more than 64 headers, or more than 8192 bytes of them");
    }
    if (f.n_length > 1)
        refuse(&f, 400, "Content-Length", "must be given only once");
    if (f.n_encoding > 1)
        refuse(&f, 400, "Transfer-Encoding", "must be given only once");
    if (f.n_length > 0 && f.n_encoding > 0)
        refuse(&f, 400, "Transfer-Encoding", "must not stand beside Content-Length");
    if (f.n_host > 1 || (f.n_host == 0 && needs_host))
        refuse(&f, 400, "Host", "must be given exactly once");
    return f.status;
}

static const struct {
    const char *name;
    wn_http_method method;
} methods[] = {
    {"GET", WN_GET},     {"HEAD", WN_HEAD},     {"POST", WN_POST},       {"PUT", WN_PUT},
    {"PATCH", WN_PATCH}, {"DELETE", WN_DELETE}, {"OPTIONS", WN_OPTIONS},
};

const char *wn_http_method_name(wn_http_method m)
{
    for (size_t i = 0; i < WN_COUNT(methods); i++)
        if (methods[i].method == m)
            return methods[i].name;
    return "OTHER";
}

static int check_method(struct http_state *s, const char *method, struct wn_why *why)
{
    s->request.method = WN_METHOD_OTHER;
    for (size_t i = 0; i < WN_COUNT(methods); i++)
        if (strcmp(methods[i].name, method) == 0)
            s->request.method = methods[i].method;
    if (s->request.method != WN_METHOD_OTHER)
        return 0;
    wn_rc ignored = wn_fail(why, WN_UNSUPPORTED, NULL, "the method is not supported");
    (void)ignored;
    if (strcmp(method, "TRACE") != 0 && strcmp(method, "CONNECT") != 0)
        return 501;
    wn_http_set_header(&s->response, WN_STR("Allow"),
                       WN_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    return 405;
}

static int check_target(struct http_state *s, struct wn_why *why)
{
    struct wn_http_request *r = &s->request;
    struct wn_uri uri;
    wn_rc rc = wn_uri_parse(&r->arena, r->target, &uri, why);
    if (rc)
        return rc == WN_LIMIT ? 414 : wn_rc_http_status(rc);
    if (wn_str_eq(uri.path, WN_STR("*")) && r->method != WN_OPTIONS) {
        rc = wn_fail(why, WN_INVALID, NULL, "the target '*' is for OPTIONS only");
        return wn_rc_http_status(rc);
    }
    r->path = uri.path;
    r->query = uri.query;
    r->n_query = uri.n_query;
    return 0;
}

/* The id goes into logs and answers: the client's own when it is harmless there, else a new one. */
static void choose_id(struct http_state *s)
{
    struct wn_http_request *r = &s->request;
    struct wn_str given = wn_http_header(r, "X-Request-Id");
    bool sane = given.n > 0 && given.n < sizeof r->id;
    for (size_t i = 0; sane && i < given.n; i++)
        sane = given.p[i] == '-' || given.p[i] == '_' || given.p[i] == '.' ||
               (is_token_char(given.p[i]) && !strchr("!#$%&'*+^`|~", given.p[i]));
    if (sane) {
        memcpy(r->id, given.p, given.n);
        r->id[given.n] = 0;
        return;
    }
    snprintf(r->id, sizeof r->id, "%016llx%016llx", (unsigned long long)wn_rand_u64(&s->loop->rand),
             (unsigned long long)wn_rand_u64(&s->loop->rand));
}

int http_head_check(struct http_state *s, struct MHD_Connection *mhd, const char *method,
                    const char *version, struct wn_why *why)
{
    struct wn_http_request *r = &s->request;
    struct http_conn *c = s->conn;
    r->target = wn_arena_dup(&r->arena, (struct wn_str){c->target, c->n_target});
    if (!r->target.p)
        r->target = WN_STR("");
    bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    int status = check_headers(s, mhd, !is_1_0, why);
    choose_id(s);
    if (!is_1_0 && !is_1_1) {
        *why = (struct wn_why){0};
        wn_rc ignored = wn_fail(why, WN_UNSUPPORTED, NULL, "only HTTP/1.1 and HTTP/1.0");
        (void)ignored;
        status = 505;
    }
    /* The order: what could end up in another request's bytes first, then what it asks for. */
    if (!status)
        status = check_method(s, method, why);
    if (!status)
        status = check_target(s, why);
    return status;
}
