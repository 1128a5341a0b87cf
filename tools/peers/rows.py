# SPDX-License-Identifier: MIT
"""rows.py - what is measured of each contender, and how the rounds of a cell become one figure."""
import statistics
from dataclasses import dataclass

CHANNELS = (1, 2, 4)
MILLION = 1e6


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    concurrency: int = 0   # 0: arrivals at a rate
    channels: int = 0      # 0: the contender's choice

    def variants(self, contender):
        """The numbers of channels to try; the best one counts."""
        if self.channels > 0:
            return (self.channels,)
        if not contender.many_channels:
            return (1,)
        return tuple(count for count in CHANNELS if count <= max(self.concurrency, 1))


ROWS = (
    Row("1", "1 in flight", 1),
    Row("8", "8 in flight", 8),
    Row("64", "64 in flight", 64),
    Row("256", "256 in flight", 256),
    Row("64x1", "64 channels with one call each", 64, 64),
    Row("half", "arrivals at half of the contender's own capacity"),
    Row("same", "arrivals at the same rate for all, half of the capacity of gRPC's plain calls from memory"),
)

_METRICS = ("calls_per_s", "p50_us", "p90_us", "p99_us", "p999_us", "server_rss_bytes", "client_rss_bytes")


def _per_million(cell, *names):
    calls = cell["calls"]
    return sum(cell[name] for name in names) / calls * MILLION if calls > 0 else 0.0


def summary(cells, channels, rate=0):
    """One figure of the rounds: medians, and the lowest and highest calls a second."""
    result = {name: statistics.median(cell[name] for cell in cells) for name in _METRICS}
    result["cpu_s_per_million"] = statistics.median(
        _per_million(cell, "client_cpu_s", "server_cpu_s", "store_cpu_s") for cell in cells)
    for name in ("client", "server", "store"):
        result[f"{name}_cpu_s_per_million"] = statistics.median(
            _per_million(cell, f"{name}_cpu_s") for cell in cells)
    result["lowest_calls_per_s"] = min(cell["calls_per_s"] for cell in cells)
    result["highest_calls_per_s"] = max(cell["calls_per_s"] for cell in cells)
    result["errors"] = sum(cell["errors"] + cell["lost"] for cell in cells)
    result["first_error"] = next((cell["first_error"] for cell in cells if cell["first_error"]), "")
    result["sources"] = {}
    for cell in cells:
        for name, count in cell["sources"].items():
            result["sources"][name] = result["sources"].get(name, 0) + count
    result.update(channels=channels, rate=rate, rounds=len(cells))
    return result


def best(summaries):
    """The variant with the most calls a second among those without errors, if there is one."""
    return max(summaries, key=lambda figure: (figure["errors"] == 0, figure["calls_per_s"]))
