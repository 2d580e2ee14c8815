/* Protects the figure that the detector is known by: the public benchmark's score, by its own rules,
 * on each half of its series. Skips where the series are not here. */
#include "../../../bench/learn/nab.h"

#include "winnow/detect.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_rules(void **state)
{
    /* One window of rows 100 .. 199 among 1000, probation 150: known weights. */
    static double score[1000];
    static struct nab_file f = {.n = 1000, .n_windows = 1, .from = {300}, .to = {399}};
    const struct nab_profile *p = &nab_profiles[0];
    (void)state;
    f.n_probation = 150;
    assert_true(fabs(nab_score(&f, score, 0.5, p, NULL) + 1) < 1e-12);
    score[300] = 1; /* the left edge is a perfect hit */
    assert_true(fabs(nab_score(&f, score, 0.5, p, NULL) - 1) < 1e-9);
    score[200] = 1; /* before any window: all of a false alarm */
    score[100] = 1; /* in probation: nothing */
    assert_true(fabs(nab_score(&f, score, 0.5, p, NULL) - 0.89) < 1e-9);
    score[999] = 1; /* six widths behind it */
    assert_true(fabs(nab_score(&f, score, 0.5, p, NULL) - 0.78) < 1e-9);
    score[400] = 1; /* just behind it: next to nothing */
    assert_true(fabs(nab_score(&f, score, 0.5, p, NULL) - 0.78) < 0.01);
    assert_true(fabs(nab_normal(-7, 7, p)) < 1e-12 && fabs(nab_normal(7, 7, p) - 100) < 1e-12);
}

static void test_benchmark(void **state)
{
    static struct nab_corpus corpus;
    const char *dir = getenv("WN_SHARED_DATA");
    char path[1024];
    struct wn_arena a;
    double sum[2] = {0, 0};
    int windows[2] = {0, 0};
    (void)state;
    wn_arena_init(&a, 0);
    snprintf(path, sizeof path, "%s/nab", dir ? dir : "");
    if (!dir || !nab_load(&a, path, &corpus)) {
        wn_arena_deinit(&a);
        print_message("skipped: no NAB series in WN_SHARED_DATA\n");
        skip();
    }
    for (int i = 0; i < corpus.n_files; i++) {
        const struct nab_file *f = &corpus.files[i];
        struct wn_detect_options options = WN_DETECT_OPTIONS_DEFAULT;
        struct wn_detector *d;
        struct wn_detect_result r;
        double *score = WN_ARENA_ARRAY(&a, (size_t)f->n, double);
        assert_non_null(score);
        assert_int_equal(wn_detect_init(&a, &options, &d, NULL), WN_OK);
        for (int k = 0; k < f->n; k++) {
            wn_detect_push(d, f->ts_ms[k], f->value[k], &r);
            score[k] = r.is_anomaly;
        }
        sum[i & 1] += nab_score(f, score, 0.5, &nab_profiles[0], NULL);
        windows[i & 1] += f->n_windows;
    }
    double chosen_on = nab_normal(sum[0], windows[0], &nab_profiles[0]);
    double held_out = nab_normal(sum[1], windows[1], &nab_profiles[0]);
    print_message("NAB standard: %.1f on the half the weights were chosen on, %.1f on the other\n",
                  chosen_on, held_out);
    assert_true(chosen_on >= 68 && held_out >= 66);
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_benchmark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
