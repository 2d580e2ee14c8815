/* winnow detect: which column is the time, which the value, which the series or a dimension. */
#include "cli/detect_cell.h"
#include "cli/detect_job.h"

#include <math.h>

static bool is_one_of(struct wn_str s, const char *const *names, size_t n)
{
    s = wn_str_trim(s);
    for (size_t i = 0; i < n; i++)
        if (wn_str_eq_nocase(s, wn_str_of(names[i])))
            return true;
    return false;
}

/* The first row is a header when no field of it reads as a moment or a number. */
static bool is_header(const struct wn_csv_record *r)
{
    for (size_t i = 0; i < r->n_fields; i++) {
        int64_t ms;
        double value;
        if (r->fields[i].n && (wn_detect_read_moment(r->fields[i], &ms) ||
                               (wn_detect_read_value(r->fields[i], &value) && isfinite(value))))
            return false;
    }
    return true;
}

static void find_by_name(struct detect_job *job)
{
    static const char *const ts[] = {"timestamp", "ts",     "time", "datetime", "date", "day",
                                     "ds",        "moment", "hour", "week",     "month"};
    static const char *const value[] = {"value", "y", "metric", "count", "amount", "v"};
    static const char *const series[] = {"series", "id", "name", "unique_id", "key", "entity"};
    for (int i = job->n_columns - 1; i >= 0; i--) {
        if (is_one_of(job->names[i], ts, WN_COUNT(ts)))
            job->at_ts = i;
        else if (is_one_of(job->names[i], value, WN_COUNT(value)))
            job->at_value = i;
        else if (is_one_of(job->names[i], series, WN_COUNT(series)))
            job->at_series = i;
    }
}

/* What has no known name: by place, timestamp,value or series,timestamp,value. */
static wn_rc find_by_place(struct detect_job *job, uint64_t line, struct wn_why *why)
{
    bool is_open = job->at_value < 0 && !job->explain && job->n_columns > 3; /* one of many */
    if (job->at_ts < 0)
        job->at_ts = job->n_columns >= 3 && !job->explain && job->at_value != 1 ? 1 : 0;
    if (job->at_value < 0 && job->at_series >= 0 && job->n_columns == 3)
        job->at_value = 3 - job->at_series - job->at_ts;
    if (job->at_value < 0)
        job->at_value =
            job->explain || job->n_columns == 2 ? job->n_columns - 1 : (job->at_ts == 0 ? 1 : 2);
    if (job->n_columns == 3 && job->at_series < 0 && !job->explain)
        job->at_series = 3 - job->at_ts - job->at_value;
    if (is_open || job->n_columns < 2 || job->at_value >= job->n_columns ||
        job->at_ts == job->at_value) {
        if (why)
            why->line = line;
        return wn_fail(why, WN_INVALID, "columns",
                       "line %llu: expected the columns timestamp,value or "
                       "series,timestamp,value%s",
                       (unsigned long long)line, is_open ? "; none is named value" : "");
    }
    return WN_OK;
}

static wn_rc find_dimensions(struct detect_job *job, struct wn_why *why)
{
    const char *names[WN_EXPLAIN_DIMENSIONS_MAX];
    size_t n = 0;
    for (int i = 0; i < job->n_columns; i++) {
        if (i == job->at_ts || i == job->at_value)
            continue;
        if (n == WN_EXPLAIN_DIMENSIONS_MAX)
            return wn_fail(why, WN_LIMIT, "explain", "there are more than %d dimension columns",
                           WN_EXPLAIN_DIMENSIONS_MAX);
        job->at_dimension[n] = i;
        names[n++] = job->names[i].p;
    }
    if (n == 0)
        return wn_fail(why, WN_INVALID, "explain",
                       "--explain needs columns beside the timestamp and the value");
    wn_explain_open(&job->why_moved, names, n);
    return WN_OK;
}

/* Learns the columns from the first record. *is_data: it is a row itself. */
wn_rc detect_learn_columns(struct detect_job *job, const struct wn_csv_record *r, bool *is_data,
                           struct wn_why *why)
{
    static const char *const plain[2][3] = {{"timestamp", "value", ""},
                                            {"series", "timestamp", "value"}};
    if (r->n_fields > WN_DETECT_COLUMNS_MAX)
        return wn_fail(why, WN_LIMIT, "columns", "line %llu: there are more than %d columns",
                       (unsigned long long)r->line, WN_DETECT_COLUMNS_MAX);
    job->n_columns = (int)r->n_fields;
    job->at_series = job->at_ts = job->at_value = -1;
    *is_data = !is_header(r);
    for (int i = 0; i < job->n_columns; i++) {
        char number[24];
        snprintf(number, sizeof number, "column%d", i + 1);
        struct wn_str name = r->fields[i];
        if (*is_data)
            name = wn_str_of(
                job->n_columns == 2 || job->n_columns == 3 ? plain[job->n_columns - 2][i] : number);
        job->names[i] = wn_arena_dup(&job->a, wn_str_trim(name));
        if (!job->names[i].p)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for the header");
    }
    if (!*is_data)
        find_by_name(job);
    wn_rc rc = find_by_place(job, r->line, why);
    if (!rc && job->explain)
        rc = find_dimensions(job, why);
    if (!rc)
        detect_print_header(job);
    job->knows_columns = !rc;
    return rc;
}
