#include "learn/csv_rows.h"

#include "core/csv_value.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>

bool wn_is_one_of(struct wn_str s, const char *words)
{
    struct wn_str rest = wn_str_of(words), word;
    s = wn_str_trim(s);
    while (wn_str_cut(&rest, '|', &word))
        if (wn_str_eq_nocase(s, word))
            return true;
    return false;
}

void wn_columns_find(const struct wn_csv_record *record, const char *const *names, size_t n,
                     size_t *places)
{
    for (size_t k = 0; k < n; k++) {
        places[k] = WN_NO_COLUMN;
        for (size_t f = 0; f < record->n_fields && places[k] == WN_NO_COLUMN; f++) {
            bool taken = false;
            for (size_t j = 0; j < k; j++)
                taken = taken || places[j] == f;
            if (!taken && wn_is_one_of(record->fields[f], names[k]))
                places[k] = f;
        }
    }
}

struct wn_str wn_cell_get(const struct wn_csv_record *record, size_t place)
{
    return place < record->n_fields ? wn_str_trim(record->fields[place]) : (struct wn_str){"", 0};
}

wn_rc wn_row_fail(const struct wn_csv_record *record, const char *field, const char *what,
                  struct wn_why *why)
{
    if (why && !why->text[0])
        why->line = record->line;
    return wn_fail(why, WN_INVALID, field, "%s", what);
}

wn_rc wn_cell_fail(const struct wn_csv_record *record, size_t place, const char *field,
                   const char *what, struct wn_why *why)
{
    char text[256];
    struct wn_str cell = wn_str_slice(wn_cell_get(record, place), 0, 60);
    while (cell.n && !wn_str_utf8_valid(cell, NULL))
        cell.n--;
    if (why && !why->text[0] && place != WN_NO_COLUMN)
        why->column = (uint32_t)place + 1;
    snprintf(text, sizeof text, "%s '%.*s' %s", field, WN_STR_ARG(cell), what);
    return wn_row_fail(record, field, text, why);
}

wn_rc wn_cell_number(const struct wn_csv_record *record, size_t place, const char *field,
                     double low, double high, double *out, struct wn_why *why)
{
    struct wn_str cell = wn_cell_get(record, place);
    struct wn_number number;
    double x;
    char what[96];
    if (wn_value_is_absent(cell))
        return WN_OK;
    if (!wn_parse_f64(cell, &x)) {
        if (wn_number_read(cell, '.', &number) != WN_VALUE_GOOD || number.is_bound ||
            number.is_percent)
            return wn_cell_fail(record, place, field, "is not a number", why);
        x = (double)number.micros / WN_MICROS;
    }
    if (!(x >= low && x <= high)) {
        snprintf(what, sizeof what, "is out of range (%g to %g)", low, high);
        return wn_cell_fail(record, place, field, what, why);
    }
    *out = x;
    return WN_OK;
}

wn_rc wn_cell_day(const struct wn_csv_record *record, size_t place, const char *field, int32_t *out,
                  struct wn_why *why)
{
    struct wn_str cell = wn_cell_get(record, place);
    struct wn_date_text date;
    if (wn_parse_day(cell, out))
        return WN_OK;
    if (wn_date_read(cell, &date) != WN_VALUE_GOOD || date.kind == WN_DATE_WEEKDAY)
        return wn_cell_fail(record, place, field, "is not a date; write YYYY-MM-DD", why);
    if (date.kind == WN_DATE_OPEN)
        return wn_cell_fail(record, place, field, "can be read in two ways; write YYYY-MM-DD", why);
    *out = date.day;
    return WN_OK;
}
