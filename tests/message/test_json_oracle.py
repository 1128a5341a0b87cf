# SPDX-License-Identifier: MIT
"""test_json_oracle.py - our JSON mapping beside that of python3-protobuf: random messages, spoilt and chosen texts.

FRESHET_SEED and FRESHET_ROUNDS (messages of each type) give other messages and more of them; a failure names both.
"""
import copy
import json
import math
import os
import random
import re
import subprocess
import sys
import unittest

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

BIN = os.environ["FRESHET_BIN"]
PROTOSET = os.path.join(os.environ["FRESHET_BUILD"], "tests", "message", "kinds.protoset")
SEED = int(os.environ.get("FRESHET_SEED", "20240501"))
ROUNDS = int(os.environ.get("FRESHET_ROUNDS", "200"))

RANGES = {
    F.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: (0, 2**32 - 1),
    F.CPPTYPE_UINT64: (0, 2**64 - 1),
}
TEXTS = ["", "a", "\u00e9\u4e2d\U0001f600", 'quote " slash \\ tab \t del \x7f', "\x01\x1f\n\r\b\f", "\u2028", "x" * 300]
REALS = [0.0, 1.5, -2.25, 0.1, 1e300, -1e-300, 5e-324, 123456789.125, 2.0**53, 1e21, math.inf, -math.inf, math.nan]
SINGLES = [0.0, 1.5, -2.25, 0.10000000149011612, 3.3999999521443642e38, 1.401298464324817e-45, 16777216.0,
           math.inf, -math.inf, math.nan]


class Peer:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BIN, "json_peer"), PROTOSET], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, mode, name, data):
        self.process.stdin.write(f"{mode} {name} {len(data)}\n".encode() + data)
        self.process.stdin.flush()
        kind, size = self.process.stdout.readline().split()
        return kind == b"ok", self.process.stdout.read(int(size))

    def close(self):
        self.process.stdin.close()
        status = self.process.wait()
        self.process.stdout.close()
        return status


STUMBLED = object()


class Oracle:
    """json_format over the types of the protoset."""

    def __init__(self):
        with open(PROTOSET, "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
        self.pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def new(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))()

    def value(self, message, **options):
        """The message as values of json; also where it lacks a required field."""
        return json_format.MessageToDict(message, descriptor_pool=self.pool, **options)

    def parse(self, name, text):
        """The message of a JSON text; None: refused; STUMBLED: taken by the mapping, though not by json_format."""
        message = self.new(name)
        try:
            json_format.Parse(text, message, descriptor_pool=self.pool)
        except Exception as error:  # ParseError, and what json_format forgets to turn into one
            # A list or a map of Values that is null is empty, as any other; json_format sets a member of the list.
            return STUMBLED if isinstance(error, AttributeError) and "null_value" in str(error) else None
        return message if message.IsInitialized() else None


class Random:
    def __init__(self, seed, oracle):
        self.rng = random.Random(seed)
        self.oracle = oracle

    def scalar(self, field):
        rng = self.rng
        if field.cpp_type in RANGES:
            low, high = RANGES[field.cpp_type]
            return rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(0, 1000)])
        if field.cpp_type == F.CPPTYPE_DOUBLE:
            return rng.choice(REALS + [rng.uniform(-1e6, 1e6), rng.random()])
        if field.cpp_type == F.CPPTYPE_FLOAT:
            return rng.choice(SINGLES)
        if field.cpp_type == F.CPPTYPE_BOOL:
            return rng.random() < 0.5
        if field.cpp_type == F.CPPTYPE_ENUM:
            return rng.choice(field.enum_type.values).number
        if field.type == F.TYPE_BYTES:
            return rng.randbytes(rng.choice([0, 1, 2, 3, 50]))
        return rng.choice(TEXTS)

    def known(self, message, name, depth):
        rng = self.rng
        if name == "Timestamp":
            message.seconds = rng.choice([0, -62135596800, 253402300799, -1, 951782400, rng.randint(-10**10, 10**11)])
            message.nanos = rng.choice([0, 1, 999999999, 500000000, 21000000, 1000])
        elif name == "Duration":
            sign = rng.choice([1, -1])
            message.seconds = sign * rng.choice([0, 1, 315575999999, rng.randint(0, 10**9)])
            message.nanos = sign * rng.choice([0, 1, 999999999, 500000000, 21000000])
        elif name == "FieldMask":
            message.paths.extend(rng.sample(["name", "update_time", "a.b_c.d", "long_name_here"], rng.randint(0, 4)))
        elif name == "Struct":
            for key in rng.sample(TEXTS, rng.randint(0, 3)):
                self.fill(message.fields[key], depth + 1)
        elif name == "ListValue":
            for _ in range(rng.randint(0, 3)):
                self.fill(message.values.add(), depth + 1)
        elif name == "Value":
            self.value(message, depth)
        elif name == "Any":
            self.anything(message, depth)
        else:
            return False
        return True

    def value(self, message, depth):
        """Also one without a kind, which is written as null."""
        kinds = ["", "null_value", "number_value", "string_value", "bool_value", "struct_value", "list_value"]
        kind = self.rng.choice(kinds if depth < 4 else kinds[:-2])
        if kind in ("struct_value", "list_value"):
            self.fill(getattr(message, kind), depth + 1)
        elif kind:
            setattr(message, kind, {"null_value": 0, "number_value": self.rng.choice(REALS[:-3]),
                                    "string_value": self.rng.choice(TEXTS), "bool_value": self.rng.random() < 0.5}[kind])

    def anything(self, message, depth):
        """Types with fields, with a form of their own, and nothing at all."""
        name = self.rng.choice(HELD if depth < 3 else HELD[:3])
        if name:
            held = self.fill(self.oracle.new(name), depth + 1)
            message.Pack(held, self.rng.choice(["type.googleapis.com/", "example.org/types/"]))

    def fill(self, message, depth=0):
        descriptor = message.DESCRIPTOR
        message.SetInParent()
        if descriptor.file.package == "google.protobuf" and self.known(message, descriptor.name, depth):
            return message
        for field in descriptor.fields:
            required = field.label == F.LABEL_REQUIRED
            if not required and self.rng.random() < (0.4 if depth < 3 else 0.9):
                continue
            self.field(message, field, depth)
        return message

    def field(self, message, field, depth):
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            key, value = field.message_type.fields
            for _ in range(self.rng.randint(0, 3)):
                if value.message_type is None:
                    getattr(message, field.name)[self.scalar(key)] = self.scalar(value)
                elif depth < 4:
                    self.fill(getattr(message, field.name)[self.scalar(key)], depth + 1)
        elif field.label == F.LABEL_REPEATED:
            for _ in range(self.rng.randint(0, 3)):
                if field.message_type is None:
                    getattr(message, field.name).append(self.scalar(field))
                elif depth < 4:
                    self.fill(getattr(message, field.name).add(), depth + 1)
        elif field.message_type is None:
            setattr(message, field.name, self.scalar(field))
        elif depth < 4:
            self.fill(getattr(message, field.name), depth + 1)


def same_numbers(value):
    """Floats compare as numbers: the texts may differ while the values do not."""
    if isinstance(value, dict):
        return {key: same_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [same_numbers(item) for item in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return value


NAMES = ["Scalars", "Lists", "Optionals", "Choice", "Maps", "Known", "Tree", "Legacy", "Dynamic", "Wrapped", "Times",
         "KnownChoice"]
# What an Any holds.
HELD = ["", "google.protobuf.Empty", "google.protobuf.Duration", "google.protobuf.Any", "google.protobuf.Value",
        "google.protobuf.Int64Value", "google.protobuf.Struct", "kinds.v1.Scalars", "kinds.v1.Legacy", "kinds.v1.Dynamic"]

# Texts of the JSON mapping; both sides must agree on whether each is good, and on the message.
CHOSEN = [
    ("Scalars", '{"i32": 1.0, "u32": 1e3, "i64": "-5", "u64": 7}'),
    ("Scalars", '{"i32": 1.5}'),
    ("Scalars", '{"i32": 2147483648}'),
    ("Scalars", '{"u32": -1}'),
    ("Scalars", '{"u64": "18446744073709551615"}'),
    ("Scalars", '{"u64": "18446744073709551616"}'),
    ("Scalars", '{"i64": "-9223372036854775808", "s64": "9223372036854775807"}'),
    ("Scalars", '{"i64": "-9223372036854775809"}'),
    ("Scalars", '{"i32": true}'),
    ("Scalars", '{"i32": "x"}'),
    ("Scalars", '{"i32": null, "text": null, "heat": null}'),
    ("Scalars", '{"yes": 1}'),
    ("Scalars", '{"yes": "true"}'),
    ("Scalars", '{"text": 5}'),
    ("Scalars", '{"text": "\\ud83d\\ude00"}'),
    ("Scalars", '{"text": "\\ud83d"}'),
    ("Scalars", '{"heat": "HOT"}'),
    ("Scalars", '{"heat": 5}'),
    ("Scalars", '{"heat": 77}'),
    ("Scalars", '{"heat": "WARM"}'),
    ("Scalars", '{"single": "NaN", "real": "-Infinity"}'),
    ("Scalars", '{"single": 3.5e38}'),
    ("Scalars", '{"single": 1, "real": "1.5"}'),
    ("Scalars", '{"real": "abc"}'),
    ("Scalars", '{"blob": "AQL/"}'),
    ("Scalars", '{"blob": "AQL_"}'),
    ("Scalars", '{"blob": "AQ=="}'),
    ("Scalars", '{"blob": "AQ"}'),
    ("Scalars", '{"farAway": "x"}'),
    ("Scalars", '{"far_away": "x"}'),
    ("Scalars", '{"text": "a", "text": "b"}'),
    ("Scalars", '{"nope": 1}'),
    ("Scalars", '{"i32": 1,}'),
    ("Scalars", ''),
    ("Lists", '{"i32": [1, null]}'),
    ("Lists", '{"i32": 1}'),
    ("Lists", '{"i32": null, "text": []}'),
    ("Lists", '{"heat": ["COLD", 5, "BELOW"], "unpacked": [1, 2]}'),
    ("Choice", '{"text": "a", "number": 1}'),
    ("Choice", '{"text": "", "real": 0}'),
    ("Choice", '{"text": null, "number": "0"}'),
    ("Choice", '{"scalars": {}}'),
    ("Maps", '{"i32": {"1": "a", "-2": "b"}, "yes": {"true": "x", "false": "y"}}'),
    ("Maps", '{"i32": {"x": "a"}}'),
    ("Maps", '{"yes": {"1": "a"}}'),
    ("Maps", '{"i32": {"1": null}}'),
    ("Maps", '{"byName": {"": {"byName": {}}}}'),
    ("Known", '{"atTime": "1972-01-01T10:00:20.021Z"}'),
    ("Known", '{"atTime": "1972-01-01T10:00:20.021+01:30"}'),
    ("Known", '{"atTime": "2000-02-29T00:00:00Z"}'),
    ("Known", '{"atTime": "1900-02-29T00:00:00Z"}'),
    ("Known", '{"atTime": "0001-01-01T00:00:00Z"}'),
    ("Known", '{"atTime": "1972-01-01 10:00:20Z"}'),
    ("Known", '{"atTime": "1972-01-01T10:00:20"}'),
    ("Known", '{"howLong": "1.5s"}'),
    ("Known", '{"howLong": "-0.000000001s"}'),
    ("Known", '{"howLong": "1"}'),
    ("Known", '{"howLong": "315576000001s"}'),
    ("Known", '{"mask": "name,updateTime,a.bC"}'),
    ("Known", '{"mask": ""}'),
    ("Known", '{"mask": "update_time"}'),
    ("Known", '{"nothing": {}}'),
    ("Known", '{"nothing": {"a": 1}}'),
    ("Known", '{"boxedNumber": "5", "boxedText": "", "boxedYes": false, "boxedReal": "NaN", "numbers": [1, "2"]}'),
    ("Dynamic", '{"anything": {"@type": "type.googleapis.com/kinds.v1.Scalars", "i32": 5, "text": "a"}}'),
    ("Dynamic", '{"anything": {"i32": 5, "@type": "x/kinds.v1.Scalars"}}'),
    ("Dynamic", '{"anything": {"@type": "kinds.v1.Scalars"}}'),
    ("Dynamic", '{"anything": {"@type": "x/kinds.v1.Scalars", "nope": 5}}'),
    ("Dynamic", '{"anything": {"@type": "x/kinds.v1.Legacy"}}'),
    ("Dynamic", '{"anything": {"@type": "x/nowhere.Nothing"}}'),
    ("Dynamic", '{"anything": {"@type": "x/google.protobuf.Duration", "value": "1.5s"}}'),
    ("Dynamic", '{"anything": {"@type": "x/google.protobuf.Duration"}}'),
    ("Dynamic", '{"anything": {"@type": "x/google.protobuf.Value", "value": null}}'),
    ("Dynamic", '{"anything": {"@type": 5}}'),
    ("Dynamic", '{"anything": {"value": 5}}'),
    ("Dynamic", '{"anything": {}, "anythings": [{}]}'),
    ("Dynamic", '{"anything": []}'),
    ("Dynamic", '{"struct": {"a": {"b": [1, null, "c", true, {}]}}}'),
    ("Dynamic", '{"struct": 5}'),
    ("Dynamic", '{"struct": null, "value": null, "list": null, "nothing": null, "maybeNothing": null}'),
    ("Dynamic", '{"value": 1e300, "values": [null, 0, "", false, [], {}]}'),
    ("Dynamic", '{"valueByNumber": {"1": null, "2": "a"}}'),
    ("Dynamic", '{"values": null, "valueByNumber": null}'),
    ("Dynamic", '{"list": {}}'),
    ("Dynamic", '{"nothing": "NULL_VALUE"}'),
    ("Dynamic", '{"nothing": 1}'),
    ("KnownChoice", '{"value": null}'),
    ("KnownChoice", '{"nothing": null}'),
    ("KnownChoice", '{"struct": {}, "empty": {}}'),
    ("Wrapped", '{"single": 3.5e38}'),
    ("Wrapped", '{"u64": "18446744073709551615", "u32": -1}'),
    ("Wrapped", '{"real": null, "blobs": ["AQ==", null]}'),
    ("Times", '{"empties": [{}, {}], "maskByNumber": {"1": "a,b"}, "durationByAnswer": {"true": "-1s"}}'),
    ("Tree", '{"lefty": {"labelText": "a"}, "side": "ONE"}'),
    ("Tree", '{"left": {}}'),
    ("Legacy", '{"id": 1}'),
    ("Legacy", '{"id": 1, "mood": "SAD", "choice": "x"}'),
    ("Legacy", '{"id": 1, "mood": 9}'),
]


# What a value of a text is replaced with.
SPOILS = [None, True, False, 0, 1, -1, 1.5, 1e300, 2**31, -2**31 - 1, 2**32, 2**63 - 1, -2**63, "", "x", "5", "-1", "1.5",
          "NaN", "true", "AQ==", "1s", "1972-01-01T10:00:20Z", "name,updateTime", [], {}, [None], [1], ["a", 2], {"a": 1},
          {"value": 1}, {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
          {"@type": "type.googleapis.com/nowhere.Nothing"}, {"@type": 1}, {"value": 5, "@type": "x/kinds.v1.Scalars"}]


# Where json_format takes what the mapping does not have: [] and "" for a message without fields, a bool for a real,
# bytes that are no base64, and for an enum whatever int() takes, of any size.
LAX = re.compile(r"expected an object, got (an array|a string)$|expected a number, got a boolean$|is not base64$"
                 r"|\b(heat|mood|named|other|side|nothing|maybeNothing|s64\[\"[^\"]*\"\])(\[\d+\])?: ")


def places(value):
    """(container, key) of every value within."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from places(item)


def spoil(value, rng):
    """The value with one thing changed."""
    box = [copy.deepcopy(value)]
    container, key = rng.choice(list(places(box)))
    what = rng.randrange(6)
    if what == 0 and container is not box:
        del container[key]
    elif what == 1:
        container[key] = [container[key]]
    elif what == 2 and isinstance(container, dict):
        container[rng.choice(["nope", "text", "value", "i32", "@type", ""])] = container.pop(key)
    else:
        container[key] = rng.choice(SPOILS)
    return box[0]


class JsonOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()
        cls.oracle = Oracle()

    @classmethod
    def tearDownClass(cls):
        if cls.peer.close() != 0:
            raise RuntimeError("json_peer failed; a sanitizer may have spoken")

    def ask(self, mode, name, data):
        return self.peer.ask(mode, "kinds.v1." + name, data)

    def each(self, seed, check):
        """check(name, message, the source of randomness) for ROUNDS messages of each type."""
        for name in NAMES:
            source = Random(SEED + seed, self.oracle)
            for number in range(ROUNDS):
                message = source.fill(self.oracle.new("kinds.v1." + name))
                with self.subTest(name=name, seed=SEED, number=number):
                    check(name, message, source.rng)

    def test_random_messages_are_written_as_the_oracle_writes_them(self):
        def check(name, message, _):
            for mode, options in (("write", {}), ("write-names", {"preserving_proto_field_name": True})):
                good, text = self.ask(mode, name, message.SerializeToString())
                self.assertTrue(good, (text, message))
                # int64 is text and bytes are base64 in the oracle's values too, so both are plain JSON.
                expected = json.loads(json.dumps(self.oracle.value(message, **options)))
                self.assertEqual(same_numbers(json.loads(text)), same_numbers(expected))
        self.each(0, check)

    def test_random_messages_survive_the_way_through_json(self):
        self.each(1, lambda name, message, _: self.compare_reading(name, json.dumps(self.oracle.value(message)), good=True))

    def test_defaults_are_written_when_asked_for(self):
        for name in ["Scalars", "Lists", "Maps", "Dynamic", "Times"]:
            good, text = self.ask("write-defaults", name, b"")
            expected = self.oracle.value(self.oracle.new("kinds.v1." + name), including_default_value_fields=True)
            self.assertTrue(good, text)
            self.assertEqual(same_numbers(json.loads(text)), same_numbers(expected))

    def test_spoilt_texts_are_read_or_refused_as_by_the_oracle(self):
        self.each(2, lambda name, message, rng:
                  self.compare_reading(name, json.dumps(spoil(self.oracle.value(message), rng)), lax=LAX))

    def test_a_text_that_ends_early_is_refused(self):
        def check(name, message, rng):
            text = json.dumps(self.oracle.value(message)).encode()
            good, answer = self.ask("read", name, text[:rng.randrange(len(text))])
            self.assertFalse(good, text)
            self.assertRegex(answer.decode(), r"^line \d+, column \d+: ")
        self.each(3, check)

    def test_chosen_texts_are_read_as_the_oracle_reads_them(self):
        for name, text in CHOSEN:
            with self.subTest(name=name, text=text):
                self.compare_reading(name, text)

    def compare_reading(self, name, text, good=None, lax=None):
        """good: whether it must be; None: whether the oracle takes it, but for our reasons that match lax."""
        expected = self.oracle.parse("kinds.v1." + name, text)
        taken, answer = self.ask("read", name, text.encode())
        if expected is STUMBLED:
            self.assertTrue(taken, (answer, text))
            return
        if not taken and lax is not None and lax.search(answer.decode()):
            return
        self.assertEqual(taken, expected is not None if good is None else good, (answer, text))
        if taken:
            ours = self.oracle.new("kinds.v1." + name)
            ours.ParseFromString(answer)
            self.assertEqual(self.oracle.value(ours), self.oracle.value(expected), text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
