/* False alarms among many streams: how many of the alerts are wrong, on average.
 *
 * Batch: Benjamini and Hochberg, "Controlling the false discovery rate", 1995. Over time: LORD++
 * (Ramdas, Yang, Wainwright and Jordan, "Online control of the false discovery rate with decaying
 * memory", 2017) and SAFFRON (Ramdas, Zrnic, Wainwright and Jordan, 2018). p-values must be valid
 * (P(p <= t) <= t without an effect); neighbouring slots of one stream are dependent, so let each
 * stream enter once in a rest period. NaN counts as p = 1. Pure. */
#ifndef WN_LEARN_FDR_H
#define WN_LEARN_FDR_H

#include "core/error.h"

/* Benjamini-Hochberg at level q over p [n]: rejected_out [n] tells which. *n_rejected may be
 * NULL. scratch [n], overwritten. Fails: INVALID for q outside (0, 1). O(n log n). */
WN_MUST_USE wn_rc wn_fdr_bh(const double *p, size_t n, double q, double *scratch,
                            bool *rejected_out, size_t *n_rejected, struct wn_why *why);
/* The smallest level at which each would be rejected (adjusted p). q_out [n]; scratch [n]. */
void wn_fdr_adjust(const double *p, size_t n, size_t *order_scratch, double *q_out);

#define WN_FDR_REJECTIONS_MAX 512 /* remembered; older ones have next to no weight */

typedef enum wn_fdr_kind { WN_FDR_LORD, WN_FDR_SAFFRON } wn_fdr_kind;

/* An online procedure: one block, no pointers. */
struct wn_fdr {
    wn_fdr_kind kind;
    double alpha, w0, lambda; /* lambda: of SAFFRON */
    uint64_t n;               /* tests so far */
    uint64_t n_rejected;
    uint64_t n_candidates;     /* SAFFRON: p <= lambda so far */
    uint64_t first_at;         /* test number of the first rejection; 0 = none */
    uint64_t first_candidates; /* candidates up to and with it */
    uint32_t n_kept, next;     /* of the ring below: the later rejections */
    uint64_t at[WN_FDR_REJECTIONS_MAX];
    uint64_t candidates[WN_FDR_REJECTIONS_MAX];
};

/* alpha in (0, 1); w0 = alpha / 2. SAFFRON (lambda 0.5) where more than a tenth of the streams
 * truly move, LORD else. Fails: INVALID. */
WN_MUST_USE wn_rc wn_fdr_init(struct wn_fdr *f, wn_fdr_kind kind, double alpha, struct wn_why *why);
/* The level the next p-value will be held against. O(rejections kept). */
double wn_fdr_level(const struct wn_fdr *f);
/* Takes the next p-value; true when it is rejected (an alert). */
bool wn_fdr_push(struct wn_fdr *f, double p);
/* gamma_j of LORD, j >= 1: 0.07720838 ln(max(j,2)) / (j exp(sqrt(ln j))). */
double wn_fdr_lord_gamma(double j);

#endif
