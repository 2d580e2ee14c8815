#include "learn/allocate_int.h"

#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOWER_Z 1.2815515655446004 /* the 10 % quantile: lower end of the 80 % interval */

/* ---- ready responses ----------------------------------------------------------------------------
 */

double wn_respond_log(const void *context, double x, double *slope)
{
    const struct wn_respond *r = context;
    *slope = r->a / (r->b + x);
    return r->a * log1p(x / r->b);
}

double wn_respond_hill(const void *context, double x, double *slope)
{
    const struct wn_respond *r = context;
    if (!(x > 0)) {
        *slope = r->s > 1 ? 0 : r->s == 1 ? r->a / r->b : 1e300;
        return 0;
    }
    double h = 1 / (1 + pow(r->b / x, r->s));
    *slope = r->a * r->s * h * (1 - h) / x;
    return r->a * h;
}

double wn_respond_power(const void *context, double x, double *slope)
{
    const struct wn_respond *r = context;
    if (!(x > 0)) {
        *slope = r->s < 1 ? 1e300 : r->a;
        return 0;
    }
    double y = r->a * pow(x, r->s);
    *slope = r->s * y / x;
    return y;
}

double wn_respond_linear(const void *context, double x, double *slope)
{
    const struct wn_respond *r = context;
    *slope = r->a;
    return r->a * x;
}

static double points_at(const struct wn_allocate_entity *e, double x, double *slope)
{
    size_t low = 0, high = e->n_points - 1;
    if (high == 0 || x < e->x[0]) {
        *slope = 0;
        return e->y[0];
    }
    if (x >= e->x[high]) {
        *slope = x > e->x[high] ? 0 : (e->y[high] - e->y[high - 1]) / (e->x[high] - e->x[high - 1]);
        return e->y[high];
    }
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (e->x[mid] <= x)
            low = mid;
        else
            high = mid;
    }
    *slope = (e->y[high] - e->y[low]) / (e->x[high] - e->x[low]);
    return e->y[low] + *slope * (x - e->x[low]);
}

double expected_at(const struct problem *p, size_t i, double x, double *slope)
{
    const struct wn_allocate_entity *e = p->entities[i].given;
    if (e->curve)
        return wn_respond_curve(e->curve, x, slope);
    if (e->respond)
        return e->respond(e->context, x, slope);
    return points_at(e, x, slope);
}

/* Mean less LOWER_Z standard deviations, never below 0. */
static double lower_at(const struct wn_curve *c, double x, double *slope)
{
    double mean, sd, sd_near, near = x > 0 ? x * 1.0001 : c->spend_mean * 1e-6;
    wn_curve_at(c, x, &mean, slope, &sd);
    wn_curve_at(c, near, NULL, NULL, &sd_near);
    double y = mean - LOWER_Z * sd;
    *slope = y > 0 ? *slope - LOWER_Z * (sd_near - sd) / (near - x) : 0;
    return fmax(y, 0);
}

double response_at(const struct problem *p, size_t i, double x, double *slope)
{
    const struct entity *e = &p->entities[i];
    const struct wn_curve *c = e->given->curve;
    if (!c || c->is_empty || p->options->risk == WN_RISK_MEAN)
        return expected_at(p, i, x, slope);
    if (p->options->risk == WN_RISK_LOWER)
        return lower_at(c, x, slope);
    double y = wn_curve_draw_at(&e->draw, x), step = fmax(x, e->draw.scale * 1e-6) * 1e-4;
    *slope = (wn_curve_draw_at(&e->draw, x + step) - y) / step;
    return y;
}

/* ---- checks --------------------------------------------------------------------------------------
 */

struct named {
    char text[WN_WHY_FIELD_MAX];
};

static struct named name_of(const struct wn_allocate_entity *e, size_t i)
{
    struct named n;
    if (e->name.n)
        snprintf(n.text, sizeof n.text, "%.*s", (int)(e->name.n > 100 ? 100 : e->name.n),
                 e->name.p);
    else
        snprintf(n.text, sizeof n.text, "entity %zu", i + 1);
    return n;
}

static wn_rc check_points(const struct wn_allocate_entity *e, size_t i, struct wn_why *why)
{
    struct named name = name_of(e, i);
    if (!e->x || !e->y || e->n_points == 0 || e->n_points > 10000)
        return wn_fail(why, WN_INVALID, name.text,
                       "%s needs a curve, a function or 1 to 10000 points", name.text);
    for (size_t k = 0; k < e->n_points; k++) {
        if (!(e->x[k] >= 0 && e->x[k] <= WN_MONEY_MAX) || (k && e->x[k] <= e->x[k - 1]))
            return wn_fail(why, WN_INVALID, name.text,
                           "%s: the spend of point %zu must be above that of the one before, and "
                           "from 0 to 9.2e12",
                           name.text, k + 1);
        if (!(fabs(e->y[k]) <= 1e18))
            return wn_fail(why, WN_INVALID, name.text, "%s: the return of point %zu is no number",
                           name.text, k + 1);
    }
    return WN_OK;
}

static wn_rc check_entity(const struct wn_allocate_entity *e, size_t i,
                          const struct wn_allocate_options *o, struct wn_why *why)
{
    struct named name = name_of(e, i);
    if (e->current_micros < 0 || e->lo_micros < 0 || e->hi_micros < e->lo_micros)
        return wn_fail(why, WN_INVALID, name.text,
                       "%s: amounts must not be negative, nor the maximum below the minimum",
                       name.text);
    if (o->n_groups && e->group >= o->n_groups)
        return wn_fail(why, WN_INVALID, name.text, "%s: there is no group %u", name.text, e->group);
    if (e->curve || e->respond)
        return WN_OK;
    return check_points(e, i, why);
}

static wn_rc check_options(const struct wn_allocate_options *o, const struct wn_rand *r,
                           struct wn_why *why)
{
    if (o->budget_micros < 0)
        return wn_fail(why, WN_INVALID, "budget", "the budget must not be negative");
    if (!(o->target_roas >= 0 && o->target_roas <= 1e9))
        return wn_fail(why, WN_INVALID, "target_roas", "the target ROAS must be from 0 to 1e9");
    if (!(o->max_change_ratio >= 0 && o->max_change_ratio <= 1e6))
        return wn_fail(why, WN_INVALID, "max_change", "the largest change must not be negative");
    if (!(o->explore_ratio >= 0 && o->explore_ratio <= 1))
        return wn_fail(why, WN_INVALID, "explore", "the exploration share must be from 0 to 1");
    if (!(o->keep_probability >= 0 && o->keep_probability <= 1))
        return wn_fail(why, WN_INVALID, "keep_probability", "a probability is from 0 to 1");
    if (!(o->switch_cost >= 0 && o->switch_cost <= WN_MONEY_MAX))
        return wn_fail(why, WN_INVALID, "switch_cost",
                       "the cost of switching must not be negative");
    if (o->n_draws > 100000)
        return wn_fail(why, WN_LIMIT, "n_draws", "more than 100000 draws");
    if (o->risk > WN_RISK_THOMPSON || (o->risk == WN_RISK_THOMPSON && !r))
        return wn_fail(why, WN_INVALID, "risk", "risk thompson needs a generator");
    for (size_t g = 0; o->group_caps_micros && g < o->n_groups; g++)
        if (o->group_caps_micros[g] < 0)
            return wn_fail(why, WN_INVALID, "group_caps", "a cap must not be negative");
    return WN_OK;
}

/* ---- bounds --------------------------------------------------------------------------------------
 */

static int64_t times_ratio(int64_t micros, double ratio)
{
    double x = (double)micros * ratio;
    return x >= 9.2e18 ? INT64_MAX : (int64_t)x;
}

/* The bounds of one entity, and where each comes from. What the user asked for beats the limit on
 * changes, which beats exploration. */
static void bound_entity(struct entity *e, const struct wn_allocate_options *o, size_t n)
{
    const struct wn_allocate_entity *g = e->given;
    int64_t lo = g->lo_micros, hi = g->hi_micros;
    e->lo_why = lo > 0 ? WN_BIND_MIN : WN_BIND_ZERO;
    e->hi_why = WN_BIND_MAX;
    if (lo == hi) {
        e->lo_why = e->hi_why = WN_BIND_FIXED;
    } else {
        int64_t floor_micros = times_ratio(o->budget_micros / (int64_t)n, o->explore_ratio);
        int64_t change_lo = 0, change_hi = WN_NO_LIMIT;
        if (o->max_change_ratio > 0 && !g->is_new && g->current_micros > 0) {
            change_lo = times_ratio(g->current_micros, fmax(1 - o->max_change_ratio, 0));
            change_hi = times_ratio(g->current_micros, 1 + o->max_change_ratio);
        }
        floor_micros = floor_micros < change_hi ? floor_micros : change_hi;
        if (floor_micros > lo && floor_micros <= hi && !g->may_stop) {
            lo = floor_micros;
            e->lo_why = WN_BIND_EXPLORE;
        }
        if (change_lo > lo) {
            lo = change_lo < hi ? change_lo : hi;
            e->lo_why = WN_BIND_CHANGE_DOWN;
        }
        if (change_hi < hi) {
            hi = change_hi > lo ? change_hi : lo;
            e->hi_why = WN_BIND_CHANGE_UP;
        }
    }
    e->lo_micros = lo;
    e->hi_micros = hi;
}

/* Where the knowledge of a curve ends is a bound too; and more than the whole budget never goes
 * to one. */
static void bound_money(struct entity *e, double budget)
{
    const struct wn_allocate_entity *g = e->given;
    double last = WN_MONEY_MAX;
    if (!g->curve && !g->respond)
        last = g->x[g->n_points - 1];
    e->lo = (double)e->lo_micros / WN_MICROS;
    e->hi = fmin((double)e->hi_micros / WN_MICROS, WN_MONEY_MAX);
    if (last < e->hi && e->hi > e->lo) {
        e->hi = fmax(last, e->lo);
        e->hi_why = WN_BIND_EVIDENCE;
        if (e->hi * WN_MICROS < (double)e->hi_micros)
            e->hi_micros = (int64_t)fmax(floor(e->hi * WN_MICROS), (double)e->lo_micros);
    }
    e->hi = fmax(fmin(e->hi, budget), e->lo);
    e->start = g->may_stop ? 0 : e->lo;
    e->is_smooth = g->curve || g->respond;
}

static wn_rc check_minimums(const struct problem *p, struct wn_arena *scratch, struct wn_why *why)
{
    const struct wn_allocate_options *o = p->options;
    int64_t sum = 0, *by_group = WN_ARENA_ARRAY(scratch, o->n_groups + 1, int64_t);
    if (!by_group)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        int64_t lo = e->given->may_stop ? 0 : e->lo_micros;
        if (!wn_add_i64(sum, lo, &sum) || sum > o->budget_micros) {
            char budget[WN_NUM_TEXT_MAX];
            wn_print_micros(o->budget_micros, budget);
            return wn_fail(why, WN_INVALID, "budget",
                           "the minimums (fixed, min, max-change and exploration together) add up "
                           "to more than the budget of %s",
                           budget);
        }
        if (o->group_caps_micros &&
            (!wn_add_i64(by_group[e->given->group], lo, &by_group[e->given->group]) ||
             by_group[e->given->group] > o->group_caps_micros[e->given->group]))
            return wn_fail(why, WN_INVALID, "group_caps",
                           "the minimums of group %u add up to more than its cap", e->given->group);
    }
    return WN_OK;
}

/* ---- the whole -----------------------------------------------------------------------------------
 */

static wn_rc make_problem(struct problem *p, const struct wn_allocate_entity *entities,
                          struct wn_rand *r, struct wn_why *why)
{
    p->entities = WN_ARENA_ARRAY(p->scratch, p->n, struct entity);
    p->prefer = WN_ARENA_ARRAY(p->scratch, p->n, double);
    if (!p->entities || !p->prefer)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++) {
        struct entity *e = &p->entities[i];
        wn_rc rc = check_entity(&entities[i], i, p->options, why);
        if (rc)
            return rc;
        e->given = &entities[i];
        p->prefer[i] = (double)entities[i].current_micros;
        bound_entity(e, p->options, p->n);
        bound_money(e, p->budget);
        if (p->options->risk == WN_RISK_THOMPSON && entities[i].curve)
            e->draw = wn_curve_sample(entities[i].curve, r);
    }
    return check_minimums(p, p->scratch, why);
}

wn_rc wn_allocate(struct wn_arena *a, const struct wn_allocate_entity *entities, size_t n,
                  const struct wn_allocate_options *options, struct wn_rand *r,
                  struct wn_allocation *out, struct wn_why *why)
{
    wn_rc rc = check_options(options, r, why);
    if (!rc && n == 0)
        rc = wn_fail(why, WN_INVALID, NULL, "there is nothing to divide the budget among");
    if (!rc && n > WN_ENTITIES_MAX)
        rc = wn_fail(why, WN_LIMIT, NULL, "more than %d entities", WN_ENTITIES_MAX);
    if (rc)
        return rc;
    struct wn_arena scratch;
    wn_arena_init(&scratch, a->max_bytes);
    struct problem p = {.n = n,
                        .options = options,
                        .budget = (double)options->budget_micros / WN_MICROS,
                        .scratch = &scratch};
    struct plan plan = {0};
    struct wn_allocation result = {.n = n, .budget_micros = options->budget_micros};
    rc = make_problem(&p, entities, r, why);
    if (!rc)
        rc = search_plan(&p, &plan, why);
    if (!rc)
        rc = report_plan(&p, &plan, a, r, &result, why);
    wn_arena_deinit(&scratch);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory to divide a budget among %zu", n);
    if (!rc)
        *out = result;
    return rc;
}

/* ---- probes --------------------------------------------------------------------------------------
 */

/* What perfect knowledge of one curve would be worth, when money elsewhere returns price. */
static double value_of_knowing(const struct wn_curve *c, double price, uint32_t n_draws,
                               struct wn_rand *r)
{
    static const double steps[] = {.8, 1, 1.2};
    double sums[WN_COUNT(steps)] = {0}, best_each = 0;
    for (uint32_t k = 0; k < n_draws; k++) {
        struct wn_curve_draw d = wn_curve_sample(c, r);
        double best = -INFINITY;
        for (size_t s = 0; s < WN_COUNT(steps); s++) {
            double x = c->spend_now * steps[s], y = wn_curve_draw_at(&d, x) - price * x;
            sums[s] += y;
            best = fmax(best, y);
        }
        best_each += best;
    }
    return fmax(best_each - fmax(fmax(sums[0], sums[1]), sums[2]), 0) / n_draws;
}

wn_rc wn_probe_propose(struct wn_arena *a, const struct wn_curve *curves, size_t n,
                       uint32_t n_draws, struct wn_rand *r, size_t *out_index, double *out_value,
                       struct wn_why *why)
{
    (void)a;
    (void)why;
    double slopes = 0, count = 0, best = -1;
    size_t at = n;
    for (size_t i = 0; i < n; i++) {
        double slope;
        if (curves[i].is_empty || !(curves[i].spend_now > 0))
            continue;
        wn_curve_at(&curves[i], curves[i].spend_now, NULL, &slope, NULL);
        slopes += slope;
        count++;
    }
    for (size_t i = 0; i < n; i++) {
        if (curves[i].is_empty || curves[i].is_identified || !(curves[i].spend_now > 0))
            continue;
        double value = value_of_knowing(&curves[i], slopes / count, n_draws ? n_draws : 200, r);
        if (value > best) {
            best = value;
            at = i;
        }
    }
    *out_index = at;
    *out_value = at < n ? best : 0;
    return WN_OK;
}
