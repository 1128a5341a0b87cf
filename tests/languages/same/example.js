// SPDX-License-Identifier: MIT
// example.js - reads a user, changes her preference and reads her again: node example.js ADDRESS
import { Channel } from "./freshet_rpc.js";
import { UsersClient } from "./users/v1/users_freshet.js";

const channel = new Channel(process.argv[2] ?? "tcp://127.0.0.1:7001");
const users = new UsersClient(channel);
const options = { timeoutMs: 10_000 };
const show = (user) => console.log(`${user.name}: ${user.preference}`);

try {
  const get = { id: "user-123" };
  const update = { id: "user-123", preference: "light_mode" };
  show(await users.getUser(get, options));
  show(await users.updatePreference(update, options));
  show(await users.getUser(get, options));
} finally {
  channel.close();
}
