#include "serve/models.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

/* Curves with the number of those who hold them; the list below is one of them. */
struct slot {
    struct wn_budget_curves *curves;
    int32_t tenant_id;
    int n_holders;
    uint64_t used_at; /* a count, not a time */
};

struct wn_models {
    pthread_mutex_t lock; /* guards all below */
    struct slot *kept[WN_MODELS_CURVES_KEPT];
    uint64_t n_uses;
    struct wn_model_fit fits[WN_MODELS_N];
};

const char *wn_model_name(wn_model model)
{
    static const char *const names[] = {"forecast", "anomaly", "response_curves", "ctr"};
    return names[model];
}

wn_rc wn_models_new(struct wn_models **out, struct wn_why *why)
{
    struct wn_models *m = calloc(1, sizeof *m);
    if (!m)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    pthread_mutex_init(&m->lock, NULL);
    *out = m;
    return WN_OK;
}

static void slot_free(struct slot *slot)
{
    wn_budget_curves_free(slot->curves);
    free(slot);
}

/* Under the lock. */
static void let_go(struct slot *slot)
{
    if (slot && --slot->n_holders == 0)
        slot_free(slot);
}

void wn_models_free(struct wn_models *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < WN_MODELS_CURVES_KEPT; i++)
        let_go(m->kept[i]);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static bool same_range(const struct wn_budget_range *x, const struct wn_budget_range *y)
{
    return x->by == y->by && x->objective == y->objective && x->has_from == y->has_from &&
           x->has_to == y->has_to && (!x->has_from || x->from == y->from) &&
           (!x->has_to || x->to == y->to);
}

static bool fits(const struct slot *slot, int32_t tenant_id, const struct wn_budget_range *range,
                 const struct wn_facts_version *version)
{
    return slot && slot->tenant_id == tenant_id && same_range(&slot->curves->range, range) &&
           slot->curves->version.n_rows == version->n_rows &&
           slot->curves->version.loaded_at_ms == version->loaded_at_ms;
}

static struct slot *find(struct wn_models *m, int32_t tenant_id,
                         const struct wn_budget_range *range,
                         const struct wn_facts_version *version)
{
    struct slot *found = NULL;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < WN_MODELS_CURVES_KEPT && !found; i++)
        if (fits(m->kept[i], tenant_id, range, version))
            found = m->kept[i];
    if (found) {
        found->n_holders++;
        found->used_at = ++m->n_uses;
    }
    pthread_mutex_unlock(&m->lock);
    return found;
}

/* In the place of the one that was used longest ago. */
static void keep(struct wn_models *m, struct slot *slot)
{
    size_t place = 0;
    pthread_mutex_lock(&m->lock);
    for (size_t i = 0; i < WN_MODELS_CURVES_KEPT; i++) {
        if (!m->kept[i]) {
            place = i;
            break;
        }
        if (m->kept[i]->used_at < m->kept[place]->used_at)
            place = i;
    }
    let_go(m->kept[place]);
    m->kept[place] = slot;
    slot->used_at = ++m->n_uses;
    slot->n_holders++;
    pthread_mutex_unlock(&m->lock);
}

static void note_curves(struct wn_models *m, const struct slot *slot, int64_t now_ms)
{
    const struct wn_budget_curves *c = slot->curves;
    struct wn_model_fit fit = {.trained_at_ms = now_ms,
                               .tenant_id = slot->tenant_id,
                               .version = c->version,
                               .metric_name = "share of curves that data identify",
                               .metric = c->daily.n ? (double)c->n_identified / (double)c->daily.n
                                                    : (double)NAN};
    for (size_t i = 0; i < c->daily.n; i++)
        fit.n_rows += c->curves[i].n_observed;
    if (c->daily.n)
        wn_models_note(m, WN_MODEL_RESPONSE_CURVES, &fit);
}

wn_rc wn_models_borrow_curves(struct wn_models *m, const struct wn_book *book,
                              const struct wn_budget_range *range, int64_t now_ms,
                              struct wn_arena *a, struct wn_models_loan *out, struct wn_why *why)
{
    struct wn_facts_version version;
    wn_rc rc = wn_daily_version(book, a, &version, why);
    if (rc)
        return rc;
    struct slot *slot = find(m, book->tenant_id, range, &version);
    if (!slot) {
        slot = calloc(1, sizeof *slot);
        if (!slot)
            return wn_fail(why, WN_MEMORY, NULL, "memory has run out while fitting curves");
        rc = wn_budget_fit(book, range, &version, &slot->curves, why);
        if (rc) {
            free(slot);
            return rc;
        }
        slot->tenant_id = book->tenant_id;
        slot->n_holders = 1;
        keep(m, slot);
        note_curves(m, slot, now_ms);
    }
    *out = (struct wn_models_loan){.curves = slot->curves, .slot = slot};
    return WN_OK;
}

void wn_models_give_back(struct wn_models *m, struct wn_models_loan *loan)
{
    if (!loan->slot)
        return;
    pthread_mutex_lock(&m->lock);
    let_go(loan->slot);
    pthread_mutex_unlock(&m->lock);
    *loan = (struct wn_models_loan){0};
}

void wn_models_note(struct wn_models *m, wn_model model, const struct wn_model_fit *fit)
{
    pthread_mutex_lock(&m->lock);
    m->fits[model] = *fit;
    pthread_mutex_unlock(&m->lock);
}

void wn_models_get(struct wn_models *m, wn_model model, struct wn_model_fit *out)
{
    pthread_mutex_lock(&m->lock);
    *out = m->fits[model];
    pthread_mutex_unlock(&m->lock);
}
