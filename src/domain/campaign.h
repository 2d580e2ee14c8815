/* What is known of a campaign beside its numbers. Texts may be empty: not known. */
#ifndef WN_DOMAIN_CAMPAIGN_H
#define WN_DOMAIN_CAMPAIGN_H

#include "core/str.h"

struct wn_campaign {
    int32_t tenant_id;
    int32_t campaign_id; /* id in the names table of the facts */
    int32_t account_id;  /* likewise */
    uint8_t channel;
    struct wn_str key; /* the source's own id, or the name where it gives none */
    struct wn_str name;
    struct wn_str target_audience;
    struct wn_str goal;
    struct wn_str location;
    struct wn_str language;
    struct wn_str customer_segment;
    struct wn_str company;
    struct wn_str status;  /* as the source says it: "Enabled", "inactive" ... */
    int32_t duration_days; /* 0 = not known */
    /* Ratios as the source printed them, when it gave one value for the whole campaign; they are
     * shown as that source's statement only. NaN = not given. */
    double reported_conversion_rate_ratio;
    double reported_roi_ratio;
    double engagement_score; /* NaN = not given */
    int64_t source_id;       /* import that wrote it last */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};

#endif
