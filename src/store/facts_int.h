/* What the facts engines and the wrappers of facts.c share.
 *
 * The wrappers own everything that is the same for every engine: whose turn it is to write, the
 * names (held in memory, staged per transaction), the day ranges to replace, the checks of what
 * comes in. An engine stores rows and names durably, and answers questions. */
#ifndef WN_STORE_FACTS_INT_H
#define WN_STORE_FACTS_INT_H

#include <pthread.h>

#include "store/facts.h"
#include "store/facts/names_int.h"
#include "store/facts/ranges_int.h"

struct wn_facts_ops {
    const char *scheme; /* of the URL that selects it: "duckdb" */

    /* Opens at rest (the URL behind "scheme:"; borrowed). options has its defaults filled in. The
     * engine allocates its struct (struct wn_facts first), calls wn_names_init, and loads its
     * names by wn_names_load. Required. */
    wn_rc (*open)(struct wn_str rest, const struct wn_facts_options *options, struct wn_arena *a,
                  struct wn_str *note, struct wn_facts **out, struct wn_why *why);
    /* Frees all but struct wn_facts' own members, then the struct. Required. */
    void (*close)(struct wn_facts *f);
    const char *(*engine)(const struct wn_facts *f);        /* required */
    wn_rc (*check)(struct wn_facts *f, struct wn_why *why); /* required */

    /* The caller owns the writer from begin to commit or rollback. Required. */
    wn_rc (*begin)(struct wn_facts_tx *tx, struct wn_why *why);
    /* Rows are checked already; copied. Required. */
    wn_rc (*append)(struct wn_facts_tx *tx, const struct wn_stat *rows, size_t n_rows,
                    struct wn_why *why);
    /* Makes one atomic, durable change: the rows of tx->ranges from before this transaction go,
     * appended rows and tx->staged names come, and of tx->deleted accounts every name which no
     * row refers to any more goes and is reported by wn_names_purge. Required. */
    wn_rc (*commit)(struct wn_facts_tx *tx, struct wn_why *why);
    void (*rollback)(struct wn_facts_tx *tx); /* required */

    /* Optional: where NULL, the wrapper answers UNSUPPORTED. */
    wn_rc (*query)(struct wn_facts *f, const struct wn_sql *sql, size_t rows_max,
                   struct wn_arena *a, struct wn_table **out, struct wn_why *why);
    /* At most WN_FACTS_SCAN_ROWS rows a call. Required. */
    wn_rc (*scan)(struct wn_facts *f, int32_t tenant_id, const struct wn_facts_range *range,
                  wn_facts_rows_fn *on_rows, void *context, struct wn_why *why);
};

#define WN_FACTS_SCAN_ROWS 2048
#define WN_FACTS_RANGES_MAX 1000000 /* of one transaction, after joining */

struct wn_facts {
    const struct wn_facts_ops *ops;
    struct wn_names names;
    _Atomic uint64_t n_commits;

    pthread_mutex_t turn_lock; /* guards the two counters: tickets give first come, first served */
    pthread_cond_t turn_moved;
    uint64_t turn_next;
    uint64_t turn_serving;
};

struct wn_facts_tx {
    struct wn_facts *facts;
    int32_t tenant_id;
    int64_t source_id;
    int64_t loaded_at_ms;
    struct wn_ranges ranges;
    struct wn_names_tx names;
    int32_t *deleted; /* malloc'd accounts of delete_account */
    size_t n_deleted;
    size_t n_rows; /* appended */
    wn_rc failed;  /* the first failure: commit refuses with it */
    struct wn_why why_failed;
    void *engine; /* what the engine keeps with the transaction */
};

extern const struct wn_facts_ops wn_facts_duckdb;
extern const struct wn_facts_ops wn_facts_memory;

#endif
