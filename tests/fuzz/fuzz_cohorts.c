/* Protects cohorts against any bytes that can be read as purchases: no crash, every customer and
 * every micro in the table, projections finite and within their intervals. The first byte chooses
 * options. */
#include "../../src/cli/transactions.c"

#include "winnow/cohorts.h"

#include <math.h>

enum { ROWS_MAX = 500, SPAN_DAYS_MAX = 1500, AHEAD = 6 }; /* long spans are slow, and no other */

static void check_points(const struct wn_cohort_projection *p)
{
    for (size_t k = 0; k <= AHEAD; k++) {
        const struct wn_cohort_point *x = &p->points[k];
        WN_ASSERT(isfinite(x->ltv_low) && isfinite(x->ltv_high));
        WN_ASSERT(x->ltv_low <= x->ltv && x->ltv <= x->ltv_high);
        WN_ASSERT(x->retention_low >= 0 && x->retention_high <= 1);
        WN_ASSERT(x->retention_low <= x->retention && x->retention <= x->retention_high);
    }
}

static void follow(struct wn_arena *a, const struct wn_ltv_purchase *rows, size_t n,
                   int32_t last_day, uint8_t choice)
{
    struct wn_rand r;
    struct wn_cohorts table;
    struct wn_cohorts_projection out;
    struct wn_why why = {0};
    wn_rand_init(&r, choice);
    wn_rc rc = wn_cohorts_build(a, rows, n, (wn_cohort_period)(choice % 3), last_day, &table, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (rc)
        return;
    uint64_t n_customers = 0;
    for (size_t c = 0; c < table.n; c++) {
        uint64_t grouped = 0;
        for (size_t g = 0; g < table.cohorts[c].n_groups; g++)
            grouped += table.cohorts[c].groups[g].n_customers;
        WN_ASSERT(grouped == table.cohorts[c].n_customers);
        WN_ASSERT(table.cohorts[c].cells[0].n_active == grouped);
        n_customers += grouped;
    }
    WN_ASSERT(n_customers == table.n_customers);
    const struct wn_cohort_options o = {.model = choice & 8 ? WN_COHORT_SBG : WN_COHORT_BGBB,
                                        .horizon = AHEAD,
                                        .half_life = choice & 16 ? 2 : 0,
                                        .cost = choice & 32 ? 10 : 0,
                                        .yearly_discount_ratio = choice & 64 ? .1 : 0,
                                        .n_draws = 10};
    rc = wn_cohorts_project(a, &table, &o, &r, &out, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    for (size_t c = 0; c < table.n && !rc; c++)
        check_points(&out.cohorts[c]);
    if (!rc)
        check_points(&out.all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_arena a;
    struct wn_transactions in;
    struct wn_why why = {0};
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rc rc = wn_transactions_read(&a, (struct wn_str){(const char *)data + 1, size - 1}, NULL,
                                    &in, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    struct wn_ltv_purchase *rows =
        rc ? NULL : WN_ARENA_ARRAY(&a, in.n_rows, struct wn_ltv_purchase);
    for (size_t i = 0; rows && i < in.n_rows; i++)
        rows[i] =
            (struct wn_ltv_purchase){in.rows[i].amount_micros, in.rows[i].customer, in.rows[i].day};
    if (rows && in.n_rows <= ROWS_MAX && in.last_day - in.first_day <= SPAN_DAYS_MAX)
        follow(&a, rows, in.n_rows, in.last_day, data[0]);
    wn_arena_deinit(&a);
    return 0;
}
