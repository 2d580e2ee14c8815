#include "store/catalog.h"

#include <math.h>

#include "store/catalog_int.h"

static const struct wn_catalog_ops *const engines[] = {&wn_catalog_sqlite};

enum { TEXT_BYTES_MAX = 1 << 20 };

static const char *const state_names[] = {
    [WN_IMPORT_RUNNING] = "running",
    [WN_IMPORT_DONE] = "done",
    [WN_IMPORT_FAILED] = "failed",
    [WN_IMPORT_UNCHANGED] = "unchanged",
};

const char *wn_import_state_name(wn_import_state state)
{
    return (unsigned)state < WN_COUNT(state_names) ? state_names[state] : "unknown";
}

wn_rc wn_catalog_open(struct wn_str url, struct wn_catalog **out, struct wn_why *why)
{
    struct wn_str rest = url, scheme;
    if (wn_str_cut(&rest, ':', &scheme) && rest.p)
        for (size_t i = 0; i < WN_COUNT(engines); i++)
            if (wn_str_eq(scheme, wn_str_of(engines[i]->scheme)))
                return engines[i]->open(rest, out, why);
    return wn_fail(why, WN_INVALID, "catalog", "the catalog is named sqlite:PATH");
}

void wn_catalog_close(struct wn_catalog *c)
{
    if (c)
        c->ops->close(c);
}

const char *wn_catalog_engine(const struct wn_catalog *c)
{
    return c->ops->engine(c);
}

wn_rc wn_catalog_check(struct wn_catalog *c, struct wn_why *why)
{
    return c->ops->check(c, why);
}

int wn_catalog_schema_version(const struct wn_catalog *c)
{
    return c->ops->schema_version(c);
}

/* ---- checks of what comes in ------------------------------------------------------------------ */

static wn_rc check_text(struct wn_str s, const char *field, struct wn_why *why)
{
    if (s.n > TEXT_BYTES_MAX)
        return wn_fail(why, WN_LIMIT, field, "%s is longer than %d bytes", field, TEXT_BYTES_MAX);
    if (!wn_str_utf8_valid(s, NULL) || wn_str_find_char(s, '\0') < s.n)
        return wn_fail(why, WN_INVALID, field, "%s is not valid UTF-8 text", field);
    return WN_OK;
}

static wn_rc check_key(struct wn_str s, const char *field, struct wn_why *why)
{
    return s.n ? check_text(s, field, why)
               : wn_fail(why, WN_INVALID, field, "%s must not be empty", field);
}

static wn_rc check_currency(struct wn_str s, struct wn_why *why)
{
    bool ok = s.n == 3;
    for (size_t i = 0; ok && i < 3; i++)
        ok = s.p[i] >= 'A' && s.p[i] <= 'Z';
    return ok ? WN_OK
              : wn_fail(why, WN_INVALID, "currency", "a currency is three capital letters (USD)");
}

static wn_rc check_campaign(const struct wn_campaign *c, struct wn_why *why)
{
    const struct {
        struct wn_str text;
        const char *field;
    } texts[] = {
        {c->key, "key"},
        {c->name, "name"},
        {c->target_audience, "target_audience"},
        {c->goal, "goal"},
        {c->location, "location"},
        {c->language, "language"},
        {c->customer_segment, "customer_segment"},
        {c->company, "company"},
        {c->status, "status"},
    };
    if (c->campaign_id < 1)
        return wn_fail(why, WN_INVALID, "campaign_id", "a campaign's id is 1 or more");
    for (size_t i = 0; i < WN_COUNT(texts); i++) {
        wn_rc rc = check_text(texts[i].text, texts[i].field, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* ---- the functions of catalog.h --------------------------------------------------------------- */

wn_rc wn_catalog_tenant(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                        struct wn_tenant *out, struct wn_why *why)
{
    return c->ops->tenant(c, tenant_id, a, out, why);
}

wn_rc wn_catalog_set_currency(struct wn_catalog *c, int32_t tenant_id, struct wn_str currency,
                              struct wn_why *why)
{
    wn_rc rc = check_currency(currency, why);
    return rc ? rc : c->ops->set_currency(c, tenant_id, currency, why);
}

wn_rc wn_catalog_put_account(struct wn_catalog *c, const struct wn_account *account,
                             struct wn_why *why)
{
    if (account->account_id < 1)
        return wn_fail(why, WN_INVALID, "account_id", "an account's id is 1 or more");
    wn_rc rc = check_key(account->name, "name", why);
    if (!rc)
        rc = check_text(account->format, "format", why);
    if (!rc)
        rc = check_currency(account->currency, why);
    return rc ? rc : c->ops->put_account(c, account, why);
}

wn_rc wn_catalog_accounts(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                          struct wn_account **out, size_t *n_out, struct wn_why *why)
{
    return c->ops->accounts(c, tenant_id, a, out, n_out, why);
}

wn_rc wn_catalog_delete_account(struct wn_catalog *c, int32_t tenant_id, int32_t account_id,
                                struct wn_why *why)
{
    return c->ops->delete_account(c, tenant_id, account_id, why);
}

wn_rc wn_catalog_put_campaigns(struct wn_catalog *c, const struct wn_campaign *campaigns, size_t n,
                               struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = check_campaign(&campaigns[i], why);
        if (rc)
            return rc;
    }
    return n ? c->ops->put_campaigns(c, campaigns, n, why) : WN_OK;
}

wn_rc wn_catalog_campaigns(struct wn_catalog *c, int32_t tenant_id,
                           const struct wn_campaign_filter *filter, struct wn_arena *a,
                           struct wn_campaign **out, size_t *n_out, struct wn_why *why)
{
    static const struct wn_campaign_filter any = {.channel = -1};
    return c->ops->campaigns(c, tenant_id, filter ? filter : &any, a, out, n_out, why);
}

wn_rc wn_catalog_put_metric(struct wn_catalog *c, int32_t tenant_id,
                            const struct wn_metric_def *metric, struct wn_why *why)
{
    wn_rc rc = check_key(metric->name, "name", why);
    if (!rc)
        rc = check_key(metric->formula, "formula", why);
    if (!rc)
        rc = check_text(metric->label, "label", why);
    return rc ? rc : c->ops->put_metric(c, tenant_id, metric, why);
}

wn_rc wn_catalog_delete_metric(struct wn_catalog *c, int32_t tenant_id, struct wn_str name,
                               struct wn_why *why)
{
    return c->ops->delete_metric(c, tenant_id, name, why);
}

wn_rc wn_catalog_metrics(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                         struct wn_metric_def **out, size_t *n_out, struct wn_why *why)
{
    return c->ops->metrics(c, tenant_id, a, out, n_out, why);
}

static wn_rc check_import(const struct wn_import_record *r, struct wn_why *why)
{
    if ((unsigned)r->state >= WN_COUNT(state_names))
        return wn_fail(why, WN_INVALID, "state", "there is no state %d of an import",
                       (int)r->state);
    wn_rc rc = check_text(r->file_name, "file_name", why);
    if (!rc)
        rc = check_text(r->content_hash, "content_hash", why);
    return rc ? rc : check_text(r->summary_json, "summary_json", why);
}

wn_rc wn_catalog_add_import(struct wn_catalog *c, const struct wn_import_record *record,
                            int64_t *out_id, struct wn_why *why)
{
    wn_rc rc = check_import(record, why);
    return rc ? rc : c->ops->add_import(c, record, out_id, why);
}

wn_rc wn_catalog_finish_import(struct wn_catalog *c, const struct wn_import_record *record,
                               struct wn_why *why)
{
    wn_rc rc = check_import(record, why);
    return rc ? rc : c->ops->finish_import(c, record, why);
}

wn_rc wn_catalog_import(struct wn_catalog *c, int32_t tenant_id, int64_t import_id,
                        struct wn_arena *a, struct wn_import_record *out, struct wn_why *why)
{
    return c->ops->import(c, tenant_id, import_id, a, out, why);
}

wn_rc wn_catalog_imports(struct wn_catalog *c, int32_t tenant_id, size_t limit, struct wn_arena *a,
                         struct wn_import_record **out, size_t *n_out, struct wn_why *why)
{
    return c->ops->imports(c, tenant_id, limit, a, out, n_out, why);
}

wn_rc wn_catalog_import_by_hash(struct wn_catalog *c, int32_t tenant_id, struct wn_str content_hash,
                                struct wn_arena *a, struct wn_import_record *out,
                                struct wn_why *why)
{
    return c->ops->import_by_hash(c, tenant_id, content_hash, a, out, why);
}

static wn_rc check_prediction(const struct wn_prediction *p, struct wn_why *why)
{
    if (p->campaign_id < 1)
        return wn_fail(why, WN_INVALID, "campaign_id", "a campaign's id is 1 or more");
    if (!isfinite(p->roi_ratio) || !(p->roi_low_ratio <= p->roi_ratio) ||
        !(p->roi_ratio <= p->roi_high_ratio) || !isfinite(p->roi_low_ratio) ||
        !isfinite(p->roi_high_ratio))
        return wn_fail(why, WN_INVALID, "roi", "a prediction is a number within its interval");
    if (!(p->confidence_ratio >= 0 && p->confidence_ratio <= 1))
        return wn_fail(why, WN_INVALID, "confidence", "a confidence is from 0 to 1");
    if (p->risk > 2)
        return wn_fail(why, WN_INVALID, "risk", "a risk is 0, 1 or 2");
    if (p->horizon_days < 1)
        return wn_fail(why, WN_INVALID, "horizon_days", "a horizon is 1 day or more");
    wn_rc rc = check_key(p->drivers_json, "drivers_json", why);
    return rc ? rc : check_key(p->method, "method", why);
}

wn_rc wn_catalog_add_predictions(struct wn_catalog *c, const struct wn_prediction *predictions,
                                 size_t n, int64_t *out_ids, struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        wn_rc rc = check_prediction(&predictions[i], why);
        if (rc)
            return rc;
    }
    return n ? c->ops->add_predictions(c, predictions, n, out_ids, why) : WN_OK;
}

wn_rc wn_catalog_predictions(struct wn_catalog *c, int32_t tenant_id,
                             const struct wn_prediction_filter *filter, struct wn_arena *a,
                             struct wn_prediction **out, size_t *n_out, struct wn_why *why)
{
    static const struct wn_prediction_filter all = {0};
    return c->ops->predictions(c, tenant_id, filter ? filter : &all, a, out, n_out, why);
}

wn_rc wn_catalog_get_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                             struct wn_arena *a, struct wn_str *out, struct wn_why *why)
{
    return c->ops->get_setting(c, tenant_id, key, a, out, why);
}

wn_rc wn_catalog_put_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                             struct wn_str value, struct wn_why *why)
{
    wn_rc rc = check_key(key, "key", why);
    if (!rc)
        rc = check_text(value, "value", why);
    return rc ? rc : c->ops->put_setting(c, tenant_id, key, value, why);
}
