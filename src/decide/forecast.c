#include "decide/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/date.h"
#include "decide/chart_int.h"

enum {
    WINDOWS = 6,          /* back-tests of the whole */
    WINDOW_DAYS_MAX = 28, /* longest stretch that one of them compares */
    LEARN_DAYS_MIN = 21,  /* what a back-test must have before it */
    NEIGHBOURS_MAX = 6
};

static const struct {
    const char *name, *label;
    wn_metric_unit unit;
} metrics[] = {
#define X(id, name, label, unit) {name, label, WN_UNIT_##unit},
    WN_OUTLOOK_METRIC_MAP(X)
#undef X
};

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while forecasting");
}

const char *wn_outlook_metric_name(wn_outlook_metric metric)
{
    return metrics[metric].name;
}

wn_metric_unit wn_outlook_metric_unit(wn_outlook_metric metric)
{
    return metrics[metric].unit;
}

bool wn_outlook_metric_by_name(struct wn_str name, wn_outlook_metric *out)
{
    for (size_t i = 0; i < WN_COUNT(metrics); i++)
        if (wn_str_eq(name, wn_str_of(metrics[i].name))) {
            *out = (wn_outlook_metric)i;
            return true;
        }
    return false;
}

static bool is_ratio(wn_outlook_metric metric)
{
    return metric == WN_OUTLOOK_ROI || metric == WN_OUTLOOK_ROAS;
}

/* ROI is ROAS less one; inside, ratios are ROAS, which has a logarithm. */
static double shown(wn_outlook_metric metric, double ratio)
{
    return metric == WN_OUTLOOK_ROI ? ratio - 1 : ratio;
}

/* ---- forecasts from one day on ---------------------------------------------------------------- */

struct task {
    const struct wn_outlook_series *series; /* [n_series]: the one asked for, then its neighbours */
    size_t n_series, n;
    wn_outlook_metric metric;
    struct wn_arena *a;
};

static const double levels[2] = {0.80, 0.95};

/* What is expected of the first series: ratios as ROAS. NaN where there is no value. */
struct path {
    wn_forecast_state state;
    const struct wn_forecast *numerator, *denominator; /* the second NULL for sums */
    size_t horizon;
    const double *mean; /* [horizon] */
    const double *low;  /* [2][horizon] */
    const double *high;
    const bool *has_value; /* NULL = all, unless EMPTY */
};

static wn_forecast_state state_of(const struct wn_forecast *f, const struct wn_forecast *g)
{
    if (!g)
        return f->state;
    if (f->state == WN_FORECAST_EMPTY || g->state == WN_FORECAST_EMPTY)
        return WN_FORECAST_EMPTY;
    if (f->state == g->state)
        return f->state;
    return f->state == WN_FORECAST_SHORT || g->state == WN_FORECAST_SHORT ? WN_FORECAST_SHORT
                                                                          : WN_FORECAST_FITTED;
}

static wn_rc divide(const struct task *t, struct path *p, struct wn_why *why)
{
    struct wn_ratio_forecast ratio;
    struct wn_rand rand;
    wn_rand_init(&rand, WN_OUTLOOK_SEED);
    wn_rc rc = wn_forecast_ratio(p->numerator, p->denominator, levels, WN_COUNT(levels), 0, &rand,
                                 t->a, &ratio, why);
    if (rc)
        return rc;
    p->mean = ratio.mean;
    p->low = ratio.low;
    p->high = ratio.high;
    p->has_value = ratio.has_value;
    return WN_OK;
}

/* From day `end` on, knowing nothing later. The neighbours are there for the intervals. */
static wn_rc forecast_from(const struct task *t, size_t end, size_t horizon, struct path *out,
                           struct wn_why *why)
{
    bool has_two = is_ratio(t->metric);
    size_t n = t->n_series * (has_two ? 2 : 1);
    struct wn_forecast_series *in = WN_ARENA_ARRAY(t->a, n, struct wn_forecast_series);
    struct wn_forecast *f = WN_ARENA_ARRAY(t->a, n, struct wn_forecast);
    if (!in || !f)
        return no_memory(why);
    for (size_t i = 0; i < n; i++) {
        const struct wn_outlook_series *s = &t->series[i % t->n_series];
        in[i].values = i < t->n_series ? s->numerator : s->denominator;
        in[i].n = end;
    }
    struct wn_forecast_options options = {.horizon = horizon,
                                          .frequency = WN_FREQUENCY_DAILY,
                                          .levels = {levels[0], levels[1]},
                                          .n_levels = WN_COUNT(levels)};
    wn_rc rc = wn_forecast_batch(in, n, &options, t->a, f, why);
    if (rc)
        return rc;
    *out = (struct path){.numerator = &f[0],
                         .denominator = has_two ? &f[t->n_series] : NULL,
                         .horizon = horizon,
                         .mean = f[0].mean,
                         .low = f[0].low,
                         .high = f[0].high};
    out->state = state_of(out->numerator, out->denominator);
    return has_two ? divide(t, out, why) : WN_OK;
}

static bool path_has(const struct path *p, size_t h)
{
    return p->state != WN_FORECAST_EMPTY && (!p->has_value || p->has_value[h]);
}

static double quotient(double numerator, double denominator)
{
    double q = denominator > 0 ? numerator / denominator : NAN;
    return isfinite(q) ? q : NAN;
}

/* ---- back-tests ------------------------------------------------------------------------------- */

/* Forecasts made on earlier days. */
struct trial {
    size_t n_windows, steps, stride;
    struct path windows[WINDOWS];
};

static size_t origin_of(const struct trial *trial, size_t n, size_t v)
{
    return n - trial->steps - v * trial->stride;
}

static void plan_trial(const struct task *t, size_t horizon, struct trial *trial)
{
    *trial = (struct trial){.steps = horizon < WINDOW_DAYS_MAX ? horizon : WINDOW_DAYS_MAX};
    if (t->n < LEARN_DAYS_MIN + 7)
        return;
    size_t room = t->n - LEARN_DAYS_MIN;
    if (trial->steps > room / 2)
        trial->steps = room / 2;
    trial->stride = trial->steps > 1 ? trial->steps / 2 : 1;
    trial->n_windows = 1 + (room - trial->steps) / trial->stride;
    if (trial->n_windows > WINDOWS)
        trial->n_windows = WINDOWS;
}

static wn_rc run_trial(const struct task *t, size_t horizon, struct trial *trial,
                       struct wn_why *why)
{
    wn_rc rc = WN_OK;
    plan_trial(t, horizon, trial);
    for (size_t v = 0; !rc && v < trial->n_windows; v++)
        rc = forecast_from(t, origin_of(trial, t->n, v), trial->steps, &trial->windows[v], why);
    return rc;
}

/* ---- the answer ------------------------------------------------------------------------------- */

static wn_rc make_arrays(struct wn_arena *a, size_t horizon, struct wn_outlook *o,
                         struct wn_why *why)
{
    double **arrays[] = {&o->mean, &o->low80, &o->high80, &o->low95, &o->high95};
    o->horizon = horizon;
    for (size_t i = 0; i < WN_COUNT(arrays); i++) {
        *arrays[i] = WN_ARENA_ARRAY(a, horizon, double);
        if (!*arrays[i])
            return no_memory(why);
        for (size_t h = 0; h < horizon; h++)
            (*arrays[i])[h] = NAN;
    }
    return WN_OK;
}

static void take(const struct path *p, struct wn_outlook *o)
{
    size_t horizon = o->horizon;
    for (size_t h = 0; h < horizon; h++) {
        if (!path_has(p, h))
            continue;
        o->mean[h] = shown(o->metric, p->mean[h]);
        o->low80[h] = shown(o->metric, p->low[h]);
        o->high80[h] = shown(o->metric, p->high[h]);
        o->low95[h] = shown(o->metric, p->low[horizon + h]);
        o->high95[h] = shown(o->metric, p->high[horizon + h]);
    }
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        o->weights[k] = p->denominator
                            ? 0.5 * (p->numerator->weights[k] + p->denominator->weights[k])
                            : p->numerator->weights[k];
    o->state = p->state;
    o->n_seasons = p->numerator->n_seasons;
    memcpy(o->seasons, p->numerator->seasons, sizeof o->seasons);
}

/* ---- how far it was off ----------------------------------------------------------------------- */

struct errors {
    size_t n, n_relative, n_in80, n_in95;
    double squares, relative, money;
};

static void add_day(const struct task *t, const struct trial *trial, size_t v, size_t step,
                    struct errors *e)
{
    const struct path *p = &trial->windows[v];
    size_t at = origin_of(trial, t->n, v) + step;
    double actual = t->series[0].numerator[at], spend = 1;
    if (p->denominator) {
        spend = t->series[0].denominator[at];
        actual = quotient(actual, spend);
    }
    if (!p->mean || !p->low || !p->high || !path_has(p, step))
        return;
    double error = actual - p->mean[step];
    if (!isfinite(error))
        return;
    e->n++;
    e->n_in80 += actual >= p->low[step] && actual <= p->high[step];
    e->n_in95 += actual >= p->low[trial->steps + step] && actual <= p->high[trial->steps + step];
    e->squares += error * error;
    e->money += fabs(error) * spend;
    if (actual != 0 && t->metric != WN_OUTLOOK_ROI) {
        e->relative += fabs(error / actual);
        e->n_relative++;
    }
}

static double mean_of(double sum, size_t n)
{
    double mean = n ? sum / (double)n : NAN;
    return isfinite(mean) ? mean : NAN;
}

static void judge(const struct task *t, const struct trial *trial, struct wn_outlook *o)
{
    struct errors e = {0}, newest = {0};
    for (size_t v = 0; v < trial->n_windows; v++) {
        for (size_t step = 0; step < trial->steps; step++)
            add_day(t, trial, v, step, &e);
        if (v == 0)
            newest = e;
    }
    double earlier = mean_of(e.squares - newest.squares, e.n - newest.n);
    double ratio = earlier > 0 ? mean_of(newest.squares, newest.n) / earlier : NAN;
    bool is_money = metrics[o->metric].unit == WN_UNIT_MONEY || is_ratio(o->metric);
    o->backtest =
        (struct wn_outlook_backtest){.n_windows = e.n ? trial->n_windows : 0,
                                     .n_days = e.n,
                                     .mape = mean_of(e.relative, e.n_relative),
                                     .rmse = sqrt(mean_of(e.squares, e.n)),
                                     .error_in_money = is_money ? mean_of(e.money, e.n) : NAN,
                                     .coverage80 = mean_of((double)e.n_in80, e.n),
                                     .coverage95 = mean_of((double)e.n_in95, e.n),
                                     .drift = sqrt(ratio)};
}

/* Missing first days are no part of the history. */
static size_t leading_gap(const struct wn_outlook_series *s, size_t n)
{
    size_t i = 0;
    while (i < n && !isfinite(s->numerator[i]) && (!s->denominator || !isfinite(s->denominator[i])))
        i++;
    return i;
}

wn_rc wn_outlook_of(const struct wn_outlook_series *series, size_t n_series, size_t n,
                    size_t n_complete, size_t horizon, wn_outlook_metric metric, struct wn_arena *a,
                    struct wn_outlook *out, struct wn_why *why)
{
    struct wn_outlook_series shifted[1 + NEIGHBOURS_MAX];
    struct wn_arena scratch;
    struct trial trial = {0};
    struct path path = {.state = WN_FORECAST_EMPTY};
    struct wn_outlook o = {.metric = metric, .summary = WN_STR("")};
    o.completeness.text = WN_STR("");
    if (n_series > WN_COUNT(shifted))
        n_series = WN_COUNT(shifted);
    size_t gap = leading_gap(&series[0], n);
    for (size_t i = 0; i < n_series; i++) {
        shifted[i].numerator = series[i].numerator + gap;
        shifted[i].denominator = series[i].denominator ? series[i].denominator + gap : NULL;
    }
    wn_arena_init(&scratch, a->max_bytes);
    struct task t = {shifted, n_series, n - gap, metric, &scratch};
    struct task tried = {shifted, n_series, n_complete > gap ? n_complete - gap : 0, metric,
                         &scratch};
    wn_rc rc = make_arrays(a, horizon, &o, why);
    if (!rc)
        rc = forecast_from(&t, t.n, horizon, &path, why);
    if (!rc)
        rc = run_trial(&tried, horizon, &trial, why);
    if (!rc) {
        take(&path, &o);
        judge(&tried, &trial, &o);
        *out = o;
    }
    wn_arena_deinit(&scratch);
    return rc;
}

/* ---- in words --------------------------------------------------------------------------------- */

static double mean_over(const double *values, size_t n)
{
    double sum = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            k++;
        }
    return mean_of(sum, k);
}

static struct wn_str main_member(const struct wn_outlook *o)
{
    size_t best = 0;
    for (size_t k = 1; k < WN_FORECAST_MEMBERS; k++)
        if (o->weights[k] > o->weights[best])
            best = k;
    return wn_str_of(wn_forecast_member_words((wn_forecast_member)best));
}

static struct wn_str accuracy(const struct wn_outlook *o, struct wn_str currency,
                              struct wn_arena *a)
{
    char money[CHART_TEXT_MAX];
    const struct wn_outlook_backtest *b = &o->backtest;
    if (!b->n_windows)
        return WN_STR(" There are too few days to try it on earlier ones.");
    if (isfinite(b->mape))
        return wn_arena_printf(a, " Made on earlier days it was off by %.0f %% a day on average.",
                               100 * b->mape);
    if (!isfinite(b->error_in_money))
        return WN_STR("");
    chart_format_value(WN_UNIT_MONEY, currency, b->error_in_money, money);
    return wn_arena_printf(a, " Made on earlier days it was off by %s a day on average.", money);
}

static wn_rc summarise(struct wn_outlook *o, struct wn_str currency, struct wn_arena *a,
                       struct wn_why *why)
{
    char expected[CHART_TEXT_MAX], recent[CHART_TEXT_MAX];
    wn_metric_unit unit = metrics[o->metric].unit;
    const char *label = metrics[o->metric].label;
    size_t last = o->n_history < o->horizon ? o->n_history : o->horizon;
    double ahead = mean_over(o->mean, o->horizon);
    size_t n_late = (size_t)o->completeness.n_immature_days;
    size_t n_known = o->n_history > n_late ? o->n_history - n_late : 0;
    last = last < n_known ? last : n_known;
    double before = mean_over(o->history + (n_known - last), last);
    if (o->state == WN_FORECAST_EMPTY || !isfinite(ahead)) {
        o->summary = WN_STR("There are no data to forecast from.");
        return WN_OK;
    }
    chart_format_value(unit, currency, ahead, expected);
    chart_format_value(unit, currency, before, recent);
    struct wn_str how = accuracy(o, currency, a), member = main_member(o);
    const char *average = o->state == WN_FORECAST_CONSTANT ? "which never moved" : "on average";
    o->summary = wn_arena_printf(
        a,
        "%s is expected at %s a day over the next %zu days, %s (the last %zu complete days: "
        "%s)%s%.*s."
        "%.*s%s%.*s",
        label, expected, o->horizon, average, last, isfinite(before) ? recent : "no value",
        member.n ? "; mostly: " : "", WN_STR_ARG(member), WN_STR_ARG(how),
        o->completeness.text.n ? " " : "", WN_STR_ARG(o->completeness.text));
    return how.p && o->summary.p ? WN_OK : no_memory(why);
}

/* ---- from the facts --------------------------------------------------------------------------- */

static int measure_of(wn_outlook_metric metric)
{
    switch (metric) {
    case WN_OUTLOOK_SPEND:
        return WN_MEASURE_SPEND;
    case WN_OUTLOOK_CONVERSIONS:
        return WN_MEASURE_CONVERSIONS;
    case WN_OUTLOOK_CLICKS:
        return WN_MEASURE_CLICKS;
    case WN_OUTLOOK_IMPRESSIONS:
        return WN_MEASURE_IMPRESSIONS;
    default:
        return WN_MEASURE_REVENUE;
    }
}

static struct wn_outlook_series series_of(const struct wn_daily_entity *e, wn_outlook_metric metric)
{
    return (struct wn_outlook_series){.numerator = e->values[measure_of(metric)],
                                      .denominator =
                                          is_ratio(metric) ? e->values[WN_MEASURE_SPEND] : NULL};
}

static wn_rc keep_history(const struct wn_daily *d, const struct wn_outlook_series *s,
                          struct wn_arena *a, struct wn_outlook *o, struct wn_why *why)
{
    size_t gap = leading_gap(s, d->n_days);
    o->n_history = d->n_days - gap;
    o->day_from = d->day_from + (int32_t)gap;
    o->day_to = d->day_to;
    o->history = WN_ARENA_ARRAY(a, o->n_history, double);
    if (!o->history)
        return no_memory(why);
    for (size_t i = 0; i < o->n_history; i++)
        o->history[i] =
            s->denominator
                ? shown(o->metric, quotient(s->numerator[gap + i], s->denominator[gap + i]))
                : s->numerator[gap + i];
    return WN_OK;
}

/* Results come late, costs do not. */
static wn_rc look_at_completeness(const struct wn_daily *d, wn_outlook_metric metric,
                                  struct wn_arena *a, struct wn_daily_completeness *out,
                                  struct wn_why *why)
{
    *out = (struct wn_daily_completeness){.text = WN_STR("")};
    if (!is_ratio(metric) && metric != WN_OUTLOOK_REVENUE && metric != WN_OUTLOOK_CONVERSIONS)
        return WN_OK;
    return wn_daily_completeness_of(d->entities[0].values[measure_of(metric)],
                                    d->entities[0].values[WN_MEASURE_SPEND], d->n_days, a, out,
                                    why);
}

static wn_rc gather(const struct wn_book *book, const struct wn_outlook_request *r,
                    struct wn_arena *a, struct wn_daily *total, struct wn_daily *channels,
                    struct wn_why *why)
{
    struct wn_daily_request request = {.by = WN_DAILY_TOTAL,
                                       .channel = r->channel,
                                       .has_from = r->has_from,
                                       .has_to = r->has_to,
                                       .from = r->from,
                                       .to = r->to,
                                       .days_max = WN_OUTLOOK_HISTORY_DAYS,
                                       .measures = 1u << measure_of(r->metric)};
    wn_rc rc = wn_daily_gather(book, &request, a, total, why);
    request.by = WN_DAILY_CHANNEL;
    request.channel = -1;
    return rc ? rc : wn_daily_gather(book, &request, a, channels, why);
}

/* Series as they will be when everything has arrived. */
static wn_rc as_complete(struct wn_outlook_series *s, size_t n,
                         const struct wn_daily_completeness *c, struct wn_arena *a,
                         struct wn_why *why)
{
    if (c->n_immature_days == 0)
        return WN_OK;
    double *values = WN_ARENA_ARRAY(a, n, double);
    if (!values)
        return no_memory(why);
    for (size_t i = 0; i < n; i++)
        values[i] = s->numerator[i] / wn_daily_arrived(c, i, n);
    s->numerator = values;
    return WN_OK;
}

static wn_rc make_from(const struct wn_daily *total, const struct wn_daily *channels,
                       const struct wn_outlook_request *r, size_t horizon, struct wn_arena *a,
                       struct wn_outlook *o, struct wn_why *why)
{
    struct wn_outlook_series series[1 + NEIGHBOURS_MAX];
    size_t n = 0;
    series[n++] = series_of(&total->entities[0], r->metric);
    for (size_t i = 0; i < channels->n && n < WN_COUNT(series); i++)
        if (channels->entities[i].channel != r->channel)
            series[n++] = series_of(&channels->entities[i], r->metric);
    struct wn_daily_completeness completeness;
    struct wn_outlook_series reported = series[0];
    wn_rc rc = look_at_completeness(total, r->metric, a, &completeness, why);
    for (size_t i = 0; !rc && i < n; i++)
        rc = as_complete(&series[i], total->n_days, &completeness, a, why);
    if (!rc)
        rc = wn_outlook_of(series, n, total->n_days,
                           total->n_days - (size_t)completeness.n_immature_days, horizon, r->metric,
                           a, o, why);
    o->completeness = completeness;
    return rc ? rc : keep_history(total, &reported, a, o, why);
}

wn_rc wn_outlook_make(const struct wn_book *book, const struct wn_outlook_request *request,
                      struct wn_str currency, struct wn_arena *a, struct wn_outlook *out,
                      struct wn_why *why)
{
    struct wn_daily total, channels;
    size_t horizon = request->horizon > 0 ? (size_t)request->horizon : WN_OUTLOOK_HORIZON;
    struct wn_outlook o = {.metric = request->metric, .state = WN_FORECAST_EMPTY};
    o.backtest = (struct wn_outlook_backtest){.mape = NAN,
                                              .rmse = NAN,
                                              .error_in_money = NAN,
                                              .coverage80 = NAN,
                                              .coverage95 = NAN,
                                              .drift = NAN};
    o.completeness.text = WN_STR("");
    if (horizon > WN_OUTLOOK_HORIZON_MAX)
        return wn_fail(why, WN_INVALID, "horizon", "at most %d days can be forecast",
                       WN_OUTLOOK_HORIZON_MAX);
    wn_rc rc = gather(book, request, a, &total, &channels, why);
    if (!rc && total.n > 0)
        rc = make_from(&total, &channels, request, horizon, a, &o, why);
    else if (!rc)
        rc = make_arrays(a, horizon, &o, why);
    if (!rc)
        rc = summarise(&o, currency, a, why);
    if (!rc)
        *out = o;
    return rc;
}

/* ---- the picture ------------------------------------------------------------------------------ */

/* Of a long history the part is drawn that lets the forecast be seen. */
static size_t first_drawn(const struct wn_outlook *o)
{
    size_t keep = 4 * o->horizon > 60 ? 4 * o->horizon : 60;
    return o->n_history > keep ? o->n_history - keep : 0;
}

struct picture_arrays {
    struct wn_str *labels;
    double *past, *ahead, *low80, *high80, *low95, *high95;
    size_t n;
};

static wn_rc lay_out(const struct wn_outlook *o, struct wn_arena *a, struct picture_arrays *p,
                     struct wn_why *why)
{
    size_t first = first_drawn(o), n_past = o->n_history - first;
    p->n = n_past + (o->state == WN_FORECAST_EMPTY ? 0 : o->horizon);
    /* An incomplete last day is no place to start from. */
    bool is_joined = o->completeness.n_immature_days == 0;
    double **arrays[] = {&p->past, &p->ahead, &p->low80, &p->high80, &p->low95, &p->high95};
    const double *values[] = {NULL, o->mean, o->low80, o->high80, o->low95, o->high95};
    p->labels = WN_ARENA_ARRAY(a, p->n, struct wn_str);
    if (!p->labels)
        return no_memory(why);
    for (size_t k = 0; k < WN_COUNT(arrays); k++) {
        double *x = *arrays[k] = WN_ARENA_ARRAY(a, p->n, double);
        if (!x)
            return no_memory(why);
        for (size_t i = 0; i < p->n; i++)
            x[i] = k == 0 && i < n_past                    ? o->history[first + i]
                   : k > 0 && i >= n_past                  ? values[k][i - n_past]
                   : k > 0 && i + 1 == n_past && is_joined ? o->history[o->n_history - 1]
                                                           : NAN;
    }
    for (size_t i = 0; i < p->n; i++) {
        char text[WN_DAY_TEXT_MAX];
        wn_print_day(o->day_from + (int32_t)(first + i), text);
        p->labels[i] = wn_arena_dup(a, wn_str_of(text));
        if (!p->labels[i].p)
            return no_memory(why);
    }
    return WN_OK;
}

wn_rc wn_outlook_png(const struct wn_outlook *o, const struct wn_outlook_picture *picture,
                     struct wn_arena *a, struct wn_buf *png, struct wn_why *why)
{
    struct picture_arrays p = {0};
    wn_rc rc = lay_out(o, a, &p, why);
    if (rc)
        return rc;
    struct wn_chart_series series[] = {
        {.label = WN_STR("Actual"), .color = -1, .values = p.past},
        {.label = WN_STR("Expected"), .color = -1, .values = p.ahead, .is_dashed = true}};
    struct wn_chart_band bands[] = {{1, p.low95, p.high95}, {1, p.low80, p.high80}};
    struct wn_chart chart = {
        .kind = WN_CHART_LINE,
        .title = wn_arena_printf(a, "%s: the next %zu days", metrics[o->metric].label, o->horizon),
        .subtitle = wn_arena_printf(a, "%sshaded: 80 %% and 95 %% interval%s%.*s",
                                    picture->has_sample ? "Sample data \u00b7 " : "",
                                    o->completeness.n_immature_days ? " \u00b7 " : "",
                                    WN_STR_ARG(o->completeness.text)),
        .unit = metrics[o->metric].unit,
        .currency = picture->currency,
        .labels = p.labels,
        .n_points = p.n,
        .series = series,
        .n_series = WN_COUNT(series),
        .bands = bands,
        .n_bands = WN_COUNT(bands),
        .width_px = picture->width_px,
        .height_px = picture->height_px,
        .dark = picture->dark};
    return chart.title.p && chart.subtitle.p ? wn_chart_png(&chart, png, why) : no_memory(why);
}
