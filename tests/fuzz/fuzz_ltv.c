/* Protects what winnow ltv reads, purchases and summaries of customers, against any bytes: no
 * crash, rows in order, and finite answers for whatever is let through. The first byte chooses
 * options. */
#include "cli/ltv_input.h"

#include <math.h>

enum { CUSTOMERS_FEW = 40 };

static void value(struct wn_arena *a, const struct wn_ltv_customer *c, size_t n, size_t n_channels,
                  uint8_t choice)
{
    static struct wn_ltv_prediction p[CUSTOMERS_FEW];
    struct wn_ltv_total *totals = WN_ARENA_ARRAY(a, n_channels + 1, struct wn_ltv_total);
    struct wn_ltv_model m;
    struct wn_rand r;
    struct wn_why why = {0};
    const struct wn_ltv_options o = {.kind = choice & 1 ? WN_LTV_PNBD : WN_LTV_BGNBD,
                                     .n_channels = n_channels};
    const struct wn_ltv_plan plan = {
        .horizon = 1 + choice / 4, .n_draws = 10, .discount_ratio = choice & 2 ? .1 : 0, .cost = 5};
    wn_rand_init(&r, choice);
    if (!totals || wn_ltv_fit(c, n, &o, a, &m, &why) != WN_OK) {
        WN_ASSERT(why.text[0]); /* recency and age of a summary may not go together */
        return;
    }
    wn_rc rc = wn_ltv_predict(&m, c, n, &plan, &r, p, totals, &why);
    WN_ASSERT(rc == WN_OK);
    for (size_t i = 0; i < n; i++) {
        WN_ASSERT(p[i].alive >= 0 && p[i].alive <= 1 && p[i].low <= p[i].high);
        WN_ASSERT(isfinite(p[i].purchases) && isfinite(p[i].value) && isfinite(p[i].high));
        WN_ASSERT(isfinite(p[i].mean_value) && isfinite(p[i].bid));
    }
    for (size_t k = 0; k <= n_channels; k++)
        WN_ASSERT(isfinite(totals[k].value) && isfinite(totals[k].high) &&
                  isfinite(totals[k].max_bid) && isfinite(totals[k].payback));
}

static void purchases(struct wn_arena *a, const struct wn_transactions *t, uint8_t choice)
{
    struct wn_ltv_histories h;
    struct wn_ltv_purchase *rows = WN_ARENA_ARRAY(a, t->n_rows, struct wn_ltv_purchase);
    WN_ASSERT(t->first_row[0] == 0 && t->first_row[t->n_customers] == t->n_rows);
    for (size_t i = 0; rows && i < t->n_rows; i++)
        rows[i] =
            (struct wn_ltv_purchase){t->rows[i].amount_micros, t->rows[i].customer, t->rows[i].day};
    for (size_t i = 0; i < t->n_customers; i++)
        WN_ASSERT(t->channel_of[i] < t->n_channels && t->first_row[i] < t->first_row[i + 1]);
    if (!rows)
        return;
    wn_rc rc = wn_ltv_summarise(rows, t->n_rows, t->n_customers, t->last_day - choice % 8,
                                t->last_day, 7, a, &h, NULL);
    WN_ASSERT(rc == WN_OK || rc == WN_MEMORY);
    if (rc || h.n == 0 || h.n > CUSTOMERS_FEW || t->n_channels > CUSTOMERS_FEW)
        return;
    for (size_t i = 0; i < h.n; i++)
        h.customers[i].channel = t->channel_of[h.ids[i]];
    value(a, h.customers, h.n, t->n_channels, choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_arena a;
    struct wn_ltv_input in;
    struct wn_why why = {0};
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rc rc = wn_ltv_input_read(&a, (struct wn_str){(const char *)data + 1, size - 1}, NULL, 1,
                                 &in, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (!rc && !in.is_summary)
        purchases(&a, &in.purchases, data[0]);
    else if (!rc && in.n <= CUSTOMERS_FEW)
        value(&a, in.customers, in.n, in.n_channels, data[0]);
    wn_arena_deinit(&a);
    return 0;
}
