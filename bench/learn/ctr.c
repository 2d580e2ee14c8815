/* Click prediction on the samples of Criteo, Avazu and iPinYou: log loss, area under the curve and
 * calibration on rows held out, with the time, learned from all rows at once and row by row.
 *
 *   bench_learn_ctr [DATA_DIR]     DATA_DIR holds criteo/, avazu/ and ipinyou/; without: skipped.
 *
 * Splits: Criteo and Avazu as they come (train, dev); iPinYou: the last fifth of the rows. Options
 * are the defaults for all three. peers/ctr.py fits its models on the same splits. */
#include "clicks.h"

#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_scores(const char *what, const struct wn_ctr *m, const struct wn_ctr_row *rows,
                         size_t n, double learned_s)
{
    double *p = calloc(n, sizeof *p), *clicks = calloc(n, sizeof *clicks);
    struct wn_ctr_scores s;
    struct wn_ctr_report r;
    if (!p || !clicks)
        abort();
    double start = seconds();
    for (size_t i = 0; i < n; i++) {
        struct wn_ctr_prediction prediction;
        wn_ctr_predict(m, rows[i].features, rows[i].n_features, 0, &prediction);
        p[i] = prediction.p;
        clicks[i] = rows[i].clicks;
    }
    double each_us = 1e6 * (seconds() - start) / (double)n;
    if (wn_ctr_score(p, clicks, NULL, n, &s, NULL))
        abort();
    wn_ctr_report(m, &r);
    printf("  %-12s log loss %.5f  AUC %.4f  ECE %.4f (chance %.4f)  predicted/observed %.3f\n"
           "  %-12s   %.2f s to learn, %.2f us a prediction; blend %.2f + %.2f, calibration %s\n",
           what, s.log_loss, s.auc, s.ece, s.ece_chance, s.ratio, "", learned_s, each_us,
           r.weight_linear, r.weight_machine, wn_ctr_calibration_name(r.calibration));
    if (r.has_scores)
        printf("  %-12s   on %.0f rows of its own, by models that had not seen them: log loss %.5f "
               "(base %.5f), AUC %.4f, ECE %.4f (chance %.4f)\n",
               "", r.scores.views, r.scores.log_loss, r.scores.log_loss_base, r.scores.auc,
               r.scores.ece, r.scores.ece_chance);
    free(p);
    free(clicks);
}

static void run_set(const struct click_set *set, const char *dir)
{
    struct wn_arena a;
    struct click_rows rows = {0};
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    struct wn_ctr *fitted = new_model(set), *streamed = new_model(set);
    size_t n_train;
    bool found = read_set(set, dir, fitted, &a, &rows, &n_train);
    if (!found) {
        printf("%s: skipped, %s/%s is not there\n", set->name, dir, set->train);
    } else {
        printf("%s: %zu rows to learn from, %zu to predict\n", set->name, n_train,
               rows.n - n_train);
        double start = seconds();
        if (wn_ctr_fit(fitted, rows.row, n_train, &why))
            printf("  %s\n", why.text);
        print_scores("fit", fitted, rows.row + n_train, rows.n - n_train, seconds() - start);
        start = seconds();
        for (size_t i = 0; i < n_train; i++)
            if (wn_ctr_learn(streamed, &rows.row[i], NULL, &why))
                printf("  %s\n", why.text);
        if (wn_ctr_settle(streamed, &why))
            printf("  %s\n", why.text);
        print_scores("one pass", streamed, rows.row + n_train, rows.n - n_train, seconds() - start);
    }
    wn_ctr_free(fitted);
    wn_ctr_free(streamed);
    free(rows.row);
    wn_arena_deinit(&a);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "../shared/data";
    struct click_set sets[3];
    click_sets(sets);
    for (size_t i = 0; i < 3; i++)
        run_set(&sets[i], dir);
    return 0;
}
