#include "io/http.h"

#include "io/clock.h"
#include "io/http_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LISTEN_BACKLOG = 4096,
    WORKER_NICE = 10, /* measured: the I/O loops keep their latency while workers are saturated */
    LOOPS_MAX = 64,
    WORKERS_MAX = 256,
    FIRST_INHERITED_FD = 3
};

static int n_cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (int)n;
}

static wn_rc fill_options(struct wn_http_options *o, struct wn_why *why)
{
    if (!o->handlers.plan || !o->handlers.handle)
        return wn_fail(why, WN_INVALID, "handlers", "plan and handle are required");
    if (!o->address)
        o->address = "127.0.0.1";
    if (!o->spool_dir)
        o->spool_dir = "/tmp";
    if (o->n_loops <= 0)
        o->n_loops = 1;
    if (o->n_workers <= 0)
        o->n_workers = n_cores();
    if (o->n_jobs_max <= 0)
        o->n_jobs_max = 256;
    if (o->head_timeout_ms <= 0)
        o->head_timeout_ms = 10000;
    if (o->idle_timeout_ms <= 0)
        o->idle_timeout_ms = 75000;
    if (o->body_bytes_per_s_min <= 0)
        o->body_bytes_per_s_min = 1024;
    if (o->drain_timeout_ms <= 0)
        o->drain_timeout_ms = 5000;
    if (o->n_loops > LOOPS_MAX || o->n_workers > WORKERS_MAX)
        return wn_fail(why, WN_INVALID, "n_loops", "at most %d loops and %d workers", LOOPS_MAX,
                       WORKERS_MAX);
    return WN_OK;
}

/* ---- listening -------------------------------------------------------------------------------- */

static wn_rc resolve(const struct wn_http_options *o, struct addrinfo **out, struct wn_why *why)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char port[8];
    snprintf(port, sizeof port, "%u", o->port);
    int error = getaddrinfo(o->address, port, &hints, out);
    if (error)
        return wn_fail(why, WN_INVALID, "address", "%s is not a numeric address: %s", o->address,
                       gai_strerror(error));
    return WN_OK;
}

static void set_port(struct sockaddr *address, uint16_t port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t n = sizeof address;
    if (getsockname(fd, &address.any, &n) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

/* A listening socket. With shared, several of one port may exist: one per loop. */
static wn_rc listen_on(const struct addrinfo *at, bool shared, int *out, struct wn_why *why)
{
    int one = 1, error = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return wn_fail(why, WN_IO, NULL, "cannot make a socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) != 0)
        error = errno;
    if (!error && bind(fd, at->ai_addr, at->ai_addrlen) != 0)
        error = errno;
    if (!error && listen(fd, LISTEN_BACKLOG) != 0)
        error = errno;
    if (!error) {
        *out = fd;
        return WN_OK;
    }
    close(fd);
    if (error == EADDRINUSE)
        return wn_fail(why, WN_BUSY, "port", "another program already listens on this port");
    if (error == EACCES)
        return wn_fail(why, WN_INVALID, "port", "this user may not listen on this port");
    if (error == EADDRNOTAVAIL)
        return wn_fail(why, WN_INVALID, "address", "this machine does not have this address");
    return wn_fail(why, WN_IO, "port", "cannot listen: %s", strerror(error));
}

/* Sharing a port would join any other program of this user that shares it: first see that a socket
 * which does not share can have it. */
static wn_rc probe_port(const struct addrinfo *at, struct wn_why *why)
{
    int fd = -1;
    wn_rc rc = listen_on(at, false, &fd, why);
    if (fd >= 0)
        close(fd);
    return rc;
}

static wn_rc open_sockets(struct wn_http *h, struct wn_why *why)
{
    struct addrinfo *at = NULL;
    bool shared = h->n_loops > 1;
    wn_rc rc = resolve(&h->options, &at, why);
    if (!rc && shared && h->options.port)
        rc = probe_port(at, why);
    for (size_t i = 0; i < h->n_loops && !rc; i++) {
        rc = listen_on(at, shared, &h->loops[i].listen_fd, why);
        if (!rc && i == 0) {
            h->port = port_of(h->loops[i].listen_fd);
            set_port(at->ai_addr, h->port);
        }
    }
    if (at)
        freeaddrinfo(at);
    return rc;
}

/* Sockets handed over by a service manager (LISTEN_PID, LISTEN_FDS): how many, 0 for none. */
static size_t n_inherited(void)
{
    const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
    char own[24];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    if (!pid || !fds || strcmp(pid, own) != 0 || fds[0] < '1' || fds[0] > '9')
        return 0;
    size_t n = (size_t)(fds[0] - '0');
    if (fds[1])
        n = LOOPS_MAX;
    return n;
}

static wn_rc take_inherited(struct wn_http *h, struct wn_why *why)
{
    for (size_t i = 0; i < h->n_loops; i++) {
        int fd = FIRST_INHERITED_FD + (int)i, listens = 0;
        socklen_t n = sizeof listens;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) != 0 || !listens)
            return wn_fail(why, WN_INVALID, "LISTEN_FDS", "descriptor %d is no listening socket",
                           fd);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        h->loops[i].listen_fd = fd;
    }
    h->port = port_of(h->loops[0].listen_fd);
    unsetenv("LISTEN_PID"); /* taken: not for a second server of this process */
    unsetenv("LISTEN_FDS");
    return WN_OK;
}

/* ---- start and stop --------------------------------------------------------------------------- */

static wn_rc make_loops(struct wn_http *h, struct wn_why *why)
{
    size_t inherited = n_inherited();
    h->n_loops = (size_t)h->options.n_loops;
    if (inherited > 0 && inherited < h->n_loops)
        h->n_loops = inherited;
    h->loops = calloc(h->n_loops, sizeof *h->loops);
    if (!h->loops) {
        h->n_loops = 0;
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    for (size_t i = 0; i < h->n_loops; i++) {
        struct http_loop *l = &h->loops[i];
        uint64_t seed = (uint64_t)wn_clock_monotonic_ns();
        ssize_t ignored = getrandom(&seed, sizeof seed, 0); /* else ids are merely guessable */
        (void)ignored;
        *l = (struct http_loop){.http = h, .listen_fd = -1, .epoll_fd = -1, .mail_fd = -1};
        pthread_mutex_init(&l->mail_lock, NULL);
        wn_rand_init(&l->rand, seed + i);
    }
    return inherited > 0 ? take_inherited(h, why) : open_sockets(h, why);
}

static wn_rc start_threads(struct wn_http *h, struct wn_why *why)
{
    const struct wn_http_options *o = &h->options;
    wn_rc rc =
        http_pool_start(&h->workers, (size_t)o->n_workers, (size_t)o->n_jobs_max, WORKER_NICE, why);
    if (!rc)
        rc = http_pool_start(&h->spooler, 1, 0, 0, why);
    for (size_t i = 0; i < h->n_loops && !rc; i++)
        rc = http_loop_run(&h->loops[i], why);
    return rc;
}

wn_rc wn_http_start(const struct wn_http_options *options, struct wn_http **out, struct wn_why *why)
{
    struct wn_http *h = calloc(1, sizeof *h);
    if (!h)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    h->options = *options;
    wn_rc rc = fill_options(&h->options, why);
    if (!rc)
        rc = make_loops(h, why);
    for (size_t i = 0; i < h->n_loops && !rc; i++)
        rc = http_loop_open(&h->loops[i], why);
    if (!rc) {
        signal(SIGPIPE,
               SIG_IGN); /* a client that left is an error of a write, not of the process */
        rc = start_threads(h, why);
    }
    if (rc) {
        wn_http_stop(h);
        return rc;
    }
    *out = h;
    return WN_OK;
}

uint16_t wn_http_port(const struct wn_http *h)
{
    return h->port;
}

void wn_http_stop(struct wn_http *h)
{
    if (!h)
        return;
    atomic_store(&h->stopping, true);
    for (size_t i = 0; i < h->n_loops; i++)
        if (h->loops[i].has_thread)
            http_loop_wake(&h->loops[i]);
    for (size_t i = 0; i < h->n_loops; i++)
        if (h->loops[i].has_thread)
            pthread_join(h->loops[i].thread, NULL);
    /* Jobs beyond the deadline have seen wn_http_cancelled; their results come to the mailboxes. */
    http_pool_stop(&h->workers);
    http_pool_stop(&h->spooler);
    for (size_t i = 0; i < h->n_loops; i++)
        http_loop_close(&h->loops[i]);
    free(h->loops);
    free(h);
}

void wn_http_get_stats(const struct wn_http *h, struct wn_http_stats *out)
{
    *out = (struct wn_http_stats){.n_connections = atomic_load(&h->n_connections),
                                  .n_requests = atomic_load(&h->n_requests),
                                  .n_suspended = atomic_load(&h->n_suspended),
                                  .n_jobs_waiting = atomic_load(&h->workers.n_waiting)};
}
