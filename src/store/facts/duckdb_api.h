/* The few functions of DuckDB's C interface that we use, declared by ourselves: the library comes
 * without a header. Names, layouts and ownership are those of its documented C API, stable since
 * 1.0; every "_destroy" and "close" takes the handle's address, accepts a NULL handle and sets it
 * to NULL. Written for 1.5.6, see engines/duckdb/package.json. */
#ifndef WN_STORE_FACTS_DUCKDB_API_H
#define WN_STORE_FACTS_DUCKDB_API_H

#include <stdbool.h>
#include <stdint.h>

typedef struct wn_duckdb_database *duckdb_database;
typedef struct wn_duckdb_connection *duckdb_connection;
typedef struct wn_duckdb_statement *duckdb_prepared_statement;
typedef struct wn_duckdb_appender *duckdb_appender;
typedef struct wn_duckdb_config *duckdb_config;
typedef struct wn_duckdb_chunk *duckdb_data_chunk;
typedef struct wn_duckdb_vector *duckdb_vector;
typedef struct wn_duckdb_logical_type *duckdb_logical_type;

typedef enum duckdb_state { DuckDBSuccess = 0, DuckDBError = 1 } duckdb_state;

typedef enum duckdb_type {
    DUCKDB_TYPE_INVALID = 0,
    DUCKDB_TYPE_BOOLEAN = 1,
    DUCKDB_TYPE_TINYINT = 2,
    DUCKDB_TYPE_SMALLINT = 3,
    DUCKDB_TYPE_INTEGER = 4,
    DUCKDB_TYPE_BIGINT = 5,
    DUCKDB_TYPE_UTINYINT = 6,
    DUCKDB_TYPE_USMALLINT = 7,
    DUCKDB_TYPE_UINTEGER = 8,
    DUCKDB_TYPE_UBIGINT = 9,
    DUCKDB_TYPE_FLOAT = 10,
    DUCKDB_TYPE_DOUBLE = 11,
    DUCKDB_TYPE_DATE = 13,
    DUCKDB_TYPE_HUGEINT = 16,
    DUCKDB_TYPE_VARCHAR = 17,
    DUCKDB_TYPE_DECIMAL = 19,
    DUCKDB_TYPE_UHUGEINT = 32,
    DUCKDB_TYPE_SQLNULL = 36
} duckdb_type;

typedef enum duckdb_statement_type { DUCKDB_STATEMENT_TYPE_SELECT = 1 } duckdb_statement_type;

/* A result is the caller's 48 bytes; only internal_data is of this age. */
typedef struct duckdb_result {
    uint64_t deprecated_column_count;
    uint64_t deprecated_row_count;
    uint64_t deprecated_rows_changed;
    void *deprecated_columns;
    char *deprecated_error_message;
    void *internal_data;
} duckdb_result;

typedef struct duckdb_hugeint {
    uint64_t lower;
    int64_t upper;
} duckdb_hugeint;

typedef struct duckdb_uhugeint {
    uint64_t lower;
    uint64_t upper;
} duckdb_uhugeint;

/* Texts of up to 12 bytes stand in the value itself. */
typedef struct duckdb_string_t {
    union {
        struct {
            uint32_t length;
            char prefix[4];
            char *ptr;
        } pointer;
        struct {
            uint32_t length;
            char inlined[12];
        } inlined;
    } value;
} duckdb_string_t;

const char *duckdb_library_version(void);
void duckdb_free(void *p);

duckdb_state duckdb_create_config(duckdb_config *out);
duckdb_state duckdb_set_config(duckdb_config config, const char *name, const char *value);
void duckdb_destroy_config(duckdb_config *config);
/* *error is given (duckdb_free). */
duckdb_state duckdb_open_ext(const char *path, duckdb_database *out, duckdb_config config,
                             char **error);
void duckdb_close(duckdb_database *db);
duckdb_state duckdb_connect(duckdb_database db, duckdb_connection *out);
void duckdb_disconnect(duckdb_connection *connection);

/* result may be NULL. It must be destroyed after a failure too: it holds the error. */
duckdb_state duckdb_query(duckdb_connection connection, const char *sql, duckdb_result *result);
void duckdb_destroy_result(duckdb_result *result);
const char *duckdb_result_error(duckdb_result *result);
uint64_t duckdb_column_count(duckdb_result *result);
const char *duckdb_column_name(duckdb_result *result, uint64_t column);
duckdb_type duckdb_column_type(duckdb_result *result, uint64_t column);
duckdb_logical_type duckdb_column_logical_type(duckdb_result *result, uint64_t column);
/* The next rows, given; NULL at the end and after an error (see duckdb_result_error). */
duckdb_data_chunk duckdb_fetch_chunk(duckdb_result result);

duckdb_state duckdb_prepare(duckdb_connection connection, const char *sql,
                            duckdb_prepared_statement *out);
void duckdb_destroy_prepare(duckdb_prepared_statement *statement);
const char *duckdb_prepare_error(duckdb_prepared_statement statement);
uint64_t duckdb_nparams(duckdb_prepared_statement statement);
duckdb_statement_type duckdb_prepared_statement_type(duckdb_prepared_statement statement);
duckdb_state duckdb_bind_int64(duckdb_prepared_statement statement, uint64_t at, int64_t value);
duckdb_state duckdb_bind_double(duckdb_prepared_statement statement, uint64_t at, double value);
duckdb_state duckdb_bind_varchar_length(duckdb_prepared_statement statement, uint64_t at,
                                        const char *p, uint64_t n);
duckdb_state duckdb_bind_null(duckdb_prepared_statement statement, uint64_t at);
duckdb_state duckdb_execute_prepared(duckdb_prepared_statement statement, duckdb_result *result);
/* Rows are computed while they are fetched. */
duckdb_state duckdb_execute_prepared_streaming(duckdb_prepared_statement statement,
                                               duckdb_result *result);

duckdb_logical_type duckdb_create_logical_type(duckdb_type type);
void duckdb_destroy_logical_type(duckdb_logical_type *type);
uint8_t duckdb_decimal_scale(duckdb_logical_type type);
duckdb_type duckdb_decimal_internal_type(duckdb_logical_type type);

duckdb_data_chunk duckdb_create_data_chunk(duckdb_logical_type *types, uint64_t n_types);
void duckdb_destroy_data_chunk(duckdb_data_chunk *chunk);
uint64_t duckdb_data_chunk_get_size(duckdb_data_chunk chunk);
void duckdb_data_chunk_set_size(duckdb_data_chunk chunk, uint64_t size);
duckdb_vector duckdb_data_chunk_get_vector(duckdb_data_chunk chunk, uint64_t column);
void *duckdb_vector_get_data(duckdb_vector vector);
/* NULL = every row is valid; else bit i of word i / 64. */
uint64_t *duckdb_vector_get_validity(duckdb_vector vector);

duckdb_state duckdb_appender_create(duckdb_connection connection, const char *schema,
                                    const char *table, duckdb_appender *out);
const char *duckdb_appender_error(duckdb_appender appender);
duckdb_state duckdb_appender_flush(duckdb_appender appender);
/* Drops what is not flushed. */
duckdb_state duckdb_appender_clear(duckdb_appender appender);
duckdb_state duckdb_appender_destroy(duckdb_appender *appender);
duckdb_state duckdb_append_data_chunk(duckdb_appender appender, duckdb_data_chunk chunk);
duckdb_state duckdb_appender_end_row(duckdb_appender appender);
duckdb_state duckdb_append_int32(duckdb_appender appender, int32_t value);
duckdb_state duckdb_append_uint8(duckdb_appender appender, uint8_t value);
duckdb_state duckdb_append_varchar_length(duckdb_appender appender, const char *p, uint64_t n);

#endif
