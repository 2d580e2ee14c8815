/* Measures the allocation: time and distance from the dual bound for many entities, and what the
 * fit of their curves costs and finds on simulated histories and on the market simulator.
 *
 *     bench_learn_allocate [DATA]      DATA is not needed */
#include "winnow/allocate.h"

#include "core/num.h"
#include "sandbox/market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = 10000, POINTS = 200, DAYS = 90, ROUNDS = 7 };

/* Time of this process, so that other programs on the machine do not count. */
static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double seconds_since(int64_t start_ns)
{
    return (double)(now_ns() - start_ns) / 1e9;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

/* ---- the optimiser --------------------------------------------------------------------------------
 */

/* The dual of the log instance in closed form: min over prices of price * B + sum of each entity's
 * best against it, by bisection on where the spend meets the budget. Independent of the library. */
static double log_dual(const struct wn_respond *f, size_t n, double budget)
{
    double low = 0, high = 1e6, bound = INFINITY;
    for (int k = 0; k < 200; k++) {
        double price = .5 * (low + high), spend = 0, value = price * budget;
        for (size_t i = 0; i < n; i++) {
            double x = fmax(f[i].a / price - f[i].b, 0);
            spend += x;
            value += f[i].a * log1p(x / f[i].b) - price * x;
        }
        bound = fmin(bound, value);
        *(spend > budget ? &low : &high) = price;
    }
    return bound;
}

static double best_time(const struct wn_allocate_entity *e, size_t n,
                        const struct wn_allocate_options *o, struct wn_allocation *out,
                        struct wn_arena *a)
{
    double best = INFINITY;
    struct wn_why why = {0};
    for (int k = 0; k < ROUNDS; k++) {
        wn_arena_reset(a);
        int64_t start = now_ns();
        must(wn_allocate(a, e, n, o, NULL, out, &why), &why);
        best = fmin(best, seconds_since(start));
    }
    return best;
}

static void report(const char *name, double seconds, const struct wn_allocation *out, double dual)
{
    printf("  %-34s %8.1f ms   below the dual bound: %.1e relative\n", name, seconds * 1e3,
           (dual - out->expected) / dual);
}

static void optimiser(struct wn_arena *keep)
{
    struct wn_rand r;
    struct wn_arena a;
    struct wn_allocation out;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    struct wn_respond *f = WN_ARENA_ARRAY(keep, N, struct wn_respond);
    struct wn_allocate_entity *e = WN_ARENA_ARRAY(keep, N, struct wn_allocate_entity);
    double *x = WN_ARENA_ARRAY(keep, POINTS, double), *y = WN_ARENA_ARRAY(keep, N * POINTS, double);
    if (!f || !e || !x || !y)
        exit(1);
    struct wn_allocate_options o = {.budget_micros = (int64_t)N * 100 * WN_MICROS};
    for (int k = 0; k < POINTS; k++)
        x[k] = 2000. * k * k / (POINTS - 1) / (POINTS - 1);
    for (int i = 0; i < N; i++) {
        f[i] = (struct wn_respond){200 * exp(wn_rand_normal(&r)), 100 * exp(wn_rand_normal(&r)), 0};
        for (int k = 0; k < POINTS; k++)
            y[i * POINTS + k] = f[i].a * log1p(x[k] / f[i].b);
        e[i] = (struct wn_allocate_entity){
            .x = x, .y = y + i * POINTS, .n_points = POINTS, .hi_micros = WN_NO_LIMIT};
    }
    printf("%d entities, %d points each, one core (best of %d)\n", N, POINTS, ROUNDS);
    double seconds = best_time(e, N, &o, &out, &a);
    report("concave curves by points", seconds, &out, out.bound);
    for (int i = 0; i < N; i++)
        e[i] = (struct wn_allocate_entity){
            .respond = wn_respond_log, .context = &f[i], .hi_micros = WN_NO_LIMIT};
    seconds = best_time(e, N, &o, &out, &a);
    report("concave curves by formula", seconds, &out, log_dual(f, N, N * 100.));
    for (int i = 0; i < N; i++) {
        f[i].s = .7 + 2 * wn_rand_uniform(&r);
        e[i].respond = wn_respond_hill;
    }
    seconds = best_time(e, N, &o, &out, &a);
    report("S-shaped curves by formula", seconds, &out, out.bound);
    wn_arena_deinit(&a);
}

/* ---- fitting --------------------------------------------------------------------------------------
 */

struct score {
    double covered, error, naive, n;
};

static void print_score(const char *name, const struct score *s)
{
    printf(
        "  %-34s coverage of the 80 %% interval %.3f, mean error %.3f, of the plain ratio %.3f\n",
        name, s->covered / s->n, s->error / s->n, s->naive / s->n);
}

/* Histories from the model's own family: Hill or linear, carry-over, noise. */
static void family(struct wn_arena *keep)
{
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_curve *curves;
    struct score s = {0};
    wn_rand_init(&r, 2);
    struct wn_history *h = WN_ARENA_ARRAY(keep, N, struct wn_history);
    double *numbers = WN_ARENA_ARRAY(keep, 2 * N * DAYS, double);
    double *truth = WN_ARENA_ARRAY(keep, N, double), *half = WN_ARENA_ARRAY(keep, N, double);
    double *slope = WN_ARENA_ARRAY(keep, N, double);
    int32_t *days = WN_ARENA_ARRAY(keep, DAYS, int32_t);
    if (!h || !numbers || !truth || !half || !slope || !days)
        exit(1);
    for (int d = 0; d < DAYS; d++)
        days[d] = d;
    for (int i = 0; i < N; i++) {
        double *spend = numbers + 2 * i * DAYS, *revenue = spend + DAYS, stock = 0;
        double mean = exp(4 + wn_rand_normal(&r)), carry = .3 * (double)wn_rand_below(&r, 3);
        half[i] = wn_rand_uniform(&r) < .2 ? INFINITY : mean * 1.5 * exp(.8 * wn_rand_normal(&r));
        slope[i] = fmin(fmax(1.1 + .5 * wn_rand_normal(&r), .6), 2.4);
        double noise = .1 + .2 * wn_rand_uniform(&r), roas = exp(.7 + .4 * wn_rand_normal(&r));
        truth[i] = isinf(half[i]) ? roas : roas * mean * (1 + pow(half[i] / mean, slope[i]));
        for (int d = 0; d < DAYS; d++) {
            spend[d] = mean * exp(.4 * wn_rand_normal(&r) - .08);
            stock = d ? carry * stock + (1 - carry) * spend[d] : spend[d];
            double is =
                isinf(half[i]) ? roas * stock : truth[i] / (1 + pow(half[i] / stock, slope[i]));
            revenue[d] =
                fmax(is + noise * roas * mean * sqrt(is / roas / mean) * wn_rand_normal(&r), 0);
        }
        h[i] = (struct wn_history){
            .days = days, .spend = spend, .revenue = revenue, .n = DAYS, .group = (uint32_t)i / 50};
    }
    int64_t start = now_ns();
    must(wn_curves_fit(keep, h, N, NULL, &curves, &why), &why);
    double seconds = seconds_since(start);
    for (int i = 0; i < N; i++) {
        double x = curves[i].spend_mean, sum = 0;
        double is = isinf(half[i]) ? truth[i] : truth[i] / (1 + pow(half[i] / x, slope[i])) / x;
        for (int d = 0; d < DAYS; d++)
            sum += h[i].revenue[d] / DAYS;
        s.covered += curves[i].roas_low <= is && is <= curves[i].roas_high;
        s.error += fabs(curves[i].roas_mean / is - 1);
        s.naive += fabs(sum / x / is - 1);
        s.n++;
    }
    printf("fit of %d histories of %d days: %.2f s, %.2f us a row\n", N, DAYS, seconds,
           seconds / N / DAYS * 1e6);
    print_score("ROAS, the model's own family", &s);
    struct wn_arena a;
    struct wn_allocation out;
    struct wn_allocate_entity *e = WN_ARENA_ARRAY(keep, N, struct wn_allocate_entity);
    double now = 0;
    if (!e)
        exit(1);
    for (int i = 0; i < N; i++) {
        e[i] = (struct wn_allocate_entity){.curve = &curves[i], .hi_micros = WN_NO_LIMIT};
        now += curves[i].spend_now;
    }
    struct wn_allocate_options o = {.budget_micros = (int64_t)(now * 1e6)};
    wn_arena_init(&a, 0);
    seconds = best_time(e, N, &o, &out, &a);
    report("fitted curves", seconds, &out, out.bound);
    wn_arena_deinit(&a);
}

/* The market simulator: other curves than ours (audience exhaustion), seasons, competitors, fatigue,
 * late conversions, outages. Budgets wander by 30 %. Truth: the market's response at the mean
 * spend, as the platform reports it. */
static void market(uint64_t seed, struct score *roas, struct score *gain)
{
    enum { CAMPAIGNS = 30, DAYS_RUN = 120 };
    struct wn_market *m;
    struct wn_why why = {0};
    struct wn_rand r;
    struct wn_arena keep, day;
    static int32_t days[DAYS_RUN];
    static double spend[CAMPAIGNS][DAYS_RUN], revenue[CAMPAIGNS][DAYS_RUN];
    static double zero[CAMPAIGNS];
    double level[CAMPAIGNS] = {0};
    struct wn_history h[CAMPAIGNS];
    struct wn_curve *curves;
    struct wn_market_options o = {.seed = seed,
                                  .n_channels = 6,
                                  .n_campaigns = CAMPAIGNS,
                                  .n_ads_per_group_max = 2,
                                  .day_from = 20000,
                                  .n_days = DAYS_RUN + 60};
    wn_rand_init(&r, seed);
    wn_arena_init(&keep, 0);
    wn_arena_init(&day, 0);
    must(wn_market_new(&o, &m, &why), &why);
    for (int d = 0; d < DAYS_RUN; d++) {
        double budgets[CAMPAIGNS];
        struct wn_market_row *rows;
        size_t n;
        days[d] = 20000 + d;
        for (int c = 0; c < CAMPAIGNS; c++) {
            spend[c][d] = revenue[c][d] = 0;
            /* Slowly, or the platform would learn anew all the time. */
            level[c] = .9 * level[c] + .3 * sqrt(1 - .81) * wn_rand_normal(&r);
            budgets[c] = wn_market_campaign(m, (size_t)c)->daily_budget * exp(level[c]);
        }
        wn_arena_reset(&day);
        must(wn_market_next_day(m, budgets, &day, &rows, &n, &why), &why);
        for (size_t k = 0; k < n; k++) {
            spend[rows[k].campaign][d] += (double)rows[k].spend_micros / 1e6;
            revenue[rows[k].campaign][d] += (double)rows[k].revenue_micros / 1e6;
        }
    }
    for (int c = 0; c < CAMPAIGNS; c++) {
        int from = 0, to = DAYS_RUN; /* the days on which it ran */
        while (from < to && spend[c][from] <= 0)
            from++;
        while (to > from && spend[c][to - 1] <= 0)
            to--;
        h[c] = (struct wn_history){.days = days + from,
                                   .spend = spend[c] + from,
                                   .revenue = revenue[c] + from,
                                   .n = (size_t)(to - from),
                                   .group = (uint32_t)wn_market_campaign(m, (size_t)c)->channel};
        zero[c] = to - from < 30;
    }
    must(wn_curves_fit(&keep, h, CAMPAIGNS, NULL, &curves, &why), &why);
    for (int c = 0; c < CAMPAIGNS; c++) {
        double share = wn_market_campaign(m, (size_t)c)->incremental_ratio,
               x = curves[c].spend_mean;
        if (zero[c] || curves[c].is_empty)
            continue;
        double is = wn_market_true_response(m, (size_t)c, x) / share / x, total = 0;
        for (size_t d = 0; d < h[c].n; d++)
            total += h[c].revenue[d] / (double)h[c].n;
        roas->covered += curves[c].roas_low <= is && is <= curves[c].roas_high;
        roas->error += fabs(curves[c].roas_mean / is - 1);
        roas->naive += fabs(total / x / is - 1);
        roas->n++;
        /* What half as much again would bring: the shape, not the level. */
        double more, now, true_more = wn_market_true_response(m, (size_t)c, 1.5 * x) / share / x;
        wn_curve_at(&curves[c], 1.5 * x, &more, NULL, NULL);
        wn_curve_at(&curves[c], x, &now, NULL, NULL);
        gain->error += fabs(more / now - true_more / is);
        gain->naive += fabs(1.5 - true_more / is); /* "returns stay as they are" */
        gain->n++;
    }
    wn_market_free(m);
    wn_arena_deinit(&keep);
    wn_arena_deinit(&day);
}

int main(void)
{
    struct wn_arena keep;
    struct score roas = {0}, gain = {0};
    wn_arena_init(&keep, 0);
    optimiser(&keep);
    family(&keep);
    enum { MARKETS = 20 };
    for (uint64_t seed = 1; seed <= MARKETS; seed++)
        market(seed, &roas, &gain);
    printf("market simulator, %d worlds of 30 campaigns, 120 days\n", MARKETS);
    print_score("ROAS against the long-run truth", &roas);
    printf("  %-34s mean error %.3f, of a straight line %.3f\n", "return of 1.5 x spend over 1 x",
           gain.error / gain.n, gain.naive / gain.n);
    wn_arena_deinit(&keep);
    return 0;
}
