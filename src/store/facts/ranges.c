#include "store/facts/ranges_int.h"

#include <stdlib.h>

void wn_ranges_deinit(struct wn_ranges *r)
{
    free(r->items);
    *r = (struct wn_ranges){0};
}

static int by_account_and_day(const void *a, const void *b)
{
    const struct wn_day_range *x = a, *y = b;
    if (x->account_id != y->account_id)
        return x->account_id < y->account_id ? -1 : 1;
    return (x->day_from > y->day_from) - (x->day_from < y->day_from);
}

static bool touches(const struct wn_day_range *a, const struct wn_day_range *b)
{
    return a->account_id == b->account_id && (int64_t)b->day_from <= (int64_t)a->day_to + 1;
}

void wn_ranges_join(struct wn_ranges *r)
{
    if (r->n == 0 || r->n_joined == r->n)
        return;
    WN_ASSERT(r->items);
    qsort(r->items, r->n, sizeof *r->items, by_account_and_day);
    size_t last = 0;
    for (size_t i = 1; i < r->n; i++) {
        struct wn_day_range *into = &r->items[last];
        if (!touches(into, &r->items[i]))
            r->items[++last] = r->items[i];
        else if (r->items[i].day_to > into->day_to)
            into->day_to = r->items[i].day_to;
    }
    r->n = r->n_joined = last + 1;
}

static wn_rc make_room(struct wn_ranges *r, size_t n_max)
{
    wn_ranges_join(r);
    if (r->n >= n_max)
        return WN_LIMIT;
    if (r->n < r->n_room && r->n * 2 <= r->n_room)
        return WN_OK;
    size_t n_room = r->n_room ? r->n_room * 2 : 64;
    struct wn_day_range *items = realloc(r->items, n_room * sizeof *items);
    if (!items)
        return WN_MEMORY;
    r->items = items;
    r->n_room = n_room;
    return WN_OK;
}

wn_rc wn_ranges_add(struct wn_ranges *r, struct wn_day_range range, size_t n_max)
{
    /* Files are mostly in some order, so the range that came last is the likely one. */
    struct wn_day_range *newest = r->n ? &r->items[r->n - 1] : NULL;
    if (newest && newest->account_id == range.account_id && newest->day_from <= range.day_from &&
        newest->day_to >= range.day_to)
        return WN_OK;
    if (r->n == r->n_room) {
        wn_rc rc = make_room(r, n_max);
        if (rc)
            return rc;
    }
    WN_ASSERT(r->items && r->n < r->n_room);
    r->items[r->n++] = range;
    return WN_OK;
}

bool wn_ranges_hold(const struct wn_ranges *r, int32_t account_id, int32_t day)
{
    size_t from = 0, to = r->n; /* the last range that starts at or before (account, day) */
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct wn_day_range *x = &r->items[middle];
        if (x->account_id < account_id || (x->account_id == account_id && x->day_from <= day))
            from = middle + 1;
        else
            to = middle;
    }
    if (from == 0)
        return false;
    const struct wn_day_range *x = &r->items[from - 1];
    return x->account_id == account_id && day <= x->day_to;
}
