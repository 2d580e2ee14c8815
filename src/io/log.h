/* The log: one JSON object a line on stderr (or the file given), written by any thread.
 * Never a secret or a person's data. */
#ifndef WN_IO_LOG_H
#define WN_IO_LOG_H

#include "core/error.h"
#include "core/str.h"

typedef enum wn_log_level { WN_LOG_DEBUG, WN_LOG_INFO, WN_LOG_WARN, WN_LOG_ERROR } wn_log_level;

struct wn_log_field {
    const char *key;
    bool is_number;
    int64_t number;
    struct wn_str text;
};
#define WN_LOG_TEXT(k, v) ((struct wn_log_field){.key = (k), .text = (v)})
#define WN_LOG_INT(k, v) ((struct wn_log_field){.key = (k), .is_number = true, .number = (v)})

/* path NULL: stderr. Reopens when called again (after log rotation). Lines below level are dropped.
 */
WN_MUST_USE wn_rc wn_log_open(const char *path, wn_log_level level, struct wn_why *why);
void wn_log_write(wn_log_level level, const char *event, const struct wn_log_field *fields,
                  size_t n_fields);
#define wn_log(level, event, ...)                                                                  \
    wn_log_write((level), (event), (const struct wn_log_field[]){__VA_ARGS__},                     \
                 sizeof((const struct wn_log_field[]){__VA_ARGS__}) / sizeof(struct wn_log_field))

#endif
