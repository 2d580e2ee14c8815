/* Protects the readers of click data against any bytes: CSV, TSV, libsvm, libffm and Vowpal Wabbit.
 * Rows are what the library accepts, errors name a line, and a model learned from them predicts
 * finite numbers. The first byte chooses format, header and columns. */
#include "cli/ctr_input.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct counts {
    struct wn_ctr *m;
    uint64_t n_rows;
};

static wn_rc on_line(void *context, const struct wn_ctr_line *line, struct wn_why *why)
{
    struct counts *c = context;
    struct wn_ctr_prediction p;
    c->n_rows++;
    WN_ASSERT(line->line > 0);
    wn_rc rc = wn_ctr_learn(c->m, &line->row, NULL, why);
    WN_ASSERT(rc == WN_OK || rc == WN_INVALID); /* negative views and the like are in the data */
    wn_ctr_predict(c->m, line->row.features, line->row.n_features, line->row.offset, &p);
    WN_ASSERT(p.p > 0 && p.p < 1 && p.low <= p.p && p.p <= p.high);
    return rc;
}

static void run(const char *path, uint8_t choice)
{
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr_input_options input = {.path = path,
                                         .format = (wn_ctr_format)(choice % WN_CTR_FORMATS),
                                         .header = (choice >> 3) % 3 - 1,
                                         .is_training = true,
                                         .wants_label = true,
                                         .wants_cells = choice & 128};
    struct counts c = {0};
    struct wn_ctr_told told;
    struct wn_why why = {0};
    struct wn_arena a;
    o.bits = 8;
    o.n_factors = 0;
    if (choice & 32)
        input.target = WN_STR("c2");
    if (choice & 64)
        input.time = WN_STR("c3");
    wn_arena_init(&a, (size_t)1 << 28);
    if (wn_ctr_new(&o, &c.m, NULL) == WN_OK) {
        wn_rc rc = wn_ctr_input_run(&input, c.m, &a, on_line, &c, &told, &why);
        WN_ASSERT(rc == WN_OK ? c.n_rows > 0 : why.text[0] != 0);
    }
    wn_ctr_free(c.m);
    wn_arena_deinit(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    if (size == 0)
        return 0;
    if (!path[0])
        snprintf(path, sizeof path, "/tmp/fuzz-ctr-%ld", (long)getpid());
    FILE *f = fopen(path, "wb");
    if (!f)
        return 0;
    fwrite(data + 1, 1, size - 1, f);
    fclose(f);
    run(path, data[0]);
    unlink(path);
    return 0;
}
