#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_cli.py - the command "freshet" as scripts use it: what it prints and its exit codes."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from freshet_testing import BIN, PR_SET_CHILD_SUBREAPER, SLOWNESS, TestCase, main, prctl, run_freshet, wait_until
from sp_client import REP_HELLO, SOURCE, rpc, users

GET = "users.v1.Users/GetUser"
ALICE = '{"id":"user-123"}'


class Failing(threading.Thread):
    """A server of one connection that answers every call with an error and its details."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]

    def run(self):
        connection, _ = self.listener.accept()
        with connection, connection.makefile("rb") as stream:
            connection.sendall(REP_HELLO)
            stream.read(8)
            while head := stream.read(12):
                size, request_id = struct.unpack(">QI", head)
                batch = rpc.RequestBatch.FromString(stream.read(size - 4))
                answer = rpc.ResponseBatch()
                for request in batch.request:
                    response = answer.response.add(id=request.id, code=9, message="not now", retry_after_us=2500)
                    response.details.add(type_url="type.googleapis.com/users.v1.GetUserRequest",
                                         value=users.GetUserRequest(id="x").SerializeToString())
                    response.details.add(type_url="example.com/no.such.Type", value=b"\x01\x02")
                body = answer.SerializeToString()
                connection.sendall(struct.pack(">QI", len(body) + 4, request_id) + body)


class Details(unittest.TestCase):
    def setUp(self):
        self.server = Failing()
        self.server.start()
        self.addCleanup(self.server.listener.close)

    def test_an_error_shows_its_details(self):
        done = run_freshet("call", "--addr", self.server.address, GET, ALICE)
        self.assertEqual(done.returncode, 64 + 9)
        first, known, unknown = done.stderr.splitlines()
        self.assertIn("not now", first)
        self.assertEqual(json.loads(known), {"@type": "type.googleapis.com/users.v1.GetUserRequest",
                                             "value": {"id": "x"}})
        self.assertEqual(json.loads(unknown), {"@type": "example.com/no.such.Type", "value": "AQI="})

    def test_with_json_they_are_part_of_the_error(self):
        done = run_freshet("call", "--addr", self.server.address, "--json", GET, ALICE)
        error = json.loads(done.stdout)
        self.assertEqual((error["status"], error["retryAfterMs"]), ("FAILED_PRECONDITION", 2.5))
        self.assertEqual(error["details"][0]["value"], {"id": "x"})


class Against(TestCase):
    """Commands against running services."""

    @classmethod
    def setUpClass(cls):
        cls.start_for_class()

    def call(self, *arguments, name="api", **options):
        return run_freshet("call", "--addr", self.system.address(name), *arguments, **options)

    def ok(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def test_jq_reads_the_answer(self):
        answer = self.ok(self.call(GET, ALICE))
        done = subprocess.run(["jq", "-r", ".name"], input=answer, text=True, capture_output=True, check=True)
        self.assertEqual(done.stdout, "Alice\n")

    def test_the_address_may_stand_in_the_environment(self):
        done = run_freshet("call", GET, ALICE, environment={"FRESHET_ADDR": self.system.address()})
        self.assertEqual(json.loads(self.ok(done))["id"], "user-123")

    def test_requests_from_a_file_and_from_standard_input(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(ALICE)
            file.flush()
            self.assertEqual(json.loads(self.ok(self.call(GET, "@" + file.name)))["name"], "Alice")
        self.assertEqual(json.loads(self.ok(self.call(GET, "@-", stdin=ALICE)))["name"], "Alice")

    def test_verbose_shows_metadata_beside_the_answer(self):
        done = self.call("-v", GET, ALICE)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["name"], "Alice")
        self.assertIn("x-cache", done.stderr)

    def test_exit_codes(self):
        for expected, arguments in ((69, (GET, '{"id":"nobody"}')), (67, (GET, '{"id":""}')), (67, (GET,)),
                                    (76, ("users.v1.UserData/GetUser", ALICE)),
                                    (68, ("--max-time", "0.000001", GET, ALICE)),
                                    (2, (GET, '{"id":')), (2, (GET, '{"no_such":1}')), (2, ("--no-such-option", GET)), (2, ())):
            with self.subTest(arguments=arguments):
                done = self.call(*arguments)
                self.assertEqual(done.returncode, expected, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")

    def test_with_json_an_error_is_told_once(self):
        done = self.call("--json", GET, '{"id":"nobody"}')
        self.assertEqual((done.returncode, done.stderr), (69, ""))
        self.assertEqual(json.loads(done.stdout)["status"], "NOT_FOUND")
        self.assertEqual(self.ok(self.call("--json", GET, ALICE)).count("\n"), 1)

    def test_an_unknown_method_exits_with_76(self):
        self.assertEqual(self.call("users.v1.Users/NoSuch", "{}").returncode, 76)

    def test_a_stopped_server_exits_with_78_promptly(self):
        began = time.monotonic()
        done = run_freshet("call", "--addr", "tcp://127.0.0.1:1", GET, ALICE)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertLess(time.monotonic() - began, 5 * SLOWNESS)  # its deadline is 10 s

    def test_writes(self):
        answer = self.ok(self.call("users.v1.UserUpdates/UpdatePreference", '{"id":"user-456","preference":"dark"}',
                                   name="update"))
        self.assertEqual(json.loads(answer)["preference"], "dark")

    def test_stats(self):
        self.ok(self.call(GET, ALICE))
        address = ("--addr", self.system.address())
        rows = self.ok(run_freshet("stats", *address, "freshet_rpc_server"))
        self.assertRegex(rows, r"(?m)^freshet_rpc_server_connections +\d+$")
        self.assertRegex(self.ok(run_freshet("stats", *address, "--explain", "freshet_rpc_server")), "    Clients that are")
        figures = json.loads(self.ok(run_freshet("stats", *address, "--json")))
        self.assertGreaterEqual(figures["freshet_rpc_server_connections"], 1)
        none = run_freshet("stats", *address, "nothing")
        self.assertEqual((none.returncode, none.stderr), (1, "freshet: no statistic begins with 'nothing'\n"))
        self.assertEqual(run_freshet("stats", "--addr", "tcp://127.0.0.1:1").returncode, 78)

    def test_list(self):
        services = self.ok(run_freshet("list")).split()
        self.assertLessEqual({"users.v1.Users", "users.v1.UserData", "users.v1.UserUpdates", "grpc.health.v1.Health"},
                             set(services))
        self.assertIn("GetUser", self.ok(run_freshet("list", "users.v1.Users")))
        self.assertEqual(run_freshet("list", "no.such.Service").returncode, 2)

    def test_describe(self):
        self.assertIn("rpc GetUser", self.ok(run_freshet("describe", "users.v1.Users")))
        self.assertIn("preference = 4", self.ok(run_freshet("describe", "users.v1.User")))
        self.assertEqual(run_freshet("describe", "no.such.Symbol").returncode, 2)
        self.assertIn('option (freshet.cache.v1.cached) = { kind: "user" by: "id"',
                      self.ok(run_freshet("describe", "users.v1.UserData/GetUser")))

    def test_a_template_is_a_request_to_fill_in(self):
        template = json.loads(self.ok(run_freshet("describe", "--template", "users.v1.Users/UpdateUser")))
        self.assertEqual(template, {"user": {"id": "", "name": "", "email": "", "preference": "", "version": "0",
                                             "createTime": "1970-01-01T00:00:00Z", "updateTime": "1970-01-01T00:00:00Z"},
                                    "updateMask": ""})
        template["user"].update(id="user-789", name="Carol", email="carol@example.com")
        done = self.call("users.v1.Users/UpdateUser", json.dumps(template))
        self.assertEqual(json.loads(self.ok(done))["name"], "Carol")
        self.assertEqual(run_freshet("describe", "-t", "users.v1.Users").returncode, 2)

    def test_a_server_tells_what_it_has(self):
        listed = self.ok(run_freshet("list", "--addr", self.system.address("data"))).split()
        self.assertEqual(listed, ["freshet.reflection.v1.Reflection", "freshet.stats.v1.Stats", "grpc.health.v1.Health",
                                  "users.v1.UserData"])
        self.assertEqual([service["name"] for service in
                          json.loads(self.ok(run_freshet("list", "--json", "--addr", self.system.address("data"))))], listed)
        self.assertIn("// Unique among all users.",
                      self.ok(run_freshet("describe", "--addr", self.system.address(), "users.v1.User")))
        for command in (["list"], ["describe", "users.v1.User"]):
            self.assertEqual(run_freshet(*command, "--addr", "tcp://127.0.0.1:1").returncode, 78)

    def test_definitions_from_files(self):
        domain = os.path.join(SOURCE, "tests", "cached")
        folders = ["-I", domain, "-I", os.path.join(SOURCE, "proto")]
        proto = os.path.join(domain, "products", "v1", "products.proto")
        listed = self.ok(run_freshet("list", "--proto", proto, *folders)).split()
        self.assertEqual(listed, ["products.v1.ProductData", "products.v1.Products"])
        with tempfile.TemporaryDirectory() as folder:
            protoset = os.path.join(folder, "a.protoset")
            subprocess.run(["protoc", *folders, "--include_imports", "--descriptor_set_out=" + protoset, proto], check=True)
            self.assertIn("rpc FindProduct", self.ok(run_freshet("describe", "--protoset", protoset, "products.v1.Products")))
            done = self.call("--protoset", protoset, "products.v1.Products/FindProduct", '{"shop":"a","sku":"b"}')
            self.assertEqual(done.returncode, 76, done.stderr)
            subprocess.run(["protoc", *folders, "--descriptor_set_out=" + protoset, proto], check=True)
            done = run_freshet("list", "--protoset", protoset)
            self.assertEqual(done.returncode, 1)
            self.assertIn("is missing; make the file with protoc --include_imports", done.stderr)
            alone = os.path.join(folder, "product_data.proto")
            shutil.copy(os.path.join(domain, "products", "v1", "product_data.proto"), alone)
            self.assertEqual(self.ok(run_freshet("list", "--proto", alone)), "products.v1.ProductData\n")
            self.assertIn("(freshet.cache.v1.cached)",
                          self.ok(run_freshet("describe", "--proto", alone, "products.v1.ProductData")))
        for wrong in (["--proto", "no/such.proto"], ["--protoset", "no/such.set"], ["--protoset", proto]):
            self.assertEqual(run_freshet("list", *wrong).returncode, 1, wrong)
        for wrong in (["-I", "."], ["--proto", proto, "--protoset", "x"]):
            self.assertEqual(run_freshet("list", *wrong).returncode, 2, wrong)

    def test_health(self):
        done = run_freshet("health", "--addr", self.system.address())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SERVING", done.stdout)
        self.assertNotEqual(run_freshet("health", "--addr", "tcp://127.0.0.1:1").returncode, 0)

    def test_bench_measures_the_services(self):
        done = run_freshet("bench", "rpc", GET, ALICE, "--addr", self.system.address(), "--concurrency", "8", "--count",
                           "2000", "--json", "-", seconds=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["runs"][0]["codes"], {"OK": 2000})

    def test_bench_without_answers_shows_no_latency(self):
        done = run_freshet("bench", "rpc", GET, '{"id":"nobody"}', "--addr", self.system.address(), "--count", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("3 calls failed with NOT_FOUND", done.stderr)
        self.assertNotIn("p50", done.stdout)


class Demo(TestCase):
    """What a command starts ends with it. Orphans would become children of this process, and be seen."""

    @classmethod
    def setUpClass(cls):
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        cls.addClassCleanup(prctl, PR_SET_CHILD_SUBREAPER, 0)

    def tearDown(self):
        wait_until(lambda: not self.children(), 5, "no process is left behind")

    @staticmethod
    def children():
        """The children that still run; those that have ended are reaped."""
        living = []
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            for pid in map(int, file.read().split()):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    living.append(pid)
        return living

    def test_demo_shows_each_step(self):
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder:
            done = run_freshet("demo", seconds=60, environment={"TMPDIR": folder})
            self.assertEqual(os.listdir(folder), [], "demo leaves no files behind")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.children(), [])
        for word in ("miss", "hit", "update", "invalidat"):
            self.assertIn(word, done.stdout.lower())

    def test_a_refused_up_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder, socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for expected, word, arguments in ((2, "sqlite:PATH", ("--db", os.path.join(folder, "plain"))),
                                              (1, "its folder does not exist; create it or pass another --db",
                                               ("--db", f"sqlite:{folder}/no-such/x.db")),
                                              (1, "a part of its path is not a folder; pass another --db",
                                               ("--db", "sqlite:/dev/null/x.db")),
                                              (1, "its folder is not writable; make it so or pass another --db",
                                               ("--db", "sqlite:/sys/x.db")),
                                              (2, "--redis", ("--redis", "http://:secret@h")),
                                              (1, "--port-base", ("--db", f"sqlite:{folder}/x.db", "--port-base", str(port - 1)))):
                with self.subTest(arguments=arguments):
                    done = run_freshet("up", *arguments, environment={"TMPDIR": folder})
                    self.assertEqual(done.returncode, expected, done.stderr)
                    self.assertIn(word, done.stderr)
                    self.assertNotIn("secret", done.stderr)
                    self.assertEqual(os.listdir(folder), [])

    def test_a_host_that_there_is_not_is_named(self):
        for command in (("call", "-a", "nohost.invalid:1", GET, ALICE), ("stats", "-a", "nohost.invalid:1"),
                        ("describe", "-a", "nohost.invalid:1", "users.v1.Users"), ("health", "-a", "nohost.invalid:1")):
            with self.subTest(command=command[0]):
                done = run_freshet(*command)
                self.assertEqual(done.returncode, 64 + 14, done.stderr)
                self.assertIn("unknown host", done.stdout + done.stderr)

    def test_up_without_a_place_for_its_database_says_what_to_do(self):
        done = run_freshet("up", environment={"XDG_STATE_HOME": "/dev/null"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot create the folder '/dev/null/freshet'", done.stderr)
        self.assertIn("pass another --db", done.stderr)

    def start_up(self):
        folder = tempfile.TemporaryDirectory(prefix="freshet-test-")
        self.addCleanup(folder.cleanup)
        up = subprocess.Popen([os.path.join(BIN, "freshet"), "up", "--port-base", "0", "--json", "--db",
                               "sqlite:" + os.path.join(folder.name, "freshet.db")], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": folder.name})
        self.addCleanup(up.stdout.close)
        where = json.loads(up.stdout.readline())
        done = run_freshet("call", "--addr", where["api"], GET, ALICE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return up

    def test_ctrl_c_stops_everything(self):
        up = self.start_up()
        up.send_signal(signal.SIGINT)
        self.assertEqual(up.wait(20 * SLOWNESS), 0)
        self.assertEqual(self.children(), [])

    def test_nothing_survives_a_killed_up(self):
        up = self.start_up()
        up.kill()
        up.wait()


if __name__ == "__main__":
    main()
