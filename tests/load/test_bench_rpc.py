#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench_rpc.py - freshet bench rpc against a server that answers at once, unless it is stopped."""
import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
import xml.dom.minidom

from freshet_testing import BIN, SLOWNESS, free_port, main, run_freshet, wait_until
from sp_client import SOURCE

GET = "users.v1.Users/GetUser"
ALICE = '{"id":"user-123"}'
PROTO = os.path.join(SOURCE, "proto", "users", "v1", "users.proto")


class BenchRpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([os.path.join(BIN, "bench_echo"), "serve"], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end_server)
        cls.address = cls.server.stdout.readline().strip()
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    @classmethod
    def end_server(cls):
        cls.server.stdin.close()
        cls.server.wait(20 * SLOWNESS)
        cls.server.stdout.close()

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        return path

    def bench(self, *arguments):
        return run_freshet("bench", "rpc", *arguments, "--addr", self.address, seconds=60)

    def report(self, *arguments, code=0):
        """The runs of the JSON report."""
        done = self.bench(*arguments, "--json", "-")
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout)["runs"]

    def started(self, *arguments):
        """A bench that goes on, once it has begun to call."""
        bench = subprocess.Popen([os.path.join(BIN, "freshet"), "bench", "rpc", GET, ALICE, "--addr", self.address,
                                  "--progress", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertIn("calls", bench.stderr.readline())
        return bench

    # ---- what is called ----

    def test_counts_every_call(self):
        run, = self.report(GET, ALICE, "--concurrency", "16", "--count", "5000", "--decode")
        self.assertEqual((run["loop"], run["calls"], run["failed"], run["codes"]), ("closed", 5000, 0, {"OK": 5000}))
        self.assertEqual(run["latency"]["count"], 5000)
        times = [run["latency"][key] for key in ("p50_us", "p75_us", "p90_us", "p95_us", "p99_us", "p999_us", "p9999_us",
                                                 "max_us")]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 0)
        self.assertGreater(run["cpu_us_per_call"], 0)

    def test_warm_up_is_not_measured(self):
        run, = self.report(GET, ALICE, "-c", "4", "--warmup", "200ms", "--count", "1000")
        self.assertEqual(run["latency"]["count"], 1000)
        run, = self.report(GET, ALICE, "--rate", "500", "--warmup", "200ms", "--duration", "200ms")
        self.assertEqual((run["planned"], run["latency"]["count"]), (100, 100))

    def test_several_channels_and_numbers_of_calls(self):
        runs = self.report(GET, ALICE, "--concurrency", "1,4,16", "--channels", "3", "--count", "300")
        self.assertEqual([(run["concurrency"], run["channels"], run["calls"]) for run in runs],
                         [(1, 3, 300), (4, 3, 300), (16, 3, 300)])

    def test_methods_by_weight_with_templates_and_lines(self):
        lines = self.path("ids.jsonl", '{"id":"a"}\n\n{"id":"b{{n}}"}\n')
        run, = self.report(f"{GET}=3", f"@{lines}", GET, '{"id":"{{key}}-{{word 3}}"}', "--keys", "100", "--zipf", "0.99",
                           "--count", "1000", "--decode", "-H", "x-a: b")
        self.assertEqual([(method["weight"], method["codes"]) for method in run["methods"]],
                         [(3, {"OK": 750}), (1, {"OK": 250})])

    def test_definitions_from_a_file(self):
        done = self.bench(GET, ALICE, "--count", "5", "--proto", PROTO, "-I", os.path.join(SOURCE, "proto"))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_call_that_fails_is_counted_by_its_code(self):
        run, = self.report("users.v1.Users/BatchGetUsers", "--count", "7", code=1)
        self.assertEqual((run["codes"], run["latency"]["count"]), ({"UNIMPLEMENTED": 7}, 0))
        self.assertIn("method", run["messages"]["UNIMPLEMENTED"])

    # ---- the open loop ----

    def test_schedules(self):
        for schedule, planned in (("const:500", 250), ("step:200:400:250ms", 200), ("ramp:0:1000:500ms", 250)):
            run, = self.report(GET, ALICE, "--schedule", schedule, "--duration", "500ms")
            self.assertEqual((run["loop"], run["calls"]), ("open", run["planned"]), schedule)
            self.assertAlmostEqual(run["planned"], planned, delta=2, msg=schedule)
            self.assertGreaterEqual(run["seconds"], 0.49, schedule)
            self.assertGreaterEqual(run["latency"]["p50_us"], run["uncorrected"]["p50_us"])

    def test_one_run_has_its_figures_at_the_top_of_the_json(self):
        done = self.bench(GET, ALICE, "-n", "200", "--json", "-")
        report = json.loads(done.stdout)
        run = report["runs"][0]
        self.assertEqual(report["calls_per_s"], run["calls_per_s"])
        for name in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us"):
            self.assertEqual(report[name], run["latency"][name])
        self.assertEqual(report["errors"], {})
        late = self.bench(GET, ALICE, "-n", "20", "--max-time", "0.000001", "--json", "-")
        self.assertEqual(json.loads(late.stdout)["errors"], {"DEADLINE_EXCEEDED": 20})

    def test_a_stall_shows_from_the_planned_time_and_hides_without(self):
        bench = self.started("--rate", "1000", "--duration", "3", "-c", "8", "--json", "-")
        self.server.send_signal(signal.SIGSTOP)
        threading.Event().wait(0.6)
        self.server.send_signal(signal.SIGCONT)
        out, err = bench.communicate(timeout=60 * SLOWNESS)
        self.assertEqual(bench.returncode, 0, err)
        run = json.loads(out)["runs"][0]
        self.assertEqual(run["codes"], {"OK": 3000})
        self.assertGreater(run["latency"]["p99_us"], 400_000)
        self.assertGreater(run["uncorrected"]["max_us"], 400_000)
        self.assertLess(run["uncorrected"]["p99_us"], run["latency"]["p99_us"] / 4)

    def test_says_that_the_rate_was_not_reached(self):
        done = self.bench(GET, ALICE, "--rate", "1000000", "-c", "1", "--duration", "100ms", "--max-time", "100ms")
        self.assertIn("warning: the target rate was not reached", done.stdout)
        self.assertIn("planned calls were never sent", done.stdout)
        done = self.bench(GET, ALICE, "--rate", "100", "--duration", "200ms")
        self.assertNotIn("warning", done.stdout)

    # ---- the end ----

    def test_an_interrupt_prints_what_there_is(self):
        bench = self.started("--duration", "1m", "--concurrency", "2,3")
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=20 * SLOWNESS)
        self.assertEqual(bench.returncode, 0, err)
        self.assertRegex(out, r"calls/s: \d+ answered")
        self.assertIn("p99.99", out)
        self.assertNotIn("closed loop, 3", out)

    def test_an_interrupt_within_a_stall_shows_the_stall(self):
        path = self.path("interrupted.json")
        bench = self.started("--rate", "200", "--duration", "1m", "-c", "4", "--json", path)
        self.server.send_signal(signal.SIGSTOP)
        self.addCleanup(self.server.send_signal, signal.SIGCONT)
        bench.stderr.readline()
        bench.stderr.readline()  # a second and more without an answer
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=20 * SLOWNESS)
        self.server.send_signal(signal.SIGCONT)
        self.assertEqual(bench.returncode, 0, err)
        self.assertRegex(out, r"ended early: [\d.]+ of 60 s\n")
        self.assertIn("warning: the target rate was not reached", out)
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        run, = report["runs"]
        self.assertEqual((report["complete"], run["complete"]), (False, False))
        self.assertGreater(run["unfinished"], 100)
        self.assertEqual(run["latency"]["count"], run["calls"] + run["unfinished"])
        self.assertGreater(run["latency"]["max_us"], 900_000)
        self.assertGreater(run["seconds"], 1.9)
        done = self.bench(GET, ALICE, "--rate", "200", "-c", "4", "-d", "100ms", "--compare", path)
        self.assertIn("warning: the older run was ended early", done.stdout)

    def test_an_interrupt_in_the_warm_up_measures_nothing(self):
        bench = self.started("--warmup", "1m", "--json", "-")
        bench.send_signal(signal.SIGINT)
        out, err = bench.communicate(timeout=20 * SLOWNESS)
        self.assertEqual((bench.returncode, out), (1, ""))
        self.assertIn("ended in the warm-up: nothing was measured", err)

    def test_an_interrupt_while_requests_are_read_just_ends_it(self):
        bench = subprocess.Popen([os.path.join(BIN, "freshet"), "bench", "rpc", GET, "@-"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        bench.stdin.write(b"{" + b" " * 200_000)  # more than a pipe holds: it has begun to read
        bench.stdin.flush()
        bench.send_signal(signal.SIGINT)
        bench.communicate(timeout=20 * SLOWNESS)
        self.assertEqual(bench.returncode, -signal.SIGINT)

    def test_calls_per_second_count_the_plan(self):
        run, = self.report(GET, ALICE, "--rate", "5", "--count", "2")  # due at 0 and 0.2 s
        self.assertAlmostEqual(run["calls_per_s"], 5, delta=0.5)
        run, = self.report(GET, ALICE, "--schedule", "step:50:-50:200ms", "--duration", "1")
        self.assertAlmostEqual(run["calls_per_s"], 10, delta=0.5)
        run, = self.report(GET, ALICE, "--schedule", "ramp:100:0:200ms", "--count", "10")  # all there are
        self.assertEqual(run["calls"], 10)

    def test_a_server_that_dies_ends_calls_not_the_run(self):
        server = subprocess.Popen([os.path.join(BIN, "bench_echo"), "serve"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stdin.close)
        address = server.stdout.readline().strip()
        bench = subprocess.Popen([os.path.join(BIN, "freshet"), "bench", "rpc", GET, ALICE, "--addr", address, "--progress",
                                  "--duration", "2", "--max-time", "200ms", "--json", "-"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        bench.stderr.readline()
        server.kill()
        server.wait()
        out, err = bench.communicate(timeout=30 * SLOWNESS)
        self.assertEqual(bench.returncode, 1)
        self.assertIn("failed with UNAVAILABLE", err)
        run = json.loads(out)["runs"][0]
        self.assertGreater(run["codes"]["OK"], 0)
        self.assertLess(run["failed"], 2000)  # it is asked now and then, not all the time

    def test_objectives_decide_the_exit_status(self):
        self.assertEqual(self.bench(GET, ALICE, "--count", "100", "--slo", "p99=1m", "--slo", "errors=0").returncode, 0)
        done = self.bench(GET, ALICE, "--count", "100", "--slo", "p99=1m", "--slo", "p50=1us")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"^freshet: objective p50=1us missed: .*s\n$")
        self.assertIn("objective p99=1m: met", done.stdout)
        allowed = self.bench("users.v1.Users/BatchGetUsers", "--count", "7", "--slo", "errors=7")
        self.assertEqual((allowed.returncode, allowed.stderr), (0, ""))

    # ---- the reports ----

    def test_text(self):
        done = self.bench(GET, ALICE, "--count", "50", "-c", "2")
        self.assertIn(f"{GET} at {self.address}\nclosed loop, 2 under way on 1 channel\n", done.stdout)
        self.assertRegex(done.stdout, r"  OK +50  100.000%")
        self.assertEqual(done.stderr, "")

    def test_slices_add_up_to_the_run(self):
        for arguments in (("-n", "1000"), ("-d", "220ms"), ("--rate", "500", "-d", "330ms")):
            run, = self.report(GET, ALICE, *arguments)
            slices = run["slices"]
            self.assertEqual((sum(slices["calls"]), sum(slices["failed"])), (run["calls"], run["failed"]), arguments)
            self.assertEqual({len(slices[name]) for name in ("calls", "failed", "p50_us", "p99_us")},
                             {len(slices["calls"])})
            self.assertTrue(0 < slices["last_width_us"] <= slices["width_us"], slices)
            seconds = ((len(slices["calls"]) - 1) * slices["width_us"] + slices["last_width_us"]) / 1e6
            self.assertAlmostEqual(seconds, run["seconds"], delta=2e-6)

    def test_csv(self):
        done = self.bench(GET, ALICE, "--count", "50", "-c", "1,2", "--csv", "-")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual([(row["method"], row["concurrency"], row["calls"], row["failed"]) for row in rows],
                         [(GET, "1", "50", "0"), (GET, "2", "50", "0")])
        self.assertTrue(all(float(row["p9999_us"]) > 0 for row in rows))

    def test_prometheus(self):
        done = self.bench(GET, ALICE, "--rate", "200", "--duration", "200ms", "--prometheus", "-")
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", done.stdout, re.M))
        for line in done.stdout.splitlines():
            if not line.startswith("#"):
                name = re.fullmatch(r'(\w+)\{\w+="[^"]*"(?:,\w+="[^"]*")*\} [0-9.e+]+', line)
                self.assertTrue(name, line)
                self.assertIn(re.sub("_(sum|count)$", "", name[1]), types)
        self.assertIn(f'freshet_bench_calls_total{{method="{GET}",concurrency="10",code="OK"}} 40', done.stdout)
        self.assertIn('quantile="0.9999"', done.stdout)

    def test_prometheus_has_no_series_twice(self):
        done = self.bench(GET, ALICE, GET, '{"id":"user-124"}', "-c", "1,1,2", "-n", "10", "--prometheus", "-")
        names = [line.rsplit(" ", 1)[0] for line in done.stdout.splitlines() if not line.startswith("#")]
        self.assertEqual(sorted(names), sorted(set(names)))
        for run, concurrency in ((1, 1), (2, 1), (3, 2)):
            self.assertIn(f'freshet_bench_calls_per_second{{concurrency="{concurrency}",run="{run}"}}', names)
            for entry in (1, 2):
                self.assertIn(f'freshet_bench_calls_total{{method="{GET}",entry="{entry}",'
                              f'concurrency="{concurrency}",run="{run}",code="OK"}}', names)

    def test_pictures(self):
        for name, arguments in (("one.svg", ("--rate", "200")), ("many.svg", ("-c", "1,8,64"))):
            path = self.path(name)
            self.assertEqual(self.bench(GET, ALICE, "--duration", "500ms", "--plot", path, *arguments).returncode, 0)
            text = xml.dom.minidom.parse(path).documentElement
            labels = [label.firstChild.data for label in text.getElementsByTagName("text")]
            self.assertTrue({"99%", "latency, logarithmic"} <= set(labels), labels)
            self.assertTrue(any(label.endswith("s") and "µ" in label for label in labels), labels)
            self.assertNotRegex(str(labels), "nan|inf")
        done = self.bench(GET, ALICE, "-n", "10", "-c", ",".join(map(str, range(1, 12))), "--plot", self.path("more.svg"))
        self.assertEqual((done.returncode, done.stderr),
                         (0, "freshet: the picture leaves out the percentiles of 3 of the 11 runs\n"))
        if shutil.which("rsvg-convert"):
            path = self.path("one.png")
            self.bench(GET, ALICE, "--count", "5", "--plot", path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(4), b"\x89PNG")

    def test_compares_with_an_older_report(self):
        path = self.path("old.json")
        self.assertEqual(self.bench(GET, ALICE, "--rate", "300", "--duration", "900ms", "--json", path).returncode, 0)
        done = self.bench(GET, ALICE, "--rate", "300", "--duration", "900ms", "--json", path, "--compare", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"compared with '{path}', open loop, 15 under way:", done.stdout)
        self.assertRegex(done.stdout, r"  calls/s  \d+ -> \d+  \([-+][\d.]+%\)  (noise|better|worse)")
        self.assertRegex(done.stdout, r"  p99 .* -> ")
        self.assertNotIn("not the same load", done.stdout)
        with open(path, encoding="utf-8") as file:  # the new report is written over the old one, after it was read
            compared = json.load(file)["runs"][0]["compared"]
        self.assertEqual((compared["file"], compared["other_load"], [line["figure"] for line in compared["figures"]]),
                         (path, None, ["calls_per_s", "p50_us", "p99_us"]))
        self.assertIn(compared["figures"][0]["verdict"], ("noise", "better", "worse"))
        run, = self.report(GET, ALICE, "--rate", "200", "-c", "15", "--duration", "900ms", "--compare", path)
        self.assertEqual(run["compared"]["other_load"], "another rate")

    def test_closed_standard_descriptors_spoil_no_connection(self):
        path = self.path("closed.json")
        command = [os.path.join(BIN, "freshet"), "bench", "rpc", GET, ALICE, "--addr", self.address, "-n", "200", "-c", "4",
                   "--progress", "--json", path]
        for closed in ("<&- >&-", "<&- >&- 2>&-", ">&-"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, timeout=60 * SLOWNESS)
            with open(path, encoding="utf-8") as file:
                run, = json.load(file)["runs"]
            self.assertEqual(run["codes"], {"OK": 200})
            self.assertEqual(done.returncode, 1)  # the report for people could not be written, and that is told
            if "2>" not in closed:
                self.assertIn("freshet: cannot write 'the report': Bad file descriptor", done.stderr)

    # ---- what is wrong ----

    def test_wrong_input_gets_one_line(self):
        bad_json = self.path("bad.json", '{"id":\n  oops}')
        lines = self.path("bad.jsonl", '{"id":"a"}\n{"id":7}\n')
        for code, message, arguments in (
                (2, "unknown method", ("users.v1.Users/GetUsr", ALICE)),
                (2, "no service is known", ("nobody.v1.Service/Get", ALICE)),
                (2, "no request type|unknown|ids", (GET, '{"ids":"x"}')),
                (2, "line 1, column", (GET, "{oops}")),
                (2, "bad.json': line 2, column", (GET, "@" + bad_json)),
                (2, "line 2 of .*bad.jsonl", (GET, "@" + lines)),
                (2, "cannot open", (GET, "@" + self.path("none.json"))),
                (2, "empty.json' is empty", (GET, "@" + self.path("empty.json", ""))),
                (2, "blank.jsonl' is empty", (GET, "@" + self.path("blank.jsonl", "\n\n"))),
                (2, "no.json' is empty", (GET, ALICE, "--compare", self.path("no.json", ""))),
                (2, "--duration: 0 is less than 0.001 s", (GET, ALICE, "--duration", "0")),
                (2, "concurrency", (GET, ALICE, "-c", "0")),
                (2, "concurrency", (GET, ALICE, "-c", "1,,2")),
                (2, "--rate", (GET, ALICE, "--rate", "0")),
                (2, "not both", (GET, ALICE, "--rate", "1", "--schedule", "const:1")),
                (2, "gives only 100 calls", (GET, ALICE, "--schedule", "ramp:100:0:2", "-n", "200")),
                (2, "gives only 150 calls", (GET, ALICE, "--schedule", "step:100:-50:1", "-n", "100000")),
                (2, "above 0, at most 1e.08", (GET, ALICE, "-r", "1e9")),
                (2, "svg or .png", (GET, ALICE, "--plot", self.path("x.jpg"))),
                (2, "have a unit", (GET, ALICE, "--slo", "p99=5")),
                (2, "no schedule", (GET, ALICE, "--schedule", "wave:1")),
                (2, "no objective", (GET, ALICE, "--slo", "fast")),
                (2, "--zipf needs --keys", (GET, ALICE, "--zipf", "1")),
                (2, "--zipf", (GET, ALICE, "--zipf", "nan", "--keys", "5")),
                (2, "--keys", (GET, '{"id":"{{key}}"}')),
                (2, "--keys", (GET, ALICE, "--keys", "0")),
                (2, "--keys", (GET, ALICE, "--keys", "5-4")),
                (2, "expected {{n}}", (GET, '{"id":"{{m}}"}')),
                (2, "WEIGHT", (GET + "=0", ALICE)),
                (2, "no method before it", (ALICE,)),
                (2, "only one report", (GET, ALICE, "--json", "-", "--csv", "-")),
                (2, "is no report", (GET, ALICE, "--compare", self.path("x.json", "{}"))),
                (2, "is no report", (GET, ALICE, "--compare", self.path("payload.json", '{"runs":11,"shapes":[]}'))),
                (1, "cannot open", (GET, ALICE, "--json", "/no/such/folder/x"))):
            with self.subTest(arguments=arguments):
                done = run_freshet("bench", "rpc", *arguments)
                self.assertEqual(done.returncode, code, done.stderr)
                lines_said = [line for line in done.stderr.splitlines() if not line.endswith("shows the usage")]
                self.assertEqual(len(lines_said), 1, done.stderr)
                self.assertRegex(lines_said[0], message)
                self.assertEqual(done.stdout, "")

    def test_a_picture_that_cannot_be_drawn_costs_no_run(self):
        path = self.path("none.png")
        done = run_freshet("bench", "rpc", GET, ALICE, "--plot", path, environment={"PATH": self.folder})
        self.assertEqual((done.returncode, os.path.exists(path)), (1, False))
        self.assertIn("rsvg-convert: No such file or directory; install librsvg2-bin", done.stderr)

    def test_a_server_that_is_not_there(self):
        older = self.path("older.json", "a report that is worth keeping")
        done = run_freshet("bench", "rpc", GET, ALICE, "--addr", f"127.0.0.1:{free_port()}", "--json", older)
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), done.stderr)
        self.assertIn("127.0.0.1", done.stderr)
        with open(older, encoding="utf-8") as file:
            self.assertEqual(file.read(), "a report that is worth keeping")

    def test_the_server_is_still_there(self):
        """A check on the other tests: none of them ended it."""
        wait_until(lambda: self.bench(GET, ALICE, "--count", "1").returncode == 0, what="the server answers")


if __name__ == "__main__":
    main()
