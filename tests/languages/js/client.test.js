// SPDX-License-Identifier: MIT
//
// client.test.js - the generated client against freshet-api (FRESHET_API) and a server that misbehaves (FRESHET_FAKE).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { Channel, Code, RpcError } from "./freshet_rpc.js";
import * as odd from "./odd/names_freshet.js";
import { ProbeClient } from "./probe/probe_freshet.js";
import { FailureSchema, TextSchema } from "./probe/probe_pb.js";
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

async function took(atLeastMs, promise) {
  const began = performance.now();
  const value = await promise;
  assert.ok(performance.now() - began >= atLeastMs - 1, "too early");
  assert.ok(performance.now() - began < 20_000, "too late");
  return value;
}

async function listening(onConnection) {
  const server = createServer(onConnection);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  return { server, address: `tcp://127.0.0.1:${server.address().port}` };
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

test("values that are easily broken", async () => {
  const client = probe();
  for (const number of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]) {
    for (const text of ["", "Zażółć gęślą jaźń 🐘 \0 \u202e", "x".repeat(3 << 20)]) {
      const { text: gotText, number: gotNumber } = await client.echo({ text, number }, LONG);
      assert.ok(gotText === text && gotNumber === number);
    }
  }
});

test("every code", async () => {
  const client = probe();
  const metadata = { twice: ["a", "b"], "mine-bin": new Uint8Array([0, 255]) };
  for (let code = 1; code <= 16; code++) {
    const wish = { code, message: "it is żółw", retryAfterUs: 1_500_000n };
    const error = await failure(client.fail(wish, { ...LONG, metadata }), code);
    assert.deepEqual([error.message, error.method, error.retryAfterMs], ["it is żółw", "probe.v1.Probe/Fail", 1500]);
    assert.deepEqual(error.metadata, [
      ["x-text", "plain"],
      ["x-bytes-bin", Uint8Array.from({ length: 256 }, (_, i) => i)],
      ["twice", "a"],
      ["twice", "b"],
      ["mine-bin", new Uint8Array([0, 255])],
    ]);
    assert.equal(error.details[0].typeUrl, "type.googleapis.com/probe.v1.Failure");
    assert.equal(error.detail(FailureSchema).message, "it is żółw");
    assert.equal(error.detail(TextSchema), undefined);
  }
  await failure(client.fail({ code: 99 }, LONG), Code.UNKNOWN);
});

test("errors of a service", async () => {
  const client = users();
  assert.match((await failure(client.getUser({ id: "nobody" }, LONG), Code.NOT_FOUND)).message, /nobody/);
  await failure(client.getUser({}, LONG), Code.INVALID_ARGUMENT);
  await failure(new ProbeClient(open(API)).echo({}, LONG), Code.UNIMPLEMENTED);
});

// ---- deadlines, cancelling ----

test("a deadline", async () => {
  const client = probe();
  await took(100, failure(client.late({ number: -1n }, { timeoutMs: 100 }), Code.DEADLINE_EXCEEDED));
  for (const timeoutMs of [0, -1]) {
    await failure(client.echo({}, { timeoutMs }), Code.DEADLINE_EXCEEDED);
  }
  assert.equal((await client.echo({ text: "a" }, { timeoutMs: Infinity })).text, "a");
  assert.equal((await client.echo({ text: "a" }, { timeoutMs: 2 ** 32 })).text, "a");
});

test("a deadline while connecting", async () => {
  const { address } = await listening(() => {});
  await took(100, failure(new ProbeClient(open(address)).echo({}, { timeoutMs: 100 }), Code.DEADLINE_EXCEEDED));
  const client = new ProbeClient(open(address, { connectTimeoutMs: 200 }));
  assert.match((await took(200, failure(client.echo({}), Code.UNAVAILABLE))).message, /no connection within 200 ms/);
});

test("a refused connection fails at once", async () => {
  const { server, address } = await listening(() => {});
  await new Promise((resolve) => server.close(resolve));
  const client = new ProbeClient(open(address, { connectTimeoutMs: 60_000 }));
  assert.match((await took(0, failure(client.echo({}, LONG), Code.UNAVAILABLE))).message, /refused/);
});

test("a server of another kind", async () => {
  const { address } = await listening((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const client = new ProbeClient(open(address, { connectTimeoutMs: 60_000 }));
  await took(0, failure(client.echo({}, LONG), Code.UNAVAILABLE));
});

test("abort", async () => {
  const client = probe();
  const controller = new AbortController();
  const call = client.late({ number: -1n }, { signal: controller.signal });
  await works(client);
  controller.abort(new Error("no more"));
  const error = await failure(call, Code.CANCELLED);
  assert.equal(error.cause.message, "no more");
  while ((await client.cancelled({}, LONG)).number !== 1n);
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

test("a program that closes nothing ends", () => {
  const program = `
    import { Channel } from "./freshet_rpc.js";
    import { ProbeClient } from "./probe/probe_freshet.js";
    console.log((await new ProbeClient(new Channel(${JSON.stringify(FAKE)})).echo({ text: "x" })).text);`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: new URL(".", import.meta.url),
    timeout: 60_000,
    encoding: "utf8",
  });
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, "x\n", ""]);
});

// ---- many calls ----

test("a thousand calls with shuffled answers", async () => {
  const client = probe();
  await Promise.all(
    Array.from({ length: 1000 }, async (_, i) => {
      const number = BigInt((i * 37) % 61);
      const answer = await client.late({ text: `call ${i}`, number }, LONG);
      assert.ok(answer.text === `call ${i}` && answer.number === number);
    }),
  );
});

test("calls issued together leave together", async () => {
  const client = probe();
  const gathered = await Promise.all(Array.from({ length: 200 }, () => client.gathered({}, LONG)));
  assert.ok(gathered.some(({ number }) => number >= 100n));
});

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

test("a service under load", async () => {
  const client = users();
  const ids = ["user-123", "user-456", "user-789"];
  await Promise.all(
    Array.from({ length: 2000 }, async (_, i) => {
      const id = ids[i % ids.length];
      assert.equal((await client.getUser({ id }, LONG)).id, id);
    }),
  );
});

test("large messages share the connection", async () => {
  const client = probe();
  const texts = Array.from({ length: 12 }, (_, i) => String.fromCharCode(97 + i).repeat(2 << 20));
  const echoed = await Promise.all(texts.map((text) => client.echo({ text }, LONG)));
  assert.ok(echoed.every(({ text }, i) => text === texts[i]));
});

// ---- what goes wrong ----

test("limits", async () => {
  const client = probe();
  assert.match((await failure(client.echo({ text: "x".repeat(4 << 20) }), Code.RESOURCE_EXHAUSTED)).message, /4194304/);
  for (const metadata of [
    { Upper: "x" },
    { "": "x" },
    { a: "ż" },
    { a: new Uint8Array(1) },
    { "a-bin": "x" },
    { a: Array(65).fill("x") },
    [["a", "x".repeat(8192)]],
  ]) {
    await failure(client.echo({}, { metadata }), Code.INVALID_ARGUMENT);
  }
  for (const address of ["127.0.0.1:1", "tcp://", "tcp://a", "tcp://a:65536", "http://a:1", "tcp://a:1/b"]) {
    assert.throws(() => new Channel(address), TypeError);
  }
});

test("replies that are wrong", async () => {
  const client = probe();
  for (const [method, code] of [
    ["garbage", Code.INTERNAL],
    ["garbagePayload", Code.INTERNAL],
    ["garbageMetadata", Code.INTERNAL],
    ["ignore", Code.INTERNAL],
    ["forget", Code.UNAVAILABLE],
    ["tooLong", Code.UNAVAILABLE],
    ["tooShort", Code.UNAVAILABLE],
    ["break", Code.UNAVAILABLE],
  ]) {
    await failure(client[method]({ text: "a" }, LONG), code);
    await works(client);
  }
  assert.equal((await client.strangers({ text: "a" }, LONG)).text, "a");
  assert.equal((await client.wrongMessage({ text: "a" }, LONG)).text, "a");
  const error = await failure(client.refuse({}, LONG), Code.RESOURCE_EXHAUSTED);
  assert.deepEqual([error.message, error.retryAfterMs], ["too many sessions", 2000]);
});

test("a server that says nothing is dead", async () => {
  const client = probe({ keepaliveMs: 200 });
  assert.match((await took(200, failure(client.silence({}, LONG), Code.UNAVAILABLE))).message, /no answer within 200 ms/);
  await works(client);
});

test("what a draining server leaves out is sent again", async () => {
  assert.equal((await probe().drain({ text: "a" }, LONG)).text, "a");
  await took(200, failure(probe({ connectTimeoutMs: 200 }).drainForEver({}), Code.UNAVAILABLE));
});

test("a server that was killed and started again", async () => {
  const client = users();
  await client.getUser({ id: "user-123" }, LONG);
  await control("kill");
  await failure(client.getUser({ id: "user-123" }, LONG), Code.UNAVAILABLE);
  await control("start");
  await answersAgain(client);
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
