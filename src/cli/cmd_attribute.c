/* winnow attribute: paths or events in, credits of every channel by every model out. Needs no data
 * directory. */
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/transactions.h"
#include "cli/wire.h"
#include "core/csv.h"
#include "core/date.h"
#include "core/num.h"
#include "io/clock.h"
#include "io/file.h"
#include "learn/attribute_csv.h"

#include <math.h>
#include <stdio.h>

const struct wn_option wn_attribute_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "Paths (CSV: path,conversions,value,null) or events (person,channel,time,conversion,"
             "value); '-' is standard input."},
    {.name = "model",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "LIST",
     .help = "Some of first, last, last_non_direct, linear, time_decay, position, markov, shapley, "
             "shapley_rate, separated by commas. Without it: all that differ."},
    {.name = "order",
     .kind = WN_OPTION_TEXT,
     .value_name = "K",
     .fallback = "1",
     .help = "Touches that the Markov chain remembers, 1 to 6; auto: as many as foretell unseen "
             "conversions."},
    {.name = "value",
     .kind = WN_OPTION_FLAG,
     .help = "Divide the value instead of the conversions."},
    {.name = "direct",
     .kind = WN_OPTION_TEXT,
     .value_name = "NAME",
     .help = "The channel that stands for visits without a source, for last_non_direct. Without "
             "it: direct, (direct) or (none)."},
    {.name = "look-back",
     .kind = WN_OPTION_TEXT,
     .value_name = "DAYS[,DAYS]",
     .fallback = "30,1",
     .help = "Of events: how long a click, and a view, may lie before the conversion."},
    {.name = "half-life",
     .kind = WN_OPTION_TEXT,
     .value_name = "N",
     .help = "Of time_decay, in days where there are times (7), else in touches (2)."},
    {.name = "bootstraps",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "200",
     .min = 0,
     .max = 10000,
     .help = "Draws behind the intervals; 0 leaves them out."},
    {.name = "level",
     .kind = WN_OPTION_TEXT,
     .value_name = "PERCENT",
     .fallback = "95",
     .help = "Coverage of the intervals."},
    {.name = "intervals",
     .kind = WN_OPTION_FLAG,
     .help = "In CSV, the interval of every model instead of that of the base."},
    {.name = "permutations",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "5000",
     .min = 2,
     .max = 10000000,
     .help = "Of shapley_rate above 16 channels."},
    {.name = "tests",
     .letter = 't',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "Lift tests (CSV: channel,lift,se,date): what was caused per conversion that the base "
             "model credits."},
    {.name = "base",
     .kind = WN_OPTION_TEXT,
     .value_name = "MODEL",
     .help = "The model whose interval is shown and which the tests correct. Without it: markov, "
             "else the first of --model."},
    {.name = "prior",
     .kind = WN_OPTION_TEXT,
     .value_name = "RATIO",
     .fallback = "1",
     .help =
         "What a credit is believed to be worth without a test (half to double, 5 of 6 times)."},
    {.name = "as-of",
     .kind = WN_OPTION_DAY,
     .value_name = "DAY",
     .help = "Tests are as old as on this day; without it: today."},
    {.name = "seed",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .min = 0,
     .max = INT64_MAX,
     .help = "The same input and seed give the same answer."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of CSV."},
    WN_OPTION_OUTPUT,
    {0},
};

#define INPUT_BYTES_MAX ((size_t)8 << 30)
#define TESTS_BYTES_MAX ((size_t)64 << 20)

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_rand rand;
    struct wn_attribute_options options;
    struct wn_look_back look_back;
    struct wn_path_csv csv;
    struct wn_attribution result;
    wn_attribute_model base;
    struct wn_calibrated *calibrated; /* NULL without tests */
    int32_t as_of;
    struct wn_progress progress;
};

/* ---- options ----------------------------------------------------------------------------------
 */

static wn_rc find_model(struct wn_str name, const char *option, wn_attribute_model *out,
                        struct wn_why *why)
{
    name = wn_str_trim(name);
    for (int m = 0; m < WN_ATTRIBUTE_MODELS; m++)
        if (wn_str_eq_nocase(name, wn_str_of(wn_attribute_model_name((wn_attribute_model)m)))) {
            *out = (wn_attribute_model)m;
            return WN_OK;
        }
    return wn_fail(
        why, WN_INVALID, option,
        "--%s: there is no model '%.*s'; there are first, last, last_non_direct, linear, "
        "time_decay, position, markov, shapley, shapley_rate",
        option, WN_STR_ARG(name));
}

static wn_rc read_models(struct job *job, struct wn_why *why)
{
    struct wn_str list = wn_args_text(job->args, "model"), base = wn_args_text(job->args, "base");
    struct wn_str part;
    wn_attribute_model m, first = WN_ATTRIBUTE_MODELS;
    wn_rc rc = WN_OK;
    while (list.p && !rc && wn_str_cut(&list, ',', &part)) {
        rc = find_model(part, "model", &m, why);
        if (!rc) {
            job->options.models |= 1u << m;
            first = first == WN_ATTRIBUTE_MODELS ? m : first;
        }
    }
    uint32_t models = job->options.models;
    job->base = !models || models >> WN_ATTRIBUTE_MARKOV & 1 ? WN_ATTRIBUTE_MARKOV : first;
    if (!rc && base.p)
        rc = find_model(base, "base", &job->base, why);
    if (!rc && models && !(models >> job->base & 1))
        rc = wn_fail(why, WN_INVALID, "base", "--base %s is not among the models of --model",
                     wn_attribute_model_name(job->base));
    return rc;
}

/* A number above low and below high. */
static wn_rc read_number(const char *name, struct wn_str text, double low, double high, double *out,
                         struct wn_why *why)
{
    if (!wn_parse_f64(wn_str_trim(text), out) || !(*out > low && *out < high))
        return wn_fail(why, WN_INVALID, name,
                       "--%s must be a number above %g and below %g, not '%.*s'", name, low, high,
                       WN_STR_ARG(text));
    return WN_OK;
}

static wn_rc read_look_back(struct job *job, struct wn_why *why)
{
    struct wn_str rest = wn_args_text(job->args, "look-back"), click = {0}, view = {0};
    (void)wn_str_cut(&rest, ',', &click);
    wn_rc rc = read_number("look-back", click, 0, 1e5, &job->look_back.click_days, why);
    job->look_back.view_days = fmin(1, job->look_back.click_days);
    if (!rc && wn_str_cut(&rest, ',', &view))
        rc = read_number("look-back", view, 0, 1e5, &job->look_back.view_days, why);
    if (!rc && rest.p)
        rc = wn_fail(why, WN_INVALID, "look-back", "--look-back takes one or two numbers of days");
    return rc;
}

static wn_rc read_options(struct job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_attribute_options *o = &job->options;
    struct wn_str order = wn_args_text(args, "order"), half_life = wn_args_text(args, "half-life");
    uint64_t k = 1;
    double percent = 95;
    if (!wn_args_z(args, "input"))
        return wn_fail(why, WN_INVALID, "input",
                       "give --input FILE, or --input - for standard input; see: winnow help "
                       "attribute");
    o->n_bootstraps = (uint32_t)wn_args_int(args, "bootstraps");
    o->n_permutations = (uint32_t)wn_args_int(args, "permutations");
    o->order_auto = wn_str_eq(order, WN_STR("auto"));
    if (!o->order_auto && (!wn_parse_u64(order, &k) || k < 1 || k > WN_MARKOV_ORDER_MAX))
        return wn_fail(why, WN_INVALID, "order", "--order must be 1 to %d or auto, not '%.*s'",
                       WN_MARKOV_ORDER_MAX, WN_STR_ARG(order));
    o->order = (uint32_t)k;
    wn_rc rc = read_number("level", wn_args_text(args, "level"), 0, 100, &percent, why);
    o->level = percent / 100;
    if (!rc && half_life.p)
        rc = read_number("half-life", half_life, 0, 1e6, &o->half_life_days, why);
    o->half_life_touches = o->half_life_days;
    if (!rc)
        rc = read_look_back(job, why);
    job->as_of = (int32_t)(wn_clock_now_ms() / WN_DAY_MS);
    if (!rc && wn_args_text(args, "as-of").p &&
        !wn_parse_day(wn_args_text(args, "as-of"), &job->as_of))
        rc = wn_fail(why, WN_INVALID, "as-of", "--as-of must be a day, YYYY-MM-DD");
    return rc ? rc : read_models(job, why);
}

/* ---- input ------------------------------------------------------------------------------------
 */

static wn_rc read_paths(struct job *job, struct wn_why *why)
{
    struct wn_path_csv_reader *reader = NULL;
    struct wn_buf text;
    wn_buf_init(&text, INPUT_BYTES_MAX);
    wn_rc rc = wn_input_load(wn_args_z(job->args, "input"), &text, why);
    if (!rc)
        rc = wn_path_csv_new(&reader, why);
    if (!rc)
        rc = wn_path_csv_push(reader, wn_buf_str(&text), why);
    wn_buf_deinit(&text);
    if (!rc)
        rc = wn_path_csv_finish(reader, &job->look_back, &job->arena, &job->csv, why);
    wn_path_csv_free(reader);
    return rc;
}

/* Which channel is direct; without one, last_non_direct is last and is not shown unasked. */
static wn_rc find_direct(struct job *job, struct wn_why *why)
{
    static const char *const usual[] = {"direct", "(direct)", "(none)"};
    struct wn_str told = wn_args_text(job->args, "direct");
    struct wn_attribute_options *o = &job->options;
    for (size_t c = 0; c < job->csv.paths.n_channels && !o->has_direct; c++) {
        struct wn_str name = job->csv.channels[c];
        bool is_direct = told.p && wn_str_eq(name, told);
        for (size_t k = 0; k < WN_COUNT(usual) && !told.p; k++)
            is_direct = is_direct || wn_str_eq_nocase(name, wn_str_of(usual[k]));
        o->has_direct = is_direct;
        o->direct_channel = (uint16_t)c;
    }
    if (told.p && !o->has_direct)
        return wn_fail(why, WN_NOT_FOUND, "direct", "--direct: no path has the channel '%.*s'",
                       WN_STR_ARG(told));
    if (!o->models) {
        o->models = (1u << WN_ATTRIBUTE_MODELS) - 1;
        if (!o->has_direct && job->base != WN_ATTRIBUTE_LAST_NON_DIRECT)
            o->models &= ~(1u << WN_ATTRIBUTE_LAST_NON_DIRECT);
    }
    return WN_OK;
}

static double credit_of(const struct job *job, wn_attribute_model m, size_t c, int which)
{
    const struct wn_credit *x = &job->result.credits[m][c];
    const double of_conversions[] = {x->conversions, x->low, x->high};
    const double of_value[] = {x->value, x->value_low, x->value_high};
    return wn_args_flag(job->args, "value") ? of_value[which] : of_conversions[which];
}

static wn_rc calibrate(struct job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "tests");
    struct wn_calibration_options options = {.level = job->options.level};
    struct wn_lift_test *tests = NULL;
    struct wn_str text;
    size_t n_tests = 0, n = job->result.n_channels;
    if (!path)
        return WN_OK;
    double *credits = WN_ARENA_ARRAY(&job->arena, n, double);
    if (!credits)
        return WN_MEMORY;
    for (size_t c = 0; c < n; c++)
        credits[c] = credit_of(job, job->base, c, 0);
    wn_rc rc = read_number("prior", wn_args_text(job->args, "prior"), 1e-3, 1e3,
                           &options.prior_ratio, why);
    if (!rc)
        rc = wn_file_read(path, TESTS_BYTES_MAX, &job->arena, &text, why);
    if (!rc) {
        rc = wn_lift_csv_read(&job->arena, text, job->csv.channels, n, &tests, &n_tests, why);
        if (rc && why->line)
            fprintf(stderr, "in %s:\n", path);
    }
    if (!rc)
        rc = wn_calibrate(&job->arena, credits, n, tests, n_tests, job->as_of, &options,
                          &job->calibrated, why);
    return rc;
}

static bool on_progress(void *context, size_t done, size_t total)
{
    struct job *job = context;
    wn_progress_draw(&job->progress, done, total, 0);
    return true;
}

static wn_rc work(struct job *job, struct wn_why *why)
{
    wn_rc rc = read_options(job, why);
    if (!rc)
        rc = read_paths(job, why);
    if (!rc)
        rc = find_direct(job, why);
    if (!rc && wn_args_flag(job->args, "value") && !job->csv.paths.values)
        rc = wn_fail(why, WN_INVALID, "value", "--value: the input has no column value");
    if (rc)
        return rc;
    wn_progress_init(&job->progress, "intervals");
    job->options.on_progress = on_progress;
    job->options.context = job;
    rc = wn_attribute(&job->arena, &job->csv.paths, &job->options, &job->rand, &job->result, why);
    wn_progress_clear(&job->progress);
    return rc ? rc : calibrate(job, why);
}

/* ---- output -----------------------------------------------------------------------------------
 */

static void put_number(struct wn_buf *b, double x)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = wn_print_f64(x, text);
    wn_buf_append_char(b, ',');
    wn_buf_append(b, (struct wn_str){text, n});
}

static bool shows(const struct job *job, int m)
{
    return job->result.credits[m] != NULL;
}

static void csv_header(const struct job *job, struct wn_buf *b, const char *level)
{
    bool all = wn_args_flag(job->args, "intervals"), some = job->options.n_bootstraps > 0;
    wn_buf_append_z(b, "channel");
    for (int m = 0; m < WN_ATTRIBUTE_MODELS; m++) {
        const char *name = wn_attribute_model_name((wn_attribute_model)m);
        if (!shows(job, m))
            continue;
        wn_buf_printf(b, ",%s", name);
        if (some && all)
            wn_buf_printf(b, ",%s_lo%s,%s_hi%s", name, level, name, level);
    }
    if (some && !all)
        wn_buf_printf(b, ",%s_lo%s,%s_hi%s", wn_attribute_model_name(job->base), level,
                      wn_attribute_model_name(job->base), level);
    wn_buf_append_z(b, ",disagreement");
    if (shows(job, WN_ATTRIBUTE_MARKOV))
        wn_buf_append_z(b, ",removal_effect");
    if (job->calibrated)
        wn_buf_printf(b, ",ratio,calibrated,calibrated_lo%s,calibrated_hi%s", level, level);
    wn_buf_append_z(b, ",evidence\n");
}

static const char *evidence_of(const struct job *job, size_t c)
{
    return job->calibrated && job->calibrated[c].is_tested ? "tested" : "not tested";
}

static void csv_row(const struct job *job, struct wn_buf *b, size_t c)
{
    bool all = wn_args_flag(job->args, "intervals"), some = job->options.n_bootstraps > 0;
    wn_csv_write_field(b, job->csv.channels[c], true);
    for (int m = 0; m < WN_ATTRIBUTE_MODELS; m++)
        for (int which = 0; which < (some && all ? 3 : 1) && shows(job, m); which++)
            put_number(b, credit_of(job, (wn_attribute_model)m, c, which));
    for (int which = 1; which < 3 && some && !all; which++)
        put_number(b, credit_of(job, job->base, c, which));
    put_number(b, job->result.disagreement[c]);
    if (shows(job, WN_ATTRIBUTE_MARKOV))
        put_number(b, wn_args_flag(job->args, "value") ? job->result.removal_value[c]
                                                       : job->result.removal[c]);
    if (job->calibrated) {
        const struct wn_calibrated *x = &job->calibrated[c];
        put_number(b, x->ratio);
        put_number(b, x->conversions);
        put_number(b, x->low);
        put_number(b, x->high);
    }
    wn_buf_printf(b, ",%s\n", evidence_of(job, c));
}

static void json_number(struct wn_json_writer *w, const char *key, double x)
{
    wn_json_key(w, key);
    wn_json_f64(w, x);
}

static void json_credit(struct wn_json_writer *w, const struct job *job, const struct wn_credit *x)
{
    bool some = job->options.n_bootstraps > 0;
    wn_json_begin_object(w);
    json_number(w, "conversions", x->conversions);
    if (some) {
        json_number(w, "low", x->low);
        json_number(w, "high", x->high);
    }
    if (job->csv.paths.values) {
        json_number(w, "value", x->value);
        if (some) {
            json_number(w, "value_low", x->value_low);
            json_number(w, "value_high", x->value_high);
        }
    }
    wn_json_end(w);
}

static void json_calibrated(struct wn_json_writer *w, const struct job *job, size_t c)
{
    const struct wn_calibrated *x = &job->calibrated[c];
    wn_json_key(w, "calibrated");
    wn_json_begin_object(w);
    wn_json_key(w, "tests");
    wn_json_i64(w, x->n_tests);
    json_number(w, "ratio", x->ratio);
    json_number(w, "ratio_low", x->ratio_low);
    json_number(w, "ratio_high", x->ratio_high);
    json_number(w, wn_args_flag(job->args, "value") ? "value" : "conversions", x->conversions);
    json_number(w, "low", x->low);
    json_number(w, "high", x->high);
    json_number(w, "prior_weight", x->prior_weight);
    wn_json_end(w);
}

static void json_channel(struct wn_json_writer *w, const struct job *job, size_t c)
{
    const struct wn_attribution *r = &job->result;
    wn_json_begin_object(w);
    wn_json_key(w, "channel");
    wn_json_text(w, job->csv.channels[c]);
    wn_json_key(w, "evidence");
    wn_json_text_z(w, evidence_of(job, c));
    json_number(w, "disagreement", r->disagreement[c]);
    if (shows(job, WN_ATTRIBUTE_MARKOV)) {
        json_number(w, "removal_effect", r->removal[c]);
        if (job->csv.paths.values)
            json_number(w, "removal_effect_value", r->removal_value[c]);
    }
    if (shows(job, WN_ATTRIBUTE_SHAPLEY_RATE) && !r->rate_is_exact)
        json_number(w, "shapley_rate_se", r->permutation_se[c]);
    wn_json_key(w, "credits");
    wn_json_begin_object(w);
    for (int m = 0; m < WN_ATTRIBUTE_MODELS; m++)
        if (shows(job, m)) {
            wn_json_key(w, wn_attribute_model_name((wn_attribute_model)m));
            json_credit(w, job, &r->credits[m][c]);
        }
    wn_json_end(w);
    if (job->calibrated)
        json_calibrated(w, job, c);
    wn_json_end(w);
}

static void json_chain(struct wn_json_writer *w, const struct wn_attribution *r)
{
    wn_json_key(w, "markov");
    wn_json_begin_object(w);
    wn_json_key(w, "order");
    wn_json_i64(w, r->order);
    wn_json_key(w, "states");
    wn_json_i64(w, (int64_t)r->n_states);
    json_number(w, "conversion_probability", r->conversion_probability);
    if (r->auc[1] > 0) {
        wn_json_key(w, "held_out_auc");
        wn_json_begin_array(w);
        for (size_t k = 1; k <= WN_MARKOV_ORDER_AUTO && r->auc[k] > 0; k++)
            wn_json_f64(w, r->auc[k]);
        wn_json_end(w);
        json_number(w, "held_out_auc_se", r->auc_se);
    }
    wn_json_end(w);
}

static void put_json(const struct job *job, struct wn_buf *b)
{
    const struct wn_attribution *r = &job->result;
    struct wn_json_writer w;
    wn_json_write_init(&w, b, 2);
    wn_json_begin_object(&w);
    json_number(&w, "conversions", r->conversions);
    json_number(&w, "value", r->value);
    json_number(&w, "nulls", r->nulls);
    json_number(&w, "unattributed_conversions", r->unattributed_conversions);
    json_number(&w, "unattributed_value", r->unattributed_value);
    wn_json_key(&w, "has_nulls");
    wn_json_bool(&w, r->has_nulls);
    wn_json_key(&w, "is_causal"); /* only what was tested is */
    wn_json_bool(&w, false);
    wn_json_key(&w, "base");
    wn_json_text_z(&w, wn_attribute_model_name(job->base));
    json_number(&w, "level", job->options.level);
    wn_json_key(&w, "paths");
    wn_json_i64(&w, (int64_t)job->csv.paths.n);
    if (shows(job, WN_ATTRIBUTE_MARKOV))
        json_chain(&w, r);
    wn_json_key(&w, "channels");
    wn_json_begin_array(&w);
    for (size_t c = 0; c < r->n_channels; c++)
        json_channel(&w, job, c);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(b, '\n');
}

static wn_rc print(const struct job *job, struct wn_why *why)
{
    char level[WN_NUM_TEXT_MAX];
    struct wn_buf b;
    wn_buf_init(&b, (size_t)1 << 30);
    (void)wn_print_f64(round(job->options.level * 1e8) / 1e6, level);
    if (wn_args_flag(job->args, "json")) {
        put_json(job, &b);
    } else {
        csv_header(job, &b, level);
        for (size_t c = 0; c < job->result.n_channels; c++)
            csv_row(job, &b, c);
    }
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

/* What holds for the whole, on standard error, so that CSV stays CSV. */
static void tell(const struct job *job)
{
    const struct wn_attribution *r = &job->result;
    size_t n_tested = 0;
    struct wn_buf b;
    wn_buf_init(&b, 1 << 16);
    for (size_t c = 0; c < r->n_channels; c++)
        n_tested += job->calibrated && job->calibrated[c].is_tested;
    wn_print_grouped(&b, r->conversions, 0);
    wn_buf_append_z(&b, " conversions among ");
    wn_print_grouped(&b, r->conversions + r->nulls, 0);
    wn_buf_printf(&b, " paths of %zu channels", r->n_channels);
    if (shows(job, WN_ATTRIBUTE_MARKOV))
        wn_buf_printf(&b, "; Markov chain of order %u, %zu states", r->order, r->n_states);
    wn_buf_append_z(&b, ".\n");
    if (r->unattributed_conversions > 0) {
        wn_print_grouped(&b, r->unattributed_conversions, 0);
        wn_buf_append_z(&b, " more conversions had no touch and are left out.\n");
    }
    if (!r->has_nulls)
        wn_buf_append_z(&b, "There are no paths without conversion (column null): markov and "
                            "shapley_rate cannot tell what a channel adds.\n");
    if (n_tested)
        wn_buf_printf(&b,
                      "%zu of %zu channels are tested by experiments; the others are credited, "
                      "which does not mean that they caused it.\n",
                      n_tested, r->n_channels);
    else
        wn_buf_append_z(&b,
                        "Not causal: this divides what was sold among those who were there. What "
                        "a channel causes takes an experiment (--tests).\n");
    fwrite(b.p, 1, b.n, stderr);
    wn_buf_deinit(&b);
}

int wn_cmd_attribute(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct job job = {.args = args};
    wn_arena_init(&job.arena, 0);
    wn_rand_init(&job.rand, (uint64_t)wn_args_int(args, "seed"));
    wn_rc rc = work(&job, &why);
    if (!rc)
        rc = print(&job, &why);
    if (!rc && !wn_args_flag(args, "json"))
        tell(&job);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
