/* Opens a data directory: the one place that names the concrete engines. */
#ifndef WN_CLI_WIRE_H
#define WN_CLI_WIRE_H

#include "cli/options.h"
#include "io/file.h"
#include "serve/server.h"
#include "store/catalog.h"
#include "store/facts.h"

#define WN_PATH_MAX 4096

/* An opened data directory, held by this process alone. */
struct wn_home {
    char dir[WN_PATH_MAX];
    struct wn_lock lock;
    struct wn_facts *facts;
    struct wn_catalog *catalog;
};

/* The option every command that works on data has. */
#define WN_OPTION_DATA                                                                             \
    {                                                                                              \
        .name = "data", .letter = 'd', .kind = WN_OPTION_TEXT, .value_name = "DIR",                \
        .help = "The data directory. Without it: $WINNOW_DATA, else ~/.local/share/winnow."        \
    }
/* Its value, or what stands in for it. out [WN_PATH_MAX]. */
WN_MUST_USE wn_rc wn_data_dir(const struct wn_args *args, char *out, struct wn_why *why);

/* Takes the lock and opens the stores, making what is missing. *note (in a): what was repaired, or
 * empty. Fails: BUSY (another winnow holds it), DISK, NEWER, CORRUPT, IO, MEMORY. */
WN_MUST_USE wn_rc wn_home_open(const char *dir, struct wn_arena *a, struct wn_home *out,
                               struct wn_str *note, struct wn_why *why);
void wn_home_close(struct wn_home *home); /* accepts a zeroed one */

/* A server tells others of this machine where it listens by a file in the data directory. */
WN_MUST_USE wn_rc wn_home_announce(const struct wn_home *home, uint16_t port, struct wn_why *why);
void wn_home_retract(const struct wn_home *home);
/* The port of the server that holds dir; NOT_FOUND when none has said so. */
WN_MUST_USE wn_rc wn_home_server_port(const char *dir, uint16_t *out, struct wn_why *why);

/* What the server works with, on an opened home. */
struct wn_app wn_home_app(const struct wn_home *home);

/* An address that answers for the data directory: the server that holds it, or one of our own,
 * started for the time being on a free port of the loopback interface. */
struct wn_reach {
    uint16_t port;
    struct wn_home home; /* used when the server is ours */
    struct wn_app app;
    struct wn_server *server; /* NULL: somebody else's */
};
/* True when dir has been used by winnow before; opening makes stores where there are none. */
WN_MUST_USE bool wn_home_exists(const char *dir);

/* Fails: NOT_FOUND when dir has never been used: a question must not make an empty directory. */
WN_MUST_USE wn_rc wn_reach_open(const char *dir, struct wn_reach *out, struct wn_why *why);
void wn_reach_close(struct wn_reach *reach);

/* Fills an empty workspace with the sample: 90 days, 6 channels, 60 campaigns of the simulated
 * market, ending yesterday. CONFLICT when the workspace has data. */
WN_MUST_USE wn_rc wn_sample_load(struct wn_app *app, struct wn_why *why);

/* Prints "winnow: <text>" and what can be done, for a person; returns the exit status 1. */
int wn_complain(wn_rc rc, const struct wn_why *why);

#endif
