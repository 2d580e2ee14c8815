/* Protects the bytes of a detector against anything: what does not load is refused, what loads goes
 * on without leaving an array or a finite number, and saves to the same bytes again. The fuzzer's
 * bytes overwrite places of a good state; the hash is made right, so that the checks behind it are
 * reached. A first byte of 0 loads the input as it is. */
#include "winnow/detect.h"

#include "core/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_on(struct wn_detector *d)
{
    struct wn_detect_result r;
    for (int i = 0; i < 200; i++) {
        double v = i % 17 == 0 ? 1e9 : i % 5;
        wn_detect_push(d, INT64_C(1767225600000) + i * INT64_C(300000), v, &r);
        WN_ASSERT(isfinite(r.expected) && isfinite(r.low) && isfinite(r.high) &&
                  isfinite(r.score) && r.low <= r.high);
    }
}

static uint8_t *good_state(struct wn_arena *a, uint8_t seed)
{
    struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
    struct wn_detector *d;
    struct wn_detect_result r;
    uint8_t *bytes = wn_arena_alloc(a, wn_detect_state_bytes());
    if (!bytes || wn_detect_init(a, &options, &d, NULL))
        abort();
    for (int i = 0; i < 40 + seed * 4; i++)
        wn_detect_push(d, i * INT64_C(3600000), (i * 37) % 101, &r);
    wn_detect_save(d, bytes);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena a;
    struct wn_detector *d = NULL;
    size_t n = wn_detect_state_bytes();
    if (size < 2)
        return 0;
    wn_arena_init(&a, 0);
    if (data[0] == 0) {
        wn_rc rc = wn_detect_load(&a, data + 1, size - 1, &d, NULL);
        WN_ASSERT(rc != WN_OK || d);
    } else {
        uint8_t *bytes = good_state(&a, data[1]);
        /* Four bytes of place, then one of value. */
        for (size_t at = 2; at + 4 < size; at += 5) {
            uint32_t where;
            memcpy(&where, data + at, 4);
            bytes[24 + where % (n - 24)] = data[at + 4];
        }
        struct wn_str body = {(const char *)bytes + 24, n - 24};
        uint64_t hash = wn_hash(body, bytes[8]); /* seeded with the version */
        memcpy(bytes + 16, &hash, 8);
        if (wn_detect_load(&a, bytes, n, &d, NULL) == WN_OK) {
            uint8_t *again = wn_arena_alloc(&a, n);
            if (!again)
                abort();
            go_on(d);
            wn_detect_save(d, again);
            WN_ASSERT(wn_detect_load(&a, again, n, &d, NULL) == WN_OK);
        }
    }
    wn_arena_deinit(&a);
    return 0;
}
