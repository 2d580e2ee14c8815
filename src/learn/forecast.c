#include "winnow/forecast.h"

#include "learn/forecast_int.h"

#include <math.h>
#include <string.h>

/* Chosen beforehand, not by search: exponents from 1 to 4 change the M4 figures by under 1 %. */
static const double WEIGHT_POWER = 3, DROP_FACTOR = 1.6;
/* What errors made one horizon away count for the spread: series have calm and restless times.
 * Chosen among .5 to 1 at earlier ends of training parts, see bench/learn/replay.h. */
static const double NEARNESS = 0.7;
enum { TESTED_STEPS = 120, WINDOWS_MIN = 5, WINDOWS_MOST = 9, TRAIN_MIN = 6 };

/* ---- tables of names --------------------------------------------------------------------------
 */

const char *wn_forecast_frequency_name(wn_forecast_frequency frequency)
{
    static const char *const names[WN_FREQUENCY_N] = {"other",   "hourly",    "daily", "weekly",
                                                      "monthly", "quarterly", "yearly"};
    return frequency < WN_FREQUENCY_N ? names[frequency] : "other";
}

const char *wn_forecast_member_name(wn_forecast_member member)
{
    static const char *const names[] = {
#define X(name, text, words) text,
        WN_FORECAST_MEMBER_MAP(X)
#undef X
    };
    return member < WN_FORECAST_MEMBERS ? names[member] : "";
}

const char *wn_forecast_member_words(wn_forecast_member member)
{
    static const char *const words_of[] = {
#define X(name, text, words) words,
        WN_FORECAST_MEMBER_MAP(X)
#undef X
    };
    return member < WN_FORECAST_MEMBERS ? words_of[member] : "";
}

wn_forecast_frequency wn_forecast_frequency_of_step(int64_t median_step_ms)
{
    const int64_t hour = 3600000, day = 24 * hour;
    if (median_step_ms == hour)
        return WN_FREQUENCY_HOURLY;
    if (median_step_ms == day)
        return WN_FREQUENCY_DAILY;
    if (median_step_ms == 7 * day)
        return WN_FREQUENCY_WEEKLY;
    if (median_step_ms >= 28 * day && median_step_ms <= 31 * day)
        return WN_FREQUENCY_MONTHLY;
    if (median_step_ms >= 89 * day && median_step_ms <= 92 * day)
        return WN_FREQUENCY_QUARTERLY;
    if (median_step_ms >= 365 * day && median_step_ms <= 366 * day)
        return WN_FREQUENCY_YEARLY;
    return WN_FREQUENCY_OTHER;
}

/* ---- one job ----------------------------------------------------------------------------------
 */

struct job {
    const struct wn_forecast_options *options;
    size_t horizon, n_windows, n_levels;
    double levels[WN_FORECAST_LEVELS_MAX];
    size_t candidates[2], n_candidates;
    struct wn_fc_scratch scratch;
    double *windows;     /* [n_windows][members][horizon] forecasts from the back-test origins */
    bool *window_usable; /* [n_windows][members] */
    struct wn_arena *a;
};

/* Enough back-tests for about 120 tested steps: short horizons give noisy errors, long ones cost. */
static size_t windows_for(size_t horizon)
{
    size_t n = TESTED_STEPS / horizon;
    return n < WINDOWS_MIN ? WINDOWS_MIN : n > WINDOWS_MOST ? WINDOWS_MOST : n;
}

static wn_rc check_options(const struct wn_forecast_options *o, struct job *job, struct wn_why *why)
{
    if (o->horizon < 1 || o->horizon > WN_FORECAST_HORIZON_MAX)
        return wn_fail(why, WN_INVALID, "horizon", "the horizon must be from 1 to %d steps",
                       WN_FORECAST_HORIZON_MAX);
    if (o->n_levels > WN_FORECAST_LEVELS_MAX)
        return wn_fail(why, WN_LIMIT, "level", "at most %d levels", WN_FORECAST_LEVELS_MAX);
    for (size_t i = 0; i < o->n_levels; i++)
        if (!(o->levels[i] > 0 && o->levels[i] < 1))
            return wn_fail(why, WN_INVALID, "level", "a level must lie between 0 and 1");
    if (o->n_windows > WN_FORECAST_WINDOWS_MAX)
        return wn_fail(why, WN_LIMIT, "windows", "at most %d back-tests", WN_FORECAST_WINDOWS_MAX);
    if (o->n_seasons > 2)
        return wn_fail(why, WN_LIMIT, "season", "at most two seasons");
    for (size_t i = 0; i < o->n_seasons; i++)
        if (o->seasons[i] < 2 || o->seasons[i] > WN_FORECAST_SEASON_MAX)
            return wn_fail(why, WN_INVALID, "season", "a season has from 2 to %d steps",
                           WN_FORECAST_SEASON_MAX);
    if (o->frequency >= WN_FREQUENCY_N)
        return wn_fail(why, WN_INVALID, "frequency", "there is no such frequency");
    job->horizon = o->horizon;
    job->n_windows = o->n_windows ? o->n_windows : windows_for(o->horizon);
    job->n_levels = o->n_levels ? o->n_levels : 2;
    job->levels[0] = 0.80;
    job->levels[1] = 0.95;
    for (size_t i = 0; i < o->n_levels; i++)
        job->levels[i] = o->levels[i];
    return WN_OK;
}

static void choose_candidates(struct job *job)
{
    static const size_t by_frequency[WN_FREQUENCY_N][2] = {
        [WN_FREQUENCY_HOURLY] = {24, 168}, [WN_FREQUENCY_DAILY] = {7, 365},
        [WN_FREQUENCY_WEEKLY] = {52, 0},   [WN_FREQUENCY_MONTHLY] = {12, 0},
        [WN_FREQUENCY_QUARTERLY] = {4, 0},
    };
    const struct wn_forecast_options *o = job->options;
    const size_t *from = o->n_seasons ? o->seasons : by_frequency[o->frequency];
    size_t n = o->n_seasons ? o->n_seasons : 2;
    for (size_t i = 0; i < n && !o->no_seasons; i++)
        if (from[i] && (job->n_candidates == 0 || from[i] != job->candidates[0]))
            job->candidates[job->n_candidates++] = from[i];
    if (job->n_candidates == 2 && job->candidates[0] > job->candidates[1]) {
        size_t t = job->candidates[0];
        job->candidates[0] = job->candidates[1];
        job->candidates[1] = t;
    }
}

static size_t season_max(const struct job *job)
{
    return job->n_candidates ? job->candidates[job->n_candidates - 1] : 1;
}

/* So many last points are looked at. */
static size_t points_kept(const struct job *job, size_t n)
{
    size_t most = WN_FC_CYCLES_KEPT * season_max(job) + job->horizon * (job->n_windows / 2 + 2);
    if (most < WN_FC_POINTS_KEPT)
        most = WN_FC_POINTS_KEPT;
    return n < most ? n : most;
}

/* ---- combination ------------------------------------------------------------------------------
 */

/* error [members], negative = does not apply; weights sum to 1. False: no member applies. */
static bool weigh(const double *error, double *weights)
{
    double least = HUGE_VAL, sum = 0;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        if (error[k] >= 0)
            least = fmin(least, error[k]);
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) {
        weights[k] = 0;
        if (error[k] < 0 || error[k] > DROP_FACTOR * least)
            continue;
        weights[k] = least > 0 ? pow(error[k] / least, -WEIGHT_POWER) : 1;
        sum += weights[k];
    }
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        weights[k] /= sum > 0 ? sum : 1;
    return sum > 0;
}

static void weigh_blindly(const bool *usable, double *weights)
{
    enum { N_TRUSTED = 3 };
    static const wn_forecast_member trusted[N_TRUSTED] = {WN_MEMBER_SES, WN_MEMBER_DAMPED,
                                                          WN_MEMBER_THETA};
    (void)usable; /* these always apply */
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        weights[k] = 0;
    for (size_t i = 0; i < N_TRUSTED; i++)
        weights[trusted[i]] = 1.0 / N_TRUSTED;
}

static double combined(const double *weights, const double *members, size_t horizon, size_t h)
{
    double sum = 0;

    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        if (weights[k] > 0)
            sum += weights[k] * members[k * horizon + h];
    return sum;
}

/* The back-tests of one series: window v starts at origin(v) and has `steps` steps. */
struct backtest {
    size_t n_windows, steps, stride;
    const double *forecasts; /* [n_windows][members][horizon] */
    const bool *usable;      /* [n_windows][members] */
};

static size_t origin_of(const struct backtest *b, const struct wn_fc_prepared *s, size_t v)
{
    return s->n - b->steps - v * b->stride;
}

/* As many windows as leave enough to learn from: two cycles of the longest season, and at least
 * six points. Where not even one of the whole horizon fits, one or more shorter ones. */
static void plan_windows(const struct job *job, const struct wn_fc_prepared *s, struct backtest *b)
{
    size_t train = s->n_seasons ? 2 * s->seasons[s->n_seasons - 1] : TRAIN_MIN;
    if (train < TRAIN_MIN)
        train = TRAIN_MIN;
    *b = (struct backtest){.steps = job->horizon};
    if (s->n <= train + 1)
        return;
    size_t room = s->n - train;
    if (b->steps > room)
        b->steps = room;
    b->stride = b->steps / 2 ? b->steps / 2 : 1;
    b->n_windows = 1 + (room - b->steps) / b->stride;
    if (b->n_windows > job->n_windows)
        b->n_windows = job->n_windows;
}

static void run_windows(struct job *job, const struct wn_fc_prepared *s, struct backtest *b)
{
    wn_fc_scratch_forget(&job->scratch);
    for (size_t v = b->n_windows; v-- > 0;) /* the oldest first: see wn_fc_moments */
        wn_fc_members(s, origin_of(b, s, v), job->horizon, &job->scratch,
                      job->windows + v * WN_FORECAST_MEMBERS * job->horizon,
                      job->window_usable + v * WN_FORECAST_MEMBERS);
    b->forecasts = job->windows;
    b->usable = job->window_usable;
}

/* Steps of window v that come before from, or at to or later, are learnt from: first [0, *first),
 * then [*second, steps). */
static void steps_outside(const struct backtest *b, size_t origin, size_t from, size_t to,
                          size_t *first, size_t *second)
{
    *first = from > origin ? from - origin : 0;
    *second = to > origin ? to - origin : 0;
    if (*first > b->steps)
        *first = b->steps;
    if (*second > b->steps)
        *second = b->steps;
}

static double abs_errors(const double *actual, const double *forecast, size_t from, size_t to,
                         double unit)
{
    double sum = 0;
    for (size_t h = from; h < to; h++)
        if (!isnan(actual[h])) /* in units of the change: no sum overflows */
            sum += fabs(actual[h] / unit - forecast[h] / unit);
    return sum;
}

static size_t n_known(const double *actual, size_t from, size_t to)
{
    size_t n = 0;
    for (size_t h = from; h < to; h++)
        n += isnan(actual[h]) ? 0 : 1;
    return n;
}

/* Mean absolute error of each member in all windows, over the points outside [from, to). False when
 * there are none. */
static bool member_errors(const struct backtest *b, const struct wn_fc_prepared *s, size_t horizon,
                          size_t from, size_t to, double *error)
{
    size_t n = 0;
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        error[k] = 0;
    for (size_t v = 0; v < b->n_windows; v++) {
        size_t origin = origin_of(b, s, v), first, second;
        const double *actual = s->raw + origin;
        steps_outside(b, origin, from, to, &first, &second);
        n += n_known(actual, 0, first) + n_known(actual, second, b->steps);
        for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) {
            const double *forecast = b->forecasts + (v * WN_FORECAST_MEMBERS + k) * horizon;
            if (error[k] < 0 || !b->usable[v * WN_FORECAST_MEMBERS + k])
                error[k] = -1;
            else
                error[k] += abs_errors(actual, forecast, 0, first, s->error_unit) +
                            abs_errors(actual, forecast, second, b->steps, s->error_unit);
        }
    }
    for (size_t k = 0; k < WN_FORECAST_MEMBERS && n; k++)
        error[k] = error[k] < 0 ? -1 : error[k] / (double)n;
    return n > 0;
}

/* The combination's own errors: each window is forecast with weights that have not seen it. */
static void test_combination(struct job *job, const struct wn_fc_prepared *s,
                             const struct backtest *b, struct wn_forecast *out,
                             struct wn_fc_spread *spread)
{
    size_t horizon = job->horizon, n = 0;
    double sum_abs = 0, sum_smape = 0;
    for (size_t v = 0; v < b->n_windows; v++) {
        double error[WN_FORECAST_MEMBERS], weights[WN_FORECAST_MEMBERS];
        size_t origin = origin_of(b, s, v);
        if (!member_errors(b, s, horizon, origin, origin + b->steps, error) ||
            !weigh(error, weights))
            weigh_blindly(job->window_usable + v * WN_FORECAST_MEMBERS, weights);
        const double *members = job->windows + v * WN_FORECAST_MEMBERS * horizon;
        for (size_t h = 0; h < horizon; h++) {
            double actual = h < b->steps ? s->raw[origin + h] : (double)NAN;
            double f = combined(weights, members, horizon, h);
            size_t at = v * horizon + h;
            out->tested[at] = f;
            out->residuals[at] = isnan(actual) ? (double)NAN : actual - f;
            spread->scores[at] =
                isnan(actual) ? (double)NAN : wn_fc_to_working(s, actual) - wn_fc_to_working(s, f);
            if (isnan(actual))
                continue;
            double size = fabs(actual) / 2 + fabs(f) / 2;
            sum_smape += size > 0 ? 100 * fabs(actual / size - f / size) : 0;
            sum_abs += fabs(actual / s->error_unit - f / s->error_unit);
            n++;
        }
    }
    out->n_windows = b->n_windows;
    out->error_scaled = n ? sum_abs / (double)n : 0;
    out->error_abs = fmin(out->error_scaled * s->error_unit, 1.7e308);
    out->error_smape = n ? sum_smape / (double)n : 0;
}

/* ---- spreads of the errors --------------------------------------------------------------------
 */

/* Of the scores at points outside [from, to), n_out of them; those near to `from` count more. */
static double rms_outside(const struct backtest *b, const struct wn_fc_prepared *s, size_t horizon,
                          const double *scores, size_t from, size_t to, size_t *n_out)
{
    double sum = 0, total = 0;
    size_t n = 0;
    for (size_t v = 0; v < b->n_windows; v++) {
        size_t origin = origin_of(b, s, v);
        double away = fabs((double)from - (double)origin) / (double)b->steps;
        double weight = pow(NEARNESS, away);
        for (size_t h = 0; h < b->steps; h++) {
            double score = scores[v * horizon + h];
            if (isnan(score) || (origin + h >= from && origin + h < to))
                continue;
            sum += weight * score * score;
            total += weight;
            n++;
        }
    }
    *n_out = n;
    return total > 0 ? sqrt(sum / total) : 0;
}

static double window_rms(const double *scores, size_t steps)
{
    double sum = 0;
    size_t n = 0;
    for (size_t h = 0; h < steps; h++)
        if (!isnan(scores[h])) {
            sum += scores[h] * scores[h];
            n++;
        }
    return n ? sqrt(sum / (double)n) : 0;
}

static double change_of(const struct wn_fc_prepared *s)
{
    size_t m = s->n_seasons ? s->seasons[0] : 1;
    double sum = 0;
    for (size_t t = m; t < s->n; t++)
        sum += fabs(s->z[t] - s->z[t - m]);
    return s->n > m ? sum / (double)(s->n - m) : 0;
}

static void measure_spread(const struct job *job, const struct wn_fc_prepared *s,
                           const struct backtest *b, struct wn_fc_spread *spread)
{
    spread->z_unit = change_of(s);
    spread->n_steps = b->steps;
    size_t gap = b->n_windows ? (b->steps + b->stride - 1) / b->stride : 0;
    size_t n;
    for (size_t v = 0; v < b->n_windows; v++) {
        size_t origin = origin_of(b, s, v);
        spread->others[v] =
            rms_outside(b, s, job->horizon, spread->scores, origin, origin + b->steps, &n);
        spread->n_others[v] = (double)n / (double)b->steps;
        size_t apart = v + gap < b->n_windows ? v + gap : v - gap;
        if (apart < b->n_windows)
            spread->apart[v] = window_rms(spread->scores + apart * job->horizon, b->steps);
    }
    spread->all = rms_outside(b, s, job->horizon, spread->scores, s->n, s->n, &n);
    spread->widens = s->n_seasons == 0 || s->seasons[0] > job->horizon;
}

/* ---- one series -------------------------------------------------------------------------------
 */

static wn_rc alloc_result(const struct job *job, struct wn_forecast *out,
                          struct wn_fc_spread *spread)
{
    size_t h = job->horizon;
    *out = (struct wn_forecast){.horizon = h, .n_levels = job->n_levels};
    out->mean = WN_ARENA_ARRAY(job->a, h, double);
    out->low = WN_ARENA_ARRAY(job->a, h * job->n_levels, double);
    out->high = WN_ARENA_ARRAY(job->a, h * job->n_levels, double);
    out->member_means = WN_ARENA_ARRAY(job->a, h * WN_FORECAST_MEMBERS, double);
    out->residuals = WN_ARENA_ARRAY(job->a, h * job->n_windows, double);
    out->tested = WN_ARENA_ARRAY(job->a, h * job->n_windows, double);
    *spread = (struct wn_fc_spread){.scores = WN_ARENA_ARRAY(job->a, h * job->n_windows, double)};
    return out->mean && out->low && out->high && out->member_means && out->residuals &&
                   out->tested && spread->scores
               ? WN_OK
               : WN_MEMORY;
}

/* The last kept points, without missing ones at their start, which carry nothing. */
static struct wn_forecast_series trimmed(const struct job *job, struct wn_forecast_series in)
{
    size_t drop = in.n - points_kept(job, in.n);
    while (drop < in.n && (isnan(in.values[drop]) || (in.excluded && in.excluded[drop])))
        drop++;
    in.n -= drop;
    if (in.n)
        in.values += drop;
    if (in.n && in.excluded)
        in.excluded += drop;
    return in;
}

static void fit(struct job *job, const struct wn_fc_prepared *s, struct wn_forecast *out,
                struct wn_fc_spread *spread)
{
    struct backtest b;
    bool usable[WN_FORECAST_MEMBERS];
    plan_windows(job, s, &b);
    run_windows(job, s, &b);
    wn_fc_members(s, s->n, job->horizon, &job->scratch, out->member_means, usable);
    bool tested = member_errors(&b, s, job->horizon, s->n, s->n, out->member_errors);
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        if (!tested || !usable[k])
            out->member_errors[k] = -1;
    if (!tested || !weigh(out->member_errors, out->weights))
        weigh_blindly(usable, out->weights);
    out->state = tested ? WN_FORECAST_FITTED : WN_FORECAST_SHORT;
    for (size_t h = 0; h < job->horizon; h++)
        out->mean[h] = combined(out->weights, out->member_means, job->horizon, h);
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) /* so far in error units */
        if (out->member_errors[k] > 0)
            out->member_errors[k] = fmin(out->member_errors[k] * s->error_unit, 1.7e308);
    if (!tested)
        b.n_windows = 0;
    test_combination(job, s, &b, out, spread);
    measure_spread(job, s, &b, spread);
}

/* Also a single point. */
static bool is_constant(const struct wn_fc_prepared *s)
{
    return !(s->z_high > s->z_low);
}

static wn_rc forecast_one(struct job *job, struct wn_forecast_series in, struct wn_arena *own,
                          struct wn_forecast *out, struct wn_fc_spread *spread)
{
    wn_rc rc = alloc_result(job, out, spread);
    if (rc)
        return rc;
    in = trimmed(job, in);
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
        out->member_errors[k] = -1;
    out->state = WN_FORECAST_EMPTY;
    if (in.n == 0)
        return WN_OK;
    struct wn_fc_prepared s;
    rc = wn_fc_prepare(&s, in.values, in.excluded, in.n, job->candidates, job->n_candidates,
                       job->options->seasons_forced, &job->scratch, own);
    if (rc)
        return rc;
    if (is_constant(&s)) {
        s.n_seasons = 0;
        out->state = s.n_known > 1 ? WN_FORECAST_CONSTANT : WN_FORECAST_SHORT;
        out->weights[WN_MEMBER_NAIVE] = 1;
        for (size_t h = 0; h < job->horizon; h++)
            out->mean[h] = out->member_means[WN_MEMBER_NAIVE * job->horizon + h] = in.values[0];
    } else {
        fit(job, &s, out, spread);
    }
    out->n_seasons = s.n_seasons;
    memcpy(out->seasons, s.seasons, s.n_seasons * sizeof s.seasons[0]);
    spread->prepared = s;
    spread->prepared.raw = NULL;
    spread->prepared.z = NULL;
    return WN_OK;
}

/* ---- the batch --------------------------------------------------------------------------------
 */

static wn_rc check_series(const struct wn_forecast_series *series, size_t n_series, size_t *longest,
                          struct wn_why *why)
{
    *longest = 0;
    if (n_series > WN_FORECAST_SERIES_MAX)
        return wn_fail(why, WN_LIMIT, "series", "at most %u series", WN_FORECAST_SERIES_MAX);
    for (size_t i = 0; i < n_series; i++) {
        wn_rc rc = WN_OK;
        if (series[i].n > WN_FORECAST_POINTS_MAX)
            rc = wn_fail(why, WN_LIMIT, "values", "a series has at most %u points",
                         WN_FORECAST_POINTS_MAX);
        for (size_t t = 0; t < series[i].n && !rc; t++)
            if (isinf(series[i].values[t]))
                rc = wn_fail(why, WN_INVALID, "values", "point %zu of series %zu is infinite",
                             t + 1, i + 1);
        if (rc) {
            if (why)
                why->line = i + 1;
            return rc;
        }
        if (series[i].n > *longest)
            *longest = series[i].n;
    }
    return WN_OK;
}

static wn_rc job_init(struct job *job, size_t longest, struct wn_arena *work)
{
    size_t per_window = WN_FORECAST_MEMBERS * job->horizon;
    choose_candidates(job);
    job->windows = WN_ARENA_ARRAY(work, job->n_windows * per_window, double);
    job->window_usable = WN_ARENA_ARRAY(work, job->n_windows * WN_FORECAST_MEMBERS, bool);
    if (!job->windows || !job->window_usable)
        return WN_MEMORY;
    return wn_fc_scratch_init(&job->scratch, work, points_kept(job, longest), job->horizon,
                              season_max(job));
}

static wn_rc run(struct job *job, const struct wn_forecast_series *series, size_t n_series,
                 size_t longest, struct wn_arena *work, struct wn_arena *one,
                 struct wn_forecast *out)
{
    struct wn_fc_spread *spreads = WN_ARENA_ARRAY(work, n_series, struct wn_fc_spread);
    wn_rc rc = spreads ? job_init(job, longest, work) : WN_MEMORY;
    for (size_t i = 0; i < n_series && !rc; i++) {
        rc = forecast_one(job, series[i], one, &out[i], &spreads[i]);
        wn_arena_reset(one);
        if (!rc && job->options->on_progress &&
            !job->options->on_progress(job->options->context, i + 1, n_series))
            rc = WN_CANCELLED;
    }
    return rc ? rc
              : wn_fc_intervals(out, spreads, n_series, job->n_windows, job->levels, job->n_levels,
                                work);
}

wn_rc wn_forecast_batch(const struct wn_forecast_series *series, size_t n_series,
                        const struct wn_forecast_options *options, struct wn_arena *a,
                        struct wn_forecast *out, struct wn_why *why)
{
    struct job job = {.options = options, .a = a};
    struct wn_arena work, one;
    size_t longest;
    wn_rc rc = check_options(options, &job, why);
    if (!rc)
        rc = check_series(series, n_series, &longest, why);
    if (rc)
        return rc;
    /* Work memory is bounded as the caller's is: by what its arena has left. */
    wn_arena_init(&work, a->max_bytes);
    wn_arena_init(&one, a->max_bytes);
    rc = run(&job, series, n_series, longest, &work, &one, out);
    wn_arena_deinit(&one);
    wn_arena_deinit(&work);
    return rc ? wn_fail(why, rc, NULL, "%s", wn_rc_text(rc)) : WN_OK;
}
