/* Protects queries: that text becomes the question that was meant or an error that names its part,
 * that values never stand in the SQL, and what the table in memory holds, number by number. That
 * SQL and memory agree is tests/contract/test_metric.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/date.h"
#include "metric/query.h"

struct fixture {
    struct wn_arena a;
    struct wn_metrics *m;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    wn_arena_init(&f->a, 0);
    assert_int_equal(wn_metrics_new(&f->a, &f->m, NULL), WN_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    wn_arena_deinit(&f->a);
    free(f);
    return 0;
}

static int32_t day(const char *text)
{
    int32_t out = -1;
    assert_true(wn_parse_day(wn_str_of(text), &out));
    return out;
}

/* A query by its parts; NULL = not given. */
struct asked {
    const char *metrics, *by, *filter, *from, *to, *compare, *sort, *limit, *offset;
};

static wn_rc parse(struct fixture *f, const struct asked *t, struct wn_query *out,
                   struct wn_why *why)
{
    struct wn_query_text text = {
        .metrics = wn_str_of(t->metrics),
        .by = wn_str_of(t->by),
        .filter = wn_str_of(t->filter),
        .from = wn_str_of(t->from),
        .to = wn_str_of(t->to),
        .compare = wn_str_of(t->compare),
        .sort = wn_str_of(t->sort),
        .limit = wn_str_of(t->limit),
        .offset = wn_str_of(t->offset),
    };
    return wn_query_parse(&f->a, f->m, 7, &text, day("2026-01-01"), day("2026-03-31"), out, why);
}

static struct wn_query parsed(struct fixture *f, const struct asked *t)
{
    struct wn_query q = {0};
    struct wn_why why = {0};
    if (parse(f, t, &q, &why))
        fail_msg("%s: %s", why.field, why.text);
    return q;
}

/* ---- text ------------------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
    struct wn_query q = parsed(*state, &(struct asked){0});
    assert_int_equal(q.tenant_id, 7);
    assert_int_equal(q.n_metrics, 3);
    assert_true(wn_str_eq(q.metrics[2]->name, WN_STR("roas")));
    assert_int_equal(q.n_dimensions, 0);
    assert_int_equal(q.n_filters, 0);
    assert_int_equal(q.day_from, day("2026-01-01"));
    assert_int_equal(q.day_to, day("2026-03-31"));
    assert_int_equal(q.compare, WN_COMPARE_NONE);
    assert_int_equal(q.sort_by.n, 0);
    assert_int_equal(q.limit, 0);
}

static void test_everything(void **state)
{
    struct wn_query q = parsed(
        *state, &(struct asked){
                    .metrics = " CTR , spend",
                    .by = "channel, Campaign ,week",
                    .filter = "channel=Google Ads|facebook ; campaign != a | \"b | \"\"c\"\"; d\""
                              ";campaign_id=12|13;country~ GER ;roas < 1 and spend>100; month="
                              "2026-02;hour=(none)",
                    .from = "2026-02-01",
                    .to = "2026-02-28",
                    .compare = "YEAR",
                    .sort = "-ctr_previous",
                    .limit = "50",
                    .offset = "100"});
    assert_int_equal(q.n_metrics, 2);
    assert_int_equal(q.n_dimensions, 3);
    assert_int_equal(q.dimensions[1], WN_DIM_CAMPAIGN);
    assert_int_equal(q.n_filters, 7);
    assert_int_equal(q.filters[0].op, WN_FILTER_IN);
    assert_int_equal(q.filters[0].n, 2);
    assert_int_equal(q.filters[1].op, WN_FILTER_NOT_IN);
    assert_int_equal(q.filters[1].n, 2);
    assert_true(wn_str_eq(q.filters[1].texts[0], WN_STR("a")));
    assert_true(wn_str_eq(q.filters[1].texts[1], WN_STR("b | \"c\"; d")));
    assert_true(q.filters[2].by_id);
    assert_int_equal(q.filters[2].ids[1], 13);
    assert_int_equal(q.filters[3].op, WN_FILTER_CONTAINS);
    assert_true(wn_str_eq(q.filters[3].texts[0], WN_STR("GER")));
    assert_int_equal(q.filters[4].op, WN_FILTER_HAVING);
    assert_non_null(q.filters[4].condition);
    assert_int_equal(q.compare, WN_COMPARE_YEAR);
    assert_true(q.descending);
    assert_true(wn_str_eq(q.sort_by, WN_STR("ctr_previous")));
    assert_int_equal(q.limit, 50);
    assert_int_equal(q.offset, 100);
}

static void test_errors_name_their_part(void **state)
{
    static const struct {
        struct asked asked;
        const char *field, *says;
    } cases[] = {
        {{.metrics = "spnd"}, "metrics", "did you mean spend?"},
        {{.metrics = "spend,,roas"}, "metrics", "no metric ''"},
        {{.metrics = "spend,spend"}, "metrics", "twice"},
        {{.by = "chanel"}, "by", "did you mean channel?"},
        {{.by = "day,day"}, "by", "twice"},
        {{.by = "day,week,month,hour,ad"}, "by", "at most 4"},
        {{.filter = "chanel=facebook"}, "filter", "did you mean channel?"},
        {{.filter = "channel=facebok"}, "filter", "did you mean facebook?"},
        {{.filter = "channel>facebook"}, "filter", "after 'channel'"},
        {{.filter = "channel="}, "filter", "a value is missing"},
        {{.filter = "channel=facebook|"}, "filter", "a value is missing"},
        {{.filter = "campaign=\"x"}, "filter", "not closed"},
        {{.filter = "campaign=\"x\"y"}, "filter", "after a quoted"},
        {{.filter = "campaign_id=x"}, "filter", "no id"},
        {{.filter = "campaign_id~1"}, "filter", "by id"},
        {{.filter = "age_id=1"}, "filter", "no dimension or metric 'age_id'"},
        {{.filter = "day=2026-02-30"}, "filter", "YYYY-MM-DD"},
        {{.filter = "day~2026"}, "filter", "no text to search"},
        {{.filter = "hour=24"}, "filter", "0 to 23"},
        {{.filter = "weekday=7"}, "filter", "0 (Monday)"},
        {{.filter = "rosa<1"}, "filter", "did you mean roas?"},
        {{.filter = "spend>"}, "filter", "ends where"},
        {{.from = "yesterday"}, "from", "YYYY-MM-DD"},
        {{.to = "2026-13-01"}, "to", "YYYY-MM-DD"},
        {{.from = "2026-02-02", .to = "2026-02-01"}, "from", "after the last"},
        {{.compare = "yaer"}, "compare", "did you mean year?"},
        {{.sort = "spnd"}, "sort", "did you mean spend?"},
        {{.sort = "spend_previous"}, "sort", "no column"},
        {{.sort = "-"}, "sort", "comes a column"},
        {{.limit = "0"}, "limit", "from 1 to 100000"},
        {{.limit = "100001"}, "limit", "from 1 to 100000"},
        {{.limit = "x"}, "limit", "no number"},
        {{.offset = "-1"}, "offset", "no number"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_query q = {.tenant_id = -99};
        struct wn_why why = {0};
        wn_rc rc = parse(*state, &cases[i].asked, &q, &why);
        if (rc != WN_INVALID || strcmp(why.field, cases[i].field) ||
            !strstr(why.text, cases[i].says))
            fail_msg("case %zu: rc %d, %s: %s", i, rc, why.field, why.text);
        assert_int_equal(q.tenant_id, -99); /* untouched */
    }
}

static void test_filter_error_column(void **state)
{
    struct wn_query q;
    struct wn_why why = {0};
    assert_int_equal(
        parse(*state, &(struct asked){.filter = "channel=facebook; spend > rosa"}, &q, &why),
        WN_INVALID);
    assert_int_equal(why.column, 27);
}

static void test_too_many(void **state)
{
    struct wn_query q;
    struct wn_why why = {0};
    char text[8000] = "";
    size_t n = 0;
    for (int i = 0; i <= WN_QUERY_FILTERS_MAX; i++, n += 8)
        memcpy(text + n, "spend>0;", 9);
    assert_int_equal(parse(*state, &(struct asked){.filter = text}, &q, &why), WN_INVALID);
    assert_non_null(strstr(why.text, "at most 16"));
    memcpy(text, "ad_id=1", 8);
    n = 7;
    for (int i = 0; i < WN_QUERY_FILTER_VALUES_MAX; i++, n += 2)
        memcpy(text + n, "|1", 3);
    memset(&why, 0, sizeof why);
    assert_int_equal(parse(*state, &(struct asked){.filter = text}, &q, &why), WN_INVALID);
    assert_non_null(strstr(why.text, "at most 1000"));
}

static void test_too_large_together(void **state)
{
    struct fixture *f = *state;
    struct wn_query q;
    struct wn_why why = {0};
    static const char formula[] =
        "1/(1+1/(1+1/(1+1/(1+1/(1+1/(1+1/(1+1/(1+1/(1+spend)))))))))"; /* 2^9 times in SQL */
    struct wn_str filter = WN_STR("");
    for (int i = 0; i < 8; i++)
        filter = wn_arena_printf(&f->a, "%.*s%s;", WN_STR_ARG(filter), formula);
    assert_int_equal(parse(f, &(struct asked){.filter = filter.p}, &q, &why), WN_INVALID);
    assert_non_null(strstr(why.text, "too large"));
    memset(&why, 0, sizeof why);
    assert_int_equal(parse(f, &(struct asked){.filter = formula}, &q, &why), WN_OK);
}

static void test_one_open_end_beyond_the_data(void **state)
{
    struct wn_query q = parsed(*state, &(struct asked){.from = "2027-01-01"});
    assert_int_equal(q.day_from, day("2027-01-01"));
    assert_int_equal(q.day_to, day("2027-01-01"));
    q = parsed(*state, &(struct asked){.to = "2025-01-01"});
    assert_int_equal(q.day_from, day("2025-01-01"));
}

static void test_compare_range(void **state)
{
    static const struct {
        wn_compare compare;
        const char *from, *to, *out_from, *out_to;
    } cases[] = {
        {WN_COMPARE_PREVIOUS, "2026-03-01", "2026-03-31", "2026-01-29", "2026-02-28"},
        {WN_COMPARE_PREVIOUS, "2026-03-01", "2026-03-01", "2026-02-28", "2026-02-28"},
        {WN_COMPARE_YEAR, "2026-03-01", "2026-03-31", "2025-03-01", "2025-03-31"},
        {WN_COMPARE_YEAR, "2024-02-29", "2024-03-01", "2023-02-28", "2023-03-01"},
        {WN_COMPARE_YEAR, "2024-02-01", "2024-02-29", "2023-02-01", "2023-02-28"},
        {WN_COMPARE_YEAR, "2025-02-01", "2025-02-28", "2024-02-01", "2024-02-28"},
    };
    (void)state;
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        int32_t from, to;
        wn_compare_range(cases[i].compare, day(cases[i].from), day(cases[i].to), &from, &to);
        assert_int_equal(from, day(cases[i].out_from));
        assert_int_equal(to, day(cases[i].out_to));
    }
}

/* ---- SQL -------------------------------------------------------------------------------------- */

static size_t count(struct wn_str text, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == c;
    return n;
}

static size_t count_text(struct wn_str text, struct wn_str part)
{
    size_t n = 0, at;
    while ((at = wn_str_find(text, part)) < text.n) {
        n++;
        text = wn_str_slice(text, at + part.n, text.n);
    }
    return n;
}

static void test_texts_are_bound(void **state)
{
    struct fixture *f = *state;
    struct wn_query q = parsed(
        f,
        &(struct asked){.by = "channel,campaign,week,age",
                        .filter = "campaign=\"Robert'); DROP TABLE ad_stats\";campaign~%evil'\"; "
                                  "country!=xyzzy;day=2026-01-05;weekday!=3;ad_id=4711",
                        .compare = "year",
                        .sort = "-roas",
                        .limit = "17"});
    struct wn_sql sql;
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, NULL), WN_OK);
    assert_int_equal(count(sql.text, '?'), sql.n_binds);
    static const char *const values[] = {"Robert", "DROP", "evil", "xyzzy"};
    for (size_t i = 0; i < WN_COUNT(values); i++)
        assert_int_equal(count_text(sql.text, wn_str_of(values[i])), 0);
    assert_int_equal(count(sql.text, ';'), 0);
    /* Each part that reads a table names the tenant. */
    size_t n_tables = count_text(sql.text, WN_STR("FROM ad_stats")) +
                      count_text(sql.text, WN_STR("FROM names")) +
                      count_text(sql.text, WN_STR("JOIN names"));
    size_t n_tenants = count_text(sql.text, WN_STR("tenant_id = 7 "));
    assert_int_equal(n_tables, 2 + 2 * 3 + 2);
    assert_int_equal(n_tenants, n_tables);
    for (size_t i = 0; i < sql.n_binds; i++)
        assert_int_equal(sql.binds[i].kind, WN_VALUE_TEXT);
}

static void test_sql_checks_its_query(void **state)
{
    struct fixture *f = *state;
    struct wn_query good = parsed(f, &(struct asked){.by = "day"}), q;
    struct wn_sql sql;
    struct wn_why why = {0};
    q = good;
    q.n_metrics = 0;
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, &why), WN_INVALID);
    assert_string_equal(why.field, "metrics");
    q = good;
    q.n_dimensions = 5;
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, NULL), WN_INVALID);
    q = good;
    q.day_from = q.day_to + 1;
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, NULL), WN_INVALID);
    q = good;
    q.sort_by = WN_STR("1; DROP");
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, NULL), WN_INVALID);
    struct wn_metric evil = {.name = WN_STR("x\" FROM names --"),
                             .formula = good.metrics[0]->formula};
    const struct wn_metric *evils[] = {&evil};
    q = good;
    q.metrics = evils;
    q.n_metrics = 1;
    assert_int_equal(wn_query_sql(&q, &f->a, &sql, NULL), WN_INVALID);
}

/* ---- in memory -------------------------------------------------------------------------------- */

static bool get_name(void *context, int32_t id, struct wn_str *name)
{
    static const char *const names[] = {"", "Spring", "Autumn", "spring two"};
    (void)context;
    if (id < 1 || id > 3)
        return false;
    *name = wn_str_of(names[id]);
    return true;
}

/* day, campaign, channel, impressions, clicks, spend (units), revenue (units) */
static struct wn_stat row(const char *at, int32_t campaign, uint8_t channel, int64_t impressions,
                          int64_t clicks, int64_t spend, int64_t revenue)
{
    struct wn_stat r = {
        .day = day(at), .campaign_id = campaign, .channel = channel, .hour = WN_HOUR_NONE};
    r.measures[WN_MEASURE_IMPRESSIONS] = impressions * 1000000;
    r.measures[WN_MEASURE_CLICKS] = clicks * 1000000;
    r.measures[WN_MEASURE_SPEND] = spend * 1000000;
    r.measures[WN_MEASURE_REVENUE] = revenue * 1000000;
    return r;
}

/* Prints the table as lines of cells, so that a case reads as what people see. */
static void expect(struct fixture *f, const struct asked *asked, const char *lines)
{
    struct wn_stat rows[] = {
        row("2026-02-02", 1, WN_CHANNEL_FACEBOOK, 1000, 10, 5, 20),
        row("2026-02-03", 1, WN_CHANNEL_FACEBOOK, 1000, 30, 5, 0),
        row("2026-02-03", 2, WN_CHANNEL_GOOGLE_ADS, 500, 0, 8, 4),
        row("2026-02-10", 3, WN_CHANNEL_GOOGLE_ADS, 100, 1, 0, 7),
        row("2026-02-10", 0, WN_CHANNEL_TIKTOK, 10, 1, 1, 1),
        row("2026-02-10", 9, WN_CHANNEL_TIKTOK, 10, 1, 2, 1),
        row("2026-01-27", 1, WN_CHANNEL_FACEBOOK, 100, 5, 100, 50),
        row("2025-02-28", 2, WN_CHANNEL_FACEBOOK, 100, 5, 9, 50),
    };
    struct wn_query q = parsed(f, asked);
    struct wn_query_names names = {get_name, NULL};
    struct wn_table *t = NULL;
    struct wn_why why = {0};
    if (wn_query_eval(&q, rows, WN_COUNT(rows), &names, &f->a, &t, &why))
        fail_msg("%s: %s", why.field, why.text);
    struct wn_buf out;
    wn_buf_init(&out, 1 << 16);
    for (size_t i = 0; i < t->n_rows; i++)
        for (size_t j = 0; j < t->n_columns; j++) {
            const struct wn_value *v = wn_table_at(t, i, j);
            if (v->kind == WN_VALUE_TEXT)
                wn_buf_append(&out, v->text);
            else if (v->kind == WN_VALUE_INT)
                wn_buf_printf(&out, "%lld", (long long)v->integer);
            else if (v->kind == WN_VALUE_REAL)
                wn_buf_printf(&out, "%g", v->real);
            else
                wn_buf_append_char(&out, '-');
            wn_buf_append_char(&out, j + 1 < t->n_columns ? ' ' : '\n');
        }
    wn_buf_append_char(&out, '\0');
    assert_string_equal(out.p, lines);
    wn_buf_deinit(&out);
}

static void test_tables(void **state)
{
    struct fixture *f = *state;
    expect(f, &(struct asked){.from = "2026-02-01"}, "21 33 1.57143\n");
    expect(f, &(struct asked){.from = "2026-03-01"}, "- - -\n"); /* one row, no value */
    expect(f, &(struct asked){.from = "2026-03-01", .by = "channel"}, "");
    expect(f, &(struct asked){.from = "2026-02-01", .by = "channel", .metrics = "spend,cpc"},
           "facebook 10 0.25\ngoogle_ads 8 8\ntiktok 3 1.5\n");
    expect(f,
           &(struct asked){
               .from = "2026-02-01", .by = "campaign", .metrics = "roas,revenue", .sort = "-roas"},
           "Spring 1 2 20\n(none) 0 1 1\n#9 9 0.5 1\nAutumn 2 0.5 4\nspring two 3 - 7\n");
    expect(f,
           &(struct asked){.from = "2026-02-01",
                           .by = "campaign",
                           .sort = "roas",
                           .limit = "2",
                           .offset = "3",
                           .metrics = "roas"},
           "Spring 1 2\nspring two 3 -\n");
    expect(f, &(struct asked){.by = "week", .metrics = "clicks"},
           "2026-01-26 5\n2026-02-02 40\n2026-02-09 3\n");
    expect(f, &(struct asked){.by = "month,weekday", .metrics = "clicks"},
           "2026-01-01 1 5\n2026-02-01 0 10\n2026-02-01 1 33\n");
    expect(f, &(struct asked){.by = "hour", .metrics = "clicks"}, "- 48\n");
}

static void test_filters(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *filter, *clicks;
    } cases[] = {
        {"channel=facebook", "45\n"},
        {"channel!=facebook", "3\n"},
        {"channel~OO", "46\n"}, /* facebook, google_ads */
        {"campaign=Spring|Autumn", "45\n"},
        {"campaign~SPRING", "46\n"},
        {"campaign!=Spring", "3\n"},
        {"campaign=(none)", "1\n"},
        {"campaign~non", "1\n"},
        {"campaign=#9", "-\n"}, /* a placeholder is no name */
        {"campaign_id=9|0", "2\n"},
        {"campaign_id!=1", "3\n"},
        {"day=2026-02-03", "30\n"},
        {"week=2026-02-08", "40\n"},
        {"month=2026-02", "43\n"},
        {"weekday=1", "38\n"},
        {"hour=(none)", "48\n"},
        {"hour=5", "-\n"},
        {"clicks > 1000", ""},
        {"clicks > 10;channel=tiktok", ""},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++)
        expect(f, &(struct asked){.metrics = "clicks", .filter = cases[i].filter}, cases[i].clicks);
    expect(f,
           &(struct asked){.metrics = "spend", .by = "channel", .filter = "roas < 1 and spend > 1"},
           "facebook 110\ntiktok 3\n");
}

static void test_comparison(void **state)
{
    struct fixture *f = *state;
    expect(
        f,
        &(struct asked){
            .metrics = "clicks", .from = "2026-02-02", .to = "2026-02-08", .compare = "previous"},
        "40 5\n");
    /* Days of the period before lie on those of this one; rows of one side only are rows, too. */
    expect(f,
           &(struct asked){.metrics = "clicks",
                           .by = "day,channel",
                           .from = "2026-02-02",
                           .to = "2026-02-08",
                           .compare = "previous"},
           "2026-02-02 facebook 10 -\n2026-02-03 facebook 30 5\n2026-02-03 google_ads 0 -\n");
    expect(f,
           &(struct asked){.metrics = "clicks",
                           .by = "campaign",
                           .from = "2026-02-03",
                           .to = "2026-02-28",
                           .compare = "year",
                           .sort = "-clicks_previous",
                           .limit = "2"},
           "Autumn 2 0 5\n#9 9 1 -\n");
}

static void test_sum_too_large(void **state)
{
    struct fixture *f = *state;
    struct wn_stat rows[2] = {row("2026-02-02", 1, 1, 0, 0, 0, 0),
                              row("2026-02-02", 1, 1, 0, 0, 0, 0)};
    rows[0].measures[WN_MEASURE_SPEND] = rows[1].measures[WN_MEASURE_SPEND] = INT64_MAX;
    struct wn_query q = parsed(f, &(struct asked){0});
    struct wn_table *t = NULL;
    assert_int_equal(wn_query_eval(&q, rows, 2, NULL, &f->a, &t, NULL), WN_LIMIT);
    assert_null(t);
}

static void test_memory_failures(void **state)
{
    (void)state;
    struct wn_stat rows[] = {row("2026-02-02", 1, 1, 1, 1, 1, 1)};
    struct wn_query_names names = {get_name, NULL};
    for (size_t max_bytes = 4000;; max_bytes += 61) {
        struct fixture f = {0};
        struct wn_query q;
        struct wn_sql sql;
        struct wn_table *t;
        wn_arena_init(&f.a, max_bytes);
        wn_rc rc = wn_metrics_new(&f.a, &f.m, NULL);
        if (!rc)
            rc = parse(&f,
                       &(struct asked){
                           .by = "day,campaign", .filter = "campaign~a;roas>0", .sort = "-roas"},
                       &q, NULL);
        if (!rc)
            rc = wn_query_sql(&q, &f.a, &sql, NULL);
        if (!rc)
            rc = wn_query_eval(&q, rows, 1, &names, &f.a, &t, NULL);
        wn_arena_deinit(&f.a);
        if (!rc)
            break;
        assert_int_equal(rc, WN_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_name_their_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filter_error_column, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_together, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_open_end_beyond_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compare_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_texts_are_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sql_checks_its_query, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comparison, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sum_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
