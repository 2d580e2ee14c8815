#include "cli/ltv_print.h"

#include "core/csv.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>

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
static const char *level_text(const struct wn_ltv_job *job, char text[WN_NUM_TEXT_MAX])
{
    (void)wn_print_f64(round(job->plan.level * 1e8) / 1e6, text);
    return text;
}

void wn_ltv_print_customers(const struct wn_ltv_job *job, struct wn_buf *b)
{
    char level[WN_NUM_TEXT_MAX];
    level_text(job, level);
    wn_buf_printf(b,
                  "customer%s,model,frequency,recency,age,p_alive,purchases,value_per_purchase,"
                  "value,lo%s,hi%s,max_bid\n",
                  job->input.has_channels ? ",channel" : "", level, level);
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct wn_ltv_verdict *v = &job->verdicts[k];
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
static struct wn_str total_name(const struct wn_ltv_job *job, size_t k)
{
    return k < job->input.n_channels ? job->input.channels[k] : WN_STR("all");
}

void wn_ltv_print_totals(const struct wn_ltv_job *job, struct wn_buf *b)
{
    char l[WN_NUM_TEXT_MAX];
    level_text(job, l);
    wn_buf_printf(b,
                  "channel,model,customers,alive,purchases,value,lo%s,hi%s,new_purchases,new_value,"
                  "new_lo%s,new_hi%s,max_bid,payback_weeks,payback_lo%s,payback_hi%s,"
                  "payback_probability\n",
                  l, l, l, l, l, l);
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct wn_ltv_verdict *v = &job->verdicts[k];
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

static void json_total(const struct wn_ltv_job *job, struct wn_json_writer *w,
                       const struct wn_ltv_verdict *v, size_t k)
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

static void json_channels(const struct wn_ltv_job *job, struct wn_json_writer *w,
                          const struct wn_ltv_verdict *v)
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

static void json_holdout(const struct wn_ltv_job *job, struct wn_json_writer *w,
                         const struct wn_ltv_verdict *v)
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

static void json_customers(const struct wn_ltv_job *job, struct wn_json_writer *w,
                           const struct wn_ltv_verdict *v)
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

void wn_ltv_print_json(const struct wn_ltv_job *job, struct wn_buf *b)
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
        const struct wn_ltv_verdict *v = &job->verdicts[k];
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

static void tell_holdout(const struct wn_ltv_job *job, const struct wn_ltv_verdict *v)
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

static void tell_new(const struct wn_ltv_job *job, const struct wn_ltv_verdict *v)
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

void wn_ltv_tell(const struct wn_ltv_job *job)
{
    const struct wn_transactions *t = &job->input.purchases;
    bool explain = wn_args_flag(job->args, "explain");
    if (t->n_without_customer)
        fprintf(stderr, "%zu rows without a customer are left out.\n", t->n_without_customer);
    if (t->dates_guessed)
        fprintf(stderr, "No date tells whether day or month comes first: the likelier was taken. "
                        "Write YYYY-MM-DD to be sure.\n");
    for (size_t k = 0; k < job->n_kinds; k++) {
        const struct wn_ltv_verdict *v = &job->verdicts[k];
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
