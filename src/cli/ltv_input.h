/* What winnow ltv reads: purchases, or one row a customer.
 *
 * Purchases: see cli/transactions.h. Customers: a header with frequency (or x), recency (t_x), age
 * (T) and, where known, customer, monetary and channel. */
#ifndef WN_CLI_LTV_INPUT_H
#define WN_CLI_LTV_INPUT_H

#include "cli/transactions.h"
#include "winnow/ltv.h"

struct wn_ltv_input {
    bool is_summary;
    /* of a summary */
    struct wn_ltv_customer *customers; /* arena: [n] */
    struct wn_str *names;              /* arena: [n] */
    uint64_t *lines;                   /* arena: [n] */
    size_t n;
    /* of purchases */
    struct wn_transactions purchases;
    /* of both */
    struct wn_str *channels; /* arena: [n_channels] */
    size_t n_channels;
    bool has_channels, has_values;
};

/* text: the whole file; borrowed. columns: as in wn_transactions_read. time_unit: what one unit of
 * the times of a summary is in weeks; > 0. Fails: INVALID (why names line and column), LIMIT,
 * MEMORY. */
WN_MUST_USE wn_rc wn_ltv_input_read(struct wn_arena *a, struct wn_str text,
                                    const struct wn_transactions_columns *columns, double time_unit,
                                    struct wn_ltv_input *out, struct wn_why *why);

#endif
