/* The Markov chain of patterns. */
#include "winnow/bandit.h"

#include <math.h>
#include <string.h>

#define PRIOR_PASSAGES 5.0
#define PRIOR_TRIALS 5.0
#define DISCOUNT 0.7

struct tally {
    double won, shown;
};

/* Counts of a stretch of steps. */
struct counts {
    size_t n;
    struct tally *single; /* [n] */
    struct tally *pair;   /* [n][n] */
    struct tally *triple; /* [n][n][n] */
};

static double rate_single(const struct counts *c, size_t a)
{
    double won = 0, shown = 0;
    for (size_t i = 0; i < c->n; i++) {
        won += c->single[i].won;
        shown += c->single[i].shown;
    }
    double all = (won + 1) / (shown + 2);
    return (c->single[a].won + PRIOR_TRIALS * all) / (c->single[a].shown + PRIOR_TRIALS);
}

static struct wn_belief belief_pair(const struct counts *c, size_t a, size_t b)
{
    const struct tally *t = &c->pair[a * c->n + b];
    double prior = rate_single(c, b);
    return (struct wn_belief){PRIOR_TRIALS * prior + t->won,
                              PRIOR_TRIALS * (1 - prior) + t->shown - t->won};
}

static double rate_triple(const struct counts *c, size_t a, size_t b, size_t next)
{
    const struct tally *t = &c->triple[(a * c->n + b) * c->n + next];
    struct wn_belief pair = belief_pair(c, b, next);
    return (t->won + PRIOR_TRIALS * wn_belief_mean(&pair)) / (t->shown + PRIOR_TRIALS);
}

static void count(struct counts *c, const struct wn_chain_step *steps, size_t i)
{
    const struct wn_chain_step *s = &steps[i];
    struct tally *at[3] = {&c->single[s->pattern], NULL, NULL};
    if (i >= 1 && steps[i - 1].sequence == s->sequence)
        at[1] = &c->pair[steps[i - 1].pattern * c->n + s->pattern];
    if (at[1] && i >= 2 && steps[i - 2].sequence == s->sequence)
        at[2] =
            &c->triple[(steps[i - 2].pattern * c->n + steps[i - 1].pattern) * c->n + s->pattern];
    for (int k = 0; k < 3; k++)
        if (at[k]) {
            at[k]->shown++;
            at[k]->won += s->reward;
        }
}

static wn_rc check_steps(const struct wn_chain_step *steps, size_t n, size_t n_patterns,
                         struct wn_why *why)
{
    if (n_patterns == 0 || n_patterns > WN_CHAIN_STATES_MAX)
        return wn_fail(why, WN_LIMIT, "patterns", "%zu patterns: there must be 1 to %d", n_patterns,
                       WN_CHAIN_STATES_MAX);
    for (size_t i = 0; i < n; i++)
        if (steps[i].pattern >= n_patterns || steps[i].reward > 1) {
            if (why)
                why->line = i + 1;
            return wn_fail(why, WN_INVALID, "pattern",
                           "step %zu: there is no pattern %u, or a reward that is neither 0 nor 1",
                           i + 1, steps[i].pattern);
        }
    return WN_OK;
}

/* Log-losses of the rewards of the last fifth under counts of the rest, then counts of all. */
static void judge_orders(struct counts *c, const struct wn_chain_step *steps, size_t n,
                         struct wn_chain *out)
{
    size_t from = n - n / 5, n_judged = 0;
    for (size_t i = 0; i < from; i++)
        count(c, steps, i);
    for (size_t i = from < 2 ? 2 : from; i < n; i++) {
        const struct wn_chain_step *s = &steps[i];
        if (steps[i - 1].sequence != s->sequence || steps[i - 2].sequence != s->sequence)
            continue;
        struct wn_belief one = belief_pair(c, steps[i - 1].pattern, s->pattern);
        double p[2] = {wn_belief_mean(&one),
                       rate_triple(c, steps[i - 2].pattern, steps[i - 1].pattern, s->pattern)};
        for (int k = 0; k < 2; k++)
            out->log_loss[k] -= log(s->reward ? p[k] : 1 - p[k]);
        n_judged++;
    }
    for (int k = 0; k < 2 && n_judged; k++)
        out->log_loss[k] /= (double)n_judged;
    out->looks_two_back = n_judged > 0 && out->log_loss[1] < out->log_loss[0];
    for (size_t i = from; i < n; i++)
        count(c, steps, i);
}

static void transitions(const struct counts *c, double *out)
{
    double all = 0;
    for (size_t b = 0; b < c->n; b++)
        all += c->single[b].shown;
    for (size_t a = 0; a < c->n; a++) {
        double from = 0;
        for (size_t b = 0; b < c->n; b++)
            from += c->pair[a * c->n + b].shown;
        for (size_t b = 0; b < c->n; b++) {
            double marginal = all > 0 ? c->single[b].shown / all : 1 / (double)c->n;
            out[a * c->n + b] =
                (c->pair[a * c->n + b].shown + PRIOR_PASSAGES * marginal) / (from + PRIOR_PASSAGES);
        }
    }
}

/* Value of showing b after a when the best is shown from then on: contracts by 0.7 a round. */
static void iterate_values(const struct wn_chain *c, double *best)
{
    size_t n = c->n;
    for (int round = 0; round < 200; round++) {
        double change = 0;
        for (size_t a = 0; a < n; a++) {
            double top = 0;
            for (size_t b = 0; b < n; b++) {
                double v = wn_belief_mean(&c->reward[a * n + b]) + DISCOUNT * best[b];
                c->value[a * n + b] = v;
                top = fmax(top, v);
            }
            change = fmax(change, fabs(top - best[a]));
            best[a] = top;
        }
        if (change < 1e-12)
            break;
    }
}

wn_rc wn_chain_fit(struct wn_arena *a, const struct wn_chain_step *steps, size_t n,
                   size_t n_patterns, struct wn_chain *out, struct wn_why *why)
{
    wn_rc rc = check_steps(steps, n, n_patterns, why);
    if (rc)
        return rc;
    size_t k = n_patterns;
    struct wn_chain c = {.n = k};
    struct counts t = {k, WN_ARENA_ARRAY(a, k, struct tally),
                       WN_ARENA_ARRAY(a, k * k, struct tally),
                       WN_ARENA_ARRAY(a, k * k * k, struct tally)};
    double *best = WN_ARENA_ARRAY(a, k, double);
    c.reward = WN_ARENA_ARRAY(a, k * k, struct wn_belief);
    c.transition = WN_ARENA_ARRAY(a, k * k, double);
    c.value = WN_ARENA_ARRAY(a, k * k, double);
    double *two_back = WN_ARENA_ARRAY(a, k * k * k, double);
    if (!t.single || !t.pair || !t.triple || !best || !c.reward || !c.transition || !c.value ||
        !two_back)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu patterns", k);
    judge_orders(&t, steps, n, &c);
    for (size_t i = 0; i < k * k; i++)
        c.reward[i] = belief_pair(&t, i / k, i % k);
    transitions(&t, c.transition);
    iterate_values(&c, best);
    for (size_t i = 0; i < k * k * k; i++)
        two_back[i] = rate_triple(&t, i / k / k, i / k % k, i % k);
    c.rate_two_back = c.looks_two_back ? two_back : NULL;
    *out = c;
    return WN_OK;
}

size_t wn_chain_next(const struct wn_chain *c, size_t after, struct wn_rand *r)
{
    size_t best = 0, n_ties = 1;
    double top = -1;
    for (size_t b = 0; b < c->n; b++) {
        const struct wn_belief *belief = &c->reward[after * c->n + b];
        double rate = wn_rand_beta(r, belief->a, belief->b);
        if (rate > top) {
            top = rate;
            best = b;
            n_ties = 1;
        } else if (rate == top && wn_rand_below(r, ++n_ties) == 0) {
            best = b;
        }
    }
    return best;
}
