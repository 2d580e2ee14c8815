/* Campaigns as rows: what the catalog knows of each and what its statistics sum up to. */
#include "serve/handlers.h"

#include "core/date.h"
#include "core/num.h"
#include "decide/overview.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LIST_LIMIT_DEFAULT = 100, TEXT_BYTES_MAX = 500, ACCOUNT_BYTES_MAX = 200 };

/* ---- reading ---------------------------------------------------------------------------------- */

static void write_text(struct wn_json_writer *w, const char *key, struct wn_str text)
{
    wn_json_key(w, key);
    wn_json_text_or_null(w, text);
}

static void write_real(struct wn_json_writer *w, const char *key, double value)
{
    wn_json_key(w, key);
    wn_json_f64(w, value);
}

static void write_sum(struct wn_json_writer *w, const char *key,
                      const struct wn_overview_campaign *c, wn_measure measure)
{
    wn_json_key(w, key);
    if (c->has_data)
        wn_json_micros(w, c->sums_micros[measure]);
    else
        wn_json_null(w);
}

static void write_time(struct wn_json_writer *w, const char *key, int64_t moment_ms)
{
    wn_json_key(w, key);
    if (moment_ms)
        wn_json_time(w, moment_ms);
    else
        wn_json_null(w);
}

static void write_campaign(struct wn_json_writer *w, const struct wn_overview_campaign *c)
{
    const struct wn_campaign *k = &c->campaign;
    const struct wn_code *channel = wn_code_by_number(wn_channels, wn_n_channels, k->channel);
    wn_json_begin_object(w);
    wn_json_key(w, "id");
    wn_json_i64(w, k->campaign_id);
    wn_json_key(w, "campaign_id");
    wn_json_text(w, k->key);
    wn_json_key(w, "name");
    wn_json_text(w, k->name.n ? k->name : k->key);
    write_text(w, "target_audience", k->target_audience);
    write_text(w, "campaign_goal", k->goal);
    wn_json_key(w, "duration");
    if (k->duration_days > 0)
        wn_json_i64(w, k->duration_days);
    else
        wn_json_null(w);
    wn_json_key(w, "channel_used");
    wn_json_text_z(w, channel ? channel->name : "other");
    write_real(w, "conversion_rate", c->conversion_rate_ratio);
    write_sum(w, "acquisition_cost", c, WN_MEASURE_SPEND);
    write_real(w, "roi", c->roi_ratio);
    write_text(w, "location", k->location);
    write_text(w, "language", k->language);
    write_sum(w, "clicks", c, WN_MEASURE_CLICKS);
    write_sum(w, "impressions", c, WN_MEASURE_IMPRESSIONS);
    write_real(w, "engagement_score", k->engagement_score);
    write_text(w, "customer_segment", k->customer_segment);
    wn_json_key(w, "date");
    if (c->has_data)
        wn_json_day(w, c->day_first);
    else
        wn_json_null(w);
    wn_json_key(w, "account_id");
    wn_json_i64(w, k->account_id);
    write_text(w, "company", k->company);
    write_text(w, "status", k->status);
    write_time(w, "created_at", k->created_at_ms);
    write_time(w, "updated_at", k->updated_at_ms);
    wn_json_end(w);
}

/* A cursor is the letter s and how many came before it: opaque to clients, so that it may change.
 */
static wn_rc skip_of(struct wn_call *call, size_t *skip, struct wn_why *why)
{
    struct wn_str cursor = wn_call_text(call, "cursor");
    int64_t n = wn_call_int(call, "skip", 0);
    if (!cursor.p) {
        *skip = (size_t)n;
        return WN_OK;
    }
    if (wn_call_text(call, "skip").p)
        return wn_fail(why, WN_INVALID, "skip", "give either cursor or skip");
    if (cursor.n < 2 || cursor.n > 11 || cursor.p[0] != 's' ||
        !wn_parse_i64(wn_str_slice(cursor, 1, cursor.n), &n) || n < 0)
        return wn_fail(why, WN_INVALID, "cursor", "this cursor is not one that a Link header gave");
    *skip = (size_t)n;
    return WN_OK;
}

static void add_next_link(struct wn_call *call, size_t next, size_t limit)
{
    struct wn_str value = wn_arena_printf(call->a, "<%.*s?limit=%zu&cursor=s%zu>; rel=\"next\"",
                                          WN_STR_ARG(call->request->path), limit, next);
    if (value.p)
        wn_http_set_header(call->response, WN_STR("Link"), value);
}

static wn_rc answer_list(struct wn_call *call, int channel, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_overview_campaign_filter filter = {
        .channel = channel, .limit = (size_t)wn_call_int(call, "limit", LIST_LIMIT_DEFAULT)};
    struct wn_overview_campaign *campaigns = NULL;
    size_t n = 0, n_total = 0;
    wn_rc rc = skip_of(call, &filter.skip, why);
    if (!rc)
        rc = wn_overview_campaigns(&book, &filter, call->a, &campaigns, &n, &n_total, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < n; i++)
        write_campaign(&json.w, &campaigns[i]);
    wn_json_end(&json.w);
    if (filter.skip + n < n_total)
        add_next_link(call, filter.skip + n, filter.limit);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_campaigns(struct wn_call *call, struct wn_why *why)
{
    return answer_list(call, -1, why);
}

wn_rc wn_handle_campaigns_of_channel(struct wn_call *call, struct wn_why *why)
{
    struct wn_str name = call->path_args[0];
    const struct wn_code *code = wn_code_by_name(wn_channels, wn_n_channels, name);
    if (!code)
        return wn_fail(why, WN_NOT_FOUND, "channel", "there is no channel '%.*s'",
                       WN_STR_ARG(name));
    return answer_list(call, code->code, why);
}

static wn_rc answer_one(struct wn_call *call, const struct wn_overview_campaign *c,
                        struct wn_why *why)
{
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    write_campaign(&json.w, c);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_campaign(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_str key = call->path_args[0];
    struct wn_overview_campaign_filter filter = {.channel = -1, .key = key, .limit = 1};
    struct wn_overview_campaign *found = NULL;
    size_t n = 0;
    int64_t id;
    wn_rc rc = wn_overview_campaigns(&book, &filter, call->a, &found, &n, NULL, why);
    if (!rc && n == 0 && wn_parse_i64(key, &id) && id > 0 && id <= INT32_MAX) {
        filter.key = WN_STR("");
        filter.campaign_id = (int32_t)id;
        rc = wn_overview_campaigns(&book, &filter, call->a, &found, &n, NULL, why);
    }
    if (rc)
        return rc;
    if (n == 0)
        return wn_fail(why, WN_NOT_FOUND, "campaign_id", "there is no campaign '%.*s'",
                       WN_STR_ARG(wn_str_slice(key, 0, 100)));
    return answer_one(call, &found[0], why);
}

wn_rc wn_handle_campaign_channels(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_overview_days days = {0};
    struct wn_overview_channel *channels = NULL;
    size_t n = 0;
    wn_rc rc = wn_overview_channels(&book, &days, call->a, &channels, &n, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < n; i++) {
        const struct wn_code *code =
            wn_code_by_number(wn_channels, wn_n_channels, channels[i].channel);
        wn_json_begin_object(&json.w);
        wn_json_key(&json.w, "channel");
        wn_json_text_z(&json.w, code ? code->name : "other");
        wn_json_key(&json.w, "count");
        wn_json_i64(&json.w, channels[i].total_campaigns);
        write_real(&json.w, "avg_roi", channels[i].avg_roi_ratio);
        write_real(&json.w, "avg_conversion", channels[i].avg_conversion_rate_ratio);
        wn_json_end(&json.w);
    }
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

/* ---- adding ----------------------------------------------------------------------------------- */

struct new_campaign {
    struct wn_campaign campaign;
    struct wn_str account;
    struct wn_stat row; /* ids are filled in by the transaction */
};

/* A number of the body within low..high. NOT_FOUND without a text when it is absent. */
static wn_rc get_number(const struct wn_json *body, const char *key, double low, double high,
                        double *out, struct wn_why *why)
{
    char pointer[64];
    double value = 0;
    wn_rc rc = wn_json_get_f64(body, key, &value, why);
    if (rc)
        return rc;
    snprintf(pointer, sizeof pointer, "/%s", key);
    if (!(value >= low && value <= high))
        return wn_fail(why, WN_INVALID, pointer, "%s must be a number from %g to %g", key, low,
                       high);
    *out = value;
    return WN_OK;
}

static wn_rc need_number(const struct wn_json *body, const char *key, double low, double high,
                         double *out, struct wn_why *why)
{
    char pointer[64];
    wn_rc rc = get_number(body, key, low, high, out, why);
    if (rc != WN_NOT_FOUND)
        return rc;
    snprintf(pointer, sizeof pointer, "/%s", key);
    return wn_fail(why, WN_INVALID, pointer, "%s is missing", key);
}

/* The largest amount or count taken: its micros and their products stay far from overflow. */
#define AMOUNT_MAX 1e12

static wn_rc read_numbers(const struct wn_json *body, struct new_campaign *c, struct wn_why *why)
{
    double cost = 0, clicks = 0, impressions = 0, rate = 0, roi = 0, score = NAN, duration = 0;
    wn_rc rc = need_number(body, "acquisition_cost", 0, AMOUNT_MAX, &cost, why);
    if (!rc)
        rc = need_number(body, "clicks", 0, AMOUNT_MAX, &clicks, why);
    if (!rc)
        rc = need_number(body, "impressions", 0, AMOUNT_MAX, &impressions, why);
    if (!rc)
        rc = need_number(body, "conversion_rate", 0, 1, &rate, why);
    if (!rc)
        rc = need_number(body, "roi", -1, 1e5, &roi, why);
    if (!rc) {
        rc = get_number(body, "engagement_score", -1e9, 1e9, &score, why);
        rc = rc == WN_NOT_FOUND ? WN_OK : rc;
    }
    if (!rc) {
        rc = get_number(body, "duration", 0, 36500, &duration, why);
        rc = rc == WN_NOT_FOUND ? WN_OK : rc;
    }
    if (rc)
        return rc;
    if (duration != floor(duration))
        return wn_fail(why, WN_INVALID, "/duration", "duration must be a whole number of days");
    c->campaign.duration_days = (int32_t)duration;
    c->campaign.engagement_score = score;
    c->campaign.reported_conversion_rate_ratio = rate;
    c->campaign.reported_roi_ratio = roi;
    int64_t *m = c->row.measures;
    if (!wn_micros_from_f64(cost, &m[WN_MEASURE_SPEND]) ||
        !wn_micros_from_f64(clicks, &m[WN_MEASURE_CLICKS]) ||
        !wn_micros_from_f64(impressions, &m[WN_MEASURE_IMPRESSIONS]) ||
        !wn_micros_from_f64(clicks * rate, &m[WN_MEASURE_CONVERSIONS]))
        return wn_fail(why, WN_INVALID, "/clicks", "a number is too large");
    if (!wn_micros_from_f64(cost * (1 + roi), &m[WN_MEASURE_REVENUE]))
        return wn_fail(why, WN_INVALID, "/roi", "the revenue that follows from it is too large");
    return WN_OK;
}

/* The id may be a text or a whole number. */
static wn_rc read_key(struct wn_call *call, const struct wn_json *body, struct wn_campaign *c,
                      struct wn_why *why)
{
    const struct wn_json *id = wn_json_get(body, "campaign_id");
    wn_rc rc = WN_OK;
    if (id && id->kind == WN_JSON_INT) {
        c->key = wn_arena_printf(call->a, "%" PRId64, id->integer);
        if (!c->key.p)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out while reading the body");
    } else {
        rc = wn_body_text(body, "campaign_id", TEXT_BYTES_MAX, &c->key, why);
    }
    if (!rc)
        rc = wn_body_text(body, "name", TEXT_BYTES_MAX, &c->name, why);
    if (rc)
        return rc;
    if (!c->key.n && !c->name.n)
        return wn_fail(why, WN_INVALID, "/campaign_id", "give campaign_id or name");
    if (!c->key.n)
        c->key = c->name;
    return WN_OK;
}

static wn_rc read_texts(const struct wn_json *body, struct new_campaign *c, struct wn_why *why)
{
    struct {
        const char *key;
        struct wn_str *out;
    } texts[] = {
        {"target_audience", &c->campaign.target_audience},
        {"campaign_goal", &c->campaign.goal},
        {"location", &c->campaign.location},
        {"language", &c->campaign.language},
        {"customer_segment", &c->campaign.customer_segment},
    };
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        wn_rc rc = wn_body_text(body, texts[i].key, TEXT_BYTES_MAX, texts[i].out, why);
        if (rc)
            return rc;
    }
    wn_rc rc = wn_body_text(body, "account", ACCOUNT_BYTES_MAX, &c->account, why);
    if (!rc && !c->account.n)
        c->account = WN_STR("API");
    return rc;
}

static wn_rc read_channel_and_day(const struct wn_json *body, struct new_campaign *c,
                                  struct wn_why *why)
{
    struct wn_str channel, day;
    wn_rc rc = wn_body_text(body, "channel_used", TEXT_BYTES_MAX, &channel, why);
    if (!rc)
        rc = wn_body_text(body, "date", TEXT_BYTES_MAX, &day, why);
    if (rc)
        return rc;
    const struct wn_code *code = wn_code_by_name(wn_channels, wn_n_channels, channel);
    if (!channel.n)
        return wn_fail(why, WN_INVALID, "/channel_used", "channel_used is missing");
    if (!code)
        return wn_fail(why, WN_INVALID, "/channel_used", "there is no channel '%.*s'",
                       WN_STR_ARG(wn_str_slice(channel, 0, 100)));
    if (!wn_parse_day(day, &c->row.day))
        return wn_fail(why, WN_INVALID, "/date", "date must be a day, as YYYY-MM-DD");
    c->row.channel = code->code;
    c->campaign.channel = code->code;
    return WN_OK;
}

static wn_rc read_campaign(struct wn_call *call, struct new_campaign *c, struct wn_why *why)
{
    static const char *const names[] = {
        "campaign_id",      "name",         "account",         "channel_used", "date",
        "target_audience",  "duration",     "conversion_rate", "roi",          "acquisition_cost",
        "location",         "language",     "clicks",          "impressions",  "engagement_score",
        "customer_segment", "campaign_goal"};
    const struct wn_json *body = NULL;
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    if (!rc)
        rc = read_key(call, body, &c->campaign, why);
    if (!rc)
        rc = read_channel_and_day(body, c, why);
    if (!rc)
        rc = read_numbers(body, c, why);
    if (!rc)
        rc = read_texts(body, c, why);
    return rc;
}

/* The rows of the account's day that are not this campaign's: they are written back. */
struct kept_rows {
    struct wn_facts_tx *tx;
    struct wn_buf rows; /* of struct wn_stat */
    int32_t campaign_id;
};
#define KEPT_BYTES_MAX (UINT32_C(1) << 30)

static wn_rc keep_rows(void *context, const struct wn_stat *rows, size_t n_rows, struct wn_why *why)
{
    struct kept_rows *kept = context;
    (void)why;
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].campaign_id != kept->campaign_id)
            wn_buf_append(&kept->rows,
                          (struct wn_str){(const char *)&rows[i], sizeof(struct wn_stat)});
    return WN_OK;
}

/* Within the transaction nobody else writes, so what the scan sees is what is replaced. */
static wn_rc write_day(struct wn_call *call, struct wn_facts_tx *tx, const struct wn_stat *row,
                       struct wn_why *why)
{
    struct kept_rows kept = {.tx = tx, .campaign_id = row->campaign_id};
    struct wn_facts_range range = {row->account_id, row->day, row->day};
    wn_buf_init(&kept.rows, KEPT_BYTES_MAX);
    wn_rc rc = wn_facts_scan(call->app->facts, call->tenant_id, &range, keep_rows, &kept, why);
    if (!rc)
        rc = wn_buf_check(&kept.rows, why);
    if (!rc)
        rc = wn_facts_tx_replace(tx, row->account_id, row->day, row->day, why);
    struct wn_str bytes = wn_buf_str(&kept.rows);
    if (!rc && bytes.n)
        rc = wn_facts_tx_append(tx, (const struct wn_stat *)(const void *)bytes.p,
                                bytes.n / sizeof(struct wn_stat), why);
    if (!rc)
        rc = wn_facts_tx_append(tx, row, 1, why);
    wn_buf_deinit(&kept.rows);
    return rc;
}

static wn_rc name_campaign(struct wn_facts_tx *tx, struct new_campaign *c, struct wn_why *why)
{
    wn_rc rc = wn_facts_tx_name(tx, WN_NAME_ACCOUNT, 0, c->account, c->account,
                                &c->campaign.account_id, why);
    if (!rc)
        rc = wn_facts_tx_name(tx, WN_NAME_CAMPAIGN, c->campaign.account_id, c->campaign.key,
                              c->campaign.name, &c->campaign.campaign_id, why);
    c->row.account_id = c->campaign.account_id;
    c->row.campaign_id = c->campaign.campaign_id;
    c->row.hour = WN_HOUR_NONE;
    return rc;
}

static wn_rc put_catalog(struct wn_call *call, struct new_campaign *c, struct wn_why *why)
{
    struct wn_tenant tenant;
    wn_rc rc = wn_catalog_tenant(call->app->catalog, call->tenant_id, call->a, &tenant, why);
    if (rc)
        return rc;
    struct wn_account account = {.tenant_id = call->tenant_id,
                                 .account_id = c->campaign.account_id,
                                 .name = c->account,
                                 .format = WN_STR("api"),
                                 .currency = tenant.currency,
                                 .created_at_ms = call->now_ms};
    struct wn_account *all = NULL;
    size_t n = 0;
    rc = wn_catalog_accounts(call->app->catalog, call->tenant_id, call->a, &all, &n, why);
    for (size_t i = 0; !rc && i < n; i++)
        if (all[i].account_id == account.account_id)
            account = all[i]; /* as an import made it */
    if (!rc)
        rc = wn_catalog_put_account(call->app->catalog, &account, why);
    c->campaign.tenant_id = call->tenant_id;
    c->campaign.created_at_ms = call->now_ms;
    c->campaign.updated_at_ms = call->now_ms;
    if (!rc)
        rc = wn_catalog_put_campaigns(call->app->catalog, &c->campaign, 1, why);
    return rc;
}

static wn_rc store(struct wn_call *call, struct new_campaign *c, struct wn_why *why)
{
    struct wn_facts_tx *tx = NULL;
    const struct wn_account *samples = NULL;
    size_t n_samples = 0;
    uint64_t n_rows;
    wn_rc rc = wn_facts_begin(call->app->facts, call->tenant_id, 0, call->now_ms, &tx, why);
    if (rc)
        return rc;
    rc = wn_sample_remove(call, tx, &samples, &n_samples, &n_rows, why);
    if (!rc)
        rc = name_campaign(tx, c, why);
    if (!rc)
        rc = write_day(call, tx, &c->row, why);
    if (rc)
        wn_facts_rollback(tx);
    else
        rc = wn_facts_commit(tx, why);
    if (!rc)
        rc = wn_sample_forget(call, samples, n_samples, why);
    if (!rc)
        rc = put_catalog(call, c, why);
    return rc;
}

wn_rc wn_handle_campaign_create(struct wn_call *call, struct wn_why *why)
{
    struct new_campaign c = {0};
    struct wn_book book = wn_call_book(call);
    struct wn_overview_campaign *found = NULL;
    size_t n = 0;
    wn_rc rc = read_campaign(call, &c, why);
    if (!rc)
        rc = store(call, &c, why);
    struct wn_overview_campaign_filter filter = {
        .channel = -1, .campaign_id = c.campaign.campaign_id, .limit = 1};
    if (!rc)
        rc = wn_overview_campaigns(&book, &filter, call->a, &found, &n, NULL, why);
    if (!rc && n == 0)
        rc = wn_fail(why, WN_INTERNAL, NULL, "the new campaign cannot be read back");
    if (rc)
        return rc;
    wn_call_created(
        call, wn_arena_printf(call->a, "/api/campaigns/%" PRId32, found[0].campaign.campaign_id));
    return answer_one(call, &found[0], why);
}
