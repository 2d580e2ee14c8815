/* The sample workspace: put in where there is nothing, taken out in one piece. */
#include "serve/handlers.h"

#include "core/date.h"
#include "decide/overview.h"

static void write_day(struct wn_json_writer *w, const char *key, bool has, int32_t day)
{
    wn_json_key(w, key);
    if (has)
        wn_json_day(w, day);
    else
        wn_json_null(w);
}

wn_rc wn_handle_sample_create(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    int32_t from = 0, to = 0;
    int64_t n_rows = 0;
    bool has_data = false;
    if (!call->app->load_sample)
        return wn_fail(why, WN_CONFLICT, NULL, "this server does not offer the sample");
    wn_rc rc = call->app->load_sample(call->app, why);
    if (!rc)
        rc = wn_book_extent(&book, call->a, &from, &to, &n_rows, &has_data, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "is_sample");
    wn_json_bool(&json.w, true);
    wn_json_key(&json.w, "n_rows");
    wn_json_i64(&json.w, n_rows);
    write_day(&json.w, "data_from", has_data, from);
    write_day(&json.w, "data_to", has_data, to);
    wn_json_end(&json.w);
    call->response->status = 201;
    return wn_call_json_end(call, &json, why);
}

static wn_rc count_rows(void *context, const struct wn_stat *rows, size_t n_rows,
                        struct wn_why *why)
{
    (void)rows;
    (void)why;
    *(uint64_t *)context += n_rows;
    return WN_OK;
}

wn_rc wn_sample_remove(struct wn_call *call, struct wn_facts_tx *tx,
                       const struct wn_account **accounts, size_t *n_accounts, uint64_t *n_rows,
                       struct wn_why *why)
{
    struct wn_account *all = NULL;
    size_t n_all = 0, n = 0;
    uint64_t rows = 0;
    wn_rc rc = wn_catalog_accounts(call->app->catalog, call->tenant_id, call->a, &all, &n_all, why);
    for (size_t i = 0; !rc && i < n_all; i++) {
        if (!all[i].is_sample)
            continue;
        struct wn_facts_range range = {all[i].account_id, WN_DAY_MIN, WN_DAY_MAX};
        rc = wn_facts_scan(call->app->facts, call->tenant_id, &range, count_rows, &rows, why);
        if (!rc)
            rc = wn_facts_tx_delete_account(tx, all[i].account_id, why);
        all[n++] = all[i];
    }
    if (rc)
        return rc;
    *accounts = all;
    *n_accounts = n;
    *n_rows = rows;
    return WN_OK;
}

wn_rc wn_sample_forget(struct wn_call *call, const struct wn_account *accounts, size_t n_accounts,
                       struct wn_why *why)
{
    wn_rc rc = WN_OK;
    for (size_t i = 0; !rc && i < n_accounts; i++)
        rc = wn_catalog_delete_account(call->app->catalog, call->tenant_id, accounts[i].account_id,
                                       why);
    return rc;
}

wn_rc wn_handle_sample_delete(struct wn_call *call, struct wn_why *why)
{
    struct wn_facts_tx *tx = NULL;
    const struct wn_account *accounts = NULL;
    size_t n_accounts = 0;
    uint64_t n_rows = 0;
    wn_rc rc = wn_facts_begin(call->app->facts, call->tenant_id, 0, call->now_ms, &tx, why);
    if (rc)
        return rc;
    rc = wn_sample_remove(call, tx, &accounts, &n_accounts, &n_rows, why);
    if (rc || n_accounts == 0)
        wn_facts_rollback(tx);
    else
        rc = wn_facts_commit(tx, why);
    if (!rc)
        rc = wn_sample_forget(call, accounts, n_accounts, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "removed_rows");
    wn_json_i64(&json.w, (int64_t)n_rows);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}
