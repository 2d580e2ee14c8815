/* Budgets: the recommendation, the curves behind it, and what-if questions about both. */
#include "serve/handlers.h"

#include "core/date.h"
#include "core/num.h"
#include "decide/budget.h"
#include "serve/models.h"

#include <math.h>
#include <stdio.h>

enum { ID_BYTES_MAX = 500 };
#define AMOUNT_MAX 9e12 /* what int64 micros hold */

/* A question as it was sent. */
struct question {
    struct wn_budget_range range;
    struct wn_budget_request request;
    bool with_curves;
};

/* ---- the body --------------------------------------------------------------------------------- */

static wn_rc amount_of(const struct wn_json *v, const char *field, int64_t *out, struct wn_why *why)
{
    bool is_number = v->kind == WN_JSON_INT || v->kind == WN_JSON_REAL;
    if (!is_number || !(v->real >= 0 && v->real <= AMOUNT_MAX) || !wn_micros_from_f64(v->real, out))
        return wn_fail(why, WN_INVALID, field, "an amount of money is a number from 0 to %g",
                       AMOUNT_MAX);
    return WN_OK;
}

/* Ids may be texts or whole numbers. */
static wn_rc id_of(struct wn_call *call, const struct wn_json *v, const char *field,
                   struct wn_str *out, struct wn_why *why)
{
    if (v && v->kind == WN_JSON_TEXT && v->text.n > 0 && v->text.n <= ID_BYTES_MAX) {
        *out = v->text;
        return WN_OK;
    }
    if (!v || v->kind != WN_JSON_INT)
        return wn_fail(why, WN_INVALID, field, "an id is a text or a whole number");
    *out = wn_arena_printf(call->a, "%lld", (long long)v->integer);
    return out->p ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
}

static bool is_absent(const struct wn_json *v)
{
    return !v || v->kind == WN_JSON_NULL;
}

static wn_rc read_choice(struct wn_call *call, const struct wn_json *v, size_t i,
                         struct wn_budget_choice *out, struct wn_why *why)
{
    char field[WN_WHY_FIELD_MAX];
    (void)snprintf(field, sizeof field, "/campaigns/%zu", i);
    if (v->kind != WN_JSON_OBJECT)
        return wn_fail(why, WN_INVALID, field, "an entry of campaigns is an object");
    for (size_t k = 0; k < v->n_items; k++)
        if (!wn_str_eq(v->items[k].key, WN_STR("campaign_id")) &&
            !wn_str_eq(v->items[k].key, WN_STR("current_budget")))
            return wn_fail(why, WN_INVALID, field,
                           "an entry has campaign_id and current_budget, nothing else");
    (void)snprintf(field, sizeof field, "/campaigns/%zu/campaign_id", i);
    wn_rc rc = id_of(call, wn_json_get(v, "campaign_id"), field, &out->id, why);
    const struct wn_json *current = wn_json_get(v, "current_budget");
    if (rc || is_absent(current))
        return rc;
    (void)snprintf(field, sizeof field, "/campaigns/%zu/current_budget", i);
    out->has_current = true;
    return amount_of(current, field, &out->current_micros, why);
}

static wn_rc read_choices(struct wn_call *call, const struct wn_json *body,
                          struct wn_budget_request *r, struct wn_why *why)
{
    const struct wn_json *v = wn_json_get(body, "campaigns");
    wn_rc rc = WN_OK;
    if (is_absent(v))
        return WN_OK;
    if (v->kind != WN_JSON_ARRAY || v->n_items == 0)
        return wn_fail(why, WN_INVALID, "/campaigns", "campaigns is a list that is not empty");
    if (v->n_items > WN_DAILY_ENTITIES_MAX)
        return wn_fail(why, WN_LIMIT, "/campaigns", "at most %d campaigns at once",
                       WN_DAILY_ENTITIES_MAX);
    struct wn_budget_choice *choices = WN_ARENA_ARRAY(call->a, v->n_items, struct wn_budget_choice);
    if (!choices)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; !rc && i < v->n_items; i++)
        rc = read_choice(call, &v->items[i], i, &choices[i], why);
    r->choices = choices;
    r->n_choices = v->n_items;
    return rc;
}

/* {"12": 50, "spring": 20} */
static wn_rc read_limits(struct wn_call *call, const struct wn_json *constraints, const char *key,
                         const struct wn_budget_limit **out, size_t *n_out, struct wn_why *why)
{
    char pointer[WN_WHY_FIELD_MAX];
    const struct wn_json *v = wn_json_get(constraints, key);
    wn_rc rc = WN_OK;
    (void)snprintf(pointer, sizeof pointer, "/constraints/%s", key);
    if (is_absent(v))
        return WN_OK;
    if (v->kind != WN_JSON_OBJECT)
        return wn_fail(why, WN_INVALID, pointer, "%s is an object of amounts by id", key);
    if (v->n_items > WN_BUDGET_LIMITS_MAX)
        return wn_fail(why, WN_LIMIT, pointer, "at most %d bounds at once", WN_BUDGET_LIMITS_MAX);
    struct wn_budget_limit *limits = WN_ARENA_ARRAY(call->a, v->n_items, struct wn_budget_limit);
    if (!limits)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; !rc && i < v->n_items; i++) {
        struct wn_str field = wn_arena_printf(call->a, "/constraints/%s/%.*s", key,
                                              WN_STR_ARG(wn_str_slice(v->items[i].key, 0, 64)));
        limits[i] = (struct wn_budget_limit){.id = v->items[i].key,
                                             .field = field.p ? field.p : "/constraints"};
        rc = amount_of(&v->items[i], limits[i].field, &limits[i].micros, why);
    }
    *out = limits;
    *n_out = v->n_items;
    return rc;
}

/* A number of the constraints in low..high; absent keeps what *out is, null makes it 0 = none. */
static wn_rc read_ratio(const struct wn_json *constraints, const char *key, double low, double high,
                        double *out, struct wn_why *why)
{
    char pointer[WN_WHY_FIELD_MAX];
    const struct wn_json *v = wn_json_get(constraints, key);
    (void)snprintf(pointer, sizeof pointer, "/constraints/%s", key);
    if (!v)
        return WN_OK;
    if (v->kind == WN_JSON_NULL) {
        *out = 0;
        return WN_OK;
    }
    bool is_number = v->kind == WN_JSON_INT || v->kind == WN_JSON_REAL;
    if (!is_number || !(v->real > 0 && v->real >= low && v->real <= high))
        return wn_fail(why, WN_INVALID, pointer, "%s is a number above %g, at most %g", key, low,
                       high);
    *out = v->real;
    return WN_OK;
}

static wn_rc read_constraints(struct wn_call *call, const struct wn_json *body,
                              struct wn_budget_request *r, struct wn_why *why)
{
    static const char *const names[] = {"min",        "max",         "fixed",
                                        "max_change", "target_roas", "explore"};
    const struct wn_json *v = wn_json_get(body, "constraints");
    if (is_absent(v))
        return WN_OK;
    if (v->kind != WN_JSON_OBJECT)
        return wn_fail(why, WN_INVALID, "/constraints", "constraints is an object");
    for (size_t i = 0; i < v->n_items; i++) {
        bool is_known = false;
        for (size_t k = 0; k < WN_COUNT(names); k++)
            is_known = is_known || wn_str_eq(v->items[i].key, wn_str_of(names[k]));
        if (!is_known)
            return wn_fail(why, WN_INVALID, "/constraints", "there is no constraint '%.*s'",
                           WN_STR_ARG(wn_str_slice(v->items[i].key, 0, 64)));
    }
    r->is_default_change = !wn_json_get(v, "max_change");
    wn_rc rc = read_limits(call, v, "min", &r->min, &r->n_min, why);
    if (!rc)
        rc = read_limits(call, v, "max", &r->max, &r->n_max, why);
    if (!rc)
        rc = read_limits(call, v, "fixed", &r->fixed, &r->n_fixed, why);
    if (!rc)
        rc = read_ratio(v, "max_change", 0, 100, &r->max_change_ratio, why);
    if (!rc)
        rc = read_ratio(v, "target_roas", 0, 1e6, &r->target_roas, why);
    if (!rc)
        rc = read_ratio(v, "explore", 0, 1, &r->explore_ratio, why);
    return rc;
}

/* The place of a member among names; INVALID for another text. */
static wn_rc read_word(const struct wn_json *body, const char *key, const char *const *names,
                       size_t n, size_t *out, struct wn_why *why)
{
    struct wn_str text = WN_STR("");
    char pointer[64], list[160] = "";
    wn_rc rc = wn_body_text(body, key, 64, &text, why);
    if (rc || !text.n)
        return rc;
    for (size_t i = 0, at = 0; i < n; i++) {
        if (wn_str_eq(text, wn_str_of(names[i]))) {
            *out = i;
            return WN_OK;
        }
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", names[i]);
    }
    (void)snprintf(pointer, sizeof pointer, "/%s", key);
    return wn_fail(why, WN_INVALID, pointer, "%s is one of: %s", key, list);
}

static wn_rc read_day(const struct wn_json *body, const char *key, bool *has, int32_t *out,
                      struct wn_why *why)
{
    struct wn_str text = WN_STR("");
    char pointer[64];
    wn_rc rc = wn_body_text(body, key, 64, &text, why);
    *has = text.n > 0;
    if (rc || !text.n || wn_parse_day(text, out))
        return rc;
    (void)snprintf(pointer, sizeof pointer, "/%s", key);
    return wn_fail(why, WN_INVALID, pointer, "%s must be a day, as YYYY-MM-DD", key);
}

static wn_rc read_words(const struct wn_json *body, struct question *q, struct wn_why *why)
{
    static const char *const bys[] = {"campaign", "channel"};
    static const char *const objectives[] = {"revenue", "conversions"};
    static const char *const risks[] = {"mean", "lower", "thompson"};
    size_t by = q->range.by == WN_DAILY_CHANNEL, objective = 0, risk = 0;
    wn_rc rc = read_word(body, "by", bys, WN_COUNT(bys), &by, why);
    if (!rc)
        rc = read_word(body, "objective", objectives, WN_COUNT(objectives), &objective, why);
    if (!rc)
        rc = read_word(body, "risk", risks, WN_COUNT(risks), &risk, why);
    if (!rc)
        rc = read_day(body, "from", &q->range.has_from, &q->range.from, why);
    if (!rc)
        rc = read_day(body, "to", &q->range.has_to, &q->range.to, why);
    if (rc)
        return rc;
    if (q->range.has_from && q->range.has_to && q->range.from > q->range.to)
        return wn_fail(why, WN_INVALID, "/from", "from is after to");
    q->range.by = by ? WN_DAILY_CHANNEL : WN_DAILY_CAMPAIGN;
    q->range.objective = (wn_budget_objective)objective;
    q->request.risk = (wn_allocate_risk)risk;
    return WN_OK;
}

static wn_rc read_question(struct wn_call *call, const struct wn_json *body, struct question *q,
                           struct wn_why *why)
{
    struct wn_str channel = WN_STR("");
    const struct wn_json *total = wn_json_get(body, "total_budget");
    int64_t seed = 0;
    wn_rc rc = read_words(body, q, why);
    if (!rc)
        rc = wn_body_text(body, "channel", 64, &channel, why);
    if (!rc && channel.n)
        rc = wn_channel_by_text(channel, "/channel", &q->request.channel, why);
    if (!rc && !is_absent(total)) {
        q->request.has_total = true;
        rc = amount_of(total, "/total_budget", &q->request.total_micros, why);
    }
    if (!rc) {
        rc = wn_json_get_i64(body, "seed", &seed, why);
        rc = rc == WN_NOT_FOUND ? WN_OK : rc;
    }
    if (!rc) {
        rc = wn_json_get_bool(body, "with_curves", &q->with_curves, why);
        rc = rc == WN_NOT_FOUND ? WN_OK : rc;
    }
    if (!rc && seed < 0)
        rc = wn_fail(why, WN_INVALID, "/seed", "a seed is a whole number from 0");
    q->request.seed = (uint64_t)seed;
    if (!rc)
        rc = read_choices(call, body, &q->request, why);
    if (!rc)
        rc = read_constraints(call, body, &q->request, why);
    if (!rc && q->request.target_roas > 0 && q->range.objective == WN_BUDGET_CONVERSIONS)
        rc = wn_fail(why, WN_INVALID, "/constraints/target_roas",
                     "a target ROAS needs the objective revenue");
    return rc;
}

static struct question default_question(wn_daily_by by)
{
    return (struct question){.range = {.by = by, .objective = WN_BUDGET_REVENUE},
                             .request = {.channel = -1,
                                         .max_change_ratio = WN_BUDGET_MAX_CHANGE,
                                         .is_default_change = true}};
}

/* ---- the answer ------------------------------------------------------------------------------- */

static void write_reals(struct wn_json_writer *w, const char *key, const double *values, size_t n)
{
    wn_json_key(w, key);
    wn_json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        wn_json_f64(w, values[i]);
    wn_json_end(w);
}

static void write_interval(struct wn_json_writer *w, const char *key, double mean, double low,
                           double high)
{
    wn_json_key(w, key);
    wn_json_begin_object(w);
    wn_json_member_f64(w, "mean", mean);
    wn_json_member_f64(w, "low", low);
    wn_json_member_f64(w, "high", high);
    wn_json_end(w);
}

/* The part of the curve that somebody may look at: from nothing to four times the largest spend of
 * a day that was tried. */
enum { CURVE_POINTS = 61 };

static void write_curve(struct wn_json_writer *w, const struct wn_curve *c)
{
    double x[CURVE_POINTS], mean[CURVE_POINTS], low[CURVE_POINTS], high[CURVE_POINTS];
    double end = fmax(2 * c->spend_max, 4 * fmax(c->spend_mean, c->spend_now));
    for (size_t i = 0; i < CURVE_POINTS; i++) {
        double sd = 0;
        x[i] = end * (double)i / (CURVE_POINTS - 1);
        wn_curve_at(c, x[i], &mean[i], NULL, &sd);
        /* 80 % of a normal distribution. */
        low[i] = fmax(mean[i] - 1.2816 * sd, 0);
        high[i] = mean[i] + 1.2816 * sd;
    }
    wn_json_key(w, "curve");
    wn_json_begin_object(w);
    write_reals(w, "x", x, CURVE_POINTS);
    write_reals(w, "mean", mean, CURVE_POINTS);
    write_reals(w, "low", low, CURVE_POINTS);
    write_reals(w, "high", high, CURVE_POINTS);
    wn_json_member_bool(w, "is_identified", c->is_identified);
    write_interval(w, "roas", c->roas_mean, c->roas_low, c->roas_high);
    wn_json_end(w);
}

static void write_entity(struct wn_json_writer *w, const struct wn_daily_entity *e)
{
    wn_json_member_text(w, "id", e->id);
    wn_json_key(w, "campaign_id");
    wn_json_text_or_null(w, e->key);
    wn_json_member_text(w, "name", e->name);
    wn_json_member_text(w, "channel", wn_str_of(wn_channel_text(e->channel)));
}

static void write_row(struct wn_json_writer *w, const struct wn_budget_row *row, bool with_curve)
{
    const struct wn_allocate_row *r = &row->allocation;
    wn_json_begin_object(w);
    write_entity(w, row->entity);
    wn_json_key(w, "current_budget");
    wn_json_micros(w, r->current_micros);
    wn_json_key(w, "recommended_budget");
    wn_json_micros(w, r->budget_micros);
    write_interval(w, "expected_return", r->expected, r->low, r->high);
    wn_json_member_f64(w, "expected_now", r->expected_now);
    wn_json_member_f64(w, "marginal_return", r->marginal);
    wn_json_member_text(w, "bind", wn_str_of(wn_bind_name(r->bind)));
    wn_json_member_text(w, "why", r->why);
    wn_json_member_bool(w, "is_identified", row->curve->is_identified);
    if (with_curve)
        write_curve(w, row->curve);
    wn_json_end(w);
}

static void write_total(struct wn_json_writer *w, const struct wn_budget_plan *p)
{
    const struct wn_allocation *t = &p->allocation;
    wn_json_key(w, "total");
    wn_json_begin_object(w);
    wn_json_key(w, "current");
    wn_json_micros(w, p->current_micros);
    wn_json_key(w, "budget");
    wn_json_micros(w, t->budget_micros);
    wn_json_key(w, "recommended");
    wn_json_micros(w, t->spent_micros);
    wn_json_member_f64(w, "expected", t->expected);
    wn_json_member_f64(w, "expected_now", t->expected_now);
    wn_json_key(w, "gain");
    wn_json_begin_object(w);
    wn_json_member_f64(w, "mean", t->gain_mean);
    wn_json_member_f64(w, "low", t->gain_low);
    wn_json_member_f64(w, "high", t->gain_high);
    wn_json_member_f64(w, "probability", t->gain_probability);
    wn_json_end(w);
    wn_json_member_f64(w, "price", t->price);
    wn_json_member_bool(w, "roas_is_met", t->roas_is_met);
    wn_json_end(w);
}

static void write_probe(struct wn_json_writer *w, const struct wn_budget_plan *p)
{
    wn_json_key(w, "probe");
    if (!p->has_probe) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_member_text(w, "id", p->probe->id);
    wn_json_member_text(w, "name", p->probe->name);
    wn_json_member_f64(w, "value", p->probe_value);
    wn_json_end(w);
}

static void write_range(struct wn_call *call, struct wn_json_writer *w,
                        const struct wn_call_facts *facts, const struct wn_budget_curves *c)
{
    static const char *const objectives[] = {"revenue", "conversions"};
    wn_json_member_text(w, "by", wn_str_of(wn_daily_by_name(c->range.by)));
    wn_json_member_text(w, "objective", wn_str_of(objectives[c->range.objective]));
    wn_json_member_i64(w, "left_out", (int64_t)c->daily.n_left_out);
    wn_json_completeness(w, &c->completeness);
    wn_call_write_facts(call, w, facts, WN_BUDGET_METHOD, c->daily.n_days > 0, c->daily.day_from,
                        c->daily.day_to);
}

static wn_rc answer_json(struct wn_call *call, const struct question *q,
                         const struct wn_call_facts *facts, const struct wn_budget_curves *c,
                         const struct wn_budget_plan *p, struct wn_why *why)
{
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "rows");
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < p->n; i++)
        write_row(&json.w, &p->rows[i], q->with_curves);
    wn_json_end(&json.w);
    write_total(&json.w, p);
    wn_json_member_bool(&json.w, "unchanged", p->allocation.is_unchanged);
    wn_json_member_text(&json.w, "why", p->why);
    write_probe(&json.w, p);
    wn_json_member_i64(&json.w, "seed", (int64_t)q->request.seed);
    write_range(call, &json.w, facts, c);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

static wn_rc answer_png(struct wn_call *call, const struct wn_call_facts *facts,
                        const struct wn_budget_curves *c, const struct wn_budget_plan *p,
                        struct wn_why *why)
{
    struct wn_budget_picture picture = {.currency = facts->currency,
                                        .has_sample = facts->is_sample,
                                        .dark = wn_call_bool(call, "dark", false),
                                        .width_px = (int)wn_call_int(call, "width", 0),
                                        .height_px = (int)wn_call_int(call, "height", 0)};
    struct wn_buf png;
    wn_buf_init(&png, WN_PNG_BYTES_MAX);
    wn_rc rc = wn_budget_png(c, p, &picture, call->a, &png, why);
    return wn_call_png(call, rc, &png, why);
}

static wn_rc answer(struct wn_call *call, const struct question *q, bool as_png, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_models_loan loan = {0};
    struct wn_call_facts facts;
    struct wn_budget_plan plan;
    wn_rc rc = wn_call_get_facts(call, &facts, why);
    if (!rc)
        rc = wn_models_borrow_curves(call->app->models, &book, &q->range, call->now_ms, call->a,
                                     &loan, why);
    if (!rc)
        rc = wn_budget_plan(loan.curves, &q->request, call->a, &plan, why);
    if (!rc)
        rc = as_png ? answer_png(call, &facts, loan.curves, &plan, why)
                    : answer_json(call, q, &facts, loan.curves, &plan, why);
    wn_models_give_back(call->app->models, &loan);
    return rc;
}

/* ---- the calls -------------------------------------------------------------------------------- */

wn_rc wn_handle_budget_optimise(struct wn_call *call, struct wn_why *why)
{
    static const char *const names[] = {"campaigns",   "by",   "channel",    "total_budget",
                                        "objective",   "risk", "from",       "to",
                                        "constraints", "seed", "with_curves"};
    const struct wn_json *body = NULL;
    struct question q = default_question(WN_DAILY_CAMPAIGN);
    wn_rc rc = wn_call_body(call, names, WN_COUNT(names), &body, why);
    if (!rc)
        rc = read_question(call, body, &q, why);
    return rc ? rc : answer(call, &q, false, why);
}

static wn_rc read_params(struct wn_call *call, struct question *q, struct wn_why *why)
{
    q->range.has_from = wn_call_day(call, "from", &q->range.from);
    q->range.has_to = wn_call_day(call, "to", &q->range.to);
    return wn_call_channel(call, &q->request.channel, why);
}

static wn_rc advise(struct wn_call *call, bool as_png, struct wn_why *why)
{
    struct question q = default_question(WN_DAILY_CHANNEL);
    wn_rc rc = read_params(call, &q, why);
    return rc ? rc : answer(call, &q, as_png, why);
}

wn_rc wn_handle_budget_advice(struct wn_call *call, struct wn_why *why)
{
    return advise(call, wn_call_wants_png(call), why);
}

wn_rc wn_handle_budget_advice_image(struct wn_call *call, struct wn_why *why)
{
    return advise(call, true, why);
}

static void write_curves(struct wn_json_writer *w, const struct wn_budget_curves *c, int channel)
{
    wn_json_key(w, "entities");
    wn_json_begin_array(w);
    for (size_t i = 0; i < c->daily.n; i++) {
        const struct wn_daily_entity *e = &c->daily.entities[i];
        if (channel >= 0 && e->channel != channel)
            continue;
        wn_json_begin_object(w);
        write_entity(w, e);
        wn_json_member_f64(w, "current", c->current[i]);
        wn_json_member_f64(w, "spend_mean", c->curves[i].spend_mean);
        wn_json_member_f64(w, "spend_max", c->curves[i].spend_max);
        wn_json_member_bool(w, "is_identified", c->curves[i].is_identified);
        write_curve(w, &c->curves[i]);
        wn_json_end(w);
    }
    wn_json_end(w);
}

wn_rc wn_handle_budget_curves(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_models_loan loan = {0};
    struct wn_call_facts facts;
    struct question q = default_question(WN_DAILY_CAMPAIGN);
    if (wn_str_eq(wn_call_text(call, "by"), WN_STR("channel")))
        q.range.by = WN_DAILY_CHANNEL;
    if (wn_str_eq(wn_call_text(call, "objective"), WN_STR("conversions")))
        q.range.objective = WN_BUDGET_CONVERSIONS;
    wn_rc rc = read_params(call, &q, why);
    if (!rc)
        rc = wn_call_get_facts(call, &facts, why);
    if (!rc)
        rc = wn_models_borrow_curves(call->app->models, &book, &q.range, call->now_ms, call->a,
                                     &loan, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    write_curves(&json.w, loan.curves, q.request.channel);
    write_range(call, &json.w, &facts, loan.curves);
    wn_json_end(&json.w);
    rc = wn_call_json_end(call, &json, why);
    wn_models_give_back(call->app->models, &loan);
    return rc;
}
