/* A small application on the HTTP server, and a client that sends any bytes over raw sockets, since
 * no client library would send them. Shared by the programs that test the server. */
#ifndef WN_TEST_HTTP_APP_H
#define WN_TEST_HTTP_APP_H

#include "core/rand.h"
#include "io/clock.h"
#include "io/http.h"
#include "io/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define SHARED static __attribute__((unused)) /* not every program needs all */

/* ---- a small application ---------------------------------------------------------------------- */

/* What a test sees of the server's inside, and the gate that holds "/gate" jobs on their worker. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n_completed;
    int last_status;
    int n_in_gate;
    int n_cancelled; /* "/gate" and "/patient" jobs that saw the cancel flag */
    bool gate_open;
} app = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

enum route_kind {
    ROUTE_HELLO = 1,
    ROUTE_STATIC,
    ROUTE_ECHO,
    ROUTE_WORK,
    ROUTE_GATE,
    ROUTE_PATIENT,
    ROUTE_UPLOAD,
    ROUTE_SHOW,
    ROUTE_SAME,
    ROUTE_INJECT
};

static const struct route {
    const char *path;
    enum route_kind kind;
    wn_http_body body;
    uint64_t body_bytes_max;
    bool on_worker;
} routes[] = {
    {"/", ROUTE_HELLO, WN_BODY_NONE, 0, false},
    {"/hello", ROUTE_HELLO, WN_BODY_NONE, 0, false},
    {"/static", ROUTE_STATIC, WN_BODY_NONE, 0, false},
    {"/echo", ROUTE_ECHO, WN_BODY_MEMORY, 1000, false},
    {"/big-echo", ROUTE_ECHO, WN_BODY_MEMORY, 8 << 20, false},
    {"/work", ROUTE_WORK, WN_BODY_MEMORY, 1000, true},
    {"/gate", ROUTE_GATE, WN_BODY_MEMORY, 1000, true},
    {"/patient", ROUTE_PATIENT, WN_BODY_MEMORY, 1000, true},
    {"/upload", ROUTE_UPLOAD, WN_BODY_UPLOAD, 256 << 20, true},
    {"/small-upload", ROUTE_UPLOAD, WN_BODY_UPLOAD, 1000, false},
    {"/show", ROUTE_SHOW, WN_BODY_NONE, 0, false},
    {"/same", ROUTE_SAME, WN_BODY_NONE, 0, false},
    {"/inject", ROUTE_INJECT, WN_BODY_NONE, 0, false},
};

static char static_body[1 << 20];

SHARED bool plan(void *context, struct wn_http_request *r, struct wn_http_plan *out,
                 struct wn_http_response *response)
{
    (void)context;
    for (size_t i = 0; i < WN_COUNT(routes); i++) {
        const struct route *route = &routes[i];
        if (!wn_str_eq(r->path, wn_str_of(route->path)))
            continue;
        *out = (struct wn_http_plan){route->body, route->body_bytes_max, route->on_worker,
                                     (void *)(uintptr_t)route};
        return true;
    }
    response->status = wn_str_eq(r->path, WN_STR("/secret")) ? 401 : 404;
    response->content_type = WN_STR("text/plain");
    response->body = wn_arena_printf(&r->arena, "no %.*s", WN_STR_ARG(r->path));
    return false;
}

SHARED void changed(void)
{
    pthread_cond_broadcast(&app.changed);
    pthread_mutex_unlock(&app.lock);
}

SHARED void wait_in_gate(struct wn_http_request *r, bool leave_when_cancelled)
{
    pthread_mutex_lock(&app.lock);
    app.n_in_gate++;
    pthread_cond_broadcast(&app.changed);
    while (!app.gate_open) {
        if (wn_http_cancelled(r) && leave_when_cancelled) {
            app.n_cancelled++;
            break;
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 5000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&app.changed, &app.lock, &until);
    }
    app.n_in_gate--;
    changed();
}

/* Name, size and a checksum of what arrived. */
SHARED void show_upload(struct wn_http_request *r, struct wn_buf *out)
{
    static _Thread_local char block[64 * 1024];
    uint64_t at = 0, sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_form; i++)
        wn_buf_printf(out, "%.*s=%.*s;", WN_STR_ARG(r->form[i].name), WN_STR_ARG(r->form[i].value));
    while (r->file.fd >= 0 && at < r->file.size_bytes) {
        assert_int_equal(wn_reader_read(&r->file, at, block, sizeof block, &n, NULL), WN_OK);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
            sum = sum * 31 + (unsigned char)block[i];
        at += n;
    }
    wn_buf_printf(out, "file=%.*s;n=%llu;sum=%llu", WN_STR_ARG(r->file_name),
                  r->file.fd >= 0 ? (unsigned long long)r->file.size_bytes : 0ull,
                  (unsigned long long)sum);
}

SHARED void show_request(struct wn_http_request *r, struct wn_buf *out)
{
    wn_buf_printf(out, "%s %.*s", wn_http_method_name(r->method), WN_STR_ARG(r->path));
    for (size_t i = 0; i < r->n_query; i++)
        wn_buf_printf(out, "|%.*s=%.*s", WN_STR_ARG(r->query[i].name),
                      WN_STR_ARG(r->query[i].value));
}

SHARED void handle(void *context, void *route, struct wn_http_request *r,
                   struct wn_http_response *response)
{
    const struct route *to = route;
    struct wn_buf out;
    (void)context;
    wn_buf_init(&out, 1 << 20);
    response->content_type = WN_STR("text/plain");
    switch (to->kind) {
    case ROUTE_HELLO:
        wn_buf_append_z(&out, "hello");
        break;
    case ROUTE_STATIC:
        response->body = (struct wn_str){static_body, sizeof static_body};
        response->body_is_static = true;
        break;
    case ROUTE_ECHO:
    case ROUTE_WORK:
        response->body = r->body;
        break;
    case ROUTE_GATE:
    case ROUTE_PATIENT:
        wait_in_gate(r, to->kind == ROUTE_GATE);
        wn_buf_append_z(&out, "through");
        break;
    case ROUTE_UPLOAD:
        show_upload(r, &out);
        break;
    case ROUTE_SHOW:
        show_request(r, &out);
        break;
    case ROUTE_SAME:
        response->status = 304;
        wn_buf_append_z(&out, "hello");
        break;
    case ROUTE_INJECT:
        wn_http_set_header(response, WN_STR("X-Bad"), WN_STR("a\r\nX-Injected: b"));
        wn_http_set_header(response, WN_STR("X-Good"), WN_STR("c"));
        wn_buf_append_z(&out, "hello");
        break;
    }
    if (!response->body.p)
        response->body = wn_arena_dup(&r->arena, wn_buf_str(&out));
    wn_buf_deinit(&out);
}

SHARED void refuse(void *context, struct wn_http_request *r, int status, const struct wn_why *why,
                   struct wn_http_response *response)
{
    (void)context;
    assert_true(r->id[0] != 0 || status == 408);
    response->content_type = WN_STR("text/plain");
    response->body = wn_arena_printf(&r->arena, "refused %d: %s", status, why->text);
}

SHARED void completed(void *context, void *route, const struct wn_http_request *r, int status,
                      uint64_t n_bytes_sent, int64_t duration_ns)
{
    (void)context;
    (void)route;
    (void)r;
    (void)n_bytes_sent;
    assert_true(duration_ns >= 0);
    pthread_mutex_lock(&app.lock);
    app.n_completed++;
    app.last_status = status;
    changed();
}

/* ---- helpers ---------------------------------------------------------------------------------- */

static struct wn_http *server;

SHARED struct wn_http_options default_options(void)
{
    return (struct wn_http_options){
        .n_loops = 1,
        .n_workers = 2,
        .n_jobs_max = 8,
        .spool_dir = "/tmp",
        .handlers = {.plan = plan, .handle = handle, .refuse = refuse, .completed = completed}};
}

SHARED void start(const struct wn_http_options *options)
{
    struct wn_why why = {0};
    if (wn_http_start(options, &server, &why))
        fail_msg("start: %s", why.text);
}

SHARED int set_up(void **state)
{
    struct wn_http_options options = default_options();
    (void)state;
    app.n_completed = app.n_in_gate = app.n_cancelled = app.last_status = 0;
    app.gate_open = false;
    start(&options);
    return 0;
}

SHARED int tear_down(void **state)
{
    (void)state;
    wn_http_stop(server);
    server = NULL;
    return 0;
}

/* Stops the default server and starts one with other options. */
SHARED void restart(const struct wn_http_options *options)
{
    wn_http_stop(server);
    server = NULL;
    start(options);
}

SHARED int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(wn_http_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

/* False when the server has closed; that is for the reader to judge. */
SHARED bool put(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

SHARED bool put_z(int fd, const char *z)
{
    return put(fd, z, strlen(z));
}

struct reply {
    int status;  /* 0 = closed without an answer */
    bool closes; /* it says Connection: close */
    char head[4096];
    char *body; /* NUL-terminated, malloc'd */
    size_t n_body;
};

SHARED void reply_free(struct reply *r)
{
    free(r->body);
    r->body = NULL;
}

SHARED void no_silence(ssize_t n)
{
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        fail_msg("the server keeps silent");
}

/* Reads one answer, byte by byte up to the end of its head, then its Content-Length. */
SHARED struct reply read_reply(int fd, bool has_body)
{
    struct reply r = {0};
    size_t n = 0;
    while (n + 1 < sizeof r.head) {
        ssize_t k = recv(fd, r.head + n, 1, 0);
        no_silence(k);
        if (k <= 0)
            return (struct reply){0};
        n++;
        if (n >= 4 && memcmp(r.head + n - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    r.head[n] = 0;
    if (sscanf(r.head, "HTTP/1.1 %d", &r.status) != 1)
        fail_msg("no status line: %s", r.head);
    r.closes = strcasestr(r.head, "\r\nConnection: close") != NULL;
    const char *length = strcasestr(r.head, "\r\nContent-Length:");
    size_t n_body = length && has_body ? (size_t)strtoul(length + 17, NULL, 10) : 0;
    r.body = calloc(1, n_body + 1);
    assert_non_null(r.body);
    while (r.n_body < n_body) {
        ssize_t k = recv(fd, r.body + r.n_body, n_body - r.n_body, 0);
        no_silence(k);
        if (k <= 0)
            break;
        r.n_body += (size_t)k;
    }
    return r;
}

SHARED bool is_closed(int fd)
{
    char c;
    ssize_t k = recv(fd, &c, 1, 0);
    no_silence(k);
    return k <= 0;
}

/* Sends raw bytes on a new connection and expects the status (0: closed without an answer). */
SHARED void expect_raw(const char *bytes, size_t n, int status)
{
    int fd = dial();
    put(fd, bytes, n);
    struct reply r = read_reply(fd, true);
    if (r.status != status)
        fail_msg("got %d, expected %d for %.100s: %s", r.status, status, bytes,
                 r.body ? r.body : "");
    reply_free(&r);
    close(fd);
}

SHARED void expect(const char *text, int status)
{
    expect_raw(text, strlen(text), status);
}

SHARED void expect_body(const char *text, int status, const char *body)
{
    int fd = dial();
    put_z(fd, text);
    struct reply r = read_reply(fd, true);
    if (r.status != status || strcmp(r.body, body) != 0)
        fail_msg("got %d \"%s\", expected %d \"%s\"", r.status, r.body ? r.body : "", status, body);
    reply_free(&r);
    close(fd);
}

SHARED void wait_for(const int *what, int at_least)
{
    pthread_mutex_lock(&app.lock);
    while (*what < at_least) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += 20;
        if (pthread_cond_timedwait(&app.changed, &app.lock, &until) == ETIMEDOUT) {
            pthread_mutex_unlock(&app.lock);
            fail_msg("waited too long");
        }
    }
    pthread_mutex_unlock(&app.lock);
}

SHARED void open_gate(void)
{
    pthread_mutex_lock(&app.lock);
    app.gate_open = true;
    changed();
}

#define HOST "Host: localhost\r\n"

/* A request put together piece by piece. */
SHARED char big[200000];

SHARED size_t add(size_t n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int k = vsnprintf(big + n, sizeof big - n, format, args);
    va_end(args);
    assert_true(k >= 0 && (size_t)k < sizeof big - n);
    return n + (size_t)k;
}

SHARED size_t add_fill(size_t n, char c, size_t count)
{
    assert_true(n + count < sizeof big);
    memset(big + n, c, count);
    return n + count;
}

SHARED int raise_limits(void **state)
{
    struct rlimit limit;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max > 4096 ? 4096 : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
