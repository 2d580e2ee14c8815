/* What the files of the chart share: axes without a picture, and text on one. */
#ifndef WN_DECIDE_CHART_INT_H
#define WN_DECIDE_CHART_INT_H

#include "decide/chart.h"

#define CHART_TICKS_MAX 24

/* The colour of a channel on white, 0xRRGGBB: the same in pictures and workbooks. */
uint32_t chart_channel_color(int code);

#define CHART_TEXT_MAX 64

/* Round values that cover a range: first + i * step, i < n. */
struct chart_scale {
    double low, high, step;
    int n;
};
/* Covers [low, high] by about n_wanted steps of 1, 2, 2.5 or 5 times a power of ten. low == high is
 * widened. whole: no step below 1. */
struct chart_scale chart_scale_of(double low, double high, int n_wanted, bool whole);

/* How the values of one axis are written: the divisor and its letter are common to all ticks. */
struct chart_format {
    wn_metric_unit unit;
    struct wn_str currency;
    double divisor; /* 1, 1e3, 1e6, 1e9 */
    const char *letter;
    int decimals;
};
struct chart_format chart_format_of(wn_metric_unit unit, struct wn_str currency,
                                    const struct chart_scale *scale);
/* Writes a NUL-terminated text: "$1.5k", "-40%", "2.5x" (with the true signs). */
void chart_format_tick(const struct chart_format *f, double value, char out[CHART_TEXT_MAX]);
/* One value on its own, three significant digits: "$12.3k". */
void chart_format_value(wn_metric_unit unit, struct wn_str currency, double value,
                        char out[CHART_TEXT_MAX]);

/* True when every label is a day and they ascend; out [n] gets them. */
bool chart_days_of(const struct wn_str *labels, size_t n, int32_t *out);
struct chart_day_tick {
    int32_t day;
    char text[CHART_TEXT_MAX];
};
/* Labels of a time axis, at most n_max: days, Mondays, or first days of months. */
int chart_day_ticks(int32_t first, int32_t last, int n_max,
                    struct chart_day_tick out[CHART_TICKS_MAX]);
/* "23 Aug - 20 Nov 2026" with an en dash. */
void chart_print_range(int32_t first, int32_t last, char out[CHART_TEXT_MAX]);

#endif
