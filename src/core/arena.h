/* An arena: memory that is given back all at once. One per request, per job, per batch.
 *
 * Who calls owns the arena and passes it; who allocates in it frees nothing. Not thread-safe. */
#ifndef WN_CORE_ARENA_H
#define WN_CORE_ARENA_H

#include "core/str.h"

struct wn_arena_block;

struct wn_arena {
    struct wn_arena_block *head; /* the newest block */
    size_t used_bytes;           /* handed out, in all blocks */
    size_t max_bytes;            /* allocations beyond it return NULL; set at init */
};

/* max_bytes 0 means no limit. Allocates nothing yet. */
void wn_arena_init(struct wn_arena *a, size_t max_bytes);
/* Frees every block; the arena may be used again. Accepts a zeroed or NULL arena. */
void wn_arena_deinit(struct wn_arena *a);
/* Forgets what was allocated but keeps the largest block for the next round. */
void wn_arena_reset(struct wn_arena *a);

/* Zeroed memory, aligned for any type; NULL when memory or the limit is reached. Size 0 gives a
 * pointer that must not be read. */
WN_MUST_USE void *wn_arena_alloc(struct wn_arena *a, size_t size_bytes);
/* As above for n * size bytes; an overflow of the product gives NULL. */
WN_MUST_USE void *wn_arena_array(struct wn_arena *a, size_t n, size_t size_bytes);
/* A copy with a NUL behind it (n does not count it); p is NULL when memory has run out. */
WN_MUST_USE struct wn_str wn_arena_dup(struct wn_arena *a, struct wn_str s);
/* A printed string, NUL-terminated behind its n; p is NULL when memory has run out. */
WN_MUST_USE struct wn_str wn_arena_printf(struct wn_arena *a, const char *format, ...)
    WN_PRINTF(2, 3);

#define WN_ARENA_NEW(arena, type) ((type *)wn_arena_alloc((arena), sizeof(type)))
#define WN_ARENA_ARRAY(arena, n, type) ((type *)wn_arena_array((arena), (n), sizeof(type)))

#endif
