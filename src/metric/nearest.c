/* "Did you mean ...": the known name at the least edit distance. */
#include "metric/formula_int.h"

#include <stdio.h>

#define WORD_MAX WN_METRIC_NAME_MAX

/* Levenshtein distance of two words of at most WORD_MAX bytes, ASCII case ignored. */
static size_t distance(struct wn_str a, struct wn_str b)
{
    size_t row[WORD_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            struct wn_str x = {a.p + i - 1, 1}, y = {b.p + j - 1, 1};
            size_t replaced = diagonal + (wn_str_eq_nocase(x, y) ? 0 : 1);
            size_t dropped = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replaced < dropped ? replaced : dropped;
        }
    }
    return row[b.n];
}

void wn_nearest_init(struct wn_nearest *n, struct wn_str word)
{
    *n = (struct wn_nearest){.word = word};
    /* A third of the word may be wrong, and always two letters: "rosa", "spnd", "chanel". */
    n->best_distance = (word.n / 3 > 2 ? word.n / 3 : 2) + 1;
}

void wn_nearest_try(struct wn_nearest *n, struct wn_str candidate)
{
    if (n->word.n == 0 || n->word.n > WORD_MAX || candidate.n == 0 || candidate.n > WORD_MAX)
        return;
    size_t d = distance(n->word, candidate);
    /* All of a short word may not be wrong, else anything is near to anything. */
    if (d >= n->best_distance || d >= n->word.n || d >= candidate.n)
        return;
    n->best = candidate;
    n->best_distance = d;
}

const char *wn_nearest_text(const struct wn_nearest *n, char out[WN_NEAREST_TEXT_MAX])
{
    out[0] = '\0';
    if (n->best.p)
        (void)snprintf(out, WN_NEAREST_TEXT_MAX, "; did you mean %.*s?", WN_STR_ARG(n->best));
    return out;
}
