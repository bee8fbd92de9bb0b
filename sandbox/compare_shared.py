"""Groups, teams, plans and sites against the truth: in one shape with what people have of their own. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.compare import Comparison, Folder, Json, compare_files, compare_trees

Shape = Callable[[Json, str], Folder]


def compare_shared(kind: str, title: str, truth: Json, now: Json, name: str, folder: str) -> Comparison:
    """`name`: the group's or site's own, without its domain; `folder`: in front of the names of new channels."""
    if kind == "files":
        return compare_files(title, _library(truth, name), _library(now, name))
    if kind == "channels":
        before = f"{folder} - " if folder else ""
        new = [(n.removeprefix(before), t) for n, t in _talks(now, name) if n.startswith(before)]
        return compare_trees(title, kind, _by_channel(_talks(truth, name)), _by_channel(new), _said, "messages")
    shape, key = SHAPES[kind]
    return compare_trees(title, kind, shape(truth, name), shape(now, name), key, kind)


def _library(dump: Json, site: str) -> Json:
    """All libraries of a site, each as a folder."""
    libraries: Json = next(found for url, found in dump["libraries"].items() if url.endswith(f"/{site}"))
    return {f"{library}/{path}": item for library, items in libraries.items() for path, item in items.items()}


def _group(dump: Json, group: str) -> Folder:
    return _around([], dump["groups"][group])


def _plans(dump: Json, group: str) -> Folder:
    mine = {name: plan for name, plan in dump["planner"].items() if name.startswith(f"{group}/")}
    return _around([_folder(name, plan["tasks"], plan, "tasks") for name, plan in mine.items()])


def _team(dump: Json, group: str) -> Folder:
    """Its settings are one item, each channel without its messages another."""
    team = dump["teams"][group]
    own = {name: value for name, value in team.items() if name != "channels"}
    channels = [{"displayName": name, **_without(c, "messages")} for name, c in team["channels"].items()]
    return _around([], {"displayName": "The team", **own}, *channels)


def _talks(dump: Json, group: str) -> list[tuple[str, list[Json]]]:
    channels = dump["teams"][group]["channels"].items()
    return [(name, channel["messages"]) for name, channel in channels if channel["messages"]]


def _by_channel(talks: list[tuple[str, list[Json]]]) -> Folder:
    return _around([Folder((name,), messages, [], {}) for name, messages in talks])


def _lists(dump: Json, site: str) -> Folder:
    return _around([_folder(name, map(_row, own["items"]), own, "items") for name, own in dump["lists"][site].items()])


def _row(item: Json) -> Json:
    return {"title": item["values"].get("Title"), **_without(item, "values"), **item["values"]}


def _pages(dump: Json, site: str) -> Folder:
    pages = [{"displayName": p["page"]["name"], **p["page"], **_without(p, "page")} for p in dump["pages"][site]]
    return _around([], *pages)


def _folder(name: str, items: Any, facts: Json, without: str) -> Folder:
    return Folder((name,), [*items], [], _without(facts, without))


def _around(folders: list[Folder], *items: Json) -> Folder:
    return Folder(("",), [*items], folders, {})


def _without(value: Json, *names: str) -> Json:
    return {name: one for name, one in value.items() if name not in names}


def _named(item: Json) -> Any:
    return item["displayName"]


def _titled(item: Json) -> Any:
    return item["title"]


def _said(message: Json) -> Any:
    return message["at"]


SHAPES: dict[str, tuple[Shape, Callable[[Json], Any]]] = {
    "groups": (_group, _named),
    "teams": (_team, _named),
    "planner": (_plans, _titled),
    "lists": (_lists, _titled),
    "pages": (_pages, _named),
}
