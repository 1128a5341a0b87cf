#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench_variants.py - `freshet bench variants` as a person or a script meets it; bytes against python3-protobuf."""
import csv
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from google.protobuf import json_format

import freshet_testing
import sp_client
from freshet_testing import BIN, run_freshet

KEYS = 200
ROUNDS = 3
QUICK = ("--rounds", str(ROUNDS), "--seconds", "20ms", "--keys", str(KEYS), "--concurrency", "1")
VARIANTS = ["protobuf", "json", "jansson"]
LEVELS = ["near", "redis", "database"]
FRAME = 12  # nng's: the length of a message and the id of its request


def bench(*arguments, **keywords):
    return run_freshet("bench", "variants", *arguments, **keywords)


def user(number):
    """What the benchmark serves, written down a second time."""
    message = sp_client.users.User(
        id=f"user-{1000 + number}", email=f"user{1000 + number}@example.com", version=1 + number * 17,
        name=["Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi"][number % 8] + " Example",
        preference=["dark_mode", "light_mode", "high_contrast"][number % 3])
    message.create_time.FromJsonString(f"2024-05-01T12:00:{(20 + number) % 60:02}.{number * 7 % 1000:03}Z")
    message.update_time.FromJsonString(f"2024-11-{1 + number % 28:02}T08:30:00Z")
    return message


def encoded(variant, message):
    if variant == "protobuf":
        return message.SerializeToString()
    return json.dumps(json_format.MessageToDict(message), ensure_ascii=False, separators=(",", ":")).encode()


class Output(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="freshet-test-")
        cls.addClassCleanup(holder.cleanup)
        cls.paths = {kind: os.path.join(holder.name, "all." + kind) for kind in ("json", "csv", "svg")}
        cls.result = bench(*QUICK, "--json", cls.paths["json"], "--csv", cls.paths["csv"], "--plot", cls.paths["svg"])
        if cls.result.returncode != 0:
            raise AssertionError(cls.result.stderr)
        with open(cls.paths["json"], encoding="utf-8") as file:
            cls.found = json.load(file)
        cls.rows = {(shape["name"], row["variant"]): row for shape in cls.found["shapes"] for row in shape["rows"]}

    def levels(self):
        for (shape, variant), row in self.rows.items():
            for name, level in row["levels"].items():
                with self.subTest(shape=shape, variant=variant, level=name):
                    yield shape, variant, name, level

    def test_every_variant_has_every_level_in_every_round(self):
        self.assertEqual(list(self.rows), [(shape, variant) for shape in ("user", "order") for variant in VARIANTS])
        self.assertTrue(self.found["complete"])
        for _, _, _, level in self.levels():
            self.assertEqual(len(level["calls_per_s"]["rounds"]), ROUNDS)
        for row in self.rows.values():
            self.assertEqual(list(row["levels"]), LEVELS)
        self.assertEqual(self.result.stderr, "")

    def test_a_users_payloads_are_as_large_as_python_makes_them(self):
        for variant in VARIANTS:
            row = self.rows["user", variant]
            sizes = [len(encoded(variant, user(number))) for number in range(KEYS)]
            self.assertAlmostEqual(row["value_bytes"], sum(sizes) / KEYS, delta=0.0001)
            request = sp_client.users.GetUserRequest(id="user-1000")
            self.assertEqual(row["request_bytes"], len(encoded(variant, request)))

    def test_an_orders_payloads_are_as_large_as_those_of_bench_payload(self):
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder:
            self.assertEqual(run_freshet("bench", "payload", "--shape", "order", "--save", folder).returncode, 0)
            for variant in VARIANTS:
                file = os.path.join(folder, "order.pb" if variant == "protobuf" else "order.json")
                self.assertEqual(self.rows["order", variant]["value_bytes"], os.path.getsize(file))

    def test_the_bytes_on_the_wire_are_those_of_the_envelope_and_the_payload(self):
        """One call at a time, answered within its message: the near cache's."""
        for variant in VARIANTS:
            row = self.rows["user", variant]
            level = row["levels"]["near"]
            request_bytes = int(row["request_bytes"])
            # Ids 128 to 16383 are as long as each other, and so are timeouts of 2.1 to 268 s.
            self.assertLess(level["calls"], ROUNDS * 10000)
            request = sp_client.rpc.RequestBatch(session=1, collect=True, request=[sp_client.make_request(
                1000, "variants.v1.Values/GetNear", b"x" * request_bytes, timeout_us=9999990)])
            self.assertEqual(level["request_bytes_total"], level["calls"] * request_bytes)
            # A message that leaves while the answer before it is still being read does without "collect", of two bytes.
            spared = level["calls"] * (FRAME + request.ByteSize()) - level["sent_bytes_total"]
            self.assertIn(spared, range(0, 2 * level["calls"] + 1, 2))
            size = 80 if variant == "protobuf" else 190  # any with a length of as many bytes
            answer = sp_client.rpc.ResponseBatch(response=[sp_client.rpc.Response(id=1000, payload=b"x" * size)])
            overhead = FRAME + answer.ByteSize() - size
            self.assertEqual(level["received_bytes_total"], level["value_bytes_total"] + level["calls"] * overhead)

    def test_what_comes_later_takes_more_messages(self):
        for shape, variant, name, level in self.levels():
            if name != "near":
                near = self.rows[shape, variant]["levels"]["near"]
                self.assertGreater(level["sent_bytes"]["median"], near["sent_bytes"]["median"])

    def test_a_key_in_redis_holds_its_value_and_json_the_larger_one(self):
        for shape in ("user", "order"):
            memory = [self.rows[shape, variant]["redis_bytes"] for variant in VARIANTS]
            for variant, size in zip(VARIANTS, memory):
                self.assertGreater(size, self.rows[shape, variant]["value_bytes"] + len(f"v0:{shape}:"))
                self.assertLess(size, 2 * self.rows[shape, variant]["value_bytes"] + 200)
            self.assertGreater(memory[1], memory[0])
            self.assertEqual(memory[1], memory[2])

    def test_figures_are_those_of_one_call_at_a_time(self):
        for _, _, name, level in self.levels():
            # Half of the calls take at least p50, so that one at a time there cannot be more than this.
            self.assertLess(level["calls_per_s"]["median"] * level["p50_us"]["median"], 2.5e6)
            quantiles = [level[quantile]["median"] for quantile in ("p50_us", "p90_us", "p99_us", "p999_us")]
            self.assertEqual(quantiles, sorted(quantiles))
            self.assertGreater(quantiles[0], 0)
            parts = [level[part]["median"] for part in ("client_cpu_us", "server_cpu_us", "redis_cpu_us")]
            self.assertGreater(min(parts[:2]), 0)
            busy = level["cpu_us"]["median"] * level["calls_per_s"]["median"] / 1e6
            self.assertLess(busy, 1.5 * os.cpu_count())
            if name == "redis":
                self.assertGreater(parts[2], 1)

    def test_sizes_are_judged_for_protobuf(self):
        for shape in self.found["shapes"]:
            for level in LEVELS:
                self.assertEqual(shape["verdicts"][level + " received_bytes"], "protobuf")
                self.assertIn(shape["verdicts"][level + " calls_per_s"], ("protobuf", "tie", "json"))

    def test_the_table_fits_100_columns_and_says_who_does_better(self):
        body = self.result.stdout.split("\nWhere JSON, straight by the schema, ties or does better:\n")
        self.assertEqual(len(body), 2)
        for line in body[0].splitlines():
            if not line.startswith(("machine:", "compiler:")):  # may have any length
                self.assertLessEqual(len(line), 105, line)
        self.assertRegex(body[1], r"Where protobuf does better:\n.*user from near: .*bytes received 2\.\d+ times")
        self.assertIn("libraries: protobuf-c 1.", body[0])

    def test_the_csv_has_the_same_figures(self):
        with open(self.paths["csv"], encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 2 * len(VARIANTS) * len(LEVELS))
        for row in rows:
            level = self.rows[row["shape"], row["variant"]]["levels"][row["level"]]
            self.assertEqual(row["calls"], str(level["calls"]))
            for metric in ("calls_per_s", "p999_us", "received_bytes", "cpu_us"):
                self.assertEqual(float(row[metric]), level[metric]["median"])

    def test_the_picture_is_an_svg_within_its_frame(self):
        root = xml.etree.ElementTree.parse(self.paths["svg"]).getroot()
        texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
        for name in VARIANTS:
            self.assertEqual(texts.count(name), 2 * len(LEVELS) + (name == "protobuf"))  # and once in the legend
        for name in ("user: ", "order: "):
            self.assertTrue(any(text.startswith(name) for text in texts), name)
        width, height = float(root.get("width")), float(root.get("height"))
        for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
            self.assertLessEqual(float(bar.get("x", 0)) + float(bar.get("width")), width)
            self.assertLessEqual(float(bar.get("y", 0)) + float(bar.get("height")), height)


class Usage(unittest.TestCase):
    def refuses(self, message, *arguments, code=2, environment=None):
        result = bench(*arguments, environment=environment)
        self.assertEqual(result.returncode, code, result)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.splitlines()[0], "freshet: " + message)
        self.assertLessEqual(len(result.stderr.splitlines()), 2)

    def test_unknown_names(self):
        self.refuses("unknown shape 'usr'; did you mean 'user'?", "--shape", "usr")
        self.refuses("unexpected argument 'user'", "user")

    def test_nothing_to_measure(self):
        self.refuses("--seconds: 0 is not between 0.01 s and 600 s", "--seconds", "0")
        self.refuses("--rounds: 0 is not between 1 and 100", "--rounds", "0")
        self.refuses("--concurrency: 0 is not between 1 and 4096", "--concurrency", "0")
        self.refuses("--keys: 0 is not between 1 and 100000", "--keys", "0")

    def test_a_file_that_cannot_be_written(self):
        self.refuses("cannot open '/nowhere/x.json': No such file or directory", "--json", "/nowhere/x.json")

    def test_two_reports_on_standard_output_and_other_pictures(self):
        self.refuses("only one report can go to standard output", "--json", "-", "--csv", "-")
        self.refuses("--plot: expected a file that ends in .svg or .png, got 'x.jpg'", "--plot", "x.jpg")

    def test_without_redis(self):
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder:
            self.refuses("redis-server is not installed; install it", code=1, environment={"PATH": folder})


class Interrupt(unittest.TestCase):
    def test_a_reader_that_goes_away_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder:
            read_end, write_end = os.pipe()
            os.close(read_end)
            done = subprocess.run([os.path.join(BIN, "freshet"), "bench", "variants", "--shape", "user", "--keys", "20"],
                                  stdout=write_end, stderr=subprocess.PIPE, text=True, timeout=60,
                                  env={**os.environ, "TMPDIR": folder})
            os.close(write_end)
            self.assertEqual((done.returncode, done.stderr), (1, "freshet: cannot write 'standard output': Broken pipe\n"))
            self.assertEqual(os.listdir(folder), [])

    def test_one_round_has_no_spread(self):
        done = bench("--shape", "user", "--rounds", "1", "--seconds", "20ms", "--keys", "20")
        self.assertRegex(done.stdout, r"(?m)^protobuf +\d+ +- ")

    def test_ctrl_c_prints_what_there_is_and_leaves_nothing_behind(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        with tempfile.TemporaryDirectory(prefix="freshet-test-") as folder:
            with subprocess.Popen([os.path.join(BIN, "freshet"), "bench", "variants", "--shape", "user", "--rounds", "100",
                                   "--seconds", "20ms", "--keys", "20"], stdout=subprocess.PIPE, stderr=terminal,
                                  text=True, env={**os.environ, "TMPDIR": folder}) as child:
                os.close(terminal)
                seen = b""
                while b"round 2 of 100" not in seen:
                    seen += os.read(controller, 1000)
                child.send_signal(signal.SIGINT)
                output = child.communicate(timeout=60)[0]
            self.assertEqual(child.returncode, 0)
            self.assertRegex(output, r"\nended early: \d+ of 100 rounds\n")
            self.assertTrue(re.search(r"(?m)^protobuf +\d", output), output)
            self.assertEqual(os.listdir(folder), [])


if __name__ == "__main__":
    freshet_testing.main()
