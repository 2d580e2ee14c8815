/* The grid of response shapes that single and joint fits share. Private to learn/.
 *
 * Everything is relative to the mean spend of the entity, so one table serves all of them. */
#ifndef WN_LEARN_CURVE_H
#define WN_LEARN_CURVE_H

#include "winnow/allocate.h"

enum {
    CURVE_CARRIES = 4,      /* of single fits */
    CURVE_CARRIES_FINE = 6, /* of joint fits, where a wrong carry-over spoils its neighbours too */
    CURVE_HALVES = 8,
    CURVE_SLOPES = 4,
    CURVE_SHAPES = CURVE_HALVES * CURVE_SLOPES + 1, /* the last one is linear */
    CURVE_CELLS = CURVE_CARRIES * CURVE_SHAPES,     /* cell = carry * CURVE_SHAPES + shape */
    CURVE_CELLS_FINE = CURVE_CARRIES_FINE * CURVE_SHAPES
};

struct curve_grid {
    int n_carries, n_cells;
    double carry[CURVE_CARRIES_FINE]; /* [n_carries] */
    double half[CURVE_HALVES];        /* K / mean spend */
    double slope[CURVE_SLOPES];
    double half_pow[CURVE_SHAPES];  /* K^s; 0 for the linear shape */
    double prior[CURVE_CELLS_FINE]; /* [n_cells], sums to 1 */
    double at_mean[CURVE_SHAPES];   /* H(1) */
    double x[WN_CURVE_POINTS];      /* relative to the mean spend: 0 to 8192 */
    double h[CURVE_SHAPES][WN_CURVE_POINTS], dh[CURVE_SHAPES][WN_CURVE_POINTS];
};

/* Fills the whole table; deterministic. */
void curve_grid_init(struct curve_grid *g, bool is_fine);
/* H of all shapes at a relative stock u >= 0. out [CURVE_SHAPES]. */
void curve_shapes_at(const struct curve_grid *g, double u, double *out);

/* What a fit knows of one cell: its posterior probability and that of its return, in money. */
struct curve_belief {
    double weight[CURVE_CELLS_FINE]; /* [n_cells of the grid], sums to 1 */
    double mean[CURVE_CELLS_FINE], sd[CURVE_CELLS_FINE];
};
/* Builds cells, points and ROAS of out from beliefs; spend_mean must be set. Fails: MEMORY. */
WN_MUST_USE wn_rc curve_build(struct wn_arena *a, const struct curve_grid *g,
                              const double *x_shared, const struct curve_belief *b,
                              struct wn_curve *out);
/* Mean and sd of a normal cut off below 0, and the logarithm of what is left of it. */
void curve_truncate(double *mean, double *sd, double *log_left);

#endif
