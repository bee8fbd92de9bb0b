"""Every path the tenant knows, gathered from its workloads."""

from __future__ import annotations

from sandbox.tenant import attachments, contacts, directory, drives, mail_folders, messages, photos
from sandbox.tenant.calls import Routes

WORKLOADS = (directory, mail_folders, messages, attachments, contacts, photos, drives)


def all_routes() -> Routes:
    routes = Routes()
    for module in WORKLOADS:
        routes.include(module.routes)
    return routes
