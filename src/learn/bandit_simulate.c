/* Policies against a known truth: regret curves of simulated worlds, and replays of full tables. */
#include "learn/bandit_int.h"
#include "learn/conformal.h"

#include <math.h>
#include <string.h>

const char *wn_policy_name(wn_policy_kind kind)
{
    static const char *const names[WN_POLICY_N] = {"thompson", "top-two", "ucb1",
                                                   "epsilon",  "greedy",  "random"};
    return names[kind];
}

/* A policy at work. */
struct player {
    struct wn_policy policy;
    struct wn_prior prior;
    size_t n;
    struct wn_arm *arms; /* [n], trials effective */
    double *index;       /* [n], of the policies that choose by one */
    double t;            /* trials so far */
    double refit_at;     /* trials at which the prior is fitted again */
    struct wn_bandit_sampler *sampler;
    struct wn_arena *scratch; /* emptied at each fit */
};

static wn_rc check_policy(const struct wn_policy *p, size_t n, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    if ((unsigned)p->kind >= WN_POLICY_N)
        return wn_fail(why, WN_INVALID, "policy", "there is no such policy");
    if (!(p->width >= 0 && p->width <= 10 && p->scale >= 0 && p->scale <= 1e6))
        return wn_fail(why, WN_INVALID, "policy", "width must be 0 to 10, scale 0 to 1e6");
    if (p->kind == WN_POLICY_EPSILON && p->scale > 1)
        return wn_fail(why, WN_INVALID, "policy", "epsilon must be at most 1");
    for (size_t i = 0; p->arm_priors && i < n && !rc; i++)
        rc = wn_prior_check(&p->arm_priors[i], why);
    return rc || p->prior.weight == 0 ? rc : wn_prior_check(&p->prior, why);
}

static wn_rc player_new(struct wn_arena *a, struct wn_arena *scratch,
                        const struct wn_policy *policy, size_t n, struct player *out,
                        struct wn_why *why)
{
    struct player p = {.policy = *policy, .n = n, .scratch = scratch};
    wn_rc rc = wn_bandit_sampler_new(a, n, &p.sampler, why);
    if (!rc)
        rc = check_policy(policy, n, why);
    if (rc)
        return rc;
    p.policy.width = p.policy.width > 0 ? p.policy.width : 1;
    if (!(p.policy.scale > 0))
        p.policy.scale = policy->kind == WN_POLICY_EPSILON ? 0.1 : 2;
    p.arms = WN_ARENA_ARRAY(a, n, struct wn_arm);
    p.index = WN_ARENA_ARRAY(a, n, double);
    if (!p.arms || !p.index)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    *out = p;
    return WN_OK;
}

static struct wn_belief belief_of(const struct player *p, size_t i)
{
    const struct wn_prior *prior = p->policy.arm_priors ? &p->policy.arm_priors[i] : &p->prior;
    double failures = fmax(p->arms[i].trials - p->arms[i].successes, 0);
    struct wn_belief b = {prior->alpha * prior->weight + p->arms[i].successes,
                          prior->beta * prior->weight + failures};
    return wn_belief_reshape(&b, p->policy.width);
}

static double index_of(const struct player *p, size_t i)
{
    const struct wn_arm *arm = &p->arms[i];
    struct wn_belief b;
    switch (p->policy.kind) {
    case WN_POLICY_UCB1:
        if (!(arm->trials > 0))
            return INFINITY;
        return arm->successes / arm->trials + sqrt(p->policy.scale * log(p->t) / arm->trials);
    case WN_POLICY_EPSILON:
    case WN_POLICY_GREEDY:
        b = belief_of(p, i);
        return wn_belief_mean(&b);
    default:
        return 0;
    }
}

static void arm_changed(struct player *p, size_t i)
{
    if (p->policy.kind == WN_POLICY_THOMPSON || p->policy.kind == WN_POLICY_TOP_TWO) {
        struct wn_belief b = belief_of(p, i);
        wn_bandit_sampler_set(p->sampler, i, &b);
    } else if (p->policy.kind != WN_POLICY_UCB1) { /* every round moves all indices of UCB1 */
        p->index[i] = index_of(p, i);
    }
}

static void player_start(struct player *p)
{
    p->prior = p->policy.prior.weight > 0 ? p->policy.prior : WN_PRIOR_OWN;
    p->t = 0;
    p->refit_at = 2 * (double)p->n;
    memset(p->arms, 0, p->n * sizeof *p->arms);
    for (size_t i = 0; i < p->n; i++)
        arm_changed(p, i);
}

static size_t largest(const double *x, size_t n, struct wn_rand *r)
{
    size_t best = 0, n_ties = 1;
    for (size_t i = 1; i < n; i++) {
        if (x[i] > x[best]) {
            best = i;
            n_ties = 1;
        } else if (x[i] == x[best] && wn_rand_below(r, ++n_ties) == 0) {
            best = i;
        }
    }
    return best;
}

#define REDRAWS_MAX 50

/* The rival of a leader: redrawn until another arm wins; after many draws, which say that the
 * leader is all but certain, any other. */
static size_t rival_of(const struct player *p, size_t leader, struct wn_rand *r)
{
    if (p->n == 1)
        return leader;
    for (int i = 0; i < REDRAWS_MAX; i++) {
        size_t other = wn_bandit_sampler_choose(p->sampler, r);
        if (other != leader)
            return other;
    }
    size_t other = (size_t)wn_rand_below(r, p->n - 1);
    return other + (other >= leader);
}

static size_t player_choose(struct player *p, struct wn_rand *r)
{
    size_t leader;
    switch (p->policy.kind) {
    case WN_POLICY_THOMPSON:
        return wn_bandit_sampler_choose(p->sampler, r);
    case WN_POLICY_TOP_TWO:
        leader = wn_bandit_sampler_choose(p->sampler, r);
        return wn_rand_uniform(r) < 0.5 ? leader : rival_of(p, leader, r);
    case WN_POLICY_UCB1:
        for (size_t i = 0; i < p->n; i++)
            p->index[i] = index_of(p, i);
        return largest(p->index, p->n, r);
    case WN_POLICY_EPSILON:
        if (wn_rand_uniform(r) < p->policy.scale)
            return (size_t)wn_rand_below(r, p->n);
        return largest(p->index, p->n, r);
    case WN_POLICY_GREEDY:
        return largest(p->index, p->n, r);
    default:
        return (size_t)wn_rand_below(r, p->n);
    }
}

static wn_rc refit(struct player *p, struct wn_why *why)
{
    if (!p->policy.fits_prior || p->t < p->refit_at)
        return WN_OK;
    p->refit_at = p->t * 1.5;
    wn_arena_reset(p->scratch);
    wn_rc rc = wn_prior_fit(p->scratch, p->arms, p->n, &p->prior, why);
    for (size_t i = 0; i < p->n && !rc; i++)
        arm_changed(p, i);
    return rc;
}

/* ---- worlds -------------------------------------------------------------------------------------
 */

#define ROUNDS_MAX (UINT64_C(1) << 40)
#define BATCHES_MAX (UINT64_C(1) << 26) /* with late conversions, which are kept by batch */

/* One run and what it needs. */
struct run {
    const struct wn_world *world;
    struct player player;
    uint64_t batch, n_batches;
    double best_rate;
    double *late;        /* [n_batches][n_arms]: conversions by the batch in which they arrive */
    double *unseen;      /* [n_arms]: sum over trials of exp(-age / late_mean) */
    double *shown, *won; /* [n_arms] of this batch */
    double *total;       /* [n_arms] trials */
    double regret, successes;
};

static wn_rc check_world(const struct wn_world *w, struct wn_why *why)
{
    if (w->n_arms == 0 || w->n_arms > WN_ARMS_MAX)
        return wn_fail(why, WN_INVALID, "rates", "%zu arms: there must be 1 to %d", w->n_arms,
                       WN_ARMS_MAX);
    for (size_t i = 0; i < w->n_arms; i++)
        if (!(w->rates[i] >= 0 && w->rates[i] <= 1))
            return wn_fail(why, WN_INVALID, "rates", "arm %zu: a rate of %g is not within 0 and 1",
                           i + 1, w->rates[i]);
    if (w->n_rounds == 0 || w->n_rounds > ROUNDS_MAX)
        return wn_fail(why, WN_INVALID, "rounds", "there must be 1 to 2^40 rounds");
    if (!(w->late_ratio >= 0 && w->late_ratio <= 1) ||
        (w->late_ratio > 0 && !(w->late_mean > 0 && w->late_mean <= WN_TRIALS_MAX)))
        return wn_fail(why, WN_INVALID, "late",
                       "the late part must be within 0 and 1, and its mean delay above 0 rounds");
    return WN_OK;
}

static wn_rc run_new(struct wn_arena *a, struct wn_arena *scratch, const struct wn_world *world,
                     const struct wn_policy *policy, struct run *out, struct wn_why *why)
{
    struct run r = {.world = world, .batch = world->batch ? world->batch : 1};
    size_t n = world->n_arms;
    wn_rc rc = player_new(a, scratch, policy, n, &r.player, why);
    if (rc)
        return rc;
    r.n_batches = (world->n_rounds + r.batch - 1) / r.batch;
    if (world->late_ratio > 0) {
        if (r.n_batches > BATCHES_MAX / n)
            return wn_fail(why, WN_LIMIT, "batch",
                           "late conversions over %llu batches of %zu arms are too many: take "
                           "larger batches",
                           (unsigned long long)r.n_batches, n);
        r.late = WN_ARENA_ARRAY(a, r.n_batches * n, double);
    }
    r.unseen = WN_ARENA_ARRAY(a, n, double);
    r.shown = WN_ARENA_ARRAY(a, n, double);
    r.won = WN_ARENA_ARRAY(a, n, double);
    r.total = WN_ARENA_ARRAY(a, n, double);
    if ((world->late_ratio > 0 && !r.late) || !r.unseen || !r.shown || !r.won || !r.total)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu arms", n);
    for (size_t i = 0; i < n; i++)
        r.best_rate = fmax(r.best_rate, world->rates[i]);
    *out = r;
    return WN_OK;
}

static void run_start(struct run *r)
{
    size_t n = r->world->n_arms;
    player_start(&r->player);
    if (r->late)
        memset(r->late, 0, r->n_batches * n * sizeof *r->late);
    memset(r->unseen, 0, n * sizeof *r->unseen);
    memset(r->total, 0, n * sizeof *r->total);
    r->regret = r->successes = 0;
}

static void show(struct run *r, uint64_t batch, uint64_t n_rounds, struct wn_rand *rand)
{
    const struct wn_world *w = r->world;
    size_t n = w->n_arms;
    memset(r->shown, 0, n * sizeof *r->shown);
    memset(r->won, 0, n * sizeof *r->won);
    for (uint64_t i = 0; i < n_rounds; i++) {
        size_t arm = player_choose(&r->player, rand);
        r->shown[arm]++;
        r->regret += r->best_rate - w->rates[arm];
        if (wn_rand_uniform(rand) >= w->rates[arm])
            continue;
        r->successes++;
        if (!(w->late_ratio > 0) || wn_rand_uniform(rand) >= w->late_ratio) {
            r->won[arm]++;
            continue;
        }
        double wait = wn_rand_exponential(rand) * w->late_mean / (double)r->batch;
        double arrives = (double)batch + 1 + floor(wait);
        if (arrives < (double)r->n_batches)
            r->late[(uint64_t)arrives * n + arm]++;
    }
}

/* What the policy learns of a batch: trials shown in it, conversions that came by its end, and how
 * many of all trials count by now. */
static void learn(struct run *r, uint64_t batch, uint64_t n_rounds)
{
    const struct wn_world *w = r->world;
    struct player *p = &r->player;
    bool is_late = r->late && !w->ignores_late;
    double keep = is_late ? exp(-(double)n_rounds / w->late_mean) : 0;
    p->t += (double)n_rounds;
    for (size_t i = 0; i < w->n_arms; i++) {
        double late = r->late ? r->late[batch * w->n_arms + i] : 0;
        if (!is_late && r->shown[i] == 0 && late == 0)
            continue;
        r->total[i] += r->shown[i];
        r->unseen[i] = (r->unseen[i] + r->shown[i]) * keep;
        p->arms[i].successes += r->won[i] + late;
        p->arms[i].trials = r->total[i] - (is_late ? w->late_ratio * r->unseen[i] : 0);
        arm_changed(p, i);
    }
}

static wn_rc run_once(struct run *r, struct wn_rand *rand, struct wn_regret *curve, double *mean,
                      double *square, struct wn_why *why)
{
    uint64_t done = 0;
    size_t point = 0;
    run_start(r);
    for (uint64_t batch = 0; batch < r->n_batches; batch++) {
        uint64_t left = r->world->n_rounds - done, n = left < r->batch ? left : r->batch;
        show(r, batch, n, rand);
        learn(r, batch, n);
        done += n;
        wn_rc rc = refit(&r->player, why);
        if (rc)
            return rc;
        for (; point < curve->n_points && curve->round[point] <= done; point++) {
            mean[point] += r->regret;
            square[point] += r->regret * r->regret;
        }
    }
    return WN_OK;
}

static void summarise(struct wn_regret *out, const double *sum, const double *square, double *last,
                      uint32_t n_runs)
{
    double n = n_runs;
    for (size_t i = 0; i < out->n_points; i++) {
        out->mean[i] = sum[i] / n;
        double variance = n > 1 ? (square[i] - sum[i] * sum[i] / n) / (n - 1) : 0;
        out->se[i] = sqrt(fmax(variance, 0) / n);
    }
    out->median = wn_select(last, n_runs, n_runs / 2);
    out->low = wn_select(last, n_runs, n_runs / 10);
    out->high = wn_select(last, n_runs, n_runs - 1 - n_runs / 10);
}

wn_rc wn_bandit_simulate(struct wn_arena *scratch, const struct wn_world *world,
                         const struct wn_policy *policy, uint32_t n_runs, struct wn_rand *r,
                         struct wn_regret *out, struct wn_why *why)
{
    struct wn_arena fits;
    struct run run = {0};
    struct wn_regret curve = {0};
    double sum[WN_CURVE_POINTS] = {0}, square[WN_CURVE_POINTS] = {0};
    wn_rc rc = check_world(world, why);
    if (!rc && n_runs == 0)
        rc = wn_fail(why, WN_INVALID, "runs", "there must be a run");
    if (rc)
        return rc;
    wn_arena_init(&fits, scratch->max_bytes);
    double *last = WN_ARENA_ARRAY(scratch, n_runs, double);
    rc = last ? run_new(scratch, &fits, world, policy, &run, why)
              : wn_fail(why, WN_MEMORY, NULL, "no memory for %u runs", n_runs);
    uint64_t n_points = world->n_rounds < WN_CURVE_POINTS ? world->n_rounds : WN_CURVE_POINTS;
    for (uint64_t i = 0; i < n_points; i++) {
        uint64_t round = (uint64_t)((double)world->n_rounds * (double)(i + 1) / (double)n_points);
        curve.round[curve.n_points++] = i + 1 == n_points ? world->n_rounds : round;
    }
    WN_ASSERT(rc || (last && run.world));
    for (uint32_t k = 0; k < n_runs && !rc; k++) {
        rc = run_once(&run, r, &curve, sum, square, why);
        last[k] = run.regret;
        curve.successes += run.successes / n_runs;
    }
    wn_arena_deinit(&fits);
    if (rc)
        return rc;
    summarise(&curve, sum, square, last, n_runs);
    *out = curve;
    return WN_OK;
}

wn_rc wn_bandit_replay(struct wn_arena *scratch, const uint8_t *reward, uint64_t n_rounds,
                       size_t n_arms, const struct wn_policy *policy, struct wn_rand *r,
                       uint64_t *successes_out, struct wn_why *why)
{
    struct wn_arena fits;
    struct player p = {0};
    uint64_t successes = 0;
    wn_arena_init(&fits, scratch->max_bytes);
    wn_rc rc = player_new(scratch, &fits, policy, n_arms, &p, why);
    WN_ASSERT(rc || p.arms);
    if (!rc)
        player_start(&p);
    for (uint64_t round = 0; round < n_rounds && !rc; round++) {
        size_t arm = player_choose(&p, r);
        bool won = reward[round * n_arms + arm] != 0;
        successes += won;
        p.arms[arm].trials++;
        p.arms[arm].successes += won;
        p.t++;
        arm_changed(&p, arm);
        rc = refit(&p, why);
    }
    wn_arena_deinit(&fits);
    if (!rc)
        *successes_out = successes;
    return rc;
}
