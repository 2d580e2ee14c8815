/* Forecasts that add up along a tree. */
#include "winnow/forecast.h"

#include <math.h>
#include <stdlib.h>

struct tree {
    const size_t *parent;
    size_t n;
    double *up;       /* variance of a node after its children have spoken */
    double *children; /* sum of `up` over the children */
    double *sum;      /* of one column: what the children said in all */
    bool *inner;
};

static wn_rc check_tree(const size_t *parent, size_t n, size_t n_columns, const double *values,
                        const double *variances, struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        if (parent[i] != WN_TREE_ROOT && parent[i] >= i)
            return wn_fail(why, WN_INVALID, "parent", "node %zu stands before its parent", i);
        if (!(variances[i] >= 0))
            return wn_fail(why, WN_INVALID, "variances", "the variance of node %zu is not >= 0", i);
        for (size_t c = 0; c < n_columns; c++)
            if (!isfinite(values[i * n_columns + c]))
                return wn_fail(why, WN_INVALID, "values", "a value of node %zu is not finite", i);
    }
    return WN_OK;
}

/* The weight of a node's own forecast against the sum of its children, by precision. */
static double own_weight(double own, double children)
{
    if (isinf(own))
        return 0;
    if (isinf(children))
        return 1;
    return own + children > 0 ? children / (own + children) : 0;
}

static void pass_variances(struct tree *t, const double *variances)
{
    for (size_t i = t->n; i-- > 0;) {
        double own = variances[i], children = t->children[i];
        t->up[i] = own;
        if (t->inner[i])
            t->up[i] = isinf(own)        ? children
                       : isinf(children) ? own
                                         : own_weight(own, children) * own;
        if (t->parent[i] != WN_TREE_ROOT)
            t->children[t->parent[i]] += t->up[i];
    }
}

static void pass_column(struct tree *t, const double *variances, double *values, size_t stride)
{
    for (size_t i = 0; i < t->n; i++)
        t->sum[i] = 0;
    for (size_t i = t->n; i-- > 0;) {
        double *value = &values[i * stride];
        if (t->inner[i]) {
            double w = own_weight(variances[i], t->children[i]);
            *value = w * *value + (1 - w) * t->sum[i];
        }
        if (t->parent[i] != WN_TREE_ROOT)
            t->sum[t->parent[i]] += *value;
    }
    /* Parents are final before their children: what is left over goes down by variance. sum keeps
     * what the children said. */
    for (size_t i = 0; i < t->n; i++) {
        size_t p = t->parent[i];
        if (p != WN_TREE_ROOT && t->children[p] > 0)
            values[i * stride] += (values[p * stride] - t->sum[p]) * (t->up[i] / t->children[p]);
    }
}

static void final_variances(const struct tree *t, double *out)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t p = t->parent[i];
        out[i] = t->up[i];
        if (p != WN_TREE_ROOT && t->children[p] > 0) {
            double share = t->up[i] / t->children[p];
            out[i] = fmax(0, t->up[i] * (1 - share) + share * share * out[p]);
        }
    }
}

wn_rc wn_forecast_reconcile(const size_t *parent, size_t n, size_t n_columns, double *values,
                            const double *variances, double *variances_out, struct wn_why *why)
{
    wn_rc rc = check_tree(parent, n, n_columns, values, variances, why);
    if (rc)
        return rc;
    struct tree t = {.parent = parent, .n = n};
    t.up = calloc(n + 1, sizeof *t.up);
    t.children = calloc(n + 1, sizeof *t.children);
    t.sum = calloc(n + 1, sizeof *t.sum);
    t.inner = calloc(n + 1, sizeof *t.inner);
    if (!t.up || !t.children || !t.sum || !t.inner) {
        rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out");
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        if (parent[i] != WN_TREE_ROOT)
            t.inner[parent[i]] = true;
    for (size_t i = 0; i < n && !rc; i++)
        if (!t.inner[i] && isinf(variances[i]))
            rc = wn_fail(why, WN_INVALID, "variances", "leaf %zu has no forecast of its own", i);
    if (rc)
        goto out;
    pass_variances(&t, variances);
    for (size_t c = 0; c < n_columns; c++)
        pass_column(&t, variances, values + c, n_columns);
    if (variances_out)
        final_variances(&t, variances_out);
out:
    free(t.up);
    free(t.children);
    free(t.sum);
    free(t.inner);
    return rc;
}
