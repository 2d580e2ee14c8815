/* What the files of click prediction share: the model's struct, slots, rows with their crosses. */
#ifndef WN_LEARN_CTR_INT_H
#define WN_LEARN_CTR_INT_H

#include "learn/special.h"
#include "winnow/ctr.h"

#include <math.h>

/* ---- slots ------------------------------------------------------------------------------------
 */

/* What is known about one feature. The weight is not stored: it follows from z and n (FTRL). */
struct ctr_slot {
    float z, n;
    float q;      /* information: sum of views * p * (1 - p) * x^2 */
    uint32_t tag; /* upper half of the hash; 0 = empty */
};
#define CTR_BUCKET 4 /* slots of one cache line, in which a feature may stand */

static inline uint32_t ctr_tag(uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    return tag ? tag : 1;
}

/* ---- parts of a model -------------------------------------------------------------------------
 */

struct ctr_field {
    char name[2 * WN_CTR_NAME_MAX + 2]; /* "a*b" of a cross */
    uint64_t salt;                      /* hash of the name */
    uint32_t n_name;
    uint32_t a, b;             /* of a cross, else WN_CTR_NONE */
    double variance;           /* prior variance of its effects */
    double views, sum, sum_sq; /* of its part of the blended logit, over rows */
};

/* Options of FTRL as the inner loops want them. */
struct ctr_rates {
    float alpha_inverse, beta, l1, l2;
};

/* The bias has no prior and sees every row, hence doubles. */
struct ctr_bias {
    double z, n, q;
};

/* A node of the hierarchy: the rows whose tree fields begin with one path of values. */
struct ctr_node {
    uint64_t hash; /* of the path; 0 = empty */
    uint32_t parent;
    uint32_t level; /* 0 = the root */
    double clicks, views;
};

struct ctr_tree {
    uint32_t fields[WN_CTR_TREE_MAX];
    uint32_t n_levels;
    double strength[WN_CTR_TREE_MAX + 1]; /* prior views of a node of the level */
    struct ctr_node *nodes;               /* [n_max], parents first; nodes[0] is the root */
    uint32_t n, n_max;
    uint32_t *index;  /* [n_index] places in nodes by hash, open addressing; 0 = empty */
    uint32_t n_index; /* a power of two */
};
#define CTR_NODES_MAX (1u << 24)

/* The factorization machine: rows of n_factors + 3 floats: v, then w, then the sums of squared
 * gradients of w and of v (mean over the factors). */
struct ctr_machine {
    uint32_t n_factors; /* 0 = none */
    uint32_t bits;
    uint32_t n_fields; /* its pair strengths are [n_fields][n_fields] */
    float *rows;
    float *pairs; /* symmetric */
    float *pairs_sq;
    double w0, w0_sq;
};
#define CTR_MACHINE_BITS_MAX 20
#define CTR_MACHINE_FIELDS_MAX 256
#define CTR_MACHINE_FEATURES_MAX 256 /* of a row; what comes behind is passed over */

/* Maps a blended logit to a probability: knots joined by lines for ISOTONIC, three parameters for
 * BETA. Venn-Abers: on a grid of logits the two probabilities that bracket. */
#define CTR_KNOTS_MAX 512
#define CTR_GRID_MAX 64
struct ctr_calibrator {
    wn_ctr_calibration kind;
    double beta[3];
    uint32_t n_knots;
    double knot_logit[CTR_KNOTS_MAX], knot_value[CTR_KNOTS_MAX]; /* rising; values are logits */
    uint32_t n_grid;                                             /* 0 = no bracket */
    double grid_logit[CTR_GRID_MAX], grid_low[CTR_GRID_MAX], grid_high[CTR_GRID_MAX];
};

/* A prediction that was made before its row was learned. */
struct ctr_honest {
    float linear, machine; /* logits */
    float clicks, views;
};

struct ctr_ring {
    struct ctr_honest *p; /* [n_max] */
    size_t n, n_max, next;
};
#define CTR_RING_MAX ((size_t)1 << 18)

enum { CTR_WHOLE_N = 1024 }; /* whole numbers below it have their bucket in a table */

struct wn_ctr {
    struct wn_ctr_options options;
    struct ctr_field *fields;
    uint32_t n_fields, fields_size;
    char *note; /* [n_note] */
    size_t n_note;
    uint32_t n_crosses;
    struct ctr_slot *slots; /* [2^bits], aligned to a bucket */
    void *slots_memory;
    uint64_t bucket_mask; /* selects the first slot of a bucket */
    uint64_t n_used, n_forgotten;
    uint8_t *sketch; /* NULL until the first learn with a gate; sightings, saturating */
    size_t sketch_mask;
    struct ctr_bias bias;
    struct ctr_tree tree;
    struct ctr_machine machine;
    double blend[3]; /* constant, weight of the linear logit, of the machine's */
    struct ctr_calibrator calibrator;
    struct ctr_ring ring;
    bool is_fitted, has_scores;
    struct wn_ctr_scores scores;
    uint64_t n_rows;
    double views, clicks;
    double progressive_loss, progressive_views;
    double offset_views, offset_sum; /* mean of the offset over rows */
    float *honest; /* [n_honest] of the rows of a fit: calibrated logits by models that had not seen
                      them, NaN where there is none; NULL after learning went on */
    size_t n_honest;
    uint64_t dither;                    /* state of the rounding of large sums */
    uint16_t whole_bucket[CTR_WHOLE_N]; /* floor(ln^2 x) of whole numbers */
    struct ctr_rates rates;             /* of the options */
};

/* ---- ctr_hash.c: features, crosses, slots ---- */

uint64_t ctr_hash_bytes(const char *p, size_t n, uint64_t salt);
uint64_t ctr_hash_pair(uint64_t a, uint64_t b);

/* Features of a row with those of its crosses. Without crosses it points at the row's own. */
#define CTR_EXPANDED_MAX 8192 /* crosses beyond it are passed over */
struct ctr_expanded {
    const struct wn_ctr_feature *features;
    size_t n;
    struct wn_ctr_feature own[CTR_EXPANDED_MAX];
};
void ctr_expand(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                struct ctr_expanded *out);

static inline struct ctr_slot *ctr_bucket(const struct wn_ctr *m, uint64_t hash)
{
    return m->slots + (hash & m->bucket_mask);
}
/* NULL when it has none. */
static inline struct ctr_slot *ctr_slot_get(const struct wn_ctr *m, uint64_t hash)
{
    struct ctr_slot *bucket = ctr_bucket(m, hash);
    uint32_t tag = ctr_tag(hash);
    for (size_t i = 0; i < CTR_BUCKET; i++)
        if (bucket[i].tag == tag)
            return &bucket[i];
    return NULL;
}
/* Finds or makes it; where the bucket is full the slot with the least information is taken, unless
 * that has more than information (then NULL). */
struct ctr_slot *ctr_slot_claim(struct wn_ctr *m, uint64_t hash, float information);
/* Counts a sighting of a feature without slot; true at the n_gate-th. */
bool ctr_gate_pass(struct wn_ctr *m, uint64_t hash);
/* Takes memory for the counts of sightings. */
WN_MUST_USE wn_rc ctr_sketch_new(struct wn_ctr *m);

/* ---- ctr_ftrl.c ---- */

/* As fminf and fmaxf, without a call; a where one is NaN. */
static inline float ctr_least(float a, float b)
{
    return b < a ? b : a;
}
static inline float ctr_most(float a, float b)
{
    return b > a ? b : a;
}

/* The weight that z and n stand for; root: sqrt(n). */
static inline float ctr_weight_of(const struct ctr_rates *o, float z, float root)
{
    float over = fabsf(z) - o->l1;
    float w = over / ((o->beta + root) * o->alpha_inverse + o->l2);
    return over <= 0 ? 0 : z < 0 ? w : -w;
}
static inline float ctr_weight(const struct wn_ctr *m, const struct ctr_slot *s)
{
    return ctr_weight_of(&m->rates, s->z, sqrtf(s->n));
}
/* Nothing pulls the bias to 0, so where next to no gradient has been seen it could be anything;
 * beyond 1,000 every probability is at its end. */
static inline double ctr_bias_weight(const struct wn_ctr *m)
{
    double scale = m->options.beta + sqrt(m->bias.n);
    return scale > 0 ? fmax(-1e3, fmin(-m->bias.z * m->options.alpha / scale, 1e3)) : 0;
}
/* Sets z so that the weight is w, given information q. */
void ctr_slot_set(const struct wn_ctr_options *o, struct ctr_slot *s, double w, double q);

/* Fails: INVALID with the reason. place 0: none. */
WN_MUST_USE wn_rc ctr_row_check(const struct wn_ctr *m, const struct wn_ctr_row *row, size_t place,
                                struct wn_why *why);
/* What a row counts: clicks, and views after undoing the sampling. */
static inline double ctr_views(const struct wn_ctr *m, const struct wn_ctr_row *row)
{
    return row->clicks + (row->views - row->clicks) / m->options.keep_ratio;
}

/* ---- ctr_tree.c ---- */

WN_MUST_USE wn_rc ctr_tree_init(struct ctr_tree *t);
void ctr_tree_deinit(struct ctr_tree *t);
void ctr_tree_forget(struct ctr_tree *t);
/* Logit of the shrunk rate of the narrowest known node on the row's path. */
double ctr_tree_offset(const struct ctr_tree *t, const struct wn_ctr_feature *features, size_t n);
/* Counts the row in all nodes of its path. Fails: MEMORY, LIMIT; t is then as before. */
WN_MUST_USE wn_rc ctr_tree_add(struct ctr_tree *t, const struct wn_ctr_feature *features, size_t n,
                               double clicks, double views);
/* Estimates the strength of each level. Fails: MEMORY. */
WN_MUST_USE wn_rc ctr_tree_estimate(struct ctr_tree *t);
/* Appends a node and finds its place again; for ctr_tree_add and loading. */
WN_MUST_USE wn_rc ctr_tree_append(struct ctr_tree *t, struct ctr_node node, uint32_t *out);

/* ---- ctr_machine.c ---- */

WN_MUST_USE wn_rc ctr_machine_init(struct ctr_machine *f, const struct wn_ctr_options *o,
                                   uint32_t n_fields);
void ctr_machine_deinit(struct ctr_machine *f);
/* As new: small factors out of the hashes when first seen, pair strengths 1. */
void ctr_machine_forget(struct ctr_machine *f, double w0);
/* parts: NULL, or [n_fields]: adds what each field brings. Crosses are not for the machine. */
double ctr_machine_logit(const struct ctr_machine *f, const struct wn_ctr_feature *features,
                         size_t n, double *parts);
/* One step of AdaGrad on a row; returns the logit before, offset included. */
double ctr_machine_learn(struct ctr_machine *f, const struct wn_ctr_feature *features, size_t n,
                         double offset, double clicks, double views);

/* ---- ctr_calibrate.c ---- */

/* -ln of the probability of clicks among views. */
static inline double ctr_loss(double logit, double clicks, double views)
{
    return clicks * wn_log1pexp(-logit) + (views - clicks) * wn_log1pexp(logit);
}

/* Rising step function of least squares: y, weight [n] in the order of their score; y becomes the
 * fit. Pool-adjacent-violators. */
void ctr_isotonic(double *y, double *weight, size_t n, size_t *scratch);
/* Weights of the blend from honest predictions, none negative. */
void ctr_blend_fit(const struct ctr_honest *h, size_t n, double blend[3]);
static inline double ctr_blend(const double blend[3], double linear, double machine)
{
    return blend[0] + blend[1] * linear + blend[2] * machine;
}
/* part: NULL = all, or [n]: those with part[i] == keep_not are left out. Fails: MEMORY. */
WN_MUST_USE wn_rc ctr_calibrator_fit(struct ctr_calibrator *c, const struct ctr_honest *h, size_t n,
                                     const double blend[3], const uint8_t *part, uint8_t left_out);
/* In logits. */
double ctr_calibrate(const struct ctr_calibrator *c, double logit);
/* The Venn-Abers bracket of a blended logit as probabilities; false = there is none. */
bool ctr_bracket(const struct ctr_calibrator *c, double logit, double *low, double *high);
/* Blend, calibrator, and scores in which no row was calibrated by its own part. */
double ctr_calibrated(const struct wn_ctr *m, const struct ctr_honest *h); /* logit */
WN_MUST_USE wn_rc ctr_settle_on(struct wn_ctr *m, const struct ctr_honest *h, size_t n,
                                const uint8_t *part, size_t n_parts);

/* ---- ctr_predict.c ---- */

struct ctr_logits {
    double linear, machine, offset;
    double variance; /* of the linear one */
    uint32_t n_new;
};
/* features: expanded. plain: the row's own, for tree and machine. */
void ctr_logits_get(const struct wn_ctr *m, const struct ctr_expanded *e,
                    const struct wn_ctr_feature *plain, size_t n_plain, double offset,
                    struct ctr_logits *out);
/* The tree's, or the running rate's, or none. */
double ctr_offset(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n);
/* Adds the parts of the blended logit that the fields of a row bring, to the fields' sums. */
void ctr_parts_count(struct wn_ctr *m, const struct ctr_expanded *e,
                     const struct wn_ctr_feature *plain, size_t n_plain, double offset,
                     double views);

/* ---- ctr_fit.c: all rows at once ---- */

/* The rows as columns of features. */
struct ctr_matrix {
    size_t n_rows, n_columns;
    size_t *row_start;    /* [n_rows + 1] into column_of: plain features first, in their order */
    uint32_t *column_of;  /* by row */
    size_t *column_start; /* [n_columns + 1] into row_of and x */
    uint32_t *row_of;     /* by column */
    float *x;
    uint64_t *hash;                             /* [n_columns] */
    uint32_t *field;                            /* [n_columns] */
    double *clicks, *views, *offset, *survival; /* [n_rows] */
};
/* rows: checked. offset: of the tree, or NULL. Fails: MEMORY, LIMIT. */
WN_MUST_USE wn_rc ctr_matrix_init(struct ctr_matrix *x, const struct wn_ctr *m,
                                  const struct wn_ctr_row *rows, size_t n, struct wn_arena *a);

/* Logistic regression with a prior variance for each field. */
struct ctr_effects {
    double *w, *q; /* [n_columns] effects and information */
    double *logit; /* [n_rows], of left-out rows as well */
    double bias, bias_q;
    double variance[WN_CTR_FIELDS_MAX];
};
WN_MUST_USE wn_rc ctr_effects_init(struct ctr_effects *e, const struct ctr_matrix *x,
                                   uint32_t n_fields, struct wn_arena *a);
/* Estimates effects, and variances where learns_variance, from the rows whose part is not left_out,
 * starting from what e holds. part: [n_rows], NULL = all rows. n_rounds: Newton steps at most.
 * Fails: MEMORY. */
WN_MUST_USE wn_rc ctr_effects_fit(struct ctr_effects *e, const struct ctr_matrix *x,
                                  uint32_t n_fields, const uint8_t *part, uint8_t left_out,
                                  bool learns_variance, size_t n_rounds);
#define CTR_PART_NONE 255

/* ---- ctr_model.c ---- */

/* Everything learned is gone; fields, note and options stay. */
void ctr_forget(struct wn_ctr *m);
WN_MUST_USE wn_rc ctr_options_check(const struct wn_ctr_options *o, struct wn_why *why);

#endif
