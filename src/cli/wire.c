#include "cli/wire.h"

#include "core/json.h"
#include "io/clock.h"
#include "io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

wn_rc wn_data_dir(const struct wn_args *args, char *out, struct wn_why *why)
{
    const char *given = wn_args_z(args, "data");
    const char *home = getenv("HOME");
    if (!given || !given[0])
        given = getenv("WINNOW_DATA");
    int n;
    if (given && given[0])
        n = snprintf(out, WN_PATH_MAX, "%s", given);
    else if (home && home[0])
        n = snprintf(out, WN_PATH_MAX, "%s/.local/share/winnow", home);
    else
        n = snprintf(out, WN_PATH_MAX, "winnow-data");
    /* Names of files are added behind it. */
    if (n < 0 || n >= WN_PATH_MAX - 64)
        return wn_fail(why, WN_INVALID, "data", "the path of the data directory is too long");
    return WN_OK;
}

static wn_rc join(char *out, size_t size, const char *prefix, const char *dir, const char *name,
                  struct wn_why *why)
{
    int n = snprintf(out, size, "%s%s%s%s", prefix, dir, name[0] ? "/" : "", name);
    if (n < 0 || (size_t)n >= size)
        return wn_fail(why, WN_INVALID, "data", "the path of the data directory is too long");
    return WN_OK;
}

wn_rc wn_home_open(const char *dir, struct wn_arena *a, struct wn_home *out, struct wn_str *note,
                   struct wn_why *why)
{
    struct wn_home home = {.lock = {-1}};
    char path[WN_PATH_MAX + 64];
    wn_rc rc = join(home.dir, sizeof home.dir, "", dir, "", why);
    if (!rc)
        rc = wn_dir_make(dir, why);
    if (!rc)
        rc = join(path, sizeof path, "", dir, "winnow.lock", why);
    if (!rc)
        rc = wn_lock_take(path, &home.lock, why);
    if (!rc)
        rc = join(path, sizeof path, "sqlite:", dir, "catalog.sqlite", why);
    if (!rc)
        rc = wn_catalog_open(wn_str_of(path), &home.catalog, why);
    if (!rc)
        rc = join(path, sizeof path, "duckdb:", dir, "", why);
    if (!rc)
        rc = wn_facts_open(wn_str_of(path), NULL, a, note, &home.facts, why);
    if (rc) {
        wn_home_close(&home);
        return rc;
    }
    *out = home;
    return WN_OK;
}

void wn_home_close(struct wn_home *home)
{
    if (home->facts || home->catalog || home->lock.fd > 0) {
        wn_facts_close(home->facts);
        wn_catalog_close(home->catalog);
        wn_lock_drop(&home->lock);
    }
    *home = (struct wn_home){.lock = {-1}};
}

#define SERVER_FILE "server.json"

wn_rc wn_home_announce(const struct wn_home *home, uint16_t port, struct wn_why *why)
{
    char path[WN_PATH_MAX + 64], text[128];
    wn_rc rc = join(path, sizeof path, "", home->dir, SERVER_FILE, why);
    if (rc)
        return rc;
    int n = snprintf(text, sizeof text, "{\"pid\":%d,\"port\":%u,\"version\":\"%s\"}\n",
                     (int)getpid(), (unsigned)port, WN_VERSION);
    return wn_file_write(path, (struct wn_str){text, (size_t)n}, why);
}

void wn_home_retract(const struct wn_home *home)
{
    char path[WN_PATH_MAX + 64];
    wn_rc rc = join(path, sizeof path, "", home->dir, SERVER_FILE, NULL);
    if (!rc)
        rc = wn_file_remove(path, NULL);
    (void)rc; /* a left-over file names a port where nobody answers: readers cope */
}

wn_rc wn_home_server_port(const char *dir, uint16_t *out, struct wn_why *why)
{
    char path[WN_PATH_MAX + 64];
    struct wn_arena a;
    struct wn_str text;
    struct wn_json *json;
    int64_t port = 0;
    wn_arena_init(&a, 1 << 20);
    wn_rc rc = join(path, sizeof path, "", dir, SERVER_FILE, why);
    if (!rc)
        rc = wn_file_read(path, 4096, &a, &text, NULL);
    if (!rc)
        rc = wn_json_parse(&a, text, &json, NULL);
    if (!rc)
        rc = wn_json_get_i64(json, "port", &port, NULL);
    wn_arena_deinit(&a);
    if (rc || port < 1 || port > 65535)
        return wn_fail(why, WN_NOT_FOUND, "data",
                       "another winnow command is working in %s; try again when it has finished",
                       dir);
    *out = (uint16_t)port;
    return WN_OK;
}

struct wn_app wn_home_app(const struct wn_home *home)
{
    return (struct wn_app){
        .facts = home->facts,
        .catalog = home->catalog,
        .version = WN_VERSION,
        .data_dir = home->dir,
        .started_at_ms = wn_clock_now_ms(),
        .load_sample = wn_sample_load,
    };
}

bool wn_home_exists(const char *dir)
{
    char path[WN_PATH_MAX + 64];
    static const char *const marks[] = {"winnow.lock", "catalog.sqlite"};
    for (size_t i = 0; i < WN_COUNT(marks); i++)
        if (join(path, sizeof path, "", dir, marks[i], NULL) == WN_OK && wn_file_exists(path))
            return true;
    return false;
}

wn_rc wn_reach_open(const char *dir, struct wn_reach *out, struct wn_why *why)
{
    *out = (struct wn_reach){.home = {.lock = {-1}}};
    if (!wn_home_exists(dir))
        return wn_fail(why, WN_NOT_FOUND, "data",
                       "there is no data directory of winnow at %s yet: start with winnow import "
                       "FILE or winnow serve --sample, or name another one with --data",
                       dir);
    struct wn_arena a;
    struct wn_str note;
    struct wn_why first = {0};
    wn_arena_init(&a, 0);
    wn_rc rc = wn_home_open(dir, &a, &out->home, &note, &first);
    wn_arena_deinit(&a);
    if (rc == WN_BUSY)
        return wn_home_server_port(dir, &out->port, why);
    if (rc) {
        if (why)
            *why = first;
        return rc;
    }
    out->app = wn_home_app(&out->home);
    struct wn_server_options options = {.address = "127.0.0.1", .n_loops = 1, .n_workers = 2};
    rc = wn_log_open(NULL, WN_LOG_WARN, why); /* nobody asked for the log of a moment's server */
    if (!rc)
        rc = wn_server_start(&out->app, &options, &out->server, why);
    if (rc) {
        wn_home_close(&out->home);
        return rc;
    }
    out->port = wn_server_port(out->server);
    return WN_OK;
}

void wn_reach_close(struct wn_reach *reach)
{
    wn_server_stop(reach->server);
    wn_home_close(&reach->home);
}

int wn_complain(wn_rc rc, const struct wn_why *why)
{
    fprintf(stderr, "winnow: %s\n", why->text[0] ? why->text : wn_rc_text(rc));
    if (why->line && why->column)
        fprintf(stderr, "        (line %llu, column %u)\n", (unsigned long long)why->line,
                why->column);
    else if (why->line)
        fprintf(stderr, "        (line %llu)\n", (unsigned long long)why->line);
    return 1;
}
