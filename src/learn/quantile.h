/* Order statistics of a moving window: a ring that knows who leaves, beside a sorted array.
 *
 * For windows up to a few thousand values moving memory beats every tree. Storage is the caller's,
 * so that a detector is one block of memory. */
#ifndef WN_LEARN_QUANTILE_H
#define WN_LEARN_QUANTILE_H

#include "core/base.h"

struct wn_quantile_window {
    float *ring;   /* [n_max], kept by the caller for as long as the window lives */
    float *sorted; /* [n_max], likewise; the first n are ascending */
    uint32_t n_max;
    uint32_t n;
    uint32_t next; /* where the next value goes in the ring */
};

/* n_max >= 1. ring and sorted need no initial values. */
void wn_quantile_window_init(struct wn_quantile_window *w, float *ring, float *sorted,
                             uint32_t n_max);
/* Takes in a value; when the window is full, the oldest leaves. NaN is ignored, infinities count as
 * the largest float. Cost: two binary searches and one move of the values between the places. */
void wn_quantile_window_push(struct wn_quantile_window *w, float value);
/* The p-quantile, p in [0, 1] (clipped), interpolated between neighbours (type 7 of Hyndman and
 * Fan, "Sample quantiles in statistical packages", 1996). 0 when the window is empty. */
double wn_quantile_window_get(const struct wn_quantile_window *w, double p);
/* Sorts again after ring, n and next were loaded from bytes. NaN in the ring become 0. */
void wn_quantile_window_rebuild(struct wn_quantile_window *w);

/* The p-quantile of n ascending values, as above. 0 when n is 0. */
double wn_quantile_sorted(const double *sorted, size_t n, double p);
/* Sorts n values, none of them NaN, ascending, in place. */
void wn_quantile_sort(double *x, size_t n);

#endif
