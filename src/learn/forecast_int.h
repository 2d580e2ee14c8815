/* What the files of the forecast share: a prepared series, and the members that forecast it.
 *
 * "Working scale" is the scale on which models are fitted: the logarithm of a positive series, the
 * inverse hyperbolic sine of one that touches zero, the plain value of one that goes below. */
#ifndef WN_LEARN_FORECAST_INT_H
#define WN_LEARN_FORECAST_INT_H

#include "winnow/forecast.h"

enum {
    WN_FC_FIT_POINTS = 400,   /* the smoothing members look at so many last points */
    WN_FC_POINTS_KEPT = 4096, /* older points are not looked at; more for long seasons */
    WN_FC_CYCLES_KEPT = 12,
    WN_FC_LAGS_MAX = 12
};

typedef enum wn_fc_scale { WN_FC_LOG, WN_FC_ASINH, WN_FC_PLAIN } wn_fc_scale;

/* A series ready to be fitted. */
struct wn_fc_prepared {
    const double *raw; /* [n] as given, NaN = missing */
    double *z;         /* [n] working scale, gaps filled, single points capped */
    double *plain;     /* [n] the same on the scale of the values, in error_units; NULL on PLAIN */
    size_t n;
    size_t n_known; /* points that are not missing */
    wn_fc_scale scale;
    double unit;          /* ASINH, PLAIN: the value that is 1 on the working scale */
    double z_low, z_high; /* the smallest and largest z before capping */
    double error_unit;    /* mean absolute (seasonal) difference on the scale of the values; > 0 */
    size_t seasons[2];    /* accepted periods, ascending */
    size_t n_seasons;
};

/* Sets scale and unit from raw, n and n_known. scratch [n]. */
void wn_fc_choose_scale(struct wn_fc_prepared *s, double *scratch);
double wn_fc_to_working(const struct wn_fc_prepared *s, double value);
double wn_fc_from_working(const struct wn_fc_prepared *s, double z);

/* Sums of products of a series with its own lags, up to some point; more points can be added, so
 * that the fits of one series from the oldest origin to the newest cost one pass. */
struct wn_fc_moments {
    size_t n; /* points seen; 0 = nothing yet */
    size_t lags[WN_FC_LAGS_MAX], n_lags;
    double origin; /* taken off all values */
    double weight; /* of the next point; grows, so that older points need no touch */
    double total, sums[WN_FC_LAGS_MAX + 1];
    double low, high; /* of the points seen */
    double *products; /* [packed n_lags + 1] */
};

/* Places of the parameters of a damped trend in their grids. */
struct wn_fc_cell {
    uint16_t alpha, beta, phi;
    bool is_known;
};

/* Memory for one fit after the other; sized for the longest series. */
struct wn_fc_scratch {
    double *deseasoned; /* [n] */
    double *profile;    /* [horizon + season] */
    double *sums;       /* [n + 1] */
    double *index;      /* [longest season] */
    double *index_weight;
    float *points; /* [WN_FC_FIT_POINTS] */
    double *rows;  /* [n + horizon] */
    double *matrix, *saved, *vector;
    double *sorted; /* [n] */
    /* Of z, of plain, and of what changes from fit to fit. */
    struct wn_fc_moments moments[3];
    struct wn_fc_cell damped; /* of the fit before */
};
wn_rc wn_fc_scratch_init(struct wn_fc_scratch *w, struct wn_arena *a, size_t n_max, size_t horizon,
                         size_t season_max);
/* Forgets what fits leave for the next ones of the same series: before a series, and before a fit
 * of fewer points. */
void wn_fc_scratch_forget(struct wn_fc_scratch *w);

/* Chooses the scale, fills gaps, finds seasons among candidates, caps single points. out->z and
 * raw are in a. Needs at least one known point. */
wn_rc wn_fc_prepare(struct wn_fc_prepared *out, const double *values, const uint8_t *excluded,
                    size_t n, const size_t *candidates, size_t n_candidates, bool forced,
                    struct wn_fc_scratch *w, struct wn_arena *a);
/* Whether the first n points of s carry a season of the period m: the test of the autocorrelation
 * at lag m, of the series or of its differences, at 90 % (one of Assimakopoulos and
 * Nikolopoulos 2000, and of the M4 benchmarks). */
bool wn_fc_has_season(const double *z, size_t n, size_t m, double *scratch);

/* Fills w->deseasoned [n] and index [period], the value to add at t being index[t % period];
 * returns the period, 1 without a season. */
size_t wn_fc_deseason(const struct wn_fc_prepared *s, size_t n, struct wn_fc_scratch *w);

/* All members fitted on the first n points: out [WN_FORECAST_MEMBERS][horizon] on the scale of the
 * values; usable[k] tells whether member k applies. */
void wn_fc_members(const struct wn_fc_prepared *s, size_t n, size_t horizon,
                   struct wn_fc_scratch *w, double *out, bool *usable);

/* What the intervals need to know of a series until all are fitted. Scores are residuals on the
 * working scale, and spreads the root of their mean square. */
struct wn_fc_spread {
    double z_unit;  /* mean (seasonal) change on the working scale; 0 = unknown */
    double *scores; /* arena: [n_windows][horizon], NaN = none */
    double others[WN_FORECAST_WINDOWS_MAX];   /* of the windows that do not touch this one */
    double n_others[WN_FORECAST_WINDOWS_MAX]; /* so many windows are those */
    double apart[WN_FORECAST_WINDOWS_MAX];    /* of one such window alone; 0 = there is none */
    double all;                               /* of all windows */
    size_t n_steps;                           /* of a window: the horizon, or less if short */
    bool widens;                    /* no season within the horizon: an interval never narrows */
    struct wn_fc_prepared prepared; /* its arrays are gone; scale and unit stay */
};

/* Sets low and high of the forecasts f [n_series], which have the same horizon and at most n_windows
 * windows. s [n_series]: its spreads are changed. Fails: MEMORY. */
wn_rc wn_fc_intervals(struct wn_forecast *f, struct wn_fc_spread *s, size_t n_series,
                      size_t n_windows, const double *levels, size_t n_levels,
                      struct wn_arena *work);

/* Smoothing members on x [n]; out [horizon]. */
void wn_fc_theta(const double *x, size_t n, size_t horizon, double *out);
void wn_fc_ses(const double *x, size_t n, size_t horizon, double *out);
/* points [n]: scratch. *cell: where to begin to look, all zero = everywhere; then the parameters. */
void wn_fc_damped(const double *x, size_t n, size_t horizon, float *points, struct wn_fc_cell *cell,
                  double *out);
/* Ridge regression of x on its own lags, iterated; out [horizon]. moments: of the same x with fewer
 * points, or with n = 0. False: too short. */
bool wn_fc_ridge_ar(const double *x, size_t n, size_t horizon, const size_t *lags, size_t n_lags,
                    struct wn_fc_moments *moments, struct wn_fc_scratch *w, double *out);

#endif
