#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
test_conformance.py - the generated clients of all languages do and say the same.

usage: test_conformance.py c|cpp|go|js|python|asyncio

Every language has a driver that carries out the steps of vectors.json, in the form of scenario.proto, and prints what
came of each; this compares. server.c is the server as it should be, fake_server.py those that are not.
"""
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from conformance_drivers import BUILD_DRIVER, python_messages
from fake_server import FakeServer
from freshet_testing import BIN, SLOWNESS, Process, free_port, main, wait_until
from google.protobuf import json_format
from language_testing import HERE
from sp_client import REP_HELLO

VECTORS = os.path.join(HERE, "conformance", "vectors.json")
PATIENCE_S = 240
PUBLISHER = bytes.fromhex("0053500000200000")
OVERSIZED = bytes.fromhex("0000000001000001") + b"\x80\0\0\1"


class Servers:
    """Those that vectors.json speaks of, by name."""

    def __init__(self, folder):
        self._folder = folder
        self._silent = socket.create_server(("127.0.0.1", 0))
        self.fake = {
            "hostile": FakeServer(),
            "counted": FakeServer(),
            "http": FakeServer(itertools.repeat((b"HTTP/1.1 400 Bad Request\r\n\r\n",))),
            "half": FakeServer(itertools.repeat((REP_HELLO[:4],))),
            "publisher": FakeServer(itertools.repeat((PUBLISHER, None))),
            "oversized": FakeServer(itertools.repeat((REP_HELLO + OVERSIZED, None))),
            "reformed": FakeServer([(b"",), (b"HTTP/1.1 400",), (REP_HELLO[:7],), (REP_HELLO,), (PUBLISHER,)]),
            "greets": FakeServer(itertools.repeat((REP_HELLO,))),
            "hangs-up": FakeServer(itertools.repeat((b"",))),
        }
        self.addresses = {name: server.address for name, server in self.fake.items()}
        self.addresses["silent"] = "tcp://127.0.0.1:%d" % self._silent.getsockname()[1]
        self.addresses["refused"] = f"tcp://127.0.0.1:{free_port()}"
        self.addresses["good"] = "tcp://127.0.0.1:0"
        self.start()

    def start(self):
        """The good server; on the port that it had."""
        path = os.path.join(self._folder, "server.stdout")
        before = os.path.getsize(path) if os.path.exists(path) else 0
        self._good = Process([os.path.join(BIN, "conformance-server"), self.addresses["good"]], self._folder, "server")

        def told():
            with open(path, encoding="utf-8") as file:
                file.seek(before)
                return file.read().strip()

        self.addresses["good"] = wait_until(told, 15, "the server is serving")

    def kill(self):
        self._good.kill()

    def close(self):
        self._silent.close()
        for server in self.fake.values():
            server.close()
        if self._good.running():
            self._good.signal(15)
            if self._good.wait() != 0:
                raise AssertionError(f"the server failed: {self._good.stderr()}")


class Conformance(unittest.TestCase):
    language = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="freshet-conformance-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.messages = python_messages(cls.folder)
        cls.command, cls.environment = BUILD_DRIVER[cls.language](cls.folder)
        with open(VECTORS, encoding="utf-8") as file:
            cls.scenario = json_format.Parse(file.read(), cls.messages.scenario.Scenario())
        cls.servers = Servers(cls.folder)
        cls.addClassCleanup(cls.servers.close)
        cls.server_of = {target.name: target.server for target in cls.scenario.targets}

    def test_scenario(self):
        steps = iter(self.scenario.steps)
        for outcome in self.outcomes():
            if outcome.ask:
                {"kill": self.servers.kill, "start": self.servers.start}[outcome.ask]()
                continue
            step = next(step for step in steps if not step.ask)
            self.assertEqual(outcome.name, step.name)
            with self.subTest(step.name):
                self.compare(step, self.expected(step), outcome)
        self.assertEqual([step.name for step in steps if not step.ask], [], "the driver left out steps")

    def outcomes(self):
        """What the driver prints, while it runs; it has done what was asked when the next one is wanted."""
        servers = [f"{name}={address}" for name, address in self.servers.addresses.items()]
        with subprocess.Popen([*self.command, VECTORS, *servers], env={**os.environ, **self.environment}, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            told = []
            reader = threading.Thread(target=lambda: told.append(child.stderr.read()))
            timer = threading.Timer(PATIENCE_S * SLOWNESS, child.kill)
            with contextlib.ExitStack() as stack:
                for thread in (reader, timer):
                    thread.start()
                stack.callback(timer.cancel)
                for line in child.stdout:
                    outcome = json_format.Parse(line, self.messages.scenario.Outcome())
                    yield outcome
                    if outcome.ask:
                        child.stdin.write("done\n")
                        child.stdin.flush()
            child.wait()
            reader.join()
        self.assertEqual((child.returncode, "".join(told)), (0, ""), "".join(told))

    def expected(self, step):
        for difference in step.differs:
            self.assertTrue(difference.reason, step.name)
            if self.language in difference.languages:
                return difference.expect
        return step.expect

    def compare(self, step, expect, outcome):
        scenario = self.messages.scenario
        self.assertEqual(scenario.Code.Name(outcome.code), scenario.Code.Name(expect.code), outcome.message)
        self.assertIn(expect.message, outcome.message)
        self.assertEqual(outcome.right, expect.right)
        self.assertEqual(outcome.retry_after_us, expect.retry_after_us)
        self.assertEqual(list(outcome.details), list(expect.details))
        self.assertEqual(entries(outcome.metadata), entries(expect.metadata))
        if outcome.code == scenario.OK and not step.times:
            answer = self.messages.probe.Values.FromString(outcome.answer)
            self.assertEqual(exact(answer), exact(self.answer(step, expect)))
        self.assertGreaterEqual(outcome.took_ms, expect.at_least_ms)
        if expect.less_than_ms:
            self.assertLess(outcome.took_ms, expect.less_than_ms * SLOWNESS)
        server = self.servers.fake.get(self.server_of[step.target])
        if expect.messages_at_most:
            self.assertLessEqual(server.messages, expect.messages_at_most)
        if expect.connections_at_most:
            self.assertLessEqual(server.connections, expect.connections_at_most)

    def answer(self, step, expect):
        values = self.messages.probe.Values()
        values.CopyFrom(step.request if expect.echo else expect.answer)
        fill = step.fill if expect.echo else expect.fill
        if fill.times:
            values.text = (fill.pattern * fill.times).decode()
        return values


def entries(metadata):
    """{key: values in their order}"""
    found = {}
    for entry in metadata:
        found.setdefault(entry.key, []).extend([entry.text or bytes(entry.data)] * max(entry.times, 1))
    return {key: [value or "" for value in values] for key, values in found.items()}


def exact(values):
    """As text, where NaN equals NaN and 0 does not equal -0; of a long text the ends."""
    text = json.dumps(json_format.MessageToDict(values), sort_keys=True)
    return text if len(text) < 10000 else f"{text[:100]}...{text[-100:]} {len(text)} {hash(text)}"


if __name__ == "__main__":
    Conformance.language = sys.argv.pop(1)
    main()
