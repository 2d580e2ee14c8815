#include "serve/health.h"

#include "io/clock.h"
#include "io/log.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FRESH_NS INT64_C(1000000000)
#define GIVEN_UP_NS INT64_C(10000000000)

struct wn_health {
    _Atomic int64_t checked_at_ns; /* 0 = never */
    atomic_bool is_checking;
    _Atomic int catalog, facts; /* wn_rc */
};

wn_rc wn_health_new(struct wn_health **out, struct wn_why *why)
{
    struct wn_health *h = calloc(1, sizeof *h);
    if (!h)
        return wn_fail(why, WN_MEMORY, NULL, "memory has run out while starting the server");
    *out = h;
    return WN_OK;
}

void wn_health_free(struct wn_health *h)
{
    free(h);
}

bool wn_health_claim(struct wn_health *h, int64_t now_ns)
{
    int64_t checked_at_ns = atomic_load(&h->checked_at_ns);
    int64_t age_ns = now_ns - checked_at_ns;
    if (checked_at_ns == 0 || age_ns > GIVEN_UP_NS) {
        atomic_store(&h->is_checking, true);
        return true;
    }
    return age_ns > FRESH_NS && !atomic_exchange(&h->is_checking, true);
}

static void note(const char *store, wn_rc rc, const struct wn_why *why)
{
    if (rc)
        wn_log(WN_LOG_ERROR, "store_unhealthy", WN_LOG_TEXT("store", wn_str_of(store)),
               WN_LOG_TEXT("error", wn_str_of(wn_rc_name(rc))),
               WN_LOG_TEXT("detail", wn_str_of(why->text)));
}

void wn_health_check(struct wn_health *h, struct wn_app *app)
{
    struct wn_why catalog_why = {0}, facts_why = {0};
    wn_rc catalog = wn_catalog_check(app->catalog, &catalog_why);
    wn_rc facts = wn_facts_check(app->facts, &facts_why);
    note("catalog", catalog, &catalog_why);
    note("facts", facts, &facts_why);
    atomic_store(&h->catalog, (int)catalog);
    atomic_store(&h->facts, (int)facts);
    atomic_store(&h->checked_at_ns, wn_clock_monotonic_ns());
    atomic_store(&h->is_checking, false);
}

void wn_health_get(const struct wn_health *h, wn_rc *catalog, wn_rc *facts)
{
    *catalog = (wn_rc)atomic_load(&h->catalog);
    *facts = (wn_rc)atomic_load(&h->facts);
}
