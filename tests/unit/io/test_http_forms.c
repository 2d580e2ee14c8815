/* Protects uploads: forms are read as they come, limited, spooled to disk, and never fill memory. */
#include "http_app.h"

#define PART_FILE "Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n"
#define PART_TEXT "Content-Disposition: form-data; name=\"t\"\r\n\r\n"

static void expect_form(const char *path, const char *boundary, const char *body, size_t n_body,
                        int status, const char *expected)
{
    char head[512];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\n" HOST
             "Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %zu\r\n\r\n",
             path, boundary, n_body);
    int fd = dial();
    put_z(fd, head);
    put(fd, body, n_body);
    struct reply r = read_reply(fd, true);
    if (r.status != status || (expected && !strstr(r.body, expected)))
        fail_msg("got %d %s, expected %d %s for %.80s", r.status, r.body ? r.body : "", status,
                 expected ? expected : "", body);
    reply_free(&r);
    close(fd);
}

static void form(const char *body, int status, const char *expected)
{
    expect_form("/upload", "b", body, strlen(body), status, expected);
    expect_form("/small-upload", "b", body, strlen(body), status, expected);
}

static void forms_are_read(void **state)
{
    (void)state;
    form("--b\r\n" PART_TEXT "v\r\n--b\r\n" PART_FILE "12\r\n3\r\n--b--\r\n", 200,
         "t=v;file=a.csv;n=5;");
    form("--b\r\n" PART_FILE "\r\n--b--\r\n", 200, "file=a.csv;n=0;");
    form("--b\r\n" PART_TEXT "v\r\n--b--", 200, "t=v;file=;n=0;");
    form("preamble\r\n--b\r\n" PART_TEXT "v\r\n--b--\r\nepilogue\r\n--b\r\nanything", 200, "t=v;");
    form("--b--\r\n", 200, "file=;n=0");
    form("--b\r\n" PART_TEXT "v\r\n", 400, "closing boundary");
    form("garbage without any boundary", 400, "closing boundary");
    form("", 400, "closing boundary");
    form("--b\r\nContent-Disposition: form-data\r\n\r\nv\r\n--b--\r\n", 400, "no name");
    form("--b\r\n" PART_FILE "1\r\n--b\r\n" PART_FILE "2\r\n--b--\r\n", 400, "more than one file");
    form("--b\r\n" PART_TEXT "\xff\r\n--b--\r\n", 400, "UTF-8");
    form("--b\r\nContent-Disposition: form-data; name=f; filename=\"C:\\\\dir\\\\../x.csv\"\r\n\r\n"
         "\r\n--b--\r\n",
         200, "file=x.csv;");
}

static void forms_are_limited(void **state)
{
    (void)state;
    size_t n = 0;
    for (int i = 0; i < 2000; i++)
        n = add(n, "--b\r\n" PART_TEXT "v\r\n");
    n = add(n, "--b--\r\n");
    expect_form("/upload", "b", big, n, 413, "more than 100 parts");
    n = add(0, "--b\r\nX: ");
    n = add_fill(n, 'h', 9000);
    n = add(n, "\r\n" PART_TEXT "v\r\n--b--\r\n");
    expect_form("/upload", "b", big, n, 413, "head of a part");
    n = add(0, "--b\r\n" PART_FILE);
    n = add_fill(n, 'f', 1000);
    size_t n_at_limit = add(n, "\r\n--b--\r\n");
    expect_form("/small-upload", "b", big, n_at_limit, 200, "n=1000;");
    n = add_fill(n, 'f', 1);
    n = add(n, "\r\n--b--\r\n");
    expect_form("/small-upload", "b", big, n, 413, "larger than 1000 bytes");
    expect("POST /upload HTTP/1.1\r\n" HOST "Content-Type: text/csv\r\nContent-Length: 1\r\n\r\n",
           415);
    expect("POST /upload HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n", 415);
    expect("POST /upload HTTP/1.1\r\n" HOST
           "Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\n",
           400);
    expect("POST /upload HTTP/1.1\r\n" HOST "Content-Type: multipart/form-data; "
           "boundary=b\r\nContent-Length: 300000000\r\n\r\n",
           413);
}

static void a_spool_that_cannot_be_made_is_said(void **state)
{
    (void)state;
    struct wn_http_options options = default_options();
    options.spool_dir = "/nonexistent/directory";
    restart(&options);
    const char *body = "--b\r\n" PART_FILE "1\r\n--b--\r\n";
    expect_form("/upload", "b", body, strlen(body), 404, "cannot make a temporary file");
}

static void a_full_disk_is_said(void **state)
{
    enum { SIZE = 1800 * 1024 };
    struct rlimit unlimited, limit;
    (void)state;
    static char body[SIZE + 512];
    const char *head = "--b\r\n" PART_FILE, *tail = "\r\n--b--\r\n";
    memset(body, 'd', sizeof body);
    memcpy(body, head, strlen(head));
    memcpy(body + SIZE, tail, strlen(tail));
    /* A limit on file sizes fails the write of the spool as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &unlimited);
    limit = unlimited;
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_FSIZE, &limit);
    expect_form("/upload", "b", body, SIZE + strlen(tail), 507, "cannot write");
    setrlimit(RLIMIT_FSIZE, &unlimited);
    expect_form("/upload", "b", body, SIZE + strlen(tail), 200, "file=a.csv;");
}

static void uploads_do_not_fill_memory(void **state)
{
    (void)state;
    enum { BLOCK = 1 << 20, N_BLOCKS = 96 };
    struct rusage before, after;
    uint64_t sum = 0;
    for (size_t k = 0; k < N_BLOCKS; k++)
        for (size_t i = 0; i < BLOCK; i++)
            sum = sum * 31 + (unsigned char)static_body[i];
    const char *head = "--b\r\n" PART_FILE, *tail = "\r\n--b\r\n" PART_TEXT "after\r\n--b--\r\n";
    char text[256], expected[64];
    snprintf(text, sizeof text,
             "POST /upload HTTP/1.1\r\n" HOST
             "Content-Type: multipart/form-data; boundary=\"b\"\r\nContent-Length: %zu\r\n\r\n",
             strlen(head) + strlen(tail) + (size_t)BLOCK * N_BLOCKS);
    snprintf(expected, sizeof expected, "t=after;file=a.csv;n=%zu;sum=%llu",
             (size_t)BLOCK * N_BLOCKS, (unsigned long long)sum);
    getrusage(RUSAGE_SELF, &before);
    int fd = dial();
    put_z(fd, text);
    put_z(fd, head);
    for (int i = 0; i < N_BLOCKS; i++)
        assert_true(put(fd, static_body, BLOCK));
    put_z(fd, tail);
    struct reply r = read_reply(fd, true);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, expected);
    reply_free(&r);
    close(fd);
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 * 1024); /* KiB: a sixth of the file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, while the peak of the process is still low. */
        cmocka_unit_test_setup_teardown(uploads_do_not_fill_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forms_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_spool_that_cannot_be_made_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, raise_limits, NULL);
}
