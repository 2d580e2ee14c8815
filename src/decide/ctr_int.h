/* What gathers, trains and answers share. */
#ifndef WN_DECIDE_CTR_INT_H
#define WN_DECIDE_CTR_INT_H

#include "core/hash.h"
#include "decide/ctr.h"
#include "learn/effects.h"

enum { CLICK_OTHERS = WN_CLICK_FIELDS - WN_CLICK_DEPTHS };

/* Sums of one combination of everything that is told apart. */
struct click_cell {
    int32_t ids[WN_CLICK_FIELDS];     /* as stored; channel, device, gender: codes; hour -1; weekday
                                     0..6, Monday first */
    double impressions[2], clicks[2]; /* learnt from; the newest days, for the test */
    double faded_impressions[2], faded_clicks[2]; /* by age, half every 28 days before day_to */
};

struct click_days {
    int32_t from, to; /* inclusive */
    int32_t test_from;
    int n_test_days; /* 0: too few days to test; then test_from is after to */
};

struct click_cells {
    struct click_cell *cells; /* sorted by ids */
    size_t n;
    int64_t n_rows;
    unsigned merged;
};

/* Which days, and whether the newest are complete. *has_data false: no impressions at all. a: the
 * texts of *c. */
WN_MUST_USE wn_rc click_find_days(const struct wn_book *book, struct wn_arena *a,
                                  struct click_days *out, struct wn_daily_completeness *c,
                                  bool *has_data, struct wn_why *why);
/* Sums the days up, in one scan where there are at most n_max cells; else fields are merged, the ones
 * that tell least first, until there are. */
WN_MUST_USE wn_rc click_gather(const struct wn_book *book, const struct click_days *days,
                               size_t n_max, struct wn_arena *scratch, struct click_cells *out,
                               struct wn_why *why);

/* ---- the model -------------------------------------------------------------------------------- */

struct click_node {
    uint32_t parent;
    uint32_t only_child; /* 0 = none, or several */
    uint8_t depth;       /* 0 = the root, 1 = a channel ... */
    uint8_t height;      /* how much deeper it goes below */
    int32_t id;          /* as stored */
    double impressions, clicks;
    struct wn_effect typical; /* log-odds of what is new below it */
    struct wn_effect average; /* of the impressions below it */
    struct wn_effect step;    /* average less the parent's */
    struct wn_str label;
};

struct click_level {
    int32_t id;
    double impressions, clicks;
    struct wn_effect effect; /* log-odds */
    struct wn_str label;
};

struct click_field {
    struct click_level *levels; /* [n], by id */
    size_t n;
    double variance;
};

/* A way to name a node; several nodes may go by one text. */
struct click_alias {
    uint32_t node, next; /* next + 1 of the same text; 0 = none */
    uint8_t rank;        /* own id before source's id before name */
};

struct wn_click_model {
    struct wn_arena a; /* all of it */
    struct wn_click_report report;
    struct click_node *nodes; /* [n_nodes]; none: nothing was learnt */
    size_t n_nodes;
    double depth_variance[WN_EFFECTS_DEPTH_MAX];
    struct click_field others[CLICK_OTHERS];
    struct wn_map index[WN_CLICK_FIELDS]; /* text -> alias + 1 of the tree, level of the others */
    struct click_alias *aliases;
    size_t n_aliases;
};

/* Lower case of ASCII, trimmed; '_' and '-' stay. Into buffer [WN_CLICK_VALUE_BYTES_MAX]; false when
 * it is longer. */
bool click_fold(struct wn_str s, char *buffer, struct wn_str *out);
/* The id of a value of a set that is known beforehand (channel, device, gender, hour, weekday). */
bool click_id_of(wn_click_field field, struct wn_str value, int32_t *out);
bool click_is_closed(wn_click_field field);
/* False where a source did not break its rows down by the field. */
bool click_is_stated(wn_click_field field, int32_t id);

/* Nodes, levels, labels and the index, out of the cells: what does not depend on who learns. Also the
 * data as the fits want them, in scratch: level [n_cells][CLICK_OTHERS], node, parent, n_levels. */
WN_MUST_USE wn_rc click_index(const struct wn_book *book, const struct click_cells *cells,
                              struct wn_arena *scratch, struct wn_click_model *m,
                              struct wn_effects_data *data, struct wn_why *why);

#endif
