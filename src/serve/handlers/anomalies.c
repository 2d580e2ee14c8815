/* Anomalies: the list of all, and one stream day by day. */
#include "serve/handlers.h"

#include "core/date.h"
#include "decide/anomaly.h"
#include "serve/models.h"

#include <math.h>

enum { LIMIT = 100 };

static wn_rc read_request(struct wn_call *call, struct wn_anomaly_request *r, struct wn_why *why)
{
    struct wn_str metric = wn_call_text(call, "metric"), severity = wn_call_text(call, "severity");
    wn_anomaly_metric m;
    *r = (struct wn_anomaly_request){.metric = -1,
                                     .channel = -1,
                                     .limit = (size_t)wn_call_int(call, "limit", LIMIT),
                                     .with_causes = true};
    if (metric.n && !wn_anomaly_metric_by_name(metric, &m))
        return wn_fail(why, WN_INVALID, "metric", "%.*s is not watched",
                       WN_STR_ARG(wn_str_slice(metric, 0, 64)));
    if (metric.n)
        r->metric = (int)m;
    for (int s = WN_ANOMALY_LOW; s <= WN_ANOMALY_HIGH; s++)
        if (wn_str_eq(severity, wn_str_of(wn_anomaly_severity_name((wn_anomaly_severity)s))))
            r->severity_min = (wn_anomaly_severity)s;
    r->has_from = wn_call_day(call, "from", &r->from);
    r->has_to = wn_call_day(call, "to", &r->to);
    return wn_call_channel(call, &r->channel, why);
}

static wn_rc note_fit(struct wn_call *call, const struct wn_anomaly_report *r, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_model_fit fit = {.trained_at_ms = call->now_ms,
                               .tenant_id = call->tenant_id,
                               .n_rows = (int64_t)(r->n_streams * r->days[0].n_days),
                               .metric_name = "none: there are no confirmed incidents yet",
                               .metric = NAN};
    if (r->n_streams == 0)
        return WN_OK;
    wn_rc rc = wn_daily_version(&book, call->a, &fit.version, why);
    if (!rc)
        wn_models_note(call->app->models, WN_MODEL_ANOMALY, &fit);
    return rc;
}

/* ---- JSON ------------------------------------------------------------------------------------- */

static void write_entity(struct wn_json_writer *w, const struct wn_daily_entity *e)
{
    wn_json_key(w, "entity");
    wn_json_begin_object(w);
    wn_json_member_text(w, "kind", wn_str_of(wn_daily_by_name(e->by)));
    wn_json_member_text(w, "id", e->id);
    wn_json_member_text(w, "name", e->name);
    wn_json_key(w, "campaign_id");
    wn_json_text_or_null(w, e->key);
    wn_json_key(w, "channel");
    wn_json_text_or_null(w, e->by == WN_DAILY_TOTAL ? WN_STR("")
                                                    : wn_str_of(wn_channel_text(e->channel)));
    wn_json_end(w);
}

static void write_causes(struct wn_json_writer *w, const struct wn_anomaly *x)
{
    wn_json_key(w, "causes");
    wn_json_begin_array(w);
    for (size_t i = 0; i < x->n_causes; i++) {
        wn_json_begin_object(w);
        wn_json_member_text(w, "dimension", x->causes[i].dimension);
        wn_json_member_text(w, "value", x->causes[i].value);
        wn_json_member_f64(w, "share", x->causes[i].share);
        wn_json_member_f64(w, "surprise", x->causes[i].surprise);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_money(struct wn_json_writer *w, const struct wn_anomaly *x)
{
    wn_json_key(w, "money");
    if (!x->has_money) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_member_f64(w, "mean", x->money_mean);
    wn_json_member_f64(w, "low", x->money_low);
    wn_json_member_f64(w, "high", x->money_high);
    wn_json_end(w);
}

static void write_band(struct wn_json_writer *w, const struct wn_anomaly_point *p)
{
    wn_json_member_f64(w, "value", p->value);
    wn_json_member_f64(w, "expected", p->expected);
    wn_json_member_f64(w, "low", p->low);
    wn_json_member_f64(w, "high", p->high);
    wn_json_member_f64(w, "score", p->score);
}

/* The same for everybody who asks again: day, entity, metric. */
static struct wn_str id_of(struct wn_call *call, const struct wn_anomaly *x)
{
    char day[WN_DAY_TEXT_MAX];
    wn_print_day(x->day, day);
    return wn_arena_printf(call->a, "%s.%s.%.*s.%s", day, wn_daily_by_name(x->entity->by),
                           WN_STR_ARG(x->entity->id), wn_anomaly_metric_name(x->metric));
}

static void write_anomaly(struct wn_call *call, struct wn_json_writer *w,
                          const struct wn_call_facts *facts, const struct wn_anomaly *x)
{
    wn_json_begin_object(w);
    wn_json_member_text(w, "id", id_of(call, x));
    write_entity(w, x->entity);
    wn_json_member_text(w, "metric", wn_str_of(wn_anomaly_metric_name(x->metric)));
    wn_json_key(w, "ts");
    wn_json_day(w, x->day);
    write_band(w, &x->point);
    wn_json_member_f64(w, "p_value", x->point.p_value);
    wn_json_member_f64(w, "q_value", x->point.q_value);
    wn_json_member_text(w, "severity", wn_str_of(wn_anomaly_severity_name(x->severity)));
    wn_json_member_text(w, "direction", x->direction > 0 ? WN_STR("up") : WN_STR("down"));
    write_money(w, x);
    write_causes(w, x);
    wn_json_member_text(w, "summary", x->summary);
    wn_json_member_text(w, "method",
                        wn_arena_printf(call->a, "%s %s", WN_ANOMALY_METHOD, call->app->version));
    wn_json_member_bool(w, "is_sample", facts->is_sample);
    wn_json_member_text(w, "currency", facts->currency);
    wn_json_end(w);
}

static void write_anomalies(struct wn_call *call, struct wn_json_writer *w,
                            const struct wn_call_facts *facts, const struct wn_anomaly_report *r)
{
    wn_json_begin_array(w);
    for (size_t i = 0; i < r->n; i++)
        write_anomaly(call, w, facts, &r->anomalies[i]);
    wn_json_end(w);
}

/* ---- the calls -------------------------------------------------------------------------------- */

wn_rc wn_handle_anomalies(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_anomaly_request request;
    struct wn_anomaly_report report;
    struct wn_call_facts facts;
    wn_rc rc = read_request(call, &request, why);
    if (!rc)
        rc = wn_call_get_facts(call, &facts, why);
    if (!rc)
        rc = wn_anomaly_find(&book, &request, facts.currency, call->a, &report, why);
    if (!rc)
        rc = note_fit(call, &report, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    write_anomalies(call, &json.w, &facts, &report);
    return wn_call_json_end(call, &json, why);
}

/* Days before `from` were learnt from and are not shown. */
static void write_points(struct wn_json_writer *w, const struct wn_anomaly_request *q,
                         const struct wn_daily *d, const struct wn_anomaly_point *points)
{
    wn_json_key(w, "points");
    wn_json_begin_array(w);
    for (size_t i = 0; points && i < d->n_days; i++) {
        int32_t day = d->day_from + (int32_t)i;
        if (q->has_from && day < q->from)
            continue;
        wn_json_begin_object(w);
        wn_json_key(w, "date");
        wn_json_day(w, day);
        write_band(w, &points[i]);
        wn_json_member_bool(w, "is_anomaly", points[i].is_anomaly);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static wn_rc answer_timeline(struct wn_call *call, const struct wn_anomaly_request *q,
                             const struct wn_anomaly_report *r, const struct wn_call_facts *facts,
                             const struct wn_daily_entity *entity,
                             const struct wn_anomaly_point *points, struct wn_why *why)
{
    static const struct wn_daily_entity whole = {.id = WN_STR("total"),
                                                 .name = WN_STR("All campaigns")};
    const struct wn_daily *d = &r->days[WN_DAILY_TOTAL];
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_member_text(&json.w, "metric",
                        wn_str_of(wn_anomaly_metric_name((wn_anomaly_metric)q->metric)));
    write_entity(&json.w, entity ? entity : &whole);
    write_points(&json.w, q, d, points);
    wn_json_key(&json.w, "anomalies");
    write_anomalies(call, &json.w, facts, r);
    wn_json_completeness(&json.w, &r->completeness);
    wn_call_write_facts(call, &json.w, facts, WN_ANOMALY_METHOD, d->n_days > 0, d->day_from,
                        d->day_to);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_anomaly_timeline(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_anomaly_request request;
    struct wn_anomaly_report report;
    struct wn_call_facts facts;
    const struct wn_daily_entity *entity = NULL;
    struct wn_anomaly_point *points = NULL;
    wn_rc rc = read_request(call, &request, why);
    if (!rc && request.metric < 0)
        request.metric = WN_ANOMALY_SPEND;
    if (!rc)
        rc = wn_call_get_facts(call, &facts, why);
    if (!rc)
        rc = wn_anomaly_timeline(&book, &request, wn_call_text(call, "entity"), facts.currency,
                                 call->a, &report, &entity, &points, why);
    if (!rc)
        rc = note_fit(call, &report, why);
    return rc ? rc : answer_timeline(call, &request, &report, &facts, entity, points, why);
}
