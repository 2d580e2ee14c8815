/* Charts as pictures: good enough to paste into a slide. */
#ifndef WN_DECIDE_CHART_H
#define WN_DECIDE_CHART_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "metric/formula.h"

typedef enum wn_chart_kind { WN_CHART_LINE, WN_CHART_BAR } wn_chart_kind;

#define WN_CHART_SERIES_MAX 8 /* the caller folds the rest into "Others", whose colour is: */
#define WN_CHART_COLOR_OTHERS 1000
#define WN_CHART_POINTS_MAX 100000

struct wn_chart_series {
    struct wn_str label;
    int color;            /* channel code (fixed colour), -1 = next free, ..._OTHERS = grey */
    const double *values; /* [n_points]; NaN = no value (a gap) */
    /* Lines only: */
    bool is_dashed;       /* what is expected, beside what was */
    const uint8_t *marks; /* NULL, or [n_points]: not 0 = a ring around the point */
};

/* A shaded range behind the lines: an interval. Several of one series grow darker where they lie
 * upon each other, so the wide one comes first. */
struct wn_chart_band {
    size_t series;            /* whose colour it has */
    const double *low, *high; /* [n_points]; NaN in either = none there */
};
#define WN_CHART_BANDS_MAX 8

struct wn_chart {
    wn_chart_kind kind;
    struct wn_str title;
    struct wn_str subtitle; /* range, filter, "sample data" */
    wn_metric_unit unit;
    struct wn_str currency;
    const struct wn_str *labels; /* [n_points]: x axis; days as YYYY-MM-DD */
    size_t n_points;
    const struct wn_chart_series *series;
    size_t n_series;                   /* at most WN_CHART_SERIES_MAX */
    const struct wn_chart_band *bands; /* [n_bands], lines only */
    size_t n_bands;                    /* at most WN_CHART_BANDS_MAX */
    const int *point_colors;           /* [n_points], bars of one series only; NULL = the series' */
    bool stacked;            /* bars: on top of each other; only where sums mean something */
    int width_px, height_px; /* 0 = 1200 x 630 */
    bool dark;
};
/* Appends a PNG; the same input gives the same bytes (with the same fonts installed). A chart
 * without any value says so in the picture. Bars start at zero. Points whose labels are all
 * ascending days stand on a time axis. Bars that do not fit are left out from the end, and the
 * picture says how many. Safe from any thread. Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_chart_png(const struct wn_chart *chart, struct wn_buf *out,
                               struct wn_why *why);

#endif
