/* Empirical Bayes along a tree: account, channel, campaign, ad set, creative. What is small borrows
 * from what it belongs to, as much as the siblings of its level are alike.
 *
 * A tree is an array of nodes, parents before children; the root is node 0. Each node holds its own
 * counts (containers: zero); totals over the subtree are made here. For every level a strength is
 * estimated from the data by maximum likelihood, or the fallback is used where the level has fewer
 * than 5 nodes with data. The prior of a child is centred on its parent's posterior, with the
 * parent's variance added to its own.
 *
 * Sources: beta-binomial, Gelman et al., "Bayesian Data Analysis", 3rd ed., ch. 5; Paule and
 * Mandel, J. Research NBS 87(5), 1982. */
#ifndef WN_LEARN_SHRINK_H
#define WN_LEARN_SHRINK_H

#include "core/arena.h"
#include "core/error.h"

#define WN_SHRINK_LEVELS_MAX 16
#define WN_SHRINK_NODES_MAX 50000000

struct wn_shrink_node {
    uint32_t parent; /* below this node's own place; of the root: 0 */
    double count;    /* successes, events; or the value of a real quantity (NaN = none) */
    double exposure; /* trials, exposure; or the variance of the value */
};

struct wn_shrunk {
    double mean, variance;
    double prior_weight; /* 0..1: how much of mean is the parent's */
};

/* Rates: count successes of exposure trials, 0 <= count <= exposure. Child ~ Beta(m p, m (1-p)).
 * fallback: m where it cannot be estimated (200 for click rates, 50 for conversion rates).
 * out [n]; strength [WN_SHRINK_LEVELS_MAX], m by level, may be NULL. Fails: INVALID (a node's
 * numbers or parent), LIMIT, MEMORY. Cost: some 60 passes over the nodes of each level. */
WN_MUST_USE wn_rc wn_shrink_rates(struct wn_arena *scratch, const struct wn_shrink_node *nodes,
                                  size_t n, double fallback, struct wn_shrunk *out,
                                  double *strength, struct wn_why *why);
/* Events per exposure: count >= 0 events in exposure >= 0. Child ~ Gamma with the shape of m
 * parent's events: mean lambda, variance lambda^2 / (m lambda) = lambda / m, m in units of
 * exposure. As above. */
WN_MUST_USE wn_rc wn_shrink_counts(struct wn_arena *scratch, const struct wn_shrink_node *nodes,
                                   size_t n, double fallback, struct wn_shrunk *out,
                                   double *strength, struct wn_why *why);
/* Real values with known variances: count = value, exposure = variance > 0 of leaves; containers
 * have value NaN. Between-group variance of a level by Paule and Mandel, or the fallback. strength:
 * that variance. */
WN_MUST_USE wn_rc wn_shrink_values(struct wn_arena *scratch, const struct wn_shrink_node *nodes,
                                   size_t n, double fallback, struct wn_shrunk *out,
                                   double *strength, struct wn_why *why);

#endif
