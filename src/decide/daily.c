#include "decide/daily.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

enum { ROWS_MAX = 900000, SPAN_DAYS = 40000 };

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while gathering the days");
}

const char *wn_daily_by_name(wn_daily_by by)
{
    static const char *const names[] = {"total", "channel", "campaign"};
    return names[by];
}

/* ---- statements ------------------------------------------------------------------------------- */

struct statement {
    struct wn_buf text;
    struct wn_value binds[12];
    size_t n_binds;
};

static void bind(struct statement *s, int64_t value)
{
    WN_ASSERT(s->n_binds < WN_COUNT(s->binds));
    s->binds[s->n_binds++] = (struct wn_value){.kind = WN_VALUE_INT, .integer = value};
}

/* The rows that count; every statement ends its FROM with it. */
static void put_where(struct statement *s, const struct wn_book *book,
                      const struct wn_daily_request *r, const struct wn_daily *d, bool all_channels)
{
    wn_buf_append_z(&s->text, " FROM " WN_SQL_STATS " WHERE tenant_id = CAST(? AS INTEGER)"
                              " AND day BETWEEN CAST(? AS INTEGER) AND CAST(? AS INTEGER)");
    bind(s, book->tenant_id);
    bind(s, d->day_from);
    bind(s, d->day_to);
    if (r->channel >= 0 && !all_channels) {
        wn_buf_append_z(&s->text, " AND channel = CAST(? AS INTEGER)");
        bind(s, r->channel);
    }
    if (r->by == WN_DAILY_CAMPAIGN)
        wn_buf_append_z(&s->text, " AND campaign_id > 0");
}

static wn_rc run(const struct wn_book *book, struct statement *s, struct wn_arena *a,
                 struct wn_table **out, struct wn_why *why)
{
    wn_rc rc = wn_buf_check(&s->text, why);
    if (!rc) {
        struct wn_sql sql = {wn_buf_str(&s->text), s->binds, s->n_binds};
        rc = wn_facts_query(book->facts, &sql, 0, a, out, why);
    }
    wn_buf_deinit(&s->text);
    return rc;
}

static double number_of(const struct wn_value *v)
{
    return v->kind == WN_VALUE_INT ? (double)v->integer : v->kind == WN_VALUE_REAL ? v->real : 0;
}

/* ---- the range -------------------------------------------------------------------------------- */

static wn_rc find_range(const struct wn_book *book, const struct wn_daily_request *r,
                        struct wn_arena *a, struct wn_daily *d, struct wn_why *why)
{
    int32_t from = 0, to = 0, days_max = r->days_max > 0 ? r->days_max : WN_DAILY_DAYS_MAX;
    bool has_data = false;
    if (r->has_from && r->has_to && r->from > r->to)
        return wn_fail(why, WN_INVALID, "from", "from is after to");
    wn_rc rc = wn_book_extent(book, a, &from, &to, &d->n_rows, &has_data, why);
    if (rc || !has_data)
        return rc;
    d->day_from = r->has_from && r->from > from ? r->from : from;
    d->day_to = r->has_to && r->to < to ? r->to : to;
    if (!r->has_from && d->day_to - d->day_from >= days_max)
        d->day_from = d->day_to - days_max + 1;
    if (d->day_from > d->day_to)
        return WN_OK;
    if (d->day_to - d->day_from >= WN_DAILY_DAYS_MAX)
        return wn_fail(why, WN_INVALID, "from", "the range has more than %d days",
                       WN_DAILY_DAYS_MAX);
    d->n_days = (size_t)(d->day_to - d->day_from) + 1;
    return WN_OK;
}

/* ---- which entities --------------------------------------------------------------------------- */

static const char *group_columns(wn_daily_by by)
{
    static const char *const columns[] = {"0", "channel", "campaign_id"};
    return columns[by];
}

/* One row per entity: number, spend, channel, key, name; by falling spend. */
static wn_rc query_entities(const struct wn_book *book, const struct wn_daily_request *r,
                            const struct wn_daily *d, size_t limit, struct wn_arena *a,
                            struct wn_table **out, struct wn_why *why)
{
    struct statement s = {.n_binds = 0};
    wn_buf_init(&s.text, 1 << 14);
    wn_buf_printf(
        &s.text,
        "WITH s AS (SELECT %s AS entity, CAST(sum(spend_micros) AS DOUBLE) / 1e6 AS spend,"
        " arg_max(channel, spend_micros) AS channel, count(*) OVER () AS n_all",
        group_columns(r->by));
    put_where(&s, book, r, d, false);
    wn_buf_printf(&s.text,
                  " GROUP BY 1 HAVING count(*) > 0 ORDER BY spend DESC, entity LIMIT %zu) SELECT"
                  " s.entity, s.spend, s.channel, n.key, n.name, s.n_all FROM s LEFT"
                  " JOIN " WN_SQL_NAMES " n ON n.tenant_id = CAST(? AS INTEGER) AND n.kind = %d AND"
                  " n.id = s.entity ORDER BY s.spend DESC, s.entity",
                  limit, (int)WN_NAME_CAMPAIGN);
    bind(&s, book->tenant_id);
    return run(book, &s, a, out, why);
}

static wn_rc name_entity(struct wn_daily_entity *e, const struct wn_value *row, struct wn_arena *a,
                         struct wn_why *why)
{
    const struct wn_code *code = wn_code_by_number(wn_channels, wn_n_channels, e->channel);
    char number[16];
    (void)snprintf(number, sizeof number, "%d", (int)e->campaign_id);
    switch (e->by) {
    case WN_DAILY_TOTAL:
        e->id = WN_STR("total");
        e->name = WN_STR("All campaigns");
        e->key = WN_STR("");
        return WN_OK;
    case WN_DAILY_CHANNEL:
        e->id = wn_str_of(code ? code->name : "other");
        e->name = wn_str_of(code ? code->label : "Other");
        e->key = WN_STR("");
        return WN_OK;
    case WN_DAILY_CAMPAIGN:
        e->id = wn_arena_dup(a, wn_str_of(number));
        e->key = wn_arena_dup(a, row[3].kind == WN_VALUE_TEXT ? row[3].text : WN_STR(""));
        e->name = wn_arena_dup(a, row[4].kind == WN_VALUE_TEXT ? row[4].text : WN_STR(""));
        if (e->name.p && !e->name.n)
            e->name = e->key;
        break;
    }
    return e->id.p && e->key.p && e->name.p ? WN_OK : no_memory(why);
}

static wn_rc make_entity(const struct wn_daily_request *r, const struct wn_value *row,
                         size_t n_days, struct wn_arena *a, struct wn_daily_entity *e,
                         struct wn_why *why)
{
    *e = (struct wn_daily_entity){.by = r->by, .spend = number_of(&row[1]), .first = n_days};
    int32_t number = (int32_t)number_of(&row[0]);
    if (r->by == WN_DAILY_CAMPAIGN) {
        e->campaign_id = number;
        e->channel = (uint8_t)number_of(&row[2]);
    } else if (r->by == WN_DAILY_CHANNEL) {
        e->channel = (uint8_t)number;
    }
    for (int m = 0; m < WN_MEASURE_N; m++) {
        if (!(r->measures >> m & 1) && m != WN_MEASURE_SPEND)
            continue;
        e->values[m] = WN_ARENA_ARRAY(a, n_days, double);
        if (!e->values[m])
            return no_memory(why);
        for (size_t i = 0; i < n_days; i++)
            e->values[m][i] = NAN;
    }
    return name_entity(e, row, a, why);
}

/* The entities in order of their number, to find them by. */
struct entry {
    int32_t number;
    struct wn_daily_entity *entity;
};
struct lookup {
    struct entry *sorted;
    size_t n;
};

static int by_number(const void *x, const void *y)
{
    const struct entry *p = x, *q = y;
    return (p->number > q->number) - (p->number < q->number);
}

static struct wn_daily_entity *find(const struct lookup *l, int32_t number)
{
    struct entry key = {.number = number};
    struct entry *found = bsearch(&key, l->sorted, l->n, sizeof(*l->sorted), by_number);
    return found ? found->entity : NULL;
}

static wn_rc make_lookup(struct wn_daily *d, struct wn_arena *a, struct lookup *l,
                         struct wn_why *why)
{
    l->n = d->n;
    l->sorted = WN_ARENA_ARRAY(a, d->n, struct entry);
    if (!l->sorted)
        return no_memory(why);
    for (size_t i = 0; i < d->n; i++) {
        struct wn_daily_entity *e = &d->entities[i];
        l->sorted[i].number = e->by == WN_DAILY_CHANNEL ? e->channel : e->campaign_id;
        l->sorted[i].entity = e;
    }
    qsort(l->sorted, l->n, sizeof(*l->sorted), by_number);
    return WN_OK;
}

/* ---- the days --------------------------------------------------------------------------------- */

/* Which accounts stand behind an entity, and on which days they reported: those days are 0 where
 * nothing else is known. One row per entity, account, day would be too many; accounts per entity
 * and days per account are few. */
static wn_rc query_members(const struct wn_book *book, const struct wn_daily_request *r,
                           const struct wn_daily *d, struct wn_arena *a, struct wn_table **members,
                           struct wn_table **days, struct wn_why *why)
{
    struct statement s = {.n_binds = 0};
    wn_buf_init(&s.text, 1 << 14);
    wn_buf_printf(&s.text, "SELECT account_id, %s AS entity, min(day) AS first",
                  group_columns(r->by));
    put_where(&s, book, r, d, false);
    wn_buf_append_z(&s.text, " GROUP BY 1, 2 ORDER BY 1, 2");
    wn_rc rc = run(book, &s, a, members, why);
    if (rc)
        return rc;
    struct wn_daily_request all = *r;
    all.by = WN_DAILY_TOTAL; /* an account reports a day by any row of it */
    s = (struct statement){.n_binds = 0};
    wn_buf_init(&s.text, 1 << 14);
    wn_buf_append_z(&s.text, "SELECT account_id, day");
    put_where(&s, book, &all, d, true);
    wn_buf_append_z(&s.text, " GROUP BY 1, 2 ORDER BY 1, 2");
    return run(book, &s, a, days, why);
}

static void zero_day(struct wn_daily_entity *e, size_t at)
{
    for (int m = 0; m < WN_MEASURE_N; m++)
        if (e->values[m])
            e->values[m][at] = 0;
    if (at < e->first)
        e->first = at;
}

static void put_zeros(struct wn_daily *d, const struct lookup *l, const struct wn_table *members,
                      const struct wn_table *days)
{
    size_t start = 0;
    for (size_t i = 0; i < members->n_rows; i++) {
        int64_t account = wn_table_at(members, i, 0)->integer;
        struct wn_daily_entity *e = find(l, (int32_t)number_of(wn_table_at(members, i, 1)));
        int64_t first = wn_table_at(members, i, 2)->integer;
        while (start < days->n_rows && wn_table_at(days, start, 0)->integer < account)
            start++;
        for (size_t k = start; e && k < days->n_rows; k++) {
            if (wn_table_at(days, k, 0)->integer != account)
                break;
            int64_t day = wn_table_at(days, k, 1)->integer;
            if (day >= first)
                zero_day(e, (size_t)(day - d->day_from));
        }
    }
}

static wn_rc query_values(const struct wn_book *book, const struct wn_daily_request *r,
                          const struct wn_daily *d, struct wn_arena *a, struct wn_table **out,
                          struct wn_why *why)
{
    struct statement s = {.n_binds = 0};
    wn_buf_init(&s.text, 1 << 20);
    wn_buf_printf(&s.text, "SELECT %s AS entity, day", group_columns(r->by));
    for (int m = 0; m < WN_MEASURE_N; m++)
        if (r->measures >> m & 1 || m == WN_MEASURE_SPEND)
            wn_buf_printf(&s.text, ", CAST(sum(%s_micros) AS DOUBLE) / 1e6", wn_measure_names[m]);
    put_where(&s, book, r, d, false);
    if (r->by == WN_DAILY_CAMPAIGN && d->n_left_out) {
        wn_buf_append_z(&s.text, " AND campaign_id IN (");
        for (size_t i = 0; i < d->n; i++)
            wn_buf_printf(&s.text, "%s%d", i ? "," : "", (int)d->entities[i].campaign_id);
        wn_buf_append_char(&s.text, ')');
    }
    wn_buf_append_z(&s.text, " GROUP BY 1, 2");
    return run(book, &s, a, out, why);
}

static void put_values(struct wn_daily *d, const struct lookup *l, const struct wn_table *t)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        struct wn_daily_entity *e = find(l, (int32_t)number_of(wn_table_at(t, i, 0)));
        size_t at = (size_t)(wn_table_at(t, i, 1)->integer - d->day_from), column = 2;
        if (!e || at >= d->n_days)
            continue;
        for (int m = 0; m < WN_MEASURE_N; m++)
            if (e->values[m])
                e->values[m][at] = number_of(wn_table_at(t, i, column++));
        if (at < e->first)
            e->first = at;
    }
}

static wn_rc fill(const struct wn_book *book, const struct wn_daily_request *r,
                  struct wn_arena *scratch, struct wn_arena *a, struct wn_daily *d,
                  struct wn_why *why)
{
    struct wn_table *entities, *members, *days, *values;
    struct lookup lookup;
    size_t limit = ROWS_MAX / d->n_days;
    limit = limit > WN_DAILY_ENTITIES_MAX ? WN_DAILY_ENTITIES_MAX : limit;
    wn_rc rc = query_entities(book, r, d, limit, scratch, &entities, why);
    if (rc)
        return rc;
    d->n = entities->n_rows;
    if (d->n == 0)
        return WN_OK;
    size_t n_all = (size_t)wn_table_at(entities, 0, 5)->integer;
    d->n_left_out = n_all > d->n ? n_all - d->n : 0;
    d->entities = WN_ARENA_ARRAY(a, d->n, struct wn_daily_entity);
    if (!d->entities)
        return no_memory(why);
    for (size_t i = 0; !rc && i < d->n; i++)
        rc = make_entity(r, wn_table_at(entities, i, 0), d->n_days, a, &d->entities[i], why);
    if (!rc)
        rc = make_lookup(d, scratch, &lookup, why);
    if (!rc)
        rc = query_members(book, r, d, scratch, &members, &days, why);
    if (!rc)
        rc = query_values(book, r, d, scratch, &values, why);
    if (rc)
        return rc;
    put_zeros(d, &lookup, members, days);
    put_values(d, &lookup, values);
    return WN_OK;
}

wn_rc wn_daily_gather(const struct wn_book *book, const struct wn_daily_request *request,
                      struct wn_arena *a, struct wn_daily *out, struct wn_why *why)
{
    struct wn_daily d = {0};
    wn_rc rc = find_range(book, request, a, &d, why);
    if (!rc && d.n_days) {
        /* The tables are several times larger than the series made from them. */
        struct wn_arena scratch;
        wn_arena_init(&scratch, a->max_bytes);
        rc = fill(book, request, &scratch, a, &d, why);
        wn_arena_deinit(&scratch);
    }
    if (!rc)
        *out = d;
    return rc;
}

wn_rc wn_daily_version(const struct wn_book *book, struct wn_arena *a, struct wn_facts_version *out,
                       struct wn_why *why)
{
    struct wn_value tenant = {.kind = WN_VALUE_INT, .integer = book->tenant_id};
    struct wn_sql sql = {.text = WN_STR("SELECT count(*), max(loaded_at_ms) FROM " WN_SQL_STATS
                                        " WHERE tenant_id = CAST(? AS INTEGER)"),
                         .binds = &tenant,
                         .n_binds = 1};
    struct wn_table *t = NULL;
    wn_rc rc = wn_facts_query(book->facts, &sql, 0, a, &t, why);
    if (rc)
        return rc;
    out->n_rows = (int64_t)number_of(wn_table_at(t, 0, 0));
    out->loaded_at_ms = (int64_t)number_of(wn_table_at(t, 0, 1));
    return WN_OK;
}

/* ---- days that are not complete yet ----------------------------------------------------------- */

enum { REFERENCE_DAYS = 28, REFERENCE_MIN = 10 };

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double rate_of(const double *outcome, const double *effort, size_t i)
{
    return isfinite(outcome[i]) && isfinite(effort[i]) && effort[i] > 0 ? outcome[i] / effort[i]
                                                                        : NAN;
}

/* The usual rate of the four weeks before the newest days, and how much it varies. */
static bool usual_rate(const double *outcome, const double *effort, size_t n, double *median,
                       double *spread)
{
    double rates[REFERENCE_DAYS];
    size_t n_rates = 0;
    for (size_t i = n - WN_DAILY_IMMATURE_MAX; i-- > 0 && n_rates < REFERENCE_DAYS;) {
        double rate = rate_of(outcome, effort, i);
        if (isfinite(rate))
            rates[n_rates++] = rate;
        if (n - i > REFERENCE_DAYS + WN_DAILY_IMMATURE_MAX)
            break;
    }
    if (n_rates < REFERENCE_MIN)
        return false;
    qsort(rates, n_rates, sizeof(*rates), by_value);
    *median = rates[n_rates / 2];
    *spread = fmax((rates[n_rates * 3 / 4] - rates[n_rates / 4]) / 1.349, 0.025 * *median);
    return *median > 0;
}

wn_rc wn_daily_completeness_of(const double *outcome, const double *effort, size_t n,
                               struct wn_arena *a, struct wn_daily_completeness *out,
                               struct wn_why *why)
{
    struct wn_daily_completeness c = {.text = WN_STR("")};
    double median, spread, before = 0;
    for (size_t age = 0; age < WN_COUNT(c.share); age++)
        c.share[age] = 1;
    *out = c;
    if (n < REFERENCE_MIN + WN_DAILY_IMMATURE_MAX ||
        !usual_rate(outcome, effort, n, &median, &spread))
        return WN_OK;
    size_t age = 0;
    for (; age < WN_DAILY_IMMATURE_MAX; age++) {
        double rate = rate_of(outcome, effort, n - 1 - age);
        /* The newest must stand out; older ones continue the run. Days differ: some play is left. */
        if (!isfinite(rate) || rate >= median - (age == 0 ? 2 : 0.5) * spread ||
            rate / median < before - 0.15)
            break;
        before = fmax(before, rate / median);
        c.share[age] = fmin(fmax(before, 0.05), 1);
    }
    /* Still low after a week: a fall, not a delay. */
    if (age == 0 || age == WN_DAILY_IMMATURE_MAX)
        return WN_OK;
    c.n_immature_days = (int)age;
    c.text = age == 1 ? wn_arena_printf(a,
                                        "The newest day looks incomplete: about %.0f %% of its "
                                        "usual result has arrived.",
                                        100 * c.share[0])
                      : wn_arena_printf(a,
                                        "The newest %zu days look incomplete: about %.0f %% of the "
                                        "usual result of the last one has arrived.",
                                        age, 100 * c.share[0]);
    if (!c.text.p)
        return no_memory(why);
    *out = c;
    return WN_OK;
}

double wn_daily_arrived(const struct wn_daily_completeness *c, size_t i, size_t n)
{
    size_t age = n - 1 - i;
    return age < (size_t)c->n_immature_days ? c->share[age] : 1;
}
