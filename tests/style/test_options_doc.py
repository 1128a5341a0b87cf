#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_options_doc.py - docs/options.md tells the same options, defaults and variables as each program's --help."""
import os
import re
import subprocess
import unittest

ROOT = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN = os.environ.get("FRESHET_BIN") or os.path.join(ROOT, "build", "debug", "bin")
PROGRAMS = ("freshet-api", "freshet-data", "freshet-update", "nng-echo")

# "  -a, --addr HOST:PORT          the server [default] (VARIABLE)"
_HELP_ROW = re.compile(r"^ +(?P<option>(?:-\w, )?--\S+(?: (?:'[^']*'|\S+))?) {2,}(?P<text>.*)$")
_DEFAULT_AND_VARIABLE = re.compile(r"(?: \[(?P<default>[^\]]*)\])?(?: \((?P<variable>[A-Z][A-Z0-9_]*)\))?$")
_COMMAND_ROW = re.compile(r"^  (?P<name>[a-z]\S*) {2,}\S")


def options_of_help(text):
    """{"--addr": ("-a, --addr HOST:PORT", default, variable)}; an absent default or variable is ""."""
    found = {}
    for line in text.splitlines():
        row = _HELP_ROW.match(line)
        if row:
            name = re.search(r"--[\w-]+", row["option"]).group()
            end = _DEFAULT_AND_VARIABLE.search(row["text"])
            found[name] = (row["option"], end["default"] or "", end["variable"] or "")
    found.pop("--help", None)  # every program has it; the page says so once
    return found


def options_of_page(text):
    """{"freshet call": the same as options_of_help} for each "## heading"; a name that stands twice is an error."""
    found, section = {}, None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = found.setdefault(line[3:].strip("` "), {})
        elif line.startswith("| `") and section is not None:
            cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
            name = re.search(r"--[\w-]+", cells[0]).group()
            if len(cells) != 4 or name in section:
                raise AssertionError(f"docs/options.md:{number}: not a row of four cells, or told twice: {line}")
            section[name] = tuple(cells[:3])
    return found


def differences(section, told, real):
    found = [f"{section}: {name} is not on the page" for name in sorted(real.keys() - told.keys())]
    found += [f"{section}: {name} is on the page but not in --help" for name in sorted(told.keys() - real.keys())]
    for name in sorted(told.keys() & real.keys()):
        for what, page, program in zip(("option", "default", "variable"), told[name], real[name]):
            if page != program:
                found.append(f"{section}: {name}: the {what} is '{program}', the page says '{page}'")
    return found


def help_of(command):
    words = command.split()
    return subprocess.run([os.path.join(BIN, words[0]), *words[1:], "--help"], check=True, capture_output=True,
                          text=True, timeout=30).stdout


def commands(parent):
    """The commands that "freshet --help" lists, down to those which take options."""
    names = [row["name"] for row in map(_COMMAND_ROW.match, help_of(parent).splitlines()) if row]
    if not names:
        return [parent]
    return [leaf for name in names if name != "help" for leaf in commands(f"{parent} {name}")]


class Page(unittest.TestCase):
    def test_agrees_with_every_program(self):
        with open(os.path.join(ROOT, "docs", "options.md"), encoding="utf-8") as file:
            told = options_of_page(file.read())
        sections = [*PROGRAMS, *commands("freshet")]
        self.assertIn("freshet bench rpc", sections)
        found = [f"{name}: such a program or command does not exist" for name in told.keys() - set(sections)]
        for name in sections:
            real = options_of_help(help_of(name))
            self.assertTrue(real, f"no options found in the --help of {name}")
            found += differences(name, told.get(name, {}), real)
        if found:
            self.fail("docs/options.md is not right:\n" + "\n".join(found))


class Rules(unittest.TestCase):
    HELP = ("usage: x --not-this\n\n"
            "      --listen ADDRESS          Where to serve; see [1] (or not) [tcp://h:0] (X_LISTEN)\n"
            "  -H, --header 'KEY: VALUE'     send (more) metadata\n"
            "      --a-very-long-option FILE  it stands closer [5]\n"
            "  -h, --help                    show this\n")

    def test_reads_help(self):
        self.assertEqual(options_of_help(self.HELP), {
            "--listen": ("--listen ADDRESS", "tcp://h:0", "X_LISTEN"),
            "--header": ("-H, --header 'KEY: VALUE'", "", ""),
            "--a-very-long-option": ("--a-very-long-option FILE", "5", ""),
        })

    def test_tells_each_difference(self):
        real = options_of_help(self.HELP)
        page = ("# Options\n| `--lost` | | | before any section |\n## `x`\n\n| Option | Default | Variable | Meaning |\n"
                "|---|---|---|---|\n| `--listen ADDRESS` | `tcp://h:0` | `X_LISTEN` | where |\n"
                "| `-H, --header 'KEY: VALUE'` | | | send |\n| `--a-very-long-option FILE` | `5` | | it |\n")
        self.assertEqual(differences("x", options_of_page(page)["x"], real), [])
        for old, new, message in (
                ("| `5` |", "| `6` |", "the default is '5', the page says '6'"),
                ("X_LISTEN", "Y_LISTEN", "the variable is 'X_LISTEN', the page says 'Y_LISTEN'"),
                ("`-H, ", "`-h, ", "the option is '-H, --header 'KEY: VALUE'', the page says '-h, "),
                ("--listen", "--hear", "--listen is not on the page"),
                ("--listen", "--hear", "--hear is on the page but not in --help")):
            with self.subTest(new=new):
                found = differences("x", options_of_page(page.replace(old, new))["x"], real)
                self.assertIn(message, "\n".join(found))


if __name__ == "__main__":
    unittest.main()
