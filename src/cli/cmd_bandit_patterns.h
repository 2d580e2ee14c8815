/* What creatives are made of, learned from a file of them: for winnow bandit patterns, and for the
 * arms of a state that were never shown. */
#ifndef WN_CLI_CMD_BANDIT_PATTERNS_H
#define WN_CLI_CMD_BANDIT_PATTERNS_H

#include "cli/cmd_bandit_state.h"
#include "cli/options.h"

/* Gives each arm of s that was never shown and is a creative of the file of --patterns the prior of
 * its patterns, kept in the state, and tells of it on standard error. The counts of the file are not
 * taken in. Nothing happens without --patterns. Fails: INVALID (why names line and column),
 * NOT_FOUND, IO, LIMIT, MEMORY. */
WN_MUST_USE wn_rc wn_bandit_patterns_priors(const struct wn_args *args, struct wn_bandit_state *s,
                                            struct wn_why *why);

#endif
