"""The unavoidable differences of calendars, tasks, rules and settings after a restore. Pure; see reasons.py."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.reason import EXTRA, MISSING, Json, Reason, cleaned, mark_and_unknown_gone, merged, only_the_mark

BIRTHDAYS = ("other/birthdays", "other/Birthdays (restored)")
OURS = "Holdfast"
_END = re.compile(r"(</body>)?(</html>)?\s*\Z", re.IGNORECASE)
_SENDING = ("forwardTo", "forwardAsAttachmentTo", "redirectTo")


def nobody(before: Any, after: Any, _item: Json) -> bool:
    return bool(before) and after == []


def written_below(before: Any, after: Any, _item: Json) -> bool:
    """All of the text is there, and what the restore wrote is at its end."""
    start = _END.sub("", cleaned_text(before["content"]))
    return bool(after["content"].startswith(start) and "holdfast-meeting" in after["content"][len(start) :])


def cleaned_text(text: str) -> str:
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)


def own_appointment(before: Any, after: Any, item: Json) -> bool:
    return bool(item.get("organizer") and not after)


def same_moment(before: Any, after: Any, _item: Json) -> bool:
    return bool(before["utc"] == after["utc"] and before["zone"].startswith("tzone:"))


def same_series(before: Any, after: Any, _item: Json) -> bool:
    def without_zone(pattern: Json) -> Json:
        return {**pattern, "range": {**pattern["range"], "recurrenceTimeZone": ""}}

    made_up = str(before["range"]["recurrenceTimeZone"]).startswith("tzone:")
    return made_up and without_zone(before) == without_zone(after)


def items_as_files(before: Any, after: Any, _item: Json) -> bool:
    """Every file is there; each attached item may be a file of its name; links are not."""
    files = [one for one in before if one["kind"] == "file"]
    left = [one for one in after if one not in files]
    names = [one["name"] for one in before if one["kind"] == "item"]
    there = sorted(one["name"].rpartition(".")[0] for one in left)
    return all(one in after for one in files) and there == sorted(names)


def of_birthdays(before: Any, after: Any, item: Json) -> bool:
    return str(item["where"]).startswith(tuple(f"/{name}" for name in BIRTHDAYS))


def only_our_link(before: Any, after: Any, _item: Json) -> bool:
    return bool(before == [link for link in after if link.get("applicationName") != OURS])


def of_flagged_mail(before: Any, after: Any, item: Json) -> bool:
    return str(item["where"]).startswith("/flaggedEmails/") and len(before) == len(after) == 1


def no_day(before: Any, after: Any, item: Json) -> bool:
    return before is None and bool(after) and item.get("status") == "completed"


def sends(_before: Any, after: Any, item: Json) -> bool:
    return after is False and any(item["actions"].get(name) for name in _SENDING)


def was_broken(_before: Any, after: Any, item: Json) -> bool:
    return after is False and bool(item["readOnly"] or item["error"])


def folder_is_gone(_before: Any, after: Any, item: Json) -> bool:
    return None in item["actions"].values() and (after is False or None not in after.values())


def switched_off(before: Any, after: Any, _item: Json) -> bool:
    """Nothing but the state and control characters differs."""

    def alike(one: Json) -> list[tuple[str, str]]:
        return [(name, cleaned_text(str(value))) for name, value in sorted(one.items()) if name != "status"]

    return after["status"] == "disabled" and alike(before) == alike(after)


def _events() -> Iterable[Reason]:
    nobody_again, online = "nobody is invited again", "an online meeting is not made again"
    yield Reason("events", "extended", "the restore's own mark, so that no event is ever made twice", only_the_mark)
    yield Reason("events", "extended", "properties that Graph's JSON does not show", mark_and_unknown_gone,
                 "properties that Graph's JSON")
    yield Reason("events", "attendees", "nobody is invited again", nobody, nobody_again)
    yield Reason("events", "body", "who was invited is written at the end of the text", written_below, nobody_again)
    for name in ("organizer", "isCancelled"):
        yield Reason("events", name, "somebody else's meeting is an own appointment now", own_appointment,
                     "a meeting that somebody else organized")
    for name in ("isOnlineMeeting", "onlineMeetingProvider"):
        yield Reason("events", name, "an online meeting is not made again", lambda b, a, i: bool(b), online)
    for name in ("start", "end"):
        yield Reason("events", name, "a made-up time zone: the same moment in a common one", same_moment, "time zones")
    yield Reason("events", "recurrence", "a made-up time zone: the same series in a common one", same_series,
                 "time zones")
    yield Reason("events", "attachments", "attached items are files, links to the cloud are gone", items_as_files,
                 "attached events, contacts")
    for name in ("subject", "body"):
        yield Reason("events", name, "control characters: a new event is refused with them", cleaned,
                     "control characters")
    yield Reason("events", MISSING, "calendars of one name beside each other come back as one", merged, "calendars of")
    for name in (MISSING, EXTRA):
        yield Reason("events", name, "birthdays come back as a calendar of their own", of_birthdays, "birthdays")


REASONS: tuple[Reason, ...] = (
    *_events(),
    Reason("tasks", "links", "a link by which a repeated restore finds the task", only_our_link, "a restored task"),
    Reason("tasks", "links", "flagged mail has other ids: its list mirrors the flags", of_flagged_mail,
           "tasks of the list of flagged"),
    Reason("tasks", "completedDateTime", "a completed task that told no day of it", no_day, "a completed task"),
    Reason("tasks", "title", "control characters: a new task is refused with them", cleaned, "control characters"),
    Reason("tasks", MISSING, "lists of one name beside each other come back as one", merged, "lists of one name"),
    Reason("rules", "isEnabled", "a rule that sends mail away is left switched off", sends, "IT SENDS MAIL AWAY"),
    Reason("rules", "isEnabled", "a rule that was read-only or in error is left switched off", was_broken,
           "a rule that was read-only"),
    Reason("rules", "isEnabled", "a rule whose folder is gone is left switched off", folder_is_gone,
           "a rule whose folder"),
    Reason("rules", "actions", "a rule whose folder is gone lacks that action", folder_is_gone, "a rule whose folder"),
    Reason("rules", "readOnly", "a rule that was read-only is an ordinary one", was_broken,
           "a rule that was read-only"),
    Reason("rules", "error", "a rule that was in error is left switched off", was_broken, "a rule that was read-only"),
    Reason("settings", "automaticRepliesSetting", "automatic replies are switched off: nobody is answered",
           switched_off, "automatic replies"),
)  # fmt: skip
