#include "sandbox/market.h"

#include "core/date.h"
#include "core/num.h"
#include "sandbox/market_int.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979324

enum { CENTS_PER_UNIT = 100, MICROS_PER_CENT = 10000 };

/* ---- the truth -------------------------------------------------------------------------------- */

/* The share of the linear return that is left at a spend; 1 at the campaign's own budget, where its
 * rates were drawn. */
static double efficiency(const struct wn_market_campaign *t, double spend)
{
    double b = t->daily_budget, s = t->saturation_spend, k = t->hill_slope;
    if (!(spend > 0))
        spend = b * 1e-6; /* the limit at nothing, for curves that have one */
    switch (t->curve) {
    case WN_CURVE_AUDIENCE:
        return (-expm1(-spend / s) / spend) / (-expm1(-b / s) / b);
    case WN_CURVE_HILL:
        return pow(spend / b, k - 1) * (pow(b, k) + pow(s, k)) / (pow(spend, k) + pow(s, k));
    case WN_CURVE_LINEAR:
        return 1;
    }
    return 1;
}

double market_response(const struct wn_market_campaign *t, double spend)
{
    if (!(spend > 0))
        return 0;
    double clicks = spend / t->cpm * 1000 * t->ctr_ratio;
    return clicks * t->cvr_ratio * t->order_value * efficiency(t, spend);
}

double wn_market_true_response(const struct wn_market *m, size_t campaign, double spend)
{
    const struct wn_market_campaign *t = &m->campaigns[campaign].truth;
    return t->incremental_ratio * market_response(t, spend);
}

/* Delay from click to order: four exponentials (20 minutes, 20 hours, 7 and 25 days), whose sum has
 * the shape published for a large display network: a third within the hour, half within a day, an
 * eighth after two weeks (Chapelle, "Modeling delayed feedback in display advertising", 2014).
 * A click of the day is on average half a day old at its end: the mean over the day is
 * 1 - (tau / 1 day) * exp(-age / tau) * (1 - exp(-1 day / tau)). */
double market_arrived_ratio(double age_days, double scale)
{
    static const double weights[] = {.36, .15, .36, .13};
    static const double means[] = {20.0 / 1440, 20.0 / 24, 7, 25};
    double late = 0;
    for (size_t i = 0; i < WN_COUNT(weights); i++) {
        double tau = means[i] * scale;
        late += weights[i] * tau * exp(-age_days / tau) * -expm1(-1 / tau);
    }
    return late < 0 ? 1 : late > 1 ? 0 : 1 - late;
}

/* ---- the day ---------------------------------------------------------------------------------- */

struct day {
    int offset; /* in the range; negative while warming up */
    int32_t day;
    int weekday;
    double season; /* demand against the yearly mean */
};

static struct day day_at(const struct wn_market *m, int offset)
{
    struct day d = {.offset = offset, .day = m->options.day_from + offset};
    d.weekday = wn_weekday_of_day(d.day);
    struct wn_date date = wn_date_of_day(d.day);
    int32_t new_year = d.day;
    if (!wn_day_of_date((struct wn_date){date.year, 1, 1}, &new_year))
        new_year = wn_month_start(d.day);
    int day_of_year = d.day - new_year;
    double angle = 2 * PI * day_of_year / 365.25;
    d.season = exp(m->year[0] * cos(angle) + m->year[1] * sin(angle) + m->year[2] * cos(2 * angle) +
                   m->year[3] * sin(2 * angle));
    for (int i = 0; i < MARKET_HOLIDAYS; i++) {
        int since = day_of_year - m->holidays[i].day_of_year;
        if (since >= 0 && since < m->holidays[i].n_days)
            d.season *= m->holidays[i].factor;
    }
    return d;
}

static struct wn_rand stream_of(uint64_t stream, const struct day *d)
{
    struct wn_rand r;
    wn_rand_init(&r, wn_rand_mix(stream, (uint64_t)(int64_t)d->day));
    return r;
}

/* What a whole channel shares on a day. */
struct channel_day {
    double price;    /* against the usual CPM */
    double tracking; /* share of conversions that tracking sees; low during an outage */
    double arrived;  /* share of conversions that have arrived by the end of the range */
};

static struct channel_day channel_day(struct wn_market *m, int c, const struct day *d)
{
    struct market_channel_state *s = &m->channels[c];
    struct wn_rand r = stream_of(s->stream, d);
    s->shock = .9 * s->shock + .05 * sqrt(1 - .81) * wn_rand_normal(&r);
    struct channel_day out = {.tracking = 1};
    out.price = exp(s->shock) * pow(d->season, .35);
    double u = wn_rand_uniform(&r), left = .05 + .35 * wn_rand_uniform(&r);
    if (u < 1.0 / 90)
        out.tracking = left;
    out.arrived = market_arrived_ratio(m->options.n_days - 1 - d->offset, s->delay_scale);
    return out;
}

/* A competitor enters now and then, and the price comes back within weeks. */
static void move_price(struct market_campaign_state *s, struct wn_rand *r)
{
    s->price_jump = 1 + (s->price_jump - 1) * .94;
    double u = wn_rand_uniform(r), jump = 1.1 + .4 * wn_rand_uniform(r);
    if (u < 1.0 / 60)
        s->price_jump *= jump;
}

static int64_t cents_of(double amount)
{
    return amount >= .01 ? (int64_t)floor(amount * CENTS_PER_UNIT + 1e-9) : 0;
}

/* What the platform spends today, in cents: never above a budget that was set. */
static int64_t spend_cents(const struct wn_market *m, const struct market_campaign_state *s,
                           const struct day *d, const double *budget, double pace)
{
    const struct wn_market_campaign *t = &s->truth;
    if (budget)
        return cents_of(*budget * (1 - .03 * fabs(pace)));
    double demand = pow(m->channels[t->channel].week[d->weekday], .6) * pow(d->season, .5);
    return cents_of(t->daily_budget * demand * exp(.05 * pace));
}

/* Click rate of a creative against the mean over its life: halves with each half-life. */
static double fatigue(const struct market_ad *ad, const struct wn_market_campaign *t, int offset)
{
    int age = (offset - ad->start_day + ad->phase_days) % ad->refresh_days;
    double decay = .69314718055994531 / t->fatigue_half_life_days;
    double mean = -expm1(-decay * ad->refresh_days) / (decay * ad->refresh_days);
    return exp(-decay * (age + .5)) / mean;
}

/* Gamma with mean 1: what makes clicks and orders vary more than chance alone would. Together with
 * the Poisson draw behind it, a beta-binomial for small rates. */
static double over_dispersion(struct wn_rand *r, double shape)
{
    return shape > 1e4 ? 1 : wn_rand_gamma(r, fmax(shape, .5)) / fmax(shape, .5);
}

static int64_t count_of(struct wn_rand *r, double mean, int64_t at_most)
{
    if (!(mean > 0))
        return 0;
    uint64_t n = wn_rand_poisson(r, fmin(mean, 1e12));
    return n > (uint64_t)at_most ? at_most : (int64_t)n;
}

/* The sum of n lognormal orders with mean 1 and sd .6 of the logarithm. */
static double order_sum(struct wn_rand *r, int64_t n)
{
    if (n > 40) {
        double x = (double)n + sqrt((double)n * (exp(.36) - 1)) * wn_rand_normal(r);
        return fmax(x, .1 * (double)n);
    }
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(.6 * wn_rand_normal(r) - .18);
    return sum;
}

/* What one row is simulated from. */
struct cell {
    double weight; /* share of the spend */
    double ctr, cvr, cpm;
    int ad, device;
};

struct simulation {
    const struct market_campaign_state *s;
    const struct market_channel *channel;
    const struct channel_day *now;
    struct wn_rand *r;
};

static void simulate_row(const struct simulation *sim, const struct cell *cell, int64_t cents,
                         struct wn_market_row *row)
{
    const struct wn_market_campaign *t = &sim->s->truth;
    struct wn_rand *r = sim->r;
    double spend = (double)cents / CENTS_PER_UNIT;
    double expected = spend / cell->cpm * 1000;
    int64_t impressions = count_of(r, expected, INT64_C(1) << 50);
    if (impressions < 1)
        impressions = 1; /* what was paid for was shown */
    double phi = sim->s->dispersion;
    double ctr = fmin(cell->ctr * over_dispersion(r, cell->ctr * phi), .9);
    int64_t clicks = count_of(r, (double)impressions * ctr, impressions);
    double cvr = fmin(cell->cvr * over_dispersion(r, cell->cvr * phi), .9);
    int64_t orders = count_of(r, (double)clicks * cvr, clicks);
    double people =
        (double)impressions / (1 + (sim->s->frequency - 1) * (.8 + .4 * wn_rand_uniform(r)));
    int64_t reach = people < 1 ? 1 : (int64_t)people;
    int64_t shows =
        count_of(r, (double)impressions * sim->channel->engage_ratio, impressions - clicks);
    int64_t views = count_of(r, (double)impressions * sim->channel->video_ratio, impressions);
    double revenue = order_sum(r, orders) * t->order_value;
    row->impressions_micros = impressions * WN_MICROS;
    row->reach_micros = reach * WN_MICROS;
    row->clicks_micros = clicks * WN_MICROS;
    row->engagements_micros = (clicks + shows) * WN_MICROS;
    row->video_views_micros = views * WN_MICROS;
    row->conversions_micros = orders * WN_MICROS;
    row->spend_micros = cents * MICROS_PER_CENT;
    row->revenue_micros = (int64_t)round(fmin(revenue, 1e12) * CENTS_PER_UNIT) * MICROS_PER_CENT;
}

/* Cells of the day: each running ad on each device. Better ads are shown more. */
static size_t lay_cells(const struct wn_market *m, const struct market_campaign_state *s,
                        const struct day *d, const struct channel_day *now, double price,
                        double left, struct cell *cells)
{
    const struct wn_market_campaign *t = &s->truth;
    const struct market_channel *ch = &market_channels[t->channel];
    double demand = pow(m->channels[t->channel].week[d->weekday], .4) * pow(d->season, .6) *
                    (1 + s->trend_per_day * d->offset);
    double learning = s->learning_days > 0 ? .85 : 1;
    size_t n = 0;
    for (int k = 0; k < t->n_ads; k++) {
        const struct market_ad *ad = &s->ads[k];
        if (d->offset < ad->start_day || d->offset > ad->end_day)
            continue;
        double appeal = ad->quality * fatigue(ad, t, d->offset);
        for (int v = 0; v < MARKET_DEVICES; v++) {
            const struct market_device *device = &ch->devices[v];
            cells[n++] = (struct cell){
                .weight = ad->quality * ad->quality * device->share,
                .ctr = t->ctr_ratio * appeal * device->ctr_factor * sqrt(left),
                .cvr = t->cvr_ratio * ad->cvr_factor * device->cvr_factor * demand * learning *
                       sqrt(left) * now->tracking * now->arrived,
                .cpm = t->cpm * price * device->cpm_factor,
                .ad = k,
                .device = v + 1,
            };
        }
    }
    return n;
}

/* Buffers of one day, large enough for the campaign with the most cells. */
struct work {
    struct cell *cells;
    double *weights, *scratch;
    int64_t *cents;
};

static wn_rc simulate_campaign(struct wn_market *m, size_t i, const struct day *d,
                               const struct channel_day *now, const double *budget,
                               const struct work *w, struct wn_market_row *rows, size_t *n_rows,
                               struct wn_why *why)
{
    struct market_campaign_state *s = &m->campaigns[i];
    const struct wn_market_campaign *t = &s->truth;
    struct wn_rand r = stream_of(s->stream, d);
    move_price(s, &r);
    double noise = exp(.15 * wn_rand_normal(&r) + .01125); /* the mean of 1 / noise is 1 */
    double pace = wn_rand_normal(&r);
    bool runs = d->offset >= t->start_day_offset && d->offset <= t->end_day_offset;
    int64_t total = runs ? spend_cents(m, s, d, budget, pace) : 0;
    double spend = (double)total / CENTS_PER_UNIT;
    s->stock_spend = t->carry_over_ratio * s->stock_spend + (1 - t->carry_over_ratio) * spend;
    if (budget && fabs(spend - s->spend_before) > .3 * s->spend_before)
        s->learning_days = 3;
    s->spend_before = spend;
    if (total == 0)
        return WN_OK;

    double price = now->price * s->price_jump * noise;
    size_t n = lay_cells(m, s, d, now, price, efficiency(t, s->stock_spend), w->cells);
    if (s->learning_days > 0)
        s->learning_days--;
    for (size_t k = 0; k < n; k++)
        w->weights[k] = w->cells[k].weight;
    wn_rc rc = n ? wn_share_i64(total, w->weights, n, w->scratch, w->cents, why) : WN_OK;
    if (rc)
        return rc;
    struct simulation sim = {s, &market_channels[t->channel], now, &r};
    for (size_t k = 0; k < n; k++) {
        if (w->cents[k] <= 0)
            continue;
        struct wn_market_row *row = &rows[(*n_rows)++];
        *row = (struct wn_market_row){.day = d->day,
                                      .campaign = (uint32_t)i,
                                      .ad = w->cells[k].ad,
                                      .device = w->cells[k].device};
        simulate_row(&sim, &w->cells[k], w->cents[k], row);
    }
    return WN_OK;
}

static wn_rc check_budgets(const struct wn_market *m, const double *budgets, struct wn_why *why)
{
    for (int i = 0; budgets && i < m->options.n_campaigns; i++)
        if (!(budgets[i] >= 0 && budgets[i] <= 1e9))
            return wn_fail(why, WN_INVALID, "budgets", "budget %d is not from 0 to 1e9", i);
    return WN_OK;
}

wn_rc wn_market_next_day(struct wn_market *m, const double *budgets, struct wn_arena *a,
                         struct wn_market_row **out_rows, size_t *n_out, struct wn_why *why)
{
    if (m->next_day >= m->options.n_days)
        return wn_fail(why, WN_NOT_FOUND, NULL, "the range of %d days has ended",
                       m->options.n_days);
    wn_rc rc = check_budgets(m, budgets, why);
    if (rc)
        return rc;
    size_t n_cells_max = 0;
    for (int i = 0; i < m->options.n_campaigns; i++) {
        size_t n = (size_t)m->campaigns[i].truth.n_ads * MARKET_DEVICES;
        n_cells_max = n > n_cells_max ? n : n_cells_max;
    }
    struct work w = {WN_ARENA_ARRAY(a, n_cells_max, struct cell),
                     WN_ARENA_ARRAY(a, n_cells_max, double), WN_ARENA_ARRAY(a, n_cells_max, double),
                     WN_ARENA_ARRAY(a, n_cells_max, int64_t)};
    struct wn_market_row *rows = WN_ARENA_ARRAY(a, m->n_ads * MARKET_DEVICES, struct wn_market_row);
    if (!rows || !w.cells || !w.weights || !w.scratch || !w.cents)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the day");
    struct day d = day_at(m, m->next_day);
    struct channel_day now[MARKET_CHANNELS];
    for (int c = 0; c < m->options.n_channels; c++)
        now[c] = channel_day(m, c, &d);
    size_t n = 0;
    for (size_t i = 0; i < (size_t)m->options.n_campaigns && !rc; i++)
        rc = simulate_campaign(m, i, &d, &now[m->campaigns[i].truth.channel],
                               budgets ? &budgets[i] : NULL, &w, rows, &n, why);
    if (rc)
        return rc;
    m->next_day++;
    *out_rows = rows;
    *n_out = n;
    return WN_OK;
}

/* ---- life ------------------------------------------------------------------------------------- */

static wn_rc check_options(const struct wn_market_options *o, struct wn_why *why)
{
    const struct {
        const char *name;
        int value, min, max;
    } checks[] = {{"n_channels", o->n_channels, 1, MARKET_CHANNELS},
                  {"n_campaigns", o->n_campaigns, 1, 10000},
                  {"n_ads_per_group_max", o->n_ads_per_group_max, 1, 20},
                  {"n_days", o->n_days, 1, 3660},
                  {"day_from", o->day_from, WN_DAY_MIN + MARKET_WARM_UP_DAYS, WN_DAY_MAX - 3660}};
    for (size_t i = 0; i < WN_COUNT(checks); i++)
        if (checks[i].value < checks[i].min || checks[i].value > checks[i].max)
            return wn_fail(why, WN_INVALID, checks[i].name, "must be from %d to %d, not %d",
                           checks[i].min, checks[i].max, checks[i].value);
    return WN_OK;
}

/* The market is under way when the range begins: shocks and prices have their history. */
static void warm_up(struct wn_market *m)
{
    for (int offset = -MARKET_WARM_UP_DAYS; offset < 0; offset++) {
        struct day d = day_at(m, offset);
        for (int c = 0; c < m->options.n_channels; c++)
            (void)channel_day(m, c, &d);
        for (int i = 0; i < m->options.n_campaigns; i++) {
            struct wn_rand r = stream_of(m->campaigns[i].stream, &d);
            move_price(&m->campaigns[i], &r);
        }
    }
}

wn_rc wn_market_new(const struct wn_market_options *options, struct wn_market **out,
                    struct wn_why *why)
{
    wn_rc rc = check_options(options, why);
    if (rc)
        return rc;
    struct wn_market *m = malloc(sizeof *m);
    if (!m)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the market");
    *m = (struct wn_market){.options = *options};
    wn_arena_init(&m->arena, 0);
    m->campaigns =
        WN_ARENA_ARRAY(&m->arena, (size_t)options->n_campaigns, struct market_campaign_state);
    rc = m->campaigns ? market_draw_world(m, why)
                      : wn_fail(why, WN_MEMORY, NULL, "there is no memory for the market");
    if (rc) {
        wn_market_free(m);
        return rc;
    }
    warm_up(m);
    *out = m;
    return WN_OK;
}

void wn_market_free(struct wn_market *m)
{
    if (!m)
        return;
    wn_arena_deinit(&m->arena);
    free(m);
}

const char *wn_market_channel_name(int channel)
{
    return channel >= 0 && channel < MARKET_CHANNELS ? market_channels[channel].name : "other";
}

size_t wn_market_n_campaigns(const struct wn_market *m)
{
    return (size_t)m->options.n_campaigns;
}

const struct wn_market_campaign *wn_market_campaign(const struct wn_market *m, size_t i)
{
    return &m->campaigns[i].truth;
}

struct wn_str wn_market_ad_group_name(const struct wn_market *m, size_t campaign, int ad_group)
{
    return m->campaigns[campaign].groups[ad_group];
}

struct wn_str wn_market_ad_name(const struct wn_market *m, size_t campaign, int ad)
{
    return m->campaigns[campaign].ads[ad].name;
}

int wn_market_ad_group_of(const struct wn_market *m, size_t campaign, int ad)
{
    return m->campaigns[campaign].ads[ad].group;
}
