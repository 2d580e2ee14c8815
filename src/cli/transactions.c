#include "cli/transactions.h"

#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/num.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { CUSTOMER, DATE, AMOUNT, CHANNEL, QUANTITY, PRICE, COLUMNS };

/* Names are compared without case, blanks, '_' and '-'; the earlier name wins. */
static const struct {
    const char *name, *aliases;
} columns[COLUMNS] = {
    [CUSTOMER] = {"customer",
                  "customer|customerid|customerno|client|clientid|user|userid|buyer|buyerid|"
                  "member|memberid|contact|contactid|email|id"},
    [DATE] = {"date", "date|day|orderdate|invoicedate|purchasedate|transactiondate|createdat|"
                      "orderedat|paidat|timestamp|datetime|time|ts|ds"},
    [AMOUNT] = {"amount", "amount|amountmicros|value|revenue|revenuemicros|ordervalue|total|"
                          "ordertotal|totalprice|dollarvalue|sales|monetary|spend|net|gross"},
    [CHANNEL] = {"channel", "channel|acquisitionchannel|source|utmsource|segment|group|campaign"},
    [QUANTITY] = {"quantity", "quantity|qty|units|items"},
    [PRICE] = {"unit price", "unitprice|price|itemprice"},
};

struct reading {
    struct wn_arena *arena;
    const struct wn_transactions_columns *told; /* or NULL */
    struct wn_transactions *out;
    struct wn_map customers, channels;
    int place[COLUMNS]; /* column of the text, or -1 */
    bool has_header;    /* the first record is one */
    bool has_started, reads_micros;
    bool is_second; /* the pass that reads; the first looks */
    size_t n_records;
    struct wn_date_look dates;
    struct wn_decimal_look decimals[COLUMNS];
    char decimal[COLUMNS];
    int32_t *channel_day; /* [n_records]: the earliest day of the customer, so far */
};

/* ---- columns ------------------------------------------------------------------------------------
 */

static bool is_filler(char c)
{
    return c == ' ' || c == '_' || c == '-' || c == '.';
}

bool wn_column_is(struct wn_str field, struct wn_str name)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < field.n && is_filler(field.p[i]))
            i++;
        while (k < name.n && is_filler(name.p[k]))
            k++;
        if (i == field.n || k == name.n)
            return i == field.n && k == name.n;
        char a = field.p[i++], b = name.p[k++];
        a = a >= 'A' && a <= 'Z' ? (char)(a + 32) : a;
        b = b >= 'A' && b <= 'Z' ? (char)(b + 32) : b;
        if (a != b)
            return false;
    }
}

static int find_column(const struct wn_csv_record *record, const char *names)
{
    struct wn_str rest = wn_str_of(names), name;
    while (wn_str_cut(&rest, '|', &name))
        for (size_t f = 0; f < record->n_fields; f++)
            if (wn_column_is(wn_str_trim(record->fields[f]), name))
                return (int)f;
    return -1;
}

static struct wn_str told_name(const struct reading *r, enum column c)
{
    const struct wn_transactions_columns *t = r->told;
    if (!t)
        return (struct wn_str){0};
    return c == CUSTOMER  ? t->customer
           : c == DATE    ? t->date
           : c == AMOUNT  ? t->amount
           : c == CHANNEL ? t->channel
                          : (struct wn_str){0};
}

static wn_rc told_columns(struct reading *r, const struct wn_csv_record *record, struct wn_why *why)
{
    for (int c = 0; c < COLUMNS; c++) {
        struct wn_str name = told_name(r, (enum column)c);
        if (!name.p)
            continue;
        r->place[c] = -1;
        for (size_t f = 0; f < record->n_fields && r->place[c] < 0; f++)
            if (wn_column_is(wn_str_trim(record->fields[f]), name))
                r->place[c] = (int)f;
        if (r->place[c] < 0)
            return wn_fail(why, WN_INVALID, columns[c].name, "there is no column '%.*s'",
                           WN_STR_ARG(name));
    }
    return WN_OK;
}

/* Unix seconds and milliseconds, which no form of a date looks like. */
static bool read_unix(struct wn_str s, int32_t *out_day)
{
    int64_t number;
    if (s.n < 10 || !wn_parse_i64(s, &number) || number < 1000000000)
        return false;
    int64_t day = number / (number >= INT64_C(1000000000000) ? WN_DAY_MS : WN_DAY_MS / 1000);
    *out_day = (int32_t)(day <= WN_DAY_MAX ? day : -1);
    return day <= WN_DAY_MAX;
}

static bool is_day(struct wn_str s)
{
    struct wn_date_text date;
    int32_t day;
    return read_unix(s, &day) || (wn_date_read(s, &date) == WN_VALUE_GOOD &&
                                  date.kind != WN_DATE_WEEKDAY && !date.is_month);
}

/* Recognises the header; without one the columns are customer, date, amount. */
static wn_rc read_header(struct reading *r, const struct wn_csv_record *record, struct wn_why *why)
{
    if (why && !why->text[0])
        why->line = record->line;
    for (int c = 0; c < COLUMNS; c++)
        r->place[c] = find_column(record, columns[c].aliases);
    wn_rc rc = told_columns(r, record, why);
    if (rc)
        return rc;
    r->has_header = r->place[CUSTOMER] >= 0 || r->place[DATE] >= 0;
    if (r->has_header && (r->place[CUSTOMER] < 0 || r->place[DATE] < 0))
        return wn_fail(why, WN_INVALID, "header",
                       "purchases need the columns customer and date (and amount); missing: %s",
                       r->place[CUSTOMER] < 0 ? "customer" : "date");
    if (!r->has_header) {
        if (record->n_fields < 2 || !is_day(wn_str_trim(record->fields[1])))
            return wn_fail(why, WN_INVALID, "header",
                           "the first line is neither a header with the columns customer and date "
                           "(and amount) nor a purchase of that order");
        for (int c = 0; c < COLUMNS; c++)
            r->place[c] = c <= AMOUNT && (size_t)c < record->n_fields ? c : -1;
    }
    if (r->place[AMOUNT] >= 0 || r->place[QUANTITY] < 0 || r->place[PRICE] < 0)
        r->place[QUANTITY] = r->place[PRICE] = -1; /* a product only where it is needed */
    r->reads_micros = r->has_header && r->place[AMOUNT] >= 0 &&
                      wn_str_ends(wn_str_trim(record->fields[r->place[AMOUNT]]), WN_STR("micros"));
    if (why && !why->text[0])
        why->line = 0;
    return WN_OK;
}

/* ---- cells --------------------------------------------------------------------------------------
 */

static struct wn_str cell(const struct reading *r, const struct wn_csv_record *record,
                          enum column c)
{
    int at = r->place[c];
    return at >= 0 && (size_t)at < record->n_fields ? wn_str_trim(record->fields[at])
                                                    : (struct wn_str){"", 0};
}

static wn_rc bad_cell(const struct reading *r, const struct wn_csv_record *record, enum column c,
                      const char *what, struct wn_why *why)
{
    struct wn_str text = cell(r, record, c);
    if (why && !why->text[0]) {
        why->line = record->line;
        why->column = (uint32_t)(r->place[c] + 1);
    }
    return wn_fail(why, WN_INVALID, columns[c].name, "%s '%.*s' %s", columns[c].name,
                   WN_STR_ARG(text), what);
}

static void look_at_date(struct reading *r, struct wn_str s)
{
    struct wn_date_text date;
    int32_t day;
    if (!read_unix(s, &day) && wn_date_read(s, &date) == WN_VALUE_GOOD &&
        date.kind != WN_DATE_WEEKDAY)
        wn_date_look(&r->dates, &date);
}

static wn_rc read_date(struct reading *r, const struct wn_csv_record *record, int32_t *out,
                       struct wn_why *why)
{
    struct wn_str s = cell(r, record, DATE);
    struct wn_date_text date;
    bool guessed = false;
    if (wn_parse_day(s, out) || read_unix(s, out))
        return WN_OK;
    if (wn_date_read(s, &date) != WN_VALUE_GOOD || date.kind == WN_DATE_WEEKDAY || date.is_month)
        return bad_cell(r, record, DATE, "is not a day; write YYYY-MM-DD", why);
    *out = date.day;
    if (date.kind == WN_DATE_DAY)
        return WN_OK;
    if (!wn_date_settle(&r->dates, &date, out, &guessed))
        return bad_cell(r, record, DATE, "can be read in two ways; write YYYY-MM-DD", why);
    r->out->dates_guessed |= guessed;
    return WN_OK;
}

static wn_rc read_number(const struct reading *r, const struct wn_csv_record *record, enum column c,
                         int64_t *out, struct wn_why *why)
{
    struct wn_number number;
    struct wn_str s = cell(r, record, c);
    switch (wn_number_read(s, r->decimal[c], &number)) {
    case WN_VALUE_ABSENT:
        return bad_cell(r, record, c, "is missing; write 0 for what was free", why);
    case WN_VALUE_BAD:
        return bad_cell(r, record, c, "is not a number", why);
    default:
        break;
    }
    if (number.is_percent || number.is_bound)
        return bad_cell(r, record, c, "is not an amount", why);
    *out = number.micros;
    return WN_OK;
}

static wn_rc read_amount(const struct reading *r, const struct wn_csv_record *record, int64_t *out,
                         struct wn_why *why)
{
    int64_t quantity = 0, price = 0;
    *out = 0;
    if (r->place[AMOUNT] >= 0) {
        wn_rc rc = read_number(r, record, AMOUNT, out, why);
        if (!rc && r->reads_micros) /* whole micros were read as whole units */
            *out /= WN_MICROS;
        return rc;
    }
    if (r->place[QUANTITY] < 0)
        return WN_OK;
    wn_rc rc = read_number(r, record, QUANTITY, &quantity, why);
    if (!rc)
        rc = read_number(r, record, PRICE, &price, why);
    if (!rc && !wn_mul_div_i64(quantity, price, WN_MICROS, out))
        rc = bad_cell(r, record, PRICE, "times quantity is too large", why);
    return rc;
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

/* Where a customer came from is said by its earliest row. */
static wn_rc place_channel(struct reading *r, const struct wn_csv_record *record, uint32_t customer,
                           int32_t day, bool is_new, struct wn_why *why)
{
    uint32_t *channel;
    if (!is_new && r->channel_day[customer] <= day)
        return WN_OK;
    wn_rc rc =
        wn_map_put(&r->channels, cell(r, record, CHANNEL), (uint32_t)r->channels.n, &channel, NULL);
    if (rc)
        return wn_fail(why, rc, "channel",
                       rc == WN_LIMIT ? "there are more than %d channels" : "memory has run out",
                       WN_TRANSACTIONS_CHANNELS_MAX);
    r->out->channel_of[customer] = *channel;
    r->channel_day[customer] = day;
    return WN_OK;
}

static wn_rc read_row(struct reading *r, const struct wn_csv_record *record, struct wn_why *why)
{
    struct wn_transactions *out = r->out;
    struct wn_transaction row;
    struct wn_str name = cell(r, record, CUSTOMER);
    uint32_t *customer;
    bool is_new;
    if (wn_value_is_absent(name)) {
        out->n_without_customer++;
        return WN_OK;
    }
    wn_rc rc = read_date(r, record, &row.day, why);
    if (!rc)
        rc = read_amount(r, record, &row.amount_micros, why);
    if (rc)
        return rc;
    rc = wn_map_put(&r->customers, name, (uint32_t)r->customers.n, &customer, &is_new);
    if (rc)
        return wn_fail(why, rc, "customer",
                       rc == WN_LIMIT ? "there are too many customers" : "memory has run out");
    row.customer = *customer;
    rc = place_channel(r, record, row.customer, row.day, is_new, why);
    if (!rc)
        out->rows[out->n_rows++] = row;
    return rc;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct reading *r = context;
    if (!r->has_started) {
        wn_rc rc = r->is_second ? WN_OK : read_header(r, record, why);
        r->has_started = true;
        if (rc || r->has_header)
            return rc;
    }
    if (r->is_second)
        return read_row(r, record, why);
    r->n_records++;
    look_at_date(r, cell(r, record, DATE));
    for (int c = 0; c < COLUMNS; c++)
        if (c == AMOUNT || c >= QUANTITY) {
            struct wn_str s = cell(r, record, (enum column)c);
            if (wn_decimal_matters(s))
                wn_decimal_look(&r->decimals[c], s);
        }
    return WN_OK;
}

static wn_rc pass(struct reading *r, struct wn_str text, struct wn_why *why)
{
    struct wn_csv_options options = {.on_record = on_record, .context = r};
    struct wn_csv *csv = NULL;
    r->has_started = false;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    return rc;
}

/* ---- the result ---------------------------------------------------------------------------------
 */

static int by_day(const void *a, const void *b)
{
    const struct wn_transaction *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->amount_micros > y->amount_micros) - (x->amount_micros < y->amount_micros);
}

/* By customer (counting), then by day. */
static wn_rc sort_rows(struct reading *r)
{
    struct wn_transactions *out = r->out;
    size_t n = r->customers.n;
    struct wn_transaction *sorted = WN_ARENA_ARRAY(r->arena, out->n_rows, struct wn_transaction);
    out->first_row = WN_ARENA_ARRAY(r->arena, n + 2, size_t);
    if (!sorted || !out->first_row)
        return WN_MEMORY;
    size_t *at = out->first_row + 1; /* one behind, so that it ends as the starts */
    for (size_t k = 0; k < out->n_rows; k++)
        at[out->rows[k].customer + 1]++;
    for (size_t i = 1; i <= n; i++)
        at[i] += at[i - 1];
    for (size_t k = 0; k < out->n_rows; k++)
        sorted[at[out->rows[k].customer]++] = out->rows[k];
    for (size_t i = 0; i < n; i++)
        qsort(sorted + out->first_row[i], out->first_row[i + 1] - out->first_row[i], sizeof *sorted,
              by_day);
    out->rows = sorted;
    return WN_OK;
}

/* Names by index. */
static wn_rc name_all(const struct wn_map *m, struct wn_arena *a, struct wn_str **out)
{
    struct wn_str *names = WN_ARENA_ARRAY(a, m->n, struct wn_str);
    for (size_t i = 0; names && i < m->n_slots; i++)
        if (m->slots[i].hash) {
            names[m->slots[i].value] = wn_arena_dup(a, m->slots[i].key);
            if (!names[m->slots[i].value].p)
                return WN_MEMORY;
        }
    *out = names;
    return names ? WN_OK : WN_MEMORY;
}

static wn_rc finish(struct reading *r, struct wn_why *why)
{
    struct wn_transactions *out = r->out;
    if (out->n_rows == 0)
        return wn_fail(why, WN_INVALID, NULL,
                       out->n_without_customer ? "no row names a customer" : "there are no rows");
    out->first_day = out->last_day = out->rows[0].day;
    for (size_t k = 1; k < out->n_rows; k++) {
        int32_t day = out->rows[k].day;
        out->first_day = day < out->first_day ? day : out->first_day;
        out->last_day = day > out->last_day ? day : out->last_day;
    }
    out->n_customers = r->customers.n;
    out->n_channels = r->channels.n;
    out->has_channels = r->place[CHANNEL] >= 0;
    out->has_amounts = r->place[AMOUNT] >= 0 || r->place[QUANTITY] >= 0;
    wn_rc rc = sort_rows(r);
    if (!rc)
        rc = name_all(&r->customers, r->arena, &out->customers);
    if (!rc)
        rc = name_all(&r->channels, r->arena, &out->channels);
    return rc ? wn_fail(why, rc, NULL, "there is no memory for the purchases") : WN_OK;
}

static wn_rc read_all(struct reading *r, struct wn_str text, struct wn_why *why)
{
    wn_rc rc = pass(r, text, why);
    if (rc)
        return rc;
    for (int c = 0; c < COLUMNS; c++)
        r->decimal[c] = wn_decimal_choose(&r->decimals[c], NULL);
    r->out->rows = WN_ARENA_ARRAY(r->arena, r->n_records, struct wn_transaction);
    r->out->channel_of = WN_ARENA_ARRAY(r->arena, r->n_records, uint32_t);
    r->channel_day = WN_ARENA_ARRAY(r->arena, r->n_records, int32_t);
    if (!r->out->rows || !r->out->channel_of || !r->channel_day)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for %zu rows", r->n_records);
    r->is_second = true;
    rc = pass(r, text, why);
    return rc ? rc : finish(r, why);
}

wn_rc wn_transactions_read(struct wn_arena *a, struct wn_str text,
                           const struct wn_transactions_columns *told, struct wn_transactions *out,
                           struct wn_why *why)
{
    struct wn_transactions result = {0};
    struct reading r = {.arena = a, .told = told, .out = &result};
    wn_map_init(&r.customers, WN_TRANSACTIONS_CUSTOMERS_MAX);
    wn_map_init(&r.channels, WN_TRANSACTIONS_CHANNELS_MAX);
    wn_rc rc = read_all(&r, text, why);
    wn_map_deinit(&r.customers);
    wn_map_deinit(&r.channels);
    if (!rc)
        *out = result;
    return rc;
}

/* ---- around it ----------------------------------------------------------------------------------
 */

struct header_question {
    const char *names;
    bool answer;
};

static wn_rc on_header(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct header_question *q = context;
    (void)why;
    q->answer = find_column(record, q->names) >= 0;
    return WN_CANCELLED; /* one record is enough */
}

wn_rc wn_csv_header_has(struct wn_str text, const char *names, bool *out, struct wn_why *why)
{
    struct header_question q = {.names = names};
    struct wn_csv_options options = {.on_record = on_header, .context = &q};
    struct wn_csv *csv = NULL;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, NULL);
    if (!rc)
        rc = wn_csv_finish(csv, NULL);
    wn_csv_free(csv);
    if (rc == WN_MEMORY)
        return wn_fail(why, rc, NULL, "there is no memory for the header");
    *out = q.answer;
    return WN_OK;
}

wn_rc wn_input_load(const char *path, struct wn_buf *out, struct wn_why *why)
{
    enum { PIECE = 1 << 16 };
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    char *room;
    size_t n = 0;
    if (!file)
        return wn_fail(why, errno == ENOENT ? WN_NOT_FOUND : WN_IO, "input", "cannot open %s: %s",
                       path, strerror(errno));
    errno = 0;
    while ((room = wn_buf_room(out, PIECE)) && (n = fread(room, 1, PIECE, file)) > 0)
        wn_buf_used(out, n);
    wn_rc rc = wn_buf_check(out, why);
    if (!rc && ferror(file))
        rc = wn_fail(why, WN_IO, "input", "reading %s failed: %s", path, strerror(errno));
    if (!is_stdin)
        fclose(file);
    return rc;
}
