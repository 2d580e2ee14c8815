/* Off-policy evaluation: what would another policy have earned, judged by the log of the one that
 * ran?
 *
 *     wn_offpolicy_fit(&arena, &log, &context, &random, &q, &why);     a model of the reward
 *     log.q = q;
 *     wn_offpolicy_evaluate(&arena, &log, NULL, &random, &out, &why);
 *     if (!out.is_refused) ... out.estimates[WN_ESTIMATOR_DR].value, .low, .high
 *
 * A log row is one decision: the action taken, its reward, and the propensity, the probability with
 * which the logging policy took that action there and then. The policy in question is given by its
 * probabilities. With w = policy(action) / propensity, r the reward, q the reward model:
 *
 *     DM      mean of sum over a of policy(a) q(a)
 *     IPW     mean of w r                                    (also called IPS)
 *     SNIPW   sum of w r / sum of w                          (SNIPS)
 *     DR      mean of [sum over a of policy(a) q(a) + w (r - q(action))]
 *     SWITCH  DR with w = 0 where w > tau
 *
 * SWITCH trades some bias for less variance, at a tau that the caller knows; its interval is never
 * shorter than that of DR. There is no automatic tau: a bound of the bias out of the log itself never
 * cuts, and Lepski's rule cut too much on simulated logs.
 *
 * The effective sample size (sum of w)^2 / sum of w^2 says how many rows of the log speak of the new
 * policy; below 100 everything but DM is refused. DM is biased as far as the model is wrong, and its
 * interval does not know of that: it is shown beside the others, not instead.
 *
 * Pure: no I/O, no clock, no global; the same log and generator give the same bytes. Outputs are
 * untouched on failure. Nothing that is not finite comes out.
 *
 * Sources: Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011;
 * Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015;
 * Wang, Agarwal and Dudik, "Optimal and adaptive off-policy evaluation in contextual bandits", ICML
 * 2017 (switch); Maurer and Pontil, "Empirical Bernstein bounds and sample variance penalization",
 * COLT 2009; Efron and Tibshirani, "An introduction to the bootstrap", 1993. */
#ifndef WINNOW_OFFPOLICY_H
#define WINNOW_OFFPOLICY_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#define WN_LOG_ROWS_MAX 100000000
#define WN_LOG_CELLS_MAX ((size_t)1 << 28) /* rows * actions, of policy and q */
#define WN_ESS_MIN 100.0

struct wn_log {
    size_t n;
    size_t n_actions;
    const uint32_t *action;   /* [n], below n_actions */
    const double *reward;     /* [n], within +-1e15 */
    const double *propensity; /* [n], 1e-12 .. 1 */
    const double *policy;     /* [n][n_actions], each row sums to 1; or NULL */
    const double
        *policy_taken; /* [n], of the action taken, when policy is NULL: no DM and DR then */
    const double *q;   /* [n][n_actions], or NULL: no DM and DR */
};

typedef enum wn_estimator {
    WN_ESTIMATOR_DM,
    WN_ESTIMATOR_IPW,
    WN_ESTIMATOR_SNIPW,
    WN_ESTIMATOR_DR,
    WN_ESTIMATOR_SWITCH,
    WN_ESTIMATOR_N
} wn_estimator;
/* "dm", "ipw", "snipw", "dr", "switch-dr". */
const char *wn_estimator_name(wn_estimator e);

typedef enum wn_interval_kind {
    WN_INTERVAL_BOOTSTRAP, /* percentiles of resampled logs */
    WN_INTERVAL_BERNSTEIN  /* empirical Bernstein: always valid, wide; for SNIPW the ratio of the
                              bounds of its parts, for DM not available */
} wn_interval_kind;

struct wn_offpolicy_options {
    double level;         /* of the intervals; 0 = 0.95 */
    uint32_t n_resamples; /* 0 = 2000, fewer for logs of more than 100,000 rows, at least 200 */
    wn_interval_kind interval;
    double switch_tau; /* 0: no SWITCH */
};

struct wn_estimate {
    bool is_known;
    double value, low, high;
};

struct wn_offpolicy {
    struct wn_estimate estimates[WN_ESTIMATOR_N];
    struct wn_estimate logged; /* the mean reward of the log itself */
    double ess;                /* effective sample size */
    double weight_mean; /* should be about 1: else the propensities are not those of the log */
    double weight_max;
    bool is_refused; /* ess < WN_ESS_MIN: only DM and logged are known */
};

/* options NULL: defaults. Fails: INVALID (why->line: the row, 1-based; why->field), LIMIT, MEMORY.
 * Cost: rows * resamples additions: 10,000 rows about 0.2 s. */
WN_MUST_USE wn_rc wn_offpolicy_evaluate(struct wn_arena *scratch, const struct wn_log *log,
                                        const struct wn_offpolicy_options *options,
                                        struct wn_rand *r, struct wn_offpolicy *out,
                                        struct wn_why *why);

/* What the reward model may look at besides the action. */
struct wn_log_context {
    const uint32_t
        *cell; /* [n], below n_cells: one number for each combination of categories; NULL */
    size_t n_cells;
    const double *x;   /* [n][n_features], row-major, within +-1e15; NULL */
    size_t n_features; /* at most WN_LOG_FEATURES_MAX */
};
#define WN_LOG_FEATURES_MAX 256

/* A reward model by cross-fitting: the log is cut at random into two halves, and each row's q comes
 * from the other half, so that DR stays unbiased. The model: shrunken mean of the cell, ridge
 * regression of the rest on the features, shrunken mean of the action and of the action in that
 * cell; clipped to the range of the rewards. context NULL: actions only. log->policy and log->q are
 * not read. *q_out (arena a) [n][n_actions]. Fails: as above. */
WN_MUST_USE wn_rc wn_offpolicy_fit(struct wn_arena *a, const struct wn_log *log,
                                   const struct wn_log_context *context, struct wn_rand *r,
                                   double **q_out, struct wn_why *why);

#endif
