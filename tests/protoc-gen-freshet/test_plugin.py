#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_plugin.py - protoc-gen-freshet under protoc: what it says is wrong, and that what it writes compiles."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ["FRESHET_BIN"]
BUILD = os.environ["FRESHET_BUILD"]
SOURCE = os.environ["FRESHET_SOURCE"]
PLUGIN = os.path.join(BIN, "protoc-gen-freshet")
HERE = os.path.dirname(os.path.abspath(__file__))

HEAD = """syntax = "proto3";
package t.v1;
import "freshet/cache/v1/options.proto";
message Request { string id = 1; repeated string ids = 2; double real = 3; Thing thing = 4; oneof o { string x = 5; }
  int64 number = 6; }
message Other { string id = 1; }
message Thing {}
"""
READ = "    option idempotency_level = NO_SIDE_EFFECTS;\n"


def cached(options):
    return "    option (freshet.cache.v1.cached) = { %s };\n" % options


def cached_from(origin):
    return f'    option (freshet.cache.v1.cached_from) = "{origin}";\n'


def method(name, *options, request="Request", response="Thing"):
    return f"  rpc {name}({request}) returns ({response}) {{\n{''.join(options)}  }}\n"


def service(*methods):
    return HEAD + "service S {\n" + "".join(methods) + "}\n"


GOOD = 'kind: "thing" by: "id" ttl: "60s"'


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-plugin-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def protoc(self, *names, parameter="lang=c:"):
        """(exit status, standard error) of protoc with the plugin; outputs go to the folder out."""
        os.makedirs(os.path.join(self.folder, "out"), exist_ok=True)
        done = subprocess.run(["protoc", f"-I{self.folder}", f"-I{SOURCE}/proto", "--plugin=protoc-gen-freshet=" + PLUGIN,
                               f"--freshet_out={parameter}{self.folder}/out", *names],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def outputs(self):
        return sorted(os.path.relpath(os.path.join(folder, name), os.path.join(self.folder, "out"))
                      for folder, _, names in os.walk(os.path.join(self.folder, "out")) for name in names)

    def output(self, name):
        with open(os.path.join(self.folder, "out", name), encoding="utf-8") as file:
            return file.read()


class Mistakes(Folder):
    """Each is told as file:line:column: message, and nothing is written."""

    def refuse(self, text, *expected, language="c"):
        """expected: (text that stands at the place, or None for any place; the message)."""
        self.write("t.proto", text)
        status, told = self.protoc("t.proto", parameter=f"lang={language}:")
        self.assertNotEqual(status, 0)
        self.assertEqual(self.outputs(), [])
        lines = text.split("\n")
        for at, message in expected:
            found = [line for line in told.split("\n") if message in line]
            self.assertEqual(len(found), 1, f"{message!r} in {told}")
            place = re.match(r"t\.proto:(\d+):(\d+): ", found[0])
            self.assertTrue(place, found[0])
            line, column = int(place.group(1)), int(place.group(2))
            self.assertTrue(lines[line - 1][column - 1:].startswith(at), f"{found[0]} does not stand at {at!r}")
        self.assertIn(f"{len(expected)} mistake", told)

    def test_fields_of_the_key(self):
        at = "option (freshet.cache.v1.cached)"
        for by, message in (
                ('by: "nope"', "by: t.v1.Request has no field 'nope'"),
                ('by: "ids"', "by: the field 'ids' of t.v1.Request is repeated"),
                ('by: "thing"', "by: the field 'thing' of t.v1.Request is a message"),
                ('by: "real"', "by: the field 'real' of t.v1.Request is a floating-point number"),
                ('by: "x"', "by: the field 'x' of t.v1.Request may be absent, as part of a oneof"),
                ('by: ["id", "number", "id"]', "by: the field 'id' of t.v1.Request is in the key already; name each field once"),
                ("", "by: name at least one field of t.v1.Request")):
            with self.subTest(by):
                self.refuse(service(method("Get", READ, cached(f'kind: "thing" {by} ttl: "60s"'))), (at, message))

    def test_kind(self):
        for kind in ("", "a b", "a:b", "1a"):
            with self.subTest(kind):
                self.refuse(service(method("Get", READ, cached(f'kind: "{kind}" by: "id" ttl: "60s"'))),
                            ("option (freshet.cache.v1.cached)", f"kind: '{kind}' is no name"))

    def test_durations(self):
        for name in ("ttl", "stale", "not_found_ttl"):
            for value in ("60", "60x", "-1s", "1 s", "s", "soon", "99999999999h"):
                with self.subTest(name=name, value=value):
                    rest = "" if name == "ttl" else 'ttl: "60s"'
                    self.refuse(service(method("Get", READ, cached(f'kind: "thing" by: "id" {name}: "{value}" {rest}'))),
                                ("option (", f"{name}: '{value}' is no duration"))
        self.refuse(service(method("Get", READ, cached('kind: "thing" by: "id" ttl: "0s"'))),
                    ("option (", "ttl: a duration of 0 caches nothing"))
        self.refuse(service(method("Get", READ, cached('kind: "thing" by: "id"'))),
                    ("option (", "ttl: say how long a value serves"))

    def test_side_effects(self):
        message = "is cached, so it must have option idempotency_level = NO_SIDE_EFFECTS"
        self.refuse(service(method("Get", cached(GOOD))), ("option (", "t.v1.S/Get " + message))
        self.refuse(service(method("Get", READ, cached(GOOD)), method("Use", cached_from("t.v1.S/Get"))),
                    ("option (freshet.cache.v1.cached_from)", "t.v1.S/Use " + message))

    def test_origins(self):
        origin = method("Get", READ, cached(GOOD))
        at = "option (freshet.cache.v1.cached_from)"
        self.refuse(service(origin, method("Use", READ, cached_from("t.v1.S/Got"))),
                    (at, "cached_from: neither this file nor its imports have the method 't.v1.S/Got'"))
        self.refuse(service(origin, method("Plain", READ), method("Use", READ, cached_from("t.v1.S/Plain"))),
                    (at, "cached_from: t.v1.S/Plain has no option (freshet.cache.v1.cached)"))
        self.refuse(service(origin, method("Use", READ, cached_from("t.v1.S/Get"), request="Other", response="Other")),
                    (at, "cached_from: t.v1.S/Get takes t.v1.Request, this method takes t.v1.Other"),
                    (at, "cached_from: t.v1.S/Get returns t.v1.Thing, this method returns t.v1.Other"))
        self.refuse(service(origin, method("Use", READ, cached('kind: "b" by: "id" ttl: "1s"'), cached_from("t.v1.S/Get"))),
                    (at, "t.v1.S/Use is cached itself, so it cannot be cached_from another"))

    def test_kinds(self):
        origin = method("Get", READ, cached(GOOD))
        self.refuse(service(origin, method("Get2", READ, cached(GOOD), response="Other")),
                    ("option (", "the kind 'thing' has the type t.v1.Other here, but t.v1.Thing in t.v1.S/Get"))
        self.refuse(service(origin, method("Get2", READ, cached('kind: "thing" by: ["id", "number"] ttl: "60s"'))),
                    ("option (", "the kind 'thing' has another key in t.v1.S/Get"))

    def test_streams(self):
        for language in ("c", "python", "js"):
            for types in ({"request": "stream Request"}, {"response": "stream Thing"}):
                with self.subTest(language=language, **types):
                    self.refuse(service(method("Watch", **types)), ("rpc Watch", "t.v1.S/Watch is a streaming method"),
                                language=language)

    def test_optional_in_c(self):
        self.refuse(HEAD + "message M {\n  message N {\n    optional string maybe = 1;\n  }\n}\n",
                    ("optional string maybe", 't.v1.M.N.maybe: protobuf-c has no proto3 "optional"; leave the word out'))

    def test_groups_in_c(self):
        self.refuse('syntax = "proto2";\nmessage M {\n  optional group Old = 1 {\n  }\n}\n',
                    ("optional group", "M.old: protobuf-c has no groups; use a field of a message type"))

    def test_optional_in_an_import_of_c(self):
        self.write("a.proto", 'syntax = "proto3";\nmessage A {\n  optional string maybe = 1;\n}\n')
        for name in ("b", "c"):
            self.write(f"{name}.proto", f'syntax = "proto3";\nimport "a.proto";\nmessage {name} {{ A a = 1; }}\n')
        status, told = self.protoc("b.proto", "c.proto")
        self.assertNotEqual(status, 0)
        self.assertIn('1 mistake in the .proto files:\na.proto:3:3: A.maybe: protobuf-c has no proto3 "optional"', told)

    def test_names_that_two_methods_would_share(self):
        self.refuse(service(method("GetThing"), method("get_thing")),
                    ("rpc get_thing", "t.v1.S/GetThing and t.v1.S/get_thing would share the C name t_v1_s_get_thing"))
        self.refuse(service(method("Get"), method("GetAsync")),
                    ("rpc GetAsync", "t.v1.S/Get and t.v1.S/GetAsync would share the C name t_v1_s_get_async"))

        self.refuse(service(method("Get", READ, cached(GOOD)), method("GetMany")),
                    ("rpc GetMany", "t.v1.S/Get and t.v1.S/GetMany would share the C name t_v1_s_get_many"))

    def test_names_that_two_methods_would_share_in_other_languages(self):
        self.refuse(service(method("GetThing"), method("get_thing")),
                    ("rpc get_thing", "t.v1.S/GetThing and t.v1.S/get_thing would share the Python name get_thing"),
                    language="python")
        self.refuse(service(method("GetThing"), method("getThing")),
                    ("rpc getThing", "t.v1.S/GetThing and t.v1.S/getThing would share the JavaScript name getThing"),
                    language="js")
        self.refuse(service(method("Get")) + "service SAsync {}\n",
                    ("service SAsync", "t.v1.S and t.v1.SAsync would share the Python name SAsyncClient"), language="python")

    def test_names_that_the_class_of_cpp_has(self):
        self.refuse(service(method("channel_")), ("rpc channel_", "would share the C++ name channel_"), language="cpp")
        self.refuse(service(method("delete"), method("delete_")),
                    ("rpc delete_", "t.v1.S/delete and t.v1.S/delete_ would share the C++ name delete_"), language="cpp")

    def test_packages_that_are_no_namespaces_of_cpp(self):
        message = "has a part 'class', which is a keyword of C++, so protoc's C++ code does not compile; name the package"
        text = service(method("Get")).replace("package t.v1;", "package t.class.v1;")
        self.refuse(text, ("package", f"the package t.class.v1 {message} otherwise"), language="cpp")
        self.write("a.proto", 'syntax = "proto3";\n\npackage class;\nmessage M {}\n')
        self.write("b.proto", 'syntax = "proto3";\npackage b;\nimport "a.proto";\nmessage N { class.M m = 1; }\n')
        status, told = self.protoc("b.proto", parameter="lang=cpp:")
        self.assertNotEqual(status, 0)
        self.assertIn(f"1 mistake in the .proto files:\na.proto:3:1: the package class {message}", told)
        for language in ("c", "python", "js", "go,Mt.proto=x/y"):
            self.write("t.proto", text)
            self.assertEqual(self.protoc("t.proto", parameter=f"lang={language}:")[0], 0)

    def test_file_names_that_break_the_messages_of_python(self):
        self.write("it's.proto", HEAD)
        status, told = self.protoc("it's.proto", parameter="lang=python:")
        self.assertNotEqual(status, 0)
        self.assertIn("it's.proto:1:1: protoc's Python code takes no apostrophe in the name of a file; rename it", told)
        self.assertEqual(self.protoc("it's.proto")[0], 0)

    def test_a_mistake_in_an_import_is_told_where_it_stands(self):
        self.write("a.proto", service(method("Get", cached(GOOD))))
        self.write("b.proto", 'syntax = "proto3";\npackage b;\nimport "a.proto";\n'
                              "service B { rpc Get(t.v1.Request) returns (t.v1.Thing); }\n")
        status, told = self.protoc("b.proto")
        self.assertNotEqual(status, 0)
        self.assertIn("\na.proto:10:5: t.v1.S/Get is cached", told)

    def test_parameters(self):
        self.write("t.proto", HEAD)
        for parameter, message in (("", "name a language, as in --freshet_out=lang=c:DIR; there is: c, cpp, go, python, js"),
                                   ("lang=cobol:", "there is no language 'cobol'; there is: c, cpp, go, python, js"),
                                   ("lang=c,speed=11:", "unknown parameter 'speed=11'")):
            with self.subTest(parameter):
                status, told = self.protoc("t.proto", parameter=parameter)
                self.assertNotEqual(status, 0)
                self.assertIn(message, told)

    def test_go_packages(self):
        text = service(method("Get"))
        self.write("t.proto", text)
        for parameter, message in (("", "t.proto:1:1: t.proto has no Go package; write option go_package"),
                                   (",Mt.proto=a b/c", "'a b/c' is no Go package"),
                                   (",Mt.proto=a/b;func", "'a/b;func' is no Go package"),
                                   (",Mt.proto=a/b,runtime=", "'' is no Go package"),
                                   (",Mt.proto=a/b,annotate_code=true", "unknown parameter 'annotate_code=true'")):
            with self.subTest(parameter):
                status, told = self.protoc("t.proto", parameter=f"lang=go{parameter}:")
                self.assertNotEqual(status, 0)
                self.assertIn(message, told)
                self.assertEqual(self.outputs(), [])

    def test_input_that_is_no_request(self):
        for data in (b"\xff\xff\xff", b"\x0a\x05ab", os.urandom(4096)):
            done = subprocess.run([PLUGIN], input=data, capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr.startswith(b"protoc-gen-freshet: "), done.stderr)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
            self.assertEqual(done.stdout, b"")


class Outputs(Folder):
    def generate(self, *names, **texts):
        for name, text in texts.items():
            self.write(name + ".proto", text)
        status, told = self.protoc(*names)
        self.assertEqual(status, 0, told)

    def test_policy(self):
        self.generate("t.proto", t=service(
            method("Get", READ, cached('kind: "thing" by: "id" ttl: "1.5s" stale: "2m" not_found_ttl: "250ms"')),
            method("Get2", READ, cached('kind: "short" by: "id" ttl: "2s"')),
            method("Get3", READ, cached('kind: "long" by: "id" ttl: "1h"')),
            method("Use", READ, cached_from("t.v1.S/Get"))))
        text = self.output("t.freshet.c")
        self.assertEqual(re.findall(r"\.(\w+)_us = UINT64_C\((\d+)\)", text), [
            ("ttl", "1500000"), ("stale", "120000000"), ("not_found_ttl", "250000"),
            ("ttl", "2000000"), ("stale", "0"), ("not_found_ttl", "2000000"),
            ("ttl", "3600000000"), ("stale", "0"), ("not_found_ttl", "5000000")])
        self.assertIn(".cached_from = &t_v1_s_get_method,", text)

    def test_options_given_one_by_one_are_one_policy(self):
        self.generate("t.proto", t=service(method(
            "Get", READ, *(f"    option (freshet.cache.v1.cached).{name} = \"{value}\";\n"
                           for name, value in (("kind", "thing"), ("by", "id"), ("ttl", "1s"))))))
        self.assertIn('.kind = "thing"', self.output("t.freshet.c"))

    def test_an_origin_in_another_file(self):
        self.generate("sub/b.proto", a=service(method("Get", READ, cached(GOOD))), **{"sub/b": (
            'syntax = "proto3";\npackage b;\nimport "a.proto";\nimport "freshet/cache/v1/options.proto";\n'
            "service B {\n" + method("Get", READ, cached_from("t.v1.S/Get"), request="t.v1.Request",
                                     response="t.v1.Thing") + "}\n")})
        self.assertEqual(self.outputs(), ["sub/b.freshet.c", "sub/b.freshet.h"])
        self.assertIn('#include "a.freshet.h"', self.output("sub/b.freshet.c"))

    def test_comments_and_deprecation(self):
        self.generate("t.proto", t=HEAD + (
            "// What it is. */ int x; /* y\nservice S {\n  // First line.\n  //\n  //   Third line.\n"
            "  rpc Get(Request) returns (Thing) { option deprecated = true; }\n}\n"))
        text = self.output("t.freshet.h")
        self.assertIn(" * What it is. * / int x; / * y\n", text)
        self.assertIn(" * First line.\n *\n *   Third line.\n", text)
        self.assertEqual(text.count('__attribute__((deprecated("t.v1.S/Get is deprecated")))'), 2)

    def test_comments_behind_definitions(self):
        self.write("t.proto", HEAD + (
            "service S { // Behind the service.\n  rpc Get(Request) returns (Thing); // Behind */ the call.\n"
            "  // Before.\n  rpc Put(Request) returns (Thing); // Left out.\n}\n"))
        for parameter, name, service_mark, mark in (("c", "t.freshet.h", " * ", " * "), ("cpp", "t.freshet.hpp", "// ", "    // "),
                                                    ("go,Mt.proto=a/b", "a/b/t.freshet.go", "// ", "\t// "),
                                                    ("python", "t_freshet.py", '"""', '"""'), ("js", "t_freshet.d.ts", " * ", "   * ")):
            with self.subTest(name):
                self.assertEqual(self.protoc("t.proto", parameter=f"lang={parameter}:")[0], 0)
                text = self.output(name)
                behind = "Behind * / the call." if name.endswith((".h", ".ts")) else "Behind */ the call."
                self.assertRegex(text, f"(?m)^ *{re.escape(service_mark)}Behind the service\\.")
                self.assertIn(mark + behind, text)
                self.assertIn(mark + "Before.", text)
                self.assertNotIn("Left out.", text)

    def test_a_deprecated_service_is_marked(self):
        self.write("t.proto", HEAD + "service Old {\n  option deprecated = true;\n" + method("Get") + "}\n")
        for parameter, name, mark in (("c", "t.freshet.h", '__attribute__((deprecated("t.v1.Old is deprecated")))\nvoid t_v1_old_get_async('),
                                      ("cpp", "t.freshet.hpp", 'class [[deprecated("t.v1.Old is deprecated")]] OldClient'),
                                      ("go,Mt.proto=a/b", "a/b/t.freshet.go", "// Deprecated: t.v1.Old is deprecated.\n"),
                                      ("python", "t_freshet.py", "\n    Deprecated.\n"),
                                      ("js", "t_freshet.d.ts", "\n * @deprecated\n"), ("js", "t_freshet.js", "\n * @deprecated\n")):
            with self.subTest(name):
                self.assertEqual(self.protoc("t.proto", parameter=f"lang={parameter}:")[0], 0)
                self.assertIn(mark, self.output(name))

    def test_go_stubs_stand_beside_the_messages(self):
        self.write("sub/t.proto", HEAD.replace("package t.v1;", 'package t.v1; option go_package = "example.org/x/t;tv1";')
                   + "service S {\n" + method("Get") + "}\n")
        for parameter, name in (("", "example.org/x/t/t.freshet.go"), (",module=example.org/x", "t/t.freshet.go"),
                                (",module=example.org", "x/t/t.freshet.go"), (",module=exam", "example.org/x/t/t.freshet.go"),
                                (",paths=source_relative,runtime=r.org/run-time", "sub/t.freshet.go")):
            with self.subTest(parameter):
                shutil.rmtree(os.path.join(self.folder, "out"), ignore_errors=True)
                self.assertEqual(self.protoc("sub/t.proto", parameter=f"lang=go{parameter}:")[0], 0)
                self.assertEqual(self.outputs(), [name])
                self.assertIn("\npackage tv1\n", self.output(name))
        self.assertIn('\trun_time "r.org/run-time"\n', self.output(name))

    def test_same_input_same_output(self):
        self.generate("t.proto", t=service(method("Get", READ, cached(GOOD))))
        first = [self.output(name) for name in self.outputs()]
        self.generate("t.proto")
        self.assertEqual(first, [self.output(name) for name in self.outputs()])


class Compiles(Folder):
    """Generated code has no warnings, with the compilers that are here."""

    WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wpedantic",
                "-Wcast-qual", "-Werror")

    def compilers(self):
        found = [name for name in ("gcc", "clang") if shutil.which(name)]
        self.assertTrue(found, "no C compiler")
        return found

    def messages(self, *names):
        whole = subprocess.run(["protoc", f"-I{self.folder}", f"-I{SOURCE}/proto", "--include_imports",
                                "--descriptor_set_out=/dev/stdout", *names], check=True, capture_output=True, timeout=60)
        stripped = subprocess.run([PLUGIN, "--without-services"], input=whole.stdout, check=True, capture_output=True,
                                  timeout=60)
        path = os.path.join(self.folder, "messages.protoset")
        with open(path, "wb") as file:
            file.write(stripped.stdout)
        subprocess.run(["protoc-c", "--descriptor_set_in=" + path, f"--c_out={self.folder}/out", *names], check=True,
                       capture_output=True, timeout=60)

    def compile(self, compiler, path, *flags):
        # protoc-c's headers are not ours: -isystem keeps their warnings out.
        return subprocess.run([compiler, *self.WARNINGS, *flags, "-fsyntax-only", f"-I{SOURCE}/src", f"-I{BUILD}/include",
                               "-isystem", f"{self.folder}/out", "-isystem", f"{BUILD}/proto", path],
                              capture_output=True, text=True, timeout=60, check=False)

    def test_odd_names_and_a_whole_domain(self):
        shutil.copytree(os.path.join(HERE, "odd"), os.path.join(self.folder, "odd"))
        products = os.path.join(SOURCE, "tests", "cached", "products")
        shutil.copytree(products, os.path.join(self.folder, "products"))
        names = ["odd/names.proto", "odd/bare.proto", "odd/types-only.proto", "products/v1/product_data.proto",
                 "products/v1/products.proto"]
        self.assertEqual(self.protoc(*names), (0, ""))
        self.messages(*names)
        sources = [name for name in self.outputs() if name.endswith(".freshet.c")]
        self.assertEqual(len(sources), len(names))
        for compiler in self.compilers():
            for name in sources:
                with self.subTest(compiler=compiler, name=name):
                    done = self.compile(compiler, os.path.join(self.folder, "out", name))
                    self.assertEqual(done.stderr, "")

    def test_a_deprecated_call_is_warned_of(self):
        self.write("t.proto", service(method("Old", "    option deprecated = true;\n"), method("Get", READ, cached(GOOD))))
        self.assertEqual(self.protoc("t.proto"), (0, ""))
        self.messages("t.proto")
        self.write("use.c", '#include "t.freshet.h"\nvoid use(struct fr_channel *c, const T__V1__Request *r);\n'
                            "void use(struct fr_channel *c, const T__V1__Request *r)\n"
                            "{ t_v1_s_old_async(c, r, NULL, NULL, NULL, NULL); }\n")
        for compiler in self.compilers():
            done = self.compile(compiler, os.path.join(self.folder, "use.c"))
            self.assertIn("t.v1.S/Old is deprecated", done.stderr)


if __name__ == "__main__":
    unittest.main()
