/* A log of a policy that showed two pages half and half: what would showing page 2 to phones and page
 * 1 to the rest have earned? */
#include "winnow/offpolicy.h"

#include <stdio.h>

#define ROWS 4000
#define PAGES 2

static uint32_t action[ROWS], device[ROWS];
static double reward[ROWS], propensity[ROWS], policy[ROWS][PAGES];

/* Phones like page 2 (6 % against 3 %), the rest page 1 (5 % against 4 %). */
static void make_log(struct wn_rand *r)
{
    static const double rates[2][PAGES] = {{0.05, 0.04}, {0.03, 0.06}};
    for (size_t i = 0; i < ROWS; i++) {
        device[i] = wn_rand_uniform(r) < 0.6; /* 1: a phone */
        action[i] = wn_rand_uniform(r) < 0.5;
        propensity[i] = 0.5;
        reward[i] = wn_rand_uniform(r) < rates[device[i]][action[i]];
        policy[i][0] = device[i] ? 0.1 : 0.9;
        policy[i][1] = device[i] ? 0.9 : 0.1;
    }
}

int main(void)
{
    struct wn_arena arena;
    struct wn_rand random;
    struct wn_why why = {0};
    struct wn_offpolicy result;
    struct wn_log log = {.n = ROWS,
                         .n_actions = PAGES,
                         .action = action,
                         .reward = reward,
                         .propensity = propensity,
                         .policy = policy[0]};
    const struct wn_log_context context = {.cell = device, .n_cells = 2};
    double *q;

    wn_arena_init(&arena, 0);
    wn_rand_init(&random, 3);
    make_log(&random);
    if (wn_offpolicy_fit(&arena, &log, &context, &random, &q, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    log.q = q;
    if (wn_offpolicy_evaluate(&arena, &log, NULL, &random, &result, &why)) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    printf("the log earned %.4f per view; it is worth %.0f views of the new policy\n",
           result.logged.value, result.ess);
    for (int e = 0; e < WN_ESTIMATOR_N; e++) {
        const struct wn_estimate *x = &result.estimates[e];
        if (x->is_known)
            printf("%-10s %.4f (%.4f to %.4f)\n", wn_estimator_name((wn_estimator)e), x->value,
                   x->low, x->high);
    }
    const struct wn_estimate *dr = &result.estimates[WN_ESTIMATOR_DR];
    double truth = 0.6 * (0.9 * 0.06 + 0.1 * 0.03) + 0.4 * (0.9 * 0.05 + 0.1 * 0.04);
    printf("the truth is %.4f\n", truth);
    wn_arena_deinit(&arena);
    return dr->low <= truth && truth <= dr->high ? 0 : 1;
}
