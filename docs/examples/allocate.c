/* Fits response curves to a short history and divides a budget by them.
 *
 *     cc allocate.c $(pkg-config --cflags --libs winnow) && ./a.out */
#include "winnow/allocate.h"

#include <stdio.h>

enum { WEEKS = 12, CHANNELS = 2 };

int main(void)
{
    /* What each channel spent in a week, and what came back. Search is saturated, video is not. */
    static const int32_t days[WEEKS] = {0, 7, 14, 21, 28, 35, 42, 49, 56, 63, 70, 77};
    static const double search_spend[WEEKS] = {400, 520, 300, 610, 450, 380,
                                               700, 350, 560, 480, 640, 420};
    static const double search_revenue[WEEKS] = {1510, 1630, 1330, 1700, 1570, 1480,
                                                 1760, 1420, 1660, 1600, 1720, 1530};
    static const double video_spend[WEEKS] = {150, 100, 180, 120, 90,  200,
                                              140, 110, 170, 130, 160, 105};
    static const double video_revenue[WEEKS] = {610, 400, 730, 470, 365, 790,
                                                560, 450, 690, 515, 650, 415};
    const struct wn_history history[CHANNELS] = {
        {.days = days, .spend = search_spend, .revenue = search_revenue, .n = WEEKS, .group = 0},
        {.days = days, .spend = video_spend, .revenue = video_revenue, .n = WEEKS, .group = 1}};
    const char *names[CHANNELS] = {"search", "video"};

    struct wn_arena arena;
    struct wn_why why = {0};
    struct wn_curve *curves;
    wn_arena_init(&arena, 0); /* everything below lives in it */
    wn_rc rc = wn_curves_fit(&arena, history, CHANNELS, NULL, &curves, &why);

    struct wn_allocate_entity entities[CHANNELS] = {{.hi_micros = WN_NO_LIMIT}};
    for (int i = 0; i < CHANNELS && !rc; i++)
        entities[i] =
            (struct wn_allocate_entity){.name = wn_str_of(names[i]),
                                        .curve = &curves[i],
                                        .current_micros = (int64_t)(curves[i].spend_now * 1e6),
                                        .hi_micros = WN_NO_LIMIT};

    /* 700 a week, nobody moved by more than 30 %, and only when it is likely to be better. */
    const struct wn_allocate_options options = {
        .budget_micros = INT64_C(700000000), .max_change_ratio = .3, .keep_probability = .7};
    struct wn_rand rand;
    struct wn_allocation plan;
    wn_rand_init(&rand, 1); /* the same seed gives the same intervals */
    if (!rc)
        rc = wn_allocate(&arena, entities, CHANNELS, &options, &rand, &plan, &why);
    if (rc) {
        fprintf(stderr, "%s: %s\n", wn_rc_name(rc), why.text);
        wn_arena_deinit(&arena);
        return 1;
    }
    for (size_t i = 0; i < plan.n; i++) {
        const struct wn_allocate_row *row = &plan.rows[i];
        printf("%-8s %8.2f -> %8.2f, returns %8.2f (%.2f to %.2f): %s\n", names[i],
               (double)row->current_micros / 1e6, (double)row->budget_micros / 1e6, row->expected,
               row->low, row->high, row->why.p);
    }
    printf("%s\n", plan.why.p);
    wn_arena_deinit(&arena);
    return 0;
}
