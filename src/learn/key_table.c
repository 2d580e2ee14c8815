#include "learn/key_table.h"

#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

void wn_key_table_init(struct wn_key_table *t, size_t n_words, size_t n_max)
{
    *t = (struct wn_key_table){.n_words = n_words, .n_max = n_max};
}

void wn_key_table_deinit(struct wn_key_table *t)
{
    free(t->keys);
    free(t->slots);
    *t = (struct wn_key_table){0};
}

/* The slot where key is, or where it belongs. */
static size_t find(const struct wn_key_table *t, const uint64_t *key)
{
    size_t size_bytes = t->n_words * sizeof *key, mask = t->n_slots - 1;
    size_t at = (size_t)wn_hash((struct wn_str){(const char *)key, size_bytes}, 0) & mask;
    while (t->slots[at] &&
           memcmp(t->keys + (size_t)(t->slots[at] - 1) * t->n_words, key, size_bytes) != 0)
        at = (at + 1) & mask;
    return at;
}

static wn_rc grow(struct wn_key_table *t)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        uint64_t *keys = realloc(t->keys, room * t->n_words * sizeof *keys);
        if (!keys)
            return WN_MEMORY;
        t->keys = keys;
        t->room = room;
    }
    if (2 * (t->n + 1) <= t->n_slots)
        return WN_OK;
    size_t n_slots = t->n_slots ? 2 * t->n_slots : 256;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return WN_MEMORY;
    free(t->slots);
    t->slots = slots;
    t->n_slots = n_slots;
    for (size_t i = 0; i < t->n; i++)
        t->slots[find(t, t->keys + i * t->n_words)] = (uint32_t)i + 1;
    return WN_OK;
}

wn_rc wn_key_table_put(struct wn_key_table *t, const uint64_t *key, uint32_t *out)
{
    size_t at = t->n_slots ? find(t, key) : 0;
    if (t->n_slots && t->slots[at]) {
        *out = t->slots[at] - 1;
        return WN_OK;
    }
    if (t->n >= t->n_max)
        return WN_LIMIT;
    wn_rc rc = grow(t);
    if (rc)
        return rc;
    memcpy(t->keys + t->n * t->n_words, key, t->n_words * sizeof *key);
    *out = (uint32_t)t->n++;
    t->slots[find(t, key)] = *out + 1;
    return WN_OK;
}
