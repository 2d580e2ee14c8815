/* Commands and their options as tables: parsing, checks and help are all made from them, so they
 * cannot disagree. */
#ifndef WN_CLI_OPTIONS_H
#define WN_CLI_OPTIONS_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

typedef enum wn_option_kind {
    WN_OPTION_FLAG,
    WN_OPTION_TEXT,
    WN_OPTION_INT,  /* within min..max */
    WN_OPTION_ENUM, /* one of values, "a|b|c" */
    WN_OPTION_DAY,  /* YYYY-MM-DD */
    WN_OPTION_LIST  /* text; may be given several times: see wn_args_list */
} wn_option_kind;

#define WN_ARGS_REPEATS_MAX 256 /* all repeated values of a command line together */

struct wn_option {
    const char *name; /* long name without dashes */
    char letter;      /* short name, or 0 */
    wn_option_kind kind;
    const char *value_name; /* "DIR"; NULL for flags */
    const char *fallback;   /* as text; NULL = not given */
    int64_t min, max;
    const char *values;
    const char *help; /* one line */
};

struct wn_args {
    const struct wn_command *command;
    struct wn_str values[40]; /* by the place in the command's table; p = NULL: not given */
    struct {
        size_t option; /* place in the table */
        struct wn_str value;
    } repeats[WN_ARGS_REPEATS_MAX]; /* every value of LIST options, in the order given */
    size_t n_repeats;
    const char **operands;
    size_t n_operands;
};

struct wn_command {
    const char *name;
    const char *operands; /* "FILE..." or "" */
    size_t n_operands_min, n_operands_max;
    const char *summary;             /* one line */
    const char *description;         /* paragraphs, separated by blank lines */
    const char *examples;            /* lines of "command\texplanation" */
    const struct wn_option *options; /* ends with a NULL name */
    int (*run)(const struct wn_args *args);
    bool is_hidden;
};

/* All commands, in the order of the help; ends with a NULL name. */
extern const struct wn_command wn_commands[];
const struct wn_command *wn_command_find(const char *name);

/* Parses argv[0..n) (without program and command name). Operands are moved to the front of argv.
 * Fails: INVALID with what to do in why. */
WN_MUST_USE wn_rc wn_args_parse(const struct wn_command *command, int n, char **argv,
                                struct wn_args *out, struct wn_why *why);
/* The option's text: given, or its fallback, or p = NULL. name must be in the table. */
struct wn_str wn_args_text(const struct wn_args *args, const char *name);
/* NUL-terminated; NULL when absent. Texts of argv and of tables are. */
const char *wn_args_z(const struct wn_args *args, const char *name);
/* The k-th value of a LIST option; p = NULL behind the last. */
struct wn_str wn_args_list(const struct wn_args *args, const char *name, size_t k);
bool wn_args_flag(const struct wn_args *args, const char *name);
int64_t wn_args_int(const struct wn_args *args, const char *name);

/* The overview of all commands, and the manual page of one. */
void wn_help_overview(struct wn_buf *out);
void wn_help_command(const struct wn_command *command, struct wn_buf *out);

#endif
