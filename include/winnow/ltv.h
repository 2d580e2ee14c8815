/* Lifetime value: who will buy again, how often, for how much, and what a customer is worth.
 *
 * The business is one where customers buy when they like and leave without saying so (a shop, not a
 * subscription; for contracts see winnow/cohorts.h). Of each customer four numbers are enough:
 *
 *   frequency  how often they bought again: days with a purchase after the first one
 *   recency    time from the first to the last purchase (0 when frequency is 0)
 *   age        time from the first purchase to the end of the observation, T
 *   monetary   mean value of the repeat purchases (0 when frequency is 0, or values are not known)
 *
 * Times are in one unit of the caller's choice (weeks by custom); money in whole units. Two models
 * of purchases:
 *
 *   BG/NBD      purchases come by chance at a personal rate lambda ~ Gamma(r, alpha); after each the
 *               customer leaves with a personal probability p ~ Beta(a, b)
 *   Pareto/NBD  the same rates; the customer leaves at a personal rate mu ~ Gamma(s, beta), at any
 *               moment
 *
 * and one of values, Gamma-Gamma: a purchase is Gamma(p, nu), nu ~ Gamma(q, v), independent of the
 * rate. Where frequency and value go together after all (|correlation| >= .15, and more than chance
 * would do), the level of the values is taken by bands of frequency, at most ten.
 *
 * Parameters are found by maximum likelihood: Newton's method on logarithms with exact derivatives,
 * identical customers counted once. Below 500 customers, or 30 who came back, weak priors are added
 * (log-normal, standard deviation 1.5). Channels: the logarithms of a channel's parameters are
 * drawn around those of the account with standard deviation .3 (plus the uncertainty of the
 * account), so that a small channel looks like the account and a large one like itself.
 *
 * Degenerate data have defined answers: nobody came back, everybody always buys, all values equal.
 * Parameters then end at the walls of what is searched (is_at_wall) and everything stays finite.
 *
 * Known limits: no calendar (a season of gifts counts as loyalty), no price, one purchase a day.
 * The interval of a sum knows chance and the uncertainty of the parameters only: on two real shops
 * it was too narrow (docs/BENCHMARKS.md).
 *
 * Sources: Fader, Hardie, Lee, "Counting your customers the easy way", Marketing Science 24(2),
 * 2005; Schmittlein, Morrison, Colombo, "Counting your customers", Management Science 33(1), 1987;
 * Fader and Hardie, "The Gamma-Gamma model of monetary value", 2013.
 *
 * All functions are pure: no clock, no files, no global state; the same input and seed give the
 * same bytes; safe from any thread with separate arenas. */
#ifndef WINNOW_LTV_H
#define WINNOW_LTV_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"

#define WN_LTV_CUSTOMERS_MAX 100000000
#define WN_LTV_CHANNELS_MAX 10000
#define WN_LTV_FREQUENCY_MAX 1e9
#define WN_LTV_TIME_MAX 1e15
#define WN_LTV_MONEY_MAX 1e15
#define WN_LTV_DRAWS_MAX 10000
#define WN_LTV_BANDS_MAX 10

typedef enum wn_ltv_kind { WN_LTV_BGNBD, WN_LTV_PNBD, WN_LTV_KINDS } wn_ltv_kind;

/* "bgnbd", "pnbd"; "BG/NBD", "Pareto/NBD"; names of the four parameters. Static text. */
const char *wn_ltv_kind_name(wn_ltv_kind kind);
const char *wn_ltv_kind_words(wn_ltv_kind kind);
const char *wn_ltv_parameter_name(wn_ltv_kind kind, size_t i);

struct wn_ltv_customer {
    double frequency; /* a whole number, 0 .. WN_LTV_FREQUENCY_MAX */
    double recency;   /* 0 <= recency <= age; 0 when frequency is 0 */
    double age;       /* 0 .. WN_LTV_TIME_MAX */
    double monetary;  /* 0 .. WN_LTV_MONEY_MAX; 0 = none or not known */
    uint32_t channel; /* below options.n_channels */
};

/* ---- from purchases to customers --------------------------------------------------------------
 */

struct wn_ltv_purchase {
    int64_t amount_micros; /* < 0: a refund */
    uint32_t customer;     /* below n_customers */
    int32_t day;
};

struct wn_ltv_histories {
    struct wn_ltv_customer *customers; /* arena: [n], channel 0 */
    uint32_t *ids;                     /* arena: [n], the customer of the purchases */
    double *first_value;               /* arena: [n], of the first purchase */
    double *later_purchases;           /* arena: [n], days with a purchase after last_day ... */
    double *later_value;               /* ... and what they brought */
    size_t n;                          /* those who bought up to last_day */
};

/* Sums each customer's purchases up to last_day (inclusive), and counts what came after it, up to
 * end_day. Purchases of one day are one. A refund is no purchase: it lowers the value of the
 * purchase before it, and of earlier ones when it is larger; a purchase of which nothing is left is
 * none. A refund of nothing known is ignored.
 *
 * rows [n_rows], by customer, then by day; borrowed. days_per_unit > 0: 7 gives weeks.
 * Fails: INVALID (order, customer, days; why->line = 1 + the row's place), MEMORY.
 * Cost: one pass, 60 bytes a customer. */
WN_MUST_USE wn_rc wn_ltv_summarise(const struct wn_ltv_purchase *rows, size_t n_rows,
                                   size_t n_customers, int32_t last_day, int32_t end_day,
                                   double days_per_unit, struct wn_arena *a,
                                   struct wn_ltv_histories *out, struct wn_why *why);

/* ---- the models ---------------------------------------------------------------------------------
 */

typedef enum wn_ltv_prior {
    WN_LTV_PRIOR_AUTO, /* below 500 customers or 30 who came back */
    WN_LTV_PRIOR_NEVER,
    WN_LTV_PRIOR_ALWAYS
} wn_ltv_prior;

struct wn_ltv_options {
    wn_ltv_kind kind;
    wn_ltv_prior prior;
    size_t n_channels; /* 0 = 1 */
};

/* Parameters of purchases: r, alpha, a, b or r, alpha, s, beta. */
struct wn_ltv_rates {
    double theta[4];
    double covariance[10]; /* of their logarithms; lower triangle by rows. Proper even where the
                              data say nothing: at most that of a standard deviation of 2 */
    double log_likelihood; /* of the data, without priors */
    size_t n_customers, n_repeat;
    double prior_weight; /* 0..1: how much of it is not the channel's own data; 0 without priors */
    bool is_at_wall;     /* a parameter ran to the end of what is searched */
    bool is_converged;
};

/* Parameters of values. */
struct wn_ltv_money {
    bool is_known; /* false: nobody came back with a value; the rest is then 0 */
    double p, q, v;
    double covariance[6]; /* of ln p, ln (q - 1.05), ln v */
    double log_likelihood;
    double correlation;      /* of frequency and monetary among those who came back */
    double correlation_left; /* the same after the bands */
    size_t n_buyers;
    size_t n_bands;                      /* 1 = frequency and value are independent */
    double band_from[WN_LTV_BANDS_MAX];  /* lowest frequency of the band, ascending */
    double band_level[WN_LTV_BANDS_MAX]; /* value relative to the account's */
    double *channel_level;               /* arena: [n_channels], likewise */
    bool is_at_wall, is_converged;
};

struct wn_ltv_model {
    wn_ltv_kind kind;
    struct wn_ltv_rates account;
    struct wn_ltv_rates *channels; /* arena: [n_channels]; one channel: equal to account */
    size_t n_channels;
    struct wn_ltv_money money;
};

/* Fits the model. Permuting the customers does not change the result but for rounding.
 * Fails: INVALID (no customers; a number out of range; why->line = 1 + the customer's place),
 * LIMIT, MEMORY. Cost: some 20 passes over the different customers, 0.2 us a customer and pass
 * (Pareto/NBD: 1 us); memory 40 bytes a customer while it runs. Above 20,000 different customers
 * most passes run over rounded times, the last ones over the exact times. */
WN_MUST_USE wn_rc wn_ltv_fit(const struct wn_ltv_customer *customers, size_t n,
                             const struct wn_ltv_options *options, struct wn_arena *a,
                             struct wn_ltv_model *out, struct wn_why *why);

/* ---- questions to a model -----------------------------------------------------------------------
 */

/* Questions about one customer with parameters theta [4] > 0. Pure, never fail, never give what is
 * not finite: arguments outside their range count as its edge. t >= 0: time after age. */

/* The probability that the customer has not left. */
double wn_ltv_alive(wn_ltv_kind kind, const double *theta, const struct wn_ltv_customer *c);
/* Expected purchases in (age, age + t]. By a series without the singularity at a = 1 (s = 1), where
 * that is slow (t beyond 50 times alpha + age) by the integral over p. */
double wn_ltv_expected(wn_ltv_kind kind, const double *theta, const struct wn_ltv_customer *c,
                       double t);
/* Expected repeat purchases of a new customer in (0, t]. */
double wn_ltv_expected_new(wn_ltv_kind kind, const double *theta, double t);
/* ln of the likelihood of a customer's frequency, recency and age. */
double wn_ltv_log_likelihood(wn_ltv_kind kind, const double *theta,
                             const struct wn_ltv_customer *c);
/* The mean value of a customer's purchases: p (v + x m) / (p x + q - 1), times the levels of band
 * and channel. 0 when values are not known. */
double wn_ltv_mean_value(const struct wn_ltv_money *money, const struct wn_ltv_customer *c);

/* ---- predictions ----------------------------------------------------------------------------------
 */

struct wn_ltv_plan {
    double horizon;        /* > 0, in the unit of the times */
    double units_per_year; /* 0 = 52.1775, weeks */
    double discount_ratio; /* of money a year from now: value / (1 + ratio); 0 = none */
    double margin_ratio;   /* share of a purchase that is earned, in (0, 1]; 0 = 1 */
    double level;          /* coverage of the intervals; 0 = .80 */
    double bid_quantile;   /* 0 = .40 */
    size_t n_draws;        /* paths a customer; SIZE_MAX = 500; 0 = no intervals */
    /* Of a new customer: mean value of the first purchase [n_channels], NULL or NaN = as the
     * repeats; what one costs, 0 = not known; borrowed. */
    const double *first_value;
    double cost;
    /* Optional, called now and then; false cancels. */
    bool (*on_progress)(void *context, size_t done, size_t total);
    void *context;
};

struct wn_ltv_prediction {
    double alive;      /* probability */
    double purchases;  /* expected, within the horizon */
    double mean_value; /* of one of them, before margin */
    double value;      /* expected: discounted, after margin; 0 when values are not known */
    double low, high;  /* of what will be seen; equal to 0 without draws */
    double bid;        /* the most to pay for keeping them: the bid quantile of the value given the
                   customer's own rates; 0 without draws */
};

/* Of a channel, or of all. */
struct wn_ltv_total {
    size_t n_customers;
    double alive, purchases, value, low, high; /* sums, and the interval of the value's sum; without
                                                  draws only the parameters widen it */
    double new_purchases; /* repeat purchases of a new customer within the horizon */
    double new_value;     /* first purchase and repeats: discounted, after margin */
    double new_low, new_high;
    double max_bid; /* the bid quantile of new_value over the uncertainty of the parameters */
    /* When a new customer has earned the cost, as the mean of many: */
    double payback;                   /* time; < 0 = not within the horizon, or no cost given */
    double payback_probability;       /* that it happens within the horizon */
    double payback_low, payback_high; /* < 0 = not within the horizon */
};

/* Predicts each customer, each channel and all.
 *
 * Intervals: n_draws paths a customer. A path draws parameters from the normal approximation of
 * their posterior, whether the customer is still there, their own rate and stay (and level of
 * values), and then their purchases until the horizon. Customers with the same four numbers get the
 * same paths, whatever their order. Totals: the variances of the customers, which are independent,
 * and the spread of the sum over the parameters.
 *
 * out [n]; totals [n_channels + 1], the last for all, may be NULL. Values are 0 when
 * money.is_known is false. Fails: INVALID (as in fit; the plan), MEMORY, CANCELLED.
 * Cost: 1 us a different customer and month of the horizon (a year at most without discount), and
 * 0.1 to 0.5 us a path. */
WN_MUST_USE wn_rc wn_ltv_predict(const struct wn_ltv_model *model,
                                 const struct wn_ltv_customer *customers, size_t n,
                                 const struct wn_ltv_plan *plan, struct wn_rand *r,
                                 struct wn_ltv_prediction *out, struct wn_ltv_total *totals,
                                 struct wn_why *why);

/* ---- hold-out -------------------------------------------------------------------------------------
 */

struct wn_ltv_check {
    size_t n;
    double purchases, purchases_expected; /* of all, in the time held out */
    double error_abs;                     /* mean |expected - seen| of a customer */
    double error_rms;
    double error_abs_naive; /* of "as often as before": frequency / age * time */
    double value, value_expected, value_low, value_high; /* sums */
    double covered;                                      /* share of the customers whose value lies
                                                            within low .. high */
};

/* Compares predictions [n] with what happened: later_purchases, later_value [n]; horizon: the time
 * held out. Predictions made with a margin or a discount compare purchases only: values must be as
 * they were paid. Fails: INVALID (n is 0, not finite). */
WN_MUST_USE wn_rc wn_ltv_compare(const struct wn_ltv_customer *customers,
                                 const struct wn_ltv_prediction *predictions,
                                 const struct wn_ltv_total *total, size_t n,
                                 const double *later_purchases, const double *later_value,
                                 double horizon, struct wn_ltv_check *out, struct wn_why *why);

#endif
