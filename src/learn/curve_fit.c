/* The fit of single entities: conjugate regression in every cell of the grid, cell priors shared
 * by the entities of a group. */
#include "learn/curve.h"
#include "learn/special.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOISE_POINTS = 9, EM_ROUNDS = 2, SEASON_DAYS_MIN = 21, RECENT_STEPS = 7 };
#define POOL_STEPS 7.0      /* weight of the group's ROAS in the prior, in steps */
#define EM_PRIOR_WEIGHT 20. /* how many entities the grid's own prior counts as */
/* The grid is coarser than the posterior of a long history, which alone would make the intervals a
 * little too narrow (77 % for 80 % in simulation): each step counts as this part of one. Chosen in
 * simulation, see tests/unit/learn/test_curve.c. */
#define STEP_WORTH .9
#define SEASON_DAYS 4. /* pseudo-days that pull a weekday's factor to 1 */

/* One observed step, in units of the entity's mean spend and mean revenue. */
struct step {
    double spend, revenue; /* revenue: NaN = unknown */
    double weight;         /* share arrived, over the variance's shape; without decay */
    double season;
    double age;  /* in steps, from the last one */
    int32_t gap; /* steps since the one before */
};

struct entity_fit {
    size_t n; /* steps */
    size_t n_known;
    double spend_scale, revenue_scale;
    double own_roas;
    double prior_at_mean; /* expected revenue at mean spend, in revenue_scale */
};

struct row {
    int32_t day;
    double spend, revenue, arrived;
};

struct fit {
    const struct wn_curve_options *options;
    struct curve_grid grid;
    struct wn_arena scratch;
    struct row *rows;    /* [rows of the longest history] */
    struct step *steps;  /* [the same] */
    double *residuals;   /* [the same] */
    float *log_evidence; /* [n][CURVE_CELLS] */
    float *mean, *sd;    /* [n][CURVE_CELLS] of the return, in revenue_scale */
    double *base;        /* [n] */
    uint32_t n_groups;
    double *group_roas;  /* [n_groups] */
    double (*season)[7]; /* [n_groups] */
    double *cell_prior;  /* [n_groups][CURVE_CELLS] */
};

static double sq(double x)
{
    return x * x;
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static wn_rc bad(struct wn_why *why, size_t entity, const char *field, size_t i, const char *text)
{
    char name[64];
    snprintf(name, sizeof name, "%s[%zu]", field, i);
    if (why && !why->text[0])
        why->line = entity + 1;
    return wn_fail(why, WN_INVALID, name, "entity %zu: %s %s", entity + 1, name, text);
}

static bool is_money(double x)
{
    return x >= 0 && x <= WN_MONEY_MAX; /* false for NaN */
}

static wn_rc check_history(const struct wn_history *h, size_t entity, struct wn_why *why)
{
    if (h->n && (!h->days || !h->spend || !h->revenue))
        return bad(why, entity, "days", 0, "is missing");
    for (size_t i = 0; i < h->n; i++) {
        if (!is_money(h->spend[i]))
            return bad(why, entity, "spend", i, "must be from 0 to 9.2e12");
        if (!isnan(h->revenue[i]) && !is_money(h->revenue[i]))
            return bad(why, entity, "revenue", i, "must be from 0 to 9.2e12, or NaN for unknown");
        if (h->arrived && !(h->arrived[i] > 0 && h->arrived[i] <= 1))
            return bad(why, entity, "arrived", i, "must be above 0 and at most 1");
    }
    for (size_t i = 0; i < h->n_experiments; i++) {
        const struct wn_experiment *e = &h->experiments[i];
        if (!is_money(e->spend_from) || !is_money(e->spend_to) || e->spend_from == e->spend_to)
            return bad(why, entity, "experiments", i, "needs two different spends");
        if (!(fabs(e->effect) <= WN_MONEY_MAX) ||
            !(e->effect_se > 0 && e->effect_se <= WN_MONEY_MAX))
            return bad(why, entity, "experiments", i, "needs an effect and an error above 0");
    }
    return WN_OK;
}

static wn_rc check_options(const struct wn_curve_options *o, struct wn_why *why)
{
    if (!(o->decay_ratio >= 0 && o->decay_ratio <= 1))
        return wn_fail(why, WN_INVALID, "decay_ratio", "decay_ratio must be from 0 to 1");
    if (!(o->reported_factor >= 0 && o->reported_factor <= 100))
        return wn_fail(why, WN_INVALID, "reported_factor", "reported_factor must be from 0 to 100");
    if (!(o->reported_log_sd >= 0 && o->reported_log_sd <= 2))
        return wn_fail(why, WN_INVALID, "reported_log_sd", "reported_log_sd must be from 0 to 2");
    return WN_OK;
}

/* ---- history to steps ---------------------------------------------------------------------------
 */

static int by_day(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    /* Sums of doubles depend on their order: equal days are added in the order of their values, so
     * that shuffled rows give the same bytes. */
    if (x->spend != y->spend)
        return x->spend < y->spend ? -1 : 1;
    return x->revenue < y->revenue ? -1 : x->revenue > y->revenue;
}

/* Sorted rows with one row a day. Returns how many. */
static size_t gather_rows(const struct wn_history *h, struct row *rows)
{
    for (size_t i = 0; i < h->n; i++)
        rows[i] =
            (struct row){h->days[i], h->spend[i], h->revenue[i], h->arrived ? h->arrived[i] : 1};
    qsort(rows, h->n, sizeof *rows, by_day);
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (n && rows[n - 1].day == rows[i].day) {
            struct row *r = &rows[n - 1];
            r->spend += rows[i].spend;
            r->arrived = fmin(r->arrived, rows[i].arrived);
            r->revenue = isnan(r->revenue)        ? rows[i].revenue
                         : isnan(rows[i].revenue) ? r->revenue
                                                  : r->revenue + rows[i].revenue;
        } else {
            rows[n++] = rows[i];
        }
    }
    return n;
}

/* The step of a series: its smallest distance of two days. */
static int64_t step_days(const struct row *rows, size_t n)
{
    int64_t step = INT64_MAX;
    for (size_t i = 1; i < n; i++) {
        int64_t d = (int64_t)rows[i].day - rows[i - 1].day;
        step = d < step ? d : step;
    }
    return step == INT64_MAX ? 1 : step;
}

struct totals {
    double spend, revenue, n;
};

/* Spend and (mature) revenue of the steps whose revenue is known. */
static struct totals totals_of(const struct row *rows, size_t n)
{
    struct totals t = {0};
    for (size_t i = 0; i < n; i++)
        if (!isnan(rows[i].revenue)) {
            t.spend += rows[i].spend;
            t.revenue += rows[i].revenue / rows[i].arrived;
            t.n++;
        }
    return t;
}

static int weekday(int32_t day)
{
    int d = (int)(day % 7);
    return d < 0 ? d + 7 : d;
}

/* Fills fit->steps of one entity. */
static void make_steps(struct fit *f, const struct wn_history *h, struct entity_fit *e,
                       struct wn_curve *c)
{
    size_t n = gather_rows(h, f->rows);
    struct totals t = totals_of(f->rows, n);
    int64_t step = step_days(f->rows, n);
    double spend = 0, square = 0;
    c->spend_min = n ? INFINITY : 0;
    for (size_t i = 0; i < n; i++) {
        spend += f->rows[i].spend;
        c->spend_min = fmin(c->spend_min, f->rows[i].spend);
        c->spend_max = fmax(c->spend_max, f->rows[i].spend);
    }
    e->n = n;
    e->spend_scale = n ? spend / (double)n : 0;
    e->n_known = (size_t)t.n;
    e->revenue_scale = t.n > 0 && t.revenue > 0 ? t.revenue / t.n : e->spend_scale;
    e->own_roas = t.spend > 0 ? t.revenue / t.spend : 0;
    if (!(e->spend_scale > 0))
        return;
    size_t recent = n < RECENT_STEPS ? n : RECENT_STEPS;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &f->rows[i];
        double u = r->spend / e->spend_scale;
        square += sq(u - 1);
        if (i + recent >= n)
            c->spend_now += r->spend / (double)recent;
        f->steps[i] = (struct step){
            .spend = u,
            .revenue = r->revenue / r->arrived / e->revenue_scale,
            /* Revenue of larger days varies more: variance between constant and proportional. */
            .weight = r->arrived / (.25 + .75 * fmin(u, 4)),
            .season = step == 1 ? f->season[h->group][weekday(r->day)] : 1,
            .age = floor((double)((int64_t)f->rows[n - 1].day - r->day) / (double)step),
            .gap = i ? (int32_t)(((int64_t)r->day - f->rows[i - 1].day + step / 2) / step) : 1};
    }
    c->spend_mean = e->spend_scale;
    c->spend_cv = sqrt(square / (double)n);
    c->n_observed = (uint32_t)(e->n_known > UINT32_MAX ? UINT32_MAX : e->n_known);
}

/* ---- groups: pooled ROAS and weekday profile -----------------------------------------------------
 */

static wn_rc pool_groups(struct fit *f, const struct wn_history *h, size_t n)
{
    struct totals *all = WN_ARENA_ARRAY(&f->scratch, f->n_groups, struct totals);
    struct totals(*days)[7] = wn_arena_array(&f->scratch, f->n_groups, sizeof *days);
    if (!all || !days)
        return WN_MEMORY;
    for (size_t i = 0; i < n; i++) {
        size_t m = gather_rows(&h[i], f->rows);
        struct totals t = totals_of(f->rows, m), *sum = &all[h[i].group];
        sum->spend += t.spend;
        sum->revenue += t.revenue;
        sum->n += t.n;
        if (f->options->no_season || m < SEASON_DAYS_MIN || step_days(f->rows, m) != 1 ||
            !(t.revenue > 0) || !(t.spend > 0))
            continue;
        for (size_t k = 0; k < m; k++) {
            const struct row *r = &f->rows[k];
            struct totals *d = &days[h[i].group][weekday(r->day)];
            if (isnan(r->revenue) || !(r->spend > 0))
                continue;
            /* Each entity counts as one, whatever its size and currency. */
            d->spend += r->spend / t.spend;
            d->revenue += r->revenue / r->arrived / t.revenue;
            d->n++;
        }
    }
    for (uint32_t g = 0; g < f->n_groups; g++) {
        f->group_roas[g] = all[g].spend > 0 ? all[g].revenue / all[g].spend : 0;
        for (int d = 0; d < 7; d++) {
            const struct totals *t = &days[g][d];
            double factor = t->spend > 0 ? t->revenue / t->spend : 1;
            f->season[g][d] =
                fmin(fmax((t->n * factor + SEASON_DAYS) / (t->n + SEASON_DAYS), .2), 5);
        }
    }
    return WN_OK;
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

/* ---- residuals that hang together -----------------------------------------------------------------
 */

enum { LAGS_MAX = 28 };

/* How many dependent steps are worth one: 1 + 2 * the sum of the autocorrelations of the residuals
 * of the likeliest cell, up to the first that chance explains (2 / sqrt(n)). Seasons, competitors
 * and tired creatives move revenue for days on end; without this, intervals would promise too
 * much. Source: Geyer, Statistical Science 7(4), 1992 (initial sequences). */
static double inflation(struct fit *f, const struct entity_fit *e, int cell, double gain,
                        double base)
{
    double *r = f->residuals, stock = 0, h[CURVE_SHAPES], variance = 0, sum = 1;
    double carry = f->grid.carry[cell / CURVE_SHAPES], n = (double)e->n_known;
    size_t m = 0;
    for (size_t t = 0; t < e->n; t++) {
        const struct step *s = &f->steps[t];
        stock = t == 0 ? s->spend : pow(carry, s->gap) * stock + (1 - carry) * s->spend;
        if (isnan(s->revenue))
            continue;
        curve_shapes_at(&f->grid, stock, h);
        double is = base + gain * s->season * h[cell % CURVE_SHAPES];
        r[m] = sqrt(s->weight) * (s->revenue - is);
        variance += r[m] * r[m] / n;
        m++;
    }
    if (m < 14 || !(variance > 0))
        return 1;
    for (size_t lag = 1; lag <= LAGS_MAX && lag < m / 3; lag++) {
        double rho = 0;
        for (size_t t = lag; t < m; t++)
            rho += r[t] * r[t - lag] / (variance * (double)m);
        if (rho < 2 / sqrt(n))
            break;
        sum += 2 * rho;
    }
    return sum;
}

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

/* Makes dependent steps count less. */
static void account_for_dependence(struct fit *f, const struct entity_fit *e, struct sums *cells,
                                   struct shared_sums *all)
{
    double least = INFINITY;
    int cell = 0;
    for (int c = 0; c < CURVE_CELLS; c++) {
        double rss = residual(&cells[c], all, f->options->with_base);
        if (rss < least) {
            least = rss;
            cell = c;
        }
    }
    double noise = fmax(least, 1e-10) / fmax(all->n - 1, 1);
    struct posterior p =
        regress(&cells[cell], all, prior_return(f, e, cell), noise, f->options->with_base);
    weaken(cells, all, 1 / inflation(f, e, cell, p.mean, p.base));
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
    make_steps(f, h, e, out);
    out->is_empty = !(e->spend_scale > 0);
    if (out->is_empty)
        return;
    double group = f->group_roas[h->group], n = (double)e->n_known;
    double roas = (n * e->own_roas + POOL_STEPS * group) / (n + POOL_STEPS);
    e->prior_at_mean = fmax(roas * e->spend_scale / e->revenue_scale, 1e-6);
    int d = choose_decay(f, e, &st);
    account_for_dependence(f, e, st.cells[d], &st.all[d]);
    integrate_noise(f, e, at, st.cells[d], &st.all[d], out);
    out->prior_weight = POOL_STEPS / (POOL_STEPS + st.all[d].w);
    apply_report_bias(f, at);
    for (size_t i = 0; i < h->n_experiments; i++)
        apply_experiment(f, e, at, &h->experiments[i]);
    out->base = f->base[at];
    out->is_identified =
        h->n_experiments > 0 || (out->spend_cv >= .1 && e->n_known >= RECENT_STEPS);
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
        for (size_t c = 0; c < CURVE_CELLS; c++) {
            b.mean[c] = (double)f->mean[i * CURVE_CELLS + c] * e[i].revenue_scale;
            b.sd[c] = (double)f->sd[i * CURVE_CELLS + c] * e[i].revenue_scale;
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
        wn_rc rc = check_history(&h[i], i, why);
        if (rc)
            return rc;
        if (h[i].group >= GROUPS_MAX)
            return bad(why, i, "group", 0, "must be below 1000000");
        f->n_groups = h[i].group >= f->n_groups ? h[i].group + 1 : f->n_groups;
        longest = h[i].n > longest ? h[i].n : longest;
        rows = h[i].n > WN_HISTORY_ROWS_MAX ? SIZE_MAX : rows + h[i].n;
        if (rows > WN_HISTORY_ROWS_MAX)
            return wn_fail(why, WN_LIMIT, NULL, "more than %d rows", WN_HISTORY_ROWS_MAX);
    }
    f->rows = WN_ARENA_ARRAY(&f->scratch, longest, struct row);
    f->steps = WN_ARENA_ARRAY(&f->scratch, longest, struct step);
    f->residuals = WN_ARENA_ARRAY(&f->scratch, longest, double);
    f->log_evidence = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->mean = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->sd = WN_ARENA_ARRAY(&f->scratch, n * CURVE_CELLS, float);
    f->base = WN_ARENA_ARRAY(&f->scratch, n, double);
    f->group_roas = WN_ARENA_ARRAY(&f->scratch, f->n_groups, double);
    f->season = wn_arena_array(&f->scratch, f->n_groups, sizeof *f->season);
    f->cell_prior = WN_ARENA_ARRAY(&f->scratch, (size_t)f->n_groups * CURVE_CELLS, double);
    if (!f->rows || !f->steps || !f->residuals || !f->log_evidence || !f->mean || !f->sd ||
        !f->base || !f->group_roas || !f->season || !f->cell_prior)
        return WN_MEMORY;
    return WN_OK;
}

wn_rc wn_curves_fit(struct wn_arena *a, const struct wn_history *histories, size_t n,
                    const struct wn_curve_options *options, struct wn_curve **out,
                    struct wn_why *why)
{
    static const struct wn_curve_options defaults = {0};
    struct fit f = {.options = options ? options : &defaults};
    wn_rc rc = check_options(f.options, why);
    if (!rc && n > WN_ENTITIES_MAX)
        rc = wn_fail(why, WN_LIMIT, NULL, "more than %d entities", WN_ENTITIES_MAX);
    if (rc)
        return rc;
    wn_arena_init(&f.scratch, a->max_bytes);
    struct wn_curve *curves = WN_ARENA_ARRAY(a, n, struct wn_curve);
    struct entity_fit *e = WN_ARENA_ARRAY(&f.scratch, n, struct entity_fit);
    curve_grid_init(&f.grid);
    rc = !curves || !e ? WN_MEMORY : prepare(&f, histories, n, why);
    if (!rc)
        rc = pool_groups(&f, histories, n);
    for (size_t i = 0; i < n && !rc; i++)
        fit_entity(&f, &histories[i], i, &e[i], &curves[i]);
    if (!rc)
        rc = share_priors(&f, histories, n, curves);
    if (!rc)
        rc = build_all(a, &f, histories, n, e, curves);
    wn_arena_deinit(&f.scratch);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory for %zu curves", n);
    if (!rc)
        *out = curves;
    return rc;
}
