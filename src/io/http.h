/* The HTTP/1.1 server: connections, framing, limits, deadlines and threads; no routes, no JSON.
 *
 * libmicrohttpd with an external epoll loop per I/O thread. A handler is called on the I/O thread
 * when the request's head is complete and decides: refuse, answer inline (fast, never blocking),
 * or have the work done on a worker thread after the body has arrived (the connection is
 * suspended meanwhile). Framing that could smuggle requests is refused before any handler runs. */
#ifndef WN_IO_HTTP_H
#define WN_IO_HTTP_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "io/file.h"

struct wn_http;

struct wn_http_param {
    struct wn_str name;
    struct wn_str value;
};

typedef enum wn_http_method {
    WN_GET,
    WN_HEAD,
    WN_POST,
    WN_PUT,
    WN_PATCH,
    WN_DELETE,
    WN_OPTIONS,
    WN_METHOD_OTHER
} wn_http_method;
const char *wn_http_method_name(wn_http_method m);

/* Where the bytes of a body go. */
typedef enum wn_http_body {
    WN_BODY_NONE,   /* a body is refused (413 when there is one) */
    WN_BODY_MEMORY, /* into request->body, at most body_bytes_max */
    WN_BODY_UPLOAD  /* multipart/form-data: text fields into form, the one file into a spool */
} wn_http_body;

/* What the front decides about a request before its body is read. */
struct wn_http_plan {
    wn_http_body body;
    uint64_t body_bytes_max;
    bool on_worker; /* false: handle() runs on the I/O thread and must not block */
    void *route;    /* whatever the caller wants back in handle() */
};

struct wn_http_request {
    wn_http_method method;
    struct wn_str target;        /* as sent: path and query */
    struct wn_str path;          /* decoded once; no NUL, valid UTF-8, begins with '/', without a
                                  * trailing slash (except "/") */
    struct wn_http_param *query; /* [n_query], decoded; order of the text */
    size_t n_query;
    struct wn_str body;         /* WN_BODY_MEMORY */
    struct wn_http_param *form; /* WN_BODY_UPLOAD: the text fields */
    size_t n_form;
    struct wn_str file_name; /* WN_BODY_UPLOAD: of the file part; empty when there was none */
    struct wn_reader file;   /* WN_BODY_UPLOAD: its bytes; fd -1 when there was none */
    char id[33];           /* request id: X-Request-Id if it was sane, else made; NUL-terminated */
    struct wn_arena arena; /* lives as long as the request */
    int64_t started_ns;
    void *internal;
};

/* A request header's value, or p = NULL. Works on the I/O thread and on a worker. */
struct wn_str wn_http_header(const struct wn_http_request *r, const char *name);
/* The first query parameter of that name; false when absent. */
bool wn_http_query(const struct wn_http_request *r, const char *name, struct wn_str *out);
/* True when the client has gone (or has ended its side of the connection), or when the drain time
 * of a stopping server is over: long work should end. Any thread. */
bool wn_http_cancelled(const struct wn_http_request *r);

struct wn_http_response {
    int status;
    struct wn_str content_type; /* static or in the request's arena */
    struct wn_str body;         /* in the request's arena, or static when body_is_static; with
                                 * status 304 what 200 would bring: only its length is sent */
    bool body_is_static;        /* lives for ever (embedded files): not copied */
    struct wn_http_param headers[16];
    size_t n_headers;
};
void wn_http_set_header(struct wn_http_response *r, struct wn_str name, struct wn_str value);

struct wn_http_handlers {
    void *context;
    /* On the I/O thread, head complete. Fill *plan and return true to go on, or fill *response
     * and return false to answer at once without reading a body. HEAD is to be treated like GET:
     * its answer's body is dropped and its length kept. Required. */
    bool (*plan)(void *context, struct wn_http_request *r, struct wn_http_plan *plan,
                 struct wn_http_response *response);
    /* Body complete; on the I/O thread or a worker as planned. Required. */
    void (*handle)(void *context, void *route, struct wn_http_request *r,
                   struct wn_http_response *response);
    /* Refusals of the server itself (framing, limits, deadlines, bad multipart): make a body.
     * why says what is wrong; status is set already. The request may be known only in part (path
     * and target empty), its arena and id are there. NULL: the text of why is the body. */
    void (*refuse)(void *context, struct wn_http_request *r, int status, const struct wn_why *why,
                   struct wn_http_response *response);
    /* After the answer was sent or the client left: for logs and counters. route may be NULL. */
    void (*completed)(void *context, void *route, const struct wn_http_request *r, int status,
                      uint64_t n_bytes_sent, int64_t duration_ns);
};

struct wn_http_options {
    const char *address;      /* "127.0.0.1" */
    uint16_t port;            /* 0 = any free one */
    int n_loops;              /* I/O threads; 0 = 1 */
    int n_workers;            /* 0 = number of cores */
    int n_jobs_max;           /* waiting for a worker; more get 503 + Retry-After; 0 = 256 */
    const char *spool_dir;    /* for uploads */
    int head_timeout_ms;      /* 0 = 10000: from a request's first line to its last header, and from
                               * accept to the first line */
    int idle_timeout_ms;      /* 0 = 75000 */
    int body_bytes_per_s_min; /* 0 = 1024 */
    int drain_timeout_ms;     /* 0 = 5000: at stop, how long to wait for running work */
    struct wn_http_handlers handlers;
};

/* Binds and starts the threads; options are copied but for the strings, which are kept until stop.
 * Takes sockets handed over by a service manager (LISTEN_PID, LISTEN_FDS) instead of binding, one
 * per loop. SIGPIPE is ignored from then on. Fails: BUSY (port in use), INVALID (address), IO,
 * MEMORY. */
WN_MUST_USE wn_rc wn_http_start(const struct wn_http_options *options, struct wn_http **out,
                                struct wn_why *why);
uint16_t wn_http_port(const struct wn_http *h);
/* Stops accepting, lets running work finish within the drain time, tells the rest to end
 * (wn_http_cancelled) and waits for it, closes, joins. Accepts NULL. */
void wn_http_stop(struct wn_http *h);

struct wn_http_stats {
    uint64_t n_connections, n_requests, n_suspended, n_jobs_waiting;
};
void wn_http_get_stats(const struct wn_http *h, struct wn_http_stats *out);

#endif
