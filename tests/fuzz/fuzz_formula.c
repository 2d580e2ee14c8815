/* Protects the formula parser from any bytes, and that what it accepts prints as text that means
 * the same: parse(print(x)) == x. */
#include <math.h>
#include <stdlib.h>

#include "metric/formula_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_arena a;
    struct wn_metrics *m = NULL;
    struct wn_formula *f = NULL, *again = NULL;
    struct wn_why why = {0};
    struct wn_buf text, sql;
    wn_arena_init(&a, 64 << 20);
    wn_buf_init(&text, WN_FORMULA_BYTES_MAX);
    wn_buf_init(&sql, 16 << 20);
    if (wn_metrics_new(&a, &m, NULL) == WN_OK &&
        wn_formula_parse(&a, m, (struct wn_str){(const char *)data, size}, &f, &why) == WN_OK) {
        wn_formula_print(f, &text);
        wn_formula_sql(f, &sql);
        if (text.failed || sql.failed ||
            wn_formula_parse(&a, m, wn_buf_str(&text), &again, NULL) != WN_OK ||
            !wn_formula_equal(f, again))
            abort();
        struct wn_sums sums = {.values = {1000, 400, 50, 0, 0, 4, 20, 60},
                               .has = {true, true, true, true, false, true, true, true}};
        double value;
        if (wn_formula_eval(f, &sums, &value) && !isfinite(value))
            abort();
    } else if (m && why.text[0] == '\0') {
        abort(); /* refused without a reason */
    }
    wn_buf_deinit(&text);
    wn_buf_deinit(&sql);
    wn_arena_deinit(&a);
    return 0;
}
