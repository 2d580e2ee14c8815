/* The route table: one row per call. Checks of parameters, help in the API document and the test
 * that compares table and contract are all made from it. */
#ifndef WN_SERVE_ROUTE_H
#define WN_SERVE_ROUTE_H

#include "core/json.h"
#include "io/http.h"
#include "serve/server.h"

/* A call in flight, as handlers see it. */
struct wn_call {
    struct wn_app *app;
    struct wn_http_request *request;
    struct wn_http_response *response;
    const struct wn_route *route;
    struct wn_arena *a;         /* the request's */
    struct wn_str path_args[4]; /* the {parts} of the path, in order */
    int32_t tenant_id;
    int64_t now_ms;
};

/* Returns WN_OK with the response filled (status 0 becomes 200), or an error with why: the front
 * turns it into a problem document. */
typedef wn_rc wn_handler_fn(struct wn_call *call, struct wn_why *why);

/* Query parameters that a route knows; any other one is refused by name. All checked before the
 * handler runs. */
typedef enum wn_param_kind {
    WN_PARAM_TEXT, /* any valid UTF-8, at most 4096 bytes */
    WN_PARAM_DAY,  /* YYYY-MM-DD */
    WN_PARAM_INT,  /* within min..max */
    WN_PARAM_ENUM, /* one of "a|b|c" in help_values */
    WN_PARAM_BOOL  /* true, false, 1, 0 */
} wn_param_kind;

struct wn_param {
    const char *name;
    wn_param_kind kind;
    int64_t min, max;
    const char *values; /* ENUM: "none|previous|year" */
    const char *help;
};

struct wn_route {
    wn_http_method method;
    const char *path; /* "/api/campaigns/{campaign_id}"; no trailing slash */
    wn_handler_fn *handle;
    const struct wn_param *params; /* ends with a NULL name; NULL = none */
    uint64_t body_bytes_max;
    wn_http_body body;
    bool on_worker;
    bool takes_csv; /* a body of MEMORY may be text/csv as well as JSON */
};

extern const struct wn_route wn_routes[];
extern const size_t wn_n_routes;

/* ---- help for handlers ------------------------------------------------------------------------ */

/* The text of a parameter, or p = NULL when it was not given. */
struct wn_str wn_call_text(const struct wn_call *call, const char *name);
/* fallback when it was not given (it was checked before). */
int64_t wn_call_int(const struct wn_call *call, const char *name, int64_t fallback);
bool wn_call_bool(const struct wn_call *call, const char *name, bool fallback);
/* from/to of the call; what is missing comes from the data's extent. INVALID when from > to.
 * *has_data false: there is no data at all (range is then empty). */
WN_MUST_USE wn_rc wn_call_range(struct wn_call *call, int32_t *from, int32_t *to, bool *has_data,
                                struct wn_why *why);
/* A writer into a buffer that becomes the body: begin, write, end. */
struct wn_call_json {
    struct wn_buf buf;
    struct wn_json_writer w;
};
void wn_call_json_begin(struct wn_call *call, struct wn_call_json *json);
WN_MUST_USE wn_rc wn_call_json_end(struct wn_call *call, struct wn_call_json *json,
                                   struct wn_why *why);
/* Ready bytes as the answer, with a type and optionally a download name. */
void wn_call_bytes(struct wn_call *call, const char *content_type, struct wn_str bytes,
                   const char *download_name);

/* An RFC 9457 document into response, for an error of a handler or of the server itself. */
void wn_problem(struct wn_http_request *r, int status, wn_rc rc, const struct wn_why *why,
                struct wn_http_response *response);

#endif
