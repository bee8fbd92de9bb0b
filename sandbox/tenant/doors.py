"""The pre-authenticated hosts: drive bytes come from one, upload sessions and imports go to the other."""

from __future__ import annotations

from aiohttp import web

from sandbox.tenant import drives
from sandbox.tenant.calls import Answer
from sandbox.tenant.mail_uploads import mail_door
from sandbox.tenant.state import Tenant
from sandbox.tenant.transfer_door import import_door

download_door = drives.download_door


async def upload_door(request: web.Request, tenant: Tenant) -> web.StreamResponse | Answer:
    if request.path.startswith("/mail/"):
        return await mail_door(request, tenant)
    if request.path.startswith("/import/"):
        return await import_door(request, tenant)
    return await drives.upload_door(request, tenant)
