#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_js.py - the generated JavaScript client against freshet-api and a server that misbehaves, and its types."""
import fcntl
import os
import shutil
import subprocess
import tempfile

from fake_server import FakeServer
from freshet_testing import BIN, BUILD, TestCase, main
from language_testing import control
from sp_client import SOURCE

HERE = os.path.join(SOURCE, "tests", "languages")
ODD = os.path.join(SOURCE, "tests", "protoc-gen-freshet")
RUN_TIME = os.path.join(SOURCE, "tools", "protoc-gen-freshet", "run_time")
PROTOS = ("probe/probe.proto", "users/v1/users.proto", "freshet/cache/v1/options.proto", "odd/names.proto", "odd/bare.proto")


def packages():
    """The folder of the npm packages in js/package.json; the first call of a build folder installs them there."""
    folder = os.path.join(BUILD, "npm")
    wanted = os.path.join(HERE, "js", "package.json")
    installed = os.path.join(folder, "installed.json")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="utf-8") as lock, open(wanted, encoding="utf-8") as file:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = file.read()
        if os.path.exists(installed):
            with open(installed, encoding="utf-8") as before:
                if before.read() == text:
                    return os.path.join(folder, "node_modules")
        shutil.copy(wanted, folder)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
                        "--loglevel=error"], cwd=folder, check=True, timeout=300)
        shutil.copy(wanted, installed)
    return os.path.join(folder, "node_modules")


class JavaScript(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-js-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.bin = os.path.join(packages(), ".bin")
        os.symlink(packages(), os.path.join(cls.folder, "node_modules"))
        shutil.copytree(os.path.join(HERE, "js"), cls.folder, dirs_exist_ok=True)
        for name in ("freshet_rpc.js", "freshet_rpc.d.ts"):
            shutil.copy(os.path.join(RUN_TIME, name), cls.folder)
        cls.protoc("-I", HERE, "-I", ODD, "-I", SOURCE + "/proto", *PROTOS)

    @classmethod
    def protoc(cls, *arguments, out=""):
        folder = os.path.join(cls.folder, out)
        subprocess.run(["protoc", "--plugin=protoc-gen-es=" + os.path.join(cls.bin, "protoc-gen-es"),
                        "--es_out=target=js+dts,import_extension=js:" + folder,
                        "--plugin=protoc-gen-freshet=" + os.path.join(BIN, "protoc-gen-freshet"),
                        "--freshet_out=lang=js:" + folder, *arguments], check=True, timeout=120)

    def test_client(self):
        with FakeServer() as fake:
            control(self.system, ["node", os.path.join(self.folder, "client.test.js")],
                    {**os.environ, "FRESHET_API": self.system.address(), "FRESHET_FAKE": fake.address})

    def test_types(self):
        done = subprocess.run([os.path.join(self.bin, "tsc"), "-p", self.folder], text=True, capture_output=True,
                              timeout=300, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_comments_and_deprecation(self):
        for name in ("names_freshet.js", "names_freshet.d.ts"):
            with open(os.path.join(self.folder, "odd", name), encoding="utf-8") as file:
                text = file.read()
            self.assertIn("   * Use GetHTTPStatus2X.\n   *\n   * @deprecated\n   */\n  old(", text)
            self.assertIn(" * Methods whose names want care. * / And a comment /* that would end early.\n", text)

    def test_names_that_javascript_has_taken(self):
        with open(os.path.join(self.folder, "taken.proto"), "w", encoding="utf-8") as file:
            file.write('syntax = "proto3";\nmessage M {}\nservice Object {\n'
                       + "".join(f"  rpc {name}(M) returns (M);\n" for name in ("Constructor", "toString", "Delete", "Then"))
                       + "}\nservice class { rpc Get(M) returns (M); }\n")
        self.protoc("-I", self.folder, "taken.proto")
        program = ('import { Code } from "./freshet_rpc.js";\nimport * as taken from "./taken_freshet.js";\n'
                   "const channel = { call: (method) => method.parent.typeName + '/' + method.name };\n"
                   "const object = new taken.ObjectClient(channel);\n"
                   "console.log(object.constructor$(), object.toString$(), object.delete(), new taken.classClient(channel).get());\n"
                   "const awaited = await (async () => object)();\nconsole.log(awaited.then$());")
        done = subprocess.run(["node", "--input-type=module", "-e", program], cwd=self.folder, text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual((done.stdout, done.stderr), ("Object/Constructor Object/toString Object/Delete class/Get\nObject/Then\n", ""))


if __name__ == "__main__":
    main()
