/* Hashing for tables and identity (not for secrets), and a text -> number map. */
#ifndef WN_CORE_HASH_H
#define WN_CORE_HASH_H

#include "core/arena.h"
#include "core/error.h"

/* 64-bit hash of bytes: wyhash's multiply-and-fold idea over 8-byte words. Same on all machines. */
uint64_t wn_hash(struct wn_str s, uint64_t seed);

/* A map from text to uint32, open addressing; keys are copied into its arena. */
struct wn_map {
    struct wn_arena keys;
    struct wn_map_slot *slots;
    size_t n_slots; /* a power of two, or 0 */
    size_t n;
    size_t n_max; /* LIMIT beyond it */
};

struct wn_map_slot {
    uint64_t hash; /* 0 = empty */
    struct wn_str key;
    uint32_t value;
};

void wn_map_init(struct wn_map *m, size_t n_max);
void wn_map_deinit(struct wn_map *m);
/* The place of key's value, or NULL: borrowed until the next put. */
uint32_t *wn_map_get(const struct wn_map *m, struct wn_str key);
/* Finds key or adds it with the value given; *out points at its value until the next put. *added
 * (may be NULL) tells which. Fails: MEMORY, LIMIT. */
WN_MUST_USE wn_rc wn_map_put(struct wn_map *m, struct wn_str key, uint32_t value, uint32_t **out,
                             bool *added);

#endif
