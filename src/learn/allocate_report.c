/* What is told about a plan: micros that add up, intervals, and the constraint of each entity. */
#include "learn/allocate_int.h"
#include "learn/sums.h"

#include "core/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rounding ------------------------------------------------------------------------------------
 */

struct remainder {
    double part;
    size_t index;
};

static int by_part(const void *a, const void *b)
{
    const struct remainder *x = a, *y = b;
    if (x->part != y->part)
        return x->part > y->part ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Spreads `left` micros over entities by largest remainder, as far as their bounds allow. Rounds
 * repeat with larger pieces where doubles are coarser than a micro. */
static int64_t spread(const struct problem *p, const struct remainder *order, int64_t left,
                      int64_t *out)
{
    for (int64_t piece = 1; left != 0;) {
        int64_t before = left;
        for (size_t k = 0; k < p->n && left != 0; k++) {
            size_t i = left > 0 ? order[k].index : order[p->n - 1 - k].index;
            const struct entity *e = &p->entities[i];
            int64_t room = left > 0 ? e->hi_micros - out[i] : out[i] - e->lo_micros;
            int64_t most = left > 0 ? left : -left;
            int64_t take = piece < most ? piece : most;
            take = take < room ? take : room;
            if (out[i] == 0 || take <= 0) /* what stopped stays stopped */
                continue;
            out[i] += left > 0 ? take : -take;
            left -= left > 0 ? take : -take;
        }
        if (left == before)
            break;
        piece = piece < INT64_MAX / 4 ? piece * 4 : piece;
    }
    return left;
}

wn_rc round_plan(const struct problem *p, const double *x, int64_t total, struct wn_arena *scratch,
                 int64_t *out)
{
    struct remainder *order = WN_ARENA_ARRAY(scratch, p->n, struct remainder);
    int64_t left = total;
    if (!order)
        return WN_MEMORY;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        double micros = x[i] * WN_MICROS, whole = floor(micros);
        int64_t least = e->start < e->lo && x[i] < e->lo ? 0 : e->lo_micros;
        out[i] = whole >= 9.2e18 ? INT64_MAX : (int64_t)whole;
        out[i] = out[i] < least ? least : out[i] > e->hi_micros ? e->hi_micros : out[i];
        order[i] = (struct remainder){micros - whole, i};
        left -= out[i]; /* each is at most the budget, and so is their sum up to rounding */
    }
    qsort(order, p->n, sizeof *order, by_part);
    (void)spread(p, order, left, out);
    return WN_OK;
}

/* ---- gain and intervals --------------------------------------------------------------------------
 */

struct draws {
    double *gain; /* [n] total against the reference, per draw */
    double *one;  /* [n] of one entity */
    size_t n;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Linear between order statistics; sorts x. */
static double quantile(double *x, size_t n, double level)
{
    qsort(x, n, sizeof *x, by_value);
    double at = level * (double)(n - 1);
    size_t k = (size_t)at;
    return k + 1 < n ? x[k] + (at - (double)k) * (x[k + 1] - x[k]) : x[n - 1];
}

/* Interval of one entity's return, and its part of the gain in every draw. */
static void draw_entity(const struct problem *p, size_t i, double x, double reference,
                        struct wn_rand *r, struct draws *d, struct wn_allocate_row *row)
{
    const struct wn_curve *c = p->entities[i].given->curve;
    double slope, known = 0;
    row->low = row->high = row->expected;
    if (!c || c->is_empty || !r) {
        known = row->expected - expected_at(p, i, reference, &slope);
        for (size_t k = 0; k < d->n; k++)
            d->gain[k] += known;
        return;
    }
    for (size_t k = 0; k < d->n; k++) {
        struct wn_curve_draw draw = wn_curve_sample(c, r);
        d->one[k] = wn_curve_draw_at(&draw, x);
        if (x != reference)
            d->gain[k] += d->one[k] - wn_curve_draw_at(&draw, reference);
    }
    row->low = fmin(quantile(d->one, d->n, .1), row->expected);
    row->high = fmax(quantile(d->one, d->n, .9), row->expected);
}

/* What would happen without us: the current budgets, scaled to the budget where they differ from
 * it; an equal split where nothing was spent. */
static void make_reference(const struct problem *p, const struct wn_allocation *out, double *x)
{
    double sum = 0, total = (double)out->spent_micros / WN_MICROS;
    for (size_t i = 0; i < p->n; i++)
        sum += x[i] = (double)p->entities[i].given->current_micros / WN_MICROS;
    if (fabs(sum - total) <= 1e-6 * total)
        return;
    for (size_t i = 0; i < p->n; i++)
        x[i] = sum > 0 ? x[i] * (total / sum) : total / (double)p->n;
}

static bool is_allowed(const struct problem *p, const int64_t *micros)
{
    const struct wn_allocate_options *o = p->options;
    double spend = 0, value = 0, slope;
    int64_t sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct entity *e = &p->entities[i];
        bool off = e->start < e->lo && micros[i] == 0;
        if (!off && (micros[i] < e->lo_micros || micros[i] > e->hi_micros))
            return false;
        if (!wn_add_i64(sum, micros[i], &sum) || sum > o->budget_micros)
            return false;
        spend += (double)micros[i] / WN_MICROS;
        value += response_at(p, i, (double)micros[i] / WN_MICROS, &slope);
    }
    for (size_t g = 0; o->group_caps_micros && g < o->n_groups; g++) {
        int64_t in_group = 0;
        for (size_t i = 0; i < p->n; i++)
            in_group += p->entities[i].given->group == g ? micros[i] : 0;
        if (in_group > o->group_caps_micros[g])
            return false;
    }
    return o->target_roas <= 0 || value >= o->target_roas * spend;
}

/* ---- which constraint ----------------------------------------------------------------------------
 */

static wn_bind bind_of(const struct problem *p, const struct plan *plan, size_t i, double x,
                       double marginal)
{
    const struct entity *e = &p->entities[i];
    double near = 1e-7 * fmax(x, 1e-3);
    if (e->lo_why == WN_BIND_FIXED)
        return WN_BIND_FIXED;
    /* The budget itself ends the range of whoever gets all of it. */
    bool is_all = x >= p->budget - near && (double)e->hi_micros / WN_MICROS > x + near;
    if (x >= e->hi - near && !is_all)
        return marginal > 0 || e->hi_why == WN_BIND_EVIDENCE ? e->hi_why : WN_BIND_NO_RETURN;
    if (x <= near)
        return plan->at_bridge[i] ? WN_BIND_START_UP : WN_BIND_ZERO;
    if (x <= e->lo + near)
        return e->lo_why == WN_BIND_ZERO ? WN_BIND_PRICE : e->lo_why;
    if (plan->is_capped[i])
        return WN_BIND_GROUP_CAP;
    if (plan->roas_binds)
        return WN_BIND_ROAS;
    if (!plan->budget_binds && marginal <= 0)
        return WN_BIND_NO_RETURN;
    return plan->at_bridge[i] ? WN_BIND_START_UP : WN_BIND_PRICE;
}

/* ---- the whole -------------------------------------------------------------------------------------
 */

/* Rows at the budgets in micros; sums of the result. */
static void fill_rows(const struct problem *p, const struct plan *plan, const int64_t *micros,
                      const double *reference, struct wn_rand *r, struct draws *d,
                      struct wn_allocation *out)
{
    struct wn_sum expected = {0}, now = {0}, gain = {0};
    double slope;
    out->spent_micros = 0;
    memset(d->gain, 0, d->n * sizeof *d->gain);
    for (size_t i = 0; i < p->n; i++) {
        struct wn_allocate_row *row = &out->rows[i];
        double x = (double)micros[i] / WN_MICROS;
        row->current_micros = p->entities[i].given->current_micros;
        row->budget_micros = micros[i];
        row->expected = expected_at(p, i, x, &row->marginal);
        row->marginal = fmin(row->marginal, 1e18); /* a slope may be infinite at 0 */
        double current = (double)row->current_micros / WN_MICROS;
        row->expected_now = expected_at(p, i, current, &slope);
        row->bind = bind_of(p, plan, i, x, row->marginal);
        draw_entity(p, i, x, reference[i], r, d, row);
        wn_sum_add(&expected, row->expected);
        wn_sum_add(&now, row->expected_now);
        double before =
            reference[i] == current ? row->expected_now : expected_at(p, i, reference[i], &slope);
        wn_sum_add(&gain, row->expected - before);
        out->spent_micros += micros[i];
    }
    out->expected = wn_sum_value(&expected);
    out->expected_now = wn_sum_value(&now);
    out->gain_mean = wn_sum_value(&gain);
}

static void fill_gain(struct draws *d, bool has_draws, struct wn_allocation *out)
{
    double tiny = 1e-9 * fabs(out->expected);
    if (!has_draws) {
        out->gain_low = out->gain_high = out->gain_mean;
        out->gain_probability = out->gain_mean > tiny ? 1 : out->gain_mean < -tiny ? 0 : .5;
        return;
    }
    double better = 0;
    for (size_t k = 0; k < d->n; k++)
        better += d->gain[k] > tiny ? 1 : d->gain[k] >= -tiny ? .5 : 0;
    out->gain_probability = better / (double)d->n;
    out->gain_low = fmin(quantile(d->gain, d->n, .1), out->gain_mean);
    out->gain_high = fmax(quantile(d->gain, d->n, .9), out->gain_mean);
}

static bool is_same(const struct wn_allocation *out)
{
    for (size_t i = 0; i < out->n; i++) {
        double was = (double)out->rows[i].current_micros, is = (double)out->rows[i].budget_micros;
        if (fabs(is - was) > 1 + 1e-6 * was)
            return false;
    }
    return true;
}

/* Puts the reference in the plan's place when it is allowed and moving does not pay. */
static wn_rc keep_if_not_worth(const struct problem *p, const struct plan *plan,
                               const double *reference, struct wn_rand *r, struct draws *d,
                               struct wn_allocation *out, bool *is_kept)
{
    const struct wn_allocate_options *o = p->options;
    int64_t *micros = WN_ARENA_ARRAY(p->scratch, p->n, int64_t);
    *is_kept = false;
    if (!micros)
        return WN_MEMORY;
    bool unsure = o->keep_probability > 0 && out->gain_probability <= o->keep_probability;
    bool small = o->switch_cost > 0 && out->gain_mean <= o->switch_cost;
    if (!unsure && !small)
        return WN_OK;
    wn_rc rc = round_plan(p, reference, out->spent_micros, p->scratch, micros);
    if (rc || !is_allowed(p, micros))
        return rc;
    struct wn_allocation offered = *out;
    fill_rows(p, plan, micros, reference, r, d, out);
    for (size_t i = 0; i < p->n; i++)
        out->rows[i].bind = out->rows[i].bind == WN_BIND_FIXED ? WN_BIND_FIXED : WN_BIND_KEPT;
    /* The gain that was given up explains the decision. */
    out->gain_mean = offered.gain_mean;
    out->gain_low = offered.gain_low;
    out->gain_high = offered.gain_high;
    out->gain_probability = offered.gain_probability;
    *is_kept = true;
    return WN_OK;
}

wn_rc report_plan(const struct problem *p, const struct plan *plan, struct wn_arena *a,
                  struct wn_rand *r, struct wn_allocation *out, struct wn_why *why)
{
    (void)why;
    struct draws d = {.n = p->options->n_draws ? p->options->n_draws : 500};
    int64_t *micros = WN_ARENA_ARRAY(p->scratch, p->n, int64_t);
    double *reference = WN_ARENA_ARRAY(p->scratch, p->n, double);
    d.gain = WN_ARENA_ARRAY(p->scratch, d.n, double);
    d.one = WN_ARENA_ARRAY(p->scratch, d.n, double);
    out->rows = WN_ARENA_ARRAY(a, p->n, struct wn_allocate_row);
    if (!micros || !reference || !d.gain || !d.one || !out->rows)
        return WN_MEMORY;

    int64_t total = p->options->budget_micros;
    if (!plan->budget_binds && !wn_micros_from_f64(plan->spend, &total))
        total = p->options->budget_micros;
    total = total > p->options->budget_micros ? p->options->budget_micros : total;
    wn_rc rc = round_plan(p, plan->x, total, p->scratch, micros);
    if (rc)
        return rc;
    out->spent_micros = total;
    make_reference(p, out, reference);
    fill_rows(p, plan, micros, reference, r, &d, out);
    bool has_draws = false, is_kept = false;
    for (size_t i = 0; i < p->n && r; i++)
        has_draws =
            has_draws || (p->entities[i].given->curve && !p->entities[i].given->curve->is_empty);
    fill_gain(&d, has_draws, out);
    out->optimised = plan->value;
    out->bound = plan->bound;
    out->price = plan->common_price;
    out->roas_is_met = plan->roas_is_met;
    if (!is_same(out))
        rc = keep_if_not_worth(p, plan, reference, r, &d, out, &is_kept);
    out->is_unchanged = is_same(out);
    for (size_t i = 0; i < p->n && !rc; i++) {
        out->rows[i].why = plan_row_text(a, p, plan, i, &out->rows[i]);
        rc = out->rows[i].why.p ? WN_OK : WN_MEMORY;
    }
    return rc ? rc : plan_text(p, plan, is_kept, a, out);
}
