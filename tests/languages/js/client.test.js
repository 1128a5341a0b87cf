// SPDX-License-Identifier: MIT
//
// client.test.js - the generated client against freshet-api (FRESHET_API) and a server that misbehaves (FRESHET_FAKE).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Channel, Code, RpcError } from "./freshet_rpc.js";
import * as odd from "./odd/names_freshet.js";
import { ProbeClient } from "./probe/probe_freshet.js";
import { FailureSchema, ValuesSchema } from "./probe/probe_pb.js";
import { UsersClient } from "./users/v1/users_freshet.js";

const API = process.env.FRESHET_API;
const FAKE = process.env.FRESHET_FAKE;
const LONG = { timeoutMs: 60_000 };

const channels = [];
after(() => channels.forEach((channel) => channel.close()));

function open(address, options) {
  const channel = new Channel(address, options);
  channels.push(channel);
  return channel;
}

const probe = (options) => new ProbeClient(open(FAKE, options));
const users = () => new UsersClient(open(API));

async function failure(promise, code) {
  const error = await promise.then(
    () => assert.fail("the call succeeded"),
    (reason) => reason,
  );
  assert.ok(error instanceof RpcError, error);
  assert.equal(error.codeName, Object.keys(Code)[code], error.message);
  return error;
}

async function works(client) {
  assert.equal((await client.echo({ text: "still here" }, LONG)).text, "still here");
}

async function took(atLeastMs, start) {
  const began = performance.now();
  const value = await start();
  assert.ok(performance.now() - began >= atLeastMs - 1, "too early");
  assert.ok(performance.now() - began < 20_000, "too late");
  return value;
}

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
process.stdin.unref();

// Has the program that runs this test do something with freshet-api.
async function control(what) {
  process.stdin.ref();
  process.stdout.write(`@${what}\n`);
  assert.equal((await answers.next()).value, "done");
  process.stdin.unref();
}

// ---- answers ----

test("get, update, get", async () => {
  const client = users();
  const { id } = await client.createUser({ user: { name: "Ada", email: "ada@js.test" } }, LONG);
  assert.equal((await client.getUser({ id })).preference, "");
  await client.updatePreference({ id, preference: "tea" }, LONG);
  const user = await client.getUser({ id }, { ...LONG, metadata: { "x-cache-control": "no-cache" } });
  assert.deepEqual([user.name, user.preference, user.$typeName], ["Ada", "tea", "users.v1.User"]);
});

test("the metadata of an answer", async () => {
  let found;
  await users().getUser({ id: "user-123" }, { ...LONG, onMetadata: (metadata) => (found = new Map(metadata)) });
  assert.ok(["near", "redis", "origin"].includes(found.get("x-cache")));
});

test("errors", async () => {
  const error = await failure(users().getUser({ id: "nobody" }, LONG), Code.NOT_FOUND);
  assert.deepEqual([error.name, error.method], ["RpcError", "users.v1.Users/GetUser"]);
  const details = [anyPack(FailureSchema, create(FailureSchema, { message: "żółw" }))];
  const told = new RpcError(Code.ABORTED, "why", { details });
  assert.equal(told.detail(FailureSchema).message, "żółw");
  assert.equal(told.detail(ValuesSchema), undefined);
});

// ---- deadlines, cancelling ----

test("a deadline", async () => {
  const client = probe();
  await took(100, () => failure(client.late({ number: -1n }, { timeoutMs: 100 }), Code.DEADLINE_EXCEEDED));
  for (const timeoutMs of [0, -1]) {
    await failure(client.echo({}, { timeoutMs }), Code.DEADLINE_EXCEEDED);
  }
  assert.equal((await client.echo({ text: "a" }, { timeoutMs: Infinity })).text, "a");
  assert.equal((await client.echo({ text: "a" }, { timeoutMs: 2 ** 32 })).text, "a");
  for (const timeoutMs of [NaN, null, "100"]) {
    await assert.rejects(client.echo({}, { timeoutMs }), TypeError);
  }
});

test("times that are longer than Node's timers", async () => {
  await works(probe({ connectTimeoutMs: Infinity, keepaliveMs: 2 ** 40 }));
  for (const options of [{ connectTimeoutMs: 0 }, { connectTimeoutMs: NaN }, { keepaliveMs: -1 }]) {
    assert.throws(() => new Channel(FAKE, options), RangeError);
  }
});

test("abort", async () => {
  const client = probe();
  const controller = new AbortController();
  const call = client.late({ number: -1n }, { signal: controller.signal });
  await works(client);
  controller.abort(new Error("no more"));
  const error = await failure(call, Code.CANCELLED);
  assert.equal(error.cause.message, "no more");
  await failure(client.echo({}, { signal: controller.signal }), Code.CANCELLED);
  await failure(client.late({ number: -1n }, { signal: AbortSignal.timeout(50) }), Code.DEADLINE_EXCEEDED);
});

test("close", async () => {
  const channel = new Channel(FAKE);
  const client = new ProbeClient(channel);
  const call = client.late({ number: -1n });
  await works(client);
  channel.close();
  await failure(call, Code.CANCELLED);
  await failure(client.echo({}), Code.CANCELLED);
  channel.close();
});

// What a program prints that makes calls and closes nothing; it must end by itself.
function program(address, options, calls) {
  const text = `
    import { Channel } from "./freshet_rpc.js";
    import { ProbeClient } from "./probe/probe_freshet.js";
    const client = new ProbeClient(new Channel(${JSON.stringify(address)}, ${JSON.stringify(options)}));
    ${calls}`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", text], {
    cwd: new URL(".", import.meta.url),
    timeout: 60_000,
    encoding: "utf8",
  });
  assert.deepEqual([done.status, done.stderr], [0, ""]);
  return done.stdout;
}

test("a program that closes nothing ends", async () => {
  assert.equal(program(FAKE, {}, 'console.log((await client.echo({ text: "x" })).text);'), "x\n");
  const silent = createServer().listen(0, "127.0.0.1"); // spawnSync keeps it from greeting
  await once(silent, "listening");
  const call = "await client.echo({}, { timeoutMs: 50 }).catch((error) => console.log(error.codeName));";
  const printed = program(`tcp://127.0.0.1:${silent.address().port}`, { connectTimeoutMs: 1_000_000 }, call);
  assert.equal(printed, "DEADLINE_EXCEEDED\n");
  silent.close();
});

// ---- many calls ----

test("a slow call holds up no other", async () => {
  const client = probe();
  let ended = false;
  const slow = client.late({ text: "slow", number: 500n }, LONG).finally(() => (ended = true));
  for (let i = 0; i < 20; i++) {
    await works(client);
  }
  assert.equal(ended, false);
  assert.equal((await slow).text, "slow");
});

// The fake server ends a connection that names more calls at once than it may.
test("thousands of calls that are cancelled at once", async () => {
  const client = probe();
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  await works(client);
  const calls = Promise.allSettled(
    Array.from({ length: 6000 }, () => client.late({ number: -1n }, { signal: controller.signal })),
  );
  await client.late({}, LONG); // when that is answered all others have left
  const kept = client.late({ text: "kept", number: 300n }, LONG);
  await works(client);
  controller.abort();
  const codes = (await calls).map(({ reason }) => reason.codeName);
  assert.deepEqual(new Set(codes), new Set(["CANCELLED"]));
  assert.equal((await kept).text, "kept");
});

// ---- what goes wrong ----

test("what the server never started is told", async () => {
  const client = probe();
  assert.equal((await failure(client.refuse({}, LONG), Code.RESOURCE_EXHAUSTED)).notSent, true);
  assert.equal((await failure(client.break({}, LONG), Code.UNAVAILABLE)).notSent, false);
  assert.equal((await failure(client.ignore({}, LONG), Code.INTERNAL)).notSent, false);
  const late = client.late({ number: -1n }, { timeoutMs: 100 });
  assert.equal((await failure(late, Code.DEADLINE_EXCEEDED)).notSent, false);
  assert.equal((await failure(client.echo({}, { timeoutMs: 0 }), Code.DEADLINE_EXCEEDED)).notSent, true);
  assert.equal((await failure(client.echo({}, { metadata: { Upper: "x" } }), Code.INVALID_ARGUMENT)).notSent, true);
  assert.equal((await failure(users().getUser({ id: "nobody" }, LONG), Code.NOT_FOUND)).notSent, false);
});

test("misuse", async () => {
  const client = probe();
  for (const metadata of [{ a: new Uint8Array(1) }, { "a-bin": "x" }, { a: Array(65).fill("x") }]) {
    await assert.rejects(client.echo({}, { metadata }), RpcError);
  }
  for (const request of [{ number: "x" }, { within: 5 }, { natural: -1n }]) {
    const error = await failure(client.echo(request, LONG), Code.INTERNAL);
    assert.match(error.message, /^the request cannot be encoded: /);
    assert.deepEqual([error.notSent, error.method, error.cause instanceof Error], [true, "probe.v1.Probe/Echo", true]);
  }
  for (const address of ["127.0.0.1:1", "tcp://", "tcp://a", "tcp://a:65536", "http://a:1", "tcp://a:1/b"]) {
    assert.throws(() => new Channel(address), TypeError);
  }
});

test("calls while a server drains", async () => {
  const client = users();
  await client.getUser({ id: "user-123" }, LONG);
  let drained = false;
  const drain = control("drain").then(() => (drained = true));
  while (!drained) {
    for (const { reason, value } of await Promise.allSettled(
      Array.from({ length: 20 }, () => client.getUser({ id: "user-123" }, LONG)),
    )) {
      assert.equal(reason?.codeName ?? value.name, reason ? "UNAVAILABLE" : "Alice");
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await drain;
  await answersAgain(client);
});

async function answersAgain(client) {
  const end = performance.now() + 20_000;
  for (;;) {
    try {
      assert.equal((await client.getUser({ id: "user-123" }, LONG)).name, "Alice");
      return;
    } catch (error) {
      assert.equal(error.codeName, "UNAVAILABLE");
      assert.ok(performance.now() < end, error.message);
    }
  }
}

test("names", () => {
  const methods = Object.getOwnPropertyNames(odd.Method_namesClient.prototype).sort();
  assert.deepEqual(methods, ["already_snake", "constructor", "default", "delete", "getHTTPStatus2X", "old", "register"]);
  assert.equal(typeof odd.NoMethodsClient, "function");
});
