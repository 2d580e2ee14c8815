/* Protects arenas: memory comes zeroed, aligned and apart, limits hold, and sizes that overflow are
 * refused rather than wrapped around. */
#include "core/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A request for more than there is shall come back as NULL, as it does without the sanitizer. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    enum { N = 500 };
    unsigned char *p[N];
    for (size_t i = 0; i < N; i++) {
        size_t n = i * i % 5000 + 1;
        p[i] = wn_arena_alloc(&a, n);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)(i % 251 + 1), n);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < i * i % 5000 + 1; k++)
            assert_int_equal(p[i][k], i % 251 + 1);
    wn_arena_deinit(&a);
}

static void reset_gives_zeroed_memory_again(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (int round = 0; round < 5; round++) {
        unsigned char *p = wn_arena_alloc(&a, 40000), *q = wn_arena_alloc(&a, 100);
        assert_true(p && q);
        for (int k = 0; k < 40000; k++)
            assert_int_equal(p[k], 0);
        memset(p, 0xAA, 40000);
        memset(q, 0xBB, 100);
        wn_arena_reset(&a);
        assert_int_equal(a.used_bytes, 0);
    }
    wn_arena_deinit(&a);
    assert_non_null(wn_arena_alloc(&a, 1)); /* it may be used again */
    wn_arena_deinit(&a);
    wn_arena_deinit(&a);
    wn_arena_deinit(NULL);
}

static void limits_hold(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 1000);
    assert_non_null(wn_arena_alloc(&a, 500));
    assert_null(wn_arena_alloc(&a, 600));
    assert_non_null(wn_arena_alloc(&a, 400));
    assert_null(wn_arena_alloc(&a, 200));
    assert_null(wn_arena_dup(&a, wn_str_of("a text that is too long for what is left of this little"
                                           " arena, which is less than one hundred bytes"))
                    .p);
    wn_arena_deinit(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    for (size_t less = 0; less < 100; less += 9)
        assert_null(wn_arena_alloc(&a, SIZE_MAX - less));
    assert_null(wn_arena_array(&a, SIZE_MAX / 2, 3));
    assert_null(wn_arena_array(&a, SIZE_MAX, SIZE_MAX));
    assert_null(wn_arena_dup(&a, (struct wn_str){"x", SIZE_MAX}).p);
    assert_non_null(wn_arena_array(&a, 0, 8));
    assert_non_null(wn_arena_alloc(&a, 0));
    assert_int_equal(a.used_bytes, 32); /* what was refused is not counted */
    wn_arena_deinit(&a);
}

static void texts_are_copied_and_printed(void **state)
{
    (void)state;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    char source[] = "abc";
    struct wn_str copy = wn_arena_dup(&a, wn_str_of(source));
    source[0] = 'X';
    assert_int_equal(copy.n, 3);
    assert_string_equal(copy.p, "abc");
    copy = wn_arena_dup(&a, (struct wn_str){NULL, 0});
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.p, "");
    struct wn_str text = wn_arena_printf(&a, "%d-%s", 42, "x");
    assert_int_equal(text.n, 4);
    assert_string_equal(text.p, "42-x");
    text = wn_arena_printf(&a, "%20000d", 1);
    assert_int_equal(text.n, 20000);
    assert_int_equal(text.p[19999], '1');
    wn_arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(reset_gives_zeroed_memory_again),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(texts_are_copied_and_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
