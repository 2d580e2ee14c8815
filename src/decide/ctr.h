/* How often an ad is clicked: a model of the click-through rate, learnt from the tenant's own
 * statistics, that answers in microseconds and says why.
 *
 * Cells (impressions and clicks by channel, campaign, ad group, ad, device, placement, age, gender,
 * country, audience, hour and weekday, as far as sources report them) are summed over the last
 * WN_CLICK_DAYS days, older ones counting for less. Two models learn from them: shrinkage along the
 * tree channel > campaign > ad group > ad (learn/shrink.h), and additive effects of tree and fields
 * (learn/effects.h). Both are tried on the newest days, which they have not seen; the one that
 * predicts them better answers. With fewer than WN_CLICK_CLICKS_MIN clicks it is the tree.
 *
 * A model is made once and then only read: any number of threads, no store, no clock. */
#ifndef WN_DECIDE_CTR_H
#define WN_DECIDE_CTR_H

#include "decide/daily.h"

#define WN_CLICK_DAYS 90
#define WN_CLICK_HALF_LIFE_DAYS 28.0
#define WN_CLICK_CLICKS_MIN 200 /* below: only the tree */
#define WN_CLICK_TEST_DAYS_MAX 14
#define WN_CLICK_CELLS_MAX 250000
#define WN_CLICK_LEVELS_MAX 100 /* listed of a field */
#define WN_CLICK_BINS 10
#define WN_CLICK_VALUE_BYTES_MAX 500

/* The first WN_CLICK_DEPTHS are the tree, the widest first. */
#define WN_CLICK_FIELD_MAP(X)                                                                      \
    X(CHANNEL, "channel", "Channel")                                                               \
    X(CAMPAIGN, "campaign", "Campaign")                                                            \
    X(AD_GROUP, "ad_group", "Ad group")                                                            \
    X(AD, "ad", "Ad")                                                                              \
    X(DEVICE, "device", "Device")                                                                  \
    X(PLACEMENT, "placement", "Placement")                                                         \
    X(AGE, "age", "Age")                                                                           \
    X(GENDER, "gender", "Gender")                                                                  \
    X(COUNTRY, "country", "Country")                                                               \
    X(AUDIENCE, "audience", "Audience")                                                            \
    X(HOUR, "hour", "Hour")                                                                        \
    X(WEEKDAY, "weekday", "Weekday")
typedef enum wn_click_field {
#define X(name, text, label) WN_CLICK_##name,
    WN_CLICK_FIELD_MAP(X)
#undef X
        WN_CLICK_FIELDS
} wn_click_field;
#define WN_CLICK_DEPTHS 4
const char *wn_click_field_name(wn_click_field field);  /* "ad_group" */
const char *wn_click_field_label(wn_click_field field); /* "Ad group" */

/* Who answers. */
typedef enum wn_click_method {
    WN_CLICK_NOTHING, /* there are no impressions */
    WN_CLICK_TREE,
    WN_CLICK_EFFECTS
} wn_click_method;
const char *wn_click_method_name(wn_click_method method); /* "none", "tree-shrinkage", ... */

/* ---- what was learnt -------------------------------------------------------------------------- */

struct wn_click_level {
    struct wn_str value; /* to ask with: a name of a set, the id of a name, a number */
    struct wn_str label; /* for people */
    int channel;         /* code of what a campaign, ad group or ad belongs to; else -1 */
    double impressions, clicks;
    double odds, low, high; /* times those of its parent (tree), or of the average (others); 80 % */
};

struct wn_click_driver {
    wn_click_field field;
    double importance;                   /* standard deviation of its log-odds over impressions */
    size_t n_levels;                     /* that were seen */
    const struct wn_click_level *levels; /* [n_listed], by impressions */
    size_t n_listed;
};

struct wn_click_bin {
    double impressions, clicks;
    double predicted, observed;
    double low, high; /* of observed, 95 % (Wilson) */
};

/* On the newest days, by models that have not seen them. All NaN without such days. */
struct wn_click_test {
    int n_days;
    double impressions, clicks;
    double log_loss, log_loss_tree, log_loss_base; /* nats per impression; of who answers, of the
                                                      tree, of the mean rate before */
    double auc;                                    /* of who answers */
    double ratio;                                  /* predicted / observed clicks */
    double ece;                                    /* mean |predicted - observed| over the bins */
    double
        drift; /* population stability index of the predictions: newest days beside learnt ones */
    struct wn_click_bin bins[WN_CLICK_BINS]; /* of equal impressions, by rising prediction */
    size_t n_bins;
};
/* What the test says in a word: "untested" (fewer than 50 clicks), "good" (ECE within a tenth of the
 * rate), "fair" (a quarter), "poor". */
const char *wn_click_badge(const struct wn_click_test *test, double base_ratio);

struct wn_click_report {
    wn_click_method method;
    bool is_scarce;           /* fewer than WN_CLICK_CLICKS_MIN clicks */
    int32_t day_from, day_to; /* learnt from; only when method is not NOTHING */
    int64_t n_rows;           /* of the facts behind it */
    size_t n_cells;
    double impressions, clicks;
    double base_ratio; /* clicks / impressions of the whole */
    double dispersion; /* 1 = days and cells vary as chance lets them */
    const struct wn_click_driver
        *drivers; /* by falling importance, those with two levels or more */
    size_t n_drivers;
    unsigned merged; /* bits 1 << field: not told apart, there were too many cells */
    struct wn_click_test test;
    struct wn_daily_completeness completeness;
};

struct wn_click_model;

/* Learns. out: given; outlives book and stores. Cost: one scan of the last days, then seconds at the
 * most. Fails: MEMORY, and what the stores answer. */
WN_MUST_USE wn_rc wn_click_train(const struct wn_book *book, struct wn_click_model **out,
                                 struct wn_why *why);
/* Accepts NULL. */
void wn_click_model_free(struct wn_click_model *m);
/* Borrowed: as long as the model. */
const struct wn_click_report *wn_click_report(const struct wn_click_model *m);

/* ---- asking ----------------------------------------------------------------------------------- */

struct wn_click_question {
    struct wn_str values[WN_CLICK_FIELDS]; /* p NULL: not given. Names, source ids or own ids of
                                              campaigns, ad groups, ads; words of the platforms for
                                              channels, devices, genders; hour 0..23; weekday as
                                              monday, mon or 1..7; without regard to case */
    double level;                          /* of the interval, in (0, 1) */
};

struct wn_click_reason {
    wn_click_field field;
    struct wn_str value;    /* borrowed: from the model, or from the question when not known */
    double odds, low, high; /* how many times the odds are through it, at the level asked for */
    double impressions;     /* it was learnt from */
    bool is_known;          /* false: never seen in the statistics */
    bool is_given;          /* false: follows from what was given (the channel of a campaign) */
};

struct wn_click_answer {
    double ctr, low, high; /* 0 < low <= ctr <= high < 1; NaN when nothing was learnt */
    double base;           /* where the reasons start: the average impression */
    double impressions;    /* behind the narrowest part of the tree that is known */
    struct wn_click_reason reasons[WN_CLICK_FIELDS]; /* by size of effect */
    size_t n_reasons;
};

/* What is not given is averaged over by impressions, or follows where there is only one; a new
 * channel, campaign, ad group or ad is taken for a typical one and widens the interval by how much
 * those differ. The product of the reasons' odds and
 * the odds of base is the odds of ctr. Cannot fail; allocates nothing; about a microsecond. */
void wn_click_predict(const struct wn_click_model *m, const struct wn_click_question *question,
                      struct wn_click_answer *out);
/* True for a value of a set that is closed: an hour, a weekday. */
WN_MUST_USE bool wn_click_value_is_possible(wn_click_field field, struct wn_str value);

#endif
