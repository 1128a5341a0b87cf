# SPDX-License-Identifier: MIT
"""machine.py - the facts of the machine that a figure is worthless without."""
import os
import platform
import re
import shutil
import subprocess
import time

SPIN_S = 0.5


def _output(*command):
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        match = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.M)
    return match.group(1) if match else platform.machine()


def _processors_got(count):
    """How many processors count busy processes got together; less than count where others or a quota take some."""
    children, began = [], time.monotonic()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            while time.monotonic() < began + SPIN_S:
                pass
            os._exit(0)
        children.append(pid)
    used = 0.0
    for pid in children:
        _, _, usage = os.wait4(pid, 0)
        used += usage.ru_utime + usage.ru_stime
    return used / (time.monotonic() - began)


def _redis_version():
    match = re.search(r"v=(\S+)", _output("redis-server", "--version"))
    return match.group(1) if match else "not installed"


def package(name):
    return _output("dpkg-query", "-W", "-f=${Version}", name) or "not installed"


def facts():
    """In the order to print them."""
    cores = len(os.sched_getaffinity(0))
    compiler = _output("gcc", "--version").splitlines()
    return {
        "cpu": _cpu_model(),
        "processors": f"{cores}, of which busy processes got {_processors_got(cores):.1f} at the start",
        "load average": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": compiler[0] if compiler else "unknown",
        "grpc++": package("libgrpc++-dev"),
        "nng": package("libnng-dev"),
        "protobuf-c": package("libprotobuf-c-dev"),
        "hiredis": package("libhiredis-dev"),
        "node": _output("node", "--version") or "not installed",
        "redis": _redis_version(),
    }
