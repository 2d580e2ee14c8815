/* Protects the command line: what the tables promise is what parsing does and help says. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct wn_option options[] = {
    {.name = "data", .letter = 'd', .kind = WN_OPTION_TEXT, .value_name = "DIR", .help = "Where."},
    {.name = "limit",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "10",
     .min = 1,
     .max = 99,
     .help = "How many."},
    {.name = "kind",
     .kind = WN_OPTION_ENUM,
     .value_name = "KIND",
     .values = "line|bar",
     .help = "Which."},
    {.name = "from", .kind = WN_OPTION_DAY, .value_name = "DATE", .help = "When."},
    {.name = "dry-run", .letter = 'n', .kind = WN_OPTION_FLAG, .help = "Only say."},
    {0},
};
static const struct wn_command command = {
    .name = "try",
    .operands = "FILE...",
    .n_operands_min = 1,
    .n_operands_max = 2,
    .summary = "tries",
    .description = "First paragraph, which is long enough that it has to be wrapped somewhere "
                   "before its end, as a manual page would.\n\nSecond.",
    .examples = "winnow try a\tTries a.",
    .options = options,
};

static wn_rc parse(struct wn_args *args, struct wn_why *why, int n, ...)
{
    static char *argv[16];
    va_list list;
    va_start(list, n);
    for (int i = 0; i < n; i++)
        argv[i] = va_arg(list, char *);
    va_end(list);
    *why = (struct wn_why){0};
    return wn_args_parse(&command, n, argv, args, why);
}

static void options_and_operands_in_any_order(void **state)
{
    (void)state;
    struct wn_args args;
    struct wn_why why;
    assert_int_equal(
        parse(&args, &why, 7, "a.csv", "--limit=7", "-d", "there", "-n", "--kind", "bar"), WN_OK);
    assert_int_equal(args.n_operands, 1);
    assert_string_equal(args.operands[0], "a.csv");
    assert_int_equal(wn_args_int(&args, "limit"), 7);
    assert_string_equal(wn_args_z(&args, "data"), "there");
    assert_true(wn_args_flag(&args, "dry-run"));
    assert_true(wn_str_eq(wn_args_text(&args, "kind"), WN_STR("bar")));
    assert_null(wn_args_z(&args, "from"));
}

static void fallbacks_and_the_double_dash(void **state)
{
    (void)state;
    struct wn_args args;
    struct wn_why why;
    assert_int_equal(parse(&args, &why, 3, "--", "--limit", "-n"), WN_OK);
    assert_int_equal(args.n_operands, 2);
    assert_string_equal(args.operands[0], "--limit");
    assert_int_equal(wn_args_int(&args, "limit"), 10);
    assert_false(wn_args_flag(&args, "dry-run"));
}

static void mistakes_are_refused_by_name(void **state)
{
    (void)state;
    struct wn_args args;
    struct wn_why why;
    assert_int_equal(parse(&args, &why, 0), WN_INVALID);
    assert_non_null(strstr(why.text, "FILE..."));
    assert_int_equal(parse(&args, &why, 3, "a", "b", "c"), WN_INVALID);
    assert_non_null(strstr(why.text, "'c'"));
    assert_int_equal(parse(&args, &why, 2, "a", "--limit"), WN_INVALID);
    assert_int_equal(parse(&args, &why, 3, "a", "--limit", "100"), WN_INVALID);
    assert_non_null(strstr(why.text, "--limit"));
    assert_int_equal(parse(&args, &why, 3, "a", "--limit", "7x"), WN_INVALID);
    assert_int_equal(parse(&args, &why, 3, "a", "--kind", "pie"), WN_INVALID);
    assert_non_null(strstr(why.text, "line|bar"));
    assert_int_equal(parse(&args, &why, 3, "a", "--from", "2026-02-30"), WN_INVALID);
    assert_int_equal(parse(&args, &why, 2, "a", "--dry-run=yes"), WN_INVALID);
    assert_int_equal(parse(&args, &why, 2, "a", "--dry"), WN_INVALID);
    assert_int_equal(parse(&args, &why, 3, "a", "-d", "\xff"), WN_INVALID);
}

static void help_names_everything_within_the_width(void **state)
{
    (void)state;
    struct wn_buf out;
    wn_buf_init(&out, 1 << 16);
    wn_help_command(&command, &out);
    wn_buf_append_char(&out, 0);
    assert_int_equal(out.failed, WN_OK);
    for (const struct wn_option *o = options; o->name; o++)
        assert_non_null(strstr(out.p, o->name));
    assert_non_null(strstr(out.p, "Default: 10"));
    assert_non_null(strstr(out.p, "From 1 to 99."));
    struct wn_str rest = wn_str_of(out.p), line;
    while (wn_str_cut(&rest, '\n', &line))
        assert_true(line.n <= 96);
    wn_buf_deinit(&out);
}

static void every_command_is_whole(void **state)
{
    (void)state;
    for (const struct wn_command *c = wn_commands; c->name; c++) {
        assert_non_null(c->run);
        assert_true(strlen(c->summary) > 5 && strlen(c->description) > 5);
        for (const struct wn_option *o = c->options; o->name; o++) {
            assert_non_null(o->help);
            assert_int_equal(o->kind == WN_OPTION_FLAG, o->value_name == NULL);
            assert_int_equal(o->kind == WN_OPTION_ENUM, o->values != NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_operands_in_any_order),
        cmocka_unit_test(fallbacks_and_the_double_dash),
        cmocka_unit_test(mistakes_are_refused_by_name),
        cmocka_unit_test(help_names_everything_within_the_width),
        cmocka_unit_test(every_command_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
