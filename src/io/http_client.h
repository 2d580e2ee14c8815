/* A small blocking HTTP client, for the command line talking to a running server on this machine.
 * One thread at a time per client; connections are kept between calls. Proxies of the environment
 * are not used, redirects not followed. */
#ifndef WN_IO_HTTP_CLIENT_H
#define WN_IO_HTTP_CLIENT_H

#include "core/buf.h"
#include "core/error.h"
#include "io/http.h"

struct wn_http_client;

/* base_url "http://127.0.0.1:8080", copied; targets are put behind it. timeout_ms bounds a whole
 * call, for uploads and downloads the time without any progress; 0 = 30000. Fails: INVALID (no
 * http:// or https:// URL), MEMORY. */
WN_MUST_USE wn_rc wn_http_client_open(const char *base_url, int timeout_ms,
                                      struct wn_http_client **out, struct wn_why *why);
void wn_http_client_close(struct wn_http_client *c); /* accepts NULL */

/* One request. target "/api/v1/imports?x=y", already encoded. body: borrowed; sent as
 * content_type when that is not NULL, else no body. *status is whatever the server said: 4xx and
 * 5xx are answers, not failures. reply: given initialised with its maximum; emptied, then the
 * answer's body. Fails: IO (no server, broken connection), TIMEOUT, LIMIT (answer larger than
 * reply's maximum), MEMORY. */
WN_MUST_USE wn_rc wn_http_client_call(struct wn_http_client *c, wn_http_method method,
                                      const char *target, const char *content_type,
                                      struct wn_str body, int *status, struct wn_buf *reply,
                                      struct wn_why *why);

/* Bytes of the whole request sent so far, of n_total. False ends the upload (CANCELLED). */
typedef bool wn_http_progress_fn(void *context, uint64_t n_sent, uint64_t n_total);

struct wn_http_upload {
    const char *path;                   /* of the file to send, read while sending */
    const char *file_name;              /* as the server shall see it; NULL = last part of path */
    const char *field;                  /* the file's field; NULL = "file" */
    const struct wn_http_param *fields; /* [n_fields] text fields, sent before the file */
    size_t n_fields;
    wn_http_progress_fn *progress; /* may be NULL */
    void *progress_context;
};
/* POSTs multipart/form-data; memory does not grow with the file. Fails as call does, and with
 * NOT_FOUND (path cannot be read), CANCELLED. */
WN_MUST_USE wn_rc wn_http_client_upload(struct wn_http_client *c, const char *target,
                                        const struct wn_http_upload *upload, int *status,
                                        struct wn_buf *reply, struct wn_why *why);

/* GETs target into the file path, which appears only when all of it has come with a status of
 * 200; any other answer goes into reply as in call. Fails as call does, and with DISK. */
WN_MUST_USE wn_rc wn_http_client_save(struct wn_http_client *c, const char *target,
                                      const char *path, int *status, struct wn_buf *reply,
                                      struct wn_why *why);

#endif
