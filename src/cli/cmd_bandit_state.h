/* What winnow bandit remembers between two calls: a JSON file, and how rewards change it.
 *
 *     { "format": "winnow bandit", "version": 1,
 *       "seed": 1, "choices": 17,              chance: choice k of a state is always the same
 *       "at_ms": 1767225600000,                counts are faded to this moment
 *       "prior": { "alpha": 1, "beta": 1, "weight": 1 }, "fit_prior": false,
 *       "keep_daily": 1, "width": 0.8,
 *       "delay": [ { "weight": 1, "mean_ms": 86400000 } ],
 *       "arms": [ { "name": "a", "successes": 12, "trials": 340.5, "share": 0.4,
 *                   "since_ms": 1767225600000, "live": true, "fatigued": false } ],
 *       "pending": [ { "arm": 0, "at_ms": 1767222000000, "trials": 100 } ] }
 *
 * Where rewards came with a context there are weights of a logistic model too, the constant first:
 * "context": { "features": ["hour"], "mean": [-3.1, 0.2], "precision": [40.2, 12.5] } shared by all,
 * and in each arm "weights": { "mean": [...], "precision": [...] }, its own; absent before it is shown.
 *
 * An arm whose patterns were known before it was shown has a "prior" of its own, as above; the others
 * have that of the state.
 *
 * share: of the last batch; absent before the first. since_ms: first shown; absent before. trials of
 * an arm are those old enough to be settled; pending ones count as far as their conversions can have
 * come back. */
#ifndef WN_CLI_CMD_BANDIT_STATE_H
#define WN_CLI_CMD_BANDIT_STATE_H

#include "core/buf.h"
#include "core/hash.h"
#include "winnow/bandit.h"

#define WN_BANDIT_STATE_BYTES_MAX ((size_t)256 << 20)
#define WN_BANDIT_PENDING_MAX 1000000
/* A creative that people are tired of forgets this fast. */
#define WN_FATIGUED_KEEP_DAILY 0.9

struct wn_bandit_arm {
    struct wn_str name;
    struct wn_arm arm;
    double share;     /* negative: none yet */
    int64_t since_ms; /* negative: never shown */
    bool is_live, is_fatigued;
    struct wn_prior prior;    /* its own; weight 0: that of the state */
    double *mean, *precision; /* arena [1 + n_features] of the state, or NULL: nothing learned */
};

struct wn_bandit_pending {
    uint32_t arm;
    int64_t at_ms;
    double trials;
};

struct wn_bandit_state {
    uint64_t seed, n_choices;
    int64_t at_ms; /* negative: nothing has happened */
    struct wn_prior prior;
    bool fits_prior;
    double keep_daily, width;
    struct wn_delay delay;
    struct wn_bandit_arm *arms; /* arena [n_arms], room for n_arms_max */
    size_t n_arms, n_arms_max;
    struct wn_bandit_pending *pending; /* likewise */
    size_t n_pending, n_pending_max;
    struct wn_map names;      /* name -> index */
    struct wn_str *features;  /* arena [n_features] names of the context's columns */
    size_t n_features;        /* 0: no context */
    double *mean, *precision; /* arena [1 + n_features] weights shared by all arms */
    struct wn_arena *a;
};
/* What a weight is known by before anything is learned: 1 / variance. */
#define WN_BANDIT_PRECISION 1.0

/* Room in an array of a for one more than n items, *max of which fit by now; the old array stays in
 * the arena. NULL when memory has run out. */
void *wn_bandit_grow(struct wn_arena *a, void *old, size_t n, size_t *max, size_t item_bytes);

/* An empty state whose arrays live in a. */
void wn_bandit_state_init(struct wn_bandit_state *s, struct wn_arena *a);
void wn_bandit_state_deinit(struct wn_bandit_state *s); /* the names; accepts a zeroed one */
/* Fails: INVALID (why names the member), UNSUPPORTED (another format), NEWER, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_state_parse(struct wn_bandit_state *s, struct wn_str text,
                                        struct wn_why *why);
void wn_bandit_state_print(const struct wn_bandit_state *s, struct wn_buf *out);

/* The arm of that name, made if there is none. Fails: INVALID (an empty name), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_state_arm(struct wn_bandit_state *s, struct wn_str name, uint32_t *out,
                                      struct wn_why *why);
/* Fades all counts to a later moment, and settles trials whose conversions are all but in. */
void wn_bandit_state_advance(struct wn_bandit_state *s, int64_t to_ms);
/* Takes in trials shown at a moment and the successes they had. Later moments advance the state.
 * Fails: INVALID, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_state_add(struct wn_bandit_state *s, uint32_t arm, int64_t at_ms,
                                      double successes, double trials, struct wn_why *why);
/* Sets the features of the context, once. Fails: CONFLICT (the state has others), LIMIT, INVALID,
 * MEMORY. */
WN_MUST_USE wn_rc wn_bandit_state_features(struct wn_bandit_state *s, const struct wn_str *names,
                                           size_t n, struct wn_why *why);
/* The weights as the library takes them, in a; and back again. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_bandit_state_context(const struct wn_bandit_state *s, struct wn_arena *a,
                                          struct wn_context_bandit *out, struct wn_why *why);
WN_MUST_USE wn_rc wn_bandit_state_learned(struct wn_bandit_state *s,
                                          const struct wn_context_bandit *b, struct wn_why *why);
/* Effective counts now: settled and pending. out [n_arms]. */
void wn_bandit_state_counts(const struct wn_bandit_state *s, struct wn_arm *out);
/* The prior in force for arms without their own: the one set, or fitted to the counts [n_arms]. */
WN_MUST_USE wn_rc wn_bandit_state_prior(const struct wn_bandit_state *s,
                                        const struct wn_arm *counts, struct wn_prior *out,
                                        struct wn_why *why);

#endif
