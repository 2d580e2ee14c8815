#include "core/json.h"

#include "core/date.h"
#include "core/num.h"

#include <stdio.h>

const struct wn_json *wn_json_get(const struct wn_json *v, const char *key)
{
    if (!v || v->kind != WN_JSON_OBJECT)
        return NULL;
    struct wn_str name = wn_str_of(key);
    for (size_t i = 0; i < v->n_items; i++)
        if (wn_str_eq(v->items[i].key, name))
            return &v->items[i];
    return NULL;
}

static wn_rc wrong_type(struct wn_why *why, const char *key, const char *expected)
{
    char field[WN_WHY_FIELD_MAX];
    snprintf(field, sizeof field, "/%s", key);
    return wn_fail(why, WN_INVALID, field, "must be %s", expected);
}

/* The member, or NULL when it is missing or null. */
static const struct wn_json *present(const struct wn_json *v, const char *key)
{
    const struct wn_json *member = wn_json_get(v, key);
    return member && member->kind != WN_JSON_NULL ? member : NULL;
}

wn_rc wn_json_get_text(const struct wn_json *v, const char *key, struct wn_str *out,
                       struct wn_why *why)
{
    const struct wn_json *member = present(v, key);
    if (!member)
        return WN_NOT_FOUND;
    if (member->kind != WN_JSON_TEXT)
        return wrong_type(why, key, "a string");
    *out = member->text;
    return WN_OK;
}

wn_rc wn_json_get_i64(const struct wn_json *v, const char *key, int64_t *out, struct wn_why *why)
{
    const struct wn_json *member = present(v, key);
    if (!member)
        return WN_NOT_FOUND;
    if (member->kind != WN_JSON_INT)
        return wrong_type(why, key, "a whole number");
    *out = member->integer;
    return WN_OK;
}

wn_rc wn_json_get_f64(const struct wn_json *v, const char *key, double *out, struct wn_why *why)
{
    const struct wn_json *member = present(v, key);
    if (!member)
        return WN_NOT_FOUND;
    if (member->kind != WN_JSON_INT && member->kind != WN_JSON_REAL)
        return wrong_type(why, key, "a number");
    *out = member->real;
    return WN_OK;
}

wn_rc wn_json_get_bool(const struct wn_json *v, const char *key, bool *out, struct wn_why *why)
{
    const struct wn_json *member = present(v, key);
    if (!member)
        return WN_NOT_FOUND;
    if (member->kind != WN_JSON_BOOL)
        return wrong_type(why, key, "true or false");
    *out = member->boolean;
    return WN_OK;
}

void wn_json_write_init(struct wn_json_writer *w, struct wn_buf *out, uint8_t indent)
{
    *w = (struct wn_json_writer){.out = out, .indent = indent};
}

static void new_line(struct wn_json_writer *w)
{
    if (!w->indent)
        return;
    wn_buf_append_char(w->out, '\n');
    for (int i = 0; i < w->depth * w->indent; i++)
        wn_buf_append_char(w->out, ' ');
}

/* What stands between the previous value and this one. */
static void before_value(struct wn_json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (w->has_item[w->depth - 1])
        wn_buf_append_char(w->out, ',');
    w->has_item[w->depth - 1] = true;
    new_line(w);
}

static void begin(struct wn_json_writer *w, char opener, char closer)
{
    before_value(w);
    WN_ASSERT(w->depth < WN_JSON_DEPTH_MAX);
    wn_buf_append_char(w->out, opener);
    w->has_item[w->depth] = false;
    w->closer[w->depth] = closer;
    w->depth++;
}

void wn_json_begin_object(struct wn_json_writer *w)
{
    begin(w, '{', '}');
}

void wn_json_begin_array(struct wn_json_writer *w)
{
    begin(w, '[', ']');
}

void wn_json_end(struct wn_json_writer *w)
{
    WN_ASSERT(w->depth > 0 && !w->after_key);
    w->depth--;
    if (w->has_item[w->depth])
        new_line(w);
    wn_buf_append_char(w->out, w->closer[w->depth]);
}

static void quoted(struct wn_buf *out, struct wn_str s)
{
    static const char hex[] = "0123456789abcdef";
    wn_buf_append_char(out, '"');
    size_t done = 0;
    size_t bad = s.n;
    bool valid = wn_str_utf8_valid(s, &bad);
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!valid && i == bad) {
            wn_buf_append(out, wn_str_slice(s, done, i));
            wn_buf_append_z(out, "\xEF\xBF\xBD");
            done = i + 1;
            bad = s.n;
            size_t next = 0;
            valid = wn_str_utf8_valid(wn_str_slice(s, done, s.n), &next);
            if (!valid)
                bad = done + next;
            continue;
        }
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F)
            continue;
        wn_buf_append(out, wn_str_slice(s, done, i));
        done = i + 1;
        if (c == '"' || c == '\\') {
            wn_buf_append_char(out, '\\');
            wn_buf_append_char(out, (char)c);
        } else if (c == '\n') {
            wn_buf_append_z(out, "\\n");
        } else if (c == '\t') {
            wn_buf_append_z(out, "\\t");
        } else {
            wn_buf_append_z(out, "\\u00");
            wn_buf_append_char(out, hex[c >> 4]);
            wn_buf_append_char(out, hex[c & 15]);
        }
    }
    wn_buf_append(out, wn_str_slice(s, done, s.n));
    wn_buf_append_char(out, '"');
}

void wn_json_key_str(struct wn_json_writer *w, struct wn_str key)
{
    WN_ASSERT(w->depth > 0 && w->closer[w->depth - 1] == '}' && !w->after_key);
    before_value(w);
    quoted(w->out, key);
    wn_buf_append_z(w->out, w->indent ? ": " : ":");
    w->after_key = true;
}

void wn_json_key(struct wn_json_writer *w, const char *key)
{
    wn_json_key_str(w, wn_str_of(key));
}

static void plain(struct wn_json_writer *w, struct wn_str text)
{
    before_value(w);
    wn_buf_append(w->out, text);
}

void wn_json_null(struct wn_json_writer *w)
{
    plain(w, WN_STR("null"));
}

void wn_json_bool(struct wn_json_writer *w, bool value)
{
    plain(w, value ? WN_STR("true") : WN_STR("false"));
}

void wn_json_i64(struct wn_json_writer *w, int64_t value)
{
    before_value(w);
    wn_buf_printf(w->out, "%lld", (long long)value);
}

void wn_json_f64(struct wn_json_writer *w, double value)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = wn_print_f64(value, text);
    plain(w, (struct wn_str){text, n});
}

void wn_json_micros(struct wn_json_writer *w, int64_t micros)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = wn_print_micros(micros, text);
    plain(w, (struct wn_str){text, n});
}

void wn_json_text(struct wn_json_writer *w, struct wn_str text)
{
    before_value(w);
    quoted(w->out, text);
}

void wn_json_text_z(struct wn_json_writer *w, const char *text)
{
    wn_json_text(w, wn_str_of(text));
}

void wn_json_day(struct wn_json_writer *w, int32_t day)
{
    char text[WN_DAY_TEXT_MAX];
    size_t n = wn_print_day(day, text);
    wn_json_text(w, (struct wn_str){text, n});
}

void wn_json_time(struct wn_json_writer *w, int64_t moment_ms)
{
    char text[WN_TIME_TEXT_MAX];
    size_t n = wn_print_time(moment_ms, text);
    wn_json_text(w, (struct wn_str){text, n});
}

void wn_json_tree(struct wn_json_writer *w, const struct wn_json *v)
{
    switch (v->kind) {
    case WN_JSON_NULL:
        wn_json_null(w);
        return;
    case WN_JSON_BOOL:
        wn_json_bool(w, v->boolean);
        return;
    case WN_JSON_INT:
        wn_json_i64(w, v->integer);
        return;
    case WN_JSON_REAL:
        wn_json_f64(w, v->real);
        return;
    case WN_JSON_TEXT:
        wn_json_text(w, v->text);
        return;
    case WN_JSON_ARRAY:
    case WN_JSON_OBJECT:
        break;
    }
    bool is_object = v->kind == WN_JSON_OBJECT;
    begin(w, is_object ? '{' : '[', is_object ? '}' : ']');
    for (size_t i = 0; i < v->n_items; i++) {
        if (is_object)
            wn_json_key_str(w, v->items[i].key);
        wn_json_tree(w, &v->items[i]);
    }
    wn_json_end(w);
}

void wn_json_raw(struct wn_json_writer *w, struct wn_str json)
{
    plain(w, json);
}
