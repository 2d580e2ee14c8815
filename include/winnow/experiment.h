/* A/B tests that may be looked at whenever you like: is the difference real, which variant is best,
 * what does a wrong choice cost, and when may the test stop?
 *
 *     rows of units --wn_abtest_sum--> statistics of each look --wn_abtest_analyse--> what to do
 *     daily totals  --wn_abtest_accumulate--^
 *
 * The headline is an always-valid interval (a confidence sequence): the probability that it ever
 * misses the true effect, however often and whenever somebody looks, is at most alpha. A check of
 * the split gates everything: when the variants did not get the traffic they were meant to get,
 * nothing else is to be believed. Beside it stand the probability of being best and the expected
 * loss of each variant, under a prior that says that most effects are small.
 *
 * Everything is pure: no clock, no file, no global; the same input gives the same bytes (only the
 * planner draws random numbers, from the generator passed in). Results live in the arena that is
 * passed in; inputs are borrowed for the call, names must outlive the result. Every number that
 * comes out is finite. An error leaves `out` untouched, and a struct wn_why (optional) names what
 * is wrong. Functions may run on different threads as long as they do not share an arena or a
 * generator.
 *
 * A complete program: docs/examples/experiment.c. */
#ifndef WINNOW_EXPERIMENT_H
#define WINNOW_EXPERIMENT_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WN_ABTEST_ARMS_MAX 64
#define WN_ABTEST_LOOKS_MAX 4096
#define WN_ABTEST_METRICS_MAX 64
#define WN_ABTEST_SEGMENTS_MAX 1000
#define WN_ABTEST_PRE_MAX 8
#define WN_ABTEST_N_MAX 1e15     /* units of one variant */
#define WN_ABTEST_VALUE_MAX 1e50 /* size of a value, and of a mean */

/* ---- the interval -----------------------------------------------------------------------------
 */

struct wn_abtest_interval {
    double low, high;
    double log_ratio; /* ln of the evidence against "no effect": mixture over null likelihood */
    double p;         /* always valid; of this look alone: min(1, exp(-log_ratio)) */
};

/* The normal-mixture confidence sequence around an effect whose variance is known well (central
 * limit theorem: from about 100 events in each variant).
 *
 * variance  of the effect, > 0: s_a^2 / n_a + s_b^2 / n_b.
 * tau       standard deviation of the mixture, > 0, same unit as effect, chosen before the test:
 *           the width is least where the standard error is about a third of tau.
 * alpha     in (0, 1).
 * Half-width sqrt(V (V + tau^2) / tau^2 (ln((V + tau^2) / V) - 2 ln alpha)).
 * Fails: INVALID. Source: Robbins, Annals of Math. Stat. 41, 1970; Johari, Koomen, Pekelis and
 * Walsh, "Always valid inference", Operations Research 70(3), 2022. */
WN_MUST_USE wn_rc wn_abtest_normal(double effect, double variance, double tau, double alpha,
                                   struct wn_abtest_interval *out, struct wn_why *why);

/* The exact sequence for two rates (effect: rate b - rate a), valid from the first unit on. The
 * mixture is a Beta(1/2, 1/2) on each rate; the null is the likeliest pair with the difference in
 * question, so that the nuisance rate costs nothing but power. All counts are real numbers
 * 0 <= events <= n <= WN_ABTEST_N_MAX. Wider than the normal one where both hold.
 * Fails: INVALID. Cost: some 3,000 divisions.
 * Source: Ville's inequality on a likelihood ratio against the maximised null, as in Wasserman,
 * Ramdas and Balakrishnan, "Universal inference", PNAS 117, 2020, section 7. */
WN_MUST_USE wn_rc wn_abtest_exact(double events_a, double n_a, double events_b, double n_b,
                                  double alpha, struct wn_abtest_interval *out, struct wn_why *why);

/* ---- the split --------------------------------------------------------------------------------
 */

#define WN_ABTEST_SRM_P .0005 /* below: the split is broken */

struct wn_abtest_srm {
    double chi2; /* with n_arms - 1 degrees of freedom; at most 1e308 */
    double p;    /* of one look */
};
/* Sample ratio mismatch: do the counts [n] fit the weights [n] of the design (NULL = equal)?
 * Counts >= 0, weights > 0, n >= 2. No units: p = 1. Fails: INVALID. Pearson's chi-square test;
 * Fabijan et al., "Diagnosing sample ratio mismatch", KDD 2019. */
WN_MUST_USE wn_rc wn_abtest_split(const double *counts, const double *weights, size_t n,
                                  struct wn_abtest_srm *out, struct wn_why *why);

/* ---- statistics out of units ------------------------------------------------------------------
 */

typedef enum wn_abtest_kind {
    WN_ABTEST_RATE, /* a unit converts or does not */
    WN_ABTEST_MEAN, /* a value of each unit: revenue, time, orders */
    WN_ABTEST_RATIO /* sum of values over sum of denominators: revenue per order, CTR by user */
} wn_abtest_kind;
const char *wn_abtest_kind_name(wn_abtest_kind kind); /* "rate", "mean", "ratio" */

/* One variant up to a look. */
struct wn_abtest_stat {
    double n;        /* units */
    double mean;     /* per unit; of a ratio: the ratio */
    double variance; /* of one unit: variance / n is that of the mean */
    double n_events; /* units that converted, or whose value is not 0 */
};
/* From totals. Rate: variance = p (1 - p). Mean: from sum of squares, unbiased. events: units whose
 * value is not 0 (NaN = not known: all). Fails: INVALID (events above n, a sum of squares that is
 * too small for the sum, not finite, over the limits). */
WN_MUST_USE wn_rc wn_abtest_rate(double n, double events, struct wn_abtest_stat *out,
                                 struct wn_why *why);
WN_MUST_USE wn_rc wn_abtest_mean(double n, double sum, double sum_sq, double events,
                                 struct wn_abtest_stat *out, struct wn_why *why);
/* Adds looks up: cumulative [n_looks][n_arms] of fresh, which holds what each look added. Rates and
 * means only. May be in place. */
void wn_abtest_accumulate(const struct wn_abtest_stat *fresh, wn_abtest_kind kind, size_t n_looks,
                          size_t n_arms, struct wn_abtest_stat *cumulative);

/* Units: one row each, only those that were exposed. */
struct wn_abtest_units {
    const uint32_t *arm;       /* [n] below n_arms */
    const uint32_t *look;      /* [n] below n_looks: when it was first exposed; NULL = all in one */
    const double *value;       /* [n] */
    const double *denominator; /* [n] >= 0: makes it a ratio; NULL = none */
    const double *pre;         /* [n][n_pre] row-major: the same metric, or others, before the test;
                                 * NaN = a new unit */
    size_t n, n_arms, n_looks, n_pre;
    double winsor_ratio; /* values above this pooled quantile (of values that may be negative: also
                          * below its mirror) are cut to it; 0 = none. Not for ratios and 0/1. */
};
struct wn_abtest_adjustment {
    wn_abtest_kind kind;                 /* RATE when all values are 0 or 1 */
    double theta[2 * WN_ABTEST_PRE_MAX]; /* of each pre column, then of "it is missing" */
    double variance_ratio;               /* after over before; 1 = nothing gained */
    double cap_low, cap_high;            /* of the winsorising; only when n_capped > 0 */
    uint64_t n_capped, n_missing;        /* values cut; units without a pre value */
};
/* Sums units up, look by look, with CUPED: y' = y - theta (x - mean x), theta by least squares
 * within the variants, pooled; a missing x counts as the mean, with an indicator of its own; a
 * slight ridge (number of columns over n, on standardised columns) when there are several. A ratio
 * is linearised: value - R * denominator (delta method).
 *
 * *cumulative, *fresh  arena: [n_looks][n_arms]. fresh: the units of that look alone.
 * Fails: INVALID (why->line the unit, 1-based), LIMIT, MEMORY. Cost: a few passes.
 * Sources: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments
 * by utilizing pre-experiment data", WSDM 2013; Deng, Knoblich and Lu, "Applying the delta method
 * in metric analytics", KDD 2018. */
WN_MUST_USE wn_rc wn_abtest_sum(struct wn_arena *a, const struct wn_abtest_units *units,
                                struct wn_abtest_stat **cumulative, struct wn_abtest_stat **fresh,
                                struct wn_abtest_adjustment *adjustment, struct wn_why *why);

/* ---- beliefs ----------------------------------------------------------------------------------
 */

struct wn_abtest_belief {
    double effect;    /* posterior mean of mean - mean of the control; 0 of the control itself */
    double low, high; /* its 95 % interval */
    double p_above;   /* P(effect > 0); of a control .5 */
    double p_minimum; /* P(effect > minimum) */
    double p_best;    /* of all variants; they sum to 1 */
    double loss;      /* expected loss of choosing it: E[best] - E[it], >= 0 */
};
/* What to believe about n >= 2 variants, after shrinking: effects against variant `control` have
 * the prior scale * t_3 (heavy tails: small effects shrink, large ones hardly), the control's own
 * level a flat one. Means and variances of the means [n], variances >= 0; scale >= 0 (0 = nobody
 * expects an effect); larger means are better. out [n].
 * Fails: INVALID, LIMIT, MEMORY (scratch of its own). Numerical integration, no sampling: error
 * about 1e-4. Cost: n * n * 350 exponentials, for more
 * than two variants 129 times that, beyond eight 33 times.
 * Source: Stucchio, "Bayesian A/B testing at VWO", 2015 (expected loss); Deng, "Objective Bayesian
 * two sample hypothesis testing for online controlled experiments", WWW 2015 (learnt priors). */
WN_MUST_USE wn_rc wn_abtest_believe(const double *mean, const double *variance, size_t n,
                                    size_t control, double scale, double minimum,
                                    struct wn_abtest_belief *out, struct wn_why *why);
/* The scale of that prior out of past experiments: relative effects and their standard errors [n],
 * by maximum likelihood between 1e-4 and 10, pulled to .05 with the weight of two experiments
 * (n = 0 gives .05). Fails: INVALID, MEMORY. */
WN_MUST_USE wn_rc wn_abtest_learn(const double *effects, const double *errors, size_t n,
                                  double *scale_ratio_out, struct wn_why *why);

/* ---- the whole test ---------------------------------------------------------------------------
 */

struct wn_abtest_metric {
    struct wn_str name;
    wn_abtest_kind kind;
    const struct wn_abtest_stat *cumulative; /* [n_looks][n_arms] */
    const struct wn_abtest_stat *fresh;      /* likewise, or NULL */
    bool is_lower_better;
};
struct wn_abtest_segment { /* for the check of the split only: peeking at segments finds ghosts */
    struct wn_str name;    /* "device=phone" */
    const double *counts;  /* [n_arms] */
};
struct wn_abtest {
    const struct wn_str *arms; /* [n_arms] names */
    const double *weights;     /* [n_arms] of the design; NULL = equal */
    size_t n_arms, control;
    const int32_t *days; /* [n_looks] rising; NULL = looks without a date */
    size_t n_looks;
    const struct wn_abtest_metric *metrics; /* [n_metrics], the one that decides first */
    size_t n_metrics;
    const struct wn_abtest_segment *segments; /* [n_segments] */
    size_t n_segments;
};

struct wn_abtest_options {
    double alpha;            /* 0 means .05 */
    double tau;              /* absolute, of the first metric; 0 = by tau_ratio */
    double tau_ratio;        /* of the control's mean; 0 = as minimum_ratio */
    double minimum_ratio;    /* smallest effect that matters, of the control's mean; 0 = as tau, and
                           * without it .10 for rates, .05 else */
    double prior_ratio;      /* scale of the prior, of the control's mean; 0 means .05 */
    double loss_ratio;       /* a loss that does not matter, of the control's mean; 0: .001 */
    double ship_probability; /* 0 means .9 */
    double futile_probability; /* 0 means .05 */
    double units_per_day;      /* all variants together; 0 = from the last 7 looks with days */
    double events_min;         /* events in each variant for the normal sequence; 0 means 100 */
};

#define WN_ABTEST_VERDICT_MAP(X)                                                                   \
    X(BLOCKED, "blocked")     /* the split is broken: find out why, believe nothing */             \
    X(TOO_EARLY, "too_early") /* not enough events for any interval */                             \
    X(KEEP_GOING, "keep_going")                                                                    \
    X(LOW_RISK, "low_risk") /* not proven, but choosing it costs next to nothing if wrong */       \
    X(SHIP, "ship")         /* proven better, safe to stop */                                      \
    X(WORSE, "worse")       /* proven worse */                                                     \
    X(FUTILE, "futile")     /* an effect that matters is out of the question */

typedef enum wn_abtest_verdict {
#define X(name, text) WN_ABTEST_##name,
    WN_ABTEST_VERDICT_MAP(X)
#undef X
        WN_ABTEST_VERDICT_N
} wn_abtest_verdict;
const char *wn_abtest_verdict_name(wn_abtest_verdict v); /* "keep_going"; static text */

typedef enum wn_abtest_method {
    WN_ABTEST_NONE,  /* no interval yet */
    WN_ABTEST_EXACT, /* beta-binomial mixture */
    WN_ABTEST_NORMAL /* normal mixture */
} wn_abtest_method;
const char *wn_abtest_method_name(wn_abtest_method m); /* "none", "exact", "normal" */

/* One look at one variant against the control. */
struct wn_abtest_look {
    double effect;
    wn_abtest_method method;
    double low, high; /* always-valid; 0 without a method */
    double p;         /* the smallest always-valid p so far */
    bool has_fresh;
    double fresh_effect, fresh_se; /* of the units of this look alone: novelty shows here */
};
struct wn_abtest_arm {
    struct wn_abtest_stat stat;         /* at the last look */
    const struct wn_abtest_look *looks; /* arena: [n_looks]; of the control NULL */
    double effect, low, high, p;        /* of the last look */
    wn_abtest_method method;
    bool has_relative;                            /* the control's mean is not 0 */
    double relative, relative_low, relative_high; /* effect and interval over the control's mean */
    double p_adjusted;              /* Benjamini-Hochberg over all variants and metrics */
    bool is_proven;                 /* p_adjusted <= alpha */
    struct wn_abtest_belief belief; /* in the metric's own direction: "best" is what is wanted */
    double loss_ratio;              /* belief.loss over the metric's size */
    wn_abtest_verdict verdict;
};
struct wn_abtest_outcome {
    struct wn_str name;
    wn_abtest_kind kind;
    bool is_lower_better;
    double size; /* what ratios of options refer to: the control's mean, without sign; where that is
                  * 0 the spread of a unit (of a rate: the first rate that is not 0) */
    double tau, minimum, prior;       /* absolute, as used */
    const struct wn_abtest_arm *arms; /* arena: [n_arms] */
    double n_left; /* units of all variants until the interval is as narrow as the smallest effect
                    * that matters, when one or the other answer is due; 0 = reached */
    bool has_days_left;
    double days_left;
    size_t best; /* variant most likely to be best */
};
struct wn_abtest_part { /* the split of one day or segment */
    struct wn_str name;
    struct wn_abtest_srm srm;
    double p_adjusted; /* Benjamini-Hochberg over the parts of its kind */
};
struct wn_abtest_result {
    double alpha;
    struct wn_abtest_srm srm;
    bool is_split_good;                 /* neither the whole nor a part is below WN_ABTEST_SRM_P */
    const struct wn_abtest_part *parts; /* arena: [n_parts] worst first: days, then segments */
    size_t n_parts;
    const struct wn_abtest_outcome *metrics; /* arena: [n_metrics] */
    size_t n_metrics;
    wn_abtest_verdict verdict; /* by the first metric */
    size_t arm;                /* the variant it speaks of; the control when that is to stay */
    bool is_safe_to_stop; /* SHIP, WORSE or FUTILE: true at any time, however often one looks */
    struct wn_str why;    /* arena: one or two sentences: what to do, and why */
};

/* Analyses a test. options may be NULL. Below events_min events (and as many non-events of a rate)
 * in a variant a rate gets the exact sequence, other kinds no interval yet.
 *
 * A variant is SHIP when its effect is proven (p_adjusted), its expected loss is below loss_ratio
 * and P(better) above ship_probability; LOW_RISK when only the last two hold; WORSE when it is
 * proven worse; FUTILE when P(effect > minimum) is below futile_probability and the always-valid
 * interval at 2 * futile_probability excludes the minimum, so that a look too many cannot kill a
 * good variant. The verdict of the whole is the first of: blocked, ship, low risk, keep going or
 * too early; worse or futile when every variant is.
 *
 * Fails: INVALID (numbers; fewer than two arms; no looks), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_abtest_analyse(struct wn_arena *a, const struct wn_abtest *test,
                                    const struct wn_abtest_options *options,
                                    struct wn_abtest_result *out, struct wn_why *why);

/* ---- before the test --------------------------------------------------------------------------
 */

struct wn_abtest_wish {
    wn_abtest_kind kind;   /* RATE or MEAN */
    double mean;           /* of the control; a rate in (0, 1); not 0 */
    double sd;             /* of one unit; ignored for a rate */
    double effect_ratio;   /* smallest effect that matters, relative; > 0 */
    double alpha, power;   /* 0 means .05, .8 */
    size_t n_arms;         /* 0 means 2; several share alpha (Bonferroni) */
    double variance_ratio; /* what CUPED leaves of the variance; 0 means 1 */
    double units_per_day;  /* 0 = no days in the answer */
    uint32_t n_paths;      /* 0 means 1000, at most 100000 */
};
struct wn_abtest_plan {
    double n_fixed;  /* units per variant of a test that is looked at once, at its end */
    double n_width;  /* ... until the half-width of the sequence equals the effect */
    double n_max;    /* ... until the sequence has found the effect with the power asked for */
    double n_effect; /* units per variant it takes on average, if the effect is there */
    double n_none;   /* ... if there is none (futility stops it, at n_max at the latest) */
    double power_at_fixed;                               /* of the sequence at n_fixed */
    double days_fixed, days_max, days_effect, days_none; /* 0 without units_per_day */
};
/* Sizes by formula, times and power by simulated paths with 400 looks up to 8 * n_fixed.
 * Fails: INVALID, LIMIT (more than WN_ABTEST_N_MAX units), MEMORY. */
WN_MUST_USE wn_rc wn_abtest_plan(const struct wn_abtest_wish *wish, struct wn_rand *r,
                                 struct wn_abtest_plan *out, struct wn_why *why);

#ifdef __cplusplus
}
#endif
#endif
