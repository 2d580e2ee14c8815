/* Request targets: split once, decoded once, refused when ambiguous. Pure: no kernel. */
#ifndef WN_IO_URI_H
#define WN_IO_URI_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "io/http.h"

#define WN_URI_BYTES_MAX 4096
#define WN_URI_PARAMS_MAX 64

struct wn_uri {
    struct wn_str path;          /* decoded; begins with '/'; no trailing slash except "/" */
    struct wn_http_param *query; /* arena: [n_query], decoded, order of the text */
    size_t n_query;
};

/* Takes origin form ("/a?b=c"), absolute form ("http://host/a", its scheme and authority are
 * dropped) and "*" (path "*", for OPTIONS). Everything in *out lives in a.
 *
 * Refused with INVALID: control bytes, spaces, bytes beyond ASCII and '#' in the raw text; '%' not
 * followed by two hexadecimal digits; what decodes to NUL or is not UTF-8; in the path also
 * "%2F", control characters and the segments "." and ".."; more than WN_URI_PARAMS_MAX parameters.
 * LIMIT: longer than WN_URI_BYTES_MAX. MEMORY. */
WN_MUST_USE wn_rc wn_uri_parse(struct wn_arena *a, struct wn_str target, struct wn_uri *out,
                               struct wn_why *why);
/* "a=1&b=%20+x" as parameters: '+' and %20 are spaces, "name" alone has an empty value, empty
 * pieces are skipped. why->field is the parameter at fault. */
WN_MUST_USE wn_rc wn_uri_parse_query(struct wn_arena *a, struct wn_str text,
                                     struct wn_http_param **out, size_t *n_out, struct wn_why *why);
/* Appends text with all but unreserved characters as %XX: for one segment or one value. */
void wn_uri_encode(struct wn_buf *out, struct wn_str text);

#endif
