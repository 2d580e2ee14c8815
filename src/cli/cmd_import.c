/* winnow import: each file into the stores, or through the server that holds them. */
#include "cli/commands.h"
#include "cli/remote.h"
#include "cli/terminal.h"
#include "cli/wire.h"

#include "collect/import.h"
#include "io/clock.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

const struct wn_option wn_import_options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = WN_OPTION_ENUM,
     .value_name = "NAME",
     .fallback = "auto",
     .values = "auto|meta|google_ads|tiktok|linkedin|kaggle_social|kaggle_kag|generic",
     .help = "Which platform's export it is; auto finds out by the columns."},
    {.name = "map",
     .letter = 'm',
     .kind = WN_OPTION_TEXT,
     .value_name = "COL=FIELD,...",
     .help = "What columns mean, by header or #number; overrides what was found. Fields: date, "
             "campaign, spend, revenue ...; --dry-run shows the mapping."},
    {.name = "account",
     .letter = 'a',
     .kind = WN_OPTION_TEXT,
     .value_name = "NAME",
     .help = "The account the rows belong to; without: the file's own, else the file's name."},
    {.name = "currency",
     .kind = WN_OPTION_TEXT,
     .value_name = "USD",
     .help = "The currency of the amounts; without: as the file says, else the workspace's."},
    {.name = "day",
     .kind = WN_OPTION_DAY,
     .value_name = "DATE",
     .help = "The day of all rows, for files that carry no date."},
    {.name = "dry-run",
     .letter = 'n',
     .kind = WN_OPTION_FLAG,
     .help = "Read everything and say what would happen; store nothing."},
    {.name = "json",
     .kind = WN_OPTION_FLAG,
     .help = "Print the summary as JSON, one object per file and line."},
    WN_OPTION_DATA,
    {0},
};

/* Set by Ctrl-C: the import that runs ends without leaving anything half done. */
static atomic_bool interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted, true);
}

struct job {
    const struct wn_args *args;
    struct wn_arena *a;
    struct wn_progress progress;
    uint16_t port; /* of the server that holds the directory; 0: the stores are ours */
    struct wn_home *home;
    bool json;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool on_progress(void *context, uint64_t done, uint64_t total, uint64_t n_rows)
{
    struct job *job = context;
    wn_progress_draw(&job->progress, done, total, n_rows);
    return !atomic_load(&interrupted);
}

static wn_rc read_source(void *context, uint64_t offset, char *p, size_t size, size_t *n_read,
                         struct wn_why *why)
{
    return wn_reader_read(context, offset, p, size, n_read, why);
}

static struct wn_import_options options_of(const struct job *job, const char *path)
{
    return (struct wn_import_options){
        .format = wn_args_text(job->args, "format"),
        .map = wn_args_text(job->args, "map"),
        .account = wn_args_text(job->args, "account"),
        .currency = wn_args_text(job->args, "currency"),
        .day = wn_args_text(job->args, "day"),
        .file_name = wn_str_of(base_name(path)),
        .dry_run = wn_args_flag(job->args, "dry-run"),
    };
}

/* Through our own stores. *summary is the summary as JSON text, in the job's arena. */
static wn_rc import_here(struct job *job, const char *path, struct wn_str *summary,
                         struct wn_why *why)
{
    struct wn_reader reader;
    struct wn_import_summary result = {0};
    struct wn_import_options options = options_of(job, path);
    wn_rc rc = wn_reader_open(path, &reader, why);
    if (rc)
        return rc;
    struct wn_import_source source = {read_source, &reader, reader.size_bytes};
    struct wn_import_stores stores = {
        .facts = job->home->facts,
        .catalog = job->home->catalog,
        .tenant_id = WN_TENANT_DEFAULT,
        .now_ms = wn_clock_now_ms(),
    };
    rc = wn_import_run(&stores, &source, &options, on_progress, job, job->a, &result, why);
    wn_reader_close(&reader);
    if (rc)
        return rc;
    struct wn_buf text;
    struct wn_json_writer w;
    wn_buf_init(&text, 64 << 20);
    wn_json_write_init(&w, &text, 0);
    wn_import_summary_json(&w, &result);
    rc = wn_buf_check(&text, why);
    if (!rc) {
        *summary = wn_arena_dup(job->a, wn_buf_str(&text));
        if (!summary->p)
            rc = wn_fail(why, WN_MEMORY, NULL, "memory has run out");
    }
    wn_buf_deinit(&text);
    return rc;
}

static wn_rc import_there(struct job *job, const char *path, struct wn_str *summary,
                          struct wn_why *why)
{
    struct wn_import_options o = options_of(job, path);
    struct wn_remote_field fields[] = {
        {"mode", o.dry_run ? WN_STR("dry_run") : WN_STR("import")},
        {"format", o.format},
        {"map", o.map},
        {"account", o.account},
        {"currency", o.currency},
        {"day", o.day},
    };
    return wn_remote_import(job->port, path, fields, WN_COUNT(fields), on_progress, job, job->a,
                            summary, why);
}

static void print_failure(const struct job *job, const char *path, wn_rc rc,
                          const struct wn_why *why)
{
    if (!job->json) {
        fflush(stdout); /* what was said before stands before */
        fprintf(stderr, "winnow: %s: %s\n", path, why->text[0] ? why->text : wn_rc_text(rc));
        if (why->line)
            fprintf(stderr, "        (line %llu%s%s)\n", (unsigned long long)why->line,
                    why->field[0] ? ", " : "", why->field);
        return;
    }
    struct wn_buf out;
    struct wn_json_writer w;
    wn_buf_init(&out, 1 << 16);
    wn_json_write_init(&w, &out, 0);
    wn_json_begin_object(&w);
    wn_json_key(&w, "file_name");
    wn_json_text_z(&w, base_name(path));
    wn_json_key(&w, "state");
    wn_json_text_z(&w, "failed");
    wn_json_key(&w, "problem");
    wn_json_begin_object(&w);
    wn_json_key(&w, "title");
    wn_json_text_z(&w, wn_rc_text(rc));
    wn_json_key(&w, "detail");
    wn_json_text_z(&w, why->text);
    wn_json_key(&w, "field");
    wn_json_text_z(&w, why->field);
    wn_json_key(&w, "line");
    wn_json_i64(&w, (int64_t)why->line);
    wn_json_end(&w);
    wn_json_end(&w);
    wn_buf_append_char(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    wn_buf_deinit(&out);
}

static wn_rc print_summary(const struct job *job, struct wn_str summary, struct wn_why *why)
{
    if (job->json) {
        fwrite(summary.p, 1, summary.n, stdout);
        fputc('\n', stdout);
        return WN_OK;
    }
    struct wn_json *json;
    struct wn_buf out;
    wn_rc rc = wn_json_parse(job->a, summary, &json, why);
    if (rc)
        return rc;
    wn_buf_init(&out, 1 << 20);
    wn_print_import_summary(&out, json);
    fwrite(out.p, 1, out.n, stdout);
    wn_buf_deinit(&out);
    return WN_OK;
}

static bool import_one(struct job *job, const char *path)
{
    struct wn_why why = {0};
    struct wn_str summary = {0};
    wn_arena_reset(job->a);
    wn_progress_init(&job->progress, base_name(path));
    wn_rc rc = job->port ? import_there(job, path, &summary, &why)
                         : import_here(job, path, &summary, &why);
    wn_progress_clear(&job->progress);
    if (!rc)
        rc = print_summary(job, summary, &why);
    if (rc)
        print_failure(job, path, rc, &why);
    return rc == WN_OK;
}

int wn_cmd_import(const struct wn_args *args)
{
    char dir[WN_PATH_MAX];
    struct wn_why why = {0}, open_why = {0};
    struct wn_home home = {.lock = {-1}};
    struct wn_arena a;
    struct wn_str note;
    struct job job = {.args = args, .a = &a, .home = &home, .json = wn_args_flag(args, "json")};
    wn_rc rc = wn_data_dir(args, dir, &why);
    if (rc)
        return wn_complain(rc, &why);
    wn_arena_init(&a, 0);
    rc = wn_home_open(dir, &a, &home, &note, &open_why);
    if (rc == WN_BUSY)
        rc = wn_home_server_port(dir, &job.port, &why);
    else
        why = open_why;
    if (rc) {
        wn_arena_deinit(&a);
        return wn_complain(rc, &why);
    }
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
    bool all_in = true;
    for (size_t i = 0; i < args->n_operands && !atomic_load(&interrupted); i++)
        all_in &= import_one(&job, args->operands[i]);
    wn_home_close(&home);
    wn_arena_deinit(&a);
    return all_in && !atomic_load(&interrupted) ? 0 : 1;
}
