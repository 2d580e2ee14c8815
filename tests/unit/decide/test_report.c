/* Protects the workbook: that what is in the sheets is what was measured, as numbers, that a name
 * typed by somebody is never run as a formula, and that no value is an empty cell. */
#include "decide/report.h"

#include "decide/report_int.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* ---- reading a zip ----------------------------------------------------------------------------
 */

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

/* ---- the data ---------------------------------------------------------------------------------
 */

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
