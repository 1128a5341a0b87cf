#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py - holds `freshet bench payload --shape user` against payload-independent, which shares no code with it.

usage: tests/payload/compare.py [BIN]      BIN: the folder of the programs, otherwise build/release/bin

Sizes must agree exactly and medians within 15%. The two run by turns, three times each, and the median of each one's
medians counts. A command, not a test: on a busy machine it may fail.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile

TOLERANCE, ROUNDS = 0.15, 3
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def bench(programs):
    output = subprocess.run([os.path.join(programs, "freshet-bench-payload"), "--shape", "user", "--codec",
                             "protobuf-c,jansson", "--json", "-"], check=True, capture_output=True).stdout
    rows = json.loads(output)["shapes"][0]["rows"]
    return {(row["codec"], direction): (row["bytes"], row[direction]["median_ns"])
            for row in rows for direction in ("encode", "decode")}


def independent(programs, folder):
    output = subprocess.run([os.path.join(programs, "payload-independent"), os.path.join(folder, "user.pb"),
                             os.path.join(folder, "user.json"), "0.15"], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in output.splitlines():
        codec, direction, size, median = line.split()
        found[codec, direction] = (int(size), float(median))
    return found


def main():
    programs = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "release", "bin")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.path.join(programs, "freshet-bench-payload"), "--shape", "user", "--save", folder], check=True)
        rounds = [(bench(programs), independent(programs, folder)) for _ in range(ROUNDS)]
    wrong = 0
    for key in rounds[0][1]:
        ours, theirs = (statistics.median(one[side][key][1] for one in rounds) for side in (0, 1))
        sizes = {one[0][key][0] for one in rounds} | {one[1][key][0] for one in rounds}
        same_size = key[1] == "decode" or len(sizes) == 1  # the other program tells a size when it encodes
        good = same_size and abs(ours / theirs - 1) <= TOLERANCE
        wrong += not good
        print(f"{' '.join(key):20} ours {ours:8.1f} ns, independent {theirs:8.1f} ns, {ours / theirs - 1:+6.1%}"
              f"{'' if same_size else f', sizes {sizes}'}  {'ok' if good else 'NOT WITHIN ' + format(TOLERANCE, '.0%')}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
