/* The clocks: the only place where time comes from. */
#ifndef WN_IO_CLOCK_H
#define WN_IO_CLOCK_H

#include "core/base.h"

/* ms since the epoch, UTC. */
int64_t wn_clock_now_ms(void);
/* ns of a clock that never jumps: for durations and deadlines. */
int64_t wn_clock_monotonic_ns(void);
/* Waits at least that long, a signal's handler included. */
void wn_clock_sleep_ms(int duration_ms);

#endif
