#include "learn/quantile.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void wn_quantile_window_init(struct wn_quantile_window *w, float *ring, float *sorted,
                             uint32_t n_max)
{
    WN_ASSERT(n_max >= 1);
    *w = (struct wn_quantile_window){.ring = ring, .sorted = sorted, .n_max = n_max};
}

/* The first place whose value is not below x. The loop has no branch to mispredict. */
static uint32_t lower_bound(const float *sorted, uint32_t n, float x)
{
    const float *at = sorted;
    while (n > 1) {
        uint32_t half = n / 2;
        at = at[half - 1] < x ? at + half : at;
        n -= half;
    }
    return (uint32_t)(at - sorted) + (n == 1 && *at < x);
}

static float clip_float(float x)
{
    return x > FLT_MAX ? FLT_MAX : (x < -FLT_MAX ? -FLT_MAX : x);
}

void wn_quantile_window_push(struct wn_quantile_window *w, float value)
{
    if (isnan(value))
        return;
    value = clip_float(value);
    uint32_t to = lower_bound(w->sorted, w->n, value);
    if (w->n < w->n_max) {
        memmove(w->sorted + to + 1, w->sorted + to, (w->n - to) * sizeof(float));
        w->sorted[to] = value;
        w->n++;
    } else {
        uint32_t from = lower_bound(w->sorted, w->n, w->ring[w->next]);
        if (from < to) {
            to--;
            memmove(w->sorted + from, w->sorted + from + 1, (to - from) * sizeof(float));
        } else {
            memmove(w->sorted + to + 1, w->sorted + to, (from - to) * sizeof(float));
        }
        w->sorted[to] = value;
    }
    w->ring[w->next] = value;
    w->next = w->next + 1 == w->n_max ? 0 : w->next + 1;
}

double wn_quantile_window_get(const struct wn_quantile_window *w, double p)
{
    if (w->n == 0)
        return 0;
    double at = (p > 0 ? (p < 1 ? p : 1) : 0) * (w->n - 1);
    uint32_t i = (uint32_t)at;
    uint32_t j = i + 1 < w->n ? i + 1 : i;
    double lo = (double)w->sorted[i], hi = (double)w->sorted[j];
    return lo + (hi - lo) * (at - i);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void wn_quantile_window_rebuild(struct wn_quantile_window *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        w->ring[i] = isnan(w->ring[i]) ? 0 : clip_float(w->ring[i]);
        w->sorted[i] = w->ring[i];
    }
    qsort(w->sorted, w->n, sizeof(float), by_value);
}

double wn_quantile_sorted(const double *sorted, size_t n, double p)
{
    if (n == 0)
        return 0;
    double at = (p > 0 ? (p < 1 ? p : 1) : 0) * (double)(n - 1);
    size_t i = (size_t)at;
    size_t j = i + 1 < n ? i + 1 : i;
    return sorted[i] + (sorted[j] - sorted[i]) * (at - (double)i);
}

static int by_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void wn_quantile_sort(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_double);
}
