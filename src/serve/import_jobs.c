#include "serve/import_jobs.h"

#include "io/clock.h"
#include "io/log.h"
#include "serve/serve_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Ended jobs stay for a while: the reason of a failure in full, for who asks. */
enum { JOBS_KEPT = 64, STALE_LOOKED_AT = 1000 };

typedef enum job_state { JOB_WAITING, JOB_RUNNING, JOB_ENDED } job_state;

struct job {
    struct wn_import_jobs *jobs;
    int64_t import_id;
    uint64_t sequence; /* order of arrival */
    job_state state;   /* guarded by lock, as are rc and why */
    wn_rc rc;
    struct wn_why why;
    struct wn_reader file;
    struct wn_import_options options; /* texts in a */
    struct wn_arena a;                /* of the running import; freed when it ends */
    _Atomic uint64_t bytes_done, bytes_total, n_rows;
};

struct wn_import_jobs {
    struct wn_app *app;
    pthread_t thread;
    pthread_mutex_t lock; /* guards slots, sequence, n_reserved, counts and the jobs' states */
    pthread_cond_t changed;
    struct job *slots[JOBS_KEPT];
    uint64_t sequence;
    size_t n_reserved; /* places promised to requests that write their record just now */
    struct wn_import_job_counts counts;
    atomic_bool is_stopping;
};

static wn_rc read_file(void *context, uint64_t offset, char *p, size_t size, size_t *n_read,
                       struct wn_why *why)
{
    return wn_reader_read(context, offset, p, size, n_read, why);
}

struct wn_import_source wn_import_source_of(struct wn_reader *file)
{
    return (struct wn_import_source){
        .read = read_file, .context = file, .size_bytes = file->size_bytes};
}

static void job_free(struct job *job)
{
    if (!job)
        return;
    wn_reader_close(&job->file);
    wn_arena_deinit(&job->a);
    free(job);
}

static bool on_progress(void *context, uint64_t bytes_done, uint64_t bytes_total, uint64_t n_rows)
{
    struct job *job = context;
    atomic_store_explicit(&job->bytes_done, bytes_done, memory_order_relaxed);
    atomic_store_explicit(&job->bytes_total, bytes_total, memory_order_relaxed);
    atomic_store_explicit(&job->n_rows, n_rows, memory_order_relaxed);
    return !atomic_load(&job->jobs->is_stopping);
}

/* What the importer did not write, or must not have written: an import that ended must not stay
 * "running", and the text of an error of our own (is_private) must not be shown. */
static void close_record(struct wn_import_jobs *jobs, int64_t import_id, bool is_private)
{
    struct wn_arena a;
    struct wn_import_record record;
    struct wn_why why = {0};
    wn_arena_init(&a, 0);
    wn_rc rc =
        wn_catalog_import(jobs->app->catalog, WN_TENANT_DEFAULT, import_id, &a, &record, &why);
    if (!rc && (record.state == WN_IMPORT_RUNNING || is_private)) {
        record.state = WN_IMPORT_FAILED;
        record.summary_json = WN_STR("");
        record.finished_at_ms = wn_clock_now_ms();
        rc = wn_catalog_finish_import(jobs->app->catalog, &record, &why);
    }
    if (rc)
        wn_log(WN_LOG_ERROR, "import_record_left_open", WN_LOG_INT("import_id", import_id),
               WN_LOG_TEXT("error", wn_str_of(wn_rc_name(rc))),
               WN_LOG_TEXT("detail", wn_str_of(why.text)));
    wn_arena_deinit(&a);
}

static void count(struct wn_import_jobs *jobs, wn_rc rc, const struct wn_import_summary *summary)
{
    if (rc) {
        jobs->counts.n_failed++;
    } else if (summary->state == WN_IMPORT_UNCHANGED) {
        jobs->counts.n_unchanged++;
    } else {
        jobs->counts.n_done++;
        jobs->counts.n_rows += summary->n_rows_imported;
    }
}

static void run_job(struct job *job)
{
    struct wn_import_jobs *jobs = job->jobs;
    struct wn_import_summary summary = {0};
    struct wn_why why = {0};
    struct wn_import_source source = wn_import_source_of(&job->file);
    struct wn_import_stores stores = {.facts = jobs->app->facts,
                                      .catalog = jobs->app->catalog,
                                      .tenant_id = WN_TENANT_DEFAULT,
                                      .now_ms = wn_clock_now_ms()};
    wn_rc rc = atomic_load(&jobs->is_stopping)
                   ? wn_fail(&why, WN_CANCELLED, NULL, "the server was stopped before the import")
                   : wn_import_run(&stores, &source, &job->options, on_progress, job, &job->a,
                                   &summary, &why);
    if (rc)
        close_record(jobs, job->import_id, wn_problem_is_private(rc));
    wn_log(
        rc ? WN_LOG_WARN : WN_LOG_INFO, "import", WN_LOG_INT("import_id", job->import_id),
        WN_LOG_TEXT("state", wn_str_of(rc ? wn_rc_name(rc) : wn_import_state_name(summary.state))),
        WN_LOG_INT("rows", (int64_t)summary.n_rows_imported),
        WN_LOG_INT("bytes", (int64_t)job->file.size_bytes),
        WN_LOG_TEXT("detail", wn_str_of(why.text)));
    pthread_mutex_lock(&jobs->lock);
    count(jobs, rc, &summary);
    job->rc = rc;
    job->why = why;
    job->state = JOB_ENDED;
    pthread_mutex_unlock(&jobs->lock);
    /* Only the reason is kept: the spool and the arena may be large. */
    wn_reader_close(&job->file);
    job->file.fd = -1;
    wn_arena_deinit(&job->a);
}

/* Under the lock. */
static struct job *oldest_of(struct wn_import_jobs *jobs, job_state state)
{
    struct job *oldest = NULL;
    for (size_t i = 0; i < JOBS_KEPT; i++) {
        struct job *job = jobs->slots[i];
        if (job && job->state == state && (!oldest || job->sequence < oldest->sequence))
            oldest = job;
    }
    return oldest;
}

static void *work(void *context)
{
    struct wn_import_jobs *jobs = context;
    pthread_mutex_lock(&jobs->lock);
    for (;;) {
        struct job *job = oldest_of(jobs, JOB_WAITING);
        if (job) {
            job->state = JOB_RUNNING;
            pthread_mutex_unlock(&jobs->lock);
            run_job(job);
            pthread_mutex_lock(&jobs->lock);
        } else if (atomic_load(&jobs->is_stopping)) {
            break;
        } else {
            pthread_cond_wait(&jobs->changed, &jobs->lock);
        }
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* Only one process holds the data directory, so a running import of the catalog is nobody's. */
static wn_rc close_stale_records(struct wn_import_jobs *jobs, struct wn_why *why)
{
    struct wn_arena a;
    struct wn_import_record *records = NULL;
    size_t n = 0;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_catalog_imports(jobs->app->catalog, WN_TENANT_DEFAULT, STALE_LOOKED_AT, &a,
                                  &records, &n, why);
    for (size_t i = 0; !rc && i < n; i++)
        if (records[i].state == WN_IMPORT_RUNNING)
            close_record(jobs, records[i].import_id, false);
    wn_arena_deinit(&a);
    return rc;
}

wn_rc wn_import_jobs_start(struct wn_app *app, struct wn_import_jobs **out, struct wn_why *why)
{
    struct wn_import_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    jobs->app = app;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->changed, NULL);
    wn_rc rc = close_stale_records(jobs, why);
    if (!rc && pthread_create(&jobs->thread, NULL, work, jobs) != 0)
        rc = wn_fail(why, WN_MEMORY, NULL, "cannot start a thread for imports");
    if (rc) {
        pthread_cond_destroy(&jobs->changed);
        pthread_mutex_destroy(&jobs->lock);
        free(jobs);
        return rc;
    }
    *out = jobs;
    return WN_OK;
}

void wn_import_jobs_stop(struct wn_import_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    atomic_store(&jobs->is_stopping, true);
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->thread, NULL);
    for (size_t i = 0; i < JOBS_KEPT; i++)
        job_free(jobs->slots[i]);
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

static bool copy_text(struct wn_arena *a, struct wn_str *s)
{
    if (!s->n)
        return true;
    *s = wn_arena_dup(a, *s);
    return s->p != NULL;
}

static struct job *job_new(struct wn_import_jobs *jobs, const struct wn_import_options *options)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->jobs = jobs;
    job->file.fd = -1;
    job->options = *options;
    wn_arena_init(&job->a, 0);
    struct wn_import_options *o = &job->options;
    if (!copy_text(&job->a, &o->format) || !copy_text(&job->a, &o->map) ||
        !copy_text(&job->a, &o->account) || !copy_text(&job->a, &o->currency) ||
        !copy_text(&job->a, &o->day) || !copy_text(&job->a, &o->file_name)) {
        job_free(job);
        return NULL;
    }
    return job;
}

/* Under the lock. */
static size_t n_in_state(const struct wn_import_jobs *jobs, job_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < JOBS_KEPT; i++)
        n += jobs->slots[i] && jobs->slots[i]->state == state;
    return n;
}

static wn_rc reserve(struct wn_import_jobs *jobs, struct wn_why *why)
{
    pthread_mutex_lock(&jobs->lock);
    size_t n = n_in_state(jobs, JOB_WAITING) + jobs->n_reserved;
    bool is_full = n >= WN_IMPORT_JOBS_WAITING_MAX || atomic_load(&jobs->is_stopping);
    if (!is_full)
        jobs->n_reserved++;
    pthread_mutex_unlock(&jobs->lock);
    return is_full ? wn_fail(why, WN_BUSY, NULL,
                             "%d imports are waiting already: try again when one has ended",
                             WN_IMPORT_JOBS_WAITING_MAX)
                   : WN_OK;
}

/* Under the lock: a free slot, or that of the job that ended longest ago. At most one job runs and
 * WN_IMPORT_JOBS_WAITING_MAX wait, so there is one. */
static size_t free_slot(struct wn_import_jobs *jobs)
{
    for (size_t i = 0; i < JOBS_KEPT; i++)
        if (!jobs->slots[i])
            return i;
    struct job *oldest = oldest_of(jobs, JOB_ENDED);
    for (size_t i = 0; i < JOBS_KEPT; i++)
        if (jobs->slots[i] == oldest) {
            job_free(oldest);
            jobs->slots[i] = NULL;
            return i;
        }
    WN_ASSERT(false);
    return 0;
}

static void enqueue(struct wn_import_jobs *jobs, struct job *job, struct wn_reader *file)
{
    job->file = *file;
    file->fd = -1;
    atomic_store(&job->bytes_total, job->file.size_bytes);
    pthread_mutex_lock(&jobs->lock);
    jobs->n_reserved--;
    job->sequence = ++jobs->sequence;
    jobs->slots[free_slot(jobs)] = job;
    pthread_cond_signal(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
}

wn_rc wn_import_jobs_add(struct wn_import_jobs *jobs, struct wn_reader *file,
                         const struct wn_import_options *options, int64_t now_ms,
                         int64_t *out_import_id, struct wn_why *why)
{
    wn_rc rc = reserve(jobs, why);
    if (rc)
        return rc;
    struct job *job = job_new(jobs, options);
    if (!job)
        rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the import");
    struct wn_import_record record = {.tenant_id = WN_TENANT_DEFAULT,
                                      .state = WN_IMPORT_RUNNING,
                                      .file_name = options->file_name,
                                      .created_at_ms = now_ms};
    int64_t import_id = 0;
    if (!rc)
        rc = wn_catalog_add_import(jobs->app->catalog, &record, &import_id, why);
    if (rc) {
        job_free(job);
        pthread_mutex_lock(&jobs->lock);
        jobs->n_reserved--;
        pthread_mutex_unlock(&jobs->lock);
        return rc;
    }
    job->import_id = import_id;
    job->options.import_id = import_id;
    enqueue(jobs, job, file);
    *out_import_id = import_id;
    return WN_OK;
}

bool wn_import_jobs_get(struct wn_import_jobs *jobs, int64_t import_id,
                        struct wn_import_job_view *out)
{
    bool found = false;
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < JOBS_KEPT && !found; i++) {
        struct job *job = jobs->slots[i];
        if (!job || job->import_id != import_id)
            continue;
        found = true;
        out->has_ended = job->state == JOB_ENDED;
        out->bytes_done = atomic_load_explicit(&job->bytes_done, memory_order_relaxed);
        out->bytes_total = atomic_load_explicit(&job->bytes_total, memory_order_relaxed);
        out->n_rows = atomic_load_explicit(&job->n_rows, memory_order_relaxed);
        out->rc = job->rc;
        out->why = job->why;
    }
    pthread_mutex_unlock(&jobs->lock);
    return found;
}

void wn_import_jobs_get_counts(struct wn_import_jobs *jobs, struct wn_import_job_counts *out)
{
    pthread_mutex_lock(&jobs->lock);
    *out = jobs->counts;
    out->n_waiting = n_in_state(jobs, JOB_WAITING);
    out->n_running = n_in_state(jobs, JOB_RUNNING);
    pthread_mutex_unlock(&jobs->lock);
}
