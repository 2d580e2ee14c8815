/* Borrowed text: a pointer and a length, passed by value, not NUL-terminated. */
#ifndef WN_CORE_STR_H
#define WN_CORE_STR_H

#include "core/base.h"

struct wn_str {
    const char *p;
    size_t n;
};

/* For literals, so that the length is known at compile time. */
#define WN_STR(literal) ((struct wn_str){"" literal, sizeof(literal) - 1})
/* For printf: printf("%.*s", WN_STR_ARG(s)). */
#define WN_STR_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), (s).p ? (s).p : ""

/* A view of a NUL-terminated string; NULL gives the empty string. */
struct wn_str wn_str_of(const char *z);
bool wn_str_eq(struct wn_str a, struct wn_str b);
/* ASCII letters compare without case. */
bool wn_str_eq_nocase(struct wn_str a, struct wn_str b);
/* Byte order, shorter first on a tie: < 0, 0, > 0. */
int wn_str_cmp(struct wn_str a, struct wn_str b);
bool wn_str_starts(struct wn_str s, struct wn_str prefix);
bool wn_str_ends(struct wn_str s, struct wn_str suffix);
/* The place of needle in s, or s.n when absent. */
size_t wn_str_find(struct wn_str s, struct wn_str needle);
size_t wn_str_find_char(struct wn_str s, char c);
/* Bytes [from, to), both clipped to the string. */
struct wn_str wn_str_slice(struct wn_str s, size_t from, size_t to);
/* Without ASCII white space, no-break space (U+00A0) and byte order mark at both ends. */
struct wn_str wn_str_trim(struct wn_str s);
/* Cuts the part before the first sep off *rest and returns it; without sep, all of it. False when
 * *rest is used up: after "a,b" come "a", "b", then false; "" gives one empty part. Start with
 * *rest = the text; ended parts are marked by p = NULL. */
bool wn_str_cut(struct wn_str *rest, char sep, struct wn_str *part);
/* True for valid UTF-8 (no overlong forms, no surrogates, at most U+10FFFF). On failure *at, if
 * not NULL, is the offset of the first bad byte. */
bool wn_str_utf8_valid(struct wn_str s, size_t *at);

#endif
