/* Which arm is best: closed form for two, quadrature for a few, joint draws for many. */
#include "learn/bandit_int.h"
#include "learn/conformal.h"
#include "learn/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- two arms -----------------------------------------------------------------------------------
 */

#define CLOSED_FORM_MAX 10000

/* P(B > A) = sum over i < a_B of exp[ln B(a_A + i, b_A + b_B) - ln(b_B + i) - ln B(1 + i, b_B) -
 * ln B(a_A, b_A)], for a whole a_B. The terms follow from each other by a ratio. */
static double above_closed(const struct wn_belief *a, const struct wn_belief *b)
{
    uint32_t n = (uint32_t)b->a;
    double both = a->b + b->b, sum = 0, none = wn_log_beta(a->a, a->b);
    double log_term = wn_log_beta(a->a, both) - none;
    if (log_term < -600) { /* stay in logs: the first terms are nothing, the sum may be large */
        double log_sum = -1e308;
        for (uint32_t i = 0; i < n; i++) {
            log_sum = wn_log_add(log_sum, log_term);
            log_term += log((a->a + i) / (a->a + both + i) * (b->b + i) / (i + 1));
        }
        return fmin(exp(log_sum), 1);
    }
    double term = exp(log_term);
    for (uint32_t i = 0; i < n; i++) {
        sum += term;
        term *= (a->a + i) / (a->a + both + i) * (b->b + i) / (i + 1);
    }
    return fmin(sum, 1);
}

static bool is_short(double x)
{
    return x <= CLOSED_FORM_MAX && x == floor(x);
}

static double above_by_quadrature(const struct wn_belief *a, const struct wn_belief *b);

static double above(const struct wn_belief *a, const struct wn_belief *b)
{
    if (is_short(b->a))
        return above_closed(a, b);
    if (is_short(a->a))
        return 1 - above_closed(b, a);
    /* failures for successes: the order turns round */
    if (is_short(a->b))
        return above_closed(&(struct wn_belief){b->b, b->a}, &(struct wn_belief){a->b, a->a});
    if (is_short(b->b))
        return 1 - above_closed(&(struct wn_belief){a->b, a->a}, &(struct wn_belief){b->b, b->a});
    return above_by_quadrature(a, b);
}

double wn_belief_above(const struct wn_belief *a, const struct wn_belief *b)
{
    struct wn_belief x = wn_belief_sane(a), y = wn_belief_sane(b);
    return above(&x, &y);
}

/* ---- a few: Gauss-Legendre panels ---------------------------------------------------------------
 */

#define NODES 10
static const double node_at[NODES / 2] = {0.1488743389816312, 0.4333953941292472,
                                          0.6794095682990244, 0.8650633666889845,
                                          0.9739065285171717};
static const double node_weight[NODES / 2] = {0.2955242247147529, 0.2692667193099963,
                                              0.2190863625159820, 0.1494513491505806,
                                              0.0666713443086881};

/* Distances from the centre of an arm, in its standard deviations, at which panels begin. Beta
 * tails on the logit fall like e^(a t), so the last edges lie where that is below 1e-17. */
static const double steps[] = {0, .8, 1.6, 2.5, 3.5, 4.7, 6.2, 8, 10};
#define EDGES_PER_ARM (2 * WN_COUNT(steps) + 6)

struct shape {
    struct wn_score score;
    double centre, sd, left, right; /* beyond left and right there is less than 1e-16 */
    double log_scale, log_beta;     /* ln(ab / (a + b)), ln B(a, b) */
};

static struct shape shape_of(const struct wn_score *s)
{
    struct shape p = {.score = *s, .centre = s->a, .sd = s->b};
    double reach_left = 10, reach_right = 10;
    if (!s->is_normal) {
        p.centre = wn_digamma(s->a) - wn_digamma(s->b);
        p.sd = sqrt(wn_trigamma(s->a) + wn_trigamma(s->b));
        p.log_beta = wn_log_beta(s->a, s->b);
        p.log_scale = log(s->a) + log(s->b) - log(s->a + s->b);
        reach_left = fmax(12, 40 / (s->a * p.sd));
        reach_right = fmax(12, 40 / (s->b * p.sd));
    }
    p.left = p.centre - reach_left * p.sd;
    p.right = p.centre + reach_right * p.sd;
    return p;
}

/* P(rate below sigmoid(t)) far to the left, where the density is a power of the rate: x^a / (a B(a,
 * b)). Rates below 1e-308 are then still told apart. */
static bool is_power_tail(double t, double b)
{
    return t < -30 && log(b) + t < -28;
}
static double power_tail(const struct shape *p, double t, double a)
{
    return exp(fmin(a * t - log(a) - p->log_beta, 0));
}

/* ln F(t) and F(t); exact in both tails. */
static double cdf(const struct shape *p, double t, double *log_out)
{
    double lower, upper;
    if (t <= p->left) {
        *log_out = -800;
        return 0;
    }
    if (t >= p->right) {
        *log_out = 0;
        return 1;
    }
    if (p->score.is_normal) {
        double z = (t - p->centre) / p->sd;
        lower = wn_normal_cdf(z);
        upper = wn_normal_upper(z);
    } else if (is_power_tail(t, p->score.b)) {
        lower = power_tail(p, t, p->score.a);
        upper = 1 - lower;
    } else if (is_power_tail(-t, p->score.a)) {
        upper = power_tail(p, -t, p->score.b);
        lower = 1 - upper;
    } else if (t < p->centre) {
        double x = wn_sigmoid(t);
        lower = x < 0.5 ? wn_beta_inc(p->score.a, p->score.b, x)
                        : wn_beta_inc_upper(p->score.b, p->score.a, wn_sigmoid(-t));
        upper = 1 - lower;
    } else {
        double y = wn_sigmoid(-t);
        upper = y < 0.5 ? wn_beta_inc(p->score.b, p->score.a, y)
                        : wn_beta_inc_upper(p->score.a, p->score.b, wn_sigmoid(t));
        lower = 1 - upper;
    }
    *log_out = upper < 0.5 ? log1p(-upper) : (lower > 0 ? log(lower) : -800);
    return lower;
}

/* The density by t: of a beta rate by saddle point, f(x) x (1-x) = ab/(a+b) binomial(a; a+b, x). */
static double density(const struct shape *p, double t)
{
    if (t <= p->left || t >= p->right)
        return 0;
    if (p->score.is_normal) {
        double z = (t - p->centre) / p->sd;
        return exp(-0.5 * z * z) * 0.3989422804014327 / p->sd;
    }
    double a = p->score.a, b = p->score.b, n = a + b;
    if (is_power_tail(t, b) || is_power_tail(-t, a))
        return exp((t < 0 ? a * t : -b * t) - p->log_beta);
    return exp(p->log_scale + wn_log_binomial(a, n, wn_sigmoid(t), wn_sigmoid(-t)));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Edges of the panels: the quantiles of all arms, without those that lie close beside another for
 * every arm which has mass there. */
static size_t edges_of(const struct shape *p, size_t n, double *edges)
{
    size_t n_edges = 0, n_kept = 1;
    for (size_t i = 0; i < n; i++) {
        edges[n_edges++] = p[i].left;
        edges[n_edges++] = p[i].right;
        for (size_t k = 0; k < WN_COUNT(steps); k++) {
            edges[n_edges++] = p[i].centre + steps[k] * p[i].sd;
            edges[n_edges++] = p[i].centre - steps[k] * p[i].sd;
        }
        for (int k = 20; k < 80; k *= 2) { /* long tails of small parameters */
            double x = k;
            if (p[i].centre - x * p[i].sd > p[i].left)
                edges[n_edges++] = p[i].centre - x * p[i].sd;
            if (p[i].centre + x * p[i].sd < p[i].right)
                edges[n_edges++] = p[i].centre + x * p[i].sd;
        }
    }
    qsort(edges, n_edges, sizeof *edges, by_size);
    for (size_t e = 1; e < n_edges; e++) {
        double closest = INFINITY;
        for (size_t i = 0; i < n; i++)
            if (fabs(edges[e] - p[i].centre) < 9 * p[i].sd)
                closest = fmin(closest, p[i].sd);
        if (edges[e] - edges[n_kept - 1] > (isfinite(closest) ? 0.35 * closest : 0))
            edges[n_kept++] = edges[e];
    }
    return n_kept;
}

struct best {
    const struct shape *p;
    size_t n;
    double near_shift; /* -ln(1 - near_ratio); 0 = not wanted */
    double *p_best, *loss, *near;
    double *log_cdf, *value; /* [n] scratch */
};

/* ln odds of x / (1 - near_ratio), +800 when that is 1 or more. */
static double shifted(double t, double near_shift)
{
    double log_x = -wn_log1pexp(-t) + near_shift;
    return log_x >= 0 ? 800 : log_x - log(-expm1(log_x));
}

static void add_node(struct best *w, double t, double weight)
{
    double sum = 0, sum_near = 0, slope = wn_sigmoid(t) * wn_sigmoid(-t);
    for (size_t i = 0; i < w->n; i++) {
        w->value[i] = cdf(&w->p[i], t, &w->log_cdf[i]);
        sum += w->log_cdf[i];
    }
    for (size_t i = 0; i < w->n; i++) {
        double others = sum - w->log_cdf[i];
        w->p_best[i] += weight * density(&w->p[i], t) * exp(others);
        if (w->loss && w->value[i] > 0)
            w->loss[i] -= weight * slope * w->value[i] * expm1(others);
    }
    if (!w->near)
        return;
    double t_near = shifted(t, w->near_shift);
    for (size_t i = 0; i < w->n; i++) {
        cdf(&w->p[i], t_near, &w->log_cdf[i]);
        sum_near += w->log_cdf[i];
    }
    for (size_t i = 0; i < w->n; i++)
        w->near[i] += weight * density(&w->p[i], t) * exp(sum_near - w->log_cdf[i]);
}

static void add_panel(struct best *w, double from, double to)
{
    double centre = 0.5 * (from + to), half = 0.5 * (to - from);
    for (size_t k = 0; k < NODES / 2; k++) {
        add_node(w, centre - half * node_at[k], half * node_weight[k]);
        add_node(w, centre + half * node_at[k], half * node_weight[k]);
    }
}

void wn_score_best(const struct wn_score *scores, size_t n, double near_ratio, double *p_best,
                   double *loss, double *near)
{
    struct shape p[WN_SCORES_MAX];
    double edges[WN_SCORES_MAX * EDGES_PER_ARM], work[2 * WN_SCORES_MAX], sum = 0;
    WN_ASSERT(n >= 1 && n <= WN_SCORES_MAX);
    for (size_t i = 0; i < n; i++) {
        p[i] = shape_of(&scores[i]);
        p_best[i] = 0;
        if (loss)
            loss[i] = 0;
        if (near)
            near[i] = 0;
    }
    struct best w = {p, n, -log1p(-near_ratio), p_best, loss, near, work, work + n};
    size_t n_edges = edges_of(p, n, edges);
    for (size_t e = 0; e + 1 < n_edges; e++)
        add_panel(&w, edges[e], edges[e + 1]);
    for (size_t i = 0; i < n; i++)
        sum += p_best[i];
    for (size_t i = 0; i < n; i++) {
        p_best[i] = sum > 0 ? p_best[i] / sum : 1 / (double)n;
        if (near)
            near[i] = fmin(fmax(near[i], p_best[i]), 1);
    }
}

static double above_by_quadrature(const struct wn_belief *a, const struct wn_belief *b)
{
    struct wn_score scores[2] = {{false, a->a, a->b}, {false, b->a, b->b}};
    double p[2];
    wn_score_best(scores, 2, 0, p, NULL, NULL);
    return p[1];
}

/* E[(B - A)+] = m_B P(B' > A) - m_A P(B > A'), where ' has one success more. Where that loses too
 * many digits, the integral of F_A (1 - F_B). */
double wn_belief_loss(const struct wn_belief *chosen, const struct wn_belief *other)
{
    struct wn_belief a = wn_belief_sane(chosen), b = wn_belief_sane(other);
    struct wn_belief more_a = {a.a + 1, a.b}, more_b = {b.a + 1, b.b};
    struct wn_score scores[2] = {{false, a.a, a.b}, {false, b.a, b.b}};
    double p[2], loss[2];
    if (is_short(a.a) && is_short(b.a)) {
        double gain = wn_belief_mean(&b) * above(&a, &more_b);
        double closed = gain - wn_belief_mean(&a) * above(&more_a, &b);
        if (closed > 1e-6 * gain)
            return closed;
    }
    wn_score_best(scores, 2, 0, p, loss, NULL);
    return loss[0];
}

/* ---- any number ---------------------------------------------------------------------------------
 */

/* Counts of n_draws joint draws; draw [n] is scratch. */
static void best_by_draws(struct wn_bandit_sampler *s, double near_ratio, uint32_t n_draws,
                          struct wn_rand *r, double *draw, struct wn_best *out)
{
    for (uint32_t d = 0; d < n_draws; d++) {
        size_t best = 0;
        for (size_t i = 0; i < s->n; i++) {
            draw[i] = wn_bandit_sampler_rate(s, i, r);
            if (draw[i] > draw[best])
                best = i;
        }
        out[best].p_best += 1.0 / n_draws;
        for (size_t i = 0; i < s->n; i++) {
            out[i].expected_loss += (draw[best] - draw[i]) / n_draws;
            out[i].p_near += draw[i] >= (1 - near_ratio) * draw[best] ? 1.0 / n_draws : 0;
        }
    }
}

static struct wn_best_options best_options(const struct wn_best_options *given)
{
    struct wn_best_options o = given ? *given : (struct wn_best_options){0};
    o.level = o.level > 0 ? o.level : 0.8;
    o.near_ratio = o.near_ratio > 0 ? o.near_ratio : 0.02;
    o.n_draws = o.n_draws > 0 ? o.n_draws : 4000;
    return o;
}

static wn_rc check_best(const struct wn_best_options *o, size_t n, const struct wn_rand *r,
                        bool draws, struct wn_why *why)
{
    if (n == 0)
        return wn_fail(why, WN_INVALID, "arms", "there are no arms");
    if (n > WN_ARMS_MAX)
        return wn_fail(why, WN_LIMIT, "arms", "%zu arms are more than %d", n, WN_ARMS_MAX);
    if (!(o->level > 0 && o->level < 1))
        return wn_fail(why, WN_INVALID, "level", "a level of %g is not between 0 and 1", o->level);
    if (!(o->near_ratio > 0 && o->near_ratio < 1))
        return wn_fail(why, WN_INVALID, "near_ratio", "%g is not between 0 and 1", o->near_ratio);
    if (draws && !r)
        return wn_fail(why, WN_INVALID, "r", "%zu arms need a generator", n);
    return WN_OK;
}

static wn_rc best_many(struct wn_arena *scratch, const struct wn_belief *arms, size_t n,
                       const struct wn_best_options *o, struct wn_rand *r, struct wn_best *out,
                       struct wn_why *why)
{
    struct wn_bandit_sampler *s;
    double *draw = WN_ARENA_ARRAY(scratch, n, double);
    wn_rc rc = wn_bandit_sampler_new(scratch, n, &s, why);
    if (rc || !draw)
        return rc ? rc : wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    for (size_t i = 0; i < n; i++) {
        wn_bandit_sampler_set(s, i, &arms[i]);
        out[i] = (struct wn_best){0};
    }
    best_by_draws(s, o->near_ratio, o->n_draws, r, draw, out);
    return WN_OK;
}

wn_rc wn_bandit_best(struct wn_arena *scratch, const struct wn_belief *arms, size_t n,
                     const struct wn_best_options *options, struct wn_rand *r, struct wn_best *out,
                     struct wn_why *why)
{
    struct wn_best_options o = best_options(options);
    wn_rc rc = check_best(&o, n, r, n > WN_BEST_EXACT_MAX, why);
    for (size_t i = 0; i < n && !rc; i++)
        rc = wn_belief_check(&arms[i], i, why);
    if (rc)
        return rc;
    if (n > WN_BEST_EXACT_MAX) {
        rc = best_many(scratch, arms, n, &o, r, out, why);
        if (rc)
            return rc;
    } else {
        struct wn_score scores[WN_SCORES_MAX];
        double p[WN_SCORES_MAX], loss[WN_SCORES_MAX], near[WN_SCORES_MAX];
        for (size_t i = 0; i < n; i++)
            scores[i] = (struct wn_score){false, arms[i].a, arms[i].b};
        wn_score_best(scores, n, o.near_ratio, p, loss, near);
        for (size_t i = 0; i < n; i++)
            out[i] = (struct wn_best){.p_best = p[i], .expected_loss = loss[i], .p_near = near[i]};
    }
    for (size_t i = 0; i < n; i++) {
        out[i].mean = wn_belief_mean(&arms[i]);
        out[i].low = wn_belief_quantile(&arms[i], 0.5 * (1 - o.level));
        out[i].high = wn_belief_quantile(&arms[i], 0.5 * (1 + o.level));
    }
    return WN_OK;
}

/* ---- value --------------------------------------------------------------------------------------
 */

struct value_belief {
    struct wn_beta_constants click, conversion;
    double orders, revenue, cost; /* order value = revenue / Gamma(orders) : inverse gamma */
};

static wn_rc believe_value(const struct wn_value_arm *arm, size_t i, const struct wn_prior *click,
                           const struct wn_prior *conversion, double pooled_value,
                           struct value_belief *out, struct wn_why *why)
{
    struct wn_belief b;
    if (!(arm->revenue >= 0 && arm->revenue <= WN_TRIALS_MAX && arm->cost >= 0 &&
          arm->cost <= WN_TRIALS_MAX))
        return wn_fail(why, WN_INVALID, "revenue",
                       "arm %zu: revenue and cost must be within 0 and 1e15", i + 1);
    wn_rc rc = wn_arm_check(&arm->clicks, i, why);
    if (!rc)
        rc = wn_arm_check(&arm->conversions, i, why);
    if (!rc)
        rc = wn_bandit_belief(&arm->clicks, click, &b, why);
    if (rc)
        return rc;
    wn_beta_constants_set(&out->click, b.a, b.b);
    rc = wn_bandit_belief(&arm->conversions, conversion, &b, why);
    if (rc)
        return rc;
    wn_beta_constants_set(&out->conversion, b.a, b.b);
    /* shape n + 2, scale n * mean: its mean is the shrunk order value, and its variance exists */
    out->orders = arm->conversions.successes + 3;
    out->revenue =
        (arm->revenue + pooled_value) / (arm->conversions.successes + 1) * (out->orders - 1);
    out->cost = arm->cost;
    return WN_OK;
}

/* values [n][n_draws] of each arm, and what they say. */
static void judge_values(double *values, size_t n, const struct wn_best_options *o,
                         struct wn_best *out)
{
    uint32_t n_draws = o->n_draws;
    for (uint32_t d = 0; d < n_draws; d++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (values[i * n_draws + d] > values[best * n_draws + d])
                best = i;
        double top = values[best * n_draws + d];
        out[best].p_best += 1.0 / n_draws;
        for (size_t i = 0; i < n; i++) {
            double v = values[i * n_draws + d];
            out[i].mean += v / n_draws;
            out[i].expected_loss += (top - v) / n_draws;
            out[i].p_near += v >= top - o->near_ratio * fabs(top) ? 1.0 / n_draws : 0;
        }
    }
    size_t low = (size_t)(0.5 * (1 - o->level) * n_draws);
    for (size_t i = 0; i < n; i++) {
        out[i].low = wn_select(values + i * n_draws, n_draws, low);
        out[i].high = wn_select(values + i * n_draws, n_draws, n_draws - 1 - low);
    }
}

wn_rc wn_bandit_best_value(struct wn_arena *scratch, const struct wn_value_arm *arms, size_t n,
                           const struct wn_prior *click_prior,
                           const struct wn_prior *conversion_prior,
                           const struct wn_best_options *options, struct wn_rand *r,
                           struct wn_best *out, struct wn_why *why)
{
    struct wn_best_options o = best_options(options);
    wn_rc rc = check_best(&o, n, r, true, why);
    if (rc)
        return rc;
    double *values = WN_ARENA_ARRAY(scratch, n * o.n_draws, double);
    struct value_belief *beliefs = WN_ARENA_ARRAY(scratch, n, struct value_belief);
    struct wn_ziggurat *z = WN_ARENA_NEW(scratch, struct wn_ziggurat);
    if (!values || !beliefs || !z)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    double revenue = 0, orders = 0;
    for (size_t i = 0; i < n; i++) {
        revenue += arms[i].revenue;
        orders += arms[i].conversions.successes;
    }
    for (size_t i = 0; i < n && !rc; i++)
        rc = believe_value(&arms[i], i, click_prior, conversion_prior,
                           orders > 0 ? revenue / orders : 0, &beliefs[i], why);
    if (rc)
        return rc;
    wn_ziggurat_init(z);
    for (size_t i = 0; i < n; i++) {
        const struct value_belief *b = &beliefs[i];
        out[i] = (struct wn_best){0};
        for (uint32_t d = 0; d < o.n_draws; d++)
            values[i * o.n_draws + d] = wn_beta_constants_draw(&b->click, z, r) *
                                            wn_beta_constants_draw(&b->conversion, z, r) *
                                            b->revenue / wn_rand_gamma(r, b->orders) -
                                        b->cost;
    }
    judge_values(values, n, &o, out);
    return WN_OK;
}
