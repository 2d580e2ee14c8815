/* The workbook apart from where its numbers come from: what is gathered, and who writes it. */
#ifndef WN_DECIDE_REPORT_INT_H
#define WN_DECIDE_REPORT_INT_H

#include "decide/report.h"

struct report_data {
    int32_t day_from, day_to;
    int32_t previous_from, previous_to; /* the period compared with */
    struct wn_str currency;
    bool has_sample;
    bool campaigns_cut;                     /* there are more campaigns than rows */
    const struct wn_metric *const *metrics; /* [n_metrics]: the columns, in order */
    size_t n_metrics;
    /* Columns are found by name; a table without rows is fine. */
    const struct wn_table *totals;    /* at most one row; <metric> and <metric>_previous */
    const struct wn_table *channels;  /* channel, <metric>... */
    const struct wn_table *campaigns; /* channel, account, campaign, <metric>... */
    const struct wn_table *daily;     /* day, <metric>... */
};

/* Writes the workbook and appends its bytes. a: for copies of texts. Fails: LIMIT, MEMORY, IO. */
WN_MUST_USE wn_rc report_write(const struct report_data *data, struct wn_arena *a,
                               struct wn_buf *out, struct wn_why *why);
/* The tenant's currency, and whether sample accounts are among its accounts. */
WN_MUST_USE wn_rc report_facts(const struct wn_book *book, struct wn_arena *a,
                               struct wn_str *currency, bool *sample, struct wn_why *why);
/* The text as it may stand in a cell, NUL-terminated: valid UTF-8 without NUL, of a length that
 * Excel takes, and "_x0041_" kept from being read as "A". NULL when memory has run out. */
const char *report_cell_text(struct wn_arena *a, struct wn_str text);

#endif
