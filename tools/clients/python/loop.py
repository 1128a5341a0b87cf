# SPDX-License-Identifier: MIT
"""loop.py - the load of the Python clients: so many calls under way all the time, each answer checked.

usage: freshet_client.py|grpc_client.py ADDRESS threads|asyncio CALLS WARMUP-SECONDS SECONDS

Prints one line of JSON: calls and calls_per_s within the seconds, p50_us and p99_us of them, errors, and cpu_s, the
processor time of the process in that time.
"""
import asyncio
import json
import sys
import threading
import time

IDS = [f"user-{number}" for number in range(1000, 2000)]  # what the servers hold: tools/peers/people.h


class Loop:
    def __init__(self, calls, warmup_s, seconds):
        self.calls = calls
        self.seconds = seconds
        self.begin = time.perf_counter() + warmup_s
        self.end = self.begin + seconds
        self.times = []   # of calls that ended within the window
        self.failures = []
        self.cpu_s = 0.0

    def note(self, began, wanted, got):
        ended = time.perf_counter()
        if wanted != got:
            self.failures.append(f"asked for {wanted}, got {got}")
        elif self.begin <= ended < self.end:
            self.times.append(ended - began)

    def threads(self, call):
        """call(id) blocks and returns the id in the answer."""
        def work(number):
            while (began := time.perf_counter()) < self.end:
                wanted = IDS[number % len(IDS)]
                number += self.calls
                try:
                    self.note(began, wanted, call(wanted))
                except Exception as error:  # counted, whatever it is
                    self.failures.append(str(error))

        workers = [threading.Thread(target=work, args=(number,)) for number in range(self.calls)]
        for worker in workers:
            worker.start()
        time.sleep(max(0.0, self.begin - time.perf_counter()))
        began_cpu = time.process_time()
        time.sleep(max(0.0, self.end - time.perf_counter()))
        self.cpu_s = time.process_time() - began_cpu
        for worker in workers:
            worker.join()

    async def tasks(self, call):
        """The same of a coroutine."""
        async def work(number):
            while (began := time.perf_counter()) < self.end:
                wanted = IDS[number % len(IDS)]
                number += self.calls
                try:
                    self.note(began, wanted, await call(wanted))
                except Exception as error:  # counted, whatever it is
                    self.failures.append(str(error))

        async def watch():
            await asyncio.sleep(max(0.0, self.begin - time.perf_counter()))
            began_cpu = time.process_time()
            await asyncio.sleep(max(0.0, self.end - time.perf_counter()))
            self.cpu_s = time.process_time() - began_cpu

        await asyncio.gather(watch(), *(work(number) for number in range(self.calls)))

    def figures(self):
        times = sorted(self.times) or [0.0]
        return {"calls": len(self.times), "calls_per_s": len(self.times) / self.seconds,
                "p50_us": times[len(times) // 2] * 1e6, "p99_us": times[len(times) * 99 // 100] * 1e6,
                "errors": len(self.failures), "first_error": (self.failures or [""])[0], "cpu_s": self.cpu_s}


def main(threads, tasks):
    """threads(address, loop) and the coroutine function tasks(address, loop) connect and run the loop."""
    address, style, calls, warmup_s, seconds = sys.argv[1:]
    loop = Loop(int(calls), float(warmup_s), float(seconds))
    if style == "threads":
        threads(address, loop)
    else:
        asyncio.run(tasks(address, loop))
    print(json.dumps(loop.figures()))
