/* winnow ctr train: rows in, a model out, and a report of how good it is. */
#include "cli/cmd_ctr_int.h"
#include "cli/output.h"
#include "core/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_BYTES_MAX ((size_t)1 << 24)

struct train_job {
    const struct wn_args *args;
    struct wn_ctr *m;
    struct wn_ctr_told told;
    bool is_streaming; /* learning row by row; else rows are kept */
    bool may_stream;   /* auto: change over when there are too many */
    bool is_update;
    bool has_columns; /* crosses and hierarchy are set */
    size_t n_memory;
    struct wn_arena rows_arena; /* features of kept rows */
    struct wn_ctr_row *rows;
    int64_t *times;
    size_t n_rows, n_rows_max;
    struct wn_progress progress;
    /* progressive validation */
    uint64_t next_line;
    double told_loss, told_views;
    struct wn_arena a;
};

/* ---- options ----------------------------------------------------------------------------------
 */

static bool on_progress(void *context, size_t done, size_t total)
{
    struct train_job *job = context;
    wn_progress_draw(&job->progress, done, total, 0);
    return true;
}

static wn_rc read_factors(const struct wn_args *args, bool is_streaming, uint32_t *out,
                          struct wn_why *why)
{
    struct wn_str text = wn_args_text(args, "factors");
    uint64_t n;
    if (wn_str_eq(text, WN_STR("auto"))) {
        *out = is_streaming ? 0 : 8;
        return WN_OK;
    }
    if (!wn_parse_u64(text, &n) || n > WN_CTR_FACTORS_MAX)
        return wn_fail(why, WN_INVALID, "factors",
                       "--factors takes auto or a number from 0 to %d, not '%.*s'",
                       WN_CTR_FACTORS_MAX, WN_STR_ARG(text));
    *out = (uint32_t)n;
    return WN_OK;
}

static wn_rc model_new(struct train_job *job, struct wn_why *why)
{
    const struct wn_args *args = job->args;
    struct wn_ctr_options o = WN_CTR_OPTIONS_DEFAULT;
    struct {
        const char *name;
        double *to;
    } numbers[] = {{"alpha", &o.alpha}, {"beta", &o.beta},   {"l1", &o.l1},
                   {"l2", &o.l2},       {"level", &o.level}, {"kept-negatives", &o.keep_ratio}};
    o.bits = (uint32_t)wn_args_int(args, "bits");
    o.n_gate = (uint32_t)wn_args_int(args, "gate");
    o.is_delayed = wn_args_flag(args, "delayed");
    o.n_rows_max = 100000000;
    for (size_t i = 0; i < WN_COUNT(numbers); i++) {
        wn_rc rc = wn_ctr_option_f64(args, numbers[i].name, numbers[i].to, why);
        if (rc)
            return rc;
    }
    o.level /= 100;
    wn_rc rc = read_factors(args, job->is_streaming, &o.n_factors, why);
    o.on_progress = on_progress;
    o.context = job;
    return rc ? rc : wn_ctr_new(&o, &job->m, why);
}

static wn_rc model_get(struct train_job *job, struct wn_why *why)
{
    struct wn_str how = wn_args_text(job->args, "learn");
    job->is_update = wn_args_flag(job->args, "update");
    if (job->is_update && wn_str_eq(how, WN_STR("all")))
        return wn_fail(why, WN_INVALID, "update", "--update learns row by row: leave --learn out");
    job->is_streaming =
        job->is_update || wn_args_flag(job->args, "delayed") || wn_str_eq(how, WN_STR("stream"));
    job->may_stream = wn_str_eq(how, WN_STR("auto"));
    job->n_memory = (size_t)wn_args_int(job->args, "memory-rows");
    if (job->is_update)
        return wn_ctr_model_read(wn_args_z(job->args, "model"), &job->m, why);
    return model_new(job, why);
}

/* ---- crosses and hierarchy, once the columns are known ----------------------------------------
 */

static wn_rc field_named(struct train_job *job, const char *option, struct wn_str name,
                         uint32_t *out, struct wn_why *why)
{
    name = wn_str_trim(name);
    *out = wn_ctr_field_find(job->m, name);
    if (*out != WN_CTR_NONE)
        return WN_OK;
    if (job->told.format == WN_CTR_VW || job->told.format == WN_CTR_LIBFFM)
        return wn_ctr_field_add(job->m, name, out, why); /* may come in a later row */
    return wn_fail(why, WN_INVALID, option, "--%s: there is no feature column '%.*s'", option,
                   WN_STR_ARG(name));
}

static wn_rc add_crosses(struct train_job *job, struct wn_why *why)
{
    struct wn_str pair, name;
    for (size_t k = 0; (pair = wn_args_list(job->args, "cross", k)).p; k++) {
        uint32_t a, b, field;
        struct wn_str rest = pair;
        (void)wn_str_cut(&rest, '*', &name);
        if (!rest.p)
            return wn_fail(why, WN_INVALID, "cross", "--cross takes two columns as A*B, not '%.*s'",
                           WN_STR_ARG(pair));
        wn_rc rc = field_named(job, "cross", name, &a, why);
        if (!rc)
            rc = field_named(job, "cross", rest, &b, why);
        if (!rc)
            rc = wn_ctr_cross_add(job->m, a, b, &field, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static wn_rc set_tree(struct train_job *job, struct wn_why *why)
{
    struct wn_str list = wn_args_text(job->args, "tree"), name;
    uint32_t fields[WN_CTR_TREE_MAX + 1];
    size_t n = 0;
    while (list.n && wn_str_cut(&list, ',', &name) && n <= WN_CTR_TREE_MAX) {
        wn_rc rc = field_named(job, "tree", name, &fields[n++], why);
        if (rc)
            return rc;
    }
    return n ? wn_ctr_tree_set(job->m, fields, n, why) : WN_OK;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* One line each time the number of rows has doubled: the error of predictions made before their
 * rows were learned, since the last line and altogether. */
static void tell_progress(struct train_job *job, bool is_last)
{
    struct wn_ctr_report r;
    wn_ctr_report(job->m, &r);
    double loss = r.progressive_log_loss * r.progressive_views;
    double views = r.progressive_views - job->told_views;
    if (job->told_views == 0)
        fprintf(stderr, "%12s %14s %14s\n", "rows", "log loss since", "on average");
    if (views > 0)
        fprintf(stderr, "%12llu %14.6f %14.6f%s\n", (unsigned long long)r.n_rows,
                (loss - job->told_loss) / views, r.progressive_log_loss, is_last ? "  end" : "");
    job->told_loss = loss;
    job->told_views = r.progressive_views;
}

static wn_rc learn_row(struct train_job *job, const struct wn_ctr_row *row, uint64_t n_rows,
                       struct wn_why *why)
{
    wn_rc rc = wn_ctr_learn(job->m, row, NULL, why);
    if (!rc && n_rows == job->next_line) {
        tell_progress(job, false);
        job->next_line *= 2;
    }
    return rc;
}

static wn_rc keep_row(struct train_job *job, const struct wn_ctr_line *line, struct wn_why *why)
{
    if (job->n_rows == job->n_rows_max) {
        size_t n_max = job->n_rows_max ? 2 * job->n_rows_max : 4096;
        struct wn_ctr_row *rows = realloc(job->rows, n_max * sizeof *rows);
        job->rows = rows ? rows : job->rows;
        int64_t *times = realloc(job->times, n_max * sizeof *times);
        job->times = times ? times : job->times;
        if (!rows || !times)
            return wn_fail(why, WN_MEMORY, NULL,
                           "there is no memory for more rows: use --learn stream");
        job->n_rows_max = n_max;
    }
    size_t n = line->row.n_features;
    struct wn_ctr_feature *copy = WN_ARENA_ARRAY(&job->rows_arena, n, struct wn_ctr_feature);
    if (!copy)
        return wn_fail(why, WN_MEMORY, NULL,
                       "there is no memory for more rows: use --learn stream");
    if (n)
        memcpy(copy, line->row.features, n * sizeof *copy);
    job->rows[job->n_rows] = line->row;
    job->rows[job->n_rows].features = copy;
    job->times[job->n_rows++] = line->time_ms;
    return WN_OK;
}

static void forget_rows(struct train_job *job)
{
    wn_arena_deinit(&job->rows_arena);
    free(job->rows);
    free(job->times);
    job->rows = NULL;
    job->times = NULL;
    job->n_rows = job->n_rows_max = 0;
}

/* auto: too many rows for memory. Those kept are learned first. */
static wn_rc change_over(struct train_job *job, struct wn_why *why)
{
    fprintf(stderr,
            "more than %zu rows: learning in one pass (--memory-rows holds more in memory)\n",
            job->n_memory);
    wn_rc rc = WN_OK;
    for (size_t i = 0; i < job->n_rows && !rc; i++)
        rc = learn_row(job, &job->rows[i], i + 1, why);
    forget_rows(job);
    job->is_streaming = true;
    return rc;
}

static wn_rc on_line(void *context, const struct wn_ctr_line *line, struct wn_why *why)
{
    struct train_job *job = context;
    wn_rc rc = WN_OK;
    if (!job->has_columns) {
        job->has_columns = true;
        if (!job->is_update) {
            rc = add_crosses(job, why);
            if (!rc)
                rc = set_tree(job, why);
        }
        if (rc)
            return rc;
    }
    if (!job->is_streaming && job->may_stream && job->n_rows == job->n_memory)
        rc = change_over(job, why);
    if (rc)
        return rc;
    if (!job->is_streaming)
        return keep_row(job, line, why);
    return learn_row(job, &line->row, job->told.n_rows, why);
}

/* ---- all rows at once -------------------------------------------------------------------------
 */

struct timed {
    int64_t time_ms;
    size_t place;
};

static int by_time(const void *a, const void *b)
{
    const struct timed *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Oldest first, as the library wants them. */
static wn_rc sort_rows(struct train_job *job, struct wn_why *why)
{
    struct timed *order = WN_ARENA_ARRAY(&job->a, job->n_rows, struct timed);
    struct wn_ctr_row *sorted = malloc((job->n_rows + 1) * sizeof *sorted);
    if (!order || !sorted) {
        free(sorted);
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory to sort the rows");
    }
    for (size_t i = 0; i < job->n_rows; i++)
        order[i] = (struct timed){job->times[i], i};
    qsort(order, job->n_rows, sizeof *order, by_time);
    for (size_t i = 0; i < job->n_rows; i++)
        sorted[i] = job->rows[order[i].place];
    free(job->rows);
    job->rows = sorted;
    return WN_OK;
}

static wn_rc fit(struct train_job *job, struct wn_why *why)
{
    wn_progress_init(&job->progress, "learn");
    wn_rc rc = wn_ctr_fit(job->m, job->rows, job->n_rows, why);
    wn_progress_clear(&job->progress);
    return rc;
}

static wn_rc search(struct train_job *job, struct wn_why *why)
{
    size_t n_max = (size_t)wn_args_int(job->args, "cross-search"), n_added = 0;
    if (n_max == 0)
        return WN_OK;
    uint32_t before = wn_ctr_n_fields(job->m);
    wn_progress_init(&job->progress, "crosses");
    wn_rc rc = wn_ctr_cross_search(job->m, job->rows, job->n_rows, n_max, &n_added, why);
    wn_progress_clear(&job->progress);
    if (rc)
        return rc;
    if (n_added == 0)
        fputs("no cross is worth having\n", stderr);
    for (uint32_t f = before; f < wn_ctr_n_fields(job->m); f++)
        fprintf(stderr, "cross found: %.*s\n", WN_STR_ARG(wn_ctr_field_name(job->m, f)));
    return n_added ? fit(job, why) : WN_OK;
}

static wn_rc finish(struct train_job *job, struct wn_why *why)
{
    if (job->is_streaming) {
        tell_progress(job, true);
        if (wn_args_int(job->args, "cross-search"))
            fputs("--cross-search needs all rows in memory: passed over\n", stderr);
        return wn_ctr_settle(job->m, why);
    }
    wn_rc rc = job->told.time.n ? sort_rows(job, why) : WN_OK;
    if (!rc)
        rc = fit(job, why);
    return rc ? rc : search(job, why);
}

/* ---- report -----------------------------------------------------------------------------------
 */

struct ranked {
    uint32_t field;
    double importance;
};

static int by_importance(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->importance != y->importance)
        return x->importance > y->importance ? -1 : 1;
    return x->field < y->field ? -1 : x->field > y->field;
}

static struct ranked *rank_fields(struct train_job *job, uint32_t *n)
{
    struct wn_ctr_field_report f;
    *n = wn_ctr_n_fields(job->m);
    struct ranked *ranked = WN_ARENA_ARRAY(&job->a, *n, struct ranked);
    for (uint32_t i = 0; ranked && i < *n; i++) {
        wn_ctr_field_report(job->m, i, &f);
        ranked[i] = (struct ranked){i, f.importance};
    }
    if (ranked && *n)
        qsort(ranked, *n, sizeof *ranked, by_importance);
    return ranked;
}

static void report_text(struct train_job *job, const struct wn_ctr_report *r, struct wn_buf *out)
{
    double rate = r->views > 0 ? r->clicks / r->views : 0;
    wn_buf_printf(out, "learned from    %llu rows, %.0f views, %.0f clicks (%.3g %%)\n",
                  (unsigned long long)r->n_rows, r->views, r->clicks, 100 * rate);
    wn_buf_printf(out, "values known    %llu in %.1f MB%s\n", (unsigned long long)r->n_slots_used,
                  (double)r->size_bytes / 1e6,
                  r->n_forgotten ? "; the table is full: more --bits" : "");
    if (r->has_scores) {
        wn_buf_append_z(out, r->is_fitted
                                 ? "\nRows predicted by models that had not seen them:\n"
                                 : "\nThe newest rows, predicted before they were learned:\n");
        wn_ctr_scores_print(out, &r->scores);
        wn_buf_printf(out, "calibration     %s\n", wn_ctr_calibration_name(r->calibration));
    }
    if (r->weight_machine > 0)
        wn_buf_printf(out, "blend           %.2f linear + %.2f factorization machine\n",
                      r->weight_linear, r->weight_machine);
    uint32_t n;
    const struct ranked *ranked = rank_fields(job, &n);
    wn_buf_append_z(out, "\nWhat drives it, by how far it moves the log-odds:\n");
    for (uint32_t i = 0; ranked && i < n && i < 20; i++)
        wn_buf_printf(out, "%10.4f  %.*s\n", ranked[i].importance,
                      WN_STR_ARG(wn_ctr_field_name(job->m, ranked[i].field)));
    if (job->told.numeric.n)
        wn_buf_printf(out, "\ncolumns of numbers: %.*s\n", WN_STR_ARG(job->told.numeric));
}

static void json_f64(struct wn_json_writer *w, const char *key, double value)
{
    wn_json_key(w, key);
    wn_json_f64(w, value);
}

static void report_json(struct train_job *job, const struct wn_ctr_report *r, struct wn_buf *out)
{
    struct wn_json_writer w;
    struct wn_ctr_field_report f;
    uint32_t n;
    const struct ranked *ranked = rank_fields(job, &n);
    wn_json_write_init(&w, out, 0);
    wn_json_begin_object(&w);
    json_f64(&w, "rows", (double)r->n_rows);
    json_f64(&w, "views", r->views);
    json_f64(&w, "clicks", r->clicks);
    json_f64(&w, "values_known", (double)r->n_slots_used);
    json_f64(&w, "values_forgotten", (double)r->n_forgotten);
    json_f64(&w, "memory_bytes", (double)r->size_bytes);
    wn_json_key(&w, "learned");
    wn_json_text_z(&w, r->is_fitted ? "all" : "stream");
    wn_json_key(&w, "calibration");
    wn_json_text_z(&w, wn_ctr_calibration_name(r->calibration));
    json_f64(&w, "weight_linear", r->weight_linear);
    json_f64(&w, "weight_machine", r->weight_machine);
    if (r->progressive_views > 0)
        json_f64(&w, "progressive_log_loss", r->progressive_log_loss);
    wn_json_key(&w, "scores");
    if (r->has_scores) {
        wn_json_begin_object(&w);
        wn_ctr_scores_json(&w, &r->scores);
        wn_json_end(&w);
    } else {
        wn_json_null(&w);
    }
    wn_json_key(&w, "fields");
    wn_json_begin_array(&w);
    for (uint32_t i = 0; ranked && i < n; i++) {
        wn_ctr_field_report(job->m, ranked[i].field, &f);
        wn_json_begin_object(&w);
        wn_json_key(&w, "field");
        wn_json_text(&w, wn_ctr_field_name(job->m, ranked[i].field));
        json_f64(&w, "importance", f.importance);
        json_f64(&w, "variance", f.variance);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(out, '\n');
}

static wn_rc report(struct train_job *job, struct wn_why *why)
{
    struct wn_ctr_report r;
    struct wn_buf out;
    wn_buf_init(&out, REPORT_BYTES_MAX);
    wn_ctr_report(job->m, &r);
    if (wn_args_flag(job->args, "json"))
        report_json(job, &r, &out);
    else
        report_text(job, &r, &out);
    wn_rc rc = wn_output_write(job->args, &out, why);
    wn_buf_deinit(&out);
    return rc;
}

wn_rc wn_ctr_train(const struct wn_args *args, struct wn_why *why)
{
    struct train_job job = {.args = args, .next_line = 1024};
    struct wn_ctr_input_options input;
    const char *path = wn_args_z(args, "model");
    if (!path)
        return wn_fail(why, WN_INVALID, "model", "say where the model goes: --model FILE");
    wn_arena_init(&job.a, 0);
    wn_arena_init(&job.rows_arena, 0);
    wn_rc rc = wn_ctr_input_options_read(args, &input, why);
    if (!rc)
        rc = model_get(&job, why);
    if (!rc) {
        input.is_training = input.wants_label = true;
        if (job.is_update)
            wn_ctr_note_read(job.m, &input);
        rc = wn_ctr_input_run(&input, job.m, &job.a, on_line, &job, &job.told, why);
    }
    if (!rc)
        rc = finish(&job, why);
    if (!rc)
        rc = wn_ctr_note_write(job.m, &job.told, why);
    if (!rc)
        rc = wn_ctr_model_write(path, job.m, why);
    if (!rc)
        rc = report(&job, why);
    forget_rows(&job);
    wn_ctr_free(job.m);
    wn_arena_deinit(&job.a);
    return rc;
}
