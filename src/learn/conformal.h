/* Conformal prediction: intervals from errors that were really made.
 *
 * Source: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005; adaptive
 * level: Gibbs and Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021. */
#ifndef WN_LEARN_CONFORMAL_H
#define WN_LEARN_CONFORMAL_H

#include "core/base.h"

/* The k-th smallest of x [n], 0-based, k < n; x is reordered. No NaN. Cost: O(n) for ordinary data;
 * orders made for the purpose can cost O(n^2). */
double wn_select(double *x, size_t n, size_t k);

/* The conformal quantile: the ceil((n + 1) * level)-th smallest of scores [n], which covers a new
 * exchangeable score with probability >= level. *reached (may be NULL) is false when n is too small
 * for that; the largest score is given then. n = 0 gives 0. scores are reordered. */
double wn_conformal_quantile(double *scores, size_t n, double level, bool *reached);

/* Half the width of the central interval of probability level of Student's t with 5 degrees of
 * freedom, scaled to variance 1: what is assumed of errors before any were seen. */
double wn_student5_halfwidth(double level);

#endif
