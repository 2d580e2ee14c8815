/* The widths of the intervals: conformal, from what the combination missed in its back-tests, shared
 * among the series of a call.
 *
 * An error is measured in spreads of its series. What counts is that the spread of a tested window
 * is known as well as that of the forecast will be: so the window itself has no part in it, and a
 * series that has one window, or none, is compared with others as they look by one, or by none
 * (Vovk, Gammerman and Shafer 2005: the conformity of the new example is measured as that of the
 * old ones; separate quantiles by kind of example, there "Mondrian" predictors). */
#include "learn/conformal.h"
#include "learn/forecast_int.h"

#include <math.h>

/* The distribution assumed beforehand counts as much as so many back-tests, and what all series
 * show counts as so many in a kind. From 20 to 150 of the latter the coverage at earlier ends of
 * the training parts (bench/learn/replay.h) changes by .6 points at most. */
static const double PRIOR_WINDOWS = 10, KIND_WINDOWS = 100;

/* Kinds of series: without an error of their own; with one window; with more, and about so many
 * points (a kind a doubling), for with little to learn from errors scatter more around their spread.
 * ALL are those of all lengths with more than one window. */
enum { BLIND, ONE_WINDOW, BY_LENGTH, N_KINDS = 20, ALL = N_KINDS };

struct pool {
    const struct wn_forecast *f; /* [n_series] */
    struct wn_fc_spread *s;      /* [n_series] */
    size_t n_series, horizon, n_levels;
    const double *levels;
    /* The middle of all series: of the error in units of the series' own change, and of that
     * change. Medians, so that the order of the series does not matter. */
    double middle_error, middle_unit;
    size_t n_of_kind[N_KINDS];
    size_t n_windows[N_KINDS + 1]; /* of kinds by length, and of ALL */
    double *quantiles[N_KINDS];    /* [n_levels][horizon], in spreads; NULL where no series is */
    double *scratch;               /* [3 * windows of all series] */
};

static double unit_of(const struct wn_fc_spread *s)
{
    return s->z_unit > 0 ? s->z_unit : 1;
}

static size_t kind_of(const struct wn_forecast *f, const struct wn_fc_spread *s)
{
    if (f->state != WN_FORECAST_FITTED)
        return BLIND;
    if (f->n_windows < 2)
        return ONE_WINDOW;
    size_t kind = BY_LENGTH;
    for (size_t n = s->prepared.n; n > 1 && kind + 1 < N_KINDS; n /= 2)
        kind++;
    return kind;
}

/* ---- how errors grow with the step ------------------------------------------------------------
 */

static double rms(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum / (double)n);
}

/* What is assumed beforehand: with the root of the step; 1 at the middle one. */
static double root_growth(size_t h, size_t horizon)
{
    return sqrt((double)(h + 1) / (0.5 * (double)(horizon + 1)));
}

/* Up to a factor: as assumed, as far as the series that were tested over the whole horizon do not
 * show something else. */
static void find_growth(const struct pool *p, double *growth)
{
    size_t n_windows = 0;
    for (size_t h = 0; h < p->horizon; h++) {
        size_t n = 0;
        n_windows = 0;
        for (size_t i = 0; i < p->n_series; i++) {
            if (p->f[i].state != WN_FORECAST_FITTED || p->s[i].n_steps < p->horizon)
                continue;
            n_windows += p->f[i].n_windows;
            for (size_t v = 0; v < p->f[i].n_windows; v++) {
                double score = p->s[i].scores[v * p->horizon + h];
                if (!isnan(score))
                    p->scratch[n++] = fabs(score) / unit_of(&p->s[i]);
            }
        }
        growth[h] = wn_conformal_quantile(p->scratch, n, 0.8, NULL);
    }
    double seen = rms(growth, p->horizon), share = (double)n_windows;
    share = seen > 0 ? share / (share + PRIOR_WINDOWS) : 0;
    for (size_t h = 0; h < p->horizon; h++)
        growth[h] =
            (seen > 0 ? share * growth[h] / seen : 0) + (1 - share) * root_growth(h, p->horizon);
}

/* Spreads seen over a part of the horizon only, as they would be over all of it. */
static void stretch(struct wn_fc_spread *s, size_t n_windows, const double *growth, size_t horizon)
{
    if (s->n_steps == 0 || s->n_steps >= horizon)
        return;
    double by = rms(growth, horizon) / rms(growth, s->n_steps);
    s->all *= by;
    for (size_t v = 0; v < n_windows; v++) {
        s->others[v] *= by;
        s->apart[v] *= by;
    }
}

/* ---- spreads ----------------------------------------------------------------------------------
 */

static double median_or_zero(double *x, size_t n)
{
    return n ? wn_select(x, n, n / 2) : 0;
}

/* Also counts series and windows of each kind. */
static void find_middles(struct pool *p)
{
    size_t n_errors = 0, n_units = 0;
    for (size_t i = 0; i < p->n_series; i++)
        if (p->s[i].z_unit > 0)
            p->scratch[n_units++] = p->s[i].z_unit;
    p->middle_unit = median_or_zero(p->scratch, n_units);
    for (size_t i = 0; i < p->n_series; i++) {
        size_t kind = kind_of(&p->f[i], &p->s[i]);
        p->n_of_kind[kind]++;
        if (kind >= BY_LENGTH) {
            p->n_windows[kind] += p->f[i].n_windows;
            p->n_windows[ALL] += p->f[i].n_windows;
        }
        if (kind != BLIND && p->s[i].all > 0)
            p->scratch[n_errors++] = p->s[i].all / unit_of(&p->s[i]);
    }
    p->middle_error = median_or_zero(p->scratch, n_errors);
}

/* A series' own spread is trusted n / (n + 1), in logarithms; the rest is the middle of all. */
static double shrunk(double own, double n_windows, double middle)
{
    if (!(middle > 0))
        return own;
    if (!(own > 0))
        return 0;
    double share = n_windows / (n_windows + 1);
    return exp(share * log(own) + (1 - share) * log(middle));
}

/* The spread that errors of window v are measured in. 0 = there is none. */
static double spread_of_window(const struct pool *p, size_t i, size_t v, size_t kind)
{
    double borrowed = p->middle_error * unit_of(&p->s[i]);
    if (kind == BLIND)
        return borrowed;
    if (kind == ONE_WINDOW)
        return shrunk(p->s[i].apart[v], 1, borrowed);
    return shrunk(p->s[i].others[v], p->s[i].n_others[v], borrowed);
}

/* Where a series has no errors of its own. */
static double borrowed_spread(const struct pool *p, const struct wn_fc_spread *s)
{
    double unit = s->z_unit > 0 ? s->z_unit : p->middle_unit;
    if (!(unit > 0)) /* one point, and no others: as much as itself a step; of a zero, nothing */
        unit = s->prepared.scale == WN_FC_ASINH ? 0 : 1;
    if (p->middle_error > 0)
        return p->middle_error * unit;
    /* 1.25: from a mean to a root mean square, for normal errors. */
    return 1.25 * unit * sqrt(0.5 * (double)(p->horizon + 1));
}

/* How many windows the spreads of tested windows rest on: what is ahead is trusted like them. */
static double windows_known(const struct wn_fc_spread *s, size_t n_windows)
{
    double sum = 0;
    for (size_t v = 0; v < n_windows; v++)
        sum += s->n_others[v];
    return n_windows < 2 ? 1 : sum / (double)n_windows;
}

/* The spread of the errors to come. */
static double spread_ahead(const struct pool *p, size_t i)
{
    const struct wn_forecast *f = &p->f[i];
    const struct wn_fc_spread *s = &p->s[i];
    if (f->state == WN_FORECAST_CONSTANT || f->state == WN_FORECAST_EMPTY)
        return 0;
    /* One window without an error is luck, several are a series that can be known. */
    if (f->state != WN_FORECAST_FITTED || (f->n_windows < 2 && !(s->all > 0)))
        return borrowed_spread(p, s);
    return shrunk(s->all, windows_known(s, f->n_windows), p->middle_error * unit_of(s));
}

/* ---- quantiles --------------------------------------------------------------------------------
 */

/* Scores of step h and its neighbours, of the series with more than one window: of one kind by
 * length, else of all lengths. */
static size_t gather_scores(const struct pool *p, size_t kind, size_t h)
{
    size_t n = 0, from = h > 0 ? h - 1 : 0, to = h + 1 < p->horizon ? h + 2 : p->horizon;
    for (size_t i = 0; i < p->n_series; i++) {
        size_t own = kind_of(&p->f[i], &p->s[i]);
        if (own < BY_LENGTH || (kind >= BY_LENGTH && kind != ALL && own != kind))
            continue;
        for (size_t v = 0; v < p->f[i].n_windows; v++) {
            double by = spread_of_window(p, i, v, kind);
            if (!(by > 0))
                continue;
            for (size_t j = from; j < to; j++) {
                double score = p->s[i].scores[v * p->horizon + j];
                if (!isnan(score))
                    p->scratch[n++] = fabs(score) / by;
            }
        }
    }
    return n;
}

/* out, assumed [n_levels][horizon]; assumed counts as so many windows. */
static void find_quantiles(const struct pool *p, size_t kind, const double *assumed,
                           double assumed_windows, double *out)
{
    size_t counted = kind < BY_LENGTH ? ALL : kind;
    for (size_t h = 0; h < p->horizon; h++) {
        size_t n = gather_scores(p, kind, h);
        double windows = n ? (double)p->n_windows[counted] : 0;
        for (size_t l = 0; l < p->n_levels; l++) {
            size_t at = l * p->horizon + h;
            double seen = wn_conformal_quantile(p->scratch, n, p->levels[l], NULL);
            out[at] =
                (windows * seen + assumed_windows * assumed[at]) / (windows + assumed_windows);
        }
    }
}

static wn_rc find_all_quantiles(struct pool *p, struct wn_arena *work)
{
    size_t n = p->n_levels * p->horizon;
    double *assumed = WN_ARENA_ARRAY(work, n, double), *all = WN_ARENA_ARRAY(work, n, double);
    if (!assumed || !all)
        return WN_MEMORY;
    for (size_t l = 0; l < p->n_levels; l++)
        for (size_t h = 0; h < p->horizon; h++)
            assumed[l * p->horizon + h] =
                wn_student5_halfwidth(p->levels[l]) * root_growth(h, p->horizon);
    find_quantiles(p, ALL, assumed, PRIOR_WINDOWS, all);
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        if (p->n_of_kind[kind] == 0)
            continue;
        p->quantiles[kind] = WN_ARENA_ARRAY(work, n, double);
        if (!p->quantiles[kind])
            return WN_MEMORY;
        if (kind >= BY_LENGTH)
            find_quantiles(p, kind, all, KIND_WINDOWS, p->quantiles[kind]);
        else
            find_quantiles(p, kind, assumed, PRIOR_WINDOWS, p->quantiles[kind]);
    }
    return WN_OK;
}

/* ---- intervals --------------------------------------------------------------------------------
 */

static void put_interval(const struct pool *p, size_t i, struct wn_forecast *f)
{
    const struct wn_fc_spread *s = &p->s[i];
    const double *quantiles = p->quantiles[kind_of(f, s)];
    double by = spread_ahead(p, i);
    for (size_t l = 0; l < p->n_levels; l++) {
        double widest = 0;
        for (size_t h = 0; h < p->horizon; h++) {
            double half = by * quantiles[l * p->horizon + h], mean = f->mean[h];
            widest = fmax(widest, half);
            if (s->widens)
                half = widest;
            double low = mean, high = mean;
            if (half > 0) {
                double z = wn_fc_to_working(&s->prepared, mean);
                low = fmin(wn_fc_from_working(&s->prepared, z - half), mean);
                high = fmax(wn_fc_from_working(&s->prepared, z + half), mean);
            }
            f->low[l * p->horizon + h] = low;
            f->high[l * p->horizon + h] = high;
        }
    }
}

wn_rc wn_fc_intervals(struct wn_forecast *f, struct wn_fc_spread *s, size_t n_series,
                      size_t n_windows, const double *levels, size_t n_levels,
                      struct wn_arena *work)
{
    if (n_series == 0)
        return WN_OK;
    struct pool p = {.f = f,
                     .s = s,
                     .n_series = n_series,
                     .horizon = f[0].horizon,
                     .levels = levels,
                     .n_levels = n_levels};
    double *growth = WN_ARENA_ARRAY(work, p.horizon, double);
    p.scratch = WN_ARENA_ARRAY(work, n_series * (n_windows * 3 + 1), double);
    if (!growth || !p.scratch)
        return WN_MEMORY;
    find_growth(&p, growth);
    for (size_t i = 0; i < n_series; i++)
        stretch(&s[i], f[i].n_windows, growth, p.horizon);
    find_middles(&p);
    wn_rc rc = find_all_quantiles(&p, work);
    for (size_t i = 0; i < n_series && !rc; i++)
        put_interval(&p, i, &f[i]);
    return rc;
}
