#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_go.py - the generated Go client against freshet-api and a server that misbehaves, under Go's race detector."""
import os
import shutil
import tempfile

from fake_server import FakeServer
from freshet_testing import BUILD, TestCase, main
from language_testing import HERE, check, control, generate

# Debian's packages of Go modules; nothing is downloaded.
PACKAGES = "/usr/share/gocode"


class Go(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-go-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.stubs = generate("go", cls.folder)
        os.makedirs(os.path.join(cls.folder, "src", "example"))
        os.symlink(cls.stubs, os.path.join(cls.folder, "src", "example", "stubs"))
        shutil.copytree(os.path.join(HERE, "go"), os.path.join(cls.folder, "src", "client"))
        cls.environment = {**os.environ, "GO111MODULE": "off", "GOPATH": f"{cls.folder}:{PACKAGES}", "GOFLAGS": "-p=2",
                           "GOCACHE": os.path.join(BUILD, "go-cache"), "CGO_ENABLED": "1"}

    def go(self, *arguments):
        return check(["go", *arguments], cwd=self.folder, env=self.environment)

    def test_vet_and_format(self):
        packages = [*("example/stubs/" + name for name in ("freshet", "probe", "users/v1", "example")), "client"]
        self.go("vet", *packages)
        files = [os.path.join(folder, name) for folder, _, names in os.walk(self.stubs) for name in names
                 if name.endswith(".go") and not name.endswith(".pb.go")]
        self.assertEqual(len(files), 4)
        self.assertEqual(check(["gofmt", "-l", os.path.join(HERE, "go"), *files]), "")

    def test_client(self):
        program = os.path.join(self.folder, "client.test")
        self.go("test", "-race", "-c", "-o", program, "client")
        with FakeServer() as fake:
            environment = {**self.environment, "FRESHET_API": self.system.address(), "FRESHET_FAKE": fake.address}
            control(self.system, [program, "-test.timeout", "300s"], environment)


if __name__ == "__main__":
    main()
