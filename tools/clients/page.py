# SPDX-License-Identifier: MIT
"""page.py - the rounds of each side as one figure, and all figures as a page."""
import statistics

from sides import LANGUAGES, SIDES

NOTES = """\
- All calls share one channel, hence one connection; each ends with a decoded `User` whose id is checked, and is followed
  by the next at once. *threads* are as many blocking callers, *asyncio*, *promises* and *goroutines* as many tasks,
  *callbacks* and *queues* libgrpc++'s two asynchronous interfaces.
- Both servers answer from memory and keep what they send serialized: tools/peers/server_freshet.c and server_grpc.cc,
  in C and C++.
- Calls/s is the median of the rounds, with the lowest and the highest in brackets; the other columns are medians. CPU is
  processor time of the client alone. *ratio* stands at Freshet's fastest: over the fastest gRPC of the language.
"""


def summary(cells):
    figure = {name: statistics.median(cell[name] for cell in cells) for name in ("calls_per_s", "p50_us", "p99_us")}
    figure["lowest_calls_per_s"] = min(cell["calls_per_s"] for cell in cells)
    figure["highest_calls_per_s"] = max(cell["calls_per_s"] for cell in cells)
    figure["cpu_us_per_call"] = statistics.median(cell["cpu_s"] / cell["calls"] * 1e6 if cell["calls"] else 0.0
                                                  for cell in cells)
    figure["errors"] = sum(cell["errors"] for cell in cells)
    figure["first_error"] = next((cell["first_error"] for cell in cells if cell["first_error"]), "")
    return figure


def _fastest(figures, language, ours):
    """The label with the most calls/s and no error; None: there is none."""
    sound = [side.label for side in SIDES if side.language == language and side.ours == ours
             and figures.get(f"{language}: {side.label}", {}).get("errors", 1) == 0]
    return max(sound, key=lambda label: figures[f"{language}: {label}"]["calls_per_s"], default=None)


def ratio(figures, language):
    """Freshet's fastest over gRPC's: (label, ratio); None where one of them was not measured."""
    ours, theirs = _fastest(figures, language, True), _fastest(figures, language, False)
    if ours is None or theirs is None:
        return None
    return ours, figures[f"{language}: {ours}"]["calls_per_s"] / figures[f"{language}: {theirs}"]["calls_per_s"]


def _line(side, figure, best):
    if "failed" in figure:
        return f"| {side.language} | {side.label} | | | | | not measured: {figure['failed']} |"
    remark = f"{figure['errors']} errors: {figure['first_error']}" if figure["errors"] else ""
    if best is not None and side.label == best[0]:
        remark = f"{best[1]:.2f}"
    spread = f"{figure['lowest_calls_per_s']:,.0f}–{figure['highest_calls_per_s']:,.0f}"
    return (f"| {side.language} | {side.label} | {figure['calls_per_s']:,.0f} ({spread}) | {figure['p50_us']:,.0f} µs "
            f"| {figure['p99_us']:,.0f} µs | {figure['cpu_us_per_call']:.1f} µs | {remark} |")


def page(result):
    lines = ["# Freshet's clients beside gRPC's", "",
             f"Rounds: {result['rounds']}, cells of {result['seconds']:g} s, sides by turns, loopback only. "
             f"Made by `{result['command']}`.", ""]
    lines += [f"- {name}: {value}" for name, value in result["machine"].items()]
    for calls, figures in result["calls"].items():
        lines += ["", f"## {calls} in flight", "", "| | | calls/s | p50 | p99 | CPU a call | ratio |",
                  "|---|---|--:|--:|--:|--:|--:|"]
        for language in LANGUAGES:
            best = ratio(figures, language)
            lines += [_line(side, figures[f"{language}: {side.label}"], best) for side in SIDES
                      if side.language == language and f"{language}: {side.label}" in figures]
    return "\n".join([*lines, "", "## How to read this", "", NOTES])
