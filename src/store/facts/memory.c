/* The facts in memory: for tests, and as the smallest example of an engine.
 *
 * The rows are one immutable array; a commit makes the next one and swaps it in, and a scan holds
 * on to the one it began with. */
#include <stdlib.h>
#include <string.h>

#include "store/facts_int.h"

struct snapshot {
    size_t n_refs; /* guarded by memory_facts.lock */
    size_t n_rows;
    int32_t *tenant_ids;  /* [n_rows] */
    struct wn_stat *rows; /* [n_rows] */
};

struct memory_facts {
    struct wn_facts base;
    pthread_mutex_t lock; /* guards now and every n_refs */
    struct snapshot *now; /* NULL = no rows */
};

struct pending {
    struct wn_stat *rows;
    size_t n_rows;
    size_t n_room;
};

static struct memory_facts *self(struct wn_facts *f)
{
    return (struct memory_facts *)f;
}

static wn_rc memory_open(struct wn_str rest, const struct wn_facts_options *options,
                         struct wn_arena *a, struct wn_str *note, struct wn_facts **out,
                         struct wn_why *why)
{
    (void)options, (void)a, (void)note;
    if (rest.n)
        return wn_fail(why, WN_INVALID, "facts", "memory: takes nothing behind the colon");
    struct memory_facts *m = calloc(1, sizeof *m);
    if (!m)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the facts");
    wn_names_init(&m->base.names);
    pthread_mutex_init(&m->lock, NULL);
    *out = &m->base;
    return WN_OK;
}

static void free_snapshot(struct snapshot *s)
{
    if (!s)
        return;
    free(s->tenant_ids);
    free(s->rows);
    free(s);
}

static struct snapshot *hold(struct memory_facts *m)
{
    pthread_mutex_lock(&m->lock);
    struct snapshot *s = m->now;
    if (s)
        s->n_refs++;
    pthread_mutex_unlock(&m->lock);
    return s;
}

static void drop(struct memory_facts *m, struct snapshot *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&m->lock);
    bool last = --s->n_refs == 0;
    pthread_mutex_unlock(&m->lock);
    if (last)
        free_snapshot(s);
}

static void memory_close(struct wn_facts *f)
{
    struct memory_facts *m = self(f);
    drop(m, m->now);
    wn_names_deinit(&f->names);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static const char *memory_engine(const struct wn_facts *f)
{
    (void)f;
    return "memory";
}

static wn_rc memory_check(struct wn_facts *f, struct wn_why *why)
{
    (void)f, (void)why;
    return WN_OK;
}

static wn_rc memory_begin(struct wn_facts_tx *tx, struct wn_why *why)
{
    tx->engine = calloc(1, sizeof(struct pending));
    return tx->engine ? WN_OK : wn_fail(why, WN_MEMORY, NULL, "no memory to begin writing facts");
}

static wn_rc memory_append(struct wn_facts_tx *tx, const struct wn_stat *rows, size_t n_rows,
                           struct wn_why *why)
{
    struct pending *p = tx->engine;
    size_t n_room = p->n_room ? p->n_room : 1024;
    while (n_room < p->n_rows + n_rows)
        n_room *= 2;
    if (n_room != p->n_room) {
        struct wn_stat *bigger = realloc(p->rows, n_room * sizeof *bigger);
        if (!bigger)
            return wn_fail(why, WN_MEMORY, NULL, "no memory for %zu more rows", n_rows);
        p->rows = bigger;
        p->n_room = n_room;
    }
    memcpy(p->rows + p->n_rows, rows, n_rows * sizeof *rows);
    p->n_rows += n_rows;
    return WN_OK;
}

static void memory_rollback(struct wn_facts_tx *tx)
{
    struct pending *p = tx->engine;
    free(p->rows);
    free(p);
}

static void add_row(struct snapshot *s, int32_t tenant_id, const struct wn_stat *row)
{
    s->tenant_ids[s->n_rows] = tenant_id;
    s->rows[s->n_rows++] = *row;
}

static struct snapshot *next_snapshot(const struct snapshot *old, const struct wn_facts_tx *tx)
{
    const struct pending *p = tx->engine;
    size_t n_max = (old ? old->n_rows : 0) + p->n_rows + 1;
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->n_refs = 1;
    s->tenant_ids = malloc(n_max * sizeof *s->tenant_ids);
    s->rows = malloc(n_max * sizeof *s->rows);
    if (!s->tenant_ids || !s->rows) {
        free_snapshot(s);
        return NULL;
    }
    for (size_t i = 0; old && i < old->n_rows; i++) {
        const struct wn_stat *row = &old->rows[i];
        if (old->tenant_ids[i] != tx->tenant_id ||
            !wn_ranges_hold(&tx->ranges, row->account_id, row->day))
            add_row(s, old->tenant_ids[i], row);
    }
    for (size_t i = 0; i < p->n_rows; i++)
        add_row(s, tx->tenant_id, &p->rows[i]);
    return s;
}

static wn_rc purge_account(struct wn_facts_tx *tx, const struct snapshot *s, int32_t account_id)
{
    int32_t *used = malloc((s->n_rows * 4 + 1) * sizeof *used);
    size_t n_used = 0;
    if (!used)
        return WN_MEMORY;
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct wn_stat *r = &s->rows[i];
        if (s->tenant_ids[i] != tx->tenant_id || r->account_id != account_id)
            continue;
        used[n_used++] = r->account_id;
        used[n_used++] = r->campaign_id;
        used[n_used++] = r->ad_group_id;
        used[n_used++] = r->ad_id;
    }
    wn_rc rc = wn_names_purge_unused(&tx->facts->names, &tx->names, tx->tenant_id, account_id, used,
                                     n_used);
    free(used);
    return rc;
}

static wn_rc memory_commit(struct wn_facts_tx *tx, struct wn_why *why)
{
    struct memory_facts *m = self(tx->facts);
    struct snapshot *old = m->now; /* only the writer changes it, and that is us */
    struct snapshot *next = next_snapshot(old, tx);
    wn_rc rc = next ? WN_OK : WN_MEMORY;
    for (size_t i = 0; !rc && i < tx->n_deleted; i++)
        rc = purge_account(tx, next, tx->deleted[i]);
    if (rc) {
        free_snapshot(next);
    } else {
        pthread_mutex_lock(&m->lock);
        m->now = next;
        pthread_mutex_unlock(&m->lock);
        drop(m, old);
    }
    memory_rollback(tx);
    return rc ? wn_fail(why, rc, NULL, "no memory to commit the facts") : WN_OK;
}

static bool in_range(const struct snapshot *s, size_t i, int32_t tenant_id,
                     const struct wn_facts_range *range)
{
    const struct wn_stat *r = &s->rows[i];
    return s->tenant_ids[i] == tenant_id && r->day >= range->day_from && r->day <= range->day_to &&
           (range->account_id == 0 || r->account_id == range->account_id);
}

static wn_rc memory_scan(struct wn_facts *f, int32_t tenant_id, const struct wn_facts_range *range,
                         wn_facts_rows_fn *on_rows, void *context, struct wn_why *why)
{
    struct wn_stat *rows = malloc(WN_FACTS_SCAN_ROWS * sizeof *rows);
    if (!rows)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to scan the facts");
    struct snapshot *s = hold(self(f));
    size_t n_rows = 0;
    wn_rc rc = WN_OK;
    for (size_t i = 0; !rc && s && i < s->n_rows; i++) {
        if (in_range(s, i, tenant_id, range))
            rows[n_rows++] = s->rows[i];
        if (n_rows == WN_FACTS_SCAN_ROWS) {
            rc = on_rows(context, rows, n_rows, why);
            n_rows = 0;
        }
    }
    if (!rc && n_rows)
        rc = on_rows(context, rows, n_rows, why);
    drop(self(f), s);
    free(rows);
    return rc;
}

const struct wn_facts_ops wn_facts_memory = {
    .scheme = "memory",
    .open = memory_open,
    .close = memory_close,
    .engine = memory_engine,
    .check = memory_check,
    .begin = memory_begin,
    .append = memory_append,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .scan = memory_scan,
};
