#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check.py - tools/check-coherence: real processes under load and faults; is any value stale, for how long, for good?

A seed gives the schedule of faults (plan.py) and the choices of the load. The load (load.c) tells of each read that
showed a version below one whose write was answered before the read began. After the last fault and a drain every key
of Redis and of each api is compared with the database.

Exit status: 0 nothing was stale for good, 1 something was, 2 the run does not count.
"""
import argparse
import heapq
import itertools
import json
import random
import select
import signal
import sqlite3
import sys
import time

import compare
import faults as how
import judge
import plan
import report
from freshet_testing import SLOWNESS
from system import Broken, System, now_us, until

FAULTS_END_S = 60 * SLOWNESS
MARKS_S = 30 * SLOWNESS
DRAIN_S = 3 * SLOWNESS  # after the marks are carried out: events arrive, subscribers ask, near caches drop
HISTORY_S = 5 * SLOWNESS
SHOWN_HISTORIES = 3


def parse(arguments):
    parser = argparse.ArgumentParser(prog="check-coherence", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="length of the faults' time [60]")
    parser.add_argument("--seed", type=int, metavar="S", help="of faults and load; otherwise a new one")
    parser.add_argument("--design", choices=("freshet", "naive"), default="freshet", help="[freshet]")
    parser.add_argument("--json", metavar="FILE", help="write everything to FILE; - is standard output")
    parser.add_argument("--hits", choices=("near", "redis"), default="near",
                        help="x-cache of more than half of the reads, or the run does not count [near]")
    parser.add_argument("--reads", type=int, default=3000, metavar="N", help="reads per second [3000]")
    parser.add_argument("--writes", type=int, default=60, metavar="N", help="writes per second [60]")
    parser.add_argument("--min-reads", type=int, metavar="N",
                        help="fewer, and the run does not count [a third of what the rate gives]")
    parser.add_argument("--bound", type=float, default=judge.FAILING_BOUND_S, metavar="S",
                        help=f"a read staler than this counts as stale for good; 0: none does [{judge.FAILING_BOUND_S:g}]")
    parser.add_argument("--no-faults", action="store_true", help="measure in peace")
    parser.add_argument("--keep", action="store_true", help="leave the folder with databases and logs")
    given = parser.parse_args(arguments)
    given.seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    given.min_reads = int(given.reads * given.seconds / 3) if given.min_reads is None else given.min_reads
    return given


class Check:
    def __init__(self, given):
        self.given = given
        self.system = System(given.design)
        self.schedule = [] if given.no_faults else plan.schedule(given.seed, given.seconds)
        self.tally = judge.Tally()
        self.totals, self.history, self.troubles = {}, {}, []
        self.over_bound = []  # lines of the load
        self.differences, self.compared = [], 0
        self.out = sys.stderr if given.json == "-" else sys.stdout
        self._tasks, self._order = [], itertools.count()
        self._owned = set()
        self._began_us = now_us()

    def say(self, text):
        print(f"{(now_us() - self._began_us) / 1e6:8.3f} s  {text}", file=self.out, flush=True)

    # ---- tasks: generators that yield for how long they wait ----

    def _spawn(self, task, after_s=0.0):
        heapq.heappush(self._tasks, (time.monotonic() + after_s, next(self._order), task))

    def _turn(self, longest_s=0.1):
        """Hears the load, then lets every task go on that is due."""
        wait_s = min(longest_s, max(0.0, self._tasks[0][0] - time.monotonic())) if self._tasks else longest_s
        load = self.system.load
        if select.select([load.output] if load else [], [], [], wait_s)[0]:
            for line in load.lines():
                self._heard(json.loads(line))
        while self._tasks and self._tasks[0][0] <= time.monotonic():
            _, _, task = heapq.heappop(self._tasks)
            try:
                self._spawn(task, next(task))
            except StopIteration:
                pass

    def _drive(self, task):
        """Runs one task to its end, and others beside it; its result."""
        result = []

        def kept():
            result.append((yield from task))

        self._spawn(kept())
        while not result:
            self._turn()
        return result[0]

    def _wait(self, seconds):
        def pause():
            yield seconds
        self._drive(pause())

    def _heard(self, line):
        kind = line.pop("line")
        if kind == "stale":
            self.tally.add(line, self.schedule)
            if self.given.bound and line["longest_us"] > self.given.bound * 1e6:
                self._heard_over_bound(line)
        elif kind == "totals":
            self.totals = line
        else:
            self.history[line["key"]] = line

    def _heard_over_bound(self, line):
        """The history is asked for at once, as only the latest reads are kept."""
        if len(self.over_bound) < SHOWN_HISTORIES and line["key"] not in [item["key"] for item in self.over_bound]:
            self.over_bound.append(line)
            self.system.load.say("history " + line["key"])

    # ---- faults ----

    def _run_fault(self, fault):
        needs = plan.needs(fault)
        while needs & self._owned:
            yield 0.05
        self._owned |= needs
        fault.began_us = now_us()
        self.say(f"begin #{fault.number} {fault.text()}")
        try:
            fault.fired = yield from how.HOW[fault.kind](self.system, fault.details)
        except OSError as error:
            fault.note = str(error)
        finally:
            self._owned -= needs
        fault.ended_us = now_us()
        self.say(f"end   #{fault.number} {fault.kind}{'' if fault.fired else ' did not fire'} {fault.note}".rstrip())

    def _watch(self):
        """Services that end by themselves are in trouble, but the run goes on."""
        while True:
            for name in self.system.died():
                process = self.system.services[name]
                trouble = f"{name} ended by itself with {process.wait()}: {process.stderr()[-1500:]}"
                self.troubles.append(trouble)
                self.say(trouble)
                self.system.down.add(name)
                yield from self.system.start_service(name)
            yield 0.1

    # ---- the run ----

    def run(self):
        given = self.given
        self.say(f"design {given.design}, seed {given.seed}, {given.seconds:g} s, {len(self.schedule)} faults, in "
                 f"{self.system.folder}")
        for fault in self.schedule:
            self.say(f"plan  #{fault.number} at {fault.at_s:.2f} s: {fault.text()}")
        self._drive(self.system.start(["--seed", str(given.seed), "--reads", str(given.reads), "--writes",
                                       str(given.writes), "--hit-source", given.hits], given.no_faults))
        self.say("all is up")
        self._spawn(self._watch())
        for fault in self.schedule:
            self._spawn(self._run_fault(fault), fault.at_s)
        self._wait(given.seconds)
        ended = self._drive(until(lambda: all(fault.ended_us for fault in self.schedule), FAULTS_END_S))
        if not ended:
            raise Broken("the faults do not come to an end")
        self._drain()
        self._compare()
        self._finish()

    def _drain(self):
        self.system.load.say("settle")
        self._wait(DRAIN_S)
        # The control knows no marks.
        if self.given.design == "freshet":
            if self._drive(until(lambda: self.system.marks_left() == 0, MARKS_S)):
                self.say("all marks are carried out")
            else:
                self.troubles.append(f"{self.system.marks_left()} marks were never carried out")
            self._wait(DRAIN_S)

    def _compare(self):
        try:
            self.differences, self.compared = compare.everything(self.system)
        except (compare.Unreadable, compare.sp_client.Lost, OSError) as error:
            self.troubles.append(str(error))
        self.say(f"compared {self.compared} values with the database: {len(self.differences)} differ")
        for key in list(dict.fromkeys(item["key"] for item in self.differences))[:SHOWN_HISTORIES]:
            self.system.load.say("history " + key)
            self._drive(until(lambda: key in self.history, HISTORY_S))

    def _finish(self):
        load = self.system.load
        load.say("stop")
        while not self.totals.get("last"):
            self._turn()
        self._tasks.clear()
        if load.end(30) != 0:
            self.troubles.append("check-load did not end well")
        self.troubles += self.system.stop_services()

    # ---- what came of it ----

    def result(self):
        fired = {kind: sum(fault.fired for fault in self.schedule if fault.kind == kind) for kind in plan.KINDS}
        run = judge.Run(kinds=() if self.given.no_faults else tuple(plan.KINDS), fired=fired, totals=self.totals,
                        hits=self.given.hits, min_reads=self.given.min_reads, bound_us=int(self.given.bound * 1e6),
                        differences=self.differences, troubles=self.troubles)
        status, reasons = judge.verdict(run)
        return {
            "design": self.given.design, "seed": self.given.seed, "seconds": self.given.seconds,
            "hits": self.given.hits, "bound_s": self.given.bound, "exit": status, "reasons": reasons,
            "fired": fired, "faults": [vars(fault) for fault in self.schedule],
            "totals": self.totals, "stale_by_fault": self.tally.by_kind, "compared": self.compared,
            "stale_for_good": self.differences, "over_bound": self.over_bound, "history": self.history,
            "began_us": self._began_us,
        }


def write_json(path, result):
    text = json.dumps(result, indent=1) + "\n"
    if path == "-":
        sys.stdout.write(text)
    else:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def on_signal(number, _):
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(arguments=None):
    given = parse(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    check = Check(given)
    keep = True
    try:
        try:
            check.run()
        except (Broken, OSError, AssertionError, sqlite3.Error) as error:
            check.troubles.append(f"{type(error).__name__}: {error}")
        result = check.result()
        print(report.text(result), file=check.out, flush=True)
        keep = given.keep or result["exit"] != judge.OK
        if given.json:
            write_json(given.json, result)
        return result["exit"]
    except KeyboardInterrupt:
        keep = given.keep
        print("check-coherence: interrupted", file=sys.stderr)
        return judge.NO_RUN
    finally:
        check.system.close(keep)
        if keep:
            print(f"check-coherence: logs are in {check.system.folder}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
