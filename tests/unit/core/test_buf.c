/* Protects growing buffers: what was appended is there, the maximum holds, and the first failure is
 * remembered however much is appended after it. */
#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void appends_add_up(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, 1 << 20);
    for (int i = 0; i < 10000; i++) {
        wn_buf_append(&b, WN_STR("ab"));
        wn_buf_append_char(&b, 'c');
        wn_buf_append_z(&b, "");
        wn_buf_append(&b, (struct wn_str){NULL, 0});
        wn_buf_printf(&b, "%02d", i % 100);
    }
    assert_int_equal(wn_buf_check(&b, NULL), WN_OK);
    struct wn_str s = wn_buf_str(&b);
    assert_int_equal(s.n, 50000);
    for (size_t i = 0; i < 10000; i++) {
        char expected[6] = {'a', 'b', 'c', (char)('0' + i % 100 / 10), (char)('0' + i % 10), 0};
        assert_memory_equal(s.p + i * 5, expected, 5);
    }
    wn_buf_deinit(&b);
    wn_buf_deinit(&b);
}

static void an_empty_one_is_an_empty_text(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, 10);
    assert_int_equal(wn_buf_str(&b).n, 0);
    assert_non_null(wn_buf_str(&b).p);
    wn_buf_deinit(&b);
    struct wn_buf zero = {0};
    wn_buf_deinit(&zero);
}

static void the_maximum_holds_and_is_remembered(void **state)
{
    (void)state;
    struct wn_buf b;
    struct wn_why why = {0};
    wn_buf_init(&b, 10);
    wn_buf_append_z(&b, "0123456789");
    assert_int_equal(wn_buf_check(&b, &why), WN_OK);
    wn_buf_append_char(&b, 'x');
    assert_int_equal(wn_buf_check(&b, &why), WN_LIMIT);
    assert_non_null(strstr(why.text, "10"));
    wn_buf_reset(&b);
    wn_buf_append_z(&b, "01234");
    wn_buf_append_z(&b, "too long");
    wn_buf_append_z(&b, "x"); /* would fit, but text with a hole is worse than none */
    assert_int_equal(wn_buf_check(&b, NULL), WN_LIMIT);
    assert_int_equal(wn_buf_str(&b).n, 5);
    assert_null(wn_buf_room(&b, 1));
    wn_buf_deinit(&b);
}

static void huge_requests_do_not_wrap(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, SIZE_MAX);
    wn_buf_append_char(&b, 'x');
    assert_null(wn_buf_room(&b, SIZE_MAX));
    assert_int_equal(b.failed, WN_LIMIT);
    wn_buf_deinit(&b);
}

static void room_is_counted_in_by_hand(void **state)
{
    (void)state;
    struct wn_buf b;
    wn_buf_init(&b, 1000);
    char *p = wn_buf_room(&b, 600);
    assert_non_null(p);
    memset(p, 'z', 600);
    wn_buf_used(&b, 5);
    assert_true(wn_str_eq(wn_buf_str(&b), WN_STR("zzzzz")));
    wn_buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(an_empty_one_is_an_empty_text),
        cmocka_unit_test(the_maximum_holds_and_is_remembered),
        cmocka_unit_test(huge_requests_do_not_wrap),
        cmocka_unit_test(room_is_counted_in_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
