/* Tenants, their accounts, settings and own metrics in SQLite. */
#include "store/catalog/sqlite_int.h"

/* ---- tenants and accounts --------------------------------------------------------------------- */

wn_rc wn_sqlite_tenant(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                       struct wn_tenant *out, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c, "SELECT name, currency, time_zone FROM tenants WHERE tenant_id = ?",
                      "read the tenant", why);
    struct wn_tenant t = {.tenant_id = tenant_id};
    wn_sqlite_put_int(&q, tenant_id);
    if (wn_sqlite_next_row(&q)) {
        t.name = wn_sqlite_take_text(&q, a);
        t.currency = wn_sqlite_take_text(&q, a);
        t.time_zone = wn_sqlite_take_text(&q, a);
    } else if (!q.rc) {
        q.rc = wn_fail(why, WN_NOT_FOUND, "tenant_id", "there is no tenant %ld", (long)tenant_id);
    }
    if (!q.rc)
        *out = t;
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_set_currency(struct wn_catalog *c, int32_t tenant_id, struct wn_str currency,
                             struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask(c, "UPDATE tenants SET currency = ? WHERE tenant_id = ?",
                                           "set the currency", why);
    wn_sqlite_put_text(&q, currency);
    wn_sqlite_put_int(&q, tenant_id);
    if (!wn_sqlite_changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "tenant_id", "there is no tenant %ld", (long)tenant_id);
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_put_account(struct wn_catalog *c, const struct wn_account *account,
                            struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "INSERT INTO accounts (tenant_id, account_id, name, format, currency,"
                      " is_sample, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT (tenant_id, account_id) DO UPDATE SET name = excluded.name,"
                      " format = excluded.format, currency = excluded.currency,"
                      " is_sample = excluded.is_sample",
                      "store the account", why);
    wn_sqlite_put_int(&q, account->tenant_id);
    wn_sqlite_put_int(&q, account->account_id);
    wn_sqlite_put_text(&q, account->name);
    wn_sqlite_put_text(&q, account->format);
    wn_sqlite_put_text(&q, account->currency);
    wn_sqlite_put_int(&q, account->is_sample);
    wn_sqlite_put_int(&q, account->created_at_ms);
    (void)wn_sqlite_changes(&q);
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_accounts(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                         struct wn_account **out, size_t *n_out, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "SELECT account_id, name, format, currency, is_sample, created_at_ms"
                      " FROM accounts WHERE tenant_id = ? ORDER BY account_id",
                      "read the accounts", why);
    struct wn_account *list = NULL;
    size_t n = 0;
    wn_sqlite_put_int(&q, tenant_id);
    while (wn_sqlite_next_row(&q)) {
        list = wn_sqlite_room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        struct wn_account *x = &list[n++];
        *x = (struct wn_account){.tenant_id = tenant_id};
        x->account_id = (int32_t)wn_sqlite_take_int(&q);
        x->name = wn_sqlite_take_text(&q, a);
        x->format = wn_sqlite_take_text(&q, a);
        x->currency = wn_sqlite_take_text(&q, a);
        x->is_sample = wn_sqlite_take_int(&q) != 0;
        x->created_at_ms = wn_sqlite_take_int(&q);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_delete_account(struct wn_catalog *c, int32_t tenant_id, int32_t account_id,
                               struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c, "DELETE FROM accounts WHERE tenant_id = ? AND account_id = ?",
                      "delete the account", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_int(&q, account_id);
    if (!wn_sqlite_changes(&q) && !q.rc)
        q.rc =
            wn_fail(why, WN_NOT_FOUND, "account_id", "there is no account %ld", (long)account_id);
    return wn_sqlite_done(&q);
}

/* ---- metrics ---------------------------------------------------------------------------------- */

wn_rc wn_sqlite_put_metric(struct wn_catalog *c, int32_t tenant_id,
                           const struct wn_metric_def *metric, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "INSERT INTO metrics (tenant_id, name, formula, label)"
                      " VALUES (?, ?, ?, ?) ON CONFLICT (tenant_id, name) DO UPDATE SET"
                      " formula = excluded.formula, label = excluded.label",
                      "store the metric", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_text(&q, metric->name);
    wn_sqlite_put_text(&q, metric->formula);
    wn_sqlite_put_text(&q, metric->label);
    (void)wn_sqlite_changes(&q);
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_delete_metric(struct wn_catalog *c, int32_t tenant_id, struct wn_str name,
                              struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask(
        c, "DELETE FROM metrics WHERE tenant_id = ? AND name = ?", "delete the metric", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_text(&q, name);
    if (!wn_sqlite_changes(&q) && !q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "name", "there is no metric %.*s", WN_STR_ARG(name));
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_metrics(struct wn_catalog *c, int32_t tenant_id, struct wn_arena *a,
                        struct wn_metric_def **out, size_t *n_out, struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask(
        c, "SELECT name, formula, label FROM metrics WHERE tenant_id = ? ORDER BY name",
        "read the metrics", why);
    struct wn_metric_def *list = NULL;
    size_t n = 0;
    wn_sqlite_put_int(&q, tenant_id);
    while (wn_sqlite_next_row(&q)) {
        list = wn_sqlite_room(&q, a, list, n, sizeof *list);
        if (!list)
            break;
        struct wn_metric_def *x = &list[n++];
        x->name = wn_sqlite_take_text(&q, a);
        x->formula = wn_sqlite_take_text(&q, a);
        x->label = wn_sqlite_take_text(&q, a);
    }
    if (!q.rc) {
        *out = list;
        *n_out = n;
    }
    return wn_sqlite_done(&q);
}

/* ---- settings --------------------------------------------------------------------------------- */

wn_rc wn_sqlite_get_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                            struct wn_arena *a, struct wn_str *out, struct wn_why *why)
{
    struct sqlite_asking q = wn_sqlite_ask(
        c, "SELECT value FROM settings WHERE tenant_id = ? AND key = ?", "read the setting", why);
    struct wn_str value = {0};
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_text(&q, key);
    if (wn_sqlite_next_row(&q))
        value = wn_sqlite_take_text(&q, a);
    else if (!q.rc)
        q.rc = wn_fail(why, WN_NOT_FOUND, "key", "there is no setting %.*s", WN_STR_ARG(key));
    if (!q.rc)
        *out = value;
    return wn_sqlite_done(&q);
}

wn_rc wn_sqlite_put_setting(struct wn_catalog *c, int32_t tenant_id, struct wn_str key,
                            struct wn_str value, struct wn_why *why)
{
    struct sqlite_asking q =
        wn_sqlite_ask(c,
                      "INSERT INTO settings (tenant_id, key, value) VALUES (?, ?, ?)"
                      " ON CONFLICT (tenant_id, key) DO UPDATE SET value = excluded.value",
                      "store the setting", why);
    wn_sqlite_put_int(&q, tenant_id);
    wn_sqlite_put_text(&q, key);
    wn_sqlite_put_text(&q, value);
    (void)wn_sqlite_changes(&q);
    return wn_sqlite_done(&q);
}
