/* The fit of single entities: conjugate regression in every cell of the grid, cell priors shared
 * by the entities of a group. */
#include "learn/curve_fit_int.h"
#include "learn/special.h"

#include <math.h>
#include <string.h>

enum { NOISE_POINTS = 9, EM_ROUNDS = 2 };
#define POOL_STEPS 7.0      /* weight of the group's ROAS in the prior, in steps */
#define EM_PRIOR_WEIGHT 20. /* how many entities the grid's own prior counts as */
/* The grid is coarser than the posterior of a long history, which alone would make the intervals a
 * little too narrow (77 % for 80 % in simulation): each step counts as this part of one. Chosen in
 * simulation, see tests/unit/learn/test_curve.c. */
#define STEP_WORTH .9

static double sq(double x)
{
    return x * x;
}

/* ---- one cell -----------------------------------------------------------------------------------
 */

/* Sufficient statistics of the weighted regression of one cell. */
struct sums {
    double hh, hy, h1;
};
struct shared_sums {
    double yy, y1, w; /* sums of w*y*y, w*y, w */
    double n, log_w;
};

struct posterior {
    double log_evidence, mean, variance, base;
};

/* Conjugate regression y = base + beta*h with beta ~ N(b0, b0^2), base ~ N(0, 1) (in units of the
 * mean revenue) or none, at a known noise variance. */
static struct posterior regress(const struct sums *s, const struct shared_sums *all, double b0,
                                double noise, bool with_base)
{
    struct posterior p;
    double prior = 1 / (b0 * b0), a = prior + s->hh / noise, r = b0 * prior + s->hy / noise;
    double common = -.5 * all->n * log(noise) + .5 * all->log_w;
    if (!with_base) {
        p.mean = r / a;
        p.variance = 1 / a;
        p.base = 0;
        p.log_evidence = common - .5 * log(a / prior) - .5 * (all->yy / noise + 1 - p.mean * r);
        return p;
    }
    double d = 1 + all->w / noise, c = s->h1 / noise, q = all->y1 / noise;
    double det = fmax(a * d - c * c, 1e-300);
    p.mean = (d * r - c * q) / det;
    p.base = (a * q - c * r) / det;
    p.variance = d / det;
    p.log_evidence =
        common - .5 * log(det / prior) - .5 * (all->yy / noise + 1 - p.mean * r - p.base * q);
    return p;
}

/* Residual sum of squares at the least-squares solution, for the scale of the noise. */
static double residual(const struct sums *s, const struct shared_sums *all, bool with_base)
{
    double hh = s->hh, hy = s->hy, yy = all->yy;
    if (with_base && all->w > 0) {
        hh -= sq(s->h1) / all->w;
        hy -= s->h1 * all->y1 / all->w;
        yy -= sq(all->y1) / all->w;
    }
    return fmax(hh > 0 ? yy - sq(hy) / hh : yy, 0);
}

enum { RATES_MAX = 3 };
/* Statistics of all cells, for several ways of forgetting at once. */
struct statistics {
    struct sums cells[RATES_MAX][CURVE_CELLS];
    struct shared_sums all[RATES_MAX];
};

static void add_observation(struct shared_sums *all, double w, double y)
{
    all->yy += w * y * y;
    all->y1 += w * y;
    all->w += w;
    all->n += STEP_WORTH;
    all->log_w += STEP_WORTH * log(w);
}

static void accumulate(const struct fit *f, const struct entity_fit *e, const double *decays,
                       int n_decays, struct statistics *out)
{
    double stock[CURVE_CARRIES], h[CURVE_SHAPES], w[RATES_MAX];
    memset(out, 0, sizeof *out);
    for (size_t t = 0; t < e->n; t++) {
        const struct step *s = &f->steps[t];
        bool known = !isnan(s->revenue);
        for (int d = 0; d < n_decays; d++) {
            w[d] = known ? STEP_WORTH * s->weight * exp(log(decays[d]) * s->age) : 0;
            if (w[d] > 0)
                add_observation(&out->all[d], w[d], s->revenue);
        }
        for (int c = 0; c < CURVE_CARRIES; c++) {
            double keep = c ? pow(f->grid.carry[c], s->gap) : 0;
            stock[c] = t == 0 ? s->spend : keep * stock[c] + (1 - f->grid.carry[c]) * s->spend;
            if (!known)
                continue;
            curve_shapes_at(&f->grid, stock[c], h);
            for (int d = 0; d < n_decays; d++) {
                struct sums *to = &out->cells[d][c * CURVE_SHAPES];
                double ws = w[d] * s->season, wss = ws * s->season, wsy = ws * s->revenue;
                for (int k = 0; k < CURVE_SHAPES; k++) {
                    to[k].hh += wss * h[k] * h[k];
                    to[k].hy += wsy * h[k];
                    to[k].h1 += ws * h[k];
                }
            }
        }
    }
}

static double prior_return(const struct fit *f, const struct entity_fit *e, int cell)
{
    return e->prior_at_mean / f->grid.at_mean[cell % CURVE_SHAPES];
}

/* Logarithm of the mean over the grid's prior of the evidence, at the noise that fits best. */
static double total_evidence(const struct fit *f, const struct entity_fit *e,
                             const struct sums *cells, const struct shared_sums *all)
{
    double terms[CURVE_CELLS], best = INFINITY;
    for (int c = 0; c < CURVE_CELLS; c++)
        best = fmin(best, residual(&cells[c], all, f->options->with_base));
    double noise = fmax(best, 1e-10) / fmax(all->n - 1, 1);
    for (int c = 0; c < CURVE_CELLS; c++)
        terms[c] = log(f->grid.prior[c]) +
                   regress(&cells[c], all, prior_return(f, e, c), noise, f->options->with_base)
                       .log_evidence;
    return wn_log_sum_exp(terms, CURVE_CELLS);
}

/* Integrates the noise variance out over a grid around its best value, the same for all cells;
 * prior proportional to 1 / variance. */
static void integrate_noise(struct fit *f, const struct entity_fit *e, size_t at,
                            const struct sums *cells, const struct shared_sums *all,
                            struct wn_curve *out)
{
    bool with_base = f->options->with_base;
    double best = INFINITY, top = -INFINITY;
    for (int c = 0; c < CURVE_CELLS; c++)
        best = fmin(best, residual(&cells[c], all, with_base));
    double dof = fmax(all->n - (with_base ? 2 : 1), 1);
    double centre = fmax(best / dof, 1e-10), width = sqrt(2 / dof);
    double noise_mean = 0, noise_weight = 0, base = 0, base_weight = 0;
    for (int c = 0; c < CURVE_CELLS; c++) {
        struct posterior p[NOISE_POINTS];
        double terms[NOISE_POINTS], b0 = prior_return(f, e, c);
        for (int k = 0; k < NOISE_POINTS; k++) {
            double noise = centre * exp(width * (k - 3) * .75);
            p[k] = regress(&cells[c], all, b0, noise, with_base);
            terms[k] = p[k].log_evidence;
        }
        double log_total = wn_log_sum_exp(terms, NOISE_POINTS), mean = 0, square = 0, origin = 0;
        double spread = 0;
        for (int k = 0; k < NOISE_POINTS; k++) {
            double w = exp(terms[k] - log_total);
            mean += w * p[k].mean;
            square += w * (p[k].variance + sq(p[k].mean));
            origin += w * p[k].base;
            spread += w * centre * exp(width * (k - 3) * .75);
        }
        double sd = sqrt(fmax(square - mean * mean, 0)), log_left, m = mean;
        curve_truncate(&m, &sd, &log_left);
        double evidence = log_total + log_left + .17275; /* the prior's own cut: -ln cdf(1) */
        f->log_evidence[at * CURVE_CELLS + (size_t)c] = (float)evidence;
        f->mean[at * CURVE_CELLS + (size_t)c] = (float)m;
        f->sd[at * CURVE_CELLS + (size_t)c] = (float)sd;
        if (evidence > top) { /* keep running sums relative to the best so far */
            double shrink = top > -INFINITY ? exp(top - evidence) : 0;
            noise_mean *= shrink;
            noise_weight *= shrink;
            base *= shrink;
            base_weight *= shrink;
            top = evidence;
        }
        double w = exp(evidence - top) * f->grid.prior[c];
        noise_mean += w * spread;
        noise_weight += w;
        base += w * origin;
        base_weight += w;
    }
    out->noise_sd = sqrt(noise_mean / noise_weight) * e->revenue_scale;
    f->base[at] = with_base ? fmax(base / base_weight, 0) * e->revenue_scale : 0;
}

/* ---- residuals that hang together --------------------------------------------------------------
 */

static void weaken(struct sums *cells, struct shared_sums *all, double factor)
{
    for (int c = 0; c < CURVE_CELLS; c++) {
        cells[c].hh *= factor;
        cells[c].hy *= factor;
        cells[c].h1 *= factor;
    }
    all->yy *= factor;
    all->y1 *= factor;
    all->w *= factor;
    all->n *= factor;
    all->log_w *= factor;
}

/* Makes dependent steps count less, and keeps the moves of the level. */
static void account_for_dependence(struct fit *f, const struct entity_fit *e, size_t at,
                                   struct sums *cells, struct shared_sums *all)
{
    double least = INFINITY;
    struct curve_guess guess = {0};
    for (int c = 0; c < CURVE_CELLS; c++) {
        double rss = residual(&cells[c], all, f->options->with_base);
        if (rss < least) {
            least = rss;
            guess.cell = c;
        }
    }
    double noise = fmax(least, 1e-10) / fmax(all->n - 1, 1);
    struct posterior p = regress(&cells[guess.cell], all, prior_return(f, e, guess.cell), noise,
                                 f->options->with_base);
    guess.gain = p.mean;
    guess.base = p.base;
    weaken(cells, all, 1 / curve_dependence(f, e, &guess, &f->moves[at * CURVE_MOVES]));
}

/* ---- outside knowledge ---------------------------------------------------------------------------
 */

/* A platform claims more than it causes: the return is multiplied by a lognormal factor. */
static void apply_report_bias(struct fit *f, size_t at)
{
    double factor = f->options->reported_factor > 0 ? f->options->reported_factor : 1;
    double sd = f->options->reported_log_sd;
    if (factor == 1 && sd == 0)
        return;
    double first = factor * exp(.5 * sd * sd), second = sq(factor) * exp(2 * sd * sd);
    for (size_t c = at * CURVE_CELLS; c < (at + 1) * CURVE_CELLS; c++) {
        double m = f->mean[c], v = sq(f->sd[c]);
        f->mean[c] = (float)(m * first);
        f->sd[c] = (float)sqrt(fmax((m * m + v) * second - sq(m * first), 0));
    }
}

static double relative_shape(const struct fit *f, int shape, double u)
{
    double h[CURVE_SHAPES];
    curve_shapes_at(&f->grid, u, h);
    return h[shape];
}

/* An experiment is one more conjugate row in every cell: effect ~ N(beta * dH, se^2). */
static void apply_experiment(struct fit *f, const struct entity_fit *e, size_t at,
                             const struct wn_experiment *x)
{
    double effect = x->effect / e->revenue_scale, se = x->effect_se / e->revenue_scale;
    for (int c = 0; c < CURVE_CELLS; c++) {
        size_t i = at * CURVE_CELLS + (size_t)c;
        int shape = c % CURVE_SHAPES;
        double dh = relative_shape(f, shape, x->spend_to / e->spend_scale) -
                    relative_shape(f, shape, x->spend_from / e->spend_scale);
        double m = f->mean[i], v = sq(f->sd[i]), total = v * dh * dh + sq(se);
        double miss = effect - m * dh, gain = v * dh / total;
        f->log_evidence[i] += (float)(-.5 * log(total) - .5 * sq(miss) / total);
        double mean = m + gain * miss, sd = sqrt(fmax(v * (1 - gain * dh), 0)), log_left;
        curve_truncate(&mean, &sd, &log_left);
        f->mean[i] = (float)mean;
        f->sd[i] = (float)sd;
    }
}

/* ---- all entities --------------------------------------------------------------------------------
 */

/* Old data count less where the world has moved: the rate of forgetting with the most evidence.
 * Returns its place in out. */
static int choose_decay(const struct fit *f, const struct entity_fit *e, struct statistics *out)
{
    static const double rates[RATES_MAX] = {1, .99, .97};
    double best = -INFINITY;
    int chosen = 0;
    if (f->options->decay_ratio > 0) {
        accumulate(f, e, &f->options->decay_ratio, 1, out);
        return 0;
    }
    accumulate(f, e, rates, RATES_MAX, out);
    for (int d = 0; d < RATES_MAX; d++) {
        double evidence = total_evidence(f, e, out->cells[d], &out->all[d]);
        if (evidence > best) {
            best = evidence;
            chosen = d;
        }
    }
    return chosen;
}

static void fit_entity(struct fit *f, const struct wn_history *h, size_t at, struct entity_fit *e,
                       struct wn_curve *out)
{
    struct statistics st;
    curve_make_steps(f, h, e, out);
    out->is_empty = !(e->spend_scale > 0);
    if (out->is_empty)
        return;
    double group = f->group_roas[h->group], n = (double)e->n_known;
    double roas = (n * e->own_roas + POOL_STEPS * group) / (n + POOL_STEPS);
    e->prior_at_mean = fmax(roas * e->spend_scale / e->revenue_scale, 1e-6);
    int d = choose_decay(f, e, &st);
    account_for_dependence(f, e, at, st.cells[d], &st.all[d]);
    integrate_noise(f, e, at, st.cells[d], &st.all[d], out);
    out->prior_weight = POOL_STEPS / (POOL_STEPS + st.all[d].w);
    apply_report_bias(f, at);
    for (size_t i = 0; i < h->n_experiments; i++)
        apply_experiment(f, e, at, &h->experiments[i]);
    out->base = f->base[at];
    out->is_identified =
        h->n_experiments > 0 || (out->spend_cv >= .1 && e->n_known >= CURVE_RECENT_STEPS);
}

/* Posterior cell weights of one entity under its group's prior. */
static void cell_weights(const struct fit *f, size_t at, uint32_t group, double *out)
{
    const float *evidence = &f->log_evidence[at * CURVE_CELLS];
    const double *prior = &f->cell_prior[(size_t)group * CURVE_CELLS];
    double terms[CURVE_CELLS];
    for (int c = 0; c < CURVE_CELLS; c++)
        terms[c] = log(prior[c]) + (double)evidence[c];
    double total = wn_log_sum_exp(terms, CURVE_CELLS);
    for (int c = 0; c < CURVE_CELLS; c++)
        out[c] = exp(terms[c] - total);
}

/* Empirical Bayes over the entities of a group: their mean cell weights become the prior. */
static wn_rc share_priors(struct fit *f, const struct wn_history *h, size_t n,
                          const struct wn_curve *curves)
{
    double *sum = WN_ARENA_ARRAY(&f->scratch, (size_t)f->n_groups * CURVE_CELLS, double);
    double *count = WN_ARENA_ARRAY(&f->scratch, f->n_groups, double);
    double w[CURVE_CELLS];
    if (!sum || !count)
        return WN_MEMORY;
    for (size_t i = 0; i < (size_t)f->n_groups * CURVE_CELLS; i++)
        f->cell_prior[i] = f->grid.prior[i % CURVE_CELLS];
    for (int round = 0; round < EM_ROUNDS; round++) {
        memset(sum, 0, (size_t)f->n_groups * CURVE_CELLS * sizeof *sum);
        memset(count, 0, f->n_groups * sizeof *count);
        for (size_t i = 0; i < n; i++) {
            if (curves[i].is_empty || !curves[i].is_identified)
                continue;
            cell_weights(f, i, h[i].group, w);
            count[h[i].group]++;
            for (int c = 0; c < CURVE_CELLS; c++)
                sum[(size_t)h[i].group * CURVE_CELLS + (size_t)c] += w[c];
        }
        for (uint32_t g = 0; g < f->n_groups; g++)
            for (int c = 0; c < CURVE_CELLS && count[g] >= 3; c++) {
                size_t k = (size_t)g * CURVE_CELLS + (size_t)c;
                f->cell_prior[k] =
                    (EM_PRIOR_WEIGHT * f->grid.prior[c] + sum[k]) / (EM_PRIOR_WEIGHT + count[g]);
            }
    }
    return WN_OK;
}

static wn_rc build_all(struct wn_arena *a, struct fit *f, const struct wn_history *h, size_t n,
                       const struct entity_fit *e, struct wn_curve *curves)
{
    double *x = WN_ARENA_ARRAY(a, WN_CURVE_POINTS, double);
    struct curve_belief b;
    if (!x)
        return WN_MEMORY;
    memcpy(x, f->grid.x, sizeof f->grid.x);
    for (size_t i = 0; i < n; i++) {
        if (curves[i].is_empty)
            continue;
        cell_weights(f, i, h[i].group, b.weight);
        double drift = curves[i].drift_ratio = f->drift[h[i].group];
        for (size_t c = 0; c < CURVE_CELLS; c++) {
            double mean = (double)f->mean[i * CURVE_CELLS + c];
            double sd = hypot((double)f->sd[i * CURVE_CELLS + c], drift * mean);
            b.mean[c] = mean * e[i].revenue_scale;
            b.sd[c] = sd * e[i].revenue_scale;
        }
        wn_rc rc = curve_build(a, &f->grid, x, &b, &curves[i]);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* Group numbers may be any; memory is for those up to the largest. */
#define GROUPS_MAX 1000000u

static wn_rc prepare(struct fit *f, const struct wn_history *h, size_t n, struct wn_why *why)
{
    size_t longest = 1, rows = 0;
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = curve_check_history(&h[i], i, why);
        if (rc)
            return rc;
        if (h[i].group >= GROUPS_MAX)
            return wn_fail(why, WN_INVALID, "group", "entity %zu: its group must be below %u",
                           i + 1, GROUPS_MAX);
        f->n_groups = h[i].group >= f->n_groups ? h[i].group + 1 : f->n_groups;
        longest = h[i].n > longest ? h[i].n : longest;
        rows = h[i].n > WN_HISTORY_ROWS_MAX ? SIZE_MAX : rows + h[i].n;
        if (rows > WN_HISTORY_ROWS_MAX)
            return wn_fail(why, WN_LIMIT, NULL, "more than %d rows", WN_HISTORY_ROWS_MAX);
    }
    f->rows = WN_ARENA_ARRAY(&f->scratch, longest, struct row);
    f->steps = WN_ARENA_ARRAY(&f->scratch, longest, struct step);
    f->residuals = WN_ARENA_ARRAY(&f->scratch, longest, double);
    f->expected = WN_ARENA_ARRAY(&f->scratch, longest, double);
    f->moves = WN_ARENA_ARRAY(&f->scratch, n * CURVE_MOVES, struct move);
    f->drift = WN_ARENA_ARRAY(&f->scratch, f->n_groups, double);
    f->log_evidence = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->mean = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->sd = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->base = WN_ARENA_ARRAY(&f->scratch, n, double);
    f->group_roas = WN_ARENA_ARRAY(&f->scratch, f->n_groups, double);
    f->season = wn_arena_array(&f->scratch, f->n_groups, sizeof *f->season);
    f->cell_prior = WN_ARENA_ARRAY(&f->scratch, (size_t)f->n_groups * CURVE_CELLS, double);
    if (!f->rows || !f->steps || !f->residuals || !f->expected || !f->moves || !f->drift ||
        !f->log_evidence || !f->mean || !f->sd || !f->base || !f->group_roas || !f->season ||
        !f->cell_prior)
        return WN_MEMORY;
    return WN_OK;
}

wn_rc wn_curves_fit(struct wn_arena *a, const struct wn_history *histories, size_t n,
                    const struct wn_curve_options *options, struct wn_curve **out,
                    struct wn_why *why)
{
    static const struct wn_curve_options defaults = {0};
    struct fit f = {.options = options ? options : &defaults};
    wn_rc rc = curve_check_options(f.options, why);
    if (!rc && n > WN_ENTITIES_MAX)
        rc = wn_fail(why, WN_LIMIT, NULL, "more than %d entities", WN_ENTITIES_MAX);
    if (rc)
        return rc;
    wn_arena_init(&f.scratch, a->max_bytes);
    struct wn_curve *curves = WN_ARENA_ARRAY(a, n, struct wn_curve);
    struct entity_fit *e = WN_ARENA_ARRAY(&f.scratch, n, struct entity_fit);
    curve_grid_init(&f.grid, false);
    rc = !curves || !e ? WN_MEMORY : prepare(&f, histories, n, why);
    if (!rc)
        rc = curve_pool_groups(&f, histories, n);
    for (size_t i = 0; i < n && !rc; i++)
        fit_entity(&f, &histories[i], i, &e[i], &curves[i]);
    if (!rc)
        rc = share_priors(&f, histories, n, curves);
    if (!rc)
        rc = curve_find_drift(&f.scratch, f.moves, histories, n, f.n_groups, f.drift);
    if (!rc)
        rc = build_all(a, &f, histories, n, e, curves);
    wn_arena_deinit(&f.scratch);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory for %zu curves", n);
    if (!rc)
        *out = curves;
    return rc;
}
