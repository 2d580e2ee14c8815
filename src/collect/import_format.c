#include "collect/import_int.h"

#include <string.h>

/* One more format: an alias table below and one entry in import_format_table. */

const struct wn_import_field wn_import_fields[] = {
#define X(name, text, label, help) {text, label, help},
    IMPORT_FIELD_MAP(X)
#undef X
};
const size_t wn_n_import_fields = WN_COUNT(wn_import_fields);

/* Columns that mean the same in every export. {header, field, rank, telling, needs} */
static const struct import_alias common[] = {
    {"date", FIELD_DATE, 0, 0, NULL},
    {"day", FIELD_DATE, 1, 0, NULL},
    {"addate", FIELD_DATE, 2, 0, NULL},
    {"reportdate", FIELD_DATE, 2, 0, NULL},
    {"statdate", FIELD_DATE, 2, 0, NULL},
    {"reportingstarts", FIELD_DATE, 4, 0, NULL},
    {"startdate", FIELD_DATE, 5, 0, NULL},
    {"datestart", FIELD_DATE, 5, 0, NULL},
    {"week", FIELD_DATE, 6, 0, NULL},
    {"month", FIELD_DATE, 7, 0, NULL},
    {"dayofweek", FIELD_DATE, 9, 0, NULL},
    {"weekday", FIELD_DATE, 9, 0, NULL},
    {"datetime", FIELD_DATE_TIME, 0, 0, NULL},
    {"timestamp", FIELD_DATE_TIME, 1, 0, NULL},
    {"reportingends", FIELD_DATE_END, 0, 0, NULL},
    {"enddate", FIELD_DATE_END, 1, 0, NULL},
    {"datestop", FIELD_DATE_END, 1, 0, NULL},
    {"dateend", FIELD_DATE_END, 1, 0, NULL},
    {"hour", FIELD_HOUR, 0, 0, NULL},
    {"hourofday", FIELD_HOUR, 0, 0, NULL},
    {"starthour", FIELD_HOUR, 1, 0, NULL},
    {"account", FIELD_ACCOUNT, 1, 0, NULL},
    {"accountname", FIELD_ACCOUNT, 0, 0, NULL},
    {"advertisername", FIELD_ACCOUNT, 1, 0, NULL},
    {"accountid", FIELD_ACCOUNT_ID, 0, 0, NULL},
    {"adaccountid", FIELD_ACCOUNT_ID, 0, 0, NULL},
    {"customerid", FIELD_ACCOUNT_ID, 0, 0, NULL},
    {"advertiserid", FIELD_ACCOUNT_ID, 0, 0, NULL},
    {"campaign", FIELD_CAMPAIGN, 1, 0, NULL},
    {"campaignname", FIELD_CAMPAIGN, 0, 0, NULL},
    {"campaignid", FIELD_CAMPAIGN_ID, 0, 0, NULL},
    {"adgroup", FIELD_AD_GROUP, 1, 0, NULL},
    {"adgroupname", FIELD_AD_GROUP, 0, 0, NULL},
    {"adset", FIELD_AD_GROUP, 1, 0, NULL},
    {"adsetname", FIELD_AD_GROUP, 0, 0, NULL},
    {"adgroupid", FIELD_AD_GROUP_ID, 0, 0, NULL},
    {"adsetid", FIELD_AD_GROUP_ID, 0, 0, NULL},
    {"ad", FIELD_AD, 1, 0, NULL},
    {"ads", FIELD_AD, 1, 0, NULL},
    {"adname", FIELD_AD, 0, 0, NULL},
    {"adcreative", FIELD_AD, 2, 0, NULL},
    {"creativename", FIELD_AD, 2, 0, NULL},
    {"adid", FIELD_AD_ID, 0, 0, NULL},
    {"creativeid", FIELD_AD_ID, 1, 0, NULL},
    {"channel", FIELD_CHANNEL, 0, 0, NULL},
    {"channelused", FIELD_CHANNEL, 0, 0, NULL},
    {"platform", FIELD_CHANNEL, 1, 0, NULL},
    {"publisherplatform", FIELD_CHANNEL, 1, 0, NULL},
    {"device", FIELD_DEVICE, 0, 0, NULL},
    {"devicetype", FIELD_DEVICE, 1, 0, NULL},
    {"deviceplatform", FIELD_DEVICE, 2, 0, NULL},
    {"impressiondevice", FIELD_DEVICE, 1, 0, NULL},
    {"country", FIELD_COUNTRY, 0, 0, NULL},
    {"countryname", FIELD_COUNTRY, 0, 0, NULL},
    {"countrycode", FIELD_COUNTRY, 1, 0, NULL},
    {"membercountry", FIELD_COUNTRY, 1, 0, NULL},
    {"region", FIELD_COUNTRY, 2, 0, NULL},
    {"memberregion", FIELD_COUNTRY, 2, 0, NULL},
    {"geo", FIELD_COUNTRY, 3, 0, NULL},
    {"location", FIELD_COUNTRY, 3, 0, NULL},
    {"locationname", FIELD_COUNTRY, 3, 0, NULL},
    {"city", FIELD_COUNTRY, 4, 0, NULL},
    {"age", FIELD_AGE, 0, 0, NULL},
    {"agerange", FIELD_AGE, 1, 0, NULL},
    {"agegroup", FIELD_AGE, 1, 0, NULL},
    {"gender", FIELD_GENDER, 0, 0, NULL},
    {"sex", FIELD_GENDER, 1, 0, NULL},
    {"placement", FIELD_PLACEMENT, 0, 0, NULL},
    {"audience", FIELD_AUDIENCE, 0, 0, NULL},
    {"interest", FIELD_AUDIENCE, 1, 0, NULL},
    {"interests", FIELD_AUDIENCE, 1, 0, NULL},
    {"segment", FIELD_AUDIENCE, 2, 0, NULL},
    {"keyword", FIELD_AUDIENCE, 3, 0, NULL},
    {"keywordtext", FIELD_AUDIENCE, 3, 0, NULL},
    {"currency", FIELD_CURRENCY, 0, 0, NULL},
    {"currencycode", FIELD_CURRENCY, 0, 0, NULL},
    {"accountcurrency", FIELD_CURRENCY, 0, 0, NULL},
    {"impressions", FIELD_IMPRESSIONS, 0, 0, NULL},
    {"impr", FIELD_IMPRESSIONS, 1, 0, NULL},
    {"imps", FIELD_IMPRESSIONS, 1, 0, NULL},
    {"reach", FIELD_REACH, 0, 0, NULL},
    {"clicks", FIELD_CLICKS, 0, 0, NULL},
    {"clicksall", FIELD_CLICKS, 0, 0, NULL},
    {"linkclicks", FIELD_CLICKS, 2, 0, NULL},
    {"outboundclicks", FIELD_CLICKS, 3, 0, NULL},
    {"engagements", FIELD_ENGAGEMENTS, 0, 0, NULL},
    {"engagement", FIELD_ENGAGEMENTS, 1, 0, NULL},
    {"totalengagements", FIELD_ENGAGEMENTS, 1, 0, NULL},
    {"postengagement", FIELD_ENGAGEMENTS, 2, 0, NULL},
    {"postengagements", FIELD_ENGAGEMENTS, 2, 0, NULL},
    {"videoviews", FIELD_VIDEO_VIEWS, 0, 0, NULL},
    {"videoplays", FIELD_VIDEO_VIEWS, 1, 0, NULL},
    {"thruplays", FIELD_VIDEO_VIEWS, 2, 0, NULL},
    {"conversions", FIELD_CONVERSIONS, 1, 0, NULL},
    {"conversion", FIELD_CONVERSIONS, 2, 0, NULL},
    {"purchases", FIELD_CONVERSIONS, 3, 0, NULL},
    {"orders", FIELD_CONVERSIONS, 4, 0, NULL},
    {"results", FIELD_CONVERSIONS, 5, 0, NULL},
    {"leads", FIELD_CONVERSIONS, 6, 0, NULL},
    {"spend", FIELD_SPEND, 0, 0, NULL},
    {"spend*", FIELD_SPEND, 0, 0, NULL},
    {"cost", FIELD_SPEND, 1, 0, NULL},
    {"cost*", FIELD_SPEND, 1, 0, NULL},
    {"spent", FIELD_SPEND, 1, 0, NULL},
    {"amountspent", FIELD_SPEND, 1, 0, NULL},
    {"amountspent*", FIELD_SPEND, 1, 0, NULL},
    {"adspend", FIELD_SPEND, 1, 0, NULL},
    {"totalspend", FIELD_SPEND, 2, 0, NULL},
    {"totalspent", FIELD_SPEND, 2, 0, NULL},
    {"totalcost", FIELD_SPEND, 2, 0, NULL},
    {"costmicros", FIELD_SPEND_MICROS, 0, 0, NULL},
    {"spendmicros", FIELD_SPEND_MICROS, 0, 0, NULL},
    {"revenue", FIELD_REVENUE, 0, 0, NULL},
    {"revenue*", FIELD_REVENUE, 0, 0, NULL},
    {"totalrevenue", FIELD_REVENUE, 1, 0, NULL},
    {"conversionvalue", FIELD_REVENUE, 2, 0, NULL},
    {"conversionsvalue", FIELD_REVENUE, 2, 0, NULL},
    {"conversionvalues", FIELD_REVENUE, 2, 0, NULL},
    {"totalconversionvalue", FIELD_REVENUE, 2, 0, NULL},
    {"purchasevalue", FIELD_REVENUE, 3, 0, NULL},
    {"saleamount", FIELD_REVENUE, 3, 0, NULL},
    {"salesamount", FIELD_REVENUE, 3, 0, NULL},
    {"sales", FIELD_REVENUE, 4, 0, NULL},
    {"status", FIELD_STATUS, 2, 0, NULL},
    {"campaignstatus", FIELD_STATUS, 0, 0, NULL},
    {"objective", FIELD_GOAL, 0, 0, NULL},
    {"campaigngoal", FIELD_GOAL, 0, 0, NULL},
};

/* Conversions of a Meta export: Purchases before Conversions before Results before Leads, because a
 * "result" may be a mere click, and revenue is that of the purchases. */
static const struct import_alias meta[] = {
    {"reportingstarts", FIELD_DATE, 4, 3, NULL},
    {"reportingends", FIELD_DATE_END, 0, 2, NULL},
    {"amountspent*", FIELD_SPEND, 1, 3, NULL},
    {"amountspent", FIELD_SPEND, 1, 1, NULL},
    {"deliverystatus", FIELD_STATUS, 0, 2, NULL},
    {"campaigndelivery", FIELD_STATUS, 0, 2, NULL},
    {"clicksall", FIELD_CLICKS, 0, 2, NULL},
    {"linkclicks", FIELD_CLICKS, 2, 1, NULL},
    {"inlinelinkclicks", FIELD_CLICKS, 2, 3, NULL},
    {"outboundclicks", FIELD_CLICKS, 3, 2, NULL},
    {"adsetname", FIELD_AD_GROUP, 0, 2, NULL},
    {"publisherplatform", FIELD_CHANNEL, 1, 2, NULL},
    {"purchases", FIELD_CONVERSIONS, 0, 1, NULL},
    {"websitepurchases", FIELD_CONVERSIONS, 1, 1, NULL},
    {"conversions", FIELD_CONVERSIONS, 2, 0, NULL},
    {"results", FIELD_CONVERSIONS, 3, 2, NULL},
    {"leads", FIELD_CONVERSIONS, 4, 0, NULL},
    {"purchasesconversionvalue", FIELD_REVENUE, 0, 2, NULL},
    {"websitepurchasesconversionvalue", FIELD_REVENUE, 1, 2, NULL},
    {"conversionvalues", FIELD_REVENUE, 2, 1, NULL},
    {"messagingconversationsstarted", FIELD_CONVERSIONS, 9, 2, NULL},
};

static const struct import_alias google_ads[] = {
    {"impr", FIELD_IMPRESSIONS, 0, 2, NULL},
    {"convvalue", FIELD_REVENUE, 0, 2, NULL},
    {"allconvvalue", FIELD_REVENUE, 6, 1, NULL},
    {"avgcpc", FIELD_IGNORE, 0, 2, NULL},
    {"costconv", FIELD_IGNORE, 0, 2, NULL},
    {"budgettype", FIELD_IGNORE, 0, 2, NULL},
    {"bidstrategytype", FIELD_IGNORE, 0, 2, NULL},
    {"campaigntype", FIELD_IGNORE, 0, 1, NULL},
    {"status", FIELD_IGNORE, 0, 0, "campaignstatus"},
    {"costmicros", FIELD_SPEND_MICROS, 0, 4, NULL},
    {"customerid", FIELD_ACCOUNT_ID, 0, 2, NULL},
    {"id", FIELD_AD_GROUP_ID, 5, 1, "baseadgroup"},
    {"id", FIELD_CAMPAIGN_ID, 5, 1, "basecampaign"},
    {"searchkeyword", FIELD_AUDIENCE, 0, 3, NULL},
    {"criterionstatus", FIELD_IGNORE, 0, 2, NULL},
    {"keyword", FIELD_AUDIENCE, 1, 1, NULL},
    {"searchterm", FIELD_AUDIENCE, 1, 2, NULL},
    {"adgroupcriterioncriterionid", FIELD_AUDIENCE, 4, 2, NULL},
    {"search", FIELD_AUDIENCE, 2, 2, NULL},
    {"word", FIELD_AUDIENCE, 3, 1, NULL},
    {"topcontainingqueries", FIELD_IGNORE, 0, 3, NULL},
    {"percentofknowntotal", FIELD_IGNORE, 0, 3, NULL},
    {"starthour", FIELD_HOUR, 0, 2, NULL},
    {"locationname", FIELD_COUNTRY, 3, 2, NULL},
    {"network", FIELD_PLACEMENT, 1, 1, NULL},
    {"adnetworktype", FIELD_PLACEMENT, 2, 2, NULL},
    {"saleamount", FIELD_REVENUE, 3, 1, NULL},
};

static const struct import_alias tiktok[] = {
    {"stattimehour", FIELD_DATE_TIME, 0, 4, NULL},
    {"stattimeday", FIELD_DATE, 0, 4, NULL},
    {"byday", FIELD_DATE, 1, 3, NULL},
    {"videoplayactions", FIELD_VIDEO_VIEWS, 0, 3, NULL},
    {"clicksdestination", FIELD_CLICKS, 1, 3, NULL},
    {"clicksall", FIELD_CLICKS, 2, 0, NULL},
    {"conversion", FIELD_CONVERSIONS, 0, 1, NULL},
    {"conversions", FIELD_CONVERSIONS, 0, 0, NULL},
    {"result", FIELD_CONVERSIONS, 5, 1, NULL},
    {"realtimeconversion", FIELD_IGNORE, 0, 2, NULL},
    {"secondarygoalresult", FIELD_IGNORE, 0, 2, NULL},
    {"cost", FIELD_SPEND, 1, 0, NULL},
};

/* Rank 0 of the amounts is the account's own currency; the amount in USD is the same money again.
 */
static const struct import_alias linkedin[] = {
    {"startdateinutc", FIELD_DATE, 0, 4, NULL},
    {"costinlocalcurrency", FIELD_SPEND, 0, 4, NULL},
    {"costinusd", FIELD_SPEND, 3, 3, NULL},
    {"totalspent", FIELD_SPEND, 1, 3, NULL},
    {"campaigngroupname", FIELD_IGNORE, 0, 2, NULL},
    {"conversionvalueinlocalcurrency", FIELD_REVENUE, 0, 3, NULL},
    {"externalwebsiteconversions", FIELD_CONVERSIONS, 0, 3, NULL},
    {"externalwebsitepostclickconversions", FIELD_CONVERSIONS, 1, 3, NULL},
    {"oneclickleads", FIELD_CONVERSIONS, 3, 1, NULL},
    {"approximateuniqueimpressions", FIELD_REACH, 1, 2, NULL},
    {"approximatememberreach", FIELD_REACH, 1, 2, NULL},
    {"membercountry", FIELD_COUNTRY, 1, 2, NULL},
    {"memberregion", FIELD_COUNTRY, 2, 2, NULL},
};

static const struct import_alias kaggle_social[] = {
    {"channelused", FIELD_CHANNEL, 0, 4, NULL},
    {"acquisitioncost", FIELD_SPEND, 0, 4, NULL},
    {"targetaudience", FIELD_TARGET_AUDIENCE, 0, 2, NULL},
    {"campaigngoal", FIELD_GOAL, 0, 2, NULL},
    {"duration", FIELD_DURATION_DAYS, 0, 1, NULL},
    {"conversionrate", FIELD_CONVERSION_RATE, 0, 1, NULL},
    {"roi", FIELD_ROI, 0, 1, NULL},
    {"location", FIELD_LOCATION, 0, 0, NULL},
    {"language", FIELD_LANGUAGE, 0, 1, NULL},
    {"engagementscore", FIELD_ENGAGEMENT_SCORE, 0, 2, NULL},
    {"customersegment", FIELD_CUSTOMER_SEGMENT, 0, 2, NULL},
    {"company", FIELD_COMPANY, 0, 1, NULL},
};

/* Total_Conversion counts people who enquired after seeing the ad, Approved_Conversion those who
 * bought: the first are engagements, the second conversions. */
static const struct import_alias kaggle_kag[] = {
    {"xyzcampaignid", FIELD_CAMPAIGN_ID, 0, 5, NULL},
    {"fbcampaignid", FIELD_AD_GROUP_ID, 0, 4, NULL},
    {"totalconversion", FIELD_ENGAGEMENTS, 0, 2, NULL},
    {"approvedconversion", FIELD_CONVERSIONS, 0, 3, NULL},
};

/* generic is last: it is taken where nothing speaks for another. */
const struct import_format import_format_table[] = {
    {{"meta", "Meta Ads Manager export"}, meta, WN_COUNT(meta), WN_CHANNEL_FACEBOOK, false, true},
    {{"google_ads", "Google Ads export"},
     google_ads,
     WN_COUNT(google_ads),
     WN_CHANNEL_GOOGLE_ADS,
     false,
     false},
    {{"tiktok", "TikTok Ads export"}, tiktok, WN_COUNT(tiktok), WN_CHANNEL_TIKTOK, false, false},
    {{"linkedin", "LinkedIn Campaign Manager export"},
     linkedin,
     WN_COUNT(linkedin),
     WN_CHANNEL_LINKEDIN,
     false,
     false},
    {{"kaggle_social", "Social media advertising data set"},
     kaggle_social,
     WN_COUNT(kaggle_social),
     WN_CHANNEL_OTHER,
     true,
     false},
    {{"kaggle_kag", "Facebook sales conversion data set (KAG)"},
     kaggle_kag,
     WN_COUNT(kaggle_kag),
     WN_CHANNEL_FACEBOOK,
     false,
     false},
    {{"generic", "Table with one header line"}, NULL, 0, WN_CHANNEL_OTHER, true, false},
};
#define N_FORMATS WN_COUNT(import_format_table)

const struct wn_import_format wn_import_formats[] = {
    {"auto", "Find out"},
    {"meta", "Meta Ads Manager export"},
    {"google_ads", "Google Ads export"},
    {"tiktok", "TikTok Ads export"},
    {"linkedin", "LinkedIn Campaign Manager export"},
    {"kaggle_social", "Social media advertising data set"},
    {"kaggle_kag", "Facebook sales conversion data set (KAG)"},
    {"generic", "Table with one header line"},
};
const size_t wn_n_import_formats = WN_COUNT(wn_import_formats);

/* Columns of Google's overview cards can be anybody's; the names of their files are not. */
static const char *const google_files[] = {"day_and_hour(", "demographics(",   "devices(",
                                           "locations(",    "networks(",       "searches(",
                                           "time_series(",  "search_keywords("};

const struct import_format *format_by_name(struct wn_str name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (wn_str_eq_nocase(name, wn_str_of(import_format_table[i].shown.name)))
            return &import_format_table[i];
    return NULL;
}

import_field field_by_name(struct wn_str name)
{
    for (size_t i = 0; i < FIELD_N; i++)
        if (wn_str_eq_nocase(name, wn_str_of(wn_import_fields[i].name)))
            return (import_field)i;
    return FIELD_N;
}

size_t normalise_header(struct wn_str header, char out[HEADER_TEXT_MAX], char currency[4])
{
    header = wn_str_trim(header);
    bool has_currency = false;
    currency[0] = 0;
    if (header.n > 6 && header.p[header.n - 1] == ')' && header.p[header.n - 5] == '(') {
        has_currency = true;
        for (size_t i = 0; i < 3; i++) {
            currency[i] = header.p[header.n - 4 + i];
            has_currency &= currency[i] >= 'A' && currency[i] <= 'Z';
        }
        currency[has_currency ? 3 : 0] = 0;
        if (has_currency)
            header.n -= 5;
    }
    size_t n = 0;
    for (size_t i = 0; i < header.n && n < HEADER_TEXT_MAX - 2; i++) {
        char c = header.p[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
            out[n++] = c;
    }
    if (has_currency)
        out[n++] = '*';
    out[n] = 0;
    return n;
}

const struct import_alias *format_alias(const struct import_format *f, const char *header,
                                        const struct import_alias *after)
{
    bool past = after == NULL;
    for (size_t i = 0; i < f->n_aliases; i++) {
        if (past && strcmp(f->aliases[i].header, header) == 0)
            return &f->aliases[i];
        past |= after == &f->aliases[i];
    }
    for (size_t i = 0; i < WN_COUNT(common); i++) {
        if (past && strcmp(common[i].header, header) == 0)
            return &common[i];
        past |= after == &common[i];
    }
    return NULL;
}

bool header_is_known(struct wn_str header)
{
    char text[HEADER_TEXT_MAX], currency[4];
    if (header.n > 200 || normalise_header(header, text, currency) == 0)
        return false;
    for (size_t i = 0; i < N_FORMATS; i++)
        if (format_alias(&import_format_table[i], text, NULL))
            return true;
    return false;
}

static unsigned telling_of(const struct import_format *f, struct wn_str header)
{
    char text[HEADER_TEXT_MAX], currency[4];
    unsigned telling = 0;
    normalise_header(header, text, currency);
    for (size_t i = 0; i < f->n_aliases; i++)
        if (strcmp(f->aliases[i].header, text) == 0 && f->aliases[i].telling > telling)
            telling = f->aliases[i].telling;
    return telling;
}

const struct import_format *format_guess(const struct wn_str *headers, size_t n,
                                         struct wn_str file_name)
{
    const struct import_format *best = &import_format_table[N_FORMATS - 1];
    unsigned best_score = 0;
    for (size_t i = 0; i < N_FORMATS; i++) {
        unsigned score = 0;
        for (size_t c = 0; c < n; c++)
            score += telling_of(&import_format_table[i], headers[c]);
        if (score > best_score) {
            best_score = score;
            best = &import_format_table[i];
        }
    }
    for (size_t i = 0; i < WN_COUNT(google_files) && best_score == 0; i++) {
        struct wn_str prefix = wn_str_of(google_files[i]);
        if (wn_str_eq_nocase(wn_str_slice(file_name, 0, prefix.n), prefix))
            return format_by_name(WN_STR("google_ads"));
    }
    return best;
}
