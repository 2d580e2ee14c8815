/* From probabilities to shares of a batch, the draw itself, the joint sampler, and when to stop. */
#include "learn/bandit_int.h"

#include <math.h>
#include <string.h>

/* ---- shares -------------------------------------------------------------------------------------
 */

/* Half of the time the leader of a draw, else the winner among the others: P(a) = p_a/2 + p_a/2 sum
 * over b != a of p_b / (1 - p_b). */
static void top_two(const double *p, size_t n, double *out)
{
    double odds = 0;
    size_t sure = n;
    for (size_t i = 0; i < n; i++) {
        odds += p[i] < 1 ? p[i] / (1 - p[i]) : 0;
        sure = p[i] >= 1 ? i : sure;
    }
    for (size_t i = 0; i < n; i++) {
        if (sure < n && n > 1) /* no rival is known to be better than another */
            out[i] = i == sure ? 0.5 : 0.5 / (double)(n - 1);
        else if (n > 1)
            out[i] = 0.5 * p[i] * (1 + odds - p[i] / (1 - p[i]));
        else
            out[i] = 1;
    }
}

struct bounds {
    double low, high;
};

static struct bounds bounds_of(double before, bool has_before, size_t n,
                               const struct wn_share_options *o)
{
    struct bounds b = {fmin(o->floor_ratio, WN_FLOORS_MAX / (double)n), 1};
    if (!has_before)
        return b;
    if (before < 0 && o->new_ratio_max > 0) {
        b.high = fmax(fmin(1 / (double)n, o->new_ratio_max), b.low);
    } else if (before > 0 && o->change_factor > 0) {
        b.low = fmax(b.low, before / o->change_factor);
        b.high = fmax(fmin(1, before * o->change_factor), b.low);
    }
    return b;
}

static double clipped_sum(const double *share, const double *before, size_t n,
                          const struct wn_share_options *o, double factor)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct bounds b = bounds_of(before ? before[i] : 0, before != NULL, n, o);
        sum += fmin(fmax(share[i] * factor, b.low), b.high);
    }
    return sum;
}

/* The factor under which the clipped shares sum to 1; the sum grows with it. */
static double find_factor(const double *share, const double *before, size_t n,
                          const struct wn_share_options *o)
{
    double low = -60, high = 60; /* of ln factor */
    for (int i = 0; i < 200 && high - low > 1e-15; i++) {
        double middle = 0.5 * (low + high);
        *(clipped_sum(share, before, n, o, exp(middle)) < 1 ? &low : &high) = middle;
    }
    return exp(high);
}

static wn_rc check_shares(const double *p, const double *before, size_t n,
                          const struct wn_share_options *o, struct wn_why *why)
{
    double sum = 0;
    if (n == 0 || n > WN_ARMS_MAX)
        return wn_fail(why, WN_INVALID, "arms", "%zu arms: there must be 1 to %d", n, WN_ARMS_MAX);
    if (!(o->floor_ratio >= 0 && o->floor_ratio <= 1))
        return wn_fail(why, WN_INVALID, "floor_ratio", "a floor of %g is not within 0 and 1",
                       o->floor_ratio);
    if (!(o->change_factor == 0 || (o->change_factor >= 1 && isfinite(o->change_factor))))
        return wn_fail(why, WN_INVALID, "change_factor", "a factor of change of %g is below 1",
                       o->change_factor);
    if (!(o->new_ratio_max >= 0 && o->new_ratio_max <= 1))
        return wn_fail(why, WN_INVALID, "new_ratio_max", "%g is not within 0 and 1",
                       o->new_ratio_max);
    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1 + 1e-6) || (before && !(before[i] <= 1 + 1e-6)))
            return wn_fail(why, WN_INVALID, "p_best",
                           "arm %zu: a probability or share is not within 0 and 1", i + 1);
        sum += p[i];
    }
    if (!(fabs(sum - 1) < 1e-3))
        return wn_fail(why, WN_INVALID, "p_best", "the probabilities sum to %g, not 1", sum);
    return WN_OK;
}

wn_rc wn_bandit_shares(const double *p_best, const double *before, size_t n,
                       const struct wn_share_options *options, double *share_out,
                       struct wn_why *why)
{
    wn_rc rc = check_shares(p_best, before, n, options, why);
    if (rc)
        return rc;
    if (options->aim == WN_AIM_DECIDE)
        top_two(p_best, n, share_out);
    else
        memmove(share_out, p_best, n * sizeof *share_out);
    /* nothing is quite impossible: the limits can then always be met by a factor */
    for (size_t i = 0; i < n; i++)
        share_out[i] = fmax(share_out[i], 1e-15);
    double factor = find_factor(share_out, before, n, options), sum = 0;
    for (size_t i = 0; i < n; i++) {
        struct bounds b = bounds_of(before ? before[i] : 0, before != NULL, n, options);
        share_out[i] = fmin(fmax(share_out[i] * factor, b.low), b.high);
        sum += share_out[i];
    }
    for (size_t i = 0; i < n; i++)
        share_out[i] /= sum;
    return WN_OK;
}

size_t wn_bandit_pick(const double *share, size_t n, struct wn_rand *r)
{
    double sum = 0, at = 0;
    size_t last = 0;
    for (size_t i = 0; i < n; i++)
        sum += share[i];
    double u = wn_rand_uniform(r) * sum;
    for (size_t i = 0; i < n; i++) {
        if (!(share[i] > 0))
            continue;
        at += share[i];
        last = i;
        if (u < at)
            break;
    }
    return last;
}

void wn_bandit_split(const double *share, size_t n, uint64_t total, struct wn_rand *r,
                     uint64_t *out)
{
    double sum = 0, at = 0, u = wn_rand_uniform(r);
    uint64_t given = 0;
    for (size_t i = 0; i < n; i++)
        sum += fmax(share[i], 0);
    bool good = sum > 0 && isfinite(sum);
    for (size_t i = 0; i < n; i++) {
        at += good ? fmax(share[i], 0) / sum : 1 / (double)n;
        double upto = floor(at * (double)total + u);
        uint64_t mark = i + 1 == n || upto >= (double)total ? total : (uint64_t)upto;
        out[i] = mark - given;
        given = mark;
    }
}

/* ---- sampler ------------------------------------------------------------------------------------
 */

wn_rc wn_bandit_sampler_new(struct wn_arena *a, size_t n, struct wn_bandit_sampler **out,
                            struct wn_why *why)
{
    if (n == 0)
        return wn_fail(why, WN_INVALID, "arms", "there are no arms");
    if (n > WN_ARMS_MAX)
        return wn_fail(why, WN_LIMIT, "arms", "%zu arms are more than %d", n, WN_ARMS_MAX);
    struct wn_bandit_sampler *s = WN_ARENA_NEW(a, struct wn_bandit_sampler);
    if (!s || !(s->arms = WN_ARENA_ARRAY(a, n, struct wn_beta_constants)))
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    s->n = n;
    wn_ziggurat_init(&s->ziggurat);
    for (size_t i = 0; i < n; i++)
        wn_beta_constants_set(&s->arms[i], 1, 1);
    *out = s;
    return WN_OK;
}

void wn_bandit_sampler_set(struct wn_bandit_sampler *s, size_t arm, const struct wn_belief *belief)
{
    WN_ASSERT(arm < s->n && belief->a > 0 && belief->b > 0);
    wn_beta_constants_set(&s->arms[arm], belief->a, belief->b);
}

size_t wn_bandit_sampler_choose(const struct wn_bandit_sampler *s, struct wn_rand *r)
{
    size_t best = 0, n_ties = 1;
    double top = -1;
    for (size_t i = 0; i < s->n; i++) {
        double rate = wn_beta_constants_draw(&s->arms[i], &s->ziggurat, r);
        if (rate > top) {
            top = rate;
            best = i;
            n_ties = 1;
        } else if (WN_UNLIKELY(rate == top) && wn_rand_below(r, ++n_ties) == 0) {
            best = i;
        }
    }
    return best;
}

double wn_bandit_sampler_rate(const struct wn_bandit_sampler *s, size_t arm, struct wn_rand *r)
{
    return wn_beta_constants_draw(&s->arms[arm], &s->ziggurat, r);
}

/* ---- stop ---------------------------------------------------------------------------------------
 */

const char *wn_arm_verdict_name(wn_arm_verdict v)
{
    static const char *const names[] = {"leader", "keep", "drop"};
    return names[v];
}

struct outlook {
    struct wn_arena *scratch;
    const struct wn_arm *arms;
    const struct wn_prior *prior;
    const struct wn_prior *arm_priors; /* [n] instead, or NULL */
    size_t n, leader;
    struct wn_rand *r;
    struct wn_belief *beliefs;
    struct wn_best *best;
};

/* The leader's relative loss if there were `times` times the data with the same rates. */
static wn_rc loss_after(struct outlook *o, double times, double *out, struct wn_why *why)
{
    for (size_t i = 0; i < o->n; i++) {
        struct wn_arm more = {fmin(o->arms[i].successes * times, WN_TRIALS_MAX),
                              fmin(o->arms[i].trials * times, WN_TRIALS_MAX)};
        wn_rc rc = wn_bandit_belief(&more, o->arm_priors ? &o->arm_priors[i] : o->prior,
                                    &o->beliefs[i], why);
        if (rc)
            return rc;
    }
    wn_rc rc = wn_bandit_best(o->scratch, o->beliefs, o->n, NULL, o->r, o->best, why);
    if (!rc)
        *out = o->best[o->leader].expected_loss / o->best[o->leader].mean;
    return rc;
}

#define OUTLOOK_TIMES_MAX 100.0

static wn_rc days_to_decision(struct outlook *o, double threshold, double days, double *out,
                              struct wn_why *why)
{
    double low = 1, high = OUTLOOK_TIMES_MAX, loss;
    wn_rc rc = loss_after(o, high, &loss, why);
    *out = -1;
    if (rc || loss >= threshold || !(days > 0))
        return rc;
    for (int i = 0; i < 10 && !rc; i++) {
        double middle = sqrt(low * high);
        rc = loss_after(o, middle, &loss, why);
        *(loss >= threshold ? &low : &high) = middle;
    }
    *out = (high - 1) * days;
    return rc;
}

wn_rc wn_bandit_stop(struct wn_arena *scratch, const struct wn_arm *arms,
                     const struct wn_prior *prior, const struct wn_best *best, const double *days,
                     size_t n, const struct wn_stop_options *options, struct wn_rand *r,
                     wn_arm_verdict *verdict_out, struct wn_stop *out, struct wn_why *why)
{
    struct wn_stop_options o = options ? *options : (struct wn_stop_options){0};
    double threshold = o.loss_ratio > 0 ? o.loss_ratio : 0.005;
    double days_min = o.days_min > 0 ? o.days_min : 7, shortest = INFINITY;
    double successes_min = o.successes_min > 0 ? o.successes_min : 100, wait = 0;
    struct wn_stop stop = {0};
    if (n == 0)
        return wn_fail(why, WN_INVALID, "arms", "there are no arms");
    for (size_t i = 0; i < n; i++) {
        if (!(days[i] >= 0 && days[i] <= 1e9))
            return wn_fail(why, WN_INVALID, "days", "arm %zu: %g days", i + 1, days[i]);
        stop.leader = best[i].mean > best[stop.leader].mean ? i : stop.leader;
        shortest = fmin(shortest, days[i]);
        if (arms[i].successes < successes_min)
            wait = fmax(wait, days_min - days[i]);
    }
    stop.loss_ratio = best[stop.leader].expected_loss / best[stop.leader].mean;
    stop.may_stop = stop.loss_ratio < threshold && wait <= 0;
    if (stop.loss_ratio < threshold) {
        stop.days_to_decision = fmax(wait, 0);
    } else {
        struct outlook outlook = {scratch,     arms, prior, o.arm_priors, n,
                                  stop.leader, r,    NULL,  NULL};
        outlook.beliefs = WN_ARENA_ARRAY(scratch, n, struct wn_belief);
        outlook.best = WN_ARENA_ARRAY(scratch, n, struct wn_best);
        if (!outlook.beliefs || !outlook.best)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
        wn_rc rc = days_to_decision(&outlook, threshold, shortest, &stop.days_to_decision, why);
        if (rc)
            return rc;
        if (stop.days_to_decision >= 0)
            stop.days_to_decision = fmax(stop.days_to_decision, wait);
    }
    for (size_t i = 0; i < n; i++)
        verdict_out[i] = i == stop.leader                                 ? WN_ARM_LEADER
                         : best[i].p_best < 0.01 && best[i].p_near < 0.05 ? WN_ARM_DROP
                                                                          : WN_ARM_KEEP;
    *out = stop;
    return WN_OK;
}
