/* Fitting: identical customers counted once, Newton's method on logarithms, channels around the
 * account. */
#include "learn/linalg.h"
#include "learn/ltv_int.h"
#include "learn/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WALL 9.3               /* of the logarithms, times scaled to a mean of 1: 1e-4 to 1e4 */
#define SIDE_BY_SIDE_MAX 20000 /* different customers that are fitted at once */

static const struct {
    const char *name, *words, *parameters[LTV_RATES];
    double centre[LTV_RATES]; /* start, and middle of the weak prior; times in mean ages */
} kinds[WN_LTV_KINDS] = {
    [WN_LTV_BGNBD] = {"bgnbd", "BG/NBD", {"r", "alpha", "a", "b"}, {.5, .5, .5, 2}},
    [WN_LTV_PNBD] = {"pnbd", "Pareto/NBD", {"r", "alpha", "s", "beta"}, {.5, .5, .5, .5}},
};

static const double prior_sd = 1.5;  /* of a logarithm, where the prior is used */
static const double channel_sd = .3; /* of a channel around the account */
static const double vague_sd = 2;    /* what a covariance says at most */
static const size_t n_enough = 500, n_repeat_enough = 30;

const char *wn_ltv_kind_name(wn_ltv_kind kind)
{
    return kinds[kind].name;
}

const char *wn_ltv_kind_words(wn_ltv_kind kind)
{
    return kinds[kind].words;
}

const char *wn_ltv_parameter_name(wn_ltv_kind kind, size_t i)
{
    return kinds[kind].parameters[i];
}

/* ---- checks -------------------------------------------------------------------------------------
 */

static const char *fault_of(const struct wn_ltv_customer *c, size_t n_channels, const char **field)
{
    *field = "frequency";
    if (!(c->frequency >= 0 && c->frequency <= WN_LTV_FREQUENCY_MAX) ||
        c->frequency != floor(c->frequency))
        return "must be a whole number from 0 to 1e9";
    *field = "age";
    if (!(c->age >= 0 && c->age <= WN_LTV_TIME_MAX))
        return "must be from 0 to 1e15";
    *field = "recency";
    if (!(c->recency >= 0 && c->recency <= c->age))
        return "must be from 0 to the age of the customer";
    if (c->recency > 0 && c->frequency <= 0)
        return "must be 0 where frequency is 0: it is the time from the first to the last purchase";
    *field = "monetary";
    if (!(c->monetary >= 0 && c->monetary <= WN_LTV_MONEY_MAX))
        return "must be from 0 to 1e15";
    *field = "channel";
    return c->channel < n_channels ? NULL : "must be below the number of channels";
}

wn_rc wn_ltv_check_customers(const struct wn_ltv_customer *customers, size_t n, size_t n_channels,
                             struct wn_why *why)
{
    const char *field, *fault;
    if (n > WN_LTV_CUSTOMERS_MAX)
        return wn_fail(why, WN_LIMIT, "customers", "there are more than %d customers",
                       WN_LTV_CUSTOMERS_MAX);
    if (n_channels > WN_LTV_CHANNELS_MAX)
        return wn_fail(why, WN_LIMIT, "channels", "there are more than %d channels",
                       WN_LTV_CHANNELS_MAX);
    for (size_t i = 0; i < n; i++) {
        fault = fault_of(&customers[i], n_channels, &field);
        if (!fault)
            continue;
        if (why && !why->text[0])
            why->line = i + 1;
        return wn_fail(why, WN_INVALID, field, "customer %zu: %s %s", i + 1, field, fault);
    }
    return WN_OK;
}

/* ---- different customers ------------------------------------------------------------------------
 */

struct rows {
    struct ltv_row *rows;
    size_t n;
    struct ltv_row *counts; /* [n_counts]: x and n of each different frequency */
    size_t n_counts;
};

static int by_history(const void *a, const void *b)
{
    const struct ltv_row *x = a, *y = b;
    if (x->x != y->x)
        return x->x < y->x ? -1 : 1;
    if (x->age != y->age)
        return x->age < y->age ? -1 : 1;
    return (x->recency > y->recency) - (x->recency < y->recency);
}

/* Sorts rows and merges equal ones. */
static void merge(struct rows *r)
{
    size_t kept = 0;
    qsort(r->rows, r->n, sizeof *r->rows, by_history);
    for (size_t i = 1; i < r->n; i++) {
        if (by_history(&r->rows[kept], &r->rows[i]) == 0)
            r->rows[kept].n += r->rows[i].n;
        else
            r->rows[++kept] = r->rows[i];
    }
    r->n = r->n ? kept + 1 : 0;
    r->n_counts = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (r->n_counts == 0 || r->counts[r->n_counts - 1].x != r->rows[i].x)
            r->counts[r->n_counts++] = (struct ltv_row){.x = r->rows[i].x};
        r->counts[r->n_counts - 1].n += r->rows[i].n;
    }
}

static wn_rc rows_new(size_t n, struct wn_arena *a, struct rows *out)
{
    out->rows = WN_ARENA_ARRAY(a, n, struct ltv_row);
    out->counts = WN_ARENA_ARRAY(a, n, struct ltv_row);
    return out->rows && out->counts ? WN_OK : WN_MEMORY;
}

/* The different ones among customers, times divided by unit. */
static wn_rc collect(const struct wn_ltv_customer *customers, size_t n, double unit,
                     struct wn_arena *a, struct rows *out)
{
    wn_rc rc = rows_new(n, a, out);
    if (rc)
        return rc;
    out->n = n;
    for (size_t i = 0; i < n; i++) {
        const struct wn_ltv_customer *c = &customers[i];
        out->rows[i] = (struct ltv_row){c->frequency, c->recency / unit, c->age / unit, 1};
    }
    merge(out);
    return WN_OK;
}

/* The same with times rounded to 1/128 of the mean age: fewer rows, nearly the same optimum. */
static wn_rc rounded(const struct rows *r, struct wn_arena *a, struct rows *out)
{
    wn_rc rc = rows_new(r->n, a, out);
    if (rc)
        return rc;
    out->n = r->n;
    for (size_t i = 0; i < r->n; i++) {
        out->rows[i] = r->rows[i];
        out->rows[i].age = round(r->rows[i].age * 128) / 128;
        out->rows[i].recency = round(r->rows[i].recency * 128) / 128;
    }
    merge(out);
    return WN_OK;
}

/* ---- the objective ------------------------------------------------------------------------------
 */

struct objective {
    wn_ltv_kind kind;
    const struct rows *rows;
    bool has_prior;
    double centre[LTV_RATES];           /* of the logarithms */
    double precision[LTV_RATES_PACKED]; /* of the prior */
    double log_likelihood;              /* at the last point */
    bool is_at_wall;
};

bool wn_ltv_add_wall(double u, double low, double high, double *value, double *gradient,
                     double *curvature)
{
    const double softness = .5;
    double beyond = u < low ? u - low : u > high ? u - high : 0;
    *value += .5 * beyond * beyond / (softness * softness);
    *gradient += beyond / (softness * softness);
    if (beyond != 0)
        *curvature += 1 / (softness * softness);
    return beyond != 0;
}

/* From derivatives of the log-likelihood by theta to those of its negative by ln theta. */
static void by_logarithms(const struct ltv_slope *s, const double *theta, double *gradient,
                          double *hessian)
{
    const double *h = s->hessian;
    for (size_t i = 0; i < LTV_RATES; i++) {
        gradient[i] = -theta[i] * s->gradient[i];
        for (size_t k = 0; k <= i; k++)
            *hessian++ = -theta[i] * theta[k] * *h++ + (k == i ? gradient[i] : 0);
    }
}

static double minus_log_posterior(void *context, const double *u, size_t n, double *gradient,
                                  double *hessian)
{
    struct objective *o = context;
    struct ltv_slope sum = {0};
    double theta[LTV_RATES], from[LTV_RATES], pull[LTV_RATES], value;
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(u[i]) < 40)) /* far beyond the walls */
            return INFINITY;
        theta[i] = exp(u[i]);
        from[i] = u[i] - o->centre[i];
    }
    for (size_t i = 0; i < o->rows->n; i++)
        wn_ltv_add_times(o->kind, theta, &o->rows->rows[i], &sum);
    for (size_t i = 0; i < o->rows->n_counts; i++)
        wn_ltv_add_frequency(o->kind, theta, o->rows->counts[i].x, o->rows->counts[i].n, &sum);
    by_logarithms(&sum, theta, gradient, hessian);
    o->log_likelihood = wn_sum_value(&sum.value);
    o->is_at_wall = false;
    value = -o->log_likelihood;
    for (size_t i = 0; i < n; i++)
        o->is_at_wall |=
            wn_ltv_add_wall(u[i], -WALL, WALL, &value, &gradient[i], &hessian[wn_packed_at(i, i)]);
    if (o->has_prior) {
        wn_packed_mul_vec(o->precision, n, from, pull);
        for (size_t i = 0; i < n; i++) {
            value += .5 * from[i] * pull[i];
            gradient[i] += pull[i];
        }
        for (size_t i = 0; i < LTV_RATES_PACKED; i++)
            hessian[i] += o->precision[i];
    }
    return value;
}

static double value_only(void *context, const double *u, size_t n)
{
    double gradient[LTV_RATES], hessian[LTV_RATES_PACKED];
    return minus_log_posterior(context, u, n, gradient, hessian);
}

/* ---- fitting ------------------------------------------------------------------------------------
 */

wn_rc wn_ltv_inverse(const double *matrix, size_t n, double *out)
{
    double factor[LTV_RATES_PACKED], saved[LTV_RATES_PACKED], column[LTV_RATES];
    memcpy(factor, matrix, wn_packed_size(n) * sizeof *factor);
    wn_rc rc = wn_chol_factor(factor, n, saved, NULL);
    for (size_t k = 0; k < n && !rc; k++) {
        memset(column, 0, sizeof column);
        column[k] = 1;
        wn_chol_solve(factor, n, column);
        for (size_t i = k; i < n; i++)
            out[wn_packed_at(i, k)] = column[i];
    }
    return rc;
}

/* What one more step of Newton would gain. */
static double gain_left(wn_newton_fn *f, void *context, const double *u, size_t n)
{
    double gradient[LTV_RATES], hessian[LTV_RATES_PACKED], inverse[LTV_RATES_PACKED];
    double step[LTV_RATES];
    (void)f(context, u, n, gradient, hessian);
    if (wn_ltv_inverse(hessian, n, inverse))
        return INFINITY;
    wn_packed_mul_vec(inverse, n, gradient, step);
    return .5 * wn_dot(gradient, step, n);
}

wn_rc wn_ltv_descend(wn_newton_fn *f, wn_many_fn *value_of, void *context, double *u, size_t n,
                     bool *is_converged)
{
    const double enough = 1e-6;
    double scratch[3 * LTV_RATES + 2 * LTV_RATES_PACKED];
    struct wn_minimum m;
    wn_rc rc = wn_newton(f, context, u, n, 0, 1e-8, 100, scratch, &m);
    *is_converged = !rc && (m.is_converged || gain_left(f, context, u, n) < enough);
    if (rc || *is_converged)
        return rc;
    rc = wn_minimise(value_of, context, u, n, false, .3, 1e-12, 2000, &m);
    if (!rc)
        rc = wn_newton(f, context, u, n, 0, 1e-8, 100, scratch, &m);
    *is_converged = !rc && (m.is_converged || gain_left(f, context, u, n) < enough);
    return rc;
}

static wn_rc descend(struct objective *o, double *u, bool *is_converged, struct wn_why *why)
{
    wn_rc rc = wn_ltv_descend(minus_log_posterior, value_only, o, u, LTV_RATES, is_converged);
    return rc ? wn_fail(why, rc, "customers", "the likelihood of these customers has no value")
              : WN_OK;
}

wn_rc wn_ltv_spread(const double *hessian, size_t n, double *covariance)
{
    enum { TRIES = 30 };
    double ridged[LTV_RATES_PACKED], ridge = 1 / (vague_sd * vague_sd);
    for (int i_try = 0; i_try < TRIES; i_try++) {
        memcpy(ridged, hessian, wn_packed_size(n) * sizeof *ridged);
        for (size_t i = 0; i < n; i++)
            ridged[wn_packed_at(i, i)] += ridge;
        if (wn_ltv_inverse(ridged, n, covariance) == WN_OK)
            return WN_OK;
        ridge *= 10;
    }
    return WN_INVALID;
}

static wn_rc spread_at(struct objective *o, const double *u, double *covariance)
{
    double gradient[LTV_RATES], hessian[LTV_RATES_PACKED];
    (void)minus_log_posterior(o, u, LTV_RATES, gradient, hessian);
    return wn_ltv_spread(hessian, LTV_RATES, covariance);
}

static void vague_prior(wn_ltv_kind kind, struct objective *o)
{
    o->has_prior = true;
    memset(o->precision, 0, sizeof o->precision);
    for (size_t i = 0; i < LTV_RATES; i++) {
        o->centre[i] = log(kinds[kind].centre[i]);
        o->precision[wn_packed_at(i, i)] = 1 / (prior_sd * prior_sd);
    }
}

/* The fit in scaled times: u, covariance and log-likelihood. */
static wn_rc fit_rows(struct objective *o, struct wn_arena *scratch, double *u,
                      struct wn_ltv_rates *out, struct wn_why *why)
{
    const struct rows *exact = o->rows;
    struct rows coarse;
    wn_rc rc = WN_OK;
    if (exact->n > SIDE_BY_SIDE_MAX) {
        rc = rounded(exact, scratch, &coarse);
        if (rc)
            return wn_fail(why, rc, NULL, "there is no memory for the customers");
        o->rows = &coarse;
        rc = descend(o, u, &out->is_converged, why);
        o->rows = exact;
    }
    if (!rc)
        rc = descend(o, u, &out->is_converged, why);
    if (!rc && spread_at(o, u, out->covariance))
        rc = wn_fail(why, WN_INVALID, "customers", "the likelihood of these customers is flat");
    out->log_likelihood = o->log_likelihood;
    out->is_at_wall = o->is_at_wall;
    for (size_t i = 0; i < LTV_RATES && !rc; i++)
        out->theta[i] = exp(u[i]);
    return rc;
}

static void count(const struct rows *r, struct wn_ltv_rates *out)
{
    double n = 0, n_repeat = 0;
    for (size_t i = 0; i < r->n_counts; i++) {
        n += r->counts[i].n;
        n_repeat += r->counts[i].x > 0 ? r->counts[i].n : 0;
    }
    out->n_customers = (size_t)n;
    out->n_repeat = (size_t)n_repeat;
}

/* How much of the answer is prior: the mean ratio of the variances after and before the data. */
static double weight_of_prior(const double *covariance, const double *prior_covariance)
{
    double sum = 0;
    for (size_t i = 0; i < LTV_RATES; i++)
        sum += covariance[wn_packed_at(i, i)] / prior_covariance[wn_packed_at(i, i)];
    return fmin(sum / LTV_RATES, 1);
}

/* Back from scaled times. The density of each of the sum of x purchases has one time in it. */
static void unscale(wn_ltv_kind kind, const struct rows *r, double unit, struct wn_ltv_rates *out)
{
    double n_purchases = 0;
    for (size_t i = 0; i < r->n_counts; i++)
        n_purchases += r->counts[i].n * r->counts[i].x;
    out->theta[1] *= unit;
    if (kind == WN_LTV_PNBD)
        out->theta[3] *= unit;
    out->log_likelihood -= n_purchases * log(unit);
}

static wn_rc fit_account(const struct wn_ltv_customer *customers, size_t n,
                         const struct wn_ltv_options *options, double unit,
                         struct wn_arena *scratch, double *u, struct wn_ltv_rates *out,
                         struct wn_why *why)
{
    struct rows rows;
    struct objective o = {.kind = options->kind, .rows = &rows};
    wn_rc rc = collect(customers, n, unit, scratch, &rows);
    if (rc)
        return wn_fail(why, rc, NULL, "there is no memory for %zu customers", n);
    count(&rows, out);
    if (options->prior == WN_LTV_PRIOR_ALWAYS ||
        (options->prior == WN_LTV_PRIOR_AUTO &&
         (out->n_customers < n_enough || out->n_repeat < n_repeat_enough)))
        vague_prior(options->kind, &o);
    for (size_t i = 0; i < LTV_RATES; i++)
        u[i] = log(kinds[options->kind].centre[i]);
    rc = fit_rows(&o, scratch, u, out, why);
    if (rc)
        return rc;
    if (o.has_prior) {
        double before[LTV_RATES_PACKED];
        for (size_t i = 0; i < LTV_RATES_PACKED; i++)
            before[i] = prior_sd * prior_sd; /* only the diagonal is read */
        out->prior_weight = weight_of_prior(out->covariance, before);
    }
    unscale(options->kind, &rows, unit, out);
    return WN_OK;
}

/* A channel: a prior around the account as wide as channels differ and the account is uncertain. */
static wn_rc fit_channel(const struct wn_ltv_customer *customers, size_t n,
                         const struct wn_ltv_model *model, double unit, const double *account_u,
                         struct wn_arena *scratch, struct wn_ltv_rates *out, struct wn_why *why)
{
    struct rows rows;
    struct objective o = {.kind = model->kind, .rows = &rows, .has_prior = true};
    double prior[LTV_RATES_PACKED], u[LTV_RATES];
    memcpy(prior, model->account.covariance, sizeof prior);
    for (size_t i = 0; i < LTV_RATES; i++)
        prior[wn_packed_at(i, i)] += channel_sd * channel_sd;
    memcpy(o.centre, account_u, sizeof o.centre);
    memcpy(u, account_u, sizeof u);
    wn_rc rc = wn_ltv_inverse(prior, LTV_RATES, o.precision);
    if (!rc)
        rc = collect(customers, n, unit, scratch, &rows);
    if (rc)
        return wn_fail(why, rc, NULL, "there is no memory for the channels");
    count(&rows, out);
    rc = fit_rows(&o, scratch, u, out, why);
    if (rc)
        return rc;
    out->prior_weight = weight_of_prior(out->covariance, prior);
    unscale(model->kind, &rows, unit, out);
    return WN_OK;
}

static double mean_age(const struct wn_ltv_customer *customers, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += customers[i].age / (double)n;
    return sum > 1e-12 ? sum : 1;
}

static wn_rc fit_channels(const struct wn_ltv_customer *customers, size_t n, double unit,
                          const double *account_u, struct wn_ltv_model *model, struct wn_why *why)
{
    struct wn_arena sorted, scratch;
    wn_arena_init(&sorted, 0);
    wn_arena_init(&scratch, 0);
    struct wn_ltv_customer *own = WN_ARENA_ARRAY(&sorted, n, struct wn_ltv_customer);
    size_t *at = WN_ARENA_ARRAY(&sorted, model->n_channels + 1, size_t);
    wn_rc rc = own && at ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "there is no memory for channels");
    for (size_t i = 0; i < n && !rc; i++)
        at[customers[i].channel + 1]++;
    for (size_t k = 0; k < model->n_channels && !rc; k++)
        at[k + 1] += at[k];
    for (size_t i = n; i-- > 0 && !rc;) /* from behind: at ends as the starts, one place on */
        own[--at[customers[i].channel + 1]] = customers[i];
    for (size_t k = 0; k < model->n_channels && !rc; k++) {
        size_t from = at[k + 1], to = k + 1 < model->n_channels ? at[k + 2] : n;
        wn_arena_reset(&scratch);
        rc = fit_channel(own + from, to - from, model, unit, account_u, &scratch,
                         &model->channels[k], why);
    }
    wn_arena_deinit(&scratch);
    wn_arena_deinit(&sorted);
    return rc;
}

static wn_rc fit_all(const struct wn_ltv_customer *customers, size_t n,
                     const struct wn_ltv_options *options, struct wn_arena *scratch,
                     struct wn_arena *a, struct wn_ltv_model *out, struct wn_why *why)
{
    double unit = mean_age(customers, n), u[LTV_RATES];
    out->channels = WN_ARENA_ARRAY(a, out->n_channels, struct wn_ltv_rates);
    if (!out->channels)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the channels");
    wn_rc rc = fit_account(customers, n, options, unit, scratch, u, &out->account, why);
    if (!rc && out->n_channels == 1)
        out->channels[0] = out->account;
    else if (!rc)
        rc = fit_channels(customers, n, unit, u, out, why);
    wn_arena_reset(scratch);
    if (!rc)
        rc = wn_ltv_fit_money(customers, n, out->n_channels, options->prior, scratch, a,
                              &out->money, why);
    return rc;
}

wn_rc wn_ltv_fit(const struct wn_ltv_customer *customers, size_t n,
                 const struct wn_ltv_options *options, struct wn_arena *a, struct wn_ltv_model *out,
                 struct wn_why *why)
{
    struct wn_ltv_model model = {.kind = options->kind,
                                 .n_channels = options->n_channels ? options->n_channels : 1};
    struct wn_arena scratch;
    if ((int)options->kind < 0 || options->kind >= WN_LTV_KINDS)
        return wn_fail(why, WN_INVALID, "kind", "there is no such model");
    if (n == 0)
        return wn_fail(why, WN_INVALID, "customers", "there are no customers");
    wn_rc rc = wn_ltv_check_customers(customers, n, model.n_channels, why);
    if (rc)
        return rc;
    wn_arena_init(&scratch, 0);
    rc = fit_all(customers, n, options, &scratch, a, &model, why);
    wn_arena_deinit(&scratch);
    if (!rc)
        *out = model;
    return rc;
}
