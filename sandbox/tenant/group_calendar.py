"""A group's calendar over Graph, as far as an app gets: a view of it, its delta, single events with their attachments.
The list of its events, and new ones, are for people who are signed in (Graph permission map)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from sandbox.tenant.calendar_access import READ
from sandbox.tenant.calls import Answer, Call, Routes
from sandbox.tenant.conversations import FOR_PEOPLE, for_people
from sandbox.tenant.event_attachments import get_attachment, get_bytes, list_attachments
from sandbox.tenant.event_delta import delta_events
from sandbox.tenant.events import LIST_QUERY, VIEW_QUERY, get_event, list_instances, list_view
from sandbox.tenant.group_settings import group_mailbox
from sandbox.tenant.groups import the_group

routes = Routes()
on = partial(routes, scope=group_mailbox)
READ_ONE, READ_BYTES = READ[:2], ("Calendars.Read",)


def of_group(act: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
    """The same act for the mailbox of a group."""

    async def for_group(call: Call, group: str, **params: Any) -> Answer:
        return await act(call, the_group(call, group).id, **params)

    return for_group


on("GET", "/groups/{group}/calendarView", *READ, query=VIEW_QUERY)(of_group(list_view))
for base in ("/groups/{group}", "/groups/{group}/calendar"):
    one = base + "/events/{event}"
    on("GET", base + "/events/delta", *READ, query=None)(of_group(delta_events))
    on("GET", one, *READ_ONE, query=("$select", "$expand"))(of_group(get_event))
    on("GET", one + "/instances", *READ_ONE, query=VIEW_QUERY)(of_group(list_instances))
    on("GET", one + "/attachments", *READ_BYTES, query=("$select", "$expand", "$top", "$skip", "$count"))(
        of_group(list_attachments)
    )
    on("GET", one + "/attachments/{attachment}", *READ_BYTES, query=("$select", "$expand"))(of_group(get_attachment))
    on("GET", one + "/attachments/{attachment}/$value", *READ_BYTES)(of_group(get_bytes))
    on("GET", base + "/events", *FOR_PEOPLE, query=LIST_QUERY)(for_people)
    on("POST", base + "/events", *FOR_PEOPLE)(for_people)
