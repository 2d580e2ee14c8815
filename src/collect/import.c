#include "collect/import.h"

#include "collect/import_int.h"
#include "core/json.h"
#include "io/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUMMARY_BYTES_MAX ((size_t)16 << 20)
#define EARLIER_IMPORTS_MAX 200

/* Everything of one run. */
struct run {
    const struct wn_import_stores *stores;
    const struct wn_import_source *source;
    const struct wn_import_options *options;
    wn_import_progress_fn *on_progress;
    void *progress_context;
    struct wn_arena *a;
    struct wn_import_summary *out;
    struct import_plan plan;
    struct import_job *job;
    struct wn_facts_tx *tx;
    uint64_t content_hash;
    struct wn_account *known; /* accounts of the tenant before */
    size_t n_known;
    struct wn_tenant tenant;
    bool is_unchanged;
    size_t n_sample; /* sample accounts removed */
};

/* ---- passes over the file --------------------------------------------------------------------- */

static wn_rc look_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    (void)why;
    struct import_plan *plan = context;
    if (record->line > plan->header_line)
        plan_look(plan, record->fields, record->n_fields);
    return WN_OK;
}

static wn_rc row_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct import_job *job = context;
    if (record->line <= job->plan->header_line)
        return WN_OK;
    wn_rc rc = job_row(job, record->fields, record->n_fields, record->line, why);
    if (rc == WN_OK && job->needs_look)
        return PUMP_STOP;
    return rc;
}

/* Looks at the whole file for the order of dates and the decimal sign. */
static wn_rc look_at_all(struct run *r, struct wn_why *why)
{
    bool stopped;
    struct pump pump = {.source = r->source, .separator = r->out->separator};
    for (size_t c = 0; c < r->plan.n_columns; c++)
        r->plan.decimal_looks[c] = (struct wn_decimal_look){0};
    r->plan.dates = (struct wn_date_look){0};
    wn_rc rc = pump_run(&pump, look_record, &r->plan, &stopped, why);
    if (rc)
        return rc;
    plan_settle(&r->plan);
    r->plan.looked = true;
    r->plan.is_open = false;
    return WN_OK;
}

static void forget_rows(struct wn_import_summary *out)
{
    out->n_rows_read = out->n_rows_imported = out->n_rows_skipped = 0;
    out->n_errors = out->n_remarks = 0;
    out->n_problems = 0;
    out->problems = NULL;
    memset(out->totals, 0, sizeof out->totals);
}

static wn_rc refuse_cut_off(struct import_job *job, const struct pump *pump, struct wn_why *why)
{
    if (!job->is_last_short || pump->ends_in_line_end)
        return WN_OK;
    wn_rc rc = wn_fail(why, WN_INVALID, "file",
                       "line %llu ends in the middle: the file was cut off; nothing was imported",
                       (unsigned long long)job->last_line);
    if (why)
        why->line = job->last_line;
    return rc;
}

static wn_rc begin(struct run *r, struct wn_why *why)
{
    const struct wn_import_stores *s = r->stores;
    job_deinit(r->job);
    memset(r->job, 0, sizeof *r->job);
    wn_facts_rollback(r->tx);
    r->tx = NULL;
    forget_rows(r->out);
    if (!r->options->dry_run) {
        wn_rc rc =
            wn_facts_begin(s->facts, s->tenant_id, r->out->import_id, s->now_ms, &r->tx, why);
        if (rc)
            return rc;
        /* Before any name is taken: an account of the sample may bear the same one. */
        r->n_sample = 0;
        for (size_t i = 0; i < r->n_known; i++) {
            if (!r->known[i].is_sample)
                continue;
            rc = wn_facts_tx_delete_account(r->tx, r->known[i].account_id, why);
            if (rc)
                return rc;
            r->n_sample++;
        }
    }
    return job_init(r->job, r->options, &r->plan, r->out, r->a, r->tx, why);
}

static wn_rc read_rows(struct run *r, struct wn_why *why)
{
    for (;;) {
        bool stopped = false;
        wn_rc rc = begin(r, why);
        if (rc)
            return rc;
        struct pump pump = {.source = r->source,
                            .separator = r->out->separator,
                            .on_progress = r->on_progress,
                            .progress_context = r->progress_context,
                            .n_rows = &r->out->n_rows_read};
        rc = pump_run(&pump, row_record, r->job, &stopped, why);
        if (rc)
            return rc;
        if (!stopped) {
            r->content_hash = pump.hash;
            rc = refuse_cut_off(r->job, &pump, why);
            return rc ? rc : job_flush(r->job, why);
        }
        rc = look_at_all(r, why);
        if (rc)
            return rc;
    }
}

/* ---- what was there before -------------------------------------------------------------------- */

static wn_rc count_before(void *context, const struct wn_stat *rows, size_t n_rows,
                          struct wn_why *why)
{
    (void)why;
    struct import_account *account = context;
    for (size_t i = 0; i < n_rows; i++) {
        int32_t day = rows[i].day;
        if (day < 0 || day > WN_DAY_MAX || !(account->days[day / 64] >> (day % 64) & 1))
            continue;
        account->n_rows_before++;
        account->content_before += stat_hash(&rows[i]);
    }
    return WN_OK;
}

static bool is_known(const struct run *r, int32_t account_id)
{
    for (size_t i = 0; i < r->n_known; i++)
        if (r->known[i].account_id == account_id && !r->known[i].is_sample)
            return true;
    return false;
}

/* Marks the runs of days that the file covers as replaced. */
static wn_rc replace_days(struct run *r, const struct import_account *account, struct wn_why *why)
{
    int32_t from = -1;
    for (int32_t day = 0; day <= WN_DAY_MAX + 1; day++) {
        bool covered = day <= WN_DAY_MAX && (account->days[day / 64] >> (day % 64) & 1) != 0;
        if (covered && from < 0)
            from = day;
        if (!covered && from >= 0) {
            wn_rc rc = wn_facts_tx_replace(r->tx, account->account_id, from, day - 1, why);
            if (rc)
                return rc;
            from = -1;
        }
    }
    return WN_OK;
}

static wn_rc compare_and_replace(struct run *r, struct wn_why *why)
{
    struct import_job *job = r->job;
    r->is_unchanged = r->n_sample == 0 && job->n_accounts > 0;
    for (size_t i = 0; i < job->n_accounts; i++) {
        struct import_account *account = &job->accounts[i];
        /* The days a row covers may reach behind its own: all of them are looked at. */
        struct wn_facts_range range = {account->account_id, WN_DAY_MIN, WN_DAY_MAX};
        wn_rc rc = WN_OK;
        if (is_known(r, account->account_id))
            rc = wn_facts_scan(r->stores->facts, r->stores->tenant_id, &range, count_before,
                               account, why);
        if (rc || (rc = replace_days(r, account, why)))
            return rc;
        r->is_unchanged &= account->n_rows == account->n_rows_before &&
                           account->content == account->content_before;
    }
    return WN_OK;
}

/* ---- is the same data here already, under another name? --------------------------------------- */

struct sums {
    int64_t spend, impressions;
    uint64_t n;
};

static wn_rc add_sums(void *context, const struct wn_stat *rows, size_t n_rows, struct wn_why *why)
{
    (void)why;
    struct sums *s = context;
    for (size_t i = 0; i < n_rows; i++) {
        if (!wn_add_i64(s->spend, rows[i].measures[WN_MEASURE_SPEND], &s->spend) ||
            !wn_add_i64(s->impressions, rows[i].measures[WN_MEASURE_IMPRESSIONS], &s->impressions))
            return WN_LIMIT;
    }
    s->n += n_rows;
    return WN_OK;
}

static void warn_of_double(struct run *r)
{
    struct import_job *job = r->job;
    const struct wn_import_summary *out = r->out;
    if (job->n_accounts != 1 ||
        (out->totals[WN_MEASURE_SPEND] == 0 && out->totals[WN_MEASURE_IMPRESSIONS] == 0))
        return;
    for (size_t i = 0; i < r->n_known; i++) {
        const struct wn_account *other = &r->known[i];
        if (other->is_sample || other->account_id == job->accounts[0].account_id)
            continue;
        struct sums sums = {0};
        struct wn_facts_range range = {other->account_id, out->day_from, out->day_to};
        if (wn_facts_scan(r->stores->facts, r->stores->tenant_id, &range, add_sums, &sums, NULL))
            continue;
        if (sums.n == 0 || sums.spend != out->totals[WN_MEASURE_SPEND] ||
            sums.impressions != out->totals[WN_MEASURE_IMPRESSIONS])
            continue;
        job_problem(job, false, 0, -1, other->name,
                    "account \"%.*s\" has the same spend and impressions on the same days: the "
                    "totals now count them twice; to replace that account's days instead, import "
                    "with the account name \"%.*s\" (--account)",
                    WN_STR_ARG(other->name), WN_STR_ARG(other->name));
        return;
    }
}

/* ---- the summary ------------------------------------------------------------------------------ */

static wn_rc sum_up(struct run *r, struct wn_why *why)
{
    struct wn_import_summary *out = r->out;
    struct import_job *job = r->job;
    out->n_accounts = job->n_accounts;
    out->accounts = WN_ARENA_ARRAY(r->a, job->n_accounts, struct wn_import_account_summary);
    if (!out->accounts)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the summary");
    out->day_from = 1;
    out->day_to = 0;
    for (size_t i = 0; i < job->n_accounts; i++) {
        const struct import_account *account = &job->accounts[i];
        out->accounts[i] = (struct wn_import_account_summary){
            account->account_id, account->name,   account->day_from,
            account->day_to,     account->n_rows, account->n_rows_before};
        if (i == 0 || account->day_from < out->day_from)
            out->day_from = account->day_from;
        if (i == 0 || account->day_to > out->day_to)
            out->day_to = account->day_to;
    }
    return WN_OK;
}

static wn_rc set_message(struct run *r, struct wn_why *why)
{
    struct wn_import_summary *out = r->out;
    struct wn_buf b;
    char from[WN_DAY_TEXT_MAX], to[WN_DAY_TEXT_MAX];
    wn_buf_init(&b, 4096);
    uint64_t n_early = out->n_rows_read < HEAD_ROWS_MAX ? out->n_rows_read : HEAD_ROWS_MAX;
    if (r->job && r->job->n_early_errors * 2 > n_early)
        wn_buf_printf(&b,
                      "CAUTION: more than half of the first rows could not be understood; check "
                      "format and columns. ");
    if (out->n_rows_imported == 0) {
        wn_buf_append_z(&b, "The file has no rows");
        if (out->n_rows_skipped)
            wn_buf_append_z(&b, " but totals");
        wn_buf_append_z(&b, ": there is nothing to import.");
    } else {
        wn_print_day(out->day_from, from);
        wn_print_day(out->day_to, to);
        const char *what = out->dry_run ? "can be imported"
                           : out->state == WN_IMPORT_UNCHANGED
                               ? "were here already: nothing changed"
                               : "imported";
        wn_buf_printf(&b, "%llu %s (%s to %s) %s.", (unsigned long long)out->n_rows_imported,
                      out->n_rows_imported == 1 ? "row" : "rows", from, to, what);
    }
    if (out->n_errors)
        wn_buf_printf(&b, " %llu %s left out, see the problems.", (unsigned long long)out->n_errors,
                      out->n_errors == 1 ? "row was" : "rows were");
    if (r->n_sample && out->state == WN_IMPORT_DONE && !out->dry_run && out->n_rows_imported)
        wn_buf_append_z(&b, " The sample data was removed.");
    wn_rc rc = wn_buf_check(&b, why);
    out->message = rc ? WN_STR("") : wn_arena_dup(r->a, wn_buf_str(&b));
    wn_buf_deinit(&b);
    return rc ? rc : out->message.p ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "no memory");
}

/* ---- the catalog ------------------------------------------------------------------------------ */

static wn_rc gather(struct run *r, struct wn_why *why)
{
    const struct wn_import_stores *s = r->stores;
    wn_rc rc = wn_catalog_tenant(s->catalog, s->tenant_id, r->a, &r->tenant, why);
    if (rc)
        return rc;
    rc = wn_catalog_accounts(s->catalog, s->tenant_id, r->a, &r->known, &r->n_known, why);
    if (rc)
        return rc;
    if (r->out->import_id)
        return WN_OK; /* the caller has added the record */
    struct wn_import_record record = {.tenant_id = s->tenant_id,
                                      .state = WN_IMPORT_RUNNING,
                                      .file_name = r->out->file_name,
                                      .created_at_ms = s->now_ms};
    return wn_catalog_add_import(s->catalog, &record, &r->out->import_id, why);
}

static double agreed(const struct stated *s)
{
    return s->given && !s->differs ? s->value : NAN;
}

static wn_rc put_campaigns(struct run *r, struct wn_why *why)
{
    struct import_job *job = r->job;
    struct wn_campaign *list = calloc(job->n_campaigns ? job->n_campaigns : 1, sizeof *list);
    if (!list)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the campaigns");
    for (size_t i = 0; i < job->n_campaigns; i++) {
        list[i] = job->campaigns[i].c;
        list[i].tenant_id = r->stores->tenant_id;
        list[i].reported_conversion_rate_ratio = agreed(&job->campaigns[i].rate);
        list[i].reported_roi_ratio = agreed(&job->campaigns[i].roi);
        list[i].engagement_score = agreed(&job->campaigns[i].score);
        list[i].source_id = r->out->import_id;
        list[i].created_at_ms = list[i].updated_at_ms = r->stores->now_ms;
    }
    wn_rc rc = job->n_campaigns
                   ? wn_catalog_put_campaigns(r->stores->catalog, list, job->n_campaigns, why)
                   : WN_OK;
    free(list);
    return rc;
}

static bool has_real_account(const struct run *r)
{
    for (size_t i = 0; i < r->n_known; i++)
        if (!r->known[i].is_sample)
            return true;
    return false;
}

/* The first real data decides the currency of an empty workspace; later a difference is told. */
static wn_rc settle_currency(struct run *r, struct wn_why *why)
{
    struct wn_str currency = wn_str_of(r->plan.currency);
    if (!currency.n || wn_str_eq(currency, r->tenant.currency))
        return WN_OK;
    if (!has_real_account(r))
        return wn_catalog_set_currency(r->stores->catalog, r->stores->tenant_id, currency, why);
    job_problem(r->job, false, 0, -1, currency,
                "the amounts are in %s, the workspace shows %.*s: they are added as they are, "
                "without conversion",
                r->plan.currency, WN_STR_ARG(r->tenant.currency));
    return WN_OK;
}

/* Runs when the rows are durable. What it writes can be written again: importing the same file once
 * more completes it, should the catalog fail here. */
static wn_rc put_catalog(struct run *r, struct wn_why *why)
{
    const struct wn_import_stores *s = r->stores;
    struct wn_str currency = r->plan.currency[0] ? wn_str_of(r->plan.currency) : r->tenant.currency;
    wn_rc rc = settle_currency(r, why);
    for (size_t i = 0; i < r->job->n_accounts && rc == WN_OK; i++) {
        struct wn_account account = {.tenant_id = s->tenant_id,
                                     .account_id = r->job->accounts[i].account_id,
                                     .name = r->job->accounts[i].name,
                                     .format = r->out->format,
                                     .currency = currency,
                                     .created_at_ms = s->now_ms};
        rc = wn_catalog_put_account(s->catalog, &account, why);
    }
    if (rc == WN_OK)
        rc = put_campaigns(r, why);
    for (size_t i = 0; i < r->n_known && rc == WN_OK; i++) {
        bool taken_over = false;
        for (size_t k = 0; k < r->job->n_accounts; k++)
            taken_over |= r->job->accounts[k].account_id == r->known[i].account_id;
        if (r->known[i].is_sample && !taken_over)
            rc = wn_catalog_delete_account(s->catalog, s->tenant_id, r->known[i].account_id, why);
    }
    return rc;
}

static struct wn_str content_name(const struct run *r)
{
    const struct wn_import_options *o = r->options;
    const struct wn_str parts[] = {o->format, o->map, r->job->account_name, o->currency, o->day};
    uint64_t h = r->content_hash ^ r->source->size_bytes;
    for (size_t i = 0; i < WN_COUNT(parts); i++)
        h = wn_hash(parts[i], h);
    return wn_arena_printf(r->a, "%016llx%016llx", (unsigned long long)r->content_hash,
                           (unsigned long long)h);
}

static wn_rc finish_record(struct run *r, wn_import_state state, struct wn_why *why)
{
    struct wn_buf json;
    struct wn_json_writer w;
    wn_buf_init(&json, SUMMARY_BYTES_MAX);
    wn_json_write_init(&w, &json, 0);
    r->out->state = state;
    wn_import_summary_json(&w, r->out);
    struct wn_import_record record = {.tenant_id = r->stores->tenant_id,
                                      .import_id = r->out->import_id,
                                      .state = state,
                                      .file_name = r->out->file_name,
                                      .summary_json = wn_buf_str(&json),
                                      .created_at_ms = r->stores->now_ms,
                                      .finished_at_ms = r->stores->now_ms + r->out->duration_ms};
    record.content_hash = state == WN_IMPORT_FAILED ? WN_STR("") : content_name(r);
    wn_rc rc = wn_buf_check(&json, why);
    if (rc == WN_OK)
        rc = wn_catalog_finish_import(r->stores->catalog, &record, why);
    wn_buf_deinit(&json);
    return rc;
}

/* ---- the two steps ---------------------------------------------------------------------------- */

static wn_rc start(struct run *r, struct wn_why *why)
{
    struct wn_import_summary *out = r->out;
    *out = (struct wn_import_summary){.state = WN_IMPORT_DONE, .day_from = 1, .day_to = 0};
    out->dry_run = r->options->dry_run;
    out->import_id = out->dry_run ? 0 : r->options->import_id;
    out->file_name = wn_arena_dup(r->a, r->options->file_name);
    r->job = calloc(1, sizeof *r->job);
    if (!r->job || !out->file_name.p)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the import");
    return plan_make(r->source, r->options, r->a, &r->plan, out, why);
}

static void finish(struct run *r)
{
    wn_facts_rollback(r->tx);
    if (r->job)
        job_deinit(r->job);
    free(r->job);
}

wn_rc wn_import_inspect(const struct wn_import_source *source,
                        const struct wn_import_options *options, struct wn_arena *a,
                        struct wn_import_summary *out, struct wn_why *why)
{
    struct wn_import_summary summary;
    struct wn_import_options dry = *options;
    dry.dry_run = true;
    struct run r = {.source = source, .options = &dry, .a = a, .out = &summary};
    int64_t began_ns = wn_clock_monotonic_ns();
    wn_rc rc = start(&r, why);
    if (rc == WN_OK && r.plan.is_open)
        rc = look_at_all(&r, why);
    if (rc == WN_OK)
        rc = job_init(r.job, &dry, &r.plan, &summary, a, NULL, why);
    bool can_read = rc == WN_OK && !summary.needs_day && r.plan.has_measure;
    for (size_t i = 0; can_read && i < r.plan.n_head && rc == WN_OK; i++)
        rc = job_row(r.job, r.plan.head[i].fields, r.plan.head[i].n_fields, r.plan.head[i].line,
                     why);
    if (rc == WN_OK)
        rc = sum_up(&r, why);
    if (rc == WN_OK && r.plan.n_head && !r.plan.has_measure)
        summary.message = WN_STR("No column of statistics was recognised: say which column is "
                                 "impressions, clicks, spend ... to import it.");
    else if (rc == WN_OK && r.plan.n_head && summary.needs_day)
        summary.message = WN_STR("The file carries no date: say of which day it is.");
    else if (rc == WN_OK)
        rc = set_message(&r, why);
    finish(&r);
    summary.duration_ms = (wn_clock_monotonic_ns() - began_ns) / 1000000;
    if (rc == WN_OK)
        *out = summary;
    return rc;
}

static wn_rc check_plan(struct run *r, struct wn_why *why)
{
    if (r->plan.n_head == 0)
        return WN_OK;
    if (!r->plan.has_measure) {
        bool actions = false;
        for (size_t c = 0; c < r->plan.n_columns; c++)
            actions |= wn_str_eq_nocase(r->plan.headers[c], WN_STR("action_type"));
        return wn_fail(why, WN_INVALID, "file",
                       actions ? "this table lists one line per action type and has no column of "
                                 "impressions, clicks or spend: import the report that has them"
                               : "no statistics columns (impressions, clicks, spend ...) were "
                                 "found: there is nothing to import; name them with --map if they "
                                 "have other names");
    }
    if (r->out->needs_day)
        return wn_fail(why, WN_INVALID, "day",
                       "the file carries no date; say of which day it is (--day 2026-02-05)");
    return WN_OK;
}

static wn_rc refuse_all_bad(struct run *r, struct wn_why *why)
{
    const struct wn_import_summary *out = r->out;
    if (out->n_rows_imported || out->n_errors == 0 || out->n_problems == 0)
        return WN_OK;
    const struct wn_import_problem *p = &out->problems[0];
    for (size_t i = 0; i < out->n_problems && !p->is_error; i++)
        p = &out->problems[i];
    return wn_fail(why, WN_INVALID, "file",
                   "none of the %llu rows could be understood; line %llu, column \"%.*s\", value "
                   "\"%.*s\": %.*s",
                   (unsigned long long)out->n_rows_read, (unsigned long long)p->line,
                   WN_STR_ARG(p->column), WN_STR_ARG(p->value), WN_STR_ARG(p->text));
}

static wn_rc store_rows(struct run *r, struct wn_why *why)
{
    wn_rc rc = compare_and_replace(r, why);
    if (rc || (rc = sum_up(r, why)))
        return rc;
    if (r->out->n_rows_imported == 0)
        return WN_OK; /* the transaction is rolled back: the sample stays */
    if (!r->is_unchanged)
        warn_of_double(r);
    struct wn_facts_tx *tx = r->tx;
    r->tx = NULL;
    struct wn_import_record earlier;
    if (r->is_unchanged &&
        wn_catalog_import_by_hash(r->stores->catalog, r->stores->tenant_id, content_name(r), r->a,
                                  &earlier, NULL) == WN_OK) {
        wn_facts_rollback(tx); /* the very same bytes: not even a name can have changed */
        return WN_OK;
    }
    rc = wn_facts_commit(tx, why);
    return rc ? rc : put_catalog(r, why);
}

static wn_rc run_all(struct run *r, struct wn_why *why)
{
    wn_rc rc = start(r, why);
    if (rc || (rc = check_plan(r, why)))
        return rc;
    if (!r->options->dry_run && (rc = gather(r, why)))
        return rc;
    if (r->plan.is_open && (rc = look_at_all(r, why)))
        return rc;
    rc = read_rows(r, why);
    if (rc || (rc = refuse_all_bad(r, why)))
        return rc;
    return r->options->dry_run ? sum_up(r, why) : store_rows(r, why);
}

wn_rc wn_import_run(const struct wn_import_stores *stores, const struct wn_import_source *source,
                    const struct wn_import_options *options, wn_import_progress_fn *on_progress,
                    void *progress_context, struct wn_arena *a, struct wn_import_summary *out,
                    struct wn_why *why)
{
    struct wn_import_summary summary = {0};
    struct wn_why local = {0};
    struct run r = {.stores = stores,
                    .source = source,
                    .options = options,
                    .on_progress = on_progress,
                    .progress_context = progress_context,
                    .a = a,
                    .out = &summary};
    int64_t began_ns = wn_clock_monotonic_ns();
    why = why ? why : &local;
    wn_rc rc = run_all(&r, why);
    summary.duration_ms = (wn_clock_monotonic_ns() - began_ns) / 1000000;
    if (rc == WN_OK) {
        summary.state = r.is_unchanged ? WN_IMPORT_UNCHANGED : WN_IMPORT_DONE;
        rc = set_message(&r, why);
    }
    wn_facts_rollback(r.tx);
    r.tx = NULL;
    if (summary.import_id && rc) {
        summary.message = wn_str_of(why->text);
        /* The first cause is the answer; a record left "running" is all that is lost. */
        wn_rc ignored = finish_record(&r, WN_IMPORT_FAILED, NULL);
        (void)ignored;
    } else if (summary.import_id) {
        rc = finish_record(&r, summary.state, why);
    }
    finish(&r);
    if (rc == WN_OK)
        *out = summary;
    return rc;
}
