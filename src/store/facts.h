/* The facts store: columns to aggregate. One interface; engines: duckdb (embedded default), memory
 * (tests).
 *
 * Writing is by transaction. One transaction at a time owns the writer; begin waits for its turn.
 * The unit of writing is "replace this account's days": rows of the same tenant, account and day
 * range that were there before are gone when the transaction commits, readers see either all of
 * it or nothing, and a crash leaves one or the other. Reading never waits for a writer.
 *
 * All functions may be called from any thread unless they say otherwise; one transaction belongs
 * to one thread at a time. */
#ifndef WN_STORE_FACTS_H
#define WN_STORE_FACTS_H

#include "core/arena.h"
#include "core/error.h"
#include "domain/sql.h"
#include "domain/stat.h"

struct wn_facts;
struct wn_facts_tx;

struct wn_facts_options {
    uint64_t memory_max_bytes; /* of the engine; 0 = 256 MiB. The process may use ~200 MiB more */
    int n_threads;             /* of the engine; 0 = number of cores */
    int n_readers_max;         /* pooled reader connections; 0 = 8 */
};

/* url: "duckdb:DIRECTORY" (facts.duckdb and its temporary files live there) or "memory:". Creates
 * what is missing, runs migrations, repairs a torn write-ahead log and says so in *note (arena
 * of the caller; empty when nothing was done). Fails: BUSY (another process holds it), NEWER,
 * CORRUPT, DISK, IO, MEMORY. */
WN_MUST_USE wn_rc wn_facts_open(struct wn_str url, const struct wn_facts_options *options,
                                struct wn_arena *a, struct wn_str *note, struct wn_facts **out,
                                struct wn_why *why);
/* Waits for the writer; accepts NULL. No transaction may be open. */
void wn_facts_close(struct wn_facts *f);
/* "duckdb 1.5.6", "memory". Static or borrowed until close. */
const char *wn_facts_engine(const struct wn_facts *f);
/* A cheap question that the engine must answer: WN_OK or why not. */
WN_MUST_USE wn_rc wn_facts_check(struct wn_facts *f, struct wn_why *why);

/* ---- writing ---------------------------------------------------------------------------------- */

WN_MUST_USE wn_rc wn_facts_begin(struct wn_facts *f, int32_t tenant_id, int64_t source_id,
                                 int64_t loaded_at_ms, struct wn_facts_tx **out,
                                 struct wn_why *why);
/* The id of a name: found, or added within this transaction (a rollback takes it back). key is the
 * identity (the source's own id, or the name), name what people see ("" keeps what is there; a
 * new one with "" gets its key). parent_id: account of a campaign, campaign of an ad group, ad
 * group of an ad; 0 for other kinds. Copies both texts. */
WN_MUST_USE wn_rc wn_facts_tx_name(struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent_id,
                                   struct wn_str key, struct wn_str name, int32_t *out_id,
                                   struct wn_why *why);
/* Marks account_id's days day_from..day_to (inclusive) as replaced: rows from before this
 * transaction go. May be called again for other ranges, before or after rows were appended, but
 * not after commit. Overlaps are fine. */
WN_MUST_USE wn_rc wn_facts_tx_replace(struct wn_facts_tx *tx, int32_t account_id, int32_t day_from,
                                      int32_t day_to, struct wn_why *why);
/* Appends rows; copied. May wait while the writer's queue is full. An error of the writer, however
 * late, comes back here or from commit. */
WN_MUST_USE wn_rc wn_facts_tx_append(struct wn_facts_tx *tx, const struct wn_stat *rows,
                                     size_t n_rows, struct wn_why *why);
/* Removes everything of an account: its rows and, when they have no rows left, its names. */
WN_MUST_USE wn_rc wn_facts_tx_delete_account(struct wn_facts_tx *tx, int32_t account_id,
                                             struct wn_why *why);
/* Durable on success. Either way the transaction is over and tx is freed. */
WN_MUST_USE wn_rc wn_facts_commit(struct wn_facts_tx *tx, struct wn_why *why);
/* Accepts NULL. */
void wn_facts_rollback(struct wn_facts_tx *tx);

/* ---- reading ---------------------------------------------------------------------------------- */

/* How many transactions were committed since it was opened: another number, other facts. Asks the
 * engine nothing; any thread. */
uint64_t wn_facts_n_commits(const struct wn_facts *f);

#define WN_FACTS_ROWS_MAX 1000000

/* Runs a statement of the metric compiler. Sums come back as INT where they fit int64, else REAL.
 * The table lives in a. rows_max: LIMIT beyond it; 0 = WN_FACTS_ROWS_MAX. Fails with
 * UNSUPPORTED on engines without SQL ("memory"). A query stopped by the memory limit fails with
 * MEMORY and leaves the store usable. */
WN_MUST_USE wn_rc wn_facts_query(struct wn_facts *f, const struct wn_sql *sql, size_t rows_max,
                                 struct wn_arena *a, struct wn_table **out, struct wn_why *why);

struct wn_facts_range {
    int32_t account_id; /* 0 = all accounts */
    int32_t day_from;   /* inclusive */
    int32_t day_to;     /* inclusive */
};
/* Called with up to 2048 rows at a time, ordered by nothing. Returning an error stops the scan. */
typedef wn_rc wn_facts_rows_fn(void *context, const struct wn_stat *rows, size_t n_rows,
                               struct wn_why *why);
WN_MUST_USE wn_rc wn_facts_scan(struct wn_facts *f, int32_t tenant_id,
                                const struct wn_facts_range *range, wn_facts_rows_fn *on_rows,
                                void *context, struct wn_why *why);

struct wn_name {
    wn_name_kind kind;
    int32_t id;
    int32_t parent_id;
    struct wn_str key;
    struct wn_str name;
};
/* The name of an id, copied into a; NOT_FOUND. */
WN_MUST_USE wn_rc wn_facts_name(struct wn_facts *f, int32_t tenant_id, int32_t id,
                                struct wn_arena *a, struct wn_name *out, struct wn_why *why);
/* All names of a kind under a parent (parent_id 0 = any), in a, in order of id. */
WN_MUST_USE wn_rc wn_facts_names(struct wn_facts *f, int32_t tenant_id, wn_name_kind kind,
                                 int32_t parent_id, struct wn_arena *a, struct wn_name **out,
                                 size_t *n_out, struct wn_why *why);

#endif
