/* Protects the reading of series and the forecast against any bytes: no crash, the same series
 * however the bytes are cut, and finite, nested bounds whatever the values are. The first byte
 * seeds the cuts and chooses the frequency. */
#include "core/hash.h"
#include "core/rand.h"
#include "learn/forecast_csv.h"

#include <math.h>
#include <string.h>

enum { H = 5, SERIES_MAX = 8, POINTS_MAX = 400 };

static wn_rc read(struct wn_str text, struct wn_rand *cuts, wn_forecast_frequency frequency,
                  struct wn_arena *a, struct wn_series_csv *out, struct wn_why *why)
{
    struct wn_series_csv_reader *r = NULL;
    wn_rc rc = wn_series_csv_new(&r, why);
    for (size_t at = 0; at < text.n && !rc;) {
        size_t n = cuts ? 1 + (size_t)wn_rand_below(cuts, 9) : text.n;
        struct wn_str piece = wn_str_slice(text, at, at + n);
        rc = wn_series_csv_push(r, piece, why);
        at += piece.n;
    }
    if (!rc)
        rc = wn_series_csv_finish(r, frequency, a, out, why);
    wn_series_csv_free(r);
    return rc;
}

static uint64_t hash_of(const struct wn_series_csv *csv)
{
    uint64_t hash = (uint64_t)csv->grid * 31 + (uint64_t)csv->step;
    for (size_t i = 0; i < csv->n_series; i++) {
        const struct wn_series_csv_series *s = &csv->series[i];
        char ts[WN_SERIES_TS_MAX];
        size_t n = wn_series_csv_print_ts(csv, s, s->n, ts);
        WN_ASSERT(n < sizeof ts && ts[n] == 0 && s->n > 0);
        hash = wn_hash(s->name, hash);
        hash = wn_hash((struct wn_str){ts, n}, hash);
        hash = wn_hash((struct wn_str){(const char *)s->values, s->n * sizeof(double)}, hash);
    }
    return hash;
}

static void check(const struct wn_forecast *f)
{
    for (size_t h = 0; h < H; h++) {
        const double *low = f->low + h, *high = f->high + h;
        WN_ASSERT(isfinite(f->mean[h]) && isfinite(low[H]) && isfinite(high[H]));
        WN_ASSERT(low[H] <= low[0] && low[0] <= f->mean[h]);
        WN_ASSERT(f->mean[h] <= high[0] && high[0] <= high[H]);
    }
}

static void forecast(const struct wn_series_csv *csv, struct wn_arena *a)
{
    struct wn_forecast_series in[SERIES_MAX];
    struct wn_forecast out[SERIES_MAX];
    size_t n = csv->n_series < SERIES_MAX ? csv->n_series : SERIES_MAX;
    for (size_t i = 0; i < n; i++) { /* long series are slow, and read alike */
        const struct wn_series_csv_series *s = &csv->series[i];
        size_t kept = s->n < POINTS_MAX ? s->n : POINTS_MAX;
        in[i] = (struct wn_forecast_series){.values = s->values + s->n - kept, .n = kept};
    }
    struct wn_forecast_options o = {.horizon = H, .frequency = csv->frequency};
    wn_rc rc = wn_forecast_batch(in, n, &o, a, out, NULL);
    WN_ASSERT(rc == WN_OK);
    for (size_t i = 0; i < n; i++)
        check(&out[i]);
    struct wn_daily_model model = {.first_day = 20000};
    if (n && wn_forecast_daily(&in[0], &model, &o, a, &out[0], NULL) == WN_OK)
        check(&out[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_str text = {(const char *)data + 1, size - 1};
    wn_forecast_frequency frequency = (wn_forecast_frequency)(data[0] % (WN_FREQUENCY_N + 1));
    struct wn_rand cuts;
    struct wn_series_csv whole, pieces;
    struct wn_why why = {0}, why_pieces = {0};
    struct wn_arena a;
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rand_init(&cuts, data[0]);
    wn_rc rc = read(text, NULL, frequency, &a, &whole, &why);
    wn_rc rc_pieces = read(text, &cuts, frequency, &a, &pieces, &why_pieces);
    if (rc != WN_MEMORY && rc_pieces != WN_MEMORY) {
        WN_ASSERT(rc == rc_pieces && why.line == why_pieces.line);
        WN_ASSERT(strcmp(why.text, why_pieces.text) == 0);
        if (!rc) {
            WN_ASSERT(hash_of(&whole) == hash_of(&pieces));
            forecast(&whole, &a);
        }
    }
    wn_arena_deinit(&a);
    return 0;
}
