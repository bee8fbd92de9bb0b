"""What Graph says of a site's lists and of what lies in them, read into Seen and Gone.

The cursor of a list carries, beside the service's link, where the list lies and which of its columns name people or
rows of other lists: read once for a round, needed for each item of it.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from shared.errors import CursorExpired
from shared.graph.steps import Steps, get, segment, together
from shared.kinds import whole
from shared.kinds.kind import common
from shared.kinds.lists_fields import BUILT_IN, MARK
from shared.kinds.site_answers import digest, listed, rest, well
from shared.model import Change, Cursor, Feed, Gone, Json, Listing, Owner, Seen

TREE = "lists"
WHAT = "lists"
SELECT = (
    "id,name,displayName,description,createdDateTime,createdBy,lastModifiedDateTime,lastModifiedBy,eTag,webUrl,list"
)
PER_PAGE = 200
FOLDER = "0x0120"  # how the content types of folders begin (SharePoint docs: base content type hierarchy)
# where a site collection writes down whom it knows; person columns hold ids of this list
PEOPLE = "User%20Information%20List"
KNOWN_BY = "$expand=fields($select=Title,EMail,Name,UserName)"
KEPT_PEOPLE, KEPT_FOLDER = "o365:People", "o365:Folder"


def top_of(owner: Owner) -> str:
    return f"{owner.path}/lists"


def path_of(owner: Owner, list_id: str) -> str:
    return f"{top_of(owner)}/{segment(list_id)}"


# --- the lists of a site


def tree(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """All lists on every run. A full listing reads their columns too: that a list's own mark changes with each of its
    columns is seen, not promised."""
    first = get(f"{top_of(feed.owner)}?$select={SELECT}", units=2, batchable=False)
    reply = well((yield first), feed.owner, WHAT)
    found = [one for one in (yield from rest(first, reply, feed.owner, WHAT)) if not is_library(one)]
    if cursor is not None:
        return whole.listing(feed, [seen_list(one) for one in found], cursor)
    columns = [get(f"{path_of(feed.owner, one['id'])}/columns", units=2) for one in found]
    replies = (yield together(*columns)).parts if columns else ()
    told = [digest(_stable(r.values)) if r.ok else "" for r in replies]
    return whole.listing(feed, [seen_list(one, c) for one, c in zip(found, told, strict=True)], None)


def is_library(one: Json) -> bool:
    """Libraries are drives, and the site's pages a kind of their own."""
    return str((one.get("list") or {}).get("template") or "").lower().endswith("library")


def seen_list(one: Json, columns: str = "") -> Seen:
    name = str(one.get("displayName") or one.get("name") or "")
    facts = digest(one.get("eTag"), name, one.get("description"), one.get("list"))
    record = common({k: v for k, v in one.items() if not k.startswith("@")}, type="list", name=name)
    return Seen(one["id"], record, f"{facts}{columns and '/' + columns}", name=name, folderish=True)


def same_state(seen: str, kept: str) -> bool:
    """Two tags of one list: the part about columns is known after a full listing only."""
    (a, _, columns), (b, _, before) = seen.partition("/"), kept.partition("/")
    return a == b and (not columns or not before or columns == before)


def _stable(columns: Iterable[Json]) -> list[Json]:
    return sorted((c for c in columns if c.get("name") != MARK), key=lambda c: str(c.get("name")))


# --- the items of a list


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor of a list taken apart. `full`: the round lists everything."""

    url: str
    web_url: str
    people: frozenset[str] = frozenset()  # columns that hold one person's id
    rows: frozenset[str] = frozenset()  # columns that hold a row's id of another list
    full: bool = False

    def write(self) -> Cursor:
        told = {"u": self.url, "w": self.web_url, "p": sorted(self.people), "r": sorted(self.rows), "f": self.full}
        return jsonlib.dumps(told, separators=(",", ":"))


def _read(cursor: Cursor) -> Place:
    told = jsonlib.loads(cursor)
    return Place(told["u"], told["w"], frozenset(told["p"]), frozenset(told["r"]), bool(told["f"]))


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    if cursor is None:
        place = yield from _about(feed, f"{feed.path}/items/delta?$expand=fields&$top={PER_PAGE}")
    else:
        place = _read(cursor)
    reply = yield get(place.url, units=2 if cursor is None else 1, batchable=False)
    body = well(reply, feed.owner, f"list {feed.id}", resuming=cursor is not None).json
    entries = _latest(e for e in body["value"] if "id" in e)
    odd = any("id" not in e for e in body["value"])  # an error among the items (msgraph-sdk-typescript issue 544)
    if odd and not place.full:
        raise CursorExpired(f"{feed.owner.path} list {feed.id}: an answer holds an error instead of an item")
    if any(unknown_columns(e, place) for e in entries):
        place = replace((yield from _about(feed, place.url)), full=place.full)
    more = str(body.get("@odata.nextLink") or "")
    url = more or str(body["@odata.deltaLink"])
    people = yield from _met(feed, entries, place) if place.full else _nobody()
    told = tuple(_change(feed, entry, place, people) for entry in entries)
    return Listing(told, replace(place, url=url, full=place.full and bool(more)).write(), not more, whole=not odd)


def _nobody() -> Steps[Mapping[str, Json]]:
    yield from ()
    return {}


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(f"{feed.path}/items/{segment(number_of(item_id))}?$expand=fields", units=1)
    if not reply.found:
        return None
    entry = well(reply, feed.owner, f"list {feed.id}").json
    place = yield from _about(feed, "")
    return seen_item(feed, entry, place)


def _about(feed: Feed, url: str) -> Steps[Place]:
    """Where the list lies and what its columns point at (Graph docs: list-get, which shows `expand=columns`)."""
    reply = yield get(f"{feed.path}?$select=id,webUrl&$expand=columns", units=1, batchable=False)
    told = well(reply, feed.owner, f"list {feed.id}").json
    columns = [c for c in told.get("columns") or () if c.get("name") not in BUILT_IN]
    people = frozenset(str(c["name"]) for c in columns if "personOrGroup" in c)
    rows = frozenset(str(c["name"]) for c in columns if "lookup" in c)
    return Place(url, str(told.get("webUrl") or ""), people, rows, full=True)


def unknown_columns(entry: Json, place: Place) -> list[str]:
    """Columns that point somewhere and came after the round began."""
    names = (n.removesuffix("LookupId") for n in entry.get("fields") or () if n.endswith("LookupId"))
    return [n for n in names if n not in BUILT_IN | place.people | place.rows]


def _latest(entries: Iterable[Json]) -> list[Json]:
    """Each item once, as told last (Graph docs: listitem-delta)."""
    by_id: dict[str, Json] = {}
    for entry in entries:
        by_id.pop(entry["id"], None)
        by_id[entry["id"]] = entry
    return list(by_id.values())


def _change(feed: Feed, entry: Json, place: Place, people: Mapping[str, Json]) -> Change:
    if "deleted" in entry:
        return Gone(item_id(feed, entry))
    seen = seen_item(feed, entry, place)
    met = {name: people[id] for name, id in asked(seen.record).items() if id in people}
    return replace(seen, record=with_people(seen.record, met)) if met else seen


def seen_item(feed: Feed, entry: Json, place: Place) -> Seen:
    fields = {k: v for k, v in (entry.get("fields") or {}).items() if not k.startswith("@") and k != MARK}
    kind = "listFolder" if is_folder(entry) else "listItem"
    folder, leaf = folder_of(str(entry.get("webUrl") or ""), place.web_url)
    name = str(fields.get("Title") or (leaf if kind == "listFolder" else "") or entry["id"])
    bare = {k: v for k, v in entry.items() if not k.startswith("@") and not k.startswith("fields")}
    record = common(bare, type=kind, name=name)
    if "fields" in entry:
        record["fields"] = fields
    if folder:
        record[KEPT_FOLDER] = folder
    if kind == "listFolder":
        record["o365:Leaf"] = leaf
    waiting = {n: str(fields[f"{n}LookupId"]) for n in sorted(place.people) if fields.get(f"{n}LookupId")}
    if waiting:
        record[_ASKED] = waiting
    return Seen(
        item_id(feed, entry), record, digest(entry.get("eTag"), folder), folder=feed.id, name=name,
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )  # fmt: skip


def item_id(feed: Feed, entry: Json) -> str:
    """Rows are counted list by list; ours are told apart within the site."""
    return f"{feed.id}.{entry['id']}"


def number_of(item_id: str) -> str:
    return item_id.rpartition(".")[2]


def is_folder(entry: Json) -> bool:
    return str((entry.get("contentType") or {}).get("id") or "").startswith(FOLDER)


def folder_of(web_url: str, list_url: str) -> tuple[str, str]:
    """The folder below the list's root, and the last piece of the address: `.../Lists/Board/2025/7_.000`. That an item
    tells its folder by its address alone is all there is: its parent is told by an id that no listing shows."""
    path, top = (unquote(urlsplit(url).path).strip("/") for url in (web_url, list_url))
    if not top or not path.lower().startswith(f"{top.lower()}/"):
        return "", path.rpartition("/")[2]
    folder, _, leaf = path[len(top) + 1 :].rpartition("/")
    return folder, leaf


# --- people


_ASKED = "holdfast:people"  # of a listing's entry: who has still to be looked up; never kept


def asked(record: Json) -> dict[str, str]:
    """Column -> id in the site's list of people, of those that the listing shows by id alone."""
    found = record.get(_ASKED)
    return found if isinstance(found, dict) else {}


def with_people(record: Json, people: Mapping[str, Json]) -> Json:
    """The record with who is meant, as far as that was found."""
    left = {name: id for name, id in asked(record).items() if name not in people}
    out = {k: v for k, v in record.items() if k != _ASKED} | ({_ASKED: left} if left else {})
    return out | ({KEPT_PEOPLE: {**record.get(KEPT_PEOPLE, {}), **people}} if people else {})


def without_questions(record: Json) -> Json:
    return {k: v for k, v in record.items() if k != _ASKED}


def _met(feed: Feed, entries: Sequence[Json], place: Place) -> Steps[Mapping[str, Json]]:
    """Each person of a page once: a page of a thousand rows names a dozen."""
    ids = {str((e.get("fields") or {}).get(f"{n}LookupId") or "") for e in entries for n in place.people}
    return (yield from people_of(feed.owner, sorted(ids - {""})))


def people_of(owner: Owner, ids: Sequence[str]) -> Steps[Mapping[str, Json]]:
    """Who the site means by these ids; who is not on its list any more is left out."""
    if not ids:
        return {}
    steps = [get(f"{top_of(owner)}/{PEOPLE}/items/{segment(id)}?{KNOWN_BY}", units=1) for id in ids]
    replies = (yield together(*steps)).parts
    return {id: _person(r.json.get("fields") or {}) for id, r in zip(ids, replies, strict=True) if r.ok}


def _person(fields: Json) -> Json:
    return {
        "displayName": str(fields.get("Title") or ""),
        "email": str(fields.get("EMail") or ""),
        "loginName": str(fields.get("Name") or fields.get("UserName") or ""),
    }


@dataclass(frozen=True, slots=True)
class Definition:
    """What a list is made of, as it is kept."""

    columns: list[Json] = field(default_factory=list)
    content_types: list[Json] = field(default_factory=list)
    looked_up: dict[str, str] = field(default_factory=dict)  # list id -> its title


def definition(owner: Owner, list_id: str) -> Steps[Definition]:
    path = path_of(owner, list_id)
    columns = yield from listed(get(f"{path}/columns", units=2), owner, f"list {list_id}")
    types = yield from listed(get(f"{path}/contentTypes", units=2), owner, f"list {list_id}")
    targets = sorted({str(c["lookup"].get("listId")) for c in columns if (c.get("lookup") or {}).get("listId")})
    names = (yield together(*(get(f"{path_of(owner, t)}?$select=displayName", units=1) for t in targets))).parts \
        if targets else ()  # fmt: skip
    looked_up = {t: str(r.json["displayName"]) for t, r in zip(targets, names, strict=True) if r.ok}
    return Definition([c for c in columns if c.get("name") != MARK], types, looked_up)
