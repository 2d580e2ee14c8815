#include "core/hash.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t fold(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t wn_hash(struct wn_str s, uint64_t seed)
{
    const uint64_t k0 = UINT64_C(0xA0761D6478BD642F), k1 = UINT64_C(0xE7037ED1A0B428DB);
    uint64_t h = seed ^ k0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t word;
        memcpy(&word, s.p + i, 8);
        h = fold(h ^ word, k1);
    }
    uint64_t tail = 0;
    if (i < s.n)
        memcpy(&tail, s.p + i, s.n - i);
    return fold(fold(h ^ tail, k0), k1 ^ s.n);
}

void wn_map_init(struct wn_map *m, size_t n_max)
{
    *m = (struct wn_map){.n_max = n_max};
    wn_arena_init(&m->keys, 0);
}

void wn_map_deinit(struct wn_map *m)
{
    wn_arena_deinit(&m->keys);
    free(m->slots);
    m->slots = NULL;
    m->n_slots = m->n = 0;
}

static uint64_t hash_of(struct wn_str key)
{
    uint64_t h = wn_hash(key, 0);
    return h ? h : 1;
}

/* The slot of key, or the empty one where it belongs. There is always an empty one. */
static struct wn_map_slot *slot_of(const struct wn_map *m, uint64_t hash, struct wn_str key)
{
    size_t mask = m->n_slots - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct wn_map_slot *slot = &m->slots[i];
        if (slot->hash == 0 || (slot->hash == hash && wn_str_eq(slot->key, key)))
            return slot;
    }
}

uint32_t *wn_map_get(const struct wn_map *m, struct wn_str key)
{
    if (m->n_slots == 0)
        return NULL;
    struct wn_map_slot *slot = slot_of(m, hash_of(key), key);
    return slot->hash ? &slot->value : NULL;
}

static wn_rc grow(struct wn_map *m)
{
    size_t n_slots = m->n_slots ? m->n_slots * 2 : 64;
    struct wn_map_slot *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return WN_MEMORY;
    struct wn_map old = *m;
    m->slots = slots;
    m->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slots[i].hash)
            *slot_of(m, old.slots[i].hash, old.slots[i].key) = old.slots[i];
    free(old.slots);
    return WN_OK;
}

wn_rc wn_map_put(struct wn_map *m, struct wn_str key, uint32_t value, uint32_t **out, bool *added)
{
    if ((m->n + 1) * 4 > m->n_slots * 3) {
        wn_rc rc = grow(m);
        if (rc)
            return rc;
    }
    uint64_t hash = hash_of(key);
    struct wn_map_slot *slot = slot_of(m, hash, key);
    bool is_new = slot->hash == 0;
    if (is_new) {
        if (m->n >= m->n_max)
            return WN_LIMIT;
        struct wn_str copy = wn_arena_dup(&m->keys, key);
        if (!copy.p)
            return WN_MEMORY;
        *slot = (struct wn_map_slot){hash, copy, value};
        m->n++;
    }
    *out = &slot->value;
    if (added)
        *added = is_new;
    return WN_OK;
}
