/* Measures the forecasts on M4 Weekly, M4 Hourly and M1 beside the published figures and beside
 * the M4 benchmark methods computed here, and times them on one core.
 *
 *   bench_learn_forecast [DATA_DIR]     DATA_DIR holds m4/ and m1/; without them: skipped. */
#include "winnow/forecast.h"

#include "baselines.h"
#include "series.h"

#include <time.h>

struct group {
    const char *name, *set;
    char period; /* of M1; 0 = all */
    wn_forecast_frequency frequency;
    size_t mase_season, base_season;
    double naive2_smape, naive2_mase; /* published; 0 = none */
    const char *published;
};

static const struct group groups[] = {
    {"M4 Hourly", "Hourly", 0, WN_FREQUENCY_HOURLY, 24, 24, 18.383, 2.395,
     "  published OWA: ES-RNN .440, FFORMA .484, best of the frequency .410, Theta 1.006, Comb "
     "1.556\n  published MSIS: best 6.139, ARIMA 7.538, ES-RNN 7.928, ETS 17.487"},
    {"M4 Weekly", "Weekly", 0, WN_FREQUENCY_WEEKLY, 1, 1, 9.161, 2.777,
     "  published OWA: ES-RNN .851, FFORMA .796, best of the frequency .739, Theta .971, Comb "
     ".926\n  published MSIS: best 16.200, ARIMA 19.575, ETS 20.386, ES-RNN 22.034"},
    {"M1 Yearly", NULL, 'Y', WN_FREQUENCY_YEARLY, 1, 1, 0, 0, NULL},
    {"M1 Quarterly", NULL, 'Q', WN_FREQUENCY_QUARTERLY, 4, 4, 0, 0, NULL},
    {"M1 Monthly", NULL, 'M', WN_FREQUENCY_MONTHLY, 12, 12, 0, 0, NULL},
};

struct totals {
    double smape, mase, msis, covered80, covered95, n;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The official formulas; MASE's unit is the mean change over m points of the training part. */
static double mase_unit(const struct bench_series *s, size_t m)
{
    double sum = 0;
    for (size_t t = m; t < s->n; t++)
        sum += fabs(s->train[t] - s->train[t - m]);
    sum /= (double)(s->n - m);
    return sum > 0 ? sum : 1;
}

static void score_points(const struct bench_series *s, const double *f, size_t m, struct totals *t)
{
    double unit = mase_unit(s, m);
    for (size_t j = 0; j < s->h; j++) {
        double y = s->test[j], size = fabs(y) + fabs(f[j]);
        t->smape += size > 0 ? 200 * fabs(y - f[j]) / size / (double)s->h : 0;
        t->mase += fabs(y - f[j]) / unit / (double)s->h;
    }
    t->n++;
}

static void score_intervals(const struct bench_series *s, const struct wn_forecast *f, size_t m,
                            struct totals *t)
{
    double unit = mase_unit(s, m), h = (double)s->h;
    for (size_t j = 0; j < s->h; j++) {
        double y = s->test[j], low = f->low[s->h + j], high = f->high[s->h + j];
        t->covered80 += (y >= f->low[j] && y <= f->high[j]) / h;
        t->covered95 += (y >= low && y <= high) / h;
        t->msis += (high - low + 40 * (fmax(0, low - y) + fmax(0, y - high))) / unit / h;
    }
}

static void print_row(const struct group *g, const char *name, const struct totals *t)
{
    printf("  %-10s sMAPE %7.3f  MASE %6.3f", name, t->smape / t->n, t->mase / t->n);
    if (g->naive2_smape > 0)
        printf("  OWA %6.4f",
               0.5 * (t->smape / t->n / g->naive2_smape + t->mase / t->n / g->naive2_mase));
    putchar('\n');
}

/* Adds this group to all[0] (ours) and all[1 + k] (the benchmark methods). */
static bool run_group(const struct group *g, const struct bench_set *set, struct totals *all)
{
    struct wn_arena a;
    wn_arena_init(&a, 0);
    struct wn_forecast_series *in = WN_ARENA_ARRAY(&a, set->n, struct wn_forecast_series);
    const struct bench_series **of = WN_ARENA_ARRAY(&a, set->n, const struct bench_series *);
    struct wn_forecast *out = WN_ARENA_ARRAY(&a, set->n, struct wn_forecast);
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++)
        if (!g->period || set->series[i].period == g->period) {
            of[n] = &set->series[i];
            in[n].values = of[n]->train;
            in[n].n = of[n]->n;
            n++;
        }
    struct wn_forecast_options options = {.horizon = of[0]->h, .frequency = g->frequency};
    struct wn_why why = {0};
    double best = HUGE_VAL;
    for (int round = 0; round < 3; round++) {
        double start = seconds();
        if (wn_forecast_batch(in, n, &options, &a, out, &why)) {
            fprintf(stderr, "%s: %s\n", g->name, why.text);
            return false;
        }
        best = fmin(best, seconds() - start);
    }
    struct totals ours = {0}, base[BASE_N] = {0};
    double *f = WN_ARENA_ARRAY(&a, BASE_N * options.horizon, double), start = seconds();
    size_t windows = 0;
    for (size_t i = 0; i < n; i++) {
        windows += out[i].n_windows;
        score_points(of[i], out[i].mean, g->mase_season, &ours);
        score_intervals(of[i], &out[i], g->mase_season, &ours);
        base_all(of[i]->train, of[i]->n, g->base_season, of[i]->h, f);
        for (size_t k = 0; k < BASE_N; k++)
            score_points(of[i], f + k * of[i]->h, g->mase_season, &base[k]);
    }
    printf("%s: %zu series, horizon %zu\n", g->name, n, options.horizon);
    print_row(g, "winnow", &ours);
    for (size_t k = 0; k < BASE_N; k++)
        print_row(g, base_names[k], &base[k]);
    if (g->published)
        puts(g->published);
    printf("  winnow intervals: 80 %% covers %.1f %%, 95 %% covers %.1f %%, MSIS %.3f\n",
           100 * ours.covered80 / ours.n, 100 * ours.covered95 / ours.n, ours.msis / ours.n);
    printf(
        "  winnow time: %.3f s on one core with %.1f back-tests a series (the six methods above: "
        "%.1f s)\n\n",
        best, (double)windows / (double)n, seconds() - start);
    if (g->period) {
        for (size_t k = 0; k <= BASE_N; k++) {
            const struct totals *t = k ? &base[k - 1] : &ours;
            all[k].smape += t->smape;
            all[k].mase += t->mase;
            all[k].n += t->n;
        }
    }
    wn_arena_deinit(&a);
    return true;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    struct totals all[1 + BASE_N] = {0};
    bool good = true;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        const struct group *g = &groups[i];
        struct wn_arena a;
        struct bench_set set;
        wn_arena_init(&a, 0);
        if (g->set ? bench_read_m4(&set, &a, dir, g->set) : bench_read_m1(&set, &a, dir))
            good = run_group(g, &set, all) && good;
        else
            printf("%s: skipped, its files are not in %s\n", g->name, dir);
        wn_arena_deinit(&a);
    }
    if (all[0].n > 0) {
        printf("M1, all %.0f series\n", all[0].n);
        for (size_t k = 0; k <= BASE_N; k++)
            print_row(&groups[2], k ? base_names[k - 1] : "winnow", &all[k]);
    }
    return good ? 0 : 1;
}
