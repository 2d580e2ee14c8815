/* winnow detect: rows, moments and causes as CSV and as JSON. */
#include "cli/detect_job.h"
#include "core/json.h"

#include <math.h>

void detect_print_header(struct detect_job *job)
{
    if (job->json)
        return;
    if (job->explain) {
        wn_buf_append_z(&job->text, "timestamp,value,expected,low,high,score,is_anomaly,severity,"
                                    "causes\n");
        return;
    }
    for (int i = 0; i < job->n_columns; i++)
        wn_csv_write_field(&job->text, job->names[i], i == 0);
    wn_buf_append_z(&job->text, ",expected,low,high,score,is_anomaly,severity\n");
}

static void print_number(struct wn_buf *out, double v)
{
    wn_buf_printf(out, "%.8g", v);
}

static void print_answer(struct wn_buf *out, const struct wn_detect_result *r)
{
    const double band[3] = {r->expected, r->low, r->high};
    for (int i = 0; i < 3; i++) {
        wn_buf_append_char(out, ',');
        if (r->has_band)
            print_number(out, band[i]);
    }
    wn_buf_printf(out, ",%.4f,%d,%s", r->score, r->is_anomaly, wn_severity_name(r->severity));
}

static void write_answer_json(struct wn_json_writer *w, const struct wn_detect_result *r)
{
    static const char *const names[3] = {"expected", "low", "high"};
    const double band[3] = {r->expected, r->low, r->high};
    for (int i = 0; i < 3; i++) {
        wn_json_key(w, names[i]);
        if (r->has_band)
            wn_json_f64(w, band[i]);
        else
            wn_json_null(w);
    }
    wn_json_key(w, "score");
    wn_json_f64(w, r->score);
    wn_json_key(w, "is_anomaly");
    wn_json_bool(w, r->is_anomaly);
    wn_json_key(w, "severity");
    wn_json_text_z(w, wn_severity_name(r->severity));
    if (r->is_anomaly) {
        wn_json_key(w, "reason");
        wn_json_text_z(w, wn_detect_view_name(r->top_view));
    }
}

void detect_print_row(struct detect_job *job, const struct wn_csv_record *r,
                      const struct wn_detect_result *result, double value)
{
    if (!job->json) {
        for (size_t i = 0; i < r->n_fields; i++) {
            bool is_missing = (int)i == job->at_value && !isfinite(value);
            wn_csv_write_field(&job->text, is_missing ? WN_STR("") : r->fields[i], i == 0);
        }
        print_answer(&job->text, result);
        wn_buf_append_char(&job->text, '\n');
        return;
    }
    struct wn_json_writer w;
    wn_json_write_init(&w, &job->text, 0);
    wn_json_begin_object(&w);
    if (job->at_series >= 0) {
        wn_json_key(&w, "series");
        wn_json_text(&w, r->fields[job->at_series]);
    }
    wn_json_key(&w, "timestamp");
    wn_json_text(&w, r->fields[job->at_ts]);
    wn_json_key(&w, "value");
    wn_json_f64(&w, value);
    write_answer_json(&w, result);
    wn_json_end(&w);
    wn_buf_append_char(&job->text, '\n');
}

static void print_cause(struct detect_job *job, const struct wn_cause *c)
{
    struct wn_explain *e = &job->why_moved;
    struct wn_buf b;
    wn_buf_init(&b, 1 << 16);
    if (c->has_inside)
        wn_buf_printf(&b, "%s=%.*s & ", e->names[c->inside],
                      WN_STR_ARG(wn_explain_value(e, c->inside, c->inside_id)));
    wn_buf_printf(&b, "%s=", e->names[c->dimension]);
    for (uint32_t k = 0; k < c->n_elements; k++)
        wn_buf_printf(&b, "%s%.*s", k ? "|" : "",
                      WN_STR_ARG(wn_explain_value(e, c->dimension, c->elements[k].id)));
    wn_buf_printf(&b, " (%.0f%% of the change)", 100 * c->power);
    wn_buf_append(&job->text, wn_buf_str(&b));
    wn_buf_deinit(&b);
}

static void write_cause_json(struct detect_job *job, struct wn_json_writer *w,
                             const struct wn_cause *c)
{
    struct wn_explain *e = &job->why_moved;
    wn_json_begin_object(w);
    wn_json_key(w, "dimension");
    wn_json_text_z(w, e->names[c->dimension]);
    if (c->has_inside) {
        wn_json_key(w, "inside");
        wn_json_begin_object(w);
        wn_json_key(w, e->names[c->inside]);
        wn_json_text(w, wn_explain_value(e, c->inside, c->inside_id));
        wn_json_end(w);
    }
    wn_json_key(w, "share_of_change");
    wn_json_f64(w, c->power);
    wn_json_key(w, "surprise");
    wn_json_f64(w, c->surprise);
    wn_json_key(w, "p_value");
    wn_json_f64(w, c->p_value);
    wn_json_key(w, "values");
    wn_json_begin_array(w);
    for (uint32_t k = 0; k < c->n_elements; k++) {
        const struct wn_cause_element *x = &c->elements[k];
        wn_json_begin_object(w);
        wn_json_key(w, "value");
        wn_json_text(w, wn_explain_value(e, c->dimension, x->id));
        wn_json_key(w, "share_of_change");
        wn_json_f64(w, x->power);
        wn_json_key(w, "expected");
        wn_json_f64(w, x->forecast);
        wn_json_key(w, "actual");
        wn_json_f64(w, x->actual);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_end(w);
}

void detect_print_moment(struct detect_job *job, double total, const struct wn_detect_result *r,
                         const struct wn_cause_report *causes)
{
    size_t n = causes->n_causes < 3 ? causes->n_causes : 3;
    if (!job->json) {
        wn_csv_write_field(&job->text, job->moment_text, true);
        wn_buf_append_char(&job->text, ',');
        print_number(&job->text, total);
        print_answer(&job->text, r);
        wn_buf_append_char(&job->text, ',');
        struct wn_buf kept = job->text; /* the causes become one field, quoted as it must be */
        wn_buf_init(&job->text, 1 << 18);
        for (size_t i = 0; i < n; i++) {
            wn_buf_append_z(&job->text, i ? "; " : "");
            print_cause(job, &causes->causes[i]);
        }
        struct wn_buf field = job->text;
        job->text = kept;
        if (field.n)
            wn_csv_write_field(&job->text, wn_buf_str(&field), true);
        wn_buf_deinit(&field);
        wn_buf_append_char(&job->text, '\n');
        return;
    }
    struct wn_json_writer w;
    wn_json_write_init(&w, &job->text, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "timestamp");
    wn_json_text(&w, job->moment_text);
    wn_json_key(&w, "value");
    wn_json_f64(&w, total);
    write_answer_json(&w, r);
    if (r->is_anomaly) {
        wn_json_key(&w, "causes");
        wn_json_begin_array(&w);
        for (size_t i = 0; i < n; i++)
            write_cause_json(job, &w, &causes->causes[i]);
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_buf_append_char(&job->text, '\n');
}
