/* Predictions of campaigns: made on request, kept, listed. */
#include "serve/handlers.h"

#include "core/num.h"
#include "decide/prediction.h"
#include "serve/models.h"

#include <inttypes.h>
#include <math.h>

enum { LIMIT = 100 };

static void write_prediction(struct wn_json_writer *w, const struct wn_prediction *p)
{
    static const char *const risks[] = {"low", "medium", "high"};
    wn_json_begin_object(w);
    wn_json_member_i64(w, "id", p->prediction_id);
    wn_json_member_i64(w, "campaign_id", p->campaign_id);
    wn_json_key(w, "source_campaign_id");
    wn_json_text_or_null(w, p->campaign_key);
    wn_json_key(w, "campaign_name");
    wn_json_text_or_null(w, p->campaign_name);
    wn_json_member_f64(w, "predicted_roi", p->roi_ratio);
    wn_json_member_f64(w, "confidence_score", p->confidence_ratio);
    wn_json_member_text(w, "risk_level", wn_str_of(risks[p->risk]));
    wn_json_key(w, "feature_importance");
    wn_json_raw(w, p->drivers_json);
    wn_json_key(w, "interval");
    wn_json_begin_object(w);
    wn_json_member_f64(w, "low", p->roi_low_ratio);
    wn_json_member_f64(w, "high", p->roi_high_ratio);
    wn_json_end(w);
    wn_json_member_i64(w, "horizon_days", p->horizon_days);
    wn_json_key(w, "data_to");
    wn_json_day(w, p->day_to);
    wn_json_member_text(w, "method", p->method);
    wn_json_key(w, "created_at");
    wn_json_time(w, p->made_at_ms);
    wn_json_end(w);
}

static wn_rc read_cursor(struct wn_call *call, int64_t *out, struct wn_why *why)
{
    struct wn_str cursor = wn_call_text(call, "cursor");
    *out = 0;
    if (cursor.p && (!wn_parse_i64(cursor, out) || *out < 1))
        return wn_fail(why, WN_INVALID, "cursor", "this cursor was not given by this server");
    return WN_OK;
}

static void add_next_link(struct wn_call *call, int64_t before_id, size_t limit)
{
    struct wn_str link = wn_arena_printf(
        call->a, "</api/predictions?cursor=%" PRId64 "&limit=%zu>; rel=\"next\"", before_id, limit);
    if (link.p)
        wn_http_set_header(call->response, WN_STR("Link"), link);
}

static wn_rc answer(struct wn_call *call, const struct wn_prediction *list, size_t n,
                    struct wn_why *why)
{
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < n; i++)
        write_prediction(&json.w, &list[i]);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

static wn_rc answer_list(struct wn_call *call, bool only_latest, struct wn_why *why)
{
    size_t limit = (size_t)wn_call_int(call, "limit", only_latest ? 1000 : LIMIT), n = 0;
    struct wn_prediction_filter filter = {.only_latest = only_latest, .limit = limit + 1};
    struct wn_prediction *list = NULL;
    wn_rc rc = only_latest ? WN_OK : read_cursor(call, &filter.before_id, why);
    if (!rc)
        rc = wn_catalog_predictions(call->app->catalog, call->tenant_id, &filter, call->a, &list,
                                    &n, why);
    if (rc)
        return rc;
    if (n > limit) {
        n = limit;
        if (!only_latest)
            add_next_link(call, list[n - 1].prediction_id, limit);
    }
    return answer(call, list, n, why);
}

wn_rc wn_handle_predictions(struct wn_call *call, struct wn_why *why)
{
    return answer_list(call, false, why);
}

wn_rc wn_handle_predictions_latest(struct wn_call *call, struct wn_why *why)
{
    return answer_list(call, true, why);
}

/* The body may be left out. */
static wn_rc read_horizon(struct wn_call *call, int *out, struct wn_why *why)
{
    static const char *const names[] = {"horizon_days"};
    const struct wn_json *body = NULL;
    int64_t days = WN_PREDICTION_HORIZON;
    *out = WN_PREDICTION_HORIZON;
    if (call->request->body.n == 0)
        return WN_OK;
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    if (!rc) {
        rc = wn_json_get_i64(body, "horizon_days", &days, why);
        rc = rc == WN_NOT_FOUND ? WN_OK : rc;
    }
    if (!rc && (days < 1 || days > WN_PREDICTION_HORIZON_MAX))
        rc = wn_fail(why, WN_INVALID, "/horizon_days", "horizon_days is from 1 to %d",
                     WN_PREDICTION_HORIZON_MAX);
    *out = (int)days;
    return rc;
}

static wn_rc store(struct wn_call *call, struct wn_prediction_report *report, struct wn_why *why)
{
    struct wn_str method =
        wn_arena_printf(call->a, "%s %s", WN_PREDICTION_METHOD, call->app->version);
    int64_t *ids = WN_ARENA_ARRAY(call->a, report->n, int64_t);
    if (!method.p || !ids)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while predicting");
    for (size_t i = 0; i < report->n; i++) {
        report->predictions[i].made_at_ms = call->now_ms;
        report->predictions[i].method = method;
    }
    return wn_catalog_add_predictions(call->app->catalog, report->predictions, report->n, ids, why);
}

static wn_rc note_fit(struct wn_call *call, const struct wn_prediction_report *r,
                      struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_model_fit fit = {.trained_at_ms = call->now_ms,
                               .tenant_id = call->tenant_id,
                               .n_rows = (int64_t)r->n_days,
                               .metric_name = "none for single campaigns",
                               .metric = NAN};
    if (r->n == 0)
        return WN_OK;
    wn_rc rc = wn_daily_version(&book, call->a, &fit.version, why);
    if (!rc)
        wn_models_note(call->app->models, WN_MODEL_FORECAST, &fit);
    return rc;
}

wn_rc wn_handle_predictions_generate(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_prediction_report report = {0};
    struct wn_prediction *list = NULL;
    size_t n = 0;
    int horizon;
    wn_rc rc = read_horizon(call, &horizon, why);
    if (!rc)
        rc = wn_prediction_make(&book, horizon, call->a, &report, why);
    if (!rc)
        rc = store(call, &report, why);
    if (!rc)
        rc = note_fit(call, &report, why);
    /* Read back, so that they are answered as every later list has them. */
    struct wn_prediction_filter filter = {.only_latest = true, .limit = report.n};
    if (!rc && report.n)
        rc = wn_catalog_predictions(call->app->catalog, call->tenant_id, &filter, call->a, &list,
                                    &n, why);
    if (rc)
        return rc;
    wn_call_created(call, WN_STR("/api/predictions/latest"));
    return answer(call, list, n, why);
}
