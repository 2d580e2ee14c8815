/* Concave envelopes, and the linear programme over their segments: one price decides. */
#include "learn/allocate_int.h"
#include "learn/sums.h"

#include <math.h>
#include <stdlib.h>

enum { BISECTIONS_MAX = 400, SEGMENTS_FEW = 64 };
#define SAME_SLOPE 1e-13 /* slopes nearer than this, relatively, are one price: rounding */

wn_rc pieces_init(struct pieces *p, struct wn_arena *a, size_t n, size_t n_vertices)
{
    *p = (struct pieces){0};
    p->at = WN_ARENA_ARRAY(a, n + 1, size_t);
    p->x = WN_ARENA_ARRAY(a, n_vertices, double);
    p->y = WN_ARENA_ARRAY(a, n_vertices, double);
    p->slope = WN_ARENA_ARRAY(a, n_vertices, double);
    p->is_bridge = WN_ARENA_ARRAY(a, n_vertices, uint8_t);
    return p->at && p->x && p->y && p->slope && p->is_bridge ? WN_OK : WN_MEMORY;
}

/* Marks segments over points that the envelope left out because the curve sags there. Points that
 * lie on the line to rounding are no bridge. */
static void mark_bridges(struct pieces *p, size_t from, size_t to, const double *x, const double *y,
                         size_t n_points)
{
    size_t k = 0;
    double scale = fmax(fabs(p->y[to - 1]), fabs(p->y[from]));
    for (size_t v = from; v + 1 < to; v++) {
        double deepest = 0;
        for (; k < n_points && x[k] < p->x[v + 1]; k++)
            if (x[k] > p->x[v])
                deepest = fmax(deepest, p->y[v] + p->slope[v] * (x[k] - p->x[v]) - y[k]);
        p->is_bridge[v] = deepest > 1e-11 * scale;
    }
    p->is_bridge[to - 1] = 0;
}

void pieces_add(struct pieces *p, const double *x, const double *y, size_t n_points, bool has_gap)
{
    size_t from = p->at[p->n], top = from;
    for (size_t i = 0; i < n_points; i++) {
        /* Andrew's monotone chain, upper side: drop vertices that the new one looks over. */
        double slope = 0;
        while (top > from) {
            slope = (y[i] - p->y[top - 1]) / (x[i] - p->x[top - 1]);
            if (top - from < 2 || p->slope[top - 2] > slope)
                break;
            /* The end of a gap stays, even on a straight line: one may stand there. */
            if (has_gap && top - from == 2 && p->x[top - 1] == x[1] &&
                slope <= p->slope[from] * (1 + 1e-6)) {
                slope = p->slope[from];
                break;
            }
            top--;
        }
        if (top > from)
            p->slope[top - 1] = slope;
        p->x[top] = x[i];
        p->y[top] = y[i];
        p->slope[top] = 0;
        top++;
    }
    p->n++;
    p->at[p->n] = top;
    if (top - from < n_points)
        mark_bridges(p, from, top, x, y, n_points);
    else
        for (size_t v = from; v < top; v++)
            p->is_bridge[v] = 0;
    if (has_gap && top - from > 1)
        p->is_bridge[from] = 1;
}

struct range range_whole(const struct pieces *p, size_t i)
{
    uint32_t last = (uint32_t)(p->at[i + 1] - p->at[i] - 1);
    return (struct range){0, last, p->x[p->at[i] + last]};
}

void range_cut(const struct pieces *p, size_t i, struct range *r, double end)
{
    const double *x = p->x + p->at[i];
    if (end < r->end)
        r->end = end;
    while (r->hi > r->lo && x[r->hi - 1] >= r->end)
        r->hi--;
    if (r->hi == r->lo)
        r->end = x[r->lo];
}

/* ---- the programme ------------------------------------------------------------------------------
 */

/* One curve while the price is being found: segments below vertex `sure` are bought, those from
 * `maybe` on are not. */
struct active {
    uint32_t index, sure, maybe;
};

struct solver {
    const struct pieces *p;
    const struct range *ranges;
    double budget, roas;
    struct wn_sum spend, value; /* of the curves that are settled */
    struct active *active;
    size_t n_active;
};

static double spend_at(const struct solver *s, uint32_t i, uint32_t v)
{
    double x = s->p->x[s->p->at[i] + v];
    return v == s->ranges[i].hi ? s->ranges[i].end : x;
}

static double value_at(const struct solver *s, uint32_t i, uint32_t v)
{
    const struct range *r = &s->ranges[i];
    size_t k = s->p->at[i] + v;
    if (v < r->hi || v == r->lo)
        return s->p->y[k];
    return s->p->y[k - 1] + s->p->slope[k - 1] * (r->end - s->p->x[k - 1]);
}

/* The first vertex in [from, to] after which no segment returns more than price. */
static uint32_t buy_above(const struct solver *s, uint32_t i, uint32_t from, uint32_t to,
                          double price)
{
    const double *slope = s->p->slope + s->p->at[i];
    while (from < to) {
        uint32_t mid = (from + to) / 2;
        if (slope[mid] > price)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

/* Whether the price is high enough. Below the target, a higher price raises value - roas * spend,
 * because what it drops returned less than the target; above it, the ROAS asks for nothing more. */
static bool is_enough(const struct solver *s, double spend, double value, double price)
{
    if (spend > s->budget)
        return false;
    return s->roas <= 0 || price >= s->roas || value >= s->roas * spend;
}

static bool try_price(const struct solver *s, double price, uint32_t *vertex)
{
    struct wn_sum spend = s->spend, value = s->value;
    for (size_t k = 0; k < s->n_active; k++) {
        const struct active *c = &s->active[k];
        vertex[k] = buy_above(s, c->index, c->sure, c->maybe, price);
        wn_sum_add(&spend, spend_at(s, c->index, vertex[k]));
        wn_sum_add(&value, value_at(s, c->index, vertex[k]));
    }
    return is_enough(s, wn_sum_value(&spend), wn_sum_value(&value), price);
}

/* Takes over the outcome of a price and drops the curves that it settled. Returns the number of
 * segments that are still open. */
static size_t narrow(struct solver *s, bool enough, const uint32_t *vertex, double *x)
{
    size_t kept = 0, open = 0;
    for (size_t k = 0; k < s->n_active; k++) {
        struct active c = s->active[k];
        if (enough)
            c.sure = vertex[k];
        else
            c.maybe = vertex[k];
        if (c.sure == c.maybe) {
            x[c.index] = spend_at(s, c.index, c.sure);
            wn_sum_add(&s->spend, x[c.index]);
            wn_sum_add(&s->value, value_at(s, c.index, c.sure));
        } else {
            open += c.maybe - c.sure;
            s->active[kept++] = c;
        }
    }
    s->n_active = kept;
    return open;
}

struct segment {
    double slope, width, prefer;
    uint32_t index, vertex;
    bool is_bridge;
};

static int by_slope(const void *a, const void *b)
{
    const struct segment *x = a, *y = b;
    if (x->slope != y->slope)
        return x->slope > y->slope ? -1 : 1;
    if (x->is_bridge != y->is_bridge)
        return x->is_bridge ? -1 : 1; /* a gap before what lies behind it */
    if (x->prefer != y->prefer)
        return x->prefer > y->prefer ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* How much more can be spent at a slope before the budget or the target stops it. */
static double room_at(const struct solver *s, double slope, double spend, double value)
{
    double room = s->budget - spend;
    if (s->roas > 0 && slope < s->roas)
        room = fmin(room, (value - s->roas * spend) / (s->roas - slope));
    return fmax(room, 0);
}

/* Buys the open segments, dearest return first. Straight ones of equal slope share. */
static void fill(struct solver *s, struct segment *segments, size_t n, double *x,
                 struct lp_answer *out)
{
    double spend = wn_sum_value(&s->spend), value = wn_sum_value(&s->value);
    size_t k = 0;
    while (k < n) {
        size_t end = k + 1;
        double width = segments[k].width;
        if (!segments[k].is_bridge)
            for (; end < n && !segments[end].is_bridge &&
                   segments[end].slope >= segments[k].slope * (1 - SAME_SLOPE);
                 end++)
                width += segments[end].width;
        double room = room_at(s, segments[k].slope, spend, value);
        double share = room >= width || !(width > 0) ? 1 : room / width;
        for (size_t j = k; j < end; j++)
            x[segments[j].index] += share * segments[j].width;
        spend += share * width;
        value += share * width * segments[k].slope;
        out->price = segments[k].slope;
        if (share < 1) {
            if (segments[k].is_bridge && share > 0) {
                out->inside = segments[k].index;
                out->bridge = segments[k].vertex;
            }
            break;
        }
        k = end;
    }
    out->spend = spend;
    out->value = value;
}

static wn_rc fill_open(struct solver *s, size_t n_open, struct wn_arena *scratch,
                       const double *prefer, double *x, struct lp_answer *out)
{
    struct segment *segments = WN_ARENA_ARRAY(scratch, n_open, struct segment);
    size_t n = 0;
    if (!segments)
        return WN_MEMORY;
    for (size_t k = 0; k < s->n_active; k++) {
        const struct active *c = &s->active[k];
        size_t at = s->p->at[c->index];
        x[c->index] = spend_at(s, c->index, c->sure);
        wn_sum_add(&s->spend, x[c->index]);
        wn_sum_add(&s->value, value_at(s, c->index, c->sure));
        for (uint32_t v = c->sure; v < c->maybe; v++)
            segments[n++] =
                (struct segment){.slope = s->p->slope[at + v],
                                 .width = spend_at(s, c->index, v + 1) - spend_at(s, c->index, v),
                                 .prefer = prefer ? prefer[c->index] : 0,
                                 .index = c->index,
                                 .vertex = v,
                                 .is_bridge = s->p->is_bridge[at + v]};
    }
    qsort(segments, n, sizeof *segments, by_slope);
    fill(s, segments, n, x, out);
    return WN_OK;
}

/* Brackets the price around a guess, wider and wider; a good guess saves most of the passes over
 * all curves. */
static size_t bracket(struct solver *s, double hint, uint32_t *vertex, double *x, double *low,
                      double *high, size_t open)
{
    double extra = 1e-4;
    for (int i = 0; i < 7; i++) {
        double above = hint * (1 + extra), below = hint / (1 + extra);
        bool top = above < *high;
        bool bottom = below > *low;
        extra *= 32;
        if (top && open) {
            bool enough = try_price(s, above, vertex);
            *(enough ? high : low) = above;
            open = narrow(s, enough, vertex, x);
            top = !enough; /* still to be found */
        }
        if (!top && bottom && open) {
            bool enough = try_price(s, below, vertex);
            *(enough ? high : low) = below;
            open = narrow(s, enough, vertex, x);
            bottom = enough;
        }
        if (!top && !bottom)
            break;
    }
    return open;
}

/* Bisection on the price until few segments are open. *n_open: how many. */
static wn_rc find_price(struct solver *s, double hint, struct wn_arena *scratch, double *x,
                        size_t *n_open, double *price)
{
    uint32_t *vertex = WN_ARENA_ARRAY(scratch, s->n_active, uint32_t);
    double low = 0, high = 0;
    size_t open = 0;
    if (!vertex)
        return WN_MEMORY;
    for (size_t k = 0; k < s->n_active; k++) {
        const struct active *c = &s->active[k];
        if (c->maybe > c->sure)
            high = fmax(high, s->p->slope[s->p->at[c->index] + c->sure]);
        open += c->maybe - c->sure;
    }
    *price = 0;
    *n_open = 0;
    if (try_price(s, 0, vertex)) { /* everything that returns anything can be bought */
        for (size_t k = 0; k < s->n_active; k++)
            s->active[k].sure = s->active[k].maybe = vertex[k];
        (void)narrow(s, true, vertex, x);
        return WN_OK;
    }
    open = narrow(s, false, vertex, x);
    if (hint > 0 && hint < high)
        open = bracket(s, hint, vertex, x, &low, &high, open);
    for (int i = 0; i < BISECTIONS_MAX && open > SEGMENTS_FEW; i++) {
        /* Prices span decades: halve their logarithm while they are far apart. */
        double mid = high > 4 * low ? sqrt(fmax(low, high * 1e-12) * high) : .5 * (low + high);
        if (!(mid > low && mid < high))
            break;
        bool enough = try_price(s, mid, vertex);
        if (enough)
            high = mid;
        else
            low = mid;
        open = narrow(s, enough, vertex, x);
    }
    *n_open = open;
    *price = high;
    return WN_OK;
}

wn_rc lp_solve(const struct pieces *p, const struct range *ranges, const uint32_t *indices,
               size_t n, double budget, double target_roas, double hint, const double *prefer,
               struct wn_arena *scratch, double *x, struct lp_answer *out)
{
    struct solver s = {.p = p, .ranges = ranges, .budget = budget, .roas = target_roas};
    struct wn_sum least = {0};
    size_t n_open;
    s.active = WN_ARENA_ARRAY(scratch, n, struct active);
    if (!s.active)
        return WN_MEMORY;
    for (size_t k = 0; k < n; k++) {
        uint32_t i = indices[k];
        s.active[k] = (struct active){i, ranges[i].lo, ranges[i].hi};
        wn_sum_add(&least, spend_at(&s, i, ranges[i].lo));
    }
    s.n_active = n;
    if (wn_sum_value(&least) > budget) {
        if (wn_sum_value(&least) > budget * (1 + 1e-9) + 1e-9)
            return WN_INVALID;
        s.budget = wn_sum_value(&least); /* rounding of the minimums, which add up exactly */
    }
    *out = (struct lp_answer){.inside = SIZE_MAX};
    wn_rc rc = find_price(&s, hint, scratch, x, &n_open, &out->price);
    if (!rc && n_open) {
        rc = fill_open(&s, n_open, scratch, prefer, x, out);
    } else if (!rc) {
        out->spend = wn_sum_value(&s.spend);
        out->value = wn_sum_value(&s.value);
    }
    if (rc)
        return rc;
    double slack = 1e-9 * fmax(fabs(out->value), target_roas * out->spend);
    out->budget_binds = out->spend >= s.budget * (1 - 1e-12);
    out->roas_is_met = target_roas <= 0 || out->value >= target_roas * out->spend - slack;
    out->roas_binds = target_roas > 0 && !out->budget_binds && out->price > 0;
    return WN_OK;
}
