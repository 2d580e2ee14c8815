/* winnow doctor: one line per check, and what to do about each problem. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/wire.h"

#include "core/date.h"
#include "decide/overview.h"
#include "serve/web_files.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

const struct wn_option wn_doctor_options[] = {
    WN_OPTION_DATA,
    {.name = "json", .kind = WN_OPTION_FLAG, .help = "Print the checks as JSON."},
    {0},
};

typedef enum { FINE, WARNING, PROBLEM } verdict;

struct check {
    verdict verdict;
    const char *name;
    struct wn_str text;
    struct wn_str advice; /* empty when fine */
};

struct doctor {
    struct wn_arena a;
    struct check checks[24];
    size_t n_checks;
};

static void report(struct doctor *d, verdict v, const char *name, struct wn_str text,
                   const char *advice)
{
    if (d->n_checks < WN_COUNT(d->checks))
        d->checks[d->n_checks++] =
            (struct check){v, name, text.p ? text : WN_STR("memory has run out"),
                           advice ? wn_str_of(advice) : (struct wn_str){"", 0}};
}

static void check_program(struct doctor *d)
{
    struct utsname u;
    const char *system = uname(&u) == 0 ? u.release : "?",
               *machine = uname(&u) == 0 ? u.machine : "?";
    report(d, FINE, "program",
           wn_arena_printf(&d->a, "winnow %s on Linux %s (%s), %ld cores", WN_VERSION, system,
                           machine, sysconf(_SC_NPROCESSORS_ONLN)),
           NULL);
    if (wn_n_web_files)
        report(d, FINE, "web",
               wn_arena_printf(&d->a, "%zu files of the web application", wn_n_web_files), NULL);
    else
        report(d, WARNING, "web", WN_STR("this binary has no web application"),
               "Build it with ./start.sh --build-only; the API works without.");
}

/* True when the directory is there and can be worked in. */
static bool check_directory(struct doctor *d, const char *dir)
{
    struct stat info;
    struct wn_why why = {0};
    if (stat(dir, &info) != 0) {
        report(d, FINE, "data",
               wn_arena_printf(&d->a, "%s does not exist yet; serve and import make it", dir),
               NULL);
        return false;
    }
    if (wn_dir_check_writable(dir, &why)) {
        report(d, PROBLEM, "data", wn_arena_printf(&d->a, "%s", why.text),
               "Give the directory to the user who runs winnow (chown), or name another one with "
               "--data.");
        return false;
    }
    report(d, FINE, "data", wn_arena_printf(&d->a, "%s is writable", dir), NULL);
    if (info.st_mode & 077)
        report(d, WARNING, "permissions",
               wn_arena_printf(&d->a, "other users of this machine can look into it (mode %03o)",
                               (unsigned)(info.st_mode & 0777)),
               "chmod 700 the data directory.");
    else
        report(d, FINE, "permissions", WN_STR("only its owner can look into it"), NULL);
    uint64_t free_bytes = 0;
    if (wn_disk_free(dir, &free_bytes, &why) == WN_OK) {
        bool low = free_bytes < UINT64_C(1) << 30;
        report(
            d, low ? WARNING : FINE, "disk",
            wn_arena_printf(&d->a, "%.1f GB free", (double)free_bytes / 1e9),
            low ? "Free some space: when the disk is full, imports stop (nothing stored is lost)."
                : NULL);
    }
    return true;
}

static void check_stores(struct doctor *d, struct wn_home *home, struct wn_str note)
{
    struct wn_book book = {home->facts, home->catalog, WN_TENANT_DEFAULT};
    struct wn_why why = {0};
    int32_t from = 0, to = 0;
    int64_t n_rows = 0;
    bool has_data = false;
    char from_text[WN_DAY_TEXT_MAX], to_text[WN_DAY_TEXT_MAX];
    report(d, FINE, "catalog",
           wn_arena_printf(&d->a, "%s, schema %d", wn_catalog_engine(home->catalog),
                           wn_catalog_schema_version(home->catalog)),
           NULL);
    wn_rc rc = wn_facts_check(home->facts, &why);
    if (!rc)
        rc = wn_book_extent(&book, &d->a, &from, &to, &n_rows, &has_data, &why);
    if (rc) {
        report(d, PROBLEM, "facts", wn_arena_printf(&d->a, "%s", why.text),
               "Keep a copy of the data directory, then import the exports again into a new one.");
        return;
    }
    wn_print_day(from, from_text);
    wn_print_day(to, to_text);
    report(d, note.n ? WARNING : FINE, "facts",
           has_data ? wn_arena_printf(&d->a, "%s, %lld rows from %s to %s%s%.*s",
                                      wn_facts_engine(home->facts), (long long)n_rows, from_text,
                                      to_text, note.n ? "; " : "", WN_STR_ARG(note))
                    : wn_arena_printf(&d->a, "%s, no rows yet", wn_facts_engine(home->facts)),
           note.n ? "Look whether the last import is complete." : NULL);
}

static void check_server(struct doctor *d, const char *dir)
{
    struct wn_why why = {0};
    uint16_t port = 0;
    struct wn_remote_reply reply = {0};
    wn_rc rc = wn_home_server_port(dir, &port, &why);
    if (rc) {
        report(d, WARNING, "server",
               WN_STR("another winnow command is working in the data directory"),
               "Run doctor again when it has finished.");
        return;
    }
    rc = wn_remote_get(port, "/health", &d->a, &reply, &why);
    if (rc)
        report(d, PROBLEM, "server",
               wn_arena_printf(&d->a,
                               "a server holds the data directory, but does not answer on port %u",
                               (unsigned)port),
               "End that process and start it again; its log says what went wrong.");
    else
        report(d, reply.status == 200 ? FINE : PROBLEM, "server",
               wn_arena_printf(&d->a, "http://127.0.0.1:%u says: %.*s", (unsigned)port,
                               WN_STR_ARG(wn_str_trim(reply.body))),
               reply.status == 200 ? NULL : "The check that is not ok names the store to look at.");
}

static void examine(struct doctor *d, const char *dir)
{
    struct wn_home home = {.lock = {-1}};
    struct wn_str note = {0};
    struct wn_why why = {0};
    check_program(d);
    if (!check_directory(d, dir))
        return;
    if (!wn_home_exists(dir)) {
        report(d, FINE, "stores", WN_STR("none yet; serve and import make them"), NULL);
        return;
    }
    wn_rc rc = wn_home_open(dir, &d->a, &home, &note, &why);
    if (rc == WN_BUSY)
        check_server(d, dir);
    else if (rc)
        report(d, PROBLEM, "stores", wn_arena_printf(&d->a, "%s", why.text),
               rc == WN_NEWER ? "Use the newer winnow that wrote this directory."
                              : "Keep a copy of the data directory before anything else.");
    else
        check_stores(d, &home, note);
    wn_home_close(&home);
}

static void print_text(const struct doctor *d)
{
    static const char *const marks[] = {"ok     ", "warning", "PROBLEM"};
    for (size_t i = 0; i < d->n_checks; i++) {
        const struct check *c = &d->checks[i];
        printf("%s  %-11s  %.*s\n", marks[c->verdict], c->name, WN_STR_ARG(c->text));
        if (c->advice.n)
            printf("                      -> %.*s\n", WN_STR_ARG(c->advice));
    }
}

static void print_json(const struct doctor *d)
{
    static const char *const names[] = {"ok", "warning", "problem"};
    struct wn_buf out;
    struct wn_json_writer w;
    wn_buf_init(&out, 1 << 20);
    wn_json_write_init(&w, &out, 2);
    wn_json_begin_object(&w);
    wn_json_key(&w, "checks");
    wn_json_begin_array(&w);
    for (size_t i = 0; i < d->n_checks; i++) {
        const struct check *c = &d->checks[i];
        wn_json_begin_object(&w);
        wn_json_key(&w, "name");
        wn_json_text_z(&w, c->name);
        wn_json_key(&w, "verdict");
        wn_json_text_z(&w, names[c->verdict]);
        wn_json_key(&w, "text");
        wn_json_text(&w, c->text);
        if (c->advice.n) {
            wn_json_key(&w, "advice");
            wn_json_text(&w, c->advice);
        }
        wn_json_end(&w);
    }
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    wn_buf_deinit(&out);
}

int wn_cmd_doctor(const struct wn_args *args)
{
    char dir[WN_PATH_MAX];
    struct doctor d = {.n_checks = 0};
    struct wn_why why = {0};
    wn_rc rc = wn_data_dir(args, dir, &why);
    if (rc)
        return wn_complain(rc, &why);
    wn_arena_init(&d.a, 0);
    examine(&d, dir);
    if (wn_args_flag(args, "json"))
        print_json(&d);
    else
        print_text(&d);
    int status = 0;
    for (size_t i = 0; i < d.n_checks; i++)
        if (d.checks[i].verdict != FINE)
            status = 1;
    wn_arena_deinit(&d.a);
    return status;
}
