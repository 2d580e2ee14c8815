#include "store/facts/names_int.h"

#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

void wn_names_init(struct wn_names *n)
{
    *n = (struct wn_names){0};
    pthread_mutex_init(&n->lock, NULL);
}

static void free_text(struct wn_str *s)
{
    free((char *)s->p);
    *s = (struct wn_str){0};
}

static void free_rec(struct wn_name_rec *r)
{
    free_text(&r->key);
    free_text(&r->name);
    free_text(&r->other);
    free(r);
}

void wn_names_deinit(struct wn_names *n)
{
    for (size_t i = 0; i < n->n_chains; i++) {
        while (n->chains[i]) {
            struct wn_name_rec *next = n->chains[i]->next;
            free_rec(n->chains[i]);
            n->chains[i] = next;
        }
    }
    free(n->chains);
    for (size_t i = 0; i < n->n_tenants; i++)
        free(n->tenants[i].by_id);
    free(n->tenants);
    pthread_mutex_destroy(&n->lock);
    *n = (struct wn_names){0};
}

/* ---- the two indexes -------------------------------------------------------------------------- */

static uint64_t hash_of(int32_t tenant_id, wn_name_kind kind, int32_t parent_id, struct wn_str key)
{
    uint64_t seed = (uint64_t)(uint32_t)tenant_id << 32 | (uint64_t)(uint32_t)parent_id;
    return wn_hash(key, seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kind);
}

static struct wn_name_rec *find(const struct wn_names *n, uint64_t hash, int32_t tenant_id,
                                wn_name_kind kind, int32_t parent_id, struct wn_str key)
{
    if (n->n_chains == 0)
        return NULL;
    struct wn_name_rec *r = n->chains[hash & (n->n_chains - 1)];
    while (r && !(r->hash == hash && r->tenant_id == tenant_id && r->kind == kind &&
                  r->parent_id == parent_id && wn_str_eq(r->key, key)))
        r = r->next;
    return r;
}

static bool grow_chains(struct wn_names *n)
{
    if (n->n < n->n_chains)
        return true;
    size_t n_chains = n->n_chains ? n->n_chains * 2 : 256;
    struct wn_name_rec **chains = calloc(n_chains, sizeof(struct wn_name_rec *));
    if (!chains)
        return false;
    for (size_t i = 0; i < n->n_chains; i++) {
        while (n->chains[i]) {
            struct wn_name_rec *r = n->chains[i];
            n->chains[i] = r->next;
            struct wn_name_rec **chain = &chains[r->hash & (n_chains - 1)];
            r->next = *chain;
            *chain = r;
        }
    }
    free(n->chains);
    n->chains = chains;
    n->n_chains = n_chains;
    return true;
}

/* The place of the tenant in the sorted list, or where it belongs. */
static size_t tenant_at(const struct wn_names *n, int32_t tenant_id)
{
    size_t from = 0, to = n->n_tenants;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (n->tenants[middle].tenant_id < tenant_id)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static struct wn_names_tenant *tenant_get(const struct wn_names *n, int32_t tenant_id)
{
    size_t at = tenant_at(n, tenant_id);
    return at < n->n_tenants && n->tenants[at].tenant_id == tenant_id ? &n->tenants[at] : NULL;
}

static struct wn_names_tenant *tenant_make(struct wn_names *n, int32_t tenant_id)
{
    struct wn_names_tenant *found = tenant_get(n, tenant_id);
    if (found)
        return found;
    struct wn_names_tenant *tenants = realloc(n->tenants, (n->n_tenants + 1) * sizeof *tenants);
    if (!tenants)
        return NULL;
    n->tenants = tenants;
    size_t at = tenant_at(n, tenant_id);
    memmove(&tenants[at + 1], &tenants[at], (n->n_tenants - at) * sizeof *tenants);
    tenants[at] = (struct wn_names_tenant){.tenant_id = tenant_id};
    n->n_tenants++;
    return &tenants[at];
}

static struct wn_name_rec *by_id(const struct wn_names *n, int32_t tenant_id, int32_t id)
{
    const struct wn_names_tenant *t = tenant_get(n, tenant_id);
    return t && id > 0 && (size_t)id < t->n_room ? t->by_id[id] : NULL;
}

static bool room_for_id(struct wn_names_tenant *t, int32_t id)
{
    if ((size_t)id < t->n_room)
        return true;
    size_t n_room = t->n_room ? t->n_room : 64;
    while (n_room <= (size_t)id)
        n_room *= 2;
    struct wn_name_rec **list = realloc(t->by_id, n_room * sizeof(struct wn_name_rec *));
    if (!list)
        return false;
    memset(list + t->n_room, 0, (n_room - t->n_room) * sizeof(struct wn_name_rec *));
    t->by_id = list;
    t->n_room = n_room;
    return true;
}

static void unlink_rec(struct wn_names *n, struct wn_name_rec *r)
{
    struct wn_name_rec **at = &n->chains[r->hash & (n->n_chains - 1)];
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    tenant_get(n, r->tenant_id)->by_id[r->id] = NULL;
    n->n--;
}

static bool dup_text(struct wn_str s, struct wn_str *out)
{
    char *p = malloc(s.n + 1);
    if (!p)
        return false;
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    *out = (struct wn_str){p, s.n};
    return true;
}

/* Makes and links a name with the id given, or returns NULL when memory has run out. */
static struct wn_name_rec *add(struct wn_names *n, struct wn_names_tenant *t,
                               const struct wn_name *name)
{
    if (!grow_chains(n) || !room_for_id(t, name->id))
        return NULL;
    struct wn_name_rec *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    if (!dup_text(name->key, &r->key) || !dup_text(name->name, &r->name)) {
        free_rec(r);
        return NULL;
    }
    r->tenant_id = t->tenant_id;
    r->id = name->id;
    r->parent_id = name->parent_id;
    r->kind = name->kind;
    r->hash = hash_of(t->tenant_id, name->kind, name->parent_id, name->key);
    struct wn_name_rec **chain = &n->chains[r->hash & (n->n_chains - 1)];
    r->next = *chain;
    *chain = r;
    t->by_id[r->id] = r;
    if (t->id_max < r->id)
        t->id_max = r->id;
    n->n++;
    return r;
}

/* ---- loading ---------------------------------------------------------------------------------- */

wn_rc wn_names_load(struct wn_names *n, int32_t tenant_id, const struct wn_name *name)
{
    if (name->id < 1 || name->id > WN_NAMES_MAX || name->parent_id < 0 ||
        name->parent_id >= name->id || name->kind < WN_NAME_ACCOUNT ||
        name->kind > WN_NAME_AUDIENCE)
        return WN_CORRUPT;
    pthread_mutex_lock(&n->lock);
    struct wn_names_tenant *t = tenant_make(n, tenant_id);
    wn_rc rc = t ? WN_OK : WN_MEMORY;
    if (!rc && by_id(n, tenant_id, name->id))
        rc = WN_CORRUPT;
    struct wn_name_rec *r = rc ? NULL : add(n, t, name);
    if (r)
        r->is_visible = true;
    else if (!rc)
        rc = WN_MEMORY;
    pthread_mutex_unlock(&n->lock);
    return rc;
}

wn_rc wn_names_reserve(struct wn_names *n, int32_t tenant_id, int32_t id_max)
{
    pthread_mutex_lock(&n->lock);
    struct wn_names_tenant *t = tenant_make(n, tenant_id);
    if (t && t->id_max < id_max)
        t->id_max = id_max;
    pthread_mutex_unlock(&n->lock);
    return t ? WN_OK : WN_MEMORY;
}

int32_t wn_names_id_max(struct wn_names *n, int32_t tenant_id)
{
    pthread_mutex_lock(&n->lock);
    const struct wn_names_tenant *t = tenant_get(n, tenant_id);
    int32_t id_max = t ? t->id_max : 0;
    pthread_mutex_unlock(&n->lock);
    return id_max;
}

/* ---- a transaction's part --------------------------------------------------------------------- */

static bool room_for_staged(struct wn_names_tx *tx)
{
    if (tx->n_staged < tx->n_room)
        return true;
    size_t n_room = tx->n_room ? tx->n_room * 2 : 64;
    struct wn_name_rec **staged = realloc(tx->staged, n_room * sizeof(struct wn_name_rec *));
    if (!staged)
        return false;
    tx->staged = staged;
    tx->n_room = n_room;
    return true;
}

static wn_rc rename_rec(struct wn_names_tx *tx, struct wn_name_rec *r, struct wn_str name)
{
    if (r->is_new || r->is_renamed) {
        /* Nobody else sees the staged text yet: put the new one in its place. */
        struct wn_str *text = r->is_new ? &r->name : &r->other;
        struct wn_str copy;
        if (wn_str_eq(*text, name))
            return WN_OK;
        if (!dup_text(name, &copy))
            return WN_MEMORY;
        free_text(text);
        *text = copy;
        return WN_OK;
    }
    if (wn_str_eq(r->name, name))
        return WN_OK;
    if (!room_for_staged(tx) || !dup_text(name, &r->other))
        return WN_MEMORY;
    r->is_renamed = true;
    tx->staged[tx->n_staged++] = r;
    return WN_OK;
}

static wn_rc add_staged(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id,
                        struct wn_name *name, struct wn_name_rec **out, struct wn_why *why)
{
    struct wn_names_tenant *t = tenant_make(n, tenant_id);
    if (!t || !room_for_staged(tx))
        return WN_MEMORY;
    if (t->id_max >= WN_NAMES_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "there are more than %d different names", WN_NAMES_MAX);
    name->id = t->id_max + 1;
    struct wn_name_rec *r = add(n, t, name);
    if (!r)
        return WN_MEMORY;
    r->is_new = true;
    tx->staged[tx->n_staged++] = r;
    *out = r;
    return WN_OK;
}

static wn_rc check_parent(const struct wn_names *n, int32_t tenant_id, wn_name_kind kind,
                          int32_t parent_id, struct wn_why *why)
{
    bool has_parent = kind == WN_NAME_CAMPAIGN || kind == WN_NAME_AD_GROUP || kind == WN_NAME_AD;
    if (!has_parent)
        return parent_id == 0
                   ? WN_OK
                   : wn_fail(why, WN_INVALID, "parent_id", "this kind of name has no parent");
    const struct wn_name_rec *parent = by_id(n, tenant_id, parent_id);
    if (!parent || parent->kind >= kind)
        return wn_fail(why, WN_INVALID, "parent_id",
                       "%ld is not the account, campaign or ad group of this name",
                       (long)parent_id);
    return WN_OK;
}

wn_rc wn_names_put(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id, wn_name_kind kind,
                   int32_t parent_id, struct wn_str key, struct wn_str name, int32_t *out_id,
                   struct wn_why *why)
{
    uint64_t hash = hash_of(tenant_id, kind, parent_id, key);
    pthread_mutex_lock(&n->lock);
    struct wn_name_rec *r = find(n, hash, tenant_id, kind, parent_id, key);
    wn_rc rc = WN_OK;
    if (r) {
        rc = name.n ? rename_rec(tx, r, name) : WN_OK;
    } else {
        struct wn_name fresh = {kind, 0, parent_id, key, name.n ? name : key};
        rc = check_parent(n, tenant_id, kind, parent_id, why);
        if (!rc)
            rc = add_staged(n, tx, tenant_id, &fresh, &r, why);
    }
    if (!rc)
        *out_id = r->id;
    pthread_mutex_unlock(&n->lock);
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "no memory for one more name") : rc;
}

enum { BELOW = 1, USED = 2 };

/* A parent has a smaller id than its children: one pass upwards finds all below the account, one
 * downwards all above what is used. marks [n_ids]. */
static size_t mark_tree(const struct wn_names_tenant *t, int32_t account_id, uint8_t *marks,
                        size_t n_ids)
{
    for (size_t id = 1; id < n_ids; id++) {
        const struct wn_name_rec *r = t->by_id[id];
        if (!r)
            continue;
        bool below = r->kind == WN_NAME_ACCOUNT ? r->id == account_id : marks[r->parent_id] & BELOW;
        marks[id] |= below ? BELOW : 0;
    }
    size_t n_unused = 0;
    for (size_t id = n_ids; id-- > 1;) {
        if (t->by_id[id] && marks[id] & USED)
            marks[t->by_id[id]->parent_id] |= USED;
        n_unused += marks[id] == BELOW;
    }
    return n_unused;
}

wn_rc wn_names_purge_unused(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id,
                            int32_t account_id, const int32_t *used, size_t n_used)
{
    pthread_mutex_lock(&n->lock);
    const struct wn_names_tenant *t = tenant_get(n, tenant_id);
    size_t n_ids = t ? t->n_room : 0, n_unused = 0;
    wn_rc rc = WN_OK;
    uint8_t *marks = calloc(n_ids + 1, 1);
    int32_t *purged = NULL;
    if (marks) {
        for (size_t i = 0; i < n_used; i++)
            if (used[i] > 0 && (size_t)used[i] < n_ids)
                marks[used[i]] |= USED;
        n_unused = mark_tree(t, account_id, marks, n_ids);
        purged = realloc(tx->purged, (tx->n_purged + n_unused + 1) * sizeof *purged);
    }
    if (purged) {
        tx->purged = purged;
        for (size_t id = 1; id < n_ids; id++)
            if (marks[id] == BELOW)
                purged[tx->n_purged++] = (int32_t)id;
    } else {
        rc = WN_MEMORY;
    }
    pthread_mutex_unlock(&n->lock);
    free(marks);
    return rc;
}

static void swap_names(struct wn_name_rec *r)
{
    struct wn_str name = r->name;
    r->name = r->other;
    r->other = name;
}

void wn_names_publish(struct wn_names *n, struct wn_names_tx *tx)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < tx->n_staged; i++) {
        struct wn_name_rec *r = tx->staged[i];
        r->is_visible = true;
        if (r->is_renamed) {
            swap_names(r);
            r->is_published = true;
        }
    }
    pthread_mutex_unlock(&n->lock);
}

static void forget(struct wn_names_tx *tx)
{
    free(tx->staged);
    free(tx->purged);
    *tx = (struct wn_names_tx){0};
}

void wn_names_settle(struct wn_names *n, struct wn_names_tx *tx, int32_t tenant_id)
{
    pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < tx->n_staged; i++) {
        struct wn_name_rec *r = tx->staged[i];
        free_text(&r->other);
        r->is_new = r->is_renamed = r->is_published = false;
    }
    for (size_t i = 0; i < tx->n_purged; i++) {
        struct wn_name_rec *r = by_id(n, tenant_id, tx->purged[i]);
        if (!r)
            continue;
        unlink_rec(n, r);
        free_rec(r);
    }
    pthread_mutex_unlock(&n->lock);
    forget(tx);
}

void wn_names_revert(struct wn_names *n, struct wn_names_tx *tx)
{
    pthread_mutex_lock(&n->lock);
    /* Backwards, so that the ids can be given back: nobody stored them. */
    for (size_t i = tx->n_staged; i-- > 0;) {
        struct wn_name_rec *r = tx->staged[i];
        if (r->is_new) {
            struct wn_names_tenant *t = tenant_get(n, r->tenant_id);
            unlink_rec(n, r);
            if (t->id_max == r->id)
                t->id_max--;
            free_rec(r);
            continue;
        }
        if (r->is_published)
            swap_names(r);
        free_text(&r->other);
        r->is_renamed = r->is_published = false;
    }
    pthread_mutex_unlock(&n->lock);
    forget(tx);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static wn_rc copy_out(const struct wn_name_rec *r, struct wn_arena *a, struct wn_name *out)
{
    struct wn_str key = wn_arena_dup(a, r->key);
    struct wn_str name = wn_arena_dup(a, r->name);
    if (!key.p || !name.p)
        return WN_MEMORY;
    *out = (struct wn_name){r->kind, r->id, r->parent_id, key, name};
    return WN_OK;
}

wn_rc wn_names_get(struct wn_names *n, int32_t tenant_id, int32_t id, struct wn_arena *a,
                   struct wn_name *out, struct wn_why *why)
{
    pthread_mutex_lock(&n->lock);
    const struct wn_name_rec *r = by_id(n, tenant_id, id);
    wn_rc rc = r && r->is_visible ? copy_out(r, a, out) : WN_NOT_FOUND;
    pthread_mutex_unlock(&n->lock);
    if (rc == WN_NOT_FOUND)
        return wn_fail(why, rc, "id", "there is no name with the id %ld", (long)id);
    return rc ? wn_fail(why, rc, NULL, "no memory for a name") : WN_OK;
}

static bool is_listed(const struct wn_name_rec *r, wn_name_kind kind, int32_t parent_id)
{
    return r && r->is_visible && r->kind == kind && (parent_id == 0 || r->parent_id == parent_id);
}

wn_rc wn_names_list(struct wn_names *n, int32_t tenant_id, wn_name_kind kind, int32_t parent_id,
                    struct wn_arena *a, struct wn_name **out, size_t *n_out, struct wn_why *why)
{
    pthread_mutex_lock(&n->lock);
    const struct wn_names_tenant *t = tenant_get(n, tenant_id);
    size_t n_ids = t ? t->n_room : 0, n_found = 0, n_done = 0;
    for (size_t id = 1; id < n_ids; id++)
        n_found += is_listed(t->by_id[id], kind, parent_id);
    struct wn_name *list = WN_ARENA_ARRAY(a, n_found, struct wn_name);
    wn_rc rc = list ? WN_OK : WN_MEMORY;
    for (size_t id = 1; !rc && id < n_ids; id++)
        if (is_listed(t->by_id[id], kind, parent_id))
            rc = copy_out(t->by_id[id], a, &list[n_done++]);
    pthread_mutex_unlock(&n->lock);
    if (rc)
        return wn_fail(why, rc, NULL, "no memory for %zu names", n_found);
    *out = list;
    *n_out = n_found;
    return WN_OK;
}
