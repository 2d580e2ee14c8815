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

/* Fills causes of the anomalies of list [n], which belong to report. channel: the filter of the
 * question, -1 = none. At most two facts queries. */
WN_MUST_USE wn_rc anomaly_find_causes(const struct wn_book *book, int channel,
                                      const struct wn_anomaly_report *report,
                                      struct wn_anomaly *list, size_t n, struct wn_arena *a,
                                      struct wn_why *why);

#endif
