#include "cli/output.h"

#include "io/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

wn_rc wn_output_print(struct wn_str answer, struct wn_why *why)
{
    bool is_written = fwrite(answer.p, 1, answer.n, stdout) == answer.n && fflush(stdout) == 0;
    if (is_written || errno == EPIPE)
        return WN_OK;
    return wn_fail(why, errno == ENOSPC ? WN_DISK : WN_IO, "output", "cannot write the output: %s",
                   strerror(errno));
}

wn_rc wn_output_write(const struct wn_args *args, const struct wn_buf *answer, struct wn_why *why)
{
    const char *path = wn_args_z(args, "output");
    wn_rc rc = wn_buf_check(answer, why);
    if (rc)
        return rc;
    return strcmp(path, "-") == 0 ? wn_output_print(wn_buf_str(answer), why)
                                  : wn_file_write(path, wn_buf_str(answer), why);
}
