/* From values to slots: hashes salted by field, buckets of numbers, crosses, the table. */
#include "learn/ctr_int.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#define K0 UINT64_C(0x9E3779B97F4A7C15)
#define K1 UINT64_C(0xBF58476D1CE4E5B9)
#define K2 UINT64_C(0x94D049BB133111EB)

static inline uint64_t load64(const char *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

static inline uint64_t load32(const char *p)
{
    uint32_t x;
    memcpy(&x, p, 4);
    return x;
}

/* Two words and a length: different for different (a, b, n) of one salt but for chance. */
static inline uint64_t mix(uint64_t salt, uint64_t a, uint64_t b, uint64_t n)
{
    uint64_t h = (salt ^ n * K0 ^ a) * K1;
    h ^= h >> 32;
    h = (h ^ b) * K2;
    h ^= h >> 29;
    h *= K1;
    return h ^ h >> 32;
}

/* Values are short: two overlapping loads take in up to 16 bytes without a loop. Words are read
 * little-endian; wn_ctr_save refuses other machines. */
uint64_t ctr_hash_bytes(const char *p, size_t n, uint64_t salt)
{
    if (n > 16) {
        uint64_t h = salt;
        for (size_t i = 0; i + 16 < n; i += 16)
            h = mix(h, load64(p + i), load64(p + i + 8), 16);
        return mix(h, load64(p + n - 16), load64(p + n - 8), n);
    }
    if (n >= 8)
        return mix(salt, load64(p), load64(p + n - 8), n);
    if (n >= 4)
        return mix(salt, load32(p) | load32(p + n - 4) << 32, 0, n);
    if (n == 0)
        return mix(salt, 0, 0, 0);
    uint64_t a = (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n >> 1] << 8 |
                 (uint64_t)(uint8_t)p[n - 1] << 16;
    return mix(salt, a, 0, n);
}

uint64_t ctr_hash_pair(uint64_t a, uint64_t b)
{
    return mix(a, b, K2, 64);
}

struct wn_ctr_feature wn_ctr_feature_text(const struct wn_ctr *m, uint32_t field, struct wn_str s)
{
    WN_ASSERT(field < m->n_fields);
    return (struct wn_ctr_feature){ctr_hash_bytes(s.p, s.n, m->fields[field].salt), field, 1};
}

/* Steps of the buckets: 0, 1, 2 themselves; 300 + a quarter of a power of two below; 1000 + ln^2
 * above. */
static int32_t bucket_of(const struct wn_ctr *m, double x)
{
    double size = fmin(fabs(x), DBL_MAX);
    int32_t bucket;
    if (size <= 2 && size == floor(size))
        bucket = (int32_t)size;
    else if (size < 2)
        bucket = 300 + (int32_t)floor(4 * log2(fmax(size, 0x1p-64)));
    else if (size < CTR_WHOLE_N)
        bucket = 1000 + m->whole_bucket[(size_t)size];
    else
        bucket = 1000 + (int32_t)(log(size) * log(size));
    return x < 0 ? -1 - bucket : bucket;
}

struct wn_ctr_feature wn_ctr_feature_number(const struct wn_ctr *m, uint32_t field, double x)
{
    if (isnan(x))
        return wn_ctr_feature_text(m, field, (struct wn_str){0});
    WN_ASSERT(field < m->n_fields);
    uint64_t bucket = (uint64_t)(int64_t)bucket_of(m, x);
    /* A length that no text has keeps numbers and texts apart. */
    return (struct wn_ctr_feature){mix(m->fields[field].salt, bucket, 0, UINT64_MAX), field, 1};
}

/* ---- crosses ----------------------------------------------------------------------------------
 */

/* The places of each field's features as chains: first[field], next[place], both + 1. */
struct chains {
    uint16_t first[WN_CTR_FIELDS_MAX];
    uint16_t next[WN_CTR_FEATURES_MAX];
};

static void chain_up(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                     struct chains *c)
{
    memset(c->first, 0, m->n_fields * sizeof c->first[0]);
    for (size_t i = n; i-- > 0;) {
        uint32_t field = features[i].field;
        if (field >= m->n_fields)
            continue;
        c->next[i] = c->first[field];
        c->first[field] = (uint16_t)(i + 1);
    }
}

static void expand_cross(const struct wn_ctr *m, uint32_t field, const struct chains *c,
                         struct ctr_expanded *out)
{
    const struct ctr_field *f = &m->fields[field];
    for (uint16_t i = c->first[f->a]; i; i = c->next[i - 1])
        for (uint16_t j = c->first[f->b]; j; j = c->next[j - 1]) {
            if (out->n == CTR_EXPANDED_MAX)
                return;
            const struct wn_ctr_feature *a = &out->own[i - 1], *b = &out->own[j - 1];
            out->own[out->n++] = (struct wn_ctr_feature){ctr_hash_pair(a->hash ^ f->salt, b->hash),
                                                         field, a->x * b->x};
        }
}

void ctr_expand(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                struct ctr_expanded *out)
{
    out->features = features;
    out->n = n < WN_CTR_FEATURES_MAX ? n : WN_CTR_FEATURES_MAX;
    if (!m->n_crosses || n == 0)
        return;
    struct chains chains;
    chain_up(m, features, out->n, &chains);
    memcpy(out->own, features, out->n * sizeof *features);
    out->features = out->own;
    for (uint32_t field = 0; field < m->n_fields; field++)
        if (m->fields[field].a != WN_CTR_NONE)
            expand_cross(m, field, &chains, out);
}

/* ---- the table --------------------------------------------------------------------------------
 */

struct ctr_slot *ctr_slot_claim(struct wn_ctr *m, uint64_t hash, float information)
{
    struct ctr_slot *found = ctr_slot_get(m, hash), *bucket = ctr_bucket(m, hash), *least = bucket;
    if (found)
        return found;
    for (size_t i = 0; i < CTR_BUCKET; i++) {
        if (bucket[i].tag == 0) {
            m->n_used++;
            bucket[i].tag = ctr_tag(hash);
            return &bucket[i];
        }
        if (bucket[i].q < least->q)
            least = &bucket[i];
    }
    m->n_forgotten++;
    if (least->q > information)
        return NULL;
    *least = (struct ctr_slot){.tag = ctr_tag(hash)};
    return least;
}

/* Two counters by two parts of the hash; the smaller one is nearer to the truth. */
bool ctr_gate_pass(struct wn_ctr *m, uint64_t hash)
{
    uint8_t *a = &m->sketch[(hash >> 7) & m->sketch_mask];
    uint8_t *b = &m->sketch[(hash * K2 >> 24) & m->sketch_mask];
    uint8_t least = *a < *b ? *a : *b;
    if (least + 1u >= m->options.n_gate)
        return true;
    *a = (uint8_t)(*a == least ? least + 1 : *a);
    *b = (uint8_t)(*b == least ? least + 1 : *b);
    return false;
}

wn_rc ctr_sketch_new(struct wn_ctr *m)
{
    size_t n = (size_t)1 << (m->options.bits < 22 ? m->options.bits : 22);
    m->sketch = calloc(n, 1);
    m->sketch_mask = n - 1;
    return m->sketch ? WN_OK : WN_MEMORY;
}
