"""Where list items go back to: the counterpart of a kept list, found by its name or created, with its columns."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence

from shared.errors import Misconfigured, OwnerMissing
from shared.graph.steps import Refused, Reply, Steps, delete, get, post
from shared.kinds.kind import Into
from shared.kinds.lists_fields import BUILT_IN, MARK, types_of
from shared.kinds.lists_listing import FOLDER, SELECT, WHAT, path_of, top_of
from shared.kinds.site_answers import listed, well
from shared.model import Json, Kept, Owner, Place

WRITE, MANAGE = "Sites.ReadWrite.All", "Sites.Manage.All"
COLUMNS, CONTENT_TYPES, LOOKED_UP = "o365:Columns", "o365:ContentTypes", "o365:LookedUp"
MADE = "Made by a restore of Holdfast, which finds its items by this column. It may be deleted when all is well."
FACETS = (
    "boolean", "calculated", "choice", "currency", "dateTime", "geolocation", "hyperlinkOrPicture", "lookup", "number",
    "personOrGroup", "term", "text", "thumbnail",
)  # fmt: skip
DEFINING = (
    "columnGroup", "defaultValue", "description", "displayName", "enforceUniqueValues", "hidden", "indexed", "name",
    "required", "validation",
)  # fmt: skip
SETTLING = "settling"  # of an Into: the second walk, when all lists and their rows are there


def root(place: Place) -> Steps[Into]:
    """The site's lists. Lists lie in nothing, so for a folder they come back as `<folder>/<list>`."""
    yield from ()
    return Into(place.owner, top_of(place.owner), "", {} if place.original else {"below": place.folder})


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """`facts` of an Into here: `list`, `types` (see lists_fields), `lists` (old list id -> new one, of those that are
    looked up), `looks` (column -> old list id), `kinds` (content type -> its id here), `settle`: whether its items are
    looked at once more; `losses` by lines.
    """
    record, owner = kept.record, into.owner
    title = str(record.get("displayName") or kept.version.name)
    below = into.facts.get("below")
    wanted = f"{below}/{title}" if below else title
    lists = yield from _lists(owner)
    found = named(lists, wanted, kept.version.item_id if not below else "")
    losses: list[str] = []
    if found is None:
        found = yield from _created(owner, wanted, record, losses)
    path = path_of(owner, found["id"])
    columns = yield from listed(get(f"{path}/columns", units=2), owner, f"list {found['id']}", grant=WRITE)
    ours = _is_ours(columns)
    settling = bool(into.facts.get(SETTLING))
    targets = _targets(record, lists, into, kept)
    if ours:
        missing = _missing(record, columns, lookups=settling)
        columns = [*columns, *(yield from _add_columns(path, owner, missing, targets, losses))]
        if not settling:
            yield from _add_content_types(path, owner, record, losses)
    if not any(c.get("name") == MARK for c in columns):
        yield from _marked(path, owner, "")
    facts = {k: v for k, v in into.facts.items() if k != "losses"}
    facts["url"] = str(found.get("webUrl") or "")
    facts |= {"list": found["id"], "types": jsonlib.dumps(types_of(columns)), "lists": jsonlib.dumps(targets)}
    looks = _looked_up(record)
    kinds = yield from listed(get(f"{path}/contentTypes", units=2), owner, "content types", grant=WRITE)
    facts["kinds"] = jsonlib.dumps({str(one.get("name")): str(one["id"]) for one in kinds})
    facts |= {"looks": jsonlib.dumps(looks), "settle": "yes" if looks else ""}
    return Into(owner, path, found["id"], facts | {"losses": "\n".join(dict.fromkeys(losses))})


def remove(into: Into) -> Steps[None]:
    """Delete a list that a restore made, by the column that says so. No page of the docs has this request; Microsoft's
    own clients do (Graph PowerShell SDK: Remove-MgSiteList), and it takes what making columns takes."""
    path, what = path_of(into.owner, into.folder_id), f"list {into.folder_id}"
    try:
        columns = yield from listed(get(f"{path}/columns", units=2), into.owner, what, grant=WRITE)
    except OwnerMissing:
        return  # it is gone
    if not _is_ours(columns):
        raise Misconfigured(f"{into.owner.key} {what}: it does not bear the column of a list that a restore made")
    reply = yield delete(path, units=2)
    if reply.found and not reply.ok:
        raise Refused(well(reply, into.owner, what, grant=MANAGE))


def _is_ours(columns: Sequence[Json]) -> bool:
    return any(c.get("name") == MARK and c.get("description") == MADE for c in columns)


def named(lists: Sequence[Json], title: str, same: str = "") -> Json | None:
    """The list of that title; titles compare without case, and a site has each once."""
    found = [one for one in lists if str(one.get("displayName", "")).casefold() == title.casefold()]
    return next((one for one in found if one["id"] == same), found[0] if found else None)


def _lists(owner: Owner) -> Steps[list[Json]]:
    return (yield from listed(get(f"{top_of(owner)}?$select={SELECT}", units=2), owner, WHAT, grant=WRITE))


def _created(owner: Owner, title: str, record: Json, losses: list[str]) -> Steps[Json]:
    """The list with the column that marks it as ours, in one request: what dies after it is found and completed."""
    facet: Json = record.get("list") or {}
    template = str(facet.get("template") or "genericList")
    info: Json = {"template": template}
    info |= {n: True for n in ("hidden", "contentTypesEnabled") if facet.get(n)}
    body: Json = {"displayName": title, "list": info, "columns": [mark_column(MADE)]}
    if record.get("description"):
        body["description"] = record["description"]
    reply = yield post(top_of(owner), body, units=2)
    if reply.status == 400 and template != "genericList":
        losses.append(f"the list's template {template!r}: it comes back as a plain list")
        reply = yield post(top_of(owner), {**body, "list": {**info, "template": "genericList"}}, units=2)
    if reply.status == 409:  # an answer that was lost, or a list that is hidden from listings
        found = named((yield from _lists(owner)), title)
        if found is not None:
            return found
    return well(reply, owner, "new list", grant=f"{WRITE} and {MANAGE}").json


def mark_column(description: str) -> Json:
    """Indexed: else a list of more than 5,000 rows can't be searched by it (SharePoint limits: list view threshold)."""
    return {"name": MARK, "displayName": "Holdfast", "description": description, "text": {}, "indexed": True}


def _marked(path: str, owner: Owner, description: str) -> Steps[None]:
    """A list that people made gets the column and nothing else."""
    reply = yield post(f"{path}/columns", mark_column(description), units=2)
    if reply.status == 400:  # no room for another index, or too many rows for a new one (SharePoint limits)
        reply = yield post(f"{path}/columns", {**mark_column(description), "indexed": False}, units=2)
    if reply.status != 409:
        well(reply, owner, "list columns", grant=MANAGE).json  # noqa: B018 - raises what was refused


# --- columns


def _looked_up(record: Json) -> dict[str, str]:
    """Column -> the list that it looked up."""
    columns = [c for c in record.get(COLUMNS) or () if "lookup" in c and c.get("name") not in BUILT_IN]
    return {str(c["name"]): str(c["lookup"].get("listId") or "") for c in columns}


def _missing(record: Json, there: Sequence[Json], *, lookups: bool) -> list[Json]:
    """Kept columns that the list lacks. Lookups wait until every list is there; calculated ones come last."""
    known = {str(c.get("name", "")).casefold() for c in there}
    shown = {str(c.get("displayName")) for c in there}
    out = []
    for column in record.get(COLUMNS) or ():
        name = str(column.get("name") or "")
        beside = column.get("hidden") and str(column.get("displayName")).endswith("_0")  # comes with its term column
        own = column.get("isDeletable") is False or name in BUILT_IN or name == MARK or beside
        if own or name.casefold() in known or column.get("isSealed") or ("lookup" in column) != lookups:
            continue
        if column.get("readOnly") and "calculated" not in column:
            continue
        out.append(column if column.get("displayName") not in shown else {**column, "displayName": name})
    return sorted(out, key=lambda c: "calculated" in c)


def _targets(record: Json, lists: Sequence[Json], into: Into, kept: Kept) -> dict[str, str]:
    """Which list stands for each that is looked up: by its title, below the same folder first."""
    below, known = into.facts.get("below"), {one["id"] for one in lists}
    found: dict[str, str] = {}
    for old, title in (record.get(LOOKED_UP) or {}).items():
        there = named(lists, f"{below}/{title}") if below else None
        here = {"id": old} if old in known and kept.version.owner == into.owner else named(lists, str(title))
        if (target := there or here) is not None:
            found[old] = str(target["id"])
    return found


def _add_columns(
    path: str, owner: Owner, missing: Sequence[Json], targets: dict[str, str], losses: list[str]
) -> Steps[list[Json]]:
    made: list[Json] = []
    for column in missing:
        body = as_new(column, targets)
        if body is None:
            losses.append(f"column {column['name']!r}: the list that it looks up is not there")
            continue
        reply = yield post(f"{path}/columns", body, units=2)
        if reply.status == 409:
            continue  # a twin, or we before an answer was lost; the next look at the list shows it
        if reply.status == 400 and "term" in column:
            losses.append(f"column {column['name']!r}: its term set is not told, it comes back as text")
            reply = yield post(f"{path}/columns", _plain_text(column, body), units=2)
        if reply.status == 403:
            well(reply, owner, "list columns", grant=MANAGE)
        if reply.ok:
            made.append(reply.json)
        else:
            losses.append(f"column {column['name']!r}: {refusal(reply)}")
    if made and any("term" in c for c in made):  # the note that takes the terms comes beside it, unannounced
        return list((yield from listed(get(f"{path}/columns", units=2), owner, "list columns", grant=MANAGE)))
    return made


def as_new(column: Json, targets: dict[str, str]) -> Json | None:
    """The body that creates the column; None when what it looks up has no counterpart."""
    body: Json = {n: column[n] for n in DEFINING if column.get(n) not in (None, "", False, {})}
    for facet in FACETS:
        if facet in column:
            body[facet] = {k: v for k, v in column[facet].items() if v is not None and "@" not in k}
    if "lookup" in body:
        target = targets.get(str(body["lookup"].get("listId")))
        if target is None or body["lookup"].get("primaryLookupColumnId"):
            return None
        body["lookup"]["listId"] = target
    return body


def _plain_text(column: Json, body: Json) -> Json:
    return {k: v for k, v in body.items() if k != "term"} | {
        "text": {"allowMultipleLines": True} if column["term"].get("allowMultipleValues") else {}
    }


def refusal(reply: Reply) -> str:
    return f"Graph answered {reply.status} {reply.code}".strip()


# --- content types


def _add_content_types(path: str, owner: Owner, record: Json, losses: list[str]) -> Steps[None]:
    """Those that the site has too are put on the list (Graph docs: contenttype-addcopy); none is made on the site."""
    kept = [one for one in record.get(CONTENT_TYPES) or () if not str(one.get("id", "")).startswith(FOLDER)]
    if len(kept) < 2:  # a plain list has one of its own
        return
    there = yield from listed(get(f"{path}/contentTypes", units=2), owner, "content types", grant=WRITE)
    names = {str(one.get("name")) for one in there}
    missing = [one for one in kept if one.get("name") not in names]
    if not missing:
        return
    step = get(f"{owner.path}/contentTypes", units=2)
    known = {str(one.get("name")): one for one in (yield from listed(step, owner, "content types", grant=WRITE))}
    for one in missing:
        source = known.get(str(one.get("name")))
        if source is None:
            losses.append(f"content type {one.get('name')!r}: the site has none of that name")
            continue
        reply = yield post(f"{path}/contentTypes/addCopy", {"contentType": str(source["id"])}, units=2)
        if not reply.ok and reply.status != 409:
            losses.append(f"content type {one.get('name')!r}: {refusal(reply)}")
