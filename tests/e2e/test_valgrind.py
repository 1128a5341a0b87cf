#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_valgrind.py - the services under valgrind: some calls, SIGTERM, and nothing definitely lost."""
import os
import shutil
import signal
import tempfile

from freshet_testing import TestCase, main, wait_until
from sp_client import ALREADY_EXISTS, NOT_FOUND, users

LOG = "valgrind-%p.log"


class Valgrind(TestCase):
    def test_nothing_is_lost(self):
        folder = tempfile.mkdtemp(prefix="freshet-test-")
        self.addCleanup(shutil.rmtree, folder)
        system = self.started(wrapper=["valgrind", "--leak-check=full", "--show-leak-kinds=definite",
                                       "--errors-for-leak-kinds=definite", "--error-exitcode=99",
                                       "--log-file=" + os.path.join(folder, LOG)])
        with system.client() as client:
            for turn in range(30):
                client.call("users.v1.Users/GetUser", id="user-123")
                client.call("users.v1.Users/UpdatePreference", id="user-123", preference=f"turn {turn}")
            self.assert_code(NOT_FOUND, client.call, "users.v1.Users/GetUser", id="nobody")
            created = client.call("users.v1.Users/CreateUser", users.CreateUserRequest(
                user=users.User(name="Dora", email="dora@test"))).message
            self.assert_code(ALREADY_EXISTS, client.call, "users.v1.Users/CreateUser", users.CreateUserRequest(
                user=users.User(name="Eve", email="dora@test")))
            client.call("users.v1.Users/BatchGetUsers", ids=["user-123", created.id, "nobody"])
            client.call("users.v1.Users/DeleteUser", id=created.id)
            client.exchange(b"\xff")
            wait_until(lambda: client.call("users.v1.Users/GetUser", id="user-123").cached, 20, "a hit")
        for name in reversed(system.NAMES):
            service = system[name]
            service.signal(signal.SIGTERM)
            code = service.wait(60)
            with open(os.path.join(folder, LOG.replace("%p", str(service.pid))), encoding="utf-8") as file:
                self.assertEqual(code, 0, f"freshet-{name}\n{file.read()}")


if __name__ == "__main__":
    main()
