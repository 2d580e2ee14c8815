/* A result table: typed columns, no value distinct from zero. What a query of the facts returns and
 * what tables on the page, CSV, JSON and Excel are made from. */
#ifndef WN_DOMAIN_TABLE_H
#define WN_DOMAIN_TABLE_H

#include "core/str.h"

typedef enum wn_value_kind {
    WN_VALUE_NONE, /* no value: null */
    WN_VALUE_INT,
    WN_VALUE_REAL, /* always finite */
    WN_VALUE_TEXT
} wn_value_kind;

struct wn_value {
    wn_value_kind kind;
    int64_t integer;
    double real;
    struct wn_str text;
};

struct wn_table {
    size_t n_columns;
    size_t n_rows;
    struct wn_str *columns;  /* arena: names, [n_columns] */
    struct wn_value *values; /* arena: [n_rows][n_columns], row-major */
};

static inline const struct wn_value *wn_table_at(const struct wn_table *t, size_t row,
                                                 size_t column)
{
    return &t->values[row * t->n_columns + column];
}

#endif
