"""The pre-authenticated hosts: drive bytes come from one, upload sessions of drives and mail go to the other."""

from __future__ import annotations

from aiohttp import web

from sandbox.tenant import drives
from sandbox.tenant.calls import Answer
from sandbox.tenant.state import Tenant


async def download_door(request: web.Request, tenant: Tenant) -> web.StreamResponse | Answer:
    return await drives.download_door(request, tenant)


async def upload_door(request: web.Request, tenant: Tenant) -> web.StreamResponse | Answer:
    if request.path.startswith("/drive/"):
        return await drives.upload_door(request, tenant)
    return Answer(404)
