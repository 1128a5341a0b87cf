#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_golden.py - what protoc-gen-freshet makes of golden/shelf/v1/shelf.proto, beside what is checked in.

After a change that is meant, this writes golden/ anew; read the difference before it is committed:

    FRESHET_BIN=build/release/bin tests/protoc-gen-freshet/test_golden.py --renew
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

BIN = os.path.abspath(os.environ["FRESHET_BIN"])
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden")
OUTPUTS = {"c": ("shelf.freshet.h", "shelf.freshet.c"), "cpp": ("shelf.freshet.hpp",), "go": ("shelf.freshet.go",),
           "python": ("shelf_freshet.py",), "js": ("shelf_freshet.js", "shelf_freshet.d.ts")}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def generate(language):
    """{name: text} of what the language's generator wrote."""
    with tempfile.TemporaryDirectory(prefix="freshet-golden-") as folder:
        subprocess.run(["protoc", "-I", GOLDEN, "-I", os.path.join(HERE, "..", "..", "proto"),
                        "--plugin=protoc-gen-freshet=" + os.path.join(BIN, "protoc-gen-freshet"),
                        f"--freshet_out=lang={language}:{folder}", "shelf/v1/shelf.proto"], check=True, timeout=60)
        found = {name: read(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names}
    # The descriptors' bytes belong to protoc and to the imports; the tests of reflection read them.
    return {name: re.sub(r"(    (0x[0-9a-f]{2},? ?)+\n)+", "    /* the FileDescriptorSet */\n", text)
            for name, text in found.items()}


class Golden(unittest.TestCase):
    maxDiff = None

    def test_outputs_are_those_that_are_checked_in(self):
        for language, names in OUTPUTS.items():
            found = generate(language)
            self.assertEqual(sorted(found), sorted(names))
            for name in names:
                with self.subTest(name):
                    self.assertEqual(found[name], read(os.path.join(GOLDEN, name + ".golden")))


def renew():
    for language in OUTPUTS:
        for name, text in generate(language).items():
            with open(os.path.join(GOLDEN, name + ".golden"), "w", encoding="utf-8") as file:
                file.write(text)


if __name__ == "__main__":
    if sys.argv[1:] == ["--renew"]:
        renew()
    else:
        unittest.main()
