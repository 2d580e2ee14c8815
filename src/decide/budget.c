#include "decide/budget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "decide/chart_int.h"

enum { CURRENT_DAYS = 7, SEED = 20260101, PROBE_CURVES_MAX = 200, PROBE_DRAWS = 100, BARS_MAX = 8 };

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while planning budgets");
}

/* ---- curves ----------------------------------------------------------------------------------- */

/* The total's days decide whether the newest are complete: a single campaign is too noisy. */
static wn_rc look_at_completeness(const struct wn_daily *d, int measure, struct wn_arena *a,
                                  struct wn_daily_completeness *out, struct wn_why *why)
{
    double *outcome = WN_ARENA_ARRAY(a, d->n_days, double);
    double *effort = WN_ARENA_ARRAY(a, d->n_days, double);
    if (!outcome || !effort)
        return no_memory(why);
    for (size_t i = 0; i < d->n_days; i++) {
        outcome[i] = effort[i] = NAN;
        for (size_t k = 0; k < d->n; k++) {
            double x = d->entities[k].values[measure][i];
            double y = d->entities[k].values[WN_MEASURE_SPEND][i];
            if (isfinite(x))
                outcome[i] = (isfinite(outcome[i]) ? outcome[i] : 0) + x;
            if (isfinite(y))
                effort[i] = (isfinite(effort[i]) ? effort[i] : 0) + y;
        }
    }
    return wn_daily_completeness_of(outcome, effort, d->n_days, a, out, why);
}

/* The days of one entity as the library wants them; missing days are left out. A refund (money that
 * came back) is no spend, and a day of returns no revenue: both count as nothing. */
static wn_rc make_history(const struct wn_daily *d, const struct wn_daily_entity *e, int measure,
                          const struct wn_daily_completeness *c, struct wn_arena *a,
                          struct wn_history *h, struct wn_why *why)
{
    size_t n_max = d->n_days - e->first;
    int32_t *days = WN_ARENA_ARRAY(a, n_max, int32_t);
    double *spend = WN_ARENA_ARRAY(a, n_max, double);
    double *result = WN_ARENA_ARRAY(a, n_max, double);
    double *arrived = WN_ARENA_ARRAY(a, n_max, double);
    if (!days || !spend || !result || !arrived)
        return no_memory(why);
    size_t n = 0;
    for (size_t i = e->first; i < d->n_days; i++) {
        if (!isfinite(e->values[WN_MEASURE_SPEND][i]))
            continue;
        days[n] = d->day_from + (int32_t)i;
        spend[n] = fmax(e->values[WN_MEASURE_SPEND][i], 0);
        result[n] = fmax(e->values[measure][i], 0);
        arrived[n++] = wn_daily_arrived(c, i, d->n_days);
    }
    *h = (struct wn_history){.days = days,
                             .spend = spend,
                             .revenue = result,
                             .arrived = arrived,
                             .n = n,
                             .group = e->channel};
    return WN_OK;
}

static double recent_spend(const struct wn_daily *d, const struct wn_daily_entity *e)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = d->n_days; i-- > e->first && n < CURRENT_DAYS;)
        if (isfinite(e->values[WN_MEASURE_SPEND][i])) {
            sum += fmax(e->values[WN_MEASURE_SPEND][i], 0);
            n++;
        }
    return n ? sum / (double)n : 0;
}

static wn_rc fit(struct wn_budget_curves *c, const struct wn_daily *d, struct wn_arena *scratch,
                 struct wn_why *why)
{
    int measure =
        c->range.objective == WN_BUDGET_REVENUE ? WN_MEASURE_REVENUE : WN_MEASURE_CONVERSIONS;
    struct wn_history *histories = WN_ARENA_ARRAY(scratch, d->n, struct wn_history);
    c->current = WN_ARENA_ARRAY(&c->arena, d->n, double);
    if (!histories || !c->current)
        return no_memory(why);
    wn_rc rc = look_at_completeness(d, measure, &c->arena, &c->completeness, why);
    for (size_t i = 0; !rc && i < d->n; i++) {
        rc = make_history(d, &d->entities[i], measure, &c->completeness, scratch, &histories[i],
                          why);
        c->current[i] = recent_spend(d, &d->entities[i]);
    }
    /* Channels are so few that they are one group. */
    for (size_t i = 0; !rc && c->range.by == WN_DAILY_CHANNEL && i < d->n; i++)
        histories[i].group = 0;
    if (!rc)
        rc = wn_curves_fit(&c->arena, histories, d->n, NULL, &c->curves, why);
    for (size_t i = 0; !rc && i < d->n; i++)
        c->n_identified += c->curves[i].is_identified;
    return rc;
}

/* The entities without their series, which are the bulk. */
static wn_rc keep_entities(struct wn_budget_curves *c, const struct wn_daily *d, struct wn_why *why)
{
    c->daily = *d;
    c->daily.entities = WN_ARENA_ARRAY(&c->arena, d->n, struct wn_daily_entity);
    if (!c->daily.entities)
        return no_memory(why);
    for (size_t i = 0; i < d->n; i++) {
        struct wn_daily_entity *e = &c->daily.entities[i];
        *e = d->entities[i];
        memset(e->values, 0, sizeof e->values);
        e->id = wn_arena_dup(&c->arena, e->id);
        e->key = wn_arena_dup(&c->arena, e->key);
        e->name = wn_arena_dup(&c->arena, e->name);
        if (!e->id.p || !e->key.p || !e->name.p)
            return no_memory(why);
    }
    return WN_OK;
}

wn_rc wn_budget_fit(const struct wn_book *book, const struct wn_budget_range *range,
                    const struct wn_facts_version *version, struct wn_budget_curves **out,
                    struct wn_why *why)
{
    struct wn_daily daily;
    struct wn_arena scratch;
    struct wn_daily_request request = {.by = range->by,
                                       .channel = -1,
                                       .has_from = range->has_from,
                                       .has_to = range->has_to,
                                       .from = range->from,
                                       .to = range->to,
                                       .days_max = WN_BUDGET_DAYS,
                                       .measures = 1u << WN_MEASURE_SPEND |
                                                   1u << WN_MEASURE_REVENUE |
                                                   1u << WN_MEASURE_CONVERSIONS};
    struct wn_budget_curves *c = calloc(1, sizeof *c);
    if (!c)
        return no_memory(why);
    wn_arena_init(&c->arena, 0);
    wn_arena_init(&scratch, 0);
    c->range = *range;
    c->version = *version;
    c->completeness.text = WN_STR("");
    wn_rc rc = wn_daily_gather(book, &request, &scratch, &daily, why);
    if (!rc && daily.n > 0)
        rc = fit(c, &daily, &scratch, why);
    if (!rc)
        rc = keep_entities(c, &daily, why);
    wn_arena_deinit(&scratch);
    if (rc)
        wn_budget_curves_free(c);
    else
        *out = c;
    return rc;
}

void wn_budget_curves_free(struct wn_budget_curves *c)
{
    if (!c)
        return;
    wn_arena_deinit(&c->arena);
    free(c);
}

/* ---- what was asked --------------------------------------------------------------------------- */

/* By our id first, then by the source's own. n when there is none. */
static size_t find(const struct wn_budget_curves *c, struct wn_str id)
{
    for (size_t i = 0; i < c->daily.n; i++)
        if (wn_str_eq(c->daily.entities[i].id, id))
            return i;
    for (size_t i = 0; i < c->daily.n; i++)
        if (c->daily.entities[i].key.n && wn_str_eq(c->daily.entities[i].key, id))
            return i;
    return c->daily.n;
}

/* What takes part: places[i] is the entity's place among the curves. */
struct field {
    const struct wn_budget_curves *curves;
    struct wn_arena *a;
    size_t n;
    size_t *places;
    size_t *row_of; /* [curves->daily.n]: n when it takes no part */
    struct wn_allocate_entity *entities;
};

static wn_rc fail_unknown(const struct wn_budget_curves *c, const char *field, struct wn_str id,
                          struct wn_why *why)
{
    return wn_fail(why, WN_INVALID, field, "there is no %s '%.*s' with statistics in these days",
                   wn_daily_by_name(c->range.by), WN_STR_ARG(wn_str_slice(id, 0, 100)));
}

static void add_to_field(struct field *f, size_t place, int64_t current_micros)
{
    f->row_of[place] = f->n;
    f->places[f->n] = place;
    f->entities[f->n++] = (struct wn_allocate_entity){.curve = &f->curves->curves[place],
                                                      .current_micros = current_micros,
                                                      .hi_micros = WN_NO_LIMIT};
}

static int64_t micros_of(double amount)
{
    int64_t micros;
    return wn_micros_from_f64(amount, &micros) && micros > 0 ? micros : 0;
}

static wn_rc choose(struct field *f, const struct wn_budget_request *r, struct wn_why *why)
{
    const struct wn_budget_curves *c = f->curves;
    for (size_t i = 0; i < r->n_choices; i++) {
        char field[WN_WHY_FIELD_MAX];
        size_t place = find(c, r->choices[i].id);
        (void)snprintf(field, sizeof field, "/campaigns/%zu/campaign_id", i);
        if (place == c->daily.n)
            return fail_unknown(c, field, r->choices[i].id, why);
        if (f->row_of[place] != c->daily.n)
            return wn_fail(why, WN_INVALID, field, "'%.*s' is named twice",
                           WN_STR_ARG(wn_str_slice(r->choices[i].id, 0, 100)));
        add_to_field(f, place,
                     r->choices[i].has_current ? r->choices[i].current_micros
                                               : micros_of(c->current[place]));
    }
    for (size_t i = 0; r->n_choices == 0 && i < c->daily.n; i++)
        if ((r->channel < 0 || c->daily.entities[i].channel == r->channel) && c->current[i] > 0)
            add_to_field(f, i, micros_of(c->current[i]));
    return WN_OK;
}

typedef enum bound { LOW = 1, HIGH = 2, BOTH = 3 } bound;

static wn_rc put_limits(struct field *f, const struct wn_budget_limit *limits, size_t n,
                        bound which, struct wn_why *why)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = find(f->curves, limits[i].id);
        size_t row = place < f->curves->daily.n ? f->row_of[place] : f->curves->daily.n;
        if (row >= f->n)
            return place < f->curves->daily.n
                       ? wn_fail(why, WN_INVALID, limits[i].field, "'%.*s' takes no part here",
                                 WN_STR_ARG(wn_str_slice(limits[i].id, 0, 100)))
                       : fail_unknown(f->curves, limits[i].field, limits[i].id, why);
        struct wn_allocate_entity *e = &f->entities[row];
        if (which & LOW)
            e->lo_micros = limits[i].micros;
        if (which & HIGH)
            e->hi_micros = limits[i].micros;
        if (e->lo_micros > e->hi_micros)
            return wn_fail(why, WN_INVALID, limits[i].field,
                           "the bounds of '%.*s' contradict each other",
                           WN_STR_ARG(wn_str_slice(limits[i].id, 0, 100)));
    }
    return WN_OK;
}

static wn_rc make_field(const struct wn_budget_curves *c, const struct wn_budget_request *r,
                        struct wn_arena *a, struct field *f, struct wn_why *why)
{
    *f = (struct field){.curves = c, .a = a};
    f->places = WN_ARENA_ARRAY(a, c->daily.n, size_t);
    f->row_of = WN_ARENA_ARRAY(a, c->daily.n, size_t);
    f->entities = WN_ARENA_ARRAY(a, c->daily.n, struct wn_allocate_entity);
    if (!f->places || !f->row_of || !f->entities)
        return no_memory(why);
    for (size_t i = 0; i < c->daily.n; i++)
        f->row_of[i] = c->daily.n;
    wn_rc rc = choose(f, r, why);
    if (!rc)
        rc = put_limits(f, r->min, r->n_min, LOW, why);
    if (!rc)
        rc = put_limits(f, r->max, r->n_max, HIGH, why);
    if (!rc)
        rc = put_limits(f, r->fixed, r->n_fixed, BOTH, why);
    return rc;
}

/* ---- the plan --------------------------------------------------------------------------------- */

static wn_rc sum_current(const struct field *f, int64_t *out, struct wn_why *why)
{
    *out = 0;
    for (size_t i = 0; i < f->n; i++)
        if (__builtin_add_overflow(*out, f->entities[i].current_micros, out))
            return wn_fail(why, WN_INVALID, "/campaigns", "the current budgets are too large");
    return WN_OK;
}

/* The library names its own members; people wrote others. */
static wn_rc translate(wn_rc rc, struct wn_why *why)
{
    if (rc != WN_INVALID || !why)
        return rc;
    struct wn_str field = wn_str_of(why->field);
    const char *theirs = "/constraints";
    if (wn_str_starts(field, WN_STR("budget")))
        theirs = "/total_budget";
    else if (wn_str_starts(field, WN_STR("target_roas")))
        theirs = "/constraints/target_roas";
    else if (wn_str_starts(field, WN_STR("explore")))
        theirs = "/constraints/explore";
    else if (wn_str_starts(field, WN_STR("max_change")))
        theirs = "/constraints/max_change";
    (void)snprintf(why->field, sizeof why->field, "%s", theirs);
    return rc;
}

/* Which curve is worth learning; quadratic in the number of curves, so only where they are few. */
static wn_rc propose_probe(const struct field *f, uint64_t seed, struct wn_budget_plan *p,
                           struct wn_why *why)
{
    struct wn_rand r;
    struct wn_arena scratch;
    size_t n = 0, best = 0;
    if (f->n == 0 || f->n > PROBE_CURVES_MAX)
        return WN_OK;
    wn_arena_init(&scratch, 0);
    struct wn_curve *curves = WN_ARENA_ARRAY(&scratch, f->n, struct wn_curve);
    wn_rc rc = curves ? WN_OK : no_memory(why);
    for (size_t i = 0; !rc && i < f->n; i++) {
        curves[i] = f->curves->curves[f->places[i]];
        n += !curves[i].is_identified;
    }
    if (!rc && n > 0) {
        wn_rand_init(&r, wn_rand_mix(seed, 2));
        rc = wn_probe_propose(&scratch, curves, f->n, PROBE_DRAWS, &r, &best, &p->probe_value, why);
        p->has_probe = !rc && best < f->n && p->probe_value > 0;
        if (p->has_probe)
            p->probe = &f->curves->daily.entities[f->places[best]];
    }
    wn_arena_deinit(&scratch);
    return rc;
}

static wn_rc explain(const struct field *f, struct wn_arena *a, struct wn_budget_plan *p,
                     struct wn_why *why)
{
    size_t n_unsure = 0;
    for (size_t i = 0; i < f->n; i++)
        n_unsure += !p->rows[i].curve->is_identified;
    struct wn_str unsure = WN_STR(""), cut = WN_STR("");
    if (n_unsure)
        unsure =
            wn_arena_printf(a,
                            " The spend of %zu of %zu hardly ever moved, so their curves are a "
                            "guess from the others.",
                            n_unsure, f->n);
    if (f->curves->daily.n_left_out)
        cut = wn_arena_printf(a, " The %zu that spent least are left out.",
                              f->curves->daily.n_left_out);
    p->why = wn_arena_printf(
        a, "%.*s%.*s%.*s%s%.*s", WN_STR_ARG(p->allocation.why), WN_STR_ARG(unsure), WN_STR_ARG(cut),
        f->curves->completeness.text.n ? " " : "", WN_STR_ARG(f->curves->completeness.text));
    return p->why.p ? WN_OK : no_memory(why);
}

/* A default change goes around an even change of all, so that any total can be reached. */
static double change_ratio(const struct wn_budget_request *r, int64_t current_micros)
{
    if (!r->is_default_change || !r->has_total || current_micros <= 0)
        return r->max_change_ratio;
    return r->max_change_ratio + fabs((double)r->total_micros / (double)current_micros - 1);
}

static wn_rc plan_nothing(struct wn_budget_plan *out)
{
    *out = (struct wn_budget_plan){
        .allocation = {.is_unchanged = true, .roas_is_met = true, .gain_probability = 0.5},
        .why = WN_STR("There is nothing to divide: nothing was spent in the last days with data.")};
    return WN_OK;
}

wn_rc wn_budget_plan(const struct wn_budget_curves *curves, const struct wn_budget_request *request,
                     struct wn_arena *a, struct wn_budget_plan *out, struct wn_why *why)
{
    struct field f;
    struct wn_rand rand;
    struct wn_budget_plan p = {0};
    uint64_t seed = request->seed ? request->seed : SEED;
    wn_rc rc = make_field(curves, request, a, &f, why);
    if (!rc)
        rc = sum_current(&f, &p.current_micros, why);
    if (rc)
        return rc;
    if (f.n == 0)
        return plan_nothing(out);
    struct wn_allocate_options options = {
        .budget_micros = request->has_total ? request->total_micros : p.current_micros,
        .target_roas = request->target_roas,
        .max_change_ratio = change_ratio(request, p.current_micros),
        .explore_ratio = request->explore_ratio,
        .risk = request->risk,
        .keep_probability = request->has_total ? 0 : 0.7};
    wn_rand_init(&rand, wn_rand_mix(seed, 1));
    rc = translate(wn_allocate(a, f.entities, f.n, &options, &rand, &p.allocation, why), why);
    if (rc)
        return rc;
    p.n = f.n;
    p.rows = WN_ARENA_ARRAY(a, f.n, struct wn_budget_row);
    if (!p.rows)
        return no_memory(why);
    for (size_t i = 0; i < f.n; i++)
        p.rows[i] = (struct wn_budget_row){.entity = &curves->daily.entities[f.places[i]],
                                           .curve = &curves->curves[f.places[i]],
                                           .allocation = p.allocation.rows[i]};
    rc = propose_probe(&f, seed, &p, why);
    if (!rc)
        rc = explain(&f, a, &p, why);
    if (!rc)
        *out = p;
    return rc;
}

/* ---- the picture ------------------------------------------------------------------------------ */

wn_rc wn_budget_png(const struct wn_budget_curves *curves, const struct wn_budget_plan *plan,
                    const struct wn_budget_picture *picture, struct wn_arena *a, struct wn_buf *png,
                    struct wn_why *why)
{
    size_t n = plan->n < BARS_MAX ? plan->n : BARS_MAX;
    double *values = WN_ARENA_ARRAY(a, 2 * n, double);
    struct wn_str *labels = WN_ARENA_ARRAY(a, n, struct wn_str);
    char range[CHART_TEXT_MAX] = "";
    if (!values || !labels)
        return no_memory(why);
    for (size_t i = 0; i < n; i++) {
        labels[i] = plan->rows[i].entity->name;
        values[i] = (double)plan->rows[i].allocation.current_micros / 1e6;
        values[n + i] = (double)plan->rows[i].allocation.budget_micros / 1e6;
    }
    if (curves->daily.n_days)
        chart_print_range(curves->daily.day_from, curves->daily.day_to, range);
    struct wn_chart_series series[] = {
        {.label = WN_STR("Now"), .color = WN_CHART_COLOR_OTHERS, .values = values},
        {.label = WN_STR("Recommended"), .color = -1, .values = values + n}};
    struct wn_chart chart = {
        .kind = WN_CHART_BAR,
        .title = WN_STR("Budget per day: now and recommended"),
        .subtitle = wn_arena_printf(a, "%s%s%s", picture->has_sample ? "Sample data \u00b7 " : "",
                                    range[0] ? "learnt from " : "", range),
        .unit = WN_UNIT_MONEY,
        .currency = picture->currency,
        .labels = labels,
        .n_points = n,
        .series = series,
        .n_series = WN_COUNT(series),
        .width_px = picture->width_px,
        .height_px = picture->height_px,
        .dark = picture->dark};
    return chart.subtitle.p ? wn_chart_png(&chart, png, why) : no_memory(why);
}
