/* A statement on its way from the metric language to the facts store: text with ? placeholders and
 * the values that are bound to them. Values never stand in the text. */
#ifndef WN_DOMAIN_SQL_H
#define WN_DOMAIN_SQL_H

#include "domain/table.h"

struct wn_sql {
    struct wn_str text;           /* arena */
    const struct wn_value *binds; /* arena: [n_binds], in the order of the placeholders */
    size_t n_binds;
};

/* The tables that the text may name: ad_stats (the columns of struct wn_stat in its order, with
 * tenant_id in front, measures as <name>_micros, then source_id and loaded_at_ms) and names
 * (tenant_id, kind, id, parent_id, key, name). Ids of names are unique per tenant over all kinds.
 */
#define WN_SQL_STATS "ad_stats"
#define WN_SQL_NAMES "names"

#endif
