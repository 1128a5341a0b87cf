// SPDX-License-Identifier: MIT
//
// freshet_rpc.d.ts - the types of freshet_rpc.js.
import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";

/** gRPC's status codes. */
export declare const Code: {
  readonly OK: 0;
  readonly CANCELLED: 1;
  readonly UNKNOWN: 2;
  readonly INVALID_ARGUMENT: 3;
  readonly DEADLINE_EXCEEDED: 4;
  readonly NOT_FOUND: 5;
  readonly ALREADY_EXISTS: 6;
  readonly PERMISSION_DENIED: 7;
  readonly RESOURCE_EXHAUSTED: 8;
  readonly FAILED_PRECONDITION: 9;
  readonly ABORTED: 10;
  readonly OUT_OF_RANGE: 11;
  readonly UNIMPLEMENTED: 12;
  readonly INTERNAL: 13;
  readonly UNAVAILABLE: 14;
  readonly DATA_LOSS: 15;
  readonly UNAUTHENTICATED: 16;
};
export type Code = (typeof Code)[keyof typeof Code];

/**
 * Uint8Array under keys that end in "-bin", string under others; a key may repeat. new Map(metadata) has the last of
 * each.
 */
export type Metadata = [key: string, value: string | Uint8Array][];

/** Metadata, or an object; the values of an array go under one key. */
export type MetadataInit =
  | Iterable<readonly [key: string, value: string | Uint8Array]>
  | Readonly<Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>>;

/** A call that failed, at the server or on the way there. */
export declare class RpcError extends Error {
  constructor(
    code: Code,
    message: string,
    more?: {
      method?: string;
      details?: Any[];
      metadata?: Metadata;
      retryAfterMs?: number;
      notSent?: boolean;
      cause?: unknown;
    },
  );
  readonly name: "RpcError";
  readonly code: Code;
  /** "NOT_FOUND" for 5. */
  readonly codeName: keyof typeof Code;
  /** "users.v1.Users/GetUser" */
  readonly method: string;
  readonly details: Any[];
  readonly metadata: Metadata;
  /** After so long the server would like another attempt; undefined: it does not say. */
  readonly retryAfterMs: number | undefined;
  /** The server certainly never started the call. */
  readonly notSent: boolean;
  /** The first detail of this type. */
  detail<Desc extends DescMessage>(schema: Desc): MessageShape<Desc> | undefined;
}

export interface CallOptions {
  /** Milliseconds; undefined: no deadline. TypeError if it is no number. */
  timeoutMs?: number | undefined;
  /** Ends the call as CANCELLED, or DEADLINE_EXCEEDED for AbortSignal.timeout(); the server is told. */
  signal?: AbortSignal | undefined;
  metadata?: MetadataInit | undefined;
  /** Gets the metadata beside the answer. */
  onMetadata?: ((metadata: Metadata) => void) | undefined;
}

/** Times are above 0, or RangeError. */
export interface ChannelOptions {
  /** How long calls wait for a connection: 1000. */
  connectTimeoutMs?: number;
  /** A server that leaves a message unanswered for so long is taken for dead: 20000. */
  keepaliveMs?: number;
  /** More calls do not wait for the connection: 65536. */
  maxWaiting?: number;
}

/**
 * Calls to one server. Nothing is connected before the first call; a channel without open calls does not keep the
 * process alive.
 */
export declare class Channel {
  /** target is "tcp://host:port"; TypeError if it is not. */
  constructor(target: string, options?: ChannelOptions);
  /** The answer; rejects with an RpcError. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): Promise<MessageShape<O>>;
  /** Ends open calls as CANCELLED. */
  close(): void;
}
