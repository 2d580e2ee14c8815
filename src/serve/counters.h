/* Counters of the HTTP surface: any thread adds, /metrics reads. */
#ifndef WN_SERVE_COUNTERS_H
#define WN_SERVE_COUNTERS_H

#include "core/buf.h"
#include "core/error.h"

#include <stdatomic.h>

struct wn_http_counters;
struct wn_http;

/* n_rows: one per route and two for the rest. */
WN_MUST_USE wn_rc wn_http_counters_new(size_t n_rows, struct wn_http_counters **out,
                                       struct wn_why *why);
void wn_http_counters_free(struct wn_http_counters *c); /* accepts NULL */
/* http: kept until free; for the gauges of connections and waiting jobs. */
void wn_http_counters_set_http(struct wn_http_counters *c, const struct wn_http *http);
void wn_http_counters_begin(struct wn_http_counters *c);
void wn_http_counters_end(struct wn_http_counters *c);
void wn_http_counters_add(struct wn_http_counters *c, size_t row, int status, uint64_t n_bytes,
                          int64_t duration_ns);

struct wn_counter_label {
    const char *method, *route;
};
/* Appends the Prometheus text of what is counted here; label names row i. */
void wn_http_counters_print(const struct wn_http_counters *c,
                            struct wn_counter_label (*label)(size_t row), struct wn_buf *out);

#endif
