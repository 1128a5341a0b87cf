# SPDX-License-Identifier: MIT
"""sp_client.py - a stranger's client: SP and the envelope over a plain socket, with no nng and none of our C.

Wire: both sides send eight bytes; then every message is a big-endian u64 length, a u32 request id with the top
bit set, and one RequestBatch or ResponseBatch (proto/freshet/rpc/v1/rpc.proto).
"""
import atexit
import importlib
import itertools
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("FRESHET_SOURCE") or os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))

REQ_HELLO = bytes.fromhex("0053500000300000")
REP_HELLO = bytes.fromhex("0053500000310000")

OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS = range(7)
RESOURCE_EXHAUSTED, FAILED_PRECONDITION, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 8, 9, 12, 13, 14


def _generate():
    """Compiles every .proto of the project into Python modules in a temporary folder and imports them."""
    out = tempfile.mkdtemp(prefix="freshet-pb-")
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    root = os.path.join(SOURCE, "proto")
    files = sorted(os.path.relpath(os.path.join(folder, name), root)
                   for folder, _, names in os.walk(root) for name in names if name.endswith(".proto"))
    subprocess.run(["protoc", "-I", root, "--python_out=" + out, *files], check=True)
    # Regular packages, or an installed package "grpc" would hide ours.
    for folder, _, _ in os.walk(out):
        if folder != out:
            open(os.path.join(folder, "__init__.py"), "w", encoding="utf-8").close()
    sys.path.insert(0, out)
    importlib.invalidate_caches()
    return [importlib.import_module(file[:-len(".proto")].replace("/", ".") + "_pb2") for file in files]


_MODULES = _generate()
rpc = sys.modules["freshet.rpc.v1.rpc_pb2"]
users = sys.modules["users.v1.users_pb2"]
health = sys.modules["grpc.health.v1.health_pb2"]
cache = sys.modules["freshet.cache.v1.cache_pb2"]

# "users.v1.Users/GetUser": (class of the request, class of the response)
METHODS = {f"{service.full_name}/{method.name}": (method.input_type._concrete_class, method.output_type._concrete_class)
           for module in _MODULES for service in module.DESCRIPTOR.services_by_name.values()
           for method in service.methods}


class Lost(Exception):
    """The connection was refused or broke before the answer."""


class RpcError(Exception):
    def __init__(self, response):
        super().__init__(f"{response.code}: {response.message}")
        self.code = response.code
        self.message = response.message


class Reply:
    """What a call that succeeded brought: the message and the metadata beside it."""

    def __init__(self, message, metadata):
        self.message = message
        self.metadata = metadata

    @property
    def source(self):
        return self.metadata.get("x-cache", b"").decode()

    @property
    def cached(self):
        return self.source in ("near", "redis")


def connect(address, timeout_s=30):
    """A plain TCP socket to "tcp://host:port"."""
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    try:
        connection = socket.create_connection((host, int(port)), timeout_s)
    except OSError as error:
        raise Lost(f"{address}: {error}") from error
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Client:
    """One connection, used by one thread. timeout_s bounds every wait."""

    def __init__(self, address, timeout_s=30):
        self.socket = connect(address, timeout_s)
        self._ids = itertools.count(1)
        self._early = {}
        try:
            self.socket.sendall(REQ_HELLO)
            hello = self._receive_exactly(8)
            if hello != REP_HELLO:
                raise Lost(f"{address}: not an SP reply socket: {hello.hex()}")
        except (OSError, Lost) as error:
            self.socket.close()
            raise Lost(f"{address}: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def _receive_exactly(self, size):
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self.socket.recv(min(size - len(parts), 1 << 20))
            except OSError as error:
                raise Lost(str(error) or type(error).__name__) from error
            if not part:
                raise Lost("the connection was closed")
            parts += part
        return bytes(parts)

    def send(self, body):
        """Sends one message and returns its request id, for receive()."""
        request_id = 0x80000000 | next(self._ids)
        try:
            self.socket.sendall(struct.pack(">QI", len(body) + 4, request_id) + body)
        except OSError as error:
            raise Lost(str(error)) from error
        return request_id

    def receive(self, request_id):
        """The body of the reply to that request; replies to others are kept for later."""
        while request_id not in self._early:
            size, = struct.unpack(">Q", self._receive_exactly(8))
            message = self._receive_exactly(size)
            self._early[struct.unpack(">I", message[:4])[0]] = message[4:]
        return self._early.pop(request_id)

    def exchange(self, body):
        """Sends any bytes as one message and returns the ResponseBatch."""
        return rpc.ResponseBatch.FromString(self.receive(self.send(body)))

    def batch(self, requests, **fields):
        return self.exchange(rpc.RequestBatch(request=requests, **fields).SerializeToString())

    def call(self, method, request=None, timeout_us=0, metadata=None, **fields):
        """One call: call("users.v1.Users/GetUser", id="user-123"). Raises RpcError or Lost."""
        request_class, response_class = METHODS[method]
        answer = self.batch([make_request(1, method, request or request_class(**fields), timeout_us, metadata)])
        if len(answer.response) != 1 or answer.response[0].id not in (0, 1):
            raise AssertionError(f"one call got {answer}")
        response = answer.response[0]
        if response.code != OK:
            raise RpcError(response)
        return Reply(response_class.FromString(response.payload), {item.key: item.value for item in response.metadata})


def make_request(call_id, method, message, timeout_us=0, metadata=None):
    """message is a protobuf message or bytes."""
    payload = message if isinstance(message, bytes) else message.SerializeToString()
    return rpc.Request(id=call_id, method=method, timeout_us=timeout_us, payload=payload,
                       metadata=[rpc.Metadata(key=key, value=value.encode()) for key, value in (metadata or {}).items()])


def call(address, method, request=None, timeout_us=0, metadata=None, **fields):
    """One call over a connection of its own."""
    with Client(address) as client:
        return client.call(method, request, timeout_us, metadata, **fields)
