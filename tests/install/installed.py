# SPDX-License-Identifier: MIT
"""installed.py - Freshet installed and moved, and the examples of docs/examples built with it, the notebook run."""
import os
import shutil
import subprocess
import tempfile

from freshet_testing import BUILD, SANITIZERS, Redis, Service
from language_testing import check

_FLAGS = f"-fsanitize={SANITIZERS}" if SANITIZERS else ""


class Installed:
    """A folder that nothing was told about when it was installed."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-install-")
        first, self.prefix = os.path.join(self.folder, "first"), os.path.join(self.folder, "moved")
        check(["cmake", "--install", BUILD, "--prefix", first])
        os.rename(first, self.prefix)
        self.environment = {**os.environ, "PATH": self.path("bin") + ":" + os.environ["PATH"],
                            "CFLAGS": _FLAGS, "CXXFLAGS": _FLAGS, "LDFLAGS": _FLAGS}
        self.environment.pop("PKG_CONFIG_PATH", None)

    def path(self, *parts):
        return os.path.join(self.prefix, *parts)

    def copy_example(self, name, example="notes"):
        """The example in a folder of its own."""
        return shutil.copytree(self.path("share/freshet/examples", example), os.path.join(self.folder, name))

    def make(self, example="notes"):
        """The folder of the programs, built with pkg-config and make."""
        folder = self.copy_example("make-" + example, example)
        environment = {**self.environment, "PKG_CONFIG_PATH": self.path("lib/pkgconfig")}
        check(["make", "-C", folder, "CFLAGS=-Werror -Wshadow -std=c11 " + _FLAGS], env=environment)
        return folder

    def cmake(self):
        """The same, built with the CMake package."""
        folder = self.copy_example("cmake")
        build = os.path.join(folder, "build")
        check(["cmake", "-S", folder, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.prefix], env=self.environment)
        check(["cmake", "--build", build], env=self.environment)
        return build

    def freshet(self, *arguments):
        return subprocess.run([self.path("bin/freshet"), *arguments], env=self.environment, text=True, capture_output=True,
                              timeout=240, check=False)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Notebook:
    """notes-data and notes-api of a folder, on a Redis of their own."""

    def __init__(self, programs):
        self.programs = programs
        self.folder = tempfile.mkdtemp(prefix="freshet-notes-")
        self.redis = Redis(self.folder)
        self.redis.start()
        self.data = self._start("data", "--db", "sqlite:" + os.path.join(self.folder, "notes.db"))
        self.api = self._start("api", "--data", self.data.address)

    def _start(self, name, *options):
        service = Service(name, ["--listen", "tcp://127.0.0.1:0", "--redis", self.redis.url, *options], self.folder,
                          program=os.path.join(self.programs, "notes-" + name))
        service.ready()
        return service

    def note(self, *arguments):
        """(exit status, what the client said)"""
        done = subprocess.run([os.path.join(self.programs, "note"), self.api.address, *arguments], text=True,
                              capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        try:
            self.api.stop()
            self.data.stop()
        finally:
            self.api.kill()
            self.data.kill()
            self.redis.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
