/* What the files of this room share: the call with its bookkeeping, and the parts of the front. */
#ifndef WN_SERVE_INT_H
#define WN_SERVE_INT_H

#include "serve/counters.h"
#include "serve/route.h"

/* A call in flight with what only the front needs. call stands first: one address. */
struct wn_front_call {
    struct wn_call call;
    size_t counter; /* row of the counters: a route, or one of the two below */
    int status;     /* an answer decided before the handler: 0 = none */
    wn_rc rc;
    struct wn_why why;
    const char *allow;              /* of a 405 and of OPTIONS */
    const struct wn_web_file *file; /* of a static answer */
    bool is_counted;
    bool has_to_check; /* /health: this request asks the stores */
};
/* Rows of the counters behind the routes. */
#define WN_COUNTER_STATIC (wn_n_routes)
#define WN_COUNTER_UNMATCHED (wn_n_routes + 1)
#define WN_N_COUNTERS (wn_n_routes + 2)

#define WN_PATH_ARGS_MAX 4
typedef enum wn_match { WN_MATCH_NONE, WN_MATCH_METHOD, WN_MATCH_ROUTE } wn_match;
/* Finds the route of method and path (HEAD counts as GET); literal parts win over {args}.
 * WN_MATCH_METHOD: the path is known but not with this method; *allow then names the methods
 * (arena). args are borrowed from path. */
wn_match wn_route_match(wn_http_method method, struct wn_str path, struct wn_arena *a,
                        const struct wn_route **route, struct wn_str args[WN_PATH_ARGS_MAX],
                        const char **allow);

/* Checks every query parameter of the request against the table of the route. */
WN_MUST_USE wn_rc wn_params_check(const struct wn_http_request *r, const struct wn_param *params,
                                  struct wn_arena *a, struct wn_why *why);
/* The known name that is nearest to name, or NULL when none is near. */
const char *wn_nearest_name(struct wn_str name, const char *const *names, size_t n);

/* Writes a problem document as an object. request_id may be NULL. Details of errors that are our
 * own stay out of it. */
void wn_problem_write(struct wn_json_writer *w, int status, wn_rc rc, const struct wn_why *why,
                      struct wn_str instance, const char *request_id);
/* True when the text of why must not leave the server. */
bool wn_problem_is_private(wn_rc rc);

/* The file of a path ("/" is the page), or NULL. */
const struct wn_web_file *wn_web_file_find(struct wn_str path);
/* The page, where path is one of the application's own addresses and the client wants HTML. */
const struct wn_web_file *wn_web_file_page(const struct wn_http_request *r);
/* Answers with a file: encoding, cache, conditional requests. */
void wn_web_file_answer(const struct wn_http_request *r, const struct wn_web_file *file,
                        struct wn_arena *a, struct wn_http_response *response);

#endif
