/* Protects what is taken as the result of an A/B test, CSV and JSON, against any bytes: no crash, every
 * number finite, probabilities that sum to 1, and what is refused has a reason. The first byte chooses
 * options. */
#include "decide/experiment.h"

#include <math.h>

enum { ARMS_FEW = 6, LOOKS_FEW = 40 };

static void check_arm(const struct wn_abtest_arm *arm)
{
    WN_ASSERT(isfinite(arm->low) && isfinite(arm->high) && arm->p >= 0 && arm->p <= 1);
    WN_ASSERT(isfinite(arm->relative_low) && isfinite(arm->relative_high));
    WN_ASSERT(isfinite(arm->belief.effect) && isfinite(arm->belief.loss) && arm->belief.loss >= 0);
    WN_ASSERT(arm->p_adjusted >= 0 && arm->p_adjusted <= 1 && isfinite(arm->loss_ratio));
}

static void check(const struct wn_experiment *e)
{
    const struct wn_abtest *t = &e->input.test;
    struct wn_buf out;
    struct wn_json_writer w;
    for (size_t m = 0; m < e->result.n_metrics; m++) {
        const struct wn_abtest_outcome *o = &e->result.metrics[m];
        double sum = 0;
        for (size_t k = 0; k < t->n_arms; k++) {
            check_arm(&o->arms[k]);
            sum += o->arms[k].belief.p_best;
        }
        WN_ASSERT(fabs(sum - 1) < 1e-6 && isfinite(o->n_left) && isfinite(o->days_left));
    }
    WN_ASSERT(e->result.why.n > 0);
    wn_buf_init(&out, 1 << 26);
    wn_json_write_init(&w, &out, 0);
    wn_experiment_write(&w, e);
    WN_ASSERT(!out.failed);
    wn_buf_deinit(&out);
}

static wn_rc read_csv(struct wn_str text, uint8_t choice, struct wn_arena *a,
                      struct wn_experiment *out, struct wn_why *why)
{
    struct wn_experiment_request request = {
        .finish = {.winsor_ratio = choice & 1 ? .9 : 0, .is_lower_better = choice & 2},
        .options = {.tau = choice & 4 ? .01 : 0, .alpha = choice & 8 ? .2 : 0}};
    struct wn_abtest_csv *csv = NULL;
    wn_rc rc = wn_abtest_csv_new(&csv, why);
    if (!rc)
        rc = wn_abtest_csv_push(csv, text, why);
    if (!rc)
        rc = wn_abtest_csv_finish(csv, &request.finish, a, &out->input, why);
    wn_abtest_csv_free(csv);
    if (rc || out->input.test.n_arms > ARMS_FEW || out->input.test.n_looks > LOOKS_FEW)
        return rc;
    rc = wn_experiment_run(&request, a, out, why);
    WN_ASSERT(rc == WN_OK || why->text[0]);
    if (!rc)
        check(out);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena a;
    struct wn_experiment e = {0};
    struct wn_why why = {0};
    struct wn_json *json = NULL;
    if (size == 0)
        return 0;
    struct wn_str text = {(const char *)data + 1, size - 1};
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rc rc = WN_OK;
    if (data[0] & 128) {
        rc = wn_json_parse(&a, text, &json, &why);
        if (!rc)
            rc = wn_experiment_of_json(json, &a, &e, &why);
        if (!rc)
            check(&e);
    } else {
        rc = read_csv(text, data[0], &a, &e, &why);
    }
    WN_ASSERT(rc == WN_OK || why.text[0]);
    wn_arena_deinit(&a);
    return 0;
}
