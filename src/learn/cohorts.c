/* The table of cohorts: who came when, and bought in which periods. */
#include "learn/cohorts_int.h"

#include "core/date.h"
#include "core/num.h"
#include "learn/key_table.h"
#include "learn/sums.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int32_t wn_cohort_period_of(wn_cohort_period period, int32_t day)
{
    if (period == WN_COHORT_WEEK)
        return (day + 3) / 7; /* day 0 is a Thursday: weeks start on day -3, 4, 11 ... */
    struct wn_date d = wn_date_of_day(day);
    int32_t month = d.year * 12 + d.month - 1;
    return period == WN_COHORT_MONTH ? month : month / 3;
}

int32_t wn_cohort_period_start(wn_cohort_period period, int32_t number)
{
    int32_t day = 0;
    if (period == WN_COHORT_WEEK)
        return number * 7 - 3;
    int32_t month = period == WN_COHORT_MONTH ? number : number * 3;
    return wn_day_of_date((struct wn_date){month / 12, month % 12 + 1, 1}, &day) ? day
                                                                                 : WN_DAY_MAX + 1;
}

size_t wn_cohort_name(wn_cohort_period period, int32_t first_day, char out[WN_COHORT_NAME_MAX])
{
    struct wn_date d = wn_date_of_day(first_day > 0 ? first_day : 0);
    int n = 0;
    if (period == WN_COHORT_WEEK) { /* the week of 1970-01-01 begins in 1969 */
        if (first_day < 0)
            n = snprintf(out, WN_COHORT_NAME_MAX, "1969-12-%02d", 32 + (int)first_day);
        else
            n = snprintf(out, WN_COHORT_NAME_MAX, "%04d-%02d-%02d", d.year, d.month, d.day);
    } else if (period == WN_COHORT_MONTH) {
        n = snprintf(out, WN_COHORT_NAME_MAX, "%04d-%02d", d.year, d.month);
    } else {
        n = snprintf(out, WN_COHORT_NAME_MAX, "%04d-Q%d", d.year, (d.month + 2) / 3);
    }
    return (size_t)n;
}

/* ---- building -----------------------------------------------------------------------------------
 */

struct group_row { /* a group, before it is handed to its cohort */
    uint32_t cohort;
    struct wn_cohort_group group;
};

struct builder {
    const struct wn_ltv_purchase *rows;
    size_t n_rows;
    wn_cohort_period period;
    int32_t last_day;
    int32_t first_number, last_number; /* periods */
    bool last_is_whole;
    uint64_t *sizes;     /* [periods] customers who came then */
    uint32_t *cohort_at; /* [periods] place in out.cohorts */
    struct wn_cohorts out;
    struct wn_moments spend;
    struct wn_key_table keys; /* cohort, n_bought, last */
    uint64_t *counts;         /* malloc'd: [keys.n] */
    size_t counts_max;
};

static wn_rc row_fail(struct wn_why *why, size_t i, const char *field, const char *what)
{
    if (why)
        why->line = i + 1;
    return wn_fail(why, WN_INVALID, field, "row %zu: %s", i + 1, what);
}

static wn_rc check_rows(const struct builder *b, struct wn_why *why)
{
    if (b->last_day < WN_DAY_MIN || b->last_day > WN_DAY_MAX)
        return wn_fail(why, WN_INVALID, "last_day", "the last day must lie in 1970 to 2199");
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct wn_ltv_purchase *row = &b->rows[i], *before = i ? row - 1 : row;
        if (row->day < WN_DAY_MIN || row->day > WN_DAY_MAX)
            return row_fail(why, i, "day", "the day must lie in 1970 to 2199");
        if (row->customer < before->customer ||
            (row->customer == before->customer && row->day < before->day))
            return row_fail(why, i, "rows", "rows must come by customer, then by day");
    }
    return WN_OK;
}

/* Rows [*from, returned) are of one customer; *from moves to the first purchase in time. *from ==
 * the end: never bought. */
static size_t customer_end(struct builder *b, size_t *from)
{
    size_t end = *from;
    while (end < b->n_rows && b->rows[end].customer == b->rows[*from].customer)
        end++;
    while (*from < end && (b->rows[*from].amount_micros < 0 || b->rows[*from].day > b->last_day)) {
        ++*from;
        b->out.n_ignored++;
    }
    return end;
}

static wn_rc make_cohorts(struct builder *b, struct wn_arena *a)
{
    size_t n_periods = (size_t)(b->last_number - b->first_number) + 1, n_cells = 0;
    for (size_t k = 0; k < n_periods; k++)
        if (b->sizes[k]) {
            b->cohort_at[k] = (uint32_t)b->out.n++;
            n_cells += n_periods - k;
        }
    if (n_cells > WN_COHORT_CELLS_MAX)
        return WN_LIMIT;
    b->out.cohorts = WN_ARENA_ARRAY(a, b->out.n, struct wn_cohort);
    struct wn_cohort_cell *cells = WN_ARENA_ARRAY(a, n_cells, struct wn_cohort_cell);
    if (!b->out.cohorts || !cells)
        return WN_MEMORY;
    for (size_t k = 0; k < n_periods; k++)
        if (b->sizes[k]) {
            size_t n = n_periods - k;
            b->out.cohorts[b->cohort_at[k]] = (struct wn_cohort){
                .first_day = wn_cohort_period_start(b->period, b->first_number + (int32_t)k),
                .n_customers = b->sizes[k],
                .n_periods = n,
                .n_whole = b->last_is_whole ? n : n - 1,
                .cells = cells};
            b->out.n_customers += b->sizes[k];
            cells += n;
        }
    return WN_OK;
}

static wn_rc count_group(struct builder *b, uint32_t cohort, uint32_t n_bought, uint32_t last)
{
    uint64_t key = (uint64_t)cohort << 32 | (uint64_t)n_bought << 16 | last;
    uint32_t at;
    size_t n_before = b->keys.n;
    wn_rc rc = wn_key_table_put(&b->keys, &key, &at);
    if (rc)
        return rc;
    if (b->keys.n > b->counts_max) {
        size_t max = b->counts_max ? 2 * b->counts_max : 256;
        uint64_t *counts = realloc(b->counts, max * sizeof *counts);
        if (!counts)
            return WN_MEMORY;
        b->counts = counts;
        b->counts_max = max;
    }
    if (b->keys.n > n_before)
        b->counts[at] = 0;
    b->counts[at]++;
    return WN_OK;
}

/* One customer's rows [from, end), the first of them a purchase. */
static wn_rc add_customer(struct builder *b, size_t from, size_t end, struct wn_why *why)
{
    int32_t number = wn_cohort_period_of(b->period, b->rows[from].day);
    uint32_t cohort = b->cohort_at[number - b->first_number], n_bought = 0, last = 0;
    struct wn_cohort *c = &b->out.cohorts[cohort];
    size_t n_seen = wn_cohort_n_seen(c);
    for (size_t i = from, next; i < end && b->rows[i].day <= b->last_day; i = next) {
        size_t age = (size_t)(wn_cohort_period_of(b->period, b->rows[i].day) - number);
        int64_t revenue = 0;
        bool is_active = false;
        for (next = i; next < end && b->rows[next].day <= b->last_day &&
                       (size_t)(wn_cohort_period_of(b->period, b->rows[next].day) - number) == age;
             next++) {
            is_active = is_active || b->rows[next].amount_micros >= 0;
            if (!wn_add_i64(revenue, b->rows[next].amount_micros, &revenue))
                return row_fail(why, next, "amount", "the amounts are too large to add");
        }
        c->cells[age].n_active += is_active;
        if (!wn_add_i64(c->cells[age].revenue_micros, revenue, &c->cells[age].revenue_micros))
            return row_fail(why, i, "amount", "the amounts of the cohort are too large to add");
        if (age == 0 || age >= c->n_whole)
            continue;
        double paid = (double)revenue / WN_MICROS;
        c->n_active_later += is_active;
        c->revenue_later += paid;
        if (is_active)
            wn_moments_add(&b->spend, paid, 1);
        if (is_active && age <= n_seen) {
            n_bought++;
            last = (uint32_t)age;
        }
    }
    for (; from < end; from++)
        b->out.n_ignored += b->rows[from].day > b->last_day;
    return count_group(b, cohort, n_bought, last);
}

static int by_cohort(const void *a, const void *b)
{
    const struct group_row *x = a, *y = b;
    if (x->cohort != y->cohort)
        return x->cohort < y->cohort ? -1 : 1;
    if (x->group.n_bought != y->group.n_bought)
        return x->group.n_bought < y->group.n_bought ? -1 : 1;
    return (x->group.last > y->group.last) - (x->group.last < y->group.last);
}

/* Hands the groups to their cohorts, in an order that does not hang on that of the customers. */
static wn_rc hand_out_groups(struct builder *b, struct wn_arena *a, struct wn_arena *scratch)
{
    size_t n = b->keys.n;
    struct group_row *rows = WN_ARENA_ARRAY(scratch, n, struct group_row);
    struct wn_cohort_group *groups = WN_ARENA_ARRAY(a, n, struct wn_cohort_group);
    if (!rows || !groups)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        uint64_t key = b->keys.keys[i];
        rows[i] = (struct group_row){
            (uint32_t)(key >> 32),
            {(uint32_t)(key >> 16 & 0xffff), (uint32_t)(key & 0xffff), b->counts[i]}};
    }
    qsort(rows, n, sizeof *rows, by_cohort);
    for (size_t i = 0; i < n; i++) {
        struct wn_cohort *c = &b->out.cohorts[rows[i].cohort];
        groups[i] = rows[i].group;
        if (!c->groups)
            c->groups = &groups[i];
        c->n_groups++;
    }
    return WN_OK;
}

static wn_rc build(struct builder *b, struct wn_arena *a, struct wn_arena *scratch,
                   struct wn_why *why)
{
    b->first_number = b->last_number = wn_cohort_period_of(b->period, b->last_day);
    for (size_t i = 0; i < b->n_rows; i++) {
        int32_t number = wn_cohort_period_of(b->period, b->rows[i].day);
        b->first_number = number < b->first_number ? number : b->first_number;
    }
    b->last_is_whole = wn_cohort_period_start(b->period, b->last_number + 1) == b->last_day + 1;
    size_t n_periods = (size_t)(b->last_number - b->first_number) + 1;
    b->sizes = WN_ARENA_ARRAY(scratch, n_periods, uint64_t);
    b->cohort_at = WN_ARENA_ARRAY(scratch, n_periods, uint32_t);
    if (!b->sizes || !b->cohort_at)
        return WN_MEMORY;
    for (size_t i = 0, end; i < b->n_rows; i = end) {
        end = customer_end(b, &i);
        if (i < end)
            b->sizes[wn_cohort_period_of(b->period, b->rows[i].day) - b->first_number]++;
    }
    b->out.n_ignored = 0;
    wn_rc rc = make_cohorts(b, a);
    if (rc == WN_LIMIT)
        return wn_fail(why, rc, "period", "too many cohorts and periods: take longer periods");
    for (size_t i = 0, end; i < b->n_rows && !rc; i = end) {
        end = customer_end(b, &i);
        if (i < end)
            rc = add_customer(b, i, end, why);
    }
    b->out.spend_sd = sqrt(wn_moments_variance_unbiased(&b->spend));
    return rc ? rc : hand_out_groups(b, a, scratch);
}

wn_rc wn_cohorts_build(struct wn_arena *a, const struct wn_ltv_purchase *rows, size_t n_rows,
                       wn_cohort_period period, int32_t last_day, struct wn_cohorts *out,
                       struct wn_why *why)
{
    struct builder b = {.rows = rows,
                        .n_rows = n_rows,
                        .period = period,
                        .last_day = last_day,
                        .out = {.period = period, .last_day = last_day}};
    struct wn_arena scratch;
    wn_rc rc = check_rows(&b, why);
    if (rc)
        return rc;
    wn_arena_init(&scratch, a->max_bytes);
    wn_key_table_init(&b.keys, 1, UINT32_MAX - 1);
    rc = build(&b, a, &scratch, why);
    wn_key_table_deinit(&b.keys);
    free(b.counts);
    wn_arena_deinit(&scratch);
    if (!rc)
        *out = b.out;
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "there is no memory for the cohorts") : rc;
}
