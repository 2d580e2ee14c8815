/* Purchases out of CSV text: who bought, on which day, for how much, and where the buyer came from.
 *
 * One row a purchase, or one row a line of an order. Columns are found by the names that exports
 * use (customer_id, user_id, client ...; date, timestamp, order_date, created_at ...; amount,
 * value, revenue, total ...; channel, source ...), without regard to case, blanks and underscores,
 * or by names given in the options. Without a header the columns are customer, date, amount. Where
 * there is no column of amounts but quantity and unit price, the amount is their product.
 *
 * Dates are days in the zone of the account, however written; open ones (03/04/2026) are settled by
 * the other rows of the file. A number from 1e9 is Unix seconds, from 1e12 milliseconds (UTC days).
 * Amounts are exact; a negative one is a refund. Rows without a customer are counted and left out,
 * as shops sell to people who are not known. */
#ifndef WN_CLI_TRANSACTIONS_H
#define WN_CLI_TRANSACTIONS_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"

#define WN_TRANSACTIONS_BYTES_MAX ((size_t)8 << 30)
#define WN_TRANSACTIONS_CUSTOMERS_MAX 100000000
#define WN_TRANSACTIONS_CHANNELS_MAX 10000

struct wn_transaction {
    int64_t amount_micros; /* < 0: a refund; 0 without amounts */
    uint32_t customer;     /* place in customers */
    int32_t day;           /* days since the epoch */
};

/* Names of columns that are not found by themselves; p = NULL: find it. Borrowed for the call. */
struct wn_transactions_columns {
    struct wn_str customer, date, amount, channel;
};

struct wn_transactions {
    struct wn_transaction *rows; /* arena: [n_rows], by customer, then by day */
    size_t n_rows;
    struct wn_str *customers; /* arena: [n_customers], in the order of the text */
    size_t *first_row;        /* arena: [n_customers + 1]: rows of customer i are [i] .. [i + 1] */
    uint32_t *channel_of;     /* arena: [n_customers], that of the earliest purchase */
    size_t n_customers;
    struct wn_str *channels; /* arena: [n_channels]; one, named "", without such a column */
    size_t n_channels;
    bool has_amounts, has_channels;
    int32_t first_day, last_day; /* of all rows */
    size_t n_without_customer;   /* rows left out */
    bool dates_guessed;          /* no date says whether day or month comes first */
};

/* text: the whole file; borrowed. columns may be NULL. All of *out lives in a.
 * Fails: INVALID (why names line and column), LIMIT, MEMORY. Cost: two passes over the text. */
WN_MUST_USE wn_rc wn_transactions_read(struct wn_arena *a, struct wn_str text,
                                       const struct wn_transactions_columns *columns,
                                       struct wn_transactions *out, struct wn_why *why);

/* Whether the header of such a text has one of the names ("x|frequency"), compared as above; what is
 * no CSV has none. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_csv_header_has(struct wn_str text, const char *names, bool *out,
                                    struct wn_why *why);
/* True when two names of columns are the same but for case, blanks, '_' and '-'. */
bool wn_column_is(struct wn_str field, struct wn_str name);

/* All bytes of a file, or of standard input for "-", appended to out. Fails: NOT_FOUND, IO, LIMIT,
 * MEMORY. */
WN_MUST_USE wn_rc wn_input_load(const char *path, struct wn_buf *out, struct wn_why *why);

#endif
