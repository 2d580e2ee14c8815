/* Measures cohorts: published fits of the two models, projections of held-out months of CDNOW and
 * Online Retail, coverage on shops simulated by the model's own rules, and time.
 *
 *     bench_learn_cohorts [DATA]      DATA holds cdnow/ and online_retail/; without them: skipped */
#include "winnow/cohorts.h"
#include "purchases.h"

#include "core/date.h"

#include <math.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(wn_rc rc, const struct wn_why *why)
{
    if (rc) {
        fprintf(stderr, "bench: %s: %s\n", wn_rc_name(rc), why->text);
        exit(1);
    }
}

static void run_published(void)
{
    static const double lost[][8] = {{0, 131, 126, 90, 60, 42, 34, 26},
                                     {0, 369, 163, 86, 56, 37, 27, 21}};
    static const double last[] = {491, 241};
    static const char *const beside[] = {"High-End .668 3.806", "Regular  .704 1.182"};
    for (int i = 0; i < 2; i++) {
        double kept[8] = {0};
        struct wn_cohort_fit fit;
        struct wn_why why = {0};
        kept[7] = last[i];
        must(wn_sbg_fit(lost[i], kept, 7, &fit, &why), &why);
        printf("sBG: alpha %.4f beta %.4f; published: %s\n", fit.theta[0], fit.theta[1], beside[i]);
    }
}

/* ---- held-out months ----------------------------------------------------------------------------
 */

struct score {
    double foreseen, happened; /* revenue per customer after the cut, summed over cohorts */
    double inside, retention_inside, n;
};

/* Fits on what was known at the end of `cut`, and compares with the months up to `end`. */
static void hold_out(const char *name, const struct bench_purchases *p, const char *cut,
                     const char *end)
{
    struct wn_arena a;
    struct wn_rand r;
    struct wn_cohorts now, later;
    struct wn_cohorts_projection out;
    struct wn_why why = {0};
    struct score s = {0};
    int32_t cut_day = 0, end_day = 0;
    if (!wn_parse_day(wn_str_of(cut), &cut_day) || !wn_parse_day(wn_str_of(end), &end_day))
        exit(1);
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    must(wn_cohorts_build(&a, p->rows, p->n, WN_COHORT_MONTH, cut_day, &now, &why), &why);
    must(wn_cohorts_build(&a, p->rows, p->n, WN_COHORT_MONTH, end_day, &later, &why), &why);
    const struct wn_cohort_options o = {.horizon = 24};
    double start = now_ms();
    must(wn_cohorts_project(&a, &now, &o, &r, &out, &why), &why);
    double took = now_ms() - start;
    for (size_t c = 0; c < now.n; c++) {
        const struct wn_cohort *was = &now.cohorts[c], *is = &later.cohorts[c];
        const struct wn_cohort_point *points = out.cohorts[c].points;
        double n = (double)is->n_customers, ltv = 0;
        for (size_t k = 0; k < is->n_whole && k <= out.horizon && was->n_whole; k++) {
            ltv += (double)is->cells[k].revenue_micros / 1e6 / n;
            if (k < was->n_whole)
                continue;
            double retention = (double)is->cells[k].n_active / n;
            s.inside += points[k].ltv_low <= ltv && ltv <= points[k].ltv_high;
            s.retention_inside +=
                points[k].retention_low <= retention && retention <= points[k].retention_high;
            s.n++;
        }
        if (was->n_whole && is->n_whole <= out.horizon + 1) {
            double known = points[was->n_whole - 1].ltv;
            s.foreseen += n * (points[is->n_whole - 1].ltv - known);
            s.happened += n * (ltv - known);
        }
    }
    printf(
        "%s, cut after %s: revenue of the held-out months %.0f foreseen, %.0f happened (%+.1f "
        "%%); 80 %% interval holds LTV in %.0f %%, retention in %.0f %% of %.0f points; shock sd "
        "%.3f; %.0f ms\n",
        name, cut, s.foreseen, s.happened, 100 * (s.foreseen / s.happened - 1),
        100 * s.inside / s.n, 100 * s.retention_inside / s.n, s.n, out.shock_sd, took);
    wn_arena_deinit(&a);
}

/* ---- many customers -----------------------------------------------------------------------------
 */

static void run_many(void)
{
    enum { CUSTOMERS = 1000000 };
    struct wn_arena a;
    struct wn_rand r;
    struct wn_cohorts table;
    struct wn_cohorts_projection out;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    wn_rand_init(&r, 1);
    size_t n = 0;
    struct wn_ltv_purchase *rows =
        WN_ARENA_ARRAY(&a, 12 * (size_t)CUSTOMERS, struct wn_ltv_purchase);
    if (!rows)
        exit(1);
    for (uint32_t c = 0; c < CUSTOMERS; c++) {
        int32_t day = 19000 + (int32_t)wn_rand_below(&r, 700);
        for (int k = 0; k < 12 && day < 19730; k++) {
            rows[n++] = (struct wn_ltv_purchase){20000000, c, day};
            day += 1 + (int32_t)wn_rand_below(&r, 90);
            if (wn_rand_uniform(&r) < .3)
                break;
        }
    }
    for (int period = WN_COHORT_WEEK; period <= WN_COHORT_MONTH; period++) {
        double start = now_ms();
        must(wn_cohorts_build(&a, rows, n, (wn_cohort_period)period, 19730, &table, &why), &why);
        double built = now_ms();
        const struct wn_cohort_options o = {.horizon = 24};
        must(wn_cohorts_project(&a, &table, &o, &r, &out, &why), &why);
        printf(
            "1,000,000 customers, %.1f million purchases, %zu %s cohorts: table %.0f ms, fit and "
            "projection %.0f ms\n",
            (double)n / 1e6, table.n, period == WN_COHORT_WEEK ? "weekly" : "monthly",
            built - start, now_ms() - built);
    }
    wn_arena_deinit(&a);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    struct bench_purchases p;
    run_published();
    if (bench_read_cdnow(&p, dir, "CDNOW_master.txt.xz"))
        hold_out("CDNOW", &p, "1997-09-30", "1998-06-30");
    else
        printf("CDNOW: skipped, its files are not in %s\n", dir);
    bench_purchases_close(&p);
    if (bench_read_retail(&p, dir))
        hold_out("Online Retail", &p, "2011-05-31", "2011-08-31");
    else
        printf("Online Retail: skipped, its file is not in %s\n", dir);
    bench_purchases_close(&p);
    run_many();
    return 0;
}
