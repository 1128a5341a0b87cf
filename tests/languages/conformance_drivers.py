# SPDX-License-Identifier: MIT
"""conformance_drivers.py - generates the clients and builds the drivers of test_conformance.py."""
import importlib
import os
import shutil
import sys
import types

from freshet_testing import BIN
from language_testing import HERE, RUN_TIME, check, generate, go_environment, pkg_config, protoc
from test_cpp import WARNINGS
from test_js import packages

PROTOS = ("probe/probe.proto", "conformance/scenario.proto")


def python_messages(folder):
    """The modules of scenario.proto and probe.proto, which are below folder/python from now on."""
    generated = os.path.join(folder, "python")
    os.makedirs(generated)
    protoc("--python_out=" + generated, "--freshet_out=lang=python:" + generated, *PROTOS)
    sys.path.insert(0, generated)
    importlib.invalidate_caches()
    return types.SimpleNamespace(scenario=importlib.import_module("conformance.scenario_pb2"),
                                 probe=importlib.import_module("probe.probe_pb2"))


def source(name):
    return os.path.join(HERE, "conformance", name)


# Each returns the command that runs the driver, and its environment.

def _c(_folder):
    return [os.path.join(BIN, "conformance-c")], {}


def _python(folder, kind="threads"):
    path = os.pathsep.join((os.path.join(folder, "python"), RUN_TIME))
    return [sys.executable, "-W", "default", source("driver.py"), kind], {"PYTHONPATH": path}


def _asyncio(folder):
    return _python(folder, "asyncio")


def _cpp(folder):
    stubs = generate("cpp", folder, *PROTOS)
    environment = pkg_config(folder)
    flags = check(["pkg-config", "--cflags", "freshet", "protobuf"], env=environment).split()
    libraries = check(["pkg-config", "--libs", "freshet", "protobuf"], env=environment).split()
    program = os.path.join(folder, "driver")
    # protoc's code is not ours: -isystem keeps its warnings out.
    messages = [os.path.join(stubs, name.replace(".proto", ".pb.cc")) for name in PROTOS]
    check(["g++", *WARNINGS, *flags, "-g", "-isystem", stubs, source("driver.cc"), *messages, *libraries, "-o", program])
    return [program], {}


def _go(folder):
    stubs = generate("go", folder, *PROTOS)
    program = os.path.join(folder, "driver")
    environment = go_environment(folder, stubs)
    os.makedirs(os.path.join(folder, "src", "driver"))
    shutil.copy(source("driver.go"), os.path.join(folder, "src", "driver"))
    check(["go", "build", "-race", "-o", program, "driver"], cwd=folder, env=environment)
    return [program], {}


def _js(folder):
    stubs = os.path.join(folder, "js")
    os.makedirs(stubs)
    os.symlink(packages(), os.path.join(stubs, "node_modules"))
    for path in (source("driver.js"), os.path.join(RUN_TIME, "freshet_rpc.js"), os.path.join(HERE, "js", "package.json")):
        shutil.copy(path, stubs)
    generator = os.path.join(packages(), ".bin", "protoc-gen-es")
    protoc("--plugin=protoc-gen-es=" + generator, "--es_out=target=js,import_extension=js:" + stubs,
           "--freshet_out=lang=js:" + stubs, *PROTOS)
    return ["node", os.path.join(stubs, "driver.js")], {}


BUILD_DRIVER = {"c": _c, "cpp": _cpp, "go": _go, "js": _js, "python": _python, "asyncio": _asyncio}
