/* What winnow allocate reads: a history (CSV) or ready curves (JSON). */
#ifndef WN_CLI_ALLOCATE_INPUT_H
#define WN_CLI_ALLOCATE_INPUT_H

#include "core/str.h"
#include "winnow/allocate.h"

#define WN_ALLOCATE_INPUT_BYTES_MAX ((size_t)2 << 30)

struct wn_allocate_input {
    size_t n;
    struct wn_str *names;       /* [n] entities, in the order of their first row; NUL-terminated */
    struct wn_str *group_names; /* [n_groups] */
    size_t n_groups;
    bool is_history;
    struct wn_history *histories;        /* [n], of a history */
    struct wn_allocate_entity *entities; /* [n]: name and group always; of curves all of it */
    uint64_t n_rows;
};

/* Reads either, told apart by the first character: '{' or '[' begins JSON.
 *
 * CSV: a header with the columns entity, date, spend, revenue, and perhaps group (or channel) and
 * arrived, in any order; or no header and the first four in this order. An empty revenue is
 * unknown; an empty spend is an error.
 *
 * JSON: an array of objects, or an object with such an array as "entities". Members: "entity" (text),
 * "current", "min", "max", "fixed" (amounts), "group" (text), "may_stop" (true or false), and the
 * response, one of: "points": [[spend, return], ...]; "curve": "log" (a ln(1+x/b)), "hill"
 * (a x^s/(x^s+b^s)), "power" (a x^s) or "linear" (a x) with "a", "b", "s".
 *
 * Everything lives in a. Fails: INVALID (why names line, or entity and member), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_allocate_input_read(struct wn_arena *a, struct wn_str text,
                                         struct wn_allocate_input *out, struct wn_why *why);

#endif
