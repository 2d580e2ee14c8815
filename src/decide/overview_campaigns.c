/* Campaigns, channels and the summary of the older calls: one facts query brings the sums of each
 * campaign in each channel, one catalog query its attributes; the rest is arithmetic on them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/num.h"
#include "decide/overview.h"

/* What one campaign did in one channel. campaign_id 0: rows that belong to none. */
struct part {
    int32_t campaign_id;
    uint8_t channel;
    int32_t account_id;
    int32_t day_first, day_last;
    int64_t sums_micros[WN_MEASURE_N];
    struct wn_str key, name;
};

/* Everything the answers are made from, each list in order of campaign_id. */
struct gathered {
    struct part *parts;
    size_t n_parts;
    struct wn_campaign *campaigns;
    size_t n_campaigns;
    const struct wn_formula *roi, *conversion_rate;
};

static wn_rc fail_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
}

/* ---- gather ----------------------------------------------------------------------------------- */

struct parts_sql {
    struct wn_buf text;
    struct wn_value binds[8];
    size_t n_binds;
};

static void put_condition(struct parts_sql *s, const char *condition, struct wn_value first,
                          struct wn_value second)
{
    wn_buf_append_z(&s->text, condition);
    s->binds[s->n_binds++] = first;
    if (second.kind != WN_VALUE_NONE)
        s->binds[s->n_binds++] = second;
    WN_ASSERT(s->n_binds <= WN_COUNT(s->binds));
}

static void put_parts_sql(struct parts_sql *s, const struct wn_book *book,
                          const struct wn_overview_campaign_filter *filter)
{
    const struct wn_value none = {.kind = WN_VALUE_NONE};
    const struct wn_value tenant = {.kind = WN_VALUE_INT, .integer = book->tenant_id};
    wn_buf_append_z(&s->text, "WITH s AS (SELECT campaign_id, channel, min(account_id) AS "
                              "account_id, min(day) AS day_first, max(day) AS day_last");
    for (int m = 0; m < WN_MEASURE_N; m++)
        wn_buf_printf(&s->text, ", sum(%s_micros) AS s_%s", wn_measure_names[m],
                      wn_measure_names[m]);
    put_condition(s, " FROM " WN_SQL_STATS " WHERE tenant_id = CAST(? AS INTEGER)", tenant, none);
    if (filter->days.is_given)
        put_condition(s, " AND day BETWEEN CAST(? AS INTEGER) AND CAST(? AS INTEGER)",
                      (struct wn_value){.kind = WN_VALUE_INT, .integer = filter->days.from},
                      (struct wn_value){.kind = WN_VALUE_INT, .integer = filter->days.to});
    if (filter->campaign_id)
        put_condition(s, " AND campaign_id = CAST(? AS INTEGER)",
                      (struct wn_value){.kind = WN_VALUE_INT, .integer = filter->campaign_id},
                      none);
    if (filter->key.n)
        put_condition(s,
                      " AND campaign_id IN (SELECT id FROM " WN_SQL_NAMES
                      " WHERE tenant_id = CAST(? AS INTEGER) AND kind = 2 AND key = ?)",
                      tenant, (struct wn_value){.kind = WN_VALUE_TEXT, .text = filter->key});
    put_condition(s,
                  " GROUP BY campaign_id, channel) SELECT s.*, n.key, n.name FROM s "
                  "LEFT JOIN " WN_SQL_NAMES " n ON n.tenant_id = CAST(? AS INTEGER) AND n.kind = 2 "
                  "AND n.id = s.campaign_id ORDER BY s.campaign_id, s.channel",
                  tenant, none);
}
_Static_assert(WN_NAME_CAMPAIGN == 2, "the statement above names it by number");

static wn_rc read_part(const struct wn_value *v, struct wn_arena *a, struct part *out,
                       struct wn_why *why)
{
    *out = (struct part){.campaign_id = (int32_t)v[0].integer,
                         .channel = (uint8_t)v[1].integer,
                         .account_id = (int32_t)v[2].integer,
                         .day_first = (int32_t)v[3].integer,
                         .day_last = (int32_t)v[4].integer,
                         .key = wn_arena_dup(a, v[5 + WN_MEASURE_N].text),
                         .name = wn_arena_dup(a, v[6 + WN_MEASURE_N].text)};
    if (!out->key.p || !out->name.p)
        return fail_memory(why);
    for (int m = 0; m < WN_MEASURE_N; m++) {
        if (v[5 + m].kind != WN_VALUE_INT)
            return wn_fail(why, WN_LIMIT, NULL, "the sum of %s is too large", wn_measure_names[m]);
        out->sums_micros[m] = v[5 + m].integer;
    }
    return WN_OK;
}

static wn_rc query_parts(const struct wn_book *book,
                         const struct wn_overview_campaign_filter *filter, struct wn_arena *a,
                         struct wn_table **out, struct wn_why *why)
{
    struct parts_sql s = {.n_binds = 0};
    wn_buf_init(&s.text, 1 << 16);
    put_parts_sql(&s, book, filter);
    wn_rc rc = wn_buf_check(&s.text, why);
    if (!rc) {
        struct wn_sql sql = {wn_buf_str(&s.text), s.binds, s.n_binds};
        rc = wn_facts_query(book->facts, &sql, 0, a, out, why);
    }
    wn_buf_deinit(&s.text);
    return rc;
}

static wn_rc gather_parts(const struct wn_book *book,
                          const struct wn_overview_campaign_filter *filter, struct wn_arena *a,
                          struct gathered *g, struct wn_why *why)
{
    /* The table is several times larger than the parts made from it, and goes with its arena. */
    struct wn_arena table_arena;
    struct wn_table *t = NULL;
    wn_arena_init(&table_arena, a->max_bytes);
    wn_rc rc = query_parts(book, filter, &table_arena, &t, why);
    if (!rc) {
        WN_ASSERT(t->n_columns == 7 + WN_MEASURE_N);
        g->n_parts = t->n_rows;
        g->parts = WN_ARENA_ARRAY(a, t->n_rows, struct part);
        rc = g->parts ? WN_OK : fail_memory(why);
    }
    for (size_t i = 0; !rc && i < g->n_parts; i++)
        rc = read_part(wn_table_at(t, i, 0), a, &g->parts[i], why);
    wn_arena_deinit(&table_arena);
    return rc;
}

static wn_rc gather(const struct wn_book *book, const struct wn_overview_campaign_filter *filter,
                    struct wn_arena *a, struct gathered *out, struct wn_why *why)
{
    struct gathered g = {0};
    struct wn_metrics *m = NULL;
    struct wn_campaign_filter wanted = {.channel = -1, .key = filter->key};
    if (filter->campaign_id) {
        wanted.campaign_ids = &filter->campaign_id;
        wanted.n_ids = 1;
    }
    wn_rc rc = wn_metrics_new(a, &m, why);
    if (!rc)
        rc = gather_parts(book, filter, a, &g, why);
    if (!rc)
        rc = wn_catalog_campaigns(book->catalog, book->tenant_id, &wanted, a, &g.campaigns,
                                  &g.n_campaigns, why);
    if (rc)
        return rc;
    g.roi = wn_metrics_get(m, WN_STR("roi"))->formula;
    g.conversion_rate = wn_metrics_get(m, WN_STR("cvr"))->formula;
    *out = g;
    return WN_OK;
}

/* ---- arithmetic ------------------------------------------------------------------------------- */

static double ratio_of(const struct wn_formula *f, const int64_t sums_micros[WN_MEASURE_N])
{
    struct wn_sums sums;
    double value;
    for (int m = 0; m < WN_MEASURE_N; m++) {
        sums.values[m] = (double)sums_micros[m] / 1e6;
        sums.has[m] = true;
    }
    return wn_formula_eval(f, &sums, &value) ? value : NAN;
}

static wn_rc add_sums(int64_t into[WN_MEASURE_N], const int64_t from[WN_MEASURE_N],
                      struct wn_why *why)
{
    for (int m = 0; m < WN_MEASURE_N; m++)
        if (!wn_add_i64(into[m], from[m], &into[m]))
            return wn_fail(why, WN_LIMIT, NULL, "the sum of %s is too large", wn_measure_names[m]);
    return WN_OK;
}

/* A mean over those that have a value. */
struct mean {
    double sum;
    int64_t n;
};

static void mean_add(struct mean *mean, double value)
{
    if (isnan(value))
        return;
    mean->sum += value;
    mean->n++;
}

static double mean_of(const struct mean *mean)
{
    return mean->n ? mean->sum / (double)mean->n : NAN;
}

/* ---- campaigns -------------------------------------------------------------------------------- */

static void set_ratios(const struct gathered *g, bool reported_holds,
                       struct wn_overview_campaign *c)
{
    c->roi_ratio = ratio_of(g->roi, c->sums_micros);
    c->conversion_rate_ratio = ratio_of(g->conversion_rate, c->sums_micros);
    if (!reported_holds)
        return;
    if (isfinite(c->campaign.reported_roi_ratio))
        c->roi_ratio = c->campaign.reported_roi_ratio;
    if (isfinite(c->campaign.reported_conversion_rate_ratio))
        c->conversion_rate_ratio = c->campaign.reported_conversion_rate_ratio;
}

/* A campaign that the catalog does not know: what the facts tell of it. */
static struct wn_campaign campaign_of_part(const struct wn_book *book, const struct part *p)
{
    return (struct wn_campaign){.tenant_id = book->tenant_id,
                                .campaign_id = p->campaign_id,
                                .account_id = p->account_id,
                                .channel = p->channel,
                                .key = p->key,
                                .name = p->name,
                                .reported_conversion_rate_ratio = NAN,
                                .reported_roi_ratio = NAN,
                                .engagement_score = NAN};
}

/* Adds up the parts [n] of one campaign that are in the channel asked for. */
static wn_rc add_parts(const struct part *parts, size_t n, int channel,
                       struct wn_overview_campaign *c, struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        if (channel >= 0 && parts[i].channel != channel)
            continue;
        if (!c->has_data || parts[i].day_first < c->day_first)
            c->day_first = parts[i].day_first;
        if (!c->has_data || parts[i].day_last > c->day_last)
            c->day_last = parts[i].day_last;
        c->has_data = true;
        wn_rc rc = add_sums(c->sums_micros, parts[i].sums_micros, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* One campaign from its parts [n] (may be 0) and its catalog row (may be NULL); *is_wanted says
 * whether the filter lets it through. */
static wn_rc make_campaign(const struct wn_book *book,
                           const struct wn_overview_campaign_filter *filter,
                           const struct gathered *g, const struct part *parts, size_t n,
                           const struct wn_campaign *known, struct wn_overview_campaign *out,
                           bool *is_wanted, struct wn_why *why)
{
    struct wn_overview_campaign c = {.has_data = false};
    c.campaign = known ? *known : campaign_of_part(book, &parts[0]);
    wn_rc rc = add_parts(parts, n, filter->channel, &c, why);
    if (rc)
        return rc;
    if (c.has_data)
        *is_wanted = true;
    else /* in another channel only, or not in these days */
        *is_wanted = n == 0 && !filter->days.is_given &&
                     (filter->channel < 0 || c.campaign.channel == filter->channel);
    if (c.has_data && filter->channel >= 0)
        c.campaign.channel = (uint8_t)filter->channel;
    set_ratios(g, !filter->days.is_given && (filter->channel < 0 || n == 1), &c);
    *out = c;
    return WN_OK;
}

/* Merges the two lists by campaign_id. out has room for all. */
static wn_rc merge(const struct wn_book *book, const struct wn_overview_campaign_filter *filter,
                   const struct gathered *g, struct wn_overview_campaign *out, size_t *n_out,
                   struct wn_why *why)
{
    size_t i = 0, j = 0, n = 0;
    while (i < g->n_parts && g->parts[i].campaign_id == 0)
        i++;
    while (i < g->n_parts || j < g->n_campaigns) {
        const struct wn_campaign *known = NULL;
        int32_t id = i < g->n_parts ? g->parts[i].campaign_id : INT32_MAX;
        if (j < g->n_campaigns && g->campaigns[j].campaign_id <= id) {
            known = &g->campaigns[j++];
            id = known->campaign_id;
        }
        size_t first = i;
        while (i < g->n_parts && g->parts[i].campaign_id == id)
            i++;
        bool is_wanted;
        wn_rc rc = make_campaign(book, filter, g, &g->parts[first], i - first, known, &out[n],
                                 &is_wanted, why);
        if (rc)
            return rc;
        n += is_wanted;
    }
    *n_out = n;
    return WN_OK;
}

static wn_rc all_campaigns(const struct wn_book *book,
                           const struct wn_overview_campaign_filter *filter,
                           const struct gathered *g, struct wn_arena *a,
                           struct wn_overview_campaign **out, size_t *n_out, struct wn_why *why)
{
    *out = WN_ARENA_ARRAY(a, g->n_parts + g->n_campaigns, struct wn_overview_campaign);
    if (!*out)
        return fail_memory(why);
    return merge(book, filter, g, *out, n_out, why);
}

wn_rc wn_overview_campaigns(const struct wn_book *book,
                            const struct wn_overview_campaign_filter *filter, struct wn_arena *a,
                            struct wn_overview_campaign **out, size_t *n_out, size_t *n_total,
                            struct wn_why *why)
{
    struct gathered g;
    struct wn_overview_campaign *all = NULL;
    size_t n = 0;
    wn_rc rc = gather(book, filter, a, &g, why);
    if (!rc)
        rc = all_campaigns(book, filter, &g, a, &all, &n, why);
    if (rc)
        return rc;
    size_t skip = filter->skip < n ? filter->skip : n, rest = n - skip;
    *out = all + skip;
    *n_out = filter->limit && filter->limit < rest ? filter->limit : rest;
    if (n_total)
        *n_total = n;
    return WN_OK;
}

/* ---- channels --------------------------------------------------------------------------------- */

struct channel_sums {
    struct wn_overview_channel row;
    struct mean roi, conversion_rate, cost_micros;
    bool has_rows;
};

static int compare_channels(const void *pa, const void *pb)
{
    const struct wn_overview_channel *a = pa, *b = pb;
    const struct wn_code *x = wn_code_by_number(wn_channels, wn_n_channels, a->channel);
    const struct wn_code *y = wn_code_by_number(wn_channels, wn_n_channels, b->channel);
    if (!x || !y)
        return (int)a->channel - (int)b->channel;
    return strcmp(x->name, y->name);
}

/* The catalog's row of a campaign, or NULL; both lists are in order of id. */
static const struct wn_campaign *find_campaign(const struct gathered *g, int32_t campaign_id)
{
    size_t low = 0, high = g->n_campaigns;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (g->campaigns[middle].campaign_id < campaign_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->n_campaigns && g->campaigns[low].campaign_id == campaign_id ? &g->campaigns[low]
                                                                                : NULL;
}

static wn_rc add_part_to_channel(const struct gathered *g, size_t at, bool days_given,
                                 struct channel_sums *into, struct wn_why *why)
{
    const struct part *p = &g->parts[at];
    into->has_rows = true;
    into->row.channel = p->channel;
    wn_rc rc = add_sums(into->row.sums_micros, p->sums_micros, why);
    if (rc || p->campaign_id == 0)
        return rc;
    bool is_alone = (at == 0 || p[-1].campaign_id != p->campaign_id) &&
                    (at + 1 == g->n_parts || p[1].campaign_id != p->campaign_id);
    struct wn_overview_campaign c = {
        .campaign = {.reported_roi_ratio = NAN, .reported_conversion_rate_ratio = NAN}};
    const struct wn_campaign *known = find_campaign(g, p->campaign_id);
    if (known)
        c.campaign = *known;
    memcpy(c.sums_micros, p->sums_micros, sizeof c.sums_micros);
    set_ratios(g, !days_given && is_alone, &c);
    into->row.total_campaigns++;
    mean_add(&into->roi, c.roi_ratio);
    mean_add(&into->conversion_rate, c.conversion_rate_ratio);
    mean_add(&into->cost_micros, (double)p->sums_micros[WN_MEASURE_SPEND]);
    return WN_OK;
}

static wn_rc make_channels(const struct gathered *g, bool days_given, struct wn_arena *a,
                           struct wn_overview_channel **out, size_t *n_out, struct wn_why *why)
{
    enum { N_CODES = UINT8_MAX + 1 };
    struct channel_sums *sums = WN_ARENA_ARRAY(a, N_CODES, struct channel_sums);
    struct wn_overview_channel *rows = WN_ARENA_ARRAY(a, N_CODES, struct wn_overview_channel);
    if (!sums || !rows)
        return fail_memory(why);
    for (size_t i = 0; i < g->n_parts; i++) {
        wn_rc rc = add_part_to_channel(g, i, days_given, &sums[g->parts[i].channel], why);
        if (rc)
            return rc;
    }
    size_t n = 0;
    for (size_t i = 0; i < N_CODES; i++) {
        struct channel_sums *s = &sums[i];
        if (!s->has_rows)
            continue;
        s->row.total_roi_ratio = ratio_of(g->roi, s->row.sums_micros);
        s->row.avg_roi_ratio = mean_of(&s->roi);
        s->row.avg_conversion_rate_ratio = mean_of(&s->conversion_rate);
        s->row.avg_acquisition_cost_micros = mean_of(&s->cost_micros);
        rows[n++] = s->row;
    }
    if (n > 1)
        qsort(rows, n, sizeof rows[0], compare_channels);
    *out = rows;
    *n_out = n;
    return WN_OK;
}

wn_rc wn_overview_channels(const struct wn_book *book, const struct wn_overview_days *days,
                           struct wn_arena *a, struct wn_overview_channel **out, size_t *n_out,
                           struct wn_why *why)
{
    struct wn_overview_campaign_filter filter = {.days = *days, .channel = -1};
    struct gathered g;
    wn_rc rc = gather(book, &filter, a, &g, why);
    return rc ? rc : make_channels(&g, days->is_given, a, out, n_out, why);
}

/* ---- summary ---------------------------------------------------------------------------------- */

/* The means over campaigns. from_sums: reported values are left aside, so that two periods can be
 * held against each other. */
struct averages {
    struct mean roi, conversion_rate, cost_micros;
    int64_t sums_micros[WN_MEASURE_N]; /* of all rows, those of no campaign too */
    bool has_data;
    int32_t day_first, day_last;
};

static void add_campaign(const struct gathered *g, const struct wn_overview_campaign *c,
                         bool from_sums, struct averages *out)
{
    mean_add(&out->roi, from_sums ? ratio_of(g->roi, c->sums_micros) : c->roi_ratio);
    mean_add(&out->conversion_rate,
             from_sums ? ratio_of(g->conversion_rate, c->sums_micros) : c->conversion_rate_ratio);
    if (c->has_data)
        mean_add(&out->cost_micros, (double)c->sums_micros[WN_MEASURE_SPEND]);
}

static wn_rc average(const struct gathered *g, const struct wn_overview_campaign *campaigns,
                     size_t n, bool from_sums, struct averages *out, struct wn_why *why)
{
    *out = (struct averages){.has_data = false};
    for (size_t i = 0; i < n; i++)
        add_campaign(g, &campaigns[i], from_sums, out);
    for (size_t i = 0; i < g->n_parts; i++) {
        const struct part *p = &g->parts[i];
        if (!out->has_data || p->day_first < out->day_first)
            out->day_first = p->day_first;
        if (!out->has_data || p->day_last > out->day_last)
            out->day_last = p->day_last;
        out->has_data = true;
        wn_rc rc = add_sums(out->sums_micros, p->sums_micros, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* In percent of the size of what was; NaN when that was nothing. */
static double change_percent(double now, double before)
{
    double change = before != 0 ? (now - before) / fabs(before) * 100 : NAN;
    return isfinite(change) ? change : NAN;
}

static wn_rc average_before(const struct wn_book *book, int32_t day_from, int32_t day_to,
                            struct wn_arena *a, struct averages *out, struct wn_why *why)
{
    struct wn_overview_campaign_filter filter = {.channel = -1, .days = {.is_given = true}};
    struct gathered g;
    struct wn_overview_campaign *campaigns = NULL;
    size_t n = 0;
    wn_compare_range(WN_COMPARE_PREVIOUS, day_from, day_to, &filter.days.from, &filter.days.to);
    wn_rc rc = gather(book, &filter, a, &g, why);
    if (!rc)
        rc = all_campaigns(book, &filter, &g, a, &campaigns, &n, why);
    return rc ? rc : average(&g, campaigns, n, true, out, why);
}

static wn_rc set_changes(const struct wn_book *book, const struct averages *now, size_t max_bytes,
                         struct wn_overview_summary *out, struct wn_why *why)
{
    struct wn_arena a; /* nothing of it leaves */
    struct averages before;
    wn_arena_init(&a, max_bytes);
    wn_rc rc = average_before(book, out->day_from, out->day_to, &a, &before, why);
    wn_arena_deinit(&a);
    if (rc || !before.has_data)
        return rc;
    out->roi_change_percent = change_percent(mean_of(&now->roi), mean_of(&before.roi));
    out->conversion_change_percent =
        change_percent(mean_of(&now->conversion_rate), mean_of(&before.conversion_rate));
    out->clicks_change_percent = change_percent((double)now->sums_micros[WN_MEASURE_CLICKS],
                                                (double)before.sums_micros[WN_MEASURE_CLICKS]);
    out->cost_change_percent =
        change_percent(mean_of(&now->cost_micros), mean_of(&before.cost_micros));
    return WN_OK;
}

static void set_best_and_worst(struct wn_overview_summary *s)
{
    double top = NAN, worst = NAN;
    s->top_channel = s->worst_channel = -1;
    for (size_t i = 0; i < s->n_channels; i++) {
        double roi = s->channels[i].total_roi_ratio;
        if (isnan(roi))
            continue;
        if (s->top_channel < 0 || roi > top) {
            s->top_channel = s->channels[i].channel;
            top = roi;
        }
        if (s->worst_channel < 0 || roi < worst) {
            s->worst_channel = s->channels[i].channel;
            worst = roi;
        }
    }
}

wn_rc wn_overview_summary(const struct wn_book *book, const struct wn_overview_days *days,
                          struct wn_arena *a, struct wn_overview_summary *out, struct wn_why *why)
{
    struct wn_overview_campaign_filter filter = {.days = *days, .channel = -1};
    struct gathered g;
    struct wn_overview_campaign *campaigns = NULL;
    struct wn_overview_channel *channels = NULL;
    struct averages shown, from_sums;
    size_t n = 0, n_channels = 0;
    wn_rc rc = gather(book, &filter, a, &g, why);
    if (!rc)
        rc = all_campaigns(book, &filter, &g, a, &campaigns, &n, why);
    if (!rc)
        rc = average(&g, campaigns, n, false, &shown, why);
    if (!rc)
        rc = average(&g, campaigns, n, true, &from_sums, why);
    if (!rc)
        rc = make_channels(&g, days->is_given, a, &channels, &n_channels, why);
    if (rc)
        return rc;
    struct wn_overview_summary s = {.has_data = shown.has_data,
                                    .day_from = days->is_given ? days->from : shown.day_first,
                                    .day_to = days->is_given ? days->to : shown.day_last,
                                    .total_campaigns = (int64_t)n,
                                    .total_roi_ratio =
                                        shown.has_data ? ratio_of(g.roi, shown.sums_micros) : NAN,
                                    .avg_roi_ratio = mean_of(&shown.roi),
                                    .avg_conversion_rate_ratio = mean_of(&shown.conversion_rate),
                                    .avg_acquisition_cost_micros = mean_of(&shown.cost_micros),
                                    .roi_change_percent = NAN,
                                    .conversion_change_percent = NAN,
                                    .clicks_change_percent = NAN,
                                    .cost_change_percent = NAN,
                                    .channels = channels,
                                    .n_channels = n_channels};
    memcpy(s.sums_micros, shown.sums_micros, sizeof s.sums_micros);
    set_best_and_worst(&s);
    /* All there is has nothing before it. */
    if (s.has_data && days->is_given)
        rc = set_changes(book, &from_sums, a->max_bytes, &s, why);
    if (!rc)
        *out = s;
    return rc;
}
