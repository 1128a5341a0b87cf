# SPDX-License-Identifier: MIT
"""processes.py - the private child processes of one run, ended by id whatever happens.

Start children from the main thread: the kernel's death signal follows the thread that started the child.
"""
import contextlib
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
START_S, STOP_S = 60, 15
_LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A peer that cannot be measured; its rows say why."""


def die_with_parent():
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def children_of(pid):
    """The pids of all children, of every thread that started one."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    return found


class Processes:
    """A folder for the run, and the children started in it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-peers-")
        self._running = []

    def start(self, name, arguments, environment=None):
        """A server that prints one line once it is ready. Returns (process, that line)."""
        log = os.path.join(self.folder, name.replace("/", "-") + ".log")
        with open(log, "ab") as errors:
            process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                       cwd=self.folder, env={**os.environ, **(environment or {})},
                                       preexec_fn=die_with_parent)
        self._running.append(process)
        ready, _, _ = select.select([process.stdout], [], [], START_S)
        line = process.stdout.readline().decode().strip() if ready else ""
        if not line:
            with open(log, encoding="utf-8", errors="replace") as file:
                last = (file.read().strip().splitlines() or ["it printed nothing"])[-1]
            self.stop(process)
            raise Failed(f"{name} did not start: {last}")
        return process, line

    def start_redis(self, name):
        """Returns (process, port); without persistence, on a free port."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        for _ in range(5):  # another program may take the port first
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            process = subprocess.Popen(
                ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                 "--dir", folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent)
            self._running.append(process)
            if self._wait_for_redis(process, port):
                return process, port
            self.stop(process)
        raise Failed("redis-server does not start")

    @staticmethod
    def _wait_for_redis(process, port):
        until = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < until:
            try:
                if redis_command(port, "PING") == b"+PONG\r\n":
                    return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def stop(self, process):
        if process in self._running:
            self._running.remove(process)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def close(self):
        """The latest first: clients of Redis before Redis."""
        for process in reversed(list(self._running)):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)


def redis_command(port, *words):
    """The first bytes of the reply, enough for a simple one."""
    text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096)
