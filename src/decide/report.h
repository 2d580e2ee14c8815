/* What people take away: one metric as a picture, and the whole account as an Excel workbook. Both
 * are made from the same queries as the page, so their numbers agree with it. */
#ifndef WN_DECIDE_REPORT_H
#define WN_DECIDE_REPORT_H

#include "core/buf.h"
#include "decide/chart.h"
#include "decide/overview.h"

/* A workbook: Summary (totals with the change against the equal period before), Channels,
 * Campaigns, Daily; formats, frozen headers, filters, native charts. Numbers are numbers, no value
 * is an empty cell, and no text of a user becomes a formula. Says "Sample data" when sample
 * accounts are among the accounts. A range without rows gives a workbook that says so.
 *
 * day_from, day_to  inclusive. out: appended; give it a limit of WN_REPORT_BYTES_MAX. Leaves no
 * file behind. The same data give the same sheets (no clock is read).
 * Fails: INVALID (from after to), LIMIT, MEMORY, IO, and what the stores answer. */
#define WN_REPORT_BYTES_MAX (64u << 20)
/* The ones that spent most; the sheet says when it was cut. */
#define WN_REPORT_CAMPAIGNS_MAX 20000
WN_MUST_USE wn_rc wn_report_xlsx(const struct wn_book *book, int32_t day_from, int32_t day_to,
                                 struct wn_arena *a, struct wn_buf *out, struct wn_why *why);

/* A chart as people ask for one: in a URL, on the command line. Zeroed fields mean the default. */
struct wn_chart_request {
    /* metrics: exactly one (default "roi"). by: at most one time dimension (day, week, month),
     * which becomes the x axis, and at most one other, which becomes the series; without a time
     * dimension the other one is the x axis, as bars. Default: day (week beyond 60 days, month
     * beyond 800) and channel. More than eight
     * series: the rest is "Others". from, to, filter, sort, limit: as everywhere; compare must be
     * empty. */
    struct wn_query_text query;
    struct wn_str kind;      /* "line", "bar"; empty = line over time, else bar */
    struct wn_str title;     /* empty = made from the metric */
    int width_px, height_px; /* 0 = 1200 x 630; at most WN_CHART_SIDE_MAX */
    bool dark;
};
#define WN_CHART_SIDE_MIN 320
#define WN_CHART_SIDE_MAX 4000

/* The two charts that /api/dashboards/ serves: ROI by channel over time (line; by week when the
 * range is longer than 60 days, by month beyond 800), conversions by channel (bars). */
struct wn_chart_request wn_chart_request_roi(void);
struct wn_chart_request wn_chart_request_conversions(void);

/* Appends a PNG. No rows: a picture that says "No data". Fails: INVALID (why->field names the part:
 * metrics, by, kind, width, height, ...), LIMIT, MEMORY, and what the stores answer. */
WN_MUST_USE wn_rc wn_chart_metric(const struct wn_book *book,
                                  const struct wn_chart_request *request, struct wn_arena *a,
                                  struct wn_buf *png, struct wn_why *why);

#endif
