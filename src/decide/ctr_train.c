/* Learning: both models on the older days, tried on the newest; then who answers on all. */
#include "decide/ctr_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/shrink.h"
#include "learn/special.h"

#define TREE_STRENGTH 200.0 /* of click rates, where a level is too small to tell */
#define STEP_VARIANCE_MAX 4.0
#define LEVEL_Z 1.2816 /* 80 % */
#define TESTED_Z 1.96  /* 95 % */
#define PSI_BINS 10
#define SHARE_MIN 1e-4 /* an empty bin of the stability index */
enum { TEST_CLICKS_MIN = 50 };

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while learning clicks");
}

/* ---- the two models --------------------------------------------------------------------------- */

/* Which half of the cells is learnt from: 1 = the older days, 3 = all. */
typedef enum halves { OLDER = 1, ALL = 3 } halves;

/* The sums of cells as trials and successes. Older days alone count as if their last one were the
 * newest. */
static wn_rc set_counts(const struct click_cells *cells, const struct click_days *days,
                        halves which, struct wn_arena *scratch, struct wn_effects_data *data,
                        struct wn_why *why)
{
    double *trials = WN_ARENA_ARRAY(scratch, cells->n, double);
    double *successes = WN_ARENA_ARRAY(scratch, cells->n, double);
    double age = which == OLDER ? days->to - days->test_from + 1 : 0;
    double scale = exp2(age / WN_CLICK_HALF_LIFE_DAYS);
    if (!trials || !successes)
        return no_memory(why);
    for (size_t i = 0; i < cells->n; i++) {
        const struct click_cell *c = &cells->cells[i];
        double n = c->faded_impressions[0] + (which == ALL ? c->faded_impressions[1] : 0);
        double k = c->faded_clicks[0] + (which == ALL ? c->faded_clicks[1] : 0);
        trials[i] = scale * n;
        successes[i] = fmin(scale * k, trials[i]);
    }
    data->trials = trials;
    data->successes = successes;
    return WN_OK;
}

/* Shrinkage along the tree, in the shape of the other model: log-odds, without fields. */
static wn_rc fit_tree(const struct wn_effects_data *d, struct wn_arena *scratch,
                      struct wn_effects *out, struct wn_why *why)
{
    double strength[WN_SHRINK_LEVELS_MAX] = {0};
    size_t n = d->n_nodes;
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(scratch, n, struct wn_shrink_node);
    struct wn_shrunk *shrunk = WN_ARENA_ARRAY(scratch, n, struct wn_shrunk);
    *out = (struct wn_effects){.dispersion = 1};
    out->nodes = WN_ARENA_ARRAY(scratch, n, struct wn_effect);
    if (!nodes || !shrunk || !out->nodes)
        return no_memory(why);
    for (size_t v = 0; v < n; v++)
        nodes[v].parent = d->parent[v];
    for (size_t i = 0; i < d->n_cells; i++) {
        nodes[d->node[i]].count += d->successes[i];
        nodes[d->node[i]].exposure += d->trials[i];
    }
    wn_rc rc = wn_shrink_rates(scratch, nodes, n, TREE_STRENGTH, shrunk, strength, why);
    if (rc)
        return rc;
    for (size_t v = 0; v < n; v++) {
        double p = fmin(fmax(shrunk[v].mean, 1e-9), 1 - 1e-9), slope = p * (1 - p);
        out->nodes[v] = (struct wn_effect){wn_logit(p), shrunk[v].variance / (slope * slope)};
    }
    double p = wn_sigmoid(out->nodes[0].mean);
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++)
        out->depth_variance[depth] =
            fmin(STEP_VARIANCE_MAX, 1 / ((strength[depth] + 1) * p * (1 - p)));
    return WN_OK;
}

static double ratio_of_cell(const struct wn_effects *e, const struct wn_effects_data *d, size_t i)
{
    double eta = e->nodes[d->node[i]].mean;
    for (int o = 0; o < CLICK_OTHERS; o++)
        if (e->fields[o])
            eta += e->fields[o][d->level[i * CLICK_OTHERS + (size_t)o]].mean;
    return wn_sigmoid(eta);
}

/* ---- the test --------------------------------------------------------------------------------- */

struct tried {
    double p;
    double impressions[2], clicks; /* older and newest days; clicks of the newest */
};

static int by_ratio(const void *x, const void *y)
{
    const struct tried *p = x, *q = y;
    return (p->p > q->p) - (p->p < q->p);
}

static void try_on(const struct click_cells *cells, const struct wn_effects *e,
                   const struct wn_effects_data *d, struct tried *out)
{
    for (size_t i = 0; i < cells->n; i++) {
        const struct click_cell *c = &cells->cells[i];
        out[i] = (struct tried){
            ratio_of_cell(e, d, i), {c->impressions[0], c->impressions[1]}, c->clicks[1]};
    }
}

static double log_loss_of(const struct tried *t, size_t n, double base)
{
    double sum = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        double p = base > 0 ? base : t[i].p, views = t[i].impressions[1];
        p = fmin(fmax(p, 1e-9), 1 - 1e-9);
        sum -= t[i].clicks * log(p) + (views - t[i].clicks) * log1p(-p);
        total += views;
    }
    return total > 0 ? sum / total : (double)NAN;
}

static void close_bin(struct wn_click_bin *b)
{
    double n = b->impressions, rate = b->clicks / n, z2 = TESTED_Z * TESTED_Z;
    double middle = (rate + z2 / (2 * n)) / (1 + z2 / n);
    double half = TESTED_Z / (1 + z2 / n) * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n));
    b->predicted /= n;
    b->observed = rate;
    b->low = fmax(0, middle - half);
    b->high = fmin(1, middle + half);
}

/* Bins of equal impressions; fewer where clicks are few. t is sorted. */
static void fill_bins(const struct tried *t, size_t n, struct wn_click_test *out)
{
    double n_bins = fmin(WN_CLICK_BINS, fmax(1, floor(out->clicks / 20)));
    double full = out->impressions / n_bins, done = 0;
    struct wn_click_bin *b = out->bins;
    for (size_t i = 0; i < n; i++) {
        if (!(t[i].impressions[1] > 0))
            continue;
        size_t at = (size_t)fmin(n_bins - 1, floor((done + t[i].impressions[1] / 2) / full));
        b[at].impressions += t[i].impressions[1];
        b[at].clicks += t[i].clicks;
        b[at].predicted += t[i].p * t[i].impressions[1];
        done += t[i].impressions[1];
    }
    for (size_t i = 0; i < (size_t)n_bins; i++) {
        if (!(b[i].impressions > 0))
            continue;
        close_bin(&b[i]);
        out->ece += b[i].impressions / out->impressions * fabs(b[i].predicted - b[i].observed);
        b[out->n_bins++] = b[i];
    }
}

/* The share of pairs (a click, a view without one) that are in the right order; t is sorted. */
static double auc_of(const struct tried *t, size_t n)
{
    double below = 0, pairs = 0, clicks = 0;
    for (size_t i = 0; i < n;) {
        double k = 0, rest = 0, p = t[i].p;
        for (; i < n && t[i].p == p; i++) {
            k += t[i].clicks;
            rest += t[i].impressions[1] - t[i].clicks;
        }
        pairs += k * (below + rest / 2);
        below += rest;
        clicks += k;
    }
    return clicks > 0 && below > 0 ? pairs / (clicks * below) : .5;
}

/* How far the newest days' mix of predictions has moved from the older days': PSI over tenths of the
 * latter. t is sorted. */
static double stability_of(const struct tried *t, size_t n)
{
    double total[2] = {0, 0}, share[PSI_BINS][2] = {{0}}, before = 0, psi = 0;
    for (size_t i = 0; i < n; i++)
        for (int h = 0; h < 2; h++)
            total[h] += t[i].impressions[h];
    if (!(total[0] > 0 && total[1] > 0))
        return NAN;
    for (size_t i = 0; i < n; i++) {
        double middle = (before + t[i].impressions[0] / 2) / total[0];
        int at = (int)fmin(PSI_BINS - 1, floor(PSI_BINS * middle));
        for (int h = 0; h < 2; h++)
            share[at][h] += t[i].impressions[h] / total[h];
        before += t[i].impressions[0];
    }
    for (int b = 0; b < PSI_BINS; b++) {
        double old = fmax(share[b][0], SHARE_MIN), now = fmax(share[b][1], SHARE_MIN);
        psi += (now - old) * log(now / old);
    }
    return psi;
}

static void score(struct tried *t, size_t n, struct wn_click_test *out)
{
    double predicted = 0;
    qsort(t, n, sizeof *t, by_ratio);
    for (size_t i = 0; i < n; i++)
        predicted += t[i].p * t[i].impressions[1];
    out->log_loss = log_loss_of(t, n, 0);
    out->ratio = out->clicks > 0 ? predicted / out->clicks : (double)NAN;
    out->auc = auc_of(t, n);
    out->drift = stability_of(t, n);
    fill_bins(t, n, out);
}

/* Learns from the older days, looks at the newest, and says who predicts them better. */
static wn_rc choose(const struct click_cells *cells, const struct click_days *days,
                    struct wn_arena *scratch, struct wn_effects_data *data,
                    struct wn_click_report *r, struct wn_why *why)
{
    struct wn_effects tree, effects;
    struct tried *by_tree = WN_ARENA_ARRAY(scratch, cells->n, struct tried);
    struct tried *by_effects = WN_ARENA_ARRAY(scratch, cells->n, struct tried);
    if (!by_tree || !by_effects)
        return no_memory(why);
    wn_rc rc = set_counts(cells, days, OLDER, scratch, data, why);
    if (!rc)
        rc = fit_tree(data, scratch, &tree, why);
    if (!rc && !r->is_scarce)
        rc = wn_effects_fit(data, scratch, &effects, why);
    if (rc)
        return rc;
    double older = 0, clicked = 0;
    r->test.n_days = days->n_test_days;
    for (size_t i = 0; i < cells->n; i++) {
        r->test.impressions += cells->cells[i].impressions[1];
        r->test.clicks += cells->cells[i].clicks[1];
        older += cells->cells[i].impressions[0];
        clicked += cells->cells[i].clicks[0];
    }
    try_on(cells, &tree, data, by_tree);
    r->test.log_loss_tree = log_loss_of(by_tree, cells->n, 0);
    r->test.log_loss_base = log_loss_of(by_tree, cells->n, (clicked + .5) / (older + 1));
    if (!r->is_scarce) {
        try_on(cells, &effects, data, by_effects);
        if (log_loss_of(by_effects, cells->n, 0) < r->test.log_loss_tree)
            r->method = WN_CLICK_EFFECTS;
    }
    score(r->method == WN_CLICK_EFFECTS ? by_effects : by_tree, cells->n, &r->test);
    return WN_OK;
}

const char *wn_click_badge(const struct wn_click_test *test, double base_ratio)
{
    if (test->n_days == 0 || test->clicks < TEST_CLICKS_MIN || !(base_ratio > 0))
        return "untested";
    double share = test->ece / base_ratio;
    return share <= .1 ? "good" : share <= .25 ? "fair" : "poor";
}

/* ---- what is kept ----------------------------------------------------------------------------- */

static double slope_of(double log_odds)
{
    double p = wn_sigmoid(log_odds);
    return p * (1 - p);
}

/* The rate of the impressions below each node: its children's and its own. Errors of the parts go on
 * by their share and slope (delta method). */
static wn_rc average(struct wn_click_model *m, struct wn_arena *scratch, struct wn_why *why)
{
    double *rate = WN_ARENA_ARRAY(scratch, m->n_nodes, double);
    double *error = WN_ARENA_ARRAY(scratch, m->n_nodes, double); /* variance of the rate */
    double *inner = WN_ARENA_ARRAY(scratch, m->n_nodes, double); /* impressions of the children */
    if (!rate || !error || !inner)
        return no_memory(why);
    for (size_t v = m->n_nodes; v-- > 0;) {
        struct click_node *node = &m->nodes[v];
        double own = fmax(0, node->impressions - inner[v]) / node->impressions;
        double slope = own * slope_of(node->typical.mean);
        rate[v] += own * wn_sigmoid(node->typical.mean);
        error[v] += slope * slope * node->typical.variance;
        slope = rate[v] * (1 - rate[v]);
        node->average = (struct wn_effect){wn_logit(rate[v]), error[v] / (slope * slope)};
        double share = node->impressions / m->nodes[node->parent].impressions;
        if (v == 0)
            continue;
        rate[node->parent] += share * rate[v];
        error[node->parent] += share * share * error[v];
        inner[node->parent] += node->impressions;
    }
    return WN_OK;
}

/* A node's average less its parent's, which it is a part of. */
static void make_steps(struct wn_click_model *m)
{
    for (size_t v = 1; v < m->n_nodes; v++) {
        struct click_node *node = &m->nodes[v];
        const struct click_node *up = &m->nodes[node->parent];
        double part = node->impressions / up->impressions * slope_of(node->average.mean) /
                      slope_of(up->average.mean);
        double others = fmax(0, up->average.variance - part * part * node->average.variance);
        node->step.mean = node->average.mean - up->average.mean;
        node->step.variance = (1 - part) * (1 - part) * node->average.variance + others;
    }
}

static void keep(const struct wn_effects *e, struct wn_click_model *m)
{
    for (size_t v = 0; v < m->n_nodes; v++)
        m->nodes[v].typical = e->nodes[v];
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++)
        m->depth_variance[depth] = e->depth_variance[depth];
    for (int o = 0; o < CLICK_OTHERS; o++) {
        m->others[o].variance = e->field_variance[o];
        for (size_t l = 0; e->fields[o] && l < m->others[o].n; l++)
            m->others[o].levels[l].effect = e->fields[o][l];
    }
    m->report.dispersion = e->dispersion;
}

static int by_impressions(const void *x, const void *y)
{
    const struct wn_click_level *p = x, *q = y;
    return (p->impressions < q->impressions) - (p->impressions > q->impressions);
}

static struct wn_click_level level_of(struct wn_effect e, double impressions, double clicks,
                                      struct wn_str value, struct wn_str label)
{
    double half = LEVEL_Z * sqrt(e.variance);
    return (struct wn_click_level){.value = value,
                                   .label = label,
                                   .channel = -1,
                                   .impressions = impressions,
                                   .clicks = clicks,
                                   .odds = exp(e.mean),
                                   .low = exp(e.mean - half),
                                   .high = exp(e.mean + half)};
}

static int node_channel(const struct wn_click_model *m, const struct click_node *node)
{
    if (node->depth < 2)
        return -1;
    while (node->depth > 1)
        node = &m->nodes[node->parent];
    return node->id;
}

static struct wn_str node_value(struct wn_click_model *m, const struct click_node *node)
{
    if (node->depth > 1)
        return wn_arena_printf(&m->a, "%d", (int)node->id);
    const struct wn_code *code = wn_code_by_number(wn_channels, wn_n_channels, (uint8_t)node->id);
    return wn_str_of(code ? code->name : "other");
}

/* Ads and ad groups of one name are many: the campaign stands behind it. */
static struct wn_str node_label(struct wn_click_model *m, const struct click_node *node)
{
    const struct click_node *up = node;
    if (node->depth < 3)
        return node->label;
    while (up->depth > 2)
        up = &m->nodes[up->parent];
    return wn_arena_printf(&m->a, "%.*s · %.*s", WN_STR_ARG(node->label), WN_STR_ARG(up->label));
}

static bool drive_by_tree(struct wn_click_model *m, int depth, struct wn_arena *scratch,
                          struct wn_click_driver *out)
{
    struct wn_click_level *all = WN_ARENA_ARRAY(scratch, m->n_nodes, struct wn_click_level);
    double squares = 0, total = 0;
    size_t n = 0;
    for (uint32_t v = 1; all && v < m->n_nodes; v++) {
        const struct click_node *node = &m->nodes[v];
        if (node->depth != depth || (depth > 1 && node->id == 0))
            continue;
        squares += node->impressions * node->step.mean * node->step.mean;
        total += node->impressions;
        all[n] = level_of(node->step, node->impressions, node->clicks, (struct wn_str){0},
                          (struct wn_str){0});
        all[n++].value.n = v; /* which node, until the largest are known */
    }
    if (!all)
        return false;
    qsort(all, n, sizeof *all, by_impressions);
    size_t n_listed = n < WN_CLICK_LEVELS_MAX ? n : WN_CLICK_LEVELS_MAX;
    struct wn_click_level *levels = WN_ARENA_ARRAY(&m->a, n_listed, struct wn_click_level);
    for (size_t i = 0; levels && i < n_listed; i++) {
        const struct click_node *node = &m->nodes[all[i].value.n];
        levels[i] = all[i];
        levels[i].value = node_value(m, node);
        levels[i].label = node_label(m, node);
        levels[i].channel = node_channel(m, node);
        if (!levels[i].value.p || !levels[i].label.p)
            return false;
    }
    *out = (struct wn_click_driver){.field = (wn_click_field)(depth - 1),
                                    .importance = total > 0 ? sqrt(squares / total) : 0,
                                    .n_levels = n,
                                    .levels = levels,
                                    .n_listed = n_listed};
    return levels != NULL;
}

static struct wn_str level_value(struct wn_click_model *m, wn_click_field field,
                                 const struct click_level *level)
{
    const struct wn_code *code = NULL;
    if (field == WN_CLICK_HOUR)
        return wn_arena_printf(&m->a, "%d", (int)level->id);
    if (field == WN_CLICK_DEVICE)
        code = wn_code_by_number(wn_devices, wn_n_devices, (uint8_t)level->id);
    if (field == WN_CLICK_GENDER)
        code = wn_code_by_number(wn_genders, wn_n_genders, (uint8_t)level->id);
    return code ? wn_str_of(code->name) : level->label;
}

static bool drive_by_field(struct wn_click_model *m, int other, struct wn_arena *scratch,
                           struct wn_click_driver *out)
{
    const struct click_field *f = &m->others[other];
    wn_click_field field = (wn_click_field)(other + WN_CLICK_DEPTHS);
    struct wn_click_level *all = WN_ARENA_ARRAY(scratch, f->n, struct wn_click_level);
    double squares = 0, total = 0;
    size_t n = 0;
    for (size_t l = 0; all && l < f->n; l++) {
        const struct click_level *level = &f->levels[l];
        if (!click_is_stated(field, level->id))
            continue;
        squares += level->impressions * level->effect.mean * level->effect.mean;
        total += level->impressions;
        all[n++] = level_of(level->effect, level->impressions, level->clicks,
                            level_value(m, field, level), level->label);
    }
    if (!all)
        return false;
    qsort(all, n, sizeof *all, by_impressions);
    size_t n_listed = n < WN_CLICK_LEVELS_MAX ? n : WN_CLICK_LEVELS_MAX;
    struct wn_click_level *levels = WN_ARENA_ARRAY(&m->a, n_listed, struct wn_click_level);
    if (!levels)
        return false;
    for (size_t i = 0; i < n_listed; i++) {
        if (!all[i].value.p)
            return false;
        levels[i] = all[i];
    }
    *out = (struct wn_click_driver){.field = field,
                                    .importance = total > 0 ? sqrt(squares / total) : 0,
                                    .n_levels = n,
                                    .levels = levels,
                                    .n_listed = n_listed};
    return true;
}

static int by_importance(const void *x, const void *y)
{
    const struct wn_click_driver *p = x, *q = y;
    return p->importance != q->importance ? (p->importance < q->importance ? 1 : -1)
                                          : (p->field > q->field) - (p->field < q->field);
}

static wn_rc make_drivers(struct wn_click_model *m, struct wn_arena *scratch, struct wn_why *why)
{
    struct wn_click_driver *all = WN_ARENA_ARRAY(&m->a, WN_CLICK_FIELDS, struct wn_click_driver);
    size_t n = 0;
    if (!all)
        return no_memory(why);
    for (int depth = 1; depth <= WN_CLICK_DEPTHS; depth++) {
        if (!drive_by_tree(m, depth, scratch, &all[n]))
            return no_memory(why);
        n += all[n].n_levels > 1;
    }
    for (int o = 0; o < CLICK_OTHERS && m->report.method == WN_CLICK_EFFECTS; o++) {
        if (!drive_by_field(m, o, scratch, &all[n]))
            return no_memory(why);
        n += all[n].n_levels > 1;
    }
    qsort(all, n, sizeof *all, by_importance);
    m->report.drivers = all;
    m->report.n_drivers = n;
    return WN_OK;
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void sum_up(const struct click_cells *cells, const struct click_days *days,
                   struct wn_click_report *r)
{
    r->day_from = days->from;
    r->day_to = days->to;
    r->n_rows = cells->n_rows;
    r->n_cells = cells->n;
    r->merged = cells->merged;
    for (size_t i = 0; i < cells->n; i++) {
        r->impressions += cells->cells[i].impressions[0] + cells->cells[i].impressions[1];
        r->clicks += cells->cells[i].clicks[0] + cells->cells[i].clicks[1];
    }
    r->base_ratio = r->impressions > 0 ? r->clicks / r->impressions : (double)NAN;
    r->is_scarce = r->clicks < WN_CLICK_CLICKS_MIN;
    r->method = WN_CLICK_TREE;
}

static wn_rc learn(const struct click_cells *cells, const struct click_days *days,
                   struct wn_arena *scratch, struct wn_effects_data *data, struct wn_click_model *m,
                   struct wn_why *why)
{
    struct wn_effects e;
    wn_rc rc = WN_OK;
    if (days->n_test_days)
        rc = choose(cells, days, scratch, data, &m->report, why);
    else if (!m->report.is_scarce)
        m->report.method = WN_CLICK_EFFECTS;
    if (!rc)
        rc = set_counts(cells, days, ALL, scratch, data, why);
    if (!rc)
        rc = m->report.method == WN_CLICK_EFFECTS ? wn_effects_fit(data, scratch, &e, why)
                                                  : fit_tree(data, scratch, &e, why);
    if (rc)
        return rc;
    keep(&e, m);
    rc = average(m, scratch, why);
    if (rc)
        return rc;
    make_steps(m);
    return make_drivers(m, scratch, why);
}

static wn_rc train(const struct wn_book *book, struct wn_arena *scratch, struct wn_click_model *m,
                   struct wn_why *why)
{
    struct click_days days = {0};
    struct click_cells cells;
    struct wn_effects_data data;
    bool has_data;
    wn_rc rc = click_find_days(book, &m->a, &days, &m->report.completeness, &has_data, why);
    if (rc || !has_data)
        return rc;
    rc = click_gather(book, &days, WN_CLICK_CELLS_MAX, scratch, &cells, why);
    if (rc || cells.n == 0)
        return rc;
    sum_up(&cells, &days, &m->report);
    rc = click_index(book, &cells, scratch, m, &data, why);
    return rc ? rc : learn(&cells, &days, scratch, &data, m, why);
}

wn_rc wn_click_train(const struct wn_book *book, struct wn_click_model **out, struct wn_why *why)
{
    struct wn_arena scratch;
    struct wn_click_model *m = calloc(1, sizeof *m);
    if (!m)
        return no_memory(why);
    struct wn_click_test *t = &m->report.test;
    t->log_loss = t->log_loss_tree = t->log_loss_base = t->auc = t->ratio = t->drift = NAN;
    m->report.base_ratio = NAN;
    wn_arena_init(&m->a, 0);
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        wn_map_init(&m->index[f], UINT32_MAX);
    wn_arena_init(&scratch, 0);
    wn_rc rc = train(book, &scratch, m, why);
    wn_arena_deinit(&scratch);
    if (rc) {
        wn_click_model_free(m);
        return rc;
    }
    *out = m;
    return WN_OK;
}
