#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_python.py - the generated Python clients against freshet-api and a server that misbehaves."""
import asyncio
import gc
import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import CancelledError, Future
from datetime import timedelta

from google.protobuf import any_pb2, descriptor_pb2

import sp_client
from fake_server import FakeServer
from freshet_testing import BIN, SLOWNESS, TestCase, free_port, main, wait_until
from sp_client import SOURCE, users

HERE = os.path.join(SOURCE, "tests", "languages")
ODD = os.path.join(SOURCE, "tests", "protoc-gen-freshet")
RUN_TIME = os.path.join(SOURCE, "tools", "protoc-gen-freshet", "run_time")
PLUGIN = "--plugin=protoc-gen-freshet=" + os.path.join(BIN, "protoc-gen-freshet")
# Where sp_client put the messages of proto/: the stubs go beside them.
GENERATED = os.path.realpath(os.path.join(os.path.dirname(users.__file__), "..", ".."))


def protoc(*arguments):
    subprocess.run(["protoc", "-I", HERE, "-I", ODD, "-I", SOURCE + "/proto", PLUGIN, *arguments], check=True, timeout=60)


protoc("--freshet_out=lang=python:" + GENERATED, "users/v1/users.proto")
protoc("--python_out=" + GENERATED, "--freshet_out=lang=python:" + GENERATED, "probe/probe.proto", "odd/names.proto",
       "odd/bare.proto")
sys.path.insert(0, RUN_TIME)
importlib.invalidate_caches()
freshet_rpc = importlib.import_module("freshet_rpc")
stubs = importlib.import_module("users.v1.users_freshet")
probe = importlib.import_module("probe.probe_pb2")
probe_stubs = importlib.import_module("probe.probe_freshet")
from freshet_rpc import AsyncChannel, Channel, Code, RpcError  # noqa: E402  generated and found above

PROBE = probe_stubs.ProbeMethods
USERS = stubs.UsersMethods
Values = probe.Values
PROGRAM_HEAD = ("import asyncio\nfrom freshet_rpc import AsyncChannel, Channel\n"
                "from probe.probe_freshet import ProbeClient, ProbeMethods\nfrom probe.probe_pb2 import Values\n")


class Threads:
    """The blocking client."""

    def open(self, address, **options):
        channel = Channel(address, **options)
        self.addCleanup(channel.close)
        return channel

    def call(self, channel, method, request, **options):
        return channel.call(method, request, **options)

    def calls(self, channel, calls):
        """The results or exceptions of (method, request, options), all issued together."""
        futures = [channel.future(method, request, **options) for method, request, options in calls]
        return [future.exception(60) or future.result() for future in futures]

    def close(self, channel):
        channel.close()


class Tasks:
    """The asyncio client."""

    def setUp(self):
        super().setUp()
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)

    def open(self, address, **options):
        channel = AsyncChannel(address, **options)
        self.addCleanup(self.close, channel)
        return channel

    def call(self, channel, method, request, **options):
        return self.loop.run_until_complete(asyncio.wait_for(channel.call(method, request, **options), 60))

    def calls(self, channel, calls):
        async def together():
            return await asyncio.gather(*(channel.call(method, request, **options) for method, request, options in calls),
                                        return_exceptions=True)
        return self.loop.run_until_complete(together())

    def close(self, channel):
        self.loop.run_until_complete(channel.close())


class Scenario:
    """What holds for both clients."""

    @classmethod
    def setUpClass(cls):
        cls.start_for_class()
        cls.fake = FakeServer()
        cls.addClassCleanup(cls.fake.close)

    def fails(self, code, channel, method, request, **options):
        with self.assertRaises(RpcError) as caught:
            self.call(channel, method, request, **options)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def api(self, **options):
        return self.open(self.system.address(), **options)

    def probe(self, **options):
        return self.open(self.fake.address, **options)

    def assert_works(self, channel):
        self.assertEqual(self.call(channel, PROBE.echo, Values(text="still here"), timeout=30).text, "still here")

    def took(self, at_least, less_than, function, *arguments, **options):
        began = time.monotonic()
        result = function(*arguments, **options)
        elapsed = time.monotonic() - began
        self.assertGreaterEqual(elapsed, at_least)
        self.assertLess(elapsed, less_than * SLOWNESS)
        return result

    # ---- answers ----

    def test_an_answer_and_its_metadata(self):
        found = []
        user = self.call(self.api(), USERS.get_user, users.GetUserRequest(id="user-123"), timeout=timedelta(seconds=30),
                         metadata={"x-cache-control": "no-cache"}, on_metadata=found.extend)
        self.assertEqual((type(user), user.name), (users.User, "Alice"))
        self.assertIn(dict(found)["x-cache"], ("redis", "origin"))

    # ---- deadlines, cancelling ----

    def test_deadline(self):
        channel = self.probe()
        for timeout in (0.1, timedelta(milliseconds=100)):
            self.took(0.1, 5, self.fails, Code.DEADLINE_EXCEEDED, channel, PROBE.late, Values(number=-1), timeout=timeout)
        for timeout in (0, -1.0):
            self.fails(Code.DEADLINE_EXCEEDED, channel, PROBE.echo, Values(), timeout=timeout)
        self.assert_works(channel)

    def test_close(self):
        channel = self.probe()
        self.assert_works(channel)
        self.close(channel)
        self.fails(Code.CANCELLED, channel, PROBE.echo, Values())
        self.close(channel)

    # ---- what goes wrong ----

    def test_errors(self):
        error = self.fails(Code.NOT_FOUND, self.api(), USERS.get_user, users.GetUserRequest(id="nobody"), timeout=30)
        self.assertEqual((str(error), error.method), (f"NOT_FOUND: {error.message} (users.v1.Users/GetUser)",
                                                      "users.v1.Users/GetUser"))
        nowhere = freshet_rpc.Method("users.v1.Users/Nowhere", users.GetUserRequest, users.User)
        self.fails(Code.UNIMPLEMENTED, self.api(), nowhere, users.GetUserRequest(), timeout=30)

    def test_what_the_server_never_started_is_told(self):
        channel = self.probe()
        for code, method, not_sent, options in (
                (Code.RESOURCE_EXHAUSTED, PROBE.refuse, True, {"timeout": 30}),
                (Code.UNAVAILABLE, PROBE.break_, False, {"timeout": 30}),
                (Code.INTERNAL, PROBE.ignore, False, {"timeout": 30}),
                (Code.DEADLINE_EXCEEDED, PROBE.late, False, {"timeout": 0.1}),
                (Code.DEADLINE_EXCEEDED, PROBE.echo, True, {"timeout": 0}),
                (Code.INVALID_ARGUMENT, PROBE.echo, True, {"metadata": {"Upper": "x"}})):
            with self.subTest(method.name):
                self.assertEqual(self.fails(code, channel, method, Values(number=-1), **options).not_sent, not_sent)
        self.assertFalse(self.fails(Code.NOT_FOUND, self.api(), USERS.get_user, users.GetUserRequest(id="nobody")).not_sent)
        refused = self.open(f"tcp://127.0.0.1:{free_port()}")
        self.assertTrue(self.fails(Code.UNAVAILABLE, refused, PROBE.echo, Values()).not_sent)

    def test_misuse(self):
        channel = self.probe()
        for metadata in ({"a": b"x"}, {"a-bin": "x"}, {"a-bin": 5}, {"a-bin": None}):
            self.fails(Code.INVALID_ARGUMENT, channel, PROBE.echo, Values(), metadata=metadata)
        with self.assertRaises(TypeError):
            self.call(channel, PROBE.echo, users.User())
        with self.assertRaises(ValueError):
            self.call(channel, PROBE.echo, Values(), timeout=float("nan"))
        part = descriptor_pb2.UninterpretedOption.NamePart  # has required fields
        error = self.fails(Code.INTERNAL, channel, freshet_rpc.Method("probe.v1.Probe/Echo", part, Values), part())
        self.assertIn("the request cannot be encoded: ", error.message)
        self.assertTrue(error.not_sent)
        for address in ("127.0.0.1:1", "tcp://", "tcp://a", "tcp://a:65536", "tcp://a:1x", "http://a:1", "tcp://a:1/b"):
            with self.assertRaises(ValueError):
                Channel(address)

    def test_calls_while_a_server_drains(self):
        channel, request = self.api(), users.GetUserRequest(id="user-123")
        self.call(channel, USERS.get_user, request, timeout=30)
        drained = threading.Thread(target=self.system["api"].stop)
        drained.start()
        while drained.is_alive():
            for answer in self.calls(channel, [(USERS.get_user, request, {"timeout": 30})] * 20):
                if isinstance(answer, RpcError):
                    self.assertEqual(answer.code, Code.UNAVAILABLE, answer)
                else:
                    self.assertEqual(answer.name, "Alice")
        drained.join()
        self.system.start_service("api")


class ThreadsTest(Threads, Scenario, TestCase):
    def test_a_channel_that_nobody_holds_ends_its_thread(self):
        channel = Channel(self.fake.address)
        channel.call(PROBE.echo, Values())
        future = channel.future(PROBE.late, Values(text="a", number=100))
        thread = channel._thread
        del channel
        self.assertEqual(future.result(60).text, "a")  # the future holds the channel
        del future
        wait_until(lambda: gc.collect() >= 0 and not thread.is_alive(), 20, "the thread has ended")

    def test_get_update_get(self):
        with Channel(self.system.address()) as channel:
            client = stubs.UsersClient(channel)
            created = client.create_user(users.CreateUserRequest(user=users.User(name="Ada", email="ada@threads.test")))
            client.update_preference(users.UpdatePreferenceRequest(id=created.id, preference="tea"), timeout=30)
            wait_until(lambda: client.get_user(users.GetUserRequest(id=created.id)).preference == "tea", 5, "fresh read")

    def test_many_threads_share_a_channel(self):
        client, failures = probe_stubs.ProbeClient(self.probe()), []

        def work(number):
            try:
                for turn in range(50):
                    sent = Values(text=f"{number}-{turn}", number=turn % 3)
                    answer = client.late(sent, timeout=60) if turn % 5 == 0 else client.echo(sent, timeout=60)
                    if answer != sent:
                        failures.append((sent, answer))
            except RpcError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_a_slow_call_holds_up_no_other(self):
        channel = self.probe()
        slow = channel.future(PROBE.late, Values(text="slow", number=500), timeout=60)
        for _ in range(20):
            self.assert_works(channel)
        self.assertFalse(slow.done())
        self.assertEqual(slow.result(60).text, "slow")

    def test_a_blocking_call_in_a_callback_is_refused(self):
        channel, raised = self.probe(), Future()

        def block(_):
            try:
                raised.set_result(channel.call(PROBE.echo, Values(), timeout=0.1))
            except RuntimeError as error:
                raised.set_exception(error)

        channel.future(PROBE.echo, Values()).add_done_callback(block)
        self.assertIn("callback", str(raised.exception(30)))
        self.assert_works(channel)

    def test_close_ends_open_calls(self):
        channel = self.probe()
        future = channel.future(PROBE.late, Values(number=-1))
        channel.close()
        self.assertEqual(future.exception(30).code, Code.CANCELLED)
        self.assertEqual(channel.future(PROBE.echo, Values()).exception(30).code, Code.CANCELLED)

    def run_program(self, program):
        done = subprocess.run([sys.executable, "-X", "dev", "-c", PROGRAM_HEAD + program], timeout=30 * SLOWNESS, text=True,
                              capture_output=True, check=False,
                              env={**os.environ, "PYTHONPATH": f"{GENERATED}:{RUN_TIME}"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_a_program_that_closes_nothing_ends(self):
        self.assertEqual("x\n", self.run_program(
            f"channel = Channel('{self.fake.address}')\n"
            "print(ProbeClient(channel).echo(Values(text='x')).text)\n"
            "channel.future(ProbeMethods.late, Values(number=-1))\n"))

    def test_a_channel_that_is_closed_while_it_connects_leaves_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = "tcp://127.0.0.1:%d" % silent.getsockname()[1]
            self.assertEqual("CANCELLED\nCANCELLED\n", self.run_program(
                f"with Channel('{address}', connect_timeout=60) as channel:\n"
                "    future = channel.future(ProbeMethods.echo, Values())\n"
                "print(future.exception().code.name)\n"
                "async def use():\n"
                f"    async with AsyncChannel('{address}', connect_timeout=60) as channel:\n"
                "        task = asyncio.ensure_future(channel.call(ProbeMethods.echo, Values()))\n"
                "        await asyncio.wait({task}, timeout=0.05)\n"
                "    print((await asyncio.gather(task, return_exceptions=True))[0].code.name)\n"
                "asyncio.run(use())\n"))


class TasksTest(Tasks, Scenario, TestCase):
    def test_get_update_get(self):
        async def steps():
            async with AsyncChannel(self.system.address()) as channel:
                client = stubs.UsersAsyncClient(channel)
                user = users.User(name="Ada", email="ada@tasks.test")
                created = await client.create_user(users.CreateUserRequest(user=user))
                await client.update_preference(users.UpdatePreferenceRequest(id=created.id, preference="tea"), timeout=30)
                return await client.get_user(users.GetUserRequest(id=created.id), metadata={"x-cache-control": "no-cache"})
        self.assertEqual(self.loop.run_until_complete(steps()).preference, "tea")

    def test_a_slow_call_holds_up_no_other(self):
        async def steps():
            async with AsyncChannel(self.fake.address) as channel:
                slow = asyncio.ensure_future(channel.call(PROBE.late, Values(text="slow", number=500)))
                for _ in range(20):
                    await channel.call(PROBE.echo, Values())
                self.assertFalse(slow.done())
                self.assertEqual((await slow).text, "slow")
        self.loop.run_until_complete(steps())

    def test_thousands_of_calls_that_are_cancelled_at_once(self):
        # The fake server ends a connection that names more calls at once than it may.
        async def steps():
            async with AsyncChannel(self.fake.address) as channel:
                await channel.call(PROBE.echo, Values())
                calls = [asyncio.ensure_future(channel.call(PROBE.late, Values(number=-1))) for _ in range(6000)]
                await channel.call(PROBE.late, Values())  # when that is answered all others have left
                kept = asyncio.ensure_future(channel.call(PROBE.late, Values(text="kept", number=300)))
                await channel.call(PROBE.echo, Values())
                for call in calls:
                    call.cancel()
                ended = await asyncio.gather(*calls, return_exceptions=True)
                self.assertEqual({type(error) for error in ended}, {asyncio.CancelledError})
                self.assertEqual((await kept).text, "kept")
        self.loop.run_until_complete(steps())

    def test_another_loop_is_refused(self):
        channel = self.probe()
        self.assert_works(channel)
        other = asyncio.new_event_loop()
        self.addCleanup(other.close)
        with self.assertRaises(RuntimeError):
            other.run_until_complete(channel.call(PROBE.echo, Values()))


class Stubs(TestCase):
    def test_the_details_of_an_error(self):
        details = [any_pb2.Any(), any_pb2.Any()]
        details[0].Pack(probe.Failure(message="żółw"))
        details[1].Pack(Values(text="a"))
        error = RpcError(Code.ABORTED, "why", details=details)
        self.assertEqual((error.detail(probe.Failure), error.detail(Values)),
                         (probe.Failure(message="żółw"), Values(text="a")))
        self.assertIsNone(error.detail(users.User))

    MYPY = ("[mypy]\nstrict = True\nnamespace_packages = True\nexplicit_package_bases = True\n"
            # Debian has no type hints for protobuf itself; what protoc wrote is not ours.
            "[mypy-google.*]\nignore_missing_imports = True\n")

    def folder(self):
        folder = tempfile.mkdtemp(prefix="freshet-python-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def mypy(self, folder, program):
        modules = {os.path.relpath(os.path.join(at, name), folder)[:-4].replace("/", ".")
                   for at, _, names in os.walk(folder) for name in names if name.endswith("_pb2.pyi")}
        with open(os.path.join(folder, "mypy.ini"), "w", encoding="utf-8") as file:
            file.write(self.MYPY + "".join(f"[mypy-{module}]\nignore_errors = True\n" for module in sorted(modules)))
        with open(os.path.join(folder, "program.py"), "w", encoding="utf-8") as file:
            file.write(program)
        done = subprocess.run(["mypy", "--config-file", "mypy.ini", "--no-incremental", "program.py", "odd/names_freshet.py",
                               "probe/probe_freshet.py", os.path.join(RUN_TIME, "freshet_rpc.py")], cwd=folder, text=True,
                              capture_output=True, timeout=300, check=False,
                              env={**os.environ, "MYPYPATH": f"{folder}:{RUN_TIME}"})
        return done.stdout + done.stderr

    def test_types(self):
        folder = self.folder()
        protoc("--python_out=" + folder, "--pyi_out=" + folder, "--freshet_out=lang=python:" + folder, "probe/probe.proto",
               "odd/names.proto", "odd/bare.proto")
        good = ("from freshet_rpc import AsyncChannel, Channel\n"
                "from probe.probe_freshet import ProbeAsyncClient, ProbeClient, ProbeMethods\n"
                "from probe.probe_pb2 import Failure, Values\n"
                "def use(channel: Channel) -> Values:\n"
                "    channel.future(ProbeMethods.echo, Values()).result().number + 1\n"
                "    return ProbeClient(channel).echo(Values(), timeout=1.5, metadata={'a-bin': b'1'})\n"
                "async def use_async(channel: AsyncChannel) -> Values:\n"
                "    return await ProbeAsyncClient(channel).echo(Values())\n")
        self.assertIn("Success: no issues", self.mypy(folder, good))
        told = self.mypy(folder, good + "def misuse(channel: Channel) -> Failure:\n"
                                        "    ProbeClient(channel).echo(Failure())\n"
                                        "    ProbeClient(channel).echo(Values(), timeout='1 s')\n"
                                        "    channel.call(ProbeMethods.echo, Failure())\n"
                                        "    return ProbeClient(channel).echo(Values())\n")
        # Without protobuf's own hints a wrong message is only found where a type has to be inferred.
        for line in (11, 12):
            self.assertIn(f"program.py:{line}: error", told)

    def test_names(self):
        odd = importlib.import_module("odd.names_freshet")
        bare = importlib.import_module("odd.bare_freshet")
        self.assertEqual(odd.TypeNamesMethods.nested.response.DESCRIPTOR.full_name,
                         "Odd_names.v1beta.URLStuff.HTTPRequest.inner_Thing2.Deep_HTTPThing")
        self.assertEqual(odd.TypeNamesMethods.imported.request.DESCRIPTOR.full_name, "Top")
        self.assertEqual(odd.TypeNamesMethods.well_known.request.DESCRIPTOR.full_name, "google.protobuf.Empty")
        self.assertEqual(bare.BareMethods.do.name, "Bare/Do")
        self.assertEqual(odd.Method_namesClient.__doc__.count("*/"), 1)
        self.assertEqual({name for name in dir(odd.Method_namesClient) if not name.startswith("_")},
                         {"default", "register", "get_http_status2_x", "already_snake", "old", "delete"})
        with warnings.catch_warnings(record=True) as told, Channel(f"tcp://127.0.0.1:{free_port()}") as channel:
            warnings.simplefilter("always")
            with self.assertRaises(RpcError):
                odd.Method_namesClient(channel).old(odd.odd_dot_names__pb2.HTTPRequest())
        self.assertEqual([(item.category, str(item.message), item.filename) for item in told],
                         [(DeprecationWarning, "Odd_names.v1beta.URLStuff.Method_names/Old is deprecated", __file__)])

    def test_keywords(self):
        folder = self.folder()
        os.mkdir(os.path.join(folder, "class"))
        with open(os.path.join(folder, "class", "odd-one.proto"), "w", encoding="utf-8") as file:
            file.write('syntax = "proto3";\nmessage class { string a = 1; message None { string b = 1; } }\n'
                       '// Says "\\x" and """ more"\nservice S {\n  // First.\n  //\n  //  Third \\\n'
                       "  rpc import(class) returns (class.None);\n  rpc FreshetRpc(class) returns (class);\n}\n")
        subprocess.run(["protoc", "-I", folder, PLUGIN, "--python_out=" + folder, "--freshet_out=lang=python:" + folder,
                        "class/odd-one.proto"], check=True, timeout=60)
        sys.path.insert(0, folder)
        self.addCleanup(sys.path.remove, folder)
        importlib.invalidate_caches()
        odd = importlib.import_module("class.odd_one_freshet")
        self.assertEqual(odd.SMethods.import_.response.DESCRIPTOR.full_name, "class.None")
        self.assertEqual(odd.SMethods.freshet_rpc_.name, "S/FreshetRpc")
        self.assertEqual(odd.SClient.__doc__, 'Says "\\x" and """ more"')
        self.assertEqual(odd.SClient.import_.__doc__.split("\n")[0], "First.")

    def test_the_envelope_is_that_of_rpc_proto(self):
        for name, fields in freshet_rpc._SCHEMA.items():
            if name == "Detail":
                continue  # google.protobuf.Any
            declared = sp_client.rpc.DESCRIPTOR.message_types_by_name[name].fields_by_name
            self.assertEqual({field: number for number, field, _ in fields},
                             {field: declared[field].number for field in declared})


if __name__ == "__main__":
    main()
