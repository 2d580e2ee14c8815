/* The hierarchy: counts of clicks and views along the paths of the tree fields, and the rate of a
 * path shrunk to those of its ancestors: (k + m p_parent) / (n + m), the widest level first. */
#include "learn/ctr_int.h"
#include "learn/shrink.h"

#include <stdlib.h>
#include <string.h>

#define VIEWS_MAX 1e15
#define STRENGTH_FALLBACK 200.0 /* views, where siblings are too few to tell */

wn_rc ctr_tree_init(struct ctr_tree *t)
{
    t->n_max = 64;
    t->n_index = 128;
    t->nodes = calloc(t->n_max, sizeof *t->nodes);
    t->index = calloc(t->n_index, sizeof *t->index);
    return t->nodes && t->index ? WN_OK : WN_MEMORY;
}

void ctr_tree_deinit(struct ctr_tree *t)
{
    free(t->nodes);
    free(t->index);
    *t = (struct ctr_tree){0};
}

void ctr_tree_forget(struct ctr_tree *t)
{
    memset(t->index, 0, t->n_index * sizeof *t->index);
    t->nodes[0] = (struct ctr_node){.hash = 1};
    t->n = 1;
    for (size_t i = 0; i <= WN_CTR_TREE_MAX; i++)
        t->strength[i] = STRENGTH_FALLBACK;
}

static uint32_t *place_of(const struct ctr_tree *t, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash & (t->n_index - 1);; i = (i + 1) & (t->n_index - 1))
        if (t->index[i] == 0 || t->nodes[t->index[i]].hash == hash)
            return &t->index[i];
}

/* The path below node through one more feature. */
static uint64_t path_hash(const struct ctr_node *parent, uint64_t feature)
{
    uint64_t h = ctr_hash_pair(parent->hash, feature);
    return h ? h : 1;
}

/* The first feature of a field, or NULL. */
static const struct wn_ctr_feature *of_field(const struct wn_ctr_feature *features, size_t n,
                                             uint32_t field)
{
    for (size_t i = 0; i < n; i++)
        if (features[i].field == field)
            return &features[i];
    return NULL;
}

static double shrunk(const struct ctr_tree *t, const struct ctr_node *node, double parent)
{
    double m = t->strength[node->level];
    return (node->clicks + m * parent) / (node->views + m);
}

double ctr_tree_offset(const struct ctr_tree *t, const struct wn_ctr_feature *features, size_t n)
{
    const struct ctr_node *node = &t->nodes[0];
    double p = (node->clicks + 0.5) / (node->views + 1);
    for (uint32_t level = 0; level < t->n_levels; level++) {
        const struct wn_ctr_feature *f = of_field(features, n, t->fields[level]);
        uint32_t next = f ? *place_of(t, path_hash(node, f->hash)) : 0;
        if (!next)
            break;
        node = &t->nodes[next];
        p = shrunk(t, node, p);
    }
    return wn_logit(p);
}

static wn_rc grow(struct ctr_tree *t)
{
    uint32_t n_max = 2 * t->n_max, n_index = 2 * t->n_index;
    if (n_max > CTR_NODES_MAX)
        return WN_LIMIT;
    uint32_t *index = calloc(n_index, sizeof *index);
    struct ctr_node *nodes = index ? realloc(t->nodes, n_max * sizeof *nodes) : NULL;
    if (!nodes) {
        free(index);
        return WN_MEMORY;
    }
    free(t->index);
    t->nodes = nodes;
    t->index = index;
    t->n_max = n_max;
    t->n_index = n_index;
    for (uint32_t i = 1; i < t->n; i++)
        *place_of(t, t->nodes[i].hash) = i;
    return WN_OK;
}

wn_rc ctr_tree_append(struct ctr_tree *t, struct ctr_node node, uint32_t *out)
{
    if (t->n == t->n_max) {
        wn_rc rc = grow(t);
        if (rc)
            return rc;
    }
    *place_of(t, node.hash) = t->n;
    t->nodes[t->n] = node;
    *out = t->n++;
    return WN_OK;
}

wn_rc ctr_tree_add(struct ctr_tree *t, const struct wn_ctr_feature *features, size_t n,
                   double clicks, double views)
{
    uint32_t path[WN_CTR_TREE_MAX + 1] = {0};
    size_t n_path = 1;
    for (uint32_t level = 0; level < t->n_levels; level++) {
        const struct wn_ctr_feature *f = of_field(features, n, t->fields[level]);
        if (!f)
            break;
        uint32_t parent = path[n_path - 1];
        uint64_t hash = path_hash(&t->nodes[parent], f->hash);
        uint32_t node = *place_of(t, hash);
        if (!node) {
            struct ctr_node added = {.hash = hash, .parent = parent, .level = level + 1};
            wn_rc rc = ctr_tree_append(t, added, &node);
            if (rc)
                return rc; /* nodes made so far count nothing: the tree is as before */
        }
        path[n_path++] = node;
    }
    for (size_t i = 0; i < n_path; i++) {
        t->nodes[path[i]].clicks += clicks;
        t->nodes[path[i]].views += views;
    }
    return WN_OK;
}

/* Nodes hold the counts of their whole subtree; the estimator adds them up itself, so it is given
 * what no child has. */
wn_rc ctr_tree_estimate(struct ctr_tree *t)
{
    if (t->n_levels == 0)
        return WN_OK;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(&a, t->n, struct wn_shrink_node);
    struct wn_shrunk *out = WN_ARENA_ARRAY(&a, t->n, struct wn_shrunk);
    double strength[WN_SHRINK_LEVELS_MAX] = {0};
    wn_rc rc = nodes && out ? WN_OK : WN_MEMORY;
    if (!rc) {
        for (uint32_t i = 0; i < t->n; i++)
            nodes[i] =
                (struct wn_shrink_node){t->nodes[i].parent, t->nodes[i].clicks, t->nodes[i].views};
        for (uint32_t i = 1; i < t->n; i++) {
            nodes[t->nodes[i].parent].count -= t->nodes[i].clicks;
            nodes[t->nodes[i].parent].exposure -= t->nodes[i].views;
        }
        for (uint32_t i = 0; i < t->n; i++) { /* rounding, and what the estimator takes */
            double views = fmax(0, nodes[i].exposure), part = fmin(1, VIEWS_MAX / fmax(views, 1));
            nodes[i].exposure = fmin(views, VIEWS_MAX);
            nodes[i].count = fmin(fmax(0, part * nodes[i].count), nodes[i].exposure);
        }
        rc = wn_shrink_rates(&a, nodes, t->n, STRENGTH_FALLBACK, out, strength, NULL);
    }
    for (uint32_t level = 1; !rc && level <= t->n_levels; level++)
        if (isfinite(strength[level]) && strength[level] > 0)
            t->strength[level] = strength[level];
    wn_arena_deinit(&a);
    return rc;
}
