/* Finds the command, parses its options by its table, runs it. */
#include "cli/options.h"
#include "cli/wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Output that did not arrive is a failure, but for a reader who has seen enough (head). */
static int finish_output(int status)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    bool failed = fflush(stdout) != 0;
    const char *reason = failed ? strerror(errno) : "some of it was lost";
    if (!failed && !ferror(stdout))
        return status;
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR))
        return status;
    fprintf(stderr, "winnow: cannot write the output: %s\n", reason);
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    /* The locale stays "C": numbers are printed and read the same everywhere. */
    signal(SIGPIPE, SIG_IGN);
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const struct wn_command *command = wn_command_find(name);
    if (!command) {
        fprintf(stderr, "winnow: there is no command '%s'; see: winnow help\n", name);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            break;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            char *words[] = {(char *)command->name};
            struct wn_args help = {.command = wn_command_find("help"),
                                   .operands = (const char **)words,
                                   .n_operands = 1};
            return finish_output(help.command->run(&help));
        }
    }
    struct wn_args args;
    struct wn_why why = {0};
    wn_rc rc =
        wn_args_parse(command, argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc), &args, &why);
    if (rc) {
        wn_complain(rc, &why);
        return 2;
    }
    return finish_output(command->run(&args));
}
