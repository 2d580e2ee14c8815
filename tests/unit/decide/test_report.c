/* Protects what people take away. The workbook: that what is in the sheets is what was measured, as
 * numbers, that a name typed by somebody is never run as a formula, and that no value is an empty
 * cell. The charts of metrics: that they show the numbers of the stores, "Others" included. */
#include "decide/report.h"

#include "decide/report_int.h"

#include "core/date.h"
#include "core/num.h"

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/* ---- reading a zip ---------------------------------------------------------------------------- */

static uint32_t le(const unsigned char *p, int n)
{
    uint32_t x = 0;
    for (int i = n - 1; i >= 0; i--)
        x = x << 8 | p[i];
    return x;
}

/* Unpacks a member of the archive by its central directory; NULL when it is not in it. */
static char *unzip(const struct wn_buf *zip, const char *name)
{
    const unsigned char *p = (const unsigned char *)zip->p;
    size_t end = zip->n - 22;
    while (end > 0 && memcmp(p + end, "PK\5\6", 4) != 0)
        end--;
    assert_memory_equal(p + end, "PK\5\6", 4);
    uint32_t n_members = le(p + end + 10, 2), at = le(p + end + 16, 4);
    for (uint32_t i = 0; i < n_members; i++) {
        assert_memory_equal(p + at, "PK\1\2", 4);
        uint32_t packed = le(p + at + 20, 4), size = le(p + at + 24, 4);
        uint32_t n_name = le(p + at + 28, 2), local = le(p + at + 42, 4);
        if (n_name == strlen(name) && memcmp(p + at + 46, name, n_name) == 0) {
            const unsigned char *body =
                p + local + 30 + le(p + local + 26, 2) + le(p + local + 28, 2);
            char *out = malloc(size + 1);
            z_stream z = {.next_in = (unsigned char *)(uintptr_t)body,
                          .avail_in = packed,
                          .next_out = (unsigned char *)out,
                          .avail_out = size};
            assert_non_null(out);
            assert_int_equal(le(p + at + 10, 2), 8);
            assert_int_equal(inflateInit2(&z, -15), Z_OK);
            assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
            assert_int_equal(z.total_out, size);
            inflateEnd(&z);
            out[size] = 0;
            return out;
        }
        at += 46 + n_name + le(p + at + 30, 2) + le(p + at + 32, 2);
    }
    return NULL;
}

/* The text of shared string number i, as it stands in the XML. */
static void shared_string(const char *xml, int i, char out[512])
{
    const char *p = xml;
    for (int k = 0; k <= i; k++) {
        p = strstr(p, "<si><t");
        assert_non_null(p);
        p = strchr(p + 6, '>') + 1;
    }
    size_t n = strcspn(p, "<");
    snprintf(out, 512, "%.*s", (int)n, p);
}

/* The cell's value: its text (shared strings resolved), or "" when the cell is empty or absent.
 * *is_number tells whether it stands as a number. */
static void cell(const struct wn_buf *zip, int sheet, const char *ref, char out[512],
                 bool *is_number)
{
    char name[64], start[32];
    snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", sheet);
    char *xml = unzip(zip, name), *strings = unzip(zip, "xl/sharedStrings.xml");
    assert_true(xml && strings);
    snprintf(start, sizeof start, "<c r=\"%s\"", ref);
    out[0] = 0;
    *is_number = false;
    const char *c = strstr(xml, start);
    if (c) {
        const char *close = strchr(c, '>');
        const char *value = close[-1] == '/' ? NULL : strstr(c, "<v>");
        const char *end = strstr(c, "</c>");
        if (value && value < end) {
            bool shared = strstr(c, "t=\"s\"") && strstr(c, "t=\"s\"") < close;
            *is_number = !shared;
            if (shared)
                shared_string(strings, (int)strtol(value + 3, NULL, 10), out);
            else
                snprintf(out, 512, "%.*s", (int)strcspn(value + 3, "<"), value + 3);
        }
    }
    free(xml);
    free(strings);
}

static void assert_text(const struct wn_buf *zip, int sheet, const char *ref, const char *expected)
{
    char text[512];
    bool is_number;
    cell(zip, sheet, ref, text, &is_number);
    assert_string_equal(text, expected);
    assert_false(is_number);
}

static void assert_number(const struct wn_buf *zip, int sheet, const char *ref, double expected)
{
    char text[512];
    bool is_number;
    cell(zip, sheet, ref, text, &is_number);
    assert_true(is_number);
    assert_true(fabs(strtod(text, NULL) - expected) <= 1e-12 * fabs(expected));
}

static void assert_empty(const struct wn_buf *zip, int sheet, const char *ref)
{
    char text[512];
    bool is_number;
    cell(zip, sheet, ref, text, &is_number);
    assert_string_equal(text, "");
}

/* ---- the data --------------------------------------------------------------------------------- */

#define NONE                                                                                       \
    {                                                                                              \
        .kind = WN_VALUE_NONE                                                                      \
    }
#define REAL(x)                                                                                    \
    {                                                                                              \
        .kind = WN_VALUE_REAL, .real = (x)                                                         \
    }
#define INT(x)                                                                                     \
    {                                                                                              \
        .kind = WN_VALUE_INT, .integer = (x)                                                       \
    }
#define TEXT(s)                                                                                    \
    {                                                                                              \
        .kind = WN_VALUE_TEXT, .text = { s, sizeof(s) - 1 }                                        \
    }
#define NAME(s)                                                                                    \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

static const struct wn_metric spend = {
    .name = NAME("spend"), .label = NAME("Spend"), .unit = WN_UNIT_MONEY};
static const struct wn_metric revenue = {
    .name = NAME("revenue"), .label = NAME("Revenue"), .unit = WN_UNIT_MONEY, .better = 1};
static const struct wn_metric roas = {
    .name = NAME("roas"), .label = NAME("ROAS"), .unit = WN_UNIT_FACTOR, .better = 1};
static const struct wn_metric *const metrics[] = {&spend, &revenue, &roas};

static struct wn_str totals_columns[] = {
    NAME("spend"),          NAME("revenue"),          NAME("roas"),
    NAME("spend_previous"), NAME("revenue_previous"), NAME("roas_previous")};
static struct wn_value totals_values[] = {REAL(1234.56), REAL(2469.12), REAL(2),
                                          REAL(1000),    NONE,          NONE};
static struct wn_str channel_columns[] = {NAME("channel"), NAME("spend"), NAME("revenue"),
                                          NAME("roas")};
static struct wn_value channel_values[] = {
    TEXT("google_ads"), REAL(1000.01), REAL(2000), REAL(1.99998),
    TEXT("facebook"),   REAL(234.55),  NONE,       NONE};
static struct wn_str campaign_columns[] = {
    NAME("channel"),     NAME("account"), NAME("account_id"), NAME("campaign"),
    NAME("campaign_id"), NAME("spend"),   NAME("revenue"),    NAME("roas")};
static struct wn_value campaign_values[] = {TEXT("google_ads"),
                                            TEXT("Main"),
                                            INT(1),
                                            TEXT("=HYPERLINK(\"http://x\",\"y\")"),
                                            INT(7),
                                            REAL(1000.01),
                                            REAL(2000),
                                            REAL(1.99998),
                                            TEXT("facebook"),
                                            TEXT("@SUM(A1)"),
                                            INT(2),
                                            TEXT("<b> & \"quotes\" \xff end"),
                                            INT(8),
                                            REAL(234.55),
                                            NONE,
                                            NONE};
static struct wn_str daily_columns[] = {NAME("day"), NAME("spend"), NAME("revenue"), NAME("roas")};
static struct wn_value daily_values[] = {TEXT("2026-11-01"), REAL(600),    REAL(1200),    REAL(2),
                                         TEXT("2026-11-02"), REAL(634.56), REAL(1269.12), REAL(2)};

static struct wn_table totals = {6, 1, totals_columns, totals_values};
static struct wn_table channels = {4, 2, channel_columns, channel_values};
static struct wn_table campaigns = {8, 2, campaign_columns, campaign_values};
static struct wn_table daily = {4, 2, daily_columns, daily_values};

static struct report_data usual(void)
{
    return (struct report_data){.day_from = 20758,
                                .day_to = 20759,
                                .previous_from = 20756,
                                .previous_to = 20757,
                                .currency = WN_STR("USD"),
                                .has_sample = true,
                                .metrics = metrics,
                                .n_metrics = 3,
                                .totals = &totals,
                                .channels = &channels,
                                .campaigns = &campaigns,
                                .daily = &daily};
}

static struct wn_buf write_book(const struct report_data *data)
{
    struct wn_arena a;
    struct wn_buf out;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    wn_buf_init(&out, WN_REPORT_BYTES_MAX);
    wn_rc rc = report_write(data, &a, &out, &why);
    if (rc)
        print_error("%s\n", why.text);
    assert_int_equal(rc, WN_OK);
    wn_arena_deinit(&a);
    return out;
}

static void sheets_hold_the_numbers(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf zip = write_book(&data);
    char *book = unzip(&zip, "xl/workbook.xml");
    assert_non_null(book);
    const char *p = book;
    static const char *const sheets[] = {"\"Summary\"", "\"Channels\"", "\"Campaigns\"",
                                         "\"Daily\""};
    for (size_t i = 0; i < WN_COUNT(sheets); i++) {
        p = strstr(p, sheets[i]);
        assert_non_null(p);
    }
    free(book);
    assert_text(&zip, 1, "A2", "1 Nov \u2013 2 Nov 2026");
    assert_text(&zip, 1, "A6", "Metric");
    assert_text(&zip, 1, "A7", "Spend, USD");
    assert_number(&zip, 1, "B7", 1234.56);
    assert_number(&zip, 1, "C7", 1000);
    assert_number(&zip, 1, "D7", .23456);
    assert_number(&zip, 1, "B8", 2469.12);
    assert_text(&zip, 2, "A2", "Google Ads");
    assert_number(&zip, 2, "B2", 1000.01);
    assert_number(&zip, 2, "D2", 1.99998);
    assert_text(&zip, 3, "B1", "Channel");
    assert_number(&zip, 3, "D3", 234.55);
    assert_number(&zip, 4, "A2", 46327); /* 2026-11-01 as Excel counts days */
    assert_number(&zip, 4, "C3", 1269.12);
    wn_buf_deinit(&zip);
}

static void no_value_is_an_empty_cell(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf zip = write_book(&data);
    assert_empty(&zip, 1, "C8"); /* revenue before */
    assert_empty(&zip, 1, "D8"); /* and so its change */
    assert_empty(&zip, 2, "C3");
    assert_empty(&zip, 2, "D3");
    wn_buf_deinit(&zip);
}

static void names_are_text_and_never_formulas(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf zip = write_book(&data);
    assert_text(&zip, 3, "A2", "=HYPERLINK(\"http://x\",\"y\")");
    assert_text(&zip, 3, "C3", "@SUM(A1)");
    assert_text(&zip, 3, "A3", "&lt;b&gt; &amp; \"quotes\" \xEF\xBF\xBD end");
    for (int sheet = 1; sheet <= 4; sheet++) {
        char name[64];
        snprintf(name, sizeof name, "xl/worksheets/sheet%d.xml", sheet);
        char *xml = unzip(&zip, name);
        assert_non_null(xml);
        assert_null(strstr(xml, "<f>"));
        assert_null(strstr(xml, "<hyperlink"));
        assert_non_null(strstr(xml, "<autoFilter"));
        assert_non_null(strstr(xml, "state=\"frozen\""));
        assert_non_null(strstr(xml, "<drawing"));
        free(xml);
    }
    wn_buf_deinit(&zip);
}

static void charts_point_at_the_tables(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf zip = write_book(&data);
    char *chart = unzip(&zip, "xl/charts/chart1.xml");
    assert_non_null(chart);
    assert_non_null(strstr(chart, "Daily!$A$2:$A$3"));
    assert_non_null(strstr(chart, "Daily!$B$2:$B$3"));
    assert_non_null(strstr(chart, "Daily!$C$2:$C$3"));
    free(chart);
    chart = unzip(&zip, "xl/charts/chart2.xml"); /* slices: Google Ads, Facebook */
    assert_non_null(chart);
    assert_non_null(strstr(chart, "doughnutChart"));
    assert_non_null(strstr(chart, "Channels!$B$2:$B$3"));
    const char *google = strstr(chart, "009268"), *facebook = strstr(chart, "0072B2");
    assert_true(google && facebook && google < facebook);
    free(chart);
    wn_buf_deinit(&zip);
}

static void sample_data_is_labelled(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf zip = write_book(&data);
    assert_text(&zip, 1, "A4", "Sample data: made by the market simulator. Amounts in USD");
    char *sheet = unzip(&zip, "xl/worksheets/sheet3.xml");
    assert_non_null(strstr(sheet, "Sample data")); /* on every printed page */
    free(sheet);
    wn_buf_deinit(&zip);
    data.has_sample = false;
    zip = write_book(&data);
    assert_text(&zip, 1, "A4", "Amounts in USD");
    char *strings = unzip(&zip, "xl/sharedStrings.xml");
    assert_null(strstr(strings, "ample data"));
    free(strings);
    wn_buf_deinit(&zip);
}

static void an_empty_range_says_so(void **state)
{
    (void)state;
    struct report_data data = usual();
    static struct wn_table none = {0};
    data.totals = data.channels = data.campaigns = data.daily = &none;
    struct wn_buf zip = write_book(&data);
    char *strings = unzip(&zip, "xl/sharedStrings.xml");
    assert_non_null(strstr(strings, "There is no data in this range."));
    free(strings);
    assert_empty(&zip, 1, "B7");
    assert_null(unzip(&zip, "xl/charts/chart1.xml"));
    wn_buf_deinit(&zip);
}

static void same_data_same_bytes(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_buf a = write_book(&data), b = write_book(&data);
    static const char *const members[] = {"xl/worksheets/sheet1.xml", "xl/worksheets/sheet3.xml",
                                          "docProps/core.xml", "xl/sharedStrings.xml"};
    for (size_t i = 0; i < WN_COUNT(members); i++) {
        char *x = unzip(&a, members[i]), *y = unzip(&b, members[i]);
        assert_string_equal(x, y);
        free(x);
        free(y);
    }
    wn_buf_deinit(&a);
    wn_buf_deinit(&b);
}

static void a_small_limit_is_an_error(void **state)
{
    (void)state;
    struct report_data data = usual();
    struct wn_arena a;
    struct wn_buf out;
    wn_arena_init(&a, 0);
    wn_buf_init(&out, 2000);
    assert_int_equal(report_write(&data, &a, &out, NULL), WN_LIMIT);
    wn_buf_deinit(&out);
    wn_arena_deinit(&a);
    wn_arena_init(&a, 64); /* no room for the texts */
    wn_buf_init(&out, WN_REPORT_BYTES_MAX);
    assert_int_equal(report_write(&data, &a, &out, NULL), WN_MEMORY);
    wn_buf_deinit(&out);
    wn_arena_deinit(&a);
}

static void cell_texts_are_safe(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    static const struct {
        struct wn_str in;
        const char *out;
    } cases[] = {
        {NAME("plain"), "plain"},
        {NAME(""), ""},
        {NAME("a\0b"), "ab"},
        {NAME("\xff"), "\xEF\xBF\xBD"},
        {NAME("\xc3\xa9\xe2\x82"), "\xc3\xa9\xEF\xBF\xBD\xEF\xBF\xBD"},
        {NAME("_x0041_"), "_x005F_x0041_"},
        {NAME("_x00_"), "_x00_"},
        {NAME("\xF0\x9F\x8E\x81 gift"), "\xF0\x9F\x8E\x81 gift"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++)
        assert_string_equal(report_cell_text(&a, cases[i].in), cases[i].out);
    enum { LONG = 100000 };
    char *text = malloc(LONG);
    assert_non_null(text);
    for (int i = 0; i < LONG; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    const char *cut = report_cell_text(&a, (struct wn_str){text, LONG});
    assert_true(strlen(cut) / 2 <= 32767 && strlen(cut) > 20000);
    assert_true(wn_str_utf8_valid(wn_str_of(cut), NULL));
    free(text);
    wn_arena_deinit(&a);
}

/* ---- from the stores -------------------------------------------------------------------------- */

/* Fontconfig keeps its caches until the process ends and counts as leaking. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\n";
}

enum { N_CAMPAIGNS = 12, N_DAYS = 5, DAY_0 = 20758 /* 2026-11-01, a Sunday */ };

struct fixture {
    char directory[64];
    struct wn_arena a;
    struct wn_book book;
};

static void ok(wn_rc rc, const struct wn_why *why)
{
    if (rc)
        fail_msg("%s %s: %s", wn_rc_name(rc), why->field, why->text);
}

static struct fixture *full, *empty; /* opening a store takes longer than a test */

static struct fixture *open_stores(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct wn_why why = {0};
    struct wn_str note;
    struct wn_facts_options options = {.n_threads = 1, .n_readers_max = 1};
    snprintf(f->directory, sizeof f->directory, "/tmp/winnow-report-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    wn_arena_init(&f->a, 0);
    f->book.tenant_id = 1;
    struct wn_str facts = wn_arena_printf(&f->a, "duckdb:%s", f->directory);
    struct wn_str catalog = wn_arena_printf(&f->a, "sqlite:%s/catalog.sqlite", f->directory);
    ok(wn_facts_open(facts, &options, &f->a, &note, &f->book.facts, &why), &why);
    ok(wn_catalog_open(catalog, &f->book.catalog, &why), &why);
    return f;
}

/* What campaign i spent and earned on day d; campaign 3 rests on day 2. */
static int64_t spend_of(int i, int d)
{
    return 100 * (N_CAMPAIGNS - i) + d;
}
static int64_t revenue_of(int i, int d)
{
    return spend_of(i, d) * (i + 2) / 3 + 7;
}
static bool rests(int i, int d)
{
    return i == 3 && d == 2;
}

/* Campaign i is on channel 1 + i % 3, in a country whose name is hard on a filter. */
static void fill_stores(struct fixture *f)
{
    struct wn_facts_tx *tx = NULL;
    struct wn_why why = {0};
    int32_t account = 0, campaign = 0, country = 0;
    ok(wn_facts_begin(f->book.facts, 1, 1, 0, &tx, &why), &why);
    ok(wn_facts_tx_name(tx, WN_NAME_ACCOUNT, 0, WN_STR("a"), WN_STR("Account"), &account, &why),
       &why);
    for (int i = 0; i < N_CAMPAIGNS; i++) {
        struct wn_str name = wn_arena_printf(&f->a, "Sale | %d; now=\"%d\"", i, i);
        struct wn_str place = wn_arena_printf(&f->a, "north|%d;x", i);
        ok(wn_facts_tx_name(tx, WN_NAME_CAMPAIGN, account, name, name, &campaign, &why), &why);
        ok(wn_facts_tx_name(tx, WN_NAME_COUNTRY, 0, place, place, &country, &why), &why);
        for (int d = 0; d < N_DAYS; d++) {
            struct wn_stat row = {.day = DAY_0 + d,
                                  .account_id = account,
                                  .campaign_id = campaign,
                                  .country_id = country,
                                  .channel = (uint8_t)(1 + i % 3),
                                  .hour = WN_HOUR_NONE};
            row.measures[WN_MEASURE_SPEND] = spend_of(i, d) * WN_MICROS;
            row.measures[WN_MEASURE_REVENUE] = revenue_of(i, d) * WN_MICROS;
            if (!rests(i, d))
                ok(wn_facts_tx_append(tx, &row, 1, &why), &why);
        }
    }
    ok(wn_facts_commit(tx, &why), &why);
    struct wn_account a = {.tenant_id = 1,
                           .account_id = account,
                           .name = WN_STR("Account"),
                           .format = WN_STR("sample"),
                           .currency = WN_STR("USD"),
                           .is_sample = true};
    ok(wn_catalog_put_account(f->book.catalog, &a, &why), &why);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s, (void)kind, (void)place;
    return remove(path);
}

static int close_stores(struct fixture *f)
{
    wn_facts_close(f->book.facts);
    wn_catalog_close(f->book.catalog);
    wn_arena_deinit(&f->a);
    int rc = nftw(f->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return rc;
}

static int set_up_group(void **state)
{
    (void)state;
    empty = open_stores();
    full = open_stores();
    fill_stores(full);
    return 0;
}

static int tear_down_group(void **state)
{
    (void)state;
    return close_stores(empty) | close_stores(full);
}

static struct wn_buf metric_png(struct fixture *f, const struct wn_chart_request *request)
{
    struct wn_buf png;
    struct wn_why why = {0};
    wn_buf_init(&png, 16 << 20);
    ok(wn_chart_metric(&f->book, request, &f->a, &png, &why), &why);
    return png;
}

/* The picture of a request is, byte for byte, that of a chart made by hand. */
static void assert_picture(struct fixture *f, const struct wn_chart_request *request,
                           const struct wn_chart *by_hand)
{
    struct wn_buf got = metric_png(f, request), expected;
    struct wn_why why = {0};
    wn_buf_init(&expected, 16 << 20);
    ok(wn_chart_png(by_hand, &expected, &why), &why);
    assert_int_equal(got.n, expected.n);
    assert_memory_equal(got.p, expected.p, got.n);
    wn_buf_deinit(&got);
    wn_buf_deinit(&expected);
}

static struct wn_str day_labels[N_DAYS];
static char day_texts[N_DAYS][WN_DAY_TEXT_MAX];

static struct wn_chart over_days(struct wn_chart_series *series, size_t n)
{
    for (int d = 0; d < N_DAYS; d++) {
        wn_print_day(DAY_0 + d, day_texts[d]);
        day_labels[d] = wn_str_of(day_texts[d]);
    }
    return (struct wn_chart){.kind = WN_CHART_LINE,
                             .unit = WN_UNIT_FACTOR,
                             .n_points = N_DAYS,
                             .subtitle = WN_STR("Sample data \u00b7 1 Nov \u2013 5 Nov 2026"
                                                " \u00b7 by day"),
                             .labels = day_labels,
                             .series = series,
                             .n_series = n,
                             .currency = WN_STR("USD")};
}

static void an_empty_workspace_draws_no_data(void **state)
{
    (void)state;
    struct wn_chart_request request = wn_chart_request_roi();
    struct wn_chart by_hand = {.kind = WN_CHART_LINE,
                               .title = WN_STR("ROI by channel"),
                               .subtitle = WN_STR(""),
                               .unit = WN_UNIT_RATIO};
    assert_picture(empty, &request, &by_hand);
}

static void channels_over_days(void **state)
{
    (void)state;
    double v[3][N_DAYS];
    for (int c = 0; c < 3; c++)
        for (int d = 0; d < N_DAYS; d++) {
            double spent = 0, earned = 0;
            for (int i = c; i < N_CAMPAIGNS; i += 3) {
                spent += rests(i, d) ? 0 : (double)spend_of(i, d);
                earned += rests(i, d) ? 0 : (double)revenue_of(i, d);
            }
            v[c][d] = earned / spent;
        }
    struct wn_chart_series series[] = {{.label = WN_STR("Facebook"), .color = 1, .values = v[0]},
                                       {.label = WN_STR("Instagram"), .color = 2, .values = v[1]},
                                       {.label = WN_STR("Google Ads"), .color = 3, .values = v[2]}};
    struct wn_chart by_hand = over_days(series, 3);
    by_hand.title = WN_STR("ROAS by channel");
    struct wn_chart_request request = {.query = {.metrics = WN_STR("roas")}};
    assert_picture(full, &request, &by_hand);
    v[1][3] += .05; /* the comparison above can fail */
    struct wn_buf got = metric_png(full, &request), other;
    wn_buf_init(&other, 16 << 20);
    assert_int_equal(wn_chart_png(&by_hand, &other, NULL), WN_OK);
    assert_true(got.n != other.n || memcmp(got.p, other.p, got.n) != 0);
    wn_buf_deinit(&got);
    wn_buf_deinit(&other);
}

/* Campaigns by spend: the third rested for a day, so the fourth is before it. */
static const int by_spend[N_CAMPAIGNS] = {0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11};

/* Seven campaigns that spent most, and the return of all the others together. */
static void others_are_one_exact_series(void **state)
{
    (void)state;
    struct fixture *f = full;
    double v[8][N_DAYS];
    struct wn_chart_series series[8];
    for (int i = 0; i < 8; i++) {
        for (int d = 0; d < N_DAYS; d++) {
            double spent = 0, earned = 0;
            for (int k = i; k < (i == 7 ? N_CAMPAIGNS : i + 1); k++) {
                spent += (double)spend_of(by_spend[k], d);
                earned += (double)revenue_of(by_spend[k], d);
            }
            v[i][d] = rests(by_spend[i], d) ? NAN : earned / spent;
        }
        series[i] = (struct wn_chart_series){
            .label = wn_arena_printf(&f->a, "Sale | %d; now=\"%d\"", by_spend[i], by_spend[i]),
            .color = -1,
            .values = v[i]};
    }
    series[7].label = WN_STR("Others");
    series[7].color = WN_CHART_COLOR_OTHERS;
    struct wn_chart by_hand = over_days(series, 8);
    by_hand.title = WN_STR("Mine");
    struct wn_chart_request request = {
        .query = {.metrics = WN_STR("roas"), .by = WN_STR("campaign,day")},
        .title = WN_STR("Mine")};
    assert_picture(f, &request, &by_hand);
}

/* Names that cannot stand in a filter are drawn all the same; what is left out is said. */
static void hard_names_are_drawn(void **state)
{
    (void)state;
    struct fixture *f = full;
    double v[7][N_DAYS];
    struct wn_chart_series series[7];
    for (int i = 0; i < 7; i++) {
        for (int d = 0; d < N_DAYS; d++)
            v[i][d] = rests(by_spend[i], d) ? NAN : (double)spend_of(by_spend[i], d);
        series[i] =
            (struct wn_chart_series){.label = wn_arena_printf(&f->a, "north|%d;x", by_spend[i]),
                                     .color = -1,
                                     .values = v[i]};
    }
    struct wn_chart by_hand = over_days(series, 7);
    by_hand.title = WN_STR("Spend by country");
    by_hand.unit = WN_UNIT_MONEY;
    by_hand.subtitle = WN_STR("Sample data \u00b7 1 Nov \u2013 5 Nov 2026 \u00b7 by day"
                              " \u00b7 the largest only");
    struct wn_chart_request request = {
        .query = {.metrics = WN_STR("spend"), .by = WN_STR("day,country")}};
    assert_picture(f, &request, &by_hand);
}

static void bars_of_channels(void **state)
{
    (void)state;
    double v[3] = {0};
    for (int i = 0; i < N_CAMPAIGNS; i++)
        for (int d = 1; d < 4; d++)
            v[i % 3] += rests(i, d) ? 0 : (double)spend_of(i, d);
    struct wn_chart_series one = {.label = WN_STR("All"), .color = -1, .values = v};
    struct wn_str labels[] = {WN_STR("Facebook"), WN_STR("Instagram"), WN_STR("Google Ads")};
    int colors[] = {1, 2, 3};
    struct wn_chart by_hand = {.kind = WN_CHART_BAR,
                               .title = WN_STR("Spend by channel"),
                               .subtitle = WN_STR("Sample data \u00b7 2 Nov \u2013 4 Nov 2026"),
                               .unit = WN_UNIT_MONEY,
                               .currency = WN_STR("USD"),
                               .labels = labels,
                               .n_points = 3,
                               .series = &one,
                               .n_series = 1,
                               .point_colors = colors,
                               .dark = true,
                               .width_px = 600,
                               .height_px = 400};
    struct wn_chart_request request = {.query = {.metrics = WN_STR("spend"),
                                                 .by = WN_STR("channel"),
                                                 .from = WN_STR("2026-11-02"),
                                                 .to = WN_STR("2026-11-04")},
                                       .dark = true,
                                       .width_px = 600,
                                       .height_px = 400};
    assert_picture(full, &request, &by_hand);
}

static void every_axis_can_be_drawn(void **state)
{
    (void)state;
    static const char *const by[] = {
        "day",         "week", "month",    "hour",   "weekday", "month,channel", "weekday,campaign",
        "hour,device", "ad",   "age,week", "account"};
    static const char *const kinds[] = {"", "line", "bar"};
    for (size_t i = 0; i < WN_COUNT(by); i++)
        for (size_t k = 0; k < WN_COUNT(kinds); k++) {
            struct wn_chart_request request = {
                .query = {.metrics = WN_STR("spend"), .by = wn_str_of(by[i])},
                .kind = wn_str_of(kinds[k]),
                .width_px = 320,
                .height_px = 320};
            struct wn_buf png = metric_png(full, &request);
            assert_true(png.n > 500);
            wn_buf_deinit(&png);
        }
}

static void bad_requests_name_the_part(void **state)
{
    (void)state;
    struct fixture *f = full;
    const struct {
        struct wn_chart_request request;
        const char *field;
    } cases[] = {
        {{.query = {.metrics = WN_STR("spend,roas")}}, "metrics"},
        {{.query = {.metrics = WN_STR("nonsense")}}, "metrics"},
        {{.query = {.by = WN_STR("planet")}}, "by"},
        {{.query = {.by = WN_STR("day,week")}}, "by"},
        {{.query = {.by = WN_STR("channel,campaign")}}, "by"},
        {{.query = {.compare = WN_STR("previous")}}, "compare"},
        {{.query = {.from = WN_STR("2026-02-30")}}, "from"},
        {{.query = {.filter = WN_STR("planet=mars")}}, "filter"},
        {{.kind = WN_STR("pie")}, "kind"},
        {{.width_px = 5}, "width"},
        {{.height_px = 100000}, "height"},
    };
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        struct wn_buf png;
        struct wn_why why = {0};
        wn_buf_init(&png, 16 << 20);
        assert_int_equal(wn_chart_metric(&f->book, &cases[i].request, &f->a, &png, &why),
                         WN_INVALID);
        assert_string_equal(why.field, cases[i].field);
        assert_true(why.text[0] != 0);
        assert_int_equal(png.n, 0);
        wn_buf_deinit(&png);
    }
}

static void the_workbook_is_made_from_the_stores(void **state)
{
    (void)state;
    struct fixture *f = full;
    struct wn_buf zip;
    struct wn_why why = {0};
    wn_buf_init(&zip, WN_REPORT_BYTES_MAX);
    ok(wn_report_xlsx(&f->book, DAY_0 + 3, DAY_0 + 4, &f->a, &zip, &why), &why);
    double now = 0, before = 0, campaign = 0;
    for (int i = 0; i < N_CAMPAIGNS; i++)
        for (int d = 1; d < 5; d++)
            *(d < 3 ? &before : &now) += rests(i, d) ? 0 : (double)spend_of(i, d);
    campaign = (double)(spend_of(0, 3) + spend_of(0, 4));
    assert_text(&zip, 1, "A7", "Spend, USD");
    assert_number(&zip, 1, "B7", now);
    assert_number(&zip, 1, "C7", before);
    char text[512];
    bool is_number;
    cell(&zip, 1, "D7", text, &is_number);
    assert_true(is_number && fabs(strtod(text, NULL) - (now - before) / before) < 1e-12);
    assert_text(&zip, 2, "A2", "Facebook");
    assert_text(&zip, 3, "A2", "Sale | 0; now=\"0\"");
    assert_text(&zip, 3, "B2", "Facebook");
    assert_text(&zip, 3, "C2", "Account");
    assert_number(&zip, 3, "D2", campaign);
    assert_text(&zip, 3, "A13", "Sale | 11; now=\"11\"");
    assert_empty(&zip, 3, "A14");
    assert_number(&zip, 4, "A2", 46330);
    assert_empty(&zip, 4, "A4");
    assert_text(&zip, 1, "A4", "Sample data: made by the market simulator. Amounts in USD");
    wn_buf_deinit(&zip);
    wn_buf_init(&zip, WN_REPORT_BYTES_MAX);
    assert_int_equal(wn_report_xlsx(&f->book, 10, 9, &f->a, &zip, &why), WN_INVALID);
    assert_string_equal(why.field, "from");
    wn_buf_deinit(&zip);
}

static void an_empty_workspace_has_a_workbook(void **state)
{
    (void)state;
    struct fixture *f = empty;
    struct wn_buf zip;
    struct wn_why why = {0};
    wn_buf_init(&zip, WN_REPORT_BYTES_MAX);
    ok(wn_report_xlsx(&f->book, DAY_0, DAY_0 + 9, &f->a, &zip, &why), &why);
    char *strings = unzip(&zip, "xl/sharedStrings.xml");
    assert_non_null(strstr(strings, "There is no data in this range."));
    free(strings);
    wn_buf_deinit(&zip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sheets_hold_the_numbers),
        cmocka_unit_test(no_value_is_an_empty_cell),
        cmocka_unit_test(names_are_text_and_never_formulas),
        cmocka_unit_test(charts_point_at_the_tables),
        cmocka_unit_test(sample_data_is_labelled),
        cmocka_unit_test(an_empty_range_says_so),
        cmocka_unit_test(same_data_same_bytes),
        cmocka_unit_test(a_small_limit_is_an_error),
        cmocka_unit_test(cell_texts_are_safe),
        cmocka_unit_test(an_empty_workspace_draws_no_data),
        cmocka_unit_test(channels_over_days),
        cmocka_unit_test(others_are_one_exact_series),
        cmocka_unit_test(hard_names_are_drawn),
        cmocka_unit_test(bars_of_channels),
        cmocka_unit_test(every_axis_can_be_drawn),
        cmocka_unit_test(bad_requests_name_the_part),
        cmocka_unit_test(the_workbook_is_made_from_the_stores),
        cmocka_unit_test(an_empty_workspace_has_a_workbook),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
