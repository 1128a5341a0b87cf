# SPDX-License-Identifier: MIT
"""freshet_testing.py - a private redis-server and the three services, for tests of whole programs.

Children are killed by the kernel when this process ends, and ended by id only. Start them from the main thread:
the kernel's death signal follows the thread that started the child.
"""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import sp_client
from sp_client import Client, Lost, RpcError

BUILD = os.environ.get("FRESHET_BUILD") or os.path.join(sp_client.SOURCE, "build", "debug")
BIN = os.environ.get("FRESHET_BIN") or os.path.join(BUILD, "bin")

PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER = 1, 24, 36
CAP_DAC_OVERRIDE = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|assertion .* failed", re.I)


def _cache_variable(name):
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        match = re.search(rf"^{name}:\w+=(.*)$", file.read(), re.M)
    return match.group(1) if match else ""


SANITIZERS = _cache_variable("FRESHET_SANITIZE")
SANITIZED = bool(SANITIZERS)
FAILPOINTS = _cache_variable("CMAKE_BUILD_TYPE") != "Release"
# Time limits that the contract gives hold for release builds; sanitizers are several times slower.
SLOWNESS = 4 if SANITIZED else 1


def wait_until(condition, seconds=10, what="the condition"):
    """Returns the first true value of condition(); fails after the deadline. Lost and RpcError count as false."""
    deadline = time.monotonic() + seconds * SLOWNESS
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (Lost, RpcError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds * SLOWNESS} s ({last})")
        time.sleep(0.01)


def prctl(option, value):
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


class Process:
    """A child whose stdout and stderr go to files in folder."""

    def __init__(self, arguments, folder, name, environment=None, obeys_permissions=False):
        self.name = name
        self.stderr_path = os.path.join(folder, name + ".stderr")
        self._stderr_from = os.path.getsize(self.stderr_path) if os.path.exists(self.stderr_path) else 0

        def before_exec():
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if obeys_permissions and os.geteuid() == 0:
                prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)

        with open(self.stderr_path, "ab") as stderr, open(os.path.join(folder, name + ".stdout"), "ab") as stdout:
            self._child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                                           env={**os.environ, **(environment or {})}, preexec_fn=before_exec)

    @property
    def pid(self):
        return self._child.pid

    def running(self):
        return self._child.poll() is None

    def wait(self, seconds=15):
        """The exit code; negative for a signal."""
        try:
            return self._child.wait(seconds * SLOWNESS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.name} did not end within {seconds * SLOWNESS} s") from error

    def signal(self, number):
        self._child.send_signal(number)

    def kill(self):
        """kill -9, and waits."""
        if self.running():
            self._child.kill()
        self._child.wait()

    def stderr(self):
        """What this run wrote; earlier runs under the same name are left out."""
        with open(self.stderr_path, "rb") as file:
            file.seek(self._stderr_from)
            return file.read().decode("utf-8", "replace")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A redis-server without persistence; start() after kill() takes the same port."""

    def __init__(self, folder):
        self._folder = folder
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        self.process = Process(["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                                "--appendonly", "no", "--dir", self._folder], self._folder, "redis")

        def answers():
            if not self.process.running():
                raise AssertionError("redis-server ended at its start")
            with contextlib.suppress(OSError):
                return self.command("PING") == b"PONG"

        wait_until(answers, 10, "redis-server answers")

    def kill(self):
        self.process.kill()

    def command(self, *words):
        """One command over a connection of its own; bytes, an int, a list or None."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            with connection.makefile("rb") as stream:
                return self._reply(stream)

    def _reply(self, stream):
        line = stream.readline()
        kind, rest = line[:1], line[1:].rstrip(b"\r\n")
        if kind == b"-":
            raise OSError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply(stream) for _ in range(int(rest))]
        return rest


class Service(Process):
    """One freshet-… program, or another on fr_service_main. address is known once ready() returned."""

    def __init__(self, name, options, folder, environment=None, wrapper=(), program=None):
        self._address_file = os.path.join(folder, name + ".address")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._address_file)
        self.address = None
        program = program or os.path.join(BIN, "freshet-" + name)
        super().__init__([*wrapper, program, "--address-file", self._address_file, *options], folder, name, environment)

    def ready(self, seconds=15):
        def is_serving():
            if not self.running():
                raise AssertionError(f"freshet-{self.name} ended with {self.wait()}: {self.stderr()}")
            with contextlib.suppress(FileNotFoundError):
                with open(self._address_file, encoding="utf-8") as file:
                    self.address = file.read().strip()
            return self.address and sp_client.call(
                self.address, "grpc.health.v1.Health/Check").message.status == sp_client.health.HealthCheckResponse.SERVING

        wait_until(is_serving, seconds, f"freshet-{self.name} is serving")

    def stop(self):
        """SIGTERM; a clean exit is the only good one."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        if code != 0:
            raise AssertionError(f"freshet-{self.name} ended with {code} on SIGTERM: {self.stderr()[-4000:]}")


class System:
    """Redis and the services in a temporary folder. Services restart on the port they had."""

    NAMES = ("data", "update", "api")

    def __init__(self, wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="freshet-test-")
        self.database = os.path.join(self.folder, "freshet.db")
        self.redis = Redis(self.folder)
        self.services = {}
        self.final_logs = None
        self._wrapper = wrapper
        self._addresses = {}

    def start(self, redis=True):
        if redis:
            self.redis.start()
        for name in self.NAMES:
            self.start_service(name)
        return self

    def options_of(self, name):
        options = ["--listen", self._addresses.get(name, "tcp://127.0.0.1:0"), "--redis", self.redis.url,
                   "--namespace", "test"]
        if name == "api":
            options += ["--data", self._addresses["data"], "--update", self._addresses["update"]]
        else:
            options += ["--db", "sqlite:" + self.database]
        return options

    def start_service(self, name, environment=None):
        service = Service(name, self.options_of(name), self.folder, environment, self._wrapper)
        self.services[name] = service
        service.ready(60 if self._wrapper else 15)
        self._addresses[name] = service.address
        return service

    def __getitem__(self, name):
        return self.services[name]

    def address(self, name="api"):
        return self._addresses[name]

    def client(self, name="api"):
        return Client(self.address(name))

    def rows(self):
        """{id: (name, email, preference)} as the database has them now."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return {row[0]: row[1:] for row in connection.execute("SELECT id, name, email, preference FROM users")}

    def sql(self, statement):
        """Runs one statement in the sqlite3 shell, as a person would type it."""
        subprocess.run(["sqlite3", "-cmd", ".timeout 10000", self.database, statement], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)

    def logs(self):
        if self.final_logs is not None:
            return self.final_logs
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith(".stderr"):
                with open(os.path.join(self.folder, name), "rb") as file:
                    text += f"--- {name}\n{file.read()[-6000:].decode('utf-8', 'replace')}"
        return text

    def stop(self):
        """Stops what runs; every service must end well and have reported nothing through a sanitizer."""
        problems = []
        for name in reversed(self.NAMES):
            service = self.services.get(name)
            if service is not None and service.running():
                try:
                    service.stop()
                except AssertionError as error:
                    problems.append(str(error))
                    service.kill()
        if self.redis.process is not None:
            self.redis.kill()
        for name in self.NAMES:
            path = os.path.join(self.folder, name + ".stderr")
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    problems += [f"{name}: {line.strip()}" for line in file if SANITIZER_REPORT.search(line)]
        self.final_logs = self.logs()
        shutil.rmtree(self.folder, ignore_errors=True)
        if problems:
            raise AssertionError("\n".join(problems))


class Load:
    """Threads that read and write through api until stopped, and count what came of it."""

    def __init__(self, system, ids, readers=2, writers=1):
        self.reads = 0
        self.writes = 0
        self.read_failures = []
        self.write_failures = []
        self._system = system
        self._ids = list(ids)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(self._read, number, self.read_failures), daemon=True)
                         for number in range(readers)]
        self._threads += [threading.Thread(target=self._run, args=(self._write, number, self.write_failures), daemon=True)
                          for number in range(writers)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
            if thread.is_alive():
                raise AssertionError("a client of the load got no answer within 60 s")

    def _run(self, step, number, failures):
        client = None
        turn = number
        while not self._stop.is_set():
            turn += 1
            try:
                client = client or self._system.client()
                step(client, self._ids[turn % len(self._ids)], f"load-{number}-{turn}")
            except RpcError as error:
                failures.append(error)
                self._stop.wait(0.005)
            except Lost as error:
                failures.append(error)
                if client is not None:
                    client.close()
                client = None
                self._stop.wait(0.02)
        if client is not None:
            client.close()

    def _read(self, client, user_id, _):
        client.call("users.v1.Users/GetUser", id=user_id)
        with self._lock:
            self.reads += 1

    def _write(self, client, user_id, text):
        client.call("users.v1.Users/UpdatePreference", id=user_id, preference=text)
        with self._lock:
            self.writes += 1

    def wait_for(self, reads=0, writes=0, seconds=20):
        """Until that many more reads and writes have succeeded."""
        reads, writes = self.reads + reads, self.writes + writes
        wait_until(lambda: self.reads >= reads and self.writes >= writes, seconds, "the load goes on")


def run_freshet(*arguments, stdin=None, seconds=60, environment=None):
    """Runs the command-line client to its end; a CompletedProcess with text."""
    return subprocess.run([os.path.join(BIN, "freshet"), *arguments], input=stdin, text=True, capture_output=True,
                          timeout=seconds * SLOWNESS, env={**os.environ, **(environment or {})}, check=False)


class TestCase(unittest.TestCase):
    """Prints the services' logs beside a failure."""

    @classmethod
    def start_for_class(cls):
        """One System for all tests of the class."""
        cls.system = System()
        cls.addClassCleanup(cls._stop_for_class)
        cls.system.start()

    @classmethod
    def _stop_for_class(cls):
        try:
            cls.system.stop()
        except AssertionError:
            sys.stderr.write(cls.system.logs())
            raise

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            system = getattr(self, "system", None)
            if system is not None:
                sys.stderr.write(system.logs())

    def started(self, redis=True, wrapper=()):
        """A System for this test alone; its programs run under wrapper."""
        self.system = System(wrapper)
        self.addCleanup(self.system.stop)
        return self.system.start(redis)

    def assert_code(self, code, function, *arguments, **fields):
        with self.assertRaises(RpcError) as caught:
            function(*arguments, **fields)
        self.assertEqual(caught.exception.code, code, caught.exception.message)
        return caught.exception.message

    def assert_api_equals_database(self, system, seconds=10):
        """Every row read through api is the row of the database, from the caches as well."""
        with system.client() as client:
            for user_id in system.rows():
                def is_fresh(user_id=user_id):
                    user = client.call("users.v1.Users/GetUser", id=user_id).message
                    return (user.name, user.email, user.preference) == system.rows()[user_id]
                wait_until(is_fresh, seconds, f"{user_id} read through api is the row of the database")
            for user_id, row in system.rows().items():
                user = client.call("users.v1.Users/GetUser", id=user_id).message
                self.assertEqual((user.name, user.email, user.preference), row)


def main():
    """unittest.main(), but in CI a skipped test is a failure."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    skipped = bool(os.environ.get("CI")) and bool(program.result.skipped)
    sys.exit(0 if program.result.wasSuccessful() and not skipped else 1)
