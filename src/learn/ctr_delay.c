/* How late conversions come, and what a click without one is worth so far. */
#include "learn/ctr_int.h"

#include <stdlib.h>

#define HOURS 24 /* bins of an hour, then of a day */
#define PRIOR_CLICKS 30.0

static double bin_start_hours(size_t bin)
{
    return bin <= HOURS ? (double)bin : 24.0 * (double)(bin - HOURS + 1);
}

/* The bin of an age >= 0; WN_CTR_DELAY_BINS beyond the last. */
static size_t bin_of(double hours)
{
    if (hours < HOURS)
        return (size_t)hours;
    double day = hours / 24 - 1;
    return day < WN_CTR_DELAY_BINS - HOURS ? HOURS + (size_t)day : WN_CTR_DELAY_BINS;
}

/* One group: events and those at risk in each bin, a click cut off within a bin counting half. */
struct table {
    double events[WN_CTR_DELAY_BINS], at_risk[WN_CTR_DELAY_BINS], total;
};

static wn_rc table_fill(const struct wn_ctr_delay_group *g, struct table *t)
{
    double leaving[WN_CTR_DELAY_BINS + 1] = {0}, cut[WN_CTR_DELAY_BINS + 1] = {0};
    *t = (struct table){0};
    for (size_t i = 0; i < g->n; i++) {
        if (!(g->delays_hours[i] >= 0)) /* infinite is fine: still waiting */
            return WN_INVALID;
        size_t bin = bin_of(g->delays_hours[i]);
        leaving[bin]++;
        if (!g->is_converted[i])
            cut[bin]++;
        else if (bin < WN_CTR_DELAY_BINS) {
            t->events[bin]++;
            t->total++;
        }
    }
    double left = (double)g->n;
    for (size_t bin = 0; bin < WN_CTR_DELAY_BINS; bin++) {
        t->at_risk[bin] = left - cut[bin] / 2;
        left -= leaving[bin];
    }
    return WN_OK;
}

/* hazard [bins]: of the parent (NULL: none) in, of this group out. */
static void hazards(const struct table *t, const double *parent, double *hazard)
{
    for (size_t bin = 0; bin < WN_CTR_DELAY_BINS; bin++) {
        double prior = parent ? PRIOR_CLICKS : 0, n = t->at_risk[bin] + prior;
        double c = t->events[bin] + (parent ? prior * parent[bin] : 0);
        hazard[bin] = n > 0 ? fmin(c / n, 1) : 0;
    }
}

/* Of those that convert at all: (S(age) - S(end)) / (1 - S(end)). */
static void survival_of(const double *hazard, struct wn_ctr_delay *out)
{
    double open[WN_CTR_DELAY_BINS + 1] = {1};
    for (size_t bin = 0; bin < WN_CTR_DELAY_BINS; bin++)
        open[bin + 1] = open[bin] * (1 - hazard[bin]);
    double end = open[WN_CTR_DELAY_BINS];
    for (size_t bin = 0; bin <= WN_CTR_DELAY_BINS; bin++)
        out->survival[bin] = end < 1 ? (open[bin] - end) / (1 - end) : bin == 0;
    out->survival[0] = 1;
}

wn_rc wn_ctr_delay_fit(const struct wn_ctr_delay_group *groups, size_t n_groups,
                       struct wn_ctr_delay *out, struct wn_why *why)
{
    double(*hazard)[WN_CTR_DELAY_BINS] = calloc(n_groups ? n_groups : 1, sizeof *hazard);
    if (!hazard)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu groups", n_groups);
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < n_groups && !rc; i++) {
        struct table t;
        if ((i && groups[i].parent >= i) || table_fill(&groups[i], &t)) {
            if (why)
                why->line = i + 1;
            rc = wn_fail(why, WN_INVALID, "groups",
                         "a group's parent must stand before it, and delays must be 0 or more");
            break;
        }
        hazards(&t, i ? hazard[groups[i].parent] : NULL, hazard[i]);
        if (i && t.total == 0)
            out[i] = out[groups[i].parent];
        else
            survival_of(hazard[i], &out[i]);
    }
    free(hazard);
    return rc;
}

double wn_ctr_delay_survival(const struct wn_ctr_delay *d, double age_hours)
{
    if (!(age_hours > 0))
        return 1;
    size_t bin = bin_of(age_hours);
    if (bin == WN_CTR_DELAY_BINS)
        return 0;
    double start = bin_start_hours(bin), length = bin_start_hours(bin + 1) - start;
    double share = (age_hours - start) / length;
    return d->survival[bin] + share * (d->survival[bin + 1] - d->survival[bin]);
}

double wn_ctr_soft_label(double p, double survival)
{
    if (!(p > 0) || !(survival > 0))
        return 0;
    p = fmin(p, 1);
    double open = p * fmin(survival, 1), whole = 1 - p + open;
    return whole > 0 ? open / whole : 1;
}
