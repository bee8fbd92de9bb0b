"""The unavoidable differences of groups, teams, plans and sites after a restore. Pure; see reasons.py."""

from __future__ import annotations

from typing import Any

from sandbox.reason import EXTRA, MISSING, Json, Reason

REWRITTEN = (".docx", ".xlsx", ".pptx")


def set_free(before: Any, after: Any, _item: Json) -> bool:
    return bool(after == f"{before} (restored)")


def of_messages(_before: Any, after: Any, _item: Json) -> bool:
    """Made by the restore of messages, which is another order."""
    return str(after.get("displayName")).startswith("Restored - ")


def nobody_yet(before: Any, after: Any, _item: Json) -> bool:
    return bool(before) and not after


def of_somebody_else(before: Any, after: Any, item: Json) -> bool:
    return "@" not in str(item.get("by"))


def event_or_deleted(before: Any, _after: Any, _item: Json) -> bool:
    return bool(before.get("deleted")) or before.get("type") != "message"


def office(_before: Any, _after: Any, item: Json) -> bool:
    return str(item["where"]).lower().endswith(REWRITTEN)


REASONS: tuple[Reason, ...] = (
    Reason("teams", "displayName", "a deleted channel's name stays taken for 30 days", set_free, "a deleted channel's"),
    Reason("teams", EXTRA, "a channel of messages that are given back", of_messages),
    Reason("planner", "assigned", "nobody is assigned again: Planner would write to them", nobody_yet, "assignments"),
    Reason("channels", "by", "its author has left: an owner of the team speaks", of_somebody_else, "a message of a"),
    Reason("channels", "text", "its author has left: the name stands before the words", of_somebody_else,
           "a message of a"),
    Reason("channels", MISSING, "the service's own events, and what was deleted before", event_or_deleted,
           "events of the system"),
    *(Reason("files", name, "an Office file that the library rewrites on upload", office, "the bytes of Office files")
      for name in ("sha256", "size")),
)  # fmt: skip
