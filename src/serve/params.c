#include "serve/serve_int.h"

#include "core/date.h"
#include "core/num.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 4096, NAME_SHOWN_MAX = 64, NAMES_MAX = 32 };

/* Number of single-letter changes that turn a into b (Levenshtein), capped names only. */
static size_t distance(struct wn_str a, struct wn_str b)
{
    size_t row[NAME_SHOWN_MAX + 1];
    if (a.n > NAME_SHOWN_MAX || b.n > NAME_SHOWN_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = diagonal + (a.p[i - 1] == b.p[j - 1] ? 0 : 1);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.n];
}

const char *wn_nearest_name(struct wn_str name, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        struct wn_str known = wn_str_of(names[i]);
        size_t d = distance(name, known);
        if (known.n > 2 && name.n > 2 && (wn_str_starts(known, name) || wn_str_starts(name, known)))
            d = d < 2 ? d : 2; /* a beginning or an extension is near, too */
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    size_t allowed = name.n < 4 ? 1 : name.n < 6 ? 2 : 3;
    return best_distance <= allowed ? best : NULL;
}

static const char *shown(struct wn_arena *a, struct wn_str s)
{
    struct wn_str z = wn_arena_printf(a, "%.*s", (int)(s.n < NAME_SHOWN_MAX ? s.n : NAME_SHOWN_MAX),
                                      s.p ? s.p : "");
    return z.p ? z.p : "";
}

static wn_rc unknown(struct wn_arena *a, struct wn_str name, const struct wn_param *params,
                     struct wn_why *why)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    for (const struct wn_param *p = params; p && p->name && n < NAMES_MAX; p++)
        names[n++] = p->name;
    const char *z = shown(a, name);
    const char *near = wn_nearest_name(name, names, n);
    if (near)
        return wn_fail(why, WN_INVALID, z, "there is no parameter '%s'; did you mean '%s'?", z,
                       near);
    if (n == 0)
        return wn_fail(why, WN_INVALID, z, "there is no parameter '%s': this call takes none", z);
    struct wn_buf list;
    wn_buf_init(&list, 1024);
    for (size_t i = 0; i < n; i++)
        wn_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    wn_rc rc = wn_fail(why, WN_INVALID, z, "there is no parameter '%s'; this call knows %.*s", z,
                       (int)list.n, list.p);
    wn_buf_deinit(&list);
    return rc;
}

static bool is_one_of(const char *values, struct wn_str value)
{
    struct wn_str rest = wn_str_of(values), part;
    while (wn_str_cut(&rest, '|', &part))
        if (wn_str_eq(part, value))
            return true;
    return false;
}

static wn_rc check_value(struct wn_arena *a, const struct wn_param *p, struct wn_str value,
                         struct wn_why *why)
{
    int32_t day;
    int64_t number;
    switch (p->kind) {
    case WN_PARAM_TEXT:
        if (value.n > TEXT_BYTES_MAX)
            return wn_fail(why, WN_INVALID, p->name, "%s is longer than %d bytes", p->name,
                           TEXT_BYTES_MAX);
        return WN_OK;
    case WN_PARAM_DAY:
        if (!wn_parse_day(value, &day))
            return wn_fail(why, WN_INVALID, p->name,
                           "%s is '%s', which is no day: give YYYY-MM-DD, between 1970-01-01 and "
                           "2199-12-31",
                           p->name, shown(a, value));
        return WN_OK;
    case WN_PARAM_INT:
        if (!wn_parse_i64(value, &number) || number < p->min || number > p->max)
            return wn_fail(why, WN_INVALID, p->name,
                           "%s is '%s': give a whole number from %lld to %lld", p->name,
                           shown(a, value), (long long)p->min, (long long)p->max);
        return WN_OK;
    case WN_PARAM_ENUM:
        if (!is_one_of(p->values, value))
            return wn_fail(why, WN_INVALID, p->name, "%s is '%s': give one of %s", p->name,
                           shown(a, value), p->values);
        return WN_OK;
    case WN_PARAM_BOOL:
        if (!is_one_of("true|false|1|0", value))
            return wn_fail(why, WN_INVALID, p->name, "%s is '%s': give true or false", p->name,
                           shown(a, value));
        return WN_OK;
    }
    return wn_fail(why, WN_INTERNAL, p->name, "parameter %s has no kind", p->name);
}

static const struct wn_param *param_of(const struct wn_param *params, struct wn_str name)
{
    for (const struct wn_param *p = params; p && p->name; p++)
        if (wn_str_eq(name, wn_str_of(p->name)))
            return p;
    return NULL;
}

static wn_rc check_order(const struct wn_http_request *r, const struct wn_param *params,
                         struct wn_why *why)
{
    struct wn_str from, to;
    int32_t day_from, day_to;
    if (!param_of(params, WN_STR("from")) || !wn_http_query(r, "from", &from) ||
        !wn_http_query(r, "to", &to) || !wn_parse_day(from, &day_from) ||
        !wn_parse_day(to, &day_to))
        return WN_OK;
    if (day_from > day_to)
        return wn_fail(why, WN_INVALID, "from", "from (%.*s) is after to (%.*s)", WN_STR_ARG(from),
                       WN_STR_ARG(to));
    return WN_OK;
}

wn_rc wn_params_check(const struct wn_http_request *r, const struct wn_param *params,
                      struct wn_arena *a, struct wn_why *why)
{
    for (size_t i = 0; i < r->n_query; i++) {
        struct wn_str name = r->query[i].name, value = r->query[i].value;
        if (!wn_str_utf8_valid(name, NULL))
            return wn_fail(why, WN_INVALID, "query", "the name of a parameter is not valid UTF-8");
        const struct wn_param *p = param_of(params, name);
        if (!p)
            return unknown(a, name, params, why);
        if (!wn_str_utf8_valid(value, NULL) || (value.n && memchr(value.p, 0, value.n)))
            return wn_fail(why, WN_INVALID, p->name, "%s is not valid UTF-8 text", p->name);
        for (size_t k = 0; k < i; k++)
            if (wn_str_eq(r->query[k].name, name))
                return wn_fail(why, WN_INVALID, p->name, "%s is given twice", p->name);
        wn_rc rc = check_value(a, p, value, why);
        if (rc)
            return rc;
    }
    return check_order(r, params, why);
}
