/* What the files of the anomalies share. */
#ifndef WN_DECIDE_ANOMALY_INT_H
#define WN_DECIDE_ANOMALY_INT_H

#include "decide/anomaly.h"

struct anomaly_parts {
    int above, below; /* measures; below -1: a plain sum */
    int events;       /* of a ratio: the measure whose number says how much it means */
    wn_metric_unit unit;
    bool is_count;
    int late; /* +1: grows as results arrive, -1: shrinks, 0: complete at once */
};
extern const struct anomaly_parts anomaly_parts[WN_ANOMALY_METRICS];

/* Fills causes of one anomaly. channel: the filter of the question, -1 = none. One facts query. */
WN_MUST_USE wn_rc anomaly_find_causes(const struct wn_book *book, int channel, struct wn_arena *a,
                                      struct wn_anomaly *x, struct wn_why *why);

#endif
