/* Protects the loading of click models against any bytes: refused, or a model that predicts, learns
 * and saves without a number that is none. The first byte says whether size and checksum are made
 * right first, so that what stands behind them is reached. */
#include "winnow/ctr.h"

#include "core/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 32 };

static void mend(char *p, size_t n)
{
    const uint32_t version = 1;
    uint64_t size = n - HEAD, hash;
    memcpy(p, "WNCTR\r\n\x1a", 8);
    memcpy(p + 8, &version, sizeof version);
    memcpy(p + 16, &size, sizeof size);
    hash = wn_hash((struct wn_str){p + HEAD, n - HEAD}, version);
    memcpy(p + 24, &hash, sizeof hash);
}

static void check(const struct wn_ctr *m, const struct wn_ctr_feature *f, size_t n)
{
    struct wn_ctr_prediction p;
    struct wn_ctr_reason reasons[4];
    wn_ctr_predict(m, f, n, 0, &p);
    WN_ASSERT(p.p > 0 && p.p < 1 && p.low > 0 && p.low <= p.p && p.p <= p.high && p.high < 1);
    size_t n_reasons = wn_ctr_explain(m, f, n, 0, reasons, 4);
    for (size_t i = 0; i < n_reasons; i++)
        WN_ASSERT(isfinite(reasons[i].odds) && isfinite(reasons[i].low) &&
                  isfinite(reasons[i].high));
}

static void use(struct wn_ctr *m)
{
    struct wn_ctr_feature f[8];
    uint32_t a, b;
    size_t n = 0;
    for (uint32_t i = 0; i < wn_ctr_n_fields(m) && n < 8; i++)
        if (!wn_ctr_field_cross(m, i, &a, &b))
            f[n++] = wn_ctr_feature_text(m, i, WN_STR("1"));
    check(m, f, n);
    for (int i = 0; i < 4; i++) {
        struct wn_ctr_row row = {f, n, i & 1, 1, 0, 0};
        WN_ASSERT(wn_ctr_learn(m, &row, NULL, NULL) == WN_OK);
    }
    WN_ASSERT(wn_ctr_settle(m, NULL) == WN_OK);
    check(m, f, n);
    struct wn_buf out;
    struct wn_ctr *again = NULL;
    wn_buf_init(&out, (size_t)1 << 28);
    WN_ASSERT(wn_ctr_save(m, &out, NULL) == WN_OK);
    WN_ASSERT(wn_ctr_load(wn_buf_str(&out), &again, NULL) == WN_OK);
    wn_ctr_free(again);
    wn_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + HEAD + 4 || data[1 + HEAD] > 14) /* small tables, to be fast */
        return 0;
    size_t n = size - 1;
    char *copy = malloc(n);
    struct wn_ctr *m = NULL;
    struct wn_why why = {0};
    if (!copy)
        return 0;
    memcpy(copy, data + 1, n);
    if (data[0] & 1)
        mend(copy, n);
    if (wn_ctr_load((struct wn_str){copy, n}, &m, &why) == WN_OK)
        use(m);
    else
        WN_ASSERT(why.text[0]);
    wn_ctr_free(m);
    free(copy);
    return 0;
}
