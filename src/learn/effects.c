#include "learn/effects.h"

#include "learn/special.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SWEEPS_MAX = 100, SWEEPS_BEFORE_DISPERSION = 6 };
#define TOLERANCE 1e-5          /* of log-odds between two sweeps */
#define STEP_MAX 2.0            /* of log-odds in one Newton step */
#define VARIANCE_START 0.09     /* 0.3^2: levels differ by a third */
#define VARIANCE_PRIOR_LEVELS 1 /* it counts as so many levels */
#define VARIANCE_MIN 1e-8
#define ROOT_VARIANCE 4.0 /* around the pooled rate: keeps a root without successes finite */
#define EXPECTED_MIN 0.5  /* successes a cell needs to tell about dispersion */
#define ETA_MAX 30.0

struct fit {
    const struct wn_effects_data *d;
    struct wn_effects *out;
    double *eta;                         /* [n_cells] */
    uint8_t *depth;                      /* [n_nodes] */
    uint32_t *n_children;                /* [n_nodes] */
    bool is_split[WN_EFFECTS_DEPTH_MAX]; /* some node of the depth has siblings */
    double *precision, *weight; /* [n_nodes]: of the messages; weight is precision times value */
    double *level_w, *level_r;  /* [largest number of levels] */
    double *before;             /* [n_nodes]: means before a sweep */
    double dispersion;
    double root_mean;
    double moved; /* the largest change of log-odds in this sweep */
};

/* ---- checks ----------------------------------------------------------------------------------- */

static wn_rc check_nodes(const struct wn_effects_data *d, uint8_t *depth, int *n_depths,
                         struct wn_why *why)
{
    char name[64];
    *n_depths = 1;
    for (size_t i = 1; i < d->n_nodes; i++) {
        (void)snprintf(name, sizeof name, "parent[%zu]", i);
        if (d->parent[i] >= i)
            return wn_fail(why, WN_INVALID, name, "%s: a parent stands before its children", name);
        depth[i] = (uint8_t)(depth[d->parent[i]] + 1);
        if (depth[i] >= WN_EFFECTS_DEPTH_MAX)
            return wn_fail(why, WN_LIMIT, name, "the tree has more than %d levels",
                           WN_EFFECTS_DEPTH_MAX);
        *n_depths = depth[i] >= *n_depths ? depth[i] + 1 : *n_depths;
    }
    return WN_OK;
}

static wn_rc check_cells(const struct wn_effects_data *d, struct wn_why *why)
{
    char name[64];
    for (size_t i = 0; i < d->n_cells; i++) {
        double n = d->trials[i], k = d->successes[i];
        (void)snprintf(name, sizeof name, "cells[%zu]", i);
        if (!(k >= 0 && n >= k && n <= 1e15))
            return wn_fail(why, WN_INVALID, name, "%s: there are more successes than trials", name);
        if (d->node[i] >= d->n_nodes)
            return wn_fail(why, WN_INVALID, name, "%s: there is no such node", name);
        for (size_t f = 0; f < d->n_fields; f++)
            if (d->level[i * d->n_fields + f] >= d->n_levels[f])
                return wn_fail(why, WN_INVALID, name, "%s: field %zu has no such level", name, f);
    }
    return WN_OK;
}

static wn_rc check_sizes(const struct wn_effects_data *d, size_t *levels_max, struct wn_why *why)
{
    *levels_max = 1;
    if (d->n_nodes == 0)
        return wn_fail(why, WN_INVALID, "n_nodes", "the tree has no root");
    if (d->n_nodes > WN_EFFECTS_LEVELS_MAX)
        return wn_fail(why, WN_LIMIT, "n_nodes", "more than %d nodes", WN_EFFECTS_LEVELS_MAX);
    if (d->n_fields > WN_EFFECTS_FIELDS_MAX)
        return wn_fail(why, WN_LIMIT, "n_fields", "more than %d fields", WN_EFFECTS_FIELDS_MAX);
    for (size_t f = 0; f < d->n_fields; f++) {
        if (d->n_levels[f] == 0)
            return wn_fail(why, WN_INVALID, "n_levels", "a field has no levels");
        if (d->n_levels[f] > WN_EFFECTS_LEVELS_MAX)
            return wn_fail(why, WN_LIMIT, "n_levels", "more than %d levels", WN_EFFECTS_LEVELS_MAX);
        *levels_max = d->n_levels[f] > *levels_max ? d->n_levels[f] : *levels_max;
    }
    return WN_OK;
}

/* How far a node may lie from its parent. Where nobody of a depth has siblings (each campaign has one
 * ad group), its steps cannot be told from those of the depth above, which then has them all. */
static double step_variance(const struct fit *s, size_t v)
{
    return s->is_split[s->depth[v]] ? s->out->depth_variance[s->depth[v]] : VARIANCE_MIN;
}

static void count_children(struct fit *s)
{
    for (size_t v = 1; v < s->d->n_nodes; v++)
        s->n_children[s->d->parent[v]]++;
    for (size_t v = 1; v < s->d->n_nodes; v++)
        if (s->n_children[s->d->parent[v]] > 1)
            s->is_split[s->depth[v]] = true;
}

/* ---- one sweep -------------------------------------------------------------------------------- */

/* Weight and residual of a cell at its present log-odds. */
static void look_at(const struct fit *s, size_t i, double *w, double *r)
{
    double p = wn_sigmoid(s->eta[i]), n = s->d->trials[i] / s->dispersion;
    *w = n * p * (1 - p);
    *r = s->d->successes[i] / s->dispersion - n * p;
}

static void note_move(struct fit *s, double step)
{
    double size = fabs(step);
    s->moved = size > s->moved ? size : s->moved;
}

static double limited(double step)
{
    return step > STEP_MAX ? STEP_MAX : step < -STEP_MAX ? -STEP_MAX : step;
}

/* Observations of nodes (precision and precision times value), then what children say of them. */
static void gather_tree(struct fit *s)
{
    const struct wn_effects_data *d = s->d;
    const struct wn_effect *x = s->out->nodes;
    memset(s->precision, 0, d->n_nodes * sizeof *s->precision);
    memset(s->weight, 0, d->n_nodes * sizeof *s->weight);
    for (size_t i = 0; i < d->n_cells; i++) {
        double w, r;
        size_t v = d->node[i];
        look_at(s, i, &w, &r);
        s->precision[v] += w;
        s->weight[v] += w * x[v].mean + r;
    }
    for (size_t v = d->n_nodes; v-- > 1;) {
        double step = step_variance(s, v);
        double reach = 1 / (1 + step * s->precision[v]); /* what passes the step to the parent */
        s->precision[d->parent[v]] += reach * s->precision[v];
        s->weight[d->parent[v]] += reach * s->weight[v];
    }
}

/* From the root down: posterior of each node; squares of the steps for their variances. */
static void solve_tree(struct fit *s, double *squares, double *counts)
{
    const struct wn_effects_data *d = s->d;
    struct wn_effect *x = s->out->nodes;
    double prior = 1 / ROOT_VARIANCE, total = s->precision[0] + prior;
    double mean = (s->weight[0] + prior * s->root_mean) / total;
    mean = x[0].mean + limited(mean - x[0].mean);
    note_move(s, mean - x[0].mean);
    x[0] = (struct wn_effect){mean, 1 / total};
    for (size_t v = 1; v < d->n_nodes; v++) {
        double step = step_variance(s, v);
        const struct wn_effect *up = &x[d->parent[v]];
        double share = 1 / (1 + step * s->precision[v]); /* of the parent in this node's mean */
        double own = step * share;                       /* variance given the parent */
        mean = share * up->mean + own * s->weight[v];
        mean = x[v].mean + limited(mean - x[v].mean);
        note_move(s, mean - x[v].mean);
        double gap = mean - up->mean, rest = (1 - share) * (1 - share) * up->variance;
        x[v] = (struct wn_effect){mean, own + share * share * up->variance};
        if (s->precision[v] > 0 && s->n_children[d->parent[v]] > 1) {
            squares[s->depth[v]] += gap * gap + own + rest;
            counts[s->depth[v]] += 1;
        }
    }
}

static double variance_of(double squares, double count)
{
    double v = (squares + VARIANCE_PRIOR_LEVELS * VARIANCE_START) / (count + VARIANCE_PRIOR_LEVELS);
    return v > VARIANCE_MIN ? v : VARIANCE_MIN;
}

static void sweep_tree(struct fit *s)
{
    const struct wn_effects_data *d = s->d;
    double squares[WN_EFFECTS_DEPTH_MAX] = {0}, counts[WN_EFFECTS_DEPTH_MAX] = {0};
    for (size_t v = 0; v < d->n_nodes; v++)
        s->before[v] = s->out->nodes[v].mean;
    gather_tree(s);
    solve_tree(s, squares, counts);
    for (size_t i = 0; i < d->n_cells; i++)
        s->eta[i] += s->out->nodes[d->node[i]].mean - s->before[d->node[i]];
    for (int k = 1; k < s->out->n_depths; k++)
        if (s->is_split[k])
            s->out->depth_variance[k] = variance_of(squares[k], counts[k]);
}

static void sweep_field(struct fit *s, size_t f)
{
    const struct wn_effects_data *d = s->d;
    struct wn_effect *b = s->out->fields[f];
    double variance = s->out->field_variance[f], squares = 0, count = 0;
    memset(s->level_w, 0, d->n_levels[f] * sizeof *s->level_w);
    memset(s->level_r, 0, d->n_levels[f] * sizeof *s->level_r);
    for (size_t i = 0; i < d->n_cells; i++) {
        double w, r;
        size_t l = d->level[i * d->n_fields + f];
        look_at(s, i, &w, &r);
        s->level_w[l] += w;
        s->level_r[l] += r;
    }
    for (size_t l = 0; l < d->n_levels[f]; l++) {
        double total = s->level_w[l] + 1 / variance;
        double step = limited((s->level_r[l] - b[l].mean / variance) / total);
        note_move(s, step);
        b[l] = (struct wn_effect){b[l].mean + step, 1 / total};
        s->level_r[l] = step;
        if (s->level_w[l] > 0) {
            squares += b[l].mean * b[l].mean + b[l].variance;
            count += 1;
        }
    }
    for (size_t i = 0; i < d->n_cells; i++)
        s->eta[i] += s->level_r[d->level[i * d->n_fields + f]];
    s->out->field_variance[f] = variance_of(squares, count);
}

/* Over the trials the odds' multipliers e^b average to 1; the tree takes what was taken away. A cell's
 * weight is n p (1 - p), so weight times e^-b is that of the cell as it would be without the field
 * (for small p, exactly enough elsewhere). */
static void centre(struct fit *s, size_t f)
{
    const struct wn_effects_data *d = s->d;
    struct wn_effect *b = s->out->fields[f];
    double sum = 0, total = 0;
    for (size_t i = 0; i < d->n_cells; i++) {
        double w, r;
        look_at(s, i, &w, &r);
        sum += w * exp(-b[d->level[i * d->n_fields + f]].mean);
        total += w;
    }
    if (!(total > 0 && sum > 0))
        return;
    double shift = log(total / sum);
    for (size_t l = 0; l < d->n_levels[f]; l++)
        b[l].mean -= shift;
    for (size_t v = 0; v < d->n_nodes; v++)
        s->out->nodes[v].mean += shift;
}

/* Pearson's: squared residuals per degree of freedom that is left. */
static void measure_dispersion(struct fit *s)
{
    const struct wn_effects_data *d = s->d;
    double squares = 0, n = 0, used = 1;
    for (size_t i = 0; i < d->n_cells; i++) {
        double p = wn_sigmoid(s->eta[i]), mean = d->trials[i] * p, gap = d->successes[i] - mean;
        if (mean < EXPECTED_MIN || d->trials[i] - mean < EXPECTED_MIN)
            continue;
        squares += gap * gap / (mean * (1 - p));
        n += 1;
    }
    for (size_t v = 1; v < d->n_nodes; v++) {
        double step = step_variance(s, v);
        used += step * s->precision[v] / (1 + step * s->precision[v]);
    }
    for (size_t f = 0; f < d->n_fields; f++)
        for (size_t l = 0; l < d->n_levels[f]; l++)
            used += 1 - fmin(1, s->out->fields[f][l].variance / s->out->field_variance[f]);
    double left = n - used;
    double found = left >= 10 ? squares / left : 1;
    s->dispersion = found > 1 && isfinite(found) ? fmin(found, 1e6) : 1;
}

static void start(struct fit *s)
{
    const struct wn_effects_data *d = s->d;
    double n = 0, k = 0;
    for (size_t i = 0; i < d->n_cells; i++) {
        n += d->trials[i];
        k += d->successes[i];
    }
    s->root_mean = wn_logit((k + .5) / (n + 1));
    for (size_t v = 0; v < d->n_nodes; v++)
        s->out->nodes[v].mean = s->root_mean;
    for (size_t i = 0; i < d->n_cells; i++)
        s->eta[i] = s->root_mean;
    for (int depth = 1; depth < s->out->n_depths; depth++)
        s->out->depth_variance[depth] = VARIANCE_START;
    for (size_t f = 0; f < d->n_fields; f++)
        s->out->field_variance[f] = VARIANCE_START;
    s->dispersion = 1;
}

static void run(struct fit *s)
{
    start(s);
    for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        s->moved = 0;
        sweep_tree(s);
        for (size_t f = 0; f < s->d->n_fields; f++)
            sweep_field(s, f);
        for (size_t i = 0; i < s->d->n_cells; i++)
            s->eta[i] = fmax(-ETA_MAX, fmin(ETA_MAX, s->eta[i]));
        s->out->n_sweeps = sweep + 1;
        if (s->moved < TOLERANCE && sweep > SWEEPS_BEFORE_DISPERSION)
            break;
        if (sweep == SWEEPS_BEFORE_DISPERSION || sweep == 2 * SWEEPS_BEFORE_DISPERSION)
            measure_dispersion(s);
    }
    for (size_t f = 0; f < s->d->n_fields; f++)
        centre(s, f);
    s->out->dispersion = s->dispersion;
}

/* ---- entry ------------------------------------------------------------------------------------ */

static bool allocate(struct fit *s, size_t levels_max, struct wn_arena *scratch, struct wn_arena *a)
{
    const struct wn_effects_data *d = s->d;
    bool has = true;
    s->eta = WN_ARENA_ARRAY(scratch, d->n_cells, double);
    s->precision = WN_ARENA_ARRAY(scratch, d->n_nodes, double);
    s->weight = WN_ARENA_ARRAY(scratch, d->n_nodes, double);
    s->before = WN_ARENA_ARRAY(scratch, d->n_nodes, double);
    s->level_w = WN_ARENA_ARRAY(scratch, levels_max, double);
    s->level_r = WN_ARENA_ARRAY(scratch, levels_max, double);
    s->out->nodes = WN_ARENA_ARRAY(a, d->n_nodes, struct wn_effect);
    for (size_t f = 0; f < d->n_fields; f++) {
        s->out->fields[f] = WN_ARENA_ARRAY(a, d->n_levels[f], struct wn_effect);
        has = has && s->out->fields[f];
    }
    return has && s->eta && s->precision && s->weight && s->before && s->level_w && s->level_r &&
           s->out->nodes;
}

static wn_rc fit(struct fit *s, size_t levels_max, struct wn_arena *scratch, struct wn_arena *a,
                 struct wn_why *why)
{
    const struct wn_effects_data *d = s->d;
    s->depth = WN_ARENA_ARRAY(scratch, d->n_nodes, uint8_t);
    s->n_children = WN_ARENA_ARRAY(scratch, d->n_nodes, uint32_t);
    if (!s->depth || !s->n_children || !allocate(s, levels_max, scratch, a))
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for a fit of %zu cells",
                       d->n_cells);
    wn_rc rc = check_nodes(d, s->depth, &s->out->n_depths, why);
    if (!rc)
        rc = check_cells(d, why);
    if (rc)
        return rc;
    count_children(s);
    run(s);
    return WN_OK;
}

wn_rc wn_effects_fit(const struct wn_effects_data *data, struct wn_arena *a, struct wn_effects *out,
                     struct wn_why *why)
{
    struct wn_arena scratch;
    struct wn_effects made = {0};
    struct fit s = {.d = data, .out = &made};
    size_t levels_max;
    wn_rc rc = check_sizes(data, &levels_max, why);
    if (rc)
        return rc;
    wn_arena_init(&scratch, a->max_bytes);
    rc = fit(&s, levels_max, &scratch, a, why);
    if (!rc)
        *out = made;
    wn_arena_deinit(&scratch);
    return rc;
}
