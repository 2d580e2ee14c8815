/* Where an answer goes: the option --output of every command that has one. */
#ifndef WN_CLI_OUTPUT_H
#define WN_CLI_OUTPUT_H

#include "cli/options.h"

#define WN_OPTION_OUTPUT                                                                           \
    {                                                                                              \
        .name = "output", .letter = 'o', .kind = WN_OPTION_TEXT, .value_name = "FILE",             \
        .fallback = "-", .help = "Where to write; - is standard output."                           \
    }

/* To standard output. A reader who has seen enough and leaves is no failure. Fails: IO, DISK. */
WN_MUST_USE wn_rc wn_output_print(struct wn_str answer, struct wn_why *why);
/* Where --output says: the whole answer, or none of it when the buffer has failed. Fails: what the
 * buffer met, IO, DISK. */
WN_MUST_USE wn_rc wn_output_write(const struct wn_args *args, const struct wn_buf *answer,
                                  struct wn_why *why);

#endif
