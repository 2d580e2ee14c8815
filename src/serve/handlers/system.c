/* Is it running, what is it, how is it doing: /health, /metrics, /docs and the page itself. */
#include "serve/handlers.h"

#include "core/num.h"
#include "decide/overview.h"
#include "io/clock.h"
#include "serve/health.h"
#include "serve/import_jobs.h"
#include "serve/models.h"
#include "serve/serve_int.h"
#include "serve/web_files.h"

#include <math.h>
#include <unistd.h>

enum { METRICS_BYTES_MAX = 4 << 20 };

wn_rc wn_handle_page(struct wn_call *call, struct wn_why *why)
{
    (void)why;
    static const struct wn_str no_page =
        WN_STR("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Winnow</title>"
               "<h1>Winnow is running</h1><p>This binary was built without the web application. "
               "Run <code>./start.sh</code> in the source directory to build it with it. "
               "The calls work: try <a href=\"/health\">/health</a>.</p></html>\n");
    const struct wn_web_file *file = wn_web_file_find(WN_STR("/"));
    if (file) {
        wn_web_file_answer(call->request, file, call->a, call->response);
        return WN_OK;
    }
    wn_call_bytes(call, "text/html; charset=utf-8", no_page, NULL);
    call->response->body_is_static = true;
    return WN_OK;
}

static wn_rc embedded(struct wn_call *call, const char *path, struct wn_why *why)
{
    const struct wn_web_file *file = wn_web_file_find(wn_str_of(path));
    if (!file)
        return wn_fail(why, WN_NOT_FOUND, NULL,
                       "this binary was built without the web application, which brings this "
                       "file; ./start.sh builds it with it");
    wn_web_file_answer(call->request, file, call->a, call->response);
    return WN_OK;
}

wn_rc wn_handle_docs(struct wn_call *call, struct wn_why *why)
{
    return embedded(call, "/docs/index.html", why);
}

wn_rc wn_handle_openapi(struct wn_call *call, struct wn_why *why)
{
    return embedded(call, "/openapi.json", why);
}

wn_rc wn_handle_api(struct wn_call *call, struct wn_why *why)
{
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "message");
    wn_json_text_z(&json.w, "Winnow: see /docs for the calls");
    wn_json_key(&json.w, "version");
    wn_json_text_z(&json.w, call->app->version);
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

static void write_check(struct wn_json_writer *w, const char *name, wn_rc rc)
{
    wn_json_key(w, name);
    wn_json_text_z(w, rc ? "failed" : "ok");
}

wn_rc wn_handle_health(struct wn_call *call, struct wn_why *why)
{
    wn_rc catalog, facts;
    /* The front has sent this call to a worker if it has to ask. */
    if (((struct wn_front_call *)call)->has_to_check)
        wn_health_check(call->app->health, call->app);
    wn_health_get(call->app->health, &catalog, &facts);
    struct wn_call_json json;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "status");
    wn_json_text_z(&json.w, catalog || facts ? "unhealthy" : "healthy");
    wn_json_key(&json.w, "timestamp");
    wn_json_time(&json.w, call->now_ms);
    wn_json_key(&json.w, "version");
    wn_json_text_z(&json.w, call->app->version);
    wn_json_key(&json.w, "checks");
    wn_json_begin_object(&json.w);
    write_check(&json.w, "catalog", catalog);
    write_check(&json.w, "facts", facts);
    wn_json_key(&json.w, "journal");
    wn_json_text_z(&json.w, "unused");
    wn_json_key(&json.w, "blobs");
    wn_json_text_z(&json.w, "unused");
    wn_json_end(&json.w);
    wn_json_end(&json.w);
    call->response->status = catalog || facts ? 503 : 200;
    return wn_call_json_end(call, &json, why);
}

static void write_fit(struct wn_call *call, struct wn_json_writer *w, wn_model model,
                      const struct wn_model_fit *fit, bool is_current)
{
    wn_json_begin_object(w);
    wn_json_member_text(w, "name", wn_str_of(wn_model_name(model)));
    wn_json_member_text(w, "version", wn_str_of(call->app->version));
    wn_json_member_text(w, "stage", WN_STR("built-in"));
    wn_json_key(w, "trained_at");
    wn_json_time(w, fit->trained_at_ms);
    wn_json_member_i64(w, "rows", fit->n_rows);
    wn_json_member_f64(w, "metric", fit->metric);
    wn_json_member_text(w, "metric_name", wn_str_of(fit->metric_name));
    wn_json_member_f64(w, "drift", fit->drift_name ? fit->drift : (double)NAN);
    wn_json_key(w, "drift_name");
    wn_json_text_or_null(w, wn_str_of(fit->drift_name));
    wn_json_member_text(w, "status",
                        is_current ? WN_STR("ok") : WN_STR("the data have changed since"));
    wn_json_end(w);
}

/* What was fitted since the start; models are fitted when they are asked for, on the data of then. */
wn_rc wn_handle_ml_health(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    struct wn_facts_version now;
    struct wn_call_json json;
    size_t n_written = 0, n_stale = 0;
    wn_rc rc = wn_daily_version(&book, call->a, &now, why);
    if (rc)
        return rc;
    wn_call_json_begin(call, &json);
    wn_json_begin_object(&json.w);
    wn_json_key(&json.w, "models");
    wn_json_begin_array(&json.w);
    for (int m = 0; m < WN_MODELS_N; m++) {
        struct wn_model_fit fit;
        wn_models_get(call->app->models, (wn_model)m, &fit);
        if (fit.trained_at_ms == 0 || fit.tenant_id != call->tenant_id)
            continue;
        bool is_current =
            fit.version.n_rows == now.n_rows && fit.version.loaded_at_ms == now.loaded_at_ms;
        write_fit(call, &json.w, (wn_model)m, &fit, is_current);
        n_written++;
        n_stale += !is_current;
    }
    wn_json_end(&json.w);
    wn_json_member_text(&json.w, "status",
                        n_written == 0 ? WN_STR("no models trained yet")
                        : n_stale      ? WN_STR("the data have changed since")
                                       : WN_STR("ok"));
    wn_json_end(&json.w);
    return wn_call_json_end(call, &json, why);
}

/* ---- /metrics --------------------------------------------------------------------------------- */

static struct wn_counter_label label_of(size_t row)
{
    if (row < wn_n_routes)
        return (struct wn_counter_label){wn_http_method_name(wn_routes[row].method),
                                         wn_routes[row].path};
    return (struct wn_counter_label){"", row == WN_COUNTER_STATIC ? "(file)" : "(none)"};
}

/* Resident memory: the second number of /proc/self/statm, in pages. 0 when it cannot be read. */
static uint64_t resident_bytes(void)
{
    struct wn_reader r;
    char text[256];
    size_t n = 0;
    uint64_t resident_pages = 0;
    struct wn_str rest, part;
    if (wn_reader_open("/proc/self/statm", &r, NULL))
        return 0;
    /* Its size is said to be 0, so it cannot be read as a whole file. */
    wn_rc rc = wn_reader_read(&r, 0, text, sizeof text - 1, &n, NULL);
    wn_reader_close(&r);
    rest = (struct wn_str){text, rc ? 0 : n};
    if (!wn_str_cut(&rest, ' ', &part) || !wn_str_cut(&rest, ' ', &part) ||
        !wn_parse_u64(part, &resident_pages))
        return 0;
    return resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_gauge(struct wn_buf *out, const char *name, const char *help, uint64_t value)
{
    wn_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", name, help, name, name,
                  (unsigned long long)value);
}

static void print_imports(struct wn_call *call, struct wn_buf *out)
{
    struct wn_import_job_counts c;
    wn_import_jobs_get_counts(call->app->import_jobs, &c);
    wn_buf_printf(out,
                  "# HELP winnow_imports_total Imports that ended since the start.\n"
                  "# TYPE winnow_imports_total counter\n"
                  "winnow_imports_total{state=\"done\"} %llu\n"
                  "winnow_imports_total{state=\"failed\"} %llu\n"
                  "winnow_imports_total{state=\"unchanged\"} %llu\n"
                  "# HELP winnow_import_rows_total Rows that imports took in since the start.\n"
                  "# TYPE winnow_import_rows_total counter\n"
                  "winnow_import_rows_total %llu\n",
                  (unsigned long long)c.n_done, (unsigned long long)c.n_failed,
                  (unsigned long long)c.n_unchanged, (unsigned long long)c.n_rows);
    print_gauge(out, "winnow_imports_waiting", "Imports waiting for their turn.", c.n_waiting);
    print_gauge(out, "winnow_imports_running", "Imports running now.", c.n_running);
}

wn_rc wn_handle_metrics_text(struct wn_call *call, struct wn_why *why)
{
    struct wn_book book = wn_call_book(call);
    int32_t from, to;
    int64_t n_rows = 0;
    bool has_data = false;
    wn_rc rc = wn_book_extent(&book, call->a, &from, &to, &n_rows, &has_data, why);
    if (rc)
        return rc;
    struct wn_buf out;
    wn_buf_init(&out, METRICS_BYTES_MAX);
    wn_buf_printf(&out,
                  "# HELP winnow_build_info The version that runs.\n"
                  "# TYPE winnow_build_info gauge\nwinnow_build_info{version=\"%s\"} 1\n",
                  call->app->version);
    print_gauge(&out, "process_start_time_seconds", "When the server started.",
                (uint64_t)(call->app->started_at_ms / 1000));
    print_gauge(&out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    print_gauge(&out, "winnow_facts_rows", "Rows of advertising statistics.",
                has_data ? (uint64_t)n_rows : 0);
    print_imports(call, &out);
    wn_http_counters_print(call->app->counters, label_of, &out);
    rc = wn_buf_check(&out, why);
    struct wn_str body = rc ? (struct wn_str){0} : wn_arena_dup(call->a, wn_buf_str(&out));
    wn_buf_deinit(&out);
    if (rc)
        return rc;
    if (!body.p)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while writing the answer");
    wn_call_bytes(call, "text/plain; version=0.0.4; charset=utf-8", body, NULL);
    return WN_OK;
}
