// SPDX-License-Identifier: MIT
//
// freshet_rpc.js - what generated clients of Freshet services call through, in Node.js.
//
// Needs Node.js 18 and @bufbuild/protobuf 2, nothing else. A channel is one connection to one server, made by the first
// call and made again when it was lost. Any number of calls share it: a call leaves at once when nothing is under way,
// calls issued together or meanwhile leave together, and a slow call holds up no other (docs/protocol.md, 4 to 8).
//
// A call waits for the connection at most connectTimeoutMs. When an attempt failed, calls fail at once until the next
// one is due, at most 250 ms later. Nothing is sent twice, except what the server certainly did not start.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";

const MAX_MESSAGE_BYTES = 4 << 20; // one Request or Response with its envelope
const MAX_BATCH_BYTES = 16 << 20; // one message on the wire
const MAX_METADATA_ENTRIES = 64;
const MAX_METADATA_BYTES = 8192;
const BATCH_CALLS = 1024;
const BATCH_BYTES = 1 << 20; // a call that is larger leaves alone
const MESSAGES_UNDER_WAY = 2; // one may wait for late answers while the other is answered at once
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 250;
const NUMBERS_BYTES = 32; // room for id, timeout and lengths, which are written when a call leaves
const FOREVER_MS = 365 * 24 * 3600 * 1000; // what is longer is no deadline
const MAX_TIMER_MS = 2 ** 31 - 1; // a longer setTimeout fires at once
const MAX_CANCELLED = 4096; // ids in a message

const REQ_HELLO = Buffer.from("0053500000300000", "hex");
const REP_HELLO = Buffer.from("0053500000310000", "hex");
const EMPTY = new Uint8Array(0);

const CODE_NAMES = (
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED " +
  "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS " +
  "UNAUTHENTICATED"
).split(" ");

/** gRPC's status codes. */
export const Code = Object.freeze(Object.fromEntries(CODE_NAMES.map((name, code) => [name, code])));

export class RpcError extends Error {
  constructor(code, message, { method = "", details = [], metadata = [], retryAfterMs, notSent = false, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RpcError";
    this.code = code < CODE_NAMES.length ? code : Code.UNKNOWN;
    this.codeName = CODE_NAMES[this.code];
    this.method = method;
    this.details = details;
    this.metadata = metadata;
    this.retryAfterMs = retryAfterMs;
    this.notSent = notSent;
  }

  detail(schema) {
    for (const detail of this.details) {
      const message = anyUnpack(detail, schema);
      if (message !== undefined) {
        return message;
      }
    }
    return undefined;
  }
}

function refused(code, message, method, cause) {
  return new RpcError(code, message, { method, notSent: true, cause });
}

// ---- the envelope: freshet/rpc/v1/rpc.proto ----

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true }); // which means: it is kept

function* pairs(metadata) {
  for (const [key, value] of Symbol.iterator in metadata ? metadata : Object.entries(metadata)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      yield [key, one];
    }
  }
}

function metadataValue(key, value, method) {
  const wrong = (message) => refused(Code.INVALID_ARGUMENT, message, method);
  if (!/^[a-z0-9_.-]+$/.test(key)) {
    throw wrong(`'${key}' is no metadata key: lower case letters, digits, '-', '_' and '.'`);
  }
  if (key.endsWith("-bin")) {
    if (!(value instanceof Uint8Array)) {
      throw wrong(`metadata '${key}': a Uint8Array is needed`);
    }
    return value;
  }
  if (typeof value !== "string" || !/^[ -~]*$/.test(value)) {
    throw wrong(`metadata '${key}': a string of printable ASCII is needed`);
  }
  return encoder.encode(value);
}

function writeMetadata(writer, metadata, method) {
  let count = 0;
  let size = 0;
  for (const [key, given] of pairs(metadata)) {
    const value = metadataValue(key, given, method);
    writer.tag(4, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).bytes(value).join();
    count += 1;
    size += key.length + value.length;
  }
  if (count > MAX_METADATA_ENTRIES || size > MAX_METADATA_BYTES) {
    const message = `the metadata is over ${MAX_METADATA_ENTRIES} entries or ${MAX_METADATA_BYTES} bytes`;
    throw refused(Code.RESOURCE_EXHAUSTED, message, method);
  }
}

function encode(schema, request, method) {
  try {
    return toBinary(schema, create(schema, request));
  } catch (cause) {
    throw refused(Code.INTERNAL, `the request cannot be encoded: ${cause.message}`, method, cause);
  }
}

// What does not change until the call leaves.
function writeRequest(method, payload, metadata) {
  const writer = new BinaryWriter().tag(2, WireType.LengthDelimited).string(method);
  if (metadata !== undefined) {
    writeMetadata(writer, metadata, method);
  }
  return writer.tag(15, WireType.LengthDelimited).bytes(payload).finish();
}

function writeBatch(calls, { session, collect, cancel }) {
  const writer = new BinaryWriter();
  const now = performance.now();
  for (const call of calls) {
    writer.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint32(call.id);
    if (call.deadline !== undefined) {
      const left = Math.max(1, Math.round((call.deadline - now) * 1000));
      writer.tag(3, WireType.Varint);
      if (left < 2 ** 32) {
        writer.uint32(left);
      } else {
        writer.uint64(BigInt(left));
      }
    }
    writer.raw(call.rest).join();
  }
  writer.tag(2, WireType.Bit64).fixed64(session);
  if (collect) {
    writer.tag(3, WireType.Varint).bool(true);
  }
  for (const id of cancel) {
    writer.tag(4, WireType.Varint).uint32(id);
  }
  return writer.finish();
}

// Ours have 32 bits; a longer one is nobody's.
function readId(reader) {
  const at = reader.pos;
  const id = reader.uint32();
  const size = reader.pos - at;
  return size > 5 || (size === 5 && reader.buf[at + 4] > 0x0f) ? -1 : id;
}

function readResponse(bytes) {
  const response = { id: 0, code: 0, message: EMPTY, metadata: [], details: [], retryAfterUs: 0, payload: EMPTY };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const field = number * 8 + type;
    switch (field) {
      case 1 * 8 + WireType.Varint:
        response.id = readId(reader);
        break;
      case 2 * 8 + WireType.Varint:
        response.code = reader.uint32();
        break;
      case 3 * 8 + WireType.LengthDelimited:
        response.message = reader.bytes();
        break;
      case 4 * 8 + WireType.LengthDelimited:
        response.metadata.push(reader.bytes());
        break;
      case 5 * 8 + WireType.LengthDelimited:
        response.details.push(reader.bytes());
        break;
      case 6 * 8 + WireType.Varint:
        response.retryAfterUs = Number(reader.uint64());
        break;
      case 15 * 8 + WireType.LengthDelimited:
        response.payload = reader.bytes();
        break;
      default:
        reader.skip(type, number);
    }
  }
  return response;
}

function readReply(bytes) {
  const reply = { responses: [], pending: [], draining: false };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const field = number * 8 + type;
    if (field === 1 * 8 + WireType.LengthDelimited) {
      reply.responses.push(readResponse(reader.bytes()));
    } else if (field === 2 * 8 + WireType.Varint) {
      reply.pending.push(readId(reader));
    } else if (field === 2 * 8 + WireType.LengthDelimited) {
      const ids = new BinaryReader(reader.bytes());
      while (ids.pos < ids.len) {
        reply.pending.push(readId(ids));
      }
    } else if (field === 3 * 8 + WireType.Varint) {
      reply.draining = reader.bool();
    } else {
      reader.skip(type, number);
    }
  }
  return reply;
}

// A Metadata and an Any alike: a text and bytes.
function readPair(bytes) {
  const pair = [EMPTY, EMPTY];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited && (number === 1 || number === 2)) {
      pair[number - 1] = reader.bytes();
    } else {
      reader.skip(type, number);
    }
  }
  return [decoder.decode(pair[0]), pair[1]];
}

function readMetadata(response) {
  return response.metadata.map(readPair).map(([key, value]) => [key, key.endsWith("-bin") ? value : decoder.decode(value)]);
}

function readError(response, method, notSent) {
  return new RpcError(response.code, decoder.decode(response.message), {
    method,
    details: response.details.map(readPair).map(([typeUrl, value]) => create(AnySchema, { typeUrl, value })),
    metadata: readMetadata(response),
    retryAfterMs: response.retryAfterUs === 0 ? undefined : response.retryAfterUs / 1000,
    notSent,
    cause: response.cause,
  });
}

// A Response of our own.
function failure(code, message, cause) {
  return { id: 0, code, message: encoder.encode(message), metadata: [], details: [], retryAfterUs: 0, payload: EMPTY, cause };
}

// ---- one call ----

// From start to end, which comes once: done then gets a Response, the server's or one of our own.
class Call {
  id = 0;
  connection = undefined; // that it was sent over; undefined: no server has started it
  leftOut = false; // by a server that drains: it waits for another connection even if one was refused
  timer = undefined;

  constructor(rest, deadline, done) {
    this.rest = rest;
    this.deadline = deadline;
    this.done = done;
  }

  end(response) {
    const done = this.done;
    this.done = undefined;
    clearTimeout(this.timer);
    done?.(response);
  }

  fail(code, message, cause) {
    this.end(failure(code, message, cause));
  }
}

// ---- one connection ----

class Connection {
  calls = new Map(); // by id: sent, and without an answer so far
  draining = false;
  #channel;
  #socket;
  #greeted; // called once
  #session = randomBytes(8).readBigUInt64LE() || 1n;
  #sent = new Map(); // by SP's request id: messages under way
  #late = new Map(); // ids of calls that the server answers later; which it was of those
  #lateCount = 0; // of all so far
  #givenUp = new Set(); // ids that have ended here, and that the server may not have begun with
  #cancel = []; // ids to be told with the next message
  #lastRequestId = randomBytes(4).readUInt32LE();
  #lastId = 0;
  #chunks = [];
  #size = 0;
  #needed = REP_HELLO.length;

  // greeted(error) is called once: when the server has said its hello, or when it will not.
  constructor(channel, { host, port }, greeted) {
    this.#channel = channel;
    this.#greeted = greeted;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true, autoSelectFamily: true });
    this.#socket.write(REQ_HELLO);
    this.#socket.on("data", (chunk) => this.#received(chunk));
    const why = (error) => (error.code === "ECONNREFUSED" ? "connection refused" : error.message || error.code);
    this.#socket.on("error", (error) => this.abort(why(error)));
    this.#socket.on("close", () => this.abort("closed by the server"));
  }

  abort(reason) {
    const socket = this.#socket;
    if (socket === undefined) {
      return;
    }
    this.#socket = undefined;
    socket.destroy();
    for (const { timer } of this.#sent.values()) {
      clearTimeout(timer);
    }
    this.#greet(new Error(reason));
    this.#channel.lost(this, reason);
  }

  // Whether it keeps the process alive.
  hold(held) {
    this.#socket?.[held ? "ref" : "unref"]();
  }

  #greet(error) {
    const greeted = this.#greeted;
    this.#greeted = undefined;
    greeted?.(error);
  }

  #received(chunk) {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) {
      return;
    }
    const buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#size);
    const greets = this.#greeted !== undefined;
    let at = 0;
    if (greets) {
      if (!buffer.subarray(0, REP_HELLO.length).equals(REP_HELLO)) {
        this.abort("it does not speak Freshet's protocol");
        return;
      }
      at = REP_HELLO.length;
    }
    this.#needed = 8;
    while (buffer.length - at >= 8 && this.#socket !== undefined) {
      const size = buffer.readUInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
      if (size < 4 || size > MAX_BATCH_BYTES) {
        this.abort(`the server sent a message of ${size} bytes`);
        return;
      }
      if (buffer.length - at < 8 + size) {
        this.#needed = 8 + size;
        break;
      }
      this.#answered(buffer.readUInt32BE(at + 8), new Uint8Array(buffer.buffer, buffer.byteOffset + at + 12, size - 4));
      at += 8 + size;
    }
    this.#chunks = at === buffer.length ? [] : [buffer.subarray(at)];
    this.#size = buffer.length - at;
    if (greets) {
      this.#greet(); // unless what came with the hello has ended the connection
    }
  }

  // The call has ended here; the server is told.
  giveUp(call) {
    if (this.calls.delete(call.id)) {
      if (!this.#late.delete(call.id)) {
        this.#givenUp.add(call.id);
      }
      this.#cancel.push(call.id);
    }
  }

  // Sends what waits, if a message may leave now.
  flush() {
    if (this.#greeted !== undefined) {
      return;
    }
    while (this.#socket !== undefined && this.#sent.size < MESSAGES_UNDER_WAY) {
      const collect = ![...this.#sent.values()].some((sent) => sent.collect);
      const calls = this.draining ? [] : this.#channel.take();
      if (calls.length === 0 && this.#cancel.length === 0 && !(collect && this.#late.size > 0)) {
        break;
      }
      this.#send(calls, collect);
    }
    if (this.draining && this.calls.size === 0 && this.#sent.size === 0) {
      this.abort("closed after a drain");
    }
  }

  #send(calls, collect) {
    for (const call of calls) {
      call.connection = this;
      do {
        this.#lastId = (this.#lastId + 1) >>> 0 || 1;
      } while (this.calls.has(this.#lastId));
      call.id = this.#lastId;
      this.calls.set(call.id, call);
    }
    const cancel = this.#cancel.splice(0, MAX_CANCELLED);
    const body = writeBatch(calls, { session: this.#session, collect, cancel });
    this.#lastRequestId = ((this.#lastRequestId + 1) | 0x80000000) >>> 0;
    const timer = setTimeout(() => this.abort(`no answer within ${this.#channel.keepaliveMs} ms`), this.#channel.keepaliveMs);
    timer.unref();
    const ids = calls.map((call) => call.id);
    this.#sent.set(this.#lastRequestId, { ids, collect, lateCount: this.#lateCount, timer });
    const head = Buffer.alloc(12);
    head.writeUInt32BE(body.length + 4, 4);
    head.writeUInt32BE(this.#lastRequestId, 8);
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(body);
    this.#socket.uncork();
  }

  #answered(requestId, body) {
    const sent = this.#sent.get(requestId);
    if (sent === undefined) {
      return;
    }
    this.#sent.delete(requestId);
    clearTimeout(sent.timer);
    this.#channel.kick();
    let reply;
    try {
      reply = readReply(body);
    } catch {
      this.#end(sent.ids, failure(Code.INTERNAL, "the server's answer is malformed"));
      return;
    }
    this.#apply(sent, reply);
  }

  #apply(sent, { responses, pending, draining }) {
    for (const response of responses) {
      const fits = response.payload.length <= MAX_MESSAGE_BYTES;
      const tooLarge = `the answer is over ${MAX_MESSAGE_BYTES} bytes`;
      this.#end([response.id], fits ? response : failure(Code.RESOURCE_EXHAUSTED, tooLarge));
    }
    for (const id of pending) {
      if (this.calls.has(id)) {
        this.#lateCount += 1;
        this.#late.set(id, this.#late.get(id) ?? this.#lateCount);
      } else if (this.#givenUp.delete(id)) {
        this.#cancel.push(id);
      }
    }
    const rest = [];
    for (const id of sent.ids) {
      this.#givenUp.delete(id);
      if (this.calls.has(id) && !this.#late.has(id)) {
        rest.push(id);
      }
    }
    if (draining) {
      const calls = rest.map((id) => this.calls.get(id));
      rest.forEach((id) => this.calls.delete(id));
      this.#channel.drained(this, calls);
    } else {
      // One Response with id 0 is what the server says of a message that it did not take.
      const refused = responses.length === 1 && responses[0].id === 0 && responses[0].code !== Code.OK;
      if (refused) {
        rest.forEach((id) => (this.calls.get(id).connection = undefined));
      }
      this.#end(rest, refused ? responses[0] : failure(Code.INTERNAL, "the server's answer does not mention this call"));
      this.#channel.works();
    }
    if (sent.collect && responses.length === 0 && pending.length === 0 && !draining && this.#sent.size === 0) {
      // It knew no open call when it was asked; or it would be asked again and again. Other answers can have overtaken
      // this one, so what became late since may be newer.
      const known = [...this.#late].filter(([, number]) => number <= sent.lateCount).map(([id]) => id);
      this.#end(known, failure(Code.UNAVAILABLE, "the server no longer knows the call"));
    }
  }

  #end(ids, response) {
    for (const id of ids) {
      const call = this.calls.get(id);
      this.calls.delete(id);
      this.#late.delete(id);
      call?.end(response);
    }
  }
}

// ---- all connections to one target ----

function timerMs(ms) {
  if (!(ms > 0)) {
    throw new RangeError(`a time of ${ms} ms is not above 0`);
  }
  return Math.min(ms, MAX_TIMER_MS);
}

class Engine {
  keepaliveMs;
  #address;
  #target;
  #connectTimeoutMs;
  #maxWaiting;
  #waiting = new Set(); // the oldest first
  #open = 0; // calls that have not ended
  #connection; // that takes calls
  #connections = new Set(); // with those that drain
  #dialing = false;
  #failure; // why the last attempt to connect failed
  #uselessSince; // the time when there was no connection that took calls
  #retryAt = 0;
  #backoffMs = 0;
  #kicked = false;
  #closed = false;

  constructor(target, { connectTimeoutMs = 1000, keepaliveMs = 20_000, maxWaiting = 65_536 }) {
    const match = /^tcp:\/\/(\[[0-9A-Fa-f:.%\w]+\]|[^:/[\]]+):(\d{1,5})$/.exec(target);
    if (match === null || Number(match[2]) > 65_535) {
      throw new TypeError(`'${target}' is no address such as tcp://127.0.0.1:7001`);
    }
    this.#target = target;
    this.#address = { host: match[1].replace(/^\[|\]$/g, ""), port: Number(match[2]) };
    this.#connectTimeoutMs = timerMs(connectTimeoutMs);
    this.#maxWaiting = maxWaiting;
    this.keepaliveMs = timerMs(keepaliveMs);
  }

  start(rest, timeoutMs, done) {
    const ended = (response) => {
      this.#open -= 1;
      if (this.#open === 0) {
        this.#hold(false);
      }
      done(response);
    };
    const call = new Call(rest, timeoutMs < FOREVER_MS ? performance.now() + timeoutMs : undefined, ended);
    this.#open += 1;
    if (this.#open === 1) {
      this.#hold(true);
    }
    if (this.#closed) {
      call.fail(Code.CANCELLED, "the channel is closed");
    } else if (timeoutMs <= 0) {
      call.fail(Code.DEADLINE_EXCEEDED, "no time was left");
    } else if (this.#waiting.size >= this.#maxWaiting) {
      call.fail(Code.RESOURCE_EXHAUSTED, `${this.#maxWaiting} calls are waiting already`);
    } else if (this.#connection === undefined && this.#failure !== undefined && performance.now() < this.#retryAt) {
      call.fail(Code.UNAVAILABLE, this.#failure);
    } else {
      if (timeoutMs <= MAX_TIMER_MS) {
        call.timer = setTimeout(() => this.endEarly(call, Code.DEADLINE_EXCEEDED, "no answer in time"), timeoutMs);
      }
      this.#waiting.add(call);
      this.#dial();
      this.kick();
    }
    return call;
  }

  endEarly(call, code, message, cause) {
    if (call.done !== undefined) {
      this.#waiting.delete(call);
      call.connection?.giveUp(call);
      call.fail(code, message, cause);
      this.kick();
    }
  }

  // The calls of the next message.
  take() {
    const calls = [];
    let size = 0;
    for (const call of this.#waiting) {
      size += call.rest.length + NUMBERS_BYTES;
      if (calls.length === BATCH_CALLS || (calls.length > 0 && size > BATCH_BYTES)) {
        break;
      }
      calls.push(call);
      this.#waiting.delete(call);
    }
    return calls;
  }

  // Flushes soon: what else happens in this turn of the event loop leaves together.
  kick() {
    if (!this.#kicked) {
      this.#kicked = true;
      setImmediate(() => {
        this.#kicked = false;
        for (const connection of [...this.#connections]) {
          connection.flush();
        }
      });
    }
  }

  works() {
    this.#backoffMs = 0;
    this.#uselessSince = undefined;
  }

  // The server takes no more calls over this connection, and did not start these.
  drained(connection, calls) {
    connection.draining = true;
    if (this.#connection === connection) {
      this.#connection = undefined;
      this.#backOff();
    }
    for (const call of calls) {
      call.connection = undefined;
      call.leftOut = true;
    }
    this.#waiting = new Set([...calls, ...this.#waiting]);
    this.#dial();
  }

  lost(connection, reason) {
    this.#connections.delete(connection);
    if (this.#connection === connection) {
      this.#connection = undefined;
      this.#uselessSince = undefined;
      this.#backOff();
    }
    const calls = connection.calls;
    connection.calls = new Map();
    for (const call of calls.values()) {
      call.fail(Code.UNAVAILABLE, `the connection to ${this.#target} broke before the answer: ${reason}`);
    }
    this.#dial();
  }

  close() {
    this.#closed = true;
    const sent = [...this.#connections].flatMap((connection) => [...connection.calls.values()]);
    const calls = [...this.#waiting, ...sent];
    this.#waiting.clear();
    for (const connection of [...this.#connections]) {
      connection.calls = new Map();
      connection.abort("the channel was closed");
    }
    for (const call of calls) {
      call.fail(Code.CANCELLED, "the channel was closed");
    }
  }

  // An idle channel does not keep the process alive.
  #hold(held) {
    for (const connection of this.#connections) {
      connection.hold(held);
    }
  }

  // ---- connecting ----

  // Until a connection has proved to be of use, each attempt is further from the last.
  #backOff() {
    this.#retryAt = performance.now() + this.#backoffMs * (0.5 + Math.random() / 2);
    this.#backoffMs = Math.min(Math.max(2 * this.#backoffMs, BACKOFF_MIN_MS), BACKOFF_MAX_MS);
  }

  #dial() {
    if (this.#connection === undefined && !this.#dialing && this.#waiting.size > 0 && !this.#closed) {
      this.#dialing = true;
      this.#uselessSince ??= performance.now();
      this.#attempt(this.#uselessSince + this.#connectTimeoutMs);
    }
  }

  // One after another, until there is a connection, nobody waits for one any more, or the time is over.
  #attempt(end) {
    const pauseMs = Math.max(0, Math.min(this.#retryAt, end) - performance.now());
    setTimeout(() => {
      if (this.#waiting.size === 0) {
        this.#dialing = false;
        this.#uselessSince = undefined;
        return;
      }
      let connection;
      const timer = setTimeout(
        () => connection.abort(`no connection within ${this.#connectTimeoutMs} ms`),
        Math.max(0, end - performance.now()),
      );
      timer.unref(); // the connection keeps the process alive, as long as there are calls
      connection = new Connection(this, this.#address, (error) => {
        clearTimeout(timer);
        this.#attempted(connection, error, end);
      });
      this.#connections.add(connection);
    }, pauseMs);
  }

  #attempted(connection, error, end) {
    if (error === undefined && !this.#closed) {
      this.#dialing = false;
      this.#failure = undefined;
      this.#connection = connection;
      connection.hold(this.#open > 0);
      this.kick();
      return;
    }
    this.#failure = `cannot connect to ${this.#target}: ${error?.message}`;
    this.#backOff();
    const late = performance.now() >= end;
    for (const call of [...this.#waiting].filter((waiting) => late || !waiting.leftOut)) {
      this.#waiting.delete(call);
      call.fail(Code.UNAVAILABLE, this.#failure);
    }
    if (this.#waiting.size > 0 && !this.#closed) {
      this.#attempt(end);
    } else {
      this.#dialing = false;
      this.#uselessSince = undefined;
    }
  }
}

// ---- what programs use ----

export class Channel {
  #engine;

  constructor(target, options = {}) {
    this.#engine = new Engine(target, options);
  }

  call(method, request, { signal, timeoutMs, metadata, onMetadata } = {}) {
    const name = `${method.parent.typeName}/${method.name}`;
    return new Promise((resolve, reject) => {
      if (timeoutMs !== undefined && (typeof timeoutMs !== "number" || Number.isNaN(timeoutMs))) {
        throw new TypeError(`timeoutMs: ${timeoutMs} is no number`);
      }
      const rest = writeRequest(name, encode(method.input, request, name), metadata);
      if (rest.length + NUMBERS_BYTES > MAX_MESSAGE_BYTES) {
        throw refused(Code.RESOURCE_EXHAUSTED, `the request is over ${MAX_MESSAGE_BYTES} bytes`, name);
      }
      let call;
      const abort = () => {
        const late = signal.reason?.name === "TimeoutError";
        const [code, why] = late ? [Code.DEADLINE_EXCEEDED, "no answer in time"] : [Code.CANCELLED, "the call was cancelled"];
        this.#engine.endEarly(call, code, why, signal.reason);
      };
      call = this.#engine.start(rest, timeoutMs, (response) => {
        signal?.removeEventListener("abort", abort);
        try {
          // A call that ends before it has begun is not there yet.
          resolve(result(method.output, response, name, onMetadata, call?.connection === undefined));
        } catch (error) {
          reject(error);
        }
      });
      if (signal?.aborted) {
        abort();
      } else if (call.done !== undefined) {
        signal?.addEventListener("abort", abort);
      }
    });
  }

  close() {
    this.#engine.close();
  }
}

function result(schema, response, method, onMetadata, notSent) {
  let message;
  let metadata;
  try {
    if (response.code === Code.OK) {
      message = fromBinary(schema, response.payload);
      metadata = onMetadata && readMetadata(response);
    } else {
      message = readError(response, method, notSent);
    }
  } catch {
    message = new RpcError(Code.INTERNAL, "the answer is malformed", { method });
  }
  if (message instanceof RpcError) {
    throw message;
  }
  onMetadata?.(metadata);
  return message;
}
