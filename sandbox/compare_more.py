"""Calendars, tasks, rules, settings and profiles against the truth: in one shape with mail and contacts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.compare import Comparison, Folder, Json, compare_trees


def compare_events(title: str, truth: Sequence[Json], now: Sequence[Json]) -> Comparison:
    return compare_trees(title, "events", _calendars(truth), _calendars(now), _event_key, "events")


def compare_tasks(title: str, truth: Sequence[Json], now: Sequence[Json]) -> Comparison:
    return compare_trees(title, "tasks", _lists(truth), _lists(now), lambda task: task["title"], "tasks")


def compare_rules(title: str, truth: Json, now: Json) -> Comparison:
    both = (Folder(("",), [*side["rules"]], [], {}) for side in (truth, now))
    return compare_trees(title, "rules", *both, lambda rule: rule["displayName"], "rules")


def compare_settings(title: str, truth: Json, now: Json) -> Comparison:
    both = _settings(truth), _settings(now)
    return compare_trees(title, "settings", *both, lambda one: one["displayName"], "settings")


def compare_profile(title: str, truth: Json, now: Json) -> Comparison:
    """Of a whole person: the profile lies beside the rest."""
    return compare_trees(title, "profile", _profile(truth), _profile(now), lambda _: "profile", "profile")


def _calendars(calendars: Sequence[Json]) -> Folder:
    """One that somebody else shares is kept with its owner."""
    mine = [c for c in calendars if not c["shared"]]
    return _around([Folder((f"{c['group']}/{c['name']}",), c["events"], [], {"color": c["color"]}) for c in mine])


def _lists(lists: Sequence[Json]) -> Folder:
    return _around([Folder((one["name"],), one["tasks"], [], {"extensions": one["extensions"]}) for one in lists])


def _settings(configuration: Json) -> Folder:
    """The mailbox's settings, each member one of the item's; categories and overrides, by name."""
    items = [
        {"displayName": "Mailbox settings", **configuration["settings"]},
        {"displayName": "Categories", **dict(configuration["categories"])},
        {"displayName": "Overrides", **dict(configuration["overrides"])},
    ]
    return Folder(("",), items, [], {})


def _profile(person: Json) -> Folder:
    return Folder(("",), [{"displayName": "Profile", **person["profile"], "photo": person["photo"]}], [], {})


def _around(folders: list[Folder]) -> Folder:
    return Folder(("",), [], folders, {})


def _event_key(event: Json) -> Any:
    return event["subject"], event["start"]["utc"]
