/* Values the customers of a shop and says what a new one may cost. Uses the public headers of
 * libwinnow only:
 *
 *   cc ltv.c $(pkg-config --cflags --libs winnow) -lm */
#include "winnow/ltv.h"

#include <math.h>
#include <stdio.h>

enum { CUSTOMERS = 2000, DAYS = 365, ROWS_MAX = CUSTOMERS * 40 };

/* What would come out of the orders of a year: by customer, then by day. */
static size_t make_orders(struct wn_rand *r, struct wn_ltv_purchase *rows)
{
    size_t n = 0;
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        double weekly = wn_rand_gamma(r, .6) / 8, leaves = wn_rand_beta(r, .8, 3);
        double day = DAYS * wn_rand_uniform(r);
        for (int k = 0; k < 40 && day < DAYS; k++) {
            double cents = round(100 * (5 + wn_rand_gamma(r, 3) * 10));
            rows[n++] = (struct wn_ltv_purchase){(int64_t)cents * 10000, i, (int32_t)day};
            if (wn_rand_uniform(r) < leaves)
                break;
            day += 1 + 7 * wn_rand_exponential(r) / weekly;
        }
    }
    return n;
}

static int complain(const struct wn_why *why)
{
    fprintf(stderr, "%s\n", why->text);
    return 1;
}

int main(void)
{
    static struct wn_ltv_purchase rows[ROWS_MAX];
    static struct wn_ltv_prediction p[CUSTOMERS];
    struct wn_ltv_histories h;
    struct wn_ltv_model model;
    struct wn_ltv_total totals[2]; /* of the one channel, and of all */
    struct wn_rand r;
    struct wn_arena a; /* all results live in it */
    struct wn_why why = {0};
    wn_rand_init(&r, 2026);
    wn_arena_init(&a, 0);
    size_t n_rows = make_orders(&r, rows);

    /* Four numbers a customer, in weeks, as of the last day. */
    if (wn_ltv_summarise(rows, n_rows, CUSTOMERS, DAYS - 1, DAYS - 1, 7, &a, &h, &why))
        return complain(&why);
    const struct wn_ltv_options options = {.kind = WN_LTV_BGNBD};
    if (wn_ltv_fit(h.customers, h.n, &options, &a, &model, &why))
        return complain(&why);
    const double *theta = model.account.theta;
    printf("%zu customers, %zu came back: r %.3f, alpha %.3f, a %.3f, b %.3f\n",
           model.account.n_customers, model.account.n_repeat, theta[0], theta[1], theta[2],
           theta[3]);

    /* The next year, with a margin of 30 % and money that loses 10 % a year; a customer costs 12. */
    double first = 0;
    for (size_t i = 0; i < h.n; i++)
        first += h.first_value[i] / (double)h.n;
    const struct wn_ltv_plan plan = {.horizon = 52,
                                     .margin_ratio = .3,
                                     .discount_ratio = .1,
                                     .n_draws = 200,
                                     .first_value = &first,
                                     .cost = 12};
    if (wn_ltv_predict(&model, h.customers, h.n, &plan, &r, p, totals, &why))
        return complain(&why);
    printf("customer  repeats  still there  purchases  value (80 %%)\n");
    for (size_t i = 0; i < 5; i++)
        printf("%8u  %7.0f  %10.0f %%  %9.2f  %5.2f (%.2f to %.2f)\n", h.ids[i],
               h.customers[i].frequency, 100 * p[i].alive, p[i].purchases, p[i].value, p[i].low,
               p[i].high);
    printf("all of them: %.0f (%.0f to %.0f)\n", totals[1].value, totals[1].low, totals[1].high);
    printf("a new one earns %.2f within the year; pay at most %.2f\n", totals[1].new_value,
           totals[1].max_bid);
    if (totals[1].payback >= 0)
        printf("a cost of %.0f is earned back after %.1f weeks\n", plan.cost, totals[1].payback);
    wn_arena_deinit(&a);
    return 0;
}
