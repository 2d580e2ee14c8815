#include "cli/allocate_input.h"

#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- history -------------------------------------------------------------------------------------
 */

enum column { ENTITY, DATE, SPEND, REVENUE, GROUP, ARRIVED, COLUMNS };
static const char *const column_names[COLUMNS][3] = {
    {"entity", "campaign", "name"},    {"date", "day", "ds"},
    {"spend", "cost", "amount spent"}, {"revenue", "value", "conversion value"},
    {"group", "channel", "group"},     {"arrived", "maturity", "arrived"},
};

struct cell_row {
    uint32_t entity;
    int32_t day;
    double spend, revenue, arrived;
};

struct reading {
    struct wn_arena *arena;
    struct wn_map entities, groups;
    struct cell_row *rows; /* malloc'd */
    size_t n_rows, rows_max;
    uint32_t *group_of; /* malloc'd: [groups_max] by entity */
    size_t groups_max;
    int place[COLUMNS]; /* column of the file, or -1 */
    bool has_header;
};

static wn_rc grow(void **p, size_t *max, size_t n, size_t size, struct wn_why *why)
{
    if (n < *max)
        return WN_OK;
    size_t more = *max ? *max * 2 : 1024;
    void *bigger = realloc(*p, more * size);
    if (!bigger)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the history");
    *p = bigger;
    *max = more;
    return WN_OK;
}

/* Says what is missing; without any known name, what is needed. */
static wn_rc missing_columns(const struct reading *r, bool some_found, struct wn_why *why)
{
    char list[64];
    size_t n = 0;
    for (int c = 0; c <= REVENUE; c++)
        if (r->place[c] < 0)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "",
                                  column_names[c][0]);
    return wn_fail(why, WN_INVALID, "header",
                   some_found ? "the history needs the columns entity, date, spend, revenue; "
                                "missing: %s"
                              : "the history needs the columns %s",
                   list);
}

/* Recognises the header; without one, the columns have their usual order. */
static wn_rc read_header(struct reading *r, const struct wn_csv_record *record, bool *is_header,
                         struct wn_why *why)
{
    size_t n_found = 0;
    for (int c = 0; c < COLUMNS; c++) {
        r->place[c] = -1;
        for (size_t f = 0; f < record->n_fields && r->place[c] < 0; f++)
            for (int k = 0; k < 3; k++)
                if (wn_str_eq_nocase(wn_str_trim(record->fields[f]), wn_str_of(column_names[c][k])))
                    r->place[c] = (int)f;
        n_found += c <= REVENUE && r->place[c] >= 0;
    }
    *is_header = n_found > 0;
    if (n_found == 4)
        return WN_OK;
    if (n_found > 0 || record->n_fields < 4) {
        if (why && !why->text[0])
            why->line = record->line;
        return missing_columns(r, n_found > 0, why);
    }
    for (int c = 0; c < COLUMNS; c++)
        r->place[c] = c <= REVENUE ? c : -1;
    return WN_OK;
}

static struct wn_str cell(const struct reading *r, const struct wn_csv_record *record,
                          enum column c)
{
    int at = r->place[c];
    return at >= 0 && (size_t)at < record->n_fields ? wn_str_trim(record->fields[at])
                                                    : (struct wn_str){"", 0};
}

static wn_rc bad_cell(const struct reading *r, const struct wn_csv_record *record, enum column c,
                      struct wn_str text, const char *what, struct wn_why *why)
{
    if (why && !why->text[0]) {
        why->line = record->line;
        why->column = (uint32_t)(r->place[c] + 1);
    }
    return wn_fail(why, WN_INVALID, column_names[c][0], "%s '%.*s' %s", column_names[c][0],
                   WN_STR_ARG(text), what);
}

/* *out is NaN for a cell that says "no value". */
static wn_rc read_amount(const struct reading *r, const struct wn_csv_record *record, enum column c,
                         double *out, struct wn_why *why)
{
    struct wn_str text = cell(r, record, c);
    struct wn_number number;
    *out = NAN;
    if (wn_value_is_absent(text))
        return WN_OK;
    if (!wn_parse_f64(text, out)) {
        if (wn_number_read(text, '.', &number) != WN_VALUE_GOOD || number.is_bound)
            return bad_cell(r, record, c, text, "is not an amount", why);
        *out = (double)number.micros / WN_MICROS / (number.is_percent ? 100 : 1);
    }
    if (!(*out >= 0) || *out > WN_MONEY_MAX)
        return bad_cell(r, record, c, text, "is out of range (0 to 9.2e12)", why);
    return WN_OK;
}

static wn_rc read_day(const struct reading *r, const struct wn_csv_record *record, int32_t *out,
                      struct wn_why *why)
{
    struct wn_str text = cell(r, record, DATE);
    struct wn_date_text date;
    if (wn_parse_day(text, out))
        return WN_OK;
    if (wn_date_read(text, &date) != WN_VALUE_GOOD || date.kind == WN_DATE_WEEKDAY)
        return bad_cell(r, record, DATE, text, "is not a date; write YYYY-MM-DD", why);
    if (date.kind == WN_DATE_OPEN)
        return bad_cell(r, record, DATE, text, "can be read in two ways; write YYYY-MM-DD", why);
    *out = date.day;
    return WN_OK;
}

static wn_rc place_entity(struct reading *r, const struct wn_csv_record *record, uint32_t *out,
                          struct wn_why *why)
{
    struct wn_str name = cell(r, record, ENTITY), group = cell(r, record, GROUP);
    uint32_t *value;
    bool added;
    if (!name.n)
        return bad_cell(r, record, ENTITY, name, "is empty", why);
    wn_rc rc = wn_map_put(&r->groups, group, (uint32_t)r->groups.n, &value, NULL);
    if (rc)
        return wn_fail(why, rc, "group", "there are too many groups");
    uint32_t g = *value;
    rc = wn_map_put(&r->entities, name, (uint32_t)r->entities.n, &value, &added);
    if (rc)
        return wn_fail(why, rc, "entity", "there are too many entities");
    *out = *value;
    if (!added)
        return WN_OK;
    rc = grow((void **)&r->group_of, &r->groups_max, *out, sizeof *r->group_of, why);
    if (!rc)
        r->group_of[*out] = g;
    return rc;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct reading *r = context;
    struct cell_row row = {.arrived = 1};
    if (!r->has_header) {
        bool is_header;
        wn_rc rc = read_header(r, record, &is_header, why);
        r->has_header = true;
        if (rc || is_header)
            return rc;
    }
    wn_rc rc = read_day(r, record, &row.day, why);
    if (!rc)
        rc = read_amount(r, record, SPEND, &row.spend, why);
    if (!rc && isnan(row.spend))
        rc = bad_cell(r, record, SPEND, cell(r, record, SPEND),
                      "is missing (write 0 for a day without spend)", why);
    if (!rc)
        rc = read_amount(r, record, REVENUE, &row.revenue, why);
    if (!rc && r->place[ARRIVED] >= 0)
        rc = read_amount(r, record, ARRIVED, &row.arrived, why);
    if (!rc && !(row.arrived > 0 && row.arrived <= 1))
        rc = bad_cell(r, record, ARRIVED, cell(r, record, ARRIVED), "must be above 0 and at most 1",
                      why);
    if (!rc)
        rc = place_entity(r, record, &row.entity, why);
    if (!rc)
        rc = grow((void **)&r->rows, &r->rows_max, r->n_rows, sizeof *r->rows, why);
    if (!rc)
        r->rows[r->n_rows++] = row;
    return rc;
}

/* Names by index, NUL-terminated in the arena. */
static wn_rc name_all(const struct wn_map *m, struct wn_arena *a, struct wn_str **out)
{
    struct wn_str *names = WN_ARENA_ARRAY(a, m->n, struct wn_str);
    if (!names)
        return WN_MEMORY;
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slots[i].hash) {
            struct wn_str name = wn_arena_dup(a, m->slots[i].key);
            if (!name.p)
                return WN_MEMORY;
            names[m->slots[i].value] = name;
        }
    *out = names;
    return WN_OK;
}

/* Rows of all entities, mixed, into arrays for each. */
static wn_rc split_rows(const struct reading *r, struct wn_allocate_input *out)
{
    size_t n = r->entities.n, *at = WN_ARENA_ARRAY(r->arena, n + 1, size_t);
    int32_t *days = WN_ARENA_ARRAY(r->arena, r->n_rows, int32_t);
    double *numbers = WN_ARENA_ARRAY(r->arena, 3 * r->n_rows, double);
    out->histories = WN_ARENA_ARRAY(r->arena, n, struct wn_history);
    out->entities = WN_ARENA_ARRAY(r->arena, n, struct wn_allocate_entity);
    if (!at || !days || !numbers || !out->histories || !out->entities)
        return WN_MEMORY;
    double *spend = numbers, *revenue = spend + r->n_rows, *arrived = revenue + r->n_rows;
    for (size_t k = 0; k < r->n_rows; k++)
        at[r->rows[k].entity + 1]++;
    for (size_t i = 0; i < n; i++) {
        at[i + 1] += at[i];
        out->histories[i] = (struct wn_history){.days = days + at[i],
                                                .spend = spend + at[i],
                                                .revenue = revenue + at[i],
                                                .arrived = arrived + at[i],
                                                .n = at[i + 1] - at[i],
                                                .group = r->group_of[i]};
        out->entities[i] = (struct wn_allocate_entity){
            .name = out->names[i], .hi_micros = WN_NO_LIMIT, .group = r->group_of[i]};
    }
    for (size_t k = 0; k < r->n_rows; k++) {
        const struct cell_row *row = &r->rows[k];
        size_t to = at[row->entity]++;
        days[to] = row->day;
        spend[to] = row->spend;
        revenue[to] = row->revenue;
        arrived[to] = row->arrived;
    }
    return WN_OK;
}

static wn_rc parse_csv(struct reading *r, struct wn_str text, struct wn_why *why)
{
    struct wn_csv_options options = {.on_record = on_record, .context = r};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    if (!rc && r->n_rows == 0)
        rc = wn_fail(why, WN_INVALID, NULL, "the history has no rows");
    return rc;
}

static wn_rc read_history(struct wn_arena *a, struct wn_str text, struct wn_allocate_input *out,
                          struct wn_why *why)
{
    struct reading r = {.arena = a};
    wn_map_init(&r.entities, WN_ENTITIES_MAX);
    wn_map_init(&r.groups, WN_ENTITIES_MAX);
    wn_rc rc = parse_csv(&r, text, why);
    if (!rc)
        rc = name_all(&r.entities, a, &out->names);
    if (!rc)
        rc = name_all(&r.groups, a, &out->group_names);
    if (!rc)
        rc = split_rows(&r, out);
    out->n = r.entities.n;
    out->n_groups = r.groups.n;
    out->n_rows = r.n_rows;
    out->is_history = true;
    wn_map_deinit(&r.entities);
    wn_map_deinit(&r.groups);
    free(r.rows);
    free(r.group_of);
    return rc;
}

/* ---- curves --------------------------------------------------------------------------------------
 */

static wn_rc bad_member(size_t i, const char *member, const char *what, struct wn_why *why)
{
    return wn_fail(why, WN_INVALID, member, "entity %zu of the curves: %s %s", i + 1, member, what);
}

/* An amount as micros; absent leaves *out alone. */
static wn_rc get_micros(const struct wn_json *v, size_t i, const char *member, int64_t *out,
                        struct wn_why *why)
{
    const struct wn_json *m = wn_json_get(v, member);
    if (!m || m->kind == WN_JSON_NULL)
        return WN_OK;
    if ((m->kind != WN_JSON_INT && m->kind != WN_JSON_REAL) || !(m->real >= 0) ||
        !wn_micros_from_f64(m->real, out))
        return bad_member(i, member, "must be an amount from 0 to 9.2e12", why);
    return WN_OK;
}

static wn_rc get_number(const struct wn_json *v, size_t i, const char *member, double fallback,
                        double *out, struct wn_why *why)
{
    const struct wn_json *m = wn_json_get(v, member);
    *out = fallback;
    if (!m || m->kind == WN_JSON_NULL)
        return fallback > 0 ? WN_OK : bad_member(i, member, "is missing", why);
    *out = m->real;
    if ((m->kind != WN_JSON_INT && m->kind != WN_JSON_REAL) || !(*out > 0) || *out > 1e15)
        return bad_member(i, member, "must be a number above 0", why);
    return WN_OK;
}

static wn_rc read_points(struct wn_arena *a, const struct wn_json *points, size_t i,
                         struct wn_allocate_entity *e, struct wn_why *why)
{
    size_t n = points->n_items;
    double *x = WN_ARENA_ARRAY(a, 2 * n + 1, double), *y = x + n;
    if (!x)
        return WN_MEMORY;
    for (size_t k = 0; k < n; k++) {
        const struct wn_json *pair = &points->items[k];
        if (pair->kind != WN_JSON_ARRAY || pair->n_items != 2)
            return bad_member(i, "points", "must be a list of [spend, return]", why);
        for (int c = 0; c < 2; c++)
            if (pair->items[c].kind != WN_JSON_INT && pair->items[c].kind != WN_JSON_REAL)
                return bad_member(i, "points", "must be a list of [spend, return]", why);
        x[k] = pair->items[0].real;
        y[k] = pair->items[1].real;
    }
    e->x = x;
    e->y = y;
    e->n_points = n;
    return WN_OK;
}

static wn_rc read_formula(struct wn_arena *a, const struct wn_json *v, size_t i,
                          struct wn_allocate_entity *e, struct wn_why *why)
{
    static const struct {
        const char *name;
        wn_respond_fn *respond;
        bool has_b, has_s;
    } kinds[] = {{"log", wn_respond_log, true, false},
                 {"hill", wn_respond_hill, true, true},
                 {"power", wn_respond_power, false, true},
                 {"linear", wn_respond_linear, false, false}};
    struct wn_str name;
    struct wn_respond *r = WN_ARENA_NEW(a, struct wn_respond);
    if (!r)
        return WN_MEMORY;
    if (wn_json_get_text(v, "curve", &name, NULL))
        return bad_member(i, "curve", "is missing: log, hill, power, linear, or give points", why);
    for (size_t k = 0; k < WN_COUNT(kinds); k++) {
        if (!wn_str_eq(name, wn_str_of(kinds[k].name)))
            continue;
        wn_rc rc = get_number(v, i, "a", 0, &r->a, why);
        if (!rc && kinds[k].has_b)
            rc = get_number(v, i, "b", 0, &r->b, why);
        if (!rc && kinds[k].has_s)
            rc = get_number(v, i, "s", 1, &r->s, why);
        if (!rc && (r->s > 20 || (kinds[k].respond == wn_respond_power && r->s > 1)))
            rc = bad_member(i, "s", "is too large (hill: at most 20, power: at most 1)", why);
        e->respond = kinds[k].respond;
        e->context = r;
        return rc;
    }
    return bad_member(i, "curve", "must be log, hill, power or linear", why);
}

static wn_rc read_bounds(const struct wn_json *v, size_t i, struct wn_allocate_entity *e,
                         struct wn_why *why)
{
    int64_t fixed = -1;
    wn_rc rc = get_micros(v, i, "current", &e->current_micros, why);
    if (!rc)
        rc = get_micros(v, i, "min", &e->lo_micros, why);
    if (!rc)
        rc = get_micros(v, i, "max", &e->hi_micros, why);
    if (!rc)
        rc = get_micros(v, i, "fixed", &fixed, why);
    if (!rc && fixed >= 0)
        e->lo_micros = e->hi_micros = fixed;
    if (!rc) {
        rc = wn_json_get_bool(v, "may_stop", &e->may_stop, NULL);
        rc = rc == WN_NOT_FOUND ? WN_OK
             : rc               ? bad_member(i, "may_stop", "must be true or false", why)
                                : WN_OK;
    }
    return rc;
}

static wn_rc read_entity(struct wn_arena *a, const struct wn_json *v, size_t i,
                         struct wn_map *names, struct wn_map *groups, struct wn_allocate_entity *e,
                         struct wn_why *why)
{
    struct wn_str name, group = {"", 0};
    uint32_t *value;
    bool added;
    *e = (struct wn_allocate_entity){.hi_micros = WN_NO_LIMIT};
    if (wn_json_get_text(v, "entity", &name, NULL) || !name.n)
        return bad_member(i, "entity", "must be a name", why);
    wn_rc rc = wn_map_put(names, name, (uint32_t)i, &value, &added);
    if (!rc && !added)
        return bad_member(i, "entity", "is there twice", why);
    wn_rc has_group = wn_json_get_text(v, "group", &group, NULL);
    if (has_group && has_group != WN_NOT_FOUND)
        return bad_member(i, "group", "must be a name", why);
    if (!rc)
        rc = wn_map_put(groups, group, (uint32_t)groups->n, &value, NULL);
    if (rc)
        return wn_fail(why, rc, NULL, "there is no memory for the names");
    e->group = *value;
    rc = read_bounds(v, i, e, why);
    if (rc)
        return rc;
    const struct wn_json *points = wn_json_get(v, "points");
    if (points && points->kind == WN_JSON_ARRAY)
        return read_points(a, points, i, e, why);
    return read_formula(a, v, i, e, why);
}

static wn_rc read_curves(struct wn_arena *a, struct wn_str text, struct wn_allocate_input *out,
                         struct wn_why *why)
{
    struct wn_json *json;
    wn_rc rc = wn_json_parse(a, text, &json, why);
    if (rc)
        return rc;
    const struct wn_json *list =
        json->kind == WN_JSON_OBJECT ? wn_json_get(json, "entities") : json;
    if (!list || list->kind != WN_JSON_ARRAY || list->n_items == 0)
        return wn_fail(why, WN_INVALID, "entities",
                       "the curves must be a list, or an object with a list \"entities\"");
    if (list->n_items > WN_ENTITIES_MAX)
        return wn_fail(why, WN_LIMIT, "entities", "more than %d entities", WN_ENTITIES_MAX);
    struct wn_map names, groups;
    wn_map_init(&names, WN_ENTITIES_MAX);
    wn_map_init(&groups, WN_ENTITIES_MAX);
    out->n = list->n_items;
    out->entities = WN_ARENA_ARRAY(a, out->n, struct wn_allocate_entity);
    rc = out->entities ? WN_OK : WN_MEMORY;
    for (size_t i = 0; i < out->n && !rc; i++)
        rc = read_entity(a, &list->items[i], i, &names, &groups, &out->entities[i], why);
    if (!rc)
        rc = name_all(&names, a, &out->names);
    if (!rc)
        rc = name_all(&groups, a, &out->group_names);
    out->n_groups = groups.n;
    for (size_t i = 0; i < out->n && !rc; i++)
        out->entities[i].name = out->names[i];
    wn_map_deinit(&names);
    wn_map_deinit(&groups);
    return rc;
}

wn_rc wn_allocate_input_read(struct wn_arena *a, struct wn_str text, struct wn_allocate_input *out,
                             struct wn_why *why)
{
    struct wn_str start = wn_str_trim(text);
    *out = (struct wn_allocate_input){0};
    if (text.n > WN_ALLOCATE_INPUT_BYTES_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "the input is larger than 2 GiB");
    wn_rc rc = start.n && (start.p[0] == '{' || start.p[0] == '[')
                   ? read_curves(a, start, out, why)
                   : read_history(a, text, out, why);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory for the input");
    return rc;
}
