#include "learn/forecast_csv.h"

#include "core/csv.h"
#include "core/csv_value.h"
#include "core/date.h"
#include "core/hash.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t SECOND_MS = 1000, HOUR_MS = 3600000;

typedef enum form { FORM_UNKNOWN, FORM_LONG, FORM_WIDE } form;

struct point {
    uint32_t series;
    uint64_t line;
    int64_t ts; /* ms or a number; wide: the place in the row */
    double value;
};

struct wn_series_csv_reader {
    struct wn_csv *csv;
    struct wn_map names;
    struct point *points;
    size_t n_points, max_points;
    form form;
    size_t n_fields;                   /* long: of the first record */
    size_t series_at, ts_at, value_at; /* long: columns; series_at SIZE_MAX = none */
    bool has_moments, has_numbers;     /* kinds of timestamps seen */
};

/* ---- cells ------------------------------------------------------------------------------------
 */

/* n digits at p; false when one is none. */
static bool digits(struct wn_str s, size_t at, size_t n, int *out)
{
    int value = 0;
    if (at + n > s.n)
        return false;
    for (size_t i = at; i < at + n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    *out = value;
    return true;
}

/* "hh:mm", "hh:mm:ss", "hh:mm:ss.fff", then "", "Z", "+hh:mm", "-hhmm", "+hh". */
static bool parse_clock(struct wn_str s, int64_t *out_ms)
{
    int hour, minute, second = 0, zone_hour = 0, zone_minute = 0;
    size_t at = 5;
    int64_t fraction = 0;
    if (!digits(s, 0, 2, &hour) || s.n < 5 || s.p[2] != ':' || !digits(s, 3, 2, &minute))
        return false;
    if (at < s.n && s.p[at] == ':') {
        if (!digits(s, at + 1, 2, &second))
            return false;
        at += 3;
        int64_t scale = 100;
        if (at < s.n && (s.p[at] == '.' || s.p[at] == ','))
            for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9'; at++, scale /= 10)
                fraction += scale * (s.p[at] - '0');
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t ms = hour * HOUR_MS + minute * 60 * SECOND_MS + second * SECOND_MS + fraction;
    if (at < s.n && (s.p[at] == 'Z' || s.p[at] == 'z')) {
        at++;
    } else if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) {
        int sign = s.p[at] == '-' ? -1 : 1;
        if (!digits(s, at + 1, 2, &zone_hour))
            return false;
        at += 3;
        if (at < s.n && s.p[at] == ':')
            at++;
        if (at < s.n && !digits(s, at, 2, &zone_minute))
            return false;
        at = at < s.n ? at + 2 : at;
        ms -= sign * (zone_hour * HOUR_MS + zone_minute * 60 * SECOND_MS);
    }
    *out_ms = ms;
    return at == s.n;
}

/* True when s is a moment: *out_ms. */
static bool parse_moment(struct wn_str s, int64_t *out_ms)
{
    struct wn_date_text date;
    int32_t day;
    int64_t clock = 0;
    if (s.n >= 10 && wn_parse_day(wn_str_slice(s, 0, 10), &day)) {
        struct wn_str rest = wn_str_slice(s, 10, s.n);
        if (rest.n && (rest.p[0] == 'T' || rest.p[0] == 't' || rest.p[0] == ' '))
            rest = wn_str_trim(wn_str_slice(rest, 1, rest.n));
        else if (rest.n)
            return false;
        if (rest.n && !parse_clock(rest, &clock))
            return false;
        *out_ms = day * WN_DAY_MS + clock;
        return true;
    }
    /* Whole days only: the other forms of a date are read to the hour at most. */
    if (wn_date_read(s, &date) != WN_VALUE_GOOD || date.kind != WN_DATE_DAY ||
        (date.hour >= 0 && !date.is_midnight))
        return false;
    *out_ms = date.day * WN_DAY_MS;
    return true;
}

bool wn_time_read(struct wn_str s, int64_t *out, bool *is_number)
{
    int64_t number;
    if (wn_parse_i64(s, &number)) {
        int32_t day;
        int year, month, of_month; /* YYYYMMDD is a day, not a step */
        *is_number = false;
        if (s.n == 8 && digits(s, 0, 4, &year) && digits(s, 4, 2, &month) &&
            digits(s, 6, 2, &of_month) && year >= 1970 &&
            wn_day_of_date((struct wn_date){year, month, of_month}, &day)) {
            *out = day * WN_DAY_MS;
            return true;
        }
        if (number > INT64_C(100000000000000) || number < -INT64_C(100000000000000))
            return false;
        *out = number >= INT64_C(1000000000000) ? number
               : number >= 1000000000           ? number * SECOND_MS
                                                : number;
        *is_number = number < 1000000000;
        return true;
    }
    *is_number = false;
    return parse_moment(s, out);
}

/* ---- the first record -------------------------------------------------------------------------
 */

static bool is_one_of(struct wn_str s, const char *words)
{
    struct wn_str rest = wn_str_of(words), word;
    s = wn_str_trim(s);
    while (wn_str_cut(&rest, '|', &word))
        if (wn_str_eq_nocase(s, word))
            return true;
    return false;
}

static bool is_number_cell(struct wn_str s)
{
    double value;
    s = wn_str_trim(s);
    return wn_value_is_absent(s) || wn_parse_f64(s, &value);
}

static bool has_letters(struct wn_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 'A')
            return true;
    return false;
}

static bool is_ts_cell(struct wn_str s)
{
    int64_t ts;
    bool is_number;
    return wn_time_read(wn_str_trim(s), &ts, &is_number);
}

/* Finds the columns of a long header; false when one of time or of values is missing. */
static bool long_header(struct wn_series_csv_reader *r, const struct wn_csv_record *record)
{
    r->series_at = r->ts_at = r->value_at = SIZE_MAX;
    for (size_t f = 0; f < record->n_fields; f++) {
        struct wn_str s = record->fields[f];
        if (r->series_at == SIZE_MAX && is_one_of(s, "series|id|unique_id|series_id|name|entity"))
            r->series_at = f;
        else if (r->ts_at == SIZE_MAX &&
                 is_one_of(s, "ts|timestamp|time|date|day|ds|week|month|datetime|step|t"))
            r->ts_at = f;
        else if (r->value_at == SIZE_MAX && is_one_of(s, "value|y|values"))
            r->value_at = f;
    }
    if (r->ts_at == SIZE_MAX)
        return false;
    /* Of two or three columns those left over are what they must be: a name, then a value. */
    size_t n = record->n_fields;
    for (size_t f = 0; f < n && n <= 3 && r->value_at == SIZE_MAX; f++) {
        if (f == r->ts_at || f == r->series_at)
            continue;
        if (n == 3 && r->series_at == SIZE_MAX)
            r->series_at = f;
        else
            r->value_at = f;
    }
    if (r->series_at == SIZE_MAX && n == 3 && r->value_at != SIZE_MAX)
        r->series_at = 3 - r->ts_at - r->value_at;
    return r->value_at != SIZE_MAX;
}

/* column: from 1. */
static wn_rc fail_at(struct wn_why *why, wn_rc rc, uint64_t line, size_t column, const char *field,
                     const char *format, struct wn_str cell)
{
    if (why) {
        why->line = line;
        why->column = (uint32_t)column;
    }
    cell.n = cell.n > 60 ? 60 : cell.n;
    while (cell.n && !wn_str_utf8_valid(cell, NULL))
        cell.n--;
    char text[128];
    snprintf(text, sizeof text, "'%.*s'", WN_STR_ARG(cell));
    return wn_fail(why, rc, field, format, text);
}

/* Decides the form; *is_header tells whether the record is used up. */
static wn_rc look_at_first(struct wn_series_csv_reader *r, const struct wn_csv_record *record,
                           bool *is_header, struct wn_why *why)
{
    size_t n = record->n_fields;
    const struct wn_str *f = record->fields;
    r->n_fields = n;
    r->form = FORM_LONG;
    *is_header = true;
    if (n >= 2 && long_header(r, record))
        return WN_OK;
    if (n > 3 && r->ts_at != SIZE_MAX)
        return fail_at(why, WN_INVALID, record->line, r->ts_at + 1, "value",
                       "there is a column of times, %s, but none named 'value'; keep the columns "
                       "series, time and value",
                       f[r->ts_at]);
    *is_header = false;
    r->series_at = n == 3 ? 0 : SIZE_MAX;
    r->ts_at = n == 3 ? 1 : 0;
    r->value_at = n == 3 ? 2 : 1;
    if ((n == 2 || n == 3) && is_ts_cell(f[r->ts_at]) && is_number_cell(f[r->value_at]) &&
        (n == 3 || !has_letters(f[0]) || is_ts_cell(f[0])))
        return WN_OK;
    r->form = FORM_WIDE;
    /* A header of the wide form has words where values belong. */
    for (size_t i = 1; i < n; i++)
        *is_header = *is_header || !is_number_cell(f[i]);
    if (n < 2) {
        if (why) {
            why->line = record->line;
            why->column = 0;
        }
        return wn_fail(why, WN_INVALID, NULL,
                       "one column only: expected series,ts,value, or ts,value, or an id followed "
                       "by values");
    }
    return WN_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static wn_rc add_point(struct wn_series_csv_reader *r, struct point p, struct wn_why *why)
{
    if (r->n_points == r->max_points) {
        size_t max = r->max_points ? r->max_points * 2 : 1024;
        if (r->n_points >= WN_SERIES_CSV_POINTS_MAX)
            return wn_fail(why, WN_LIMIT, NULL, "more than %llu values",
                           (unsigned long long)WN_SERIES_CSV_POINTS_MAX);
        struct point *points = realloc(r->points, max * sizeof *points);
        if (!points)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
        r->points = points;
        r->max_points = max;
    }
    r->points[r->n_points++] = p;
    return WN_OK;
}

static wn_rc read_value(const struct wn_csv_record *record, size_t at, double *out,
                        struct wn_why *why)
{
    struct wn_str cell = wn_str_trim(record->fields[at]);
    *out = (double)NAN;
    if (wn_value_is_absent(cell) || wn_parse_f64(cell, out))
        return WN_OK;
    return fail_at(why, WN_INVALID, record->line, at + 1, "value", "%s is not a number", cell);
}

static wn_rc series_of(struct wn_series_csv_reader *r, struct wn_str name, uint32_t *out,
                       bool *added, struct wn_why *why)
{
    uint32_t *at;
    wn_rc rc = wn_map_put(&r->names, name, (uint32_t)r->names.n, &at, added);
    if (rc == WN_LIMIT)
        return wn_fail(why, rc, NULL, "more than %u series", WN_FORECAST_SERIES_MAX);
    if (rc)
        return wn_fail(why, rc, NULL, "%s", wn_rc_text(rc));
    *out = *at;
    return WN_OK;
}

static wn_rc long_row(struct wn_series_csv_reader *r, const struct wn_csv_record *record,
                      struct wn_why *why)
{
    struct point p = {.line = record->line};
    bool is_number, added;
    if (record->n_fields != r->n_fields) {
        if (why)
            why->line = record->line;
        return wn_fail(why, WN_INVALID, NULL, "%zu fields instead of %zu", record->n_fields,
                       r->n_fields);
    }
    struct wn_str name =
        r->series_at == SIZE_MAX ? WN_STR("") : wn_str_trim(record->fields[r->series_at]);
    struct wn_str ts = wn_str_trim(record->fields[r->ts_at]);
    if (!wn_time_read(ts, &p.ts, &is_number))
        return fail_at(why, WN_INVALID, record->line, r->ts_at + 1, "ts",
                       "%s is not a time (write 2026-01-31 or 2026-01-31T05:00:00Z)", ts);
    r->has_numbers = r->has_numbers || is_number;
    r->has_moments = r->has_moments || !is_number;
    if (r->has_numbers && r->has_moments)
        return fail_at(why, WN_INVALID, record->line, r->ts_at + 1, "ts",
                       "%s mixes plain numbers and dates in one column", ts);
    wn_rc rc = read_value(record, r->value_at, &p.value, why);
    if (!rc)
        rc = series_of(r, name, &p.series, &added, why);
    return rc ? rc : add_point(r, p, why);
}

static wn_rc wide_row(struct wn_series_csv_reader *r, const struct wn_csv_record *record,
                      struct wn_why *why)
{
    struct point p = {.line = record->line};
    bool added;
    size_t n = record->n_fields;
    struct wn_str name = wn_str_trim(record->fields[0]);
    wn_rc rc = series_of(r, name, &p.series, &added, why);
    if (rc)
        return rc;
    if (!added)
        return fail_at(why, WN_INVALID, record->line, 1, "id", "the series %s comes twice", name);
    while (n > 1 && wn_value_is_absent(wn_str_trim(record->fields[n - 1])))
        n--; /* short rows of a table are padded */
    for (size_t f = 1; f < n && !rc; f++) {
        p.ts = (int64_t)f - 1;
        rc = read_value(record, f, &p.value, why);
        if (!rc)
            rc = add_point(r, p, why);
    }
    if (n == 1 && !rc) { /* an empty series is one, too */
        p.ts = 0;
        p.value = (double)NAN;
        rc = add_point(r, p, why);
    }
    return rc;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct wn_series_csv_reader *r = context;
    if (r->form == FORM_UNKNOWN) {
        bool is_header = false;
        wn_rc rc = look_at_first(r, record, &is_header, why);
        if (rc || is_header)
            return rc;
    }
    return r->form == FORM_LONG ? long_row(r, record, why) : wide_row(r, record, why);
}

wn_rc wn_series_csv_new(struct wn_series_csv_reader **out, struct wn_why *why)
{
    struct wn_series_csv_reader *r = calloc(1, sizeof *r);
    if (!r)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    struct wn_csv_options options = {0, on_record, r};
    wn_map_init(&r->names, WN_FORECAST_SERIES_MAX);
    wn_rc rc = wn_csv_new(&options, &r->csv, why);
    if (rc) {
        wn_series_csv_free(r);
        return rc;
    }
    *out = r;
    return WN_OK;
}

void wn_series_csv_free(struct wn_series_csv_reader *r)
{
    if (!r)
        return;
    wn_csv_free(r->csv);
    wn_map_deinit(&r->names);
    free(r->points);
    free(r);
}

wn_rc wn_series_csv_push(struct wn_series_csv_reader *r, struct wn_str bytes, struct wn_why *why)
{
    return wn_csv_push(r->csv, bytes, why);
}

/* ---- the grid ---------------------------------------------------------------------------------
 */

static int by_series_and_time(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    if (x->ts != y->ts)
        return x->ts < y->ts ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Rows mostly come in order already. */
static void sort_points(struct wn_series_csv_reader *r)
{
    for (size_t i = 1; i < r->n_points; i++)
        if (by_series_and_time(&r->points[i - 1], &r->points[i]) > 0) {
            qsort(r->points, r->n_points, sizeof *r->points, by_series_and_time);
            return;
        }
}

static int by_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The months since 1970-01 that hold ts, and where in the month it is. */
static int64_t months_of(int64_t ts, int64_t *phase_ms)
{
    int64_t day = ts >= 0 ? ts / WN_DAY_MS : (ts - WN_DAY_MS + 1) / WN_DAY_MS;
    if (day < WN_DAY_MIN || day > WN_DAY_MAX) {
        *phase_ms = -1;
        return 0;
    }
    struct wn_date date = wn_date_of_day((int32_t)day);
    *phase_ms = ts - wn_month_start((int32_t)day) * WN_DAY_MS;
    return (int64_t)(date.year - 1970) * 12 + date.month - 1;
}

static wn_rc check_twice(const struct wn_series_csv_reader *r, struct wn_why *why)
{
    for (size_t i = 1; i < r->n_points; i++) {
        const struct point *p = &r->points[i - 1], *q = p + 1;
        if (p->series != q->series || p->ts != q->ts)
            continue;
        if (why)
            why->line = q->line;
        return wn_fail(why, WN_INVALID, "ts",
                       "a second value for the same series and time; the first is in line %llu",
                       (unsigned long long)p->line);
    }
    return WN_OK;
}

/* The middle and the smallest step between neighbours of one series; 0 when there are none. */
static wn_rc find_steps(const struct wn_series_csv_reader *r, int64_t *median, int64_t *divisor,
                        struct wn_why *why)
{
    int64_t *steps = malloc((r->n_points + 1) * sizeof *steps);
    size_t n = 0;
    *median = *divisor = 0;
    if (!steps)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 1; i < r->n_points; i++)
        if (r->points[i].series == r->points[i - 1].series)
            steps[n++] = r->points[i].ts - r->points[i - 1].ts;
    for (size_t i = 0; i < n; i++) {
        int64_t a = *divisor, b = steps[i];
        while (b) {
            int64_t t = a % b;
            a = b;
            b = t;
        }
        *divisor = a;
    }
    if (n) {
        qsort(steps, n, sizeof *steps, by_i64);
        *median = steps[n / 2];
    }
    free(steps);
    return WN_OK;
}

static void choose_grid(const struct wn_series_csv_reader *r, wn_forecast_frequency told,
                        int64_t median, int64_t divisor, struct wn_series_csv *out)
{
    static const int64_t months[WN_FREQUENCY_N] = {
        [WN_FREQUENCY_MONTHLY] = 1, [WN_FREQUENCY_QUARTERLY] = 3, [WN_FREQUENCY_YEARLY] = 12};
    static const int64_t hours[WN_FREQUENCY_N] = {
        [WN_FREQUENCY_HOURLY] = 1, [WN_FREQUENCY_DAILY] = 24, [WN_FREQUENCY_WEEKLY] = 168};
    wn_forecast_frequency f = told;
    if (told == WN_FREQUENCY_N)
        f = r->has_moments ? wn_forecast_frequency_of_step(median) : WN_FREQUENCY_OTHER;
    out->frequency = f;
    if (r->form == FORM_WIDE) {
        out->grid = WN_GRID_NONE;
        out->step = 1;
    } else if (r->has_numbers) {
        out->grid = WN_GRID_STEP;
        out->step = divisor > 0 ? divisor : 1;
    } else if (months[f]) {
        out->grid = WN_GRID_MONTHS;
        out->step = months[f];
    } else {
        out->grid = WN_GRID_MS;
        out->step = hours[f] ? hours[f] * HOUR_MS : divisor > 0 ? divisor : WN_DAY_MS;
    }
}

/* The place of ts in the series, whose first point has the place 0. */
static int64_t position_of(const struct wn_series_csv *csv,
                           const struct wn_series_csv_series *series, int64_t ts, bool *on_grid)
{
    int64_t phase = series->phase_ms, at = ts;
    *on_grid = true;
    if (csv->grid == WN_GRID_MONTHS) {
        at = months_of(ts, &phase);
        /* The last days of months stand for each other: 31 January, 28 February. */
        *on_grid = phase >= 0 && (phase == series->phase_ms ||
                                  (series->phase_ms >= 27 * WN_DAY_MS && phase >= 27 * WN_DAY_MS));
    }
    at -= series->origin;
    *on_grid = *on_grid && at % csv->step == 0;
    return at / csv->step;
}

static wn_rc fail_off_grid(const struct wn_series_csv *csv, uint64_t line, struct wn_why *why)
{
    if (why)
        why->line = line;
    return wn_fail(
        why, WN_INVALID, "ts",
        "this time does not fit the %s steps of the others; say what they are with "
        "--freq, or mend the row",
        csv->frequency == WN_FREQUENCY_OTHER ? "even" : wn_forecast_frequency_name(csv->frequency));
}

/* points [n] of one series, sorted by time. */
static wn_rc lay_out(const struct point *points, size_t n, struct wn_arena *a,
                     struct wn_series_csv *csv, uint64_t *room, struct wn_series_csv_series *out,
                     struct wn_why *why)
{
    bool on_grid;
    out->origin = points[0].ts;
    if (csv->grid == WN_GRID_MONTHS)
        out->origin = months_of(points[0].ts, &out->phase_ms);
    uint64_t length = (uint64_t)position_of(csv, out, points[n - 1].ts, &on_grid) + 1;
    if (length > *room || length > WN_FORECAST_POINTS_MAX) {
        if (why)
            why->line = points[n - 1].line;
        return wn_fail(why, WN_LIMIT, "ts",
                       "the gaps are too long: the series would have %llu points for %zu rows",
                       (unsigned long long)length, n);
    }
    *room -= length;
    out->values = WN_ARENA_ARRAY(a, length, double);
    if (!out->values)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    out->n = length;
    for (uint64_t t = 0; t < length; t++)
        out->values[t] = (double)NAN;
    int64_t before = -1;
    for (size_t i = 0; i < n; i++) {
        int64_t at = position_of(csv, out, points[i].ts, &on_grid);
        if (!on_grid || at <= before)
            return fail_off_grid(csv, points[i].line, why);
        before = at;
        out->values[at] = points[i].value;
        out->line = out->line && out->line < points[i].line ? out->line : points[i].line;
    }
    return WN_OK;
}

static void note_hours(const struct wn_series_csv_reader *r, struct wn_series_csv *csv)
{
    for (size_t i = 0; i < r->n_points && csv->grid >= WN_GRID_MS; i++)
        csv->has_hours = csv->has_hours || r->points[i].ts % WN_DAY_MS != 0;
    if (csv->grid == WN_GRID_MS && csv->step % WN_DAY_MS != 0)
        csv->has_hours = true;
}

static wn_rc put_names(const struct wn_series_csv_reader *r, struct wn_arena *a,
                       struct wn_series_csv *csv, struct wn_why *why)
{
    for (size_t i = 0; i < r->names.n_slots; i++) {
        const struct wn_map_slot *slot = &r->names.slots[i];
        if (slot->hash == 0)
            continue;
        struct wn_str *name = &csv->series[slot->value].name;
        *name = wn_arena_dup(a, slot->key);
        if (!name->p)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    return WN_OK;
}

wn_rc wn_series_csv_finish(struct wn_series_csv_reader *r, wn_forecast_frequency frequency,
                           struct wn_arena *a, struct wn_series_csv *out, struct wn_why *why)
{
    struct wn_series_csv csv = {0};
    int64_t median = 0, divisor = 0;
    wn_rc rc = wn_csv_finish(r->csv, why);
    if (!rc && r->n_points == 0)
        rc = wn_fail(why, WN_INVALID, NULL, "there are no values");
    if (rc)
        return rc;
    sort_points(r);
    rc = check_twice(r, why);
    if (!rc && r->form == FORM_LONG) /* the wide form has no times */
        rc = find_steps(r, &median, &divisor, why);
    if (rc)
        return rc;
    choose_grid(r, frequency, median, divisor, &csv);
    csv.n_series = r->names.n;
    csv.is_named = r->form == FORM_WIDE || r->series_at != SIZE_MAX;
    csv.series = WN_ARENA_ARRAY(a, csv.n_series, struct wn_series_csv_series);
    if (!csv.series)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    note_hours(r, &csv);
    uint64_t room = (uint64_t)r->n_points * WN_SERIES_CSV_GAP_FACTOR + 1000;
    if (room > WN_SERIES_CSV_POINTS_MAX)
        room = WN_SERIES_CSV_POINTS_MAX;
    for (size_t from = 0, to; from < r->n_points && !rc; from = to) {
        for (to = from + 1; to < r->n_points && r->points[to].series == r->points[from].series;)
            to++;
        rc = lay_out(r->points + from, to - from, a, &csv, &room,
                     &csv.series[r->points[from].series], why);
    }
    if (!rc)
        rc = put_names(r, a, &csv, why);
    if (!rc)
        *out = csv;
    return rc;
}

size_t wn_series_csv_print_ts(const struct wn_series_csv *csv,
                              const struct wn_series_csv_series *series, size_t position,
                              char out[WN_SERIES_TS_MAX])
{
    int64_t at, ms = 0;
    out[0] = 0;
    if (csv->grid == WN_GRID_NONE || !wn_mul_i64((int64_t)position, csv->step, &at) ||
        !wn_add_i64(at, series->origin, &at))
        return 0;
    if (csv->grid == WN_GRID_STEP)
        return (size_t)snprintf(out, WN_SERIES_TS_MAX, "%lld", (long long)at);
    if (csv->grid == WN_GRID_MONTHS) {
        int32_t start, next;
        struct wn_date date = {1970 + (int)(at / 12), (int)(at % 12) + 1, 1};
        if (at < 0 || at > 2760 || !wn_day_of_date(date, &start))
            return 0;
        next = wn_month_start(start + 31); /* always in the next month */
        ms = start * WN_DAY_MS + series->phase_ms;
        if (ms >= next * WN_DAY_MS) /* there is no such day in this month: its last */
            ms = (next - 1) * WN_DAY_MS + series->phase_ms % WN_DAY_MS;
    } else {
        ms = at;
    }
    if (ms < 0 || ms / WN_DAY_MS > WN_DAY_MAX)
        return 0;
    if (csv->has_hours) {
        char text[WN_TIME_TEXT_MAX];
        size_t n = wn_print_time(ms, text);
        /* Seconds are enough: 2026-11-20T08:15:30.000Z */
        if (n == 24 && memcmp(text + 19, ".000", 4) == 0)
            return (size_t)snprintf(out, WN_SERIES_TS_MAX, "%.19sZ", text);
        return (size_t)snprintf(out, WN_SERIES_TS_MAX, "%s", text);
    }
    char text[WN_DAY_TEXT_MAX];
    (void)wn_print_day((int32_t)(ms / WN_DAY_MS), text);
    return (size_t)snprintf(out, WN_SERIES_TS_MAX, "%s", text);
}
