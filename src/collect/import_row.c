#include "collect/import_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

wn_rc job_init(struct import_job *job, const struct wn_import_options *options,
               const struct import_plan *plan, struct wn_import_summary *out, struct wn_arena *a,
               struct wn_facts_tx *tx, struct wn_why *why)
{
    *job = (struct import_job){.options = options, .plan = plan, .out = out, .a = a, .tx = tx};
    wn_arena_init(&job->own, 0);
    wn_map_init(&job->ids, NAMES_MAX);
    wn_map_init(&job->account_at, NAMES_MAX);
    wn_map_init(&job->campaign_at, NAMES_MAX);
    job->last_account = job->last_campaign = SIZE_MAX;
    for (size_t i = 0; i < WN_COUNT(job->caches); i++)
        job->caches[i].n = SIZE_MAX;
    job->date_cache.n = SIZE_MAX;
    job->batch = malloc(ROWS_BATCH * sizeof *job->batch);
    if (!job->batch)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the import");
    if (options->account.n) {
        job->account_name = wn_str_trim(options->account);
    } else {
        size_t end = options->file_name.n;
        for (size_t i = end; i > 1 && end == options->file_name.n && i + 6 > end; i--)
            if (options->file_name.p[i - 1] == '.')
                end = i - 1;
        job->account_name = wn_str_trim(wn_str_slice(options->file_name, 0, end));
    }
    if (job->account_name.n == 0)
        job->account_name = WN_STR("Import");
    if (job->account_name.n > NAME_BYTES_MAX)
        return wn_fail(why, WN_INVALID, "account", "an account's name may have at most %d bytes",
                       NAME_BYTES_MAX);
    plan_remark(plan, job);
    return WN_OK;
}

void job_deinit(struct import_job *job)
{
    for (size_t i = 0; i < job->n_accounts; i++)
        free(job->accounts[i].days);
    free(job->accounts);
    free(job->campaigns);
    free(job->batch);
    wn_map_deinit(&job->ids);
    wn_map_deinit(&job->account_at);
    wn_map_deinit(&job->campaign_at);
    wn_arena_deinit(&job->own);
}

void job_problem(struct import_job *job, bool is_error, uint64_t line, int column,
                 struct wn_str value, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct wn_import_summary *out = job->out;
    if (is_error)
        out->n_errors++;
    else
        out->n_remarks++;
    if (is_error && out->n_rows_read <= HEAD_ROWS_MAX)
        job->n_early_errors++;
    if (out->n_problems == WN_IMPORT_PROBLEMS_MAX)
        return;
    if (out->n_problems == job->room_problems) {
        size_t room = job->room_problems ? job->room_problems * 2 : 16;
        struct wn_import_problem *more = WN_ARENA_ARRAY(job->a, room, struct wn_import_problem);
        if (!more)
            return; /* counted, not listed */
        if (out->n_problems)
            memcpy(more, out->problems, out->n_problems * sizeof *more);
        out->problems = more;
        job->room_problems = room;
    }
    struct wn_import_problem *p = &out->problems[out->n_problems];
    *p = (struct wn_import_problem){.line = line, .is_error = is_error};
    p->column = column >= 0 ? job->plan->headers[column] : WN_STR("");
    p->value = text_cut(job->a, value, 80);
    p->text = wn_arena_dup(job->a, wn_str_of(text));
    if (p->value.p && p->text.p)
        out->n_problems++;
}

uint64_t stat_hash(const struct wn_stat *row)
{
    _Static_assert(sizeof(struct wn_stat) == 9 * 4 + 4 + 8 * WN_MEASURE_N, "no padding");
    /* In four parts, which the processor works on side by side. */
    const char *p = (const char *)row;
    return wn_hash((struct wn_str){p, 24}, 1) + wn_hash((struct wn_str){p + 24, 24}, 2) * 3 +
           wn_hash((struct wn_str){p + 48, 24}, 3) * 5 +
           wn_hash((struct wn_str){p + 72, 32}, 4) * 7;
}

/* ---- names ------------------------------------------------------------------------------------ */

/* Takes a new name into the store. With a channel, the store's key is "channel/key". */
static wn_rc new_name(struct import_job *job, wn_name_kind kind, int32_t parent_id, uint8_t channel,
                      struct wn_str key, struct wn_str name, uint32_t *out, struct wn_why *why)
{
    char full[64 + NAME_BYTES_MAX];
    int32_t id = 0;
    if (!job->tx) {
        *out = ++job->last_id;
        return WN_OK;
    }
    if (channel != 0xFF) {
        const struct wn_code *code = wn_code_by_number(wn_channels, wn_n_channels, channel);
        size_t n = (size_t)snprintf(full, 64, "%s/", code ? code->name : "other");
        memcpy(full + n, key.p, key.n);
        if (!name.n)
            name = key;
        key = (struct wn_str){full, n + key.n};
    }
    wn_rc rc = wn_facts_tx_name(job->tx, kind, parent_id, key, name, &id, why);
    *out = (uint32_t)id;
    return rc;
}

/* The id of a name below its parent. channel 0xFF: not part of the identity. */
static wn_rc name_id(struct import_job *job, wn_name_kind kind, int32_t parent_id, uint8_t channel,
                     struct wn_str key, struct wn_str name, int32_t *out, struct wn_why *why)
{
    struct name_cache *cache = &job->caches[kind];
    int64_t parent = (int64_t)channel << 32 | (uint32_t)parent_id;
    if (cache->n == key.n && cache->parent == parent && memcmp(cache->text, key.p, key.n) == 0) {
        *out = cache->id;
        return WN_OK;
    }
    char full[8 + NAME_BYTES_MAX];
    memcpy(full, &parent_id, 4);
    full[4] = (char)kind;
    full[5] = (char)channel;
    memcpy(full + 6, key.p, key.n);
    uint32_t *id = NULL;
    bool added = false;
    wn_rc rc = wn_map_put(&job->ids, (struct wn_str){full, key.n + 6}, 0, &id, &added);
    if (rc)
        return wn_fail(why, rc, NULL, "too many different names, or no memory for them");
    if (added) {
        rc = new_name(job, kind, parent_id, channel, key, name, id, why);
        if (rc)
            return rc;
    }
    *out = (int32_t)*id;
    cache->n = SIZE_MAX;
    if (key.n <= sizeof cache->text) {
        memcpy(cache->text, key.p, key.n);
        cache->n = key.n;
        cache->parent = parent;
        cache->id = *out;
    }
    return WN_OK;
}

static inline struct wn_str cell_of(const struct import_plan *plan, const struct wn_str *fields,
                                    import_field f)
{
    int c = plan->column_of[f];
    if (c < 0)
        return (struct wn_str){"", 0};
    struct wn_str s = fields[c];
    if (s.n && ((unsigned char)s.p[0] <= ' ' || (unsigned char)s.p[0] >= 0x80 ||
                (unsigned char)s.p[s.n - 1] <= ' ' || (unsigned char)s.p[s.n - 1] >= 0x80))
        s = wn_str_trim(s);
    return s;
}

/* As cell_of, but texts that say "no value" are empty. */
static struct wn_str name_of(const struct import_plan *plan, const struct wn_str *fields,
                             import_field f)
{
    struct wn_str s = cell_of(plan, fields, f);
    return s.n && s.n <= 6 && (s.p[0] < '0' || s.p[0] > '9') && wn_value_is_absent(s)
               ? (struct wn_str){"", 0}
               : s;
}

/* A grown array of size n * item, or NULL. */
static void *grown(void *items, size_t *room, size_t item)
{
    size_t more = *room ? *room * 2 : 64;
    void *p = realloc(items, more * item);
    if (p)
        *room = more;
    return p;
}

static wn_rc account_of(struct import_job *job, int32_t id, struct wn_str name, size_t *out,
                        struct wn_why *why)
{
    if (job->last_account != SIZE_MAX && job->accounts[job->last_account].account_id == id) {
        *out = job->last_account;
        return WN_OK;
    }
    uint32_t *at = NULL;
    bool added = false;
    wn_rc rc = wn_map_put(&job->account_at, (struct wn_str){(const char *)&id, sizeof id},
                          (uint32_t)job->n_accounts, &at, &added);
    if (rc)
        return wn_fail(why, rc, NULL, "too many accounts");
    if (added) {
        if (job->n_accounts == job->room_accounts) {
            void *p = grown(job->accounts, &job->room_accounts, sizeof *job->accounts);
            if (!p)
                return wn_fail(why, WN_MEMORY, NULL, "no memory for the accounts");
            job->accounts = p;
        }
        struct import_account *account = &job->accounts[job->n_accounts];
        *account = (struct import_account){.account_id = id, .last_day = -1};
        account->name = wn_arena_dup(job->a, name);
        account->days = calloc(DAY_WORDS, sizeof *account->days);
        if (!account->name.p || !account->days) {
            free(account->days);
            return wn_fail(why, WN_MEMORY, NULL, "no memory for the accounts");
        }
        job->n_accounts++;
    }
    *out = job->last_account = *at;
    return WN_OK;
}

/* ---- campaigns -------------------------------------------------------------------------------- */

/* The text, kept until the end of the import; equal texts that come close together once. */
static struct wn_str keep_text(struct import_job *job, struct wn_str s)
{
    struct wn_str *slot = &job->texts[wn_hash(s, 1) % TEXT_SLOTS];
    if (!slot->p || !wn_str_eq(*slot, s))
        *slot = wn_arena_dup(&job->own, s);
    return slot->p ? *slot : WN_STR("");
}

static void state(struct stated *s, struct wn_str text)
{
    double value;
    if (s->differs || !text.n || !wn_parse_f64(text, &value))
        return;
    s->differs = s->given && s->value != value;
    s->value = value;
    s->given = true;
}

static wn_rc campaign_of(struct import_job *job, const struct wn_stat *row, struct wn_str key,
                         struct wn_str name, struct import_campaign **out, struct wn_why *why)
{
    int32_t id = row->campaign_id;
    if (job->last_campaign != SIZE_MAX && job->campaigns[job->last_campaign].c.campaign_id == id) {
        *out = &job->campaigns[job->last_campaign];
        return WN_OK;
    }
    uint32_t *at = NULL;
    bool added = false;
    wn_rc rc = wn_map_put(&job->campaign_at, (struct wn_str){(const char *)&id, sizeof id},
                          (uint32_t)job->n_campaigns, &at, &added);
    if (rc)
        return wn_fail(why, rc, NULL, "too many campaigns");
    if (added) {
        if (job->n_campaigns == job->room_campaigns) {
            void *p = grown(job->campaigns, &job->room_campaigns, sizeof *job->campaigns);
            if (!p)
                return wn_fail(why, WN_MEMORY, NULL, "no memory for the campaigns");
            job->campaigns = p;
        }
        struct import_campaign *campaign = &job->campaigns[job->n_campaigns++];
        *campaign = (struct import_campaign){
            .c = {.campaign_id = id, .account_id = row->account_id, .channel = row->channel}};
        campaign->c.key = keep_text(job, key);
        campaign->c.name = keep_text(job, name.n ? name : key);
    }
    job->last_campaign = *at;
    *out = &job->campaigns[*at];
    return WN_OK;
}

/* Of the rows of a campaign the first that has the text gives it. */
static void take_text(struct import_job *job, const struct wn_str *fields, import_field f,
                      struct wn_str *text)
{
    if (text->n == 0 && job->plan->column_of[f] >= 0)
        *text = keep_text(job, name_of(job->plan, fields, f));
}

static void describe_campaign(struct import_job *job, struct import_campaign *campaign,
                              const struct wn_str *fields)
{
    const struct import_plan *plan = job->plan;
    struct wn_campaign *c = &campaign->c;
    take_text(job, fields, FIELD_TARGET_AUDIENCE, &c->target_audience);
    take_text(job, fields, FIELD_GOAL, &c->goal);
    take_text(job, fields, FIELD_LOCATION, &c->location);
    take_text(job, fields, FIELD_LANGUAGE, &c->language);
    take_text(job, fields, FIELD_CUSTOMER_SEGMENT, &c->customer_segment);
    take_text(job, fields, FIELD_COMPANY, &c->company);
    take_text(job, fields, FIELD_STATUS, &c->status);
    if (plan->column_of[FIELD_DURATION_DAYS] >= 0 && c->duration_days == 0) {
        struct wn_str s = cell_of(plan, fields, FIELD_DURATION_DAYS);
        for (size_t i = 0; i < s.n && i < 6 && s.p[i] >= '0' && s.p[i] <= '9'; i++)
            c->duration_days = c->duration_days * 10 + (s.p[i] - '0');
    }
    if (plan->column_of[FIELD_CONVERSION_RATE] >= 0)
        state(&campaign->rate, cell_of(plan, fields, FIELD_CONVERSION_RATE));
    if (plan->column_of[FIELD_ROI] >= 0)
        state(&campaign->roi, cell_of(plan, fields, FIELD_ROI));
    if (plan->column_of[FIELD_ENGAGEMENT_SCORE] >= 0)
        state(&campaign->score, cell_of(plan, fields, FIELD_ENGAGEMENT_SCORE));
}

/* ---- the cells of a row ----------------------------------------------------------------------- */

struct row {
    const struct wn_str *fields;
    uint64_t line;
    struct wn_stat stat;
    int32_t end; /* last day it covers */
    bool bad;    /* has an error and is left out */
};

static void row_error(struct import_job *job, struct row *row, int column, const char *text)
{
    struct wn_str value = column >= 0 ? row->fields[column] : WN_STR("");
    job_problem(job, true, row->line, column, value, "%s; the row was left out", text);
    row->bad = true;
}

static void read_end(struct import_job *job, struct row *row)
{
    int c = job->plan->column_of[FIELD_DATE_END];
    struct wn_date_text d;
    int32_t day;
    bool guessed;
    if (c < 0 || wn_date_read(row->fields[c], &d) != WN_VALUE_GOOD)
        return;
    if (d.kind == WN_DATE_DAY)
        day = d.day;
    else if (d.kind != WN_DATE_OPEN || !wn_date_settle(&job->plan->dates, &d, &day, &guessed))
        return;
    if (day < row->stat.day)
        row_error(job, row, c, "the last day lies before the first");
    else
        row->end = day;
}

/* Sunday of a file that covers 5 to 10 February is the 8th; outside the range, the first day. */
static int32_t day_of_weekday(const struct import_plan *plan, int weekday)
{
    int ahead = (weekday - wn_weekday_of_day(plan->range_from) + 7) % 7;
    if (plan->range_to - plan->range_from < 7 && plan->range_from + ahead <= plan->range_to)
        return plan->range_from + ahead;
    return plan->range_from;
}

static void read_date_cell(struct import_job *job, struct row *row, int c)
{
    const struct import_plan *plan = job->plan;
    struct wn_str s = row->fields[c];
    struct wn_date_text d;
    bool guessed = false;
    wn_value_state how = wn_date_read(s, &d);
    if (how != WN_VALUE_GOOD) {
        row_error(job, row, c,
                  how == WN_VALUE_ABSENT ? "the date is missing"
                                         : "this is no date from 1970 to 2199");
        return;
    }
    row->end = row->stat.day = d.day;
    if (d.kind == WN_DATE_WEEKDAY) {
        if (plan->range_from > plan->range_to) {
            row_error(job, row, c, "a weekday alone is no date");
            return;
        }
        row->stat.day = row->end = day_of_weekday(plan, d.weekday);
    } else if (d.kind == WN_DATE_OPEN) {
        job->needs_look |= !plan->looked;
        if (!wn_date_settle(&plan->dates, &d, &row->stat.day, &guessed)) {
            row_error(job, row, c, "day and month cannot be told apart");
            return;
        }
        row->end = row->stat.day;
    }
    if (d.kind == WN_DATE_OPEN && plan->dates.n_day_first && plan->dates.n_month_first &&
        !job->said_both_orders) {
        job->said_both_orders = true;
        job_problem(job, false, row->line, c, s,
                    "the file writes dates day/month and month/day; where both are possible the "
                    "one nearer to its other dates was taken, here %s",
                    row->stat.day == d.month_first ? "month/day" : "day/month");
    }
    if (guessed && !job->said_guessed) {
        job->said_guessed = true;
        job_problem(
            job, false, row->line, c, s,
            "no date of the file shows whether the day or the month stands first; read as %s",
            row->stat.day == d.month_first ? "month/day" : "day/month");
    }
    if (plan->takes_hour)
        row->stat.hour = d.hour;
    if (d.is_month) {
        struct wn_date next = wn_date_of_day(row->stat.day + 31);
        next.day = 1;
        int32_t first;
        if (wn_day_of_date(next, &first))
            row->end = first - 1;
    } else if (wn_str_eq_nocase(plan->headers[c], WN_STR("week"))) {
        row->end = row->stat.day + 6 <= WN_DAY_MAX ? row->stat.day + 6 : row->stat.day;
    }
}

static void read_date(struct import_job *job, struct row *row)
{
    const struct import_plan *plan = job->plan;
    int c = plan->column_of[FIELD_DATE_TIME] >= 0 ? plan->column_of[FIELD_DATE_TIME]
                                                  : plan->column_of[FIELD_DATE];
    row->stat.hour = WN_HOUR_NONE;
    if (c < 0) {
        row->stat.day = plan->range_from;
        row->end = plan->range_to;
        return;
    }
    struct name_cache *cache = &job->date_cache;
    struct wn_str s = row->fields[c];
    if (cache->n == s.n && memcmp(cache->text, s.p, s.n) == 0) {
        row->stat.day = cache->id;
        row->stat.hour = job->date_cache_hour;
        row->end = job->date_cache_end;
    } else {
        read_date_cell(job, row, c);
        cache->n = SIZE_MAX;
        if (!row->bad && s.n <= sizeof cache->text) {
            memcpy(cache->text, s.p, s.n);
            cache->n = s.n;
            cache->id = row->stat.day;
            job->date_cache_hour = row->stat.hour;
            job->date_cache_end = row->end;
        }
    }
    if (!row->bad)
        read_end(job, row);
}

static void check_currency(struct import_job *job, struct row *row, int c, const char *found)
{
    if (!found[0] || job->said_currency || !job->plan->currency[0] ||
        memcmp(found, job->plan->currency, 3) == 0)
        return;
    job->said_currency = true;
    job_problem(job, false, row->line, c, row->fields[c],
                "the file's amounts are taken as %s, but this one says %.3s; nothing was converted",
                job->plan->currency, found);
}

/* The number of a cell; false when it has none. */
static bool read_number(struct import_job *job, struct row *row, int c, int64_t *out)
{
    const struct import_plan *plan = job->plan;
    struct wn_number number;
    switch (wn_number_read(row->fields[c], plan->decimals[c], &number)) {
    case WN_VALUE_ABSENT:
        return false;
    case WN_VALUE_BAD:
        job->needs_look |= !plan->looked && wn_decimal_matters(row->fields[c]);
        row_error(job, row, c, "this is no number");
        return false;
    case WN_VALUE_GOOD:
        break;
    }
    if (WN_LIKELY(number.is_plain)) {
        *out = number.micros;
        return true;
    }
    job->needs_look |= !plan->looked && wn_decimal_matters(row->fields[c]);
    if (number.is_bound) {
        job_problem(job, false, row->line, c, row->fields[c],
                    "not an exact number; taken as no value");
        return false;
    }
    check_currency(job, row, c, number.currency);
    *out = number.micros;
    return true;
}

static void read_measures(struct import_job *job, struct row *row)
{
    const struct import_plan *plan = job->plan;
    int64_t *m = row->stat.measures;
    bool has[WN_MEASURE_N] = {false};
    for (size_t i = 0; i < WN_MEASURE_N; i++) {
        int c = plan->column_of[FIELD_IMPRESSIONS + (int)i];
        if (c < 0)
            continue;
        has[i] = read_number(job, row, c, &m[i]);
        if (WN_UNLIKELY(m[i] < 0) && i != WN_MEASURE_SPEND && i != WN_MEASURE_REVENUE &&
            i != WN_MEASURE_CONVERSIONS)
            row_error(job, row, c, "a count cannot be negative");
    }
    int micros = plan->column_of[FIELD_SPEND_MICROS];
    int64_t value;
    if (micros >= 0 && !has[WN_MEASURE_SPEND] && read_number(job, row, micros, &value)) {
        has[WN_MEASURE_SPEND] = wn_mul_div_i64(value, 1, WN_MICROS, &m[WN_MEASURE_SPEND]);
    }
    int rate = plan->column_of[FIELD_CONVERSION_RATE], roi = plan->column_of[FIELD_ROI];
    if (rate >= 0 && plan->column_of[FIELD_CONVERSIONS] < 0 && has[WN_MEASURE_CLICKS] &&
        !wn_value_is_absent(row->fields[rate]) &&
        !wn_micros_times_decimal(m[WN_MEASURE_CLICKS], row->fields[rate], false,
                                 &m[WN_MEASURE_CONVERSIONS]))
        row_error(job, row, rate, "this is no conversion rate");
    if (roi >= 0 && plan->column_of[FIELD_REVENUE] < 0 && has[WN_MEASURE_SPEND] &&
        !wn_value_is_absent(row->fields[roi]) &&
        !wn_micros_times_decimal(m[WN_MEASURE_SPEND], row->fields[roi], true,
                                 &m[WN_MEASURE_REVENUE]))
        row_error(job, row, roi, "this is no ROI");
}

static void read_codes(struct import_job *job, struct row *row)
{
    const struct import_plan *plan = job->plan;
    static const struct {
        import_field field;
        bool (*read)(struct wn_str s, uint8_t *out);
        size_t place;
        const char *instead;
    } codes[] = {
        {FIELD_CHANNEL, wn_channel_by_word, offsetof(struct wn_stat, channel),
         "the format's channel"},
        {FIELD_DEVICE, wn_device_by_word, offsetof(struct wn_stat, device), "other"},
        {FIELD_GENDER, wn_gender_by_word, offsetof(struct wn_stat, gender), "unknown"},
    };
    row->stat.channel = plan->format->channel;
    for (size_t i = 0; i < WN_COUNT(codes); i++) {
        int c = plan->column_of[codes[i].field];
        if (c < 0)
            continue;
        struct wn_str s = name_of(plan, row->fields, codes[i].field);
        uint8_t *place = (uint8_t *)&row->stat + codes[i].place;
        if (s.n == 0)
            continue;
        size_t slot =
            ((size_t)(unsigned char)s.p[s.n - 1] + s.n + (size_t)(unsigned char)s.p[0] * 7) %
            CODE_SLOTS;
        struct code_cache *cache = &job->codes[i][slot];
        if (cache->n == s.n && memcmp(cache->text, s.p, s.n) == 0) {
            *place = cache->code;
            continue;
        }
        if (wn_str_eq_nocase(s, WN_STR("unknown")))
            continue;
        if (codes[i].read(s, place)) {
            cache->n = 0;
            if (s.n <= sizeof cache->text) {
                memcpy(cache->text, s.p, s.n);
                cache->n = (uint8_t)s.n;
                cache->code = *place;
            }
            continue;
        }
        if (codes[i].field == FIELD_DEVICE)
            *place = WN_DEVICE_OTHER;
        job_problem(job, false, row->line, c, s, "an unknown %s; taken as %s",
                    wn_import_fields[codes[i].field].name, codes[i].instead);
    }
    int c = plan->column_of[FIELD_CURRENCY], hour = 0;
    struct wn_str currency = cell_of(plan, row->fields, FIELD_CURRENCY);
    if (text_is_currency(currency))
        check_currency(job, row, c, currency.p);
    c = plan->column_of[FIELD_HOUR];
    if (c < 0)
        return;
    switch (wn_hour_read(row->fields[c], &hour)) {
    case WN_VALUE_GOOD:
        row->stat.hour = (int8_t)hour;
        break;
    case WN_VALUE_BAD:
        row_error(job, row, c, "this is no hour of the day (0 to 23)");
        break;
    case WN_VALUE_ABSENT:
        break;
    }
}

static const struct {
    import_field field;
    wn_name_kind kind;
    size_t place;
} plain_names[] = {
    {FIELD_COUNTRY, WN_NAME_COUNTRY, offsetof(struct wn_stat, country_id)},
    {FIELD_AGE, WN_NAME_AGE, offsetof(struct wn_stat, age_id)},
    {FIELD_PLACEMENT, WN_NAME_PLACEMENT, offsetof(struct wn_stat, placement_id)},
    {FIELD_AUDIENCE, WN_NAME_AUDIENCE, offsetof(struct wn_stat, audience_id)},
};
static const struct {
    import_field id, name;
    wn_name_kind kind;
    size_t place;
} tree_names[] = {
    {FIELD_CAMPAIGN_ID, FIELD_CAMPAIGN, WN_NAME_CAMPAIGN, offsetof(struct wn_stat, campaign_id)},
    {FIELD_AD_GROUP_ID, FIELD_AD_GROUP, WN_NAME_AD_GROUP, offsetof(struct wn_stat, ad_group_id)},
    {FIELD_AD_ID, FIELD_AD, WN_NAME_AD, offsetof(struct wn_stat, ad_id)},
};

static void check_names(struct import_job *job, struct row *row)
{
    for (import_field f = FIELD_ACCOUNT; f <= FIELD_AUDIENCE; f = (import_field)(f + 1)) {
        int c = job->plan->column_of[f];
        if (c >= 0 && row->fields[c].n > NAME_BYTES_MAX)
            row_error(job, row, c, "a name may have at most 1000 bytes");
    }
}

/* "18–24" with an en dash is "18-24". */
static struct wn_str plain_dash(struct wn_str s, char text[32])
{
    size_t n = 0;
    if (s.n > 30 || wn_str_find(s, WN_STR("\xE2\x80\x93")) == s.n)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        bool dash = s.n - i >= 3 && memcmp(s.p + i, "\xE2\x80\x93", 3) == 0;
        text[n++] = dash ? '-' : s.p[i];
        i += dash ? 2 : 0;
    }
    return (struct wn_str){text, n};
}

static wn_rc read_account(struct import_job *job, struct row *row, size_t *out, struct wn_why *why)
{
    struct wn_str key = WN_STR(""), name = WN_STR("");
    if (!job->options->account.n) {
        key = name_of(job->plan, row->fields, FIELD_ACCOUNT_ID);
        name = name_of(job->plan, row->fields, FIELD_ACCOUNT);
    }
    if (!key.n)
        key = name.n ? name : job->account_name;
    if (key.n > NAME_BYTES_MAX)
        key.n = 0;
    wn_rc rc = name_id(job, WN_NAME_ACCOUNT, 0, 0xFF, key, name, &row->stat.account_id, why);
    return rc ? rc : account_of(job, row->stat.account_id, name.n ? name : key, out, why);
}

static wn_rc read_names(struct import_job *job, struct row *row, struct wn_why *why)
{
    const struct import_plan *plan = job->plan;
    char *stat = (char *)&row->stat;
    int32_t parent = row->stat.account_id;
    for (size_t i = 0; i < WN_COUNT(tree_names); i++) {
        if (plan->column_of[tree_names[i].id] < 0 && plan->column_of[tree_names[i].name] < 0)
            continue;
        struct wn_str name = name_of(plan, row->fields, tree_names[i].name);
        struct wn_str key = name_of(plan, row->fields, tree_names[i].id);
        int32_t *id = (int32_t *)(void *)(stat + tree_names[i].place);
        if (!key.n)
            key = name;
        if (!key.n)
            continue;
        bool is_campaign = tree_names[i].kind == WN_NAME_CAMPAIGN;
        bool split =
            is_campaign && plan->format->campaign_by_channel && plan->column_of[FIELD_CHANNEL] >= 0;
        wn_rc rc = name_id(job, tree_names[i].kind, parent, split ? row->stat.channel : 0xFF, key,
                           name, id, why);
        if (rc)
            return rc;
        /* What has no campaign hangs on its account, so that names of two accounts stay apart. */
        parent = *id;
        if (is_campaign) {
            struct import_campaign *campaign = NULL;
            rc = campaign_of(job, &row->stat, key, name, &campaign, why);
            if (rc || !campaign)
                return rc;
            describe_campaign(job, campaign, row->fields);
        }
    }
    for (size_t i = 0; i < WN_COUNT(plain_names); i++) {
        if (plan->column_of[plain_names[i].field] < 0)
            continue;
        char text[32];
        struct wn_str key = name_of(plan, row->fields, plain_names[i].field);
        if (plain_names[i].field == FIELD_AGE)
            key = plain_dash(key, text);
        if (!key.n)
            continue;
        int32_t *id = (int32_t *)(void *)(stat + plain_names[i].place);
        wn_rc rc = name_id(job, plain_names[i].kind, 0, 0xFF, key, WN_STR(""), id, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

/* ---- taking the row in ------------------------------------------------------------------------ */

static void mark_days(struct import_account *account, int32_t from, int32_t to)
{
    if (account->last_day == from && account->last_end == to)
        return;
    account->last_day = from;
    account->last_end = to;
    for (int32_t day = from; day <= to; day++)
        account->days[day / 64] |= UINT64_C(1) << (day % 64);
}

static wn_rc count_row(struct import_job *job, struct import_account *account,
                       const struct row *row, struct wn_why *why)
{
    const struct wn_stat *stat = &row->stat;
    for (size_t m = 0; m < WN_MEASURE_N; m++) {
        if (!wn_add_i64(account->sums[m], stat->measures[m], &account->sums[m]) ||
            !wn_add_i64(job->out->totals[m], stat->measures[m], &job->out->totals[m]))
            return wn_fail(why, WN_LIMIT, wn_measure_names[m],
                           "line %llu: the sum of %s is too large to be stored",
                           (unsigned long long)row->line, wn_measure_names[m]);
    }
    if (account->n_rows == 0 || stat->day < account->day_from)
        account->day_from = stat->day;
    if (account->n_rows == 0 || stat->day > account->day_to)
        account->day_to = stat->day;
    account->n_rows++;
    account->content += stat_hash(stat);
    mark_days(account, stat->day, row->end);
    job->out->n_rows_imported++;
    return WN_OK;
}

wn_rc job_flush(struct import_job *job, struct wn_why *why)
{
    wn_rc rc = WN_OK;
    if (job->tx && job->n_batch)
        rc = wn_facts_tx_append(job->tx, job->batch, job->n_batch, why);
    job->n_batch = 0;
    return rc;
}

/* False when the row does not have the cells that the header promises. */
static bool has_cells(struct import_job *job, struct row *row, size_t n_fields)
{
    size_t want = job->plan->n_columns;
    job->is_last_short = n_fields < want;
    job->last_line = row->line;
    if (WN_LIKELY(n_fields == want))
        return true;
    if (n_fields > want && row_is_blank(row->fields + want, n_fields - want))
        return true;
    job_problem(job, true, row->line, -1, row->fields[0],
                "the row has %zu cells, the header %zu; the row was left out", n_fields, want);
    return false;
}

wn_rc job_row(struct import_job *job, const struct wn_str *fields, size_t n_fields, uint64_t line,
              struct wn_why *why)
{
    const struct import_plan *plan = job->plan;
    if (fields[0].n == 0 && row_is_blank(fields, n_fields))
        return WN_OK;
    struct row row = {.fields = fields, .line = line};
    job->out->n_rows_read++;
    if (row_is_total(plan, fields, n_fields) ||
        (plan->format->nameless_is_total && plan->has_names &&
         row_is_nameless(plan, fields, n_fields))) {
        job->is_last_short = false;
        job->out->n_rows_skipped++;
        return WN_OK;
    }
    if (!has_cells(job, &row, n_fields))
        return WN_OK;
    uint64_t n_errors = job->out->n_errors;
    read_date(job, &row);
    read_measures(job, &row);
    read_codes(job, &row);
    check_names(job, &row);
    if (row.bad) {
        /* One row is one error, however many of its cells are wrong: the cells are listed. */
        job->out->n_errors = n_errors + 1;
        return WN_OK;
    }
    if (row.end > row.stat.day && !job->said_several_days) {
        job->said_several_days = true;
        job_problem(job, false, line, -1, WN_STR(""),
                    "rows that cover several days are stored on their first day");
    }
    size_t at = 0;
    wn_rc rc = read_account(job, &row, &at, why);
    if (rc || (rc = read_names(job, &row, why)))
        return rc;
    rc = count_row(job, &job->accounts[at], &row, why);
    if (rc)
        return rc;
    job->batch[job->n_batch++] = row.stat;
    return job->n_batch == ROWS_BATCH ? job_flush(job, why) : WN_OK;
}
