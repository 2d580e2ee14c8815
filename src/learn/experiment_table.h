/* The data of an A/B test, row by row, as people have it: totals of variants, totals of each day,
 * or one row for each unit. CSV text is read here as well.
 *
 * Columns (any order; other names in parentheses):
 *   totals  variant (arm, group, variation, bucket), n (units, users, visitors, sessions,
 *           exposures), conversions (converted, successes, events, orders) and/or sum (revenue,
 *           total, value) with sum_sq (sum_squares); date (day, ds) makes it daily, counting the
 *           units first exposed on that day; metric, for several.
 *   units   variant, value (y, outcome, revenue), and optionally unit (user, user_id, unit_id,
 *           visitor_id, customer_id, id), pre (and every column that begins with "pre_"),
 *           denominator, date of the first exposure.
 *   both    segment, device, country, platform, browser, os: only the split is checked by them.
 * Rows of one unit are added up; a unit seen in two variants is left out and counted. */
#ifndef WN_LEARN_EXPERIMENT_TABLE_H
#define WN_LEARN_EXPERIMENT_TABLE_H

#include "winnow/experiment.h"

#define WN_ABTEST_ROWS_MAX 200000000
#define WN_ABTEST_DIMENSIONS_MAX 8

struct wn_abtest_columns {
    bool has_units; /* one row for each unit; else totals */
    bool has_unit, has_denominator, has_day, has_metric;
    bool has_conversions, has_sum;
    size_t n_pre, n_dimensions;
    struct wn_str dimensions[WN_ABTEST_DIMENSIONS_MAX]; /* names; borrowed */
    struct wn_str value_name; /* what the value or sum is called; borrowed */
};
/* What is not among the columns is not looked at. Texts are borrowed for the call. */
struct wn_abtest_row {
    struct wn_str variant, metric, unit;
    struct wn_str segments[WN_ABTEST_DIMENSIONS_MAX];
    int32_t day;
    double n, conversions, sum, sum_sq; /* conversions and sum: NaN = not given */
    double value, denominator;
    double pre[WN_ABTEST_PRE_MAX]; /* NaN = missing */
    uint64_t line;                 /* for errors */
};

struct wn_abtest_table;
/* Fails: INVALID (columns that do not make a test), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_abtest_table_new(const struct wn_abtest_columns *columns,
                                      struct wn_abtest_table **out, struct wn_why *why);
void wn_abtest_table_free(struct wn_abtest_table *t); /* accepts NULL */
/* Fails: INVALID (why->line, why->field), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_abtest_table_add(struct wn_abtest_table *t, const struct wn_abtest_row *row,
                                      struct wn_why *why);

struct wn_abtest_share { /* of the design */
    struct wn_str variant;
    double weight;
};
struct wn_abtest_finish {
    struct wn_str control; /* empty: "control", "baseline", "A", else the first variant */
    const struct wn_abtest_share *shares; /* of all variants, or none */
    size_t n_shares;
    double winsor_ratio; /* of units; 0 = none */
    bool is_lower_better;
};
struct wn_abtest_input {
    struct wn_abtest test; /* everything it points to is in the arena */
    bool has_units;
    struct wn_abtest_adjustment adjustment; /* of units */
    uint64_t n_rows, n_repeated,
        n_crossed; /* rows; of them of known units; units in two variants */
};
/* Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_abtest_table_finish(struct wn_abtest_table *t,
                                         const struct wn_abtest_finish *how, struct wn_arena *a,
                                         struct wn_abtest_input *out, struct wn_why *why);

/* CSV with a header, pushed in pieces of any size. Dates: any form that reads in one way only. */
struct wn_abtest_csv;
WN_MUST_USE wn_rc wn_abtest_csv_new(struct wn_abtest_csv **out, struct wn_why *why);
void wn_abtest_csv_free(struct wn_abtest_csv *c); /* accepts NULL */
WN_MUST_USE wn_rc wn_abtest_csv_push(struct wn_abtest_csv *c, struct wn_str bytes,
                                     struct wn_why *why);
WN_MUST_USE wn_rc wn_abtest_csv_finish(struct wn_abtest_csv *c, const struct wn_abtest_finish *how,
                                       struct wn_arena *a, struct wn_abtest_input *out,
                                       struct wn_why *why);

/* Which column a name is; for pre and dimensions every call finds the next place in columns, which
 * it fills. False: no column of ours. */
typedef enum wn_abtest_column {
    WN_ABTEST_C_VARIANT,
    WN_ABTEST_C_METRIC,
    WN_ABTEST_C_UNIT,
    WN_ABTEST_C_DAY,
    WN_ABTEST_C_N,
    WN_ABTEST_C_CONVERSIONS,
    WN_ABTEST_C_SUM,
    WN_ABTEST_C_SUM_SQ,
    WN_ABTEST_C_VALUE,
    WN_ABTEST_C_DENOMINATOR,
    WN_ABTEST_C_PRE,
    WN_ABTEST_C_DIMENSION,
    WN_ABTEST_C_NONE
} wn_abtest_column;
/* The place of each of n names: kinds[i], and the number among pre or dimensions in at[i]. Fills
 * columns (names borrowed). Fails: INVALID (something is missing or there twice), LIMIT. */
WN_MUST_USE wn_rc wn_abtest_columns_find(const struct wn_str *names, size_t n,
                                         struct wn_abtest_columns *columns, wn_abtest_column *kinds,
                                         size_t *at, struct wn_why *why);

#endif
