/* Click-through rates: predictions of single ads or many, and what the model has learnt. */
#include "serve/handlers.h"

#include "decide/ctr.h"
#include "serve/clicks.h"
#include "serve/serve_int.h"

#include <math.h>
#include <stdio.h>

enum { ROWS_MAX = 1000, MEMBERS_MAX = 64, NAME_SHOWN_MAX = 64 };
#define LEVEL 0.8
#define LEVEL_MIN 0.5
#define LEVEL_MAX 0.999

/* ---- the body --------------------------------------------------------------------------------- */

/* What people and older scripts call the fields. */
static const struct {
    const char *name;
    wn_click_field field;
} members[] = {
    {"channel", WN_CLICK_CHANNEL},
    {"channel_used", WN_CLICK_CHANNEL},
    {"platform", WN_CLICK_CHANNEL},
    {"publisher_platform", WN_CLICK_CHANNEL},
    {"campaign", WN_CLICK_CAMPAIGN},
    {"campaign_id", WN_CLICK_CAMPAIGN},
    {"campaign_name", WN_CLICK_CAMPAIGN},
    {"ad_group", WN_CLICK_AD_GROUP},
    {"ad_group_id", WN_CLICK_AD_GROUP},
    {"ad_group_name", WN_CLICK_AD_GROUP},
    {"adset", WN_CLICK_AD_GROUP},
    {"adset_id", WN_CLICK_AD_GROUP},
    {"adset_name", WN_CLICK_AD_GROUP},
    {"ad", WN_CLICK_AD},
    {"ad_id", WN_CLICK_AD},
    {"ad_name", WN_CLICK_AD},
    {"creative", WN_CLICK_AD},
    {"creative_id", WN_CLICK_AD},
    {"device", WN_CLICK_DEVICE},
    {"device_type", WN_CLICK_DEVICE},
    {"device_platform", WN_CLICK_DEVICE},
    {"placement", WN_CLICK_PLACEMENT},
    {"age", WN_CLICK_AGE},
    {"age_range", WN_CLICK_AGE},
    {"age_group", WN_CLICK_AGE},
    {"gender", WN_CLICK_GENDER},
    {"country", WN_CLICK_COUNTRY},
    {"region", WN_CLICK_COUNTRY},
    {"location", WN_CLICK_COUNTRY},
    {"audience", WN_CLICK_AUDIENCE},
    {"interest", WN_CLICK_AUDIENCE},
    {"keyword", WN_CLICK_AUDIENCE},
    {"customer_segment", WN_CLICK_AUDIENCE},
    {"hour", WN_CLICK_HOUR},
    {"hour_of_day", WN_CLICK_HOUR},
    {"weekday", WN_CLICK_WEEKDAY},
    {"day_of_week", WN_CLICK_WEEKDAY},
};

/* What is known of ads elsewhere and is not among the statistics. */
static const struct {
    const char *name, *text;
} unused[] = {
    {"bid_amount", "bids are not part of the statistics, so they are not used"},
    {"bid", "bids are not part of the statistics, so they are not used"},
    {"bid_strategy", "bids are not part of the statistics, so they are not used"},
    {"budget", "what is spent does not enter; ask for a budget at /api/v1/ml/optimize/budget"},
    {"daily_budget",
     "what is spent does not enter; ask for a budget at /api/v1/ml/optimize/budget"},
};

/* One question with the members that were not used. */
struct asked {
    struct wn_click_question question;
    struct wn_str ignored[MEMBERS_MAX];
    size_t n_ignored;
};

static wn_rc read_value(struct wn_call *call, const struct wn_json *v, wn_click_field field,
                        const char *pointer, struct wn_str *out, struct wn_why *why)
{
    struct wn_str text = {0};
    if (v->kind == WN_JSON_NULL)
        return WN_OK;
    if (v->kind == WN_JSON_INT)
        text = wn_arena_printf(call->a, "%lld", (long long)v->integer);
    else if (v->kind == WN_JSON_TEXT)
        text = wn_str_trim(v->text);
    else
        return wn_fail(why, WN_INVALID, pointer, "a %s is a text or a whole number",
                       wn_click_field_name(field));
    if (text.n > WN_CLICK_VALUE_BYTES_MAX)
        return wn_fail(why, WN_INVALID, pointer, "a %s is longer than %d bytes",
                       wn_click_field_name(field), WN_CLICK_VALUE_BYTES_MAX);
    if (text.n == 0)
        return WN_OK;
    if (!wn_click_value_is_possible(field, text))
        return wn_fail(why, WN_INVALID, pointer,
                       field == WN_CLICK_HOUR ? "an hour is a number from 0 to 23"
                                              : "a weekday is monday to sunday, or 1 to 7");
    if (out->p)
        return wn_fail(why, WN_INVALID, pointer, "%s is given twice, by two names",
                       wn_click_field_name(field));
    *out = text;
    return WN_OK;
}

static wn_rc read_level(const struct wn_json *v, const char *pointer, double *out,
                        struct wn_why *why)
{
    bool is_number = v->kind == WN_JSON_INT || v->kind == WN_JSON_REAL;
    if (v->kind == WN_JSON_NULL)
        return WN_OK;
    if (!is_number || !(v->real >= LEVEL_MIN && v->real <= LEVEL_MAX))
        return wn_fail(why, WN_INVALID, pointer, "level is a number from %g to %g", LEVEL_MIN,
                       LEVEL_MAX);
    *out = v->real;
    return WN_OK;
}

static wn_rc read_member(struct wn_call *call, const struct wn_json *v, const char *prefix,
                         struct asked *out, struct wn_why *why)
{
    char pointer[WN_WHY_FIELD_MAX];
    struct wn_str shown = wn_str_slice(v->key, 0, NAME_SHOWN_MAX);
    (void)snprintf(pointer, sizeof pointer, "%s/%.*s", prefix, WN_STR_ARG(shown));
    if (wn_str_eq(v->key, WN_STR("level")))
        return read_level(v, pointer, &out->question.level, why);
    for (size_t i = 0; i < WN_COUNT(members); i++)
        if (wn_str_eq(v->key, wn_str_of(members[i].name)))
            return read_value(call, v, members[i].field, pointer,
                              &out->question.values[members[i].field], why);
    out->ignored[out->n_ignored++] = shown;
    return WN_OK;
}

static wn_rc read_row(struct wn_call *call, const struct wn_json *row, const char *prefix,
                      double level, struct asked *out, struct wn_why *why)
{
    *out = (struct asked){.question.level = level};
    if (row->kind != WN_JSON_OBJECT)
        return wn_fail(why, WN_INVALID, *prefix ? prefix : "/", "an ad to predict is an object");
    if (row->n_items > MEMBERS_MAX)
        return wn_fail(why, WN_LIMIT, *prefix ? prefix : "/", "at most %d members", MEMBERS_MAX);
    wn_rc rc = WN_OK;
    for (size_t i = 0; !rc && i < row->n_items; i++)
        rc = read_member(call, &row->items[i], prefix, out, why);
    return rc;
}

/* {"rows": [...], "level": 0.9}, or the list alone. */
static wn_rc read_rows(struct wn_call *call, const struct wn_json *body, const struct wn_json *rows,
                       struct asked **out, size_t *n_out, struct wn_why *why)
{
    double level = LEVEL;
    wn_rc rc = WN_OK;
    if (body->kind == WN_JSON_OBJECT) {
        static const char *const names[] = {"rows", "level"};
        rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
        const struct wn_json *v = rc ? NULL : wn_json_get(body, "level");
        if (v)
            rc = read_level(v, "/level", &level, why);
    }
    if (!rc && (rows->kind != WN_JSON_ARRAY || rows->n_items == 0))
        return wn_fail(why, WN_INVALID, "/rows", "rows is a list that is not empty");
    if (!rc && rows->n_items > ROWS_MAX)
        return wn_fail(why, WN_LIMIT, "/rows", "at most %d rows at once", ROWS_MAX);
    *out = rc ? NULL : WN_ARENA_ARRAY(call->a, rows->n_items, struct asked);
    if (!rc && !*out)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    *n_out = rc ? 0 : rows->n_items;
    for (size_t i = 0; i < *n_out && !rc; i++) {
        char prefix[32];
        (void)snprintf(prefix, sizeof prefix, body->kind == WN_JSON_ARRAY ? "/%zu" : "/rows/%zu",
                       i);
        rc = read_row(call, &rows->items[i], prefix, level, &(*out)[i], why);
    }
    return rc;
}

static wn_rc read_body(struct wn_call *call, struct asked **out, size_t *n_out, bool *is_batch,
                       struct wn_why *why)
{
    struct wn_json *body = NULL;
    if (call->request->body.n == 0)
        return wn_fail(why, WN_INVALID, "/", "the body is empty: send a JSON object");
    wn_rc rc = wn_json_parse(call->a, call->request->body, &body, why);
    if (rc)
        return rc;
    const struct wn_json *rows = wn_json_get(body, "rows");
    *is_batch = rows || body->kind == WN_JSON_ARRAY;
    if (*is_batch)
        return read_rows(call, body, rows ? rows : body, out, n_out, why);
    *n_out = 1;
    *out = WN_ARENA_NEW(call->a, struct asked);
    if (!*out)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    return read_row(call, body, "", LEVEL, *out, why);
}

/* ---- predictions ------------------------------------------------------------------------------ */

static void write_interval(struct wn_json_writer *w, const struct wn_click_answer *x, double level)
{
    wn_json_key(w, "interval");
    if (isnan(x->ctr)) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_member_f64(w, "low", x->low);
    wn_json_member_f64(w, "high", x->high);
    wn_json_member_f64(w, "level", level);
    wn_json_end(w);
}

static void write_reasons(struct wn_json_writer *w, const struct wn_click_answer *x)
{
    wn_json_key(w, "explanation");
    wn_json_begin_array(w);
    for (size_t i = 0; i < x->n_reasons; i++) {
        const struct wn_click_reason *r = &x->reasons[i];
        wn_json_begin_object(w);
        wn_json_member_text(w, "field", wn_str_of(wn_click_field_name(r->field)));
        wn_json_member_text(w, "value", r->value);
        wn_json_member_f64(w, "odds", r->odds);
        wn_json_member_f64(w, "low", r->low);
        wn_json_member_f64(w, "high", r->high);
        wn_json_member_f64(w, "impressions", r->impressions);
        wn_json_member_bool(w, "is_known", r->is_known);
        wn_json_member_bool(w, "is_given", r->is_given);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static struct wn_str why_ignored(struct wn_call *call, struct wn_str name)
{
    const char *names[WN_COUNT(members)];
    for (size_t i = 0; i < WN_COUNT(unused); i++)
        if (wn_str_eq(name, wn_str_of(unused[i].name)))
            return wn_str_of(unused[i].text);
    for (size_t i = 0; i < WN_COUNT(members); i++)
        names[i] = members[i].name;
    const char *near = wn_nearest_name(name, names, WN_COUNT(members));
    struct wn_str text =
        near ? wn_arena_printf(call->a, "not a field of the statistics; did you mean '%s'?", near)
             : (struct wn_str){0};
    return text.p ? text : WN_STR("not a field of the statistics, so it is not used");
}

/* A field that no row of the facts tells apart has taught nothing. */
static bool is_learnt(const struct wn_click_report *r, wn_click_field field)
{
    for (size_t i = 0; i < r->n_drivers; i++)
        if (r->drivers[i].field == field)
            return true;
    return false;
}

static struct wn_str why_unknown(struct wn_call *call, const struct wn_click_report *r,
                                 wn_click_field field)
{
    struct wn_str text = {0};
    const char *label = wn_click_field_label(field);
    if (r->method == WN_CLICK_TREE && field >= WN_CLICK_DEPTHS)
        return WN_STR("there are too few clicks to learn from it yet");
    if (r->merged >> field & 1)
        return WN_STR("the statistics are too many to tell it apart");
    if (!is_learnt(r, field))
        text = wn_arena_printf(call->a, "%s does not differ in your statistics, or is not reported",
                               label);
    else
        text = wn_arena_printf(call->a, "this %s is new: it was never seen in your statistics",
                               wn_click_field_name(field));
    return text.p ? text : WN_STR("never seen");
}

static void write_note(struct wn_json_writer *w, struct wn_str field, struct wn_str value,
                       struct wn_str detail)
{
    wn_json_begin_object(w);
    wn_json_member_text(w, "field", field);
    if (value.p)
        wn_json_member_text(w, "value", value);
    wn_json_member_text(w, "detail", detail);
    wn_json_end(w);
}

static void write_answer(struct wn_call *call, struct wn_json_writer *w,
                         const struct wn_click_report *r, const struct asked *asked,
                         const struct wn_click_answer *x)
{
    wn_json_member_f64(w, "ctr", x->ctr);
    write_interval(w, x, asked->question.level);
    wn_json_member_f64(w, "base", x->base);
    wn_json_member_f64(w, "impressions", x->impressions);
    write_reasons(w, x);
    wn_json_key(w, "unknown");
    wn_json_begin_array(w);
    for (size_t i = 0; i < x->n_reasons; i++)
        if (!x->reasons[i].is_known)
            write_note(w, wn_str_of(wn_click_field_name(x->reasons[i].field)), x->reasons[i].value,
                       why_unknown(call, r, x->reasons[i].field));
    wn_json_end(w);
    wn_json_key(w, "ignored");
    wn_json_begin_array(w);
    for (size_t i = 0; i < asked->n_ignored; i++)
        write_note(w, asked->ignored[i], (struct wn_str){0}, why_ignored(call, asked->ignored[i]));
    wn_json_end(w);
}

static void write_calibration(struct wn_json_writer *w, const struct wn_click_report *r)
{
    const struct wn_click_test *t = &r->test;
    wn_json_key(w, "calibration");
    wn_json_begin_object(w);
    wn_json_member_text(w, "badge", wn_str_of(wn_click_badge(t, r->base_ratio)));
    wn_json_member_i64(w, "days", t->n_days);
    wn_json_member_f64(w, "clicks", t->clicks);
    wn_json_member_f64(w, "ratio", t->ratio);
    wn_json_member_f64(w, "ece", t->n_days ? t->ece : (double)NAN);
    wn_json_end(w);
}

/* What every answer says of the model behind it. */
static void write_model(struct wn_call *call, struct wn_json_writer *w,
                        const struct wn_clicks_loan *loan)
{
    const struct wn_click_report *r = wn_click_report(loan->model);
    const char *name = wn_click_method_name(r->method);
    bool has_data = r->method != WN_CLICK_NOTHING;
    struct wn_str method = wn_arena_printf(call->a, "%s %s", name, call->app->version);
    wn_json_member_text(w, "state",
                        !has_data      ? WN_STR("empty")
                        : r->is_scarce ? WN_STR("scarce")
                                       : WN_STR("ok"));
    wn_json_member_text(w, "model", wn_str_of(name));
    wn_json_member_text(w, "method", method.p ? method : wn_str_of(name));
    write_calibration(w, r);
    wn_json_completeness(w, &r->completeness);
    wn_json_key(w, "trained_at");
    wn_json_time(w, loan->trained_at_ms);
    wn_json_member_day(w, "data_from", has_data, r->day_from);
    wn_json_member_day(w, "data_to", has_data, r->day_to);
    wn_json_member_bool(w, "is_current", loan->is_current);
    wn_json_member_bool(w, "is_sample", loan->is_sample);
}

static wn_rc answer(struct wn_call *call, const struct wn_clicks_loan *loan,
                    const struct asked *asked, size_t n, bool is_batch, struct wn_why *why)
{
    const struct wn_click_report *r = wn_click_report(loan->model);
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    struct wn_json_writer *w = &json.w;
    wn_json_begin_object(w);
    if (is_batch) {
        wn_json_key(w, "predictions");
        wn_json_begin_array(w);
    }
    for (size_t i = 0; i < n; i++) {
        struct wn_click_answer x;
        wn_click_predict(loan->model, &asked[i].question, &x);
        if (is_batch)
            wn_json_begin_object(w);
        write_answer(call, w, r, &asked[i], &x);
        if (is_batch)
            wn_json_end(w);
    }
    if (is_batch)
        wn_json_end(w);
    write_model(call, w, loan);
    wn_json_end(w);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_ctr_predict(struct wn_call *call, struct wn_why *why)
{
    struct wn_clicks_loan loan = {0};
    struct asked *asked = NULL;
    size_t n = 0;
    bool is_batch = false;
    wn_rc rc = read_body(call, &asked, &n, &is_batch, why);
    if (!rc)
        rc = wn_clicks_borrow(call->app->clicks, call->tenant_id, WN_CLICKS_NOW, &loan, why);
    if (!rc)
        rc = answer(call, &loan, asked, n, is_batch, why);
    wn_clicks_give_back(call->app->clicks, &loan);
    return rc;
}

/* ---- the model -------------------------------------------------------------------------------- */

static void write_drivers(struct wn_json_writer *w, const struct wn_click_report *r)
{
    wn_json_key(w, "drivers");
    wn_json_begin_array(w);
    for (size_t i = 0; i < r->n_drivers; i++) {
        const struct wn_click_driver *d = &r->drivers[i];
        wn_json_begin_object(w);
        wn_json_member_text(w, "field", wn_str_of(wn_click_field_name(d->field)));
        wn_json_member_text(w, "label", wn_str_of(wn_click_field_label(d->field)));
        wn_json_member_f64(w, "importance", d->importance);
        wn_json_member_i64(w, "n_levels", (int64_t)d->n_levels);
        wn_json_key(w, "levels");
        wn_json_begin_array(w);
        for (size_t l = 0; l < d->n_listed; l++) {
            const struct wn_click_level *x = &d->levels[l];
            wn_json_begin_object(w);
            wn_json_member_text(w, "value", x->value);
            wn_json_member_text(w, "label", x->label);
            wn_json_key(w, "channel");
            wn_json_text_or_null(w, x->channel < 0 ? WN_STR("")
                                                   : wn_str_of(wn_channel_text(x->channel)));
            wn_json_member_f64(w, "impressions", x->impressions);
            wn_json_member_f64(w, "clicks", x->clicks);
            wn_json_member_f64(w, "odds", x->odds);
            wn_json_member_f64(w, "low", x->low);
            wn_json_member_f64(w, "high", x->high);
            wn_json_end(w);
        }
        wn_json_end(w);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_bins(struct wn_json_writer *w, const struct wn_click_test *t)
{
    wn_json_key(w, "bins");
    wn_json_begin_array(w);
    for (size_t i = 0; i < t->n_bins; i++) {
        const struct wn_click_bin *b = &t->bins[i];
        wn_json_begin_object(w);
        wn_json_member_f64(w, "predicted", b->predicted);
        wn_json_member_f64(w, "observed", b->observed);
        wn_json_member_f64(w, "low", b->low);
        wn_json_member_f64(w, "high", b->high);
        wn_json_member_f64(w, "impressions", b->impressions);
        wn_json_member_f64(w, "clicks", b->clicks);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void write_test(struct wn_json_writer *w, const struct wn_click_test *t)
{
    wn_json_key(w, "test");
    if (t->n_days == 0) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_member_i64(w, "days", t->n_days);
    wn_json_member_f64(w, "impressions", t->impressions);
    wn_json_member_f64(w, "clicks", t->clicks);
    wn_json_member_f64(w, "log_loss", t->log_loss);
    wn_json_member_f64(w, "log_loss_tree", t->log_loss_tree);
    wn_json_member_f64(w, "log_loss_base", t->log_loss_base);
    wn_json_member_f64(w, "auc", t->auc);
    wn_json_member_f64(w, "ratio", t->ratio);
    wn_json_member_f64(w, "ece", t->ece);
    wn_json_member_f64(w, "drift", t->drift);
    write_bins(w, t);
    wn_json_end(w);
}

static wn_rc describe(struct wn_call *call, const struct wn_clicks_loan *loan, struct wn_why *why)
{
    const struct wn_click_report *r = wn_click_report(loan->model);
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    struct wn_json_writer *w = &json.w;
    wn_json_begin_object(w);
    write_model(call, w, loan);
    wn_json_member_i64(w, "rows", r->n_rows);
    wn_json_member_i64(w, "cells", (int64_t)r->n_cells);
    wn_json_member_f64(w, "impressions", r->impressions);
    wn_json_member_f64(w, "clicks", r->clicks);
    wn_json_member_f64(w, "base_rate", r->base_ratio);
    wn_json_member_f64(w, "dispersion",
                       r->method == WN_CLICK_EFFECTS ? r->dispersion : (double)NAN);
    wn_json_key(w, "merged");
    wn_json_begin_array(w);
    for (int f = 0; f < WN_CLICK_FIELDS; f++)
        if (r->merged >> f & 1)
            wn_json_text_z(w, wn_click_field_name((wn_click_field)f));
    wn_json_end(w);
    write_drivers(w, r);
    write_test(w, &r->test);
    wn_json_end(w);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_ctr_model(struct wn_call *call, struct wn_why *why)
{
    struct wn_clicks_loan loan = {0};
    wn_rc rc = wn_clicks_borrow(call->app->clicks, call->tenant_id, WN_CLICKS_CURRENT, &loan, why);
    if (!rc)
        rc = describe(call, &loan, why);
    wn_clicks_give_back(call->app->clicks, &loan);
    return rc;
}
