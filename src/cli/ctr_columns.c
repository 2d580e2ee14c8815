/* Click data in columns: which is which, and rows made of them. */
#include "cli/ctr_input_int.h"
#include "cli/detect_cell.h"
#include "core/csv.h"
#include "core/csv_value.h"
#include "core/date.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLE_ROWS = 1000 };

/* ---- what a column looks like -----------------------------------------------------------------
 */

struct look {
    struct wn_str name; /* cell of the first record; arena */
    bool first_is_number;
    uint64_t n_numbers, n_fractions, n_others;
};

struct sample {
    struct ctr_reader *r;
    struct look *looks; /* arena [CTR_COLUMNS_MAX] */
    size_t n_columns, n_rows;
};

static wn_rc on_sample(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct sample *s = context;
    if (s->n_rows == 0) {
        s->n_columns = record->n_fields;
        s->r->line = record->line;
        if (s->n_columns > CTR_COLUMNS_MAX)
            return ctr_complain(s->r, WN_LIMIT, (struct wn_str){0}, why, "more than %d columns",
                                CTR_COLUMNS_MAX);
    }
    for (size_t i = 0; i < record->n_fields && i < s->n_columns; i++) {
        struct look *l = &s->looks[i];
        struct wn_str cell = wn_str_trim(record->fields[i]);
        double x;
        bool is_number = wn_parse_f64(cell, &x), is_absent = wn_value_is_absent(cell);
        if (s->n_rows == 0) {
            l->name = wn_arena_dup(s->r->a, cell);
            l->first_is_number = is_number;
            if (!l->name.p)
                return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
            continue;
        }
        l->n_numbers += is_number;
        l->n_fractions += is_number && wn_str_find_char(cell, '.') < cell.n;
        l->n_others += !is_number && !is_absent;
    }
    return ++s->n_rows > SAMPLE_ROWS ? WN_CANCELLED : WN_OK;
}

/* A header has no number, no empty cell, and no name twice. */
static bool looks_like_header(const struct sample *s)
{
    for (size_t i = 0; i < s->n_columns; i++) {
        if (s->looks[i].first_is_number || s->looks[i].name.n == 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (wn_str_eq(s->looks[i].name, s->looks[j].name))
                return false;
    }
    return true;
}

/* ---- which column is which --------------------------------------------------------------------
 */

static bool is_listed(struct wn_str list, struct wn_str name)
{
    struct wn_str part;
    while (list.n && wn_str_cut(&list, ',', &part))
        if (wn_str_eq_nocase(wn_str_trim(part), name))
            return true;
    return false;
}

static struct ctr_column *column_named(struct ctr_reader *r, struct wn_str name)
{
    for (size_t i = 0; i < r->n_columns; i++)
        if (wn_str_eq_nocase(r->columns[i].name, name))
            return &r->columns[i];
    return NULL;
}

/* Every name of a list must be a column. */
static wn_rc check_list(struct ctr_reader *r, const char *option, struct wn_str list,
                        struct wn_why *why)
{
    struct wn_str part;
    while (r->o->is_training && list.n && wn_str_cut(&list, ',', &part))
        if (!column_named(r, wn_str_trim(part)))
            return wn_fail(why, WN_INVALID, option,
                           "--%s names the column '%.*s', which the input does not have", option,
                           WN_STR_ARG(part));
    return WN_OK;
}

static wn_rc take_role(struct ctr_reader *r, ctr_column_kind kind, const char *option,
                       struct wn_str name, bool is_required, struct wn_str *told,
                       struct wn_why *why)
{
    if (name.n == 0)
        return WN_OK;
    struct ctr_column *c = column_named(r, name);
    if (!c && is_required)
        return wn_fail(why, WN_INVALID, option,
                       "--%s: the input has no column '%.*s'; its first is '%.*s'", option,
                       WN_STR_ARG(name), WN_STR_ARG(r->columns[0].name));
    if (!c)
        return WN_OK;
    if (c->kind != CTR_UNUSED)
        return wn_fail(why, WN_INVALID, option, "the column '%.*s' has two roles",
                       WN_STR_ARG(name));
    c->kind = kind;
    *told = c->name;
    return WN_OK;
}

static wn_rc find_target(struct ctr_reader *r, struct wn_why *why)
{
    static const char *const usual[] = {"click",  "clicked",    "clicks",     "is_click",
                                        "label",  "target",     "y",          "converted",
                                        "action", "conversion", "conversions"};
    struct wn_str name = r->o->target;
    for (size_t i = 0; i < WN_COUNT(usual) && name.n == 0; i++)
        if (column_named(r, wn_str_of(usual[i])))
            name = wn_str_of(usual[i]);
    if (name.n == 0 && !r->told->has_header && r->o->is_training)
        name = WN_STR("c1");
    if (name.n == 0 && r->o->wants_label)
        return wn_fail(why, WN_INVALID, "target",
                       "no column looks like the target (click, label, target, y ...): name it "
                       "with --target");
    return take_role(r, CTR_TARGET, "target", name, r->o->wants_label, &r->told->target, why);
}

static wn_rc find_roles(struct ctr_reader *r, struct wn_why *why)
{
    const struct wn_ctr_input_options *o = r->o;
    wn_rc rc = find_target(r, why);
    if (!rc)
        rc = take_role(r, CTR_VIEWS, "views", o->views, o->wants_label, &r->told->views, why);
    if (!rc)
        rc = take_role(r, CTR_TIME, "time", o->time, o->is_training, &r->told->time, why);
    if (!rc)
        rc = take_role(r, CTR_OFFSET, "offset", o->offset, true, &r->told->offset, why);
    if (!rc)
        rc = take_role(r, CTR_ID, "id", o->id, o->must_have_id, &r->told->id, why);
    if (!rc)
        rc = check_list(r, "numeric", o->numeric, why);
    if (!rc)
        rc = check_list(r, "text", o->text, why);
    return rc ? rc : check_list(r, "ignore", o->ignore, why);
}

static void list_add(struct ctr_reader *r, struct wn_str *list, struct wn_str name)
{
    *list = list->n ? wn_arena_printf(r->a, "%.*s,%.*s", (int)list->n, list->p, (int)name.n, name.p)
                    : name;
}

/* Fields of the model are found by name; in training they are made. */
static wn_rc field_of(struct ctr_reader *r, struct wn_str name, uint32_t *out, struct wn_why *why)
{
    if (r->o->is_training)
        return wn_ctr_field_add(r->m, name, out, why);
    *out = wn_ctr_field_find(r->m, name);
    return WN_OK;
}

static wn_rc find_features(struct ctr_reader *r, const struct sample *s, struct wn_why *why)
{
    const struct wn_ctr_input_options *o = r->o;
    for (size_t i = 0; i < r->n_columns; i++) {
        struct ctr_column *c = &r->columns[i];
        const struct look *l = &s->looks[i];
        if (c->kind != CTR_UNUSED || is_listed(o->ignore, c->name))
            continue;
        wn_rc rc = field_of(r, c->name, &c->field, why);
        if (rc)
            return rc;
        if (c->field == WN_CTR_NONE) {
            list_add(r, &r->told->unused, c->name);
            continue;
        }
        bool is_measure = l->n_fractions && !l->n_others && o->is_training;
        bool is_number =
            is_listed(o->numeric, c->name) || (is_measure && !is_listed(o->text, c->name));
        c->kind = is_number ? CTR_NUMBER : CTR_TEXT;
        list_add(r, is_number ? &r->told->numeric : &r->told->text, c->name);
    }
    if (r->told->time.n) {
        struct wn_str hour = wn_arena_printf(r->a, "%.*s hour", WN_STR_ARG(r->told->time));
        struct wn_str weekday = wn_arena_printf(r->a, "%.*s weekday", WN_STR_ARG(r->told->time));
        wn_rc rc = hour.p && weekday.p ? WN_OK : WN_MEMORY;
        if (!rc)
            rc = field_of(r, hour, &r->hour_field, why);
        return rc ? rc : field_of(r, weekday, &r->weekday_field, why);
    }
    return WN_OK;
}

static wn_rc settle_columns(struct ctr_reader *r, const struct sample *s, struct wn_why *why)
{
    r->n_columns = s->n_columns;
    r->columns = WN_ARENA_ARRAY(r->a, s->n_columns, struct ctr_column);
    if (!r->columns)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    r->told->has_header = r->o->header < 0 ? looks_like_header(s) : r->o->header;
    r->header_is_due = r->told->has_header;
    for (size_t i = 0; i < s->n_columns; i++) {
        r->columns[i].name =
            r->told->has_header ? s->looks[i].name : wn_arena_printf(r->a, "c%zu", i + 1);
        if (!r->columns[i].name.p)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    wn_rc rc = find_roles(r, why);
    return rc ? rc : find_features(r, s, why);
}

wn_rc ctr_columns_find(struct ctr_reader *r, struct wn_str start, struct wn_why *why)
{
    struct sample s = {.r = r, .looks = WN_ARENA_ARRAY(r->a, CTR_COLUMNS_MAX, struct look)};
    if (!s.looks)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    struct wn_csv_options options = {.separator = r->told->format == WN_CTR_TSV ? '\t' : 0,
                                     .on_record = on_sample,
                                     .context = &s};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, start, why);
    if (!rc) /* the start may end within a record: what it says then does not matter */
        rc = wn_csv_finish(csv, s.n_rows ? NULL : why);
    if (rc == WN_CANCELLED || (rc && rc != WN_MEMORY && rc != WN_LIMIT && s.n_rows))
        rc = WN_OK;
    r->separator = csv ? wn_csv_separator(csv) : 0;
    wn_csv_free(csv);
    if (rc)
        return wn_fail(why, rc, NULL, "the input cannot be read");
    r->line = 0;
    if (r->separator == 0)
        r->separator = ',';
    if (r->separator == '\t')
        r->told->format = WN_CTR_TSV;
    if (s.n_rows == 0)
        return wn_fail(why, WN_INVALID, "input", "the input has no rows");
    return settle_columns(r, &s, why);
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static bool read_label(struct wn_str s, bool is_count, double *out)
{
    if (s.n == 1 && (s.p[0] == '0' || s.p[0] == '1')) {
        *out = s.p[0] - '0';
        return true;
    }
    s = wn_str_trim(s);
    if (wn_str_eq_nocase(s, WN_STR("true")) || wn_str_eq_nocase(s, WN_STR("yes"))) {
        *out = 1;
        return true;
    }
    if (wn_str_eq_nocase(s, WN_STR("false")) || wn_str_eq_nocase(s, WN_STR("no"))) {
        *out = 0;
        return true;
    }
    if (!wn_parse_f64(s, out))
        return false;
    if (*out == -1)
        *out = 0;
    return *out >= 0 && (is_count || *out <= 1);
}

/* Plain whole numbers without a call; false: look more closely. */
static bool read_whole(struct wn_str s, double *out)
{
    uint64_t x = 0;
    if (s.n == 0 || s.n > 15)
        return false;
    size_t i = s.p[0] == '-';
    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned)(uint8_t)s.p[i] - '0';
        if (digit > 9)
            return false;
        x = x * 10 + digit;
    }
    *out = s.p[0] == '-' ? -(double)x : (double)x;
    return true;
}

static wn_rc add_number(struct ctr_reader *r, struct ctr_parsed *p, const struct ctr_column *c,
                        struct wn_str cell, struct wn_why *why)
{
    double x = (double)NAN;
    if (cell.n && !read_whole(cell, &x) && !wn_parse_f64(wn_str_trim(cell), &x)) {
        if (!wn_value_is_absent(cell))
            return ctr_complain(r, WN_INVALID, c->name, why,
                                "'%.*s' in the column '%.*s' is no number; if the column holds "
                                "texts, say --text %.*s",
                                WN_STR_ARG(cell), WN_STR_ARG(c->name), WN_STR_ARG(c->name));
        x = (double)NAN;
    }
    return ctr_row_add(r, p, wn_ctr_feature_number(r->m, c->field, x), cell, why);
}

static wn_rc add_time(struct ctr_reader *r, struct ctr_parsed *p, const struct ctr_column *c,
                      struct wn_str cell, struct wn_why *why)
{
    static const char *const hours[] = {"00", "01", "02", "03", "04", "05", "06", "07",
                                        "08", "09", "10", "11", "12", "13", "14", "15",
                                        "16", "17", "18", "19", "20", "21", "22", "23"};
    static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                           "Friday", "Saturday", "Sunday"};
    int64_t ms;
    if (!wn_detect_read_moment(cell, &ms))
        return ctr_complain(r, WN_INVALID, c->name, why,
                            "'%.*s' in the column '%.*s' is no time: dates, dates with a time, "
                            "seconds or milliseconds since 1970 are",
                            WN_STR_ARG(cell), WN_STR_ARG(c->name));
    int64_t day = ms / WN_DAY_MS - (ms % WN_DAY_MS < 0);
    struct wn_str hour = wn_str_of(hours[(ms - day * WN_DAY_MS) / 3600000]);
    struct wn_str weekday = wn_str_of(weekdays[((day + 3) % 7 + 7) % 7]); /* day 0: a Thursday */
    p->line.has_time = true;
    p->line.time_ms = ms;
    wn_rc rc = WN_OK;
    if (r->hour_field != WN_CTR_NONE)
        rc = ctr_row_add(r, p, wn_ctr_feature_text(r->m, r->hour_field, hour), hour, why);
    if (!rc && r->weekday_field != WN_CTR_NONE)
        rc = ctr_row_add(r, p, wn_ctr_feature_text(r->m, r->weekday_field, weekday), weekday, why);
    return rc;
}

static wn_rc add_label(struct ctr_reader *r, struct ctr_parsed *p, const struct ctr_column *c,
                       struct wn_str cell, struct wn_why *why)
{
    bool is_count = r->told->views.n > 0;
    p->line.has_label = read_label(cell, is_count, &p->line.row.clicks);
    if (p->line.has_label || (cell.n == 0 && !r->o->wants_label))
        return WN_OK;
    return ctr_complain(r, WN_INVALID, c->name, why,
                        is_count ? "'%.*s' in the target column '%.*s' is no count"
                                 : "'%.*s' in the target column '%.*s' is neither 0 nor 1; counts "
                                   "of clicks need --views",
                        WN_STR_ARG(cell), WN_STR_ARG(c->name));
}

static wn_rc add_plain(struct ctr_reader *r, const struct ctr_column *c, struct wn_str cell,
                       double *out, struct wn_why *why)
{
    if (wn_parse_f64(wn_str_trim(cell), out))
        return WN_OK;
    return ctr_complain(r, WN_INVALID, c->name, why, "'%.*s' in the column '%.*s' is no number",
                        WN_STR_ARG(cell), WN_STR_ARG(c->name));
}

static wn_rc add_cell(struct ctr_reader *r, struct ctr_parsed *p, const struct ctr_column *c,
                      struct wn_str cell, struct wn_why *why)
{
    switch (c->kind) {
    case CTR_TEXT:
        return ctr_row_add(r, p, wn_ctr_feature_text(r->m, c->field, cell), cell, why);
    case CTR_NUMBER:
        return add_number(r, p, c, cell, why);
    case CTR_TARGET:
        return add_label(r, p, c, cell, why);
    case CTR_VIEWS:
        return add_plain(r, c, cell, &p->line.row.views, why);
    case CTR_OFFSET:
        return add_plain(r, c, cell, &p->line.row.offset, why);
    case CTR_TIME:
        return add_time(r, p, c, cell, why);
    case CTR_ID:
        p->line.id = cell;
        return WN_OK;
    case CTR_UNUSED:
        break;
    }
    return WN_OK;
}

wn_rc ctr_columns_row(struct ctr_reader *r, const struct wn_str *cells, size_t n,
                      struct wn_why *why)
{
    struct ctr_parsed *p;
    if (r->header_is_due) {
        r->header_is_due = false;
        return WN_OK;
    }
    if (n != r->n_columns)
        return ctr_complain(r, WN_INVALID, (struct wn_str){0}, why,
                            "the row has %zu columns, the first one has %zu", n, r->n_columns);
    wn_rc rc = ctr_row_begin(r, &p, why);
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_cell(r, p, &r->columns[i], cells[i], why);
    if (!rc && p->line.row.clicks > p->line.row.views)
        rc = ctr_complain(r, WN_INVALID, r->told->views, why, "the row has more clicks than views");
    if (!rc)
        ctr_row_end(r, p);
    return rc;
}

/* Each byte of the result is 0x80 where that of x is 0, else 0. */
static uint64_t zero_bytes(uint64_t x)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    return ~(((x & low) + low) | x | low);
}

wn_rc ctr_columns_line(struct ctr_reader *r, struct wn_str line, struct wn_why *why)
{
    struct wn_str cells[CTR_COLUMNS_MAX + 1];
    const uint64_t pattern = UINT64_C(0x0101010101010101) * (uint8_t)r->separator;
    size_t n = 0, from = 0, at = 0;
    for (; at + 8 <= line.n; at += 8) { /* eight bytes at a time */
        uint64_t word;
        memcpy(&word, line.p + at, 8);
        for (uint64_t found = zero_bytes(word ^ pattern); found; found &= found - 1) {
            size_t end = at + (size_t)(WN_CTZ64(found) >> 3);
            cells[n] = (struct wn_str){line.p + from, end - from};
            n += n < CTR_COLUMNS_MAX;
            from = end + 1;
        }
    }
    for (; at < line.n; at++)
        if (line.p[at] == r->separator) {
            cells[n] = (struct wn_str){line.p + from, at - from};
            n += n < CTR_COLUMNS_MAX;
            from = at + 1;
        }
    cells[n++] = (struct wn_str){line.p + from, line.n - from};
    return ctr_columns_row(r, cells, n, why);
}
