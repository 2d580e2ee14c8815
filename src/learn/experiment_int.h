/* What the files of the A/B tests share. */
#ifndef WN_LEARN_EXPERIMENT_INT_H
#define WN_LEARN_EXPERIMENT_INT_H

#include "winnow/experiment.h"

/* Half-width of the normal-mixture sequence, for numbers that were checked. */
double wn_abtest_half_width(double variance, double tau, double alpha);

/* The sentences of a result: why is given (arena). */
WN_MUST_USE wn_rc wn_abtest_say(struct wn_arena *a, const struct wn_abtest *test,
                                const struct wn_abtest_options *options,
                                struct wn_abtest_result *result, struct wn_why *why);

#endif
