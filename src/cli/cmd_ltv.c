/* winnow ltv: what customers are worth, from their purchases. Needs no data directory. */
#include "cli/commands.h"
#include "cli/ltv_print.h"
#include "cli/output.h"
#include "cli/wire.h"
#include "core/date.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_ltv_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV of purchases (customer, date, amount, perhaps channel), or of customers "
             "(customer, frequency, recency, T, monetary); - reads standard input."},
    {.name = "model",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .fallback = "bgnbd",
     .help = "bgnbd, pnbd (Pareto/NBD), or both, separated by a comma."},
    {.name = "horizon",
     .kind = WN_OPTION_INT,
     .value_name = "WEEKS",
     .fallback = "52",
     .min = 1,
     .max = 5200,
     .help = "How many weeks ahead a customer is valued."},
    {.name = "holdout",
     .kind = WN_OPTION_INT,
     .value_name = "WEEKS",
     .min = 1,
     .max = 5200,
     .help = "First learns without the last WEEKS and tells how well they were foreseen. Purchases "
             "only."},
    {.name = "as-of",
     .kind = WN_OPTION_DAY,
     .value_name = "DAY",
     .help = "The last day that was observed; without it the latest day of the file."},
    {.name = "margin",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "100%",
     .help = "What is earned of a purchase."},
    {.name = "discount",
     .kind = WN_OPTION_TEXT,
     .value_name = "RATE",
     .fallback = "10%",
     .help = "How much less money is worth a year later."},
    {.name = "cost",
     .kind = WN_OPTION_TEXT,
     .value_name = "AMOUNT",
     .help = "What a new customer costs: tells when they have paid it back."},
    {.name = "bid-quantile",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "40%",
     .help = "The most to pay is this quantile of the value: lower is more careful."},
    {.name = "level",
     .kind = WN_OPTION_TEXT,
     .value_name = "PERCENT",
     .fallback = "80%",
     .help = "Coverage of the intervals."},
    {.name = "draws",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "500",
     .min = 0,
     .max = WN_LTV_DRAWS_MAX,
     .help = "Simulated futures of each customer; 0 leaves the intervals out, which is much "
             "faster."},
    {.name = "seed",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .max = INT64_MAX,
     .help = "Of the simulation: the same seed gives the same output."},
    {.name = "prior",
     .kind = WN_OPTION_ENUM,
     .value_name = "WHEN",
     .fallback = "auto",
     .values = "auto|always|never",
     .help = "Weak priors on the parameters; auto: below 500 customers, or 30 who came back."},
    {.name = "unit",
     .kind = WN_OPTION_ENUM,
     .value_name = "UNIT",
     .fallback = "weeks",
     .values = "days|weeks|months|years",
     .help = "Of recency and T of a file of customers."},
    {.name = "column",
     .kind = WN_OPTION_LIST,
     .value_name = "ROLE=NAME",
     .help = "The column that is customer, date, amount or channel, where the name does not say."},
    {.name = "summary",
     .kind = WN_OPTION_FLAG,
     .help = "One row a channel and one for all, instead of one a customer: sums, what a new "
             "customer brings, the most to bid, when the cost is paid back."},
    {.name = "explain",
     .kind = WN_OPTION_FLAG,
     .help = "Tells parameters, likelihood and checks on standard error."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of CSV."},
    WN_OPTION_OUTPUT,
    {0},
};

#define OUTPUT_BYTES_MAX ((size_t)8 << 30)
#define DAYS_PER_WEEK 7.0

/* ---- options ------------------------------------------------------------------------------------
 */

/* "30%", ".3" and "30" with is_percent: a share. */
static wn_rc read_share(const struct wn_ltv_job *job, const char *name, bool is_percent,
                        double most, double *out, struct wn_why *why)
{
    struct wn_str text = wn_args_text(job->args, name), s = wn_str_trim(text);
    bool has_sign = wn_str_ends(s, WN_STR("%"));
    if (has_sign)
        s = wn_str_trim(wn_str_slice(s, 0, s.n - 1));
    if (wn_parse_f64(s, out)) {
        *out /= has_sign || is_percent ? 100 : 1;
        if (*out >= 0 && *out <= most)
            return WN_OK;
    }
    return wn_fail(why, WN_INVALID, name,
                   "--%s takes a share from 0 to %g such as 40%%; not '%.*s'", name, most,
                   WN_STR_ARG(text));
}

static wn_rc read_models(struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_str list = wn_args_text(job->args, "model"), part;
    while (wn_str_cut(&list, ',', &part)) {
        int kind = 0;
        while (kind < WN_LTV_KINDS &&
               !wn_str_eq_nocase(wn_str_trim(part), wn_str_of(wn_ltv_kind_name((wn_ltv_kind)kind))))
            kind++;
        if (kind == WN_LTV_KINDS)
            return wn_fail(why, WN_INVALID, "model",
                           "--model takes bgnbd, pnbd or both; not '%.*s'", WN_STR_ARG(part));
        bool is_known = job->n_kinds && job->kinds[0] == (wn_ltv_kind)kind;
        if (!is_known && job->n_kinds < WN_LTV_KINDS)
            job->kinds[job->n_kinds++] = (wn_ltv_kind)kind;
    }
    return WN_OK;
}

static wn_rc read_columns(const struct wn_ltv_job *job, struct wn_transactions_columns *out,
                          struct wn_why *why)
{
    struct wn_str text;
    for (size_t k = 0; (text = wn_args_list(job->args, "column", k)).p; k++) {
        size_t at = wn_str_find_char(text, '=');
        struct wn_str role = wn_str_slice(text, 0, at), name = wn_str_slice(text, at + 1, text.n);
        struct wn_str *to = wn_str_eq(role, WN_STR("customer"))  ? &out->customer
                            : wn_str_eq(role, WN_STR("date"))    ? &out->date
                            : wn_str_eq(role, WN_STR("amount"))  ? &out->amount
                            : wn_str_eq(role, WN_STR("channel")) ? &out->channel
                                                                 : NULL;
        if (!to || name.n == 0)
            return wn_fail(why, WN_INVALID, "column",
                           "--column '%.*s': write customer, date, amount or channel, =, and the "
                           "name of the column",
                           WN_STR_ARG(text));
        *to = name;
    }
    return WN_OK;
}

static wn_rc read_plan(struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_ltv_plan *p = &job->plan;
    struct wn_str cost = wn_args_text(job->args, "cost");
    wn_rc rc = read_share(job, "margin", false, 1, &p->margin_ratio, why);
    if (!rc)
        rc = read_share(job, "discount", false, 1e6, &p->discount_ratio, why);
    if (!rc)
        rc = read_share(job, "bid-quantile", false, .999, &p->bid_quantile, why);
    if (!rc)
        rc = read_share(job, "level", true, .999, &p->level, why);
    if (!rc && !(p->margin_ratio > 0 && p->bid_quantile > 0 && p->level > 0))
        rc = wn_fail(why, WN_INVALID, "margin", "--margin, --bid-quantile and --level are above 0");
    if (!rc && cost.p && (!wn_parse_f64(cost, &p->cost) || !(p->cost > 0 && p->cost <= 1e15)))
        rc = wn_fail(why, WN_INVALID, "cost", "--cost takes an amount above 0, not '%.*s'",
                     WN_STR_ARG(cost));
    p->horizon = (double)wn_args_int(job->args, "horizon");
    p->n_draws = (size_t)wn_args_int(job->args, "draws");
    return rc;
}

static wn_rc read_options(struct wn_ltv_job *job, struct wn_transactions_columns *columns,
                          struct wn_why *why)
{
    struct wn_str prior = wn_args_text(job->args, "prior");
    job->options.prior = wn_str_eq(prior, WN_STR("always"))  ? WN_LTV_PRIOR_ALWAYS
                         : wn_str_eq(prior, WN_STR("never")) ? WN_LTV_PRIOR_NEVER
                                                             : WN_LTV_PRIOR_AUTO;
    if (wn_args_z(job->args, "holdout"))
        job->holdout_weeks = wn_args_int(job->args, "holdout");
    if (!wn_args_z(job->args, "input"))
        return wn_fail(why, WN_INVALID, "input",
                       "say whose purchases: --input FILE, or --input - for standard input");
    wn_rc rc = read_models(job, why);
    if (!rc)
        rc = read_columns(job, columns, why);
    return rc ? rc : read_plan(job, why);
}

/* ---- input --------------------------------------------------------------------------------------
 */

static double weeks_per_unit(const struct wn_args *args)
{
    struct wn_str unit = wn_args_text(args, "unit");
    const double year_weeks = 365.2425 / DAYS_PER_WEEK;
    return wn_str_eq(unit, WN_STR("days"))     ? 1 / DAYS_PER_WEEK
           : wn_str_eq(unit, WN_STR("months")) ? year_weeks / 12
           : wn_str_eq(unit, WN_STR("years"))  ? year_weeks
                                               : 1;
}

static wn_rc read_input(struct wn_ltv_job *job, const struct wn_transactions_columns *columns,
                        struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, WN_TRANSACTIONS_BYTES_MAX);
    wn_rc rc = wn_input_load(wn_args_z(job->args, "input"), &b, why);
    if (!rc)
        rc = wn_ltv_input_read(&job->arena, wn_buf_str(&b), columns, weeks_per_unit(job->args),
                               &job->input, why);
    wn_buf_deinit(&b);
    if (rc)
        return rc;
    job->options.n_channels = job->input.n_channels;
    if (job->input.is_summary && job->holdout_weeks)
        return wn_fail(why, WN_INVALID, "holdout",
                       "--holdout needs purchases: a file of customers does not say when they "
                       "bought");
    struct wn_str as_of = wn_args_text(job->args, "as-of");
    job->last_day = job->input.purchases.last_day;
    if (as_of.p && job->input.is_summary)
        return wn_fail(why, WN_INVALID, "as-of", "--as-of needs purchases");
    if (as_of.p && !wn_parse_day(as_of, &job->last_day))
        return wn_fail(why, WN_INVALID, "as-of", "--as-of takes a day");
    return WN_OK;
}

/* Purchases up to a day, as customers with their channels. */
static wn_rc summarise(struct wn_ltv_job *job, int32_t last_day, int32_t end_day,
                       struct wn_ltv_histories *out, struct wn_why *why)
{
    const struct wn_transactions *t = &job->input.purchases;
    struct wn_ltv_purchase *rows = WN_ARENA_ARRAY(&job->arena, t->n_rows, struct wn_ltv_purchase);
    if (!rows)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu purchases", t->n_rows);
    for (size_t i = 0; i < t->n_rows; i++)
        rows[i] =
            (struct wn_ltv_purchase){t->rows[i].amount_micros, t->rows[i].customer, t->rows[i].day};
    wn_rc rc = wn_ltv_summarise(rows, t->n_rows, t->n_customers, last_day, end_day, DAYS_PER_WEEK,
                                &job->arena, out, why);
    for (size_t i = 0; i < out->n && !rc; i++)
        out->customers[i].channel = t->channel_of[out->ids[i]];
    if (!rc && out->n == 0) {
        char day[WN_DAY_TEXT_MAX];
        wn_print_day(last_day, day);
        rc = wn_fail(why, WN_INVALID, "input", "nobody bought anything up to %s", day);
    }
    return rc;
}

/* ---- work ---------------------------------------------------------------------------------------
 */

static bool on_progress(void *context, size_t done, size_t total)
{
    wn_progress_draw(context, done, total, 0);
    return true;
}

/* Fits and predicts; plan.first_value and progress are set here. */
static wn_rc judge(struct wn_ltv_job *job, wn_ltv_kind kind,
                   const struct wn_ltv_customer *customers, size_t n, struct wn_ltv_plan plan,
                   struct wn_ltv_verdict *v, struct wn_why *why)
{
    struct wn_rand r;
    job->options.kind = kind;
    v->predictions = WN_ARENA_ARRAY(&job->arena, n, struct wn_ltv_prediction);
    v->totals = WN_ARENA_ARRAY(&job->arena, job->input.n_channels + 1, struct wn_ltv_total);
    if (!v->predictions || !v->totals)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu customers", n);
    wn_rand_init(&r, (uint64_t)wn_args_int(job->args, "seed"));
    wn_progress_init(&job->progress, "fitting");
    wn_progress_draw(&job->progress, 0, 0, n);
    wn_rc rc = wn_ltv_fit(customers, n, &job->options, &job->arena, &v->model, why);
    job->progress.label = "valuing customers";
    plan.on_progress = on_progress;
    plan.context = &job->progress;
    if (!rc)
        rc = wn_ltv_predict(&v->model, customers, n, &plan, &r, v->predictions, v->totals, why);
    wn_progress_clear(&job->progress);
    return rc;
}

static wn_rc hold_out(struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_ltv_histories h = {0};
    int64_t day = job->last_day - job->holdout_weeks * (int64_t)DAYS_PER_WEEK;
    struct wn_ltv_plan plan = {.horizon = (double)job->holdout_weeks,
                               .level = job->plan.level,
                               .n_draws = job->plan.n_draws};
    if (day < job->input.purchases.first_day)
        return wn_fail(why, WN_INVALID, "holdout",
                       "--holdout %lld leaves nothing to learn from: the purchases span %d days",
                       (long long)job->holdout_weeks,
                       (int)(job->last_day - job->input.purchases.first_day + 1));
    wn_rc rc = summarise(job, (int32_t)day, job->last_day, &h, why);
    for (size_t k = 0; k < job->n_kinds && !rc; k++) {
        struct wn_ltv_verdict past = {0};
        rc = judge(job, job->kinds[k], h.customers, h.n, plan, &past, why);
        if (!rc)
            rc = wn_ltv_compare(h.customers, past.predictions, &past.totals[job->input.n_channels],
                                h.n, h.later_purchases, h.later_value, plan.horizon,
                                &job->verdicts[k].check, why);
    }
    return rc;
}

/* Mean value of first purchases, by channel. */
static wn_rc first_values(struct wn_ltv_job *job, const struct wn_ltv_histories *h,
                          struct wn_why *why)
{
    size_t n = job->input.n_channels;
    double *sums = WN_ARENA_ARRAY(&job->arena, 2 * n, double), *counts = sums ? sums + n : NULL;
    if (!sums)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the channels");
    for (size_t i = 0; i < h->n; i++) {
        sums[h->customers[i].channel] += h->first_value[i];
        counts[h->customers[i].channel]++;
    }
    for (size_t k = 0; k < n; k++)
        sums[k] = counts[k] > 0 ? sums[k] / counts[k] : (double)NAN;
    job->plan.first_value = sums;
    return WN_OK;
}

static wn_rc find_customers(struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_ltv_histories h = {0};
    if (job->input.is_summary) {
        job->customers = job->input.customers;
        job->names = job->input.names;
        job->n = job->input.n;
        return WN_OK;
    }
    wn_rc rc = summarise(job, job->last_day, job->last_day, &h, why);
    if (!rc && job->input.has_values)
        rc = first_values(job, &h, why);
    if (rc)
        return rc;
    struct wn_str *names = WN_ARENA_ARRAY(&job->arena, h.n, struct wn_str);
    if (!names)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the names");
    for (size_t i = 0; i < h.n; i++)
        names[i] = job->input.purchases.customers[h.ids[i]];
    job->customers = h.customers;
    job->names = names;
    job->n = h.n;
    return WN_OK;
}

static wn_rc work(struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_transactions_columns columns = {0};
    wn_rc rc = read_options(job, &columns, why);
    if (!rc)
        rc = read_input(job, &columns, why);
    if (!rc && job->holdout_weeks)
        rc = hold_out(job, why);
    if (!rc)
        rc = find_customers(job, why);
    for (size_t k = 0; k < job->n_kinds && !rc; k++)
        rc = judge(job, job->kinds[k], job->customers, job->n, job->plan, &job->verdicts[k], why);
    /* The library counts customers; people count lines. */
    if (rc && job->input.is_summary && why->line >= 1 && why->line <= job->n)
        why->line = job->input.lines[why->line - 1];
    return rc;
}

/* ---- output -------------------------------------------------------------------------------------
 */

static wn_rc print(const struct wn_ltv_job *job, struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, OUTPUT_BYTES_MAX);
    if (wn_args_flag(job->args, "json"))
        wn_ltv_print_json(job, &b);
    else if (wn_args_flag(job->args, "summary"))
        wn_ltv_print_totals(job, &b);
    else
        wn_ltv_print_customers(job, &b);
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

int wn_cmd_ltv(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct wn_ltv_job job = {.args = args};
    wn_arena_init(&job.arena, 0);
    wn_rc rc = work(&job, &why);
    if (!rc)
        rc = print(&job, &why);
    if (!rc && !wn_args_flag(args, "json"))
        wn_ltv_tell(&job);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
