/* Talking to the server of this machine, as the commands need it: replies in an arena, problem
 * documents turned into errors. */
#ifndef WN_CLI_REMOTE_H
#define WN_CLI_REMOTE_H

#include "core/json.h"

struct wn_remote_reply {
    int status;
    struct wn_str body; /* arena */
};
#define WN_REMOTE_REPLY_BYTES_MAX (256u << 20)

/* GET http://127.0.0.1:port/path. Any status is a success here. Fails: IO (no answer), LIMIT. */
WN_MUST_USE wn_rc wn_remote_get(uint16_t port, const char *path, struct wn_arena *a,
                                struct wn_remote_reply *out, struct wn_why *why);
/* WN_OK for a status below 400; else the problem document's words in why. */
WN_MUST_USE wn_rc wn_remote_check(const struct wn_remote_reply *reply, struct wn_why *why);

/* A path with parameters: begin with "path", add what is given, percent-encoded. */
void wn_remote_param(struct wn_buf *path, const char *name, struct wn_str value);

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
