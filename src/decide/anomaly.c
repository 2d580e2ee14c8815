#include "decide/anomaly.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decide/anomaly_int.h"
#include "decide/chart_int.h"
#include "learn/fdr.h"

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while looking for anomalies");
}

const char *wn_anomaly_metric_name(wn_anomaly_metric metric)
{
    static const char *const names[] = {
#define X(id, text) text,
        WN_ANOMALY_METRIC_MAP(X)
#undef X
    };
    return names[metric];
}

bool wn_anomaly_metric_by_name(struct wn_str name, wn_anomaly_metric *out)
{
    for (int m = 0; m < WN_ANOMALY_METRICS; m++)
        if (wn_str_eq(name, wn_str_of(wn_anomaly_metric_name((wn_anomaly_metric)m)))) {
            *out = (wn_anomaly_metric)m;
            return true;
        }
    return false;
}

const char *wn_anomaly_severity_name(wn_anomaly_severity severity)
{
    static const char *const names[] = {"low", "medium", "high"};
    return names[severity];
}

/* ---- what a metric is made of ----------------------------------------------------------------- */

const struct anomaly_parts anomaly_parts[WN_ANOMALY_METRICS] = {
    [WN_ANOMALY_SPEND] = {.above = WN_MEASURE_SPEND, .below = -1, .unit = WN_UNIT_MONEY},
    [WN_ANOMALY_CONVERSIONS] = {.above = WN_MEASURE_CONVERSIONS,
                                .below = -1,
                                .unit = WN_UNIT_COUNT,
                                .is_count = true,
                                .late = 1},
    [WN_ANOMALY_REVENUE] = {.above = WN_MEASURE_REVENUE,
                            .below = -1,
                            .unit = WN_UNIT_MONEY,
                            .late = 1},
    [WN_ANOMALY_CLICKS] = {.above = WN_MEASURE_CLICKS,
                           .below = -1,
                           .unit = WN_UNIT_COUNT,
                           .is_count = true},
    [WN_ANOMALY_IMPRESSIONS] = {.above = WN_MEASURE_IMPRESSIONS,
                                .below = -1,
                                .unit = WN_UNIT_COUNT,
                                .is_count = true},
    [WN_ANOMALY_CTR] = {.above = WN_MEASURE_CLICKS,
                        .below = WN_MEASURE_IMPRESSIONS,
                        .unit = WN_UNIT_RATIO,
                        .events = WN_MEASURE_CLICKS},
    [WN_ANOMALY_CPA] = {.above = WN_MEASURE_SPEND,
                        .below = WN_MEASURE_CONVERSIONS,
                        .unit = WN_UNIT_MONEY,
                        .events = WN_MEASURE_CONVERSIONS,
                        .late = -1},
    [WN_ANOMALY_ROAS] = {.above = WN_MEASURE_REVENUE,
                         .below = WN_MEASURE_SPEND,
                         .unit = WN_UNIT_FACTOR,
                         .events = WN_MEASURE_CONVERSIONS,
                         .late = 1},
};

/* Ratios of few events say nothing. */
enum { RATIO_EVENTS_MIN = 10 };

struct stream {
    const struct wn_daily_entity *entity;
    wn_anomaly_metric metric;
    struct wn_anomaly_point *points; /* [n_days] */
};

struct search {
    const struct wn_book *book;
    const struct wn_anomaly_request *request;
    struct wn_anomaly_report *report;
    struct wn_arena *a, *scratch;
    size_t n_days;
    int32_t day_from;
    double *arrived[2]; /* [n_days]: by late +1 and -1 */
    struct stream *streams;
    size_t n_streams;
};

/* ---- gather ----------------------------------------------------------------------------------- */

static wn_rc gather(struct search *s, struct wn_why *why)
{
    const struct wn_anomaly_request *r = s->request;
    struct wn_daily_request request = {.channel = r->channel,
                                       .has_to = r->has_to,
                                       .to = r->to,
                                       .days_max = WN_ANOMALY_DAYS,
                                       .measures =
                                           1u << WN_MEASURE_SPEND | 1u << WN_MEASURE_CONVERSIONS |
                                           1u << WN_MEASURE_REVENUE | 1u << WN_MEASURE_CLICKS |
                                           1u << WN_MEASURE_IMPRESSIONS};
    wn_rc rc = WN_OK;
    if (r->has_from && r->has_to && r->from > r->to)
        return wn_fail(why, WN_INVALID, "from", "from is after to");
    for (int by = 0; !rc && by < 3; by++) {
        request.by = (wn_daily_by)by;
        rc = wn_daily_gather(s->book, &request, s->a, &s->report->days[by], why);
    }
    const struct wn_daily *total = &s->report->days[WN_DAILY_TOTAL];
    s->n_days = total->n ? total->n_days : 0;
    s->day_from = total->day_from;
    s->report->n_left_out = s->report->days[WN_DAILY_CAMPAIGN].n_left_out;
    return rc;
}

static wn_rc look_at_completeness(struct search *s, struct wn_why *why)
{
    const struct wn_daily_entity *total = s->report->days[WN_DAILY_TOTAL].entities;
    struct wn_daily_completeness *c = &s->report->completeness;
    wn_rc rc = wn_daily_completeness_of(total->values[WN_MEASURE_CONVERSIONS],
                                        total->values[WN_MEASURE_SPEND], s->n_days, s->a, c, why);
    if (rc)
        return rc;
    for (int k = 0; k < 2; k++) {
        s->arrived[k] = WN_ARENA_ARRAY(s->scratch, s->n_days, double);
        if (!s->arrived[k])
            return no_memory(why);
        for (size_t i = 0; i < s->n_days; i++) {
            double share = wn_daily_arrived(c, i, s->n_days);
            s->arrived[k][i] = k == 0 ? share : 1 / share;
        }
    }
    return WN_OK;
}

/* ---- judge ------------------------------------------------------------------------------------ */

/* Judges a stream whose entity and metric are set. */
static wn_rc judge(const struct search *s, const struct stream *stream, bool with_band,
                   struct wn_anomaly_point *out, struct wn_why *why)
{
    const struct anomaly_parts *parts = &anomaly_parts[stream->metric];
    const struct wn_daily_entity *e = stream->entity;
    const double *above = e->values[parts->above];
    const double *below = parts->below < 0 ? NULL : e->values[parts->below];
    double *ratio = NULL, *orders = NULL;
    if (below)
        ratio = WN_ARENA_ARRAY(s->scratch, s->n_days, double);
    if (below && !ratio)
        return no_memory(why);
    /* The conversions of an entity are judged before its revenue. */
    if (stream->metric == WN_ANOMALY_REVENUE) {
        orders = WN_ARENA_ARRAY(s->scratch, s->n_days, double);
        if (!orders)
            return no_memory(why);
        for (size_t i = 0; i < s->n_days; i++)
            orders[i] = stream[-1].points[i].expected;
    }
    for (size_t i = 0; below && i < s->n_days; i++)
        ratio[i] = below[i] > 0 ? above[i] / below[i] : (double)NAN;
    struct wn_anomaly_stream in = {.value = below ? ratio : above,
                                   .arrived = parts->late > 0   ? s->arrived[0]
                                              : parts->late < 0 ? s->arrived[1]
                                                                : NULL,
                                   .events = below ? e->values[parts->events] : NULL,
                                   .least_events = RATIO_EVENTS_MIN,
                                   .orders = orders,
                                   .n = s->n_days,
                                   .day = s->day_from,
                                   .is_count = parts->is_count,
                                   .with_band = with_band};
    wn_anomaly_judge(&in, out);
    return WN_OK;
}

static wn_rc add_stream(struct search *s, const struct wn_daily_entity *e, wn_anomaly_metric metric,
                        struct wn_why *why)
{
    struct stream *stream = &s->streams[s->n_streams];
    *stream = (struct stream){.entity = e, .metric = metric};
    stream->points = WN_ARENA_ARRAY(s->a, s->n_days, struct wn_anomaly_point);
    if (!stream->points)
        return no_memory(why);
    s->n_streams++;
    return judge(s, stream, false, stream->points, why);
}

/* Only what is shown needs its bands. */
static wn_rc add_bands(const struct search *s, const struct stream *stream, struct wn_why *why)
{
    struct wn_anomaly_point *points =
        WN_ARENA_ARRAY(s->scratch, s->n_days, struct wn_anomaly_point);
    if (!points)
        return no_memory(why);
    wn_rc rc = judge(s, stream, true, points, why);
    for (size_t i = 0; !rc && i < s->n_days; i++) {
        stream->points[i].low = points[i].low;
        stream->points[i].high = points[i].high;
    }
    return rc;
}

static wn_rc judge_all(struct search *s, struct wn_why *why)
{
    size_t n_entities = 0;
    wn_rc rc = WN_OK;
    for (int by = 0; by < 3; by++)
        n_entities += s->report->days[by].n;
    s->streams = WN_ARENA_ARRAY(s->scratch, n_entities * WN_ANOMALY_METRICS, struct stream);
    if (!s->streams)
        return no_memory(why);
    for (int by = 0; by < 3; by++)
        for (size_t k = 0; k < s->report->days[by].n; k++)
            for (int m = 0; !rc && m < WN_ANOMALY_METRICS; m++)
                rc = add_stream(s, &s->report->days[by].entities[k], (wn_anomaly_metric)m, why);
    s->report->n_streams = s->n_streams;
    return rc;
}

/* ---- how many of a day's alerts are false ----------------------------------------------------- */

/* Where an entity stopped spending everything else stops as well: one alert is enough. */
static bool is_silenced(const struct stream *stream, size_t day)
{
    return stream->metric != WN_ANOMALY_SPEND &&
           !(stream->entity->values[WN_MEASURE_SPEND][day] > 0);
}

static wn_rc adjust(struct search *s, struct wn_why *why)
{
    double *p = WN_ARENA_ARRAY(s->scratch, s->n_streams, double);
    double *q = WN_ARENA_ARRAY(s->scratch, s->n_streams, double);
    size_t *order = WN_ARENA_ARRAY(s->scratch, s->n_streams, size_t);
    size_t *places = WN_ARENA_ARRAY(s->scratch, s->n_streams, size_t);
    if (!p || !q || !order || !places)
        return no_memory(why);
    for (size_t day = 0; day < s->n_days; day++) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_streams; i++) {
            struct wn_anomaly_point *point = &s->streams[i].points[day];
            point->q_value = 1;
            if (!isfinite(point->expected) || is_silenced(&s->streams[i], day))
                continue;
            places[n] = i;
            p[n++] = point->p_value;
        }
        wn_fdr_adjust(p, n, order, q);
        for (size_t k = 0; k < n; k++)
            s->streams[places[k]].points[day].q_value = q[k];
    }
    return WN_OK;
}

/* Sure, and large enough to matter: a tenth of what was expected. */
static bool stands_out(const struct wn_anomaly_point *p)
{
    return p->q_value <= WN_ANOMALY_Q && fabs(p->value - p->expected) > 0.1 * p->expected;
}

/* Marks the first day of each incident; returns how many. */
static size_t mark_incidents(struct search *s, struct stream *stream)
{
    size_t n = 0;
    size_t quiet_until = 0;
    for (size_t day = 0; day < s->n_days; day++) {
        if (!stands_out(&stream->points[day]))
            continue;
        if (day >= quiet_until) {
            stream->points[day].is_anomaly = true;
            n++;
        }
        quiet_until = day + WN_ANOMALY_REST_DAYS;
    }
    return n;
}

/* ---- report ----------------------------------------------------------------------------------- */

static wn_anomaly_severity severity_of(const struct wn_anomaly_point *p)
{
    return p->q_value <= 0.001  ? WN_ANOMALY_HIGH
           : p->q_value <= 0.01 ? WN_ANOMALY_MEDIUM
                                : WN_ANOMALY_LOW;
}

static bool is_asked(const struct search *s, const struct stream *stream, size_t day)
{
    const struct wn_anomaly_request *r = s->request;
    int32_t date = s->day_from + (int32_t)day;
    return stream->points[day].is_anomaly && (r->metric < 0 || r->metric == (int)stream->metric) &&
           (!r->has_from || date >= r->from) && (!r->has_to || date <= r->to) &&
           severity_of(&stream->points[day]) >= r->severity_min;
}

_Static_assert(WN_ANOMALY_REVENUE == WN_ANOMALY_CONVERSIONS + 1, "judge looks one back");

/* What a conversion usually brings, from all days: for the price of lost conversions. */
static double value_of_conversion(const struct wn_daily_entity *e, size_t n)
{
    double revenue = 0, conversions = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(e->values[WN_MEASURE_REVENUE][i])) {
            revenue += e->values[WN_MEASURE_REVENUE][i];
            conversions += e->values[WN_MEASURE_CONVERSIONS][i];
        }
    return conversions > 0 ? revenue / conversions : 0;
}

static void price(const struct search *s, struct wn_anomaly *x)
{
    double unit = 0;
    size_t day = (size_t)(x->day - s->day_from);
    switch (x->metric) {
    case WN_ANOMALY_SPEND:
    case WN_ANOMALY_REVENUE:
        unit = 1;
        break;
    case WN_ANOMALY_CONVERSIONS:
        unit = value_of_conversion(x->entity, s->n_days);
        break;
    case WN_ANOMALY_CPA:
        unit = x->entity->values[WN_MEASURE_CONVERSIONS][day];
        break;
    case WN_ANOMALY_ROAS:
        unit = x->entity->values[WN_MEASURE_SPEND][day];
        break;
    default:
        return;
    }
    x->has_money = unit > 0 && isfinite(unit);
    x->money_mean = unit * (x->point.value - x->point.expected);
    x->money_low = unit * (x->point.value - x->point.high);
    x->money_high = unit * (x->point.value - x->point.low);
}

static wn_rc summarise(const struct search *s, struct wn_anomaly *x, struct wn_why *why)
{
    char value[CHART_TEXT_MAX], expected[CHART_TEXT_MAX], low[CHART_TEXT_MAX], high[CHART_TEXT_MAX];
    wn_metric_unit unit = anomaly_parts[x->metric].unit;
    static const char *const labels[] = {"Spend",       "Conversions", "Revenue", "Clicks",
                                         "Impressions", "CTR",         "CPA",     "ROAS"};
    chart_format_value(unit, s->report->currency, x->point.value, value);
    chart_format_value(unit, s->report->currency, x->point.expected, expected);
    chart_format_value(unit, s->report->currency, x->point.low, low);
    chart_format_value(unit, s->report->currency, x->point.high, high);
    struct wn_str cause = WN_STR("");
    size_t best = 0;
    for (size_t i = 1; i < x->n_causes; i++)
        if (x->causes[i].share > x->causes[best].share)
            best = i;
    if (x->n_causes > 0 && x->causes[best].share > 0.3)
        cause = wn_arena_printf(s->a, " %.0f %% of the change comes from the %.*s %.*s.",
                                100 * fmin(x->causes[best].share, 1),
                                WN_STR_ARG(x->causes[best].dimension),
                                WN_STR_ARG(x->causes[best].value));
    x->summary = wn_arena_printf(s->a, "%s of %.*s was %s where %s was expected (%s to %s).%.*s",
                                 labels[x->metric], WN_STR_ARG(x->entity->name), value, expected,
                                 low, high, WN_STR_ARG(cause));
    return cause.p && x->summary.p ? WN_OK : no_memory(why);
}

static int newest_first(const void *p, const void *q)
{
    const struct wn_anomaly *x = p, *y = q;
    if (x->day != y->day)
        return x->day > y->day ? -1 : 1;
    if (x->point.score != y->point.score)
        return x->point.score > y->point.score ? -1 : 1;
    if (x->entity->by != y->entity->by)
        return x->entity->by < y->entity->by ? -1 : 1;
    if (x->entity->campaign_id != y->entity->campaign_id)
        return x->entity->campaign_id < y->entity->campaign_id ? -1 : 1;
    if (x->entity->channel != y->entity->channel)
        return x->entity->channel < y->entity->channel ? -1 : 1;
    return (x->metric > y->metric) - (x->metric < y->metric);
}

static struct wn_anomaly anomaly_of(const struct search *s, const struct stream *stream, size_t day)
{
    const struct wn_anomaly_point *p = &stream->points[day];
    struct wn_anomaly x = {.entity = stream->entity,
                           .metric = stream->metric,
                           .day = s->day_from + (int32_t)day,
                           .point = *p,
                           .points = stream->points,
                           .severity = severity_of(p),
                           .direction = p->value > p->expected ? 1 : -1};
    price(s, &x);
    return x;
}

static wn_rc collect(struct search *s, const struct wn_daily_entity *only, struct wn_why *why)
{
    struct wn_anomaly_report *r = s->report;
    size_t n = 0, limit = s->request->limit ? s->request->limit : WN_ANOMALY_LIMIT;
    for (size_t i = 0; i < s->n_streams; i++)
        n += mark_incidents(s, &s->streams[i]);
    r->anomalies = WN_ARENA_ARRAY(s->a, n, struct wn_anomaly);
    if (!r->anomalies)
        return no_memory(why);
    for (size_t i = 0; i < s->n_streams; i++) {
        const struct stream *stream = &s->streams[i];
        bool has_bands = false;
        for (size_t day = 0; day < s->n_days; day++) {
            if (!is_asked(s, stream, day) || (only && stream->entity != only))
                continue;
            wn_rc rc = has_bands ? WN_OK : add_bands(s, stream, why);
            if (rc)
                return rc;
            has_bands = true;
            r->anomalies[r->n_found++] = anomaly_of(s, stream, day);
        }
    }
    if (r->n_found)
        qsort(r->anomalies, r->n_found, sizeof(*r->anomalies), newest_first);
    r->n = r->n_found < limit ? r->n_found : limit;
    wn_rc rc = WN_OK;
    if (s->request->with_causes && r->n)
        rc = anomaly_find_causes(s->book, s->request->channel, r, r->anomalies,
                                 r->n < WN_ANOMALY_CAUSED_MAX ? r->n : WN_ANOMALY_CAUSED_MAX, s->a,
                                 why);
    for (size_t i = 0; !rc && i < r->n; i++)
        rc = summarise(s, &r->anomalies[i], why);
    return rc;
}

static wn_rc look(struct search *s, struct wn_why *why)
{
    wn_rc rc = gather(s, why);
    if (rc || s->n_days == 0)
        return rc;
    rc = look_at_completeness(s, why);
    if (!rc)
        rc = judge_all(s, why);
    return rc ? rc : adjust(s, why);
}

static void start(struct search *s, struct wn_str currency)
{
    *s->report = (struct wn_anomaly_report){.currency = currency};
    s->report->completeness.text = WN_STR("");
}

wn_rc wn_anomaly_find(const struct wn_book *book, const struct wn_anomaly_request *request,
                      struct wn_str currency, struct wn_arena *a, struct wn_anomaly_report *out,
                      struct wn_why *why)
{
    struct wn_arena scratch;
    struct wn_anomaly_report report;
    wn_arena_init(&scratch, a->max_bytes);
    struct search s = {
        .book = book, .request = request, .report = &report, .a = a, .scratch = &scratch};
    start(&s, currency);
    wn_rc rc = look(&s, why);
    if (!rc && s.n_days)
        rc = collect(&s, NULL, why);
    wn_arena_deinit(&scratch);
    if (!rc)
        *out = report;
    return rc;
}

/* ---- one stream ------------------------------------------------------------------------------- */

static wn_rc find_entity(const struct wn_anomaly_report *r, struct wn_str text,
                         const struct wn_daily_entity **out, struct wn_why *why)
{
    struct wn_str rest = text, kind = WN_STR("total");
    wn_daily_by by = WN_DAILY_TOTAL;
    if (!text.n || wn_str_eq(text, WN_STR("total"))) {
        *out = r->days[WN_DAILY_TOTAL].n ? r->days[WN_DAILY_TOTAL].entities : NULL;
        return WN_OK;
    }
    bool is_cut = wn_str_find_char(text, ':') < text.n && wn_str_cut(&rest, ':', &kind);
    if (is_cut && wn_str_eq(kind, WN_STR("channel")))
        by = WN_DAILY_CHANNEL;
    else if (is_cut && wn_str_eq(kind, WN_STR("campaign")))
        by = WN_DAILY_CAMPAIGN;
    else
        return wn_fail(why, WN_INVALID, "entity",
                       "an entity is total, channel:NAME or campaign:ID");
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < r->days[by].n; i++) {
            const struct wn_daily_entity *e = &r->days[by].entities[i];
            if (wn_str_eq(pass ? e->key : e->id, rest)) {
                *out = e;
                return WN_OK;
            }
        }
    return wn_fail(why, WN_NOT_FOUND, "entity", "there is no %s with statistics in these days",
                   wn_daily_by_name(by));
}

wn_rc wn_anomaly_timeline(const struct wn_book *book, const struct wn_anomaly_request *request,
                          struct wn_str entity, struct wn_str currency, struct wn_arena *a,
                          struct wn_anomaly_report *out, const struct wn_daily_entity **out_entity,
                          struct wn_anomaly_point **points, struct wn_why *why)
{
    struct wn_arena scratch;
    struct wn_anomaly_report report;
    const struct wn_daily_entity *found = NULL;
    wn_arena_init(&scratch, a->max_bytes);
    struct search s = {
        .book = book, .request = request, .report = &report, .a = a, .scratch = &scratch};
    start(&s, currency);
    wn_rc rc = look(&s, why);
    if (!rc)
        rc = find_entity(&report, entity, &found, why);
    if (!rc && s.n_days)
        rc = collect(&s, found, why);
    for (size_t i = 0; !rc && i < s.n_streams; i++)
        if (s.streams[i].entity == found && (int)s.streams[i].metric == request->metric) {
            *points = s.streams[i].points;
            rc = add_bands(&s, &s.streams[i], why);
        }
    if (!rc) {
        *out = report;
        *out_entity = found;
    }
    wn_arena_deinit(&scratch);
    return rc;
}
