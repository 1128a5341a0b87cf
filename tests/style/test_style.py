#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_style.py - the project keeps the rules of rules.py, and each rule can fail."""
import os
import unittest

import rules

ROOT = os.environ.get("FRESHET_SOURCE") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NAMES = (".c", ".h", ".py", ".js", ".ts", ".sh", "CMakeLists.txt")
SCRIPTS = ("tools/run", "tools/test", "tools/setup", "tools/bench-peers", "tools/bench-clients", "tools/check-coherence",
           ".ci/run")


def project():
    files = {}
    for top in ("src", "tests", "tools"):
        for folder, folders, names in os.walk(os.path.join(ROOT, top)):
            folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules")]
            for name in names:
                if name.endswith(NAMES):
                    path = os.path.join(folder, name)
                    files[os.path.relpath(path, ROOT)] = None
    files.update(dict.fromkeys(SCRIPTS))
    for path in files:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            files[path] = file.read()
    return files


class Project(unittest.TestCase):
    def test_keeps_every_rule(self):
        files = project()
        self.assertIn("src/base/error.c", files)
        violations = [line for rule in rules.ALL for line in rule(files)]
        if violations:
            self.fail("\n" + "\n".join(violations))


class Rules(unittest.TestCase):
    """Each rule lets the good example pass and names the line of the bad one."""

    def check(self, rule, bad, good):
        for path_and_line, files in bad.items():
            with self.subTest(bad=path_and_line):
                found = rule(files)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(path_and_line + ": "), found)
        for files in good:
            with self.subTest(good=files):
                self.assertEqual(rule(files), [])

    def test_layers(self):
        self.check(rules.layers, {
            "src/base/a.c:2": {"src/base/a.c": '#include "base/a.h"\n#include "message/arena.h"\n'},
            "src/cache/a.h:1": {"src/cache/a.h": '#include "rpc/channel.h"\n'},
            "src/store/a.c:1": {"src/store/a.c": '# include "cache/key.h"\n'},
            "src/api/main.c:1": {"src/api/main.c": '#include "data/rows.h"\n'},
            "src/users/a.c:1": {"src/users/a.c": '#include "service/options.h"\n'},
            "tools/freshet/a.c:1": {"tools/freshet/a.c": '#include "store/store.h"\n'},
            "src/odd/a.c:1": {"src/odd/a.c": "int a;\n"},
        }, [
            {"src/cached/a.c": '#include "rpc/channel.h"\n#include "store/store.h"\n#include <stdio.h>\n'},
            {"src/update/a.c": '#include "users/rows.h"\n#include "users/v1/users.pb-c.h"\n'},
            {"tools/freshet/a.c": '#include "users/v1/users.pb-c.h"\n#include "freshet/command.h"\n#include "rpc/channel.h"\n'},
            {"tests/cache/a.c": '#include "store/store.h"\n'},
        ])

    def test_relative_includes(self):
        self.check(rules.relative_includes, {
            "src/base/a.c:1": {"src/base/a.c": '#include "a.h"\n'},
            "src/rpc/a.c:1": {"src/rpc/a.c": '#include "rpc/../base/a.h"\n'},
        }, [{"src/base/a.c": '#include "base/a.h"\n#include <stdio.h>\n'}])

    def test_third_party_headers(self):
        self.check(rules.third_party_headers, {
            "src/cached/a.c:1": {"src/cached/a.c": "#include <nng/nng.h>\n"},
            "src/store/a.c:1": {"src/store/a.c": "#include <hiredis/async.h>\n"},
            "src/rpc/a.c:1": {"src/rpc/a.c": "#include <uv.h>\n"},
            "src/api/a.c:1": {"src/api/a.c": "#include <sqlite3.h>\n"},
            "tools/freshet/a.c:1": {"tools/freshet/a.c": "#include <jansson.h>\n"},
            "src/message/a.c:1": {"src/message/a.c": "#include <cjson/cJSON.h>\n"},
            "src/base/a.h:1": {"src/base/a.h": '#include "protobuf-c/protobuf-c.h"\n'},
        }, [
            {"src/rpc/a.c": "#include <nng/protocol/reqrep0/rep.h>\n"},
            {"src/api/a.c": '#include "users/v1/users.pb-c.h"\n#include <google/protobuf/timestamp.pb-c.h>\n'},
        ])

    def test_public_headers(self):
        uv = "#include <uv.h>\n"
        self.check(rules.public_headers, {
            "src/cache/loop.h:1": {"src/cache/loop.h": uv, "src/cached/a.c": '#include "cache/loop.h"\n'},
            "src/cache/uv.h:1": {"src/cache/uv.h": uv, "src/cache/loop.h": '#include "cache/uv.h"\n',
                                 "src/cached/a.c": '#include "cache/loop.h"\n'},
        }, [{"src/cache/uv.h": uv, "src/cache/loop.c": '#include "cache/uv.h"\n', "tests/a.c": '#include "cache/uv.h"\n'}])

    def test_links(self):
        base = {"src/base/CMakeLists.txt": "fr_library(fr_base SOURCES a.c)\n"}
        rpc = {"src/rpc/CMakeLists.txt": "fr_library(fr_rpc\n  SOURCES a.c\n  LINKS fr_base\n  PRIVATE_LINKS nng::nng)\n"}
        cache = "src/cache/CMakeLists.txt"
        self.check(rules.links, {
            cache + ":2": {**rpc, **base, cache: "fr_library(fr_cache SOURCES a.c\n  LINKS fr_base fr_rpc)\n"},
            cache + ":3": {**base, cache: "# a cache\nfr_library(fr_cache SOURCES a.c LINKS fr_base\n"
                                          "  PRIVATE_LINKS PkgConfig::sqlite3)\n"},
            cache + ":1": {**rpc, cache: "target_link_libraries(fr_cache PRIVATE fr_rpc)\n"},
        }, [{**rpc, **base, cache: "fr_library(fr_cache SOURCES rpc.c LINKS fr_base fr_proto "
                                   "PRIVATE_LINKS PkgConfig::hiredis PkgConfig::libuv)\n"}])

    def test_licences(self):
        self.check(rules.licences, {
            "src/base/a.c:1": {"src/base/a.c": "/*\n * a.c - a\n"},
            "tools/run:2": {"tools/run": "#!/bin/sh\nset -e\n"},
            "tests/a.py:1": {"tests/a.py": ""},
            "tools/a.js:1": {"tools/a.js": "# SPDX-License-Identifier: MIT\n"},
        }, [
            {"src/base/a.h": "/* SPDX-License-Identifier: MIT */\n", "tools/run": "#!/bin/sh\n# SPDX-License-Identifier: MIT\n"},
        ])

    def test_file_comments(self):
        spdx = "/* SPDX-License-Identifier: MIT */\n"
        self.check(rules.file_comments, {
            "src/base/a.c:2": {"src/base/a.c": spdx + "/*\n * b.c - does b.\n */\n"},
            "src/base/a.h:2": {"src/base/a.h": spdx + "#include <stdio.h>\n"},
        }, [{"src/base/a.c": spdx + "/*\n * a.c - does a.\n */\n"}])

    def test_nng_traps(self):
        self.check(rules.nng_traps, {
            "src/rpc/a.c:2": {"src/rpc/a.c": "\n    nng_msg_insert(message, head, 4);\n"},
        }, [{"src/rpc/a.c": "nng_msg_append(message, head, 4);\n"}])

    def test_sleeps(self):
        self.check(rules.sleeps, {
            "tests/a.c:1": {"tests/a.c": "    usleep(1000);\n"},
            "tests/e2e/a.py:1": {"tests/e2e/a.py": "    time.sleep(1)\n"},
            "tests/a.sh:1": {"tests/a.sh": "make && sleep 1\n"},
        }, [{"tests/support/a.py": "    time.sleep(0.01)\n", "tests/b.c": "asleep(1); no_sleep(2);\n",
             "tests/rpc/bench_a.c": "    usleep(1000);\n"}])

    def test_lengths(self):
        self.check(rules.lengths, {
            "src/base/a.c:601": {"src/base/a.c": "\n" * 601},
            "tools/protoc-gen-freshet/run_time/a.py:801": {"tools/protoc-gen-freshet/run_time/a.py": "\n" * 801},
        }, [{"src/base/a.c": "\n" * 600, "src/base/a.txt": "\n" * 900}])


if __name__ == "__main__":
    unittest.main()
