# SPDX-License-Identifier: MIT
"""judge.py - which faults a stale read is put down to, and what a run comes to. Pure."""
import dataclasses

OK, STALE, NO_RUN = 0, 1, 2
# A fault has effects for a while after it ended: connections come back, relays catch up.
AFTER_US = 1_000_000
COUNTS = ("reads", "over_100ms", "over_1s", "over_5s")


def culprits(faults, answered_us, began_us):
    """
    The kinds of fault that a stale read may come from: those that lasted, or had just ended, when the write that it
    missed was answered. Without one, those of the time until the read began.
    """
    def during(start_us, end_us):
        return {fault.kind for fault in faults if fault.began_us and fault.began_us <= end_us
                and (not fault.ended_us or fault.ended_us + AFTER_US >= start_us)}
    return during(answered_us, answered_us) or during(answered_us, began_us) or {"none"}


class Tally:
    """Stale reads by kind of fault. One read may be put down to several kinds."""

    def __init__(self):
        self.by_kind = {}

    def add(self, line, faults):
        for kind in culprits(faults, line["began_us"] - line["longest_us"], line["began_us"]):
            row = self.by_kind.setdefault(kind, {**dict.fromkeys(COUNTS, 0), "longest_us": 0})
            for name in COUNTS:
                row[name] += line[name]
            row["longest_us"] = max(row["longest_us"], line["longest_us"])


# What docs/coherence.md states: a good question's 500 ms and two polls of a relay.
STATED_BOUND_S = 0.8
# Where a read counts as a failure. A relay whose link to Redis is cut finds that out by the 250 ms of a command's
# time-out; the rest is for a test machine on which threads and the eight processes wait for two cores.
FAILING_BOUND_S = 1.5


@dataclasses.dataclass
class Run:
    """What a run is judged by."""
    kinds: tuple  # of faults, all of which must have fired
    fired: dict  # kind: how often
    totals: dict  # of check-load
    hits: str  # "near" or "redis": the level that most reads must have hit
    min_reads: int
    bound_us: int  # the longest that a read may be stale; 0: no matter how long
    differences: list  # what was stale for good
    troubles: list  # what must not happen in any run, in words


def reasons_not_to_count(run):
    reasons = list(run.troubles)
    missing = [kind for kind in run.kinds if not run.fired.get(kind)]
    if missing:
        reasons.append("these faults never fired: " + ", ".join(missing))
    reads, hits = run.totals.get("reads", 0), run.totals.get(run.hits, 0)
    if reads < run.min_reads:
        reasons.append(f"{reads} reads; at least {run.min_reads} are needed")
    if 2 * hits <= reads:
        reasons.append(f"{hits} of {reads} reads were hits ({run.hits}); more than half must be")
    if run.totals.get("mismatches"):
        reasons.append(f"{run.totals['mismatches']} answers named a version that their value did not have")
    return reasons


def over_bound(run):
    """
    Faults heal each other: a FLUSHALL takes with it what was stale for good until then. So a read that is stale for
    longer than recovery may take is as bad as a difference in the end.
    """
    return bool(run.bound_us) and run.totals.get("longest_us", 0) > run.bound_us


def verdict(run):
    """(exit status, reasons in words). What was found stale stays found, whatever else is wrong with the run."""
    reasons = reasons_not_to_count(run)
    if run.differences or over_bound(run):
        return STALE, reasons
    return (NO_RUN if reasons else OK), reasons
