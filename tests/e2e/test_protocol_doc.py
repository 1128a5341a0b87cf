#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_protocol_doc.py - the examples of docs/protocol.md, byte by byte against a running service."""
import os
import re
import subprocess

from freshet_testing import TestCase, main
from sp_client import SOURCE, connect

_HEX_LINE = re.compile(r"(client|server|      )  ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)")


def blocks():
    """The fenced blocks of the page, as lists of lines."""
    with open(os.path.join(SOURCE, "docs", "protocol.md"), encoding="utf-8") as file:
        return [block.splitlines() for block in re.findall(r"^```\n(.*?)^```$", file.read(), re.M | re.S)]


def conversation(lines):
    """[(who sends, bytes)…]"""
    turns = []
    for line in filter(None, lines):
        who, digits = _HEX_LINE.match(line).groups()
        if who.strip():
            turns.append([who, b""])
        turns[-1][1] += bytes.fromhex(digits)
    return turns


def receive(connection, size):
    """Up to size bytes; fewer when the server says no more."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            break
        data += part
    return data


class Examples(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.start_for_class()

    def test_the_bytes_are_answered_as_the_page_says(self):
        turns = [turn for lines in blocks() if lines[0].startswith("client") for turn in conversation(lines)]
        self.assertEqual([who for who, _ in turns], ["client", "server"] * 2)
        with connect(self.system.address("api")) as connection:
            for who, data in turns:
                if who == "client":
                    connection.sendall(data)
                else:
                    self.assertEqual(receive(connection, len(data)).hex(" "), data.hex(" "))

    def test_the_commands_print_what_the_page_says(self):
        examples = [example for lines in blocks() if lines[0].startswith("$ ")
                    for example in re.split(r"^\$ ", "\n".join(lines), flags=re.M)[1:]]
        self.assertEqual(len(examples), 2)
        for example in examples:
            command, output = example.split("\n", 1)
            done = subprocess.run(["bash", "-c", command], cwd=SOURCE, text=True, capture_output=True, check=True,
                                  timeout=60)
            self.assertEqual(done.stdout.strip(), output.strip())


if __name__ == "__main__":
    main()
