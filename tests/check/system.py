# SPDX-License-Identifier: MIT
"""system.py - the processes of one run: Redis, the proxy, six services and the load; all in a temporary folder.

Every child is started from the main thread, dies with it (PR_SET_PDEATHSIG) and is ended by its id.
"""
import contextlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

import plan
from freshet_testing import BIN, PR_SET_PDEATHSIG, SANITIZER_REPORT, SLOWNESS, Process, Redis, prctl

HOT, WARM, COLD, CHURNING = 16, 128, 1000, 32  # as in load.c
FIRST_USER = 1000  # as --seed-users numbers them
START_S = 20 * SLOWNESS
STOP_S = 20 * SLOWNESS


class Broken(Exception):
    """The run cannot go on."""


def now_us():
    """The clock of check-load."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def steady_port(chance=random.SystemRandom()):
    """A free port that no outgoing connection takes while its service is down."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        lowest = int(file.read().split()[0])
    while True:
        port = chance.randrange(10000, lowest) if lowest > 12000 else 0
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]


def until(condition, seconds):
    """To be driven by "yield from": the first true value of condition(), or None when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value or None
        yield 0.02


class Talker:
    """A child that obeys lines on its input and answers lines on its output."""

    def __init__(self, name, arguments, folder):
        self.name = name
        with open(os.path.join(folder, name + ".stderr"), "ab") as stderr:
            self._child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                           preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        self.output = self._child.stdout.fileno()
        self._rest = b""

    def say(self, line):
        try:
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        except OSError as error:
            raise Broken(f"{self.name} has ended: {error}") from error

    def lines(self):
        """The whole lines of one read, which may wait."""
        part = os.read(self.output, 1 << 20)
        if not part:
            raise Broken(f"{self.name} has ended with {self._child.wait()}")
        *lines, self._rest = (self._rest + part).split(b"\n")
        return [line.decode() for line in lines]

    def answer(self):
        lines = []
        while not lines:
            lines = self.lines()
        return lines[0]

    def end(self, seconds):
        """Its exit status once its input has ended and its output was read."""
        self._child.stdin.close()
        return self._child.wait(seconds)

    def kill(self):
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                stream.close()


class Proxy(Talker):
    def __init__(self, folder):
        super().__init__("proxy", [os.path.join(BIN, "check-proxy"), str(len(plan.LINKS))], folder)
        self.ports = dict(zip(plan.LINKS, map(int, self.answer().split())))

    def order(self, verb, link, *arguments):
        self.say(" ".join([verb, str(plan.LINKS.index(link)), *map(str, arguments)]))
        word, number = self.answer().split()
        if word != "ok":
            raise Broken(f"the proxy does not understand {verb}")
        return int(number)

    def redirect_redis(self, port):
        for link in plan.REDIS_LINKS:
            self.order("target", link, port)


class RedisServer(Redis):
    """One life of a redis-server; number names its folder."""

    def __init__(self, folder, number, *options):
        self.folder = os.path.join(folder, f"redis-{number}")
        os.mkdir(self.folder)
        super().__init__(self.folder)
        self.port = steady_port()
        self._options = options

    def start(self):
        self.process = Process(["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
                                "--appendonly", "no", "--dir", self.folder, "--repl-diskless-sync-delay", "0",
                                *self._options], self.folder, "redis")
        return self

    def answers(self):
        with contextlib.suppress(OSError):
            return self.command("PING") == b"PONG"
        return False

    def info(self, name):
        for line in self.command("INFO").decode().splitlines():
            if line.startswith(name + ":"):
                return line.partition(":")[2]
        return ""


class System:
    def __init__(self, design):
        self.design = design
        self.folder = tempfile.mkdtemp(prefix="freshet-check-")
        self.database = os.path.join(self.folder, "freshet.db")
        self.proxy = None
        self.redis = None
        self.load = None
        self.services = {}
        self.down = set()  # services that a fault has ended
        self._lives = 0
        self._ports = {name: steady_port() for name in plan.SERVICES}
        self._retired = []  # servers of Redis that may still run

    # ---- Redis ----

    def new_redis(self, *options):
        self._lives += 1
        server = RedisServer(self.folder, self._lives, *options)
        self._retired.append(server)
        return server

    def adopt_redis(self, server):
        """From now on services reach this one, over new connections."""
        self.redis = server
        self.proxy.redirect_redis(server.port)
        for link in plan.REDIS_LINKS:
            self.proxy.order("cut", link)

    # ---- services ----

    def _options(self, name):
        role, number = name.split("-")
        options = ["--listen", f"tcp://127.0.0.1:{self._ports[name]}",
                   "--redis", f"redis://127.0.0.1:{self.proxy.ports['redis-' + name]}/0"]
        if role == "api":
            for other in ("data", "update"):
                options += [f"--{other}", f"tcp://127.0.0.1:{self.proxy.ports[f'{other}-{number}']}"]
        else:
            options += ["--db", "sqlite:" + self.database]
        if role == "data":
            options += ["--seed-users", str(HOT + WARM + COLD)]
        return options

    def _address_file(self, name):
        return os.path.join(self.folder, name + ".address")

    def start_service(self, name, failpoint=None):
        """To be driven: starts it and waits until it serves. A failpoint may end it before that."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._address_file(name))
        role = name.split("-")[0]
        program = [f"freshet-{role}"] if self.design == "freshet" else ["check-naive", "--role", role]
        arguments = [os.path.join(BIN, program[0]), *program[1:], *self._options(name), "--address-file",
                     self._address_file(name)]
        process = Process(arguments, self.folder, name, {"FRESHET_FAILPOINT": failpoint} if failpoint else None)
        self.services[name] = process
        serves = yield from until(lambda: os.path.exists(self._address_file(name)) or not process.running(), START_S)
        if not failpoint and (not serves or not process.running()):
            raise Broken(f"{name} did not start: {process.stderr()[-2000:]}")
        if not failpoint:
            self.down.discard(name)

    def kill_service(self, name):
        self.down.add(name)
        self.services[name].kill()

    def died(self):
        """Services that ended although no fault ended them."""
        return [name for name, process in self.services.items() if name not in self.down and not process.running()]

    def address(self, name):
        return f"tcp://127.0.0.1:{self._ports[name]}"

    # ---- all of it ----

    def start(self, load_options, in_peace):
        """To be driven. Only in peace does one Redis live long enough to be measured."""
        self.proxy = Proxy(self.folder)
        server = self.new_redis().start()
        if not (yield from until(server.answers, START_S)):
            raise Broken("redis-server does not answer")
        self.adopt_redis(server)
        for link in plan.RPC_LINKS:
            self.proxy.order("target", link, self._ports[link])
        for name in sorted(plan.SERVICES, key=lambda name: name.startswith("api")):
            yield from self.start_service(name)
        apis = [word for number in plan.PAIRS for word in ("--api", self.address(f"api-{number}"))]
        self.load = Talker("load", [os.path.join(BIN, "check-load"), *apis, "--redis-port",
                                    str(server.port if in_peace else 0), *load_options], self.folder)

    def stop_services(self):
        """Ends them in order; what went wrong with that, or was reported by a sanitizer before, in words."""
        troubles = []
        for name in reversed(plan.SERVICES):
            process = self.services[name]
            process.signal(signal.SIGTERM)
            try:
                code = process.wait(STOP_S / SLOWNESS)
                if code != 0:
                    troubles.append(f"{name} ended with {code}: {process.stderr()[-1000:]}")
            except AssertionError as error:
                troubles.append(str(error))
            with open(process.stderr_path, encoding="utf-8", errors="replace") as file:
                troubles += [f"{name}: {line.strip()}" for line in file if SANITIZER_REPORT.search(line)]
        return troubles

    def close(self, keep):
        """Kills whatever runs; removes the folder unless keep says otherwise."""
        children = [*self.services.values(), *(server.process for server in self._retired if server.process)]
        for child in [*children, self.load, self.proxy]:
            if child is not None:
                child.kill()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- the database ----

    def query(self, statement):
        with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
            return connection.execute(statement).fetchall()

    def marks_left(self):
        return self.query("SELECT count(*) FROM dirty")[0][0]

    def ids(self):
        """Every key that the load uses."""
        return [f"user-{FIRST_USER + number}" for number in range(HOT + WARM + COLD)] + [
            f"churn-{number}" for number in range(CHURNING)]


