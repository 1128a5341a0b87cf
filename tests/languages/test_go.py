#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_go.py - the generated Go client against freshet-api and a server that misbehaves, under Go's race detector."""
import os
import shutil
import subprocess
import tempfile

from fake_server import FakeServer
from freshet_testing import TestCase, main
from language_testing import HERE, control, generate

# Debian's packages of Go modules; nothing is downloaded.
GOPATH = "/usr/share/gocode"


class Go(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-go-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.stubs = os.path.join(cls.folder, "src", "stubs")
        generate("go", cls.stubs)
        shutil.copytree(os.path.join(HERE, "go"), os.path.join(cls.folder, "src", "client"))
        cls.environment = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{cls.folder}:{GOPATH}", "GOFLAGS": "-p=2",
                           "GOCACHE": os.path.join(cls.folder, "cache"), "CGO_ENABLED": "1"}

    def go(self, *arguments):
        return subprocess.run(["go", *arguments], cwd=self.folder, env=self.environment, text=True, timeout=600,
                              capture_output=True, check=False)

    def test_vet_and_format(self):
        done = self.go("vet", "stubs/...", "client")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        files = [os.path.join(folder, name) for folder, _, names in os.walk(self.stubs) for name in names
                 if name.endswith(".go") and not name.endswith(".pb.go")]
        done = subprocess.run(["gofmt", "-l", os.path.join(HERE, "go"), *files], text=True, capture_output=True, check=True)
        self.assertEqual(done.stdout, "")

    def test_client(self):
        program = os.path.join(self.folder, "client.test")
        done = self.go("test", "-race", "-c", "-o", program, "client")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with FakeServer() as fake:
            environment = {**self.environment, "FRESHET_API": self.system.address(), "FRESHET_FAKE": fake.address}
            control(self.system, [program, "-test.timeout", "300s"], environment)


if __name__ == "__main__":
    main()
