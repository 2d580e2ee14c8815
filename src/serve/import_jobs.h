/* Imports that run beside the requests: one at a time, on a thread of their own, a few waiting. */
#ifndef WN_SERVE_IMPORT_JOBS_H
#define WN_SERVE_IMPORT_JOBS_H

#include "collect/import.h"
#include "io/file.h"
#include "serve/server.h"

#define WN_IMPORT_JOBS_WAITING_MAX 8

struct wn_import_jobs;

/* Starts the thread. Imports that the catalog still calls running were cut off by the end of an
 * earlier process: they become failed. app: kept until stop. */
WN_MUST_USE wn_rc wn_import_jobs_start(struct wn_app *app, struct wn_import_jobs **out,
                                       struct wn_why *why);
/* Cancels what runs and what waits, joins. Accepts NULL. */
void wn_import_jobs_stop(struct wn_import_jobs *jobs);

/* Adds an import. file: given on success (its fd becomes -1), untouched on failure. options: the
 * texts are copied. BUSY when too many wait. */
WN_MUST_USE wn_rc wn_import_jobs_add(struct wn_import_jobs *jobs, struct wn_reader *file,
                                     const struct wn_import_options *options, int64_t now_ms,
                                     int64_t *out_import_id, struct wn_why *why);

struct wn_import_job_view {
    bool has_ended; /* rc and why are set; the catalog knows the rest */
    uint64_t bytes_done, bytes_total, n_rows;
    wn_rc rc;
    struct wn_why why;
};
/* False when this process knows nothing (any more) of the import: ask the catalog. */
bool wn_import_jobs_get(struct wn_import_jobs *jobs, int64_t import_id,
                        struct wn_import_job_view *out);

struct wn_import_job_counts {
    uint64_t n_done, n_failed, n_unchanged; /* since the start */
    uint64_t n_rows;                        /* taken in */
    uint64_t n_waiting, n_running;
};
void wn_import_jobs_get_counts(struct wn_import_jobs *jobs, struct wn_import_job_counts *out);

/* The bytes of a reader as the importer wants them; context: a struct wn_reader. */
struct wn_import_source wn_import_source_of(struct wn_reader *file);

#endif
