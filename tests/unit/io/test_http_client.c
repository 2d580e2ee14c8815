/* Protects the command line's way to a running server: answers, uploads with progress, downloads
 * into files, and a clear error when nobody is there. */
#include "io/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct wn_http *server;
static struct wn_http_client *client;
static struct wn_buf reply;
static char dir[] = "/tmp/winnow-test-XXXXXX";
static char download[1 << 20];

static bool plan(void *context, struct wn_http_request *r, struct wn_http_plan *out,
                 struct wn_http_response *response)
{
    (void)context;
    bool is_upload = wn_str_eq(r->path, WN_STR("/upload"));
    bool is_refused = wn_str_eq(r->path, WN_STR("/refused"));
    *out = (struct wn_http_plan){.body = is_upload ? WN_BODY_UPLOAD : WN_BODY_MEMORY,
                                 .body_bytes_max = is_upload ? 64 << 20 : 1000,
                                 .on_worker = is_upload};
    if (is_refused) {
        response->status = 403;
        response->body = WN_STR("refused");
    }
    return !is_refused;
}

static void handle(void *context, void *route, struct wn_http_request *r,
                   struct wn_http_response *response)
{
    (void)context;
    (void)route;
    if (wn_str_eq(r->path, WN_STR("/download"))) {
        response->body = (struct wn_str){download, sizeof download};
        response->body_is_static = true;
    } else if (wn_str_eq(r->path, WN_STR("/missing"))) {
        response->status = 404;
        response->body = WN_STR("nothing here");
    } else if (wn_str_eq(r->path, WN_STR("/upload"))) {
        response->body = wn_arena_printf(
            &r->arena, "%.*s=%.*s file=%.*s n=%llu",
            WN_STR_ARG(r->n_form ? r->form[0].name : WN_STR("")),
            WN_STR_ARG(r->n_form ? r->form[0].value : WN_STR("")), WN_STR_ARG(r->file_name),
            (unsigned long long)(r->file.fd >= 0 ? r->file.size_bytes : 0));
    } else {
        response->body = wn_arena_printf(
            &r->arena, "%s %.*s [%.*s] %.*s", wn_http_method_name(r->method), WN_STR_ARG(r->target),
            WN_STR_ARG(wn_http_header(r, "Content-Type")), WN_STR_ARG(r->body));
    }
}

static int set_up(void **state)
{
    struct wn_http_options options = {
        .spool_dir = "/tmp", .n_workers = 1, .handlers = {.plan = plan, .handle = handle}};
    char url[64];
    (void)state;
    for (size_t i = 0; i < sizeof download; i++)
        download[i] = (char)(i * 31 + i / 977);
    if (!mkdtemp(dir) || wn_http_start(&options, &server, NULL))
        return -1;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", wn_http_port(server));
    wn_buf_init(&reply, 4096);
    return wn_http_client_open(url, 0, &client, NULL) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    wn_http_client_close(client);
    wn_http_stop(server);
    wn_buf_deinit(&reply);
    return rmdir(dir); /* fails when a test left a file */
}

static void expect_reply(const char *expected)
{
    if (!wn_str_eq(wn_buf_str(&reply), wn_str_of(expected)))
        fail_msg("got %.*s, expected %s", WN_STR_ARG(wn_buf_str(&reply)), expected);
}

static wn_rc call(wn_http_method method, const char *target, const char *type, const char *body,
                  int *status)
{
    struct wn_why why = {0};
    wn_rc rc =
        wn_http_client_call(client, method, target, type, wn_str_of(body), status, &reply, &why);
    assert_true((rc != WN_OK) == (why.text[0] != 0));
    return rc;
}

static void calls_bring_status_and_body(void **state)
{
    int status = 0;
    (void)state;
    assert_int_equal(call(WN_GET, "/a?b=c", NULL, NULL, &status), WN_OK);
    assert_int_equal(status, 200);
    expect_reply("GET /a?b=c [] ");
    assert_int_equal(call(WN_POST, "/x", "application/json", "{\"a\":1}", &status), WN_OK);
    expect_reply("POST /x [application/json] {\"a\":1}");
    assert_int_equal(call(WN_DELETE, "/x", NULL, NULL, &status), WN_OK);
    expect_reply("DELETE /x [] ");
    assert_int_equal(call(WN_HEAD, "/x", NULL, NULL, &status), WN_OK);
    expect_reply("");
    assert_int_equal(call(WN_GET, "/missing", NULL, NULL, &status), WN_OK);
    assert_int_equal(status, 404);
    expect_reply("nothing here");
}

static void connections_are_kept(void **state)
{
    struct wn_http_stats stats;
    int status = 0;
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_int_equal(call(WN_GET, "/a", NULL, NULL, &status), WN_OK);
    wn_http_get_stats(server, &stats);
    assert_int_equal(stats.n_connections, 1);
}

static void an_answer_over_the_maximum_is_an_error(void **state)
{
    int status = 0;
    (void)state;
    assert_int_equal(call(WN_GET, "/download", NULL, NULL, &status), WN_LIMIT);
    assert_int_equal(status, 0); /* untouched on failure */
}

static void nobody_there_is_said(void **state)
{
    struct wn_http_client *lonely = NULL;
    struct wn_why why = {0};
    int status = 0;
    (void)state;
    assert_int_equal(wn_http_client_open("127.0.0.1:1", 0, &lonely, &why), WN_INVALID);
    why = (struct wn_why){0};
    assert_int_equal(wn_http_client_open("http://127.0.0.1:1", 1000, &lonely, &why), WN_OK);
    assert_int_equal(
        wn_http_client_call(lonely, WN_GET, "/", NULL, (struct wn_str){0}, &status, &reply, &why),
        WN_IO);
    assert_non_null(strstr(why.text, "no server answers at http://127.0.0.1:1"));
    wn_http_client_close(lonely);
    wn_http_client_close(NULL);
}

struct watched {
    uint64_t n_sent, n_total;
    bool cancel;
};

static bool on_progress(void *context, uint64_t n_sent, uint64_t n_total)
{
    struct watched *w = context;
    assert_true(n_sent >= w->n_sent && n_sent <= n_total);
    *w = (struct watched){n_sent, n_total, w->cancel};
    return !w->cancel;
}

static void write_file(const char *path, size_t n_blocks)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (size_t i = 0; i < n_blocks; i++)
        assert_int_equal(fwrite(download, 1, sizeof download, f), sizeof download);
    fclose(f);
}

static void uploads_bring_file_fields_and_progress(void **state)
{
    struct wn_http_param field = {WN_STR("account"), WN_STR("Shop \xC3\xA9")};
    struct watched watched = {0};
    char path[64];
    int status = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/big file.csv", dir);
    write_file(path, 8);
    struct wn_http_upload upload = {.path = path,
                                    .fields = &field,
                                    .n_fields = 1,
                                    .progress = on_progress,
                                    .progress_context = &watched};
    assert_int_equal(wn_http_client_upload(client, "/upload", &upload, &status, &reply, NULL),
                     WN_OK);
    assert_int_equal(status, 200);
    expect_reply("account=Shop \xC3\xA9 file=big file.csv n=8388608");
    assert_true(watched.n_total > 8388608 && watched.n_sent == watched.n_total);
    upload.file_name = "other.csv";
    upload.n_fields = 0;
    upload.progress = NULL;
    assert_int_equal(wn_http_client_upload(client, "/upload", &upload, &status, &reply, NULL),
                     WN_OK);
    expect_reply("= file=other.csv n=8388608");
    watched = (struct watched){.cancel = true};
    upload.progress = on_progress;
    assert_int_equal(wn_http_client_upload(client, "/upload", &upload, &status, &reply, NULL),
                     WN_CANCELLED);
    upload.progress = NULL;
    assert_int_equal(wn_http_client_upload(client, "/refused", &upload, &status, &reply, NULL),
                     WN_OK);
    assert_int_equal(status, 403);
    unlink(path);
    struct wn_why why = {0};
    assert_int_equal(wn_http_client_upload(client, "/upload", &upload, &status, &reply, &why),
                     WN_NOT_FOUND);
    assert_string_equal(why.field, "file");
}

static void downloads_appear_whole_or_not_at_all(void **state)
{
    static char got[sizeof download + 1];
    char path[64];
    int status = 0;
    struct wn_why why = {0};
    (void)state;
    snprintf(path, sizeof path, "%s/file", dir);
    assert_int_equal(wn_http_client_save(client, "/missing", path, &status, &reply, NULL), WN_OK);
    assert_int_equal(status, 404);
    expect_reply("nothing here");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(wn_http_client_save(client, "/download", path, &status, &reply, NULL), WN_OK);
    assert_int_equal(status, 200);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(got, 1, sizeof got, f), sizeof download);
    fclose(f);
    assert_memory_equal(got, download, sizeof download);
    unlink(path);
    assert_int_equal(
        wn_http_client_save(client, "/download", "/nonexistent/file", &status, &reply, &why),
        WN_DISK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_bring_status_and_body),
        cmocka_unit_test(connections_are_kept),
        cmocka_unit_test(an_answer_over_the_maximum_is_an_error),
        cmocka_unit_test(nobody_there_is_said),
        cmocka_unit_test(uploads_bring_file_fields_and_progress),
        cmocka_unit_test(downloads_appear_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
