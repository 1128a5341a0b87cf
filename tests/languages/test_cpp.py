#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_cpp.py - the generated C++ client against freshet-api and a server that misbehaves."""
import os
import shutil
import tempfile

from fake_server import FakeServer
from freshet_testing import TestCase, main
from language_testing import HERE, check, generate, pkg_config

WARNINGS = ("-std=c++17", "-Wall", "-Wextra", "-Wshadow", "-Wpedantic", "-Wcast-qual", "-Werror")


class Cpp(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-cpp-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.environment = pkg_config(cls.folder)

    def flags(self, *what):
        return check(["pkg-config", *what, "freshet", "protobuf"], env=self.environment).split()

    def test_client(self):
        stubs = generate("cpp", self.folder, "probe/probe.proto", "users/v1/users.proto")
        objects = []
        # protoc's code is not ours: -isystem keeps its warnings out.
        flags = [*self.flags("--cflags"), "-g", "-I", stubs]
        for name in ("probe/probe", "users/v1/users", "freshet/cache/v1/options"):
            objects.append(os.path.join(self.folder, name.replace("/", "_") + ".o"))
            check(["g++", "-std=c++17", "-w", *flags, "-c", f"{stubs}/{name}.pb.cc", "-o", objects[-1]])
        for header in ("probe/probe.freshet.hpp", "users/v1/users.freshet.hpp"):
            check(["g++", *WARNINGS, *flags, "-fsyntax-only", "-x", "c++", "-include", header, os.devnull])
        program = os.path.join(self.folder, "client")
        check(["g++", *WARNINGS, *flags, os.path.join(HERE, "cpp", "client.cc"), *objects, *self.flags("--libs"), "-o",
               program])
        with FakeServer() as fake:
            check([program], env={**self.environment, "FRESHET_API": self.system.address(), "FRESHET_FAKE": fake.address})


if __name__ == "__main__":
    main()
