/* The one table of what can go wrong, and the text that goes with it.
 *
 * A function that can fail returns wn_rc: 0 (WN_OK) or one name of WN_RC_MAP. The table also says
 * how HTTP answers and whether trying again may help. */
#ifndef WN_CORE_ERROR_H
#define WN_CORE_ERROR_H

#include "core/base.h"

#define WN_RC_MAP(X)                                                                               \
    /* name           text                                                HTTP  retry helps? */    \
    X(INVALID, "the input breaks a stated rule", 400, false)                                       \
    X(NOT_FOUND, "there is no such thing", 404, false)                                             \
    X(CONFLICT, "it contradicts what is already there", 409, false)                                \
    X(LIMIT, "it is larger than the stated limit", 413, false)                                     \
    X(UNSUPPORTED, "this kind of input is not supported", 415, false)                              \
    X(BUSY, "somebody else is using it, or the queue is full", 503, true)                          \
    X(TIMEOUT, "it took longer than allowed", 504, true)                                           \
    X(CANCELLED, "it was cancelled", 503, true)                                                    \
    X(MEMORY, "memory has run out", 503, true)                                                     \
    X(DISK, "the disk is full or cannot be written", 507, true)                                    \
    X(IO, "reading or writing failed", 500, true)                                                  \
    X(CORRUPT, "stored bytes fail their check", 500, false)                                        \
    X(NEWER, "the data was written by a newer version", 500, false)                                \
    X(INTERNAL, "an internal error", 500, false)

typedef enum wn_rc {
    WN_OK = 0,
#define X(name, text, http, retry) WN_##name,
    WN_RC_MAP(X)
#undef X
        WN_RC_N
} wn_rc;

/* "INVALID", "MEMORY", ...; "OK" for 0. Static text. */
const char *wn_rc_name(wn_rc rc);
/* One clause for a person. Static text. */
const char *wn_rc_text(wn_rc rc);
int wn_rc_http_status(wn_rc rc);
bool wn_rc_retry_helps(wn_rc rc);

#define WN_WHY_MAX 512
#define WN_WHY_FIELD_MAX 128

/* Why it failed, for a person. Written once, where it happened; every function that takes one
 * accepts NULL. Never holds a secret or a person's data. Zero-initialise it: { 0 }. */
struct wn_why {
    char text[WN_WHY_MAX];        /* a sentence, NUL-terminated, cut if too long */
    char field[WN_WHY_FIELD_MAX]; /* the parameter, column or JSON pointer at fault; may be "" */
    uint64_t line;                /* 1-based line of the input; 0 = does not apply */
    uint32_t column;              /* 1-based column of that line; 0 = does not apply */
};

/* Sets why (if not NULL) and returns rc, so that `return wn_fail(...)` is one line. field may be
 * NULL. A why that already has a text keeps it: the first cause is the cause. */
WN_MUST_USE wn_rc wn_fail(struct wn_why *why, wn_rc rc, const char *field, const char *format, ...)
    WN_PRINTF(4, 5);

#endif
