# SPDX-License-Identifier: MIT
"""freshet_rpc.py - what generated clients of Freshet call through: Channel for threads, AsyncChannel for asyncio.

Needs Python 3.9 and protobuf, nothing else. A channel is one connection to one server, made by the first call and made
again when it was lost. Any number of calls share it: a call leaves at once when nothing is under way, calls issued
meanwhile leave together with the next message, and a slow call holds up no other (docs/protocol.md, sections 4 to 8).

A call waits for the connection at most connect_timeout. When an attempt failed, calls fail at once until the next one
is due, at most 250 ms later. Nothing is sent twice, except what the server certainly did not start.

Everything below runs on one event loop: AsyncChannel's is the caller's, a Channel has one in a thread of its own.
"""
from __future__ import annotations

import asyncio
import contextlib
import enum
import math
import os
import random
import re
import secrets
import socket
import struct
import threading
import time
import weakref
from collections import deque
from concurrent.futures import Future
from datetime import timedelta
from typing import (Any, Callable, Deque, Dict, Generic, Iterable, List, Mapping, NamedTuple, Optional,
                    Sequence, Set, Tuple, Type, TypeVar, Union)

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

__all__ = ["AsyncChannel", "Channel", "Code", "Metadata", "MetadataLike", "Method", "OnMetadata", "RpcError", "Timeout"]

MAX_MESSAGE_BYTES = 4 << 20  # one Request or Response with its envelope
MAX_BATCH_BYTES = 16 << 20  # one message on the wire
_MAX_METADATA_ENTRIES, _MAX_METADATA_BYTES = 64, 8192
_BATCH_CALLS = 1024
_BATCH_BYTES = 1 << 20  # a call that is larger leaves alone
_MESSAGES_UNDER_WAY = 2  # one may wait for late answers while the other is answered at once
_FOREVER_S = 365 * 24 * 3600  # what is longer is no deadline
_BACKOFF_MIN_S, _BACKOFF_MAX_S = 0.01, 0.25
_MAX_CANCELLED = 4096  # ids in a message
_NUMBERS_BYTES = 32  # room for id and timeout, which are set when a call leaves

_REQ_HELLO = bytes.fromhex("0053500000300000")
_REP_HELLO = bytes.fromhex("0053500000310000")

Metadata = List[Tuple[str, Union[str, bytes]]]
"""bytes under keys that end in -bin, str under others; a key may repeat. dict(metadata) has the last of each."""
MetadataLike = Union[Mapping[str, Union[str, bytes]], Iterable[Tuple[str, Union[str, bytes]]]]
OnMetadata = Optional[Callable[[Metadata], object]]
Timeout = Union[float, timedelta, None]
"""Seconds, or a timedelta; None: no deadline."""

Req = TypeVar("Req", bound=Message)
Res = TypeVar("Res", bound=Message)

Code = enum.IntEnum("Code", (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"), start=0)
"""gRPC's status codes."""


class RpcError(Exception):
    """A call that failed, at the server or on the way there."""

    def __init__(self, code: Code, message: str, method: str = "", details: Sequence[any_pb2.Any] = (),
                 metadata: Sequence[Tuple[str, Union[str, bytes]]] = (), retry_after: Optional[float] = None,
                 not_sent: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.method = method
        self.details = tuple(details)
        self.metadata: Metadata = list(metadata)
        self.retry_after = retry_after
        """Seconds after which the server would like another attempt; None: it does not say."""
        self.not_sent = not_sent
        """The server certainly never started the call."""

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}" + (f" ({self.method})" if self.method else "")

    def detail(self, kind: Type[Res]) -> Optional[Res]:
        """The first detail of this message type, or None."""
        message: Res = kind()
        return message if any(detail.Unpack(message) for detail in self.details) else None


class Method(Generic[Req, Res]):
    """One method of a service: Method("users.v1.Users/GetUser", GetUserRequest, User)."""

    __slots__ = ("name", "request", "response")

    def __init__(self, name: str, request: Type[Req], response: Type[Res]) -> None:
        self.name = name
        self.request = request
        self.response = response


# ---- the envelope: freshet/rpc/v1/rpc.proto ----

_SCHEMA: Dict[str, Tuple[Tuple[int, str, str], ...]] = {
    # Texts are read as bytes, so that one that is no UTF-8 spoils nothing else.
    "Metadata": ((1, "key", "bytes"), (2, "value", "bytes")),
    "Detail": ((1, "type_url", "bytes"), (2, "value", "bytes")),
    "Request": ((1, "id", "uint64"), (2, "method", "string"), (3, "timeout_us", "uint64"), (4, "metadata", "*Metadata"),
                (15, "payload", "bytes")),
    "Response": ((1, "id", "uint64"), (2, "code", "uint32"), (3, "message", "bytes"), (4, "metadata", "*Metadata"),
                 (5, "details", "*Detail"), (6, "retry_after_us", "uint64"), (15, "payload", "bytes")),
    # Each is a Request: the numbers of when it leaves, then what was written when the call was made.
    "RequestBatch": ((1, "request", "*bytes"), (2, "session", "fixed64"), (3, "collect", "bool"),
                     (4, "cancel", "*uint64"), (5, "max_reply_bytes", "uint32")),
    "ResponseBatch": ((1, "response", "*Response"), (2, "pending", "*uint64"), (3, "draining", "bool")),
}


def _envelope() -> Dict[str, Any]:
    """The classes of _SCHEMA. They have a pool of their own: a program may have those of rpc.proto as well."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="freshet_rpc.proto", package="freshet_rpc", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for number, field_name, kind in fields:
            label = field_type.LABEL_REPEATED if kind.startswith("*") else field_type.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            kind = kind.lstrip("*")
            if kind in _SCHEMA:
                field.type, field.type_name = field_type.TYPE_MESSAGE, ".freshet_rpc." + kind
            else:
                field.type = getattr(field_type, "TYPE_" + kind.upper())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory: Any = message_factory  # GetPrototype became GetMessageClass in protobuf 4.22
    of_type = factory.GetMessageClass if hasattr(factory, "GetMessageClass") else factory.MessageFactory(pool).GetPrototype
    return {name: of_type(pool.FindMessageTypeByName("freshet_rpc." + name)) for name in _SCHEMA}


_, _, _Request, _Response, _RequestBatch, _ResponseBatch = _envelope().values()

_KEY, _TEXT = re.compile(r"[a-z0-9_.-]+\Z"), re.compile(r"[ -~]*\Z")


def _refused(code: Code, message: str, method: str) -> RpcError:
    return RpcError(code, message, method, not_sent=True)


def _add_metadata(request: Any, metadata: MetadataLike, method: str) -> None:
    count, size = 0, 0
    for key, value in metadata.items() if isinstance(metadata, Mapping) else metadata:
        if not _KEY.match(key):
            raise _refused(Code.INVALID_ARGUMENT,
                           f"{key!r} is no metadata key: lower case letters, digits, '-', '_' and '.'", method)
        if key.endswith("-bin"):
            if not isinstance(value, (bytes, bytearray, memoryview)):
                raise _refused(Code.INVALID_ARGUMENT, f"metadata {key!r}: bytes are needed", method)
        elif not isinstance(value, str) or not _TEXT.match(value):
            raise _refused(Code.INVALID_ARGUMENT, f"metadata {key!r}: a str of printable ASCII is needed", method)
        encoded = value.encode() if isinstance(value, str) else bytes(value)
        request.metadata.add(key=key.encode(), value=encoded)
        count, size = count + 1, size + len(key) + len(encoded)
    if count > _MAX_METADATA_ENTRIES or size > _MAX_METADATA_BYTES:
        raise _refused(Code.RESOURCE_EXHAUSTED,
                       f"the metadata is over {_MAX_METADATA_ENTRIES} entries or {_MAX_METADATA_BYTES} bytes", method)


def _read_metadata(response: Any) -> Metadata:
    pairs = ((item.key.decode("utf-8", "replace"), item.value) for item in response.metadata)
    return [(key, value if key.endswith("-bin") else value.decode("utf-8", "replace")) for key, value in pairs]


def _error(response: Any, method: str, not_sent: bool) -> RpcError:
    details = [any_pb2.Any(type_url=item.type_url.decode("utf-8", "replace"), value=item.value)
               for item in response.details]
    code = Code(response.code) if response.code <= Code.UNAUTHENTICATED else Code.UNKNOWN
    return RpcError(code, response.message.decode("utf-8", "replace"), method, details,
                    _read_metadata(response), response.retry_after_us / 1e6 if response.retry_after_us else None,
                    not_sent)


def _failure(code: Code, message: str) -> Any:
    return _Response(code=code, message=message.encode())


# ---- one call ----

class _Call:
    """From start to end, which comes once: done then gets a Response, the server's or one of our own."""

    __slots__ = ("id", "request", "size", "deadline", "timed", "done", "connection", "timer", "left_out")

    def __init__(self, request: bytes, deadline: Optional[float]) -> None:
        self.id = 0
        self.request = request  # without its numbers
        self.size = len(request) + _NUMBERS_BYTES
        self.deadline = deadline
        self.timed = deadline is not None  # the loop keeps the deadline, not the thread that waits
        self.done: Optional[Callable[[Any], object]] = None
        self.connection: Optional[_Connection] = None  # that it was sent over; None: no server has started it
        self.timer: Optional[asyncio.TimerHandle] = None
        self.left_out = False  # by a server that drains: it waits for another connection even if one was refused

    def end(self, response: Any) -> None:
        done, self.done = self.done, None
        if self.timer is not None:
            self.timer.cancel()
        if done is not None:
            done(response)

    def fail(self, code: Code, message: str) -> None:
        self.end(_failure(code, message))


def _prepare(method: Method[Req, Res], request: Req, timeout: Timeout, metadata: MetadataLike) -> _Call:
    if not isinstance(request, method.request):
        raise TypeError(f"{method.name} takes a {method.request.__name__}, not a {type(request).__name__}")
    try:
        envelope = _Request(method=method.name, payload=request.SerializeToString())
    except Exception as error:  # protobuf has EncodeError, its implementations others too
        raise _refused(Code.INTERNAL, f"the request cannot be encoded: {error}", method.name) from error
    if metadata:
        _add_metadata(envelope, metadata, method.name)
    seconds = _FOREVER_S if timeout is None else _seconds(timeout)
    deadline = time.monotonic() + seconds if seconds < _FOREVER_S else None
    call = _Call(envelope.SerializeToString(), deadline)
    if call.size > MAX_MESSAGE_BYTES:
        raise _refused(Code.RESOURCE_EXHAUSTED, f"the request is over {MAX_MESSAGE_BYTES} bytes", method.name)
    return call


def _result(method: Method[Req, Res], call: _Call, response: Any, on_metadata: OnMetadata) -> Res:
    if response.code != 0:
        raise _error(response, method.name, not_sent=call.connection is None)
    try:
        message: Res = method.response.FromString(response.payload)
    except DecodeError:
        raise RpcError(Code.INTERNAL, f"the answer is no {method.response.__name__}", method.name) from None
    if on_metadata is not None:
        on_metadata(_read_metadata(response))
    return message


# ---- one connection ----

# A message under way.
_Sent = NamedTuple("_Sent", [("ids", Sequence[int]), ("collect", bool), ("late_count", int),
                             ("timer", asyncio.TimerHandle)])


class _Connection(asyncio.Protocol):
    def __init__(self, engine: _Engine) -> None:
        self.greeted: asyncio.Future[None] = engine.loop.create_future()
        self.draining = False
        self.calls: Dict[int, _Call] = {}  # sent, and without an answer so far
        self._engine = engine
        self._transport: Optional[asyncio.Transport] = None
        self._reason = "closed by the server"
        self._buffer = bytearray()
        self._session = secrets.randbits(64) or 1
        self._sent: Dict[int, _Sent] = {}  # by SP's request id
        self._late: Dict[int, int] = {}  # ids of calls that the server answers later; which it was of those
        self._late_count = 0  # of all so far
        self._given_up: Set[int] = set()  # ended here, and the server may not have begun with them
        self._cancel: List[int] = []  # to be told with the next message
        self._last_request_id = secrets.randbits(31)
        self._last_id = 0

    # ---- asyncio calls these ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport.write(_REQ_HELLO)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        if not self.greeted.done():
            if len(buffer) < len(_REP_HELLO) and _REP_HELLO.startswith(buffer):
                return
            at = len(_REP_HELLO)
            if not buffer.startswith(_REP_HELLO):
                self.abort("it does not speak Freshet's protocol")
                return
            self.greeted.set_result(None)
        while len(buffer) - at >= 8 and self._transport is not None:
            size, = struct.unpack_from(">Q", buffer, at)
            if not 4 <= size <= MAX_BATCH_BYTES:
                self.abort(f"the server sent a message of {size} bytes")
                return
            if len(buffer) - at < 8 + size:
                break
            request_id, = struct.unpack_from(">I", buffer, at + 8)
            sent = self._sent.pop(request_id, None)
            if sent is not None:
                sent.timer.cancel()
                self._answered(sent, bytes(memoryview(buffer)[at + 12:at + 8 + size]))
            at += 8 + size
        del buffer[:at]

    def connection_lost(self, error: Optional[Exception]) -> None:
        self._transport = None
        reason = str(error) if error is not None else self._reason
        for sent in self._sent.values():
            sent.timer.cancel()
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError(reason))
            self.greeted.exception()  # whoever waited may have gone
        self._engine.lost(self, reason)

    # ---- the engine calls these ----

    def is_open(self) -> bool:
        return self._transport is not None

    def abort(self, reason: str) -> None:
        if self._transport is not None:
            self._reason = reason
            transport, self._transport = self._transport, None
            transport.abort()

    def give_up(self, call: _Call) -> None:
        """The call has ended here; the server is told."""
        call_id = call.id
        if self.calls.pop(call_id, None) is not None:
            if self._late.pop(call_id, None) is None:
                self._given_up.add(call_id)
            self._cancel.append(call_id)

    def flush(self) -> None:
        """Sends what waits, if a message may leave now."""
        if not self.greeted.done():
            return
        while self._transport is not None and len(self._sent) < _MESSAGES_UNDER_WAY:
            collect = not any(sent.collect for sent in self._sent.values())
            calls = [] if self.draining else self._engine.take()
            if not calls and not self._cancel and not (collect and self._late):
                break
            self._send(calls, collect)
        if self.draining and not self.calls and not self._sent and self._transport is not None:
            self._transport.close()

    def _send(self, calls: List[_Call], collect: bool) -> None:
        assert self._transport is not None
        now = time.monotonic()
        first = self._last_id + 1
        requests = []
        for call in calls:
            self._last_id += 1
            call.id = self._last_id
            call.connection = self
            self.calls[call.id] = call
            timeout_us = 0 if call.deadline is None else max(1, int((call.deadline - now) * 1e6))
            requests.append(_Request(id=call.id, timeout_us=timeout_us).SerializeToString() + call.request)
        body = _RequestBatch(request=requests, session=self._session, collect=collect,
                             cancel=self._cancel[:_MAX_CANCELLED]).SerializeToString()
        del self._cancel[:_MAX_CANCELLED]
        self._last_request_id = self._last_request_id + 1 & 0x7FFFFFFF
        request_id = self._last_request_id | 0x80000000
        timer = self._engine.loop.call_later(self._engine.options.keepalive, self.abort,
                                             f"no answer within {self._engine.options.keepalive:g} s")
        self._sent[request_id] = _Sent(range(first, self._last_id + 1), collect, self._late_count, timer)
        self._transport.write(struct.pack(">QI", len(body) + 4, request_id) + body)

    def _answered(self, sent: _Sent, body: bytes) -> None:
        try:
            reply = _ResponseBatch.FromString(body)
        except DecodeError:
            self._end(sent.ids, _failure(Code.INTERNAL, "the server's answer is malformed"))
            self._engine.kick()
            return
        whole = None  # what the server says of a message that it did not take
        answers = 0
        for response in reply.response:
            answers += 1
            call = self.calls.pop(response.id, None)
            if call is not None:
                self._late.pop(response.id, None)
                call.end(response if len(response.payload) <= MAX_MESSAGE_BYTES else
                         _failure(Code.RESOURCE_EXHAUSTED, f"the answer is over {MAX_MESSAGE_BYTES} bytes"))
            elif response.id == 0 and response.code != 0:
                whole = response
        for call_id in reply.pending:
            if call_id in self.calls:
                self._late_count += 1
                self._late.setdefault(call_id, self._late_count)
            elif call_id in self._given_up:
                self._given_up.remove(call_id)
                self._cancel.append(call_id)
        self._given_up.difference_update(sent.ids)
        rest = [call_id for call_id in sent.ids if call_id in self.calls and call_id not in self._late]
        if reply.draining:
            self._engine.drained(self, [self.calls.pop(call_id) for call_id in rest])
        elif answers == 1 and whole is not None:
            for call_id in rest:
                self.calls[call_id].connection = None
            self._end(rest, whole)
            self._engine.works()
        else:
            self._end(rest, _failure(Code.INTERNAL, "the server's answer does not mention this call"))
            self._engine.works()
        if sent.collect and not answers and not reply.pending and not reply.draining and not self._sent:
            # It knew no open call when it was asked; or it would be asked again and again. Other answers can have
            # overtaken this one, so what became late since may be newer.
            self._end([call_id for call_id, number in self._late.items() if number <= sent.late_count],
                      _failure(Code.UNAVAILABLE, "the server no longer knows the call"))
        self._engine.kick()

    def _end(self, ids: Iterable[int], response: Any) -> None:
        for call_id in ids:
            call = self.calls.pop(call_id, None)
            self._late.pop(call_id, None)
            if call is not None:
                call.end(response)


# ---- all connections to one target ----

_Options = NamedTuple("_Options", [("target", str), ("host", str), ("port", int), ("connect_timeout", float),
                                   ("keepalive", float), ("max_waiting", int)])


class _Engine:
    """The calls of a channel. Everything but abandon is called on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: _Options) -> None:
        self.loop = loop
        self.options = options  # and not the channel: its loop must not keep it from being collected
        self._waiting: Dict[_Call, None] = {}  # the oldest first
        self._connection: Optional[_Connection] = None  # that takes calls
        self._connections: Set[_Connection] = set()  # with those that drain
        self._dialer: Optional[asyncio.Task[None]] = None
        self._failure: Optional[str] = None  # of the last attempt to connect
        self._useless_since: Optional[float] = None  # the time when there was no connection that took calls
        self._retry_at = 0.0
        self._backoff = 0.0
        self._kicked = False
        self._closed = False

    def run(self) -> None:  # in a thread, until end
        self.loop.run_forever()
        self.loop.close()

    async def end(self) -> None:
        await self.close()
        self.loop.stop()

    def abandon(self, pid: int) -> None:
        """Nobody holds the channel, so nobody waits for a call. On any thread; not in a process that was forked since."""
        if pid == os.getpid():
            self.loop.call_soon_threadsafe(lambda: self.loop.create_task(self.end()))

    def start(self, call: _Call) -> None:
        """The caller kicks or flushes afterwards."""
        if self._closed:
            call.fail(Code.CANCELLED, "the channel is closed")
            return
        if call.deadline is not None:
            left = call.deadline - time.monotonic()
            if left <= 0:
                call.fail(Code.DEADLINE_EXCEEDED, "no time was left")
                return
            if call.timed:
                call.timer = self.loop.call_later(left, self.end_early, call, Code.DEADLINE_EXCEEDED,
                                                  "no answer in time")
        if len(self._waiting) >= self.options.max_waiting:
            call.fail(Code.RESOURCE_EXHAUSTED, f"{self.options.max_waiting} calls are waiting already")
        elif self._connection is None and self._failure is not None and time.monotonic() < self._retry_at:
            call.fail(Code.UNAVAILABLE, self._failure)
        else:
            self._waiting[call] = None
            self._dial()

    def end_early(self, call: _Call, code: Code, message: str) -> None:
        if call.done is None:
            return
        self._waiting.pop(call, None)
        if call.connection is not None:
            call.connection.give_up(call)
            self.kick()
        call.fail(code, message)

    def take(self) -> List[_Call]:
        """The calls of the next message."""
        calls: List[_Call] = []
        size = 0
        for call in self._waiting:
            size += call.size
            if len(calls) == _BATCH_CALLS or (calls and size > _BATCH_BYTES):
                break
            calls.append(call)
        for call in calls:
            del self._waiting[call]
        return calls

    def kick(self) -> None:
        """Flushes soon: what else happens in this turn of the loop leaves together."""
        if not self._kicked:
            self._kicked = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        self._kicked = False
        for connection in tuple(self._connections):
            connection.flush()

    def works(self) -> None:
        self._backoff = 0.0
        self._useless_since = None

    def drained(self, connection: _Connection, calls: List[_Call]) -> None:
        """The server takes no more calls over this connection, and did not start these."""
        connection.draining = True
        if self._connection is connection:
            self._connection = None
            self._back_off()
        for call in calls:
            call.connection = None
            call.left_out = True
        self._waiting = {**dict.fromkeys(calls), **self._waiting}
        self._dial()

    def lost(self, connection: _Connection, reason: str) -> None:
        self._connections.discard(connection)
        if self._connection is connection:
            self._connection = None
            self._useless_since = None
            self._back_off()
        calls, connection.calls = connection.calls, {}
        for call in calls.values():
            call.fail(Code.UNAVAILABLE, f"the connection to {self.options.target} broke before the answer: {reason}")
        self._dial()

    async def close(self) -> None:
        self._closed = True
        calls = list(self._waiting)
        self._waiting = {}
        for connection in tuple(self._connections):
            calls += connection.calls.values()
            connection.calls = {}
            connection.abort("the channel was closed")
        for call in calls:
            call.fail(Code.CANCELLED, "the channel was closed")
        if self._dialer is not None:
            self._dialer.cancel()
            await asyncio.gather(self._dialer, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the loop's next turn

    # ---- connecting ----

    def _back_off(self) -> None:
        """Until a connection has proved to be of use, each attempt is further from the last."""
        self._retry_at = time.monotonic() + self._backoff * random.uniform(0.5, 1)
        self._backoff = min(max(2 * self._backoff, _BACKOFF_MIN_S), _BACKOFF_MAX_S)

    def _dial(self) -> None:
        if self._connection is None and self._dialer is None and self._waiting and not self._closed:
            self._dialer = self.loop.create_task(self._connect_in_time())

    async def _connect_in_time(self) -> None:
        """Until there is a connection, nobody waits for one any more, or the time is over."""
        timeout = self.options.connect_timeout
        if self._useless_since is None:
            self._useless_since = time.monotonic()
        end = self._useless_since + timeout
        try:
            while self._waiting:
                await asyncio.sleep(max(0.0, min(self._retry_at, end) - time.monotonic()))
                try:
                    connection = await asyncio.wait_for(self._connect(), end - time.monotonic())
                    if connection.is_open():
                        self._connection = connection
                        self._failure = None
                        self.kick()
                        return
                    self._failed("closed by the server", everybody=False)
                except asyncio.TimeoutError:
                    self._failed(f"no connection within {timeout:g} s", everybody=True)
                except OSError as error:
                    # asyncio's own text names the address again and not the reason.
                    self._failed(os.strerror(error.errno) if error.errno else str(error), everybody=False)
        finally:
            self._dialer = None
            if self._connection is None:
                self._useless_since = None

    async def _connect(self) -> _Connection:
        _, connection = await self.loop.create_connection(lambda: _Connection(self), self.options.host,
                                                          self.options.port)
        self._connections.add(connection)
        try:
            await connection.greeted
        except BaseException:
            connection.abort("it did not greet")
            raise
        return connection

    def _failed(self, reason: str, everybody: bool) -> None:
        self._failure = f"cannot connect to {self.options.target}: {reason}"
        self._back_off()
        for call in [call for call in self._waiting if everybody or not call.left_out]:
            del self._waiting[call]
            call.fail(Code.UNAVAILABLE, self._failure)


# ---- what programs use ----

def _seconds(timeout: Union[float, timedelta]) -> float:
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if math.isnan(seconds):
        raise ValueError("a time that is no number")
    return seconds


class _Channel:
    """A server that leaves a message unanswered for keepalive seconds is taken for dead. More calls than max_waiting do
    not wait for the connection. Nothing is connected before the first call."""

    def __init__(self, target: str, *, connect_timeout: Union[float, timedelta] = 1.0,
                 keepalive: Union[float, timedelta] = 20.0, max_waiting: int = 65536) -> None:
        match = re.fullmatch(r"tcp://(\[[0-9A-Fa-f:.%\w]+\]|[^:/\[\]]+):(\d{1,5})", target)
        if match is None or int(match[2]) > 65535:
            raise ValueError(f"{target!r} is no address such as tcp://127.0.0.1:7001")
        self.target = target
        self._options = _Options(target, match[1].strip("[]"), int(match[2]), _seconds(connect_timeout),
                                 _seconds(keepalive), max_waiting)
        self._closed = False
        self._engine: Optional[_Engine] = None  # made by the first call
        self._started: Deque[_Call] = deque()  # by other threads; the loop has not seen them
        self._mutex = threading.Lock()  # of these three, where there are other threads


class AsyncChannel(_Channel):
    """Calls to one server from the tasks of one event loop.

        async with AsyncChannel("tcp://127.0.0.1:7001") as channel:
            user = await UsersAsyncClient(channel).get_user(GetUserRequest(id="user-123"), timeout=0.5)

    Cancelling the task cancels the call, at the server too.
    """

    async def __aenter__(self) -> AsyncChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends open calls as CANCELLED."""
        self._closed = True
        if self._engine is not None:
            await self._engine.close()

    async def call(self, method: Method[Req, Res], request: Req, *, timeout: Timeout = None,
                   metadata: MetadataLike = (), on_metadata: OnMetadata = None) -> Res:
        """The answer, or RpcError. on_metadata gets the metadata beside the answer."""
        call = _prepare(method, request, timeout, metadata)
        loop = asyncio.get_running_loop()
        if self._closed:
            raise _refused(Code.CANCELLED, "the channel is closed", method.name)
        if self._engine is None:
            self._engine = _Engine(loop, self._options)
        engine = self._engine
        if engine.loop is not loop:
            raise RuntimeError("this channel belongs to another event loop")
        future: asyncio.Future[Any] = loop.create_future()
        call.done = lambda response: None if future.done() else future.set_result(response)
        engine.start(call)
        engine.kick()
        try:
            response = await future
        except asyncio.CancelledError:
            engine.end_early(call, Code.CANCELLED, "the call was cancelled")
            raise
        return _result(method, call, response, on_metadata)


class Channel(_Channel):
    """Calls to one server from any number of threads.

        with Channel("tcp://127.0.0.1:7001") as channel:
            user = UsersClient(channel).get_user(GetUserRequest(id="user-123"), timeout=0.5)

    The first call starts a thread, so a process that forks does that before its channels make calls. close ends it; so
    does the garbage collector, when nobody holds the channel or a future of it.
    """

    _thread: threading.Thread
    _pid: int
    _finalizer: Any  # a weakref.finalize, which is generic in new hints and not in old ones
    _noticed = False  # the loop will look at what was started

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends open calls as CANCELLED."""
        with self._mutex:
            closing, self._closed = not self._closed, True
        if closing and self._engine is not None:
            self._finalizer.detach()
            self._engine.loop.call_soon_threadsafe(self._look, self._engine)
            self._engine.loop.call_soon_threadsafe(self._engine.loop.create_task, self._engine.end())
            self._thread.join()

    def call(self, method: Method[Req, Res], request: Req, *, timeout: Timeout = None,
             metadata: MetadataLike = (), on_metadata: OnMetadata = None) -> Res:
        """The answer, or RpcError. on_metadata gets the metadata beside the answer."""
        call = _prepare(method, request, timeout, metadata)
        if self._engine is not None and threading.current_thread() is self._thread:
            raise RuntimeError("a blocking call in a future's callback would wait for itself")
        ended = threading.Lock()
        ended.acquire()
        responses: List[Any] = []

        def done(response: Any) -> None:
            responses.append(response)
            ended.release()

        call.timed = False
        self._start(call, done)
        try:
            left = -1.0 if call.deadline is None else max(0.0, call.deadline - time.monotonic())
            if not ended.acquire(timeout=min(left, threading.TIMEOUT_MAX)):
                self._end_early(call, Code.DEADLINE_EXCEEDED, "no answer in time")
                ended.acquire()
        except BaseException:  # KeyboardInterrupt
            self._end_early(call, Code.CANCELLED, "the call was cancelled")
            raise
        return _result(method, call, responses[0], on_metadata)

    def future(self, method: Method[Req, Res], request: Req, *, timeout: Timeout = None,
               metadata: MetadataLike = (), on_metadata: OnMetadata = None) -> Future[Res]:
        """The same without waiting; cancel() cancels the call, at the server too. Its callbacks must not block."""
        call = _prepare(method, request, timeout, metadata)
        future: Future[Res] = Future()

        def done(response: Any) -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(_result(method, call, response, on_metadata))
                except Exception as error:  # on_metadata's as well
                    future.set_exception(error)

        self._start(call, done)
        future.add_done_callback(lambda ended: self._end_early(call, Code.CANCELLED, "the call was cancelled")
                                 if ended.cancelled() else None)
        return future

    def _start(self, call: _Call, done: Callable[[Any], object]) -> None:
        call.done = done
        if self._engine is not None and self._pid != os.getpid():
            raise RuntimeError("this channel made calls before the process was forked; make a new one")
        noticed = True
        with self._mutex:
            closed = self._closed
            if self._engine is None and not closed:
                engine = _Engine(asyncio.new_event_loop(), self._options)
                self._thread = threading.Thread(target=engine.run, daemon=True, name="freshet " + self.target)
                self._pid, self._engine = os.getpid(), engine  # after the thread: call looks without the mutex
                self._thread.start()
                self._finalizer = weakref.finalize(self, engine.abandon, self._pid)
                self._finalizer.atexit = False  # the thread ends with the process
            if not closed:
                self._started.append(call)
                noticed, self._noticed = self._noticed, True
        # Without the mutex: waking the loop lets other threads run.
        if closed:
            call.fail(Code.CANCELLED, "the channel is closed")
        elif not noticed:
            self._on_loop(self._look, self._engine)

    def _end_early(self, call: _Call, code: Code, message: str) -> None:
        if self._engine is not None:
            self._on_loop(self._engine.end_early, call, code, message)

    def _on_loop(self, function: Callable[..., object], *arguments: object) -> None:
        assert self._engine is not None
        with contextlib.suppress(RuntimeError):  # the loop was closed, which has ended every call
            self._engine.loop.call_soon_threadsafe(function, *arguments)

    def _look(self, engine: _Engine) -> None:
        # On the loop. Reset first: whoever starts a call from here on comes back.
        self._noticed = False
        while self._started:
            engine.start(self._started.popleft())
        engine.flush()
