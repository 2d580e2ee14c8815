/* The parts of a query that both targets share: dimensions and comparison periods. */
#include "metric/query.h"

#include "core/date.h"
#include "metric/query_int.h"

#define X(name, text) text,
static const char *const dimension_names[WN_DIM_N] = {WN_DIMENSION_MAP(X)};
#undef X

const char *wn_dimension_name(wn_dimension d)
{
    WN_ASSERT(d < WN_DIM_N);
    return dimension_names[d];
}

bool wn_dimension_by_name(struct wn_str name, wn_dimension *out)
{
    for (int d = 0; d < WN_DIM_N; d++)
        if (wn_str_eq(name, wn_str_of(dimension_names[d]))) {
            *out = (wn_dimension)d;
            return true;
        }
    return false;
}

const struct wn_dimension_info wn_dimension_infos[WN_DIM_N] = {
    [WN_DIM_CHANNEL] = {.shape = WN_SHAPE_CODE, .column = "channel"},
    [WN_DIM_ACCOUNT] = {WN_SHAPE_NAME, "account_id", WN_NAME_ACCOUNT, true},
    [WN_DIM_CAMPAIGN] = {WN_SHAPE_NAME, "campaign_id", WN_NAME_CAMPAIGN, true},
    [WN_DIM_AD_GROUP] = {WN_SHAPE_NAME, "ad_group_id", WN_NAME_AD_GROUP, true},
    [WN_DIM_AD] = {WN_SHAPE_NAME, "ad_id", WN_NAME_AD, true},
    [WN_DIM_DAY] = {.shape = WN_SHAPE_DATE, .column = "day"},
    [WN_DIM_WEEK] = {.shape = WN_SHAPE_DATE, .column = "day"},
    [WN_DIM_MONTH] = {.shape = WN_SHAPE_DATE, .column = "day"},
    [WN_DIM_HOUR] = {.shape = WN_SHAPE_HOUR, .column = "hour"},
    [WN_DIM_WEEKDAY] = {.shape = WN_SHAPE_WEEKDAY, .column = "day"},
    [WN_DIM_DEVICE] = {.shape = WN_SHAPE_CODE, .column = "device"},
    [WN_DIM_GENDER] = {.shape = WN_SHAPE_CODE, .column = "gender"},
    [WN_DIM_AGE] = {WN_SHAPE_NAME, "age_id", WN_NAME_AGE, false},
    [WN_DIM_COUNTRY] = {WN_SHAPE_NAME, "country_id", WN_NAME_COUNTRY, false},
    [WN_DIM_PLACEMENT] = {WN_SHAPE_NAME, "placement_id", WN_NAME_PLACEMENT, false},
    [WN_DIM_AUDIENCE] = {WN_SHAPE_NAME, "audience_id", WN_NAME_AUDIENCE, false},
};

struct wn_code_set wn_dimension_codes(wn_dimension d)
{
    if (d == WN_DIM_CHANNEL)
        return (struct wn_code_set){wn_channels, wn_n_channels};
    if (d == WN_DIM_DEVICE)
        return (struct wn_code_set){wn_devices, wn_n_devices};
    WN_ASSERT(d == WN_DIM_GENDER);
    return (struct wn_code_set){wn_genders, wn_n_genders};
}

int32_t wn_date_start(wn_dimension d, int32_t day)
{
    return d == WN_DIM_WEEK ? wn_week_start(day) : d == WN_DIM_MONTH ? wn_month_start(day) : day;
}

int32_t wn_date_end(wn_dimension d, int32_t start)
{
    if (d == WN_DIM_MONTH)
        return wn_month_start(start + 31) - 1; /* no month has more than 31 days */
    return d == WN_DIM_WEEK ? start + 6 : start;
}

/* ---- comparison periods ----------------------------------------------------------------------- */

/* The same day n_years later; 29 February becomes the 28th where there is none. */
static int32_t add_years(int32_t day, int n_years)
{
    struct wn_date date = wn_date_of_day(day);
    int32_t out;
    date.year += n_years;
    if (wn_day_of_date(date, &out))
        return out;
    if (date.month == 2 && date.day == 29) {
        date.day = 28;
        if (wn_day_of_date(date, &out))
            return out;
    }
    return day + 365 * n_years; /* before 1970 or after 2199: nothing can be stored there */
}

void wn_compare_range(wn_compare compare, int32_t day_from, int32_t day_to, int32_t *out_from,
                      int32_t *out_to)
{
    int32_t n_days = day_to - day_from + 1;
    *out_from = compare == WN_COMPARE_YEAR ? add_years(day_from, -1) : day_from - n_days;
    *out_to = compare == WN_COMPARE_YEAR ? add_years(day_to, -1) : day_to - n_days;
}

int32_t wn_compare_shift(const struct wn_query *q, int32_t day)
{
    int32_t shifted =
        q->compare == WN_COMPARE_YEAR ? add_years(day, 1) : day + (q->day_to - q->day_from + 1);
    /* 28 February 2023 shifts before a range that starts on 29 February 2024. */
    return shifted < q->day_from ? q->day_from : shifted;
}

/* ---- shape of the result ---------------------------------------------------------------------- */

static struct wn_str joined(struct wn_arena *a, struct wn_str head, const char *tail)
{
    return wn_arena_printf(a, "%.*s%s", WN_STR_ARG(head), tail);
}

wn_rc wn_query_columns(const struct wn_query *q, struct wn_arena *a, struct wn_query_shape *out,
                       struct wn_why *why)
{
    size_t n_max = 2 * (q->n_dimensions + q->n_metrics), n = 0;
    struct wn_str *names = WN_ARENA_ARRAY(a, n_max + 1, struct wn_str);
    struct wn_query_shape shape = {.columns = names};
    if (!names)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < q->n_dimensions; i++) {
        struct wn_str name = wn_str_of(wn_dimension_name(q->dimensions[i]));
        shape.dimension_columns[i] = n;
        names[n++] = name;
        if (wn_dimension_infos[q->dimensions[i]].has_id)
            names[n++] = joined(a, name, "_id");
    }
    shape.first_metric = n;
    for (size_t i = 0; i < q->n_metrics; i++)
        names[n++] = q->metrics[i]->name;
    shape.first_previous = n;
    for (size_t i = 0; i < q->n_metrics && q->compare != WN_COMPARE_NONE; i++)
        names[n++] = joined(a, q->metrics[i]->name, "_previous");
    shape.n_columns = n;
    for (size_t i = 0; i < n; i++)
        if (!names[i].p)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out");

    shape.sort_column = n;
    for (size_t i = 0; i < n && q->sort_by.n; i++)
        if (wn_str_eq(names[i], q->sort_by))
            shape.sort_column = i;
    if (q->sort_by.n && shape.sort_column == n)
        return wn_fail(why, WN_INVALID, "sort", "'%.*s' is no column of the result",
                       WN_STR_ARG(q->sort_by));
    *out = shape;
    return WN_OK;
}

bool wn_metric_name_is_plain(struct wn_str name)
{
    if (name.n == 0 || name.n > WN_METRIC_NAME_MAX || name.p[0] < 'a' || name.p[0] > 'z')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return true;
}

static wn_rc check_sizes(const struct wn_query *q, struct wn_why *why)
{
    if (q->n_metrics == 0 || q->n_metrics > WN_QUERY_METRICS_MAX)
        return wn_fail(why, WN_INVALID, "metrics", "1 to %d metrics are needed",
                       WN_QUERY_METRICS_MAX);
    if (q->n_dimensions > WN_QUERY_DIMENSIONS_MAX)
        return wn_fail(why, WN_INVALID, "by", "at most %d dimensions are possible",
                       WN_QUERY_DIMENSIONS_MAX);
    if (q->n_filters > WN_QUERY_FILTERS_MAX)
        return wn_fail(why, WN_INVALID, "filter", "at most %d conditions are possible",
                       WN_QUERY_FILTERS_MAX);
    for (size_t i = 0; i < q->n_filters; i++)
        if (q->filters[i].n > WN_QUERY_FILTER_VALUES_MAX)
            return wn_fail(why, WN_INVALID, "filter", "a condition has at most %d values",
                           WN_QUERY_FILTER_VALUES_MAX);
    return WN_OK;
}

/* What the engine must plan: far more than people ask, yet no way to keep it busy. */
static wn_rc check_formulas(const struct wn_query *q, struct wn_why *why)
{
    uint64_t n_nodes = 0;
    for (size_t i = 0; i < q->n_metrics; i++)
        n_nodes += q->metrics[i]->formula->n_sql_nodes;
    for (size_t i = 0; i < q->n_filters; i++)
        if (q->filters[i].op == WN_FILTER_HAVING)
            n_nodes += q->filters[i].condition->n_sql_nodes;
    if (n_nodes > 3 * WN_FORMULA_SQL_NODES_MAX)
        return wn_fail(why, WN_INVALID, "metrics", "the metrics and conditions are too large");
    return WN_OK;
}

wn_rc wn_query_check(const struct wn_query *q, struct wn_why *why)
{
    wn_rc rc = check_sizes(q, why);
    if (!rc)
        rc = check_formulas(q, why);
    if (rc)
        return rc;
    for (size_t i = 0; i < q->n_metrics; i++)
        if (!wn_metric_name_is_plain(q->metrics[i]->name)) /* it will stand in the SQL */
            return wn_fail(why, WN_INVALID, "metrics", "a metric has an impossible name");
    for (size_t i = 0; i < q->n_metrics; i++)
        for (size_t j = 0; j < i; j++)
            if (wn_str_eq(q->metrics[i]->name, q->metrics[j]->name))
                return wn_fail(why, WN_INVALID, "metrics", "'%.*s' is asked for twice",
                               WN_STR_ARG(q->metrics[i]->name));
    for (size_t i = 0; i < q->n_dimensions; i++)
        for (size_t j = 0; j < i; j++)
            if (q->dimensions[i] == q->dimensions[j])
                return wn_fail(why, WN_INVALID, "by", "'%s' is asked for twice",
                               wn_dimension_name(q->dimensions[i]));
    if (q->day_from < WN_DAY_MIN || q->day_from > WN_DAY_MAX)
        return wn_fail(why, WN_INVALID, "from", "the day is out of range");
    if (q->day_to < WN_DAY_MIN || q->day_to > WN_DAY_MAX)
        return wn_fail(why, WN_INVALID, "to", "the day is out of range");
    if (q->day_from > q->day_to)
        return wn_fail(why, WN_INVALID, "from", "the first day is after the last day");
    if (q->limit > WN_QUERY_ROWS_MAX)
        return wn_fail(why, WN_INVALID, "limit", "at most %d rows are possible", WN_QUERY_ROWS_MAX);
    if (q->offset > INT32_MAX)
        return wn_fail(why, WN_INVALID, "offset", "the offset is too large");
    return WN_OK;
}
