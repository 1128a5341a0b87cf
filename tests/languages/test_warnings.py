#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_warnings.py - generated code gives no warning: C and C++ with gcc and clang, go vet, tsc --strict, mypy --strict."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from freshet_testing import BUILD, run_freshet
from language_testing import HERE, check, go_environment, pkg_config
from sp_client import SOURCE
from test_cpp import WARNINGS as CPP_WARNINGS
from test_js import packages

ODD = os.path.join(SOURCE, "tests", "protoc-gen-freshet")
FOLDERS = (os.path.join(SOURCE, "proto"), HERE, ODD, os.path.join(ODD, "golden"))
PROTOS = ("users/v1/users.proto", "probe/probe.proto", "odd/names.proto", "odd/bare.proto", "odd/types-only.proto",
          "shelf/v1/shelf.proto")
# The project's own warnings, in tools/cmake/freshet.cmake, and stricter ones.
C_WARNINGS = ("-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes",
              "-Wpedantic", "-Wcast-qual", "-Werror")


class Warnings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="freshet-warnings-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        generators = os.path.join(packages(), ".bin")
        done = run_freshet("gen", "--lang", "c,cpp,go,python,js", "--out", cls.folder,
                           *(word for folder in FOLDERS for word in ("-I", folder)), *PROTOS,
                           environment={"PATH": f"{generators}:{os.environ['PATH']}"})
        if done.returncode != 0 or done.stderr:
            raise AssertionError(done.stderr)

    def files(self, language, ending):
        top = os.path.join(self.folder, language)
        found = sorted(os.path.join(at, name) for at, _, names in os.walk(top) for name in names if name.endswith(ending))
        self.assertGreaterEqual(len(found), 5)
        return found

    def test_c(self):
        flags = check(["pkg-config", "--cflags", "freshet", "libprotobuf-c"], env=pkg_config(self.folder)).split()
        # protoc-c's headers are not ours: -isystem keeps their warnings out.
        flags += ["-isystem", os.path.join(self.folder, "c"), "-isystem", os.path.join(BUILD, "proto")]
        for compiler in ("gcc", "clang"):
            for file in self.files("c", ".freshet.c"):
                with self.subTest(compiler=compiler, file=file):
                    check([compiler, *C_WARNINGS, *flags, "-fsyntax-only", file])

    def test_cpp(self):
        flags = check(["pkg-config", "--cflags", "freshet", "protobuf"], env=pkg_config(self.folder)).split()
        for compiler in ("g++", "clang++"):
            for file in self.files("cpp", ".freshet.hpp"):
                with self.subTest(compiler=compiler, file=file):
                    check([compiler, *CPP_WARNINGS, *flags, "-isystem", os.path.join(self.folder, "cpp"), "-fsyntax-only",
                           "-x", "c++", "-include", file, os.devnull])

    def test_go(self):
        environment = go_environment(self.folder, os.path.join(self.folder, "go"))
        folders = {os.path.relpath(os.path.dirname(file), os.path.join(self.folder, "go"))
                   for file in self.files("go", ".go")}
        check(["go", "vet", *(f"example/stubs/{folder}" for folder in sorted(folders))], env=environment)

    def test_typescript(self):
        folder = os.path.join(self.folder, "js")
        os.symlink(packages(), os.path.join(folder, "node_modules"))
        options = {"strict": True, "exactOptionalPropertyTypes": True, "noEmit": True, "module": "nodenext",
                   "target": "es2022", "types": ["node"]}
        with open(os.path.join(folder, "tsconfig.json"), "w", encoding="utf-8") as file:
            json.dump({"compilerOptions": options, "files": self.files("js", ".d.ts")}, file)
        done = subprocess.run([os.path.join(packages(), ".bin", "tsc"), "-p", folder], text=True, capture_output=True,
                              timeout=300, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_python(self):
        folder = os.path.join(self.folder, "python")
        environment = {**os.environ, "MYPY_CACHE_DIR": os.devnull}
        self.assertIn("Success: no issues", check(["mypy", "."], cwd=folder, env=environment))
        with open(os.path.join(folder, "wrong.py"), "w", encoding="utf-8") as file:
            file.write("import freshet_rpc\nfrom probe.probe_freshet import ProbeClient\n"
                       'ProbeClient(freshet_rpc.Channel("tcp://a:1")).echo(3)\ndef untyped(): pass\n')
        done = subprocess.run(["mypy", "."], cwd=folder, env=environment, text=True, capture_output=True, timeout=300,
                              check=False)
        self.assertIn("Found 2 errors in 1 file", done.stdout)


if __name__ == "__main__":
    unittest.main()
