"""One list item on its way back: found by its mark or created, then completed. What it looks up comes in a second walk.

A mark is `<list>/<item>@<restore>`: the same item of the same restore is found by all of it, what an earlier restore
made of it by its beginning, and what another item looks up by the two together.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from dataclasses import dataclass

from shared.graph.steps import Reply, Steps, delete, foretold, get, odata_string, patch, post, segment, together
from shared.kinds.kind import Into
from shared.kinds.lists_attachments import FILES, attach, has_files
from shared.kinds.lists_fields import MARK, Types, Values, references, values_of
from shared.kinds.lists_folders import REFUSED, Below, as_form, find_folder, make_folder
from shared.kinds.lists_listing import KEPT_PEOPLE, PEOPLE, number_of, path_of, top_of
from shared.kinds.lists_places import WRITE
from shared.kinds.people import counterparts, person_of
from shared.kinds.site_answers import well
from shared.model import Json, Kept, Mode, Person, Restored

NO_LIST = "an item goes back into a list of its own: order the list, or the original place"


@dataclass(frozen=True, slots=True)
class Job:
    kept: Kept
    into: Into
    mark: str
    mode: Mode

    @property
    def types(self) -> Types:
        return self.told("types")

    def values(self, *, rows: bool) -> Values:
        """What the item is written with: in the first walk all but rows of other lists, in the second those alone."""
        record, later = self.kept.record, self.told("looks")
        fields = record.get("fields") or {}
        mine = {k: v for k, v in fields.items() if (k in later or k.removesuffix("LookupId") in later) == rows}
        return values_of({**record, "fields": mine}, self.types, record.get(KEPT_PEOPLE) or {})

    def kind_of(self, record: Json) -> tuple[str, list[str]]:
        """The id of its content type here ("": the list's own), and what is lost of it."""
        name = str((record.get("contentType") or {}).get("name") or "")
        known = self.told("kinds")
        if name in known or not name:
            return (known[name] if name and next(iter(known)) != name else ""), []
        return "", [f"its content type {name!r}: the list has none of that name"]

    def told(self, fact: str) -> dict[str, str]:
        found: dict[str, str] = jsonlib.loads(self.into.facts.get(fact) or "{}")
        return found

    @property
    def restore(self) -> str:
        """The name of this restore: what comes before the version in a mark."""
        return self.mark.rpartition(".")[0]

    def named(self, list_id: str, item_id: str) -> str:
        return f"{list_id}/{item_id}@{self.restore}"

    @property
    def own(self) -> str:
        return self.named(self.kept.version.feed_id, self.number)

    @property
    def number(self) -> str:
        """The item's id in the list it was kept from."""
        return number_of(self.kept.version.item_id)

    def listed_as(self, item: Json) -> str:
        """The id under which a listing shows an item of the target list."""
        return f"{self.into.folder_id}.{item['id']}"

    @property
    def at_home(self) -> bool:
        """It goes back to the very list that it came from."""
        return self.kept.version.owner == self.into.owner and self.into.folder_id == self.kept.version.feed_id


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    record = kept.record
    if not into.folder_id:
        return Restored("skipped", note=NO_LIST)
    if record.get("o365:Type") == "listFolder":
        return (yield from make_folder(record, into))
    job = Job(kept, into, mark, mode)
    there = yield from _there(job)
    begun = next((one for one in there if _mark_of(one) == job.own), None)
    twin = next((one for one in there if one is not begun), None)
    if twin is not None and begun is None and mode == "skip":
        return Restored("skipped", job.listed_as(twin), note="the item is in the list")
    values = job.values(rows=False)
    body, losses = yield from _body(job, values)
    fresh = begun is None and not (mode == "replace" and twin is not None and job.at_home)
    below, lost = (yield from find_folder(record, into)) if fresh else (None, [])
    losses = [*foreseen(record), *lost, *job.kind_of(record)[1], *values.losses, *losses]
    yield foretold(losses)
    if begun is not None:
        if not _same(body, begun):
            yield from _patched(job, begun, body)
        losses += yield from attach(kept, into, str(begun["id"]), begun)
        return Restored("completed", job.listed_as(begun), tuple(losses))
    if mode == "replace" and twin is not None and job.at_home and str(twin["id"]) == job.number:
        yield from _patched(job, twin, {**_cleared(twin, body, job.types), **body})  # its history has what was there
        losses += yield from attach(kept, into, str(twin["id"]), twin)
        return Restored("replaced", job.listed_as(twin), tuple(losses))
    made, lost = yield from _created(job, body, below)
    losses += lost
    losses += yield from attach(kept, into, str(made["id"]), made)
    if mode == "replace" and twin is not None:  # created first, removed after: too much is repairable
        gone = yield delete(f"{into.path}/items/{segment(str(twin['id']))}", units=2)
        losses += [] if gone.ok or not gone.found else ["the item it replaces could not be removed"]
        return Restored("replaced", job.listed_as(made), tuple(losses))
    return Restored("created", job.listed_as(made), tuple(losses))


def foreseen(record: Json) -> list[str]:
    """What no restore gives back, as far as the record tells."""
    return [NO_ATTACHMENTS] if has_files(record) and FILES not in record else []


NO_ATTACHMENTS = "its attachments: they were not kept"


# --- what is there


def _there(job: Job) -> Steps[list[Json]]:
    """What any restore made of this item, and the item itself where it came from."""
    beginning = job.own.partition("@")[0] + "@"
    found = yield from _marked(job, job.into.path, f"startswith(fields/{MARK},{odata_string(beginning)})")
    if job.at_home and job.mode != "create":
        own = yield get(f"{job.into.path}/items/{segment(job.number)}?$expand=fields", units=1)
        if own.found and not any(one["id"] == job.number for one in found):
            found.append(_readable(job, own).json)
    return sorted(found, key=lambda one: (one["id"] != job.number or not job.at_home, int(one["id"])))


def _marked(job: Job, path: str, clause: str) -> Steps[list[Json]]:
    reply = yield get(f"{path}/items?$expand=fields&$filter={clause}&$top=100", headers=RISKY, units=2)
    return list(_readable(job, reply).values)


# asked by a column that could not get its index as well (Graph answers so when it is missing: pnpjs issue 3149)
RISKY = {"Prefer": "HonorNonIndexedQueriesWarningMayFailRandomly"}


def _readable(job: Job, reply: Reply) -> Reply:
    return well(reply, job.into.owner, f"list {job.into.folder_id}", grant=WRITE)


def _mark_of(item: Json) -> str:
    return str((item.get("fields") or {}).get(MARK) or "")


# --- what it is written with


def _body(job: Job, values: Values) -> Steps[tuple[Json, list[str]]]:
    body: Json = {**values.plain, MARK: job.own}
    losses: list[str] = []
    for name, people in values.people.items():
        ids, lost = yield from _people(job, people)
        losses += [f"{len(lost)} of the people in column {name!r}: {why}" for why in sorted(set(lost))]
        if ids:
            body |= references(name, job.types[name], ids)
    return body, losses


def _people(job: Job, people: Sequence[Json]) -> Steps[tuple[list[str], list[str]]]:
    """Their ids on the target site's list of people; Graph adds nobody to it."""
    known = [person_of({"siteUser": _told(one)}) for one in people]
    here = yield from counterparts([one for one in known if one is not None])
    ids: list[str] = []
    lost: list[str] = []
    for person in known:
        target = here.get(person) if person else None
        if target is None:
            lost.append("nobody stands for them here")
            continue
        id = yield from _id_of(job, target)
        if id:
            ids.append(id)
        else:
            lost.append("the site does not know them yet")
    return ids, lost


def _told(one: Json) -> Json:
    return {"loginName": one.get("loginName"), "email": one.get("email") or one.get("Email")}


def _id_of(job: Job, person: Person) -> Steps[str]:
    name, value = ("EMail", person.mail) if person.mail else ("UserName", person.upn)
    query = f"$expand=fields($select=EMail,UserName)&$filter=fields/{name}%20eq%20{odata_string(value)}"
    reply = yield get(f"{top_of(job.into.owner)}/{PEOPLE}/items?{query}", headers=RISKY, units=2)
    return str(reply.values[0]["id"]) if reply.ok and reply.values else ""


def _same(body: Json, item: Json) -> bool:
    """Whether the item has these values already; several people or rows are shown as objects."""
    fields = item.get("fields") or {}
    for name, value in body.items():
        shown = fields.get(name)
        if name.endswith("LookupId") and isinstance(value, list):
            shown = [one.get("LookupId") for one in fields.get(name.removesuffix("LookupId")) or ()]
        if "@" not in name and shown != value:
            return False
    return True


def _cleared(item: Json, body: Json, types: Types) -> Json:
    """Values that came after the kept version are taken away."""
    fields = item.get("fields") or {}
    later = [n for n, code in types.items() if code[0] in "tTnbdsm" and n in fields and n not in body]
    return dict.fromkeys(later)


# --- written


def _created(job: Job, body: Json, below: Below | None) -> Steps[tuple[Json, list[str]]]:
    if below is not None:
        number = yield from below.add(as_form(body))
        if number:  # with its mark, so that what dies here is found and completed
            item: Json = {"id": number, "fields": {"Attachments": False}}
            yield from _patched(job, item, body)
            return item, []
    lost = [REFUSED] if below is not None else []
    return (yield from _at_top(job, body)), lost


def _at_top(job: Job, body: Json) -> Steps[Json]:
    new: Json = {"fields": body}
    if kind := job.kind_of(job.kept.record)[0]:
        new["contentType"] = {"id": kind}
    reply = yield post(f"{job.into.path}/items", new, units=2)
    return _readable(job, reply).json


def _patched(job: Job, item: Json, body: Json) -> Steps[None]:
    reply = yield patch(f"{job.into.path}/items/{segment(str(item['id']))}/fields", body, units=2)
    _readable(job, reply).json  # noqa: B018 - raises what was refused


# --- the second walk: what items look up


def settle(kept: Kept, into: Into, mark: str) -> Steps[tuple[str, ...]]:
    """Point the restored item at the rows that its kept one pointed at; what could not be."""
    record, job = kept.record, Job(kept, into, mark, "create")
    values = job.values(rows=True)
    if record.get("o365:Type") != "listItem" or not (values.rows or values.losses):
        return ()
    there = yield from _marked(job, into.path, f"fields/{MARK}%20eq%20{odata_string(job.own)}")
    if not there:
        return ()  # it was not given back
    columns = job.told("looks")
    losses = list(values.losses)
    body: Json = {}
    for name, ids in values.rows.items():
        found = yield from _rows(job, columns.get(name, ""), ids)
        if len(found) < len(ids):
            losses.append(f"column {name!r}: {len(ids) - len(found)} of the rows it pointed at are not there")
        if found:
            body |= references(name, job.types[name], found)
    for item in there[:1]:
        if body and not _same(body, item):
            yield from _patched(job, item, body)
    return tuple(losses)


def _rows(job: Job, old_list: str, ids: Sequence[str]) -> Steps[list[str]]:
    """What stands for rows of that list: what this restore made of them, else they themselves where they still are,
    else what an earlier restore made."""
    target = job.told("lists").get(old_list)
    if target is None:
        return []
    path = path_of(job.into.owner, target)
    begins = [odata_string(f"{old_list}/{id}@") for id in ids]
    fields = f"$select=id&$expand=fields($select={MARK})"
    steps = [
        get(f"{path}/items?{fields}&$filter=startswith(fields/{MARK},{b})", headers=RISKY, units=2) for b in begins
    ]
    if target == old_list:
        steps += [get(f"{path}/items/{segment(id)}?$select=id", units=1) for id in ids]
    replies = (yield together(*steps)).parts
    found: list[str] = []
    for n, id in enumerate(ids):
        made = replies[n].values if replies[n].ok else []
        ours = [one for one in made if _mark_of(one) == job.named(old_list, id)]
        if not ours and target == old_list and replies[len(ids) + n].ok:
            found.append(id)
        elif made:
            found.append(str((ours or made)[-1]["id"]))
    return found
