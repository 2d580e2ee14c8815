#include "store/facts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/date.h"
#include "store/facts_int.h"

static const struct wn_facts_ops *const engines[] = {&wn_facts_duckdb, &wn_facts_memory};

#define MEMORY_DEFAULT_BYTES ((uint64_t)256 << 20)
#define READERS_DEFAULT 8

/* ---- opening ---------------------------------------------------------------------------------- */

static struct wn_facts_options with_defaults(const struct wn_facts_options *given)
{
    struct wn_facts_options o = given ? *given : (struct wn_facts_options){0};
    if (o.memory_max_bytes == 0)
        o.memory_max_bytes = MEMORY_DEFAULT_BYTES;
    if (o.n_threads <= 0) {
        long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
        o.n_threads = n_cores > 0 && n_cores < 1024 ? (int)n_cores : 1;
    }
    if (o.n_readers_max <= 0)
        o.n_readers_max = READERS_DEFAULT;
    return o;
}

static const struct wn_facts_ops *find_engine(struct wn_str url, struct wn_str *rest)
{
    struct wn_str scheme;
    *rest = url;
    if (!wn_str_cut(rest, ':', &scheme) || !rest->p)
        return NULL;
    for (size_t i = 0; i < WN_COUNT(engines); i++)
        if (wn_str_eq(scheme, wn_str_of(engines[i]->scheme)))
            return engines[i];
    return NULL;
}

wn_rc wn_facts_open(struct wn_str url, const struct wn_facts_options *options, struct wn_arena *a,
                    struct wn_str *note, struct wn_facts **out, struct wn_why *why)
{
    struct wn_str rest, said = {0};
    const struct wn_facts_ops *ops = find_engine(url, &rest);
    if (!ops)
        return wn_fail(why, WN_INVALID, "facts",
                       "the facts store is named duckdb:DIRECTORY or memory:");
    WN_ASSERT(ops->open && ops->close && ops->engine && ops->check && ops->begin && ops->append &&
              ops->commit && ops->rollback && ops->scan);
    struct wn_facts_options filled = with_defaults(options);
    struct wn_facts *f = NULL;
    wn_rc rc = ops->open(rest, &filled, a, &said, &f, why);
    if (rc)
        return rc;
    f->ops = ops;
    pthread_mutex_init(&f->turn_lock, NULL);
    pthread_cond_init(&f->turn_moved, NULL);
    if (note)
        *note = said;
    *out = f;
    return WN_OK;
}

void wn_facts_close(struct wn_facts *f)
{
    if (!f)
        return;
    WN_ASSERT(f->turn_next == f->turn_serving); /* no transaction is open */
    pthread_mutex_destroy(&f->turn_lock);
    pthread_cond_destroy(&f->turn_moved);
    f->ops->close(f);
}

const char *wn_facts_engine(const struct wn_facts *f)
{
    return f->ops->engine(f);
}

wn_rc wn_facts_check(struct wn_facts *f, struct wn_why *why)
{
    return f->ops->check(f, why);
}

uint64_t wn_facts_n_commits(const struct wn_facts *f)
{
    return atomic_load(&f->n_commits);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void take_turn(struct wn_facts *f)
{
    pthread_mutex_lock(&f->turn_lock);
    uint64_t ticket = f->turn_next++;
    while (f->turn_serving != ticket)
        pthread_cond_wait(&f->turn_moved, &f->turn_lock);
    pthread_mutex_unlock(&f->turn_lock);
}

static void give_turn(struct wn_facts *f)
{
    pthread_mutex_lock(&f->turn_lock);
    f->turn_serving++;
    pthread_cond_broadcast(&f->turn_moved);
    pthread_mutex_unlock(&f->turn_lock);
}

wn_rc wn_facts_begin(struct wn_facts *f, int32_t tenant_id, int64_t source_id, int64_t loaded_at_ms,
                     struct wn_facts_tx **out, struct wn_why *why)
{
    if (tenant_id < 1)
        return wn_fail(why, WN_INVALID, "tenant_id", "a tenant's id is 1 or more");
    struct wn_facts_tx *tx = calloc(1, sizeof *tx);
    if (!tx)
        return wn_fail(why, WN_MEMORY, NULL, "no memory to begin writing facts");
    tx->facts = f;
    tx->tenant_id = tenant_id;
    tx->source_id = source_id;
    tx->loaded_at_ms = loaded_at_ms;
    take_turn(f);
    wn_rc rc = f->ops->begin(tx, why);
    if (rc) {
        give_turn(f);
        free(tx);
        return rc;
    }
    *out = tx;
    return WN_OK;
}

static void end(struct wn_facts_tx *tx)
{
    wn_ranges_deinit(&tx->ranges);
    free(tx->deleted);
    give_turn(tx->facts);
    free(tx);
}

/* What failed once must not be committed in part by a caller who overlooked it. Wrong input is
 * not a failure of the transaction: the caller may correct it and go on. */
static wn_rc keep_failure(struct wn_facts_tx *tx, wn_rc rc, const struct wn_why *why)
{
    if (rc && rc != WN_INVALID && !tx->failed) {
        tx->failed = rc;
        if (why)
            tx->why_failed = *why;
    }
    return rc;
}

static wn_rc check_text(struct wn_str s, const char *field, struct wn_why *why)
{
    if (s.n > WN_NAME_BYTES_MAX)
        return wn_fail(why, WN_INVALID, field, "a name is longer than %d bytes", WN_NAME_BYTES_MAX);
    if (!wn_str_utf8_valid(s, NULL) || wn_str_find_char(s, '\0') < s.n)
        return wn_fail(why, WN_INVALID, field, "a name is not valid UTF-8 text");
    return WN_OK;
}

wn_rc wn_facts_tx_name(struct wn_facts_tx *tx, wn_name_kind kind, int32_t parent_id,
                       struct wn_str key, struct wn_str name, int32_t *out_id, struct wn_why *why)
{
    if (kind < WN_NAME_ACCOUNT || kind > WN_NAME_AUDIENCE)
        return wn_fail(why, WN_INVALID, "kind", "there is no kind of name %d", (int)kind);
    if (key.n == 0)
        return wn_fail(why, WN_INVALID, "key", "a name needs a key");
    wn_rc rc = check_text(key, "key", why);
    if (!rc)
        rc = check_text(name, "name", why);
    if (rc)
        return rc;
    rc = wn_names_put(&tx->facts->names, &tx->names, tx->tenant_id, kind, parent_id, key, name,
                      out_id, why);
    return keep_failure(tx, rc, why);
}

wn_rc wn_facts_tx_replace(struct wn_facts_tx *tx, int32_t account_id, int32_t day_from,
                          int32_t day_to, struct wn_why *why)
{
    if (account_id < 1)
        return wn_fail(why, WN_INVALID, "account_id", "an account's id is 1 or more");
    if (day_from > day_to || day_from < WN_DAY_MIN || day_to > WN_DAY_MAX)
        return wn_fail(why, WN_INVALID, "day", "the days %ld to %ld are no range of days",
                       (long)day_from, (long)day_to);
    struct wn_day_range range = {account_id, day_from, day_to};
    wn_rc rc = wn_ranges_add(&tx->ranges, range, WN_FACTS_RANGES_MAX);
    if (rc == WN_LIMIT)
        rc = wn_fail(why, rc, NULL, "more than %d separate day ranges to replace at once",
                     WN_FACTS_RANGES_MAX);
    else if (rc)
        rc = wn_fail(why, rc, NULL, "no memory for one more day range");
    return keep_failure(tx, rc, why);
}

static bool row_is_sane(const struct wn_stat *r)
{
    /* One sign bit says whether any of the ids is negative. */
    int32_t ids = r->campaign_id | r->ad_group_id | r->ad_id | r->country_id | r->age_id |
                  r->placement_id | r->audience_id;
    return r->day >= WN_DAY_MIN && r->day <= WN_DAY_MAX && r->account_id > 0 && ids >= 0 &&
           r->hour >= WN_HOUR_NONE && r->hour <= 23;
}

wn_rc wn_facts_tx_append(struct wn_facts_tx *tx, const struct wn_stat *rows, size_t n_rows,
                         struct wn_why *why)
{
    for (size_t i = 0; i < n_rows; i++)
        if (!row_is_sane(&rows[i]))
            return wn_fail(why, WN_INVALID, "rows",
                           "row %zu: day, hour, account or another id is out of range", i);
    if (tx->failed || n_rows == 0)
        return tx->failed
                   ? wn_fail(why, tx->failed, tx->why_failed.field, "%s", tx->why_failed.text)
                   : WN_OK;
    struct wn_why cause = {0};
    wn_rc rc = tx->facts->ops->append(tx, rows, n_rows, &cause);
    if (rc)
        return wn_fail(why, keep_failure(tx, rc, &cause), cause.field, "%s", cause.text);
    tx->n_rows += n_rows;
    return WN_OK;
}

wn_rc wn_facts_tx_delete_account(struct wn_facts_tx *tx, int32_t account_id, struct wn_why *why)
{
    wn_rc rc = wn_facts_tx_replace(tx, account_id, WN_DAY_MIN, WN_DAY_MAX, why);
    if (rc)
        return rc;
    int32_t *deleted = realloc(tx->deleted, (tx->n_deleted + 1) * sizeof *deleted);
    if (!deleted)
        return keep_failure(tx, wn_fail(why, WN_MEMORY, NULL, "no memory to delete an account"),
                            why);
    tx->deleted = deleted;
    tx->deleted[tx->n_deleted++] = account_id;
    return WN_OK;
}

static bool is_empty(const struct wn_facts_tx *tx)
{
    return tx->n_rows == 0 && tx->ranges.n == 0 && tx->names.n_staged == 0;
}

wn_rc wn_facts_commit(struct wn_facts_tx *tx, struct wn_why *why)
{
    struct wn_facts *f = tx->facts;
    if (tx->failed || is_empty(tx)) {
        wn_rc failed = tx->failed;
        if (failed)
            failed = wn_fail(why, failed, tx->why_failed.field, "%s", tx->why_failed.text);
        wn_facts_rollback(tx);
        return failed;
    }
    wn_ranges_join(&tx->ranges);
    wn_names_publish(&f->names, &tx->names);
    wn_rc rc = f->ops->commit(tx, why);
    if (rc)
        wn_names_revert(&f->names, &tx->names);
    else
        wn_names_settle(&f->names, &tx->names, tx->tenant_id);
    if (!rc)
        atomic_fetch_add(&f->n_commits, 1);
    end(tx);
    return rc;
}

void wn_facts_rollback(struct wn_facts_tx *tx)
{
    if (!tx)
        return;
    tx->facts->ops->rollback(tx);
    wn_names_revert(&tx->facts->names, &tx->names);
    end(tx);
}

/* ---- reading ---------------------------------------------------------------------------------- */

wn_rc wn_facts_query(struct wn_facts *f, const struct wn_sql *sql, size_t rows_max,
                     struct wn_arena *a, struct wn_table **out, struct wn_why *why)
{
    if (!f->ops->query)
        return wn_fail(why, WN_UNSUPPORTED, NULL, "this facts store answers no queries");
    if (rows_max == 0 || rows_max > WN_FACTS_ROWS_MAX)
        rows_max = WN_FACTS_ROWS_MAX;
    return f->ops->query(f, sql, rows_max, a, out, why);
}

wn_rc wn_facts_scan(struct wn_facts *f, int32_t tenant_id, const struct wn_facts_range *range,
                    wn_facts_rows_fn *on_rows, void *context, struct wn_why *why)
{
    return f->ops->scan(f, tenant_id, range, on_rows, context, why);
}

wn_rc wn_facts_name(struct wn_facts *f, int32_t tenant_id, int32_t id, struct wn_arena *a,
                    struct wn_name *out, struct wn_why *why)
{
    return wn_names_get(&f->names, tenant_id, id, a, out, why);
}

wn_rc wn_facts_names(struct wn_facts *f, int32_t tenant_id, wn_name_kind kind, int32_t parent_id,
                     struct wn_arena *a, struct wn_name **out, size_t *n_out, struct wn_why *why)
{
    return wn_names_list(&f->names, tenant_id, kind, parent_id, a, out, n_out, why);
}
