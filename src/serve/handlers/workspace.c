/* What the workspace holds: the first thing the page asks. */
#include "serve/handlers.h"

#include "decide/overview.h"
#include "domain/stat.h"

static void write_tenant(struct wn_json_writer *w, const struct wn_tenant *tenant)
{
    wn_json_key(w, "tenant");
    wn_json_begin_object(w);
    wn_json_key(w, "name");
    wn_json_text(w, tenant->name);
    wn_json_key(w, "currency");
    wn_json_text(w, tenant->currency);
    wn_json_key(w, "time_zone");
    wn_json_text(w, tenant->time_zone);
    wn_json_end(w);
}

static void write_accounts(struct wn_json_writer *w, const struct wn_account *accounts, size_t n)
{
    wn_json_key(w, "accounts");
    wn_json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "account_id");
        wn_json_i64(w, accounts[i].account_id);
        wn_json_key(w, "name");
        wn_json_text(w, accounts[i].name);
        wn_json_key(w, "format");
        wn_json_text(w, accounts[i].format);
        wn_json_key(w, "currency");
        wn_json_text(w, accounts[i].currency);
        wn_json_key(w, "is_sample");
        wn_json_bool(w, accounts[i].is_sample);
        wn_json_end(w);
    }
    wn_json_end(w);
}

/* The channels that have rows, in order of name. */
static wn_rc write_channels(struct wn_call *call, struct wn_json_writer *w, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_query_text text = {.metrics = WN_STR("impressions"), .by = WN_STR("channel")};
    struct wn_query query;
    struct wn_table *table = NULL;
    wn_rc rc = wn_book_query(&book, &text, call->a, &query, &table, why);
    if (rc)
        return rc;
    for (size_t i = 0; i < table->n_rows; i++) {
        struct wn_str name = wn_table_at(table, i, 0)->text;
        const struct wn_code *code = wn_code_by_name(wn_channels, wn_n_channels, name);
        wn_json_begin_object(w);
        wn_json_key(w, "name");
        wn_json_text(w, name);
        wn_json_key(w, "label");
        wn_json_text(w, code ? wn_str_of(code->label) : name);
        wn_json_end(w);
    }
    return WN_OK;
}

struct extent {
    int32_t from, to;
    int64_t n_rows;
    bool has_data;
};

static void write_extent(struct wn_json_writer *w, const struct extent *e)
{
    wn_json_key(w, "has_data");
    wn_json_bool(w, e->has_data);
    wn_json_key(w, "data_from");
    if (e->has_data)
        wn_json_day(w, e->from);
    else
        wn_json_null(w);
    wn_json_key(w, "data_to");
    if (e->has_data)
        wn_json_day(w, e->to);
    else
        wn_json_null(w);
    wn_json_key(w, "n_rows");
    wn_json_i64(w, e->has_data ? e->n_rows : 0);
}

wn_rc wn_handle_workspace(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_tenant tenant;
    struct wn_account *accounts = NULL;
    size_t n_accounts = 0;
    struct extent e = {0};
    bool is_sample = false;
    wn_rc rc = wn_catalog_tenant(call->app->catalog, call->tenant_id, call->a, &tenant, why);
    if (!rc)
        rc = wn_catalog_accounts(call->app->catalog, call->tenant_id, call->a, &accounts,
                                 &n_accounts, why);
    if (!rc)
        rc = wn_book_extent(&book, call->a, &e.from, &e.to, &e.n_rows, &e.has_data, why);
    if (!rc)
        rc = wn_call_is_sample(call, &is_sample, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    write_tenant(&json.w, &tenant);
    wn_json_key(&json.w, "version");
    wn_json_text_z(&json.w, call->app->version);
    write_extent(&json.w, &e);
    wn_json_key(&json.w, "is_sample");
    wn_json_bool(&json.w, is_sample);
    write_accounts(&json.w, accounts, n_accounts);
    wn_json_key(&json.w, "channels");
    wn_json_begin_array(&json.w);
    if (e.has_data)
        rc = write_channels(call, &json.w, why);
    if (rc) {
        wn_buf_deinit(&json.buf);
        return rc;
    }
    wn_json_end(&json.w);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}
