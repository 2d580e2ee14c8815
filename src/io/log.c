#include "io/log.h"

#include "core/json.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 16 * 1024 };

static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_level = WN_LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

wn_rc wn_log_open(const char *path, wn_log_level level, struct wn_why *why)
{
    int fd = STDERR_FILENO;
    if (path) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
            return wn_fail(why, WN_DISK, "log", "cannot write the log %s: %s", path,
                           strerror(errno));
    }
    int old = atomic_exchange(&log_fd, fd);
    if (old != STDERR_FILENO)
        close(old);
    atomic_store(&log_level, (int)level);
    return WN_OK;
}

void wn_log_write(wn_log_level level, const char *event, const struct wn_log_field *fields,
                  size_t n_fields)
{
    if ((int)level < atomic_load(&log_level))
        return;
    struct wn_buf line;
    struct wn_json_writer w;
    wn_buf_init(&line, LINE_BYTES_MAX);
    wn_json_write_init(&w, &line, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "time");
    wn_json_time(&w, wn_clock_now_ms());
    wn_json_key(&w, "level");
    wn_json_text_z(&w, level_names[level]);
    wn_json_key(&w, "event");
    wn_json_text_z(&w, event);
    for (size_t i = 0; i < n_fields; i++) {
        wn_json_key(&w, fields[i].key);
        if (fields[i].is_number)
            wn_json_i64(&w, fields[i].number);
        else
            wn_json_text(&w, fields[i].text);
    }
    wn_json_end(&w);
    wn_buf_append_char(&line, '\n');
    struct wn_str s = wn_buf_str(&line);
    /* One write per line keeps lines of several threads whole. A log that cannot be written has
     * nowhere to complain. */
    if (!line.failed) {
        ssize_t ignored = write(atomic_load(&log_fd), s.p, s.n);
        (void)ignored;
    }
    wn_buf_deinit(&line);
}
