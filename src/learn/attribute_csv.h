/* Paths and lift tests out of CSV text. The first line names the columns, in any order.
 *
 * Paths: `path` ("search > mail > search"), conversions (or total_conversions), and perhaps value
 * (total_conversion_value, revenue) and null (total_null): paths without conversion.
 *
 * Events, told by a column `channel` and one for the person: person (user, customer_id, cookie ...),
 * channel, time (timestamp, date ...), conversion (a number, yes or no; empty = none) and perhaps
 * value, and type: click, or view (impression). A row may be a touch, a conversion (channel empty),
 * or both at once. Without a conversion column a row with a value is one conversion.
 *
 * Lift tests: channel, lift, se, date, and perhaps credited: lift and se are then counts, and are
 * divided by it. */
#ifndef WN_LEARN_ATTRIBUTE_CSV_H
#define WN_LEARN_ATTRIBUTE_CSV_H

#include "winnow/attribute.h"

#define WN_PATH_CSV_TOUCHES_MAX ((size_t)1 << 30)

struct wn_path_csv {
    struct wn_str *channels; /* arena: [paths.n_channels], in the order of appearance */
    struct wn_paths paths;   /* arena */
    bool is_events;
    size_t n_rows, n_persons; /* persons of events */
};

struct wn_path_csv_reader;
WN_MUST_USE wn_rc wn_path_csv_new(struct wn_path_csv_reader **out, struct wn_why *why);
void wn_path_csv_free(struct wn_path_csv_reader *r); /* accepts NULL */
/* Fails: INVALID (why names line and column), LIMIT (channels, rows), MEMORY. */
WN_MUST_USE wn_rc wn_path_csv_push(struct wn_path_csv_reader *r, struct wn_str bytes,
                                   struct wn_why *why);
/* Ends the text. look_back: of events; may be NULL. Everything in *out lives in a. Fails as above;
 * INVALID, too, without a row or without a channel. */
WN_MUST_USE wn_rc wn_path_csv_finish(struct wn_path_csv_reader *r,
                                     const struct wn_look_back *look_back, struct wn_arena *a,
                                     struct wn_path_csv *out, struct wn_why *why);

/* Lift tests of the channels given. *out: arena. Fails: INVALID (why names line and column),
 * MEMORY. */
WN_MUST_USE wn_rc wn_lift_csv_read(struct wn_arena *a, struct wn_str text,
                                   const struct wn_str *channels, size_t n_channels,
                                   struct wn_lift_test **out, size_t *n_out, struct wn_why *why);

#endif
