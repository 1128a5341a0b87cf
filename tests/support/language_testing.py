# SPDX-License-Identifier: MIT
"""language_testing.py - generates clients in other languages, and runs their tests."""
import os
import signal
import subprocess

from freshet_testing import BIN, BUILD, SANITIZERS, SLOWNESS, run_freshet
from sp_client import SOURCE

HERE = os.path.join(SOURCE, "tests", "languages")
ODD = os.path.join(SOURCE, "tests", "protoc-gen-freshet")
RUN_TIME = os.path.join(SOURCE, "tools", "protoc-gen-freshet", "run_time")

# The libraries behind rpc/channel.h, by the folder of the build that they lie in.
_LIBRARIES = (("src/rpc", "fr_rpc"), ("src/rpc", "fr_rpc_services"), ("src/message", "fr_message"),
              ("src/base", "fr_base"), ("proto", "fr_proto"))


def protoc(*arguments):
    """protoc with our plugin, where it finds the .proto files of the project and of the tests."""
    subprocess.run(["protoc", "-I", HERE, "-I", ODD, "-I", os.path.join(SOURCE, "proto"),
                    "--plugin=protoc-gen-freshet=" + os.path.join(BIN, "protoc-gen-freshet"), *arguments], check=True,
                   timeout=120)


def generate(language, folder, *protos):
    """Stubs of these .proto files in folder/LANGUAGE; returns that folder."""
    done = run_freshet("gen", "--lang", language, "--out", folder, "-I", HERE, "-I", os.path.join(SOURCE, "proto"), *protos)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"freshet gen ended with {done.returncode}: {done.stderr}")
    return os.path.join(folder, language)


def pkg_config(folder):
    """Writes a freshet.pc for the build tree and returns the environment in which pkg-config finds it."""
    flags = f"-fsanitize={SANITIZERS} " if SANITIZERS else ""
    libraries = " ".join(f"-L{BUILD}/{place} -l{name}" for place, name in _LIBRARIES)
    with open(os.path.join(folder, "freshet.pc"), "w", encoding="utf-8") as file:
        file.write("Name: freshet\nDescription: this build\nVersion: 0\nRequires: libprotobuf-c\n"
                   f"Cflags: {flags}-I{SOURCE}/src -I{BUILD}/include -isystem {BUILD}/proto\n"
                   f"Libs: {flags}-Wl,--start-group {libraries} -Wl,--end-group -lnng -lpthread\n")
    return {**os.environ, "PKG_CONFIG_PATH": folder}


def go_environment(folder, stubs):
    """For programs in folder/src that import "example/stubs/...", with Debian's packages of modules; nothing is downloaded."""
    os.makedirs(os.path.join(folder, "src", "example"))
    os.symlink(stubs, os.path.join(folder, "src", "example", "stubs"))
    return {**os.environ, "GO111MODULE": "off", "GOPATH": f"{folder}:/usr/share/gocode", "GOFLAGS": "-p=2",
            "GOCACHE": os.path.join(BUILD, "go-cache"), "CGO_ENABLED": "1"}


def control(system, arguments, environment):
    """
    Runs a client's tests; they may print "@drain", for a clean stop and a new start of freshet-api, and read "done" when
    that is so. Fails with all that they printed.
    """
    lines = []
    with subprocess.Popen(arguments, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as child:
        for line in child.stdout:
            lines.append(line)
            if line == "@drain\n":
                system["api"].signal(signal.SIGTERM)
                system["api"].wait()
                system.start_service("api")
                child.stdin.write("done\n")
                child.stdin.flush()
    if child.returncode != 0:
        raise AssertionError("".join(lines))


def check(arguments, seconds=300, **options):
    """Runs a tool that must succeed and say nothing on standard error; returns what it printed."""
    done = subprocess.run(arguments, text=True, capture_output=True, timeout=seconds * SLOWNESS, check=False, **options)
    if done.returncode != 0 or done.stderr:
        raise AssertionError(f"{arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
