# SPDX-License-Identifier: MIT
"""plan.py - which fault happens when: a schedule made from a seed alone. Pure."""
import dataclasses
import random

PAIRS = (1, 2)
SERVICES = tuple(f"{role}-{number}" for role in ("api", "data", "update") for number in PAIRS)
# The links of the proxy: from each service to Redis, from each api to its data and its update, from a replica to its
# primary.
REDIS_LINKS = tuple(f"redis-{name}" for name in SERVICES)
RPC_LINKS = tuple(f"{role}-{number}" for role in ("data", "update") for number in PAIRS)
REPLICATION = "replication"
LINKS = (*REDIS_LINKS, *RPC_LINKS, REPLICATION)

GAP_S = 0.43  # between two faults, on average
WARM_S = 2.0  # before the first
LAST_S = 4.0  # the last one starts so long before the end


def details_text(details):
    return " ".join(f"{name}={round(value, 2) if isinstance(value, float) else value}"
                    for name, value in details.items())


@dataclasses.dataclass
class Fault:
    """One fault of the schedule; times of the run are filled in as it happens."""
    number: int
    at_s: float
    kind: str
    details: dict
    began_us: int = 0
    ended_us: int = 0
    fired: bool = False
    note: str = ""

    def text(self):
        return f"{self.kind} {details_text(self.details)}".rstrip()


def _one_of(role):
    return lambda chance: f"{role}-{chance.choice(PAIRS)}"


def _kill(role):
    return lambda chance: {"process": _one_of(role)(chance), "down_s": chance.uniform(0, 0.8)}


def _stop(role):
    return lambda chance: {"process": _one_of(role)(chance), "stopped_s": chance.uniform(0.2, 2.5)}


def _crash(chance):
    return {"process": _one_of("update")(chance), "down_s": chance.uniform(0, 0.5)}


def _lossy_link(chance):
    return {"link": chance.choice(LINKS[:-1]), "which": chance.choice(("in", "out", "both")),
            "lost_s": chance.uniform(0.2, 1.5)}


# What each kind chooses. The order counts: it is part of what a seed means.
KINDS = {
    "kill-api": _kill("api"),
    "kill-data": _kill("data"),
    "kill-update": _kill("update"),
    "crash-after-commit": _crash,
    "crash-after-publish": _crash,
    "stop-api": _stop("api"),
    "stop-data": _stop("data"),
    "stop-update": _stop("update"),
    "stop-redis": lambda chance: {"stopped_s": chance.uniform(0.1, 0.8)},
    "kill-pubsub": lambda chance: {"times": chance.randint(1, 3)},
    "tiny-output-buffers": lambda chance: {"limit_bytes": chance.choice((1, 64, 1024)),
                                           "messages": chance.randint(1, 4)},
    "flushall": lambda chance: {},
    "eviction": lambda chance: {"policy": chance.choice(("allkeys-random", "allkeys-lru")),
                                "tight_s": chance.uniform(0.2, 1.0)},
    "stranger-del": lambda chance: {"keys": chance.randint(20, 200), "counter": chance.random() < 0.3,
                                    "choice": chance.getrandbits(32)},
    "redis-empty": lambda chance: {"down_s": chance.uniform(0, 0.4)},
    "redis-old-rdb": lambda chance: {"age_s": chance.uniform(0.5, 3), "down_s": chance.uniform(0, 0.3)},
    "promotion": lambda chance: {"lag_s": chance.uniform(0.5, 3), "down_s": chance.uniform(0, 0.2)},
    "proxy-delay": lambda chance: {"links": [chance.choice(LINKS[:-1])], "delay_ms": chance.choice((5, 40, 150, 400)),
                                   "slow_s": chance.uniform(0.3, 2.0)},
    # Commands to Redis may take 250 ms, there and back.
    "late-fill": lambda chance: {"links": ["redis-data-1", "redis-data-2"], "delay_ms": chance.randint(20, 110),
                                 "slow_s": chance.uniform(0.5, 2.0)},
    "late-answer": lambda chance: {"links": ["data-1", "data-2"], "delay_ms": chance.randint(20, 400),
                                   "slow_s": chance.uniform(0.5, 2.0)},
    "proxy-drop": _lossy_link,
    "proxy-cut": lambda chance: {"links": chance.sample(LINKS[:-1], chance.randint(1, len(LINKS) - 1))},
    "typed-sql": lambda chance: {"rows": chance.randint(1, 8), "choice": chance.getrandbits(32)},
    "stranger-type": lambda chance: {"keys": chance.randint(2, 40), "there_s": chance.uniform(0.2, 1.5),
                                     "choice": chance.getrandbits(32)},
}


# These wipe Redis, and with it what another fault has left there. So they come half as often as the others, and in the
# first half of each deck only: what the second half leaves is there to be found.
WIPES = ("flushall", "eviction", "redis-empty", "redis-old-rdb", "promotion")
OTHERS = tuple(kind for kind in KINDS if kind not in WIPES)
DECK = len(KINDS) + len(OTHERS)


def schedule(seed, seconds):
    """Whole decks of all kinds, shuffled; as many as fit, at least one."""
    chance = random.Random(seed)
    room_s = seconds - WARM_S - LAST_S
    decks = max(1, int(room_s / GAP_S / DECK))
    gap_s = max(0.0, room_s) / (decks * DECK)
    faults = []
    for _ in range(decks):
        deck = chance.sample(tuple(KINDS), len(KINDS)) + chance.sample(OTHERS, len(OTHERS))
        for kind in deck:
            at_s = WARM_S + (len(faults) + chance.random()) * gap_s
            faults.append(Fault(len(faults), at_s, kind, KINDS[kind](chance)))
    return faults


def needs(fault):
    """What a fault has for itself while it lasts; all orders to Redis count as one."""
    own = {fault.details[name] for name in ("process", "link") if name in fault.details}
    own.update(fault.details.get("links", ()))
    if fault.kind in ("stop-redis", "kill-pubsub", "tiny-output-buffers", "flushall", "eviction", "stranger-del",
                      "stranger-type", "redis-empty", "redis-old-rdb", "promotion"):
        own.add("redis")
    return own
