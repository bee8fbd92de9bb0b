"""Every path the tenant knows, gathered from its workloads."""

from __future__ import annotations

from sandbox.tenant import (
    attachments,
    calendars,
    contacts,
    directory,
    drives,
    event_attachments,
    event_delta,
    events,
    mail_folders,
    messages,
    photos,
)
from sandbox.tenant.calls import Routes

WORKLOADS = (
    directory, mail_folders, messages, attachments, contacts, photos, drives, calendars, events, event_delta,
    event_attachments,
)  # fmt: skip


def all_routes() -> Routes:
    routes = Routes()
    for module in WORKLOADS:
        routes.include(module.routes)
    return routes
