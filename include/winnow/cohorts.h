/* Cohorts: the customers who first bought in one week, month or quarter, and what became of them.
 *
 *     wn_cohorts_build(&arena, purchases, n, &options, &table, &why);    what happened
 *     wn_cohorts_project(&arena, &table, &options, &rand, &out, &why);   what will, with intervals
 *
 * The table holds, for every cohort and every period since its first one, how many of its customers
 * bought, what they paid, and what a customer brought so far (LTV). Periods are those of the
 * calendar; period 0 is the one in which the cohort came. The last period is partial unless the
 * observation ends with it; models never look at partial periods.
 *
 * Two models of who stays:
 *
 *   BG/BB  shops: in each period a customer who is still there buys with a personal probability
 *          p ~ Beta(alpha, beta), and leaves for good with a personal probability
 *          theta ~ Beta(gamma, delta)
 *   sBG    contracts: whoever is still there pays in every period; leaves as above
 *          (parameters alpha, beta in the paper)
 *
 * Parameters are found by maximum likelihood over all customers of all cohorts, each counting
 * half as much per half_life periods since it came, where one is given. With fewer than 500
 * customers a weak prior is added (logarithms of parameters normal around 0, sd 1.5). Where the data
 * have no answer (nobody ever came back) they end at the wall of the search (is_at_wall).
 *
 * Money of the table is exact, in micros; of projections double, in whole units. The first cohort may
 * hold customers of earlier times: their true first purchase lies before the data.
 *
 * Sources: Fader and Hardie, "How to project customer retention", J. of Interactive Marketing 21(1),
 * 2007 (sBG); Fader, Hardie and Shang, "Customer-base analysis in a discrete-time noncontractual
 * setting", Marketing Science 29(6), 2010 (BG/BB).
 *
 * All functions are pure: no clock, no files, no global state; the same input and seed give the same
 * bytes; safe from any thread with separate arenas. */
#ifndef WINNOW_COHORTS_H
#define WINNOW_COHORTS_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"
#include "winnow/ltv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WN_COHORT_PERIODS_MAX 12000 /* of the calendar, from 1970 to 2199 */
#define WN_COHORT_AGES_MAX 520      /* periods of a customer's life that models look at */
#define WN_COHORT_HORIZON_MAX 1000
#define WN_COHORT_CELLS_MAX 4000000

typedef enum wn_cohort_period {
    WN_COHORT_WEEK,
    WN_COHORT_MONTH,
    WN_COHORT_QUARTER
} wn_cohort_period;

/* ---- the table -------------------------------------------------------------------------------- */

struct wn_cohort_cell {
    uint64_t n_active; /* customers with a purchase in the period */
    int64_t revenue_micros;
};
/* Customers of a cohort who are alike: bought in n_bought of the whole periods after the first, the
 * last time in period last. */
struct wn_cohort_group {
    uint32_t n_bought, last;
    uint64_t n_customers;
};
struct wn_cohort {
    int32_t first_day; /* of its first period: a Monday, the 1st of a month */
    uint64_t n_customers;
    size_t n_periods; /* cells: 1 + periods since then, the one that is not over included */
    size_t n_whole;   /* of them whole: n_periods or n_periods - 1 */
    struct wn_cohort_cell *cells;   /* arena: [n_periods] */
    struct wn_cohort_group *groups; /* arena: [n_groups] */
    size_t n_groups;
    uint64_t n_active_later; /* sum of n_active over whole periods 1 .. */
    double revenue_later;    /* what they paid then, whole units */
};
struct wn_cohorts {
    wn_cohort_period period;
    int32_t last_day;          /* of the observation */
    struct wn_cohort *cohorts; /* arena: [n], oldest first; only those with customers */
    size_t n;
    uint64_t n_customers;
    uint64_t n_ignored; /* rows after last_day, and refunds before the first purchase */
    double spend_sd;    /* of what one customer pays in one period after the first; whole units */
};

/* rows      [n_rows], by customer (any numbers), then by day; borrowed. A negative amount is a
 *           refund: it lowers revenue, and is no purchase.
 * last_day  the last day of the observation; rows behind it are left out.
 * Fails: INVALID (order, days, a sum of money beyond int64; why->line = the row's place, from 1),
 * LIMIT (cells), MEMORY. Cost: two passes over the rows. */
WN_MUST_USE wn_rc wn_cohorts_build(struct wn_arena *a, const struct wn_ltv_purchase *rows,
                                   size_t n_rows, wn_cohort_period period, int32_t last_day,
                                   struct wn_cohorts *out, struct wn_why *why);
/* The number of the period that holds the day (a later period has a larger one), and the first day
 * of a period. */
int32_t wn_cohort_period_of(wn_cohort_period period, int32_t day);
int32_t wn_cohort_period_start(wn_cohort_period period, int32_t number);
#define WN_COHORT_NAME_MAX 32
/* "2026-01-05" (week), "2026-01", "2026-Q1", with a NUL; returns the length. */
size_t wn_cohort_name(wn_cohort_period period, int32_t first_day, char out[WN_COHORT_NAME_MAX]);

/* ---- models ----------------------------------------------------------------------------------- */

typedef enum wn_cohort_model { WN_COHORT_BGBB, WN_COHORT_SBG } wn_cohort_model;

struct wn_cohort_fit {
    wn_cohort_model model;
    double theta[4];       /* BG/BB: alpha, beta, gamma, delta; sBG: alpha, beta, 0, 0 */
    double covariance[10]; /* of their logarithms; lower triangle by rows */
    double log_likelihood; /* of the data, without the prior */
    double n_customers;    /* weighted */
    bool is_at_wall;
    bool is_converged;
};

/* sBG by how long customers stayed: lost[t] left after t periods (were there in t of them),
 * kept[t] were still there after t and are seen no longer; t = 1 .. n, index 0 unused.
 * A list of survivors 1000, 869, 743 is lost[1] = 131, lost[2] = 126, kept[2] = 743.
 * Fails: INVALID (nobody, a number that is negative or not finite). */
WN_MUST_USE wn_rc wn_sbg_fit(const double *lost, const double *kept, size_t n,
                             struct wn_cohort_fit *out, struct wn_why *why);
/* The share still there after t periods; and of those there after t - 1 the share that is after t,
 * t >= 1. alpha, beta > 0. In [0, 1]. Cost: t steps. */
double wn_sbg_survival(double alpha, double beta, size_t t);
double wn_sbg_retention(double alpha, double beta, size_t t);

/* BG/BB by groups of customers, each seen for n_seen[g] periods (<= WN_COHORT_AGES_MAX).
 * weights  [n], or NULL for 1. Fails: INVALID (nobody; last < n_bought, last > n_seen). */
WN_MUST_USE wn_rc wn_bgbb_fit(const struct wn_cohort_group *groups, const uint32_t *n_seen,
                              const double *weights, size_t n, struct wn_cohort_fit *out,
                              struct wn_why *why);

/* ---- projection ------------------------------------------------------------------------------- */

struct wn_cohort_spend {
    int32_t day;
    double amount; /* what getting customers cost on that day, whole units */
};
struct wn_cohort_options {
    wn_cohort_model model;
    size_t horizon;   /* the last period to project, 0 means 12 */
    double half_life; /* periods after which a cohort's customers count half in the fit; 0 = none */
    double margin_ratio;                 /* of revenue, that LTV counts; 0 means 1 */
    double yearly_discount_ratio;        /* of money that comes a year later; >= 0 */
    double cost;                         /* of getting one customer, whole units; 0 = not known */
    const struct wn_cohort_spend *spend; /* [n_spend]: instead, spend by day; or NULL */
    size_t n_spend;
    uint32_t n_draws; /* 0 means 500; at most 10000 */
    double level;     /* of the intervals; 0 means 0.8 */
};
struct wn_cohort_point {
    double retention, retention_low, retention_high; /* share that buys in this period */
    double ltv, ltv_low, ltv_high; /* margin of a customer up to this period's end, whole units */
    bool is_projected;             /* false: observed, low and high are the same */
};
struct wn_payback {
    bool has_cost;
    double cost;        /* of one customer */
    bool is_paid;       /* observed: LTV has reached the cost */
    double probability; /* of being paid back by the horizon */
    size_t period;      /* when: observed, else the median of the draws that get there */
    size_t period_low, period_high; /* interval; where `not by the horizon` is in it, horizon + 1 */
};
struct wn_cohort_projection {
    struct wn_cohort_point *points; /* arena: [n_points] */
    size_t n_observed;              /* points that are observed: whole periods */
    struct wn_payback payback;
};
struct wn_cohorts_projection {
    size_t horizon;
    size_t n_points; /* horizon + 1, or as many as the oldest cohort has whole periods */
    struct wn_cohort_fit fit;
    bool has_fit;                         /* false: no cohort has two whole periods */
    struct wn_cohort_projection *cohorts; /* arena: [table.n] */
    struct wn_cohort_projection all;      /* mean of the cohorts, weighted with their customers */
    double shock_sd;   /* log of calendar periods around the model, beyond chance, per period */
    double spend_mean; /* of one customer in one period after the first */
};

/* Continues every cohort to the horizon. Who buys: the model, given what each customer did. How
 * much: the cohort's mean per buying customer and period, shrunk to that of all cohorts (Paule and
 * Mandel). Intervals: draws of the parameters from their normal approximation, of the mean spend,
 * of chance (normal, with the exact variance of the number of purchases), and of a drift of all
 * purchases ahead: per period as much as past calendar periods lay away from the model, growing with
 * the root of the periods ahead, up to as many as were looked at. Seasons are not modelled. Without a
 * fit only what was observed is there, and later points repeat the last (is_projected, has_fit false).
 *
 * Fails: INVALID (options), LIMIT, MEMORY. Cost: the fit, some 1000 evaluations of periods^2 cells
 * for each age, and n_draws * cohorts * periods^2. */
WN_MUST_USE wn_rc wn_cohorts_project(struct wn_arena *a, const struct wn_cohorts *table,
                                     const struct wn_cohort_options *options, struct wn_rand *r,
                                     struct wn_cohorts_projection *out, struct wn_why *why);

#ifdef __cplusplus
}
#endif
#endif
