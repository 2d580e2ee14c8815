#include "serve/serve_int.h"

#include <string.h>

/* Compares a path with a pattern part by part; what stands for {args} goes into args. */
static bool matches(const char *pattern, struct wn_str path, struct wn_str args[WN_PATH_ARGS_MAX],
                    size_t *n_args)
{
    struct wn_str rest_pattern = wn_str_of(pattern), rest_path = path, want, got;
    *n_args = 0;
    for (;;) {
        bool more_pattern = wn_str_cut(&rest_pattern, '/', &want);
        bool more_path = wn_str_cut(&rest_path, '/', &got);
        if (more_pattern != more_path)
            return false;
        if (!more_pattern)
            return true;
        if (want.n && want.p[0] == '{') {
            if (!got.n)
                return false;
            WN_ASSERT(*n_args < WN_PATH_ARGS_MAX);
            args[(*n_args)++] = got;
        } else if (!wn_str_eq(want, got)) {
            return false;
        }
    }
}

static const char *allow_text(struct wn_arena *a, unsigned methods)
{
    struct wn_buf list;
    wn_buf_init(&list, 128);
    wn_buf_append_z(&list, "OPTIONS");
    for (unsigned m = WN_GET; m < WN_OPTIONS; m++) {
        if (methods & (1u << m))
            wn_buf_printf(&list, ", %s", wn_http_method_name((wn_http_method)m));
        if (m == WN_GET && (methods & (1u << m)))
            wn_buf_append_z(&list, ", HEAD");
    }
    struct wn_str text = wn_arena_dup(a, wn_buf_str(&list));
    wn_buf_deinit(&list);
    return text.p ? text.p : "OPTIONS";
}

/* Where several patterns fit, the one whose first {arg} comes latest is the most literal. */
static size_t literal_length(const char *pattern)
{
    const char *brace = strchr(pattern, '{');
    return brace ? (size_t)(brace - pattern) : SIZE_MAX;
}

wn_match wn_route_match(wn_http_method method, struct wn_str path, struct wn_arena *a,
                        const struct wn_route **route, struct wn_str args[WN_PATH_ARGS_MAX],
                        const char **allow)
{
    wn_http_method wanted = method == WN_HEAD ? WN_GET : method;
    const struct wn_route *best = NULL;
    unsigned methods = 0;
    for (size_t i = 0; i < wn_n_routes; i++) {
        struct wn_str found[WN_PATH_ARGS_MAX];
        size_t n_found;
        if (!matches(wn_routes[i].path, path, found, &n_found))
            continue;
        methods |= 1u << wn_routes[i].method;
        if (wn_routes[i].method != wanted ||
            (best && literal_length(best->path) >= literal_length(wn_routes[i].path)))
            continue;
        best = &wn_routes[i];
        memcpy(args, found, n_found * sizeof found[0]);
    }
    if (best) {
        *route = best;
        return WN_MATCH_ROUTE;
    }
    if (!methods)
        return WN_MATCH_NONE;
    *allow = allow_text(a, methods);
    return WN_MATCH_METHOD;
}
