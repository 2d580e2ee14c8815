/* winnow allocate: response curves out of a history, and the budget divided by them. */
#include "cli/allocate_input.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/wire.h"
#include "core/csv.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_allocate_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "History (CSV: entity,date,spend,revenue) or ready curves (JSON); '-' is standard "
             "input."},
    {.name = "budget",
     .letter = 'b',
     .kind = WN_OPTION_TEXT,
     .value_name = "AMOUNT",
     .help = "Total per step of the history (day, week). Without it: what is spent now."},
    {.name = "min",
     .kind = WN_OPTION_LIST,
     .value_name = "ENTITY=AMOUNT",
     .help = "Least for an entity; several are separated by commas."},
    {.name = "max",
     .kind = WN_OPTION_LIST,
     .value_name = "ENTITY=AMOUNT",
     .help = "Most for an entity."},
    {.name = "fixed",
     .kind = WN_OPTION_LIST,
     .value_name = "ENTITY=AMOUNT",
     .help = "Exactly this for an entity."},
    {.name = "group-cap",
     .kind = WN_OPTION_LIST,
     .value_name = "GROUP=AMOUNT",
     .help = "Most for all entities of a group together (column group or channel)."},
    {.name = "target-roas",
     .kind = WN_OPTION_TEXT,
     .value_name = "RATIO",
     .help = "Total return over total spend at least: spends less rather than miss it."},
    {.name = "max-change",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Largest change of an entity against now: 20% or 0.2."},
    {.name = "explore",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .help = "Each entity keeps this share of an equal split, so that its curve stays known. "
             "Without it: 2% for a history, nothing for ready curves."},
    {.name = "keep",
     .kind = WN_OPTION_TEXT,
     .value_name = "PROBABILITY",
     .help = "Move only when the plan beats the present split with more than this probability. "
             "Without it: 0.7 for a history, 0 (always move) for ready curves."},
    {.name = "switch-cost",
     .kind = WN_OPTION_TEXT,
     .value_name = "AMOUNT",
     .help = "Move only when the expected gain is above this."},
    {.name = "risk",
     .kind = WN_OPTION_ENUM,
     .value_name = "KIND",
     .fallback = "mean",
     .values = "mean|lower|thompson",
     .help = "By the expected return, by the lower end of its interval, or by one draw."},
    {.name = "base",
     .kind = WN_OPTION_FLAG,
     .help = "Some revenue would come without spend: estimate it and leave it out."},
    {.name = "reported",
     .kind = WN_OPTION_FLAG,
     .help = "The revenue is what a platform claims: take 80 % of it as caused, more or less "
             "(standard deviation 0.4 of the logarithm)."},
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

struct job {
    const struct wn_args *args;
    struct wn_arena arena;
    struct wn_rand rand;
    struct wn_allocate_input input;
    struct wn_map names, groups; /* name -> index */
    struct wn_allocate_options options;
    int64_t *caps;           /* [input.n_groups], or NULL */
    struct wn_curve *curves; /* of a history */
    struct wn_allocation result;
    size_t probe; /* index, or input.n */
    double probe_value;
};

/* ---- options -------------------------------------------------------------------------------------
 */

static wn_rc get_amount(const struct wn_args *args, const char *name, int64_t *out_micros,
                        struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, name);
    if (text.p && (!wn_parse_micros(text, out_micros) || *out_micros < 0))
        return wn_fail(why, WN_INVALID, name, "--%s must be an amount of at least 0, not '%.*s'",
                       name, WN_STR_ARG(text));
    return WN_OK;
}

/* "20%" or "0.2". */
static wn_rc get_share(const struct wn_args *args, const char *name, double fallback, double most,
                       double *out, struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, name);
    *out = fallback;
    if (!text.p)
        return WN_OK;
    bool percent = wn_str_ends(text, WN_STR("%"));
    if (!wn_parse_f64(wn_str_slice(text, 0, text.n - percent), out) || *out < 0 ||
        *out > most * (percent ? 100 : 1))
        return wn_fail(why, WN_INVALID, name, "--%s must be like 0.2 or 20%%, not '%.*s'", name,
                       WN_STR_ARG(text));
    *out /= percent ? 100 : 1;
    return WN_OK;
}

/* One "name=amount". True when the name is known. */
static bool split_pair(const struct wn_map *names, struct wn_str pair, uint32_t *index,
                       struct wn_str *amount)
{
    size_t equals = pair.n;
    while (equals > 0 && pair.p[equals - 1] != '=')
        equals--;
    if (equals == 0)
        return false;
    struct wn_str name = wn_str_trim(wn_str_slice(pair, 0, equals - 1));
    const uint32_t *found = wn_map_get(names, name);
    *amount = wn_str_trim(wn_str_slice(pair, equals, pair.n));
    if (found)
        *index = *found;
    return found != NULL;
}

typedef void take_fn(struct job *job, uint32_t index, int64_t micros);

static wn_rc take_pair(struct job *job, const char *option, const struct wn_map *names,
                       struct wn_str pair, take_fn *take, struct wn_why *why)
{
    uint32_t index = 0;
    struct wn_str amount = {0};
    int64_t micros;
    if (!split_pair(names, pair, &index, &amount))
        return wn_fail(why, WN_INVALID, option, "--%s '%.*s': %s", option, WN_STR_ARG(pair),
                       amount.p ? "there is no such name in the input" : "write NAME=AMOUNT");
    if (!wn_parse_micros(amount, &micros) || micros < 0)
        return wn_fail(why, WN_INVALID, option, "--%s '%.*s': the amount must be at least 0",
                       option, WN_STR_ARG(pair));
    take(job, index, micros);
    return WN_OK;
}

/* All pairs of an option. A value is one pair when its name, commas and all, is known. */
static wn_rc take_pairs(struct job *job, const char *option, const struct wn_map *names,
                        take_fn *take, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    struct wn_str value, amount, part;
    uint32_t index;
    for (size_t k = 0; !rc && (value = wn_args_list(job->args, option, k)).p; k++) {
        if (split_pair(names, value, &index, &amount)) {
            rc = take_pair(job, option, names, value, take, why);
            continue;
        }
        while (!rc && wn_str_cut(&value, ',', &part))
            rc = take_pair(job, option, names, part, take, why);
    }
    return rc;
}

static void take_min(struct job *job, uint32_t index, int64_t micros)
{
    job->input.entities[index].lo_micros = micros;
}
static void take_max(struct job *job, uint32_t index, int64_t micros)
{
    job->input.entities[index].hi_micros = micros;
}
static void take_fixed(struct job *job, uint32_t index, int64_t micros)
{
    take_min(job, index, micros);
    take_max(job, index, micros);
}
static void take_cap(struct job *job, uint32_t index, int64_t micros)
{
    job->caps[index] = micros;
}

static wn_rc index_names(struct wn_map *m, const struct wn_str *names, size_t n)
{
    uint32_t *value;
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = wn_map_put(m, names[i], (uint32_t)i, &value, NULL);
    return rc;
}

static wn_rc read_caps(struct job *job, struct wn_why *why)
{
    struct wn_allocate_options *o = &job->options;
    if (!wn_args_list(job->args, "group-cap", 0).p)
        return WN_OK;
    int64_t *caps = WN_ARENA_ARRAY(&job->arena, job->input.n_groups, int64_t);
    if (!caps)
        return WN_MEMORY;
    for (size_t g = 0; g < job->input.n_groups; g++)
        caps[g] = WN_NO_LIMIT;
    o->group_caps_micros = job->caps = caps;
    o->n_groups = job->input.n_groups;
    return take_pairs(job, "group-cap", &job->groups, take_cap, why);
}

static wn_rc read_options(struct job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_allocate_options *o = &job->options;
    struct wn_str risk = wn_args_text(args, "risk"), target = wn_args_text(args, "target-roas");
    int64_t cost = 0;
    bool history = job->input.is_history;
    o->risk = wn_str_eq(risk, WN_STR("lower"))      ? WN_RISK_LOWER
              : wn_str_eq(risk, WN_STR("thompson")) ? WN_RISK_THOMPSON
                                                    : WN_RISK_MEAN;
    if (target.p &&
        (!wn_parse_f64(target, &o->target_roas) || !(o->target_roas > 0) || o->target_roas > 1e9))
        return wn_fail(why, WN_INVALID, "target-roas",
                       "--target-roas must be a ratio above 0, not '%.*s'", WN_STR_ARG(target));
    wn_rc rc = get_amount(args, "switch-cost", &cost, why);
    o->switch_cost = (double)cost / WN_MICROS;
    if (!rc)
        rc = get_share(args, "max-change", 0, 1e6, &o->max_change_ratio, why);
    if (!rc)
        rc = get_share(args, "explore", history ? .02 : 0, 1, &o->explore_ratio, why);
    if (!rc)
        rc = get_share(args, "keep", history ? .7 : 0, 1, &o->keep_probability, why);
    if (!rc)
        rc = index_names(&job->names, job->input.names, job->input.n);
    if (!rc)
        rc = index_names(&job->groups, job->input.group_names, job->input.n_groups);
    if (!rc)
        rc = take_pairs(job, "min", &job->names, take_min, why);
    if (!rc)
        rc = take_pairs(job, "max", &job->names, take_max, why);
    if (!rc)
        rc = take_pairs(job, "fixed", &job->names, take_fixed, why);
    return rc ? rc : read_caps(job, why);
}

/* The budget asked for, or what is spent now. */
static wn_rc read_budget(struct job *job, struct wn_why *why)
{
    struct wn_allocate_options *o = &job->options;
    if (wn_args_text(job->args, "budget").p)
        return get_amount(job->args, "budget", &o->budget_micros, why);
    for (size_t i = 0; i < job->input.n; i++)
        if (!wn_add_i64(o->budget_micros, job->input.entities[i].current_micros, &o->budget_micros))
            return wn_fail(why, WN_INVALID, "budget", "the present budgets are too large to add");
    if (o->budget_micros == 0)
        return wn_fail(why, WN_INVALID, "budget", "nothing is spent now: give --budget AMOUNT");
    return WN_OK;
}

/* ---- work ----------------------------------------------------------------------------------------
 */

static wn_rc read_input(struct job *job, struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "input");
    struct wn_str text = {0};
    wn_rc rc = WN_OK;
    if (!path)
        return wn_fail(why, WN_INVALID, "input",
                       "give --input FILE, or --input - for standard "
                       "input; see: winnow help allocate");
    if (strcmp(path, "-") != 0)
        rc = wn_file_read(path, WN_ALLOCATE_INPUT_BYTES_MAX, &job->arena, &text, why);
    if (rc)
        return rc;
    struct wn_buf b;
    wn_buf_init(&b, WN_ALLOCATE_INPUT_BYTES_MAX);
    if (strcmp(path, "-") == 0) {
        enum { PIECE = 1 << 16 };
        char *room;
        size_t n;
        while ((room = wn_buf_room(&b, PIECE)) && (n = fread(room, 1, PIECE, stdin)) > 0)
            wn_buf_used(&b, n);
        rc = wn_buf_check(&b, why);
        if (!rc && ferror(stdin))
            rc = wn_fail(why, WN_IO, "input", "standard input cannot be read");
        text = wn_buf_str(&b);
    }
    if (!rc)
        rc = wn_allocate_input_read(&job->arena, text, &job->input, why);
    wn_buf_deinit(&b);
    return rc;
}

static wn_rc fit(struct job *job, struct wn_why *why)
{
    struct wn_curve_options options = {.with_base = wn_args_flag(job->args, "base")};
    job->probe = job->input.n;
    if (!job->input.is_history)
        return WN_OK;
    if (wn_args_flag(job->args, "reported")) {
        options.reported_factor = .8;
        options.reported_log_sd = .4;
    }
    struct wn_progress progress;
    char label[96];
    snprintf(label, sizeof label, "fitting the curves of %zu entities", job->input.n);
    wn_progress_init(&progress, label);
    wn_progress_draw(&progress, 0, 0, job->input.n_rows);
    wn_rc rc =
        wn_curves_fit(&job->arena, job->input.histories, job->input.n, &options, &job->curves, why);
    wn_progress_clear(&progress);
    why->line = 0; /* the library counts entities; people count lines */
    for (size_t i = 0; i < job->input.n && !rc; i++) {
        struct wn_allocate_entity *e = &job->input.entities[i];
        e->curve = &job->curves[i];
        if (!wn_micros_from_f64(job->curves[i].spend_now, &e->current_micros))
            rc = wn_fail(why, WN_INVALID, "spend", "%.*s spends too much to count in micros",
                         WN_STR_ARG(e->name));
    }
    return rc;
}

static wn_rc work(struct job *job, struct wn_why *why)
{
    wn_rc rc = read_input(job, why);
    if (!rc)
        rc = fit(job, why);
    if (!rc)
        rc = read_options(job, why);
    if (!rc)
        rc = read_budget(job, why);
    if (!rc)
        rc = wn_allocate(&job->arena, job->input.entities, job->input.n, &job->options, &job->rand,
                         &job->result, why);
    if (!rc && job->curves)
        rc = wn_probe_propose(&job->arena, job->curves, job->input.n, 0, &job->rand, &job->probe,
                              &job->probe_value, why);
    return rc;
}

/* ---- output --------------------------------------------------------------------------------------
 */

/* Money of an estimate: to the cent, smaller amounts to three digits. */
static struct wn_str print_estimate(double x, char out[WN_NUM_TEXT_MAX])
{
    int n = snprintf(out, WN_NUM_TEXT_MAX, fabs(x) < 1 || fabs(x) >= 1e15 ? "%.4g" : "%.2f", x);
    return (struct wn_str){out, (size_t)n};
}

static void put_estimate(struct wn_buf *b, double x)
{
    char text[WN_NUM_TEXT_MAX];
    wn_csv_write_field(b, print_estimate(x, text), false);
}

static void put_micros(struct wn_buf *b, int64_t micros)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = wn_print_micros(micros, text);
    wn_csv_write_field(b, (struct wn_str){text, n}, false);
}

static void print_csv(const struct job *job, struct wn_buf *b)
{
    wn_buf_append_z(b, "entity,budget,current,expected,low80,high80,expected_now,marginal,binds,"
                       "why\n");
    for (size_t i = 0; i < job->input.n; i++) {
        const struct wn_allocate_row *row = &job->result.rows[i];
        wn_csv_write_field(b, job->input.names[i], true);
        put_micros(b, row->budget_micros);
        put_micros(b, row->current_micros);
        put_estimate(b, row->expected);
        put_estimate(b, row->low);
        put_estimate(b, row->high);
        put_estimate(b, row->expected_now);
        put_estimate(b, row->marginal);
        wn_csv_write_field(b, wn_str_of(wn_bind_name(row->bind)), false);
        wn_csv_write_field(b, row->why, false);
        wn_buf_append_char(b, '\n');
    }
}

static void json_number(struct wn_json_writer *w, const char *key, double x)
{
    wn_json_key(w, key);
    wn_json_f64(w, x);
}

static void json_money(struct wn_json_writer *w, const char *key, int64_t micros)
{
    wn_json_key(w, key);
    wn_json_micros(w, micros);
}

static void json_curve(struct wn_json_writer *w, const struct wn_curve *c)
{
    wn_json_key(w, "history");
    wn_json_begin_object(w);
    json_number(w, "steps", c->n_observed);
    json_number(w, "spend_mean", c->spend_mean);
    json_number(w, "spend_cv", c->spend_cv);
    json_number(w, "roas", c->roas_mean);
    json_number(w, "roas_low80", c->roas_low);
    json_number(w, "roas_high80", c->roas_high);
    json_number(w, "base", c->base);
    json_number(w, "prior_weight", c->prior_weight);
    wn_json_key(w, "is_identified");
    wn_json_bool(w, c->is_identified);
    wn_json_end(w);
}

static void json_row(struct wn_json_writer *w, const struct job *job, size_t i)
{
    const struct wn_allocate_row *row = &job->result.rows[i];
    wn_json_begin_object(w);
    wn_json_key(w, "entity");
    wn_json_text(w, job->input.names[i]);
    json_money(w, "budget", row->budget_micros);
    json_money(w, "current", row->current_micros);
    json_number(w, "expected", row->expected);
    json_number(w, "low80", row->low);
    json_number(w, "high80", row->high);
    json_number(w, "expected_now", row->expected_now);
    json_number(w, "marginal", row->marginal);
    wn_json_key(w, "binds");
    wn_json_text_z(w, wn_bind_name(row->bind));
    wn_json_key(w, "why");
    wn_json_text(w, row->why);
    if (job->curves)
        json_curve(w, &job->curves[i]);
    wn_json_end(w);
}

static void print_json(const struct job *job, struct wn_buf *b)
{
    const struct wn_allocation *r = &job->result;
    struct wn_json_writer w;
    wn_json_write_init(&w, b, 2);
    wn_json_begin_object(&w);
    json_money(&w, "budget", r->budget_micros);
    json_money(&w, "spent", r->spent_micros);
    json_number(&w, "expected", r->expected);
    json_number(&w, "expected_now", r->expected_now);
    json_number(&w, "marginal", r->price);
    json_number(&w, "optimised", r->optimised);
    json_number(&w, "bound", r->bound);
    wn_json_key(&w, "gain");
    wn_json_begin_object(&w);
    json_number(&w, "mean", r->gain_mean);
    json_number(&w, "low80", r->gain_low);
    json_number(&w, "high80", r->gain_high);
    json_number(&w, "probability", r->gain_probability);
    wn_json_end(&w);
    wn_json_key(&w, "is_unchanged");
    wn_json_bool(&w, r->is_unchanged);
    wn_json_key(&w, "roas_is_met");
    wn_json_bool(&w, r->roas_is_met);
    wn_json_key(&w, "why");
    wn_json_text(&w, r->why);
    if (job->probe < job->input.n) {
        wn_json_key(&w, "probe");
        wn_json_begin_object(&w);
        wn_json_key(&w, "entity");
        wn_json_text(&w, job->input.names[job->probe]);
        json_number(&w, "change", .2);
        json_number(&w, "worth_at_most", job->probe_value);
        wn_json_end(&w);
    }
    wn_json_key(&w, "entities");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < job->input.n; i++)
        json_row(&w, job, i);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(b, '\n');
}

static wn_rc print(const struct job *job, struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, (size_t)1 << 30);
    if (wn_args_flag(job->args, "json"))
        print_json(job, &b);
    else
        print_csv(job, &b);
    wn_rc rc = wn_output_write(job->args, &b, why);
    wn_buf_deinit(&b);
    return rc;
}

/* The sentences about the whole go to standard error, so that CSV stays CSV. */
static void tell(const struct job *job)
{
    fprintf(stderr, "%.*s\n", WN_STR_ARG(job->result.why));
    if (job->probe < job->input.n)
        fprintf(
            stderr,
            "The spend of %.*s never moved, so its curve is a guess: a trial at 80 %% or 120 %% "
            "would teach most (worth at most %.2f per step).\n",
            WN_STR_ARG(job->input.names[job->probe]), job->probe_value);
}

int wn_cmd_allocate(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct job job = {.args = args};
    wn_arena_init(&job.arena, 0);
    wn_map_init(&job.names, WN_ENTITIES_MAX);
    wn_map_init(&job.groups, WN_ENTITIES_MAX);
    wn_rand_init(&job.rand, (uint64_t)wn_args_int(args, "seed"));
    wn_rc rc = work(&job, &why);
    if (!rc)
        rc = print(&job, &why);
    if (!rc && !wn_args_flag(args, "json"))
        tell(&job);
    wn_map_deinit(&job.names);
    wn_map_deinit(&job.groups);
    wn_arena_deinit(&job.arena);
    return rc ? wn_complain(rc, &why) : 0;
}
