#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_go.py - the generated Go client against freshet-api and a server that misbehaves, under Go's race detector."""
import os
import shutil
import tempfile

from fake_server import FakeServer
from freshet_testing import TestCase, main
from language_testing import HERE, check, control, generate, go_environment

DRIVER = os.path.join(HERE, "conformance", "driver.go")


class Go(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-go-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.stubs = generate("go", cls.folder, "probe/probe.proto", "conformance/scenario.proto", "users/v1/users.proto")
        cls.environment = go_environment(cls.folder, cls.stubs)
        shutil.copytree(os.path.join(HERE, "go"), os.path.join(cls.folder, "src", "client"))
        os.makedirs(os.path.join(cls.folder, "src", "driver"))
        shutil.copy(DRIVER, os.path.join(cls.folder, "src", "driver"))

    def go(self, *arguments):
        return check(["go", *arguments], cwd=self.folder, env=self.environment)

    def test_vet_and_format(self):
        packages = [*("example/stubs/" + name for name in ("freshet", "probe", "users/v1", "example")), "client", "driver"]
        self.go("vet", *packages)
        files = [os.path.join(folder, name) for folder, _, names in os.walk(self.stubs) for name in names
                 if name.endswith(".go") and not name.endswith(".pb.go")]
        self.assertEqual(len(files), 4)
        self.assertEqual(check(["gofmt", "-l", os.path.join(HERE, "go"), DRIVER, *files]), "")

    def test_client(self):
        program = os.path.join(self.folder, "client.test")
        self.go("test", "-race", "-c", "-o", program, "client")
        with FakeServer() as fake:
            environment = {**self.environment, "FRESHET_API": self.system.address(), "FRESHET_FAKE": fake.address}
            control(self.system, [program, "-test.timeout", "300s"], environment)


if __name__ == "__main__":
    main()
