#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_start.py - a program that cannot start says why in one clear line and exits with 1 or 2."""
import contextlib
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile

from freshet_testing import BIN, Process, System, TestCase, free_port, main


class StartTest(TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.database = os.path.join(self.folder, "freshet.db")

    def refuses(self, name, *options, names=(), codes=(1, 2), redis=None):
        """The one line that it wrote; each of names stands in it."""
        redis = redis or f"redis://127.0.0.1:{free_port()}/0"
        arguments = [os.path.join(BIN, "freshet-" + name), "--listen", "tcp://127.0.0.1:0", "--redis", redis]
        process = Process(arguments + list(options), self.folder, name, {"XDG_STATE_HOME": self.folder},
                          obeys_permissions=True)
        self.addCleanup(process.kill)
        code = process.wait()
        # No Redis is there, which is no reason to fail: a program that got as far may have logged that before.
        lines = [line for line in process.stderr().splitlines() if not re.search(r"level=(info|warn) .*redis", line)]
        self.assertIn(code, codes, lines)
        self.assertEqual(len(lines), 1, lines)
        for word in names:
            self.assertIn(word, lines[0])
        return lines[0]

    def refuses_database(self, path, *names):
        for name in ("data", "update"):
            with self.subTest(service=name):
                self.refuses(name, "--db", "sqlite:" + path, names=names)

    def create_database(self):
        system = System()
        self.addCleanup(system.stop)
        system.start()
        for name in system.NAMES:
            system[name].stop()
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(system.database + suffix):
                shutil.copy(system.database + suffix, self.database + suffix)

    def test_taken_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            address = "tcp://127.0.0.1:" + port
            for name in ("data", "update"):
                self.refuses(name, "--db", "sqlite:" + self.database, "--listen", address, names=(port,))
            self.refuses("api", "--listen", address, names=(port,))

    def test_wrong_urls(self):
        database = "sqlite:" + self.database
        self.refuses("data", "--db", "postgres://here/there", names=("postgres",))
        self.refuses("data", "--db", self.database)
        for url in ("http://127.0.0.1", "redis://", "redis://host:port", "redis://127.0.0.1:99999"):
            for name, options in (("data", ("--db", database)), ("update", ("--db", database)), ("api", ())):
                with self.subTest(service=name, url=url):
                    self.refuses(name, *options, redis=url)
        for address in ("udp://127.0.0.1:1", "tcp://", "127.0.0.1:7001x", "tcp://127.0.0.1:99999"):
            with self.subTest(address=address):
                self.refuses("api", "--listen", address)
                self.refuses("api", "--data", address)

    def test_a_password_is_not_shown(self):
        line = self.refuses("api", redis="redis://me:s3cret@127.0.0.1:99999/0")
        self.assertNotIn("s3cret", line)

    def test_addresses_that_are_not_loopback(self):
        self.refuses("api", "--listen", "tcp://0.0.0.0:0", names=("--insecure",))

    def test_an_address_of_another_machine(self):
        # For documentation (RFC 5737): nobody has it.
        self.refuses("api", "--listen", "tcp://192.0.2.1:0", "--insecure", names=("this machine has no such address",))

    def test_a_near_cache_too_small(self):
        line = self.refuses("api", "--near-cache-bytes", "1", names=("--near-cache-bytes", "at least 256K"), codes=(2,))
        self.assertNotIn("shards", line)

    def test_an_echo_server_at_no_address(self):
        done = subprocess.run([os.path.join(BIN, "nng-echo"), "serve", "foo"], text=True, capture_output=True,
                              timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("foo: Invalid argument; write an address such as tcp://127.0.0.1:7001", done.stderr)

    def test_wrong_options(self):
        self.refuses("api", "--no-such-option", names=("--no-such-option",), codes=(2,))
        self.refuses("api", "--listen", codes=(2,))

    def test_missing_folder(self):
        self.refuses_database(os.path.join(self.folder, "missing", "freshet.db"), "missing")

    def test_a_folder_in_place_of_the_file(self):
        self.refuses_database(self.folder, self.folder)

    def test_read_only_folder(self):
        folder = os.path.join(self.folder, "sealed")
        os.mkdir(folder, 0o555)
        self.refuses_database(os.path.join(folder, "freshet.db"), "sealed")

    def test_read_only_file(self):
        self.create_database()
        os.chmod(self.database, 0o444)
        self.refuses_database(self.database, "freshet.db")

    def test_corrupt_file(self):
        with open(self.database, "wb") as file:
            file.write(b"this is no database\n" * 500)
        self.refuses_database(self.database, "freshet.db")

    def test_damaged_database(self):
        self.create_database()
        with open(self.database, "r+b") as file:
            file.seek(100)
            file.write(b"\xa5" * 3000)
        self.refuses_database(self.database, "freshet.db")

    def test_foreign_table(self):
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.execute("CREATE TABLE users(id TEXT PRIMARY KEY)")
        self.refuses_database(self.database, "freshet.db", "no column version", "pass another --db")

    def test_without_standard_descriptors_no_connection_gets_the_log(self):
        system = System(wrapper=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
        self.addCleanup(system.stop)
        system.start()
        for service in system.services.values():
            for fd in range(3):
                self.assertEqual(os.readlink(f"/proc/{service.pid}/fd/{fd}"), "/dev/null", service.name)

    def test_help_lists_the_options(self):
        for name, option in (("api", "--data"), ("data", "--db"), ("update", "--db")):
            done = subprocess.run([os.path.join(BIN, "freshet-" + name), "--help"], text=True, capture_output=True,
                                  timeout=30, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for text in ("--listen", "--redis", "--namespace", "FRESHET_REDIS", option):
                self.assertIn(text, done.stdout)


if __name__ == "__main__":
    main()
