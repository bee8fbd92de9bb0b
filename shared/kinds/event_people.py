"""Who was invited to a meeting, what they answered and where it met online: as text, for Graph takes none of it back
without telling everybody. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Literal

from shared.model import Json

KeepPeople = Literal["body", "attachment", "none"]
CHOICES: tuple[KeepPeople, ...] = ("body", "attachment", "none")
FILE_NAME = "Meeting (kept by Holdfast).txt"
TITLE = "Kept by Holdfast: this was a meeting. Nobody was invited again."
RULE = "-" * 40
WHERE: dict[KeepPeople, str] = {
    "body": "at the end of its text",
    "attachment": "in a text file attached to it",
    "none": "only in the kept record",
}
ANSWERS = {
    "accepted": "accepted",
    "tentativelyAccepted": "accepted tentatively",
    "declined": "declined",
    "organizer": "organizer",
}
ROLES = {"required": "Required", "optional": "Optional", "resource": "Room or resource"}


def losses(event: Json, keep: KeepPeople) -> list[str]:
    """What is told of an event and of its exceptions."""
    told = []
    if _people(event):
        told.append(f"organizer, attendees and their answers: nobody is invited again, they stand {WHERE[keep]}")
    if _link(event):
        told.append(f"the online meeting: no new one is made, its link stands {WHERE[keep]}")
    return told


def text(event: Json) -> str:
    """The block as plain text, "" for an event that was nobody else's business."""
    found = list(_lines(event))
    return "\n".join([RULE, TITLE, *found, RULE]) if found else ""


def with_people(body: Json, event: Json) -> Json:
    """The event's body with the block at its end."""
    found = list(_lines(event))
    if not found:
        return body
    content = str(body.get("content") or "")
    if str(body.get("contentType") or "").lower() == "text":
        return {**body, "content": f"{content}\n\n{text(event)}\n".lstrip("\n")}
    block = "".join(f"<br>{escape(line)}" for line in found)
    block = f'<div id="holdfast-meeting"><hr><p><b>{escape(TITLE)}</b>{block}</p><hr></div>'
    end = list(re.finditer(r"</body\s*>", content, re.IGNORECASE))
    at = end[-1].start() if end else len(content)
    return {**body, "contentType": body.get("contentType") or "html", "content": content[:at] + block + content[at:]}


def _lines(event: Json) -> Iterator[str]:
    if _people(event):
        if organizer := _who(event.get("organizer")):
            yield f"Organizer: {organizer}"
        for attendee in event.get("attendees") or ():
            role = ROLES.get(str(attendee.get("type")), "Attendee")
            answer = ANSWERS.get(str((attendee.get("status") or {}).get("response")), "no answer")
            yield f"{role}: {_who(attendee)} ({answer})"
        own = ANSWERS.get(str((event.get("responseStatus") or {}).get("response")))
        if own and own != "organizer":
            yield f"Own answer: {own}"
        if event.get("isCancelled"):
            yield "It was cancelled by its organizer."
    if link := _link(event):
        yield f"Online meeting: {link}"
    online = event.get("onlineMeeting") or {}
    numbers = [online.get("tollNumber"), *(online.get("tollFreeNumbers") or ())]
    numbers += [p.get("number") for p in online.get("phones") or ()]
    if dial := ", ".join(str(n) for n in numbers if n):
        yield f"By phone: {dial}"
    if online.get("conferenceId"):
        yield f"Conference id: {online['conferenceId']}"


def _people(event: Json) -> bool:
    return bool(event.get("attendees")) or event.get("isOrganizer") is False


def _link(event: Json) -> str:
    return str((event.get("onlineMeeting") or {}).get("joinUrl") or event.get("onlineMeetingUrl") or "")


def _who(recipient: Json | None) -> str:
    address = (recipient or {}).get("emailAddress") or {}
    name, mail = str(address.get("name") or ""), str(address.get("address") or "")
    return f"{name} <{mail}>" if name and mail and name != mail else name or mail
