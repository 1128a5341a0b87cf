#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_stampede.py - thousands ask two api for one expired key at once: two data read the database once."""
import json
import os
import struct

from freshet_testing import Service, TestCase, main, run_freshet
from sp_client import OK, Client, make_request, rpc, users

GET = "users.v1.Users/GetUser"
READERS = 2000
SOFT_EXPIRY_AT = 42  # of a Record: five fixed fields with their tags, and its own tag
ROUNDS = 5


class Stampede(TestCase):
    def second(self, name, *options):
        """Another instance beside that of the system, in a folder of its own."""
        folder = os.path.join(self.system.folder, "second")
        os.makedirs(folder, exist_ok=True)
        service = Service(name, ["--listen", "tcp://127.0.0.1:0", "--redis", self.system.redis.url, "--namespace", "test",
                                 *options], folder)
        self.addCleanup(service.stop)
        service.ready()
        return service.address

    def queries(self, addresses):
        total = 0
        for address in addresses:
            done = run_freshet("stats", "--json", "--addr", address)
            self.assertEqual(done.returncode, 0, done.stderr)
            total += json.loads(done.stdout)["freshet_workers_requests_total"]
        return total

    def test_one_expired_key_is_one_query(self):
        system = self.started()
        second_data = self.second("data", "--db", "sqlite:" + system.database)
        second_api = self.second("api", "--data", second_data, "--update", system.address("update"))
        data = [system.address("data"), second_data]
        asking = [Client(system.address()), Client(second_api)]
        for client in asking:
            self.addCleanup(client.close)
        with system.client("update") as update, system.client("data") as origin:
            for number in range(ROUNDS):
                name = f"hot-{number}"
                update.call("users.v1.UserUpdates/CreateUser", users.CreateUserRequest(
                    user=users.User(id=name, name=name, email=name + "@test")))
                origin.call("users.v1.UserData/GetUser", id=name)
                system.redis.command("SETRANGE", "test:user:" + name, SOFT_EXPIRY_AT, struct.pack("<Q", 1))
                before = self.queries(data)
                batch = rpc.RequestBatch(request=[make_request(i, GET, users.GetUserRequest(id=name))
                                                  for i in range(1, READERS // 2 + 1)]).SerializeToString()
                sent = [client.send(batch) for client in asking]
                for client, request_id in zip(asking, sent):
                    answer = rpc.ResponseBatch.FromString(client.receive(request_id))
                    self.assertEqual(len(answer.response), READERS // 2)
                    for response in answer.response:
                        self.assertEqual(response.code, OK, response.message)
                        self.assertEqual(users.User.FromString(response.payload).name, name)
                self.assertEqual(self.queries(data), before + 1, name)


if __name__ == "__main__":
    main()
