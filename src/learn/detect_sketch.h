/* A small histogram of one view's past, which answers "how rare is this value?" in O(1).
 *
 * Buckets are an eighth of an octave wide. Two places are followed as values come in: the 90 % and
 * the 98 % quantile; beyond the latter an exponential tail is assumed with the mean excess of the
 * values there, shrunk towards half the distance of the quantile from the median by one
 * pseudo-value, so that a short past never makes an infinite threshold (peaks over threshold with
 * shape 0: Siffer et al., "Anomaly Detection in Streams with Extreme Value Theory", KDD 2017).
 * Inline, since a detector asks about twenty of them for every point. */
#ifndef WN_LEARN_DETECT_SKETCH_H
#define WN_LEARN_DETECT_SKETCH_H

#include "core/base.h"

#include <string.h>

#define WN_SKETCH_BUCKETS 144
#define WN_SKETCH_N_MAX 24000u   /* then all counts are halved: the old past fades */
#define WN_SKETCH_OFFSET 0x1p-7f /* added to values: buckets are fine down to there */
#define WN_SKETCH_BASE ((127u - 7u) << 3)

struct wn_sketch {
    uint32_t n;
    uint32_t above[2]; /* values in buckets beyond at[] */
    uint16_t at[2];    /* the buckets of the 90 % and 98 % quantiles */
    float sum_above;   /* of the values beyond at[1] */
    uint16_t count[WN_SKETCH_BUCKETS];
};

static inline float wn_sketch_edge(uint32_t bucket)
{
    float f;
    uint32_t bits = (bucket + WN_SKETCH_BASE) << 20;
    memcpy(&f, &bits, 4);
    return f - WN_SKETCH_OFFSET;
}

/* v >= 0 and finite. */
static inline uint32_t wn_sketch_bucket(float v)
{
    uint32_t bits;
    v += WN_SKETCH_OFFSET;
    memcpy(&bits, &v, 4);
    uint32_t b = (bits >> 20) - WN_SKETCH_BASE;
    return b < WN_SKETCH_BUCKETS ? b : WN_SKETCH_BUCKETS - 1;
}

/* The quantile that at[k] follows, by interpolation inside its bucket. */
static inline float wn_sketch_quantile(const struct wn_sketch *s, int k)
{
    float wanted = (k ? 0.02f : 0.1f) * (float)s->n - (float)s->above[k];
    float inside = s->count[s->at[k]];
    float lo = wn_sketch_edge(s->at[k]), hi = wn_sketch_edge(s->at[k] + 1u);
    float part = inside > 0 ? wanted / inside : 0;
    return hi - (hi - lo) * (part > 0 ? (part < 1 ? part : 1) : 0);
}

/* The mean excess over u, the 98 % quantile, shrunk. > 0. */
static inline float wn_sketch_excess(const struct wn_sketch *s, float u, float u90)
{
    float prior = 0.5f * (u - 0.4f * u90);
    float above = (float)s->above[1];
    float sum = s->sum_above - above * u;
    return ((sum > 0 ? sum : 0) + (prior > 0 ? prior : 0)) / (above + 1) + 1e-6f;
}

/* -log10 of the probability of a value of at least v, by what is in the sketch; 0 while there are
 * fewer than 32 values. Never negative; the caller caps it. */
static inline float wn_sketch_rarity(const struct wn_sketch *s, float v)
{
    if (s->n < 32)
        return 0;
    float u90 = wn_sketch_quantile(s, 0);
    if (v < u90)
        return v / u90;
    float u = wn_sketch_quantile(s, 1);
    if (v < u)
        return 1 + 0.69897f * (v - u90) / (u - u90);
    return 1.69897f + (v - u) / (wn_sketch_excess(s, u, u90) * 2.302585f);
}

void wn_sketch_halve(struct wn_sketch *s);
/* Counts at[], above[] and sum_above anew from count[]. */
void wn_sketch_recount(struct wn_sketch *s);

static inline void wn_sketch_add(struct wn_sketch *s, float v)
{
    if (s->n >= WN_SKETCH_N_MAX)
        wn_sketch_halve(s);
    uint32_t b = wn_sketch_bucket(v);
    s->count[b]++;
    s->n++;
    s->above[0] += b > s->at[0];
    if (b > s->at[1]) {
        s->above[1]++;
        s->sum_above += v;
    }
    for (int k = 0; k < 2; k++) {
        uint32_t allowed = k ? s->n / 50 : s->n / 10;
        while (s->above[k] > allowed) {
            s->at[k]++;
            s->above[k] -= s->count[s->at[k]];
            if (k)
                s->sum_above -= s->count[s->at[1]] *
                                (wn_sketch_edge(s->at[1]) + wn_sketch_edge(s->at[1] + 1u)) * 0.5f;
        }
        while (s->at[k] > 0 && s->above[k] + s->count[s->at[k]] <= allowed) {
            s->above[k] += s->count[s->at[k]];
            if (k)
                s->sum_above += s->count[s->at[1]] *
                                (wn_sketch_edge(s->at[1]) + wn_sketch_edge(s->at[1] + 1u)) * 0.5f;
            s->at[k]--;
        }
    }
}

#endif
