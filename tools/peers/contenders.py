# SPDX-License-Identifier: MIT
"""contenders.py - who is compared, and how each one's servers are started."""
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field

from processes import Failed, children_of, die_with_parent, redis_command

USERS = 1000            # that every server holds and every client asks for in turn
DATABASE_USERS = 200000  # enough to read each only once in a cell


@dataclass(frozen=True)
class Contender:
    key: str
    label: str
    family: str
    client: str                    # the program that loads it
    server: str                    # a method of Stage
    mode: str = ""                 # of the server
    client_arguments: tuple = ()
    many_channels: bool = False    # the best of 1, 2 and 4 channels counts
    in_memory: bool = False
    cold: bool = False             # Redis is emptied before each cell and each user read once
    warm: bool = False             # all users are read once before each cell
    probes: tuple = ()             # memory: "connections", "calls"


CONTENDERS = (
    Contender("nng", "raw nng echo", "nng", "peer-client-nng", "nng", in_memory=True, probes=("connections",)),
    Contender("freshet-memory", "Freshet, memory", "freshet", "peer-client-freshet", "freshet_memory", "bytes",
              in_memory=True, probes=("connections", "calls")),
    Contender("freshet-system", "Freshet, memory, unplaced", "freshet", "peer-client-freshet",
              "freshet_memory", "system", ("--mode", "system"), in_memory=True),
    Contender("freshet-message", "Freshet, memory, serializing", "freshet", "peer-client-freshet", "freshet_memory",
              "message", in_memory=True),
    Contender("freshet-near", "Freshet, near cache", "freshet", "peer-client-freshet", "freshet_stack", "64M", warm=True),
    Contender("freshet-redis", "Freshet, Redis", "freshet", "peer-client-freshet", "freshet_stack", "0", warm=True),
    Contender("freshet-database", "Freshet, database", "freshet", "peer-client-freshet", "freshet_stack", "0",
              client_arguments=("--once", "--users", str(DATABASE_USERS)), cold=True),
    Contender("grpc-map", "gRPC C++, memory, serializing", "grpc", "peer-client-grpc", "grpc", "map",
              many_channels=True, in_memory=True, probes=("connections", "calls")),
    Contender("grpc-bytes", "gRPC C++, memory", "grpc", "peer-client-grpc", "grpc", "bytes", many_channels=True,
              in_memory=True, probes=("connections", "calls")),
    Contender("grpc-queue", "gRPC C++, memory, queues", "grpc", "peer-client-grpc", "grpc", "queue",
              ("--mode", "queue"), many_channels=True, in_memory=True),
    Contender("grpc-stream", "gRPC C++, memory, stream", "grpc", "peer-client-grpc", "grpc", "stream",
              ("--mode", "stream"), many_channels=True, in_memory=True, probes=("connections",)),
    Contender("grpc-redis", "gRPC C++, Redis", "grpc", "peer-client-grpc", "grpc", "redis", many_channels=True),
    Contender("express", "Express + ioredis, JSON", "express", "peer-client-http", "express",
              probes=("connections",)),
)


@dataclass
class Servers:
    """What a client needs to know of the processes that serve it."""
    address: str
    server_pids: list
    store_pids: list = field(default_factory=list)
    redis_port: int = 0
    process: object = None


class Stage:
    """Starts servers when they are first needed and keeps them for the whole run."""

    def __init__(self, processes, source, binaries, node_folder):
        self._processes = processes
        self._source = source
        self._binaries = binaries
        self._node_folder = node_folder
        self._servers = {}
        self._redis = {}

    def binary(self, name):
        path = os.path.join(self._binaries, name)
        if not os.path.exists(path):
            raise Failed(f"{name} was not built: its packages are missing")
        return path

    def servers(self, contender):
        key = (contender.server, contender.mode)
        if key not in self._servers:
            try:
                self._servers[key] = self.fresh(contender)
            except Failed as reason:
                self._servers[key] = reason
        if isinstance(self._servers[key], Failed):
            raise self._servers[key]
        return self._servers[key]

    def fresh(self, contender):
        """Servers of their own, for a measurement that needs untouched ones."""
        return getattr(self, "_start_" + contender.server)(contender)

    def stop(self, servers):
        self._processes.stop(servers.process)

    def _private_redis(self, name):
        if name not in self._redis:
            self._redis[name] = self._processes.start_redis("redis-" + name)
        return self._redis[name]

    def _start_program(self, name, arguments, environment=None, **more):
        process, address = self._processes.start(name, arguments, environment)
        return Servers(address, [process.pid], process=process, **more)

    def _start_nng(self, _):
        return self._start_program("nng-echo", [self.binary("nng-echo"), "serve", "tcp://127.0.0.1:0"])

    def _start_freshet_memory(self, contender):
        return self._start_program(contender.key, [self.binary("peer-server-freshet"), contender.mode, str(USERS)])

    def _start_freshet_stack(self, contender):
        """mode is the size of api's near cache."""
        redis, port = self._private_redis(contender.key)
        database = os.path.join(self._processes.folder, contender.key + ".db")
        process, line = self._processes.start(contender.key, [
            self.binary("freshet"), "up", "--json", "--port-base", "0", "--db", "sqlite:" + database,
            "--redis", f"redis://127.0.0.1:{port}/0", "--seed-users", str(DATABASE_USERS)],
            {"FRESHET_NEAR_CACHE_BYTES": contender.mode})
        return Servers(json.loads(line)["api"], children_of(process.pid), [redis.pid], port, process)

    def _start_grpc(self, contender):
        arguments = [self.binary("peer-server-grpc"), contender.mode, str(USERS)]
        if contender.mode != "redis":
            return self._start_program(contender.key, arguments)
        redis, port = self._private_redis("peers")
        return self._start_program(contender.key, arguments + [str(port)], store_pids=[redis.pid], redis_port=port)

    def _start_express(self, contender):
        modules = os.path.join(self._node_folder, "node_modules")
        if shutil.which("node") is None or not os.path.isdir(os.path.join(modules, "ioredis")):
            raise Failed("Node.js or its packages express and ioredis are missing")
        redis, port = self._private_redis("peers")
        script = os.path.join(self._source, "tools", "peers", "server_express.js")
        return self._start_program(contender.key, ["node", script, str(USERS), str(port)],
                                   {"NODE_PATH": modules, "NODE_ENV": "production"}, store_pids=[redis.pid],
                                   redis_port=port)


class Client:
    """Runs the load programs against a stage's servers."""

    def __init__(self, stage):
        self._stage = stage

    def run(self, contender, servers, arguments, seconds):
        command = [self._stage.binary(contender.client), servers.address, *contender.client_arguments, *arguments]
        command += [word for pid in servers.server_pids for word in ("--server-pid", str(pid))]
        command += [word for pid in servers.store_pids for word in ("--store-pid", str(pid))]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=seconds + 60, check=False, preexec_fn=die_with_parent)
        except subprocess.TimeoutExpired:
            raise Failed("the client did not end") from None
        if not done.stdout.strip():
            raise Failed((done.stderr.strip().splitlines() or [f"the client ended with {done.returncode}"])[-1])
        return json.loads(done.stdout)

    def cell(self, contender, arguments, seconds, warmup):
        servers = self._stage.servers(contender)
        if contender.cold:
            redis_command(servers.redis_port, "FLUSHALL")
        if contender.warm:
            self.run(contender, servers, ["--concurrency", "64", "--warmup", "0", "--duration", "10", "--once",
                                          "--users", str(USERS)], 10)
        return self.run(contender, servers,
                        [*arguments, "--duration", str(seconds), "--warmup", str(warmup)], seconds + warmup)
