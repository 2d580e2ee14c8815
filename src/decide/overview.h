/* The answers that the dashboard and the older calls ask for, gathered from facts and catalog.
 *
 * Everything handed out lives in the arena given. A double that has no value is NaN (core/json.h
 * writes it as null). Counts and money are int64 micros, ratios plain numbers (0.05 = 5 %). */
#ifndef WN_DECIDE_OVERVIEW_H
#define WN_DECIDE_OVERVIEW_H

#include "metric/query.h"
#include "store/catalog.h"
#include "store/facts.h"

struct wn_book { /* where the numbers are, and which metrics there are */
    struct wn_facts *facts;
    struct wn_catalog *catalog;
    int32_t tenant_id;
};

/* First and last day with rows, number of rows; *has_data false when there is none. */
WN_MUST_USE wn_rc wn_book_extent(const struct wn_book *book, struct wn_arena *a, int32_t *day_from,
                                 int32_t *day_to, int64_t *n_rows, bool *has_data,
                                 struct wn_why *why);
/* The built-in metrics and the tenant's own. One of the tenant's that no longer compiles (a metric
 * it names was deleted) is left out, so that it harms nobody who does not ask for it. */
WN_MUST_USE wn_rc wn_book_metrics(const struct wn_book *book, struct wn_arena *a,
                                  struct wn_metrics **out, struct wn_why *why);
/* Parses, compiles and runs a query as people write it. data range: the extent. *out_query is the
 * parsed form (for titles and headers). */
WN_MUST_USE wn_rc wn_book_query(const struct wn_book *book, const struct wn_query_text *text,
                                struct wn_arena *a, struct wn_query *out_query,
                                struct wn_table **out, struct wn_why *why);

/* ---- the older calls (/api/campaigns, /api/analytics) ----------------------------------------- */

/* The days asked for, inclusive. Not given: all there is. */
struct wn_overview_days {
    bool is_given;
    int32_t from, to;
};

/* One campaign: what its rows sum up to, and what the catalog knows of it.
 *
 * roi and conversion rate are the source's own printed values (campaign.reported_*) when it gave
 * them, no days were asked for and no single channel of several; otherwise they come from the sums.
 */
struct wn_overview_campaign {
    struct wn_campaign campaign; /* attributes may be empty: not known */
    bool has_data;               /* false: in the catalog, but without rows */
    int32_t day_first, day_last; /* with rows; only when has_data */
    int64_t sums_micros[WN_MEASURE_N];
    double roi_ratio;             /* (revenue - spend) / spend */
    double conversion_rate_ratio; /* conversions / clicks */
};

struct wn_overview_campaign_filter {
    struct wn_overview_days days; /* given: campaigns with rows in them; else those without, too */
    int channel;                  /* -1 = any; else rows of this channel only */
    struct wn_str key;            /* the source's own id; empty = any */
    int32_t campaign_id;          /* the id inside; 0 = any */
    size_t skip, limit;           /* limit 0 = all */
};

/* Ordered by campaign_id. *n_total (may be NULL) counts before skip and limit. Rows that belong to
 * no campaign (campaign_id 0) are none. Cost: one facts query and one catalog query. */
WN_MUST_USE wn_rc wn_overview_campaigns(const struct wn_book *book,
                                        const struct wn_overview_campaign_filter *filter,
                                        struct wn_arena *a, struct wn_overview_campaign **out,
                                        size_t *n_out, size_t *n_total, struct wn_why *why);

/* avg_*: the plain mean over campaigns of the campaign's own value, which is what these calls have
 * always meant; campaigns without a value do not count. total_*: of the sums. */
struct wn_overview_channel {
    uint8_t channel;
    int64_t total_campaigns; /* with rows in this channel */
    double total_roi_ratio;
    double avg_roi_ratio;
    double avg_conversion_rate_ratio;
    double avg_acquisition_cost_micros; /* spend per campaign */
    int64_t sums_micros[WN_MEASURE_N];  /* clicks: sums_micros[WN_MEASURE_CLICKS] */
};
/* Channels with rows, ordered by their name. */
WN_MUST_USE wn_rc wn_overview_channels(const struct wn_book *book,
                                       const struct wn_overview_days *days, struct wn_arena *a,
                                       struct wn_overview_channel **out, size_t *n_out,
                                       struct wn_why *why);

struct wn_overview_summary {
    bool has_data;
    int32_t day_from, day_to; /* what it covers; only when has_data */
    int64_t total_campaigns;
    int64_t sums_micros[WN_MEASURE_N];
    double total_roi_ratio;
    double avg_roi_ratio;
    double avg_conversion_rate_ratio;
    double avg_acquisition_cost_micros;
    /* Against the equal period just before; NaN when that has no rows or a value of 0. */
    double roi_change_percent;        /* of avg_roi, from sums on both sides */
    double conversion_change_percent; /* of avg_conversion_rate, likewise */
    double clicks_change_percent;
    double cost_change_percent;                 /* of avg_acquisition_cost */
    const struct wn_overview_channel *channels; /* [n_channels], as wn_overview_channels */
    size_t n_channels;
    /* By total ROI, among those that have one; -1 = none. A tie goes to the one earlier by name. */
    int top_channel, worst_channel;
};
WN_MUST_USE wn_rc wn_overview_summary(const struct wn_book *book,
                                      const struct wn_overview_days *days, struct wn_arena *a,
                                      struct wn_overview_summary *out, struct wn_why *why);

struct wn_overview_trend_row {
    int32_t day;
    uint8_t channel;
    double roi_ratio; /* of the day's sums; NaN = no spend */
};
/* Ordered by day, then the channel's name. */
WN_MUST_USE wn_rc wn_overview_roi_trend(const struct wn_book *book,
                                        const struct wn_overview_days *days, struct wn_arena *a,
                                        struct wn_overview_trend_row **out, size_t *n_out,
                                        struct wn_why *why);

#endif
