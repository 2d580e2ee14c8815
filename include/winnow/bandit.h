/* Bandits: which of several arms (creatives, pages, offers) to show next, and when to stop asking.
 *
 *     struct wn_belief belief[3];
 *     for each arm: wn_bandit_belief(&arm[i], &WN_PRIOR_OWN, &belief[i], &why);
 *     wn_bandit_best(&arena, belief, 3, NULL, &random, best, &why);
 *     wn_bandit_shares(p_best, NULL, 3, &WN_SHARE_OPTIONS_DEFAULT, share, &why);
 *     chosen = wn_bandit_pick(share, 3, &random);       log share[chosen] as its propensity
 *
 * Thompson sampling, in batches: an arm is shown with the probability that it is the best one. That
 * probability is computed first (by quadrature, so it is exact to about 1e-9) and the arm is drawn
 * from it; so what is written into the log is the very probability of the draw, which evaluation of
 * other policies needs (winnow/offpolicy.h). Where no log is wanted and speed counts, the sampler
 * draws all arms jointly instead: the same distribution without the numbers.
 *
 * An arm is two numbers: successes and effective trials. Trials count only as far as their
 * conversions can have come back (struct wn_delay), and both fade by day (wn_arm_fade).
 *
 * Rates are in (0, 1). Counts may be fractions, up to 1e15. Pure: no I/O, no clock, no global; the
 * same input and the same generator give the same bytes. Functions that fail leave their outputs
 * untouched, but generators moved. Nothing that is not finite comes out.
 *
 * Sources: Thompson, Biometrika 25, 1933; Chapelle and Li, "An empirical evaluation of Thompson
 * sampling", NIPS 2011; Russo, "Simple Bayesian algorithms for best arm identification", 2016 (top
 * two); Scott, "A modern Bayesian look at the multi-armed bandit", 2010; Auer, Cesa-Bianchi and
 * Fischer, "Finite-time analysis of the multiarmed bandit problem", 2002 (UCB1). */
#ifndef WINNOW_BANDIT_H
#define WINNOW_BANDIT_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#define WN_ARMS_MAX 100000
#define WN_TRIALS_MAX 1e15

/* ---- arms and what is believed of them ---- */

struct wn_arm {
    double successes; /* >= 0 */
    double trials;    /* effective trials >= 0; successes beyond them count as no failure */
};

/* weight * (alpha, beta) imaginary successes and failures. */
struct wn_prior {
    double alpha, beta, weight; /* > 0; alpha and beta times weight in 1e-6 .. 1e15 */
};
/* Nothing is known but what the own arms show. */
#define WN_PRIOR_OWN ((struct wn_prior){1, 1, 1})
/* A market benchmark of 30 days at a conversion rate of 5 %, taken twice. */
#define WN_PRIOR_MARKET ((struct wn_prior){50, 950, 2})

/* The rate of an arm is believed to be Beta(a, b). Where no error can come back one that breaks the
 * bounds counts as Beta(1, 1). */
struct wn_belief {
    double a, b; /* > 0, at most 4e15 */
};

/* A prior of mean m and standard deviation sd: what a model of patterns, or the spread between
 * sibling arms, says of an arm before it is shown. m in (0, 1), sd > 0. Its weight in trials is kept
 * within 10 and 2000. Fails: INVALID. */
WN_MUST_USE wn_rc wn_prior_from_mean(double mean, double sd, struct wn_prior *out,
                                     struct wn_why *why);
/* The common prior of sibling arms, out of the arms themselves: the beta distribution that makes
 * their counts most likely (empirical Bayes), worth at least 2 and at most 2000 trials; the own
 * prior where fewer than 3 arms have been shown. Fails: INVALID (an arm's numbers; why->line is the
 * arm, 1-based), MEMORY. */
WN_MUST_USE wn_rc wn_prior_fit(struct wn_arena *scratch, const struct wn_arm *arms, size_t n,
                               struct wn_prior *out, struct wn_why *why);
/* Prior plus counts. Fails: INVALID. */
WN_MUST_USE wn_rc wn_bandit_belief(const struct wn_arm *arm, const struct wn_prior *prior,
                                   struct wn_belief *out, struct wn_why *why);
double wn_belief_mean(const struct wn_belief *b);
/* The same mean with width times the standard deviation, about: what Thompson sampling draws from
 * when it is to explore less than the posterior says. Chosen in simulation: 0.8 loses 15 to 21 %
 * less than 1 over 10,000 rounds of 10 arms; below 0.7 some runs cling to a wrong arm
 * (bench/learn/bandit.c). width in 0.1 .. 10 (clipped). */
#define WN_WIDTH_EARN 0.8
struct wn_belief wn_belief_reshape(const struct wn_belief *b, double width);
/* P(rate <= x), and the rate x with P(rate <= x) = p; p is clipped to [1e-12, 1 - 1e-12]. */
double wn_belief_cdf(const struct wn_belief *b, double x);
double wn_belief_quantile(const struct wn_belief *b, double p);

/* Lets counts fade towards the prior: both are multiplied by keep_daily^days. keep_daily in (0, 1]
 * (else nothing fades), days >= 0 (less counts as 0). */
void wn_arm_fade(struct wn_arm *arm, double keep_daily, double days);

/* One day of one arm. */
struct wn_arm_day {
    uint32_t arm; /* below n_arms */
    int32_t day;
    double successes, trials;
};
#define WN_FADE_CANDIDATES 5
/* The daily fading that would have foretold best: of 1, .995, .98, .95, .9 the one under which each
 * day, judged by the beliefs of the days before, is most likely. days [n], ascending by day.
 * loss_out [WN_FADE_CANDIDATES], mean loss in nats per trial; may be NULL. Fails: INVALID (order,
 * numbers, no trials; why->line), MEMORY. O(5 n). */
WN_MUST_USE wn_rc wn_fade_fit(struct wn_arena *scratch, const struct wn_arm_day *days, size_t n,
                              size_t n_arms, const struct wn_prior *prior, double *keep_daily_out,
                              double *loss_out, struct wn_why *why);

/* How late conversions come: a mixture of exponentials. n 0: at once. */
#define WN_DELAY_PARTS_MAX 8
struct wn_delay {
    size_t n;
    double weight[WN_DELAY_PARTS_MAX];  /* >= 0, sum > 0; scaled to sum 1 in use */
    double mean_ms[WN_DELAY_PARTS_MAX]; /* >= 0; 0 = at once */
};
/* Fails: INVALID. */
WN_MUST_USE wn_rc wn_delay_check(const struct wn_delay *d, struct wn_why *why);
/* F(age): the part of the conversions that has come back at an age. A trial of that age counts as
 * so many trials. In [0, 1]. */
double wn_delay_known(const struct wn_delay *d, double age_ms);

/* ---- which is best ---- */

/* P(the rate of b is above that of a). Closed form where a parameter is a whole number up to 10,000,
 * else quadrature; 1e-10. */
double wn_belief_above(const struct wn_belief *a, const struct wn_belief *b);
/* E[max(rate of other - rate of chosen, 0)]: what choosing loses per trial. */
double wn_belief_loss(const struct wn_belief *chosen, const struct wn_belief *other);

struct wn_best_options {
    double level;      /* of the interval [low, high]: 0 = 0.8; below 1 */
    double near_ratio; /* "as good as the best": within this of it, relative; 0 = 0.02 */
    uint32_t n_draws;  /* above WN_BEST_EXACT_MAX arms: joint draws; 0 = 4000 */
};
#define WN_BEST_EXACT_MAX 24
struct wn_best {
    double p_best;        /* they sum to 1 */
    double expected_loss; /* E[best rate - this rate] */
    double p_near;        /* P(within near_ratio of the best) */
    double mean, low, high;
};
/* Up to WN_BEST_EXACT_MAX arms by quadrature (Gauss-Legendre panels between the quantiles of all
 * arms), else by joint draws (standard error of p at most 0.008 at 4000). options NULL: defaults.
 * out [n]. r is used by draws only, may be NULL for fewer arms. Fails: INVALID (why->line: arm),
 * LIMIT, MEMORY. Cost: 10 arms 1 to 4 ms; 1000 arms about 0.2 s. */
WN_MUST_USE wn_rc wn_bandit_best(struct wn_arena *scratch, const struct wn_belief *arms, size_t n,
                                 const struct wn_best_options *options, struct wn_rand *r,
                                 struct wn_best *out, struct wn_why *why);

/* ---- shares of the next batch ---- */

typedef enum wn_bandit_aim {
    WN_AIM_EARN,  /* Thompson: by the probability of being best */
    WN_AIM_DECIDE /* top two: half of the time the best rival of who would be drawn */
} wn_bandit_aim;

#define WN_FLOORS_MAX 0.5 /* of all traffic goes to the floors at most */
struct wn_share_options {
    wn_bandit_aim aim;
    double floor_ratio;   /* least share of an arm; at most WN_FLOORS_MAX / n is used */
    double change_factor; /* a share grows or falls at most by this factor a batch; 0 = no limit */
    double new_ratio_max; /* most for an arm without a share before: min(1/n, this); 0 = no limit */
};
#define WN_SHARE_OPTIONS_DEFAULT ((struct wn_share_options){WN_AIM_EARN, 0.01, 2, 0.1})
/* For single choices in a row: nothing but Thompson and a floor. */
#define WN_SHARE_OPTIONS_SINGLE ((struct wn_share_options){WN_AIM_EARN, 0.01, 0, 0})

/* Turns probabilities of being best [n] (summing to 1) into shares that sum to 1. before [n]: shares
 * of the last batch, negative for a new arm; NULL: first batch, no limits on change. Limits that
 * contradict each other give way in proportion. share_out [n] may be p_best. Fails: INVALID. */
WN_MUST_USE wn_rc wn_bandit_shares(const double *p_best, const double *before, size_t n,
                                   const struct wn_share_options *options, double *share_out,
                                   struct wn_why *why);
/* An index drawn with the probabilities share [n] (sum > 0). */
size_t wn_bandit_pick(const double *share, size_t n, struct wn_rand *r);
/* Divides total trials so that arm i gets share[i] * total on average and never differs from it by
 * one or more (systematic sampling); the sum is total. Shares that sum to nothing count as equal.
 * out [n]. */
void wn_bandit_split(const double *share, size_t n, uint64_t total, struct wn_rand *r,
                     uint64_t *out);

/* ---- the fast sampler ---- */

struct wn_bandit_sampler; /* 48 bytes an arm and 4 kB; one thread at a time */
/* Arms start as Beta(1, 1). Fails: INVALID (n 0), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_sampler_new(struct wn_arena *a, size_t n,
                                        struct wn_bandit_sampler **out, struct wn_why *why);
/* What is now believed of an arm. Two square roots. */
void wn_bandit_sampler_set(struct wn_bandit_sampler *s, size_t arm, const struct wn_belief *belief);
/* One joint draw; the arm with the largest rate in it, ties at random. Some 20 to 30 ns an arm. */
size_t wn_bandit_sampler_choose(const struct wn_bandit_sampler *s, struct wn_rand *r);
/* One draw of one arm's rate. */
double wn_bandit_sampler_rate(const struct wn_bandit_sampler *s, size_t arm, struct wn_rand *r);

/* ---- stop ---- */

struct wn_stop_options {
    double loss_ratio;    /* stop when the leader loses less than this of its rate: 0 = 0.005 */
    double days_min;      /* and each arm ran so long: 0 = 7 ... */
    double successes_min; /* ... or converted so often: 0 = 100 */
    const struct wn_prior *arm_priors; /* [n], one for each, instead; NULL: none. Borrowed */
};
typedef enum wn_arm_verdict {
    WN_ARM_LEADER, /* the largest mean */
    WN_ARM_KEEP,
    WN_ARM_DROP /* P(best) < 1 % and P(within 2 % of the best) < 5 % */
} wn_arm_verdict;
const char *wn_arm_verdict_name(wn_arm_verdict v);

struct wn_stop {
    size_t leader;
    bool may_stop;
    double loss_ratio;       /* expected loss of the leader over its mean */
    double days_to_decision; /* at the present pace and rates; 0 when it may stop, negative when
                                unknown: no day has passed, or not within 100 times the data */
};
/* days [n]: how long each arm has run. verdict_out [n]. best [n]: from wn_bandit_best on the
 * beliefs of these arms under this prior. Fails: as wn_bandit_best. Cost: some 12 of it. */
WN_MUST_USE wn_rc wn_bandit_stop(struct wn_arena *scratch, const struct wn_arm *arms,
                                 const struct wn_prior *prior, const struct wn_best *best,
                                 const double *days, size_t n,
                                 const struct wn_stop_options *options, struct wn_rand *r,
                                 wn_arm_verdict *verdict_out, struct wn_stop *out,
                                 struct wn_why *why);

/* ---- value instead of rate ---- */

/* Profit per impression = click rate * conversion rate * order value - cost. */
struct wn_value_arm {
    struct wn_arm clicks;      /* of impressions */
    struct wn_arm conversions; /* of clicks */
    double revenue;            /* of these conversions, >= 0 */
    double cost;               /* per impression, >= 0 */
};
/* As wn_bandit_best with values: mean, low, high and expected_loss are money per impression; p_near
 * is P(within near_ratio of the best value, where that is positive). Always by joint draws. The order
 * value is inverse-gamma around revenue per conversion, with the pooled one counted as one
 * conversion. Fails: as above. */
WN_MUST_USE wn_rc wn_bandit_best_value(struct wn_arena *scratch, const struct wn_value_arm *arms,
                                       size_t n, const struct wn_prior *click_prior,
                                       const struct wn_prior *conversion_prior,
                                       const struct wn_best_options *options, struct wn_rand *r,
                                       struct wn_best *out, struct wn_why *why);

/* ---- simulation ---- */

typedef enum wn_policy_kind {
    WN_POLICY_THOMPSON,
    WN_POLICY_TOP_TWO, /* Thompson; with probability 1/2 redrawn until another arm wins */
    WN_POLICY_UCB1,    /* mean + sqrt(scale ln t / n) */
    WN_POLICY_EPSILON, /* the best mean; with probability scale any arm */
    WN_POLICY_GREEDY,  /* the best mean of the beliefs */
    WN_POLICY_RANDOM,
    WN_POLICY_N
} wn_policy_kind;
/* "thompson", "top-two", "ucb1", "epsilon", "greedy", "random". */
const char *wn_policy_name(wn_policy_kind kind);

struct wn_policy {
    wn_policy_kind kind;
    struct wn_prior prior;             /* weight 0: WN_PRIOR_OWN */
    const struct wn_prior *arm_priors; /* [n_arms], one for each, instead; NULL: none. Borrowed */
    bool fits_prior;                   /* fit the prior to the arms (wn_prior_fit) as they grow */
    double width; /* Thompson: standard deviations of the draws times this; 0 = 1 */
    double scale; /* of UCB1 (0 = 2) and epsilon (0 = 0.1) */
};

struct wn_world {
    const double *rates; /* [n_arms], 0..1 */
    size_t n_arms;
    uint64_t n_rounds; /* impressions */
    uint64_t batch;    /* impressions between updates; 0 = 1 */
    double late_ratio; /* this part of the conversions comes late ... */
    double late_mean;  /* ... by an exponential delay with this mean, in rounds */
    bool ignores_late; /* policies count every trial at once, instead of n_eff */
};

#define WN_CURVE_POINTS 50
struct wn_regret {
    uint64_t round[WN_CURVE_POINTS]; /* 2 %, 4 % ... of the rounds, or each of them when fewer */
    double mean[WN_CURVE_POINTS];    /* expected successes lost against the best arm, over runs */
    double se[WN_CURVE_POINTS];
    size_t n_points;
    double median, low, high; /* at the end; low, high: 10 % and 90 % of the runs */
    double successes;         /* mean number of them at the end */
};
/* Runs a policy n_runs times. Regret counts rates, not luck. Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_simulate(struct wn_arena *scratch, const struct wn_world *world,
                                     const struct wn_policy *policy, uint32_t n_runs,
                                     struct wn_rand *r, struct wn_regret *out, struct wn_why *why);
/* Replays a table in which every arm's reward of every round is known: the policy sees only the
 * reward of the arm that it chose. reward [n_rounds][n_arms], 0 or 1. *successes_out: their number.
 * Fails: as above. */
WN_MUST_USE wn_rc wn_bandit_replay(struct wn_arena *scratch, const uint8_t *reward,
                                   uint64_t n_rounds, size_t n_arms, const struct wn_policy *policy,
                                   struct wn_rand *r, uint64_t *successes_out, struct wn_why *why);

/* ---- context ------------------------------------------------------------------------------------
 *
 * Which arm for this person, at this hour? A logistic model with weights shared by all arms and
 * weights of each arm's own: logit p = shared'x + own_a'x. What is believed of a weight is a normal
 * distribution, each by itself (diagonal Laplace); after a batch the means move to the best fit and
 * the precisions grow by the information of the batch. New arms begin with the shared weights.
 * Source: Chapelle and Li 2011, algorithm 3. */

#define WN_CONTEXT_FEATURES_MAX 64
struct wn_context_bandit {
    size_t n_arms, n_features; /* features without the constant, which is put in front */
    double *mean, *precision;  /* arena [1 + n_arms][1 + n_features]; row 0 is shared */
};
/* precision: of all weights at the start, > 0; 1 where nothing is known. Fails: INVALID, LIMIT,
 * MEMORY. */
WN_MUST_USE wn_rc wn_context_init(struct wn_arena *a, size_t n_arms, size_t n_features,
                                  double precision, struct wn_context_bandit *out,
                                  struct wn_why *why);
/* Learns a batch of n rows. arm [n]; x [n][n_features], within +-1e6, best about +-1; reward [n],
 * 0 or 1. b is untouched on failure. Fails: INVALID (why->line: row), MEMORY. Cost: some 20 passes
 * of n * n_features^2. */
WN_MUST_USE wn_rc wn_context_update(struct wn_arena *scratch, struct wn_context_bandit *b,
                                    const uint32_t *arm, const double *x, const uint8_t *reward,
                                    size_t n, struct wn_why *why);
/* For one x [n_features]: the probability of each arm to be the best under draws of width times the
 * standard deviations (0.5 .. 1; 0 = 1), none below floor_ratio (0 = 0.005, as far as
 * WN_FLOORS_MAX allows): draw the arm from it and log it. rate_out [n_arms] (may be NULL): the
 * click probability at the mean weights. share_out [n_arms]. r: above WN_BEST_EXACT_MAX arms.
 * Fails: INVALID, MEMORY. */
WN_MUST_USE wn_rc wn_context_shares(struct wn_arena *scratch, const struct wn_context_bandit *b,
                                    const double *x, double width, double floor_ratio,
                                    struct wn_rand *r, double *share_out, double *rate_out,
                                    struct wn_why *why);

/* ---- patterns -----------------------------------------------------------------------------------
 *
 * What makes creatives work? logit p_c = mu + sum over fields u_f[level] + sum over pairs of fields
 * v_fg[level, level] + campaign effect + e_c, all effects normal around 0 with a variance for each
 * field, pair, campaigns and creatives, which are learned too (Laplace approximation, EM; prior
 * inverse gamma(2, 0.02)). Gives the prior of a creative that was never shown, the effects as odds
 * multipliers, and the next brief.
 * Sources: Gelman et al., "Bayesian Data Analysis", 3rd ed., ch. 5 and 13; Tierney and Kadane,
 * "Accurate approximations for posterior moments and marginal densities", JASA 1986. */

#define WN_PATTERN_FIELDS_MAX 8
#define WN_PATTERN_PAIRS_MAX 28
#define WN_PATTERN_EFFECTS_MAX 1500
#define WN_PATTERN_NONE UINT32_MAX /* a field that a creative lacks */

struct wn_creative {
    uint32_t level[WN_PATTERN_FIELDS_MAX]; /* of each field: below n_levels, or NONE */
    uint32_t campaign;                     /* below n_campaigns; NONE */
    struct wn_arm counts;
};
struct wn_pattern_plan {
    size_t n_fields;                        /* hook, emotion, pacing, format, offer ... */
    size_t n_levels[WN_PATTERN_FIELDS_MAX]; /* of each, at least 1 */
    size_t n_campaigns;                     /* may be 0 */
    bool with_pairs; /* v_fg; pairs of levels that no creative has are left out */
};
struct wn_pattern_effect {
    uint32_t field, level;
    uint32_t field2, level2;          /* of a pair; NONE for a field's own effect */
    double mean, sd;                  /* on the logit */
    double odds, odds_low, odds_high; /* exp of it, with the 80 % interval */
    uint32_t n_creatives;             /* that have it */
    bool
        is_shown; /* a pair: its 90 % limits exclude 0 and 3 creatives have it; else any creative */
};
struct wn_pattern {
    struct wn_pattern_plan plan;
    size_t n_effects;                  /* without campaigns */
    struct wn_pattern_effect *effects; /* arena: fields in order, then pairs */
    double mu;
    /* Standard deviations: of each field's effects, each pair of fields' (f < g, in the order 01, 02
     * ... 12 ...), campaigns, and what is left of each creative. */
    double field_sd[WN_PATTERN_FIELDS_MAX], pair_sd[WN_PATTERN_PAIRS_MAX], campaign_sd, creative_sd;
    bool is_converged; /* false: the deviations still moved by more than 1 % a round at the end */
    /* for the functions below: */
    size_t n;          /* all weights: mu, effects, campaigns */
    double *weight;    /* arena [n] */
    double *factor;    /* arena, packed n: Cholesky factor of the posterior precision */
    uint32_t *pair_at; /* arena: the weight of a pair of levels, 0 = left out */
};
/* Fails: INVALID (why->line: creative), LIMIT (more than WN_PATTERN_EFFECTS_MAX weights), MEMORY.
 * Cost: up to 60 rounds of some 3 n^3 multiplications. */
WN_MUST_USE wn_rc wn_pattern_fit(struct wn_arena *a, const struct wn_creative *creatives, size_t n,
                                 const struct wn_pattern_plan *plan, struct wn_pattern *out,
                                 struct wn_why *why);
/* The belief in a creative that was never shown: mean and standard deviation of its logit (either
 * may be NULL), and the prior of its rate. counts are not read. Fails: INVALID. */
WN_MUST_USE wn_rc wn_pattern_prior(struct wn_arena *scratch, const struct wn_pattern *p,
                                   const struct wn_creative *creative, double *logit_out,
                                   double *sd_out, struct wn_prior *out, struct wn_why *why);
/* The next briefs: combinations of levels that no creative [n] has, each the best under a draw of its
 * own from the posterior (Thompson), less what it shares with the briefs before: diversity (0.2 as a
 * rule) times the share of equal fields. brief_out [n_briefs]; *n_out may be smaller when there are
 * not so many unseen combinations. Looks at all of them up to a million, else at 100,000 random ones.
 * Fails: INVALID, MEMORY. */
WN_MUST_USE wn_rc wn_pattern_briefs(struct wn_arena *scratch, const struct wn_pattern *p,
                                    const struct wn_creative *creatives, size_t n, double diversity,
                                    struct wn_rand *r, size_t n_briefs,
                                    struct wn_creative *brief_out, size_t *n_out,
                                    struct wn_why *why);

/* ---- chains -------------------------------------------------------------------------------------
 *
 * What to show next to an audience that has seen a pattern: transitions between patterns with the
 * prior of 5 passages spread as the marginal of the next pattern, rewards of b after a with the prior
 * of b's rate, worth 5 trials. */

#define WN_CHAIN_STATES_MAX 50
struct wn_chain_step {
    uint32_t sequence; /* steps of one person or audience; they follow each other in the array */
    uint32_t pattern;  /* shown, below n_patterns */
    uint8_t reward;    /* 0 or 1 */
};
struct wn_chain {
    size_t n;
    bool looks_two_back;      /* order 2 foretells the last fifth better: rate_two_back is set */
    double log_loss[2];       /* per step on the last fifth, of order 1 and 2 */
    struct wn_belief *reward; /* arena [n][n]: of b after a */
    double *transition;       /* arena [n][n]: probability of b after a, in the data */
    double *value;            /* arena [n][n]: reward of showing b after a, and what follows: the
                                   mean reward + 0.7 * the best value after b */
    double *rate_two_back;    /* arena [n][n][n]: mean reward of c after a, b; or NULL */
};
/* Fails: INVALID (why->line: step), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_chain_fit(struct wn_arena *a, const struct wn_chain_step *steps, size_t n,
                               size_t n_patterns, struct wn_chain *out, struct wn_why *why);
/* What to show after a: the pattern with the largest draw of its reward (one-step Thompson). */
size_t wn_chain_next(const struct wn_chain *c, size_t after, struct wn_rand *r);

#endif
