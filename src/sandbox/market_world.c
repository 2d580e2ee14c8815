#include "sandbox/market_int.h"

#include "core/hash.h"
#include "core/num.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct market_channel market_channels[MARKET_CHANNELS] = {
    /* name          ctr    cvr    cpm   budget engage video weekend weight
     * desktop {share, ctr, cvr, cpm factors}, mobile, tablet, is_search */
    {"facebook",      .0125, .0240,  8.4, 170,  .012,  .16,  1.06,   .22,
     {{.16, .85, 1.40, 1.20}, {.80, 1.03, .92, .96}, {.04, 1.0, 1.05, 1.0}}, false},
    {"instagram",     .0108, .0165,  7.4, 140,  .021,  .30,  1.10,   .18,
     {{.05, .80, 1.35, 1.15}, {.93, 1.01, .98, .99}, {.02, 1.0, 1.00, 1.0}}, false},
    {"google_ads",    .0360, .0500, 38.0, 210,  0,     0,    .93,    .22,
     {{.38, .96, 1.30, 1.12}, {.57, 1.03, .81, .92}, {.05, .95, .95, 1.0}}, true},
    {"tiktok",        .0140, .0105,  7.8, 120,  .034,  .52,  1.12,   .14,
     {{.02, .70, 1.30, 1.10}, {.96, 1.01, .99, 1.0}, {.02, 1.0, 1.00, 1.0}}, false},
    {"linkedin",      .0046, .0235, 24.0, 130,  .006,  .08,  .46,    .10,
     {{.58, 1.05, 1.15, 1.05}, {.40, .93, .78, .93}, {.02, .9, .90, 1.0}}, false},
    {"yandex_direct", .0320, .0420, 22.0, 110,  0,     0,    .90,    .14,
     {{.36, .97, 1.28, 1.10}, {.59, 1.02, .83, .94}, {.05, 1.0, 1.00, 1.0}}, true},
    {"telegram",      .0072, .0140,  4.2,  80,  .004,  .05,  1.00,   .10,
     {{.14, .90, 1.25, 1.00}, {.84, 1.02, .96, 1.0}, {.02, 1.0, 1.00, 1.0}}, false},
    {"youtube",       .0065, .0170,  9.7, 130,  .007,  .45,  1.08,   .10,
     {{.18, .90, 1.25, 1.10}, {.74, 1.03, .95, .97}, {.08, 1.0, .95, 1.0}}, false},
};
/* clang-format on */

/* ---- names ------------------------------------------------------------------------------------ */

static const char *const buyers_new[] = {"Lookalike buyers 1%",
                                         "Lookalike buyers 3%",
                                         "Women 25-34",
                                         "Men 25-44",
                                         "Parents",
                                         "Home & living",
                                         "Fitness",
                                         "Travel",
                                         "Students",
                                         "Broad 18-54"};
static const char *const buyers_known[] = {"Site visitors",      "Cart abandoners", "Video viewers",
                                           "Newsletter readers", "Past buyers",     "App users"};
static const char *const at_work[] = {"IT managers",     "Founders",        "HR leads",
                                      "Finance leaders", "Marketing leads", "Operations"};
static const char *const brand_terms[] = {"Exact", "Broad match", "Misspellings",
                                          "Brand + product"};
static const char *const product_terms[] = {
    "Running shoes", "Coffee makers", "Skin care",     "Garden furniture", "Backpacks",
    "Bed linen",     "Headphones",    "Office chairs", "Competitor terms", "Gift ideas"};
static const char *const product_feeds[] = {"All products", "Bestsellers", "New arrivals",
                                            "Sale items",   "Home",        "Sports"};

/* Who a kind of campaign speaks to. */
struct list {
    const char *const *names;
    size_t n;
};
#define LIST(names)                                                                                \
    {                                                                                              \
        (names), WN_COUNT(names)                                                                   \
    }

struct goal {
    const char *name;
    bool search;             /* of search channels, or of the others */
    double cvr, order, roas; /* against the channel's centre */
    double incremental_min, incremental_max;
    double weight;
    struct list audiences;
};

static const struct goal goals[] = {
    {"Prospecting", false, .85, 1.00, .85, .70, 1.0, .40, LIST(buyers_new)},
    {"Retargeting", false, 1.60, 1.05, 1.55, .20, .60, .22, LIST(buyers_known)},
    {"Catalog sales", false, 1.15, .90, 1.10, .45, .80, .20, LIST(buyers_known)},
    {"Lead generation", false, 1.30, .80, .90, .60, .95, .18, LIST(buyers_new)},
    {"Search brand", true, 1.70, 1.05, 1.60, .10, .50, .22, LIST(brand_terms)},
    {"Search generic", true, .85, 1.00, .90, .65, .95, .46, LIST(product_terms)},
    {"Shopping", true, .95, .95, 1.10, .55, .85, .32, LIST(product_feeds)},
};

static const char *const places[] = {"US", "UK", "DE", "FR",      "ES",
                                     "IT", "PL", "NL", "Nordics", "DACH"};
static const char *const formats_social[] = {"Video 15s", "Video 30s", "Carousel",
                                             "Static",    "Story",     "Collection"};
static const char *const formats_search[] = {"Responsive ad", "Text ad", "Product listing"};
static const char *const hooks[] = {
    "free delivery",    "new season", "customer review", "price drop",   "how it works",
    "before and after", "gift idea",  "back in stock",   "bundle offer", "last chance"};

#define PICK(rand, list) (list)[wn_rand_below((rand), WN_COUNT(list))]

static double uniform(struct wn_rand *r, double low, double high)
{
    return low + (high - low) * wn_rand_uniform(r);
}

static double lognormal(struct wn_rand *r, double centre, double sd)
{
    return centre * exp(sd * wn_rand_normal(r));
}

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static const char *audience(struct wn_rand *r, int channel, const struct goal *goal)
{
    if (strcmp(market_channels[channel].name, "linkedin") == 0)
        return PICK(r, at_work);
    return goal->audiences.names[wn_rand_below(r, goal->audiences.n)];
}

static const struct goal *draw_goal(struct wn_rand *r, bool search)
{
    double sum = 0;
    for (size_t i = 0; i < WN_COUNT(goals); i++)
        sum += goals[i].search == search ? goals[i].weight : 0;
    double u = wn_rand_uniform(r) * sum;
    const struct goal *last = NULL;
    for (size_t i = 0; i < WN_COUNT(goals); i++) {
        if (goals[i].search != search)
            continue;
        last = &goals[i];
        u -= last->weight;
        if (u < 0)
            break;
    }
    return last;
}

/* Two campaigns of one channel never share a name: the later one is numbered. */
static struct wn_str unique_name(struct wn_market *m, struct wn_map *taken, int channel,
                                 struct wn_str wish)
{
    uint32_t *count;
    bool added;
    struct wn_str key = wn_arena_printf(&m->arena, "%d/%.*s", channel, WN_STR_ARG(wish));
    if (!key.p || !wish.p || wn_map_put(taken, key, 1, &count, &added))
        return (struct wn_str){0};
    return added ? wish : wn_arena_printf(&m->arena, "%.*s %u", WN_STR_ARG(wish), ++*count);
}

/* ---- channels and seasons --------------------------------------------------------------------- */

static void draw_channel(struct wn_market *m, int c, struct wn_rand *r)
{
    struct market_channel_state *s = &m->channels[c];
    double amplitude = uniform(r, .05, .20), peak = uniform(r, 0, 7), sum = 0;
    for (int d = 0; d < 7; d++) {
        s->week[d] = 1 + amplitude * cos(2 * 3.14159265358979324 * (d - peak) / 7);
        if (d >= 5)
            s->week[d] *= market_channels[c].weekend;
        sum += s->week[d];
    }
    for (int d = 0; d < 7; d++)
        s->week[d] *= 7 / sum;
    s->delay_scale = strcmp(market_channels[c].name, "linkedin") == 0 ? 1.8 : uniform(r, .5, 1.0);
    s->stream = wn_rand_u64(r);
}

static void draw_seasons(struct wn_market *m, struct wn_rand *r)
{
    for (int i = 0; i < 4; i++)
        m->year[i] = (i < 2 ? .09 : .05) * wn_rand_normal(r);
    for (int i = 0; i < MARKET_HOLIDAYS; i++) {
        m->holidays[i].day_of_year = (int)wn_rand_below(r, 365);
        m->holidays[i].n_days = 1 + (int)wn_rand_below(r, 5);
        m->holidays[i].factor = uniform(r, 1.15, 1.5);
    }
    m->holidays[0].day_of_year = 330; /* late November, wherever the seed puts the others */
    m->holidays[0].n_days = 4;
    m->holidays[0].factor = uniform(r, 1.5, 2.1);
}

/* ---- campaigns -------------------------------------------------------------------------------- */

static void draw_curve(struct wn_market_campaign *t, struct wn_rand *r)
{
    double u = wn_rand_uniform(r);
    t->hill_slope = 1;
    if (u < .5) {
        t->curve = WN_CURVE_AUDIENCE;
        t->saturation_spend = lognormal(r, t->daily_budget * 1.8, .5);
    } else if (u < .8) {
        t->curve = WN_CURVE_HILL;
        t->saturation_spend = lognormal(r, t->daily_budget * 1.1, .4);
        t->hill_slope = uniform(r, .7, 2.2);
    } else {
        t->curve = WN_CURVE_LINEAR;
        t->saturation_spend = INFINITY;
    }
}

static void draw_run(const struct wn_market *m, struct wn_market_campaign *t, struct wn_rand *r)
{
    int n = m->options.n_days;
    double u = wn_rand_uniform(r);
    t->start_day_offset = 0;
    t->end_day_offset = n - 1;
    if (u > .58 && u <= .80)
        t->start_day_offset = (int)wn_rand_below(r, (uint64_t)n * 3 / 4 + 1);
    else if (u > .80)
        t->end_day_offset = n / 4 + (int)wn_rand_below(r, (uint64_t)(n - n / 4));
    if (t->end_day_offset > n - 1)
        t->end_day_offset = n - 1;
}

/* Rates are drawn; the price of a click and the value of an order follow, so that a campaign's
 * numbers agree with each other and its return lies where returns lie. */
static void draw_rates(struct wn_market_campaign *t, const struct goal *goal, struct wn_rand *r)
{
    const struct market_channel *ch = &market_channels[t->channel];
    t->ctr_ratio = clip(lognormal(r, ch->ctr_ratio, .32), ch->ctr_ratio / 4, .4);
    t->cvr_ratio = clip(lognormal(r, ch->cvr_ratio * goal->cvr, .32), ch->cvr_ratio / 5, .3);
    t->cpm = lognormal(r, ch->cpm, .28);
    double cpc = t->cpm / (1000 * t->ctr_ratio);
    double roas = clip(lognormal(r, 1.75 * goal->roas, .42), .6, 5.2);
    t->order_value = roas * cpc / t->cvr_ratio;
    t->daily_budget = clip(5 * round(lognormal(r, ch->budget, .6) / 5), 10, 5000);
    t->carry_over_ratio = ch->video_ratio > .4 ? uniform(r, .3, .8) : uniform(r, 0, .6);
    t->fatigue_half_life_days = clip(lognormal(r, 14, .85), 4, 90);
    t->incremental_ratio = uniform(r, goal->incremental_min, goal->incremental_max);
}

static wn_rc draw_ads(struct wn_market *m, struct market_campaign_state *s, const struct goal *goal,
                      struct wn_rand *r)
{
    struct wn_market_campaign *t = &s->truth;
    bool search = market_channels[t->channel].is_search;
    int per_group_max = m->options.n_ads_per_group_max;
    int counts[3];
    double u = wn_rand_uniform(r);
    t->n_ad_groups = u < .6 ? 1 : u < .9 ? 2 : 3;
    for (int g = 0; g < t->n_ad_groups; g++) {
        counts[g] = 1 + (int)wn_rand_below(r, (uint64_t)per_group_max);
        t->n_ads += counts[g];
    }
    s->ads = WN_ARENA_ARRAY(&m->arena, (size_t)t->n_ads, struct market_ad);
    s->groups = WN_ARENA_ARRAY(&m->arena, (size_t)t->n_ad_groups, struct wn_str);
    if (!s->ads || !s->groups)
        return WN_MEMORY;
    int n = 0, run = t->end_day_offset - t->start_day_offset + 1;
    double weighted = 0, weights = 0;
    for (int g = 0; g < t->n_ad_groups; g++) {
        s->groups[g] = wn_arena_printf(&m->arena, "%s %d", audience(r, t->channel, goal), g + 1);
        if (!s->groups[g].p)
            return WN_MEMORY;
        for (int k = 0; k < counts[g]; k++) {
            struct market_ad *ad = &s->ads[n++];
            ad->group = g;
            ad->quality = exp(.25 * wn_rand_normal(r) + .2 * wn_rand_normal(r));
            ad->cvr_factor = exp(.12 * wn_rand_normal(r));
            ad->start_day = t->start_day_offset;
            ad->end_day = t->end_day_offset;
            /* The first ad of a group runs all along; others come later, or are stopped. */
            if (k > 0 && run > 14 && wn_rand_uniform(r) < .45)
                ad->start_day += (int)wn_rand_below(r, (uint64_t)(run / 2));
            else if (k > 0 && run > 14 && wn_rand_uniform(r) < .45)
                ad->end_day -= (int)wn_rand_below(r, (uint64_t)(run / 2));
            ad->refresh_days =
                1 + (int)clip(t->fatigue_half_life_days * uniform(r, .8, 1.8), 5, 120);
            ad->phase_days = (int)wn_rand_below(r, (uint64_t)ad->refresh_days);
            ad->name = wn_arena_printf(&m->arena, "%s, %s %d",
                                       search ? PICK(r, formats_search) : PICK(r, formats_social),
                                       PICK(r, hooks), n);
            if (!ad->name.p)
                return WN_MEMORY;
            weights += ad->quality * ad->quality;
            weighted += ad->quality * ad->quality * ad->quality;
        }
    }
    for (int k = 0; k < n; k++) /* platforms show the better ads more: see ad_weight */
        s->ads[k].quality *= weights / weighted;
    return WN_OK;
}

static wn_rc draw_campaign(struct wn_market *m, size_t i, int channel, struct wn_map *taken)
{
    struct market_campaign_state *s = &m->campaigns[i];
    struct wn_market_campaign *t = &s->truth;
    struct wn_rand r;
    wn_rand_init(&r, wn_rand_mix(m->options.seed, 1000 + i));
    const struct goal *goal = draw_goal(&r, market_channels[channel].is_search);
    t->channel = channel;
    draw_rates(t, goal, &r);
    draw_curve(t, &r);
    draw_run(m, t, &r);
    const char *to_whom = audience(&r, channel, goal), *where = PICK(&r, places);
    t->name = unique_name(m, taken, channel,
                          wn_arena_printf(&m->arena, "%s | %s | %s", goal->name, to_whom, where));
    if (!t->name.p)
        return WN_MEMORY;
    s->frequency = uniform(&r, 1.08, 1.6);
    s->trend_per_day = uniform(&r, -.2, .2) / 365;
    s->dispersion = uniform(&r, 400, 2000);
    s->price_jump = 1;
    s->stock_spend = t->start_day_offset == 0 ? t->daily_budget : 0;
    s->spend_before = s->stock_spend;
    s->learning_days = t->start_day_offset == 0 ? 0 : 3;
    s->stream = wn_rand_u64(&r);
    return draw_ads(m, s, goal, &r);
}

wn_rc market_draw_world(struct wn_market *m, struct wn_why *why)
{
    const struct wn_market_options *o = &m->options;
    struct wn_rand r;
    wn_rand_init(&r, wn_rand_mix(o->seed, 1));
    for (int c = 0; c < MARKET_CHANNELS; c++)
        draw_channel(m, c, &r);
    draw_seasons(m, &r);

    /* Every channel has a campaign before any has many. */
    double weights[MARKET_CHANNELS], scratch[MARKET_CHANNELS];
    int64_t counts[MARKET_CHANNELS];
    int each = o->n_campaigns >= o->n_channels ? 1 : 0;
    for (int c = 0; c < o->n_channels; c++)
        weights[c] = market_channels[c].weight;
    wn_rc rc = wn_share_i64(o->n_campaigns - each * o->n_channels, weights, (size_t)o->n_channels,
                            scratch, counts, why);
    if (rc)
        return rc;
    struct wn_map taken;
    wn_map_init(&taken, (size_t)o->n_campaigns);
    size_t i = 0;
    for (int c = 0; c < o->n_channels && !rc; c++)
        for (int64_t k = 0; k < counts[c] + each && !rc; k++) {
            rc = draw_campaign(m, i, c, &taken);
            m->n_ads += (size_t)m->campaigns[i].truth.n_ads;
            i++;
        }
    wn_map_deinit(&taken);
    return rc ? wn_fail(why, rc, NULL, "there is no memory for the market") : WN_OK;
}
