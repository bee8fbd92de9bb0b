"""What a restore gave back against the truth, field by field; each difference with its reason, "" when there is none.

Both sides are dumps of the simulated tenant: they hold what Microsoft 365 held, not what we think we kept. A difference
is explained only by a line of REASONS, whose words the kinds declare as what a restore can't give back. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.reasons import EXTRA, MISSING, RECOVERED, reason_for
from sandbox.tenant.mailbox import WELL_KNOWN

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """`field` is "(missing)" for an item that is not there, "(extra)" for one that nobody asked for."""

    kind: str
    where: str
    field: str
    before: Any
    after: Any
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of one owner at one place."""

    title: str
    kind: str
    items: int
    differences: tuple[Difference, ...]

    @property
    def unexplained(self) -> list[Difference]:
        return [d for d in self.differences if not d.reason]

    @property
    def missing(self) -> int:
        """Items that are not there, for whatever reason; folders that became one with another are no items."""
        return sum(1 for d in self.differences if d.field == MISSING and not (d.before or {}).get("merged"))


@dataclass(slots=True)
class Folder:
    """A folder of either side, in one shape. `names`: those under which its counterpart is right."""

    names: tuple[str, ...]
    items: list[Json]
    folders: list[Folder]
    facts: Json

    @property
    def name(self) -> str:
        return self.names[0]


# --- mail and contacts: trees of folders with items


def compare_mail(title: str, truth: Json, now: Json, folder: str = "") -> Comparison:
    """`folder`: the name of the folder it was restored into; "" for its own place."""
    expected = _mail_tree(truth, original=not folder)
    actual = _mail_tree(now, original=True)
    return compare_trees(title, "mail", expected, _below(actual, folder), _message_key, "messages")


def compare_contacts(title: str, truth: Json, now: Json, folder: str = "") -> Comparison:
    own = _contact_folder(truth, original=not folder)
    above = _contact_folder(now, original=True)
    if folder:
        beside = _below(above, folder, beside=True)
        return compare_trees(title, "contacts", _around(own), beside, _contact_key, "contacts")
    return compare_trees(title, "contacts", _around(own), _around(above), _contact_key, "contacts")


def _mail_tree(dump: Json, *, original: bool) -> Folder:
    folders = [_mail_folder(f, original=original) for f in dump["folders"]]
    if dump["recoverable"] and not any(f.name == RECOVERED for f in folders):
        # they can't be written back to where they were; the live ones of "now" are never looked at
        folders.append(Folder((RECOVERED,), dump["recoverable"], [], {}))
    return Folder(("",), [], folders, {})


def _mail_folder(folder: Json, *, original: bool) -> Folder:
    names = (folder["name"],) if original else WELL_KNOWN.get(folder["name"], (folder["name"],))
    below = [_mail_folder(f, original=original) for f in folder["folders"]]
    return Folder(names, folder["messages"], below, {"hidden": folder["hidden"]})


def _contact_folder(folder: Json, *, original: bool, top: bool = True) -> Folder:
    names = ("Contacts", "Kontakte") if top and not original else (folder["name"],)
    below = [_contact_folder(f, original=original, top=False) for f in folder["folders"]]
    return Folder(names, folder["contacts"], below, {})


def _around(folder: Folder) -> Folder:
    return Folder(("",), [], [folder], {})


def _below(tree: Folder, name: str, *, beside: bool = False) -> Folder:
    """The folder of that name at the top, as if it were all; an empty one when it is not there."""
    if not name:
        return tree
    at = tree.folders
    return next((Folder(("",), f.items, f.folders, {}) for f in at if name in f.names), Folder(("",), [], [], {}))


def compare_trees(
    title: str, kind: str, expected: Folder, actual: Folder, key: Callable[[Json], Any], noun: str
) -> Comparison:
    items, doubles = _count(expected), list[Difference]()
    expected = _merged(kind, expected, "", doubles)
    return Comparison(title, kind, items, (*doubles, *_folders(kind, expected, actual, key, "")))


def _merged(kind: str, folder: Folder, path: str, doubles: list[Difference]) -> Folder:
    """Siblings of one name, whatever its case, as the one folder that the service lets anyone make of them."""
    found: dict[str, Folder] = {}
    for child in folder.folders:
        first = found.get(child.name.casefold())
        if first is None:
            found[child.name.casefold()] = child
            continue
        doubles.append(
            _told(Difference(kind, f"{path}/{child.name}", MISSING, {"folder": child.name, "merged": 1}, None))
        )
        both = Folder(first.names, first.items + child.items, first.folders + child.folders, first.facts)
        found[child.name.casefold()] = both
    below = [_merged(kind, child, f"{path}/{child.name}", doubles) for child in found.values()]
    return Folder(folder.names, folder.items, below, folder.facts)


def _count(folder: Folder) -> int:
    return len(folder.items) + sum(map(_count, folder.folders))


def _folders(
    kind: str, expected: Folder, actual: Folder, key: Callable[[Json], Any], path: str
) -> Iterator[Difference]:
    yield from _items(kind, expected, actual, key, path)
    left = list(actual.folders)
    for folder in expected.folders:
        here = f"{path}/{folder.name}"
        twin = _twin(folder, left)
        if twin is None:
            if folder.items or folder.folders or not _made_by_service(folder):
                yield _told(Difference(kind, here, MISSING, {"folder": folder.name}, None))
                yield from _folders(kind, folder, Folder(folder.names, [], [], {}), key, here)
            continue
        left.remove(twin)
        for name, value in folder.facts.items():
            if twin.facts.get(name, value) != value:
                yield _told(Difference(kind, here, name, value, twin.facts[name]))
        yield from _folders(kind, folder, twin, key, here)
    for folder in left:
        if not _made_by_service(folder) or _count(folder):
            yield _told(
                Difference(kind, f"{path}/{folder.name}", EXTRA, None, {"folder": folder.name, "items": _count(folder)})
            )


def _made_by_service(folder: Folder) -> bool:
    return bool(set(folder.names) & WELL_KNOWN.keys())


def _twin(folder: Folder, others: Sequence[Folder]) -> Folder | None:
    """Of several folders of one name (clients make them) the one that holds the most of the same."""
    names = {name.casefold() for name in folder.names}
    same = [f for f in others if names & {name.casefold() for name in f.names}]
    return min(same, key=lambda f: abs(_count(f) - _count(folder)), default=None)


def _items(kind: str, expected: Folder, actual: Folder, key: Callable[[Json], Any], path: str) -> Iterator[Difference]:
    left: dict[Any, list[Json]] = defaultdict(list)
    for item in actual.items:
        left[key(item)].append(item)
    unmatched = []
    for item in expected.items:
        twins = left[key(item)]
        if not twins:
            unmatched.append(item)
            continue
        twin = min(twins, key=lambda t: len(_fields(item, t)))
        twins.remove(twin)
        yield from _differing(kind, item, twin, path)
    rest = [item for items in left.values() for item in items]
    for item in unmatched:  # what identifies it may be what changed: the nearest of what is left
        near = [(len(_fields(item, t)), n) for n, t in enumerate(rest)]
        best = min(near, default=None)
        if best is not None and best[0] <= MOST_FIELDS:
            yield from _differing(kind, item, rest.pop(best[1]), path)
        else:
            yield _told(Difference(kind, _where(path, item), MISSING, item, None))
    for item in rest:
        yield _told(Difference(kind, _where(path, item), EXTRA, None, item))


MOST_FIELDS = 8  # that may differ between an item and the one that is taken for it


def _fields(before: Json, after: Json) -> list[str]:
    return [n for n in sorted({*before, *after}) if before.get(n) != after.get(n)]


def _differing(kind: str, before: Json, after: Json, path: str) -> Iterator[Difference]:
    for name in _fields(before, after):
        d = Difference(kind, _where(path, before), name, before.get(name), after.get(name))
        yield _told(d, before)


def _told(d: Difference, item: Mapping[str, Any] | None = None, into: str = "") -> Difference:
    reason = reason_for(d.kind, d.field, d.before, d.after, {**(item or {}), "where": d.where, "into": into})
    return Difference(d.kind, d.where, d.field, d.before, d.after, reason)


def _where(path: str, item: Json) -> str:
    names = ("subject", "title", "displayName", "internetMessageId")
    name = next((item[n] for n in names if item.get(n)), "(no name)")
    return f"{path}/{name}"


def _message_key(message: Json) -> Any:
    return message["internetMessageId"] or (message["subject"], str(message["body"])[:200])


def _contact_key(contact: Json) -> Any:
    return contact.get("displayName"), str(contact.get("emailAddresses"))


# --- files: a flat picture of paths


def compare_files(title: str, truth: Json, now: Json, folder: str = "", *, into: str = "") -> Comparison:
    """`into`: the principal name of whoever was given the files."""
    prefix = f"{folder}/" if folder else ""
    there = {path.removeprefix(prefix): item for path, item in now.items() if path.startswith(prefix)}
    differences: list[Difference] = []
    for path, item in truth.items():
        twin = there.pop(path, None)
        if twin is None:
            differences.append(_told(Difference("files", path, MISSING, item, None)))
            continue
        for name in _fields(item, twin):
            differences.append(_told(Difference("files", path, name, item.get(name), twin.get(name)), item, into))
    differences += [_told(Difference("files", path, EXTRA, None, item), item) for path, item in there.items()]
    return Comparison(title, "files", len(truth), tuple(differences))
