/* The answers that the dashboard and the older calls ask for, gathered from facts and catalog. */
#ifndef WN_DECIDE_OVERVIEW_H
#define WN_DECIDE_OVERVIEW_H

#include "metric/query.h"
#include "store/catalog.h"
#include "store/facts.h"

struct wn_book { /* where the numbers are, and which metrics there are */
    struct wn_facts *facts;
    struct wn_catalog *catalog;
    int32_t tenant_id;
};

/* First and last day with rows, number of rows; *has_data false when there is none. */
WN_MUST_USE wn_rc wn_book_extent(const struct wn_book *book, struct wn_arena *a, int32_t *day_from,
                                 int32_t *day_to, int64_t *n_rows, bool *has_data,
                                 struct wn_why *why);
/* The built-in metrics and the tenant's own. */
WN_MUST_USE wn_rc wn_book_metrics(const struct wn_book *book, struct wn_arena *a,
                                  struct wn_metrics **out, struct wn_why *why);
/* Parses, compiles and runs a query as people write it. data range: the extent. *out_query is the
 * parsed form (for titles and headers). */
WN_MUST_USE wn_rc wn_book_query(const struct wn_book *book, const struct wn_query_text *text,
                                struct wn_arena *a, struct wn_query *out_query,
                                struct wn_table **out, struct wn_why *why);

#endif
