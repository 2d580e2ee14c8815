#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void wn_buf_init(struct wn_buf *b, size_t max_bytes)
{
    WN_ASSERT(max_bytes > 0);
    *b = (struct wn_buf){.max_bytes = max_bytes};
}

void wn_buf_deinit(struct wn_buf *b)
{
    free(b->p);
    b->p = NULL;
    b->n = b->size_bytes = 0;
}

void wn_buf_reset(struct wn_buf *b)
{
    b->n = 0;
    b->failed = WN_OK;
}

char *wn_buf_room(struct wn_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max_bytes - b->n) {
        b->failed = WN_LIMIT;
        return NULL;
    }
    if (b->n + n > b->size_bytes) {
        size_t size = b->size_bytes ? b->size_bytes : 256;
        while (size < b->n + n)
            size = size > b->max_bytes / 2 ? b->max_bytes : size * 2;
        char *p = realloc(b->p, size);
        if (!p) {
            b->failed = WN_MEMORY;
            return NULL;
        }
        b->p = p;
        b->size_bytes = size;
    }
    return b->p + b->n;
}

void wn_buf_used(struct wn_buf *b, size_t n)
{
    WN_ASSERT(n <= b->size_bytes - b->n);
    b->n += n;
}

void wn_buf_append(struct wn_buf *b, struct wn_str s)
{
    char *p = s.n ? wn_buf_room(b, s.n) : NULL;
    if (!p)
        return;
    memcpy(p, s.p, s.n);
    b->n += s.n;
}

void wn_buf_append_z(struct wn_buf *b, const char *z)
{
    wn_buf_append(b, wn_str_of(z));
}

void wn_buf_append_char(struct wn_buf *b, char c)
{
    char *p = wn_buf_room(b, 1);
    if (!p)
        return;
    *p = c;
    b->n += 1;
}

void wn_buf_printf(struct wn_buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : wn_buf_room(b, (size_t)n + 1);
    if (!p)
        return;
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    b->n += (size_t)n;
}

struct wn_str wn_buf_str(const struct wn_buf *b)
{
    return (struct wn_str){b->p ? b->p : "", b->n};
}

wn_rc wn_buf_check(const struct wn_buf *b, struct wn_why *why)
{
    if (b->failed == WN_LIMIT)
        return wn_fail(why, WN_LIMIT, NULL, "the text is longer than %zu bytes", b->max_bytes);
    if (b->failed)
        return wn_fail(why, b->failed, NULL, "%s", wn_rc_text(b->failed));
    return WN_OK;
}
