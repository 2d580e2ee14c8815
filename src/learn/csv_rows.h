/* Rows of a CSV file by the names of their columns, and errors that say where. Shared by the
 * readers of paths and of transactions. */
#ifndef WN_LEARN_CSV_ROWS_H
#define WN_LEARN_CSV_ROWS_H

#include "core/csv.h"

#define WN_NO_COLUMN SIZE_MAX

/* True when s, trimmed, is one of the words "a|b|c", without regard to case. */
WN_MUST_USE bool wn_is_one_of(struct wn_str s, const char *words);
/* Finds each of n columns by its names ("a|b|c", the first is its own): places[k], or
 * WN_NO_COLUMN. Earlier columns choose first; the first fitting field counts. */
void wn_columns_find(const struct wn_csv_record *record, const char *const *names, size_t n,
                     size_t *places);
/* The trimmed cell; empty where the row is short or there is no such column. */
struct wn_str wn_cell_get(const struct wn_csv_record *record, size_t place);
/* INVALID with line and column: "<field> '<cell>' <what>". */
WN_MUST_USE wn_rc wn_cell_fail(const struct wn_csv_record *record, size_t place, const char *field,
                               const char *what, struct wn_why *why);
/* INVALID with the line. */
WN_MUST_USE wn_rc wn_row_fail(const struct wn_csv_record *record, const char *field,
                              const char *what, struct wn_why *why);
/* A number from low to high; *out stays where the cell says "no value". */
WN_MUST_USE wn_rc wn_cell_number(const struct wn_csv_record *record, size_t place,
                                 const char *field, double low, double high, double *out,
                                 struct wn_why *why);
/* A day; a time behind it is ignored. Fails where the cell is empty or can be read in two ways. */
WN_MUST_USE wn_rc wn_cell_day(const struct wn_csv_record *record, size_t place, const char *field,
                              int32_t *out, struct wn_why *why);

#endif
