/* A question to the facts: metrics by dimensions under filters over a range, as SQL or in memory.
 */
#ifndef WN_METRIC_QUERY_H
#define WN_METRIC_QUERY_H

#include "domain/sql.h"
#include "metric/formula.h"

/* Dimensions: name, and what the column of the result holds. */
#define WN_DIMENSION_MAP(X)                                                                        \
    X(CHANNEL, "channel")   /* TEXT: name of the code */                                           \
    X(ACCOUNT, "account")   /* TEXT: name; extra column account_id INT */                          \
    X(CAMPAIGN, "campaign") /* likewise, and so are ad_group and ad */                             \
    X(AD_GROUP, "ad_group")                                                                        \
    X(AD, "ad")                                                                                    \
    X(DAY, "day")         /* TEXT: YYYY-MM-DD */                                                   \
    X(WEEK, "week")       /* TEXT: its Monday */                                                   \
    X(MONTH, "month")     /* TEXT: YYYY-MM-01 */                                                   \
    X(HOUR, "hour")       /* INT 0..23, none for rows of whole days */                             \
    X(WEEKDAY, "weekday") /* INT 0 = Monday */                                                     \
    X(DEVICE, "device")                                                                            \
    X(GENDER, "gender")                                                                            \
    X(AGE, "age")                                                                                  \
    X(COUNTRY, "country")                                                                          \
    X(PLACEMENT, "placement")                                                                      \
    X(AUDIENCE, "audience")

typedef enum wn_dimension {
#define X(name, text) WN_DIM_##name,
    WN_DIMENSION_MAP(X)
#undef X
        WN_DIM_N
} wn_dimension;
const char *wn_dimension_name(wn_dimension d);
WN_MUST_USE bool wn_dimension_by_name(struct wn_str name, wn_dimension *out);

typedef enum wn_compare { WN_COMPARE_NONE, WN_COMPARE_PREVIOUS, WN_COMPARE_YEAR } wn_compare;

#define WN_QUERY_METRICS_MAX 32
#define WN_QUERY_DIMENSIONS_MAX 4
#define WN_QUERY_FILTERS_MAX 16
#define WN_QUERY_FILTER_VALUES_MAX 1000
#define WN_QUERY_ROWS_MAX 100000

typedef enum wn_filter_op {
    WN_FILTER_IN, /* dimension is one of the texts (or ids, for account..ad) */
    WN_FILTER_NOT_IN,
    WN_FILTER_CONTAINS, /* the name contains the text, without regard to ASCII case */
    WN_FILTER_HAVING    /* condition over metrics: "spend > 100 and roas < 1" */
} wn_filter_op;

struct wn_filter {
    wn_filter_op op;
    wn_dimension dimension;
    bool by_id;                 /* IN / NOT_IN compare ids (account, campaign, ad_group, ad) */
    const struct wn_str *texts; /* [n] */
    const int32_t *ids;         /* [n] when by_id */
    size_t n;
    const struct wn_formula *condition; /* HAVING */
};

struct wn_query {
    int32_t tenant_id;
    const struct wn_metric *const *metrics; /* [n_metrics] */
    size_t n_metrics;
    wn_dimension dimensions[WN_QUERY_DIMENSIONS_MAX];
    size_t n_dimensions;
    const struct wn_filter *filters; /* [n_filters]: all must hold */
    size_t n_filters;
    int32_t day_from, day_to; /* inclusive */
    wn_compare compare;       /* adds a column <metric>_previous per metric */
    /* A column of the result to sort by; empty: by the dimensions. Ties: by the dimensions. Rows
     * without a value come last either way. */
    struct wn_str sort_by;
    bool descending;
    size_t offset, limit; /* limit 0 = WN_QUERY_ROWS_MAX */
};

/* The comparison range of day_from..day_to: the equal period just before, or the same days a year
 * earlier (29 February becomes the 28th). */
void wn_compare_range(wn_compare compare, int32_t day_from, int32_t day_to, int32_t *out_from,
                      int32_t *out_to);

/* Columns of the result, in order: each dimension's (and <dim>_id for account..ad), each metric
 * (REAL), then <metric>_previous when comparing. With time dimensions a comparison shifts the
 * earlier rows onto the later ones' dates, also for filters; rows that only one
 * period has are there, too, and HAVING looks at the later one. Without dimensions there is one row
 * (unless HAVING refuses it). Fails: INVALID with why->field, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_query_sql(const struct wn_query *q, struct wn_arena *a, struct wn_sql *out,
                               struct wn_why *why);

/* The same table from rows in memory. names gives the text of an id (borrowed); rows of other
 * tenants must not be among them. For tests, live windows, small data. */
struct wn_query_names {
    bool (*get)(void *context, int32_t id, struct wn_str *name);
    void *context;
};
WN_MUST_USE wn_rc wn_query_eval(const struct wn_query *q, const struct wn_stat *rows, size_t n_rows,
                                const struct wn_query_names *names, struct wn_arena *a,
                                struct wn_table **out, struct wn_why *why);

/* A query as people write it: in a URL, on the command line, on the page. Lists are separated by
 * commas. filter: conditions separated by ';', each `dimension=a|b`, `dimension!=a|b`,
 * `dimension~text`, `campaign_id=12|13`, or a condition over metrics (`roas<1`). A value in double
 * quotes may hold | and ; ("" is a quote in it). One end of the range left open and beyond the
 * data gives the one day at the other end. */
struct wn_query_text {
    struct wn_str metrics; /* default "spend,revenue,roas" */
    struct wn_str by;
    struct wn_str filter;
    struct wn_str from, to; /* YYYY-MM-DD; empty = data_from / data_to given below */
    struct wn_str compare;  /* none, previous, year */
    struct wn_str sort;     /* "-spend" = descending */
    struct wn_str limit, offset;
};
/* Everything in *out lives in a; errors name the part at fault in why->field ("metrics", "from").
 */
WN_MUST_USE wn_rc wn_query_parse(struct wn_arena *a, const struct wn_metrics *m, int32_t tenant_id,
                                 const struct wn_query_text *text, int32_t data_from,
                                 int32_t data_to, struct wn_query *out, struct wn_why *why);

#endif
