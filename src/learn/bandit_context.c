/* Logistic Thompson sampling with diagonal Laplace posteriors. */
#include "learn/bandit_int.h"
#include "learn/linalg.h"
#include "learn/optimise.h"
#include "learn/special.h"

#include <math.h>
#include <string.h>

#define X_MAX 1e6
#define SWEEPS_MAX 30
#define DRAWS 4000

wn_rc wn_context_init(struct wn_arena *a, size_t n_arms, size_t n_features, double precision,
                      struct wn_context_bandit *out, struct wn_why *why)
{
    if (n_arms == 0 || n_arms > WN_ARMS_MAX)
        return wn_fail(why, WN_LIMIT, "arms", "%zu arms: there must be 1 to %d", n_arms,
                       WN_ARMS_MAX);
    if (n_features > WN_CONTEXT_FEATURES_MAX)
        return wn_fail(why, WN_LIMIT, "features", "%zu features are more than %d", n_features,
                       WN_CONTEXT_FEATURES_MAX);
    if (!(precision >= 1e-6 && precision <= 1e12))
        return wn_fail(why, WN_INVALID, "precision", "%g is not within 1e-6 and 1e12", precision);
    size_t n = (1 + n_arms) * (1 + n_features);
    struct wn_context_bandit b = {n_arms, n_features, WN_ARENA_ARRAY(a, n, double),
                                  WN_ARENA_ARRAY(a, n, double)};
    if (!b.mean || !b.precision)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n_arms);
    for (size_t i = 0; i < n; i++)
        b.precision[i] = precision;
    *out = b;
    return WN_OK;
}

/* ---- learning -----------------------------------------------------------------------------------
 */

/* One block of weights, the shared ones or an arm's, while the others stand still. */
struct block {
    size_t d;                       /* 1 + n_features */
    const double *mean, *precision; /* [d] before the batch */
    const double *x;                /* [n][n_features] */
    const uint8_t *reward;          /* [n] */
    const size_t *rows;             /* [n_rows] of this block */
    size_t n_rows;
    const double *offset; /* [n] what the other block adds */
    double *z;            /* [d] a row with its constant */
};

static void row_of(const struct block *b, size_t i)
{
    b->z[0] = 1;
    for (size_t j = 1; j < b->d; j++)
        b->z[j] = b->x[i * (b->d - 1) + j - 1];
}

static double penalised_loss(void *context, const double *w, size_t d, double *gradient,
                             double *hessian)
{
    const struct block *b = context;
    double loss = 0;
    memset(hessian, 0, wn_packed_size(d) * sizeof *hessian);
    for (size_t j = 0; j < d; j++) {
        double off = w[j] - b->mean[j];
        loss += 0.5 * b->precision[j] * off * off;
        gradient[j] = b->precision[j] * off;
        hessian[wn_packed_at(j, j)] = b->precision[j];
    }
    for (size_t k = 0; k < b->n_rows; k++) {
        size_t i = b->rows[k];
        row_of(b, i);
        double t = b->offset[i] + wn_dot(w, b->z, d), p = wn_sigmoid(t);
        loss += wn_log1pexp(t) - (b->reward[i] ? t : 0);
        for (size_t j = 0; j < d; j++)
            gradient[j] += (p - b->reward[i]) * b->z[j];
        wn_packed_add_outer(hessian, d, p * (1 - p), b->z);
    }
    return loss;
}

/* A batch while it is learned. */
struct batch {
    struct wn_context_bandit *b;
    size_t n, d;
    const uint32_t *arm;
    const double *x;
    const uint8_t *reward;
    double *weight; /* [1 + n_arms][d], moving */
    double *offset; /* [n] scratch */
    double *z, *scratch;
    size_t *rows, *first; /* rows by arm: rows[first[a]..first[a+1]); then all rows */
};

static double score(const struct batch *t, const double *w, size_t i)
{
    double sum = w[0];
    for (size_t j = 1; j < t->d; j++)
        sum += w[j] * t->x[i * (t->d - 1) + j - 1];
    return sum;
}

/* Fits block k (0 shared, else arm k - 1); *moved grows to the largest change of a weight. */
static wn_rc fit_block(struct batch *t, size_t k, double *moved, struct wn_why *why)
{
    size_t from = k ? t->first[k - 1] : 0, to = k ? t->first[k] : t->n;
    struct block b = {t->d,
                      t->b->mean + k * t->d,
                      t->b->precision + k * t->d,
                      t->x,
                      t->reward,
                      t->rows + from,
                      to - from,
                      t->offset,
                      t->z};
    double *w = t->weight + k * t->d, before[1 + WN_CONTEXT_FEATURES_MAX];
    struct wn_minimum minimum;
    if (b.n_rows == 0)
        return WN_OK;
    for (size_t r = 0; r < b.n_rows; r++) {
        size_t i = b.rows[r];
        const double *other = k ? t->weight : t->weight + (1 + (size_t)t->arm[i]) * t->d;
        t->offset[i] = score(t, other, i);
    }
    memcpy(before, w, t->d * sizeof *w);
    wn_rc rc = wn_newton(penalised_loss, &b, w, t->d, 0, 1e-9, 50, t->scratch, &minimum);
    if (rc)
        return wn_fail(why, rc, "context", "the model cannot be fitted to these rows");
    for (size_t j = 0; j < t->d; j++)
        *moved = fmax(*moved, fabs(w[j] - before[j]));
    return WN_OK;
}

static wn_rc check_batch(const struct wn_context_bandit *b, const uint32_t *arm, const double *x,
                         size_t n, struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        bool good = arm[i] < b->n_arms;
        for (size_t j = 0; good && j < b->n_features; j++)
            good = fabs(x[i * b->n_features + j]) <= X_MAX;
        if (good)
            continue;
        if (why)
            why->line = i + 1;
        return wn_fail(why, WN_INVALID, "context",
                       "row %zu: no such arm, or a feature that is not within -1e6 and 1e6", i + 1);
    }
    return WN_OK;
}

static wn_rc batch_init(struct batch *t, struct wn_arena *a, struct wn_why *why)
{
    size_t n_arms = t->b->n_arms, d = t->d, n_weights = (1 + n_arms) * d;
    t->weight = WN_ARENA_ARRAY(a, n_weights, double);
    t->offset = WN_ARENA_ARRAY(a, t->n, double);
    t->z = WN_ARENA_ARRAY(a, d, double);
    t->scratch = WN_ARENA_ARRAY(a, 3 * d + 2 * wn_packed_size(d), double);
    t->rows = WN_ARENA_ARRAY(a, t->n, size_t);
    t->first = WN_ARENA_ARRAY(a, n_arms + 1, size_t);
    size_t *next = WN_ARENA_ARRAY(a, n_arms, size_t);
    if (!t->weight || !t->offset || !t->z || !t->scratch || !t->rows || !t->first || !next)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu rows", t->n);
    memcpy(t->weight, t->b->mean, n_weights * sizeof *t->weight);
    for (size_t i = 0; i < t->n; i++)
        t->first[t->arm[i] + 1]++;
    for (size_t k = 0; k < n_arms; k++) {
        t->first[k + 1] += t->first[k];
        next[k] = t->first[k];
    }
    for (size_t i = 0; i < t->n; i++)
        t->rows[next[t->arm[i]]++] = i;
    return WN_OK;
}

/* The information that the batch holds of each weight. */
static void add_information(struct batch *t)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t own = (1 + (size_t)t->arm[i]) * t->d;
        double p = wn_sigmoid(score(t, t->weight, i) + score(t, t->weight + own, i));
        for (size_t j = 0; j < t->d; j++) {
            double x = j ? t->x[i * (t->d - 1) + j - 1] : 1, information = p * (1 - p) * x * x;
            t->b->precision[j] = fmin(t->b->precision[j] + information, 1e300);
            t->b->precision[own + j] = fmin(t->b->precision[own + j] + information, 1e300);
        }
    }
}

wn_rc wn_context_update(struct wn_arena *scratch, struct wn_context_bandit *b, const uint32_t *arm,
                        const double *x, const uint8_t *reward, size_t n, struct wn_why *why)
{
    struct batch t = {.b = b, .n = n, .d = 1 + b->n_features, .arm = arm, .x = x, .reward = reward};
    wn_rc rc = check_batch(b, arm, x, n, why);
    if (!rc)
        rc = batch_init(&t, scratch, why);
    for (int sweep = 0; sweep < SWEEPS_MAX && !rc; sweep++) {
        double moved = 0;
        for (size_t k = 0; k <= b->n_arms && !rc; k++)
            rc = fit_block(&t, k, &moved, why);
        if (moved < 1e-7)
            break;
    }
    if (rc)
        return rc;
    add_information(&t);
    memcpy(b->mean, t.weight, (1 + b->n_arms) * t.d * sizeof *b->mean);
    return WN_OK;
}

/* ---- choosing -----------------------------------------------------------------------------------
 */

/* Shares of normal scores by joint draws, where there are too many for quadrature. */
static void shares_by_draws(const double *mean, const double *sd, size_t n, struct wn_rand *r,
                            double *share)
{
    memset(share, 0, n * sizeof *share);
    for (int d = 0; d < DRAWS; d++) {
        size_t best = 0;
        double top = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            double t = mean[i] + sd[i] * wn_rand_normal(r);
            if (t > top) {
                top = t;
                best = i;
            }
        }
        share[best] += 1.0 / DRAWS;
    }
}

/* Mean and deviation of each arm's own part: the shared part moves all arms alike. */
static void own_scores(const struct wn_context_bandit *b, const double *x, double width,
                       double *mean, double *sd, double *rate_out)
{
    size_t d = 1 + b->n_features;
    for (size_t i = 0; i < b->n_arms; i++) {
        const double *w = b->mean + (1 + i) * d, *q = b->precision + (1 + i) * d;
        double shared = b->mean[0], variance = 1 / q[0];
        mean[i] = w[0];
        for (size_t j = 1; j < d; j++) {
            mean[i] += w[j] * x[j - 1];
            shared += b->mean[j] * x[j - 1];
            variance += x[j - 1] * x[j - 1] / q[j];
        }
        sd[i] = width * sqrt(fmax(variance, 1e-300));
        if (rate_out)
            rate_out[i] = wn_sigmoid(shared + mean[i]);
    }
}

wn_rc wn_context_shares(struct wn_arena *scratch, const struct wn_context_bandit *b,
                        const double *x, double width, double floor_ratio, struct wn_rand *r,
                        double *share_out, double *rate_out, struct wn_why *why)
{
    struct wn_share_options options = {.floor_ratio = floor_ratio > 0 ? floor_ratio : 0.005};
    size_t n = b->n_arms;
    if (!(width >= 0 && width <= 10 && floor_ratio >= 0 && floor_ratio <= 1))
        return wn_fail(why, WN_INVALID, "width",
                       "a width of %g or a floor of %g is out of range (0 to 10, 0 to 1)", width,
                       floor_ratio);
    for (size_t j = 0; j < b->n_features; j++)
        if (!(fabs(x[j]) <= X_MAX))
            return wn_fail(why, WN_INVALID, "context", "feature %zu: %g is not within -1e6 and 1e6",
                           j + 1, x[j]);
    if (n > WN_BEST_EXACT_MAX && !r)
        return wn_fail(why, WN_INVALID, "r", "%zu arms need a generator", n);
    double *mean = WN_ARENA_ARRAY(scratch, n, double), *sd = WN_ARENA_ARRAY(scratch, n, double);
    double *p = WN_ARENA_ARRAY(scratch, n, double);
    if (!mean || !sd || !p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    own_scores(b, x, width > 0 ? width : 1, mean, sd, rate_out);
    if (n > WN_BEST_EXACT_MAX) {
        shares_by_draws(mean, sd, n, r, p);
    } else {
        struct wn_score scores[WN_SCORES_MAX];
        for (size_t i = 0; i < n; i++)
            scores[i] = (struct wn_score){true, mean[i], sd[i]};
        wn_score_best(scores, n, 0, p, NULL, NULL);
    }
    return wn_bandit_shares(p, NULL, n, &options, share_out, why);
}
