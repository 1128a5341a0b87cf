#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_example.py - the example of cache/cache.h is compiled, runs, and says what it should."""
import os
import re
import subprocess
import tempfile
import unittest

from freshet_testing import BIN, Redis, main

SOURCE = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PROGRAM = os.path.join(BIN, "example_cache")


class Example(unittest.TestCase):
    def run_with(self, url):
        return subprocess.run([PROGRAM, url], capture_output=True, text=True, timeout=60, check=False)

    def test_miss_hit_write_miss_hit(self):
        with tempfile.TemporaryDirectory(prefix="freshet-example-") as folder:
            redis = Redis(folder)
            redis.start()
            self.addCleanup(redis.kill)
            done = self.run_with(redis.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 4, lines)
        self.assertEqual(lines[0], "OK Ada, version 1, from origin")
        self.assertRegex(lines[1], "^OK Ada, version 1, from (near|redis|origin)$")
        self.assertEqual(lines[2], "OK Grace, version 2, from origin")
        self.assertRegex(lines[3], "^OK Grace, version 2, from (near|redis|origin)$")

    def test_the_page_shows_it(self):
        with open(os.path.join(SOURCE, "docs", "cache.md"), encoding="utf-8") as file:
            shown = re.search("```c\n(.*?)```", file.read(), re.S)[1]
        with open(os.path.join(SOURCE, "tests", "cache", "example_cache.c"), encoding="utf-8") as file:
            self.assertEqual(file.read().split("*/\n", 2)[2], shown)

    def test_wrong_usage(self):
        done = self.run_with("nonsense")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("redis URL", done.stderr)


if __name__ == "__main__":
    main()
