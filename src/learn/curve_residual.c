/* What the residuals of a fit tell: how much they hang together, and how far the level itself moves
 * from one part of a history to the next. */
#include "learn/curve_fit_int.h"

#include <math.h>

enum { LAGS_MAX = 28, BLOCK_STEPS_MIN = 7, HALVINGS = 30 };
#define DRIFT_SQUARE_MAX 4. /* moves are bounded by 2 */
#define POOL_MOVES 20.      /* how many moves of its own make a group half its own judge */

static double sq(double x)
{
    return x * x;
}

/* ---- one history --------------------------------------------------------------------------------
 */

/* Revenue of every step by the guess, into f->expected. */
static void expect(struct fit *f, const struct entity_fit *e, const struct curve_guess *g)
{
    double stock = 0, h[CURVE_SHAPES], carry = f->grid.carry[g->cell / CURVE_SHAPES];
    for (size_t t = 0; t < e->n; t++) {
        const struct step *s = &f->steps[t];
        stock = t == 0 ? s->spend : pow(carry, s->gap) * stock + (1 - carry) * s->spend;
        curve_shapes_at(&f->grid, stock, h);
        f->expected[t] = g->base + g->gain * s->season * h[g->cell % CURVE_SHAPES];
    }
}

/* 1 + 2 * the sum of the autocorrelations of r [m], up to the first that chance explains
 * (2 / sqrt(m)). Source: Geyer, Statistical Science 7(4), 1992 (initial sequences). */
static double inflation(const double *r, size_t m, double variance)
{
    double sum = 1;
    for (size_t lag = 1; lag <= LAGS_MAX && lag < m / 3; lag++) {
        double rho = 0;
        for (size_t t = lag; t < m; t++)
            rho += r[t] * r[t - lag] / (variance * (double)m);
        if (rho < 2 / sqrt((double)m))
            break;
        sum += 2 * rho;
    }
    return sum;
}

/* What came over what was expected, in a part of a history; variance: of what came. */
struct part {
    double revenue, expected, variance;
};

static struct move compare(const struct part *before, const struct part *now)
{
    if (!(before->expected > 0) || !(now->expected > 0))
        return (struct move){0};
    double a = before->revenue / before->expected, b = now->revenue / now->expected;
    double middle = fmax(.5 * (a + b), 1e-6); /* the move is bounded by -2 and 2 */
    double variance = before->variance / sq(before->expected) + now->variance / sq(now->expected);
    return (struct move){(float)((b - a) / middle), (float)fmin(variance / sq(middle), 1e6)};
}

/* Cuts the known steps into equal parts and holds each against all that came before it. */
static void find_moves(const struct fit *f, const struct entity_fit *e, double noise,
                       struct move *moves)
{
    struct part parts[CURVE_BLOCKS] = {{0}}, before = {0};
    size_t known = 0;
    if (e->n_known < (size_t)CURVE_BLOCKS * BLOCK_STEPS_MIN)
        return;
    for (size_t t = 0; t < e->n; t++) {
        const struct step *s = &f->steps[t];
        if (isnan(s->revenue))
            continue;
        struct part *p = &parts[known++ * CURVE_BLOCKS / e->n_known];
        p->revenue += s->weight * s->revenue;
        p->expected += s->weight * f->expected[t];
        p->variance += s->weight * noise;
    }
    for (int k = 0; k < CURVE_BLOCKS; k++) {
        if (k)
            moves[k - 1] = compare(&before, &parts[k]);
        before.revenue += parts[k].revenue;
        before.expected += parts[k].expected;
        before.variance += parts[k].variance;
    }
}

double curve_dependence(struct fit *f, const struct entity_fit *e, const struct curve_guess *g,
                        struct move *moves)
{
    double *r = f->residuals, variance = 0;
    size_t m = 0;
    expect(f, e, g);
    for (size_t t = 0; t < e->n; t++) {
        const struct step *s = &f->steps[t];
        if (isnan(s->revenue))
            continue;
        r[m] = sqrt(s->weight) * (s->revenue - f->expected[t]);
        variance += sq(r[m++]) / (double)e->n_known;
    }
    double factor = m < 14 || !(variance > 0) ? 1 : inflation(r, m, variance);
    find_moves(f, e, variance, moves);
    return factor;
}

/* ---- all of them --------------------------------------------------------------------------------
 */

/* The variance that the moves of a group have beyond noise, by halving. */
struct search {
    double low, high, sum, n;
};

/* Adds up move^2 / (noise + drift^2) of each group at the middle of its bracket. */
static void add_up(const struct move *moves, const struct wn_history *h, size_t n,
                   struct search *groups, struct search *all)
{
    for (size_t i = 0; i < n; i++) {
        struct search *g = &groups[h[i].group];
        for (size_t k = i * CURVE_MOVES; k < (i + 1) * CURVE_MOVES; k++) {
            double v = (double)moves[k].variance, square = sq((double)moves[k].ratio);
            if (!(v > 0))
                continue;
            g->sum += square / (v + .5 * (g->low + g->high));
            g->n++;
            all->sum += square / (v + .5 * (all->low + all->high));
            all->n++;
        }
    }
}

static void halve(struct search *s, bool is_first)
{
    /* Without drift the sum is chi-square with n degrees of freedom: beyond its 95 % quantile there
     * is some. */
    if (is_first)
        s->high = s->sum > s->n + 1.645 * sqrt(2 * s->n) ? DRIFT_SQUARE_MAX : 0;
    else if (s->sum > s->n)
        s->low = .5 * (s->low + s->high);
    else
        s->high = .5 * (s->low + s->high);
}

wn_rc curve_find_drift(struct wn_arena *scratch, const struct move *moves,
                       const struct wn_history *h, size_t n, uint32_t n_groups, double *drift_out)
{
    struct search *groups = WN_ARENA_ARRAY(scratch, n_groups, struct search), all = {0};
    if (!groups)
        return WN_MEMORY;
    for (int round = 0; round <= HALVINGS; round++) {
        for (uint32_t g = 0; g < n_groups; g++)
            groups[g].sum = groups[g].n = 0;
        all.sum = all.n = 0;
        add_up(moves, h, n, groups, &all);
        for (uint32_t g = 0; g < n_groups; g++)
            halve(&groups[g], round == 0);
        halve(&all, round == 0);
    }
    for (uint32_t g = 0; g < n_groups; g++)
        drift_out[g] = sqrt((groups[g].n * groups[g].high + POOL_MOVES * all.high) /
                            (groups[g].n + POOL_MOVES));
    return WN_OK;
}
