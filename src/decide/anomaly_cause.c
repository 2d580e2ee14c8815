/* Which channels, campaigns and devices made a day what it was: the day beside the four weeks
 * before it, through the library's search for causes. */
#include <math.h>
#include <stdio.h>

#include "core/buf.h"
#include "decide/anomaly_int.h"
#include "learn/cause.h"

enum { BEFORE_DAYS = 28, PARTS_MAX = 10000, CAUSES_MAX = 6, DIMENSIONS = 3 };

/* Below it an element only carries its usual share of the change: no cause. In nats. */
#define SURPRISE_MIN 0.003

static const char *const dimension_names[DIMENSIONS] = {"channel", "campaign", "device"};

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while looking for causes");
}

/* One row per channel, campaign and device: sums of the day and means of the days before. */
static wn_rc query_parts(const struct wn_book *book, int channel, const struct wn_anomaly *x,
                         struct wn_arena *a, struct wn_table **out, struct wn_why *why)
{
    const struct anomaly_parts *parts = &anomaly_parts[x->metric];
    const int measures[2] = {parts->above, parts->below < 0 ? parts->above : parts->below};
    struct wn_value binds[8];
    size_t n = 0;
    struct wn_buf text;
    wn_buf_init(&text, 1 << 14);
    wn_buf_append_z(&text, "SELECT p.*, n.name FROM (SELECT channel, campaign_id, device");
    for (int k = 0; k < 2; k++)
        wn_buf_printf(&text,
                      ", CAST(coalesce(sum(%s_micros) FILTER (day = %d), 0) AS DOUBLE) / 1e6"
                      ", CAST(coalesce(sum(%s_micros) FILTER (day < %d), 0) AS DOUBLE) / 1e6",
                      wn_measure_names[measures[k]], (int)x->day, wn_measure_names[measures[k]],
                      (int)x->day);
    wn_buf_printf(&text,
                  " FROM " WN_SQL_STATS " WHERE tenant_id = CAST(? AS INTEGER) AND day BETWEEN %d"
                  " AND %d",
                  (int)x->day - BEFORE_DAYS, (int)x->day);
    binds[n++] = (struct wn_value){.kind = WN_VALUE_INT, .integer = book->tenant_id};
    if (x->entity->by == WN_DAILY_CHANNEL)
        channel = x->entity->channel;
    if (channel >= 0)
        wn_buf_printf(&text, " AND channel = %d", channel);
    if (x->entity->by == WN_DAILY_CAMPAIGN)
        wn_buf_printf(&text, " AND campaign_id = %d", (int)x->entity->campaign_id);
    wn_buf_printf(&text,
                  " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT %d) p LEFT JOIN " WN_SQL_NAMES
                  " n ON n.tenant_id = CAST(? AS INTEGER) AND n.kind = %d AND n.id ="
                  " p.campaign_id ORDER BY 1, 2, 3",
                  PARTS_MAX, (int)WN_NAME_CAMPAIGN);
    binds[n++] = (struct wn_value){.kind = WN_VALUE_INT, .integer = book->tenant_id};
    wn_rc rc = wn_buf_check(&text, why);
    if (!rc) {
        struct wn_sql sql = {wn_buf_str(&text), binds, n};
        rc = wn_facts_query(book->facts, &sql, 0, a, out, why);
    }
    wn_buf_deinit(&text);
    return rc;
}

struct parts {
    size_t n;
    uint32_t *ids; /* [n][n_dimensions] */
    double *forecast, *actual, *forecast_below, *actual_below;
    int dimensions[DIMENSIONS]; /* the ones that have more than one element */
    uint32_t n_elements[DIMENSIONS];
    size_t n_dimensions;
    struct wn_str *campaigns; /* names by element */
};

static double real_of(const struct wn_table *t, size_t row, size_t column)
{
    const struct wn_value *v = wn_table_at(t, row, column);
    return v->kind == WN_VALUE_REAL ? v->real : v->kind == WN_VALUE_INT ? (double)v->integer : 0;
}

/* Rows come by channel, campaign, device: campaigns of one number need not stand together. */
static uint32_t campaign_element(const struct wn_table *t, size_t row, int32_t *seen, uint32_t *n)
{
    int32_t id = (int32_t)real_of(t, row, 1);
    for (uint32_t i = *n; i-- > 0;)
        if (seen[i] == id)
            return i;
    seen[*n] = id;
    return (*n)++;
}

static bool varies(const struct wn_table *t, size_t column)
{
    for (size_t i = 1; i < t->n_rows; i++)
        if (real_of(t, i, column) != real_of(t, 0, column))
            return true;
    return false;
}

static wn_rc allocate(struct parts *p, size_t n, struct wn_arena *a, struct wn_why *why)
{
    p->n = n;
    p->ids = WN_ARENA_ARRAY(a, n * DIMENSIONS, uint32_t);
    p->campaigns = WN_ARENA_ARRAY(a, n, struct wn_str);
    p->forecast = WN_ARENA_ARRAY(a, n, double);
    p->actual = WN_ARENA_ARRAY(a, n, double);
    p->forecast_below = WN_ARENA_ARRAY(a, n, double);
    p->actual_below = WN_ARENA_ARRAY(a, n, double);
    return p->ids && p->campaigns && p->forecast && p->actual && p->forecast_below &&
                   p->actual_below
               ? WN_OK
               : no_memory(why);
}

static wn_rc read_parts(const struct wn_table *t, struct wn_arena *a, struct parts *p,
                        struct wn_why *why)
{
    int32_t *seen = WN_ARENA_ARRAY(a, t->n_rows, int32_t);
    uint32_t n_campaigns = 0;
    wn_rc rc = allocate(p, t->n_rows, a, why);
    if (rc || !seen)
        return rc ? rc : no_memory(why);
    for (int d = 0; d < DIMENSIONS; d++)
        if (varies(t, (size_t)d))
            p->dimensions[p->n_dimensions++] = d;
    for (size_t i = 0; i < t->n_rows; i++) {
        uint32_t campaign = campaign_element(t, i, seen, &n_campaigns);
        struct wn_str name = wn_table_at(t, i, 7)->text;
        p->campaigns[campaign] = name.n ? name : WN_STR("(none)");
        for (size_t k = 0; k < p->n_dimensions; k++)
            p->ids[i * p->n_dimensions + k] =
                p->dimensions[k] == 1 ? campaign
                                      : (uint32_t)real_of(t, i, (size_t)p->dimensions[k]);
        p->actual[i] = real_of(t, i, 3);
        p->forecast[i] = real_of(t, i, 4);
        p->actual_below[i] = real_of(t, i, 5);
        p->forecast_below[i] = real_of(t, i, 6);
    }
    for (size_t k = 0; k < p->n_dimensions; k++)
        p->n_elements[k] = p->dimensions[k] == 1 ? n_campaigns : 256;
    return WN_OK;
}

/* The parts of the forecast add up to what was expected of the whole: weekday, trend and what can
 * have arrived are in that already. A ratio keeps its denominator at the day's size. */
static void scale_forecast(const struct wn_anomaly *x, struct parts *p)
{
    bool is_ratio = anomaly_parts[x->metric].below >= 0;
    double above = 0, below = 0, below_now = 0;
    for (size_t i = 0; i < p->n; i++) {
        above += p->forecast[i];
        below += p->forecast_below[i];
        below_now += p->actual_below[i];
    }
    double wanted = is_ratio ? x->point.expected * below_now : x->point.expected;
    double k = above > 0 ? wanted / above : 0, k_below = below > 0 ? below_now / below : 0;
    for (size_t i = 0; i < p->n; i++) {
        p->forecast[i] *= k;
        p->forecast_below[i] *= k_below;
    }
}

static struct wn_str element_name(const struct parts *p, int dimension, uint32_t element)
{
    const struct wn_code *code = NULL;
    if (dimension == 1)
        return p->campaigns[element];
    if (dimension == 0)
        code = wn_code_by_number(wn_channels, wn_n_channels, (uint8_t)element);
    else
        code = wn_code_by_number(wn_devices, wn_n_devices, (uint8_t)element);
    return wn_str_of(code ? code->name : "other");
}

static wn_rc keep_causes(const struct parts *p, const struct wn_cause_report *r, struct wn_arena *a,
                         struct wn_anomaly *x, struct wn_why *why)
{
    struct wn_anomaly_cause *causes = WN_ARENA_ARRAY(a, CAUSES_MAX, struct wn_anomaly_cause);
    size_t n = 0;
    if (!causes)
        return no_memory(why);
    for (size_t i = 0; i < r->n_causes; i++) {
        const struct wn_cause *c = &r->causes[i];
        int dimension = p->dimensions[c->dimension];
        for (size_t k = 0; k < c->n_elements && n < CAUSES_MAX && !c->has_inside; k++) {
            struct wn_str name = wn_arena_dup(a, element_name(p, dimension, c->elements[k].id));
            if (!name.p)
                return no_memory(why);
            causes[n++] =
                (struct wn_anomaly_cause){.dimension = wn_str_of(dimension_names[dimension]),
                                          .value = name,
                                          .share = c->elements[k].power,
                                          .surprise = c->elements[k].surprise};
        }
    }
    x->causes = causes;
    x->n_causes = n;
    return WN_OK;
}

static wn_rc explain(const struct wn_book *book, int channel, struct wn_arena *scratch,
                     struct wn_arena *a, struct wn_anomaly *x, struct wn_why *why)
{
    struct wn_table *t = NULL;
    struct parts p = {0};
    struct wn_cause_report report;
    struct wn_cause_options options = WN_CAUSE_OPTIONS_DEFAULT;
    options.null_limit = SURPRISE_MIN;
    bool is_ratio = anomaly_parts[x->metric].below >= 0;
    wn_rc rc = query_parts(book, channel, x, scratch, &t, why);
    if (rc || t->n_rows < 2)
        return rc;
    rc = read_parts(t, scratch, &p, why);
    if (rc || p.n_dimensions == 0)
        return rc;
    scale_forecast(x, &p);
    struct wn_cause_input in = {.n_rows = p.n,
                                .n_dimensions = p.n_dimensions,
                                .ids = p.ids,
                                .n_elements = p.n_elements,
                                .forecast = p.forecast,
                                .actual = p.actual,
                                .forecast_below = is_ratio ? p.forecast_below : NULL,
                                .actual_below = is_ratio ? p.actual_below : NULL};
    rc = wn_cause_explain(&in, &options, scratch, &report, NULL, why);
    return rc ? rc : keep_causes(&p, &report, a, x, why);
}

wn_rc anomaly_find_causes(const struct wn_book *book, int channel, struct wn_arena *a,
                          struct wn_anomaly *x, struct wn_why *why)
{
    struct wn_arena scratch;
    wn_arena_init(&scratch, a->max_bytes);
    wn_rc rc = explain(book, channel, &scratch, a, x, why);
    wn_arena_deinit(&scratch);
    return rc;
}
