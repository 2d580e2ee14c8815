/* winnow bandit: choose among arms, learn from their rewards, simulate and evaluate policies. Needs
 * no data directory. */
#include "cli/cmd_bandit.h"

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/wire.h"
#include "core/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_bandit_options[] = {
    {.name = "state",
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "choose, update: what is known of the arms (JSON); made when it is not there."},
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "update: CSV of rewards. evaluate: CSV of a log. simulate: a table to replay. "
             "patterns: CSV of creatives. '-' is standard input."},
    {.name = "patterns",
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "choose, update: CSV of creatives; arms that were never shown get the prior of their "
             "patterns, kept in the state."},
    {.name = "fields",
     .kind = WN_OPTION_LIST,
     .value_name = "COLUMN,...",
     .help = "patterns, and with --patterns: columns that are patterns; without it every column "
             "that is no metric, date or id."},
    {.name = "no-pairs",
     .kind = WN_OPTION_FLAG,
     .help = "patterns, and with --patterns: no effects of two levels together; much faster where "
             "levels are many."},
    {.name = "briefs",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 1,
     .max = 100,
     .help = "patterns: print the N combinations to try next instead of the effects."},
    {.name = "arms",
     .kind = WN_OPTION_LIST,
     .value_name = "NAME,...",
     .help = "choose, update: arms to add to the state."},
    {.name = "retire",
     .kind = WN_OPTION_LIST,
     .value_name = "NAME,...",
     .help = "choose, update: arms that are not shown any more; --arms brings them back."},
    {.name = "fatigued",
     .kind = WN_OPTION_LIST,
     .value_name = "NAME,...",
     .help = "choose, update: arms whose counts fade by 0.9 a day from now on."},
    {.name = "n",
     .letter = 'n',
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .min = 1,
     .max = 1000000,
     .help = "choose: so many choices, each drawn anew."},
    {.name = "batch",
     .letter = 'b',
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 1,
     .max = 1000000000000,
     .help = "choose: divide a batch of N impressions instead."},
    {.name = "aim",
     .kind = WN_OPTION_ENUM,
     .value_name = "AIM",
     .fallback = "earn",
     .values = "earn|decide",
     .help = "choose: earn most on the way, or find the best arm soonest (top two)."},
    {.name = "floor",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "0.01",
     .help = "choose: least share of a live arm; all floors together take at most half."},
    {.name = "max-change",
     .kind = WN_OPTION_TEXT,
     .value_name = "FACTOR",
     .fallback = "2",
     .help = "choose --batch: a share grows or falls at most so from batch to batch; 0 = freely."},
    {.name = "prior",
     .kind = WN_OPTION_TEXT,
     .value_name = "PRIOR",
     .help = "choose, update, simulate: own (1,1), market (50,950,2), fit (to the arms), or "
             "ALPHA,BETA[,WEIGHT]; kept in the state."},
    {.name = "decay",
     .kind = WN_OPTION_TEXT,
     .value_name = "KEEP",
     .help = "choose, update: counts are multiplied by this every day; auto (update): what would "
             "have foretold the rows best. Kept in the state."},
    {.name = "delay",
     .kind = WN_OPTION_TEXT,
     .value_name = "DELAY",
     .help = "choose, update: how late conversions come: 2d, or parts as 0.36:20m,0.64:7d; none. "
             "Kept in the state."},
    {.name = "width",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .help = "choose, update: draws are as wide as the posterior times this; without it 0.8. "
             "simulate: of thompson and top-two; without it 0.8. Kept in the state."},
    {.name = "now",
     .kind = WN_OPTION_TEXT,
     .value_name = "TIME",
     .help = "choose, update: the present moment; without it the clock's."},
    {.name = "dry-run",
     .kind = WN_OPTION_FLAG,
     .help = "choose, update: leave the state file as it is."},
    {.name = "rates",
     .kind = WN_OPTION_LIST,
     .value_name = "P,...",
     .help = "simulate: true rates of the arms."},
    {.name = "policy",
     .kind = WN_OPTION_LIST,
     .value_name = "NAME,...",
     .help = "simulate: thompson, top-two, ucb1, epsilon, greedy, random. evaluate: columns (the "
             "file's), uniform, or always:ARM."},
    {.name = "rounds",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "100000",
     .min = 1,
     .max = 1000000000,
     .help = "simulate: impressions in a run."},
    {.name = "every",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "10",
     .min = 1,
     .max = 1000000000,
     .help = "simulate: impressions between two updates."},
    {.name = "runs",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "100",
     .min = 1,
     .max = 1000000,
     .help = "simulate: runs of each policy."},
    {.name = "late",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "0",
     .help = "simulate: this share of the conversions comes late ..."},
    {.name = "late-mean",
     .kind = WN_OPTION_TEXT,
     .value_name = "ROUNDS",
     .fallback = "1000",
     .help = "simulate: ... by so many impressions on average."},
    {.name = "context",
     .kind = WN_OPTION_LIST,
     .value_name = "COLUMN,...",
     .help = "update: columns of numbers to learn from, kept in the state; each row is then one "
             "trial. choose: their values here and now, as hour=0.5,mobile=1. evaluate: columns "
             "that the reward model may look at; numbers or categories."},
    {.name = "interval",
     .kind = WN_OPTION_ENUM,
     .value_name = "KIND",
     .fallback = "bootstrap",
     .values = "bootstrap|bernstein",
     .help = "evaluate: bootstrap, or empirical Bernstein (never too short, wide)."},
    {.name = "tau",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .help = "evaluate: also print switch-dr, which trusts the model where a weight is above X."},
    {.name = "level",
     .kind = WN_OPTION_INT,
     .value_name = "PERCENT",
     .min = 1,
     .max = 99,
     .help = "Of the intervals: without it 80 for choose and update, 95 for evaluate."},
    {.name = "seed",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .min = 0,
     .max = INT64_MAX,
     .help = "Chance: a new state's; of simulate and evaluate 1 without it."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON instead of CSV."},
    WN_OPTION_OUTPUT,
    {0},
};

static const struct verb {
    const char *name;
    const char *options; /* those that mean something to it, besides seed, level, json, output */
    wn_bandit_verb *run;
} verbs[] = {
    {"choose",
     "state|arms|retire|fatigued|n|batch|aim|floor|max-change|prior|decay|delay|width|now|context|"
     "dry-run|patterns|fields|no-pairs",
     wn_bandit_choose_verb},
    {"update",
     "state|input|arms|retire|fatigued|prior|decay|delay|width|now|context|dry-run|patterns|fields|"
     "no-pairs",
     wn_bandit_update_verb},
    {"patterns", "input|fields|no-pairs|briefs", wn_bandit_patterns_verb},
    {"simulate", "input|rates|policy|rounds|every|runs|late|late-mean|prior|width",
     wn_bandit_simulate_verb},
    {"evaluate", "input|policy|context|interval|tau", wn_bandit_evaluate_verb},
};

/* ---- shared by the verbs ------------------------------------------------------------------------
 */

static bool is_among(const char *names, struct wn_str name)
{
    struct wn_str rest = wn_str_of(names), part;
    while (wn_str_cut(&rest, '|', &part))
        if (wn_str_eq_nocase(part, name))
            return true;
    return false;
}

wn_rc wn_bandit_number(const struct wn_args *args, const char *option, double low, double high,
                       double fallback, double *out, struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, option);
    double x = fallback;
    if (text.p && (!wn_parse_f64(text, &x) || !(x >= low && x <= high)))
        return wn_fail(why, WN_INVALID, option, "--%s must be a number from %g to %g, not '%.*s'",
                       option, low, high, WN_STR_ARG(text));
    *out = x;
    return WN_OK;
}

wn_rc wn_bandit_prior(struct wn_str text, struct wn_prior *out, bool *fits, struct wn_why *why)
{
    struct wn_str rest = text, part;
    double number[3] = {0, 0, 1};
    size_t n = 0;
    *fits = wn_str_eq(text, WN_STR("fit"));
    if (*fits || wn_str_eq(text, WN_STR("own")) || wn_str_eq(text, WN_STR("market"))) {
        *out = wn_str_eq(text, WN_STR("market")) ? WN_PRIOR_MARKET : WN_PRIOR_OWN;
        return WN_OK;
    }
    while (wn_str_cut(&rest, ',', &part)) {
        if (n == 3 || !wn_parse_f64(wn_str_trim(part), &number[n])) {
            n = 0;
            break;
        }
        n++;
    }
    struct wn_prior prior = {number[0], number[1], number[2]};
    struct wn_belief ignored;
    if (n < 2 || wn_bandit_belief(&(struct wn_arm){0, 0}, &prior, &ignored, NULL))
        return wn_fail(why, WN_INVALID, "prior",
                       "--prior must be own, market, fit, or ALPHA,BETA[,WEIGHT] above 0, not "
                       "'%.*s'",
                       WN_STR_ARG(text));
    *out = prior;
    return WN_OK;
}

void wn_bandit_put_exact(struct wn_buf *out, double x, bool first)
{
    char text[WN_NUM_TEXT_MAX];
    size_t n = wn_print_f64(x, text);
    wn_csv_write_field(out, (struct wn_str){text, n}, first);
}

void wn_bandit_put_short(struct wn_buf *out, double x)
{
    char text[WN_NUM_TEXT_MAX];
    int n = snprintf(text, sizeof text, "%.6g", x);
    wn_csv_write_field(out, (struct wn_str){text, (size_t)n}, false);
}

void wn_bandit_json_number(struct wn_json_writer *w, const char *key, double x)
{
    wn_json_key(w, key);
    wn_json_f64(w, x);
}

static wn_rc push_stream(struct wn_csv *csv, FILE *in, const char *path, const char *option,
                         struct wn_why *why)
{
    static char piece[1 << 16];
    size_t n;
    wn_rc rc = WN_OK;
    while (!rc && (n = fread(piece, 1, sizeof piece, in)) > 0)
        rc = wn_csv_push(csv, (struct wn_str){piece, n}, why);
    if (!rc && ferror(in))
        rc = wn_fail(why, WN_IO, option, "%s cannot be read: %s", path, strerror(errno));
    return rc ? rc : wn_csv_finish(csv, why);
}

wn_rc wn_bandit_read_csv(const struct wn_args *args, const char *option,
                         wn_csv_record_fn *on_record, void *context, struct wn_why *why)
{
    const char *path = wn_args_z(args, option);
    struct wn_csv_options options = {.on_record = on_record, .context = context};
    struct wn_csv *csv = NULL;
    if (!path)
        return wn_fail(why, WN_INVALID, option,
                       "give --%s FILE, or --%s - for standard input; see: winnow help bandit",
                       option, option);
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!in)
        return wn_fail(why, WN_NOT_FOUND, option, "%s: %s", path, strerror(errno));
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = push_stream(csv, in, path, option, why);
    wn_csv_free(csv);
    if (in != stdin)
        fclose(in);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------
 */

static wn_rc check_options(const struct verb *verb, const struct wn_args *args, struct wn_why *why)
{
    for (size_t i = 0; wn_bandit_options[i].name; i++) {
        struct wn_str name = wn_str_of(wn_bandit_options[i].name);
        if (args->values[i].p && !is_among("seed|level|json|output", name) &&
            !is_among(verb->options, name))
            return wn_fail(why, WN_INVALID, wn_bandit_options[i].name,
                           "--%s means nothing to 'winnow bandit %s'", wn_bandit_options[i].name,
                           verb->name);
    }
    return WN_OK;
}

int wn_cmd_bandit(const struct wn_args *args)
{
    struct wn_why why = {0};
    struct wn_buf out;
    const struct verb *verb = NULL;
    for (size_t i = 0; i < WN_COUNT(verbs); i++)
        if (strcmp(args->operands[0], verbs[i].name) == 0)
            verb = &verbs[i];
    wn_rc rc =
        verb ? check_options(verb, args, &why)
             : wn_fail(&why, WN_INVALID, NULL,
                       "'%s' is not one of choose, update, patterns, simulate, evaluate; see: "
                       "winnow help bandit",
                       args->operands[0]);
    if (rc) {
        (void)wn_complain(rc, &why);
        return 2;
    }
    wn_buf_init(&out, (size_t)1 << 30);
    rc = verb->run(args, &out, &why);
    if (!rc)
        rc = wn_output_write(args, &out, &why);
    wn_buf_deinit(&out);
    return rc ? wn_complain(rc, &why) : 0;
}
