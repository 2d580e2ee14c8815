/* Makes the n-th allocation of a test program fail. The linker sends malloc, calloc, realloc and
 * free here for every program named test_*memory (see tests/CMakeLists.txt). Include it once, after
 * the headers that cmocka.h asks for, in the file with main().
 *
 *     static wn_rc run(void) { ... everything under test, freed again ... }
 *     static void job(void **state) { (void)state; fail_each_allocation(run); }
 */
#ifndef WN_FAILING_MALLOC_H
#define WN_FAILING_MALLOC_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

static long fail_at = -1; /* counts down to the allocation that fails; negative = none */
static long n_live;       /* allocations not freed yet */

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

/* Runs with the 1st, 2nd, ... allocation failing, until a run meets no fault; each faulty one must
 * say MEMORY, and every run must free what it took. */
static inline void fail_each_allocation(wn_rc (*run)(void))
{
    for (long n = 1;; n++) {
        long before = n_live;
        fail_at = n;
        wn_rc rc = run();
        bool met = fail_at == 0;
        fail_at = -1;
        assert_int_equal(n_live, before);
        if (!met) {
            assert_int_equal(rc, WN_OK);
            assert_true(n > 1); /* there were failures to survive */
            return;
        }
        assert_int_equal(rc, WN_MEMORY);
    }
}

#endif
