#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    const char *text;
    int http;
    bool retry;
} table[WN_RC_N] = {{"OK", "it worked", 200, false},
#define X(name, text, http, retry) {#name, text, http, retry},
                    WN_RC_MAP(X)
#undef X
};

static size_t row_of(wn_rc rc)
{
    return (unsigned)rc < WN_RC_N ? (size_t)rc : (size_t)WN_INTERNAL;
}

const char *wn_rc_name(wn_rc rc)
{
    return table[row_of(rc)].name;
}

const char *wn_rc_text(wn_rc rc)
{
    return table[row_of(rc)].text;
}

int wn_rc_http_status(wn_rc rc)
{
    return table[row_of(rc)].http;
}

bool wn_rc_retry_helps(wn_rc rc)
{
    return table[row_of(rc)].retry;
}

wn_rc wn_fail(struct wn_why *why, wn_rc rc, const char *field, const char *format, ...)
{
    if (!why || why->text[0])
        return rc;
    va_list args;
    va_start(args, format);
    vsnprintf(why->text, sizeof why->text, format, args);
    va_end(args);
    if (field)
        snprintf(why->field, sizeof why->field, "%s", field);
    return rc;
}

void wn_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "winnow: assertion failed: %s (%s:%d)\n", condition, file, line);
    abort();
}
