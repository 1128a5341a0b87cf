// SPDX-License-Identifier: MIT
//
// freshet_client.js - the load over Freshet's client for Node.js; ADDRESS is tcp://host:port. See loop.js.
import { Channel } from "./freshet_rpc.js";
import { run } from "./loop.js";
import { UsersClient } from "./users/v1/users_freshet.js";

await run((address) => {
  const channel = new Channel(address);
  const users = new UsersClient(channel);
  return { call: async (id) => (await users.getUser({ id })).id, close: () => channel.close() };
});
