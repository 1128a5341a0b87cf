#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_peers.py - what tools/bench-peers makes of its cells: the figures, the page and the chart."""
import os
import sys
import unittest
import xml.etree.ElementTree

SOURCE = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(SOURCE, "tools", "peers"))

import chart  # noqa: E402  needs the path above
import report  # noqa: E402
from contenders import CONTENDERS  # noqa: E402
from rows import ROWS, best, summary  # noqa: E402


def cell(rate, errors=0):
    return {"calls": int(rate), "calls_per_s": rate, "errors": errors, "lost": 0, "first_error": "x" if errors else "",
            "p50_us": 10.0, "p90_us": 20.0, "p99_us": 30.0, "p999_us": 40.0, "client_cpu_s": 0.5, "server_cpu_s": 0.25,
            "store_cpu_s": 0.25, "server_rss_bytes": 2**20, "client_rss_bytes": 2**20, "sources": {"redis": 1}}


def result(rows):
    return {"command": "tools/bench-peers", "rounds": 3, "seconds": 1, "pairs": {}, "memory": {}, "rows": rows,
            "machine": {"cpu": "a <fast> one", "processors": "2", "kernel": "Linux"}}


class Figures(unittest.TestCase):
    def test_the_median_of_the_rounds_and_their_range_are_kept(self):
        figure = summary([cell(1000.0), cell(3000.0), cell(2000.0)], 2)
        self.assertEqual((figure["calls_per_s"], figure["lowest_calls_per_s"], figure["highest_calls_per_s"]),
                         (2000.0, 1000.0, 3000.0))
        self.assertAlmostEqual(figure["cpu_s_per_million"], 500.0)
        self.assertAlmostEqual(figure["server_cpu_s_per_million"], 125.0)
        self.assertEqual(figure["sources"], {"redis": 3})

    def test_a_cell_without_calls_divides_by_nothing(self):
        self.assertEqual(summary([cell(0.0)], 1)["cpu_s_per_million"], 0.0)

    def test_the_best_variant_has_no_errors_if_one_has_none(self):
        fast, clean = summary([cell(9000.0, errors=1)], 4), summary([cell(5000.0)], 1)
        self.assertIs(best([fast, clean]), clean)
        self.assertIs(best([fast]), fast)

    def test_channels_are_tried_where_they_can_matter(self):
        rows = {row.key: row for row in ROWS}
        by_key = {contender.key: contender for contender in CONTENDERS}
        self.assertEqual(rows["1"].variants(by_key["grpc-map"]), (1,))
        self.assertEqual(rows["64"].variants(by_key["grpc-map"]), (1, 2, 4))
        self.assertEqual(rows["64"].variants(by_key["freshet-memory"]), (1,))
        self.assertEqual(rows["64x1"].variants(by_key["grpc-map"]), (64,))


class Output(unittest.TestCase):
    def test_the_page_says_why_a_contender_has_no_figures(self):
        page = report.page(result({"8": {"nng": summary([cell(1000.0)], 1), "express": {"failed": "no Node.js"}}}),
                           CONTENDERS)
        self.assertIn("not measured: no Node.js", page)
        self.assertIn("| raw nng echo | 1 | 1,000 (1,000–1,000) | 10 µs", page)

    def test_the_page_says_where_a_rate_was_not_reached(self):
        page = report.page(result({"half": {"nng": summary([cell(1000.0)], 1, rate=5000)}}), CONTENDERS)
        self.assertIn("did not reach 5,000/s", page)

    def test_the_chart_is_well_formed_and_names_who_was_measured(self):
        text = chart.svg(result({"8": {"nng": summary([cell(1000.0)], 1), "express": {"failed": "no Node.js"}}}),
                         CONTENDERS)
        words = " ".join(xml.etree.ElementTree.fromstring(text).itertext())
        self.assertIn("raw nng echo", words)
        self.assertIn("a <fast> one", words)
        self.assertNotIn("ioredis", words)


if __name__ == "__main__":
    unittest.main()
