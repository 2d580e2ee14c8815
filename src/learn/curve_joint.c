/* Several channels behind one revenue series: the posterior over their cells, returns, base and
 * controls by Gibbs sampling. */
#include "learn/curve.h"
#include "learn/linalg.h"
#include "learn/special.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS_MAX = 64, CONTROLS_MAX = 256, STEPS_MAX = 100000, SWEEPS_MAX = 100000 };
#define CONTROL_SD 2. /* of a standardised control's effect, in standard deviations of revenue */

/* Everything in units of the mean revenue; spends of their own means. */
struct joint {
    struct curve_grid grid;
    struct wn_arena scratch;
    size_t n_channels, n_steps, n_known, n_columns; /* columns: channels, base, controls */
    size_t n_sweeps, n_kept;
    double revenue_scale, spend_scale[CHANNELS_MAX], prior[CHANNELS_MAX];
    double *y;        /* [n_known] */
    double *features; /* [n_channels][CURVE_CELLS_FINE][n_known] */
    double *controls; /* [n_columns - n_channels][n_known]: ones, then standardised controls */
    double *totals;   /* [n_channels][CURVE_CELLS_FINE]: sums of features over all steps */
    int cell[CHANNELS_MAX];
    double *beta;              /* [n_columns] */
    double noise;              /* variance */
    double *residual;          /* [n_known] */
    double *a, *saved, *b, *z; /* normal equations */
    double *kept;              /* [n_channels][n_sweeps] contributions */
    struct wn_rand *rand;
};

/* What the sweeps have shown of one channel. */
struct tally {
    double n[CURVE_CELLS_FINE], sum[CURVE_CELLS_FINE], square[CURVE_CELLS_FINE];
};

static double sq(double x)
{
    return x * x;
}

/* ---- set-up --------------------------------------------------------------------------------------
 */

static wn_rc check(const double *spend, size_t n_channels, const double *revenue, size_t n_steps,
                   const double *controls, size_t n_controls, struct wn_why *why)
{
    char name[64];
    if (n_channels == 0 || n_steps == 0 || !spend || !revenue)
        return wn_fail(why, WN_INVALID, NULL, "a joint fit needs channels and steps");
    if (n_channels > CHANNELS_MAX || n_controls > CONTROLS_MAX || n_steps > STEPS_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "at most %d channels, %d controls and %d steps",
                       CHANNELS_MAX, CONTROLS_MAX, STEPS_MAX);
    for (size_t i = 0; i < n_channels * n_steps; i++)
        if (!(spend[i] >= 0 && spend[i] <= WN_MONEY_MAX)) {
            snprintf(name, sizeof name, "spend[%zu][%zu]", i / n_steps, i % n_steps);
            return wn_fail(why, WN_INVALID, name, "%s must be from 0 to 9.2e12", name);
        }
    for (size_t t = 0; t < n_steps; t++)
        if (!isnan(revenue[t]) && !(revenue[t] >= 0 && revenue[t] <= WN_MONEY_MAX)) {
            snprintf(name, sizeof name, "revenue[%zu]", t);
            return wn_fail(why, WN_INVALID, name, "%s must be from 0 to 9.2e12, or NaN", name);
        }
    for (size_t i = 0; controls && i < n_controls * n_steps; i++)
        if (!(fabs(controls[i]) <= 1e150)) {
            snprintf(name, sizeof name, "controls[%zu][%zu]", i / n_steps, i % n_steps);
            return wn_fail(why, WN_INVALID, name, "%s is not a number", name);
        }
    return WN_OK;
}

static wn_rc allocate(struct joint *j)
{
    size_t n = j->n_known, p = j->n_columns;
    struct wn_arena *s = &j->scratch;
    j->y = WN_ARENA_ARRAY(s, n, double);
    j->features = WN_ARENA_ARRAY(s, j->n_channels * CURVE_CELLS_FINE * n, double);
    j->controls = WN_ARENA_ARRAY(s, (p - j->n_channels) * n, double);
    j->totals = WN_ARENA_ARRAY(s, j->n_channels * CURVE_CELLS_FINE, double);
    j->beta = WN_ARENA_ARRAY(s, p, double);
    j->residual = WN_ARENA_ARRAY(s, n, double);
    j->a = WN_ARENA_ARRAY(s, wn_packed_size(p), double);
    j->saved = WN_ARENA_ARRAY(s, wn_packed_size(p), double);
    j->b = WN_ARENA_ARRAY(s, p, double);
    j->z = WN_ARENA_ARRAY(s, p, double);
    j->kept = WN_ARENA_ARRAY(s, j->n_channels * j->n_sweeps, double);
    return j->y && j->features && j->controls && j->totals && j->beta && j->residual && j->a &&
                   j->saved && j->b && j->z && j->kept
               ? WN_OK
               : WN_MEMORY;
}

/* Features of one channel in every cell: H of its stock. */
static void make_features(struct joint *j, size_t c, const double *spend, const double *revenue)
{
    double h[CURVE_SHAPES], sum = 0;
    for (size_t t = 0; t < j->n_steps; t++)
        sum += spend[t] / (double)j->n_steps;
    j->spend_scale[c] = sum;
    double *features = j->features + c * CURVE_CELLS_FINE * j->n_known;
    double *totals = j->totals + c * CURVE_CELLS_FINE;
    for (int k = 0; k < j->grid.n_carries && sum > 0; k++) {
        double stock = 0, carry = j->grid.carry[k];
        size_t at = 0;
        for (size_t t = 0; t < j->n_steps; t++) {
            /* What was spent before the first step is taken to have been the mean. */
            stock = carry * (t ? stock : 1) + (1 - carry) * spend[t] / sum;
            curve_shapes_at(&j->grid, stock, h);
            for (int s = 0; s < CURVE_SHAPES; s++) {
                size_t cell = (size_t)k * CURVE_SHAPES + (size_t)s;
                totals[cell] += h[s];
                if (!isnan(revenue[t]))
                    features[cell * j->n_known + at] = h[s];
            }
            at += isnan(revenue[t]) ? 0 : 1;
        }
    }
}

/* Controls over the known steps with mean 0 and deviation 1; constant ones become 0. */
static void make_control(const struct joint *j, const double *from, const double *revenue,
                         double *to)
{
    double mean = 0, square = 0;
    size_t at = 0;
    for (size_t t = 0; t < j->n_steps; t++)
        if (!isnan(revenue[t])) {
            to[at++] = from[t];
            mean += from[t] / (double)j->n_known;
        }
    for (size_t k = 0; k < at; k++)
        square += sq(to[k] - mean) / (double)j->n_known;
    double sd = sqrt(square);
    for (size_t k = 0; k < at; k++)
        to[k] = sd > 1e-12 * fabs(mean) ? (to[k] - mean) / sd : 0;
}

/* Prior of each return: together the channels bring half of the revenue, in proportion to their
 * spend, give or take all of it. */
static void make_priors(struct joint *j)
{
    double total = 0;
    for (size_t c = 0; c < j->n_channels; c++)
        total += j->spend_scale[c];
    for (size_t c = 0; c < j->n_channels; c++)
        j->prior[c] =
            total > 0 ? fmax(.5 * j->spend_scale[c] / total, .1 / (double)j->n_channels) : 1;
}

/* ---- sampling -------------------------------------------------------------------------------------
 */

static double *feature(const struct joint *j, size_t c, int cell)
{
    return j->features + (c * CURVE_CELLS_FINE + (size_t)cell) * j->n_known;
}

static const double *column(const struct joint *j, size_t k)
{
    return k < j->n_channels ? feature(j, k, j->cell[k])
                             : j->controls + (k - j->n_channels) * j->n_known;
}

static double prior_mean(const struct joint *j, size_t k)
{
    if (k < j->n_channels)
        return j->prior[k] / j->grid.at_mean[j->cell[k] % CURVE_SHAPES];
    return k == j->n_channels ? .5 : 0;
}

static double prior_sd(const struct joint *j, size_t k, double y_sd)
{
    if (k < j->n_channels)
        return 2 * prior_mean(j, k);
    return k == j->n_channels ? 1 : CONTROL_SD * y_sd;
}

static void set_residual(struct joint *j)
{
    memcpy(j->residual, j->y, j->n_known * sizeof *j->y);
    for (size_t k = 0; k < j->n_columns; k++) {
        const double *x = column(j, k);
        for (size_t t = 0; t < j->n_known; t++)
            j->residual[t] -= j->beta[k] * x[t];
    }
}

static int draw_index(struct wn_rand *r, const double *logs, int n)
{
    double total = wn_log_sum_exp(logs, (size_t)n), u = wn_rand_uniform(r);
    for (int i = 0; i < n - 1; i++) {
        u -= exp(logs[i] - total);
        if (u < 0)
            return i;
    }
    return n - 1;
}

/* The cell of one channel given all else, its return integrated out (positive part of a normal),
 * then the return itself. */
static void sample_cell(struct joint *j, size_t c)
{
    double logs[CURVE_CELLS_FINE], means[CURVE_CELLS_FINE], sds[CURVE_CELLS_FINE];
    const double *now = feature(j, c, j->cell[c]);
    for (size_t t = 0; t < j->n_known; t++)
        j->residual[t] += j->beta[c] * now[t];
    for (int k = 0; k < CURVE_CELLS_FINE; k++) {
        const double *x = feature(j, c, k);
        double b0 = j->prior[c] / j->grid.at_mean[k % CURVE_SHAPES], v0 = sq(2 * b0);
        double precision = 1 / v0 + wn_dot(x, x, j->n_known) / j->noise;
        double mean = (b0 / v0 + wn_dot(x, j->residual, j->n_known) / j->noise) / precision;
        means[k] = mean;
        sds[k] = 1 / sqrt(precision);
        logs[k] = log(j->grid.prior[k]) - .5 * log(precision * v0) +
                  .5 * (mean * mean * precision - b0 * b0 / v0) +
                  wn_normal_log_upper(-mean / sds[k]);
    }
    int k = j->cell[c] = draw_index(j->rand, logs, CURVE_CELLS_FINE);
    /* Inversion of the cdf above 0. */
    double below = wn_normal_cdf(-means[k] / sds[k]);
    double p = below + (1 - below) * wn_rand_open(j->rand);
    double draw = means[k] + sds[k] * wn_normal_quantile(p);
    j->beta[c] = below > 1 - 1e-12 ? 1e-9 * j->prior[c] : fmax(draw, 0);
    const double *x = feature(j, c, k);
    for (size_t t = 0; t < j->n_known; t++)
        j->residual[t] -= j->beta[c] * x[t];
}

/* All coefficients at once, given the cells; kept only when every return stays positive, which
 * leaves the distribution right. A few tries, else the old ones stand. */
static void sample_beta(struct joint *j, double y_sd)
{
    size_t p = j->n_columns;
    memset(j->a, 0, wn_packed_size(p) * sizeof *j->a);
    for (size_t k = 0; k < p; k++) {
        double v = sq(prior_sd(j, k, y_sd));
        for (size_t i = 0; i <= k; i++)
            j->a[wn_packed_at(k, i)] =
                wn_dot(column(j, k), column(j, i), j->n_known) / j->noise + (i == k ? 1 / v : 0);
        j->b[k] = wn_dot(column(j, k), j->y, j->n_known) / j->noise + prior_mean(j, k) / v;
    }
    if (wn_chol_factor(j->a, p, j->saved, NULL))
        return; /* singular to working precision: the old coefficients stand */
    wn_chol_solve(j->a, p, j->b);
    for (int attempt = 0; attempt < 8; attempt++) {
        bool positive = true;
        for (size_t k = 0; k < p; k++)
            j->z[k] = wn_rand_normal(j->rand);
        wn_chol_backward(j->a, p, j->z);
        for (size_t k = 0; k < j->n_channels; k++)
            positive = positive && j->b[k] + j->z[k] >= 0;
        if (!positive)
            continue;
        for (size_t k = 0; k < p; k++)
            j->beta[k] = j->b[k] + j->z[k];
        break;
    }
}

static void sample_noise(struct joint *j)
{
    double rss = wn_dot(j->residual, j->residual, j->n_known);
    double shape = .5 * (double)j->n_known + 1;
    j->noise = fmax((.5 * rss + 1e-9) / wn_rand_gamma(j->rand, shape), 1e-12);
}

static void sample(struct joint *j, struct tally *tallies)
{
    double mean = 0, square = 0;
    for (size_t t = 0; t < j->n_known; t++)
        mean += j->y[t] / (double)j->n_known;
    for (size_t t = 0; t < j->n_known; t++)
        square += sq(j->y[t] - mean) / (double)j->n_known;
    double y_sd = fmax(sqrt(square), 1e-6);
    j->noise = fmax(.25 * square, 1e-9);
    for (size_t c = 0; c < j->n_channels; c++) { /* start from the middle of the prior */
        j->cell[c] = 3 * CURVE_SLOPES + 1;
        j->beta[c] = prior_mean(j, c);
    }
    j->beta[j->n_channels] = .5;
    size_t burn = j->n_sweeps / 4 + 50;
    for (size_t s = 0; s < burn + j->n_sweeps; s++) {
        sample_beta(j, y_sd);
        set_residual(j);
        for (size_t c = 0; c < j->n_channels; c++)
            if (j->spend_scale[c] > 0)
                sample_cell(j, c);
        sample_noise(j);
        if (s < burn)
            continue;
        for (size_t c = 0; c < j->n_channels; c++) {
            size_t cell = (size_t)j->cell[c];
            tallies[c].n[cell]++;
            tallies[c].sum[cell] += j->beta[c];
            tallies[c].square[cell] += sq(j->beta[c]);
            j->kept[c * j->n_sweeps + j->n_kept] =
                j->beta[c] * j->totals[c * CURVE_CELLS_FINE + cell] * j->revenue_scale;
        }
        j->n_kept++;
    }
}

/* ---- results ---------------------------------------------------------------------------------------
 */

static void describe(const struct joint *j, size_t c, const double *spend, struct wn_curve *out)
{
    size_t n = j->n_steps, recent = n < 7 ? n : 7;
    double square = 0;
    out->spend_min = INFINITY;
    for (size_t t = 0; t < n; t++) {
        out->spend_min = fmin(out->spend_min, spend[t]);
        out->spend_max = fmax(out->spend_max, spend[t]);
        square += sq(spend[t] / j->spend_scale[c] - 1) / (double)n;
        if (t + recent >= n)
            out->spend_now += spend[t] / (double)recent;
    }
    out->spend_mean = j->spend_scale[c];
    out->spend_cv = sqrt(square);
    out->noise_sd = sqrt(j->noise) * j->revenue_scale;
    out->n_observed = (uint32_t)j->n_known;
    out->is_identified = out->spend_cv >= .1 && j->n_known >= 7;
}

static wn_rc conclude(struct wn_arena *a, const struct joint *j, const struct tally *tallies,
                      const double *spend, struct wn_curve *curves)
{
    double *x = WN_ARENA_ARRAY(a, WN_CURVE_POINTS, double);
    struct curve_belief b;
    if (!x)
        return WN_MEMORY;
    memcpy(x, j->grid.x, sizeof j->grid.x);
    for (size_t c = 0; c < j->n_channels; c++) {
        const struct tally *t = &tallies[c];
        curves[c].is_empty = !(j->spend_scale[c] > 0);
        if (curves[c].is_empty)
            continue;
        describe(j, c, spend + c * j->n_steps, &curves[c]);
        for (int k = 0; k < CURVE_CELLS_FINE; k++) {
            double mean = t->n[k] > 0 ? t->sum[k] / t->n[k] : 0;
            b.weight[k] = t->n[k] / (double)j->n_kept;
            b.mean[k] = mean * j->revenue_scale;
            b.sd[k] = t->n[k] > 0
                          ? sqrt(fmax(t->square[k] / t->n[k] - mean * mean, 0)) * j->revenue_scale
                          : 0;
        }
        wn_rc rc = curve_build(a, &j->grid, x, &b, &curves[c]);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void summarise(struct joint *j, double *contributions)
{
    for (size_t c = 0; c < j->n_channels; c++) {
        double *draws = j->kept + c * j->n_sweeps, sum = 0;
        for (size_t k = 0; k < j->n_kept; k++)
            sum += draws[k] / (double)j->n_kept;
        qsort(draws, j->n_kept, sizeof *draws, by_value);
        bool empty = !(j->spend_scale[c] > 0);
        contributions[3 * c] = empty ? 0 : sum;
        contributions[3 * c + 1] = empty ? 0 : draws[j->n_kept / 10];
        contributions[3 * c + 2] = empty ? 0 : draws[j->n_kept * 9 / 10];
    }
}

static wn_rc set_up(struct joint *j, const double *spend, const double *revenue,
                    const double *controls, size_t n_controls)
{
    wn_rc rc = allocate(j);
    if (rc)
        return rc;
    double sum = 0;
    size_t at = 0;
    for (size_t t = 0; t < j->n_steps; t++)
        if (!isnan(revenue[t]))
            sum += revenue[t] / (double)j->n_known;
    j->revenue_scale = sum > 0 ? sum : 1;
    for (size_t t = 0; t < j->n_steps; t++)
        if (!isnan(revenue[t]))
            j->y[at++] = revenue[t] / j->revenue_scale;
    for (size_t c = 0; c < j->n_channels; c++)
        make_features(j, c, spend + c * j->n_steps, revenue);
    for (size_t t = 0; t < j->n_known; t++)
        j->controls[t] = 1;
    for (size_t k = 0; k < n_controls; k++)
        make_control(j, controls + k * j->n_steps, revenue, j->controls + (k + 1) * j->n_known);
    make_priors(j);
    return WN_OK;
}

wn_rc wn_curves_fit_joint(struct wn_arena *a, const double *spend, size_t n_channels,
                          const double *revenue, size_t n_steps, const double *controls,
                          size_t n_controls, uint32_t n_sweeps, struct wn_rand *r,
                          struct wn_curve **out, double **contributions, struct wn_why *why)
{
    n_controls = controls ? n_controls : 0;
    wn_rc rc = check(spend, n_channels, revenue, n_steps, controls, n_controls, why);
    if (!rc && n_sweeps > SWEEPS_MAX)
        rc = wn_fail(why, WN_LIMIT, "n_sweeps", "more than %d sweeps", SWEEPS_MAX);
    if (rc)
        return rc;
    struct joint j = {.n_channels = n_channels,
                      .n_steps = n_steps,
                      .n_columns = n_channels + 1 + n_controls,
                      .n_sweeps = n_sweeps ? n_sweeps : 5000,
                      .rand = r};
    for (size_t t = 0; t < n_steps; t++)
        j.n_known += isnan(revenue[t]) ? 0 : 1;
    if (j.n_known == 0)
        return wn_fail(why, WN_INVALID, "revenue", "no step has a known revenue");
    curve_grid_init(&j.grid, true);
    wn_arena_init(&j.scratch, a->max_bytes);
    struct wn_curve *curves = WN_ARENA_ARRAY(a, n_channels, struct wn_curve);
    double *sums = WN_ARENA_ARRAY(a, 3 * n_channels, double);
    struct tally *tallies = WN_ARENA_ARRAY(&j.scratch, n_channels, struct tally);
    rc = curves && sums && tallies ? set_up(&j, spend, revenue, controls, n_controls) : WN_MEMORY;
    if (!rc) {
        sample(&j, tallies);
        rc = conclude(a, &j, tallies, spend, curves);
    }
    if (!rc)
        summarise(&j, sums);
    wn_arena_deinit(&j.scratch);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory for %zu channels", n_channels);
    if (rc)
        return rc;
    *out = curves;
    if (contributions)
        *contributions = sums;
    return WN_OK;
}
