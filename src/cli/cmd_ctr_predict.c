/* winnow ctr predict and evaluate: rows and a model in, probabilities or their scores out. */
#include "cli/cmd_ctr_int.h"
#include "cli/output.h"
#include "core/csv.h"
#include "core/num.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_CHUNK_BYTES = 1 << 16 };

struct predict_job {
    const struct wn_args *args;
    struct wn_ctr *m;
    struct wn_ctr_told told;
    struct wn_arena a;
    /* predict */
    FILE *out;
    struct wn_buf text;
    bool json, reader_left, has_header;
    size_t n_because;
    struct wn_ctr_reason *reasons; /* arena [n_because] */
    uint64_t n_rows;
    /* evaluate */
    double *p, *clicks, *views;
    size_t n, n_max;
};

static wn_rc job_open(struct predict_job *job, struct wn_ctr_input_options *input,
                      struct wn_why *why)
{
    const char *path = wn_args_z(job->args, "model");
    wn_arena_init(&job->a, 0);
    if (!path)
        return wn_fail(why, WN_INVALID, "model", "name the model with --model FILE");
    wn_rc rc = wn_ctr_input_options_read(job->args, input, why);
    if (!rc)
        rc = wn_ctr_model_read(path, &job->m, why);
    if (!rc)
        wn_ctr_note_read(job->m, input);
    return rc;
}

/* Columns that the model was never told of: perhaps a misspelt header. */
static void tell_unused(const struct predict_job *job)
{
    if (job->told.unused.n)
        fprintf(stderr, "columns that the model does not know, passed over: %.*s\n",
                WN_STR_ARG(job->told.unused));
}

static void job_close(struct predict_job *job)
{
    if (job->out && job->out != stdout)
        fclose(job->out);
    wn_buf_deinit(&job->text);
    free(job->p);
    free(job->clicks);
    free(job->views);
    wn_ctr_free(job->m);
    wn_arena_deinit(&job->a);
}

/* ---- output ----------------------------------------------------------------------------------
 */

static wn_rc output_open(const char *path, FILE **out, struct wn_why *why)
{
    *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (!*out)
        return wn_fail(why, WN_IO, "output", "cannot write %s: %s", path, strerror(errno));
    return WN_OK;
}

/* Writes and empties text. CANCELLED, with *reader_left, when nobody reads any more. */
static wn_rc output_flush(FILE *out, struct wn_buf *text, bool *reader_left, struct wn_why *why)
{
    wn_rc rc = wn_buf_check(text, why);
    if (!rc && text->n && (fwrite(text->p, 1, text->n, out) != text->n || fflush(out) != 0)) {
        *reader_left = errno == EPIPE; /* who reads may have seen enough */
        rc = *reader_left ? WN_CANCELLED
                          : wn_fail(why, WN_IO, "output", "writing failed: %s", strerror(errno));
    }
    wn_buf_reset(text);
    return rc;
}

/* ---- predict ----------------------------------------------------------------------------------
 */

/* The text of a row's field; of a cross both, joined. */
static void put_cell(struct wn_buf *out, const struct wn_ctr_line *line, uint32_t field)
{
    for (size_t i = 0; i < line->row.n_features; i++)
        if (line->row.features[i].field == field) {
            wn_buf_append(out, line->cells[i].n ? line->cells[i] : WN_STR("(none)"));
            return;
        }
    wn_buf_append_z(out, "(none)");
}

/* "device=mobile", "device*hour=mobile*07", "starting rate". */
static void put_reason(struct wn_buf *out, const struct predict_job *job,
                       const struct wn_ctr_line *line, const struct wn_ctr_reason *r)
{
    uint32_t a, b;
    if (r->field == WN_CTR_NONE) {
        wn_buf_append_z(out, "starting rate");
        return;
    }
    wn_buf_append(out, wn_ctr_field_name(job->m, r->field));
    wn_buf_append_char(out, '=');
    if (!wn_ctr_field_cross(job->m, r->field, &a, &b)) {
        put_cell(out, line, r->field);
        return;
    }
    put_cell(out, line, a);
    wn_buf_append_char(out, '*');
    put_cell(out, line, b);
}

static void put_csv(struct predict_job *job, const struct wn_ctr_line *line,
                    const struct wn_ctr_prediction *p, size_t n_reasons)
{
    struct wn_buf *out = &job->text, because;
    char number[WN_NUM_TEXT_MAX];
    if (!job->has_header) {
        job->has_header = true;
        wn_csv_write_field(out, job->told.id.n ? job->told.id : WN_STR("row"), true);
        wn_buf_append_z(out, job->n_because ? ",p,low,high,because\n" : ",p,low,high\n");
    }
    if (line->id.n || job->told.id.n)
        wn_csv_write_field(out, line->id, true);
    else
        wn_buf_printf(out, "%llu", (unsigned long long)job->n_rows);
    const double values[] = {p->p, p->low, p->high};
    for (size_t i = 0; i < 3; i++) {
        wn_buf_append_char(out, ',');
        wn_buf_append(out, (struct wn_str){number, wn_print_f64(values[i], number)});
    }
    if (job->n_because) {
        wn_buf_init(&because, 1 << 24);
        for (size_t i = 0; i < n_reasons; i++) {
            wn_buf_append_z(&because, i ? "; " : "");
            put_reason(&because, job, line, &job->reasons[i]);
            wn_buf_printf(&because, " x%.3g%s", job->reasons[i].odds,
                          job->reasons[i].is_new ? " (new)" : "");
        }
        wn_csv_write_field(out, wn_buf_str(&because), false);
        wn_buf_deinit(&because);
    }
    wn_buf_append_char(out, '\n');
}

static void put_json(struct predict_job *job, const struct wn_ctr_line *line,
                     const struct wn_ctr_prediction *p, size_t n_reasons)
{
    struct wn_json_writer w;
    struct wn_buf what;
    wn_json_write_init(&w, &job->text, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "row");
    wn_json_i64(&w, (int64_t)job->n_rows);
    if (line->id.n) {
        wn_json_key(&w, "id");
        wn_json_text(&w, line->id);
    }
    wn_json_key(&w, "p");
    wn_json_f64(&w, p->p);
    wn_json_key(&w, "low");
    wn_json_f64(&w, p->low);
    wn_json_key(&w, "high");
    wn_json_f64(&w, p->high);
    wn_json_key(&w, "p_base");
    wn_json_f64(&w, p->p_base);
    wn_json_key(&w, "new_values");
    wn_json_i64(&w, p->n_new);
    if (job->n_because) {
        wn_json_key(&w, "because");
        wn_json_begin_array(&w);
        for (size_t i = 0; i < n_reasons; i++) {
            const struct wn_ctr_reason *r = &job->reasons[i];
            wn_buf_init(&what, 1 << 24);
            put_reason(&what, job, line, r);
            wn_json_begin_object(&w);
            wn_json_key(&w, "what");
            wn_json_text(&w, wn_buf_str(&what));
            wn_json_key(&w, "odds");
            wn_json_f64(&w, r->odds);
            wn_json_key(&w, "low");
            wn_json_f64(&w, r->low);
            wn_json_key(&w, "high");
            wn_json_f64(&w, r->high);
            wn_json_key(&w, "is_new");
            wn_json_bool(&w, r->is_new);
            wn_json_end(&w);
            wn_buf_deinit(&what);
        }
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_buf_append_char(&job->text, '\n');
}

static wn_rc predict_line(void *context, const struct wn_ctr_line *line, struct wn_why *why)
{
    struct predict_job *job = context;
    struct wn_ctr_prediction p;
    const struct wn_ctr_row *row = &line->row;
    if (job->n_rows++ == 0)
        tell_unused(job);
    wn_ctr_predict(job->m, row->features, row->n_features, row->offset, &p);
    size_t n = job->n_because ? wn_ctr_explain(job->m, row->features, row->n_features, row->offset,
                                               job->reasons, job->n_because)
                              : 0;
    if (job->json)
        put_json(job, line, &p, n);
    else
        put_csv(job, line, &p, n);
    return job->text.n < OUTPUT_CHUNK_BYTES
               ? WN_OK
               : output_flush(job->out, &job->text, &job->reader_left, why);
}

wn_rc wn_ctr_predict_rows(const struct wn_args *args, struct wn_why *why)
{
    struct predict_job job = {.args = args, .json = wn_args_flag(args, "json")};
    struct wn_ctr_input_options input;
    wn_buf_init(&job.text, 1 << 28);
    wn_rc rc = job_open(&job, &input, why);
    if (!rc)
        rc = output_open(wn_args_z(args, "output"), &job.out, why);
    if (!rc) {
        job.n_because = (size_t)wn_args_int(args, "because");
        job.reasons = WN_ARENA_ARRAY(&job.a, job.n_because, struct wn_ctr_reason);
        if (!job.reasons)
            rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    if (!rc) {
        input.wants_cells = job.n_because > 0;
        rc = wn_ctr_input_run(&input, job.m, &job.a, predict_line, &job, &job.told, why);
    }
    if (!rc)
        rc = output_flush(job.out, &job.text, &job.reader_left, why);
    job_close(&job);
    return job.reader_left ? WN_OK : rc;
}

/* ---- evaluate ---------------------------------------------------------------------------------
 */

void wn_ctr_scores_print(struct wn_buf *out, const struct wn_ctr_scores *s)
{
    double gain = s->log_loss_base > 0 ? 100 * (1 - s->log_loss / s->log_loss_base) : 0;
    wn_buf_printf(out, "views, clicks   %.0f, %.0f\n", s->views, s->clicks);
    wn_buf_printf(out, "log loss        %.6f; of the mean rate %.6f", s->log_loss,
                  s->log_loss_base);
    if (s->clicks > 0 && s->clicks < s->views)
        wn_buf_printf(out, ": %.2f %% %s", fabs(gain), gain < 0 ? "WORSE" : "better");
    wn_buf_append_char(out, '\n');
    wn_buf_printf(out, "AUC             %.4f\n", s->auc);
    wn_buf_printf(out, "predicted       %.4f x the clicks observed\n", s->ratio);
    wn_buf_printf(out, "calibration     off by %.5f; chance alone would make it %.5f\n", s->ece,
                  s->ece_chance);
    wn_buf_append_z(out, "\n       views   predicted    observed\n");
    for (size_t i = 0; i < WN_CTR_BINS; i++)
        if (s->bins[i].views > 0)
            wn_buf_printf(out, "%12.0f %11.5f %11.5f\n", s->bins[i].views, s->bins[i].predicted,
                          s->bins[i].observed);
}

void wn_ctr_scores_json(struct wn_json_writer *w, const struct wn_ctr_scores *s)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"views", s->views},       {"clicks", s->clicks},
                   {"log_loss", s->log_loss}, {"log_loss_base", s->log_loss_base},
                   {"auc", s->auc},           {"predicted_to_observed", s->ratio},
                   {"ece", s->ece},           {"ece_chance", s->ece_chance}};
    for (size_t i = 0; i < WN_COUNT(numbers); i++) {
        wn_json_key(w, numbers[i].key);
        wn_json_f64(w, numbers[i].value);
    }
    wn_json_key(w, "bins");
    wn_json_begin_array(w);
    for (size_t i = 0; i < WN_CTR_BINS; i++) {
        if (!(s->bins[i].views > 0))
            continue;
        wn_json_begin_object(w);
        wn_json_key(w, "views");
        wn_json_f64(w, s->bins[i].views);
        wn_json_key(w, "predicted");
        wn_json_f64(w, s->bins[i].predicted);
        wn_json_key(w, "observed");
        wn_json_f64(w, s->bins[i].observed);
        wn_json_end(w);
    }
    wn_json_end(w);
}

static bool grow(double **column, size_t n_max)
{
    double *grown = realloc(*column, n_max * sizeof *grown);
    *column = grown ? grown : *column;
    return grown != NULL;
}

static wn_rc evaluate_line(void *context, const struct wn_ctr_line *line, struct wn_why *why)
{
    struct predict_job *job = context;
    struct wn_ctr_prediction p;
    const struct wn_ctr_row *row = &line->row;
    if (job->n == 0)
        tell_unused(job);
    if (job->n == job->n_max) {
        size_t n_max = job->n_max ? 2 * job->n_max : 4096;
        if (!grow(&job->p, n_max) || !grow(&job->clicks, n_max) || !grow(&job->views, n_max))
            return wn_fail(why, WN_MEMORY, NULL, "there is no memory for more rows");
        job->n_max = n_max;
    }
    wn_ctr_predict(job->m, row->features, row->n_features, row->offset, &p);
    job->p[job->n] = p.p;
    job->clicks[job->n] = row->clicks;
    job->views[job->n++] = row->views;
    return WN_OK;
}

static wn_rc write_scores(struct predict_job *job, const struct wn_ctr_scores *s,
                          struct wn_why *why)
{
    struct wn_json_writer w;
    if (wn_args_flag(job->args, "json")) {
        wn_json_write_init(&w, &job->text, 0);
        wn_json_begin_object(&w);
        wn_ctr_scores_json(&w, s);
        wn_json_end(&w);
        wn_buf_append_char(&job->text, '\n');
    } else {
        wn_ctr_scores_print(&job->text, s);
    }
    return wn_output_write(job->args, &job->text, why);
}

wn_rc wn_ctr_evaluate(const struct wn_args *args, struct wn_why *why)
{
    struct predict_job job = {.args = args};
    struct wn_ctr_input_options input;
    struct wn_ctr_scores scores;
    wn_buf_init(&job.text, 1 << 24);
    wn_rc rc = job_open(&job, &input, why);
    if (!rc) {
        input.wants_label = true;
        rc = wn_ctr_input_run(&input, job.m, &job.a, evaluate_line, &job, &job.told, why);
    }
    if (!rc)
        rc = wn_ctr_score(job.p, job.clicks, job.views, job.n, &scores, why);
    if (!rc)
        rc = write_scores(&job, &scores, why);
    job_close(&job);
    return rc;
}
