/* The ready-made analytics of the older calls: summary, channels, ROI trend. */
#include "serve/handlers.h"

#include "core/date.h"
#include "decide/overview.h"

#include <math.h>

/* False: there is nothing in the range, whatever it is. */
static wn_rc days_of(struct wn_call *call, struct wn_overview_days *days, bool *has_range,
                     struct wn_why *why)
{
    bool has_data = false;
    struct wn_str from = wn_call_text(call, "from"), to = wn_call_text(call, "to");
    *days = (struct wn_overview_days){.is_given = from.p || to.p};
    *has_range = true;
    if (!days->is_given)
        return WN_OK;
    wn_rc rc = wn_call_range(call, &days->from, &days->to, &has_data, why);
    if (!rc && days->from > days->to)
        *has_range = false;
    return rc;
}

static const char *channel_name(int channel)
{
    const struct wn_code *code =
        channel < 0 ? NULL : wn_code_by_number(wn_channels, wn_n_channels, (uint8_t)channel);
    return code ? code->name : "other";
}

static void write_channel_or_null(struct wn_json_writer *w, const char *key, int channel)
{
    wn_json_key(w, key);
    if (channel < 0)
        wn_json_null(w);
    else
        wn_json_text_z(w, channel_name(channel));
}

static void write_real(struct wn_json_writer *w, const char *key, double value)
{
    wn_json_key(w, key);
    wn_json_f64(w, value);
}

static void write_sum(struct wn_json_writer *w, const char *key, int64_t micros)
{
    wn_json_key(w, key);
    wn_json_micros(w, micros);
}

static void write_channels(struct wn_json_writer *w, const struct wn_overview_channel *channels,
                           size_t n)
{
    wn_json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        const struct wn_overview_channel *c = &channels[i];
        wn_json_begin_object(w);
        wn_json_key(w, "channel");
        wn_json_text_z(w, channel_name(c->channel));
        wn_json_key(w, "total_campaigns");
        wn_json_i64(w, c->total_campaigns);
        write_real(w, "avg_roi", c->avg_roi_ratio);
        write_real(w, "avg_conversion_rate", c->avg_conversion_rate_ratio);
        write_sum(w, "total_clicks", c->sums_micros[WN_MEASURE_CLICKS]);
        write_sum(w, "total_impressions", c->sums_micros[WN_MEASURE_IMPRESSIONS]);
        write_real(w, "avg_acquisition_cost", c->avg_acquisition_cost_micros / 1e6);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_day(struct wn_json_writer *w, const char *key, bool has, int32_t day)
{
    wn_json_key(w, key);
    if (has)
        wn_json_day(w, day);
    else
        wn_json_null(w);
}

static void write_summary(struct wn_json_writer *w, const struct wn_overview_summary *s)
{
    wn_json_key(w, "total_campaigns");
    wn_json_i64(w, s->total_campaigns);
    write_real(w, "total_roi", s->total_roi_ratio);
    write_real(w, "avg_roi", s->avg_roi_ratio);
    write_real(w, "avg_conversion_rate", s->avg_conversion_rate_ratio);
    write_sum(w, "total_clicks", s->sums_micros[WN_MEASURE_CLICKS]);
    write_sum(w, "total_impressions", s->sums_micros[WN_MEASURE_IMPRESSIONS]);
    write_real(w, "avg_acquisition_cost", s->avg_acquisition_cost_micros / 1e6);
    write_real(w, "roi_change", s->roi_change_percent);
    write_real(w, "conversion_change", s->conversion_change_percent);
    write_real(w, "clicks_change", s->clicks_change_percent);
    write_real(w, "cost_change", s->cost_change_percent);
    wn_json_key(w, "channels");
    write_channels(w, s->channels, s->n_channels);
    write_channel_or_null(w, "top_performing_channel", s->top_channel);
    write_channel_or_null(w, "worst_performing_channel", s->worst_channel);
    write_day(w, "from", s->has_data, s->day_from);
    write_day(w, "to", s->has_data, s->day_to);
}

wn_rc wn_handle_summary(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_overview_days days;
    struct wn_overview_summary summary = {
        .total_roi_ratio = NAN,
        .avg_roi_ratio = NAN,
        .avg_conversion_rate_ratio = NAN,
        .avg_acquisition_cost_micros = NAN,
        .roi_change_percent = NAN,
        .conversion_change_percent = NAN,
        .clicks_change_percent = NAN,
        .cost_change_percent = NAN,
        .top_channel = -1,
        .worst_channel = -1,
    };
    struct wn_tenant tenant;
    bool has_range = false, is_sample = false;
    wn_rc rc = days_of(call, &days, &has_range, why);
    if (!rc && has_range)
        rc = wn_overview_summary(&book, &days, call->a, &summary, why);
    if (!rc)
        rc = wn_catalog_tenant(call->app->catalog, call->tenant_id, call->a, &tenant, why);
    if (!rc)
        rc = wn_call_is_sample(call, &is_sample, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    write_summary(&json.w, &summary);
    wn_json_key(&json.w, "currency");
    wn_json_text(&json.w, tenant.currency);
    wn_json_key(&json.w, "is_sample");
    wn_json_bool(&json.w, is_sample);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_channels(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_overview_days days;
    struct wn_overview_channel *channels = NULL;
    size_t n = 0;
    bool has_range = false;
    wn_rc rc = days_of(call, &days, &has_range, why);
    if (!rc && has_range)
        rc = wn_overview_channels(&book, &days, call->a, &channels, &n, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    write_channels(&json.w, channels, n);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_roi_trend(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_overview_days days;
    struct wn_overview_trend_row *rows = NULL;
    size_t n = 0;
    bool has_range = false;
    wn_rc rc = days_of(call, &days, &has_range, why);
    if (!rc && has_range)
        rc = wn_overview_roi_trend(&book, &days, call->a, &rows, &n, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < n; i++) {
        wn_json_begin_object(&json.w);
        wn_json_key(&json.w, "date");
        wn_json_day(&json.w, rows[i].day);
        write_real(&json.w, "roi", rows[i].roi_ratio);
        wn_json_key(&json.w, "channel");
        wn_json_text_z(&json.w, channel_name(rows[i].channel));
        wn_json_end(&json.w);
    }
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}
