/* Protects the parser of queries from any bytes: what it accepts compiles to SQL with as many
 * values as placeholders and is answered in memory; what it refuses names its part. The input is
 * the nine parts of a query, one a line. */
#include <stdlib.h>

#include "metric/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_placeholders(struct wn_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '?';
    return n;
}

static void answer(const struct wn_query *q, struct wn_arena *a)
{
    struct wn_stat rows[2] = {{.day = 20454, .campaign_id = 1, .channel = 1, .hour = 3},
                              {.day = 20400, .channel = 3, .hour = WN_HOUR_NONE}};
    struct wn_sql sql;
    struct wn_table *t = NULL;
    rows[0].measures[WN_MEASURE_SPEND] = 5000000;
    rows[1].measures[WN_MEASURE_REVENUE] = 7000000;
    wn_rc rc = wn_query_sql(q, a, &sql, NULL);
    if (rc == WN_OK && count_placeholders(sql.text) != sql.n_binds)
        abort();
    if (rc != WN_OK && rc != WN_LIMIT && rc != WN_MEMORY)
        abort(); /* the parser should have refused it */
    rc = wn_query_eval(q, rows, 2, NULL, a, &t, NULL);
    if (rc != WN_OK && rc != WN_MEMORY)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wn_str rest = {(const char *)data, size}, part[9] = {{0}};
    struct wn_arena a;
    struct wn_metrics *m = NULL;
    struct wn_query q;
    struct wn_why why = {0};
    for (size_t i = 0; i < WN_COUNT(part) && wn_str_cut(&rest, '\n', &part[i]); i++)
        continue;
    struct wn_query_text text = {.metrics = part[0],
                                 .by = part[1],
                                 .filter = part[2],
                                 .from = part[3],
                                 .to = part[4],
                                 .compare = part[5],
                                 .sort = part[6],
                                 .limit = part[7],
                                 .offset = part[8]};
    wn_arena_init(&a, 64 << 20);
    if (wn_metrics_new(&a, &m, NULL) == WN_OK) {
        if (wn_query_parse(&a, m, 1, &text, 20400, 20460, &q, &why) == WN_OK)
            answer(&q, &a);
        else if (why.text[0] == '\0')
            abort();
    }
    wn_arena_deinit(&a);
    return 0;
}
