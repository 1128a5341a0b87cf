# SPDX-License-Identifier: MIT
"""recorder.py - a proxy before a server of this machine: keeps what its clients send, and can hold back the answers."""
import contextlib
import socket
import struct
import threading

from sp_client import rpc

HOLD_S = 10
CHUNK_BYTES = 1 << 16


class Recorder:
    """Forwards to the port until close()."""

    def __init__(self, target_port):
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._changed = threading.Condition()
        self._streams = []  # what each connection sent
        self._held = None   # (bytes, how often they must have been sent)
        self.overdue = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def count(self, part):
        return sum(stream.count(part) for stream in self._streams)

    def hold(self, part, times):
        """No answer passes until part was sent so many times more; overdue says that this did not come about."""
        with self._changed:
            self._held = (part, self.count(part) + times)

    def messages(self):
        """Every RequestBatch that was sent over SP."""
        with self._changed:
            streams = [bytes(stream) for stream in self._streams]
        found = []
        for stream in streams:
            at = 8  # after the greeting
            while len(stream) >= at + 8:
                end = at + 8 + struct.unpack_from(">Q", stream, at)[0]
                if len(stream) < end:
                    break
                found.append(rpc.RequestBatch.FromString(stream[at + 12:end]))
                at = end
        return found

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                stream = bytearray()
                with self._changed:
                    self._streams.append(stream)
                try:
                    server = socket.create_connection(("127.0.0.1", self._target_port))
                except OSError:
                    client.close()
                    continue
                for run, arguments in ((self._record, (client, server, stream)), (self._answer, (server, client))):
                    threading.Thread(target=run, args=arguments, daemon=True).start()

    def _record(self, client, server, stream):
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK_BYTES):
                with self._changed:
                    stream += data
                    self._changed.notify_all()
                server.sendall(data)
        self._end(client, server)

    def _answer(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK_BYTES):
                with self._changed:
                    self._wait_until_enough_was_sent()
                client.sendall(data)
        self._end(client, server)

    def _wait_until_enough_was_sent(self):
        def enough():
            return self._held is None or self.count(self._held[0]) >= self._held[1]

        if not self._changed.wait_for(enough, HOLD_S):
            self.overdue = True
        self._held = None

    @staticmethod
    def _end(*connections):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
