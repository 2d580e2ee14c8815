#include "learn/bandit_draw.h"

#include <math.h>

/* Right edge of the base layer and area of each layer, for 256 layers (Marsaglia and Tsang 2000). */
#define TAIL_FROM 3.6541528853610088
#define LAYER_AREA 0.00492867323399

static double height(double x)
{
    return exp(-0.5 * x * x);
}

void wn_ziggurat_init(struct wn_ziggurat *z)
{
    z->x[0] = LAYER_AREA / height(TAIL_FROM);
    z->x[1] = TAIL_FROM;
    for (int i = 2; i < WN_ZIGGURAT_LAYERS; i++)
        z->x[i] = sqrt(-2 * log(LAYER_AREA / z->x[i - 1] + height(z->x[i - 1])));
    z->x[WN_ZIGGURAT_LAYERS] = 0;
    for (int i = 0; i <= WN_ZIGGURAT_LAYERS; i++)
        z->y[i] = height(z->x[i]);
}

/* Beyond the base layer: Marsaglia's exponential rejection. */
static double tail(struct wn_rand *r)
{
    for (;;) {
        double x = wn_rand_exponential(r) / TAIL_FROM;
        if (2 * wn_rand_exponential(r) >= x * x)
            return TAIL_FROM + x;
    }
}

double wn_ziggurat_normal(const struct wn_ziggurat *z, struct wn_rand *r)
{
    for (;;) {
        uint64_t bits = wn_rand_u64(r);
        size_t i = bits & (WN_ZIGGURAT_LAYERS - 1);
        /* 55 bits with their sign: the layer's bits are not used twice */
        double x = (double)((int64_t)bits >> 9) * 0x1.0p-54 * z->x[i];
        double size = fabs(x);
        if (WN_LIKELY(size < z->x[i + 1]))
            return x;
        if (i == 0)
            return x < 0 ? -tail(r) : tail(r);
        if (z->y[i] + wn_rand_uniform(r) * (z->y[i + 1] - z->y[i]) < height(x))
            return x;
    }
}

static void gamma_set(struct wn_gamma_constants *k, double shape)
{
    k->inv_shape = shape < 1 ? 1 / shape : 0;
    k->d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3;
    k->c = 1 / sqrt(9 * k->d);
}

void wn_beta_constants_set(struct wn_beta_constants *k, double a, double b)
{
    gamma_set(&k->a, a);
    gamma_set(&k->b, b);
}

/* A gamma draw of the shape, or of shape + 1 where that is below 1. */
static inline double gamma_draw(const struct wn_gamma_constants *k, const struct wn_ziggurat *z,
                                struct wn_rand *r)
{
    for (;;) {
        double x = wn_ziggurat_normal(z, r);
        double v = 1 + k->c * x;
        if (WN_UNLIKELY(v <= 0))
            continue;
        v = v * v * v;
        double u = wn_rand_open(r), square = x * x;
        if (WN_LIKELY(u < 1 - 0.0331 * square * square) ||
            log(u) < 0.5 * square + k->d * (1 - v + log(v)))
            return k->d * v;
    }
}

double wn_beta_constants_draw(const struct wn_beta_constants *k, const struct wn_ziggurat *z,
                              struct wn_rand *r)
{
    double a = gamma_draw(&k->a, z, r), b = gamma_draw(&k->b, z, r);
    if (WN_LIKELY(k->a.inv_shape == 0 && k->b.inv_shape == 0))
        return a / (a + b);
    /* Gamma(s) = Gamma(s + 1) U^(1/s), in logs: tiny shapes would underflow. */
    double log_odds = log(a) - log(b);
    if (k->a.inv_shape > 0)
        log_odds += log(wn_rand_open(r)) * k->a.inv_shape;
    if (k->b.inv_shape > 0)
        log_odds -= log(wn_rand_open(r)) * k->b.inv_shape;
    return 1 / (1 + exp(-log_odds));
}
