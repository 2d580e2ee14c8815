/* Attribution: how much of what was sold each channel is credited with, by nine rules side by side,
 * and, where an experiment was made, how much it really caused.
 *
 *     wn_attribute(&arena, &paths, &options, &rand, &result, &why);     credits by every model
 *     wn_calibrate(&arena, credits, n, tests, n_tests, today, ...);     corrected by lift tests
 *
 * A path is the touches of one person, oldest first, and how it ended: with conversions (and their
 * value), or with none (a null path). Equal paths may stand in one row with counts. Null paths are
 * mandatory for a meaningful removal effect or rate: without them the answer says so (has_nulls).
 *
 * No model of paths is causal: they divide what happened among those who were there. Only the
 * calibration by experiments says what would be missing without a channel; a channel without a test
 * keeps a wide interval.
 *
 * The credits of each model add up to the conversions (and values) of the paths with at least one
 * touch, to rounding. Paths without a touch are counted apart, as unattributed. Everything returned
 * is finite.
 *
 * Sources: Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey", Int. J. of
 * Research in Marketing 33, 2016 (removal effect of Markov chains); Shapley, "A value for n-person
 * games", 1953; Zhao, Mahboobi and Bagheri, "Shapley value methods for attribution modeling in
 * online advertising", 2018 (containment game); Castro, Gomez and Tejada, Computers & Operations
 * Research 36, 2009 (permutations); Grassmann, Taksar and Heyman, Operations Research 33, 1985
 * (elimination without subtractions); Hanley and McNeil, Radiology 143, 1982 (error of an AUC). */
#ifndef WINNOW_ATTRIBUTE_H
#define WINNOW_ATTRIBUTE_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WN_CHANNELS_MAX 1024
#define WN_PATHS_MAX ((size_t)1 << 28)
#define WN_PATH_COUNT_MAX 1e15 /* of conversions, of nulls, of value, in one row */
#define WN_NO_CHANNEL UINT16_MAX

/* Models: name for programs, words for people. */
#define WN_ATTRIBUTE_MAP(X)                                                                        \
    X(FIRST, "first", "all to the first touch")                                                    \
    X(LAST, "last", "all to the last touch")                                                       \
    X(LAST_NON_DIRECT, "last_non_direct", "all to the last touch that is not direct")              \
    X(LINEAR, "linear", "the same to each touch")                                                  \
    X(TIME_DECAY, "time_decay", "half as much to a touch one half-life earlier")                   \
    X(POSITION, "position", "40 % to the first, 40 % to the last, 20 % to those between")          \
    X(MARKOV, "markov", "what would be lost if each step into the channel ended the path")         \
    X(SHAPLEY, "shapley", "a path's conversions equally to its distinct channels")                 \
    X(SHAPLEY_RATE, "shapley_rate", "fair shares of the conversion rate of sets of channels")

typedef enum wn_attribute_model {
#define X(name, text, words) WN_ATTRIBUTE_##name,
    WN_ATTRIBUTE_MAP(X)
#undef X
        WN_ATTRIBUTE_MODELS
} wn_attribute_model;

/* "markov" ...; static text. */
const char *wn_attribute_model_name(wn_attribute_model m);
const char *wn_attribute_model_words(wn_attribute_model m);

/* ---- paths ------------------------------------------------------------------------------------ */

/* Rows of paths, borrowed. Order of the rows does not matter. */
struct wn_paths {
    size_t n_channels; /* 1 .. WN_CHANNELS_MAX */
    size_t n;
    const size_t *starts;      /* [n + 1], rising from 0: touches of row p are starts[p] .. < p+1 */
    const uint16_t *touches;   /* [starts[n]] channels, each below n_channels; oldest first */
    const float *ages_days;    /* [starts[n]] days before the end of the path, >= 0; or NULL */
    const double *conversions; /* [n] 0 .. WN_PATH_COUNT_MAX; may be fractions */
    const double *values;      /* [n] 0 .. WN_PATH_COUNT_MAX, 0 without conversions; or NULL */
    const double *nulls;       /* [n] 0 .. WN_PATH_COUNT_MAX; or NULL = none */
};

/* One thing that happened to a person: a touch, a conversion, or a touch that converted at once. */
struct wn_touch_event {
    uint32_t person;
    uint16_t channel; /* WN_NO_CHANNEL: no touch */
    bool is_view;     /* seen, not clicked */
    int64_t at_ms;
    double conversions; /* 0 = none; at most WN_PATH_COUNT_MAX */
    double value;       /* of the conversions */
};
struct wn_look_back {
    double click_days, view_days; /* 0 means 30 and 1 */
};
/* Makes paths out of events. A conversion ends a path: its touches are those since the person's
 * conversion before that are not older than the look-back (of their kind). The others, and touches
 * after the last conversion, are null paths, cut where more than click_days lie between two
 * touches. Events at one moment: touches first, else in the order given. Paths come sorted by
 * person and time.
 *
 * events   [n], in any order; borrowed. Persons are any numbers.
 * *out     arena. conversions, values and nulls are all there; each row is one path.
 * Fails: INVALID (a channel not below n_channels, a number that is negative, too large or not
 * finite; value without conversions; why->line is the event's place, from 1), MEMORY.
 * Cost: a sort. */
WN_MUST_USE wn_rc wn_paths_build(struct wn_arena *a, const struct wn_touch_event *events, size_t n,
                                 size_t n_channels, const struct wn_look_back *look_back,
                                 struct wn_paths *out, struct wn_why *why);

/* ---- credits ---------------------------------------------------------------------------------- */

#define WN_MARKOV_ORDER_MAX 6
#define WN_MARKOV_ORDER_AUTO 4 /* the highest order tried by order_auto */
#define WN_MARKOV_STATES_MAX 200000
#define WN_MARKOV_CELLS_MAX ((size_t)1 << 25) /* states x channels */

struct wn_attribute_options {
    uint32_t models; /* bits 1u << WN_ATTRIBUTE_MARKOV ...; 0 = all */
    uint32_t order;  /* of the Markov chain, 1 .. WN_MARKOV_ORDER_MAX; 0 means 1 */
    bool order_auto; /* choose it: see wn_attribution.auc */
    bool has_direct; /* the channel direct_channel stands for visits without a source */
    uint16_t direct_channel;
    double half_life_days;    /* of time decay; 0 means 7 */
    double half_life_touches; /* the same where ages_days is NULL; 0 means 2 */
    uint32_t n_permutations;  /* of the rate game above 16 channels; 0 means 5000 */
    uint32_t n_bootstraps;    /* for intervals; 0 = none; at most 10000. Usual: 200 */
    double level;             /* of the intervals, in (0, 1); 0 means 0.95 */
    /* Optional, called between bootstraps; false cancels. */
    bool (*on_progress)(void *context, size_t done, size_t total);
    void *context;
};

struct wn_credit {
    double conversions, value;
    double low, high;             /* interval of conversions; equal to it without bootstraps */
    double value_low, value_high; /* likewise */
};

struct wn_attribution {
    size_t n_channels;
    uint32_t models;                                /* bits, as computed */
    struct wn_credit *credits[WN_ATTRIBUTE_MODELS]; /* arena: [n_channels], or NULL */
    double conversions, value, nulls; /* of the paths with at least one touch: what is divided */
    double unattributed_conversions, unattributed_value; /* of paths without one */
    bool has_nulls;
    double *disagreement; /* arena: [n_channels] (largest - smallest credit) / largest: 0 = all
                           * models agree, 1 = one of them gives it nothing */
    /* Markov; without it 0 and NULL */
    uint32_t order;
    size_t n_states;
    double conversion_probability; /* of a path by the chain */
    double *removal;               /* arena: [n_channels] removal effects on conversions, 0 .. 1 */
    double *removal_value;         /* ... on value */
    /* order_auto: held-out AUC by order, [0] unused; 0 where it was not tried. An order's score of a
     * path is the rate of conversion at its last k touches in the other four fifths of the people,
     * with 10 paths' worth of the next lower order. Chosen is the lowest order that comes within one
     * standard error (auc_se) of the best: more states must earn their keep. */
    double auc[WN_MARKOV_ORDER_AUTO + 1];
    double auc_se;
    /* The rate game */
    bool rate_is_exact;     /* up to 16 channels; else by permutations */
    double *permutation_se; /* arena: [n_channels] standard error of conversions; 0 when exact */
    double rate_of_all;     /* v(all channels): what the shares divide, before scaling */
};

/* Credits of every channel by every model asked for.
 *
 * Time decay weighs a touch 2^(-age/half-life). Position: one touch gets all, two get half each.
 * Markov: states are the last `order` touches, repeated ones kept; transitions count every path,
 * null paths too; the chance of conversion is solved exactly, without simulation; the removal effect
 * of c is the share of it that is lost when every step into c ends the path; credits are in
 * proportion to the removal effects. Those of value weigh each conversion with its value.
 * Shapley (containment game): v(S) = conversions of paths whose channels all lie in S.
 * Shapley (rate game): v(S) = the best conversion rate of people who saw exactly a subset of S, so
 * that no channel does harm; rates of small groups are shrunk to those of their size, and these to
 * the whole; the 4096 largest groups are used. A channel's share of the rate times the people it
 * reached is what its credit is in proportion to; value is divided as conversions are.
 * Intervals: Poisson bootstrap of people: each row's conversions and nulls are drawn anew, the value
 * of a conversion stays that of its row. For the rate game above 16 channels with 200 of the
 * permutations.
 *
 * r may be NULL without bootstraps and with at most 16 channels (or without the rate game). Same
 * input and seed, same bytes. Rows in another order: the same credits to rounding, other draws.
 * Fails: INVALID (why->line: the row, from 1; field), LIMIT (channels, states), CANCELLED, MEMORY.
 * Cost: some passes over the touches; the chain of order 1 n_channels^3, a higher order some 100
 * sweeps of n_channels multiplications for each transition; the rate game 2^n_channels * n_channels
 * up to 16; each bootstrap as much again. */
WN_MUST_USE wn_rc wn_attribute(struct wn_arena *a, const struct wn_paths *paths,
                               const struct wn_attribute_options *options, struct wn_rand *r,
                               struct wn_attribution *out, struct wn_why *why);

/* The Shapley value of any game of up to 20 players.
 *
 * worth   [2^n] of each coalition; bit i of the index = player i takes part; worth[0] counts, too.
 * out     [n]; sums to worth[2^n - 1] - worth[0].
 * Fails: INVALID (n is 0 or above 20, a worth that is not finite). Cost: n 2^n / 2. */
WN_MUST_USE wn_rc wn_shapley(const double *worth, size_t n, double *out, struct wn_why *why);

/* ---- calibration by experiments --------------------------------------------------------------- */

/* A geo or holdout test: what a channel caused, per conversion credited to it in the same cells and
 * days by the model that is to be calibrated. 1 = the credit is right, 0.4 = four of ten were
 * caused, 0 or less = no effect was seen. */
struct wn_lift_test {
    uint32_t channel;
    double lift; /* |lift| <= 1e6 */
    double se;   /* > 0, <= 1e6 */
    int32_t day; /* when it ended */
};
struct wn_calibration_options {
    double prior_ratio;  /* what a credit is worth without a test, median; 0 means 1 */
    double prior_log_sd; /* 0 means 0.5 */
    double double_days;  /* the variance of a test doubles in so many days; 0 means 180 */
    double level;        /* in (0, 1); 0 means 0.95 */
};
struct wn_calibrated {
    bool is_tested;
    uint32_t n_tests;
    double ratio, ratio_low, ratio_high; /* true per credited: median and interval */
    double conversions, low, high;       /* credit x ratio */
    double prior_weight;                 /* 0..1: variance of ln(ratio) after / before */
};
/* The posterior of ln(true / credited): normal prior, each test a normal reading of the ratio itself
 * (so that tests that found nothing, or less, count as well), with its variance doubled every
 * double_days; by quadrature.
 *
 * credits  [n] conversions (or value) of each channel, by one model; finite, >= 0.
 * today    tests of later days count as of today.
 * *out     arena: [n].
 * Fails: INVALID (why->line: the test, from 1), MEMORY. The sum need not be that of the credits: what
 * nobody caused would have come anyway. */
WN_MUST_USE wn_rc wn_calibrate(struct wn_arena *a, const double *credits, size_t n,
                               const struct wn_lift_test *tests, size_t n_tests, int32_t today,
                               const struct wn_calibration_options *options,
                               struct wn_calibrated **out, struct wn_why *why);

#ifdef __cplusplus
}
#endif
#endif
