/* Small dense linear algebra: packed Cholesky and triangular solves.
 *
 * A symmetric n x n matrix is stored packed: its lower triangle row by row, element (i, j), j <= i,
 * at i*(i+1)/2 + j, n*(n+1)/2 doubles in all. A factor L overwrites the matrix it came from. All
 * memory is the caller's; nothing here allocates. Safe from any thread on its own data.
 *
 * Source: Golub and Van Loan, "Matrix Computations", 4th ed., section 4.2. */
#ifndef WN_LEARN_LINALG_H
#define WN_LEARN_LINALG_H

#include "core/error.h"

/* Doubles in a packed matrix of order n. */
static inline size_t wn_packed_size(size_t n)
{
    return n * (n + 1) / 2;
}
/* The place of element (i, j) of the lower triangle; j <= i. */
static inline size_t wn_packed_at(size_t i, size_t j)
{
    return i * (i + 1) / 2 + j;
}

/* Factors A = L L', in place. Where a pivot is not above 1e-12 of the largest diagonal element the
 * matrix is taken as singular to working precision, and jitter is added to the whole diagonal:
 * 1e-10 of its largest element (of 1 when that is 0), ten times more on each of the next 8 tries,
 * so that the answer is that of a slightly ridged problem.
 *
 * a [packed n], overwritten. saved [packed n], scratch: keeps the matrix for the next try.
 * *jitter_out (may be NULL): what was added to the diagonal, 0 as a rule.
 * Fails: INVALID (an element that is not finite; not positive definite even so), a is then
 * undefined. Cost: n^3/6 multiplications a try. */
WN_MUST_USE wn_rc wn_chol_factor(double *a, size_t n, double *saved, double *jitter_out);

/* Solves L y = b in place. l [packed n] from wn_chol_factor; b [n]. Cost: n^2/2. */
void wn_chol_forward(const double *l, size_t n, double *b);
/* Solves L' x = y in place. */
void wn_chol_backward(const double *l, size_t n, double *y);
/* Solves A x = b in place: forward, then backward. */
void wn_chol_solve(const double *l, size_t n, double *b);
/* ln det A. */
double wn_chol_log_det(const double *l, size_t n);
/* L z, in place: turns independent unit normals into draws with covariance A. */
void wn_chol_mul(const double *l, size_t n, double *z);

/* y = A x for a packed symmetric A (not a factor). y [n] must not overlap x. Cost: n^2. */
void wn_packed_mul_vec(const double *a, size_t n, const double *x, double *y);
/* A += weight * x x', for normal equations. */
void wn_packed_add_outer(double *a, size_t n, double weight, const double *x);
/* Sum of x[i] * y[i]. */
double wn_dot(const double *x, const double *y, size_t n);

#endif
