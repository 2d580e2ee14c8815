/* Days to come, and the plain series of the days that were: as JSON and as pictures. */
#include "serve/handlers.h"

#include "decide/forecast.h"
#include "decide/report.h"
#include "serve/models.h"

#include <math.h>

static wn_rc read_request(struct wn_call *call, struct wn_outlook_request *r, struct wn_why *why)
{
    struct wn_str metric = wn_call_text(call, "metric");
    *r = (struct wn_outlook_request){.metric = WN_OUTLOOK_ROI,
                                     .horizon = (int)wn_call_int(call, "horizon", 0)};
    if (metric.n && !wn_outlook_metric_by_name(metric, &r->metric))
        return wn_fail(why, WN_INVALID, "metric", "%.*s cannot be forecast",
                       WN_STR_ARG(wn_str_slice(metric, 0, 64)));
    r->has_from = wn_call_day(call, "from", &r->from);
    r->has_to = wn_call_day(call, "to", &r->to);
    return wn_call_channel(call, &r->channel, why);
}

static wn_rc note_fit(struct wn_call *call, const struct wn_outlook *o, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_model_fit fit = {.trained_at_ms = call->now_ms,
                               .tenant_id = call->tenant_id,
                               .n_rows = (int64_t)o->n_history,
                               .metric_name = "share of days inside the 95 % interval",
                               .metric = o->backtest.coverage95,
                               .drift_name = "error of the newest back-test, times the earlier",
                               .drift = o->backtest.drift};
    if (o->state == WN_FORECAST_EMPTY)
        return WN_OK;
    wn_rc rc = wn_daily_version(&book, call->a, &fit.version, why);
    if (!rc)
        wn_models_note(call->app->models, WN_MODEL_FORECAST, &fit);
    return rc;
}

static wn_rc make(struct wn_call *call, struct wn_call_facts *facts, struct wn_outlook *o,
                  struct wn_why *why)
{
    struct wn_outlook_request request;
    struct wn_book book = wn_call_book(call);
    wn_rc rc = read_request(call, &request, why);
    if (!rc)
        rc = wn_call_get_facts(call, facts, why);
    if (!rc)
        rc = wn_outlook_make(&book, &request, facts->currency, call->a, o, why);
    return rc ? rc : note_fit(call, o, why);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void write_points(struct wn_json_writer *w, const struct wn_outlook *o)
{
    wn_json_key(w, "history");
    wn_json_begin_array(w);
    for (size_t i = 0; i < o->n_history; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "date");
        wn_json_day(w, o->day_from + (int32_t)i);
        wn_json_member_f64(w, "value", o->history[i]);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "forecast");
    wn_json_begin_array(w);
    for (size_t i = 0; i < o->horizon && o->state != WN_FORECAST_EMPTY; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "date");
        wn_json_day(w, o->day_to + 1 + (int32_t)i);
        wn_json_member_f64(w, "mean", o->mean[i]);
        wn_json_member_f64(w, "low80", o->low80[i]);
        wn_json_member_f64(w, "high80", o->high80[i]);
        wn_json_member_f64(w, "low95", o->low95[i]);
        wn_json_member_f64(w, "high95", o->high95[i]);
        wn_json_end(w);
    }
    wn_json_end(w);
}

/* By falling weight: there are few, so the largest left is looked for each time. */
static void write_members(struct wn_json_writer *w, const struct wn_outlook *o)
{
    bool is_written[WN_FORECAST_MEMBERS] = {false};
    wn_json_key(w, "members");
    wn_json_begin_array(w);
    for (;;) {
        size_t best = WN_FORECAST_MEMBERS;
        for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
            if (!is_written[k] && o->weights[k] > 0 &&
                (best == WN_FORECAST_MEMBERS || o->weights[k] > o->weights[best]))
                best = k;
        if (best == WN_FORECAST_MEMBERS)
            break;
        is_written[best] = true;
        wn_json_begin_object(w);
        wn_json_member_text(w, "name",
                            wn_str_of(wn_forecast_member_name((wn_forecast_member)best)));
        wn_json_member_text(w, "words",
                            wn_str_of(wn_forecast_member_words((wn_forecast_member)best)));
        wn_json_member_f64(w, "weight", o->weights[best]);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_backtest(struct wn_json_writer *w, const struct wn_outlook_backtest *b)
{
    wn_json_key(w, "backtest");
    wn_json_begin_object(w);
    wn_json_member_i64(w, "windows", (int64_t)b->n_windows);
    wn_json_member_i64(w, "days", (int64_t)b->n_days);
    wn_json_member_f64(w, "mape", b->mape);
    wn_json_member_f64(w, "rmse", b->rmse);
    wn_json_member_f64(w, "error_in_money", b->error_in_money);
    wn_json_member_f64(w, "coverage80", b->coverage80);
    wn_json_member_f64(w, "coverage95", b->coverage95);
    wn_json_end(w);
}

static wn_rc answer_json(struct wn_call *call, const struct wn_call_facts *facts,
                         const struct wn_outlook *o, struct wn_why *why)
{
    static const char *const units[] = {"count", "money", "ratio", "factor"};
    static const char *const states[] = {"fitted", "short", "constant", "empty"};
    struct wn_call_json json;
    struct wn_json_writer *w = &json.w;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(w);
    wn_json_member_text(w, "metric", wn_str_of(wn_outlook_metric_name(o->metric)));
    wn_json_member_text(w, "unit", wn_str_of(units[wn_outlook_metric_unit(o->metric)]));
    wn_json_member_i64(w, "horizon", (int64_t)o->horizon);
    wn_json_member_text(w, "state", wn_str_of(states[o->state]));
    wn_json_member_text(w, "summary", o->summary);
    write_points(w, o);
    write_members(w, o);
    write_backtest(w, &o->backtest);
    wn_json_key(w, "seasons");
    wn_json_begin_array(w);
    for (size_t i = 0; i < o->n_seasons; i++)
        wn_json_i64(w, (int64_t)o->seasons[i]);
    wn_json_end(w);
    wn_json_member_i64(w, "seed", WN_OUTLOOK_SEED);
    wn_json_completeness(w, &o->completeness);
    wn_call_write_facts(call, w, facts, WN_OUTLOOK_METHOD, o->n_history > 0, o->day_from,
                        o->day_to);
    wn_json_end(w);
    return wn_call_json_end(call, &json, why);
}

static wn_rc answer_png(struct wn_call *call, const struct wn_call_facts *facts,
                        const struct wn_outlook *o, struct wn_why *why)
{
    struct wn_outlook_picture picture = {.currency = facts->currency,
                                         .has_sample = facts->is_sample,
                                         .dark = wn_call_bool(call, "dark", false),
                                         .width_px = (int)wn_call_int(call, "width", 0),
                                         .height_px = (int)wn_call_int(call, "height", 0)};
    struct wn_buf png;
    wn_buf_init(&png, WN_PNG_BYTES_MAX);
    wn_rc rc = wn_outlook_png(o, &picture, call->a, &png, why);
    return wn_call_png(call, rc, &png, why);
}

wn_rc wn_handle_outlook(struct wn_call *call, struct wn_why *why)
{
    struct wn_call_facts facts;
    struct wn_outlook o;
    wn_rc rc = make(call, &facts, &o, why);
    if (rc)
        return rc;
    return wn_call_wants_png(call) ? answer_png(call, &facts, &o, why)
                                   : answer_json(call, &facts, &o, why);
}

wn_rc wn_handle_outlook_image(struct wn_call *call, struct wn_why *why)
{
    struct wn_call_facts facts;
    struct wn_outlook o;
    wn_rc rc = make(call, &facts, &o, why);
    return rc ? rc : answer_png(call, &facts, &o, why);
}

/* ---- the days that were ----------------------------------------------------------------------- */

struct series_kind {
    const char *metrics; /* the columns, as members of a row */
    const char *charted; /* the one of the picture */
};
static const struct series_kind roi_kind = {"spend,revenue,roi", "roi"};
static const struct series_kind reach_kind = {"reach,impressions,clicks,ctr", "ctr"};

static wn_rc channel_filter(struct wn_call *call, struct wn_str *out, struct wn_why *why)
{
    int channel;
    wn_rc rc = wn_call_channel(call, &channel, why);
    *out = WN_STR("");
    if (rc || channel < 0)
        return rc;
    *out = wn_arena_printf(call->a, "channel=%s", wn_channel_text(channel));
    return out->p ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
}

static void write_row(struct wn_json_writer *w, const struct wn_table *t, size_t row)
{
    wn_json_begin_object(w);
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct wn_value *v = wn_table_at(t, row, i);
        wn_json_key_str(w,
                        wn_str_eq(t->columns[i], WN_STR("day")) ? WN_STR("date") : t->columns[i]);
        if (v->kind == WN_VALUE_TEXT)
            wn_json_text(w, v->text);
        else
            wn_json_f64(w, v->kind == WN_VALUE_REAL  ? v->real
                           : v->kind == WN_VALUE_INT ? (double)v->integer
                                                     : (double)NAN);
    }
    wn_json_end(w);
}

static wn_rc series_json(struct wn_call *call, const struct series_kind *kind, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_query_text text = {.metrics = wn_str_of(kind->metrics),
                                 .by = WN_STR("day,channel"),
                                 .from = wn_call_text(call, "from"),
                                 .to = wn_call_text(call, "to")};
    struct wn_call_facts facts;
    struct wn_query query;
    struct wn_table *t = NULL;
    int32_t from = 0, to = 0;
    bool has_data = false;
    wn_rc rc = channel_filter(call, &text.filter, why);
    if (!rc)
        rc = wn_call_range(call, &from, &to, &has_data, why);
    if (!rc)
        rc = wn_book_query(&book, &text, call->a, &query, &t, why);
    if (!rc)
        rc = wn_call_get_facts(call, &facts, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "rows");
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < t->n_rows; i++)
        write_row(&json.w, t, i);
    wn_json_end(&json.w);
    wn_call_write_facts(call, &json.w, &facts, "sums", has_data, from, to);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

static wn_rc series_png(struct wn_call *call, const struct series_kind *kind, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_chart_request request = {.query = {.metrics = wn_str_of(kind->charted),
                                                 .from = wn_call_text(call, "from"),
                                                 .to = wn_call_text(call, "to")},
                                       .kind = WN_STR("line"),
                                       .width_px = (int)wn_call_int(call, "width", 0),
                                       .height_px = (int)wn_call_int(call, "height", 0),
                                       .dark = wn_call_bool(call, "dark", false)};
    struct wn_buf png;
    wn_buf_init(&png, WN_PNG_BYTES_MAX);
    wn_rc rc = channel_filter(call, &request.query.filter, why);
    if (!rc)
        rc = wn_chart_metric(&book, &request, call->a, &png, why);
    return wn_call_png(call, rc, &png, why);
}

static wn_rc series(struct wn_call *call, const struct series_kind *kind, struct wn_why *why)
{
    return wn_call_wants_png(call) ? series_png(call, kind, why) : series_json(call, kind, why);
}

wn_rc wn_handle_roi_series(struct wn_call *call, struct wn_why *why)
{
    return series(call, &roi_kind, why);
}

wn_rc wn_handle_roi_series_image(struct wn_call *call, struct wn_why *why)
{
    return series_png(call, &roi_kind, why);
}

wn_rc wn_handle_reach_series(struct wn_call *call, struct wn_why *why)
{
    return series(call, &reach_kind, why);
}

wn_rc wn_handle_reach_series_image(struct wn_call *call, struct wn_why *why)
{
    return series_png(call, &reach_kind, why);
}
