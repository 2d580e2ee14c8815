/* Watches an A/B test day by day, as a person would: the interval may be looked at every time. Then
 * plans the next one. */
#include "winnow/experiment.h"

#include <stdio.h>

enum { DAYS = 60, PER_DAY = 1000 };

static const struct wn_str variants[2] = {{"old", 3}, {"new", 3}};

/* A simulated day: 5 % of those who saw the old page buy, 6.5 % of the others. */
static wn_rc live_a_day(struct wn_rand *random, struct wn_abtest_stat day[2], struct wn_why *why)
{
    wn_rc rc =
        wn_abtest_rate(PER_DAY, (double)wn_rand_binomial(random, PER_DAY, .05), &day[0], why);
    return rc ? rc
              : wn_abtest_rate(PER_DAY, (double)wn_rand_binomial(random, PER_DAY, .065), &day[1],
                               why);
}

int main(void)
{
    static struct wn_abtest_stat days[2 * DAYS], sums[2 * DAYS];
    struct wn_abtest_metric metric = {
        .name = WN_STR("purchases"), .kind = WN_ABTEST_RATE, .cumulative = sums, .fresh = days};
    struct wn_abtest test = {.arms = variants, .n_arms = 2, .metrics = &metric, .n_metrics = 1};
    struct wn_abtest_result result = {.is_safe_to_stop = false};
    struct wn_abtest_plan plan;
    struct wn_rand random;
    struct wn_arena arena;
    struct wn_why why = {0};
    wn_rc rc = WN_OK;

    wn_rand_init(&random, 1);
    wn_arena_init(&arena, 0);
    while (!rc && test.n_looks < DAYS && !result.is_safe_to_stop) {
        rc = live_a_day(&random, &days[2 * test.n_looks++], &why);
        wn_abtest_accumulate(days, WN_ABTEST_RATE, test.n_looks, 2, sums);
        if (!rc)
            rc = wn_abtest_analyse(&arena, &test, NULL, &result, &why);
        if (!rc && test.n_looks % 5 == 1)
            printf("day %zu: %.*s\n", test.n_looks, WN_STR_ARG(result.why));
    }
    if (!rc) {
        printf("day %zu: %.*s\n", test.n_looks, WN_STR_ARG(result.why));
        rc = wn_abtest_plan(&(struct wn_abtest_wish){.mean = .06, .effect_ratio = .1}, &random,
                            &plan, &why);
    }
    if (!rc)
        printf("The next 10 %% on top of 6 %% take %.0f units in each variant, %.0f on average.\n",
               plan.n_max, plan.n_effect);
    else
        fprintf(stderr, "%s\n", why.text);
    bool is_right = !rc && result.verdict == WN_ABTEST_SHIP && result.arm == 1;
    wn_arena_deinit(&arena);
    return is_right ? 0 : 1;
}
