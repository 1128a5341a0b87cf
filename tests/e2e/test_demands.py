#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_demands.py - what a read may demand of the caches, what it is told, and what a batch costs."""
import contextlib
import os
import re
import signal
import struct

from freshet_testing import Service, System, TestCase, main, wait_until
from recorder import Recorder
from sp_client import DEADLINE_EXCEEDED, FAILED_PRECONDITION, INVALID_ARGUMENT, UNAVAILABLE, RpcError, users

GET = "users.v1.Users/GetUser"
BATCH = "users.v1.Users/BatchGetUsers"
MANY = 500


class Demands(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()

    def setUp(self):
        self.client = self.system.client()
        self.addCleanup(self.client.close)

    def near(self, user_id):
        def is_near():
            reply = self.client.call(GET, id=user_id)
            return reply if reply.source == "near" else None
        return wait_until(is_near, 5, f"{user_id} comes from the near cache")

    def test_answers_say_where_they_are_from_and_how_old_they_are(self):
        hit = self.near("user-123")
        self.assertEqual(hit.metadata["x-cache-version"], str(hit.message.version).encode())
        age_ms = int(hit.metadata["x-cache-age-ms"])
        self.assertLess(age_ms, 60000)
        wait_until(lambda: int(self.near("user-123").metadata["x-cache-age-ms"]) > age_ms, 5, "it grows older")

    def test_read_your_writes(self):
        for round in range(50):
            self.near("user-456")
            written = self.client.call("users.v1.Users/UpdatePreference", id="user-456", preference=f"{round}").message
            read = self.client.call(GET, id="user-456", metadata={"x-cache-min-version": str(written.version)})
            self.assertEqual(read.message, written)

    def test_a_version_nobody_has_is_answered_from_the_database(self):
        self.near("user-123")
        read = self.client.call(GET, id="user-123", metadata={"x-cache-min-version": "9007199254740000"})
        self.assertEqual((read.source, read.message.name), ("origin", "Alice"))
        self.assert_code(INVALID_ARGUMENT, self.client.call, GET, id="user-123",
                         metadata={"x-cache-min-version": "new"})

    def test_no_cache(self):
        self.near("user-123")
        for name in ("no-cache", "No-Cache", "x, NO-CACHE"):
            read = self.client.call(GET, id="user-123", metadata={"x-cache-control": name})
            self.assertEqual(read.source, "origin")

    def test_only_if_cached(self):
        only = {"x-cache-control": "only-if-cached"}
        message = self.assert_code(FAILED_PRECONDITION, self.client.call, GET, id="user-789", metadata=only)
        self.assertEqual(message, "'user:user-789' is not cached")
        self.near("user-789")
        self.assertTrue(self.client.call(GET, id="user-789", metadata=only).cached)
        self.assert_code(FAILED_PRECONDITION, self.client.call, BATCH, ids=["user-789", "never"], metadata=only)
        self.assert_code(INVALID_ARGUMENT, self.client.call, GET, id="user-789",
                         metadata={"x-cache-control": "no-cache, only-if-cached"})


class Hanging(TestCase):
    def test_a_batch_without_a_deadline_has_that_of_a_read(self):
        system = self.started()
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").cached, 10, "all is up")
            system["data"].signal(signal.SIGSTOP)
            self.addCleanup(system["data"].signal, signal.SIGCONT)
            os.waitid(os.P_PID, system["data"].pid, os.WSTOPPED | os.WNOWAIT)
            for method, fields in ((GET, {"id": "cold"}), (BATCH, {"ids": ["cold", "colder"]})):
                message = self.assert_code(DEADLINE_EXCEEDED, client.call, method, **fields)
                self.assertEqual(message, "the value was not there in time")


class Batches(TestCase):
    def test_a_batch_says_where_the_farthest_of_its_values_is_from(self):
        system = self.started()
        with system.client() as client:
            def is_near():
                reply = client.call(BATCH, ids=["user-123", "user-456"])
                return reply if reply.source == "near" else None

            near = wait_until(is_near, 10, "both come from the near cache")
            self.assertNotIn("x-cache-version", near.metadata)
            ages = [int(client.call(GET, id=user_id).metadata["x-cache-age-ms"]) for user_id in ("user-123", "user-456")]
            mixed = client.call(BATCH, ids=["user-123", "nobody yet", "user-456"])
            self.assertEqual(mixed.source, "origin")
            self.assertGreaterEqual(int(mixed.metadata["x-cache-age-ms"]), max(ages))
            self.assertNotIn("x-cache", client.call(BATCH, ids=[]).metadata)

    def redis_reads(self, system):
        """How often Redis has read from a socket: commands that came together are one."""
        return int(re.search(rb"total_reads_processed:(\d+)", system.redis.command("INFO", "stats"))[1])

    def test_a_cold_batch_is_one_query_and_a_warm_one_needs_no_data(self):
        system = self.started()
        ids = [f"row \"{number}\"" for number in range(MANY)]
        with system.client("update") as update:
            for number, user_id in enumerate(ids):
                update.call("users.v1.UserUpdates/CreateUser", users.CreateUserRequest(
                    user=users.User(id=user_id, name=user_id, email=f"{number}@test")))
        system["data"].stop()
        system.start_service("data", {"FRESHET_LOG_REQUESTS": "1"})
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").cached, 10, "api finds data again")

            def queries():
                return re.findall(r" db read .*", system["data"].stderr())

            before, reads = len(queries()), self.redis_reads(system)
            self.assertEqual([user.id for user in client.call(BATCH, ids=ids).message.users], ids)
            # One query is what one message of api brings to data; each step of it is one pipeline to Redis.
            self.assertLess(self.redis_reads(system) - reads, MANY / 4)
            self.assertEqual(len(queries()), before + 1, queries())
            self.assertIn(f"keys={MANY}", queries()[-1])
            self.assertEqual([user.id for user in client.call(BATCH, ids=ids).message.users], ids)
            self.assertEqual(len(queries()), before + 1)
            missing = client.call(BATCH, ids=["nobody", "row \"3\"", "nobody else"]).message
            self.assertEqual(list(missing.missing_ids), ["nobody", "nobody else"])
        # Without a near cache, and when every fill has reached Redis.
        system["api"].stop()
        system.start_service("api", {"FRESHET_NEAR_CACHE_BYTES": "0"})
        with system.client() as client:
            def warm():
                client.call(BATCH, ids=ids)
                with contextlib.suppress(RpcError):
                    return client.call(BATCH, ids=ids, metadata={"x-cache-control": "only-if-cached"})

            wait_until(warm, 20, "all of them are in Redis")
            system["data"].kill()
            self.assertEqual([user.id for user in client.call(BATCH, ids=ids).message.users], ids)


class RecordedSystem(System):
    """What api sends to Redis and to data, and data to Redis, is kept."""

    def __init__(self):
        super().__init__()
        self.redis_of = {name: Recorder(self.redis.port) for name in ("api", "data")}
        self.data = None

    def options_of(self, name):
        options = super().options_of(name)
        if name in self.redis_of:
            options[options.index("--redis") + 1] = f"redis://127.0.0.1:{self.redis_of[name].port}/0"
        if name == "api":
            self.data = Recorder(int(self.address("data").rsplit(":", 1)[1]))
            options[options.index("--data") + 1] = f"tcp://127.0.0.1:{self.data.port}"
        return options

    def stop(self):
        super().stop()
        for recorder in filter(None, (*self.redis_of.values(), self.data)):
            recorder.close()


class Costs(TestCase):
    def test_a_cold_batch_is_one_pipeline_and_one_message_to_data(self):
        self.system = system = RecordedSystem()
        self.addCleanup(system.stop)
        system.start()
        ids = [f"many-{number}" for number in range(MANY)]
        with system.client("update") as update, system.client() as client:
            for user_id in ids:
                update.call("users.v1.UserUpdates/CreateUser", users.CreateUserRequest(
                    user=users.User(id=user_id, name=user_id, email=user_id + "@test")))
            wait_until(lambda: client.call(GET, id="user-123").source == "near", 10, "the near cache serves")

            def loads():
                """How many values each message asked data for."""
                sizes = [sum(call.method == "users.v1.UserData/GetUser" for call in message.request)
                         for message in system.data.messages()]
                return [size for size in sizes if size > 0]

            before = loads()
            # All keys are asked for before the first answer comes: the commands are one pipeline.
            system.redis_of["api"].hold(b"user:many-", MANY)
            system.redis_of["data"].hold(b"EVALSHA\r\n", MANY)
            self.assertEqual([user.id for user in client.call(BATCH, ids=ids).message.users], ids)
            self.assertEqual([name for name, link in system.redis_of.items() if link.overdue], [])
            self.assertEqual(loads(), [*before, MANY])
            self.assertEqual([user.id for user in client.call(BATCH, ids=ids).message.users], ids)
            self.assertEqual(loads(), [*before, MANY])


class Near(TestCase):
    def test_a_near_cache_of_no_bytes_is_none(self):
        system = self.started()
        system["api"].stop()
        system.start_service("api", {"FRESHET_NEAR_CACHE_BYTES": "0"})
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").source == "redis", 10, "it is in Redis")
            for _ in range(20):
                self.assertEqual(client.call(GET, id="user-123").source, "redis")

    def test_one_of_a_few_bytes_is_refused(self):
        system = self.started()
        system["api"].stop()
        api = Service("api", [*system.options_of("api"), "--near-cache-bytes", "100"], system.folder)
        self.assertEqual(api.wait(), 2)
        self.assertIn("--near-cache-bytes", api.stderr())


class Stale(TestCase):
    SOFT_EXPIRY_AT = 42  # of a Record: five fixed fields with their tags, and its own tag

    def test_an_expired_value_serves_marked_while_data_is_away(self):
        system = self.started()
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").cached, 10, "it is cached")
        system["api"].stop()  # and with it the near cache
        system.redis.command("SETRANGE", "test:user:user-123", self.SOFT_EXPIRY_AT, struct.pack("<Q", 1))
        system.start_service("api")
        system["data"].kill()
        with system.client() as client:
            for _ in range(3):
                stale = client.call(GET, id="user-123")
                self.assertEqual((stale.source, stale.message.name), ("stale", "Alice"))
                self.assertEqual(client.call(BATCH, ids=["user-123"]).source, "stale")
            newer = {"x-cache-min-version": str(stale.message.version + 1)}
            self.assertIn("data", self.assert_code(UNAVAILABLE, client.call, GET, id="user-123", metadata=newer))
            system.start_service("data")
            wait_until(lambda: client.call(GET, id="user-123").source == "origin", 10, "data is found again")
            self.assertTrue(client.call(GET, id="user-123").cached)


if __name__ == "__main__":
    main()
