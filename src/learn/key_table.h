/* Numbers for keys of whole words: sets of channels, states of chains, groups of customers. */
#ifndef WN_LEARN_KEY_TABLE_H
#define WN_LEARN_KEY_TABLE_H

#include "core/error.h"

/* Keys of a fixed number of words, each given the next number when it is first seen. */
struct wn_key_table {
    size_t n_words;  /* of a key */
    size_t n, n_max; /* keys; LIMIT beyond n_max */
    size_t room;     /* of keys */
    uint64_t *keys;  /* malloc'd: [n][n_words] */
    uint32_t *slots; /* malloc'd: number + 1, 0 = empty */
    size_t n_slots;  /* a power of two, or 0 */
};
void wn_key_table_init(struct wn_key_table *t, size_t n_words, size_t n_max);
void wn_key_table_deinit(struct wn_key_table *t);
/* Fails: LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_key_table_put(struct wn_key_table *t, const uint64_t *key, uint32_t *out);

#endif
