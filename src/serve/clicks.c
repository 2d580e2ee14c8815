#include "serve/clicks.h"

#include "io/clock.h"
#include "io/log.h"
#include "serve/handlers.h"
#include "serve/models.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* A model with the number of those who hold it; the newest is held by the list. */
struct slot {
    struct wn_click_model *model;
    int32_t tenant_id;
    uint64_t n_commits; /* of the facts when learning began */
    int64_t trained_at_ms;
    bool is_sample;
    int n_holders;
};

struct wn_clicks {
    struct wn_app *app;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below; never held while learning */
    pthread_cond_t changed;
    struct slot *newest; /* may be NULL */
    int32_t wanted;      /* the tenant to learn for; 0 = nobody asks */
    uint64_t n_attempts; /* that ended */
    wn_rc rc;            /* of the last one */
    struct wn_why why;
    bool is_stopping;
};

/* Under the lock. */
static void let_go(struct slot *slot)
{
    if (slot && --slot->n_holders == 0) {
        wn_click_model_free(slot->model);
        free(slot);
    }
}

/* Under the lock. */
static bool is_there(const struct wn_clicks *c, int32_t tenant_id)
{
    return c->newest && c->newest->tenant_id == tenant_id;
}

static bool is_current(const struct wn_clicks *c, int32_t tenant_id)
{
    return is_there(c, tenant_id) && c->newest->n_commits == wn_facts_n_commits(c->app->facts);
}

/* ---- learning --------------------------------------------------------------------------------- */

static void note(struct wn_clicks *c, const struct slot *slot,
                 const struct wn_facts_version *version)
{
    const struct wn_click_report *r = wn_click_report(slot->model);
    struct wn_model_fit fit = {.trained_at_ms = slot->trained_at_ms,
                               .tenant_id = slot->tenant_id,
                               .version = *version,
                               .n_rows = r->n_rows,
                               .metric_name = "log loss on the newest days",
                               .metric = r->test.log_loss,
                               .drift_name = "population stability index of the predictions",
                               .drift = r->test.drift};
    if (r->method != WN_CLICK_NOTHING)
        wn_models_note(c->app->models, WN_MODEL_CLICKS, &fit);
}

static wn_rc learn(struct wn_clicks *c, struct slot *slot, struct wn_why *why)
{
    struct wn_arena a;
    struct wn_facts_version version;
    struct wn_book book = {
        .facts = c->app->facts, .catalog = c->app->catalog, .tenant_id = slot->tenant_id};
    slot->n_commits = wn_facts_n_commits(c->app->facts);
    wn_arena_init(&a, 0);
    wn_rc rc = wn_daily_version(&book, &a, &version, why);
    if (!rc)
        rc = wn_book_is_sample(&book, &a, &slot->is_sample, why);
    if (!rc)
        rc = wn_click_train(&book, &slot->model, why);
    wn_arena_deinit(&a);
    if (rc)
        return rc;
    slot->trained_at_ms = wn_clock_now_ms();
    note(c, slot, &version);
    return WN_OK;
}

static struct slot *attempt(struct wn_clicks *c, int32_t tenant_id, wn_rc *rc, struct wn_why *why)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (!slot) {
        *rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out while learning clicks");
        return NULL;
    }
    slot->tenant_id = tenant_id;
    slot->n_holders = 1;
    *rc = learn(c, slot, why);
    if (*rc) {
        wn_log(WN_LOG_WARN, "clicks_not_learnt", WN_LOG_TEXT("error", wn_str_of(wn_rc_name(*rc))),
               WN_LOG_TEXT("detail", wn_str_of(why->text)));
        free(slot);
        return NULL;
    }
    return slot;
}

static void *run(void *context)
{
    struct wn_clicks *c = context;
    pthread_mutex_lock(&c->lock);
    while (!c->is_stopping) {
        if (!c->wanted || is_current(c, c->wanted)) {
            c->wanted = 0;
            pthread_cond_wait(&c->changed, &c->lock);
            continue;
        }
        int32_t tenant_id = c->wanted;
        struct wn_why why = {0};
        wn_rc rc;
        c->wanted = 0;
        pthread_mutex_unlock(&c->lock);
        struct slot *made = attempt(c, tenant_id, &rc, &why);
        pthread_mutex_lock(&c->lock);
        if (made) {
            let_go(c->newest);
            c->newest = made;
        }
        c->rc = rc;
        c->why = why;
        c->n_attempts++;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

wn_rc wn_clicks_start(struct wn_app *app, struct wn_clicks **out, struct wn_why *why)
{
    struct wn_clicks *c = calloc(1, sizeof *c);
    pthread_condattr_t attributes;
    if (!c)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    c->app = app;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&c->thread, NULL, run, c)) {
        pthread_cond_destroy(&c->changed);
        pthread_mutex_destroy(&c->lock);
        free(c);
        return wn_fail(why, WN_MEMORY, NULL, "no thread to learn on could be started");
    }
    *out = c;
    return WN_OK;
}

void wn_clicks_stop(struct wn_clicks *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->is_stopping = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    let_go(c->newest);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- lending ---------------------------------------------------------------------------------- */

bool wn_clicks_is_ready(struct wn_clicks *c, int32_t tenant_id)
{
    pthread_mutex_lock(&c->lock);
    bool ready = is_current(c, tenant_id);
    pthread_mutex_unlock(&c->lock);
    return ready;
}

static void lend(struct wn_clicks *c, int32_t tenant_id, struct wn_clicks_loan *out)
{
    struct slot *slot = c->newest;
    slot->n_holders++;
    *out = (struct wn_clicks_loan){.model = slot->model,
                                   .trained_at_ms = slot->trained_at_ms,
                                   .is_sample = slot->is_sample,
                                   .is_current = is_current(c, tenant_id),
                                   .slot = slot};
}

/* Under the lock. Has the present model learnt and waits for it; WN_BUSY, without a text, when that
 * takes too long. */
static wn_rc wait_for(struct wn_clicks *c, int32_t tenant_id, struct wn_why *why)
{
    struct timespec until;
    uint64_t before = c->n_attempts;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WN_CLICKS_WAIT_MS / 1000;
    while (!is_current(c, tenant_id)) {
        if (c->n_attempts != before && c->rc)
            return wn_fail(why, c->rc, NULL, "%s", c->why.text);
        c->wanted = tenant_id;
        pthread_cond_broadcast(&c->changed);
        if (pthread_cond_timedwait(&c->changed, &c->lock, &until) == ETIMEDOUT)
            return WN_BUSY;
    }
    return WN_OK;
}

wn_rc wn_clicks_borrow(struct wn_clicks *c, int32_t tenant_id, wn_clicks_want want,
                       struct wn_clicks_loan *out, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    pthread_mutex_lock(&c->lock);
    if (!is_current(c, tenant_id)) {
        if (is_there(c, tenant_id) && want == WN_CLICKS_NOW) {
            c->wanted = tenant_id;
            pthread_cond_broadcast(&c->changed);
        } else {
            rc = wait_for(c, tenant_id, why);
        }
    }
    bool has_older = rc == WN_BUSY && is_there(c, tenant_id);
    if (!rc || has_older)
        lend(c, tenant_id, out);
    pthread_mutex_unlock(&c->lock);
    if (rc == WN_BUSY && !has_older)
        return wn_fail(why, rc, NULL,
                       "the click model is still being learnt; ask again in a moment");
    return has_older ? WN_OK : rc;
}

void wn_clicks_give_back(struct wn_clicks *c, struct wn_clicks_loan *loan)
{
    if (!loan->slot)
        return;
    pthread_mutex_lock(&c->lock);
    let_go(loan->slot);
    pthread_mutex_unlock(&c->lock);
    *loan = (struct wn_clicks_loan){0};
}
