/* Impressions and clicks of the last days, summed by everything that is told apart. */
#include "decide/ctr_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"

enum { DAYS_TO_TEST = 8, TEST_SHARE = 7, FREE = 0 };

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while gathering clicks");
}

/* ---- days ------------------------------------------------------------------------------------- */

/* The last seventh of the days with impressions, where there are 8 or more. */
static void choose_test(const struct wn_daily *d, const double *impressions, struct click_days *out)
{
    int n_days = 0, n_test = 0;
    for (int32_t day = out->from; day <= out->to; day++)
        n_days += impressions[day - d->day_from] > 0;
    if (n_days >= DAYS_TO_TEST) {
        n_test = (n_days + TEST_SHARE - 1) / TEST_SHARE;
        n_test = n_test < WN_CLICK_TEST_DAYS_MAX ? n_test : WN_CLICK_TEST_DAYS_MAX;
    }
    out->n_test_days = n_test;
    out->test_from = out->to + 1;
    for (int left = n_test; left > 0;)
        left -= impressions[--out->test_from - d->day_from] > 0;
}

wn_rc click_find_days(const struct wn_book *book, struct wn_arena *a, struct click_days *out,
                      struct wn_daily_completeness *c, bool *has_data, struct wn_why *why)
{
    struct wn_daily d;
    struct wn_arena scratch;
    struct wn_daily_request request = {.by = WN_DAILY_TOTAL,
                                       .channel = -1,
                                       .days_max = WN_CLICK_DAYS,
                                       .measures =
                                           1u << WN_MEASURE_IMPRESSIONS | 1u << WN_MEASURE_CLICKS};
    *has_data = false;
    wn_arena_init(&scratch, 0);
    wn_rc rc = wn_daily_gather(book, &request, &scratch, &d, why);
    if (!rc && d.n > 0) {
        const double *impressions = d.entities[0].values[WN_MEASURE_IMPRESSIONS];
        rc = wn_daily_completeness_of(d.entities[0].values[WN_MEASURE_CLICKS], impressions,
                                      d.n_days, a, c, why);
        out->from = d.day_from;
        out->to = d.day_to - (rc ? 0 : c->n_immature_days);
        for (int32_t day = out->from; !rc && day <= out->to; day++)
            *has_data = *has_data || impressions[day - d.day_from] > 0;
        if (!rc && *has_data)
            choose_test(&d, impressions, out);
    }
    wn_arena_deinit(&scratch);
    return rc;
}

/* ---- cells ------------------------------------------------------------------------------------ */

struct gathering {
    const struct click_days *days;
    struct click_cell *cells; /* [n_max] */
    size_t n, n_max;
    uint32_t *slots; /* [n_slots]: 1 + the cell */
    size_t n_slots;
    unsigned merged;
    unsigned varied; /* fields in which cells differ, as far as they were seen */
    int64_t n_rows;
    bool is_full;
};

static void ids_of(const struct wn_stat *r, unsigned merged, int32_t *ids)
{
    const int32_t all[WN_CLICK_FIELDS] = {
        [WN_CLICK_CHANNEL] = r->channel,
        [WN_CLICK_CAMPAIGN] = r->campaign_id,
        [WN_CLICK_AD_GROUP] = r->ad_group_id,
        [WN_CLICK_AD] = r->ad_id,
        [WN_CLICK_DEVICE] = r->device,
        [WN_CLICK_PLACEMENT] = r->placement_id,
        [WN_CLICK_AGE] = r->age_id,
        [WN_CLICK_GENDER] = r->gender,
        [WN_CLICK_COUNTRY] = r->country_id,
        [WN_CLICK_AUDIENCE] = r->audience_id,
        [WN_CLICK_HOUR] = r->hour,
        [WN_CLICK_WEEKDAY] = ((r->day + 3) % 7 + 7) % 7, /* day 0 was a Thursday */
    };
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        ids[f] = merged >> f & 1 ? (f == WN_CLICK_HOUR ? WN_HOUR_NONE : 0) : all[f];
}

/* The cell of ids, or NULL when there is no room for one more. */
static struct click_cell *cell_of(struct gathering *g, const int32_t *ids)
{
    struct wn_str key = {(const char *)ids, WN_CLICK_FIELDS * sizeof *ids};
    size_t at = (size_t)wn_hash(key, 0) & (g->n_slots - 1);
    for (; g->slots[at] != FREE; at = (at + 1) & (g->n_slots - 1)) {
        struct click_cell *cell = &g->cells[g->slots[at] - 1];
        if (memcmp(cell->ids, ids, key.n) == 0)
            return cell;
    }
    if (g->n == g->n_max)
        return NULL;
    struct click_cell *cell = &g->cells[g->n++];
    *cell = (struct click_cell){0};
    memcpy(cell->ids, ids, key.n);
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        g->varied |= (unsigned)(ids[f] != g->cells[0].ids[f]) << f;
    g->slots[at] = (uint32_t)g->n;
    return cell;
}

static wn_rc on_rows(void *context, const struct wn_stat *rows, size_t n_rows, struct wn_why *why)
{
    (void)why;
    struct gathering *g = context;
    for (size_t i = 0; i < n_rows; i++) {
        const struct wn_stat *r = &rows[i];
        double impressions = (double)r->measures[WN_MEASURE_IMPRESSIONS] / WN_MICROS;
        double clicks = (double)r->measures[WN_MEASURE_CLICKS] / WN_MICROS;
        int32_t ids[WN_CLICK_FIELDS];
        if (!(impressions > 0))
            continue;
        clicks = clicks < 0 ? 0 : clicks > impressions ? impressions : clicks;
        ids_of(r, g->merged, ids);
        struct click_cell *cell = cell_of(g, ids);
        if (!cell) {
            g->is_full = true;
            return WN_CANCELLED;
        }
        int half = r->day >= g->days->test_from;
        double weight = exp2((r->day - g->days->to) / WN_CLICK_HALF_LIFE_DAYS);
        cell->impressions[half] += impressions;
        cell->clicks[half] += clicks;
        cell->faded_impressions[half] += weight * impressions;
        cell->faded_clicks[half] += weight * clicks;
        g->n_rows++;
    }
    return WN_OK;
}

static int by_ids(const void *x, const void *y)
{
    const struct click_cell *p = x, *q = y;
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        if (p->ids[f] != q->ids[f])
            return p->ids[f] < q->ids[f] ? -1 : 1;
    return 0;
}

/* Which field to merge next: the first of the order that makes cells fewer; -1 = none would. */
static int next_to_merge(const struct gathering *g)
{
    static const wn_click_field order[] = {WN_CLICK_HOUR,    WN_CLICK_WEEKDAY,   WN_CLICK_AUDIENCE,
                                           WN_CLICK_COUNTRY, WN_CLICK_PLACEMENT, WN_CLICK_AD,
                                           WN_CLICK_AGE,     WN_CLICK_GENDER,    WN_CLICK_AD_GROUP,
                                           WN_CLICK_DEVICE,  WN_CLICK_CAMPAIGN};
    for (size_t i = 0; i < WN_COUNT(order); i++)
        if (g->varied >> order[i] & 1)
            return (int)order[i];
    return -1;
}

wn_rc click_gather(const struct wn_book *book, const struct click_days *days, size_t n_max,
                   struct wn_arena *scratch, struct click_cells *out, struct wn_why *why)
{
    struct gathering g = {.days = days, .n_max = n_max, .n_slots = 2};
    struct wn_facts_range range = {.day_from = days->from, .day_to = days->to};
    while (g.n_slots < 2 * n_max)
        g.n_slots *= 2;
    g.cells = WN_ARENA_ARRAY(scratch, n_max, struct click_cell);
    g.slots = WN_ARENA_ARRAY(scratch, g.n_slots, uint32_t);
    if (!g.cells || !g.slots)
        return no_memory(why);
    for (;;) {
        g.n = 0;
        g.n_rows = 0;
        g.varied = 0;
        g.is_full = false;
        memset(g.slots, 0, g.n_slots * sizeof *g.slots);
        wn_rc rc = wn_facts_scan(book->facts, book->tenant_id, &range, on_rows, &g, why);
        if (!rc)
            break;
        int field = next_to_merge(&g);
        if (!g.is_full)
            return rc;
        if (field < 0)
            return wn_fail(why, WN_LIMIT, NULL, "there are more than %zu channels", n_max);
        g.merged |= 1u << field;
    }
    qsort(g.cells, g.n, sizeof *g.cells, by_ids);
    *out = (struct click_cells){g.cells, g.n, g.n_rows, g.merged};
    return WN_OK;
}
