/* Follows customers by the month they came, continues their retention and value, and fits a curve
 * of contracts.
 *
 *     cc cohorts.c $(pkg-config --cflags --libs winnow) && ./a.out */
#include "winnow/cohorts.h"

#include <stdio.h>

enum { CUSTOMERS = 300 };

int main(void)
{
    /* Purchases by customer, then by day: 100 new customers in each of three months; every third
     * comes back after a month, every sixth after two. Day 20454 is 2026-01-01. */
    static struct wn_ltv_purchase rows[2 * CUSTOMERS];
    size_t n = 0;
    for (uint32_t c = 0; c < CUSTOMERS; c++) {
        int32_t day = 20454 + (int32_t)(c % 3) * 31;
        rows[n++] = (struct wn_ltv_purchase){20000000, c, day}; /* 20.00 */
        if (c % 9 < 3)
            rows[n++] = (struct wn_ltv_purchase){15000000, c, day + (c % 6 < 3 ? 31 : 61)};
    }

    struct wn_arena arena;
    struct wn_rand rand;
    struct wn_cohorts table;
    struct wn_cohorts_projection p = {0};
    struct wn_why why = {0};
    wn_arena_init(&arena, 0); /* everything below lives in it */
    wn_rand_init(&rand, 1);   /* the same seed gives the same intervals */
    wn_rc rc = wn_cohorts_build(&arena, rows, n, WN_COHORT_MONTH, 20454 + 150, &table, &why);
    const struct wn_cohort_options options = {.horizon = 12, .margin_ratio = .6, .cost = 18};
    if (!rc)
        rc = wn_cohorts_project(&arena, &table, &options, &rand, &p, &why);

    /* A published curve of contracts: 1000 customers, of whom so many are left after each year. */
    static const double lost[] = {0, 131, 126, 90, 60, 42, 34, 26};
    static const double kept[] = {0, 0, 0, 0, 0, 0, 0, 491};
    struct wn_cohort_fit contracts;
    if (!rc)
        rc = wn_sbg_fit(lost, kept, 7, &contracts, &why);
    if (rc) {
        fprintf(stderr, "%s: %s\n", wn_rc_name(rc), why.text);
        wn_arena_deinit(&arena);
        return 1;
    }
    for (size_t c = 0; c < table.n; c++) {
        const struct wn_cohort_point *last = &p.cohorts[c].points[p.horizon];
        char name[WN_COHORT_NAME_MAX];
        (void)wn_cohort_name(table.period, table.cohorts[c].first_day, name);
        printf("%s: %llu customers, %zu whole months; LTV at month 12: %.2f (%.2f to %.2f), "
               "paid back with probability %.2f\n",
               name, (unsigned long long)table.cohorts[c].n_customers, table.cohorts[c].n_whole,
               last->ltv, last->ltv_low, last->ltv_high, p.cohorts[c].payback.probability);
    }
    printf("contracts: alpha %.3f, beta %.3f; %.1f %% renew in year 8\n", contracts.theta[0],
           contracts.theta[1], 100 * wn_sbg_retention(contracts.theta[0], contracts.theta[1], 8));
    wn_arena_deinit(&arena);
    return 0;
}
