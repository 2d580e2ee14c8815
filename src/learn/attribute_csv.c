#include "learn/attribute_csv.h"

#include "core/hash.h"
#include "learn/csv_rows.h"
#include "learn/forecast_csv.h"

#include <stdlib.h>
#include <string.h>

enum path_column { PATH, CONVERSIONS, VALUE, NULLS, PATH_COLUMNS };
static const char *const path_names[PATH_COLUMNS] = {
    "path|journey|channel_path",
    "conversions|total_conversions|conversion|converted",
    "value|total_conversion_value|conversion_value|total_value|revenue",
    "null|total_null|nulls|total_nulls|non_conversions",
};

enum event_column { PERSON, CHANNEL, TIME, CONVERSION, EVENT_VALUE, TYPE, EVENT_COLUMNS };
static const char *const event_names[EVENT_COLUMNS] = {
    "person|person_id|user|user_id|customer|customer_id|visitor|visitor_id|cookie|id",
    "channel|source",
    "time|timestamp|date|datetime|ts|day",
    "conversion|conversions|converted",
    "value|conversion_value|revenue|amount",
    "type|interaction|kind|event",
};

typedef enum form { FORM_UNKNOWN, FORM_PATHS, FORM_EVENTS } form;

struct path_row {
    size_t end; /* of its touches */
    double conversions, value, nulls;
};

struct wn_path_csv_reader {
    struct wn_csv *csv;
    form form;
    size_t places[EVENT_COLUMNS]; /* the longer of both */
    struct wn_map channels, persons;
    struct path_row *rows; /* malloc'd */
    size_t n_rows, rows_max;
    uint16_t *touches; /* malloc'd */
    size_t n_touches, touches_max;
    struct wn_touch_event *events; /* malloc'd */
    size_t n_events, events_max;
};

static wn_rc grow(void **p, size_t *max, size_t n, size_t size, size_t limit, struct wn_why *why)
{
    if (n < *max)
        return WN_OK;
    if (n >= limit)
        return wn_fail(why, WN_LIMIT, NULL, "more than %zu rows or touches", limit);
    size_t more = *max ? *max * 2 : 1024;
    void *bigger = realloc(*p, more * size);
    if (!bigger)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    *p = bigger;
    *max = more;
    return WN_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static wn_rc read_header(struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    size_t *places = r->places;
    r->form = FORM_PATHS;
    wn_columns_find(record, path_names, PATH_COLUMNS, places);
    if (places[PATH] != WN_NO_COLUMN && places[CONVERSIONS] != WN_NO_COLUMN)
        return WN_OK;
    if (places[PATH] != WN_NO_COLUMN)
        return wn_row_fail(record, "header", "the column conversions is missing", why);
    r->form = FORM_EVENTS;
    wn_columns_find(record, event_names, EVENT_COLUMNS, places);
    bool some = places[CHANNEL] != WN_NO_COLUMN || places[PERSON] != WN_NO_COLUMN;
    if (!some)
        return wn_row_fail(record, "header",
                           "the first line must name the columns: path, conversions, value, null; "
                           "or person, channel, time, conversion, value",
                           why);
    if (places[PERSON] == WN_NO_COLUMN)
        return wn_row_fail(record, "header", "the column person is missing", why);
    if (places[CHANNEL] == WN_NO_COLUMN)
        return wn_row_fail(record, "header", "the column channel is missing", why);
    if (places[TIME] == WN_NO_COLUMN)
        return wn_row_fail(record, "header", "the column time is missing", why);
    if (places[CONVERSION] == WN_NO_COLUMN && places[EVENT_VALUE] == WN_NO_COLUMN)
        return wn_row_fail(record, "header", "the column conversion (or value) is missing", why);
    return WN_OK;
}

static wn_rc channel_of(struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                        struct wn_str name, uint16_t *out, struct wn_why *why)
{
    uint32_t *value;
    wn_rc rc = wn_map_put(&r->channels, name, (uint32_t)r->channels.n, &value, NULL);
    if (rc == WN_LIMIT) {
        if (why)
            why->line = record->line;
        return wn_fail(why, rc, "channel", "more than %d channels: join small ones",
                       WN_CHANNELS_MAX);
    }
    if (rc)
        return wn_fail(why, rc, NULL, "memory has run out");
    *out = (uint16_t)*value;
    return WN_OK;
}

static wn_rc read_touches(struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                          struct wn_why *why)
{
    struct wn_str rest = wn_cell_get(record, r->places[PATH]), name;
    wn_rc rc = WN_OK;
    if (!rest.n) /* conversions without a touch */
        return WN_OK;
    while (!rc && wn_str_cut(&rest, '>', &name)) {
        name = wn_str_trim(name);
        if (!name.n)
            return wn_cell_fail(record, r->places[PATH], "path", "has an empty touch", why);
        rc = grow((void **)&r->touches, &r->touches_max, r->n_touches, sizeof *r->touches,
                  WN_PATH_CSV_TOUCHES_MAX, why);
        if (!rc)
            rc = channel_of(r, record, name, &r->touches[r->n_touches], why);
        if (!rc)
            r->n_touches++;
    }
    return rc;
}

static wn_rc path_row(struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                      struct wn_why *why)
{
    struct path_row row = {0};
    wn_rc rc = wn_cell_number(record, r->places[CONVERSIONS], "conversions", 0, WN_PATH_COUNT_MAX,
                              &row.conversions, why);
    if (!rc)
        rc = wn_cell_number(record, r->places[VALUE], "value", 0, WN_PATH_COUNT_MAX, &row.value,
                            why);
    if (!rc)
        rc =
            wn_cell_number(record, r->places[NULLS], "null", 0, WN_PATH_COUNT_MAX, &row.nulls, why);
    if (!rc && row.value > 0 && !(row.conversions > 0))
        rc = wn_cell_fail(record, r->places[VALUE], "value", "stands beside no conversion", why);
    if (!rc)
        rc = read_touches(r, record, why);
    if (!rc)
        rc = grow((void **)&r->rows, &r->rows_max, r->n_rows, sizeof *r->rows, WN_PATHS_MAX, why);
    row.end = r->n_touches;
    if (!rc)
        r->rows[r->n_rows++] = row;
    return rc;
}

static wn_rc read_conversion(const struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                             struct wn_touch_event *e, struct wn_why *why)
{
    size_t place = r->places[CONVERSION];
    struct wn_str cell = wn_cell_get(record, place);
    wn_rc rc = wn_cell_number(record, r->places[EVENT_VALUE], "value", 0, WN_PATH_COUNT_MAX,
                              &e->value, why);
    if (rc)
        return rc;
    if (place == WN_NO_COLUMN)
        e->conversions = e->value > 0;
    else if (wn_is_one_of(cell, "yes|true|y|t"))
        e->conversions = 1;
    else if (!wn_is_one_of(cell, "no|false|n|f"))
        rc =
            wn_cell_number(record, place, "conversion", 0, WN_PATH_COUNT_MAX, &e->conversions, why);
    if (!rc && e->value > 0 && !(e->conversions > 0))
        rc = wn_cell_fail(record, r->places[EVENT_VALUE], "value", "stands beside no conversion",
                          why);
    return rc;
}

static wn_rc event_row(struct wn_path_csv_reader *r, const struct wn_csv_record *record,
                       struct wn_why *why)
{
    struct wn_touch_event e = {.channel = WN_NO_CHANNEL};
    struct wn_str person = wn_cell_get(record, r->places[PERSON]);
    struct wn_str channel = wn_cell_get(record, r->places[CHANNEL]);
    struct wn_str type = wn_cell_get(record, r->places[TYPE]);
    uint32_t *value;
    bool is_number;
    if (!person.n)
        return wn_cell_fail(record, r->places[PERSON], "person", "is empty", why);
    if (!wn_time_read(wn_cell_get(record, r->places[TIME]), &e.at_ms, &is_number))
        return wn_cell_fail(record, r->places[TIME], "time",
                            "is not a time; write 2026-01-31 or 2026-01-31T05:00:00Z", why);
    if (is_number)
        return wn_cell_fail(record, r->places[TIME], "time",
                            "is a plain number; write 2026-01-31 or seconds since the epoch", why);
    wn_rc rc = read_conversion(r, record, &e, why);
    if (!rc && channel.n)
        rc = channel_of(r, record, channel, &e.channel, why);
    if (!rc && !channel.n && !(e.conversions > 0))
        rc = wn_row_fail(record, "channel", "the row has neither a channel nor a conversion", why);
    e.is_view = wn_is_one_of(type, "view|impression|views|impressions");
    if (!rc) {
        rc = wn_map_put(&r->persons, person, (uint32_t)r->persons.n, &value, NULL);
        if (rc)
            return wn_fail(why, rc, "person", "%s", wn_rc_text(rc));
        e.person = *value;
        rc = grow((void **)&r->events, &r->events_max, r->n_events, sizeof *r->events, WN_PATHS_MAX,
                  why);
    }
    if (!rc)
        r->events[r->n_events++] = e;
    return rc;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct wn_path_csv_reader *r = context;
    return r->form == FORM_UNKNOWN ? read_header(r, record, why)
           : r->form == FORM_PATHS ? path_row(r, record, why)
                                   : event_row(r, record, why);
}

wn_rc wn_path_csv_new(struct wn_path_csv_reader **out, struct wn_why *why)
{
    struct wn_path_csv_reader *r = calloc(1, sizeof *r);
    if (!r)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    struct wn_csv_options options = {0, on_record, r};
    wn_map_init(&r->channels, WN_CHANNELS_MAX);
    wn_map_init(&r->persons, WN_PATHS_MAX);
    wn_rc rc = wn_csv_new(&options, &r->csv, why);
    if (rc) {
        wn_path_csv_free(r);
        return rc;
    }
    *out = r;
    return WN_OK;
}

void wn_path_csv_free(struct wn_path_csv_reader *r)
{
    if (!r)
        return;
    wn_csv_free(r->csv);
    wn_map_deinit(&r->channels);
    wn_map_deinit(&r->persons);
    free(r->rows);
    free(r->touches);
    free(r->events);
    free(r);
}

wn_rc wn_path_csv_push(struct wn_path_csv_reader *r, struct wn_str bytes, struct wn_why *why)
{
    return wn_csv_push(r->csv, bytes, why);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static wn_rc name_channels(const struct wn_map *m, struct wn_arena *a, struct wn_str **out)
{
    struct wn_str *names = WN_ARENA_ARRAY(a, m->n, struct wn_str);
    if (!names)
        return WN_MEMORY;
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slots[i].hash) {
            names[m->slots[i].value] = wn_arena_dup(a, m->slots[i].key);
            if (!names[m->slots[i].value].p)
                return WN_MEMORY;
        }
    *out = names;
    return WN_OK;
}

static wn_rc copy_paths(const struct wn_path_csv_reader *r, struct wn_arena *a,
                        struct wn_paths *out)
{
    size_t n = r->n_rows;
    size_t *starts = WN_ARENA_ARRAY(a, n + 1, size_t);
    uint16_t *touches = WN_ARENA_ARRAY(a, r->n_touches, uint16_t);
    double *numbers = WN_ARENA_ARRAY(a, 3 * n, double);
    if (!starts || !touches || !numbers)
        return WN_MEMORY;
    for (size_t p = 0; p < n; p++) {
        starts[p + 1] = r->rows[p].end;
        numbers[p] = r->rows[p].conversions;
        numbers[n + p] = r->rows[p].value;
        numbers[2 * n + p] = r->rows[p].nulls;
    }
    if (r->n_touches)
        memcpy(touches, r->touches, r->n_touches * sizeof *touches);
    *out = (struct wn_paths){.n_channels = r->channels.n,
                             .n = n,
                             .starts = starts,
                             .touches = touches,
                             .conversions = numbers,
                             .values = r->places[VALUE] == WN_NO_COLUMN ? NULL : numbers + n,
                             .nulls = numbers + 2 * n};
    return WN_OK;
}

wn_rc wn_path_csv_finish(struct wn_path_csv_reader *r, const struct wn_look_back *look_back,
                         struct wn_arena *a, struct wn_path_csv *out, struct wn_why *why)
{
    struct wn_path_csv result = {0};
    wn_rc rc = wn_csv_finish(r->csv, why);
    if (rc)
        return rc;
    result.n_rows = r->n_rows + r->n_events;
    result.is_events = r->form == FORM_EVENTS;
    result.n_persons = r->persons.n;
    if (result.n_rows == 0)
        return wn_fail(why, WN_INVALID, NULL, "there are no rows");
    if (r->channels.n == 0)
        return wn_fail(why, WN_INVALID, "channel", "no row has a channel");
    rc = name_channels(&r->channels, a, &result.channels);
    if (!rc && result.is_events)
        rc =
            wn_paths_build(a, r->events, r->n_events, r->channels.n, look_back, &result.paths, why);
    else if (!rc)
        rc = copy_paths(r, a, &result.paths);
    if (rc)
        return wn_fail(why, rc, NULL, "%s", wn_rc_text(rc));
    if (result.is_events && r->places[EVENT_VALUE] == WN_NO_COLUMN)
        result.paths.values = NULL;
    *out = result;
    return WN_OK;
}

/* ---- lift tests -------------------------------------------------------------------------------
 */

enum lift_column { LIFT_CHANNEL, LIFT, SE, DATE, CREDITED, LIFT_COLUMNS };
static const char *const lift_names[LIFT_COLUMNS] = {
    "channel|source",     "lift|incremental|ratio", "se|standard_error|stderr",
    "date|day|end|ended", "credited|attributed",
};

struct lift_reader {
    const struct wn_str *channels;
    size_t n_channels;
    bool has_header;
    size_t places[LIFT_COLUMNS];
    struct wn_lift_test *tests; /* malloc'd */
    size_t n, max;
};

static wn_rc lift_header(struct lift_reader *r, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    wn_columns_find(record, lift_names, LIFT_COLUMNS, r->places);
    for (size_t k = LIFT_CHANNEL; k <= DATE; k++)
        if (r->places[k] == WN_NO_COLUMN)
            return wn_row_fail(record, "header",
                               "the first line of lift tests must name the columns channel, lift, "
                               "se, date (and perhaps credited)",
                               why);
    r->has_header = true;
    return WN_OK;
}

static wn_rc need(const struct lift_reader *r, const struct wn_csv_record *record,
                  enum lift_column c, const char *field, double low, double high, double *out,
                  struct wn_why *why)
{
    *out = low - 1;
    wn_rc rc = wn_cell_number(record, r->places[c], field, low, high, out, why);
    return !rc && *out < low ? wn_cell_fail(record, r->places[c], field, "is missing", why) : rc;
}

static wn_rc lift_row(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct lift_reader *r = context;
    struct wn_lift_test t = {0};
    double credited = 1;
    if (!r->has_header)
        return lift_header(r, record, why);
    struct wn_str name = wn_cell_get(record, r->places[LIFT_CHANNEL]);
    while (t.channel < r->n_channels && !wn_str_eq(r->channels[t.channel], name))
        t.channel++;
    if (t.channel == r->n_channels)
        return wn_cell_fail(record, r->places[LIFT_CHANNEL], "channel", "is in no path", why);
    wn_rc rc = need(r, record, LIFT, "lift", -1e15, 1e15, &t.lift, why);
    if (!rc)
        rc = need(r, record, SE, "se", 1e-9, 1e15, &t.se, why);
    if (!rc)
        rc = wn_cell_day(record, r->places[DATE], "date", &t.day, why);
    if (!rc && r->places[CREDITED] != WN_NO_COLUMN)
        rc = need(r, record, CREDITED, "credited", 1e-9, 1e15, &credited, why);
    t.lift /= credited;
    t.se /= credited;
    if (!rc && !(t.lift >= -1e6 && t.lift <= 1e6 && t.se >= 1e-9 && t.se <= 1e6))
        rc = wn_cell_fail(record, r->places[LIFT], "lift",
                          "or its se is out of range: 1 means that all credited conversions were "
                          "caused",
                          why);
    if (!rc)
        rc = grow((void **)&r->tests, &r->max, r->n, sizeof *r->tests, 100000, why);
    if (!rc)
        r->tests[r->n++] = t;
    return rc;
}

wn_rc wn_lift_csv_read(struct wn_arena *a, struct wn_str text, const struct wn_str *channels,
                       size_t n_channels, struct wn_lift_test **out, size_t *n_out,
                       struct wn_why *why)
{
    struct lift_reader r = {.channels = channels, .n_channels = n_channels};
    struct wn_csv *csv = NULL;
    struct wn_csv_options options = {0, lift_row, &r};
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    struct wn_lift_test *tests = NULL;
    if (!rc) {
        tests = WN_ARENA_ARRAY(a, r.n, struct wn_lift_test);
        rc = tests ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    for (size_t i = 0; i < r.n && !rc; i++)
        tests[i] = r.tests[i];
    if (!rc) {
        *out = tests;
        *n_out = r.n;
    }
    wn_csv_free(csv);
    free(r.tests);
    return rc;
}
