/* Whether the stores work, remembered for a second, so that a probe neither waits behind long
 * queries nor asks the stores a hundred thousand times. Any thread. */
#ifndef WN_SERVE_HEALTH_H
#define WN_SERVE_HEALTH_H

#include "core/error.h"
#include "serve/server.h"

struct wn_health;

WN_MUST_USE wn_rc wn_health_new(struct wn_health **out, struct wn_why *why);
void wn_health_free(struct wn_health *h); /* accepts NULL */
/* True when this caller has to check the stores now: what is known is older than a second and
 * nobody else is at it (or has been for ten). */
WN_MUST_USE bool wn_health_claim(struct wn_health *h, int64_t now_ns);
/* Asks the stores; may wait. */
void wn_health_check(struct wn_health *h, struct wn_app *app);
void wn_health_get(const struct wn_health *h, wn_rc *catalog, wn_rc *facts);

#endif
