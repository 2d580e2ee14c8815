/* The result of an A/B test, and a plan for one, as text for a terminal. */
#ifndef WN_CLI_ABTEST_REPORT_H
#define WN_CLI_ABTEST_REPORT_H

#include "core/buf.h"
#include "decide/experiment.h"

/* Sentence, split, a table for each metric, and the band over time where there are days. */
void wn_abtest_print(struct wn_buf *out, const struct wn_experiment *e);
void wn_abtest_print_plan(struct wn_buf *out, const struct wn_abtest_wish *wish,
                          const struct wn_abtest_plan *plan);

#endif
