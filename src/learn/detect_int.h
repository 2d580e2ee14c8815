/* What the files of the detector share: its state, its views, its weights. */
#ifndef WN_LEARN_DETECT_INT_H
#define WN_LEARN_DETECT_INT_H

#include "learn/detect_sketch.h"
#include "learn/quantile.h"

#define WN_VIEWS 19
#define WN_DETECT_PAST 2048  /* values kept; a power of two */
#define WN_DETECT_WINDOW 384 /* values in each sorted window */
#define WN_DETECT_SLOTS 288  /* of a cycle (a day; a week for daily series) */
#define WN_DETECT_CYCLES 10  /* cycles kept */
#define WN_DETECT_PENDING 6  /* slots that wait before they join the envelope */
#define WN_DETECT_HOURS 168  /* hours of a week */
#define WN_DETECT_WEEKS 4
#define WN_DETECT_SUMS 6         /* rolling means of values */
#define WN_DETECT_MOVES 6        /* rolling means of absolute changes */
#define WN_DETECT_TABLES 12      /* hash tables of the shape views: 4 for each of 3 */
#define WN_DETECT_CELLS 1024     /* of each table */
#define WN_DETECT_SHAPE_DELAY 40 /* points before a shape counts as known */
#define WN_DETECT_EXPERTS 4
#define WN_DETECT_BLIND_ROWS 24 /* no scale yet: views of these rows say nothing */

/* One weight for each view, and how they are put together. */
struct wn_detect_weights {
    float view[WN_VIEWS];
    float mix;       /* of the largest view; the rest goes to the sum of what exceeds 1 */
    float cap;       /* no view counts more */
    float memory;    /* how much of the last score stays */
    float fast;      /* weight of that memory in the score */
    float threshold; /* an alert; public scores are in units of it */
    float spike;     /* an alert by one row alone, without memory */
    float growth;    /* of the threshold with a decade of rows */
    float rest;      /* rest period as a share of the rows seen, up to 750 */
};

/* The last row, when it lay far out, and what moved with it: if the next row is back where rows used
 * to lie, it was a spike on its own, and is forgotten as far as levels and means go, or its echo in
 * them would look like something new for as long as they remember. */
struct wn_detect_odd {
    double low, high; /* the band it lay outside of */
    double excess;    /* over what was expected */
    double memory, level_fast, level_slow, residual_scale;
    double expert_error[WN_DETECT_EXPERTS];
    double envelope_smooth;
};

/* The state: one block without pointers, so that it can be written as bytes. */
struct wn_detect_state {
    /* what is known of the clock */
    int64_t last_ts_ms, step_ms, cycle_ms;
    int64_t first_deltas_ms[15];
    uint64_t n_seen;       /* finite values */
    uint64_t n_rest;       /* rows left of the rest period */
    uint64_t n_learn_less; /* rows left of the two rest periods in which odd rows count a fifth */
    uint64_t n_alert_age;  /* rows since the alert; large = none */
    double offset;         /* the first value: what is kept is relative to it */
    double sums[WN_DETECT_SUMS], moves[WN_DETECT_MOVES];
    double expert_error[WN_DETECT_EXPERTS];
    double level_fast, level_slow;
    double residual_scale;
    double memory;
    double slot_sum, hour_sum;
    struct wn_detect_odd odd;
    float envelope_smooth;
    uint32_t is_odd; /* odd holds the last row */
    uint32_t n_deltas;
    uint32_t n_slots;
    uint32_t slot, hour;     /* in progress */
    uint32_t n_slot, n_hour; /* values in them; 0 = none in progress */
    uint32_t n_pending;
    uint32_t window_n[3], window_next[3];
    uint32_t n_shapes; /* counted in the tables */
    uint32_t pending_slot[WN_DETECT_PENDING];
    float pending_value[WN_DETECT_PENDING];
    float ring[3][WN_DETECT_WINDOW], sorted[3][WN_DETECT_WINDOW];
    float past[WN_DETECT_PAST];
    float slot_value[WN_DETECT_SLOTS][WN_DETECT_CYCLES];
    float slot_lo[WN_DETECT_SLOTS], slot_hi[WN_DETECT_SLOTS], slot_mean[WN_DETECT_SLOTS];
    uint8_t slot_n[WN_DETECT_SLOTS], slot_next[WN_DETECT_SLOTS];
    float hour_value[WN_DETECT_HOURS][WN_DETECT_WEEKS];
    uint8_t hour_n[WN_DETECT_HOURS], hour_next[WN_DETECT_HOURS];
    struct wn_sketch view[WN_VIEWS];
    struct wn_sketch residual[2]; /* above and below what was expected */
    uint16_t shape_cell[WN_DETECT_SHAPE_DELAY][WN_DETECT_TABLES];
    uint16_t shape_count[WN_DETECT_TABLES][WN_DETECT_CELLS];
};

/* What one point shows, before it is learned. */
struct wn_detect_look {
    float value[WN_VIEWS];  /* sizes of the views, >= 0, finite */
    float rarity[WN_VIEWS]; /* -log10 of their probability */
    double expected;        /* relative to the offset, as all below */
    double low, high;
    double expert[WN_DETECT_EXPERTS];
    float sd; /* the robust scale of the middle window */
    int slot; /* of the cycle; -1 = none */
    int hour; /* of the week; -1 = none */
    uint16_t cell[WN_DETECT_TABLES];
};

extern const struct wn_detect_weights wn_detect_weights_default;

struct wn_detector {
    struct {
        double sensitivity, risk;
        uint64_t by_band, rest_rows; /* fixed widths: they are written as bytes */
    } options;
    struct wn_detect_state state;
};

/* x: the value relative to the offset. Looks only: s is as before. low and high are left alone. */
void wn_detect_see(const struct wn_detect_state *s, int64_t ts_ms, float x,
                   struct wn_detect_look *out);
/* Learns the point that was looked at. fully = false: only the windows of recent values move, not
 * what is normal. */
void wn_detect_learn(struct wn_detect_state *s, int64_t ts_ms, float x,
                     const struct wn_detect_look *look, bool fully);
/* Takes the last row back, which s->odd describes, as far as levels, means and errors go. */
void wn_detect_forget(struct wn_detect_state *s);
/* The score of a look without rest period and memory. */
float wn_detect_mix(const float rarity[WN_VIEWS], const struct wn_detect_weights *w);
/* The evidence of a mixed score m after n_seen rows, in units of the threshold; moves the memory on.
 * What is asked grows with the past: a long series has more normal surprises in it, so that the
 * number of its false alerts stays in bounds. */
double wn_detect_evidence(double m, uint64_t n_seen, const struct wn_detect_weights *w,
                          double *memory);
/* Makes a state that was read from bytes consistent: derived fields anew, indices in range. False
 * when it cannot be one of ours. */
bool wn_detect_state_check(struct wn_detect_state *s);

#endif
