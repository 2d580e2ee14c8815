/* Divides conversions among channels by several models, and corrects one of them by a lift test.
 *
 *     cc attribute.c $(pkg-config --cflags --libs winnow) && ./a.out */
#include "winnow/attribute.h"

#include <stdio.h>

enum { SEARCH, MAIL, VIDEO, CHANNELS };

int main(void)
{
    static const char *const names[CHANNELS] = {"search", "mail", "video"};
    /* Four kinds of paths: video > search, search, video > mail > search, mail. */
    static const size_t starts[] = {0, 2, 3, 6, 7};
    static const uint16_t touches[] = {VIDEO, SEARCH, SEARCH, VIDEO, MAIL, SEARCH, MAIL};
    static const double conversions[] = {60, 40, 30, 10};
    static const double nulls[] = {700, 900, 200, 400}; /* people who went without */
    const struct wn_paths paths = {.n_channels = CHANNELS,
                                   .n = 4,
                                   .starts = starts,
                                   .touches = touches,
                                   .conversions = conversions,
                                   .nulls = nulls};

    struct wn_arena arena;
    struct wn_rand rand;
    struct wn_attribution result;
    struct wn_why why = {0};
    wn_arena_init(&arena, 0); /* everything below lives in it */
    wn_rand_init(&rand, 1);   /* the same seed gives the same intervals */
    const struct wn_attribute_options options = {.n_bootstraps = 200};
    wn_rc rc = wn_attribute(&arena, &paths, &options, &rand, &result, &why);

    /* A holdout test of search: 45 of 100 conversions credited to it were caused. */
    const struct wn_lift_test test = {.channel = SEARCH, .lift = .45, .se = .1, .day = 20500};
    struct wn_calibrated *calibrated = NULL;
    double credits[CHANNELS] = {0};
    for (size_t c = 0; c < CHANNELS && !rc; c++)
        credits[c] = result.credits[WN_ATTRIBUTE_MARKOV][c].conversions;
    if (!rc)
        rc = wn_calibrate(&arena, credits, CHANNELS, &test, 1, 20520, NULL, &calibrated, &why);
    if (rc) {
        fprintf(stderr, "%s: %s\n", wn_rc_name(rc), why.text);
        wn_arena_deinit(&arena);
        return 1;
    }
    for (size_t c = 0; c < CHANNELS; c++) {
        const struct wn_credit *markov = &result.credits[WN_ATTRIBUTE_MARKOV][c];
        printf("%-7s last %6.1f   markov %6.1f (%.1f to %.1f)   caused %6.1f (%.1f to %.1f), %s\n",
               names[c], result.credits[WN_ATTRIBUTE_LAST][c].conversions, markov->conversions,
               markov->low, markov->high, calibrated[c].conversions, calibrated[c].low,
               calibrated[c].high, calibrated[c].is_tested ? "tested" : "not tested");
    }
    wn_arena_deinit(&arena);
    return 0;
}
