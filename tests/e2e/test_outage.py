#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_outage.py - Redis goes away under load and comes back: every read is answered, and the database is not flooded.

FRESHET_OUTAGE_SECONDS says for how long it is away.
"""
import json
import os
import signal
import time

from freshet_testing import Load, System, TestCase, main, run_freshet, wait_until

SECONDS = float(os.environ.get("FRESHET_OUTAGE_SECONDS") or 1.5)
GET = "users.v1.Users/GetUser"
CALLERS = 64
WORKERS = 2
KEYS = [f"key-{number}" for number in range(400)]


class TightSystem(System):
    """Its database does little at a time."""

    def options_of(self, name):
        return super().options_of(name) + (["--workers", str(WORKERS)] if name == "data" else [])


class RedisGone(TestCase):
    def figures(self, name):
        done = run_freshet("stats", "--json", "--addr", self.system.address(name))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def connected(self):
        return all(self.figures(name)["freshet_redis_connected"] == 1 for name in ("api", "data"))

    def near(self):
        with self.system.client() as client:
            return client.call(GET, id=KEYS[0]).source == "near"

    def outage(self, go, come_back):
        self.system = TightSystem()
        self.addCleanup(self.system.stop)
        self.system.start()
        self.system.sql("INSERT INTO users(id, name, email, preference) VALUES "
                        + ", ".join(f"('{key}', '{key}', '{key}@test', 'none')" for key in KEYS))
        with Load(self.system, KEYS, readers=CALLERS, writers=1) as load:
            load.wait_for(reads=2000, writes=20)
            before = self.figures("data")
            go()
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                load.wait_for(reads=CALLERS)
            away = self.figures("data")
            self.assertGreater(away["freshet_workers_requests_total"], before["freshet_workers_requests_total"] + CALLERS)
            come_back()
            wait_until(self.connected, 10, "api and data have found Redis again")
            back, writes = self.figures("data"), load.writes
            wait_until(self.near, 10, "the near cache serves again")
            load.wait_for(reads=10 * len(KEYS))
        after = self.figures("data")
        self.assertEqual((load.read_failures, load.write_failures), ([], []))
        self.assertEqual(after["freshet_workers"], WORKERS)
        self.assertLessEqual(after["freshet_workers_most_busy"], WORKERS)
        self.assertGreater(after["freshet_workers_most_busy"], 0)
        self.assertEqual(after["freshet_workers_refused_requests_total"], 0)
        # Each key is read once more, and once for each write; what was under way when Redis came back is not kept.
        loads = after["freshet_cache_loads_total"] - back["freshet_cache_loads_total"]
        self.assertLessEqual(loads, len(KEYS) + load.writes - writes + CALLERS)
        self.assert_api_equals_database(self.system)

    def test_killed(self):
        self.outage(lambda: self.system.redis.kill(), lambda: self.system.redis.start())

    def test_stopped(self):
        self.outage(lambda: self.system.redis.process.signal(signal.SIGSTOP),
                    lambda: self.system.redis.process.signal(signal.SIGCONT))


if __name__ == "__main__":
    main()
