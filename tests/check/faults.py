# SPDX-License-Identifier: MIT
"""faults.py - how each kind of fault is brought about.

Each is a generator that yields for how many seconds it waits and returns whether the fault fired: a process died, a
connection was cut, a key was evicted. What it changes for a while it changes back, whatever happens.
"""
import os
import random
import shutil
import signal
import subprocess

import plan
from system import COLD, FIRST_USER, HOT, START_S, WARM, until

CRASH_S = 5
SYNC_S = 10
EVICT_S = 3
SUBSCRIBE_S = 2  # subscribers may be about to come back
TYPE_S = 10
JUNK_BYTES = 40_000  # more than what a connection holds besides its counted buffer
CHANNEL = "cache-invalidation"
COUNTER = "cache-invalidation:number"


def _some_ids(details, count):
    """Half of them of the keys that are read most."""
    chance = random.Random(details["choice"])
    often = chance.sample(range(FIRST_USER, FIRST_USER + HOT + WARM), min(HOT + WARM, count // 2))
    seldom = chance.sample(range(FIRST_USER + HOT + WARM, FIRST_USER + HOT + WARM + COLD), count - len(often))
    return [f"user-{number}" for number in (*often, *seldom)]


def kill(system, details):
    name = details["process"]
    running = system.services[name].running()
    system.kill_service(name)
    yield details["down_s"]
    yield from system.start_service(name)
    return running


def _crash(system, details, failpoint):
    """The process kills itself amid its next write."""
    name = details["process"]
    system.kill_service(name)
    yield from system.start_service(name, failpoint)
    doomed = system.services[name]
    died = yield from until(lambda: not doomed.running(), CRASH_S)
    crashed = bool(died) and doomed.wait() == -signal.SIGKILL
    system.kill_service(name)
    yield details["down_s"]
    yield from system.start_service(name)
    return crashed


def crash_after_commit(system, details):
    return (yield from _crash(system, details, "after-commit"))


def crash_after_publish(system, details):
    return (yield from _crash(system, details, "after-publish"))


def _pause(process, seconds):
    process.signal(signal.SIGSTOP)
    try:
        yield seconds
    finally:
        process.signal(signal.SIGCONT)
    return process.running()


def stop(system, details):
    return (yield from _pause(system.services[details["process"]], details["stopped_s"]))


def stop_redis(system, details):
    return (yield from _pause(system.redis.process, details["stopped_s"]))


def kill_pubsub(system, details):
    killed = False
    for _ in range(details["times"]):
        once = yield from until(lambda: system.redis.command("CLIENT", "KILL", "TYPE", "pubsub"), SUBSCRIBE_S)
        killed = killed or bool(once)
        yield 0.15
    return killed


def _subscribers(system):
    lines = system.redis.command("CLIENT", "LIST", "TYPE", "pubsub").decode().splitlines()
    return {line.split()[0] for line in lines if line}


def tiny_output_buffers(system, details):
    """What does not fit a connection's fixed buffer exceeds the limit, so a long message cuts each subscriber off."""
    limit, usual = details["limit_bytes"], system.redis.command("CONFIG", "GET", "client-output-buffer-limit")[1]
    cut_off = set()
    system.redis.command("CONFIG", "SET", "client-output-buffer-limit", f"pubsub {limit} {limit} 1")
    try:
        for _ in range(details["messages"]):
            before = (yield from until(lambda: _subscribers(system), SUBSCRIBE_S)) or set()
            system.redis.command("PUBLISH", CHANNEL, b"x" * JUNK_BYTES)
            yield 0.1
            cut_off |= before - _subscribers(system)
    finally:
        system.redis.command("CONFIG", "SET", "client-output-buffer-limit", usual)
    return bool(cut_off)


def flushall(system, _):
    yield 0
    return system.redis.command("FLUSHALL") == b"OK"


def eviction(system, details):
    """The limit follows what is used downwards until a key has to go."""
    redis = system.redis
    evicted = int(redis.info("evicted_keys"))

    def tighten():
        redis.command("CONFIG", "SET", "maxmemory", int(int(redis.info("used_memory")) * 0.97))
        return int(redis.info("evicted_keys")) > evicted

    redis.command("CONFIG", "SET", "maxmemory-policy", details["policy"])
    try:
        fired = yield from until(tighten, EVICT_S)
        yield details["tight_s"]
        return bool(fired)
    finally:
        redis.command("CONFIG", "SET", "maxmemory", 0)


def stranger_del(system, details):
    yield 0
    keys = ["user:" + name for name in _some_ids(details, details["keys"])] + [COUNTER] * details["counter"]
    return system.redis.command("DEL", *keys) > 0


# What is there makes way for a list, in one step: a lease might come between two.
MAKE_LISTS = "for _, key in ipairs(KEYS) do redis.call('DEL', key) redis.call('RPUSH', key, 'x') end return #KEYS"
DROP_LISTS = "for _, key in ipairs(KEYS) do if redis.call('TYPE', key).ok == 'list' then redis.call('DEL', key) end end"


def stranger_type(system, details):
    keys = ["user:" + name for name in _some_ids(details, details["keys"])]
    made = system.redis.command("EVAL", MAKE_LISTS, len(keys), *keys)
    yield details["there_s"]
    system.redis.command("EVAL", DROP_LISTS, len(keys), *keys)
    return made == len(keys)


def _succeed(system, server):
    """The present server is gone; this one takes its place."""
    server.start()
    if not (yield from until(server.answers, START_S)):
        raise OSError("redis-server does not answer")
    system.adopt_redis(server)


def redis_empty(system, details):
    system.redis.kill()
    yield details["down_s"]
    yield from _succeed(system, system.new_redis())
    return True


def redis_old_rdb(system, details):
    """A snapshot is kept while the values that it holds become old."""
    old, fresh = system.redis, system.new_redis()
    saved = old.info("rdb_saves") or old.info("rdb_last_save_time")
    old.command("BGSAVE")
    written = yield from until(lambda: old.info("rdb_bgsave_in_progress") == "0" and
                               (old.info("rdb_saves") or saved) != saved, SYNC_S)
    snapshot = os.path.join(fresh.folder, "dump.rdb")
    shutil.copy(os.path.join(old.folder, "dump.rdb"), snapshot)
    yield details["age_s"]
    old.kill()
    yield details["down_s"]
    yield from _succeed(system, fresh)
    return bool(written) and int(fresh.info("rdb_last_load_keys_loaded") or 0) > 0


def promotion(system, details):
    """
    A replica whose link to its primary stands still becomes the primary. The link is released only once the old one
    is dead, or the replica would catch up.
    """
    old, proxy = system.redis, system.proxy
    proxy.order("target", plan.REPLICATION, old.port)
    replica = system.new_redis("--replicaof", f"127.0.0.1 {proxy.ports[plan.REPLICATION]}").start()
    try:
        yield from until(replica.answers, START_S)
        synced = yield from until(lambda: replica.info("master_link_status") == "up", SYNC_S)
        proxy.order("hold", plan.REPLICATION)
        yield details["lag_s"]
        lag = int(old.info("master_repl_offset")) - int(replica.info("slave_repl_offset") or 0)
        old.kill()
    finally:
        proxy.order("target", plan.REPLICATION, 0)
        proxy.order("cut", plan.REPLICATION)
        proxy.order("forward", plan.REPLICATION)
    yield details["down_s"]
    replica.command("REPLICAOF", "NO", "ONE")
    system.adopt_redis(replica)
    return bool(synced) and lag > 0


def proxy_delay(system, details):
    for link in details["links"]:
        system.proxy.order("delay", link, details["delay_ms"])
    try:
        yield details["slow_s"]
    finally:
        delayed = sum(system.proxy.order("forward", link) for link in details["links"])
    return delayed > 0


def proxy_drop(system, details):
    """TCP loses nothing silently, so connections that have lost bytes are cut in the end."""
    system.proxy.order("drop", details["link"], details["which"])
    try:
        yield details["lost_s"]
    finally:
        lost = system.proxy.order("forward", details["link"])
    return lost > 0


def proxy_cut(system, details):
    yield 0
    return sum(system.proxy.order("cut", link) for link in details["links"]) > 0


def typed_sql(system, details):
    """A person at the sqlite3 shell, of whom no service knows."""
    names = _some_ids(details, details["rows"])
    chosen = ", ".join(f"'{name}'" for name in names)
    shell = subprocess.Popen(
        ["sqlite3", "-batch", "-cmd", ".timeout 8000", system.database,
         f"BEGIN IMMEDIATE; UPDATE users SET preference = 'typed-{details['choice']}' WHERE id IN ({chosen}); "
         f"SELECT id, version FROM users WHERE id IN ({chosen}); COMMIT;"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ended = yield from until(lambda: shell.poll() is not None, TYPE_S)
        if not ended or shell.returncode != 0:
            return False
        for line in shell.stdout.read().decode().splitlines():
            system.load.say("wrote " + line.replace("|", " "))
        return True
    finally:
        if shell.poll() is None:
            shell.kill()
        shell.wait()
        shell.stdout.close()


HOW = {
    "kill-api": kill,
    "kill-data": kill,
    "kill-update": kill,
    "crash-after-commit": crash_after_commit,
    "crash-after-publish": crash_after_publish,
    "stop-api": stop,
    "stop-data": stop,
    "stop-update": stop,
    "stop-redis": stop_redis,
    "kill-pubsub": kill_pubsub,
    "tiny-output-buffers": tiny_output_buffers,
    "flushall": flushall,
    "eviction": eviction,
    "stranger-del": stranger_del,
    "redis-empty": redis_empty,
    "redis-old-rdb": redis_old_rdb,
    "promotion": promotion,
    "proxy-delay": proxy_delay,
    "late-fill": proxy_delay,
    "late-answer": proxy_delay,
    "proxy-drop": proxy_drop,
    "proxy-cut": proxy_cut,
    "typed-sql": typed_sql,
    "stranger-type": stranger_type,
}
