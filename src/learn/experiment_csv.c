/* Rows of an A/B test out of CSV text. */
#include "core/csv.h"
#include "core/csv_value.h"
#include "core/date.h"
#include "core/num.h"
#include "learn/experiment_table.h"

#include <math.h>
#include <stdlib.h>

enum { FIELDS_MAX = 64 };

struct wn_abtest_csv {
    struct wn_csv *csv;
    struct wn_abtest_table *table; /* NULL before the header */
    size_t n_fields;
    wn_abtest_column kinds[FIELDS_MAX];
    size_t at[FIELDS_MAX];
    struct wn_abtest_row row;
};

static wn_rc read_header(struct wn_abtest_csv *c, const struct wn_csv_record *record,
                         struct wn_why *why)
{
    struct wn_abtest_columns columns;
    if (why && !why->text[0])
        why->line = record->line;
    if (record->n_fields > FIELDS_MAX)
        return wn_fail(why, WN_LIMIT, "header", "more than %d columns", FIELDS_MAX);
    c->n_fields = record->n_fields;
    wn_rc rc =
        wn_abtest_columns_find(record->fields, record->n_fields, &columns, c->kinds, c->at, why);
    if (!rc)
        rc = wn_abtest_table_new(&columns, &c->table, why);
    if (!rc && why)
        why->line = 0;
    return rc;
}

static wn_rc bad_cell(const struct wn_csv_record *record, size_t f, const char *field,
                      const char *what, struct wn_why *why)
{
    if (why && !why->text[0]) {
        why->line = record->line;
        why->column = (uint32_t)(f + 1);
    }
    return wn_fail(why, WN_INVALID, field, "'%.*s' %s",
                   WN_STR_ARG(wn_str_slice(record->fields[f], 0, 80)), what);
}

/* NaN for a cell that says "no value". */
static wn_rc read_number(const struct wn_csv_record *record, size_t f, const char *field,
                         double *out, struct wn_why *why)
{
    struct wn_str s = wn_str_trim(record->fields[f]);
    struct wn_number number;
    *out = NAN;
    if (wn_parse_f64(s, out) || wn_value_is_absent(s))
        return WN_OK;
    if (wn_number_read(s, '.', &number) != WN_VALUE_GOOD || number.is_bound || number.is_percent)
        return bad_cell(record, f, field, "is not a number", why);
    *out = (double)number.micros / WN_MICROS;
    return WN_OK;
}

static wn_rc read_day(const struct wn_csv_record *record, size_t f, int32_t *out,
                      struct wn_why *why)
{
    struct wn_str s = wn_str_trim(record->fields[f]);
    struct wn_date_text date;
    if (wn_parse_day(s, out))
        return WN_OK;
    if (wn_date_read(s, &date) != WN_VALUE_GOOD || date.kind == WN_DATE_WEEKDAY)
        return bad_cell(record, f, "date", "is not a date; write YYYY-MM-DD", why);
    if (date.kind == WN_DATE_OPEN)
        return bad_cell(record, f, "date", "can be read in two ways; write YYYY-MM-DD", why);
    *out = date.day;
    return WN_OK;
}

static wn_rc read_cell(struct wn_abtest_csv *c, const struct wn_csv_record *record, size_t f,
                       struct wn_why *why)
{
    struct wn_abtest_row *row = &c->row;
    struct wn_str text = wn_str_trim(record->fields[f]);
    switch (c->kinds[f]) {
    case WN_ABTEST_C_VARIANT:
        row->variant = text;
        return WN_OK;
    case WN_ABTEST_C_METRIC:
        row->metric = text;
        return WN_OK;
    case WN_ABTEST_C_UNIT:
        row->unit = text;
        return WN_OK;
    case WN_ABTEST_C_DIMENSION:
        row->segments[c->at[f]] = text;
        return WN_OK;
    case WN_ABTEST_C_DAY:
        return read_day(record, f, &row->day, why);
    case WN_ABTEST_C_N:
        return read_number(record, f, "n", &row->n, why);
    case WN_ABTEST_C_CONVERSIONS:
        return read_number(record, f, "conversions", &row->conversions, why);
    case WN_ABTEST_C_SUM:
        return read_number(record, f, "sum", &row->sum, why);
    case WN_ABTEST_C_SUM_SQ:
        return read_number(record, f, "sum_sq", &row->sum_sq, why);
    case WN_ABTEST_C_VALUE:
        return read_number(record, f, "value", &row->value, why);
    case WN_ABTEST_C_DENOMINATOR:
        return read_number(record, f, "denominator", &row->denominator, why);
    case WN_ABTEST_C_PRE:
        return read_number(record, f, "pre", &row->pre[c->at[f]], why);
    case WN_ABTEST_C_NONE:
        return WN_OK;
    }
    return WN_OK;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct wn_abtest_csv *c = context;
    wn_rc rc = WN_OK;
    if (!c->table)
        return read_header(c, record, why);
    if (record->n_fields != c->n_fields) {
        if (why && !why->text[0])
            why->line = record->line;
        return wn_fail(why, WN_INVALID, NULL, "this row has %zu cells, the header has %zu",
                       record->n_fields, c->n_fields);
    }
    c->row.line = record->line;
    for (size_t f = 0; f < record->n_fields && !rc; f++)
        rc = read_cell(c, record, f, why);
    return rc ? rc : wn_abtest_table_add(c->table, &c->row, why);
}

wn_rc wn_abtest_csv_new(struct wn_abtest_csv **out, struct wn_why *why)
{
    struct wn_abtest_csv *c = calloc(1, sizeof *c);
    if (!c)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the reader");
    struct wn_csv_options options = {.on_record = on_record, .context = c};
    wn_rc rc = wn_csv_new(&options, &c->csv, why);
    if (rc)
        wn_abtest_csv_free(c);
    else
        *out = c;
    return rc;
}

void wn_abtest_csv_free(struct wn_abtest_csv *c)
{
    if (!c)
        return;
    wn_csv_free(c->csv);
    wn_abtest_table_free(c->table);
    free(c);
}

wn_rc wn_abtest_csv_push(struct wn_abtest_csv *c, struct wn_str bytes, struct wn_why *why)
{
    return wn_csv_push(c->csv, bytes, why);
}

wn_rc wn_abtest_csv_finish(struct wn_abtest_csv *c, const struct wn_abtest_finish *how,
                           struct wn_arena *a, struct wn_abtest_input *out, struct wn_why *why)
{
    wn_rc rc = wn_csv_finish(c->csv, why);
    if (!rc && !c->table)
        rc = wn_fail(why, WN_INVALID, NULL, "the text is empty");
    return rc ? rc : wn_abtest_table_finish(c->table, how, a, out, why);
}
