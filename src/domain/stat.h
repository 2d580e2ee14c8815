/* One row of advertising statistics, and the small sets its columns draw from. */
#ifndef WN_DOMAIN_STAT_H
#define WN_DOMAIN_STAT_H

#include "core/str.h"

/* Stored as UTINYINT: numbers are forever, new ones go to the end. Name | label. */
#define WN_CHANNEL_MAP(X)                                                                          \
    X(OTHER, 0, "other", "Other")                                                                  \
    X(FACEBOOK, 1, "facebook", "Facebook")                                                         \
    X(INSTAGRAM, 2, "instagram", "Instagram")                                                      \
    X(GOOGLE_ADS, 3, "google_ads", "Google Ads")                                                   \
    X(TIKTOK, 4, "tiktok", "TikTok")                                                               \
    X(TELEGRAM, 5, "telegram", "Telegram")                                                         \
    X(YANDEX_DIRECT, 6, "yandex_direct", "Yandex Direct")                                          \
    X(LINKEDIN, 7, "linkedin", "LinkedIn")                                                         \
    X(TWITTER, 8, "twitter", "X (Twitter)")                                                        \
    X(PINTEREST, 9, "pinterest", "Pinterest")                                                      \
    X(YOUTUBE, 10, "youtube", "YouTube")                                                           \
    X(SNAPCHAT, 11, "snapchat", "Snapchat")                                                        \
    X(MESSENGER, 12, "messenger", "Messenger")                                                     \
    X(AUDIENCE_NETWORK, 13, "audience_network", "Audience Network")                                \
    X(REDDIT, 14, "reddit", "Reddit")                                                              \
    X(BING, 15, "bing", "Microsoft Advertising")                                                   \
    X(THREADS, 16, "threads", "Threads")                                                           \
    X(WHATSAPP, 17, "whatsapp", "WhatsApp")                                                        \
    X(EMAIL, 18, "email", "Email")                                                                 \
    X(VK, 19, "vk", "VK")

#define WN_DEVICE_MAP(X)                                                                           \
    X(UNKNOWN, 0, "unknown", "Unknown")                                                            \
    X(DESKTOP, 1, "desktop", "Desktop")                                                            \
    X(MOBILE, 2, "mobile", "Mobile")                                                               \
    X(TABLET, 3, "tablet", "Tablet")                                                               \
    X(TV, 4, "tv", "TV screen")                                                                    \
    X(OTHER, 5, "other", "Other")

#define WN_GENDER_MAP(X)                                                                           \
    X(UNKNOWN, 0, "unknown", "Unknown")                                                            \
    X(FEMALE, 1, "female", "Female")                                                               \
    X(MALE, 2, "male", "Male")

typedef enum wn_channel {
#define X(name, code, text, label) WN_CHANNEL_##name = code,
    WN_CHANNEL_MAP(X)
#undef X
} wn_channel;
typedef enum wn_device {
#define X(name, code, text, label) WN_DEVICE_##name = code,
    WN_DEVICE_MAP(X)
#undef X
} wn_device;
typedef enum wn_gender {
#define X(name, code, text, label) WN_GENDER_##name = code,
    WN_GENDER_MAP(X)
#undef X
} wn_gender;

/* A code of one of the sets above with its stable name and its label for people. */
struct wn_code {
    uint8_t code;
    const char *name;
    const char *label;
};
extern const struct wn_code wn_channels[];
extern const size_t wn_n_channels;
extern const struct wn_code wn_devices[];
extern const size_t wn_n_devices;
extern const struct wn_code wn_genders[];
extern const size_t wn_n_genders;
/* The entry of a code, or NULL. */
const struct wn_code *wn_code_by_number(const struct wn_code *set, size_t n, uint8_t code);
/* The entry whose name or label it is, without regard to case, space, '_' and '-'; or NULL. */
const struct wn_code *wn_code_by_name(const struct wn_code *set, size_t n, struct wn_str name);
/* The code of a name, a label, or a word that platforms use for it ("fb", "mobile app", "women"),
 * compared as above. False when nobody says so; *out is then untouched. */
bool wn_channel_by_word(struct wn_str s, uint8_t *out);
bool wn_device_by_word(struct wn_str s, uint8_t *out);
bool wn_gender_by_word(struct wn_str s, uint8_t *out);

/* What is summed. All int64 micros (millionths): see core/num.h. */
#define WN_MEASURE_MAP(X)                                                                          \
    X(IMPRESSIONS, "impressions")                                                                  \
    X(REACH, "reach")                                                                              \
    X(CLICKS, "clicks")                                                                            \
    X(ENGAGEMENTS, "engagements")                                                                  \
    X(VIDEO_VIEWS, "video_views")                                                                  \
    X(CONVERSIONS, "conversions")                                                                  \
    X(SPEND, "spend")                                                                              \
    X(REVENUE, "revenue")

typedef enum wn_measure {
#define X(name, text) WN_MEASURE_##name,
    WN_MEASURE_MAP(X)
#undef X
        WN_MEASURE_N
} wn_measure;
/* "impressions", ...: the name in formulas; the column of ad_stats is this with "_micros". */
extern const char *const wn_measure_names[WN_MEASURE_N];

/* Texts that rows refer to by id (see store/facts.h). Stored: numbers are forever. */
#define WN_NAME_KIND_MAP(X)                                                                        \
    X(ACCOUNT, 1, "account")                                                                       \
    X(CAMPAIGN, 2, "campaign")                                                                     \
    X(AD_GROUP, 3, "ad_group")                                                                     \
    X(AD, 4, "ad")                                                                                 \
    X(COUNTRY, 5, "country")                                                                       \
    X(AGE, 6, "age")                                                                               \
    X(PLACEMENT, 7, "placement")                                                                   \
    X(AUDIENCE, 8, "audience")
typedef enum wn_name_kind {
#define X(name, code, text) WN_NAME_##name = code,
    WN_NAME_KIND_MAP(X)
#undef X
} wn_name_kind;

#define WN_HOUR_NONE (-1)

/* Ids: of the names table; 0 = not broken down by it. */
struct wn_stat {
    int32_t day;
    int32_t account_id;
    int32_t campaign_id;
    int32_t ad_group_id;
    int32_t ad_id;
    int32_t country_id; /* country, region or place, as the source names it */
    int32_t age_id;
    int32_t placement_id;
    int32_t audience_id; /* interest, segment or keyword */
    uint8_t channel;
    uint8_t device;
    uint8_t gender;
    int8_t hour;                    /* 0..23, or WN_HOUR_NONE for a row of the whole day */
    int64_t measures[WN_MEASURE_N]; /* micros */
};

#endif
