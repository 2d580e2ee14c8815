/* Measures lifetime values on CDNOW beside the published fits, on held-out weeks of CDNOW and
 * Online Retail, on simulated customers, and times fits up to a million customers.
 *
 *   bench_learn_ltv [DATA_DIR]     DATA_DIR holds cdnow/ and online_retail/; without them: skipped. */
#include "purchases.h"

#include <math.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool failed(wn_rc rc, const struct wn_why *why)
{
    if (rc)
        fprintf(stderr, "%s\n", why->text);
    return rc != WN_OK;
}

/* ---- the published fits -------------------------------------------------------------------------
 */

static const char *const published[] = {
    "r .243, alpha 4.414, a .793, b 2.426; log-likelihood -9582.4",
    "r .553, alpha 10.578, s .606, beta 11.669; log-likelihood -9595.0",
};

static void print_fit(const struct wn_ltv_model *m, const char *beside, double best)
{
    printf("  %-10s ", wn_ltv_kind_words(m->kind));
    for (size_t i = 0; i < 4; i++)
        printf("%s %.4f%s", wn_ltv_parameter_name(m->kind, i), m->account.theta[i],
               i < 3 ? ", " : "");
    printf("; log-likelihood %.2f; %.1f ms with Gamma-Gamma\n  published  %s\n",
           m->account.log_likelihood, 1e3 * best, beside);
}

static bool fit_published(const char *dir)
{
    enum { MAX = 3000, ROUNDS = 5 };
    static struct wn_ltv_customer c[MAX];
    size_t n = bench_read_summary(c, MAX, dir);
    struct wn_ltv_model m;
    struct wn_why why = {0};
    if (n == 0) {
        printf("CDNOW: skipped, its files are not in %s\n", dir);
        return true;
    }
    printf("CDNOW, %zu customers\n", n);
    for (int kind = 0; kind < WN_LTV_KINDS; kind++) {
        const struct wn_ltv_options o = {.kind = (wn_ltv_kind)kind};
        double best = HUGE_VAL;
        struct wn_arena a;
        wn_arena_init(&a, 0);
        for (int round = 0; round < ROUNDS; round++) {
            double start = seconds();
            if (failed(wn_ltv_fit(c, n, &o, &a, &m, &why), &why))
                return false;
            best = fmin(best, seconds() - start);
        }
        print_fit(&m, published[kind], best);
        printf("  repeat purchases of a new customer by week 1, 8, 32, 78: %.4f %.4f %.4f %.4f\n",
               wn_ltv_expected_new(m.kind, m.account.theta, 1),
               wn_ltv_expected_new(m.kind, m.account.theta, 8),
               wn_ltv_expected_new(m.kind, m.account.theta, 32),
               wn_ltv_expected_new(m.kind, m.account.theta, 78));
        if (kind == 0)
            printf("  Gamma-Gamma p %.3f, q %.3f, v %.3f; log-likelihood %.2f\n"
                   "  published   p 6.25, q 3.74, v 15.44\n",
                   m.money.p, m.money.q, m.money.v, m.money.log_likelihood);
        wn_arena_deinit(&a);
    }
    return true;
}

/* ---- held-out weeks -----------------------------------------------------------------------------
 */

/* All repeat purchases from the first day to the last, as a new customer would make them. */
static void print_cumulative(const struct wn_ltv_model *m, const struct wn_ltv_histories *h,
                             int weeks)
{
    double seen = 0, expected = 0;
    for (size_t i = 0; i < h->n; i++) {
        seen += h->customers[i].frequency + h->later_purchases[i];
        expected += wn_ltv_expected_new(m->kind, m->account.theta, h->customers[i].age + weeks);
    }
    printf("    from the first day on: %.0f expected, %.0f came (%+.1f %%)\n", expected, seen,
           100 * (expected / seen - 1));
}

static bool check_model(const struct wn_ltv_histories *h, int weeks, wn_ltv_kind kind)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_ltv_model m;
    struct wn_ltv_check c;
    struct wn_ltv_total totals[2];
    struct wn_why why = {0};
    const struct wn_ltv_options o = {.kind = kind};
    const struct wn_ltv_plan plan = {.horizon = weeks, .n_draws = SIZE_MAX};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    struct wn_ltv_prediction *p = WN_ARENA_ARRAY(&a, h->n, struct wn_ltv_prediction);
    double start = seconds();
    wn_rc rc = wn_ltv_fit(h->customers, h->n, &o, &a, &m, &why);
    double fitted = seconds();
    if (!rc)
        rc = wn_ltv_predict(&m, h->customers, h->n, &plan, &r, p, totals, &why);
    double predicted = seconds();
    if (!rc)
        rc = wn_ltv_compare(h->customers, p, &totals[1], h->n, h->later_purchases, h->later_value,
                            weeks, &c, &why);
    if (failed(rc, &why))
        return false;
    printf("  %-10s %.0f purchases expected, %.0f came (%+.1f %%); error of a customer: mean "
           "absolute %.4f, root mean square %.4f (as often as before: %.4f)\n",
           wn_ltv_kind_words(kind), c.purchases_expected, c.purchases,
           100 * (c.purchases_expected / c.purchases - 1), c.error_abs, c.error_rms,
           c.error_abs_naive);
    print_cumulative(&m, h, weeks);
    printf("    value %.0f expected (80 %%: %.0f to %.0f), %.0f came; 80 %% interval of a customer "
           "covers %.1f %%; fit %.1f ms, 500 futures each %.2f s\n",
           c.value_expected, c.value_low, c.value_high, c.value, 100 * c.covered,
           1e3 * (fitted - start), predicted - fitted);
    wn_arena_deinit(&a);
    return true;
}

static bool hold_out(const struct bench_purchases *p, const char *name, int weeks)
{
    struct wn_arena a;
    struct wn_ltv_histories h;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    if (failed(wn_ltv_summarise(p->rows, p->n, p->n_customers, p->last_day - 7 * weeks, p->last_day,
                                7, &a, &h, &why),
               &why))
        return false;
    printf("%s: %zu customers, the last %d weeks held out\n", name, h.n, weeks);
    bool good = check_model(&h, weeks, WN_LTV_BGNBD) && check_model(&h, weeks, WN_LTV_PNBD);
    wn_arena_deinit(&a);
    return good;
}

static bool hold_out_all(const char *dir)
{
    static const struct {
        const char *file, *name;
        int weeks;
    } sets[] = {{"CDNOW_sample.txt", "CDNOW, the published tenth", 39},
                {"CDNOW_master.txt.xz", "CDNOW, all", 39},
                {NULL, "Online Retail", 13}};
    bool good = true;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct bench_purchases p;
        if (sets[i].file ? bench_read_cdnow(&p, dir, sets[i].file) : bench_read_retail(&p, dir))
            good = hold_out(&p, sets[i].name, sets[i].weeks) && good;
        else
            printf("%s: skipped, its file is not in %s\n", sets[i].name, dir);
        bench_purchases_close(&p);
    }
    return good;
}

/* ---- simulated customers ------------------------------------------------------------------------
 */

/* One BG/NBD customer with values, seen for age weeks in steps of `step`, then for `ahead` more. */
static struct wn_ltv_customer simulate(struct wn_rand *r, const double *theta, double step,
                                       double ahead, double *later, double *later_value)
{
    struct wn_ltv_customer c = {.age = 20 + 40 * wn_rand_uniform(r)};
    if (step > 0)
        c.age = floor(c.age / step) * step;
    double rate = wn_rand_gamma(r, theta[0]) / theta[1], p = wn_rand_beta(r, theta[2], theta[3]);
    double nu = wn_rand_gamma(r, 4) / 30, sum = 0;
    *later = *later_value = 0;
    for (double t = 0;;) {
        t += wn_rand_exponential(r) / rate;
        if (step > 0)
            t = ceil(t / step) * step;
        if (!(t <= c.age + ahead))
            break;
        double value = wn_rand_gamma(r, 6) / nu;
        if (t <= c.age) {
            c.frequency++;
            c.recency = t;
            sum += value;
        } else {
            ++*later;
            *later_value += value;
        }
        if (wn_rand_uniform(r) < p)
            break;
    }
    c.monetary = c.frequency > 0 ? sum / c.frequency : 0;
    return c;
}

static const double truth[] = {.4, 6, .8, 2.5};

/* Does the interval hold what comes, in a world where the model is right? */
static bool coverage(void)
{
    enum { N = 2000, WORLDS = 10 };
    struct wn_rand r;
    double covered = 0, covered_repeat = 0, n_repeat = 0, sums = 0;
    wn_rand_init(&r, 7);
    for (int world = 0; world < WORLDS; world++) {
        static struct wn_ltv_customer c[N];
        static struct wn_ltv_prediction p[N];
        static double later[N], value[N];
        struct wn_ltv_total totals[2];
        struct wn_ltv_model m;
        struct wn_arena a;
        struct wn_why why = {0};
        double seen = 0;
        wn_arena_init(&a, 0);
        for (size_t i = 0; i < N; i++)
            c[i] = simulate(&r, truth, 1.0 / 7, 26, &later[i], &value[i]);
        wn_rc rc = wn_ltv_fit(c, N, &(struct wn_ltv_options){.kind = WN_LTV_BGNBD}, &a, &m, &why);
        if (!rc)
            rc = wn_ltv_predict(&m, c, N, &(struct wn_ltv_plan){.horizon = 26, .n_draws = SIZE_MAX},
                                &r, p, totals, &why);
        if (failed(rc, &why))
            return false;
        for (size_t i = 0; i < N; i++) {
            bool in = value[i] >= p[i].low && value[i] <= p[i].high;
            seen += value[i];
            covered += in;
            covered_repeat += in && c[i].frequency >= 3;
            n_repeat += c[i].frequency >= 3;
        }
        sums += seen >= totals[1].low && seen <= totals[1].high;
        wn_arena_deinit(&a);
    }
    printf("simulated BG/NBD, %d worlds of %d customers: the 80 %% interval of the value covers "
           "%.1f %% of the customers (%.1f %% of those with 3 repeats and more; what is 0 is "
           "covered for sure), that of the sum %.0f of %d\n",
           WORLDS, N, 100 * covered / (WORLDS * N), 100 * covered_repeat / n_repeat, sums, WORLDS);
    return true;
}

static bool million(double step, const char *what)
{
    enum { N = 1000000 };
    struct wn_ltv_customer *c = malloc(N * sizeof *c);
    struct wn_rand r;
    bool good = c != NULL;
    double later, value;
    wn_rand_init(&r, 11);
    for (size_t i = 0; i < N && good; i++)
        c[i] = simulate(&r, truth, step, 0, &later, &value);
    for (int kind = 0; kind < WN_LTV_KINDS && good; kind++) {
        struct wn_arena a;
        struct wn_ltv_model m;
        struct wn_why why = {0};
        wn_arena_init(&a, 0);
        double start = seconds();
        good = !failed(
            wn_ltv_fit(c, N, &(struct wn_ltv_options){.kind = (wn_ltv_kind)kind}, &a, &m, &why),
            &why);
        if (good)
            printf("  %-10s %.2f s (%.3f %.3f %.3f %.3f%s)\n", wn_ltv_kind_words((wn_ltv_kind)kind),
                   seconds() - start, m.account.theta[0], m.account.theta[1], m.account.theta[2],
                   m.account.theta[3], kind ? "" : "; made with .4 6 .8 2.5");
        wn_arena_deinit(&a);
    }
    if (good)
        printf("  the above: fits of 1,000,000 simulated customers, %s\n", what);
    free(c);
    return good;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    bool good = fit_published(dir);
    good = hold_out_all(dir) && good;
    good = coverage() && good;
    good = million(1.0 / 7, "times in days") && good;
    return million(0, "times that are all different") && good ? 0 : 1;
}
