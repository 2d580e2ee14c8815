/* Protects what the manual of attribution promises on the public data of ChannelAttribution (10,000
 * paths): every model's credits to the digits that were computed independently, their sums, and
 * what a user of the command line would read of them. Skips where the data are not present. */
#include "learn/attribute_csv.h"

#include "../../../bench/learn/attribution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wn_arena arena;
static struct wn_path_csv data;
static bool is_present;

static char *read_file(const char *name, size_t *n)
{
    const char *dir = getenv("WN_SHARED_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir ? dir : "", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    enum { MAX = 1 << 21 };
    char *text = malloc(MAX);
    assert_non_null(text);
    *n = fread(text, 1, MAX, file);
    fclose(file);
    return text;
}

static int load(void **state)
{
    (void)state;
    size_t n = 0;
    char *text = read_file("channel_attribution/Data.csv", &n);
    struct wn_path_csv_reader *r = NULL;
    struct wn_why why = {0};
    wn_arena_init(&arena, 0);
    is_present = text != NULL;
    if (!is_present) {
        puts("skipped: channel_attribution/Data.csv is not in WN_SHARED_DATA");
        return 0;
    }
    wn_rc rc = wn_path_csv_new(&r, &why);
    if (!rc)
        rc = wn_path_csv_push(r, (struct wn_str){text, n}, &why);
    if (!rc)
        rc = wn_path_csv_finish(r, NULL, &arena, &data, &why);
    wn_path_csv_free(r);
    free(text);
    return rc ? -1 : 0;
}

static int unload(void **state)
{
    (void)state;
    wn_arena_deinit(&arena);
    return 0;
}

static size_t channel(const char *name)
{
    for (size_t c = 0; c < data.paths.n_channels; c++)
        if (wn_str_eq(data.channels[c], wn_str_of(name)))
            return c;
    fail_msg("there is no channel %s", name);
    return 0;
}

/* digits: those behind the point that are printed above. */
static void near(double x, double expected, int digits)
{
    double tolerance = .5001 * pow(10, -digits);
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%.9g instead of %.9g", x, expected);
}

static void attribute(struct wn_attribute_options o, struct wn_attribution *out)
{
    struct wn_rand r;
    struct wn_why why = {0};
    wn_rand_init(&r, 1);
    wn_rc rc = wn_attribute(&arena, &data.paths, &o, &r, out, &why);
    if (rc)
        fail_msg("%s", why.text);
}

static void all_printed_digits(void **state)
{
    (void)state;
    if (!is_present)
        skip();
    struct wn_attribution one, two;
    attribute((struct wn_attribute_options){0}, &one);
    attribute((struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV, .order = 2}, &two);
    assert_int_equal(data.paths.n, 10000);
    assert_int_equal(data.paths.n_channels, REFERENCE_CHANNELS);
    near(one.conversions, 19785, 9);
    near(one.value, 74802.97, 2);
    near(one.nulls, 68602, 9);
    near(one.conversion_probability, .2238451356, 10);
    near(two.conversion_probability, .2238451356, 10);
    for (size_t i = 0; i < REFERENCE_CHANNELS; i++) {
        const struct reference *row = &reference[i];
        size_t c = channel(row->channel);
        near(one.credits[WN_ATTRIBUTE_FIRST][c].conversions, row->first, 6);
        near(one.credits[WN_ATTRIBUTE_LAST][c].conversions, row->last, 6);
        near(one.credits[WN_ATTRIBUTE_LINEAR][c].conversions, row->linear, 4);
        near(one.credits[WN_ATTRIBUTE_POSITION][c].conversions, row->position, 3);
        near(one.credits[WN_ATTRIBUTE_SHAPLEY][c].conversions, row->shapley, 3);
        near(one.removal[c], row->removal, 6);
        near(one.credits[WN_ATTRIBUTE_MARKOV][c].conversions, row->markov1, 3);
        near(two.credits[WN_ATTRIBUTE_MARKOV][c].conversions, row->markov2, 2);
    }
}

static void values(void **state)
{
    (void)state;
    if (!is_present)
        skip();
    struct wn_attribution out;
    attribute((struct wn_attribute_options){0}, &out);
    near(out.credits[WN_ATTRIBUTE_FIRST][channel("alpha")].value, 19121.272, 3);
    near(out.credits[WN_ATTRIBUTE_FIRST][channel("iota")].value, 19597.261, 3);
    near(out.credits[WN_ATTRIBUTE_FIRST][channel("eta")].value, 11909.476, 3);
    near(out.credits[WN_ATTRIBUTE_LAST][channel("alpha")].value, 28414.214, 3);
    near(out.credits[WN_ATTRIBUTE_LINEAR][channel("alpha")].value, 24524.7096, 4);
}

static void credits_add_up(void **state)
{
    (void)state;
    if (!is_present)
        skip();
    for (uint32_t order = 1; order <= 4; order++) {
        struct wn_attribution out;
        attribute(
            (struct wn_attribute_options){.order = order, .n_bootstraps = order == 1 ? 20 : 0},
            &out);
        for (size_t m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
            double conversions = 0, value = 0;
            for (size_t c = 0; c < REFERENCE_CHANNELS; c++) {
                const struct wn_credit *x = &out.credits[m][c];
                conversions += x->conversions;
                value += x->value;
                assert_true(x->low >= 0 && x->low <= x->conversions && x->conversions <= x->high);
                assert_true(x->value_low <= x->value && x->value <= x->value_high);
            }
            assert_true(fabs(conversions / out.conversions - 1) < 1e-9);
            assert_true(fabs(value / out.value - 1) < 1e-9);
        }
    }
}

/* The file of the other package holds the same paths, with commas. */
static void both_files_agree(void **state)
{
    (void)state;
    size_t n = 0;
    char *text = read_file("channel_attribution/mta_data.csv", &n);
    if (!is_present || !text)
        skip();
    struct wn_path_csv_reader *r = NULL;
    struct wn_path_csv other;
    assert_int_equal(wn_path_csv_new(&r, NULL), WN_OK);
    assert_int_equal(wn_path_csv_push(r, (struct wn_str){text, n}, NULL), WN_OK);
    assert_int_equal(wn_path_csv_finish(r, NULL, &arena, &other, NULL), WN_OK);
    wn_path_csv_free(r);
    free(text);
    assert_int_equal(other.paths.n, data.paths.n);
    for (size_t p = 0; p < other.paths.n; p++) {
        assert_int_equal(other.paths.starts[p + 1], data.paths.starts[p + 1]);
        assert_true(other.paths.conversions[p] == data.paths.conversions[p]);
    }
}

static void order_is_chosen(void **state)
{
    (void)state;
    if (!is_present)
        skip();
    struct wn_attribution out;
    attribute(
        (struct wn_attribute_options){.models = 1u << WN_ATTRIBUTE_MARKOV, .order_auto = true},
        &out);
    for (size_t k = 1; k <= WN_MARKOV_ORDER_AUTO; k++)
        assert_true(out.auc[k] > 0 && out.auc[k] < 1);
    assert_int_equal(out.order, 1); /* these paths say nothing about how they end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_printed_digits), cmocka_unit_test(values),
        cmocka_unit_test(credits_add_up),     cmocka_unit_test(both_files_agree),
        cmocka_unit_test(order_is_chosen),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
