#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_read_your_writes.py - who writes through an api reads it there, however late the api hears of it."""
import os
import subprocess

from freshet_testing import BIN, System, TestCase, main, wait_until

GET = "users.v1.Users/GetUser"
PREFER = "UpdatePreference"
USER = "user-123"
# Each way; a command of api that takes longer than 250 ms would end its connection.
DELAY_MS = 60
ROUNDS = 10


class SlowToHear(System):
    """All that passes between api and Redis takes a while, in both directions; update is at Redis at once."""

    def start(self, redis=True):
        self.redis.start()
        self.proxy = subprocess.Popen([os.path.join(BIN, "check-proxy"), "1"], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.proxy.stdout.readline())
        self.order(f"target 0 {self.redis.port}")
        self.order(f"delay 0 {DELAY_MS}")
        return super().start(redis=False)

    def order(self, line):
        self.proxy.stdin.write(line + "\n")
        if not self.proxy.stdout.readline().startswith("ok"):
            raise AssertionError("check-proxy does not understand: " + line)

    def options_of(self, name):
        options = super().options_of(name)
        if name == "api":
            options[options.index(self.redis.url)] = f"redis://127.0.0.1:{self.port}/0"
        return options

    def stop(self):
        try:
            super().stop()
        finally:
            self.proxy.stdin.close()
            self.proxy.wait(15)
            self.proxy.stdout.close()


class ReadYourWrites(TestCase):
    def setUp(self):
        self.system = SlowToHear()
        self.addCleanup(self.system.stop)
        self.system.start()
        self.api, self.update = self.system.client(), self.system.client("update")
        self.addCleanup(self.api.close)
        self.addCleanup(self.update.close)

    def wait_near(self):
        wait_until(lambda: self.api.call(GET, id=USER).source == "near", 10, "it comes from the near cache")

    def test_a_write_is_answered_when_its_api_has_heard_of_it(self):
        for round in range(ROUNDS):
            self.wait_near()
            written = self.api.call("users.v1.Users/" + PREFER, id=USER, preference=f"{round}")
            self.assertEqual(self.api.call(GET, id=USER).message, written.message)
            self.assertNotIn("x-cache-event", written.metadata)

    def test_a_write_that_passed_an_api_by_is_read_there_later(self):
        """Without the wait: it shows that the delay would let the test above fail."""
        def is_stale():
            self.wait_near()
            written = self.update.call("users.v1.UserUpdates/" + PREFER, id=USER, preference="past it")
            self.assertRegex(written.metadata["x-cache-event"], rb"^[0-9]+@[0-9]+$")
            return self.api.call(GET, id=USER).message.version < written.message.version

        wait_until(is_stale, 20, "a read before api has heard")
        wait_until(lambda: self.api.call(GET, id=USER).message.preference == "past it", 10, "api has heard")


if __name__ == "__main__":
    main()
