/* winnow detect: rows of a CSV file or a growing stream, with what each should have been and
 * whether it is an anomaly. Needs no data directory. */
#include "cli/commands.h"
#include "cli/detect_cell.h"
#include "cli/detect_job.h"
#include "cli/wire.h"
#include "core/num.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SERIES_MAX 20000
#define CHUNK_BYTES 65536
#define LINE_BYTES_MAX ((size_t)1 << 20)
#define FOLLOW_WAIT_MS 200

const struct wn_option wn_detect_options[] = {
    {.name = "input",
     .letter = 'i',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "CSV with timestamp,value or series,timestamp,value; - reads standard input."},
    {.name = "output",
     .letter = 'o',
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .fallback = "-",
     .help = "Where to write; - is standard output."},
    {.name = "follow",
     .letter = 'f',
     .kind = WN_OPTION_FLAG,
     .help = "Keep reading a growing file or pipe; each row is answered as it arrives."},
    {.name = "explain",
     .kind = WN_OPTION_FLAG,
     .help = "The other columns are dimensions: sum rows by timestamp, and name the values that "
             "caused an anomaly."},
    {.name = "sensitivity",
     .kind = WN_OPTION_TEXT,
     .value_name = "X",
     .fallback = "1",
     .help = "2 alerts at half the evidence, 0.5 at twice; 0.05 to 20."},
    {.name = "risk",
     .kind = WN_OPTION_TEXT,
     .value_name = "Q",
     .help = "Alert on rows outside a band that a normal row leaves with this probability, instead "
             "of on the score; 1e-9 to 0.1."},
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print one JSON object a line."},
    {0},
};

/* ---- rows -------------------------------------------------------------------------------------
 */

static wn_rc detector_of(struct detect_job *job, struct wn_str name, struct wn_detector **out,
                         struct wn_why *why)
{
    uint32_t *at;
    bool added;
    wn_rc rc = wn_map_put(&job->series, name, (uint32_t)job->n_series, &at, &added);
    if (rc)
        return wn_fail(why, rc, "series", "there are more than %d series", SERIES_MAX);
    if (added) {
        rc = wn_detect_init(&job->a, &job->options, &job->detectors[*at], why);
        if (rc)
            return rc;
        job->n_series++;
    }
    *out = job->detectors[*at];
    return WN_OK;
}

/* After a failed write. Who reads the rows may have seen enough of them: no fault of ours. */
static wn_rc fail_to_write(struct detect_job *job, struct wn_why *why)
{
    job->reader_left = job->out == stdout && errno == EPIPE;
    return wn_fail(why, errno == ENOSPC ? WN_DISK : WN_IO, "output",
                   "the output cannot be written: %s", strerror(errno));
}

/* What has been printed so far goes out: when there is much of it, and with every piece of a stream
 * that is followed. */
static wn_rc flush(struct detect_job *job, struct wn_why *why)
{
    wn_rc rc = wn_buf_check(&job->text, why);
    if (rc)
        return rc;
    if (job->text.n && fwrite(job->text.p, 1, job->text.n, job->out) != job->text.n)
        return fail_to_write(job, why);
    wn_buf_reset(&job->text);
    return WN_OK;
}

/* The rows of one moment are complete: judge their sum. */
static wn_rc end_moment(struct detect_job *job, struct wn_why *why)
{
    struct wn_detector *d = NULL;
    struct wn_detect_result r;
    struct wn_cause_report causes = {0};
    struct wn_arena a;
    if (!job->has_moment)
        return WN_OK;
    wn_rc rc = detector_of(job, WN_STR(""), &d, why);
    if (rc)
        return rc;
    double total = wn_explain_total(&job->why_moved);
    wn_detect_push(d, job->moment_ms, total, &r);
    job->n_anomalies += r.is_anomaly;
    wn_arena_init(&a, 0);
    if (r.is_anomaly)
        rc = wn_explain_causes(&job->why_moved, r.expected, &a, &causes, why);
    if (!rc) {
        detect_print_moment(job, total, &r, &causes);
        rc = wn_explain_end(&job->why_moved, r.expected, r.evidence < 1, why);
    }
    wn_arena_deinit(&a);
    job->has_moment = false;
    return rc;
}

static wn_rc add_to_moment(struct detect_job *job, const struct wn_csv_record *r, int64_t ts_ms,
                           double value, struct wn_why *why)
{
    struct wn_str values[WN_EXPLAIN_DIMENSIONS_MAX];
    if (job->has_moment && ts_ms != job->moment_ms) {
        wn_rc rc = end_moment(job, why);
        if (rc)
            return rc;
    }
    if (!job->has_moment) {
        struct wn_str s = wn_str_slice(r->fields[job->at_ts], 0, sizeof job->moment_buffer);
        memcpy(job->moment_buffer, s.p, s.n);
        job->moment_text = (struct wn_str){job->moment_buffer, s.n};
        job->moment_ms = ts_ms;
        job->has_moment = true;
    }
    for (size_t d = 0; d < job->why_moved.n_dimensions; d++)
        values[d] = wn_str_trim(r->fields[job->at_dimension[d]]);
    return wn_explain_add(&job->why_moved, values, value, why);
}

static wn_rc bad_cell(const struct detect_job *job, const struct wn_csv_record *r, int column,
                      const char *what, struct wn_why *why)
{
    struct wn_str cell = wn_str_slice(r->fields[column], 0, 40);
    uint64_t line = r->line + job->line_offset;
    if (why && !why->text[0]) {
        why->line = line;
        why->column = (uint32_t)column + 1;
    }
    return wn_fail(why, WN_INVALID, job->names[column].p, "line %llu, column %d: '%.*s' is no %s",
                   (unsigned long long)line, column + 1, WN_STR_ARG(cell), what);
}

static wn_rc on_record(void *context, const struct wn_csv_record *r, struct wn_why *why)
{
    struct detect_job *job = context;
    bool is_data = true;
    int64_t ts_ms;
    double value;
    if (!job->knows_columns) {
        wn_rc rc = detect_learn_columns(job, r, &is_data, why);
        if (rc || !is_data)
            return rc;
    }
    uint64_t line = r->line + job->line_offset;
    if ((int)r->n_fields != job->n_columns)
        return wn_fail(why, WN_INVALID, "columns", "line %llu: %zu columns, expected %d",
                       (unsigned long long)line, r->n_fields, job->n_columns);
    if (!wn_detect_read_moment(r->fields[job->at_ts], &ts_ms))
        return bad_cell(job, r, job->at_ts, "time that can be read", why);
    if (!wn_detect_read_value(r->fields[job->at_value], &value))
        return bad_cell(job, r, job->at_value, "number", why);
    job->n_rows++;
    job->n_missing += isfinite(value) ? 0u : 1u;
    if (job->explain)
        return add_to_moment(job, r, ts_ms, value, why);
    struct wn_detector *d = NULL;
    struct wn_detect_result result;
    struct wn_str name = job->at_series >= 0 ? wn_str_trim(r->fields[job->at_series]) : WN_STR("");
    wn_rc rc = detector_of(job, name, &d, why);
    if (rc)
        return rc;
    wn_detect_push(d, ts_ms, value, &result);
    job->n_anomalies += result.is_anomaly;
    detect_print_row(job, r, &result, value);
    return job->text.n > CHUNK_BYTES ? flush(job, why) : WN_OK;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Set by SIGINT and SIGTERM while a stream is followed. */
static volatile sig_atomic_t is_stopped;

static void on_stop(int number)
{
    (void)number;
    is_stopped = 1;
}

/* The first signal ends the reading, so that what was read is answered; a second one kills. */
static void stop_on_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

static wn_rc read_some(int fd, char *buffer, size_t *n, struct wn_why *why)
{
    ssize_t got;
    do
        got = read(fd, buffer, CHUNK_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return wn_fail(why, WN_IO, "input", "the input cannot be read: %s", strerror(errno));
    *n = (size_t)got;
    return WN_OK;
}

static wn_rc read_whole(struct detect_job *job, int fd, struct wn_why *why)
{
    static char buffer[CHUNK_BYTES];
    struct wn_csv_options options = {0, on_record, job};
    struct wn_csv *csv = NULL;
    struct stat st;
    uint64_t done = 0, total = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        total = (uint64_t)st.st_size;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    for (size_t n = 1; !rc && n > 0;) {
        rc = read_some(fd, buffer, &n, why);
        if (!rc && n)
            rc = wn_csv_push(csv, (struct wn_str){buffer, n}, why);
        done += n;
        if (total)
            wn_progress_draw(&job->progress, done, total, job->n_rows);
    }
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    return rc;
}

/* Whole lines of a growing stream: each piece is read by itself, so that no row waits for more. */
static wn_rc feed_lines(struct detect_job *job, struct wn_str lines, char *separator,
                        struct wn_why *why)
{
    struct wn_csv_options options = {*separator, on_record, job};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, lines, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    if (!rc && job->knows_columns)
        *separator = wn_csv_separator(csv);
    wn_csv_free(csv);
    for (size_t i = 0; i < lines.n; i++)
        job->line_offset += lines.p[i] == '\n';
    if (!rc)
        rc = flush(job, why);
    if (!rc && fflush(job->out) != 0)
        rc = fail_to_write(job, why);
    return rc;
}

static wn_rc read_growing(struct detect_job *job, int fd, struct wn_why *why)
{
    static char buffer[CHUNK_BYTES];
    struct wn_buf held; /* a line that has not ended */
    struct stat st;
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    char separator = 0;
    size_t n = 1;
    wn_rc rc = WN_OK;
    wn_buf_init(&held, LINE_BYTES_MAX);
    stop_on_signals();
    while (!rc && !is_stopped) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (poll(&ready, 1, FOLLOW_WAIT_MS) <= 0) /* nothing yet, or a signal */
            continue;
        rc = read_some(fd, buffer, &n, why);
        if (rc || (n == 0 && !is_file))
            break;
        if (n == 0) {
            struct timespec wait = {0, FOLLOW_WAIT_MS * 1000000L};
            nanosleep(&wait, NULL);
            continue;
        }
        size_t end = n;
        while (end > 0 && buffer[end - 1] != '\n')
            end--;
        wn_buf_append(&held, (struct wn_str){buffer, end ? end : n});
        rc = wn_buf_check(&held, why);
        if (!rc && end) {
            rc = feed_lines(job, wn_buf_str(&held), &separator, why);
            wn_buf_reset(&held);
            wn_buf_append(&held, (struct wn_str){buffer + end, n - end});
        }
    }
    if (!rc && held.n && !is_stopped) /* a line that was being written has no answer */
        rc = feed_lines(job, wn_buf_str(&held), &separator, why);
    wn_buf_deinit(&held);
    return rc;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static wn_rc read_options(struct detect_job *job, const struct wn_args *args, struct wn_why *why)
{
    struct wn_str risk = wn_args_text(args, "risk");
    job->options = WN_DETECT_OPTIONS_DEFAULT;
    job->follow = wn_args_flag(args, "follow");
    job->explain = wn_args_flag(args, "explain");
    job->json = wn_args_flag(args, "json");
    if (!wn_parse_f64(wn_args_text(args, "sensitivity"), &job->options.sensitivity))
        return wn_fail(why, WN_INVALID, "sensitivity", "--sensitivity is no number");
    if (risk.p) {
        if (!wn_parse_f64(risk, &job->options.risk))
            return wn_fail(why, WN_INVALID, "risk", "--risk is no number");
        job->options.by_band = true;
    }
    struct wn_arena a;
    struct wn_detector *d = NULL;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_detect_init(&a, &job->options, &d, why); /* checks them before anything is read */
    wn_arena_deinit(&a);
    return rc;
}

static wn_rc open_output(struct detect_job *job, const char *path, int input_fd, struct wn_why *why)
{
    struct stat in, out;
    if (strcmp(path, "-") == 0) {
        job->out = stdout;
        return WN_OK;
    }
    if (fstat(input_fd, &in) == 0 && stat(path, &out) == 0 && S_ISREG(in.st_mode) &&
        in.st_dev == out.st_dev && in.st_ino == out.st_ino)
        return wn_fail(why, WN_INVALID, "output",
                       "%s is the input itself, and rows are written while it is read: name "
                       "another file",
                       path);
    job->out = fopen(path, "wb");
    if (!job->out)
        return wn_fail(why, WN_IO, "output", "%s cannot be written: %s", path, strerror(errno));
    job->out_is_ours = true;
    return WN_OK;
}

static wn_rc run(struct detect_job *job, const struct wn_args *args, struct wn_why *why)
{
    const char *input = wn_args_z(args, "input");
    int fd = STDIN_FILENO;
    wn_rc rc = read_options(job, args, why);
    if (rc)
        return rc;
    if (!input)
        return wn_fail(why, WN_INVALID, "input", "say what to read: --input FILE, or --input -");
    job->detectors = WN_ARENA_ARRAY(&job->a, SERIES_MAX, struct wn_detector *);
    if (!job->detectors)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to begin");
    if (strcmp(input, "-") != 0)
        fd = open(input, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wn_fail(why, errno == ENOENT ? WN_NOT_FOUND : WN_IO, "input",
                       "%s cannot be read: %s", input, strerror(errno));
    rc = open_output(job, wn_args_z(args, "output"), fd, why);
    wn_progress_init(&job->progress, "detecting");
    if (job->out == stdout && isatty(STDOUT_FILENO))
        job->progress.is_terminal = false; /* the rows are there to be seen */
    if (!rc)
        rc = job->follow ? read_growing(job, fd, why) : read_whole(job, fd, why);
    if (!rc && job->explain)
        rc = end_moment(job, why);
    wn_progress_clear(&job->progress);
    wn_rc flushed = job->out ? flush(job, rc ? NULL : why) : WN_OK;
    rc = rc ? rc : flushed;
    if (job->out && fflush(job->out) != 0 && !rc)
        rc = fail_to_write(job, why);
    if (fd != STDIN_FILENO)
        close(fd);
    return rc;
}

int wn_cmd_detect(const struct wn_args *args)
{
    static struct detect_job job;
    struct wn_why why = {0};
    memset(&job, 0, sizeof job);
    wn_arena_init(&job.a, 0);
    wn_buf_init(&job.text, (size_t)64 << 20);
    wn_map_init(&job.series, SERIES_MAX);
    wn_rc rc = run(&job, args, &why);
    if (job.out_is_ours && fclose(job.out) != 0 && !rc)
        rc = wn_fail(&why, WN_DISK, "output", "the output cannot be written: %s", strerror(errno));
    if (!rc && job.n_rows == 0 && !is_stopped)
        rc = wn_fail(&why, WN_INVALID, "input", "there is no row of data in the input");
    if (!rc && isatty(STDERR_FILENO))
        fprintf(stderr, "%llu rows, %zu series, %llu without a value, %llu anomalies\n",
                (unsigned long long)job.n_rows, job.n_series, (unsigned long long)job.n_missing,
                (unsigned long long)job.n_anomalies);
    wn_explain_close(&job.why_moved);
    wn_map_deinit(&job.series);
    wn_buf_deinit(&job.text);
    wn_arena_deinit(&job.a);
    return rc && !job.reader_left ? wn_complain(rc, &why) : 0;
}
