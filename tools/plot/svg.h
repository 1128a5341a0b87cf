/* SPDX-License-Identifier: MIT */
/*
 * svg.h - the shapes that pictures are made of, as SVG text. Lengths in pixels, from the upper left corner. Pure.
 */
#ifndef PLOT_SVG_H
#define PLOT_SVG_H

#include "base/buffer.h"

#define SVG_INK  "#222222"
#define SVG_GREY "#555555"
#define SVG_LINE "#cccccc"

/* The colours of Okabe and Ito, told apart by colour-blind readers too; the first ones differ most. */
#define SVG_COLOURS 7
extern const char *const svg_colours[SVG_COLOURS];

/* label: what the picture shows, for readers who hear it. */
void svg_begin(struct fr_buffer *out, int width, int height, const char *label);
void svg_end(struct fr_buffer *out);
/* attributes: such as " font-weight=\"bold\"", or "". */
void svg_text(struct fr_buffer *out, double x, double y, int size, const char *attributes, const char *text);
void svg_bar(struct fr_buffer *out, double x, double y, double width, double height, const char *colour);
void svg_line(struct fr_buffer *out, double x1, double y1, double x2, double y2, const char *colour);

#endif
