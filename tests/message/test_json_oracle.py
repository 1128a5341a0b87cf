"""Compares our JSON mapping with the one of python3-protobuf, on random messages and on chosen texts."""
import json
import math
import os
import random
import subprocess
import sys
import unittest

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

BIN = os.environ["FRESHET_BIN"]
PROTOSET = os.path.join(os.environ["FRESHET_BUILD"], "tests", "message", "kinds.protoset")
SEED = 20240501
ROUNDS = 150

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


def load():
    with open(PROTOSET, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName(name))


class Random:
    def __init__(self, seed):
        self.rng = random.Random(seed)

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

    def known(self, message, name):
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
        else:
            return False
        return True

    def fill(self, message, depth=0):
        descriptor = message.DESCRIPTOR
        message.SetInParent()
        if descriptor.file.package == "google.protobuf" and self.known(message, descriptor.name):
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


NAMES = ["Scalars", "Lists", "Optionals", "Choice", "Maps", "Known", "Tree", "Legacy"]

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
    ("Tree", '{"lefty": {"labelText": "a"}, "side": "ONE"}'),
    ("Tree", '{"left": {}}'),
    ("Legacy", '{"id": 1}'),
    ("Legacy", '{"id": 1, "mood": "SAD", "choice": "x"}'),
    ("Legacy", '{"id": 1, "mood": 9}'),
]


class JsonOracle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()
        cls.message = staticmethod(load())

    @classmethod
    def tearDownClass(cls):
        if cls.peer.close() != 0:
            raise RuntimeError("json_peer failed; a sanitizer may have spoken")

    def ask(self, mode, name, data):
        return self.peer.ask(mode, "kinds.v1." + name, data)

    def test_random_messages_are_written_as_the_oracle_writes_them(self):
        for name in NAMES:
            source = Random(SEED)
            for _ in range(ROUNDS):
                message = source.fill(self.message("kinds.v1." + name)())
                binary = message.SerializeToString()
                for mode, options in (("write", {}), ("write-names", {"preserving_proto_field_name": True})):
                    good, text = self.ask(mode, name, binary)
                    self.assertTrue(good, (name, text, message))
                    expected = json_format.MessageToDict(message, **options)
                    # MessageToDict leaves int64 as text and bytes as base64, so both are plain JSON.
                    expected = json.loads(json.dumps(expected))
                    self.assertEqual(same_numbers(json.loads(text)), same_numbers(expected), name)

    def test_random_messages_survive_the_way_through_json(self):
        for name in NAMES:
            source = Random(SEED + 1)
            for _ in range(ROUNDS):
                message = source.fill(self.message("kinds.v1." + name)())
                text = json_format.MessageToJson(message).encode()
                good, binary = self.ask("read", name, text)
                self.assertTrue(good, (name, binary, text))
                ours = self.message("kinds.v1." + name).FromString(binary)
                expected = self.message("kinds.v1." + name)()
                json_format.Parse(text, expected)
                self.assertEqual(json_format.MessageToDict(ours), json_format.MessageToDict(expected), name)

    def test_defaults_are_written_when_asked_for(self):
        for name in ["Scalars", "Lists", "Maps"]:
            good, text = self.ask("write-defaults", name, b"")
            expected = json_format.MessageToDict(self.message("kinds.v1." + name)(),
                                                 including_default_value_fields=True)
            self.assertTrue(good, text)
            self.assertEqual(same_numbers(json.loads(text)), same_numbers(expected))

    def test_chosen_texts_are_read_as_the_oracle_reads_them(self):
        for name, text in CHOSEN:
            with self.subTest(name=name, text=text):
                self.compare_reading(name, text)

    def compare_reading(self, name, text):
        expected = self.message("kinds.v1." + name)()
        try:
            json_format.Parse(text, expected)
            expected = json_format.MessageToDict(expected) if expected.IsInitialized() else None
        except json_format.ParseError:
            expected = None
        good, answer = self.ask("read", name, text.encode())
        self.assertEqual(good, expected is not None, answer)
        if good:
            ours = self.message("kinds.v1." + name).FromString(answer)
            self.assertEqual(json_format.MessageToDict(ours), expected)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
