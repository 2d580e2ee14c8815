#include "core/csv.h"

#include "core/buf.h"
#include "core/num.h"

#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* How much text must lie ready before it is looked at: enough to find the separator, and so much
 * that a record cut by the end of the buffer is seldom scanned twice. */
#define LOOK_BYTES ((size_t)64 << 10)
#define PIECE_BYTES ((size_t)256 << 10)
#define BUFFER_BYTES (WN_CSV_RECORD_BYTES_MAX + PIECE_BYTES + 16)
#define NOWHERE SIZE_MAX

typedef enum encoding { UNKNOWN, UTF8, UTF16LE, UTF16BE } encoding;
typedef enum damage { NO_DAMAGE, NUL_BYTE, BAD_UTF8, BAD_UTF16 } damage;

struct wn_csv {
    struct wn_csv_options options;
    encoding encoding;
    char separator;
    wn_rc failed;
    struct wn_why failed_why;

    char *buffer;   /* [BUFFER_BYTES] UTF-8: the record under way and what follows it */
    size_t n;       /* bytes in it */
    size_t checked; /* bytes known to be UTF-8 without NUL */
    size_t look_at; /* do not parse before n reaches this */
    size_t bad_at;  /* offset of the first damaged byte, or NOWHERE */
    damage damage;
    char raw[4]; /* bytes of a UTF-16 character, or of the start, that is not complete */
    size_t n_raw;

    uint64_t line;         /* of buffer[0] */
    bool after_cr;         /* buffer[0], if LF, belongs to the line end before it */
    struct wn_str *fields; /* [WN_CSV_FIELDS_MAX] */
    bool *escaped;         /* [WN_CSV_FIELDS_MAX] field starts at its quote and must be unquoted */
};

/* ---- finding the marks: separator, quote, CR, LF ---------------------------------------------- */

/* One bit per byte of 64: set where a mark stands. */
#if defined(__SSE2__)
static uint64_t marks_of(const char *p, char separator)
{
    const __m128i sep = _mm_set1_epi8(separator), quote = _mm_set1_epi8('"');
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    uint64_t mask = 0;
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, sep), _mm_cmpeq_epi8(v, quote)),
                                   _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (16 * k);
    }
    return mask;
}
#else
/* The high bit of each byte of w that equals c; exact, without carries between bytes. */
static uint64_t equal_bytes(uint64_t w, char c)
{
    const uint64_t low7 = UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t x = w ^ (UINT64_C(0x0101010101010101) * (unsigned char)c);
    return ~(((x & low7) + low7) | x | low7);
}

static uint64_t marks_of(const char *p, char separator)
{
    uint64_t mask = 0;
    for (int k = 0; k < 8; k++) {
        unsigned char b[8];
        memcpy(b, p + 8 * k, 8);
        uint64_t w = 0; /* little end first on every machine, so that bit order is byte order */
        for (int i = 7; i >= 0; i--)
            w = w << 8 | b[i];
        uint64_t hit = equal_bytes(w, separator) | equal_bytes(w, '"') | equal_bytes(w, '\n') |
                       equal_bytes(w, '\r');
        mask |= ((hit >> 7) * UINT64_C(0x0102040810204080) >> 56) << (8 * k);
    }
    return mask;
}
#endif

/* Walks over the marks of text[0, end). */
struct scanner {
    const char *text;
    size_t end;
    size_t block; /* offset of the 64 bytes that mask speaks of */
    uint64_t mask;
    char separator;
};

static uint64_t block_marks(const struct scanner *s, size_t block)
{
    if (s->end - block >= 64)
        return marks_of(s->text + block, s->separator);
    char tail[64] = {0};
    memcpy(tail, s->text + block, s->end - block);
    return marks_of(tail, s->separator);
}

static void scan_from(struct scanner *s, size_t at)
{
    s->block = at;
    s->mask = at < s->end ? block_marks(s, at) : 0;
}

/* The offset of the next mark, or end. */
static inline size_t next_mark(struct scanner *s)
{
    while (WN_UNLIKELY(s->mask == 0)) {
        if (s->end - s->block <= 64) {
            s->block = s->end;
            return s->end;
        }
        s->block += 64;
        s->mask = block_marks(s, s->block);
    }
    size_t at = s->block + (size_t)__builtin_ctzll(s->mask);
    s->mask &= s->mask - 1;
    return at;
}

/* ---- failing ---------------------------------------------------------------------------------- */

static wn_rc keep_failure(struct wn_csv *csv, wn_rc rc, struct wn_why *why)
{
    csv->failed = rc;
    if (why)
        csv->failed_why = *why;
    return rc;
}

/* Line and column (in characters) of an offset at or behind `from`, which starts line `line`. */
static void place_of(const struct wn_csv *csv, size_t from, uint64_t line, size_t at,
                     struct wn_why *why)
{
    uint32_t column = 1;
    for (size_t i = from; i < at; i++) {
        char c = csv->buffer[i];
        if (c == '\n' || (c == '\r' && !(i + 1 < csv->n && csv->buffer[i + 1] == '\n'))) {
            line++;
            column = 1;
        } else if (((unsigned char)c & 0xC0) != 0x80) {
            column++;
        }
    }
    why->line = line;
    why->column = column;
}

static wn_rc fail_at(struct wn_csv *csv, size_t from, uint64_t line, size_t at, wn_rc rc,
                     const char *text, struct wn_why *why)
{
    struct wn_why here = {0};
    place_of(csv, from, line, at, &here);
    rc = wn_fail(&here, rc, NULL, "line %llu, column %u: %s", (unsigned long long)here.line,
                 here.column, text);
    if (why && !why->text[0])
        *why = here;
    return keep_failure(csv, rc, &here);
}

static const char *damage_text(damage d)
{
    switch (d) {
    case NUL_BYTE:
        return "a NUL byte: this is not a text file, or it is damaged";
    case BAD_UTF16:
        return "a broken UTF-16 character: the file is damaged";
    default:
        return "a byte that is not UTF-8; save the file as \"CSV UTF-8\" and try again";
    }
}

/* ---- parsing ---------------------------------------------------------------------------------- */

typedef enum outcome { WHOLE, OPEN_FIELD, OPEN_QUOTE, TOO_MANY } outcome;

struct record {
    size_t n_fields;
    size_t end;        /* behind the line end */
    size_t quote_at;   /* of the quote that is open */
    uint64_t n_breaks; /* line ends inside quotes */
    bool any_escaped;
    bool ended_by_cr;
};

static uint64_t count_breaks(const char *p, size_t n)
{
    uint64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += p[i] == '\n' || (p[i] == '\r' && !(i + 1 < n && p[i + 1] == '\n'));
    return count;
}

/* The end of a quoted field that opens at `at`: the offset behind its closing quote, or NOWHERE. */
static size_t quoted_end(const char *text, size_t at, size_t end, bool *doubled)
{
    for (size_t i = at + 1; i < end;) {
        const char *q = memchr(text + i, '"', end - i);
        if (!q)
            return NOWHERE;
        i = (size_t)(q - text) + 1;
        if (i >= end || text[i] != '"')
            return i;
        *doubled = true;
        i++;
    }
    return NOWHERE;
}

/* Reads one record that starts at `at`, within text[0, s->end). */
static outcome read_record(struct wn_csv *csv, struct scanner *s, size_t at, struct record *r)
{
    const char *text = csv->buffer;
    *r = (struct record){.quote_at = NOWHERE};
    for (;;) {
        if (r->n_fields == WN_CSV_FIELDS_MAX)
            return TOO_MANY;
        size_t start = at, mark;
        bool escaped = false;
        if (WN_UNLIKELY(at < s->end && text[at] == '"')) {
            size_t close = quoted_end(text, at, s->end, &escaped);
            if (close == NOWHERE) {
                r->quote_at = at;
                return OPEN_QUOTE;
            }
            r->n_breaks += count_breaks(text + at, close - at);
            scan_from(s, close);
            do {
                mark = next_mark(s);
            } while (mark < s->end && text[mark] == '"');
            escaped |= mark != close; /* text behind the closing quote belongs to the field */
            csv->fields[r->n_fields] = escaped
                                           ? (struct wn_str){text + start, mark - start}
                                           : (struct wn_str){text + start + 1, close - start - 2};
            r->any_escaped |= escaped;
        } else {
            do {
                mark = next_mark(s);
            } while (WN_UNLIKELY(mark < s->end && text[mark] == '"'));
            csv->fields[r->n_fields] = (struct wn_str){text + start, mark - start};
        }
        csv->escaped[r->n_fields++] = escaped;
        if (mark >= s->end) {
            r->end = mark;
            return OPEN_FIELD;
        }
        at = mark + 1;
        if (text[mark] != s->separator) {
            r->ended_by_cr = text[mark] == '\r';
            r->end = at;
            return WHOLE;
        }
    }
}

/* Unquotes in place: the record is complete, so nobody reads these bytes again. */
static void unescape(struct wn_csv *csv, size_t n_fields)
{
    for (size_t f = 0; f < n_fields; f++) {
        if (!csv->escaped[f])
            continue;
        char *p = csv->buffer + (csv->fields[f].p - csv->buffer);
        size_t n = csv->fields[f].n, out = 0, i = 1;
        for (; i < n; i++) {
            if (p[i] == '"') {
                if (i + 1 >= n || p[i + 1] != '"')
                    break;
                i++;
            }
            p[out++] = p[i];
        }
        for (i++; i < n; i++) /* behind the closing quote: as it stands */
            p[out++] = p[i];
        csv->fields[f] = (struct wn_str){p, out};
    }
}

static wn_rc hand_out(struct wn_csv *csv, const struct record *r, uint64_t line, size_t start,
                      struct wn_why *why)
{
    bool quoted = csv->buffer[start] == '"';
    if (r->n_fields == 1 && csv->fields[0].n == 0 && !quoted)
        return WN_OK; /* an empty line */
    if (WN_UNLIKELY(r->any_escaped))
        unescape(csv, r->n_fields);
    struct wn_csv_record record = {csv->fields, r->n_fields, line};
    wn_rc rc = csv->options.on_record(csv->options.context, &record, why);
    return rc ? keep_failure(csv, rc, why) : WN_OK;
}

static wn_rc too_long(struct wn_csv *csv, size_t start, const struct record *r, outcome o,
                      struct wn_why *why)
{
    const char *text = "the record that starts here is longer than 1 MiB; is it a CSV file?";
    if (o == TOO_MANY)
        text = "the record that starts here has more than 4096 fields; is the separator right?";
    else if (o == OPEN_QUOTE)
        text = "a quote that opens here is not closed within 1 MiB";
    return fail_at(csv, start, csv->line, o == OPEN_QUOTE ? r->quote_at : start, WN_LIMIT, text,
                   why);
}

/* Hands out the last record, which no line end closes. */
static wn_rc last_record(struct wn_csv *csv, size_t at, const struct record *r, outcome o,
                         struct wn_why *why)
{
    if (o == OPEN_QUOTE)
        return fail_at(csv, at, csv->line, r->quote_at, WN_INVALID,
                       "a quote that opens here is never closed; the file may have been cut off",
                       why);
    return hand_out(csv, r, csv->line, at, why);
}

/* Parses what is ready. At the end of the text (last) the open record counts as whole. */
static wn_rc parse(struct wn_csv *csv, bool last, struct wn_why *why)
{
    size_t limit = csv->bad_at != NOWHERE ? csv->bad_at : csv->checked;
    size_t at = 0;
    struct scanner s = {csv->buffer, limit, 0, 0, csv->separator};
    scan_from(&s, 0);
    while (at < limit) {
        if (csv->after_cr) {
            csv->after_cr = false;
            if (csv->buffer[at] == '\n') {
                scan_from(&s, ++at);
                continue;
            }
        }
        struct record r;
        /* Only the bytes that one record may have are looked at, so that a limit is found at the
         * same place however the text was cut into pieces. */
        bool clipped = limit - at > WN_CSV_RECORD_BYTES_MAX;
        if (WN_UNLIKELY(clipped && s.end != at + WN_CSV_RECORD_BYTES_MAX)) {
            s.end = at + WN_CSV_RECORD_BYTES_MAX;
            scan_from(&s, at);
        } else if (!clipped && s.end != limit) {
            s.end = limit;
            scan_from(&s, at);
        }
        outcome o = read_record(csv, &s, at, &r);
        if (o == TOO_MANY || (o != WHOLE && clipped))
            return too_long(csv, at, &r, o, why);
        if (o != WHOLE) {
            if (csv->bad_at != NOWHERE || !last)
                break;
            return last_record(csv, at, &r, o, why);
        }
        wn_rc rc = hand_out(csv, &r, csv->line, at, why);
        if (rc)
            return rc;
        csv->line += 1 + r.n_breaks;
        csv->after_cr = r.ended_by_cr;
        at = r.end;
    }
    if (csv->bad_at != NOWHERE)
        return fail_at(csv, at, csv->line, csv->bad_at, WN_INVALID, damage_text(csv->damage), why);
    memmove(csv->buffer, csv->buffer + at, csv->n - at);
    csv->n -= at;
    csv->checked -= at;
    return WN_OK;
}

/* ---- the separator ---------------------------------------------------------------------------- */

static const char candidates[] = {',', ';', '\t', '|'};
#define N_CANDIDATES WN_COUNT(candidates)
#define LOOK_LINES 64

/* Counts each candidate per line, outside quotes. Returns the number of lines. */
static size_t count_candidates(const char *p, size_t n, uint32_t counts[LOOK_LINES][N_CANDIDATES])
{
    size_t line = 0;
    bool in_quotes = false, at_start = true;
    for (size_t i = 0; i < n && line < LOOK_LINES; i++) {
        if (in_quotes) {
            if (p[i] == '"' && i + 1 < n && p[i + 1] == '"')
                i++;
            else if (p[i] == '"')
                in_quotes = false;
            continue;
        }
        if (p[i] == '"' && at_start) {
            in_quotes = true;
            at_start = false;
            continue;
        }
        at_start = false;
        if (p[i] == '\n' || p[i] == '\r') {
            line++;
            at_start = true;
        }
        for (size_t c = 0; c < N_CANDIDATES && line < LOOK_LINES; c++) {
            if (p[i] == candidates[c]) {
                counts[line][c]++;
                at_start = true;
            }
        }
    }
    return line < LOOK_LINES ? line + 1 : LOOK_LINES;
}

/* The candidate which stands equally often on the most lines; of two, the more frequent. */
static char find_separator(const char *p, size_t n)
{
    uint32_t counts[LOOK_LINES][N_CANDIDATES] = {{0}};
    size_t n_lines = count_candidates(p, n, counts);
    uint64_t best_score = 0;
    char best = ',';
    for (size_t c = 0; c < N_CANDIDATES; c++) {
        for (size_t i = 0; i < n_lines; i++) {
            if (counts[i][c] == 0)
                continue;
            uint64_t n_same = 0;
            for (size_t j = 0; j < n_lines; j++)
                n_same += counts[j][c] == counts[i][c];
            uint64_t score = n_same << 32 | counts[i][c];
            if (score > best_score) {
                best_score = score;
                best = candidates[c];
            }
        }
    }
    return best;
}

/* ---- bytes in --------------------------------------------------------------------------------- */

static void mark_bad(struct wn_csv *csv, size_t at, damage d)
{
    if (csv->bad_at == NOWHERE) {
        csv->bad_at = at;
        csv->damage = d;
    }
}

/* True when p could be the start of a character that continues behind the text. */
static bool may_continue(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];
    size_t want = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC2 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4 || n >= want)
        return false;
    char whole[4] = {p[0], n > 1 ? p[1] : (char)0x80, n > 2 ? p[2] : (char)0x80, (char)0x80};
    static const char seconds[] = {(char)0x80, (char)0x90, (char)0xA0};
    for (size_t k = 0; k < (n > 1 ? 1 : WN_COUNT(seconds)); k++) {
        if (n == 1)
            whole[1] = seconds[k];
        if (wn_str_utf8_valid((struct wn_str){whole, want}, NULL))
            return true;
    }
    return false;
}

/* Looks at the bytes that have come since the last time. */
static void check_bytes(struct wn_csv *csv, bool last)
{
    if (csv->bad_at != NOWHERE && csv->checked >= csv->bad_at)
        return;
    size_t end = csv->bad_at != NOWHERE ? csv->bad_at : csv->n;
    struct wn_str fresh = {csv->buffer + csv->checked, end - csv->checked};
    const char *nul = fresh.n ? memchr(fresh.p, 0, fresh.n) : NULL;
    if (nul) {
        csv->bad_at = NOWHERE; /* what comes first counts */
        mark_bad(csv, (size_t)(nul - csv->buffer), NUL_BYTE);
        fresh.n = (size_t)(nul - fresh.p);
    }
    size_t at = 0;
    if (csv->encoding == UTF8 && !wn_str_utf8_valid(fresh, &at)) {
        if (!last && !nul && may_continue(fresh.p + at, fresh.n - at)) {
            csv->checked += at;
            return;
        }
        csv->bad_at = NOWHERE;
        mark_bad(csv, csv->checked + at, BAD_UTF8);
    }
    csv->checked = csv->bad_at != NOWHERE ? csv->bad_at : csv->n;
}

static unsigned unit_of(const struct wn_csv *csv, const char *p)
{
    unsigned a = (unsigned char)p[0], b = (unsigned char)p[1];
    return csv->encoding == UTF16LE ? a | b << 8 : b | a << 8;
}

static void put_char(struct wn_csv *csv, uint32_t c)
{
    char *p = csv->buffer + csv->n;
    if (c < 0x80) {
        p[0] = (char)c;
        csv->n += 1;
    } else if (c < 0x800) {
        p[0] = (char)(0xC0 | c >> 6);
        p[1] = (char)(0x80 | (c & 0x3F));
        csv->n += 2;
    } else if (c < 0x10000) {
        p[0] = (char)(0xE0 | c >> 12);
        p[1] = (char)(0x80 | (c >> 6 & 0x3F));
        p[2] = (char)(0x80 | (c & 0x3F));
        csv->n += 3;
    } else {
        p[0] = (char)(0xF0 | c >> 18);
        p[1] = (char)(0x80 | (c >> 12 & 0x3F));
        p[2] = (char)(0x80 | (c >> 6 & 0x3F));
        p[3] = (char)(0x80 | (c & 0x3F));
        csv->n += 4;
    }
}

/* UTF-16 to UTF-8, one byte at a time into raw until a character is complete. */
static void put_utf16(struct wn_csv *csv, struct wn_str bytes)
{
    for (size_t i = 0; i < bytes.n && csv->bad_at == NOWHERE; i++) {
        csv->raw[csv->n_raw++] = bytes.p[i];
        if (csv->n_raw & 1)
            continue;
        unsigned first = unit_of(csv, csv->raw);
        if (csv->n_raw == 2) {
            if (first >= 0xD800 && first < 0xDC00)
                continue; /* its second half comes next */
            if (first >= 0xDC00 && first < 0xE000)
                mark_bad(csv, csv->n, BAD_UTF16);
            else
                put_char(csv, first);
        } else {
            unsigned second = unit_of(csv, csv->raw + 2);
            if (second < 0xDC00 || second > 0xDFFF)
                mark_bad(csv, csv->n, BAD_UTF16);
            else
                put_char(csv, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
        }
        csv->n_raw = 0;
    }
}

static void put_bytes(struct wn_csv *csv, struct wn_str bytes)
{
    if (csv->bad_at != NOWHERE)
        return;
    if (csv->encoding != UTF8) {
        put_utf16(csv, bytes);
        return;
    }
    memcpy(csv->buffer + csv->n, bytes.p, bytes.n);
    csv->n += bytes.n;
}

/* Decides by the first (up to four) bytes, in raw, and puts what of them is text. */
static void find_encoding(struct wn_csv *csv)
{
    char start[4];
    size_t n = csv->n_raw, skip = 0;
    memcpy(start, csv->raw, sizeof start);
    csv->n_raw = 0;
    csv->encoding = UTF8;
    if (n >= 3 && memcmp(start, "\xEF\xBB\xBF", 3) == 0) {
        skip = 3;
    } else if (n >= 2 && memcmp(start, "\xFF\xFE", 2) == 0) {
        csv->encoding = UTF16LE;
        skip = 2;
    } else if (n >= 2 && memcmp(start, "\xFE\xFF", 2) == 0) {
        csv->encoding = UTF16BE;
        skip = 2;
    } else if (n == 4 && start[0] && !start[1] && start[2] && !start[3]) {
        csv->encoding = UTF16LE;
    } else if (n == 4 && !start[0] && start[1] && !start[2] && start[3]) {
        csv->encoding = UTF16BE;
    }
    put_bytes(csv, (struct wn_str){start + skip, n - skip});
}

static wn_rc look(struct wn_csv *csv, bool last, struct wn_why *why)
{
    check_bytes(csv, last);
    if (!csv->separator)
        csv->separator = find_separator(csv->buffer, csv->n < LOOK_BYTES ? csv->n : LOOK_BYTES);
    wn_rc rc = parse(csv, last, why);
    size_t twice = csv->n * 2;
    csv->look_at = twice < LOOK_BYTES ? LOOK_BYTES : twice;
    if (csv->look_at > WN_CSV_RECORD_BYTES_MAX + 8)
        csv->look_at = WN_CSV_RECORD_BYTES_MAX + 8;
    return rc;
}

static wn_rc fail_again(const struct wn_csv *csv, struct wn_why *why)
{
    if (why && !why->text[0])
        *why = csv->failed_why;
    return csv->failed;
}

wn_rc wn_csv_push(struct wn_csv *csv, struct wn_str bytes, struct wn_why *why)
{
    if (csv->failed)
        return fail_again(csv, why);
    while (csv->encoding == UNKNOWN && bytes.n) {
        csv->raw[csv->n_raw++] = bytes.p[0];
        bytes = wn_str_slice(bytes, 1, bytes.n);
        if (csv->n_raw == sizeof csv->raw)
            find_encoding(csv);
    }
    while (bytes.n) {
        /* A UTF-16 unit can grow to three bytes. */
        size_t room = (BUFFER_BYTES - csv->n) / (csv->encoding == UTF8 ? 1 : 2) - 8;
        size_t take = bytes.n < PIECE_BYTES / 2 ? bytes.n : PIECE_BYTES / 2;
        take = take < room ? take : room;
        put_bytes(csv, wn_str_slice(bytes, 0, take));
        bytes = wn_str_slice(bytes, take, bytes.n);
        if (csv->n < csv->look_at && csv->bad_at == NOWHERE)
            continue;
        /* The separator is found from the same bytes however the text was cut. */
        if (!csv->separator && csv->n < LOOK_BYTES)
            continue;
        wn_rc rc = look(csv, false, why);
        if (rc)
            return rc;
    }
    return WN_OK;
}

wn_rc wn_csv_finish(struct wn_csv *csv, struct wn_why *why)
{
    if (csv->failed)
        return fail_again(csv, why);
    if (csv->encoding == UNKNOWN)
        find_encoding(csv);
    if (csv->n_raw)
        mark_bad(csv, csv->n, BAD_UTF16);
    wn_rc rc = look(csv, true, why);
    csv->n = csv->checked = 0;
    return rc;
}

wn_rc wn_csv_new(const struct wn_csv_options *options, struct wn_csv **out, struct wn_why *why)
{
    if (options->separator == '"' || options->separator == '\n' || options->separator == '\r')
        return wn_fail(why, WN_INVALID, "separator", "a quote or a line end cannot separate");
    struct wn_csv *csv = calloc(1, sizeof *csv);
    if (!csv)
        return wn_fail(why, WN_MEMORY, NULL, "no memory for a CSV reader");
    csv->options = *options;
    csv->separator = options->separator;
    csv->bad_at = NOWHERE;
    csv->look_at = LOOK_BYTES;
    csv->line = 1;
    csv->buffer = malloc(BUFFER_BYTES);
    csv->fields = calloc(WN_CSV_FIELDS_MAX, sizeof *csv->fields);
    csv->escaped = calloc(WN_CSV_FIELDS_MAX, sizeof *csv->escaped);
    if (!csv->buffer || !csv->fields || !csv->escaped) {
        wn_csv_free(csv);
        return wn_fail(why, WN_MEMORY, NULL, "no memory for a CSV reader");
    }
    *out = csv;
    return WN_OK;
}

void wn_csv_free(struct wn_csv *csv)
{
    if (!csv)
        return;
    free(csv->buffer);
    free(csv->fields);
    free(csv->escaped);
    free(csv);
}

char wn_csv_separator(const struct wn_csv *csv)
{
    return csv->separator;
}

const char *wn_csv_encoding(const struct wn_csv *csv)
{
    return csv->encoding == UTF16LE ? "utf-16le" : csv->encoding == UTF16BE ? "utf-16be" : "utf-8";
}

/* ---- writing ---------------------------------------------------------------------------------- */

static bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

void wn_csv_write_field(struct wn_buf *out, struct wn_str field, bool first)
{
    if (!first)
        wn_buf_append_char(out, ',');
    double ignored;
    bool guard = field.n && one_of(field.p[0], "=+-@\t\r") && !wn_parse_f64(field, &ignored);
    bool quote = false;
    for (size_t i = 0; i < field.n && !quote; i++)
        quote = one_of(field.p[i], ",\"\r\n;\t");
    if (!quote && field.n)
        quote = field.p[0] == ' ' || field.p[field.n - 1] == ' ';
    if (quote)
        wn_buf_append_char(out, '"');
    if (guard)
        wn_buf_append_char(out, '\'');
    for (size_t i = 0; i < field.n;) {
        size_t k = wn_str_find_char(wn_str_slice(field, i, field.n), '"');
        wn_buf_append(out, wn_str_slice(field, i, i + k));
        i += k;
        if (i < field.n) {
            wn_buf_append(out, WN_STR("\"\""));
            i++;
        }
    }
    if (quote)
        wn_buf_append_char(out, '"');
}
