/* Many beta draws a second: Marsaglia and Tsang's gamma method with its constants kept for each arm,
 * on normal numbers by the ziggurat.
 *
 * core/rand.h draws the same distributions for one-off use; here the constants of an arm are
 * computed when its counts change and not at each draw, and nothing calls log() on the usual path.
 *
 * Sources: Marsaglia and Tsang, "The ziggurat method for generating random variables", J. Stat.
 * Software 5(8), 2000; Marsaglia and Tsang, "A simple method for generating gamma variables", ACM
 * TOMS 26(3), 2000. */
#ifndef WN_LEARN_BANDIT_DRAW_H
#define WN_LEARN_BANDIT_DRAW_H

#include "core/rand.h"

#define WN_ZIGGURAT_LAYERS 256

/* Right edges and heights of the layers of exp(-x^2/2); layer 0 is the base with the tail. */
struct wn_ziggurat {
    double x[WN_ZIGGURAT_LAYERS + 1];
    double y[WN_ZIGGURAT_LAYERS + 1];
};

struct wn_gamma_constants {
    double d, c;      /* of the shape, or of shape + 1 where that is below 1 */
    double inv_shape; /* 1 / shape where it is below 1, else 0 */
};

struct wn_beta_constants {
    struct wn_gamma_constants a, b;
};

/* Computes the tables: some microseconds. */
void wn_ziggurat_init(struct wn_ziggurat *z);
/* Mean 0, variance 1. */
double wn_ziggurat_normal(const struct wn_ziggurat *z, struct wn_rand *r);

/* a, b > 0. */
void wn_beta_constants_set(struct wn_beta_constants *k, double a, double b);
/* In [0, 1]; its ends come up where the distribution cannot be told from them. */
double wn_beta_constants_draw(const struct wn_beta_constants *k, const struct wn_ziggurat *z,
                              struct wn_rand *r);

#endif
