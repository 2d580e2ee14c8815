/* Measures the fit of response curves: on simulated histories from the model's own family, and on
 * the market simulator, whose truth the model does not share.
 *
 *     bench_learn_curve [DATA]                 DATA is not needed
 *     bench_learn_curve DATA --export DIR      also writes the market's days and truths as
 *                                              DIR/history.csv and DIR/truth.csv, for the peer */
#include "winnow/allocate.h"

#include "core/num.h"
#include "sandbox/market.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define Z80 1.2815515655446004 /* the 90 % quantile: half of an 80 % interval */

/* Time of this process, so that other programs on the machine do not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

struct score {
    double covered, error, naive, n;
};

static void add_score(struct score *s, double is, double low, double found, double high,
                      double naive)
{
    s->covered += low <= is && is <= high;
    s->error += fabs(found / is - 1);
    s->naive += fabs(naive / is - 1);
    s->n++;
}

static void print_score(const char *name, const struct score *s)
{
    printf(
        "  %-36s coverage of the 80 %% interval %.3f, mean error %.3f, of the plain ratio %.3f\n",
        name, s->covered / s->n, s->error / s->n, s->naive / s->n);
}

/* ---- the model's own family ------------------------------------------------------------------------
 */

enum { FAMILY = 10000, FAMILY_DAYS = 90 };

struct truth {
    double mean, half, slope, roas, gain; /* half INFINITY: linear */
};

static double steady(const struct truth *t, double x)
{
    return isinf(t->half) ? t->roas * x : t->gain / (1 + pow(t->half / x, t->slope));
}

/* Hill or linear, carry-over, spend that moves, noise. */
static void draw_history(struct wn_rand *r, struct truth *t, double *spend, double *revenue)
{
    double stock = 0, carry = .3 * (double)wn_rand_below(r, 3), mean = exp(4 + wn_rand_normal(r));
    *t = (struct truth){.mean = mean};
    t->half = wn_rand_uniform(r) < .2 ? INFINITY : mean * 1.5 * exp(.8 * wn_rand_normal(r));
    t->slope = fmin(fmax(1.1 + .5 * wn_rand_normal(r), .6), 2.4);
    double noise = .1 + .2 * wn_rand_uniform(r);
    t->roas = exp(.7 + .4 * wn_rand_normal(r));
    t->gain = isinf(t->half) ? 0 : t->roas * mean * (1 + pow(t->half / mean, t->slope));
    for (int d = 0; d < FAMILY_DAYS; d++) {
        spend[d] = mean * exp(.4 * wn_rand_normal(r) - .08);
        stock = d ? carry * stock + (1 - carry) * spend[d] : spend[d];
        double is = steady(t, stock), usual = t->roas * mean;
        revenue[d] = fmax(is + noise * usual * sqrt(is / usual) * wn_rand_normal(r), 0);
    }
}

static void family(struct wn_arena *keep)
{
    struct wn_rand r;
    struct wn_why why = {0};
    struct wn_curve *curves;
    struct score s = {0};
    wn_rand_init(&r, 2);
    struct wn_history *h = WN_ARENA_ARRAY(keep, FAMILY, struct wn_history);
    double *numbers = WN_ARENA_ARRAY(keep, 2 * FAMILY * FAMILY_DAYS, double);
    struct truth *truths = WN_ARENA_ARRAY(keep, FAMILY, struct truth);
    int32_t *days = WN_ARENA_ARRAY(keep, FAMILY_DAYS, int32_t);
    if (!h || !numbers || !truths || !days)
        exit(1);
    for (int d = 0; d < FAMILY_DAYS; d++)
        days[d] = d;
    for (int i = 0; i < FAMILY; i++) {
        double *spend = numbers + 2 * i * FAMILY_DAYS, *revenue = spend + FAMILY_DAYS;
        draw_history(&r, &truths[i], spend, revenue);
        h[i] = (struct wn_history){.days = days,
                                   .spend = spend,
                                   .revenue = revenue,
                                   .n = FAMILY_DAYS,
                                   .group = (uint32_t)i / 50};
    }
    double started = cpu_seconds();
    must(wn_curves_fit(keep, h, FAMILY, NULL, &curves, &why), &why);
    double seconds = cpu_seconds() - started;
    for (int i = 0; i < FAMILY; i++) {
        const struct wn_curve *c = &curves[i];
        double x = c->spend_mean, sum = 0;
        for (int d = 0; d < FAMILY_DAYS; d++)
            sum += h[i].revenue[d] / FAMILY_DAYS;
        add_score(&s, steady(&truths[i], x) / x, c->roas_low, c->roas_mean, c->roas_high, sum / x);
    }
    printf("fit of %d histories of %d days: %.2f s, %.2f us a row\n", FAMILY, FAMILY_DAYS, seconds,
           seconds / FAMILY / FAMILY_DAYS * 1e6);
    print_score("ROAS, the model's own family", &s);
}

/* ---- the market simulator --------------------------------------------------------------------------
 *
 * Other curves than ours (audience exhaustion), seasons, competitors, creatives that tire and are
 * replaced, outages. For 120 days budgets wander by 30 %, slowly (or the platform would learn anew all
 * the time); for the next 60 each campaign gets its mean spend every day, and 60 more let the last
 * conversions arrive.
 *
 * Two questions with an answer. What do the next 60 days return for a unit of money? The interval asked
 * for is that of the ROAS, widened by the noise of a mean of 60 days. And what would 1.5 times the
 * spend return, over what it returns now: the shape, from the market's formula. The nominal return
 * of that formula is printed too, but is no fair truth: it knows neither rises of prices nor tired
 * creatives, and lies above what any campaign ever gets. */

enum { MARKETS = 20, CAMPAIGNS = 30, PAST = 120, FUTURE = 60, SETTLE = 60, DAYS_LEAST = 30 };

struct world {
    struct wn_market *market;
    struct wn_arena day; /* of next_day */
    int32_t days[PAST];
    double spend[CAMPAIGNS][PAST], revenue[CAMPAIGNS][PAST];
    struct wn_history history[CAMPAIGNS]; /* the days on which each ran */
};

/* Adds the next day's spend and revenue of each campaign; the arrays [CAMPAIGNS] step by `stride`. */
static void next_day(struct world *w, const double *budgets, double *spend, double *revenue,
                     size_t stride)
{
    struct wn_market_row *rows;
    struct wn_why why = {0};
    size_t n;
    wn_arena_reset(&w->day);
    must(wn_market_next_day(w->market, budgets, &w->day, &rows, &n, &why), &why);
    for (size_t k = 0; k < n; k++) {
        spend[rows[k].campaign * stride] += (double)rows[k].spend_micros / WN_MICROS;
        revenue[rows[k].campaign * stride] += (double)rows[k].revenue_micros / WN_MICROS;
    }
}

static void run_past(struct world *w, uint64_t seed)
{
    struct wn_why why = {0};
    struct wn_rand r;
    double level[CAMPAIGNS] = {0}, budgets[CAMPAIGNS];
    const struct wn_market_options o = {.seed = seed,
                                        .n_channels = 6,
                                        .n_campaigns = CAMPAIGNS,
                                        .n_ads_per_group_max = 2,
                                        .day_from = 20000,
                                        .n_days = PAST + FUTURE + SETTLE};
    memset(w->spend, 0, sizeof w->spend);
    memset(w->revenue, 0, sizeof w->revenue);
    wn_rand_init(&r, seed);
    must(wn_market_new(&o, &w->market, &why), &why);
    for (int d = 0; d < PAST; d++) {
        w->days[d] = 20000 + d;
        for (int c = 0; c < CAMPAIGNS; c++) {
            level[c] = .9 * level[c] + .3 * sqrt(1 - .81) * wn_rand_normal(&r);
            budgets[c] = wn_market_campaign(w->market, (size_t)c)->daily_budget * exp(level[c]);
        }
        next_day(w, budgets, &w->spend[0][d], &w->revenue[0][d], PAST);
    }
    for (int c = 0; c < CAMPAIGNS; c++) {
        int from = 0, to = PAST;
        while (from < to && w->spend[c][from] <= 0)
            from++;
        while (to > from && w->spend[c][to - 1] <= 0)
            to--;
        w->history[c] = (struct wn_history){
            .days = w->days + from,
            .spend = w->spend[c] + from,
            .revenue = w->revenue[c] + from,
            .n = (size_t)(to - from),
            .group = (uint32_t)wn_market_campaign(w->market, (size_t)c)->channel};
    }
}

/* The return of the next 60 days at the mean spend; NAN where a campaign does not run all of them. */
static void run_future(struct world *w, const struct wn_curve *curves, double *roas_out)
{
    double budgets[CAMPAIGNS], spend[CAMPAIGNS] = {0}, revenue[CAMPAIGNS] = {0};
    bool runs[CAMPAIGNS];
    for (int c = 0; c < CAMPAIGNS; c++) {
        budgets[c] = curves[c].spend_mean;
        runs[c] = budgets[c] > 0;
    }
    for (int d = 0; d < FUTURE; d++) {
        double before[CAMPAIGNS];
        memcpy(before, spend, sizeof before);
        next_day(w, budgets, spend, revenue, 1);
        for (int c = 0; c < CAMPAIGNS; c++)
            runs[c] = runs[c] && spend[c] > before[c];
    }
    for (int c = 0; c < CAMPAIGNS; c++)
        roas_out[c] = runs[c] ? revenue[c] / spend[c] : NAN;
}

struct market_scores {
    struct score future, nominal, gain;
    FILE *history, *truth; /* for the peer, or NULL */
};

static void export_history(FILE *f, uint64_t seed, int c, const struct wn_history *h)
{
    for (size_t d = 0; f && d < h->n; d++)
        fprintf(f, "%llu,%d,%d,%.2f,%.2f\n", (unsigned long long)seed, c, h->days[d], h->spend[d],
                h->revenue[d]);
}

static void score_campaign(struct world *w, uint64_t seed, int c, const struct wn_curve *curve,
                           double future, struct market_scores *s)
{
    const struct wn_history *h = &w->history[c];
    double share = wn_market_campaign(w->market, (size_t)c)->incremental_ratio;
    double x = curve->spend_mean, revenue = 0, more, now;
    double nominal = wn_market_true_response(w->market, (size_t)c, x) / share / x;
    double true_gain = wn_market_true_response(w->market, (size_t)c, 1.5 * x) / share / x / nominal;
    for (size_t d = 0; d < h->n; d++)
        revenue += h->revenue[d] / (double)h->n;
    add_score(&s->nominal, nominal, curve->roas_low, curve->roas_mean, curve->roas_high,
              revenue / x);
    double noise = Z80 * curve->noise_sd / x / sqrt(FUTURE), m = curve->roas_mean;
    add_score(&s->future, future, m - hypot(m - curve->roas_low, noise), m,
              m + hypot(curve->roas_high - m, noise), revenue / x);
    wn_curve_at(curve, 1.5 * x, &more, NULL, NULL);
    wn_curve_at(curve, x, &now, NULL, NULL);
    s->gain.error += fabs(more / now - true_gain);
    s->gain.naive += fabs(1.5 - true_gain);
    s->gain.n++;
    export_history(s->history, seed, c, h);
    if (s->truth)
        fprintf(s->truth, "%llu,%d,%.6f,%.6f,%.6f\n", (unsigned long long)seed, c, x, future,
                true_gain);
}

static void market(uint64_t seed, struct market_scores *s)
{
    static struct world w;
    struct wn_arena keep;
    struct wn_why why = {0};
    struct wn_curve *curves;
    double future[CAMPAIGNS];
    wn_arena_init(&keep, 0);
    wn_arena_init(&w.day, 0);
    run_past(&w, seed);
    must(wn_curves_fit(&keep, w.history, CAMPAIGNS, NULL, &curves, &why), &why);
    run_future(&w, curves, future);
    for (int c = 0; c < CAMPAIGNS; c++)
        if (w.history[c].n >= DAYS_LEAST && !isnan(future[c]))
            score_campaign(&w, seed, c, &curves[c], future[c], s);
    wn_market_free(w.market);
    wn_arena_deinit(&w.day);
    wn_arena_deinit(&keep);
}

static FILE *export_file(const char *dir, const char *name, const char *header)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        fprintf(stderr, "bench: %s cannot be written\n", path);
        exit(1);
    }
    fprintf(f, "%s\n", header);
    return f;
}

int main(int argc, char **argv)
{
    struct wn_arena keep;
    struct market_scores s = {.history = NULL};
    if (argc == 4 && strcmp(argv[2], "--export") == 0) {
        s.history = export_file(argv[3], "history.csv", "world,campaign,day,spend,revenue");
        s.truth = export_file(argv[3], "truth.csv", "world,campaign,spend_mean,future_roas,gain");
    }
    wn_arena_init(&keep, 0);
    family(&keep);
    wn_arena_deinit(&keep);
    for (uint64_t seed = 1; seed <= MARKETS; seed++)
        market(seed, &s);
    printf("market simulator, %d worlds, %.0f campaigns of up to %d days\n", MARKETS, s.future.n,
           PAST);
    print_score("ROAS of the next 60 days", &s.future);
    print_score("ROAS by the nominal rates", &s.nominal);
    printf("  %-36s mean error %.3f, of a straight line %.3f\n", "return of 1.5 x spend over 1 x",
           s.gain.error / s.gain.n, s.gain.naive / s.gain.n);
    if (s.history)
        fclose(s.history);
    if (s.truth)
        fclose(s.truth);
    return 0;
}
