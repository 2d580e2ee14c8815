/* The hidden state of the market, shared by the file that draws a world and the one that runs it.
 */
#ifndef WN_SANDBOX_MARKET_INT_H
#define WN_SANDBOX_MARKET_INT_H

#include "sandbox/market.h"

enum { MARKET_CHANNELS = 8, MARKET_DEVICES = 3, MARKET_HOLIDAYS = 5, MARKET_WARM_UP_DAYS = 56 };

struct market_device {
    double share, ctr_factor, cvr_factor, cpm_factor; /* factors have a weighted mean of 1 */
};

/* What is typical of a channel. Centres of the draws: averages that industry benchmark tables
 * print for search, social feed, short video and professional network. */
struct market_channel {
    const char *name;
    double ctr_ratio, cvr_ratio, cpm, budget;
    double engage_ratio, video_ratio; /* per impression */
    double weekend;                   /* demand on Saturday and Sunday, 1 = as on other days */
    double weight;                    /* share of the campaigns */
    struct market_device devices[MARKET_DEVICES]; /* desktop, mobile, tablet */
    bool is_search;
};
extern const struct market_channel market_channels[MARKET_CHANNELS];

struct market_ad {
    int group;
    double quality; /* of its click rate; weighted mean 1 within the campaign */
    double cvr_factor;
    int start_day, end_day;       /* offsets in the range, inclusive */
    int refresh_days, phase_days; /* the creative is renewed every so often */
    struct wn_str name;
};

struct market_campaign_state {
    struct wn_market_campaign truth;
    struct market_ad *ads; /* [truth.n_ads] */
    struct wn_str *groups; /* [truth.n_ad_groups] */
    double frequency;      /* impressions per person and day at the usual budget */
    double trend_per_day;
    double dispersion; /* clicks and orders: larger = less noise between ads and days */
    uint64_t stream;   /* seed of its own noise: other campaigns' budgets do not touch it */
    /* Moves with the days. */
    double stock_spend; /* adstock */
    double spend_before;
    double price_jump; /* a competitor's entry, 1 = none */
    int learning_days;
};

struct market_channel_state {
    double week[7]; /* Monday first, mean 1 */
    double shock;   /* AR(1), log */
    double delay_scale;
    uint64_t stream;
};

struct wn_market {
    struct wn_arena arena; /* everything below */
    struct wn_market_options options;
    struct market_channel_state channels[MARKET_CHANNELS];
    struct market_campaign_state *campaigns; /* [options.n_campaigns] */
    size_t n_ads;                            /* of all campaigns */
    double year[4];                          /* two harmonics: cos, sin, cos, sin */
    struct {
        int day_of_year, n_days;
        double factor;
    } holidays[MARKET_HOLIDAYS];
    int next_day; /* offset of the day that next_day simulates */
};

/* Draws channels, campaigns, ads and names. Fails: MEMORY. */
WN_MUST_USE wn_rc market_draw_world(struct wn_market *m, struct wn_why *why);
/* Revenue that the platform reports per day at a constant spend, in steady state. */
double market_response(const struct wn_market_campaign *t, double spend);
/* How much of a day's conversions has arrived, on average over the clicks of that day, when
 * age_days whole days have passed since its end. 0..1. */
double market_arrived_ratio(double age_days, double scale);

#endif
