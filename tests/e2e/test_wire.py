#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_wire.py - what any client may send, well-formed or not, over SP on a plain socket."""
import random
import struct

import sp_client
from freshet_testing import SLOWNESS, TestCase, main, wait_until
from sp_client import (ALREADY_EXISTS, INTERNAL, INVALID_ARGUMENT, METHODS, NOT_FOUND, OK, REQ_HELLO,
                       RESOURCE_EXHAUSTED, UNIMPLEMENTED, Client, Lost, make_request, rpc, users)

HEALTH = "grpc.health.v1.Health/Check"
SERVING = sp_client.health.HealthCheckResponse.SERVING
SERVICES = {"api": "users.v1.Users", "data": "users.v1.UserData", "update": "users.v1.UserUpdates"}
MEBIBYTE = 1 << 20


class WireTest(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()

    def client(self, name="api", timeout_s=30):
        client = Client(self.system.address(name), timeout_s)
        self.addCleanup(client.close)
        return client

    def assert_answers_others(self, name="api"):
        reply = self.client(name, 10 * SLOWNESS).call(HEALTH)
        self.assertEqual(reply.message.status, SERVING)


class Methods(WireTest):
    def writes(self, name):
        service = SERVICES[name] + "/"
        client = self.client(name)
        created = client.call(service + "CreateUser", users.CreateUserRequest(
            user=users.User(name="Dora", email=f"dora@{name}.test", preference="tea"))).message
        self.assertNotEqual(created.id, "")
        self.assertGreater(created.version, 0)
        self.assertGreater(created.create_time.seconds, 0)
        self.assert_code(ALREADY_EXISTS, client.call, service + "CreateUser",
                         users.CreateUserRequest(user=users.User(name="Eve", email=f"dora@{name}.test")))
        self.assert_code(ALREADY_EXISTS, client.call, service + "CreateUser",
                         users.CreateUserRequest(user=users.User(id=created.id, name="E", email=f"e@{name}.test")))
        updated = client.call(service + "UpdateUser", users.UpdateUserRequest(
            user=users.User(id=created.id, name="Dorothea"), update_mask={"paths": ["name"]})).message
        self.assertEqual((updated.name, updated.email, updated.preference), ("Dorothea", f"dora@{name}.test", "tea"))
        preferred = client.call(service + "UpdatePreference", id=created.id, preference="coffee").message
        self.assertEqual(preferred.preference, "coffee")
        self.assertLess(created.version, updated.version)
        self.assertLess(updated.version, preferred.version)
        self.assertGreater(client.call(service + "DeleteUser", id=created.id).message.version, preferred.version)
        for method, request in (("DeleteUser", users.DeleteUserRequest(id=created.id)),
                                ("UpdatePreference", users.UpdatePreferenceRequest(id=created.id, preference="x")),
                                ("UpdateUser", users.UpdateUserRequest(user=users.User(id=created.id, name="x"),
                                                                       update_mask={"paths": ["name"]}))):
            self.assert_code(NOT_FOUND, client.call, service + method, request)
        for method in ("DeleteUser", "UpdatePreference", "UpdateUser"):
            self.assert_code(INVALID_ARGUMENT, client.call, service + method)

    def reads(self, name):
        service = SERVICES[name] + "/"
        client = self.client(name)
        alice = client.call(service + "GetUser", id="user-123").message
        self.assertEqual((alice.id, alice.name), ("user-123", "Alice"))
        self.assert_code(NOT_FOUND, client.call, service + "GetUser", id="nobody")
        self.assert_code(INVALID_ARGUMENT, client.call, service + "GetUser", id="")
        answer = client.call(service + "BatchGetUsers", ids=["user-789", "nobody", "user-123"]).message
        self.assertEqual([user.name for user in answer.users], ["Charlie", "Alice"])
        self.assertEqual(list(answer.missing_ids), ["nobody"])
        self.assertEqual(len(client.call(service + "BatchGetUsers").message.users), 0)
        self.assert_code(INVALID_ARGUMENT, client.call, service + "BatchGetUsers", ids=["user-123"] * 1001)

    def test_users_writes(self):
        self.writes("api")

    def test_user_updates_writes(self):
        self.writes("update")

    def test_users_reads(self):
        self.reads("api")

    def test_user_data_reads(self):
        self.reads("data")

    def test_every_method_is_served(self):
        for method in METHODS:
            for name, service in SERVICES.items():
                if method.startswith(service + "/"):
                    answer = self.client(name).batch([make_request(1, method, b"")])
                    self.assertNotEqual(answer.response[0].code, UNIMPLEMENTED, method)

    def test_health(self):
        for name, service in SERVICES.items():
            client = self.client(name)
            for asked in ("", service):
                self.assertEqual(client.call(HEALTH, service=asked).message.status, SERVING)
            self.assert_code(NOT_FOUND, client.call, HEALTH, service="no.such.Service")


class Batches(WireTest):
    def test_batches_of_any_size_are_answered_whole(self):
        request = users.GetUserRequest(id="user-123")
        for name in ("api", "data"):
            client = self.client(name)
            method = SERVICES[name] + "/GetUser"
            wait_until(lambda: client.call(method, request).cached or name == "data", 5, "a cached value")
            for size in (1, 2, 100, 1000):
                with self.subTest(service=name, size=size):
                    ids = list({random.getrandbits(64) for _ in range(size)})
                    answer = client.batch([make_request(call_id, HEALTH if i % 2 else method,
                                                        b"" if i % 2 else request) for i, call_id in enumerate(ids)])
                    self.assertEqual(len(answer.pending), 0)
                    self.assertEqual(sorted(response.id for response in answer.response), sorted(ids))
                    codes = {response.code for response in answer.response}
                    # A worker pool of bounded size may refuse what is too much at once, but only openly.
                    self.assertLessEqual(codes, {OK} if size <= 100 else {OK, RESOURCE_EXHAUSTED})

    def test_many_requests_under_way_on_one_connection(self):
        client = self.client()
        bodies = {call_id: rpc.RequestBatch(request=[make_request(call_id, HEALTH, b"")]).SerializeToString()
                  for call_id in range(1, 201)}
        sent = {call_id: client.send(body) for call_id, body in bodies.items()}
        for call_id, request_id in sent.items():
            answer = rpc.ResponseBatch.FromString(client.receive(request_id))
            self.assertEqual([(response.id, response.code) for response in answer.response], [(call_id, OK)])

    def test_an_empty_batch_gets_an_empty_batch(self):
        self.assertEqual(self.client().exchange(b""), rpc.ResponseBatch())

    def test_an_unparsable_batch_is_internal(self):
        client = self.client()
        for body in (b"\xff", b"\x0a\x05abc", b"\x0a\xff\xff\xff\xff\x07", b"\x0b", b"\x0a\x03\x12\x05a"):
            with self.subTest(body=body):
                answer = client.exchange(body)
                self.assertEqual([(response.id, response.code) for response in answer.response], [(0, INTERNAL)])

    def test_a_repeated_id_is_refused_for_the_repeats(self):
        answer = self.client().batch([make_request(call_id, HEALTH, b"") for call_id in (7, 8, 7, 7)])
        codes = sorted((response.id, response.code) for response in answer.response)
        self.assertEqual(codes, [(7, OK), (7, INVALID_ARGUMENT), (7, INVALID_ARGUMENT), (8, OK)])

    def test_an_unknown_method_is_not_echoed_whole(self):
        for method in ("users.v1.Users/NoSuch", "nonsense", "", "/", "x" * 10_000):
            answer = self.client().batch([make_request(1, method, b"")])
            self.assertEqual(answer.response[0].code, UNIMPLEMENTED)
            self.assertLess(len(answer.response[0].message), 1000)

    def test_too_many_calls_in_a_batch(self):
        client = self.client()
        self.assertEqual(len(client.batch([make_request(i, HEALTH, b"") for i in range(1, 4097)]).response), 4096)
        answer = client.batch([make_request(i, HEALTH, b"") for i in range(1, 4098)])
        self.assertEqual({response.code for response in answer.response}, {RESOURCE_EXHAUSTED})
        self.assert_answers_others()

    def test_a_large_request_fails_alone(self):
        answer = self.client().batch([make_request(1, "users.v1.Users/GetUser", bytes(4 * MEBIBYTE + 1)),
                                      make_request(2, HEALTH, b"")])
        codes = {response.id: response.code for response in answer.response}
        self.assertEqual(codes, {1: RESOURCE_EXHAUSTED, 2: OK})


class Hostile(WireTest):
    def tearDown(self):
        for name in SERVICES:
            self.assertTrue(self.system[name].running(), name)
            self.assert_answers_others(name)

    def raw(self, data, name="api"):
        connection = sp_client.connect(self.system.address(name), 10)
        self.addCleanup(connection.close)
        try:
            connection.sendall(data)
        except OSError:
            pass  # the service hung up first, as it may
        return connection

    def test_random_bytes(self):
        chance = random.Random(20240601)
        for _ in range(20):
            data = chance.randbytes(chance.randrange(1, 3000))
            self.raw(data).close()
            self.raw(REQ_HELLO + data).close()
        client = self.client()
        for _ in range(300):
            client.exchange(chance.randbytes(chance.randrange(0, 200)))

    def test_damaged_batches(self):
        whole = rpc.RequestBatch(request=[make_request(i, HEALTH, users.GetUserRequest(id="user-123"), 5_000_000,
                                                       {"x-key": "value"}) for i in range(1, 4)]).SerializeToString()
        chance = random.Random(1)
        client = self.client()
        for size in range(len(whole)):
            client.exchange(whole[:size])
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            client.exchange(bytes(damaged))

    def test_deep_nesting(self):
        groups = b"\xa3\x06" * 10_000 + b"\xa4\x06" * 10_000
        lengths = b""
        for _ in range(10_000):
            size, varint = len(lengths), b""
            while size > 0x7F:
                varint, size = varint + bytes([size & 0x7F | 0x80]), size >> 7
            lengths = b"\x0a" + varint + bytes([size]) + lengths
        client = self.client()
        for payload in (groups, lengths):
            client.exchange(payload)
            for method in ("users.v1.Users/CreateUser", "users.v1.Users/UpdateUser"):
                self.assertNotEqual(client.batch([make_request(1, method, payload)]).response[0].code, OK)

    def test_claims_of_two_gibibytes(self):
        for claim in (1 << 31, (1 << 31) - 1, 1 << 62, (1 << 64) - 1):
            self.raw(REQ_HELLO + struct.pack(">QI", claim, 0x80000001) + b"\x0a")
        client = self.client()
        for body in (b"\x0a\xff\xff\xff\xff\x07", b"\x0a\x80\x80\x80\x80\x08", b"\x0a" + b"\xff" * 9 + b"\x01"):
            self.assertEqual(client.exchange(body).response[0].code, INTERNAL)

    def test_messages_without_a_request_id(self):
        for size in range(4):
            connection = self.raw(REQ_HELLO + struct.pack(">Q", size) + bytes(size))
            connection.close()

    def test_half_open_connections(self):
        for number in range(50):
            self.raw((b"", REQ_HELLO[:3], REQ_HELLO, REQ_HELLO + b"\0\0\0", REQ_HELLO + struct.pack(">Q", 64))[number % 5])
        self.assert_answers_others()

    def test_clients_that_never_read(self):
        body = rpc.RequestBatch(request=[make_request(i, HEALTH, b"") for i in range(1, 1001)]).SerializeToString()
        frame = struct.pack(">QI", len(body) + 4, 0x80000001) + body
        for _ in range(4):
            connection = sp_client.connect(self.system.address(), 1)
            self.addCleanup(connection.close)
            try:
                connection.sendall(REQ_HELLO + frame * 100)
            except OSError:
                pass  # its buffers are full, which is the point
        self.assert_answers_others()

    def test_wrong_text_in_a_request(self):
        client = self.client()
        for payload in (b"\x0a\x02\xff\xfe", b"\x0a\x05ab", b"\x08\x01"):
            answer = client.batch([make_request(1, "users.v1.Users/GetUser", payload)])
            self.assertEqual(answer.response[0].code, INVALID_ARGUMENT)

    def test_a_broken_connection_frees_its_calls(self):
        for _ in range(100):
            client = Client(self.system.address())
            client.send(rpc.RequestBatch(request=[make_request(1, "users.v1.Users/GetUser",
                                                               users.GetUserRequest(id="user-123"))]).SerializeToString())
            client.close()
        with self.assertRaises(Lost):
            Client("tcp://127.0.0.1:1")


if __name__ == "__main__":
    main()
