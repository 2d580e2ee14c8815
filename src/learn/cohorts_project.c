/* Continues cohorts: who will buy, for how much, and when what they cost is paid back. */
#include "learn/cohorts_int.h"

#include "core/num.h"
#include "learn/linalg.h"
#include "learn/quantile.h"
#include "learn/shrink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS_MAX = 10000, DRAW_CELLS_MAX = 8000000 };

/* Mean and standard deviation of what one customer pays in one period. */
struct spend {
    double mean, sd;
};

/* What is expected of a cohort after its n_seen periods: customers buy in period k with chance
 * w * stayed[k]; sums over them of w, of w for two given periods, and of w squared. */
struct outlook {
    double one, two, square;
};

struct projector {
    const struct wn_cohorts *table;
    struct wn_cohort_options o;
    struct wn_rand *r;
    struct wn_arena scratch;
    size_t horizon, n_draws, n_points; /* points >= horizon + 1 */
    double *discount;                  /* [n_points] by period */
    double (*theta)[4];                /* [1 + n_draws]: the estimate, then draws */
    struct wn_bgbb_chances chances;    /* of one draw */
    double *stayed;                    /* [1 + n_draws][n_points] */
    struct outlook *outlooks;          /* [1 + n_draws][cohorts] */
    double n_drift;                    /* periods over which drift grows */
    double *shock;              /* [1 + n_draws] what the times do to purchases ahead, normal */
    struct spend first, *later; /* later [cohorts] */
    double *ltv, *retention;    /* [1 + n_draws][n_points] of one cohort, sums of customers */
    double *all_ltv, *all_retention; /* the same, of all cohorts */
    double *column;                  /* [n_draws] to sort */
    struct wn_cohorts_projection out;
};

/* ---- options ----------------------------------------------------------------------------------
 */

/* To the horizon, or as far as was observed. */
static size_t n_points_of(const struct wn_cohort_options *o, const struct wn_cohorts *table)
{
    size_t oldest = table->n ? table->cohorts[0].n_whole : 0;
    return oldest > o->horizon + 1 ? oldest : o->horizon + 1;
}

static wn_rc check_options(struct wn_cohort_options *o, const struct wn_cohorts *table,
                           const struct wn_rand *r, struct wn_why *why)
{
    o->horizon = o->horizon ? o->horizon : 12;
    o->n_draws = o->n_draws ? o->n_draws : 500;
    o->level = o->level != 0 ? o->level : .8;
    o->margin_ratio = o->margin_ratio != 0 ? o->margin_ratio : 1;
    const char *field = o->model != WN_COHORT_BGBB && o->model != WN_COHORT_SBG ? "model"
                        : !(o->half_life >= 0 && o->half_life <= 1e6)           ? "half_life"
                        : !(o->margin_ratio > 0 && o->margin_ratio <= 1e6)      ? "margin_ratio"
                        : !(o->yearly_discount_ratio >= 0 && o->yearly_discount_ratio <= 1e6)
                            ? "discount"
                        : !(o->cost >= 0 && o->cost <= 1e15) ? "cost"
                        : !(o->level > 0 && o->level < 1)    ? "level"
                        : !r                                 ? "r"
                                                             : NULL;
    if (field)
        return wn_fail(why, WN_INVALID, field, "%s is out of range", field);
    if (o->horizon > WN_COHORT_HORIZON_MAX || o->n_draws > DRAWS_MAX ||
        n_points_of(o, table) * o->n_draws > DRAW_CELLS_MAX)
        return wn_fail(why, WN_LIMIT, "horizon", "%zu periods with %u draws are too many",
                       n_points_of(o, table), o->n_draws);
    for (size_t i = 0; i < o->n_spend; i++)
        if (!(o->spend[i].amount >= 0 && o->spend[i].amount <= 1e15)) {
            if (why)
                why->line = i + 1;
            return wn_fail(why, WN_INVALID, "spend", "spend %zu must be from 0 to 1e15", i + 1);
        }
    return WN_OK;
}

static double periods_per_year(wn_cohort_period period)
{
    return period == WN_COHORT_WEEK ? 365.25 / 7 : period == WN_COHORT_MONTH ? 12 : 4;
}

static wn_rc make_arrays(struct projector *p, struct wn_arena *a)
{
    size_t n = p->table->n, cells = (1 + p->n_draws) * p->n_points, longest = 0;
    for (size_t c = 0; c < n; c++) {
        size_t n_seen = wn_cohort_n_seen(&p->table->cohorts[c]);
        longest = n_seen > longest ? n_seen : longest;
    }
    p->discount = WN_ARENA_ARRAY(&p->scratch, p->n_points, double);
    p->theta = wn_arena_array(&p->scratch, 1 + p->n_draws, sizeof *p->theta);
    p->later = WN_ARENA_ARRAY(&p->scratch, n, struct spend);
    p->ltv = WN_ARENA_ARRAY(&p->scratch, 4 * cells, double);
    p->column = WN_ARENA_ARRAY(&p->scratch, p->n_draws, double);
    p->stayed = WN_ARENA_ARRAY(&p->scratch, (1 + p->n_draws) * p->n_points, double);
    p->outlooks = WN_ARENA_ARRAY(&p->scratch, (1 + p->n_draws) * n, struct outlook);
    p->shock = WN_ARENA_ARRAY(&p->scratch, 1 + p->n_draws, double);
    p->out.cohorts = WN_ARENA_ARRAY(a, n, struct wn_cohort_projection);
    struct wn_cohort_point *points =
        WN_ARENA_ARRAY(a, (n + 1) * p->n_points, struct wn_cohort_point);
    if (!p->discount || !p->theta || !p->later || !p->ltv || !p->column || !p->stayed ||
        !p->outlooks || !p->out.cohorts || !points)
        return WN_MEMORY;
    p->retention = p->ltv + cells;
    p->all_ltv = p->ltv + 2 * cells;
    p->all_retention = p->ltv + 3 * cells;
    for (size_t c = 0; c < n; c++)
        p->out.cohorts[c].points = points + c * p->n_points;
    p->out.all.points = points + n * p->n_points;
    for (size_t k = 0; k < p->n_points; k++)
        p->discount[k] =
            pow(1 + p->o.yearly_discount_ratio, -(double)k / periods_per_year(p->table->period));
    return wn_bgbb_chances_init(&p->chances, &p->scratch, longest,
                                longest > p->n_points - 1 ? longest : p->n_points - 1);
}

/* ---- who stays ----------------------------------------------------------------------------------
 */

static double weight_of(const struct projector *p, const struct wn_cohort *c)
{
    return p->o.half_life > 0 ? exp2(-(double)wn_cohort_n_seen(c) / p->o.half_life) : 1;
}

static wn_rc fit_bgbb(struct projector *p, struct wn_why *why)
{
    size_t n = 0;
    for (size_t c = 0; c < p->table->n; c++)
        n += p->table->cohorts[c].n_groups;
    struct wn_cohort_group *groups = WN_ARENA_ARRAY(&p->scratch, n, struct wn_cohort_group);
    uint32_t *n_seen = WN_ARENA_ARRAY(&p->scratch, n, uint32_t);
    double *weights = WN_ARENA_ARRAY(&p->scratch, n, double);
    if (!groups || !n_seen || !weights)
        return WN_MEMORY;
    n = 0;
    for (size_t c = 0; c < p->table->n; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        for (size_t g = 0; g < cohort->n_groups; g++, n++) {
            groups[n] = cohort->groups[g];
            n_seen[n] = (uint32_t)wn_cohort_n_seen(cohort);
            weights[n] = weight_of(p, cohort);
        }
    }
    return wn_bgbb_fit(groups, n_seen, weights, n, &p->out.fit, why);
}

static wn_rc fit_sbg(struct projector *p, struct wn_why *why)
{
    size_t longest = p->chances.n;
    double *lost = WN_ARENA_ARRAY(&p->scratch, longest + 2, double);
    double *kept = WN_ARENA_ARRAY(&p->scratch, longest + 2, double);
    if (!lost || !kept)
        return WN_MEMORY;
    for (size_t c = 0; c < p->table->n; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        size_t n_seen = wn_cohort_n_seen(cohort);
        for (size_t g = 0; g < cohort->n_groups && n_seen; g++) {
            size_t last = cohort->groups[g].last;
            double weight = weight_of(p, cohort) * (double)cohort->groups[g].n_customers;
            if (last < n_seen)
                lost[last + 1] += weight;
            else
                kept[last] += weight;
        }
    }
    return wn_sbg_fit(lost, kept, longest, &p->out.fit, why);
}

static wn_rc fit(struct projector *p, struct wn_why *why)
{
    double factor[10], saved[10], step[4];
    struct wn_cohort_fit *f = &p->out.fit;
    size_t n = p->o.model == WN_COHORT_BGBB ? 4 : 2;
    for (size_t c = 0; c < p->table->n; c++)
        p->out.has_fit = p->out.has_fit || wn_cohort_n_seen(&p->table->cohorts[c]) > 0;
    f->model = p->o.model;
    if (!p->out.has_fit)
        return WN_OK;
    wn_rc rc = n == 4 ? fit_bgbb(p, why) : fit_sbg(p, why);
    if (rc)
        return rc;
    memcpy(p->theta[0], f->theta, sizeof p->theta[0]);
    memcpy(factor, f->covariance, sizeof factor);
    rc = wn_chol_factor(factor, n, saved, NULL);
    for (size_t d = 1; d <= p->n_draws && !rc; d++) {
        for (size_t i = 0; i < n; i++)
            step[i] = wn_rand_normal(p->r);
        wn_chol_mul(factor, n, step);
        for (size_t i = 0; i < n;
             i++) /* the normal's tails are no better than the search's walls */
            p->theta[d][i] = f->theta[i] * exp(fmin(fmax(step[i], -5), 5));
    }
    return rc;
}

static struct outlook look_ahead(const struct projector *p, const struct wn_cohort *c)
{
    struct outlook out = {0};
    struct wn_bgbb_gone gone = {0};
    size_t n_seen = wn_cohort_n_seen(c);
    for (size_t g = c->n_groups; g-- > 0;) { /* by n_bought, and falling last */
        const struct wn_cohort_group *group = &c->groups[g];
        size_t x = group->n_bought, y = n_seen - x;
        double one, two, n = (double)group->n_customers;
        if (g + 1 == c->n_groups || group[1].n_bought != x)
            gone = (struct wn_bgbb_gone){n_seen, 0};
        if (p->o.model == WN_COHORT_SBG) {
            double stayed = p->chances.stayed[n_seen];
            one = two = group->last == n_seen && stayed > 0 ? 1 / stayed : 0;
        } else {
            double chance = wn_bgbb_likelihood(&p->chances, x, group->last, n_seen, &gone);
            one = chance > 0 ? wn_bgbb_bought(&p->chances, x + 1, y) / chance : 0;
            two = chance > 0 ? wn_bgbb_bought(&p->chances, x + 2, y) / chance : 0;
        }
        out.one += n * one;
        out.two += n * two;
        out.square += n * one * one;
    }
    return out;
}

/* Every draw's chances to stay, and what they mean for every cohort. In sBG everybody who is there
 * buys. Without a fit nobody is expected. */
static void find_outlooks(struct projector *p)
{
    for (size_t d = 0; d <= p->n_draws && p->out.has_fit; d++) {
        const double *theta = p->theta[d], sbg[4] = {1, 1, theta[0], theta[1]};
        wn_bgbb_chances_fill(&p->chances, p->o.model == WN_COHORT_BGBB ? theta : sbg);
        memcpy(p->stayed + d * p->n_points, p->chances.stayed, p->n_points * sizeof *p->stayed);
        for (size_t c = 0; c < p->table->n; c++)
            p->outlooks[d * p->table->n + c] = look_ahead(p, &p->table->cohorts[c]);
    }
}

/* How far the purchases of whole calendar periods lay from what the model says of them, beyond
 * chance: seasons, campaigns, and what the model does not know. Standard deviation of the log. */
static wn_rc find_shock_sd(struct projector *p)
{
    const struct wn_cohorts *t = p->table;
    size_t n = t->cohorts[0].n_periods, n_used = 0; /* the oldest cohort saw all */
    double *seen = WN_ARENA_ARRAY(&p->scratch, 2 * n, double), *expected = seen + n, sum = 0;
    const double *theta = p->out.fit.theta, *stayed = p->stayed;
    double buys = p->o.model == WN_COHORT_BGBB ? theta[0] / (theta[0] + theta[1]) : 1;
    if (!seen)
        return WN_MEMORY;
    for (size_t c = 0; c < t->n; c++) {
        const struct wn_cohort *cohort = &t->cohorts[c];
        for (size_t k = 1; k < cohort->n_whole && k < p->n_points; k++) {
            seen[n - cohort->n_periods + k] += (double)cohort->cells[k].n_active;
            expected[n - cohort->n_periods + k] += (double)cohort->n_customers * buys * stayed[k];
        }
    }
    for (size_t i = 0; i < n; i++)
        if (seen[i] >= 10 && expected[i] > 0) {
            double gap = log(seen[i] / expected[i]);
            sum += gap * gap - 1 / seen[i];
            n_used++;
        }
    /* The parameters went after the same periods. */
    double n_parameters = p->o.model == WN_COHORT_BGBB ? 4 : 2;
    double freedom = fmax((double)n_used - n_parameters, 1);
    p->n_drift = (double)n_used;
    p->out.shock_sd = n_used >= 3 ? sqrt(fmax(sum, 0) / freedom) : 0;
    return WN_OK;
}

/* The same for all cohorts of a draw. It grows with the root of the periods ahead, as a model goes
 * astray that is wrong by so much a period, for as many periods as were looked at. */
static wn_rc find_shocks(struct projector *p)
{
    wn_rc rc = p->out.has_fit ? find_shock_sd(p) : WN_OK;
    for (size_t d = 0; d <= p->n_draws; d++)
        p->shock[d] = d ? p->out.shock_sd * wn_rand_normal(p->r) : 0;
    return rc;
}

/* ---- for how much -------------------------------------------------------------------------------
 */

static double whole_units(int64_t micros)
{
    return (double)micros / WN_MICROS;
}

/* What a customer pays in the first period: the mean of the cohorts, and how they differ. */
static void find_first_spend(struct projector *p)
{
    double n = 0, sum = 0, squares = 0;
    for (size_t c = 0; c < p->table->n; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        if (!cohort->n_whole)
            continue;
        double customers = (double)cohort->n_customers;
        n += customers;
        sum += whole_units(cohort->cells[0].revenue_micros);
    }
    p->first.mean = n > 0 ? sum / n : 0;
    for (size_t c = 0; c < p->table->n && n > 0; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        double customers = (double)cohort->n_customers;
        double gap = whole_units(cohort->cells[0].revenue_micros) / customers - p->first.mean;
        squares += cohort->n_whole ? customers / n * gap * gap : 0;
    }
    p->first.sd = sqrt(squares);
}

/* What a buying customer pays in a later period: each cohort's mean, shrunk to that of all. */
static wn_rc find_later_spend(struct projector *p, struct wn_why *why)
{
    size_t n = p->table->n, n_nodes = 1;
    double active = 0, revenue = 0, variance = p->table->spend_sd * p->table->spend_sd;
    struct wn_shrink_node *nodes = WN_ARENA_ARRAY(&p->scratch, n + 1, struct wn_shrink_node);
    struct wn_shrunk *shrunk = WN_ARENA_ARRAY(&p->scratch, n + 1, struct wn_shrunk);
    uint32_t *cohort_of = WN_ARENA_ARRAY(&p->scratch, n + 1, uint32_t);
    if (!nodes || !shrunk || !cohort_of)
        return WN_MEMORY;
    nodes[0].count = NAN;
    for (size_t c = 0; c < n; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        double m = (double)cohort->n_active_later;
        active += m;
        revenue += cohort->revenue_later;
        if (m > 0 && variance > 0) {
            cohort_of[n_nodes] = (uint32_t)c;
            nodes[n_nodes++] = (struct wn_shrink_node){0, cohort->revenue_later / m, variance / m};
        }
    }
    double mean = active > 0 ? revenue / active : p->first.mean;
    p->out.spend_mean = mean;
    for (size_t c = 0; c < n; c++)
        p->later[c] = (struct spend){mean, active > 0 ? sqrt(variance / active) : p->first.sd};
    if (n_nodes < 3) /* one cohort, or all the same: nothing to borrow */
        return WN_OK;
    wn_rc rc = wn_shrink_values(&p->scratch, nodes, n_nodes, variance / active, shrunk, NULL, why);
    for (size_t c = 0; c < n && !rc; c++) /* a cohort that has not bought again is like all */
        p->later[c] = (struct spend){shrunk[0].mean, sqrt(shrunk[0].variance)};
    for (size_t i = 1; i < n_nodes && !rc; i++)
        p->later[cohort_of[i]] = (struct spend){shrunk[i].mean, sqrt(shrunk[i].variance)};
    return rc;
}

/* ---- one cohort ---------------------------------------------------------------------------------
 */

/* Row d of ltv and retention: 0 is the estimate, others are draws. Sums over the customers. */
static void project_row(struct projector *p, size_t c, size_t d)
{
    const struct wn_cohort *cohort = &p->table->cohorts[c];
    double *ltv = p->ltv + d * p->n_points, *retention = p->retention + d * p->n_points;
    double margin = p->o.margin_ratio, total = 0, n = (double)cohort->n_customers;
    double chance_money = d ? wn_rand_normal(p->r) : 0, chance_rate = d ? wn_rand_normal(p->r) : 0;
    double first = d ? wn_rand_normal(p->r) : 0;
    double mean = p->later[c].mean + p->later[c].sd * (d ? wn_rand_normal(p->r) : 0);
    double spend_var = p->table->spend_sd * p->table->spend_sd, weighed = 0;
    double bought = 0, shocked = 0, squared = 0,
           pairs = 0; /* of periods ahead: sums of discounted chances */
    double least = p->later[c].mean >= 0 ? 0 : -INFINITY; /* who only buys takes nothing back */
    struct outlook ahead = p->outlooks[d * p->table->n + c];
    const double *stays = p->stayed + d * p->n_points;
    for (size_t k = 0; k < p->n_points; k++) {
        double discount = p->discount[k], sd = 0;
        if (k < cohort->n_whole) {
            total += whole_units(cohort->cells[k].revenue_micros) * margin * discount;
            retention[k] = (double)cohort->cells[k].n_active;
        } else if (k == 0) { /* the period in which they came is not over */
            total += n * (p->first.mean + p->first.sd * first) * margin;
            retention[k] = n;
        } else {
            double stayed = stays[k], n_ahead = fmin((double)(k + 1 - cohort->n_whole), p->n_drift);
            double shock = exp(fmin(p->shock[d] * sqrt(n_ahead), 5));
            double expected = ahead.one * stayed * shock;
            double variance = fmax(ahead.one * stayed - ahead.square * stayed * stayed, 0);
            retention[k] = fmin(fmax(expected + chance_rate * sqrt(variance), 0), n);
            bought += discount * stayed;
            shocked += discount * stayed * shock;
            squared += discount * discount * stayed;
            pairs += discount * weighed * stayed;
            weighed += discount;
            double of_counts =
                ahead.one * squared + 2 * ahead.two * pairs - ahead.square * bought * bought;
            sd = sqrt(fmax(of_counts, 0) * mean * mean + ahead.one * squared * spend_var);
        }
        ltv[k] = total + margin * fmax(ahead.one * shocked * mean + chance_money * sd, least);
    }
}

static void read_points(struct projector *p, const double *ltv, const double *retention, double n,
                        size_t n_observed, struct wn_cohort_point *points)
{
    double tail = (1 - p->o.level) / 2;
    for (size_t k = 0; k < p->n_points; k++) {
        struct wn_cohort_point *point = &points[k];
        *point = (struct wn_cohort_point){
            .ltv = ltv[k] / n, .retention = retention[k] / n, .is_projected = k >= n_observed};
        const double *of[2] = {ltv, retention};
        double *low[2] = {&point->ltv_low, &point->retention_low};
        double *high[2] = {&point->ltv_high, &point->retention_high};
        double middle[2] = {point->ltv, point->retention};
        for (int i = 0; i < 2; i++) {
            *low[i] = *high[i] = middle[i];
            if (!point->is_projected)
                continue;
            for (size_t d = 0; d < p->n_draws; d++)
                p->column[d] = of[i][(d + 1) * p->n_points + k] / n;
            wn_quantile_sort(p->column, p->n_draws);
            *low[i] = fmin(middle[i], wn_quantile_sorted(p->column, p->n_draws, tail));
            *high[i] = fmax(middle[i], wn_quantile_sorted(p->column, p->n_draws, 1 - tail));
        }
    }
}

/* ---- payback ----------------------------------------------------------------------------------
 */

/* The first period with LTV of at least cost, or n_points. */
static size_t paid_at(const struct projector *p, const double *ltv, double cost)
{
    size_t k = 0;
    while (k < p->n_points && ltv[k] < cost)
        k++;
    return k;
}

static void find_payback(struct projector *p, const double *ltv, double n, size_t n_observed,
                         double cost, struct wn_payback *out)
{
    size_t n_paid = 0;
    double tail = (1 - p->o.level) / 2;
    out->has_cost = true;
    out->cost = cost;
    size_t observed = paid_at(p, ltv, cost * n);
    if (observed < n_observed) {
        *out = (struct wn_payback){true, cost, true, 1, observed, observed, observed};
        return;
    }
    for (size_t d = 0; d < p->n_draws; d++) {
        size_t at = paid_at(p, ltv + (d + 1) * p->n_points, cost * n);
        n_paid += at <= p->horizon;
        p->column[d] = (double)(at <= p->horizon ? at : p->horizon + 1);
    }
    wn_quantile_sort(p->column, p->n_draws);
    double last = (double)(p->n_draws - 1);
    out->probability = (double)n_paid / (double)p->n_draws;
    out->period = n_paid ? (size_t)p->column[(n_paid - 1) / 2] : p->horizon + 1;
    out->period_low = (size_t)p->column[(size_t)floor(tail * last)];
    out->period_high = (size_t)p->column[(size_t)ceil((1 - tail) * last)];
}

/* What one customer of the cohort cost. */
static double cost_of(const struct projector *p, const struct wn_cohort *c)
{
    double spend = 0;
    int32_t number = wn_cohort_period_of(p->table->period, c->first_day > 0 ? c->first_day : 0);
    for (size_t i = 0; i < p->o.n_spend; i++)
        if (p->o.spend[i].day >= c->first_day &&
            wn_cohort_period_of(p->table->period, p->o.spend[i].day) == number)
            spend += p->o.spend[i].amount;
    return p->o.n_spend ? spend / (double)c->n_customers : p->o.cost;
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static void project_all(struct projector *p)
{
    size_t cells = (1 + p->n_draws) * p->n_points, n_observed = p->n_points;
    double n_all = 0, cost_all = 0;
    bool has_cost = p->o.cost > 0 || p->o.n_spend > 0;
    for (size_t c = 0; c < p->table->n; c++) {
        const struct wn_cohort *cohort = &p->table->cohorts[c];
        struct wn_cohort_projection *out = &p->out.cohorts[c];
        double n = (double)cohort->n_customers;
        for (size_t d = 0; d <= p->n_draws; d++)
            project_row(p, c, d);
        for (size_t i = 0; i < cells; i++) {
            p->all_ltv[i] += p->ltv[i];
            p->all_retention[i] += p->retention[i];
        }
        out->n_observed = cohort->n_whole < p->n_points ? cohort->n_whole : p->n_points;
        n_observed = out->n_observed < n_observed ? out->n_observed : n_observed;
        n_all += n;
        read_points(p, p->ltv, p->retention, n, out->n_observed, out->points);
        if (has_cost) {
            find_payback(p, p->ltv, n, out->n_observed, cost_of(p, cohort), &out->payback);
            cost_all += n * out->payback.cost;
        }
    }
    p->out.all.n_observed = n_observed;
    if (!(n_all > 0))
        return;
    read_points(p, p->all_ltv, p->all_retention, n_all, n_observed, p->out.all.points);
    if (has_cost)
        find_payback(p, p->all_ltv, n_all, n_observed, cost_all / n_all, &p->out.all.payback);
}

wn_rc wn_cohorts_project(struct wn_arena *a, const struct wn_cohorts *table,
                         const struct wn_cohort_options *options, struct wn_rand *r,
                         struct wn_cohorts_projection *out, struct wn_why *why)
{
    struct projector p = {.table = table, .r = r};
    if (options)
        p.o = *options;
    wn_rc rc = check_options(&p.o, table, r, why);
    if (rc)
        return rc;
    p.horizon = p.out.horizon = p.o.horizon;
    p.n_draws = p.o.n_draws;
    p.n_points = p.out.n_points = n_points_of(&p.o, table);
    wn_arena_init(&p.scratch, a->max_bytes);
    rc = make_arrays(&p, a);
    if (!rc)
        rc = fit(&p, why);
    if (!rc) {
        find_outlooks(&p);
        rc = find_shocks(&p);
    }
    if (!rc) {
        find_first_spend(&p);
        rc = find_later_spend(&p, why);
    }
    if (!rc) {
        project_all(&p);
        *out = p.out;
    }
    wn_arena_deinit(&p.scratch);
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "there is no memory for the projection") : rc;
}
