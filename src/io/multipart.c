#include "io/multipart.h"

#include <string.h>

enum {
    IN_PREAMBLE,
    IN_DATA,
    AFTER_DELIMITER, /* what follows a boundary: "--", or padding and CR LF */
    AFTER_DASH,      /* the first '-' of the closing "--" */
    AFTER_PADDING,   /* CR seen */
    IN_HEAD,
    IN_EPILOGUE
};

/* ---- the Content-Type header ------------------------------------------------------------------ */

static bool is_boundary_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && strchr("'()+_,-./:=? ", c) != NULL);
}

static wn_rc check_boundary(struct wn_str boundary, struct wn_why *why)
{
    bool good = boundary.n >= 1 && boundary.n <= WN_MULTIPART_BOUNDARY_MAX &&
                boundary.p[boundary.n - 1] != ' ';
    for (size_t i = 0; good && i < boundary.n; i++)
        good = is_boundary_char(boundary.p[i]);
    if (!good)
        return wn_fail(why, WN_INVALID, "Content-Type", "the boundary must be 1 to %d characters",
                       WN_MULTIPART_BOUNDARY_MAX);
    return WN_OK;
}

/* Cuts `; name=value` off *rest: value is the raw text, with its quotes when it had any. False at
 * the end; *bad when the text is none of both. */
static bool next_parameter(struct wn_str *rest, struct wn_str *name, struct wn_str *value,
                           bool *bad)
{
    struct wn_str s = wn_str_trim(*rest);
    if (s.n == 0)
        return false;
    *bad = true;
    if (s.p[0] != ';')
        return false;
    s = wn_str_trim(wn_str_slice(s, 1, s.n));
    if (s.n == 0) { /* a lone ';' at the end is common and harmless */
        *bad = false;
        return false;
    }
    size_t at = wn_str_find_char(s, '=');
    if (at == s.n)
        return false;
    *name = wn_str_trim(wn_str_slice(s, 0, at));
    s = wn_str_trim(wn_str_slice(s, at + 1, s.n));
    size_t n = 0;
    if (s.n && s.p[0] == '"') {
        for (n = 1; n < s.n && s.p[n] != '"'; n++)
            if (s.p[n] == '\\' && n + 1 < s.n && (s.p[n + 1] == '"' || s.p[n + 1] == '\\'))
                n++;
        if (n >= s.n)
            return false;
        n++;
    } else {
        while (n < s.n && s.p[n] != ';' && s.p[n] != ' ' && s.p[n] != '\t' && s.p[n] != '"')
            n++;
    }
    *value = wn_str_slice(s, 0, n);
    *rest = wn_str_slice(s, n, s.n);
    *bad = false;
    return true;
}

static struct wn_str unquoted(struct wn_str s)
{
    return s.n >= 2 && s.p[0] == '"' ? wn_str_slice(s, 1, s.n - 1) : s;
}

wn_rc wn_multipart_boundary(struct wn_str content_type, struct wn_str *out, struct wn_why *why)
{
    size_t at = wn_str_find_char(content_type, ';');
    struct wn_str type = wn_str_trim(wn_str_slice(content_type, 0, at));
    if (!wn_str_eq_nocase(type, WN_STR("multipart/form-data")))
        return wn_fail(why, WN_UNSUPPORTED, "Content-Type", "must be multipart/form-data");
    struct wn_str rest = wn_str_slice(content_type, at, content_type.n), name, value;
    struct wn_str boundary = {0};
    bool bad = false;
    while (next_parameter(&rest, &name, &value, &bad)) {
        if (!wn_str_eq_nocase(name, WN_STR("boundary")))
            continue;
        if (boundary.p)
            return wn_fail(why, WN_INVALID, "Content-Type", "there are two boundaries");
        boundary = unquoted(value);
    }
    if (bad || !boundary.p)
        return wn_fail(why, WN_INVALID, "Content-Type", "the boundary is missing");
    wn_rc rc = check_boundary(boundary, why);
    if (!rc)
        *out = boundary;
    return rc;
}

/* ---- a part's head ---------------------------------------------------------------------------- */

/* Copies a raw parameter without quotes and escapes into out, which is as large as the raw text. */
static struct wn_str plain_value(struct wn_str raw, char *out)
{
    bool quoted = raw.n >= 2 && raw.p[0] == '"';
    struct wn_str s = unquoted(raw);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        /* Only \" and \\ are escapes: old browsers send whole Windows paths as they are. */
        if (quoted && s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
            i++;
        out[n++] = s.p[i];
    }
    return (struct wn_str){out, n};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* filename*=UTF-8''caf%C3%A9.csv (RFC 5987). False when it is another charset or broken. */
static bool extended_value(struct wn_str raw, char *out, struct wn_str *value)
{
    struct wn_str prefix = WN_STR("UTF-8'");
    if (!wn_str_eq_nocase(wn_str_slice(raw, 0, prefix.n), prefix))
        return false;
    struct wn_str s = wn_str_slice(raw, prefix.n, raw.n);
    size_t at = wn_str_find_char(s, '\'');
    if (at == s.n)
        return false;
    size_t n = 0;
    for (size_t i = at + 1; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
            int low = high >= 0 ? hex_value(s.p[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        out[n++] = c;
    }
    *value = (struct wn_str){out, n};
    return true;
}

static wn_rc check_text(struct wn_str s, const char *what, struct wn_why *why)
{
    if (!wn_str_utf8_valid(s, NULL))
        return wn_fail(why, WN_INVALID, what, "the %s of a part is not valid UTF-8", what);
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F)
            return wn_fail(why, WN_INVALID, what, "the %s of a part holds a control character",
                           what);
    return WN_OK;
}

/* Storage for the decoded parameters of one head: each is no longer than the head. */
struct head_text {
    char name[WN_MULTIPART_HEAD_BYTES_MAX];
    char file_name[WN_MULTIPART_HEAD_BYTES_MAX];
};

static struct wn_str last_component(struct wn_str path)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/' || path.p[i - 1] == '\\')
            return wn_str_slice(path, i, path.n);
    return path;
}

static wn_rc read_disposition(struct wn_str value, struct head_text *text,
                              struct wn_multipart_part *out, struct wn_why *why)
{
    size_t at = wn_str_find_char(value, ';');
    if (!wn_str_eq_nocase(wn_str_trim(wn_str_slice(value, 0, at)), WN_STR("form-data")))
        return wn_fail(why, WN_INVALID, NULL, "a part of the form is not form-data");
    struct wn_str rest = wn_str_slice(value, at, value.n), name, raw;
    bool bad = false, named = false, extended = false;
    while (next_parameter(&rest, &name, &raw, &bad)) {
        if (wn_str_eq_nocase(name, WN_STR("name"))) {
            if (named)
                return wn_fail(why, WN_INVALID, NULL, "a part of the form has two names");
            named = true;
            out->name = plain_value(raw, text->name);
        } else if (wn_str_eq_nocase(name, WN_STR("filename")) && !extended) {
            out->is_file = true;
            out->file_name = plain_value(raw, text->file_name);
        } else if (wn_str_eq_nocase(name, WN_STR("filename*"))) {
            out->is_file = true;
            extended = extended_value(raw, text->file_name, &out->file_name) || extended;
        }
    }
    if (bad)
        return wn_fail(why, WN_INVALID, NULL, "the Content-Disposition of a part is broken");
    out->file_name = last_component(out->file_name);
    return WN_OK;
}

static wn_rc read_line(struct wn_str line, struct head_text *text, bool *has_disposition,
                       struct wn_multipart_part *out, struct wn_why *why)
{
    size_t at = wn_str_find_char(line, ':');
    if (line.n == 0 || at == 0 || at == line.n || line.p[0] == ' ' || line.p[0] == '\t')
        return wn_fail(why, WN_INVALID, NULL, "the head of a part is broken");
    struct wn_str name = wn_str_slice(line, 0, at);
    struct wn_str value = wn_str_trim(wn_str_slice(line, at + 1, line.n));
    if (wn_str_eq_nocase(name, WN_STR("Content-Disposition"))) {
        if (*has_disposition)
            return wn_fail(why, WN_INVALID, NULL, "a part has two Content-Disposition headers");
        *has_disposition = true;
        return read_disposition(value, text, out, why);
    }
    if (wn_str_eq_nocase(name, WN_STR("Content-Type")))
        out->content_type = value;
    if (wn_str_eq_nocase(name, WN_STR("Content-Transfer-Encoding")) &&
        !wn_str_eq_nocase(value, WN_STR("binary")) && !wn_str_eq_nocase(value, WN_STR("8bit")) &&
        !wn_str_eq_nocase(value, WN_STR("7bit")))
        return wn_fail(why, WN_UNSUPPORTED, NULL, "a part is encoded; send it as binary");
    return WN_OK;
}

/* head ends with the empty line. */
static wn_rc read_head(struct wn_multipart *m, struct wn_why *why)
{
    struct head_text text;
    struct wn_multipart_part part = {.file_name = WN_STR(""), .content_type = WN_STR("")};
    struct wn_str head = wn_buf_str(&m->head);
    bool has_disposition = false;
    wn_rc rc = WN_OK;
    if (memchr(head.p, 0, head.n))
        return wn_fail(why, WN_INVALID, NULL, "the head of a part holds a zero byte");
    while (!rc && head.n > 2) {
        size_t at = wn_str_find(head, WN_STR("\r\n"));
        rc = read_line(wn_str_slice(head, 0, at), &text, &has_disposition, &part, why);
        head = wn_str_slice(head, at + 2, head.n);
    }
    if (!rc && (!part.name.p || part.name.n == 0))
        rc = wn_fail(why, WN_INVALID, NULL, "a part of the form has no name");
    if (!rc)
        rc = check_text(part.name, "name", why);
    if (!rc)
        rc = check_text(part.file_name, "filename", why);
    if (!rc)
        rc = m->events.part(m->events.context, &part, why);
    return rc;
}

/* ---- the stream ------------------------------------------------------------------------------- */

void wn_multipart_init(struct wn_multipart *m, struct wn_str boundary,
                       const struct wn_multipart_events *events)
{
    WN_ASSERT(boundary.n >= 1 && boundary.n <= WN_MULTIPART_BOUNDARY_MAX);
    *m = (struct wn_multipart){.events = *events, .state = IN_PREAMBLE};
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.p, boundary.n);
    m->n_delimiter = 4 + boundary.n;
    m->n_matched = 2; /* the body may begin with the boundary: as if a line had just ended */
    wn_buf_init(&m->head, WN_MULTIPART_HEAD_BYTES_MAX);
}

void wn_multipart_deinit(struct wn_multipart *m)
{
    wn_buf_deinit(&m->head);
}

static wn_rc emit(struct wn_multipart *m, struct wn_str bytes, struct wn_why *why)
{
    if (bytes.n == 0 || m->state == IN_PREAMBLE)
        return WN_OK;
    return m->events.data(m->events.context, bytes, why);
}

static wn_rc delimiter_found(struct wn_multipart *m, struct wn_why *why)
{
    wn_rc rc = m->state == IN_DATA ? m->events.end(m->events.context, why) : WN_OK;
    m->state = AFTER_DELIMITER;
    m->n_matched = 0;
    return rc;
}

/* Data up to the delimiter. CR stands only at its start, so after a mismatch at the k-th byte no
 * shorter match can be hidden in the k bytes before: they are data, and the byte is looked at anew.
 */
static wn_rc take_data(struct wn_multipart *m, struct wn_str *rest, struct wn_why *why)
{
    while (m->n_matched > 0 && m->n_matched < m->n_delimiter && rest->n > 0) {
        if (rest->p[0] != m->delimiter[m->n_matched]) {
            size_t n = m->n_matched;
            m->n_matched = 0;
            return emit(m, (struct wn_str){m->delimiter, n}, why);
        }
        m->n_matched++;
        *rest = wn_str_slice(*rest, 1, rest->n);
    }
    if (m->n_matched == m->n_delimiter)
        return delimiter_found(m, why);
    if (m->n_matched > 0)
        return WN_OK;
    size_t at = wn_str_find_char(*rest, '\r');
    struct wn_str data = wn_str_slice(*rest, 0, at);
    m->n_matched = at < rest->n;
    *rest = wn_str_slice(*rest, at + 1, rest->n);
    return emit(m, data, why);
}

static wn_rc take_after_delimiter(struct wn_multipart *m, char c, struct wn_why *why)
{
    if (m->state == AFTER_DASH && c == '-') {
        m->state = IN_EPILOGUE;
        return WN_OK;
    }
    if (m->state == AFTER_PADDING && c == '\n') {
        if (++m->n_parts > WN_MULTIPART_PARTS_MAX)
            return wn_fail(why, WN_LIMIT, NULL, "the form has more than %d parts",
                           WN_MULTIPART_PARTS_MAX);
        m->state = IN_HEAD;
        wn_buf_reset(&m->head);
        return WN_OK;
    }
    if (m->state == AFTER_DELIMITER && c == '-' && m->n_matched == 0) {
        m->state = AFTER_DASH;
        return WN_OK;
    }
    if (m->state == AFTER_DELIMITER && c == '\r') {
        m->state = AFTER_PADDING;
        m->n_matched = 0;
        return WN_OK;
    }
    /* Padding: n_matched counts it here. */
    if (m->state == AFTER_DELIMITER && (c == ' ' || c == '\t') && m->n_matched++ < 64)
        return WN_OK;
    return wn_fail(why, WN_INVALID, NULL, "a boundary of the form is followed by other text");
}

static wn_rc take_head(struct wn_multipart *m, struct wn_str *rest, struct wn_why *why)
{
    size_t at = wn_str_find_char(*rest, '\n');
    size_t n = at < rest->n ? at + 1 : rest->n;
    wn_buf_append(&m->head, wn_str_slice(*rest, 0, n));
    *rest = wn_str_slice(*rest, n, rest->n);
    if (m->head.failed == WN_LIMIT)
        return wn_fail(why, WN_LIMIT, NULL, "the head of a part is larger than %d bytes",
                       WN_MULTIPART_HEAD_BYTES_MAX);
    if (m->head.failed)
        return wn_buf_check(&m->head, why);
    struct wn_str head = wn_buf_str(&m->head);
    if (!wn_str_ends(head, WN_STR("\n")))
        return WN_OK;
    if (!wn_str_ends(head, WN_STR("\r\n")))
        return wn_fail(why, WN_INVALID, NULL, "a line in the head of a part ends without CR");
    if (head.n > 2 && !wn_str_ends(head, WN_STR("\r\n\r\n")))
        return WN_OK;
    wn_rc rc = read_head(m, why);
    m->state = IN_DATA;
    m->n_matched = 0;
    return rc;
}

static wn_rc take(struct wn_multipart *m, struct wn_str *rest, struct wn_why *why)
{
    switch (m->state) {
    case IN_PREAMBLE:
    case IN_DATA:
        return take_data(m, rest, why);
    case IN_HEAD:
        return take_head(m, rest, why);
    case IN_EPILOGUE:
        rest->n = 0;
        return WN_OK;
    default: {
        char c = rest->p[0];
        *rest = wn_str_slice(*rest, 1, rest->n);
        return take_after_delimiter(m, c, why);
    }
    }
}

wn_rc wn_multipart_push(struct wn_multipart *m, struct wn_str bytes, struct wn_why *why)
{
    if (m->failed)
        return wn_fail(why, m->failed, NULL, "%s", wn_rc_text(m->failed));
    while (bytes.n > 0 && !m->failed)
        m->failed = take(m, &bytes, why);
    return m->failed;
}

wn_rc wn_multipart_finish(struct wn_multipart *m, struct wn_why *why)
{
    if (m->failed)
        return wn_fail(why, m->failed, NULL, "%s", wn_rc_text(m->failed));
    if (m->state != IN_EPILOGUE)
        return wn_fail(why, WN_INVALID, NULL, "the closing boundary of the form is missing");
    return WN_OK;
}
