/* A growing byte buffer, born with its maximum. It remembers its first failure: append freely and
 * check once, when finishing. */
#ifndef WN_CORE_BUF_H
#define WN_CORE_BUF_H

#include "core/error.h"
#include "core/str.h"

struct wn_buf {
    char *p; /* malloc'd; not NUL-terminated */
    size_t n;
    size_t size_bytes;
    size_t max_bytes;
    wn_rc failed; /* MEMORY or LIMIT; appends do nothing from then on */
};

/* Allocates nothing yet. max_bytes must be > 0. */
void wn_buf_init(struct wn_buf *b, size_t max_bytes);
/* Accepts a zeroed buffer. */
void wn_buf_deinit(struct wn_buf *b);
/* Empties it, keeps the memory and forgets a failure. */
void wn_buf_reset(struct wn_buf *b);
void wn_buf_append(struct wn_buf *b, struct wn_str s);
void wn_buf_append_z(struct wn_buf *b, const char *z);
void wn_buf_append_char(struct wn_buf *b, char c);
void wn_buf_printf(struct wn_buf *b, const char *format, ...) WN_PRINTF(2, 3);
/* Room for n more bytes at the end, or NULL; then count them in with wn_buf_used. */
char *wn_buf_room(struct wn_buf *b, size_t n);
void wn_buf_used(struct wn_buf *b, size_t n);
/* What is in it: borrowed until the next append. */
struct wn_str wn_buf_str(const struct wn_buf *b);
/* The first failure, with its text; WN_OK when there was none. */
WN_MUST_USE wn_rc wn_buf_check(const struct wn_buf *b, struct wn_why *why);

#endif
