#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_stranger.py - clients in every language, made by an installed freshet gen, call a stranger's server in C."""
import os
import subprocess
import sys
import unittest

from freshet_testing import BUILD, main
from installed import Installed, Notebook
from language_testing import HERE, check

sys.path.insert(0, HERE)
from test_js import packages  # noqa: E402  found above

LANGUAGES = ("c", "cpp", "python", "js", "go")


class Stranger(unittest.TestCase):
    def test_every_language_calls_the_server(self):
        installed = Installed()
        self.addCleanup(installed.remove)
        notebook = Notebook(installed.make())
        self.addCleanup(notebook.stop)
        installed.environment.update(GOCACHE=os.path.join(BUILD, "go-cache"), GOFLAGS="-p=2", PYTHON="/usr/bin/python3",
                                     PATH=os.path.join(packages(), ".bin") + ":" + installed.environment["PATH"])
        clients = os.path.join(installed.folder, "clients")
        notes = installed.copy_example("notes")
        done = installed.freshet("gen", "--lang", ",".join(LANGUAGES), "--out", clients, "-I", notes, "notes/v1/notes.proto")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        os.symlink(packages(), os.path.join(clients, "js", "node_modules"))
        for language in LANGUAGES:
            with self.subTest(language):
                told = check([os.path.join(clients, language, "run"), notebook.api.address], env=installed.environment)
                self.assertRegex(told, "INVALID_ARGUMENT.*id must not be empty")
        self.without_freshet(os.path.join(clients, "c", "run"), installed)

    def without_freshet(self, program, installed):
        environment = {**installed.environment, "PATH": "/usr/bin:/bin", "PKG_CONFIG_LIBDIR": installed.folder}
        done = subprocess.run([program], env=environment, text=True, capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("libnng-dev", done.stderr)
        self.assertIn("export PKG_CONFIG_PATH=", done.stderr)


if __name__ == "__main__":
    main()
