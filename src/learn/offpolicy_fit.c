/* The reward model by cross-fitting. */
#include "learn/linalg.h"
#include "learn/offpolicy_int.h"
#include "learn/shrink.h"
#include "learn/sums.h"

#include <math.h>
#include <string.h>

/* Rewards are worked on as (r - centre) / scale, so that any unit is as good as another. */
struct fit {
    const struct wn_log *log;
    const struct wn_log_context *context; /* never NULL */
    size_t n_cells;                       /* at least 1 */
    double centre, scale;
    double low, high;    /* of the scaled rewards */
    const uint8_t *half; /* [n] */
    double *rest;        /* [n] what is not explained yet, scaled */
    struct wn_arena *a;
    /* of the half that is fitted at present */
    uint8_t trained;
    double *cell_mean;                /* [n_cells] */
    double *x_mean, *x_scale, *slope; /* [n_features] */
    double *effect; /* [n_actions][n_cells], column n_cells: without a cell's own */
};

static uint32_t cell_of(const struct fit *f, size_t i)
{
    return f->context->cell ? f->context->cell[i] : 0;
}

/* Means of leaves shrunk along root -> group -> leaf (n_groups > 0) or root -> leaf. leaf i belongs
 * to group i / (n_leaves / n_groups). sums [n_leaves]. out [n_leaves]; group_out [n_groups]. */
static wn_rc shrink_means(struct fit *f, const struct wn_moments *sums, size_t n_leaves,
                          size_t n_groups, double *out, double *group_out, struct wn_why *why)
{
    size_t n = 1 + n_groups + n_leaves, per_group = n_groups ? n_leaves / n_groups : 0;
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(f->a, n, struct wn_shrink_node);
    struct wn_shrunk *shrunk = WN_ARENA_ARRAY(f->a, n, struct wn_shrunk);
    if (!nodes || !shrunk)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu means", n);
    double spread = 0, weight = 0;
    for (size_t i = 0; i < n_leaves; i++) {
        spread += sums[i].spread;
        weight += fmax(sums[i].weight - 1, 0);
    }
    double variance = fmax(weight > 0 ? spread / weight : 0, 1e-9);
    for (size_t i = 0; i < 1 + n_groups; i++)
        nodes[i] = (struct wn_shrink_node){0, NAN, 0};
    for (size_t i = 0; i < n_leaves; i++) {
        bool any = sums[i].weight > 0;
        uint32_t parent = n_groups ? (uint32_t)(1 + i / per_group) : 0;
        nodes[1 + n_groups + i] = (struct wn_shrink_node){parent, any ? sums[i].mean : NAN,
                                                          any ? variance / sums[i].weight : 0};
    }
    wn_rc rc = wn_shrink_values(f->a, nodes, n, variance / 100, shrunk, NULL, why);
    for (size_t i = 0; i < n_leaves && !rc; i++)
        out[i] = shrunk[1 + n_groups + i].mean;
    for (size_t i = 0; i < n_groups && !rc; i++)
        group_out[i] = shrunk[1 + i].mean;
    return rc;
}

static wn_rc fit_cells(struct fit *f, struct wn_why *why)
{
    if (f->n_cells == 1 && !f->context->cell) {
        f->cell_mean[0] = 0;
        return WN_OK;
    }
    struct wn_moments *sums = WN_ARENA_ARRAY(f->a, f->n_cells, struct wn_moments);
    if (!sums)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu cells", f->n_cells);
    for (size_t i = 0; i < f->log->n; i++)
        if (f->half[i] == f->trained)
            wn_moments_add(&sums[cell_of(f, i)], f->rest[i], 1);
    wn_rc rc = shrink_means(f, sums, f->n_cells, 0, f->cell_mean, NULL, why);
    for (size_t i = 0; i < f->log->n && !rc; i++)
        f->rest[i] -= f->cell_mean[cell_of(f, i)];
    return rc;
}

static void scale_features(struct fit *f)
{
    size_t d = f->context->n_features;
    for (size_t j = 0; j < d; j++) {
        struct wn_moments m = {0};
        for (size_t i = 0; i < f->log->n; i++)
            if (f->half[i] == f->trained)
                wn_moments_add(&m, f->context->x[i * d + j], 1);
        double sd = sqrt(wn_moments_variance(&m));
        f->x_mean[j] = m.mean;
        f->x_scale[j] = sd > 0 ? 1 / sd : 0; /* a constant explains nothing */
    }
}

static double scaled(const struct fit *f, size_t i, size_t j)
{
    double x = (f->context->x[i * f->context->n_features + j] - f->x_mean[j]) * f->x_scale[j];
    return fmax(fmin(x, 10), -10); /* one wild row should not bend the line */
}

/* Ridge regression with a penalty of one row's worth for each feature. */
static wn_rc fit_slopes(struct fit *f, struct wn_why *why)
{
    size_t d = f->context->n_features, packed = wn_packed_size(d);
    if (d == 0)
        return WN_OK;
    double *normal = WN_ARENA_ARRAY(f->a, packed, double);
    double *saved = WN_ARENA_ARRAY(f->a, packed, double);
    double *row = WN_ARENA_ARRAY(f->a, d, double);
    if (!normal || !saved || !row)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu features", d);
    scale_features(f);
    memset(f->slope, 0, d * sizeof *f->slope);
    for (size_t j = 0; j < d; j++)
        normal[wn_packed_at(j, j)] = 1;
    for (size_t i = 0; i < f->log->n; i++) {
        if (f->half[i] != f->trained)
            continue;
        for (size_t j = 0; j < d; j++) {
            row[j] = scaled(f, i, j);
            f->slope[j] += row[j] * f->rest[i];
        }
        wn_packed_add_outer(normal, d, 1, row);
    }
    wn_rc rc = wn_chol_factor(normal, d, saved, NULL);
    if (rc)
        return wn_fail(why, rc, "context", "the features cannot be told apart");
    wn_chol_solve(normal, d, f->slope);
    for (size_t i = 0; i < f->log->n; i++)
        for (size_t j = 0; j < d; j++)
            f->rest[i] -= f->slope[j] * scaled(f, i, j);
    return WN_OK;
}

static wn_rc fit_actions(struct fit *f, struct wn_why *why)
{
    size_t k = f->log->n_actions, c = f->n_cells;
    struct wn_moments *sums = WN_ARENA_ARRAY(f->a, k * c, struct wn_moments);
    double *groups = WN_ARENA_ARRAY(f->a, k, double);
    if (!sums || !groups)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu actions in %zu cells", k, c);
    for (size_t i = 0; i < f->log->n; i++)
        if (f->half[i] == f->trained)
            wn_moments_add(&sums[f->log->action[i] * c + cell_of(f, i)], f->rest[i], 1);
    return shrink_means(f, sums, k * c, c > 1 ? k : 0, f->effect, groups, why);
}

/* The other half's rows, by what this half has taught. */
static void predict(const struct fit *f, double *q)
{
    size_t k = f->log->n_actions;
    for (size_t i = 0; i < f->log->n; i++) {
        if (f->half[i] == f->trained)
            continue;
        uint32_t cell = cell_of(f, i);
        double base = f->cell_mean[cell];
        for (size_t j = 0; j < f->context->n_features; j++)
            base += f->slope[j] * scaled(f, i, j);
        for (size_t a = 0; a < k; a++) {
            double y = fmin(fmax(base + f->effect[a * f->n_cells + cell], f->low), f->high);
            q[i * k + a] = f->centre + f->scale * y;
        }
    }
}

static wn_rc fit_half(struct fit *f, uint8_t half, double *q, struct wn_why *why)
{
    f->trained = half;
    for (size_t i = 0; i < f->log->n; i++)
        f->rest[i] = (f->log->reward[i] - f->centre) / f->scale;
    wn_rc rc = fit_cells(f, why);
    if (!rc)
        rc = fit_slopes(f, why);
    if (!rc)
        rc = fit_actions(f, why);
    if (!rc)
        predict(f, q);
    return rc;
}

static wn_rc check_context(const struct wn_log *log, const struct wn_log_context *c,
                           struct wn_why *why)
{
    if (c->n_features > WN_LOG_FEATURES_MAX)
        return wn_fail(why, WN_LIMIT, "context", "%zu features are more than %d", c->n_features,
                       WN_LOG_FEATURES_MAX);
    if (c->cell && (c->n_cells == 0 || c->n_cells > WN_LOG_CELLS_MAX / 8 / log->n_actions))
        return wn_fail(why, WN_LIMIT, "context",
                       "%zu combinations of context with %zu actions are too many", c->n_cells,
                       log->n_actions);
    for (size_t i = 0; i < log->n; i++) {
        bool good = !c->cell || c->cell[i] < c->n_cells;
        for (size_t j = 0; good && j < c->n_features; j++)
            good = fabs(c->x[i * c->n_features + j]) <= 1e15;
        if (good)
            continue;
        if (why)
            why->line = i + 1;
        return wn_fail(why, WN_INVALID, "context",
                       "row %zu: a context that is not within -1e15 and 1e15, or out of its range",
                       i + 1);
    }
    return WN_OK;
}

static wn_rc fit_init(struct fit *f, struct wn_rand *r, struct wn_why *why)
{
    size_t n = f->log->n, d = f->context->n_features;
    uint8_t *half = WN_ARENA_ARRAY(f->a, n, uint8_t);
    f->rest = WN_ARENA_ARRAY(f->a, n, double);
    f->cell_mean = WN_ARENA_ARRAY(f->a, f->n_cells, double);
    f->effect = WN_ARENA_ARRAY(f->a, f->log->n_actions * f->n_cells, double);
    f->x_mean = WN_ARENA_ARRAY(f->a, d, double);
    f->x_scale = WN_ARENA_ARRAY(f->a, d, double);
    f->slope = WN_ARENA_ARRAY(f->a, d, double);
    if (!half || !f->rest || !f->cell_mean || !f->effect || !f->x_mean || !f->x_scale || !f->slope)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu rows", n);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        half[i] = (uint8_t)(wn_rand_u64(r) >> 63);
        low = fmin(low, f->log->reward[i]);
        high = fmax(high, f->log->reward[i]);
    }
    f->half = half;
    f->centre = 0.5 * low + 0.5 * high;
    f->scale = high > low ? 0.5 * (high - low) : 1;
    f->low = high > low ? -1 : 0;
    f->high = high > low ? 1 : 0;
    return WN_OK;
}

wn_rc wn_offpolicy_fit(struct wn_arena *a, const struct wn_log *log,
                       const struct wn_log_context *context, struct wn_rand *r, double **q_out,
                       struct wn_why *why)
{
    static const struct wn_log_context nothing = {0};
    struct wn_arena scratch;
    struct fit f = {.log = log, .context = context ? context : &nothing, .a = &scratch};
    f.n_cells = f.context->cell ? f.context->n_cells : 1;
    wn_rc rc = wn_log_check(log, why);
    if (!rc)
        rc = check_context(log, f.context, why);
    if (rc)
        return rc;
    wn_arena_init(&scratch, a->max_bytes);
    double *q = WN_ARENA_ARRAY(a, log->n * log->n_actions, double);
    rc = q ? fit_init(&f, r, why) : wn_fail(why, WN_MEMORY, NULL, "no memory for %zu rows", log->n);
    WN_ASSERT(rc || (f.rest && f.cell_mean && f.half));
    for (uint8_t half = 0; half < 2 && !rc; half++)
        rc = fit_half(&f, half, q, why);
    wn_arena_deinit(&scratch);
    if (!rc)
        *q_out = q;
    return rc;
}
