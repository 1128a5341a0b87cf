# SPDX-License-Identifier: MIT
"""example.py - reads a user, changes her preference and reads her again: example.py ADDRESS"""
import sys

from freshet_rpc import Channel
from users.v1.users_freshet import UsersClient
from users.v1.users_pb2 import GetUserRequest, UpdatePreferenceRequest, User


def show(user: User) -> None:
    print(f"{user.name}: {user.preference}")


with Channel(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:7001") as channel:
    users = UsersClient(channel)
    get = GetUserRequest(id="user-123")
    update = UpdatePreferenceRequest(id="user-123", preference="light_mode")
    show(users.get_user(get, timeout=10))
    show(users.update_preference(update, timeout=10))
    show(users.get_user(get, timeout=10))
