/* Protects the promise of the metric language: random questions to random rows get the same table
 * from the facts engine's SQL and from the evaluation in memory.
 *
 * Numbers are compared for equality, ratios included: both targets work on the same sums, converted
 * the same way, with the same IEEE 754 operations in the same order, so there is nothing to round
 * differently. Should an engine reorder an expression one day, TOLERANCE is the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/date.h"
#include "core/rand.h"
#include "metric/query.h"
#include "store/facts.h"

#define TOLERANCE 0.0
#define N_ROUNDS 6
#define N_QUERIES 35
#define N_NAMES_MAX 64
#define N_ROWS_MAX 400

struct world {
    struct wn_rand r;
    struct wn_facts *facts;
    struct wn_arena a;
    int32_t tenant_id;
    struct {
        int32_t id;
        wn_name_kind kind;
        struct wn_str text;
    } names[N_NAMES_MAX];
    size_t n_names;
    struct wn_stat rows[N_ROWS_MAX];
    size_t n_rows;
    struct wn_metrics *metrics;
};

static char directory[] = "/tmp/winnow-metric-XXXXXX";

static int32_t day_of(int year, int month, int day)
{
    int32_t out = 0;
    assert_true(wn_day_of_date((struct wn_date){year, month, day}, &out));
    return out;
}

static size_t below(struct world *w, size_t n)
{
    return (size_t)wn_rand_below(&w->r, n);
}

/* ---- the data --------------------------------------------------------------------------------- */

/* Names repeat across ids, differ in case only, look like placeholders, hold quotes and UTF-8. */
static const char *const pool[] = {"Spring Sale", "spring sale",  "Brand", "(none)", "18-24",
                                   "It's \"on\"", "\xc3\x9cltra", "a|b;c", "#12",    "Brand 2"};

static int32_t add_name(struct world *w, struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent)
{
    char key[32];
    int32_t id = 0;
    struct wn_str text = wn_str_of(pool[below(w, WN_COUNT(pool))]);
    (void)snprintf(key, sizeof key, "key-%zu", w->n_names);
    assert_int_equal(wn_facts_tx_name(tx, kind, parent, wn_str_of(key), text, &id, NULL), WN_OK);
    w->names[w->n_names].id = id;
    w->names[w->n_names].kind = kind;
    w->names[w->n_names++].text = text;
    return id;
}

/* A name of the kind, or 0 = not broken down. */
static int32_t some_name(struct world *w, wn_name_kind kind)
{
    if (below(w, 5) == 0)
        return 0;
    for (size_t i = 0, start = below(w, w->n_names); i < w->n_names; i++) {
        size_t at = (start + i) % w->n_names;
        if (w->names[at].kind == kind)
            return w->names[at].id;
    }
    return 0;
}

static int32_t some_day(struct world *w)
{
    static const int years[] = {2023, 2024, 2025};
    int year = years[below(w, 3)];
    /* Around the end of February, where a year earlier is not 365 days earlier. */
    return below(w, 4) ? day_of(year, 2, 1) + (int32_t)below(w, 45)
                       : day_of(year, 1, 1) + (int32_t)below(w, 365);
}

static void random_row(struct world *w, struct wn_stat *row)
{
    static const uint8_t channels[] = {0, 1, 3, 7, 19};
    *row = (struct wn_stat){
        .day = some_day(w),
        .account_id = w->names[below(w, 2)].id,
        .campaign_id = some_name(w, WN_NAME_CAMPAIGN),
        .ad_group_id = some_name(w, WN_NAME_AD_GROUP),
        .ad_id = some_name(w, WN_NAME_AD),
        .country_id = some_name(w, WN_NAME_COUNTRY),
        .age_id = some_name(w, WN_NAME_AGE),
        .placement_id = some_name(w, WN_NAME_PLACEMENT),
        .audience_id = some_name(w, WN_NAME_AUDIENCE),
        .channel = channels[below(w, 5)],
        .device = (uint8_t)below(w, wn_n_devices),
        .gender = (uint8_t)below(w, wn_n_genders),
        .hour = (int8_t)((int)below(w, 25) - 1),
    };
    for (int m = 0; m < WN_MEASURE_N; m++) {
        int64_t size = below(w, 2) ? 5000000 : INT64_C(4000000000000);
        row->measures[m] = below(w, 3) ? (int64_t)wn_rand_below(&w->r, (uint64_t)size) : 0;
        if (m == WN_MEASURE_REVENUE && below(w, 10) == 0)
            row->measures[m] = -row->measures[m]; /* refunds */
    }
}

static void make_rows(struct world *w)
{
    struct wn_facts_tx *tx = NULL;
    struct wn_why why = {0};
    if (wn_facts_begin(w->facts, w->tenant_id, 1, 0, &tx, &why))
        fail_msg("%s", why.text);
    w->n_names = 0;
    for (int i = 0; i < 2; i++)
        (void)add_name(w, tx, WN_NAME_ACCOUNT, 0);
    /* Account, campaign, ad group, ad: each below the first of the kind before it. */
    int32_t parent = w->names[0].id;
    for (int kind = WN_NAME_CAMPAIGN; kind <= WN_NAME_AUDIENCE; kind++) {
        size_t first = w->n_names;
        for (int i = 0; i < 6; i++)
            (void)add_name(w, tx, (wn_name_kind)kind, kind <= WN_NAME_AD ? parent : 0);
        parent = w->names[first].id;
    }
    w->n_rows = below(w, 4) == 0 ? below(w, 3) : below(w, N_ROWS_MAX);
    for (size_t i = 0; i < w->n_rows; i++)
        random_row(w, &w->rows[i]);
    if (wn_facts_tx_append(tx, w->rows, w->n_rows, &why) || wn_facts_commit(tx, &why))
        fail_msg("%s", why.text);
}

static bool get_name(void *context, int32_t id, struct wn_str *name)
{
    const struct world *w = context;
    for (size_t i = 0; i < w->n_names; i++)
        if (w->names[i].id == id) {
            *name = w->names[i].text;
            return true;
        }
    return false;
}

/* ---- the questions ---------------------------------------------------------------------------- */

static void random_formula(struct world *w, int depth, struct wn_buf *out)
{
    static const char *const binary[] = {"+",  "-", "*", "/",  "/",  "/",   "=",
                                         "!=", "<", ">", ">=", "<=", "and", "or"};
    static const char *const calls[] = {"min", "max", "coalesce", "if", "abs"};
    static const char *const numbers[] = {"0", "1", "0.1", "1000", "1e-7", "1e308", "3.25", "100"};
    size_t kind = depth <= 0 ? below(w, 3) : below(w, 8);
    if (kind <= 1) {
        size_t n = wn_metrics_count(w->metrics);
        struct wn_str name = wn_metrics_at(w->metrics, below(w, kind ? n : WN_MEASURE_N))->name;
        wn_buf_append(out, name);
    } else if (kind == 2) {
        wn_buf_append_z(out, numbers[below(w, WN_COUNT(numbers))]);
    } else if (kind == 3) {
        size_t call = below(w, WN_COUNT(calls));
        wn_buf_printf(out, "%s(", calls[call]);
        for (int i = 0; i < (call == 3 ? 3 : call == 4 ? 1 : 2); i++) {
            wn_buf_append_z(out, i ? "," : "");
            random_formula(w, depth - 1, out);
        }
        wn_buf_append_char(out, ')');
    } else if (kind == 4) {
        wn_buf_append_z(out, below(w, 2) ? "(-(" : "(not (");
        random_formula(w, depth - 1, out);
        wn_buf_append_z(out, "))");
    } else {
        wn_buf_append_char(out, '(');
        random_formula(w, depth - 1, out);
        wn_buf_printf(out, ")%s(", binary[below(w, WN_COUNT(binary))]);
        random_formula(w, depth - 1, out);
        wn_buf_append_char(out, ')');
    }
}

/* The built-in metrics and a few random ones, m0, m1 ... */
static void make_metrics(struct world *w)
{
    assert_int_equal(wn_metrics_new(&w->a, &w->metrics, NULL), WN_OK);
    for (int i = 0; i < 12; i++) {
        char name[16];
        struct wn_buf text;
        wn_buf_init(&text, 1 << 16);
        random_formula(w, 3, &text);
        (void)snprintf(name, sizeof name, "m%d", i);
        wn_rc rc = wn_metrics_add(w->metrics, wn_str_of(name), wn_buf_str(&text), WN_STR(""), NULL);
        assert_true(rc == WN_OK || rc == WN_LIMIT);
        wn_buf_deinit(&text);
    }
}

static struct wn_str dimension_text(struct world *w, wn_dimension d)
{
    char text[WN_DAY_TEXT_MAX];
    switch (d) {
    case WN_DIM_CHANNEL:
        return wn_str_of(wn_channels[below(w, wn_n_channels)].name);
    case WN_DIM_DEVICE:
        return wn_str_of(wn_devices[below(w, wn_n_devices)].name);
    case WN_DIM_GENDER:
        return wn_str_of(wn_genders[below(w, wn_n_genders)].name);
    case WN_DIM_DAY:
    case WN_DIM_WEEK:
    case WN_DIM_MONTH:
        (void)wn_print_day(some_day(w), text);
        return wn_arena_printf(&w->a, "%s", text);
    case WN_DIM_HOUR:
        return wn_arena_printf(&w->a, "%zu", below(w, 24));
    case WN_DIM_WEEKDAY:
        return wn_arena_printf(&w->a, "%zu", below(w, 7));
    default:
        return wn_str_of(pool[below(w, WN_COUNT(pool))]);
    }
}

static void random_filter(struct world *w, struct wn_filter *f)
{
    struct wn_str *texts = WN_ARENA_ARRAY(&w->a, 4, struct wn_str);
    int32_t *ids = WN_ARENA_ARRAY(&w->a, 4, int32_t);
    *f = (struct wn_filter){.op = (wn_filter_op)below(w, 4), .texts = texts, .ids = ids};
    f->dimension = (wn_dimension)below(w, WN_DIM_N);
    f->n = below(w, 20) ? 1 + below(w, 4) : 0;
    for (size_t i = 0; i < f->n; i++)
        texts[i] = dimension_text(w, f->dimension);
    if (f->op == WN_FILTER_HAVING) {
        const struct wn_metric *m =
            wn_metrics_at(w->metrics, below(w, wn_metrics_count(w->metrics)));
        struct wn_formula *condition = NULL;
        static const char *const rest[] = {" > 0", " < 1", " >= 0.5 or clicks > 1", " != 0", ""};
        struct wn_str text =
            wn_arena_printf(&w->a, "%.*s%s", WN_STR_ARG(m->name), rest[below(w, WN_COUNT(rest))]);
        assert_int_equal(wn_formula_parse(&w->a, w->metrics, text, &condition, NULL), WN_OK);
        f->condition = condition;
    } else if (f->dimension >= WN_DIM_DAY && f->dimension <= WN_DIM_WEEKDAY) {
        f->op = below(w, 2) ? WN_FILTER_IN : WN_FILTER_NOT_IN;
    } else if (f->op == WN_FILTER_CONTAINS) {
        static const char *const parts[] = {"BRAND", "none", "o", "", "'", "xyz", "\xc3\x9c", "a"};
        for (size_t i = 0; i < f->n; i++)
            texts[i] = wn_str_of(parts[below(w, WN_COUNT(parts))]);
    } else if (f->dimension >= WN_DIM_ACCOUNT && f->dimension <= WN_DIM_AD && below(w, 2)) {
        f->by_id = true;
        for (size_t i = 0; i < f->n; i++)
            ids[i] = below(w, 3) ? w->names[below(w, w->n_names)].id : 0;
    }
}

static void random_sort(struct world *w, struct wn_query *q)
{
    size_t n = q->n_metrics + q->n_dimensions, at = below(w, n + 2);
    q->descending = below(w, 2);
    if (at >= n)
        return;
    if (at < q->n_dimensions) {
        q->sort_by = wn_str_of(wn_dimension_name(q->dimensions[at]));
        return;
    }
    q->sort_by = q->metrics[at - q->n_dimensions]->name;
    if (q->compare && below(w, 2))
        q->sort_by = wn_arena_printf(&w->a, "%.*s_previous", WN_STR_ARG(q->sort_by));
}

static void random_query(struct world *w, struct wn_query *q)
{
    const struct wn_metric **metrics =
        WN_ARENA_ARRAY(&w->a, WN_QUERY_METRICS_MAX, const struct wn_metric *);
    struct wn_filter *filters = WN_ARENA_ARRAY(&w->a, 4, struct wn_filter);
    *q = (struct wn_query){.tenant_id = w->tenant_id, .metrics = metrics, .filters = filters};
    size_t n = wn_metrics_count(w->metrics), first = below(w, n);
    q->n_metrics = 1 + below(w, 6);
    for (size_t i = 0; i < q->n_metrics; i++)
        metrics[i] = wn_metrics_at(w->metrics, (first + 5 * i) % n);
    q->n_dimensions = below(w, 4);
    size_t start = below(w, WN_DIM_N);
    for (size_t i = 0; i < q->n_dimensions; i++)
        q->dimensions[i] = (wn_dimension)((start + 5 * i) % WN_DIM_N);
    q->day_from = some_day(w);
    q->day_to = some_day(w);
    if (q->day_from > q->day_to) {
        int32_t swap = q->day_from;
        q->day_from = q->day_to;
        q->day_to = swap;
    }
    q->compare = (wn_compare)below(w, 3);
    q->n_filters = below(w, 3);
    for (size_t i = 0; i < q->n_filters; i++)
        random_filter(w, &filters[i]);
    random_sort(w, q);
    q->limit = below(w, 3) ? 0 : 1 + below(w, 20);
    q->offset = below(w, 3) ? 0 : below(w, 10);
}

/* ---- the comparison --------------------------------------------------------------------------- */

static bool same_value(const struct wn_value *a, const struct wn_value *b)
{
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case WN_VALUE_NONE:
        return true;
    case WN_VALUE_INT:
        return a->integer == b->integer;
    case WN_VALUE_TEXT:
        return wn_str_eq(a->text, b->text);
    default:
        return a->real == b->real || fabs(a->real - b->real) <= TOLERANCE * fabs(a->real);
    }
}

static void print_value(const struct wn_value *v)
{
    if (v->kind == WN_VALUE_TEXT)
        print_message("'%.*s'", WN_STR_ARG(v->text));
    else if (v->kind == WN_VALUE_INT)
        print_message("%lld", (long long)v->integer);
    else if (v->kind == WN_VALUE_REAL)
        print_message("%.17g", v->real);
    else
        print_message("none");
}

static void compare_tables(uint64_t seed, const struct wn_sql *sql, const struct wn_table *engine,
                           const struct wn_table *memory)
{
    if (engine->n_columns != memory->n_columns || engine->n_rows != memory->n_rows)
        fail_msg("seed %llu: engine %zu x %zu, memory %zu x %zu\n%.*s", (unsigned long long)seed,
                 engine->n_rows, engine->n_columns, memory->n_rows, memory->n_columns,
                 WN_STR_ARG(sql->text));
    for (size_t j = 0; j < engine->n_columns; j++)
        assert_true(wn_str_eq(engine->columns[j], memory->columns[j]));
    for (size_t i = 0; i < engine->n_rows; i++)
        for (size_t j = 0; j < engine->n_columns; j++) {
            const struct wn_value *a = wn_table_at(engine, i, j), *b = wn_table_at(memory, i, j);
            if (same_value(a, b))
                continue;
            print_message("engine ");
            print_value(a);
            print_message(", memory ");
            print_value(b);
            fail_msg("seed %llu, row %zu, column %.*s\n%.*s", (unsigned long long)seed, i,
                     WN_STR_ARG(engine->columns[j]), WN_STR_ARG(sql->text));
        }
}

static size_t ask_both(struct world *w, uint64_t seed)
{
    struct wn_query q;
    struct wn_sql sql;
    struct wn_table *engine = NULL, *memory = NULL;
    struct wn_query_names names = {get_name, w};
    struct wn_why why = {0};
    random_query(w, &q);
    if (wn_query_sql(&q, &w->a, &sql, &why))
        fail_msg("seed %llu: %s", (unsigned long long)seed, why.text);
    if (wn_facts_query(w->facts, &sql, 0, &w->a, &engine, &why))
        fail_msg("seed %llu: %s\n%.*s", (unsigned long long)seed, why.text, WN_STR_ARG(sql.text));
    if (wn_query_eval(&q, w->rows, w->n_rows, &names, &w->a, &memory, &why))
        fail_msg("seed %llu: %s", (unsigned long long)seed, why.text);
    compare_tables(seed, &sql, engine, memory);
    return engine->n_rows;
}

static void test_engine_and_memory_agree(void **state)
{
    struct world *w = *state;
    const char *from = getenv("WN_TEST_SEED");
    uint64_t first = from ? strtoull(from, NULL, 10) : 1;
    size_t n_rows = 0;
    for (uint64_t seed = first; seed < first + N_ROUNDS; seed++) {
        /* One tenant after the other in one store: each must see its own rows only. */
        wn_rand_init(&w->r, seed);
        w->tenant_id = (int32_t)(seed - first + 1);
        wn_arena_reset(&w->a);
        make_metrics(w);
        make_rows(w);
        for (int i = 0; i < N_QUERIES; i++)
            n_rows += ask_both(w, seed);
    }
    assert_true(n_rows > N_ROUNDS * N_QUERIES); /* the questions were not all empty */
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct wn_why why = {0};
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1, .n_readers_max = 1};
    if (!w || !mkdtemp(directory))
        return -1;
    wn_arena_init(&w->a, 0);
    struct wn_str url = wn_arena_printf(&w->a, "duckdb:%s", directory);
    if (wn_facts_open(url, &options, &w->a, &note, &w->facts, &why)) {
        print_message("%s\n", why.text);
        return -1;
    }
    *state = w;
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *w = *state;
    wn_facts_close(w->facts);
    wn_arena_deinit(&w->a);
    free(w);
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_and_memory_agree),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
