#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_same.py - one program, written in every language, prints the same about one freshet up; so do the docs' own."""
import json
import os
import shutil
import signal
import tempfile
import unittest

from freshet_testing import BIN, BUILD, Process, main, run_freshet, wait_until
from language_testing import HERE, RUN_TIME, check, go_environment, pkg_config
from sp_client import SOURCE
from test_js import packages

# Where each program goes in the folder that freshet gen makes, which builds and runs what stands there.
PROGRAMS = {"c": "example.c", "cpp": "example.cc", "python": "example.py", "js": "example.js", "go": "example/main.go"}
ANSWERS = r"\AAlice: dark_mode\nAlice: light_mode\nAlice: light_mode\n\Z"
# Where docs/generate.md has its example.
HEADINGS = {"c": "From a .proto to C", "cpp": "C++", "python": "Python", "js": "JavaScript and TypeScript", "go": "Go"}
DOCUMENTED = r"\AAlice\nlight\nNOT_FOUND:? user 'nobody' does not exist\n\Z"
# Further examples of the page.
MORE = {"c": (("What else an answer says, in C",
               r"\AAlice\n(?:  [a-z-]+ has \d+ bytes\n)*  x-cache has \d+ bytes\n(?:  [a-z-]+ has \d+ bytes\n)*"
               r"user 'nobody' does not exist\n(?:  [a-z-]+ has \d+ bytes\n)+\Z"),)}


def written(language):
    with open(os.path.join(HERE, "same", os.path.basename(PROGRAMS[language])), encoding="utf-8") as file:
        return file.read()


def section(heading):
    with open(os.path.join(SOURCE, "docs", "generate.md"), encoding="utf-8") as file:
        return file.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]


def documented(language, heading, address="tcp://127.0.0.1:7001"):
    return section(heading).split(f"```{language}\n")[1].split("```")[0].replace("tcp://127.0.0.1:7001", address)


def commands(language, out):
    """The first block of commands; what stands for places is filled in, and what npm would install is there."""
    block = f"\n{section(HEADINGS[language])}".split("\n\n    ")[1].split("\n\n")[0]
    lines = [line for line in block.split("\n") if "npm install" not in line]
    filled = "\n".join(lines).replace("FRESHET/proto", os.path.join(SOURCE, "proto")).replace("OUT", out)
    return filled.replace("=PATH", "=" + os.path.join(BIN, "protoc-gen-freshet")).replace("node_modules", packages())


class Same(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-same-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def up(self):
        """Starts freshet up; returns the address of api."""
        up = Process([os.path.join(BIN, "freshet"), "up", "--port-base", "0", "--json", "--db",
                      f"sqlite:{self.folder}/users.db"], self.folder, "up")
        self.addCleanup(up.wait)
        self.addCleanup(up.signal, signal.SIGINT)

        def ready():
            with open(os.path.join(self.folder, "up.stdout"), encoding="utf-8") as file:
                line = file.read()
            self.assertTrue(up.running(), up.stderr())
            return line.endswith("\n") and json.loads(line)

        return wait_until(ready, 30, "freshet up is ready")["api"]

    def test_the_documented_commands(self):
        for language in HEADINGS:
            with self.subTest(language):
                out = os.path.join(self.folder, language)
                os.mkdir(out)
                check(["sh", "-ec", commands(language, out)], cwd=SOURCE)
                self.assertIn("users", os.listdir(out))
        stubs = os.path.join(self.folder, "go")
        os.mkdir(os.path.join(stubs, "example"))
        shutil.copy(os.path.join(RUN_TIME, "freshet.go"), os.path.join(stubs, "freshet"))
        with open(os.path.join(stubs, "example", "main.go"), "w", encoding="utf-8") as file:
            file.write(documented("go", HEADINGS["go"]))
        check(["go", "vet", "example/stubs/example"], env=go_environment(self.folder, stubs))

    def test_the_same_answers(self):
        clients = os.path.join(self.folder, "clients")
        environment = {**pkg_config(self.folder), "GOCACHE": os.path.join(BUILD, "go-cache"), "GOFLAGS": "-p=2",
                       "PYTHON": "/usr/bin/python3"}
        path = os.path.join(packages(), ".bin") + ":" + os.environ["PATH"]
        done = run_freshet("gen", "--lang", ",".join(PROGRAMS), "--out", clients, "-I", os.path.join(SOURCE, "proto"),
                           "users/v1/users.proto", environment={"PATH": path})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        os.symlink(packages(), os.path.join(clients, "js", "node_modules"))
        address = self.up()
        for language in PROGRAMS:
            examples = ((HEADINGS[language], DOCUMENTED), *MORE.get(language, ()))
            for text, answers in ((written(language), ANSWERS),
                                  *((documented(language, heading, address), told) for heading, told in examples)):
                with self.subTest(language):
                    with open(os.path.join(clients, language, PROGRAMS[language]), "w", encoding="utf-8") as file:
                        file.write(text)
                    told = check([os.path.join(clients, language, "run"), address], env=environment)
                    self.assertRegex(told, answers)
                done = run_freshet("call", "--addr", address, "users.v1.Users/UpdatePreference",
                                   '{"id": "user-123", "preference": "dark_mode"}')
                self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    main()
