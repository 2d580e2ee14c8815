/* Protects the accuracy on real data, where they are present: on the splits of the bench not worse
 * by more than 0.5 % log loss than the best of logistic regression, LightGBM and Vowpal Wabbit as
 * bench/learn/peers/ctr.py measured them, and calibrated no worse than chance explains. */
#include "../../../bench/learn/clicks.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void beside_peers(void **state)
{
    (void)state;
    static const double best_peer[3] = {0.49040, 0.43139, 0.05596};
    const char *dir = getenv("WN_SHARED_DATA");
    struct click_set sets[3];
    click_sets(sets);
    for (size_t k = 0; k < 3; k++) {
        struct wn_arena a;
        struct click_rows rows = {0};
        struct wn_ctr_scores s;
        struct wn_ctr_report report;
        size_t n_train;
        wn_arena_init(&a, 0);
        struct wn_ctr *m = new_model(&sets[k]);
        if (!read_set(&sets[k], dir ? dir : "", m, &a, &rows, &n_train)) {
            print_message("%s: skipped, WN_SHARED_DATA does not hold it\n", sets[k].name);
        } else {
            size_t n = rows.n - n_train;
            assert_int_equal(wn_ctr_fit(m, rows.row, n_train, NULL), WN_OK);
            double *p = calloc(n, sizeof *p), *clicks = calloc(n, sizeof *clicks);
            assert_true(p && clicks);
            for (size_t i = 0; i < n; i++) {
                const struct wn_ctr_row *row = &rows.row[n_train + i];
                struct wn_ctr_prediction out;
                wn_ctr_predict(m, row->features, row->n_features, 0, &out);
                p[i] = out.p;
                clicks[i] = row->clicks;
            }
            assert_int_equal(wn_ctr_score(p, clicks, NULL, n, &s, NULL), WN_OK);
            assert_true(s.log_loss < 1.005 * best_peer[k]);
            wn_ctr_report(m, &report);
            assert_true(report.scores.log_loss < report.scores.log_loss_base);
            assert_true(report.scores.ece < report.scores.ece_chance + 0.005);
            free(p);
            free(clicks);
        }
        free(rows.row);
        wn_arena_deinit(&a);
        wn_ctr_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_peers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
