# SPDX-License-Identifier: MIT
"""compare.py - builds the clients of all languages, measures them by turns and writes a page and its figures.

Every round visits each side once for each number of calls in flight, so that a machine that slows down for a while slows
all of them down. Both servers stay up for the whole run.
"""
import argparse
import json
import os
import shlex
import signal
import sys

import build
import machine
import page
import sides
from build import say
from contenders import CONTENDERS, Stage
from processes import Failed, Processes

MIN_WARMUP_S = 2  # until a just-in-time compiler has seen the code


def _languages(text):
    known = {language.lower(): language for language in sides.LANGUAGES}
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no language '{name}'; there are {', '.join(sides.LANGUAGES)}")
    return [known[name] for name in names]


def _calls(text):
    counts = [int(word) for word in text.split(",")]
    if not all(1 <= count <= 4096 for count in counts):
        raise argparse.ArgumentTypeError("1 to 4096 calls in flight")
    return counts


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="bench-clients", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each cell (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="over all cells (default %(default)s)")
    parser.add_argument("--lang", metavar="LIST", type=_languages, default=list(sides.LANGUAGES),
                        help=f"of {', '.join(sides.LANGUAGES)}, with commas between (default: all)")
    parser.add_argument("--calls", metavar="LIST", type=_calls, default=[64, 1], help="in flight (default 64,1)")
    parser.add_argument("--out", metavar="DIR", default=build.BUILD, help="where to write (default build/peers)")
    parser.add_argument("--no-install", action="store_true", help="measure what is there, install nothing")
    given = parser.parse_args(arguments)
    if given.rounds < 1 or not 0.1 <= given.seconds <= 600:
        parser.error("at least 1 round of 0.1 to 600 seconds")
    return given


def _facts():
    packages = {"python3-grpcio": "python3-grpcio", "python3-protobuf": "python3-protobuf", "go": "golang-go",
                "grpc-go": "golang-google-grpc-dev"}
    facts = {**machine.facts(), **{name: machine.package(package) for name, package in packages.items()}}
    for name in ("@grpc/grpc-js", "@bufbuild/protobuf"):
        path = os.path.join(sides.FOLDER, "node_modules", name, "package.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                facts[name] = json.load(file)["version"]
    return {name: facts[name] for name in facts if name not in ("hiredis", "redis")}


def _cell(stage, programs, side, calls, given):
    contender = next(contender for contender in CONTENDERS if contender.key == side.server)
    warmup_s = max(MIN_WARMUP_S, given.seconds / 4)
    figures = sides.cell(programs, side, stage.servers(contender).address, calls, warmup_s, given.seconds)
    say(f"  {side.language:8} {side.label:24} {calls:>4} in flight {figures['calls_per_s']:>10,.0f}/s"
        f"  p50 {figures['p50_us']:.0f} us  p99 {figures['p99_us']:.0f} us"
        + (f"  {figures['errors']} errors" if figures["errors"] else ""))
    return figures


def _measure(given, stage):
    """{calls in flight: {"language: label": figure}}."""
    programs, cells, failed = sides.Programs(), {}, {}
    wanted = [side for side in sides.SIDES if side.language in given.lang]
    for number in range(given.rounds):
        say(f"bench-clients: round {number + 1} of {given.rounds}")
        for calls in given.calls:
            for side in wanted:
                key = calls, f"{side.language}: {side.label}"
                try:
                    cells.setdefault(key, []).append(_cell(stage, programs, side, calls, given))
                except Failed as reason:
                    say(f"  {side.language:8} {side.label}: {reason}")
                    failed[key] = {"failed": str(reason)}
    found = {**{key: page.summary(measured) for key, measured in cells.items()}, **failed}
    return {str(calls): {name: found[at, name] for at, name in found if at == calls} for calls in given.calls}


def _write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    say(f"bench-clients: wrote {os.path.relpath(path)}")


def main():
    given = _parse(sys.argv[1:])
    if not given.no_install:
        if not build.install("bench-clients", "its packages"):
            return 1
        build.node_modules(sides.FOLDER, os.path.join(sides.HERE, "js", "package.json"))
    if not build.tree():
        return 1
    result = {"command": shlex.join(["tools/bench-clients", *sys.argv[1:]]), "rounds": given.rounds,
              "seconds": given.seconds, "machine": _facts()}
    processes = Processes()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are ended
    try:
        result["calls"] = _measure(given, Stage(processes, build.SOURCE, os.path.join(build.TREE, "bin"), ""))
    except KeyboardInterrupt:
        say("bench-clients: stopped")
        return 130
    finally:
        processes.close()
    os.makedirs(given.out, exist_ok=True)
    text = page.page(result)
    print(text)
    _write(given.out, "clients.md", text)
    _write(given.out, "clients.json", json.dumps(result, indent=1) + "\n")
    return 0
