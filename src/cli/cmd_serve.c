/* winnow serve: opens everything, announces itself, waits for the signal to end. */
#include "cli/commands.h"
#include "cli/wire.h"

#include "io/clock.h"
#include "io/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

const struct wn_option wn_serve_options[] = {
    WN_OPTION_DATA,
    {.name = "port",
     .letter = 'p',
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "8420",
     .min = 0,
     .max = 65535,
     .help = "The port on the loopback interface; 0 takes any free one."},
    {.name = "sample",
     .kind = WN_OPTION_FLAG,
     .help = "Fill the workspace with the sample (90 days of a simulated market) if it is empty."},
    {.name = "threads",
     .kind = WN_OPTION_INT,
     .value_name = "N",
     .fallback = "1",
     .min = 1,
     .max = 64,
     .help = "Threads that talk to the network; queries have threads of their own."},
    {.name = "log",
     .kind = WN_OPTION_TEXT,
     .value_name = "FILE",
     .help = "Where the log goes; standard error without it."},
    {.name = "log-level",
     .kind = WN_OPTION_ENUM,
     .value_name = "LEVEL",
     .fallback = "info",
     .values = "debug|info|warn|error",
     .help = "What is worth a line."},
    {0},
};

static wn_log_level level_of(struct wn_str name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < WN_COUNT(names); i++)
        if (wn_str_eq(name, wn_str_of(names[i])))
            return (wn_log_level)i;
    return WN_LOG_INFO;
}

/* Every connection is a file: take what the hard limit gives. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static wn_rc fill_sample(struct wn_app *app, struct wn_why *why)
{
    fprintf(stderr, "winnow: filling the workspace with the sample ...");
    int64_t started_ns = wn_clock_monotonic_ns();
    struct wn_why own = {0};
    wn_rc rc = wn_sample_load(app, &own);
    if (rc == WN_CONFLICT) {
        fprintf(stderr, " it has data already, left as it is\n");
        return WN_OK;
    }
    if (rc) {
        fprintf(stderr, " failed\n");
        if (why)
            *why = own;
        return rc;
    }
    fprintf(stderr, " done in %.1f s\n", (double)(wn_clock_monotonic_ns() - started_ns) / 1e9);
    return WN_OK;
}

/* Blocks until SIGINT or SIGTERM; SIGHUP reopens the log. */
static void wait_for_end(const sigset_t *signals, const char *log_path, wn_log_level level)
{
    for (;;) {
        int signal_number = 0;
        if (sigwait(signals, &signal_number) != 0)
            continue;
        if (signal_number != SIGHUP)
            return;
        struct wn_why why = {0};
        if (wn_log_open(log_path, level, &why))
            wn_log(WN_LOG_ERROR, "log_reopen_failed", WN_LOG_TEXT("detail", wn_str_of(why.text)));
    }
}

static int already_running(const char *dir, wn_rc rc, struct wn_why *why)
{
    uint16_t port = 0;
    if (rc != WN_BUSY || wn_home_server_port(dir, &port, NULL))
        return wn_complain(rc, why);
    fprintf(stderr,
            "winnow: a server holds %s already: http://127.0.0.1:%u\n"
            "        End it first, or give another directory with --data.\n",
            dir, (unsigned)port);
    return 1;
}

static wn_rc serve(struct wn_home *home, const struct wn_args *args, const sigset_t *signals,
                   struct wn_why *why)
{
    struct wn_app app = wn_home_app(home);
    struct wn_server *server = NULL;
    const char *log_path = wn_args_z(args, "log");
    wn_log_level level = level_of(wn_args_text(args, "log-level"));
    struct wn_server_options options = {
        .address = "127.0.0.1",
        .port = (uint16_t)wn_args_int(args, "port"),
        .n_loops = (int)wn_args_int(args, "threads"),
    };
    wn_rc rc = WN_OK;
    if (wn_args_flag(args, "sample"))
        rc = fill_sample(&app, why);
    if (!rc)
        rc = wn_server_start(&app, &options, &server, why);
    if (!rc)
        rc = wn_home_announce(home, wn_server_port(server), why);
    if (!rc) {
        printf("winnow: listening on http://127.0.0.1:%u\n", (unsigned)wn_server_port(server));
        fflush(stdout);
        wn_log(WN_LOG_INFO, "started", WN_LOG_INT("port", wn_server_port(server)),
               WN_LOG_TEXT("version", WN_STR(WN_VERSION)));
        wait_for_end(signals, log_path, level);
        fprintf(stderr, "winnow: ending ...\n");
    }
    wn_home_retract(home);
    wn_server_stop(server);
    if (!rc)
        wn_log(WN_LOG_INFO, "stopped", WN_LOG_TEXT("version", WN_STR(WN_VERSION)));
    return rc;
}

int wn_cmd_serve(const struct wn_args *args)
{
    char dir[WN_PATH_MAX];
    struct wn_why why = {0};
    struct wn_home home = {.lock = {-1}};
    struct wn_arena a;
    struct wn_str note = {0};
    sigset_t signals;

    /* Blocked before any thread starts, so that only sigwait sees them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    raise_file_limit();

    wn_rc rc = wn_data_dir(args, dir, &why);
    if (!rc)
        rc = wn_log_open(wn_args_z(args, "log"), level_of(wn_args_text(args, "log-level")), &why);
    if (rc)
        return wn_complain(rc, &why);
    wn_arena_init(&a, 0);
    rc = wn_home_open(dir, &a, &home, &note, &why);
    if (rc) {
        wn_arena_deinit(&a);
        return already_running(dir, rc, &why);
    }
    if (note.n)
        wn_log(WN_LOG_WARN, "store_repaired", WN_LOG_TEXT("detail", note));
    rc = serve(&home, args, &signals, &why);
    wn_home_close(&home);
    wn_arena_deinit(&a);
    return rc ? wn_complain(rc, &why) : 0;
}
