/* The document of an analysis, and that of a plan. */
#include "decide/experiment.h"

enum { PARTS_SHOWN = 20 };

static void number(struct wn_json_writer *w, const char *key, double value)
{
    wn_json_key(w, key);
    wn_json_f64(w, value);
}

static void text(struct wn_json_writer *w, const char *key, struct wn_str value)
{
    wn_json_key(w, key);
    wn_json_text(w, value);
}

static void word(struct wn_json_writer *w, const char *key, const char *value)
{
    text(w, key, wn_str_of(value));
}

static void flag(struct wn_json_writer *w, const char *key, bool value)
{
    wn_json_key(w, key);
    wn_json_bool(w, value);
}

/* null when there is none. */
static void number_if(struct wn_json_writer *w, const char *key, bool has, double value)
{
    wn_json_key(w, key);
    if (has)
        wn_json_f64(w, value);
    else
        wn_json_null(w);
}

static void write_interval(struct wn_json_writer *w, const char *key, double effect, bool has,
                           double low, double high)
{
    wn_json_key(w, key);
    wn_json_begin_object(w);
    number(w, "effect", effect);
    number_if(w, "low", has, low);
    number_if(w, "high", has, high);
    wn_json_end(w);
}

static void write_split(struct wn_json_writer *w, const struct wn_abtest *t,
                        const struct wn_abtest_result *r)
{
    double n = 0, weight = 0;
    for (size_t k = 0; k < t->n_arms; k++) {
        n += r->metrics[0].arms[k].stat.n;
        weight += t->weights ? t->weights[k] : 1;
    }
    wn_json_key(w, "split");
    wn_json_begin_object(w);
    flag(w, "is_good", r->is_split_good);
    number(w, "p", r->srm.p);
    number(w, "chi2", r->srm.chi2);
    number(w, "threshold", WN_ABTEST_SRM_P);
    wn_json_key(w, "variants");
    wn_json_begin_array(w);
    for (size_t k = 0; k < t->n_arms; k++) {
        double units = r->metrics[0].arms[k].stat.n;
        wn_json_begin_object(w);
        text(w, "variant", t->arms[k]);
        number(w, "n", units);
        number_if(w, "share", n > 0, n > 0 ? units / n : 0);
        number(w, "planned", (t->weights ? t->weights[k] : 1) / weight);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "n_parts");
    wn_json_i64(w, (int64_t)r->n_parts);
    wn_json_key(w, "worst_parts");
    wn_json_begin_array(w);
    for (size_t i = 0; i < r->n_parts && i < PARTS_SHOWN; i++) {
        wn_json_begin_object(w);
        text(w, "name", r->parts[i].name);
        number(w, "p", r->parts[i].srm.p);
        number(w, "p_adjusted", r->parts[i].p_adjusted);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

static void write_looks(struct wn_json_writer *w, const struct wn_abtest *t,
                        const struct wn_abtest_arm *arm)
{
    wn_json_key(w, "looks");
    wn_json_begin_array(w);
    for (size_t i = 0; i < t->n_looks && arm->looks; i++) {
        const struct wn_abtest_look *l = &arm->looks[i];
        wn_json_begin_object(w);
        wn_json_key(w, "date");
        if (t->days)
            wn_json_day(w, t->days[i]);
        else
            wn_json_null(w);
        number(w, "effect", l->effect);
        number_if(w, "low", l->method, l->low);
        number_if(w, "high", l->method, l->high);
        number(w, "p", l->p);
        word(w, "method", wn_abtest_method_name(l->method));
        number_if(w, "day_effect", l->has_fresh, l->fresh_effect);
        number_if(w, "day_se", l->has_fresh, l->fresh_se);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_against(struct wn_json_writer *w, const struct wn_abtest_arm *arm)
{
    const struct wn_abtest_belief *b = &arm->belief;
    word(w, "verdict", wn_abtest_verdict_name(arm->verdict));
    write_interval(w, "difference", arm->effect, arm->method, arm->low, arm->high);
    if (arm->has_relative) {
        write_interval(w, "relative", arm->relative, arm->method, arm->relative_low,
                       arm->relative_high);
    } else {
        wn_json_key(w, "relative");
        wn_json_null(w);
    }
    word(w, "method", wn_abtest_method_name(arm->method));
    number(w, "p", arm->p);
    number(w, "p_adjusted", arm->p_adjusted);
    flag(w, "is_proven", arm->is_proven);
    write_interval(w, "shrunk", b->effect, true, b->low, b->high);
    number(w, "p_better", b->p_above);
    number(w, "p_matters", b->p_minimum);
}

static void write_arm(struct wn_json_writer *w, const struct wn_abtest *t,
                      const struct wn_abtest_outcome *m, size_t k)
{
    const struct wn_abtest_arm *arm = &m->arms[k];
    wn_json_begin_object(w);
    text(w, "variant", t->arms[k]);
    flag(w, "is_control", k == t->control);
    number(w, "n", arm->stat.n);
    number(w, "events", arm->stat.n_events);
    number_if(w, "mean", arm->stat.n > 0, arm->stat.mean);
    number(w, "variance", arm->stat.variance);
    number(w, "p_best", arm->belief.p_best);
    number(w, "expected_loss", arm->belief.loss);
    number(w, "loss_ratio", arm->loss_ratio);
    if (k != t->control)
        write_against(w, arm);
    write_looks(w, t, arm);
    wn_json_end(w);
}

static void write_metric(struct wn_json_writer *w, const struct wn_abtest *t,
                         const struct wn_abtest_outcome *m)
{
    wn_json_begin_object(w);
    text(w, "metric", m->name);
    word(w, "kind", wn_abtest_kind_name(m->kind));
    word(w, "goal", m->is_lower_better ? "decrease" : "increase");
    number(w, "size", m->size);
    number(w, "tau", m->tau);
    number(w, "minimum", m->minimum);
    number(w, "prior", m->prior);
    number(w, "n_left", m->n_left);
    number_if(w, "days_left", m->has_days_left, m->days_left);
    text(w, "best", t->arms[m->best]);
    wn_json_key(w, "variants");
    wn_json_begin_array(w);
    for (size_t k = 0; k < t->n_arms; k++)
        write_arm(w, t, m, k);
    wn_json_end(w);
    wn_json_end(w);
}

static void write_units(struct wn_json_writer *w, const struct wn_abtest_input *in)
{
    const struct wn_abtest_adjustment *adj = &in->adjustment;
    wn_json_key(w, "units");
    if (!in->has_units) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    number(w, "repeated_rows", (double)in->n_repeated);
    number(w, "in_two_variants", (double)in->n_crossed);
    number(w, "without_past", (double)adj->n_missing);
    number(w, "variance_ratio", adj->variance_ratio);
    number(w, "capped", (double)adj->n_capped);
    number_if(w, "cap", adj->n_capped > 0, adj->cap_high);
    wn_json_end(w);
}

void wn_experiment_write(struct wn_json_writer *w, const struct wn_experiment *e)
{
    const struct wn_abtest *t = &e->input.test;
    const struct wn_abtest_result *r = &e->result;
    wn_json_begin_object(w);
    word(w, "verdict", wn_abtest_verdict_name(r->verdict));
    text(w, "variant", t->arms[r->arm]);
    text(w, "control", t->arms[t->control]);
    flag(w, "is_safe_to_stop", r->is_safe_to_stop);
    text(w, "why", r->why);
    number(w, "alpha", r->alpha);
    number(w, "rows", (double)e->input.n_rows);
    word(w, "method", WN_EXPERIMENT_METHOD);
    write_split(w, t, r);
    wn_json_key(w, "metrics");
    wn_json_begin_array(w);
    for (size_t m = 0; m < r->n_metrics; m++)
        write_metric(w, t, &r->metrics[m]);
    wn_json_end(w);
    write_units(w, &e->input);
    wn_json_end(w);
}

void wn_experiment_write_plan(struct wn_json_writer *w, const struct wn_abtest_wish *wish,
                              const struct wn_abtest_plan *p)
{
    bool has_days = wish->units_per_day > 0;
    wn_json_begin_object(w);
    number(w, "fixed", p->n_fixed);
    number(w, "most", p->n_max);
    number(w, "with_effect", p->n_effect);
    number(w, "without_effect", p->n_none);
    number(w, "narrow", p->n_width);
    number(w, "power_at_fixed", p->power_at_fixed);
    wn_json_key(w, "days");
    if (has_days) {
        wn_json_begin_object(w);
        number(w, "fixed", p->days_fixed);
        number(w, "most", p->days_max);
        number(w, "with_effect", p->days_effect);
        number(w, "without_effect", p->days_none);
        wn_json_end(w);
    } else {
        wn_json_null(w);
    }
    wn_json_end(w);
}
