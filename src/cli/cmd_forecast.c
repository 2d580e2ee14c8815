/* winnow forecast: series from a CSV file or standard input, their forecasts as CSV or JSON. Needs
 * no data directory. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/wire.h"
#include "core/csv.h"
#include "core/num.h"
#include "learn/forecast_csv.h"
#include "winnow/forecast.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_forecast_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV with the series; - reads standard input."},
    {.name = "horizon",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 1,
     .max = WN_FORECAST_HORIZON_MAX,
     .help = "How many steps to forecast."},
    {.name = "freq",
     .kind = WN_OPTION_ENUM,
     .value_name = "STEP",
     .fallback = "auto",
     .values = "auto|hourly|daily|weekly|monthly|quarterly|yearly",
     .help = "The step of the series; auto reads it from the timestamps."},
    {.name = "season",
     .kind = WN_OPTION_TEXT,
     .value_name = "N[,M]",
     .fallback = "auto",
     .help = "Season lengths in steps, taken as given; auto tries those of the step and keeps what "
             "the data show; none looks for none."},
    {.name = "level",
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .fallback = "80,95",
     .help = "Coverage of the intervals in percent, separated by commas."},
    {.name = "backtest",
     .kind = WN_OPTION_INT,
     .value_name = "K",
     .min = 1,
     .max = WN_FORECAST_WINDOWS_MAX,
     .help = "Test on K past windows (5 to 9 without) and print the error found there on standard "
             "error."},
    {.name = "explain",
     .kind = WN_OPTION_FLAG,
     .help = "Adds the members, their weights, the seasons found and the back-test error."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of CSV."},
    WN_OPTION_OUTPUT,
    {0},
};

#define OUTPUT_BYTES_MAX ((size_t)4 << 30)

struct forecast_job {
    const struct wn_args *args;
    struct wn_forecast_options options;
    wn_forecast_frequency told; /* WN_FREQUENCY_N = auto */
    struct wn_series_csv csv;
    struct wn_forecast *results; /* [csv.n_series] */
    struct wn_progress progress;
    bool explain;
    struct wn_arena a;
};

/* ---- options ----------------------------------------------------------------------------------
 */

static wn_rc read_levels(struct wn_str text, struct wn_forecast_options *o, struct wn_why *why)
{
    struct wn_str part;
    double percent;
    while (wn_str_cut(&text, ',', &part)) {
        if (o->n_levels == WN_FORECAST_LEVELS_MAX)
            return wn_fail(why, WN_INVALID, "level", "--level takes at most %d levels",
                           WN_FORECAST_LEVELS_MAX);
        if (!wn_parse_f64(wn_str_trim(part), &percent) || !(percent > 0 && percent < 100))
            return wn_fail(why, WN_INVALID, "level",
                           "--level takes percentages between 0 and 100, such as 80,95; not '%.*s'",
                           WN_STR_ARG(part));
        for (size_t i = 0; i < o->n_levels; i++)
            if (o->levels[i] == percent / 100)
                return wn_fail(why, WN_INVALID, "level", "--level names %.*s twice",
                               WN_STR_ARG(part));
        o->levels[o->n_levels++] = percent / 100;
    }
    return WN_OK;
}

static wn_rc read_seasons(struct wn_str text, struct wn_forecast_options *o, struct wn_why *why)
{
    struct wn_str part;
    uint64_t season;
    if (wn_str_eq(text, WN_STR("auto")))
        return WN_OK;
    if (wn_str_eq(text, WN_STR("none"))) {
        o->no_seasons = true;
        return WN_OK;
    }
    o->seasons_forced = true;
    while (wn_str_cut(&text, ',', &part)) {
        if (!wn_parse_u64(wn_str_trim(part), &season) || season < 1 ||
            season > WN_FORECAST_SEASON_MAX || o->n_seasons == 2)
            return wn_fail(why, WN_INVALID, "season",
                           "--season takes auto, none, or one or two lengths from 1 to %d, not "
                           "'%.*s'",
                           WN_FORECAST_SEASON_MAX, WN_STR_ARG(part));
        if (season > 1) /* 1 is no season */
            o->seasons[o->n_seasons++] = season;
    }
    o->no_seasons = o->n_seasons == 0;
    return WN_OK;
}

static wn_rc read_options(struct forecast_job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_str freq = wn_args_text(args, "freq");
    if (!wn_args_z(args, "input"))
        return wn_fail(why, WN_INVALID, "input",
                       "say what to forecast: --input FILE, or --input - for standard input");
    if (!wn_args_z(args, "horizon"))
        return wn_fail(why, WN_INVALID, "horizon", "say how many steps to forecast: --horizon N");
    job->options.horizon = (size_t)wn_args_int(args, "horizon");
    if (wn_args_z(args, "backtest"))
        job->options.n_windows = (size_t)wn_args_int(args, "backtest");
    job->explain = wn_args_flag(args, "explain");
    job->told = WN_FREQUENCY_N;
    for (int f = 0; f < WN_FREQUENCY_N; f++)
        if (wn_str_eq(freq, wn_str_of(wn_forecast_frequency_name((wn_forecast_frequency)f))))
            job->told = (wn_forecast_frequency)f;
    wn_rc rc = read_levels(wn_args_text(args, "level"), &job->options, why);
    return rc ? rc : read_seasons(wn_args_text(args, "season"), &job->options, why);
}

/* ---- input ------------------------------------------------------------------------------------
 */

static wn_rc read_series(struct forecast_job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "input");
    bool is_stdin = strcmp(path, "-") == 0;
    static char buffer[1 << 16];
    struct wn_series_csv_reader *reader = NULL;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (!file)
        return wn_fail(why, errno == ENOENT ? WN_NOT_FOUND : WN_IO, "input", "cannot open %s: %s",
                       path, strerror(errno));
    wn_rc rc = wn_series_csv_new(&reader, why);
    size_t n;
    while (!rc && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
        rc = wn_series_csv_push(reader, (struct wn_str){buffer, n}, why);
    if (!rc && ferror(file))
        rc = wn_fail(why, WN_IO, "input", "reading %s failed: %s", path, strerror(errno));
    if (!rc)
        rc = wn_series_csv_finish(reader, job->told, &job->a, &job->csv, why);
    wn_series_csv_free(reader);
    if (!is_stdin)
        fclose(file);
    job->options.frequency = job->csv.frequency;
    return rc;
}

/* ---- forecast ---------------------------------------------------------------------------------
 */

static bool on_progress(void *context, size_t done, size_t total)
{
    struct forecast_job *job = context;
    wn_progress_draw(&job->progress, done, total, 0);
    return true;
}

static wn_rc run(struct forecast_job *job, struct wn_why *why)
{
    size_t n = job->csv.n_series;
    struct wn_forecast_series *series = WN_ARENA_ARRAY(&job->a, n, struct wn_forecast_series);
    job->results = WN_ARENA_ARRAY(&job->a, n, struct wn_forecast);
    if (!series || !job->results)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    for (size_t i = 0; i < n; i++)
        series[i] = (struct wn_forecast_series){.values = job->csv.series[i].values,
                                                .n = job->csv.series[i].n};
    wn_progress_init(&job->progress, "forecast");
    job->options.on_progress = on_progress;
    job->options.context = job;
    wn_rc rc = wn_forecast_batch(series, n, &job->options, &job->a, job->results, why);
    wn_progress_clear(&job->progress);
    /* The library counts series; people count lines. */
    if (rc && why->line >= 1 && why->line <= n)
        why->line = job->csv.series[why->line - 1].line;
    return rc;
}

/* ---- output -----------------------------------------------------------------------------------
 */

static const char *const state_names[] = {[WN_FORECAST_FITTED] = "fitted",
                                          [WN_FORECAST_SHORT] = "short",
                                          [WN_FORECAST_CONSTANT] = "constant",
                                          [WN_FORECAST_EMPTY] = "empty"};

/* Of a series without a value there is no forecast: an empty cell, not 0. */
static void put_number(struct wn_buf *out, const struct wn_forecast *f, double value)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = f->state == WN_FORECAST_EMPTY ? 0 : wn_print_f64(value, text);
    wn_buf_append_char(out, ',');
    wn_buf_append(out, (struct wn_str){text, n});
}

/* "80", "99.5": the level as people write it. */
static size_t level_text(double level, char text[WN_NUM_TEXT_MAX])
{
    return wn_print_f64(round(level * 1e8) / 1e6, text);
}

static void put_header(struct wn_buf *out, const struct forecast_job *job)
{
    wn_buf_append_z(out, "series,step,ts,mean");
    for (size_t l = 0; l < job->options.n_levels; l++) {
        char text[WN_NUM_TEXT_MAX];
        (void)level_text(job->options.levels[l], text);
        wn_buf_printf(out, ",lo%s,hi%s", text, text);
    }
    wn_buf_append_z(out, job->explain ? ",state,seasons,members,backtest_windows,backtest_smape,"
                                        "backtest_mae\n"
                                      : "\n");
}

/* "autoregression 41% + theta 20%", the heaviest first. */
static void put_members(struct wn_buf *out, const struct wn_forecast *f)
{
    bool done[WN_FORECAST_MEMBERS] = {false};
    for (size_t shown = 0; shown < WN_FORECAST_MEMBERS; shown++) {
        size_t best = WN_FORECAST_MEMBERS;
        for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++)
            if (!done[k] && f->weights[k] > 0 &&
                (best == WN_FORECAST_MEMBERS || f->weights[k] > f->weights[best]))
                best = k;
        if (best == WN_FORECAST_MEMBERS)
            return;
        done[best] = true;
        wn_buf_printf(out, "%s%s %.1f%%", shown ? " + " : "",
                      wn_forecast_member_name((wn_forecast_member)best), 100 * f->weights[best]);
    }
}

static void put_explanation(struct wn_buf *out, const struct wn_forecast *f)
{
    wn_buf_printf(out, ",%s,", state_names[f->state]);
    for (size_t i = 0; i < f->n_seasons; i++)
        wn_buf_printf(out, "%s%zu", i ? "+" : "", f->seasons[i]);
    wn_buf_append_char(out, ',');
    put_members(out, f);
    wn_buf_printf(out, ",%zu", f->n_windows);
    if (f->n_windows) {
        put_number(out, f, f->error_smape);
        put_number(out, f, f->error_abs);
    } else {
        wn_buf_append_z(out, ",,");
    }
}

static void put_series_csv(struct wn_buf *out, const struct forecast_job *job, size_t i)
{
    const struct wn_forecast *f = &job->results[i];
    const struct wn_series_csv_series *s = &job->csv.series[i];
    for (size_t h = 0; h < f->horizon; h++) {
        char ts[WN_SERIES_TS_MAX];
        size_t n = wn_series_csv_print_ts(&job->csv, s, s->n + h, ts);
        wn_csv_write_field(out, s->name, true);
        wn_buf_printf(out, ",%zu,", h + 1);
        wn_buf_append(out, (struct wn_str){ts, n});
        put_number(out, f, f->mean[h]);
        for (size_t l = 0; l < f->n_levels; l++) {
            put_number(out, f, f->low[l * f->horizon + h]);
            put_number(out, f, f->high[l * f->horizon + h]);
        }
        if (job->explain)
            put_explanation(out, f);
        wn_buf_append_char(out, '\n');
    }
}

static void json_explanation(struct wn_json_writer *w, const struct wn_forecast *f)
{
    wn_json_key(w, "seasons");
    wn_json_begin_array(w);
    for (size_t i = 0; i < f->n_seasons; i++)
        wn_json_i64(w, (int64_t)f->seasons[i]);
    wn_json_end(w);
    wn_json_key(w, "members");
    wn_json_begin_array(w);
    for (size_t k = 0; k < WN_FORECAST_MEMBERS; k++) {
        if (!(f->weights[k] > 0))
            continue;
        wn_json_begin_object(w);
        wn_json_key(w, "name");
        wn_json_text_z(w, wn_forecast_member_name((wn_forecast_member)k));
        wn_json_key(w, "words");
        wn_json_text_z(w, wn_forecast_member_words((wn_forecast_member)k));
        wn_json_key(w, "weight");
        wn_json_f64(w, f->weights[k]);
        wn_json_key(w, "backtest_mae");
        if (f->member_errors[k] >= 0)
            wn_json_f64(w, f->member_errors[k]);
        else
            wn_json_null(w);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static void json_backtest(struct wn_json_writer *w, const struct wn_forecast *f)
{
    wn_json_key(w, "backtest");
    if (!f->n_windows) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_key(w, "windows");
    wn_json_i64(w, (int64_t)f->n_windows);
    wn_json_key(w, "smape");
    wn_json_f64(w, f->error_smape);
    wn_json_key(w, "mae");
    wn_json_f64(w, f->error_abs);
    wn_json_key(w, "scaled");
    wn_json_f64(w, f->error_scaled);
    wn_json_end(w);
}

static void json_number(struct wn_json_writer *w, const struct wn_forecast *f, double value)
{
    if (f->state == WN_FORECAST_EMPTY)
        wn_json_null(w);
    else
        wn_json_f64(w, value);
}

static void put_series_json(struct wn_json_writer *w, const struct forecast_job *job, size_t i)
{
    const struct wn_forecast *f = &job->results[i];
    const struct wn_series_csv_series *s = &job->csv.series[i];
    wn_json_begin_object(w);
    wn_json_key(w, "series");
    wn_json_text(w, s->name);
    wn_json_key(w, "state");
    wn_json_text_z(w, state_names[f->state]);
    if (job->explain)
        json_explanation(w, f);
    json_backtest(w, f);
    wn_json_key(w, "forecast");
    wn_json_begin_array(w);
    for (size_t h = 0; h < f->horizon; h++) {
        char ts[WN_SERIES_TS_MAX], name[WN_NUM_TEXT_MAX + 2], level[WN_NUM_TEXT_MAX];
        size_t n = wn_series_csv_print_ts(&job->csv, s, s->n + h, ts);
        wn_json_begin_object(w);
        wn_json_key(w, "step");
        wn_json_i64(w, (int64_t)h + 1);
        wn_json_key(w, "ts");
        if (n)
            wn_json_text(w, (struct wn_str){ts, n});
        else
            wn_json_null(w);
        wn_json_key(w, "mean");
        json_number(w, f, f->mean[h]);
        for (size_t l = 0; l < f->n_levels; l++) {
            (void)level_text(job->options.levels[l], level);
            snprintf(name, sizeof name, "lo%s", level);
            wn_json_key(w, name);
            json_number(w, f, f->low[l * f->horizon + h]);
            snprintf(name, sizeof name, "hi%s", level);
            wn_json_key(w, name);
            json_number(w, f, f->high[l * f->horizon + h]);
        }
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

static void put_json(struct wn_buf *out, const struct forecast_job *job)
{
    struct wn_json_writer w;
    wn_json_write_init(&w, out, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "frequency");
    wn_json_text_z(&w, wn_forecast_frequency_name(job->csv.frequency));
    wn_json_key(&w, "horizon");
    wn_json_i64(&w, (int64_t)job->options.horizon);
    wn_json_key(&w, "series");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < job->csv.n_series; i++)
        put_series_json(&w, job, i);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}

static wn_rc write_all(const struct forecast_job *job, struct wn_why *why)
{
    struct wn_buf out;
    wn_buf_init(&out, OUTPUT_BYTES_MAX);
    if (wn_args_flag(job->args, "json")) {
        put_json(&out, job);
    } else {
        put_header(&out, job);
        for (size_t i = 0; i < job->csv.n_series; i++)
            put_series_csv(&out, job, i);
    }
    wn_rc rc = wn_output_write(job->args, &out, why);
    wn_buf_deinit(&out);
    return rc;
}

/* What --backtest tells: each window was forecast with weights that had not seen it. */
static void print_backtest(const struct forecast_job *job)
{
    double smape = 0, scaled = 0;
    size_t n = 0, windows = 0;
    for (size_t i = 0; i < job->csv.n_series; i++) {
        const struct wn_forecast *f = &job->results[i];
        if (!f->n_windows)
            continue;
        n++;
        windows += f->n_windows;
        smape += f->error_smape;
        scaled += f->error_scaled;
    }
    if (!n) {
        fputs("back-test: no series is long enough\n", stderr);
        return;
    }
    fprintf(
        stderr,
        "back-test: %zu of %zu series, %.1f windows each: sMAPE %.2f %%, error %.3f of the usual "
        "change from season to season (from step to step without one)\n",
        n, job->csv.n_series, (double)windows / (double)n, smape / (double)n, scaled / (double)n);
}

int wn_cmd_forecast(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct forecast_job job = {.args = args};
    wn_arena_init(&job.a, 0);
    wn_rc rc = read_options(&job, &why);
    if (!rc)
        rc = read_series(&job, &why);
    if (!rc)
        rc = run(&job, &why);
    if (!rc)
        rc = write_all(&job, &why);
    if (!rc && wn_args_z(args, "backtest"))
        print_backtest(&job);
    wn_arena_deinit(&job.a);
    return rc ? wn_complain(rc, &why) : 0;
}
