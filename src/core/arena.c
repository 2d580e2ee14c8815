#include "core/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024, ALIGN = 16 };

struct wn_arena_block {
    struct wn_arena_block *next;
    size_t size_bytes;
    size_t used_bytes;
    size_t padding; /* keeps data at a multiple of ALIGN */
    unsigned char data[];
};

void wn_arena_init(struct wn_arena *a, size_t max_bytes)
{
    *a = (struct wn_arena){.max_bytes = max_bytes ? max_bytes : SIZE_MAX};
}

void wn_arena_deinit(struct wn_arena *a)
{
    if (!a)
        return;
    while (a->head) {
        struct wn_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
    a->used_bytes = 0;
}

void wn_arena_reset(struct wn_arena *a)
{
    struct wn_arena_block *largest = NULL;
    while (a->head) {
        struct wn_arena_block *block = a->head;
        a->head = block->next;
        if (!largest || block->size_bytes > largest->size_bytes) {
            free(largest);
            largest = block;
        } else {
            free(block);
        }
    }
    if (largest) {
        largest->next = NULL;
        largest->used_bytes = 0;
    }
    a->head = largest;
    a->used_bytes = 0;
}

/* Blocks double with what is already used, so that n allocations cost O(log n) calls of malloc. */
static struct wn_arena_block *add_block(struct wn_arena *a, size_t need_bytes)
{
    size_t size = BLOCK_BYTES;
    while (size < a->used_bytes && size < ((size_t)1 << 24))
        size *= 2;
    if (size < need_bytes)
        size = need_bytes;
    if (size > SIZE_MAX - sizeof(struct wn_arena_block))
        return NULL;
    struct wn_arena_block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    *block = (struct wn_arena_block){.next = a->head, .size_bytes = size};
    a->head = block;
    return block;
}

void *wn_arena_alloc(struct wn_arena *a, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - ALIGN)
        return NULL;
    size_t need = (size_bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need == 0)
        need = ALIGN;
    if (need > a->max_bytes || a->used_bytes > a->max_bytes - need)
        return NULL;
    struct wn_arena_block *block = a->head;
    if (!block || block->size_bytes - block->used_bytes < need) {
        block = add_block(a, need);
        if (!block)
            return NULL;
    }
    void *p = block->data + block->used_bytes;
    block->used_bytes += need;
    a->used_bytes += need;
    memset(p, 0, need);
    return p;
}

void *wn_arena_array(struct wn_arena *a, size_t n, size_t size_bytes)
{
    size_t total;
    if (__builtin_mul_overflow(n, size_bytes, &total))
        return NULL;
    return wn_arena_alloc(a, total);
}

struct wn_str wn_arena_dup(struct wn_arena *a, struct wn_str s)
{
    if (s.n == SIZE_MAX)
        return (struct wn_str){0};
    char *p = wn_arena_alloc(a, s.n + 1);
    if (!p)
        return (struct wn_str){0};
    if (s.n)
        memcpy(p, s.p, s.n);
    return (struct wn_str){p, s.n};
}

struct wn_str wn_arena_printf(struct wn_arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : wn_arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    if (!p)
        return (struct wn_str){0};
    return (struct wn_str){p, (size_t)n};
}
