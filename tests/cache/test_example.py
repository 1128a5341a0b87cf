#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_example.py - the example of cache/cache.h is compiled, runs, and says what it should."""
import os
import subprocess
import tempfile
import unittest

from freshet_testing import BIN, Redis, main

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
        self.assertEqual(len(lines), 5, lines)
        self.assertEqual(lines[0], "OK Ada, version 1, from origin")
        self.assertRegex(lines[1], "^OK Ada, version 1, from (near|redis|origin)$")
        self.assertRegex(lines[2], "^(OK|UNAVAILABLE) invalidated$")
        self.assertEqual(lines[3], "OK Grace, version 2, from origin")
        self.assertRegex(lines[4], "^OK Grace, version 2, from (near|redis|origin)$")

    def test_wrong_usage(self):
        done = self.run_with("nonsense")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("redis URL", done.stderr)


if __name__ == "__main__":
    main()
