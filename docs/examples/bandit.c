/* Three creatives, shown in batches: shares by Thompson sampling, rewards back, and the decision when
 * to stop. Then a model of what creatives are made of, and what to try next. */
#include "winnow/bandit.h"

#include <stdio.h>

#define N 3

static int fail(const struct wn_why *why)
{
    fprintf(stderr, "%s\n", why->text);
    return 1;
}

/* Batches until the bandit says that it may stop. */
static int choose_among_three(struct wn_arena *a, struct wn_rand *r, size_t *leader)
{
    static const double truth[N] = {0.040, 0.062, 0.045}; /* nobody knows them */
    struct wn_arm arms[N] = {{0, 0}, {0, 0}, {0, 0}};
    struct wn_belief belief[N];
    struct wn_best best[N];
    struct wn_stop stop = {0};
    struct wn_why why = {0};
    wn_arm_verdict verdict[N];
    double share[N], days[N];
    uint64_t shown[N];

    for (int day = 1; day <= 60 && !stop.may_stop; day++) {
        for (size_t i = 0; i < N; i++) {
            days[i] = day - 1;
            if (wn_bandit_belief(&arms[i], &WN_PRIOR_OWN, &belief[i], &why))
                return fail(&why);
        }
        wn_arena_reset(a);
        if (wn_bandit_best(a, belief, N, NULL, r, best, &why) ||
            wn_bandit_stop(a, arms, &WN_PRIOR_OWN, best, days, N, NULL, r, verdict, &stop, &why))
            return fail(&why);
        double p_best[N];
        for (size_t i = 0; i < N; i++)
            p_best[i] = best[i].p_best;
        if (wn_bandit_shares(p_best, day == 1 ? NULL : share, N, &WN_SHARE_OPTIONS_DEFAULT, share,
                             &why))
            return fail(&why);
        wn_bandit_split(share, N, 2000, r, shown);
        if (day % 5 == 1)
            printf("day %d: shares %.2f %.2f %.2f, P(best) %.2f %.2f %.2f\n", day, share[0],
                   share[1], share[2], p_best[0], p_best[1], p_best[2]);
        for (size_t i = 0; i < N; i++) {
            arms[i].trials += (double)shown[i];
            arms[i].successes += (double)wn_rand_binomial(r, shown[i], truth[i]);
        }
    }
    *leader = stop.leader;
    printf("creative %zu leads, may stop: %s; going on would gain at most %.4f of its rate\n",
           stop.leader + 1, stop.may_stop ? "yes" : "no", stop.loss_ratio);
    return stop.may_stop ? 0 : 1;
}

/* Hook and offer of eight creatives: which works, and which unseen combination comes next. */
static int next_brief(struct wn_arena *a, struct wn_rand *r)
{
    static const char *const hooks[] = {"question", "number", "story"};
    static const char *const offers[] = {"trial", "discount", "gift", "none"};
    struct wn_pattern_plan plan = {.n_fields = 2, .n_levels = {3, 4}};
    struct wn_creative seen[8];
    struct wn_creative brief[2];
    struct wn_pattern pattern;
    struct wn_prior prior;
    struct wn_why why = {0};
    size_t n_briefs;

    for (uint32_t i = 0; i < 8; i++) {
        seen[i] = (struct wn_creative){.level = {i % 3, i % 4}, .campaign = WN_PATTERN_NONE};
        seen[i].counts.trials = 5000;
        seen[i].counts.successes = 150 + (i % 3 == 1 ? 75 : 0) + (i % 4 == 0 ? 40 : 0);
    }
    if (wn_pattern_fit(a, seen, 8, &plan, &pattern, &why))
        return fail(&why);
    for (size_t i = 0; i < pattern.n_effects; i++) {
        const struct wn_pattern_effect *e = &pattern.effects[i];
        printf("%-9s odds x %.2f (%.2f to %.2f)\n", e->field ? offers[e->level] : hooks[e->level],
               e->odds, e->odds_low, e->odds_high);
    }
    if (wn_pattern_briefs(a, &pattern, seen, 8, 0.2, r, 2, brief, &n_briefs, &why))
        return fail(&why);
    for (size_t i = 0; i < n_briefs; i++) {
        if (wn_pattern_prior(a, &pattern, &brief[i], NULL, NULL, &prior, &why))
            return fail(&why);
        printf("try %s with %s: expected rate %.4f, worth %.0f impressions\n",
               hooks[brief[i].level[0]], offers[brief[i].level[1]],
               prior.alpha / (prior.alpha + prior.beta), prior.alpha + prior.beta);
    }
    return n_briefs == 2 ? 0 : 1;
}

int main(void)
{
    struct wn_arena arena;
    struct wn_rand random;
    size_t leader = N;

    wn_arena_init(&arena, 0);
    wn_rand_init(&random, 7);
    int status = choose_among_three(&arena, &random, &leader) || leader != 1;
    status |= next_brief(&arena, &random);
    wn_arena_deinit(&arena);
    return status;
}
