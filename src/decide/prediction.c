#include "decide/prediction.h"

#include <math.h>
#include <stdlib.h>

#include "core/json.h"
#include "decide/forecast.h"
#include "learn/special.h"

enum { POOL_WINDOWS = 3, RUNNING_DAYS = 7, DRIVERS_BYTES_MAX = 4096 };
#define LEVEL 0.80
#define LEVEL_Z 1.2816
#define ERROR_MIN 0.05 /* no campaign is known better than that */

static wn_rc no_memory(struct wn_why *why)
{
    return wn_fail(why, WN_MEMORY, NULL, "memory has run out while predicting");
}

/* ---- which campaigns -------------------------------------------------------------------------- */

static bool is_running(const struct wn_daily_entity *e, size_t n_days)
{
    size_t n = 0;
    for (size_t i = n_days; i-- > e->first && n < RUNNING_DAYS;) {
        double spend = e->values[WN_MEASURE_SPEND][i];
        if (!isfinite(spend))
            continue;
        if (spend > 0)
            return true;
        n++;
    }
    return false;
}

static size_t known_days(const struct wn_daily_entity *e, size_t n_days)
{
    size_t n = 0;
    for (size_t i = e->first; i < n_days; i++)
        n += isfinite(e->values[WN_MEASURE_SPEND][i]) ? 1 : 0;
    return n;
}

static wn_rc choose(const struct wn_daily *d, struct wn_arena *scratch, size_t **out, size_t *n_out,
                    struct wn_prediction_report *r, struct wn_why *why)
{
    size_t n = 0, *places = WN_ARENA_ARRAY(scratch, d->n, size_t);
    if (!places)
        return no_memory(why);
    for (size_t i = 0; i < d->n; i++) {
        size_t known = known_days(&d->entities[i], d->n_days);
        if (known < WN_PREDICTION_DAYS_MIN) {
            r->n_new++;
        } else if (!is_running(&d->entities[i], d->n_days)) {
            r->n_stopped++;
        } else {
            places[n++] = i;
            r->n_days += known;
        }
    }
    *out = places;
    *n_out = n;
    return WN_OK;
}

/* ---- forecasts -------------------------------------------------------------------------------- */

static wn_rc look_at_completeness(const struct wn_book *book, struct wn_arena *scratch,
                                  struct wn_arena *a, struct wn_daily_completeness *out,
                                  struct wn_why *why)
{
    struct wn_daily total;
    struct wn_daily_request request = {.by = WN_DAILY_TOTAL,
                                       .channel = -1,
                                       .days_max = WN_OUTLOOK_HISTORY_DAYS,
                                       .measures = 1u << WN_MEASURE_REVENUE};
    wn_rc rc = wn_daily_gather(book, &request, scratch, &total, why);
    if (rc || total.n == 0)
        return rc;
    return wn_daily_completeness_of(total.entities[0].values[WN_MEASURE_REVENUE],
                                    total.entities[0].values[WN_MEASURE_SPEND], total.n_days, a,
                                    out, why);
}

/* Revenue of chosen[i] at out[i], its spend at out[n + i]. */
static wn_rc forecast_all(const struct wn_daily *d, const size_t *chosen, size_t n, size_t horizon,
                          const struct wn_daily_completeness *c, struct wn_arena *scratch,
                          struct wn_forecast **out, struct wn_why *why)
{
    struct wn_forecast_series *in = WN_ARENA_ARRAY(scratch, 2 * n, struct wn_forecast_series);
    *out = WN_ARENA_ARRAY(scratch, 2 * n, struct wn_forecast);
    if (!in || !*out)
        return no_memory(why);
    for (size_t i = 0; i < n; i++) {
        const struct wn_daily_entity *e = &d->entities[chosen[i]];
        double *revenue = e->values[WN_MEASURE_REVENUE];
        for (size_t k = 0; k < d->n_days; k++)
            revenue[k] /= wn_daily_arrived(c, k, d->n_days);
        in[i] =
            (struct wn_forecast_series){.values = revenue + e->first, .n = d->n_days - e->first};
        in[n + i] = (struct wn_forecast_series){.values = e->values[WN_MEASURE_SPEND] + e->first,
                                                .n = d->n_days - e->first};
    }
    struct wn_forecast_options options = {
        .horizon = horizon, .frequency = WN_FREQUENCY_DAILY, .levels = {LEVEL}, .n_levels = 1};
    return wn_forecast_batch(in, 2 * n, &options, scratch, *out, why);
}

static double sum_of(const double *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum;
}

/* ---- how sure --------------------------------------------------------------------------------- */

/* One campaign's errors of the logarithm of (revenue / spend) of a whole horizon. */
struct errors {
    size_t n;
    double values[WN_FORECAST_WINDOWS_MAX];
};

/* The error of the sum over a window, of a horizon's length; NaN when half of it is missing. */
static double window_error(const struct wn_forecast *f, size_t v)
{
    double sum = 0;
    size_t n = 0;
    for (size_t h = 0; h < f->horizon; h++) {
        double r = f->residuals[v * f->horizon + h];
        if (isfinite(r)) {
            sum += r;
            n++;
        }
    }
    return 2 * n >= f->horizon || n >= 7 ? sum * (double)f->horizon / (double)n : (double)NAN;
}

/* The level of the windows is taken to be that of the forecast, which only few days lie between. */
static struct errors errors_of(const struct wn_forecast *revenue, const struct wn_forecast *spend)
{
    struct errors e = {0};
    double above = sum_of(revenue->mean, revenue->horizon);
    double below = sum_of(spend->mean, spend->horizon);
    size_t n = revenue->n_windows < spend->n_windows ? revenue->n_windows : spend->n_windows;
    for (size_t v = 0; v < n && above > 0 && below > 0; v++) {
        double up = window_error(revenue, v), down = window_error(spend, v);
        /* A fall to nothing has no logarithm: a twentieth stands for it. */
        if (isfinite(up) && isfinite(down))
            e.values[e.n++] = log(fmax(1 + up / above, 0.05)) - log(fmax(1 + down / below, 0.05));
    }
    return e;
}

static double mean_square(const struct errors *e, size_t without)
{
    double sum = 0;
    size_t n = 0;
    for (size_t v = 0; v < e->n; v++)
        if (v != without) {
            sum += e->values[v] * e->values[v];
            n++;
        }
    return n ? sum / (double)n : 0;
}

/* Few windows are drawn towards the mean square of all campaigns. */
static double spread(const struct errors *e, size_t without, double pool)
{
    size_t n = e->n - (without < e->n ? 1 : 0);
    double square =
        ((double)n * mean_square(e, without) + POOL_WINDOWS * pool) / (double)(n + POOL_WINDOWS);
    return fmax(sqrt(square), ERROR_MIN);
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* How many spreads hold 80 % of all windows, each judged by a spread that has not seen it. */
static wn_rc conformal_factor(const struct errors *e, size_t n, double pool,
                              struct wn_arena *scratch, double *out, struct wn_why *why)
{
    size_t k = 0;
    double *all = WN_ARENA_ARRAY(scratch, n * WN_FORECAST_WINDOWS_MAX, double);
    if (!all)
        return no_memory(why);
    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < e[i].n; v++)
            all[k++] = fabs(e[i].values[v]) / spread(&e[i], v, pool);
    *out = LEVEL_Z;
    if (k < 5)
        return WN_OK;
    qsort(all, k, sizeof(*all), by_value);
    size_t rank = (size_t)ceil((double)(k + 1) * LEVEL);
    *out = fmax(all[(rank < k ? rank : k) - 1], 0.5);
    return WN_OK;
}

/* ---- the answer ------------------------------------------------------------------------------- */

static wn_rc print_drivers(const struct wn_forecast *revenue, const struct wn_forecast *spend,
                           struct wn_arena *a, struct wn_str *out, struct wn_why *why)
{
    struct wn_buf text;
    struct wn_json_writer w;
    wn_buf_init(&text, DRIVERS_BYTES_MAX);
    wn_json_write_init(&w, &text, 0);
    wn_json_begin_object(&w);
    for (int k = 0; k < WN_FORECAST_MEMBERS; k++) {
        double share = 0.5 * (revenue->weights[k] + spend->weights[k]);
        if (share < 0.005)
            continue;
        wn_json_key(&w, wn_forecast_member_words((wn_forecast_member)k));
        wn_json_f64(&w, round(share * 1e4) / 1e4);
    }
    wn_json_end(&w);
    wn_rc rc = wn_buf_check(&text, why);
    if (!rc) {
        *out = wn_arena_dup(a, wn_buf_str(&text));
        rc = out->p ? WN_OK : no_memory(why);
    }
    wn_buf_deinit(&text);
    return rc;
}

static wn_rc fill(struct wn_prediction *p, const struct wn_forecast *revenue,
                  const struct wn_forecast *spend, double width, struct wn_arena *a,
                  struct wn_why *why)
{
    double ratio = sum_of(revenue->mean, revenue->horizon) / sum_of(spend->mean, spend->horizon);
    double half = width; /* of 80 % */
    double centre = log(fmax(ratio, 1e-6));
    double p_profit = wn_normal_cdf(centre / (half / LEVEL_Z));
    p->roi_ratio = ratio - 1;
    p->roi_low_ratio = ratio * exp(-half) - 1;
    p->roi_high_ratio = ratio * exp(half) - 1;
    p->confidence_ratio = fmin(fmax(p_profit, 1 - p_profit), 1);
    p->risk = (uint8_t)(1 - p_profit < 0.2 ? 0 : 1 - p_profit < 0.5 ? 1 : 2);
    return print_drivers(revenue, spend, a, &p->drivers_json, why);
}

static wn_rc predict(const struct wn_book *book, const struct wn_daily *d, const size_t *chosen,
                     size_t n, size_t horizon, struct wn_arena *scratch, struct wn_arena *a,
                     struct wn_prediction_report *r, struct wn_why *why)
{
    struct wn_forecast *f = NULL;
    double pool = 0, factor = LEVEL_Z;
    size_t n_pool = 0;
    struct errors *e = WN_ARENA_ARRAY(scratch, n, struct errors);
    r->predictions = WN_ARENA_ARRAY(a, n, struct wn_prediction);
    if (!e || !r->predictions)
        return no_memory(why);
    wn_rc rc = forecast_all(d, chosen, n, horizon, &r->completeness, scratch, &f, why);
    for (size_t i = 0; !rc && i < n; i++) {
        e[i] = errors_of(&f[i], &f[n + i]);
        pool += (double)e[i].n * mean_square(&e[i], e[i].n);
        n_pool += e[i].n;
    }
    /* Nobody could be tried: half or double is not ruled out. */
    pool = n_pool ? pool / (double)n_pool : 0.25;
    if (!rc)
        rc = conformal_factor(e, n, pool, scratch, &factor, why);
    for (size_t i = 0; !rc && i < n; i++) {
        if (!(sum_of(f[n + i].mean, horizon) > 0)) {
            r->n_stopped++;
            continue;
        }
        struct wn_prediction *p = &r->predictions[r->n];
        *p = (struct wn_prediction){.tenant_id = book->tenant_id,
                                    .campaign_id = d->entities[chosen[i]].campaign_id,
                                    .day_to = d->day_to,
                                    .horizon_days = (int32_t)horizon};
        rc = fill(p, &f[i], &f[n + i], factor * spread(&e[i], e[i].n, pool), a, why);
        bool is_sane = isfinite(p->roi_ratio) && isfinite(p->roi_high_ratio);
        r->n += !rc && is_sane ? 1 : 0;
    }
    return rc;
}

wn_rc wn_prediction_make(const struct wn_book *book, int horizon_days, struct wn_arena *a,
                         struct wn_prediction_report *out, struct wn_why *why)
{
    struct wn_daily d;
    struct wn_arena scratch;
    struct wn_prediction_report r = {0};
    size_t *chosen = NULL, n = 0;
    struct wn_daily_request request = {.by = WN_DAILY_CAMPAIGN,
                                       .channel = -1,
                                       .days_max = WN_OUTLOOK_HISTORY_DAYS,
                                       .measures = 1u << WN_MEASURE_REVENUE};
    r.completeness.text = WN_STR("");
    if (horizon_days < 1 || horizon_days > WN_PREDICTION_HORIZON_MAX)
        return wn_fail(why, WN_INVALID, "horizon_days", "the horizon is from 1 to %d days",
                       WN_PREDICTION_HORIZON_MAX);
    wn_arena_init(&scratch, a->max_bytes);
    wn_rc rc = wn_daily_gather(book, &request, &scratch, &d, why);
    if (!rc && d.n)
        rc = look_at_completeness(book, &scratch, a, &r.completeness, why);
    if (!rc && d.n)
        rc = choose(&d, &scratch, &chosen, &n, &r, why);
    if (!rc)
        r.n_left_out = d.n_left_out;
    if (!rc && n)
        rc = predict(book, &d, chosen, n, (size_t)horizon_days, &scratch, a, &r, why);
    wn_arena_deinit(&scratch);
    if (!rc)
        *out = r;
    return rc;
}
