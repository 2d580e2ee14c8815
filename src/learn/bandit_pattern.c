/* The hierarchical logistic model of patterns, its priors for new creatives, and the next briefs.
 *
 * What is left of each creative (e_c) has a weight of its own, but never enters the matrix: given the
 * others it is found by itself, and it only weakens the information of its creative from w to
 * w / (1 + w var(e)). */
#include "learn/bandit_int.h"
#include "learn/linalg.h"
#include "learn/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 60
#define MU_VARIANCE 100.0
#define IG_SHAPE 2.0
#define IG_SCALE 0.02
#define PAIR_CELLS_MAX 10000000
#define COMBINATIONS_MAX 1000000
#define COMBINATIONS_TRIED 100000
#define Z80 1.2815515655446004
#define Z90 1.6448536269514722

/* Weights of one creative: mu, fields, pairs, campaign. */
#define PLACES_MAX (2 + WN_PATTERN_FIELDS_MAX + WN_PATTERN_PAIRS_MAX)
/* Components of variance: fields, pairs of fields, campaigns, creatives. */
enum {
    PAIRS_FROM = WN_PATTERN_FIELDS_MAX,
    CAMPAIGNS = PAIRS_FROM + WN_PATTERN_PAIRS_MAX,
    CREATIVES,
    COMPONENTS
};

struct row {
    uint32_t place[PLACES_MAX];
    size_t n_places;
    double won, shown;
    double rest; /* e_c */
};

struct fit {
    const struct wn_pattern_plan *plan;
    const struct wn_creative *creatives;
    size_t n;           /* creatives */
    struct row *rows;   /* [n] */
    size_t p;           /* weights */
    uint8_t *component; /* [p]; of mu: COMPONENTS */
    double variance[COMPONENTS];
    size_t members[COMPONENTS];
    double *weight;          /* [p] */
    double *gradient, *step; /* [p] */
    double *hessian, *saved; /* packed p */
    uint32_t *pair_at;
    size_t field_from[WN_PATTERN_FIELDS_MAX], campaigns_from;
};

/* ---- places of weights --------------------------------------------------------------------------
 */

static size_t pair_index(const struct wn_pattern_plan *plan, size_t f, size_t g)
{
    return f * plan->n_fields - f * (f + 1) / 2 + g - f - 1;
}

/* The cell of a pair of levels in pair_at. */
static size_t pair_cell(const struct wn_pattern_plan *plan, size_t f, size_t g, uint32_t level_f,
                        uint32_t level_g)
{
    size_t at = 0;
    for (size_t a = 0; a < plan->n_fields; a++)
        for (size_t b = a + 1; b < plan->n_fields; b++) {
            if (a == f && b == g)
                return at + level_f * plan->n_levels[g] + level_g;
            at += plan->n_levels[a] * plan->n_levels[b];
        }
    return at; /* behind the last: the number of cells */
}

static size_t field_place(const struct wn_pattern_plan *plan, size_t f)
{
    size_t at = 1;
    for (size_t k = 0; k < f; k++)
        at += plan->n_levels[k];
    return at;
}

/* The weights of a creative; pairs that have none are counted in *n_new_pairs by their component. */
static size_t places_of(const struct wn_pattern_plan *plan, const uint32_t *pair_at,
                        size_t campaigns_from, const struct wn_creative *c,
                        uint32_t place[PLACES_MAX], uint8_t *new_pairs, size_t *n_new_pairs)
{
    size_t n = 0;
    *n_new_pairs = 0;
    place[n++] = 0;
    for (size_t f = 0; f < plan->n_fields; f++)
        if (c->level[f] != WN_PATTERN_NONE)
            place[n++] = (uint32_t)field_place(plan, f) + c->level[f];
    size_t cell = 0; /* as pair_cell counts */
    for (size_t f = 0; plan->with_pairs && f < plan->n_fields; f++)
        for (size_t g = f + 1; g < plan->n_fields;
             cell += plan->n_levels[f] * plan->n_levels[g++]) {
            if (c->level[f] == WN_PATTERN_NONE || c->level[g] == WN_PATTERN_NONE)
                continue;
            uint32_t at = pair_at[cell + c->level[f] * plan->n_levels[g] + c->level[g]];
            if (at)
                place[n++] = at;
            else
                new_pairs[(*n_new_pairs)++] = (uint8_t)(PAIRS_FROM + pair_index(plan, f, g));
        }
    if (c->campaign != WN_PATTERN_NONE)
        place[n++] = (uint32_t)campaigns_from + c->campaign;
    return n;
}

static wn_rc check_creative(const struct wn_pattern_plan *plan, const struct wn_creative *c,
                            size_t i, struct wn_why *why)
{
    bool good = c->campaign == WN_PATTERN_NONE || c->campaign < plan->n_campaigns;
    for (size_t f = 0; good && f < plan->n_fields; f++)
        good = c->level[f] == WN_PATTERN_NONE || c->level[f] < plan->n_levels[f];
    if (good)
        return WN_OK;
    if (why)
        why->line = i + 1;
    return wn_fail(why, WN_INVALID, "level",
                   "creative %zu has a level or campaign that the plan does not have", i + 1);
}

static wn_rc check_plan(const struct wn_pattern_plan *plan, struct wn_why *why)
{
    size_t n = 1 + plan->n_campaigns, cells = 0;
    if (plan->n_fields == 0 || plan->n_fields > WN_PATTERN_FIELDS_MAX)
        return wn_fail(why, WN_INVALID, "fields", "%zu fields: there must be 1 to %d",
                       plan->n_fields, WN_PATTERN_FIELDS_MAX);
    for (size_t f = 0; f < plan->n_fields; f++) {
        if (plan->n_levels[f] == 0 || plan->n_levels[f] > WN_PATTERN_EFFECTS_MAX)
            return wn_fail(why, WN_INVALID, "levels", "field %zu has %zu levels", f + 1,
                           plan->n_levels[f]);
        n += plan->n_levels[f];
    }
    for (size_t f = 0; f < plan->n_fields; f++)
        for (size_t g = f + 1; g < plan->n_fields; g++)
            cells += plan->n_levels[f] * plan->n_levels[g];
    if (n > WN_PATTERN_EFFECTS_MAX || cells > PAIR_CELLS_MAX)
        return wn_fail(why, WN_LIMIT, "levels",
                       "%zu levels and campaigns are more than %d: put rare ones together", n,
                       WN_PATTERN_EFFECTS_MAX);
    return WN_OK;
}

/* ---- the design ---------------------------------------------------------------------------------
 */

/* Gives each pair of levels that some creative has a weight. */
static wn_rc number_pairs(struct fit *t, struct wn_why *why)
{
    const struct wn_pattern_plan *plan = t->plan;
    for (size_t i = 0; plan->with_pairs && i < t->n; i++)
        for (size_t f = 0; f < plan->n_fields; f++)
            for (size_t g = f + 1; g < plan->n_fields; g++) {
                const uint32_t *level = t->creatives[i].level;
                if (level[f] == WN_PATTERN_NONE || level[g] == WN_PATTERN_NONE)
                    continue;
                uint32_t *at = &t->pair_at[pair_cell(plan, f, g, level[f], level[g])];
                if (*at)
                    continue;
                if (t->p == WN_PATTERN_EFFECTS_MAX)
                    return wn_fail(why, WN_LIMIT, "pairs",
                                   "more than %d effects with pairs: leave pairs out, or put rare "
                                   "levels together",
                                   WN_PATTERN_EFFECTS_MAX);
                t->component[t->p] = (uint8_t)(PAIRS_FROM + pair_index(plan, f, g));
                *at = (uint32_t)t->p++;
            }
    return WN_OK;
}

static wn_rc design(struct fit *t, struct wn_why *why)
{
    const struct wn_pattern_plan *plan = t->plan;
    t->component[0] = COMPONENTS;
    t->p = 1;
    for (size_t f = 0; f < plan->n_fields; f++)
        for (size_t l = 0; l < plan->n_levels[f]; l++)
            t->component[t->p++] = (uint8_t)f;
    wn_rc rc = number_pairs(t, why);
    if (!rc && t->p + plan->n_campaigns > WN_PATTERN_EFFECTS_MAX)
        rc = wn_fail(why, WN_LIMIT, "campaigns", "more than %d effects with campaigns",
                     WN_PATTERN_EFFECTS_MAX);
    if (rc)
        return rc;
    t->campaigns_from = t->p;
    for (size_t c = 0; c < plan->n_campaigns; c++)
        t->component[t->p++] = CAMPAIGNS;
    for (size_t j = 1; j < t->p; j++)
        t->members[t->component[j]]++;
    t->members[CREATIVES] = t->n;
    for (size_t i = 0; i < t->n; i++) {
        uint8_t ignored[WN_PATTERN_PAIRS_MAX];
        size_t n_ignored;
        struct row *r = &t->rows[i];
        r->n_places = places_of(plan, t->pair_at, t->campaigns_from, &t->creatives[i], r->place,
                                ignored, &n_ignored);
        r->won = t->creatives[i].counts.successes;
        r->shown = fmax(t->creatives[i].counts.trials, r->won);
    }
    return WN_OK;
}

/* ---- Newton's method ----------------------------------------------------------------------------
 */

static double predictor(const struct row *r, const double *weight)
{
    double sum = 0;
    for (size_t k = 0; k < r->n_places; k++)
        sum += weight[r->place[k]];
    return sum;
}

/* The rest of a creative that is most likely at a predictor: one-dimensional and concave. Returns
 * minus its log-likelihood with its prior. */
static double settle_rest(struct row *r, double eta, double variance)
{
    double e = r->rest;
    for (int i = 0; i < 50; i++) {
        double p = wn_sigmoid(eta + e);
        double slope = r->won - r->shown * p - e / variance;
        double step = slope / (r->shown * p * (1 - p) + 1 / variance);
        step = fmax(fmin(step, 2), -2);
        e += step;
        if (fabs(step) < 1e-12)
            break;
    }
    r->rest = e;
    return r->shown * wn_log1pexp(eta + e) - r->won * (eta + e) + 0.5 * e * e / variance;
}

static double prior_precision(const struct fit *t, size_t j)
{
    return t->component[j] == COMPONENTS ? 1 / MU_VARIANCE : 1 / t->variance[t->component[j]];
}

static double objective(struct fit *t)
{
    double sum = 0;
    for (size_t j = 0; j < t->p; j++)
        sum += 0.5 * t->weight[j] * t->weight[j] * prior_precision(t, j);
    for (size_t i = 0; i < t->n; i++)
        sum += settle_rest(&t->rows[i], predictor(&t->rows[i], t->weight), t->variance[CREATIVES]);
    return sum;
}

/* Gradient, and the precision of the weights with the rests integrated out. */
static void slopes(struct fit *t)
{
    memset(t->hessian, 0, wn_packed_size(t->p) * sizeof *t->hessian);
    for (size_t j = 0; j < t->p; j++) {
        double precision = prior_precision(t, j);
        t->gradient[j] = t->weight[j] * precision;
        t->hessian[wn_packed_at(j, j)] = precision;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];
        double p = wn_sigmoid(predictor(r, t->weight) + r->rest), w = r->shown * p * (1 - p);
        double miss = r->shown * p - r->won, information = w / (1 + w * t->variance[CREATIVES]);
        for (size_t a = 0; a < r->n_places; a++) {
            t->gradient[r->place[a]] += miss;
            for (size_t b = 0; b < r->n_places; b++)
                if (r->place[b] <= r->place[a])
                    t->hessian[wn_packed_at(r->place[a], r->place[b])] += information;
        }
    }
}

/* Steps until the slope is flat; leaves the factor of the precision in hessian. */
static wn_rc climb(struct fit *t, struct wn_why *why)
{
    double value = objective(t);
    for (int i = 0; i < 50; i++) {
        slopes(t);
        memcpy(t->step, t->gradient, t->p * sizeof *t->step);
        if (wn_chol_factor(t->hessian, t->p, t->saved, NULL))
            return wn_fail(why, WN_INVALID, "creatives", "the effects cannot be told apart");
        wn_chol_solve(t->hessian, t->p, t->step);
        double size = 0, before = value;
        for (size_t j = 0; j < t->p; j++)
            size = fmax(size, fabs(t->step[j]));
        double whole = fmin(1, 5 / fmax(size, 1e-300));
        memcpy(t->gradient, t->weight, t->p * sizeof *t->weight);
        for (int halving = 0; halving < 40; halving++) {
            double part = ldexp(whole, -halving);
            for (size_t j = 0; j < t->p; j++)
                t->weight[j] = t->gradient[j] - part * t->step[j];
            value = objective(t);
            if (value <= before)
                break;
        }
        if (size < 1e-8 || !(before - value > 1e-10 * (1 + fabs(value))))
            break;
    }
    return WN_OK;
}

/* ---- EM for the variances -----------------------------------------------------------------------
 */

/* x' V x for the weights at the given places, by one solve with the factor. */
static double spread_at(const double *factor, size_t p, const uint32_t *place, size_t n_places,
                        double *work)
{
    memset(work, 0, p * sizeof *work);
    for (size_t k = 0; k < n_places; k++)
        work[place[k]] += 1;
    wn_chol_forward(factor, p, work);
    return wn_dot(work, work, p);
}

/* One round; returns the largest relative change of a standard deviation. */
static double improve(struct fit *t)
{
    double squares[COMPONENTS] = {0}, change = 0;
    for (uint32_t j = 1; j < t->p; j++)
        squares[t->component[j]] +=
            t->weight[j] * t->weight[j] + spread_at(t->hessian, t->p, &j, 1, t->step);
    for (size_t i = 0; i < t->n; i++) {
        const struct row *r = &t->rows[i];
        double p = wn_sigmoid(predictor(r, t->weight) + r->rest), w = r->shown * p * (1 - p);
        double precision = w + 1 / t->variance[CREATIVES], passed_on = w / precision;
        squares[CREATIVES] +=
            r->rest * r->rest + 1 / precision +
            passed_on * passed_on * spread_at(t->hessian, t->p, r->place, r->n_places, t->step);
    }
    for (size_t c = 0; c < COMPONENTS; c++) {
        if (t->members[c] == 0)
            continue;
        /* the mean of its posterior: its mode is far too small for a handful of levels */
        double variance =
            (2 * IG_SCALE + squares[c]) / (2 * (IG_SHAPE - 1) + (double)t->members[c]);
        variance = fmin(fmax(variance, 1e-6), 25);
        change = fmax(change, fabs(0.5 * log(variance / t->variance[c])));
        t->variance[c] = variance;
    }
    return change;
}

static wn_rc run(struct fit *t, bool *converged, struct wn_why *why)
{
    double won = 0, shown = 0, change = 1;
    for (size_t i = 0; i < t->n; i++) {
        won += t->rows[i].won;
        shown += t->rows[i].shown;
    }
    t->weight[0] = wn_logit((won + 0.5) / (shown + 1));
    for (size_t c = 0; c < COMPONENTS; c++)
        t->variance[c] = IG_SCALE / (IG_SHAPE - 1);
    wn_rc rc = climb(t, why);
    for (int i = 0; i < ROUNDS_MAX && !rc && change > 0.01; i++) {
        change = improve(t);
        rc = climb(t, why);
    }
    *converged = change <= 0.01;
    return rc;
}

/* ---- results ------------------------------------------------------------------------------------
 */

static void describe(const struct fit *t, uint32_t place, struct wn_pattern_effect *e)
{
    double sd = sqrt(spread_at(t->hessian, t->p, &place, 1, t->step));
    e->mean = t->weight[place];
    e->sd = sd;
    e->odds = exp(e->mean);
    e->odds_low = exp(e->mean - Z80 * sd);
    e->odds_high = exp(e->mean + Z80 * sd);
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < t->rows[i].n_places; k++)
            e->n_creatives += t->rows[i].place[k] == place;
    e->is_shown = e->field2 == WN_PATTERN_NONE ? e->n_creatives > 0
                                               : e->n_creatives >= 3 && fabs(e->mean) > Z90 * sd;
}

static void describe_all(const struct fit *t, struct wn_pattern *out)
{
    const struct wn_pattern_plan *plan = t->plan;
    uint32_t at = 1;
    for (uint32_t f = 0; f < plan->n_fields; f++)
        for (uint32_t l = 0; l < plan->n_levels[f]; l++, at++) {
            out->effects[at - 1] = (struct wn_pattern_effect){
                .field = f, .level = l, .field2 = WN_PATTERN_NONE, .level2 = WN_PATTERN_NONE};
            describe(t, at, &out->effects[at - 1]);
        }
    for (uint32_t f = 0; plan->with_pairs && f < plan->n_fields; f++)
        for (uint32_t g = f + 1; g < plan->n_fields; g++)
            for (uint32_t lf = 0; lf < plan->n_levels[f]; lf++)
                for (uint32_t lg = 0; lg < plan->n_levels[g]; lg++) {
                    uint32_t place = t->pair_at[pair_cell(plan, f, g, lf, lg)];
                    if (!place)
                        continue;
                    struct wn_pattern_effect *e = &out->effects[place - 1];
                    *e = (struct wn_pattern_effect){
                        .field = f, .level = lf, .field2 = g, .level2 = lg};
                    describe(t, place, e);
                }
}

static wn_rc fit_init(struct fit *t, struct wn_arena *a, struct wn_arena *scratch,
                      struct wn_why *why)
{
    size_t cells = pair_cell(t->plan, WN_PATTERN_FIELDS_MAX, 0, 0, 0);
    t->component = WN_ARENA_ARRAY(scratch, WN_PATTERN_EFFECTS_MAX, uint8_t);
    t->pair_at = WN_ARENA_ARRAY(a, cells, uint32_t);
    t->rows = WN_ARENA_ARRAY(scratch, t->n, struct row);
    if (!t->component || !t->pair_at || !t->rows)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu creatives", t->n);
    wn_rc rc = design(t, why);
    if (rc)
        return rc;
    t->weight = WN_ARENA_ARRAY(a, t->p, double);
    t->hessian = WN_ARENA_ARRAY(a, wn_packed_size(t->p), double);
    t->saved = WN_ARENA_ARRAY(scratch, wn_packed_size(t->p), double);
    t->gradient = WN_ARENA_ARRAY(scratch, t->p, double);
    t->step = WN_ARENA_ARRAY(scratch, t->p, double);
    if (!t->weight || !t->hessian || !t->saved || !t->gradient || !t->step)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu effects", t->p);
    return WN_OK;
}

static wn_rc fit_with(struct fit *t, struct wn_arena *a, struct wn_arena *scratch,
                      struct wn_pattern *out, struct wn_why *why)
{
    struct wn_pattern p = {.plan = *t->plan};
    wn_rc rc = fit_init(t, a, scratch, why);
    WN_ASSERT(rc || (t->weight && t->hessian));
    if (!rc)
        rc = run(t, &p.is_converged, why);
    if (rc)
        return rc;
    p.n_effects = t->campaigns_from - 1;
    p.effects = WN_ARENA_ARRAY(a, p.n_effects, struct wn_pattern_effect);
    if (!p.effects)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu effects", p.n_effects);
    describe_all(t, &p);
    for (size_t c = 0; c < COMPONENTS; c++) {
        double sd = sqrt(t->variance[c]);
        if (c < PAIRS_FROM)
            p.field_sd[c] = sd;
        else if (c < CAMPAIGNS)
            p.pair_sd[c - PAIRS_FROM] = sd;
    }
    p.campaign_sd = sqrt(t->variance[CAMPAIGNS]);
    p.creative_sd = sqrt(t->variance[CREATIVES]);
    p.mu = t->weight[0];
    p.n = t->p;
    p.weight = t->weight;
    p.factor = t->hessian;
    p.pair_at = t->pair_at;
    *out = p;
    return WN_OK;
}

wn_rc wn_pattern_fit(struct wn_arena *a, const struct wn_creative *creatives, size_t n,
                     const struct wn_pattern_plan *plan, struct wn_pattern *out, struct wn_why *why)
{
    struct fit t = {.plan = plan, .creatives = creatives, .n = n};
    struct wn_arena scratch;
    wn_rc rc = check_plan(plan, why);
    if (!rc && n == 0)
        rc = wn_fail(why, WN_INVALID, "creatives", "there are no creatives");
    for (size_t i = 0; i < n && !rc; i++) {
        rc = wn_arm_check(&creatives[i].counts, i, why);
        if (!rc)
            rc = check_creative(plan, &creatives[i], i, why);
    }
    if (rc)
        return rc;
    wn_arena_init(&scratch, a->max_bytes);
    rc = fit_with(&t, a, &scratch, out, why);
    wn_arena_deinit(&scratch);
    return rc;
}

wn_rc wn_pattern_prior(struct wn_arena *scratch, const struct wn_pattern *p,
                       const struct wn_creative *creative, double *logit_out, double *sd_out,
                       struct wn_prior *out, struct wn_why *why)
{
    uint32_t place[PLACES_MAX];
    uint8_t new_pairs[WN_PATTERN_PAIRS_MAX];
    size_t n_new;
    wn_rc rc = check_creative(&p->plan, creative, 0, why);
    if (rc)
        return rc;
    double *work = WN_ARENA_ARRAY(scratch, p->n, double);
    if (!work)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu effects", p->n);
    size_t n =
        places_of(&p->plan, p->pair_at, p->n_effects + 1, creative, place, new_pairs, &n_new);
    double mean = 0, variance = spread_at(p->factor, p->n, place, n, work);
    for (size_t k = 0; k < n; k++)
        mean += p->weight[place[k]];
    for (size_t k = 0; k < n_new; k++)
        variance += p->pair_sd[new_pairs[k] - PAIRS_FROM] * p->pair_sd[new_pairs[k] - PAIRS_FROM];
    double sd = sqrt(variance + p->creative_sd * p->creative_sd);
    double rate = fmin(fmax(wn_sigmoid(mean), 1e-9), 1 - 1e-9);
    rc = wn_prior_from_mean(rate, fmax(rate * (1 - rate) * sd, 1e-12), out, why);
    if (!rc && logit_out)
        *logit_out = mean;
    if (!rc && sd_out)
        *sd_out = sd;
    return rc;
}

/* ---- briefs -------------------------------------------------------------------------------------
 */

struct search {
    const struct wn_pattern *p;
    const double *draw;       /* [p->n] weights of this draw */
    struct wn_creative *seen; /* [n_seen], sorted by level */
    size_t n_seen;
    const struct wn_creative *briefs; /* [n_briefs] so far */
    size_t n_briefs;
    double diversity;
    struct wn_creative best;
    double best_score;
    bool any;
};

static int by_level(const void *a, const void *b)
{
    const struct wn_creative *x = a, *y = b;
    for (size_t f = 0; f < WN_PATTERN_FIELDS_MAX; f++)
        if (x->level[f] != y->level[f])
            return x->level[f] < y->level[f] ? -1 : 1;
    return 0;
}

static void try_brief(struct search *s, const struct wn_creative *c)
{
    uint32_t place[PLACES_MAX];
    uint8_t ignored[WN_PATTERN_PAIRS_MAX];
    size_t n_ignored, n_fields = s->p->plan.n_fields;
    if (bsearch(c, s->seen, s->n_seen, sizeof *c, by_level))
        return;
    double score = 0, alike = 0;
    size_t n =
        places_of(&s->p->plan, s->p->pair_at, s->p->n_effects + 1, c, place, ignored, &n_ignored);
    for (size_t k = 0; k < n; k++)
        score += s->draw[place[k]];
    for (size_t b = 0; b < s->n_briefs; b++) {
        size_t same = 0;
        for (size_t f = 0; f < n_fields; f++)
            same += s->briefs[b].level[f] == c->level[f];
        if (same == n_fields)
            return;
        alike = fmax(alike, (double)same / (double)n_fields);
    }
    score -= s->diversity * alike;
    if (s->any && score <= s->best_score)
        return;
    s->any = true;
    s->best = *c;
    s->best_score = score;
}

static void search_all(struct search *s, struct wn_rand *r)
{
    const struct wn_pattern_plan *plan = &s->p->plan;
    struct wn_creative c = {.campaign = WN_PATTERN_NONE};
    double combinations = 1;
    for (size_t f = 0; f < plan->n_fields; f++)
        combinations *= (double)plan->n_levels[f];
    bool all = combinations <= COMBINATIONS_MAX;
    size_t n = all ? (size_t)combinations : COMBINATIONS_TRIED;
    for (size_t i = 0; i < n; i++) {
        size_t rest = i;
        for (size_t f = 0; f < plan->n_fields; f++) {
            c.level[f] =
                (uint32_t)(all ? rest % plan->n_levels[f] : wn_rand_below(r, plan->n_levels[f]));
            rest /= plan->n_levels[f];
        }
        try_brief(s, &c);
    }
}

wn_rc wn_pattern_briefs(struct wn_arena *scratch, const struct wn_pattern *p,
                        const struct wn_creative *creatives, size_t n, double diversity,
                        struct wn_rand *r, size_t n_briefs, struct wn_creative *brief_out,
                        size_t *n_out, struct wn_why *why)
{
    if (!(diversity >= 0 && diversity <= 1e3))
        return wn_fail(why, WN_INVALID, "diversity", "%g is not within 0 and 1000", diversity);
    double *draw = WN_ARENA_ARRAY(scratch, p->n, double);
    struct wn_creative *seen = WN_ARENA_ARRAY(scratch, n, struct wn_creative);
    if (!draw || !seen)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu creatives", n);
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = check_creative(&p->plan, &creatives[i], i, why);
        if (rc)
            return rc;
        for (size_t f = 0; f < p->plan.n_fields; f++) /* what lies behind the fields counts as 0 */
            seen[i].level[f] = creatives[i].level[f];
    }
    qsort(seen, n, sizeof *seen, by_level);
    *n_out = 0;
    for (size_t b = 0; b < n_briefs; b++) {
        for (size_t j = 0; j < p->n; j++)
            draw[j] = wn_rand_normal(r);
        wn_chol_backward(p->factor, p->n, draw);
        for (size_t j = 0; j < p->n; j++)
            draw[j] += p->weight[j];
        struct search s = {p, draw, seen, n, brief_out, b, diversity, {.campaign = 0}, 0, false};
        search_all(&s, r);
        if (!s.any)
            break;
        brief_out[(*n_out)++] = s.best;
    }
    return WN_OK;
}
