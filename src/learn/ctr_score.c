/* Scores of predictions: log loss, area under the curve, calibration by bins. */
#include "learn/ctr_int.h"

#include <stdlib.h>

#define P_MIN 1e-15 /* a certainty that fails costs 34.5 nats, not infinitely many */

struct scored {
    double p, clicks, views;
    size_t place;
};

static int by_p(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static double loss_of(double p, double clicks, double views)
{
    p = fmax(P_MIN, fmin(p, 1 - P_MIN));
    return -clicks * log(p) - (views - clicks) * log1p(-p);
}

/* The chance that a click stands above a view without one; ties count half. rows ascending. */
static double auc_of(const struct scored *rows, size_t n, double clicks, double others)
{
    double below = 0, sum = 0;
    if (!(clicks > 0 && others > 0))
        return 0.5;
    for (size_t i = 0; i < n;) {
        double k = 0, rest = 0;
        size_t j = i;
        for (; j < n && rows[j].p == rows[i].p; j++) {
            k += rows[j].clicks;
            rest += rows[j].views - rows[j].clicks;
        }
        sum += k / clicks * ((below + rest / 2) / others);
        below += rest;
        i = j;
    }
    return fmax(0, fmin(sum, 1));
}

/* Bins of equal views; the error of calibration, and what chance alone would make of it: the mean
 * distance of a sum of such coins from its expectation. */
static void bin_up(const struct scored *rows, size_t n, struct wn_ctr_scores *out)
{
    double seen = 0, variance[WN_CTR_BINS] = {0};
    for (size_t i = 0; i < n; i++) {
        const struct scored *r = &rows[i];
        size_t at = (size_t)((seen + r->views / 2) / out->views * WN_CTR_BINS);
        struct wn_ctr_bin *b = &out->bins[at < WN_CTR_BINS ? at : WN_CTR_BINS - 1];
        b->views += r->views;
        b->predicted += r->views * r->p;
        b->observed += r->clicks;
        variance[b - out->bins] += r->views * r->p * (1 - r->p);
        seen += r->views;
    }
    for (size_t i = 0; i < WN_CTR_BINS; i++) {
        struct wn_ctr_bin *b = &out->bins[i];
        if (!(b->views > 0))
            continue;
        out->ece += fabs(b->predicted - b->observed) / out->views;
        out->ece_chance += sqrt(variance[i] * 2 / 3.14159265358979323846) / out->views;
        b->predicted /= b->views;
        b->observed /= b->views;
    }
}

static void score_sorted(const struct scored *rows, size_t n, struct wn_ctr_scores *out)
{
    double loss = 0, expected = 0;
    for (size_t i = 0; i < n; i++) {
        out->views += rows[i].views;
        out->clicks += rows[i].clicks;
        expected += rows[i].views * rows[i].p;
        loss += loss_of(rows[i].p, rows[i].clicks, rows[i].views);
    }
    out->auc = 0.5;
    out->ratio = 1;
    if (!(out->views > 0))
        return;
    out->log_loss = loss / out->views;
    out->log_loss_base = loss_of(out->clicks / out->views, out->clicks, out->views) / out->views;
    out->auc = auc_of(rows, n, out->clicks, out->views - out->clicks);
    /* Without a click the ratio has no value; half a click keeps it finite and above 1. */
    if (out->clicks > 0 || expected > 0)
        out->ratio = expected / fmax(out->clicks, 0.5);
    bin_up(rows, n, out);
}

wn_rc wn_ctr_score(const double *p, const double *clicks, const double *views, size_t n,
                   struct wn_ctr_scores *out, struct wn_why *why)
{
    struct wn_ctr_scores scores = {0};
    struct scored *rows = n ? calloc(n, sizeof *rows) : NULL;
    if (n && !rows)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory to score %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        double seen = views ? views[i] : 1;
        bool good = p[i] >= 0 && p[i] <= 1 && seen >= 0 && seen <= 1e15 && clicks[i] >= 0 &&
                    clicks[i] <= seen;
        if (!good) {
            free(rows);
            if (why)
                why->line = i + 1;
            return wn_fail(why, WN_INVALID, "p",
                           "a probability must lie in 0..1, views in 0..1e15, clicks in 0..views");
        }
        rows[i] = (struct scored){p[i], clicks[i], seen, i};
    }
    if (n)
        qsort(rows, n, sizeof *rows, by_p);
    score_sorted(rows, n, &scores);
    free(rows);
    *out = scores;
    return WN_OK;
}
