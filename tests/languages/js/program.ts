// SPDX-License-Identifier: MIT
//
// program.ts - a program in TypeScript that uses all that the generated clients declare; tsc checks it.
import { Channel, Code, RpcError, type Metadata } from "./freshet_rpc.js";
import { Method_namesClient, NoMethodsClient, TypeNamesClient } from "./odd/names_freshet.js";
import { ConformanceClient, ProbeClient } from "./probe/probe_freshet.js";
import { FailureSchema, type Failure, type Values } from "./probe/probe_pb.js";
import { UsersClient } from "./users/v1/users_freshet.js";
import type { User } from "./users/v1/users_pb.js";

const channel = new Channel("tcp://127.0.0.1:7001", { connectTimeoutMs: 500, keepaliveMs: 15_000 });
const user: User = await new UsersClient(channel).getUser(
  { id: "user-123" },
  {
    timeoutMs: 500,
    signal: AbortSignal.timeout(1000),
    metadata: { "x-cache-control": "no-cache", "some-bin": new Uint8Array(1), several: ["a", "b"] },
    onMetadata: (metadata: Metadata) => console.log(new Map(metadata).get("x-cache")),
  },
);
const version: bigint = user.version;
try {
  const values: Values = await new ConformanceClient(channel).fail({ failure: { code: 5, message: `${version}` } });
  console.log(values.number);
} catch (error) {
  if (error instanceof RpcError && error.code === Code.NOT_FOUND) {
    const failure: Failure | undefined = error.detail(FailureSchema);
    console.log(error.codeName, error.retryAfterMs, failure?.message);
  }
}
console.log((await new TypeNamesClient(channel).imported({ text: "top" }, { metadata: [["a", "b"]] })).text);
await new Method_namesClient(channel).default({ text: "a keyword" });
new NoMethodsClient(channel);

// @ts-expect-error - a field that is not there
await new UsersClient(channel).getUser({ name: "user-123" });
// @ts-expect-error - no number
await new UsersClient(channel).getUser({ id: "user-123" }, { timeoutMs: "1s" });
// @ts-expect-error - another message
const failure: Failure = await new ProbeClient(channel).echo({ text: "x" });
console.log(failure);
