#include "learn/fdr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double sane(double p)
{
    return p >= 0 ? (p <= 1 ? p : 1) : (p < 0 ? 0 : 1);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

wn_rc wn_fdr_bh(const double *p, size_t n, double q, double *scratch, bool *rejected_out,
                size_t *n_rejected, struct wn_why *why)
{
    if (!(q > 0) || !(q < 1))
        return wn_fail(why, WN_INVALID, "q", "the level must lie between 0 and 1");
    for (size_t i = 0; i < n; i++)
        scratch[i] = sane(p[i]);
    qsort(scratch, n, sizeof *scratch, by_value);
    double limit = -1;
    for (size_t i = n; i > 0 && limit < 0; i--)
        if (scratch[i - 1] <= q * (double)i / (double)n)
            limit = scratch[i - 1];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        rejected_out[i] = sane(p[i]) <= limit;
        count += rejected_out[i];
    }
    if (n_rejected)
        *n_rejected = count;
    return WN_OK;
}

/* Shell sort of indices: no global for the comparison to read, and n is the number of streams. */
static void sort_by_p(const double *p, size_t *order, size_t n)
{
    size_t gap = 1;
    while (gap < n / 3)
        gap = gap * 3 + 1;
    for (; gap > 0; gap /= 3)
        for (size_t i = gap; i < n; i++) {
            size_t who = order[i], j = i;
            for (; j >= gap && sane(p[order[j - gap]]) > sane(p[who]); j -= gap)
                order[j] = order[j - gap];
            order[j] = who;
        }
}

void wn_fdr_adjust(const double *p, size_t n, size_t *order_scratch, double *q_out)
{
    double least = 1;
    for (size_t i = 0; i < n; i++)
        order_scratch[i] = i;
    sort_by_p(p, order_scratch, n);
    for (size_t i = n; i > 0; i--) {
        double q = sane(p[order_scratch[i - 1]]) * (double)n / (double)i;
        least = q < least ? q : least;
        q_out[order_scratch[i - 1]] = least;
    }
}

double wn_fdr_lord_gamma(double j)
{
    if (!(j >= 1) || j > 1e300)
        return 0;
    return 0.07720838 * log(j > 2 ? j : 2) / (j * exp(sqrt(log(j))));
}

/* j^-1.6 / zeta(1.6): sums to 1. */
static double saffron_gamma(double j)
{
    return j >= 1 ? pow(j, -1.6) / 2.28576564 : 0;
}

wn_rc wn_fdr_init(struct wn_fdr *f, wn_fdr_kind kind, double alpha, struct wn_why *why)
{
    if (!(alpha > 0) || !(alpha < 1))
        return wn_fail(why, WN_INVALID, "alpha", "the level must lie between 0 and 1");
    memset(f, 0, sizeof *f);
    f->kind = kind;
    f->alpha = alpha;
    f->w0 = alpha / 2;
    f->lambda = 0.5;
    return WN_OK;
}

static double lord_level(const struct wn_fdr *f)
{
    double t = (double)f->n + 1;
    double level = wn_fdr_lord_gamma(t) * f->w0;
    if (f->first_at)
        level += (f->alpha - f->w0) * wn_fdr_lord_gamma(t - (double)f->first_at);
    for (uint32_t i = 0; i < f->n_kept; i++)
        level += f->alpha * wn_fdr_lord_gamma(t - (double)f->at[i]);
    return level;
}

static double saffron_level(const struct wn_fdr *f)
{
    /* Time stands still for candidates: only p > lambda spends. */
    double t = (double)f->n + 1, c = (double)f->n_candidates;
    double level = saffron_gamma(t - c) * f->w0;
    if (f->first_at)
        level += (f->alpha - f->w0) *
                 saffron_gamma(t - (double)f->first_at - (c - (double)f->first_candidates));
    for (uint32_t i = 0; i < f->n_kept; i++)
        level += f->alpha * saffron_gamma(t - (double)f->at[i] - (c - (double)f->candidates[i]));
    level *= 1 - f->lambda;
    return level < f->lambda ? level : f->lambda;
}

double wn_fdr_level(const struct wn_fdr *f)
{
    return f->kind == WN_FDR_SAFFRON ? saffron_level(f) : lord_level(f);
}

bool wn_fdr_push(struct wn_fdr *f, double p)
{
    p = sane(p);
    bool rejected = p <= wn_fdr_level(f);
    f->n++;
    f->n_candidates += p <= f->lambda;
    if (!rejected)
        return false;
    f->n_rejected++;
    if (!f->first_at) {
        f->first_at = f->n;
        f->first_candidates = f->n_candidates;
        return true;
    }
    f->at[f->next] = f->n;
    f->candidates[f->next] = f->n_candidates;
    f->next = (f->next + 1) % WN_FDR_REJECTIONS_MAX;
    f->n_kept += f->n_kept < WN_FDR_REJECTIONS_MAX;
    return true;
}
