# SPDX-License-Identifier: MIT
"""bench.py - builds the peers, measures all of them by turns and writes a page, its figures and a chart.

Every round visits each row, and within a row each contender, so that a machine that slows down for a while slows all of
them down. Servers stay up for the whole run; those that are not asked do next to nothing.
"""
import argparse
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys

import build
import chart
import machine
import report
from build import BUILD, SOURCE, TREE, say
from contenders import CONTENDERS, Client, Stage
from processes import Failed, Processes
from rows import ROWS, best, summary

NODE = os.path.join(BUILD, "node")
PROBED = {"connections": ("--channels", "256"), "calls": ("--concurrency", "1000")}


def _names(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no {what} '{name}'; there are {', '.join(known)}")
    return names


def _parse(arguments):
    contenders = [contender.key for contender in CONTENDERS]
    rows = [row.key for row in ROWS]
    parser = argparse.ArgumentParser(prog="bench-peers", description=__doc__.splitlines()[0],
                                     epilog=f"Contenders: {', '.join(contenders)}. Rows: {', '.join(rows)}.")
    parser.add_argument("--seconds", type=float, default=3, help="of each cell (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="over all cells (default %(default)s)")
    parser.add_argument("--only", metavar="LIST", default=contenders,
                        type=lambda text: _names(text, contenders, "contender"), help="contenders, with commas between")
    parser.add_argument("--rows", metavar="LIST", default=rows, type=lambda text: _names(text, rows, "row"),
                        help="rows, with commas between")
    parser.add_argument("--out", metavar="DIR", default=BUILD, help="where to write (default build/peers)")
    parser.add_argument("--quick", action="store_true", help="1 round of 0.5 s: does everything work")
    parser.add_argument("--no-install", action="store_true", help="measure what is there, install nothing")
    parser.add_argument("--no-memory", action="store_true", help="leave out memory per connection and call")
    given = parser.parse_args(arguments)
    if given.quick:
        given.seconds, given.rounds = 0.5, 1
    if given.rounds < 1 or not 0.1 <= given.seconds <= 600:
        parser.error("at least 1 round of 0.1 to 600 seconds")
    return given


def _install(families):
    """False: a package cannot be installed by this user."""
    sections = {"grpc": "peers-grpc", "express": "peers-node"}
    if not all(build.install(sections[family], f"the packages of {family}") for family in sections if family in families):
        return False
    if "express" in families:
        build.node_modules(NODE, os.path.join(SOURCE, "tools", "peers", "package.json"))
    return True


# ---- measuring ----

class Bench:
    def __init__(self, given, stage, contenders):
        self._given = given
        self._stage = stage
        self._client = Client(stage)
        self._contenders = contenders
        self._warmup = max(0.2, min(1.0, given.seconds / 4))
        self._failed = {}

    def _cell(self, row, contender, channels, arguments):
        try:
            cell = self._client.cell(contender, arguments, self._given.seconds, self._warmup)
        except Failed as reason:
            say(f"  {contender.key}: {reason}")
            self._failed[row, contender.key] = str(reason)
            return None
        errors = cell["errors"] + cell["lost"]
        say(f"  {contender.key:17} {row + ' on ' + str(channels):12} {cell['calls_per_s']:>10,.0f}/s"
             f"  p50 {cell['p50_us']:.0f} us  p99 {cell['p99_us']:.0f} us" + (f"  {errors} errors" if errors else ""))
        return cell

    def _rounds(self, plan):
        """plan: (row key, contender, channels, rate, arguments)…, in the order of a round. {row: {contender: figure}}."""
        cells = {}
        for round_number in range(self._given.rounds):
            say(f"bench-peers: round {round_number + 1} of {self._given.rounds}")
            for row, contender, channels, rate, arguments in plan:
                cell = self._cell(row, contender, channels, arguments)
                if cell is not None:
                    cells.setdefault((row, contender.key, channels, rate), []).append(cell)
        variants = {}
        for (row, key, channels, rate), measured in cells.items():
            variants.setdefault(row, {}).setdefault(key, []).append(summary(measured, channels, rate))
        found = {row: {key: best(figures) for key, figures in by_key.items()} for row, by_key in variants.items()}
        for row, contender, _, _, _ in plan:
            if (row, contender.key) in self._failed:
                found.setdefault(row, {}).setdefault(contender.key, {"failed": self._failed[row, contender.key]})
        return found

    def closed(self, rows):
        plan = [(row.key, contender, channels, 0, ["--concurrency", str(row.concurrency), "--channels", str(channels)])
                for row in rows for contender in self._contenders for channels in row.variants(contender)]
        return self._rounds(plan) if plan else {}

    def open(self, rows, closed):
        """Arrivals at half of what the closed rows showed; without those, of a row measured for it."""
        if not rows:
            return {}
        if not closed:
            closed = self.closed([row for row in ROWS if row.key == "64"])
        capacity = {}
        for figures in closed.values():
            for key, figure in figures.items():
                if figure.get("calls_per_s", 0) > capacity.get(key, {}).get("calls_per_s", 0):
                    capacity[key] = figure
        grpc = [capacity[contender.key]["calls_per_s"] for contender in self._contenders
                if contender.key in ("grpc-map", "grpc-bytes", "grpc-queue") and contender.key in capacity]
        plan = []
        for row in rows:
            for contender in self._contenders:
                own = capacity.get(contender.key)
                if own is None or (row.key == "same" and not grpc):
                    continue
                rate = int((own["calls_per_s"] if row.key == "half" else max(grpc)) / 2)
                channels = own["channels"] if own["channels"] < 64 else 1
                plan.append((row.key, contender, channels, rate, ["--rate", str(rate), "--channels", str(channels)]))
        return self._rounds(plan)

    def pairs(self):
        """One blocking call at a time over raw nng and Freshet by turns."""
        wanted = {contender.key: contender for contender in self._contenders}
        if "nng" not in wanted or "freshet-memory" not in wanted:
            return {}
        say("bench-peers: round trips by turns")
        try:
            addresses = [self._stage.servers(wanted[key]).address for key in ("nng", "freshet-memory")]
            runs = []
            for _ in range(self._given.rounds):
                done = subprocess.run([self._stage.binary("peer-pairs"), *addresses, str(self._given.seconds)],
                                      capture_output=True, text=True, check=False, timeout=self._given.seconds + 60)
                if done.returncode != 0:
                    raise Failed(done.stderr.strip())
                runs.append(json.loads(done.stdout))
        except (Failed, subprocess.TimeoutExpired) as reason:
            return {"failed": str(reason)}
        return {name: statistics.median(run[name] for run in runs) for name in runs[0]}

    def memory(self):
        """What a connection and a call in flight add to a fresh server."""
        found = {}
        for contender in self._contenders:
            for kind in contender.probes:
                say(f"bench-peers: memory of {contender.key}, {kind}")
                try:
                    probe = self._probe(contender, kind)
                except Failed as reason:
                    probe = {"failed": str(reason)}
                found.setdefault(contender.key, {})[kind] = probe
        return found

    def _probe(self, contender, kind):
        servers = self._stage.fresh(contender)
        try:
            self._client.run(contender, servers, ["--concurrency", "8", "--warmup", "0", "--duration", "0.3"], 1)
            probe = self._client.run(contender, servers, ["--probe", kind, *PROBED[kind]], 10)
        finally:
            self._stage.stop(servers)
        if probe["errors"] + probe["lost"] > 0:
            raise Failed(f"{probe['errors'] + probe['lost']} errors: {probe['first_error']}")
        return probe


def _measure(given, contenders):
    processes = Processes()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are ended
    try:
        bench = Bench(given, Stage(processes, SOURCE, os.path.join(TREE, "bin"), NODE), contenders)
        wanted = [row for row in ROWS if row.key in given.rows]
        closed = bench.closed([row for row in wanted if row.concurrency > 0])
        rows = {**closed, **bench.open([row for row in wanted if row.concurrency == 0], closed)}
        return {"rows": rows, "pairs": bench.pairs(), "memory": {} if given.no_memory else bench.memory()}
    finally:
        processes.close()


def _write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"bench-peers: wrote {os.path.relpath(path)}")


def main():
    given = _parse(sys.argv[1:])
    contenders = [contender for contender in CONTENDERS if contender.key in given.only]
    families = {contender.family for contender in contenders}
    if not given.no_install and not _install(families):
        return 1
    if not build.tree():
        return 1
    result = {"command": shlex.join(["tools/bench-peers", *sys.argv[1:]]), "rounds": given.rounds,
              "seconds": given.seconds, "machine": machine.facts()}
    for name, value in result["machine"].items():
        say(f"  {name}: {value}")
    try:
        result.update(_measure(given, contenders))
    except KeyboardInterrupt:
        say("bench-peers: stopped")
        return 130
    os.makedirs(given.out, exist_ok=True)
    page = report.page(result, contenders)
    print(page)
    _write(given.out, "peers.md", page)
    _write(given.out, "peers.json", json.dumps(result, indent=1) + "\n")
    _write(given.out, "peers.svg", chart.svg(result, contenders))
    return 0
