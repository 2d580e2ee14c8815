/* Advertising exports in: look, try, take in; and how it went. */
#include "serve/handlers.h"

#include "core/date.h"
#include "core/num.h"
#include "serve/import_jobs.h"
#include "serve/serve_int.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIST_LIMIT_DEFAULT = 100, NAME_BYTES_MAX = 255, ACCOUNT_BYTES_MAX = 200 };

wn_rc wn_handle_import_options(struct wn_call *call, struct wn_why *why)
{
    struct wn_call_json json;
    struct wn_json_writer *w = &json.w;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(w);
    wn_json_key(w, "formats");
    wn_json_begin_array(w);
    for (size_t i = 0; i < wn_n_import_formats; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "name");
        wn_json_text_z(w, wn_import_formats[i].name);
        wn_json_key(w, "label");
        wn_json_text_z(w, wn_import_formats[i].label);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "fields");
    wn_json_begin_array(w);
    for (size_t i = 0; i < wn_n_import_fields; i++) {
        wn_json_begin_object(w);
        wn_json_key(w, "name");
        wn_json_text_z(w, wn_import_fields[i].name);
        wn_json_key(w, "label");
        wn_json_text_z(w, wn_import_fields[i].label);
        wn_json_key(w, "help");
        wn_json_text_z(w, wn_import_fields[i].help);
        wn_json_end(w);
    }
    wn_json_end(w);
    wn_json_key(w, "max_bytes");
    wn_json_i64(w, (int64_t)WN_IMPORT_BYTES_MAX);
    wn_json_end(w);
    return wn_call_json_end(call, &json, why);
}

/* ---- what was asked --------------------------------------------------------------------------- */

typedef enum mode { MODE_IMPORT, MODE_INSPECT, MODE_DRY_RUN } mode;

struct import_form {
    mode mode;
    struct wn_import_options options;
};

static wn_rc read_mode(struct wn_str text, mode *out, struct wn_why *why)
{
    static const char *const names[] = {"import", "inspect", "dry_run"};
    for (size_t i = 0; i < WN_COUNT(names); i++)
        if (wn_str_eq(text, wn_str_of(names[i]))) {
            *out = (mode)i;
            return WN_OK;
        }
    return wn_fail(why, WN_INVALID, "mode", "mode is '%.*s': give inspect, dry_run or import",
                   WN_STR_ARG(wn_str_slice(text, 0, 64)));
}

static wn_rc check_format(struct wn_str text, struct wn_why *why)
{
    if (!text.n || wn_str_eq(text, WN_STR("auto")))
        return WN_OK;
    for (size_t i = 0; i < wn_n_import_formats; i++)
        if (wn_str_eq(text, wn_str_of(wn_import_formats[i].name)))
            return WN_OK;
    return wn_fail(why, WN_INVALID, "format",
                   "there is no format '%.*s'; /api/v1/imports/options lists them",
                   WN_STR_ARG(wn_str_slice(text, 0, 64)));
}

static wn_rc check_currency(struct wn_str text, struct wn_why *why)
{
    bool good = text.n == 0 || text.n == 3;
    for (size_t i = 0; good && i < text.n; i++)
        good = text.p[i] >= 'A' && text.p[i] <= 'Z';
    return good ? WN_OK
                : wn_fail(why, WN_INVALID, "currency",
                          "currency must be three capital letters, like USD");
}

static wn_rc check_options(const struct wn_import_options *o, struct wn_why *why)
{
    int32_t day;
    wn_rc rc = check_format(o->format, why);
    if (!rc)
        rc = check_currency(o->currency, why);
    if (!rc && o->day.n && !wn_parse_day(o->day, &day))
        rc = wn_fail(why, WN_INVALID, "day", "day is '%.*s', which is no day: give YYYY-MM-DD",
                     WN_STR_ARG(wn_str_slice(o->day, 0, 64)));
    if (!rc && o->account.n > ACCOUNT_BYTES_MAX)
        rc = wn_fail(why, WN_INVALID, "account", "account is longer than %d bytes",
                     ACCOUNT_BYTES_MAX);
    return rc;
}

/* The last part of a name that may come with directories, of either system. */
static struct wn_str base_name(struct wn_str name)
{
    size_t start = 0;
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '/' || name.p[i] == '\\')
            start = i + 1;
    name = wn_str_slice(name, start, name.n);
    /* Cut before a character, not within one. */
    while (name.n > NAME_BYTES_MAX || !wn_str_utf8_valid(name, NULL)) {
        if (name.n == 0)
            break;
        name.n--;
    }
    return name;
}

static wn_rc unknown_field(struct wn_call *call, struct wn_str name, struct wn_why *why)
{
    static const char *const names[] = {"file",    "mode",     "format", "map",
                                        "account", "currency", "day"};
    struct wn_str shown =
        wn_arena_printf(call->a, "%.*s", (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");
    const char *near = wn_nearest_name(name, names, WN_COUNT(names));
    const char *z = shown.p ? shown.p : "";
    if (near)
        return wn_fail(why, WN_INVALID, z, "there is no form field '%s'; did you mean '%s'?", z,
                       near);
    return wn_fail(why, WN_INVALID, z,
                   "there is no form field '%s'; this call knows file, mode, format, map, account, "
                   "currency, day",
                   z);
}

static wn_rc read_form(struct wn_call *call, struct import_form *form, struct wn_why *why)
{
    struct wn_http_request *r = call->request;
    struct wn_import_options *o = &form->options;
    struct wn_str mode_text = WN_STR("import");
    struct {
        const char *name;
        struct wn_str *out;
        bool is_given;
    } fields[] = {{"mode", &mode_text, false},       {"format", &o->format, false},
                  {"map", &o->map, false},           {"account", &o->account, false},
                  {"currency", &o->currency, false}, {"day", &o->day, false}};
    for (size_t i = 0; i < r->n_form; i++) {
        size_t k = 0;
        while (k < WN_COUNT(fields) && !wn_str_eq(r->form[i].name, wn_str_of(fields[k].name)))
            k++;
        if (k == WN_COUNT(fields))
            return unknown_field(call, r->form[i].name, why);
        if (fields[k].is_given)
            return wn_fail(why, WN_INVALID, fields[k].name, "%s is given twice", fields[k].name);
        if (!wn_str_utf8_valid(r->form[i].value, NULL))
            return wn_fail(why, WN_INVALID, fields[k].name, "%s is not valid UTF-8",
                           fields[k].name);
        fields[k].is_given = true;
        *fields[k].out = wn_str_trim(r->form[i].value);
    }
    if (r->file.fd < 0)
        return wn_fail(why, WN_INVALID, "file",
                       "the form has no file: send it as the field 'file'");
    o->file_name = base_name(r->file_name);
    wn_rc rc = read_mode(mode_text, &form->mode, why);
    if (!rc)
        rc = check_options(o, why);
    return rc;
}

/* ---- POST ------------------------------------------------------------------------------------- */

static bool go_on(void *context, uint64_t bytes_done, uint64_t bytes_total, uint64_t n_rows)
{
    (void)bytes_done;
    (void)bytes_total;
    (void)n_rows;
    return !wn_http_cancelled(context);
}

static wn_rc answer_summary(struct wn_call *call, struct import_form *form, struct wn_why *why)
{
    struct wn_import_source source = wn_import_source_of(&call->request->file);
    struct wn_import_summary summary = {0};
    struct wn_import_stores stores = {.facts = call->app->facts,
                                      .catalog = call->app->catalog,
                                      .tenant_id = call->tenant_id,
                                      .now_ms = call->now_ms};
    wn_rc rc;
    if (form->mode == MODE_INSPECT) {
        rc = wn_import_inspect(&source, &form->options, call->a, &summary, why);
    } else {
        form->options.dry_run = true;
        rc = wn_import_run(&stores, &source, &form->options, go_on, call->request, call->a,
                           &summary, why);
    }
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_import_summary_json(&json.w, &summary);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_import_create(struct wn_call *call, struct wn_why *why)
{
    struct import_form form = {0};
    int64_t import_id = 0;
    wn_rc rc = read_form(call, &form, why);
    if (rc)
        return rc;
    if (form.mode != MODE_IMPORT)
        return answer_summary(call, &form, why);
    rc = wn_import_jobs_add(call->app->import_jobs, &call->request->file, &form.options,
                            call->now_ms, &import_id, why);
    if (rc)
        return rc;
    struct wn_str location = wn_arena_printf(call->a, "/api/v1/imports/%" PRId64, import_id);
    if (location.p)
        wn_http_set_header(call->response, WN_STR("Location"), location);
    call->response->status = 202;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "import_id");
    wn_json_i64(&json.w, import_id);
    wn_json_key(&json.w, "state");
    wn_json_text_z(&json.w, wn_import_state_name(WN_IMPORT_RUNNING));
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

/* ---- GET -------------------------------------------------------------------------------------- */

static void write_summary(struct wn_json_writer *w, const struct wn_import_record *record)
{
    wn_json_key(w, "summary");
    if (record->state != WN_IMPORT_RUNNING && record->summary_json.n)
        wn_json_raw(w, record->summary_json);
    else
        wn_json_null(w);
}

static void write_progress(struct wn_json_writer *w, const struct wn_import_job_view *job)
{
    wn_json_key(w, "progress");
    if (!job) {
        wn_json_null(w);
        return;
    }
    wn_json_begin_object(w);
    wn_json_key(w, "bytes_done");
    wn_json_i64(w, (int64_t)job->bytes_done);
    wn_json_key(w, "bytes_total");
    wn_json_i64(w, (int64_t)job->bytes_total);
    wn_json_key(w, "n_rows");
    wn_json_i64(w, (int64_t)job->n_rows);
    wn_json_end(w);
}

/* The reason of a failure that this process has forgotten stands in the summary. */
static void recall(const struct wn_call *call, const struct wn_import_record *record,
                   struct wn_why *why)
{
    struct wn_json *summary = NULL;
    struct wn_str message = {0};
    if (wn_json_parse(call->a, record->summary_json, &summary, NULL) ||
        wn_json_get_text(summary, "message", &message, NULL) || !message.n)
        message = WN_STR("the import did not end and nothing was stored; import the file again");
    snprintf(why->text, sizeof why->text, "%.*s", WN_STR_ARG(message));
}

static void write_problem(struct wn_json_writer *w, const struct wn_call *call,
                          const struct wn_import_record *record,
                          const struct wn_import_job_view *job)
{
    wn_json_key(w, "problem");
    if (record->state != WN_IMPORT_FAILED) {
        wn_json_null(w);
        return;
    }
    struct wn_why why = {0};
    wn_rc rc = WN_INVALID;
    if (job && job->rc) {
        rc = job->rc;
        why = job->why;
    } else {
        recall(call, record, &why);
    }
    wn_problem_write(w, wn_rc_http_status(rc), rc, &why, call->request->path, call->request->id);
}

wn_rc wn_handle_import(struct wn_call *call, struct wn_why *why)
{
    int64_t import_id = 0;
    struct wn_import_job_view job = {0};
    struct wn_import_record record;
    if (!wn_parse_i64(call->path_args[0], &import_id) || import_id < 1)
        return wn_fail(why, WN_INVALID, "import_id", "import_id must be a whole number from 1 on");
    /* The job first: when it is seen to have ended, the record is final. */
    bool has_job = wn_import_jobs_get(call->app->import_jobs, import_id, &job);
    wn_rc rc =
        wn_catalog_import(call->app->catalog, call->tenant_id, import_id, call->a, &record, why);
    if (rc == WN_NOT_FOUND)
        return wn_fail(why, WN_NOT_FOUND, "import_id", "there is no import %" PRId64, import_id);
    if (rc)
        return rc;
    bool runs = record.state == WN_IMPORT_RUNNING;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "import_id");
    wn_json_i64(&json.w, import_id);
    wn_json_key(&json.w, "state");
    wn_json_text_z(&json.w, wn_import_state_name(record.state));
    write_progress(&json.w, has_job && runs ? &job : NULL);
    write_summary(&json.w, &record);
    write_problem(&json.w, call, &record, has_job ? &job : NULL);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

wn_rc wn_handle_imports(struct wn_call *call, struct wn_why *why)
{
    struct wn_import_record *records = NULL;
    size_t n = 0;
    size_t limit = (size_t)wn_call_int(call, "limit", LIST_LIMIT_DEFAULT);
    wn_rc rc =
        wn_catalog_imports(call->app->catalog, call->tenant_id, limit, call->a, &records, &n, why);
    if (rc)
        return rc;
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "imports");
    wn_json_begin_array(&json.w);
    for (size_t i = 0; i < n; i++) {
        wn_json_begin_object(&json.w);
        wn_json_key(&json.w, "import_id");
        wn_json_i64(&json.w, records[i].import_id);
        wn_json_key(&json.w, "state");
        wn_json_text_z(&json.w, wn_import_state_name(records[i].state));
        wn_json_key(&json.w, "file_name");
        wn_json_text(&json.w, records[i].file_name);
        wn_json_key(&json.w, "created_at");
        wn_json_time(&json.w, records[i].created_at_ms);
        wn_json_key(&json.w, "finished_at");
        if (records[i].finished_at_ms)
            wn_json_time(&json.w, records[i].finished_at_ms);
        else
            wn_json_null(&json.w);
        write_summary(&json.w, &records[i]);
        wn_json_end(&json.w);
    }
    wn_json_end(&json.w);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}
