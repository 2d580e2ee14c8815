/* The estimators and their intervals. */
#include "winnow/offpolicy.h"

#include "learn/conformal.h"
#include "learn/offpolicy_int.h"
#include "learn/special.h"
#include "learn/sums.h"

#include <math.h>
#include <string.h>

#define REWARD_MAX 1e15
#define PROPENSITY_MIN 1e-12

const char *wn_estimator_name(wn_estimator e)
{
    static const char *const names[WN_ESTIMATOR_N] = {"dm", "ipw", "snipw", "dr", "switch-dr"};
    return names[e];
}

/* ---- checks -------------------------------------------------------------------------------------
 */

static wn_rc at_row(struct wn_why *why, wn_rc rc, size_t i)
{
    if (why && rc)
        why->line = i + 1;
    return rc;
}

wn_rc wn_log_check(const struct wn_log *log, struct wn_why *why)
{
    if (log->n == 0)
        return wn_fail(why, WN_INVALID, "log", "the log has no rows");
    if (log->n > WN_LOG_ROWS_MAX || log->n_actions > WN_LOG_CELLS_MAX / log->n)
        return wn_fail(why, WN_LIMIT, "log", "%zu rows of %zu actions are too many", log->n,
                       log->n_actions);
    for (size_t i = 0; i < log->n; i++) {
        if (log->action[i] >= log->n_actions)
            return at_row(why,
                          wn_fail(why, WN_INVALID, "action", "row %zu: there is no action %u",
                                  i + 1, log->action[i]),
                          i);
        if (!(fabs(log->reward[i]) <= REWARD_MAX))
            return at_row(why,
                          wn_fail(why, WN_INVALID, "reward",
                                  "row %zu: a reward of %g is not within -1e15 and 1e15", i + 1,
                                  log->reward[i]),
                          i);
    }
    return WN_OK;
}

static wn_rc check_policy(const struct wn_log *log, size_t i, struct wn_why *why)
{
    double sum = 0;
    const double *row = log->policy + i * log->n_actions;
    for (size_t a = 0; a < log->n_actions; a++) {
        if (!(row[a] >= 0 && row[a] <= 1 + 1e-6))
            return wn_fail(why, WN_INVALID, "policy",
                           "row %zu, action %zu: %g is not a probability", i + 1, a + 1, row[a]);
        sum += row[a];
    }
    if (!(fabs(sum - 1) <= 1e-3))
        return wn_fail(why, WN_INVALID, "policy",
                       "row %zu: the new policy's probabilities sum to %g, not 1", i + 1, sum);
    return WN_OK;
}

static wn_rc check_q(const struct wn_log *log, size_t i, struct wn_why *why)
{
    for (size_t a = 0; a < log->n_actions; a++)
        if (!(fabs(log->q[i * log->n_actions + a]) <= REWARD_MAX))
            return wn_fail(why, WN_INVALID, "q",
                           "row %zu, action %zu: an expected reward of %g is not within -1e15 and "
                           "1e15",
                           i + 1, a + 1, log->q[i * log->n_actions + a]);
    return WN_OK;
}

static wn_rc check_weights(const struct wn_log *log, struct wn_why *why)
{
    if (!log->policy && !log->policy_taken)
        return wn_fail(why, WN_INVALID, "policy", "the new policy's probabilities are missing");
    for (size_t i = 0; i < log->n; i++) {
        wn_rc rc = WN_OK;
        if (!(log->propensity[i] >= PROPENSITY_MIN && log->propensity[i] <= 1))
            rc = wn_fail(why, WN_INVALID, "propensity",
                         "row %zu: a propensity of %g is not within 1e-12 and 1", i + 1,
                         log->propensity[i]);
        else if (log->policy)
            rc = check_policy(log, i, why);
        else if (!(log->policy_taken[i] >= 0 && log->policy_taken[i] <= 1))
            rc = wn_fail(why, WN_INVALID, "policy", "row %zu: %g is not a probability", i + 1,
                         log->policy_taken[i]);
        if (!rc && log->q)
            rc = check_q(log, i, why);
        if (rc)
            return at_row(why, rc, i);
    }
    return WN_OK;
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

/* What each row adds; the estimators are means of these, SNIPW a ratio. */
struct part {
    double weight;
    double weighted; /* w r */
    double model;    /* sum over a of policy(a) q(a) */
    double robust;   /* model + w (r - q) */
    double cut;      /* the same with w = 0 above tau */
};

static bool has_model(const struct wn_log *log)
{
    return log->policy && log->q;
}

static void make_parts(const struct wn_log *log, struct part *parts)
{
    size_t k = log->n_actions;
    for (size_t i = 0; i < log->n; i++) {
        struct part *p = &parts[i];
        uint32_t a = log->action[i];
        double chance = log->policy ? log->policy[i * k + a] : log->policy_taken[i];
        p->weight = chance / log->propensity[i];
        p->weighted = p->weight * log->reward[i];
        if (!has_model(log))
            continue;
        for (size_t j = 0; j < k; j++)
            p->model += log->policy[i * k + j] * log->q[i * k + j];
        p->robust = p->model + p->weight * (log->reward[i] - log->q[i * k + a]);
    }
}

static void cut_parts(const struct wn_log *log, struct part *parts, double tau)
{
    for (size_t i = 0; i < log->n; i++)
        parts[i].cut = parts[i].weight <= tau ? parts[i].robust : parts[i].model;
}

/* ---- intervals ----------------------------------------------------------------------------------
 */

static void values_of(const struct part *sum, double n, double out[WN_ESTIMATOR_N])
{
    out[WN_ESTIMATOR_DM] = sum->model / n;
    out[WN_ESTIMATOR_IPW] = sum->weighted / n;
    out[WN_ESTIMATOR_SNIPW] = sum->weight > 0 ? sum->weighted / sum->weight : 0;
    out[WN_ESTIMATOR_DR] = sum->robust / n;
    out[WN_ESTIMATOR_SWITCH] = sum->cut / n;
}

static void add_part(struct part *sum, const struct part *p)
{
    sum->weight += p->weight;
    sum->weighted += p->weighted;
    sum->model += p->model;
    sum->robust += p->robust;
    sum->cut += p->cut;
}

/* The columns of a resample: the estimators and the plain mean of the rewards. */
#define COLUMNS (WN_ESTIMATOR_N + 1)

static void resample(const struct wn_log *log, const struct part *parts, struct wn_rand *r,
                     double out[COLUMNS])
{
    struct part sum = {0};
    double rewards = 0, n = (double)log->n;
    uint64_t n_rows = log->n;
    for (uint64_t i = 0; i < n_rows; i++) {
        /* the high half of a product: uniform to 1e-11 for the rows allowed, and fast */
        uint64_t k = ((wn_rand_u64(r) >> 32) * n_rows) >> 32;
        add_part(&sum, &parts[k]);
        rewards += log->reward[k];
    }
    values_of(&sum, n, out);
    out[WN_ESTIMATOR_N] = rewards / n;
}

static double column(const struct part *p, double reward, size_t c)
{
    const double columns[COLUMNS] = {p->model, p->weighted, p->weight, p->robust, p->cut, reward};
    return columns[c];
}

/* Skewness of what the rows add to an estimate, over 6 sqrt(n): the acceleration of BCa. */
static double acceleration(const struct wn_log *log, const struct part *parts, size_t c,
                           double value)
{
    struct wn_moments m = {0};
    double squares = 0, cubes = 0;
    for (size_t i = 0; c != WN_ESTIMATOR_SNIPW && i < log->n; i++)
        wn_moments_add(&m, column(&parts[i], log->reward[i], c), 1);
    for (size_t i = 0; i < log->n; i++) {
        const struct part *p = &parts[i];
        double u = c == WN_ESTIMATOR_SNIPW ? p->weighted - value * p->weight
                                           : column(p, log->reward[i], c) - m.mean;
        squares += u * u;
        cubes += u * u * u;
    }
    return squares > 0 ? cubes / (6 * squares * sqrt(squares)) : 0;
}

/* Bias-corrected and accelerated percentiles of resampled values [n]: rare large weights make the
 * plain ones too short on the side from which the surprises come. */
static void percentiles(double *values, uint32_t n, double level, double accelerate,
                        struct wn_estimate *e)
{
    double below = 0, bound[2];
    for (uint32_t i = 0; i < n; i++)
        below += values[i] < e->value ? 1 : (values[i] == e->value ? 0.5 : 0);
    double bias = wn_normal_quantile(fmin(fmax(below / n, 0.5 / n), 1 - 0.5 / n));
    for (int side = 0; side < 2; side++) {
        double z = bias + wn_normal_quantile(side ? 0.5 + 0.5 * level : 0.5 - 0.5 * level);
        double p = wn_normal_cdf(bias + z / fmax(1 - accelerate * z, 0.1));
        bound[side] = wn_select(values, n, (size_t)fmin(p * n, n - 1.0));
    }
    e->low = fmin(bound[0], e->value);
    e->high = fmax(bound[1], e->value);
}

static wn_rc bootstrap(struct wn_arena *scratch, const struct wn_log *log, const struct part *parts,
                       uint32_t n_resamples, double level, struct wn_rand *r,
                       struct wn_offpolicy *out, struct wn_why *why)
{
    double *values = WN_ARENA_ARRAY(scratch, (size_t)n_resamples * COLUMNS, double);
    if (!values)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %u resamples", n_resamples);
    for (uint32_t b = 0; b < n_resamples; b++) {
        double row[COLUMNS];
        resample(log, parts, r, row);
        for (size_t c = 0; c < COLUMNS; c++)
            values[c * n_resamples + b] = row[c];
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        struct wn_estimate *e = c < WN_ESTIMATOR_N ? &out->estimates[c] : &out->logged;
        percentiles(values + c * n_resamples, n_resamples, level,
                    acceleration(log, parts, c, e->value), e);
    }
    return WN_OK;
}

/* Half width of the empirical Bernstein interval of a mean: variables within a known range. */
static double bernstein(const struct wn_moments *m, double range, double level)
{
    double n = m->weight, log_term = log(4 / (1 - level)); /* two sides, each 2/delta */
    if (n < 2)
        return range;
    return sqrt(2 * wn_moments_variance_unbiased(m) * log_term / n) +
           7 * range * log_term / (3 * (n - 1));
}

/* Ranges are those seen; that the weights are bounded by the largest one is assumed. */
static void bernstein_all(const struct wn_log *log, const struct part *parts, double level,
                          struct wn_offpolicy *out)
{
    double mean[COLUMNS], half[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        struct wn_moments m = {0};
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < log->n; i++) {
            double v = column(&parts[i], log->reward[i], c);
            wn_moments_add(&m, v, 1);
            low = fmin(low, v);
            high = fmax(high, v);
        }
        mean[c] = m.mean;
        /* both parts of a ratio at half the risk */
        double c_level = c == WN_ESTIMATOR_SNIPW ? 0.5 + 0.5 * level : level;
        half[c] = bernstein(&m, high - low, c_level);
        struct wn_estimate *e = c < WN_ESTIMATOR_N ? &out->estimates[c] : &out->logged;
        e->low = m.mean - half[c];
        e->high = m.mean + half[c];
    }
    struct wn_estimate *ratio = &out->estimates[WN_ESTIMATOR_SNIPW];
    double top_low = mean[WN_ESTIMATOR_IPW] - half[WN_ESTIMATOR_IPW];
    double top_high = mean[WN_ESTIMATOR_IPW] + half[WN_ESTIMATOR_IPW];
    double bottom_low = mean[WN_ESTIMATOR_SNIPW] - half[WN_ESTIMATOR_SNIPW];
    double bottom_high = mean[WN_ESTIMATOR_SNIPW] + half[WN_ESTIMATOR_SNIPW];
    ratio->is_known = ratio->is_known && bottom_low > 0;
    if (ratio->is_known) {
        ratio->low = top_low / (top_low > 0 ? bottom_high : bottom_low);
        ratio->high = top_high / (top_high > 0 ? bottom_low : bottom_high);
    }
    out->estimates[WN_ESTIMATOR_DM].is_known = false;
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static wn_rc options_of(const struct wn_offpolicy_options *given, size_t n,
                        struct wn_offpolicy_options *out, struct wn_why *why)
{
    struct wn_offpolicy_options o = given ? *given : (struct wn_offpolicy_options){0};
    o.level = o.level > 0 ? o.level : 0.95;
    if (!(o.level < 1))
        return wn_fail(why, WN_INVALID, "level", "a level of %g is not between 0 and 1", o.level);
    if (!(o.switch_tau >= 0 && isfinite(o.switch_tau)))
        return wn_fail(why, WN_INVALID, "switch_tau", "tau must be at least 0");
    if (o.n_resamples > 1000000)
        return wn_fail(why, WN_LIMIT, "n_resamples", "more than a million resamples");
    if (o.n_resamples == 0)
        o.n_resamples = n <= 100000 ? 2000 : (uint32_t)fmax(200, 2e8 / (double)n);
    *out = o;
    return WN_OK;
}

/* What the cut leaves out is replaced by the model, and how wrong that is nobody knows: so the switch
 * is not more certain than DR, only nearer to the truth on average. */
static void widen_switch(struct wn_offpolicy *out)
{
    struct wn_estimate *cut = &out->estimates[WN_ESTIMATOR_SWITCH];
    const struct wn_estimate *robust = &out->estimates[WN_ESTIMATOR_DR];
    cut->low = fmin(cut->low, robust->low);
    cut->high = fmax(cut->high, robust->high);
}

static void weigh(const struct part *parts, size_t n, struct wn_offpolicy *out)
{
    double squares = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += parts[i].weight;
        squares += parts[i].weight * parts[i].weight;
        out->weight_max = fmax(out->weight_max, parts[i].weight);
    }
    out->weight_mean = sum / (double)n;
    out->ess = squares > 0 ? sum * sum / squares : 0;
    out->is_refused = !(out->ess >= WN_ESS_MIN);
}

static void point_estimates(const struct wn_log *log, const struct part *parts,
                            struct wn_offpolicy *out)
{
    struct part sum = {0};
    struct wn_sum rewards = {0};
    double values[WN_ESTIMATOR_N];
    for (size_t i = 0; i < log->n; i++) {
        add_part(&sum, &parts[i]);
        wn_sum_add(&rewards, log->reward[i]);
    }
    values_of(&sum, (double)log->n, values);
    out->logged =
        (struct wn_estimate){.is_known = true, .value = wn_sum_value(&rewards) / (double)log->n};
    for (int e = 0; e < WN_ESTIMATOR_N; e++) {
        bool by_model = e != WN_ESTIMATOR_IPW && e != WN_ESTIMATOR_SNIPW;
        out->estimates[e].value = values[e];
        out->estimates[e].is_known =
            (!by_model || has_model(log)) && (!out->is_refused || e == WN_ESTIMATOR_DM);
    }
}

wn_rc wn_offpolicy_evaluate(struct wn_arena *scratch, const struct wn_log *log,
                            const struct wn_offpolicy_options *options, struct wn_rand *r,
                            struct wn_offpolicy *out, struct wn_why *why)
{
    struct wn_offpolicy result = {0};
    struct wn_offpolicy_options o = {0};
    wn_rc rc = wn_log_check(log, why);
    if (!rc)
        rc = check_weights(log, why);
    if (!rc)
        rc = options_of(options, log->n, &o, why);
    if (rc)
        return rc;
    struct part *parts = WN_ARENA_ARRAY(scratch, log->n, struct part);
    if (!parts)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu rows", log->n);
    make_parts(log, parts);
    weigh(parts, log->n, &result);
    cut_parts(log, parts, o.switch_tau);
    point_estimates(log, parts, &result);
    result.estimates[WN_ESTIMATOR_SWITCH].is_known &= o.switch_tau > 0;
    if (o.interval == WN_INTERVAL_BERNSTEIN)
        bernstein_all(log, parts, o.level, &result);
    else
        rc = bootstrap(scratch, log, parts, o.n_resamples, o.level, r, &result, why);
    if (rc)
        return rc;
    widen_switch(&result);
    for (int e = 0; e < WN_ESTIMATOR_N; e++)
        if (!result.estimates[e].is_known)
            result.estimates[e] = (struct wn_estimate){0};
    *out = result;
    return WN_OK;
}
