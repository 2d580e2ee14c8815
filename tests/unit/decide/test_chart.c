/* Protects the pictures: that axes have round, readable marks, that the same data give the same
 * bytes, that what is drawn depends on the data, and that odd input neither crashes nor lies. */
#include "decide/chart.h"

#include "decide/chart_int.h"

#include "core/date.h"

#include <cairo.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fontconfig keeps its caches until the process ends and counts as leaking. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig\nleak:libpango\n";
}

/* The libraries below are not built with the thread sanitizer, which cannot see their locks. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libfontconfig.so\ncalled_from_lib:libpango-1.0.so\n"
           "called_from_lib:libpangocairo-1.0.so\ncalled_from_lib:libpangoft2-1.0.so\n"
           "called_from_lib:libglib-2.0.so\ncalled_from_lib:libgobject-2.0.so\n"
           "called_from_lib:libcairo.so\ncalled_from_lib:libharfbuzz.so\n"
           "called_from_lib:libfreetype.so\n";
}

enum { N = 90 };
static struct wn_str days[N];
static char day_text[N][WN_DAY_TEXT_MAX];
static double values[8][N];
static struct wn_chart_series series[8];

static int set_up(void **state)
{
    static const char *const names[] = {"Facebook", "Instagram",     "Google Ads", "TikTok",
                                        "Telegram", "Yandex Direct", "LinkedIn",   "X (Twitter)"};
    (void)state;
    for (int i = 0; i < N; i++) {
        wn_print_day(20680 + i, day_text[i]);
        days[i] = wn_str_of(day_text[i]);
        for (int s = 0; s < 8; s++)
            values[s][i] = 100 * (s + 1) + 20 * sin(i * .9 + s);
    }
    for (int s = 0; s < 8; s++)
        series[s] = (struct wn_chart_series){
            .label = wn_str_of(names[s]), .color = s + 1, .values = values[s]};
    return 0;
}

static struct wn_chart chart_of(wn_chart_kind kind, size_t n_series)
{
    return (struct wn_chart){.kind = kind,
                             .title = WN_STR("Spend by channel"),
                             .subtitle = WN_STR("Sample data"),
                             .unit = WN_UNIT_MONEY,
                             .currency = WN_STR("USD"),
                             .labels = days,
                             .n_points = N,
                             .series = series,
                             .n_series = n_series};
}

static struct wn_buf render(const struct wn_chart *chart)
{
    struct wn_buf out;
    struct wn_why why = {0};
    wn_buf_init(&out, 32 << 20);
    assert_int_equal(wn_chart_png(chart, &out, &why), WN_OK);
    assert_true(out.n > 100);
    assert_memory_equal(out.p, "\x89PNG\r\n\x1a\n", 8);
    return out;
}

static cairo_status_t read_png(void *closure, unsigned char *data, unsigned int length)
{
    struct wn_str *rest = closure;
    if (length > rest->n)
        return CAIRO_STATUS_READ_ERROR;
    memcpy(data, rest->p, length);
    *rest = wn_str_slice(*rest, length, rest->n);
    return CAIRO_STATUS_SUCCESS;
}

/* The number of pixels of a colour (0xRRGGBB) in a band of rows [y0, y1). */
static int count_color(const struct wn_buf *png, uint32_t color, int y0, int y1, int *width,
                       int *height)
{
    struct wn_str rest = wn_buf_str(png);
    cairo_surface_t *s = cairo_image_surface_create_from_png_stream(read_png, &rest);
    assert_int_equal(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
    const unsigned char *data = cairo_image_surface_get_data(s);
    int stride = cairo_image_surface_get_stride(s), n = 0;
    *width = cairo_image_surface_get_width(s);
    *height = cairo_image_surface_get_height(s);
    for (int y = y0; y < *height && y < y1; y++)
        for (int x = 0; x < *width; x++) {
            uint32_t pixel;
            memcpy(&pixel, data + y * stride + x * 4, 4);
            n += (pixel & 0xFFFFFF) == color;
        }
    cairo_surface_destroy(s);
    return n;
}

static int count(const struct wn_chart *chart, uint32_t color)
{
    struct wn_buf png = render(chart);
    int w, h, n = count_color(&png, color, 0, 1 << 20, &w, &h);
    wn_buf_deinit(&png);
    return n;
}

#define FACEBOOK_BLUE 0x0072B2
#define PAPER 0xFFFFFF
#define PAPER_DARK 0x14181D

static void same_input_same_bytes(void **state)
{
    (void)state;
    struct wn_chart chart = chart_of(WN_CHART_LINE, 6);
    struct wn_buf a = render(&chart), b = render(&chart);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    values[2][40] += 50;
    struct wn_buf c = render(&chart);
    values[2][40] -= 50;
    assert_true(c.n != a.n || memcmp(a.p, c.p, a.n) != 0);
    wn_buf_deinit(&a);
    wn_buf_deinit(&b);
    wn_buf_deinit(&c);
}

static void *draw_many(void *context)
{
    struct wn_buf *last = context;
    struct wn_chart chart = chart_of(WN_CHART_LINE, 6);
    for (int i = 0; i < 8; i++) {
        wn_buf_init(last, 32 << 20);
        if (wn_chart_png(&chart, last, NULL) || i == 7)
            break;
        wn_buf_deinit(last);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    enum { N_THREADS = 4 };
    pthread_t threads[N_THREADS];
    struct wn_buf out[N_THREADS];
    struct wn_chart chart = chart_of(WN_CHART_LINE, 6);
    struct wn_buf alone = render(&chart);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, draw_many, &out[i]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(out[i].n, alone.n);
        assert_memory_equal(out[i].p, alone.p, alone.n);
        wn_buf_deinit(&out[i]);
    }
    wn_buf_deinit(&alone);
}

static void size_and_theme_are_kept(void **state)
{
    (void)state;
    struct wn_chart chart = chart_of(WN_CHART_LINE, 2);
    int w, h;
    struct wn_buf png = render(&chart);
    assert_true(count_color(&png, PAPER, 0, 1 << 20, &w, &h) > 1200 * 630 / 2);
    assert_int_equal(w, 1200);
    assert_int_equal(h, 630);
    wn_buf_deinit(&png);
    chart.dark = true;
    chart.width_px = 500;
    chart.height_px = 900;
    png = render(&chart);
    assert_true(count_color(&png, PAPER_DARK, 0, 1 << 20, &w, &h) > 500 * 900 / 2);
    assert_int_equal(w, 500);
    assert_int_equal(h, 900);
    wn_buf_deinit(&png);
}

static void a_channel_keeps_its_colour(void **state)
{
    (void)state;
    struct wn_chart chart = chart_of(WN_CHART_BAR, 1);
    assert_true(count(&chart, FACEBOOK_BLUE) > 10000);
    struct wn_chart_series reversed[2] = {series[1], series[0]};
    chart = chart_of(WN_CHART_BAR, 2);
    chart.series = reversed;
    assert_true(count(&chart, FACEBOOK_BLUE) > 1000);
    chart.series = &series[1]; /* without Facebook, nobody is blue */
    assert_int_equal(count(&chart, FACEBOOK_BLUE), 0);
}

static void longer_bars_have_more_ink(void **state)
{
    (void)state;
    double one[3] = {10, 20, 30}, two[3] = {10, 20, 15};
    struct wn_str labels[3] = {WN_STR("a"), WN_STR("b"), WN_STR("c")};
    struct wn_chart_series s = {.label = WN_STR("x"), .color = 1, .values = one};
    struct wn_chart chart = chart_of(WN_CHART_BAR, 1);
    chart.labels = labels;
    chart.n_points = 3;
    chart.series = &s;
    int long_ink = count(&chart, FACEBOOK_BLUE);
    s.values = two;
    int short_ink = count(&chart, FACEBOOK_BLUE);
    /* 60 and 45 on axes that end at 30 and 20: per unit of value 1 against 1.5. */
    assert_true(long_ink > 30000 && short_ink > 30000);
    double ratio = ((double)short_ink / 45 * 20) / ((double)long_ink / 60 * 30);
    assert_true(fabs(ratio - 1) < .05);
}

static void a_gap_stays_empty(void **state)
{
    (void)state;
    struct wn_chart chart = chart_of(WN_CHART_LINE, 1);
    int whole = count(&chart, FACEBOOK_BLUE);
    double saved[N];
    memcpy(saved, values[0], sizeof saved);
    for (int i = 30; i < 60; i++)
        values[0][i] = NAN;
    int with_gap = count(&chart, FACEBOOK_BLUE);
    for (int i = 30; i < 60; i++)
        values[0][i] = saved[i];
    assert_true(with_gap < whole * 8 / 10 && with_gap > whole * 5 / 10);
}

static void nothing_to_draw_is_said(void **state)
{
    (void)state;
    struct wn_chart empty = chart_of(WN_CHART_LINE, 0), gaps = chart_of(WN_CHART_LINE, 1);
    empty.n_points = 0;
    double none[N];
    for (int i = 0; i < N; i++)
        none[i] = i % 2 ? NAN : INFINITY;
    struct wn_chart_series s = {.label = WN_STR("x"), .color = 1, .values = none};
    gaps.series = &s;
    struct wn_buf a = render(&empty), b = render(&gaps);
    /* Both say the same words, and they are there: without them the middle would be blank. */
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
    int w, h;
    int middle = 0;
    middle = count_color(&a, PAPER, 300, 400, &w, &h);
    assert_true(middle < 100 * 1200 && middle > 90 * 1200);
    wn_buf_deinit(&a);
    wn_buf_deinit(&b);
}

static void odd_input_is_drawn(void **state)
{
    (void)state;
    const double odd[][3] = {{0, 0, 0},           {1e-300, 1e300, 0}, {-5, -5, -5},
                             {1e18, 1e18 + 1, 0}, {-1e9, NAN, 1e9},   {1e-12, 2e-12, 0},
                             {5, NAN, NAN}};
    struct wn_str labels[3] = {WN_STR("\xff\xfe broken"), WN_STR(""),
                               WN_STR("a very long name of a campaign that does not fit anywhere")};
    for (size_t i = 0; i < WN_COUNT(odd); i++)
        for (int kind = 0; kind < 2; kind++)
            for (int unit = 0; unit < 4; unit++) {
                struct wn_chart_series s = {.label = WN_STR("\xc3"), .color = -1, .values = odd[i]};
                struct wn_chart chart = chart_of(kind ? WN_CHART_BAR : WN_CHART_LINE, 1);
                chart.unit = (wn_metric_unit)unit;
                chart.labels = labels;
                chart.n_points = 3;
                chart.series = &s;
                chart.currency = WN_STR("XYZ");
                chart.width_px = 320;
                chart.height_px = 200;
                struct wn_buf png = render(&chart);
                wn_buf_deinit(&png);
            }
}

static void many_points_are_thinned_not_lost(void **state)
{
    (void)state;
    enum { MANY = 50000 };
    double *v = malloc(MANY * sizeof *v);
    struct wn_str *labels = malloc(MANY * sizeof *labels);
    assert_true(v && labels);
    for (int i = 0; i < MANY; i++) {
        v[i] = 1;
        labels[i] = WN_STR("x");
    }
    struct wn_chart_series s = {.label = WN_STR("x"), .color = 1, .values = v};
    struct wn_chart chart = chart_of(WN_CHART_LINE, 1);
    chart.labels = labels;
    chart.n_points = MANY;
    chart.series = &s;
    v[0] = 0;
    int flat = count(&chart, FACEBOOK_BLUE);
    v[31234] = 100; /* one peak among fifty thousand must be seen */
    v[40000] = -100;
    int with_peak = count(&chart, FACEBOOK_BLUE);
    assert_true(flat > 500);
    struct wn_buf png = render(&chart);
    int w, h;
    assert_true(count_color(&png, FACEBOOK_BLUE, 100, 280, &w, &h) > 100);
    assert_true(with_peak > flat / 2);
    wn_buf_deinit(&png);
    free(v);
    free(labels);
}

static void limits_are_named(void **state)
{
    (void)state;
    struct wn_buf out;
    struct wn_why why = {0};
    struct wn_chart chart = chart_of(WN_CHART_LINE, 9);
    wn_buf_init(&out, 1 << 20);
    assert_int_equal(wn_chart_png(&chart, &out, &why), WN_INVALID);
    assert_string_equal(why.field, "series");
    chart = chart_of(WN_CHART_LINE, 1);
    chart.width_px = 100000;
    why = (struct wn_why){0};
    assert_int_equal(wn_chart_png(&chart, &out, &why), WN_INVALID);
    assert_string_equal(why.field, "width");
    chart = chart_of(WN_CHART_LINE, 1);
    assert_int_equal(out.n, 0);
    wn_buf_deinit(&out);
    wn_buf_init(&out, 1000); /* a buffer too small for the picture */
    assert_int_equal(wn_chart_png(&chart, &out, NULL), WN_LIMIT);
    wn_buf_deinit(&out);
}

/* ---- axes ------------------------------------------------------------------------------------- */

static void scales_are_round_and_cover(void **state)
{
    (void)state;
    const double ranges[][2] = {{0, 1},        {0, 97},   {-3, 7},      {0, 0.0123}, {1e6, 1.02e6},
                                {-1e9, -1e8},  {0, 3},    {5, 5},       {0, 0},      {-7, -7},
                                {0.1, 0.1001}, {0, 1e15}, {-0.5, 2.25}, {1e-9, 3e-9}};
    for (size_t i = 0; i < WN_COUNT(ranges); i++) {
        struct chart_scale s = chart_scale_of(ranges[i][0], ranges[i][1], 5, false);
        assert_true(s.low <= ranges[i][0] + s.step * 1e-6);
        assert_true(s.high >= ranges[i][1] - s.step * 1e-6);
        assert_in_range(s.n, 2, 12);
        assert_true(fabs(s.low + (s.n - 1) * s.step - s.high) < s.step * 1e-6);
        double head = s.step / pow(10, floor(log10(s.step) + 1e-9));
        assert_true(fabs(head - 1) < 1e-6 || fabs(head - 2) < 1e-6 || fabs(head - 2.5) < 1e-6 ||
                    fabs(head - 5) < 1e-6);
    }
    assert_true(chart_scale_of(0, 3, 5, true).step >= 1);
}

static void check_tick(wn_metric_unit unit, const char *currency, double low, double high,
                       double value, const char *expected)
{
    struct chart_scale s = chart_scale_of(low, high, 5, false);
    struct chart_format f = chart_format_of(unit, wn_str_of(currency), &s);
    char text[CHART_TEXT_MAX];
    chart_format_tick(&f, value, text);
    assert_string_equal(text, expected);
}

static void ticks_carry_their_units(void **state)
{
    (void)state;
    check_tick(WN_UNIT_MONEY, "USD", 0, 1500, 500, "$500");
    check_tick(WN_UNIT_MONEY, "USD", 0, 12000, 2500, "$2.5k");
    check_tick(WN_UNIT_MONEY, "EUR", -20000, 60000, -20000, "\u2212\u20ac20k");
    check_tick(WN_UNIT_MONEY, "CHF", 0, 3e6, 1e6, "CHF\u00a01M");
    check_tick(WN_UNIT_MONEY, "USD", 0, 2e9, 0, "$0");
    check_tick(WN_UNIT_COUNT, "USD", 0, 5000, 4000, "4,000");
    check_tick(WN_UNIT_RATIO, "USD", -.5, 2, -.5, "\u221250%");
    check_tick(WN_UNIT_RATIO, "USD", 0, .012, .0025, "0.25%");
    check_tick(WN_UNIT_FACTOR, "USD", 0, 4, 1, "1\u00d7");
    check_tick(WN_UNIT_FACTOR, "USD", 0, 2, .5, "0.5\u00d7");
}

static void single_values_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        wn_metric_unit unit;
        double value;
        const char *expected;
    } cases[] = {{WN_UNIT_MONEY, 12345, "$12.3k"},
                 {WN_UNIT_MONEY, 5.5, "$5.50"},
                 {WN_UNIT_MONEY, 1234567, "$1.23M"},
                 {WN_UNIT_COUNT, 120, "120"},
                 {WN_UNIT_COUNT, 3, "3"},
                 {WN_UNIT_COUNT, 1.25, "1.25"},
                 {WN_UNIT_RATIO, .1234, "12.3%"},
                 {WN_UNIT_FACTOR, 2.345, "2.35\u00d7"},
                 {WN_UNIT_RATIO, -2, "\u2212200%"},
                 {WN_UNIT_COUNT, 0, "0"}};
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        char text[CHART_TEXT_MAX];
        chart_format_value(cases[i].unit, WN_STR("usd"), cases[i].value, text);
        assert_string_equal(text, cases[i].expected);
    }
}

static int32_t day_of(int year, int month, int day)
{
    int32_t out = 0;
    assert_true(wn_day_of_date((struct wn_date){year, month, day}, &out));
    return out;
}

static void days_are_marked_at_mondays_and_firsts(void **state)
{
    (void)state;
    struct chart_day_tick ticks[CHART_TICKS_MAX];
    int32_t from = day_of(2026, 8, 23);
    int n = chart_day_ticks(from, from + 6, 10, ticks);
    assert_int_equal(n, 7);
    assert_string_equal(ticks[0].text, "23 Aug");
    n = chart_day_ticks(from, from + 60, 10, ticks);
    assert_in_range(n, 4, 10);
    for (int i = 0; i < n; i++)
        assert_int_equal(wn_weekday_of_day(ticks[i].day), 0);
    n = chart_day_ticks(day_of(2025, 10, 10), day_of(2026, 5, 1), 10, ticks);
    assert_string_equal(ticks[0].text, "Nov 2025");
    assert_string_equal(ticks[1].text, "Dec");
    assert_string_equal(ticks[2].text, "Jan 2026");
    assert_int_equal(ticks[n - 1].day, day_of(2026, 5, 1));
    for (int32_t span = 0; span < 60000; span = span * 2 + 1) {
        n = chart_day_ticks(from, from + span, 9, ticks);
        assert_in_range(n, 1, 9);
        for (int i = 0; i < n; i++)
            assert_true(ticks[i].day >= from && ticks[i].day <= from + span &&
                        (i == 0 || ticks[i].day > ticks[i - 1].day));
        if (from + span > WN_DAY_MAX)
            break;
    }
}

static void ranges_are_read_like_people_write_them(void **state)
{
    (void)state;
    char text[CHART_TEXT_MAX];
    chart_print_range(day_of(2026, 8, 23), day_of(2026, 11, 20), text);
    assert_string_equal(text, "23 Aug \u2013 20 Nov 2026");
    chart_print_range(day_of(2025, 12, 30), day_of(2026, 1, 2), text);
    assert_string_equal(text, "30 Dec 2025 \u2013 2 Jan 2026");
    chart_print_range(day_of(2026, 1, 2), day_of(2026, 1, 2), text);
    assert_string_equal(text, "2 Jan 2026");
}

static void only_ascending_days_are_a_time_axis(void **state)
{
    (void)state;
    int32_t out[3];
    struct wn_str up[] = {WN_STR("2026-01-01"), WN_STR("2026-01-05"), WN_STR("2026-02-01")};
    struct wn_str down[] = {WN_STR("2026-01-05"), WN_STR("2026-01-01"), WN_STR("2026-02-01")};
    struct wn_str other[] = {WN_STR("2026-01-05"), WN_STR("Facebook"), WN_STR("2026-02-01")};
    assert_true(chart_days_of(up, 3, out));
    assert_int_equal(out[2] - out[1], 27);
    assert_false(chart_days_of(down, 3, out));
    assert_false(chart_days_of(other, 3, out));
    assert_false(chart_days_of(up, 0, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_input_same_bytes),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(size_and_theme_are_kept),
        cmocka_unit_test(a_channel_keeps_its_colour),
        cmocka_unit_test(longer_bars_have_more_ink),
        cmocka_unit_test(a_gap_stays_empty),
        cmocka_unit_test(nothing_to_draw_is_said),
        cmocka_unit_test(odd_input_is_drawn),
        cmocka_unit_test(many_points_are_thinned_not_lost),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(scales_are_round_and_cover),
        cmocka_unit_test(ticks_carry_their_units),
        cmocka_unit_test(single_values_have_three_digits),
        cmocka_unit_test(days_are_marked_at_mondays_and_firsts),
        cmocka_unit_test(ranges_are_read_like_people_write_them),
        cmocka_unit_test(only_ascending_days_are_a_time_axis),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
