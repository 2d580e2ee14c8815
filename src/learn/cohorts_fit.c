/* Who stays: the shifted beta-geometric model of contracts, and BG/BB of shops. */
#include "learn/cohorts_int.h"

#include "learn/linalg.h"
#include "learn/optimise.h"

#include <math.h>
#include <stdlib.h>

#define WALL 10.0 /* of the logarithm of a parameter */
#define FEW_CUSTOMERS 500.0
#define PRIOR_LOG_SD 1.5
#define LARGEST_LOG_SD 2.0 /* of what the data leave open */

/* ---- fitting any of the two ---------------------------------------------------------------------
 */

struct problem {
    wn_many_fn *log_likelihood; /* of parameters, with context */
    void *context;
    bool has_prior;
};

/* What is minimised, of parameters > 0. */
static double loss(void *context, const double *theta, size_t n)
{
    const struct problem *p = context;
    double penalty = 0;
    for (size_t i = 0; i < n; i++) {
        double x = log(theta[i]);
        if (!(fabs(x) <= WALL))
            return INFINITY;
        penalty += p->has_prior ? x * x / (2 * PRIOR_LOG_SD * PRIOR_LOG_SD) : 0;
    }
    return penalty - p->log_likelihood(p->context, theta, n);
}

static double shifted_loss(struct problem *p, const double *theta, size_t n, size_t i, double di,
                           size_t j, double dj)
{
    double moved[4];
    for (size_t k = 0; k < n; k++)
        moved[k] = theta[k] * exp((k == i ? di : 0) + (k == j ? dj : 0));
    return loss(p, moved, n);
}

/* The inverse of the curvature by differences, in logarithms; what the data leave open is held by a
 * normal with LARGEST_LOG_SD. */
static wn_rc find_covariance(struct problem *p, const double *theta, size_t n, double *out)
{
    double hessian[10], saved[10], column[4];
    const double h = 1e-3;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double x =
                (shifted_loss(p, theta, n, i, h, j, h) - shifted_loss(p, theta, n, i, h, j, -h) -
                 shifted_loss(p, theta, n, i, -h, j, h) + shifted_loss(p, theta, n, i, -h, j, -h)) /
                (4 * h * h);
            hessian[wn_packed_at(i, j)] = isfinite(x) ? x : 0; /* at a wall */
        }
    for (size_t i = 0; i < n; i++) {
        double *diagonal = &hessian[wn_packed_at(i, i)];
        *diagonal = fmax(*diagonal, 0) + 1 / (LARGEST_LOG_SD * LARGEST_LOG_SD);
    }
    wn_rc rc = wn_chol_factor(hessian, n, saved, NULL);
    if (rc) { /* no valley at all: as wide as allowed */
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                out[wn_packed_at(i, j)] = i == j ? LARGEST_LOG_SD * LARGEST_LOG_SD : 0;
        return WN_OK;
    }
    for (size_t j = 0; j < n; j++) {
        for (size_t i = 0; i < n; i++)
            column[i] = i == j;
        wn_chol_solve(hessian, n, column);
        for (size_t i = j; i < n; i++)
            out[wn_packed_at(i, j)] = column[i];
    }
    return WN_OK;
}

static wn_rc fit(struct problem *p, const double *start, size_t n, double n_customers,
                 struct wn_cohort_fit *out, struct wn_why *why)
{
    struct wn_minimum minimum;
    double theta[4] = {0};
    p->has_prior = n_customers < FEW_CUSTOMERS;
    for (size_t i = 0; i < n; i++)
        theta[i] = start[i];
    wn_rc rc = wn_minimise(loss, p, theta, n, true, 0, 1e-12, 0, &minimum);
    if (rc)
        return wn_fail(why, rc, NULL,
                       "the customers have no likelihood at the start of the search");
    out->n_customers = n_customers;
    out->is_converged = minimum.is_converged;
    out->log_likelihood = p->log_likelihood(p->context, theta, n);
    for (size_t i = 0; i < n; i++) {
        out->theta[i] = theta[i];
        out->is_at_wall = out->is_at_wall || fabs(log(theta[i])) > .9 * WALL;
    }
    return find_covariance(p, theta, n, out->covariance);
}

/* ---- sBG ----------------------------------------------------------------------------------------
 */

double wn_sbg_retention(double alpha, double beta, size_t t)
{
    double before = t > 1 ? (double)(t - 1) : 0;
    return (beta + before) / (alpha + beta + before);
}

double wn_sbg_survival(double alpha, double beta, size_t t)
{
    double s = 1;
    for (size_t k = 1; k <= t && s > 0; k++)
        s *= wn_sbg_retention(alpha, beta, k);
    return s;
}

struct stays {
    const double *lost, *kept;
    size_t n;
};

static double sbg_log_likelihood(void *context, const double *theta, size_t n)
{
    const struct stays *s = context;
    double log_survival = 0, sum = 0;
    (void)n;
    for (size_t t = 1; t <= s->n; t++) {
        double all = theta[0] + theta[1] + (double)t - 1;
        sum += s->lost[t] * (log_survival + log(theta[0] / all));
        log_survival += log((all - theta[0]) / all);
        if (s->kept[t] > 0)
            sum += s->kept[t] * log_survival;
    }
    return sum;
}

wn_rc wn_sbg_fit(const double *lost, const double *kept, size_t n, struct wn_cohort_fit *out,
                 struct wn_why *why)
{
    struct stays stays = {lost, kept, n};
    struct problem p = {.log_likelihood = sbg_log_likelihood, .context = &stays};
    struct wn_cohort_fit result = {.model = WN_COHORT_SBG};
    double n_customers = 0;
    for (size_t t = 1; t <= n; t++) {
        if (!(lost[t] >= 0 && lost[t] <= 1e15 && kept[t] >= 0 && kept[t] <= 1e15)) {
            if (why)
                why->line = t;
            return wn_fail(why, WN_INVALID, "lost", "period %zu: counts must be from 0 to 1e15", t);
        }
        n_customers += lost[t] + kept[t];
    }
    if (!(n_customers > 0))
        return wn_fail(why, WN_INVALID, "lost", "there is no customer");
    wn_rc rc = fit(&p, (const double[]){1, 2}, 2, n_customers, &result, why);
    if (!rc)
        *out = result;
    return rc;
}

/* ---- BG/BB --------------------------------------------------------------------------------------
 */

wn_rc wn_bgbb_chances_init(struct wn_bgbb_chances *c, struct wn_arena *a, size_t n, size_t n_ahead)
{
    *c = (struct wn_bgbb_chances){.n = n,
                                  .n_ahead = n_ahead,
                                  .bought = WN_ARENA_ARRAY(a, (n + 3) * (n + 3), double),
                                  .stayed = WN_ARENA_ARRAY(a, n_ahead + 1, double),
                                  .left = WN_ARENA_ARRAY(a, n_ahead + 1, double)};
    return c->bought && c->stayed && c->left ? WN_OK : WN_MEMORY;
}

void wn_bgbb_chances_fill(struct wn_bgbb_chances *c, const double theta[4])
{
    double alpha = theta[0], beta = theta[1], gamma = theta[2], delta = theta[3];
    size_t width = c->n + 3;
    for (size_t x = 0; x < width; x++) {
        double *row = c->bought + x * width, before = (double)x - 1;
        row[0] = x == 0 ? 1 : row[-(ptrdiff_t)width] * (alpha + before) / (alpha + beta + before);
        for (size_t y = 0; x + y + 1 < width; y++)
            row[y + 1] = row[y] * (beta + (double)y) / (alpha + beta + (double)(x + y));
    }
    c->stayed[0] = 1;
    for (size_t t = 0; t <= c->n_ahead; t++) {
        double all = gamma + delta + (double)t;
        c->left[t] = c->stayed[t] * gamma / all;
        if (t < c->n_ahead)
            c->stayed[t + 1] = c->stayed[t] * (delta + (double)t) / all;
    }
}

double wn_bgbb_likelihood(const struct wn_bgbb_chances *c, size_t x, size_t last, size_t n_seen,
                          struct wn_bgbb_gone *gone)
{
    while (gone->t > last) {
        gone->t--;
        gone->chance += wn_bgbb_bought(c, x, gone->t - x) * c->left[gone->t];
    }
    return wn_bgbb_bought(c, x, n_seen - x) * c->stayed[n_seen] + gone->chance;
}

struct bgbb_row {
    uint32_t n_seen, n_bought, last;
    double weight;
};

struct bgbb {
    struct bgbb_row *rows; /* by n_seen, n_bought, and falling last */
    size_t n;
    struct wn_bgbb_chances chances;
};

static int by_history(const void *a, const void *b)
{
    const struct bgbb_row *x = a, *y = b;
    if (x->n_seen != y->n_seen)
        return x->n_seen < y->n_seen ? -1 : 1;
    if (x->n_bought != y->n_bought)
        return x->n_bought < y->n_bought ? -1 : 1;
    return (x->last < y->last) - (x->last > y->last);
}

static double bgbb_log_likelihood(void *context, const double *theta, size_t n)
{
    struct bgbb *b = context;
    struct wn_bgbb_gone gone = {0};
    double sum = 0;
    (void)n;
    wn_bgbb_chances_fill(&b->chances, theta);
    for (size_t i = 0; i < b->n; i++) {
        const struct bgbb_row *r = &b->rows[i], *before = i ? r - 1 : r;
        if (i == 0 || r->n_seen != before->n_seen || r->n_bought != before->n_bought)
            gone = (struct wn_bgbb_gone){r->n_seen, 0};
        sum += r->weight *
               log(wn_bgbb_likelihood(&b->chances, r->n_bought, r->last, r->n_seen, &gone));
    }
    return sum;
}

static wn_rc check_group(const struct wn_cohort_group *g, uint32_t n_seen, double weight, size_t i,
                         struct wn_why *why)
{
    const char *what = n_seen > WN_COHORT_AGES_MAX ? "seen for too many periods"
                       : g->last > n_seen          ? "bought after the last period"
                       : g->n_bought > g->last || (g->n_bought == 0) != (g->last == 0)
                           ? "cannot have bought so often by its last purchase"
                       : !(weight >= 0 && weight <= 1e15 && g->n_customers <= UINT64_C(1) << 50)
                           ? "its weight or size is out of range"
                           : NULL;
    if (!what)
        return WN_OK;
    if (why)
        why->line = i + 1;
    return wn_fail(why, WN_INVALID, "groups", "group %zu: %s", i + 1, what);
}

wn_rc wn_bgbb_fit(const struct wn_cohort_group *groups, const uint32_t *n_seen,
                  const double *weights, size_t n, struct wn_cohort_fit *out, struct wn_why *why)
{
    struct wn_arena scratch;
    struct bgbb b = {.n = 0};
    struct problem p = {.log_likelihood = bgbb_log_likelihood, .context = &b};
    struct wn_cohort_fit result = {.model = WN_COHORT_BGBB};
    double n_customers = 0;
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = check_group(&groups[i], n_seen[i], weights ? weights[i] : 1, i, why);
        if (rc)
            return rc;
    }
    wn_arena_init(&scratch, 0);
    b.rows = WN_ARENA_ARRAY(&scratch, n, struct bgbb_row);
    wn_rc rc = b.rows ? WN_OK : WN_MEMORY;
    for (size_t i = 0; i < n && !rc; i++) {
        double weight = (double)groups[i].n_customers * (weights ? weights[i] : 1);
        if (n_seen[i] == 0 || !(weight > 0))
            continue; /* nothing is known of them yet */
        b.rows[b.n++] = (struct bgbb_row){n_seen[i], groups[i].n_bought, groups[i].last, weight};
        n_customers += weight;
        longest = n_seen[i] > longest ? n_seen[i] : longest;
    }
    if (!rc && b.n == 0)
        rc = wn_fail(why, WN_INVALID, "groups", "there is no customer who was seen for a period");
    if (!rc)
        rc = wn_bgbb_chances_init(&b.chances, &scratch, longest, longest);
    if (!rc) {
        qsort(b.rows, b.n, sizeof *b.rows, by_history);
        rc = fit(&p, (const double[]){1, 1, .5, 3}, 4, n_customers, &result, why);
    }
    wn_arena_deinit(&scratch);
    if (!rc)
        *out = result;
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "there is no memory for the fit") : rc;
}
