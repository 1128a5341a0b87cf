# SPDX-License-Identifier: MIT
"""language_testing.py - generates clients in other languages, and runs their tests."""
import os
import signal
import subprocess

from freshet_testing import BIN
from sp_client import SOURCE

HERE = os.path.join(SOURCE, "tests", "languages")
PROTOS = ("probe/probe.proto", "users/v1/users.proto")


def generate(language, folder):
    os.makedirs(folder)
    M = "".join(f",M{p}={q}" for p, q in (("probe/probe.proto", "stubs/probe;probe"), ("users/v1/users.proto", "stubs/users/v1;usersv1"), ("freshet/cache/v1/options.proto", "stubs/freshet/cache/v1;cachev1")))
    subprocess.run(["protoc", "-I", HERE, "-I", SOURCE + "/proto", f"--go_out=paths=source_relative{M}:{folder}", "--plugin=protoc-gen-freshet=" + BIN + "/protoc-gen-freshet", f"--freshet_out=lang=go,runtime=stubs/freshet,paths=source_relative{M}:{folder}", *PROTOS, "freshet/cache/v1/options.proto"], check=True)
    os.makedirs(folder+"/freshet", exist_ok=True)
    import shutil
    shutil.copy(SOURCE+"/tools/protoc-gen-freshet/run_time/freshet.go", folder+"/freshet/")


def control(system, arguments, environment):
    """
    Runs a client's tests; they may print "@kill", "@start" or "@drain" (a clean stop and a new start) about freshet-api,
    and read "done" when that is so. Fails with all that it printed.
    """
    lines = []

    def kill():
        system["api"].kill()

    def start():
        system.start_service("api")

    def drain():
        system["api"].signal(signal.SIGTERM)
        system["api"].wait()
        start()

    commands = {"@kill\n": kill, "@start\n": start, "@drain\n": drain}
    with subprocess.Popen(arguments, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as child:
        for line in child.stdout:
            lines.append(line)
            if line in commands:
                commands[line]()
                child.stdin.write("done\n")
                child.stdin.flush()
    if child.returncode != 0:
        raise AssertionError("".join(lines))
