/* A simulated advertising market with a hidden truth. Pure: parameters and a seed in, days of
 * statistics out; the same seed gives the same bytes.
 *
 * Each campaign has a response curve (saturating, by audience exhaustion or Hill), carry-over,
 * auction prices with noise and jumps, weekly and yearly seasonality, creative fatigue, and
 * conversions that arrive after a delay; channels differ in realistic ranges of CPM, CTR and CVR. */
#ifndef WN_SANDBOX_MARKET_H
#define WN_SANDBOX_MARKET_H

#include "core/arena.h"
#include "core/error.h"
#include "core/rand.h"
#include "core/str.h"

typedef enum wn_market_curve { WN_CURVE_AUDIENCE, WN_CURVE_HILL, WN_CURVE_LINEAR } wn_market_curve;

struct wn_market_options {
    uint64_t seed;
    int n_channels;  /* 1..8, in the order of wn_market_channel_name */
    int n_campaigns; /* 1..10000, spread over the channels */
    int n_ads_per_group_max;
    int32_t day_from; /* days since the epoch */
    int n_days;       /* warm-up before it is simulated too, and not reported */
};

/* The hidden truth of one campaign: what an engine would have to find out. */
struct wn_market_campaign {
    struct wn_str name;
    int channel;            /* index: see wn_market_channel_name */
    int n_ad_groups, n_ads; /* of this campaign; ads are numbered through the groups */
    wn_market_curve curve;
    double daily_budget; /* whole units of currency */
    double saturation_spend, hill_slope, carry_over_ratio;
    double ctr_ratio, cvr_ratio, cpm, order_value;
    double fatigue_half_life_days;
    double incremental_ratio;             /* share of reported revenue that the campaign caused */
    int start_day_offset, end_day_offset; /* runs within the range */
};

struct wn_market;

WN_MUST_USE wn_rc wn_market_new(const struct wn_market_options *options, struct wn_market **out,
                                struct wn_why *why);
void wn_market_free(struct wn_market *m);
const char *wn_market_channel_name(int channel); /* "facebook", ... as in domain/stat.h */
size_t wn_market_n_campaigns(const struct wn_market *m);
const struct wn_market_campaign *wn_market_campaign(const struct wn_market *m, size_t i);
struct wn_str wn_market_ad_group_name(const struct wn_market *m, size_t campaign, int ad_group);
struct wn_str wn_market_ad_name(const struct wn_market *m, size_t campaign, int ad);
int wn_market_ad_group_of(const struct wn_market *m, size_t campaign, int ad);

/* One ad, one day, one device: what the platform reports. Micros as everywhere. */
struct wn_market_row {
    int32_t day;
    uint32_t campaign;
    int ad;
    int device; /* 1 desktop, 2 mobile, 3 tablet: codes of domain/stat.h */
    int64_t impressions_micros, reach_micros, clicks_micros, engagements_micros, video_views_micros,
        conversions_micros, spend_micros, revenue_micros;
};

/* Simulates the next day with the given budget per campaign (whole units; NULL = each campaign's
 * own daily budget, paced and seasonal). rows live in a. NOT_FOUND when the range has ended. */
WN_MUST_USE wn_rc wn_market_next_day(struct wn_market *m, const double *budgets, struct wn_arena *a,
                                     struct wn_market_row **out_rows, size_t *n_out,
                                     struct wn_why *why);
/* The expected incremental revenue of a day at a constant budget x in steady state: the truth that
 * decisions are judged by. */
double wn_market_true_response(const struct wn_market *m, size_t campaign, double spend);

#endif
