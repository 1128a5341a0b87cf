# SPDX-License-Identifier: MIT
"""compare.py - every key, wherever it is cached, beside the database: what differs is stale for good."""
import sp_client
from sp_client import NOT_FOUND, OK, Client, make_request, users

GET = "users.v1.Users/GetUser"
PREFIX = b"user:"
BATCH = 200
ATTEMPTS = 5
CALL_US = 10_000_000
NOBODY = "nobody-of-this-name"


class Unreadable(Exception):
    """A key that cannot be read is neither fresh nor stale."""


def user_of(payload):
    user = users.User.FromString(payload)
    return user.name, user.email, user.preference, user.version


def rows(system):
    """{id: (name, email, preference, version)}"""
    return {row[0]: (row[1], row[2] or "", row[3], row[4])
            for row in system.query("SELECT id, name, email, preference, version FROM users")}


def difference(where, name, shown, row):
    """None when they agree. None for shown or row stands for "there is none"."""
    return None if shown == row else {"where": where, "key": name, "shown": shown, "database": row}


# ---- Redis ----

def records(redis):
    """{id: bytes} of everything that is cached."""
    found, cursor = {}, b"0"
    while True:
        cursor, keys = redis.command("SCAN", cursor, "MATCH", PREFIX + b"*", "COUNT", 1000)
        values = redis.command("MGET", *keys) if keys else []
        found.update((key[len(PREFIX):].decode(), value) for key, value in zip(keys, values) if value is not None)
        if cursor == b"0":
            return found


def served_by_record(value, incarnation):
    """(whether a record may be shown, what it shows)"""
    record = sp_client.cache.Record.FromString(value)
    kinds = sp_client.cache.Record
    if record.incarnation != incarnation or record.kind == kinds.NONE or record.version < record.floor:
        return False, None
    if record.kind == kinds.NOT_FOUND:
        return True, None
    shown = user_of(record.payload)
    return True, shown if shown[3] == record.version else (*shown, f"in a record of version {record.version}")


def in_redis(system, database):
    """Differences, and how many records were compared."""
    freshet, probe = system.design == "freshet", None
    if freshet:
        # What this life of Redis is called by the services is seen in a record that they have just written.
        with Client(system.address("api-1")) as client:
            read(client, [NOBODY])
        probe = sp_client.cache.Record.FromString(records(system.redis)[NOBODY]).incarnation
    found, compared = [], 0
    for name, value in records(system.redis).items():
        serves, shown = served_by_record(value, probe) if freshet else (True, user_of(value))
        if serves:
            compared += 1
            found.append(difference("redis", name, shown, database.get(name)))
    return [item for item in found if item], compared


# ---- through api ----

def read(client, names, metadata=None):
    """{id: User or None} of one batch; what fails is asked for again."""
    found, left = {}, list(names)
    for _ in range(ATTEMPTS):
        answer = client.batch([make_request(number + 1, GET, users.GetUserRequest(id=name), CALL_US, metadata)
                               for number, name in enumerate(left)])
        for response in answer.response:
            if response.code in (OK, NOT_FOUND):
                name = left[response.id - 1]
                found[name] = user_of(response.payload) if response.code == OK else None
        left = [name for name in left if name not in found]
        if not left:
            return found
    raise Unreadable(f"{left[0]} and {len(left) - 1} more keys cannot be read: {answer.response[0].message}")


def through_api(system, name, database, metadata):
    where = name + (" without cache" if metadata else "")
    ids, found = system.ids(), []
    with Client(system.address(name)) as client:
        for start in range(0, len(ids), BATCH):
            shown = read(client, ids[start:start + BATCH], metadata)
            found += [difference(where, key, value, database.get(key)) for key, value in shown.items()]
    return [item for item in found if item]


def everything(system):
    """(differences, how many values were compared). Looks before it reads: a read may heal."""
    database = rows(system)
    differences, compared = in_redis(system, database)
    for metadata in (None, {"x-cache-control": "no-cache"}):
        for name in ("api-1", "api-2"):
            differences += through_api(system, name, database, metadata)
            compared += len(system.ids())
    return differences, compared
