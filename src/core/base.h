/* Compiler helpers and the assertion: the only place where extensions of the compilers are named.
 */
#ifndef WN_CORE_BASE_H
#define WN_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WN_MUST_USE __attribute__((warn_unused_result))
#define WN_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define WN_NORETURN __attribute__((noreturn)) /* _Noreturn is not C++ */
#define WN_COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* A function of long loops over arrays, compiled a second time for processors with wide registers;
 * which one runs is chosen at the start of the program. Both give the same bytes: neither joins a
 * multiplication and an addition into one rounding. Not where the build says WN_NO_WIDE: sanitizers
 * are not ready when the choice is made. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(WN_NO_WIDE)
#define WN_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WN_WIDE
#endif
#define WN_LIKELY(x) __builtin_expect(!!(x), 1)
#define WN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WN_PREFETCH(address) __builtin_prefetch(address)
#define WN_CTZ64(x) __builtin_ctzll(x) /* trailing zero bits; x must not be 0 */

/* Our own mistakes only, never input: on in release builds as well. Prints the place and aborts. */
#define WN_ASSERT(condition)                                                                       \
    (WN_LIKELY(condition) ? (void)0 : wn_assert_failed(#condition, __FILE__, __LINE__))
WN_NORETURN void wn_assert_failed(const char *condition, const char *file, int line);

#endif
