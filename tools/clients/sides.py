# SPDX-License-Identifier: MIT
"""sides.py - who is compared in each language, and how each one's program is made and run."""
import json
import os
import shutil
import subprocess
from dataclasses import dataclass

import build
from processes import Failed, die_with_parent

HERE = os.path.dirname(os.path.realpath(__file__))
PROTO = os.path.join(build.SOURCE, "proto")
FOLDER = os.path.join(build.BUILD, "clients")
GO_PACKAGES = "/usr/share/gocode"  # Debian's; nothing is downloaded
PYTHON = "/usr/bin/python3"        # the one that Debian's packages are for


@dataclass(frozen=True)
class Side:
    language: str
    system: str
    style: str   # how its users call: "threads", "asyncio", …
    server: str  # a contender of tools/peers, whose server answers

    @property
    def ours(self):
        return self.system == "Freshet"

    @property
    def label(self):
        return f"{self.system}, {self.style}"


SIDES = (
    Side("Node.js", "Freshet", "promises", "freshet-memory"),
    Side("Node.js", "@grpc/grpc-js", "promises", "grpc-bytes"),
    Side("Python", "Freshet", "asyncio", "freshet-memory"),
    Side("Python", "Freshet", "threads", "freshet-memory"),
    Side("Python", "grpcio", "asyncio", "grpc-bytes"),
    Side("Python", "grpcio", "threads", "grpc-bytes"),
    Side("Go", "Freshet", "goroutines", "freshet-memory"),
    Side("Go", "grpc-go", "goroutines", "grpc-bytes"),
    Side("C++", "Freshet", "callbacks", "freshet-memory"),
    Side("C++", "libgrpc++", "callbacks", "grpc-bytes"),
    Side("C++", "libgrpc++", "queues", "grpc-queue"),
)
LANGUAGES = tuple(dict.fromkeys(side.language for side in SIDES))


def _run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed((done.stderr or done.stdout).strip().splitlines()[-1])


def _freshet_gen(language, environment=None):
    _run(os.path.join(build.TREE, "bin", "freshet"), "gen", "--lang", language, "--out", FOLDER, "-I", PROTO,
         "users/v1/users.proto", env={**os.environ, **(environment or {})})
    return os.path.join(FOLDER, language)


def _protoc(*arguments):
    _run("protoc", "-I", PROTO, *arguments, "users/v1/users.proto", "freshet/cache/v1/options.proto")


class Programs:
    """Makes a language's programs before its first cell."""

    def __init__(self):
        self._made = {}

    def command(self, side):
        """(command without arguments, environment)."""
        makers = {"Python": self._python, "Node.js": self._node, "Go": self._go, "C++": self._cpp}
        if side.language not in self._made:
            try:
                self._made[side.language] = makers[side.language]()
            except (Failed, OSError) as reason:
                self._made[side.language] = Failed(str(reason))
        if isinstance(self._made[side.language], Failed):
            raise self._made[side.language]
        return self._made[side.language][side.ours]

    @staticmethod
    def _python():
        ours, theirs = _freshet_gen("python"), os.path.join(FOLDER, "python-grpc")
        os.makedirs(theirs, exist_ok=True)
        _protoc("--python_out=" + theirs, "--grpc_out=" + theirs,
                "--plugin=protoc-gen-grpc=" + (shutil.which("grpc_python_plugin") or "grpc_python_plugin"))
        folder = os.path.join(HERE, "python")
        return {True: ([PYTHON, os.path.join(folder, "freshet_client.py")], {"PYTHONPATH": ours}),
                False: ([PYTHON, os.path.join(folder, "grpc_client.py")], {"PYTHONPATH": theirs})}

    @staticmethod
    def _node():
        modules = os.path.join(FOLDER, "node_modules")
        folder = _freshet_gen("js", {"PATH": os.path.join(modules, ".bin") + os.pathsep + os.environ["PATH"]})
        for name in ("loop.js", "freshet_client.js", "grpc_client.js"):
            shutil.copy(os.path.join(HERE, "js", name), folder)
        environment = {"PROTO": PROTO, "NODE_ENV": "production"}
        return {True: (["node", os.path.join(folder, "freshet_client.js")], environment),
                False: (["node", os.path.join(folder, "grpc_client.js")], environment)}

    @staticmethod
    def _go():
        path = os.path.join(FOLDER, "gopath")
        source = os.path.join(path, "src")
        shutil.rmtree(source, ignore_errors=True)
        os.makedirs(os.path.join(source, "example"))
        os.symlink(_freshet_gen("go"), os.path.join(source, "example", "stubs"))
        shutil.copytree(os.path.join(HERE, "go"), os.path.join(source, "clients"))
        packages = ",".join(f"M{name}.proto=example/grpc/{folder};{package}" for name, folder, package in (
            ("users/v1/users", "users/v1", "usersv1pb"),
            ("freshet/cache/v1/options", "freshet/cache/v1", "cachev1pb")))
        _protoc(f"--go_out={packages}:{source}", f"--go-grpc_out={packages}:{source}")
        _run("go", "build", "-o", path + os.sep, "clients/freshet", "clients/grpc",
             env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": f"{path}:{GO_PACKAGES}",
                  "GOCACHE": os.path.join(FOLDER, "go-cache")})
        return {True: ([os.path.join(path, "freshet")], {}), False: ([os.path.join(path, "grpc")], {})}

    @staticmethod
    def _cpp():
        programs = {True: "client-freshet-cpp", False: "peer-client-grpc"}
        for name in programs.values():
            if not os.path.exists(os.path.join(build.TREE, "bin", name)):
                raise Failed(f"{name} was not built: its packages are missing")
        return {ours: ([os.path.join(build.TREE, "bin", name)], {}) for ours, name in programs.items()}


def _arguments(side, calls, warmup_s, seconds):
    if side.language != "C++":
        return [side.style, str(calls), str(warmup_s), str(seconds)]
    mode = ["--mode", "queue"] if side.style == "queues" else []
    return ["--concurrency", str(calls), "--warmup", str(warmup_s), "--duration", str(seconds), *mode]


def cell(programs, side, address, calls, warmup_s, seconds):
    """What the side's program measured: calls, calls_per_s, p50_us, p99_us, errors, first_error and cpu_s."""
    command, environment = programs.command(side)
    try:
        done = subprocess.run([*command, address, *_arguments(side, calls, warmup_s, seconds)], check=False, text=True,
                              capture_output=True, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                              timeout=warmup_s + seconds + 60, preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        raise Failed("the client did not end") from None
    if not done.stdout.strip():
        raise Failed((done.stderr.strip().splitlines() or [f"the client ended with {done.returncode}"])[-1])
    figures = json.loads(done.stdout)
    figures.setdefault("cpu_s", figures.get("client_cpu_s", 0.0))
    return {name: figures[name] for name in ("calls", "calls_per_s", "p50_us", "p99_us", "errors", "first_error", "cpu_s")}
