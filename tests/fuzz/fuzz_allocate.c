/* Protects what winnow allocate reads, histories and curves, against any bytes: no crash, every
 * number finite, sums exact, and what is refused has a reason. The first byte chooses options. */
#include "../../src/cli/allocate_input.c"

enum { ROWS_MAX = 400, ENTITIES_FEW = 12 };

static void allocate(struct wn_arena *a, struct wn_allocate_input *in, uint8_t choice)
{
    struct wn_rand r;
    struct wn_curve *curves = NULL;
    struct wn_allocation out;
    struct wn_why why = {0};
    const struct wn_curve_options options = {.with_base = choice & 1};
    wn_rand_init(&r, choice);
    if (in->is_history) {
        wn_rc rc = wn_curves_fit(a, in->histories, in->n, &options, &curves, &why);
        WN_ASSERT(rc == WN_OK); /* what the reader lets through is in range */
        for (size_t i = 0; i < in->n; i++) {
            WN_ASSERT(isfinite(curves[i].roas_low) && isfinite(curves[i].roas_high));
            in->entities[i].curve = &curves[i];
            if (!wn_micros_from_f64(curves[i].spend_now, &in->entities[i].current_micros))
                return;
        }
    }
    struct wn_allocate_options o = {.budget_micros = (int64_t)1 << (choice & 31),
                                    .max_change_ratio = choice & 32 ? .2 : 0,
                                    .target_roas = choice & 64 ? 2 : 0,
                                    .risk = choice & 128 ? WN_RISK_LOWER : WN_RISK_MEAN,
                                    .n_draws = 20};
    if (wn_allocate(a, in->entities, in->n, &o, &r, &out, &why)) {
        WN_ASSERT(why.text[0]);
        return;
    }
    int64_t sum = 0;
    for (size_t i = 0; i < out.n; i++) {
        const struct wn_allocate_row *row = &out.rows[i];
        WN_ASSERT(isfinite(row->expected) && isfinite(row->low) && isfinite(row->high));
        WN_ASSERT(isfinite(row->marginal) && row->budget_micros >= 0 && row->why.n > 0);
        sum += row->budget_micros;
    }
    WN_ASSERT(sum == out.spent_micros && sum <= o.budget_micros && isfinite(out.bound));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct wn_arena a;
    struct wn_allocate_input in;
    struct wn_why why = {0};
    wn_arena_init(&a, (size_t)1 << 28);
    wn_rc rc =
        wn_allocate_input_read(&a, (struct wn_str){(const char *)data + 1, size - 1}, &in, &why);
    WN_ASSERT(rc == WN_OK || why.text[0]);
    if (!rc && in.n <= ENTITIES_FEW && in.n_rows <= ROWS_MAX)
        allocate(&a, &in, data[0]);
    wn_arena_deinit(&a);
    return 0;
}
