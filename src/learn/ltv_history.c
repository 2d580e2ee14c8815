/* From purchases to customers, and from predictions to how far they were off. */
#include "winnow/ltv.h"

#include <math.h>
#include <stdlib.h>

struct bought {
    int32_t day;
    double micros;
};

/* A refund lowers the purchase before it, then earlier ones; what is used up is no purchase. */
static void give_back(struct bought *b, size_t *n, double micros)
{
    while (*n > 0 && micros > 0) {
        struct bought *last = &b[*n - 1];
        if (last->micros > micros) {
            last->micros -= micros;
            return;
        }
        micros -= last->micros;
        --*n;
    }
}

/* The purchases of one customer by day; b [n_rows]. */
static size_t purchases_of(const struct wn_ltv_purchase *rows, size_t n_rows, int32_t end_day,
                           struct bought *b)
{
    size_t n = 0;
    for (size_t i = 0; i < n_rows && rows[i].day <= end_day;) {
        int32_t day = rows[i].day;
        double micros = 0, refund = 0;
        bool is_purchase = false;
        for (; i < n_rows && rows[i].day == day; i++) {
            is_purchase |= rows[i].amount_micros >= 0;
            if (rows[i].amount_micros >= 0)
                micros += (double)rows[i].amount_micros;
            else
                refund -= (double)rows[i].amount_micros;
        }
        if (is_purchase)
            b[n++] = (struct bought){.day = day, .micros = micros};
        give_back(b, &n, refund);
    }
    return n;
}

/* One customer from their rows; false when nothing was bought up to last_day. What is given back
 * later is not known yet: the past is made of the rows up to last_day alone. b [n_rows]: scratch. */
static bool summarise(const struct wn_ltv_purchase *rows, size_t n_rows, int32_t last_day,
                      int32_t end_day, double days_per_unit, struct bought *b,
                      struct wn_ltv_histories *out)
{
    size_t at = out->n, n = purchases_of(rows, n_rows, last_day, b);
    double sum = 0;
    if (n == 0)
        return false;
    for (size_t i = 1; i < n; i++)
        sum += b[i].micros / 1e6;
    out->customers[at] =
        (struct wn_ltv_customer){.frequency = (double)(n - 1),
                                 .recency = (b[n - 1].day - (double)b[0].day) / days_per_unit,
                                 .age = (last_day - (double)b[0].day) / days_per_unit,
                                 .monetary = n > 1 ? sum / (double)(n - 1) : 0};
    out->first_value[at] = b[0].micros / 1e6;
    n = purchases_of(rows, n_rows, end_day, b);
    for (; n > 0 && b[n - 1].day > last_day; n--) {
        out->later_purchases[at]++;
        out->later_value[at] += b[n - 1].micros / 1e6;
    }
    return true;
}

static wn_rc check_rows(const struct wn_ltv_purchase *rows, size_t n_rows, size_t n_customers,
                        struct wn_why *why)
{
    for (size_t i = 0; i < n_rows; i++) {
        const char *fault = NULL;
        if (rows[i].customer >= n_customers)
            fault = "names no customer";
        else if (i && rows[i].customer < rows[i - 1].customer)
            fault = "is not in the order of the customers";
        else if (i && rows[i].customer == rows[i - 1].customer && rows[i].day < rows[i - 1].day)
            fault = "is earlier than the row before it";
        if (!fault)
            continue;
        if (why && !why->text[0])
            why->line = i + 1;
        return wn_fail(why, WN_INVALID, "rows", "purchase %zu %s", i + 1, fault);
    }
    return WN_OK;
}

wn_rc wn_ltv_summarise(const struct wn_ltv_purchase *rows, size_t n_rows, size_t n_customers,
                       int32_t last_day, int32_t end_day, double days_per_unit, struct wn_arena *a,
                       struct wn_ltv_histories *out, struct wn_why *why)
{
    struct wn_ltv_histories h = {0};
    if (end_day < last_day || !(days_per_unit > 0 && days_per_unit <= 1e6))
        return wn_fail(why, WN_INVALID, "days",
                       "the end must not be before the last day, a unit has 0 to 1e6 days");
    wn_rc rc = check_rows(rows, n_rows, n_customers, why);
    if (rc)
        return rc;
    h.customers = WN_ARENA_ARRAY(a, n_customers, struct wn_ltv_customer);
    h.ids = WN_ARENA_ARRAY(a, n_customers, uint32_t);
    h.first_value = WN_ARENA_ARRAY(a, n_customers, double);
    h.later_purchases = WN_ARENA_ARRAY(a, n_customers, double);
    h.later_value = WN_ARENA_ARRAY(a, n_customers, double);
    struct bought *b = malloc((n_rows ? n_rows : 1) * sizeof *b);
    if (!b || !h.customers || !h.ids || !h.first_value || !h.later_purchases || !h.later_value) {
        free(b);
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu customers", n_customers);
    }
    for (size_t from = 0, to; from < n_rows; from = to) {
        for (to = from; to < n_rows && rows[to].customer == rows[from].customer; to++)
            ;
        if (summarise(rows + from, to - from, last_day, end_day, days_per_unit, b, &h))
            h.ids[h.n++] = rows[from].customer;
    }
    free(b);
    *out = h;
    return WN_OK;
}

/* ---- hold-out -----------------------------------------------------------------------------------
 */

wn_rc wn_ltv_compare(const struct wn_ltv_customer *customers,
                     const struct wn_ltv_prediction *predictions, const struct wn_ltv_total *total,
                     size_t n, const double *later_purchases, const double *later_value,
                     double horizon, struct wn_ltv_check *out, struct wn_why *why)
{
    struct wn_ltv_check c = {.n = n};
    if (n == 0)
        return wn_fail(why, WN_INVALID, "customers", "there are no customers to compare");
    for (size_t i = 0; i < n; i++) {
        const struct wn_ltv_prediction *p = &predictions[i];
        double seen = later_purchases[i], error = p->purchases - seen;
        double naive =
            customers[i].age > 0 ? customers[i].frequency / customers[i].age * horizon : 0;
        if (!isfinite(seen) || !isfinite(later_value[i]) || !isfinite(naive))
            return wn_fail(why, WN_INVALID, "later_purchases", "customer %zu: not finite", i + 1);
        c.purchases += seen;
        c.purchases_expected += p->purchases;
        c.error_abs += fabs(error) / (double)n;
        c.error_rms += error * error / (double)n;
        c.error_abs_naive += fabs(naive - seen) / (double)n;
        c.value += later_value[i];
        c.covered += (later_value[i] >= p->low && later_value[i] <= p->high) / (double)n;
    }
    c.error_rms = sqrt(c.error_rms);
    c.value_expected = total->value;
    c.value_low = total->low;
    c.value_high = total->high;
    *out = c;
    return WN_OK;
}
