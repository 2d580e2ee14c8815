/* What the two targets of a query and its parser share. */
#ifndef WN_METRIC_QUERY_INT_H
#define WN_METRIC_QUERY_INT_H

#include "metric/formula_int.h"
#include "metric/query.h"

/* Text of rows that are not broken down by a named dimension (id 0). */
#define WN_NAME_NONE_TEXT "(none)"

typedef enum wn_dimension_shape {
    WN_SHAPE_CODE, /* a small set of domain/stat.h */
    WN_SHAPE_NAME, /* an id of the names table */
    WN_SHAPE_DATE, /* day, or a day that stands for its week or month */
    WN_SHAPE_HOUR,
    WN_SHAPE_WEEKDAY
} wn_dimension_shape;

struct wn_dimension_info {
    wn_dimension_shape shape;
    const char *column; /* of ad_stats */
    wn_name_kind kind;  /* NAME */
    bool has_id;        /* NAME: a column <dimension>_id beside it */
};
extern const struct wn_dimension_info wn_dimension_infos[WN_DIM_N];

struct wn_code_set {
    const struct wn_code *codes;
    size_t n;
};
/* Of a dimension with shape CODE. */
struct wn_code_set wn_dimension_codes(wn_dimension d);

/* The day, or the first day of its week or month, by the dimension (shape DATE); and the last. */
int32_t wn_date_start(wn_dimension d, int32_t day);
int32_t wn_date_end(wn_dimension d, int32_t start);
/* A copy with ASCII letters in lower case; p is NULL when memory has run out. */
struct wn_str wn_lower(struct wn_arena *a, struct wn_str text);

/* Where a day of the comparison range lies in the range asked for. */
int32_t wn_compare_shift(const struct wn_query *q, int32_t day);

struct wn_query_shape {
    const struct wn_str *columns; /* [n_columns] */
    size_t n_columns;
    size_t dimension_columns[WN_QUERY_DIMENSIONS_MAX]; /* the column with its text or number */
    size_t first_metric;
    size_t first_previous; /* n_columns when not comparing */
    size_t sort_column;    /* n_columns: by the dimensions */
};
/* Fails: INVALID (sort), MEMORY. */
WN_MUST_USE wn_rc wn_query_columns(const struct wn_query *q, struct wn_arena *a,
                                   struct wn_query_shape *out, struct wn_why *why);
/* The limits and rules that hold however the query was made. */
WN_MUST_USE wn_rc wn_query_check(const struct wn_query *q, struct wn_why *why);

/* A filter on a dimension in the form both targets use: the numbers it lets through (or not).
 * Dimensions with shape NAME filtered by text or by "contains" keep their texts. */
struct wn_filter_plan {
    const struct wn_filter *filter;
    bool by_number;         /* compare with numbers: codes, ids, days, hours, weekdays */
    const int32_t *numbers; /* [n_numbers] */
    size_t n_numbers;
    const struct wn_str *texts; /* !by_number: names; ASCII lower case for CONTAINS */
    size_t n_texts;
    bool matches_none; /* !by_number: "(none)" is among them, so id 0 is let through (or not) */
};
/* Fails: INVALID (filter), MEMORY. Not for HAVING. */
WN_MUST_USE wn_rc wn_filter_plan_make(const struct wn_filter *filter, struct wn_arena *a,
                                      struct wn_filter_plan *out, struct wn_why *why);

/* What does not depend on the target: the plans of its filters, and the sums it needs (a bit set,
 * never empty). Fails: INVALID (filter), MEMORY. */
WN_MUST_USE wn_rc wn_query_prepare(const struct wn_query *q, struct wn_arena *a,
                                   struct wn_filter_plan **plans, size_t *n_plans,
                                   uint32_t *measures, struct wn_why *why);

#endif
