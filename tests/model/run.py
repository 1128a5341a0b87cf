#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py - checks the model of the coherence protocol, and that each of its rules is needed.

usage: run.py                 small bounds: the protocol, then each mutant, which must fail
       run.py --large         large bounds: the protocol
       run.py --show MUTANT   the shortest counterexample of a mutant, step by step

Spin writes a verifier in C for each set of bounds, gcc compiles it, and it visits every state. A search that ended
early, for want of depth or memory, is a failure like any other.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "coherence.pml")
MEMORY_MB = {"small": 1500, "large": 4500}
MAX_DEPTH = 10000    # steps; the longest execution has fewer than 100

SMALL = {
    "outages": "FAULTS=2 READERS=1 WRITERS=1",
    "loads":   "FAULTS=1 READERS=2 WRITERS=1 QUESTIONS=0 JOINS=1",
    "writes":  "FAULTS=1 READERS=1 WRITERS=2 QUESTIONS=0 DELETES=1",
    "keys":    "FAULTS=1 READERS=1 WRITERS=2 QUESTIONS=0 KEYS=2",
    "relays":  "FAULTS=1 READERS=1 WRITERS=1 QUESTIONS=0 RELAYS=2 WARM=1",
    "time":    "FAULTS=1 READERS=1 WRITERS=1 TICKS=2 WARM=1 UNANSWERED=1",
    "answers": "FAULTS=1 READERS=1 WRITERS=1 WARM=1 ANSWERS=1",
}

LARGE = {
    "outages": "FAULTS=3 READERS=1 WRITERS=1 UNANSWERED=1",
    "loads":   "FAULTS=2 READERS=2 WRITERS=1 QUESTIONS=0 JOINS=1",
    "writes":  "FAULTS=2 READERS=1 WRITERS=2 QUESTIONS=0 DELETES=1",
    "both":    "FAULTS=1 READERS=2 WRITERS=2 QUESTIONS=0",
    "keys":    "FAULTS=2 READERS=1 WRITERS=2 QUESTIONS=0 KEYS=2",
    "relays":  "FAULTS=2 READERS=1 WRITERS=1 RELAYS=2 QUESTIONS=0 WARM=1",
    "time":    "FAULTS=2 READERS=1 WRITERS=1 TICKS=2 WARM=1",
    "answers": "FAULTS=1 READERS=1 WRITERS=2 KEYS=2 WARM=1 ANSWERS=1",
}

# Bounds in which only mutants are searched.
FOR_MUTANTS = {
    "writes, 2 faults":  "FAULTS=2 READERS=1 WRITERS=2 QUESTIONS=0",
    "answers, two keys": "FAULTS=1 READERS=1 WRITERS=2 QUESTIONS=0 KEYS=2 WARM=1 ANSWERS=1",
}

# The rule that is left out, the bounds, and what must then fail.
MUTANTS = {
    "FILL_ON_ABSENT": ("loads", "I1"),
    "NO_TOKEN": ("loads", "I1"),
    "VERSION_ONLY": ("loads", "I1"),
    "TOKEN_PER_CLIENT": ("loads", "I1"),
    "SNAPSHOT_BEFORE_LEASE": ("loads", "I1"),
    "LAGGING_REPLICA": ("loads", "FRESH"),
    "NO_FLOOR_AND_LEASE_KEPT": ("loads", "I1"),
    "SHARE_ANY_LOAD": ("loads", "FRESH"),
    "JOIN_AFTER_FILL": ("loads", "FRESH"),
    "NOT_FOUND_BY_SEQUENCE": ("writes", "I1"),
    "MARK_CLEARED_FIRST": ("writes", "FRESH"),
    "CLEAR_ANY_VERSION": ("writes", "FRESH"),
    "RELAY_BY_ID": ("keys", "FRESH"),
    "PUBLISH_BEFORE_INVALIDATE": ("relays", "FRESH"),
    "INSERT_WITHOUT_COUNTER": ("writes", "FRESH"),
    "INSERT_NOT_ATOMIC": ("writes", "FRESH"),
    "NO_INCARNATION": ("writes", "I1"),
    "GAP_IGNORED": ("keys", "FRESH"),
    "DROP_MOVES_NO_COUNTER": ("outages", "FRESH"),
    "NO_BASE_LINE": ("outages", "FRESH"),
    "NO_DROP_AFTER_RECONNECT": ("outages", "FRESH"),
    "BASE_LINE_AFTER_DROP": ("outages", "FRESH"),
    "COUNTER_FROM_ONE": ("outages", "FRESH"),
    "QUESTION_MAKES_NO_COUNTER": ("outages", "FRESH"),
    "QUESTION_WITHOUT_INCARNATION": ("outages", "FRESH"),
    "BASE_LINE_OF_ANOTHER_LIFE": ("writes, 2 faults", "FRESH"),
    "NO_CLOCK_CHECK": ("time", "I3"),
    "CLOCK_FROM_ANSWER": ("time", "I3"),
    "ANSWER_AT_ONCE": ("answers", "OWN"),
    "ANSWER_BY_EARLIER_QUESTION": ("answers", "OWN"),
    "ANSWER_OF_ANY_LIFE": ("answers, two keys", "OWN"),
    "ANSWER_BY_EVENT_ALONE": ("answers", "invalid end state"),
}

# What does no harm: of two rules that stand in for each other one may be left out (NO_FLOOR_AND_LEASE_KEPT shows that
# not both), and the next question finds what a base-line before SUBSCRIBE misses.
SPARE = {
    "NO_FLOOR": "loads",
    "LEASE_KEPT": "loads",
    "BASE_LINE_BEFORE_SUBSCRIBE": "outages",
}

TRUNCATED = ("max search depth too small", "reached -DMEMLIM", "out of memory", "Search not completed", "aborting")


class Broken(Exception):
    """Something other than the model is wrong."""


class Result:
    def __init__(self, output, seconds):
        def number(pattern):
            found = re.search(pattern, output)
            return int(found.group(1)) if found else None

        self.output = output
        self.seconds = seconds
        self.states = number(r"(\d+) states, stored")
        self.depth = number(r"depth reached (\d+)")
        self.errors = number(r"errors: (\d+)")
        self.violated = None
        self.length = number(r"\(at depth (\d+)\)")
        found = re.search(r"pan:1: (?:assertion violated (\w+)|([\w -]+))", output)
        if found:
            self.violated = found.group(1) or found.group(2).strip()
        # A search that found an error ends there, which is no truncation.
        self.complete = self.errors == 0 and not any(text in output for text in TRUNCATED)

    def figures(self):
        return f"{self.states:>10,} states  depth {self.depth:>3}  {self.seconds:6.1f} s"


def defines(bounds):
    return ["-D" + word for word in bounds.split()]


def run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False)
    return done.returncode, done.stdout


def compile_verifier(folder, bounds, flags):
    shutil.copy(MODEL, os.path.join(folder, "coherence.pml"))
    status, output = run(["spin", "-a", *defines(bounds), "coherence.pml"], folder)
    if status != 0 or "rror:" in output:
        raise Broken(f"spin refuses the model ({bounds}):\n{output}")
    status, output = run(["gcc", "-w", *flags, "-o", "pan", "pan.c"], folder)
    if status != 0:
        raise Broken(f"gcc refuses the verifier ({bounds}):\n{output}")


def search(bounds, size, optimize="-O2", mode=("-DSAFETY", "-DNOREDUCE"), options=(), folder=None):
    """One verifier, compiled and run to its end. In one thread, one at a time."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="freshet-model-") as temporary:
        folder = folder or temporary
        flags = [optimize, f"-DMEMLIM={MEMORY_MB[size]}", *mode]
        compile_verifier(folder, bounds, flags)
        _, output = run(["./pan", f"-m{MAX_DEPTH}", "-w25" if size == "large" else "-w22", *options], folder)
    result = Result(output, time.monotonic() - began)
    if result.states is None or result.errors is None:
        raise Broken(f"the verifier stopped ({bounds}):\n{output}")
    return result


def report(name, result, wrong, more=""):
    print(f"  {'FAILED' if wrong else 'ok':<7}{name:<30}{result.figures()}{more}", flush=True)
    if wrong:
        print(f"          {wrong}\n{result.output}", flush=True)
    return not wrong


def holds(name, bounds, size, mutant=None):
    result = search(bounds + (f" MUTANT_{mutant}" if mutant else ""), size)
    wrong = None
    if result.errors:
        wrong = f"{result.violated} is violated, after {result.length} steps"
    elif not result.complete:
        wrong = "the search is not complete"
    return report(name, result, wrong, "" if mutant else f"  {bounds}")


def ends():
    """No execution is endless, so "eventually" may be checked at the end."""
    result = search(SMALL["outages"].replace("FAULTS=2", "FAULTS=1") + " UNANSWERED=1", "small",
                    mode=("-DNP", "-DNOFAIR", "-DNOREDUCE"), options=("-l",))
    wrong = "an execution never ends" if result.errors else None if result.complete else "the search is not complete"
    return report("no endless execution", result, wrong)


def bounds_of(mutant):
    """The name of the bounds in which it must fail, and all that is defined there."""
    name = MUTANTS[mutant][0]
    return name, f"{(SMALL | FOR_MUTANTS)[name]} MUTANT_{mutant}"


def fails(mutant):
    name, bounds = bounds_of(mutant)
    expected = MUTANTS[mutant][1]
    result = search(bounds, "small", optimize="-O1")
    wrong = None
    if result.violated != expected:
        wrong = f"violated: {result.violated or 'nothing'}; {expected} should be: the model is too small or wrong"
    return report(mutant, result, wrong, f"  {name}: {result.violated} violated after {result.length} steps")


def show(mutant):
    _, bounds = bounds_of(mutant)
    with tempfile.TemporaryDirectory(prefix="freshet-model-") as folder:
        search(bounds, "large", mode=("-DSAFETY", "-DNOREDUCE", "-DBFS"), folder=folder)
        _, output = run(["spin", "-t", "-T", *defines(bounds), "coherence.pml"], folder)
    story = re.compile(r"(writer|reader|relay|subscriber|nemesis)\b.*:|spin: text")
    steps = [line for line in output.splitlines() if story.match(line)]
    print("\n".join(steps))
    return bool(steps)


def small():
    good = True
    print("the protocol, small bounds", flush=True)
    for name, bounds in SMALL.items():
        good &= holds(name, bounds, "small")
    good &= ends()
    print("one rule left out that others make up for: must hold", flush=True)
    for mutant, bounds in SPARE.items():
        good &= holds(mutant, SMALL[bounds], "small", mutant)
    print("one rule left out: must fail", flush=True)
    for mutant in MUTANTS:
        good &= fails(mutant)
    return good


def large():
    print("the protocol, large bounds", flush=True)
    return all([holds(name, bounds, "large") for name, bounds in LARGE.items()])


def main(arguments):
    if shutil.which("spin") is None:
        print("run.py: spin is not installed; it is among the packages of tools/setup --test", file=sys.stderr)
        return 1
    with open(MODEL, encoding="utf-8") as file:
        untested = set(re.findall(r"MUTANT_(\w+)", file.read())) - {"…"} - MUTANTS.keys() - SPARE.keys()
    if untested:
        print(f"run.py: mutants of the model that are not run: {', '.join(sorted(untested))}", file=sys.stderr)
        return 1
    try:
        if not arguments:
            return 0 if small() else 1
        if arguments == ["--large"]:
            return 0 if large() else 1
        if len(arguments) == 2 and arguments[0] == "--show" and arguments[1] in MUTANTS:
            return 0 if show(arguments[1]) else 1
    except Broken as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
