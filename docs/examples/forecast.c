/* Forecasts revenue and spend of two campaigns for a week, the return on ad spend with its interval,
 * and makes campaigns and account add up. Uses the public headers of libwinnow only:
 *
 *   cc forecast.c $(pkg-config --cflags --libs winnow) -lm */
#include "winnow/forecast.h"

#include <math.h>
#include <stdio.h>

enum { DAYS = 120, AHEAD = 7 };

/* What would come out of a database: daily sums, oldest first, NaN where no report has arrived. */
static void make_history(struct wn_rand *r, double level, double roas, double *spend,
                         double *revenue)
{
    for (int t = 0; t < DAYS; t++) {
        double weekend = t % 7 >= 5 ? 1.3 : 1.0;
        double common = exp(0.1 * wn_rand_normal(r));
        spend[t] = level * weekend * common;
        revenue[t] = roas * spend[t] * exp(0.1 * wn_rand_normal(r));
    }
    revenue[60] = (double)NAN;
}

static int complain(const struct wn_why *why)
{
    fprintf(stderr, "%s\n", why->text);
    return 1;
}

int main(void)
{
    static double spend[2][DAYS], revenue[2][DAYS], total[DAYS];
    struct wn_rand r;
    struct wn_arena a; /* all results live in it */
    struct wn_why why = {0};
    wn_rand_init(&r, 2026);
    wn_arena_init(&a, 0);
    make_history(&r, 100, 3.0, spend[0], revenue[0]);
    make_history(&r, 300, 1.5, spend[1], revenue[1]);
    for (int t = 0; t < DAYS; t++)
        total[t] = spend[0][t] + spend[1][t];

    const struct wn_forecast_series series[] = {{total, DAYS, NULL},
                                                {spend[0], DAYS, NULL},
                                                {spend[1], DAYS, NULL},
                                                {revenue[0], DAYS, NULL},
                                                {revenue[1], DAYS, NULL}};
    const double levels[] = {0.80, 0.95};
    const struct wn_forecast_options options = {
        .horizon = AHEAD, .frequency = WN_FREQUENCY_DAILY, .levels = {0.80, 0.95}, .n_levels = 2};
    struct wn_forecast f[5];
    if (wn_forecast_batch(series, 5, &options, &a, f, &why))
        return complain(&why);

    /* The account's spend and its campaigns' must add up, day by day. */
    const size_t parent[] = {WN_TREE_ROOT, 0, 0};
    double values[3][AHEAD], variances[3];
    for (int i = 0; i < 3; i++) {
        variances[i] = f[i].error_abs * f[i].error_abs;
        for (int h = 0; h < AHEAD; h++)
            values[i][h] = f[i].mean[h];
    }
    if (wn_forecast_reconcile(parent, 3, AHEAD, values[0], variances, NULL, &why))
        return complain(&why);

    printf("day  account spend = campaign 1 + campaign 2   (80 %% of campaign 1)\n");
    for (int h = 0; h < AHEAD; h++)
        printf("%3d  %13.2f = %10.2f + %10.2f   (%.2f to %.2f)\n", h + 1, values[0][h],
               values[1][h], values[2][h], f[1].low[h], f[1].high[h]);

    /* A ratio is forecast from its two sums. */
    struct wn_ratio_forecast roas;
    if (wn_forecast_ratio(&f[3], &f[1], levels, 2, 0, &r, &a, &roas, &why))
        return complain(&why);
    printf("\nreturn on ad spend of campaign 1, tomorrow: %.2f (95 %%: %.2f to %.2f)\n",
           roas.mean[0], roas.low[AHEAD], roas.high[AHEAD]);
    printf("made of:");
    for (int k = 0; k < WN_FORECAST_MEMBERS; k++)
        if (f[1].weights[k] > 0)
            printf(" %s %.0f %%;", wn_forecast_member_words((wn_forecast_member)k),
                   100 * f[1].weights[k]);
    printf("\nits back-tests were off by %.1f %% (sMAPE)\n", f[1].error_smape);
    wn_arena_deinit(&a);
    return 0;
}
