/* What the files of the HTTP server share. Threads: everything without another word belongs to the
 * loop's own thread. */
#ifndef WN_IO_HTTP_INT_H
#define WN_IO_HTTP_INT_H

#include "core/rand.h"
#include "io/http.h"
#include "io/multipart.h"
#include "io/uri.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* Own limits stay below what the library's pool holds, so that every refusal can be answered. */
enum {
    HTTP_POOL_BYTES = 16 * 1024,
    HTTP_HEADERS_MAX = 64,
    HTTP_HEADER_BYTES_MAX = 8192,
    HTTP_REQUEST_ARENA_BYTES_MAX = 1 << 30,
    HTTP_SPOOL_CHUNK_BYTES = 256 * 1024,   /* of a file in memory before it goes to the spool */
    HTTP_FORM_BYTES_MAX = 256 * 1024,      /* all text fields of a form */
    HTTP_FORM_OVERHEAD_BYTES = 512 * 1024, /* what a form may add to the bytes of its file */
    HTTP_SWALLOW_BYTES_MAX = 1 << 20, /* of a refused body, read for a proper answer at its end */
    HTTP_SPARE_REQUESTS = 32,         /* finished requests kept per loop for reuse */
    HTTP_LINGER_MS = 2000             /* after the drain deadline, for the last answers */
};

struct http_job;

/* ---- threads that do work --------------------------------------------------------------------- */

/* A queue of jobs and the threads that run them. */
struct http_pool {
    pthread_mutex_t lock; /* head, tail, stopping, and changes of n_waiting */
    pthread_cond_t wake;
    struct http_job *head, *tail;
    atomic_size_t n_waiting;
    size_t n_waiting_max; /* 0 = no bound: then there is at most one job per connection */
    bool stopping;
    pthread_t *threads;
    size_t n_threads;
};

struct http_job {
    struct http_job *next;
    struct http_state *state;
    void (*run)(struct http_state *state); /* on a thread of the pool */
    bool dropped;                          /* taken out of the queue without having run */
};

/* Starts n_threads at the nice value. Fails: MEMORY, IO. */
WN_MUST_USE wn_rc http_pool_start(struct http_pool *p, size_t n_threads, size_t n_waiting_max,
                                  int nice_value, struct wn_why *why);
/* False when the queue is full. */
WN_MUST_USE bool http_pool_put(struct http_pool *p, struct http_job *job);
bool http_pool_is_full(const struct http_pool *p);
/* Hands back every job that has not begun, to its loop's mailbox. */
void http_pool_drop_waiting(struct http_pool *p);
/* Waits for running jobs, joins. Accepts a zeroed pool. */
void http_pool_stop(struct http_pool *p);

/* ---- a loop, its connections and their requests ----------------------------------------------- */

typedef enum http_phase {
    PHASE_IDLE, /* nothing of a request has been seen */
    PHASE_HEAD, /* the request line has been seen */
    PHASE_BODY, /* the head was accepted, the body arrives */
    PHASE_BUSY, /* with a handler, a worker or the spooler; no deadline of ours */
    PHASE_REPLY /* the answer is on its way */
} http_phase;

/* One connection: the library's socket context, from STARTED to CLOSED. */
struct http_conn {
    struct http_loop *loop;
    struct MHD_Connection *mhd;
    struct http_conn *next, *prev;
    int fd;
    http_phase phase;
    int64_t phase_since_ns;
    int64_t phase_grace_ns; /* PHASE_BODY, PHASE_REPLY: how long it may take by the rate rule */
    bool is_fresh;          /* no request has been completed yet */
    bool is_shut;           /* we have shut the socket: the library will find out */
    char *target;           /* as it came; NULL until the request line was seen */
    size_t n_target;
    size_t target_size_bytes;
    struct http_state *state; /* of the request in flight, or NULL */
};

typedef enum http_step {
    STEP_BODY,     /* the body arrives */
    STEP_REFUSED,  /* the response is a refusal: swallow the rest of the body, then answer */
    STEP_SPOOLING, /* suspended; the spooler writes chunk */
    STEP_QUEUED,   /* suspended; waits for a worker or runs on one */
    STEP_DONE      /* the response is ready */
} http_step;

/* A request: freed when neither the library nor a job refers to it. Both references are counted
 * on the loop's thread, since finished jobs come back through the mailbox. */
struct http_state {
    struct wn_http_request request; /* first: request->internal points here */
    struct wn_http *http;
    struct http_loop *loop;
    struct http_conn *conn; /* NULL once the library has let go */
    int n_refs;
    atomic_bool gone; /* the client has left; read by workers */
    bool is_suspended;
    bool has_body;     /* the head announces one */
    bool is_abandoned; /* answered 503 at the drain deadline while a job may still run */
    int status_sent;
    uint64_t n_bytes_sent;
    http_step step;
    struct wn_http_plan plan;
    struct wn_http_response response;
    struct wn_http_param *headers; /* arena copies: workers may read them at any time */
    size_t n_headers;
    uint64_t n_body;       /* bytes of the body so far */
    uint64_t n_body_phase; /* likewise since the phase began: for the rate rule */
    uint64_t n_swallowed;  /* of a refused body */
    struct wn_buf body;
    struct wn_multipart form;
    struct wn_buf chunk; /* of the file, not yet in the spool */
    struct wn_buf field; /* the text field that arrives */
    struct wn_str field_name;
    size_t n_form_bytes;
    bool is_form;
    bool in_file;
    wn_rc spool_rc; /* of the spooler; with why */
    struct wn_why why;
    struct http_job job;
    struct http_state *mail_next;
    struct http_state *spare_next;
};

struct http_loop {
    struct wn_http *http;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool has_thread;
    int listen_fd; /* ours until the daemon has it */
    int epoll_fd, daemon_epoll_fd, mail_fd;
    bool kick;
    struct http_conn *conns;
    size_t n_suspended;
    struct http_state *spare;
    size_t n_spare;
    struct wn_rand rand; /* for request ids */
    int64_t sweep_at_ns;
    bool is_draining;
    int64_t drain_until_ns;
    int64_t log_window_ns; /* rate limit of the library's messages */
    int n_log_in_window;

    pthread_mutex_t mail_lock; /* mail_head, mail_tail */
    struct http_state *mail_head, *mail_tail;
};

struct wn_http {
    struct wn_http_options options; /* defaults filled in */
    uint16_t port;
    struct http_loop *loops;
    size_t n_loops;
    struct http_pool workers, spooler;
    atomic_bool stopping;  /* drain */
    atomic_bool cancelled; /* the drain deadline has passed */
    _Atomic uint64_t n_connections, n_requests, n_suspended;
};

/* http_loop.c */
WN_MUST_USE wn_rc http_loop_open(struct http_loop *l, struct wn_why *why);
WN_MUST_USE wn_rc http_loop_run(struct http_loop *l, struct wn_why *why); /* starts the thread */
void http_loop_wake(struct http_loop *l);                                 /* any thread */
void http_loop_mail(struct http_state *s);                                /* any thread */
void http_loop_close(struct http_loop *l);                                /* after the join */
void http_conn_phase(struct http_conn *c, http_phase phase, int64_t grace_ns);

/* http_request.c: the library's callbacks and what happens to a request. */
void *http_on_uri(void *loop, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *loop, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload_data,
                                size_t *upload_data_size, void **con_cls);
void http_on_completed(void *loop, struct MHD_Connection *mhd, void **con_cls,
                       enum MHD_RequestTerminationCode why);
/* A job has come back: resumes its connection, or frees the request whose client has left. */
void http_request_returned(struct http_state *s);
/* The drain deadline has passed: what is suspended answers 503. */
void http_request_abandon(struct http_state *s);
struct http_state *http_state_new(struct http_loop *l);
void http_state_unref(struct http_state *s);
/* Fills s->response through the caller's refuse handler. */
void http_refuse(struct http_state *s, int status, const struct wn_why *why);
/* Writes s->response on the socket as far as it takes it at once, and shuts our side: for moments
 * in which the library takes no answer. */
void http_answer_raw(struct http_state *s, int fd);

/* http_head.c: the checks on a request's head. 0 when it may go on, else the status of the refusal
 * with why. Fills s->request's method, target, path, query, id and the headers. */
WN_MUST_USE int http_head_check(struct http_state *s, struct MHD_Connection *mhd,
                                const char *method, const char *version, struct wn_why *why);

/* http_body.c: where the bytes of a body go. 0, or the status of the refusal with why. */
WN_MUST_USE int http_body_begin(struct http_state *s, struct wn_why *why);
WN_MUST_USE int http_body_push(struct http_state *s, struct wn_str bytes, struct wn_why *why);
/* True when the chunk should be written before more is taken (always, if_any, when one is left). */
bool http_body_wants_spool(const struct http_state *s, bool if_any);
void http_body_spool(struct http_state *s); /* on the spooler's thread */
WN_MUST_USE int http_body_finish(struct http_state *s, struct wn_why *why);

#endif
