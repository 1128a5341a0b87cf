# SPDX-License-Identifier: MIT
"""report.py - the figures as a page of tables."""
from rows import ROWS

REACHED = 0.95  # of the arrivals that were asked for

NOTES = """\
- Every client is the same loop with the same clock; each decodes the `User` and checks its id, except the HTTP client,
  which only looks for the id in the text, and raw nng, which echoes 64 bytes.
- Calls/s is the median of the rounds with the lowest and the highest in brackets; the other columns are medians. gRPC
  shows its best of 1, 2 and 4 channels (*ch*); a stream per channel in the stream variant. HTTP/1.1 has a connection for
  each call in flight.
- CPU is processor seconds per million calls: of client, server and Redis together, then of the server alone, for
  Freshet's services together. Server RSS is the resident memory of these processes after the cell, shared pages
  counted in each.
- *memory* answers inline with bytes kept serialized. *unplaced* leaves the threads where the system puts them
  (docs/decisions/0014-placement.md). *serializing* keeps objects. *near cache* is freshet-api with all
  that belongs to it: key, expiry, invalidation, metadata. *Redis* is a hit in a private redis-server, for Freshet with
  the near cache switched off: one hop for gRPC and Express; Freshet's record carries version and lease rules too.
  *database* empties Redis before each cell and reads each user once: a miss in Redis, a call from api to data, a lease,
  SQLite (its pages are in memory) and a fill.
- Arrivals are random (exponential gaps) and latency counts from the planned time of a call. A row says so where the rate
  was not reached; its latency then mostly tells how long the load lasted.
"""


def _rate(value):
    return f"{value:,.0f}"


def _time(value_us):
    if value_us == 0:
        return "–"  # no call that was planned in the measured time ended
    return f"{value_us / 1000:.2f} ms" if value_us >= 1000 else f"{value_us:.0f} µs"


def _spread(figure):
    return f"{_rate(figure['lowest_calls_per_s'])}–{_rate(figure['highest_calls_per_s'])}"


def _remarks(figure):
    remarks = []
    if figure["errors"]:
        remarks.append(f"{figure['errors']} errors: {figure['first_error']}")
    if figure["rate"] and figure["calls_per_s"] < REACHED * figure["rate"]:
        remarks.append(f"did not reach {_rate(figure['rate'])}/s")
    elif figure["rate"]:
        remarks.append(f"{_rate(figure['rate'])}/s asked")
    total = sum(figure["sources"].values())
    if total:
        remarks.append(", ".join(f"{name} {count / total:.0%}" for name, count in sorted(figure["sources"].items())))
    return "; ".join(remarks)


def _table(row, figures, contenders):
    lines = [f"## {row.title[0].upper()}{row.title[1:]}", "",
             "| | ch | calls/s | p50 | p99 | CPU s/M | server CPU s/M | server RSS | |",
             "|---|--:|--:|--:|--:|--:|--:|--:|---|"]
    for contender in contenders:
        figure = figures.get(contender.key)
        if figure is None:
            continue
        if "failed" in figure:
            lines.append(f"| {contender.label} | | | | | | | | not measured: {figure['failed']} |")
            continue
        lines.append(
            f"| {contender.label} | {figure['channels']} | {_rate(figure['calls_per_s'])} ({_spread(figure)}) "
            f"| {_time(figure['p50_us'])} | {_time(figure['p99_us'])} | {figure['cpu_s_per_million']:.1f} "
            f"| {figure['server_cpu_s_per_million']:.1f} | {figure['server_rss_bytes'] / 2**20:.1f} MiB "
            f"| {_remarks(figure)} |")
    return lines + [""]


def _memory(results, contenders):
    lines = ["## Memory that the server grows by", "",
             "| | per connection | per call in flight | client, per call in flight |", "|---|--:|--:|--:|"]
    for contender in contenders:
        probes = results.get(contender.key, {})
        if not probes:
            continue
        cells = {}
        for kind in ("connections", "calls"):
            probe = probes.get(kind)
            if probe is None:
                cells[kind] = cells[kind + "-client"] = ""
            elif "failed" in probe:
                cells[kind] = cells[kind + "-client"] = probe["failed"]
            else:
                cells[kind] = f"{probe['server_grown_bytes'] / probe['probed'] / 1024:.2f} KiB"
                cells[kind + "-client"] = f"{probe['client_grown_bytes'] / probe['probed'] / 1024:.2f} KiB"
        lines.append(f"| {contender.label} | {cells['connections']} | {cells['calls']} | {cells['calls-client']} |")
    return lines + ["", "A fresh server each, warmed up; the growth of its resident memory over many connections in "
                        "use, and over many calls that its handler holds on one connection.", ""]


def _pairs(pairs):
    if not pairs:
        return []
    if "failed" in pairs:
        return ["## Round trips by turns", "", f"Not measured: {pairs['failed']}", ""]
    return ["## Round trips by turns", "",
            f"One blocking call at a time, by turns: raw nng {pairs['nng_p50_us']:.1f} µs, Freshet's typed call "
            f"{pairs['freshet_p50_us']:.1f} µs (medians), {pairs['ratio']:.3f} x.", ""]


def page(result, contenders):
    lines = ["# Freshet beside its peers", "",
             f"Rounds: {result['rounds']}, cells of {result['seconds']:g} s, contenders by turns, loopback only. "
             f"Made by `{result['command']}`.", ""]
    lines += [f"- {name}: {value}" for name, value in result["machine"].items()]
    lines += ["", "![Calls a second and processor time](peers.svg)", ""]
    for row in ROWS:
        figures = result["rows"].get(row.key)
        if figures:
            lines += _table(row, figures, contenders)
    lines += _pairs(result["pairs"])
    if result["memory"]:
        lines += _memory(result["memory"], contenders)
    return "\n".join(lines + ["## How to read this", "", NOTES])
