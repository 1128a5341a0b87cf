# SPDX-License-Identifier: MIT
"""fake_server.py - a server that misbehaves on demand, for the clients of all languages.

It speaks SP on plain sockets; tests/languages/probe/probe.proto tells what each method does. A method concerns the
whole message that its call comes in, so a test that wants another call to live sends it at another time.
"""
import contextlib
import functools
import socket
import struct
import threading

from sp_client import REP_HELLO, rpc

# Values of probe.proto on the wire; the server needs no compiled messages for so little.


def _varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def _fields(data):
    """{field: integer or bytes} of a message of varints and strings."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        found[key >> 3] = value
    return found


def text(value="", number=0):
    encoded = value.encode()
    return b"\x0a" + _varint(len(encoded)) + encoded + (b"\x10" + _varint(number) if number else b"")


LINGER_S = 0.05
MAX_CANCELLED = 4096


class _Connection:
    """One client; replies may come from timers too, so sending has a lock."""

    def __init__(self, server, connection):
        self._server = server
        self._socket = connection
        self._lock = threading.Lock()
        self._held = []
        self._open = set()
        self._parked = None
        self._draining = False

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return bytes(data)

    def serve(self):
        with contextlib.suppress(OSError), self._socket:
            self._socket.sendall(REP_HELLO)
            self._exactly(8)
            while True:
                size, = struct.unpack(">Q", self._exactly(8))
                message = self._exactly(size)
                batch = rpc.RequestBatch.FromString(message[4:])
                with self._lock:
                    self._handle(message[:4], batch)

    def spoil(self, garbage):
        with contextlib.suppress(OSError), self._socket:
            self._socket.sendall(garbage[0])
            if garbage[-1] is None:
                while self._socket.recv(4096):
                    pass

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self, message_id, body):
        self._socket.sendall(struct.pack(">Q", len(body) + 4) + message_id + body)

    def _handle(self, message_id, batch):
        reply = rpc.ResponseBatch()
        self._server.messages += 1
        if len(batch.cancel) > MAX_CANCELLED:
            self.close()
            return
        self._open.difference_update(batch.cancel)
        for request in batch.request:
            name = request.method.removeprefix("probe.v1.Probe/")
            if not getattr(self, "_on_" + name)(message_id, request, reply):
                return
        reply.response.extend(self._held)
        self._held.clear()
        silent = not (reply.response or reply.pending or reply.draining)
        if batch.collect and silent and self._open:
            if self._parked is not None:
                self._send(self._parked, rpc.ResponseBatch(pending=self._open).SerializeToString())
            self._parked = message_id
        else:
            self._send(message_id, reply.SerializeToString())
        self._draining |= reply.draining
        self._end_drain()

    def _end_drain(self):
        """Not at once, as Freshet's servers do: nng forgets an answer whose connection ends before it is asked for."""
        if self._draining and not self._open:
            closing = threading.Timer(LINGER_S, self.close)
            closing.daemon = True
            closing.start()

    def _answer(self, call_id, payload):
        """Of an open call, from a timer."""
        with self._lock, contextlib.suppress(OSError):
            if call_id in self._open:
                self._open.remove(call_id)
                self._held.append(rpc.Response(id=call_id, payload=payload))
                if self._parked is not None:
                    parked, self._parked = self._parked, None
                    self._send(parked, rpc.ResponseBatch(response=self._held).SerializeToString())
                    self._held.clear()
                self._end_drain()

    # One for each method: adds to reply and returns True, or has done all itself and returns False.

    def _on_Echo(self, _message_id, request, reply):
        reply.response.add(id=request.id, payload=request.payload)
        return True

    def _on_Late(self, _message_id, request, reply):
        number = _fields(request.payload).get(2, 0)
        self._open.add(request.id)
        reply.pending.append(request.id)
        if number < 1 << 63:
            timer = threading.Timer(number / 1000, self._answer, (request.id, request.payload))
            timer.daemon = True
            timer.start()
        return True

    def _on_Forget(self, _message_id, request, reply):
        reply.pending.append(request.id)
        return True

    def _on_Overtaken(self, message_id, request, _reply):
        if self._parked is None:
            self._send(message_id, rpc.ResponseBatch(response=[
                rpc.Response(id=request.id, code=9, message="no message is parked")]).SerializeToString())
            return False
        self._open.add(request.id)
        self._send(message_id, rpc.ResponseBatch(pending=[request.id]).SerializeToString())
        parked, self._parked = self._parked, None
        self._send(parked, b"")
        self._open.remove(request.id)
        self._held.append(rpc.Response(id=request.id, payload=request.payload))
        return False

    def _on_Ignore(self, _message_id, _request, _reply):
        return True

    def _on_Strangers(self, _message_id, request, reply):
        reply.response.add(id=0, code=13)
        for stranger in (request.id + (1 << 32), request.id + (1 << 63), (1 << 64) - 1):
            reply.response.add(id=stranger, code=5)
        reply.pending.extend([(1 << 64) - 2, request.id])
        reply.response.add(id=request.id, payload=request.payload)
        reply.response.add(id=request.id, code=13, message="a second answer")
        return True

    def _on_WrongMessage(self, message_id, request, reply):
        self._send(bytes([message_id[0] ^ 0x40]) + message_id[1:], b"\x0a\x02\x08\x01")
        reply.response.add(id=request.id, payload=request.payload)
        return True

    def _on_Garbage(self, message_id, _request, _reply):
        self._send(message_id, b"\x0a\xff\xff\xff\xff\x07garbage")
        return False

    def _on_Truncated(self, message_id, request, _reply):
        reply = rpc.ResponseBatch(response=[rpc.Response(id=request.id, payload=request.payload)])
        self._send(message_id, reply.SerializeToString()[:-1])
        return False

    def _on_TooLarge(self, _message_id, request, reply):
        reply.response.add(id=request.id, payload=text("x" * ((4 << 20) + 1)))
        return True

    def _on_GarbagePayload(self, _message_id, request, reply):
        reply.response.add(id=request.id, payload=b"\x0a\x05ab")
        return True

    def _on_GarbageMetadata(self, message_id, request, _reply):
        response = b"\x08" + _varint(request.id) + b"\x22\x03\x0a\x05a" + b"\x10\x05"
        self._send(message_id, b"\x0a" + _varint(len(response)) + response)
        return False

    def _on_Refuse(self, message_id, _request, _reply):
        self._send(message_id, rpc.ResponseBatch(response=[
            rpc.Response(id=0, code=8, message="too many sessions", retry_after_us=2_000_000)]).SerializeToString())
        return False

    def _on_TooLong(self, message_id, _request, _reply):
        self._socket.sendall(struct.pack(">Q", 1 << 62) + message_id + b"\x0a")
        return False

    def _on_TooShort(self, _message_id, _request, _reply):
        self._socket.sendall(struct.pack(">Q", 2) + b"\x80\x00")
        return False

    def _on_Break(self, message_id, _request, _reply):
        self._socket.sendall(struct.pack(">Q", 100) + message_id + b"\x0a")
        self.close()
        return False

    def _on_Silence(self, _message_id, _request, _reply):
        return False

    def _on_Drain(self, _message_id, request, reply):
        if self._server.drained is None:
            self._server.drained = self
        if self._server.drained is self:
            reply.draining = True
        else:
            reply.response.add(id=request.id, payload=request.payload)
        return True

    def _on_DrainForEver(self, _message_id, _request, reply):
        reply.draining = True
        return True


class FakeServer:
    """
    Serves in threads of its own until close(). Each of the first connections gets an item of garbage instead, and is
    then closed, or left alone if the item ends in None: (b"HTTP/1.1 400",), (REP_HELLO, None).
    """

    def __init__(self, garbage=()):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self._listener.getsockname()[1]
        self.connections = 0
        self.messages = 0
        self.drained = None
        self._garbage = iter(garbage)
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                stream = self._listener.accept()[0]
                self.connections += 1
                connection = _Connection(self, stream)
                self._connections.append(connection)
                garbage = next(self._garbage, None)
                serve = connection.serve if garbage is None else functools.partial(connection.spoil, garbage)
                threading.Thread(target=serve, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()
