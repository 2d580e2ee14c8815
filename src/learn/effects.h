/* What the levels of several fields do to a rate: an additive model of log-odds for counts that are
 * already summed up (so many successes of so many trials in a cell), with empirical Bayes.
 *
 * logit p of a cell = x[node] + sum over fields f of b[f][level of f].
 *
 * x: one value per node of a tree (account, channel, campaign, ad group, ad): that of the parent
 *    plus a Normal(0, s^2 of the node's level) step. What is small borrows from what it belongs to.
 * b: one value per level of each field (device, age, hour ...): Normal(0, s^2 of the field).
 *
 * Fitted by penalised quasi-likelihood: working responses and weights of iterated least squares;
 * given them the tree is solved exactly up and down (a Gaussian tree is a Kalman smoother), each
 * field level by level; the variances s^2 follow by expectation maximisation, and a dispersion
 * above 1 (cells vary more than chance lets them) makes trials count for less. Fields are centred
 * so that the multipliers e^b average to 1 over the trials: a field that is not stated adds 0.
 *
 * What the intervals leave out: the uncertainty shared between the tree and a field (a device that
 * occurs in one campaign only), and that of s^2.
 *
 * Sources: Breslow and Clayton, "Approximate inference in generalized linear mixed models", JASA 88,
 * 1993; Chou, Willsky and Benveniste, "Multiscale recursive estimation", IEEE TAC 39, 1994;
 * dispersion: McCullagh and Nelder, "Generalized linear models", 2nd ed., 4.5. Pure. */
#ifndef WN_LEARN_EFFECTS_H
#define WN_LEARN_EFFECTS_H

#include "core/arena.h"
#include "core/error.h"

#define WN_EFFECTS_FIELDS_MAX 16
#define WN_EFFECTS_DEPTH_MAX 8 /* levels of the tree, the root counted */
#define WN_EFFECTS_LEVELS_MAX 2000000

struct wn_effects_data { /* all borrowed */
    size_t n_cells;
    const double *trials, *successes; /* [n_cells]; 0 <= successes <= trials <= 1e15 */
    const uint32_t *node;             /* [n_cells]: the deepest node that is known */
    const uint32_t *parent;           /* [n_nodes]: below the node's own place; of the root: 0 */
    size_t n_nodes;                   /* at least 1 */
    size_t n_fields;
    const uint32_t *level;    /* [n_cells][n_fields], below n_levels of the field */
    const uint32_t *n_levels; /* [n_fields], each at least 1 */
};

struct wn_effect {
    double mean, variance; /* of log-odds */
};

struct wn_effects {                                  /* arrays in the arena given */
    struct wn_effect *nodes;                         /* [n_nodes]: x, the sum along the path */
    double depth_variance[WN_EFFECTS_DEPTH_MAX];     /* s^2 of a step to that depth; [0] is 0. Where
                                                        nodes of a depth have no siblings there is
                                                        nothing to learn it from: 0.3^2, for new
                                                        nodes; its own have no steps then */
    int n_depths;                                    /* 1 = only the root */
    struct wn_effect *fields[WN_EFFECTS_FIELDS_MAX]; /* [n_levels]: b, centred */
    double field_variance[WN_EFFECTS_FIELDS_MAX];    /* s^2 */
    double dispersion;                               /* at least 1 */
    int n_sweeps;                                    /* that the fit took */
};

/* Fails: INVALID (a number, node, parent or level out of range, named), LIMIT, MEMORY. Without any
 * trial all is 0 with the prior's variance. Cost: some 30 sweeps over cells times (fields + 1);
 * memory: 8 bytes a cell, 45 a node, 32 a level. */
WN_MUST_USE wn_rc wn_effects_fit(const struct wn_effects_data *data, struct wn_arena *a,
                                 struct wn_effects *out, struct wn_why *why);

#endif
