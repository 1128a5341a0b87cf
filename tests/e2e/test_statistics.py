#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_statistics.py - docs/statistics.md tells the names, kinds, units and labels of what the programs tell."""
import json
import os
import re

from freshet_testing import TestCase, main, run_freshet

ROOT = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def rows_of_page():
    """{name: (kind, unit, programs, {(label, value)})}"""
    found = {}
    with open(os.path.join(ROOT, "docs", "statistics.md"), encoding="utf-8") as file:
        for line in file:
            if line.startswith("| `freshet_"):
                name, kind, unit, programs, meaning = [cell.strip() for cell in line.strip().strip("|").split("|")]
                if name in found or not meaning:
                    raise AssertionError(f"told twice, or not explained: {line}")
                labels = re.search(r" By `(\w+)`: (.*)$", meaning)
                values = {(labels[1], value) for value in re.findall("`([^`]+)`", labels[2])} if labels else set()
                programs = {"api", "data", "update"} if programs == "all" else set(programs.split(", "))
                found[name.strip("`")] = (kind, unit, programs, values)
    return found


class Page(TestCase):
    def test_agrees_with_every_program(self):
        system = self.started()
        real = {}
        for program in system.NAMES:
            done = run_freshet("call", "--addr", system.address(program), "freshet.stats.v1.Stats/Get", "{}")
            self.assertEqual(done.returncode, 0, done.stderr)
            for metric in json.loads(done.stdout)["metrics"]:
                self.assertTrue(metric["help"])
                row = real.setdefault(metric["name"], (metric["kind"].lower(), metric.get("unit", ""), set(), set()))
                row[2].add(program)
                row[3].update(re.findall(r'(\w+)="([^"]*)"', metric.get("labels", "")))
        told = rows_of_page()
        self.assertGreater(len(real), 40)
        for name in sorted(told.keys() | real.keys()):
            self.assertEqual(told.get(name), real.get(name), name)


if __name__ == "__main__":
    main()
