/* Campaigns in SQLite. */
#include "core/buf.h"
#include "store/catalog/sqlite_int.h"

#define KEEP_TEXT(column)                                                                          \
#column " = CASE WHEN excluded." #column " = '' THEN campaigns." #column                       \
            " ELSE excluded." #column " END, "

static const char put_campaign_sql[] =
    "INSERT INTO campaigns (tenant_id, campaign_id, account_id, channel, key, name,"
    " target_audience, goal, location, language, customer_segment, company, status, duration_days,"
    " reported_conversion_rate_ratio, reported_roi_ratio, engagement_score, source_id,"
    " created_at_ms, updated_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant_id, campaign_id) DO UPDATE SET account_id = excluded.account_id,"
    " channel = excluded.channel, " KEEP_TEXT(key) KEEP_TEXT(name) KEEP_TEXT(target_audience)
        KEEP_TEXT(goal) KEEP_TEXT(location) KEEP_TEXT(language) KEEP_TEXT(customer_segment)
            KEEP_TEXT(company) KEEP_TEXT(
                status) " duration_days = CASE WHEN excluded.duration_days = 0 THEN "
                        "campaigns.duration_days"
                        " ELSE excluded.duration_days END,"
                        " reported_conversion_rate_ratio = excluded.reported_conversion_rate_ratio,"
                        " reported_roi_ratio = excluded.reported_roi_ratio,"
                        " engagement_score = coalesce(excluded.engagement_score, "
                        "campaigns.engagement_score),"
                        " source_id = excluded.source_id, updated_at_ms = excluded.updated_at_ms";

static void put_campaign(struct sqlite_asking *q, const struct wn_campaign *x)
{
    wn_sqlite_put_int(q, x->tenant_id);
    wn_sqlite_put_int(q, x->campaign_id);
    wn_sqlite_put_int(q, x->account_id);
    wn_sqlite_put_int(q, x->channel);
    wn_sqlite_put_text(q, x->key);
    wn_sqlite_put_text(q, x->name);
    wn_sqlite_put_text(q, x->target_audience);
    wn_sqlite_put_text(q, x->goal);
    wn_sqlite_put_text(q, x->location);
    wn_sqlite_put_text(q, x->language);
    wn_sqlite_put_text(q, x->customer_segment);
    wn_sqlite_put_text(q, x->company);
    wn_sqlite_put_text(q, x->status);
    wn_sqlite_put_int(q, x->duration_days);
    wn_sqlite_put_real(q, x->reported_conversion_rate_ratio);
    wn_sqlite_put_real(q, x->reported_roi_ratio);
    wn_sqlite_put_real(q, x->engagement_score);
    wn_sqlite_put_int(q, x->source_id);
    wn_sqlite_put_int(q, x->created_at_ms);
    wn_sqlite_put_int(q, x->updated_at_ms);
}

static wn_rc put_campaigns_locked(struct sqlite_catalog *s, const struct wn_campaign *campaigns,
                                  size_t n, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask_locked(s, put_campaign_sql, true, "store the campaigns", why);
    for (size_t i = 0; !q.rc && i < n; i++) {
        put_campaign(&q, &campaigns[i]);
        (void)wn_sqlite_changes(&q);
        wn_sqlite_rewind(&q);
    }
    return wn_sqlite_done_locked(&q);
}

wn_rc wn_sqlite_put_campaigns(struct wn_catalog *c, const struct wn_campaign *campaigns, size_t n,
                              struct wn_why *why)
{
    wn_rc rc = wn_sqlite_begin(c, "store the campaigns", why);
    if (!rc)
        rc = wn_sqlite_end(c, put_campaigns_locked(wn_sqlite_self(c), campaigns, n, why),
                           "store the campaigns", why);
    return rc;
}

static void take_campaign(struct sqlite_asking *q, struct wn_arena *a, struct wn_campaign *x)
{
    x->tenant_id = (int32_t)wn_sqlite_take_int(q);
    x->campaign_id = (int32_t)wn_sqlite_take_int(q);
    x->account_id = (int32_t)wn_sqlite_take_int(q);
    x->channel = (uint8_t)wn_sqlite_take_int(q);
    x->key = wn_sqlite_take_text(q, a);
    x->name = wn_sqlite_take_text(q, a);
    x->target_audience = wn_sqlite_take_text(q, a);
    x->goal = wn_sqlite_take_text(q, a);
    x->location = wn_sqlite_take_text(q, a);
    x->language = wn_sqlite_take_text(q, a);
    x->customer_segment = wn_sqlite_take_text(q, a);
    x->company = wn_sqlite_take_text(q, a);
    x->status = wn_sqlite_take_text(q, a);
    x->duration_days = (int32_t)wn_sqlite_take_int(q);
    x->reported_conversion_rate_ratio = wn_sqlite_take_real(q);
    x->reported_roi_ratio = wn_sqlite_take_real(q);
    x->engagement_score = wn_sqlite_take_real(q);
    x->source_id = wn_sqlite_take_int(q);
    x->created_at_ms = wn_sqlite_take_int(q);
    x->updated_at_ms = wn_sqlite_take_int(q);
}

/* Ids go in as text "[1,2]": no limit on their number, and one statement for all. */
static void append_ids(struct wn_buf *b, const struct wn_campaign_filter *filter)
{
    wn_buf_append_char(b, '[');
    for (size_t i = 0; filter->campaign_ids && i < filter->n_ids; i++)
        wn_buf_printf(b, "%s%ld", i ? "," : "", (long)filter->campaign_ids[i]);
    wn_buf_append_char(b, ']');
}

static const char campaigns_sql[] =
    "SELECT tenant_id, campaign_id, account_id, channel, key, name, target_audience, goal,"
    " location, language, customer_segment, company, status, duration_days,"
    " reported_conversion_rate_ratio, reported_roi_ratio, engagement_score, source_id,"
    " created_at_ms, updated_at_ms FROM campaigns WHERE tenant_id = ?1"
    " AND (?2 = 0 OR campaign_id IN (SELECT value FROM json_each(?3)))"
    " AND (?4 < 0 OR channel = ?4) AND (?5 = '' OR key = ?5)"
    " ORDER BY campaign_id LIMIT ?6 OFFSET ?7";

static void put_filter(struct sqlite_asking *q, int32_t tenant_id,
                       const struct wn_campaign_filter *filter, struct wn_str ids)
{
    size_t limit =
        filter->limit && filter->limit < SQLITE_ROWS_MAX ? filter->limit : SQLITE_ROWS_MAX;
    wn_sqlite_put_int(q, tenant_id);
    wn_sqlite_put_int(q, filter->campaign_ids != NULL);
    wn_sqlite_put_text(q, ids);
    wn_sqlite_put_int(q, filter->channel);
    wn_sqlite_put_text(q, filter->key);
    wn_sqlite_put_int(q, (int64_t)limit);
    wn_sqlite_put_int(q, filter->skip > INT64_MAX ? INT64_MAX : (int64_t)filter->skip);
}

wn_rc wn_sqlite_campaigns(struct wn_catalog *c, int32_t tenant_id,
                          const struct wn_campaign_filter *filter, struct wn_arena *a,
                          struct wn_campaign **out, size_t *n_out, struct wn_why *why)
{
    if (filter->campaign_ids && filter->n_ids > SQLITE_IDS_MAX)
        return wn_fail(why, WN_LIMIT, "campaign_ids", "more than %d campaigns asked for",
                       SQLITE_IDS_MAX);
    struct wn_buf ids;
    wn_buf_init(&ids, SQLITE_IDS_MAX * 12 + 16);
    append_ids(&ids, filter);
    wn_rc rc = wn_buf_check(&ids, why);
    if (rc) {
        wn_buf_deinit(&ids);
        return rc;
    }
    struct sqlite_asking q = wn_sqlite_ask(c, campaigns_sql, "read the campaigns", why);
    struct wn_campaign *list = NULL;
    size_t n = 0;
    put_filter(&q, tenant_id, filter, wn_buf_str(&ids));
    while (wn_sqlite_next_row(&q)) {
        list = wn_sqlite_room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        take_campaign(&q, a, &list[n++]);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    rc = wn_sqlite_done(&q);
    wn_buf_deinit(&ids);
    return rc;
}
