/* The table of all calls. api/openapi.yaml says the same in the words of OpenAPI; a test compares
 * the two in both directions. Where two paths share a handler, the second is an older name. */
#include "serve/handlers.h"

#define P_TEXT(n, h)                                                                               \
    {                                                                                              \
        .name = (n), .kind = WN_PARAM_TEXT, .help = (h)                                            \
    }
#define P_INT(n, lo, hi, h)                                                                        \
    {                                                                                              \
        .name = (n), .kind = WN_PARAM_INT, .min = (lo), .max = (hi), .help = (h)                   \
    }
#define P_ENUM(n, v, h)                                                                            \
    {                                                                                              \
        .name = (n), .kind = WN_PARAM_ENUM, .values = (v), .help = (h)                             \
    }
#define P_FROM                                                                                     \
    {                                                                                              \
        .name = "from", .kind = WN_PARAM_DAY, .help = "First day, inclusive"                       \
    }
#define P_TO                                                                                       \
    {                                                                                              \
        .name = "to", .kind = WN_PARAM_DAY, .help = "Last day, inclusive"                          \
    }
#define P_WIDTH P_INT("width", 320, 4000, "Width in pixels")
#define P_HEIGHT P_INT("height", 320, 4000, "Height in pixels")
#define P_DARK                                                                                     \
    {                                                                                              \
        .name = "dark", .kind = WN_PARAM_BOOL, .help = "On a dark ground"                          \
    }
#define P_END                                                                                      \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const struct wn_param range_params[] = {P_FROM, P_TO, P_END};
static const struct wn_param picture_params[] = {P_FROM, P_TO, P_WIDTH, P_HEIGHT, P_DARK, P_END};
static const struct wn_param list_params[] = {
    P_INT("limit", 1, 1000, "At most so many"),
    P_TEXT("cursor", "Continues after the page whose Link header gave it"),
    P_INT("skip", 0, 1000000000, "Leaves out so many first"),
    P_END,
};
static const struct wn_param limit_params[] = {P_INT("limit", 1, 1000, "At most so many"), P_END};
static const struct wn_param query_params[] = {
    P_TEXT("metrics", "Names, separated by commas"),
    P_TEXT("by", "At most four dimensions, separated by commas"),
    P_TEXT("filter", "Conditions separated by ';'"),
    P_FROM,
    P_TO,
    P_ENUM("compare", "none|previous|year", "The period to compare with"),
    P_TEXT("sort", "A column of the result; '-' before it: from high to low"),
    P_INT("limit", 1, 100000, "At most so many rows"),
    P_INT("offset", 0, 1000000000, "Leaves out so many rows first"),
    P_ENUM("format", "json|csv", "The form of the answer"),
    P_END,
};
static const struct wn_param chart_params[] = {
    P_TEXT("metric", "One metric"),
    P_TEXT("by", "One time dimension, one other"),
    P_TEXT("filter", "Conditions separated by ';'"),
    P_FROM,
    P_TO,
    P_ENUM("kind", "line|bar", "The kind of chart"),
    P_TEXT("title", "A title"),
    P_WIDTH,
    P_HEIGHT,
    P_DARK,
    P_END,
};

#define OUTLOOK_METRICS "roi|roas|spend|revenue|conversions|clicks|impressions"
#define P_CHANNEL P_TEXT("channel", "One channel; without it all")
#define P_HORIZON P_INT("horizon", 1, 180, "Days to forecast")
static const struct wn_param outlook_params[] = {
    P_ENUM("metric", OUTLOOK_METRICS, "What is forecast"),
    P_CHANNEL,
    P_HORIZON,
    P_FROM,
    P_TO,
    P_WIDTH,
    P_HEIGHT,
    P_DARK,
    P_END,
};
static const struct wn_param channel_picture_params[] = {P_CHANNEL, P_FROM, P_TO, P_WIDTH,
                                                         P_HEIGHT,  P_DARK, P_END};
static const struct wn_param curves_params[] = {
    P_ENUM("by", "campaign|channel", "What gets a budget of its own"),
    P_ENUM("objective", "revenue|conversions", "What the curves return"),
    P_CHANNEL,
    P_FROM,
    P_TO,
    P_END,
};

#define ANOMALY_METRICS "spend|conversions|revenue|clicks|impressions|ctr|cpa|roas"
static const struct wn_param anomalies_params[] = {
    P_ENUM("metric", ANOMALY_METRICS, "One metric; without it all"),
    P_CHANNEL,
    P_FROM,
    P_TO,
    P_ENUM("severity", "low|medium|high", "At least so severe"),
    P_INT("limit", 1, 1000, "At most so many, the newest first"),
    P_TEXT("user_id", "Taken and not needed until accounts exist"),
    P_END,
};
static const struct wn_param timeline_params[] = {
    P_ENUM("metric", ANOMALY_METRICS, "One metric"),
    P_TEXT("entity", "total, channel:NAME or campaign:ID"),
    P_FROM,
    P_TO,
    P_END,
};

static const struct wn_param predictions_params[] = {
    P_INT("limit", 1, 1000, "At most so many"),
    P_TEXT("cursor", "Continues after the page whose Link header gave it"),
    P_END,
};

static const struct wn_param experiment_params[] = {
    P_TEXT("control", "Of a body of CSV: what the others are held against"),
    P_ENUM("goal", "increase|decrease", "Of a body of CSV: what the metric is wished to do"),
    P_TEXT("alpha", "Of a body of CSV: probability of ever being wrong"),
    P_TEXT("minimum", "Of a body of CSV: smallest effect that matters, of the control's mean"),
    P_END,
};

enum { JSON_BYTES_MAX = 64 * 1024 };
#define BODY_JSON .body = WN_BODY_MEMORY, .body_bytes_max = JSON_BYTES_MAX
/* A question about 2,000 campaigns with their bounds. */
#define BODY_JSON_LARGE .body = WN_BODY_MEMORY, .body_bytes_max = 16 * JSON_BYTES_MAX
/* The result of an A/B test, with a row for each of some hundred thousand units. */
#define BODY_EXPERIMENT                                                                            \
    .body = WN_BODY_MEMORY, .body_bytes_max = 512 * JSON_BYTES_MAX, .takes_csv = true
#define BODY_FILE .body = WN_BODY_UPLOAD, .body_bytes_max = WN_IMPORT_BYTES_MAX
/* What touches a store may wait: it runs on a worker. */
#define SLOW .on_worker = true
#define QUICK .on_worker = false

const struct wn_route wn_routes[] = {
    {WN_GET, "/", wn_handle_page, QUICK},
    {WN_GET, "/health", wn_handle_health, SLOW},
    {WN_GET, "/metrics", wn_handle_metrics_text, SLOW},
    {WN_GET, "/docs", wn_handle_docs, QUICK},
    {WN_GET, "/api/docs", wn_handle_docs, QUICK},
    {WN_GET, "/api/redoc", wn_handle_docs, QUICK},
    {WN_GET, "/openapi.json", wn_handle_openapi, QUICK},
    {WN_GET, "/api", wn_handle_api, QUICK},
    {WN_GET, "/api/v1/ml/health", wn_handle_ml_health, SLOW},

    {WN_GET, "/api/v1/workspace", wn_handle_workspace, SLOW},
    {WN_POST, "/api/v1/sample", wn_handle_sample_create, SLOW},
    {WN_DELETE, "/api/v1/sample", wn_handle_sample_delete, SLOW},
    {WN_GET, "/api/v1/metrics", wn_handle_metrics_list, SLOW},
    {WN_POST, "/api/v1/metrics", wn_handle_metrics_create, BODY_JSON, SLOW},
    {WN_DELETE, "/api/v1/metrics/{name}", wn_handle_metrics_delete, SLOW},

    {WN_GET, "/api/v1/analytics/query", wn_handle_query, query_params, SLOW},
    {WN_GET, "/api/v1/analytics/chart", wn_handle_chart, chart_params, SLOW},
    {WN_GET, "/api/analytics/summary", wn_handle_summary, range_params, SLOW},
    {WN_GET, "/api/analytics/channels", wn_handle_channels, range_params, SLOW},
    {WN_GET, "/api/analytics/roi-trend", wn_handle_roi_trend, range_params, SLOW},
    {WN_GET, "/api/dashboards/roi-chart", wn_handle_roi_chart, picture_params, SLOW},
    {WN_GET, "/api/dashboards/conversion-chart", wn_handle_conversion_chart, picture_params, SLOW},
    {WN_GET, "/api/reports/export/excel", wn_handle_excel, range_params, SLOW},
    {WN_GET, "/export/excel", wn_handle_excel, range_params, SLOW},

    {WN_GET, "/api/campaigns", wn_handle_campaigns, list_params, SLOW},
    {WN_POST, "/api/campaigns", wn_handle_campaign_create, BODY_JSON, SLOW},
    {WN_GET, "/api/campaigns/channels", wn_handle_campaign_channels, SLOW},
    {WN_GET, "/api/campaigns/channel/{channel}", wn_handle_campaigns_of_channel, list_params, SLOW},
    {WN_GET, "/api/campaigns/{campaign_id}", wn_handle_campaign, SLOW},

    {WN_GET, "/api/ml-dashboard/roi-forecast", wn_handle_outlook, outlook_params, SLOW},
    {WN_GET, "/api/ml-dashboard/roi-forecast/data", wn_handle_outlook, outlook_params, SLOW},
    {WN_GET, "/api/ml-dashboard/roi-forecast/image", wn_handle_outlook_image, outlook_params, SLOW},
    {WN_GET, "/api/ml-dashboard/roi-timeseries", wn_handle_roi_series, channel_picture_params,
     SLOW},
    {WN_GET, "/api/ml-dashboard/roi-timeseries/data", wn_handle_roi_series, channel_picture_params,
     SLOW},
    {WN_GET, "/api/ml-dashboard/roi-timeseries/image", wn_handle_roi_series_image,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/reach-ctr-timeseries", wn_handle_reach_series,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/reach-ctr-timeseries/data", wn_handle_reach_series,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/reach-ctr-timeseries/image", wn_handle_reach_series_image,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/budget-recommendation", wn_handle_budget_advice,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/budget-recommendation/data", wn_handle_budget_advice,
     channel_picture_params, SLOW},
    {WN_GET, "/api/ml-dashboard/budget-recommendation/image", wn_handle_budget_advice_image,
     channel_picture_params, SLOW},
    {WN_POST, "/api/v1/ml/optimize/budget", wn_handle_budget_optimise, BODY_JSON_LARGE, SLOW},
    {WN_GET, "/api/v1/ml/budget/curves", wn_handle_budget_curves, curves_params, SLOW},
    {WN_GET, "/api/v1/ml/detect/anomalies", wn_handle_anomalies, anomalies_params, SLOW},
    {WN_POST, "/api/v1/ml/predict/ctr", wn_handle_ctr_predict, BODY_JSON_LARGE, SLOW},
    {WN_GET, "/api/v1/ml/ctr/model", wn_handle_ctr_model, SLOW},
    {WN_GET, "/api/v1/ml/anomalies/timeline", wn_handle_anomaly_timeline, timeline_params, SLOW},

    {WN_POST, "/api/v1/experiments/analyze", wn_handle_experiments_analyse, experiment_params,
     BODY_EXPERIMENT, SLOW},
    {WN_POST, "/api/v1/experiments/plan", wn_handle_experiments_plan, BODY_JSON, SLOW},

    {WN_GET, "/api/predictions", wn_handle_predictions, predictions_params, SLOW},
    {WN_GET, "/api/predictions/latest", wn_handle_predictions_latest, limit_params, SLOW},
    {WN_POST, "/api/predictions/generate", wn_handle_predictions_generate, BODY_JSON, SLOW},

    {WN_GET, "/api/v1/imports/options", wn_handle_import_options, QUICK},
    {WN_GET, "/api/v1/imports", wn_handle_imports, limit_params, SLOW},
    {WN_POST, "/api/v1/imports", wn_handle_import_create, BODY_FILE, SLOW},
    {WN_GET, "/api/v1/imports/{import_id}", wn_handle_import, SLOW},
};
const size_t wn_n_routes = WN_COUNT(wn_routes);
