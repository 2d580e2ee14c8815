/* A streaming parser of multipart/form-data (RFC 7578). Pure: no kernel, one small buffer.
 *
 * Push the body in pieces of any size; parts come out as a head, data in pieces, an end. Strict
 * where bytes could be lost or doubled: the closing boundary is required, a part needs a name,
 * heads and the number of parts are limited. Preamble and epilogue are skipped, as the standard
 * says. */
#ifndef WN_IO_MULTIPART_H
#define WN_IO_MULTIPART_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"

#define WN_MULTIPART_PARTS_MAX 100
#define WN_MULTIPART_HEAD_BYTES_MAX 8192
#define WN_MULTIPART_BOUNDARY_MAX 70

/* Borrowed until the callback ends. */
struct wn_multipart_part {
    struct wn_str name;
    bool is_file;               /* it has a filename parameter */
    struct wn_str file_name;    /* the last component only: no '/' and no '\'; may be empty */
    struct wn_str content_type; /* empty when the part does not say */
};

/* Returning other than WN_OK stops the parser with that error. */
struct wn_multipart_events {
    void *context;
    wn_rc (*part)(void *context, const struct wn_multipart_part *part, struct wn_why *why);
    wn_rc (*data)(void *context, struct wn_str bytes, struct wn_why *why);
    wn_rc (*end)(void *context, struct wn_why *why);
};

struct wn_multipart {
    struct wn_multipart_events events;
    char delimiter[4 + WN_MULTIPART_BOUNDARY_MAX]; /* CR LF - - boundary */
    size_t n_delimiter;
    size_t n_matched; /* of the delimiter, at the end of what was pushed */
    int state;
    int n_parts;
    struct wn_buf head;
    wn_rc failed; /* the first error: given again for every later push */
};

/* The boundary of a Content-Type header's value, borrowed from it. Fails: UNSUPPORTED (another
 * type), INVALID (no boundary, two of them, a bad one). */
WN_MUST_USE wn_rc wn_multipart_boundary(struct wn_str content_type, struct wn_str *out,
                                        struct wn_why *why);
/* boundary: 1 to 70 characters as wn_multipart_boundary gives them; copied. */
void wn_multipart_init(struct wn_multipart *m, struct wn_str boundary,
                       const struct wn_multipart_events *events);
void wn_multipart_deinit(struct wn_multipart *m); /* accepts a zeroed one */
/* Fails: INVALID (the form is broken), LIMIT (a head too big, too many parts), what an event says.
 */
WN_MUST_USE wn_rc wn_multipart_push(struct wn_multipart *m, struct wn_str bytes,
                                    struct wn_why *why);
/* The body has ended: INVALID when the closing boundary has not been seen. */
WN_MUST_USE wn_rc wn_multipart_finish(struct wn_multipart *m, struct wn_why *why);

#endif
