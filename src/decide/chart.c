#include "decide/chart.h"

#include "core/date.h"
#include "decide/chart_int.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <stdio.h>
#include <string.h>

/* Sizes are for a picture of 1200 x 630 and scale with it. */
enum { WIDTH = 1200, HEIGHT = 630, SIDE_MIN = 200, SIDE_MAX = 4000, LABEL_BYTES_MAX = 400 };
#define FONT "DejaVu Sans, Noto Sans, Noto Sans CJK SC, sans-serif"

struct rgb {
    double r, g, b;
};
#define RGB(hex)                                                                                   \
    {                                                                                              \
        (((hex) >> 16) & 255) / 255.0, (((hex) >> 8) & 255) / 255.0, ((hex)&255) / 255.0           \
    }

struct theme {
    struct rgb paper, ink, muted, grid, axis, others;
    struct rgb hues[WN_CHART_SERIES_MAX];
};

/* Eight hues after Okabe and Ito ("Color Universal Design", 2008), darkened on white and lightened
 * on black so that each has a contrast of 3:1 to the paper. */
static const struct theme themes[2] = {
    {RGB(0xFFFFFF),
     RGB(0x1B2027),
     RGB(0x5A6472),
     RGB(0xE6E9ED),
     RGB(0x9AA3AE),
     RGB(0x8B949E),
     {RGB(0x0072B2), RGB(0xC0609A), RGB(0x009268), RGB(0x3B424C), RGB(0x2E9FDB), RGB(0xD18A00),
      RGB(0xC24A00), RGB(0x8A7A00)}},
    {RGB(0x14181D),
     RGB(0xEDF0F3),
     RGB(0xA3ADB8),
     RGB(0x2A313A),
     RGB(0x66707C),
     RGB(0x8B949E),
     {RGB(0x3B9BDC), RGB(0xE08FBD), RGB(0x1FBF8F), RGB(0xDDE2E8), RGB(0x8CD0F5), RGB(0xF0A92E),
      RGB(0xF0743A), RGB(0xD8CB4A)}},
};

struct box {
    double x, y, w, h;
};

struct canvas {
    cairo_t *cr;
    PangoLayout *layout;
    const struct theme *theme;
    const struct wn_chart *chart;
    double k; /* scale of all sizes */
    double width, height;
    int hues[WN_CHART_SERIES_MAX]; /* of each series; -1 = others */
    const int32_t *days;           /* [n_points], or NULL when the axis is no time axis */
};

/* ---- text ------------------------------------------------------------------------------------- */

static void ink(struct canvas *c, struct rgb color)
{
    cairo_set_source_rgb(c->cr, color.r, color.g, color.b);
}

/* Pango asks for valid UTF-8; a label is cut where it stops being that. */
static struct wn_str printable(struct wn_str s)
{
    size_t bad = 0;
    if (s.n > LABEL_BYTES_MAX)
        s.n = LABEL_BYTES_MAX;
    if (!wn_str_utf8_valid(s, &bad))
        s.n = bad;
    return s;
}

/* Lays the text out in one line of at most width_max (0 = any) and measures it. */
static void set_text(struct canvas *c, struct wn_str text, double size, bool bold, double width_max,
                     double *w, double *h)
{
    PangoFontDescription *font = pango_font_description_from_string(FONT);
    pango_font_description_set_absolute_size(font, round(size * c->k) * PANGO_SCALE);
    pango_font_description_set_weight(font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(c->layout, font);
    pango_font_description_free(font);
    text = printable(text);
    pango_layout_set_single_paragraph_mode(c->layout, TRUE);
    pango_layout_set_ellipsize(c->layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_width(c->layout, width_max > 0 ? (int)(width_max * PANGO_SCALE) : -1);
    pango_layout_set_text(c->layout, text.n ? text.p : "", (int)text.n);
    int width, height;
    pango_layout_get_pixel_size(c->layout, &width, &height);
    if (w)
        *w = width;
    if (h)
        *h = height;
}

/* anchor: 0 = x is the left end, 0.5 the middle, 1 the right end; y is the top, likewise. */
static void draw_text(struct canvas *c, struct wn_str text, double size, bool bold,
                      struct rgb color, double x, double y, double anchor_x, double anchor_y,
                      double width_max)
{
    double w, h;
    set_text(c, text, size, bold, width_max, &w, &h);
    ink(c, color);
    cairo_move_to(c->cr, round(x - anchor_x * w), round(y - anchor_y * h));
    pango_cairo_show_layout(c->cr, c->layout);
}

static double text_width(struct canvas *c, struct wn_str text, double size)
{
    double w;
    set_text(c, text, size, false, 0, &w, NULL);
    return w;
}

/* ---- colours and markers ---------------------------------------------------------------------- */

static int hue_of_channel(int code)
{
    return code <= 0 ? -1 : (code - 1) % WN_CHART_SERIES_MAX;
}

uint32_t chart_channel_color(int code)
{
    int hue = hue_of_channel(code);
    const struct rgb *c = hue < 0 ? &themes[0].others : &themes[0].hues[hue];
    return (uint32_t)lround(c->r * 255) << 16 | (uint32_t)lround(c->g * 255) << 8 |
           (uint32_t)lround(c->b * 255);
}

/* A channel keeps its hue in every chart; where two would share one, the later takes a free one. */
static void choose_hues(struct canvas *c)
{
    bool taken[WN_CHART_SERIES_MAX] = {false};
    const struct wn_chart *chart = c->chart;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t s = 0; s < chart->n_series; s++) {
            int color = chart->series[s].color;
            int hue = color == WN_CHART_COLOR_OTHERS ? -1 : hue_of_channel(color);
            if (pass == 0) {
                bool fits = color != WN_CHART_COLOR_OTHERS && color > 0 && !taken[hue];
                c->hues[s] = fits ? hue : color == 0 || color == WN_CHART_COLOR_OTHERS ? -1 : -2;
                if (fits)
                    taken[hue] = true;
            } else if (c->hues[s] == -2) {
                int free_hue = 0;
                while (free_hue < WN_CHART_SERIES_MAX - 1 && taken[free_hue])
                    free_hue++;
                c->hues[s] = free_hue;
                taken[free_hue] = true;
            }
        }
}

static struct rgb hue_color(const struct canvas *c, int hue)
{
    return hue < 0 ? c->theme->others : c->theme->hues[hue % WN_CHART_SERIES_MAX];
}

/* Lines differ by the shape of their marks as well, for eyes and printers without colour. */
static void draw_mark(struct canvas *c, int hue, double x, double y, double r)
{
    cairo_t *cr = c->cr;
    cairo_new_path(cr);
    switch (hue < 0 ? 8 : hue % 8) {
    case 0:
        cairo_arc(cr, x, y, r, 0, 2 * G_PI);
        break;
    case 1:
        cairo_rectangle(cr, x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
        break;
    case 2:
        cairo_move_to(cr, x, y - r * 1.15);
        cairo_line_to(cr, x + r * 1.1, y + r * 0.85);
        cairo_line_to(cr, x - r * 1.1, y + r * 0.85);
        break;
    case 3:
        cairo_move_to(cr, x, y - r * 1.3);
        cairo_line_to(cr, x + r * 1.3, y);
        cairo_line_to(cr, x, y + r * 1.3);
        cairo_line_to(cr, x - r * 1.3, y);
        break;
    case 4:
        cairo_move_to(cr, x, y + r * 1.15);
        cairo_line_to(cr, x + r * 1.1, y - r * 0.85);
        cairo_line_to(cr, x - r * 1.1, y - r * 0.85);
        break;
    case 5:
        cairo_rectangle(cr, x - r * 1.3, y - r * 0.55, r * 2.6, r * 1.1);
        break;
    case 6:
        cairo_rectangle(cr, x - r * 0.55, y - r * 1.3, r * 1.1, r * 2.6);
        break;
    case 7:
        for (int i = 0; i < 5; i++)
            cairo_line_to(cr, x + r * 1.25 * sin(i * 2 * G_PI / 5),
                          y - r * 1.25 * cos(i * 2 * G_PI / 5));
        break;
    default:
        cairo_arc(cr, x, y, r * 0.7, 0, 2 * G_PI);
        break;
    }
    cairo_close_path(cr);
    ink(c, hue_color(c, hue));
    cairo_fill_preserve(cr);
    ink(c, c->theme->paper);
    cairo_set_line_width(cr, 1.2 * c->k);
    cairo_stroke(cr);
}

/* ---- head ------------------------------------------------------------------------------------- */

/* Title and subtitle; returns the y below them. */
static double draw_head(struct canvas *c)
{
    double margin = 44 * c->k, y = 34 * c->k;
    draw_text(c, c->chart->title, 27, true, c->theme->ink, margin, y, 0, 0, c->width - 2 * margin);
    y += 40 * c->k;
    if (c->chart->subtitle.n) {
        draw_text(c, c->chart->subtitle, 16, false, c->theme->muted, margin, y, 0, 0,
                  c->width - 2 * margin);
        y += 28 * c->k;
    }
    return y + 8 * c->k;
}

static void draw_swatch(struct canvas *c, size_t s, double x, double y)
{
    ink(c, hue_color(c, c->hues[s]));
    if (c->chart->kind == WN_CHART_BAR) {
        cairo_rectangle(c->cr, round(x), round(y - 6 * c->k), 14 * c->k, 12 * c->k);
        cairo_fill(c->cr);
        return;
    }
    double dashes[] = {5 * c->k, 4 * c->k};
    cairo_set_line_width(c->cr, 2.5 * c->k);
    cairo_set_dash(c->cr, dashes, c->chart->series[s].is_dashed ? 2 : 0, 0);
    cairo_move_to(c->cr, x, y);
    cairo_line_to(c->cr, x + 24 * c->k, y);
    cairo_stroke(c->cr);
    cairo_set_dash(c->cr, dashes, 0, 0);
    if (c->chart->n_bands) /* lines among bands carry no marks */
        return;
    draw_mark(c, c->hues[s], x + 12 * c->k, y, 4.5 * c->k);
}

/* One line or more of series names; returns the y below. A single series is named by the title. */
static double draw_legend(struct canvas *c, double y)
{
    const struct wn_chart *chart = c->chart;
    if (chart->n_series < 2)
        return y;
    double left = 44 * c->k, x = left, right = c->width - left;
    double swatch = (chart->kind == WN_CHART_BAR ? 22 : 32) * c->k;
    for (size_t s = 0; s < chart->n_series; s++) {
        double w;
        set_text(c, chart->series[s].label, 15, false, 260 * c->k, &w, NULL);
        if (w > 260 * c->k)
            w = 260 * c->k;
        if (x > left && x + swatch + w > right) {
            x = left;
            y += 26 * c->k;
        }
        draw_swatch(c, s, x, y + 10 * c->k);
        draw_text(c, chart->series[s].label, 15, false, c->theme->ink, x + swatch, y + 10 * c->k, 0,
                  0.5, 260 * c->k);
        x += swatch + w + 26 * c->k;
    }
    return y + 34 * c->k;
}

static void draw_no_data(struct canvas *c, double y)
{
    draw_text(c, WN_STR("No data"), 26, true, c->theme->muted, c->width / 2,
              (y + c->height) / 2 - 22 * c->k, 0.5, 0.5, 0);
    draw_text(c, WN_STR("There are no values for this range and filter."), 16, false,
              c->theme->muted, c->width / 2, (y + c->height) / 2 + 14 * c->k, 0.5, 0.5, 0);
}

/* ---- the value axis --------------------------------------------------------------------------- */

static void include(double value, double *low, double *high)
{
    if (!isfinite(value))
        return;
    *low = fmin(*low, value);
    *high = fmax(*high, value);
}

/* The range that the drawn values need; false when there is none. */
static bool value_range(const struct wn_chart *chart, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < chart->n_points; i++) {
        double up = 0, down = 0;
        for (size_t s = 0; s < chart->n_series; s++) {
            double v = chart->series[s].values[i];
            if (isfinite(v) && !chart->stacked)
                include(v, low, high);
            if (isfinite(v) && v >= 0)
                up += v;
            else if (isfinite(v))
                down += v;
            if (isfinite(v) && chart->stacked) {
                include(up, low, high);
                include(down, low, high);
            }
        }
    }
    for (size_t b = 0; b < chart->n_bands; b++)
        for (size_t i = 0; i < chart->n_points; i++) {
            include(chart->bands[b].low[i], low, high);
            include(chart->bands[b].high[i], low, high);
        }
    if (!(*low <= *high))
        return false;
    /* Bars always, and lines unless they move within a narrow band far away, stand on zero. */
    if (chart->kind == WN_CHART_BAR || (*low > 0 && *low < 0.7 * *high))
        *low = fmin(*low, 0);
    if (chart->kind == WN_CHART_BAR || (*high < 0 && *high > 0.7 * *low))
        *high = fmax(*high, 0);
    return true;
}

static double y_of(const struct chart_scale *scale, const struct box *plot, double value)
{
    return plot->y + plot->h * (1 - (value - scale->low) / (scale->high - scale->low));
}

static double x_of(const struct chart_scale *scale, const struct box *plot, double value)
{
    return plot->x + plot->w * (value - scale->low) / (scale->high - scale->low);
}

static void hairline(struct canvas *c, struct rgb color, double x1, double y1, double x2, double y2)
{
    ink(c, color);
    cairo_set_line_width(c->cr, 1);
    cairo_move_to(c->cr, floor(x1) + 0.5, floor(y1) + 0.5);
    cairo_line_to(c->cr, floor(x2) + 0.5, floor(y2) + 0.5);
    cairo_stroke(c->cr);
}

static double widest_tick(struct canvas *c, const struct chart_scale *scale,
                          const struct chart_format *format)
{
    double widest = 0;
    char text[CHART_TEXT_MAX];
    for (int i = 0; i < scale->n; i++) {
        chart_format_tick(format, scale->low + i * scale->step, text);
        widest = fmax(widest, text_width(c, wn_str_of(text), 15));
    }
    return widest;
}

static bool is_zero(const struct chart_scale *scale, double value)
{
    return fabs(value) < scale->step * 1e-6;
}

static void draw_value_axis(struct canvas *c, const struct chart_scale *scale,
                            const struct chart_format *format, const struct box *plot)
{
    char text[CHART_TEXT_MAX];
    for (int i = 0; i < scale->n; i++) {
        double value = scale->low + i * scale->step, y = y_of(scale, plot, value);
        hairline(c, is_zero(scale, value) ? c->theme->axis : c->theme->grid, plot->x, y,
                 plot->x + plot->w, y);
        chart_format_tick(format, value, text);
        draw_text(c, wn_str_of(text), 15, false, c->theme->muted, plot->x - 12 * c->k, y, 1, 0.5,
                  0);
    }
}

static struct box plot_box(struct canvas *c, double top, double label_width)
{
    double left = 44 * c->k + label_width + 12 * c->k, right = 40 * c->k, bottom = 62 * c->k;
    top += 14 * c->k;
    return (struct box){left, top, fmax(c->width - left - right, 1),
                        fmax(c->height - top - bottom, 1)};
}

/* ---- the other axis --------------------------------------------------------------------------- */

static double slot_width(const struct canvas *c, const struct box *plot)
{
    return plot->w / (double)(c->chart->n_points ? c->chart->n_points : 1);
}

/* The middle of point i: by its date on a time axis of lines, else by its number. */
static double point_x(const struct canvas *c, const struct box *plot, size_t i)
{
    const struct wn_chart *chart = c->chart;
    if (chart->kind == WN_CHART_BAR)
        return plot->x + slot_width(c, plot) * ((double)i + 0.5);
    if (chart->n_points == 1)
        return plot->x + plot->w / 2;
    if (c->days) {
        double span = (double)(c->days[chart->n_points - 1] - c->days[0]);
        return plot->x + plot->w * (double)(c->days[i] - c->days[0]) / span;
    }
    return plot->x + plot->w * (double)i / (double)(chart->n_points - 1);
}

static void draw_x_label(struct canvas *c, const struct box *plot, struct wn_str text, double x,
                         double width_max)
{
    double w, edge = c->width - 6 * c->k;
    set_text(c, text, 15, false, width_max, &w, NULL);
    if (x + w / 2 > edge)
        x = edge - w / 2;
    draw_text(c, text, 15, false, c->theme->muted, x, plot->y + plot->h + 12 * c->k, 0.5, 0,
              width_max);
}

static void draw_day_axis(struct canvas *c, const struct box *plot)
{
    const struct wn_chart *chart = c->chart;
    struct chart_day_tick ticks[CHART_TICKS_MAX];
    int n_max = (int)(plot->w / (92 * c->k));
    int n = chart_day_ticks(c->days[0], c->days[chart->n_points - 1], n_max, ticks);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        while (at + 1 < chart->n_points && c->days[at] < ticks[i].day)
            at++;
        double x = point_x(c, plot, at);
        if (chart->kind == WN_CHART_LINE && c->days[chart->n_points - 1] > c->days[0])
            x = plot->x + plot->w * (double)(ticks[i].day - c->days[0]) /
                              (double)(c->days[chart->n_points - 1] - c->days[0]);
        else if (c->days[at] != ticks[i].day)
            continue; /* bars have no place between two days */
        hairline(c, c->theme->axis, x, plot->y + plot->h, x, plot->y + plot->h + 5 * c->k);
        draw_x_label(c, plot, wn_str_of(ticks[i].text), x, 0);
    }
}

static void draw_category_axis(struct canvas *c, const struct box *plot)
{
    const struct wn_chart *chart = c->chart;
    double slot = slot_width(c, plot);
    size_t every = (size_t)ceil(70 * c->k / slot);
    if (every < 1)
        every = 1;
    for (size_t i = 0; i < chart->n_points; i += every)
        draw_x_label(c, plot, chart->labels[i], point_x(c, plot, i),
                     fmax(slot * (double)every - 8 * c->k, 20 * c->k));
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* The path of one series, in pieces where there is no value. Where many points share one column of
 * pixels, the lowest and the highest of it are drawn: the shape stays, and so do its peaks. */
static void trace(struct canvas *c, const struct chart_scale *scale, const struct box *plot,
                  const double *values)
{
    size_t n = c->chart->n_points;
    bool pen_down = false;
    size_t i = 0;
    while (i < n) {
        if (!isfinite(values[i])) {
            pen_down = false;
            i++;
            continue;
        }
        double column = floor(point_x(c, plot, i));
        size_t low = i, high = i, end = i + 1;
        while (end < n && isfinite(values[end]) && floor(point_x(c, plot, end)) == column) {
            low = values[end] < values[low] ? end : low;
            high = values[end] > values[high] ? end : high;
            end++;
        }
        size_t first = low < high ? low : high, second = low < high ? high : low;
        double x = point_x(c, plot, first);
        if (pen_down)
            cairo_line_to(c->cr, x, y_of(scale, plot, values[first]));
        else
            cairo_move_to(c->cr, x, y_of(scale, plot, values[first]));
        if (second != first)
            cairo_line_to(c->cr, point_x(c, plot, second), y_of(scale, plot, values[second]));
        pen_down = true;
        i = end;
    }
}

/* One shade per piece without gaps: there along the upper edge, back along the lower one. */
static void draw_band(struct canvas *c, const struct chart_scale *scale, const struct box *plot,
                      const struct wn_chart_band *band)
{
    size_t n = c->chart->n_points, i = 0;
    struct rgb color = hue_color(c, c->hues[band->series]);
    while (i < n) {
        size_t end = i;
        while (end < n && isfinite(band->low[end]) && isfinite(band->high[end]))
            end++;
        if (end == i) {
            i++;
            continue;
        }
        cairo_new_path(c->cr);
        for (size_t k = i; k < end; k++)
            cairo_line_to(c->cr, point_x(c, plot, k), y_of(scale, plot, band->high[k]));
        for (size_t k = end; k-- > i;)
            cairo_line_to(c->cr, point_x(c, plot, k), y_of(scale, plot, band->low[k]));
        cairo_close_path(c->cr);
        cairo_set_source_rgba(c->cr, color.r, color.g, color.b, 0.17);
        cairo_fill(c->cr);
        i = end;
    }
}

/* A ring does not hide the point it marks. */
static void draw_rings(struct canvas *c, const struct chart_scale *scale, const struct box *plot,
                       const struct wn_chart_series *series)
{
    for (size_t i = 0; series->marks && i < c->chart->n_points; i++) {
        if (!series->marks[i] || !isfinite(series->values[i]))
            continue;
        double x = point_x(c, plot, i), y = y_of(scale, plot, series->values[i]);
        cairo_new_path(c->cr);
        cairo_arc(c->cr, x, y, 8 * c->k, 0, 2 * G_PI);
        ink(c, c->theme->paper);
        cairo_set_line_width(c->cr, 5 * c->k);
        cairo_stroke_preserve(c->cr);
        ink(c, c->theme->ink);
        cairo_set_line_width(c->cr, 2.5 * c->k);
        cairo_stroke(c->cr);
    }
}

static void set_dashes(struct canvas *c, bool is_dashed)
{
    double dashes[] = {9 * c->k, 7 * c->k};
    cairo_set_dash(c->cr, dashes, is_dashed ? 2 : 0, 0);
}

static bool stands_alone(const double *values, size_t n, size_t i)
{
    return isfinite(values[i]) && (i == 0 || !isfinite(values[i - 1])) &&
           (i + 1 == n || !isfinite(values[i + 1]));
}

static void draw_lines(struct canvas *c, const struct chart_scale *scale, const struct box *plot)
{
    const struct wn_chart *chart = c->chart;
    cairo_save(c->cr);
    cairo_rectangle(c->cr, plot->x - 8 * c->k, plot->y - 8 * c->k, plot->w + 16 * c->k,
                    plot->h + 16 * c->k);
    cairo_clip(c->cr);
    cairo_set_line_join(c->cr, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(c->cr, CAIRO_LINE_CAP_ROUND);
    size_t every = chart->n_points > 16 ? chart->n_points / 8 : 1;
    for (size_t b = 0; b < chart->n_bands; b++)
        draw_band(c, scale, plot, &chart->bands[b]);
    for (size_t s = chart->n_series; s-- > 0;) { /* the first, most important one, on top */
        const double *values = chart->series[s].values;
        cairo_new_path(c->cr);
        trace(c, scale, plot, values);
        ink(c, hue_color(c, c->hues[s]));
        cairo_set_line_width(c->cr, (chart->n_series > 1 ? 2.4 : 3) * c->k);
        set_dashes(c, chart->series[s].is_dashed);
        cairo_stroke(c->cr);
        set_dashes(c, false);
        size_t offset = chart->n_points > 16 ? (every * s) / chart->n_series : 0;
        for (size_t i = 0; i < chart->n_points; i++) {
            bool marked = isfinite(values[i]) && i % every == offset && !chart->n_bands &&
                          (chart->n_series > 1 || chart->n_points <= 16);
            if (marked || stands_alone(values, chart->n_points, i))
                draw_mark(c, c->hues[s], point_x(c, plot, i), y_of(scale, plot, values[i]),
                          4.5 * c->k);
        }
        draw_rings(c, scale, plot, &chart->series[s]);
    }
    cairo_restore(c->cr);
}

/* ---- bars ------------------------------------------------------------------------------------- */

static struct rgb bar_color(const struct canvas *c, size_t s, size_t i)
{
    if (c->chart->point_colors && c->chart->n_series == 1) {
        int color = c->chart->point_colors[i];
        return hue_color(c, color == WN_CHART_COLOR_OTHERS ? -1
                            : color < 0                    ? 0
                                                           : hue_of_channel(color));
    }
    return hue_color(c, c->hues[s]);
}

static void fill_bar(struct canvas *c, struct rgb color, double x, double y, double w, double h)
{
    ink(c, color);
    cairo_rectangle(c->cr, x, fmin(y, y + h), w, fmax(fabs(h), 1));
    cairo_fill(c->cr);
}

static void draw_stacked(struct canvas *c, const struct chart_scale *scale, const struct box *plot)
{
    const struct wn_chart *chart = c->chart;
    double slot = slot_width(c, plot), w = fmax(slot * (slot > 8 ? 0.76 : 0.94), 0.6);
    for (size_t i = 0; i < chart->n_points; i++) {
        double up = 0, down = 0;
        for (size_t s = 0; s < chart->n_series; s++) {
            double v = chart->series[s].values[i];
            if (!isfinite(v) || v == 0)
                continue;
            double *base = v > 0 ? &up : &down;
            double y0 = y_of(scale, plot, *base), y1 = y_of(scale, plot, *base + v);
            fill_bar(c, bar_color(c, s, i), point_x(c, plot, i) - w / 2, y0, w, y1 - y0);
            *base += v;
        }
    }
}

static void draw_grouped(struct canvas *c, const struct chart_scale *scale, const struct box *plot)
{
    const struct wn_chart *chart = c->chart;
    double slot = slot_width(c, plot);
    double group = chart->n_series == 1 ? fmin(slot * 0.64, 120 * c->k) : slot * 0.84;
    double w = group / (double)chart->n_series, zero = y_of(scale, plot, 0);
    bool named = chart->n_series == 1 && slot > 46 * c->k;
    for (size_t i = 0; i < chart->n_points; i++)
        for (size_t s = 0; s < chart->n_series; s++) {
            double v = chart->series[s].values[i];
            double x = point_x(c, plot, i) - group / 2 + w * (double)s;
            char text[CHART_TEXT_MAX] = "\u2013"; /* a dash where there is no value */
            double y = isfinite(v) ? y_of(scale, plot, v) : zero;
            if (isfinite(v)) {
                fill_bar(c, bar_color(c, s, i), x, zero, fmax(w * 0.96, 0.6), y - zero);
                chart_format_value(chart->unit, chart->currency, v, text);
            }
            if (named)
                draw_text(c, wn_str_of(text), 15, true, c->theme->ink, x + w / 2,
                          v < 0 ? y + 4 * c->k : y - 5 * c->k, 0.5, v < 0 ? 0 : 1, 0);
        }
}

/* Long names read better beside lying bars: one row each, as many as fit. */
static void draw_lying(struct canvas *c, double top, double low, double high)
{
    const struct wn_chart *chart = c->chart;
    double row_min = 26 * c->k, bottom = 44 * c->k, label = 0;
    double space = c->height - top - bottom - 6 * c->k;
    size_t n = chart->n_points, n_fit = space < row_min ? 1 : (size_t)(space / row_min);
    if (n > n_fit)
        n = n_fit;
    for (size_t i = 0; i < n; i++)
        label = fmax(label, text_width(c, chart->labels[i], 15));
    label = fmin(label, c->width * 0.34);
    struct chart_scale scale = chart_scale_of(low, high, 5, chart->unit == WN_UNIT_COUNT);
    struct chart_format format = chart_format_of(chart->unit, chart->currency, &scale);
    struct box plot = {44 * c->k + label + 14 * c->k, top, 0, space};
    plot.w = fmax(c->width - plot.x - 110 * c->k, 1);
    double row = fmin(plot.h / (double)n, 64 * c->k);
    plot.h = row * (double)n;
    for (int i = 0; i < scale.n; i++) {
        char text[CHART_TEXT_MAX];
        double value = scale.low + i * scale.step, x = x_of(&scale, &plot, value);
        hairline(c, is_zero(&scale, value) ? c->theme->axis : c->theme->grid, x, plot.y, x,
                 plot.y + plot.h);
        chart_format_tick(&format, value, text);
        draw_text(c, wn_str_of(text), 14, false, c->theme->muted, x, plot.y + plot.h + 8 * c->k,
                  0.5, 0, 0);
    }
    for (size_t i = 0; i < n; i++) {
        double v = chart->series[0].values[i], y = plot.y + row * ((double)i + 0.5);
        double zero = x_of(&scale, &plot, 0), x = isfinite(v) ? x_of(&scale, &plot, v) : zero;
        char text[CHART_TEXT_MAX] = "\u2013";
        draw_text(c, chart->labels[i], 15, false, c->theme->ink, plot.x - 14 * c->k, y, 1, 0.5,
                  label + 2);
        if (isfinite(v)) {
            ink(c, bar_color(c, 0, i));
            cairo_rectangle(c->cr, fmin(x, zero), y - row * 0.34, fmax(fabs(x - zero), 1),
                            row * 0.68);
            cairo_fill(c->cr);
            chart_format_value(chart->unit, chart->currency, v, text);
        }
        draw_text(c, wn_str_of(text), 15, true, c->theme->ink, fmax(x, zero) + 8 * c->k, y, 0, 0.5,
                  0);
    }
    if (n < chart->n_points) {
        char note[CHART_TEXT_MAX];
        snprintf(note, sizeof note, "first %zu of %zu shown", n, chart->n_points);
        draw_text(c, wn_str_of(note), 14, false, c->theme->muted, 44 * c->k, c->height - 14 * c->k,
                  0, 1, 0);
    }
}

/* Standing bars want each name to fit below its bar. */
static bool lies_better(struct canvas *c)
{
    const struct wn_chart *chart = c->chart;
    if (chart->kind != WN_CHART_BAR || chart->n_series != 1 || c->days)
        return false;
    double slot = (c->width - 150 * c->k) / (double)chart->n_points;
    if (chart->n_points > 16)
        return true;
    for (size_t i = 0; i < chart->n_points; i++)
        if (text_width(c, chart->labels[i], 15) > slot - 6 * c->k)
            return true;
    return false;
}

/* ---- the whole -------------------------------------------------------------------------------- */

static void draw(struct canvas *c)
{
    const struct wn_chart *chart = c->chart;
    double low, high;
    ink(c, c->theme->paper);
    cairo_paint(c->cr);
    double y = draw_head(c);
    if (!value_range(chart, &low, &high)) {
        draw_no_data(c, y);
        return;
    }
    y = draw_legend(c, y);
    if (lies_better(c)) {
        draw_lying(c, y, low, high);
        return;
    }
    struct chart_scale scale = chart_scale_of(low, high, 5, chart->unit == WN_UNIT_COUNT);
    struct chart_format format = chart_format_of(chart->unit, chart->currency, &scale);
    struct box plot = plot_box(c, y, widest_tick(c, &scale, &format));
    draw_value_axis(c, &scale, &format, &plot);
    if (c->days)
        draw_day_axis(c, &plot);
    else
        draw_category_axis(c, &plot);
    if (chart->kind == WN_CHART_LINE)
        draw_lines(c, &scale, &plot);
    else if (chart->stacked)
        draw_stacked(c, &scale, &plot);
    else
        draw_grouped(c, &scale, &plot);
    if (chart->kind == WN_CHART_BAR && low <= 0 && high >= 0)
        hairline(c, c->theme->axis, plot.x, y_of(&scale, &plot, 0), plot.x + plot.w,
                 y_of(&scale, &plot, 0));
}

static wn_rc check(const struct wn_chart *chart, struct wn_why *why)
{
    if (chart->n_series > WN_CHART_SERIES_MAX)
        return wn_fail(why, WN_INVALID, "series", "a chart has at most %d series, not %zu",
                       WN_CHART_SERIES_MAX, chart->n_series);
    if (chart->n_bands > WN_CHART_BANDS_MAX || (chart->n_bands > 0 && chart->kind != WN_CHART_LINE))
        return wn_fail(why, WN_INVALID, "bands", "at most %d bands, and only behind lines",
                       WN_CHART_BANDS_MAX);
    for (size_t b = 0; b < chart->n_bands; b++)
        if (chart->bands[b].series >= chart->n_series)
            return wn_fail(why, WN_INVALID, "bands", "a band belongs to no series");
    if (chart->n_points > WN_CHART_POINTS_MAX)
        return wn_fail(why, WN_LIMIT, "points", "a chart has at most %d points, not %zu",
                       WN_CHART_POINTS_MAX, chart->n_points);
    const struct {
        const char *name;
        int px;
    } sides[] = {{"width", chart->width_px}, {"height", chart->height_px}};
    for (size_t i = 0; i < WN_COUNT(sides); i++)
        if (sides[i].px != 0 && (sides[i].px < SIDE_MIN || sides[i].px > SIDE_MAX))
            return wn_fail(why, WN_INVALID, sides[i].name, "the %s is from %d to %d pixels, not %d",
                           sides[i].name, SIDE_MIN, SIDE_MAX, sides[i].px);
    return WN_OK;
}

static cairo_status_t append_png(void *closure, const unsigned char *data, unsigned int length)
{
    struct wn_buf *out = closure;
    wn_buf_append(out, (struct wn_str){(const char *)data, length});
    return out->failed ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static wn_rc paint(struct canvas *c, cairo_surface_t *surface, struct wn_buf *out,
                   struct wn_why *why)
{
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    c->layout = pango_cairo_create_layout(c->cr);
    pango_cairo_context_set_font_options(pango_layout_get_context(c->layout), options);
    cairo_font_options_destroy(options);
    draw(c);
    g_object_unref(c->layout);
    cairo_status_t status = cairo_status(c->cr);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_write_to_png_stream(surface, append_png, out);
    if (out->failed)
        return wn_buf_check(out, why);
    if (status == CAIRO_STATUS_NO_MEMORY)
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the picture");
    if (status != CAIRO_STATUS_SUCCESS)
        return wn_fail(why, WN_INTERNAL, NULL, "the picture failed: %s",
                       cairo_status_to_string(status));
    return WN_OK;
}

wn_rc wn_chart_png(const struct wn_chart *chart, struct wn_buf *out, struct wn_why *why)
{
    wn_rc rc = check(chart, why);
    if (rc)
        return rc;
    int width = chart->width_px ? chart->width_px : WIDTH;
    int height = chart->height_px ? chart->height_px : HEIGHT;
    struct wn_arena a;
    wn_arena_init(&a, 0);
    int32_t *days = WN_ARENA_ARRAY(&a, chart->n_points + 1, int32_t);
    if (!days) {
        wn_arena_deinit(&a);
        return wn_fail(why, WN_MEMORY, NULL, "there is no memory for the picture");
    }
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    struct canvas c = {
        .cr = cairo_create(surface),
        .theme = &themes[chart->dark],
        .chart = chart,
        .k = fmin((double)width / WIDTH, (double)height / HEIGHT),
        .width = width,
        .height = height,
        .days = chart_days_of(chart->labels, chart->n_points, days) ? days : NULL,
    };
    choose_hues(&c);
    if (cairo_status(c.cr) == CAIRO_STATUS_SUCCESS)
        rc = paint(&c, surface, out, why);
    else
        rc = wn_fail(why, WN_MEMORY, NULL, "there is no memory for the picture");
    cairo_destroy(c.cr);
    cairo_surface_destroy(surface);
    wn_arena_deinit(&a);
    return rc;
}
