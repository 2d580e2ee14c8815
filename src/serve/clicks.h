/* The click model of this process: learnt on a thread of its own when somebody asks and the facts
 * have changed, lent to whoever answers. Asking whether it is there, and borrowing it when it is,
 * touches no store and waits for nobody.
 *
 * While a newer one is being learnt the older one answers, and says that it is older. */
#ifndef WN_SERVE_CLICKS_H
#define WN_SERVE_CLICKS_H

#include "decide/ctr.h"
#include "serve/server.h"

struct wn_clicks;

/* Starts the thread, which sleeps until the first question. app: kept until stop. */
WN_MUST_USE wn_rc wn_clicks_start(struct wn_app *app, struct wn_clicks **out, struct wn_why *why);
/* Lets what is being learnt end, joins. Nothing may be borrowed any more. Accepts NULL. */
void wn_clicks_stop(struct wn_clicks *c);

/* True when the model of the present facts is there. Any thread, never waits long. */
bool wn_clicks_is_ready(struct wn_clicks *c, int32_t tenant_id);

/* On loan until given back. */
struct wn_clicks_loan {
    const struct wn_click_model *model;
    int64_t trained_at_ms;
    bool is_sample;  /* sample accounts were among the accounts */
    bool is_current; /* false: the facts have changed since, a newer one is being learnt */
    void *slot;
};

typedef enum wn_clicks_want {
    WN_CLICKS_NOW,    /* an older one will do; only the very first is waited for */
    WN_CLICKS_CURRENT /* waits for the present one, and takes an older one when that takes long */
} wn_clicks_want;

/* Waits at most WN_CLICKS_WAIT_MS. Fails: BUSY (it takes longer than that), and what learning it
 * failed with. */
#define WN_CLICKS_WAIT_MS 10000
WN_MUST_USE wn_rc wn_clicks_borrow(struct wn_clicks *c, int32_t tenant_id, wn_clicks_want want,
                                   struct wn_clicks_loan *out, struct wn_why *why);
/* Accepts a zeroed loan. */
void wn_clicks_give_back(struct wn_clicks *c, struct wn_clicks_loan *loan);

#endif
