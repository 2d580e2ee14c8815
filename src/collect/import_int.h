/* Private to the import: the tables of formats, the plan made for one file, and the row reader. */
#ifndef WN_COLLECT_IMPORT_INT_H
#define WN_COLLECT_IMPORT_INT_H

#include "collect/import.h"
#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/num.h"

/* ---- fields and formats (import_format.c) ----------------------------------------------------- */

/* name for --map | label | help */
#define IMPORT_FIELD_MAP(X)                                                                        \
    X(IGNORE, "ignore", "Ignore", "the column is not read")                                        \
    X(DATE, "date", "Date", "day of the row; also a weekday name when the file states its range")  \
    X(DATE_TIME, "date_time", "Date and hour", "a moment: its day and its hour")                   \
    X(DATE_END, "date_end", "Last day", "last day when a row covers several days")                 \
    X(HOUR, "hour", "Hour", "hour of the day, 0 to 23")                                            \
    X(ACCOUNT, "account", "Account", "name of the ad account")                                     \
    X(ACCOUNT_ID, "account_id", "Account ID", "the platform's id of the ad account")               \
    X(CAMPAIGN, "campaign", "Campaign", "name of the campaign")                                    \
    X(CAMPAIGN_ID, "campaign_id", "Campaign ID", "the platform's id of the campaign")              \
    X(AD_GROUP, "ad_group", "Ad group", "name of the ad group or ad set")                          \
    X(AD_GROUP_ID, "ad_group_id", "Ad group ID", "the platform's id of the ad group or ad set")    \
    X(AD, "ad", "Ad", "name of the ad")                                                            \
    X(AD_ID, "ad_id", "Ad ID", "the platform's id of the ad")                                      \
    X(CHANNEL, "channel", "Channel", "facebook, instagram, google_ads, tiktok ...")                \
    X(DEVICE, "device", "Device", "desktop, mobile, tablet, tv")                                   \
    X(COUNTRY, "country", "Country or place", "country, region or city")                           \
    X(AGE, "age", "Age", "age range")                                                              \
    X(GENDER, "gender", "Gender", "female, male, unknown")                                         \
    X(PLACEMENT, "placement", "Placement", "where the ad was shown")                               \
    X(AUDIENCE, "audience", "Audience", "interest, segment or keyword")                            \
    X(CURRENCY, "currency", "Currency", "three-letter code of the amounts")                        \
    X(IMPRESSIONS, "impressions", "Impressions", "times shown")                                    \
    X(REACH, "reach", "Reach", "people who saw it")                                                \
    X(CLICKS, "clicks", "Clicks", "clicks")                                                        \
    X(ENGAGEMENTS, "engagements", "Engagements", "likes, comments, enquiries and the like")        \
    X(VIDEO_VIEWS, "video_views", "Video views", "times the video was played")                     \
    X(CONVERSIONS, "conversions", "Conversions", "results that count; fractions are kept")         \
    X(SPEND, "spend", "Spend", "amount spent")                                                     \
    X(REVENUE, "revenue", "Revenue", "value of the conversions")                                   \
    X(SPEND_MICROS, "spend_micros", "Spend (millionths)", "amount spent in millionths")            \
    X(CONVERSION_RATE, "conversion_rate", "Conversion rate",                                       \
      "as stated by the file; gives conversions = clicks x rate where the file has none")          \
    X(ROI, "roi", "ROI",                                                                           \
      "as stated by the file; gives revenue = spend x (1 + ROI) if it has none")                   \
    X(TARGET_AUDIENCE, "target_audience", "Target audience", "text of the campaign")               \
    X(GOAL, "goal", "Goal", "text of the campaign")                                                \
    X(LOCATION, "location", "Location", "text of the campaign")                                    \
    X(LANGUAGE, "language", "Language", "text of the campaign")                                    \
    X(CUSTOMER_SEGMENT, "customer_segment", "Customer segment", "text of the campaign")            \
    X(COMPANY, "company", "Company", "text of the campaign")                                       \
    X(STATUS, "status", "Status", "state of the campaign as the source says it")                   \
    X(DURATION_DAYS, "duration_days", "Duration (days)", "of the campaign")                        \
    X(ENGAGEMENT_SCORE, "engagement_score", "Engagement score", "of the campaign")

typedef enum import_field {
#define X(name, text, label, help) FIELD_##name,
    IMPORT_FIELD_MAP(X)
#undef X
        FIELD_N
} import_field;

/* A header that a format knows. Compared without case and without anything but letters and digits,
 * so that "Campaign name", "campaign_name" and "CAMPAIGN NAME" are one. */
struct import_alias {
    const char
        *header; /* as normalise_header gives it; a final '*' stands for "(XXX)", a currency */
    import_field field;
    uint8_t rank;      /* of several columns for one field the lowest rank is taken */
    uint8_t telling;   /* how much it speaks for the format; 0 = any format may have it */
    const char *needs; /* only when the file has this header as well; NULL = always */
};

struct import_format {
    struct wn_import_format shown;
    const struct import_alias *aliases; /* looked up before the common ones */
    size_t n_aliases;
    uint8_t channel;          /* where no column says it */
    bool campaign_by_channel; /* one campaign id on two channels is two campaigns */
    bool nameless_is_total;   /* a row without any name sums up the others */
};
extern const struct import_format import_format_table[];

#define HEADER_TEXT_MAX 128
/* Letters and digits of a header in lower case; bytes beyond ASCII stay. A currency in parentheses
 * at the end ("Amount spent (IDR)") is cut off, put into currency and marked by '*'. Returns n. */
size_t normalise_header(struct wn_str header, char out[HEADER_TEXT_MAX], char currency[4]);
/* The alias of a header in a format, or in the common table; NULL. needs is not looked at. */
const struct import_alias *format_alias(const struct import_format *f, const char *header,
                                        const struct import_alias *after);
const struct import_format *format_by_name(struct wn_str name);
const struct import_format *format_guess(const struct wn_str *headers, size_t n,
                                         struct wn_str file_name);
/* True when any format knows the header. */
bool header_is_known(struct wn_str header);
import_field field_by_name(struct wn_str name); /* FIELD_N when unknown */

/* ---- the plan: what was found out about a file (import_plan.c) -------------------------------- */

#define HEAD_ROWS_MAX 1000
#define HEAD_BYTES_MAX ((size_t)8 << 20)
#define TITLE_LINES_MAX 50
#define PREVIEW_ROWS_MAX 10

struct head_record {
    struct wn_str *fields;
    size_t n_fields;
    uint64_t line;
};

struct import_plan {
    const struct import_format *format;
    struct wn_str *headers;                /* [n_columns] */
    import_field *fields;                  /* [n_columns] */
    struct wn_decimal_look *decimal_looks; /* [n_columns] */
    char *decimals;                        /* [n_columns] '.' or ',' */
    size_t n_columns;
    int column_of[FIELD_N]; /* -1 = none */
    uint64_t header_line;
    char currency[4];
    int32_t range_from, range_to; /* from title lines or the file's name; from > to: none */
    bool range_from_option;
    int map_given[FIELD_N]; /* column the map names for a field, from 1; 0 = none */
    int map_lost;           /* a column whose field the map gave to another; from 1 */
    struct wn_date_look dates;
    bool takes_hour;    /* of a date column */
    bool only_weekdays; /* its date column names days of the week */
    bool has_names;     /* some row names what it is about */
    bool has_measure;   /* some column is a measure */
    bool looked;        /* the whole file has been looked at for dates and decimals */
    bool is_open;       /* the head cannot settle them: look before reading rows */
    bool whole_file_in_head;
    struct head_record *head; /* rows below the header */
    size_t n_head;
};

/* Reads the first part of the file and makes the plan. */
WN_MUST_USE wn_rc plan_make(const struct wn_import_source *source,
                            const struct wn_import_options *options, struct wn_arena *a,
                            struct import_plan *plan, struct wn_import_summary *out,
                            struct wn_why *why);
/* Takes what one row says about dates and decimals into the plan. */
void plan_look(struct import_plan *plan, const struct wn_str *fields, size_t n_fields);
/* Settles the decimals after the looks. */
void plan_settle(struct import_plan *plan);

/* Lists what the user said or the header holds that is not used. */
struct import_job;
void plan_remark(const struct import_plan *plan, struct import_job *job);

/* Three capital letters. */
bool text_is_currency(struct wn_str s);
bool row_is_total(const struct import_plan *plan, const struct wn_str *fields, size_t n_fields);
bool row_is_nameless(const struct import_plan *plan, const struct wn_str *fields, size_t n_fields);
bool row_is_blank(const struct wn_str *fields, size_t n_fields);

/* ---- pumping bytes through the CSV reader (import_pump.c) ------------------------------------- */

struct pump {
    const struct wn_import_source *source;
    wn_import_progress_fn *on_progress; /* may be NULL */
    void *progress_context;
    const uint64_t *n_rows; /* shown with the progress; may be NULL */
    uint64_t hash;          /* of all bytes, after a whole run */
    char encoding[12];
    char separator; /* in: 0 = find; out: the one in use */
    bool ends_in_line_end;
};
#define PUMP_STOP WN_CANCELLED /* returned by on_record: enough; pump_run gives WN_OK */
WN_MUST_USE wn_rc pump_run(struct pump *p, wn_csv_record_fn *on_record, void *context,
                           bool *stopped, struct wn_why *why);

/* ---- rows (import_row.c) ---------------------------------------------------------------------- */

#define NAME_BYTES_MAX 1000 /* of the name or id of a campaign, a keyword ... */
#define NAMES_MAX 20000000  /* different names in one file */

/* The name of the previous row of a column: most columns repeat it. */
struct name_cache {
    char text[256];
    size_t n; /* SIZE_MAX = nothing yet */
    int64_t parent;
    int32_t id;
};

/* Texts of a column of codes met before, by a cheap hash. */
#define CODE_SLOTS 32
struct code_cache {
    char text[23];
    uint8_t n; /* 0 = free */
    uint8_t code;
};

#define DAY_WORDS ((WN_DAY_MAX + 64) / 64)
struct import_account {
    int32_t account_id;
    struct wn_str name;
    int32_t day_from, day_to;   /* of its rows */
    int32_t last_day, last_end; /* the days marked last */
    uint64_t *days;             /* [DAY_WORDS] bitmap of the days that its rows cover */
    uint64_t n_rows, n_rows_before;
    uint64_t content, content_before; /* sums of the rows' hashes: order does not matter */
    int64_t sums[WN_MEASURE_N];
};

/* A ratio that counts only while all rows of the campaign state the same. */
struct stated {
    double value;
    bool given, differs;
};
struct import_campaign {
    struct wn_campaign c;
    struct stated rate, roi, score;
};

#define ROWS_BATCH 2048
#define TEXT_SLOTS 1024

struct import_job {
    const struct wn_import_options *options;
    const struct import_plan *plan;
    struct wn_import_summary *out;
    struct wn_arena *a;         /* of the summary */
    struct wn_arena own;        /* of what is needed until the end of the import */
    struct wn_facts_tx *tx;     /* NULL: a dry run, names get numbers of their own */
    struct wn_str account_name; /* where no column says it */

    struct wn_map ids;                     /* kind, parent and key -> id */
    struct wn_map account_at, campaign_at; /* id -> index */
    struct import_account *accounts;
    size_t n_accounts, room_accounts;
    struct import_campaign *campaigns;
    size_t n_campaigns, room_campaigns;
    size_t last_account, last_campaign; /* of the previous row; SIZE_MAX = none */
    uint32_t last_id;
    struct name_cache caches[9];            /* by wn_name_kind */
    struct code_cache codes[3][CODE_SLOTS]; /* channel, device, gender */
    struct name_cache date_cache;
    int8_t date_cache_hour;
    int32_t date_cache_end;
    struct wn_str texts[TEXT_SLOTS]; /* texts of campaigns, to keep each once */
    struct wn_stat *batch;           /* [ROWS_BATCH] */
    size_t n_batch;
    size_t room_problems;
    uint64_t n_early_errors; /* among the first HEAD_ROWS_MAX rows */
    bool needs_look;         /* a cell was met which only the whole file can settle */
    bool is_last_short;      /* the last row had too few cells */
    uint64_t last_line;
    bool said_several_days, said_guessed, said_both_orders, said_currency;
};

/* job is large: allocate it. tx may be NULL. */
WN_MUST_USE wn_rc job_init(struct import_job *job, const struct wn_import_options *options,
                           const struct import_plan *plan, struct wn_import_summary *out,
                           struct wn_arena *a, struct wn_facts_tx *tx, struct wn_why *why);
void job_deinit(struct import_job *job);
/* One row below the header. What is wrong with the row goes into the summary; errors returned are
 * those that end the import. With needs_look set it asks to be started again after a look. */
WN_MUST_USE wn_rc job_row(struct import_job *job, const struct wn_str *fields, size_t n_fields,
                          uint64_t line, struct wn_why *why);
WN_MUST_USE wn_rc job_flush(struct import_job *job, struct wn_why *why);
/* Adds a problem. column -1: of the row, or with line 0 of the file. */
void job_problem(struct import_job *job, bool is_error, uint64_t line, int column,
                 struct wn_str value, const char *format, ...) WN_PRINTF(6, 7);
uint64_t stat_hash(const struct wn_stat *row);
/* s cut to at most n bytes, not within a character, copied into a. */
struct wn_str text_cut(struct wn_arena *a, struct wn_str s, size_t n);

#endif
