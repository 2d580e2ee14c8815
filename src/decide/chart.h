/* Charts as pictures: good enough to paste into a slide. */
#ifndef WN_DECIDE_CHART_H
#define WN_DECIDE_CHART_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "metric/formula.h"

typedef enum wn_chart_kind { WN_CHART_LINE, WN_CHART_BAR } wn_chart_kind;

struct wn_chart_series {
    struct wn_str label;
    int color;            /* index of the channel palette, or -1 = next free */
    const double *values; /* [n_points]; NaN = no value (a gap) */
};

struct wn_chart {
    wn_chart_kind kind;
    struct wn_str title;
    struct wn_str subtitle;       /* range, filter, "sample data" */
    wn_metric_unit unit;
    struct wn_str currency;
    const struct wn_str *labels;  /* [n_points]: x axis; days as YYYY-MM-DD */
    size_t n_points;
    const struct wn_chart_series *series;
    size_t n_series;
    int width_px, height_px;      /* 0 = 1200 x 630 */
    bool dark;
};
/* Appends a PNG. A chart without points says so in the picture. Fails: INVALID, MEMORY. */
WN_MUST_USE wn_rc wn_chart_png(const struct wn_chart *chart, struct wn_buf *out,
                               struct wn_why *why);

#endif
