/* What the files of the DuckDB engine share.
 *
 * duckdb.c opens, closes and lists the engine; duckdb_open.c holds settings, repair of the
 * write-ahead log; duckdb_schema.c the tables and their versions; duckdb_write.c the writer thread;
 * duckdb_read.c queries and scans; duckdb_error.c turns the engine's texts into ours. */
#ifndef WN_STORE_FACTS_DUCKDB_INT_H
#define WN_STORE_FACTS_DUCKDB_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "io/file.h"
#include "store/facts/duckdb_api.h"
#include "store/facts_int.h"

#define WN_DUCK_VECTOR_ROWS 2048 /* of one data chunk; the library is built with it */
#define WN_DUCK_BLOCK_ROWS 16384 /* of one block in the writer's queue: 1.7 MB */
#define WN_DUCK_BLOCKS_MAX 4     /* made for one transaction */
#define WN_DUCK_CHECKPOINT_BYTES (16u << 20)
#define WN_DUCK_READER_WAIT_MS 30000

struct duck_block {
    size_t n_rows;
    struct wn_stat rows[WN_DUCK_BLOCK_ROWS];
};

typedef enum duck_command { DUCK_NOTHING, DUCK_COMMIT, DUCK_ROLLBACK, DUCK_STOP } duck_command;

/* One transaction owns the writer at a time, so there is one sender and one command. */
struct duck_writer {
    pthread_t thread;
    bool is_running;
    pthread_mutex_t lock; /* guards all until the next blank line */
    pthread_cond_t to_writer;
    pthread_cond_t to_sender;
    struct duck_block *full[WN_DUCK_BLOCKS_MAX]; /* a ring: first at full_at, n_full of them */
    size_t full_at, n_full;
    struct duck_block *empty[WN_DUCK_BLOCKS_MAX];
    size_t n_empty;
    size_t n_blocks;            /* made and not freed */
    struct duck_block *filling; /* the sender's */
    duck_command command;
    struct wn_facts_tx *tx; /* of the running transaction */
    wn_rc failed;           /* of the running transaction: the writer's first failure */
    struct wn_why why_failed;

    duckdb_connection connection; /* the writer thread's alone */
    duckdb_appender appender;     /* NULL until the transaction's first row */
    duckdb_data_chunk chunk;
    bool in_tx;
    int64_t load_id; /* of the running or last transaction */
};

#define WN_DUCK_KEPT_MAX 8      /* statements of one reader */
#define WN_DUCK_KEPT_BYTES 4096 /* of a statement's text; a longer one is not kept */

/* A connection for one query at a time, with the statements it has planned: planning is most of the
 * time of a small question. A plan holds what was known of the data when it was made (a range of
 * values outside of which it looks for nothing), so it serves only as long as they are the same. */
struct duck_reader {
    duckdb_connection connection; /* NULL until it is needed, and after a failure */
    struct duck_reader *next;     /* idle: the one below it */
    uint64_t n_changes;           /* of the data that the plans were made for */
    size_t n_kept, next_kept;     /* the latter is replaced when all are taken */
    struct {
        duckdb_prepared_statement statement;
        size_t n_text;
        char text[WN_DUCK_KEPT_BYTES];
    } kept[WN_DUCK_KEPT_MAX];
};

struct duck_facts {
    struct wn_facts base;
    char *directory;
    char engine_name[64];
    struct wn_facts_options options;
    struct wn_lock lock;
    duckdb_database db;
    struct duck_writer writer;

    _Atomic uint64_t n_changes;   /* up by one before and after each commit: odd within it */
    pthread_mutex_t readers_lock; /* guards all below */
    pthread_cond_t reader_left;
    struct duck_reader *idle;
    struct duck_reader *readers; /* [options.n_readers_max]: idle or at work */
};

/* duckdb_error.c */
/* What a text of the engine means. */
wn_rc wn_duck_rc(const char *text);
/* Logs the engine's text (which may hold SQL) and gives people a clean one: "doing what" fits
 * behind "could not". */
WN_MUST_USE wn_rc wn_duck_fail(const struct duck_facts *d, struct wn_why *why, const char *doing,
                               const char *text);
/* Runs a text without results on a connection. */
WN_MUST_USE wn_rc wn_duck_run(const struct duck_facts *d, duckdb_connection c, const char *sql,
                              const char *doing, struct wn_why *why);

/* duckdb_open.c: opens d->db in d->directory, repaired if need be, and applies the settings. */
WN_MUST_USE wn_rc wn_duck_open_db(struct duck_facts *d, struct wn_arena *a, struct wn_str *note,
                                  struct wn_why *why);

/* duckdb_schema.c: makes or migrates the tables; loads names and the last load's number. */
#define WN_DUCK_SCHEMA_VERSION 1
WN_MUST_USE wn_rc wn_duck_migrate(struct duck_facts *d, struct wn_why *why);
WN_MUST_USE wn_rc wn_duck_load_names(struct duck_facts *d, struct wn_why *why);
/* The columns of ad_stats in order, [WN_DUCK_N_COLUMNS] of them. */
struct duck_column {
    const char *name;
    const char *type_name;
    duckdb_type type;
};
enum {
    DUCK_TENANT,
    DUCK_DAY,
    DUCK_ACCOUNT,
    DUCK_CAMPAIGN,
    DUCK_AD_GROUP,
    DUCK_AD,
    DUCK_COUNTRY,
    DUCK_AGE,
    DUCK_PLACEMENT,
    DUCK_AUDIENCE,
    DUCK_CHANNEL,
    DUCK_DEVICE,
    DUCK_GENDER,
    DUCK_HOUR,
    DUCK_MEASURES,
    DUCK_SOURCE = DUCK_MEASURES + WN_MEASURE_N,
    DUCK_LOADED_AT,
    DUCK_LOAD,
    WN_DUCK_N_COLUMNS
};
extern const struct duck_column wn_duck_columns[WN_DUCK_N_COLUMNS];

/* duckdb_write.c */
WN_MUST_USE wn_rc wn_duck_writer_start(struct duck_facts *d, struct wn_why *why);
void wn_duck_writer_stop(struct duck_facts *d); /* also when it was never started */
wn_rc wn_duck_begin(struct wn_facts_tx *tx, struct wn_why *why);
wn_rc wn_duck_append(struct wn_facts_tx *tx, const struct wn_stat *rows, size_t n_rows,
                     struct wn_why *why);
wn_rc wn_duck_commit(struct wn_facts_tx *tx, struct wn_why *why);
void wn_duck_rollback(struct wn_facts_tx *tx);

/* duckdb_read.c */
wn_rc wn_duck_query(struct wn_facts *f, const struct wn_sql *sql, size_t rows_max,
                    struct wn_arena *a, struct wn_table **out, struct wn_why *why);
wn_rc wn_duck_scan(struct wn_facts *f, int32_t tenant_id, const struct wn_facts_range *range,
                   wn_facts_rows_fn *on_rows, void *context, struct wn_why *why);
wn_rc wn_duck_check(struct wn_facts *f, struct wn_why *why);
WN_MUST_USE wn_rc wn_duck_readers_new(struct duck_facts *d, struct wn_why *why);
void wn_duck_readers_free(
    struct duck_facts *d); /* nobody reads any more; also when there are none */

/* True when row i of a column has a value. */
static inline bool wn_duck_is_valid(const uint64_t *validity, uint64_t i)
{
    return !validity || (validity[i / 64] >> (i % 64) & 1);
}
/* The text of a VARCHAR value; borrowed from its chunk. */
static inline struct wn_str wn_duck_text(const duckdb_string_t *s)
{
    uint32_t n = s->value.inlined.length;
    return (struct wn_str){n <= 12 ? s->value.inlined.inlined : s->value.pointer.ptr, n};
}

#endif
