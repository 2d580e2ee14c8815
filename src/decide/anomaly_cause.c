/* Which channels, campaigns and devices made a day what it was. The parts of the day stand beside
 * what they were in the four weeks before it; a dimension is told only when it is more of a surprise
 * than on those days themselves (the library's search for causes, against normal days).
 *
 * Channels and campaigns are in the report already; devices take two queries for all anomalies
 * together. */
#include <math.h>
#include <stdlib.h>

#include "core/buf.h"
#include "decide/anomaly_int.h"
#include "learn/cause.h"

enum { BEFORE_DAYS = 28, WINDOW_DAYS = BEFORE_DAYS + 1, ROWS_MAX = 400000, CAUSES_MAX = 6 };

/* Below it an element only carries its usual share of the change: no cause. In nats. */
#define SURPRISE_MIN 0.003

enum dimension { CHANNEL, CAMPAIGN, DEVICE, DIMENSIONS };
static const char *const dimension_names[DIMENSIONS] = {"channel", "campaign", "device"};

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while looking for causes");
}

/* ---- devices ---------------------------------------------------------------------------------- */

/* Sums by day, owner (channel or campaign) and device: the columns day, owner, device, measures. */
struct device_tables {
    struct wn_table *of_channels, *of_campaigns; /* NULL: nobody needs them */
};

static double real_of(const struct wn_table *t, size_t row, size_t column)
{
    const struct wn_value *v = wn_table_at(t, row, column);
    return v->kind == WN_VALUE_REAL ? v->real : v->kind == WN_VALUE_INT ? (double)v->integer : 0;
}

static wn_rc query_devices(const struct wn_book *book, const struct wn_anomaly *list, size_t n,
                           bool of_campaigns, struct wn_arena *a, struct wn_table **out,
                           struct wn_why *why)
{
    struct wn_value bind = {.kind = WN_VALUE_INT, .integer = book->tenant_id};
    int32_t from = INT32_MAX, to = INT32_MIN;
    struct wn_buf text, ids;
    wn_buf_init(&text, 1 << 14);
    wn_buf_init(&ids, 1 << 12);
    for (size_t i = 0; i < n; i++) {
        if ((list[i].entity->by == WN_DAILY_CAMPAIGN) != of_campaigns)
            continue;
        from = list[i].day - BEFORE_DAYS < from ? list[i].day - BEFORE_DAYS : from;
        to = list[i].day > to ? list[i].day : to;
        wn_buf_printf(&ids, "%s%d", ids.n ? ", " : "", (int)list[i].entity->campaign_id);
    }
    const char *owner = of_campaigns ? "campaign_id" : "channel";
    wn_buf_printf(&text, "SELECT day, %s, device", owner);
    for (int m = 0; m < WN_MEASURE_N; m++)
        wn_buf_printf(&text, ", CAST(sum(%s_micros) AS DOUBLE) / 1e6", wn_measure_names[m]);
    wn_buf_printf(&text,
                  " FROM " WN_SQL_STATS " WHERE tenant_id = CAST(? AS INTEGER) AND day BETWEEN %d"
                  " AND %d",
                  (int)from, (int)to);
    if (of_campaigns)
        wn_buf_printf(&text, " AND campaign_id IN (%.*s)", WN_STR_ARG(wn_buf_str(&ids)));
    wn_buf_printf(&text, " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT %d", ROWS_MAX);
    wn_rc rc = wn_buf_check(&text, why);
    if (!rc)
        rc = wn_buf_check(&ids, why);
    if (!rc && from <= to) {
        struct wn_sql sql = {wn_buf_str(&text), &bind, 1};
        rc = wn_facts_query(book->facts, &sql, 0, a, out, why);
    }
    wn_buf_deinit(&text);
    wn_buf_deinit(&ids);
    return rc;
}

/* ---- the parts of one anomaly along one dimension ---------------------------------------------- */

/* Row 0 is the day itself, then the days before it, back in time. */
struct parts {
    size_t n;              /* elements */
    struct wn_str *names;  /* [n]; empty = what the listed ones leave of the whole */
    double *above, *below; /* [WINDOW_DAYS][n] */
};

struct question {
    const struct wn_anomaly_report *report;
    const struct wn_anomaly *x;
    const struct device_tables *devices;
    int channel; /* of the request, -1 = any */
    size_t day;  /* index in the report's days */
    struct wn_arena *scratch;
};

static wn_rc parts_init(struct parts *p, size_t n, struct wn_arena *a)
{
    p->n = n;
    p->names = WN_ARENA_ARRAY(a, n, struct wn_str);
    p->above = WN_ARENA_ARRAY(a, WINDOW_DAYS * n, double);
    p->below = WN_ARENA_ARRAY(a, WINDOW_DAYS * n, double);
    return p->names && p->above && p->below ? WN_OK : WN_MEMORY;
}

static double amount(double x)
{
    return isfinite(x) ? x : 0;
}

static void set_series(const struct question *q, struct parts *p, size_t element,
                       const struct wn_daily_entity *e)
{
    const struct anomaly_parts *m = &anomaly_parts[q->x->metric];
    for (size_t k = 0; k < WINDOW_DAYS && k <= q->day; k++) {
        p->above[k * p->n + element] = amount(e->values[m->above][q->day - k]);
        if (m->below >= 0)
            p->below[k * p->n + element] = amount(e->values[m->below][q->day - k]);
    }
    p->names[element] = e->by == WN_DAILY_CHANNEL ? e->id : e->name;
}

/* What the elements leave of the whole: campaigns that are not looked at one by one. */
static void set_rest(const struct question *q, struct parts *p, size_t element)
{
    set_series(q, p, element, q->x->entity);
    for (size_t k = 0; k < WINDOW_DAYS; k++)
        for (int side = 0; side < 2; side++) {
            double *row = (side ? p->below : p->above) + k * p->n;
            double whole = row[element];
            for (size_t i = 0; i < element; i++)
                row[element] -= row[i];
            row[element] = row[element] > 1e-9 * whole ? row[element] : 0;
        }
    p->names[element] = (struct wn_str){"", 0};
}

static wn_rc gather_entities(const struct question *q, wn_daily_by by, struct parts *p)
{
    const struct wn_daily *d = &q->report->days[by];
    const struct wn_daily_entity *whole = q->x->entity;
    size_t at = 0;
    wn_rc rc = parts_init(p, d->n + 1, q->scratch);
    if (rc)
        return rc;
    for (size_t i = 0; i < d->n; i++)
        if (whole->by != WN_DAILY_CHANNEL || d->entities[i].channel == whole->channel)
            set_series(q, p, at++, &d->entities[i]);
    set_rest(q, p, at++);
    /* The rows are as wide as there was room for: the unused elements stay 0 and unnamed. */
    return WN_OK;
}

static wn_rc gather_devices(const struct question *q, struct parts *p)
{
    const struct anomaly_parts *m = &anomaly_parts[q->x->metric];
    const struct wn_daily_entity *e = q->x->entity;
    bool is_campaign = e->by == WN_DAILY_CAMPAIGN;
    const struct wn_table *t = is_campaign ? q->devices->of_campaigns : q->devices->of_channels;
    int owner = is_campaign ? e->campaign_id : e->by == WN_DAILY_CHANNEL ? e->channel : q->channel;
    wn_rc rc = parts_init(p, 256, q->scratch);
    for (size_t row = 0; !rc && t && row < t->n_rows; row++) {
        double back = (double)q->x->day - real_of(t, row, 0);
        size_t device = (size_t)real_of(t, row, 2);
        if (back < 0 || back > BEFORE_DAYS || device > 255 ||
            (owner >= 0 && real_of(t, row, 1) != owner))
            continue;
        size_t at = (size_t)back * p->n + device;
        p->above[at] += real_of(t, row, 3 + (size_t)m->above);
        if (m->below >= 0)
            p->below[at] += real_of(t, row, 3 + (size_t)m->below);
        const struct wn_code *code = wn_code_by_number(wn_devices, wn_n_devices, (uint8_t)device);
        p->names[device] = wn_str_of(code ? code->name : "other");
    }
    return rc;
}

/* ---- the search -------------------------------------------------------------------------------- */

/* The usual parts, scaled to what was expected of the whole on a day: weekday, trend and what can
 * have arrived are in that already. A ratio keeps its denominator at the day's size. */
static wn_rc compare(const struct question *q, const struct parts *p, size_t back,
                     const double *usual_above, const double *usual_below, const uint32_t *ids,
                     const uint32_t *n_elements, struct wn_cause_input *out)
{
    bool is_ratio = anomaly_parts[q->x->metric].below >= 0;
    double *forecast = WN_ARENA_ARRAY(q->scratch, 2 * p->n, double);
    if (!forecast)
        return WN_MEMORY;
    double *forecast_below = forecast + p->n, above = 0, below = 0, below_now = 0;
    for (size_t i = 0; i < p->n; i++) {
        above += usual_above[i];
        below += usual_below[i];
        below_now += p->below[back * p->n + i];
    }
    double expected = q->x->points[q->day - back].expected;
    double wanted = is_ratio ? expected * below_now : expected;
    for (size_t i = 0; i < p->n; i++) {
        forecast[i] = above > 0 ? usual_above[i] * (wanted / above) : 0;
        forecast_below[i] = below > 0 ? usual_below[i] * (below_now / below) : 0;
    }
    *out = (struct wn_cause_input){.n_rows = p->n,
                                   .n_dimensions = 1,
                                   .ids = ids,
                                   .n_elements = n_elements,
                                   .forecast = forecast,
                                   .actual = p->above + back * p->n,
                                   .forecast_below = is_ratio ? forecast_below : NULL,
                                   .actual_below = is_ratio ? p->below + back * p->n : NULL};
    return WN_OK;
}

static bool is_normal(const struct wn_anomaly_point *p)
{
    return isfinite(p->value) && isfinite(p->expected) && p->q_value > WN_ANOMALY_Q;
}

static wn_rc explain(const struct question *q, const struct parts *p, struct wn_cause_report *out,
                     struct wn_why *why)
{
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    struct wn_cause_input in, days[BEFORE_DAYS];
    uint32_t n_elements = (uint32_t)p->n;
    uint32_t *ids = WN_ARENA_ARRAY(q->scratch, p->n, uint32_t);
    double *usual = WN_ARENA_ARRAY(q->scratch, 2 * p->n, double);
    size_t n_days = 0, n_before = q->day < BEFORE_DAYS ? q->day : BEFORE_DAYS;
    if (!ids || !usual || n_before == 0)
        return ids && usual ? WN_OK : WN_MEMORY;
    for (size_t i = 0; i < p->n; i++) {
        ids[i] = (uint32_t)i;
        for (size_t back = 1; back <= n_before; back++) {
            usual[i] += p->above[back * p->n + i] / (double)n_before;
            usual[p->n + i] += p->below[back * p->n + i] / (double)n_before;
        }
    }
    wn_rc rc = compare(q, p, 0, usual, usual + p->n, ids, &n_elements, &in);
    for (size_t back = 1; !rc && back <= n_before; back++)
        if (is_normal(&q->x->points[q->day - back]))
            rc = compare(q, p, back, usual, usual + p->n, ids, &n_elements, &days[n_days++]);
    options.null_limit = SURPRISE_MIN;
    return rc ? rc : wn_cause_explain_against(&in, days, n_days, &options, q->scratch, out, why);
}

static wn_rc keep(const struct parts *p, enum dimension dimension, const struct wn_cause_report *r,
                  struct wn_arena *a, struct wn_anomaly_cause *causes, size_t *n)
{
    for (size_t i = 0; i < r->n_causes; i++)
        for (size_t k = 0; k < r->causes[i].n_elements && *n < CAUSES_MAX; k++) {
            const struct wn_cause_element *e = &r->causes[i].elements[k];
            struct wn_str name = p->names[e->id];
            name = wn_arena_dup(a, name.n ? name : WN_STR("(others)"));
            if (!name.p)
                return WN_MEMORY;
            causes[(*n)++] =
                (struct wn_anomaly_cause){.dimension = wn_str_of(dimension_names[dimension]),
                                          .value = name,
                                          .share = e->power,
                                          .surprise = e->surprise};
        }
    return WN_OK;
}

/* One dimension after another, the one of the largest surprise first. */
struct finding {
    enum dimension dimension;
    struct parts parts;
    struct wn_cause_report report;
};

static double surprise_of(const struct finding *f)
{
    return f->report.n_causes ? f->report.causes[0].surprise : -1;
}

static int by_surprise(const void *a, const void *b)
{
    double x = surprise_of(a), y = surprise_of(b);
    if (x != y)
        return x > y ? -1 : 1;
    return (int)((const struct finding *)a)->dimension -
           (int)((const struct finding *)b)->dimension;
}

static wn_rc find_causes(const struct question *q, struct wn_arena *a, struct wn_anomaly *x,
                         struct wn_why *why)
{
    struct finding findings[DIMENSIONS] = {
        {.dimension = CHANNEL}, {.dimension = CAMPAIGN}, {.dimension = DEVICE}};
    struct wn_anomaly_cause *causes = WN_ARENA_ARRAY(a, CAUSES_MAX, struct wn_anomaly_cause);
    size_t n = 0;
    wn_rc rc = causes ? WN_OK : WN_MEMORY;
    for (int d = 0; !rc && d < DIMENSIONS; d++) {
        struct finding *f = &findings[d];
        if ((d == CHANNEL && (x->entity->by != WN_DAILY_TOTAL || q->channel >= 0)) ||
            (d == CAMPAIGN && x->entity->by == WN_DAILY_CAMPAIGN))
            continue;
        rc = d == DEVICE ? gather_devices(q, &f->parts)
                         : gather_entities(q, d == CHANNEL ? WN_DAILY_CHANNEL : WN_DAILY_CAMPAIGN,
                                           &f->parts);
        if (!rc)
            rc = explain(q, &f->parts, &f->report, why);
    }
    qsort(findings, DIMENSIONS, sizeof findings[0], by_surprise);
    for (int d = 0; !rc && d < DIMENSIONS; d++)
        rc = keep(&findings[d].parts, findings[d].dimension, &findings[d].report, a, causes, &n);
    x->causes = causes;
    x->n_causes = rc ? 0 : n;
    return rc == WN_MEMORY ? no_memory(why) : rc;
}

wn_rc anomaly_find_causes(const struct wn_book *book, int channel,
                          const struct wn_anomaly_report *report, struct wn_anomaly *list, size_t n,
                          struct wn_arena *a, struct wn_why *why)
{
    struct wn_arena scratch, one;
    struct device_tables devices = {0};
    wn_arena_init(&scratch, a->max_bytes);
    wn_arena_init(&one, a->max_bytes);
    wn_rc rc = query_devices(book, list, n, false, &scratch, &devices.of_channels, why);
    if (!rc)
        rc = query_devices(book, list, n, true, &scratch, &devices.of_campaigns, why);
    for (size_t i = 0; !rc && i < n; i++) {
        struct question q = {.report = report,
                             .x = &list[i],
                             .devices = &devices,
                             .channel = channel,
                             .day = (size_t)(list[i].day - report->days[WN_DAILY_TOTAL].day_from),
                             .scratch = &one};
        wn_arena_reset(&one);
        rc = find_causes(&q, a, &list[i], why);
    }
    wn_arena_deinit(&one);
    wn_arena_deinit(&scratch);
    return rc;
}
