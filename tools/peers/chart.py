# SPDX-License-Identifier: MIT
"""chart.py - the figures as an SVG: bars of calls a second and of processor time, each with its number beside it.

The colours are those of Okabe and Ito, told apart by colour-blind readers too; labels say the same without colour.
"""
from html import escape

from rows import ROWS

_COLOURS = {"freshet": "#0072B2", "grpc": "#E69F00", "nng": "#999999", "express": "#009E73"}
_NAMES = {"freshet": "Freshet", "grpc": "gRPC C++", "nng": "raw nng", "express": "Express"}
_WIDTH, _LABELS, _BARS, _GAP = 1120, 250, 300, 110
_BAR, _STEP, _HEAD = 14, 20, 34


def _text(x, y, text, size=12, anchor="start", weight="normal", colour="#222"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{colour}">{escape(text)}</text>')


def _bar(x, y, length, family):
    return f'<rect x="{x}" y="{y:.0f}" width="{max(length, 1):.1f}" height="{_BAR}" fill="{_COLOURS[family]}"/>'


def _whisker(x, y, low, high):
    middle = y + _BAR / 2
    return (f'<path d="M{x + low:.1f} {middle:.1f}H{x + high:.1f}M{x + low:.1f} {middle - 3:.1f}v6'
            f'M{x + high:.1f} {middle - 3:.1f}v6" stroke="#222" stroke-width="1" fill="none"/>')


def _short(value):
    for unit, divisor in (("M", 1e6), ("k", 1e3)):
        if value >= divisor:
            return f"{value / divisor:.{2 if value < 10 * divisor else 0}f}{unit}"
    return f"{value:.0f}"


def _panel(row, figures, y, out):
    left, right = _LABELS, _LABELS + _BARS + _GAP
    out.append(_text(10, y + 18, row.title[0].upper() + row.title[1:], 14, weight="bold"))
    y += _HEAD
    most_calls = max(figure["highest_calls_per_s"] for _, figure in figures) or 1
    most_cpu = max(figure["cpu_s_per_million"] for _, figure in figures) or 1
    for contender, figure in figures:
        calls, cpu = figure["calls_per_s"] / most_calls, figure["cpu_s_per_million"] / most_cpu
        high = figure["highest_calls_per_s"] / most_calls
        server = figure["server_cpu_s_per_million"]
        out.append(_text(_LABELS - 8, y + 11, contender.label, anchor="end"))
        out.append(_bar(left, y, calls * _BARS, contender.family))
        out.append(_whisker(left, y, figure["lowest_calls_per_s"] / most_calls * _BARS, high * _BARS))
        out.append(_text(left + high * _BARS + 6, y + 11, _short(figure["calls_per_s"]) + "/s"))
        out.append(_bar(right, y, cpu * _BARS, contender.family))
        out.append(_text(right + cpu * _BARS + 6, y + 11, f"{figure['cpu_s_per_million']:.1f} ({server:.1f} server)"))
        y += _STEP
    return y + 16


def _head(result, out):
    machine = result["machine"]
    out.append(_text(10, 26, "Freshet beside its peers", 18, weight="bold"))
    out.append(_text(10, 46, f"{machine['cpu']}, processors: {machine['processors']}; {machine['kernel']}", 11, colour="#555"))
    out.append(_text(10, 62, f"Median of {result['rounds']} round(s) of {result['seconds']:g} s by turns; the whisker runs "
                             "from the lowest to the highest. Each panel has a scale of its own.", 11, colour="#555"))
    x = 10
    for family, name in _NAMES.items():
        out.append(f'<rect x="{x}" y="74" width="12" height="12" fill="{_COLOURS[family]}"/>')
        out.append(_text(x + 17, 84, name))
        x += 110
    out.append(_text(_LABELS, 108, "calls a second (more is better)", 12, weight="bold"))
    out.append(_text(_LABELS + _BARS + _GAP, 108, "processor seconds per million calls, all processes (less is better)",
                     12, weight="bold"))


def svg(result, contenders):
    out, y = [], 114
    _head(result, out)
    for row in ROWS:
        measured = result["rows"].get(row.key, {})
        figures = [(contender, measured[contender.key]) for contender in contenders
                   if "calls_per_s" in measured.get(contender.key, {})]
        if figures and row.concurrency > 0:
            y = _panel(row, figures, y, out)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
            f'font-family="sans-serif" role="img" aria-label="Calls a second and processor time of Freshet and peers">\n'
            f'<rect width="{_WIDTH}" height="{y}" fill="#ffffff"/>\n' + "\n".join(out) + "\n</svg>\n")
