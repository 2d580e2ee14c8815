/* Talking to the server of this machine, as the commands need it: replies in an arena, problem
 * documents turned into errors. */
#ifndef WN_CLI_REMOTE_H
#define WN_CLI_REMOTE_H

#include "cli/options.h"
#include "core/json.h"

struct wn_remote_reply {
    int status;
    struct wn_str body; /* arena */
};
#define WN_REMOTE_REPLY_BYTES_MAX (256u << 20)

/* GET http://127.0.0.1:port/path. Any status is a success here. Fails: IO (no answer), LIMIT. */
WN_MUST_USE wn_rc wn_remote_get(uint16_t port, const char *path, struct wn_arena *a,
                                struct wn_remote_reply *out, struct wn_why *why);

/* The days and conditions that choose what a question is about; for an option table. */
#define WN_OPTIONS_SCOPE                                                                           \
    {.name = "from",                                                                               \
     .kind = WN_OPTION_DAY,                                                                        \
     .value_name = "DATE",                                                                         \
     .help = "First day, inclusive; without: the first day that has data."},                       \
        {.name = "to",                                                                             \
         .kind = WN_OPTION_DAY,                                                                    \
         .value_name = "DATE",                                                                     \
         .help = "Last day, inclusive; without: the last day that has data."},                     \
    {                                                                                              \
        .name = "filter", .letter = 'f', .kind = WN_OPTION_TEXT, .value_name = "CONDITIONS",       \
        .help = "Conditions separated by ';'; all must hold."                                      \
    }

/* A question to the server of the data directory that args name, be it one of our own: GET of path,
 * with those options of args as parameters that `names` [n] lists. *body: that of a reply below 400,
 * in a. Fails as the server says, and as opening a data directory does. */
WN_MUST_USE wn_rc wn_remote_ask(const struct wn_args *args, const char *path,
                                const char *const *names, size_t n, struct wn_arena *a,
                                struct wn_str *body, struct wn_why *why);

struct wn_remote_field {
    const char *name;
    struct wn_str value; /* left out when empty */
};
typedef bool wn_remote_progress_fn(void *context, uint64_t done, uint64_t total, uint64_t n_rows);

/* POST /api/v1/imports with the file and the fields, then follows the import to its end. *summary:
 * its summary as JSON text, in a. Fails with the server's own words; CANCELLED when on_progress
 * returned false during the upload. */
WN_MUST_USE wn_rc wn_remote_import(uint16_t port, const char *path,
                                   const struct wn_remote_field *fields, size_t n_fields,
                                   wn_remote_progress_fn *on_progress, void *context,
                                   struct wn_arena *a, struct wn_str *summary, struct wn_why *why);

#endif
