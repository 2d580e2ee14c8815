#include "io/clock.h"
#include "io/http_int.h"
#include "io/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t NS_PER_MS = 1000000;

/* ---- connections ------------------------------------------------------------------------------ */

void http_conn_phase(struct http_conn *c, http_phase phase, int64_t grace_ns)
{
    c->phase = phase;
    c->phase_since_ns = wn_clock_monotonic_ns();
    c->phase_grace_ns = grace_ns;
}

static void conn_open(struct http_loop *l, struct MHD_Connection *mhd, void **context)
{
    struct http_conn *c = calloc(1, sizeof *c);
    if (!c)
        return; /* its requests are refused */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *c = (struct http_conn){.loop = l, .mhd = mhd, .fd = info ? info->connect_fd : -1};
    c->is_fresh = true;
    http_conn_phase(c, PHASE_IDLE, 0);
    c->next = l->conns;
    if (c->next)
        c->next->prev = c;
    l->conns = c;
    *context = c;
    atomic_fetch_add(&l->http->n_connections, 1);
}

static void conn_close(struct http_loop *l, struct http_conn *c)
{
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    atomic_fetch_sub(&l->http->n_connections, 1);
    free(c->target);
    free(c);
}

static void on_connection(void *loop, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        conn_open(loop, mhd, context);
    else if (*context)
        conn_close(loop, *context);
}

/* ---- deadlines -------------------------------------------------------------------------------- */

static int64_t deadline_ns(const struct http_conn *c)
{
    const struct wn_http_options *o = &c->loop->http->options;
    switch (c->phase) {
    case PHASE_IDLE:
        return c->phase_since_ns +
               (c->is_fresh ? o->head_timeout_ms : o->idle_timeout_ms) * NS_PER_MS;
    case PHASE_HEAD:
        return c->phase_since_ns + o->head_timeout_ms * NS_PER_MS;
    case PHASE_BODY:
    case PHASE_REPLY:
        return c->phase_since_ns + c->phase_grace_ns;
    case PHASE_BUSY:
        break;
    }
    return INT64_MAX;
}

static void conn_shut(struct http_conn *c, int how)
{
    c->is_shut = true;
    c->loop->kick = true;
    shutdown(c->fd, how);
}

/* A client that was too slow with its request is told so; then the socket is shut and the library
 * finds out. */
static void conn_expire(struct http_conn *c)
{
    struct http_state *s = c->state, *made = NULL;
    struct wn_why why = {0};
    if (c->phase == PHASE_HEAD && !s)
        s = made = http_state_new(c->loop);
    if (s && (c->phase == PHASE_HEAD || c->phase == PHASE_BODY)) {
        wn_rc ignored = wn_fail(&why, WN_TIMEOUT, NULL, "the request arrived too slowly");
        (void)ignored;
        http_refuse(s, 408, &why);
        http_answer_raw(s, c->fd);
    }
    if (made)
        http_state_unref(made);
    conn_shut(c, SHUT_RDWR);
}

/* Suspended connections are not watched by the library: look whether the client is still there. */
static void look_for_client(struct http_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
    if (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
        atomic_store(&c->state->gone, true);
}

/* The library misses the end of a stream that arrives together with its last bytes (they are one
 * edge to epoll): look once more, where nothing but reading can be going on. */
static bool has_missed_end(const struct http_conn *c)
{
    char byte;
    bool is_reading = c->phase == PHASE_IDLE || c->phase == PHASE_HEAD || c->phase == PHASE_BODY;
    return is_reading && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sweep(struct http_loop *l, int64_t now_ns)
{
    for (struct http_conn *c = l->conns; c; c = c->next) {
        if (c->state && c->state->is_suspended)
            look_for_client(c);
        else if (!c->is_shut && now_ns >= deadline_ns(c))
            conn_expire(c);
        else if (!c->is_shut && has_missed_end(c))
            conn_shut(c, SHUT_RDWR);
    }
}

/* Often enough to keep the shortest deadline within a quarter of it. */
static int sweep_ms(const struct wn_http_options *o)
{
    int ms = 1000;
    if (o->head_timeout_ms / 4 < ms)
        ms = o->head_timeout_ms / 4;
    if (o->idle_timeout_ms / 4 < ms)
        ms = o->idle_timeout_ms / 4;
    return ms < 20 ? 20 : ms;
}

/* ---- the mailbox ------------------------------------------------------------------------------ */

void http_loop_wake(struct http_loop *l)
{
    uint64_t one = 1;
    ssize_t ignored = write(l->mail_fd, &one, sizeof one);
    (void)ignored; /* it only fails when the counter is full: then the loop is awake anyway */
}

void http_loop_mail(struct http_state *s)
{
    struct http_loop *l = s->loop;
    pthread_mutex_lock(&l->mail_lock);
    s->mail_next = NULL;
    if (l->mail_tail)
        l->mail_tail->mail_next = s;
    else
        l->mail_head = s;
    l->mail_tail = s;
    pthread_mutex_unlock(&l->mail_lock);
    http_loop_wake(l);
}

static void read_mail(struct http_loop *l)
{
    uint64_t count;
    ssize_t ignored = read(l->mail_fd, &count, sizeof count);
    (void)ignored;
    pthread_mutex_lock(&l->mail_lock);
    struct http_state *s = l->mail_head;
    l->mail_head = l->mail_tail = NULL;
    pthread_mutex_unlock(&l->mail_lock);
    while (s) {
        struct http_state *next = s->mail_next;
        s->mail_next = NULL;
        http_request_returned(s);
        s = next;
    }
}

/* ---- stopping --------------------------------------------------------------------------------- */

static void begin_drain(struct http_loop *l, int64_t now_ns)
{
    l->is_draining = true;
    l->drain_until_ns = now_ns + l->http->options.drain_timeout_ms * NS_PER_MS;
    MHD_socket fd = MHD_quiesce_daemon(l->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

/* The drain deadline has passed: who still sends is cut, who waits for work gets 503, and whose
 * answer is on its way may have it. */
static void give_up(struct http_conn *c)
{
    if (c->state && c->state->is_suspended)
        http_request_abandon(c->state);
    else if (c->phase != PHASE_REPLY && c->phase != PHASE_BUSY && !c->is_shut)
        conn_shut(c, SHUT_RDWR);
}

/* True when nothing is left to wait for. */
static bool drain(struct http_loop *l, int64_t now_ns)
{
    if (!l->is_draining)
        begin_drain(l, now_ns);
    for (struct http_conn *c = l->conns; c; c = c->next)
        if (c->phase == PHASE_IDLE && !c->is_shut)
            conn_shut(c, SHUT_RD); /* a request already in the socket is still answered */
    if (now_ns >= l->drain_until_ns) {
        /* What waits is dropped before what runs is told to end, so that nothing begins now. */
        http_pool_drop_waiting(&l->http->workers);
        http_pool_drop_waiting(&l->http->spooler);
        atomic_store(&l->http->cancelled, true);
        read_mail(l);
        for (struct http_conn *c = l->conns; c; c = c->next)
            give_up(c);
    }
    return l->n_suspended == 0 &&
           (!l->conns || now_ns >= l->drain_until_ns + HTTP_LINGER_MS * NS_PER_MS);
}

/* ---- the loop --------------------------------------------------------------------------------- */

static int wait_ms(struct http_loop *l, int64_t now_ns)
{
    MHD_UNSIGNED_LONG_LONG library_ms = 0;
    int64_t ms = l->sweep_at_ns > now_ns ? (l->sweep_at_ns - now_ns) / NS_PER_MS + 1 : 0;
    if (l->kick)
        return 0;
    if (MHD_get_timeout(l->daemon, &library_ms) == MHD_YES && (int64_t)library_ms < ms)
        ms = (int64_t)library_ms;
    if (l->is_draining && ms > 50)
        ms = 50;
    return ms > 1000 ? 1000 : (int)ms;
}

static void turn(struct http_loop *l)
{
    struct epoll_event events[4];
    int ms = wait_ms(l, wn_clock_monotonic_ns());
    l->kick = false;
    epoll_wait(l->epoll_fd, events, WN_COUNT(events), ms);
    read_mail(l);       /* resumes come before the library's turn, or nobody would wake it */
    MHD_run(l->daemon); /* all callbacks run in here */
    int64_t now_ns = wn_clock_monotonic_ns();
    if (now_ns >= l->sweep_at_ns) {
        sweep(l, now_ns);
        l->sweep_at_ns = now_ns + sweep_ms(&l->http->options) * NS_PER_MS;
    }
}

static void *run_loop(void *loop)
{
    struct http_loop *l = loop;
    for (;;) {
        turn(l);
        if (atomic_load(&l->http->stopping) && drain(l, wn_clock_monotonic_ns()))
            break;
    }
    /* A resumed connection leaves the suspended state only in the library's next turn, and
     * stopping with one that has not left aborts the process. */
    MHD_run(l->daemon);
    WN_ASSERT(l->n_suspended == 0);
    MHD_stop_daemon(l->daemon);
    l->daemon = NULL;
    return NULL;
}

static void on_log(void *loop, const char *format, va_list args)
{
    enum { LINES_PER_S = 5 };
    struct http_loop *l = loop;
    int64_t now_ns = wn_clock_monotonic_ns();
    char text[256];
    if (now_ns - l->log_window_ns > 1000 * NS_PER_MS) {
        l->log_window_ns = now_ns;
        l->n_log_in_window = 0;
    }
    if (l->n_log_in_window++ >= LINES_PER_S)
        return;
    vsnprintf(text, sizeof text, format, args);
    wn_log(WN_LOG_DEBUG, "http_library", WN_LOG_TEXT("text", wn_str_trim(wn_str_of(text))));
}

/* Descriptors are shared with files, the database and spools: the loops get what is left. */
static unsigned connections_max(const struct wn_http *h)
{
    struct rlimit limit;
    rlim_t n = 1024, max = 100000;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        n = limit.rlim_cur;
    if (n > max)
        n = max;
    n = n > 512 ? n - 256 : n / 2;
    n /= h->n_loops;
    return n > 0 ? (unsigned)n : 1;
}

static bool watch(struct http_loop *l, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static struct MHD_Daemon *start_daemon(struct http_loop *l)
{
    const struct wn_http_options *o = &l->http->options;
    unsigned timeout_s = (unsigned)(o->idle_timeout_ms + 999) / 1000;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, l->http->port, NULL, NULL,
        http_on_request, l, MHD_OPTION_EXTERNAL_LOGGER, on_log, l, MHD_OPTION_LISTEN_SOCKET,
        l->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES,
        MHD_OPTION_CONNECTION_LIMIT, connections_max(l->http), MHD_OPTION_CONNECTION_TIMEOUT,
        timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, http_on_uri, l, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed,
        l, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_END);
}

wn_rc http_loop_open(struct http_loop *l, struct wn_why *why)
{
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->epoll_fd < 0 || l->mail_fd < 0)
        return wn_fail(why, WN_IO, NULL, "cannot make an event loop: %s", strerror(errno));
    l->daemon = start_daemon(l);
    if (!l->daemon)
        return wn_fail(why, WN_IO, NULL, "cannot start the HTTP library: %s", strerror(errno));
    l->listen_fd = -1; /* the daemon closes it */
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || !watch(l, info->epoll_fd) || !watch(l, l->mail_fd))
        return wn_fail(why, WN_IO, NULL, "cannot watch the sockets: %s", strerror(errno));
    return WN_OK;
}

wn_rc http_loop_run(struct http_loop *l, struct wn_why *why)
{
    int error = pthread_create(&l->thread, NULL, run_loop, l);
    if (error)
        return wn_fail(why, WN_IO, NULL, "cannot start a thread: %s", strerror(error));
    l->has_thread = true;
    return WN_OK;
}

void http_loop_close(struct http_loop *l)
{
    if (l->daemon)
        MHD_stop_daemon(l->daemon); /* its thread never started: nothing is connected */
    if (l->mail_fd >= 0)
        read_mail(l);
    while (l->spare) {
        struct http_state *s = l->spare;
        l->spare = s->spare_next;
        wn_arena_deinit(&s->request.arena);
        free(s);
    }
    if (l->listen_fd >= 0)
        close(l->listen_fd);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->mail_fd >= 0)
        close(l->mail_fd);
    pthread_mutex_destroy(&l->mail_lock);
}
