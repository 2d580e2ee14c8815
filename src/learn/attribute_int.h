/* What the files of attribution share. */
#ifndef WN_LEARN_ATTRIBUTE_INT_H
#define WN_LEARN_ATTRIBUTE_INT_H

#include "learn/key_table.h"
#include "winnow/attribute.h"

/* What the rows of the paths weigh: as they are, or in one bootstrap. */
struct wn_path_weights {
    const double *conversions, *nulls; /* [n] */
    const double *values;              /* [n], or NULL */
};

/* ---- the Markov chain --------------------------------------------------------------------------- */

/* State 0 is the start. Transitions are counts, so that elimination needs no subtraction. */
struct wn_chain {
    size_t n_channels, n_states, order;
    uint32_t *next; /* malloc'd: [n_states][n_channels], or NOT_A_STATE */
    uint16_t *last; /* malloc'd: [n_states] its last touch; WN_NO_CHANNEL at the start */
    double *count;  /* [n_states][n_channels] steps */
    double *exits;  /* [n_states][3]: conversions, nulls, value in units of the mean value */
    bool has_values;
    struct wn_arena memory; /* everything but next and last */
    double *solution;       /* [n_states][columns], where it is solved by sweeps: the next start */
    double *dense;          /* [n_states][n_states], where it is solved by elimination */
};
#define WN_NOT_A_STATE UINT32_MAX

/* The states that the paths reach. Fails: LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_chain_init(struct wn_chain *m, const struct wn_paths *paths, size_t order,
                                struct wn_why *why);
void wn_chain_deinit(struct wn_chain *m); /* accepts a zeroed one */
/* Counts the transitions anew and solves. removal, removal_value [n_channels] in 0 .. 1;
 * *probability of conversion. Zeros where nothing converts. Fails: LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_chain_solve(struct wn_chain *m, const struct wn_paths *paths,
                                 const struct wn_path_weights *weights, double *removal,
                                 double *removal_value, double *probability, struct wn_why *why);
/* Held-out AUC by order; *out the order to take. See wn_attribution. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_chain_choose(const struct wn_paths *paths,
                                  const struct wn_path_weights *weights,
                                  double auc[WN_MARKOV_ORDER_AUTO + 1], double *auc_se,
                                  size_t *out);

/* ---- the rate game ------------------------------------------------------------------------------ */

#define WN_RATE_SETS_MAX 4096  /* groups of people that saw exactly the same channels */
#define WN_RATE_EXACT_MAX 16   /* channels */
#define WN_RATE_BOOT_PAIRS 100 /* pairs of permutations in a bootstrap */

struct wn_rate_set {
    uint32_t group;             /* its number in the table */
    uint16_t size;              /* channels in it */
    double conversions, people; /* of this weighing */
    double rate;                /* shrunk */
};
struct wn_rate_game {
    size_t n_channels, n_words;
    struct wn_arena *memory;
    struct wn_key_table groups; /* key: a bit for each channel */
    uint32_t *group_of;         /* [paths.n], or WN_NOT_A_STATE for a path without touches */
    double *sums;               /* [groups.n][2] conversions, people */
    struct wn_rate_set *sets;   /* [n_sets], by size */
    size_t n_sets;
    uint16_t *members;                  /* [n_sets][n_channels] */
    double *size_sums;                  /* [n_channels + 1][2], groups left out included */
    double strength_size, strength_set; /* prior weight in people */
    double *reach;            /* [n_channels] people who saw the channel, of this weighing */
    double *worth;            /* [2^n_channels], when exact */
    struct wn_rand permuting; /* every run draws the same permutations */
};
WN_MUST_USE wn_rc wn_rate_game_init(struct wn_rate_game *g, const struct wn_paths *paths,
                                    const struct wn_path_weights *weights, struct wn_rand *r,
                                    struct wn_arena *memory, struct wn_why *why);
void wn_rate_game_deinit(struct wn_rate_game *g); /* accepts a zeroed one */
/* Weighs the groups anew, reach too. shares [n_channels] >= 0 of the rate, their sum is the worth of
 * all channels; se [n_channels] of the shares,
 * or NULL. n_pairs: of permutations, above WN_RATE_EXACT_MAX channels. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_rate_game_play(struct wn_rate_game *g, const struct wn_paths *paths,
                                    const struct wn_path_weights *weights, size_t n_pairs,
                                    double *shares, double *se, struct wn_why *why);

#endif
