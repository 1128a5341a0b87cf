#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_bench_payload.py - `freshet bench payload` as a person or a script meets it; sizes against python3-protobuf."""
import csv
import json
import os
import pty
import random
import re
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree
import zlib

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

import freshet_testing
from freshet_testing import BIN, run_freshet

SOURCE = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
QUICK = ("--runs", "1", "--time", "100us")
KINDS = os.path.join(SOURCE, "tests", "message", "kinds.proto")
SHAPES = ["user", "tiny", "order", "list", "strings", "unicode", "integers", "doubles", "blob", "sparse", "map"]
CODECS = ["protobuf-c", "protobuf-c-arena", "protobuf-c-reuse", "freshet", "jansson", "cjson", "json-c", "json-c-reuse",
          "rapidjson", "rapidjson-inplace", "rapidjson-writer", "simdjson", "simdjson-reuse", "simdjson-ondemand",
          "freshet-json", "direct-json"]
COMPACT = {"ensure_ascii": False, "separators": (",", ":")}


def bench(*arguments, **keywords):
    return run_freshet("bench", "payload", *arguments, **keywords)


def as_json(message):
    return json.dumps(json_format.MessageToDict(message), **COMPACT)


def types_of(protoset):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(protoset).file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName(name))


class Folder(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="freshet-test-")
        self.addCleanup(holder.cleanup)
        self.folder = holder.name

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        return path

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def figures(self, *arguments):
        result = bench(*QUICK, "--json", self.path("figures.json"), *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(self.read("figures.json"))


class Output(Folder):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="freshet-test-")
        cls.addClassCleanup(holder.cleanup)
        cls.paths = {kind: os.path.join(holder.name, "all." + kind) for kind in ("json", "csv", "svg")}
        cls.result = bench(*QUICK, "--json", cls.paths["json"], "--csv", cls.paths["csv"], "--plot", cls.paths["svg"])
        with open(cls.paths["json"], encoding="utf-8") as file:
            cls.found = json.load(file)

    def test_every_shape_has_every_codec(self):
        self.assertEqual(self.result.returncode, 0, self.result.stderr)
        self.assertEqual([shape["name"] for shape in self.found["shapes"]], SHAPES)
        self.assertEqual([codec["name"] for codec in self.found["codecs"]], CODECS)
        for shape in self.found["shapes"]:
            self.assertEqual([row["codec"] for row in shape["rows"]], CODECS)
            self.assertTrue(shape["generated"])
        self.assertTrue(self.found["complete"])

    def test_what_is_built_is_right_and_measured(self):
        missing = {codec["name"] for codec in self.found["codecs"] if codec["missing"]}
        for shape in self.found["shapes"]:
            for row in shape["rows"]:
                with self.subTest(shape=shape["name"], codec=row["codec"]):
                    known = (shape["name"], row["codec"]) == ("doubles", "cjson")  # loses a bit of some doubles
                    self.assertTrue(row["encode_wrong"] is None or known, row["encode_wrong"])
                    self.assertIsNone(row["decode_wrong"])
                    measured = [row[way] for way in ("encode", "decode") if row[way]]
                    self.assertEqual(bool(measured), row["codec"] not in missing)
                    for figures in measured:
                        self.assertGreater(figures["median_ns"], 0)
                        self.assertGreaterEqual(figures["allocations"], 0)

    def test_what_is_kept_allocates_nothing_and_the_default_does(self):
        rows = {row["codec"]: row for row in self.found["shapes"][SHAPES.index("list")]["rows"]}
        self.assertEqual(rows["protobuf-c-reuse"]["encode"]["allocations"], 0)
        self.assertEqual(rows["direct-json"]["encode"]["allocations"], 0)
        self.assertEqual(rows["protobuf-c"]["encode"]["allocations"], 1)
        # A user: itself, four texts, two times; and the list and the message around them.
        self.assertEqual(rows["protobuf-c"]["decode"]["allocations"], 100 * 7 + 2 + 2)

    def test_the_table_fits_100_columns_and_says_who_wins(self):
        for line in self.result.stdout.splitlines():
            if not line.startswith(("machine:", "compiler:")):  # may have any length
                self.assertLessEqual(len(line), 100, line)
        self.assertIn("Where JSON ties or wins", self.result.stdout)
        self.assertIn("protobuf-c 1.", self.result.stdout)

    def test_a_missing_library_says_what_to_install(self):
        for codec in self.found["codecs"]:
            if codec["missing"]:
                self.assertRegex(self.result.stdout, rf"(?m)^{codec['name']} +not built: install {re.escape(codec['missing'])}$")

    def test_the_csv_has_the_same_figures(self):
        with open(self.paths["csv"], encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), len(SHAPES) * len(CODECS))
        for row in rows:
            real = self.found["shapes"][SHAPES.index(row["shape"])]["rows"][CODECS.index(row["codec"])]
            self.assertEqual(row["bytes"], "" if real["bytes"] is None else str(real["bytes"]))
            self.assertEqual(row["decode_median_ns"], f"{real['decode']['median_ns']:.2f}" if real["decode"] else "")

    def test_the_picture_is_an_svg_that_names_every_shape_and_codec(self):
        root = xml.etree.ElementTree.parse(self.paths["svg"]).getroot()
        texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
        for name in SHAPES:
            self.assertTrue(any(text.startswith(name + ": ") for text in texts), name)
        for name in CODECS:
            self.assertEqual(texts.count(name), len(SHAPES))
        width = float(root.get("width"))
        for bar in root.iter("{http://www.w3.org/2000/svg}rect"):
            self.assertLessEqual(float(bar.get("x", 0)) + float(bar.get("width")), width)
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            if ", gzip " in text.text:  # digits are about 0.6 times as wide as high
                self.assertLessEqual(float(text.get("x")) + 0.6 * float(text.get("font-size")) * len(text.text), width)


class Sizes(Folder):
    def assert_sizes(self, rows, message):
        packed, text = message.SerializeToString(), as_json(message).encode()
        for row in rows:
            if row["codec"] in ("protobuf-c", "protobuf-c-arena", "protobuf-c-reuse", "freshet"):
                self.assertEqual(row["bytes"], len(packed), row["codec"])
            if row["codec"] == "direct-json":
                self.assertEqual(row["bytes"], len(text))
            if row["codec"] == "freshet-json":
                self.assertIsNone(row["encode_wrong"])

    def assert_gzip(self, rows, data, codec):
        row = next(row for row in rows if row["codec"] == codec)
        if row["gzip_bytes"] is not None:
            packer = zlib.compressobj(6, zlib.DEFLATED, 31)
            self.assertEqual(row["gzip_bytes"], len(packer.compress(data) + packer.flush()))

    def test_of_every_shape_agree_with_python(self):
        self.assertEqual(bench("--save", self.folder).returncode, 0)
        type_of = types_of(self.read("shapes.protoset"))
        for shape in self.figures("--codec", "protobuf-c,protobuf-c-reuse,freshet,direct-json")["shapes"]:
            with self.subTest(shape=shape["name"]):
                packed, text = self.read(shape["name"] + ".pb"), self.read(shape["name"] + ".json")
                message = type_of(shape["message"]).FromString(packed)
                self.assertEqual(json_format.Parse(text, type_of(shape["message"])()), message)
                self.assertEqual(json.loads(text), json.loads(as_json(message)))
                self.assert_sizes(shape["rows"], message)
                self.assert_gzip(shape["rows"], packed, "protobuf-c")
                self.assert_gzip(shape["rows"], text, "direct-json")

    def test_of_data_that_the_user_brings_agree_with_python(self):
        protoset = subprocess.run(["protoc", "-I" + os.path.dirname(KINDS), "--include_imports",
                                   "--descriptor_set_out=/dev/stdout", KINDS], check=True, capture_output=True).stdout
        type_of = types_of(protoset)
        numbers = random.Random(7)
        scalars = type_of("kinds.v1.Scalars")(
            i32=-2**31, i64=-2**63, u32=2**32 - 1, u64=2**64 - 1, s32=-5, s64=2**62, f32=7, f64=2**63, sf32=-1, sf64=-2,
            single=0.1, real=1e300, yes=True, text='quote " slash \\ tab\t \x01\x1f\x7f é中😀', blob=b"\0\xff7", heat=5,
            far_away="x")
        lists = type_of("kinds.v1.Lists")(
            i32=[0, -1, 2**31 - 1], u64=[0, 2**64 - 1], single=[0.0, -0.0, 3.4028234663852886e38, float("nan")],
            real=[0.0, 1.0, 5e-324, 1e15, 1e16, 1e-4, 1e-5, float("inf"), -float("inf")]
            + [numbers.uniform(-1e6, 1e6) for _ in range(200)],
            yes=[True, False], text=["", "a"], blob=[b"", b"a", b"ab"], heat=[0, 1, -3, 99], scalars=[scalars],
            unpacked=[1, 2])
        for name, message in (("kinds.v1.Scalars", scalars), ("kinds.v1.Lists", lists),
                              ("kinds.v1.Scalars", type_of("kinds.v1.Scalars")())):
            with self.subTest(message=name):
                data = self.path("data.json", as_json(message))
                found = self.figures("--proto", KINDS, "--message", name, "--data", data)
                self.assertEqual([shape["name"] for shape in found["shapes"]], ["data"])
                shape = found["shapes"][0]
                self.assertFalse(shape["generated"])
                self.assert_sizes(shape["rows"], message)
                for row in shape["rows"]:
                    self.assertIsNone(row["decode_wrong"], row)
                    if row["codec"] != "cjson":  # loses a bit of some doubles, and the sign of -0
                        self.assertIsNone(row["encode_wrong"], row)

    def test_data_may_come_from_standard_input_beside_shapes(self):
        result = bench(*QUICK, "--proto", KINDS, "--message", "kinds.v1.Scalars", "--data", "-", "--shape", "tiny",
                       stdin='{"text":"é"}')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("\ndata: standard input (kinds.v1.Scalars", result.stdout)
        self.assertIn("\ntiny: ", result.stdout)

    def test_a_long_path_is_cut_in_the_middle_of_the_title(self):
        folder, picture = os.path.join(self.folder, *["é" * 100] * 3), self.path("long.svg")
        os.makedirs(folder)
        data = os.path.join(folder, "order.json")
        with open(data, "w", encoding="utf-8") as file:
            file.write("{}")
        result = bench(*QUICK, "--proto", KINDS, "--message", "kinds.v1.Scalars", "--data", data, "--plot", picture)
        self.assertEqual(result.returncode, 0, result.stderr)
        texts = [text.text for text in xml.etree.ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
        title, = (text for text in texts if text.startswith("data: "))
        self.assertRegex(title, "^data: /.*é…é+/order.json$")
        self.assertLess(len(title.encode()), 150)


class Usage(Folder):
    def refuses(self, message, *arguments, code=2, environment=None):
        result = bench(*arguments, environment=environment)
        self.assertEqual(result.returncode, code, result)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.splitlines()[0], "freshet: " + message)
        self.assertLessEqual(len(result.stderr.splitlines()), 2)

    def data(self, message, text, proto=KINDS):
        return ("--proto", proto, "--message", message, "--data", self.path("data.json", text))

    def test_unknown_names(self):
        self.refuses("unknown shape 'usr'; did you mean 'user'?", "--shape", "usr")
        self.refuses("unknown codec 'janson'; did you mean 'jansson' or 'cjson'?", "--codec", "janson")
        self.refuses("unexpected argument 'user'", "user")

    def test_no_time_and_no_runs(self):
        self.refuses("--time: 0 is not between 0.0001 s and 10 s", "--time", "0")
        self.refuses("--runs: 0 is not between 1 and 1000", "--runs", "0")

    def test_a_message_that_is_not_in_the_proto(self):
        self.refuses(f"there is no message 'kinds.v1.Scalar' in '{KINDS}'; did you mean 'kinds.v1.Scalars'?",
                     *self.data("kinds.v1.Scalar", "{}"))

    def test_json_that_is_none_or_does_not_fit(self):
        path = self.path("data.json")
        self.refuses(f"{path}: line 2, column 9: unexpected token near '}}'",
                     *self.data("kinds.v1.Scalars", '{"i32": 1,\n"text": }'))
        self.refuses(f"{path}: text: expected a string, got a number", *self.data("kinds.v1.Scalars", '{"text": 1}'))
        for nothing in ("", " \n\n"):
            self.refuses(f"'{path}' is empty", *self.data("kinds.v1.Scalars", nothing))

    def test_files_that_are_not_there_or_wrong(self):
        nowhere = self.path("nowhere")
        self.refuses(f"cannot open '{nowhere}': No such file or directory", "--proto", nowhere, "--message", "a", "--data",
                     nowhere)
        self.refuses(f"cannot open '{nowhere}': No such file or directory", "--proto", KINDS, "--message",
                     "kinds.v1.Scalars", "--data", nowhere)
        self.refuses("protoc: wrong.proto:2:1: Expected top-level statement (e.g. \"message\").",
                     *self.data("x", "{}", self.path("wrong.proto", 'syntax = "proto3";\nmassage X {}\n')))
        self.refuses(f"cannot open '{nowhere}/x.json': No such file or directory", "--shape", "tiny", "--json",
                     nowhere + "/x.json")

    def test_options_that_go_together(self):
        self.refuses("--message is missing: --proto, --message and --data go together", "--proto", KINDS)

    def test_two_reports_on_standard_output_and_other_pictures(self):
        self.refuses("only one report can go to standard output", "--json", "-", "--csv", "-")
        self.refuses("--plot: expected a file that ends in .svg or .png, got 'x.jpg'", "--plot", "x.jpg")

    def test_without_protoc(self):
        self.refuses("cannot run protoc: No such file or directory; install protobuf-compiler",
                     *self.data("kinds.v1.Scalars", "{}"), code=1, environment={"PATH": self.folder})


class FewRuns(unittest.TestCase):
    def test_one_run_has_no_spread_and_no_verdict_on_times(self):
        output = bench(*QUICK, "--shape", "tiny", "--codec", "protobuf-c,jansson").stdout
        self.assertRegex(output, r"(?m)^protobuf-c +[\d.]+ +- +[\d.]+ +- ")
        self.assertNotRegex(output, r"(?m)^ +(encode|decode) ")
        self.assertRegex(output, r"(?m)^ +bytes +protobuf wins")
        self.assertIn("Times are not judged: that takes 3 runs.", output)


class Interrupt(unittest.TestCase):
    def test_ctrl_c_prints_what_there_is(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        with subprocess.Popen([os.path.join(BIN, "freshet"), "bench", "payload", "--shape", "tiny", "--codec", "protobuf-c",
                               "--runs", "1000", "--time", "20ms"], stdout=subprocess.PIPE, stderr=terminal,
                              text=True) as child:
            os.close(terminal)
            seen = b""
            while b"run 3 of 1000" not in seen:
                seen += os.read(controller, 1000)
            child.send_signal(signal.SIGINT)
            output = child.communicate(timeout=60)[0]
        self.assertEqual(child.returncode, 0)
        self.assertRegex(output, r"\nended early: \d+ of 1000 runs\n")
        self.assertTrue(re.search(r"(?m)^protobuf-c +\d", output), output)


if __name__ == "__main__":
    freshet_testing.main()
