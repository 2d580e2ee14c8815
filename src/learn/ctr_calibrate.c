/* From logits of models to probabilities: the blend, beta calibration, isotonic steps joined by
 * lines, and the Venn-Abers bracket; all on predictions of rows that their model had not seen. */
#include "learn/ctr_int.h"
#include "learn/linalg.h"
#include "learn/optimise.h"

#include <stdlib.h>
#include <string.h>

#define LOGIT_MAX 30.0
#define CLICKS_BETA_MIN 50
#define CLICKS_ISOTONIC_MIN 1000
#define BLOCK_CLICKS_MIN 30
#define ROWS_MIN 200 /* sums of a few days say too little about other days */

/* ---- isotonic ---------------------------------------------------------------------------------
 */

void ctr_isotonic(double *y, double *weight, size_t n, size_t *scratch)
{
    size_t n_blocks = 0;
    for (size_t i = 0; i < n; i++) { /* y, weight of the first n_blocks places are the blocks' */
        double value = y[i], sum = weight[i];
        size_t length = 1;
        while (n_blocks && y[n_blocks - 1] >= value) {
            double both = sum + weight[n_blocks - 1];
            if (both > 0)
                value = (value * sum + y[n_blocks - 1] * weight[n_blocks - 1]) / both;
            sum = both;
            length += scratch[--n_blocks];
        }
        y[n_blocks] = value;
        weight[n_blocks] = sum;
        scratch[n_blocks++] = length;
    }
    for (size_t at = n;
         n_blocks-- > 0;) /* spread from the end: a block never overtakes its place */
        for (size_t left = scratch[n_blocks], i = 0; i < left; i++)
            y[--at] = y[n_blocks];
}

/* ---- three-parameter logistic fits ------------------------------------------------------------
 */

struct fit {
    const struct ctr_honest *h;
    size_t n;
    const uint8_t *part; /* may be NULL */
    uint8_t left_out;
    bool is_beta;
    const double *blend;
    double prior[3], ridge[3];
    bool is_fixed[3]; /* at 0 */
};

/* What the parameters multiply: (1, linear, machine), or for beta (ln p, -ln(1 - p), 1). */
static void design(const struct fit *f, const struct ctr_honest *h, double x[3])
{
    if (!f->is_beta) {
        x[0] = 1;
        x[1] = (double)h->linear;
        x[2] = (double)h->machine;
        return;
    }
    double s = ctr_blend(f->blend, (double)h->linear, (double)h->machine);
    s = fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX));
    x[0] = -wn_log1pexp(-s);
    x[1] = wn_log1pexp(s);
    x[2] = 1;
}

/* -log likelihood + 1/2 sum ridge (theta - prior)^2 */
static double objective(void *context, const double *theta, size_t n, double *gradient,
                        double *hessian)
{
    const struct fit *f = context;
    double value = 0;
    memset(gradient, 0, n * sizeof *gradient);
    memset(hessian, 0, wn_packed_size(n) * sizeof *hessian);
    for (size_t i = 0; i < f->n; i++) {
        if (f->part && f->part[i] == f->left_out)
            continue;
        const struct ctr_honest *h = &f->h[i];
        double x[3], views = (double)h->views, clicks = (double)h->clicks;
        design(f, h, x);
        double t = theta[0] * x[0] + theta[1] * x[1] + theta[2] * x[2], p = wn_sigmoid(t);
        value += ctr_loss(t, clicks, views);
        for (size_t j = 0; j < n; j++) {
            gradient[j] += (views * p - clicks) * x[j];
            for (size_t k = 0; k <= j; k++)
                hessian[wn_packed_at(j, k)] += views * p * (1 - p) * x[j] * x[k];
        }
    }
    for (size_t j = 0; j < n; j++) {
        double off = theta[j] - f->prior[j];
        value += 0.5 * f->ridge[j] * off * off;
        gradient[j] += f->ridge[j] * off;
        hessian[wn_packed_at(j, j)] += f->ridge[j];
        if (!f->is_fixed[j])
            continue;
        gradient[j] = 0;
        for (size_t k = 0; k < n; k++)
            hessian[j >= k ? wn_packed_at(j, k) : wn_packed_at(k, j)] = j == k;
    }
    return value;
}

/* theta: the start, and the answer; those of first..last are kept from being negative. */
static void fit_run(struct fit *f, double theta[3], size_t first, size_t last)
{
    double scratch[3 * 3 + 2 * 6], found[3];
    struct wn_minimum minimum;
    for (int round = 0; round < 3; round++) {
        memcpy(found, theta, sizeof found);
        for (size_t i = 0; i < 3; i++)
            found[i] = f->is_fixed[i] ? 0 : found[i];
        if (wn_newton(objective, f, found, 3, 0, 1e-8, 50, scratch, &minimum) != WN_OK)
            return; /* the start stays */
        bool again = false;
        for (size_t i = first; i <= last; i++)
            if (found[i] < 0)
                f->is_fixed[i] = again = true;
        if (!again)
            break;
    }
    for (size_t i = first; i <= last; i++)
        found[i] = fmax(found[i], 0);
    memcpy(theta, found, sizeof found);
}

void ctr_blend_fit(const struct ctr_honest *h, size_t n, double blend[3])
{
    struct fit f = {.h = h, .n = n, .prior = {0, 0.5, 0.5}, .ridge = {1, 1, 1}};
    double theta[3] = {0, 0.5, 0.5};
    fit_run(&f, theta, 1, 2);
    memcpy(blend, theta, sizeof theta);
}

/* ---- the calibrator ---------------------------------------------------------------------------
 */

/* Rows in the order of their logit, gathered into bins of equal views. */
struct bins {
    double logit[CTR_KNOTS_MAX], clicks[CTR_KNOTS_MAX], views[CTR_KNOTS_MAX];
    size_t n;
};

struct sorted {
    double logit, clicks, views;
};

static int by_logit(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? -1 : 1;
    if (x->clicks != y->clicks)
        return x->clicks < y->clicks ? -1 : 1;
    return x->views < y->views ? -1 : x->views > y->views;
}

static void bins_fill(struct bins *b, const struct sorted *rows, size_t n)
{
    double views = 0, seen = 0;
    for (size_t i = 0; i < n; i++)
        views += rows[i].views;
    double full = views / CTR_KNOTS_MAX;
    for (size_t i = 0; i < n; i++) {
        bool begins = b->n == 0 || (seen >= full * (double)b->n && b->n < CTR_KNOTS_MAX &&
                                    rows[i].logit > rows[i - 1].logit);
        b->n += begins;
        size_t at = b->n - 1;
        b->logit[at] += rows[i].logit * rows[i].views;
        b->clicks[at] += rows[i].clicks;
        b->views[at] += rows[i].views;
        seen += rows[i].views;
    }
    for (size_t i = 0; i < b->n; i++)
        b->logit[i] /= b->views[i];
}

static wn_rc bins_make(struct bins *b, const struct fit *f)
{
    struct sorted *rows = calloc(f->n ? f->n : 1, sizeof *rows);
    size_t n = 0;
    *b = (struct bins){0};
    if (!rows)
        return WN_MEMORY;
    for (size_t i = 0; i < f->n; i++) {
        const struct ctr_honest *h = &f->h[i];
        if ((f->part && f->part[i] == f->left_out) || !(h->views > 0))
            continue;
        double s = ctr_blend(f->blend, (double)h->linear, (double)h->machine);
        rows[n++] = (struct sorted){fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX)), (double)h->clicks,
                                    (double)h->views};
    }
    qsort(rows, n, sizeof *rows, by_logit);
    bins_fill(b, rows, n);
    free(rows);
    return WN_OK;
}

/* Blocks of the rising step function with enough clicks each; knots at their centres. */
static void knots_make(struct ctr_calibrator *c, const struct bins *b)
{
    double y[CTR_KNOTS_MAX], weight[CTR_KNOTS_MAX];
    size_t scratch[CTR_KNOTS_MAX];
    for (size_t i = 0; i < b->n; i++) {
        y[i] = b->clicks[i] / b->views[i];
        weight[i] = b->views[i];
    }
    ctr_isotonic(y, weight, b->n, scratch);
    double logit = 0, clicks = 0, views = 0;
    c->n_knots = 0;
    for (size_t i = 0; i < b->n; i++) {
        logit += b->logit[i] * b->views[i];
        clicks += b->clicks[i];
        views += b->views[i];
        bool ends = i + 1 == b->n || y[i + 1] > y[i];
        double rest = 0;
        for (size_t j = i + 1; j < b->n && rest < BLOCK_CLICKS_MIN; j++)
            rest += b->clicks[j];
        /* What is left at the end must be a block as well. */
        if (!ends || clicks < BLOCK_CLICKS_MIN || (i + 1 < b->n && rest < BLOCK_CLICKS_MIN))
            continue;
        double value = wn_logit((clicks + 0.5) / (views + 1));
        uint32_t at = c->n_knots;
        if (at && value <= c->knot_value[at - 1]) /* by the half click: keep it rising */
            value = c->knot_value[at - 1] + 1e-9;
        c->knot_logit[at] = logit / views;
        c->knot_value[at] = value;
        c->n_knots++;
        logit = clicks = views = 0;
    }
}

/* What isotonic regression says of logit when one more row stood there, without or with a click. */
static double bracket_end(const struct bins *b, double logit, double click)
{
    double y[CTR_KNOTS_MAX + 1], weight[CTR_KNOTS_MAX + 1];
    size_t scratch[CTR_KNOTS_MAX + 1], at = 0;
    while (at < b->n && b->logit[at] <= logit)
        at++;
    for (size_t i = 0; i <= b->n; i++) {
        size_t from = i > at ? i - 1 : i;
        y[i] = i == at ? click : b->clicks[from] / b->views[from];
        weight[i] = i == at ? 1 : b->views[from];
    }
    ctr_isotonic(y, weight, b->n + 1, scratch);
    return y[at];
}

static void grid_make(struct ctr_calibrator *c, const struct bins *b)
{
    c->n_grid = (uint32_t)(b->n < CTR_GRID_MAX ? b->n : CTR_GRID_MAX);
    for (uint32_t i = 0; i < c->n_grid; i++) {
        c->grid_logit[i] = b->logit[c->n_grid > 1 ? i * (b->n - 1) / (c->n_grid - 1) : 0];
        c->grid_low[i] = bracket_end(b, c->grid_logit[i], 0);
        c->grid_high[i] = bracket_end(b, c->grid_logit[i], 1);
    }
}

static wn_rc fit_kind(struct ctr_calibrator *c, struct fit *f, wn_ctr_calibration kind)
{
    c->kind = kind;
    if (kind == WN_CTR_BETA) {
        double theta[3] = {1, 1, 0};
        fit_run(f, theta, 0, 1);
        memcpy(c->beta, theta, sizeof theta);
    } else if (kind == WN_CTR_ISOTONIC) {
        struct bins b;
        wn_rc rc = bins_make(&b, f);
        if (rc)
            return rc;
        knots_make(c, &b);
        if (c->n_knots < 2)
            c->kind = WN_CTR_RAW;
    }
    return WN_OK;
}

static struct fit fit_of(const struct ctr_honest *h, size_t n, const double blend[3],
                         const uint8_t *part, uint8_t left_out)
{
    /* The ridge keeps a few clicks from bending what needs no bending. */
    return (struct fit){.h = h,
                        .n = n,
                        .part = part,
                        .left_out = left_out,
                        .is_beta = true,
                        .blend = blend,
                        .prior = {1, 1, 0},
                        .ridge = {4, 4, 0.01}};
}

double ctr_calibrate(const struct ctr_calibrator *c, double logit)
{
    if (c->kind == WN_CTR_BETA)
        return c->beta[1] * wn_log1pexp(logit) - c->beta[0] * wn_log1pexp(-logit) + c->beta[2];
    if (c->kind != WN_CTR_ISOTONIC)
        return logit;
    uint32_t n = c->n_knots, high = 0;
    while (high < n && c->knot_logit[high] <= logit)
        high++;
    if (high == 0) /* beyond the ends it goes on as the model does, so that no ties arise */
        return c->knot_value[0] + (logit - c->knot_logit[0]);
    if (high == n)
        return c->knot_value[n - 1] + (logit - c->knot_logit[n - 1]);
    double from = c->knot_logit[high - 1], step = c->knot_logit[high] - from;
    double share = step > 0 ? (logit - from) / step : 0;
    return c->knot_value[high - 1] + share * (c->knot_value[high] - c->knot_value[high - 1]);
}

bool ctr_bracket(const struct ctr_calibrator *c, double logit, double *low, double *high)
{
    if (c->n_grid == 0)
        return false;
    uint32_t at = 0;
    while (at + 1 < c->n_grid && c->grid_logit[at + 1] <= logit)
        at++;
    /* Between two points of the grid the bracket holds both. */
    uint32_t next = at + 1 < c->n_grid && logit > c->grid_logit[at] ? at + 1 : at;
    *low = fmax(c->grid_low[at], wn_sigmoid(-LOGIT_MAX));
    *high = fmin(c->grid_high[next], wn_sigmoid(LOGIT_MAX));
    return true;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

/* The logits' probabilities p [n], each part calibrated by the others. */
static wn_rc calibrate_parts(const struct wn_ctr *m, const struct ctr_honest *h, size_t n,
                             const uint8_t *part, size_t n_parts, wn_ctr_calibration kind,
                             double *p)
{
    for (size_t k = 0; k < n_parts; k++) {
        struct ctr_calibrator c = {0};
        struct fit f = fit_of(h, n, m->blend, part, (uint8_t)k);
        wn_rc rc = fit_kind(&c, &f, kind);
        if (rc)
            return rc;
        for (size_t i = 0; i < n; i++)
            if (part[i] == k) {
                double s = ctr_blend(m->blend, (double)h[i].linear, (double)h[i].machine);
                s = ctr_calibrate(&c, fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX)));
                p[i] = wn_sigmoid(fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX)));
            }
    }
    return WN_OK;
}

struct columns {
    double *p, *clicks, *views, *best;
};

/* The gain of p over best [n] in log loss is above 0 by a standard error. */
static bool is_better(const struct columns *c, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double clicks = c->clicks[i], others = c->views[i] - clicks;
        double gain =
            clicks * log(c->p[i] / c->best[i]) + others * (log1p(-c->p[i]) - log1p(-c->best[i]));
        sum += gain;
        squares += gain * gain;
    }
    return sum > 0 && sum * sum > squares;
}

/* The kind that does best on parts it was not made of, among those there are rows and clicks enough
 * for; more bending only where it helps for sure. */
static wn_rc choose_kind(struct wn_ctr *m, const struct ctr_honest *h, size_t n,
                         const uint8_t *part, size_t n_parts, const struct columns *c)
{
    static const double clicks_min[] = {
        [WN_CTR_RAW] = 0, [WN_CTR_BETA] = CLICKS_BETA_MIN, [WN_CTR_ISOTONIC] = CLICKS_ISOTONIC_MIN};
    double clicks = 0;
    for (size_t i = 0; i < n; i++) {
        c->clicks[i] = (double)h[i].clicks;
        c->views[i] = (double)h[i].views;
        clicks += c->clicks[i];
    }
    wn_ctr_calibration best = WN_CTR_RAW;
    struct wn_ctr_scores scores;
    for (int kind = WN_CTR_RAW; kind <= WN_CTR_ISOTONIC; kind++) {
        if (clicks < clicks_min[kind] || (kind != WN_CTR_RAW && n < ROWS_MIN))
            break;
        wn_rc rc = calibrate_parts(m, h, n, part, n_parts, (wn_ctr_calibration)kind, c->p);
        if (!rc)
            rc = wn_ctr_score(c->p, c->clicks, c->views, n, &scores, NULL);
        if (rc)
            return rc;
        if (kind == WN_CTR_RAW || is_better(c, n)) {
            best = (wn_ctr_calibration)kind;
            m->scores = scores;
            memcpy(c->best, c->p, n * sizeof *c->p);
        }
    }
    m->has_scores = true;
    struct bins b;
    struct fit f = fit_of(h, n, m->blend, NULL, 0);
    struct ctr_calibrator made = {0};
    wn_rc rc = fit_kind(&made, &f, best);
    if (!rc && clicks >= CLICKS_BETA_MIN && n >= ROWS_MIN) {
        rc = bins_make(&b, &f);
        if (!rc)
            grid_make(&made, &b);
    }
    if (!rc)
        m->calibrator = made;
    return rc;
}

double ctr_calibrated(const struct wn_ctr *m, const struct ctr_honest *h)
{
    double s = ctr_blend(m->blend, (double)h->linear, (double)h->machine);
    s = ctr_calibrate(&m->calibrator, fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX)));
    return fmax(-LOGIT_MAX, fmin(s, LOGIT_MAX));
}

/* Is the blend better than the linear part alone, by more than the standard error of the gain? What
 * is not stays out: it would cost time and add noise. */
static bool is_blend_worth(const struct ctr_honest *h, size_t n, const double blend[3])
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double alone = (double)h[i].linear, both = ctr_blend(blend, alone, (double)h[i].machine);
        double clicks = (double)h[i].clicks, views = (double)h[i].views;
        double gain = ctr_loss(alone, clicks, views) - ctr_loss(both, clicks, views);
        sum += gain;
        squares += gain * gain;
    }
    return sum > 0 && sum * sum > squares;
}

wn_rc ctr_settle_on(struct wn_ctr *m, const struct ctr_honest *h, size_t n, const uint8_t *part,
                    size_t n_parts)
{
    double clicks = 0, blend[3];
    for (size_t i = 0; i < n; i++)
        clicks += (double)h[i].clicks;
    m->blend[0] = m->blend[2] = 0;
    m->blend[1] = 1;
    if (m->machine.n_factors && clicks >= CLICKS_BETA_MIN) {
        ctr_blend_fit(h, n, blend);
        if (is_blend_worth(h, n, blend))
            memcpy(m->blend, blend, sizeof blend);
    }
    double *columns = calloc(n ? n : 1, 4 * sizeof *columns);
    struct columns c = {columns, columns + n, columns + 2 * n, columns + 3 * n};
    wn_rc rc = columns ? WN_OK : WN_MEMORY;
    if (!rc)
        rc = choose_kind(m, h, n, part, n_parts, &c);
    free(columns);
    return rc;
}
