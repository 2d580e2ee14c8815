/* Import of an advertising export: bytes in, rows in the facts, a summary that says what happened.
 *
 * Two steps, so that a person can look between them: `inspect` reads the first part and says what
 * the file is; `run` takes it in, all or nothing. Bytes come from a wn_import_source that can be
 * read twice (a file or a spooled upload), because dates whose order of day and month is open are
 * settled by a look at the whole file first. */
#ifndef WN_COLLECT_IMPORT_H
#define WN_COLLECT_IMPORT_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "store/catalog.h"
#include "store/facts.h"

/* What a column of the file can be taken as. Name for --map and the page | label. Beside the
 * measures and dimensions of struct wn_stat: ids beside names, ratios the file states, texts of
 * the campaign, and "ignore". */
struct wn_import_field {
    const char *name; /* "date", "campaign", "campaign_id", "spend", "roi", "ignore" ... */
    const char *label;
    const char *help;
};
extern const struct wn_import_field wn_import_fields[];
extern const size_t wn_n_import_fields;

struct wn_import_format {
    const char *name;  /* "meta", "google_ads" ... */
    const char *label; /* "Meta Ads Manager export" */
};
extern const struct wn_import_format wn_import_formats[];
extern const size_t wn_n_import_formats;

struct wn_import_options {
    struct wn_str format;   /* "auto" or empty: find out */
    struct wn_str map;      /* "col=field,col=field": overrides what was found; a column is named by
                             * its header or by #N (1-based) */
    struct wn_str account;  /* name; empty: account column of the file, else its file name */
    struct wn_str currency; /* empty: as the file says, else the tenant's */
    struct wn_str day;      /* YYYY-MM-DD for files that carry no date */
    struct wn_str file_name; /* without directories; may carry a date range that is used */
    bool dry_run;            /* read everything, store nothing */
    /* 0: run takes a new id. Else the id of a record that the caller has added with
     * wn_catalog_add_import (RUNNING): run finishes that one, on every outcome. The server needs
     * it, because it names the import before the import has run. */
    int64_t import_id;
};

/* Random access to the bytes. Stays open during inspect and run. */
struct wn_import_source {
    /* Reads up to size bytes at offset; *n_read 0 at the end. */
    wn_rc (*read)(void *context, uint64_t offset, char *p, size_t size, size_t *n_read,
                  struct wn_why *why);
    void *context;
    uint64_t size_bytes;
};

struct wn_import_column {
    struct wn_str header;
    struct wn_str field; /* name of a wn_import_field */
    struct wn_str samples[3];
};

struct wn_import_problem {
    uint64_t line;        /* 1-based; 0 = of the whole file */
    struct wn_str column; /* header; may be empty */
    struct wn_str value;  /* what stood there, cut to 80 bytes */
    struct wn_str text;   /* what is wrong and what was done about it */
    bool is_error;        /* the row was left out; false: a remark, the row is in */
};
#define WN_IMPORT_PROBLEMS_MAX 1000 /* kept in full; n_errors and n_remarks go on counting */

struct wn_import_account_summary {
    int32_t account_id;
    struct wn_str name;
    int32_t day_from, day_to;
    uint64_t n_rows;
    uint64_t n_rows_replaced;
};

struct wn_import_summary {
    int64_t import_id; /* 0 on a dry run */
    wn_import_state state;
    bool dry_run;
    bool needs_day; /* the file carries no date: give options.day */
    struct wn_str file_name, format, format_label, encoding, currency;
    char separator;
    uint64_t header_line;
    struct wn_import_column *columns;
    size_t n_columns;
    struct wn_str *preview; /* [n_preview_rows][n_columns]: the first rows as they stand */
    size_t n_preview_rows;
    uint64_t n_rows_read, n_rows_imported, n_rows_skipped; /* skipped: totals lines and the like */
    uint64_t n_errors, n_remarks;
    struct wn_import_problem *problems;
    size_t n_problems;
    int32_t day_from, day_to;       /* of the imported rows; from > to when there is none */
    int64_t totals[WN_MEASURE_N];   /* micros, of the imported rows */
    bool has_measure[WN_MEASURE_N]; /* the file has such a column */
    struct wn_import_account_summary *accounts;
    size_t n_accounts;
    struct wn_str message; /* one sentence: what happened and what to do next */
    int64_t duration_ms;
};

/* Progress, called now and then from the importing thread. Returning false cancels. */
typedef bool wn_import_progress_fn(void *context, uint64_t bytes_done, uint64_t bytes_total,
                                   uint64_t n_rows);

struct wn_import_stores {
    struct wn_facts *facts;
    struct wn_catalog *catalog;
    int32_t tenant_id;
    int64_t now_ms;
};

/* Says what the file is: format, columns, preview, problems of the first 1000 rows, whether a day
 * is needed. Writes nothing. Fails: UNSUPPORTED (not text: a zip, a spreadsheet ...), INVALID (no
 * header found, unknown format or field name, bad map), LIMIT, IO, MEMORY. A file with a header and
 * no rows is no error: n_rows_read 0. */
WN_MUST_USE wn_rc wn_import_inspect(const struct wn_import_source *source,
                                    const struct wn_import_options *options, struct wn_arena *a,
                                    struct wn_import_summary *out, struct wn_why *why);

/* Takes the file in, all or nothing. Rows that cannot be understood are listed and left out;
 * damage to the file itself (open quote, wrong encoding, a record over the limit, NUL bytes)
 * stops the import with an error and nothing is stored. A first real import removes the sample
 * workspace and says so in message. Fails as inspect, and: DISK, BUSY, CANCELLED. On a dry run
 * the stores may be NULL inside. */
WN_MUST_USE wn_rc wn_import_run(const struct wn_import_stores *stores,
                                const struct wn_import_source *source,
                                const struct wn_import_options *options,
                                wn_import_progress_fn *on_progress, void *progress_context,
                                struct wn_arena *a, struct wn_import_summary *out,
                                struct wn_why *why);

/* The summary as JSON: one shape for --json, the API and the page. */
struct wn_json_writer;
void wn_import_summary_json(struct wn_json_writer *w, const struct wn_import_summary *s);

#endif
