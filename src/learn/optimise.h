/* Optimisers and root finders for a handful of parameters.
 *
 * All are deterministic, allocate nothing, and treat a value that is not finite as "worse than
 * anything", so that a function may refuse a point by returning infinity. None of them writes a
 * parameter that is not finite. Functions are called from the thread of the caller. */
#ifndef WN_LEARN_OPTIMISE_H
#define WN_LEARN_OPTIMISE_H

#include "core/error.h"

#define WN_SIMPLEX_MAX 8 /* parameters of Nelder and Mead; it is at its best up to 5 */

/* A function of n variables, and of one. */
typedef double wn_many_fn(void *context, const double *x, size_t n);
typedef double wn_one_fn(void *context, double x);

struct wn_minimum {
    double value;
    uint32_t n_calls;
    bool is_converged; /* false: the limit of calls came first; x is the best seen */
};

/* Minimises by the downhill simplex, x [n] in and out, n <= WN_SIMPLEX_MAX. With is_log, x must be
 * positive and is searched in ln x: scales of parameters do not matter and signs cannot flip. step:
 * size of the first simplex (of ln x when is_log); 0 means .5. tol: spread of values, relative, at
 * which it ends; 0 means 1e-10. Restarts once from its answer, because a simplex may collapse.
 * max_calls 0 means 1000 * n. Fails: INVALID (n; x not finite, or not positive with is_log; no
 * finite value at the start).
 * Source: Nelder and Mead, Computer Journal 7, 1965; coefficients by dimension of Gao and Han,
 * Computational Optimization and Applications 51, 2012. */
WN_MUST_USE wn_rc wn_minimise(wn_many_fn *f, void *context, double *x, size_t n, bool is_log,
                              double step, double tol, uint32_t max_calls, struct wn_minimum *out);

/* Minimises on [a, b] by golden section and parabolas; *x_out where. tol: relative precision of x,
 * at least 1e-8; 0 means 1e-8. Fails: INVALID (a > b, not finite).
 * Source: Brent, "Algorithms for Minimization without Derivatives", 1973, ch. 5. */
WN_MUST_USE wn_rc wn_minimise_one(wn_one_fn *f, void *context, double a, double b, double tol,
                                  double *x_out, struct wn_minimum *out);

/* The zero of a function that changes sign on [a, b], to the last bit, by bisection. Fails: INVALID
 * (no change of sign, a value or end that is not finite). */
WN_MUST_USE wn_rc wn_find_zero(wn_one_fn *f, void *context, double a, double b, double *x_out);

/* Value of what is to be minimised, its gradient [n] and Hessian (packed, see linalg.h), at x. */
typedef double wn_newton_fn(void *context, const double *x, size_t n, double *gradient,
                            double *hessian);
/* Newton's method, or IRLS when the Hessian is the expected one: each step is halved until the
 * value falls, and a ridge (at least ridge, raised tenfold where the Hessian is not positive or no
 * halving helps) is added to the diagonal. x [n] in and out. scratch [3 * n + 2 * n*(n+1)/2]. Ends
 * when no gradient element is above tol * (1 + |value|), tol 0 means 1e-9, or when a step promises
 * less than 1e-14 * (1 + |value|). Fails: INVALID (not finite at the start). */
WN_MUST_USE wn_rc wn_newton(wn_newton_fn *f, void *context, double *x, size_t n, double ridge,
                            double tol, uint32_t max_steps, double *scratch,
                            struct wn_minimum *out);

#endif
