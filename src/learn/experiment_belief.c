/* What to believe about the variants, by numerical integration: no sampling, so that the same test
 * always gets the same answer.
 *
 * Observed: m_j = theta_j + noise of variance v_j. Effects d_j = theta_j - theta_0 have the prior
 * scale * t_3. With e = noise of the control, m_j - m_0 = d_j - e + noise: given e the variants are
 * independent, so the outer sum runs over e and the inner one over a grid that all variants share.
 * Simpson's rule throughout. */
#include "learn/experiment_int.h"
#include "learn/optimise.h"
#include "learn/special.h"

#include <math.h>
#include <stdlib.h>

enum {
    HALF_NODES = 40, /* of each grid, on each side of its middle */
    ARM_NODES = 4 * HALF_NODES + 2,
    OUTER_FINE = 129,  /* values of e for a few variants ... */
    OUTER_COARSE = 33, /* ... and for many */
    FINE_ARMS_MAX = 8,
    ASKED =
        243, /* points at which the distribution of an effect is kept: 0, the minimum, then even */
};
#define REACH 8.5 /* standard errors: beyond lies 1e-17 of the normal distribution */
#define OUTER_REACH 8.0

struct arm {
    double y, sd; /* what was seen of the effect, given e */
};

/* The grid of one call and what stands on it; points are the nodes and the middles between them, so
 * an even index is a node. */
struct grid {
    double *x; /* [2 * n_nodes - 1] */
    size_t n_nodes;
    double *p;   /* [n_arms][2 * n_nodes - 1] densities, scaled to integrate to 1 */
    double *cdf; /* likewise */
    double log_evidence;
};

static double log_density(const struct arm *arm, double scale, double d)
{
    double t = d / scale, z = (d - arm->y) / arm->sd;
    /* Nothing beyond: one last drop of density, times a gap to the next variant, would be a flood. */
    if (fabs(z) > REACH * (1 - 1e-12))
        return -INFINITY;
    return -2 * log1p(fmin(t * t, 1e300) / 3) - z * z / 2;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nodes where the likelihood of one variant is, even, and where the prior is, ever wider. */
static size_t add_nodes(const struct arm *arm, double scale, double *x)
{
    double low = arm->y - REACH * arm->sd, high = arm->y + REACH * arm->sd;
    double far = asinh(fmax(fabs(low), fabs(high)) / scale);
    size_t n = 0;
    for (int i = -HALF_NODES; i <= HALF_NODES; i++) {
        double d = scale * sinh(far * i / HALF_NODES);
        x[n++] = arm->y + arm->sd * (REACH * i / HALF_NODES);
        if (d > low && d < high)
            x[n++] = d;
    }
    return n;
}

static void make_grid(const struct arm *arms, size_t n_arms, double scale, double *nodes,
                      struct grid *g)
{
    size_t n = 0, kept = 1;
    for (size_t k = 0; k < n_arms; k++)
        n += add_nodes(&arms[k], scale, nodes + n);
    nodes[n++] = 0;
    qsort(nodes, n, sizeof *nodes, by_value);
    for (size_t i = 1; i < n; i++)
        if (nodes[i] > nodes[kept - 1])
            nodes[kept++] = nodes[i];
    g->n_nodes = kept;
    for (size_t i = 0; i < kept; i++) {
        g->x[2 * i] = nodes[i];
        if (i + 1 < kept)
            g->x[2 * i + 1] = nodes[i] + (nodes[i + 1] - nodes[i]) / 2;
    }
}

static double simpson(const double *f, double width)
{
    return width / 6 * (f[0] + 4 * f[1] + f[2]);
}

/* Density and distribution of one variant on the grid; ln of its evidence is returned. */
static double fill(const struct arm *arm, double scale, const struct grid *g, double *p,
                   double *cdf)
{
    size_t n = 2 * g->n_nodes - 1;
    double top = -INFINITY, mass = 0;
    for (size_t i = 0; i < n; i++) {
        p[i] = log_density(arm, scale, g->x[i]);
        top = fmax(top, p[i]);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] - top > -700 ? exp(p[i] - top) : 0;
    cdf[0] = 0;
    for (size_t i = 0; i + 2 < n; i += 2) {
        double width = g->x[i + 2] - g->x[i];
        /* Half of the parabola through the three points. */
        cdf[i + 1] = mass + width / 24 * (5 * p[i] + 8 * p[i + 1] - p[i + 2]);
        mass += simpson(&p[i], width);
        cdf[i + 2] = mass;
    }
    mass = fmax(mass, 1e-300);
    for (size_t i = 0; i < n; i++) {
        p[i] /= mass;
        cdf[i] = fmin(fmax(cdf[i] / mass, 0), 1);
    }
    return top + log(mass) - log(arm->sd);
}

/* P(effect <= x) of the variant whose distribution is cdf. */
static double below(const struct grid *g, const double *p, const double *cdf, double x)
{
    size_t low = 0, high = 2 * g->n_nodes - 2;
    if (x <= g->x[0])
        return 0;
    if (x >= g->x[high])
        return 1;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (g->x[middle] <= x)
            low = middle;
        else
            high = middle;
    }
    /* The density between two points is nearly a line. */
    double part = x - g->x[low], width = g->x[high] - g->x[low];
    double at = p[low] + (p[high] - p[low]) * (part / width);
    return fmin(fmax(cdf[low] + part * (p[low] + at) / 2, 0), 1);
}

/* ---- all together -----------------------------------------------------------------------------
 */

struct joint {    /* sums over e, weighted by evidence */
    double *best; /* [n_arms + 1]: the control last */
    double *mean; /* [n_arms] */
    double *cdf;  /* [n_arms][ASKED]: P(effect <= asked[]) */
    double max;   /* E[best effect], the control's being 0 */
    double weight;
    double log_top;
};

/* Product of the distributions of all variants but one, at a point: others[n_arms], and of all. */
static double products(const struct grid *g, size_t n_arms, size_t at, double *others)
{
    size_t stride = 2 * g->n_nodes - 1;
    double before = 1, after = 1;
    for (size_t k = 0; k < n_arms; k++) {
        others[k] = before;
        before *= g->cdf[k * stride + at];
    }
    for (size_t k = n_arms; k-- > 0;) {
        others[k] *= after;
        after *= g->cdf[k * stride + at];
    }
    return before;
}

/* Adds one value of e. others: scratch [3][n_arms]; asked [n_arms][ASKED]. */
static void add_joint(const struct grid *g, size_t n_arms, double weight, double *others,
                      const double *asked, struct joint *out)
{
    size_t stride = 2 * g->n_nodes - 1;
    double all[3] = {0}, at_zero = 0;
    for (size_t i = 0; i + 2 < stride; i += 2) {
        double width = g->x[i + 2] - g->x[i];
        bool is_gain = g->x[i] >= 0; /* 0 is a node */
        if (is_gain)
            for (size_t j = 0; j < 3; j++)
                all[j] = 1 - products(g, n_arms, i + j, &others[j * n_arms]);
        for (size_t k = 0; k < n_arms; k++) {
            const double *p = &g->p[k * stride + i];
            double f[3], m[3];
            for (size_t j = 0; j < 3; j++) {
                m[j] = p[j] * g->x[i + j];
                f[j] = is_gain ? p[j] * others[j * n_arms + k] : 0;
            }
            out->mean[k] += weight * simpson(m, width);
            out->best[k] += weight * simpson(f, width);
        }
        if (is_gain)
            out->max += weight * simpson(all, width);
        if (g->x[i] == 0)
            at_zero = 1 - all[0];
    }
    /* The control is best when nobody is above 0, which may be the last node. */
    if (g->x[stride - 1] == 0)
        at_zero = products(g, n_arms, stride - 1, others);
    out->best[n_arms] += weight * at_zero;
    for (size_t i = 0; i < n_arms * ASKED; i++) {
        size_t from = i / ASKED * stride;
        out->cdf[i] += weight * below(g, &g->p[from], &g->cdf[from], asked[i]);
    }
    out->weight += weight;
}

static void rescale(struct joint *j, size_t n_arms, double factor)
{
    for (size_t k = 0; k < n_arms; k++) {
        j->best[k] *= factor;
        j->mean[k] *= factor;
    }
    for (size_t i = 0; i < n_arms * ASKED; i++)
        j->cdf[i] *= factor;
    j->best[n_arms] *= factor;
    j->max *= factor;
    j->weight *= factor;
}

struct bench { /* all scratch of a call */
    struct arm *arms;
    double *nodes, *others, *asked;
    struct grid grid;
    struct joint joint;
};

static wn_rc make_bench(struct wn_arena *a, size_t n_arms, struct bench *b)
{
    size_t n_nodes = n_arms * ARM_NODES + 1, n_points = 2 * n_nodes;
    b->arms = WN_ARENA_ARRAY(a, n_arms, struct arm);
    b->nodes = WN_ARENA_ARRAY(a, n_nodes, double);
    b->others = WN_ARENA_ARRAY(a, 3 * n_arms, double);
    b->asked = WN_ARENA_ARRAY(a, n_arms * ASKED, double);
    b->joint.cdf = WN_ARENA_ARRAY(a, n_arms * ASKED, double);
    b->grid.x = WN_ARENA_ARRAY(a, n_points, double);
    b->grid.p = WN_ARENA_ARRAY(a, n_arms * n_points, double);
    b->grid.cdf = WN_ARENA_ARRAY(a, n_arms * n_points, double);
    b->joint.best = WN_ARENA_ARRAY(a, n_arms + 1, double);
    b->joint.mean = WN_ARENA_ARRAY(a, n_arms, double);
    bool ok = b->arms && b->nodes && b->others && b->grid.x && b->grid.p && b->grid.cdf &&
              b->joint.best && b->joint.mean && b->asked && b->joint.cdf;
    b->joint.log_top = -INFINITY;
    return ok ? WN_OK : WN_MEMORY;
}

static void at_noise(struct bench *b, const double *effect, const double *sd, size_t n_arms,
                     double scale, double e, double log_weight)
{
    size_t stride;
    for (size_t k = 0; k < n_arms; k++)
        b->arms[k] = (struct arm){effect[k] + e, sd[k]};
    make_grid(b->arms, n_arms, scale, b->nodes, &b->grid);
    stride = 2 * b->grid.n_nodes - 1;
    for (size_t k = 0; k < n_arms; k++)
        log_weight +=
            fill(&b->arms[k], scale, &b->grid, &b->grid.p[k * stride], &b->grid.cdf[k * stride]);
    if (log_weight > b->joint.log_top) {
        rescale(&b->joint, n_arms, exp(b->joint.log_top - log_weight));
        b->joint.log_top = log_weight;
    }
    add_joint(&b->grid, n_arms, exp(log_weight - b->joint.log_top), b->others, b->asked, &b->joint);
}

/* effect, sd [n_arms] of the variants but the control, whose own standard error is noise. */
static void integrate(struct bench *b, const double *effect, double *sd, size_t n_arms,
                      double noise, double scale)
{
    if (n_arms == 1) { /* the control's noise is simply part of the effect's */
        sd[0] = hypot(sd[0], noise);
        at_noise(b, effect, sd, 1, scale, 0, 0);
        return;
    }
    size_t n = n_arms <= FINE_ARMS_MAX ? OUTER_FINE : OUTER_COARSE;
    double step = 2 * OUTER_REACH / (double)(n - 1);
    /* A sum over e sees a step as jumps; .75 of its own step is the least width it integrates to
     * four digits. */
    for (size_t k = 0; k < n_arms; k++)
        sd[k] = fmax(sd[k], .75 * step * noise);
    for (size_t i = 0; i < n; i++) {
        double z = -OUTER_REACH + step * (double)i;
        at_noise(b, effect, sd, n_arms, scale, z * noise, -z * z / 2);
    }
}

static wn_rc check(const double *mean, const double *variance, size_t n, size_t control,
                   double scale, double minimum, struct wn_why *why)
{
    if (n < 2 || n > WN_ABTEST_ARMS_MAX)
        return wn_fail(why, n < 2 ? WN_INVALID : WN_LIMIT, "variants", "2 to %d variants, not %zu",
                       WN_ABTEST_ARMS_MAX, n);
    if (control >= n)
        return wn_fail(why, WN_INVALID, "control", "there is no variant %zu", control + 1);
    if (!(scale >= 0 && scale <= WN_ABTEST_VALUE_MAX))
        return wn_fail(why, WN_INVALID, "prior", "the scale of the prior must be at least 0");
    if (!(fabs(minimum) <= WN_ABTEST_VALUE_MAX))
        return wn_fail(why, WN_INVALID, "minimum", "the smallest effect must be a number");
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(mean[i]) <= WN_ABTEST_VALUE_MAX))
            return wn_fail(why, WN_INVALID, "mean", "mean of variant %zu: not a number within %g",
                           i + 1, WN_ABTEST_VALUE_MAX);
        if (!(variance[i] >= 0 && variance[i] <= WN_ABTEST_VALUE_MAX * WN_ABTEST_VALUE_MAX))
            return wn_fail(why, WN_INVALID, "variance",
                           "variance of variant %zu: must be at least "
                           "0",
                           i + 1);
    }
    return WN_OK;
}

/* Nobody expects an effect: all variants are alike. */
static void believe_nothing(size_t n, double minimum, struct wn_abtest_belief *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (struct wn_abtest_belief){
            .p_above = .5, .p_minimum = minimum < 0, .p_best = 1 / (double)n};
}

static void ask(double *asked, double middle, double sd, double minimum)
{
    enum { EVEN = ASKED - 2 };
    asked[0] = 0;
    asked[1] = minimum;
    for (int i = 0; i < EVEN; i++)
        asked[2 + i] = middle + sd * REACH * (2. * i / (EVEN - 1) - 1);
}

/* cdf [ASKED] of one variant. */
static double quantile_of(const double *asked, const double *cdf, double p)
{
    size_t i = 2;
    while (i + 2 < ASKED && cdf[i + 1] < p)
        i++;
    double part = (p - cdf[i]) / fmax(cdf[i + 1] - cdf[i], 1e-300);
    return asked[i] + fmin(fmax(part, 0), 1) * (asked[i + 1] - asked[i]);
}

static void conclude(const struct bench *b, size_t n, size_t control, double minimum,
                     struct wn_abtest_belief *out)
{
    const struct joint *j = &b->joint;
    double total = 0;
    for (size_t k = 0; k < n; k++)
        total += j->best[k];
    total = fmax(total, 1e-300);
    for (size_t i = 0; i < n; i++) {
        size_t k = i == control ? n - 1 : i - (i > control);
        struct wn_abtest_belief belief = {.p_above = .5, .p_minimum = minimum < 0};
        if (i != control) {
            double *cdf = &j->cdf[k * ASKED];
            for (size_t x = 0; x < ASKED; x++)
                cdf[x] /= j->weight;
            belief.effect = j->mean[k] / j->weight;
            belief.low = quantile_of(&b->asked[k * ASKED], cdf, .025);
            belief.high = quantile_of(&b->asked[k * ASKED], cdf, .975);
            belief.p_above = 1 - cdf[0];
            belief.p_minimum = 1 - cdf[1];
        }
        belief.p_best = j->best[k] / total;
        belief.loss = fmax(j->max / j->weight - belief.effect, 0);
        out[i] = belief;
    }
}

wn_rc wn_abtest_believe(const double *mean, const double *variance, size_t n, size_t control,
                        double scale, double minimum, struct wn_abtest_belief *out,
                        struct wn_why *why)
{
    struct wn_arena scratch;
    struct bench all = {0};
    double effect[WN_ABTEST_ARMS_MAX], sd[WN_ABTEST_ARMS_MAX];
    wn_rc rc = check(mean, variance, n, control, scale, minimum, why);
    if (rc)
        return rc;
    if (!(scale > 1e-150)) {
        believe_nothing(n, minimum, out);
        return WN_OK;
    }
    wn_arena_init(&scratch, 0);
    rc = make_bench(&scratch, n - 1, &all);
    for (size_t i = 0, k = 0; i < n && !rc; i++) {
        if (i == control)
            continue;
        effect[k] = mean[i] - mean[control];
        /* An effect that is known exactly would be a density without width. */
        double least = 1e-7 * fmax(scale, fabs(effect[k]));
        sd[k] = fmax(sqrt(variance[i]), least);
        ask(&all.asked[k * ASKED], effect[k], fmax(sqrt(variance[i] + variance[control]), least),
            minimum);
        k++;
    }
    if (!rc) {
        integrate(&all, effect, sd, n - 1, sqrt(variance[control]), scale);
        conclude(&all, n, control, minimum, out);
    }
    wn_arena_deinit(&scratch);
    return rc ? wn_fail(why, rc, NULL, "there is no memory for the integration") : WN_OK;
}

/* ---- the prior --------------------------------------------------------------------------------
 */

#define PRIOR_RATIO .05
#define PRIOR_WEIGHT 2 /* experiments; one tells about ln(scale) with unit information */

struct past {
    const double *effects, *errors;
    size_t n;
    struct bench *bench;
};

static double surprise(void *context, double log_scale)
{
    struct past *past = context;
    struct bench *b = past->bench;
    double scale = exp(log_scale), off = log_scale - log(PRIOR_RATIO);
    double sum = PRIOR_WEIGHT * off * off / 2;
    for (size_t i = 0; i < past->n; i++) {
        struct arm arm = {past->effects[i], past->errors[i]};
        make_grid(&arm, 1, scale, b->nodes, &b->grid);
        sum -= fill(&arm, scale, &b->grid, b->grid.p, b->grid.cdf) - log_scale;
    }
    return sum;
}

wn_rc wn_abtest_learn(const double *effects, const double *errors, size_t n,
                      double *scale_ratio_out, struct wn_why *why)
{
    struct wn_arena scratch;
    struct bench bench = {0};
    struct past past = {effects, errors, n, &bench};
    struct wn_minimum minimum;
    double best = log(PRIOR_RATIO);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(effects[i]) <= 1e6) || !(errors[i] >= 1e-9 && errors[i] <= 1e6))
            return wn_fail(why, WN_INVALID, "past",
                           "past experiment %zu: the relative effect must be a number within 1e6, "
                           "its standard error above 0",
                           i + 1);
    wn_arena_init(&scratch, 0);
    wn_rc rc = make_bench(&scratch, 1, &bench);
    if (rc)
        rc = wn_fail(why, rc, NULL, "there is no memory for the integration");
    else if (n > 0)
        rc = wn_minimise_one(surprise, &past, log(1e-4), log(10), 1e-4, &best, &minimum);
    wn_arena_deinit(&scratch);
    if (!rc)
        *scale_ratio_out = exp(best);
    return rc;
}
