// SPDX-License-Identifier: MIT
//
// grpc_client.js - the load over @grpc/grpc-js, its stubs made by @grpc/proto-loader; ADDRESS is host:port. See loop.js.
// The folder of the .proto files is in PROTO.
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { run } from "./loop.js";

const { users } = loadPackageDefinition(loadSync("users/v1/users.proto", { includeDirs: [process.env.PROTO] }));

await run((address) => {
  const client = new users.v1.Users(address, credentials.createInsecure());
  const call = (id) =>
    new Promise((resolve, reject) => {
      client.getUser({ id }, (error, user) => (error === null ? resolve(user.id) : reject(error)));
    });
  return { call, close: () => client.close() };
});
