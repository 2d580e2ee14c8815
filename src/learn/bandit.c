/* Arms, priors, beliefs, fading, delay. */
#include "winnow/bandit.h"

#include "learn/bandit_int.h"
#include "learn/optimise.h"
#include "learn/special.h"
#include "learn/tail.h"

#include <math.h>
#include <string.h>

/* ---- checks -------------------------------------------------------------------------------------
 */

wn_rc wn_arm_check(const struct wn_arm *arm, size_t i, struct wn_why *why)
{
    bool good = arm->successes >= 0 && arm->successes <= WN_TRIALS_MAX && arm->trials >= 0 &&
                arm->trials <= WN_TRIALS_MAX;
    if (good)
        return WN_OK;
    wn_rc rc = wn_fail(why, WN_INVALID, "arm",
                       "arm %zu: %g successes in %g trials; both must be within 0 and 1e15", i + 1,
                       arm->successes, arm->trials);
    if (why)
        why->line = i + 1;
    return rc;
}

wn_rc wn_prior_check(const struct wn_prior *p, struct wn_why *why)
{
    double a = p->alpha * p->weight, b = p->beta * p->weight;
    if (p->weight > 0 && p->alpha > 0 && p->beta > 0 && a >= 1e-6 && b >= 1e-6 &&
        a <= WN_TRIALS_MAX && b <= WN_TRIALS_MAX)
        return WN_OK;
    return wn_fail(why, WN_INVALID, "prior",
                   "a prior of alpha %g, beta %g, weight %g: alpha and beta times weight must be "
                   "within 1e-6 and 1e15",
                   p->alpha, p->beta, p->weight);
}

wn_rc wn_belief_check(const struct wn_belief *b, size_t i, struct wn_why *why)
{
    if (b->a > 0 && b->b > 0 && b->a <= 4 * WN_TRIALS_MAX && b->b <= 4 * WN_TRIALS_MAX)
        return WN_OK;
    wn_rc rc = wn_fail(why, WN_INVALID, "belief",
                       "arm %zu: Beta(%g, %g) is no belief; both must be above 0 and at most 4e15",
                       i + 1, b->a, b->b);
    if (why)
        why->line = i + 1;
    return rc;
}

/* ---- priors and beliefs -------------------------------------------------------------------------
 */

/* A weight in trials beyond which own data would hardly be heard, and below which a prior says next
 * to nothing. */
#define STRENGTH_MIN 10
#define STRENGTH_MAX 2000

wn_rc wn_prior_from_mean(double mean, double sd, struct wn_prior *out, struct wn_why *why)
{
    if (!(mean > 0 && mean < 1 && sd > 0 && isfinite(sd)))
        return wn_fail(why, WN_INVALID, "prior",
                       "a prior of mean %g and deviation %g: the mean must be between 0 and 1, the "
                       "deviation above 0",
                       mean, sd);
    double strength = fmin(fmax(mean * (1 - mean) / (sd * sd) - 1, STRENGTH_MIN), STRENGTH_MAX);
    *out = (struct wn_prior){fmax(mean * strength, 1e-6), fmax((1 - mean) * strength, 1e-6), 1};
    return WN_OK;
}

struct fit {
    const struct wn_arm *arms;
    size_t n;
};

/* Minus ln of the beta-binomial likelihood, by logit of the mean and ln of the strength. */
static double fit_loss(void *context, const double *x, size_t n)
{
    const struct fit *f = context;
    (void)n;
    double mean = wn_sigmoid(x[0]), strength = exp(x[1]), loss = 0;
    double a = mean * strength, b = (1 - mean) * strength;
    if (!(strength >= 2 && strength <= STRENGTH_MAX && a > 1e-6 && b > 1e-6))
        return INFINITY;
    double none = wn_log_beta(a, b);
    for (size_t i = 0; i < f->n; i++) {
        double failures = fmax(f->arms[i].trials - f->arms[i].successes, 0);
        loss += none - wn_log_beta(a + f->arms[i].successes, b + failures);
    }
    return loss;
}

wn_rc wn_prior_fit(struct wn_arena *scratch, const struct wn_arm *arms, size_t n,
                   struct wn_prior *out, struct wn_why *why)
{
    struct wn_arm *shown = WN_ARENA_ARRAY(scratch, n, struct wn_arm);
    struct fit f = {shown, 0};
    double successes = 0, trials = 0;
    if (!shown)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = wn_arm_check(&arms[i], i, why);
        if (rc)
            return rc;
        if (!(arms[i].trials > 0))
            continue;
        shown[f.n++] = arms[i];
        successes += fmin(arms[i].successes, arms[i].trials);
        trials += arms[i].trials;
    }
    if (f.n < 3) {
        *out = WN_PRIOR_OWN;
        return WN_OK;
    }
    double x[2] = {wn_logit((successes + 1) / (trials + 2)), log(20)};
    struct wn_minimum minimum;
    wn_rc rc = wn_minimise(fit_loss, &f, x, 2, false, 0, 1e-8, 400, &minimum);
    if (rc)
        return wn_fail(why, rc, "arm", "no prior can be fitted to these counts");
    double strength = exp(x[1]), mean = wn_sigmoid(x[0]);
    *out = (struct wn_prior){mean * strength, (1 - mean) * strength, 1};
    return WN_OK;
}

wn_rc wn_bandit_belief(const struct wn_arm *arm, const struct wn_prior *prior,
                       struct wn_belief *out, struct wn_why *why)
{
    wn_rc rc = wn_prior_check(prior, why);
    if (!rc)
        rc = wn_arm_check(arm, 0, why);
    if (rc)
        return rc;
    out->a = prior->alpha * prior->weight + arm->successes;
    out->b = prior->beta * prior->weight + fmax(arm->trials - arm->successes, 0);
    return WN_OK;
}

struct wn_belief wn_belief_sane(const struct wn_belief *b)
{
    return wn_belief_check(b, 0, NULL) ? (struct wn_belief){1, 1} : *b;
}

double wn_belief_mean(const struct wn_belief *b)
{
    struct wn_belief s = wn_belief_sane(b);
    return s.a / (s.a + s.b);
}

struct wn_belief wn_belief_reshape(const struct wn_belief *b, double width)
{
    struct wn_belief s = wn_belief_sane(b);
    double w = fmin(fmax(width, 0.1), 10), scale = 1 / (w * w);
    return (struct wn_belief){fmin(s.a * scale, 4 * WN_TRIALS_MAX),
                              fmin(s.b * scale, 4 * WN_TRIALS_MAX)};
}

double wn_belief_cdf(const struct wn_belief *b, double x)
{
    struct wn_belief s = wn_belief_sane(b);
    return wn_beta_inc(s.a, s.b, x);
}

/* The quantile by bisection on the logit, with the smaller tail so that no digit is lost. */
struct quantile {
    double a, b, p;
};

static double quantile_miss(void *context, double t)
{
    const struct quantile *q = context;
    if (t < 0)
        return wn_beta_inc(q->a, q->b, wn_sigmoid(t)) - q->p;
    return 1 - q->p - wn_beta_inc(q->b, q->a, wn_sigmoid(-t));
}

double wn_belief_quantile(const struct wn_belief *b, double p)
{
    struct wn_belief s = wn_belief_sane(b);
    struct quantile q = {s.a, s.b, p > 1e-12 ? fmin(p, 1 - 1e-12) : 1e-12};
    double centre = wn_digamma(s.a) - wn_digamma(s.b);
    double sd = sqrt(wn_trigamma(s.a) + wn_trigamma(s.b));
    double reach = 40 * sd, t = centre;
    if (wn_find_zero(quantile_miss, &q, centre - reach, centre + reach, &t) != WN_OK)
        t = p < 0.5 ? centre - reach : centre + reach;
    return wn_sigmoid(t);
}

/* ---- time ---------------------------------------------------------------------------------------
 */

void wn_arm_fade(struct wn_arm *arm, double keep_daily, double days)
{
    double keep = days > 0 && keep_daily > 0 && keep_daily < 1 ? pow(keep_daily, days) : 1;
    arm->successes *= keep;
    arm->trials *= keep;
}

static const double fade_candidates[WN_FADE_CANDIDATES] = {1, .995, .98, .95, .9};

static wn_rc check_days(const struct wn_arm_day *days, size_t n, size_t n_arms, struct wn_why *why)
{
    double trials = 0;
    for (size_t i = 0; i < n; i++) {
        const struct wn_arm_day *d = &days[i];
        wn_rc rc = wn_arm_check(&(struct wn_arm){d->successes, d->trials}, i, why);
        if (!rc && d->arm >= n_arms)
            rc = wn_fail(why, WN_INVALID, "arm", "row %zu: there is no arm %u", i + 1, d->arm);
        if (!rc && i > 0 && d->day < days[i - 1].day)
            rc = wn_fail(why, WN_INVALID, "day", "row %zu: days must ascend", i + 1);
        if (rc) {
            if (why)
                why->line = i + 1;
            return rc;
        }
        trials += d->trials;
    }
    if (!(trials > 0))
        return wn_fail(why, WN_INVALID, "trials", "there are no trials to judge by");
    return WN_OK;
}

/* Sum of minus ln of each day's likelihood under the beliefs of the days before. state [n_arms],
 * last_day [n_arms]: scratch. */
static double prequential_loss(const struct wn_arm_day *days, size_t n,
                               const struct wn_prior *prior, double keep_daily,
                               struct wn_arm *state, int32_t *last_day)
{
    double loss = 0, a0 = prior->alpha * prior->weight, b0 = prior->beta * prior->weight;
    for (size_t i = 0; i < n; i++) {
        const struct wn_arm_day *d = &days[i];
        struct wn_arm *s = &state[d->arm];
        if (s->trials > 0)
            wn_arm_fade(s, keep_daily, (double)d->day - last_day[d->arm]);
        last_day[d->arm] = d->day;
        double a = a0 + s->successes, b = b0 + fmax(s->trials - s->successes, 0);
        double failures = fmax(d->trials - d->successes, 0);
        loss -= wn_log_beta(a + d->successes, b + failures) - wn_log_beta(a, b);
        s->successes += d->successes;
        s->trials += d->trials;
    }
    return loss;
}

wn_rc wn_fade_fit(struct wn_arena *scratch, const struct wn_arm_day *days, size_t n, size_t n_arms,
                  const struct wn_prior *prior, double *keep_daily_out, double *loss_out,
                  struct wn_why *why)
{
    wn_rc rc = wn_prior_check(prior, why);
    if (!rc)
        rc = check_days(days, n, n_arms, why);
    if (rc)
        return rc;
    struct wn_arm *state = WN_ARENA_ARRAY(scratch, n_arms, struct wn_arm);
    int32_t *last_day = WN_ARENA_ARRAY(scratch, n_arms, int32_t);
    if (!state || !last_day)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n_arms);
    double trials = 0, loss[WN_FADE_CANDIDATES];
    for (size_t i = 0; i < n; i++)
        trials += days[i].trials;
    size_t best = 0;
    for (size_t c = 0; c < WN_FADE_CANDIDATES; c++) {
        memset(state, 0, n_arms * sizeof *state);
        loss[c] = prequential_loss(days, n, prior, fade_candidates[c], state, last_day) / trials;
        if (loss[c] < loss[best])
            best = c;
    }
    *keep_daily_out = fade_candidates[best];
    if (loss_out)
        memcpy(loss_out, loss, sizeof loss);
    return WN_OK;
}

wn_rc wn_delay_check(const struct wn_delay *d, struct wn_why *why)
{
    double sum = 0;
    bool good = d->n <= WN_DELAY_PARTS_MAX;
    for (size_t i = 0; good && i < d->n; i++) {
        good = d->weight[i] >= 0 && isfinite(d->weight[i]) && d->mean_ms[i] >= 0 &&
               d->mean_ms[i] <= 1e15;
        sum += d->weight[i];
    }
    if (good && (d->n == 0 || (sum > 0 && isfinite(sum))))
        return WN_OK;
    return wn_fail(why, WN_INVALID, "delay",
                   "a delay has at most %d parts with weights of at least 0, not all 0, and means "
                   "from 0 to 1e15 ms",
                   WN_DELAY_PARTS_MAX);
}

double wn_delay_known(const struct wn_delay *d, double age_ms)
{
    double known = 0, sum = 0;
    if (d->n == 0)
        return 1;
    for (size_t i = 0; i < d->n; i++) {
        sum += d->weight[i];
        known += d->weight[i] * wn_delay_part(age_ms, d->mean_ms[i]);
    }
    return sum > 0 ? fmin(known / sum, 1) : 1;
}
