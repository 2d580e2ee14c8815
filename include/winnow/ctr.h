/* Will this view be clicked, will this click buy? Probabilities of rare binary events from
 * categories and numbers, with an interval, the reasons, and a check of their own calibration.
 *
 *     struct wn_ctr *m = NULL;
 *     struct wn_ctr_options options = WN_CTR_OPTIONS_DEFAULT;
 *     wn_ctr_new(&options, &m, &why);
 *     wn_ctr_field_add(m, WN_STR("channel"), &channel, &why);        the columns, once
 *     features[0] = wn_ctr_feature_text(m, channel, WN_STR("instagram"));  a row: features
 *     wn_ctr_fit(m, rows, n_rows, &why);                             all rows, or
 *     wn_ctr_learn(m, &row, &p_before);                              one row after the other
 *     wn_ctr_settle(m, &why);                                        and then once
 *     wn_ctr_predict(m, features, n, 0, &prediction);
 *
 * A field is a column; a feature is a field with a value: a text, or a number, which is put into
 * a bucket. Features are hashes (64 bit, salted by the field's name), so values need no list and no
 * order; a table of 2^bits slots keeps what is known about each, found again by 32 further bits of
 * the hash. Where the table is full around a feature, the one least is known about is forgotten.
 * No value at all (empty text, NaN) is a feature of its own.
 *
 * A row is n views with k clicks: 1 view with 0 or 1 click, or the sums of a day.
 *
 * Two ways to learn, one model:
 *   wn_ctr_fit    the rows are at hand. Logistic regression in which every field (and cross) has
 *                 a variance of its own, estimated from the data: effects of a field whose values
 *                 do not differ shrink to nothing, those of a field that matters stay. Where there
 *                 are 1,000 clicks, a field-weighted factorization machine beside it. Rows are
 *                 predicted by models that have not seen them (5 blocks in the order of the rows);
 *                 on these predictions the two are blended and calibrated, and the report is made.
 *   wn_ctr_learn  the rows pass by once: FTRL-proximal, each prediction made before its row is
 *                 learned, so that all of them are honest. wn_ctr_settle blends and calibrates on
 *                 the newest of them. After a fit it goes on from there.
 *
 * Odd input has defined answers: a model that has seen nothing predicts 1/2 with the interval
 * (0, 1); without a click (or with nothing else) it predicts (k + 1/2) / (n + 1) or nearer; rows
 * with numbers that are not finite, negative views, or more clicks than views are refused. What
 * leaves is finite, and 0 < low <= p <= high < 1.
 *
 * Sources: McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013 (FTRL,
 * progressive validation); Pan et al., "Field-weighted Factorization Machines for Click-Through
 * Rate Prediction in Display Advertising", WWW 2018; MacKay, "Bayesian Interpolation", Neural
 * Computation 4, 1992 (variances by evidence); Kull, Silva Filho, Flach, "Beta calibration",
 * AISTATS 2017; Vovk and Petej, "Venn-Abers Predictors", UAI 2014; Chapelle, "Modeling Delayed
 * Feedback in Display Advertising", KDD 2014; Ktena et al., "Addressing Delayed Feedback for
 * Continuous Training with Neural Networks in CTR Prediction", RecSys 2019.
 *
 * All functions are pure: no clock, no files, no global state, no randomness; the same input gives
 * the same bytes. A model may be read (predict, effect, explain, report, save) by many threads
 * while nobody changes it. */
#ifndef WINNOW_CTR_H
#define WINNOW_CTR_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

#define WN_CTR_FIELDS_MAX 1024   /* crosses included */
#define WN_CTR_FEATURES_MAX 4096 /* of a row, without crosses */
#define WN_CTR_TREE_MAX 8        /* levels of the hierarchy */
#define WN_CTR_NAME_MAX 200      /* bytes of a field's name */
#define WN_CTR_BINS 10           /* of the reliability diagram */
#define WN_CTR_FACTORS_MAX 32
#define WN_CTR_NONE UINT32_MAX

struct wn_ctr_options {
    uint32_t bits;      /* 8 .. 28: 2^bits slots of 16 bytes */
    uint32_t n_gate;    /* learn: a feature gets a slot at its n-th sighting; 1 = at once; <= 250 */
    uint32_t n_factors; /* of the factorization machine: 0 = none, <= 32, rounded up to a multiple
                           of 8. Its own table has 2^min(bits, 20) rows of 4 * (factors + 3) bytes.
                           Not with more than 256 fields */
    double alpha;       /* FTRL: rate, > 0 */
    double beta;        /* FTRL: >= 0 */
    double l1, l2;      /* FTRL: >= 0; l2 > 0 */
    double level;       /* of the intervals, in (0, 1) */
    double keep_ratio;  /* share of the rows without a click that were kept when the data were
                           sampled, in (0, 1]: those that are there count 1 / keep_ratio */
    bool is_delayed;    /* learn: every click is first seen as a view without one and comes again
                           when it is known: such views are weighted as fake negatives */
    size_t n_rows_max;  /* fit: LIMIT beyond */
    /* Optional, called by fit between its steps; false cancels. */
    bool (*on_progress)(void *context, size_t done, size_t total);
    void *context; /* kept: until wn_ctr_free; not saved */
};
#define WN_CTR_OPTIONS_DEFAULT                                                                     \
    ((struct wn_ctr_options){.bits = 20,                                                           \
                             .n_gate = 2,                                                          \
                             .n_factors = 8,                                                       \
                             .alpha = 0.05,                                                        \
                             .beta = 1,                                                            \
                             .l1 = 0.5,                                                            \
                             .l2 = 1,                                                              \
                             .level = 0.8,                                                         \
                             .keep_ratio = 1,                                                      \
                             .n_rows_max = 10000000})

struct wn_ctr; /* a model: one block of tables, without pointers to anything of the caller */

/* A model that has seen nothing. options: borrowed. Fails: INVALID (why->field names the option),
 * MEMORY. */
WN_MUST_USE wn_rc wn_ctr_new(const struct wn_ctr_options *options, struct wn_ctr **out,
                             struct wn_why *why);
void wn_ctr_free(struct wn_ctr *m);

/* ---- fields -------------------------------------------------------------------------------- */

/* Adds a field, or finds it where it is: *out is its number, 0, 1, ... Names are 1 to
 * WN_CTR_NAME_MAX bytes. Fails: INVALID (name), LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_ctr_field_add(struct wn_ctr *m, struct wn_str name, uint32_t *out,
                                   struct wn_why *why);
/* Adds the cross of two fields: every pair of their values in a row is a feature as well, made by
 * the functions below (do not give it in a row). *out is a field's number, its name "a*b". As
 * above; INVALID also where a or b is no plain field. Add crosses before the first row. */
WN_MUST_USE wn_rc wn_ctr_cross_add(struct wn_ctr *m, uint32_t a, uint32_t b, uint32_t *out,
                                   struct wn_why *why);
/* Names the fields of the hierarchy, the widest first (channel, campaign, ad): a row starts from
 * the rate of the narrowest that is known, shrunk to the wider ones by empirical Bayes
 * (beta-binomial), and the rest is learned on top of it. Each should have one value in a row. Set
 * it before the first row. Fails: INVALID (no plain field, twice the same, more than
 * WN_CTR_TREE_MAX). */
WN_MUST_USE wn_rc wn_ctr_tree_set(struct wn_ctr *m, const uint32_t *fields, size_t n,
                                  struct wn_why *why);
/* The number of a field by name; WN_CTR_NONE. */
uint32_t wn_ctr_field_find(const struct wn_ctr *m, struct wn_str name);
uint32_t wn_ctr_n_fields(const struct wn_ctr *m);
/* Borrowed until the model is freed. field < n_fields. */
struct wn_str wn_ctr_field_name(const struct wn_ctr *m, uint32_t field);
/* True, and the two crossed fields, for a cross. */
bool wn_ctr_field_cross(const struct wn_ctr *m, uint32_t field, uint32_t *a, uint32_t *b);

/* A text of the caller that goes with the model (which columns, which data), at most
 * WN_CTR_NOTE_MAX bytes; replaces the one before. wn_ctr_note: borrowed until the next set. */
#define WN_CTR_NOTE_MAX 65536
WN_MUST_USE wn_rc wn_ctr_note_set(struct wn_ctr *m, struct wn_str note, struct wn_why *why);
struct wn_str wn_ctr_note(const struct wn_ctr *m);

/* ---- rows ------------------------------------------------------------------------------------ */

struct wn_ctr_feature {
    uint64_t hash;
    uint32_t field;
    float x; /* 1; another strength where the input has one */
};

/* The feature of a text, as it stands; "" is the missing value. Pure; a few nanoseconds. */
struct wn_ctr_feature wn_ctr_feature_text(const struct wn_ctr *m, uint32_t field, struct wn_str s);
/* The feature of a number's bucket: whole numbers up to 2 have one each, above floor(ln^2 x);
 * fractions up to 2 a bucket for each quarter of a power of two; negative ones alike. NaN is the
 * missing value, infinities count as the largest number. */
struct wn_ctr_feature wn_ctr_feature_number(const struct wn_ctr *m, uint32_t field, double x);

struct wn_ctr_row {
    const struct wn_ctr_feature *features; /* any order, several of a field are fine; borrowed */
    size_t n_features;
    double clicks; /* 0 .. views; fractions are fine */
    double views;  /* >= 0; a row of 0 views teaches nothing */
    double offset; /* what is known beforehand, added to the logit; 0 */
    /* fit: the label is not final. The probability that a conversion which will come has not come
     * by now, from wn_ctr_delay_survival; 0 = the label is final. Rows with clicks are final. */
    double survival;
};

/* ---- learning -------------------------------------------------------------------------------- */

/* Learns from all rows, oldest first; replaces what was learned before. rows [n]: borrowed. Above
 * 200,000 rows only the newest tenth is left out, once, to blend, calibrate and report on.
 * Fails: INVALID (why->line = 1 + the row's place), LIMIT: the model is as before; MEMORY,
 * CANCELLED: it is then empty. Cost: some 300 passes over all features for the linear part, some
 * 40 for the machine (7,000 rows of 39 features: half a second, and three with the machine);
 * memory about 40 bytes a feature. */
WN_MUST_USE wn_rc wn_ctr_fit(struct wn_ctr *m, const struct wn_ctr_row *rows, size_t n,
                             struct wn_why *why);
/* Learns one row. *p_before (may be NULL): its probability before. Allocates only where the tree
 * grows. Fails: INVALID, MEMORY, LIMIT (the tree); the model is then as before. Cost: about 20 ns a
 * feature without the machine. */
WN_MUST_USE wn_rc wn_ctr_learn(struct wn_ctr *m, const struct wn_ctr_row *row, double *p_before,
                               struct wn_why *why);
/* Begins to fetch the slots of features into the cache, for a row that will be learned soon. */
void wn_ctr_prefetch(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n);
/* Blends and calibrates on the newest predictions of wn_ctr_learn, and makes the report. Below 50
 * clicks among them everything stays as it is. Fails: MEMORY. */
WN_MUST_USE wn_rc wn_ctr_settle(struct wn_ctr *m, struct wn_why *why);

/* Crosses worth having: tries every pair of plain fields on what the fitted model leaves
 * unexplained (its predictions of rows it has not seen), one row after the other; adds the best one
 * if its gain in log loss is above 3 standard errors, corrected for their number, and so on, up to
 * n_max. *n_added: how many; fit again after it. Rows as in the fit before; at most the newest
 * 100,000 are used. Fails: INVALID (not fitted on so many rows), MEMORY, CANCELLED. */
WN_MUST_USE wn_rc wn_ctr_cross_search(struct wn_ctr *m, const struct wn_ctr_row *rows, size_t n,
                                      size_t n_max, size_t *n_added, struct wn_why *why);

/* ---- predicting ------------------------------------------------------------------------------ */

struct wn_ctr_prediction {
    double p;         /* probability of a click of one view */
    double low, high; /* interval of that probability at the level of the options: of the weights
                         (Laplace), or of the calibration (Venn-Abers), whichever is wider */
    double p_base;    /* of a typical row: what explanations start from */
    uint32_t n_new;   /* features that the model has never learned */
};

/* Predicts one row. offset: as in rows. Cannot fail: features of fields that do not exist, beyond
 * WN_CTR_FEATURES_MAX, or with an x that is not finite, are passed over. No allocation; a few
 * microseconds. */
void wn_ctr_predict(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                    double offset, struct wn_ctr_prediction *out);

struct wn_ctr_reason {
    uint32_t field;   /* a field or a cross; WN_CTR_NONE: the hierarchy, or the offset */
    double odds;      /* the row's odds are so many times those of a typical row, through this */
    double low, high; /* interval of it, at the level of the options */
    bool is_new;      /* no value of the field in this row has been learned */
};

/* Why: the fields of a row by how much they move its odds, the largest first. out [n_max]; returns
 * how many were written. The product of all odds is the odds of the row against p_base before
 * calibration. What the factorization machine adds is shared by the two fields of a pair. */
size_t wn_ctr_explain(const struct wn_ctr *m, const struct wn_ctr_feature *features, size_t n,
                      double offset, struct wn_ctr_reason *out, size_t n_max);

struct wn_ctr_effect {
    bool is_known;    /* it has a slot */
    double odds;      /* of rows with it, against typical rows; linear part */
    double low, high; /* at the level of the options */
    double n_seen;    /* information about it: the sum of views * p * (1 - p) it was learned from */
};
/* What one feature does. */
void wn_ctr_feature_effect(const struct wn_ctr *m, struct wn_ctr_feature feature,
                           struct wn_ctr_effect *out);

/* ---- how good it is -------------------------------------------------------------------------- */

struct wn_ctr_bin {
    double views;     /* 0 = an empty bin */
    double predicted; /* mean probability */
    double observed;  /* clicks / views */
};

/* Scores of predictions against what happened. All are finite; without views all are 0. */
struct wn_ctr_scores {
    double views, clicks;
    double log_loss;      /* mean, in nats per view */
    double log_loss_base; /* of predicting the mean rate */
    double auc;           /* 0.5 where all rows are alike */
    double ratio;         /* sum of predictions / clicks; 1 where both are 0 */
    double ece;        /* expected calibration error: mean |predicted - observed| over the bins */
    double ece_chance; /* what it would be on average, on these rows, if every prediction were
                              true: an ece at or below it shows no error */
    struct wn_ctr_bin bins[WN_CTR_BINS]; /* of equal numbers of views, ascending */
};
/* p [n], each in [0, 1]; clicks, views [n] as in rows (views NULL = 1 each). Fails: INVALID
 * (why->line = 1 + place), MEMORY. Cost: a sort. */
WN_MUST_USE wn_rc wn_ctr_score(const double *p, const double *clicks, const double *views, size_t n,
                               struct wn_ctr_scores *out, struct wn_why *why);

typedef enum wn_ctr_calibration {
    WN_CTR_RAW,     /* fewer than 50 clicks: as the model says */
    WN_CTR_BETA,    /* 50 to 1,000: three parameters */
    WN_CTR_ISOTONIC /* more: the rising step function that fits best, joined by lines */
} wn_ctr_calibration;
const char *wn_ctr_calibration_name(wn_ctr_calibration c); /* "none", "beta", "isotonic" */

struct wn_ctr_report {
    uint64_t n_rows;       /* learned, by fit and since */
    double views, clicks;  /* in them, weighted */
    uint64_t n_slots_used; /* features known */
    uint64_t n_forgotten;  /* features that gave up their slot, the table being too small */
    size_t size_bytes;     /* of memory */
    bool is_fitted;        /* by wn_ctr_fit */
    bool has_scores;
    struct wn_ctr_scores scores; /* of honest predictions: fit, on all rows by models that had not
                                    seen them, calibrated by those of the other blocks; settle, on
                                    the newest ones, half of them calibrating the other half */
    double weight_linear, weight_machine; /* of the blend */
    wn_ctr_calibration calibration;
    double progressive_log_loss; /* learn: of every prediction before its row was learned */
    double progressive_views;
};
void wn_ctr_report(const struct wn_ctr *m, struct wn_ctr_report *out);

struct wn_ctr_field_report {
    double importance; /* standard deviation over the rows of the field's part of the logit */
    double variance;   /* of the effects of its values, estimated by fit; 1 / l2 without */
};
/* field < n_fields. Made by fit; while learning, from some of the rows. */
void wn_ctr_field_report(const struct wn_ctr *m, uint32_t field, struct wn_ctr_field_report *out);

/* ---- the model as bytes ------------------------------------------------------------------------
 *
 * All numbers little-endian; f64 as their bits.
 *     0  8  "WNCTR\r\n\x1a"
 *     8  4  version, 1
 *    12  4  0
 *    16  8  size of the body in bytes
 *    24  8  hash of the body
 *    32     body: options, fields, scores, blend and calibration, then the slots that are in use
 *
 * A loaded model predicts, learns and saves as the saved one would; what wn_ctr_settle would need of
 * the rows before is not kept. */
WN_MUST_USE wn_rc wn_ctr_save(const struct wn_ctr *m, struct wn_buf *out, struct wn_why *why);
/* Fails: CORRUPT (what it found and what it expected: no model, cut short, a hash that differs,
 * numbers no model can hold), NEWER, MEMORY. */
WN_MUST_USE wn_rc wn_ctr_load(struct wn_str bytes, struct wn_ctr **out, struct wn_why *why);

/* ---- conversions that come late ----------------------------------------------------------------
 */

struct wn_ctr_delay_group {
    uint32_t parent;            /* below its own place; of the first: 0 (it has none) */
    const double *delays_hours; /* [n] of conversions: since the click; of others, the age now */
    const bool *is_converted;   /* [n]; both borrowed */
    size_t n;
};

#define WN_CTR_DELAY_BINS 84 /* 24 of an hour, then 60 of a day */

/* The share of the conversions still to come, by age, of those that come within the last bin. */
struct wn_ctr_delay {
    double survival[WN_CTR_DELAY_BINS + 1]; /* at the start of each bin; [0] = 1, falling; last 0 */
};
/* Estimates the delay of each group (channel, advertiser) by Kaplan and Meier over all clicks, those
 * without a conversion being cut off at their age: at each age, the hazard is conversions / clicks
 * still without one, shrunk to the parent's as if 30 of its clicks had been seen, (c + 30 h0) /
 * (n + 30). Most clicks never convert; what is returned is of those that do. out [n_groups]. A
 * group without any conversion has its parent's; the first without any: no delay is known, all
 * survival 0 but the first. Fails: INVALID (why->line = 1 + the group's place), MEMORY. */
WN_MUST_USE wn_rc wn_ctr_delay_fit(const struct wn_ctr_delay_group *groups, size_t n_groups,
                                   struct wn_ctr_delay *out, struct wn_why *why);
/* S(age): linear within bins; 1 at age 0 or below or NaN, 0 beyond the last. */
double wn_ctr_delay_survival(const struct wn_ctr_delay *d, double age_hours);
/* The probability that a click without a conversion so far will have one: p S / (1 - p + p S). */
double wn_ctr_soft_label(double p, double survival);

#endif
