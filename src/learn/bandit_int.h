/* What the files of the bandit share. */
#ifndef WN_LEARN_BANDIT_INT_H
#define WN_LEARN_BANDIT_INT_H

#include "learn/bandit_draw.h"
#include "winnow/bandit.h"

/* An independent distribution of an arm's score on a line t: the logit of a beta rate, or a normal
 * score itself. */
struct wn_score {
    bool is_normal;
    double a, b; /* of the beta distribution; or mean and standard deviation, > 0 */
};

#define WN_SCORES_MAX WN_BEST_EXACT_MAX

/* Which score is the largest? p_best [n] sums to 1. Beta only: loss [n] = E[max rate - rate], near
 * [n] = P(rate >= (1 - near_ratio) max rate); NULL when not wanted. 1 <= n <= WN_SCORES_MAX. */
void wn_score_best(const struct wn_score *scores, size_t n, double near_ratio, double *p_best,
                   double *loss, double *near);

/* Fails: INVALID, unless counts are finite and within 0..WN_TRIALS_MAX. i: the arm, 0-based. */
WN_MUST_USE wn_rc wn_arm_check(const struct wn_arm *arm, size_t i, struct wn_why *why);
WN_MUST_USE wn_rc wn_belief_check(const struct wn_belief *b, size_t i, struct wn_why *why);
/* The belief, or Beta(1, 1) for one that is none. */
struct wn_belief wn_belief_sane(const struct wn_belief *b);
WN_MUST_USE wn_rc wn_prior_check(const struct wn_prior *p, struct wn_why *why);

struct wn_bandit_sampler {
    struct wn_ziggurat ziggurat;
    size_t n;
    struct wn_beta_constants *arms; /* [n] */
};

#endif
