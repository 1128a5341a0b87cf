// SPDX-License-Identifier: MIT
//
// driver.js - carries out vectors.json with the generated JavaScript client; scenario.proto says what a step is.
//
// usage: driver.js VECTORS SERVER=ADDRESS...
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { clone, create, equals, fromJson, toBinary, toJsonString } from "@bufbuild/protobuf";
import { Channel, RpcError } from "./freshet_rpc.js";
import { OutcomeSchema, ScenarioSchema } from "./conformance/scenario_pb.js";
import { ConformanceClient, ProbeClient } from "./probe/probe_freshet.js";
import { ValuesSchema } from "./probe/probe_pb.js";

const [vectors, ...addresses] = process.argv.slice(2);
const scenario = fromJson(ScenarioSchema, JSON.parse(readFileSync(vectors, "utf8")));
const servers = new Map(addresses.map((argument) => argument.split("=")));
const targets = new Map(scenario.targets.map((target) => [target.name, target]));
const channels = new Map();
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function say(outcome) {
  process.stdout.write(`${toJsonString(OutcomeSchema, create(OutcomeSchema, outcome))}\n`);
}

async function ask(what) {
  say({ ask: what });
  if ((await answers.next()).value !== "done") {
    throw new Error(`nobody did '${what}'`);
  }
}

function channelOf(name) {
  if (!channels.has(name)) {
    const { server, connectTimeoutMs, keepaliveMs } = targets.get(name);
    channels.set(
      name,
      new Channel(servers.get(server), {
        ...(connectTimeoutMs > 0 ? { connectTimeoutMs } : {}),
        ...(keepaliveMs > 0 ? { keepaliveMs } : {}),
      }),
    );
  }
  return channels.get(name);
}

// "Conformance/Echo" of the generated clients.
function methodOf(target, name) {
  const [service, method] = name.split("/");
  const client = new { Conformance: ConformanceClient, Probe: ProbeClient }[service](channelOf(target));
  return client[method[0].toLowerCase() + method.slice(1)].bind(client);
}

function requestOf(step) {
  const request = step.request === undefined ? create(ValuesSchema) : clone(ValuesSchema, step.request);
  if (step.fill !== undefined) {
    request.text = Buffer.from(step.fill.pattern).toString().repeat(step.fill.times);
  }
  return request;
}

const isBytes = (key) => key.endsWith("-bin");

function optionsOf(step) {
  const metadata = step.metadata.flatMap(({ key, text, data, times }) =>
    Array.from({ length: times || 1 }, () => [key, isBytes(key) ? data : text]),
  );
  return { metadata, timeoutMs: step.timeoutMs || undefined };
}

const entries = (metadata) => metadata.map(([key, value]) => ({ key, [isBytes(key) ? "data" : "text"]: value }));

function failed(error) {
  if (!(error instanceof RpcError)) {
    throw error;
  }
  return {
    code: error.code,
    message: error.message,
    metadata: entries(error.metadata),
    details: error.details.map(({ typeUrl, value }) => ({ typeUrl, value })),
    retryAfterUs: BigInt(Math.round((error.retryAfterMs ?? 0) * 1000)),
  };
}

async function callOnce(step, request) {
  const call = methodOf(step.target, step.method);
  const controller = new AbortController();
  let metadata;
  const options = { ...optionsOf(step), signal: controller.signal, onMetadata: (found) => (metadata = entries(found)) };
  const ended = call(request, options).then(
    (answer) => ({ answer: toBinary(ValuesSchema, answer), metadata }),
    failed,
  );
  if (step.meanwhile !== "") {
    await methodOf(step.target, "Conformance/Arrived")(request);
    if (step.meanwhile === "cancel") {
      controller.abort();
    } else {
      await ask(step.meanwhile);
    }
  }
  return ended;
}

async function callMany(step, request) {
  const call = methodOf(step.target, step.method);
  const outcome = { code: 0, right: 0 };
  await Promise.all(
    Array.from({ length: step.times }, async (_, i) => {
      const mine = { ...request, number: BigInt(i) };
      try {
        const answer = await call(mine, optionsOf(step));
        outcome.right += equals(ValuesSchema, answer, mine);
      } catch (error) {
        outcome.code = failed(error).code;
      }
    }),
  );
  return outcome;
}

async function run(step) {
  const request = requestOf(step);
  const began = performance.now();
  let outcome;
  let tookMs;
  do {
    outcome = await (step.times > 0 ? callMany : callOnce)(step, request);
    tookMs = Math.round(performance.now() - began); // Node's timers may be a fraction of 1 ms early
  } while ((outcome.code ?? 0) !== 0 && tookMs < step.againForMs);
  say({ ...outcome, name: step.name, tookMs });
}

for (const step of scenario.steps) {
  await (step.ask === "" ? run(step) : ask(step.ask));
}
channels.forEach((channel) => channel.close());
process.stdin.destroy();
