/* What the files of cohorts share. */
#ifndef WN_LEARN_COHORTS_INT_H
#define WN_LEARN_COHORTS_INT_H

#include "winnow/cohorts.h"

/* Whole periods after the first that models look at. */
static inline size_t wn_cohort_n_seen(const struct wn_cohort *c)
{
    size_t later = c->n_whole > 1 ? c->n_whole - 1 : 0;
    return later < WN_COHORT_AGES_MAX ? later : WN_COHORT_AGES_MAX;
}

/* Chances of BG/BB for one set of parameters, by recursion, no gamma functions.
 * bought(x, y): that a customer buys in x given periods and not in y others. stayed(t): is still
 * there after t; left(t): is there in t, and gone after. */
struct wn_bgbb_chances {
    size_t n;       /* x + y <= n + 2, t <= n_ahead */
    size_t n_ahead; /* >= n */
    double *bought; /* [n + 3][n + 3] */
    double *stayed; /* [n_ahead + 1] */
    double *left;   /* [n_ahead + 1] */
};
WN_MUST_USE wn_rc wn_bgbb_chances_init(struct wn_bgbb_chances *c, struct wn_arena *a, size_t n,
                                       size_t n_ahead);
void wn_bgbb_chances_fill(struct wn_bgbb_chances *c, const double theta[4]);
static inline double wn_bgbb_bought(const struct wn_bgbb_chances *c, size_t x, size_t y)
{
    return c->bought[x * (c->n + 3) + y];
}
/* The likelihood of one customer who bought in x of n_seen periods, the last time in `last`. Of
 * histories of one x and n_seen with falling `last` each takes up the sum of the one before: the
 * chance of having left unseen. Start them with {n_seen, 0}. */
struct wn_bgbb_gone {
    size_t t;
    double chance;
};
double wn_bgbb_likelihood(const struct wn_bgbb_chances *c, size_t x, size_t last, size_t n_seen,
                          struct wn_bgbb_gone *gone);

#endif
