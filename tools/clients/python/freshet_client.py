# SPDX-License-Identifier: MIT
"""freshet_client.py - the load over Freshet's Python client; ADDRESS is tcp://host:port. See loop.py."""
import loop
from freshet_rpc import AsyncChannel, Channel
from users.v1.users_freshet import UsersAsyncClient, UsersClient
from users.v1.users_pb2 import GetUserRequest


def threads(address, load):
    with Channel(address) as channel:
        users = UsersClient(channel)
        load.threads(lambda wanted: users.get_user(GetUserRequest(id=wanted)).id)


async def tasks(address, load):
    async with AsyncChannel(address) as channel:
        users = UsersAsyncClient(channel)

        async def call(wanted):
            return (await users.get_user(GetUserRequest(id=wanted))).id

        await load.tasks(call)


if __name__ == "__main__":
    loop.main(threads, tasks)
