/* Asks a server at a steady rate and prints how long the answers took.
 *     bench_steady PORT PATH RATE SECONDS CONNECTIONS < bodies.jsonl
 *
 * An open loop: request number i is due at i / RATE seconds, whether or not earlier ones have been
 * answered, and its time runs from the moment it was due. So a server that stalls is charged for all
 * that would have been asked meanwhile (no coordinated omission). One thread, keep-alive
 * connections; a request that finds none free waits, and its waiting counts. Each line of the input
 * is a JSON body, sent in turn. Answers must be 200 with a Content-Length. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1024, BODIES_MAX = 4096, DRAIN_S = 5 };

struct connection {
    int fd;
    bool is_busy;
    int64_t due_ns;
    char answer[1 << 16];
    size_t n;
};

struct load {
    const char *path;
    char *requests[BODIES_MAX]; /* ready to send */
    size_t sizes[BODIES_MAX], n_requests;
    struct connection *connections;
    int n_connections, *idle, n_idle; /* idle: a stack of numbers */
    int64_t *took_ns;                 /* [n_total] */
    size_t n_total, n_sent, n_done, n_failed;
    int64_t start_ns, step_ns;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_steady: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void read_bodies(struct load *l, int port)
{
    char line[1 << 16];
    while (l->n_requests < BODIES_MAX && fgets(line, sizeof line, stdin)) {
        size_t n = strcspn(line, "\n");
        size_t room = n + strlen(l->path) + 256;
        char *p = malloc(room);
        if (!p)
            fail("memory");
        line[n] = '\0';
        int size = snprintf(p, room,
                            "POST %s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: "
                            "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                            l->path, port, n, line);
        l->sizes[l->n_requests] = (size_t)size;
        l->requests[l->n_requests++] = p;
    }
    if (l->n_requests == 0) {
        (void)fprintf(stderr, "bench_steady: give bodies on the standard input, one a line\n");
        exit(2);
    }
}

static void open_connections(struct load *l, int port, int epoll)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < l->n_connections; i++) {
        struct connection *c = &l->connections[i];
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to))
            fail("connect");
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        (void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e))
            fail("epoll");
        l->idle[l->n_idle++] = i;
    }
}

/* Sends what is due, as far as connections are free. */
static void send_due(struct load *l)
{
    while (l->n_sent < l->n_total && l->n_idle) {
        int64_t due = l->start_ns + (int64_t)l->n_sent * l->step_ns;
        if (due > now_ns())
            return;
        struct connection *c = &l->connections[l->idle[--l->n_idle]];
        size_t k = l->n_sent++ % l->n_requests;
        c->is_busy = true;
        c->due_ns = due;
        c->n = 0;
        if (send(c->fd, l->requests[k], l->sizes[k], MSG_NOSIGNAL) != (ssize_t)l->sizes[k])
            fail("send");
    }
}

/* The size of the whole answer, 0 while its head is not complete. */
static size_t size_of_answer(const struct connection *c)
{
    const char *end = memmem(c->answer, c->n, "\r\n\r\n", 4);
    const char *length = memmem(c->answer, c->n, "Content-Length: ", 16);
    if (!end || !length || length > end)
        return 0;
    return (size_t)(end - c->answer) + 4 + strtoul(length + 16, NULL, 10);
}

static void receive(struct load *l, int at)
{
    struct connection *c = &l->connections[at];
    ssize_t got = recv(c->fd, c->answer + c->n, sizeof c->answer - 1 - c->n, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        fail("a connection was closed");
    c->n += (size_t)got;
    c->answer[c->n] = '\0';
    size_t size = size_of_answer(c);
    if (size == 0 || c->n < size || !c->is_busy)
        return;
    l->took_ns[l->n_done++] = now_ns() - c->due_ns;
    l->n_failed += strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0;
    c->is_busy = false;
    l->idle[l->n_idle++] = at;
}

static void set_timer(const struct load *l, int timer)
{
    int64_t due = l->start_ns + (int64_t)l->n_sent * l->step_ns;
    struct itimerspec t = {.it_value = {due / 1000000000, due % 1000000000}};
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, NULL))
        fail("timer");
}

static void run(struct load *l, int epoll, int timer)
{
    struct epoll_event events[64];
    l->start_ns = now_ns() + 100000000;
    int64_t give_up_ns =
        l->start_ns + (int64_t)l->n_total * l->step_ns + DRAIN_S * INT64_C(1000000000);
    while (l->n_done < l->n_total && now_ns() < give_up_ns) {
        send_due(l);
        if (l->n_sent < l->n_total && l->n_idle)
            set_timer(l, timer);
        int n = epoll_wait(epoll, events, 64, 1000);
        for (int i = 0; i < n; i++) {
            uint64_t ticks;
            if (events[i].data.u32 == UINT32_MAX)
                (void)!read(timer, &ticks, sizeof ticks);
            else
                receive(l, (int)events[i].data.u32);
        }
    }
}

static int by_size(const void *x, const void *y)
{
    int64_t p = *(const int64_t *)x, q = *(const int64_t *)y;
    return (p > q) - (p < q);
}

static void print(struct load *l, double rate)
{
    static const double shares[] = {.5, .9, .99, .999};
    static const char *const names[] = {"p50", "p90", "p99", "p99.9"};
    qsort(l->took_ns, l->n_done, sizeof *l->took_ns, by_size);
    (void)printf("  %zu of %zu asked at %.0f/s over %d connections, %zu failed:", l->n_done,
                 l->n_total, rate, l->n_connections, l->n_failed);
    for (int i = 0; i < 4 && l->n_done; i++)
        (void)printf(" %s %.0f us", names[i],
                     (double)l->took_ns[(size_t)(shares[i] * (double)(l->n_done - 1))] / 1e3);
    if (l->n_done)
        (void)printf(" max %.0f us\n", (double)l->took_ns[l->n_done - 1] / 1e3);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        (void)fprintf(stderr, "usage: bench_steady PORT PATH RATE SECONDS CONNECTIONS < bodies\n");
        return 2;
    }
    struct load l = {.path = argv[2]};
    int port = (int)strtol(argv[1], NULL, 10);
    double rate = strtod(argv[3], NULL), seconds = strtod(argv[4], NULL);
    l.n_connections = (int)strtol(argv[5], NULL, 10);
    if (!(rate >= 1 && rate <= 1e6 && seconds > 0 && seconds <= 3600) || l.n_connections < 1 ||
        l.n_connections > CONNECTIONS_MAX) {
        (void)fprintf(stderr,
                      "bench_steady: 1 to 1e6 a second, up to an hour, 1 to %d connections\n",
                      CONNECTIONS_MAX);
        return 2;
    }
    l.step_ns = (int64_t)(1e9 / rate);
    l.n_total = (size_t)(rate * seconds);
    l.connections = calloc((size_t)l.n_connections, sizeof *l.connections);
    l.idle = calloc((size_t)l.n_connections, sizeof *l.idle);
    l.took_ns = calloc(l.n_total + 1, sizeof *l.took_ns);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (!l.connections || !l.idle || !l.took_ns || epoll < 0 || timer < 0)
        fail("start");
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &e))
        fail("epoll");
    (void)prctl(PR_SET_TIMERSLACK, 1);
    read_bodies(&l, port);
    open_connections(&l, port, epoll);
    run(&l, epoll, timer);
    print(&l, rate);
    return l.n_done == l.n_total && l.n_failed == 0 ? 0 : 1;
}
