/* Protects the reading of paths, events and lift tests, and attribution, against any bytes: no
 * crash, the same paths however the bytes are cut, credits that are finite and add up. The first
 * byte seeds the cuts and chooses options. */
#include "core/hash.h"
#include "learn/attribute_csv.h"

#include <math.h>
#include <string.h>

enum { PATHS_FEW = 300, CHANNELS_FEW = 20 };

static wn_rc read(struct wn_str text, struct wn_rand *cuts, struct wn_arena *a,
                  struct wn_path_csv *out, struct wn_why *why)
{
    struct wn_path_csv_reader *r = NULL;
    wn_rc rc = wn_path_csv_new(&r, why);
    for (size_t at = 0; at < text.n && !rc;) {
        size_t n = cuts ? 1 + (size_t)wn_rand_below(cuts, 9) : text.n;
        struct wn_str piece = wn_str_slice(text, at, at + n);
        rc = wn_path_csv_push(r, piece, why);
        at += piece.n;
    }
    if (!rc)
        rc = wn_path_csv_finish(r, NULL, a, out, why);
    wn_path_csv_free(r);
    return rc;
}

static uint64_t hash_of(const struct wn_path_csv *csv)
{
    const struct wn_paths *p = &csv->paths;
    uint64_t hash = p->n;
    for (size_t c = 0; c < p->n_channels; c++)
        hash = wn_hash(csv->channels[c], hash);
    hash = wn_hash((struct wn_str){(const char *)p->starts, (p->n + 1) * sizeof *p->starts}, hash);
    hash = wn_hash((struct wn_str){(const char *)p->touches, p->starts[p->n] * 2}, hash);
    return wn_hash((struct wn_str){(const char *)p->conversions, p->n * 8}, hash);
}

static void attribute(const struct wn_path_csv *csv, struct wn_arena *a, uint8_t choice)
{
    struct wn_rand r;
    struct wn_attribution out;
    struct wn_why why = {0};
    wn_rand_init(&r, choice);
    const struct wn_attribute_options o = {.order = 1 + choice % WN_MARKOV_ORDER_MAX,
                                           .order_auto = choice & 64,
                                           .n_bootstraps = choice & 128 ? 3 : 0,
                                           .n_permutations = 6,
                                           .has_direct = choice & 32};
    wn_rc rc = wn_attribute(a, &csv->paths, &o, &r, &out, &why);
    WN_ASSERT(rc == WN_OK); /* what the reader lets through is in range */
    for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
        double sum = 0;
        for (size_t c = 0; c < out.n_channels; c++) {
            const struct wn_credit *x = &out.credits[m][c];
            WN_ASSERT(isfinite(x->conversions) && isfinite(x->low) && isfinite(x->high));
            WN_ASSERT(isfinite(x->value) && isfinite(x->value_low) && isfinite(x->value_high));
            WN_ASSERT(x->low <= x->conversions && x->conversions <= x->high);
            sum += x->conversions;
        }
        WN_ASSERT(fabs(sum - out.conversions) <= 1e-9 * out.conversions);
    }
}

static void calibrate(struct wn_str text, struct wn_arena *a)
{
    const struct wn_str channels[] = {WN_STR("ads"), WN_STR("mail")};
    const double credits[] = {10, 20};
    struct wn_lift_test *tests;
    struct wn_calibrated *out;
    struct wn_why why = {0};
    size_t n;
    wn_rc rc = wn_lift_csv_read(a, text, channels, 2, &tests, &n, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (rc || n > 20)
        return;
    rc = wn_calibrate(a, credits, 2, tests, n, 20000, NULL, &out, &why);
    WN_ASSERT(rc == WN_OK);
    for (size_t c = 0; c < 2; c++) {
        WN_ASSERT(isfinite(out[c].low) && isfinite(out[c].high) && out[c].ratio >= 0);
        WN_ASSERT(out[c].low <= out[c].conversions && out[c].conversions <= out[c].high);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_str text = {(const char *)data + 1, size - 1};
    struct wn_rand cuts;
    struct wn_path_csv whole, pieces;
    struct wn_why why = {0}, why_pieces = {0};
    struct wn_arena a;
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rand_init(&cuts, data[0]);
    wn_rc rc = read(text, NULL, &a, &whole, &why);
    wn_rc rc_pieces = read(text, &cuts, &a, &pieces, &why_pieces);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    WN_ASSERT(rc == rc_pieces && why.line == why_pieces.line);
    WN_ASSERT(strcmp(why.text, why_pieces.text) == 0);
    if (!rc) {
        WN_ASSERT(hash_of(&whole) == hash_of(&pieces));
        if (whole.paths.n <= PATHS_FEW && whole.paths.n_channels <= CHANNELS_FEW)
            attribute(&whole, &a, data[0]);
    }
    calibrate(text, &a);
    wn_arena_deinit(&a);
    return 0;
}
