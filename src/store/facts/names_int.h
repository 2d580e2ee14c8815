/* The names of the facts, in memory: every engine finds and numbers them here and only stores them.
 *
 * Identity is (tenant, kind, parent, key); ids count from 1 per tenant over all kinds and are never
 * given twice. What a transaction adds or renames is staged: others see it when it commits. */
#ifndef WN_STORE_FACTS_NAMES_INT_H
#define WN_STORE_FACTS_NAMES_INT_H

#include <pthread.h>

#include "store/facts.h"

#define WN_NAMES_MAX 10000000  /* of one tenant, ever */
#define WN_NAME_BYTES_MAX 4096 /* of a key, and of a name */

struct wn_name_rec {
    struct wn_name_rec *next; /* in its hash chain */
    uint64_t hash;
    int32_t tenant_id;
    int32_t id;
    int32_t parent_id;
    wn_name_kind kind;
    struct wn_str key;   /* malloc'd */
    struct wn_str name;  /* malloc'd */
    struct wn_str other; /* of a rename: the name to come, or after publishing the one before */
    bool is_new;         /* staged by the open transaction; not stored yet */
    bool is_renamed;     /* likewise */
    bool is_visible;     /* to others than the transaction */
    bool is_published;   /* a rename that others see already */
};

struct wn_names_tenant {
    int32_t tenant_id;
    int32_t id_max;             /* handed out so far */
    struct wn_name_rec **by_id; /* [n_room], NULL = no such name; index is the id */
    size_t n_room;
};

struct wn_names {
    pthread_mutex_t lock;        /* guards all below */
    struct wn_name_rec **chains; /* [n_chains], a power of two, or 0 */
    size_t n_chains;
    size_t n;
    struct wn_names_tenant *tenants; /* [n_tenants], by tenant_id */
    size_t n_tenants;
};

/* What one transaction staged. */
struct wn_names_tx {
    struct wn_name_rec **staged; /* malloc'd: new or renamed, each once */
    size_t n_staged;
    size_t n_room;
    int32_t *purged; /* malloc'd: ids that go with the commit, by wn_names_purge_unused */
    size_t n_purged;
};

void wn_names_init(struct wn_names *n);
void wn_names_deinit(struct wn_names *n);
/* One stored name, at open. Fails: MEMORY, CORRUPT (an id twice). */
WN_MUST_USE wn_rc wn_names_load(struct wn_names *n, int32_t tenant_id, const struct wn_name *name);
/* Ids up to id_max were given once and must not be given again. */
WN_MUST_USE wn_rc wn_names_reserve(struct wn_names *n, int32_t tenant_id, int32_t id_max);
int32_t wn_names_id_max(struct wn_names *n, int32_t tenant_id);

WN_MUST_USE wn_rc wn_names_put(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id,
                               wn_name_kind kind, int32_t parent_id, struct wn_str key,
                               struct wn_str name, int32_t *out_id, struct wn_why *why);
/* Notes which names of an account and below it go when the transaction commits: all but used
 * ([n_used], ids that rows still refer to) and those above a used one. */
WN_MUST_USE wn_rc wn_names_purge_unused(struct wn_names *n, struct wn_names_tx *tx,
                                        int32_t tenant_id, int32_t account_id, const int32_t *used,
                                        size_t n_used);

/* Shows what is staged to everybody: just before the engine commits, so that no reader meets a row
 * whose name it cannot see. */
void wn_names_publish(struct wn_names *n, struct wn_names_tx *tx);
/* Ends the transaction's part: kept, or taken back (published or not). */
void wn_names_settle(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id);
void wn_names_revert(struct wn_names *n, struct wn_names_tx *tx);

WN_MUST_USE wn_rc wn_names_get(struct wn_names *n, int32_t tenant_id, int32_t id,
                               struct wn_arena *a, struct wn_name *out, struct wn_why *why);
WN_MUST_USE wn_rc wn_names_list(struct wn_names *n, int32_t tenant_id, wn_name_kind kind,
                                int32_t parent_id, struct wn_arena *a, struct wn_name **out,
                                size_t *n_out, struct wn_why *why);

#endif
