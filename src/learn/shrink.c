#include "learn/shrink.h"

#include "learn/optimise.h"
#include "learn/special.h"

#include <math.h>
#include <stdio.h>

enum { SIBLINGS_MIN = 5 };

/* Totals over subtrees, and levels. */
struct tree {
    const struct wn_shrink_node *nodes;
    size_t n;
    double *count, *exposure; /* [n] */
    uint8_t *level;           /* [n] */
    int n_levels;
};

typedef bool is_valid_fn(const struct wn_shrink_node *node);

static wn_rc tree_init(struct tree *t, struct wn_arena *a, const struct wn_shrink_node *nodes,
                       size_t n, is_valid_fn *is_valid, struct wn_why *why)
{
    char name[64];
    *t = (struct tree){.nodes = nodes, .n = n};
    if (n == 0)
        return wn_fail(why, WN_INVALID, NULL, "the tree has no nodes");
    if (n > WN_SHRINK_NODES_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "more than %d nodes", WN_SHRINK_NODES_MAX);
    t->count = WN_ARENA_ARRAY(a, n, double);
    t->exposure = WN_ARENA_ARRAY(a, n, double);
    t->level = WN_ARENA_ARRAY(a, n, uint8_t);
    if (!t->count || !t->exposure || !t->level)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for a tree of %zu nodes", n);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "nodes[%zu]", i);
        if (i && nodes[i].parent >= i)
            return wn_fail(why, WN_INVALID, name, "%s: its parent must stand before it", name);
        if (!is_valid(&nodes[i]))
            return wn_fail(why, WN_INVALID, name, "%s: its numbers are out of range", name);
        t->level[i] = i ? (uint8_t)(t->level[nodes[i].parent] + 1) : 0;
        if (t->level[i] >= WN_SHRINK_LEVELS_MAX)
            return wn_fail(why, WN_LIMIT, name, "more than %d levels", WN_SHRINK_LEVELS_MAX);
        t->n_levels = t->level[i] >= t->n_levels ? t->level[i] + 1 : t->n_levels;
        t->count[i] = nodes[i].count;
        t->exposure[i] = nodes[i].exposure;
    }
    return WN_OK;
}

static void sum_up(struct tree *t)
{
    for (size_t i = t->n; i-- > 1;) {
        t->count[t->nodes[i].parent] += t->count[i];
        t->exposure[t->nodes[i].parent] += t->exposure[i];
    }
}

/* ---- strength of one level -------------------------------------------------------------------------
 */

struct level {
    const struct tree *t;
    const struct wn_shrunk *out; /* of the levels above */
    int level;
};

typedef double node_fn(double count, double exposure, double parent, double strength);

struct likelihood {
    struct level l;
    node_fn *node;
};

static double minus_log_likelihood(void *context, double log_m)
{
    const struct likelihood *k = context;
    const struct tree *t = k->l.t;
    double m = exp(log_m), sum = 0;
    for (size_t i = 1; i < t->n; i++)
        if (t->level[i] == k->l.level && t->exposure[i] > 0)
            sum -= k->node(t->count[i], t->exposure[i], k->l.out[t->nodes[i].parent].mean, m);
    return sum;
}

/* Maximum likelihood over ln m in [low, high]; the fallback with few siblings. */
static double find_strength(const struct level *l, node_fn *node, double low, double high,
                            double fallback)
{
    struct likelihood k = {*l, node};
    struct wn_minimum minimum;
    double log_m = 0;
    size_t siblings = 0;
    for (size_t i = 1; i < l->t->n; i++)
        siblings += l->t->level[i] == l->level && l->t->exposure[i] > 0 ? 1 : 0;
    if (siblings < SIBLINGS_MIN ||
        wn_minimise_one(minus_log_likelihood, &k, log(low), log(high), 1e-6, &log_m, &minimum))
        return fallback;
    return exp(log_m);
}

/* ---- rates -----------------------------------------------------------------------------------------
 */

static bool is_rate(const struct wn_shrink_node *n)
{
    return n->count >= 0 && n->exposure >= n->count && n->exposure <= 1e15;
}

/* ln of the beta-binomial probability, less what does not depend on m. */
static double beta_binomial(double k, double n, double p, double m)
{
    double a = fmax(m * p, 1e-12), b = fmax(m * (1 - p), 1e-12);
    return wn_log_beta(k + a, n - k + b) - wn_log_beta(a, b);
}

static struct wn_shrunk beta_posterior(double k, double n, double p, double m)
{
    double a = k + m * p, total = n + m, mean = a / total;
    return (struct wn_shrunk){mean, mean * (1 - mean) / (total + 1), m / total};
}

/* The strength whose prior variance is that of m plus the parent's own. */
static double weaken_beta(double m, const struct wn_shrunk *parent)
{
    double v = parent->mean * (1 - parent->mean);
    if (!(v > 0))
        return m;
    double total = v / (m + 1) + parent->variance;
    return fmax(v / total - 1, 1e-6);
}

wn_rc wn_shrink_rates(struct wn_arena *scratch, const struct wn_shrink_node *nodes, size_t n,
                      double fallback, struct wn_shrunk *out, double *strength, struct wn_why *why)
{
    struct tree t;
    wn_rc rc = tree_init(&t, scratch, nodes, n, is_rate, why);
    if (rc)
        return rc;
    if (!(fallback > 0 && fallback <= 1e15))
        return wn_fail(why, WN_INVALID, "fallback", "the fallback strength must be above 0");
    sum_up(&t);
    out[0] = beta_posterior(t.count[0], t.exposure[0], .5, 1); /* Jeffreys */
    if (strength)
        strength[0] = 1;
    for (int level = 1; level < t.n_levels; level++) {
        struct level l = {&t, out, level};
        double m = find_strength(&l, beta_binomial, 1, 1e6, fallback);
        if (strength)
            strength[level] = m;
        for (size_t i = 1; i < n; i++)
            if (t.level[i] == level) {
                const struct wn_shrunk *parent = &out[nodes[i].parent];
                out[i] =
                    beta_posterior(t.count[i], t.exposure[i], parent->mean, weaken_beta(m, parent));
            }
    }
    return WN_OK;
}

/* ---- counts ----------------------------------------------------------------------------------------
 */

static bool is_count(const struct wn_shrink_node *n)
{
    return n->count >= 0 && n->count <= 1e15 && n->exposure >= 0 && n->exposure <= 1e15 &&
           (n->exposure > 0 || n->count == 0);
}

/* ln of the negative binomial probability, less what does not depend on m. */
static double gamma_poisson(double k, double e, double rate, double m)
{
    double a = fmax(m * rate, 1e-12);
    return wn_log_gamma(k + a) - wn_log_gamma(a) + a * log(m) - (k + a) * log(e + m);
}

static struct wn_shrunk gamma_posterior(double k, double e, double rate, double m)
{
    double total = e + m, mean = (k + m * rate) / total;
    return (struct wn_shrunk){mean, mean / total, m / total};
}

wn_rc wn_shrink_counts(struct wn_arena *scratch, const struct wn_shrink_node *nodes, size_t n,
                       double fallback, struct wn_shrunk *out, double *strength, struct wn_why *why)
{
    struct tree t;
    wn_rc rc = tree_init(&t, scratch, nodes, n, is_count, why);
    if (rc)
        return rc;
    if (!(fallback > 0 && fallback <= 1e15))
        return wn_fail(why, WN_INVALID, "fallback", "the fallback strength must be above 0");
    sum_up(&t);
    double e = t.exposure[0], k = t.count[0];
    out[0] = (struct wn_shrunk){e > 0 ? (k + .5) / e : 0, e > 0 ? (k + .5) / e / e : 0, 0};
    if (strength)
        strength[0] = 0;
    double mean_exposure = e > 0 ? e / (double)n : 1;
    for (int level = 1; level < t.n_levels; level++) {
        struct level l = {&t, out, level};
        double m =
            find_strength(&l, gamma_poisson, 1e-6 * mean_exposure, 1e6 * mean_exposure, fallback);
        if (strength)
            strength[level] = m;
        for (size_t i = 1; i < n; i++) {
            if (t.level[i] != level)
                continue;
            const struct wn_shrunk *p = &out[nodes[i].parent];
            double variance = p->mean / m + p->variance;
            double weaker = variance > 0 ? p->mean / variance : m;
            out[i] = gamma_posterior(t.count[i], t.exposure[i], p->mean, fmax(weaker, 1e-300));
        }
    }
    return WN_OK;
}

/* ---- values ----------------------------------------------------------------------------------------
 */

static bool is_value(const struct wn_shrink_node *n)
{
    return isnan(n->count) || (fabs(n->count) <= 1e15 && n->exposure > 0 && n->exposure <= 1e30);
}

/* Precision-weighted means of subtrees; a node's own value counts as one of its children. Here
 * exposure is the precision, count the precision times the value. */
static void pool_values(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++) {
        bool has = !isnan(t->nodes[i].count);
        t->exposure[i] = has ? 1 / t->nodes[i].exposure : 0;
        t->count[i] = has ? t->nodes[i].count * t->exposure[i] : 0;
    }
    sum_up(t);
}

struct paule_mandel {
    struct level l;
    double n;
};

/* Weighted squares around the parents less their expectation: falls as tau^2 rises. Solved with
 * the children's values against their parents' posterior means. */
static double excess(void *context, double tau2)
{
    const struct paule_mandel *k = context;
    const struct tree *t = k->l.t;
    double sum = -k->n;
    for (size_t i = 1; i < t->n; i++)
        if (t->level[i] == k->l.level && t->exposure[i] > 0) {
            double d = t->count[i] / t->exposure[i] - k->l.out[t->nodes[i].parent].mean;
            sum += d * d / (1 / t->exposure[i] + tau2);
        }
    return sum;
}

static double between_variance(const struct level *l, double fallback)
{
    const struct tree *t = l->t;
    struct paule_mandel k = {*l, 0};
    double high = 0, tau2 = 0, nodes = 0, last = -1, families = 0;
    for (size_t i = 1; i < t->n; i++)
        if (t->level[i] == l->level && t->exposure[i] > 0) {
            double parent = t->nodes[i].parent;
            double d = t->count[i] / t->exposure[i] - l->out[t->nodes[i].parent].mean;
            high += d * d;
            nodes++;
            families += parent != last;
            last = parent;
        }
    if (nodes < SIBLINGS_MIN)
        return fallback;
    k.n = fmax(nodes - families, 1); /* each parent's mean was estimated */
    if (excess(&k, 0) <= 0)
        return 0;
    high = high / k.n + 1e-300;
    while (excess(&k, high) > 0 && high < 1e300)
        high *= 2;
    return wn_find_zero(excess, &k, 0, high, &tau2) ? fallback : tau2;
}

wn_rc wn_shrink_values(struct wn_arena *scratch, const struct wn_shrink_node *nodes, size_t n,
                       double fallback, struct wn_shrunk *out, double *strength, struct wn_why *why)
{
    struct tree t;
    wn_rc rc = tree_init(&t, scratch, nodes, n, is_value, why);
    if (rc)
        return rc;
    if (!(fallback >= 0 && fallback <= 1e30))
        return wn_fail(why, WN_INVALID, "fallback", "the fallback variance must be at least 0");
    pool_values(&t);
    double precision = t.exposure[0];
    out[0] = (struct wn_shrunk){precision > 0 ? t.count[0] / precision : 0,
                                precision > 0 ? 1 / precision : 0, 0};
    if (strength)
        strength[0] = 0;
    for (int level = 1; level < t.n_levels; level++) {
        struct level l = {&t, out, level};
        double tau2 = between_variance(&l, fallback);
        if (strength)
            strength[level] = tau2;
        for (size_t i = 1; i < n; i++) {
            if (t.level[i] != level)
                continue;
            const struct wn_shrunk *p = &out[nodes[i].parent];
            double prior = tau2 + p->variance, own = t.exposure[i];
            if (!(prior > 0)) {
                out[i] = (struct wn_shrunk){p->mean, 0, 1};
                continue;
            }
            double total = own + 1 / prior;
            out[i] = (struct wn_shrunk){(t.count[i] + p->mean / prior) / total, 1 / total,
                                        1 / prior / total};
        }
    }
    return WN_OK;
}
