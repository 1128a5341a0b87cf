# SPDX-License-Identifier: MIT
"""rules.py - the house rules that a program can check.

Pure: every function takes a dictionary {path: text}, paths relative to the root of the project, and returns
violations as "path:line: what is wrong".
"""
import posixpath
import re

_LIBRARY = ("base", "message", "rpc", "cache", "store", "cached")
_PROGRAM = _LIBRARY + ("service", "users")

# What each folder may include besides itself.
LAYERS = {
    "src/base": (),
    "src/message": ("base",),
    "src/rpc": ("base", "message"),
    "src/cache": ("base", "message"),
    "src/store": ("base",),
    "src/cached": ("base", "message", "rpc", "cache", "store"),
    "src/service": _LIBRARY,
    "src/users": _LIBRARY,
    "src/api": _PROGRAM,
    "src/data": _PROGRAM,
    "src/update": _PROGRAM,
    "tools/plot": ("base",),
    "tools/load": ("base", "message", "rpc", "plot", "freshet"),
    "tools/freshet": ("base", "message", "rpc", "load"),
    "tools/payload": ("base", "message", "plot", "freshet"),
    "tools/variants": _LIBRARY + ("freshet", "payload", "plot"),
    "tools/nng-echo": ("base",),
    "tools/peers": ("base", "message", "rpc", "users"),
    "tools/clients": ("rpc", "peers"),
    "tools/protoc-gen-freshet": ("base", "message"),
}

# Third-party headers, the CMake targets behind them, and the folders that may use them.
THIRD_PARTY = (
    (r"nng/", r"nng(::.*)?", ("src/rpc", "tools/nng-echo", "tools/peers")),
    (r"hiredis/|hiredis\.h|async\.h", r"PkgConfig::hiredis", ("src/cache", "tools/peers")),
    (r"uv\.h|uv/", r"PkgConfig::libuv", ("src/cache", "tools/peers")),
    (r"sqlite3(ext)?\.h", r"PkgConfig::sqlite3", ("src/store",)),
    (r"jansson", r"PkgConfig::jansson", ("src/message", "tools/payload", "tools/load")),
    (r"protobuf-c/|google/protobuf-c/", r"PkgConfig::libprotobuf-c", ("src/message", "proto", "tools/payload")),
    (r"cjson/|json-c/|rapidjson/|simdjson|z(lib|std)\.h", r"PkgConfig::(libcjson|json-c|RapidJSON|simdjson|zlib|libzstd)",
     ("tools/payload",)),
)

MAX_LINES = 600
# A language's run time is a single file, so that a program can carry a copy.
MAX_RUN_TIME_LINES = 800
_RUN_TIMES = "tools/protoc-gen-freshet/run_time/"
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
_SLEEP = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep|nng_msleep|uv_sleep|fr_sleep\w*)\s*\(")
_SHELL_SLEEP = re.compile(r"(^|[;&|]|\bdo|\bthen)\s*sleep\s")


def _lines(text):
    return enumerate(text.splitlines(), 1)


def _folder(path):
    """The layer a path belongs to: its first two components."""
    return "/".join(path.split("/")[:2])


def _is_c(path):
    return path.endswith((".c", ".h"))


def _includes(text):
    for number, line in _lines(text):
        match = _INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def _third_party(header):
    """The folders that may include this header, or None if it is not a third-party one."""
    if header.endswith(".pb-c.h"):
        return None
    for pattern, _, folders in THIRD_PARTY:
        if re.match(pattern, header):
            return folders
    return None


def layers(files):
    found = []
    names = {folder.split("/")[1] for folder in LAYERS}
    for path, text in sorted(files.items()):
        folder = _folder(path)
        if not _is_c(path) or not path.startswith(("src/", "tools/")):
            continue
        if folder not in LAYERS:
            found.append(f"{path}:1: the folder {folder} has no place among the layers")
            continue
        for number, quoted, header in _includes(text):
            layer = header.split("/")[0]
            own = folder.split("/")[1]
            if not quoted or header.endswith((".pb-c.h", ".freshet.h")) or layer not in names or layer == own:
                continue
            if layer not in LAYERS[folder]:
                found.append(f"{path}:{number}: {own} may not include {header}")
    return found


def relative_includes(files):
    return [f"{path}:{number}: include from the src/ root, not {header}"
            for path, text in sorted(files.items()) if _is_c(path) and path.startswith("src/")
            for number, quoted, header in _includes(text) if quoted and ("/" not in header or ".." in header)]


def third_party_headers(files):
    found = []
    for path, text in sorted(files.items()):
        if not _is_c(path) or not path.startswith(("src/", "tools/")):
            continue
        for number, _, header in _includes(text):
            folders = _third_party(header)
            if folders is not None and _folder(path) not in folders:
                found.append(f"{path}:{number}: {header} belongs to {folders[0]}")
    return found


def public_headers(files):
    """A header that another folder includes, directly or through other headers, shows no third-party header."""
    code = {path: text for path, text in files.items() if _is_c(path) and path.startswith(("src/", "tools/"))}

    def resolve(path, header):
        for candidate in ("src/" + header, "tools/" + header, posixpath.join(posixpath.dirname(path), header)):
            if candidate in code:
                return candidate
        return None

    public, to_visit = set(), []
    for path, text in code.items():
        for _, quoted, header in _includes(text):
            target = resolve(path, header) if quoted else None
            if target is not None and _folder(target) != _folder(path):
                to_visit.append(target)
    while to_visit:
        path = to_visit.pop()
        if path in public:
            continue
        public.add(path)
        to_visit += [target for _, quoted, header in _includes(code[path]) if quoted
                     for target in [resolve(path, header)] if target is not None]
    return [f"{path}:{number}: a public header shows {header}"
            for path in sorted(public) if path.endswith(".h")
            for number, _, header in _includes(code[path]) if _third_party(header) is not None]


def _commands(text):
    """The fr_library and fr_program commands of a CMake file: (line, name, [(line, linked target)…])."""
    plain = re.sub(r"#[^\n]*", "", text)
    for match in re.finditer(r"\bfr_(?:library|program)\s*\(([^)]*)\)", plain):
        offset = match.start(1)
        name, linked, on = None, [], False
        for word in re.finditer(r"[^\s]+", match.group(1)):
            line = plain.count("\n", 0, offset + word.start()) + 1
            if name is None:
                name = word.group()
            elif word.group() in ("LINKS", "PRIVATE_LINKS", "SOURCES"):
                on = word.group() != "SOURCES"
            elif on:
                linked.append((line, word.group()))
        yield plain.count("\n", 0, match.start()) + 1, name, linked
    for match in re.finditer(r"\btarget_link_libraries\s*\(([^)]*)\)", plain):
        words = match.group(1).split()
        line = plain.count("\n", 0, match.start()) + 1
        if words and "$" not in words[0]:
            yield line, words[0], [(line, word) for word in words[1:] if word not in ("PUBLIC", "PRIVATE", "INTERFACE")]


def links(files):
    cmake = {path: text for path, text in files.items()
             if path.endswith("/CMakeLists.txt") and path.startswith(("src/", "tools/"))}
    home = {name: _folder(path) for path, text in cmake.items() for _, name, _ in _commands(text)}
    found = []
    for path, text in sorted(cmake.items()):
        folder = _folder(path)
        allowed = LAYERS.get(folder, ())
        for _, name, linked in _commands(text):
            for number, target in linked:
                layer = home.get(target, "")
                if layer and layer != folder and layer.split("/")[1] not in allowed:
                    found.append(f"{path}:{number}: {name} may not link {target}")
                for _, pattern, folders in THIRD_PARTY:
                    if re.fullmatch(pattern, target) and folder not in folders:
                        found.append(f"{path}:{number}: {name} may not link {target}, which belongs to {folders[0]}")
    return found


def licences(files):
    """The licence on the first line, or on the second after "#!"."""
    found = []
    for path, text in sorted(files.items()):
        head = text.splitlines()[:2]
        if _is_c(path):
            if head[:1] != ["/* SPDX-License-Identifier: MIT */"]:
                found.append(f"{path}:1: the first line is not the SPDX licence comment")
        elif path.endswith((".js", ".mjs", ".ts")):
            if head[:1] != ["// SPDX-License-Identifier: MIT"]:
                found.append(f"{path}:1: the first line is not the SPDX licence comment")
        elif path.endswith((".py", ".sh")) or text.startswith("#!"):
            number = 2 if text.startswith("#!") else 1
            if head[number - 1:number] != ["# SPDX-License-Identifier: MIT"]:
                found.append(f"{path}:{number}: the SPDX licence comment is missing here")
    return found


def file_comments(files):
    found = []
    for path, text in sorted(files.items()):
        if _is_c(path):
            head = text.splitlines()[1:3]
            name = re.escape(posixpath.basename(path))
            if len(head) < 2 or head[0] != "/*" or not re.match(rf" \* {name} - \S", head[1]):
                found.append(f'{path}:2: no header comment " * {posixpath.basename(path)} - what it does"')
    return found


def nng_traps(files):
    return [f"{path}:{number}: nng_msg_insert overflows the heap in nng 1.5.2"
            for path, text in sorted(files.items()) if _is_c(path)
            for number, line in _lines(text) if re.search(r"\bnng_msg_insert\s*\(", line)]


def sleeps(files):
    """tests/support holds the helpers that wait with a deadline, so it may pause between two looks; a benchmark, which
    is no test, may pace its load."""
    found = []
    for path, text in sorted(files.items()):
        if not path.startswith("tests/") or path.startswith(("tests/support/", "tests/style/")):
            continue
        if path.rsplit("/", 1)[-1].startswith("bench_"):
            continue
        if not _is_c(path) and not path.endswith((".py", ".sh")):
            continue
        for number, line in _lines(text):
            if _SLEEP.search(line) or (path.endswith(".sh") and _SHELL_SLEEP.search(line)):
                found.append(f"{path}:{number}: a test waits for an event, it does not sleep")
    return found


def lengths(files):
    found = []
    for path, text in sorted(files.items()):
        most = MAX_RUN_TIME_LINES if path.startswith(_RUN_TIMES) else MAX_LINES
        if (_is_c(path) or path.endswith((".py", ".js"))) and text.count("\n") > most:
            found.append(f"{path}:{most + 1}: {text.count(chr(10))} lines; split it, {most} are the most")
    return found


ALL = (layers, relative_includes, third_party_headers, public_headers, links, licences, file_comments, nng_traps,
       sleeps, lengths)
