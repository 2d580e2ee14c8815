#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "io/clock.h"
#include "store/facts/duckdb_int.h"

enum { COLUMNS_MAX = 256, QUERY_BYTES_MAX = 1 << 20 };

/* ---- who may read ----------------------------------------------------------------------------- */

static void forget_plans(struct duck_reader *r)
{
    for (size_t i = 0; i < r->n_kept; i++)
        duckdb_destroy_prepare(&r->kept[i].statement);
    r->n_kept = r->next_kept = 0;
}

static void disconnect(struct duck_reader *r)
{
    forget_plans(r);
    duckdb_disconnect(&r->connection);
}

wn_rc wn_duck_readers_new(struct duck_facts *d, struct wn_why *why)
{
    size_t n = (size_t)d->options.n_readers_max;
    d->readers = calloc(n, sizeof *d->readers);
    if (!d->readers)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for the facts");
    for (size_t i = 0; i < n; i++)
        d->readers[i].next = i + 1 < n ? &d->readers[i + 1] : NULL;
    d->idle = d->readers;
    return WN_OK;
}

void wn_duck_readers_free(struct duck_facts *d)
{
    for (int i = 0; d->readers && i < d->options.n_readers_max; i++)
        disconnect(&d->readers[i]);
    free(d->readers);
}

static void leave(struct duck_facts *d, struct duck_reader *r)
{
    pthread_mutex_lock(&d->readers_lock);
    r->next = d->idle;
    d->idle = r;
    pthread_cond_signal(&d->reader_left);
    pthread_mutex_unlock(&d->readers_lock);
}

static wn_rc enter(struct duck_facts *d, struct duck_reader **out, struct wn_why *why)
{
    int64_t until_ns = wn_clock_monotonic_ns() + WN_DUCK_READER_WAIT_MS * INT64_C(1000000);
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    int waited = 0;
    pthread_mutex_lock(&d->readers_lock);
    while (!d->idle && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&d->reader_left, &d->readers_lock, &until);
    struct duck_reader *r = d->idle;
    if (r)
        d->idle = r->next;
    pthread_mutex_unlock(&d->readers_lock);
    if (!r)
        return wn_fail(why, WN_BUSY, NULL, "%d queries are running and none ended within %d s",
                       d->options.n_readers_max, WN_DUCK_READER_WAIT_MS / 1000);
    if (!r->connection && duckdb_connect(d->db, &r->connection) != DuckDBSuccess) {
        leave(d, r);
        return wn_fail(why, WN_MEMORY, NULL, "could not connect to the facts");
    }
    *out = r;
    return WN_OK;
}

/* ---- statements ------------------------------------------------------------------------------- */

static duckdb_state bind_one(duckdb_prepared_statement s, uint64_t at, const struct wn_value *v)
{
    switch (v->kind) {
    case WN_VALUE_INT:
        return duckdb_bind_int64(s, at, v->integer);
    case WN_VALUE_REAL:
        return duckdb_bind_double(s, at, v->real);
    case WN_VALUE_TEXT:
        return duckdb_bind_varchar_length(s, at, v->text.p ? v->text.p : "", v->text.n);
    case WN_VALUE_NONE:
        break;
    }
    return duckdb_bind_null(s, at);
}

static wn_rc prepare(struct duck_facts *d, duckdb_connection c, const struct wn_sql *sql,
                     duckdb_prepared_statement *out, struct wn_why *why)
{
    struct wn_buf text; /* with the NUL that the engine wants */
    wn_buf_init(&text, QUERY_BYTES_MAX);
    wn_buf_append(&text, sql->text);
    wn_buf_append_char(&text, '\0');
    wn_rc rc = wn_buf_check(&text, why);
    if (!rc && duckdb_prepare(c, text.p, out) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, "understand a query of the facts", duckdb_prepare_error(*out));
    wn_buf_deinit(&text);
    if (rc)
        return rc;
    /* Whatever a caller builds: through here nothing can be changed. */
    if (duckdb_prepared_statement_type(*out) != DUCKDB_STATEMENT_TYPE_SELECT)
        return wn_fail(why, WN_INTERNAL, NULL, "only SELECT may be asked of the facts");
    if (duckdb_nparams(*out) != sql->n_binds)
        return wn_fail(why, WN_INTERNAL, NULL,
                       "a query of the facts has %zu values for %llu places", sql->n_binds,
                       (unsigned long long)duckdb_nparams(*out));
    return WN_OK;
}

static duckdb_prepared_statement find_kept(const struct duck_reader *r, struct wn_str text)
{
    for (size_t i = 0; i < r->n_kept; i++)
        if (wn_str_eq((struct wn_str){r->kept[i].text, r->kept[i].n_text}, text))
            return r->kept[i].statement;
    return NULL;
}

/* Takes the statement over; when its text is too long it stays the caller's. */
static bool keep(struct duck_reader *r, struct wn_str text, duckdb_prepared_statement statement)
{
    if (text.n > WN_DUCK_KEPT_BYTES)
        return false;
    size_t at = r->n_kept;
    if (at < WN_DUCK_KEPT_MAX) {
        r->n_kept++;
    } else {
        at = r->next_kept;
        duckdb_destroy_prepare(&r->kept[at].statement);
    }
    memcpy(r->kept[at].text, text.p, text.n);
    r->kept[at].n_text = text.n;
    r->kept[at].statement = statement;
    r->next_kept = (at + 1) % WN_DUCK_KEPT_MAX;
    return true;
}

/* A running query: reader, statement, result. */
struct reading {
    struct duck_reader *reader;
    duckdb_prepared_statement own; /* not kept by the reader */
    duckdb_result result;
};

static wn_rc find_statement(struct duck_facts *d, const struct wn_sql *sql, struct reading *r,
                            duckdb_prepared_statement *out, struct wn_why *why)
{
    *out = find_kept(r->reader, sql->text);
    if (*out)
        return WN_OK;
    wn_rc rc = prepare(d, r->reader->connection, sql, &r->own, why);
    *out = r->own;
    if (!rc && keep(r->reader, sql->text, r->own))
        r->own = NULL;
    return rc;
}

static wn_rc execute(struct duck_facts *d, const struct wn_sql *sql, struct reading *r,
                     struct wn_why *why)
{
    duckdb_prepared_statement s = NULL;
    wn_rc rc = find_statement(d, sql, r, &s, why);
    for (size_t i = 0; i < sql->n_binds && !rc; i++)
        if (bind_one(s, i + 1, &sql->binds[i]) != DuckDBSuccess)
            rc = wn_duck_fail(d, why, "bind a value of a query", duckdb_prepare_error(s));
    if (!rc && duckdb_execute_prepared_streaming(s, &r->result) != DuckDBSuccess)
        rc = wn_duck_fail(d, why, "answer a query of the facts", duckdb_result_error(&r->result));
    return rc;
}

/* Starts with a plan that was made for the data it is asked of: when a commit came in between, both
 * are made again, at most twice. */
static wn_rc start_reading(struct duck_facts *d, const struct wn_sql *sql, struct reading *r,
                           struct wn_why *why)
{
    *r = (struct reading){0};
    wn_rc rc = enter(d, &r->reader, why);
    WN_ASSERT(rc || r->reader);
    for (int tries = 1; !rc; tries++) {
        uint64_t n_changes = atomic_load(&d->n_changes);
        if (r->reader->n_changes != n_changes || n_changes % 2)
            forget_plans(r->reader);
        r->reader->n_changes = n_changes;
        rc = execute(d, sql, r, why);
        if (rc || atomic_load(&d->n_changes) == n_changes || tries == 3)
            break;
        duckdb_destroy_result(&r->result);
        duckdb_destroy_prepare(&r->own);
    }
    return rc;
}

/* rc: how it went. What failed leaves nothing behind: its connection goes with it. */
static void end_reading(struct duck_facts *d, struct reading *r, wn_rc rc)
{
    duckdb_destroy_result(&r->result);
    duckdb_destroy_prepare(&r->own);
    if (!r->reader)
        return;
    if (rc)
        disconnect(r->reader);
    leave(d, r->reader);
}

/* The end of the rows and an error look the same to who fetches. */
static wn_rc check_end(struct duck_facts *d, struct reading *r, struct wn_why *why)
{
    const char *text = duckdb_result_error(&r->result);
    return text && text[0] ? wn_duck_fail(d, why, "answer a query of the facts", text) : WN_OK;
}

/* ---- values ----------------------------------------------------------------------------------- */

static struct wn_value of_int(int64_t i)
{
    return (struct wn_value){.kind = WN_VALUE_INT, .integer = i, .real = (double)i};
}

static struct wn_value of_real(double x)
{
    return isfinite(x) ? (struct wn_value){.kind = WN_VALUE_REAL, .real = x} : (struct wn_value){0};
}

#define TWO_TO_64 18446744073709551616.0

static struct wn_value of_hugeint(duckdb_hugeint h)
{
    bool fits =
        (h.upper == 0 && h.lower <= INT64_MAX) || (h.upper == -1 && h.lower > (uint64_t)INT64_MAX);
    return fits ? of_int((int64_t)h.lower) : of_real((double)h.upper * TWO_TO_64 + (double)h.lower);
}

static struct wn_value of_uint(uint64_t upper, uint64_t lower)
{
    return upper == 0 && lower <= INT64_MAX ? of_int((int64_t)lower)
                                            : of_real((double)upper * TWO_TO_64 + (double)lower);
}

struct reader_column {
    duckdb_type type;  /* as stored: of a DECIMAL, the integer inside */
    double decimal_by; /* divisor of a DECIMAL; 1 = none */
};

/* The value at row i of a column's data; a text is borrowed from its chunk. */
static struct wn_value value_at(const struct reader_column *column, const void *data, uint64_t i)
{
    switch (column->type) {
    case DUCKDB_TYPE_BOOLEAN:
        return of_int(((const bool *)data)[i]);
    case DUCKDB_TYPE_TINYINT:
        return of_int(((const int8_t *)data)[i]);
    case DUCKDB_TYPE_SMALLINT:
        return of_int(((const int16_t *)data)[i]);
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_DATE: /* days since the epoch, as everywhere here */
        return of_int(((const int32_t *)data)[i]);
    case DUCKDB_TYPE_BIGINT:
        return of_int(((const int64_t *)data)[i]);
    case DUCKDB_TYPE_UTINYINT:
        return of_int(((const uint8_t *)data)[i]);
    case DUCKDB_TYPE_USMALLINT:
        return of_int(((const uint16_t *)data)[i]);
    case DUCKDB_TYPE_UINTEGER:
        return of_int(((const uint32_t *)data)[i]);
    case DUCKDB_TYPE_UBIGINT:
        return of_uint(0, ((const uint64_t *)data)[i]);
    case DUCKDB_TYPE_FLOAT:
        return of_real((double)((const float *)data)[i]);
    case DUCKDB_TYPE_DOUBLE:
        return of_real(((const double *)data)[i]);
    case DUCKDB_TYPE_HUGEINT:
        return of_hugeint(((const duckdb_hugeint *)data)[i]);
    case DUCKDB_TYPE_UHUGEINT:
        return of_uint(((const duckdb_uhugeint *)data)[i].upper,
                       ((const duckdb_uhugeint *)data)[i].lower);
    case DUCKDB_TYPE_VARCHAR:
        return (struct wn_value){.kind = WN_VALUE_TEXT,
                                 .text = wn_duck_text(&((const duckdb_string_t *)data)[i])};
    default:
        return (struct wn_value){0};
    }
}

static wn_rc describe_column(duckdb_result *result, uint64_t at, struct reader_column *out,
                             struct wn_why *why)
{
    *out = (struct reader_column){duckdb_column_type(result, at), 1};
    switch (out->type) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UTINYINT:
    case DUCKDB_TYPE_USMALLINT:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_FLOAT:
    case DUCKDB_TYPE_DOUBLE:
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_SQLNULL:
        return WN_OK;
    case DUCKDB_TYPE_DECIMAL: {
        duckdb_logical_type type = duckdb_column_logical_type(result, at);
        out->type = duckdb_decimal_internal_type(type);
        for (int i = duckdb_decimal_scale(type); i > 0; i--)
            out->decimal_by *= 10;
        duckdb_destroy_logical_type(&type);
        return WN_OK;
    }
    default:
        return wn_fail(why, WN_INTERNAL, duckdb_column_name(result, at),
                       "a query of the facts gives a type that is not understood (%d)",
                       (int)out->type);
    }
}

/* ---- tables ----------------------------------------------------------------------------------- */

struct collector {
    struct wn_arena *a;
    size_t rows_max;
    struct reader_column *columns; /* arena */
    struct wn_table *table;        /* arena; values malloc'd until the end */
    size_t n_room;                 /* rows */
};

static wn_rc describe_result(struct reading *r, struct collector *c, struct wn_why *why)
{
    uint64_t n = duckdb_column_count(&r->result);
    if (n > COLUMNS_MAX)
        return wn_fail(why, WN_LIMIT, NULL, "more than %d columns", COLUMNS_MAX);
    c->table = WN_ARENA_NEW(c->a, struct wn_table);
    c->columns = WN_ARENA_ARRAY(c->a, n, struct reader_column);
    struct wn_str *names = WN_ARENA_ARRAY(c->a, n, struct wn_str);
    if (!c->table || !c->columns || !names)
        return WN_MEMORY;
    *c->table = (struct wn_table){.n_columns = n, .columns = names};
    for (uint64_t i = 0; i < n; i++) {
        names[i] = wn_arena_dup(c->a, wn_str_of(duckdb_column_name(&r->result, i)));
        if (!names[i].p)
            return WN_MEMORY;
        wn_rc rc = describe_column(&r->result, i, &c->columns[i], why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

static wn_rc make_room(struct collector *c, size_t n_rows)
{
    size_t n_room = c->n_room ? c->n_room : n_rows;
    while (n_room < c->table->n_rows + n_rows)
        n_room *= 2;
    if (n_room == c->n_room)
        return WN_OK;
    struct wn_value *values =
        realloc(c->table->values, n_room * c->table->n_columns * sizeof *values);
    if (!values)
        return WN_MEMORY;
    c->table->values = values;
    c->n_room = n_room;
    return WN_OK;
}

static wn_rc collect_column(struct collector *c, duckdb_data_chunk chunk, size_t at, uint64_t n)
{
    const struct reader_column *column = &c->columns[at];
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, at);
    const uint64_t *validity = duckdb_vector_get_validity(vector);
    const void *data = duckdb_vector_get_data(vector);
    struct wn_value *to = c->table->values + c->table->n_rows * c->table->n_columns + at;
    for (uint64_t i = 0; i < n; i++, to += c->table->n_columns) {
        *to = wn_duck_is_valid(validity, i) ? value_at(column, data, i) : (struct wn_value){0};
        if (column->decimal_by > 1 && to->kind != WN_VALUE_NONE)
            *to = of_real(to->real / column->decimal_by);
        if (to->kind == WN_VALUE_TEXT) {
            to->text = wn_arena_dup(c->a, to->text);
            if (!to->text.p)
                return WN_MEMORY;
        }
    }
    return WN_OK;
}

static wn_rc collect_chunk(struct collector *c, duckdb_data_chunk chunk, struct wn_why *why)
{
    uint64_t n = duckdb_data_chunk_get_size(chunk);
    if (n == 0)
        return WN_OK;
    if (c->table->n_rows + n > c->rows_max)
        return wn_fail(why, WN_LIMIT, NULL,
                       "the answer has more than %zu rows: ask for fewer days or dimensions",
                       c->rows_max);
    wn_rc rc = make_room(c, n);
    for (size_t at = 0; !rc && at < c->table->n_columns; at++)
        rc = collect_column(c, chunk, at, n);
    c->table->n_rows += n;
    return rc;
}

/* Moves the values into the arena, where the caller wants them. */
static wn_rc settle_values(struct collector *c)
{
    size_t n_values = c->table->n_rows * c->table->n_columns;
    struct wn_value *values = WN_ARENA_ARRAY(c->a, n_values, struct wn_value);
    if (values && n_values)
        memcpy(values, c->table->values, n_values * sizeof *values);
    free(c->table->values);
    c->table->values = values;
    return values ? WN_OK : WN_MEMORY;
}

wn_rc wn_duck_query(struct wn_facts *f, const struct wn_sql *sql, size_t rows_max,
                    struct wn_arena *a, struct wn_table **out, struct wn_why *why)
{
    struct duck_facts *d = (struct duck_facts *)f;
    struct collector c = {.a = a, .rows_max = rows_max};
    struct reading r;
    duckdb_data_chunk chunk;
    wn_rc rc = start_reading(d, sql, &r, why);
    if (!rc)
        rc = describe_result(&r, &c, why);
    WN_ASSERT(rc || c.table);
    while (!rc && (chunk = duckdb_fetch_chunk(r.result))) {
        rc = collect_chunk(&c, chunk, why);
        duckdb_destroy_data_chunk(&chunk);
    }
    if (!rc)
        rc = check_end(d, &r, why);
    end_reading(d, &r, rc);
    if (!rc)
        rc = settle_values(&c);
    else if (c.table)
        free(c.table->values);
    if (rc)
        return wn_fail(why, rc, NULL, "no memory for the answer of a query");
    *out = c.table;
    return WN_OK;
}

/* ---- scans ------------------------------------------------------------------------------------ */

#define TAKE(column, type, field)                                                                  \
    do {                                                                                           \
        const type *from =                                                                         \
            duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, (column)-DUCK_DAY));        \
        for (size_t i = 0; i < n; i++)                                                             \
            rows[i].field = from[i];                                                               \
    } while (0)

static void take_rows(duckdb_data_chunk chunk, struct wn_stat *rows, size_t n)
{
    TAKE(DUCK_DAY, int32_t, day);
    TAKE(DUCK_ACCOUNT, int32_t, account_id);
    TAKE(DUCK_CAMPAIGN, int32_t, campaign_id);
    TAKE(DUCK_AD_GROUP, int32_t, ad_group_id);
    TAKE(DUCK_AD, int32_t, ad_id);
    TAKE(DUCK_COUNTRY, int32_t, country_id);
    TAKE(DUCK_AGE, int32_t, age_id);
    TAKE(DUCK_PLACEMENT, int32_t, placement_id);
    TAKE(DUCK_AUDIENCE, int32_t, audience_id);
    TAKE(DUCK_CHANNEL, uint8_t, channel);
    TAKE(DUCK_DEVICE, uint8_t, device);
    TAKE(DUCK_GENDER, uint8_t, gender);
    TAKE(DUCK_HOUR, int8_t, hour);
    for (uint64_t m = 0; m < WN_MEASURE_N; m++)
        TAKE(DUCK_MEASURES + m, int64_t, measures[m]);
}

static void append_scan(struct wn_buf *b, const struct wn_facts_range *range)
{
    wn_buf_append_z(b, "SELECT ");
    for (size_t i = DUCK_DAY; i < DUCK_SOURCE; i++)
        wn_buf_printf(b, "%s%s", i > DUCK_DAY ? "," : "", wn_duck_columns[i].name);
    wn_buf_append_z(b, " FROM ad_stats WHERE tenant_id=? AND day>=? AND day<=?");
    if (range->account_id)
        wn_buf_append_z(b, " AND account_id=?");
}

static wn_rc scan_chunks(struct reading *r, struct wn_stat *rows, wn_facts_rows_fn *on_rows,
                         void *context, struct wn_why *why)
{
    duckdb_data_chunk chunk;
    wn_rc rc = WN_OK;
    while (!rc && (chunk = duckdb_fetch_chunk(r->result))) {
        size_t n = duckdb_data_chunk_get_size(chunk);
        WN_ASSERT(n <= WN_FACTS_SCAN_ROWS);
        take_rows(chunk, rows, n);
        duckdb_destroy_data_chunk(&chunk);
        if (n)
            rc = on_rows(context, rows, n, why);
    }
    return rc;
}

wn_rc wn_duck_scan(struct wn_facts *f, int32_t tenant_id, const struct wn_facts_range *range,
                   wn_facts_rows_fn *on_rows, void *context, struct wn_why *why)
{
    struct duck_facts *d = (struct duck_facts *)f;
    const struct wn_value binds[] = {of_int(tenant_id), of_int(range->day_from),
                                     of_int(range->day_to), of_int(range->account_id)};
    struct reading r = {0};
    struct wn_buf text;
    struct wn_stat *rows = malloc(WN_FACTS_SCAN_ROWS * sizeof *rows);
    wn_buf_init(&text, 4096);
    append_scan(&text, range);
    wn_rc rc = rows ? wn_buf_check(&text, why) : WN_MEMORY;
    struct wn_sql sql = {wn_buf_str(&text), binds, range->account_id ? 4 : 3};
    if (!rc)
        rc = start_reading(d, &sql, &r, why);
    if (!rc)
        rc = scan_chunks(&r, rows, on_rows, context, why);
    if (!rc)
        rc = check_end(d, &r, why);
    end_reading(d, &r, rc);
    wn_buf_deinit(&text);
    free(rows);
    return rc == WN_MEMORY ? wn_fail(why, rc, NULL, "no memory to scan the facts") : rc;
}

wn_rc wn_duck_check(struct wn_facts *f, struct wn_why *why)
{
    struct duck_facts *d = (struct duck_facts *)f;
    struct wn_sql sql = {WN_STR("SELECT count(*) FROM schema_version"), NULL, 0};
    struct wn_arena a;
    struct wn_table *table;
    wn_arena_init(&a, 0);
    wn_rc rc = wn_duck_query(&d->base, &sql, 2, &a, &table, why);
    wn_arena_deinit(&a);
    return rc;
}
