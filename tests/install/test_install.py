#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_install.py - what is installed, and a stranger's cached service built with it by make and by CMake."""
import os
import re
import signal
import subprocess
import unittest

from freshet_testing import Process, main, wait_until
from installed import Installed, Notebook
from language_testing import check
from sp_client import SOURCE

C_HEADERS = {"stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}
# Of the library, and of the code generated from the .proto files that it has.
SYMBOL = re.compile(r"(fr_|freshet_|grpc_health_|google__protobuf__|freshet__|grpc__health__|__odr_asan)")
HEAD = "cmake_minimum_required(VERSION 3.25)\nproject(p C)\nfind_package(Freshet CONFIG REQUIRED)\n"


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.installed = Installed()
        cls.addClassCleanup(cls.installed.remove)

    def files(self, *folder):
        return [os.path.join(place, name) for place, _, names in os.walk(self.installed.path(*folder)) for name in names]

    def test_public_headers_show_no_other_library(self):
        root = self.installed.path("include")
        headers = [path for path in self.files("include/freshet") if "/freshet/proto/" not in path]
        self.assertGreater(len(headers), 20)
        for path in headers:
            with open(path, encoding="utf-8") as file:
                for angle, quoted in re.findall(r'^#include (?:<(.*)>|"(.*)")$', file.read(), re.M):
                    self.assertTrue(quoted.startswith("freshet/") or angle in C_HEADERS, f"{path} shows {angle or quoted}")
            check(["cc", "-std=c11", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", root, path])

    def test_the_library_keeps_to_its_names(self):
        names = {line.split()[-1] for line in
                 check(["nm", "--extern-only", "--defined-only", self.installed.path("lib/libfreshet.a")]).splitlines()
                 if len(line.split()) == 3}
        self.assertIn("fr_channel_new", names)
        self.assertEqual([name for name in names if not SYMBOL.match(name)], [])

    def test_nothing_names_the_build_or_the_first_folder(self):
        forbidden = (self.installed.folder.encode(), SOURCE.encode())
        for path in self.files("lib/pkgconfig") + self.files("lib/cmake") + self.files("include") + self.files("share"):
            with open(path, "rb") as file:
                text = file.read()
            self.assertEqual([name for name in forbidden if name in text], [], path)

    def test_the_well_known_types_are_there(self):
        types = {"any": "Any", "duration": "Duration", "empty": "Empty", "field_mask": "FieldMask", "struct": "Struct",
                 "timestamp": "Timestamp", "wrappers": "StringValue", "descriptor": "FileOptions"}
        folder = os.path.join(self.installed.folder, "known")
        os.mkdir(folder)
        with open(os.path.join(folder, "known.proto"), "w", encoding="utf-8") as file:
            file.write('syntax = "proto3";\n' + "".join(f'import "google/protobuf/{name}.proto";\n' for name in types)
                       + "message M {\n" + "".join(f"  google.protobuf.{name} f{number} = {number};\n"
                                                   for number, name in enumerate(types.values(), 1)) + "}\n"
                       + "service S { rpc Do(M) returns (google.protobuf.StringValue); }\n")
        done = self.installed.freshet("gen", "--lang", "c", "--out", folder, "-I", folder, "known.proto")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = check([os.path.join(folder, "c", "run"), "tcp://127.0.0.1:1"], env=self.installed.environment)
        self.assertIn("UNAVAILABLE", told)

    def serves(self, programs):
        notebook = Notebook(programs)
        self.addCleanup(notebook.stop)
        self.assertEqual(notebook.note("first"), (1, "note: NOT_FOUND: note 'first' does not exist\n"))
        self.assertEqual(notebook.note("first", "buy milk"), (0, "first: buy milk\n"))
        self.assertEqual(notebook.note("first"), (0, "first: buy milk\n"))

        def source():
            done = self.installed.freshet("call", "-v", "--addr", notebook.api.address, "notes.v1.Notes/GetNote",
                                          '{"id": "first"}')
            self.assertIn('"text": "buy milk"', done.stdout)
            return "x-cache: near" in done.stderr
        wait_until(source, 20, "the note is answered from the near cache")
        self.assertEqual(notebook.note("first", "buy bread"), (0, "first: buy bread\n"))
        self.assertEqual(notebook.note("first"), (0, "first: buy bread\n"))
        self.assertEqual(notebook.note("", "no id"), (1, "note: INVALID_ARGUMENT: id must not be empty\n"))

    def test_make(self):
        programs = self.installed.make()
        needed = check(["readelf", "-d", os.path.join(programs, "note")])
        self.assertNotRegex(needed, r"hiredis|sqlite|libuv")  # a client needs neither Redis nor a database
        self.serves(programs)

    def test_a_server_without_a_cache(self):
        folder = self.installed.make("hello")
        server = Process([os.path.join(folder, "hello-server"), "tcp://127.0.0.1:0"], folder, "hello-server")
        self.addCleanup(server.kill)

        def address():
            self.assertTrue(server.running(), server.stderr())
            with open(os.path.join(folder, "hello-server.stdout"), encoding="utf-8") as file:
                line = file.read()
            return line.endswith("\n") and line.strip()

        at = ("--addr", wait_until(address, 15, "the server has an address"))
        method = "hello.v1.Greeter/Hello"
        self.assertIn("hello.v1.Greeter\n", self.installed.freshet("list", *at).stdout)
        self.assertIn("// Says hello to name, which must not be empty.\n",
                      self.installed.freshet("describe", *at, method).stdout)
        done = self.installed.freshet("call", "-c", *at, method, '{"name": "Ada"}')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '{"text": "Hello, Ada!"}\n', ""))
        done = self.installed.freshet("call", *at, method)
        self.assertIn("INVALID_ARGUMENT: name must not be empty", done.stderr)
        server.signal(signal.SIGTERM)
        self.assertEqual((server.wait(), server.stderr()), (0, ""))

    def test_cmake(self):
        self.serves(self.installed.cmake())

    def configure(self, name, text, **files):
        """A project with this CMakeLists.txt, configured; returns its build folder and what CMake said."""
        folder = os.path.join(self.installed.folder, name)
        for path, content in {"CMakeLists.txt": HEAD + text, **files}.items():
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                file.write(content)
        build = os.path.join(folder, "build")
        done = subprocess.run(["cmake", "-S", folder, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.installed.prefix],
                              env=self.installed.environment, text=True, capture_output=True, timeout=120, check=False)
        return build, re.sub(r"\s+", " ", done.stderr)

    def test_folders_of_fr_proto_service(self):
        """Relative ones are those beside CMakeLists.txt, and so is ROOT when it is left out; imports have a target."""
        build, told = self.configure(
            "sp ace", "fr_proto_service(common_proto ROOT shared PROTOS common/c.proto)\n"
                      "fr_proto_service(s_proto PROTOS s.proto IMPORTS shared LINKS common_proto)\n",
            **{"shared/common/c.proto": 'syntax = "proto3";\npackage common;\nmessage C {}\n',
               "s.proto": 'syntax = "proto3";\nimport "common/c.proto";\nservice S { rpc Do(common.C) returns (common.C); }\n'})
        self.assertEqual(told, "")
        check(["cmake", "--build", build], env=self.installed.environment)

    def test_wrong_use_of_fr_proto_service(self):
        for number, (text, message) in enumerate((
                ("ROOT .", "PROTOS are missing"), ("PROTO a.proto", "'PROTO;a.proto' is not known; write fr_proto_service("),
                ("PROTOS /a.proto", "/a.proto is not given relative to ROOT, which is"))):
            with self.subTest(text):
                self.assertIn(message, self.configure(f"wrong-{number}", f"fr_proto_service(a {text})\n")[1])

    def test_missing_packages_are_named(self):
        folder = self.installed.copy_example("missing")
        environment = {**self.installed.environment, "PKG_CONFIG_LIBDIR": folder}
        done = subprocess.run(["cmake", "-S", folder, "-B", folder + "/build", "-DCMAKE_PREFIX_PATH=" + self.installed.prefix],
                              env=environment, text=True, capture_output=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("apt-get install libprotobuf-c-dev libhiredis-dev libuv1-dev libsqlite3-dev",
                      re.sub(r"\s+", " ", done.stderr))

    def test_the_installed_programs_find_each_other(self):
        done = self.installed.freshet("demo")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "All 5 steps were right."), done.stderr)


if __name__ == "__main__":
    main()
