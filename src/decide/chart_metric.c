#include "core/date.h"
#include "decide/chart_int.h"
#include "decide/report_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CATEGORIES_MAX = 200, LONG_RANGE_DAYS = 60, VERY_LONG_RANGE_DAYS = 800 };

/* A chart while it is gathered. Everything lives in a. */
struct plan {
    const struct wn_book *book;
    struct wn_arena *a;
    struct wn_query_text text; /* as asked, defaults filled in */
    struct wn_query query;     /* as parsed by the last question */
    bool has_x, has_series;
    wn_dimension x, series;
    bool additive; /* parts of the metric add up to the whole: a base sum */
    bool some_left_out;
    /* The x axis. */
    int32_t first; /* day of point 0 */
    size_t n_points;
    struct wn_str *labels;
    /* The series. */
    size_t n_series;
    struct wn_str keys[WN_CHART_SERIES_MAX];
    int32_t ids[WN_CHART_SERIES_MAX];
    double *values[WN_CHART_SERIES_MAX];
    struct wn_chart_series lines[WN_CHART_SERIES_MAX];
    int *point_colors;
    struct wn_str currency;
    bool has_sample;
};

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the chart");
}

/* ---- what was asked --------------------------------------------------------------------------- */

static bool is_x(wn_dimension d)
{
    return d == WN_DIM_DAY || d == WN_DIM_WEEK || d == WN_DIM_MONTH || d == WN_DIM_HOUR ||
           d == WN_DIM_WEEKDAY;
}

static bool has_id(wn_dimension d)
{
    return d == WN_DIM_ACCOUNT || d == WN_DIM_CAMPAIGN || d == WN_DIM_AD_GROUP || d == WN_DIM_AD;
}

static wn_rc parse_by(struct plan *p, struct wn_why *why)
{
    struct wn_str rest = p->text.by, part;
    if (!rest.p)
        rest = WN_STR("");
    while (wn_str_cut(&rest, ',', &part)) {
        wn_dimension d;
        part = wn_str_trim(part);
        if (!wn_dimension_by_name(part, &d))
            return wn_fail(why, WN_INVALID, "by", "there is no dimension \"%.*s\"",
                           WN_STR_ARG(part));
        bool *has = is_x(d) ? &p->has_x : &p->has_series;
        if (*has)
            return wn_fail(why, WN_INVALID, "by",
                           "a chart takes one time dimension and one other: \"%.*s\" is too many",
                           WN_STR_ARG(part));
        *has = true;
        *(is_x(d) ? &p->x : &p->series) = d;
    }
    return WN_OK;
}

static wn_rc check_request(const struct wn_chart_request *r, struct wn_why *why)
{
    if (wn_str_find_char(r->query.metrics, ',') < r->query.metrics.n)
        return wn_fail(why, WN_INVALID, "metrics", "a chart shows exactly one metric");
    if (r->query.compare.n && !wn_str_eq(r->query.compare, WN_STR("none")))
        return wn_fail(why, WN_INVALID, "compare", "a chart has no comparison period");
    if (r->kind.n && !wn_str_eq(r->kind, WN_STR("line")) && !wn_str_eq(r->kind, WN_STR("bar")))
        return wn_fail(why, WN_INVALID, "kind", "the kind of chart is \"line\" or \"bar\"");
    const struct {
        const char *name;
        int px;
    } sides[] = {{"width", r->width_px}, {"height", r->height_px}};
    for (size_t i = 0; i < WN_COUNT(sides); i++)
        if (sides[i].px != 0 &&
            (sides[i].px < WN_CHART_SIDE_MIN || sides[i].px > WN_CHART_SIDE_MAX))
            return wn_fail(why, WN_INVALID, sides[i].name, "the %s is from %d to %d pixels, not %d",
                           sides[i].name, WN_CHART_SIDE_MIN, WN_CHART_SIDE_MAX, sides[i].px);
    return WN_OK;
}

static wn_rc ask(struct plan *p, struct wn_str by, struct wn_str metric, struct wn_str filter,
                 struct wn_str sort, struct wn_str limit, struct wn_table **out, struct wn_why *why)
{
    struct wn_query_text text = p->text;
    text.by = by;
    text.metrics = metric;
    text.filter = filter;
    text.sort = sort;
    text.limit = limit;
    text.offset = WN_STR("");
    text.compare = WN_STR("");
    return wn_book_query(p->book, &text, p->a, &p->query, out, why);
}

static size_t column_of(const struct wn_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (wn_str_eq(t->columns[i], wn_str_of(name)))
            return i;
    return SIZE_MAX;
}

static double real_of(const struct wn_table *t, size_t row, size_t column)
{
    if (column == SIZE_MAX)
        return NAN;
    const struct wn_value *v = wn_table_at(t, row, column);
    return v->kind == WN_VALUE_REAL ? v->real : v->kind == WN_VALUE_INT ? (double)v->integer : NAN;
}

static double metric_of(const struct plan *p, const struct wn_table *t, size_t row)
{
    char name[WN_METRIC_NAME_MAX + 1];
    snprintf(name, sizeof name, "%.*s", WN_STR_ARG(p->text.metrics));
    return real_of(t, row, column_of(t, name));
}

/* ---- the x axis ------------------------------------------------------------------------------- */

static int month_number(int32_t day)
{
    struct wn_date d = wn_date_of_day(day);
    return d.year * 12 + d.month - 1;
}

static int32_t day_of_month_number(int number)
{
    int32_t day = 0;
    struct wn_date d = {number / 12, number % 12 + 1, 1};
    return wn_day_of_date(d, &day) ? day : 0;
}

/* All points of the range, those without rows as well: a gap is a statement. */
static wn_rc lay_axis(struct plan *p, struct wn_why *why)
{
    static const char *const weekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    int32_t from = p->query.day_from, to = p->query.day_to;
    p->first = p->x == WN_DIM_WEEK    ? wn_week_start(from)
               : p->x == WN_DIM_MONTH ? wn_month_start(from)
                                      : from;
    p->n_points = p->x == WN_DIM_HOUR      ? 24
                  : p->x == WN_DIM_WEEKDAY ? 7
                  : p->x == WN_DIM_MONTH
                      ? (size_t)(month_number(to) - month_number(from) + 1)
                      : (size_t)((to - p->first) / (p->x == WN_DIM_WEEK ? 7 : 1) + 1);
    p->labels = WN_ARENA_ARRAY(p->a, p->n_points, struct wn_str);
    if (!p->labels)
        return no_memory(why);
    for (size_t i = 0; i < p->n_points; i++) {
        int32_t n = (int32_t)i;
        int32_t day = p->x == WN_DIM_WEEK    ? p->first + 7 * n
                      : p->x == WN_DIM_MONTH ? day_of_month_number(month_number(p->first) + n)
                                             : p->first + n;
        char text[WN_DAY_TEXT_MAX];
        if (p->x == WN_DIM_HOUR)
            snprintf(text, sizeof text, "%02d:00", n);
        else if (p->x == WN_DIM_WEEKDAY)
            snprintf(text, sizeof text, "%s", weekdays[i]);
        else
            wn_print_day(day, text);
        p->labels[i] = wn_arena_dup(p->a, wn_str_of(text));
        if (!p->labels[i].p)
            return no_memory(why);
    }
    return WN_OK;
}

/* The point of a row, or n_points when it belongs to none (hour of a row of a whole day). */
static size_t point_of(const struct plan *p, const struct wn_table *t, size_t row)
{
    size_t column = column_of(t, wn_dimension_name(p->x));
    if (column == SIZE_MAX)
        return p->n_points;
    const struct wn_value *v = wn_table_at(t, row, column);
    int64_t at = -1;
    int32_t day;
    if (v->kind == WN_VALUE_INT)
        at = v->integer;
    else if (v->kind == WN_VALUE_TEXT && wn_parse_day(v->text, &day))
        at = p->x == WN_DIM_MONTH ? month_number(day) - month_number(p->first)
                                  : (day - p->first) / (p->x == WN_DIM_WEEK ? 7 : 1);
    return at < 0 || at >= (int64_t)p->n_points ? p->n_points : (size_t)at;
}

/* ---- the series ------------------------------------------------------------------------------- */

static struct wn_str text_of(const struct wn_table *t, size_t row, wn_dimension d)
{
    size_t column = column_of(t, wn_dimension_name(d));
    if (column == SIZE_MAX)
        return WN_STR("");
    const struct wn_value *v = wn_table_at(t, row, column);
    return v->kind == WN_VALUE_TEXT ? v->text : WN_STR("");
}

static int32_t id_of(const struct wn_table *t, size_t row, wn_dimension d)
{
    char name[40];
    snprintf(name, sizeof name, "%s_id", wn_dimension_name(d));
    double id = real_of(t, row, column_of(t, name));
    return isfinite(id) ? (int32_t)id : 0;
}

static struct wn_str label_of(wn_dimension d, struct wn_str name)
{
    const struct wn_code *code = NULL;
    if (d == WN_DIM_CHANNEL)
        code = wn_code_by_name(wn_channels, wn_n_channels, name);
    else if (d == WN_DIM_DEVICE)
        code = wn_code_by_name(wn_devices, wn_n_devices, name);
    else if (d == WN_DIM_GENDER)
        code = wn_code_by_name(wn_genders, wn_n_genders, name);
    return code ? wn_str_of(code->label) : name.n ? name : WN_STR("(not set)");
}

static int color_of(wn_dimension d, struct wn_str name)
{
    const struct wn_code *code =
        d == WN_DIM_CHANNEL ? wn_code_by_name(wn_channels, wn_n_channels, name) : NULL;
    return code ? code->code : -1;
}

static wn_rc add_series(struct plan *p, struct wn_str key, int32_t id, struct wn_str label,
                        int color, struct wn_why *why)
{
    size_t s = p->n_series++;
    double *values = WN_ARENA_ARRAY(p->a, p->n_points, double);
    if (!values)
        return no_memory(why);
    for (size_t i = 0; i < p->n_points; i++)
        values[i] = NAN;
    p->keys[s] = key;
    p->ids[s] = id;
    p->values[s] = values;
    p->lines[s] = (struct wn_chart_series){.label = label, .color = color, .values = values};
    return WN_OK;
}

/* A name with a sign of the filter language in it cannot be asked for by name. */
static bool plain_name(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (strchr("|;,=!~<>", s.p[i]) || s.p[i] == 0)
            return false;
    return s.n > 0 && wn_str_eq(s, wn_str_trim(s));
}

/* The asked filter and "only these" or "none of these" series; empty when that cannot be said. */
static struct wn_str series_filter(struct plan *p, size_t n, bool only)
{
    struct wn_buf b;
    wn_buf_init(&b, 1 << 20);
    wn_buf_append(&b, p->text.filter);
    wn_buf_printf(&b, "%s%s%s%s", p->text.filter.n ? ";" : "", wn_dimension_name(p->series),
                  has_id(p->series) ? "_id" : "", only ? "=" : "!=");
    bool sayable = true;
    for (size_t s = 0; s < n; s++) {
        wn_buf_append_z(&b, s ? "|" : "");
        if (has_id(p->series)) {
            wn_buf_printf(&b, "%d", (int)p->ids[s]);
            sayable &= p->ids[s] > 0;
        } else {
            wn_buf_append(&b, p->keys[s]);
            sayable &= plain_name(p->keys[s]);
        }
    }
    struct wn_str filter = {0};
    if (sayable && !b.failed)
        filter = wn_arena_dup(p->a, wn_buf_str(&b));
    wn_buf_deinit(&b);
    return filter;
}

static size_t series_of(const struct plan *p, const struct wn_table *t, size_t row, size_t n)
{
    struct wn_str key = text_of(t, row, p->series);
    int32_t id = has_id(p->series) ? id_of(t, row, p->series) : 0;
    for (size_t s = 0; s < n; s++)
        if (has_id(p->series) ? p->ids[s] == id : wn_str_eq(p->keys[s], key))
            return s;
    return n;
}

/* Others are asked for, not summed: the ROI of the rest is no sum of ROIs. */
static wn_rc gather_others(struct plan *p, size_t n_named, struct wn_why *why)
{
    struct wn_table *t;
    struct wn_str filter = series_filter(p, n_named, false);
    if (!filter.p) {
        p->some_left_out = true;
        return WN_OK;
    }
    wn_rc rc = add_series(p, WN_STR(""), -1, WN_STR("Others"), WN_CHART_COLOR_OTHERS, why);
    if (!rc)
        rc = ask(p, wn_str_of(wn_dimension_name(p->x)), p->text.metrics, filter, WN_STR(""),
                 WN_STR(""), &t, why);
    for (size_t r = 0; !rc && r < t->n_rows; r++) {
        size_t at = point_of(p, t, r);
        if (at < p->n_points)
            p->values[n_named][at] = metric_of(p, t, r);
    }
    return rc;
}

/* Lines or bars over x, one series per value of the other dimension, the largest first. */
static wn_rc gather_series(struct plan *p, struct wn_why *why)
{
    struct wn_table *ranked, *t;
    struct wn_str rank = p->additive ? p->text.metrics : WN_STR("spend");
    struct wn_str sort = wn_arena_printf(p->a, "-%.*s", WN_STR_ARG(rank));
    char by[80], limit[16];
    snprintf(limit, sizeof limit, "%d", WN_CHART_SERIES_MAX + 1);
    if (!sort.p)
        return no_memory(why);
    wn_rc rc = ask(p, wn_str_of(wn_dimension_name(p->series)), rank, p->text.filter, sort,
                   wn_str_of(limit), &ranked, why);
    if (!rc)
        rc = lay_axis(p, why);
    if (rc)
        return rc;
    size_t n_named =
        ranked->n_rows > WN_CHART_SERIES_MAX ? WN_CHART_SERIES_MAX - 1 : ranked->n_rows;
    for (size_t r = 0; r < n_named && !rc; r++) {
        struct wn_str key = text_of(ranked, r, p->series);
        rc = add_series(p, key, id_of(ranked, r, p->series), label_of(p->series, key),
                        color_of(p->series, key), why);
    }
    if (rc || n_named == 0)
        return rc;
    struct wn_str filter = series_filter(p, n_named, true);
    snprintf(by, sizeof by, "%s,%s", wn_dimension_name(p->x), wn_dimension_name(p->series));
    rc = ask(p, wn_str_of(by), p->text.metrics, filter.p ? filter : p->text.filter, WN_STR(""),
             WN_STR(""), &t, why);
    for (size_t r = 0; !rc && r < t->n_rows; r++) {
        size_t s = series_of(p, t, r, n_named), at = point_of(p, t, r);
        if (s < n_named && at < p->n_points)
            p->values[s][at] = metric_of(p, t, r);
    }
    if (!rc && n_named < ranked->n_rows)
        rc = gather_others(p, n_named, why);
    return rc;
}

/* One line over x. */
static wn_rc gather_total(struct plan *p, struct wn_why *why)
{
    struct wn_table *t;
    wn_rc rc = ask(p, wn_str_of(wn_dimension_name(p->x)), p->text.metrics, p->text.filter,
                   WN_STR(""), WN_STR(""), &t, why);
    if (!rc)
        rc = lay_axis(p, why);
    if (!rc)
        rc = add_series(p, WN_STR(""), 0, WN_STR("All"), -1, why);
    for (size_t r = 0; !rc && r < t->n_rows; r++) {
        size_t at = point_of(p, t, r);
        if (at < p->n_points)
            p->values[0][at] = metric_of(p, t, r);
    }
    return rc;
}

/* One bar per value of a dimension. */
static wn_rc gather_bars(struct plan *p, struct wn_why *why)
{
    struct wn_table *t;
    char limit[16];
    snprintf(limit, sizeof limit, "%d", CATEGORIES_MAX);
    struct wn_str sort = p->text.sort;
    if (!sort.n)
        sort = wn_arena_printf(p->a, "-%.*s", WN_STR_ARG(p->text.metrics));
    wn_rc rc = ask(p, wn_str_of(wn_dimension_name(p->series)), p->text.metrics, p->text.filter,
                   sort, p->text.limit.n ? p->text.limit : wn_str_of(limit), &t, why);
    if (rc)
        return rc;
    p->n_points = t->n_rows;
    p->labels = WN_ARENA_ARRAY(p->a, p->n_points, struct wn_str);
    p->point_colors = WN_ARENA_ARRAY(p->a, p->n_points, int);
    if (!p->labels || !p->point_colors)
        return no_memory(why);
    rc = add_series(p, WN_STR(""), 0, WN_STR("All"), -1, why);
    for (size_t r = 0; !rc && r < t->n_rows; r++) {
        struct wn_str key = text_of(t, r, p->series);
        p->labels[r] = label_of(p->series, key);
        p->point_colors[r] = p->series == WN_DIM_CHANNEL ? color_of(p->series, key) : -1;
        p->values[0][r] = metric_of(p, t, r);
    }
    return rc;
}

/* ---- the words -------------------------------------------------------------------------------- */

static struct wn_str title_of(struct plan *p, const struct wn_metric *m)
{
    struct wn_str label = m->label.n ? m->label : m->name;
    const char *by = p->has_series ? wn_dimension_name(p->series) : wn_dimension_name(p->x);
    char words[40];
    snprintf(words, sizeof words, "%s", by);
    for (char *c = words; *c; c++)
        if (*c == '_')
            *c = ' ';
    return wn_arena_printf(p->a, "%.*s by %s", WN_STR_ARG(label), words);
}

static struct wn_str subtitle_of(struct plan *p)
{
    char range[CHART_TEXT_MAX];
    chart_print_range(p->query.day_from, p->query.day_to, range);
    bool over_time = p->has_x && p->has_series;
    return wn_arena_printf(p->a, "%s%s%s%s%s%.*s%s", p->has_sample ? "Sample data \u00b7 " : "",
                           range, over_time ? " \u00b7 by " : "",
                           over_time ? wn_dimension_name(p->x) : "",
                           p->text.filter.n ? " \u00b7 " : "", WN_STR_ARG(p->text.filter),
                           p->some_left_out ? " \u00b7 the largest only" : "");
}

struct wn_chart_request wn_chart_request_roi(void)
{
    return (struct wn_chart_request){.query = {.metrics = WN_STR("roi")}, .kind = WN_STR("line")};
}

struct wn_chart_request wn_chart_request_conversions(void)
{
    return (struct wn_chart_request){
        .query = {.metrics = WN_STR("conversions"), .by = WN_STR("channel")},
        .kind = WN_STR("bar")};
}

/* ---- the whole -------------------------------------------------------------------------------- */

static wn_rc gather(struct plan *p, struct wn_why *why)
{
    if (p->has_x && p->has_series)
        return gather_series(p, why);
    return p->has_x ? gather_total(p, why) : gather_bars(p, why);
}

/* Fills what was left open; *has_data false when there is nothing stored at all. */
static wn_rc complete(struct plan *p, bool *has_data, struct wn_why *why)
{
    int32_t from, to;
    int64_t n_rows;
    wn_rc rc = wn_book_extent(p->book, p->a, &from, &to, &n_rows, has_data, why);
    if (rc)
        return rc;
    if (!p->text.metrics.n)
        p->text.metrics = WN_STR("roi");
    p->text.metrics = wn_str_trim(p->text.metrics);
    if (!*has_data)
        from = to = WN_DAY_MIN;
    int32_t day;
    if (p->text.from.n && wn_parse_day(p->text.from, &day))
        from = day;
    if (p->text.to.n && wn_parse_day(p->text.to, &day))
        to = day;
    if (!p->text.by.n)
        p->text.by = to - from >= VERY_LONG_RANGE_DAYS ? WN_STR("month,channel")
                     : to - from >= LONG_RANGE_DAYS    ? WN_STR("week,channel")
                                                       : WN_STR("day,channel");
    return parse_by(p, why);
}

static wn_rc find_metric(struct plan *p, const struct wn_metric **out, struct wn_why *why)
{
    struct wn_metrics *metrics;
    wn_rc rc = wn_book_metrics(p->book, p->a, &metrics, why);
    if (rc)
        return rc;
    *out = wn_metrics_get(metrics, p->text.metrics);
    if (!*out)
        return wn_fail(why, WN_INVALID, "metrics", "there is no metric \"%.*s\"",
                       WN_STR_ARG(p->text.metrics));
    for (size_t i = 0; i < WN_MEASURE_N; i++)
        p->additive |= wn_str_eq(p->text.metrics, wn_str_of(wn_measure_names[i]));
    return WN_OK;
}

wn_rc wn_chart_metric(const struct wn_book *book, const struct wn_chart_request *request,
                      struct wn_arena *a, struct wn_buf *png, struct wn_why *why)
{
    struct plan p = {.book = book, .a = a, .text = request->query};
    const struct wn_metric *metric = NULL;
    bool has_data = false;
    wn_rc rc = check_request(request, why);
    if (!rc)
        rc = complete(&p, &has_data, why);
    if (!rc)
        rc = find_metric(&p, &metric, why);
    if (!rc)
        rc = report_facts(book, a, &p.currency, &p.has_sample, why);
    if (!rc && has_data)
        rc = gather(&p, why);
    if (rc)
        return rc;
    bool bars = request->kind.n ? wn_str_eq(request->kind, WN_STR("bar")) : !p.has_x;
    struct wn_chart chart = {
        .kind = bars ? WN_CHART_BAR : WN_CHART_LINE,
        .title = request->title.n ? request->title : title_of(&p, metric),
        .subtitle = has_data ? subtitle_of(&p) : WN_STR(""),
        .unit = metric->unit,
        .currency = p.currency,
        .labels = p.labels,
        .n_points = p.n_points,
        .series = p.lines,
        .n_series = p.n_series,
        .point_colors = p.point_colors,
        .stacked = bars && p.additive && p.n_series > 1,
        .width_px = request->width_px,
        .height_px = request->height_px,
        .dark = request->dark,
    };
    if (!chart.title.p || !chart.subtitle.p)
        return no_memory(why);
    return wn_chart_png(&chart, png, why);
}
