/* What a person sees in the terminal: numbers, tables, progress. */
#ifndef WN_CLI_TERMINAL_H
#define WN_CLI_TERMINAL_H

#include "core/buf.h"
#include "core/json.h"

/* 1234567.891 with 2 decimals: "1,234,567.89". */
void wn_print_grouped(struct wn_buf *out, double value, int decimals);
/* A value of a unit name of the API (count, money, ratio, factor; NULL = plain): "12.3 %", "1.40".
 */
void wn_print_unit(struct wn_buf *out, const char *unit, double value);
/* Columns a text takes in a terminal: code points, without combining marks; wide ones count 2. */
size_t wn_text_width(struct wn_str s);

/* The reply of GET /api/v1/analytics/query as an aligned table, numbers to the right, in units.
 * Fails: INTERNAL when the document is not of that shape. */
WN_MUST_USE wn_rc wn_print_query_table(struct wn_buf *out, const struct wn_json *reply,
                                       struct wn_why *why);
/* The summary of an import (wn_import_summary_json) as paragraphs. */
void wn_print_import_summary(struct wn_buf *out, const struct wn_json *summary);

/* One line that is drawn over and over on a terminal; nothing when standard error is none. */
struct wn_progress {
    bool is_terminal;
    int64_t started_ns;
    int64_t drawn_ns;
    const char *label; /* borrowed */
};
void wn_progress_init(struct wn_progress *p, const char *label);
void wn_progress_draw(struct wn_progress *p, uint64_t done, uint64_t total, uint64_t n_rows);
void wn_progress_clear(struct wn_progress *p);

#endif
