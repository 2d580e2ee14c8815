#include "cli/options.h"

#include "core/date.h"
#include "core/num.h"

#include <string.h>

const struct wn_command *wn_command_find(const char *name)
{
    for (const struct wn_command *c = wn_commands; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static size_t n_options(const struct wn_command *command)
{
    size_t n = 0;
    while (command->options[n].name)
        n++;
    WN_ASSERT(n <= WN_COUNT(((struct wn_args *)0)->values));
    return n;
}

static bool in_list(const char *values, struct wn_str value)
{
    struct wn_str rest = wn_str_of(values), part;
    while (wn_str_cut(&rest, '|', &part))
        if (wn_str_eq(part, value))
            return true;
    return false;
}

static wn_rc check_value(const struct wn_option *option, struct wn_str value, struct wn_why *why)
{
    int64_t number;
    int32_t day;
    switch (option->kind) {
    case WN_OPTION_INT:
        if (!wn_parse_i64(value, &number) || number < option->min || number > option->max)
            return wn_fail(why, WN_INVALID, option->name,
                           "--%s must be a whole number from %lld to %lld, not '%.*s'",
                           option->name, (long long)option->min, (long long)option->max,
                           WN_STR_ARG(value));
        return WN_OK;
    case WN_OPTION_ENUM:
        if (!in_list(option->values, value))
            return wn_fail(why, WN_INVALID, option->name, "--%s must be one of %s, not '%.*s'",
                           option->name, option->values, WN_STR_ARG(value));
        return WN_OK;
    case WN_OPTION_DAY:
        if (!wn_parse_day(value, &day))
            return wn_fail(why, WN_INVALID, option->name,
                           "--%s must be a date like 2026-01-31, not '%.*s'", option->name,
                           WN_STR_ARG(value));
        return WN_OK;
    case WN_OPTION_FLAG:
    case WN_OPTION_TEXT:
    case WN_OPTION_LIST:
        return WN_OK;
    }
    return WN_OK;
}

/* The option that argument (with its dashes) names; *value is the part behind '='. */
static wn_rc find_option(const struct wn_command *command, const char *argument, size_t *out,
                         struct wn_str *value, struct wn_why *why)
{
    struct wn_str name = wn_str_of(argument);
    bool is_long = wn_str_starts(name, WN_STR("--"));
    name = wn_str_slice(name, is_long ? 2 : 1, name.n);
    size_t equals = wn_str_find_char(name, '=');
    *value = (struct wn_str){0};
    if (equals < name.n) {
        *value = wn_str_slice(name, equals + 1, name.n);
        name.n = equals;
    }
    for (size_t i = 0; command->options[i].name; i++) {
        const struct wn_option *option = &command->options[i];
        if (is_long ? wn_str_eq(name, wn_str_of(option->name))
                    : name.n == 1 && option->letter == name.p[0]) {
            *out = i;
            return WN_OK;
        }
    }
    return wn_fail(why, WN_INVALID, NULL, "unknown option '%s'; see: winnow help %s", argument,
                   command->name);
}

static wn_rc take_option(const struct wn_command *command, int n, char **argv, int *at,
                         struct wn_args *args, struct wn_why *why)
{
    const char *argument = argv[*at];
    size_t i = 0;
    struct wn_str value;
    wn_rc rc = find_option(command, argument, &i, &value, why);
    if (rc)
        return rc;
    const struct wn_option *option = &command->options[i];
    if (option->kind == WN_OPTION_FLAG) {
        if (value.p)
            return wn_fail(why, WN_INVALID, option->name, "--%s takes no value", option->name);
        value = WN_STR("1");
    } else if (!value.p) {
        if (*at + 1 >= n)
            return wn_fail(why, WN_INVALID, option->name, "--%s needs a value: --%s %s",
                           option->name, option->name, option->value_name);
        value = wn_str_of(argv[++*at]);
    }
    if (!wn_str_utf8_valid(value, NULL))
        return wn_fail(why, WN_INVALID, option->name, "the value of --%s is not UTF-8",
                       option->name);
    rc = check_value(option, value, why);
    if (rc)
        return rc;
    args->values[i] = value;
    if (option->kind == WN_OPTION_LIST) {
        if (args->n_repeats == WN_ARGS_REPEATS_MAX)
            return wn_fail(why, WN_LIMIT, option->name,
                           "more than %d values; separate several by commas", WN_ARGS_REPEATS_MAX);
        args->repeats[args->n_repeats].option = i;
        args->repeats[args->n_repeats++].value = value;
    }
    return WN_OK;
}

wn_rc wn_args_parse(const struct wn_command *command, int n, char **argv, struct wn_args *out,
                    struct wn_why *why)
{
    struct wn_args args = {.command = command, .operands = (const char **)argv};
    (void)n_options(command);
    bool only_operands = false;
    for (int i = 0; i < n; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1] != 0) {
            wn_rc rc = take_option(command, n, argv, &i, &args, why);
            if (rc)
                return rc;
        } else {
            args.operands[args.n_operands++] = argv[i];
        }
    }
    if (args.n_operands < command->n_operands_min)
        return wn_fail(why, WN_INVALID, NULL, "%s is missing; usage: winnow %s %s [options]",
                       command->operands, command->name, command->operands);
    if (args.n_operands > command->n_operands_max)
        return wn_fail(why, WN_INVALID, NULL, "'%s' is one argument too many; see: winnow help %s",
                       args.operands[command->n_operands_max], command->name);
    *out = args;
    return WN_OK;
}

static size_t place_of(const struct wn_args *args, const char *name)
{
    for (size_t i = 0; args->command->options[i].name; i++)
        if (strcmp(args->command->options[i].name, name) == 0)
            return i;
    bool is_in_the_table = false;
    WN_ASSERT(is_in_the_table);
    return 0;
}

const char *wn_args_z(const struct wn_args *args, const char *name)
{
    size_t i = place_of(args, name);
    return args->values[i].p ? args->values[i].p : args->command->options[i].fallback;
}

struct wn_str wn_args_text(const struct wn_args *args, const char *name)
{
    const char *z = wn_args_z(args, name);
    return z ? wn_str_of(z) : (struct wn_str){0};
}

struct wn_str wn_args_list(const struct wn_args *args, const char *name, size_t k)
{
    size_t option = place_of(args, name);
    for (size_t i = 0; i < args->n_repeats; i++)
        if (args->repeats[i].option == option && k-- == 0)
            return args->repeats[i].value;
    return (struct wn_str){0};
}

bool wn_args_flag(const struct wn_args *args, const char *name)
{
    return args->values[place_of(args, name)].p != NULL;
}

int64_t wn_args_int(const struct wn_args *args, const char *name)
{
    int64_t value = 0;
    bool ok = wn_parse_i64(wn_args_text(args, name), &value);
    WN_ASSERT(ok); /* checked when it was parsed; fallbacks are ours */
    return value;
}

/* ---- help ------------------------------------------------------------------------------------- */

enum { TEXT_WIDTH = 88 };

/* Appends text wrapped at TEXT_WIDTH with every line indented. A '\n' in text starts a new line. */
static void wrapped(struct wn_buf *out, struct wn_str text, int indent)
{
    int column = 0;
    while (text.n) {
        size_t end = 0;
        while (end < text.n && text.p[end] != ' ' && text.p[end] != '\n')
            end++;
        struct wn_str word = wn_str_slice(text, 0, end);
        if (column > 0 && column + 1 + (int)word.n > TEXT_WIDTH - indent) {
            wn_buf_append_char(out, '\n');
            column = 0;
        }
        if (word.n) {
            if (column == 0)
                wn_buf_printf(out, "%*s", indent, "");
            else
                wn_buf_append_char(out, ' ');
            wn_buf_append(out, word);
            column += (column > 0) + (int)word.n;
        }
        if (end < text.n && text.p[end] == '\n') {
            wn_buf_append_char(out, '\n');
            column = 0;
        }
        text = wn_str_slice(text, end + 1, text.n);
    }
    wn_buf_append_char(out, '\n');
}

static void help_option(const struct wn_option *o, struct wn_buf *out)
{
    wn_buf_append_z(out, "    ");
    if (o->letter)
        wn_buf_printf(out, "-%c, ", o->letter);
    wn_buf_printf(out, "--%s", o->name);
    if (o->value_name)
        wn_buf_printf(out, " %s", o->value_name);
    wn_buf_append_char(out, '\n');
    wrapped(out, wn_str_of(o->help), 8);
    if (o->kind == WN_OPTION_ENUM) {
        wn_buf_append_z(out, "        One of: ");
        struct wn_str rest = wn_str_of(o->values), part;
        for (bool first = true; wn_str_cut(&rest, '|', &part); first = false) {
            wn_buf_append_z(out, first ? "" : ", ");
            wn_buf_append(out, part);
        }
        wn_buf_append_z(out, ".\n");
    }
    if (o->kind == WN_OPTION_LIST)
        wn_buf_append_z(out, "        May be given several times.\n");
    if (o->kind == WN_OPTION_INT)
        wn_buf_printf(out, "        From %lld to %lld.\n", (long long)o->min, (long long)o->max);
    if (o->fallback)
        wn_buf_printf(out, "        Default: %s\n", o->fallback);
}

void wn_help_command(const struct wn_command *command, struct wn_buf *out)
{
    wn_buf_printf(out, "NAME\n    winnow %s - %s\n\nUSAGE\n    winnow %s", command->name,
                  command->summary, command->name);
    if (command->operands[0])
        wn_buf_printf(out, " %s", command->operands);
    wn_buf_append_z(out, command->options[0].name ? " [options]\n" : "\n");
    wn_buf_append_z(out, "\nDESCRIPTION\n");
    wrapped(out, wn_str_of(command->description), 4);
    if (command->options[0].name) {
        wn_buf_append_z(out, "\nOPTIONS\n");
        for (const struct wn_option *o = command->options; o->name; o++)
            help_option(o, out);
    }
    if (command->examples) {
        wn_buf_append_z(out, "\nEXAMPLES\n");
        struct wn_str rest = wn_str_of(command->examples), line;
        while (wn_str_cut(&rest, '\n', &line)) {
            size_t tab = wn_str_find_char(line, '\t');
            wn_buf_printf(out, "    %.*s\n", (int)tab, line.p);
            wrapped(out, wn_str_slice(line, tab + 1, line.n), 8);
        }
    }
}

void wn_help_overview(struct wn_buf *out)
{
    wn_buf_append_z(out, "winnow " WN_VERSION " - a self-hosted marketing decision engine\n\n"
                         "USAGE\n    winnow COMMAND [options]\n\nCOMMANDS\n");
    for (const struct wn_command *c = wn_commands; c->name; c++)
        if (!c->is_hidden)
            wn_buf_printf(out, "    %-9s %s\n", c->name, c->summary);
    wn_buf_append_z(out, "\nStart with:  winnow serve --sample\n"
                         "More:        winnow help COMMAND\n");
}
