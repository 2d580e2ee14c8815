/* Measures the forecasts on M4 Weekly, M4 Hourly and M1 beside the published figures and beside
 * the M4 benchmark methods computed here, and times them on one core.
 *
 *   bench_learn_forecast [DATA_DIR]     DATA_DIR holds m4/ and m1/; without them: skipped. */
#include "winnow/forecast.h"

#include "replay.h"

#include <time.h>

struct group {
    const char *name, *set;
    char period; /* of M1; 0 = all */
    wn_forecast_frequency frequency;
    size_t mase_season;               /* also that of the benchmark methods */
    double naive2_smape, naive2_mase; /* published; 0 = none */
    const char *published;
};

static const struct group groups[] = {
    {"M4 Hourly", "Hourly", 0, WN_FREQUENCY_HOURLY, 24, 18.383, 2.395,
     "  published OWA: ES-RNN .440, FFORMA .484, best of the frequency .410, Theta 1.006, Comb "
     "1.556\n  published MSIS: best 6.139, ARIMA 7.538, ES-RNN 7.928, ETS 17.487"},
    {"M4 Weekly", "Weekly", 0, WN_FREQUENCY_WEEKLY, 1, 9.161, 2.777,
     "  published OWA: ES-RNN .851, FFORMA .796, best of the frequency .739, Theta .971, Comb "
     ".926\n  published MSIS: best 16.200, ARIMA 19.575, ETS 20.386, ES-RNN 22.034"},
    {"M1 Yearly", NULL, 'Y', WN_FREQUENCY_YEARLY, 1, 0, 0, NULL},
    {"M1 Quarterly", NULL, 'Q', WN_FREQUENCY_QUARTERLY, 4, 0, 0, NULL},
    {"M1 Monthly", NULL, 'M', WN_FREQUENCY_MONTHLY, 12, 0, 0, NULL},
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_row(const char *name, const struct bench_score *s, double naive2_smape,
                      double naive2_mase)
{
    printf("  %-10s sMAPE %7.3f  MASE %6.3f", name, s->smape / s->n, s->mase / s->n);
    if (naive2_smape > 0)
        printf("  OWA %6.4f", bench_owa(s, naive2_smape, naive2_mase));
    putchar('\n');
}

/* The series of one group, with room for their forecasts. */
struct part {
    const struct group *group;
    const struct bench_series **of; /* [n] */
    struct wn_forecast_series *in;
    struct wn_forecast *out;
    struct bench_covered *covered;
    double *methods; /* [BASE_N][horizon] */
    size_t n, horizon;
    struct wn_arena *a;
};

static void choose_part(struct part *p, const struct group *g, const struct bench_set *set,
                        struct wn_arena *a)
{
    *p = (struct part){.group = g, .a = a};
    p->of = WN_ARENA_ARRAY(a, set->n, const struct bench_series *);
    p->in = WN_ARENA_ARRAY(a, set->n, struct wn_forecast_series);
    p->out = WN_ARENA_ARRAY(a, set->n, struct wn_forecast);
    p->covered = WN_ARENA_ARRAY(a, set->n, struct bench_covered);
    for (size_t i = 0; i < set->n; i++)
        if (!g->period || set->series[i].period == g->period)
            p->of[p->n++] = &set->series[i];
    p->horizon = p->of[0]->h;
    p->methods = WN_ARENA_ARRAY(a, BASE_N * p->horizon, double);
}

/* Forecasts series cut to points [n], processor seconds; negative on failure. */
static double forecast(const struct part *p, size_t n)
{
    struct wn_forecast_options options = {.horizon = p->horizon, .frequency = p->group->frequency};
    struct wn_why why = {0};
    double start = seconds();
    if (!wn_forecast_batch(p->in, n, &options, p->a, p->out, &why))
        return seconds() - start;
    fprintf(stderr, "%s: %s\n", p->group->name, why.text);
    return -1;
}

static void print_intervals(const char *name, const struct bench_score *s,
                            struct bench_covered *covered, size_t n)
{
    printf("  %s: 80 %% covers %.1f %% (worst tenth by length %.1f %%), 95 %% covers %.1f %% "
           "(%.1f %%), MSIS %.3f\n",
           name, 100 * s->covered[0] / s->n, 100 * bench_worst_tenth(covered, n, 0, 0.80),
           100 * s->covered[1] / s->n, 100 * bench_worst_tenth(covered, n, 1, 0.95),
           s->msis / s->n);
}

static bool replay(const struct part *p)
{
    struct bench_replay r;
    if (bench_replay(p->of, p->n, p->group->frequency, p->group->mase_season, p->a, &r))
        return false;
    printf("  at %d earlier ends of the training parts, %zu forecasts:\n", BENCH_ENDS, r.n);
    print_row("winnow", &r.ours, r.naive2.smape / r.naive2.n, r.naive2.mase / r.naive2.n);
    print_intervals("there", &r.ours, r.covered, r.n);
    return true;
}

/* Adds this group to all[0] (ours) and all[1 + k] (the benchmark methods). */
static bool run_group(const struct part *p, struct bench_score *all)
{
    const struct group *g = p->group;
    struct bench_score scores[1 + BASE_N] = {0};
    double best = HUGE_VAL, start;
    size_t windows = 0, h = p->horizon;
    for (size_t i = 0; i < p->n; i++)
        p->in[i] = (struct wn_forecast_series){.values = p->of[i]->train, .n = p->of[i]->n};
    for (int round = 0; round < 3; round++)
        best = fmin(best, forecast(p, p->n));
    if (best < 0)
        return false;
    start = seconds();
    for (size_t i = 0; i < p->n; i++) {
        const struct bench_series *s = p->of[i];
        double unit = bench_unit(s->train, s->n, g->mase_season);
        windows += p->out[i].n_windows;
        p->covered[i].n_points = s->n;
        bench_score_points(&scores[0], s->test, p->out[i].mean, h, unit);
        bench_score_intervals(&scores[0], s->test, &p->out[i], unit, &p->covered[i]);
        base_forecast(s->train, s->n, g->mase_season, h, false, p->methods);
        for (size_t k = 0; k < BASE_N; k++)
            bench_score_points(&scores[1 + k], s->test, p->methods + k * h, h, unit);
    }
    printf("%s: %zu series, horizon %zu\n", g->name, p->n, h);
    for (size_t k = 0; k <= BASE_N; k++)
        print_row(k ? base_names[k - 1] : "winnow", &scores[k], g->naive2_smape, g->naive2_mase);
    if (g->published)
        puts(g->published);
    print_intervals("winnow intervals", &scores[0], p->covered, p->n);
    printf("  winnow time: %.3f s on one core with %.1f back-tests a series (the six methods "
           "above: %.1f s)\n",
           best, (double)windows / (double)p->n, seconds() - start);
    for (size_t k = 0; k <= BASE_N && g->period; k++) {
        all[k].smape += scores[k].smape;
        all[k].mase += scores[k].mase;
        all[k].n += scores[k].n;
    }
    return replay(p);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    struct bench_score all[1 + BASE_N] = {0};
    bool good = true;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const struct group *g = &groups[i];
        struct wn_arena a;
        struct bench_set set;
        wn_arena_init(&a, 0);
        if (g->set ? bench_read_m4(&set, &a, dir, g->set) : bench_read_m1(&set, &a, dir)) {
            struct part p;
            choose_part(&p, g, &set, &a);
            good = run_group(&p, all) && good;
            putchar('\n');
        } else {
            printf("%s: skipped, its files are not in %s\n", g->name, dir);
        }
        wn_arena_deinit(&a);
    }
    if (all[0].n > 0) {
        printf("M1, all %.0f series\n", all[0].n);
        for (size_t k = 0; k <= BASE_N; k++)
            print_row(k ? base_names[k - 1] : "winnow", &all[k], 0, 0);
    }
    return good ? 0 : 1;
}
