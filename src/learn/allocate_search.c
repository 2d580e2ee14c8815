/* From curves to budgets: envelopes and one price, the ends of start-up phases, a knapsack where
 * those are not enough, and refinement of smooth curves around the answer. */
#include "learn/allocate_int.h"
#include "learn/sums.h"

#include "core/num.h"

#include <math.h>
#include <string.h>

enum {
    POINTS_MIN = 24,
    VERTICES_AIM = 20000000, /* of all entities: beyond 100,000 the curves get coarser */
    UNITS = 200,             /* of the knapsack */
    KNAPSACK_ENTITIES_MAX = 10000,
    WINDOW_POINTS = 17,
    REFINE_ROUNDS = 16,
    DEPTH_MAX = 4
};
#define GAP_RATIO .005

struct search {
    const struct problem *p;
    struct wn_arena *keep; /* what lasts for the search */
    struct wn_arena lp;    /* reset before each programme */
    uint32_t *order;       /* [n] all entities; those of capped groups again in by_group */
    uint32_t *by_group;    /* [n] sorted by group */
    size_t *group_at;      /* [n_groups + 1] */
    struct range *work;    /* [n] ranges of the programme that runs */
    double *x;             /* [n] its answer */
    double *price;         /* [n] */
    bool *is_capped;       /* [n] */
    struct plan *best;
    double hint; /* the last price, from which the next search starts */
    bool has_best;
    double best_value;
};

/* ---- sampling ------------------------------------------------------------------------------------
 */

static size_t points_per_curve(size_t n)
{
    size_t m = VERTICES_AIM / n;
    return m > WN_CURVE_POINTS ? WN_CURVE_POINTS : m < POINTS_MIN ? POINTS_MIN : m;
}

struct samples {
    double *x, *y;
    size_t n;
};

static void put(struct samples *s, double x, double y)
{
    if (s->n && x <= s->x[s->n - 1])
        return;
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

static void put_at(struct samples *s, const struct problem *p, size_t i, double x)
{
    double slope;
    put(s, x, response_at(p, i, x, &slope));
}

/* Points of one curve from its least to its most: a stop, the bounds, and what lies between. */
static void sample(const struct problem *p, size_t i, size_t n_points, struct samples *s)
{
    const struct entity *e = &p->entities[i];
    const struct wn_allocate_entity *g = e->given;
    s->n = 0;
    if (e->start < e->lo)
        put_at(s, p, i, e->start);
    put_at(s, p, i, e->lo);
    if (!(e->hi > e->lo))
        return;
    if (g->curve && p->options->risk == WN_RISK_MEAN && !g->curve->is_empty) {
        size_t stride = (WN_CURVE_POINTS + n_points - 1) / n_points;
        for (size_t k = 0; k < WN_CURVE_POINTS; k += stride) {
            double x = g->curve->x[k] * g->curve->spend_mean;
            if (x > e->lo && x < e->hi)
                put(s, x, g->curve->mean[k]);
        }
    } else if (e->is_smooth) {
        /* Denser at the low end, where curves bend. */
        double width = e->hi - e->lo, m = (double)(n_points - 1);
        for (size_t k = 1; k + 1 < n_points; k++) {
            double t = (double)k / m;
            put_at(s, p, i, e->lo + width * t * t * t);
        }
    } else {
        for (size_t k = 0; k < g->n_points; k++)
            if (g->x[k] > e->lo && g->x[k] < e->hi)
                put(s, g->x[k], g->y[k]);
    }
    put_at(s, p, i, e->hi);
}

static wn_rc sample_all(struct search *s, struct pieces *pieces)
{
    const struct problem *p = s->p;
    size_t most = points_per_curve(p->n), longest = 0, total = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t m = (p->entities[i].is_smooth ? most : p->entities[i].given->n_points) + 3;
        longest = m > longest ? m : longest;
        total += m;
    }
    struct samples points = {.x = WN_ARENA_ARRAY(s->keep, longest, double),
                             .y = WN_ARENA_ARRAY(s->keep, longest, double)};
    wn_rc rc = pieces_init(pieces, s->keep, p->n, total);
    if (rc || !points.x || !points.y)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++) {
        sample(p, i, most, &points);
        pieces_add(pieces, points.x, points.y, points.n, p->entities[i].start < p->entities[i].lo);
    }
    return WN_OK;
}

/* ---- one programme, with caps ----------------------------------------------------------------------
 */

static bool has_caps(const struct problem *p)
{
    return p->options->group_caps_micros && p->options->n_groups;
}

/* Each group alone, with its cap as the budget: what it would buy then is the most it may buy,
 * because at any higher price it buys less. */
static wn_rc cut_groups(struct search *s, const struct pieces *pieces)
{
    const struct wn_allocate_options *o = s->p->options;
    struct lp_answer answer;
    for (size_t g = 0; g < o->n_groups; g++) {
        size_t from = s->group_at[g], m = s->group_at[g + 1] - from;
        double most = 0, cap = (double)o->group_caps_micros[g] / WN_MICROS;
        for (size_t k = 0; k < m; k++)
            most += s->work[s->by_group[from + k]].end;
        if (most <= cap)
            continue;
        wn_rc rc = lp_solve(pieces, s->work, s->by_group + from, m, cap, 0, 0, s->p->prefer, &s->lp,
                            s->x, &answer);
        if (rc)
            return rc;
        for (size_t k = 0; k < m; k++) {
            uint32_t i = s->by_group[from + k];
            s->price[i] = answer.price;
            range_cut(pieces, i, &s->work[i], s->x[i]);
        }
    }
    return WN_OK;
}

/* A first guess of the price: that of every 64th entity with its share of the budget. */
static wn_rc guess(struct search *s, const struct pieces *pieces)
{
    enum { STRIDE = 64 };
    const struct problem *p = s->p;
    struct lp_answer answer;
    if (s->hint > 0 || p->n < 32 * STRIDE)
        return WN_OK;
    size_t m = 0;
    uint32_t *some = WN_ARENA_ARRAY(&s->lp, p->n / STRIDE + 1, uint32_t);
    if (!some)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i += STRIDE)
        some[m++] = (uint32_t)i;
    wn_rc rc = lp_solve(pieces, s->work, some, m, p->budget * (double)m / (double)p->n,
                        p->options->target_roas, 0, p->prefer, &s->lp, s->x, &answer);
    s->hint = rc ? 0 : answer.price;
    return rc == WN_INVALID ? WN_OK : rc; /* their minimums are larger than their share */
}

/* Sets s->x, s->price and s->is_capped. */
static wn_rc solve(struct search *s, const struct pieces *pieces, const struct range *ranges,
                   struct lp_answer *out)
{
    const struct problem *p = s->p;
    wn_arena_reset(&s->lp);
    memcpy(s->work, ranges, p->n * sizeof *s->work);
    memset(s->price, 0, p->n * sizeof *s->price);
    wn_rc rc = has_caps(p) ? cut_groups(s, pieces) : WN_OK;
    if (!rc)
        rc = guess(s, pieces);
    if (!rc)
        rc = lp_solve(pieces, s->work, s->order, p->n, p->budget, p->options->target_roas, s->hint,
                      p->prefer, &s->lp, s->x, out);
    if (rc)
        return rc;
    s->hint = out->price;
    for (size_t i = 0; i < p->n; i++) {
        s->is_capped[i] = s->price[i] > out->price;
        s->price[i] = fmax(s->price[i], out->price);
    }
    return WN_OK;
}

/* ---- comparing plans --------------------------------------------------------------------------------
 */

/* Takes the plan in s->x over when it is allowed and better by the curves themselves. */
static void consider(struct search *s, const struct lp_answer *answer)
{
    const struct problem *p = s->p;
    struct wn_sum spend = {0}, value = {0};
    double slope;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        if (e->start < e->lo && s->x[i] > e->start && s->x[i] < e->lo)
            return; /* between off and its least */
        wn_sum_add(&spend, s->x[i]);
        wn_sum_add(&value, response_at(p, i, s->x[i], &slope));
    }
    double target = p->options->target_roas, y = wn_sum_value(&value), x = wn_sum_value(&spend);
    bool met = target <= 0 || y >= target * x * (1 - 1e-9);
    struct plan *best = s->best;
    if (x > p->budget * (1 + 1e-9) + 1e-9)
        return;
    if (s->has_best && (best->roas_is_met != met ? best->roas_is_met : y <= s->best_value))
        return;
    memcpy(best->x, s->x, p->n * sizeof *best->x);
    if (answer) {
        memcpy(best->price, s->price, p->n * sizeof *best->price);
        memcpy(best->is_capped, s->is_capped, p->n * sizeof *best->is_capped);
        best->common_price = answer->price;
        best->roas_binds = answer->roas_binds;
    }
    best->budget_binds = x >= p->budget * (1 - 1e-9);
    best->roas_is_met = met;
    best->spend = x;
    best->value = y;
    s->best_value = y;
    s->has_best = true;
}

/* Solves; where an entity ends inside a start-up phase, tries it at either end as well. */
static wn_rc branch(struct search *s, const struct pieces *pieces, struct range *ranges, int depth)
{
    struct lp_answer answer;
    wn_rc rc = solve(s, pieces, ranges, &answer);
    if (rc == WN_INVALID && depth < DEPTH_MAX)
        return WN_OK; /* an end that does not fit */
    if (rc)
        return rc;
    consider(s, &answer);
    if (answer.inside == SIZE_MAX || depth == 0)
        return WN_OK;
    size_t i = answer.inside, at = pieces->at[i];
    struct range saved = ranges[i];
    for (uint32_t v = answer.bridge; v <= answer.bridge + 1 && !rc; v++) {
        if (v > saved.hi || pieces->x[at + v] > saved.end)
            continue;
        ranges[i] = (struct range){v, v, pieces->x[at + v]};
        rc = branch(s, pieces, ranges, depth - 1);
    }
    ranges[i] = saved;
    return rc;
}

/* The most that any plan could return: weak duality at the prices of the best one, over the
 * envelopes. With a target that binds, its multiplier mu satisfies price = mu*target/(1+mu). */
static double bound_of(const struct problem *p, const struct pieces *pieces,
                       const struct plan *plan)
{
    struct wn_sum missing = {0};
    double slope, target = p->options->target_roas;
    for (size_t i = 0; i < p->n; i++) {
        double price = plan->price[i], own = response_at(p, i, plan->x[i], &slope);
        double most = own - price * plan->x[i];
        size_t from = pieces->at[i], to = pieces->at[i + 1] - 1;
        /* The vertex at which the price stops buying. */
        while (from < to) {
            size_t mid = (from + to) / 2;
            if (pieces->slope[mid] > price)
                from = mid + 1;
            else
                to = mid;
        }
        most = fmax(most, pieces->y[from] - price * pieces->x[from]);
        wn_sum_add(&missing, most - own + price * plan->x[i]);
    }
    double left = fmax(p->budget - plan->spend, 0) * plan->common_price;
    if (plan->roas_binds && target > plan->common_price)
        return plan->value + wn_sum_value(&missing) * target / (target - plan->common_price);
    return plan->value + wn_sum_value(&missing) + left;
}

/* ---- knapsack --------------------------------------------------------------------------------------
 */

/* Exact on units of 1/200 of the free budget: best[g] over entities so far, one row of choices
 * each. Ignores target and caps, which consider() checks. */
static wn_rc knapsack(struct search *s)
{
    const struct problem *p = s->p;
    double least = 0, best[UNITS + 1] = {0}, next[UNITS + 1], value[UNITS + 1], slope;
    uint8_t *choice = wn_arena_array(s->keep, p->n, UNITS + 1);
    if (!choice)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++)
        least += p->entities[i].start;
    double unit = (p->budget - least) / UNITS;
    if (!(unit > 0))
        return WN_OK;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        int m = 0;
        for (; m <= UNITS && e->start + m * unit <= e->hi * (1 + 1e-12); m++) {
            double x = fmin(e->start + m * unit, e->hi);
            bool allowed = m == 0 || x >= e->lo;
            value[m] = allowed ? response_at(p, i, x, &slope) : -1e300;
        }
        for (int g = 0; g <= UNITS; g++) {
            next[g] = -INFINITY;
            for (int k = 0; k < m && k <= g; k++)
                if (best[g - k] + value[k] > next[g]) {
                    next[g] = best[g - k] + value[k];
                    choice[i * (UNITS + 1) + (size_t)g] = (uint8_t)k;
                }
        }
        memcpy(best, next, sizeof best);
    }
    int g = UNITS;
    for (size_t i = p->n; i-- > 0;) {
        int k = choice[i * (UNITS + 1) + (size_t)g];
        s->x[i] = fmin(p->entities[i].start + k * unit, p->entities[i].hi);
        g -= k;
    }
    consider(s, NULL);
    return WN_OK;
}

/* ---- refinement ------------------------------------------------------------------------------------
 */

/* Distance of the samples around x. */
static double spacing_at(const struct problem *p, size_t i, double x)
{
    const struct entity *e = &p->entities[i];
    double width = e->hi - e->lo;
    if (e->given->curve && !e->given->curve->is_empty)
        return fmin(width, fmax(.06 * x, .02 * e->given->curve->spend_mean));
    double m = (double)points_per_curve(p->n), t = cbrt(fmax(x - e->lo, 0) / width);
    return width * (3 * t * t + 3 * t / m + 1 / (m * m)) / m;
}

static void sample_window(const struct problem *p, size_t i, double x, double h, struct samples *s)
{
    const struct entity *e = &p->entities[i];
    const struct wn_allocate_entity *g = e->given;
    double low = fmax(e->lo, x - h), high = fmin(e->hi, x + h);
    s->n = 0;
    if (x < e->lo || !(high > low)) { /* stopped, or fixed */
        put_at(s, p, i, x);
        return;
    }
    if (!e->is_smooth) {
        put_at(s, p, i, low);
        for (size_t k = 0; k < g->n_points; k++)
            if (g->x[k] > low && g->x[k] < high && s->n + 3 < WINDOW_POINTS) {
                if (x > s->x[s->n - 1] && x < g->x[k])
                    put_at(s, p, i, x);
                put(s, g->x[k], g->y[k]);
            }
        if (x < high)
            put_at(s, p, i, x);
        put_at(s, p, i, high);
        return;
    }
    /* x itself is among them, so that standing still is one of the answers. */
    int below = (int)lround((x - low) / (high - low) * (WINDOW_POINTS - 1));
    for (int k = 0; k < below; k++)
        put_at(s, p, i, low + (x - low) * k / below);
    put_at(s, p, i, x);
    for (int k = 1; k < WINDOW_POINTS - below; k++)
        put_at(s, p, i,
               k == WINDOW_POINTS - below - 1 ? high
                                              : x + (high - x) * k / (WINDOW_POINTS - below - 1));
}

/* Shrinks the window of an entity whose answer fell inside it. Returns its relative size. */
static double shrink(const struct entity *e, double from, double to, double *h)
{
    bool at_edge = fabs(to - from) > .9 * *h && to > e->lo && to < e->hi;
    if (!at_edge)
        *h /= 6;
    return to > 0 ? *h / to : *h > 0 ? 1 : 0;
}

/* Any prices bound what could be returned; takes s->price and common over when they do so more
 * closely. */
static void try_prices(struct search *s, const struct pieces *whole, double common)
{
    struct plan other = *s->best;
    other.price = s->price;
    other.common_price = common;
    if (bound_of(s->p, whole, &other) < bound_of(s->p, whole, s->best)) {
        memcpy(s->best->price, s->price, s->p->n * sizeof *s->price);
        s->best->common_price = common;
    }
}

/* At the optimum the slopes of all that can move are the price: takes that of the largest one. */
static void try_slope(struct search *s, const struct pieces *whole)
{
    const struct problem *p = s->p;
    double largest = 0, price = 0, slope;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        double x = s->best->x[i], near = 1e-6 * x;
        if (!e->is_smooth || s->best->is_capped[i] || x <= fmax(e->lo, largest) + near ||
            x >= e->hi - near)
            continue;
        (void)response_at(p, i, x, &slope);
        largest = x;
        price = slope;
    }
    if (!(price > 0))
        return;
    for (size_t i = 0; i < p->n; i++)
        s->price[i] = s->best->is_capped[i] ? s->best->price[i] : price;
    try_prices(s, whole, price);
}

/* Windows around the answer, sampled finer and finer. Smooth concave curves gain two digits of
 * value for each digit of the window. */
static wn_rc refine(struct search *s, const struct pieces *whole)
{
    const struct problem *p = s->p;
    struct pieces pieces;
    struct lp_answer answer = {0};
    double xs[WINDOW_POINTS + 4], ys[WINDOW_POINTS + 4];
    struct samples points = {.x = xs, .y = ys};
    double *h = WN_ARENA_ARRAY(s->keep, p->n, double),
           *from = WN_ARENA_ARRAY(s->keep, p->n, double);
    struct range *ranges = WN_ARENA_ARRAY(s->keep, p->n, struct range);
    wn_rc rc = pieces_init(&pieces, s->keep, p->n, p->n * (WINDOW_POINTS + 4));
    if (rc || !h || !from || !ranges)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++)
        h[i] = p->entities[i].hi > p->entities[i].lo ? spacing_at(p, i, s->best->x[i]) : 0;
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        double before = s->best_value, largest = 0;
        pieces.n = 0;
        memcpy(from, s->best->x, p->n * sizeof *from);
        for (size_t i = 0; i < p->n; i++) {
            sample_window(p, i, from[i], h[i], &points);
            pieces_add(&pieces, points.x, points.y, points.n, false);
            ranges[i] = range_whole(&pieces, i);
        }
        rc = solve(s, &pieces, ranges, &answer);
        if (rc == WN_INVALID)
            return WN_OK; /* rounding: the answer stands */
        if (rc)
            return rc;
        consider(s, &answer);
        bool better = s->best_value > before;
        for (size_t i = 0; i < p->n; i++)
            largest = fmax(largest, p->entities[i].is_smooth
                                        ? shrink(&p->entities[i], from[i], s->best->x[i], &h[i])
                                        : 0);
        if (largest < 1e-8 || (!better && largest < 1e-5) ||
            (better && p->n > 1000 && s->best_value - before < 1e-12 * fabs(before)))
            break;
    }
    try_prices(s, whole, answer.price);
    try_slope(s, whole);
    return WN_OK;
}

/* ---- all of it ---------------------------------------------------------------------------------------
 */

static wn_rc search_init(struct search *s, const struct problem *p, struct plan *out)
{
    size_t n = p->n, n_groups = has_caps(p) ? p->options->n_groups : 0;
    s->p = p;
    s->keep = p->scratch;
    s->best = out;
    s->order = WN_ARENA_ARRAY(s->keep, n, uint32_t);
    s->by_group = WN_ARENA_ARRAY(s->keep, n, uint32_t);
    s->group_at = WN_ARENA_ARRAY(s->keep, n_groups + 2, size_t);
    s->work = WN_ARENA_ARRAY(s->keep, n, struct range);
    s->x = WN_ARENA_ARRAY(s->keep, n, double);
    s->price = WN_ARENA_ARRAY(s->keep, n, double);
    s->is_capped = WN_ARENA_ARRAY(s->keep, n, bool);
    out->x = WN_ARENA_ARRAY(s->keep, n, double);
    out->price = WN_ARENA_ARRAY(s->keep, n, double);
    out->is_capped = WN_ARENA_ARRAY(s->keep, n, bool);
    out->at_bridge = WN_ARENA_ARRAY(s->keep, n, bool);
    if (!s->order || !s->by_group || !s->group_at || !s->work || !s->x || !s->price ||
        !s->is_capped || !out->x || !out->price || !out->is_capped || !out->at_bridge)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        s->order[i] = (uint32_t)i;
        if (n_groups)
            s->group_at[p->entities[i].given->group + 2]++;
    }
    for (size_t g = 2; g < n_groups + 2; g++)
        s->group_at[g] += s->group_at[g - 1];
    for (size_t i = 0; n_groups && i < n; i++)
        s->by_group[s->group_at[p->entities[i].given->group + 1]++] = (uint32_t)i;
    return WN_OK;
}

static void mark_start_ups(const struct problem *p, const struct pieces *pieces, struct plan *out)
{
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = pieces->at[i]; k + 1 < pieces->at[i + 1]; k++)
            if (pieces->is_bridge[k] && out->x[i] >= pieces->x[k] &&
                out->x[i] < pieces->x[k + 1] * (1 - 1e-9))
                out->at_bridge[i] = true;
}

static wn_rc run(struct search *s, struct plan *out, struct wn_why *why)
{
    const struct problem *p = s->p;
    struct pieces pieces;
    struct range *ranges = WN_ARENA_ARRAY(s->keep, p->n, struct range);
    bool is_smooth = false;
    wn_rc rc = ranges ? sample_all(s, &pieces) : WN_MEMORY;
    if (rc)
        return rc;
    for (size_t i = 0; i < p->n; i++) {
        ranges[i] = range_whole(&pieces, i);
        is_smooth = is_smooth || p->entities[i].is_smooth;
    }
    rc = branch(s, &pieces, ranges, DEPTH_MAX);
    if (!rc && !s->has_best)
        rc = wn_fail(why, WN_INVALID, "budget", "no plan fits the bounds");
    if (rc)
        return rc;
    out->bound = bound_of(p, &pieces, out);
    if (out->bound - out->value > GAP_RATIO * fabs(out->value) && p->n <= KNAPSACK_ENTITIES_MAX)
        rc = knapsack(s);
    if (!rc && is_smooth)
        rc = refine(s, &pieces);
    if (rc)
        return rc;
    out->bound = fmax(bound_of(p, &pieces, out), out->value);
    mark_start_ups(p, &pieces, out);
    return WN_OK;
}

wn_rc search_plan(const struct problem *p, struct plan *out, struct wn_why *why)
{
    struct search s = {0};
    wn_arena_init(&s.lp, 0);
    wn_rc rc = search_init(&s, p, out);
    if (!rc)
        rc = run(&s, out, why);
    wn_arena_deinit(&s.lp);
    return rc;
}
