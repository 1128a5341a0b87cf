#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_coherence.py - a short run of tools/check-coherence: Freshet passes, and the textbook design is caught."""
import json
import os
import signal
import subprocess
import tempfile
import unittest

from freshet_testing import BUILD, PR_SET_CHILD_SUBREAPER, SLOWNESS, prctl, wait_until
from judge import FAILING_BOUND_S
from sp_client import SOURCE

COMMAND = [os.path.join(SOURCE, "tools", "check-coherence")]
SECONDS, SEED = 24, 20
READS = 3000 // SLOWNESS
HITS = {"freshet": "near", "naive": "near"}
LIMIT_S = 240
LEFT_S = 10
STALE, NO_RUN = 1, 2


def all_ended():
    """Whether no child is left: neither of this process nor, as its orphans come to it, of the checker."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return True
    return False


class Coherence(unittest.TestCase):
    def setUp(self):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        folder = tempfile.TemporaryDirectory(prefix="freshet-coherence-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.environment = {**os.environ, "FRESHET_BUILD": BUILD, "TMPDIR": self.folder}

    def check(self, design):
        report = os.path.join(self.folder, "report.json")
        run = subprocess.run([*COMMAND, "--seconds", str(SECONDS), "--seed", str(SEED), "--design", design, "--hits",
                              HITS[design], "--reads", str(READS), "--bound", str(FAILING_BOUND_S * SLOWNESS),
                              "--json", report], env=self.environment,
                             capture_output=True, text=True, timeout=LIMIT_S, check=False)
        print(run.stdout[run.stdout.rfind("\nreads "):][:4000], flush=True)
        wait_until(all_ended, LEFT_S, "every child has ended")
        with open(report, encoding="utf-8") as file:
            return run, json.load(file)

    def test_freshet_passes(self):
        run, report = self.check("freshet")
        self.assertEqual(run.returncode, 0, run.stdout[-20000:] + run.stderr)
        self.assertEqual((report["stale_for_good"], report["reasons"], report["seed"]), ([], [], SEED))
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("freshet-check-")], [])

    def test_the_textbook_design_is_caught(self):
        run, report = self.check("naive")
        self.assertEqual(run.returncode, STALE, run.stdout[-20000:] + run.stderr)
        self.assertEqual(report["reasons"], [])
        stale_for_good = report["stale_for_good"][0]
        self.assertIn(f"history of {stale_for_good['key']}:", run.stdout)
        self.assertIn(f"seed {SEED}", run.stdout)

    def test_an_interrupted_run_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            run = subprocess.Popen([*COMMAND, "--seconds", "60", "--hits", "redis"], env=self.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
            self.addCleanup(run.kill)
            for line in run.stdout:
                if " begin #" in line:
                    break
            run.send_signal(number)
            run.communicate(timeout=60)
            self.assertEqual(run.returncode, NO_RUN)
            wait_until(all_ended, LEFT_S, "every child has ended")
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_killed_run_leaves_no_process(self):
        run = subprocess.Popen([*COMMAND, "--seconds", "60", "--hits", "redis"], env=self.environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        for line in run.stdout:
            if " begin #" in line:
                break
        run.kill()
        run.communicate(timeout=60)
        wait_until(all_ended, LEFT_S, "every child has ended")


if __name__ == "__main__":
    unittest.main(verbosity=2)
