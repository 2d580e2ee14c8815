/* Learns who clicks from past views, explains a prediction, goes on learning row by row, and keeps
 * the model as bytes. Uses the public headers of libwinnow only:
 *
 *   cc ctr.c $(pkg-config --cflags --libs winnow) -lm */
#include "winnow/ctr.h"

#include "core/rand.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 8000, LATER = 2000 };

static const char *const devices[] = {"phone", "desktop", "tablet"};
static const char *const places[] = {"feed", "story", "search", "banner"};

struct columns {
    uint32_t device, place, hour, price;
};

/* What would come out of a log: a device, a place, an hour, a price, and whether it was clicked. */
static void make_view(struct wn_rand *r, const struct wn_ctr *m, const struct columns *c,
                      struct wn_ctr_feature features[4], struct wn_ctr_row *row)
{
    size_t device = (size_t)wn_rand_below(r, 3), place = (size_t)wn_rand_below(r, 4);
    double hour = (double)wn_rand_below(r, 24), price = exp(2 + wn_rand_normal(r));
    features[0] = wn_ctr_feature_text(m, c->device, wn_str_of(devices[device]));
    features[1] = wn_ctr_feature_text(m, c->place, wn_str_of(places[place]));
    features[2] = wn_ctr_feature_number(m, c->hour, hour);
    features[3] = wn_ctr_feature_number(m, c->price, price);
    double logit = -2 + (place == 2) - 0.3 * log(price) + (device == 0 && place == 1);
    *row = (struct wn_ctr_row){.features = features,
                               .n_features = 4,
                               .clicks = wn_rand_uniform(r) < 1 / (1 + exp(-logit)),
                               .views = 1};
}

static int complain(const struct wn_why *why)
{
    fprintf(stderr, "%s\n", why->text);
    return 1;
}

static wn_rc add_fields(struct wn_ctr *m, struct columns *c, struct wn_why *why)
{
    uint32_t cross;
    wn_rc rc = wn_ctr_field_add(m, WN_STR("device"), &c->device, why);
    if (!rc)
        rc = wn_ctr_field_add(m, WN_STR("place"), &c->place, why);
    if (!rc)
        rc = wn_ctr_field_add(m, WN_STR("hour"), &c->hour, why);
    if (!rc)
        rc = wn_ctr_field_add(m, WN_STR("price"), &c->price, why);
    return rc ? rc : wn_ctr_cross_add(m, c->device, c->place, &cross, why);
}

static void explain(const struct wn_ctr *m, const struct wn_ctr_row *row)
{
    struct wn_ctr_prediction p;
    struct wn_ctr_reason reasons[3];
    wn_ctr_predict(m, row->features, row->n_features, 0, &p);
    printf("\na view: %.1f %% (80 %%: %.1f to %.1f), a typical one %.1f %%; because of\n",
           100 * p.p, 100 * p.low, 100 * p.high, 100 * p.p_base);
    size_t n = wn_ctr_explain(m, row->features, row->n_features, 0, reasons, 3);
    for (size_t i = 0; i < n; i++)
        printf("  %-14.*s odds x %.2f\n", WN_STR_ARG(wn_ctr_field_name(m, reasons[i].field)),
               reasons[i].odds);
}

int main(void)
{
    static struct wn_ctr_feature features[ROWS + LATER][4];
    static struct wn_ctr_row rows[ROWS + LATER];
    struct wn_ctr_options options = WN_CTR_OPTIONS_DEFAULT;
    struct wn_ctr *m = NULL, *loaded = NULL;
    struct columns columns;
    struct wn_ctr_report report;
    struct wn_why why = {0};
    struct wn_rand r;
    struct wn_buf bytes;
    wn_rand_init(&r, 2026);
    options.bits = 14;
    if (wn_ctr_new(&options, &m, &why) || add_fields(m, &columns, &why))
        return complain(&why);
    for (size_t i = 0; i < ROWS + LATER; i++)
        make_view(&r, m, &columns, features[i], &rows[i]);

    if (wn_ctr_fit(m, rows, ROWS, &why))
        return complain(&why);
    wn_ctr_report(m, &report);
    printf("%.0f views, %.0f clicks; log loss on rows not seen %.4f, of the mean rate %.4f\n",
           report.views, report.clicks, report.scores.log_loss, report.scores.log_loss_base);
    explain(m, &rows[ROWS]);

    for (size_t i = ROWS; i < ROWS + LATER; i++) /* as they happen */
        if (wn_ctr_learn(m, &rows[i], NULL, &why))
            return complain(&why);
    if (wn_ctr_settle(m, &why))
        return complain(&why);
    wn_ctr_report(m, &report);
    printf("\n%d more, each predicted before it was learned: log loss %.4f\n", LATER,
           report.progressive_log_loss);

    wn_buf_init(&bytes, 1 << 26);
    if (wn_ctr_save(m, &bytes, &why) || wn_ctr_load(wn_buf_str(&bytes), &loaded, &why))
        return complain(&why);
    printf("\nthe model as %zu kB; loaded again it says the same:\n", bytes.n / 1000);
    explain(loaded, &rows[ROWS + 1]);
    wn_buf_deinit(&bytes);
    wn_ctr_free(loaded);
    wn_ctr_free(m);
    return 0;
}
