/* What customers will bring: expectations, paths, sums, and what a new one may cost. */
#include "learn/conformal.h"
#include "learn/linalg.h"
#include "learn/ltv_int.h"
#include "learn/special.h"
#include "learn/sums.h"

#include "core/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPREAD_DRAWS = 64,   /* of the parameters, for the spread of a sum */
    SPREAD_SAMPLE = 100, /* customers of a channel that stand for all there */
    NEW_DRAWS = 200,     /* of the parameters, for a new customer */
    MONTHS_MAX = 120     /* steps of the discount; longer horizons have longer steps */
};

struct draw {
    double rates[LTV_RATES];
    double p, q, v;
};

struct place {
    const struct wn_ltv_customer *c;
};

struct job {
    const struct wn_ltv_model *model;
    struct wn_ltv_plan plan; /* with defaults in place */
    uint64_t seed;
    struct place *order; /* [n]: equal customers side by side, by channel */
    const struct wn_ltv_customer *customers;
    size_t n, n_done;
    struct draw *draws;      /* [max(n_draws, NEW_DRAWS)], of the channel at work */
    double *paths;           /* [2][n_draws] */
    double *curves[2];       /* [NEW_DRAWS + 1][n_months + 1], of a channel and of all */
    double variance;         /* of the sum of values, so far, of the channel at work */
    double *sums, *all_sums; /* [SPREAD_DRAWS], of a channel and of all, over the parameters */
    size_t n_steps;          /* of the discount */
    size_t n_months;
    double log_discount; /* of one unit of time */
};

/* ---- drawing parameters -------------------------------------------------------------------------
 */

/* L of the precision L L', whose L'^-1 z has the covariance. */
static wn_rc precision_factor(const double *covariance, size_t n, double *factor)
{
    double saved[LTV_RATES_PACKED];
    wn_rc rc = wn_ltv_inverse(covariance, n, factor);
    return rc ? rc : wn_chol_factor(factor, n, saved, NULL);
}

/* Adds a draw to the mean in u. */
static void add_draw(const double *factor, size_t n, struct wn_rand *r, double *u)
{
    const double away_max = 4;
    double z[LTV_RATES] = {0};
    for (size_t i = 0; i < n; i++)
        z[i] = wn_rand_normal(r);
    wn_chol_backward(factor, n, z);
    for (size_t i = 0; i < n; i++)
        u[i] += fmax(fmin(z[i], away_max), -away_max);
}

/* n draws of the parameters of a channel; those of money are the same for all channels. */
static wn_rc draw_parameters(const struct job *job, size_t channel, size_t n, struct draw *out)
{
    const struct wn_ltv_rates *rates = &job->model->channels[channel];
    const struct wn_ltv_money *money = &job->model->money;
    double rates_factor[LTV_RATES_PACKED], money_factor[LTV_MONEY_PACKED];
    struct wn_rand own, common;
    wn_rand_init(&own, wn_rand_mix(job->seed, channel + 1));
    wn_rand_init(&common, job->seed);
    wn_rc rc = precision_factor(rates->covariance, LTV_RATES, rates_factor);
    if (!rc && money->is_known)
        rc = precision_factor(money->covariance, LTV_MONEY, money_factor);
    for (size_t d = 0; d < n && !rc; d++) {
        double u[LTV_RATES];
        for (size_t i = 0; i < LTV_RATES; i++)
            u[i] = log(rates->theta[i]);
        add_draw(rates_factor, LTV_RATES, &own, u);
        for (size_t i = 0; i < LTV_RATES; i++)
            out[d].rates[i] = exp(u[i]);
        if (!money->is_known)
            continue;
        double w[LTV_MONEY] = {log(money->p), log(money->q - LTV_Q_FLOOR), log(money->v)};
        add_draw(money_factor, LTV_MONEY, &common, w);
        out[d].p = exp(w[0]);
        out[d].q = LTV_Q_FLOOR + exp(w[1]);
        out[d].v = exp(w[2]);
    }
    return rc;
}

static struct wn_ltv_money drawn_money(const struct wn_ltv_money *money, const struct draw *d)
{
    struct wn_ltv_money m = *money;
    m.p = d->p;
    m.q = d->q;
    m.v = d->v;
    return m;
}

/* ---- expectations -------------------------------------------------------------------------------
 */

/* Expected purchases until the horizon, and *discounted: each worth what it is worth now. */
static double expected(const struct job *job, const double *theta, const struct wn_ltv_customer *c,
                       double *discounted)
{
    double before = 0, step = job->plan.horizon / (double)job->n_steps;
    *discounted = 0;
    for (size_t k = 1; k <= job->n_steps; k++) {
        double until = step * (double)k, sum = wn_ltv_expected(job->model->kind, theta, c, until);
        sum = fmax(sum, before); /* rounding */
        *discounted += (sum - before) * exp(-job->log_discount * (until - .5 * step));
        before = sum;
    }
    return before;
}

/* ---- paths --------------------------------------------------------------------------------------
 */

/* Purchases until they leave or the horizon is reached; *worth: the same, discounted. rate: of
 * purchases. leave_chance: after each purchase (BG/NBD); ends: when they leave (Pareto/NBD). */
static double walk(const struct job *job, double rate, double leave_chance, double ends,
                   struct wn_rand *r, double *worth)
{
    enum { SINGLY_MAX = 64 };
    const double many = 1e12;
    double until = fmin(job->plan.horizon, ends), t = 0;
    *worth = 0;
    for (int k = 0; k < SINGLY_MAX; k++) {
        t += wn_rand_exponential(r) / rate;
        if (!(t < until))
            return k;
        *worth += exp(-job->log_discount * t);
        if (leave_chance > 0 && wn_rand_uniform(r) < leave_chance)
            return k + 1;
    }
    /* The rest at once: so many by chance, but no more than until they leave. */
    double n = (double)wn_rand_poisson(r, fmin(rate * (until - t), many)), share = 1;
    if (leave_chance > 0) {
        double stay = 1 + floor(log(wn_rand_open(r)) / log1p(-leave_chance));
        if (stay < n) {
            share = stay / n;
            n = stay;
        }
    }
    *worth += n * exp(-job->log_discount * (t + .5 * share * (until - t)));
    return SINGLY_MAX + n;
}

/* One path of a customer: what they bring, and *usual: what customers with their rates bring. */
static double path(const struct job *job, const struct draw *d, const struct wn_ltv_customer *c,
                   double level, double fade, struct wn_rand *r, double *usual)
{
    const double *theta = d->rates;
    double horizon = job->plan.horizon, worth, n, mean_n;
    *usual = 0;
    if (wn_rand_uniform(r) >= wn_ltv_alive(job->model->kind, theta, c))
        return 0;
    double rate = exp(wn_rand_log_gamma(r, theta[0] + c->frequency)) / (theta[1] + c->age);
    if (!(rate > 1e-300))
        return 0;
    if (job->model->kind == WN_LTV_BGNBD) {
        double chance = wn_rand_beta(r, theta[2], theta[3] + c->frequency);
        n = walk(job, rate, chance, INFINITY, r, &worth);
        mean_n = chance > 1e-290 ? -expm1(-rate * chance * horizon) / chance : rate * horizon;
    } else {
        double leaving = exp(wn_rand_log_gamma(r, theta[2])) / (theta[3] + c->age);
        n = walk(job, rate, 0, wn_rand_exponential(r) / fmax(leaving, 1e-290), r, &worth);
        mean_n = leaving > 1e-290 ? -rate * expm1(-leaving * horizon) / leaving : rate * horizon;
    }
    if (!job->model->money.is_known)
        return 0;
    bool has_value = c->frequency > 0 && c->monetary > 0;
    double x = has_value ? fmin(c->frequency, LTV_X_ENOUGH) : 0;
    double log_nu = wn_rand_log_gamma(r, d->q + d->p * x) - log(d->v + x * c->monetary / level);
    double scale = job->plan.margin_ratio * level;
    *usual = fmin(mean_n * fade * scale * d->p * exp(-log_nu), 1e300);
    if (!(n > 0))
        return 0;
    return fmin(exp(wn_rand_log_gamma(r, d->p * n) - log_nu) * worth / n * scale, 1e300);
}

/* A seed from what the customer is, so that the order of customers does not matter. */
static uint64_t seed_of(const struct job *job, const struct wn_ltv_customer *c)
{
    double numbers[4] = {c->frequency, c->recency, c->age, c->monetary};
    for (size_t i = 0; i < 4; i++)
        numbers[i] += 0.0; /* -0 is 0 */
    return wn_hash((struct wn_str){(const char *)numbers, sizeof numbers}, job->seed);
}

/* Interval and bid from the paths; gives the variance of the value. fade: the share that the
 * discount leaves of what is to come. */
static double run_paths(const struct job *job, const struct wn_ltv_customer *c, double fade,
                        struct wn_ltv_prediction *p)
{
    size_t n = job->plan.n_draws, cut = (size_t)(.5 * (1 - job->plan.level) * (double)(n - 1));
    double *seen = job->paths, *usual = job->paths + n;
    double level = wn_ltv_level(&job->model->money, c);
    struct wn_moments moments = {0};
    struct wn_rand r;
    wn_rand_init(&r, seed_of(job, c));
    for (size_t d = 0; d < n; d++) {
        seen[d] = path(job, &job->draws[d], c, level, fade, &r, &usual[d]);
        wn_moments_add(&moments, seen[d], 1);
    }
    p->bid = wn_select(usual, n, (size_t)(job->plan.bid_quantile * (double)(n - 1)));
    p->low = wn_select(seen, n, cut);
    p->high = wn_select(seen, n, n - 1 - cut);
    return wn_moments_variance_unbiased(&moments);
}

/* ---- customers ----------------------------------------------------------------------------------
 */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_customer(const void *a, const void *b)
{
    const struct wn_ltv_customer *x = ((const struct place *)a)->c;
    const struct wn_ltv_customer *y = ((const struct place *)b)->c;
    if (x->channel != y->channel)
        return x->channel < y->channel ? -1 : 1;
    int order = compare(x->frequency, y->frequency);
    order = order ? order : compare(x->age, y->age);
    order = order ? order : compare(x->recency, y->recency);
    return order ? order : compare(x->monetary, y->monetary);
}

static struct wn_ltv_prediction predict_one(struct job *job, const struct wn_ltv_customer *c,
                                            double n_equal)
{
    const struct wn_ltv_model *m = job->model;
    const double *theta = m->channels[c->channel].theta;
    struct wn_ltv_prediction p = {.alive = wn_ltv_alive(m->kind, theta, c),
                                  .mean_value = wn_ltv_mean_value(&m->money, c)};
    double discounted;
    p.purchases = expected(job, theta, c, &discounted);
    p.value = fmin(discounted * p.mean_value * job->plan.margin_ratio, 1e300);
    if (job->plan.n_draws && m->money.is_known) {
        double fade = p.purchases > 0 ? discounted / p.purchases : 1;
        job->variance += n_equal * fmin(run_paths(job, c, fade, &p), 1e300);
    }
    return p;
}

static void add_total(struct wn_ltv_total *t, const struct wn_ltv_prediction *p, double n)
{
    t->n_customers += (size_t)n;
    t->alive += n * p->alive;
    t->purchases += n * p->purchases;
    t->value += n * p->value;
}

static wn_rc predict_channel(struct job *job, size_t from, size_t to, struct wn_ltv_prediction *out,
                             struct wn_ltv_total *total, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    if (job->plan.n_draws)
        rc = draw_parameters(job, job->order[from].c->channel, job->plan.n_draws, job->draws);
    if (rc)
        return wn_fail(why, WN_INVALID, "model", "its covariance is none");
    for (size_t i = from, end; i < to; i = end) {
        const struct wn_ltv_customer *c = job->order[i].c;
        for (end = i + 1; end < to && by_customer(&job->order[i], &job->order[end]) == 0; end++)
            ;
        struct wn_ltv_prediction p = predict_one(job, c, (double)(end - i));
        for (size_t k = i; k < end; k++)
            out[job->order[k].c - job->customers] = p;
        add_total(total, &p, (double)(end - i));
        if ((job->n_done + end - from) / 256 != (job->n_done + i - from) / 256 &&
            job->plan.on_progress &&
            !job->plan.on_progress(job->plan.context, job->n_done + end - from, job->n))
            return wn_fail(why, WN_CANCELLED, NULL, "the prediction was cancelled");
    }
    job->n_done += to - from;
    return WN_OK;
}

/* ---- sums ---------------------------------------------------------------------------------------
 */

/* What a customer is worth, before margin and discount, by each draw of the parameters; gives the
 * same by the parameters as fitted. */
static double value_by_draw(const struct job *job, const struct wn_ltv_customer *c, double *out)
{
    const struct wn_ltv_model *m = job->model;
    for (size_t d = 0; d < SPREAD_DRAWS; d++) {
        struct wn_ltv_money money = drawn_money(&m->money, &job->draws[d]);
        out[d] = wn_ltv_expected(m->kind, job->draws[d].rates, c, job->plan.horizon) *
                 wn_ltv_mean_value(&money, c);
    }
    return wn_ltv_expected(m->kind, m->channels[c->channel].theta, c, job->plan.horizon) *
           wn_ltv_mean_value(&m->money, c);
}

/* How the sum of a channel moves with the parameters: some customers, evenly spaced, stand for all.
 * sums [SPREAD_DRAWS]: relative to the channel's value. */
static wn_rc spread_of(const struct job *job, size_t from, size_t to, double value, double *sums)
{
    size_t most = 20000 / job->model->n_channels, n_sample = to - from;
    most = most < 10 ? 10 : most > SPREAD_SAMPLE ? SPREAD_SAMPLE : most;
    n_sample = n_sample < most ? n_sample : most;
    wn_rc rc = draw_parameters(job, job->order[from].c->channel, SPREAD_DRAWS, job->draws);
    double best = 0, own_best = 0, own[SPREAD_DRAWS] = {0};
    memset(sums, 0, SPREAD_DRAWS * sizeof *sums);
    for (size_t k = 0, last = 0; k < n_sample && !rc; k++) {
        size_t at = from + k * (to - from) / n_sample;
        if (k == 0 || by_customer(&job->order[at], &job->order[last]) != 0)
            own_best = value_by_draw(job, job->order[at].c, own);
        last = at;
        best += own_best;
        for (size_t d = 0; d < SPREAD_DRAWS; d++)
            sums[d] += own[d];
    }
    for (size_t d = 0; d < SPREAD_DRAWS; d++)
        sums[d] = best > 0 ? fmin(sums[d] / best, 1e6) * value : 0;
    return rc;
}

/* The interval of a sum of many independent values whose parameters are uncertain. */
static void close_total(const struct job *job, double variance, const double *sums,
                        struct wn_ltv_total *t)
{
    struct wn_moments m = {0};
    for (size_t d = 0; d < SPREAD_DRAWS; d++)
        wn_moments_add(&m, sums[d], 1);
    double half = wn_normal_quantile(.5 + .5 * job->plan.level) *
                  sqrt(fmin(variance + wn_moments_variance_unbiased(&m), 1e300));
    t->low = fmax(t->value - half, 0);
    t->high = t->value + half;
}

/* ---- a new customer -----------------------------------------------------------------------------
 */

/* What a new customer has brought by each month, with given parameters. */
static void curve_of(const struct job *job, const double *theta, const struct wn_ltv_money *money,
                     uint32_t channel, double *curve)
{
    const struct wn_ltv_customer fresh = {.channel = channel};
    const struct wn_ltv_plan *plan = &job->plan;
    double mean = wn_ltv_mean_value(money, &fresh), before = 0;
    double first = plan->first_value && isfinite(plan->first_value[channel])
                       ? plan->first_value[channel]
                       : mean;
    double step = plan->horizon / (double)job->n_months;
    curve[0] = first * plan->margin_ratio;
    for (size_t k = 1; k <= job->n_months; k++) {
        double until = step * (double)k;
        double sum = fmax(wn_ltv_expected_new(job->model->kind, theta, until), before);
        curve[k] = curve[k - 1] + (sum - before) * mean * plan->margin_ratio *
                                      exp(-job->log_discount * (until - .5 * step));
        before = sum;
    }
}

/* When a curve reaches the cost; < 0 = not within the horizon. */
static double payback_of(const struct job *job, const double *curve)
{
    double cost = job->plan.cost, step = job->plan.horizon / (double)job->n_months;
    if (curve[0] >= cost)
        return 0;
    for (size_t k = 1; k <= job->n_months; k++)
        if (curve[k] >= cost)
            return step * ((double)k - (curve[k] - cost) / (curve[k] - curve[k - 1]));
    return -1;
}

/* The q-quantile of those values, where < 0 stands for "later than all". */
static double late_quantile(double *values, size_t n, double q)
{
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] < 0 ? INFINITY : values[i];
    double value = wn_select(values, n, (size_t)(q * (double)(n - 1)));
    return isfinite(value) ? value : -1;
}

/* From curves [1 + NEW_DRAWS], the first of the parameters as fitted. */
static void close_new(const struct job *job, const double *curves, struct wn_ltv_total *t)
{
    size_t width = job->n_months + 1;
    double values[NEW_DRAWS], paybacks[NEW_DRAWS], tail = .5 * (1 - job->plan.level), paid = 0;
    bool has_cost = job->plan.cost > 0;
    for (size_t d = 0; d < NEW_DRAWS; d++) {
        const double *curve = curves + (d + 1) * width;
        values[d] = curve[job->n_months];
        paybacks[d] = has_cost ? payback_of(job, curve) : -1;
        paid += paybacks[d] >= 0;
    }
    size_t cut = (size_t)(tail * (NEW_DRAWS - 1));
    t->new_value = curves[job->n_months];
    t->new_low = fmin(wn_select(values, NEW_DRAWS, cut), t->new_value);
    t->new_high = fmax(wn_select(values, NEW_DRAWS, NEW_DRAWS - 1 - cut), t->new_value);
    t->max_bid = wn_select(values, NEW_DRAWS, (size_t)(job->plan.bid_quantile * (NEW_DRAWS - 1)));
    t->payback = has_cost ? payback_of(job, curves) : -1;
    t->payback_probability = has_cost ? paid / NEW_DRAWS : 0;
    t->payback_low = late_quantile(paybacks, NEW_DRAWS, tail);
    t->payback_high = late_quantile(paybacks, NEW_DRAWS, 1 - tail);
}

/* The curves of a channel, added to those of all by its share of the customers. */
static wn_rc new_customer(const struct job *job, size_t channel, struct wn_ltv_total *t,
                          struct wn_ltv_total *all)
{
    const struct wn_ltv_model *m = job->model;
    size_t width = job->n_months + 1;
    double share = (double)t->n_customers / (double)job->n;
    wn_rc rc = draw_parameters(job, channel, NEW_DRAWS, job->draws);
    if (rc)
        return rc;
    for (size_t d = 0; d <= NEW_DRAWS; d++) {
        struct wn_ltv_money money = d ? drawn_money(&m->money, &job->draws[d - 1]) : m->money;
        curve_of(job, d ? job->draws[d - 1].rates : m->channels[channel].theta, &money,
                 (uint32_t)channel, job->curves[0] + d * width);
    }
    for (size_t i = 0; i < (NEW_DRAWS + 1) * width; i++)
        job->curves[1][i] += share * job->curves[0][i];
    t->new_purchases = wn_ltv_expected_new(m->kind, m->channels[channel].theta, job->plan.horizon);
    all->new_purchases += share * t->new_purchases;
    close_new(job, job->curves[0], t);
    return WN_OK;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

static wn_rc total_channel(const struct job *job, size_t channel, size_t from, size_t to,
                           struct wn_ltv_total *t, struct wn_ltv_total *all)
{
    wn_rc rc = WN_OK;
    if (to > from) {
        rc = spread_of(job, from, to, t->value, job->sums);
        if (rc)
            return rc;
        close_total(job, job->variance, job->sums, t);
        for (size_t d = 0; d < SPREAD_DRAWS; d++)
            job->all_sums[d] += job->sums[d];
        all->n_customers += t->n_customers;
        all->alive += t->alive;
        all->purchases += t->purchases;
        all->value += t->value;
    }
    return new_customer(job, channel, t, all);
}

static wn_rc predict_all(struct job *job, struct wn_ltv_prediction *out,
                         struct wn_ltv_total *totals, struct wn_why *why)
{
    struct wn_ltv_total all = {0};
    double variance = 0;
    wn_rc rc = WN_OK;
    for (size_t k = 0, from = 0, to; k < job->model->n_channels && !rc; k++, from = to) {
        struct wn_ltv_total total = {0};
        for (to = from; to < job->n && job->order[to].c->channel == k; to++)
            ;
        job->variance = 0;
        if (to > from)
            rc = predict_channel(job, from, to, out, &total, why);
        if (!rc && totals && total_channel(job, k, from, to, &total, &all))
            rc = wn_fail(why, WN_INVALID, "model", "its covariance is none");
        variance += job->variance;
        if (!rc && totals)
            totals[k] = total;
    }
    if (rc || !totals)
        return rc;
    close_total(job, variance, job->all_sums, &all);
    close_new(job, job->curves[1], &all);
    totals[job->model->n_channels] = all;
    return WN_OK;
}

static wn_rc read_plan(const struct wn_ltv_plan *plan, struct job *job, struct wn_why *why)
{
    struct wn_ltv_plan p = *plan;
    p.units_per_year = p.units_per_year > 0 ? p.units_per_year : 365.2425 / 7;
    p.margin_ratio = p.margin_ratio > 0 ? p.margin_ratio : 1;
    p.level = p.level > 0 ? p.level : .8;
    p.bid_quantile = p.bid_quantile > 0 ? p.bid_quantile : .4;
    p.n_draws = p.n_draws == SIZE_MAX ? 500 : p.n_draws;
    if (!(p.horizon > 0 && p.horizon <= WN_LTV_TIME_MAX))
        return wn_fail(why, WN_INVALID, "horizon", "the horizon must be above 0");
    if (!(p.units_per_year <= WN_LTV_TIME_MAX) || !(p.margin_ratio <= 1) || !(p.level < 1) ||
        !(p.bid_quantile < 1))
        return wn_fail(why, WN_INVALID, "plan",
                       "margin is at most 1, level and bid quantile are below 1");
    if (!(p.discount_ratio >= 0 && p.discount_ratio <= 1e6))
        return wn_fail(why, WN_INVALID, "discount", "the discount must be 0 or more");
    if (!(p.cost >= 0 && p.cost <= WN_LTV_MONEY_MAX))
        return wn_fail(why, WN_INVALID, "cost", "the cost must be 0 or more");
    if (p.n_draws > WN_LTV_DRAWS_MAX)
        return wn_fail(why, WN_LIMIT, "draws", "at most %d draws", WN_LTV_DRAWS_MAX);
    for (size_t k = 0; p.first_value && k < job->model->n_channels; k++)
        if (isfinite(p.first_value[k]) && !(fabs(p.first_value[k]) <= WN_LTV_MONEY_MAX))
            return wn_fail(why, WN_INVALID, "first_value", "channel %zu: out of range", k + 1);
    job->plan = p;
    job->n_months = (size_t)fmin(fmax(ceil(p.horizon / p.units_per_year * 12), 1), MONTHS_MAX);
    job->n_steps = p.discount_ratio > 0 ? job->n_months : 1;
    job->log_discount = log1p(p.discount_ratio) / p.units_per_year;
    return WN_OK;
}

static wn_rc prepare(struct job *job, struct wn_arena *a)
{
    size_t n_draws = job->plan.n_draws > NEW_DRAWS ? job->plan.n_draws : NEW_DRAWS;
    size_t n_curve = (NEW_DRAWS + 1) * (job->n_months + 1);
    job->order = WN_ARENA_ARRAY(a, job->n, struct place);
    job->draws = WN_ARENA_ARRAY(a, n_draws, struct draw);
    job->paths = WN_ARENA_ARRAY(a, 2 * n_draws, double);
    job->sums = WN_ARENA_ARRAY(a, 2 * SPREAD_DRAWS, double);
    job->curves[0] = WN_ARENA_ARRAY(a, 2 * n_curve, double);
    if (!job->order || !job->draws || !job->paths || !job->sums || !job->curves[0])
        return WN_MEMORY;
    job->all_sums = job->sums + SPREAD_DRAWS;
    job->curves[1] = job->curves[0] + n_curve;
    for (size_t i = 0; i < job->n; i++)
        job->order[i].c = &job->customers[i];
    qsort(job->order, job->n, sizeof *job->order, by_customer);
    return WN_OK;
}

wn_rc wn_ltv_predict(const struct wn_ltv_model *model, const struct wn_ltv_customer *customers,
                     size_t n, const struct wn_ltv_plan *plan, struct wn_rand *r,
                     struct wn_ltv_prediction *out, struct wn_ltv_total *totals, struct wn_why *why)
{
    struct job job = {.model = model, .customers = customers, .n = n};
    struct wn_arena scratch;
    if (n == 0)
        return wn_fail(why, WN_INVALID, "customers", "there are no customers");
    wn_rc rc = wn_ltv_check_customers(customers, n, model->n_channels, why);
    if (!rc)
        rc = read_plan(plan, &job, why);
    if (rc)
        return rc;
    job.seed = wn_rand_u64(r);
    wn_arena_init(&scratch, 0);
    rc = prepare(&job, &scratch);
    if (rc)
        rc = wn_fail(why, rc, NULL, "there is no memory for %zu customers", n);
    else
        rc = predict_all(&job, out, totals, why);
    wn_arena_deinit(&scratch);
    return rc;
}
