/* Protects the HTTP server as everybody uses it: connections are kept, nobody's request runs into
 * another's, clients may vanish, and stopping loses no running work. */
#include "http_app.h"

/* ---- ordinary requests ------------------------------------------------------------------------ */

static void answers_plain_requests(void **state)
{
    (void)state;
    expect_body("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
    expect_body("GET /hello/ HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
    expect_body("GET http://localhost/hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
    expect_body("GET http://localhost HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
    expect_body("GET /hello HTTP/1.0\r\n\r\n", 200, "hello");
    expect_body("GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404, "no /nothing");
    expect_body("POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, "abc");
    expect_body("POST /work HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 200, "abc");
    expect_body("POST /work HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc"
                "\r\n0\r\n\r\n",
                200, "abc");
    expect_body("GET /show?a=1&b=%20+%C3%A9&a=2&c&=x HTTP/1.1\r\n" HOST "\r\n", 200,
                "GET /show|a=1|b=  \xC3\xA9|a=2|c=|=x");
    expect_body("DELETE /sh%6Fw HTTP/1.1\r\n" HOST "\r\n", 200, "DELETE /show");
}

static void keeps_connections(void **state)
{
    (void)state;
    enum { N_REQUESTS = 500 };
    int fd = dial();
    for (int i = 0; i < N_REQUESTS; i++) {
        put_z(fd, i % 3 == 0   ? "GET /hello HTTP/1.1\r\n" HOST "\r\n"
                  : i % 3 == 1 ? "POST /work HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                               : "GET /missing HTTP/1.1\r\n" HOST "\r\n");
        struct reply r = read_reply(fd, true);
        assert_int_equal(r.status, i % 3 == 2 ? 404 : 200);
        assert_false(r.closes);
        reply_free(&r);
    }
    struct wn_http_stats stats;
    wn_http_get_stats(server, &stats);
    assert_int_equal(stats.n_connections, 1);
    assert_int_equal(stats.n_requests, N_REQUESTS);
    close(fd);
}

static void answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    int fd = dial();
    put_z(fd, "POST /work HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1"
              "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n2"
              "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    const char *expected[] = {"1", "2", "hello"};
    for (size_t i = 0; i < WN_COUNT(expected); i++) {
        struct reply r = read_reply(fd, true);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, expected[i]);
        reply_free(&r);
    }
    close(fd);
}

static void answers_head_without_body(void **state)
{
    (void)state;
    int fd = dial();
    put_z(fd, "HEAD /hello HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    struct reply r = read_reply(fd, false);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.head, "Content-Length: 5\r\n"));
    reply_free(&r);
    r = read_reply(fd, true);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    reply_free(&r);
    close(fd);
}

static void answers_not_modified_with_the_length_only(void **state)
{
    (void)state;
    int fd = dial();
    put_z(fd, "GET /same HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    struct reply r = read_reply(fd, false);
    assert_int_equal(r.status, 304);
    assert_non_null(strstr(r.head, "Content-Length: 5\r\n"));
    reply_free(&r);
    r = read_reply(fd, true);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    close(fd);
}

static void a_header_cannot_be_split(void **state)
{
    (void)state;
    int fd = dial();
    put_z(fd, "GET /inject HTTP/1.1\r\n" HOST "\r\n");
    struct reply r = read_reply(fd, true);
    assert_int_equal(r.status, 200);
    assert_null(strstr(r.head, "X-Injected"));
    assert_non_null(strstr(r.head, "X-Good: c\r\n"));
    reply_free(&r);
    close(fd);
}

static void sends_static_bodies_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof static_body; i++)
        static_body[i] = (char)(i * 7 + i / 251);
    int fd = dial();
    put_z(fd, "GET /static HTTP/1.1\r\n" HOST "\r\n");
    struct reply r = read_reply(fd, true);
    assert_int_equal(r.n_body, sizeof static_body);
    assert_memory_equal(r.body, static_body, sizeof static_body);
    reply_free(&r);
    close(fd);
}

static void request_id_is_echoed_when_sane(void **state)
{
    (void)state;
    const struct {
        const char *given;
        bool kept;
    } cases[] = {{"abc-1.2_X", true},
                 {"a b", false},
                 {"x\"y", false},
                 {"0123456789012345678901234567890123", false},
                 {"", false}};
    for (size_t i = 0; i < WN_COUNT(cases); i++) {
        char text[256], line[64];
        snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\n" HOST "X-Request-Id: %s\r\n\r\n",
                 cases[i].given);
        snprintf(line, sizeof line, "X-Request-Id: %s\r\n", cases[i].given);
        int fd = dial();
        put_z(fd, text);
        struct reply r = read_reply(fd, true);
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.head, "X-Request-Id: "));
        assert_true((strstr(r.head, line) != NULL) == cases[i].kept);
        reply_free(&r);
        close(fd);
    }
}

/* ---- many connections, resumes ---------------------------------------------------------------- */

static void many_connections_do_not_stall(void **state)
{
    (void)state;
    /* The library's own thread would block when exactly k * 128 events are ready: all at once. */
    static const int counts[] = {128, 256, 384};
    static int fds[384];
    struct wn_http_options options = default_options();
    options.n_loops = 2;
    options.n_jobs_max = 1000;
    restart(&options);
    for (size_t k = 0; k < WN_COUNT(counts); k++) {
        for (int i = 0; i < counts[k]; i++)
            fds[i] = dial();
        int64_t begun_ns = wn_clock_monotonic_ns(), round_ns = 0, now_ns = begun_ns;
        for (int round = 0; now_ns - begun_ns < 700000000; round++) {
            for (int i = 0; i < counts[k]; i++)
                put_z(fds[i], round % 4 == 3 ? "GET /work HTTP/1.1\r\n" HOST "\r\n"
                                             : "GET /hello HTTP/1.1\r\n" HOST "\r\n");
            for (int i = 0; i < counts[k]; i++) {
                struct reply r = read_reply(fds[i], true);
                assert_int_equal(r.status, 200);
                reply_free(&r);
            }
            round_ns = wn_clock_monotonic_ns() - now_ns;
            now_ns += round_ns;
            if (round_ns > 5000000000)
                fail_msg("a round of %d requests took %lld ms", counts[k],
                         (long long)(round_ns / 1000000));
        }
        for (int i = 0; i < counts[k]; i++)
            close(fds[i]);
    }
}

static void no_resume_is_lost_at_idle(void **state)
{
    (void)state;
    enum { N_REQUESTS = 200 };
    int64_t begun_ns = wn_clock_monotonic_ns();
    int fd = dial();
    for (int i = 0; i < N_REQUESTS; i++) {
        put_z(fd, "GET /work HTTP/1.1\r\n" HOST "\r\n");
        struct reply r = read_reply(fd, true);
        assert_int_equal(r.status, 200);
        reply_free(&r);
    }
    close(fd);
    /* A lost one would be found at the loop's next turn, up to a second later: 100 s in all. */
    assert_true(wn_clock_monotonic_ns() - begun_ns < 20000000000);
}

static void reset_on_close(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void clients_may_leave_while_suspended(void **state)
{
    (void)state;
    enum { N = 30 };
    int fds[N];
    struct wn_http_options options = default_options();
    options.n_jobs_max = N;
    restart(&options);
    for (int i = 0; i < N; i++) {
        fds[i] = dial();
        put_z(fds[i], "POST /patient HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    }
    struct wn_http_stats stats = {0};
    while (stats.n_suspended < N) { /* both workers are busy, the others wait in the queue */
        poll(NULL, 0, 1);
        wn_http_get_stats(server, &stats);
    }
    for (int i = 0; i < N; i++) {
        if (i % 3 == 2) {
            shutdown(fds[i], SHUT_WR);
            continue;
        }
        if (i % 3 == 1)
            reset_on_close(fds[i]);
        close(fds[i]);
    }
    open_gate();
    for (int i = 2; i < N; i += 3) { /* the library takes the end of sending for leaving */
        struct reply r = read_reply(fds[i], true);
        assert_true(r.status == 200 || r.status == 0);
        reply_free(&r);
        close(fds[i]);
    }
    wait_for(&app.n_completed, N);
    expect_body("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
}

static void work_learns_that_its_client_has_left(void **state)
{
    (void)state;
    struct wn_http_options options = default_options();
    options.head_timeout_ms = 200; /* the look at suspended clients follows the shortest deadline */
    restart(&options);
    int fd = dial();
    put_z(fd, "GET /gate HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&app.n_in_gate, 1);
    reset_on_close(fd);
    close(fd);
    wait_for(&app.n_cancelled, 1);
    wait_for(&app.n_completed, 1);
}

static void a_full_queue_is_said_at_once(void **state)
{
    (void)state;
    struct wn_http_options options = default_options();
    options.n_workers = 1;
    options.n_jobs_max = 1;
    restart(&options);
    int first = dial(), second = dial(), third = dial();
    put_z(first, "GET /patient HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&app.n_in_gate, 1);
    put_z(second, "GET /patient HTTP/1.1\r\n" HOST "\r\n");
    struct wn_http_stats stats = {0};
    while (stats.n_jobs_waiting < 1) {
        poll(NULL, 0, 1);
        wn_http_get_stats(server, &stats);
    }
    for (int i = 0; i < 2; i++) {
        put_z(third, i ? "POST /work HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1"
                       : "GET /work HTTP/1.1\r\n" HOST "\r\n");
        struct reply r = read_reply(third, true);
        assert_int_equal(r.status, 503);
        assert_non_null(strstr(r.head, "Retry-After: "));
        reply_free(&r);
    }
    open_gate();
    struct reply r = read_reply(second, true);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    close(first);
    close(second);
    close(third);
}

/* ---- stopping --------------------------------------------------------------------------------- */

static void *stop_server(void *unused)
{
    (void)unused;
    wn_http_stop(server);
    server = NULL;
    return NULL;
}

static void stopping_waits_for_running_work(void **state)
{
    (void)state;
    pthread_t thread;
    struct wn_http_options options = default_options();
    options.drain_timeout_ms = 20000;
    restart(&options);
    int idle = dial(), busy = dial();
    put_z(idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    struct reply r = read_reply(idle, true);
    reply_free(&r);
    put_z(busy, "GET /patient HTTP/1.1\r\n" HOST "\r\n");
    wait_for(&app.n_in_gate, 1);
    assert_int_equal(pthread_create(&thread, NULL, stop_server, NULL), 0);
    assert_true(is_closed(idle)); /* idle connections go at once */
    open_gate();
    r = read_reply(busy, true);
    assert_int_equal(r.status, 200);
    assert_true(r.closes);
    assert_string_equal(r.body, "through");
    reply_free(&r);
    assert_true(is_closed(busy));
    pthread_join(thread, NULL);
    close(idle);
    close(busy);
}

static void stopping_ends_with_jobs_beyond_the_deadline(void **state)
{
    (void)state;
    enum { N = 6 };
    int fds[N];
    struct wn_http_options options = default_options();
    options.n_workers = 1;
    options.drain_timeout_ms = 150;
    restart(&options);
    for (int i = 0; i < N; i++) {
        fds[i] = dial();
        put_z(fds[i], "GET /gate HTTP/1.1\r\n" HOST "\r\n");
    }
    struct wn_http_stats stats = {0};
    while (stats.n_suspended < N)
        wn_http_get_stats(server, &stats);
    wait_for(&app.n_in_gate, 1);
    wn_http_stop(server); /* one runs until it is told, the others have not begun */
    server = NULL;
    assert_int_equal(app.n_cancelled, 1);
    for (int i = 0; i < N; i++) {
        struct reply r = read_reply(fds[i], true);
        assert_int_equal(r.status, 503);
        assert_true(r.closes);
        reply_free(&r);
        close(fds[i]);
    }
}

static void stopping_in_the_middle_of_bodies(void **state)
{
    (void)state;
    struct wn_http_options options = default_options();
    options.drain_timeout_ms = 100;
    restart(&options);
    int body = dial(), form = dial(), head = dial();
    put_z(body, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc");
    put_z(form, "POST /upload HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\nContent-Type: "
                "multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: form-data; "
                "name=\"f\"; filename=\"x\"\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        put(form, static_body, 1000);
    put_z(head, "GET /hello HTTP/1.1\r\nHo");
    struct wn_http_stats stats = {0};
    while (stats.n_requests < 2)
        wn_http_get_stats(server, &stats);
    wn_http_stop(server);
    server = NULL;
    assert_true(is_closed(body));
    assert_true(is_closed(form));
    assert_true(is_closed(head));
    close(body);
    close(form);
    close(head);
}

static void a_port_in_use_is_busy(void **state)
{
    (void)state;
    for (int n_loops = 1; n_loops <= 2; n_loops++) {
        struct wn_http_options options = default_options();
        options.n_loops = n_loops;
        restart(&options);
        options.port = wn_http_port(server);
        for (int n = 1; n <= 2; n++) {
            struct wn_http *second = NULL;
            struct wn_why why = {0};
            options.n_loops = n;
            assert_int_equal(wn_http_start(&options, &second, &why), WN_BUSY);
            assert_null(second);
            assert_string_equal(why.field, "port");
        }
    }
    struct wn_http_options options = default_options();
    struct wn_http *other = NULL;
    struct wn_why why = {0};
    options.address = "not an address";
    assert_int_equal(wn_http_start(&options, &other, &why), WN_INVALID);
    why = (struct wn_why){0};
    options.address = "192.0.2.1"; /* reserved for documentation: no machine has it */
    assert_int_equal(wn_http_start(&options, &other, &why), WN_INVALID);
    assert_string_equal(why.field, "address");
}

static void takes_inherited_sockets(void **state)
{
    (void)state;
    enum { FIRST = 3 };
    char pid[24];
    if (fcntl(FIRST, F_GETFD) != -1)
        return; /* taken by whoever runs us: nothing to hand over */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 16), 0);
    if (fd != FIRST) {
        assert_int_equal(dup2(fd, FIRST), FIRST);
        close(fd);
    }
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    struct wn_http_options options = default_options();
    options.n_loops = 2; /* one socket was given: one loop */
    start(&options);
    assert_null(getenv("LISTEN_FDS"));
    expect_body("GET /hello HTTP/1.1\r\n" HOST "\r\n", 200, "hello");
}

static int no_server(void **state)
{
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_plain_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_pipelined_requests_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_head_without_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_not_modified_with_the_length_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_header_cannot_be_split, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sends_static_bodies_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(request_id_is_echoed_when_sane, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_connections_do_not_stall, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_resume_is_lost_at_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(clients_may_leave_while_suspended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_learns_that_its_client_has_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_queue_is_said_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_waits_for_running_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_ends_with_jobs_beyond_the_deadline, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stopping_in_the_middle_of_bodies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_in_use_is_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_inherited_sockets, no_server, tear_down),
    };
    return cmocka_run_group_tests(tests, raise_limits, NULL);
}
