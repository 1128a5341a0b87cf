#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_clients.py - what tools/bench-clients makes of its cells."""
import os
import sys
import unittest

SOURCE = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[0:0] = [os.path.join(SOURCE, "tools", "clients"), os.path.join(SOURCE, "tools", "peers")]

import page  # noqa: E402  needs the path above
from contenders import CONTENDERS  # noqa: E402
from sides import SIDES  # noqa: E402


def figure(*rates, errors=0):
    return page.summary([{"calls": int(rate), "calls_per_s": rate, "p50_us": 10.0, "p99_us": 20.0, "errors": errors,
                          "first_error": "x" if errors else "", "cpu_s": rate / 1e5} for rate in rates])


class Figures(unittest.TestCase):
    def test_the_median_of_the_rounds_and_their_range_are_kept(self):
        found = figure(1000.0, 3000.0, 2000.0)
        self.assertEqual((found["calls_per_s"], found["lowest_calls_per_s"], found["highest_calls_per_s"]),
                         (2000.0, 1000.0, 3000.0))
        self.assertAlmostEqual(found["cpu_us_per_call"], 10.0)
        self.assertEqual(figure(0.0)["cpu_us_per_call"], 0.0)

    def test_the_fastest_of_each_side_is_compared(self):
        figures = {"Python: Freshet, asyncio": figure(9000.0), "Python: Freshet, threads": figure(3000.0),
                   "Python: grpcio, asyncio": figure(2000.0), "Python: grpcio, threads": figure(1000.0)}
        self.assertEqual(page.ratio(figures, "Python"), ("Freshet, asyncio", 4.5))

    def test_a_side_with_errors_or_without_figures_wins_nothing(self):
        figures = {"Python: Freshet, asyncio": figure(9000.0, errors=1), "Python: Freshet, threads": figure(3000.0),
                   "Python: grpcio, asyncio": {"failed": "no grpcio"}, "Python: grpcio, threads": figure(1000.0)}
        self.assertEqual(page.ratio(figures, "Python"), ("Freshet, threads", 3.0))
        del figures["Python: grpcio, threads"]
        self.assertIsNone(page.ratio(figures, "Python"))

    def test_every_side_has_a_server(self):
        servers = {contender.key for contender in CONTENDERS}
        self.assertEqual([side for side in SIDES if side.server not in servers], [])


class Output(unittest.TestCase):
    def test_the_page_has_ratios_errors_and_reasons(self):
        figures = {"Go: Freshet, goroutines": figure(3000.0), "Go: grpc-go, goroutines": figure(2000.0),
                   "Node.js: Freshet, promises": figure(1000.0, errors=2),
                   "Node.js: @grpc/grpc-js, promises": {"failed": "no npm"}}
        text = page.page({"command": "tools/bench-clients", "rounds": 1, "seconds": 1, "machine": {"cpu": "one"},
                          "calls": {"64": figures}})
        self.assertIn("| Go | Freshet, goroutines | 3,000 (3,000–3,000) | 10 µs | 20 µs | 10.0 µs | 1.50 |", text)
        self.assertIn("| 2 errors: x |", text)
        self.assertIn("not measured: no npm", text)


if __name__ == "__main__":
    unittest.main()
