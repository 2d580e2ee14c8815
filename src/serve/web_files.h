/* The web application inside the binary: files of web/dist, compressed when it was built. */
#ifndef WN_SERVE_WEB_FILES_H
#define WN_SERVE_WEB_FILES_H

#include "core/str.h"

struct wn_web_file {
    const char *path; /* "/index.html", "/assets/main-3f2a.js", "/openapi.json" */
    const char *content_type;
    const char *etag; /* quoted, of the plain bytes */
    bool is_hashed;   /* its name holds a hash of its content: may be cached for ever */
    const char *plain;
    size_t n_plain;
    const char *gzip; /* NULL where it would not be smaller */
    size_t n_gzip;
    const char *brotli; /* likewise */
    size_t n_brotli;
};

/* Sorted by path; n 0 when the binary was built without the web application. */
extern const struct wn_web_file wn_web_files[];
extern const size_t wn_n_web_files;

#endif
