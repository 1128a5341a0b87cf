# SPDX-License-Identifier: MIT
"""build.py - installs what a comparison needs and builds it, below build/peers."""
import os
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(SOURCE, "build", "peers")
TREE = os.path.join(BUILD, "tree")
CANNOT_INSTALL = 1  # tools/setup's exit status where this user may not install


def say(text):
    print(text, file=sys.stderr, flush=True)


def _program():
    return os.path.basename(sys.argv[0])


def install(section, what):
    """The packages of a section of tools/packages.txt. False: this user may not; setup has printed the command."""
    status = subprocess.run([os.path.join(SOURCE, "tools", "setup"), "--" + section], stdout=sys.stderr,
                            check=False).returncode
    if status == CANNOT_INSTALL:
        say(f"{_program()}: or run it with --no-install to measure what is there")
        return False
    if status != 0:
        say(f"{_program()}: {what} cannot be installed; the rows that need them will say so")
    return True


def node_modules(folder, wanted):
    """Installs what the package.json wanted names into folder/node_modules, unless it is there."""
    if shutil.which("npm") is None:
        return
    os.makedirs(folder, exist_ok=True)
    copy = os.path.join(folder, "package.json")
    with open(wanted, encoding="utf-8") as file:
        text = file.read()
    if os.path.isdir(os.path.join(folder, "node_modules")) and os.path.exists(copy):
        with open(copy, encoding="utf-8") as file:
            if file.read() == text:
                return
    say(f"{_program()}: installing packages of npm into {os.path.relpath(folder)}")
    shutil.copyfile(wanted, copy)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock",
               "--cache", os.path.join(folder, "cache")]
    if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        os.remove(copy)  # the next run tries again
        say(f"{_program()}: npm could not install them; the rows that need them will say so")


def tree():
    """Builds Freshet and the peers that can be built; False if that failed."""
    say(f"{_program()}: building (release)")
    configure = ["cmake", "--log-level=WARNING", "-G", "Ninja", "-S", SOURCE, "-B", TREE, "-DCMAKE_BUILD_TYPE=Release",
                 "-DFRESHET_TESTS=OFF", "-DFRESHET_PEERS=ON"]
    jobs = str(len(os.sched_getaffinity(0)))
    for command in (configure, ["cmake", "--build", TREE, "--parallel", jobs]):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            return False
    return True
