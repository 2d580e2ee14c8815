#include "learn/curve.h"

#include "learn/special.h"

#include <math.h>
#include <string.h>

/* Where a normal is cut off so far out that its tail is an exponential to working precision. */
#define FAR_SD 30.0

/* Prior mass of "not saturated within reach". A choice, not an estimate: a fifth. */
#define LINEAR_PRIOR .2

static double sq(double x)
{
    return x * x;
}

static void fill_prior(struct curve_grid *g)
{
    double carries = 0, shapes = 0, carry[CURVE_CARRIES_FINE], shape[CURVE_SHAPES];
    for (int c = 0; c < g->n_carries; c++)
        carries += carry[c] = exp(-.5 * sq((g->carry[c] - .3) / .3));
    for (int k = 0; k < CURVE_HALVES; k++)
        for (int s = 0; s < CURVE_SLOPES; s++)
            shapes += shape[k * CURVE_SLOPES + s] =
                exp(-.5 * sq(log(g->half[k] / 1.5)) - .5 * sq((g->slope[s] - 1.1) / .5));
    for (int c = 0; c < g->n_carries; c++)
        for (int k = 0; k < CURVE_SHAPES; k++) {
            double p =
                k == CURVE_SHAPES - 1 ? LINEAR_PRIOR : (1 - LINEAR_PRIOR) * shape[k] / shapes;
            g->prior[c * CURVE_SHAPES + k] = p * carry[c] / carries;
        }
}

/* Dense around the mean spend, where decisions fall, and geometric far beyond it, so that any
 * budget has an answer. */
static void fill_points(struct curve_grid *g)
{
    enum { NEAR = WN_CURVE_POINTS - 32 };
    for (int j = 0; j < NEAR; j++)
        g->x[j] = 8 * sq((double)j / (NEAR - 1));
    for (int j = NEAR; j < WN_CURVE_POINTS; j++)
        g->x[j] = 8 * exp(log(1024) * (j - NEAR + 1) / (WN_CURVE_POINTS - NEAR));
    for (int j = 0; j < WN_CURVE_POINTS; j++) {
        double h[CURVE_SHAPES];
        curve_shapes_at(g, g->x[j], h);
        for (int k = 0; k < CURVE_SHAPES; k++) {
            g->h[k][j] = h[k];
            /* d/du u^s/(u^s + K^s) = s/u * H * (1 - H). A slope below 1 starts upright: the first
             * point takes the secant's. */
            g->dh[k][j] = k == CURVE_SHAPES - 1 ? 1
                          : j == 0              ? 0
                                   : g->slope[k % CURVE_SLOPES] / g->x[j] * h[k] * (1 - h[k]);
        }
    }
    for (int k = 0; k < CURVE_SHAPES; k++)
        g->dh[k][0] = k == CURVE_SHAPES - 1               ? 1
                      : g->slope[k % CURVE_SLOPES] > 1.01 ? 0
                      : g->slope[k % CURVE_SLOPES] > .99  ? 1 / g->half_pow[k]
                                                          : 2 * g->h[k][1] / g->x[1] - g->dh[k][1];
}

void curve_grid_init(struct curve_grid *g, bool is_fine)
{
    static const double carries[CURVE_CARRIES] = {0, .3, .6, .8};
    static const double fine[CURVE_CARRIES_FINE] = {0, .15, .3, .45, .6, .8};
    static const double slopes[CURVE_SLOPES] = {.7, 1, 1.5, 2.2};
    g->n_carries = is_fine ? CURVE_CARRIES_FINE : CURVE_CARRIES;
    g->n_cells = g->n_carries * CURVE_SHAPES;
    memcpy(g->carry, is_fine ? fine : carries, (size_t)g->n_carries * sizeof *g->carry);
    memcpy(g->slope, slopes, sizeof slopes);
    for (int k = 0; k < CURVE_HALVES; k++)
        g->half[k] = .25 * exp(log(32) * k / (CURVE_HALVES - 1));
    for (int k = 0; k < CURVE_HALVES; k++)
        for (int s = 0; s < CURVE_SLOPES; s++)
            g->half_pow[k * CURVE_SLOPES + s] = pow(g->half[k], slopes[s]);
    g->half_pow[CURVE_SHAPES - 1] = 0;
    curve_shapes_at(g, 1, g->at_mean);
    fill_prior(g);
    fill_points(g);
}

void curve_shapes_at(const struct curve_grid *g, double u, double *out)
{
    out[CURVE_SHAPES - 1] = u;
    for (int s = 0; s < CURVE_SLOPES; s++) {
        double p = u <= 0 ? 0 : g->slope[s] == 1 ? u : exp(g->slope[s] * log(u));
        for (int k = 0; k < CURVE_HALVES; k++)
            out[k * CURVE_SLOPES + s] = p / (p + g->half_pow[k * CURVE_SLOPES + s]);
    }
}

void curve_truncate(double *mean, double *sd, double *log_left)
{
    double m = *mean, s = *sd;
    if (!(s > 0)) {
        *log_left = 0;
        *mean = fmax(m, 0);
        return;
    }
    double z = -m / s; /* the cut, in standard deviations */
    *log_left = wn_normal_log_upper(z);
    if (z < -8)
        return;
    if (z > FAR_SD) {
        *mean = s / z;
        *sd = s / z;
        return;
    }
    double hazard = exp(-.5 * z * z - .91893853320467274 - *log_left);
    *mean = fmax(m + s * hazard, 0);
    *sd = s * sqrt(fmax(1 + z * hazard - hazard * hazard, 1e-12));
}

/* ---- building ---------------------------------------------------------------------------------
 */

static void sort_cells(struct wn_curve_cell *cells, size_t n)
{
    for (size_t i = 1; i < n; i++) { /* at most WN_CURVE_CELLS_MAX */
        struct wn_curve_cell c = cells[i];
        size_t k = i;
        for (; k > 0 && cells[k - 1].weight < c.weight; k--)
            cells[k] = cells[k - 1];
        cells[k] = c;
    }
}

static wn_rc build_cells(struct wn_arena *a, const struct curve_grid *g,
                         const struct curve_belief *b, struct wn_curve *out)
{
    size_t n = 0;
    double kept = 0;
    for (int c = 0; c < g->n_cells; c++)
        if (b->weight[c] > 1e-6) {
            n++;
            kept += b->weight[c];
        }
    struct wn_curve_cell *cells = WN_ARENA_ARRAY(a, n, struct wn_curve_cell);
    if (!cells)
        return WN_MEMORY;
    size_t at = 0;
    for (int c = 0; c < g->n_cells; c++) {
        if (!(b->weight[c] > 1e-6))
            continue;
        int shape = c % CURVE_SHAPES;
        bool linear = shape == CURVE_SHAPES - 1;
        cells[at++] = (struct wn_curve_cell){
            .weight = b->weight[c] / kept,
            .carry_over_ratio = g->carry[c / CURVE_SHAPES],
            .half_spend = linear ? 0 : g->half[shape / CURVE_SLOPES] * out->spend_mean,
            .slope = linear ? 1 : g->slope[shape % CURVE_SLOPES],
            .return_mean = b->mean[c],
            .return_sd = b->sd[c]};
    }
    sort_cells(cells, n);
    out->cells = cells;
    out->n_cells = n;
    return WN_OK;
}

static wn_rc build_points(struct wn_arena *a, const struct curve_grid *g,
                          const struct curve_belief *b, struct wn_curve *out)
{
    /* Steady state does not depend on the carry-over: gather the cells by shape. */
    double first[CURVE_SHAPES] = {0}, second[CURVE_SHAPES] = {0};
    for (int c = 0; c < g->n_cells; c++) {
        int k = c % CURVE_SHAPES;
        first[k] += b->weight[c] * b->mean[c];
        second[k] += b->weight[c] * (sq(b->mean[c]) + sq(b->sd[c]));
    }
    double *mean = WN_ARENA_ARRAY(a, 3 * WN_CURVE_POINTS, double);
    if (!mean)
        return WN_MEMORY;
    double *slope = mean + WN_CURVE_POINTS, *sd = slope + WN_CURVE_POINTS;
    for (int k = 0; k < CURVE_SHAPES; k++) {
        if (second[k] <= 0)
            continue;
        for (int j = 0; j < WN_CURVE_POINTS; j++) {
            mean[j] += first[k] * g->h[k][j];
            slope[j] += first[k] * g->dh[k][j];
            sd[j] += second[k] * sq(g->h[k][j]);
        }
    }
    for (int j = 0; j < WN_CURVE_POINTS; j++) {
        sd[j] = sqrt(fmax(sd[j] - sq(mean[j]), 0));
        slope[j] /= out->spend_mean;
    }
    out->mean = mean;
    out->slope = slope;
    out->sd = sd;
    return WN_OK;
}

/* P(return at mean spend <= y) over the mixture of truncated normals. */
static double cdf_at_mean(const struct curve_belief *b, const struct curve_grid *g, double y)
{
    double p = 0;
    for (int c = 0; c < g->n_cells; c++) {
        if (b->weight[c] < 1e-4)
            continue;
        double h = g->at_mean[c % CURVE_SHAPES], m = b->mean[c] * h, s = b->sd[c] * h;
        p += b->weight[c] * (s > 0 ? wn_normal_cdf((y - m) / s) : y >= m ? 1 : 0);
    }
    return p;
}

static double quantile_at_mean(const struct curve_belief *b, const struct curve_grid *g,
                               double centre, double sd, double level)
{
    double total = 0, low = fmax(centre - 6 * sd, 0), high = centre + 6 * sd;
    for (int c = 0; c < g->n_cells; c++)
        total += b->weight[c] >= 1e-4 ? b->weight[c] : 0;
    for (int i = 0; i < 24 && high > low; i++) {
        double mid = .5 * (low + high);
        if (cdf_at_mean(b, g, mid) < level * total)
            low = mid;
        else
            high = mid;
    }
    return .5 * (low + high);
}

wn_rc curve_build(struct wn_arena *a, const struct curve_grid *g, const double *x_shared,
                  const struct curve_belief *b, struct wn_curve *out)
{
    wn_rc rc = build_cells(a, g, b, out);
    if (!rc)
        rc = build_points(a, g, b, out);
    if (rc)
        return rc;
    out->x = x_shared;
    double mean = 0, square = 0;
    for (int c = 0; c < g->n_cells; c++) {
        double h = g->at_mean[c % CURVE_SHAPES];
        mean += b->weight[c] * b->mean[c] * h;
        square += b->weight[c] * (sq(b->mean[c]) + sq(b->sd[c])) * h * h;
    }
    double sd = sqrt(fmax(square - mean * mean, 0));
    out->roas_mean = mean / out->spend_mean;
    out->roas_low = quantile_at_mean(b, g, mean, sd, .1) / out->spend_mean;
    out->roas_high = quantile_at_mean(b, g, mean, sd, .9) / out->spend_mean;
    return WN_OK;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

void wn_curve_at(const struct wn_curve *c, double spend, double *mean, double *slope, double *sd)
{
    double m = 0, d = 0, s = 0;
    if (!c->is_empty && c->x) {
        double u = spend > 0 ? spend / c->spend_mean : 0;
        size_t last = WN_CURVE_POINTS - 1, low = 0, high = last;
        if (u >= c->x[last]) {
            m = c->mean[last];
            s = c->sd[last];
        } else {
            while (high - low > 1) {
                size_t mid = (low + high) / 2;
                if (c->x[mid] <= u)
                    low = mid;
                else
                    high = mid;
            }
            double w = c->x[high] - c->x[low], t = (u - c->x[low]) / w;
            double width = w * c->spend_mean, y0 = c->mean[low], y1 = c->mean[high];
            double d0 = c->slope[low] * width, d1 = c->slope[high] * width;
            double p = 3 * (y1 - y0) - 2 * d0 - d1, q = d0 + d1 - 2 * (y1 - y0);
            m = y0 + t * (d0 + t * (p + t * q));
            d = (d0 + t * (2 * p + 3 * t * q)) / width;
            s = c->sd[low] + t * (c->sd[high] - c->sd[low]);
        }
    }
    if (mean)
        *mean = m;
    if (slope)
        *slope = d;
    if (sd)
        *sd = s;
}

double wn_respond_curve(const void *context, double x, double *slope)
{
    double mean;
    wn_curve_at(context, x, &mean, slope, NULL);
    return mean;
}

static double truncated_normal(struct wn_rand *r, double mean, double sd)
{
    /* The cells carry the moments of the truncated distribution; rejecting the rest below 0 moves
     * them by little, and a gamma with the same moments is used where that would reject much. */
    if (!(sd > 0) || !(mean > 0))
        return fmax(mean, 0);
    if (mean < 2 * sd) {
        double shape = sq(mean / sd);
        return mean * wn_rand_gamma(r, shape) / shape;
    }
    return fmax(mean + sd * wn_rand_normal(r), 0);
}

struct wn_curve_draw wn_curve_sample(const struct wn_curve *c, struct wn_rand *r)
{
    struct wn_curve_draw d = {.scale = 1, .slope = 1};
    if (c->is_empty || c->n_cells == 0)
        return d;
    double u = wn_rand_uniform(r);
    size_t i = 0;
    while (i + 1 < c->n_cells && u >= c->cells[i].weight)
        u -= c->cells[i++].weight;
    d.half_spend = c->cells[i].half_spend;
    d.slope = c->cells[i].slope;
    d.scale = c->spend_mean;
    d.gain = truncated_normal(r, c->cells[i].return_mean, c->cells[i].return_sd);
    return d;
}

double wn_curve_draw_at(const struct wn_curve_draw *d, double spend)
{
    if (!(spend > 0))
        return 0;
    if (d->half_spend <= 0)
        return d->gain * spend / d->scale;
    return d->gain / (1 + pow(d->half_spend / spend, d->slope));
}
