# SPDX-License-Identifier: MIT
"""
driver.py - carries out vectors.json with the generated Python clients; scenario.proto says what a step is.

usage: driver.py threads|asyncio VECTORS SERVER=ADDRESS...
"""
import asyncio
import re
import sys
import time
from concurrent.futures import CancelledError

from conformance.scenario_pb2 import Entry, Outcome, Scenario
from freshet_rpc import AsyncChannel, Channel, RpcError
from google.protobuf import json_format
from probe.probe_freshet import ConformanceAsyncClient, ConformanceMethods, ProbeAsyncClient, ProbeMethods
from probe.probe_pb2 import Detail, Values

METHODS = {"Conformance": ConformanceMethods, "Probe": ProbeMethods}
CLIENTS = {"Conformance": ConformanceAsyncClient, "Probe": ProbeAsyncClient}
CANCELLED = 1


def say(outcome):
    print(json_format.MessageToJson(outcome, indent=None), flush=True)


def ask(what):
    say(Outcome(ask=what))
    if sys.stdin.readline() != "done\n":
        sys.exit(f"nobody did '{what}'")


def member(name):
    """(service, its Python method) of "Conformance/Echo"."""
    service, method = name.split("/")
    method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()
    return service, {"break": "break_"}.get(method, method)


def request_of(step):
    request = Values()
    request.CopyFrom(step.request)
    if step.HasField("fill"):
        request.text = (step.fill.pattern * step.fill.times).decode()
    return request


def options_of(step):
    options = {"metadata": [(entry.key, entry.data if entry.key.endswith("-bin") else entry.text)
                            for entry in step.metadata for _ in range(max(entry.times, 1))]}
    return {**options, "timeout": step.timeout_ms / 1000} if step.timeout_ms else options


def pairs(metadata):
    return [Entry(key=key, data=value) if isinstance(value, bytes) else Entry(key=key, text=value)
            for key, value in metadata]


def settled(outcome, answer, metadata):
    outcome.Clear()
    if isinstance(answer, (CancelledError, asyncio.CancelledError)):
        outcome.code = CANCELLED
    elif isinstance(answer, RpcError):
        outcome.code, outcome.message = answer.code, answer.message
        outcome.metadata.extend(pairs(answer.metadata))
        outcome.details.extend(Detail(type_url=each.type_url, value=each.value) for each in answer.details)
        outcome.retry_after_us = round((answer.retry_after or 0) * 1e6)
    elif isinstance(answer, BaseException):
        raise answer
    else:
        outcome.answer = answer.SerializeToString()
        outcome.metadata.extend(pairs(metadata))


class Threads:
    """The blocking client, and its futures where calls overlap."""

    def __init__(self, addresses, targets):
        self._addresses, self._targets, self._channels = addresses, targets, {}

    def _channel(self, name):
        if name not in self._channels:
            target = self._targets[name]
            options = {key: milliseconds / 1000 for key, milliseconds in (
                ("connect_timeout", target.connect_timeout_ms), ("keepalive", target.keepalive_ms)) if milliseconds}
            self._channels[name] = self.kind(self._addresses[target.server], **options)
        return self._channels[name]

    kind = Channel

    def start(self, target, method, request, options):
        service, name = member(method)
        return self._channel(target).future(getattr(METHODS[service], name), request, **options)

    def call(self, target, method, request, options):
        service, name = member(method)
        try:
            return self._channel(target).call(getattr(METHODS[service], name), request, **options)
        except RpcError as error:
            return error

    @staticmethod
    def wait(futures):
        def result(future):
            try:
                return future.result()
            except (RpcError, CancelledError) as error:
                return error
        return [result(future) for future in futures]

    def close(self):
        for channel in self._channels.values():
            channel.close()


class Tasks(Threads):
    """The asyncio client."""

    kind = AsyncChannel

    def __init__(self, addresses, targets):
        super().__init__(addresses, targets)
        self._loop = asyncio.new_event_loop()

    def start(self, target, method, request, options):
        service, name = member(method)
        client = CLIENTS[service](self._channel(target))
        return self._loop.create_task(getattr(client, name)(request, **options))

    def call(self, target, method, request, options):
        return self.wait([self.start(target, method, request, options)])[0]

    def wait(self, futures):
        async def together():
            return await asyncio.gather(*futures, return_exceptions=True)
        return self._loop.run_until_complete(together())

    def close(self):
        for channel in self._channels.values():
            self._loop.run_until_complete(channel.close())
        self._loop.close()


def call_once(client, step, request, outcome):
    metadata = []
    options = {**options_of(step), "on_metadata": metadata.extend}
    if not step.meanwhile:
        settled(outcome, client.call(step.target, step.method, request, options), metadata)
        return
    future = client.start(step.target, step.method, request, options)
    client.call(step.target, "Conformance/Arrived", request, {})
    if step.meanwhile == "cancel":
        future.cancel()
    else:
        ask(step.meanwhile)
    settled(outcome, client.wait([future])[0], metadata)


def call_many(client, step, request, outcome):
    requests = []
    for number in range(step.times):
        requests.append(Values())
        requests[-1].CopyFrom(request)
        requests[-1].number = number
    futures = [client.start(step.target, step.method, each, options_of(step)) for each in requests]
    for sent, answer in zip(requests, client.wait(futures)):
        outcome.right += answer == sent
        outcome.code = answer.code if isinstance(answer, RpcError) else outcome.code


def run(client, step):
    outcome, request, began = Outcome(), request_of(step), time.monotonic()
    while True:
        (call_many if step.times else call_once)(client, step, request, outcome)
        took_ms = int((time.monotonic() - began) * 1000)
        if outcome.code == 0 or took_ms >= step.again_for_ms:
            break
    outcome.name, outcome.took_ms = step.name, took_ms
    say(outcome)


def main(kind, vectors, *servers):
    with open(vectors, encoding="utf-8") as file:
        scenario = json_format.Parse(file.read(), Scenario())
    client = {"threads": Threads, "asyncio": Tasks}[kind](dict(server.split("=", 1) for server in servers),
                                                          {target.name: target for target in scenario.targets})
    for step in scenario.steps:
        if step.ask:
            ask(step.ask)
        else:
            run(client, step)
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
