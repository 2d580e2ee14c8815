/* The day ranges of accounts which one transaction replaces. */
#ifndef WN_STORE_FACTS_RANGES_INT_H
#define WN_STORE_FACTS_RANGES_INT_H

#include "core/error.h"

struct wn_day_range {
    int32_t account_id;
    int32_t day_from; /* inclusive */
    int32_t day_to;   /* inclusive */
};

struct wn_ranges {
    struct wn_day_range *items; /* malloc'd */
    size_t n;
    size_t n_room;
    size_t n_joined; /* of the front: sorted and joined by the last wn_ranges_join */
};

void wn_ranges_deinit(struct wn_ranges *r);
/* Adds a range. May be called once per row: the same range again costs nothing, and what overlaps
 * or touches is joined whenever the list has doubled. Fails: MEMORY, LIMIT (n_max after joining).
 */
WN_MUST_USE wn_rc wn_ranges_add(struct wn_ranges *r, struct wn_day_range range, size_t n_max);
/* Sorts by account and day and joins what overlaps or touches. */
void wn_ranges_join(struct wn_ranges *r);
/* True when the day of the account lies in a range; only after wn_ranges_join. */
WN_MUST_USE bool wn_ranges_hold(const struct wn_ranges *r, int32_t account_id, int32_t day);

#endif
