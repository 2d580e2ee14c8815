/* JSON: a reader that turns one document into a tree in an arena, and a streaming writer. */
#ifndef WN_CORE_JSON_H
#define WN_CORE_JSON_H

#include "core/arena.h"
#include "core/buf.h"
#include "core/error.h"

/* ---- reading ---------------------------------------------------------------------------------- */

typedef enum wn_json_kind {
    WN_JSON_NULL,
    WN_JSON_BOOL,
    WN_JSON_INT,  /* fits int64 exactly */
    WN_JSON_REAL, /* any other number */
    WN_JSON_TEXT,
    WN_JSON_ARRAY,
    WN_JSON_OBJECT
} wn_json_kind;

struct wn_json {
    wn_json_kind kind;
    bool boolean;
    int64_t integer;
    double real;           /* set for INT and REAL */
    struct wn_str text;    /* TEXT; also the member's name is in key */
    struct wn_str key;     /* name of this value in its object, else empty */
    struct wn_json *items; /* arena: [n_items] members of ARRAY or OBJECT, in document order */
    size_t n_items;
};

#define WN_JSON_DEPTH_MAX 64
#define WN_JSON_NODES_MAX 4000000

/* Parses exactly one document of valid UTF-8. Everything in *out lives in a (arena). Duplicate
 * keys in one object are refused. Fails: INVALID (with the byte in why->column), LIMIT (depth,
 * nodes), MEMORY. simdjson behind json_simdjson.cc; not part of libwinnow. */
WN_MUST_USE wn_rc wn_json_parse(struct wn_arena *a, struct wn_str text, struct wn_json **out,
                                struct wn_why *why);
/* The member of an object, or NULL (also when v is NULL or no object). Borrowed. */
const struct wn_json *wn_json_get(const struct wn_json *v, const char *key);
/* Members with their type checked. A missing or null member gives NOT_FOUND without a text (the
 * caller decides); a wrong type INVALID with why->field = "/key". */
WN_MUST_USE wn_rc wn_json_get_text(const struct wn_json *v, const char *key, struct wn_str *out,
                                   struct wn_why *why);
WN_MUST_USE wn_rc wn_json_get_i64(const struct wn_json *v, const char *key, int64_t *out,
                                  struct wn_why *why);
WN_MUST_USE wn_rc wn_json_get_f64(const struct wn_json *v, const char *key, double *out,
                                  struct wn_why *why);
WN_MUST_USE wn_rc wn_json_get_bool(const struct wn_json *v, const char *key, bool *out,
                                   struct wn_why *why);

/* ---- writing ---------------------------------------------------------------------------------- */

/* Writes into out, which keeps the first failure (check it once at the end). Commas and colons are
 * put by the writer; mismatched begin/end are our own mistakes and assert. Zero `indent` gives one
 * line. */
struct wn_json_writer {
    struct wn_buf *out;
    uint8_t indent;
    uint8_t depth;
    bool after_key;
    bool has_item[WN_JSON_DEPTH_MAX];
    char closer[WN_JSON_DEPTH_MAX];
};

void wn_json_write_init(struct wn_json_writer *w, struct wn_buf *out, uint8_t indent);
void wn_json_begin_object(struct wn_json_writer *w);
void wn_json_begin_array(struct wn_json_writer *w);
void wn_json_end(struct wn_json_writer *w);
void wn_json_key(struct wn_json_writer *w, const char *key);
void wn_json_key_str(struct wn_json_writer *w, struct wn_str key);
void wn_json_null(struct wn_json_writer *w);
void wn_json_bool(struct wn_json_writer *w, bool value);
void wn_json_i64(struct wn_json_writer *w, int64_t value);
/* null when it is not finite. */
void wn_json_f64(struct wn_json_writer *w, double value);
/* Micros as an exact decimal number in whole units: 1500000 becomes 1.5. */
void wn_json_micros(struct wn_json_writer *w, int64_t micros);
/* Bytes that are not UTF-8 become U+FFFD. */
void wn_json_text(struct wn_json_writer *w, struct wn_str text);
void wn_json_text_z(struct wn_json_writer *w, const char *text);
/* YYYY-MM-DD. */
void wn_json_day(struct wn_json_writer *w, int32_t day);
/* RFC 3339, UTC. */
void wn_json_time(struct wn_json_writer *w, int64_t moment_ms);
/* A tree that was read. */
void wn_json_tree(struct wn_json_writer *w, const struct wn_json *v);
/* Ready JSON, put as it is. */
void wn_json_raw(struct wn_json_writer *w, struct wn_str json);

#endif
