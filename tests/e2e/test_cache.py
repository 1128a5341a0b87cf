#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_cache.py - reads through api: cached, invalidated, and right whatever Redis does."""
import signal

from freshet_testing import Load, TestCase, main, wait_until
from sp_client import ALREADY_EXISTS, INVALID_ARGUMENT, NOT_FOUND, users

GET = "users.v1.Users/GetUser"
SEEDS = ("user-123", "user-456", "user-789")


class CacheTest(TestCase):
    def cached(self, client, user_id):
        """Reads until the value comes from a cache; the fill may end after the answer of the miss."""
        def from_a_cache():
            reply = client.call(GET, id=user_id)
            return reply if reply.cached else None
        return wait_until(from_a_cache, 5, f"{user_id} comes from a cache")

    def fresh(self, client, user_id, is_fresh, seconds=1):
        """The first read that shows the new row."""
        def read():
            reply = client.call(GET, id=user_id)
            return reply if is_fresh(reply.message) else None
        return wait_until(read, seconds, f"{user_id} is fresh")


class Cycle(CacheTest):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()

    def setUp(self):
        self.client = self.system.client()
        self.addCleanup(self.client.close)

    def create(self, name, **fields):
        user = users.User(id=name, name=name, email=name.replace(" ", "_") + "@test", **fields)
        return self.client.call("users.v1.Users/CreateUser", users.CreateUserRequest(user=user)).message

    def test_miss_hit_update_miss(self):
        first = self.client.call(GET, id="user-789")
        self.assertEqual((first.source, first.message.name), ("origin", "Charlie"))
        self.assertEqual(first.metadata["x-cache-version"], str(first.message.version).encode())
        hit = self.cached(self.client, "user-789")
        self.assertEqual(hit.message, first.message)
        self.assertEqual(hit.metadata["x-cache-version"], first.metadata["x-cache-version"])
        written = self.client.call("users.v1.Users/UpdatePreference", id="user-789", preference="night").message
        self.assertGreater(written.version, first.message.version)
        after = self.fresh(self.client, "user-789", lambda user: user.preference == "night")
        self.assertEqual((after.source, after.message), ("origin", written))
        self.assertEqual(self.cached(self.client, "user-789").message, written)

    def test_a_write_straight_to_update_invalidates_too(self):
        self.cached(self.client, "user-456")
        with self.system.client("update") as update:
            written = update.call("users.v1.UserUpdates/UpdatePreference", id="user-456", preference="day").message
        after = self.fresh(self.client, "user-456", lambda user: user.preference == "day")
        self.assertEqual(after.message, written)

    def test_not_found_is_cached_until_created(self):
        for _ in range(3):
            self.assert_code(NOT_FOUND, self.client.call, GET, id="late")
        keys = self.system.redis.command("KEYS", "*user:late")
        self.assertEqual(keys, [b"test:user:late"])
        self.create("late")
        found = self.fresh(self.client, "late", lambda user: user.name == "late")
        self.assertEqual(found.source, "origin")

    def test_delete(self):
        self.create("brief")
        self.cached(self.client, "brief")
        self.client.call("users.v1.Users/DeleteUser", id="brief")

        def is_gone():
            answer = self.client.call("users.v1.Users/BatchGetUsers", ids=["brief"]).message
            return list(answer.missing_ids) == ["brief"]

        wait_until(is_gone, 1, "the deleted user is gone")
        self.assert_code(NOT_FOUND, self.client.call, GET, id="brief")
        again = self.create("brief", preference="back")
        found = self.fresh(self.client, "brief", lambda user: user.preference == "back")
        self.assertEqual(found.message.version, again.version)

    def test_emails_are_unique(self):
        self.create("first")
        self.create("second")
        message = self.assert_code(ALREADY_EXISTS, self.client.call, "users.v1.Users/UpdateUser", users.UpdateUserRequest(
            user=users.User(id="second", email="first@test"), update_mask={"paths": ["email"]}))
        self.assertIn("email", message)
        self.assertEqual(self.client.call(GET, id="second").message.email, "second@test")

    def test_batches_mix_cached_and_uncached_rows(self):
        self.cached(self.client, "user-123")
        self.create("uncached")
        ids = ["uncached", "user-123", "nobody-1", "user-123", "nobody-2"]
        answer = self.client.call("users.v1.Users/BatchGetUsers", ids=ids).message
        self.assertEqual([user.id for user in answer.users], ["uncached", "user-123", "user-123"])
        self.assertEqual(list(answer.missing_ids), ["nobody-1", "nobody-2"])
        self.client.call("users.v1.Users/UpdatePreference", id="uncached", preference="new")
        wait_until(lambda: self.client.call("users.v1.Users/BatchGetUsers",
                                            ids=ids).message.users[0].preference == "new", 1, "the batch is fresh")

    def test_update_masks(self):
        self.create("masked", preference="old")
        new = users.User(id="masked", name="New", email="new@test", preference="new")

        def update(*paths):
            self.client.call("users.v1.Users/UpdateUser",
                             users.UpdateUserRequest(user=new, update_mask={"paths": paths}))
            return self.system.rows()["masked"]

        self.assertEqual(update("name"), ("New", "masked@test", "old"))
        self.assertEqual(update("email", "preference"), ("New", "new@test", "new"))
        new.name = "Star"
        self.assertEqual(update("*")[0], "Star")
        new.name = "None"
        self.assertEqual(update()[0], "None")
        for path in ("id", "version", "no_such", ""):
            self.assert_code(INVALID_ARGUMENT, update, path)

    def test_a_hand_typed_update_is_seen_within_a_second(self):
        self.create("typed")
        self.cached(self.client, "typed")
        self.system.sql("UPDATE users SET preference = 'by hand' WHERE id = 'typed'")
        self.fresh(self.client, "typed", lambda user: user.preference == "by hand", seconds=1)
        self.cached(self.client, "typed")
        self.system.sql("DELETE FROM users WHERE id = 'typed'")
        wait_until(lambda: list(self.client.call("users.v1.Users/BatchGetUsers", ids=["typed"]).message.missing_ids),
                   1, "the row deleted by hand is gone")

    def test_what_is_not_there_is_named_in_one_way(self):
        for name in ("no body", "50%", "x:y"):
            for method, fields in ((GET, {}), (GET, {}), ("users.v1.Users/UpdatePreference", {"preference": "x"})):
                message = self.assert_code(NOT_FOUND, self.client.call, method, id=name, **fields)
                self.assertEqual(message, f"user '{name}' does not exist")

    def test_an_id_that_no_key_takes(self):
        longest = "x" * 507
        self.assertEqual(self.create(longest).id, longest)
        for name in (longest + "x", "x" * 505 + " "):
            for method, request in ((GET, users.GetUserRequest(id=name)),
                                    ("users.v1.Users/CreateUser",
                                     users.CreateUserRequest(user=users.User(id=name, email="long@test")))):
                message = self.assert_code(INVALID_ARGUMENT, self.client.call, method, request)
                self.assertIn("id is too long; at most 507 bytes", message)

    def test_an_email_is_one_word(self):
        for email in ("nobody", "a\nb@x", "a b@x", "a@x\x7f", ""):
            self.assert_code(INVALID_ARGUMENT, self.client.call, "users.v1.Users/CreateUser",
                             users.CreateUserRequest(user=users.User(id="mail", email=email)))
        self.create("mail-ä@ü")

    def test_odd_ids_are_keys_of_their_own(self):
        for name in ("a:b", "a%3Ab", "a b", "ä", "x" * 150):
            self.create(name)
            self.assertEqual(self.cached(self.client, name).message.id, name)


class WithoutRedis(CacheTest):
    def test_redis_comes_late(self):
        system = self.started(redis=False)
        with system.client() as client:
            for user_id in SEEDS:
                self.assertEqual(client.call(GET, id=user_id).source, "origin")
            client.call("users.v1.Users/UpdatePreference", id="user-123", preference="no redis")
            self.assertEqual(client.call(GET, id="user-123").message.preference, "no redis")
            system.redis.start()
            self.assertEqual(self.cached(client, "user-123").message.preference, "no redis")
            client.call("users.v1.Users/UpdatePreference", id="user-123", preference="redis")
            self.fresh(client, "user-123", lambda user: user.preference == "redis")

    def test_redis_killed_and_restarted_under_load(self):
        system = self.started()
        with Load(system, SEEDS) as load:
            load.wait_for(reads=200, writes=20)
            for _ in range(3):
                system.redis.kill()
                load.wait_for(reads=100, writes=10)
                system.redis.start()
                load.wait_for(reads=200, writes=20)
        self.assertEqual(load.read_failures, [])
        self.assertEqual(load.write_failures, [])
        self.assert_api_equals_database(system)
        with system.client() as client:
            self.cached(client, "user-123")

    def test_redis_stopped_for_a_while_delays_but_fails_nothing(self):
        system = self.started()
        with system.client() as client:
            self.cached(client, "user-123")
            system.redis.process.signal(signal.SIGSTOP)
            self.addCleanup(system.redis.process.signal, signal.SIGCONT)
            client.call("users.v1.Users/UpdatePreference", id="user-123", preference="while stopped")
            self.assertEqual(client.call(GET, id="user-456").message.name, "Bob")
            system.redis.process.signal(signal.SIGCONT)
            self.fresh(client, "user-123", lambda user: user.preference == "while stopped", seconds=5)
        self.assert_api_equals_database(system)


if __name__ == "__main__":
    main()
