/* What the files of the fit of single entities share: steps of a history in units of the entity's
 * mean spend and mean revenue, and what is known of all entities. Private to curve_*.c. */
#ifndef WN_LEARN_CURVE_FIT_INT_H
#define WN_LEARN_CURVE_FIT_INT_H

#include "learn/curve.h"

enum { CURVE_RECENT_STEPS = 7, CURVE_BLOCKS = 4, CURVE_MOVES = CURVE_BLOCKS - 1 };

/* One observed step, in units of the entity's mean spend and mean revenue. */
struct step {
    double spend, revenue; /* revenue: NaN = unknown */
    double weight;         /* share arrived, over the variance's shape; without decay */
    double season;
    double age;  /* in steps, from the last one */
    int32_t gap; /* steps since the one before */
};

struct entity_fit {
    size_t n; /* steps */
    size_t n_known;
    double spend_scale, revenue_scale;
    double own_roas;
    double prior_at_mean; /* expected revenue at mean spend, in revenue_scale */
};

struct row {
    int32_t day;
    double spend, revenue, arrived;
};

/* How far the level of one part of a history lay from the parts before it, as a ratio, and the
 * variance that noise alone gives that. variance 0: there was too little to compare. */
struct move {
    float ratio, variance;
};

struct fit {
    const struct wn_curve_options *options;
    struct curve_grid grid;
    struct wn_arena scratch;
    struct row *rows;    /* [rows of the longest history] */
    struct step *steps;  /* [the same] */
    double *residuals;   /* [the same] */
    double *expected;    /* [the same] revenue of each step by its likeliest cell */
    float *log_evidence; /* [n][CURVE_CELLS] */
    float *mean, *sd;    /* [n][CURVE_CELLS] of the return, in revenue_scale */
    double *base;        /* [n] */
    struct move *moves;  /* [n][CURVE_MOVES] */
    double *drift;       /* [n_groups] */
    uint32_t n_groups;
    double *group_roas;  /* [n_groups] */
    double (*season)[7]; /* [n_groups] */
    double *cell_prior;  /* [n_groups][CURVE_CELLS] */
};

/* ---- curve_history.c --------------------------------------------------------------------------- */

/* Fails: INVALID. */
WN_MUST_USE wn_rc curve_check_options(const struct wn_curve_options *o, struct wn_why *why);
WN_MUST_USE wn_rc curve_check_history(const struct wn_history *h, size_t entity,
                                      struct wn_why *why);
/* ROAS and weekday profile of each group. Fails: MEMORY. */
WN_MUST_USE wn_rc curve_pool_groups(struct fit *f, const struct wn_history *h, size_t n);
/* Fills f->steps, *e, and what c says of the spend. */
void curve_make_steps(struct fit *f, const struct wn_history *h, struct entity_fit *e,
                      struct wn_curve *c);

/* ---- curve_residual.c -------------------------------------------------------------------------- */

/* What an entity's residuals are taken from: its likeliest cell, and the return and base there. */
struct curve_guess {
    int cell;
    double gain, base;
};
/* How many dependent steps are worth one. Seasons, competitors and tired creatives move revenue for
 * days on end; without this, intervals would promise too much. Fills moves [CURVE_MOVES], which
 * must be zero, where the history is long enough. */
double curve_dependence(struct fit *f, const struct entity_fit *e, const struct curve_guess *g,
                        struct move *moves);
/* drift_out [n_groups]: the standard deviation, as a ratio, of a group's moves beyond what noise
 * explains; a group with few moves takes much of its answer from all of them. moves
 * [n][CURVE_MOVES]. Fails: MEMORY. Source: Paule and Mandel, J. Research NBS 87(5), 1982. */
WN_MUST_USE wn_rc curve_find_drift(struct wn_arena *scratch, const struct move *moves,
                                   const struct wn_history *h, size_t n, uint32_t n_groups,
                                   double *drift_out);

#endif
