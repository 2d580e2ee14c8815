/* winnow ctr: learns click or conversion probabilities from rows, predicts, and scores predictions.
 * Needs no data directory. */
#include "cli/cmd_ctr_int.h"
#include "core/num.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>

const struct wn_option wn_ctr_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "The rows; - reads standard input."},
    {.name = "model",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "The model: written by train, read by predict and evaluate."},
    {.name = "format",
     .kind = WN_OPTION_ENUM,
     .value_name = "FORMAT",
     .fallback = "auto",
     .values = "auto|csv|tsv|libsvm|libffm|vw",
     .help = "How the rows are written; auto looks at the first one."},
    {.name = "header",
     .kind = WN_OPTION_ENUM,
     .value_name = "WHEN",
     .fallback = "auto",
     .values = "auto|yes|no",
     .help = "Does the first row name the columns? Without a header they are c1, c2, ..."},
    {.name = "target",
     .letter = 't',
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "1 or 0, or a count with --views. Without: click, label, target, y and the like, or "
             "c1 without a header."},
    {.name = "views",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "A row is so many views, and the target counts the clicks among them."},
    {.name = "id",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "Is no feature; predict prints it instead of the number of the row."},
    {.name = "time",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "When the row happened: hour and weekday become features, and rows are learned in "
             "this order where they are held in memory."},
    {.name = "offset",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMN",
     .help = "A logit that is known beforehand; the model learns what is to be added."},
    {.name = "numeric",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMNS",
     .help = "Columns of numbers, by commas: their size matters. Columns with decimal fractions "
             "are taken so by themselves."},
    {.name = "text",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMNS",
     .help = "Columns whose numbers are mere names, although they have fractions."},
    {.name = "ignore",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMNS",
     .help = "Columns that are no features."},
    {.name = "cross",
     .kind = WN_OPTION_LIST,
     .value_name = "A*B",
     .help = "Learn every pair of values of two columns as well."},
    {.name = "cross-search",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "0",
     .min = 0,
     .max = 50,
     .help = "Look for up to N crosses that foresee rows better, beyond 3 standard errors."},
    {.name = "tree",
     .kind = WN_OPTION_TEXT,
     .value_name = "COLUMNS",
     .help = "A hierarchy, the widest level first (channel,campaign,ad): rows start from the "
             "rate of the narrowest level known, shrunk to the wider ones."},
    {.name = "learn",
     .kind = WN_OPTION_ENUM,
     .value_name = "HOW",
     .fallback = "auto",
     .values = "auto|all|stream",
     .help = "all: from all rows at once, in memory; stream: in one pass; auto: all up to "
             "--memory-rows."},
    {.name = "memory-rows",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "500000",
     .min = 1,
     .max = 100000000,
     .help = "Rows that auto holds in memory: about 40 bytes a feature while learning."},
    {.name = "update",
     .kind = WN_OPTION_FLAG,
     .help = "Train: go on, row by row, from the model that --model holds, and write it again."},
    {.name = "delayed",
     .kind = WN_OPTION_FLAG,
     .help = "Stream: every view comes first without a click, and once more with it when the "
             "click (the conversion) is known."},
    {.name = "kept-negatives",
     .kind = WN_OPTION_TEXT,
     .value_name = "SHARE",
     .fallback = "1",
     .help = "The share of the rows without a click that are in the data, when they were sampled."},
    {.name = "bits",
     .letter = 'b',
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "20",
     .min = 8,
     .max = 28,
     .help = "The table has 2^N slots of 16 bytes: 16 MB at 20, 256 MB at 24."},
    {.name = "gate",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "2",
     .min = 1,
     .max = 250,
     .help = "Stream: a value gets a slot at its N-th sighting."},
    {.name = "factors",
     .kind = WN_OPTION_TEXT,
     .value_name = "N",
     .fallback = "auto",
     .help =
         "Of the factorization machine, 0 to 32 by eights, 0 = none; auto: 8 where the rows are "
         "learned at once and have 1,000 clicks, none in a stream."},
    {.name = "alpha",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .fallback = "0.05",
     .help = "FTRL: the rate."},
    {.name = "beta",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .fallback = "1",
     .help = "FTRL: slows the first steps."},
    {.name = "l1",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .fallback = "0.5",
     .help = "FTRL: weights with less evidence are 0; 1 to 2 above ten million rows."},
    {.name = "l2",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .fallback = "1",
     .help = "FTRL: shrinks weights."},
    {.name = "level",
     .kind = WN_OPTION_TEXT,
     .value_name = "PERCENT",
     .fallback = "80",
     .help = "Train: coverage of the intervals that the model will give."},
    {.name = "because",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "0",
     .min = 0,
     .max = 100,
     .help = "Predict: the N columns that move the odds of a row most, and by what factor."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print JSON; predict: one object a line."},
    {.name = "output",
     .letter = 'o',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .fallback = "-",
     .help = "Where predictions, scores or the report go; - is standard output."},
    {0},
};

wn_rc wn_ctr_option_f64(const struct wn_args *args, const char *name, double *out,
                        struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, name);
    if (!wn_parse_f64(text, out))
        return wn_fail(why, WN_INVALID, name, "--%s takes a number, not '%.*s'", name,
                       WN_STR_ARG(text));
    return WN_OK;
}

wn_rc wn_ctr_input_options_read(const struct wn_args *args, struct wn_ctr_input_options *out,
                                struct wn_why *why)
{
    *out = (struct wn_ctr_input_options){.path = wn_args_z(args, "input"),
                                         .target = wn_args_text(args, "target"),
                                         .views = wn_args_text(args, "views"),
                                         .id = wn_args_text(args, "id"),
                                         .time = wn_args_text(args, "time"),
                                         .offset = wn_args_text(args, "offset"),
                                         .numeric = wn_args_text(args, "numeric"),
                                         .text = wn_args_text(args, "text"),
                                         .ignore = wn_args_text(args, "ignore"),
                                         .header = -1};
    if (!out->path)
        return wn_fail(why, WN_INVALID, "input",
                       "name the rows with --input FILE; - reads standard input");
    out->must_have_id = out->id.n > 0;
    struct wn_str format = wn_args_text(args, "format"), header = wn_args_text(args, "header");
    for (int i = 0; i < WN_CTR_FORMATS; i++)
        if (wn_str_eq(format, wn_str_of(wn_ctr_format_name((wn_ctr_format)i))))
            out->format = (wn_ctr_format)i;
    if (!wn_str_eq(header, WN_STR("auto")))
        out->header = wn_str_eq(header, WN_STR("yes"));
    return WN_OK;
}

/* ---- the model's file -------------------------------------------------------------------------
 */

/* What train remembers for predict and evaluate: a line each of "name\tvalue". */
static const char *const noted[] = {"format", "header", "target", "views",
                                    "id",     "time",   "offset", "numeric"};

wn_rc wn_ctr_note_write(struct wn_ctr *m, const struct wn_ctr_told *told, struct wn_why *why)
{
    const struct wn_str values[] = {wn_str_of(wn_ctr_format_name(told->format)),
                                    told->has_header ? WN_STR("yes") : WN_STR("no"),
                                    told->target,
                                    told->views,
                                    told->id,
                                    told->time,
                                    told->offset,
                                    told->numeric};
    struct wn_buf b;
    wn_buf_init(&b, WN_CTR_NOTE_MAX);
    for (size_t i = 0; i < WN_COUNT(noted); i++) {
        wn_buf_append_z(&b, noted[i]);
        wn_buf_append_char(&b, '\t');
        wn_buf_append(&b, values[i]);
        wn_buf_append_char(&b, '\n');
    }
    wn_rc rc = wn_buf_check(&b, why);
    if (!rc)
        rc = wn_ctr_note_set(m, wn_buf_str(&b), why);
    wn_buf_deinit(&b);
    return rc;
}

/* What was not said on the command line is as in training. */
void wn_ctr_note_read(const struct wn_ctr *m, struct wn_ctr_input_options *o)
{
    struct wn_str rest = wn_ctr_note(m), line, name;
    struct {
        const char *name;
        struct wn_str *to;
    } texts[] = {{"target", &o->target}, {"views", &o->views},   {"id", &o->id},
                 {"time", &o->time},     {"offset", &o->offset}, {"numeric", &o->numeric}};
    while (rest.n && wn_str_cut(&rest, '\n', &line)) {
        struct wn_str value = line;
        if (!wn_str_cut(&value, '\t', &name) || value.n == 0)
            continue;
        for (size_t i = 0; i < WN_COUNT(texts); i++)
            if (wn_str_eq(name, wn_str_of(texts[i].name)) && texts[i].to->n == 0)
                *texts[i].to = value;
    }
}

wn_rc wn_ctr_model_read(const char *path, struct wn_ctr **out, struct wn_why *why)
{
    struct wn_arena a;
    struct wn_str bytes;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_file_read(path, SIZE_MAX / 2, &a, &bytes, why);
    if (!rc)
        rc = wn_ctr_load(bytes, out, why);
    if (rc && why && why->text[0]) { /* say which file */
        char text[WN_WHY_MAX];
        snprintf(text, sizeof text, "%s", why->text);
        if (!strstr(text, path))
            snprintf(why->text, sizeof why->text, "%.200s: %.290s", path, text);
    }
    wn_arena_deinit(&a);
    return rc;
}

wn_rc wn_ctr_model_write(const char *path, const struct wn_ctr *m, struct wn_why *why)
{
    struct wn_buf b;
    wn_buf_init(&b, SIZE_MAX / 2);
    wn_rc rc = wn_ctr_save(m, &b, why);
    if (!rc)
        rc = wn_file_write(path, wn_buf_str(&b), why);
    wn_buf_deinit(&b);
    return rc;
}

int wn_cmd_ctr(const struct wn_args *args)
{
    static const struct {
        const char *name;
        wn_rc (*run)(const struct wn_args *args, struct wn_why *why);
    } actions[] = {
        {"train", wn_ctr_train}, {"predict", wn_ctr_predict_rows}, {"evaluate", wn_ctr_evaluate}};
    struct wn_why why = {0};
    for (size_t i = 0; i < WN_COUNT(actions); i++)
        if (strcmp(args->operands[0], actions[i].name) == 0) {
            wn_rc rc = actions[i].run(args, &why);
            return rc ? wn_complain(rc, &why) : 0;
        }
    fprintf(stderr, "winnow: ctr does train, predict or evaluate, not '%s'; see: winnow help ctr\n",
            args->operands[0]);
    return 2;
}
