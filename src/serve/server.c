#include "serve/server.h"

#include "core/num.h"
#include "io/clock.h"
#include "io/log.h"
#include "serve/clicks.h"
#include "serve/handlers.h"
#include "serve/health.h"
#include "serve/import_jobs.h"
#include "serve/models.h"
#include "serve/serve_int.h"
#include "serve/web_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wn_server {
    struct wn_app *app;
    struct wn_http *http;
    char *spool_dir;
};

/* ---- what every answer carries ---------------------------------------------------------------- */

/* Scripts and data only from here; styles also inline, because the chart and dialog parts of the
 * page set them; workers from blobs and images from data, for the API documentation. */
#define PAGE_POLICY                                                                                \
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "                    \
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "                      \
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "            \
    "frame-ancestors 'none'"
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'"

static bool has_header(const struct wn_http_response *response, struct wn_str name)
{
    for (size_t i = 0; i < response->n_headers; i++)
        if (wn_str_eq_nocase(response->headers[i].name, name))
            return true;
    return false;
}

static void finish(struct wn_http_request *r, struct wn_http_response *response)
{
    bool is_page = wn_str_starts(response->content_type, WN_STR("text/html"));
    wn_http_set_header(response, WN_STR("X-Request-Id"), wn_str_of(r->id));
    wn_http_set_header(response, WN_STR("X-Content-Type-Options"), WN_STR("nosniff"));
    wn_http_set_header(response, WN_STR("Content-Security-Policy"),
                       is_page ? WN_STR(PAGE_POLICY) : WN_STR(DATA_POLICY));
    wn_http_set_header(response, WN_STR("Referrer-Policy"), WN_STR("same-origin"));
    wn_http_set_header(response, WN_STR("Cross-Origin-Resource-Policy"), WN_STR("same-origin"));
    if (is_page)
        wn_http_set_header(response, WN_STR("Cross-Origin-Opener-Policy"), WN_STR("same-origin"));
    if (!has_header(response, WN_STR("Cache-Control")))
        wn_http_set_header(response, WN_STR("Cache-Control"), WN_STR("no-store"));
    if (response->status == 0)
        response->status = 200;
}

/* ---- checks before a route -------------------------------------------------------------------- */

/* "localhost:8420" without its port; "[::1]:8420" likewise. */
static struct wn_str host_name(struct wn_str host)
{
    host = wn_str_trim(host);
    if (host.n && host.p[0] == '[') {
        size_t end = wn_str_find_char(host, ']');
        return wn_str_slice(host, 0, end < host.n ? end + 1 : host.n);
    }
    return wn_str_slice(host, 0, wn_str_find_char(host, ':'));
}

/* While there are no accounts, whoever reaches the server may do anything. A page of another site
 * could reach it through a host name that it makes point here; it cannot make these names do so. */
static bool is_own_host(struct wn_str host)
{
    struct wn_str name = host_name(host);
    return wn_str_eq_nocase(name, WN_STR("localhost")) || wn_str_eq(name, WN_STR("127.0.0.1")) ||
           wn_str_eq(name, WN_STR("[::1]"));
}

/* A browser names the origin of the page that asks; other programs send none. */
static bool is_own_origin(const struct wn_http_request *r)
{
    struct wn_str origin = wn_http_header(r, "Origin");
    struct wn_str site = wn_http_header(r, "Sec-Fetch-Site");
    if (site.p && (wn_str_eq(site, WN_STR("cross-site")) || wn_str_eq(site, WN_STR("same-site"))))
        return false;
    if (!origin.p)
        return true;
    if (!wn_str_starts(origin, WN_STR("http://")))
        return false;
    return wn_str_eq_nocase(wn_str_slice(origin, 7, origin.n),
                            wn_str_trim(wn_http_header(r, "Host")));
}

static bool changes_state(wn_http_method m)
{
    return m == WN_POST || m == WN_PUT || m == WN_PATCH || m == WN_DELETE;
}

static bool has_body(const struct wn_http_request *r)
{
    struct wn_str length = wn_http_header(r, "Content-Length");
    return wn_http_header(r, "Transfer-Encoding").p ||
           (length.p && !wn_str_eq(wn_str_trim(length), WN_STR("0")));
}

static bool is_type(struct wn_str type, struct wn_str wanted)
{
    type = wn_str_trim(wn_str_slice(type, 0, wn_str_find_char(type, ';')));
    return wn_str_eq_nocase(type, wanted);
}

static void decide(struct wn_front_call *f, int status, wn_rc rc, const char *field,
                   const char *text)
{
    f->status = status;
    f->rc = wn_fail(&f->why, rc, field, "%s", text);
}

/* What a request that no route takes gets: a file, the page, or an error. */
static void plan_unmatched(struct wn_front_call *f, const struct wn_http_request *r, wn_match match)
{
    f->counter = WN_COUNTER_UNMATCHED;
    if (match == WN_MATCH_METHOD) {
        if (r->method == WN_OPTIONS)
            f->status = 204;
        else
            decide(f, 405, WN_OK, NULL, "this path does not take that method; see Allow");
        return;
    }
    if (r->method == WN_GET || r->method == WN_HEAD) {
        f->file = wn_web_file_find(r->path);
        if (!f->file)
            f->file = wn_web_file_page(r);
    }
    if (f->file)
        f->counter = WN_COUNTER_STATIC;
    else
        decide(f, 404, WN_NOT_FOUND, NULL, "there is nothing at this path; /docs lists the calls");
}

/* Nothing was sent: then it needs no type, and the handler says whether it needs something. */
static bool has_no_body(const struct wn_http_request *r)
{
    struct wn_str length = wn_http_header(r, "Content-Length");
    return !wn_http_header(r, "Transfer-Encoding").p &&
           (!length.p || wn_str_eq(length, WN_STR("0")));
}

static void check_call(struct wn_front_call *f, const struct wn_http_request *r)
{
    const struct wn_route *route = f->call.route;
    struct wn_str type = wn_http_header(r, "Content-Type");
    if (changes_state(r->method) && !is_own_origin(r)) {
        decide(f, 403, WN_OK, NULL, "a page of another origin must not change anything here");
        return;
    }
    bool is_known = is_type(type, WN_STR("application/json")) ||
                    (route->takes_csv && is_type(type, WN_STR("text/csv")));
    if (route->body == WN_BODY_MEMORY && (type.p ? !is_known : !has_no_body(r))) {
        decide(f, 415, WN_UNSUPPORTED, "Content-Type",
               route->takes_csv ? "send the body as application/json or text/csv"
                                : "send the body as application/json");
        return;
    }
    /* What a page keeps in its address is the page's own business. */
    if (route->handle == wn_handle_page || route->handle == wn_handle_docs)
        return;
    wn_rc rc = wn_params_check(r, route->params, f->call.a, &f->why);
    if (rc) {
        f->rc = rc;
        f->status = wn_rc_http_status(rc);
    }
}

static void plan_call(struct wn_front_call *f, const struct wn_http_request *r)
{
    if (!is_own_host(wn_http_header(r, "Host"))) {
        f->counter = WN_COUNTER_UNMATCHED;
        decide(f, 421, WN_OK, "Host",
               "this server answers to localhost, 127.0.0.1 and [::1] only, as long as it has no "
               "accounts");
        return;
    }
    wn_match match =
        wn_route_match(r->method, r->path, f->call.a, &f->call.route, f->call.path_args, &f->allow);
    if (match != WN_MATCH_ROUTE) {
        plan_unmatched(f, r, match);
        return;
    }
    f->counter = (size_t)(f->call.route - wn_routes);
    check_call(f, r);
}

enum { QUICK_BODY_BYTES_MAX = 4096 };

/* A question of a row or a few to a model that is there is answered at once: it needs no store, and
 * takes less time than the way to a worker and back. */
static bool is_quick_prediction(const struct wn_front_call *f, const struct wn_http_request *r)
{
    uint64_t n_bytes;
    return wn_parse_u64(wn_str_trim(wn_http_header(r, "Content-Length")), &n_bytes) &&
           n_bytes <= QUICK_BODY_BYTES_MAX &&
           wn_clicks_is_ready(f->call.app->clicks, f->call.tenant_id);
}

/* ---- the four calls of io/http ---------------------------------------------------------------- */

static void answer_decided(struct wn_front_call *f, struct wn_http_request *r,
                           struct wn_http_response *response)
{
    if (f->file)
        wn_web_file_answer(r, f->file, f->call.a, response);
    else if (f->status == 204)
        response->status = 204;
    else
        wn_problem(r, f->status, f->rc, &f->why, response);
    if (f->allow)
        wn_http_set_header(response, WN_STR("Allow"), wn_str_of(f->allow));
    finish(r, response);
}

static bool plan(void *context, struct wn_http_request *r, struct wn_http_plan *out,
                 struct wn_http_response *response)
{
    struct wn_server *s = context;
    struct wn_front_call *f = WN_ARENA_NEW(&r->arena, struct wn_front_call);
    if (!f) {
        wn_problem(r, 503, WN_MEMORY, NULL, response);
        finish(r, response);
        return false;
    }
    f->call.app = s->app;
    f->call.request = r;
    f->call.a = &r->arena;
    f->call.tenant_id = WN_TENANT_DEFAULT;
    f->call.now_ms = wn_clock_now_ms();
    f->is_counted = true;
    wn_http_counters_begin(s->app->counters);
    plan_call(f, r);
    *out = (struct wn_http_plan){.route = f};
    bool is_decided = f->status || f->file;
    /* Answering here closes the connection, so only a body that nobody will read is refused here.
     */
    if (is_decided && has_body(r)) {
        answer_decided(f, r, response);
        return false;
    }
    if (!is_decided) {
        out->body = f->call.route->body;
        out->body_bytes_max = f->call.route->body_bytes_max;
        out->on_worker = f->call.route->on_worker;
        if (f->call.route->handle == wn_handle_ctr_predict)
            out->on_worker = !is_quick_prediction(f, r);
        if (f->call.route->handle == wn_handle_health) {
            f->has_to_check = wn_health_claim(s->app->health, wn_clock_monotonic_ns());
            out->on_worker = f->has_to_check;
        }
    }
    return true;
}

static void handle(void *context, void *route, struct wn_http_request *r,
                   struct wn_http_response *response)
{
    (void)context;
    struct wn_front_call *f = route;
    if (f->status || f->file) {
        answer_decided(f, r, response);
        return;
    }
    struct wn_why why = {0};
    f->call.response = response;
    wn_rc rc = f->call.route->handle(&f->call, &why);
    if (rc)
        wn_problem(r, wn_rc_http_status(rc), rc, &why, response);
    finish(r, response);
}

static void refuse(void *context, struct wn_http_request *r, int status, const struct wn_why *why,
                   struct wn_http_response *response)
{
    (void)context;
    wn_problem(r, status, WN_OK, why, response);
    finish(r, response);
}

/* Files and probes come often and say little: at debug level only. */
static wn_log_level log_level_of(const struct wn_front_call *f, int status)
{
    if (status >= 500)
        return WN_LOG_WARN;
    if (status < 400 && f &&
        (f->file || (f->call.route && (f->call.route->handle == wn_handle_health ||
                                       f->call.route->handle == wn_handle_metrics_text))))
        return WN_LOG_DEBUG;
    return WN_LOG_INFO;
}

static void completed(void *context, void *route, const struct wn_http_request *r, int status,
                      uint64_t n_bytes_sent, int64_t duration_ns)
{
    struct wn_server *s = context;
    struct wn_front_call *f = route;
    wn_http_counters_add(s->app->counters, f ? f->counter : WN_COUNTER_UNMATCHED, status,
                         n_bytes_sent, duration_ns);
    if (f && f->is_counted)
        wn_http_counters_end(s->app->counters);
    /* The path without its query: filters and names of people's campaigns stay out of the log. */
    wn_log(log_level_of(f, status), "request", WN_LOG_TEXT("request_id", wn_str_of(r->id)),
           WN_LOG_TEXT("method", wn_str_of(wn_http_method_name(r->method))),
           WN_LOG_TEXT("path", wn_str_slice(r->path, 0, 256)),
           WN_LOG_TEXT("route", wn_str_of(f && f->call.route ? f->call.route->path : "")),
           WN_LOG_INT("status", status), WN_LOG_INT("bytes", (int64_t)n_bytes_sent),
           WN_LOG_INT("duration_us", duration_ns / 1000));
}

/* ---- start and stop --------------------------------------------------------------------------- */

static wn_rc make_spool_dir(struct wn_server *s, struct wn_why *why)
{
    const char *dir = s->app->data_dir ? s->app->data_dir : "/tmp";
    int n = snprintf(NULL, 0, "%s/spool", dir);
    s->spool_dir = n > 0 ? malloc((size_t)n + 1) : NULL;
    if (!s->spool_dir)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    snprintf(s->spool_dir, (size_t)n + 1, "%s/spool", dir);
    return wn_dir_make(s->spool_dir, why);
}

static wn_rc start(struct wn_server *s, const struct wn_server_options *options, struct wn_why *why)
{
    struct wn_app *app = s->app;
    wn_rc rc = make_spool_dir(s, why);
    if (!rc)
        rc = wn_http_counters_new(WN_N_COUNTERS, &app->counters, why);
    if (!rc)
        rc = wn_health_new(&app->health, why);
    if (!rc)
        rc = wn_models_new(&app->models, why);
    if (!rc)
        rc = wn_clicks_start(app, &app->clicks, why);
    if (!rc)
        rc = wn_import_jobs_start(app, &app->import_jobs, why);
    if (rc)
        return rc;
    struct wn_http_options http = {
        .address = options->address ? options->address : "127.0.0.1",
        .port = options->port,
        .n_loops = options->n_loops,
        .n_workers = options->n_workers,
        .spool_dir = s->spool_dir,
        .handlers = {.context = s,
                     .plan = plan,
                     .handle = handle,
                     .refuse = refuse,
                     .completed = completed},
    };
    rc = wn_http_start(&http, &s->http, why);
    if (!rc)
        wn_http_counters_set_http(app->counters, s->http);
    return rc;
}

wn_rc wn_server_start(struct wn_app *app, const struct wn_server_options *options,
                      struct wn_server **out, struct wn_why *why)
{
    struct wn_server *s = calloc(1, sizeof *s);
    if (!s)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    s->app = app;
    wn_rc rc = start(s, options, why);
    if (rc) {
        wn_server_stop(s);
        return rc;
    }
    *out = s;
    return WN_OK;
}

uint16_t wn_server_port(const struct wn_server *s)
{
    return wn_http_port(s->http);
}

void wn_server_stop(struct wn_server *s)
{
    if (!s)
        return;
    /* First the door, then the imports: none can be added any more. */
    if (s->app->counters)
        wn_http_counters_set_http(s->app->counters, NULL);
    wn_http_stop(s->http);
    wn_import_jobs_stop(s->app->import_jobs);
    s->app->import_jobs = NULL;
    wn_http_counters_free(s->app->counters);
    s->app->counters = NULL;
    wn_health_free(s->app->health);
    s->app->health = NULL;
    wn_clicks_stop(s->app->clicks);
    s->app->clicks = NULL;
    wn_models_free(s->app->models);
    s->app->models = NULL;
    free(s->spool_dir);
    free(s);
}
