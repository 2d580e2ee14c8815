/* winnow ltv: what customers are worth, from their purchases. Needs no data directory. */
#include "cli/commands.h"
#include "cli/ltv_input.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/wire.h"
#include "core/csv.h"
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

/* What one model says. */
struct verdict {
    struct wn_ltv_model model;
    struct wn_ltv_prediction *predictions; /* [n] */
    struct wn_ltv_total *totals;           /* [n_channels + 1] */
    struct wn_ltv_check check;             /* with --holdout */
};

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_ltv_input input;
    struct wn_ltv_options options;
    struct wn_ltv_plan plan;
    wn_ltv_kind kinds[WN_LTV_KINDS];
    size_t n_kinds;
    struct verdict verdicts[WN_LTV_KINDS];
    const struct wn_ltv_customer *customers; /* [n] */
    const struct wn_str *names;              /* [n] */
    size_t n;
    int32_t last_day;
    int64_t holdout_weeks; /* 0 = none */
    struct wn_progress progress;
};

/* ---- options ------------------------------------------------------------------------------------
 */

/* "30%", ".3" and "30" with is_percent: a share. */
static wn_rc read_share(const struct job *job, const char *name, bool is_percent, double most,
                        double *out, struct wn_why *why)
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

static wn_rc read_models(struct job *job, struct wn_why *why)
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

static wn_rc read_columns(const struct job *job, struct wn_transactions_columns *out,
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

static wn_rc read_plan(struct job *job, struct wn_why *why)
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

static wn_rc read_options(struct job *job, struct wn_transactions_columns *columns,
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

static wn_rc read_input(struct job *job, const struct wn_transactions_columns *columns,
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
static wn_rc summarise(struct job *job, int32_t last_day, int32_t end_day,
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
static wn_rc judge(struct job *job, wn_ltv_kind kind, const struct wn_ltv_customer *customers,
                   size_t n, struct wn_ltv_plan plan, struct verdict *v, struct wn_why *why)
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

static wn_rc hold_out(struct job *job, struct wn_why *why)
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
        struct verdict past = {0};
        rc = judge(job, job->kinds[k], h.customers, h.n, plan, &past, why);
        if (!rc)
            rc = wn_ltv_compare(h.customers, past.predictions, &past.totals[job->input.n_channels],
                                h.n, h.later_purchases, h.later_value, plan.horizon,
                                &job->verdicts[k].check, why);
    }
    return rc;
}

/* Mean value of first purchases, by channel. */
static wn_rc first_values(struct job *job, const struct wn_ltv_histories *h, struct wn_why *why)
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

static wn_rc find_customers(struct job *job, struct wn_why *why)
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

static wn_rc work(struct job *job, struct wn_why *why)
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

/* ---- CSV ----------------------------------------------------------------------------------------
 */

/* To four decimals; an empty cell where nothing is known. */
static void put(struct wn_buf *b, bool is_known, double value)
{
    if (is_known)
        wn_buf_printf(b, ",%.4f", value);
    else
        wn_buf_append_char(b, ',');
}

/* "80", "99.5": the level as people write it. */
static const char *level_text(const struct job *job, char text[WN_NUM_TEXT_MAX])
{
    (void)wn_print_f64(round(job->plan.level * 1e8) / 1e6, text);
    return text;
}

static void print_customers(const struct job *job, struct wn_buf *b)
{
    char level[WN_NUM_TEXT_MAX];
    level_text(job, level);
    wn_buf_printf(b,
                  "customer%s,model,frequency,recency,age,p_alive,purchases,value_per_purchase,"
                  "value,lo%s,hi%s,max_bid\n",
                  job->input.has_channels ? ",channel" : "", level, level);
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct verdict *v = &job->verdicts[k];
        bool has_value = v->model.money.is_known, has_interval = has_value && job->plan.n_draws;
        for (size_t i = 0; i < job->n; i++) {
            const struct wn_ltv_customer *c = &job->customers[i];
            const struct wn_ltv_prediction *p = &v->predictions[i];
            wn_csv_write_field(b, job->names[i], true);
            if (job->input.has_channels)
                wn_csv_write_field(b, job->input.channels[c->channel], false);
            wn_buf_printf(b, ",%s,%.0f", wn_ltv_kind_name(v->model.kind), c->frequency);
            put(b, true, c->recency);
            put(b, true, c->age);
            put(b, true, p->alive);
            put(b, true, p->purchases);
            put(b, has_value, p->mean_value);
            put(b, has_value, p->value);
            put(b, has_interval, p->low);
            put(b, has_interval, p->high);
            put(b, has_interval, p->bid);
            wn_buf_append_char(b, '\n');
        }
    }
}

/* The name of a row of totals. */
static struct wn_str total_name(const struct job *job, size_t k)
{
    return k < job->input.n_channels ? job->input.channels[k] : WN_STR("all");
}

static void print_totals(const struct job *job, struct wn_buf *b)
{
    char l[WN_NUM_TEXT_MAX];
    level_text(job, l);
    wn_buf_printf(b,
                  "channel,model,customers,alive,purchases,value,lo%s,hi%s,new_purchases,new_value,"
                  "new_lo%s,new_hi%s,max_bid,payback_weeks,payback_lo%s,payback_hi%s,"
                  "payback_probability\n",
                  l, l, l, l, l, l);
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct verdict *v = &job->verdicts[k];
        bool known = v->model.money.is_known, has_cost = known && job->plan.cost > 0;
        for (size_t i = job->input.has_channels ? 0 : job->input.n_channels;
             i <= job->input.n_channels; i++) {
            const struct wn_ltv_total *t = &v->totals[i];
            wn_csv_write_field(b, total_name(job, i), true);
            wn_buf_printf(b, ",%s,%zu", wn_ltv_kind_name(v->model.kind), t->n_customers);
            put(b, true, t->alive);
            put(b, true, t->purchases);
            put(b, known, t->value);
            put(b, known && job->plan.n_draws, t->low);
            put(b, known && job->plan.n_draws, t->high);
            put(b, true, t->new_purchases);
            put(b, known, t->new_value);
            put(b, known, t->new_low);
            put(b, known, t->new_high);
            put(b, known, t->max_bid);
            put(b, has_cost && t->payback >= 0, t->payback);
            put(b, has_cost && t->payback_low >= 0, t->payback_low);
            put(b, has_cost && t->payback_high >= 0, t->payback_high);
            put(b, has_cost, t->payback_probability);
            wn_buf_append_char(b, '\n');
        }
    }
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static void json_number(struct wn_json_writer *w, const char *key, bool is_known, double value)
{
    wn_json_key(w, key);
    if (is_known)
        wn_json_f64(w, value);
    else
        wn_json_null(w);
}

static void json_rates(struct wn_json_writer *w, wn_ltv_kind kind, const struct wn_ltv_rates *r)
{
    wn_json_key(w, "parameters");
    wn_json_begin_object(w);
    for (size_t i = 0; i < 4; i++)
        json_number(w, wn_ltv_parameter_name(kind, i), true, r->theta[i]);
    wn_json_end(w);
    wn_json_key(w, "log_standard_errors");
    wn_json_begin_object(w);
    for (size_t i = 0; i < 4; i++)
        json_number(w, wn_ltv_parameter_name(kind, i), true,
                    sqrt(r->covariance[i * (i + 1) / 2 + i]));
    wn_json_end(w);
    json_number(w, "log_likelihood", true, r->log_likelihood);
    wn_json_key(w, "customers");
    wn_json_i64(w, (int64_t)r->n_customers);
    wn_json_key(w, "repeat_customers");
    wn_json_i64(w, (int64_t)r->n_repeat);
    json_number(w, "prior_weight", true, r->prior_weight);
    wn_json_key(w, "is_converged");
    wn_json_bool(w, r->is_converged);
    wn_json_key(w, "is_at_wall");
    wn_json_bool(w, r->is_at_wall);
}

static void json_money(struct wn_json_writer *w, const struct wn_ltv_money *m)
{
    wn_json_key(w, "value_model");
    if (!m->is_known) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    json_number(w, "p", true, m->p);
    json_number(w, "q", true, m->q);
    json_number(w, "v", true, m->v);
    json_number(w, "log_likelihood", true, m->log_likelihood);
    wn_json_key(w, "customers");
    wn_json_i64(w, (int64_t)m->n_buyers);
    json_number(w, "correlation", true, m->correlation);
    json_number(w, "correlation_left", true, m->correlation_left);
    wn_json_key(w, "bands");
    wn_json_begin_array(w);
    for (size_t k = 0; m->n_bands > 1 && k < m->n_bands; k++) {
        wn_json_begin_object(w);
        json_number(w, "frequency_from", true, m->band_from[k]);
        json_number(w, "level", true, m->band_level[k]);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "is_converged");
    wn_json_bool(w, m->is_converged);
    wn_json_end(w);
}

static void json_total(const struct job *job, struct wn_json_writer *w, const struct verdict *v,
                       size_t k)
{
    const struct wn_ltv_total *t = &v->totals[k];
    bool known = v->model.money.is_known, has_cost = known && job->plan.cost > 0;
    json_number(w, "alive", true, t->alive);
    json_number(w, "purchases", true, t->purchases);
    json_number(w, "value", known, t->value);
    json_number(w, "low", known && job->plan.n_draws, t->low);
    json_number(w, "high", known && job->plan.n_draws, t->high);
    wn_json_key(w, "new_customer");
    wn_json_begin_object(w);
    json_number(w, "purchases", true, t->new_purchases);
    json_number(w, "value", known, t->new_value);
    json_number(w, "low", known, t->new_low);
    json_number(w, "high", known, t->new_high);
    json_number(w, "max_bid", known, t->max_bid);
    json_number(w, "payback_weeks", has_cost && t->payback >= 0, t->payback);
    json_number(w, "payback_low", has_cost && t->payback_low >= 0, t->payback_low);
    json_number(w, "payback_high", has_cost && t->payback_high >= 0, t->payback_high);
    json_number(w, "payback_probability", has_cost, t->payback_probability);
    wn_json_end(w);
}

static void json_channels(const struct job *job, struct wn_json_writer *w, const struct verdict *v)
{
    wn_json_key(w, "channels");
    wn_json_begin_array(w);
    for (size_t k = 0; job->input.has_channels && k < job->input.n_channels; k++) {
        wn_json_begin_object(w);
        wn_json_key(w, "channel");
        wn_json_text(w, job->input.channels[k]);
        json_rates(w, v->model.kind, &v->model.channels[k]);
        json_number(w, "value_level", v->model.money.is_known, v->model.money.channel_level[k]);
        json_total(job, w, v, k);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void json_holdout(const struct job *job, struct wn_json_writer *w, const struct verdict *v)
{
    const struct wn_ltv_check *c = &v->check;
    bool known = v->model.money.is_known;
    wn_json_key(w, "holdout");
    if (!job->holdout_weeks) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_key(w, "weeks");
    wn_json_i64(w, job->holdout_weeks);
    wn_json_key(w, "customers");
    wn_json_i64(w, (int64_t)c->n);
    json_number(w, "purchases", true, c->purchases);
    json_number(w, "purchases_expected", true, c->purchases_expected);
    json_number(w, "mean_absolute_error", true, c->error_abs);
    json_number(w, "root_mean_square_error", true, c->error_rms);
    json_number(w, "mean_absolute_error_naive", true, c->error_abs_naive);
    json_number(w, "value", known, c->value);
    json_number(w, "value_expected", known, c->value_expected);
    json_number(w, "value_low", known && job->plan.n_draws, c->value_low);
    json_number(w, "value_high", known && job->plan.n_draws, c->value_high);
    json_number(w, "covered", known && job->plan.n_draws, c->covered);
    wn_json_end(w);
}

static void json_customers(const struct job *job, struct wn_json_writer *w, const struct verdict *v)
{
    bool known = v->model.money.is_known, has_interval = known && job->plan.n_draws;
    wn_json_key(w, "predictions");
    wn_json_begin_array(w);
    for (size_t i = 0; i < job->n; i++) {
        const struct wn_ltv_customer *c = &job->customers[i];
        const struct wn_ltv_prediction *p = &v->predictions[i];
        wn_json_begin_object(w);
        wn_json_key(w, "customer");
        wn_json_text(w, job->names[i]);
        if (job->input.has_channels) {
            wn_json_key(w, "channel");
            wn_json_text(w, job->input.channels[c->channel]);
        }
        json_number(w, "frequency", true, c->frequency);
        json_number(w, "recency", true, c->recency);
        json_number(w, "age", true, c->age);
        json_number(w, "p_alive", true, p->alive);
        json_number(w, "purchases", true, p->purchases);
        json_number(w, "value_per_purchase", known, p->mean_value);
        json_number(w, "value", known, p->value);
        json_number(w, "low", has_interval, p->low);
        json_number(w, "high", has_interval, p->high);
        json_number(w, "max_bid", has_interval, p->bid);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void print_json(const struct job *job, struct wn_buf *b)
{
    struct wn_json_writer w;
    wn_json_write_init(&w, b, 0);
    wn_json_begin_object(&w);
    json_number(&w, "horizon_weeks", true, job->plan.horizon);
    json_number(&w, "level", true, job->plan.level);
    wn_json_key(&w, "as_of");
    if (job->input.is_summary)
        wn_json_null(&w);
    else
        wn_json_day(&w, job->last_day);
    wn_json_key(&w, "models");
    wn_json_begin_array(&w);
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct verdict *v = &job->verdicts[k];
        wn_json_begin_object(&w);
        wn_json_key(&w, "model");
        wn_json_text_z(&w, wn_ltv_kind_name(v->model.kind));
        json_rates(&w, v->model.kind, &v->model.account);
        json_money(&w, &v->model.money);
        json_total(job, &w, v, job->input.n_channels);
        json_channels(job, &w, v);
        json_holdout(job, &w, v);
        if (!wn_args_flag(job->args, "summary"))
            json_customers(job, &w, v);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(b, '\n');
}

/* ---- sentences ----------------------------------------------------------------------------------
 */

static void tell_holdout(const struct job *job, const struct verdict *v)
{
    const struct wn_ltv_check *c = &v->check;
    fprintf(
        stderr,
        "%s, last %lld weeks held out: %.0f purchases were expected of %zu customers, %.0f came "
        "(%+.1f %%); a customer is off by %.3f on average (%.3f if all went on as before).\n",
        wn_ltv_kind_words(v->model.kind), (long long)job->holdout_weeks, c->purchases_expected,
        c->n, c->purchases, c->purchases > 0 ? 100 * (c->purchases_expected / c->purchases - 1) : 0,
        c->error_abs, c->error_abs_naive);
    if (v->model.money.is_known && job->plan.n_draws)
        fprintf(stderr,
                "  Their value: %.2f expected (%.2f to %.2f), %.2f came; %.1f %% of the customers "
                "lie within their own interval.\n",
                c->value_expected, c->value_low, c->value_high, c->value, 100 * c->covered);
}

static void tell_rates(const char *what, wn_ltv_kind kind, const struct wn_ltv_rates *r)
{
    fprintf(stderr, "%s: ", what);
    for (size_t i = 0; i < 4; i++)
        fprintf(stderr, "%s%s %.3f", i ? ", " : "", wn_ltv_parameter_name(kind, i), r->theta[i]);
    fprintf(stderr, "; log-likelihood %.1f; %zu customers, %zu came back", r->log_likelihood,
            r->n_customers, r->n_repeat);
    if (r->prior_weight > 0)
        fprintf(stderr, "; %.0f %% of it is prior", 100 * r->prior_weight);
    fprintf(stderr, "%s%s.\n", r->is_at_wall ? "; a parameter is at the end of its range" : "",
            r->is_converged ? "" : "; the search did not settle");
}

static void tell_money(const struct wn_ltv_money *m)
{
    if (!m->is_known) {
        fprintf(stderr, "  Values are not known: nobody came back with an amount.\n");
        return;
    }
    fprintf(stderr,
            "  Values (Gamma-Gamma, %zu customers): p %.2f, q %.2f, v %.2f; log-likelihood %.1f; "
            "frequency and value correlate by %.2f: ",
            m->n_buyers, m->p, m->q, m->v, m->log_likelihood, m->correlation);
    if (m->n_bands > 1)
        fprintf(stderr, "taken by %zu bands of frequency, which leaves %.2f.\n", m->n_bands,
                m->correlation_left);
    else
        fprintf(stderr, "taken as independent.\n");
}

static void tell_new(const struct job *job, const struct verdict *v)
{
    const struct wn_ltv_total *t = &v->totals[job->input.n_channels];
    if (!v->model.money.is_known)
        return;
    fprintf(stderr,
            "  A new customer brings %.2f within %.0f weeks (%.0f %%: %.2f to %.2f); pay at most "
            "%.2f.\n",
            t->new_value, job->plan.horizon, 100 * job->plan.level, t->new_low, t->new_high,
            t->max_bid);
    if (!(job->plan.cost > 0))
        return;
    if (t->payback >= 0)
        fprintf(stderr, "  A cost of %.2f is paid back after %.1f weeks.\n", job->plan.cost,
                t->payback);
    else
        fprintf(stderr, "  A cost of %.2f is not paid back within %.0f weeks.\n", job->plan.cost,
                job->plan.horizon);
}

/* What is not a row goes to standard error, so that CSV stays CSV. */
static void tell(const struct job *job)
{
    const struct wn_transactions *t = &job->input.purchases;
    bool explain = wn_args_flag(job->args, "explain");
    if (t->n_without_customer)
        fprintf(stderr, "%zu rows without a customer are left out.\n", t->n_without_customer);
    if (t->dates_guessed)
        fprintf(stderr, "No date tells whether day or month comes first: the likelier was taken. "
                        "Write YYYY-MM-DD to be sure.\n");
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct verdict *v = &job->verdicts[k];
        if (explain) {
            tell_rates(wn_ltv_kind_words(v->model.kind), v->model.kind, &v->model.account);
            for (size_t c = 0; job->input.has_channels && c < job->input.n_channels; c++) {
                char name[64];
                snprintf(name, sizeof name, "  %.*s", WN_STR_ARG(job->input.channels[c]));
                tell_rates(name, v->model.kind, &v->model.channels[c]);
            }
            tell_money(&v->model.money);
            tell_new(job, v);
        }
        if (job->holdout_weeks)
            tell_holdout(job, v);
    }
}

/* ---- output -------------------------------------------------------------------------------------
 */

static wn_rc print(const struct job *job, struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, OUTPUT_BYTES_MAX);
    if (wn_args_flag(job->args, "json"))
        print_json(job, &b);
    else if (wn_args_flag(job->args, "summary"))
        print_totals(job, &b);
    else
        print_customers(job, &b);
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

int wn_cmd_ltv(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct job job = {.args = args};
    wn_arena_init(&job.arena, 0);
    wn_rc rc = work(&job, &why);
    if (!rc)
        rc = print(&job, &why);
    if (!rc && !wn_args_flag(args, "json"))
        tell(&job);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
