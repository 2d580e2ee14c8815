/* winnow cohorts: purchases in, cohorts out, continued to a horizon. Needs no data directory. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/transactions.h"
#include "cli/wire.h"
#include "core/csv.h"
#include "core/date.h"
#include "core/num.h"
#include "learn/csv_rows.h"
#include "winnow/cohorts.h"

#include <math.h>
#include <stdio.h>

const struct wn_option wn_cohorts_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV of purchases (customer, date, amount); '-' is standard input."},
    {.name = "period",
     .letter = 'p',
     .kind = WN_OPTION_ENUM,
     .value_name = "PERIOD",
     .fallback = "month",
     .values = "week|month|quarter",
     .help = "What makes a cohort, and the step of its life."},
    {.name = "model",
     .letter = 'm',
     .kind = WN_OPTION_ENUM,
     .value_name = "MODEL",
     .fallback = "bgbb",
     .values = "bgbb|sbg|none",
     .help = "bgbb for shops, sbg for contracts that are paid in every period, none: only what was "
             "observed."},
    {.name = "horizon",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "12",
     .min = 1,
     .max = WN_COHORT_HORIZON_MAX,
     .help = "The last period of a cohort's life that is projected."},
    {.name = "as-of",
     .kind = WN_OPTION_DAY,
     .value_name = "DAY",
     .help = "The last day that was observed; without it the latest day of the file."},
    {.name = "margin",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "100%",
     .help = "What is earned of a purchase: LTV counts that."},
    {.name = "discount",
     .kind = WN_OPTION_TEXT,
     .value_name = "RATE",
     .fallback = "0%",
     .help = "How much less money is worth a year later, in LTV."},
    {.name = "cost",
     .kind = WN_OPTION_TEXT,
     .value_name = "AMOUNT",
     .help = "What getting one customer costs: tells when cohorts have paid it back."},
    {.name = "spend",
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "Instead: CSV of date, spend; a cohort costs what was spent while it came."},
    {.name = "half-life",
     .kind = WN_OPTION_TEXT,
     .value_name = "PERIODS",
     .help = "In the fit a cohort counts half as much so many periods later; without it all count "
             "the same."},
    {.name = "level",
     .kind = WN_OPTION_TEXT,
     .value_name = "PERCENT",
     .fallback = "80",
     .help = "Coverage of the intervals."},
    {.name = "draws",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "500",
     .min = 1,
     .max = 10000,
     .help = "Draws behind the intervals."},
    {.name = "seed",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .min = 0,
     .max = INT64_MAX,
     .help = "The same input and seed give the same answer."},
    {.name = "table",
     .letter = 't',
     .kind = WN_OPTION_ENUM,
     .value_name = "WHAT",
     .values = "retention|active|revenue|ltv",
     .help = "One row a cohort, one column a period, instead of one row for each."},
    {.name = "column",
     .kind = WN_OPTION_LIST,
     .value_name = "ROLE=NAME",
     .help = "The column that is customer, date or amount, where the name does not say."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of CSV."},
    WN_OPTION_OUTPUT,
    {0},
};

#define SPEND_BYTES_MAX ((size_t)256 << 20)
#define SPEND_ROWS_MAX 1000000

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_rand rand;
    struct wn_transactions input;
    wn_cohort_period period;
    int32_t last_day;
    bool has_model;
    struct wn_cohort_options options;
    struct wn_cohort_spend *spend; /* [options.n_spend] */
    struct wn_cohorts table;
    struct wn_cohorts_projection result;
    char level[WN_NUM_TEXT_MAX];
};

/* ---- options ----------------------------------------------------------------------------------
 */

/* "30%" or ".3"; with is_percent "80" as well. */
static wn_rc read_share(const struct job *job, const char *name, bool is_percent, double most,
                        double *out, struct wn_why *why)
{
    struct wn_str text = wn_str_trim(wn_args_text(job->args, name));
    bool has_sign = wn_str_ends(text, WN_STR("%"));
    if (!wn_parse_f64(wn_str_trim(wn_str_slice(text, 0, text.n - has_sign)), out) || *out < 0 ||
        *out / (has_sign || is_percent ? 100 : 1) > most)
        return wn_fail(why, WN_INVALID, name, "--%s must be a share such as 40%%, not '%.*s'", name,
                       WN_STR_ARG(text));
    *out /= has_sign || is_percent ? 100 : 1;
    return WN_OK;
}

static wn_rc read_amount(const struct job *job, const char *name, double most, double *out,
                         struct wn_why *why)
{
    struct wn_str text = wn_args_text(job->args, name);
    if (text.p && (!wn_parse_f64(text, out) || !(*out > 0 && *out <= most)))
        return wn_fail(why, WN_INVALID, name, "--%s must be a number above 0, not '%.*s'", name,
                       WN_STR_ARG(text));
    return WN_OK;
}

static wn_rc read_columns(const struct job *job, struct wn_transactions_columns *out,
                          struct wn_why *why)
{
    struct wn_str text;
    for (size_t k = 0; (text = wn_args_list(job->args, "column", k)).p; k++) {
        size_t at = wn_str_find_char(text, '=');
        struct wn_str role = wn_str_slice(text, 0, at), name = wn_str_slice(text, at + 1, text.n);
        struct wn_str *to = wn_str_eq(role, WN_STR("customer")) ? &out->customer
                            : wn_str_eq(role, WN_STR("date"))   ? &out->date
                            : wn_str_eq(role, WN_STR("amount")) ? &out->amount
                                                                : NULL;
        if (!to || name.n == 0)
            return wn_fail(why, WN_INVALID, "column",
                           "--column '%.*s': write customer, date or amount, =, and the name of "
                           "the column",
                           WN_STR_ARG(text));
        *to = name;
    }
    return WN_OK;
}

static wn_rc read_options(struct job *job, struct wn_transactions_columns *columns,
                          struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_cohort_options *o = &job->options;
    struct wn_str period = wn_args_text(args, "period"), model = wn_args_text(args, "model");
    if (!wn_args_z(args, "input"))
        return wn_fail(why, WN_INVALID, "input",
                       "say whose purchases: --input FILE, or --input - for standard input");
    if (wn_args_z(args, "cost") && wn_args_z(args, "spend"))
        return wn_fail(why, WN_INVALID, "cost", "give --cost or --spend, not both");
    job->period = wn_str_eq(period, WN_STR("week"))    ? WN_COHORT_WEEK
                  : wn_str_eq(period, WN_STR("month")) ? WN_COHORT_MONTH
                                                       : WN_COHORT_QUARTER;
    job->has_model = !wn_str_eq(model, WN_STR("none"));
    o->model = wn_str_eq(model, WN_STR("sbg")) ? WN_COHORT_SBG : WN_COHORT_BGBB;
    o->horizon = (size_t)wn_args_int(args, "horizon");
    o->n_draws = (uint32_t)wn_args_int(args, "draws");
    wn_rc rc = read_share(job, "margin", false, 1, &o->margin_ratio, why);
    if (!rc)
        rc = read_share(job, "discount", false, 1e6, &o->yearly_discount_ratio, why);
    if (!rc)
        rc = read_share(job, "level", true, .999, &o->level, why);
    if (!rc && !(o->margin_ratio > 0 && o->level > 0))
        rc = wn_fail(why, WN_INVALID, "margin", "--margin and --level must be above 0");
    if (!rc)
        rc = read_amount(job, "cost", 1e15, &o->cost, why);
    if (!rc)
        rc = read_amount(job, "half-life", 1e6, &o->half_life, why);
    (void)wn_print_f64(round(o->level * 1e8) / 1e6, job->level);
    return rc ? rc : read_columns(job, columns, why);
}

/* ---- input ------------------------------------------------------------------------------------
 */

struct spend_reader {
    struct job *job;
    bool has_header;
    size_t places[2]; /* date, spend */
};

static wn_rc on_spend(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    static const char *const names[] = {"date|day|ds", "spend|cost|amount|amount spent"};
    struct spend_reader *r = context;
    struct wn_cohort_options *o = &r->job->options;
    struct wn_cohort_spend row = {0};
    if (!r->has_header) {
        wn_columns_find(record, names, 2, r->places);
        r->has_header = true;
        return r->places[0] == WN_NO_COLUMN || r->places[1] == WN_NO_COLUMN
                   ? wn_row_fail(record, "header",
                                 "the first line of --spend must name the columns date and spend",
                                 why)
                   : WN_OK;
    }
    wn_rc rc = wn_cell_day(record, r->places[0], "date", &row.day, why);
    if (!rc)
        rc = wn_cell_number(record, r->places[1], "spend", 0, 1e15, &row.amount, why);
    if (!rc && o->n_spend == SPEND_ROWS_MAX)
        rc = wn_fail(why, WN_LIMIT, "spend", "--spend has more than %d rows", SPEND_ROWS_MAX);
    if (!rc)
        r->job->spend[o->n_spend++] = row;
    return rc;
}

static wn_rc read_spend(struct job *job, struct wn_why *why)
{
    struct spend_reader r = {.job = job};
    const struct wn_csv_options options = {0, on_spend, &r};
    const char *path = wn_args_z(job->args, "spend");
    struct wn_csv *csv = NULL;
    struct wn_str text;
    if (!path)
        return WN_OK;
    wn_rc rc = wn_file_read(path, SPEND_BYTES_MAX, &job->arena, &text, why);
    if (rc)
        return rc;
    size_t n_lines = 1;
    for (size_t i = 0; i < text.n; i++)
        n_lines += text.p[i] == '\n' || text.p[i] == '\r';
    job->spend = WN_ARENA_ARRAY(&job->arena, n_lines, struct wn_cohort_spend);
    rc = job->spend ? wn_csv_new(&options, &csv, why) : WN_MEMORY;
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    if (rc && why->line)
        fprintf(stderr, "in %s:\n", path);
    if (!rc && job->options.n_spend == 0)
        rc = wn_fail(why, WN_INVALID, "spend", "--spend: %s has no rows", path);
    job->options.spend = job->spend;
    return rc;
}

static wn_rc read_input(struct job *job, const struct wn_transactions_columns *columns,
                        struct wn_why *why)
{
    struct wn_buf text;
    wn_buf_init(&text, WN_TRANSACTIONS_BYTES_MAX);
    wn_rc rc = wn_input_load(wn_args_z(job->args, "input"), &text, why);
    if (!rc)
        rc = wn_transactions_read(&job->arena, wn_buf_str(&text), columns, &job->input, why);
    wn_buf_deinit(&text);
    job->last_day = job->input.last_day;
    struct wn_str as_of = wn_args_text(job->args, "as-of");
    if (!rc && as_of.p && !wn_parse_day(as_of, &job->last_day))
        rc = wn_fail(why, WN_INVALID, "as-of", "--as-of must be a day, YYYY-MM-DD");
    if (!rc && !job->input.has_amounts && (job->options.cost > 0 || job->options.n_spend))
        rc = wn_fail(why, WN_INVALID, "cost", "there are no amounts to pay a cost back with");
    return rc;
}

static wn_rc build(struct job *job, struct wn_why *why)
{
    const struct wn_transactions *t = &job->input;
    struct wn_ltv_purchase *rows = WN_ARENA_ARRAY(&job->arena, t->n_rows, struct wn_ltv_purchase);
    if (!rows)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu purchases", t->n_rows);
    for (size_t i = 0; i < t->n_rows; i++)
        rows[i] =
            (struct wn_ltv_purchase){t->rows[i].amount_micros, t->rows[i].customer, t->rows[i].day};
    wn_rc rc = wn_cohorts_build(&job->arena, rows, t->n_rows, job->period, job->last_day,
                                &job->table, why);
    why->line = 0; /* the library counts sorted rows; people count lines */
    return rc;
}

static wn_rc work(struct job *job, struct wn_why *why)
{
    struct wn_transactions_columns columns = {0};
    struct wn_progress progress;
    wn_rc rc = read_options(job, &columns, why);
    if (!rc)
        rc = read_spend(job, why);
    if (!rc)
        rc = read_input(job, &columns, why);
    if (!rc)
        rc = build(job, why);
    if (!rc && job->table.n == 0)
        rc = wn_fail(why, WN_INVALID, NULL, "nobody bought anything by the last day");
    if (rc)
        return rc;
    wn_progress_init(&progress, "continuing the cohorts");
    wn_progress_draw(&progress, 0, 0, job->input.n_rows);
    rc = wn_cohorts_project(&job->arena, &job->table, &job->options, &job->rand, &job->result, why);
    wn_progress_clear(&progress);
    return rc;
}

/* ---- output: rows -----------------------------------------------------------------------------
 */

/* Periods of a cohort that are shown: what was observed, and with a model up to the horizon. */
static size_t n_shown(const struct job *job, size_t c)
{
    size_t observed = job->table.cohorts[c].n_periods, horizon = job->options.horizon + 1;
    return job->has_model && job->result.has_fit && horizon > observed ? horizon : observed;
}

static const char *kind_of(const struct job *job, size_t c, size_t k)
{
    const struct wn_cohort *cohort = &job->table.cohorts[c];
    return k < cohort->n_whole ? "observed" : k < cohort->n_periods ? "partial" : "projected";
}

/* What is known of one period of one cohort; NaN = nothing. */
struct cell {
    double active, retention, retention_low, retention_high, revenue, ltv, ltv_low, ltv_high;
};

static struct cell cell_of(const struct job *job, size_t c, size_t k)
{
    const struct wn_cohort *cohort = &job->table.cohorts[c];
    const struct wn_cohort_projection *p = &job->result.cohorts[c];
    struct cell x = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (k < cohort->n_periods) {
        x.active = (double)cohort->cells[k].n_active;
        x.retention = x.active / (double)cohort->n_customers;
        x.revenue = (double)cohort->cells[k].revenue_micros / WN_MICROS;
    }
    bool is_projected = k >= cohort->n_whole;
    if (k >= job->result.n_points || (is_projected && !(job->has_model && job->result.has_fit)))
        return x;
    const struct wn_cohort_point *point = &p->points[k];
    x.ltv = point->ltv;
    if (is_projected) {
        x.ltv_low = point->ltv_low;
        x.ltv_high = point->ltv_high;
    }
    if (k >= cohort->n_periods) {
        x.retention = point->retention;
        x.retention_low = point->retention_low;
        x.retention_high = point->retention_high;
    }
    return x;
}

/* Shares and money to the millionth. */
static void put_number(struct wn_buf *b, double x)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = isnan(x) ? 0 : wn_print_f64(round(x * 1e6) / 1e6, text);
    wn_buf_append_char(b, ',');
    wn_buf_append(b, (struct wn_str){text, n});
}

static void put_payback(struct wn_buf *b, const struct job *job, size_t c)
{
    const struct wn_payback *p = &job->result.cohorts[c].payback;
    size_t never = job->options.horizon + 1;
    put_number(b, p->cost);
    put_number(b, p->period < never ? (double)p->period : NAN);
    put_number(b, p->period_low < never ? (double)p->period_low : NAN);
    put_number(b, p->period_high < never ? (double)p->period_high : NAN);
    put_number(b, p->probability);
}

static bool has_cost(const struct job *job)
{
    return job->options.cost > 0 || job->options.n_spend > 0;
}

static void put_rows(const struct job *job, struct wn_buf *b)
{
    const char *l = job->level;
    char name[WN_COHORT_NAME_MAX];
    wn_buf_printf(b, "cohort,period,kind,customers,active,retention,retention_lo%s,retention_hi%s",
                  l, l);
    if (job->input.has_amounts)
        wn_buf_printf(b, ",revenue,ltv,ltv_lo%s,ltv_hi%s", l, l);
    if (has_cost(job))
        wn_buf_printf(b, ",cost,payback,payback_lo%s,payback_hi%s,payback_probability", l, l);
    wn_buf_append_char(b, '\n');
    for (size_t c = 0; c < job->table.n; c++) {
        (void)wn_cohort_name(job->period, job->table.cohorts[c].first_day, name);
        for (size_t k = 0; k < n_shown(job, c); k++) {
            struct cell x = cell_of(job, c, k);
            wn_buf_printf(b, "%s,%zu,%s,%llu", name, k, kind_of(job, c, k),
                          (unsigned long long)job->table.cohorts[c].n_customers);
            put_number(b, x.active);
            put_number(b, x.retention);
            put_number(b, x.retention_low);
            put_number(b, x.retention_high);
            if (job->input.has_amounts) {
                put_number(b, x.revenue);
                put_number(b, x.ltv);
                put_number(b, x.ltv_low);
                put_number(b, x.ltv_high);
            }
            if (has_cost(job))
                put_payback(b, job, c);
            wn_buf_append_char(b, '\n');
        }
    }
}

/* ---- output: triangle ---------------------------------------------------------------------------
 */

static void put_triangle(const struct job *job, struct wn_buf *b, struct wn_str what)
{
    size_t n_columns = 0;
    char name[WN_COHORT_NAME_MAX];
    for (size_t c = 0; c < job->table.n; c++)
        n_columns = n_shown(job, c) > n_columns ? n_shown(job, c) : n_columns;
    wn_buf_append_z(b, "cohort,customers");
    for (size_t k = 0; k < n_columns; k++)
        wn_buf_printf(b, ",%zu", k);
    wn_buf_append_char(b, '\n');
    for (size_t c = 0; c < job->table.n; c++) {
        (void)wn_cohort_name(job->period, job->table.cohorts[c].first_day, name);
        wn_buf_printf(b, "%s,%llu", name, (unsigned long long)job->table.cohorts[c].n_customers);
        for (size_t k = 0; k < n_columns; k++) {
            struct cell x = cell_of(job, c, k);
            put_number(b, wn_str_eq(what, WN_STR("retention")) ? x.retention
                          : wn_str_eq(what, WN_STR("active"))  ? x.active
                          : wn_str_eq(what, WN_STR("revenue")) ? x.revenue
                                                               : x.ltv);
        }
        wn_buf_append_char(b, '\n');
    }
}

/* ---- output: JSON -------------------------------------------------------------------------------
 */

static void json_number(struct wn_json_writer *w, const char *key, double x)
{
    if (isnan(x))
        return;
    wn_json_key(w, key);
    wn_json_f64(w, x);
}

static void json_count(struct wn_json_writer *w, const char *key, size_t n)
{
    wn_json_key(w, key);
    wn_json_i64(w, (int64_t)n);
}

static void json_payback(struct wn_json_writer *w, const struct job *job,
                         const struct wn_payback *p)
{
    const size_t periods[] = {p->period, p->period_low, p->period_high};
    static const char *const keys[] = {"period", "low", "high"};
    if (!p->has_cost)
        return;
    wn_json_key(w, "payback");
    wn_json_begin_object(w);
    json_number(w, "cost", p->cost);
    wn_json_key(w, "is_paid");
    wn_json_bool(w, p->is_paid);
    json_number(w, "probability", p->probability);
    for (size_t i = 0; i < 3; i++) {
        wn_json_key(w, keys[i]);
        if (periods[i] <= job->options.horizon)
            wn_json_i64(w, (int64_t)periods[i]);
        else
            wn_json_null(w);
    }
    wn_json_end(w);
}

static void json_cohort(struct wn_json_writer *w, const struct job *job, size_t c)
{
    const struct wn_cohort *cohort = &job->table.cohorts[c];
    char name[WN_COHORT_NAME_MAX];
    (void)wn_cohort_name(job->period, cohort->first_day, name);
    wn_json_begin_object(w);
    wn_json_key(w, "cohort");
    wn_json_text_z(w, name);
    json_count(w, "customers", cohort->n_customers);
    json_payback(w, job, &job->result.cohorts[c].payback);
    wn_json_key(w, "periods");
    wn_json_begin_array(w);
    for (size_t k = 0; k < n_shown(job, c); k++) {
        struct cell x = cell_of(job, c, k);
        wn_json_begin_object(w);
        json_count(w, "period", k);
        wn_json_key(w, "kind");
        wn_json_text_z(w, kind_of(job, c, k));
        json_number(w, "active", x.active);
        json_number(w, "retention", x.retention);
        json_number(w, "retention_low", x.retention_low);
        json_number(w, "retention_high", x.retention_high);
        if (job->input.has_amounts) {
            json_number(w, "revenue", x.revenue);
            json_number(w, "ltv", x.ltv);
            json_number(w, "ltv_low", x.ltv_low);
            json_number(w, "ltv_high", x.ltv_high);
        }
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

static void json_all(struct wn_json_writer *w, const struct job *job)
{
    const struct wn_cohort_projection *all = &job->result.all;
    wn_json_key(w, "all");
    wn_json_begin_object(w);
    json_payback(w, job, &all->payback);
    wn_json_key(w, "periods");
    wn_json_begin_array(w);
    for (size_t k = 0; k <= job->options.horizon; k++) {
        const struct wn_cohort_point *x = &all->points[k];
        wn_json_begin_object(w);
        json_count(w, "period", k);
        wn_json_key(w, "is_projected");
        wn_json_bool(w, x->is_projected);
        json_number(w, "retention", x->retention);
        json_number(w, "retention_low", x->retention_low);
        json_number(w, "retention_high", x->retention_high);
        if (job->input.has_amounts) {
            json_number(w, "ltv", x->ltv);
            json_number(w, "ltv_low", x->ltv_low);
            json_number(w, "ltv_high", x->ltv_high);
        }
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

static void json_fit(struct wn_json_writer *w, const struct job *job)
{
    static const char *const bgbb[] = {"alpha", "beta", "gamma", "delta"};
    const struct wn_cohort_fit *f = &job->result.fit;
    size_t n = f->model == WN_COHORT_BGBB ? 4 : 2;
    wn_json_key(w, "fit");
    wn_json_begin_object(w);
    wn_json_key(w, "model");
    wn_json_text_z(w, f->model == WN_COHORT_BGBB ? "bgbb" : "sbg");
    for (size_t i = 0; i < n; i++)
        json_number(w, bgbb[i], f->theta[i]);
    json_number(w, "log_likelihood", f->log_likelihood);
    wn_json_key(w, "is_at_wall");
    wn_json_bool(w, f->is_at_wall);
    json_number(w, "shock_sd", job->result.shock_sd);
    json_number(w, "spend_mean", job->result.spend_mean);
    wn_json_end(w);
}

static void put_json(const struct job *job, struct wn_buf *b)
{
    struct wn_json_writer w;
    bool has_fit = job->has_model && job->result.has_fit;
    wn_json_write_init(&w, b, 2);
    wn_json_begin_object(&w);
    json_count(&w, "customers", job->table.n_customers);
    wn_json_key(&w, "last_day");
    wn_json_day(&w, job->last_day);
    json_number(&w, "level", job->options.level);
    json_count(&w, "rows_ignored", job->table.n_ignored);
    json_count(&w, "rows_without_customer", job->input.n_without_customer);
    if (has_fit) {
        json_fit(&w, job);
        json_all(&w, job);
    }
    wn_json_key(&w, "cohorts");
    wn_json_begin_array(&w);
    for (size_t c = 0; c < job->table.n; c++)
        json_cohort(&w, job, c);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(b, '\n');
}

static wn_rc print(const struct job *job, struct wn_why *why)
{
    struct wn_str what = wn_args_text(job->args, "table");
    struct wn_buf b;
    wn_buf_init(&b, (size_t)1 << 30);
    if (wn_args_flag(job->args, "json"))
        put_json(job, &b);
    else if (what.p)
        put_triangle(job, &b, what);
    else
        put_rows(job, &b);
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

/* ---- what holds for the whole, on standard error ------------------------------------------------
 */

static void tell_payback(const struct job *job, struct wn_buf *b)
{
    static const char *const units[] = {"week", "month", "quarter"};
    const struct wn_payback *p = &job->result.all.payback;
    const char *unit = units[job->period];
    size_t horizon = job->options.horizon;
    wn_buf_printf(b, "A customer cost %.2f: ", p->cost);
    if (p->is_paid)
        wn_buf_printf(b, "paid back in %s %zu of their life.\n", unit, p->period);
    else if (p->period > horizon)
        wn_buf_printf(b, "not paid back within %zu %ss.\n", horizon, unit);
    else
        wn_buf_printf(b, "paid back in %s %zu with a chance of %.0f %% by %s %zu.\n", unit,
                      p->period, 100 * p->probability, unit, horizon);
}

static void tell(const struct job *job)
{
    const struct wn_cohort_fit *f = &job->result.fit;
    const struct wn_cohort_point *last = &job->result.all.points[job->options.horizon];
    struct wn_buf b;
    wn_buf_init(&b, 1 << 16);
    wn_print_grouped(&b, (double)job->table.n_customers, 0);
    wn_buf_printf(&b, " customers in %zu cohorts.", job->table.n);
    bool has_fit = job->has_model && job->result.has_fit;
    if (has_fit && job->input.has_amounts)
        wn_buf_printf(&b, " By period %zu a customer brings %.2f (%.2f to %.2f).",
                      job->options.horizon, last->ltv, last->ltv_low, last->ltv_high);
    wn_buf_append_char(&b, '\n');
    if (job->has_model && !job->result.has_fit)
        wn_buf_append_z(&b,
                        "No cohort has a whole period behind its first: nothing is projected.\n");
    if (has_fit && f->is_at_wall)
        wn_buf_append_z(&b,
                        "The purchases do not say how customers leave (a parameter ran to the end "
                        "of its range): take periods far ahead with care.\n");
    if (has_cost(job) && has_fit)
        tell_payback(job, &b);
    if (job->input.n_without_customer)
        wn_buf_printf(&b, "%zu rows name no customer and are left out.\n",
                      job->input.n_without_customer);
    if (job->table.n_ignored)
        wn_buf_printf(&b,
                      "%llu rows are left out: after the last day, or refunds of nothing known.\n",
                      (unsigned long long)job->table.n_ignored);
    if (job->input.dates_guessed)
        wn_buf_append_z(&b, "No date says whether the day or the month comes first: guessed.\n");
    fwrite(b.p, 1, b.n, stderr);
    wn_buf_deinit(&b);
}

int wn_cmd_cohorts(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct job job = {.args = args};
    wn_arena_init(&job.arena, 0);
    wn_rand_init(&job.rand, (uint64_t)wn_args_int(args, "seed"));
    wn_rc rc = work(&job, &why);
    if (!rc)
        rc = print(&job, &why);
    if (!rc && !wn_args_flag(args, "json"))
        tell(&job);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
