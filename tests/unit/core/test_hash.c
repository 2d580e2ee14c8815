/* Protects the hash and the map from text to numbers; and, by making the n-th allocation fail for
 * n = 1, 2, ..., that arena, buffer and map come out of every failure whole. */
#include "core/hash.h"

#include "core/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The linker sends allocations here (see tests/CMakeLists.txt). fail_at counts down to the one that
 * fails; negative = none. */
static long fail_at = -1, n_live;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static bool fails_now(void)
{
    return fail_at > 0 && --fail_at == 0;
}

void *__wrap_malloc(size_t n)
{
    if (fails_now())
        return NULL;
    n_live++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    if (fails_now())
        return NULL;
    n_live++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    if (fails_now())
        return NULL;
    n_live += p == NULL;
    return __real_realloc(p, n);
}

void __wrap_free(void *p)
{
    n_live -= p != NULL;
    __real_free(p);
}

static struct wn_str key_of(uint32_t i, char text[32])
{
    int n = snprintf(text, 32, "key %u of many", i);
    return (struct wn_str){text, (size_t)n};
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct wn_map m;
    char text[32];
    bool added;
    uint32_t *value;
    wn_map_init(&m, N);
    assert_null(wn_map_get(&m, WN_STR("x")));
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(wn_map_put(&m, key_of(i, text), i, &value, &added), WN_OK);
        assert_true(added && *value == i);
    }
    assert_int_equal(m.n, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_true(*wn_map_get(&m, key_of(i, text)) == i);
        assert_int_equal(wn_map_put(&m, key_of(i, text), 7, &value, &added), WN_OK);
        assert_true(!added && *value == i); /* the first value stays */
        *value = i + 1;
    }
    for (uint32_t i = 0; i < N; i++)
        assert_true(*wn_map_get(&m, key_of(i, text)) == i + 1);
    assert_null(wn_map_get(&m, WN_STR("key 20000 of many")));
    assert_int_equal(wn_map_put(&m, WN_STR("one too many"), 0, &value, NULL), WN_LIMIT);
    assert_int_equal(m.n, N);
    wn_map_deinit(&m);
    wn_map_deinit(&m);
}

static void odd_keys_are_keys(void **state)
{
    (void)state;
    struct wn_map m;
    uint32_t *value;
    wn_map_init(&m, 10);
    const struct wn_str keys[] = {WN_STR(""), {"\0", 1}, {"\0\0", 2}, WN_STR("a"), {"a\0", 2}};
    for (uint32_t i = 0; i < WN_COUNT(keys); i++)
        assert_int_equal(wn_map_put(&m, keys[i], i, &value, NULL), WN_OK);
    for (uint32_t i = 0; i < WN_COUNT(keys); i++)
        assert_true(*wn_map_get(&m, keys[i]) == i);
    assert_true(*wn_map_get(&m, (struct wn_str){NULL, 0}) == 0);
    char volatile_key[] = "borrowed";
    assert_int_equal(wn_map_put(&m, wn_str_of(volatile_key), 99, &value, NULL), WN_OK);
    volatile_key[0] = 'X'; /* keys are copied */
    assert_true(*wn_map_get(&m, WN_STR("borrowed")) == 99);
    wn_map_deinit(&m);
}

static void hashes_spread(void **state)
{
    (void)state;
    enum { N = 100000, CELLS = 1024 };
    static uint64_t all[N];
    int cells[CELLS] = {0};
    char text[32];
    for (uint32_t i = 0; i < N; i++) {
        all[i] = wn_hash(key_of(i, text), 0);
        cells[all[i] % CELLS]++;
    }
    double chi = 0, expected = (double)N / CELLS;
    for (int i = 0; i < CELLS; i++)
        chi += (cells[i] - expected) * (cells[i] - expected) / expected;
    assert_true(chi > 1023 - 5 * 45.2 && chi < 1023 + 5 * 45.2); /* sd = sqrt(2 * 1023) */
    /* Every bit of the input moves half of the output. */
    char base[24] = "twenty-three bytes here";
    long flipped = 0;
    for (int bit = 0; bit < 23 * 8; bit++) {
        char other[24];
        memcpy(other, base, sizeof base);
        other[bit / 8] = (char)(other[bit / 8] ^ (1 << bit % 8));
        uint64_t d = wn_hash((struct wn_str){base, 23}, 1) ^ wn_hash((struct wn_str){other, 23}, 1);
        int n = __builtin_popcountll(d);
        assert_in_range(n, 10, 54);
        flipped += n;
    }
    assert_in_range(flipped, 23 * 8 * 32 - 400, 23 * 8 * 32 + 400);
    assert_true(wn_hash(WN_STR("a"), 0) != wn_hash(WN_STR("a"), 1));
    assert_true(wn_hash(WN_STR(""), 0) != wn_hash((struct wn_str){"\0", 1}, 0));
    /* As they are today: what is stored by hash is found tomorrow. */
    assert_true(wn_hash(WN_STR("winnow"), 0) == UINT64_C(16091921888401366191));
    assert_true(wn_hash(WN_STR("a longer text than eight"), 7) == UINT64_C(14750696813032490163));
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
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(odd_keys_are_keys),
        cmocka_unit_test(hashes_spread),
        cmocka_unit_test(each_failed_allocation_leaves_the_map_whole),
        cmocka_unit_test(each_failed_allocation_leaves_arena_and_buffer_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
