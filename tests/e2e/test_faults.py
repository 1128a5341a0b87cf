#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_faults.py - processes that die, stop or leave under load; afterwards api and the database agree."""
import contextlib
import signal
import sqlite3
import time

from freshet_testing import FAILPOINTS, SLOWNESS, Load, TestCase, main, wait_until
from sp_client import OK, UNAVAILABLE, Lost, RpcError, make_request, rpc, users

GET = "users.v1.Users/GetUser"
PREFER = "users.v1.Users/UpdatePreference"
HEALTH = "grpc.health.v1.Health/Check"
SEEDS = ("user-123", "user-456", "user-789")


class Killed(TestCase):
    def kill_under_load(self, name):
        """Three times kill -9 and a restart on the same port; returns the load, which has ended."""
        system = self.started()
        with Load(system, SEEDS) as load:
            load.wait_for(reads=200, writes=20)
            failures = load.write_failures if name == "update" else load.read_failures
            for _ in range(3):
                before = len(failures)
                system[name].kill()
                wait_until(lambda: len(failures) > before, 10, f"the load notices that {name} is gone")
                system.start_service(name)
                load.wait_for(reads=200, writes=20)
            seen = len(load.read_failures), len(load.write_failures)
            load.wait_for(reads=200, writes=20)
            self.assertEqual((len(load.read_failures), len(load.write_failures)), seen, "failures after recovery")
        self.assert_api_equals_database(system)
        return load

    def assert_unavailable(self, failures, name):
        for error in failures:
            if not isinstance(error, RpcError):
                raise error
            self.assertEqual(error.code, UNAVAILABLE, error)
            self.assertIn(name, error.message)

    def test_data(self):
        load = self.kill_under_load("data")
        self.assert_unavailable(load.read_failures, "data")
        self.assertEqual(load.write_failures, [])

    def test_update(self):
        load = self.kill_under_load("update")
        self.assert_unavailable(load.write_failures, "update")
        self.assertEqual(load.read_failures, [])

    def test_api(self):
        load = self.kill_under_load("api")
        for error in load.read_failures + load.write_failures:
            self.assertIsInstance(error, Lost)

    def test_all_at_once(self):
        system = self.started()
        with Load(system, SEEDS) as load:
            load.wait_for(reads=200, writes=20)
            for name in system.NAMES:
                system[name].kill()
            system.redis.kill()
            system.redis.start()
            for name in system.NAMES:
                system.start_service(name)
            load.wait_for(reads=200, writes=20)
        self.assert_api_equals_database(system)

    def test_update_between_its_commit_and_its_publish(self):
        system = self.started()
        system["update"].stop()
        doomed = system.start_service("update", {"FRESHET_FAILPOINT": "after-commit"})
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").cached, 5, "a cached value")
            request = users.UpdatePreferenceRequest(id="user-123", preference="committed")
            if not FAILPOINTS:
                wait_until(lambda: client.call(PREFER, request), 5, "api finds update again")
                self.assertTrue(doomed.running(), "release builds contain no failpoint")
                return

            def write():
                with contextlib.suppress(RpcError, Lost):
                    client.call(PREFER, request)
                return not doomed.running()

            wait_until(write, 10, "update reaches the failpoint")
            self.assertEqual(doomed.wait(), -signal.SIGKILL)
            self.assertEqual(system.rows()["user-123"][2], "committed")
            # No write follows: the relay of data alone carries the mark out.
            wait_until(lambda: client.call(GET, id="user-123").message.preference == "committed", 5,
                       "the relay finishes what update began")
            system.start_service("update")
        self.assert_api_equals_database(system)


class Down(TestCase):
    def fails_promptly(self, system, name, method, request):
        """UNAVAILABLE, naming the service, within two seconds; then well again without a restart of api."""
        api = system["api"].pid
        system[name].kill()
        with system.client() as client:
            for _ in range(3):
                began = time.monotonic()
                message = self.assert_code(UNAVAILABLE, client.call, method, request)
                self.assertLess(time.monotonic() - began, 2 * SLOWNESS)
                self.assertIn(name, message)
            system.start_service(name)
            wait_until(lambda: client.call(method, request), 10, f"api finds {name} again")
        self.assertEqual(system["api"].pid, api)
        self.assertTrue(system["api"].running())

    def test_data(self):
        self.fails_promptly(self.started(), "data", GET, users.GetUserRequest(id="user-456"))

    def test_update(self):
        self.fails_promptly(self.started(), "update", PREFER,
                            users.UpdatePreferenceRequest(id="user-456", preference="x"))

    def test_cached_values_outlive_data(self):
        system = self.started()
        with system.client() as client:
            wait_until(lambda: client.call(GET, id="user-123").cached, 5, "a cached value")
            system["data"].kill()
            self.assertEqual(client.call(GET, id="user-123").message.name, "Alice")


class Drained(TestCase):
    """SIGTERM while calls are open: each is answered, then the exit is clean."""

    def begin(self, system, name, requests):
        """
        Sends a batch and waits until the service works on it. Messages of one connection arrive in order but are
        dispatched side by side, so many later ones must have come back, each after the one before.
        """
        client = system.client(name)
        self.addCleanup(client.close)
        pending = client.send(rpc.RequestBatch(request=requests).SerializeToString())
        for _ in range(100):
            client.call(HEALTH)
        return client, pending

    def assert_all_answered(self, client, pending, count):
        answer = rpc.ResponseBatch.FromString(client.receive(pending))
        self.assertEqual(sorted(response.id for response in answer.response), list(range(1, count + 1)))
        self.assertEqual({response.code for response in answer.response}, {OK}, answer.response[0].message)

    def test_api_waits_for_data(self):
        system = self.started()
        with system.client("update") as update:
            for number in range(32):
                user = users.User(id=f"cold-{number}", name="Cold", email=f"cold-{number}@test")
                update.call("users.v1.UserUpdates/CreateUser", users.CreateUserRequest(user=user))
        requests = [make_request(i + 1, GET, users.GetUserRequest(id=f"cold-{i}")) for i in range(32)]
        system["data"].signal(signal.SIGSTOP)
        self.addCleanup(system["data"].signal, signal.SIGCONT)
        client, pending = self.begin(system, "api", requests)
        system["api"].signal(signal.SIGTERM)
        system["data"].signal(signal.SIGCONT)
        self.assert_all_answered(client, pending, 32)
        self.assertEqual(system["api"].wait(), 0)

    def test_data_waits_for_redis(self):
        system = self.started()
        requests = [make_request(i + 1, "users.v1.UserData/GetUser", users.GetUserRequest(id=user_id))
                    for i, user_id in enumerate(SEEDS)]
        system.redis.process.signal(signal.SIGSTOP)
        client, pending = self.begin(system, "data", requests)
        system["data"].signal(signal.SIGTERM)
        self.assert_all_answered(client, pending, 3)
        self.assertEqual(system["data"].wait(), 0)

    def test_update_waits_for_the_database(self):
        system = self.started()
        with contextlib.closing(sqlite3.connect(system.database, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            client, pending = self.begin(system, "update", [make_request(
                1, "users.v1.UserUpdates/UpdatePreference",
                users.UpdatePreferenceRequest(id="user-123", preference="last words"))])
            system["update"].signal(signal.SIGTERM)
            lock.execute("ROLLBACK")
        self.assert_all_answered(client, pending, 1)
        self.assertEqual(system["update"].wait(), 0)
        self.assertEqual(system.rows()["user-123"][2], "last words")
        self.assert_api_equals_database(system)

    def test_every_service_leaves_cleanly_under_load(self):
        system = self.started()
        with Load(system, SEEDS) as load:
            load.wait_for(reads=200, writes=20)
            for name in system.NAMES:
                system[name].stop()
                system.start_service(name)
                load.wait_for(reads=100, writes=10)
        for error in load.read_failures + load.write_failures:
            if isinstance(error, RpcError):
                self.assertEqual(error.code, UNAVAILABLE, error)
        self.assert_api_equals_database(system)


if __name__ == "__main__":
    main()
