# SPDX-License-Identifier: MIT
"""report.py - what a run came to, for a person. Pure: made from what --json holds."""
import plan
from judge import COUNTS, STATED_BOUND_S

SHOWN_DIFFERENCES = 10
TIMES_DELIVERY = 3  # how stale hits without faults may be, next to what Redis itself takes to deliver
VERDICTS = ("nothing was stale for good", "something was stale for good", "the run does not count")


def _figures(result):
    zeros = dict.fromkeys(("longest_us", "stale", "over_100ms", "over_1s", "over_5s"), 0)
    totals = {**zeros, **result["totals"]}
    get = totals.get
    yield (f"reads {get('reads', 0)} ({get('failed_reads', 0)} failed): near {get('near', 0)}, redis {get('redis', 0)}, "
           f"origin {get('origin', 0)}, marked stale {get('stale_answers', 0)}")
    yield (f"writes {get('writes', 0)} ({get('failed_writes', 0)} failed), by hand {get('foreign_writes', 0)}; faults "
           f"fired {sum(result['fired'].values())} of {len(result['faults'])}")
    yield (f"stale reads {totals['stale']}: {totals['over_100ms']} by 100 ms or more, {totals['over_1s']} by 1 s, "
           f"{totals['over_5s']} by 5 s; longest {totals['longest_us'] / 1e6:.3f} s")
    within = totals["longest_us"] <= STATED_BOUND_S * 1e6
    yield f"every read within the stated bound of {STATED_BOUND_S:g} s: {'yes' if within else 'NO'}"
    yield (f"staleness of all hits ({result['hits']}): p50 {get('hit_p50_us')} us, p99 {get('hit_p99_us')} us, p99.9 "
           f"{get('hit_p999_us')} us")
    if get("publish_delays"):
        yield (f"from PUBLISH to delivery: p50 {get('publish_p50_us')} us, p99 {get('publish_p99_us')} us, p99.9 "
               f"{get('publish_p999_us')} us")
        within = get("hit_p999_us", 0) <= TIMES_DELIVERY * get("publish_p999_us")
        yield f"p99.9 of the staleness within {TIMES_DELIVERY} x that of the delivery: {'yes' if within else 'NO'}"


def _table(result):
    yield f"{'put down to':<22}{'fired':>6}{'stale':>9}{'100 ms':>9}{'1 s':>9}{'5 s':>9}{'longest':>11}"
    for kind in sorted({*result["stale_by_fault"], *result["fired"]}):
        row = result["stale_by_fault"].get(kind, {**dict.fromkeys(COUNTS, 0), "longest_us": 0})
        counts = "".join(f"{row[name]:>9}" for name in COUNTS)
        yield f"{kind:<22}{result['fired'].get(kind, ''):>6}{counts}{row['longest_us'] / 1e6:>9.3f} s"


def _history(result, key):
    history, began_us = result["history"][key], result["began_us"]
    events = []
    for write in history["writes"]:
        what = "deletion" if write["deleted"] else "write"
        events.append((write["answered_us"], f"{what} {write['version']} answered"))
    for read in history["reads"]:
        shown = f"version {read['version']}" if read["found"] else "none"
        events.append((read["began_us"], f"read through api-{read['api'] + 1}: {shown} ({read['source']})"))
    for fault in result["faults"]:
        if fault["began_us"]:
            details = plan.details_text(fault["details"])
            events.append((fault["began_us"], f"fault #{fault['number']} begins: {fault['kind']} {details}"))
        if fault["ended_us"]:
            events.append((fault["ended_us"], f"fault #{fault['number']} ends: {fault['kind']}"))
    yield f"history of {key}:"
    for at_us, words in sorted(events):
        yield f"{(at_us - began_us) / 1e6:10.3f} s  {words}"


def _findings(result):
    if result["stale_for_good"]:
        yield f"STALE FOR GOOD: {len(result['stale_for_good'])} values"
    for item in result["stale_for_good"][:SHOWN_DIFFERENCES]:
        yield f"  {item['key']} in {item['where']}: shows {item['shown']}, the database has {item['database']}"
    for line in result["over_bound"]:
        yield (f"STALE FOR LONGER THAN {result['bound_s']:g} s: a read of {line['key']} through api-{line['api'] + 1} "
               f"at {(line['began_us'] - result['began_us']) / 1e6:.3f} s saw version {line['version']},")
        yield f"  {line['longest_us'] / 1e6:.3f} s after a newer one was answered; the newest was {line['newer']}"
    for key in result["history"]:
        yield from _history(result, key)


def text(result):
    lines = ["", *_figures(result), "", *(_table(result) if result["faults"] else ()), "", *_findings(result)]
    lines += [f"does not count: {reason}" for reason in result["reasons"]]
    lines.append(f"check-coherence: {result['design']}, seed {result['seed']}: {VERDICTS[result['exit']]}")
    return "\n".join(lines)
