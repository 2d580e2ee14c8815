/* Measures the A/B tests: how often a test without an effect cries wolf although somebody looks all
 * the time, what that costs in power, what covariates save, and speed.
 *
 *     bench_learn_experiment [DATA [TESTS]]      DATA is not needed: the truth must be known.
 *     TESTS per scenario, 10,000 without it. */
#include "core/buf.h"
#include "core/num.h"
#include "learn/experiment_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TESTS = 10000, LOOKS_MAX = 500, ARMS_MAX = 4 };

/* Time of this process, so that other programs on the machine do not count. */
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

/* ---- peeking ----------------------------------------------------------------------------------
 */

struct scenario {
    const char *name;
    wn_abtest_kind kind;
    double rate;   /* of units that convert, or buy */
    double log_sd; /* of a buyer's value (log-normal), of means */
    double lift;   /* of every variant but the control, relative */
    size_t n_arms, n_looks;
    uint64_t by; /* units of a variant between two looks */
    double tau;  /* 0 = default */
};

/* What one look adds to one variant. */
static struct wn_abtest_stat draw(const struct scenario *s, double lift, struct wn_rand *r)
{
    struct wn_abtest_stat out = {0};
    struct wn_why why = {0};
    bool is_rate = s->kind == WN_ABTEST_RATE;
    uint64_t k = wn_rand_binomial(r, s->by, is_rate ? s->rate * (1 + lift) : s->rate);
    double sum = 0, sum_sq = 0;
    if (is_rate) {
        must(wn_abtest_rate((double)s->by, (double)k, &out, &why), &why);
        return out;
    }
    for (uint64_t i = 0; i < k; i++) {
        double x = 30 * exp(s->log_sd * wn_rand_normal(r)) * (1 + lift);
        sum += x;
        sum_sq += x * x;
    }
    must(wn_abtest_mean((double)s->by, sum, sum_sq, (double)k, &out, &why), &why);
    return out;
}

struct tally {
    int n_proven; /* tests in which some variant was ever proven different */
    int n_naive;  /* ... by a fixed test looked at every time */
    int n_missed; /* tests in which some interval at some look missed the truth */
    double looks; /* until proven, at most all: sum */
};

static double truth_of(const struct scenario *s)
{
    double mean =
        s->kind == WN_ABTEST_RATE ? s->rate : s->rate * 30 * exp(s->log_sd * s->log_sd / 2);
    return mean * s->lift;
}

static void look_back(const struct scenario *s, const struct wn_abtest_result *result,
                      const struct wn_abtest_stat *all, struct tally *t)
{
    bool missed = false, naive = false;
    size_t first = s->n_looks;
    for (size_t k = 1; k < s->n_arms; k++)
        for (size_t look = 0; look < s->n_looks; look++) {
            const struct wn_abtest_look *l = &result->metrics[0].arms[k].looks[look];
            const struct wn_abtest_stat *a = &all[look * s->n_arms], *b = a + k;
            double se = sqrt(a->variance / a->n + b->variance / b->n);
            missed = missed || (l->method && (l->low > truth_of(s) || l->high < truth_of(s)));
            naive =
                naive || (fmin(a->n_events, b->n_events) >= 5 && fabs(l->effect) > 1.959964 * se);
            if (l->p <= .05 && look < first)
                first = look;
        }
    for (size_t k = 1, found = 0; k < s->n_arms && !found; k++) {
        found = result->metrics[0].arms[k].is_proven;
        t->n_proven += found > 0;
    }
    t->n_missed += missed;
    t->n_naive += naive;
    t->looks += (double)(first < s->n_looks ? first + 1 : s->n_looks);
}

static struct tally watch(const struct scenario *s, int n_tests, uint64_t seed)
{
    static struct wn_abtest_stat fresh[LOOKS_MAX * ARMS_MAX], all[LOOKS_MAX * ARMS_MAX];
    static const struct wn_str arms[ARMS_MAX] = {{"A", 1}, {"B", 1}, {"C", 1}, {"D", 1}};
    struct wn_abtest_metric metric = {WN_STR("m"), s->kind, all, NULL, false};
    struct wn_abtest test = {.arms = arms,
                             .n_arms = s->n_arms,
                             .n_looks = s->n_looks,
                             .metrics = &metric,
                             .n_metrics = 1};
    struct wn_abtest_options options = {.tau = s->tau};
    struct wn_abtest_result result;
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_rand r;
    struct tally t = {0};
    wn_rand_init(&r, seed);
    wn_arena_init(&a, 0);
    for (int i = 0; i < n_tests; i++) {
        for (size_t c = 0; c < s->n_looks * s->n_arms; c++)
            fresh[c] = draw(s, c % s->n_arms ? s->lift : 0, &r);
        wn_abtest_accumulate(fresh, s->kind, s->n_looks, s->n_arms, all);
        must(wn_abtest_analyse(&a, &test, &options, &result, &why), &why);
        look_back(s, &result, all, &t);
        wn_arena_reset(&a);
    }
    wn_arena_deinit(&a);
    return t;
}

static void peeking(int n_tests)
{
    static const struct scenario scenarios[] = {
        {"rate 5 %, 500 looks to 50,000, tau .005", WN_ABTEST_RATE, .05, 0, 0, 2, 500, 100, .005},
        {"rate 5 %, the same, default tau", WN_ABTEST_RATE, .05, 0, 0, 2, 500, 100, 0},
        {"rate 1 %, 200 looks to 40,000", WN_ABTEST_RATE, .01, 0, 0, 2, 200, 200, 0},
        {"rate 0.1 %, 100 looks to 50,000", WN_ABTEST_RATE, .001, 0, 0, 2, 100, 500, 0},
        {"rate 50 %, 200 looks to 10,000", WN_ABTEST_RATE, .5, 0, 0, 2, 200, 50, 0},
        {"rate 5 %, four variants, 100 looks", WN_ABTEST_RATE, .05, 0, 0, 4, 100, 500, 0},
        {"revenue, 3 % buy, heavy tail, 50 looks", WN_ABTEST_MEAN, .03, 1, 0, 2, 50, 1000, 0},
        {"rate 5 %, true effect +10 %, 100 looks", WN_ABTEST_RATE, .05, 0, .1, 2, 100, 500, 0},
        {"rate 0.5 %, true effect +50 %, 100 looks", WN_ABTEST_RATE, .005, 0, .5, 2, 100, 500, 0},
        {"revenue, true effect +10 %, 50 looks", WN_ABTEST_MEAN, .03, 1, .1, 2, 50, 1000, 0},
    };
    printf("watched at every look, %d tests each\n%-44s %12s %12s %14s\n", n_tests, "",
           "ever proven", "naive z-test", "interval missed");
    for (size_t i = 0; i < WN_COUNT(scenarios); i++) {
        const struct scenario *s = &scenarios[i];
        struct tally t = watch(s, n_tests, 100 + i);
        printf("%-44s %11.2f%% %11.2f%% %13.2f%%   %s\n", s->name, 100. * t.n_proven / n_tests,
               100. * t.n_naive / n_tests, 100. * t.n_missed / n_tests,
               t.n_missed > .05 * n_tests && s->n_arms == 2 ? "ABOVE 5 %"
               : s->lift == 0 && t.n_proven > .05 * n_tests ? "ABOVE 5 %"
                                                            : "");
        fflush(stdout);
    }
}

/* ---- power ------------------------------------------------------------------------------------
 */

/* The fixed test at its sample size: two-sided z-test at 5 %. */
static double fixed_power(double rate, double lift, uint64_t n, int n_tests, struct wn_rand *r)
{
    int found = 0;
    for (int i = 0; i < n_tests; i++) {
        double a = (double)wn_rand_binomial(r, n, rate) / (double)n;
        double b = (double)wn_rand_binomial(r, n, rate * (1 + lift)) / (double)n;
        double se = sqrt((a * (1 - a) + b * (1 - b)) / (double)n);
        found += b - a > 1.959964 * se;
    }
    return (double)found / n_tests;
}

static void power(int n_tests)
{
    static const double cases[][2] = {{.05, .2}, {.05, .1}, {.01, .3}, {.3, .05}};
    struct wn_rand r;
    struct wn_why why = {0};
    wn_rand_init(&r, 5);
    printf(
        "\npower, %d tests each; planned for 80 %%; the sequence is watched 100 times up to twice "
        "the fixed sample\n%-24s %10s %10s %14s %10s %10s %18s\n",
        n_tests, "", "n fixed", "z-test", "sequence at 2n", "ratio", "planned n",
        "units used, mean");
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_abtest_wish wish = {.mean = cases[i][0], .effect_ratio = cases[i][1]};
        struct wn_abtest_plan plan;
        char name[64];
        must(wn_abtest_plan(&wish, &r, &plan, &why), &why);
        struct scenario s = {name,
                             WN_ABTEST_RATE,
                             wish.mean,
                             0,
                             wish.effect_ratio,
                             2,
                             100,
                             (uint64_t)(plan.n_fixed / 50),
                             wish.mean * wish.effect_ratio};
        snprintf(name, sizeof name, "%g %%, effect %+g %%", 100 * wish.mean,
                 100 * wish.effect_ratio);
        double fixed =
            fixed_power(wish.mean, wish.effect_ratio, (uint64_t)plan.n_fixed, n_tests, &r);
        struct tally t = watch(&s, n_tests, 300 + i);
        double found = (double)t.n_proven / n_tests;
        printf("%-24s %10.0f %9.1f%% %13.1f%% %10.3f %10.0f %18.0f\n", name, plan.n_fixed,
               100 * fixed, 100 * found, found / fixed, plan.n_max,
               t.looks / n_tests * (double)s.by);
        fflush(stdout);
    }
}

/* ---- covariates -------------------------------------------------------------------------------
 */

static void covariates(void)
{
    enum { N = 20000, ROUNDS = 200 };
    static uint32_t arm[N];
    static double value[N], pre[N];
    struct wn_abtest_units u = {
        .arm = arm, .value = value, .pre = pre, .n = N, .n_arms = 2, .n_looks = 1, .n_pre = 1};
    struct wn_abtest_adjustment adj;
    struct wn_abtest_stat *all, *fresh;
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_rand r;
    double ratio = 0, mean = 0, plain = 0, square = 0, plain_square = 0;
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 9);
    for (int k = 0; k < ROUNDS; k++) {
        double sums[2] = {0}, counts[2] = {0};
        for (size_t i = 0; i < N; i++) {
            pre[i] = wn_rand_normal(&r);
            arm[i] = (uint32_t)wn_rand_below(&r, 2);
            value[i] = .7 * pre[i] + sqrt(.51) * wn_rand_normal(&r) + .05 * arm[i];
            sums[arm[i]] += value[i];
            counts[arm[i]]++;
        }
        must(wn_abtest_sum(&a, &u, &all, &fresh, &adj, &why), &why);
        double effect = all[1].mean - all[0].mean - .05;
        double raw = sums[1] / counts[1] - sums[0] / counts[0] - .05;
        ratio += adj.variance_ratio / ROUNDS;
        mean += effect / ROUNDS;
        plain += raw / ROUNDS;
        square += effect * effect / ROUNDS;
        plain_square += raw * raw / ROUNDS;
        wn_arena_reset(&a);
    }
    printf("\ncovariate with correlation .7, %d tests of %d units: variance ratio claimed %.3f, of "
           "the "
           "effects themselves %.3f (theory .51); error of the effect %+.5f (without it %+.5f)\n",
           ROUNDS, N, ratio, square / plain_square, mean, plain);
    wn_arena_deinit(&a);
}

/* ---- speed ------------------------------------------------------------------------------------
 */

static void speed_units(void)
{
    enum { N = 10000000 };
    uint32_t *arm = malloc(N * sizeof *arm);
    double *value = malloc(N * sizeof *value), *pre = malloc(N * sizeof *pre);
    struct wn_abtest_adjustment adj;
    struct wn_abtest_stat *all, *fresh;
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_rand r;
    if (!arm || !value || !pre)
        exit(1);
    wn_rand_init(&r, 1);
    wn_arena_init(&a, 0);
    for (size_t i = 0; i < N; i++) {
        arm[i] = (uint32_t)wn_rand_below(&r, 2);
        pre[i] = wn_rand_exponential(&r);
        value[i] = pre[i] + wn_rand_exponential(&r);
    }
    struct wn_abtest_units u = {.arm = arm, .value = value, .n = N, .n_arms = 2, .n_looks = 1};
    static const char *const names[] = {"plain", "with winsorising", "with winsorising and CUPED"};
    printf("\n");
    for (int k = 0; k < 3; k++) {
        u.winsor_ratio = k > 0 ? .999 : 0;
        u.pre = k > 1 ? pre : NULL;
        u.n_pre = k > 1;
        double start = now_s();
        must(wn_abtest_sum(&a, &u, &all, &fresh, &adj, &why), &why);
        double took = now_s() - start;
        printf("units summed, %-27s %6.1f million/s (10^8 in %.1f s)\n", names[k], N / took / 1e6,
               took * 1e8 / N);
        wn_arena_reset(&a);
    }
    wn_arena_deinit(&a);
    free(arm);
    free(value);
    free(pre);
}

static void speed_csv(void)
{
    enum { N = 2000000 };
    struct wn_buf text;
    struct wn_abtest_csv *csv;
    struct wn_abtest_finish how = {.winsor_ratio = .999};
    struct wn_abtest_input in;
    struct wn_why why = {0};
    struct wn_arena a;
    struct wn_rand r;
    wn_rand_init(&r, 2);
    wn_buf_init(&text, (size_t)1 << 30);
    wn_buf_append_z(&text, "unit,variant,value\n");
    for (int i = 0; i < N; i++)
        wn_buf_printf(&text, "u%07d,%s,%.2f\n", i, wn_rand_u64(&r) & 1 ? "new" : "old",
                      wn_rand_exponential(&r) * 30);
    wn_arena_init(&a, 0);
    double start = now_s();
    must(wn_abtest_csv_new(&csv, &why), &why);
    must(wn_abtest_csv_push(csv, wn_buf_str(&text), &why), &why);
    must(wn_abtest_csv_finish(csv, &how, &a, &in, &why), &why);
    double took = now_s() - start;
    printf("CSV of units, parsed, matched and summed: %.2f million rows/s (%.0f MB/s)\n",
           N / took / 1e6, (double)text.n / took / 1e6);
    wn_abtest_csv_free(csv);
    wn_arena_deinit(&a);
    wn_buf_deinit(&text);
}

static void speed_analysis(void)
{
    enum { ROUNDS = 20 };
    struct wn_abtest_belief b[64];
    double mean[64], variance[64];
    struct wn_why why = {0};
    for (size_t k = 0; k < 64; k++) {
        mean[k] = .05 + .0002 * (double)(k % 7);
        variance[k] = 5e-6;
    }
    for (size_t n = 2; n <= 32; n *= 4) {
        double start = now_s();
        for (int i = 0; i < ROUNDS; i++)
            must(wn_abtest_believe(mean, variance, n, 0, .0025, .005, b, &why), &why);
        printf("beliefs about %2zu variants: %.2f ms\n", n, (now_s() - start) / ROUNDS * 1e3);
    }
    struct wn_rand r;
    struct wn_abtest_plan plan;
    wn_rand_init(&r, 1);
    double start = now_s();
    for (int i = 0; i < ROUNDS; i++)
        must(wn_abtest_plan(&(struct wn_abtest_wish){.mean = .05, .effect_ratio = .1}, &r, &plan,
                            &why),
             &why);
    printf("a plan with 1,000 simulated paths: %.2f ms\n", (now_s() - start) / ROUNDS * 1e3);
}

int main(int n, char **argv)
{
    int64_t n_tests = TESTS;
    if (n > 2 &&
        (!wn_parse_i64(wn_str_of(argv[2]), &n_tests) || n_tests < 1 || n_tests > 1000000)) {
        fprintf(stderr, "bench: TESTS must be a number from 1 to 1000000\n");
        return 2;
    }
    peeking((int)n_tests);
    power((int)n_tests);
    covariates();
    speed_units();
    speed_csv();
    speed_analysis();
    return 0;
}
