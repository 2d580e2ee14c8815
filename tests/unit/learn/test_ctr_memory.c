/* Protects click prediction against memory running out, by making the n-th allocation fail for
 * n = 1, 2, ...: an error comes back, nothing is leaked, and what was learned row by row stays. */
#include "winnow/ctr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

enum { ROWS = 1300, FIELDS = 3 };

static struct wn_ctr_feature features[ROWS][FIELDS];
static struct wn_ctr_row rows[ROWS];

/* A model with fields, a cross, a hierarchy and a note; features by values that depend on i. */
static wn_rc begin(struct wn_ctr **out)
{
    static const char *const names[FIELDS] = {"channel", "ad", "hour"};
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    uint32_t field[FIELDS], cross;
    char text[16];
    o.bits = 8;
    o.n_factors = 8;
    wn_rc rc = wn_ctr_new(&o, out, NULL);
    for (size_t k = 0; k < FIELDS && !rc; k++)
        rc = wn_ctr_field_add(*out, wn_str_of(names[k]), &field[k], NULL);
    if (!rc)
        rc = wn_ctr_cross_add(*out, field[0], field[2], &cross, NULL);
    if (!rc)
        rc = wn_ctr_tree_set(*out, field, 2, NULL);
    if (!rc)
        rc = wn_ctr_note_set(*out, WN_STR("a note"), NULL);
    for (size_t i = 0; i < ROWS && !rc; i++) {
        for (size_t k = 0; k < FIELDS; k++) {
            int n = snprintf(text, sizeof text, "%zu", i * (7 + k) % (k == 1 ? 90 : 4));
            features[i][k] = wn_ctr_feature_text(*out, field[k], (struct wn_str){text, (size_t)n});
        }
        rows[i] = (struct wn_ctr_row){features[i], FIELDS, (double)(i % 6 > 0), 1, 0, 0};
    }
    return rc;
}

static wn_rc run_fit(void)
{
    struct wn_ctr *m = NULL;
    size_t n_added;
    wn_rc rc = begin(&m);
    if (!rc)
        rc = wn_ctr_fit(m, rows, ROWS, NULL);
    if (!rc)
        rc = wn_ctr_cross_search(m, rows, ROWS, 2, &n_added, NULL);
    wn_ctr_free(m);
    return rc;
}

static wn_rc run_stream(void)
{
    struct wn_ctr *m = NULL;
    struct wn_ctr_report before, after;
    wn_rc rc = begin(&m);
    for (size_t i = 0; i < ROWS && !rc; i++) {
        wn_ctr_report(m, &before);
        rc = wn_ctr_learn(m, &rows[i], NULL, NULL);
        wn_ctr_report(m, &after);
        assert_true(after.n_rows == before.n_rows + !rc && (!rc || after.views == before.views));
    }
    if (!rc)
        rc = wn_ctr_settle(m, NULL);
    wn_ctr_free(m);
    return rc;
}

static wn_rc run_file(void)
{
    struct wn_ctr *m = NULL, *loaded = NULL;
    struct wn_buf b;
    wn_buf_init(&b, 1 << 24);
    wn_rc rc = begin(&m);
    for (size_t i = 0; i < 300 && !rc; i++)
        rc = wn_ctr_learn(m, &rows[i], NULL, NULL);
    if (!rc)
        rc = wn_ctr_save(m, &b, NULL);
    if (!rc)
        rc = wn_ctr_load(wn_buf_str(&b), &loaded, NULL);
    wn_ctr_free(loaded);
    wn_ctr_free(m);
    wn_buf_deinit(&b);
    return rc;
}

static wn_rc run_score(void)
{
    const double p[] = {0.1, 0.2, 0.3}, clicks[] = {0, 1, 0};
    struct wn_ctr_scores s;
    return wn_ctr_score(p, clicks, NULL, 3, &s, NULL);
}

static wn_rc run_delay(void)
{
    const double hours[] = {1, 5, 100};
    const bool converted[] = {true, true, false};
    const struct wn_ctr_delay_group group = {0, hours, converted, 3};
    struct wn_ctr_delay out;
    return wn_ctr_delay_fit(&group, 1, &out, NULL);
}

static void fit(void **state)
{
    (void)state;
    fail_each_allocation(run_fit);
}

static void stream(void **state)
{
    (void)state;
    fail_each_allocation(run_stream);
}

static void file(void **state)
{
    (void)state;
    fail_each_allocation(run_file);
}

static void score_and_delay(void **state)
{
    (void)state;
    fail_each_allocation(run_score);
    fail_each_allocation(run_delay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fit),
        cmocka_unit_test(stream),
        cmocka_unit_test(file),
        cmocka_unit_test(score_and_delay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
