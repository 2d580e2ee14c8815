/* winnow abtest: is the difference between variants real, and what to do about it. */
#include "cli/abtest_report.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/wire.h"
#include "core/csv.h"
#include "core/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_abtest_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV with a header: totals (variant,n,conversions), daily (with date) or units "
             "(variant,unit,value); '-' is standard input."},
    {.name = "control",
     .letter = 'c',
     .kind = WN_OPTION_TEXT,
     .value_name = "VARIANT",
     .help = "What the others are held against. Without it: the variant called control, baseline "
             "or A, else the first."},
    {.name = "goal",
     .kind = WN_OPTION_ENUM,
     .value_name = "GOAL",
     .fallback = "increase",
     .values = "increase|decrease",
     .help = "What the metric is wished to do."},
    {.name = "minimum",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Smallest effect that matters, of the control's mean: 5% or 0.05. Choose it before "
             "the test: the interval is narrowest around it. Without it: 10% of a rate, 5% of a "
             "mean."},
    {.name = "alpha",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Probability of ever being wrong about an effect. Without it: 5%."},
    {.name = "tau",
     .kind = WN_OPTION_TEXT,
     .value_name = "AMOUNT",
     .help = "Spread of the mixture, absolute. Without it: the smallest effect that matters."},
    {.name = "prior",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Size of usual effects, of the control's mean. Without it: 5%."},
    {.name = "past",
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV with the columns effect,se of past experiments (shares of the control's mean): "
             "the size of usual effects is learnt from them."},
    {.name = "loss",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Expected loss that does not matter, of the control's mean. Without it: 0.1%."},
    {.name = "split",
     .letter = 's',
     .kind = WN_OPTION_LIST,
     .value_name = "VARIANT=SHARE",
     .help = "Planned split, of all variants, in any unit; several are separated by commas. "
             "Without it: equal."},
    {.name = "winsor",
     .kind = WN_OPTION_TEXT,
     .value_name = "QUANTILE",
     .fallback = "0.999",
     .help = "Values of units above this quantile are cut to it; 0 = none."},
    {.name = "per-day",
     .kind = WN_OPTION_TEXT,
     .value_name = "UNITS",
     .help = "Units a day, all variants together, to tell the days left. Without it: from the "
             "dates."},
    {.name = "plan",
     .kind = WN_OPTION_FLAG,
     .help = "No input: say how many units and days a test needs. Takes --mean, --minimum, and "
             "--sd, --power, --variants, --explained, --per-day, --alpha."},
    {.name = "mean",
     .kind = WN_OPTION_TEXT,
     .value_name = "VALUE",
     .help = "Plan: what the control has now; with a % or without --sd it is a rate."},
    {.name = "sd",
     .kind = WN_OPTION_TEXT,
     .value_name = "VALUE",
     .help = "Plan: standard deviation of one unit; makes it a mean."},
    {.name = "power",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Plan: probability to find the effect. Without it: 80%."},
    {.name = "variants",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "2",
     .min = 2,
     .max = WN_ABTEST_ARMS_MAX,
     .help = "Plan: variants, with the control."},
    {.name = "explained",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Plan: share of the variance that the past explains (CUPED)."},
    {.name = "seed",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .min = 0,
     .max = INT64_MAX,
     .help = "Plan: the same seed gives the same paths."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of a report."},
    WN_OPTION_OUTPUT,
    {0},
};

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_experiment_request request;
    struct wn_experiment experiment;
    struct wn_abtest_wish wish;
    struct wn_abtest_plan plan;
};

/* ---- options ----------------------------------------------------------------------------------
 */

/* "5%" or "0.05", at least `least` (which itself is allowed) and at most `most`; absent leaves
 * *out alone. */
static wn_rc get_number(const struct wn_args *args, const char *name, double least, double most,
                        double *out, struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, name);
    double value;
    if (!text.p)
        return WN_OK;
    bool percent = wn_str_ends(text, WN_STR("%"));
    if (!wn_parse_f64(wn_str_trim(wn_str_slice(text, 0, text.n - percent)), &value) ||
        value < least || value > most * (percent ? 100 : 1))
        return wn_fail(why, WN_INVALID, name,
                       "--%s must be a number from %g to %g (or percent), not '%.*s'", name, least,
                       most, WN_STR_ARG(text));
    *out = value / (percent ? 100 : 1);
    return WN_OK;
}

/* As above, and 0 means nothing: it is refused. */
static wn_rc get_positive(const struct wn_args *args, const char *name, double most, double *out,
                          struct wn_why *why)
{
    double value = 1;
    wn_rc rc = get_number(args, name, 0, most, &value, why);
    if (!rc && wn_args_text(args, name).p && !(value > 0))
        return wn_fail(why, WN_INVALID, name, "--%s must be above 0", name);
    if (!rc && wn_args_text(args, name).p)
        *out = value;
    return rc;
}

static wn_rc take_share(struct job *job, struct wn_str pair, struct wn_why *why)
{
    struct wn_abtest_finish *f = &job->request.finish;
    struct wn_abtest_share *shares = (struct wn_abtest_share *)f->shares;
    size_t equals = pair.n;
    double weight;
    while (equals > 0 && pair.p[equals - 1] != '=')
        equals--;
    struct wn_str amount = wn_str_trim(wn_str_slice(pair, equals, pair.n));
    amount.n -= wn_str_ends(amount, WN_STR("%"));
    if (equals == 0 || !wn_parse_f64(amount, &weight) || !(weight > 0))
        return wn_fail(why, WN_INVALID, "split", "--split '%.*s': write VARIANT=SHARE",
                       WN_STR_ARG(pair));
    if (f->n_shares == WN_ABTEST_ARMS_MAX)
        return wn_fail(why, WN_LIMIT, "split", "--split: more than %d variants",
                       WN_ABTEST_ARMS_MAX);
    shares[f->n_shares++] =
        (struct wn_abtest_share){wn_str_trim(wn_str_slice(pair, 0, equals - 1)), weight};
    return WN_OK;
}

static wn_rc read_split(struct job *job, struct wn_why *why)
{
    struct wn_str value, part;
    wn_rc rc = WN_OK;
    struct wn_abtest_share *shares =
        WN_ARENA_ARRAY(&job->arena, WN_ABTEST_ARMS_MAX, struct wn_abtest_share);
    if (!shares)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    job->request.finish.shares = shares;
    for (size_t k = 0; !rc && (value = wn_args_list(job->args, "split", k)).p; k++)
        while (!rc && wn_str_cut(&value, ',', &part))
            rc = take_share(job, part, why);
    return rc;
}

static wn_rc read_options(struct job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_experiment_request *r = &job->request;
    r->finish.control = wn_args_text(args, "control");
    r->finish.is_lower_better = wn_str_eq(wn_args_text(args, "goal"), WN_STR("decrease"));
    wn_rc rc = read_split(job, why);
    if (!rc)
        rc = get_number(args, "winsor", 0, .999999999, &r->finish.winsor_ratio, why);
    if (!rc)
        rc = get_positive(args, "minimum", 1e6, &r->options.minimum_ratio, why);
    if (!rc)
        rc = get_positive(args, "alpha", .5, &r->options.alpha, why);
    if (!rc)
        rc = get_positive(args, "tau", WN_ABTEST_VALUE_MAX, &r->options.tau, why);
    if (!rc)
        rc = get_positive(args, "prior", 1e6, &r->options.prior_ratio, why);
    if (!rc)
        rc = get_positive(args, "loss", 1e6, &r->options.loss_ratio, why);
    if (!rc)
        rc = get_positive(args, "per-day", WN_ABTEST_N_MAX, &r->options.units_per_day, why);
    return rc;
}

static wn_rc read_wish(struct job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_abtest_wish *w = &job->wish;
    double explained = 0;
    if (!wn_args_text(args, "mean").p || !wn_args_text(args, "minimum").p)
        return wn_fail(why, WN_INVALID, "plan",
                       "--plan needs --mean (what the control has now) and --minimum (the smallest "
                       "effect that matters), as in: winnow abtest --plan --mean 5%% --minimum "
                       "10%%");
    w->kind = wn_args_text(args, "sd").p ? WN_ABTEST_MEAN : WN_ABTEST_RATE;
    w->effect_ratio = job->request.options.minimum_ratio;
    w->alpha = job->request.options.alpha;
    w->units_per_day = job->request.options.units_per_day;
    w->n_arms = (size_t)wn_args_int(args, "variants");
    wn_rc rc = get_number(args, "mean", -WN_ABTEST_VALUE_MAX, WN_ABTEST_VALUE_MAX, &w->mean, why);
    if (!rc)
        rc = get_positive(args, "sd", WN_ABTEST_VALUE_MAX, &w->sd, why);
    if (!rc)
        rc = get_positive(args, "power", .999, &w->power, why);
    if (!rc)
        rc = get_number(args, "explained", 0, .99, &explained, why);
    w->variance_ratio = 1 - explained;
    return rc;
}

/* ---- input ------------------------------------------------------------------------------------
 */

typedef wn_rc take_fn(void *context, struct wn_str bytes, struct wn_why *why);

/* Hands a file, or standard input, out in pieces. */
static wn_rc read_file(const char *path, const char *option, take_fn *take, void *context,
                       struct wn_why *why)
{
    static char buffer[1 << 16];
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    wn_rc rc = WN_OK;
    size_t n;
    if (!file)
        return wn_fail(why, errno == ENOENT ? WN_NOT_FOUND : WN_IO, option, "%s: %s", path,
                       strerror(errno));
    while (!rc && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
        rc = take(context, (struct wn_str){buffer, n}, why);
    if (!rc && ferror(file))
        rc = wn_fail(why, WN_IO, option, "%s cannot be read", is_stdin ? "standard input" : path);
    if (!is_stdin)
        (void)fclose(file);
    return rc;
}

struct intake {
    struct wn_abtest_csv *csv;
    struct wn_progress progress;
    uint64_t n_bytes, total_bytes; /* total: 0 = not known */
};

static wn_rc take_rows(void *context, struct wn_str bytes, struct wn_why *why)
{
    struct intake *in = context;
    in->n_bytes += bytes.n;
    wn_progress_draw(&in->progress, in->n_bytes, in->total_bytes, 0);
    return wn_abtest_csv_push(in->csv, bytes, why);
}

static wn_rc read_input(struct job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "input");
    struct intake in = {0};
    if (!path)
        return wn_fail(why, WN_INVALID, "input",
                       "give --input FILE, or --input - for standard input, or --plan; see: winnow "
                       "help abtest");
    wn_rc rc = wn_abtest_csv_new(&in.csv, why);
    struct wn_reader size;
    if (strcmp(path, "-") != 0 && wn_reader_open(path, &size, NULL) == WN_OK) {
        in.total_bytes = size.size_bytes;
        wn_reader_close(&size);
    }
    wn_progress_init(&in.progress, "reading");
    if (!rc)
        rc = read_file(path, "input", take_rows, &in, why);
    if (!rc)
        rc = wn_abtest_csv_finish(in.csv, &job->request.finish, &job->arena, &job->experiment.input,
                                  why);
    wn_progress_clear(&in.progress);
    wn_abtest_csv_free(in.csv);
    return rc;
}

/* Past experiments: effect,se. */
struct past {
    double *numbers; /* arena: effects, then errors */
    size_t n;
    size_t effect_at, se_at;
    bool has_header;
};

static wn_rc find_past_columns(struct past *p, const struct wn_csv_record *record,
                               struct wn_why *why)
{
    p->has_header = true;
    p->effect_at = p->se_at = record->n_fields;
    for (size_t f = 0; f < record->n_fields; f++) {
        struct wn_str name = wn_str_trim(record->fields[f]);
        if (wn_str_eq_nocase(name, WN_STR("effect")))
            p->effect_at = f;
        if (wn_str_eq_nocase(name, WN_STR("se")))
            p->se_at = f;
    }
    if (p->effect_at == record->n_fields || p->se_at == record->n_fields)
        return wn_fail(why, WN_INVALID, "past", "--past needs a header with the columns effect,se");
    return WN_OK;
}

static wn_rc take_past_row(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct past *p = context;
    if (!p->has_header)
        return find_past_columns(p, record, why);
    if (p->n == WN_EXPERIMENT_PAST_MAX)
        return wn_fail(why, WN_LIMIT, "past", "--past: more than %d experiments",
                       WN_EXPERIMENT_PAST_MAX);
    double *effect = &p->numbers[p->n], *se = &p->numbers[WN_EXPERIMENT_PAST_MAX + p->n];
    if (p->effect_at >= record->n_fields || p->se_at >= record->n_fields ||
        !wn_parse_f64(wn_str_trim(record->fields[p->effect_at]), effect) ||
        !wn_parse_f64(wn_str_trim(record->fields[p->se_at]), se)) {
        if (why)
            why->line = record->line;
        return wn_fail(why, WN_INVALID, "past", "--past: effect and se must be plain numbers");
    }
    p->n++;
    return WN_OK;
}

static wn_rc take_past(void *context, struct wn_str bytes, struct wn_why *why)
{
    return wn_csv_push(context, bytes, why);
}

static wn_rc read_past(struct job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "past");
    struct past past = {0};
    struct wn_csv_options options = {.on_record = take_past_row, .context = &past};
    struct wn_csv *csv = NULL;
    if (!path)
        return WN_OK;
    past.numbers = WN_ARENA_ARRAY(&job->arena, 2 * WN_EXPERIMENT_PAST_MAX, double);
    wn_rc rc = past.numbers ? wn_csv_new(&options, &csv, why)
                            : wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    if (!rc)
        rc = read_file(path, "past", take_past, csv, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    job->request.past_effects = past.numbers;
    job->request.past_errors = past.numbers + WN_EXPERIMENT_PAST_MAX;
    job->request.n_past = past.n;
    return rc;
}

/* ---- work -------------------------------------------------------------------------------------
 */

static wn_rc print(const struct job *job, bool is_plan, struct wn_why *why)
{
    struct wn_buf b;
    struct wn_json_writer w;
    wn_buf_init(&b, (size_t)1 << 30);
    wn_json_write_init(&w, &b, 2);
    bool as_json = wn_args_flag(job->args, "json");
    if (as_json && is_plan)
        wn_experiment_write_plan(&w, &job->wish, &job->plan);
    else if (as_json)
        wn_experiment_write(&w, &job->experiment);
    else if (is_plan)
        wn_abtest_print_plan(&b, &job->wish, &job->plan);
    else
        wn_abtest_print(&b, &job->experiment);
    if (as_json)
        wn_buf_append_char(&b, '\n');
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

static wn_rc plan(struct job *job, struct wn_why *why)
{
    struct wn_rand r;
    wn_rand_init(&r, (uint64_t)wn_args_int(job->args, "seed"));
    wn_rc rc = read_wish(job, why);
    return rc ? rc : wn_abtest_plan(&job->wish, &r, &job->plan, why);
}

static wn_rc analyse(struct job *job, struct wn_why *why)
{
    wn_rc rc = read_past(job, why);
    if (!rc)
        rc = read_input(job, why);
    return rc ? rc : wn_experiment_run(&job->request, &job->arena, &job->experiment, why);
}

int wn_cmd_abtest(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct job job = {.args = args};
    bool is_plan = wn_args_flag(args, "plan");
    wn_arena_init(&job.arena, 0);
    wn_rc rc = read_options(&job, &why);
    if (!rc)
        rc = is_plan ? plan(&job, &why) : analyse(&job, &why);
    if (!rc)
        rc = print(&job, is_plan, &why);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
