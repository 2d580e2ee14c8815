/* Protects the hash and the map from text to numbers. */
#include "core/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(odd_keys_are_keys),
        cmocka_unit_test(hashes_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
