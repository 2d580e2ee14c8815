/* The members of the combination: small models, each fitted on one series up to one moment. */
#include "learn/forecast_int.h"

#include "learn/linalg.h"

#include <math.h>
#include <string.h>

/* ---- exponential smoothing --------------------------------------------------------------------
 */

enum { N_ALPHA = 13, N_BETA = 6, N_PHI = 4, N_GRID = N_ALPHA * N_BETA * N_PHI };
static const float alphas[N_ALPHA] = {0.02f, 0.05f, 0.1f, 0.15f, 0.2f, 0.3f, 0.4f,
                                      0.5f,  0.6f,  0.7f, 0.8f,  0.9f, 0.99f};
static const float betas[N_BETA] = {0.0f, 0.03f, 0.1f, 0.2f, 0.4f, 0.7f}; /* share of alpha */
static const float phis[N_PHI] = {0.8f, 0.9f, 0.95f, 0.98f};

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t t = 0; t < n; t++)
        sum += x[t];
    return sum / (double)n;
}

/* Runs smoothing with all alphas; [N_LEVELS]: a multiple of what registers hold, the rest unused. */
enum { N_LEVELS = 16 };

WN_WIDE static void run_levels(const double *x, size_t n, const double *restrict alpha,
                               double *restrict level, double *restrict error)
{
    for (size_t t = 0; t < n; t++)
        for (size_t k = 0; k < N_LEVELS; k++) {
            double e = x[t] - level[k];
            error[k] += e * e;
            level[k] += alpha[k] * e;
        }
}

/* The level after simple smoothing with the alpha of the smallest squared one-step error. It starts
 * from the mean of the first points. */
static double ses_level(const double *x, size_t n)
{
    double start = mean_of(x, n < 8 ? (n + 1) / 2 : 4);
    double alpha[N_LEVELS] = {0}, level[N_LEVELS], error[N_LEVELS] = {0};
    for (size_t k = 0; k < N_LEVELS; k++)
        level[k] = start;
    for (size_t k = 0; k < N_ALPHA; k++)
        alpha[k] = (double)alphas[k];
    run_levels(x, n, alpha, level, error);
    size_t best = 0;
    for (size_t k = 1; k < N_ALPHA; k++)
        if (error[k] < error[best])
            best = k;
    return level[best];
}

void wn_fc_ses(const double *x, size_t n, size_t horizon, double *out)
{
    double level = ses_level(x, n);
    for (size_t h = 0; h < horizon; h++)
        out[h] = level;
}

/* Theta with lines 0 and 2: half the regression line, half smoothing of the line that doubles the
 * curvature; as smoothing with a drift of half the slope (Hyndman and Billah, 2003), here by the
 * two lines themselves, which needs no correction for short series. */
void wn_fc_theta(const double *x, size_t n, size_t horizon, double *out)
{
    double mean = mean_of(x, n), middle = 0.5 * (double)(n - 1), sxy = 0, sxx = 0;
    for (size_t t = 0; t < n; t++) {
        double d = (double)t - middle;
        sxy += d * (x[t] - mean);
        sxx += d * d;
    }
    double slope = sxx > 0 ? sxy / sxx : 0;
    double line2[WN_FC_FIT_POINTS];
    WN_ASSERT(n <= WN_FC_FIT_POINTS);
    for (size_t t = 0; t < n; t++)
        line2[t] = 2 * x[t] - (mean + slope * ((double)t - middle));
    double level = ses_level(line2, n);
    for (size_t h = 0; h < horizon; h++)
        out[h] = 0.5 * (level + mean + slope * ((double)(n + h) - middle));
}

/* So many cells are stepped together: two or one registers of floats, by the machine. */
enum { LANES = 8 };
/* With fewer points all cells are tried at every fit. */
enum { CLIMB_POINTS = 100 };

/* A box of cells of the damped trend, each with its state. */
struct grid {
    float alpha[N_GRID], beta[N_GRID], phi[N_GRID], level[N_GRID], trend[N_GRID], error[N_GRID];
    struct wn_fc_cell cells[N_GRID];
    size_t n;
};

static void add_cell(struct grid *g, struct wn_fc_cell cell, float level, float trend)
{
    size_t k = g->n++;
    g->alpha[k] = alphas[cell.alpha];
    g->beta[k] = alphas[cell.alpha] * betas[cell.beta];
    g->phi[k] = phis[cell.phi];
    g->level[k] = level;
    g->trend[k] = trend;
    g->error[k] = 0;
    g->cells[k] = cell;
}

static uint16_t place_below(uint16_t middle, uint16_t reach)
{
    return middle > reach ? (uint16_t)(middle - reach) : 0;
}

static uint16_t place_above(uint16_t middle, uint16_t reach, uint16_t n)
{
    return (uint16_t)(middle + reach < n ? middle + reach : n - 1);
}

/* The cells at most `reach` places from the middle in each direction; their number is made a
 * multiple of LANES by repeating the last. */
static void grid_init(struct grid *g, struct wn_fc_cell middle, uint16_t reach, float level,
                      float trend)
{
    _Static_assert(N_GRID % LANES == 0, "cells are stepped together");
    struct wn_fc_cell c = {.is_known = true};
    g->n = 0;
    for (c.alpha = place_below(middle.alpha, reach);
         c.alpha <= place_above(middle.alpha, reach, N_ALPHA); c.alpha++)
        for (c.beta = place_below(middle.beta, reach);
             c.beta <= place_above(middle.beta, reach, N_BETA); c.beta++)
            for (c.phi = place_below(middle.phi, reach);
                 c.phi <= place_above(middle.phi, reach, N_PHI); c.phi++)
                add_cell(g, c, level, trend);
    while (g->n % LANES)
        add_cell(g, g->cells[g->n - 1], level, trend);
}

/* Separate arrays of floats and a fixed count, so that compilers use registers of several cells. */
static inline void step_lanes(float x, float *restrict level, float *restrict trend,
                              float *restrict error, const float *restrict alpha,
                              const float *restrict beta, const float *restrict phi)
{
    for (size_t k = 0; k < LANES; k++) {
        float damped = phi[k] * trend[k];
        float expected = level[k] + damped;
        float e = x - expected;
        error[k] += e * e;
        level[k] = expected + alpha[k] * e;
        trend[k] = damped + beta[k] * e;
    }
}

WN_WIDE static void grid_run(struct grid *g, const float *x, size_t n)
{
    for (size_t t = 0; t < n; t++)
        for (size_t k = 0; k < g->n; k += LANES)
            step_lanes(x[t], g->level + k, g->trend + k, g->error + k, g->alpha + k, g->beta + k,
                       g->phi + k);
}

/* The cell of the smallest squared one-step error, the first of equal ones, in the box. */
static struct wn_fc_cell best_of_box(struct wn_fc_cell middle, uint16_t reach, float level,
                                     float trend, const float *x, size_t n)
{
    struct grid g;
    size_t best = 0;
    grid_init(&g, middle, reach, level, trend);
    grid_run(&g, x, n);
    for (size_t k = 1; k < g.n; k++)
        if (g.error[k] < g.error[best])
            best = k;
    return g.cells[best];
}

/* Of all cells; or, from the best one of a few points less, downhill to the next valley, which on
 * series of some length is the same. */
static struct wn_fc_cell best_cell(struct wn_fc_cell from, float level, float trend, const float *x,
                                   size_t n)
{
    if (!from.is_known || n < CLIMB_POINTS)
        return best_of_box(from, N_GRID, level, trend, x, n);
    for (size_t step = 0; step < N_GRID; step++) {
        struct wn_fc_cell next = best_of_box(from, 1, level, trend, x, n);
        if (next.alpha == from.alpha && next.beta == from.beta && next.phi == from.phi)
            break;
        from = next;
    }
    return from;
}

/* Damped additive trend (Gardner and McKenzie 1985) with parameters from a grid. The points are
 * standardised: floats then are precise enough to compare cells, and the chosen one is run again
 * in doubles. */
void wn_fc_damped(const double *x, size_t n, size_t horizon, float *points, struct wn_fc_cell *cell,
                  double *out)
{
    double mean = mean_of(x, n), spread = 0;
    for (size_t t = 0; t < n; t++)
        spread += (x[t] - mean) * (x[t] - mean);
    spread = sqrt(spread / (double)n);
    if (!(spread > 0))
        spread = 1;
    for (size_t t = 0; t < n; t++)
        points[t] = (float)((x[t] - mean) / spread);
    size_t lead = n < 8 ? (n > 1 ? n - 1 : 0) : 7;
    double slope = lead ? (x[lead] - x[0]) / (double)lead : 0;
    if (n < 3)
        slope = 0;
    *cell = best_cell(*cell, points[0], (float)(slope / spread), points + 1, n - 1);
    double alpha = (double)alphas[cell->alpha], phi = (double)phis[cell->phi];
    double beta = (double)(alphas[cell->alpha] * betas[cell->beta]);
    double level = x[0], trend = slope;
    for (size_t t = 1; t < n; t++) {
        double e = x[t] - (level + phi * trend);
        level += phi * trend + alpha * e;
        trend = phi * trend + beta * e;
    }
    for (size_t h = 0; h < horizon; h++) {
        trend *= phi;
        level += trend;
        out[h] = level;
    }
}

/* ---- ridge autoregression ---------------------------------------------------------------------
 */

static const double RIDGE = 3, AGE_WEIGHT = 0.999;

static bool same_lags(const struct wn_fc_moments *m, const size_t *lags, size_t p)
{
    return m->n_lags == p && memcmp(m->lags, lags, p * sizeof *lags) == 0;
}

/* Products of so many points are summed in one go. */
enum { BLOCK_POINTS = 64 };

static void see_range(struct wn_fc_moments *m, const double *x, size_t from, size_t to)
{
    for (size_t t = from; t < to; t++) {
        m->low = x[t] < m->low ? x[t] : m->low;
        m->high = x[t] > m->high ? x[t] : m->high;
    }
}

static void moments_init(struct wn_fc_moments *m, const double *x, size_t n, const size_t *lags,
                         size_t p)
{
    memcpy(m->lags, lags, p * sizeof *lags);
    m->n_lags = p;
    m->n = lags[p - 1];
    m->origin = x[n - 1]; /* near the level, so that the products lose no digits to it */
    m->weight = 1;
    m->total = 0;
    m->low = m->high = x[0];
    see_range(m, x, 1, m->n);
    memset(m->sums, 0, sizeof m->sums);
    memset(m->products, 0, wn_packed_size(p + 1) * sizeof *m->products);
}

/* Adds k points of x, from m->n on. */
static void add_block(struct wn_fc_moments *m, const double *x, size_t k)
{
    double rows[WN_FC_LAGS_MAX + 1][BLOCK_POINTS], weights[BLOCK_POINTS], scaled[BLOCK_POINTS];
    for (size_t b = 0; b < k; b++) {
        weights[b] = m->weight;
        m->total += m->weight;
        m->weight *= 1 / AGE_WEIGHT;
    }
    double *at = m->products;
    for (size_t i = 0; i <= m->n_lags; i++) {
        const double *lagged = x + m->n - (i < m->n_lags ? m->lags[i] : 0);
        for (size_t b = 0; b < k; b++) {
            rows[i][b] = lagged[b] - m->origin;
            scaled[b] = weights[b] * rows[i][b];
        }
        m->sums[i] += wn_dot(weights, rows[i], k);
        for (size_t j = 0; j <= i; j++)
            *at++ += wn_dot(scaled, rows[j], k);
    }
    see_range(m, x, m->n, m->n + k);
    m->n += k;
}

/* Adds the points up to n of x to the moments of (lags..., target), or begins anew. */
static void add_moments(struct wn_fc_moments *m, const double *x, size_t n, const size_t *lags,
                        size_t p)
{
    if (m->n == 0 || m->n > n || !same_lags(m, lags, p))
        moments_init(m, x, n, lags, p);
    while (m->n < n)
        add_block(m, x, n - m->n < BLOCK_POINTS ? n - m->n : BLOCK_POINTS);
}

/* Means and centred products, with the newest point's weight 1. Returns the sum of the weights. */
static double centred_moments(const struct wn_fc_moments *m, double *means, double *products)
{
    double newest = m->weight * AGE_WEIGHT;
    for (size_t i = 0; i <= m->n_lags; i++)
        means[i] = m->sums[i] / m->total;
    for (size_t i = 0; i <= m->n_lags; i++)
        for (size_t j = 0; j <= i; j++)
            products[wn_packed_at(i, j)] =
                (m->products[wn_packed_at(i, j)] - m->total * means[i] * means[j]) / newest;
    return m->total / newest;
}

bool wn_fc_ridge_ar(const double *x, size_t n, size_t horizon, const size_t *lags, size_t n_lags,
                    struct wn_fc_moments *moments, struct wn_fc_scratch *w, double *out)
{
    size_t p = n_lags;
    if (p == 0 || n < lags[p - 1] + 2 * p + 2)
        return false;
    double means[WN_FC_LAGS_MAX + 1] = {0}, scale[WN_FC_LAGS_MAX];
    double *m = w->matrix, *b = w->vector;
    double *path = w->rows; /* the last points, as many as the longest lag, and what follows */
    size_t before = lags[p - 1];
    add_moments(moments, x, n, lags, p);
    double total = centred_moments(moments, means, m), level = moments->origin;
    for (size_t t = 0; t < before; t++)
        path[t] = x[n - before + t] - level;
    for (size_t i = 0; i < p; i++) {
        double variance = m[wn_packed_at(i, i)] / total;
        scale[i] = variance > 1e-24 ? 1 / sqrt(variance) : 0;
    }
    for (size_t i = 0; i < p; i++) {
        for (size_t j = 0; j <= i; j++)
            m[wn_packed_at(i, j)] *= scale[i] * scale[j];
        b[i] = m[wn_packed_at(p, i)] * scale[i];
        m[wn_packed_at(i, i)] += RIDGE;
    }
    if (wn_chol_factor(m, p, w->saved, NULL))
        return false;
    wn_chol_solve(m, p, b);
    double constant = means[p];
    for (size_t i = 0; i < p; i++) {
        b[i] *= scale[i];
        constant -= b[i] * means[i];
    }
    double low = moments->low - level, high = moments->high - level;
    double range = high - low;
    for (size_t h = 0; h < horizon; h++) {
        double f = constant;
        for (size_t i = 0; i < p; i++)
            f += b[i] * path[before + h - lags[i]];
        path[before + h] = fmin(fmax(f, low - range), high + range);
        out[h] = level + path[before + h];
    }
    return true;
}

/* The lags of the autoregression on the series as it is. */
static size_t lags_of(const struct wn_fc_prepared *s, size_t n, size_t *lags)
{
    size_t m = s->n_seasons ? s->seasons[0] : 1, big = s->n_seasons == 2 ? s->seasons[1] : 0, k = 0;
    if (big && m > 4 && big > 2 * m + 1 && n >= 2 * big) {
        const size_t both[] = {1, 2, 3, m - 1, m, m + 1, 2 * m, big - 1, big, big + 1};
        memcpy(lags, both, sizeof both);
        return WN_COUNT(both);
    }
    for (size_t lag = 1; lag <= 3; lag++)
        lags[k++] = lag;
    if (s->n_seasons && m >= 4 && n >= 2 * m + 12) {
        if (m > 5)
            lags[k++] = 4;
        lags[k++] = m;
        lags[k++] = m + 1;
    }
    return k;
}

static struct wn_fc_moments *fresh(struct wn_fc_scratch *w)
{
    w->moments[2].n = 0;
    return &w->moments[2];
}

/* Autoregression around the seasonal shape: of the level where the data have two seasons (its
 * weekly shape leaves daily echoes), else of the changes. */
static bool ar_deseasoned(const struct wn_fc_prepared *s, size_t n, size_t horizon,
                          struct wn_fc_scratch *w, double *out)
{
    const double *x = w->deseasoned;
    if (s->n_seasons == 2 && s->seasons[0] > 4 && n > 4 * s->seasons[0]) {
        size_t m = s->seasons[0];
        const size_t lags[] = {1, 2, 3, m - 1, m, m + 1, 2 * m};
        return wn_fc_ridge_ar(x, n, horizon, lags, WN_COUNT(lags), fresh(w), w, out);
    }
    static const size_t lags[] = {1, 2, 3, 4};
    if (n < 6)
        return false;
    double *changes = w->profile;
    for (size_t t = 0; t + 1 < n; t++)
        changes[t] = x[t + 1] - x[t];
    if (!wn_fc_ridge_ar(changes, n - 1, horizon, lags, n < 24 ? 2 : 4, fresh(w), w, out))
        return false;
    double level = x[n - 1];
    for (size_t h = 0; h < horizon; h++)
        out[h] = level += out[h];
    return true;
}

/* The same on the scale of the values, where sums move rather than shares: which scale is right is
 * not known, so both are asked. out on the working scale. */
static bool ar_plain(const struct wn_fc_prepared *s, size_t n, size_t horizon, const size_t *lags,
                     size_t n_lags, struct wn_fc_scratch *w, double *out)
{
    if (!s->plain || !wn_fc_ridge_ar(s->plain, n, horizon, lags, n_lags, &w->moments[1], w, out))
        return false;
    for (size_t h = 0; h < horizon; h++) {
        double value = out[h] * s->error_unit; /* 0 and less: as low as the caller's bound goes */
        out[h] = value > 0 && value < HUGE_VAL ? wn_fc_to_working(s, value)
                 : value > 0                   ? s->z_high
                                               : -HUGE_VAL;
    }
    return true;
}

/* ---- seasons again ----------------------------------------------------------------------------
 */

/* The mean of the last `recent` points, less that of the same points `lag` earlier. */
static double level_shift(const double *z, size_t n, size_t recent, size_t lag)
{
    if (n - lag < recent)
        recent = n - lag;
    return mean_of(z + n - recent, recent) - mean_of(z + n - lag - recent, recent);
}

/* The short season again; the last long one, moved to the recent level; and the last two so. */
static void season_members(const double *z, size_t n, size_t shortest, size_t longest,
                           size_t horizon, double *snaive, double *cycles, double *shifted)
{
    size_t recent = horizon < longest ? horizon : longest;
    double shift = level_shift(z, n, recent, longest);
    double shift2 = level_shift(z, n, recent, 2 * longest);
    for (size_t h = 0; h < horizon; h++) {
        size_t at = n - longest + h % longest;
        snaive[h] = z[n - shortest + h % shortest];
        shifted[h] = z[at] + shift;
        cycles[h] = shifted[h] * (2.0 / 3) + (z[at - longest] + shift2) / 3;
    }
}

/* ---- all of them ------------------------------------------------------------------------------
 */

void wn_fc_members(const struct wn_fc_prepared *s, size_t n, size_t horizon,
                   struct wn_fc_scratch *w, double *out, bool *usable)
{
    double *member[WN_FORECAST_MEMBERS];
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) {
        member[k] = out + k * horizon;
        usable[k] = true;
    }
    size_t period = wn_fc_deseason(s, n, w);
    const double *x = w->deseasoned;
    size_t n_fit = n < WN_FC_FIT_POINTS ? n : WN_FC_FIT_POINTS;
    const double *tail = x + n - n_fit;
    wn_fc_theta(tail, n_fit, horizon, member[WN_MEMBER_THETA]);
    wn_fc_damped(tail, n_fit, horizon, w->points, &w->damped, member[WN_MEMBER_DAMPED]);
    wn_fc_ses(tail, n_fit, horizon, member[WN_MEMBER_SES]);
    for (size_t h = 0; h < horizon; h++)
        member[WN_MEMBER_NAIVE][h] = x[n - 1];
    usable[WN_MEMBER_AR_DESEASONED] =
        ar_deseasoned(s, n, horizon, w, member[WN_MEMBER_AR_DESEASONED]);
    static const wn_forecast_member deseasoned[] = {
        WN_MEMBER_THETA, WN_MEMBER_DAMPED, WN_MEMBER_SES, WN_MEMBER_NAIVE, WN_MEMBER_AR_DESEASONED};
    for (size_t i = 0; i < WN_COUNT(deseasoned); i++)
        for (size_t h = 0; h < horizon; h++)
            member[deseasoned[i]][h] += w->index[(n + h) % period];

    size_t lags[WN_FC_LAGS_MAX];
    size_t n_lags = lags_of(s, n, lags);
    usable[WN_MEMBER_AR] =
        wn_fc_ridge_ar(s->z, n, horizon, lags, n_lags, &w->moments[0], w, member[WN_MEMBER_AR]);
    usable[WN_MEMBER_AR_PLAIN] =
        ar_plain(s, n, horizon, lags, n_lags, w, member[WN_MEMBER_AR_PLAIN]);
    bool seasonal = period > 1 && n >= 2 * period + 1;
    usable[WN_MEMBER_SNAIVE] = usable[WN_MEMBER_CYCLES] = usable[WN_MEMBER_LAST_YEAR] = seasonal;
    if (seasonal)
        season_members(s->z, n, s->seasons[0], period, horizon, member[WN_MEMBER_SNAIVE],
                       member[WN_MEMBER_CYCLES], member[WN_MEMBER_LAST_YEAR]);

    /* No member leaves history by more than its range. */
    double range = s->z_high - s->z_low;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        for (size_t h = 0; h < horizon; h++) {
            double z = fmin(fmax(member[k][h], s->z_low - range), s->z_high + range);
            member[k][h] = usable[k] ? wn_fc_from_working(s, z) : 0;
        }
}
