#include "io/clock.h"
#include "io/http_int.h"
#include "io/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct http_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* ---- what callers of the server use ----------------------------------------------------------- */

struct wn_str wn_http_header(const struct wn_http_request *r, const char *name)
{
    const struct http_state *s = r->internal;
    struct wn_str wanted = wn_str_of(name);
    for (size_t i = 0; s && i < s->n_headers; i++)
        if (wn_str_eq_nocase(s->headers[i].name, wanted))
            return s->headers[i].value;
    return (struct wn_str){0};
}

bool wn_http_query(const struct wn_http_request *r, const char *name, struct wn_str *out)
{
    struct wn_str wanted = wn_str_of(name);
    for (size_t i = 0; i < r->n_query; i++)
        if (wn_str_eq(r->query[i].name, wanted)) {
            *out = r->query[i].value;
            return true;
        }
    return false;
}

bool wn_http_cancelled(const struct wn_http_request *r)
{
    const struct http_state *s = r->internal;
    return s && (atomic_load(&s->gone) || atomic_load(&s->http->cancelled));
}

void wn_http_set_header(struct wn_http_response *r, struct wn_str name, struct wn_str value)
{
    WN_ASSERT(r->n_headers < WN_COUNT(r->headers));
    r->headers[r->n_headers++] = (struct wn_http_param){name, value};
}

/* ---- the life of a request -------------------------------------------------------------------- */

struct http_state *http_state_new(struct http_loop *l)
{
    struct http_state *s = l->spare;
    if (s) {
        l->spare = s->spare_next;
        l->n_spare--;
        s->spare_next = NULL;
    } else {
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
        wn_arena_init(&s->request.arena, HTTP_REQUEST_ARENA_BYTES_MAX);
    }
    s->http = l->http;
    s->loop = l;
    s->n_refs = 1;
    s->request.internal = s;
    s->request.file.fd = -1;
    s->request.path = WN_STR("");
    s->request.file_name = WN_STR("");
    s->job.state = s;
    return s;
}

/* Back to all zeroes but the arena, which keeps a small block for the next request. */
static void state_clear(struct http_state *s)
{
    enum { KEPT_BYTES = 64 * 1024 };
    struct wn_arena arena = s->request.arena;
    wn_reader_close(&s->request.file);
    wn_multipart_deinit(&s->form);
    wn_buf_deinit(&s->body);
    wn_buf_deinit(&s->chunk);
    wn_buf_deinit(&s->field);
    if (arena.used_bytes > KEPT_BYTES)
        wn_arena_deinit(&arena);
    else
        wn_arena_reset(&arena);
    memset(s, 0, sizeof *s);
    s->request.arena = arena;
}

void http_state_unref(struct http_state *s)
{
    struct http_loop *l = s->loop;
    WN_ASSERT(s->n_refs > 0);
    if (--s->n_refs > 0)
        return;
    state_clear(s);
    if (l->n_spare >= HTTP_SPARE_REQUESTS) {
        wn_arena_deinit(&s->request.arena);
        free(s);
        return;
    }
    s->spare_next = l->spare;
    l->spare = s;
    l->n_spare++;
}

/* Gives the job's reference away and parks the connection until the job comes back. The job may
 * end before this returns: it only reaches the mailbox, which this same thread empties later. */
static bool hand_over(struct http_state *s, struct http_pool *pool, http_step step,
                      void (*run)(struct http_state *))
{
    s->job.run = run;
    s->job.dropped = false;
    s->n_refs++;
    if (!http_pool_put(pool, &s->job)) {
        s->n_refs--;
        return false;
    }
    s->step = step;
    s->is_suspended = true;
    s->loop->n_suspended++;
    atomic_fetch_add(&s->http->n_suspended, 1);
    http_conn_phase(s->conn, PHASE_BUSY, 0);
    MHD_suspend_connection(s->conn->mhd);
    return true;
}

static void resume(struct http_state *s)
{
    s->is_suspended = false;
    s->loop->n_suspended--;
    atomic_fetch_sub(&s->http->n_suspended, 1);
    s->loop->kick = true; /* a resume wakes nobody */
    MHD_resume_connection(s->conn->mhd);
}

/* timeout_ms, and as long as n_bytes take at the smallest allowed rate, up to a day. */
static int64_t rate_grace_ns(const struct wn_http_options *o, int timeout_ms, uint64_t n_bytes)
{
    const double day_ns = 86400e9;
    double ns = (double)n_bytes * 1e9 / o->body_bytes_per_s_min;
    return (int64_t)timeout_ms * 1000000 + (int64_t)(ns < day_ns ? ns : day_ns);
}

static void refuse_stopping(struct http_state *s)
{
    struct wn_why why = {0};
    wn_rc ignored = wn_fail(&why, WN_CANCELLED, NULL, "the server is stopping");
    (void)ignored;
    http_refuse(s, 503, &why);
}

void http_request_returned(struct http_state *s)
{
    if (!s->is_abandoned) {
        bool spooled = s->step == STEP_SPOOLING;
        s->step = spooled && !s->job.dropped ? STEP_BODY : STEP_DONE;
        if (s->job.dropped)
            refuse_stopping(s);
        if (s->job.dropped && spooled)
            s->step = STEP_REFUSED;
        if (spooled && s->spool_rc) {
            http_refuse(s, wn_rc_http_status(s->spool_rc), &s->why);
            s->step = STEP_REFUSED;
        }
        if (s->is_suspended)
            resume(s);
        if (spooled && s->conn) /* the time on the spooler is not the client's */
            http_conn_phase(s->conn, PHASE_BODY,
                            rate_grace_ns(&s->http->options, s->http->options.head_timeout_ms, 0));
        s->n_body_phase = 0;
    }
    http_state_unref(s);
}

void http_request_abandon(struct http_state *s)
{
    if (!s->is_suspended)
        return;
    s->is_abandoned = true; /* a worker may still write its response: another one goes out */
    resume(s);
}

/* ---- answers ---------------------------------------------------------------------------------- */

void http_refuse(struct http_state *s, int status, const struct wn_why *why)
{
    const struct wn_http_handlers *h = &s->http->options.handlers;
    struct wn_http_response *r = &s->response;
    r->status = status;
    if (h->refuse)
        h->refuse(h->context, &s->request, status, why, r);
    if (!h->refuse || r->body.p == NULL) {
        r->content_type = WN_STR("text/plain; charset=utf-8");
        r->body = wn_arena_dup(&s->request.arena, wn_str_of(why->text));
    }
    r->status = status;
    bool has_retry = false;
    for (size_t i = 0; i < r->n_headers; i++)
        has_retry = has_retry || wn_str_eq_nocase(r->headers[i].name, WN_STR("Retry-After"));
    if (status == 503 && !has_retry && r->n_headers < WN_COUNT(r->headers))
        wn_http_set_header(r, WN_STR("Retry-After"), WN_STR("1"));
}

static bool has_header(const struct wn_http_response *r, struct wn_str name)
{
    for (size_t i = 0; i < r->n_headers; i++)
        if (wn_str_eq_nocase(r->headers[i].name, name))
            return true;
    return false;
}

static void add_header(struct http_state *s, struct MHD_Response *to, struct wn_str name,
                       struct wn_str value)
{
    struct wn_str name_z = wn_arena_dup(&s->request.arena, name);
    struct wn_str value_z = wn_arena_dup(&s->request.arena, value);
    if (!name_z.p || !value_z.p || MHD_add_response_header(to, name_z.p, value_z.p) != MHD_YES)
        wn_log(WN_LOG_ERROR, "http_header_refused", WN_LOG_TEXT("name", name));
}

static struct MHD_Response *make_response(struct http_state *s, bool close)
{
    const struct wn_http_response *r = &s->response;
    /* Nothing is copied: the body lives for ever, or in the request's arena, and the request
     * outlives its answer. */
    struct MHD_Response *to = MHD_create_response_from_buffer(
        r->body.p ? r->body.n : 0, (void *)(r->body.p ? r->body.p : ""), MHD_RESPMEM_PERSISTENT);
    if (!to)
        return NULL;
    if (r->content_type.n)
        add_header(s, to, WN_STR("Content-Type"), r->content_type);
    for (size_t i = 0; i < r->n_headers; i++)
        add_header(s, to, r->headers[i].name, r->headers[i].value);
    if (!has_header(r, WN_STR("X-Request-Id")))
        MHD_add_response_header(to, "X-Request-Id", s->request.id);
    if (close)
        MHD_add_response_header(to, MHD_HTTP_HEADER_CONNECTION, "close");
    return to;
}

static enum MHD_Result queue(struct http_state *s, struct MHD_Response *to, int status,
                             size_t n_bytes)
{
    if (!to)
        return MHD_NO;
    s->status_sent = status;
    s->n_bytes_sent = n_bytes;
    http_conn_phase(s->conn, PHASE_REPLY,
                    rate_grace_ns(&s->http->options, s->http->options.idle_timeout_ms, n_bytes));
    enum MHD_Result result = MHD_queue_response(s->conn->mhd, (unsigned)status, to);
    MHD_destroy_response(to);
    return result;
}

static enum MHD_Result answer(struct http_state *s, bool close)
{
    int status = s->response.status;
    if (status == 0)
        status = 200;
    if (status < 200 || status > 599)
        status = 500;
    return queue(s, make_response(s, close || atomic_load(&s->http->stopping)), status,
                 s->response.body.p ? s->response.body.n : 0);
}

static enum MHD_Result answer_abandoned(struct http_state *s)
{
    static char text[] = "the server is stopping\n";
    struct MHD_Response *to =
        MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (to) {
        MHD_add_response_header(to, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
        MHD_add_response_header(to, MHD_HTTP_HEADER_RETRY_AFTER, "1");
        MHD_add_response_header(to, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    return queue(s, to, 503, sizeof text - 1);
}

/* Reads what has already arrived, so that closing does not reset the connection before the client
 * has read our answer. Bounded: a client that never stops is cut. */
static void discard_input(int fd)
{
    char scratch[16 * 1024];
    for (int i = 0; i < 64; i++)
        if (recv(fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0)
            return;
}

void http_answer_raw(struct http_state *s, int fd)
{
    const struct wn_http_response *r = &s->response;
    struct wn_buf out;
    wn_buf_init(&out, 64 * 1024);
    wn_buf_printf(&out, "HTTP/1.1 %d %s\r\nContent-Type: %.*s\r\nContent-Length: %zu\r\n",
                  r->status, MHD_get_reason_phrase_for((unsigned)r->status),
                  WN_STR_ARG(r->content_type), r->body.n);
    wn_buf_printf(&out, "X-Request-Id: %s\r\nConnection: close\r\n\r\n", s->request.id);
    wn_buf_append(&out, r->body);
    struct wn_str text = wn_buf_str(&out);
    if (!out.failed) {
        ssize_t sent = send(fd, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        s->n_bytes_sent = sent > 0 ? (uint64_t)sent : 0;
    }
    wn_buf_deinit(&out);
    shutdown(fd, SHUT_WR);
    discard_input(fd);
    s->status_sent = r->status;
}

/* ---- from head to handler --------------------------------------------------------------------- */

void *http_on_uri(void *loop, const char *uri, struct MHD_Connection *mhd)
{
    struct http_conn *c = conn_of(mhd);
    (void)loop;
    if (!c)
        return NULL;
    size_t n = strnlen(uri, WN_URI_BYTES_MAX + 1); /* one more shows that it is too long */
    if (n + 1 > c->target_size_bytes) {
        free(c->target);
        c->target = malloc(n + 1);
        c->target_size_bytes = c->target ? n + 1 : 0;
    }
    if (c->target)
        memcpy(c->target, uri, n);
    c->n_target = c->target ? n : 0;
    http_conn_phase(c, PHASE_HEAD, 0);
    /* A target whose parameters do not fit the library's pool gets no answer; the library ends the
     * connection only in its next turn. */
    c->loop->kick = c->loop->kick || n > 256;
    return NULL; /* state made here would leak when the head never ends */
}

static enum MHD_Result refuse_now(struct http_state *s, int status, const struct wn_why *why)
{
    http_refuse(s, status, why);
    return answer(s, true);
}

static enum MHD_Result accept_head(struct http_state *s)
{
    const struct wn_http_handlers *h = &s->http->options.handlers;
    struct wn_why why = {0};
    if (!h->plan(h->context, &s->request, &s->plan, &s->response)) {
        if (s->has_body)
            return answer(s, true); /* now or never: the body is not wanted */
        s->step = STEP_DONE;        /* answering later keeps the connection */
        return MHD_YES;
    }
    int status = http_body_begin(s, &why);
    if (status)
        return refuse_now(s, status, &why);
    if (s->has_body && s->plan.on_worker && http_pool_is_full(&s->http->workers)) {
        wn_rc ignored = wn_fail(&why, WN_BUSY, NULL, "too many requests are waiting");
        (void)ignored;
        return refuse_now(s, 503, &why);
    }
    http_conn_phase(s->conn, PHASE_BODY,
                    rate_grace_ns(&s->http->options, s->http->options.head_timeout_ms, 0));
    return MHD_YES;
}

/* The first call: the head is complete. Never answers here except to refuse, since the library
 * closes the connection after such an answer. */
static enum MHD_Result begin(struct http_loop *l, struct MHD_Connection *mhd, const char *method,
                             const char *version, void **con_cls)
{
    struct http_conn *c = conn_of(mhd);
    struct http_state *s = c ? http_state_new(l) : NULL;
    struct wn_why why = {0};
    if (!s)
        return MHD_NO;
    s->conn = c;
    s->request.started_ns = c->phase_since_ns;
    c->state = s;
    *con_cls = s;
    atomic_fetch_add(&l->http->n_requests, 1);
    int status = http_head_check(s, mhd, method, version, &why);
    if (status)
        return refuse_now(s, status, &why);
    return accept_head(s);
}

static void run_handler(struct http_state *s)
{
    const struct wn_http_handlers *h = &s->http->options.handlers;
    h->handle(h->context, s->plan.route, &s->request, &s->response);
}

static enum MHD_Result body_complete(struct http_state *s)
{
    struct wn_why why = {0};
    int status = 0;
    if (atomic_load(&s->http->cancelled)) {
        refuse_stopping(s);
        return answer(s, true);
    }
    if (http_body_wants_spool(s, true))
        return hand_over(s, &s->http->spooler, STEP_SPOOLING, http_body_spool) ? MHD_YES : MHD_NO;
    status = http_body_finish(s, &why);
    if (!status && s->plan.on_worker) {
        if (hand_over(s, &s->http->workers, STEP_QUEUED, run_handler))
            return MHD_YES;
        status = wn_rc_http_status(
            wn_fail(&why, WN_BUSY, NULL, "too many requests are waiting; try again shortly"));
    }
    s->step = STEP_DONE;
    if (status)
        http_refuse(s, status, &why);
    else
        run_handler(s);
    return answer(s, false);
}

/* Once the body has begun the library takes no answer until its end. A short rest is read for the
 * sake of a proper answer; a long one is cut off with the answer written past the library. */
static enum MHD_Result swallow(struct http_state *s, size_t n)
{
    s->n_swallowed += n;
    if (s->n_swallowed <= HTTP_SWALLOW_BYTES_MAX)
        return MHD_YES;
    http_answer_raw(s, s->conn->fd);
    return MHD_NO;
}

static enum MHD_Result take_body(struct http_state *s, struct wn_str bytes)
{
    struct wn_why why = {0};
    s->n_body += bytes.n;
    s->n_body_phase += bytes.n;
    s->conn->phase_grace_ns =
        rate_grace_ns(&s->http->options, s->http->options.head_timeout_ms, s->n_body_phase);
    if (s->step != STEP_BODY)
        return swallow(s, bytes.n);
    int status = http_body_push(s, bytes, &why);
    if (status) {
        http_refuse(s, status, &why);
        s->step = STEP_REFUSED;
        return MHD_YES;
    }
    if (http_body_wants_spool(s, false) && !atomic_load(&s->http->cancelled))
        return hand_over(s, &s->http->spooler, STEP_SPOOLING, http_body_spool) ? MHD_YES : MHD_NO;
    return MHD_YES;
}

enum MHD_Result http_on_request(void *loop, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload_data,
                                size_t *upload_data_size, void **con_cls)
{
    struct http_state *s = *con_cls;
    (void)url; /* already decoded by the library: ours is taken from the raw text */
    if (!s)
        return begin(loop, mhd, method, version, con_cls);
    if (s->is_abandoned && *upload_data_size > 0)
        return MHD_NO;
    if (s->is_abandoned)
        return answer_abandoned(s);
    if (*upload_data_size > 0) {
        struct wn_str bytes = {upload_data, *upload_data_size};
        *upload_data_size = 0;
        return take_body(s, bytes);
    }
    if (s->step == STEP_BODY)
        return body_complete(s);
    return answer(s, false);
}

void http_on_completed(void *loop, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why)
{
    struct http_loop *l = loop;
    struct http_state *s = *con_cls;
    const struct wn_http_handlers *h = &l->http->options.handlers;
    (void)mhd;
    (void)why;
    if (!s)
        return;
    *con_cls = NULL;
    atomic_store(&s->gone, true);
    if (h->completed)
        h->completed(h->context, s->plan.route, &s->request, s->status_sent, s->n_bytes_sent,
                     wn_clock_monotonic_ns() - s->request.started_ns);
    s->conn->state = NULL;
    s->conn->is_fresh = false;
    http_conn_phase(s->conn, PHASE_IDLE, 0);
    s->conn = NULL;
    http_state_unref(s);
}
