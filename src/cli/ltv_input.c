#include "cli/ltv_input.h"

#include "core/csv.h"
#include "core/csv_value.h"
#include "core/hash.h"
#include "core/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column { FREQUENCY, RECENCY, AGE, MONETARY, CUSTOMER, CHANNEL, COLUMNS };

static const struct {
    const char *name, *aliases;
} columns[COLUMNS] = {
    [FREQUENCY] = {"frequency", "frequency|x|repeats"},
    [RECENCY] = {"recency", "recency|tx"},
    [AGE] = {"T", "T|age|tenure|Tcal"},
    [MONETARY] = {"monetary", "monetary|monetaryvalue|meanvalue|zbar|m"},
    [CUSTOMER] = {"customer", "customer|customerid|client|clientid|user|userid|id"},
    [CHANNEL] = {"channel", "channel|acquisitionchannel|source|segment|group"},
};

struct reading {
    struct wn_arena *arena;
    const struct wn_transactions_columns *told; /* or NULL */
    struct wn_ltv_input *out;
    struct wn_map channels;
    double time_unit;
    int place[COLUMNS]; /* column of the text, or -1 */
    bool has_header;
    size_t n_max;
};

static int find(const struct wn_csv_record *record, struct wn_str names)
{
    struct wn_str name;
    while (wn_str_cut(&names, '|', &name))
        for (size_t f = 0; f < record->n_fields; f++)
            if (wn_column_is(wn_str_trim(record->fields[f]), name))
                return (int)f;
    return -1;
}

static wn_rc read_header(struct reading *r, const struct wn_csv_record *record, struct wn_why *why)
{
    r->has_header = true;
    for (int c = 0; c < COLUMNS; c++) {
        struct wn_str told = {0};
        if (r->told && c >= MONETARY)
            told = c == MONETARY   ? r->told->amount
                   : c == CUSTOMER ? r->told->customer
                                   : r->told->channel;
        r->place[c] = find(record, told.p ? told : wn_str_of(columns[c].aliases));
        if (r->place[c] >= 0 || (c > AGE && !told.p))
            continue;
        if (why && !why->text[0])
            why->line = record->line;
        return wn_fail(why, WN_INVALID, columns[c].name,
                       "a summary of customers needs frequency, recency and T (and monetary); "
                       "there is no column '%.*s'",
                       WN_STR_ARG(told.p ? told : wn_str_of(columns[c].name)));
    }
    return WN_OK;
}

static struct wn_str cell(const struct reading *r, const struct wn_csv_record *record,
                          enum column c)
{
    int at = r->place[c];
    return at >= 0 && (size_t)at < record->n_fields ? wn_str_trim(record->fields[at])
                                                    : (struct wn_str){"", 0};
}

static wn_rc read_number(const struct reading *r, const struct wn_csv_record *record, enum column c,
                         double *out, struct wn_why *why)
{
    struct wn_str s = cell(r, record, c);
    const char *fault = NULL;
    *out = 0;
    if (c == MONETARY && wn_value_is_absent(s))
        return WN_OK; /* none: nobody who came back */
    if (!wn_parse_f64(s, out))
        fault = "is not a number";
    else if (!(*out >= 0 && *out <= WN_LTV_MONEY_MAX))
        fault = "must be from 0 to 1e15";
    else if (c == FREQUENCY && (*out != floor(*out) || *out > WN_LTV_FREQUENCY_MAX))
        fault = "must be a whole number up to 1e9: purchases after the first";
    if (!fault)
        return WN_OK;
    if (why && !why->text[0]) {
        why->line = record->line;
        why->column = (uint32_t)(r->place[c] + 1);
    }
    return wn_fail(why, WN_INVALID, columns[c].name, "%s '%.*s' %s", columns[c].name, WN_STR_ARG(s),
                   fault);
}

/* Room for one customer more; arrays of the arena are doubled by copying. */
static wn_rc grow(struct reading *r)
{
    struct wn_ltv_input *o = r->out;
    size_t n = r->n_max ? 2 * r->n_max : 1024;
    if (o->n < r->n_max)
        return WN_OK;
    struct wn_ltv_customer *customers = WN_ARENA_ARRAY(r->arena, n, struct wn_ltv_customer);
    struct wn_str *names = WN_ARENA_ARRAY(r->arena, n, struct wn_str);
    uint64_t *lines = WN_ARENA_ARRAY(r->arena, n, uint64_t);
    if (!customers || !names || !lines)
        return WN_MEMORY;
    if (o->n) {
        memcpy(customers, o->customers, o->n * sizeof *customers);
        memcpy(names, o->names, o->n * sizeof *names);
        memcpy(lines, o->lines, o->n * sizeof *lines);
    }
    o->customers = customers;
    o->names = names;
    o->lines = lines;
    r->n_max = n;
    return WN_OK;
}

static wn_rc on_record(void *context, const struct wn_csv_record *record, struct wn_why *why)
{
    struct reading *r = context;
    struct wn_ltv_customer c = {0};
    struct wn_str name;
    uint32_t *channel;
    if (!r->has_header)
        return read_header(r, record, why);
    wn_rc rc = read_number(r, record, FREQUENCY, &c.frequency, why);
    if (!rc)
        rc = read_number(r, record, RECENCY, &c.recency, why);
    if (!rc)
        rc = read_number(r, record, AGE, &c.age, why);
    if (!rc && r->place[MONETARY] >= 0)
        rc = read_number(r, record, MONETARY, &c.monetary, why);
    if (rc)
        return rc;
    rc = grow(r);
    name = r->place[CUSTOMER] >= 0
               ? wn_arena_dup(r->arena, cell(r, record, CUSTOMER))
               : wn_arena_printf(r->arena, "%zu", r->out->n + 1); /* by its place */
    if (!rc && !name.p)
        rc = WN_MEMORY;
    if (!rc)
        rc = wn_map_put(&r->channels, cell(r, record, CHANNEL), (uint32_t)r->channels.n, &channel,
                        NULL);
    if (rc)
        return wn_fail(why, rc, NULL, "customer %zu: %s", r->out->n + 1,
                       rc == WN_LIMIT ? "there are too many channels" : "memory has run out");
    c.recency *= r->time_unit;
    c.age *= r->time_unit;
    c.monetary = c.frequency > 0 ? c.monetary : 0;
    c.channel = *channel;
    r->out->lines[r->out->n] = record->line;
    r->out->names[r->out->n] = name;
    r->out->customers[r->out->n++] = c;
    return WN_OK;
}

static wn_rc read_summary(struct reading *r, struct wn_str text, struct wn_why *why)
{
    struct wn_csv_options options = {.on_record = on_record, .context = r};
    struct wn_csv *csv = NULL;
    struct wn_ltv_input *o = r->out;
    wn_rc rc = wn_csv_new(&options, &csv, why);
    if (!rc)
        rc = wn_csv_push(csv, text, why);
    if (!rc)
        rc = wn_csv_finish(csv, why);
    wn_csv_free(csv);
    if (!rc && o->n == 0)
        rc = wn_fail(why, WN_INVALID, NULL, "there are no rows");
    if (rc)
        return rc;
    o->channels = WN_ARENA_ARRAY(r->arena, r->channels.n, struct wn_str);
    for (size_t i = 0; o->channels && i < r->channels.n_slots; i++) {
        const struct wn_map_slot *slot = &r->channels.slots[i];
        if (slot->hash && !(o->channels[slot->value] = wn_arena_dup(r->arena, slot->key)).p)
            o->channels = NULL;
    }
    if (!o->channels)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the channels");
    o->n_channels = r->channels.n;
    o->has_channels = r->place[CHANNEL] >= 0;
    o->has_values = r->place[MONETARY] >= 0;
    return WN_OK;
}

wn_rc wn_ltv_input_read(struct wn_arena *a, struct wn_str text,
                        const struct wn_transactions_columns *told, double time_unit,
                        struct wn_ltv_input *out, struct wn_why *why)
{
    struct wn_ltv_input in = {0};
    wn_rc rc = wn_csv_header_has(text, columns[FREQUENCY].aliases, &in.is_summary, why);
    if (rc)
        return rc;
    if (in.is_summary) {
        struct reading r = {.arena = a, .told = told, .out = &in, .time_unit = time_unit};
        wn_map_init(&r.channels, WN_LTV_CHANNELS_MAX);
        rc = read_summary(&r, text, why);
        wn_map_deinit(&r.channels);
    } else {
        rc = wn_transactions_read(a, text, told, &in.purchases, why);
        in.channels = in.purchases.channels;
        in.n_channels = in.purchases.n_channels;
        in.has_channels = in.purchases.has_channels;
        in.has_values = in.purchases.has_amounts;
    }
    if (!rc)
        *out = in;
    return rc;
}
