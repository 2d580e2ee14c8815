/* Protects arena, buffer and map against memory running out: they come out of every failed
 * allocation whole. */
#include "core/buf.h"
#include "core/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_malloc.h"

static struct wn_str key_of(uint32_t i, char text[32])
{
    int n = snprintf(text, 32, "key %u of many", i);
    return (struct wn_str){text, (size_t)n};
}

static void each_failed_allocation_leaves_the_map_whole(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        long live = n_live;
        struct wn_map m;
        char text[32];
        uint32_t *value, done = 0;
        wn_map_init(&m, 5000);
        fail_at = n;
        wn_rc rc = WN_OK;
        while (done < 2000 && !rc) {
            rc = wn_map_put(&m, key_of(done, text), done, &value, NULL);
            done += rc == WN_OK;
        }
        bool failed = fail_at == 0;
        fail_at = -1;
        assert_int_equal(rc, failed ? WN_MEMORY : WN_OK);
        assert_int_equal(m.n, done);
        for (uint32_t i = 0; i < done; i++)
            assert_true(*wn_map_get(&m, key_of(i, text)) == i);
        if (failed) { /* and it goes on when there is memory again */
            assert_null(wn_map_get(&m, key_of(done, text)));
            assert_int_equal(wn_map_put(&m, key_of(done, text), done, &value, NULL), WN_OK);
        }
        wn_map_deinit(&m);
        assert_int_equal(n_live, live);
        if (!failed) {
            assert_true(n > 8); /* there were failures to survive */
            return;
        }
    }
}

static void each_failed_allocation_leaves_arena_and_buffer_whole(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        long live = n_live;
        struct wn_arena a;
        struct wn_buf b;
        wn_arena_init(&a, 0);
        wn_buf_init(&b, 1 << 20);
        fail_at = n;
        size_t n_texts = 0, n_bytes = 0;
        bool no_memory = false;
        for (size_t i = 0; i < 300 && !no_memory; i++) {
            struct wn_str s = wn_arena_printf(&a, "%0*d", (int)i * 20 + 1, 7);
            no_memory = s.p == NULL;
            n_texts += !no_memory;
            assert_true(no_memory || s.n == i * 20 + 1);
            wn_buf_append(&b, s);
            n_bytes += b.failed ? 0 : s.n;
        }
        bool failed = fail_at == 0;
        fail_at = -1;
        assert_int_equal(failed, no_memory || b.failed == WN_MEMORY);
        assert_int_equal(wn_buf_str(&b).n, n_bytes); /* what was there before is still there */
        assert_int_equal(wn_buf_check(&b, NULL), b.failed);
        wn_buf_reset(&b);
        wn_buf_append_z(&b, "again");
        assert_int_equal(wn_buf_check(&b, NULL), WN_OK);
        assert_non_null(wn_arena_alloc(&a, 100));
        wn_arena_deinit(&a);
        wn_buf_deinit(&b);
        assert_int_equal(n_live, live);
        if (!failed) {
            assert_int_equal(n_texts, 300);
            assert_true(n > 10);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failed_allocation_leaves_the_map_whole),
        cmocka_unit_test(each_failed_allocation_leaves_arena_and_buffer_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
