/* Response curves and budget allocation: what does the next unit of money return in each place, and
 * so where should the budget go?
 *
 *     history of each entity --wn_curves_fit--> curves --wn_allocate--> budgets, with reasons
 *
 * An entity is whatever gets a budget of its own: a channel, a campaign, an ad set. Spend and
 * revenue of histories and curves are doubles in whole units of one currency, per step of the
 * history (a day, a week: found from the data); budgets are int64 micros of the same currency per
 * the same step, and add up exactly.
 *
 * Everything is pure: no clock, no file, no global. The same input and the same seed give the same
 * bytes. Results live in the arena that is passed in; inputs are borrowed for the call, but for
 * what is said to be kept. Every number that comes out is finite. An error leaves `out` untouched,
 * and a struct wn_why (optional) names what is wrong. Functions may run on different threads as
 * long as they do not share an arena or a generator.
 *
 * A complete program: docs/examples/allocate.c. */
#ifndef WINNOW_ALLOCATE_H
#define WINNOW_ALLOCATE_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- response curves --------------------------------------------------------------------------
 *
 * The model, per entity: revenue_t = base + return * H(stock_t) * season_t + noise, where the
 * stock carries spend over (stock_t = (1-c) * sum of c^l * spend_{t-l}) and H saturates:
 * H(x) = x^s / (x^s + K^s), or x itself in the linear cell, so that data may say "not saturated".
 *
 * Over a grid of 132 cells (4 carry-overs x (8 half-saturations K x 4 slopes s + one linear)) the
 * regression is conjugate, so the posterior is exact on the grid, without sampling. Priors are
 * relative to the entity's mean spend, which makes the answer independent of the currency, and are
 * re-estimated across the entities of a group (two rounds of EM on the cell weights). The return's
 * prior passes through the ROAS of the entity shrunk to its group: (n * own + 7 * group) / (n + 7)
 * for n observed steps. Intervals are for the weeks to come: they hold what the fit does not know of
 * the past, and how far levels have moved before (drift_ratio), but not the noise of single steps. */

#define WN_CURVE_CELLS_MAX 198
#define WN_CURVE_POINTS 200
#define WN_HISTORY_ROWS_MAX 100000000 /* of one call, all entities together */
#define WN_MONEY_MAX 9.2e12           /* largest amount: what int64 micros hold */

/* What an experiment found: raising the spend from one level to another, held until it had
 * settled, changed revenue by effect +- effect_se (one standard error) per step. */
struct wn_experiment {
    double spend_from, spend_to; /* both >= 0, different */
    double effect, effect_se;    /* effect_se > 0 */
};

/* The past of one entity. Rows in any order; rows of the same day are added up; days that are
 * missing count as days without spend whose revenue is unknown. */
struct wn_history {
    const int32_t *days;   /* [n] days since any origin */
    const double *spend;   /* [n] 0 to WN_MONEY_MAX */
    const double *revenue; /* [n] 0 to WN_MONEY_MAX; NaN = unknown */
    const double *arrived; /* [n] share of the revenue that has arrived, (0, 1]; NULL = all. The
                             * revenue is divided by it, and weighs that much less. */
    size_t n;
    uint32_t group; /* 0-based: entities of one group learn from each other */
    const struct wn_experiment *experiments; /* [n_experiments], or NULL */
    size_t n_experiments;
};

struct wn_curve_options {
    bool with_base;         /* some revenue comes without spend: estimate it. Off: through 0 */
    bool no_season;         /* daily data: do not take out the weekday profile of the group */
    double decay_ratio;     /* weight of an observation, per step of age; 0 means whichever of 1,
                               .99 and .97 the entity's data favour */
    double reported_factor; /* true share of the revenue that a platform claims; 0 means 1. */
    double reported_log_sd; /* ... and the uncertainty of its logarithm; 0 to 2. A platform's own
                               * numbers are usually taken as factor .8, sd .4. */
};

/* One cell of the posterior. Its return is normal, truncated at 0. */
struct wn_curve_cell {
    double weight;                 /* all weights of a curve sum to 1 */
    double carry_over_ratio;       /* c */
    double half_spend;             /* K, money; 0 = the linear cell, whose H is x / spend_mean */
    double slope;                  /* s */
    double return_mean, return_sd; /* revenue at saturation (of the linear cell: at spend_mean) */
};

/* The posterior of one entity's steady-state response: what a spend held constant returns. */
struct wn_curve {
    const struct wn_curve_cell *cells; /* arena: [n_cells], by falling weight */
    size_t n_cells;
    const double *x;     /* arena, shared by all curves of a fit: [WN_CURVE_POINTS] * spend_mean */
    const double *mean;  /* arena: [WN_CURVE_POINTS] posterior mean of the revenue at each point */
    const double *slope; /* arena: its derivative, revenue per unit of money */
    const double *sd;    /* arena: posterior standard deviation */
    double spend_mean;   /* per observed step; x[i] * spend_mean is the spend of point i */
    double spend_now;    /* mean of the last 7 steps */
    double spend_min, spend_max, spend_cv; /* what was tried; cv = sd / mean */
    double roas_mean, roas_low, roas_high; /* at spend_mean, with 80 % interval */
    double base;                           /* revenue per step without spend; 0 unless with_base */
    double noise_sd;                       /* of one step's revenue at mean spend */
    double drift_ratio;  /* how far the level of a quarter of the history lies from the quarters
                           before it, beyond noise: a standard deviation, as a ratio. Of the group;
                           one with few such steps takes much of it from all entities of the call.
                           The next weeks may move as far: part of sd, cells and interval. 0 where
                           the data show none, where nobody has 28 steps, and in joint fits */
    double prior_weight; /* 0..1: how much of what is said here is prior, not data */
    uint32_t n_observed; /* steps with known revenue */
    bool is_identified; /* false: spend never moved (cv < 10 %) or there are fewer than 7 steps, and
                          * no experiment: the shape is the prior's. Probe with +-20 %. */
    bool is_empty;      /* never spent: the curve is 0 everywhere */
};

/* Fits the curve of each entity. options may be NULL. *out [n]: arena.
 * Fails: INVALID (a number that is out of range; why->field "spend[3]", why->line the entity,
 * 1-based), LIMIT (rows), MEMORY.
 * Cost: 132 cells x rows, about 1 us a row; memory of the fit itself is freed with the arena.
 * Sources: conjugate regression, Gelman et al., "Bayesian Data Analysis", 3rd ed., ch. 14; adstock
 * and Hill curves, Jin et al., "Bayesian Methods for Media Mix Modeling with Carryover and Shape
 * Effects", Google, 2017. */
WN_MUST_USE wn_rc wn_curves_fit(struct wn_arena *a, const struct wn_history *histories, size_t n,
                                const struct wn_curve_options *options, struct wn_curve **out,
                                struct wn_why *why);

/* Mean, derivative and standard deviation at a spend >= 0; any out pointer may be NULL. Cubic
 * Hermite between the points (the derivative is the interpolant's), constant beyond the last
 * (8192 x spend_mean). Negative and NaN count as 0. */
void wn_curve_at(const struct wn_curve *c, double spend, double *mean, double *slope, double *sd);

/* One draw from the posterior: a cell, and its return. */
struct wn_curve_draw {
    double half_spend, slope, scale; /* as in the cell; scale = spend_mean, for the linear cell */
    double gain;                     /* the drawn return, >= 0 */
};
struct wn_curve_draw wn_curve_sample(const struct wn_curve *c, struct wn_rand *r);
double wn_curve_draw_at(const struct wn_curve_draw *d, double spend);

/* Several channels behind one revenue series: media mix. Finds carry-over, saturation and return
 * of all channels together, so that collinear spends share their uncertainty instead of hiding it.
 * The posterior on a grid of 198 cells (6 carry-overs instead of 4: one that is off spoils what its
 * neighbours get) by Gibbs sampling: the cell of each channel given the others with its return
 * integrated out, then all returns, base, controls and noise at once.
 *
 * spend      [n_channels][n_steps], row-major, equally spaced steps, >= 0.
 * revenue    [n_steps]; NaN = unknown.
 * controls   [n_controls][n_steps] or NULL: trend, season, events, prices ... standardised inside.
 *            A base is always among them.
 * n_sweeps   kept sweeps (a quarter more come before, unused); 0 means 5000: cells
 *            move slowly, and with few sweeps the intervals come out too narrow.
 * *out       arena: [n_channels] curves. Their cells carry the marginals.
 * *contributions  arena: [n_channels][3]: mean, 10 % and 90 % quantile of the revenue that each
 *            channel brought over all steps. May be NULL.
 * Fails: INVALID, LIMIT (64 channels, 256 controls, 100000 steps), MEMORY. Cost: n_sweeps *
 * n_channels * 198 * n_steps multiplications. */
WN_MUST_USE wn_rc wn_curves_fit_joint(struct wn_arena *a, const double *spend, size_t n_channels,
                                      const double *revenue, size_t n_steps, const double *controls,
                                      size_t n_controls, uint32_t n_sweeps, struct wn_rand *r,
                                      struct wn_curve **out, double **contributions,
                                      struct wn_why *why);

/* ---- allocation -------------------------------------------------------------------------------
 *
 * Maximises the sum of responses f_i(x_i) with sum x_i <= budget, lo_i <= x_i <= hi_i, caps of
 * groups and a floor of the ROAS. Every curve is replaced by its upper concave envelope (one pass
 * of the monotone chain); a price is found by bisection at which each entity buys exactly those
 * segments that return more than it; the floor of the ROAS needs no second multiplier, because it
 * only raises the price. Curves with a start-up phase (S-shaped) have bridged segments in their
 * envelope; at most one entity per constraint ends inside one, and both of its ends are tried. If
 * what is achieved stays more than 0.5 % below the envelope's bound, an exact knapsack on 1/200 of
 * the budget decides. Smooth curves are then refined around the answer until the steps are below
 * 1e-7 of the spend.
 *
 * Source: Lagrangian relaxation of separable resource allocation: Everett, Operations Research
 * 11(3), 1963; Ibaraki and Katoh, "Resource Allocation Problems", 1988. */

#define WN_ENTITIES_MAX 1000000
#define WN_NO_LIMIT INT64_MAX

/* The response to a spend of x >= 0, and its derivative (slope is never NULL). Not falling, finite.
 * Called from the thread of wn_allocate. */
typedef double wn_respond_fn(const void *context, double x, double *slope);

/* Ready responses; context points to the parameters {a, b, s}. */
struct wn_respond {
    double a, b, s;
};
double wn_respond_log(const void *context, double x, double *slope);    /* a * ln(1 + x/b) */
double wn_respond_hill(const void *context, double x, double *slope);   /* a x^s / (x^s + b^s) */
double wn_respond_power(const void *context, double x, double *slope);  /* a * x^s, 0 < s <= 1 */
double wn_respond_linear(const void *context, double x, double *slope); /* a * x */
double wn_respond_curve(const void *context, double x, double *slope);  /* struct wn_curve */

struct wn_allocate_entity {
    struct wn_str name; /* for the sentences; empty = "entity 3" */
    /* Either points, joined by straight lines: x rising from >= 0, y; the last x limits the budget
     * (reason EVIDENCE). Or a function. Or a fitted curve, which also tells how sure it is. */
    const double *x, *y; /* [n_points] */
    size_t n_points;     /* 1 to 10000 */
    wn_respond_fn *respond;
    const void *context;
    const struct wn_curve *curve;

    int64_t current_micros;       /* >= 0: what it has now */
    int64_t lo_micros, hi_micros; /* 0 <= lo <= hi; hi WN_NO_LIMIT = none. Equal = fixed. A fixed
                                   * entity is exempt from max_change and exploration. */
    bool may_stop;                /* 0 is allowed as well as [lo, hi] */
    bool is_new;                  /* exempt from max_change, as is an entity whose current is 0 */
    uint32_t group;               /* index into group_caps_micros, when there are any */
};

typedef enum wn_allocate_risk {
    WN_RISK_MEAN,    /* the posterior mean: what earns most on average. The default */
    WN_RISK_LOWER,   /* the lower end of the 80 % interval: prefers what is well known */
    WN_RISK_THOMPSON /* one draw of each curve: learns by doing; needs a generator */
} wn_allocate_risk;

struct wn_allocate_options {
    int64_t budget_micros;            /* >= 0, total per step */
    const int64_t *group_caps_micros; /* [n_groups], or NULL */
    size_t n_groups;
    double target_roas;      /* total return / total spend at least; 0 = none */
    double max_change_ratio; /* per entity against current; 0 = none */
    double explore_ratio;    /* each entity keeps this share of an equal split, 0..1 */
    wn_allocate_risk risk;
    double keep_probability; /* move only when P(gain > 0) is above; 0 = always move */
    double switch_cost;      /* ... and the expected gain is above this, money per step */
    uint32_t n_draws;        /* draws of all curves for intervals; 0 means 500, <= 100000 */
};

#define WN_BIND_MAP(X)                                                                             \
    X(PRICE, "budget")     /* its marginal return equals the price of the budget */                \
    X(ROAS, "target_roas") /* the same, where the target sets the price */                         \
    X(MIN, "min")                                                                                  \
    X(MAX, "max")                                                                                  \
    X(FIXED, "fixed")                                                                              \
    X(CHANGE_DOWN, "max_change_down")                                                              \
    X(CHANGE_UP, "max_change_up")                                                                  \
    X(EXPLORE, "exploration")                                                                      \
    X(GROUP_CAP, "group_cap")                                                                      \
    X(EVIDENCE, "evidence")   /* the end of what the curve knows */                                \
    X(NO_RETURN, "no_return") /* the next unit returns nothing */                                  \
    X(ZERO, "zero")           /* its first unit is not worth the price */                          \
    X(START_UP, "start_up")   /* at an end of a start-up phase, where half-measures are lost */    \
    X(KEPT, "kept")           /* not moved: the gain is too small or too uncertain */

typedef enum wn_bind {
#define X(name, text) WN_BIND_##name,
    WN_BIND_MAP(X)
#undef X
        WN_BIND_N
} wn_bind;
const char *wn_bind_name(wn_bind b); /* "budget", "max_change_up", ...: static text */

struct wn_allocate_row {
    int64_t current_micros, budget_micros;
    double expected;     /* return at the budget, by the posterior mean, money per step */
    double low, high;    /* its 80 % interval; equal to expected where nothing is known of it */
    double expected_now; /* return at current */
    double marginal;     /* what the next unit of money returns at the budget */
    wn_bind bind;        /* what keeps it from being better */
    struct wn_str why;   /* arena: one sentence, NUL-terminated */
};

struct wn_allocation {
    struct wn_allocate_row *rows; /* arena: [n], in the order given */
    size_t n;
    int64_t budget_micros; /* what was allowed */
    int64_t spent_micros;  /* sum of the rows: at most the budget, to the micro */
    double expected, expected_now;
    double bound;     /* nothing within the constraints returns more, by the curves optimised */
    double optimised; /* what the answer returns by those curves (the mean's, for risk mean) */
    double price;     /* the next unit of budget returns this */
    double gain_mean, gain_low,
        gain_high;           /* against the reference, with 80 % interval; the reference
                                            * is current, scaled to the budget if its sum differs */
    double gain_probability; /* of gain > 0; without fitted curves 1, or .5 at no gain */
    bool is_unchanged;       /* nothing to change; why says which bound caused it */
    bool roas_is_met;        /* false only with a target that the minimums make impossible */
    struct wn_str why;       /* arena: one or two sentences about the whole */
};

/* Divides the budget. r may be NULL unless risk is THOMPSON or an entity has a curve.
 * Money is left over only when no entity may or should take it (why says so).
 * Ties: linear segments of equal slope share in proportion to their width; of equal start-up
 * phases the entity with the larger current is served first, then the earlier one.
 * Fails: INVALID (a bound or point that contradicts itself; minimums above the budget or a cap),
 * LIMIT, MEMORY. Cost: n * 200 evaluations and a few ms for 10,000 entities; with S-shaped curves
 * and a gap above 0.5 % also n * 40,000 steps, up to n = 10,000; with curves n * n_draws draws. */
WN_MUST_USE wn_rc wn_allocate(struct wn_arena *a, const struct wn_allocate_entity *entities,
                              size_t n, const struct wn_allocate_options *options,
                              struct wn_rand *r, struct wn_allocation *out, struct wn_why *why);

/* Where spend never moved, a trial teaches most: the entity among curves whose +-20 % probe is
 * worth the most: E[max after the probe] - max now, where the choice is among 80, 100 and 120 % of
 * its present spend, money elsewhere returns the mean marginal return of all curves, and the probe
 * is taken to tell the truth about the curve (n_draws draws; 0 means 200).
 * *out_index is n when every curve is identified. *out_value: money per step, an upper bound.
 * Fails: MEMORY. */
WN_MUST_USE wn_rc wn_probe_propose(struct wn_arena *a, const struct wn_curve *curves, size_t n,
                                   uint32_t n_draws, struct wn_rand *r, size_t *out_index,
                                   double *out_value, struct wn_why *why);

#ifdef __cplusplus
}
#endif
#endif
