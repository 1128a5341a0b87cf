/* SPDX-License-Identifier: MIT */
/*
 * svg.c - the shapes that pictures are made of, as SVG text.
 */
#include "plot/svg.h"

const char *const svg_colours[SVG_COLOURS] = {"#0072B2", "#E69F00", "#009E73", "#CC79A7",
                                              "#D55E00", "#56B4E9", "#000000"};

static void append_escaped(struct fr_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            fr_buffer_append_text(out, "&lt;");
            break;
        case '>':
            fr_buffer_append_text(out, "&gt;");
            break;
        case '&':
            fr_buffer_append_text(out, "&amp;");
            break;
        case '"':
            fr_buffer_append_text(out, "&quot;");
            break;
        default:
            fr_buffer_append(out, text, 1);
        }
    }
}

void svg_begin(struct fr_buffer *out, int width, int height, const char *label)
{
    fr_buffer_append_format(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" fill=\"" SVG_INK "\" role=\"img\" aria-label=\"",
        width, height, width, height);
    append_escaped(out, label);
    fr_buffer_append_format(out, "\">\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width, height);
}

void svg_end(struct fr_buffer *out)
{
    fr_buffer_append_text(out, "</svg>\n");
}

void svg_text(struct fr_buffer *out, double x, double y, int size, const char *attributes, const char *text)
{
    fr_buffer_append_format(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\"%s>", x, y, size, attributes);
    append_escaped(out, text);
    fr_buffer_append_text(out, "</text>\n");
}

void svg_bar(struct fr_buffer *out, double x, double y, double width, double height, const char *colour)
{
    fr_buffer_append_format(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%g\" fill=\"%s\"/>\n",
                            x, y, width < 1 ? 1 : width, height, colour);
}

void svg_line(struct fr_buffer *out, double x1, double y1, double x2, double y2, const char *colour)
{
    fr_buffer_append_format(out, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2,
                            colour);
}
