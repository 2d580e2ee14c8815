/* What the two files of off-policy evaluation share. */
#ifndef WN_LEARN_OFFPOLICY_INT_H
#define WN_LEARN_OFFPOLICY_INT_H

#include "winnow/offpolicy.h"

/* Size, actions and rewards of a log. Fails: INVALID, LIMIT. */
WN_MUST_USE wn_rc wn_log_check(const struct wn_log *log, struct wn_why *why);

#endif
