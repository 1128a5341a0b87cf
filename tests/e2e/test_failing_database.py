#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_failing_database.py - a database that fails shows in the service's log, and its caller learns no path."""
import time

from freshet_testing import TestCase, main
from sp_client import INTERNAL, NOT_FOUND, RESOURCE_EXHAUSTED

GET = "users.v1.Users/GetUser"
BATCH = "users.v1.UserData/BatchGetUsers"
PREFER = "users.v1.Users/UpdatePreference"
CALLS = 100
TIMEOUT_US = 25_000_000  # SQLite takes seconds for a name of 5 MB where a sanitizer looks at each byte


class FailingDatabase(TestCase):
    def setUp(self):
        self.started()
        self.client = self.system.client()
        self.addCleanup(self.client.close)

    def lines(self, name, event):
        return [line for line in self.system[name].stderr().splitlines() if event in line]

    def assert_told(self, name, event, cause):
        """The log has the cause and where the database is."""
        lines = self.lines(name, event)
        self.assertEqual(len(lines), 1, self.system[name].stderr())
        self.assertIn("level=error", lines[0])
        self.assertIn(cause, lines[0])
        self.assertIn(self.system.database, lines[0])

    def fails(self, code, method, cause, **fields):
        message = self.assert_code(code, self.client.call, method, timeout_us=TIMEOUT_US, **fields)
        self.assertIn(cause, message)
        self.assertNotIn(self.system.folder, message)
        return message

    def test_reads_and_writes(self):
        self.system.sql("ALTER TABLE users RENAME TO lost")
        self.fails(INTERNAL, GET, "no such table", id="user-123")
        self.fails(INTERNAL, PREFER, "no such table", id="user-123", preference="x")
        self.assert_told("data", "db read failed", "no such table")
        self.assert_told("update", "db write failed", "no such table")

    def test_batches(self):
        self.system.sql("ALTER TABLE users RENAME TO lost")
        with self.system.client("data") as client:
            self.assert_code(INTERNAL, client.call, BATCH, ids=["user-123", "user-456"])
        self.assert_told("data", "db read failed", "no such table")

    def test_many_failures_make_few_lines(self):
        self.system.sql("ALTER TABLE users RENAME TO lost")
        began = time.monotonic()
        for _ in range(CALLS):
            self.fails(INTERNAL, PREFER, "no such table", id="user-123", preference="x")
        seconds = time.monotonic() - began
        self.assertLessEqual(len(self.lines("update", "db write failed")), seconds + 1)

    def test_what_the_caller_did_wrong_is_no_failure(self):
        self.assert_code(NOT_FOUND, self.client.call, GET, id="nobody")
        self.assert_code(NOT_FOUND, self.client.call, PREFER, id="nobody", preference="x")
        self.assertEqual(self.lines("data", "failed") + self.lines("update", "failed"), [])

    def cannot_be_answered(self, code, name, cause):
        """A row with this name (an SQL expression) is neither read nor written."""
        self.system.sql(f"UPDATE users SET name = {name} WHERE id = 'user-123'")
        self.fails(code, GET, cause, id="user-123")
        self.assertIn("nothing was written", self.fails(code, PREFER, cause, id="user-123", preference="new"))
        self.assert_told("data", "db read failed", cause)
        self.assert_told("update", "db write failed", cause)
        self.system.sql("UPDATE users SET name = 'Alice' WHERE id = 'user-123'")
        self.assertEqual(self.system.rows()["user-123"][2], "dark_mode")

    def test_a_name_that_is_no_text(self):
        self.cannot_be_answered(INTERNAL, "CAST(x'41ff' AS TEXT)", "UTF-8")

    def test_a_name_too_large_for_an_answer(self):
        self.cannot_be_answered(RESOURCE_EXHAUSTED, "printf('%.*c', 5000000, 'x')", "over 4 MiB")


if __name__ == "__main__":
    main()
