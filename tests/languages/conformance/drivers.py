# SPDX-License-Identifier: MIT
"""drivers.py - generates the clients and builds the drivers of test_conformance.py."""
import importlib
import os
import sys
import types

from freshet_testing import BIN
from language_testing import HERE, RUN_TIME, protoc

PROTOS = ("probe/probe.proto", "conformance/scenario.proto")


def python_messages(folder):
    """The modules of scenario.proto and probe.proto."""
    generated = os.path.join(folder, "python")
    os.makedirs(generated)
    protoc("--python_out=" + generated, "--freshet_out=lang=python:" + generated, *PROTOS)
    sys.path.insert(0, generated)
    importlib.invalidate_caches()
    return types.SimpleNamespace(scenario=importlib.import_module("conformance.scenario_pb2"),
                                 probe=importlib.import_module("probe.probe_pb2"))


def _c(_folder):
    return [os.path.join(BIN, "conformance-c")], {}


def _python(folder, kind="threads"):
    path = os.pathsep.join((os.path.join(folder, "python"), RUN_TIME))
    return [sys.executable, "-X", "dev", os.path.join(HERE, "conformance", "driver.py"), kind], {"PYTHONPATH": path}


def _asyncio(folder):
    return _python(folder, "asyncio")
BUILD_DRIVER = {"c": _c, "python": _python, "asyncio": _asyncio}
