/* The product's HTTP surface: one route table over io/http. */
#ifndef WN_SERVE_SERVER_H
#define WN_SERVE_SERVER_H

#include "io/http.h"
#include "store/catalog.h"
#include "store/facts.h"

/* What handlers work with: borrowed, outlives the server. */
struct wn_app {
    struct wn_facts *facts;
    struct wn_catalog *catalog;
    const char *version;
    const char *data_dir;
    int64_t started_at_ms;
    /* Fills an empty workspace with the sample (CONFLICT when there is data). Given by cli/, since
     * serve/ must not know the sandbox; NULL = not offered. */
    wn_rc (*load_sample)(struct wn_app *app, struct wn_why *why);
    struct wn_import_jobs *import_jobs; /* made by wn_server_start */
    struct wn_http_counters *counters;  /* likewise */
    struct wn_health *health;           /* likewise */
    struct wn_models *models;           /* likewise */
    struct wn_clicks *clicks;           /* likewise */
};

struct wn_server;
struct wn_server_options {
    const char *address;
    uint16_t port;
    int n_loops, n_workers;
};
WN_MUST_USE wn_rc wn_server_start(struct wn_app *app, const struct wn_server_options *options,
                                  struct wn_server **out, struct wn_why *why);
uint16_t wn_server_port(const struct wn_server *s);
void wn_server_stop(struct wn_server *s); /* accepts NULL */

#endif
