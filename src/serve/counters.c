#include "serve/counters.h"

#include "io/http.h"

#include <stdlib.h>

/* Statuses that are told apart; any other one counts in the last slot. */
static const int statuses[] = {200, 201, 202, 204, 302, 304, 400, 403, 404, 405, 408, 409,
                               411, 413, 414, 415, 417, 421, 431, 500, 501, 503, 504, 507};
enum { N_STATUSES = WN_COUNT(statuses) + 1 };

static const int64_t bucket_us[] = {500,    1000,   2500,   5000,    10000,   25000,   50000,
                                    100000, 250000, 500000, 1000000, 2500000, 10000000};
static const char *const bucket_text[] = {"0.0005", "0.001", "0.0025", "0.005", "0.01",
                                          "0.025",  "0.05",  "0.1",    "0.25",  "0.5",
                                          "1",      "2.5",   "10"};
enum { N_BUCKETS = WN_COUNT(bucket_us) };

struct row {
    _Atomic uint64_t by_status[N_STATUSES];
    _Atomic uint64_t by_bucket[N_BUCKETS + 1]; /* not cumulative; the last holds the rest */
    _Atomic uint64_t duration_us;
};

struct wn_http_counters {
    size_t n_rows;
    struct row *rows;
    _Atomic int64_t in_flight;
    _Atomic uint64_t sent_bytes;
    const struct wn_http *_Atomic http;
};

wn_rc wn_http_counters_new(size_t n_rows, struct wn_http_counters **out, struct wn_why *why)
{
    struct wn_http_counters *c = calloc(1, sizeof *c);
    if (c)
        c->rows = calloc(n_rows, sizeof *c->rows);
    if (!c || !c->rows) {
        free(c);
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    }
    c->n_rows = n_rows;
    *out = c;
    return WN_OK;
}

void wn_http_counters_free(struct wn_http_counters *c)
{
    if (!c)
        return;
    free(c->rows);
    free(c);
}

void wn_http_counters_set_http(struct wn_http_counters *c, const struct wn_http *http)
{
    atomic_store(&c->http, http);
}

void wn_http_counters_begin(struct wn_http_counters *c)
{
    atomic_fetch_add_explicit(&c->in_flight, 1, memory_order_relaxed);
}

void wn_http_counters_end(struct wn_http_counters *c)
{
    atomic_fetch_sub_explicit(&c->in_flight, 1, memory_order_relaxed);
}

static size_t status_slot(int status)
{
    for (size_t i = 0; i < WN_COUNT(statuses); i++)
        if (statuses[i] == status)
            return i;
    return WN_COUNT(statuses);
}

static size_t bucket_of(int64_t duration_us)
{
    size_t i = 0;
    while (i < N_BUCKETS && duration_us > bucket_us[i])
        i++;
    return i;
}

void wn_http_counters_add(struct wn_http_counters *c, size_t row, int status, uint64_t n_bytes,
                          int64_t duration_ns)
{
    WN_ASSERT(row < c->n_rows);
    int64_t us = duration_ns > 0 ? duration_ns / 1000 : 0;
    struct row *r = &c->rows[row];
    atomic_fetch_add_explicit(&r->by_status[status_slot(status)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->by_bucket[bucket_of(us)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->duration_us, (uint64_t)us, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->sent_bytes, n_bytes, memory_order_relaxed);
}

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void print_requests(const struct wn_http_counters *c,
                           struct wn_counter_label (*label)(size_t row), struct wn_buf *out)
{
    wn_buf_append_z(out, "# HELP winnow_http_requests_total Requests answered.\n"
                         "# TYPE winnow_http_requests_total counter\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        struct wn_counter_label l = label(i);
        for (size_t k = 0; k < N_STATUSES; k++) {
            uint64_t n = load(&c->rows[i].by_status[k]);
            if (!n)
                continue;
            wn_buf_printf(out, "winnow_http_requests_total{method=\"%s\",route=\"%s\",status=\"",
                          l.method, l.route);
            if (k < WN_COUNT(statuses))
                wn_buf_printf(out, "%d", statuses[k]);
            else
                wn_buf_append_z(out, "other");
            wn_buf_printf(out, "\"} %llu\n", (unsigned long long)n);
        }
    }
}

static void print_histogram(const struct row *r, struct wn_counter_label l, struct wn_buf *out)
{
    static const char name[] = "winnow_http_request_duration_seconds";
    uint64_t sum = 0, us = load(&r->duration_us);
    for (size_t k = 0; k <= N_BUCKETS; k++) {
        sum += load(&r->by_bucket[k]);
        wn_buf_printf(out, "%s_bucket{method=\"%s\",route=\"%s\",le=\"%s\"} %llu\n", name, l.method,
                      l.route, k < N_BUCKETS ? bucket_text[k] : "+Inf", (unsigned long long)sum);
    }
    wn_buf_printf(out, "%s_sum{method=\"%s\",route=\"%s\"} %llu.%06llu\n", name, l.method, l.route,
                  (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
    wn_buf_printf(out, "%s_count{method=\"%s\",route=\"%s\"} %llu\n", name, l.method, l.route,
                  (unsigned long long)sum);
}

static bool is_used(const struct row *r)
{
    for (size_t k = 0; k < N_STATUSES; k++)
        if (load(&r->by_status[k]))
            return true;
    return false;
}

void wn_http_counters_print(const struct wn_http_counters *c,
                            struct wn_counter_label (*label)(size_t row), struct wn_buf *out)
{
    print_requests(c, label, out);
    wn_buf_append_z(out, "# HELP winnow_http_request_duration_seconds From the head of a request "
                         "to the end of its answer.\n"
                         "# TYPE winnow_http_request_duration_seconds histogram\n");
    for (size_t i = 0; i < c->n_rows; i++)
        if (is_used(&c->rows[i]))
            print_histogram(&c->rows[i], label(i), out);
    wn_buf_printf(out,
                  "# HELP winnow_http_requests_in_flight Requests being answered now.\n"
                  "# TYPE winnow_http_requests_in_flight gauge\n"
                  "winnow_http_requests_in_flight %lld\n"
                  "# HELP winnow_http_sent_bytes_total Bytes of bodies sent.\n"
                  "# TYPE winnow_http_sent_bytes_total counter\n"
                  "winnow_http_sent_bytes_total %llu\n",
                  (long long)atomic_load_explicit(&c->in_flight, memory_order_relaxed),
                  (unsigned long long)load(&c->sent_bytes));
    const struct wn_http *http = atomic_load(&c->http);
    if (!http)
        return;
    struct wn_http_stats stats = {0};
    wn_http_get_stats(http, &stats);
    wn_buf_printf(out,
                  "# HELP winnow_http_connections Connections open now.\n"
                  "# TYPE winnow_http_connections gauge\n"
                  "winnow_http_connections %llu\n"
                  "# HELP winnow_http_jobs_waiting Requests waiting for a worker.\n"
                  "# TYPE winnow_http_jobs_waiting gauge\n"
                  "winnow_http_jobs_waiting %llu\n",
                  (unsigned long long)stats.n_connections,
                  (unsigned long long)stats.n_jobs_waiting);
}
