#include "decide/report.h"

#include "core/date.h"
#include "decide/report_int.h"

#include <stdio.h>
#include <string.h>

/* Those of them that exist become the columns of the workbook. */
static const char *const report_metrics[] = {
    "spend", "revenue", "roas",        "roi", "impressions",     "clicks", "ctr",
    "cpc",   "cpm",     "conversions", "cvr", "conversion_rate", "cpa"};

static wn_rc choose_metrics(const struct wn_book *book, struct wn_arena *a,
                            struct report_data *data, struct wn_str *names, struct wn_why *why)
{
    struct wn_metrics *metrics;
    wn_rc rc = wn_book_metrics(book, a, &metrics, why);
    if (rc)
        return rc;
    const struct wn_metric **chosen =
        WN_ARENA_ARRAY(a, WN_COUNT(report_metrics), const struct wn_metric *);
    struct wn_buf list;
    wn_buf_init(&list, 4096);
    for (size_t i = 0; chosen && i < WN_COUNT(report_metrics); i++) {
        const struct wn_metric *m = wn_metrics_get(metrics, wn_str_of(report_metrics[i]));
        if (!m)
            continue;
        wn_buf_printf(&list, "%s%s", data->n_metrics ? "," : "", report_metrics[i]);
        chosen[data->n_metrics++] = m;
    }
    *names = wn_arena_dup(a, wn_buf_str(&list));
    rc = wn_buf_check(&list, why);
    wn_buf_deinit(&list);
    if (!rc && (!chosen || !names->p))
        rc = wn_fail(why, WN_MEMORY, NULL, "there is no memory for the report");
    data->metrics = chosen;
    return rc;
}

static wn_rc has_sample(const struct wn_book *book, struct wn_arena *a, bool *out,
                        struct wn_why *why)
{
    struct wn_account *accounts;
    size_t n;
    wn_rc rc = wn_catalog_accounts(book->catalog, book->tenant_id, a, &accounts, &n, why);
    if (rc)
        return rc;
    *out = false;
    for (size_t i = 0; i < n; i++)
        *out |= accounts[i].is_sample;
    return WN_OK;
}

wn_rc report_facts(const struct wn_book *book, struct wn_arena *a, struct wn_str *currency,
                   bool *sample, struct wn_why *why)
{
    struct wn_tenant tenant;
    wn_rc rc = wn_catalog_tenant(book->catalog, book->tenant_id, a, &tenant, why);
    if (rc)
        return rc;
    *currency = tenant.currency;
    return has_sample(book, a, sample, why);
}

wn_rc wn_report_xlsx(const struct wn_book *book, int32_t day_from, int32_t day_to,
                     struct wn_arena *a, struct wn_buf *out, struct wn_why *why)
{
    if (day_from > day_to)
        return wn_fail(why, WN_INVALID, "from", "from must not be after to");
    struct report_data data = {.day_from = day_from, .day_to = day_to};
    wn_compare_range(WN_COMPARE_PREVIOUS, day_from, day_to, &data.previous_from, &data.previous_to);
    struct wn_str names;
    wn_rc rc = report_facts(book, a, &data.currency, &data.has_sample, why);
    if (!rc)
        rc = choose_metrics(book, a, &data, &names, why);
    if (rc)
        return rc;

    char from[WN_DAY_TEXT_MAX], to[WN_DAY_TEXT_MAX], limit[16];
    wn_print_day(day_from, from);
    wn_print_day(day_to, to);
    snprintf(limit, sizeof limit, "%d", WN_REPORT_CAMPAIGNS_MAX + 1);
    struct wn_query_text text = {.metrics = names, .from = wn_str_of(from), .to = wn_str_of(to)};
    struct wn_table *totals, *channels, *campaigns, *daily;
    struct wn_query query;

    text.compare = WN_STR("previous");
    rc = wn_book_query(book, &text, a, &query, &totals, why);
    text.compare = WN_STR("");
    text.by = WN_STR("day");
    if (!rc)
        rc = wn_book_query(book, &text, a, &query, &daily, why);
    text.sort = WN_STR("-spend");
    text.by = WN_STR("channel");
    if (!rc)
        rc = wn_book_query(book, &text, a, &query, &channels, why);
    text.by = WN_STR("channel,account,campaign");
    text.limit = wn_str_of(limit);
    if (!rc)
        rc = wn_book_query(book, &text, a, &query, &campaigns, why);
    if (rc)
        return rc;
    data.campaigns_cut = campaigns->n_rows > WN_REPORT_CAMPAIGNS_MAX;
    if (data.campaigns_cut)
        campaigns->n_rows = WN_REPORT_CAMPAIGNS_MAX;
    data.totals = totals;
    data.daily = daily;
    data.channels = channels;
    data.campaigns = campaigns;
    return report_write(&data, a, out, why);
}
