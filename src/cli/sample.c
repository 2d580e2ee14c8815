/* The sample workspace: what the simulated market says its platforms reported. */
#include "cli/wire.h"

#include "core/date.h"
#include "decide/overview.h"
#include "io/clock.h"
#include "sandbox/market.h"

#include <math.h>
#include <string.h>

enum { SAMPLE_DAYS = 90, SAMPLE_CHANNELS = 6, SAMPLE_CAMPAIGNS = 60, SAMPLE_ADS_PER_GROUP = 4 };
#define SAMPLE_SEED UINT64_C(20260101)

struct sample {
    struct wn_app *app;
    struct wn_market *market;
    struct wn_facts_tx *tx;
    struct wn_arena *a;
    int32_t account_ids[SAMPLE_CHANNELS];
    struct wn_campaign *campaigns; /* [SAMPLE_CAMPAIGNS] */
    int32_t **ad_group_ids;        /* [campaign][ad group] */
    int32_t **ad_ids;              /* [campaign][ad] */
    int64_t now_ms;
};

static const struct wn_code *channel_of(int channel)
{
    return wn_code_by_name(wn_channels, wn_n_channels, wn_str_of(wn_market_channel_name(channel)));
}

static wn_rc name_accounts(struct sample *s, struct wn_why *why)
{
    for (int c = 0; c < SAMPLE_CHANNELS; c++) {
        struct wn_str name = wn_arena_printf(s->a, "Sample: %s", channel_of(c)->label);
        wn_rc rc = wn_facts_tx_name(s->tx, WN_NAME_ACCOUNT, 0, name, name, &s->account_ids[c], why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static wn_rc name_ads(struct sample *s, size_t i, struct wn_why *why)
{
    const struct wn_market_campaign *truth = wn_market_campaign(s->market, i);
    int32_t campaign_id = s->campaigns[i].campaign_id;
    s->ad_group_ids[i] = WN_ARENA_ARRAY(s->a, (size_t)truth->n_ad_groups, int32_t);
    s->ad_ids[i] = WN_ARENA_ARRAY(s->a, (size_t)truth->n_ads, int32_t);
    if (!s->ad_group_ids[i] || !s->ad_ids[i])
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while making the sample");
    wn_rc rc = WN_OK;
    for (int g = 0; g < truth->n_ad_groups && !rc; g++) {
        struct wn_str name = wn_market_ad_group_name(s->market, i, g);
        rc = wn_facts_tx_name(s->tx, WN_NAME_AD_GROUP, campaign_id, name, name,
                              &s->ad_group_ids[i][g], why);
    }
    for (int ad = 0; ad < truth->n_ads && !rc; ad++) {
        struct wn_str name = wn_market_ad_name(s->market, i, ad);
        int group = wn_market_ad_group_of(s->market, i, ad);
        rc = wn_facts_tx_name(s->tx, WN_NAME_AD, s->ad_group_ids[i][group], name, name,
                              &s->ad_ids[i][ad], why);
    }
    return rc;
}

static wn_rc name_campaigns(struct sample *s, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < SAMPLE_CAMPAIGNS && !rc; i++) {
        const struct wn_market_campaign *truth = wn_market_campaign(s->market, i);
        struct wn_campaign *c = &s->campaigns[i];
        *c = (struct wn_campaign){
            .tenant_id = WN_TENANT_DEFAULT,
            .account_id = s->account_ids[truth->channel],
            .channel = channel_of(truth->channel)->code,
            .key = truth->name,
            .name = truth->name,
            .duration_days = truth->end_day_offset - truth->start_day_offset + 1,
            .reported_conversion_rate_ratio = NAN,
            .reported_roi_ratio = NAN,
            .engagement_score = NAN,
            .created_at_ms = s->now_ms,
            .updated_at_ms = s->now_ms,
        };
        rc = wn_facts_tx_name(s->tx, WN_NAME_CAMPAIGN, c->account_id, c->key, c->name,
                              &c->campaign_id, why);
        if (!rc)
            rc = name_ads(s, i, why);
    }
    return rc;
}

static struct wn_stat stat_of_row(const struct sample *s, const struct wn_market_row *row)
{
    const struct wn_campaign *c = &s->campaigns[row->campaign];
    int group = wn_market_ad_group_of(s->market, row->campaign, row->ad);
    struct wn_stat stat = {
        .day = row->day,
        .account_id = c->account_id,
        .campaign_id = c->campaign_id,
        .ad_group_id = s->ad_group_ids[row->campaign][group],
        .ad_id = s->ad_ids[row->campaign][row->ad],
        .channel = c->channel,
        .device = (uint8_t)row->device,
        .hour = WN_HOUR_NONE,
    };
    stat.measures[WN_MEASURE_IMPRESSIONS] = row->impressions_micros;
    stat.measures[WN_MEASURE_REACH] = row->reach_micros;
    stat.measures[WN_MEASURE_CLICKS] = row->clicks_micros;
    stat.measures[WN_MEASURE_ENGAGEMENTS] = row->engagements_micros;
    stat.measures[WN_MEASURE_VIDEO_VIEWS] = row->video_views_micros;
    stat.measures[WN_MEASURE_CONVERSIONS] = row->conversions_micros;
    stat.measures[WN_MEASURE_SPEND] = row->spend_micros;
    stat.measures[WN_MEASURE_REVENUE] = row->revenue_micros;
    return stat;
}

static wn_rc append_days(struct sample *s, struct wn_why *why)
{
    struct wn_arena day;
    wn_rc rc = WN_OK;
    wn_arena_init(&day, 0);
    for (int d = 0; d < SAMPLE_DAYS && !rc; d++) {
        struct wn_market_row *rows;
        size_t n = 0;
        wn_arena_reset(&day);
        rc = wn_market_next_day(s->market, NULL, &day, &rows, &n, why);
        if (rc)
            break;
        struct wn_stat *stats = WN_ARENA_ARRAY(&day, n, struct wn_stat);
        if (!stats) {
            rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while making the sample");
            break;
        }
        for (size_t i = 0; i < n; i++)
            stats[i] = stat_of_row(s, &rows[i]);
        rc = wn_facts_tx_append(s->tx, stats, n, why);
    }
    wn_arena_deinit(&day);
    return rc;
}

static wn_rc write_catalog(struct sample *s, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    for (int c = 0; c < SAMPLE_CHANNELS && !rc; c++) {
        struct wn_account account = {
            .tenant_id = WN_TENANT_DEFAULT,
            .account_id = s->account_ids[c],
            .name = wn_arena_printf(s->a, "Sample: %s", channel_of(c)->label),
            .format = WN_STR("sample"),
            .currency = WN_STR("USD"),
            .is_sample = true,
            .created_at_ms = s->now_ms,
        };
        rc = wn_catalog_put_account(s->app->catalog, &account, why);
    }
    if (!rc)
        rc = wn_catalog_put_campaigns(s->app->catalog, s->campaigns, SAMPLE_CAMPAIGNS, why);
    return rc;
}

/* The catalog first: accounts without rows are harmless and are said to be sample; rows without
 * that word would pass for real ones. */
static wn_rc fill(struct sample *s, struct wn_why *why)
{
    wn_rc rc = wn_facts_begin(s->app->facts, WN_TENANT_DEFAULT, 0, s->now_ms, &s->tx, why);
    if (!rc)
        rc = name_accounts(s, why);
    if (!rc)
        rc = name_campaigns(s, why);
    if (!rc)
        rc = append_days(s, why);
    if (!rc)
        rc = write_catalog(s, why);
    if (rc) {
        wn_facts_rollback(s->tx);
        return rc;
    }
    return wn_facts_commit(s->tx, why);
}

wn_rc wn_sample_load(struct wn_app *app, struct wn_why *why)
{
    struct wn_arena a;
    struct sample s = {.app = app, .a = &a, .now_ms = wn_clock_now_ms()};
    struct wn_book book = {app->facts, app->catalog, WN_TENANT_DEFAULT};
    struct wn_market_options options = {
        .seed = SAMPLE_SEED,
        .n_channels = SAMPLE_CHANNELS,
        .n_campaigns = SAMPLE_CAMPAIGNS,
        .n_ads_per_group_max = SAMPLE_ADS_PER_GROUP,
        .day_from = (int32_t)(s.now_ms / WN_DAY_MS) - SAMPLE_DAYS,
        .n_days = SAMPLE_DAYS,
    };
    int32_t from, to;
    int64_t n_rows;
    bool has_data = false;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_book_extent(&book, &a, &from, &to, &n_rows, &has_data, why);
    if (!rc && has_data)
        rc = wn_fail(why, WN_CONFLICT, NULL,
                     "the workspace has data; the sample goes only into an empty one");
    if (!rc)
        rc = wn_market_new(&options, &s.market, why);
    if (!rc) {
        s.campaigns = WN_ARENA_ARRAY(&a, SAMPLE_CAMPAIGNS, struct wn_campaign);
        s.ad_group_ids = WN_ARENA_ARRAY(&a, SAMPLE_CAMPAIGNS, int32_t *);
        s.ad_ids = WN_ARENA_ARRAY(&a, SAMPLE_CAMPAIGNS, int32_t *);
        if (!s.campaigns || !s.ad_group_ids || !s.ad_ids)
            rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while making the sample");
    }
    if (!rc)
        rc = fill(&s, why);
    wn_market_free(s.market);
    wn_arena_deinit(&a);
    return rc;
}
