"""Users as the directory tells them: list, delta, one user, profile photo; the organization; empty groups and sites."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.calls import Answer, Call, Routes, directory_scope, the_user
from sandbox.tenant.state import User, stamp

routes = Routes()
READ = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All", "User.ReadBasic.All")


@routes("GET", "/users", *READ, scope=directory_scope)
async def list_users(call: Call) -> Answer:
    return Answer(200, {"value": [whole_user(u) for u in call.tenant.users.values()]})


@routes("GET", "/users/{user}", *READ, scope=directory_scope)
async def get_user(call: Call, user: str) -> Answer:
    return Answer(200, whole_user(the_user(call, user)))


def whole_user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "userPrincipalName": user.upn,
        "displayName": user.display_name,
        "createdDateTime": stamp(user.created_at),
    }
