# SPDX-License-Identifier: MIT
"""grpc_client.py - the load over grpcio with the stubs of its plugin; ADDRESS is host:port. See loop.py."""
import grpc
import loop
from users.v1.users_pb2 import GetUserRequest
from users.v1.users_pb2_grpc import UsersStub


def threads(address, load):
    with grpc.insecure_channel(address) as channel:
        users = UsersStub(channel)
        load.threads(lambda wanted: users.GetUser(GetUserRequest(id=wanted)).id)


async def tasks(address, load):
    async with grpc.aio.insecure_channel(address) as channel:
        users = UsersStub(channel)

        async def call(wanted):
            return (await users.GetUser(GetUserRequest(id=wanted))).id

        await load.tasks(call)


if __name__ == "__main__":
    loop.main(threads, tasks)
