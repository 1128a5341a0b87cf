#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_gen.py - freshet gen: what it writes for odd .proto files, and what it says about wrong use."""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

from freshet_testing import BIN, BUILD, TestCase, main, run_freshet
from language_testing import check, go_environment, pkg_config
from sp_client import SOURCE
from test_cpp import WARNINGS
from test_js import packages

ODD = os.path.join(SOURCE, "tests", "protoc-gen-freshet")
TWO = """syntax = "proto3";
import "sub/dir/more.proto";
import "google/protobuf/wrappers.proto";
// Says \\
message Hello { message Inner { int32 x = 1; } Inner inner = 1; optional string maybe = 2; }
service First {
  // Ends in a backslash \\
  rpc type(Hello.Inner) returns (deep.pack.age.More) { option deprecated = true; }
  rpc Wrapped(google.protobuf.StringValue) returns (Hello);
}
service Second { rpc Go(Hello) returns (Hello); rpc operator(Hello) returns (Hello); }
"""
MORE = 'syntax = "proto3";\npackage deep.pack.age;\nmessage More { repeated More mores = 1; map<string, int64> counts = 2; }\n'

SMALL = 'syntax = "proto3";\nmessage M {}\nservice S { rpc Do(M) returns (M); }\n'


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-gen-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.out = os.path.join(self.folder, "out")
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def gen(self, *arguments, out=None, path=None):
        environment = {"TMPDIR": self.temporary, **({"PATH": path} if path else {})}
        done = run_freshet("gen", "--out", out or self.out, *arguments, environment=environment)
        self.assertEqual(os.listdir(self.temporary), [])
        return done

    def ok(self, *arguments):
        done = self.gen(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def go_vet(self, *packages):
        check(["go", "vet", *(os.path.normpath("example/stubs/" + name) for name in packages)],
              env=go_environment(self.folder, os.path.join(self.out, "go")))

    def compile_cpp(self, *headers):
        flags = check(["pkg-config", "--cflags", "freshet", "protobuf"], env=pkg_config(self.folder)).split()
        # protoc's headers are not ours: -isystem keeps their warnings out.
        for header in headers:
            check(["g++", *WARNINGS, *flags, "-isystem", os.path.join(self.out, "cpp"), "-fsyntax-only", "-x", "c++",
                   os.path.join(self.out, "cpp", header)])


class Outputs(Folder):
    def test_odd_names(self):
        self.ok("--lang", "c,cpp", "--lang", "python,go,", "-I", ODD, "odd/names.proto", "odd/bare.proto")
        self.go_vet("odd", "example")
        self.compile_cpp("odd/names.freshet.hpp", "odd/bare.freshet.hpp")

    def test_imports_packages_and_comments(self):
        self.write("sub/dir/more.proto", MORE)
        told = self.ok("--lang", "go,cpp", self.write("two.proto", TWO))
        self.assertEqual([line.split(":")[0] for line in told.splitlines()], ["go", "cpp"])
        self.go_vet(".", "sub/dir", "example")
        self.compile_cpp("two.freshet.hpp")
        for name in ("go/two.freshet.go", "cpp/two.freshet.hpp"):
            with open(os.path.join(self.out, name), encoding="utf-8") as file:
                text = file.read()
            self.assertIn("// Ends in a backslash \\.\n", text)
            self.assertIn("First/type is deprecated", text)

    def test_two_proto_packages_in_one_folder_of_go(self):
        one = ('syntax = "proto3";\npackage a;\nimport "two.proto";\nmessage M { b.N n = 1; }\n'
               "service S { rpc Do(b.N) returns (M); }\n")
        two = 'syntax = "proto3";\npackage b;\nmessage N {}\nenum E { ZERO = 0; }\nservice T { rpc Do(N) returns (N); }\n'
        self.write("two.proto", two)
        self.ok("--lang", "go", self.write("one.proto", one), os.path.join(self.folder, "two.proto"))
        self.go_vet(".", "example")

    def test_folders_that_are_called_as_go_packages_of_ours(self):
        for name in ("freshet", "example"):
            self.write(f"{name}/m.proto", SMALL.replace("message", f"package {name};\nmessage"))
        self.ok("--lang", "go", "-I", self.folder, "freshet/m.proto", "example/m.proto")
        self.go_vet("freshet", "freshetpb", "example", "examplepb")

    def test_python_imports_what_protoc_calls_oddly(self):
        """Each folder's stubs can be imported, and so can its example, which then finds no server."""
        names = {"dotted.name.v1": "dotted.name.v1_freshet", "1st": "1st_freshet", "class/with": "class.with_freshet",
                 "a b,c": "a b,c_freshet", "da-sh": "da_sh_freshet"}
        for number, (name, module) in enumerate(names.items()):
            with self.subTest(name):
                package = f'syntax = "proto3";\npackage p{number};\n'
                self.write(f"{name}.proto", package + "message M { string id = 1; }\nservice S { rpc Do(M) returns (M); }\n")
                out = os.path.join(self.out, str(number))
                done = self.gen("--lang", "python", "-I", self.folder, f"{name}.proto", out=out)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                program = f"import importlib; print(importlib.import_module('{module}').SMethods.do.name)"
                told = check([sys.executable, "-c", program], cwd=os.path.join(out, "python"))
                self.assertEqual(told, f"p{number}.S/Do\n")
                told = check([sys.executable, "example.py", "tcp://127.0.0.1:1"], cwd=os.path.join(out, "python"))
                self.assertIn("UNAVAILABLE", told)
        self.write("dotted.user.proto", 'syntax = "proto3";\npackage u;\nimport "dotted.name.v1.proto";\n'
                   "service U { rpc Do(p0.M) returns (p0.M); }\n")
        self.ok("--lang", "python", "-I", self.folder, "dotted.user.proto")
        check([sys.executable, "-c", "import dotted.user_freshet"], cwd=os.path.join(self.out, "python"))

    def test_without_a_service_there_is_no_example(self):
        proto = self.write("m.proto", 'syntax = "proto3";\nmessage M {}\n')
        out = os.path.join(self.folder, "a:b")
        done = self.gen("--lang", "python,c", proto, out=out)
        self.assertEqual((done.returncode, done.stderr, done.stdout), (
            0, "", f"python: {out}/python has the messages; no file has a service, so there is no example.py for run to try\n"
            f"c: {out}/c has the messages; no file has a service, so there is no example.c for run to try\n"))
        self.assertTrue(os.path.exists(os.path.join(out, "c", "m.pb-c.h")))
        self.write("m.proto", SMALL)
        self.assertIn("python/run tries example.py", self.gen("--lang", "python", proto, out=out).stdout)

    def test_what_a_person_changed_stays(self):
        proto = self.write("bare.proto", SMALL)
        stays = {"go/example/main.go": True, "go/go.mod": True, "go/bare.freshet.go": False, "go/freshet/freshet.go": False,
                 "js/example.js": True, "js/package.json": True, "js/bare_freshet.js": False, "js/freshet_rpc.js": False,
                 "js/freshet_rpc.d.ts": False}
        path = os.path.join(packages(), ".bin") + ":" + os.environ["PATH"]
        self.assertEqual(self.gen("--lang", "go,js", proto, path=path).returncode, 0)
        for name in stays:
            self.assertTrue(os.path.exists(os.path.join(self.out, name)), name)
            self.write(os.path.join("out", name), "// mine\n")
        self.assertEqual(self.gen("--lang", "go,js", proto, path=path).returncode, 0)
        for name, kept in stays.items():
            with open(os.path.join(self.out, name), encoding="utf-8") as file:
                self.assertEqual(file.read() == "// mine\n", kept, name)

    def test_the_options_need_no_import_path(self):
        proto = self.write("c.proto", 'syntax = "proto3";\nimport "freshet/cache/v1/options.proto";\nmessage M {}\n')
        done = self.gen("--lang", "c,cpp,go,python", proto)
        self.assertEqual((done.returncode, done.stderr.count("is unused")), (0, 1), done.stderr)
        self.assertTrue(os.path.exists(os.path.join(self.out, "go/freshet/cache/v1/options.pb.go")))
        self.assertFalse(os.path.exists(os.path.join(self.out, "c/freshet")))


    def test_files_beside_our_own_are_generated(self):
        """Whatever their folder is called: the library of C has Freshet's own files only."""
        for name in ("freshet/tools/mine", "freshet/cache/v1/mine", "grpc/health/v1/mine"):
            self.write(f"{name}.proto", 'syntax = "proto3";\npackage %s;\nmessage M {}\n' % name.replace("/", "."))
        self.write("top.proto", 'syntax = "proto3";\nimport "freshet/tools/mine.proto";\nimport "freshet/cache/v1/mine.proto";\n'
                   'import "grpc/health/v1/mine.proto";\nmessage T {}\nservice S { rpc Do(freshet.tools.mine.M) returns (T); }\n'
                   "message U { freshet.cache.v1.mine.M m = 1; grpc.health.v1.mine.M n = 2; }\n")
        self.ok("--lang", "c", "-I", self.folder, "top.proto")
        flags = check(["pkg-config", "--cflags", "freshet"], env=pkg_config(self.folder)).split()
        for name in ("top.freshet.c", "top.pb-c.c"):
            check(["gcc", "-std=c11", "-fsyntax-only", "-I", "c", *flags, "c/" + name], cwd=self.out)


    def test_go_is_formatted(self):
        """Also where our own packages stand between, before or behind those of the stubs and of the request."""
        for folder in ("a", "z"):
            for other in ("b", "pb", "zz"):
                with self.subTest(folder=folder, other=other):
                    out = os.path.join(self.out, folder + other)
                    self.write(f"{other}/n.proto", f'syntax = "proto3";\npackage {other};\nmessage N {{}}\n')
                    self.write(f"{folder}/m.proto", f'syntax = "proto3";\nimport "{other}/n.proto";\nmessage M {{}}\n'
                               f"service S {{ rpc Do({other}.N) returns (M); }}\n")
                    done = self.gen("--lang", "go", "-I", self.folder, f"{folder}/m.proto", out=out)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertEqual(check(["gofmt", "-l", os.path.join(out, "go")]), "")
        shutil.copytree(os.path.join(self.out, "apb"), self.out, dirs_exist_ok=True)
        self.go_vet("a", "example")

    def test_the_example_warns_of_what_it_may_change(self):
        proto = self.write("m.proto", SMALL)
        read = ("service S {\n  rpc Do(M) returns (M);\n"
                "  rpc Read(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; }\n}\n")
        path = os.path.join(packages(), ".bin") + ":" + os.environ["PATH"]
        examples = {"c": "example.c", "cpp": "example.cc", "python": "example.py", "js": "example.js", "go": "example/main.go"}
        for warns in (True, False):
            done = self.gen("--lang", ",".join(examples), proto, path=path, out=self.out + str(warns))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for language, name in examples.items():
                with open(os.path.join(self.out + str(warns), language, name), encoding="utf-8") as file:
                    text = file.read()
                self.assertEqual("this one may change something at the server." in text, warns)
                self.assertEqual(re.search(r"\b(?:read|Read|s_read)\(", text) is not None, not warns, text)
            self.write("m.proto", 'syntax = "proto3";\nmessage M {}\n' + read)

    def test_run_names_the_programs_that_are_missing(self):
        self.ok("--lang", "c,cpp", self.write("m.proto", SMALL))
        bare = os.path.join(self.folder, "bin")
        os.mkdir(bare)
        os.symlink(shutil.which("dirname"), os.path.join(bare, "dirname"))
        tools = "apt-get install pkg-config cmake make "
        for missing in ("pkg-config", "cmake", "make", "cc"):
            for language, compiler, packages_ in (("c", "cc", "gcc"), ("cpp", "c++", "g++ libprotobuf-dev")):
                name = compiler if missing == "cc" else missing
                done = subprocess.run([os.path.join(self.out, language, "run")], env={"PATH": bare}, text=True,
                                      capture_output=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (1, f"run: {name} is missing: {tools}{packages_}\n"))
            os.symlink("/bin/true", os.path.join(bare, missing))


class Examples(TestCase):
    """Each folder is ready to run, and its example tells what freshet-api answers."""

    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.folder = tempfile.mkdtemp(prefix="freshet-gen-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    def test_examples(self):
        environment = {**pkg_config(self.folder), "GOCACHE": os.path.join(BUILD, "go-cache"), "GOFLAGS": "-p=2",
                       "PYTHON": "/usr/bin/python3"}
        generators = os.path.join(packages(), ".bin")
        done = run_freshet("gen", "--lang", "c,cpp,python,js,go", "--out", self.folder, "-I", os.path.join(SOURCE, "proto"),
                           "users/v1/users.proto", environment={"PATH": f"{generators}:{os.environ['PATH']}"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        os.symlink(packages(), os.path.join(self.folder, "js", "node_modules"))
        for language in ("c", "cpp", "python", "js", "go"):
            with self.subTest(language):
                told = check([os.path.join(self.folder, language, "run"), self.system.address()], env=environment)
                self.assertIn("INVALID_ARGUMENT", told)


class Names(Folder):
    def test_keywords_and_macros_of_c_and_cpp(self):
        """Also of gcc without -std; in requests and answers that are nested deeply."""
        methods = ("linux", "unix", "errno", "assert", "offsetof", "static_assert", "bool", "true", "false", "stdin", "asm",
                   "typeof", "restrict", "inline", "class", "operator", "EOF", "NULL")
        fields = ("class", "default", "int", "bool", "true", "namespace", "virtual", "register")
        deep = "message Leaf {" + "".join(f" string {name} = {i};" for i, name in enumerate(fields, 1)) + " }"
        for i in range(20, 0, -1):
            deep = f"message M{i} {{ {deep} }}"
        leaf = ".".join(f"M{i}" for i in range(1, 21)) + ".Leaf"
        self.write("m.proto", f'syntax = "proto3";\npackage k;\n{deep}\nservice S {{\n'
                   + "".join(f"  rpc {name}({leaf}) returns ({leaf});\n" for name in methods) + "}\n")
        self.ok("--lang", "c,cpp", "-I", self.folder, "m.proto")
        flags = check(["pkg-config", "--cflags", "freshet", "protobuf"], env=pkg_config(self.folder)).split()
        for standard in ("gnu17", "c11"):
            for name in ("m.freshet.c", "example.c", "m.pb-c.c"):
                check(["gcc", "-std=" + standard, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, "-I",
                       os.path.join(self.out, "c"), os.path.join(self.out, "c", name)])
        for standard in ("gnu++17", "c++17"):
            check(["g++", *WARNINGS, "-std=" + standard, *flags, "-isystem", os.path.join(self.out, "cpp"), "-fsyntax-only",
                   os.path.join(self.out, "cpp", "example.cc")])

    def test_a_field_may_be_called_linux(self):
        self.ok("--lang", "c,cpp", self.write("m.proto", SMALL.replace("{}", "{ bool linux = 1; bool unix = 2; }")))
        for language in ("c", "cpp"):
            told = check([os.path.join(self.out, language, "run"), "tcp://127.0.0.1:1"], env=pkg_config(self.folder))
            self.assertIn("UNAVAILABLE", told)


class Mistakes(Folder):
    def refuse(self, code, message, *arguments, lines=1, **options):
        done = self.gen(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(message, done.stderr)
        self.assertEqual(done.stderr.count("\n"), lines, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_wrong_use(self):
        good = self.write("good.proto", 'syntax = "proto3";\n')
        for message, arguments in (("unknown language 'cobol'; there are c, cpp,", ("--lang", "go,cobol", good)),
                                   ("did you mean ", ("--lang", "cp", good)),
                                   ("name the languages with --lang", (good,)),
                                   ("name the languages with --lang", ("--lang", ",", good)),
                                   ("an argument is missing", ("--lang", "go"))):
            self.refuse(2, message, *arguments, lines=2)
        done = run_freshet("gen", "--lang", "go", good)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--out", done.stderr)

    def test_files(self):
        good = self.write("good.proto", 'syntax = "proto3";\n')
        self.refuse(1, "nowhere.proto", "--lang", "go", "-I", self.folder, "nowhere.proto")
        self.refuse(1, "nowhere.proto", "--lang", "go", os.path.join(self.folder, "nowhere.proto"))
        self.refuse(1, "bad.proto:1:", "--lang", "go", self.write("bad.proto", "message"), lines=3)
        self.refuse(1, f"cannot make the folder '{good}", "--lang", "go", good, out=os.path.join(good, "x"))
        self.assertFalse(os.path.exists(self.out))

    def test_what_the_languages_cannot_say(self):
        head = 'syntax = "proto3";\npackage t;\nmessage M { optional int32 x = 1; }\n'
        streams = self.write("streams.proto", head + "service S {\n  rpc Watch(M) returns (stream M);\n}\n")
        for language in ("c", "go", "cpp", "python"):
            self.refuse(1, "streams.proto:5:3: t.S/Watch is a streaming method", "--lang", language, streams,
                        lines=4 if language == "c" else 3)
            self.assertFalse(os.path.exists(self.out))
        self.refuse(1, 'optional.proto:3:13: t.M.x: protobuf-c has no proto3 "optional"; leave the word out, or', "--lang", "c",
                    self.write("optional.proto", head), lines=3)
        same = self.write("same.proto", head + "service S {\n  rpc DoIt(M) returns (M);\n  rpc do_it(M) returns (M);\n}\n")
        self.refuse(1, "same.proto:6:3: t.S/DoIt and t.S/do_it would share the Go name DoIt", "--lang", "go", same, lines=3)
        for client, language in (("SClient", "Go"), ("SClient", "C++")):
            same = self.write("client.proto", head + f"message {client} {{}}\nservice S {{ rpc Do(M) returns (M); }}\n")
            self.refuse(1, f"would share the {language} name SClient", "--lang",
                        {"Go": "go", "C++": "cpp"}[language], same, lines=3)
        self.write("there.proto", 'syntax = "proto3";\npackage u;\nmessage M {}\n')
        same = self.write("here.proto", head + "service S { rpc Do(M) returns (M); }\n")
        for files in ((same, os.path.join(self.folder, "there.proto")), (os.path.join(self.folder, "there.proto"), same)):
            self.refuse(1, ".M would share the Go name M; rename one of them, or give their files packages of their own",
                        "--lang", "go", *files, lines=3)
        self.write("1st.proto", 'syntax = "proto3";\npackage u;\nmessage M {}\n')
        self.write("odd.proto", 'syntax = "proto3";\nimport "1st.proto";\nmessage N { u.M m = 1; }\n')
        self.refuse(1, "odd.proto:2:1: protoc's Python code cannot import '1st.proto'; rename it", "--lang", "python", "-I",
                    self.folder, "odd.proto", lines=3)
        self.write("over.proto", 'syntax = "proto3";\nimport "odd.proto";\nmessage O { N n = 1; }\n')
        self.refuse(1, "odd.proto:2:1: protoc's Python code cannot import '1st.proto'", "--lang", "python", "-I",
                    self.folder, "over.proto", lines=3)
        same = self.write("async.proto", head + "service S {\n  rpc Do(M) returns (M);\n  rpc DoAsync(M) returns (M);\n}\n")
        self.refuse(1, "t.S/Do and t.S/DoAsync would share the C++ name DoAsync", "--lang", "cpp", same, lines=3)

    def test_advice_about_what_protoc_says(self):
        self.write("sub/good.proto", 'syntax = "proto3";\n')
        self.refuse(1, "imports are looked for in the folders of -I; without -I, here or beside FILE", "--lang", "cpp",
                    self.write("a.proto", 'syntax = "proto3";\nimport "not/there.proto";\n'), lines=3)
        self.refuse(1, 'begin them with syntax = "proto3"; or "proto2"; editions are not supported', "--lang", "cpp",
                    self.write("b.proto", 'edition = "2023";\n'), lines=3)
        self.refuse(1, "give with -I the folder that its imports start from", "--lang", "cpp", "-I",
                    os.path.join(self.folder, "sub"), os.path.join(self.folder, "a.proto"), lines=2)
        self.assertFalse(os.path.exists(self.out))

    def test_no_part_of_a_file_is_left(self):
        """As on a full disk. What is kept the next time would stay cut off for good."""
        proto = self.write("m.proto", SMALL)
        limit = 20000
        self.assertGreater(os.path.getsize(os.path.join(SOURCE, "tools/protoc-gen-freshet/run_time/freshet_rpc.py")), limit)
        done = subprocess.run([os.path.join(BIN, "freshet"), "gen", "--lang", "python", "--out", self.out, proto],
                              env={**os.environ, "TMPDIR": self.temporary}, capture_output=True, text=True, timeout=60,
                              check=False, restore_signals=False,  # SIGXFSZ stays ignored
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"freshet: cannot write '{self.out}/python/freshet_rpc.py': File too large\n"))
        self.assertEqual([name for name in self.files() if "freshet_rpc" in name], [])

    def test_all_languages_or_none(self):
        """Python takes what C refuses, and nothing is written for it either; what is there stays as it is."""
        proto = self.write("m.proto", SMALL.replace("{}", "{ string id = 1; }"))
        self.ok("--lang", "python,c", proto)
        before = self.files()
        self.write("m.proto", SMALL.replace("{}", "{ optional string id = 1; }"))
        self.refuse(1, "protobuf-c has no proto3", "--lang", "python,c", proto, lines=3)
        self.assertEqual(self.files(), before)

    def files(self):
        found = {}
        for folder, _, names in os.walk(self.out):
            for path in (os.path.join(folder, name) for name in names):
                with open(path, "rb") as file:
                    found[path] = file.read()
        return found

    def test_missing_programs(self):
        proto = self.write("good.proto", 'syntax = "proto3";\n')
        bare = os.path.join(self.folder, "bin")
        os.mkdir(bare)
        self.refuse(1, "freshet gen needs the program protoc: apt-get install protobuf-compiler", "--lang", "cpp", proto,
                    path=bare)
        os.symlink(shutil.which("protoc"), os.path.join(bare, "protoc"))
        self.refuse(1, "go needs the program protoc-gen-go: apt-get install protoc-gen-go", "--lang", "go,cpp", proto,
                    path=bare)
        self.refuse(1, "c needs the program protoc-c: apt-get install protobuf-c-compiler", "--lang", "c", proto, path=bare)
        self.assertFalse(os.path.exists(self.out))


if __name__ == "__main__":
    main()
